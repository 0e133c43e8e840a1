"""The canonical form of an address, and what its form alone tells: a list, an article, a date.  No I/O.

Canonical is what never changes which page is meant: RFC 3986 §6.2.2 and §6.2.3 (case, escapes, dot segments, default
ports), and no tracking or session parameters. Parameters keep their order and trailing slashes stay, because servers do
tell them apart. What a site's own addresses have besides that (www., http) is folded by its profile: `fold`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit, urlunsplit

from w3lib.url import safe_url_string

PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp)$", re.IGNORECASE)
DOCUMENT = re.compile(r"\.(?:pdf|docx?|xlsx?|pptx?|rtf|od[tsp])$", re.IGNORECASE)
HEAVY = re.compile(r"\.(?:mp4|avi|mov|mkv|webm|mp3|wav|ogg|zip|rar|7z|tar|gz|exe|apk|iso|dmg|msi)$", re.IGNORECASE)

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# An escape right after a stray "%" stays: decoding it could make another escape out of the two.
_ESCAPE = re.compile(r"(?<!%)(?<!%[0-9A-Fa-f])%([0-9A-Fa-f]{2})")

# Parameters that tell the site where a reader came from and never which page is meant. Names that are used for both
# (ref, source, from, campaign, id) are not here. After the documentation of the tools that set them.
_TRACKING = re.compile(
    r"(?:utm_\w+|mtm_\w+|hsa_\w+|_hs(?:enc|mi|fp|tc)|__hs\w+"
    r"|(?:pk|piwik)_(?:campaign|kwd|keyword|source|medium|content|cid)"
    r"|(?:fb|g|d|y|ys|tw|tt)clid|msclkid|gclsrc|gbraid|wbraid|srsltid|igsh(?:id)?|mibextid|li_fat_id|epik"
    r"|fb_(?:action_ids|action_types|source|ref)|_openstat|_ga|_gl|ga_(?:source|medium|campaign|content|term|place)"
    r"|mc_(?:cid|eid|tc)|ml_subscriber(?:_hash)?|mkt_tok|vero_(?:id|conv)|oly_(?:anon|enc)_id|_ke"
    r"|wt_z?mc|wt_cc\d|wtrid|at_(?:medium|campaign|custom\d+|link(?:_\w+)?|ptr_name|bbc_team)|xtor|cmpid|s_cid|sc_cid"
    r"|__twitter_impression|_branch_match_id|doing_wp_cron|fbrefresh)(?:=|$)",
    re.IGNORECASE,
)
# PHP-Nuke's articles are `?sid=123`, WordPress's search is `?s=words`: those names count with a token only.
_TOKEN = r"(?=[0-9]*[a-z])(?=[a-z]*[0-9])[0-9a-z]{16,128}"
_SESSION = re.compile(
    r"(?:(?:php|j|asp)session_?id[a-z]*|phpsessid|aspsessionid[a-z]*|zenid|oscsid|xtcsid|modsid|cftoken)(?:=|$)"
    rf"|(?:sid|sess_?id|session_?id|ssid)={_TOKEN}$|s=[0-9a-f]{{32}}$",
    re.IGNORECASE,
)
_COLDFUSION = re.compile(r"cfid=\d+$", re.IGNORECASE)  # goes together with cftoken, and only then
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid|cfid|cftoken)=[^/;]*", re.IGNORECASE)


# Most links of a page stand on every page of its site: 7 ms for a page of 126 links without this memory, 0.8 with it.
@lru_cache(maxsize=8192)
def canonical(absolute: str) -> str | None:
    """The one form of an absolute address; None for what is not http or cannot be an address."""
    if not absolute.lower().startswith(("http://", "https://")):
        return None
    try:
        parts = urlsplit(safe_url_string(absolute))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if ":" in host:
        host = f"[{host}]"
    elif not _HOST.fullmatch(host):
        return None
    scheme = parts.scheme.lower()
    if port == 0:
        return None
    if port and str(port) != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    path = _without_dots(_PATH_SESSION.sub("", _normalise_escapes(parts.path)))
    return urlunsplit((scheme, host, path or "/", _meaningful(_normalise_escapes(parts.query)), ""))


def _normalise_escapes(part: str) -> str:
    """Escapes of letters, digits and -._~ undone, the others in upper case; the bytes they stand for are the same."""
    return _ESCAPE.sub(_normal_escape, part) if "%" in part else part


def _normal_escape(escape: re.Match[str]) -> str:
    char = chr(int(escape[1], 16))
    return char if char.isascii() and (char.isalnum() or char in "-._~") else escape[0].upper()


def _meaningful(query: str) -> str:
    """A query less its tracking and session parameters.

    Filtered piece by piece, the rest verbatim: a query in windows-1254 would not survive being read and written.
    """
    if not query:
        return ""
    pieces = query.split("&")
    if "cftoken=" in query.lower():
        pieces = [piece for piece in pieces if not _COLDFUSION.match(piece)]
    return "&".join(piece for piece in pieces if not _TRACKING.match(piece) and not _SESSION.match(piece))


def _without_dots(path: str) -> str:
    """A path with its `.` and `..` resolved, as a browser sends it (RFC 3986 §5.2.4)."""
    if "/." not in path:
        return path
    kept = list[str]()
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def fold(url: str, origin: str) -> str:
    """A canonical URL under the site's origin, when it is one of the site's: with or without www., http or https."""
    if url.startswith(f"{origin}/"):
        return url
    parts, home = urlsplit(url), urlsplit(origin)
    if _site_of(parts.scheme, parts.netloc) != _site_of(home.scheme, home.netloc):
        return url
    return urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))


def is_slash_redirect(url: str, target: str) -> bool:
    """Whether a redirect leads to the same page but for a trailing slash, the scheme or www.; both URLs canonical."""
    one, other = urlsplit(url), urlsplit(target)
    return (
        url != target
        and _site_of(one.scheme, one.netloc) == _site_of(other.scheme, other.netloc)
        and one.path.removesuffix("/") == other.path.removesuffix("/")
        and one.query == other.query
    )


def _site_of(scheme: str, netloc: str) -> tuple[str, str]:
    """Host without www., and port; the default ports of http and https are one."""
    host, colon, port = netloc.lower().rpartition(":")
    if not colon or port.endswith("]"):
        host, port = netloc.lower(), ""
    return fold_host(host), "" if port == _DEFAULT_PORTS.get(scheme, "") else port


def fold_host(netloc: str) -> str:
    """A host, with its port, as it is without www. and in lower case."""
    return netloc.lower().removeprefix("www.")


# ---------------------------------------------------------------- what the form tells

_SECTION = "category|categories|kategori|kategoriler|kategoriya|rubrika|rubric|рубрика|категория|санат"
_LABEL = "tags?|etiket|etiketler|тег|тэг|authors?|yazar|yazarlar|автор"
_LISTING = re.compile(
    rf"^/(?:[a-z]{{2}}/)?$|/(?:{_SECTION})(?:/[^/.]+){{0,3}}/?$|/(?:{_LABEL})(?:/[^/.]+)?/?$|/(?:page|sayfa)/\d+/?$",
    re.IGNORECASE,
)
_LISTING_QUERY = re.compile(r"(?:^|&)(?:paged|page|sayfa|cat|category_name|tag|author)=", re.IGNORECASE)
_ARTICLE_QUERY = re.compile(r"(?:^|&)(?:p|id|nid|sid|(?:haber|news|article|post)_?id)=\d", re.IGNORECASE)
_ARTICLE = re.compile(
    r"/\d{4}/\d{1,2}/(?:\d{1,2}/)?[^/]*[^\d/][^/]*/?$"  # a date and a name
    r"|/[^/-]+(?:-[^/-]+){2,}/?$"  # three words
    r"|/[^/]*\d{3,}(?:\.s?html?)?/?$|/[^/]+\.s?html?$",  # a number, or a file
    re.IGNORECASE,
)
_YEAR = re.compile(r"/(?:19|20)\d\d/?$")


def looks_like_listing(url: str) -> bool:
    """Whether a canonical URL has a well-known form of lists: sections, tags, authors, further pages, date archives."""
    parts = urlsplit(url)
    if _ARTICLE_QUERY.search(parts.query):
        return False
    path = unquote(parts.path) if "%" in parts.path else parts.path
    return bool(
        _LISTING_QUERY.search(parts.query)
        or (_LISTING.search(path) and not parts.query)
        or _YEAR.fullmatch(path)
        or months_of(url)
    )


def looks_like_article(url: str) -> bool:
    """Whether a canonical URL has a well-known form of articles, and none of lists: a date and a name, a number."""
    if looks_like_listing(url):
        return False
    parts = urlsplit(url)
    return bool(_ARTICLE_QUERY.search(parts.query) or _ARTICLE.search(parts.path))


# A number alone is more often an article's than a year, and /2050/2/ the second page of article 2050: without a word
# for calendars in front, a month has two digits or a day behind it, and a year alone is none.
_CENTURIES = r"(?P<year>(?:1[89]|2\d)\d\d)"
_PATH_DATES = (
    re.compile(rf"/(?:takvim|calendar|kalender|kalendar|календарь|күнтізбе)(?:/[a-z]{{1,12}})?/{_CENTURIES}/?$"),
    re.compile(r"/(?:takvim|calendar|kalender|kalendar|календарь|күнтізбе)/(?P<year>\d{1,4})[/-](?P<month>\d\d?)/?$"),
    re.compile(rf"/(?:etkinlik|etkinlikler|events?)(?:/[a-z]{{1,12}})?/{_CENTURIES}[/-](?P<month>\d\d?)/?$"),
    re.compile(rf"/{_CENTURIES}/(?P<month>0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/?$"),
    re.compile(rf"/{_CENTURIES}[/-](?P<month>0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?/?$"),
    re.compile(rf"/(?:0[1-9]|[12]\d|3[01])-(?P<month>0[1-9]|1[0-2])-{_CENTURIES}/?$"),
)
_QUERY_DATES = (
    re.compile(r"^[^=]*=(?P<year>\d{4})-(?P<month>0?[1-9]|1[0-2])(?:-\d\d?)?$"),
    re.compile(r"^[^=]*=\d\d?[.-](?P<month>0?[1-9]|1[0-2])[.-](?P<year>\d{4})$"),
    re.compile(r"^m=(?P<year>\d{4})(?P<month>0[1-9]|1[0-2])?(?:\d\d)?$"),
    re.compile(r"^(?:yil|year|jahr|god|jyl)=(?P<year>\d{1,4})$", re.IGNORECASE),
)
_FURTHER = re.compile(r"/(?:[2-9]|[1-9]\d)/?|/?[?&](?:page|sayfa)=\d{1,2}")
_QUERY_MONTH = re.compile(r"^(?:ay|month|monthnum|mon|monat|mesyac)=0?([1-9]|1[0-2])$", re.IGNORECASE)
_QUERY_DAY = re.compile(r"^(?:gun|day|tag|den)=\d\d?$", re.IGNORECASE)
_DIGIT = re.compile(r"\d")


def is_further_page(url: str, first: str) -> bool:
    """Whether a URL is page 2 or a later one of what `first` begins: `/haber/2/` of `/haber/`."""
    beginning = first.rstrip("/")
    return url.startswith(beginning) and _FURTHER.fullmatch(url, len(beginning)) is not None


def months_of(url: str) -> range | None:
    """The months that a date archive or a leaf of a calendar stands for, as year * 12 + month - 1; None for others.

    With any number besides the date it is something else: an article, a further page.
    """
    if not _DIGIT.search(url):
        return None
    parts = urlsplit(url)
    if not _DIGIT.search(parts.query):
        path = unquote(parts.path) if "%" in parts.path else parts.path
        found = next(filter(None, (pattern.search(path) for pattern in _PATH_DATES)), None)
        return _months(found["year"], found.groupdict().get("month")) if found else None
    return None if _DIGIT.search(parts.path) else _months_of_query(parts.query)


def _months_of_query(query: str) -> range | None:
    year, month = None, None
    for piece in query.split("&"):
        if found := next(filter(None, (pattern.match(piece) for pattern in _QUERY_DATES)), None):
            year, month = found["year"], found.groupdict().get("month") or month
        elif found := _QUERY_MONTH.match(piece):
            month = found[1]
        elif _DIGIT.search(piece) and not _QUERY_DAY.match(piece):
            return None
    return _months(year, month) if year else None


def _months(year: str, month: str | None) -> range | None:
    january = int(year) * 12
    if month is None:
        return range(january, january + 12)
    return range(january + int(month) - 1, january + int(month)) if 1 <= int(month) <= 12 else None

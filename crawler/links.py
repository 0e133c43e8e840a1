"""Which links a response offers, and which of them a crawl follows.  No I/O.

`Scope` says why a URL is not followed; each refusal has the name of its rule, so that it can be counted and listed.
Links are read with lexbor: reading them with lxml's link extractor would cost three quarters of the speed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Generic, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

from selectolax.lexbor import LexborHTMLParser
from w3lib.url import safe_url_string

from archive.config import CrawlRules
from crawler.wire import is_private

_is_private = lru_cache(maxsize=4096)(is_private)

MAX_URL_CHARS = 2_000
MAX_REDIRECTS = 5
# A page with more links than this is a link farm or a trap: the largest listing we measured has 400.
MAX_LINKS_PER_PAGE = 3_000
# Lexbor takes quadratic time for deep nesting (40,000 open <div>: 2 s) and for the attributes of one tag (50,000: 4 s);
# the deepest page in our samples nests 60 blocks.
MAX_HTML_BYTES = 8 * 1024 * 1024
MAX_NESTING = 2_000
MAX_TAG_BYTES = 20_000

# What urljoin() leaves as it is, whatever the base.
_ABSOLUTE = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?(?:/[^;\\\s\[\]?#]*)?$", re.IGNORECASE | re.ASCII)
_BREAKS = re.compile(r"[\t\r\n]")
_TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|yclid|_ga|mc_cid|mc_eid)(?:=|$)")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_EDGE = "".join(map(chr, range(0x21)))  # controls and space: what a browser strips from both ends of an address
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp)$", re.IGNORECASE)
_HEAVY = re.compile(r"\.(?:mp4|avi|mov|mkv|webm|mp3|wav|ogg|zip|rar|7z|tar|gz|exe|apk|iso|dmg|msi)$", re.IGNORECASE)
# An unquoted url() holds no "(" (CSS Syntax §4.3.6), which also keeps the search linear.
_CSS_URL = re.compile(rb"""url\(\s*(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^()"'\s]{1,2000}))\s*\)""")
_SRCSET_GAP, _SRCSET_URL = re.compile(r"[\s,]*"), re.compile(r"\S*")
_CSS_IMPORT = re.compile(rb"""@import\s+["']([^"']{1,2000})["']""")

# What no archive wants of a news site, by the part of the URL that shows it.
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("share or reply link", re.compile(r"[?&](?:share|replytocom|like_comment|print|yazdir|nb)=")),
    ("search or filter", re.compile(r"[?&](?:s|orderby|order|filter\w*|add-to-cart|sid|phpsessid|jsessionid)=", re.I)),
    (
        "back office",
        re.compile(r"/(?:wp-admin|wp-login\.php|xmlrpc\.php|wp-comments-post\.php|wp-trackback\.php|cgi-bin)\b"),
    ),
    ("interface", re.compile(r"/wp-json/|[?&]rest_route=|/oembed/|/trackback/?$|[?&]format=xml")),
    ("feed of a page", re.compile(r"/(?:feed|rss|rss2|atom)(?:/(?:rss2?|atom|rdf))?/?$")),
    ("repeated path", re.compile(r"/([^/]+)(?:/[^/]+)?/\1(?:/[^/]+)?/\1(?:/|$)")),
)


def clean(url: str, *, base: str | None = None) -> str | None:
    """The canonical form under which a URL is fetched once; None for what is not http or cannot be an address.

    Fragment, credentials, default port and tracking parameters are dropped, the host is lower case and ASCII, and the
    path percent-encoded as a browser would send it.
    """
    url = _BREAKS.sub("", url[: 2 * MAX_URL_CHARS]).strip(_EDGE)  # as browsers do
    try:
        return _clean_absolute(urljoin(base, url) if base and not _ABSOLUTE.match(url) else url)
    except ValueError:
        return None


# Most links of a page stand on every page of its site: 7 ms for a page of 126 links without this memory, 0.8 with it.
@lru_cache(maxsize=8192)
def _clean_absolute(absolute: str) -> str | None:
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
    if port and port != (443 if scheme == "https" else 80):
        host = f"{host}:{port}"
    # Filtered piece by piece, the rest verbatim: a query in windows-1254 would not survive being read and written.
    query = "&".join(piece for piece in parts.query.split("&") if not _TRACKING.match(piece))
    cleaned = urlunsplit((scheme, host, _without_dots(parts.path) or "/", query, ""))
    return cleaned if len(cleaned) <= MAX_URL_CHARS else None


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


def host_of(url: str) -> str:
    """`host:port` of a clean URL as it stands in it."""
    return urlsplit(url).netloc


class Scope:
    """What one site's crawl follows."""

    def __init__(self, rules: CrawlRules) -> None:
        self._hosts = frozenset(_fold_host(host) for host in rules.hosts)
        self._allowed_private = frozenset(rules.allow_private)
        self._skip = tuple(re.compile(pattern) for pattern in rules.skip)
        self._max_depth = rules.max_depth
        self._seeds = frozenset(filter(None, (clean(seed) for seed in rules.seeds)))

    def refuse(self, url: str, *, depth: int, requisite: bool = False, source: bool = False) -> str | None:
        """The rule against following a clean URL; None when it is followed.

        A requisite may lie on another host; a source (sitemap, feed, robots.txt) need not look like a page.
        """
        parts = urlsplit(url)
        if url in self._seeds:
            return None
        if (
            _is_private(parts.hostname or "")
            and self._with_port(parts.scheme, parts.netloc) not in self._allowed_private
        ):
            return "private address"
        if not requisite and _fold_host(parts.netloc) not in self._hosts:
            return "off-site"
        if any(pattern.search(url) for pattern in self._skip):
            return "skip rule of the profile"
        if source or requisite:
            return None
        if _HEAVY.search(parts.path):
            return "audio, video or archive file"
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        for name, pattern in _RULES:
            if pattern.search(path):
                return name
        return "too deep" if depth > self._max_depth else None

    @staticmethod
    def _with_port(scheme: str, netloc: str) -> str:
        return netloc if re.search(r":\d+$", netloc) else f"{netloc}:{443 if scheme == 'https' else 80}"


def _fold_host(netloc: str) -> str:
    return netloc.lower().removeprefix("www.")


@dataclass(frozen=True, slots=True)
class Links:
    """What one page offers, in its order, each URL clean and once."""

    pages: tuple[str, ...]
    requisites: tuple[str, ...]
    feeds: tuple[str, ...]
    dropped: int  # links beyond MAX_LINKS_PER_PAGE


def read_links(html: bytes, url: str) -> Links:
    """The links of an HTML page."""
    tree = LexborHTMLParser(_tame(html))
    base = url
    if (found := tree.css_first("base[href]")) is not None:
        base = clean(found.attributes.get("href") or "", base=url) or url
    pages, requisites, feeds = dict[str, None](), dict[str, None](), dict[str, None]()
    anchors = _Bounded(tree.css("a[href], area[href]"))
    for node in anchors:
        link = clean(node.attributes.get("href") or "", base=base)
        if link:
            into = requisites if _PICTURE.search(urlsplit(link).path) else pages
            into.setdefault(link)
    heads = _Bounded(tree.css("link[href]"))
    for node in heads:
        rel = (node.attributes.get("rel") or "").lower().split()
        link = clean(node.attributes.get("href") or "", base=base)
        if not link:
            continue
        if "stylesheet" in rel or "icon" in rel or "apple-touch-icon" in rel or "preload" in rel:
            requisites.setdefault(link)
        elif "alternate" in rel and "xml" in (node.attributes.get("type") or ""):
            feeds.setdefault(link)
        elif "canonical" in rel or "next" in rel or ("alternate" in rel and node.attributes.get("hreflang")):
            pages.setdefault(link)
    references = _Bounded(dict.fromkeys(_references(tree)))
    for reference in references:
        if link := clean(reference, base=base):
            requisites.setdefault(link)
    dropped = anchors.dropped + heads.dropped + references.dropped
    return Links(tuple(pages), tuple(requisites), tuple(feeds), dropped)


T = TypeVar("T")


class _Bounded(Generic[T]):
    """The first MAX_LINKS_PER_PAGE of a collection, and how many were dropped."""

    def __init__(self, all_of_them: Collection[T]) -> None:
        self._all = all_of_them
        self.dropped = max(0, len(all_of_them) - MAX_LINKS_PER_PAGE)

    def __iter__(self) -> Iterator[T]:
        return islice(self._all, MAX_LINKS_PER_PAGE)


# Elements whose end must be written: their starts less their ends is how deep a page nests.
_BLOCK = re.compile(
    rb"<(/?)(?:div|ul|ol|dl|menu|dir|section|article|aside|nav|main|header|footer|hgroup|search|blockquote|figure"
    rb"|figcaption|center|details|dialog|fieldset|form|address|summary|pre|listing|button|h[1-6])(?=[\s/>])",
    re.IGNORECASE,
)
_LONG_TAG = re.compile(rb"<[a-zA-Z][^<>]{%d,}>?" % MAX_TAG_BYTES)


def _tame(html: bytes) -> bytes:
    """The page less what only a trap has: megabytes beyond the bound, tags without end, blocks nested too deep."""
    html = html[:MAX_HTML_BYTES]
    if len(html) > MAX_TAG_BYTES:
        html = _LONG_TAG.sub(b"", html)
    if html.count(b"<") <= MAX_NESTING:
        return html
    depth = 0
    for tag in _BLOCK.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > MAX_NESTING:
            return html[: tag.start()]
    return html


def _references(tree: LexborHTMLParser) -> Iterator[str]:
    """What a browser, or its lazy-loading script, would fetch to show the page; as written."""
    for node in tree.css("img, source, script[src], video[poster], input[src], embed[src]"):
        for name, value in node.attributes.items():
            if not value or value.startswith("data:"):
                continue
            if name in ("src", "poster", "data-src", "data-lazy-src", "data-original"):
                yield value
            elif name in ("srcset", "data-srcset", "data-lazy-srcset"):
                yield from read_srcset(value)
    for node in tree.css("[style*='url(']"):
        yield from read_css((node.attributes.get("style") or "").encode())
    for node in tree.css("style"):
        yield from read_css(node.text().encode())


def read_srcset(value: str) -> list[str]:
    """The URLs of a srcset attribute; a comma may be part of one (HTML, §4.8.4.2.1)."""
    urls, position = list[str](), 0
    while (start := _SRCSET_GAP.match(value, position).end()) < len(value):  # type: ignore[union-attr]
        end = _SRCSET_URL.match(value, start).end()  # type: ignore[union-attr]
        url = value[start:end]
        if url.endswith(","):
            position = end
        else:  # what describes it reaches to the next comma
            comma = value.find(",", end)
            position = comma + 1 if comma >= 0 else len(value)
        urls.append(url.rstrip(","))
    return urls


def read_css(style: bytes) -> Iterator[str]:
    """What a style sheet refers to: url() and @import, as written, each once; at most MAX_LINKS_PER_PAGE."""
    seen = dict[str, None]()
    for match in chain(_CSS_IMPORT.finditer(style), _CSS_URL.finditer(style)):
        reference = next(filter(None, match.groups())).decode("utf-8", "replace").strip()
        if not reference.startswith(("data:", "#")):
            seen.setdefault(reference)
        if len(seen) >= MAX_LINKS_PER_PAGE:
            break
    yield from seen

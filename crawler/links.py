"""Which links a response offers, and which of them a crawl follows.  No I/O.

`Scope` says why a URL is not followed; each refusal has the name of its rule, so that it can be counted and listed.
Links are read with lexbor: reading them with lxml's link extractor would cost three quarters of the speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from selectolax.lexbor import LexborHTMLParser
from w3lib.url import safe_url_string

from archive.config import CrawlRules
from crawler.wire import is_private

MAX_URL_CHARS = 2_000
MAX_REDIRECTS = 5
# A page with more links than this is a link farm or a trap: the largest listing we measured has 400.
MAX_LINKS_PER_PAGE = 3_000

_TRACKING = re.compile(r"^(utm_\w+|fbclid|gclid|yclid|_ga|mc_cid|mc_eid)$")
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp)$", re.IGNORECASE)
_HEAVY = re.compile(r"\.(?:mp4|avi|mov|mkv|webm|mp3|wav|ogg|zip|rar|7z|tar|gz|exe|apk|iso|dmg|msi)$", re.IGNORECASE)
_CSS_URL = re.compile(rb"""url\(\s*(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^)"'\s]{1,2000}))\s*\)""")
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
    url = "".join(url.split()) if "\n" in url or "\t" in url else url.strip()
    try:
        absolute = urljoin(base, url) if base else url
        if not absolute.lower().startswith(("http://", "https://")):
            return None
        parts = urlsplit(safe_url_string(absolute))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if not host or " " in host or len(absolute) > MAX_URL_CHARS:
        return None
    scheme = parts.scheme.lower()
    if ":" in host:
        host = f"[{host}]"
    if port and port != (443 if scheme == "https" else 80):
        host = f"{host}:{port}"
    query = parts.query
    if query and any(_TRACKING.match(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if not _TRACKING.match(pair[0])]
        query = urlencode(pairs)
    return urlunsplit((scheme, host, parts.path or "/", query, ""))


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
            is_private(parts.hostname or "")
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
    tree = LexborHTMLParser(html)
    base = url
    if (found := tree.css_first("base[href]")) is not None:
        base = clean(found.attributes.get("href") or "", base=url) or url
    pages, requisites, feeds = dict[str, None](), dict[str, None](), dict[str, None]()
    count = 0
    for node in tree.css("a[href], area[href]"):
        count += 1
        if count > MAX_LINKS_PER_PAGE:
            continue
        link = clean(node.attributes.get("href") or "", base=base)
        if link:
            into = requisites if _PICTURE.search(urlsplit(link).path) else pages
            into.setdefault(link)
    for node in tree.css("link[href]"):
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
    for reference in _references(tree):
        if link := clean(reference, base=base):
            requisites.setdefault(link)
    return Links(tuple(pages), tuple(requisites), tuple(feeds), max(0, count - MAX_LINKS_PER_PAGE))


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
    return [part.rstrip(",") for part in re.findall(r"(\S*[^,\s])(?:\s+[\d.]+[wxh])?\s*(?:,|$)", value)]


def read_css(style: bytes) -> Iterator[str]:
    """What a style sheet refers to: url() and @import, as written."""
    for match in _CSS_URL.finditer(style):
        reference = next(filter(None, match.groups())).decode("utf-8", "replace")
        if not reference.startswith(("data:", "#")):
            yield reference
    for match in _CSS_IMPORT.finditer(style):
        yield match[1].decode("utf-8", "replace")

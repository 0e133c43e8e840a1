"""Which links a response offers.  No I/O.

Which of them a crawl follows is for `crawler/scope.py`. They are read with lexbor: with lxml's link extractor it would
cost three quarters of the speed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, TypeVar
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.urls import DOCUMENT, PICTURE, canonical, fold_host

MAX_URL_CHARS = 2_000
MAX_REDIRECTS = 5
# A page with more links than this is a link farm or a trap: the largest listing we measured has 400.
MAX_LINKS_PER_PAGE = 3_000
# Lexbor takes quadratic time for deep nesting (40,000 open <div>: 2 s) and for the attributes of one tag (50,000: 4 s);
# the deepest page in our samples nests 60 blocks.
MAX_HTML_BYTES = 8 * 1024 * 1024
MAX_NESTING = 2_000
MAX_TAG_BYTES = 20_000
MAX_TITLE_CHARS = 300

# What urljoin() leaves as it is, whatever the base.
_ABSOLUTE = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?(?:/[^;\\\s\[\]?#]*)?$", re.IGNORECASE | re.ASCII)
_BREAKS = re.compile(r"[\t\r\n]")
_EDGE = "".join(map(chr, range(0x21)))  # controls and space: what a browser strips from both ends of an address
# An unquoted url() holds no "(" (CSS Syntax §4.3.6), which also keeps the search linear.
_CSS_URL = re.compile(rb"""url\(\s*(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^()"'\s]{1,2000}))\s*\)""")
_SRCSET_GAP, _SRCSET_URL = re.compile(r"[\s,]*"), re.compile(r"\S*")
_CSS_IMPORT = re.compile(rb"""@import\s+["']([^"']{1,2000})["']""")


def clean(url: str, *, base: str | None = None) -> str | None:
    """The canonical form under which a URL is fetched once; None for what is not http or cannot be an address.

    Fragment, credentials, default port, session ids and tracking parameters are dropped, the host is lower case and
    ASCII, and the path percent-encoded as a browser would send it.
    """
    url = _BREAKS.sub("", url[: 2 * MAX_URL_CHARS]).strip(_EDGE)  # as browsers do
    try:
        cleaned = canonical(urljoin(base, url) if base and not _ABSOLUTE.match(url) else url)
    except ValueError:
        return None
    return cleaned if cleaned and len(cleaned) <= MAX_URL_CHARS else None


def host_of(url: str) -> str:
    """`host:port` of a clean URL as it stands in it."""
    return urlsplit(url).netloc


@dataclass(frozen=True, slots=True)
class Links:
    """What one page offers, in its order, each URL clean and once; and what it says of itself."""

    pages: tuple[str, ...]
    requisites: tuple[str, ...]
    feeds: tuple[str, ...]
    dropped: int  # links beyond MAX_LINKS_PER_PAGE
    canonical: tuple[str, ...] = ()  # of `pages`, what rel=canonical and hreflang name
    documents: tuple[str, ...] = ()  # PDF and office files on the page's own host; those elsewhere are among `pages`
    # Of `pages` and `documents`, what rel=nofollow, ugc or sponsored marks wherever it stands. Recorded, not obeyed.
    nofollow: frozenset[str] = frozenset()
    directives: tuple[str, ...] = ()  # of <meta name=robots>, as in ("nofollow", "noarchive"). Recorded, not obeyed
    title: str = ""


def read_links(html: bytes, url: str) -> Links:
    """The links of an HTML page."""
    tree = LexborHTMLParser(tame(html))
    base = url
    if (found := tree.css_first("base[href]")) is not None:
        base = clean(found.attributes.get("href") or "", base=url) or url
    offered = _Offered(fold_host(host_of(url)))
    anchors = _Bounded(tree.css("a[href], area[href]"))
    for node in anchors:
        if link := clean(node.attributes.get("href") or "", base=base):
            offered.add_anchor(link, rel=node.attributes.get("rel"))
    heads = _Bounded(tree.css("link[href]"))
    for node in heads:
        if link := clean(node.attributes.get("href") or "", base=base):
            offered.add_head(link, node)
    references = _Bounded(dict.fromkeys(_references(tree)))
    for reference in references:
        if link := clean(reference, base=base):
            offered.requisites.setdefault(link)
    title = tree.css_first("title")
    return Links(
        pages=tuple(offered.pages),
        requisites=tuple(offered.requisites),
        feeds=tuple(offered.feeds),
        dropped=anchors.dropped + heads.dropped + references.dropped,
        canonical=tuple(offered.canonical),
        documents=tuple(offered.documents),
        nofollow=frozenset(offered.marked - offered.unmarked),
        directives=_meta_directives(tree),
        title=" ".join(title.text()[: 4 * MAX_TITLE_CHARS].split())[:MAX_TITLE_CHARS] if title is not None else "",
    )


_NOT_VOUCHED_FOR = frozenset(("nofollow", "ugc", "sponsored"))


class _Offered:
    """Links sorted by what they are, while a page is read."""

    def __init__(self, own_host: str) -> None:
        self._own_host = own_host
        self.pages, self.documents = dict[str, None](), dict[str, None]()
        self.canonical = dict[str, None]()
        self.requisites, self.feeds = dict[str, None](), dict[str, None]()
        self.marked, self.unmarked = set[str](), set[str]()

    def add_anchor(self, link: str, *, rel: str | None) -> None:
        """A link of the page's body."""
        parts = urlsplit(link)
        if PICTURE.search(parts.path):
            self.requisites.setdefault(link)
            return
        own = fold_host(parts.netloc) == self._own_host
        (self.documents if own and DOCUMENT.search(parts.path) else self.pages).setdefault(link)
        nofollow = rel and not _NOT_VOUCHED_FOR.isdisjoint(rel.lower().split())
        (self.marked if nofollow else self.unmarked).add(link)

    def add_head(self, link: str, node: LexborNode) -> None:
        """A <link> element, by its relation."""
        rel = (node.attributes.get("rel") or "").lower().split()
        if "stylesheet" in rel or "icon" in rel or "apple-touch-icon" in rel or "preload" in rel:
            self.requisites.setdefault(link)
        elif "alternate" in rel and "xml" in (node.attributes.get("type") or ""):
            self.feeds.setdefault(link)
        elif "canonical" in rel or "next" in rel or ("alternate" in rel and node.attributes.get("hreflang")):
            self.pages.setdefault(link)
            self.unmarked.add(link)
            if "next" not in rel:
                self.canonical.setdefault(link)


_AGENTS = frozenset(("robots", "muragat"))  # names of those whom a directive is for, when it is for us
_DIRECTIVE = re.compile(r"([a-z][a-z_-]*)(?:\s*(:))?")
_DIRECTIVES = frozenset(
    (
        *("all", "none", "index", "noindex", "follow", "nofollow", "archive", "noarchive", "nocache", "nosnippet"),
        *("noimageindex", "notranslate", "indexifembedded", "unavailable_after", "noai", "noimageai"),
        *("max-snippet", "max-image-preview", "max-video-preview"),
    )
)


def _meta_directives(tree: LexborHTMLParser) -> tuple[str, ...]:
    found = (
        node.attributes.get("content") or ""
        for node in islice(tree.css("meta[name][content]"), MAX_LINKS_PER_PAGE)
        if (node.attributes.get("name") or "").strip().lower() in _AGENTS
    )
    return read_robots_header(found)


def read_robots_header(values: Iterable[str]) -> tuple[str, ...]:
    """The known directives of X-Robots-Tag headers that hold for us, as in ("noindex", "noarchive"), each once.

    A robot's name and a colon turn what follows them in one header to that robot alone. Recorded, not obeyed.
    """
    found = dict[str, None]()
    for value in values:
        ours = True
        for word, colon in _DIRECTIVE.findall(value[:MAX_URL_CHARS].lower()):
            if word in _DIRECTIVES:
                if ours:
                    found.setdefault(word)
            elif colon:
                ours = word in _AGENTS
    return tuple(found)


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


def tame(html: bytes) -> bytes:
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

"""Lists of URLs that a site publishes: sitemaps (also of news, also plain text), RSS, Atom and JSON feeds.  No I/O.

After sitemaps.org, RFC 4287 (Atom), RFC 5005 (paged feeds), RSS 1 and 2, jsonfeed.org 1.1. A list that is broken gives
what can be read of it; one that is built to cost memory or time is cut.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from urllib.parse import urljoin, urlsplit

from lxml import etree

MAX_SOURCE_BYTES = 50 * 1024 * 1024  # a sitemap's own limit (sitemaps.org)
MAX_ENTRIES = 250_000  # a sitemap may name 50,000 pages, each with its other languages
# Each "<" or "=" can cost 200 bytes of memory: 60,000 tags of 100 attributes took 1.4 GB. A full sitemap has 2 million.
MAX_MARKS = 3_000_000
MAX_JSON_BYTES = 10 * 1024 * 1024  # "[{},{},…" costs 24 times its length
MAX_FEED_PAGES = 1_000  # of ten articles each
MAX_LINK_CHARS = 4_000
MAX_TIME_CHARS = 64
MAX_JUNK_BYTES = 65_536  # PHP prints its warnings before the declaration


@dataclass(frozen=True, slots=True)
class Entry:
    """One URL that a source names, and what the source says of it: only what is fetched next depends on that."""

    url: str
    published_at: datetime | None = None  # UTC
    modified_at: datetime | None = None  # UTC
    is_sitemap: bool = False


def read_source(body: bytes, *, url: str = "") -> list[Entry]:
    """The entries of a sitemap, sitemap index or feed, gzipped or not, each URL once; of a broken one, what is whole.

    `url` is where it was found: relative links are joined to it, and without it stay as they are. A page of HTML, as
    error pages are, has no entries, whatever stands in it.
    """
    body = _unpacked(body)
    if body[:1] == b"{":
        entries = _read_json(body, url)
    else:
        entries = _read_text(body) if body[:4].lower() == b"http" else _read_xml(body, url)
    found = dict[str, Entry]()
    for entry in entries:
        # Another language's address may stand before its own <url>, which knows more.
        if entry.url not in found or found[entry.url] == Entry(entry.url):
            found[entry.url] = entry
        if len(found) >= MAX_ENTRIES:
            break
    return list(found.values())


def next_feed_page(url: str, body: bytes) -> str | None:
    """Where a feed goes on: its own word (RFC 5005), else `?paged=N` where WordPress wrote it; None at the end.

    A server may go on for ever, or ignore `paged`: follow it only while a page named something new, and at most
    MAX_FEED_PAGES.
    """
    body = _unpacked(body)
    said: object = None
    if _items(feed := _json_feed(body)):
        said = feed.get("next_url")
    elif (root := _feed_root(body)) is not None and next(root.iter("{*}item", "{*}entry"), None) is not None:
        said = _next_link(root) or _next_of_wordpress(root, url)
    link = absolute(said, url)
    return link if link and link != url and same_host(link, url) else None


def read_time(text: object) -> datetime | None:
    """A W3C or RFC 822 time as UTC; without a zone it is taken as UTC; None when it is neither."""
    if not isinstance(text, str) or len(text) > MAX_TIME_CHARS:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(TypeError, ValueError, OverflowError):
            at = read(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    return None


# What urljoin() would leave as it is, at fifteen times the cost.
_WHOLE = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?(?:[/?][^\s\\]*)?", re.IGNORECASE | re.ASCII)


def absolute(link: object, base: str) -> str | None:
    """A link as a source writes it, joined to `base` where there is one; None for what is no address on the web."""
    if not isinstance(link, str) or len(link) > MAX_LINK_CHARS or not (link := link.strip()):
        return None
    if _WHOLE.fullmatch(link):
        return link
    try:
        link = urljoin(base, link)
        return link if urlsplit(link).scheme in (("http", "https") if base else ("http", "https", "")) else None
    except ValueError:
        return None


def same_host(url: str, other: str) -> bool:
    """Whether two addresses are on one host, with or without www."""
    return len({urlsplit(each).netloc.lower().removeprefix("www.") for each in (url, other)}) == 1


def with_query(url: str, name: str, value: int) -> str:
    """The URL with this parameter set; the other ones stay as they are written."""
    address, _, query = url.partition("#")[0].partition("?")
    pieces = [piece for piece in query.split("&") if piece and piece.partition("=")[0] != name]
    return f"{address}?{'&'.join([*pieces, f'{name}={value}'])}"


def number_in(url: str, name: str) -> int:
    """The number that a parameter of the URL has; 1 without it."""
    found = re.search(rf"[?&]{name}=(\d{{1,9}})(?:[&#]|$)", url, re.ASCII)
    return int(found[1]) if found else 1


def _unpacked(body: bytes) -> bytes:
    """The bytes as UTF-8, from the first that is not white."""
    if body[:2] == b"\x1f\x8b":
        try:
            body = zlib.decompressobj(31).decompress(body, MAX_SOURCE_BYTES)
        except zlib.error:
            return b""
    body = body[:MAX_SOURCE_BYTES]
    coding = _coding(body)
    if coding != "utf-8":
        body = body.decode(coding, "replace").encode()
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()


_DECLARED = re.compile(rb"""<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([\w.-]{1,40})["']""")
# No others: Python knows codings that take quadratic time (punycode). A declaration that can be read as ASCII lies when
# it says UTF-16, as .NET's does.
_CODINGS = {
    *(f"{family}{number}" for family in ("windows-", "cp") for number in range(1250, 1259)),
    *(f"iso-8859-{number}" for number in range(1, 17) if number != 12),
    *("latin1", "latin5", "koi8-r", "koi8-u"),
}


def _coding(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    declared = _DECLARED.search(body, 0, MAX_JUNK_BYTES)
    name = declared[1].decode("ascii", "replace").lower() if declared else ""
    return name if name in _CODINGS else "utf-8"


def _read_text(body: bytes) -> Iterator[Entry]:
    """A sitemap of one URL a line."""
    for line in BytesIO(body):
        if link := _permalink(line[: MAX_LINK_CHARS + 1].decode("utf-8", "replace")):
            yield Entry(link)


def _json_feed(body: bytes) -> dict[str, object]:
    try:
        feed = json.loads(body) if body[:1] == b"{" and len(body) <= MAX_JSON_BYTES else None
    except (ValueError, RecursionError):
        return {}
    return feed if isinstance(feed, dict) and "jsonfeed.org/version/" in str(feed.get("version"))[:200] else {}


def _items(feed: dict[str, object]) -> list[dict[str, object]]:
    items = feed.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _read_json(body: bytes, url: str) -> Iterator[Entry]:
    for item in _items(_json_feed(body)):
        if link := absolute(item.get("url"), url) or _permalink(item.get("id")):
            yield Entry(link, read_time(item.get("date_published")), read_time(item.get("date_modified")))


def _permalink(identity: object) -> str | None:
    """An identity that is the page's address as well, as most are."""
    text = identity.strip() if isinstance(identity, str) else ""
    return absolute(text, text) if re.match(r"https?://\S+$", text, re.IGNORECASE) else None


_ROOT = re.compile(rb"<(!doctype\s+html|html|(?:[\w-]{1,32}:)?(?:urlset|sitemapindex|rss|RDF|feed))(?=[\s>/])", re.I)
_ENTRIES = {
    **dict.fromkeys(("urlset", "sitemapindex"), ("{*}url", "{*}sitemap")),
    **dict.fromkeys(("rss", "rdf", "feed"), ("{*}item", "{*}entry")),
}
_BARE_AMPERSAND = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?!#?[a-zA-Z0-9]{1,31};)", re.DOTALL)
# When a page appeared, and changed: sitemaps, Atom 1 and 0.3, RSS 2, RSS 1 (Dublin Core).
_PUBLISHED = ("published", "pubDate", "issued", "date")
_MODIFIED = ("lastmod", "updated", "modified")


def _xml(body: bytes) -> tuple[str, bytes]:
    """The name of the root of a sitemap or feed, and the document from there on; empty when it is neither."""
    root = _ROOT.search(body, 0, MAX_JUNK_BYTES)
    name = root[1].rpartition(b":")[2].decode().lower() if root else ""
    if root is None or name not in _ENTRIES:
        return "", b""
    # What stands before the root goes, and with it every entity that a DOCTYPE would define; and what stands behind the
    # last tag, which is the half of an address at most.
    body = body[root.start() : body.rfind(b">") + 1]
    while body.count(b"<") + body.count(b"=") > MAX_MARKS:
        body = body[: len(body) // 2]
    return name, _BARE_AMPERSAND.sub(lambda match: b"&amp;" if match[0] == b"&" else match[0], body)


def _read_xml(body: bytes, url: str) -> Iterator[Entry]:
    name, xml = _xml(body)
    if not name:
        return
    with suppress(etree.XMLSyntaxError):
        for _, element in _parse(xml, *_ENTRIES[name]):
            yield from _entries(element, absolute(element.base, url) or url)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _parse(xml: bytes, *tags: str) -> etree.iterparse:
    """The elements of these names as they end; the document is the `root` of it then."""
    return etree.iterparse(
        *(BytesIO(xml), ("end",)), tag=tags, recover=True, huge_tree=False, resolve_entities=False, no_network=True
    )


def _entries(element: etree._Element, base: str) -> Iterator[Entry]:
    """What one <url>, <sitemap>, <item> or <entry> names: its page, and that page in other languages."""
    texts, languages, kind = dict[str, str](), list[str](), _name(element)
    for child in element:
        name = _name(child)
        if child.text and (text := child.text.strip()):
            texts.setdefault(name, text)
        if name == "link" and child.get("hreflang") and kind == "url":
            languages.append(child.get("href") or "")
        elif name == "news" and kind == "url" and (at := child.findtext("{*}publication_date")):
            texts.setdefault("published", at.strip())
    link = texts.get("loc") if kind in ("url", "sitemap") else texts.get("link") or _feed_link(element)
    if page := absolute(link, base):
        yield Entry(page, _time(texts, _PUBLISHED), _time(texts, _MODIFIED), is_sitemap=kind == "sitemap")
    yield from (Entry(other) for language in languages if (other := absolute(language, base)))


def _name(element: etree._Element) -> str:
    """Without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _time(texts: dict[str, str], names: tuple[str, ...]) -> datetime | None:
    return next(filter(None, (read_time(texts[name]) for name in names if name in texts)), None)


def _feed_link(element: etree._Element) -> str | None:
    """The page of an Atom entry, or of an RSS item without a link."""
    for link in element.iterfind("{*}link"):
        if link.get("href") and link.get("rel", "alternate") == "alternate":
            return link.get("href")
    guid = element.find("{*}guid")
    if guid is not None and guid.get("isPermaLink", "true").lower() != "false" and (page := _permalink(guid.text)):
        return page
    content = element.find("{*}content[@src]")
    return content.get("src") if content is not None else _permalink(element.findtext("{*}id"))


def _feed_root(body: bytes) -> etree._Element | None:
    name, xml = _xml(body)
    if name not in ("rss", "rdf", "feed"):
        return None
    parsed = _parse(xml, "{*}channel", "{*}feed")
    with suppress(etree.XMLSyntaxError):
        deque(parsed, maxlen=0)
    root: etree._Element | None = parsed.root
    return root


def _next_link(root: etree._Element) -> str | None:
    """The next page, or the archive before this document (RFC 5005 §3, §4)."""
    for link in root.iter("{*}link"):
        parent = link.getparent()
        if link.get("rel") in ("next", "prev-archive") and parent is not None and _name(parent) in ("channel", "feed"):
            return link.get("href")
    return None


def _next_of_wordpress(root: etree._Element, url: str) -> str | None:
    generators = root.iter("{*}generator", "{*}generatorAgent")
    if not any("wordpress" in f"{by.text} {by.values()}"[:500].lower() for by in generators):
        return None
    page = number_in(url, "paged") + 1
    return with_query(url, "paged", page) if page <= MAX_FEED_PAGES else None

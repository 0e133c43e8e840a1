"""What a site says of itself: robots.txt, sitemaps and feeds → URLs with what is known of them.  No I/O.

A source that is broken gives what can be read of it; none stops the others. The dates found here only decide what is
fetched next: an article's own fields come from its page alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from lxml import etree
from protego import Protego

MAX_SOURCE_BYTES = 50 * 1024 * 1024  # a sitemap's own limit (sitemaps.org)
MAX_DELAY_SECONDS = 86_400.0  # a longer Crawl-delay is a slip of the pen, or wants us to stay away: one fetch a day
# PHP prints its warnings before the declaration, and plugins forget to escape the & of an address.
MAX_JUNK_BYTES = 65_536
_BARE_AMPERSAND = re.compile(rb"&(?!#?[a-zA-Z0-9]{1,31};)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One URL that a sitemap or feed names."""

    url: str
    modified_at: datetime | None  # UTC
    is_sitemap: bool = False


class Robots:
    """A host's robots.txt (RFC 9309), for our product token."""

    def __init__(self, body: bytes, *, agent: str) -> None:
        self._rules = Protego.parse(body[: 500 * 1024].decode("utf-8-sig", "replace"))
        self._agent = agent

    def allows(self, url: str) -> bool:
        """Whether this URL may be fetched."""
        return bool(self._rules.can_fetch(url, self._agent))

    @property
    def delay(self) -> float | None:
        """Crawl-delay in seconds; None when it names none."""
        delay = self._rules.crawl_delay(self._agent)
        return None if delay is None else min(float(delay), MAX_DELAY_SECONDS)

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps it names."""
        return list(self._rules.sitemaps)


def read_source(body: bytes) -> list[Entry]:
    """The entries of a sitemap, sitemap index, RSS or Atom document, gzipped or not; of a broken one, what is whole."""
    if body[:2] == b"\x1f\x8b":
        try:
            body = zlib.decompressobj(31).decompress(body, MAX_SOURCE_BYTES)
        except zlib.error:
            return []
    body = body[max(0, body.find(b"<?xml", 0, MAX_JUNK_BYTES)) : MAX_SOURCE_BYTES].lstrip()
    if b"<![CDATA[" not in body:
        body = _BARE_AMPERSAND.sub(b"&amp;", body)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return []
    return list(_entries(root)) if root is not None else []


# Of a sitemap, a news sitemap, Atom, RSS 2 and RSS 1: when the site says that a page changed, or appeared.
_TIMES = ("lastmod", "updated", "pubDate", "published", "date", "news/{*}publication_date")


def _entries(root: etree._Element) -> Iterator[Entry]:
    for element in root.iter("{*}sitemap", "{*}url", "{*}item", "{*}entry"):
        kind = etree.QName(element).localname
        url = _text(element, "loc") or _text(element, "link") or _atom_link(element)
        if not url:
            continue
        when = next(filter(None, (_text(element, name) for name in _TIMES)), None)
        yield Entry(url, read_time(when) if when else None, is_sitemap=kind == "sitemap")


def _text(element: etree._Element, name: str) -> str | None:
    texts = ((found.text or "").strip() for found in element.findall(f"{{*}}{name}"))
    return next(filter(None, texts), None)


def _atom_link(element: etree._Element) -> str | None:
    links = element.findall("{*}link")
    best = next((link for link in links if link.get("rel", "alternate") == "alternate"), None)
    return best.get("href") if best is not None else None


def read_time(text: str) -> datetime | None:
    """A W3C or RFC 822 time as UTC; without a zone it is taken as UTC; None when it is neither."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            return None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None

"""What to fetch next: URLs that survive SIGKILL.  The nouns, and the interface that a crawl needs.  Knows no Scrapy.

    waiting ──lease──► leased ──finish──► done        (due again at `due_at`)
       ▲                 │  ├───finish──► failed      (with its reason, after the last attempt)
       └──── retry ──────┘  └───refuse──► refused     (with the rule that refused it)

A URL is done in the one transaction that also enters every link its response offered; the caller commits it only after
the fsync that covers its exchange. `crawler/frontier_db.py` keeps them in SQLite, for one machine; a frontier that
serves many machines has the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What a URL is to the crawl; decides how its response is read and when it is fetched again."""

    ROBOTS = "robots"
    SITEMAP = "sitemap"
    FEED = "feed"
    API = "api"  # the WordPress REST interface: which articles there are
    SEED = "seed"
    LISTING = "listing"  # sections, tags, archives, and their further pages
    PAGE = "page"
    DOCUMENT = "document"  # PDF and office files that pages link to
    REQUISITE = "requisite"  # what a page needs: pictures, styles, fonts, scripts

    @property
    def tells(self) -> bool:
        """Whether it is there to say what else there is, and is no page itself."""
        return self in (Kind.ROBOTS, Kind.SITEMAP, Kind.FEED, Kind.API)


class Source(StrEnum):
    """Who offered a URL."""

    PROFILE = "profile"
    SITEMAP = "sitemap"
    FEED = "feed"
    API = "api"
    LISTING = "listing"  # seeds, sections, tags, archives
    PAGE = "page"  # any other page
    CANONICAL = "canonical"  # rel=canonical and hreflang
    REDIRECT = "redirect"


BITS = {source: 1 << place for place, source in enumerate(Source)}  # how a row keeps several


class Outcome(StrEnum):
    """What a fetch brought, against the last fetch of the same URL."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GONE = "gone"  # it was there, and now answers 404, 410, or sends us to the front page


class Why(StrEnum):
    """Why a URL that is known is fetched again."""

    ANNOUNCED = "announced"  # a sitemap or interface says it changed
    VANISHED = "vanished"  # its sitemap no longer names it
    EXPECTED = "expected"  # by its age and its changes so far (crawler/revisit.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A URL that a response offers, or a refusal to follow one."""

    url: str  # canonical
    kind: Kind
    host: str  # host:port as in the URL, for delays
    priority: int
    depth: int
    found_on: str
    source: Source = Source.PAGE
    lastmod: float | None = None  # when the site says it changed last; POSIX seconds
    refused: str | None = None  # the rule that refuses it
    redirects: int = 0  # redirects that led here
    demanded: bool = False  # a person wants it now, due or not
    continues: bool = False  # a further page of what was fetched again: it may have changed with it
    elsewhere: bool = False  # on a host that is not the site's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A URL handed out to be fetched now."""

    url: str
    kind: Kind
    host: str
    priority: int
    depth: int
    attempts: int = 0  # in this run
    reason: str | None = None  # why its last fetch failed, if it did
    redirects: int = 0
    payload_digest: str | None = None  # of its last whole answer
    first_fetched_at: float | None = None
    status: int | None = None  # of its last answer that counts
    etag: str | None = None  # validators of the last 200 (RFC 9110 §8.8)
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a lease ended, and what its response offered."""

    url: str
    at: float
    status: int | None = None
    outcome: Outcome | None = None
    payload_digest: str | None = None
    due_at: float | None = None  # when to fetch it again
    retry_at: float | None = None  # set: it waits again until then
    failed: str | None = None  # set: given up, and why
    refused: str | None = None  # set: not fetched, and by which rule
    etag: str | None = None
    last_modified: str | None = None
    directives: str | None = None  # of meta robots and X-Robots-Tag, as "nofollow, noarchive"
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a crawl did. `offered` is the sum of what stands below it."""

    offered: int = 0  # distinct URLs: links, sitemap and feed entries, seeds, left-overs of a crawl before
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # by reason
    skipped: dict[str, int] = field(default_factory=dict)  # by rule, "not due yet" among them
    waiting: int = 0  # still to do

    @property
    def fetched(self) -> int:
        """URLs that got an answer that counts."""
        return self.new + self.changed + self.unchanged + self.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """What one source told in a run, of pages: listings, articles, documents."""

    source: Source
    offered: int  # distinct URLs
    new: int  # of them, never offered by anybody before this run
    alone: tuple[str, ...]  # of those, fetched whole and offered by no other source
    articles_alone: int | None = None  # of those, that are articles; None: the rows are not in yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """URLs fetched again for one reason, and what came of it."""

    why: Why
    fetched: int
    changed: int
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One URL as the frontier has it, for a person who asks."""

    url: str
    state: str
    kind: Kind
    reason: str | None
    status: int | None
    found_on: str
    fetched_at: float | None
    gone_at: float | None
    directives: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What the next run must know of a host."""

    not_before: float = 0.0  # it asked to be left alone until then; POSIX seconds
    slashes: int = 0  # redirects seen that only add a slash, less those that only take it away


class Frontier(Protocol):
    """The URLs of one site, for one run over it."""

    # URLs that a process which died had leased; the rest of them is released once its WARC is read.
    left: frozenset[str]

    def offer(self, offers: Iterable[Offer]) -> None:
        """Enter seeds."""

    def tells_news(self, offers: Iterable[Offer]) -> bool:
        """Whether one of these is not known yet, or changed since by the site's own word."""

    def recheck(self, refuse: Callable[[str, Kind, int], str | None]) -> int:
        """Refuse what waits and is against a rule by now: somebody added the rule to be rid of it. How many."""

    def lease(self, count: int, *, now: float, besides: Iterable[str] = ()) -> list[Lease]:
        """Up to `count` URLs to fetch now, best first, none of the hosts in `besides`."""

    def lease_one(self, url: str) -> Lease | None:
        """One URL, whatever its place in the order; None when it is not known."""

    def release(self, urls: Iterable[str]) -> None:
        """Give leases back unused."""

    def commit(
        self,
        finishes: Iterable[Finish],
        *,
        payloads: Iterable[tuple[str, str, str, bool]] = (),
        tail: tuple[str, int] | None = None,
    ) -> None:
        """End leases, with every link they offered, in one transaction. Call it after the fsync of their exchanges.

        `payloads` are rows (digest, url, captured_at, chunked) of bodies now held, for revisits to refer to; `tail` is
        the WARC and the offset in it before which every exchange has ended its lease.
        """

    def recall_vanished(self, *, limit: int) -> int:
        """Make wait again what its sitemap names no longer, once all sitemaps are read. How many."""

    def waits(self, *, besides: Iterable[str] = ()) -> bool:
        """Whether any URL waits, due or not, on a host that is not in `besides`."""

    def next_due(self, *, after: float = 0.0, besides: Iterable[str] = ()) -> float | None:
        """The first moment after `after` for which a URL waits; None when none waits for a moment."""

    def waiting(self) -> int:
        """How many URLs are waiting or leased."""

    def waiting_pages(self) -> int:
        """How many of them are no mere requisites: pages, and what tells of pages."""

    def counts(self) -> Counts:
        """What this run did so far."""

    def held(self, url: str) -> str | None:
        """The payload digest of the last whole answer of a URL."""

    def fetched_now(self, url: str) -> bool:
        """Whether this run got the page, or what it redirects to."""

    def tail(self) -> tuple[str, int] | None:
        """The WARC, and the offset in it, before which every exchange of earlier runs has ended its lease."""

    def finish_run(self, *, now: float, reason: str) -> None:
        """Note the end of this run; what is still leased waits again."""

    def rests(self) -> dict[str, Rest]:
        """What earlier runs noted of hosts."""

    def note_rest(self, host: str, *, not_before: float = 0.0, slashes: int = 0) -> None:
        """Note what the next run must know of a host: the later moment holds, slashes are added up."""

    def spend(self, day: str, requests: int) -> int:
        """Add to the requests of a day, and return their sum."""

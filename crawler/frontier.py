"""What to fetch next: a table of URLs that survives SIGKILL.  `frontier.db`, the crawler's alone.  Knows no Scrapy.

    waiting ──lease──► leased ──finish──► done        (due again at `due_at`)
       ▲                 │  ├───finish──► failed      (with its reason, after the last attempt)
       └──── retry ──────┘  └───refuse──► refused     (with the rule that refused it)

A URL is done in the one transaction that also enters every link its response offered; the caller commits it only after
the fsync that covers its exchange. Leases die with their process: one crawl per site holds the site's lock, so whatever
is leased when a crawl begins was left by a dead one and waits again.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

from archive.errors import LockedError


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


class Outcome(StrEnum):
    """What a fetch brought, against the last fetch of the same URL."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


_KINDS = tuple(Kind)  # what tells most of a site comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A URL that a response offers, or a refusal to follow one."""

    url: str  # canonical
    kind: Kind
    host: str  # host:port as in the URL, for delays
    priority: int
    depth: int
    found_on: str
    lastmod: float | None = None  # when the site says it changed last; POSIX seconds
    refused: str | None = None  # the rule that refuses it
    redirects: int = 0  # redirects that led here


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A URL handed out to be fetched now."""

    url: str
    kind: Kind
    host: str
    priority: int
    depth: int
    attempts: int
    redirects: int
    payload_digest: str | None  # of its last fetch
    first_fetched_at: float | None


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
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a crawl did. `offered` is the sum of what stands below it."""

    offered: int = 0  # distinct URLs: links, sitemap and feed entries, seeds, left-overs of a crawl before
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # by reason
    skipped: dict[str, int] = field(default_factory=dict)  # by rule, "not due yet" among them
    waiting: int = 0  # still to do

    @property
    def fetched(self) -> int:
        """URLs that got an answer that counts."""
        return self.new + self.changed + self.unchanged


_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, pid INTEGER, started_at REAL NOT NULL,
    finished_at REAL, reason TEXT
);
CREATE TABLE IF NOT EXISTS urls (
    site TEXT NOT NULL, url TEXT NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, depth INTEGER NOT NULL, found_on TEXT NOT NULL, redirects INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT,
    offered_in INTEGER NOT NULL, fetched_in INTEGER, first_fetched_at REAL, fetched_at REAL,
    status INTEGER, outcome TEXT, payload_digest TEXT,
    PRIMARY KEY (site, url)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS urls_queue ON urls (site, state, priority DESC, depth, due_at, host);
CREATE INDEX IF NOT EXISTS urls_retry ON urls (site, due_at) WHERE state = 'waiting' AND due_at > 0;
CREATE INDEX IF NOT EXISTS urls_offered ON urls (site, offered_in);
CREATE TABLE IF NOT EXISTS payloads (
    digest TEXT PRIMARY KEY, url TEXT NOT NULL, captured_at TEXT NOT NULL, chunked INTEGER NOT NULL
) WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """`frontier.db`, made on first use."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: a URL that is done must stay done after a power cut, or it is only fetched again; NORMAL would do, but a
    # commit comes once in half a second and beside an fsync of the WARC anyway.
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    return connection


@contextmanager
def unsynced(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that a power cut may undo: nobody waits for the disk. The next synced one takes it along."""
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        with transaction(connection):
            yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the writer's place at once, so that it cannot fail half-way for want of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class Frontier:
    """The URLs of one site, for one run over it."""

    def __init__(self, connection: sqlite3.Connection, *, site: str, name: str, now: float, full: bool = False) -> None:
        self._db = connection
        self.site = site
        with transaction(connection):
            row = connection.execute(
                "INSERT INTO runs (site, name, pid, started_at) VALUES (?, ?, ?, ?) RETURNING id",
                (site, name, os.getpid(), now),
            ).fetchone()
            self.run = int(row[0])
            connection.execute(
                "UPDATE urls SET state = 'waiting', offered_in = ?, attempts = 0, due_at = 0"
                " WHERE site = ? AND (state IN ('leased', 'waiting')"
                " OR (state IN ('done', 'failed') AND (due_at <= ? OR ?)))",
                (self.run, site, now, full),
            )
        self._size = int(connection.execute("SELECT count(*) FROM urls WHERE site = ?", (site,)).fetchone()[0])

    @property
    def size(self) -> int:
        """How many URLs of this site are known, refused ones included."""
        return self._size

    def offer(self, offers: Iterable[Offer], *, now: float) -> None:
        """Enter seeds."""
        with transaction(self._db):
            self._enter(offers, now)

    def recheck(self, refuse: Callable[[str, Kind, int], str | None]) -> int:
        """Refuse what waits and is against a rule by now: somebody added the rule to be rid of it. How many."""
        waiting = self._db.execute(
            "SELECT url, kind, depth FROM urls WHERE site = ? AND state = 'waiting'", (self.site,)
        ).fetchall()
        refused = [(rule, self.site, url) for url, kind, depth in waiting if (rule := refuse(url, Kind(kind), depth))]
        with transaction(self._db):
            self._db.executemany("UPDATE urls SET state = 'refused', reason = ? WHERE site = ? AND url = ?", refused)
        return len(refused)

    def lease(self, count: int, *, now: float, besides: Iterable[str] = ()) -> list[Lease]:
        """Up to `count` URLs to fetch now, best first, none of the hosts in `besides`."""
        hosts = json.dumps(sorted(besides))
        with unsynced(self._db):  # leases die with their process anyway
            rows = self._db.execute(
                "SELECT url, kind, host, priority, depth, attempts, redirects, payload_digest, first_fetched_at"
                " FROM urls WHERE site = ? AND state = 'waiting' AND due_at <= ?"
                " AND host NOT IN (SELECT value FROM json_each(?))"
                " ORDER BY priority DESC, depth, due_at LIMIT ?",
                (self.site, now, hosts, count),
            ).fetchall()
            self._db.executemany(
                "UPDATE urls SET state = 'leased' WHERE site = ? AND url = ?", [(self.site, row[0]) for row in rows]
            )
        return [
            Lease(
                url=row[0],
                kind=Kind(row[1]),
                host=row[2],
                priority=row[3],
                depth=row[4],
                attempts=row[5],
                redirects=row[6],
                payload_digest=row[7],
                first_fetched_at=row[8],
            )
            for row in rows
        ]

    def lease_one(self, url: str) -> None:
        """Mark one URL as handed out, whatever its place in the order."""
        with transaction(self._db):
            self._db.execute("UPDATE urls SET state = 'leased' WHERE site = ? AND url = ?", (self.site, url))

    def release(self, urls: Iterable[str]) -> None:
        """Give leases back unused."""
        with transaction(self._db):
            self._db.executemany(
                "UPDATE urls SET state = 'waiting' WHERE site = ? AND url = ? AND state = 'leased'",
                [(self.site, url) for url in urls],
            )

    def commit(self, finishes: Iterable[Finish], *, payloads: Iterable[tuple[str, str, str, bool]] = ()) -> None:
        """End leases, with every link they offered, in one transaction. Call it after the fsync of their exchanges.

        `payloads` are rows (digest, url, captured_at, chunked) of bodies now held, for revisits to refer to.
        """
        with transaction(self._db):
            for finish in finishes:
                self._end(finish)
                self._enter(finish.offers, finish.at)
            self._db.executemany("INSERT OR IGNORE INTO payloads VALUES (?, ?, ?, ?)", payloads)

    def _end(self, finish: Finish) -> None:
        key = (self.site, finish.url)
        if finish.retry_at is not None:
            self._db.execute(
                "UPDATE urls SET state = 'waiting', attempts = attempts + 1, due_at = ?, reason = ?, status = ?"
                " WHERE site = ? AND url = ?",
                (finish.retry_at, finish.failed, finish.status, *key),
            )
        elif finish.refused is not None:
            self._db.execute(
                "UPDATE urls SET state = 'refused', reason = ? WHERE site = ? AND url = ?", (finish.refused, *key)
            )
        else:
            self._db.execute(
                "UPDATE urls SET state = ?, reason = ?, attempts = attempts + 1, due_at = ?, fetched_in = ?,"
                " fetched_at = ?, first_fetched_at = coalesce(first_fetched_at, ?), status = ?, outcome = ?,"
                " payload_digest = coalesce(?, payload_digest) WHERE site = ? AND url = ?",
                (
                    "failed" if finish.failed else "done",
                    finish.failed,
                    finish.due_at or 0,
                    self.run,
                    finish.at,
                    None if finish.failed else finish.at,
                    finish.status,
                    finish.outcome,
                    finish.payload_digest,
                    *key,
                ),
            )

    def _enter(self, offers: Iterable[Offer], now: float) -> None:
        """New URLs wait; known ones are marked as offered, and wait again if the site says they changed since."""
        for offer in offers:
            known = self._db.execute(
                "SELECT state, offered_in, fetched_at, fetched_in, kind FROM urls WHERE site = ? AND url = ?",
                (self.site, offer.url),
            ).fetchone()
            if known is None:
                self._size += 1
                self._db.execute(
                    "INSERT INTO urls"
                    " (site, url, kind, host, state, priority, depth, found_on, redirects, reason, offered_in)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        self.site,
                        offer.url,
                        offer.kind,
                        offer.host,
                        "refused" if offer.refused else "waiting",
                        offer.priority,
                        offer.depth,
                        offer.found_on,
                        offer.redirects,
                        offer.refused,
                        self.run,
                    ),
                )
                continue
            state, offered_in, fetched_at, fetched_in, kind = known
            if offer.refused is None and _KINDS.index(offer.kind) < _KINDS.index(Kind(kind)):
                # A page that turns out to be a feed, or a refused link that a page needs: read it as what tells more.
                self._db.execute(
                    "UPDATE urls SET kind = ?, priority = max(priority, ?), depth = min(depth, ?)"
                    " WHERE site = ? AND url = ?",
                    (offer.kind, offer.priority, offer.depth, self.site, offer.url),
                )
            # Seeds, sitemaps and feeds are fetched in every crawl, and pages that the site says changed.
            again = fetched_in != self.run and (
                offer.kind in (Kind.ROBOTS, Kind.SITEMAP, Kind.FEED, Kind.SEED)
                or (offer.lastmod is not None and fetched_at is not None and offer.lastmod > fetched_at)
            )
            if state == "refused":
                again = offer.refused is None  # the rule that refused it is gone, or is not for what it is offered as
            if again and state in ("done", "failed", "refused"):
                self._db.execute(
                    "UPDATE urls SET state = 'waiting', attempts = 0, due_at = 0, reason = NULL, offered_in = ?"
                    " WHERE site = ? AND url = ?",
                    (self.run, self.site, offer.url),
                )
            elif offered_in != self.run:
                self._db.execute(
                    "UPDATE urls SET offered_in = ? WHERE site = ? AND url = ?", (self.run, self.site, offer.url)
                )

    def waiting_pages(self) -> int:
        """How many URLs still to do are no mere requisites: pages, and what tells of pages."""
        return int(
            self._db.execute(
                "SELECT count(*) FROM urls WHERE site = ? AND state IN ('waiting', 'leased') AND kind != 'requisite'",
                (self.site,),
            ).fetchone()[0]
        )

    def waiting(self) -> int:
        """How many URLs are waiting or leased."""
        return int(
            self._db.execute(
                "SELECT count(*) FROM urls WHERE site = ? AND state IN ('waiting', 'leased')", (self.site,)
            ).fetchone()[0]
        )

    def waits(self, *, besides: Iterable[str] = ()) -> bool:
        """Whether any URL waits, due or not, on a host that is not in `besides`."""
        row = self._db.execute(
            "SELECT 1 FROM urls WHERE site = ? AND state = 'waiting'"
            " AND host NOT IN (SELECT value FROM json_each(?)) LIMIT 1",
            (self.site, json.dumps(sorted(besides))),
        ).fetchone()
        return row is not None

    def next_due(self, *, after: float = 0.0, besides: Iterable[str] = ()) -> float | None:
        """The first moment after `after` for which a URL waits; None when none waits for a moment."""
        # Asked after nearly every request: of the rows that wait, the index holds only those that are to be retried.
        row = self._db.execute(
            "SELECT min(due_at) FROM urls WHERE site = ? AND state = 'waiting' AND due_at > 0 AND due_at > ?"
            " AND host NOT IN (SELECT value FROM json_each(?))",
            (self.site, after, json.dumps(sorted(besides))),
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def seeds(self) -> list[tuple[str, str, str | None, bool]]:
        """Each seed: URL, state, reason, whether this run fetched it."""
        return [
            (str(url), str(state), reason, bool(here))
            for url, state, reason, here in self._db.execute(
                "SELECT url, state, reason, fetched_in IS ? FROM urls WHERE site = ? AND kind = 'seed' ORDER BY url",
                (self.run, self.site),
            )
        ]

    def counts(self) -> Counts:
        """What this run did so far, from the rows alone."""
        tally = dict[str, int]()
        failed, skipped = dict[str, int](), dict[str, int]()
        waiting = 0
        for state, outcome, reason, here, count in self._db.execute(
            "SELECT state, outcome, reason, fetched_in IS ?, count(*) FROM urls"
            " WHERE site = ? AND offered_in = ? GROUP BY 1, 2, 3, 4",
            (self.run, self.site, self.run),
        ):
            if state == "refused":
                skipped[reason] = skipped.get(reason, 0) + count
            elif state in ("waiting", "leased"):
                waiting += count
            elif not here:
                skipped["not due yet"] = skipped.get("not due yet", 0) + count
            elif state == "failed":
                failed[reason] = failed.get(reason, 0) + count
            else:
                tally[outcome] = tally.get(outcome, 0) + count
        new, changed, unchanged = (tally.get(outcome, 0) for outcome in Outcome)
        return Counts(
            offered=new + changed + unchanged + sum(failed.values()) + sum(skipped.values()) + waiting,
            new=new,
            changed=changed,
            unchanged=unchanged,
            failed=failed,
            skipped=skipped,
            waiting=waiting,
        )

    def finish_run(self, *, now: float, reason: str) -> None:
        """Note the end of this run; what is still leased waits again."""
        with transaction(self._db):
            self._db.execute("UPDATE urls SET state = 'waiting' WHERE site = ? AND state = 'leased'", (self.site,))
            self._db.execute("UPDATE runs SET finished_at = ?, reason = ? WHERE id = ?", (now, reason, self.run))


def lock_site(folder: Path, site: str) -> IO[str]:
    """Hold a site for this process until the file is closed or the process dies. LockedError names the other."""
    folder.mkdir(exist_ok=True)
    file = (folder / f"{site}.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise LockedError(
            f"another crawl of {site} is running ({holder}); wait for it, or stop it with Ctrl-C"
        ) from None
    file.seek(0)
    file.truncate()
    file.write(f"pid {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}")
    file.flush()
    return file

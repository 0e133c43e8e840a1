"""The frontier in SQLite: `frontier.db`, the crawler's alone, in WAL mode.  One writer per site.

Leases die with their process: one crawl per site holds the site's lock, so whatever is leased when a crawl begins was
left by a dead one, and waits again once its WARC has been read. All that is in the file can be refilled: losing it
costs fetches, never captures.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import IO

from archive.errors import LockedError, MuragatError, SchemaTooNewError
from archive.readonly import open_readonly
from crawler import account
from crawler.frontier import BITS, Counts, Finish, Kind, Lease, Offer, Rest, Source, Why

VERSION = 3
_RANK = {kind: rank for rank, kind in enumerate(Kind)}  # what tells most of a site comes first
# Links that most pages of a site repeat are entered once: how many of them are remembered, 150 bytes each.
_MEMORY = 50_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, pid INTEGER, started_at REAL NOT NULL,
    finished_at REAL, reason TEXT, profile TEXT, chose INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS urls (
    site TEXT NOT NULL, url TEXT NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, depth INTEGER NOT NULL, found_on TEXT NOT NULL, redirects INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT,
    offered_in INTEGER NOT NULL, fetched_in INTEGER, first_fetched_at REAL, fetched_at REAL,
    status INTEGER, outcome TEXT, payload_digest TEXT,
    new_in INTEGER, sources INTEGER NOT NULL DEFAULT 0, sources_now INTEGER NOT NULL DEFAULT 0, announced_at REAL,
    listed_on TEXT, listed_in INTEGER, why TEXT, etag TEXT, last_modified TEXT, gone_at REAL, directives TEXT,
    PRIMARY KEY (site, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payloads (
    digest TEXT PRIMARY KEY, url TEXT NOT NULL, captured_at TEXT NOT NULL, chunked INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tails (site TEXT PRIMARY KEY, warc TEXT NOT NULL, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hosts (
    site TEXT NOT NULL, host TEXT NOT NULL, not_before REAL NOT NULL DEFAULT 0, slashes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (site, host)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    site TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, PRIMARY KEY (site, day)
) WITHOUT ROWID;
"""
_INDEXES = """
DROP INDEX IF EXISTS urls_queue;
CREATE INDEX IF NOT EXISTS urls_by_host ON urls (site, state, host, priority DESC, depth, due_at);
CREATE INDEX IF NOT EXISTS urls_retry ON urls (site, due_at) WHERE state = 'waiting' AND due_at > 0;
DROP INDEX IF EXISTS urls_offered;
DROP INDEX IF EXISTS urls_listed;
"""
# What version 1 had not.
_ADDED = (
    *("new_in INTEGER", "sources INTEGER NOT NULL DEFAULT 0", "sources_now INTEGER NOT NULL DEFAULT 0"),
    *("announced_at REAL", "listed_on TEXT", "listed_in INTEGER", "why TEXT", "etag TEXT", "last_modified TEXT"),
    *("gone_at REAL", "directives TEXT"),
)
_ADDED_TO_RUNS = ("profile TEXT", "chose INTEGER NOT NULL DEFAULT 1")
# Refusals that are no matter of the profile: looked at again they would be the same.
_LASTING = (
    *("robots.txt", "private address", "redirect loop", "endless feed", "endless series", "calendar"),
    *("calendar without articles", "too many variants", "session id"),
)


def connect(path: Path) -> sqlite3.Connection:
    """`frontier.db`, made or brought up to date. Raises SchemaTooNewError for a newer one."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: a URL that is done must stay done after a power cut, or it is only fetched again; NORMAL would do, but a
    # commit comes once in half a second and beside an fsync of the WARC anyway.
    connection.execute("PRAGMA synchronous = FULL")
    if _version(connection, path) < VERSION:
        with transaction(connection):
            _bring_up_to_date(connection)
    return connection


@contextmanager
def open_existing(path: Path) -> Iterator[sqlite3.Connection]:
    """`frontier.db` for reading, beside a crawl. Raises MuragatError when there is none yet."""
    if not path.is_file():
        raise MuragatError(f"{path} does not exist yet; `muragat crawl` makes it")
    connection = open_readonly(path)
    if _version(connection, path) < VERSION:
        connection.close()
        try:
            connection = connect(path)
        except sqlite3.OperationalError as error:
            raise MuragatError(
                f"{path} was made by an older muragat, and cannot be brought up to date: {error}; run this as its owner"
            ) from error
    with closing(connection):
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        connection.close()
        raise SchemaTooNewError(
            f"{path} has version {found}, this muragat knows up to {VERSION}; install a newer muragat, or move the file"
            " away: the next crawl makes it anew and fetches everything once more"
        )
    return found


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    for table, columns in (("urls", _ADDED), ("runs", _ADDED_TO_RUNS)):
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            if column.partition(" ")[0] not in known:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for statement in _INDEXES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


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


_LEASE = (
    "url, kind, host, priority, depth, attempts, reason, redirects, payload_digest, first_fetched_at, status, etag,"
    " last_modified"
)


def _lease(row: tuple[object, ...]) -> Lease:
    names = _LEASE.replace(",", "").split()
    return Lease(**{**dict(zip(names, row, strict=True)), "kind": Kind(str(row[1]))})  # type: ignore[arg-type]


class SqliteFrontier:
    """The URLs of one site, for one run over it; the methods are explained at `crawler.frontier.Frontier`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        site: str,
        name: str,
        now: float,
        full: bool = False,
        only_new: bool = False,
        profile: str = "",
        max_urls: int = 2_000_000,
        max_urls_elsewhere: int = 100_000,
        judged: Iterable[str] = (),
        chosen: Iterable[str] = (),
    ) -> None:
        """Begin a run: leftovers wait, and what is due; of the pages `judged`, only those `chosen`, due or not.

        What is leased was left by a process that died, and stays so: whoever has read its WARC releases the rest of
        `left`. `profile` is the digest of the rules of crawling: when they changed, no validator says that a page is
        known.

        `only_new`: nothing is leased but what this run is offered. `max_urls`, refused ones included, and
        `max_urls_elsewhere` on one host that is not the site's own: what is offered beyond them is counted, not kept.
        """
        self._db = connection
        self.site = site
        self._ours = ""  # what the URLs of this run are found by in SQL, where they are but some of the site's
        self._max_urls, self._max_urls_elsewhere = max_urls, max_urls_elsewhere
        self._turned_away = dict[str, int]()  # by the bound
        self._entered = set[tuple[object, ...]]()
        with transaction(connection):
            before = connection.execute(
                "SELECT profile FROM runs WHERE site = ? AND chose ORDER BY id DESC LIMIT 1", (site,)
            ).fetchone()
            self._rules_changed = before is not None and before[0] != profile
            row = connection.execute(
                "INSERT INTO runs (site, name, pid, started_at, profile, chose) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                (site, name, os.getpid(), now, profile, not only_new),
            ).fetchone()
            self.run = int(row[0])
            if only_new:
                self._ours = f" AND offered_in = {self.run}"
            # Answered or not when their process died: whoever reads the tail of its WARC knows.
            self.left = frozenset(
                url
                for (url,) in connection.execute("SELECT url FROM urls WHERE site = ? AND state = 'leased'", (site,))
            )
            if not only_new:
                self._wake(now, full=full, judged=judged, chosen=chosen)
        self._count_known()

    def _count_known(self) -> None:
        """How many URLs the file holds of each host, and of the site."""
        rows = self._db.execute("SELECT host, count(*) FROM urls WHERE site = ? GROUP BY host", (self.site,))
        self._per_host = dict[str, int](rows.fetchall())
        self.size = sum(self._per_host.values())

    def _wake(self, now: float, *, full: bool, judged: Iterable[str], chosen: Iterable[str]) -> None:
        for table, urls in (("judged", judged), ("chosen", chosen)):
            self._db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} (url TEXT PRIMARY KEY) WITHOUT ROWID")
            self._db.execute(f"DELETE FROM {table}")
            self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)", ((url,) for url in urls))
        key = {"site": self.site, "run": self.run, "now": now, "full": full}
        if self._rules_changed:
            self._db.execute("UPDATE urls SET etag = NULL, last_modified = NULL WHERE site = ?", (self.site,))
        self._db.execute(
            "UPDATE urls SET state = iif(state = 'leased', state, 'waiting'), offered_in = :run, sources_now = 0,"
            " attempts = 0, due_at = 0,"
            " why = CASE WHEN state IN ('leased', 'waiting') THEN why WHEN kind IN ('page', 'listing')"
            " AND first_fetched_at IS NOT NULL THEN 'expected' END"
            " WHERE site = :site AND (state IN ('leased', 'waiting') OR (state IN ('done', 'failed')"
            " AND (:full OR url IN (SELECT url FROM chosen)"
            " OR (due_at <= :now AND (state = 'failed' OR url NOT IN (SELECT url FROM judged))))))",
            key,
        )

    def offer(self, offers: Iterable[Offer]) -> None:
        """Enter seeds."""
        with self._entering():
            self._enter(offers)

    def tells_news(self, offers: Iterable[Offer]) -> bool:
        """Whether one of these is not known yet, or changed since by the site's own word."""
        for offer in offers:
            row = self._db.execute(
                "SELECT announced_at, fetched_at FROM urls WHERE site = ? AND url = ?", (self.site, offer.url)
            ).fetchone()
            if row is None or _is_news(offer.lastmod, announced_at=row[0], fetched_at=row[1]):
                return True
        return False

    def recheck(self, refuse: Callable[[str, Kind, int], str | None]) -> int:
        """Refuse what waits and is against a rule by now. How many."""
        waiting = self._db.execute(
            "SELECT url, kind, depth FROM urls WHERE site = ? AND state = 'waiting' AND kind != 'robots'", (self.site,)
        )
        refused = [(rule, self.site, url) for url, kind, depth in waiting if (rule := refuse(url, Kind(kind), depth))]
        allowed = list[tuple[int, str, str]]()
        if self._rules_changed:
            rows = self._db.execute(
                "SELECT url, kind, depth FROM urls WHERE site = ? AND state = 'refused'"
                " AND reason NOT IN (SELECT value FROM json_each(?))",
                (self.site, json.dumps(_LASTING)),
            )
            allowed = [(self.run, self.site, url) for url, kind, depth in rows if not refuse(url, Kind(kind), depth)]
        with transaction(self._db):
            self._db.executemany("UPDATE urls SET state = 'refused', reason = ? WHERE site = ? AND url = ?", refused)
            self._db.executemany(
                "UPDATE urls SET state = 'waiting', reason = NULL, attempts = 0, due_at = 0, offered_in = ?"
                " WHERE site = ? AND url = ?",
                allowed,
            )
        return len(refused)

    def lease(self, count: int, *, now: float, besides: Iterable[str] = ()) -> list[Lease]:
        """Up to `count` URLs to fetch now, best first, none of the hosts in `besides`."""
        hosts = self._waiting_hosts() - set(besides)
        if not hosts:
            return []
        # Host by host, each along the index: a host that has plenty in hand would otherwise be walked over each time.
        found = [
            self._db.execute(
                f"SELECT {_LEASE}, due_at FROM urls WHERE site = ? AND state = 'waiting' AND host = ? AND due_at <= ?"
                f"{self._ours} ORDER BY priority DESC, depth, due_at LIMIT ?",
                (self.site, host, now, count),
            )
            for host in hosts
        ]
        best = list(islice(merge(*found, key=lambda row: (-row[3], row[4], row[-1])), count))
        for cursor in found:
            cursor.close()
        with unsynced(self._db):  # leases die with their process anyway
            self._db.executemany(
                "UPDATE urls SET state = 'leased' WHERE site = ? AND url = ?", [(self.site, row[0]) for row in best]
            )
        return [_lease(row[:-1]) for row in best]

    def _waiting_hosts(self) -> set[str]:
        """The hosts of what waits: one step of the index for each, however many URLs wait."""
        return {
            host
            for (host,) in self._db.execute(
                "WITH RECURSIVE hosts(host) AS ("
                " SELECT (SELECT min(host) FROM urls WHERE site = ?1 AND state = 'waiting') UNION ALL"
                " SELECT (SELECT min(host) FROM urls WHERE site = ?1 AND state = 'waiting' AND host > hosts.host)"
                " FROM hosts WHERE hosts.host IS NOT NULL) SELECT host FROM hosts WHERE host IS NOT NULL",
                (self.site,),
            )
        }

    def lease_one(self, url: str) -> Lease | None:
        """One URL, whatever its place in the order; None when it is not known."""
        with transaction(self._db):
            row = self._db.execute(
                f"UPDATE urls SET state = 'leased' WHERE site = ? AND url = ? RETURNING {_LEASE}", (self.site, url)
            ).fetchone()
        return _lease(row) if row else None

    def release(self, urls: Iterable[str]) -> None:
        """Give leases back unused."""
        with transaction(self._db):
            self._db.executemany(
                "UPDATE urls SET state = 'waiting' WHERE site = ? AND url = ? AND state = 'leased'",
                [(self.site, url) for url in urls],
            )

    def commit(
        self,
        finishes: Iterable[Finish],
        *,
        payloads: Iterable[tuple[str, str, str, bool]] = (),
        tail: tuple[str, int] | None = None,
    ) -> None:
        """End leases, with every link they offered, in one transaction. Call it after the fsync of their exchanges."""
        with self._entering():
            for finish in finishes:
                self._end(finish)
                self._enter(finish.offers)
            self._db.executemany("INSERT OR IGNORE INTO payloads VALUES (?, ?, ?, ?)", payloads)
            if tail:
                self._db.execute("INSERT OR REPLACE INTO tails VALUES (?, ?, ?)", (self.site, *tail))

    @contextmanager
    def _entering(self) -> Iterator[None]:
        """A transaction in which URLs are entered; one that breaks takes back what is remembered as entered."""
        try:
            with transaction(self._db):
                yield
        except BaseException:
            self._entered.clear()
            self._count_known()
            raise
        if len(self._entered) > _MEMORY:
            self._entered.clear()

    def _end(self, finish: Finish) -> None:
        key = (self.site, finish.url)
        if finish.retry_at is not None:
            self._db.execute(
                "UPDATE urls SET state = 'waiting', attempts = attempts + 1, due_at = ?, reason = ?"
                " WHERE site = ? AND url = ?",
                (finish.retry_at, finish.failed, *key),
            )
        elif finish.refused is not None:
            self._db.execute(
                "UPDATE urls SET state = 'refused', reason = ? WHERE site = ? AND url = ?", (finish.refused, *key)
            )
        elif finish.failed is not None:
            self._db.execute(
                "UPDATE urls SET state = 'failed', reason = ?, attempts = attempts + 1, due_at = ?, fetched_in = ?,"
                " fetched_at = ? WHERE site = ? AND url = ?",
                (finish.failed, finish.due_at or 0, self.run, finish.at, *key),
            )
        else:
            self._done(finish)

    def _done(self, finish: Finish) -> None:
        same = finish.status == 304  # what is known of the page holds; its validators too, unless it names new ones
        self._db.execute(
            "UPDATE urls SET state = 'done', reason = NULL, attempts = 0, due_at = :due, fetched_in = :run,"
            " fetched_at = :at, first_fetched_at = coalesce(first_fetched_at, :at), outcome = :outcome,"
            " status = iif(:same, status, :status), payload_digest = coalesce(:digest, payload_digest),"
            " etag = iif(:same, coalesce(:etag, etag), :etag),"
            " last_modified = iif(:same, coalesce(:modified, last_modified), :modified),"
            " gone_at = CASE WHEN :outcome = 'gone' THEN coalesce(gone_at, :at) WHEN :status IN (200, 304) THEN NULL"
            " ELSE gone_at END, directives = iif(:same, directives, :directives) WHERE site = :site AND url = :url",
            {
                "due": finish.due_at or 0,
                "run": self.run,
                "at": finish.at,
                "outcome": finish.outcome,
                "same": same,
                "status": finish.status,
                "digest": finish.payload_digest,
                "etag": finish.etag,
                "modified": finish.last_modified,
                "directives": finish.directives,
                "site": self.site,
                "url": finish.url,
            },
        )

    def _enter(self, offers: Iterable[Offer]) -> None:
        """New URLs wait; known ones are marked as offered, and wait again if the site says they changed since."""
        for offer in offers:
            memory = (offer.url, offer.kind, offer.source, offer.depth, offer.lastmod, offer.refused, offer.continues)
            if memory in self._entered:
                continue
            self._entered.add(memory)
            known = self._db.execute(
                "SELECT state, offered_in, fetched_at, fetched_in, kind, depth, sources_now, announced_at, listed_on,"
                " listed_in FROM urls WHERE site = ? AND url = ?",
                (self.site, offer.url),
            ).fetchone()
            if known is None:
                self._insert(offer)
            else:
                self._update(offer, *known)

    def _insert(self, offer: Offer) -> None:
        full = self._is_full(offer)
        if full:
            self._turned_away[full] = self._turned_away.get(full, 0) + 1
            return
        self.size += 1
        self._per_host[offer.host] = self._per_host.get(offer.host, 0) + 1
        bit = BITS[offer.source]
        listed = offer.source is Source.SITEMAP and not offer.kind.tells
        self._db.execute(
            "INSERT INTO urls (site, url, kind, host, state, priority, depth, found_on, redirects, reason, offered_in,"
            " new_in, sources, sources_now, announced_at, listed_on, listed_in)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                self.run,
                bit,
                bit,
                offer.lastmod,
                offer.found_on if listed else None,
                self.run if listed else None,
            ),
        )

    def _is_full(self, offer: Offer) -> str | None:
        if self.size >= self._max_urls:
            return "frontier full (crawl.max_urls)"
        if offer.elsewhere and self._per_host.get(offer.host, 0) >= self._max_urls_elsewhere:
            return "host full (crawl.max_urls_elsewhere)"
        return None

    def _update(
        self,
        offer: Offer,
        state: str,
        offered_in: int,
        fetched_at: float | None,
        fetched_in: int | None,
        kind: str,
        depth: int,
        sources_now: int,
        announced_at: float | None,
        listed_on: str | None,
        listed_in: int | None,
    ) -> None:
        key = (self.site, offer.url)
        if offer.refused is None and not offer.demanded and _RANK[offer.kind] < _RANK[Kind(kind)]:
            # A page that turns out to be a feed, or a refused link that a page needs: read it as what tells more.
            self._db.execute(
                "UPDATE urls SET kind = ?, priority = max(priority, ?), depth = min(depth, ?), etag = NULL,"
                " last_modified = NULL WHERE site = ? AND url = ?",
                (offer.kind, offer.priority, offer.depth, *key),
            )
        elif offer.refused is None and not offer.demanded and offer.depth < depth:
            # Nearer to the front page than was known; what it links to itself is looked at in every crawl.
            self._db.execute(
                "UPDATE urls SET depth = ?, due_at = iif(? <= 1 AND state = 'done' AND kind IN ('page', 'listing'), 0,"
                " due_at) WHERE site = ? AND url = ?",
                (offer.depth, offer.depth, *key),
            )
        announced = _is_news(offer.lastmod, announced_at=announced_at, fetched_at=fetched_at)
        # Seeds, sitemaps and feeds are fetched in every crawl, and pages that the site says changed, to their last one.
        asked = announced or offer.continues or offer.demanded or offer.kind.tells or offer.kind is Kind.SEED
        again = asked and fetched_in != self.run
        if state == "refused":
            again = offer.refused is None  # the rule that refused it is gone, or is not for what it is offered as
        if again and state in ("done", "failed", "refused"):
            self._db.execute(
                "UPDATE urls SET state = 'waiting', attempts = 0, due_at = 0, reason = NULL, why = ?,"
                " priority = max(priority, ?) WHERE site = ? AND url = ?",
                (_why(offer, announced) if fetched_at else None, offer.priority, *key),
            )
        bit = BITS[offer.source]
        listed = offer.source is Source.SITEMAP and not offer.kind.tells
        now = bit if offered_in != self.run else sources_now | bit
        if (offered_in, sources_now) != (self.run, now) or announced or (listed and listed_in != self.run):
            self._db.execute(
                "UPDATE urls SET offered_in = ?, sources = sources | ?, sources_now = ?,"
                " announced_at = coalesce(max(announced_at, ?), announced_at, ?),"
                " listed_on = ?, listed_in = ? WHERE site = ? AND url = ?",
                (
                    self.run,
                    bit,
                    now,
                    offer.lastmod,
                    offer.lastmod,
                    offer.found_on if listed else listed_on,
                    self.run if listed else listed_in,
                    *key,
                ),
            )

    def recall_vanished(self, *, limit: int) -> int:
        """Make wait again what its sitemap names no longer, once all sitemaps are read. How many."""
        open_still = self._db.execute(
            "SELECT 1 FROM urls WHERE site = ? AND kind = 'sitemap' AND state IN ('waiting', 'leased') LIMIT 1",
            (self.site,),
        ).fetchone()
        if open_still:
            return 0
        with transaction(self._db):
            # What it listed when it answers 304 is what it lists.
            self._db.execute(
                "UPDATE urls SET listed_in = ?1 WHERE site = ?2 AND listed_in < ?1 AND listed_on IN (SELECT url"
                " FROM urls WHERE site = ?2 AND kind = 'sitemap' AND fetched_in = ?1 AND outcome = 'unchanged')",
                (self.run, self.site),
            )
            gone = self._db.execute(
                "SELECT url, status, fetched_in FROM urls WHERE site = ?1 AND listed_in < ?2 AND state = 'done'"
                " AND listed_on IN (SELECT url FROM urls WHERE site = ?1 AND kind = 'sitemap' AND state = 'done'"
                " AND status = 200 AND fetched_in = ?2) ORDER BY fetched_at DESC",
                (self.site, self.run),
            ).fetchall()
            self._db.executemany(
                "UPDATE urls SET listed_in = NULL WHERE site = ? AND url = ?", [(self.site, row[0]) for row in gone]
            )
            recalled = [url for url, status, fetched_in in gone if status == 200 and fetched_in != self.run][:limit]
            self._db.executemany(
                "UPDATE urls SET state = 'waiting', attempts = 0, due_at = 0, why = 'vanished', offered_in = ?"
                " WHERE site = ? AND url = ?",
                [(self.run, self.site, url) for url in recalled],
            )
        return len(recalled)

    # ------------------------------------------------------------ what there is

    def waits(self, *, besides: Iterable[str] = ()) -> bool:
        """Whether any URL waits, due or not, on a host that is not in `besides`."""
        hosts = self._waiting_hosts() - set(besides)
        if not self._ours:
            return bool(hosts)
        return any(
            self._db.execute(
                f"SELECT 1 FROM urls WHERE site = ? AND state = 'waiting' AND host = ?{self._ours} LIMIT 1",
                (self.site, host),
            ).fetchone()
            for host in hosts
        )

    def next_due(self, *, after: float = 0.0, besides: Iterable[str] = ()) -> float | None:
        """The first moment after `after` for which a URL waits; None when none waits for a moment."""
        # Asked after nearly every request: of the rows that wait, the index holds only those that are to be retried.
        row = self._db.execute(
            "SELECT min(due_at) FROM urls WHERE site = ? AND state = 'waiting' AND due_at > 0 AND due_at > ?"
            " AND host NOT IN (SELECT value FROM json_each(?))",
            (self.site, after, json.dumps(sorted(besides))),
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def waiting(self) -> int:
        """How many URLs are waiting or leased."""
        return self._count("state IN ('waiting', 'leased')")

    def waiting_pages(self) -> int:
        """How many of them are no mere requisites: pages, and what tells of pages."""
        return self._count("state IN ('waiting', 'leased') AND kind NOT IN ('requisite', 'document')")

    def _count(self, condition: str) -> int:
        return int(
            self._db.execute(f"SELECT count(*) FROM urls WHERE site = ? AND {condition}", (self.site,)).fetchone()[0]
        )

    def held(self, url: str) -> str | None:
        """The payload digest of the last whole answer of a URL."""
        row = self._db.execute(
            "SELECT payload_digest FROM urls WHERE site = ? AND url = ?", (self.site, url)
        ).fetchone()
        return row[0] if row else None

    def counts(self) -> Counts:
        """What this run did so far."""
        rows = account.counts(self._db, self.site, self.run)
        away = sum(self._turned_away.values())
        return replace(rows, offered=rows.offered + away, skipped={**rows.skipped, **self._turned_away})

    def fetched_now(self, url: str) -> bool:
        """Whether this run got the page, or what it redirects to."""
        row = self._db.execute(
            "SELECT status FROM urls WHERE site = ? AND url = ? AND state = 'done' AND fetched_in = ?",
            (self.site, url, self.run),
        ).fetchone()
        return row is not None and account.is_there(self._db, self.site, self.run, row[0])

    # ------------------------------------------------------------ what outlives a run

    def tail(self) -> tuple[str, int] | None:
        """The WARC, and the offset in it, before which every exchange of earlier runs has ended its lease."""
        row = self._db.execute("SELECT warc, offset FROM tails WHERE site = ?", (self.site,)).fetchone()
        return (str(row[0]), int(row[1])) if row else None

    def rests(self) -> dict[str, Rest]:
        """What earlier runs noted of hosts."""
        rows = self._db.execute("SELECT host, not_before, slashes FROM hosts WHERE site = ?", (self.site,))
        return {host: Rest(not_before=not_before, slashes=slashes) for host, not_before, slashes in rows}

    def note_rest(self, host: str, *, not_before: float = 0.0, slashes: int = 0) -> None:
        """Note what the next run must know of a host: the later moment holds, slashes are added up."""
        with unsynced(self._db):
            self._db.execute(
                "INSERT INTO hosts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " not_before = max(not_before, excluded.not_before), slashes = slashes + excluded.slashes",
                (self.site, host, not_before, slashes),
            )

    def spend(self, day: str, requests: int) -> int:
        """Add to the requests of a day, and return their sum."""
        with unsynced(self._db):
            row = self._db.execute(
                "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests"
                " RETURNING requests",
                (self.site, day, requests),
            ).fetchone()
        return int(row[0])

    def finish_run(self, *, now: float, reason: str) -> None:
        """Note the end of this run; what is still leased waits again."""
        with transaction(self._db):
            self._db.execute(
                f"UPDATE urls SET state = 'waiting' WHERE site = ? AND state = 'leased'{self._ours}", (self.site,)
            )
            self._db.execute("UPDATE runs SET finished_at = ?, reason = ? WHERE id = ?", (now, reason, self.run))


def _is_news(lastmod: float | None, *, announced_at: float | None, fetched_at: float | None) -> bool:
    """Whether what a site says of a page's last change is later than what it said before, or than our last look."""
    if lastmod is None:
        return False
    if announced_at is not None:
        return lastmod > announced_at + 1.0  # sources of one site round seconds their own way
    return fetched_at is None or lastmod > fetched_at


def _why(offer: Offer, announced: bool) -> Why | None:
    return Why.ANNOUNCED if announced else Why.EXPECTED if offer.continues else None


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

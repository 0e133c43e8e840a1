"""One crawl's parts, put together once: profile, lock, frontier, recorder. Spider, scheduler and wire look here."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import IO

from archive.config import ArchiveDir, Config, Site, window_of
from archive.errors import MuragatError, SiteError
from archive.looks import Observed, observations
from archive.schema import connect_readonly
from archive.warc import warc_date
from crawler import account
from crawler.frontier import Again, Counts, SourceCounts
from crawler.frontier_db import SqliteFrontier, connect, lock_site
from crawler.links import clean
from crawler.recorder import Recorder
from crawler.revisit import DAY, Goal, Known, Observations, choose, fit, observed
from crawler.scope import Scope

logger = logging.getLogger(__name__)

PRODUCT = "muragat"
MAX_NOTES = 50
TIMESYNC = Path("/run/systemd/timesync/synchronized")  # touched at each synchronisation (systemd-timesyncd.service(8))


def user_agent(config: Config) -> str:
    """`muragat/0.1.0 (+mailto:somebody@example.org)`: the product, and whom a site's owner can write to."""
    contact = config.contact
    if "@" in contact and "://" not in contact and not contact.startswith("mailto:"):
        contact = f"mailto:{contact}"
    return f"{PRODUCT}/{version(PRODUCT)} (+{contact})" if contact else f"{PRODUCT}/{version(PRODUCT)}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a crawl ended."""

    name: str
    site: str
    reason: str  # "finished", "interrupted", "limit", "window", "budget", "failed"
    counts: Counts
    waiting_pages: int  # of `counts.waiting`: those that are no mere requisites
    captures: int
    revisits: int
    bytes_received: int
    seconds: float
    warcs: tuple[str, ...]
    head: str | None  # of the manifest's chain
    notes: tuple[str, ...]  # what the operator should know
    seeds: tuple[tuple[str, str, str | None, bool], ...]  # URL, state, reason, whether it was fetched
    sources: tuple[SourceCounts, ...]
    again: tuple[Again, ...]
    recovered: int  # answers that a crawl which died had kept, and that were not fetched again
    saved: bool  # every page that a person named is captured


class CrawlRun:
    """Everything one crawl over one site needs. Holds the site's lock until it is closed."""

    def __init__(
        self,
        root: Path,
        site_name: str | None,
        *,
        full: bool = False,
        limit: int | None = None,
        only: tuple[str, ...] = (),
    ) -> None:
        """`only`: these pages and what they need, and nothing else."""
        self.directory = ArchiveDir(root)
        self.config = self.directory.config()
        self.site: Site = self.directory.site(site_name)
        self.full = full
        self.limit = limit
        self.only = only
        self.recovered = 0
        self.started_at = datetime.now(UTC)
        self.name = f"{self.site.name}-{self.started_at:%Y%m%d%H%M%S}"
        self.user_agent = user_agent(self.config)
        self.scope = Scope(self.site.crawl)
        self.homes = frozenset(filter(None, map(self.address, self.site.crawl.seeds)))
        self.notes: list[str] = []
        self.report: Report | None = None
        self.ended = False  # from then on the frontier cannot be asked
        self._lock: IO[str] = lock_site(self.directory.locks, self.site.name)
        self._db = connect(self.directory.frontier_db)
        self.recorder = Recorder(
            self.directory,
            self._db,
            prefix=self.site.name,
            info=self._warcinfo(),
            roll_bytes=self.config.warc_size,
            roll_age=timedelta(seconds=self.config.warc_age),
            spool_bytes=self.config.spool_size,
            allow_private=self.site.crawl.allow_private,
        )
        self.notes += self.recorder.repair_leftovers()
        self.frontier = self._begin(full=full)
        self.recorder.held_at = self.frontier.held

    def note(self, text: str) -> bool:
        """Keep what the operator should know; False when it is known, or there is too much of it."""
        if text in self.notes or len(self.notes) >= MAX_NOTES:
            return False
        self.notes.append(text)
        return True

    def _begin(self, *, full: bool) -> SqliteFrontier:
        now = time.time()
        judged, chosen = (list[str](), list[str]()) if full or self.only else self._choose(now)
        return SqliteFrontier(
            self._db,
            site=self.site.name,
            name=self.name,
            now=now,
            full=full,
            only_new=bool(self.only),
            profile=self.site.crawl_digest,
            max_urls=self.site.crawl.max_urls,
            max_urls_elsewhere=self.site.crawl.max_urls_elsewhere,
            judged=judged,
            chosen=chosen,
        )

    def _choose(self, now: float) -> tuple[list[str], list[str]]:
        """The articles that are there, as the rows know them, and those of them that are worth another look now."""
        if not self.directory.db.exists():
            return [], []
        try:
            db = connect_readonly(self.directory.db)
        except MuragatError as error:  # half made by an indexer that was killed: the next one finishes it
            logger.warning("%s", error)
            return [], []
        try:
            known = [
                _known(article, self.address(article.url) or article.url)
                for article in observations(db, self.site.name)
            ]
        finally:
            db.conn.close()
        before = account.last_started(self._db, self.site.name)
        share = min((now - before) / DAY, 1.0) if before else 1.0
        budget = math.ceil(self.site.crawl.revisits * max(share, 0.0))
        goal = Goal(self.site.crawl.revisit_goal)
        chosen = choose(known, now=now, budget=budget, goal=goal, prior=fit(known))
        return [page.url for page in known], chosen

    def address(self, typed: str, *, base: str | None = None) -> str | None:
        """The one form under which the frontier knows a URL; None for what is no address."""
        url = clean(typed, base=base)
        return self.scope.canonical(url) if url else None

    def day(self, now: float) -> str:
        """The day in the site's zone: what a budget is for."""
        return self._local(now).date().isoformat()

    def closed(self, now: float, *, requests: int) -> str | None:
        """Why no more requests may leave now, the profile's key first; None: they may."""
        rules = self.site.crawl
        if rules.budget is not None and requests >= rules.budget:
            return f"budget: the {rules.budget} requests of {self.day(now)} are spent; crawl again tomorrow"
        if (window := window_of(rules.window)) is not None:
            opens, closes = window
            clock = self._local(now).time()
            inside = opens <= clock < closes if opens < closes else clock >= opens or clock < closes
            if not inside:
                return f"window: {self.site.name} is asked between {rules.window} {self.site.read.zone} only"
        return None

    def _local(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, self.site.zone)

    def close(self, reason: str) -> Report:
        """End the run: close the WARC, note the counts, release the lock."""
        told = (self._db, self.site.name, self.frontier.run)
        counts, seeds = self.frontier.counts(), tuple(account.seeds(*told))
        waiting_pages = self.frontier.waiting_pages()
        saved = all(self.frontier.fetched_now(url) for url in filter(None, map(self.address, self.only)))
        sources, again = tuple(account.sources(*told)), tuple(account.again(*told))
        summary = {
            "offered": str(counts.offered),
            "fetched": str(counts.fetched),
            "failed": str(sum(counts.failed.values())),
            "skipped": str(sum(counts.skipped.values())),
            "waiting": str(counts.waiting),
        }
        try:
            if self.recorder.failure is None:
                self.recorder.close(crawl=self.name, reason=reason, counts=summary)
        finally:
            self.ended = True
            self.frontier.finish_run(now=time.time(), reason=reason)
            self._db.close()
            self._lock.close()
        self.report = Report(
            name=self.name,
            site=self.site.name,
            reason=reason,
            counts=counts,
            waiting_pages=waiting_pages,
            captures=self.recorder.captures,
            revisits=self.recorder.revisits,
            bytes_received=self.recorder.bytes_received,
            seconds=(datetime.now(UTC) - self.started_at).total_seconds(),
            warcs=tuple(self.recorder.warcs),
            head=self.recorder.head,
            notes=tuple(self.notes),
            seeds=seeds,
            sources=sources,
            again=again,
            recovered=self.recovered,
            saved=saved,
        )
        return self.report

    def _warcinfo(self) -> dict[str, str]:
        settings = sha256(f"{self.site.digest}\n{self.user_agent}".encode()).hexdigest()
        return {
            "software": f"{PRODUCT}/{version(PRODUCT)} (Scrapy {version('scrapy')})",
            "format": "WARC File Format 1.1",
            "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
            "isPartOf": self.name,
            "site": self.site.name,
            "started": warc_date(self.started_at),
            "operator": self.config.operator,
            "contact": self.config.contact,
            "http-header-user-agent": self.user_agent,
            "robots": "obey (RFC 9309)",
            "settings": f"sha256:{settings}",
            "clock": _clock(),
        }


def _known(article: Observed, url: str) -> Known:
    """An article as the policy of coming back wants it."""
    looks = [(at.timestamp(), version) for at, version in article.looks]
    seen: Observations = ()
    for (before, shown), (at, shows) in pairwise(looks):
        seen = observed(seen, at - before, changed=shows != shown)
    return Known(
        url=url,
        first_seen_at=looks[0][0],
        published_at=article.published_at.timestamp() if article.published_at else None,
        fetched_at=looks[-1][0],
        observations=seen,
    )


def _clock() -> str:
    """What is known of the clock that dates every record."""
    try:
        synchronised_at = datetime.fromtimestamp(TIMESYNC.stat().st_mtime, UTC)
    except OSError:
        return "system clock; whether it is synchronised is not known"
    return f"system clock; synchronised by systemd-timesyncd, last at {warc_date(synchronised_at)}"


def check(report: Report) -> None:
    """Raise SiteError when a crawl did not get one of its seeds: an empty success is a lie."""
    if report.reason != "finished":
        return
    if any(fetched for *_, fetched in report.seeds):
        if report.waiting_pages:
            why = "; ".join(report.notes) or "the host stopped answering"
            raise SiteError(f"{report.site}: {report.waiting_pages} pages still wait: {why}; crawl again later")
        return
    url, _, reason, _ = report.seeds[0] if report.seeds else ("no seed in the profile", "", None, False)
    if reason == "robots.txt":
        raise SiteError(
            f"{report.site}: robots.txt forbids {url}, and muragat obeys it; ask the site's owner to allow {PRODUCT},"
            " or name a seed in the site's profile that is allowed"
        )
    why = "; ".join(report.notes) or reason or "it was not reached"
    raise SiteError(f"{report.site}: {url} was not captured: {why}; is the address right, and the site up?")

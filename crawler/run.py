"""One crawl's parts, put together once: profile, lock, frontier, recorder. Spider, scheduler and wire look here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import IO

from archive.config import ArchiveDir, Config, Site
from archive.errors import SiteError
from archive.warc import warc_date
from crawler.frontier import Counts, Frontier, connect, lock_site
from crawler.links import Scope
from crawler.recorder import Recorder

PRODUCT = "muragat"
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
    reason: str  # "finished", "interrupted", "limit", "failed"
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


class CrawlRun:
    """Everything one crawl over one site needs. Holds the site's lock until it is closed."""

    def __init__(self, root: Path, site_name: str | None, *, full: bool = False, limit: int | None = None) -> None:
        self.directory = ArchiveDir(root)
        self.config = self.directory.config()
        self.site: Site = self.directory.site(site_name)
        self.limit = limit
        self.started_at = datetime.now(UTC)
        self.name = f"{self.site.name}-{self.started_at:%Y%m%d%H%M%S}"
        self.user_agent = user_agent(self.config)
        self.scope = Scope(self.site.crawl)
        self.notes: list[str] = []
        self.report: Report | None = None
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
        self.frontier = Frontier(self._db, site=self.site.name, name=self.name, now=time.time(), full=full)

    def close(self, reason: str) -> Report:
        """End the run: close the WARC, note the counts, release the lock."""
        counts, seeds = self.frontier.counts(), tuple(self.frontier.seeds())
        waiting_pages = self.frontier.waiting_pages()
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

"""One crawl from the command line: Scrapy started and stopped around a run, and its report in words."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings

from archive.config import ArchiveDir
from archive.errors import MuragatError

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from crawler.run import Report


def run_crawl(
    directory: ArchiveDir, site: str, *, full: bool = False, limit: int | None = None, wait: bool = True
) -> Report:
    """Crawl one site; return when the rows are in, unless `wait` is false. Raises what stopped the crawl."""
    settings = Settings()
    settings.setmodule(
        "crawler.settings", priority="project"
    )  # ours, never those of a scrapy.cfg we happen to stand in
    settings.setdict(
        {
            "MURAGAT_ARCHIVE": str(directory.root),
            "MURAGAT_FULL": full,
            "MURAGAT_LIMIT": limit or 0,
            "MURAGAT_PROGRESS": True,
        },
        priority="cmdline",
    )
    if importlib.util.find_spec("uvloop"):
        settings.set("ASYNCIO_EVENT_LOOP", "uvloop.Loop", priority="cmdline")
    directory.logs.mkdir(exist_ok=True)
    process = CrawlerProcess(settings)
    crawler = process.create_crawler("news")
    failures: list[BaseException] = []

    def keep(failure: Failure) -> None:
        failures.append(failure.value or MuragatError(f"the crawl of {site} failed and did not say why"))

    deferred: Any = process.crawl(crawler, site=site)
    deferred.addErrback(keep)
    if not failures:
        process.start()
    follow = getattr(crawler, "follow", None)
    code = follow.wait() if follow and wait else 0
    run = getattr(crawler.spider, "run", None)
    if run is not None and run.recorder.failure is not None:
        raise run.recorder.failure
    if failures:
        raise failures[0]
    if run is None or run.report is None:
        raise MuragatError(f"the crawl of {site} ended without a report; run it again, and file a bug with the log")
    if code:
        logging.getLogger(__name__).error("the indexer ended with exit code %d; `muragat index` goes on", code)
    report: Report = run.report
    return report


def report_lines(report: Report) -> Iterator[str]:
    """A report for people, with sums that add up."""
    counts = report.counts
    rate = report.captures / max(report.seconds, 0.001)
    yield f"{report.name}: {report.reason} after {report.seconds:.1f} s"
    yield (
        f"  offered {counts.offered} = fetched {counts.fetched} + failed {sum(counts.failed.values())}"
        f" + skipped {sum(counts.skipped.values())} + waiting {counts.waiting}"
    )
    yield f"  fetched {counts.fetched} = new {counts.new} + changed {counts.changed} + unchanged {counts.unchanged}"
    for what, reasons in (("failed", counts.failed), ("skipped", counts.skipped)):
        if reasons:
            yield f"  {what}: " + ", ".join(f"{why} {n}" for why, n in sorted(reasons.items(), key=lambda r: -r[1]))
    yield (
        f"  {report.captures} exchanges kept ({report.revisits} as revisits),"
        f" {report.bytes_received / 1e6:.1f} MB received, {rate:.1f}/s"
    )
    for name in report.warcs:
        yield f"  {name}"
    if report.head:
        yield f"  chain head {report.head}"
    for note in report.notes:
        yield f"  note: {note}"


def report_json(report: Report) -> dict[str, object]:
    """A report for programs; `offered` is the sum of fetched, failed, skipped and waiting."""
    return {
        **asdict(report),
        "fetched": report.counts.fetched,
        "rate": round(report.captures / max(report.seconds, 0.001), 1),
    }

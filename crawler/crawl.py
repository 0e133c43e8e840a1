"""One crawl from the command line: Scrapy started and stopped around a run, and its report in words."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings

from archive.config import ArchiveDir
from archive.errors import ConfigError, MuragatError, SiteError
from archive.looks import articles_among
from archive.schema import connect_readonly
from crawler.links import clean
from crawler.scope import Scope

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from archive.config import Site
    from crawler.run import Report


def run_crawl(
    directory: ArchiveDir,
    site: str,
    *,
    full: bool = False,
    limit: int | None = None,
    only: tuple[str, ...] = (),
    wait: bool = True,
) -> Report:
    """Crawl one site, or `only` these pages of it; return when the rows are in, unless `wait` is false.

    Raises what stopped the crawl.
    """
    settings = Settings()
    settings.setmodule(
        "crawler.settings", priority="project"
    )  # ours, never those of a scrapy.cfg we happen to stand in
    settings.setdict(
        {
            "MURAGAT_ARCHIVE": str(directory.root),
            "MURAGAT_FULL": full,
            "MURAGAT_LIMIT": limit or 0,
            "MURAGAT_ONLY": list(only),
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
    return _with_articles(report, directory) if wait else report


def _with_articles(report: Report, directory: ArchiveDir) -> Report:
    """How many of what only one source named are articles: the rows know."""
    if not directory.db.exists():
        return report
    db = connect_readonly(directory.db)
    try:
        told = tuple(replace(one, articles_alone=articles_among(db, one.alone)) for one in report.sources)
    finally:
        db.conn.close()
    return replace(report, sources=told)


def save(directory: ArchiveDir, typed: tuple[str, ...]) -> Iterator[Report]:
    """Fetch these pages now, due or not, with what they need; one report for each site they are of."""
    by_site = dict[str, list[str]]()
    for text in typed:
        url = clean(text if "://" in text else f"https://{text}")
        if url is None:
            raise ConfigError(f"{text!r} is not a web address; an example is https://kazakistan.kz/")
        home = next((site for site in directory.all_sites() if _is_of(url, site)), None)
        if home is None:
            raise ConfigError(
                f"{url} is of no site in this archive; `muragat site add {url}` adds its site, then save it again"
            )
        by_site.setdefault(home.name, []).append(url)
    for name, urls in by_site.items():
        report = run_crawl(directory, name, only=tuple(urls))
        yield report
        if report.reason != "interrupted" and not report.saved:
            why = "; ".join([*report.counts.failed, *report.counts.skipped, *report.notes]) or "no such page"
            raise SiteError(
                f"{', '.join(urls)}: the page was not there ({why}); any answer is kept; is the address right?"
            )


def _is_of(url: str, site: Site) -> bool:
    return Scope(site.crawl).refuse(url, depth=0, source=True) is None


def report_lines(report: Report) -> Iterator[str]:
    """A report for people, with sums that add up."""
    counts = report.counts
    rate = report.captures / max(report.seconds, 0.001)
    yield f"{report.name}: {report.reason} after {report.seconds:.1f} s"
    yield (
        f"  offered {counts.offered} = fetched {counts.fetched} + failed {sum(counts.failed.values())}"
        f" + skipped {sum(counts.skipped.values())} + waiting {counts.waiting}"
    )
    parts = {"new": counts.new, "changed": counts.changed, "unchanged": counts.unchanged, "gone": counts.gone}
    yield f"  fetched {counts.fetched} = " + " + ".join(f"{name} {count}" for name, count in parts.items())
    for what, reasons in (("failed", counts.failed), ("skipped", counts.skipped)):
        if reasons:
            yield f"  {what}: " + ", ".join(f"{why} {n}" for why, n in sorted(reasons.items(), key=lambda r: -r[1]))
    yield (
        f"  {report.captures} exchanges kept ({report.revisits} as revisits),"
        f" {report.bytes_received / 1e6:.1f} MB received, {rate:.1f}/s"
    )
    for told in report.sources:
        alone = "" if told.articles_alone is None else f", {told.articles_alone} articles that nobody else named"
        yield f"  {told.source}: {told.offered} pages offered, {told.new} new{alone}"
    for again in report.again:
        yield f"  again, {again.why}: {again.fetched}, of which {again.changed} changed and {again.gone} gone"
    if report.recovered:
        yield f"  {report.recovered} answers of a crawl that died were in its WARC and were not fetched again"
    for name in report.warcs:
        yield f"  {name}"
    if report.head:
        yield f"  chain head {report.head}"
    for note in report.notes:
        yield f"  note: {note}"


def report_json(report: Report) -> dict[str, object]:
    """A report for programs; `offered` is the sum of fetched, failed, skipped and waiting."""
    plain = asdict(report)
    for told in plain["sources"]:
        told["alone"] = len(told["alone"])
    return {
        **plain,
        "fetched": report.counts.fetched,
        "rate": round(report.captures / max(report.seconds, 0.001), 1),
    }

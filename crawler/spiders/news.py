"""The spider that walks any news site by its profile: it reads what each response offers, and extracts no article."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.http import HtmlResponse, Response

from archive.config import ArchiveDir
from crawler.discover import Robots, is_api_poll
from crawler.frontier import Finish, Kind, Lease, Offer, Outcome
from crawler.links import MAX_REDIRECTS
from crawler.offers import Offers, directives, header
from crawler.revisit import DAY, next_due
from crawler.run import PRODUCT, CrawlRun
from crawler.scheduler import SITEMAP_PRIORITY, FrontierScheduler
from crawler.sources import read_time
from crawler.tail import Answered, read_tail

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)

# A page that the seeds link to directly lists others more often than not; it is read in every crawl.
LISTING_DEPTH = 1
MAX_WAIT_SECONDS = 30 * DAY  # a longer Retry-After is a slip of the pen


class NewsSpider(Spider):
    """`scrapy crawl news -a site=NAME`: one run over one site of the archive."""

    name = "news"
    site_name: str | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> NewsSpider:
        """Put the run together before anything else of Scrapy asks for it."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        settings = crawler.settings
        # Scrapy's own logger says DEBUG and its handler drops it: a sixth of a crawl's time went into unread lines.
        logging.getLogger("scrapy").setLevel(settings.get("LOG_LEVEL"))
        root = settings.get("MURAGAT_ARCHIVE")
        limit = settings.getint("MURAGAT_LIMIT") or None
        spider.run = CrawlRun(
            Path(root) if root else ArchiveDir.find(None).root,
            kwargs.get("site") or cls.site_name,
            full=settings.getbool("MURAGAT_FULL"),
            limit=limit,
            only=tuple(settings.getlist("MURAGAT_ONLY")),
        )
        spider._offers = Offers(spider.run)
        spider.run.frontier.recheck(spider._offers.refuse)
        settings.set("USER_AGENT", spider.run.user_agent, priority="spider")
        return spider

    run: CrawlRun
    _offers: Offers
    scheduler: FrontierScheduler  # where leases come from and go back to

    async def start(self) -> AsyncIterator[Any]:
        """Nothing: the seeds are in the frontier already."""
        return
        yield

    def end_leases_of_the_dead(self) -> None:
        """A crawl that died may have kept answers and not noted what they offer: read them from its WARC."""
        run = self.run
        if run.only:
            return  # a crawl of the site will
        leftovers = run.recorder.leftovers(run.frontier.tail())
        ended = set[str]()
        for answered in read_tail(run.directory.warcs, leftovers, urls=run.frontier.left):
            lease = run.frontier.lease_one(answered.url)
            if lease is not None and _ends(lease, answered):
                self._end(lease, answered)
                ended.add(lease.url)
        run.recovered = len(ended)
        run.frontier.release(run.frontier.left - ended)

    def _end(self, lease: Lease, answered: Answered) -> None:
        http, request = answered.http, Request(lease.url, meta={"lease": lease})
        kind = HtmlResponse if "html" in http.media_type and answered.body is not None else Response
        headers = [(name, value.encode("latin-1", "replace")) for name, value in http.fields]
        response = kind(
            lease.url,
            status=http.status,
            headers=headers,
            body=answered.body or b"",
            request=request,
        )
        if answered.body is not None and http.status == 200:
            self.run.recorder.recover(answered.payload_digest, lease.url, answered.at, chunked=http.chunked)
        offers = self._read(response, lease) if answered.body is not None else ()
        self._finish(response, lease, offers, digest=answered.payload_digest or None)

    # ------------------------------------------------------------ answers

    def parse(self, response: Response, **kwargs: Any) -> None:
        """Any answer at all: report what became of the lease, and what it offered."""
        lease: Lease = response.meta["lease"]
        digest = self.run.recorder.take_digest(lease.url)
        if not _counts(response.status, lease):
            self.scheduler.failed(lease, f"HTTP {response.status}", status=response.status, wait=_retry_after(response))
            return
        self.scheduler.answered(lease.host, seconds=response.meta.get("download_latency"))
        self._finish(response, lease, self._read(response, lease), digest=digest)

    def _read(self, response: Response, lease: Lease) -> tuple[Offer, ...]:
        try:
            return tuple(self._offers.of(response, lease))
        except Exception:  # an answer that fools us is kept, and must not stop the crawl
            logger.exception("%s: what it offers could not be read", lease.url)
            self.run.note(f"{lease.url}: what it offers could not be read; the log says why")
            return ()

    async def parse_robots(self, response: Response, **kwargs: Any) -> None:
        """A host's robots.txt: followed through redirects, also to other hosts; then obeyed (RFC 9309 §2.3.1)."""
        lease: Lease = response.meta["lease"]
        final = response
        for _ in range(MAX_REDIRECTS):
            target = self._offers.location(final) if 300 <= final.status < 400 else None
            if target is None:
                break
            await asyncio.sleep(self.run.site.crawl.delay)
            try:
                final = await self.crawler.engine.download_async(response.request.replace(url=target))  # type: ignore[union-attr]
            except Exception as error:  # whatever kept it from being read: it was not read
                self.scheduler.failed(lease, f"redirected to {target}: {type(error).__name__}")
                return
            finally:
                self.run.recorder.take_digest(target)
        digest = self.run.recorder.take_digest(lease.url)
        if final.status == 429 or final.status >= 500:
            self.scheduler.failed(lease, f"HTTP {final.status}", status=final.status, wait=_retry_after(final))
            return
        self.scheduler.answered(lease.host)
        # Anything but 200: the host has no rules (§2.3.1.3).
        robots = Robots(final.body if final.status == 200 else b"", agent=PRODUCT)
        self.scheduler.robots_known(lease.host, robots)
        named = [] if self.run.only else robots.sitemaps
        offers = self._offers.all_of(named, lease, kind=Kind.SITEMAP, priority=SITEMAP_PRIORITY)
        self._finish(response, lease, tuple(offers), digest=digest)

    def parse_failure(self, failure: Failure) -> None:
        """No whole answer: the recorder has noted what there was."""
        lease: Lease = failure.request.meta["lease"]  # type: ignore[attr-defined]
        error = failure.value
        self.run.recorder.take_digest(lease.url)
        text = " ".join(str(error).split())
        self.scheduler.failed(lease, type(error).__name__ + (f": {text[:150]}" if lease.kind is Kind.ROBOTS else ""))

    def _finish(self, response: Response, lease: Lease, offers: tuple[Offer, ...], *, digest: str | None) -> None:
        now = time.time()
        outcome = self._outcome(response, lease, digest)
        # Of a page that was only saved the links are not read: the next crawl must not be told that it knows them.
        unread = bool(self.run.only) and lease.kind not in (Kind.REQUISITE, Kind.DOCUMENT)
        finish = Finish(
            url=lease.url,
            at=now,
            status=response.status,
            outcome=outcome,
            payload_digest=None if response.status == 304 else digest,
            due_at=_due_at(lease, now),
            etag=None if unread else header(response, "ETag"),
            last_modified=None if unread else header(response, "Last-Modified"),
            directives=directives(response),
            offers=offers,
        )
        self.scheduler.finished(finish, host=lease.host)

    def _outcome(self, response: Response, lease: Lease, digest: str | None) -> Outcome:
        if lease.payload_digest is None:
            return Outcome.NEW
        if response.status == 304 or digest == lease.payload_digest:
            return Outcome.UNCHANGED
        if lease.status == 200 and (response.status in (404, 410) or self._leads_home(response)):
            return Outcome.GONE
        return Outcome.CHANGED

    def _leads_home(self, response: Response) -> bool:
        """Whether a page sends us to the front page: how many sites say that it is gone."""
        return 300 <= response.status < 400 and self._offers.location(response) in self.run.homes


def _counts(status: int, lease: Lease) -> bool:
    """Whether an answer says something of the page; else it is asked again."""
    if status == 304:
        return lease.status == 200  # else nobody asked whether it had changed
    return status != 429 and status < 500


def _ends(lease: Lease, answered: Answered) -> bool:
    """Whether an answer that a dead crawl kept is all that its lease was for."""
    if not _counts(answered.http.status, lease) or lease.kind is Kind.ROBOTS:
        return False
    if answered.body is not None or answered.http.status == 304:
        return True
    # A body held elsewhere: what it links to was entered with it, unless that was another page.
    return answered.payload_digest == lease.payload_digest or (
        lease.kind is Kind.REQUISITE and "css" not in answered.http.media_type
    )


def _due_at(lease: Lease, now: float) -> float:
    """When to fetch again what is no article, or not known to be one; 0: in every crawl."""
    kind, depth = lease.kind, lease.depth
    lists = kind.tells or kind in (Kind.SEED, Kind.LISTING) or (kind is Kind.PAGE and depth <= LISTING_DEPTH)
    further_page = (kind is Kind.FEED and depth > 0) or (kind is Kind.API and not is_api_poll(lease.url))
    return next_due(
        first_fetched_at=lease.first_fetched_at or now,
        fetched_at=now,
        is_listing=lists,
        is_requisite=kind in (Kind.REQUISITE, Kind.DOCUMENT),
        is_deep=further_page or (kind is Kind.LISTING and depth > LISTING_DEPTH),
    )


def _retry_after(response: Response) -> float | None:
    """Seconds that the host asks us to stay away, at most MAX_WAIT_SECONDS (RFC 9110 §10.2.3)."""
    text = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_WAIT_SECONDS)
    at = read_time(text) if text else None
    return min(max(at.timestamp() - time.time(), 0.0), MAX_WAIT_SECONDS) if at else None

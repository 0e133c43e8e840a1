"""The spider that walks any news site by its profile: it reads what each response offers, and extracts no article."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scrapy import Spider
from scrapy.http import HtmlResponse, Response

from archive.config import ArchiveDir
from crawler.discover import Robots, read_source, read_time
from crawler.frontier import Finish, Kind, Lease, Offer, Outcome
from crawler.links import MAX_REDIRECTS, clean, host_of, read_css, read_links
from crawler.revisit import next_due
from crawler.run import PRODUCT, CrawlRun
from crawler.scheduler import SITEMAP_PRIORITY, FrontierScheduler

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

LISTED_PRIORITY = 50  # pages that a sitemap or feed names
REQUISITE_PRIORITY = 45
PAGE_PRIORITY = 40

# A page that the seeds link to directly lists others more often than not; it is read in every crawl.
LISTING_DEPTH = 1
MAX_WAIT_SECONDS = 3600.0  # a Retry-After beyond an hour is for the next crawl


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
        )
        spider.run.frontier.recheck(spider._refuse)
        settings.set("USER_AGENT", spider.run.user_agent, priority="spider")
        return spider

    run: CrawlRun

    async def start(self) -> AsyncIterator[Any]:
        """Nothing: the seeds are in the frontier already."""
        return
        yield

    @property
    def scheduler(self) -> FrontierScheduler:
        """Where leases come from and go back to."""
        return cast(FrontierScheduler, self.crawler.engine.scheduler)

    # ------------------------------------------------------------ answers

    def parse(self, response: Response, **kwargs: Any) -> None:
        """Any answer at all: report what became of the lease, and what it offered."""
        lease: Lease = response.meta["lease"]
        self.scheduler.answered(lease.host)
        if response.status == 429 or response.status >= 500:
            self.scheduler.failed(lease, f"HTTP {response.status}", status=response.status, wait=_retry_after(response))
            return
        self._finish(response, lease, tuple(self._offers(response, lease)))

    async def parse_robots(self, response: Response, **kwargs: Any) -> None:
        """A host's robots.txt: followed through redirects, also to other hosts; then obeyed (RFC 9309 §2.3.1)."""
        lease: Lease = response.meta["lease"]
        final = response
        for _ in range(MAX_REDIRECTS):
            target = _location(final) if 300 <= final.status < 400 else None
            if target is None:
                break
            try:
                final = await self.crawler.engine.download_async(response.request.replace(url=target))  # type: ignore[union-attr]
            except Exception as error:  # whatever kept it from being read: it was not read
                self.scheduler.failed(lease, f"redirected to {target}: {type(error).__name__}")
                return
        if final.status == 429 or final.status >= 500:
            self.scheduler.failed(lease, f"HTTP {final.status}", status=final.status, wait=_retry_after(final))
            return
        self.scheduler.answered(lease.host)
        # Anything but 200: the host has no rules (§2.3.1.3).
        robots = Robots(final.body if final.status == 200 else b"", agent=PRODUCT)
        self.scheduler.robots_known(lease.host, robots)
        offers = self._offer_all(robots.sitemaps, lease, kind=Kind.SITEMAP, priority=SITEMAP_PRIORITY)
        self._finish(response, lease, tuple(offers))

    def parse_failure(self, failure: Failure) -> None:
        """No whole answer: the recorder has noted what there was."""
        lease: Lease = failure.request.meta["lease"]  # type: ignore[attr-defined]
        error = failure.value
        self.run.recorder.take_digest(lease.url)
        text = " ".join(str(error).split())
        self.scheduler.failed(lease, type(error).__name__ + (f": {text[:150]}" if lease.kind is Kind.ROBOTS else ""))

    def _finish(self, response: Response, lease: Lease, offers: tuple[Offer, ...]) -> None:
        now = time.time()
        digest = self.run.recorder.take_digest(lease.url)
        if lease.payload_digest is None:
            outcome = Outcome.NEW
        else:
            outcome = Outcome.UNCHANGED if digest == lease.payload_digest else Outcome.CHANGED
        listing = lease.kind in (Kind.ROBOTS, Kind.SITEMAP, Kind.FEED, Kind.SEED) or (
            lease.kind is Kind.PAGE and lease.depth <= LISTING_DEPTH
        )
        due_at = next_due(
            first_fetched_at=lease.first_fetched_at or now,
            fetched_at=now,
            is_listing=listing,
            is_requisite=lease.kind is Kind.REQUISITE,
        )
        finish = Finish(
            url=lease.url,
            at=now,
            status=response.status,
            outcome=outcome,
            payload_digest=digest,
            due_at=due_at,
            offers=offers,
        )
        self.scheduler.finished(finish, host=lease.host)

    # ------------------------------------------------------------ what an answer offers

    def _offers(self, response: Response, lease: Lease) -> Iterator[Offer]:
        if 300 <= response.status < 400:
            yield from self._redirect(response, lease)
        elif response.status != 200:
            return
        elif lease.kind in (Kind.SITEMAP, Kind.FEED):
            yield from self._listed(response, lease)
        elif isinstance(response, HtmlResponse) and lease.kind is not Kind.REQUISITE:
            yield from self._linked(response, lease)
        elif lease.kind is Kind.REQUISITE and b"css" in (response.headers.get("Content-Type") or b"").lower():
            yield from self._offer_all(
                read_css(response.body), lease, kind=Kind.REQUISITE, priority=REQUISITE_PRIORITY, base=response.url
            )

    def _redirect(self, response: Response, lease: Lease) -> Iterator[Offer]:
        if not (target := _location(response)):
            return
        kind = Kind.PAGE if lease.kind is Kind.SEED else lease.kind
        refused = "redirect loop" if lease.redirects >= MAX_REDIRECTS else None
        offer = self._offer(
            target,
            lease,
            kind=kind,
            priority=lease.priority,
            depth=lease.depth,
            redirects=lease.redirects + 1,
            refused=refused,
        )
        if lease.kind is Kind.SEED and offer.refused:
            self.run.notes.append(
                f"{lease.url} redirects to {target}, which is not followed ({offer.refused});"
                " if the site has moved, correct seeds and hosts in its profile"
            )
        yield offer

    def _listed(self, response: Response, lease: Lease) -> Iterator[Offer]:
        for entry in read_source(response.body):
            if not (url := clean(entry.url, base=response.url)):
                continue
            lastmod = entry.modified_at.timestamp() if entry.modified_at else None
            if entry.is_sitemap:
                yield self._offer(url, lease, kind=Kind.SITEMAP, priority=SITEMAP_PRIORITY, depth=0)
            else:
                yield self._offer(url, lease, kind=Kind.PAGE, priority=LISTED_PRIORITY, depth=2, lastmod=lastmod)

    def _linked(self, response: HtmlResponse, lease: Lease) -> Iterator[Offer]:
        links = read_links(response.body, response.url)
        if self.run.site.crawl.requisites:
            yield from self._offer_all(links.requisites, lease, kind=Kind.REQUISITE, priority=REQUISITE_PRIORITY)
        depth = lease.depth + 1
        yield from self._offer_all(links.pages, lease, kind=Kind.PAGE, priority=PAGE_PRIORITY, depth=depth)
        if lease.kind is Kind.SEED:  # other pages name the feed of their own comments
            yield from self._offer_all(links.feeds, lease, kind=Kind.FEED, priority=SITEMAP_PRIORITY, depth=depth)
        if links.dropped:
            self.run.notes.append(f"{lease.url}: {links.dropped} links beyond the bound for one page were not followed")

    def _offer_all(
        self,
        urls: Iterable[str],
        lease: Lease,
        *,
        kind: Kind,
        priority: int,
        depth: int | None = None,
        base: str | None = None,
    ) -> Iterator[Offer]:
        for url in urls:
            if link := clean(url, base=base or lease.url):
                yield self._offer(
                    link, lease, kind=kind, priority=priority, depth=lease.depth if depth is None else depth
                )

    def _offer(
        self,
        url: str,
        lease: Lease,
        *,
        kind: Kind,
        priority: int,
        depth: int,
        lastmod: float | None = None,
        redirects: int = 0,
        refused: str | None = None,
    ) -> Offer:
        rule = refused or self._refuse(url, kind, depth)
        if rule is None and self.run.frontier.size >= self.run.site.crawl.max_urls:
            rule = "frontier full (crawl.max_urls)"
        return Offer(
            url=url,
            kind=kind,
            host=host_of(url),
            priority=priority,
            depth=depth,
            found_on=lease.url,
            lastmod=lastmod,
            refused=rule,
            redirects=redirects,
        )

    def _refuse(self, url: str, kind: Kind, depth: int) -> str | None:
        source = kind in (Kind.ROBOTS, Kind.SITEMAP, Kind.FEED)
        return self.run.scope.refuse(url, depth=depth, requisite=kind is Kind.REQUISITE, source=source)


def _location(response: Response) -> str | None:
    """Where a redirect points, as a clean URL."""
    location = (response.headers.get("Location") or b"").decode("utf-8", "replace")
    return clean(location, base=response.url) if location else None


def _retry_after(response: Response) -> float | None:
    """Seconds that the host asks us to stay away, at most an hour (RFC 9110 §10.2.3)."""
    text = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if text.isdigit():
        return min(float(text), MAX_WAIT_SECONDS)
    at = read_time(text) if text else None
    return min(max(at.timestamp() - time.time(), 0.0), MAX_WAIT_SECONDS) if at else None

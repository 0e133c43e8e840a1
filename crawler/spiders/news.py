"""The spider that walks any news site by its profile: it reads what each response offers, and extracts no article."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.http import HtmlResponse, Response

from archive.config import ArchiveDir
from crawler.discover import Robots, api_poll, api_root, api_start, is_api_poll, read_api
from crawler.frontier import Finish, Kind, Lease, Offer, Outcome, Source
from crawler.links import MAX_REDIRECTS, Links, host_of, read_css, read_links, read_robots_header
from crawler.revisit import DAY, HOUR
from crawler.run import PRODUCT, CrawlRun
from crawler.scheduler import SITEMAP_PRIORITY, FrontierScheduler
from crawler.sources import MAX_FEED_PAGES, Entry, next_feed_page, read_source, read_time
from crawler.tail import Answered, read_tail
from crawler.traps import Traps, same_series

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

API_PRIORITY = 85
LISTED_PRIORITY = 50  # pages that a sitemap or feed names
REQUISITE_PRIORITY = 45
PAGE_PRIORITY = 40
LISTING_PRIORITY = 42
FEED_PAGE_PRIORITY = 30
SLASHES = 3  # redirects that only add a slash, after which we add it ourselves

# A page that the seeds link to directly lists others more often than not; it is read in every crawl.
LISTING_DEPTH = 1
MAX_WAIT_SECONDS = 30 * 86_400.0  # a longer Retry-After is a slip of the pen


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
        spider._traps = Traps(spider.run.site.crawl.article)
        spider._slashes = {host: rest.slashes for host, rest in spider.run.frontier.rests().items()}
        spider.run.frontier.recheck(spider._refuse)
        settings.set("USER_AGENT", spider.run.user_agent, priority="spider")
        return spider

    run: CrawlRun
    _traps: Traps
    _slashes: dict[str, int]  # host → redirects seen that only add a slash, less those that only take it away
    scheduler: FrontierScheduler  # where leases come from and go back to

    async def start(self) -> AsyncIterator[Any]:
        """Nothing: the seeds are in the frontier already."""
        return
        yield

    def end_leases_of_the_dead(self) -> None:
        """A crawl that died may have kept answers and not noted what they offer: read them from its WARC."""
        run = self.run
        if not run.frontier.left:
            return
        leftovers = run.recorder.leftovers(run.frontier.tail())
        for answered in read_tail(run.directory.warcs, leftovers, urls=run.frontier.left):
            lease = run.frontier.lease_one(answered.url)
            if lease is not None and _ends(lease, answered):
                self._end(lease, answered)
                run.recovered += 1
            elif lease is not None:
                run.frontier.release([lease.url])

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
        offers = tuple(self._offers(response, lease)) if answered.body is not None else ()
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
        self._finish(response, lease, tuple(self._offers(response, lease)), digest=digest)

    async def parse_robots(self, response: Response, **kwargs: Any) -> None:
        """A host's robots.txt: followed through redirects, also to other hosts; then obeyed (RFC 9309 §2.3.1)."""
        lease: Lease = response.meta["lease"]
        final = response
        for _ in range(MAX_REDIRECTS):
            target = self._location(final) if 300 <= final.status < 400 else None
            if target is None:
                break
            try:
                final = await self.crawler.engine.download_async(response.request.replace(url=target))  # type: ignore[union-attr]
                self.run.recorder.take_digest(target)
            except Exception as error:  # whatever kept it from being read: it was not read
                self.scheduler.failed(lease, f"redirected to {target}: {type(error).__name__}")
                return
        digest = self.run.recorder.take_digest(lease.url)
        if final.status == 429 or final.status >= 500:
            self.scheduler.failed(lease, f"HTTP {final.status}", status=final.status, wait=_retry_after(final))
            return
        self.scheduler.answered(lease.host)
        # Anything but 200: the host has no rules (§2.3.1.3).
        robots = Robots(final.body if final.status == 200 else b"", agent=PRODUCT)
        self.scheduler.robots_known(lease.host, robots)
        offers = self._offer_all(robots.sitemaps, lease, kind=Kind.SITEMAP, priority=SITEMAP_PRIORITY)
        self._finish(response, lease, () if self.run.only else tuple(offers), digest=digest)

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
        finish = Finish(
            url=lease.url,
            at=now,
            status=response.status,
            outcome=outcome,
            payload_digest=None if response.status == 304 else digest,
            due_at=_due_at(lease, now),
            etag=_header(response, "ETag"),
            last_modified=_header(response, "Last-Modified"),
            directives=_directives(response),
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
        return 300 <= response.status < 400 and self._location(response) in self.run.homes

    # ------------------------------------------------------------ what an answer offers

    def _offers(self, response: Response, lease: Lease) -> Iterator[Offer]:
        if 300 <= response.status < 400:
            yield from self._redirect(response, lease)
        elif response.status != 200:
            return
        elif lease.kind in (Kind.SITEMAP, Kind.FEED):
            yield from self._listed(response, lease)
        elif lease.kind is Kind.API:
            yield from self._from_api(response, lease)
        elif isinstance(response, HtmlResponse) and lease.kind not in (Kind.REQUISITE, Kind.DOCUMENT):
            yield from self._linked(response, lease)
        elif lease.kind is Kind.REQUISITE and b"css" in (response.headers.get("Content-Type") or b"").lower():
            yield from self._offer_all(
                read_css(response.body), lease, kind=Kind.REQUISITE, priority=REQUISITE_PRIORITY, base=response.url
            )

    def _redirect(self, response: Response, lease: Lease) -> Iterator[Offer]:
        if not (target := self._location(response)):
            return
        if response.status in (301, 308) and target.rstrip("/") == lease.url.rstrip("/") and target != lease.url:
            self._note_slash(host_of(target), 1 if target.endswith("/") else -1)
        kind = Kind.PAGE if lease.kind is Kind.SEED else lease.kind
        refused = "redirect loop" if lease.redirects >= MAX_REDIRECTS else None
        offer = self._offer(
            target,
            lease,
            kind=kind,
            source=Source.REDIRECT,
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

    def _note_slash(self, host: str, step: int) -> None:
        self._slashes[host] = self._slashes.get(host, 0) + step
        self.run.frontier.note_rest(host, slashes=step)

    def _listed(self, response: Response, lease: Lease) -> Iterator[Offer]:
        source = Source.FEED if lease.kind is Kind.FEED else Source.SITEMAP
        entries = read_source(response.body, url=response.url)
        for entry in entries:
            if entry.is_sitemap and (url := self.run.address(entry.url)):
                yield self._offer(
                    url, lease, kind=Kind.SITEMAP, source=source, priority=SITEMAP_PRIORITY, depth=lease.depth
                )
        pages = list(self._entered(entries, lease, source))
        yield from pages
        if lease.kind is not Kind.FEED or not self.run.frontier.tells_news(pages):
            return
        # After the sitemaps and the interface have told theirs: a feed then says nothing new, and is left.
        if following := next_feed_page(response.url, response.body):
            depth = lease.depth + 1
            refused = "endless feed" if depth > MAX_FEED_PAGES else None
            yield from self._offer_all(
                [following], lease, kind=Kind.FEED, priority=FEED_PAGE_PRIORITY, depth=depth, refused=refused
            )

    def _from_api(self, response: Response, lease: Lease) -> Iterator[Offer]:
        headers = {str(name): str(value) for name, value in response.headers.to_unicode_dict().items()}
        entries, following = read_api(response.body, url=response.url, headers=headers)
        pages = list(self._entered(entries, lease, Source.API))
        yield from pages
        if following and (not is_api_poll(response.url) or self.run.frontier.tells_news(pages)):
            yield from self._offer_all([following], lease, kind=Kind.API, priority=API_PRIORITY, depth=lease.depth + 1)

    def _entered(self, entries: Iterable[Entry], lease: Lease, source: Source) -> Iterator[Offer]:
        """The pages that a sitemap, feed or interface names."""
        for entry in entries:
            if entry.is_sitemap or not (url := self.run.address(entry.url)):
                continue
            lastmod = entry.modified_at.timestamp() if entry.modified_at else None
            yield self._offer(
                url, lease, kind=Kind.PAGE, source=source, priority=LISTED_PRIORITY, depth=2, lastmod=lastmod
            )

    def _linked(self, response: HtmlResponse, lease: Lease) -> Iterator[Offer]:
        links = read_links(response.body, response.url)
        response.meta["directives"] = links.directives
        rules = self.run.site.crawl
        if rules.requisites:
            yield from self._offer_all(links.requisites, lease, kind=Kind.REQUISITE, priority=REQUISITE_PRIORITY)
        if rules.documents:
            yield from self._offer_all(links.documents, lease, kind=Kind.DOCUMENT, priority=REQUISITE_PRIORITY)
        if self.run.only:
            return
        yield from self._pages(links, lease)
        if lease.kind is Kind.SEED:  # other pages name the feed of their own comments
            yield from self._offer_all(links.feeds, lease, kind=Kind.FEED, priority=SITEMAP_PRIORITY, depth=0)
            yield from self._api_of(response, lease)
        if links.dropped:
            self.run.notes.append(f"{lease.url}: {links.dropped} links beyond the bound for one page were not followed")

    def _pages(self, links: Links, lease: Lease) -> Iterator[Offer]:
        source = Source.LISTING if lease.kind in (Kind.SEED, Kind.LISTING) else Source.PAGE
        pages = [self._page(link, lease, source) for link in links.pages]
        pages += [self._page(link, lease, Source.CANONICAL) for link in links.canonical]
        today = self.run.started_at.date()
        followed = [page.url for page in pages if page.refused is None]
        reading = self._traps.read(lease.url, followed, requisites=links.requisites, title=links.title, today=today)
        for page in pages:
            rule = reading.refused.get(page.url)
            yield replace(page, refused=rule) if rule else page
        for url in reading.released:
            yield self._page(url, lease, source)

    def _page(self, link: str, lease: Lease, source: Source) -> Offer:
        url = self._with_slash(self.run.scope.canonical(link))
        # The next page of a list is no deeper than the page before.
        depth = lease.depth if same_series(url, lease.url) else lease.depth + 1
        listing = self.run.scope.is_listing(url)
        return self._offer(
            url,
            lease,
            kind=Kind.LISTING if listing else Kind.PAGE,
            source=source,
            priority=LISTING_PRIORITY if listing else PAGE_PRIORITY,
            depth=depth,
        )

    def _with_slash(self, url: str) -> str:
        """`/haber/` for `/haber` on a host that has been seen to send us from the one to the other."""
        if self._slashes.get(host_of(url), 0) < SLASHES or "?" in url or "." in url.rpartition("/")[2]:
            return url
        return url if url.endswith("/") else f"{url}/"

    def _api_of(self, response: HtmlResponse, lease: Lease) -> Iterator[Offer]:
        """The REST interface that a front page names: walked once, and asked for the latest in every crawl."""
        link = _header(response, "Link") or ""
        root = api_root(response.body, url=response.url, link=link) if self.run.site.crawl.api else None
        if root is None:
            return
        start = [url for url in api_start(root) if self.run.frontier.held(self.run.address(url) or url) is None]
        yield from self._offer_all([*start, *api_poll(root)], lease, kind=Kind.API, priority=API_PRIORITY, depth=0)

    def _offer_all(
        self,
        urls: Iterable[str],
        lease: Lease,
        *,
        kind: Kind,
        priority: int,
        depth: int | None = None,
        base: str | None = None,
        refused: str | None = None,
    ) -> Iterator[Offer]:
        source = Source.LISTING if lease.kind in (Kind.SEED, Kind.LISTING) else Source.PAGE
        depth = lease.depth if depth is None else depth
        for url in urls:
            if link := self.run.address(url, base=base or lease.url):
                yield self._offer(
                    link, lease, kind=kind, source=source, priority=priority, depth=depth, refused=refused
                )

    def _offer(
        self,
        url: str,
        lease: Lease,
        *,
        kind: Kind,
        source: Source,
        priority: int,
        depth: int,
        lastmod: float | None = None,
        redirects: int = 0,
        refused: str | None = None,
    ) -> Offer:
        rules, frontier, host = self.run.site.crawl, self.run.frontier, host_of(url)
        rule = refused or self._refuse(url, kind, depth)
        if rule is None and frontier.size >= rules.max_urls:
            rule = "frontier full (crawl.max_urls)"
        if rule is None and kind is Kind.REQUISITE and not frontier.room(host, bound=rules.max_urls_elsewhere):
            rule = "host full (crawl.max_urls_elsewhere)"
        return Offer(
            url=url,
            kind=kind,
            source=source,
            host=host,
            priority=priority,
            depth=depth,
            found_on=lease.url,
            lastmod=lastmod,
            refused=rule,
            redirects=redirects,
        )

    def _location(self, response: Response) -> str | None:
        """Where a redirect points."""
        location = (response.headers.get("Location") or b"").decode("utf-8", "replace")
        return self.run.address(location, base=response.url) if location else None

    def _refuse(self, url: str, kind: Kind, depth: int) -> str | None:
        return self.run.scope.refuse(url, depth=depth, requisite=kind is Kind.REQUISITE, source=kind.tells)


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


def _directives(response: Response) -> str | None:
    """What a page asks of robots, in its head or in itself. Recorded, not obeyed: an archive is no search engine."""
    headers = (value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag"))
    said = dict.fromkeys([*read_robots_header(headers), *response.meta.get("directives", ())])
    return ", ".join(said) or None


def _due_at(lease: Lease, now: float) -> float:
    """When to fetch again what is no article, or not known to be one; 0: in every crawl."""
    first = lease.first_fetched_at or now
    if (lease.kind is Kind.FEED and lease.depth) or (lease.kind is Kind.LISTING and lease.depth > LISTING_DEPTH):
        return now + min(max((now - first) / 2, DAY), 30 * DAY)
    if lease.kind is Kind.API and not is_api_poll(lease.url):
        return now + 30 * DAY
    if lease.kind.tells or lease.kind in (Kind.SEED, Kind.LISTING):
        return 0.0
    if lease.kind is Kind.PAGE and lease.depth <= LISTING_DEPTH:
        return 0.0
    if lease.kind in (Kind.REQUISITE, Kind.DOCUMENT):
        return now + 90 * DAY
    # A page that has stood for a while will stand for a while longer.
    return now + min(max((now - first) / 2, HOUR), 180 * DAY)


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1").strip()[:500] or None if value else None


def _retry_after(response: Response) -> float | None:
    """Seconds that the host asks us to stay away, at most an hour (RFC 9110 §10.2.3)."""
    text = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if text.isdigit():
        return min(float(text), MAX_WAIT_SECONDS)
    at = read_time(text) if text else None
    return min(max(at.timestamp() - time.time(), 0.0), MAX_WAIT_SECONDS) if at else None

"""What an answer offers: the URLs a page, sitemap, feed or interface names, each with the rule that refuses it, if any.

The one place where what is fetched turns into what is fetched next; nothing of an article is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from scrapy.http import HtmlResponse, Response

from crawler.discover import api_poll, api_root, api_start, is_api_poll, read_api
from crawler.frontier import Kind, Lease, Offer, Source
from crawler.links import MAX_REDIRECTS, Links, host_of, read_css, read_links, read_robots_header
from crawler.run import CrawlRun
from crawler.scheduler import SITEMAP_PRIORITY
from crawler.sources import MAX_FEED_PAGES, Entry, next_feed_page, read_source
from crawler.traps import Traps, same_series
from crawler.urls import is_further_page

API_PRIORITY = 85
LISTED_PRIORITY = 50  # pages that a sitemap or feed names
REQUISITE_PRIORITY = 45
PAGE_PRIORITY = 40
LISTING_PRIORITY = 42
FEED_PAGE_PRIORITY = 30
SLASHES = 3  # redirects that only add a slash, after which we add it ourselves


class Offers:
    """What the answers of one crawl offer."""

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._traps = Traps(run.site.crawl.article)
        # Host → redirects seen that only add a slash, less those that only take it away.
        self._slashes = {host: rest.slashes for host, rest in run.frontier.rests().items()}

    def of(self, response: Response, lease: Lease) -> Iterator[Offer]:
        """What an answer offers, by what its URL is to the crawl."""
        if 300 <= response.status < 400:
            yield from self._redirect(response, lease)
        elif response.status in (404, 410):
            yield from self._without_slash(lease)
        elif response.status != 200:
            return
        elif lease.kind in (Kind.SITEMAP, Kind.FEED):
            yield from self._listed(response, lease)
        elif lease.kind is Kind.API:
            yield from self._from_api(response, lease)
        elif isinstance(response, HtmlResponse) and lease.kind not in (Kind.REQUISITE, Kind.DOCUMENT):
            yield from self._linked(response, lease)
        elif lease.kind is Kind.REQUISITE and b"css" in (response.headers.get("Content-Type") or b"").lower():
            yield from self.all_of(
                read_css(response.body), lease, kind=Kind.REQUISITE, priority=REQUISITE_PRIORITY, base=response.url
            )

    def _redirect(self, response: Response, lease: Lease) -> Iterator[Offer]:
        if not (target := self.location(response)):
            return
        if response.status in (301, 308) and target.rstrip("/") == lease.url.rstrip("/") and target != lease.url:
            self._note_slash(host_of(target), 1 if target.endswith("/") else -1)
        if target == lease.url:  # folded into itself: https sends to http, or www. away, against the profile
            self._run.note(f"{lease.url} redirects to itself under crawl.origin; correct origin in the site's profile")
            return
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
            self._run.note(
                f"{lease.url} redirects to {target}, which is not followed ({offer.refused});"
                " if the site has moved, correct seeds and hosts in its profile"
            )
        yield offer

    def _without_slash(self, lease: Lease) -> Iterator[Offer]:
        """The address as it was linked, where the slash that we added led nowhere."""
        if lease.url.endswith("/") and self._slashes.get(host_of(lease.url), 0) >= SLASHES and "?" not in lease.url:
            bare = lease.url.rstrip("/")
            if bare.count("/") > 2:
                yield self._offer(
                    bare, lease, kind=lease.kind, source=Source.PAGE, priority=lease.priority, depth=lease.depth
                )

    def _note_slash(self, host: str, step: int) -> None:
        self._slashes[host] = self._slashes.get(host, 0) + step
        self._run.frontier.note_rest(host, slashes=step)

    def _listed(self, response: Response, lease: Lease) -> Iterator[Offer]:
        source = Source.FEED if lease.kind is Kind.FEED else Source.SITEMAP
        entries = read_source(response.body, url=response.url)
        for entry in entries:
            if entry.is_sitemap and (url := self._run.address(entry.url)):
                yield self._offer(
                    url, lease, kind=Kind.SITEMAP, source=source, priority=SITEMAP_PRIORITY, depth=lease.depth
                )
        pages = list(self._entered(entries, lease, source))
        yield from pages
        if lease.kind is not Kind.FEED or not self._run.frontier.tells_news(pages):
            return
        # After the sitemaps and the interface have told theirs: a feed then says nothing new, and is left.
        if following := next_feed_page(response.url, response.body):
            depth = lease.depth + 1
            refused = "endless feed" if depth > MAX_FEED_PAGES else None
            yield from self.all_of(
                [following], lease, kind=Kind.FEED, priority=FEED_PAGE_PRIORITY, depth=depth, refused=refused
            )

    def _from_api(self, response: Response, lease: Lease) -> Iterator[Offer]:
        names = [name.decode("latin-1") for name in response.headers]
        headers = {name: header(response, name) or "" for name in names}
        entries, following = read_api(response.body, url=response.url, headers=headers)
        pages = list(self._entered(entries, lease, Source.API))
        yield from pages
        if following and (not is_api_poll(response.url) or self._run.frontier.tells_news(pages)):
            yield from self.all_of([following], lease, kind=Kind.API, priority=API_PRIORITY, depth=lease.depth + 1)

    def _entered(self, entries: Iterable[Entry], lease: Lease, source: Source) -> Iterator[Offer]:
        """The pages that a sitemap, feed or interface names."""
        for entry in entries:
            if entry.is_sitemap or not (url := self._run.address(entry.url)):
                continue
            lastmod = entry.modified_at.timestamp() if entry.modified_at else None
            yield self._offer(
                url, lease, kind=Kind.PAGE, source=source, priority=LISTED_PRIORITY, depth=2, lastmod=lastmod
            )

    def _linked(self, response: HtmlResponse, lease: Lease) -> Iterator[Offer]:
        links = read_links(response.body, response.url)
        response.meta["directives"] = links.directives
        if self._run.site.crawl.requisites:
            yield from self.all_of(links.requisites, lease, kind=Kind.REQUISITE, priority=REQUISITE_PRIORITY)
        yield from self.all_of(links.documents, lease, kind=Kind.DOCUMENT, priority=REQUISITE_PRIORITY)
        if self._run.only:
            return
        yield from self._pages(links, lease)
        # The front page, also where the seed redirects to it; other pages name the feed of their own comments.
        if lease.kind is Kind.SEED or (lease.kind is Kind.PAGE and lease.depth == 0):
            yield from self.all_of(links.feeds, lease, kind=Kind.FEED, priority=SITEMAP_PRIORITY, depth=0)
            yield from self._api_of(response, lease)
        if links.dropped:
            self._run.note(f"{lease.url}: {links.dropped} links beyond the bound for one page were not followed")

    def _pages(self, links: Links, lease: Lease) -> Iterator[Offer]:
        source = Source.LISTING if lease.kind in (Kind.SEED, Kind.LISTING) else Source.PAGE
        pages = [self._page(link, lease, source) for link in links.pages]
        pages += [self._page(link, lease, Source.CANONICAL) for link in links.canonical]
        today = self._run.started_at.date()
        followed = [page.url for page in pages if page.refused is None]
        reading = self._traps.read(lease.url, followed, requisites=links.requisites, title=links.title, today=today)
        for page in pages:
            rule = reading.refused.get(page.url)
            yield replace(page, refused=rule) if rule else page
        for url in reading.released:
            yield self._page(url, lease, source)

    def _page(self, link: str, lease: Lease, source: Source) -> Offer:
        url = self._with_slash(self._run.scope.canonical(link))
        # The next page of a list is no deeper than the page before.
        depth = lease.depth if same_series(url, lease.url) else lease.depth + 1
        listing = self._run.scope.is_listing(url)
        return self._offer(
            url,
            lease,
            kind=Kind.LISTING if listing else Kind.PAGE,
            source=source,
            priority=LISTING_PRIORITY if listing else PAGE_PRIORITY,
            depth=depth,
            continues=not listing and lease.first_fetched_at is not None and is_further_page(url, lease.url),
        )

    def _with_slash(self, url: str) -> str:
        """`/haber/` for `/haber` on a host that has been seen to send us from the one to the other."""
        if self._slashes.get(host_of(url), 0) < SLASHES or "?" in url or "." in url.rpartition("/")[2]:
            return url
        return url if url.endswith("/") else f"{url}/"

    def _api_of(self, response: HtmlResponse, lease: Lease) -> Iterator[Offer]:
        """The REST interface that a front page names: walked once, and asked for the latest in every crawl."""
        link = header(response, "Link") or ""
        root = api_root(response.body, url=response.url, link=link) if self._run.site.crawl.api else None
        if root is None:
            return
        start = [url for url in api_start(root) if self._run.frontier.held(self._run.address(url) or url) is None]
        yield from self.all_of([*start, *api_poll(root)], lease, kind=Kind.API, priority=API_PRIORITY, depth=0)

    def all_of(
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
        """Offers of one kind, of addresses as they are written."""
        source = Source.LISTING if lease.kind in (Kind.SEED, Kind.LISTING) else Source.PAGE
        depth = lease.depth if depth is None else depth
        for url in urls:
            if link := self._run.address(url, base=base or lease.url):
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
        continues: bool = False,
    ) -> Offer:
        host = host_of(url)
        rule = refused or self.refuse(url, kind, depth)
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
            continues=continues,
            elsewhere=not self._run.scope.is_own(host),
        )

    def location(self, response: Response) -> str | None:
        """Where a redirect points."""
        location = (response.headers.get("Location") or b"").decode("utf-8", "replace")
        return self._run.address(location, base=response.url) if location else None

    def refuse(self, url: str, kind: Kind, depth: int) -> str | None:
        """The rule of the site's scope against a URL."""
        return self._run.scope.refuse(url, depth=depth, requisite=kind is Kind.REQUISITE, source=kind.tells)


def directives(response: Response) -> str | None:
    """What a page asks of robots, in its head or in itself. Recorded, not obeyed: an archive is no search engine."""
    headers = (value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag"))
    said = dict.fromkeys([*read_robots_header(headers), *response.meta.get("directives", ())])
    return ", ".join(said) or None


def header(response: Response, name: str) -> str | None:
    """A header field as text; None when it is not there, or empty."""
    value = response.headers.get(name)
    return value.decode("latin-1").strip()[:500] or None if value else None

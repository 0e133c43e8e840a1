"""Scrapy's SCHEDULER on our frontier: hands out what is due, host by host, as politely as robots.txt asks.

The frontier alone owns delays (`DOWNLOAD_DELAY` is 0): `next_request()` answers None until a host may be asked again,
and a timer wakes the engine at that moment, for Scrapy itself looks only every five seconds. What the spider reports as
finished is committed in groups: first the fsync of the WARC, then one transaction with all their links.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import sqlite3
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scrapy import Request, Spider, signals
from scrapy.core.scheduler import BaseScheduler

from archive.errors import MuragatError, WarcWriteError
from crawler.discover import Robots
from crawler.frontier import Finish, Kind, Lease, Offer
from crawler.links import clean, host_of
from crawler.run import CrawlRun
from crawler.wire import ForbiddenAddressError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

COMMIT_SECONDS = 0.5  # exchanges this old at the most are not yet acknowledged; after SIGKILL they are fetched again
LEASE_BATCH = 64
MAX_ATTEMPTS = 3
# What Scrapy raises for a body beyond DOWNLOAD_MAXSIZE, as sent or inflated: it will not be smaller next time.
TOO_LARGE = ("DownloadCancelledError", "IgnoreRequest")
# A host that fails this often in a row, without one answer between, is left alone for this crawl.
MAX_HOST_FAILURES = 10
# What is fetched first: what tells of more, then pages the site lists, then what they need, then other links.
ROBOTS_PRIORITY = 100
SITEMAP_PRIORITY = 90
SEED_PRIORITY = 80


@dataclass
class Host:
    """What is known of one host:port during a crawl."""

    robots: Robots | None = None
    robots_state: str = "unknown"  # "unknown", "asked", "known", "unreachable"
    delay: float = 0.0
    concurrency: int = 1
    next_at: float = 0.0
    under_way: int = 0
    failures: int = 0  # in a row
    forbidden: bool = False  # it leads to a private address that the profile does not allow
    queue: deque[Lease] = field(default_factory=deque)

    def ready(self, now: float) -> bool:
        """Whether a request may leave now."""
        return now >= self.next_at and self.under_way < (1 if self.delay > 0 else self.concurrency)


class FrontierScheduler(BaseScheduler):
    """Leases URLs from the frontier, turns them into requests, and commits what the spider reports."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self.run: CrawlRun = crawler.spider.run  # type: ignore[union-attr]
        self._hosts: dict[str, Host] = {}
        self._finishes: list[Finish] = []
        self._leased: dict[str, Lease] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._committer: asyncio.TimerHandle | None = None
        self._handed_out = 0
        self._dry: tuple[frozenset[str], float] | None = None  # nothing is due besides these hosts before that moment
        self._open = False
        self._stopping = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FrontierScheduler:
        """As Scrapy builds its components."""
        return cls(crawler)

    # ------------------------------------------------------------ what Scrapy calls

    def open(self, spider: Spider) -> None:
        """Enter the seeds."""
        self._open = True
        crawl = self.run.site.crawl
        offers = [
            Offer(url=url, kind=Kind.SEED, host=host_of(url), priority=SEED_PRIORITY, depth=0, found_on="profile")
            for url in filter(None, (clean(seed) for seed in crawl.seeds))
        ]
        for kind, sources in ((Kind.SITEMAP, crawl.sitemaps), (Kind.FEED, crawl.feeds)):
            offers += [
                Offer(url=url, kind=kind, host=host_of(url), priority=SITEMAP_PRIORITY, depth=0, found_on="profile")
                for url in filter(None, (clean(source) for source in sources))
            ]
        self.run.frontier.offer(offers, now=time.time())
        self._commit_later()
        self._crawler.signals.connect(self._idle, signals.spider_idle)

    def close(self, reason: str) -> None:
        """Commit what is finished and end the run; what was under way waits for the next."""
        self._open = False
        for timer in (self._timer, self._committer):
            if timer:
                timer.cancel()
        if self.run.recorder.failure is None:
            self._commit()
        names = {"finished": "finished", "limit": "limit", "shutdown": "interrupted"}
        try:
            self.run.close("failed" if self.run.recorder.failure else names.get(reason, reason))
        except (sqlite3.Error, WarcWriteError) as error:
            self._fail(error)

    def has_pending_requests(self) -> bool:
        """Whether the crawl goes on."""
        if self._stopping:
            return False
        return bool(self._finishes or self._leased) or self._waits()

    def enqueue_request(self, request: Request) -> bool:
        """Requests come from the frontier only; one from elsewhere is a mistake worth knowing."""
        logger.error("Request from outside the frontier dropped: %s", request.url)
        return False

    def next_request(self) -> Request | None:
        """The next request that may leave now; None wakes us again when one may."""
        try:
            return self._next_request()
        except sqlite3.Error as error:
            self._fail(error)
            return None

    def _next_request(self) -> Request | None:
        if self._stopping or self._limit_reached():
            return None
        now = time.time()
        request = self._from_queues(now)
        if request is None and self._refill(now):
            request = self._from_queues(now)
        if request is None and self._finishes and not any(host.under_way for host in self._hosts.values()):
            self._commit()  # nothing else to do: the links just found are the work
            if self._refill(now):
                request = self._from_queues(now)
        if request is None:
            self._wake_later(now)
        return request

    # ------------------------------------------------------------ what the spider calls

    def finished(self, finish: Finish, *, host: str) -> None:
        """A lease has ended; it is committed with the next group."""
        lease = self._leased.pop(finish.url, None)
        state = self._hosts[host]
        if lease is not None:
            state.under_way -= 1
        self._finishes.append(finish)

    def answered(self, host: str) -> None:
        """A host gave an answer of any kind."""
        self._hosts[host].failures = 0

    def failed(self, lease: Lease, reason: str, *, status: int | None = None, wait: float | None = None) -> None:
        """A fetch brought nothing that counts: again later, or given up."""
        now = time.time()
        host = self._hosts[lease.host]
        host.failures += 1
        if wait is not None:  # the host asked for it: nothing leaves before then
            host.next_at = max(host.next_at, now + wait)
        attempts = lease.attempts + 1
        if self.run.recorder.failure is not None:
            self._stop("failed")
            return
        if reason.startswith(ForbiddenAddressError.__name__):
            host.forbidden = True
            self.finished(Finish(url=lease.url, at=now, refused="private address"), host=lease.host)
            return
        final = attempts >= MAX_ATTEMPTS or reason.startswith(TOO_LARGE)
        if lease.kind is Kind.ROBOTS and final:
            host.robots_state = "unreachable"
            self._note(f"{lease.host}: robots.txt could not be read ({reason}); nothing else is asked of this host")
        pause = wait if wait is not None else min(2.0**attempts, 60.0) * random.uniform(0.5, 1.0)
        if lease.kind is Kind.ROBOTS and not final:
            # Kept in hand: back in the frontier it would wait behind a queue that waits for it.
            host.under_way -= 1
            host.next_at = max(host.next_at, now + pause)
            host.queue.appendleft(replace(lease, attempts=attempts))
            return
        self.finished(
            Finish(url=lease.url, at=now, status=status, failed=reason, retry_at=None if final else now + pause),
            host=lease.host,
        )
        if host.failures >= MAX_HOST_FAILURES and host.robots_state == "known":
            host.robots_state = "unreachable"
            self._note(f"{lease.host}: {host.failures} failures in a row ({reason}); left alone for this crawl")

    def robots_known(self, host_name: str, robots: Robots) -> None:
        """From now on this host's robots.txt is obeyed."""
        host = self._hosts[host_name]
        host.robots, host.robots_state = robots, "known"
        host.delay = self.run.site.crawl.delay if robots.delay is None else robots.delay
        host.concurrency = self.run.site.crawl.concurrency
        host.next_at = time.time() + host.delay  # robots.txt itself was a fetch

    # ------------------------------------------------------------ inside

    def _from_queues(self, now: float) -> Request | None:
        for name, host in self._hosts.items():
            while host.queue and host.ready(now):
                lease = host.queue.popleft()
                if host.forbidden:
                    self._leased.pop(lease.url, None)
                    self._finishes.append(Finish(url=lease.url, at=now, refused="private address"))
                    continue
                if host.robots_state == "unreachable":
                    self._leased.pop(lease.url, None)
                    self.run.frontier.release([lease.url])
                    continue
                if host.robots_state == "unknown" and lease.kind is not Kind.ROBOTS:
                    host.queue.appendleft(lease)
                    lease = self._robots_lease(lease)
                    host.robots_state = "asked"
                elif host.robots_state == "asked" and lease.kind is not Kind.ROBOTS:
                    host.queue.appendleft(lease)
                    break
                elif host.robots is not None and not host.robots.allows(lease.url) and lease.kind is not Kind.ROBOTS:
                    self._leased.pop(lease.url, None)
                    self._finishes.append(Finish(url=lease.url, at=now, refused="robots.txt"))
                    continue
                host.under_way += 1
                host.next_at = now + host.delay
                self._handed_out += 1
                logger.debug("to %s: %s", name, lease.url)
                return self._request(lease)
        return None

    def _robots_lease(self, lease: Lease) -> Lease:
        scheme = lease.url.partition(":")[0]
        url = f"{scheme}://{lease.host}/robots.txt"
        offer = Offer(url=url, kind=Kind.ROBOTS, host=lease.host, priority=ROBOTS_PRIORITY, depth=0, found_on=lease.url)
        self.run.frontier.offer([offer], now=time.time())
        self.run.frontier.lease_one(url)
        robots = Lease(
            url=url,
            kind=Kind.ROBOTS,
            host=lease.host,
            priority=ROBOTS_PRIORITY,
            depth=0,
            attempts=0,
            redirects=0,
            payload_digest=None,
            first_fetched_at=None,
        )
        self._leased[url] = robots
        return robots

    def _request(self, lease: Lease) -> Request:
        spider = self._crawler.spider
        return Request(
            lease.url,
            callback=spider.parse_robots if lease.kind is Kind.ROBOTS else spider.parse,  # type: ignore[union-attr]
            errback=spider.parse_failure,  # type: ignore[union-attr]
            meta={"lease": lease, "handle_httpstatus_all": True, "dont_redirect": True, "dont_retry": True},
            dont_filter=True,
        )

    def _refill(self, now: float) -> bool:
        """Lease more; whether anything came. Hosts that have plenty, or are left alone, are passed over."""
        full = frozenset(
            name
            for name, host in self._hosts.items()
            if len(host.queue) >= LEASE_BATCH // 2 or host.robots_state == "unreachable"
        )
        # Asked after nearly every request, and the answer costs a walk over all that waits: only commits change it.
        if self._dry is not None and self._dry[0] <= full and now < self._dry[1]:
            return False
        leases = self.run.frontier.lease(LEASE_BATCH, now=now, besides=full)
        later = math.inf if (due := self.run.frontier.next_due(after=now)) is None else due
        self._dry = (full, later) if len(leases) < LEASE_BATCH else None
        for lease in leases:
            self._leased[lease.url] = lease
            host = self._hosts.setdefault(lease.host, Host())
            if lease.kind is Kind.ROBOTS:
                host.robots_state = "asked"
                host.queue.appendleft(lease)
            else:
                host.queue.append(lease)
        return bool(leases)

    def _unreachable(self) -> list[str]:
        return [name for name, host in self._hosts.items() if host.robots_state == "unreachable"]

    def _waits(self) -> bool:
        return self.run.frontier.waits(besides=self._unreachable())

    def _wake_later(self, now: float) -> None:
        """Ask the engine to look again when the next host, or the next retry, is ready."""
        moments = [host.next_at for host in self._hosts.values() if host.queue and not host.under_way]
        if (due := self.run.frontier.next_due(after=now, besides=self._unreachable())) is not None:
            moments.append(due)
        if not moments:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(min(moments) - now, 0.001), self._wake)

    def _wake(self) -> None:
        engine = self._crawler.engine
        if self._open and engine is not None and engine._slot is not None:
            engine._slot.nextcall.schedule()

    def _commit_later(self) -> None:
        self._committer = asyncio.get_running_loop().call_later(COMMIT_SECONDS, self._commit_again)

    def _commit_again(self) -> None:
        if not self._open:
            return
        self._commit()
        self._commit_later()
        self._wake()

    def _commit(self) -> None:
        try:
            payloads = self.run.recorder.sync()  # also for what ends no lease: a failure's note, a redirect on the way
            if not self._finishes:
                return
            self.run.frontier.commit(self._finishes, payloads=payloads)
        except (sqlite3.Error, WarcWriteError) as error:
            self._fail(error)
            return
        self._finishes = []
        self._dry = None
        self.run.recorder.forget_fresh()

    def _limit_reached(self) -> bool:
        limit = self.run.limit
        if limit is None or self._handed_out < limit:
            return False
        if not any(host.under_way for host in self._hosts.values()):
            self._stop("limit")
        return True

    def _idle(self, spider: Spider) -> None:
        self._commit()

    def _fail(self, error: Exception) -> None:
        """What was fetched can no longer be kept or noted: stop, with the first reason."""
        if self.run.recorder.failure is None:
            why = error if isinstance(error, MuragatError) else None
            self.run.recorder.failure = why or MuragatError(
                f"{self.run.directory.frontier_db.name} cannot be written: {error}; make room, then crawl again"
            )
        self._stop("failed")

    def _stop(self, reason: str) -> None:
        if self._stopping:
            return
        self._stopping = True
        engine = self._crawler.engine
        if engine is not None:
            task = asyncio.ensure_future(engine.close_spider_async(reason=reason))
            task.add_done_callback(lambda done: done.exception())

    def _note(self, text: str) -> None:
        if text not in self.run.notes:
            self.run.notes.append(text)
            logger.warning("%s", text)

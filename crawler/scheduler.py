"""Scrapy's SCHEDULER on our frontier: hands out what is due, host by host, as politely as robots.txt asks.

The frontier alone owns delays (`DOWNLOAD_DELAY` is 0): `next_request()` answers None until a host may be asked again,
and a timer wakes the engine at that moment, for Scrapy itself looks only every five seconds. What the spider reports as
finished is committed in groups: first the fsync of the WARC, then one transaction with all their links.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scrapy import Request, Spider, signals
from scrapy.core.scheduler import BaseScheduler

from archive.errors import MuragatError, WarcWriteError
from crawler.discover import Robots
from crawler.frontier import Finish, Frontier, Kind, Lease, Offer, Rest, Source
from crawler.links import host_of
from crawler.politeness import MAX_WAIT_SECONDS, ROBOTS_AGE_SECONDS, Host, RobotsState, pause
from crawler.resolver import ForbiddenAddressError
from crawler.revisit import DAY
from crawler.run import CrawlRun
from crawler.urls import DOCUMENT

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)

COMMIT_SECONDS = 0.5  # exchanges this old at the most are not yet acknowledged; after SIGKILL the WARC is read for them
LEASE_BATCH = 64
MAX_ATTEMPTS = 3
REMEMBERED_SECONDS = 5.0  # a shorter Retry-After is over before another crawl begins
# A site may cut its sitemap down to the newest thousand: that is no reason to fetch all of it again in one night.
MAX_RECALLED = 5_000
# What Scrapy raises for a body beyond DOWNLOAD_MAXSIZE, as sent or inflated: it will not be smaller next time.
TOO_LARGE = ("DownloadCancelledError", "IgnoreRequest")
# What is fetched first: what tells of more, then pages the site lists, then what they need, then other links.
ROBOTS_PRIORITY = 100
SITEMAP_PRIORITY = 90
SEED_PRIORITY = 80
SAVED_DEPTH = 2  # as an article's: what a person saved is no front page, to be read in every crawl


class FrontierScheduler(BaseScheduler):
    """Leases URLs from the frontier, turns them into requests, and commits what the spider reports."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self.run: CrawlRun = crawler.spider.run  # type: ignore[union-attr]
        self._frontier: Frontier = self.run.frontier
        self._hosts: dict[str, Host] = {}
        self._rests = self._frontier.rests()
        self._finishes: list[Finish] = []
        self._leased: dict[str, Lease] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._committer: asyncio.TimerHandle | None = None
        self._handed_out = 0
        self._unspent = 0  # requests handed out and not yet in the frontier's sum of the day
        self._day = self.run.day(time.time())
        self._spent = self._frontier.spend(self._day, 0)
        self._recalled = False  # what vanished from its sitemap waits again
        self._dry: tuple[frozenset[str], float] | None = None  # nothing is due besides these hosts before that moment
        self._open = False
        self._stopping = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FrontierScheduler:
        """As Scrapy builds its components."""
        return cls(crawler)

    # ------------------------------------------------------------ what Scrapy calls

    def open(self, spider: Spider) -> None:
        """Enter the seeds, and end the leases whose answers a crawl that died has kept."""
        self._open = True
        self._frontier.offer(self._first_offers())
        spider.scheduler = self  # type: ignore[attr-defined]
        spider.end_leases_of_the_dead()  # type: ignore[attr-defined]
        self._commit()
        self._commit_later()
        self._crawler.signals.connect(self._idle, signals.spider_idle)
        self._crawler.signals.connect(self._stumbled, signals.spider_error)

    def _first_offers(self) -> list[Offer]:
        rules = self.run.site.crawl
        if self.run.only:
            named = [(Kind.DOCUMENT if DOCUMENT.search(url) else Kind.PAGE, url) for url in self.run.only]
        else:
            named = [(Kind.SEED, url) for url in rules.seeds]
            named += [(Kind.SITEMAP, url) for url in rules.sitemaps] + [(Kind.FEED, url) for url in rules.feeds]
        return [
            Offer(
                url=url,
                kind=kind,
                host=host_of(url),
                priority=SITEMAP_PRIORITY if kind.tells else SEED_PRIORITY,
                depth=SAVED_DEPTH if self.run.only else 0,
                found_on="a person" if self.run.only else "profile",
                source=Source.PROFILE,
                demanded=bool(self.run.only),
            )
            for kind, typed in named
            if (url := self.run.address(typed))
        ]

    def close(self, reason: str) -> None:
        """Commit what is finished and end the run; what was under way waits for the next."""
        self._open = False
        for timer in (self._timer, self._committer):
            if timer:
                timer.cancel()
        if self.run.recorder.failure is None:
            self._commit()
        reason = "interrupted" if reason == "shutdown" else reason
        try:
            self.run.close("failed" if self.run.recorder.failure else reason)
        except (sqlite3.Error, WarcWriteError) as error:
            self._fail(error)

    def has_pending_requests(self) -> bool:
        """Whether the crawl goes on."""
        if self._stopping:
            return False
        return bool(self._finishes or self._leased) or self._waits() or self._recall_vanished()

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
        now = time.time()
        if self._stopping or self._limit_reached() or self._closing_time(now):
            return None
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
        state = self._host(host)
        if lease is not None:
            state.under_way -= 1
        self._finishes.append(finish)

    def answered(self, host: str, *, seconds: float | None = None) -> None:
        """A host gave an answer of any kind, after so many seconds."""
        self._host(host).answered(now=time.time(), seconds=seconds)

    def failed(self, lease: Lease, reason: str, *, status: int | None = None, wait: float | None = None) -> None:
        """A fetch brought nothing that counts: again later, or given up. `wait`: the host asked for so many seconds."""
        now = time.time()
        host = self._host(lease.host)
        if self.run.recorder.failure is not None:
            self._stop("failed")
            return
        if reason.startswith(ForbiddenAddressError.__name__):
            host.forbidden = True
            self.finished(Finish(url=lease.url, at=now, refused="private address"), host=lease.host)
            return
        too_large = reason.startswith(TOO_LARGE)
        if too_large:  # the host did nothing wrong
            host.answered(now=now, seconds=None)
        else:
            host.failed(now=now, wait=wait, status=status, again=lease.attempts > 0 or lease.reason is not None)
        if wait is not None and wait > MAX_WAIT_SECONDS:
            self._leave_alone(lease.host, until=now + wait)
        elif wait is not None and wait > REMEMBERED_SECONDS:
            self._frontier.note_rest(lease.host, not_before=now + wait)
        attempts = lease.attempts + 1
        final = attempts >= MAX_ATTEMPTS or too_large
        if lease.kind is Kind.ROBOTS and final:
            host.robots_state = RobotsState.AWAY
            self._note(f"{lease.host}: robots.txt could not be read ({reason}); nothing else is asked of this host")
        rest = wait if wait is not None else pause(attempts)
        if lease.kind is Kind.ROBOTS and not final:
            # Kept in hand: back in the frontier it would wait behind a queue that waits for it.
            host.under_way -= 1
            host.next_at = max(host.next_at, now + rest)
            host.queue.appendleft(replace(lease, attempts=attempts))
            return
        self.finished(
            Finish(
                url=lease.url,
                at=now,
                status=status,
                failed=reason,
                # A page is tried by the next crawl; a picture whose host is gone not by every crawl from now on.
                due_at=now + DAY if lease.kind in (Kind.REQUISITE, Kind.DOCUMENT) else None,
                retry_at=None if final else now + rest,
            ),
            host=lease.host,
        )
        if host.given_up and host.robots_state is RobotsState.KNOWN:
            host.robots_state = RobotsState.AWAY
            self._note(f"{lease.host}: {host.failures} failures in a row ({reason}); left alone for this crawl")

    def robots_known(self, host_name: str, robots: Robots) -> None:
        """From now on this host's robots.txt is obeyed."""
        rules = self.run.site.crawl
        self._host(host_name).obey(robots, now=time.time(), delay=rules.delay, concurrency=rules.concurrency)

    # ------------------------------------------------------------ inside

    def _from_queues(self, now: float) -> Request | None:
        for name, host in self._hosts.items():
            if host.robots_state is RobotsState.AWAY and host.queue:
                self._release(host)
            while host.queue and host.ready(now):
                lease = host.queue.popleft()
                if host.forbidden:
                    self._leased.pop(lease.url, None)
                    self._finishes.append(Finish(url=lease.url, at=now, refused="private address"))
                    continue
                if host.robots_state is RobotsState.KNOWN and now - host.robots_at > ROBOTS_AGE_SECONDS:
                    host.robots_state = RobotsState.UNKNOWN
                if host.robots_state is RobotsState.UNKNOWN and lease.kind is not Kind.ROBOTS:
                    host.queue.appendleft(lease)
                    lease = self._robots_lease(lease)
                    host.robots_state = RobotsState.ASKED
                elif host.robots_state is RobotsState.ASKED and lease.kind is not Kind.ROBOTS:
                    host.queue.appendleft(lease)
                    break
                elif host.robots is not None and not host.robots.allows(lease.url) and lease.kind is not Kind.ROBOTS:
                    self._leased.pop(lease.url, None)
                    self._finishes.append(Finish(url=lease.url, at=now, refused="robots.txt"))
                    continue
                host.leave(now)
                self._handed_out += 1
                self._unspent += 1
                logger.debug("to %s: %s", name, lease.url)
                return self._request(lease)
        return None

    def _release(self, host: Host) -> None:
        """Give back what a host that is left alone was to be asked."""
        urls = [lease.url for lease in host.queue]
        host.queue.clear()
        for url in urls:
            self._leased.pop(url, None)
        self._frontier.release(urls)

    def _robots_lease(self, lease: Lease) -> Lease:
        scheme = lease.url.partition(":")[0]
        url = f"{scheme}://{lease.host}/robots.txt"
        offer = Offer(url=url, kind=Kind.ROBOTS, host=lease.host, priority=ROBOTS_PRIORITY, depth=0, found_on=lease.url)
        self._frontier.offer([offer])
        robots = self._frontier.lease_one(url) or Lease(
            url=url, kind=Kind.ROBOTS, host=lease.host, priority=ROBOTS_PRIORITY, depth=0
        )
        self._leased[url] = robots
        return robots

    def _request(self, lease: Lease) -> Request:
        spider = self._crawler.spider
        return Request(
            lease.url,
            callback=spider.parse_robots if lease.kind is Kind.ROBOTS else spider.parse,  # type: ignore[union-attr]
            errback=spider.parse_failure,  # type: ignore[union-attr]
            headers={} if self.run.full else _conditions(lease),
            meta={"lease": lease, "handle_httpstatus_all": True, "dont_redirect": True, "dont_retry": True},
            dont_filter=True,
        )

    def _refill(self, now: float) -> bool:
        """Lease more; whether anything came. Hosts that have plenty, or are left alone, are passed over."""
        full = frozenset(
            name
            for name, host in self._hosts.items()
            if len(host.queue) >= LEASE_BATCH // 2 or host.robots_state is RobotsState.AWAY
        )
        # Asked after nearly every request, and a question to the database each time: only commits change the answer.
        if self._dry is not None and self._dry[0] <= full and now < self._dry[1]:
            return False
        leases = self._frontier.lease(LEASE_BATCH, now=now, besides=full)
        later = math.inf if (due := self._frontier.next_due(after=now)) is None else due
        self._dry = (full, later) if len(leases) < LEASE_BATCH else None
        for lease in leases:
            self._leased[lease.url] = lease
            host = self._host(lease.host)
            if lease.kind is Kind.ROBOTS:
                if host.robots_state is not RobotsState.AWAY:
                    host.robots_state = RobotsState.ASKED
                host.queue.appendleft(lease)
            else:
                host.queue.append(lease)
        return bool(leases)

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host()
            if (until := self._rests.get(name, Rest()).not_before) > time.time():
                self._hosts[name].next_at = until
                if until > time.time() + MAX_WAIT_SECONDS:
                    self._leave_alone(name, until=until)
        return self._hosts[name]

    def _leave_alone(self, name: str, *, until: float) -> None:
        """A host asked for more time than a crawl waits: the next crawl knows of it too."""
        self._hosts[name].robots_state = RobotsState.AWAY
        self._frontier.note_rest(name, not_before=until)
        when = datetime.fromtimestamp(until, UTC)
        self._note(f"{name}: asks to be left alone until {when:%Y-%m-%d %H:%M}Z; crawl again then")

    def _unreachable(self) -> list[str]:
        return [name for name, host in self._hosts.items() if host.robots_state is RobotsState.AWAY]

    def _recall_vanished(self) -> bool:
        """Once, when all else is done: what its sitemap names no longer may be gone, so it is looked at."""
        if self._recalled or self.run.only:
            return False
        self._recalled = True
        self._dry = None
        return self._frontier.recall_vanished(limit=MAX_RECALLED) > 0

    def _waits(self) -> bool:
        return self._frontier.waits(besides=self._unreachable())

    def _wake_later(self, now: float) -> None:
        """Ask the engine to look again when the next host, or the next retry, is ready."""
        moments = [host.next_at for host in self._hosts.values() if host.queue and not host.under_way]
        if (due := self._frontier.next_due(after=now, besides=self._unreachable())) is not None:
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
        try:
            self._commit()
        finally:
            self._commit_later()
        self._wake()

    def _commit(self) -> None:
        try:
            payloads = self.run.recorder.sync()  # also for what ends no lease: a failure's note, a redirect on the way
            if self._unspent:
                self._spent = self._frontier.spend(self._day, self._unspent)
                self._unspent = 0
            if not self._finishes:
                return
            self._frontier.commit(self._finishes, payloads=payloads, tail=self.run.recorder.tail())
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

    def _closing_time(self, now: float) -> bool:
        """Whether the site's window or its budget of the day says that no more may leave."""
        if (day := self.run.day(now)) != self._day:
            self._day, self._spent = day, self._frontier.spend(day, 0)
        reason = self.run.closed(now, requests=self._spent + self._unspent)
        if reason is None:
            return False
        if not any(host.under_way for host in self._hosts.values()):
            self._note(reason)
            self._stop(reason.partition(":")[0])
        return True

    def _stumbled(self, failure: Failure, response: Response, spider: Spider) -> None:
        """The spider raised: the lease must end all the same, or the crawl never would."""
        lease = response.meta.get("lease")
        if lease is not None and lease.url in self._leased:
            self.failed(lease, f"could not be read: {type(failure.value).__name__}", status=response.status)

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
        if self.run.note(text):
            logger.warning("%s", text)


def _conditions(lease: Lease) -> dict[str, str]:
    """Headers that let a server answer 304 where what we hold is what it has (RFC 9110 §13.1)."""
    # Rules that are not in the answer cannot be obeyed: robots.txt is asked for whole.
    if lease.kind is Kind.ROBOTS or lease.status != 200 or lease.payload_digest is None:
        return {}
    named = {"If-None-Match": lease.etag, "If-Modified-Since": lease.last_modified}
    return {name: value for name, value in named.items() if value}

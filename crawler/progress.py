"""How a crawl is getting on: one line that is rewritten on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import NotConfigured

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from crawler.run import CrawlRun


class Progress:
    """A Scrapy extension that prints counts and rates to stderr."""

    def __init__(self, crawler: Crawler) -> None:
        self._run: CrawlRun = crawler.spider.run  # type: ignore[union-attr]
        self._terminal = sys.stderr.isatty()
        self._every = 1.0 if self._terminal else 10.0
        self._timer: asyncio.TimerHandle | None = None
        self._last = (time.monotonic(), 0)
        crawler.signals.connect(self._later, signals.spider_opened)
        crawler.signals.connect(self._end, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Progress:
        """Only where MURAGAT_PROGRESS is set: `muragat crawl` sets it."""
        if not crawler.settings.getbool("MURAGAT_PROGRESS"):
            raise NotConfigured
        return cls(crawler)

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every, self._print)

    def _print(self) -> None:
        if self._run.ended:
            return
        now, done = time.monotonic(), self._run.recorder.captures
        rate = (done - self._last[1]) / max(now - self._last[0], 0.001)
        self._last = (now, done)
        line = (
            f"{self._run.site.name}: {done} fetched, {self._run.frontier.waiting()} waiting,"
            f" {rate:.1f}/s, {self._run.recorder.bytes_received / 1e6:.1f} MB"
        )
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{line}")
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
        self._later()

    def _end(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

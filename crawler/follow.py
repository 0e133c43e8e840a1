"""Rows while the crawl runs: an indexer of its own, at nice 19, that follows the open WARC until the crawl ends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import NotConfigured

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class Follow:
    """A Scrapy extension: starts `python -m archive.index` and, when the crawl is over, lets it finish.

    The child reads a pipe from us: it closes when this process ends, however it ends, and the child then indexes what
    is left and goes. Nothing is killed.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._root = crawler.spider.run.directory.root  # type: ignore[union-attr]
        self._child: subprocess.Popen[bytes] | None = None
        crawler.signals.connect(self._start, signals.spider_opened)
        crawler.signals.connect(self._let_finish, signals.engine_stopped)
        crawler.follow = self  # type: ignore[attr-defined]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Follow:
        """MURAGAT_INDEX = False leaves the rows to `muragat index`."""
        if not crawler.settings.getbool("MURAGAT_INDEX", True):
            raise NotConfigured
        return cls(crawler)

    def _start(self) -> None:
        command = [sys.executable, "-P", "-m", "archive.index", str(self._root.absolute())]
        # A group of its own: Ctrl-C at the terminal ends the crawl, not the indexer that has rows to finish.
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0)

    def _let_finish(self) -> None:
        if self._child and self._child.stdin:
            self._child.stdin.close()

    def wait(self) -> int:
        """Return when the rows are in: the indexer's exit code."""
        self._let_finish()
        return self._child.wait() if self._child else 0

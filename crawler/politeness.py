"""When a host may be asked again: its robots.txt, its answers and its speed decide.  No I/O; time is an argument.

The site's own word goes first: Crawl-delay, then Retry-After. Where it says nothing, a host is rested as long as it
took to answer, and one that is in trouble is left alone for twice as long each time.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from crawler.discover import Robots
from crawler.frontier import Lease

# A host that fails this often in a row, without one answer between, is left alone for this crawl.
MAX_FAILURES = 10
# What a failure says of the host where the URL had failed before, also in an earlier run: after a kill, and at the end
# of a crawl, what is broken is all that is asked for.
KNOWN_FAILURE = 0.2
MAX_PAUSE_SECONDS = 60.0
# A Retry-After beyond this is for the next crawl: this one leaves the host alone.
MAX_WAIT_SECONDS = 3600.0
# A slow host is rested as long as it took to answer, at most this many times its delay.
MAX_REST_DELAYS = 10.0
ROBOTS_AGE_SECONDS = 86_400.0  # RFC 9309 §2.4: not used for longer than a day
# Answers slower than this many times the best of them say that there are too many at once.
_STRAIN = 4.0
_STRAIN_SECONDS = 0.5


class RobotsState(StrEnum):
    """What is known of a host's robots.txt."""

    UNKNOWN = "unknown"
    ASKED = "asked"
    KNOWN = "known"
    AWAY = "away"  # it cannot be read, or the host fails: nothing is asked for the rest of the crawl


@dataclass
class Host:
    """One host:port during a crawl."""

    delay: float = 0.0  # seconds between two requests
    concurrency: int = 1  # requests under way at most, where there is no delay
    robots: Robots | None = None
    robots_at: float = 0.0
    robots_state: RobotsState = RobotsState.UNKNOWN
    next_at: float = 0.0  # no request leaves before
    under_way: int = 0
    failures: int = 0  # in a row
    strikes: float = 0.0  # the same, less for what was known to fail
    troubles: int = 0  # in a row: refusals and silences, that say the host is overloaded or down
    forbidden: bool = False  # it leads to a private address that the profile does not allow
    queue: deque[Lease] = field(default_factory=deque)
    _room: float = 1.0  # requests under way that it takes well; grows with good answers, halves with bad ones
    _best: float = float("inf")  # seconds of its quickest answer

    def obey(self, robots: Robots, *, now: float, delay: float, concurrency: int) -> None:
        """From now on this robots.txt holds; `delay` where it names none."""
        self.robots, self.robots_at, self.robots_state = robots, now, RobotsState.KNOWN
        self.delay = delay if robots.delay is None else robots.delay
        self.concurrency = concurrency
        self.next_at = max(self.next_at, now + self.delay)  # robots.txt itself was a request

    def ready(self, now: float) -> bool:
        """Whether a request may leave now."""
        return now >= self.next_at and self.under_way < (1 if self.delay > 0 else int(self._room))

    def leave(self, now: float) -> None:
        """A request leaves."""
        self.under_way += 1
        self.next_at = now + self.delay

    def answered(self, *, now: float, seconds: float | None) -> None:
        """An answer that counts came, after so many seconds; None: it was not measured."""
        self.failures = self.troubles = 0
        self.strikes = 0.0
        if seconds is None:
            return
        self._best = min(self._best, seconds)
        if self.delay > 0:
            self.next_at = max(self.next_at, now + min(seconds, MAX_REST_DELAYS * self.delay))
        elif seconds > max(_STRAIN * self._best, _STRAIN_SECONDS):
            self._room = max(1.0, self._room * 0.75)
        else:
            self._room = min(float(self.concurrency), self._room + 1.0 / self._room)

    def failed(self, *, now: float, wait: float | None, status: int | None, again: bool = False) -> None:
        """A request brought nothing that counts; `wait`: for so many seconds the host asked to be left alone.

        `again`: it had failed before, and tells less of the host.
        """
        self.failures += 1
        self.strikes += KNOWN_FAILURE if again else 1.0
        refuses = status in (429, 503)
        if refuses or status in (None, 502, 504):
            self.troubles = self.troubles + 1 if not again else max(self.troubles, 1)
            self._room = max(1.0, self._room / 2)
            if refuses or self.troubles > 1:  # one broken connection is no sign yet
                # Also where it says that no wait is needed: it has refused.
                rest = pause(self.troubles - 1) if wait is None or wait < 1.0 else 0.0
                self.next_at = max(self.next_at, now + rest)
        if wait is not None:
            self.next_at = max(self.next_at, now + wait)

    @property
    def given_up(self) -> bool:
        """Whether it failed too often in a row."""
        return self.strikes >= MAX_FAILURES


def pause(attempts: int) -> float:
    """Seconds before the next attempt: twice as long each time, up to a minute, with jitter."""
    return min(2.0 ** min(attempts, 10), MAX_PAUSE_SECONDS) * random.uniform(0.5, 1.0)

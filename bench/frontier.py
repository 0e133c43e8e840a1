"""Pushes and pops a second of the frontier as it grows, and the memory it takes.

    python bench/frontier.py [--urls 1000000]

A push is a URL that a listing of 100 offers; a pop is a URL leased and finished, 64 to a commit. Every commit is synced
to the disk, as in a crawl. The folder is a temporary one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from crawler.frontier import Finish, Kind, Offer, Outcome, Source
from crawler.frontier_db import SqliteFrontier, connect

LISTING = 100
GROUP = 64
STEPS = 5


def main() -> None:
    """Print a table, a line for each fifth of the URLs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--urls", type=int, default=1_000_000)
    count: int = parser.parse_args().urls
    step = count // STEPS
    with tempfile.TemporaryDirectory(prefix="muragat-frontier-") as folder:
        path = Path(folder) / "frontier.db"
        frontier = SqliteFrontier(connect(path), site="haber", name="bench", now=time.time())
        print(f"{'URLs in it':>12} {'pushes/s':>10} {'memory MB':>10}")
        for done in range(0, count, step):
            rate = push(frontier, done, done + step)
            print(f"{frontier.size:>12,} {rate:>10,.0f} {memory_mb():>10.0f}", flush=True)
        print(f"\n{'URLs done':>12} {'pops/s':>10} {'memory MB':>10}")
        for done in range(0, count, step):
            rate = pop(frontier, step)
            print(f"{done + step:>12,} {rate:>10,.0f} {memory_mb():>10.0f}", flush=True)
        print(
            f"\n{count:,} URLs are {sum(part.stat().st_size for part in path.parent.iterdir()) / count:.0f} bytes each"
        )


def push(frontier: SqliteFrontier, start: int, end: int) -> float:
    """Enter URLs as listings offer them; how many a second."""
    began = time.monotonic()
    for first in range(start, end, LISTING):
        frontier.offer(offers(first, min(first + LISTING, end)))
    return (end - start) / (time.monotonic() - began)


def offers(start: int, end: int) -> Iterator[Offer]:
    """What one listing offers."""
    for number in range(start, end):
        yield Offer(
            url=f"https://haber.example/{2000 + number % 25}/{number % 12 + 1:02}/haberin-uzunca-basligi-{number}/",
            kind=Kind.PAGE,
            host="haber.example",
            priority=50,
            depth=2,
            found_on=f"https://haber.example/kategori/gundem/page/{number // LISTING}/",
            source=Source.LISTING,
        )


def pop(frontier: SqliteFrontier, count: int) -> float:
    """Lease URLs and finish them; how many a second."""
    began, left = time.monotonic(), count
    while left > 0:
        now = time.time()
        leases = frontier.lease(min(GROUP, left), now=now)
        frontier.commit(
            Finish(url=lease.url, at=now, status=200, outcome=Outcome.NEW, payload_digest="sha1:A", due_at=now + 86_400)
            for lease in leases
        )
        left -= len(leases)
    return count / (time.monotonic() - began)


def memory_mb() -> float:
    """Resident memory of this process now."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()

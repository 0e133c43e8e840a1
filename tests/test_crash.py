"""Killed at any moment, a crawl loses nothing it acknowledged; the same command again goes on where it was."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from servers import Answer, Loopback, crawl, finish, frontier_rows, links, make_archive, page, start_crawl, wait_until

from archive.config import ArchiveDir
from archive.verify import verify
from archive.warc import Kept, read_warc

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

from crawler.scheduler import COMMIT_SECONDS

SEED = int(os.environ.get("MURAGAT_TEST_SEED") or time.time_ns() % 1_000_000)
PAGES = 200
# Read anew by every crawl: they tell of what is new.
LISTINGS = {"/robots.txt", "/", "/hub"}
# Numbers written in letters: pages that differ in a number only, and show nothing but each other, are a trap.
LETTERS = str.maketrans("0123456789", "abcdefghij")
NUMBERS = {f"/page/{str(number).translate(LETTERS)}": number for number in range(1, PAGES)}
PATHS = {number: path for path, number in NUMBERS.items()}
ALL = LISTINGS | NUMBERS.keys()


def site(path: str) -> Answer:
    """A site of 200 pages, a hundred a second: most on one listing, so that only the timer commits; the rest linked."""
    if path == "/":
        return links("/hub")
    if path == "/hub":
        return links("/", *(PATHS[number] for number in range(1, 160)))
    if (number := NUMBERS.get(path)) is None:
        return page("none", status="404 Not Found")
    further = [n for n in (number * 2, number * 2 + 1, number + 7, number // 2) if 0 < n < PAGES]
    answer = links("/hub", *(PATHS[n] for n in further))
    return replace(answer, pieces=(*answer.pieces[:-1], _unique(answer.pieces[-1], number)), seconds=0.04)


def _unique(answer: bytes, number: int) -> bytes:
    return answer.replace(b"<title>links</title>", b"<title>%05d</title>" % number)


def captured(directory: ArchiveDir, server: Loopback) -> Counter[str]:
    """How many whole captures of each path the WARCs hold."""
    names = [path.name for path in directory.warcs.glob("*.warc.gz")]
    reads = [read for name in names for read in read_warc(directory.warcs, name) if isinstance(read, Kept)]
    return Counter(read.capture.url.removeprefix(server.url) for read in reads if read.capture.status)


def states(directory: ArchiveDir) -> set[str]:
    return {state for state, _ in frontier_rows(directory).values()}


def stop(process: subprocess.Popen[str], how: signal.Signals) -> float:
    """Send a signal, when the process has not ended by itself; when it was sent."""
    assert process.poll() is None, process.communicate()
    process.send_signal(how)
    return time.time()


@pytest.mark.parametrize("turn", range(3))
def test_sigkill_at_any_moment_loses_nothing(tmp_path: Path, turn: int) -> None:
    after = random.Random(f"{SEED}/{turn}").randrange(15 + 55 * turn, 70 + 55 * turn)
    print(f"MURAGAT_TEST_SEED={SEED}, turn {turn}: killed after {after} answers")
    with Loopback(site) as server:
        directory = make_archive(tmp_path / "archive", server)
        process = start_crawl(directory)
        wait_until(lambda: len(server.log) >= after)
        killed_at = stop(process, signal.SIGKILL)
        process.wait()
        time.sleep(0.1)  # answers under way come to nobody
        before = list(server.log)
        (left,) = directory.warcs.glob("*.open")

        done = crawl(directory, wait=True)

    assert done.returncode == 0, done.stderr
    assert f"{left.name.removesuffix('.open')}: left open by a crawl that died" in done.stdout
    assert captured(directory, server).keys() == ALL
    assert states(directory) == {"done"}
    assert not list(directory.warcs.glob("*.open"))
    assert verify(directory).findings == []
    last = {heard.path: heard.at for heard in before}
    again = {heard.path for heard in server.log[len(before) :]} & last.keys() - LISTINGS
    # What was answered longer ago than that was acknowledged. Half a second of slack: the machine is busy.
    early = {path: killed_at - last[path] for path in again if last[path] < killed_at - COMMIT_SECONDS - 0.5}
    assert not early, early
    assert max(server.counts().values()) <= 3


def test_a_listing_in_the_warc_whose_links_are_not_entered_yet_is_read_again(tmp_path: Path) -> None:
    """The links are entered with the commit; between the write and the commit lies half a second."""
    articles = {f"/article/{number}": page(f"<title>{number}</title>") for number in range(20)}
    for attempt in range(8):
        slow = [page("slow", seconds=30), page("slow")]  # while it is under way, the commit waits for its timer
        listing = replace(links(*articles), seconds=0.2 + attempt / 10)
        with Loopback({"/": links("/slow", "/list"), "/list": listing, "/slow": slow, **articles}) as server:
            directory = make_archive(tmp_path / str(attempt), server)
            process = start_crawl(directory)
            wait_until(partial(_is_written, directory, server, "/list"))
            time.sleep(0.1)  # the spider has read its links by now
            stop(process, signal.SIGKILL)
            process.wait()
            urls = {server.url + path for path in articles}
            if urls & frontier_rows(directory).keys():
                continue  # the commit came first
            assert frontier_rows(directory)[f"{server.url}/list"] == ("leased", None)

            done = crawl(directory)

        assert done.returncode == 0, done.stderr
        assert {url: state for url, (state, _) in frontier_rows(directory).items() if url in urls} == dict.fromkeys(
            urls, "done"
        )
        assert captured(directory, server).keys() >= articles.keys()
        return
    pytest.fail("the commit always came first: nothing was tried")


def _is_written(directory: ArchiveDir, server: Loopback, path: str) -> bool:
    for left in directory.warcs.glob("*.open"):
        for read in read_warc(directory.warcs, left.name.removesuffix(".open")):
            if isinstance(read, Kept) and read.capture.url == server.url + path:
                return True
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_crawl_that_is_asked_to_stop_stops_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    with Loopback(site) as server:
        directory = make_archive(tmp_path / "archive", server)
        process = start_crawl(directory)
        wait_until(lambda: len(server.log) >= 40)
        stop(process, how)
        stopped = finish(process)
        before = server.counts()

        done = crawl(directory)

    assert stopped.returncode == 130, stopped.stderr
    assert len(re.findall("^interrupted; everything fetched is kept", stopped.stderr, re.MULTILINE)) == 1
    assert "Traceback" not in stopped.stderr
    assert "interrupted after" in stopped.stdout
    assert 40 <= before.total() < PAGES
    assert done.returncode == 0, done.stderr
    assert "left open" not in done.stdout
    assert captured(directory, server).keys() == ALL
    assert states(directory) == {"done"}
    assert {path for path, count in server.counts().items() if count > 1} <= LISTINGS


def test_a_second_crawl_of_a_site_names_the_first(tmp_path: Path) -> None:
    with Loopback(site) as server:
        directory = make_archive(tmp_path / "archive", server)
        first = start_crawl(directory)
        wait_until(lambda: server.log)
        second = crawl(directory)
        stop(first, signal.SIGTERM)
        finish(first)

    assert second.returncode == 1
    assert f"pid {first.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    assert len(list(directory.warcs.iterdir())) == 1


def test_a_dead_crawl_holds_no_lock(tmp_path: Path) -> None:
    """The lock is the kernel's: it dies with its process, and no file has to be removed by hand."""
    with Loopback({"/": links("/a"), "/a": page("a", seconds=20)}) as server:
        directory = make_archive(tmp_path / "archive", server)
        process = start_crawl(directory)
        wait_until(lambda: server.under_way["/a"])
        stop(process, signal.SIGKILL)
        process.wait()

        done = crawl(directory, "--limit", "2")

    assert done.returncode == 0, done.stderr

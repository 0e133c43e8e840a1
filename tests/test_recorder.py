"""What the recorder promises: files that roll, bodies kept once, a chain, a crawl that stops when it cannot keep."""

from __future__ import annotations

import json
import random
import re
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from archives import check_member
from servers import NO_ROBOTS, Answer, Loopback, chunked, crawl, frontier_rows, links, make_archive, page
from warcio.archiveiterator import ArchiveIterator

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import WarcWriteError
from archive.model import Exchange, RecordType, Tls
from archive.verify import verify
from archive.warc import TLS_URI, CrawlNote, Kept, Member, members, read_warc
from crawler.frontier_db import connect
from crawler.recorder import Recorder

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

AT = datetime(2024, 3, 15, 9, 30, tzinfo=UTC)
CHANCE = random.Random(11)


def exchange(
    path: str, body: bytes, *, head: str = "", status: str = "200 OK", truncated: str | None = None
) -> Exchange:
    return Exchange(
        url=f"https://haber.example{path}",
        request=b"GET / HTTP/1.1\r\n\r\n",
        response=f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body,
        captured_at=AT,
        ip_address="192.0.2.1",
        truncated=truncated,
    )


@pytest.fixture
def directory(tmp_path: Path) -> ArchiveDir:
    return ArchiveDir(tmp_path)


@pytest.fixture
def frontier(directory: ArchiveDir) -> Iterator[sqlite3.Connection]:
    with closing(connect(directory.frontier_db)) as connection:
        yield connection


def recorder(
    directory: ArchiveDir,
    frontier: sqlite3.Connection,
    *,
    roll: int = 10**9,
    age: timedelta = timedelta(days=1),
    prefix: str = "haber",
) -> Recorder:
    return Recorder(directory, frontier, prefix=prefix, info={"software": "tests"}, roll_bytes=roll, roll_age=age)


def commit(frontier: sqlite3.Connection, one: Recorder) -> None:
    """What the scheduler does with the rows of `sync()`."""
    with frontier:
        frontier.executemany("INSERT OR IGNORE INTO payloads VALUES (?, ?, ?, ?)", one.sync())
    one.forget_fresh()


def end(one: Recorder) -> None:
    one.close(crawl="haber-1", reason="finished", counts={"fetched": "1"})


def kept(directory: ArchiveDir, name: str) -> list[Kept]:
    return [read for read in read_warc(directory.warcs, name) if isinstance(read, Kept)]


# ---------------------------------------------------------------- files


def test_a_file_is_closed_at_its_size_and_the_next_one_begun(
    directory: ArchiveDir, frontier: sqlite3.Connection
) -> None:
    one = recorder(directory, frontier, roll=11_000)
    for number in range(10):
        one.keep(exchange(f"/{number}", CHANCE.randbytes(4_000)))
    end(one)

    sizes = {path.name: path.stat().st_size for path in directory.warcs.iterdir()}

    assert len(sizes) == len(one.warcs) == 4
    assert sorted(sizes) == one.warcs
    assert all(re.fullmatch(r"haber-\d{14}-0000\d-[\w-]+\.warc\.gz", name) for name in sizes)
    assert all(11_000 <= sizes[name] < 16_000 for name in one.warcs[:3])
    urls = [read.capture.url[-2:] for name in one.warcs for read in kept(directory, name)]
    assert urls == [f"/{number}" for number in range(10)]


def test_a_file_is_closed_at_its_age_when_more_comes(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    one = recorder(directory, frontier, age=timedelta(seconds=0.3))
    one.keep(exchange("/0", b"at once"))
    one.keep(exchange("/1", b"at once too"))
    time.sleep(0.35)
    one.keep(exchange("/2", b"later"))
    end(one)

    assert [[read.capture.url[-2:] for read in kept(directory, name)] for name in one.warcs] == [["/0", "/1"], ["/2"]]
    assert [entry.name for entry in manifest.read(directory.manifest)] == one.warcs


def test_how_a_host_was_secured_is_noted_once_in_each_file(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    tls = Tls(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", certificates=(b"its own", b"who signed it"))
    one = recorder(directory, frontier, roll=5_000)
    for number in range(4):
        one.keep(replace(exchange(f"/{number}", CHANCE.randbytes(2_600)), tls=tls))
    one.keep(replace(exchange("/plain", b"not secured"), url="http://haber.example/plain"))
    end(one)

    noted = []
    for name in one.warcs:
        with (directory.warcs / name).open("rb") as file:
            for record in ArchiveIterator(file):
                if (url := record.rec_headers.get_header("WARC-Target-URI") or "").startswith(TLS_URI):
                    noted.append((name, url, record.content_stream().read().decode().splitlines()))
    fields = ["tlsVersion: TLSv1.3", "tlsCipher: TLS_AES_256_GCM_SHA384"]
    fields += ["certificate: aXRzIG93bg==", "certificate: d2hvIHNpZ25lZCBpdA=="]
    assert len(one.warcs) == 3
    assert noted == [(name, "urn:muragat:tls:haber.example", fields) for name in one.warcs[:2]]


def test_each_closed_file_is_a_line_of_the_chain(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    one = recorder(directory, frontier, roll=5_000)
    for number in range(4):
        one.keep(exchange(f"/{number}", CHANCE.randbytes(4_000)))
    end(one)

    lines = directory.manifest.read_bytes().splitlines()
    entries = [json.loads(line) for line in lines]

    assert [entry["name"] for entry in entries] == one.warcs
    for entry in entries:
        content = (directory.warcs / entry["name"]).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(content), sha256(content).hexdigest())
    before = [manifest.GENESIS, *(sha256(line).hexdigest() for line in lines)]
    assert [entry["previous"] for entry in entries] == before[:-1]
    assert one.head == before[-1]


def test_two_crawls_in_one_second_take_two_names(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    names = []
    for _ in range(3):
        one = recorder(directory, frontier)
        one.keep(exchange("/", CHANCE.randbytes(10)))
        end(one)
        names += one.warcs

    assert len(set(names)) == 3


def test_a_crawl_that_heard_nothing_leaves_no_file(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    end(recorder(directory, frontier))

    assert not directory.warcs.exists()
    assert not directory.manifest.exists()


# ---------------------------------------------------------------- bodies kept once


def types(directory: ArchiveDir, one: Recorder) -> dict[str, RecordType]:
    return {read.capture.url[-2:]: read.capture.record_type for name in one.warcs for read in kept(directory, name)}


def test_a_body_is_kept_once_across_urls(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    one = recorder(directory, frontier)
    one.keep(exchange("/a", b"same"))
    one.keep(exchange("/b", b"same", head="X: y\r\n"))
    one.keep(exchange("/c", b"other"))
    end(one)

    assert types(directory, one) == {"/a": "response", "/b": "revisit", "/c": "response"}
    assert (one.captures, one.revisits) == (3, 1)
    revisit = kept(directory, one.warcs[0])[1].capture
    assert (revisit.refers_to_url, revisit.refers_to_at) == ("https://haber.example/a", AT)


def test_a_body_is_kept_once_across_crawls(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    first = recorder(directory, frontier)
    first.keep(exchange("/a", b"same"))
    commit(frontier, first)
    end(first)

    second = recorder(directory, frontier)
    second.keep(replace(exchange("/a", b"same"), captured_at=AT + timedelta(days=1)))
    end(second)

    assert types(directory, second) == {"/a": "revisit"}
    assert kept(directory, second.warcs[0])[0].capture.refers_to_at == AT


def test_a_body_that_was_never_acknowledged_is_kept_again(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    """Its WARC may have been lost with the machine: only what was synced may be referred to from another crawl."""
    first = recorder(directory, frontier)
    first.keep(exchange("/a", b"same"))
    end(first)

    second = recorder(directory, frontier)
    second.keep(exchange("/a", b"same"))
    end(second)

    assert types(directory, second) == {"/a": "response"}


@pytest.mark.parametrize(
    "first",
    [
        exchange("/a", b"same", status="404 Not Found"),
        exchange("/a", b"same", truncated="disconnect"),
        exchange("/a", chunked(b"same"), head="Transfer-Encoding: chunked\r\n"),
    ],
    ids=["404", "cut", "chunked"],
)
def test_what_would_replay_otherwise_is_not_referred_to(
    directory: ArchiveDir, frontier: sqlite3.Connection, first: Exchange
) -> None:
    one = recorder(directory, frontier)
    one.keep(first)
    one.keep(exchange("/b", b"same"))
    end(one)

    assert types(directory, one) == {"/a": "response", "/b": "response"}


# ---------------------------------------------------------------- left-overs


def left_open(directory: ArchiveDir, frontier: sqlite3.Connection, *, prefix: str = "haber") -> str:
    """The file of a crawl that died: two exchanges and a torn third."""
    one = recorder(directory, frontier, prefix=prefix)
    for path in ("/a", "/b"):
        one.keep(exchange(path, CHANCE.randbytes(500)))
    (name,) = one.warcs
    with (directory.warcs / f"{name}.open").open("ab") as file:
        file.write(b"\x1f\x8b\x08\x00torn")
    return name


def test_what_a_dead_crawl_left_open_is_closed_and_chained(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    name = left_open(directory, frontier)

    (said,) = recorder(directory, frontier).repair_leftovers()

    assert name in said and "8 torn bytes" in said
    assert [read.capture.url[-2:] for read in kept(directory, name)] == ["/a", "/b"]
    (entry,) = manifest.read(directory.manifest)
    assert (entry.name, entry.sha256) == (name, manifest.hash_file(directory.warcs / name))
    assert recorder(directory, frontier).repair_leftovers() == []


def test_the_open_file_of_another_site_is_left_alone(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    """A crawl of `haber-ekonomi` may be running while one of `haber` begins."""
    name = left_open(directory, frontier, prefix="haber-ekonomi")

    assert recorder(directory, frontier).repair_leftovers() == []
    assert (directory.warcs / f"{name}.open").exists()


def test_a_file_that_was_closed_but_not_chained_is_chained(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    one = recorder(directory, frontier)
    one.keep(exchange("/a", b"x"))
    end(one)
    line = directory.manifest.read_bytes()
    directory.manifest.write_bytes(line[: len(line) // 2])  # died over its line

    assert recorder(directory, frontier).repair_leftovers() == []

    assert [entry.name for entry in manifest.read(directory.manifest)] == one.warcs
    assert recorder(directory, frontier).repair_leftovers() == []
    assert len(manifest.read(directory.manifest)) == 1


def test_a_crawl_says_what_is_known_of_its_clock(tmp_path: Path) -> None:
    with Loopback({"/": page("home")}) as server:
        directory = make_archive(tmp_path / "archive", server)
        assert crawl(directory).returncode == 0

    (warc,) = directory.warcs.glob("*.warc.gz")
    (note,) = [read for read in read_warc(directory.warcs, warc.name) if isinstance(read, CrawlNote) and not read.ended]
    assert re.match("system clock; (synchronised by |whether it is )", note.fields["clock"])


def test_a_crawl_repairs_what_another_left(tmp_path: Path) -> None:
    with Loopback({"/": page("home")}) as server:
        directory = make_archive(tmp_path / "archive", server)
        with closing(connect(directory.frontier_db)) as connection:
            name = left_open(directory, connection, prefix="local")
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    assert f"note: {name}: left open by a crawl that died" in done.stdout
    assert not list(directory.warcs.glob("*.open"))
    assert verify(directory).findings == []


# ---------------------------------------------------------------- when it cannot be kept


def limited(file_bytes: int) -> dict[str, object]:
    """A child whose files may grow so far only; what a full disk looks like to it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return {"preexec_fn": limit}


def test_after_a_failed_write_nothing_more_is_written(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    one = recorder(directory, frontier)
    one.keep(exchange("/a", b"x"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(WarcWriteError, match="File too large"):
            one.keep(exchange("/b", CHANCE.randbytes(60_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with pytest.raises(WarcWriteError):
        one.keep(exchange("/c", b"small"))
    assert isinstance(one.failure, WarcWriteError)
    assert [read.capture.url[-2:] for read in kept(directory, one.warcs[0])] == ["/a"]


def heavy(count: int, size: int) -> dict[str, Answer]:
    """Pages with a comment of `size` bytes that do not compress, linked from the home page."""
    pages = {f"/{n}": page(b"<!--" + CHANCE.randbytes(size).replace(b"-", b"+") + b"-->") for n in range(count)}
    return {"/": links(*pages), "/robots.txt": NO_ROBOTS, **pages}


def test_a_write_that_fails_stops_the_crawl_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with Loopback(heavy(40, 60_000)) as server:
        directory = make_archive(tmp_path / "archive", server)

        failed = crawl(directory, **limited(1_000_000))

        assert failed.returncode == 1
        lines = [line for line in failed.stderr.splitlines() if line.startswith("muragat: ")]
        assert len(lines) == 1 and re.search(r"warc\.gz at byte \d+: cannot be written: File too large", lines[0])
        assert "Traceback" not in failed.stderr
        assert len(server.log) < 40  # it did not go on fetching what it could not keep
        (left,) = directory.warcs.glob("*.open")
        with left.open("rb") as file:
            assert not any(check_member(member) for member in members(file, left.name) if isinstance(member, Member))
        held = [one.capture.url for one in kept(directory, left.name.removesuffix(".open"))]
        assert len(held) >= 10
        done_before = {url for url, (state, _) in frontier_rows(directory).items() if state == "done"}
        assert done_before <= set(held)

        done = crawl(directory)

        assert done.returncode == 0, done.stderr
        assert {state for state, _ in frontier_rows(directory).values()} == {"done"}
    names = [path.name for path in directory.warcs.glob("*.warc.gz")]
    captured = {one.capture.url for name in names for one in kept(directory, name)}
    assert captured == {f"{server.url}{path}" for path in ("/", "/robots.txt", *(f"/{n}" for n in range(40)))}


def test_a_frontier_that_cannot_be_written_stops_the_crawl(tmp_path: Path) -> None:
    """Links fill frontier.db before pages fill a WARC."""
    trap = {f"/list/{n}": links(*(f"/page/{n}/{m}/{'x' * 200}" for m in range(2_000))) for n in range(8)}
    with Loopback({"/": links(*trap), **trap}) as server:
        directory = make_archive(tmp_path / "archive", server, rules="max_depth = 2")

        failed = crawl(directory, **limited(1_500_000))

    assert failed.returncode == 1, failed.stdout + failed.stderr
    lines = [line for line in failed.stderr.splitlines() if line.startswith("muragat: ")]
    assert len(lines) == 1 and "frontier.db cannot be written" in lines[0]


# ---------------------------------------------------------------- an empty success is a lie


def test_a_crawl_that_captured_nothing_fails(tmp_path: Path) -> None:
    with Loopback({}) as server:
        directory = make_archive(tmp_path / "archive", server)
    done = crawl(directory)  # the server is gone

    assert done.returncode == 1
    assert f"local: {server.url}/ was not captured" in done.stderr


def test_a_crawl_that_robots_txt_forbids_fails(tmp_path: Path) -> None:
    forbid = page("User-agent: *\nDisallow: /\n", kind="text/plain")
    with Loopback({"/robots.txt": forbid, "/": page("home")}) as server:
        directory = make_archive(tmp_path / "archive", server)
        done = crawl(directory)

    assert done.returncode == 1
    assert "robots.txt forbids" in done.stderr
    assert set(server.counts()) == {"/robots.txt"}


def test_robots_txt_that_fails_once_holds_nothing_up(tmp_path: Path) -> None:
    """A crawl with many URLs waiting asks for robots.txt first; its second attempt must not queue behind them."""
    robots = [NO_ROBOTS, page("", status="503 Busy"), NO_ROBOTS]
    pages = {f"/{n}": page(f"page {n}") for n in range(100)}
    with Loopback({"/": links(*pages), "/robots.txt": robots, **pages}) as server:
        directory = make_archive(tmp_path / "archive", server)
        assert crawl(directory, "--limit", "5").returncode == 0
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    assert {state for state, _ in frontier_rows(directory).values()} == {"done"}
    assert server.counts()["/robots.txt"] == 3


def test_every_record_is_read_by_warcio(directory: ArchiveDir, frontier: sqlite3.Connection) -> None:
    one = recorder(directory, frontier)
    one.keep(exchange("/a", b"same"))
    one.keep(exchange("/b", b"same"))
    one.keep_failure("https://haber.example/c", at=AT, error="refused")
    end(one)

    with (directory.warcs / one.warcs[0]).open("rb") as file:
        found = [record.rec_type for record in ArchiveIterator(file, check_digests="raise")]

    assert found == ["warcinfo", "response", "request", "revisit", "request", "metadata", "metadata"]

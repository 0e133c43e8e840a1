"""Servers that lie and disks that are full: each ends, is recorded as what it was, and stops nothing else."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from archives import check_member
from servers import (
    NO_ROBOTS,
    Answer,
    Loopback,
    crawl,
    finish,
    frontier_rows,
    gzipped,
    links,
    make_archive,
    page,
    start_crawl,
    wait_until,
)
from warcio.archiveiterator import ArchiveIterator

from archive.config import ArchiveDir
from archive.warc import Damaged, Kept, Member, members, read_warc

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

from crawler.scheduler import MAX_ATTEMPTS
from crawler.wire import MAX_HEAD_BYTES

MAX_BYTES = 1_000_000
TIMEOUT = 2.0
SEGMENT_BYTES = 256 * 1024  # what may come at once, beyond a bound

# ---------------------------------------------------------------- servers that lie

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzipped(bytes(50_000_000)) * 20  # 1 GB in under a megabyte


def longer_than_it_is() -> Iterator[bytes | float]:
    """Content-Length too long; the connection stays open."""
    yield OK + b"Content-Length: 500000\r\n\r\n<p>this is all"
    yield 60.0


def shorter_than_it_is() -> Iterator[bytes | float]:
    """Content-Length too short: what follows looks like the answer to the next request on the connection."""
    yield OK + b"Content-Length: 9\r\n\r\n<p>short!" + b"<p>and more"
    yield 0.05
    yield OK + b"Content-Length: 8\r\n\r\nsmuggled"


def bomb() -> Iterator[bytes | float]:
    """Little on the wire, a gigabyte when it is inflated."""
    yield OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    yield BOMB


def chunks_without_end() -> Iterator[bytes | float]:
    """Chunk after chunk, as fast as they go."""
    yield CHUNKED
    while True:
        yield b"2000\r\n" + b"x" * 0x2000 + b"\r\n"


def chunks_of_nothing() -> Iterator[bytes | float]:
    """One byte a chunk, a thousand around it: the body stays small, the wire does not."""
    yield CHUNKED
    while True:
        yield (b"1;" + b"e" * 1000 + b"\r\nx\r\n") * 16


def bytes_without_end() -> Iterator[bytes | float]:
    """No length at all, and no end."""
    yield OK + b"Connection: close\r\n\r\n"
    while True:
        yield b"<p>on and on" * 1000


def announced() -> Iterator[bytes | float]:
    """More than anybody wants, said beforehand."""
    yield OK + b"Content-Length: 10000000000\r\n\r\n"
    while True:
        yield b"x" * 8192


def head_of_many_lines() -> Iterator[bytes | float]:
    """Ten megabytes of header fields."""
    yield OK
    for number in range(100_000):
        yield b"X-%05d: " % number + b"y" * 90 + b"\r\n"
    yield b"\r\n"


def head_of_one_line() -> Iterator[bytes | float]:
    """Ten megabytes of one header field."""
    yield OK + b"X: "
    for _ in range(1_000):
        yield b"y" * 10_000
    yield b"\r\n\r\n"


def interim_without_end() -> Iterator[bytes | float]:
    """An answer is always about to come."""
    while True:
        yield b"HTTP/1.1 102 Processing\r\n\r\n" * 100


def drip() -> Iterator[bytes | float]:
    """A body of which a byte comes now and then."""
    yield OK + b"Content-Length: 5000\r\n\r\n"
    while True:
        yield b"x"
        yield 0.1


def chunk_drip() -> Iterator[bytes | float]:
    """Small chunks now and then, for ever."""
    yield CHUNKED
    while True:
        yield b"1\r\nx\r\n"
        yield 0.1


def head_drip() -> Iterator[bytes | float]:
    """A head that does not get on."""
    yield OK
    while True:
        yield b"X: y\r\n"
        yield 0.1


def silence() -> Iterator[bytes | float]:
    """A connection, and nothing."""
    yield 60.0


Lie = Callable[[], Iterator[bytes | float]]
BY_LENGTH: tuple[Lie, ...] = (
    *(chunks_without_end, chunks_of_nothing, bytes_without_end, announced, head_of_many_lines, head_of_one_line),
)
BY_TIME: tuple[Lie, ...] = (longer_than_it_is, drip, chunk_drip, head_drip)
NO_ANSWER: tuple[Lie, ...] = (interim_without_end, silence)
LIES = {f"/{lie.__name__}": lie for lie in (*BY_LENGTH, *BY_TIME, *NO_ANSWER, shorter_than_it_is, bomb)}
# On three hosts: one that fails ten times in a row is left alone, and that would end the test early.
HOSTS = (
    tuple(path for path in LIES if LIES[path] not in (*BY_TIME, silence)),
    ("/longer_than_it_is", "/drip", "/chunk_drip"),
    ("/head_drip", "/silence"),
)
HONEST = 10  # other pages on each host


class Liar(Loopback):
    """Answers its lies as long as anybody listens."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(answers)
        self.told: dict[str, list[bytearray]] = {}

    def _answer(self, connection: socket.socket, number: int, request: bytes) -> Answer:
        path = request.split(b" ", 2)[1].decode()
        if path not in LIES:
            return super()._answer(connection, number, request)
        sent = bytearray()
        self.told.setdefault(path, []).append(sent)
        for piece in LIES[path]():
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                sent += piece
                connection.sendall(piece)
        return Answer(())


@dataclass(frozen=True)
class Records:
    """What one crawl left of the lies."""

    servers: tuple[Liar, ...]
    told: Mapping[str, list[bytearray]]  # path → what was sent, of each fetch
    rows: Mapping[str, tuple[str, str | None]]
    responses: Mapping[str, list[tuple[str | None, bytes]]]  # path → WARC-Truncated and block, of each fetch
    notes: Mapping[str, list[str]]  # path → the errors noted
    peak_kib: int
    seconds: float


@pytest.fixture(scope="module")
def lies(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """One crawl of them all, and of other pages on the same hosts."""
    with ExitStack() as running:
        servers = tuple(running.enter_context(Liar(beside(lies))) for lies in HOSTS)
        directory = make_archive(
            tmp_path_factory.mktemp("lies") / "archive",
            *servers,
            rules=f"concurrency = 16\ntimeout = {TIMEOUT}\nmax_bytes = {MAX_BYTES}",
        )
        began = time.monotonic()
        process = start_crawl(directory)
        peak: list[int] = []
        threading.Thread(target=watch, args=(process, peak), daemon=True).start()
        done = finish(process)
        seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    rows = {path_of(url): row for url, row in frontier_rows(directory).items()}
    responses: dict[str, list[tuple[str | None, bytes]]] = {}
    notes: dict[str, list[str]] = {}
    (warc,) = directory.warcs.glob("*.warc.gz")
    with warc.open("rb") as file:
        for record in ArchiveIterator(file, no_record_parse=True):
            header = record.rec_headers.get_header
            path = path_of(header("WARC-Target-URI") or "")
            if record.rec_type == "response":
                responses.setdefault(path, []).append((header("WARC-Truncated"), record.raw_stream.read()))
            elif record.rec_type == "metadata":
                notes.setdefault(path, []).append(record.raw_stream.read().decode())
    with warc.open("rb") as file:
        wrong = [check_member(one) for one in members(file, warc.name) if isinstance(one, Member)]
    assert not any(wrong), wrong
    told = {path: sent for server in servers for path, sent in server.told.items()}
    return Records(servers, told, rows, responses, notes, peak[-1], seconds)


def beside(lies: tuple[str, ...]) -> dict[str, Answer]:
    """A host's other pages, and its home page, which links to all of it; no name is on two hosts."""
    honest = {f"{lies[0]}/honest/{number}": page(f"{lies[0]} {number}") for number in range(HONEST)}
    return {"/": links(*lies, *honest), "/robots.txt": NO_ROBOTS, **honest}


def path_of(url: str) -> str:
    return urlsplit(url).path


def watch(process: subprocess.Popen[str], peak: list[int]) -> None:
    """Note the most memory a process ever had, as long as it lives."""
    while process.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            return
        if found:
            peak.append(int(found[1]))
        time.sleep(0.05)


def names(lies: tuple[Lie, ...]) -> list[str]:
    return [f"/{lie.__name__}" for lie in lies]


@pytest.mark.parametrize("path", names(BY_LENGTH))
def test_what_is_too_much_is_cut_and_says_so(lies: Records, path: str) -> None:
    ((truncated, block),) = lies.responses[path]
    (sent,) = lies.told[path]  # it will not be smaller the next time: fetched once

    assert truncated == "length"
    assert block and sent.startswith(block)
    assert len(block) <= (MAX_HEAD_BYTES + SEGMENT_BYTES if "head" in path else MAX_BYTES)
    assert lies.rows[path] == ("failed", "DownloadCancelledError")


@pytest.mark.parametrize("path", ["/chunks_without_end", "/chunks_of_nothing", "/bytes_without_end"])
def test_it_is_kept_up_to_the_bound(lies: Records, path: str) -> None:
    assert len(lies.responses[path][0][1]) == MAX_BYTES


@pytest.mark.parametrize("path", names(BY_TIME))
def test_what_takes_too_long_is_cut_and_says_so(lies: Records, path: str) -> None:
    kept, told = lies.responses[path], lies.told[path]

    assert {truncated for truncated, _ in kept} == {"time"}
    assert len(kept) == len(told) == MAX_ATTEMPTS
    for (_, block), sent in zip(kept, told, strict=True):
        assert block and sent.startswith(block)
    assert lies.rows[path] == ("failed", "DownloadTimeoutError")


@pytest.mark.parametrize("path", names(NO_ANSWER))
def test_what_never_answers_is_noted(lies: Records, path: str) -> None:
    assert path not in lies.responses
    assert len(lies.notes[path]) == len(lies.told[path]) == (1 if "interim" in path else MAX_ATTEMPTS)
    assert lies.rows[path][0] == "failed"


def test_what_follows_the_announced_end_is_nobody_s_answer(lies: Records) -> None:
    ((truncated, block),) = lies.responses["/shorter_than_it_is"]

    assert (truncated, block) == (None, OK + b"Content-Length: 9\r\n\r\n<p>short!")
    assert lies.rows["/shorter_than_it_is"] == ("done", None)


def test_a_connection_on_which_too_much_came_is_not_used_again(tmp_path: Path) -> None:
    """The next request would be answered by whoever wrote the page before."""
    pages = {f"/then/{number}": page(f"then {number}") for number in range(5)}
    with Liar({"/": links("/shorter_than_it_is", *pages), "/robots.txt": NO_ROBOTS, **pages}) as server:
        directory = make_archive(tmp_path / "archive", server, rules="concurrency = 1")
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    (warc,) = directory.warcs.glob("*.warc.gz")
    held = [read for read in read_warc(directory.warcs, warc.name) if isinstance(read, Kept) and read.payload]
    bodies = {path_of(read.capture.url): read.payload.body for read in held if read.payload}
    assert {path: bodies[path] for path in pages} == {path: path[1:].replace("/", " ").encode() for path in pages}
    assert b"smuggled" not in bodies.values()


def test_a_gigabyte_in_gzip_is_kept_and_not_inflated(lies: Records) -> None:
    ((truncated, block),) = lies.responses["/bomb"]

    assert truncated is None  # nothing of it is missing
    assert block == bytes(lies.told["/bomb"][0])
    assert len(lies.told["/bomb"]) == 1


def test_none_of_it_costs_memory_or_time(lies: Records) -> None:
    assert lies.peak_kib < 400 * 1024, f"{lies.peak_kib // 1024} MiB"
    assert lies.seconds < MAX_ATTEMPTS * TIMEOUT + 120  # a host that breaks connections is left alone longer each time


def test_the_other_pages_are_had(lies: Records) -> None:
    honest = [path for one in HOSTS for path in beside(one) if "honest" in path]

    assert len(honest) == len(HOSTS) * HONEST
    assert {lies.rows[path] for path in honest} == {("done", None)}
    assert {server.counts()[path] for server in lies.servers for path in honest} == {0, 1}
    assert lies.rows.keys() == {"/", "/robots.txt", *LIES, *honest}


# ---------------------------------------------------------------- a full disk


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of its own at `folder`; what is yielded makes it larger."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,size={more}", folder], check=True) and None
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def can_mount() -> bool:
    """Root in a container often may not."""
    if os.geteuid() != 0:
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="needs root that may mount a tmpfs")


def heavy(count: int, size: int, *, kind: str = "text/html") -> dict[str, Answer]:
    """Pages that do not compress, linked from the home page."""
    pages = {f"/{n}": page(b"<!--" + os.urandom(size).replace(b"-", b"+"), kind=kind) for n in range(count)}
    return {"/": links(*pages), "/robots.txt": NO_ROBOTS, **pages}


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a crawl that failed."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("muragat: ")]
    return line


def whole(directory: ArchiveDir) -> list[str]:
    """The URLs that the WARCs hold; nothing in them is damaged."""
    urls = []
    for path in directory.warcs.iterdir():
        if path.name.endswith(".torn"):
            continue
        name = path.name.removesuffix(".open")
        for read in read_warc(directory.warcs, name):
            assert not isinstance(read, Damaged), read.error
            if isinstance(read, Kept) and read.capture.status:
                urls.append(read.capture.url)
        with path.open("rb") as file:
            assert not any(check_member(one) for one in members(file, name) if isinstance(one, Member))
    return urls


@needs_mount
@pytest.mark.parametrize(
    "count, size, spool_size",
    [(60, 60_000, 1_000_000), (5, 1_500_000, 100_000)],
    ids=["in a record", "in a spooled body"],
)
def test_a_full_disk_stops_the_crawl_and_the_next_one_goes_on(
    tmp_path: Path, count: int, size: int, spool_size: int
) -> None:
    with (
        small_disk(tmp_path / "disk", "2500k") as enlarge,
        Loopback(heavy(count, size, kind="image/webp" if size > spool_size else "text/html")) as server,
    ):
        directory = make_archive(tmp_path / "disk" / "archive", server, rules="concurrency = 2")
        with directory.config_path.open("a") as file:
            file.write(f"spool_size = {spool_size}\n")

        failed = crawl(directory)

        assert "No space left on device" in said(failed) or "is full" in said(failed)
        assert "make room" in said(failed)
        asked = Counter(server.counts())
        assert asked.total() < count  # it did not go on fetching what it could not keep
        done_before = {url for url, (state, _) in frontier_rows(directory).items() if state == "done"}
        assert done_before <= set(whole(directory))

        if size < spool_size:
            assert "make room" in said(crawl(directory))  # there is none yet
            assert done_before <= set(whole(directory))

        enlarge("60M")
        done = crawl(directory, wait=True)

        assert done.returncode == 0, done.stderr
        assert {state for state, _ in frontier_rows(directory).values()} == {"done"}
        assert set(whole(directory)) == {f"{server.url}{path}" for path in ("/", "/robots.txt", *server.answers)}
        assert not list(directory.warcs.glob("*.open"))


def test_a_spool_that_cannot_be_written_stops_the_crawl(tmp_path: Path) -> None:
    """The limit of a file's size meets the spool first: nothing of the body is in the WARC."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))

    film = page(os.urandom(3_000_000), kind="video/mp4")
    with Loopback({"/": links("/film"), "/film": film}) as server:
        directory = make_archive(tmp_path / "archive", server)
        with directory.config_path.open("a") as file:
            file.write("spool_size = 100000\n")
        failed = crawl(directory, preexec_fn=limit)

        assert re.search(r"/film: its body cannot be written to .*: File too large; make room", said(failed))
        assert f"{server.url}/film" not in whole(directory)
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    assert whole(directory).count(f"{server.url}/film") == 1
    assert frontier_rows(directory)[f"{server.url}/film"] == ("done", None)


# ---------------------------------------------------------------- what a lie may leave behind


def test_a_crawl_that_is_killed_leaves_no_spool(tmp_path: Path) -> None:
    """A spool has no name: the disk has its room back when the process is gone."""
    film = Answer((b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(2_000_000), b""), close=False)
    with Loopback({"/": links("/film"), "/film": film}) as server:
        directory = make_archive(tmp_path / "archive", server)
        process = start_crawl(directory)
        wait_until(lambda: spools(process.pid, directory))
        process.kill()
        process.communicate()

    assert not {path.name for path in directory.root.iterdir()} - {
        *("muragat.toml", "warcs", "frontier.db", "frontier.db-wal", "frontier.db-shm", "sites", "logs", "locks"),
        *("archive.db", "archive.db-wal", "archive.db-shm", "manifest.jsonl"),
    }


def spools(pid: int, directory: ArchiveDir) -> list[str]:
    """The nameless files of the archive's directory that a process holds."""
    held = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
    return [path for path in held if path.startswith(f"{directory.root}/") and path.endswith("(deleted)")]

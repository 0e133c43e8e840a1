"""Bodies too large for memory: on disk while they arrive, in the WARC to the last byte, and never held."""

from __future__ import annotations

import random
import re
import resource
import socket
import subprocess
import sys
import textwrap
import time
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest
from archives import check_member
from servers import Answer, Heard, Loopback, chunked, crawl, frontier_rows, gzipped, links, make_archive, page
from warcio.archiveiterator import ArchiveIterator

from archive.config import ArchiveDir
from archive.errors import WarcWriteError
from archive.manifest import hash_file
from archive.model import Exchange, RecordType
from archive.spool import Spool
from archive.warc import (
    Kept,
    Member,
    Original,
    WarcWriter,
    dechunk,
    digest_of_pieces,
    members,
    payload_pieces,
    read_payload,
    read_warc,
)

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

AT = datetime(2024, 3, 15, 9, 30, tzinfo=UTC)
CHANCE = random.Random(5)
NAME = "local-20240315093000-00000-host.warc.gz"
MEGABYTE = 1024 * 1024


def spooled(folder: Path, body: bytes, *, piece: int = 70_000) -> Spool:
    spool = Spool(folder)
    for start in range(0, len(body), piece):
        spool.write(body[start : start + piece])
    return spool


# ---------------------------------------------------------------- the file


def test_a_spool_gives_back_what_was_written(tmp_path: Path) -> None:
    body = CHANCE.randbytes(3 * MEGABYTE + 17)
    spool = spooled(tmp_path, body + b"surplus")
    spool.cut(7)

    assert len(spool) == len(body)
    assert b"".join(map(bytes, spool.windows())) == body == b"".join(map(bytes, spool.windows()))
    assert b"".join(map(bytes, spool.windows(5, 2 * MEGABYTE))) == body[5 : 2 * MEGABYTE]
    assert not list(tmp_path.iterdir())  # it has no name: nothing is left of it, however the process ends
    spool.close()


def test_an_empty_spool_is_empty(tmp_path: Path) -> None:
    spool = spooled(tmp_path, b"only the surplus")
    spool.cut(16)

    assert (len(spool), list(spool.windows()), spool[0:2]) == (0, [], b"")
    assert list(payload_pieces(spool, chunked=True)) == []


FRAMED = [
    chunked(CHANCE.randbytes(200_000), size=777),
    chunked(CHANCE.randbytes(3 * MEGABYTE), size=3 * MEGABYTE),
    b'5;q="a b"\r\nhello\r\nA\r\n, trailers\r\n0;last\r\nX-Sum: 15\r\n\r\n',
    b"5\nhello\n0\n\n",
    b"ff\r\ncut short",
    b"5\r\nhello\r\nzz\r\nworld",
    b"<p>never chunked\n</p>",
    b"3\r\n\r\n!\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("framed", FRAMED, ids=range(len(FRAMED)))
def test_chunk_framing_is_undone_on_disk_as_in_memory(tmp_path: Path, framed: bytes) -> None:
    spool = spooled(tmp_path, framed)

    assert b"".join(map(bytes, payload_pieces(spool, chunked=True))) == dechunk(framed)


# ---------------------------------------------------------------- the record


def exchange(body: bytes, *, spool: Spool | None = None, head: bytes = b"") -> Exchange:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n" + head + b"\r\n"
    return Exchange(
        url="https://haber.example/film.mp4",
        request=b"GET /film.mp4 HTTP/1.1\r\n\r\n",
        response=start if spool is not None else start + body,
        captured_at=AT,
        ip_address="192.0.2.1",
        body=spool,
    )


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n"], ids=["sized", "chunked"])
def test_a_record_is_the_same_from_disk_and_from_memory(tmp_path: Path, head: bytes) -> None:
    content = CHANCE.randbytes(2 * MEGABYTE) + bytes(MEGABYTE)
    body = chunked(content, size=50_000) if head else content
    blocks = []
    for folder, spool in ((tmp_path / "disk", spooled(tmp_path, body)), (tmp_path / "memory", None)):
        folder.mkdir()
        one = WarcWriter(folder / NAME, info={}, now=AT)
        capture = one.write_exchange(exchange(body, spool=spool, head=head))
        one.close()
        with (folder / NAME).open("rb") as file:
            read = [member for member in members(file, NAME) if isinstance(member, Member)]
        assert [check_member(member) for member in read] == [[], [], []]
        assert (read[1].offset, read[1].length) == (capture.offset, capture.length)
        assert read_payload(folder, capture).body == content
        blocks.append((capture.payload_digest, re.sub(rb"urn:uuid:[^>]+", b"", read[1].content)))

    assert blocks[0] == blocks[1]


def test_a_large_body_already_held_is_a_revisit(tmp_path: Path) -> None:
    body = CHANCE.randbytes(MEGABYTE)
    one = WarcWriter(tmp_path / NAME, info={}, now=AT)
    original = Original("https://haber.example/film.mp4", AT, False)
    capture = one.write_exchange(exchange(body, spool=spooled(tmp_path, body)), original=original)
    one.close()

    assert capture.record_type is RecordType.REVISIT
    assert (tmp_path / NAME).stat().st_size < 2_000


def test_an_error_in_the_middle_of_a_large_record_is_rolled_back(tmp_path: Path) -> None:
    one = WarcWriter(tmp_path / NAME, info={}, now=AT)
    first = one.write_exchange(exchange(b"small"))
    large = exchange(b"", spool=spooled(tmp_path, CHANCE.randbytes(6 * MEGABYTE)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MEGABYTE, hard))
    try:
        with pytest.raises(WarcWriteError, match="File too large"):
            one.write_exchange(large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (tmp_path / f"{NAME}.open").stat().st_size == one.size < 2_000
    again = one.write_exchange(large)
    digest = one.close()
    assert [read.capture for read in read_warc(tmp_path, NAME) if isinstance(read, Kept)] == [first, again]
    assert digest == hash_file(tmp_path / NAME)


# ---------------------------------------------------------------- a crawl of bodies that spool

BIG = CHANCE.randbytes(400_000)
HTML = b"<!doctype html><title>big</title><a href='/linked'>x</a>" + b"<p>haber " * 30_000


def sized(body: bytes, kind: str, *lines: str) -> bytes:
    head = "\r\n".join(("HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines))
    return head.encode() + b"\r\n\r\n" + body


def in_pieces(answer: bytes, *, close: bool = False) -> Answer:
    cuts = [0, 30, 60_000, 130_000, 200_001, len(answer)]
    return Answer(tuple(answer[a:b] for a, b in pairwise(cuts)), close=close)


LARGE: dict[str, Answer] = {
    "/film": in_pieces(sized(BIG, "video/mp4")),
    "/film-chunked": in_pieces(
        b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(BIG + b"2", size=999)
    ),
    "/film-until-close": in_pieces(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + BIG + b"3", close=True),
    "/film-103": in_pieces(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + sized(BIG + b"4", "video/mp4")),
    "/film-surplus": in_pieces(sized(BIG + b"5", "video/mp4") + b"HTTP/1.1 200 OK\r\n\r\nsmuggled", close=True),
    "/page": in_pieces(sized(HTML, "text/html")),
    "/page-gzip": in_pieces(
        sized(gzipped(HTML.replace(b"linked", b"packed") + BIG), "text/html", "Content-Encoding: gzip")
    ),
    "/style": in_pieces(sized(b"@import url('/imported.css');" + b" " * 300_000, "text/css")),
    "/film-again": in_pieces(sized(BIG, "video/mp4", "X: again")),
}
SURPLUS = {"/film-surplus": b"HTTP/1.1 200 OK\r\n\r\nsmuggled"}
INTERIM = {"/film-103": b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"}


@dataclass(frozen=True)
class Story:
    server: Loopback
    directory: ArchiveDir
    blocks: Mapping[str, tuple[str, bytes, str | None]]  # path → record type, block, WARC-Truncated
    rows: Mapping[str, tuple[str, str | None]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One crawl with a threshold of 64 KiB."""
    films = [path for path in LARGE if path != "/film-again"]
    start = links(*(path for path in films if path != "/style"), "/then")
    start = Answer((start.pieces[0].replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nLink: x"),))
    styled = page('<link rel="stylesheet" href="/style"><a href="/film-again">x</a>')
    others = {path: page(path) for path in ("/linked", "/packed", "/imported.css")}
    with Loopback({"/": start, "/then": styled, **LARGE, **others}) as server:
        directory = make_archive(tmp_path_factory.mktemp("spool") / "archive", server)
        with directory.config_path.open("a") as file:
            file.write("spool_size = 65536\n")
        done = crawl(directory, wait=True)
        assert done.returncode == 0, done.stderr
        rows = frontier_rows(directory)
    (warc,) = directory.warcs.glob("*.warc.gz")
    blocks = {}
    with warc.open("rb") as file:
        for record in ArchiveIterator(file, no_record_parse=True):
            if record.rec_type in ("response", "revisit"):
                header = record.rec_headers.get_header
                path = header("WARC-Target-URI").removeprefix(server.url)
                blocks[path] = (record.rec_type, record.raw_stream.read(), header("WARC-Truncated"))
    return Story(server, directory, blocks, {url.removeprefix(server.url): row for url, row in rows.items()})


@pytest.mark.parametrize("path", [path for path in LARGE if path != "/film-again"])
def test_a_large_answer_is_kept_as_it_was_received(story: Story, path: str) -> None:
    (heard,) = story.server.heard(path)
    expected = heard.sent.removeprefix(INTERIM.get(path, b"")).removesuffix(SURPLUS.get(path, b""))

    assert story.blocks[path] == ("response", expected, None)


def test_a_large_body_is_kept_once(story: Story) -> None:
    kind, block, _ = story.blocks["/film-again"]

    assert kind == "revisit"
    assert block == sized(BIG, "video/mp4", "X: again").removesuffix(BIG)


def test_the_links_of_a_large_page_and_style_are_followed(story: Story) -> None:
    for path in ("/linked", "/packed", "/imported.css"):
        assert story.rows[path] == ("done", None)


def test_every_record_of_it_verifies(story: Story) -> None:
    (warc,) = story.directory.warcs.glob("*.warc.gz")
    with warc.open("rb") as file:
        read = [member for member in members(file, warc.name) if isinstance(member, Member)]

    assert [wrong for member in read for wrong in check_member(member)] == []


# ---------------------------------------------------------------- memory

BOUND_KIB = 250 * 1024


class Digest(Protocol):
    def digest(self) -> bytes: ...


class Torrent(Loopback):
    """Answers /film with more than anybody should hold, made as it is sent."""

    chunk = CHANCE.randbytes(MEGABYTE // 2) + bytes(MEGABYTE // 2)

    def __init__(self, answers: Mapping[str, Answer], *, size: int, framed: bool) -> None:
        super().__init__(answers)
        self._size = size
        self._framed = framed
        self.block = sha1()  # of all that was sent, head included
        self.payload = sha1()

    def _answer(self, connection: socket.socket, number: int, request: bytes) -> Answer:
        if request.split(b" ", 2)[1] != b"/film":
            return super()._answer(connection, number, request)
        frame = "Transfer-Encoding: chunked" if self._framed else f"Content-Length: {self._size}"
        self._send(connection, f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n{frame}\r\n\r\n".encode())
        for _ in range(self._size // len(self.chunk)):
            self.payload.update(self.chunk)
            self._send(connection, b"%x\r\n%b\r\n" % (len(self.chunk), self.chunk) if self._framed else self.chunk)
        if self._framed:
            self._send(connection, b"0\r\n\r\n")
        self.log.append(Heard("/film", request, b"", number, time.time()))
        return Answer(())

    def _send(self, connection: socket.socket, piece: bytes) -> None:
        self.block.update(piece)
        connection.sendall(piece)


def written(digest: Digest) -> str:
    return "sha1:" + b32encode(digest.digest()).decode()


WITHOUT_ROWS = """
    import sys
    from scrapy.crawler import CrawlerProcess
    from scrapy.settings import Settings

    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    settings.setdict({"MURAGAT_ARCHIVE": sys.argv[1], "MURAGAT_INDEX": False}, priority="cmdline")
    process = CrawlerProcess(settings)
    crawler = process.create_crawler("news")
    process.crawl(crawler)
    process.start()
    sys.exit(str(crawler.spider.run.recorder.failure or "") or 0)
"""


@dataclass
class Peak:
    """The most memory a process had, read while it lives."""

    process: subprocess.Popen[bytes]
    kib: int = field(default=0)

    def watch(self) -> int:
        while self.process.poll() is None:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                self.kib = int(found[1])
            time.sleep(0.05)
        return self.process.returncode


@pytest.mark.parametrize("megabytes, framed", [(500, False), (300, True)], ids=["sized", "chunked"])
def test_memory_stays_flat_for_a_large_download(tmp_path: Path, megabytes: int, framed: bool) -> None:
    with Torrent({"/": links("/film", "/a"), "/a": page("a")}, size=megabytes * MEGABYTE, framed=framed) as server:
        directory = make_archive(tmp_path / "archive", server)
        command = [sys.executable, "-c", textwrap.dedent(WITHOUT_ROWS), str(directory.root)]
        process = subprocess.Popen(command, cwd=Path(__file__).resolve().parent.parent)
        peak = Peak(process)
        code = peak.watch()

    assert code == 0
    assert peak.kib < BOUND_KIB, f"{peak.kib // 1024} MiB"
    assert set(frontier_rows(directory).values()) == {("done", None)}
    (warc,) = directory.warcs.glob("*.warc.gz")
    with warc.open("rb") as file:  # warcio reads in pieces: neither does this process hold it
        for record in ArchiveIterator(file, no_record_parse=True):
            if record.rec_headers.get_header("WARC-Target-URI") == f"{server.url}/film":
                stated = record.rec_headers.get_header("WARC-Block-Digest")
                read = iter(lambda: record.raw_stream.read(MEGABYTE), b"")  # noqa: B023
                assert digest_of_pieces(read) == stated
                break
    assert stated == written(server.block)
    assert record.rec_headers.get_header("WARC-Payload-Digest") == written(server.payload)
    assert record.rec_headers.get_header("WARC-Truncated") is None

"""Records written and read back, by us and by warcio; files that are torn, damaged or full."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from archives import check_member
from servers import chunked, gzipped
from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import ChunkedDataReader

from archive import manifest
from archive.errors import MuragatError, WarcReadError, WarcWriteError
from archive.model import Capture, Exchange, RecordType
from archive.spool import Spool
from archive.warc import (
    CrawlNote,
    Damaged,
    Kept,
    Member,
    Original,
    WarcWriter,
    dechunk,
    digest_of,
    inflater,
    members,
    next_member,
    parse_head,
    parse_warc_date,
    read_payload,
    read_warc,
    repair,
    split_response,
    stored_member,
    warc_date,
)

ROOT = Path(__file__).resolve().parent.parent
AT = datetime(2024, 3, 15, 9, 30, 0, 421_000, tzinfo=UTC)
NAME = "local-20240315093000-00000-host.warc.gz"
REQUEST = b"GET /a HTTP/1.1\r\nHost: haber.example\r\n\r\n"
INFO = {"software": "tests", "isPartOf": "local-20240315093000", "contact": ""}


def exchange(
    path: str = "/a", body: bytes = b"<p>haber", *, status: str = "200 OK", head: str = "", truncated: str | None = None
) -> Exchange:
    lines = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n{head}\r\n"
    return Exchange(
        url=f"https://haber.example{path}",
        request=REQUEST.replace(b"/a", path.encode()),
        response=lines.encode("latin-1") + body,
        captured_at=AT,
        ip_address="192.0.2.7",
        truncated=truncated,
    )


def writer(folder: Path, name: str = NAME) -> WarcWriter:
    return WarcWriter(folder / name, info=INFO, now=AT)


def kept(folder: Path, name: str = NAME, *, start: int = 0) -> list[Kept]:
    return [read for read in read_warc(folder, name, start=start) if isinstance(read, Kept)]


def urls(folder: Path) -> list[str]:
    return [read.capture.url.removeprefix("https://haber.example") for read in kept(folder)]


EXCHANGES = {
    "plain": exchange("/plain"),
    "empty": exchange("/empty", b"", status="204 No Content"),
    "gzip": exchange("/gzip", gzipped(b"haber" * 99), head="Content-Encoding: gzip\r\n"),
    "chunked": exchange("/chunked", chunked(b"haber" * 99), head="Transfer-Encoding: chunked\r\n"),
    "redirect": exchange("/redirect", status="301 Moved", head="Location: /b\r\n"),
    "gone": exchange("/gone", status="410 Gone"),
    "cut": exchange("/cut", b"only th", truncated="disconnect"),
    "large": exchange("/large", random.Random(1).randbytes(900_000)),
    "turkish": exchange("/t%C3%BCrk%C3%A7e?a=1&b=2", "ışık".encode()),
    "not http": Exchange(
        url="https://haber.example/x", request=REQUEST, response=b"SSH-2.0-x\r\n", captured_at=AT, ip_address=None
    ),
}


# ---------------------------------------------------------------- round trips


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    given = EXCHANGES[name]
    warc = writer(tmp_path)
    capture = warc.write_exchange(given)
    warc.close()

    (read,) = kept(tmp_path)

    assert read.capture == capture
    head, body = split_response(given.response)
    payload = dechunk(body) if parse_head(head).chunked else body
    assert read.payload is not None and read.payload.body == payload
    assert read_payload(tmp_path, capture) == read.payload
    assert capture.payload_digest == digest_of(payload)


def test_warcio_reads_the_same_records(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    captures = [warc.write_exchange(one) for one in EXCHANGES.values()]
    warc.close()

    with (tmp_path / NAME).open("rb") as file:
        records = []
        iterator = ArchiveIterator(file, no_record_parse=True)
        for record in iterator:
            header = record.rec_headers.get_header
            block = record.raw_stream.read()
            records.append((record.rec_type, header("WARC-Target-URI"), iterator.get_record_offset(), block))

    answers = [record for record in records if record[0] == "response"]
    asked = [record for record in records if record[0] == "request"]
    assert records[0][0] == "warcinfo" and len(records) == 1 + len(answers) + len(asked)
    assert [(kind, url, offset) for kind, url, offset, _ in answers] == [
        (one.record_type, one.url, one.offset) for one in captures
    ]
    assert [block for *_, block in answers] == [one.response for one in EXCHANGES.values()]
    assert [block for *_, block in asked] == [one.request for one in EXCHANGES.values()]


def test_warcio_check_finds_nothing_wrong(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    for name, one in EXCHANGES.items():
        if name != "chunked":  # warcio counts chunk framing to the payload, WARC 1.1 §6.3.2 does not
            warc.write_exchange(one)
    warc.write_failure("https://haber.example/down", at=AT, error="refused")
    warc.write_crawl_end("local", at=AT, fields={"reason": "finished"})
    warc.close()

    command = [sys.executable, "-m", "warcio.cli", "check", "-v", str(tmp_path / NAME)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


def test_our_own_check_finds_nothing_wrong(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    first = warc.write_exchange(EXCHANGES["plain"])
    for one in EXCHANGES.values():
        warc.write_exchange(one)
    warc.write_exchange(EXCHANGES["plain"], original=Original(first.url, AT, chunked=False))
    warc.close()

    with (tmp_path / NAME).open("rb") as file:
        wrong = [check_member(member) for member in members(file, NAME) if isinstance(member, Member)]

    assert len(wrong) == 1 + 2 * (len(EXCHANGES) + 2)
    assert not any(wrong)


def test_a_fetch_without_answer_is_read_back(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    warc.write_failure("https://haber.example/down", at=AT, error="Connection\r\nrefused: 61")
    warc.close()

    (read,) = kept(tmp_path)

    assert (read.capture.url, read.capture.captured_at) == ("https://haber.example/down", AT)
    assert (read.capture.record_type, read.capture.error) == (RecordType.METADATA, "Connection refused: 61")
    assert (read.capture.status, read.payload) == (None, None)


def test_the_begin_and_end_of_a_crawl_are_read_back(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    warc.write_crawl_end("local-20240315093000", at=AT, fields={"reason": "finished", "fetched": "7"})
    warc.close()

    first, last = [read for read in read_warc(tmp_path, NAME) if isinstance(read, CrawlNote)]

    assert (first.crawl, first.ended, first.at) == ("local-20240315093000", False, AT)
    assert (last.crawl, last.ended, last.fields["fetched"]) == ("local-20240315093000", True, "7")
    assert "contact" not in first.fields


@pytest.mark.parametrize("place", ["url", "error", "info"])
def test_a_line_break_in_a_value_adds_no_header(tmp_path: Path, place: str) -> None:
    """What a site sends must not write headers of its own into our records."""
    evil = "x\r\nWARC-Type: response\r\n\r\n"
    warc = WarcWriter(tmp_path / NAME, info={"operator": evil if place == "info" else "me"}, now=AT)
    url = f"https://haber.example/{evil if place == 'url' else ''}"
    warc.write_failure(url, at=AT, error=evil if place == "error" else "none")
    warc.write_exchange(
        Exchange(url=url, request=REQUEST, response=b"HTTP/1.1 200 OK\r\n\r\n", captured_at=AT, ip_address=None)
    )
    warc.close()

    with (tmp_path / NAME).open("rb") as file:
        kinds = [record.rec_type for record in ArchiveIterator(file, no_record_parse=True)]
        file.seek(0)
        wrong = [check_member(member) for member in members(file, NAME) if isinstance(member, Member)]

    assert kinds == ["warcinfo", "metadata", "response", "request"]
    assert not any(wrong)


# ---------------------------------------------------------------- revisits


def test_a_revisit_holds_the_head_and_names_where_the_body_is(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    first = warc.write_exchange(exchange("/a", b"same", head="X: 1\r\n"))
    second = warc.write_exchange(
        exchange("/b", b"same", head="X: 2\r\n"), original=Original(first.url, AT, chunked=False)
    )
    warc.close()

    one, two = kept(tmp_path)

    assert second.record_type is RecordType.REVISIT
    assert two.capture == second and two.payload is None
    assert (two.capture.refers_to_url, two.capture.refers_to_at) == (first.url, AT)
    assert two.capture.payload_digest == one.capture.payload_digest
    head = block_at(tmp_path, second)
    assert head == split_response(exchange("/b", b"same", head="X: 2\r\n").response)[0]
    with pytest.raises(WarcReadError, match="holds no payload"):
        read_payload(tmp_path, second)


def test_a_body_in_other_framing_is_no_revisit(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    framed = exchange("/b", chunked(b"same"), head="Transfer-Encoding: chunked\r\n")

    capture = warc.write_exchange(framed, original=Original("https://haber.example/a", AT, chunked=False))

    assert capture.record_type is RecordType.RESPONSE
    assert block_at(tmp_path, capture) == framed.response


def test_a_304_is_a_revisit_of_what_the_server_did_not_modify(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    capture = warc.write_exchange(exchange("/a", b"", status="304 Not Modified"))

    record = record_at(tmp_path, capture)

    assert record.rec_type == "revisit"
    assert record.rec_headers.get_header("WARC-Profile").endswith("/revisit/server-not-modified")
    assert record.rec_headers.get_header("WARC-Payload-Digest") is None


def block_at(folder: Path, capture: Capture) -> bytes:
    return bytes(record_at(folder, capture).raw_stream.read())


def record_at(folder: Path, capture: Capture):  # type: ignore[no-untyped-def]  # warcio has no types
    path = folder / capture.warc
    data = (path if path.exists() else path.with_name(path.name + ".open")).read_bytes()
    member = data[capture.offset : capture.offset + capture.length]
    return next(iter(ArchiveIterator(BytesIO(member), no_record_parse=True)))


# ---------------------------------------------------------------- the file


def test_every_member_has_no_time_in_it(tmp_path: Path) -> None:
    """MTIME 0: the same exchange gives the same bytes, whenever it is written."""
    warc = writer(tmp_path)
    warc.write_exchange(exchange())
    warc.close()

    content = (tmp_path / NAME).read_bytes()
    with (tmp_path / NAME).open("rb") as file:
        offsets = [member.offset for member in members(file, NAME) if isinstance(member, Member)]

    assert len(offsets) == 3
    assert {content[at : at + 10] for at in offsets} == {b"\x1f\x8b\x08\x00" + bytes(5) + b"\xff"}


def test_a_file_is_open_by_name_until_it_is_closed(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    capture = warc.write_exchange(exchange())
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.open"]
    assert urls(tmp_path) == ["/a"]  # readers ask by the final name, before and after
    assert capture.warc == NAME

    digest = warc.close()

    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert urls(tmp_path) == ["/a"]
    assert digest == manifest.hash_file(tmp_path / NAME)


def test_a_name_is_never_used_twice(tmp_path: Path) -> None:
    writer(tmp_path).close()
    before = (tmp_path / NAME).read_bytes()

    with pytest.raises(WarcWriteError, match="taken"):
        writer(tmp_path)

    open_name = NAME.replace("00000", "00001")
    writer(tmp_path, open_name)
    with pytest.raises(WarcWriteError, match="cannot be made"):
        writer(tmp_path, open_name)
    assert (tmp_path / NAME).read_bytes() == before


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    warc.write_exchange(exchange("/a"))
    (first,) = kept(tmp_path)

    warc.write_exchange(exchange("/b"))
    warc.write_exchange(exchange("/c"))

    assert [read.capture.url[-2:] for read in kept(tmp_path, start=first.end)] == ["/b", "/c"]


LIMITED = """
    import resource, sys
    from pathlib import Path
    from datetime import UTC, datetime
    from archive.errors import WarcWriteError
    from archive.model import Exchange
    from archive.warc import WarcWriter

    def exchange(size):
        body = open("/dev/urandom", "rb").read(size)
        return Exchange(url="https://haber.example/%d" % size, request=b"GET / HTTP/1.1\\r\\n\\r\\n",
                        response=b"HTTP/1.1 200 OK\\r\\n\\r\\n" + body, captured_at=datetime.now(UTC), ip_address=None)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    warc = WarcWriter(Path(sys.argv[1]), info={"software": "tests"}, now=datetime.now(UTC))
    warc.write_exchange(exchange(50_000))
    size = warc.size
    try:
        warc.write_exchange(exchange(70_000))
    except WarcWriteError as error:
        print(error)
    assert warc.size == size == warc.open_path.stat().st_size, (warc.size, size, warc.open_path.stat().st_size)
    warc.write_exchange(exchange(1_000))
    print(warc.close())
"""


def test_a_write_that_fails_is_taken_back(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for a full disk: the write comes half-way, then fails."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED), str(tmp_path / NAME)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    message, digest = done.stdout.splitlines()
    assert NAME in message and "File too large" in message
    assert urls(tmp_path) == ["/50000", "/1000"]
    assert digest == manifest.hash_file(tmp_path / NAME)
    with (tmp_path / NAME).open("rb") as file:
        assert not any(check_member(member) for member in members(file, NAME) if isinstance(member, Member))


def test_a_file_that_cannot_even_be_begun_is_not_left_behind(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from archive.warc import WarcWriter
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
        WarcWriter(Path(sys.argv[1]), info={"software": "tests"}, now=datetime.now(UTC))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / NAME)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)

    assert "WarcWriteError" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- bodies that are compressed already


def packed(body: bytes, path: str = "/packed") -> Exchange:
    return exchange(path, body, head="Content-Encoding: gzip\r\n")


NOISE = random.Random(3).randbytes(200_000)


@pytest.mark.parametrize("size", [0, 1, 18, 16_383, 16_384, 16_385, 32_768, 65_536, 200_000])
@pytest.mark.parametrize(
    "kind", ["Content-Encoding: gzip", "Content-Encoding: br", "X-Real: 1\r\nContent-Type: image/png"]
)
def test_a_compressed_body_is_stored_and_every_reader_finds_it_whole(tmp_path: Path, size: int, kind: str) -> None:
    given = exchange("/packed", NOISE[:size])
    typed = given.response.replace(b"Content-Type: text/html; charset=utf-8", kind.encode())
    given = replace(given, response=typed)
    warc = writer(tmp_path)
    capture = warc.write_exchange(given)
    warc.close()

    content = (tmp_path / NAME).read_bytes()
    assert NOISE[:size][:16_384] in content
    assert given.response in gzip.decompress(content)
    assert given.response in inflater().decompress(content[capture.offset :][: capture.length])
    assert check_member(Member(0, 0, gzip.decompress(content[capture.offset :][: capture.length]))) == []
    with (tmp_path / NAME).open("rb") as file:
        blocks = [one.raw_stream.read() for one in ArchiveIterator(file, no_record_parse=True)]
    assert blocks[1] == given.response
    assert read_payload(tmp_path, capture).body == NOISE[:size]


def test_a_body_from_disk_is_stored_as_one_from_memory(tmp_path: Path) -> None:
    body = NOISE * 13 + b"\x1f\x8b\x08" + NOISE  # more than two windows, with a magic in the third
    spool = Spool(tmp_path)
    spool.write(body)

    assert b"".join(stored_member(b"head", spool.windows())) == b"".join(stored_member(b"head", (body,)))
    assert gzip.decompress(b"".join(stored_member(b"head", (body,)))) == b"head" + body + b"\r\n\r\n"
    spool.close()


def test_no_record_begins_inside_a_body(tmp_path: Path) -> None:
    """A page may be the gzip of a forged record: behind damage, whoever looks for the next record must not find it."""
    forged = writer(tmp_path, "forged.warc.gz")
    forged.write_exchange(exchange("/forged"))
    forged.close()
    body = (tmp_path / "forged.warc.gz").read_bytes()
    warc = writer(tmp_path)
    captures = [warc.write_exchange(packed(body)), warc.write_exchange(exchange("/next"))]
    warc.close()
    content = bytearray((tmp_path / NAME).read_bytes())
    content[captures[0].offset + 100] ^= 0xFF
    (tmp_path / NAME).write_bytes(content)

    assert urls(tmp_path) == ["/next"]
    with (tmp_path / NAME).open("rb") as file:
        request = next_member(file, captures[0].offset + 1)
    assert request == captures[0].offset + captures[0].length


def test_a_block_ends_inside_every_gzip_magic_wherever_it_lies() -> None:
    magic = b"\x1f\x8b\x08"
    for place in (*range(5), 16_380, 16_381, 16_382, 16_383, 16_384, 29_920, 32_766):
        body = NOISE[:place] + magic + b"\x08" * 29_920
        member = b"".join(stored_member(b"head", (body,)))
        assert member.count(magic) == 1
        assert gzip.decompress(member) == b"head" + body + b"\r\n\r\n"


@pytest.mark.parametrize("spooled", [False, True])
def test_a_body_made_of_gzip_magic_is_deflated(tmp_path: Path, spooled: bool) -> None:
    """Stored, each magic would cost a block."""
    body = b"\x1f\x8b\x08" * 700_000
    given, spool = packed(body), Spool(tmp_path)
    spool.write(body)
    if spooled:
        given = replace(packed(b""), body=spool)
    warc = writer(tmp_path)
    capture = warc.write_exchange(given)
    spool.close()
    warc.close()

    assert capture.length < len(body) // 10
    assert read_payload(tmp_path, capture).body == body


# ---------------------------------------------------------------- torn and damaged files


@pytest.fixture
def five(tmp_path: Path) -> tuple[Path, list[Capture]]:
    """A folder with a closed WARC of five exchanges, of text and of bytes that do not compress."""
    warc = writer(tmp_path)
    chance = random.Random(7)
    bodies = [b"haber " * 50, chance.randbytes(20_000), b"", chance.randbytes(300), "ışık ".encode() * 9_000]
    captures = [warc.write_exchange(exchange(f"/{number}", body)) for number, body in enumerate(bodies)]
    warc.close()
    return tmp_path, captures


def test_a_torn_tail_is_not_yielded(five: tuple[Path, list[Capture]]) -> None:
    folder, captures = five
    path = folder / NAME
    whole = path.read_bytes()
    last = captures[-1]

    for end in {last.offset + 1, last.offset + 9, last.offset + last.length // 2, last.offset + last.length - 1}:
        path.write_bytes(whole[:end])
        reads = list(read_warc(folder, NAME))
        assert not any(isinstance(read, Damaged) for read in reads)
        assert urls(folder) == ["/0", "/1", "/2", "/3"]


def test_a_torn_tail_is_whole_once_the_rest_has_come(five: tuple[Path, list[Capture]]) -> None:
    folder, captures = five
    path = folder / NAME
    whole = path.read_bytes()
    path.write_bytes(whole[: captures[3].offset + 20])
    (*_, third) = kept(folder)
    path.write_bytes(whole)

    assert [read.capture for read in kept(folder, start=third.end)] == captures[3:]


@pytest.mark.parametrize("seed", range(40))
def test_what_follows_a_damaged_member_is_read(five: tuple[Path, list[Capture]], seed: int) -> None:
    folder, captures = five
    path = folder / NAME
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    hit = captures[chance.choice([1, 2, 3])]
    for _ in range(chance.choice([1, 1, 3, 20])):
        content[hit.offset + chance.randrange(hit.length)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)

    reads = list(read_warc(folder, NAME))

    damaged = [read for read in reads if isinstance(read, Damaged)]
    others = [one for one in captures if one.offset != hit.offset]
    found = [read.capture for read in reads if isinstance(read, Kept) and read.capture.offset != hit.offset]
    assert found == others
    if damaged:
        assert [(one.error.warc, one.error.offset) for one in damaged] == [(NAME, hit.offset)]
        assert f"{NAME} at byte {hit.offset}: " in str(damaged[0].error)
    else:  # a bit of the member's head that says nothing (its time, its operating system)
        assert [read.capture for read in reads if isinstance(read, Kept)] == captures


@pytest.mark.parametrize("kind", ["cut out", "zeroes"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_follows_a_hole_is_read(five: tuple[Path, list[Capture]], number: int, kind: str) -> None:
    folder, captures = five
    path = folder / NAME
    content = path.read_bytes()
    hit = captures[number]
    middle, end = hit.offset + hit.length // 2, hit.offset + hit.length
    path.write_bytes(content[:middle] + (bytes(end - middle) if kind == "zeroes" else b"") + content[end:])

    reads = list(read_warc(folder, NAME))

    assert [read.error.offset for read in reads if isinstance(read, Damaged)] == [hit.offset]
    assert urls(folder) == [f"/{n}" for n in range(5) if n != number]


def test_a_member_is_found_wherever_the_reading_window_ends(tmp_path: Path) -> None:
    """The search behind damage reads in windows of 256 KiB; a member may begin in the last bytes of one."""
    warc = writer(tmp_path)
    warc.write_exchange(exchange("/found"))
    warc.close()
    whole = (tmp_path / NAME).read_bytes()

    for left in (1, 2, 3, 10, 17, 18, 19, 40, 100, 4095, 4096, 4097):
        garbage = b"\x1f\x8b\x08\x00broken" + bytes(256 * 1024 + 1 - left - 10)
        (tmp_path / NAME).write_bytes(garbage + whole)
        kinds = [type(read).__name__ for read in read_warc(tmp_path, NAME)]
        assert kinds == ["Damaged", "CrawlNote", "Kept", "Passed"], left


def test_repair_keeps_what_lies_behind_a_hole(five: tuple[Path, list[Capture]]) -> None:
    folder, captures = five
    content = (folder / NAME).read_bytes()
    (folder / NAME).unlink()
    hit = captures[1]
    middle = hit.offset + hit.length // 2
    (folder / f"{NAME}.open").write_bytes(content[:middle] + content[hit.offset + hit.length :])

    assert repair(folder, NAME) == 0
    assert urls(folder) == ["/0", "/2", "/3", "/4"]


def test_a_member_still_being_written_is_waited_for_whatever_it_holds(tmp_path: Path) -> None:
    """A captured WARC holds members of its own; in a file that grows they are no proof that ours was cut."""
    inner = writer(tmp_path, "inner.warc.gz")
    inner.write_exchange(exchange("/inner"))
    inner.close()
    warc = writer(tmp_path)
    warc.write_exchange(exchange("/a"))
    with (tmp_path / f"{NAME}.open").open("ab") as file:
        file.write(gzip.compress(b"WARC/1.1\r\n" + (tmp_path / "inner.warc.gz").read_bytes(), 0)[:-20])

    assert urls(tmp_path) == ["/a"]
    assert not any(isinstance(read, Damaged) for read in read_warc(tmp_path, NAME))


def test_a_record_that_is_none_is_damaged(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    first = warc.write_exchange(exchange("/a"))
    warc.close()
    with (tmp_path / NAME).open("ab") as file:
        file.write(gzip.compress(b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"))

    damaged = [read for read in read_warc(tmp_path, NAME) if isinstance(read, Damaged)]

    assert urls(tmp_path) == ["/a"]
    assert len(damaged) == 1 and damaged[0].error.offset > first.offset


def test_a_payload_is_only_read_from_where_a_record_begins(five: tuple[Path, list[Capture]]) -> None:
    folder, captures = five
    content = bytearray((folder / NAME).read_bytes())
    content[captures[1].offset + 200] ^= 0xFF
    (folder / NAME).write_bytes(content)

    with pytest.raises(WarcReadError, match=f"at byte {captures[1].offset}: no whole record"):
        read_payload(folder, captures[1])


def test_a_changed_byte_is_found_by_its_digest(tmp_path: Path) -> None:
    """Somebody who edits a record compresses it anew: the gzip member is whole, its digest is not."""
    warc = writer(tmp_path)
    capture = warc.write_exchange(exchange("/a", b"<p>haber"))
    warc.close()
    content = (tmp_path / NAME).read_bytes()
    record = gzip.decompress(content[capture.offset : capture.offset + capture.length])

    wrong = check_member(Member(capture.offset, capture.length, record.replace(b"<p>haber", b"<p>yalan")))

    assert any("block digest" in line for line in wrong)
    assert any("payload digest" in line for line in wrong)
    assert check_member(Member(capture.offset, capture.length, record)) == []


# ---------------------------------------------------------------- repair


def test_repair_cuts_a_torn_tail_off_and_keeps_it_aside(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    for path in ("/a", "/b", "/c"):
        last = warc.write_exchange(exchange(path))
    open_path = tmp_path / f"{NAME}.open"
    whole = open_path.read_bytes()
    open_path.write_bytes(whole[: last.offset + 50])

    torn = repair(tmp_path, NAME)

    assert torn == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f"{NAME}.torn"]
    assert (tmp_path / f"{NAME}.torn").read_bytes() == whole[last.offset : last.offset + 50]
    assert urls(tmp_path) == ["/a", "/b"]


def test_repair_of_a_whole_file_only_closes_it(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    warc.write_exchange(exchange("/a"))
    whole = (tmp_path / f"{NAME}.open").read_bytes()

    assert repair(tmp_path, NAME) == 0
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == whole


def test_repair_keeps_what_lies_behind_damage(tmp_path: Path) -> None:
    warc = writer(tmp_path)
    captures = [warc.write_exchange(exchange(path)) for path in ("/a", "/b", "/c")]
    open_path = tmp_path / f"{NAME}.open"
    content = bytearray(open_path.read_bytes())
    content[captures[1].offset + 100] ^= 0xFF
    open_path.write_bytes(content + b"\x1f\x8b\x08 torn")

    assert repair(tmp_path, NAME) == 8
    assert urls(tmp_path) == ["/a", "/c"]


# ---------------------------------------------------------------- HTTP as bytes

BODY = b"one, two; three" * 3


@pytest.mark.parametrize(
    "framed, expected",
    [
        (chunked(BODY), BODY),
        (chunked(BODY, size=1), BODY),
        (chunked(BODY, size=16), BODY),
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5;name=value\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b'5 ; q="a b"\r\nhello\r\n0\r\n\r\n', b"hello"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"0000a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"3\r\n\r\n!\r\n0\r\n\r\n", b"\r\n!"),  # line ends inside a chunk
    ],
)
def test_chunk_framing_is_undone_as_warcio_does(framed: bytes, expected: bytes) -> None:
    assert dechunk(framed) == expected
    assert ChunkedDataReader(BytesIO(framed)).read() == expected


@pytest.mark.parametrize(
    "framed, expected",
    [
        (b"5\nhello\n0\n\n", b"hello"),  # line feeds alone
        (b"5\r\nhello\r\n0;last\r\nX-Sum: 1\r\n\r\n", b"hello"),  # an extension of the last chunk, and a trailer
        (b"ff\r\ncut short", b"cut short"),
        (b"5\r\nhello\r\n1", b"hello"),  # cut inside a chunk's size
        (b"5\r\nhello\r\nzz\r\nworld", b"hello"),
        (b"ffffffffffffffff\r\nhuge", b"ffffffffffffffff\r\nhuge"),  # no such length: never was chunked
        (b"fffffffffffffff\r\nhuge", b"huge"),
        (b"<p>never chunked\n</p>", b"<p>never chunked\n</p>"),
        (b"0 comments\n<p>never chunked", b"0 comments\n<p>never chunked"),
        (b"-5\r\nhello", b"-5\r\nhello"),
        (b"1_0\r\n0123456789abcdef", b"1_0\r\n0123456789abcdef"),
        (b"0x5\r\nhello", b"0x5\r\nhello"),
        (b"", b""),
    ],
)
def test_broken_chunk_framing_gives_what_had_come(framed: bytes, expected: bytes) -> None:
    assert dechunk(framed) == expected


@pytest.mark.parametrize(
    "head, status, protocol, fields",
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 200, "http/1.1", (("a", "b"),)),
        (b"HTTP/1.0 404\r\n\r\n", 404, "http/1.0", ()),
        (b"HTTP/1.1 200 OK\nA: b\n\n", 200, "http/1.1", (("a", "b"),)),
        (b"http/1.1 301 Moved\r\nLocation:/x\r\n\r\n", 301, "http/1.1", (("location", "/x"),)),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n\r\n", 200, "http/1.1", (("a", "1"), ("a", "2"))),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n  2\r\n\t3\r\n\r\n", 200, "http/1.1", (("a", "1 2 3"),)),
        (b"HTTP/1.1 200 OK\r\nA: \xe7ay\r\n\r\n", 200, "http/1.1", (("a", "çay"),)),
        (b"HTTP/1.1 200 OK\r\nno colon\r\nA:\r\n\r\n", 200, "http/1.1", (("a", ""),)),
        (b"SSH-2.0-OpenSSH\r\n", 0, "http/1.1", ()),
        (b"", 0, "http/1.1", ()),
    ],
)
def test_heads_are_read_kindly(head: bytes, status: int, protocol: str, fields: tuple[tuple[str, str], ...]) -> None:
    read = parse_head(head)

    assert (read.status, read.protocol, read.fields) == (status, protocol, fields)


@pytest.mark.parametrize(
    "response, head",
    [
        (b"HTTP/1.1 200 OK\r\n\r\nbody", b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"HTTP/1.1 200 OK\n\nbody\r\n\r\n", b"HTTP/1.1 200 OK\n\n"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nA: b", b"HTTP/1.1 200 OK\r\nA: b"),
    ],
)
def test_head_and_body_are_parted_at_the_first_empty_line(response: bytes, head: bytes) -> None:
    assert split_response(response) == (head, response[len(head) :])


@pytest.mark.parametrize(
    "text, at",
    [
        ("2024-03-15T09:30:00.421000Z", AT),
        ("2024-03-15T09:30:00Z", AT.replace(microsecond=0)),
        ("2024-03-15T09:30:00.421Z", AT),
        ("2024-03-15", AT.replace(hour=0, minute=0, microsecond=0)),
    ],
)
def test_warc_dates(text: str, at: datetime) -> None:
    assert parse_warc_date(text) == at
    assert parse_warc_date(warc_date(at)) == at


# ---------------------------------------------------------------- the chain


def chain(tmp_path: Path, count: int) -> Iterator[str]:
    for number in range(count):
        path = tmp_path / f"{number}.warc.gz"
        path.write_bytes(zlib.compress(b"%d" % number))
        yield manifest.append(tmp_path / "manifest.jsonl", path, sha256_hex=manifest.hash_file(path), at=AT)


def test_each_line_of_the_chain_names_the_line_before(tmp_path: Path) -> None:
    heads = list(chain(tmp_path, 4))

    entries = manifest.read(tmp_path / "manifest.jsonl")

    assert [entry.previous for entry in entries] == [manifest.GENESIS, *heads[:-1]]
    assert [entry.line_hash for entry in entries] == heads


def test_a_line_that_was_torn_is_written_anew(tmp_path: Path) -> None:
    """A crawl that died over its line has not said that the file is chained; the next line must not join its piece."""
    heads = list(chain(tmp_path, 2))
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes() + b'{"name": "lost.warc.gz", "si')
    assert [entry.line_hash for entry in manifest.read(path)] == heads

    (third,) = chain(tmp_path, 1)

    assert [entry.line_hash for entry in manifest.read(path)] == [*heads, third]
    assert manifest.read(path)[-1].previous == heads[-1]


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    list(chain(tmp_path, 3))
    path = tmp_path / "manifest.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{}\n" + lines[2])

    with pytest.raises(MuragatError, match="line 2 is damaged"):
        manifest.read(path)

"""Every damage really made on real files, and found: named by file and offset."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import random
import sqlite3
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from archives import HOST, exchange, make_archive, page, write_warc
from servers import chunked

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import LockedError, MuragatError
from archive.index import index_archive
from archive.model import Exchange
from archive.spool import Spool
from archive.verify import Kind, new_key, repair_open, sign, verify
from archive.verify.records import Record, read_records
from archive.warc import GZIP_HEAD, Original, WarcWriter, compress_record, digest_of, repair

AT = datetime(2024, 3, 15, 9, 30, tzinfo=UTC)
SERIES = "haber-20240315093000-00000-host"


@pytest.fixture
def archive(tmp_path: Path) -> ArchiveDir:
    """Three closed files with rows: pages, a revisit across files, a chunked body, bytes that do not compress."""
    directory = make_archive(tmp_path / "archive")
    pages = [exchange(f"/{n}", page(f"Haber {n}", "paragraf " * 40), at=f"2024-01-01T00:00:{n:02d}Z") for n in range(6)]
    write_warc(directory, "one", pages)
    body = chunked(page("Parça", "ekmek " * 300))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    framed = Exchange(
        url=f"http://{HOST}/chunked",
        request=b"GET /chunked HTTP/1.1\r\n\r\n",
        response=head + body,
        captured_at=datetime(2024, 1, 2, 1, tzinfo=UTC),
        ip_address=None,
    )
    again = exchange("/again", page("Haber 1", "paragraf " * 40), at="2024-01-02T00:00:00Z")
    noise = exchange("/noise", random.Random(1).randbytes(6000), at="2024-01-02T02:00:00Z", content_type="image/png")
    original = Original(pages[1].url, pages[1].captured_at, chunked=False)
    write_warc(directory, "two", [(again, original), framed, noise])
    write_warc(directory, "three", [exchange("/last", page("Son", "haber " * 40), at="2024-01-03T00:00:00Z")])
    index_archive(directory)
    return directory


def found(directory: ArchiveDir) -> list[tuple[str, str, int | None]]:
    return [(finding.kind, finding.file, finding.offset) for finding in verify(directory).findings]


def kinds(directory: ArchiveDir) -> set[str]:
    return {finding.kind for finding in verify(directory).findings}


def members(path: Path) -> list[tuple[int, int, str]]:
    """Offset, length and WARC-Type of each record."""
    with path.open("rb") as file:
        read = list(read_records(file, path.stat().st_size, ours=True))
    return [(one.offset, one.length, one.kind) for one in read if isinstance(one, Record)]


def cut_out(path: Path, offset: int, length: int) -> bytes:
    content = path.read_bytes()
    path.write_bytes(content[:offset] + content[offset + length :])
    return content[offset : offset + length]


def rechain(directory: ArchiveDir) -> None:
    """Make the manifest anew over what lies there now: what a forger with all rights would do."""
    names = [entry.name for entry in manifest.read(directory.manifest)]
    directory.manifest.unlink()
    for name in names:
        path = directory.warcs / name
        manifest.append(directory.manifest, path, sha256_hex=manifest.hash_file(path), at=AT)


def muragat(directory: ArchiveDir, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "crawler.cli", "verify", "--archive", str(directory.root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent.parent)


def test_a_whole_archive_has_no_findings(archive: ArchiveDir) -> None:
    report = verify(archive)

    assert report.findings == [] and report.notes == []
    assert (report.warcs, report.links, report.rows, report.records) == (3, 3, 10, 23)
    assert report.bytes == sum(path.stat().st_size for path in archive.warcs.iterdir())
    assert report.conventions == {"without chunk framing": 1, "with chunk framing": 0, "not framed": 0}


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["one.warc.gz", "two.warc.gz"])
def test_one_flipped_bit_anywhere_is_found_with_its_record(archive: ArchiveDir, name: str) -> None:
    path = archive.warcs / name
    content, whole = path.read_bytes(), members(path)
    some = {
        *range(0, len(content), 97),
        *range(whole[1][0], whole[1][0] + 10),  # every byte of a member's head
        *(offset + length - back for offset, length, _ in whole[:4] for back in range(1, 10)),  # and of some trailers
    }

    for place in sorted(some):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        record = next(offset for offset, length, _ in whole if offset <= place < offset + length)
        findings = found(archive)
        named = [offset for _, file, offset in findings if file == name and offset is not None]
        assert named == [record], (place, findings)
        assert (Kind.FILE_CHANGED, name, None) in findings


@pytest.mark.parametrize("bit", range(8))
def test_a_bit_that_no_reader_looks_at_is_found_with_its_record(archive: ArchiveDir, bit: int) -> None:
    """The last byte of deflated content is padded; those bits may say anything, for every decompressor."""
    path = archive.warcs / "one.warc.gz"
    content = path.read_bytes()

    for offset, length, _ in members(path):
        damaged = bytearray(content)
        damaged[offset + length - 9] ^= 1 << bit
        path.write_bytes(damaged)
        findings = found(archive)  # among them the revisit of a payload that is not whole any more
        named = [place for _, file, place in findings if file == "one.warc.gz" and place is not None]
        assert named == [offset]


@pytest.mark.parametrize("from_disk", [False, True])
def test_one_flipped_bit_anywhere_around_a_stored_body_is_found_with_its_record(
    tmp_path: Path, from_disk: bool
) -> None:
    """What came compressed lies in stored blocks: each has five bits no reader looks at, and states its length."""
    directory = make_archive(tmp_path / "archive")
    body = random.Random(2).randbytes(20_000)
    body = body[:9000] + b"\x1f\x8b\x08" + body[9000:]
    given = exchange("/packed", body, at="2024-01-01T00:00:00Z", fields="Content-Encoding: gzip\r\n")
    spool = Spool(tmp_path)
    spool.write(body)
    if from_disk:
        given = replace(given, response=given.response[: -len(body)], body=spool)
    write_warc(directory, "one", [given])
    spool.close()
    index_archive(directory)
    path = directory.warcs / "one.warc.gz"
    content, (_, (start, length, _), _) = path.read_bytes(), members(path)
    # Three blocks of the body, cut behind the first byte of the magic and at 16 KiB, and the one that ends the record.
    heads = [content.index(piece, start) - 5 for piece in (body[:9001], body[9001:16384], body[16384:], b"\r\n\r\n")]
    assert heads[-1] == start + length - 8 - 4 - 5 and content[heads[-1]] == 1
    places = {
        *((place, bit) for head in heads for place in range(head - 6, head + 5) for bit in range(8)),
        *((place, place % 8) for place in (*range(start, heads[0], 31), *range(heads[0], start + length, 997))),
        *((place, 7) for place in range(start + length - 12, start + length)),
    }

    for place, bit in sorted(places):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        findings = found(directory)
        assert {offset for _, _, offset in findings if offset is not None} == {start}, (place, bit, findings)
        assert (Kind.FILE_CHANGED, "one.warc.gz", None) in findings


@pytest.mark.parametrize("place, value", [(3, 0x01), (4, 0x01), (8, 0x02), (9, 0x03)])  # flags, time, XFL, OS
def test_a_gzip_head_that_is_not_ours_is_found_though_the_chain_was_made_anew(
    archive: ArchiveDir, place: int, value: int
) -> None:
    path = archive.warcs / "one.warc.gz"
    offset, _, _ = members(path)[3]
    damaged = bytearray(path.read_bytes())
    damaged[offset + place] = value
    path.write_bytes(damaged)
    rechain(archive)

    assert found(archive) == [(Kind.MEMBER_DAMAGED, "one.warc.gz", offset)]


def test_a_file_cut_in_half_is_found(archive: ArchiveDir) -> None:
    path = archive.warcs / "one.warc.gz"
    whole, half = members(path), path.stat().st_size // 2
    os.truncate(path, half)

    findings = found(archive)

    torn = next(offset for offset, length, _ in whole if offset < half < offset + length)
    assert (Kind.FILE_CUT, "one.warc.gz", torn) in findings
    assert (Kind.FILE_CHANGED, "one.warc.gz", None) in findings
    gone = [offset for offset, _, kind in whole if kind == "response" and offset > torn]
    assert [offset for kind, _, offset in findings if kind == Kind.ROW_WITHOUT_RECORD] == gone


def test_a_file_that_is_gone_is_found(archive: ArchiveDir) -> None:
    (archive.warcs / "three.warc.gz").unlink()

    assert found(archive) == [
        (Kind.FILE_MISSING, "three.warc.gz", None),
        (Kind.ROW_WITHOUT_RECORD, "three.warc.gz", None),
    ]


def test_a_file_that_was_never_chained_is_found(archive: ArchiveDir) -> None:
    content = (archive.warcs / "three.warc.gz").read_bytes()
    (archive.warcs / "four.warc.gz").write_bytes(content)

    assert (Kind.FILE_UNCHAINED, "four.warc.gz", None) in found(archive)


# ---------------------------------------------------------------- records


def test_a_record_that_was_removed_is_named(archive: ArchiveDir) -> None:
    path = archive.warcs / "one.warc.gz"
    offset, length, kind = members(path)[5]
    assert kind == "response"
    cut_out(path, offset, length)

    findings = verify(archive).findings

    assert [(one.offset, f"/{2}" in one.message) for one in findings if one.kind is Kind.RECORD_REMOVED] == [
        (offset, True)
    ]
    assert [one.offset for one in findings if one.kind is Kind.REQUEST] == [offset]  # its request stands there alone
    (moved,) = [one for one in findings if one.kind is Kind.RECORD_MOVED]
    assert f"{length} bytes earlier" in moved.message
    assert any(one.kind is Kind.FILE_CHANGED and f"{length} bytes shorter" in one.message for one in findings)


def test_a_request_that_was_removed_is_named_without_any_row(archive: ArchiveDir) -> None:
    archive.db.unlink()
    path = archive.warcs / "one.warc.gz"
    response, (offset, length, kind) = members(path)[5], members(path)[6]
    assert kind == "request"
    cut_out(path, offset, length)

    assert (Kind.REQUEST, "one.warc.gz", response[0]) in found(archive)


@pytest.mark.parametrize("first, second", [(1, 3), (1, 9), (3, 5)])
def test_two_records_that_changed_places_are_named(archive: ArchiveDir, first: int, second: int) -> None:
    path = archive.warcs / "one.warc.gz"
    content, whole = path.read_bytes(), members(path)
    pieces = [content[offset : offset + length] for offset, length, _ in whole]
    pieces[first], pieces[second] = pieces[second], pieces[first]
    path.write_bytes(b"".join(pieces))
    rechain(archive)  # so that the file's hash says nothing

    findings = verify(archive).findings

    swapped = [one for one in findings if one.kind is Kind.RECORD_ORDER]
    said = " ".join(one.message for one in swapped)
    if whole[first][1] != whole[second][1] or swapped:
        assert f"/{first // 2}," in said and f"/{second // 2}," in said
    assert {one.kind for one in findings} >= {Kind.REQUEST, Kind.RECORD_ORDER}


def test_two_whole_exchanges_that_changed_places_are_named(archive: ArchiveDir) -> None:
    path = archive.warcs / "one.warc.gz"
    content, whole = path.read_bytes(), members(path)
    pieces = [content[offset : offset + length] for offset, length, _ in whole]
    pieces[1:3], pieces[7:9] = pieces[7:9], pieces[1:3]
    path.write_bytes(b"".join(pieces))

    said = [one.message for one in verify(archive).findings if one.kind is Kind.RECORD_ORDER]

    assert len(said) == 2
    assert f"was at byte {whole[1][0]}" in " ".join(said) and f"was at byte {whole[7][0]}" in " ".join(said)


Forge = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    "forge, kind",
    [
        (lambda text: text.replace(b"WARC-Payload-Digest: sha1:", b"WARC-Payload-Digest: sha1:A", 1), "payload-digest"),
        (lambda text: text.replace(b"WARC-Block-Digest: sha1:", b"WARC-Block-Digest: sha1:A", 1), "block-digest"),
        (lambda text: text.replace(b"Haber 2", b"Yalan 2"), "block-digest"),
        (lambda text: text.replace(b"Content-Length: ", b"Content-Length: 1", 1), "record-damaged"),
        (lambda text: text.replace(b"WARC-Date: ", b"WARC-Date: x", 1), "record-damaged"),
        (lambda text: text.replace(b"WARC/1.1", b"WARC/9.9"), "record-damaged"),
        (lambda text: text[:-1], "record-damaged"),
        (lambda text: text + b"more", "record-damaged"),
        (lambda text: text + text, "record-damaged"),
    ],
)
def test_a_record_that_was_forged_is_found_though_the_chain_was_made_anew(
    archive: ArchiveDir, forge: Forge, kind: str
) -> None:
    path = archive.warcs / "one.warc.gz"
    offset, length, _ = members(path)[5]
    content = path.read_bytes()
    text = gunzip(content[offset : offset + length])
    assert forge(text) != text
    path.write_bytes(content[:offset] + compress_record(forge(text)) + content[offset + length :])
    rechain(archive)

    assert (kind, "one.warc.gz", offset) in found(archive)


def gunzip(member: bytes) -> bytes:
    return gzip.decompress(member)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
@pytest.mark.parametrize("convention", ["without chunk framing", "with chunk framing"])
def test_both_conventions_for_chunked_payloads_are_accepted_and_counted(
    tmp_path: Path, algorithm: str, convention: str
) -> None:
    directory = make_archive(tmp_path)
    payload = b"haber " * 400_000  # more than is unframed in memory
    body = payload if convention == "without chunk framing" else chunked(payload)
    digest = f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"
    foreign_response(directory, chunked(payload), digest, head="Transfer-Encoding: chunked\r\n")

    report = verify(directory)

    assert report.findings == []
    assert {how: count for how, count in report.conventions.items() if count} == {convention: 1}


def test_a_wrong_payload_digest_of_a_large_chunked_body_is_found(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    body = chunked(b"haber " * 400_000)
    foreign_response(directory, body, digest_of(b"other"), head="Transfer-Encoding: chunked\r\n")

    assert Kind.PAYLOAD_DIGEST in kinds(directory)


def test_a_digest_of_a_kind_we_do_not_have_is_counted(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    foreign_response(directory, b"haber", "blake3:abcdef")

    report = verify(directory)

    assert (report.findings, report.unchecked) == ([], 1)


def foreign_response(directory: ArchiveDir, body: bytes, digest: str, *, head: str = "", event: str = "closed") -> None:
    """A file with one response that states this payload digest, and its request."""
    block = f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body
    record = "WARC/1.1\r\nWARC-Type: {}\r\nWARC-Record-ID: <urn:x:{}>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n{}"
    record += "WARC-Target-URI: http://haber.example/\r\nContent-Type: application/http\r\nContent-Length: {}\r\n\r\n"
    first = record.format("response", "1", f"WARC-Payload-Digest: {digest}\r\n", len(block)).encode() + block
    second = record.format("request", "2", "WARC-Concurrent-To: <urn:x:1>\r\n", 4).encode() + b"GET "
    path = directory.warcs / "foreign.warc.gz"
    path.write_bytes(compress_record(first + b"\r\n\r\n") + compress_record(second + b"\r\n\r\n"))
    digest = manifest.hash_file(path)
    manifest.append(directory.manifest, path, sha256_hex=digest, at=AT, event=event)


def test_what_was_wrong_when_it_was_imported_is_a_note(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    foreign_response(directory, b"haber", digest_of(b"other"), event="imported")

    report = verify(directory)

    assert report.findings == []
    assert any("payload digest" in note and "when it was imported" in note for note in report.notes)

    path = directory.warcs / "foreign.warc.gz"
    damaged = bytearray(path.read_bytes())
    damaged[-20] ^= 4
    path.write_bytes(damaged)
    assert {Kind.MEMBER_DAMAGED, Kind.FILE_CHANGED, Kind.PAYLOAD_DIGEST} <= kinds(directory)


def test_a_large_record_is_checked_in_little_memory(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    write_warc(directory, "large", [exchange("/large", bytes(120_000_000), at="2024-01-01T00:00:00Z")])
    verify(directory)

    tracemalloc.start()
    report = verify(directory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert report.findings == []
    assert peak < 80_000_000


# ---------------------------------------------------------------- revisits


def test_a_revisit_whose_payload_is_not_held_is_found(archive: ArchiveDir) -> None:
    path = archive.warcs / "one.warc.gz"
    whole = members(path)
    cut_out(path, whole[3][0], whole[3][1] + whole[4][1])  # the exchange it refers to
    revisit = next(offset for offset, _, kind in members(archive.warcs / "two.warc.gz") if kind == "revisit")

    findings = verify(archive).findings

    (one,) = [finding for finding in findings if finding.kind is Kind.REVISIT]
    assert (one.file, one.offset) == ("two.warc.gz", revisit)
    assert f"http://{HOST}/1 of 2024-01-01T00:00:01" in one.message


def test_a_revisit_is_whole_when_another_capture_holds_its_payload(archive: ArchiveDir) -> None:
    same = page("Haber 1", "paragraf " * 40)
    write_warc(archive, "copy", [exchange("/copy", same, at="2024-01-05T00:00:00Z")])
    path = archive.warcs / "one.warc.gz"
    whole = members(path)
    cut_out(path, whole[3][0], whole[3][1] + whole[4][1])

    assert Kind.REVISIT not in kinds(archive)


def test_a_304_needs_no_payload(archive: ArchiveDir) -> None:
    same = exchange("/1", b"", at="2024-01-06T00:00:00Z", status="304 Not Modified")
    write_warc(archive, "same", [same])
    index_archive(archive)

    assert found(archive) == []


# ---------------------------------------------------------------- rows


def change_rows(directory: ArchiveDir, sql: str) -> None:
    with sqlite3.connect(directory.db) as db:
        assert db.execute(sql).rowcount == 1
    db.close()


def test_a_row_without_record_is_found(archive: ArchiveDir) -> None:
    change_rows(
        archive,
        "INSERT INTO captures (warc, offset, length, urlkey, url, captured_at, content_type, payload_digest,"
        " record_type) VALUES ('one.warc.gz', 7, 9, 'k', 'http://haber.example/', '2024', '', 'sha1:A', 'response')",
    )

    assert found(archive) == [(Kind.ROW_WITHOUT_RECORD, "one.warc.gz", 7)]


def test_a_record_without_row_is_found(archive: ArchiveDir) -> None:
    offset = members(archive.warcs / "one.warc.gz")[3][0]
    change_rows(archive, f"DELETE FROM captures WHERE warc = 'one.warc.gz' AND offset = {offset}")

    assert found(archive) == [(Kind.RECORD_WITHOUT_ROW, "one.warc.gz", offset)]


@pytest.mark.parametrize(
    "change",
    ["url = 'http://haber.example/other'", "captured_at = '2020-01-01T00:00:00.000000Z'", "payload_digest = 'sha1:A'"],
)
def test_a_row_that_says_something_else_than_its_record_is_found(archive: ArchiveDir, change: str) -> None:
    offset = members(archive.warcs / "one.warc.gz")[3][0]
    change_rows(archive, f"UPDATE captures SET {change} WHERE warc = 'one.warc.gz' AND offset = {offset}")

    assert found(archive) == [(Kind.ROW_DIFFERS, "one.warc.gz", offset)]


def test_a_row_with_a_wrong_length_is_found(archive: ArchiveDir) -> None:
    offset = members(archive.warcs / "one.warc.gz")[3][0]
    change_rows(archive, f"UPDATE captures SET length = 9 WHERE warc = 'one.warc.gz' AND offset = {offset}")

    assert found(archive) == [(Kind.ROW_DIFFERS, "one.warc.gz", offset)]


def test_what_was_not_indexed_yet_is_one_finding(archive: ArchiveDir) -> None:
    write_warc(archive, "new", [exchange(f"/new/{n}", b"x", at="2024-02-01T00:00:00Z") for n in range(3)])
    first = members(archive.warcs / "new.warc.gz")[1][0]

    (finding,) = verify(archive).findings

    assert (finding.kind, finding.file, finding.offset) == (Kind.RECORD_WITHOUT_ROW, "new.warc.gz", first)
    assert "3 records" in finding.message and "muragat index" in finding.message


def test_without_a_database_the_rest_is_checked_and_a_note_says_so(archive: ArchiveDir) -> None:
    archive.db.unlink()

    report = verify(archive)

    assert report.findings == []
    assert "no archive.db" in report.notes[0]


def test_a_database_that_is_damaged_is_a_finding(archive: ArchiveDir) -> None:
    archive.db.write_bytes(b"no database at all" * 1000)

    assert kinds(archive) == {Kind.ROWS_UNREADABLE}


# ---------------------------------------------------------------- the chain


def lines_of(directory: ArchiveDir) -> list[bytes]:
    return directory.manifest.read_bytes().splitlines()


def write_lines(directory: ArchiveDir, lines: list[bytes]) -> None:
    directory.manifest.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize("old, new", [(b'"event": "closed"', b'"event": "erased"'), (b"T00:00", b"T00:01")])
def test_a_line_that_was_changed_is_found(archive: ArchiveDir, old: bytes, new: bytes) -> None:
    lines = lines_of(archive)
    lines[1] = lines[1].replace(old, new)
    write_lines(archive, lines)

    findings = verify(archive).findings

    assert [(one.kind, one.offset) for one in findings] == [(Kind.CHAIN_BROKEN, 3)]
    assert "line 2 was changed" in findings[0].message


def test_a_file_and_its_line_changed_together_are_found(archive: ArchiveDir) -> None:
    path = archive.warcs / "two.warc.gz"
    last = members(path)[-1]
    before = manifest.hash_file(path).encode()
    os.truncate(path, last[0])
    lines = lines_of(archive)
    size = str(last[0] + last[1]).encode()
    lines[1] = lines[1].replace(before, manifest.hash_file(path).encode()).replace(size, str(last[0]).encode())
    write_lines(archive, lines)

    findings = found(archive)

    assert (Kind.CHAIN_BROKEN, "manifest.jsonl", 3) in findings
    assert Kind.FILE_CHANGED not in {kind for kind, _, _ in findings}


@pytest.mark.parametrize("number", [0, 1])
def test_a_line_that_was_removed_is_found(archive: ArchiveDir, number: int) -> None:
    lines = lines_of(archive)
    del lines[number]
    write_lines(archive, lines)

    findings = found(archive)

    assert (Kind.CHAIN_BROKEN, "manifest.jsonl", number + 1) in findings
    assert (Kind.FILE_UNCHAINED, ["one.warc.gz", "two.warc.gz"][number], None) in findings


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("previous", ["right", "wrong"])
def test_a_line_that_was_inserted_is_found(archive: ArchiveDir, place: int, previous: str) -> None:
    lines = lines_of(archive)
    before = sha256(lines[place - 1]).hexdigest() if place else manifest.GENESIS
    entry = json.loads(lines[0]) | {"at": "2025", "previous": before if previous == "right" else "f" * 64}
    lines.insert(place, json.dumps(entry).encode())
    write_lines(archive, lines)

    (finding,) = verify(archive).findings

    assert (finding.kind, finding.file) == (Kind.CHAIN_INSERTED, "manifest.jsonl")
    if (place, previous) == (2, "right"):  # nothing tells the true end of the chain from the false one
        assert "lines 3 and 4 follow the same line" in finding.message
    else:
        assert finding.offset == place + 1


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0)])
def test_lines_in_another_order_are_found(archive: ArchiveDir, order: tuple[int, ...]) -> None:
    lines = lines_of(archive)
    write_lines(archive, [lines[place] for place in order])

    findings = found(archive)

    moved = {right + 1 for right, place in enumerate(order) if right != place}
    assert {kind for kind, _, _ in findings} == {Kind.CHAIN_REORDERED}
    assert {line for _, _, line in findings} == moved


def test_a_line_that_is_garbage_and_one_that_is_cut_are_found(archive: ArchiveDir) -> None:
    lines = lines_of(archive)
    archive.manifest.write_bytes(lines[0] + b"\n{nonsense\n" + lines[2][:20])

    findings = found(archive)

    assert (Kind.CHAIN_DAMAGED, "manifest.jsonl", 2) in findings
    assert (Kind.CHAIN_DAMAGED, "manifest.jsonl", 3) in findings


def test_a_chain_that_is_gone_is_one_finding(archive: ArchiveDir) -> None:
    archive.manifest.unlink()

    assert found(archive) == [(Kind.CHAIN_MISSING, "manifest.jsonl", None)]


def test_a_head_noted_elsewhere_proves_what_was_there(archive: ArchiveDir) -> None:
    heads = [sha256(line).hexdigest() for line in lines_of(archive)]

    assert [verify(archive, head=head).newer for head in heads] == [2, 1, 0]
    assert verify(archive, head=heads[0]).findings == []


def test_a_newest_file_removed_with_its_line_and_rows_is_proved_by_the_head(archive: ArchiveDir) -> None:
    head = verify(archive).head
    (archive.warcs / "three.warc.gz").unlink()
    write_lines(archive, lines_of(archive)[:-1])
    with sqlite3.connect(archive.db) as db:
        db.execute("DELETE FROM captures WHERE warc = 'three.warc.gz'")
    db.close()
    assert verify(archive).findings == []  # nothing in the archive itself can show it

    (finding,) = verify(archive, head=head).findings

    assert finding.kind is Kind.HEAD_UNKNOWN
    assert "something was removed or rewritten" in finding.message


def test_a_chain_made_anew_over_a_forged_file_is_proved_by_the_head(archive: ArchiveDir) -> None:
    head = verify(archive).head
    path = archive.warcs / "one.warc.gz"
    cut_out(path, members(path)[-2][0], path.stat().st_size)
    rechain(archive)

    assert Kind.HEAD_UNKNOWN in {finding.kind for finding in verify(archive, head=head).findings}


# ---------------------------------------------------------------- signatures


def test_a_signature_covers_the_chain_up_to_its_head(archive: ArchiveDir, tmp_path: Path) -> None:
    key = tmp_path / "key"
    new_key(key)
    sign(archive, key, at=AT)
    write_warc(archive, "newer", [])
    index_archive(archive)

    report = verify(archive, key=tmp_path / "key.pub")

    assert report.findings == []
    assert report.signed is not None and "1 lines are newer" in report.signed and "2024-03-15" in report.signed
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(MuragatError, match="never overwritten"):
        new_key(key)


def test_a_rewritten_chain_is_not_what_was_signed(archive: ArchiveDir, tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    sign(archive, tmp_path / "key", at=AT)
    rechain(archive)
    changed = [line.replace(b"2024-03-15", b"2024-03-16") for line in lines_of(archive)]
    write_lines(archive, changed)

    findings = verify(archive, key=tmp_path / "key.pub").findings

    assert any(one.kind is Kind.SIGNATURE and "does not contain the head" in one.message for one in findings)
    with pytest.raises(MuragatError, match="not signed"):
        sign(archive, tmp_path / "key", at=AT)


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('"at": "2024', '"at": "2023', "false"),
        ('"signature": "', '"signature": "AAAA', "false"),
        ('{"head"', '{"heap"', "damaged"),
    ],
)
def test_a_signature_that_was_changed_is_found(
    archive: ArchiveDir, tmp_path: Path, old: str, new: str, said: str
) -> None:
    new_key(tmp_path / "key")
    sign(archive, tmp_path / "key", at=AT)
    signatures = archive.root / "manifest.sig"
    signatures.write_text(signatures.read_text().replace(old, new))

    findings = verify(archive, key=tmp_path / "key.pub").findings

    assert findings and findings[0].kind is Kind.SIGNATURE and findings[0].offset == 1
    assert said in findings[0].message


def test_no_signature_by_this_key_is_found(archive: ArchiveDir, tmp_path: Path) -> None:
    new_key(tmp_path / "mine")
    new_key(tmp_path / "yours")
    sign(archive, tmp_path / "yours", at=AT)

    (finding,) = verify(archive, key=tmp_path / "mine.pub").findings

    assert "no signature by the key" in finding.message
    sign(archive, tmp_path / "mine", at=AT)
    assert verify(archive, key=tmp_path / "mine.pub").findings == []
    assert verify(archive, key=tmp_path / "yours.pub").findings == []


@pytest.mark.parametrize("word", ["--key", "--sign"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_bad_key_is_one_clear_line(archive: ArchiveDir, tmp_path: Path, word: str, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)

    done = muragat(archive, word, str(tmp_path / "bad"))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "bad") in done.stderr.splitlines()[-1] and "key in PEM" in done.stderr


# ---------------------------------------------------------------- while a crawl runs, and after one that died


def open_file(directory: ArchiveDir, name: str = SERIES) -> WarcWriter:
    writer = WarcWriter(directory.warcs / f"{name}.warc.gz", info={"isPartOf": name}, now=AT)
    writer.write_exchange(exchange("/open/1", b"one", at="2024-03-15T09:30:00Z"))
    writer.write_exchange(exchange("/open/2", b"two", at="2024-03-15T09:30:01Z"))
    return writer


def lock(directory: ArchiveDir, site: str = "haber") -> int:
    directory.locks.mkdir(exist_ok=True)
    handle = os.open(directory.locks / f"{site}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.write(handle, b"pid 4711 since today")
    return handle


def test_a_file_that_is_being_written_has_no_findings(archive: ArchiveDir) -> None:
    writer = open_file(archive)
    with writer.open_path.open("ab") as file:
        file.write(compress_record(b"WARC/1.1\r\n")[:15])

    report = verify(archive)

    assert report.findings == []
    assert report.in_flight == 2


def test_what_a_crawl_closed_this_moment_has_no_findings(archive: ArchiveDir) -> None:
    """Closed, not yet chained, rows not yet made: all three are under way while its crawl runs."""
    open_file(archive).close()
    handle = lock(archive)

    report = verify(archive)
    os.close(handle)

    assert (report.findings, report.in_flight) == ([], 2)
    assert {finding.kind for finding in verify(archive).findings} == {Kind.FILE_UNCHAINED, Kind.RECORD_WITHOUT_ROW}


def test_damage_inside_a_file_that_is_being_written_is_found(archive: ArchiveDir) -> None:
    writer = open_file(archive)
    content = bytearray(writer.open_path.read_bytes())
    content[40] ^= 8
    writer.open_path.write_bytes(content)

    assert found(archive) == [(Kind.MEMBER_DAMAGED, f"{SERIES}.warc.gz", 0)]


def test_a_torn_tail_is_cut_off_kept_aside_and_chained(archive: ArchiveDir) -> None:
    writer = open_file(archive)
    whole = writer.open_path.read_bytes()
    torn = compress_record(b"WARC/1.1\r\nWARC-Type: response\r\n")[:30]
    writer.open_path.write_bytes(whole + torn)
    before = {path.name: path.read_bytes() for path in archive.warcs.glob("*.gz")}

    (said,) = repair_open(archive)
    index_archive(archive)

    name = f"{SERIES}.warc.gz"
    assert name in said and "30 torn bytes kept aside" in said
    assert (archive.warcs / name).read_bytes() == whole
    assert (archive.warcs / f"{name}.torn").read_bytes() == torn
    assert not writer.open_path.exists()
    assert json.loads(lines_of(archive)[-1])["event"] == "repaired"
    assert {old: (archive.warcs / old).read_bytes() for old in before} == before
    assert verify(archive).findings == []
    assert list(repair_open(archive)) == []


def test_a_file_cut_between_response_and_request_is_whole_after_repair(archive: ArchiveDir) -> None:
    writer = open_file(archive)
    os.truncate(writer.open_path, writer.size - 20)

    list(repair_open(archive))
    index_archive(archive)

    assert verify(archive).findings == []


def test_the_open_file_of_a_running_crawl_is_not_repaired(archive: ArchiveDir) -> None:
    writer = open_file(archive)
    other = open_file(archive, "kultur-20240315093000-00000-host")
    handle = lock(archive)

    with pytest.raises(LockedError, match=r"haber is running \(pid 4711"):
        list(repair_open(archive))

    os.close(handle)
    assert writer.open_path.exists()
    assert other.path.exists()  # nobody crawls that site


def test_a_repair_that_died_before_the_chain_is_finished_by_the_next(archive: ArchiveDir) -> None:
    open_file(archive)
    repair(archive.warcs, f"{SERIES}.warc.gz")

    (said,) = repair_open(archive)

    assert "chained as it is now" in said
    index_archive(archive)
    assert verify(archive).findings == []


# ---------------------------------------------------------------- the command


def test_the_command_names_every_finding_and_exits_with_1(archive: ArchiveDir) -> None:
    path = archive.warcs / "one.warc.gz"
    offset = members(path)[3][0]
    damaged = bytearray(path.read_bytes())
    damaged[offset + 100] ^= 1
    path.write_bytes(damaged)

    said = muragat(archive)
    as_json = muragat(archive, "--json")

    assert said.returncode == as_json.returncode == 1
    assert f"one.warc.gz at byte {offset}: damaged gzip member" in said.stdout
    assert "3 findings" in said.stderr and len(said.stderr.splitlines()) == 1
    findings = json.loads(as_json.stdout)["findings"]
    assert findings[0]["kind"] == "member-damaged"
    assert (findings[0]["file"], findings[0]["offset"]) == ("one.warc.gz", offset)
    assert all(finding.keys() == {"kind", "file", "offset", "message"} for finding in findings)


def test_the_command_says_what_a_head_and_a_key_prove(archive: ArchiveDir, tmp_path: Path) -> None:
    head = sha256(lines_of(archive)[0]).hexdigest()
    key = tmp_path / "key"

    assert muragat(archive, "--new-key", str(key)).returncode == 0
    assert muragat(archive, "--sign", str(key)).returncode == 0
    good = muragat(archive, "--head", head, "--key", f"{key}.pub")
    lost = muragat(archive, "--head", "ab" * 32)
    short = muragat(archive, "--head", "abc")

    assert (good.returncode, good.stderr) == (0, "")
    assert "2 lines newer" in good.stdout and "0 lines are newer" in good.stdout
    assert lost.returncode == 1 and "the chain does not contain the head abab" in lost.stdout
    assert short.returncode == 2


def test_the_gzip_head_we_check_is_the_one_we_write(archive: ArchiveDir) -> None:
    for path in archive.warcs.iterdir():
        content = path.read_bytes()
        assert all(content[offset : offset + 10] == GZIP_HEAD for offset, _, _ in members(path))

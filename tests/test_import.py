"""What other tools wrote becomes rows and replays like our own: every container, every oddity, nothing overwritten."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
import json
import os
import random
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha1, sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from archives import dump, exchange, make_archive, page, write_warc
from servers import Answer, Loopback, chunked, links
from servers import page as answer

from archive import importing, manifest
from archive.config import ArchiveDir
from archive.foreign import Container, Foreign, records
from archive.importing import Import, ImportReport, import_files
from archive.index import index_archive
from archive.query import payload
from archive.rebuild import rebuild
from archive.schema import connect_readonly
from archive.warc import Kept, digest_of, normal_digest, read_warc
from crawler.demo.gold import load_gold
from crawler.demo.server import DemoSite

if sys.version_info >= (3, 14):
    import compression.zstd as zstd
else:
    import backports.zstd as zstd

NOW = datetime(2024, 6, 1, tzinfo=UTC)
STORY = page(
    "Ticaret hacmi arttı",
    "Kazakistan ile Türkiye arasındaki ticaret hacmi geçen yıl yüzde on iki arttı ve altı milyar dolara ulaştı.",
    "Toplantıda iki ülkenin bakanları ulaştırma, enerji ve eğitim alanındaki ortak projeleri de görüştü.",
)
URL = "http://haber.example/ticaret/"


@pytest.fixture
def directory(tmp_path: Path) -> ArchiveDir:
    return make_archive(tmp_path / "archive")


def take(directory: ArchiveDir, *files: Path, link: bool = False) -> ImportReport:
    return import_files(directory, files, now=NOW, link=link)


def one(directory: ArchiveDir, path: Path, content: bytes | None = None) -> Import:
    """One file, written first where its bytes are given, and imported."""
    if content is not None:
        path.write_bytes(content)
    return take(directory, path).files[0]


def rows(directory: ArchiveDir, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory.db)) as connection:
        return connection.execute(sql).fetchall()


def record(
    kind: str, url: str, block: bytes, *, version: str = "1.0", end: bytes = b"\r\n\r\n", **fields: str
) -> bytes:
    """One WARC record as a careless tool writes it; `payload_digest="…"` is WARC-Payload-Digest: …"""
    head = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-Date": "2024-01-01T10:00:00Z"}
    head |= {f"WARC-{name.replace('_', '-').title()}": value for name, value in fields.items() if name != "media"}
    head["Content-Type"] = fields.get("media", f"application/http; msgtype={kind}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value)
    return f"WARC/{version}\r\n{lines}Content-Length: {len(block)}\r\n\r\n".encode() + block + end


def http_answer(body: bytes = STORY, head: str = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8") -> bytes:
    return f"{head}\r\n\r\n".encode() + body


def response(url: str = URL, body: bytes = STORY, **fields: str) -> bytes:
    return record("response", url, http_answer(body), **fields)


def members(*contents: bytes) -> bytes:
    return b"".join(gzip.compress(content, mtime=0) for content in contents)


REQUEST = record("request", URL, b"GET /ticaret/ HTTP/1.1\r\nHost: haber.example\r\n\r\n")
OTHER = "http://haber.example/other/"
ARC = (
    b"filedesc://a.arc 0.0.0.0 20240101100000 text/plain 75\n1 0 LiveWeb Capture\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n"
)


def arc_record(url: str, block: bytes, kind: str = "text/html") -> bytes:
    return f"{url} 192.0.2.1 20240101100000 {kind} {len(block)}\n".encode() + block + b"\n"


ARC_FILE = ARC + arc_record("dns:haber.example", b"192.0.2.1\n", "text/dns") + arc_record(URL, http_answer())


def wacz(**entries: bytes) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return package.getvalue()


def frame(content: bytes, dictionary: zstd.ZstdDict | None = None) -> bytes:
    """A zstd frame with its checksum, as the command `zstd` writes it."""
    return bytes(zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}, zstd_dict=dictionary))


# ---------------------------------------------------------------- containers


@pytest.mark.parametrize(
    ("name", "content", "container", "direct"),
    [
        ("a.warc.gz", members(response(), REQUEST), "WARC in gzip", True),
        ("a.warc.gz", members(response() + REQUEST), "WARC in gzip", False),
        ("a.warc.gz", members(response()[:100], response()[100:] + REQUEST), "WARC in gzip", False),
        ("a.warc.gz", members(response()[:100], response()[100:]), "WARC in gzip", False),
        ("a.warc.gz", members(b"\r\n\r\n" + response()), "WARC in gzip", False),
        ("a.warc.gz", members(response(end=b"\n" * 100_000)), "WARC in gzip", False),
        ("a.warc", response() + REQUEST, "WARC", False),
        ("a.warc", REQUEST + response(version="1.1"), "WARC", False),
        ("misnamed.zip", members(response()), "WARC in gzip", True),
        ("a.arc", ARC_FILE, "ARC", False),
        ("a.arc.gz", members(ARC, arc_record(URL, http_answer())), "ARC in gzip", False),
        ("a.arc.gz", members(ARC_FILE), "ARC in gzip", False),
        ("a.wacz", wacz(**{"archive/data.warc.gz": members(response(), REQUEST)}), "WACZ", False),
        ("a.wacz", wacz(**{"archive/data.warc": response()}), "WACZ", False),
    ],
    ids=[
        *(
            "each",
            "whole",
            "split-both",
            "split-one",
            "newlines-before",
            "newlines-after",
            "plain",
            "request-first",
            "misnamed",
            "arc",
            "arc.gz",
            "arc.gz-whole",
            "wacz",
        ),
        "wacz-plain",
    ],
)
def test_every_container_gives_the_same_article(
    directory: ArchiveDir, tmp_path: Path, name: str, content: bytes, container: str, direct: bool
) -> None:
    done = one(directory, tmp_path / name, content)

    assert (done.container, done.damaged, done.captures) == (container, [], 1)
    assert (done.read_from == [done.kept_as]) == direct
    assert done.kept_as and (directory.warcs / done.kept_as).read_bytes() == content
    assert rows(directory, "SELECT url, title FROM articles") == [(URL, "Ticaret hacmi arttı")]
    assert rows(directory, "SELECT payload_digest, status, content_type FROM captures") == [
        (digest_of(STORY), 200, "text/html")
    ]
    events = [(json.loads(line)["name"], json.loads(line)["event"]) for line in directory.manifest.open()]
    assert events == [*((made, "converted") for made in done.read_from if not direct), (done.kept_as, "imported")]
    assert payload(connect_readonly(directory.db), directory, URL).body == STORY


TRAINED = zstd.train_dict([page(f"Haber {number}", f"Metin {number}. " * 40) for number in range(200)], 4096)


@pytest.mark.parametrize(
    ("dictionary", "packed"),
    [(None, False), (zstd.ZstdDict(STORY, is_raw=True), False), (TRAINED, False), (TRAINED, True)],
    ids=["none", "raw", "trained", "trained-packed"],
)
def test_zstd_is_read_with_and_without_a_dictionary(
    directory: ArchiveDir, tmp_path: Path, dictionary: zstd.ZstdDict | None, packed: bool
) -> None:
    """A frame for each record; the dictionary before them in a skippable frame, as it is or in zstd itself."""
    content = b"".join(frame(one, dictionary) for one in (response(), REQUEST, response(OTHER)))
    if dictionary:
        held = frame(dictionary.dict_content) if packed else dictionary.dict_content
        content = b"\x5d\x2a\x4d\x18" + struct.pack("<I", len(held)) + held + content

    done = one(directory, tmp_path / "a.warc.zst", content)

    assert (done.container, done.captures, done.damaged) == ("WARC in zstd", 2, [])
    assert done.kept_as == "a.warc.zst" and (directory.warcs / done.kept_as).read_bytes() == content
    assert rows(directory, "SELECT url, payload_digest, status FROM captures ORDER BY url") == [
        (OTHER, digest_of(STORY), 200), (URL, digest_of(STORY), 200),
    ]  # fmt: skip
    assert payload(connect_readonly(directory.db), directory, URL).body == STORY


def test_a_flipped_byte_in_zstd_loses_one_record_and_no_other(directory: ArchiveDir, tmp_path: Path) -> None:
    first, second, third = (frame(response(f"{URL}{number}")) for number in range(3))
    broken = bytearray(second)
    broken[len(second) // 2] ^= 0x40

    done = one(directory, tmp_path / "a.warc.zst", first + broken + third)

    assert len(done.damaged) == 1
    assert done.damaged[0].startswith(f"a.warc.zst at byte {len(first)}: damaged zstd frame")
    assert rows(directory, "SELECT url FROM captures ORDER BY url") == [(f"{URL}0",), (f"{URL}2",)]


@pytest.mark.parametrize(("pack", "size"), [(members, 3_000), (frame, 200_000)], ids=["gzip", "zstd"])
def test_a_file_packed_whole_and_torn_keeps_the_records_before_the_tear(
    directory: ArchiveDir, tmp_path: Path, pack: Callable[[bytes], bytes], size: int
) -> None:
    """In zstd, those in whole blocks: it unpacks 128 KiB or nothing."""
    noise = random.Random(1).randbytes(size)
    content = pack(response() + response(OTHER) + response(f"{OTHER}x", noise))

    done = one(directory, tmp_path / "a", content[: -size // 2])

    assert len(done.damaged) == 1 and "a at byte 0: " in done.damaged[0] and "cut off" in done.damaged[0]
    assert rows(directory, "SELECT url FROM captures ORDER BY url") == [(OTHER,), (URL,)]


@pytest.mark.parametrize("size", [len(frame(response())) + 30, len(frame(response())) + 3])
def test_a_zstd_frame_cut_off_is_named_and_what_is_before_it_kept(
    directory: ArchiveDir, tmp_path: Path, size: int
) -> None:
    done = one(directory, tmp_path / "a.warc.zst", (frame(response()) + frame(response(OTHER)))[:size])

    begins = len(frame(response()))
    assert done.damaged == [f"a.warc.zst at byte {begins}: the zstd frame that begins here does not end: cut off"]
    assert rows(directory, "SELECT url FROM captures") == [(URL,)]


def test_without_a_zstd_library_one_line_says_what_to_install(directory: ArchiveDir, tmp_path: Path) -> None:
    path = _written(tmp_path / "a.warc.zst", frame(response()))
    lacking = "import sys; sys.modules.update(dict.fromkeys(['backports.zstd', 'compression.zstd'])); "

    done = muragat(directory, "import", str(path), before=lacking)

    needed = "a Python built with zstd" if sys.version_info >= (3, 14) else "`pip install backports.zstd`"
    assert done.returncode == 1
    line = f"a.warc.zst at byte 0: reading zstd needs {needed}; or undo it with `zstd -d`"
    assert done.stderr.splitlines() == [f"damaged: {line}", f"muragat: nothing was imported: {line}"]
    assert not list(directory.warcs.iterdir()) and not directory.manifest.exists()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.txt", b"hello", "a.txt at byte 0: the file begins like no WARC, ARC or WACZ"),
        ("a.warc", b"", "a.warc at byte 0: the file is empty"),
        ("a.warc.gz", gzip.compress(b"hello"), "a.warc.gz at byte 0: the file begins like no"),
        ("a.warc", b"WARC/1.0\r\nhello\r\n\r\n", "a.warc at byte 0: a record without Content-Length"),
        ("a.wacz", b"PK\x03\x04" + bytes(40), "a.wacz at byte 0: a zip that cannot be read"),
        ("a.wacz", wacz(**{"data/x.txt": b"x"}), "a.wacz at byte 0: the zip holds no WARC"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_offset_and_leaves_nothing(
    directory: ArchiveDir, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    done = one(directory, tmp_path / name, content)

    assert done.damaged[0].startswith(why)
    assert done.kept_as is None
    assert not list(directory.warcs.iterdir()) and not directory.manifest.exists()


def test_paths_that_leave_a_wacz_and_bombs_are_refused_the_rest_is_kept(directory: ArchiveDir, tmp_path: Path) -> None:
    entries = {
        "archive/../../../evil.warc.gz": members(response(OTHER)),
        "/archive/evil.warc.gz": members(response(OTHER)),
        "archive/good.warc.gz": members(response()),
    }
    path = tmp_path / "a.wacz"
    path.write_bytes(wacz(**entries))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as package, package.open("archive/bomb.warc", "w") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))

    done = one(directory, path)

    assert [line.split("'")[1] for line in done.damaged] == [
        "/archive/evil.warc.gz", "archive/../../../evil.warc.gz", "archive/bomb.warc",
    ]  # fmt: skip
    assert rows(directory, "SELECT url FROM captures") == [(URL,)]
    assert sorted(path.name for path in tmp_path.rglob("*evil*")) == []


# ---------------------------------------------------------------- damage


def test_what_is_whole_in_a_torn_file_is_kept_and_the_tear_is_named(directory: ArchiveDir, tmp_path: Path) -> None:
    first, second = members(response(), REQUEST), members(response(OTHER))
    content = first + second[: len(second) // 2]

    report = take(directory, _written(tmp_path / "a.warc.gz", content))
    done = report.files[0]

    assert done.damaged[0].startswith(f"a.warc.gz at byte {len(first)}: ") and "cut off" in done.damaged[0]
    assert done.kept_as == "a.original-warc.gz" and (directory.warcs / done.kept_as).read_bytes() == content
    assert rows(directory, "SELECT url FROM captures") == [(URL,)]
    assert not report.ok and "1 of 1 files imported" in str(importing.refusal(report))
    assert not report.index.damaged and not rebuild(directory).damaged


def test_a_flipped_byte_loses_one_record_and_no_other(directory: ArchiveDir, tmp_path: Path) -> None:
    first, second, third = (members(response(f"{URL}{number}")) for number in range(3))
    broken = bytearray(second)
    broken[len(second) // 2] ^= 0x40

    done = one(directory, tmp_path / "a.warc.gz", first + bytes(broken) + third)

    assert len(done.damaged) == 1 and f"at byte {len(first)}: damaged gzip member" in done.damaged[0]
    assert rows(directory, "SELECT url FROM captures ORDER BY url") == [(f"{URL}0",), (f"{URL}2",)]


def test_a_damaged_member_of_an_arc_loses_one_record(directory: ArchiveDir, tmp_path: Path) -> None:
    whole = members(ARC, arc_record(OTHER, http_answer()), arc_record(URL, http_answer()))
    begins = len(members(ARC))
    broken = whole[: begins + 30] + bytes(20) + whole[begins + 50 :]

    done = one(directory, tmp_path / "a.arc.gz", broken)

    assert len(done.damaged) == 1 and f"a.arc.gz at byte {begins}: damaged gzip member" in done.damaged[0]
    assert rows(directory, "SELECT url FROM captures") == [(URL,)]


@pytest.mark.parametrize("arc", [False, True])
def test_junk_between_records_is_passed_over(directory: ArchiveDir, tmp_path: Path, arc: bool) -> None:
    first = ARC + arc_record(URL, http_answer()) if arc else response()
    last = arc_record(OTHER, http_answer()) if arc else response(OTHER)

    done = one(directory, tmp_path / "a", first + b"junk\n" * 30_000 + last)

    assert len(done.damaged) == 1 and done.damaged[0].startswith(f"a at byte {len(first)}: ")
    assert "150000 bytes passed over" in done.damaged[0]
    assert done.captures == 2


def test_a_record_cut_off_cannot_bring_records_of_its_own(directory: ArchiveDir, tmp_path: Path) -> None:
    """What a page holds stays a page, also where its record is torn."""
    forged = response(OTHER)
    torn = response(URL, b"<pre>\r\n\r\n" + forged + b"</pre>" + STORY)[:-600]

    done = one(directory, tmp_path / "a.warc", REQUEST + torn)

    assert "cut off" in done.damaged[0]
    assert done.records == {"request": 1}


def test_a_record_too_large_for_memory_is_named_and_passed(
    directory: ArchiveDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.foreign.RECORD_LIMIT_BYTES", 10_000)

    done = one(directory, tmp_path / "a.warc.gz", members(response(OTHER, bytes(20_000)), response()))

    assert "more than 10000: it stays in the original" in done.damaged[0]
    assert rows(directory, "SELECT url FROM captures") == [(URL,)]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ---------------------------------------------------------------- names, twice, by reference


def test_an_identical_file_is_imported_once(directory: ArchiveDir, tmp_path: Path) -> None:
    first = one(directory, tmp_path / "a.warc", response())
    before, chain = dump(directory.db), directory.manifest.read_bytes()

    again = one(directory, tmp_path / "b.warc", response())

    assert (again.already, again.kept_as) == (first.kept_as, None)
    assert (dump(directory.db), directory.manifest.read_bytes()) == (before, chain)


def test_a_name_that_is_taken_is_never_overwritten(directory: ArchiveDir, tmp_path: Path) -> None:
    write_warc(directory, "a", [exchange("/kar/", STORY, at="2024-01-01T10:00:00Z")])
    ours = (directory.warcs / "a.warc.gz").read_bytes()

    done = one(directory, tmp_path / "a.warc.gz", members(response()))

    assert done.kept_as == "a-2.warc.gz"
    assert (directory.warcs / "a.warc.gz").read_bytes() == ours
    assert len(rows(directory, "SELECT 1 FROM captures")) == 2


def test_names_cannot_pass_for_files_of_ours(directory: ArchiveDir, tmp_path: Path) -> None:
    names = [".hidden.warc.gz", "a.warc.gz.open", "x.torn.warc.gz", "y.warc.gz.bak", "ş i\n.warc.gz", "l" * 240]
    for number, name in enumerate(names):
        one(directory, tmp_path / name, members(response(f"{URL}{number}")))

    kept = {path.name for path in directory.warcs.iterdir()}
    assert kept == {
        *("hidden.warc.gz", "a.warc.gz", "x._.warc.gz", "y._.gz.bak.warc.gz", "ş_i_.warc.gz", "l" * 150 + ".warc.gz")
    }
    assert len(rows(directory, "SELECT 1 FROM captures")) == len(names)


def test_a_link_keeps_the_file_where_it_is(directory: ArchiveDir, tmp_path: Path) -> None:
    path = _written(tmp_path / "a.warc.gz", members(response()))

    done = take(directory, path, link=True).files[0]

    assert done.kept_as == "a.warc.gz" and (directory.warcs / "a.warc.gz").readlink() == path
    entry = json.loads(directory.manifest.read_text())
    assert (entry["event"], entry["size"], entry["sha256"]) == (
        "linked", path.stat().st_size, sha256(path.read_bytes()).hexdigest(),
    )  # fmt: skip
    assert payload(connect_readonly(directory.db), directory, URL).body == STORY


def test_an_import_that_died_is_finished_by_the_next(directory: ArchiveDir, tmp_path: Path) -> None:
    """Both files have their names, the chain has only the conversion: as after SIGKILL between two lines."""
    path = _written(tmp_path / "a.warc", response() + REQUEST)
    one(directory, path)
    lines = directory.manifest.read_bytes().splitlines(keepends=True)
    directory.manifest.write_bytes(lines[0])
    (directory.warcs / ".import-0.part").write_bytes(b"half")
    before = dump(directory.db)

    done = one(directory, path)

    assert done.kept_as == "a.warc" and len(list(directory.warcs.iterdir())) == 2
    assert [entry.name for entry in manifest.read(directory.manifest)] == [*done.read_from, "a.warc"]
    assert dump(directory.db) == before


# ---------------------------------------------------------------- records of other tools


def test_brackets_spaces_and_folded_lines_in_heads_are_undone(directory: ArchiveDir, tmp_path: Path) -> None:
    one(directory, tmp_path / "a.warc", response(f"<{URL}>") + response("http://haber.example/a b") + REQUEST)

    assert rows(directory, "SELECT url, urlkey FROM captures ORDER BY offset") == [
        (URL, "example,haber)/ticaret"),
        ("http://haber.example/a%20b", "example,haber)/a%20b"),
    ]


def test_name_lookups_and_logs_are_no_captures_resources_are(directory: ArchiveDir, tmp_path: Path) -> None:
    content = (
        record("response", "dns:haber.example", b"20240101\n192.0.2.1", media="text/dns")
        + record("resource", "urn:X-wpull:log", b"log", media="text/plain")
        + record("resource", "http://haber.example/logo.png", b"png", media="image/PNG; x=1")
        + record("conversion", "http://haber.example/logo.png", b"gif", media="image/gif")
        + record("metadata", URL, b"fetchError: no\r\n", media="text/plain")
    )
    done = one(directory, tmp_path / "a.warc", content)

    assert done.records == {"response": 1, "resource": 2, "conversion": 1, "metadata": 1}
    assert rows(directory, "SELECT url, status, content_type, record_type, payload_digest FROM captures") == [
        ("http://haber.example/logo.png", 200, "image/png", "resource", digest_of(b"png"))
    ]


FRAMED = chunked(STORY, size=500)
CHUNKED_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked"


@pytest.mark.parametrize(
    "stated",
    [
        "", digest_of(STORY), digest_of(FRAMED), "sha1:" + sha1(STORY).hexdigest(),
        "sha256:" + sha256(STORY).hexdigest(), "md5:" + "0" * 32, "nonsense",
    ],
)  # fmt: skip
def test_rows_hold_our_digest_and_revisits_are_found_by_theirs(
    directory: ArchiveDir, tmp_path: Path, stated: str
) -> None:
    """In either order, in one file or two: the revisit is the article again, without saying what it refers to."""
    original = record("response", URL, http_answer(FRAMED, CHUNKED_HEAD), payload_digest=stated)
    head = http_answer(b"", CHUNKED_HEAD)
    again = record("revisit", OTHER, head, payload_digest=stated or digest_of(STORY))
    other = make_archive(tmp_path / "other")

    one(directory, tmp_path / "b.warc", again)
    one(directory, tmp_path / "a.warc", original)
    one(other, tmp_path / "a.warc")
    one(other, tmp_path / "b.warc")

    assert rows(directory, "SELECT DISTINCT payload_digest FROM captures") == [(digest_of(STORY),)]
    assert rows(directory, "SELECT url, kind FROM captures ORDER BY url") == [(OTHER, "article"), (URL, "article")]
    assert payload(connect_readonly(directory.db), directory, OTHER).body == STORY
    shutil.copy(other.manifest, directory.manifest)
    for table, found in dump(directory.db).items():
        assert found == dump(other.db)[table], table
    before = dump(directory.db)
    rebuild(directory)
    assert dump(directory.db) == before


def test_a_revisit_by_reference_needs_no_digest_of_ours(directory: ArchiveDir, tmp_path: Path) -> None:
    """And one without HTTP head is read as what it refers to."""
    refers = {"refers_to_target_uri": f"<{URL}>", "refers_to_date": "2024-01-01T10:00:00Z"}
    again = record("revisit", OTHER, b"", payload_digest="blake3:abc", media="", **refers)

    one(directory, tmp_path / "a.warc", again + response())

    assert rows(directory, f"SELECT payload_digest, status, kind FROM captures WHERE url = '{OTHER}'") == [
        (digest_of(STORY), None, "article")
    ]


@pytest.mark.parametrize(
    "stated",
    [
        "sha1:" + sha1(b"x").hexdigest(),
        "SHA-1:" + digest_of(b"x")[5:].lower(),
        "sha1:" + b64encode(sha1(b"x").digest()).decode(),
        "sha1:" + urlsafe_b64encode(sha1(b"x").digest()).decode().rstrip("="),
    ],
)
def test_a_sha1_is_known_however_it_is_written(stated: str) -> None:
    assert normal_digest(stated) == digest_of(b"x")


def test_a_status_line_without_text_and_a_head_with_doubled_returns(directory: ArchiveDir, tmp_path: Path) -> None:
    moved = record("response", URL, b"HTTP/1.0 302\r\nLocation: /x\r\n\r\n").replace(b"\r\n", b"\r\r\n")
    length = moved.index(b"HTTP/1.0")
    moved = moved[:length].replace(b"Content-Length: 30", b"Content-Length: 33") + moved[length:]

    done = one(directory, tmp_path / "a.warc", moved)

    assert done.damaged == []
    assert rows(directory, "SELECT status, location FROM captures") == [(302, "/x")]


def test_what_other_tools_call_a_crawl_is_none_of_ours(directory: ArchiveDir, tmp_path: Path) -> None:
    info = record("warcinfo", "", b"software: Heritrix\r\nisPartOf: basic\r\n", media="application/warc-fields")

    one(directory, tmp_path / "a.warc.gz", members(info, response()))

    assert rows(directory, "SELECT * FROM crawls") == []


def test_pages_of_other_hosts_have_no_site_and_are_named(directory: ArchiveDir, tmp_path: Path) -> None:
    report = take(directory, _written(tmp_path / "a.warc", response("http://elsewhere.example/ticaret/") + response()))

    assert report.strangers == {"elsewhere.example": 1}
    assert rows(directory, "SELECT site, substr(published_at, 1, 16) FROM articles ORDER BY url") == [
        (None, "2017-10-06T17:45"),  # as printed, taken for UTC
        ("haber", "2017-10-06T11:45"),
    ]


# ---------------------------------------------------------------- from our own archives, and from real tools


def test_a_warc_of_another_archive_gives_the_same_rows(directory: ArchiveDir, tmp_path: Path) -> None:
    other = make_archive(tmp_path / "other")
    write_warc(other, "a", [exchange("/ticaret/", STORY, at="2024-01-01T10:00:00Z")])
    index_archive(other)

    done = one(directory, other.warcs / "a.warc.gz")

    assert done.read_from == ["a.warc.gz"]
    assert dump(directory.db) == dump(other.db)
    assert one(other, tmp_path / "copy", (other.warcs / "a.warc.gz").read_bytes()).already == "a.warc.gz"


needs_wget = pytest.mark.skipif(not shutil.which("wget"), reason="needs wget: apt-get install wget")


def wget(folder: Path, url: str, *options: str) -> None:
    command = ["wget", "-q", "-r", "-l1", "--no-proxy", "-P", str(folder / "pages"), *options, url]
    subprocess.run(command, cwd=folder, timeout=60, check=False, env={**os.environ, "LC_ALL": "C"})


@needs_wget
@pytest.mark.parametrize("packed", [True, False])
def test_a_crawl_by_wget_is_imported_whole(directory: ArchiveDir, tmp_path: Path, packed: bool) -> None:
    with DemoSite() as site:
        wget(tmp_path, site.url, "--warc-file=demo", *([] if packed else ["--no-warc-compression"]))
        asked = Counter(urlsplit(request.path).path for request in site.requests)

    done = one(directory, tmp_path / f"demo.warc{'.gz' if packed else ''}")

    assert (done.damaged, done.read_from == [done.kept_as]) == ([], packed)
    assert done.records["response"] == done.records["request"] == sum(asked.values()) > 20
    found = rows(directory, f"SELECT url FROM captures WHERE url LIKE '{site.url}%'")
    assert Counter(urlsplit(str(url)).path for (url,) in found) == asked
    assert rows(directory, "SELECT count(*) > 5 FROM articles") == [(1,)]


@needs_wget
def test_wget_counts_chunk_framing_in_and_its_revisits_still_find_their_page(
    directory: ArchiveDir, tmp_path: Path
) -> None:
    framed = Answer((CHUNKED_HEAD.encode() + b"\r\n\r\n", FRAMED))
    with Loopback({"/": links("/framed", "/plain"), "/framed": framed, "/plain": answer(STORY)}) as server:
        wget(tmp_path, server.url + "/", "--warc-file=first", "--warc-cdx")
        wget(tmp_path, server.url + "/", "--warc-file=again", "--warc-dedup=first.cdx")

    report = take(directory, tmp_path / "again.warc.gz", tmp_path / "first.warc.gz")

    assert report.ok and report.files[0].records["revisit"] >= 3
    page_rows = "SELECT record_type, payload_digest, kind FROM captures WHERE url LIKE '%/framed' ORDER BY 1"
    assert rows(directory, page_rows) == [
        ("response", digest_of(STORY), "article"),
        ("revisit", digest_of(STORY), "article"),
    ]


# It asks nothing of loopback addresses unless it is told so, for which there is no option.
WARCPROX = """
from warcprox import main, warcproxy
warcproxy.WarcProxyHandler.allow_localhost = True
main.main()
"""
needs_warcprox = pytest.mark.skipif(not find_spec("warcprox"), reason="needs warcprox, which `make` installs")
# Of the demo site: path → what is asked with it.
ASKED: dict[str, dict[str, str]] = {
    "/": {},  # chunked
    "/kategori/toplum/": {"Accept-Encoding": "gzip"},  # chunked, too
    "/turkistanda-yesevi-yili/": {},
    "/saat-dilimi-degisti/": {"Accept-Encoding": "gzip"},
    "/arsiv/2004/metro.html": {},  # windows-1254
    "/missing/": {},
    "/?p=1413": {},  # moved
}
AGAIN = ("/", "/saat-dilimi-degisti/")


@needs_warcprox
def test_a_session_of_warcprox_is_imported_whole(directory: ArchiveDir, tmp_path: Path) -> None:
    """Each page has the body and the status that the server gives to who asks it directly; so has a revisit."""
    with DemoSite() as site:
        base, direct = site.url.rstrip("/"), urlsplit(site.url).port or 0
        sent = {f"{base}{path}": fetch(direct, path, headers) for path, headers in ASKED.items()}
        with warcprox(tmp_path) as port:
            through = {base + path: fetch(port, base + path, headers) for path, headers in ASKED.items()}
            wait_until(lambda: urls_written(port) == len(ASKED))  # what is not written yet is nobody's original
            for path in AGAIN:
                fetch(port, base + path, ASKED[path])
    assert through == sent and Counter(status for status, _ in sent.values()) == {200: 5, 301: 1, 404: 1}

    done = one(directory, next(tmp_path.glob("WARCPROX-*.warc.gz")))

    assert (done.container, done.damaged, done.read_from) == ("WARC in gzip", [], [done.kept_as])
    assert done.records == {"warcinfo": 1, "response": 7, "revisit": 2, "request": 9}
    found = rows(directory, "SELECT url, record_type, status, payload_digest FROM captures ORDER BY offset")
    expected = [(url, "response", status, digest_of(body)) for url, (status, body) in sent.items()]
    expected += [(base + path, "revisit", 200, digest_of(sent[base + path][1])) for path in AGAIN]
    assert sorted(found) == sorted(expected)
    titles = {base + story.path: story.title for story in load_gold()}
    read = dict(rows(directory, "SELECT url, title FROM articles"))
    assert read == {url: titles[url] for url in sent if url in titles} and len(read) == 3
    db = connect_readonly(directory.db)
    assert {url: payload(db, directory, url).body for url in sent} == {url: body for url, (_, body) in sent.items()}
    for url, status, body in replayed(directory):
        assert (status, body) == sent[url], url


@contextmanager
def warcprox(folder: Path) -> Iterator[int]:
    """A warcprox that writes into `folder`, and closes its WARC when the block ends; its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    # Its statistics would hold everything up for half a minute.
    options = ["-b", "127.0.0.1", "-p", str(port), "-z", "-d", str(folder), "--stats-db-file=/dev/null", "-q"]
    proxy = subprocess.Popen([sys.executable, "-P", "-c", WARCPROX, *options], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port))
        yield port
        proxy.terminate()
        assert proxy.wait(60) == 0
    finally:
        proxy.kill()
        proxy.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "not in 60 s"
        time.sleep(0.05)


def urls_written(port: int) -> int:
    """How many exchanges warcprox says it has written."""
    return int(json.loads(fetch(port, "/status", {})[1])["urls_processed"])


def fetch(port: int, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body of one GET, the body without chunk framing, still compressed."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", target, headers=headers)
        got = connection.getresponse()
        return got.status, got.read()


def replayed(directory: ArchiveDir) -> list[tuple[str, int, bytes]]:
    """URL, status and body of every capture, as they replay."""
    from archive.replay import ReplayServer, replay_url

    captured = rows(directory, "SELECT url, captured_at FROM captures")
    with ReplayServer(directory, port=0) as server:
        moments = [(str(url), datetime.fromisoformat(str(at))) for url, at in captured]
        asked = [(url, urlsplit(replay_url(server.url, url, at, raw=True, exact=True))) for url, at in moments]
        zipped = {"Accept-Encoding": "gzip"}  # else it would unpack what is
        return [(url, *fetch(server.port, f"{x.path}?{x.query}" if x.query else x.path, zipped)) for url, x in asked]


def test_what_the_command_says_and_returns(directory: ArchiveDir, tmp_path: Path) -> None:
    good, bad = _written(tmp_path / "a.warc", response()), _written(tmp_path / "b.txt", b"hello")

    first = muragat(directory, "import", str(good))
    again = muragat(directory, "import", str(good))
    mixed = muragat(directory, "import", str(good), str(bad))
    nothing = muragat(directory, "import", str(bad))

    assert [run.returncode for run in (first, again, mixed, nothing)] == [0, 0, 1, 1]
    assert "kept as a.warc, read from a-" in first.stdout and "1 response: 1 capture" in first.stdout
    assert "already here as a.warc; nothing done" in again.stdout
    assert "damaged: b.txt at byte 0" in nothing.stderr and "nothing was imported" in nothing.stderr
    verified = muragat(directory, "verify")
    assert verified.returncode == 0, verified.stdout


def muragat(directory: ArchiveDir, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; `before` is Python that runs there first."""
    start = f"{before}from crawler.cli import main; main()"
    command = [sys.executable, "-P", "-c", start, "--archive", str(directory.root), *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_imported_pages_replay_byte_for_byte(directory: ArchiveDir, tmp_path: Path) -> None:
    pytest.importorskip("pywb", reason="replay needs the extra `web`")
    from archive.replay import ReplayServer, replay_url

    sha = "sha256:" + sha256(STORY).hexdigest()
    again = record("revisit", OTHER, http_answer(b"", CHUNKED_HEAD), payload_digest=sha)
    careless = record(  # as scrapy-webarchive writes it
        "revisit",
        "http://haber.example/careless/",
        http_answer(b"", "HTTP/1.1 200 OK\r\nContent-Length: 0"),
        payload_digest=digest_of(STORY + b"bare"),
    )
    arc = ARC + arc_record(
        "http://haber.example/arc/", http_answer(STORY + b"arc", CHUNKED_HEAD.partition("\r\nTr")[0])
    )
    chunks = record("response", URL, http_answer(FRAMED, CHUNKED_HEAD), payload_digest=sha)
    bare = record("response", "http://haber.example/bare/", http_answer(STORY + b"bare", "HTTP/1.1 200"))
    one(directory, tmp_path / "a.warc", chunks + again + bare + careless)
    one(directory, tmp_path / "a.arc", arc)
    one(directory, tmp_path / "b.warc", record("resource", "http://haber.example/r", b"resource", media="text/plain"))

    with ReplayServer(directory, port=0) as server:
        expected = {URL: STORY, OTHER: STORY, "http://haber.example/arc/": STORY + b"arc"}
        expected |= dict.fromkeys(("http://haber.example/bare/", "http://haber.example/careless/"), STORY + b"bare")
        expected |= {"http://haber.example/r": b"resource"}
        for url, body in expected.items():
            asked = urlsplit(replay_url(server.url, url, datetime(2024, 1, 1, 10, tzinfo=UTC), raw=True))
            with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
                connection.request("GET", asked.path)
                got = connection.getresponse()
                assert (got.status, got.read()) == (200, body), url


# ---------------------------------------------------------------- the samples beside the checkout


def samples(shared: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Path and number of records by type, as the README of the samples lists them."""
    for line in (shared / "data" / "warcs" / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[2].isdigit():
            counts = (part.rsplit(" ", 1) for part in cells[3].split(", ") if part)
            yield cells[1], Counter({kind: int(number) for kind, number in counts})


# Whose address is no page's: `urn:` and the like.
NO_PAGES = {"pywb/example-wpull.warc.gz": 1}


@pytest.mark.shared
def test_every_sample_is_imported_or_refused_by_file_and_offset(shared: Path, tmp_path: Path) -> None:
    """Each response, revisit and resource is a row; one that is not has a line with its file and offset."""
    table, wrong = list[tuple[object, ...]](), list[str]()
    for number, (name, listed) in enumerate(samples(shared)):
        directory = make_archive(tmp_path / str(number))
        path = shared / "data" / "warcs" / name
        report = take(directory, path)
        done = report.files[0]
        types = rows(directory, "SELECT record_type FROM captures") if done.kept_as else []
        got = Counter(str(kind) for (kind,) in types)
        expected = sum(listed[kind] for kind in ("response", "revisit", "resource")) - NO_PAGES.get(name, 0)
        located = [line for line in done.damaged if line.startswith(f"{path.name} at byte ")]
        table.append((name, done.container, expected, got["response"], got["revisit"], got["resource"], len(located)))
        if got.total() + len(located) < expected or len(located) != len(done.damaged) or report.index.damaged:
            wrong.append(f"{name}: {listed} listed, {got} rows, {done.damaged}")
        if done.kept_as and (directory.warcs / done.kept_as).read_bytes() != path.read_bytes():
            wrong.append(f"{name}: the original was changed")
        held = [kept for warc in done.read_from for kept in read_warc(directory.warcs, warc) if isinstance(kept, Kept)]
        if len(held) != got.total():
            wrong.append(f"{name}: {len(held)} records read, {got.total()} rows")

    writer = csv.writer(sys.stdout, delimiter="\t")
    writer.writerow(("file", "container", "listed", "response", "revisit", "resource", "refused"))
    writer.writerows(table)
    assert len(table) == 41 and not wrong, "\n".join(wrong)


@pytest.mark.shared
def test_all_samples_in_one_archive_give_the_same_rows_rebuilt(shared: Path, tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    files = [shared / "data" / "warcs" / name for name, _ in samples(shared)]
    take(directory, *files)
    before = dump(directory.db)

    rebuild(directory)

    assert dump(directory.db) == before
    assert rows(directory, "SELECT count(*) > 300 FROM captures") == [(1,)]


def test_records_come_out_as_they_were(tmp_path: Path) -> None:
    """The conversion changes no byte of a record."""
    content = _written(tmp_path / "a", response() + REQUEST)
    with content.open("rb") as file:
        found = list(records(file, "a", Container.WARC, seed=""))

    assert [one.content + b"\r\n\r\n" for one in found if isinstance(one, Foreign)] == [response(), REQUEST]

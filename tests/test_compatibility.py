"""Whether everybody else reads what we write, and whether they read the same in it.

The WARCs are those of a crawl of the demo site, and of one exchange of each rarer kind. What they hold is taken apart
here with zlib alone; each reader must then tell the same of every record. Last, wget's WARC of the same site is held
against ours, field by field.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha1
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from archives import exchange, make_archive, page, write_warc
from fastwarc.warc import ArchiveIterator, WarcRecordType
from servers import chunked, crawl

from archive.config import ArchiveDir
from archive.warc import Original
from crawler.demo.server import DemoSite

BIN = Path(sys.executable).parent
WGET = shutil.which("wget")
# What both may fetch: their ideas of what is worth following differ in these.
NOT_FOLLOWED = r"paylas|share=|replytocom"
COUNTER = re.compile(rb"[\d.]+ okunma")  # how often a page was read: the one thing that differs from visit to visit


@dataclass(frozen=True)
class Record:
    """One record as zlib and a colon tell it."""

    warc: str
    offset: int
    length: int
    version: str
    fields: tuple[tuple[str, str], ...]
    block: bytes

    def get(self, name: str) -> str | None:
        """The field of that name."""
        return dict(self.fields).get(name)

    @property
    def kind(self) -> str:
        """WARC-Type."""
        return self.get("WARC-Type") or ""

    @property
    def url(self) -> str:
        """WARC-Target-URI; wget writes it as WARC 1.0 had it, in angle brackets."""
        return (self.get("WARC-Target-URI") or "").strip("<>")

    @property
    def status(self) -> int | None:
        """Of a response; None where no response is."""
        return int(self.block[9:12]) if self.kind in ("response", "revisit") else None

    @property
    def head(self) -> bytes:
        """The head of what HTTP sent."""
        return self.block.partition(b"\r\n\r\n")[0]

    @property
    def payload(self) -> bytes:
        """The body without chunk framing, still in its content coding."""
        body = self.block.partition(b"\r\n\r\n")[2]
        if b"\r\ntransfer-encoding: chunked" not in self.head.lower():
            return body
        payload = b""
        while (size := int(body.partition(b"\r\n")[0].partition(b";")[0], 16)) > 0:
            body = body.partition(b"\r\n")[2]
            payload, body = payload + body[:size], body[size + 2 :]
        return payload

    @property
    def text(self) -> bytes:
        """The payload without its content coding."""
        zipped = b"\r\ncontent-encoding: gzip" in self.head.lower()
        return zlib.decompress(self.payload, 31) if zipped else self.payload


def read(path: Path) -> list[Record]:
    """Every record of a WARC, one gzip member each."""
    rest, offset, records = path.read_bytes(), 0, list[Record]()
    while rest:
        inflate = zlib.decompressobj(31)
        content = inflate.decompress(rest)
        assert inflate.eof, f"{path.name} ends within the member at {offset}"
        length = len(rest) - len(inflate.unused_data)
        head, _, block = content.partition(b"\r\n\r\n")
        version, *lines = head.decode().split("\r\n")
        fields = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        assert block.endswith(b"\r\n\r\n")
        records.append(Record(path.name, offset, length, version, fields, block[:-4]))
        offset, rest = offset + length, inflate.unused_data
    return records


def digest(content: bytes) -> str:
    """As every WARC spells it."""
    return "sha1:" + b32encode(sha1(content).digest()).decode()


# ---------------------------------------------------------------- what is read


@pytest.fixture(scope="module")
def site() -> Iterator[DemoSite]:
    """The site that is crawled, by us and by wget."""
    with DemoSite() as running:
        yield running


@pytest.fixture(scope="module")
def crawled(site: DemoSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The WARC of a whole crawl."""
    directory = ArchiveDir(tmp_path_factory.mktemp("crawl"))
    host = urlsplit(site.url).netloc
    for folder in (directory.sites, directory.warcs, directory.logs):
        folder.mkdir()
    directory.config_path.write_text('operator = "tests"\ncontact = "tests@example.org"\n')
    (directory.sites / "demo.toml").write_text(
        f'title = "Demo"\n[crawl]\nseeds = ["{site.url}"]\nhosts = ["{host}"]\nallow_private = ["{host}"]\n'
        "delay = 0\nconcurrency = 4\n"
    )

    done = crawl(directory)

    assert done.returncode == 0, done.stderr
    (warc,) = directory.warcs.iterdir()
    return warc


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The WARC of what the demo site does not send: both revisits, a body cut short, a fetch without an answer."""
    directory = make_archive(tmp_path_factory.mktemp("rare"))
    body = page("Bir haber", "Metin. " * 50)
    first = exchange("/a", body, at="2024-01-01T00:00:00+00:00")
    again = exchange("/b", body, at="2024-01-02T00:00:00+00:00")
    original = Original(first.url, first.captured_at, False)
    unchanged = exchange("/a", b"", at="2024-01-03T00:00:00+00:00", status="304 Not Modified")
    cut = replace(exchange("/c", body, at="2024-01-04T00:00:00+00:00"), truncated="disconnect")
    cut = replace(cut, response=cut.response[:-100])
    head = b"HTTP/1.1 200 \r\ncontent-TYPE: text/html\r\nX-Ad: \xfe\r\nx-ad: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    odd = replace(exchange("/d", b"", at="2024-01-05T00:00:00+00:00"), response=head + chunked(body))
    moved = exchange("/e", b"", at="2024-01-06T00:00:00+00:00", status="301 Moved", fields="Location: /a\r\n")
    missing = exchange("/f", b"No.", at="2024-01-07T00:00:00+00:00", status="404 Not Found")
    exchanges = [first, (again, original), (unchanged, original), cut, odd, moved, missing]
    writer = write_warc(directory, "rare", exchanges, close=False)
    writer.write_failure(f"{first.url}/gone", at=first.captured_at, error="connection refused")
    writer.close()
    return writer.path


@pytest.fixture(params=["crawled", "rare"])
def warc(request: pytest.FixtureRequest) -> Path:
    """Each of the two."""
    path: Path = request.getfixturevalue(request.param)
    return path


def test_the_samples_hold_what_readers_stumble_over(crawled: Path, rare: Path) -> None:
    usual, odd = read(crawled), read(rare)

    assert any(b"Transfer-Encoding: chunked" in record.head for record in usual)
    assert len([record for record in usual if record.kind == "response"]) > 400
    assert {record.kind for record in odd} == {"warcinfo", "response", "request", "revisit", "metadata"}
    assert {record.status for record in odd} == {200, 301, 304, 404, None}


# ---------------------------------------------------------------- the readers


def test_warcio_index_lists_every_record_where_it_lies(warc: Path) -> None:
    fields = ("offset", "length", "warc-type", "warc-target-uri", "http:status")

    lines = run("warcio", "index", "-f", ",".join(fields), warc).splitlines()

    told = [tuple(json.loads(line).get(field, "") for field in fields) for line in lines]
    assert told == [(str(one.offset), str(one.length), one.kind, one.url, str(one.status or "")) for one in read(warc)]


def test_warcio_recompress_gives_the_same_records(warc: Path, tmp_path: Path) -> None:
    """But for what it does to everybody's: it tidies HTTP heads, and adds the digest of nothing to requests."""
    run("warcio", "recompress", warc, tmp_path / "again.warc.gz")

    before, after = read(warc), read(tmp_path / "again.warc.gz")
    assert len(before) == len(after)
    for ours, theirs in zip(before, after, strict=True):
        added = set(theirs.fields) - set(ours.fields)
        assert {name for name, _ in added} <= {"Content-Length", "WARC-Payload-Digest"}
        assert {name for name, _ in set(ours.fields) - set(theirs.fields)} <= {"Content-Length"}
        assert (theirs.version, theirs.payload) == (ours.version, ours.payload)
        assert theirs.head.split() == ours.head.replace(b"\xfe", b"%C3%BE").split()


def test_fastwarc_reads_every_record_and_finds_every_digest_right(warc: Path) -> None:
    told = list[tuple[object, ...]]()
    with warc.open("rb") as file:
        for one in ArchiveIterator(file, record_types=WarcRecordType.any_type, parse_http=False):
            assert one.verify_block_digest()
            one.parse_http(auto_decode="transfer")  # its digest is of what is left: the body without chunk framing
            kind = str(one.record_type)
            status = one.http_headers.status_code if kind in ("response", "revisit") else None
            if kind == "response":
                assert one.verify_payload_digest()
            told.append((one.stream_pos, kind, one.headers.get("WARC-Target-URI", ""), status))

    assert told == [(one.offset, one.kind, one.url, one.status) for one in read(warc)]


def test_cdxj_indexer_agrees_on_every_capture(warc: Path) -> None:
    assert captures_in(run("cdxj-indexer", warc)) == captures(warc)


def test_the_indexer_of_pywb_agrees_on_every_capture(warc: Path) -> None:
    """It gives no status to any revisit."""
    revisits = {one.offset for one in read(warc) if one.kind == "revisit"}

    expected = [(url, "" if place[1] in revisits else status, *place) for url, status, *place in captures(warc)]

    assert captures_in(run("cdx-indexer", "-j", warc)) == sorted(expected)


def test_wacz_packs_and_validates_both_files(crawled: Path, rare: Path, tmp_path: Path) -> None:
    packed = tmp_path / "archive.wacz"

    run("wacz", "create", "-o", packed, crawled, rare)
    said = run("wacz", "validate", "-f", packed)

    assert "Validation succeeded" in said
    with zipfile.ZipFile(packed) as archive:
        assert archive.read(f"archive/{crawled.name}") == crawled.read_bytes()
        index = zlib.decompress(archive.read("indexes/index.cdx.gz"), 31).decode()
    assert captures_in(index) == sorted(captures(crawled) + captures(rare))


def captures(warc: Path) -> list[tuple[str, str, str, int, int, str]]:
    """What an index of captures must say: URL, status, digest, place."""
    return sorted(
        (
            one.url,
            str(one.status),
            (one.get("WARC-Payload-Digest") or "").removeprefix("sha1:"),
            one.offset,
            one.length,
            one.warc,
        )
        for one in read(warc)
        if one.kind in ("response", "revisit")
    )


def captures_in(cdxj: str) -> list[tuple[str, str, str, int, int, str]]:
    """The same out of a CDXJ, whatever its dialect."""
    told = list[tuple[str, str, str, int, int, str]]()
    for line in cdxj.splitlines():
        if line.startswith("!meta"):
            continue
        row = json.loads(line[line.index("{") :])
        if row.get("mime") == "application/warc-fields":  # a fetch without an answer, which some list as well
            continue
        place = (int(row["offset"]), int(row["length"]), Path(row["filename"]).name)
        told.append((row["url"], row.get("status", ""), row.get("digest", "").removeprefix("sha1:"), *place))
    return sorted(told)


def run(command: str, *arguments: str | Path) -> str:
    """What a reader prints, when it is content."""
    done = subprocess.run(
        [BIN / command, *arguments], capture_output=True, text=True, cwd=Path(str(arguments[-1])).parent, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"Traceback|[Ee]rror|invalid|WARN", done.stderr), done.stderr
    return done.stdout


# ---------------------------------------------------------------- wget


@pytest.fixture(scope="module")
def by_wget(site: DemoSite, crawled: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """wget's records of the same site, fetched after ours."""
    if not WGET:
        pytest.skip("needs wget: apt-get install wget")
    folder = tmp_path_factory.mktemp("wget")
    command = [WGET, "-q", "-r", "-l", "inf", "-p", "--compression=auto", "--delete-after", "--tries=1"]
    done = subprocess.run(
        [*command, "--reject-regex", NOT_FOLLOWED, "--warc-file=wget", site.url], cwd=folder, check=False, timeout=120
    )
    assert done.returncode in (0, 8)  # 8: something answered 404
    return read(folder / "wget.warc.gz")


def test_wget_and_we_got_the_same_from_the_same_addresses(crawled: Path, by_wget: list[Record]) -> None:
    ours, theirs = answers(read(crawled)), answers(by_wget)

    both = ours.keys() & theirs.keys()
    differing = {url for url in both if digest(ours[url].payload) != digest(theirs[url].payload)}
    assert len(both) > 0.9 * len(ours)
    assert {url: ours[url].status for url in both} == {url: theirs[url].status for url in both}
    assert all(COUNTER.sub(b"", ours[url].text) == COUNTER.sub(b"", theirs[url].text) for url in both)
    assert all(COUNTER.search(ours[url].text) for url in differing)
    assert len(differing) < len(both) / 4


def test_where_wget_and_we_differ_in_digests_is_chunk_framing_alone(crawled: Path, by_wget: list[Record]) -> None:
    """Ours are of the body without framing (WARC 1.1 §6.3.2), wget's of the body as it crossed the wire."""
    for record in answers(read(crawled)).values():
        assert record.get("WARC-Payload-Digest") == digest(record.payload)
    for record in answers(by_wget).values():
        body = record.block.partition(b"\r\n\r\n")[2]
        assert record.get("WARC-Payload-Digest") == digest(body)


def test_the_fields_that_we_write_and_wget_does_not(crawled: Path, by_wget: list[Record]) -> None:
    ours, theirs = shapes(read(crawled)), shapes(by_wget)

    more = {f"{kind} {field}" for kind in ours for field in ours[kind] - theirs.get(kind, set())}
    less = {f"{kind} {field}" for kind in theirs for field in theirs[kind] - ours.get(kind, set())}

    print("we more:", *sorted(more), sep="\n  ")
    print("we less:", *sorted(less), sep="\n  ")
    assert more == {
        "request WARC-Concurrent-To",
        "request WARC-Protocol",
        "response WARC-Protocol",
    }
    assert less == {
        "response WARC-Concurrent-To",
        *(f"resource {field}" for field in shapes(by_wget)["resource"]),
    }


def test_wget_writes_requests_first_and_we_write_answers_first(crawled: Path, by_wget: list[Record]) -> None:
    ours, theirs = read(crawled), by_wget

    assert {one.version for one in ours} == {"WARC/1.1"}
    assert {one.version for one in theirs} == {"WARC/1.0"}
    for before, after in pairs(ours, "response", "request"):
        assert after.get("WARC-Concurrent-To") == before.get("WARC-Record-ID")
        assert after.get("WARC-Date") == before.get("WARC-Date")
    for before, after in pairs(theirs, "request", "response"):
        assert after.get("WARC-Concurrent-To") == before.get("WARC-Record-ID")
    assert all(re.fullmatch(r"\S+T\S+\.\d{6}Z", one.get("WARC-Date") or "") for one in ours)  # 1.1: to the microsecond


def answers(records: list[Record]) -> dict[str, Record]:
    """URL → the response to it; of several, the last."""
    return {one.url: one for one in records if one.kind == "response"}


def shapes(records: list[Record]) -> dict[str, set[str]]:
    """Kind of record → the fields that every one of its kind has."""
    found = dict[str, set[str]]()
    for one in records:
        names = {name for name, _ in one.fields}
        found[one.kind] = found.get(one.kind, names) & names
    return found


def pairs(records: list[Record], first: str, second: str) -> Iterator[tuple[Record, Record]]:
    """Each record of the first kind with what follows it, which must be of the second."""
    count = 0
    for before, after in pairwise(records):
        if before.kind == first:
            assert (after.kind, after.url) == (second, before.url)
            count += 1
            yield before, after
    assert count > 400

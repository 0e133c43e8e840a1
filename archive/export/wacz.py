"""An archive, a crawl or what a search finds, as WACZ 1.1.1: https://specs.webrecorder.net/wacz/1.1.1/.

Records are copied member by member, byte for byte: whole files where all of them are meant, else one after the other
into one WARC, each with its request and under the warcinfo of its file. What revisits refer to comes along, and with
chosen articles what their pages need to be shown, so that the package replays by itself. `pages.jsonl` lists every
wording of the articles with the text that we read: nothing injected is in it. In the records it is, as it was served.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Self

from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.errors import MuragatError, QueryError, WarcReadError
from archive.export.cdxj import lines_placed
from archive.export.requisites import requisites
from archive.export.selection import Selection, drop_revisits_of_hidden, take, take_originals
from archive.model import RecordType
from archive.schema import load_capture
from archive.snippets import with_lead
from archive.surt import urlkey
from archive.warc import RECORD_HEAD_END, Member, members, open_warc, read_payload

WACZ_VERSION = "1.1.1"
_LINES = 1024  # of the index in each gzip member, as others pack it
_COPY_BYTES = 1 << 20
_HEAD_BYTES = 16 * 1024

Write = Callable[[bytes], object]


def write(db: Database, directory: ArchiveDir, file: BinaryIO, *, choice: Selection, now: datetime) -> int:
    """Write the package; the number of captures in it. Raises QueryError where there is none."""
    take(db, choice)
    if choice.by_article:
        _take_requisites(db, directory)
    if choice != Selection():
        take_originals(db)
    drop_revisits_of_hidden(db)
    count = int(db.execute("SELECT count(*) FROM taken").fetchone()[0])
    if not count:
        raise QueryError(f"{choice}: no capture is chosen, and a WACZ needs one; `muragat search` shows what is found")
    with _Package(file, now) as package:
        _copy_records(db, directory, package, f"selection-{now.astimezone(UTC):%Y%m%d%H%M%S}.warc.gz")
        _write_index(package, lines_placed(db))
        with package.entry("pages/pages.jsonl", deflate=True) as add:
            for page in _pages(db, choice):
                add(json.dumps(page, ensure_ascii=False).encode() + b"\n")
        package.describe(_about(db, directory, choice, now))
    return count


class _Package:
    """A zip in the making, and what its datapackage.json must say of each entry."""

    def __init__(self, file: BinaryIO, now: datetime) -> None:
        self._zip = zipfile.ZipFile(file, "w")
        self._date = now.astimezone(UTC).timetuple()[:6]
        self._resources = list[dict[str, str | int]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Left open after an error, it would write its directory when Python collects it, to a file that is closed.
        with suppress(OSError, ValueError) if error else nullcontext():
            self._zip.close()

    @contextmanager
    def entry(self, path: str, *, deflate: bool = False) -> Iterator[Write]:
        """What adds bytes to one entry. WARCs and the index are stored: readers fetch parts of them."""
        about = zipfile.ZipInfo(path, self._date)
        about.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
        about.external_attr = 0o644 << 16
        digest, size = sha256(), 0
        with self._zip.open(about, "w", force_zip64=True) as entry:

            def add(piece: bytes) -> None:
                nonlocal size
                entry.write(piece)
                digest.update(piece)
                size += len(piece)

            yield add
        name = path.rpartition("/")[2].lower()
        self._resources.append({"name": name, "path": path, "hash": f"sha256:{digest.hexdigest()}", "bytes": size})

    def describe(self, about: dict[str, str]) -> None:
        """Write datapackage.json and its digest, when all else is written."""
        described = {"profile": "data-package", "wacz_version": WACZ_VERSION, **about, "resources": self._resources}
        package = json.dumps(described, ensure_ascii=False, indent=2).encode()
        digest = {"path": "datapackage.json", "hash": f"sha256:{sha256(package).hexdigest()}"}
        for path, content in (("datapackage.json", package), ("datapackage-digest.json", json.dumps(digest).encode())):
            with self.entry(path, deflate=True) as add:
                add(content)


# ---------------------------------------------------------------- records


def _copy_records(db: Database, directory: ArchiveDir, package: _Package, rest: str) -> None:
    """Copy what `taken` names, and note in `placed` where to."""
    db.execute("CREATE TEMP TABLE placed (warc TEXT, offset INTEGER, name TEXT, place INTEGER)")
    # Records without rows, in which other tools keep the text of pages (urn:text:…), could tell of a hidden one.
    files = db.execute(
        "SELECT warc, count(*), (SELECT count(*) FROM captures c WHERE c.warc = t.warc), w.indexed_to,"
        " coalesce(r.software LIKE 'muragat/%', 0) OR NOT EXISTS (SELECT 1 FROM withdrawn)"
        " FROM taken t LEFT JOIN warcs w ON w.filename = t.warc LEFT JOIN crawls r ON r.name = w.crawl"
        " GROUP BY warc ORDER BY warc"
    ).fetchall()
    whole = {warc: end for warc, taken, held, end, tells_nothing in files if taken == held and end and tells_nothing}
    for warc, end in whole.items():
        with open_warc(directory.warcs, warc) as file, package.entry(f"archive/{warc}") as add:
            _copy(file, warc, 0, end, add)
        db.execute("INSERT INTO placed SELECT warc, offset, warc, offset FROM taken WHERE warc = ?", [warc])
    parts = [warc for warc, *_ in files if warc not in whole]
    if parts:
        with package.entry(f"archive/{rest}") as add:
            place = 0
            for warc in parts:
                with open_warc(directory.warcs, warc) as file:
                    place = _copy_some(db, file, warc, add, rest, place)


def _copy_some(db: Database, file: BinaryIO, warc: str, add: Write, name: str, place: int) -> int:
    """Copy a file's warcinfo and its records in `taken`, each with its request; the place behind them."""
    first = _member_at(file, warc, 0, "warcinfo")
    if first:
        place += _copy(file, warc, 0, first, add)
    wanted = db.execute(
        "SELECT c.offset, c.length FROM taken t JOIN captures c ON c.warc = t.warc AND c.offset = t.offset"
        " WHERE t.warc = ? ORDER BY c.offset",
        [warc],
    ).fetchall()
    for offset, length in wanted:
        db.execute("INSERT INTO placed VALUES (?, ?, ?, ?)", [warc, offset, name, place])
        request = _member_at(file, warc, offset + length, "request")
        place += _copy(file, warc, offset, length + request, add)
    return place


def _copy(file: BinaryIO, warc: str, offset: int, length: int, add: Write) -> int:
    file.seek(offset)
    left = length
    while left:
        piece = file.read(min(_COPY_BYTES, left))
        if not piece:
            raise WarcReadError(warc, offset, "the file ends early; `muragat verify` says what is wrong")
        add(piece)
        left -= len(piece)
    return length


def _member_at(file: BinaryIO, warc: str, offset: int, kind: str) -> int:
    """The length of the member at an offset when it is a record of that kind; else 0."""
    file.seek(offset)
    try:
        content = zlib.decompressobj(31).decompress(file.read(_HEAD_BYTES), _HEAD_BYTES)
    except zlib.error:
        return 0
    head = RECORD_HEAD_END.split(content, maxsplit=1)[0].lower()
    if not any(line.split() == [b"warc-type:", kind.encode()] for line in head.splitlines()):
        return 0
    member = next(iter(members(file, warc, start=offset)), None)
    return member.length if isinstance(member, Member) else 0


# ---------------------------------------------------------------- what pages need


def _take_requisites(db: Database, directory: ArchiveDir) -> None:
    """Add to `taken` what its pages and styles show, each as captured nearest to the page; and what redirects to it."""
    read = 0
    while True:
        rows = db.execute(
            "SELECT t.number, c.warc, c.offset, c.url, c.captured_at, c.content_type, c.location, c.record_type"
            " FROM taken t JOIN captures c ON c.warc = t.warc AND c.offset = t.offset"
            " WHERE t.number > ? ORDER BY t.number LIMIT 100",
            [read],
        ).fetchall()
        if not rows:
            return
        for number, warc, offset, url, captured_at, content_type, location, record_type in rows:
            read = number
            if location:
                needed = requisites(f"url({location})", url=url, is_css=True)
            elif record_type in ("response", "resource") and content_type in ("text/html", "text/css"):
                needed = _needed(db, directory, warc, offset)
            else:
                continue
            for address in needed:
                _take_nearest(db, address, str(captured_at))


def _needed(db: Database, directory: ArchiveDir, warc: str, offset: int) -> list[str]:
    capture = load_capture(db, warc, offset)
    try:
        text = read_payload(directory.warcs, capture).decoded().decode("utf-8", "replace")
    except MuragatError:  # a coding that nobody reads, a damaged record: it is copied as it is
        return []
    return requisites(text, url=capture.url, is_css=capture.content_type == "text/css")


def _take_nearest(db: Database, address: str, captured_at: str) -> None:
    db.execute(
        "INSERT OR IGNORE INTO taken (warc, offset) SELECT warc, offset FROM captures WHERE urlkey = ?"
        " AND urlkey NOT IN withdrawn AND record_type <> ? AND status < 400 AND status <> 304"
        " ORDER BY abs(julianday(captured_at) - julianday(?)), warc, offset LIMIT 1",
        [urlkey(address), RecordType.METADATA, captured_at],
    )


# ---------------------------------------------------------------- index and pages


def _write_index(package: _Package, lines: Iterable[bytes]) -> None:
    """index.cdx.gz, a gzip member to every `_LINES` lines, and index.idx, which says where each begins."""
    name, place = "index.cdx.gz", 0
    about = {"format": "cdxj-gzip-1.0", "filename": name}
    idx = [f"!meta 0 {json.dumps(about)}\n"]
    source = iter(lines)
    with package.entry(f"indexes/{name}") as add:
        while block := list(islice(source, _LINES)):
            deflate = zlib.compressobj(wbits=31)
            packed = deflate.compress(b"".join(block)) + deflate.flush()
            add(packed)
            digest = f"sha256:{sha256(packed).hexdigest()}"
            at = json.dumps({"offset": place, "length": len(packed), "digest": digest, "filename": name})
            idx.append(f"{block[0].partition(b' {')[0].decode()} {at}\n")
            place += len(packed)
    with package.entry("indexes/index.idx", deflate=True) as add:
        add("".join(idx).encode())


def _pages(db: Database, choice: Selection) -> Iterator[dict[str, str | bool]]:
    """The head of pages.jsonl, then every wording of the chosen articles, at the first capture taken that shows it."""
    yield {"format": "json-pages-1.0", "id": "pages", "title": f"Articles: {choice}", "hasText": True}
    rows = db.execute(
        "SELECT v.id, c.url, min(c.captured_at), v.title, v.lead, v.text FROM chosen"
        " JOIN versions v ON v.article = chosen.urlkey JOIN captures c ON c.version = v.id"
        " JOIN taken t ON t.warc = c.warc AND t.offset = c.offset GROUP BY v.id"
        " ORDER BY chosen.place, v.seen_from, v.id"
    )
    for identity, url, captured_at, title, lead, text in rows:
        said = with_lead(lead, text)
        yield {"id": f"{identity:016x}", "url": url, "ts": f"{captured_at[:19]}Z", "title": title, "text": said}


def _about(db: Database, directory: ArchiveDir, choice: Selection, now: datetime) -> dict[str, str]:
    """What datapackage.json says of the whole: names no folder of this machine."""
    titles = {site.name: site.title for site in directory.all_sites()}
    held = [row[0] for row in db.execute("SELECT DISTINCT a.site FROM chosen JOIN articles a ON a.id = chosen.id")]
    names = ", ".join(sorted(titles.get(name) or name for name in held if name)) or "Web archive"
    about = {
        "title": names if str(choice) == "everything" else f"{names}: {choice}",
        "description": f"Chosen: {choice}. Records as captured, byte for byte; pages.jsonl holds the articles' text.",
        "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "software": _software(),
    }
    front = db.execute(
        "SELECT c.url, c.captured_at FROM taken t JOIN captures c ON c.warc = t.warc AND c.offset = t.offset"
        " WHERE c.kind = 'home' ORDER BY length(c.urlkey), c.urlkey, c.captured_at DESC LIMIT 1"
    ).fetchone()
    return about | ({"mainPageUrl": front[0], "mainPageDate": f"{front[1][:19]}Z"} if front else {})


def _software() -> str:
    try:
        return f"muragat {version('muragat')}"
    except PackageNotFoundError:
        return "muragat"

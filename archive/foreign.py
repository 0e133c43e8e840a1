"""Files by other tools, record by record: WARC in gzip of any cut, plain or in zstd, ARC, and the WARCs in a WACZ.

Whatever the container, each record comes out as one WARC record's bytes, with the place it came from; what cannot be
read comes out as a `WarcReadError` with its offset, and what follows it is read. ARC after the Internet Archive's
format reference (1996), WACZ 1.1.1, zstd after iipc/warc-specifications. Nothing is written here.
"""

from __future__ import annotations

import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import NAMESPACE_URL, uuid5

from archive.errors import WarcReadError
from archive.warc import (
    HEAD_LIMIT_BYTES,
    RECORD_HEAD_END,
    digest_of,
    next_member,
    parse_head,
    split_response,
    warc_date,
)

RECORD_LIMIT_BYTES = 512 << 20  # a longer record is named and left where it is: it would have to fit into memory
_SKIP_LIMIT_BYTES = 1 << 30  # junk after which nobody looks for one more record
_NEWLINES_LIMIT = 16  # behind a record: four by the standard
_LINE_LIMIT_BYTES = 64 << 10  # of an ARC record's head
_READ_BYTES = 256 << 10
_DICTIONARY_LIMIT_BYTES = 64 << 20
_TRIES_LIMIT = 1000  # behind a damaged zstd frame: four bytes that look like the next one and are not

# How a frame, the frame that holds a dictionary, and a dictionary that was trained begin.
_ZSTD_FRAME, _ZSTD_DICTIONARY, _ZSTD_TRAINED = b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18", b"\x37\xa4\x30\xec"


class Container(StrEnum):
    """What a file is, by its first bytes: names lie."""

    WARC = "WARC"
    WARC_GZIP = "WARC in gzip"
    WARC_ZSTD = "WARC in zstd"
    ARC = "ARC"
    ARC_GZIP = "ARC in gzip"
    WACZ = "WACZ"

    @property
    def is_arc(self) -> bool:
        """Whether its records are ARC's."""
        return self in (Container.ARC, Container.ARC_GZIP)


@dataclass(frozen=True, slots=True)
class Foreign:
    """One record: head and block as they were (made up for an ARC's), without the empty lines that follow it."""

    offset: int  # in the source: of the record, or of the gzip member or zstd frame that holds it
    content: bytes


@dataclass(frozen=True, slots=True)
class Untidy:
    """A gzip member that holds its record otherwise than ours do: it goes on in others, or lies far from its ends."""

    offset: int


def container_of(file: BinaryIO, name: str) -> Container:
    """What a file is. Raises WarcReadError for what we cannot read."""
    file.seek(0)
    start = file.read(4096)
    if start.startswith(b"PK\x03\x04"):
        return Container.WACZ
    if start.startswith((_ZSTD_FRAME, _ZSTD_DICTIONARY)):
        return Container.WARC_ZSTD
    if start.startswith(b"\x1f\x8b"):
        inside = b""
        with suppress(zlib.error):
            inside = zlib.decompressobj(31).decompress(start, 64)
        found, wrapped = _by_text(inside), True
    else:
        found, wrapped = _by_text(start), False
    if found is None:
        what = "is empty" if not start else "begins like no WARC, ARC or WACZ"
        raise WarcReadError(name, 0, f"the file {what}; nothing of it was imported")
    if wrapped:
        return Container.ARC_GZIP if found is Container.ARC else Container.WARC_GZIP
    return found


def _by_text(start: bytes) -> Container | None:
    start = start.lstrip(b"\r\n")
    if start.startswith(b"WARC/"):
        return Container.WARC
    return Container.ARC if start.startswith(b"filedesc:") else None


def records(
    file: BinaryIO, name: str, container: Container, *, seed: str
) -> Iterator[Foreign | Untidy | WarcReadError]:
    """The records of one file, and what is damaged in it. `seed` makes the record ids that an ARC's records lack.

    Raises WarcReadError where nothing of the file can be read.
    """
    split = _split_arc if container.is_arc else _split_warc
    for run in _runs(file, name, container):
        buffer = _Buffer(run)
        yield from split(buffer, name, seed)
        if buffer.broken:
            yield buffer.broken
        if run.joined or buffer.untidy:
            yield Untidy(run.offset)


# ---------------------------------------------------------------- compression undone


@dataclass
class _Run:
    """A stretch of records, read without a break."""

    offset: int
    pieces: Iterator[bytes]
    plain: bool = False  # offsets inside it are the file's own
    joined: bool = False  # of several gzip members


def _runs(file: BinaryIO, name: str, container: Container) -> Iterator[_Run]:
    if container in (Container.WARC, Container.ARC):
        file.seek(0)
        yield _Run(0, iter(lambda: file.read(_READ_BYTES), b""), plain=True)
    else:
        begins = _ARC_BEGINS if container.is_arc else (b"WARC/",)
        zstd = container is Container.WARC_ZSTD
        reader = _ZstdReader(file, name) if zstd else _GzipReader(file, name, begins)
        while not reader.ended:
            run = _Run(reader.offset, iter(()))
            run.pieces = reader.read(run)
            yield run
            reader.finish()


_ARC_BEGINS = (b"filedesc:", b"http:", b"https:", b"ftp:", b"dns:")


class _GzipReader:
    """Gzip members. Those that do not begin with a record go on where the one before them ended."""

    def __init__(self, file: BinaryIO, name: str, begins: tuple[bytes, ...]) -> None:
        self.offset = 0  # where the next run begins
        self.ended = False
        self._file, self._name, self._begins = file, name, begins
        self._done = True

    def read(self, run: _Run) -> Iterator[bytes]:
        """The content of one member, and of those that only continue it. Raises WarcReadError where it is damaged."""
        self._done, begun = False, self.offset
        while True:
            yield from self._member()
            if not self._continues():
                break
            run.joined = True
        self._done = self.offset > begun

    def finish(self) -> None:
        """Go to the next member, also when the run was left or broke."""
        if not self._done:
            found = next_member(self._file, self.offset + 1, begins=self._begins)
            self.ended, self.offset = found is None, found or self.offset

    def _member(self) -> Iterator[bytes]:
        self._file.seek(self.offset)
        # One piece is held back: what comes right before damage, or fails the checksum, is not handed on.
        inflate, used, held = zlib.decompressobj(31), 0, b""
        while not inflate.eof:
            if not (window := self._file.read(_READ_BYTES)):
                yield held
                raise WarcReadError(self._name, self.offset, "the gzip member that begins here does not end: cut off")
            try:
                while window and not inflate.eof:
                    if content := inflate.decompress(window, _READ_BYTES):
                        if held:
                            yield held
                        held = content
                    # At a member's end zlib names what follows it in both.
                    rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                    used, window = used + len(window) - len(rest), rest
            except zlib.error as error:
                raise WarcReadError(self._name, self.offset, f"damaged gzip member ({error})") from error
        self.offset += used
        yield held

    def _continues(self) -> bool:
        """Whether another member follows that does not begin with a record of its own."""
        self._file.seek(self.offset)
        start = self._file.read(4096)
        if not start:
            self.ended = True
            return False
        content = b""
        with suppress(zlib.error):
            content = zlib.decompressobj(31).decompress(start, 256)
        return bool(content) and not content.lstrip(b"\r\n").startswith(self._begins)


class _ZstdReader:
    """Zstd frames: one stretch up to where one is damaged, the next from the frame behind it.

    A dictionary, where the file has one, is its first frame. Raises WarcReadError where nothing can be read at all.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        try:
            if sys.version_info >= (3, 14):
                import compression.zstd as zstd
            else:
                import backports.zstd as zstd
        except ImportError as error:  # a plain install has it, but a Python 3.14 may be built without
            needed = "a Python built with zstd" if sys.version_info >= (3, 14) else "`pip install backports.zstd`"
            raise WarcReadError(name, 0, f"reading zstd needs {needed}; or undo it with `zstd -d`") from error
        self.ended = False
        self._file, self._name = file, name
        try:
            raw = _zstd_dictionary(file)
            if raw.startswith(_ZSTD_FRAME):
                raw = zstd.ZstdDecompressor().decompress(raw, _DICTIONARY_LIMIT_BYTES)
            dictionary = zstd.ZstdDict(raw, is_raw=not raw.startswith(_ZSTD_TRAINED)) if raw else None
        except (zstd.ZstdError, ValueError) as error:
            raise WarcReadError(name, 0, f"the zstd dictionary at its start cannot be read ({error})") from error
        self.offset = file.tell()  # where the frame begins that is read now, or next
        self._frame, self._error = partial(zstd.ZstdDecompressor, dictionary), zstd.ZstdError

    def read(self, run: _Run) -> Iterator[bytes]:
        """The content of the frames to the end of the file. Raises WarcReadError where one is damaged."""
        self._file.seek(self.offset)
        # One piece is held back, as of gzip: what fails the checksum is not handed on.
        frame, window, held = self._frame(), b"", b""
        try:
            while window or (window := self._file.read(_READ_BYTES)):
                if content := frame.decompress(window, _READ_BYTES):
                    yield held
                    held = content
                window = b""
                while not frame.eof and not frame.needs_input:
                    yield held
                    held = frame.decompress(b"", _READ_BYTES)
                if frame.eof:
                    yield held
                    window, held = frame.unused_data, b""
                    self.offset, frame = self._file.tell() - len(window), self._frame()
        except self._error as error:
            raise WarcReadError(self._name, self.offset, f"damaged zstd frame ({error})") from error
        yield held
        self.ended = True
        if self.offset != self._file.tell():
            raise WarcReadError(self._name, self.offset, "the zstd frame that begins here does not end: cut off")

    def finish(self) -> None:
        """Go behind the frame that was damaged, to the next one that begins with a record."""
        place, tries = self.offset + 1, 0
        while not self.ended:
            self._file.seek(place)
            window = self._file.read(_READ_BYTES)
            found = window.find(_ZSTD_FRAME)
            if found >= 0 and self._begins(place + found):
                self.offset = place + found
                return
            tries += found >= 0
            self.ended = len(window) < len(_ZSTD_FRAME) or tries == _TRIES_LIMIT
            place += found + 1 if found >= 0 else len(window) - len(_ZSTD_FRAME) + 1

    def _begins(self, place: int) -> bool:
        self._file.seek(place)
        with suppress(self._error):
            return self._frame().decompress(self._file.read(_READ_BYTES), 64).lstrip(b"\r\n").startswith(b"WARC/")
        return False


def _zstd_dictionary(file: BinaryIO) -> bytes:
    """What the skippable frame of a dictionary holds, which may be packed itself; b"" where the file has none."""
    file.seek(0)
    start = file.read(8)
    if start[:4] != _ZSTD_DICTIONARY:
        file.seek(0)
        return b""
    size = struct.unpack("<I", start[4:])[0] if len(start) == 8 else 0
    if size > _DICTIONARY_LIMIT_BYTES:
        raise ValueError(f"{size} bytes")
    return file.read(size)


class _Buffer:
    """The bytes of a run that are looked at, and where they came from."""

    def __init__(self, run: _Run) -> None:
        self.held = bytearray()
        self._run, self._taken, self._newlines = run, 0, 0
        self.untidy = False
        self.broken: WarcReadError | None = None  # the compression broke off, behind what is held

    @property
    def place(self) -> int:
        """Offset in the file of what comes next: exact in a plain file, of the compressed stretch otherwise."""
        return self._run.offset + (self._taken if self._run.plain else 0)

    def fill(self, size: int) -> bool:
        """Whether there are `size` bytes to look at."""
        while len(self.held) < size:
            try:
                piece = next(self._run.pieces, None)
            except WarcReadError as error:
                self.broken, piece = error, None
            if piece is None:
                return False
            self.held += piece
        return True

    def find(self, pattern: re.Pattern[bytes], limit: int) -> re.Match[bytes] | None:
        """The pattern's first place within `limit` bytes."""
        size = 4096
        while True:
            size = min(size * 4, limit)
            more = self.fill(size)
            found = pattern.search(self.held, 0, size)
            if found or size == limit or not more:
                return found

    def take(self, size: int) -> bytes:
        """The next bytes, no longer held."""
        taken = bytes(memoryview(self.held)[:size])
        del self.held[:size]
        self._taken += len(taken)
        return taken

    def pass_over(self, size: int) -> bool:
        """Leave out the next bytes without holding them; whether they were all there."""
        while size:
            if not self.fill(1):
                return False
            size -= len(self.take(min(size, len(self.held))))
        return True

    def pass_newlines(self) -> bool:
        """Leave out line ends; whether anything follows them."""
        while self.fill(1):
            end = len(self.held) - len(self.held.lstrip(b"\r\n"))
            self._newlines += end
            self.untidy |= end > 0 and (self._taken == 0 or self._newlines > _NEWLINES_LIMIT)
            self.take(end)
            if self.held:
                return True
        return False

    def pass_to(self, pattern: re.Pattern[bytes]) -> int:
        """Leave out what comes before the next match behind the first byte, or everything; how many bytes that were."""
        passed = 0
        while passed < _SKIP_LIMIT_BYTES and self.fill(1):
            more = self.fill(_LINE_LIMIT_BYTES * 4)
            if found := pattern.search(self.held, 1):
                return passed + len(self.take(found.start()))
            # What may be the beginning of a match stays, while something follows it.
            passed += len(self.take(len(self.held) - (_LINE_LIMIT_BYTES if more else 0)))
        return passed


# ---------------------------------------------------------------- WARC

_NEXT_WARC = re.compile(rb"(?<=\n)WARC/[01]\.\d\d?\r?\n")
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r{0,2}$", re.IGNORECASE | re.MULTILINE)


def _split_warc(buffer: _Buffer, name: str, seed: str) -> Iterator[Foreign | WarcReadError]:
    while buffer.pass_newlines():
        place = buffer.place
        buffer.fill(5)  # "WARC/"
        head = buffer.find(RECORD_HEAD_END, HEAD_LIMIT_BYTES) if buffer.held.startswith(b"WARC/") else None
        if not head and buffer.broken and buffer.held.startswith(b"WARC/"):
            return
        length = _LENGTH.search(buffer.held, 0, head.end()) if head else None
        if not head or not length:
            why = "no WARC record begins here" if not head else "a record without Content-Length"
            yield WarcReadError(name, place, f"{why}; {buffer.pass_to(_NEXT_WARC)} bytes passed over")
            continue
        stated = int(length[1])
        size = head.end() + stated
        if stated > RECORD_LIMIT_BYTES:
            whole = buffer.pass_over(size)
            much = f"a record of {stated} bytes, more than {RECORD_LIMIT_BYTES}"
            yield WarcReadError(name, place, f"{much}: it stays in the original" if whole else f"{much}, and cut off")
            continue
        if not buffer.fill(size):
            there = len(buffer.held) - head.end()
            if not buffer.broken:  # else that is what cut it off
                yield WarcReadError(name, place, f"a record cut off: {there} of {stated} bytes are there")
            return
        yield Foreign(place, buffer.take(size))


# ---------------------------------------------------------------- ARC

# URL, IP address, date, media type, length; ARC 2 has five more between the last two. URLs hold spaces, now and then.
_ARC_HEAD = re.compile(
    rb"(?P<url>[A-Za-z][A-Za-z0-9+.-]*:[^\r\n]*?) (?P<ip>\S+) (?P<date>\d{8,14}) (?P<mime>\S+)"
    rb"(?: \S+ \S+ \S+ \d+ \S+)? (?P<length>\d{1,15})\r?\n"
)
_NEXT_ARC = re.compile(rb"(?<=\n)[a-z]{3,8}:[^\r\n]{1,8192}\n")
_LINE = re.compile(rb"\n")


def _split_arc(buffer: _Buffer, name: str, seed: str) -> Iterator[Foreign | WarcReadError]:
    number = 0
    while buffer.pass_newlines():
        place, line = buffer.place, buffer.find(_LINE, _LINE_LIMIT_BYTES)
        head = _ARC_HEAD.fullmatch(buffer.held, 0, line.end()) if line else None
        captured_at = _arc_date(head["date"]) if head else None
        if not line or not head or not captured_at:
            shown = bytes(buffer.held[:80]).split(b"\n")[0].decode("latin-1")
            passed = buffer.pass_to(_NEXT_ARC)
            yield WarcReadError(name, place, f"no head of an ARC record ({shown!r}); {passed} bytes passed over")
            continue
        size = int(head["length"])
        if size > RECORD_LIMIT_BYTES:
            buffer.pass_over(line.end() + size)
            yield WarcReadError(name, place, f"a record of {size} bytes, more than {RECORD_LIMIT_BYTES}: left out")
            continue
        if not buffer.fill(line.end() + size):
            there = len(buffer.held) - line.end()
            if not buffer.broken:
                yield WarcReadError(name, place, f"a record cut off: {there} of {size} bytes are there")
            return
        block = bytes(buffer.held[line.end() : line.end() + size])
        number += 1
        record_id = f"<urn:uuid:{uuid5(NAMESPACE_URL, f'{seed}#{number}')}>"
        content = _as_warc(head, block, captured_at, record_id)
        buffer.take(line.end() + size)
        yield Foreign(place, content)


def _arc_date(digits: bytes) -> datetime | None:
    """14 digits; fewer name the first moment there is."""
    full = digits.decode() + "20000101000000"[len(digits) :]
    try:
        return datetime.strptime(full, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _as_warc(head: re.Match[bytes], block: bytes, captured_at: datetime, record_id: str) -> bytes:
    """An ARC record as WARC: a response where it holds HTTP, the file's own head as metadata, else a resource."""
    url = head["url"].decode("utf-8", "replace").replace(" ", "%20")
    media_type, fields = head["mime"].decode("latin-1"), [("WARC-Target-URI", url)]
    if url.startswith("filedesc:"):
        kind = "metadata"
    elif block[:5].upper() == b"HTTP/":
        kind, media_type = "response", "application/http;msgtype=response"
    else:
        kind = "resource"
    address = head["ip"].decode("latin-1")
    if re.fullmatch(r"[0-9.]{7,15}|[0-9a-fA-F:]{3,39}", address) and address != "0.0.0.0":
        fields.append(("WARC-IP-Address", address))
    if kind == "response":
        top, body = split_response(block)
        if not parse_head(top).chunked:  # with chunk framing our digest is made when it is read
            fields.append(("WARC-Payload-Digest", digest_of(body)))
    lines = [("WARC-Type", kind), ("WARC-Record-ID", record_id), ("WARC-Date", warc_date(captured_at)), *fields]
    lines += [
        ("Content-Type", media_type),
        ("WARC-Block-Digest", digest_of(block)),
        ("Content-Length", str(len(block))),
    ]
    return ("WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n").encode() + block


# ---------------------------------------------------------------- WACZ

_ENTRY = re.compile(r"archive/(?:[^/\\]+/)*[^/\\]+\.(?:w?arc)(?:\.gz|\.zst)?", re.IGNORECASE)
_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 100  # WARCs in gzip shrink no more; plain ones by 10 at most
_ENTRIES_LIMIT = 10_000


def wacz_entries(path: Path, name: str) -> list[zipfile.ZipInfo | WarcReadError]:
    """The WARCs in a WACZ, by name, and those refused: whose path leaves it, whose size is a bomb's."""
    try:
        with zipfile.ZipFile(path) as package:
            inside = sorted(package.infolist(), key=lambda entry: entry.filename)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WarcReadError(name, 0, f"a zip that cannot be read ({error}); nothing of it was imported") from error
    found = list[zipfile.ZipInfo | WarcReadError]()
    for entry in inside:
        if entry.is_dir() or not entry.filename.lower().endswith((".warc", ".warc.gz", ".warc.zst", ".arc", ".arc.gz")):
            continue
        refusal = _refusal(entry)
        found.append(WarcReadError(name, entry.header_offset, f"{entry.filename!r} {refusal}") if refusal else entry)
    if not found or len(found) > _ENTRIES_LIMIT:
        what = f"{len(found)} WARCs, more than any WACZ" if found else "no WARC under archive/: this is no WACZ"
        raise WarcReadError(name, 0, f"the zip holds {what}; nothing of it was imported")
    return found


def _refusal(entry: zipfile.ZipInfo) -> str | None:
    parts = entry.filename.split("/")
    if ".." in parts or "." in parts or "\\" in entry.orig_filename or entry.filename.startswith("/"):
        return "is a path that leaves the WACZ: refused"
    if not _ENTRY.fullmatch(entry.filename):
        return "does not lie under archive/: left out"
    if entry.flag_bits & 1:
        return "is encrypted: left out"
    if entry.file_size > _BOMB_BYTES and entry.file_size > _BOMB_RATIO * entry.compress_size:
        return f"would grow from {entry.compress_size} to {entry.file_size} bytes: refused"
    return None


def unpack(path: Path, entry: zipfile.ZipInfo, name: str, write: Callable[[bytes], object]) -> None:
    """Hand the bytes of one WARC in a WACZ to `write`, no more than its entry says. Raises WarcReadError."""
    left = entry.file_size
    try:
        with zipfile.ZipFile(path) as package, package.open(entry) as file:
            for piece in iter(lambda: file.read(_READ_BYTES), b""):
                left -= len(piece)
                if left < 0:
                    raise zipfile.BadZipFile("it is longer than its entry says")
                write(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise WarcReadError(name, entry.header_offset, f"{entry.filename!r} cannot be unpacked ({error})") from error

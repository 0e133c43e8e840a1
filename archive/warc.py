"""WARC files: written lean, read member by member.  WARC/1.1 (ISO 28500:2017), one gzip member per record.

Writing composes each record's head by hand and hands the file one finished exchange at a time, so that a reader who
follows an open file sees whole exchanges or nothing; reading finds the members itself, so that a torn tail is known
from a whole record, and leaves the head of each record to warcio.
"""

from __future__ import annotations

import os
import re
import zlib
from base64 import b32encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1, sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from isal import isal_zlib
from warcio.recordloader import ArcWarcRecordLoader

from archive.errors import WarcReadError, WarcWriteError
from archive.model import Capture, Exchange, Payload, RecordType
from archive.surt import urlkey

IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
CRAWL_URI = "urn:muragat:crawl:"  # target of the metadata record that ends a crawl

# isal's level 1: a tenth of zlib-6's time for 11 % more bytes, and bodies mostly arrive compressed (design: speed).
_LEVEL = 1
_READ_BYTES = 256 * 1024
_PEEK_BYTES = 4096  # enough of a gzip member to read how its content begins


@dataclass(frozen=True, slots=True)
class Original:
    """The capture that already holds a payload: what a revisit refers to."""

    url: str
    captured_at: datetime
    chunked: bool  # its transfer coding: a revisit's head must frame the body that replay joins to it


class WarcWriter:
    """One WARC file being written: `NAME.open` until `close()`, then NAME.

    Each `write_…` puts whole records into the file or, on an error, nothing: what was half written is cut off again and
    `WarcWriteError` raised. Nothing is buffered here; `sync()` asks the disk.
    """

    def __init__(self, path: Path, *, info: Mapping[str, str], now: datetime) -> None:
        self.path = path
        self.name = path.name
        self.open_path = path.with_name(path.name + ".open")
        self.size = 0
        self.captures = 0
        self.revisits = 0
        self._sha256 = sha256()
        if path.exists():
            raise WarcWriteError(path.name, 0, "this name is taken; WARC names are never used twice")
        try:
            self._file = self.open_path.open("xb", buffering=0)
        except OSError as error:
            raise WarcWriteError(path.name, 0, f"cannot be made: {error.strerror}") from error
        self._info_id = _record_id()
        fields = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in info.items() if value)
        head = [("WARC-Type", "warcinfo"), ("WARC-Record-ID", self._info_id), ("WARC-Date", warc_date(now))]
        head += [("WARC-Filename", path.name), ("Content-Type", "application/warc-fields")]
        try:
            self._append(_member(head, fields.encode()))
        except WarcWriteError:
            self._file.close()
            self.open_path.unlink()  # nothing is in it, and nothing can be
            raise

    def write_exchange(self, exchange: Exchange, *, original: Original | None = None) -> Capture:
        """Keep an exchange: response and request, or revisit and request when `original` holds the payload."""
        head, body = split_response(exchange.response)
        http = parse_head(head)
        payload = dechunk(body) if http.chunked else body
        digest = digest_of(payload)
        revisit = http.status == 304 or (original is not None and original.chunked == http.chunked)
        block = head if revisit else exchange.response

        record_id = _record_id()
        date = warc_date(exchange.captured_at)
        common = [("WARC-Date", date), ("WARC-Target-URI", exchange.url), ("WARC-Warcinfo-ID", self._info_id)]
        if exchange.ip_address:
            common.append(("WARC-IP-Address", exchange.ip_address))
        common.append(("WARC-Protocol", http.protocol))

        first = [("WARC-Type", "revisit" if revisit else "response"), ("WARC-Record-ID", record_id), *common]
        if exchange.truncated:
            first.append(("WARC-Truncated", exchange.truncated))
        if revisit:
            first.append(("WARC-Profile", NOT_MODIFIED if http.status == 304 else IDENTICAL))
        if revisit and original:
            first.append(("WARC-Refers-To-Target-URI", original.url))
            first.append(("WARC-Refers-To-Date", warc_date(original.captured_at)))
        if http.status != 304:
            first.append(("WARC-Payload-Digest", digest))
        first.append(("Content-Type", "application/http;msgtype=response"))

        second = [("WARC-Type", "request"), ("WARC-Record-ID", _record_id()), *common]
        second += [("WARC-Concurrent-To", record_id), ("Content-Type", "application/http;msgtype=request")]

        answer = _member(first, block)
        offset = self._append(answer + _member(second, exchange.request))
        self.captures += 1
        self.revisits += revisit
        return Capture(
            url=exchange.url,
            urlkey=urlkey(exchange.url),
            captured_at=exchange.captured_at,
            status=http.status,
            content_type=http.media_type,
            payload_digest=digest,
            record_type=RecordType.REVISIT if revisit else RecordType.RESPONSE,
            warc=self.name,
            offset=offset,
            length=len(answer),
            refers_to_url=original.url if revisit and original else None,
            refers_to_at=original.captured_at if revisit and original else None,
            location=http.get("location"),
        )

    def write_failure(self, url: str, *, at: datetime, error: str) -> None:
        """Note a fetch that got no answer at all: "the site was gone that day" must be in the log too."""
        head = [("WARC-Type", "metadata"), ("WARC-Record-ID", _record_id()), ("WARC-Date", warc_date(at))]
        head += [
            ("WARC-Target-URI", url),
            ("WARC-Warcinfo-ID", self._info_id),
            ("Content-Type", "application/warc-fields"),
        ]
        self._append(_member(head, f"fetchError: {_one_line(error)}\r\n".encode()))

    def write_crawl_end(self, crawl: str, *, at: datetime, fields: Mapping[str, str]) -> None:
        """Note how a crawl ended: its reason and its counts."""
        head = [("WARC-Type", "metadata"), ("WARC-Record-ID", _record_id()), ("WARC-Date", warc_date(at))]
        head += [("WARC-Target-URI", CRAWL_URI + crawl), ("WARC-Warcinfo-ID", self._info_id)]
        head += [("Content-Type", "application/warc-fields")]
        self._append(
            _member(head, "".join(f"{name}: {_one_line(value)}\r\n" for name, value in fields.items()).encode())
        )

    def sync(self) -> None:
        """Return when what was written is on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise WarcWriteError(self.name, self.size, f"cannot be synced: {error.strerror}") from error

    def close(self) -> str:
        """Sync, drop `.open` from the name, and return the file's SHA-256 in hex."""
        self.sync()
        self._file.close()
        self.open_path.rename(self.path)
        _sync_folder(self.path.parent)
        return self._sha256.hexdigest()

    def _append(self, members: bytes) -> int:
        """Write whole members; the offset they begin at. On an error the file is cut back to where it was."""
        offset, rest = self.size, memoryview(members)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with suppress(OSError):  # a disk that refuses even this leaves a torn tail, which `repair` cuts off
                os.ftruncate(self._file.fileno(), offset)
                self._file.seek(offset)
            raise WarcWriteError(
                self.name, offset, f"cannot be written: {error.strerror}; make room, then crawl again"
            ) from error
        self._sha256.update(members)
        self.size += len(members)
        return offset


def _member(head: list[tuple[str, str]], block: bytes) -> bytes:
    """One record as one gzip member. isal writes MTIME 0, XFL 0 and OS 255 into every member's head."""
    lines = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in head)
    text = f"WARC/1.1\r\n{lines}WARC-Block-Digest: {digest_of(block)}\r\nContent-Length: {len(block)}\r\n\r\n"
    deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, 31)
    return bytes(
        deflate.compress(text.encode()) + deflate.compress(block) + deflate.compress(b"\r\n\r\n") + deflate.flush()
    )


def _record_id() -> str:
    return f"<urn:uuid:{uuid4()}>"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def warc_date(at: datetime) -> str:
    """`2026-11-23T11:33:09.421000Z` (WARC 1.1 §5.4); the form of every time in our rows as well."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_warc_date(text: str) -> datetime:
    """A WARC-Date of any precision that WARC 1.1 allows."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def digest_of(body: bytes) -> str:
    """`sha1:BASE32`, as every CDX holds it."""
    return "sha1:" + b32encode(sha1(body, usedforsecurity=False).digest()).decode()


# ---------------------------------------------------------------- HTTP as bytes


@dataclass(frozen=True, slots=True)
class HttpHead:
    """The head of a response, read as kindly as browsers do: LF alone, folded lines, Latin-1, no reason phrase."""

    status: int
    protocol: str  # "http/1.1" or "http/1.0"
    fields: tuple[tuple[str, str], ...]  # names in lower case, in the order sent

    def get(self, name: str) -> str | None:
        """The first field of that name."""
        return next((value for field, value in self.fields if field == name), None)

    @property
    def chunked(self) -> bool:
        """Whether the body lies in chunk framing (RFC 9112 §7.1)."""
        return "chunked" in (self.get("transfer-encoding") or "").lower()

    @property
    def media_type(self) -> str:
        """The Content-Type in lower case, without its parameters; "" when there is none."""
        return (self.get("content-type") or "").partition(";")[0].strip().lower()


_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_LINE = re.compile(rb"[ \t]{0,16}0*([0-9a-fA-F]{1,15})[ \t]{0,16}(?:;[^\n]*)?\r?\n")
_STATUS_LINE = re.compile(rb"(HTTP/\d\.\d)[ \t]+(\d{3})", re.IGNORECASE)


def split_response(response: bytes) -> tuple[bytes, bytes]:
    """Head (with the empty line that ends it) and body, as sent."""
    end = _HEAD_END.search(response)
    return (response[: end.end()], response[end.end() :]) if end else (response, b"")


def parse_head(head: bytes) -> HttpHead:
    """Status and fields. A status line that is none gives status 0."""
    first, _, rest = head.partition(b"\n")
    line = _STATUS_LINE.match(first)
    fields: list[tuple[str, str]] = []
    for raw in rest.split(b"\n"):
        text = raw.rstrip(b"\r").decode("latin-1")
        if text[:1] in (" ", "\t") and fields:  # folded: RFC 9112 §5.2
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text.strip()}")
        elif ":" in text:
            name, _, value = text.partition(":")
            fields.append((name.strip().lower(), value.strip()))
    return HttpHead(int(line[2]) if line else 0, (line[1] if line else b"HTTP/1.1").decode().lower(), tuple(fields))


def dechunk(body: bytes) -> bytes:
    """The body without chunk framing, extensions and trailers; of a body cut short, what had come."""
    out, position, framed = list[bytes](), 0, False
    while line := _CHUNK_LINE.match(body, position):
        framed, size = True, int(line[1], 16)
        if size == 0:
            break
        out.append(body[line.end() : line.end() + size])
        position = line.end() + size
        if body[position : position + 2] == b"\r\n":
            position += 2
        elif body[position : position + 1] == b"\n":
            position += 1
    # A body that never was chunked, whatever its head says, is kept as it is.
    return b"".join(out) if framed else body


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One exchange as read back: its capture, its payload where the record holds it, and where the record ends."""

    capture: Capture
    payload: Payload | None  # None for a revisit and for a fetch without answer
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlNote:
    """What a warcinfo record (`ended` false) or the metadata record at a crawl's end (true) says of the crawl."""

    crawl: str
    fields: Mapping[str, str]
    at: datetime
    ended: bool
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A stretch that cannot be read, up to the next member that can."""

    error: WarcReadError
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A record that stands beside an exchange (its request) or says nothing to us."""

    end: int


@dataclass(frozen=True, slots=True)
class Member:
    """One gzip member: where it lies and what it holds."""

    offset: int
    length: int
    content: bytes

    @property
    def end(self) -> int:
        """Offset of what follows."""
        return self.offset + self.length


def open_warc(folder: Path, name: str) -> BinaryIO:
    """Open a WARC by its final name, also while it is still being written, also in the moment it is renamed."""
    for path in (folder / name, folder / f"{name}.open", folder / name):
        try:
            return path.open("rb")
        except FileNotFoundError:
            continue
    raise WarcReadError(name, 0, f"the file is not in {folder}; restore it from a backup, or `muragat index --rebuild`")


def read_warc(folder: Path, name: str, *, start: int = 0) -> Iterator[Kept | CrawlNote | Damaged | Passed]:
    """What a WARC holds from `start` on, whole records only: a tail still being written ends the reading silently."""
    with open_warc(folder, name) as file:
        for member in members(file, name, start=start):
            if isinstance(member, Damaged):
                yield member
                continue
            try:
                read = _read_record(member, name)
            except WarcReadError as error:
                yield Damaged(error=error, end=member.end)
                continue
            yield read or Passed(end=member.end)


def read_payload(folder: Path, capture: Capture) -> Payload:
    """The payload of a response or resource record, from the place its row names."""
    with open_warc(folder, capture.warc) as file:
        member = next(iter(members(file, capture.warc, start=capture.offset)), None)
    if not isinstance(member, Member) or member.offset != capture.offset:
        raise WarcReadError(capture.warc, capture.offset, "no whole record here; `muragat verify` says what is wrong")
    read = _read_record(member, capture.warc)
    if not isinstance(read, Kept) or read.payload is None:
        raise WarcReadError(capture.warc, capture.offset, "this record holds no payload; `muragat index --rebuild`")
    return read.payload


def members(file: BinaryIO, name: str, *, start: int = 0, ended: bool | None = None) -> Iterator[Member | Damaged]:
    """The gzip members from `start` on. An unfinished one at the end is not yielded; a broken one is, as Damaged.

    `ended`: nobody writes to this file any more, so what begins after an unfinished member is no part of it. None: by
    the name under which the file was opened.
    """
    if ended is None:
        ended = not str(getattr(file, "name", "")).endswith(".open")
    file.seek(start)
    offset, window = start, b""
    while True:
        inflate, parts, used = zlib.decompressobj(31), list[bytes](), 0
        error: zlib.error | None = None
        while not inflate.eof:
            if not window and not (window := file.read(_READ_BYTES)):
                if ended and _next_member(file, offset + 1) is not None:
                    error = zlib.error("it does not end")
                    break
                return  # the end, or a member still being written
            try:
                parts.append(inflate.decompress(window))
            except zlib.error as wrong:
                error = wrong
                break
            used += len(window) - len(inflate.unused_data)
            window = inflate.unused_data
        if error:
            reason = WarcReadError(name, offset, f"damaged gzip member ({error}); what follows it is read")
            found = _next_member(file, offset + 1)
            yield Damaged(error=reason, end=found if found is not None else file.seek(0, os.SEEK_END))
            if found is None:
                return
            offset, window = found, b""
            file.seek(found)
            continue
        yield Member(offset, used, b"".join(parts))
        offset += used


def _next_member(file: BinaryIO, start: int) -> int | None:
    """Offset of the next thing that looks like a gzip member and begins like a WARC record."""
    position = start
    while True:
        file.seek(position)
        window = file.read(_READ_BYTES)
        at = window.find(b"\x1f\x8b\x08")
        while at >= 0:
            try:
                if zlib.decompressobj(31).decompress(window[at : at + _PEEK_BYTES], 5) == b"WARC/":
                    return position + at
            except zlib.error:
                pass
            at = window.find(b"\x1f\x8b\x08", at + 1)
        if len(window) < _READ_BYTES:
            return None
        position += len(window) - _PEEK_BYTES  # a member that begins at the window's end is seen whole in the next


def _read_record(member: Member, name: str) -> Kept | CrawlNote | None:
    """What one record says to us; None where it says nothing."""
    try:
        record = ArcWarcRecordLoader().parse_record_stream(
            BytesIO(member.content), known_format="warc", no_record_parse=True
        )
        header = record.rec_headers.get_header
        block: bytes = record.raw_stream.read()
        date = parse_warc_date(header("WARC-Date") or "")
    except Exception as error:  # warcio raises what it happens to meet; any of it means: this record cannot be read
        raise WarcReadError(name, member.offset, f"not a WARC record ({error}); it is skipped") from error
    if record.rec_type == "warcinfo":
        fields = _warc_fields(block)
        return CrawlNote(crawl=fields.get("isPartOf", ""), fields=fields, at=date, ended=False, end=member.end)
    url = header("WARC-Target-URI") or ""
    if record.rec_type == "metadata" and url.startswith(CRAWL_URI):
        fields = _warc_fields(block)
        return CrawlNote(crawl=url.removeprefix(CRAWL_URI), fields=fields, at=date, ended=True, end=member.end)
    if record.rec_type not in set(RecordType):
        return None
    record_type = RecordType(record.rec_type)
    failure = _warc_fields(block).get("fetchError") if record_type is RecordType.METADATA else None
    if record_type is RecordType.METADATA and failure is None:
        return None  # somebody else's metadata: about an exchange, not one
    http, body = None, block
    if record_type in (RecordType.RESPONSE, RecordType.REVISIT):
        head, body = split_response(block)
        http = parse_head(head)
        if http.chunked:
            body = dechunk(body)
    payload = None
    if record_type in (RecordType.RESPONSE, RecordType.RESOURCE):
        payload = Payload(
            body=body,
            content_type=(http.get("content-type") if http else header("Content-Type")) or "",
            content_encoding=(http.get("content-encoding") or "").lower() if http else "",
        )
    refers_to_at = header("WARC-Refers-To-Date")
    capture = Capture(
        url=url,
        urlkey=urlkey(url),
        captured_at=date,
        status=http.status if http else (200 if record_type is RecordType.RESOURCE else None),
        content_type=http.media_type if http else (header("Content-Type") or "").partition(";")[0].strip().lower(),
        payload_digest=header("WARC-Payload-Digest") or (digest_of(body) if payload else ""),
        record_type=record_type,
        warc=name,
        offset=member.offset,
        length=member.length,
        refers_to_url=header("WARC-Refers-To-Target-URI"),
        refers_to_at=parse_warc_date(refers_to_at) if refers_to_at else None,
        location=http.get("location") if http else None,
        error=failure,
    )
    return Kept(capture=capture, payload=payload, end=member.end)


def check_member(member: Member) -> list[str]:
    """What is wrong with one record: its head, length, block digest or payload digest; [] when it is whole."""
    try:
        record = ArcWarcRecordLoader().parse_record_stream(
            BytesIO(member.content), known_format="warc", no_record_parse=True
        )
        header = record.rec_headers.get_header
        block: bytes = record.raw_stream.read()
    except Exception as error:  # warcio raises what it happens to meet
        return [f"not a WARC record ({error})"]
    wrong = []
    if member.content[:9] != b"WARC/1.1\r" and member.content[:9] != b"WARC/1.0\r":
        wrong.append("the record's version line is damaged")
    if not member.content.endswith(block + b"\r\n\r\n"):
        wrong.append(f"Content-Length says {header('Content-Length')}, the record holds something else")
    if (stated := header("WARC-Block-Digest")) and stated != digest_of(block):
        wrong.append(f"block digest is {digest_of(block)}, the record says {stated}")
    stated = header("WARC-Payload-Digest")
    if stated and record.rec_type == "response":
        head, body = split_response(block)
        # Tools disagree whether chunk framing belongs to the payload; WARC 1.1 §6.3.2 says it does not.
        either = {digest_of(body), digest_of(dechunk(body))} if parse_head(head).chunked else {digest_of(body)}
        if stated not in either:
            wrong.append(f"payload digest is {digest_of(body)}, the record says {stated}")
    return wrong


def _warc_fields(block: bytes) -> dict[str, str]:
    """`name: value` lines (application/warc-fields)."""
    lines = (line.partition(":") for line in block.decode("utf-8", "replace").splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in lines}


def repair(folder: Path, name: str) -> int:
    """Cut a left-over `NAME.open` to its last whole record and close it; the number of bytes kept aside in `NAME.torn`.

    Appending to a torn member would lose the appended record for every reader, so a repaired file is closed for good.
    """
    open_path, end = folder / f"{name}.open", 0
    with open_path.open("rb") as file:
        for member in members(file, name, ended=True):
            if isinstance(member, Member):
                end = member.end
        torn = file.seek(0, os.SEEK_END) - end
        if torn:
            file.seek(end)
            (folder / f"{name}.torn").write_bytes(file.read())
    with open_path.open("r+b") as whole:
        whole.truncate(end)
        os.fsync(whole.fileno())
    open_path.rename(folder / name)
    _sync_folder(folder)
    return torn

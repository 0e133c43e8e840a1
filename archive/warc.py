"""WARC files: written lean, read member by member.  WARC/1.1 (ISO 28500:2017), one gzip member per record.

Writing composes each record's head by hand and hands the file one finished exchange at a time, so that a reader who
follows an open file sees whole exchanges or nothing; reading finds the members itself, so that a torn tail is known
from a whole record, and leaves the head of each record to warcio.
"""

from __future__ import annotations

import os
import re
import zlib
from base64 import b32encode, b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha1, sha256
from io import BytesIO
from itertools import chain
from pathlib import Path
from struct import pack
from typing import BinaryIO, Protocol
from uuid import uuid4

from isal import isal_zlib
from warcio.statusandheaders import StatusAndHeadersParser

from archive.errors import WarcReadError, WarcWriteError
from archive.model import Capture, Exchange, Payload, RecordType, Spooled, Tls
from archive.surt import urlkey

IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
CRAWL_URI = "urn:muragat:crawl:"  # target of the metadata record that ends a crawl
TLS_URI = "urn:muragat:tls:"  # and of the one that says how connections to a host were secured

GZIP_HEAD = bytes.fromhex("1f8b08000000000000ff")  # of every member we write: no name, MTIME 0, XFL 0, OS 255
_GZIP_MAGIC = GZIP_HEAD[:3]
# isal's level 1: a tenth of zlib-6's time for 11 % more bytes (design: speed).
_LEVEL = 1
# Of a body that is compressed already. Above 29,920 bytes the length before a block could itself read as gzip's magic.
_STORED_BYTES = 16 * 1024
_RECORD_END = b"\r\n\r\n"
_WRITE_BYTES = 1024 * 1024  # of a large record, held until they are written together
_READ_BYTES = 256 * 1024
_PEEK_BYTES = 4096  # enough of a gzip member to read how its content begins


@dataclass(frozen=True, slots=True)
class Answer:
    """A response taken apart, once for whoever decides how to keep it and whoever writes it."""

    head: bytes
    http: HttpHead
    has_body: bool
    payload_digest: str  # of the body without chunk framing

    @classmethod
    def of(cls, exchange: Exchange) -> Answer:
        """Reads a body that lies on disk once, in pieces."""
        head, body = split_response(exchange.response)
        http = parse_head(head)
        if exchange.body is not None:
            return cls(head, http, True, digest_of_pieces(payload_pieces(exchange.body, chunked=http.chunked)))
        return cls(head, http, bool(body), digest_of(dechunk(body) if http.chunked else body))


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
            self._append((_member(head, fields.encode()),))
        except WarcWriteError:
            self._file.close()
            self.open_path.unlink()  # nothing is in it, and nothing can be
            raise

    def write_exchange(
        self, exchange: Exchange, *, original: Original | None = None, answer: Answer | None = None
    ) -> Capture:
        """Keep an exchange: response and request, or revisit and request when `original` holds the payload.

        `answer` is the response taken apart, if the caller has done so already.
        """
        answer = answer or Answer.of(exchange)
        http = answer.http
        revisit = http.status == 304 or (original is not None and original.chunked == http.chunked)

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
            first.append(("WARC-Payload-Digest", answer.payload_digest))
        first.append(("Content-Type", "application/http;msgtype=response"))

        second = [("WARC-Type", "request"), ("WARC-Record-ID", _record_id()), *common]
        second += [("WARC-Concurrent-To", record_id), ("Content-Type", "application/http;msgtype=request")]

        length = 0

        def measured(pieces: Iterable[bytes]) -> Iterator[bytes]:
            nonlocal length
            for piece in pieces:
                length += len(piece)
                yield piece

        kept = (_member(first, answer.head),) if revisit else _response_member(first, exchange, answer)
        offset = self._append(chain(measured(kept), (_member(second, exchange.request),)))
        self.captures += 1
        self.revisits += revisit
        return Capture(
            url=exchange.url,
            urlkey=urlkey(exchange.url),
            captured_at=exchange.captured_at,
            status=http.status,
            content_type=http.media_type,
            payload_digest=answer.payload_digest,
            record_type=RecordType.REVISIT if revisit else RecordType.RESPONSE,
            warc=self.name,
            offset=offset,
            length=length,
            refers_to_url=original.url if revisit and original else None,
            refers_to_at=original.captured_at if revisit and original else None,
            location=http.get("location"),
            truncated=exchange.truncated,
        )

    def write_failure(self, url: str, *, at: datetime, error: str) -> None:
        """Note a fetch that got no answer at all: "the site was gone that day" must be in the log too."""
        head = [("WARC-Type", "metadata"), ("WARC-Record-ID", _record_id()), ("WARC-Date", warc_date(at))]
        head += [
            ("WARC-Target-URI", url),
            ("WARC-Warcinfo-ID", self._info_id),
            ("Content-Type", "application/warc-fields"),
        ]
        self._append((_member(head, f"fetchError: {_one_line(error)}\r\n".encode()),))

    def write_tls(self, host: str, tls: Tls, *, at: datetime, ip_address: str | None) -> None:
        """Note how connections to a host were secured, and with which certificates: who it was that answered."""
        head = [("WARC-Type", "metadata"), ("WARC-Record-ID", _record_id()), ("WARC-Date", warc_date(at))]
        head += [("WARC-Target-URI", TLS_URI + host), ("WARC-Warcinfo-ID", self._info_id)]
        if ip_address:
            head.append(("WARC-IP-Address", ip_address))
        head.append(("Content-Type", "application/warc-fields"))
        lines = [f"tlsVersion: {_one_line(tls.version)}", f"tlsCipher: {_one_line(tls.cipher)}"]
        lines += [f"certificate: {b64encode(certificate).decode()}" for certificate in tls.certificates]
        self._append((_member(head, "".join(f"{line}\r\n" for line in lines).encode()),))

    def write_crawl_end(self, crawl: str, *, at: datetime, fields: Mapping[str, str]) -> None:
        """Note how a crawl ended: its reason and its counts."""
        head = [("WARC-Type", "metadata"), ("WARC-Record-ID", _record_id()), ("WARC-Date", warc_date(at))]
        head += [("WARC-Target-URI", CRAWL_URI + crawl), ("WARC-Warcinfo-ID", self._info_id)]
        head += [("Content-Type", "application/warc-fields")]
        block = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in fields.items()).encode()
        self._append((_member(head, block),))

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
        sync_folder(self.path.parent)
        return self._sha256.hexdigest()

    def _append(self, pieces: Iterable[bytes]) -> int:
        """Write whole members; the offset they begin at. On an error the file is cut back to where it was."""
        offset, size, digest = self.size, self.size, self._sha256.copy()
        try:
            for piece in _together(pieces):
                rest = memoryview(piece)
                while rest:
                    rest = rest[self._file.write(rest) :]
                digest.update(piece)
                size += len(piece)
        except OSError as error:
            with suppress(OSError):  # a disk that refuses even this leaves a torn tail, which `repair` cuts off
                os.ftruncate(self._file.fileno(), offset)
                self._file.seek(offset)
            raise WarcWriteError(
                self.name, offset, f"cannot be written: {error.strerror}; make room, then crawl again"
            ) from error
        self._sha256, self.size = digest, size
        return offset


def _together(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: an exchange of ordinary size is one write, of which a reader sees all or none."""
    held, size = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _WRITE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _member(head: list[tuple[str, str]], block: bytes) -> bytes:
    """One record as one gzip member."""
    return compress_record(_record_head(head, digest=digest_of(block), length=len(block)) + block + _RECORD_END)


def _response_member(head: list[tuple[str, str]], exchange: Exchange, answer: Answer) -> Iterator[bytes]:
    """The same of a whole response, in pieces. A body on disk is read twice and more: the digest stands before it."""
    body = exchange.response[len(answer.head) :] if exchange.body is None else exchange.body
    digest = digest_of_pieces(chain((answer.head,), _windows(body)))
    record_head = _record_head(head, digest=digest, length=len(answer.head) + len(body))
    if answer.http.compressed and may_be_stored(body):
        return stored_member(record_head + answer.head, _windows(body))
    return _deflated(chain((record_head, answer.head), _windows(body), (_RECORD_END,)))


def _windows(body: bytes | Spooled) -> Iterable[bytes | memoryview]:
    return (body,) if isinstance(body, bytes) else body.windows()


def may_be_stored(body: bytes | Spooled) -> bool:
    """False of a body made of gzip's magic, each of which costs a block in `stored_member`."""
    magics = sum(bytes(window).count(_GZIP_MAGIC) for window in _windows(body))
    return magics <= 1 + len(body) // _STORED_BYTES


def _deflated(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """One gzip member. isal writes `GZIP_HEAD` before each."""
    deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, 31)
    for piece in pieces:
        yield deflate.compress(piece)
    yield deflate.flush()


def stored_member(start: bytes, body: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """One gzip member of a record whose body is compressed already: heads deflated, the body stored as it is.

    Deflating such a body again took a third of the time of writing it, and saved nothing. It lies in stored blocks
    (RFC 1951 §3.2.4), and each gzip magic in it is parted by a block's end: who looks for the next member behind a
    damaged one finds no record that somebody put into a body.
    """
    deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
    yield GZIP_HEAD + deflate.compress(start) + deflate.flush(isal_zlib.Z_SYNC_FLUSH)
    checksum, size = isal_zlib.crc32(start), len(start)
    for window in body:
        window = bytes(window)
        yield from _stored_blocks(window)
        checksum, size = isal_zlib.crc32(window, checksum), size + len(window)
    checksum, size = isal_zlib.crc32(_RECORD_END, checksum), size + len(_RECORD_END)
    yield _stored_head(len(_RECORD_END), last=True) + _RECORD_END + pack("<LL", checksum, size & 0xFFFFFFFF)


def _stored_blocks(window: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(window):
        end = min(start - start % _STORED_BYTES + _STORED_BYTES, len(window))
        magic = window.find(_GZIP_MAGIC, start, end)
        if magic >= 0:
            end = magic + 1
        yield _stored_head(end - start)
        yield window[start:end]
        start = end


def _stored_head(length: int, *, last: bool = False) -> bytes:
    return pack("<BHH", last, length, length ^ 0xFFFF)


def _record_head(head: list[tuple[str, str]], *, digest: str, length: int) -> bytes:
    lines = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in head)
    return f"WARC/1.1\r\n{lines}WARC-Block-Digest: {digest}\r\nContent-Length: {length}\r\n\r\n".encode()


class Inflater(Protocol):
    """What undoes one gzip member, piece by piece; `GzipError` where it is damaged."""

    eof: bool  # the member ended, its checksum and length were right
    unused_data: bytes  # of the last piece: what follows the member

    def decompress(self, piece: bytes, /) -> bytes: ...


GzipError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # isal's stub takes the class for an instance


def inflater() -> Inflater:
    """For one member. Three times as fast as zlib's on text; refuses what zlib's refuses."""
    inflate: Inflater = isal_zlib.decompressobj(31)
    return inflate


def _record_id() -> str:
    return f"<urn:uuid:{uuid4()}>"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def sync_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def warc_date(at: datetime) -> str:
    """`2026-11-23T11:33:09.421000Z` (WARC 1.1 §5.4); the form of every time in our rows as well."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_warc_date(text: str) -> datetime:
    """A WARC-Date of any precision that WARC 1.1 allows, from the year down; without a zone it is UTC."""
    text = text.strip().replace("Z", "+00:00")
    whole = f"{text}-01-01"[:10] if len(text) in (4, 7) else text  # a year, a month
    at = datetime.fromisoformat(whole)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def digest_of(body: bytes) -> str:
    """`sha1:BASE32`, as every CDX holds it."""
    return digest_of_pieces((body,))


def digest_of_pieces(pieces: Iterable[bytes | memoryview]) -> str:
    """The digest of bytes that come in pieces."""
    digest = sha1(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return "sha1:" + b32encode(digest.digest()).decode()


_SHA1 = re.compile(r"sha-?1:(?:([0-9a-f]{40})|([a-z2-7]{32})|([a-z0-9+/_-]{27})=?)", re.IGNORECASE)


def normal_digest(stated: str) -> str:
    """A digest as another tool wrote it, in our form where it is a SHA-1 (base 16, 32 or 64); else as it is."""
    found = _SHA1.fullmatch(stated.strip())
    if not found:
        return stated.strip()
    if found[2]:
        return "sha1:" + found[2].upper()
    raw = bytes.fromhex(found[1]) if found[1] else b64decode(found[3].replace("-", "+").replace("_", "/") + "=")
    return "sha1:" + b32encode(raw).decode()


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
    def compressed(self) -> bool:
        """Whether the body is compressed, by its coding or its kind; as the head says, which may be a lie."""
        codings = (self.get("content-encoding") or "").lower().replace(" ", "").split(",")
        return codings[-1] in _COMPRESSED_CODINGS or self.media_type in _COMPRESSED_TYPES

    @property
    def media_type(self) -> str:
        """The Content-Type in lower case, without its parameters; "" when there is none."""
        return (self.get("content-type") or "").partition(";")[0].strip().lower()


_COMPRESSED_CODINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})
_COMPRESSED_TYPES = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "font/woff2"),
        *("video/mp4", "video/webm", "audio/mpeg", "application/zip", "application/gzip"),
    }
)
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
    for text in rest.decode("latin-1").split("\n"):
        name, colon, value = text.partition(":")
        if text[:1] in (" ", "\t") and fields:  # folded: RFC 9112 §5.2
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text.strip()}")
        elif colon:
            fields.append((name.strip().lower(), value.strip()))
    return HttpHead(int(line[2]) if line else 0, (line[1] if line else b"HTTP/1.1").decode().lower(), tuple(fields))


def dechunk(body: bytes) -> bytes:
    """The body without chunk framing, extensions and trailers; of a body cut short, what had come."""
    return b"".join(body[start:end] for start, end in _chunks(body))


def payload_pieces(body: Spooled, *, chunked: bool) -> Iterator[memoryview]:
    """A body on disk without chunk framing, extensions and trailers: what `dechunk` gives of one in memory."""
    for start, end in _chunks(body) if chunked else ((0, len(body)),):
        yield from body.windows(start, end)


def _chunks(body: bytes | Spooled) -> Iterator[tuple[int, int]]:
    """Where the content of each chunk begins and ends."""
    position, framed = 0, False
    match = partial(_CHUNK_LINE.match, body) if isinstance(body, bytes) else partial(body.match, _CHUNK_LINE)
    while line := match(position):
        framed, size = True, int(line[1], 16)
        if size == 0:
            break
        position = line.end() + size
        yield line.end(), min(position, len(body))
        if body[position : position + 2] == b"\r\n":
            position += 2
        elif body[position : position + 1] == b"\n":
            position += 1
    if not framed:  # a body that never was chunked, whatever its head says, is kept as it is
        yield 0, len(body)


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
    for path in _paths(folder, name):
        with suppress(FileNotFoundError):
            return path.open("rb")
    raise WarcReadError(name, 0, f"the file is not in {folder}; restore it from a backup, or `muragat index --rebuild`")


def size_of(folder: Path, name: str) -> int | None:
    """Bytes of a WARC, found as `open_warc` does; None when it is gone, or a link to what is not there."""
    for path in _paths(folder, name):
        with suppress(FileNotFoundError):
            return path.stat().st_size
    return None


def _paths(folder: Path, name: str) -> tuple[Path, ...]:
    """Where a WARC may lie; its final name again, for a crawl may rename it after the first look."""
    return folder / name, folder / f"{name}.open", folder / name


def read_warc(folder: Path, name: str, *, start: int = 0) -> Iterator[Kept | CrawlNote | Damaged | Passed]:
    """What a WARC holds from `start` on, whole records only: a tail still being written ends the reading silently."""
    with open_warc(folder, name) as file:
        for member in members(file, name, start=start):
            if isinstance(member, Damaged):
                yield member
                continue
            try:
                read = read_record(member, name)
            except WarcReadError as error:
                yield Damaged(error=error, end=member.end)
                continue
            yield read or Passed(end=member.end)


def read_payload(folder: Path, capture: Capture) -> Payload:
    """The payload of a response or resource record, from the place its row names."""
    read = read_record(member_at(folder, capture.warc, capture.offset), capture.warc)
    if not isinstance(read, Kept) or read.payload is None:
        raise WarcReadError(capture.warc, capture.offset, "this record holds no payload; `muragat index --rebuild`")
    return read.payload


def member_at(folder: Path, name: str, offset: int) -> Member:
    """The gzip member at the place that a row names. Raises WarcReadError where no whole one begins."""
    with open_warc(folder, name) as file:
        member = next(iter(members(file, name, start=offset)), None)
    if not isinstance(member, Member) or member.offset != offset:
        raise WarcReadError(name, offset, "no whole record here; `muragat verify` says what is wrong")
    return member


def members(
    file: BinaryIO, name: str, *, start: int = 0, ended: bool | None = None, keep: bool = True
) -> Iterator[Member | Damaged]:
    """The gzip members from `start` on. An unfinished one at the end is not yielded; a broken one is, as Damaged.

    Without `keep` they are empty: for who asks where they lie, and has no memory for what they hold.

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
                if ended and next_member(file, offset + 1) is not None:
                    error = zlib.error("it does not end")
                    break
                return  # the end, or a member still being written
            try:
                part = inflate.decompress(window)
            except zlib.error as wrong:
                error = wrong
                break
            if keep:
                parts.append(part)
            used += len(window) - len(inflate.unused_data)
            window = inflate.unused_data
        if error:
            reason = WarcReadError(name, offset, f"damaged gzip member ({error}); what follows it is read")
            found = next_member(file, offset + 1)
            yield Damaged(error=reason, end=found if found is not None else file.seek(0, os.SEEK_END))
            if found is None:
                return
            offset, window = found, b""
            file.seek(found)
            continue
        yield Member(offset, used, b"".join(parts))
        offset += used


def whole_bytes(file: BinaryIO, size: int) -> int:
    """How many of a file's first `size` bytes end with a whole gzip member; what members hold is dropped at once."""
    end = position = 0
    window, inflate = b"", inflater()
    file.seek(0)
    while window or (window := file.read(min(_READ_BYTES // 4, size - position))):
        try:
            inflate.decompress(window)
        except GzipError:  # damaged: `verify` tells of it; what follows is kept as well
            found = next_member(file, end + 1)
            if found is None or found >= size:
                return end
            end = position = file.seek(found)
            window, inflate = b"", inflater()
            continue
        position += len(window) - len(inflate.unused_data)
        window = inflate.unused_data
        if inflate.eof:
            end, inflate = position, inflater()
    return end


def compress_record(*pieces: bytes) -> bytes:
    """A record, or a stretch of one file, as one gzip member; of the same pieces the same bytes every time."""
    return b"".join(_deflated(pieces))


def next_member(file: BinaryIO, start: int, *, begins: tuple[bytes, ...] = (b"WARC/",)) -> int | None:
    """Offset of the next thing that looks like a gzip member and begins like a WARC record, or in another way."""
    position = start
    while True:
        file.seek(position)
        window = file.read(_READ_BYTES)
        at = window.find(_GZIP_MAGIC)
        while at >= 0:
            try:
                if zlib.decompressobj(31).decompress(window[at : at + _PEEK_BYTES], 16).startswith(begins):
                    return position + at
            except zlib.error:
                pass
            at = window.find(_GZIP_MAGIC, at + 1)
        if len(window) < _READ_BYTES:
            return None
        position += len(window) - _PEEK_BYTES  # a member that begins at the window's end is seen whole in the next


@dataclass(frozen=True, slots=True)
class Record:
    """One record taken apart (WARC 1.1 §4)."""

    version: str  # "WARC/1.0"
    fields: tuple[tuple[str, str], ...]  # names in lower case, in the order written
    block: bytes

    def get(self, name: str) -> str:
        """The first field of that name; "" when there is none."""
        return next((value for field, value in self.fields if field == name), "")

    def url(self, name: str) -> str:
        """A field that holds an address. WARC 1.0 was read to want <…> around it; spaces came from careless tools."""
        return self.get(name).removeprefix("<").removesuffix(">").strip().replace(" ", "%20")


HEAD_LIMIT_BYTES = 1 << 20  # a longer head is none
RECORD_HEAD_END = re.compile(rb"\r{0,2}\n\r{0,2}\n")  # files that went through a text mode have CR CR LF


_HEADS = StatusAndHeadersParser([], verify=False)  # any version: what is no WARC is refused before


def parse_record(content: bytes) -> Record:
    """Head and block. Raises ValueError where that is no whole record."""
    end = RECORD_HEAD_END.search(content, 0, HEAD_LIMIT_BYTES)
    if not content.startswith(b"WARC/") or not end:
        raise ValueError("no WARC head")
    head = _HEADS.parse(BytesIO(content[: end.end()]))
    fields = tuple((name.strip().lower(), value.strip()) for name, value in head.headers)
    record = Record(head.protocol, fields, b"")
    stated = record.get("content-length")
    if not (stated.isascii() and stated.isdigit() and len(stated) < 16):
        raise ValueError(f"Content-Length {stated[:40]!r}")
    block = content[end.end() : end.end() + int(stated)]
    if len(block) < int(stated):
        raise ValueError(f"Content-Length says {stated}, the record holds {len(block)}")
    return replace(record, block=block)


# Addresses of what no browser asks for: name look-ups, logs of the crawler, the head of an ARC.
_NO_PAGE = re.compile(r"(?:dns|urn|whois|filedesc):", re.IGNORECASE)


def read_record(member: Member, name: str) -> Kept | CrawlNote | None:
    """What one record says to us; None where it says nothing."""
    try:
        record = parse_record(member.content)
        return _crawl_note(record, member.end) or _kept(record, member, name)
    except (ValueError, OverflowError) as error:
        raise WarcReadError(name, member.offset, f"not a WARC record ({error}); it is skipped") from error


def _crawl_note(record: Record, end: int) -> CrawlNote | None:
    kind, url = record.get("warc-type"), record.url("warc-target-uri")
    if kind == "warcinfo":
        fields = _warc_fields(record.block)
        crawl = fields.get("isPartOf", "")
        at = parse_warc_date(record.get("warc-date")) if crawl else datetime.min.replace(tzinfo=UTC)
        return CrawlNote(crawl=crawl, fields=fields, at=at, ended=False, end=end)
    if kind == "metadata" and url.startswith(CRAWL_URI):
        at = parse_warc_date(record.get("warc-date"))
        return CrawlNote(
            crawl=url.removeprefix(CRAWL_URI), fields=_warc_fields(record.block), at=at, ended=True, end=end
        )
    return None


def _kept(record: Record, member: Member, name: str) -> Kept | None:
    url, stated_type = record.url("warc-target-uri"), record.get("content-type")
    if record.get("warc-type") not in set(RecordType) or _NO_PAGE.match(url):
        return None
    record_type = RecordType(record.get("warc-type"))
    failure = None
    if record_type is RecordType.METADATA:
        is_fields = stated_type.startswith("application/warc-fields")
        failure = _warc_fields(record.block).get("fetchError") if is_fields else None
        if failure is None:
            return None  # somebody else's metadata: about an exchange, not one
    if not url:
        raise ValueError(f"a {record_type} without WARC-Target-URI")
    http, body = _http(record, record_type)
    payload = None
    if record_type in (RecordType.RESPONSE, RecordType.RESOURCE):
        payload = Payload(
            body=body,
            content_type=(http.get("content-type") or "") if http else stated_type,
            content_encoding=(http.get("content-encoding") or "").lower() if http else "",
        )
    digest, stated = _digests(record, record_type, body)
    media_type = stated_type.partition(";")[0].strip().lower() if record_type is not RecordType.REVISIT else ""
    refers_to_at = record.get("warc-refers-to-date")
    capture = Capture(
        url=url,
        urlkey=urlkey(url),
        captured_at=parse_warc_date(record.get("warc-date")),
        status=http.status if http else (200 if payload else None),
        content_type=http.media_type if http else media_type,
        payload_digest=digest,
        stated_digest=stated,
        record_type=record_type,
        warc=name,
        offset=member.offset,
        length=member.length,
        refers_to_url=record.url("warc-refers-to-target-uri") or None,
        refers_to_at=parse_warc_date(refers_to_at) if refers_to_at else None,
        location=http.get("location") if http else None,
        error=failure,
        truncated=record.get("warc-truncated") or None,
    )
    return Kept(capture=capture, payload=payload, end=member.end)


def _http(record: Record, record_type: RecordType) -> tuple[HttpHead | None, bytes]:
    """The HTTP head in a record's block and the body without framing; no head in a resource, or where none was kept."""
    stated_type = record.get("content-type").lower()
    speaks_http = record.block.startswith(b"HTTP/") or (record.block and stated_type.startswith("application/http"))
    if record_type not in (RecordType.RESPONSE, RecordType.REVISIT) or not speaks_http:
        return None, record.block
    head, body = split_response(record.block)
    http = parse_head(head)
    return http, dechunk(body) if http.chunked else body


_OUR_DIGEST = re.compile(r"sha1:[A-Z2-7]{32}")


def _digests(record: Record, record_type: RecordType, body: bytes) -> tuple[str, str | None]:
    """The payload digest, ours where the body is at hand; and the one stated, where rows need that one too.

    Other tools use other algorithms, or count the chunk framing in (wget). Their revisits name their digest.
    """
    stated = normal_digest(record.get("warc-payload-digest"))
    if record_type in (RecordType.RESPONSE, RecordType.RESOURCE):
        digest = digest_of(body)
        return digest, stated if stated and stated != digest else None
    ours = record.version == "WARC/1.1" and record.get("warc-refers-to-target-uri") and _OUR_DIGEST.fullmatch(stated)
    return stated, None if ours or not stated else stated


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
    sync_folder(folder)
    return torn

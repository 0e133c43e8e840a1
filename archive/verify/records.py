"""One WARC read in pieces, every byte of it checked: gzip members, record heads, lengths, digests.

Nothing is held but a record's head and a window of the file, so a record of any size passes. Gzip members that we wrote
begin with ten fixed bytes; in those a changed bit would pass every other reader, so they are compared too.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from base64 import b32decode, b32encode
from binascii import Error as NotBase32
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from archive.spool import Spool
from archive.verify.findings import Kind
from archive.warc import (
    CRAWL_URI,
    GZIP_HEAD,
    TLS_URI,
    GzipError,
    compress_record,
    dechunk,
    inflater,
    may_be_stored,
    parse_head,
    parse_warc_date,
    payload_pieces,
    split_response,
    stored_member,
)
from archive.warc import warc_date as written

_WINDOW_BYTES = 256 * 1024
_PIECE_BYTES = 8 * 1024  # fed to the decompressor at once; deflate makes at most 1032 times that of it
_HEAD_BYTES = 1024 * 1024  # of a record's head; ours are below 10 kB
_HTTP_HEAD_BYTES = 16 * 1024 * 1024  # a head this long that has not ended counts as body
_COMPARED_BYTES = 64 * 1024 * 1024  # members beyond this are not packed again to find an odd bit
_SMALL_BYTES = 1024 * 1024  # a chunked body beyond this is put on disk to undo its framing
_NOTE_BYTES = 64 * 1024  # of a metadata record's block, looked at for what it notes
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FETCH_ERROR = re.compile(rb"(?m)^fetchError[ \t]*:")


@dataclass(slots=True)
class Record:
    """What is known of one record after its last byte was read."""

    offset: int
    length: int = 0  # of its gzip member
    kind: str = ""  # WARC-Type
    record_id: str = ""
    url: str = ""
    captured_at: str = ""  # as rows have it; "" when it cannot be read
    payload_digest: str = ""  # as stated
    concurrent_to: tuple[str, ...] = ()
    profile: str = ""
    refers_to: tuple[str, str] | None = None  # URL and time of the capture a revisit refers to
    has_row: bool = False
    held: tuple[str, ...] = ()  # digests under which its payload can be referred to
    convention: str | None = None  # of the payload digest of a chunked body
    unchecked: int = 0  # digests of a kind we do not compute
    wrong: list[tuple[Kind, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes that are no whole record."""

    offset: int
    end: int
    kind: Kind
    message: str


def read_records(file: BinaryIO, size: int, *, ours: bool) -> Iterator[Record | Stretch]:
    """The records in the first `size` bytes, and what is wrong between them. `ours`: one record a member, fixed heads.

    What lies behind the last whole record is a Stretch of kind FILE_CUT; in a file that is being written it is no
    fault.
    """
    file.seek(0)
    if file.read(5) == b"WARC/":
        yield from _read_plain(file, size)
        return
    offset = 0
    while offset < size:
        parser = RecordParser(offset, single=ours)
        head_is_fixed = not ours or _at(file, offset, 10) == GZIP_HEAD
        end, error = None, "it does not end"
        try:
            for unpacked, reached in _unpack(file, offset, size):
                parser.feed(unpacked)
                while not ours and len(parser.done) > 1:  # of ours, none counts before the member's checksum does
                    yield parser.done.pop(0)
                end = reached
        except GzipError as wrong:
            error = str(wrong)
        if end is None:
            following = find_member(file, offset + 1, size)
            if following is None and error == "it does not end":
                yield Stretch(offset, size, Kind.FILE_CUT, f"{size - offset} bytes after the last whole record")
                return
            end = size if following is None else following
            yield Stretch(offset, end, Kind.MEMBER_DAMAGED, f"damaged gzip member ({error})")
        else:
            parser.end()
            for record in parser.done:
                record.length = end - offset
                if not head_is_fixed:
                    record.wrong.append((Kind.MEMBER_DAMAGED, f"the head of the gzip member is not {GZIP_HEAD.hex()}"))
                    head_is_fixed = True
                yield record
        parser.close()
        offset = end


def find_member(file: BinaryIO, start: int, size: int) -> int | None:
    """Offset of the next thing that looks like a gzip member and unpacks to the beginning of a WARC record."""
    position = start
    while position < size:
        window = _at(file, position, min(_WINDOW_BYTES, size - position))
        at = window.find(b"\x1f\x8b\x08")
        while at >= 0:
            with suppress(GzipError):
                if inflater().decompress(window[at : at + 1024])[:5] == b"WARC/":
                    return position + at
            at = window.find(b"\x1f\x8b\x08", at + 1)
        if position + len(window) >= size or not window:
            return None
        position += max(len(window) - 1024, 1)  # a member that begins at the window's end is seen whole in the next
    return None


def odd_members(file: BinaryIO, size: int) -> list[int]:
    """Where members lie that our writer would have packed otherwise, though what they hold is whole.

    Deflate has bits that no reader looks at: behind the last code, and before stored bytes. [] when nothing can be
    said, as when another version of the compressor wrote the file.
    """
    odd, count, offset = list[int](), 0, 0
    while offset < size:
        content, end, kept = bytearray(), None, True
        for unpacked, reached in _unpack(file, offset, size):
            end = reached
            kept = kept and len(content) + len(unpacked) <= _COMPARED_BYTES
            if kept:
                content += unpacked
        if end is None:
            return []
        count += 1
        if kept and not _is_as_written(bytes(content), _at(file, offset, end - offset)):
            odd.append(offset)
        offset = end
    return odd if 2 * len(odd) <= count else []


def _is_as_written(content: bytes, packed: bytes) -> bool:
    """Whether one of the ways in which our writer packs, or has packed, gives these bytes."""
    end = _HEAD_END.search(content)
    if not end or compress_record(content) == packed:
        return True
    head, block, tail = content[: end.end()], content[end.end() : -4], content[-4:]
    start, body = split_response(block)
    if may_be_stored(body) and b"".join(stored_member(head + start, (body,))) == packed:
        return True
    if compress_record(head, block, tail) == packed:
        return True
    windows = (body[at : at + _SMALL_BYTES] for at in range(0, len(body), _SMALL_BYTES))  # as a large one is read
    return compress_record(head, start, *windows, tail) == packed


def _unpack(file: BinaryIO, offset: int, size: int) -> Iterator[tuple[bytes, int | None]]:
    """One member's content in pieces, each with None, the last one with the offset where the member ends."""
    file.seek(offset)
    inflate, position = inflater(), offset
    while not inflate.eof and position < size:
        piece = file.read(min(_PIECE_BYTES, size - position))
        if not piece:
            return  # shorter than it was a moment ago: a crawl took back what it could not write whole
        unpacked = inflate.decompress(piece)
        position += len(piece)
        if inflate.eof:
            position -= len(inflate.unused_data)
        yield unpacked, position if inflate.eof else None


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _read_plain(file: BinaryIO, size: int) -> Iterator[Record | Stretch]:
    """A WARC that is not compressed."""
    file.seek(0)
    parser, left = RecordParser(0, single=False, plain=True), size
    while left > 0 and (piece := file.read(min(_WINDOW_BYTES, left))):
        left -= len(piece)
        parser.feed(piece)
        yield from parser.done
        parser.done.clear()
    parser.end()
    yield from parser.done
    parser.close()


class RecordParser:
    """Takes what was unpacked, piece by piece; `done` holds the records that ended."""

    def __init__(self, offset: int, *, single: bool, plain: bool = False) -> None:
        self.done: list[Record] = []
        self._offset = offset  # of the gzip member; in a plain file, of the record
        self._single = single
        self._plain = plain
        self._fed = 0
        self._held = b""  # the beginning of a head, or of the line ends behind a block
        self._record: Record | None = None
        self._block: _Block | None = None
        self._left = 0  # bytes of the block still to come
        self._dead = False  # what follows cannot be told from garbage

    def feed(self, unpacked: bytes) -> None:
        """The next bytes."""
        rest = memoryview(unpacked)
        self._fed += len(rest)
        while rest and not self._dead:
            if self._record is None:
                if self._plain and not self._held:
                    self._offset = self._fed - len(rest)
                rest = self._head(rest)
            elif self._left:
                taken = rest[: self._left]
                assert self._block is not None
                self._block.feed(taken)
                self._left -= len(taken)
                rest = rest[len(taken) :]
            else:
                rest = self._tail(rest)

    def end(self) -> None:
        """Nothing follows: what is unfinished now is wrong."""
        if self._dead:
            return
        if self._record is not None:
            missing = f"{self._left} bytes of its block" if self._left else "the empty lines that end it"
            self._finish(f"the record ends too soon: {missing} are missing")
        elif self._held or not self.done:
            record = Record(self._offset)
            record.wrong.append((Kind.RECORD_DAMAGED, "not a WARC record"))
            self.done.append(record)

    def close(self) -> None:
        """Give up what was held of a record that never ended."""
        if self._block:
            self._block.close()

    def _head(self, rest: memoryview) -> memoryview:
        searched = max(len(self._held) - 3, 0)
        self._held += rest
        found = _HEAD_END.search(self._held, searched)
        if not found:
            if len(self._held) > _HEAD_BYTES or not self._held.startswith(b"WARC/"[: len(self._held)]):
                self._not_a_record("not a WARC record")
            return rest[len(rest) :]
        head, after = self._held[: found.end()], len(self._held) - found.end()
        self._held = b""
        if self._single and self.done:
            self._not_a_record("a second record in one gzip member")
            return rest[len(rest) :]
        fields = _fields(head)
        length = fields.get("content-length", [""])[0]
        if not head.startswith((b"WARC/1.1\r\n", b"WARC/1.0\r\n", b"WARC/0.1", b"WARC/1.0\n")) or not length.isdigit():
            self._not_a_record("not a WARC record" if length.isdigit() else "the record has no Content-Length")
            return rest[len(rest) :]
        self._record = _record(self._offset, fields)
        self._block = _Block(self._record, fields)
        self._left = int(length)
        return rest[len(rest) - after :]

    def _tail(self, rest: memoryview) -> memoryview:
        """The two line ends behind a block."""
        count = min(4 - len(self._held), len(rest))
        self._held += rest[:count]
        if len(self._held) == 4:
            right = self._held == b"\r\n\r\n"
            self._held = b""
            self._finish("" if right else "Content-Length says less than the record holds")
            self._dead = not right
            if self._plain:
                self.done[-1].length = self._fed - len(rest) + count - self._offset
        return rest[count:]

    def _finish(self, wrong: str) -> None:
        record, block = self._record, self._block
        assert record is not None and block is not None
        if wrong:
            record.wrong.append((Kind.RECORD_DAMAGED, wrong))
            block.close()
        else:
            block.finish()
        self.done.append(record)
        self._record = self._block = None

    def _not_a_record(self, why: str) -> None:
        record = Record(self._offset)
        record.wrong.append((Kind.RECORD_DAMAGED, why))
        self.done.append(record)
        self._held, self._dead = b"", True


def _fields(head: bytes) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    name = ""
    for line in head.decode("utf-8", "replace").split("\n")[1:]:
        line = line.rstrip("\r")
        if line[:1] in (" ", "\t") and name:
            fields[name][-1] += " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields.setdefault(name, []).append(value.strip())
    return fields


def _record(offset: int, fields: dict[str, list[str]]) -> Record:
    def first(name: str) -> str:
        return fields.get(name, [""])[0]

    record = Record(offset)
    record.kind, record.record_id, record.url = first("warc-type"), first("warc-record-id"), first("warc-target-uri")
    record.captured_at = _as_rows_have_it(first("warc-date"))
    if not record.captured_at:
        record.wrong.append((Kind.RECORD_DAMAGED, f"its WARC-Date {first('warc-date')!r} is no date"))
    record.payload_digest = first("warc-payload-digest")
    record.concurrent_to = tuple(fields.get("warc-concurrent-to", ()))
    record.profile = first("warc-profile")
    if refers_to := first("warc-refers-to-target-uri"):
        record.refers_to = (refers_to, _as_rows_have_it(first("warc-refers-to-date")))
    record.has_row = record.kind in ("response", "revisit", "resource")
    return record


def _as_rows_have_it(date: str) -> str:
    try:
        return written(parse_warc_date(date))
    except (ValueError, OverflowError):
        return ""


class _Block:
    """Digests of one record's block and payload, while it passes."""

    def __init__(self, record: Record, fields: dict[str, list[str]]) -> None:
        self._record = record
        self._stated = fields.get("warc-block-digest", [""])[0]
        self._digest = _hash(self._stated)
        media_type = fields.get("content-type", [""])[0].lower()
        self._http = record.kind in ("response", "request") and media_type.startswith("application/http")
        # A revisit's digest is of the payload it refers to, a segment's of all segments.
        self._has_payload = record.kind not in ("revisit", "continuation") and "warc-segment-number" not in fields
        self._head: bytes | None = b"" if self._http else None  # None once it has ended
        self._payload = _hash(record.payload_digest or "sha1:")
        self._body: bytearray | None = None  # of a chunked response
        self._spool: Spool | None = None
        self._note = b""

    def feed(self, piece: memoryview) -> None:
        """The next bytes of the block."""
        if self._digest:
            self._digest.update(piece)
        if self._record.kind == "metadata" and len(self._note) < _NOTE_BYTES:
            self._note += piece[:_NOTE_BYTES]
        if self._head is not None:
            searched = max(len(self._head) - 3, 0)
            self._head += piece
            end = _HEAD_END.search(self._head, searched)
            if end is None:
                if len(self._head) > _HTTP_HEAD_BYTES:
                    self._head = None
                return
            head, body = self._head[: end.end()], self._head[end.end() :]
            self._head = None
            if self._record.kind == "response" and b"chunked" in head.lower() and parse_head(head).chunked:
                self._body = bytearray()
            piece = memoryview(body)
        if self._has_payload and self._payload:
            self._payload.update(piece)
        if self._body is not None:
            self._keep(piece)

    def finish(self) -> None:
        """Compare with what the record states."""
        record = self._record
        if self._stated:
            self._compare(Kind.BLOCK_DIGEST, "block", self._stated, self._digest)
        if record.kind == "metadata":
            ours = record.url.startswith((CRAWL_URI, TLS_URI))
            record.has_row = not ours and _FETCH_ERROR.search(self._note) is not None
        if not self._has_payload or record.kind not in ("response", "resource", "request", "conversion"):
            return
        unframed = self._unframed()
        if record.payload_digest:
            self._compare_payload(unframed)
        if record.kind in ("response", "resource"):
            record.held = tuple(_text(digest) for digest in (self._payload, unframed) if digest is not None)
        self.close()

    def close(self) -> None:
        """Give back the room of a body on disk."""
        if self._spool:
            self._spool.close()
            self._spool = None

    def _keep(self, piece: memoryview) -> None:
        assert self._body is not None
        self._body += piece
        if self._spool is None and len(self._body) > _SMALL_BYTES:
            self._spool = Spool(Path(tempfile.gettempdir()))
        if self._spool is not None:
            self._spool.write(bytes(self._body))
            self._body.clear()

    def _unframed(self) -> hashlib._Hash | None:
        """Of a chunked body, the digest without its framing; None when it is not chunked."""
        if self._body is None:
            return None
        digest = _hash(self._record.payload_digest or "sha1:")
        if digest is None:
            return None
        if self._spool is None:
            digest.update(dechunk(bytes(self._body)))
        else:
            for window in payload_pieces(self._spool, chunked=True):
                digest.update(window)
        return digest

    def _compare_payload(self, unframed: hashlib._Hash | None) -> None:
        record = self._record
        if unframed is None or self._payload is None:
            self._compare(Kind.PAYLOAD_DIGEST, "payload", record.payload_digest, self._payload)
        elif unframed.digest() == self._payload.digest():
            record.convention = "not framed"
            self._compare(Kind.PAYLOAD_DIGEST, "payload", record.payload_digest, unframed)
        elif _value(record.payload_digest) == self._payload.digest():
            record.convention = "with chunk framing"
        else:
            record.convention = "without chunk framing"
            self._compare(Kind.PAYLOAD_DIGEST, "payload", record.payload_digest, unframed)

    def _compare(self, kind: Kind, what: str, stated: str, digest: hashlib._Hash | None) -> None:
        if digest is None:
            self._record.unchecked += 1
        elif _value(stated) != digest.digest():
            self._record.wrong.append((kind, f"{what} digest is {_text(digest)}, the record says {stated}"))


def _hash(stated: str) -> hashlib._Hash | None:
    """For a digest as `ALGORITHM:VALUE`; None for an algorithm that we do not have."""
    algorithm = stated.partition(":")[0].strip().lower().replace("-", "")
    if algorithm not in ("sha1", "sha256", "sha512", "sha384", "md5"):
        return None
    return hashlib.new(algorithm, usedforsecurity=False)


def _text(digest: hashlib._Hash) -> str:
    return f"{digest.name}:{b32encode(digest.digest()).decode().rstrip('=')}"


def _value(stated: str) -> bytes | None:
    """The bytes of a digest, written in hex or in base 32; None when it is neither."""
    digest, value = _hash(stated), stated.partition(":")[2].strip()
    if digest is None:
        return None
    try:
        if len(value) == 2 * digest.digest_size:
            return bytes.fromhex(value)
        return b32decode(value.upper().rstrip("=") + "=" * (-len(value.rstrip("=")) % 8))
    except (ValueError, NotBase32):
        return None


def canonical(stated: str) -> str:
    """A digest as `held` has it, however it is written."""
    digest, value = _hash(stated), _value(stated)
    if digest is None or value is None:
        return stated
    return f"{digest.name}:{b32encode(value).decode().rstrip('=')}"

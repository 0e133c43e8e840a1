"""Captures as CDXJ: a line each, key, time and JSON, in the order of bytes that every reader of indexes counts on.

As pywb and cdxj-indexer write it: https://specs.webrecorder.net/cdxj/0.1.0/. A fetch without an answer has no line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from sqlite_utils import Database

_FIELDS = "c.urlkey, c.captured_at, c.url, c.content_type, c.status, c.payload_digest, c.record_type, c.length"


def write(db: Database, file: BinaryIO) -> int:
    """Write the captures in `taken`, each where it lies in the archive's own WARCs; how many."""
    rows = db.execute(
        f"SELECT {_FIELDS}, c.offset, c.warc FROM taken t JOIN captures c ON c.warc = t.warc AND c.offset = t.offset"
        " WHERE c.record_type <> 'metadata' ORDER BY c.urlkey, c.captured_at, c.warc, c.offset"
    )
    count = 0
    for row in rows:
        file.write(_line(row))
        count += 1
    return count


def lines_placed(db: Database) -> Iterator[bytes]:
    """The lines of the captures in `taken`, each where `placed` says that it was copied to."""
    rows = db.execute(
        f"SELECT {_FIELDS}, p.place, p.name FROM placed p JOIN captures c ON c.warc = p.warc AND c.offset = p.offset"
        " WHERE c.record_type <> 'metadata' ORDER BY c.urlkey, c.captured_at, p.name, p.place"
    )
    return map(_line, rows)


def _line(row: tuple[object, ...]) -> bytes:
    """One row of the queries above."""
    urlkey, captured_at, url, content_type, status, digest, record_type, length, offset, name = row
    moment = "".join(character for character in str(captured_at)[:19] if character.isdigit())
    fields = {
        "url": url,
        "mime": "warc/revisit" if record_type == "revisit" else content_type or None,
        "status": None if status is None else str(status),
        "digest": digest or None,
        "length": str(length),
        "offset": str(offset),
        "filename": name,
    }
    said = {key: value for key, value in fields.items() if value is not None}
    return f"{urlkey} {moment} {json.dumps(said)}\n".encode()

"""The chain of closed WARCs: `manifest.jsonl`, a line a file, each holding the SHA-256 of the line before.

Whoever notes the newest line's hash elsewhere can later prove every file up to it. Lines are added under a lock, by
whichever process closed a file.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from archive.errors import MuragatError
from archive.warc import warc_date

GENESIS = "0" * 64  # what the first line names as the line before


def append(manifest: Path, warc: Path, *, sha256_hex: str, at: datetime, event: str = "closed") -> str:
    """Add a line for a closed file; the hash of that line, which is the chain's new head."""
    with manifest.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        whole, newline, torn = file.read().rpartition(b"\n")
        if torn:  # whoever wrote it died over it, before anybody was told that the file is chained
            file.truncate(len(whole + newline))
        lines = whole.splitlines()
        entry = {
            "name": warc.name,
            "size": warc.stat().st_size,
            "sha256": sha256_hex,
            "event": event,
            "at": warc_date(at),
            "previous": sha256(lines[-1]).hexdigest() if lines else GENESIS,
        }
        line = json.dumps(entry, ensure_ascii=False).encode()
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return sha256(line).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the chain."""

    name: str
    size: int
    sha256: str
    previous: str
    line_hash: str  # SHA-256 of the line itself: what the next line names


def read(manifest: Path) -> list[Entry]:
    """The lines, in order; a last one whose writer died over it is left out. A damaged one raises MuragatError."""
    entries = []
    if manifest.exists():
        whole = manifest.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                fields = json.loads(line)
                entries.append(
                    Entry(
                        fields["name"], fields["size"], fields["sha256"], fields["previous"], sha256(line).hexdigest()
                    )
                )
            except (ValueError, KeyError, TypeError) as error:
                raise MuragatError(
                    f"{manifest} line {number} is damaged ({error}); restore it from a backup"
                ) from error
    return entries

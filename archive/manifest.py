"""The chain of closed WARCs: `manifest.jsonl`, a line a file, each holding the SHA-256 of the line before.

Whoever notes the newest line's hash elsewhere can later prove every file up to it. Lines are added under a lock, by
whichever process closed a file. `breaks()` says where a chain no longer holds, and what was done to it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from archive.errors import MuragatError
from archive.warc import warc_date

GENESIS = "0" * 64  # what the first line names as the line before
_NO_ENTRY = (ValueError, KeyError, TypeError, RecursionError)  # what a line that is none raises
_NAME_BYTES = 255  # of a file's name, on every disk in use


def append(manifest: Path, warc: Path, *, sha256_hex: str, at: datetime, event: str = "closed") -> str:
    """Add a line for a closed file; the hash of that line, which is the chain's new head."""
    size = warc.stat().st_size
    return append_line(
        manifest, {"name": warc.name, "size": size, "sha256": sha256_hex, "event": event, "at": warc_date(at)}
    )


def append_line(path: Path, entry: Mapping[str, object]) -> str:
    """Add a line with the hash of the one before as `previous`; on the disk when this returns its own hash."""
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        whole, newline, torn = file.read().rpartition(b"\n")
        if torn:  # whoever wrote it died over it, before anybody was told that it is there
            file.truncate(len(whole + newline))
        lines = whole.splitlines()
        previous = sha256(lines[-1]).hexdigest() if lines else GENESIS
        line = json.dumps({**entry, "previous": previous}, ensure_ascii=False).encode()
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
    event: str = "closed"  # or "repaired", or "imported": a file that others wrote


def read(manifest: Path) -> list[Entry]:
    """The lines, in order; a last one whose writer died over it is left out. A damaged one raises MuragatError."""
    entries = []
    for number, line in enumerate(read_lines(manifest)[0], 1):
        try:
            entries.append(_parse(line))
        except _NO_ENTRY as error:
            raise MuragatError(f"{manifest} line {number} is damaged ({error}); restore it from a backup") from error
    return entries


def read_lines(manifest: Path) -> tuple[list[bytes], bytes]:
    """The lines as they stand, and what stands behind the last line end: a line whose writer died over it."""
    if not manifest.exists():
        return [], b""
    with manifest.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # nobody is in the middle of a line now
        whole, _, torn = file.read().rpartition(b"\n")
    return whole.split(b"\n") if whole else [], torn


def parse_line(line: bytes) -> Entry | None:
    """A line's entry; None when it is none."""
    try:
        return _parse(line)
    except _NO_ENTRY:
        return None


def may_be_name(name: str) -> bool:
    """Whether a file in a folder can have this name."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return False
    try:
        return len(name.encode()) <= _NAME_BYTES
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _parse(line: bytes) -> Entry:
    fields = json.loads(line)
    name, size, digest, previous = fields["name"], fields["size"], fields["sha256"], fields["previous"]
    event = fields.get("event", "closed")
    if not isinstance(size, int) or not all(isinstance(text, str) for text in (name, digest, previous, event)):
        raise ValueError("a value is of the wrong type")
    if not 0 <= size < 1 << 63:
        raise ValueError(f"{size} is not the size of a file")
    for text in (digest, previous, event):
        text.encode()  # a lone surrogate is a ValueError: nothing takes it, neither a table nor a terminal
    if not may_be_name(name):
        raise ValueError(f"{name[:100]!r} is not the name of a file")
    return Entry(name, size, digest, previous, sha256(line).hexdigest(), event)


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold."""

    kind: str  # "broken", "inserted", "reordered" or "damaged"
    line: int  # from 1
    message: str


def breaks(lines: Sequence[bytes]) -> list[Break]:
    """Where lines do not follow one another, in words for whoever must find out what was done; [] when all do."""
    entries = [parse_line(line) for line in lines]
    hashes = [sha256(line).hexdigest() for line in lines]
    previous = [entry.previous if entry else None for entry in entries]
    damaged = [
        Break("damaged", number, "this line is not an entry of the chain: it was damaged")
        for number, entry in enumerate(entries, 1)
        if entry is None
    ]
    if _linked(range(len(lines)), hashes, previous):
        return damaged
    order = _longest(hashes, previous)
    if len(order) == len(lines):
        return damaged + list(_out_of_place(order))
    strangers = sorted(set(range(len(lines))) - set(order))
    known = {GENESIS, *hashes}
    if order and all(place < order[-1] or previous[place] in known for place in strangers):
        return damaged + [
            Break("inserted", place + 1, _inserted(place, order, previous)) for place in strangers if entries[place]
        ]
    return damaged + list(_broken_links(hashes, previous))


def ancestors(head: str, lines: Sequence[bytes]) -> list[int] | None:
    """The lines that a head proves, by following each one's `previous`: their indexes, newest first.

    None when no line has that hash. A chain that is whole gives every line up to the head.
    """
    places = {sha256(line).hexdigest(): place for place, line in enumerate(lines)}
    found: list[int] = []
    while head in places and len(found) < len(lines):
        found.append(places[head])
        entry = parse_line(lines[places[head]])
        head = entry.previous if entry else ""
    return found or None


def _linked(order: Iterable[int], hashes: Sequence[str], previous: Sequence[str | None]) -> bool:
    before: str = GENESIS
    for place in order:
        if previous[place] != before:
            return False
        before = hashes[place]
    return True


def _longest(hashes: Sequence[str], previous: Sequence[str | None]) -> list[int]:
    """The longest way from the chain's beginning along `previous`, whatever the lines' places: indexes in order."""
    followers: dict[str, list[int]] = {}
    for place, before in enumerate(previous):
        followers.setdefault(before or "", []).append(place)
    came_from: dict[int, int | None] = {}
    level: list[tuple[int, int | None]] = [(place, None) for place in followers.get(GENESIS, [])]
    last: int | None = None
    while level:  # one step along all branches; what the last step reaches is the end of the longest
        last = level[0][0]
        came_from.update(level)
        level = [(after, place) for place, _ in level for after in followers.get(hashes[place], [])]
        level = list({after: (after, place) for after, place in level if after not in came_from}.values())
    way: list[int] = []
    while last is not None:
        way.append(last)
        last = came_from[last]
    return way[::-1]


def _inserted(place: int, order: Sequence[int], previous: Sequence[str | None]) -> str:
    said = f"line {place + 1} was inserted: the chain goes past it"
    end = order[-1]
    if previous[place] == previous[end]:  # two ends as good as each other; what names its file twice is the false one
        said = f"lines {min(place, end) + 1} and {max(place, end) + 1} follow the same line: one of them was inserted"
    return said


def _out_of_place(order: Sequence[int]) -> Iterator[Break]:
    """All lines are there, in another order."""
    for right, place in enumerate(order):
        if right != place:
            yield Break(
                "reordered", place + 1, f"line {place + 1} was line {right + 1}: the lines were put in another order"
            )


def _broken_links(hashes: Sequence[str], previous: Sequence[str | None]) -> Iterator[Break]:
    for place, before in enumerate(previous):
        expected = hashes[place - 1] if place else GENESIS
        if before is None or before == expected:
            continue
        number = place + 1
        if place == 0:
            yield Break("broken", 1, "line 1 is not the first of its chain: a line before it was removed")
        else:
            yield Break(
                "broken",
                number,
                f"line {number} does not follow line {number - 1}: line {number - 1} was changed,"
                " or a line between them was removed",
            )

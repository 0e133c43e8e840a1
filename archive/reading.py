"""What records say, without a row: the slow part of indexing, done here or in other processes (archive/workers.py).

Part of the indexer (archive/index.py). A `Stretch` is read for the first time; `Again` is what rows exist of already:
revisits whose payload has come since, and pages that were read by older rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from archive.errors import WarcReadError
from archive.facts import FAILED, Rules, extracted_from, read_kept
from archive.model import Capture, Extracted, PageKind
from archive.warc import CrawlNote, Damaged, Kept, Passed, members, open_warc, read_payload, read_warc

BATCH = 100  # records a transaction: about 50 exchanges, with their requests (design: search)
STRETCH_BYTES = 8 << 20  # of a WARC, at most, in one stretch of more than one record


@dataclass(frozen=True, slots=True)
class Read:
    """One record and what its payload says. The payload itself is left behind: rows do not hold it."""

    record: Kept | CrawlNote | Damaged | Passed
    extracted: Extracted | None = None  # None where there is nothing to read


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one WARC that lie one after the other."""

    name: str
    start: int  # byte at which the first one begins
    ends: tuple[int, ...]  # byte at which each ends

    def __len__(self) -> int:
        return len(self.ends)

    def singly(self) -> Iterator[Stretch]:
        """Each record as a stretch of its own."""
        for start, end in zip((self.start, *self.ends), self.ends, strict=False):
            yield Stretch(self.name, start, (end,))

    def read(self, folder: Path, rules: Rules) -> list[Read]:
        """Each record, in order. Raises WarcReadError when the file is gone."""
        return [_read(record, rules) for record in self._records(folder)]

    def unread(self, folder: Path, reason: str) -> list[Read]:
        """Each record, and of its payload only why it was not read."""
        failed = Extracted(kind=PageKind.OTHER, reason=FAILED + reason)
        return [
            Read(_without_payload(one), failed if isinstance(one, Kept) and one.payload else None)
            for one in self._records(folder)
        ]

    def _records(self, folder: Path) -> Iterator[Kept | CrawlNote | Damaged | Passed]:
        for record in read_warc(folder, self.name, start=self.start):
            yield record
            if record.end >= self.ends[-1]:
                return


@dataclass(frozen=True, slots=True)
class Again:
    """Captures that are rows, each with the one whose record holds its payload: itself, what it revisits, or none."""

    captures: tuple[tuple[Capture, Capture | None], ...]

    def __len__(self) -> int:
        return len(self.captures)

    def singly(self) -> Iterator[Again]:
        """Each capture by itself."""
        return (Again((pair,)) for pair in self.captures)

    def read(self, folder: Path, rules: Rules) -> list[Read]:
        """Each capture, in order; one whose payload cannot be had, as Damaged."""
        return [_read_again(capture, holder, folder, rules) for capture, holder in self.captures]

    def unread(self, folder: Path, reason: str) -> list[Read]:
        """Each capture, and of its payload only why it was not read."""
        failed = Extracted(kind=PageKind.OTHER, reason=FAILED + reason)
        return [Read(Kept(capture=capture, payload=None, end=0), failed) for capture, _ in self.captures]


def stretches(folder: Path, name: str, *, start: int) -> Iterator[Stretch]:
    """What a WARC holds from `start` on, in pieces for others to read. Raises WarcReadError when the file is gone."""
    with open_warc(folder, name) as file:
        ends = list[int]()
        for member in members(file, name, start=start, keep=False):
            if ends and (len(ends) == BATCH or member.end - start > STRETCH_BYTES):
                yield Stretch(name, start, tuple(ends))
                start, ends = ends[-1], []
            ends.append(member.end)
        if ends:
            yield Stretch(name, start, tuple(ends))


def read_on(folder: Path, name: str, rules: Rules, *, start: int) -> Iterator[list[Read]]:
    """What a WARC holds from `start` on, a batch at a time. Raises WarcReadError when the file is gone."""
    reads = (_read(record, rules) for record in read_warc(folder, name, start=start))
    while batch := list(islice(reads, BATCH)):
        yield batch


def _read(record: Kept | CrawlNote | Damaged | Passed, rules: Rules) -> Read:
    return Read(_without_payload(record), read_kept(record, rules) if isinstance(record, Kept) else None)


def _without_payload(record: Kept | CrawlNote | Damaged | Passed) -> Kept | CrawlNote | Damaged | Passed:
    return replace(record, payload=None) if isinstance(record, Kept) else record


def _read_again(capture: Capture, holder: Capture | None, folder: Path, rules: Rules) -> Read:
    if holder is None:
        return Read(Kept(capture=capture, payload=None, end=0))
    try:
        payload = read_payload(folder, holder)
    except WarcReadError as error:
        return Read(Damaged(error=error, end=0))
    record = Kept(capture=capture, payload=None, end=0)
    if holder == capture:
        return Read(record, read_kept(replace(record, payload=payload), rules))
    # A revisit without HTTP head has no status: that of the capture that holds its payload counts. Some say that they
    # are truncated, and mean that their payload is elsewhere.
    seen = capture if capture.status else replace(capture, status=holder.status)
    return Read(record, extracted_from(payload, seen, rules))

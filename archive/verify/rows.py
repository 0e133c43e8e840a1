"""Rows against records, both ways: which row has no record, which record no row, and what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.errors import MuragatError
from archive.schema import connect_readonly
from archive.verify.findings import Kind, Report

_NAMED = 50  # records named one by one that have no row, changed places or are gone; the rest is counted


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says of a record, or a record of itself."""

    offset: int
    length: int
    url: str
    captured_at: str
    record_type: str
    payload_digest: str  # "" of a record that states none

    def is_of(self, record: Row) -> bool:
        """Whether they tell of one record, wherever it lies."""
        return (
            self.url == record.url
            and self.captured_at == record.captured_at
            and self.record_type == record.record_type
            and (not record.payload_digest or self.payload_digest == record.payload_digest)
        )

    def __str__(self) -> str:
        return f"{self.record_type} of {self.url}, {self.captured_at}"


class Rows:
    """The rows of an archive, asked file by file; always as they are now."""

    def __init__(self, path: Path) -> None:
        self._db: sqlite3.Connection | None = None
        self.broken = ""  # why they cannot be read
        if path.is_file():
            try:
                self._db = connect_readonly(path).conn
            except MuragatError as error:
                self.broken = str(error)

    def __bool__(self) -> bool:
        return self._db is not None and not self.broken

    def of(self, warc: str) -> dict[int, Row]:
        """Offset → row."""
        found = self._ask(
            "SELECT offset, length, url, captured_at, record_type, payload_digest FROM captures WHERE warc = ?", warc
        )
        return {row[0]: Row(*row) for row in found}

    def indexed_to(self, warc: str) -> int:
        """Byte up to which a file's records are rows."""
        return next((int(row[0]) for row in self._ask("SELECT indexed_to FROM warcs WHERE filename = ?", warc)), 0)

    def files(self) -> list[tuple[str, int]]:
        """Each file that rows name, and how many do."""
        return [
            (str(row[0]), int(row[1]))
            for row in self._ask("SELECT warc, count(*) FROM captures WHERE ? = '' GROUP BY warc ORDER BY warc", "")
        ]

    def close(self) -> None:
        """Let the database go."""
        if self._db is not None:
            self._db.close()

    def _ask(self, sql: str, word: str) -> list[tuple[Any, ...]]:
        if self._db is None or self.broken:
            return []
        try:
            return list(self._db.execute(sql, [word]).fetchall())
        except sqlite3.DatabaseError as error:
            if "no such table" not in str(error):  # else an index that was begun this moment
                self.broken = f"{error}; `muragat index --rebuild` makes it anew from the WARCs"
            return []


def compare(
    report: Report,
    name: str,
    rows: Mapping[int, Row],
    records: Sequence[Row],
    *,
    damaged: Iterable[tuple[int, int]],
    indexed_to: int,
    complete: bool,
) -> None:
    """What rows and records of one file do not agree on.

    `damaged`: stretches already reported, whose rows are not reported again. `complete`: every record must have a row
    by now; otherwise what lies behind `indexed_to` is only counted.
    """
    stretches = list(damaged)
    at = {record.offset: record for record in records}
    lost = [row for row in rows.values() if not (row.offset in at and row.is_of(at[row.offset]))]
    lost = [row for row in sorted(lost, key=lambda row: row.offset) if not _inside(row.offset, stretches)]
    without = [record for record in records if not (record.offset in rows and rows[record.offset].is_of(record))]
    for record in records:
        row = rows.get(record.offset)
        if row and row.is_of(record) and row.length != record.length:
            message = f"its row says {row.length} bytes, the record has {record.length}"
            report.add(Kind.ROW_DIFFERS, name, record.offset, message)
    without = _explain_lost(report, name, lost, without)
    late = [record for record in without if record.offset >= indexed_to]
    early = [record for record in without if record.offset < indexed_to]
    for record in early[:_NAMED]:
        message = f"no row for this {record}; `muragat index --rebuild` makes it"
        report.add(Kind.RECORD_WITHOUT_ROW, name, record.offset, message)
    if len(early) > _NAMED:
        message = f"no row for this record and {len(early) - _NAMED - 1} more; `muragat index --rebuild` makes them"
        report.add(Kind.RECORD_WITHOUT_ROW, name, early[_NAMED].offset, message)
    if late and complete:
        message = f"no row for the {len(late)} records from here on; `muragat index` reads them"
        report.add(Kind.RECORD_WITHOUT_ROW, name, late[0].offset, message)
    elif late:
        report.in_flight += len(late)


def _inside(offset: int, stretches: Iterable[tuple[int, int]]) -> bool:
    return any(start <= offset < end for start, end in stretches)


def _explain_lost(report: Report, name: str, lost: Sequence[Row], without: Sequence[Row]) -> list[Row]:
    """Rows whose record is not where they say: differing, moved, in another order, or gone. The records left over."""
    places: dict[tuple[str, str, str], list[Row]] = {}
    for record in without:
        places.setdefault((record.url, record.captured_at, record.record_type), []).append(record)
    moved: list[tuple[Row, Row]] = []
    gone: list[Row] = []
    for row in lost:
        candidates = places.get((row.url, row.captured_at, row.record_type), [])
        match = next((record for record in candidates if row.is_of(record)), None)
        if match:
            candidates.remove(match)
            moved.append((row, match))
        else:
            gone.append(row)
    found = {record.offset for _, record in moved}
    left = {record.offset: record for record in without if record.offset not in found}
    for row in gone:
        here = left.get(row.offset)
        # The same URL or the same moment: one record, of which row or record was altered.
        if here and (here.url == row.url or here.captured_at == row.captured_at):
            del left[row.offset]
            report.add(Kind.ROW_DIFFERS, name, row.offset, f"the row says {row}; the record is a {here}")
    kept = [row for row in gone if not _reported(report, name, row)]
    _say_gone(report, name, kept, whole_file=not moved and not left)
    _say_moved(report, name, moved)
    return list(left.values())


def _reported(report: Report, name: str, row: Row) -> bool:
    return any(
        finding.kind is Kind.ROW_DIFFERS and finding.file == name and finding.offset == row.offset
        for finding in report.findings[-2 * _NAMED :]
    )


def _say_gone(report: Report, name: str, gone: Sequence[Row], *, whole_file: bool) -> None:
    kind = Kind.ROW_WITHOUT_RECORD if whole_file else Kind.RECORD_REMOVED
    for row in gone[:_NAMED]:
        report.add(kind, name, row.offset, f"a row ({row}), but no such record in the file")
    if len(gone) > _NAMED:
        report.add(kind, name, gone[_NAMED].offset, f"and {len(gone) - _NAMED} more rows without a record")


def _say_moved(report: Report, name: str, moved: Sequence[tuple[Row, Row]]) -> None:
    """Records in another order one by one; records all of which lie some bytes off, together."""
    rank = {record.offset: place for place, (_, record) in enumerate(sorted(moved, key=lambda pair: pair[1].offset))}
    swapped = [(row, record) for place, (row, record) in enumerate(moved) if rank[record.offset] != place]
    for row, record in swapped[:_NAMED]:
        message = f"this {record} was at byte {row.offset}: records changed places"
        report.add(Kind.RECORD_ORDER, name, record.offset, message)
    if len(swapped) > _NAMED:
        report.add(Kind.RECORD_ORDER, name, None, f"and {len(swapped) - _NAMED} more records changed places")
    runs: list[tuple[int, int, int]] = []  # offset of the first, bytes, how many
    for place, (row, record) in enumerate(moved):
        if rank[record.offset] != place:
            continue
        by = record.offset - row.offset
        if runs and runs[-1][1] == by:
            runs[-1] = (runs[-1][0], by, runs[-1][2] + 1)
        else:
            runs.append((row.offset, by, 1))
    for offset, by, count in runs[:_NAMED]:
        where = f"{abs(by)} bytes {'further on' if by > 0 else 'earlier'}"
        how = "something was inserted before" if by > 0 else "something before was removed"
        report.add(Kind.RECORD_MOVED, name, offset, f"the record of this row, and {count - 1} more, lie {where}: {how}")

"""What is wrong, and where: files against the chain, records against their digests, rows against records.

The archive is checked as it was at the moment the check began: of a file that a crawl is writing, what it held then.
Every file is read once, in pieces, and hashed beside; nothing is written. In the order of the story: `chain` (the lines
of manifest.jsonl), `records` (every byte of one WARC), `relations` (what records say of one another), `rows`
(archive.db), and apart from it `signatures` and `repair`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.manifest import Entry
from archive.verify.chain import Chain, check_chain, check_hidden, read_chain
from archive.verify.findings import MANIFEST, Finding, Kind, Report
from archive.verify.records import Record, Stretch, odd_members, read_records
from archive.verify.relations import Pairs, Relations
from archive.verify.repair import repair_open, running_crawls
from archive.verify.rows import Row, Rows, compare
from archive.verify.signatures import check_signatures, new_key, read_public_key, sign
from archive.warc import Damaged, Kept, open_warc, read_warc, size_of, warc_date

__all__ = ["Finding", "Kind", "Report", "new_key", "repair_open", "sign", "verify"]

Progress = Callable[[int, int], None]  # bytes read, of how many

_LEFT_ASIDE = (".torn", ".part", ".tmp")  # what a repair cut off, and what is still being copied
_FOREIGN = {"imported", "linked"}  # events: files that others wrote
_CONVERTED = "converted"  # event: records of others, packed by us
_BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _File:
    """One WARC as it was when the check began."""

    name: str  # final
    size: int
    is_open: bool


def verify(
    directory: ArchiveDir, *, head: str | None = None, key: Path | None = None, progress: Progress | None = None
) -> Report:
    """Check everything. `head`: must be in the chain. `key`: public, and signatures by it must hold."""
    public_key = read_public_key(key) if key else None
    report = Report()
    busy = bool(running_crawls(directory))
    files = _files(directory)
    chain = read_chain(directory)
    check_chain(directory, chain, report, head=head)
    check_hidden(directory, report)
    if public_key:
        check_signatures(directory, chain, public_key, report)
    check = _Check(directory, report, chain, busy=busy, progress=progress, size=sum(file.size for file in files))
    try:
        for file in files:
            check.file(file)
        check.end(files)
    finally:
        check.close()
    return report


def _files(directory: ArchiveDir) -> list[_File]:
    found: dict[str, _File] = {}
    for path in sorted(directory.warcs.glob("*")):
        if path.name.startswith(".") or path.name.endswith(_LEFT_ASIDE):
            continue
        try:
            if path.is_file():
                name = path.name.removesuffix(".open")
                found[name] = _File(name, path.stat().st_size, is_open=name != path.name)
        except FileNotFoundError:  # renamed this moment: its crawl closed it
            name = path.name.removesuffix(".open")
            found[name] = _File(name, (directory.warcs / name).stat().st_size, is_open=True)
    return list(found.values())


class _Check:
    """One pass over the files, with what is gathered on the way."""

    def __init__(
        self, directory: ArchiveDir, report: Report, chain: Chain, *, busy: bool, progress: Progress | None, size: int
    ) -> None:
        self._directory = directory
        self._report = report
        self._chain = chain
        self._busy = busy
        self._progress = progress
        self._size = size
        self._rows = Rows(directory.db)
        self._relations = Relations()
        self._hasher = ThreadPoolExecutor(1)
        if not directory.db.is_file():
            report.notes.append("no archive.db, so rows were not compared; `muragat index` makes it")

    def file(self, file: _File) -> None:
        """Check one file; what is found is in the report."""
        report = self._report
        report.warcs += 1
        lines = self._chain.entries.get(file.name, [])
        if not file.is_open and not lines and self._is_unchained(file.name):
            report.add(Kind.FILE_UNCHAINED, file.name, None, f"closed, but no line of {MANIFEST} names it")
        rows = self._rows.of(file.name)  # before the records: each of these rows has its record in the file by now
        indexed_to = self._rows.indexed_to(file.name)
        before = len(report.findings)
        events = {entry.event for _, entry in lines}
        foreign = not events.isdisjoint(_FOREIGN)
        damaged, records = list[tuple[int, int]](), list[Row]()
        if not lines and not file.name.endswith(".warc.gz"):
            report.notes.append(f"{file.name}: no WARC of this archive; not looked at")
            return
        try:
            path = self._directory.warcs / file.name
            digest = self._hasher.submit(manifest.hash_file, path) if lines and not file.is_open else None
            with (
                open_warc(self._directory.warcs, file.name) as opened,
                open(opened.fileno(), "rb", buffering=_BUFFER_BYTES, closefd=False) as whole,
            ):
                if file.name.endswith(".warc.gz"):  # else the original of a conversion: only its hash counts
                    records, damaged = self._records(whole, file, events)
                same = self._compare_hash(file, lines, digest, before)
                if not same and digest and not foreign and len(report.findings) == before + 1:
                    self._locate(whole, file)
        except (OSError, MuragatError) as error:
            report.add(Kind.FILE_UNREADABLE, file.name, None, f"cannot be read: {error}")
            return
        if (foreign or _CONVERTED in events) and same:
            self._excuse(before)
        if events & {*_FOREIGN, _CONVERTED} and file.name.endswith(".warc.gz"):
            records, damaged = self._as_indexed(file)
        report.rows += len(rows)
        report.bytes += file.size
        self._tell(report.bytes)
        if self._rows:
            behind = file.is_open or self._busy
            rows, records = self._settle(file.name, rows, records)
            compare(report, file.name, rows, records, damaged=damaged, indexed_to=indexed_to, complete=not behind)

    def end(self, files: Iterable[_File]) -> None:
        """What can only be said when all files have passed."""
        report, names = self._report, {file.name for file in files}
        if names and not self._directory.manifest.exists() and any(not file.is_open for file in files):
            report.findings = [one for one in report.findings if one.kind is not Kind.FILE_UNCHAINED]
            report.add(Kind.CHAIN_MISSING, MANIFEST, None, "missing, though there are closed files: nothing is proved")
        for name, lines in self._chain.entries.items():
            if name not in names and not (self._directory.warcs / name).exists():
                message = f"named by {MANIFEST} line {lines[0][0]}, but missing"
                report.add(Kind.FILE_MISSING, name, None, message)
        for name, count in self._rows.files():
            if name not in names and size_of(self._directory.warcs, name) is None:
                report.rows += count
                message = f"{count} rows, but the file is not in {self._directory.warcs}"
                report.add(Kind.ROW_WITHOUT_RECORD, name, None, message)
        self._relations.check(report)
        if self._rows.broken:
            report.add(Kind.ROWS_UNREADABLE, self._directory.db.name, None, self._rows.broken)

    def close(self) -> None:
        """Give back what the pass took."""
        self._hasher.shutdown()
        self._relations.close()
        self._rows.close()

    def _is_unchained(self, name: str) -> bool:
        """Asked anew: its crawl may have chained it meanwhile, or be about to."""
        return not self._busy and name not in read_chain(self._directory).entries

    def _records(self, whole: BinaryIO, file: _File, events: set[str]) -> tuple[list[Row], list[tuple[int, int]]]:
        """Every record of one file; those that have rows, and the stretches that cannot be read."""
        report, pairs = self._report, Pairs()
        records, damaged = list[Row](), list[tuple[int, int]]()
        ours = events.isdisjoint({*_FOREIGN, _CONVERTED})
        for read in read_records(whole, file.size, ours=events.isdisjoint(_FOREIGN)):
            self._tell(report.bytes + read.offset)
            if isinstance(read, Stretch):
                if read.kind is Kind.FILE_CUT and file.is_open:
                    break  # being written
                report.add(read.kind, file.name, read.offset, read.message)
                damaged.append((read.offset, read.end))
                pairs.skip()
                continue
            self._count(read, file.name)
            if any(kind in (Kind.RECORD_DAMAGED, Kind.MEMBER_DAMAGED) for kind, _ in read.wrong):
                damaged.append((read.offset, read.offset + max(read.length, 1)))
            if not read.kind:
                pairs.skip()
                continue
            self._relations.add(file.name, read, ours=ours)
            if ours:
                for offset, message in pairs.add(read):
                    report.add(Kind.REQUEST, file.name, offset, message)
            if read.has_row:
                digest = read.payload_digest
                records.append(Row(read.offset, read.length, read.url, read.captured_at, read.kind, digest))
        # A repaired file was cut to its last whole record, which may be in the middle of an exchange.
        if ours and not file.is_open and "repaired" not in events:
            for offset, message in pairs.end():
                report.add(Kind.REQUEST, file.name, offset, message)
        return records, damaged

    def _count(self, record: Record, name: str) -> None:
        report = self._report
        report.records += 1
        report.unchecked += record.unchecked
        if record.convention:
            report.conventions[record.convention] += 1
        for kind, message in record.wrong:
            what = f" ({record.kind} of {record.url})" if record.url else ""
            report.add(kind, name, record.offset, message + what)

    def _compare_hash(
        self, file: _File, lines: list[tuple[int, Entry]], digest: Future[str] | None, before: int
    ) -> bool:
        """Whether a closed file is what its line says; a finding when it is not."""
        if digest is None:
            return False
        found, same = digest.result(), True
        for number, entry in lines:
            if found == entry.sha256 and file.size == entry.size:
                continue
            same = False
            if file.size != entry.size:
                more = "longer" if file.size > entry.size else "shorter"
                why = f"{abs(file.size - entry.size)} bytes {more} than {MANIFEST} line {number} says"
            else:
                why = f"its SHA-256 is not that of {MANIFEST} line {number}"
            if len(self._report.findings) == before and file.name.endswith(".warc.gz"):
                why += "; every record that is there is whole"
            self._report.add(Kind.FILE_CHANGED, file.name, None, f"changed since it was closed: {why}")
        return same

    def _locate(self, whole: BinaryIO, file: _File) -> None:
        """Every record is whole and the file is not what it was: look for bits that no reader looks at."""
        for offset in odd_members(whole, file.size):
            message = "packed otherwise than it was written: a bit was changed that no reader looks at"
            self._report.add(Kind.MEMBER_DAMAGED, file.name, offset, message)

    def _excuse(self, before: int) -> None:
        """A file that others wrote, and that is what was imported: its faults are its own, and noted."""
        report = self._report
        report.notes += [f"{one} (so when it was imported)" for one in report.findings[before:]]
        del report.findings[before:]

    def _as_indexed(self, file: _File) -> tuple[list[Row], list[tuple[int, int]]]:
        """What the indexer sees in a file that others wrote."""
        records, damaged, end = list[Row](), list[tuple[int, int]](), 0
        for read in read_warc(self._directory.warcs, file.name):
            if isinstance(read, Damaged):
                damaged.append((end, read.end))
            elif isinstance(read, Kept):
                one = read.capture
                at = warc_date(one.captured_at)
                # No digest: a row may have another name for the payload than the record of another tool.
                records.append(Row(one.offset, one.length, one.url, at, one.record_type, ""))
            end = read.end
        return records, damaged

    def _settle(self, name: str, rows: dict[int, Row], records: list[Row]) -> tuple[dict[int, Row], list[Row]]:
        """Where rows and records differ, ask again: the indexer may have been at work meanwhile."""
        offsets = {record.offset for record in records}
        if rows.keys() == offsets:
            return rows, records
        now = self._rows.of(name)
        added = {offset: now[offset] for offset in offsets - rows.keys() if offset in now}
        gone = (rows.keys() - offsets) - now.keys()
        return {offset: row for offset, row in {**rows, **added}.items() if offset not in gone}, records

    def _tell(self, done: int) -> None:
        if self._progress:
            self._progress(done, self._size)

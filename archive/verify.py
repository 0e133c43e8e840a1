"""What is wrong, and where: records against their digests, files against the chain, rows against records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import MuragatError, WarcReadError
from archive.schema import connect_readonly
from archive.warc import Damaged, Kept, check_member, members, open_warc, read_warc


@dataclass
class VerifyReport:
    """What was checked, and every finding by file and offset."""

    warcs: int = 0
    records: int = 0
    bytes: int = 0
    rows: int = 0
    links: int = 0  # of the manifest's chain
    head: str | None = None  # hash of its last line
    findings: list[str] = field(default_factory=list)


def verify(directory: ArchiveDir) -> VerifyReport:
    """Check everything. Reads every byte of every WARC once, and the rows."""
    report = VerifyReport()
    closed = _check_chain(directory, report)
    rows = _rows(directory, report)
    for path in sorted(directory.warcs.glob("*.warc.gz*")):
        if path.name.endswith(".torn"):
            continue
        name = path.name.removesuffix(".open")
        report.warcs += 1
        report.bytes += path.stat().st_size
        if name == path.name and name not in closed:
            report.findings.append(f"{name}: closed, but no line of manifest.jsonl names it")
        _check_records(directory.warcs, name, report, rows.pop(name, set()), is_open=path.name.endswith(".open"))
    for name, offsets in sorted(rows.items()):
        report.findings.append(f"{name}: {len(offsets)} rows, but the file is not in {directory.warcs}")
    return report


def _check_chain(directory: ArchiveDir, report: VerifyReport) -> set[str]:
    """The names of the closed files, each compared with its line."""
    names = set()
    previous = manifest.GENESIS
    for number, entry in enumerate(manifest.read(directory.manifest), 1):
        if entry.previous != previous:
            report.findings.append(
                f"manifest.jsonl line {number} does not follow line {number - 1}: one was changed or removed"
            )
        previous = entry.line_hash
        names.add(entry.name)
        path = directory.warcs / entry.name
        if not path.is_file():
            report.findings.append(f"{entry.name}: named by manifest.jsonl line {number}, but missing")
        elif path.stat().st_size != entry.size or manifest.hash_file(path) != entry.sha256:
            report.findings.append(
                f"{entry.name}: changed since it was closed (SHA-256 differs from manifest.jsonl line {number})"
            )
        report.links = number
        report.head = previous
    return names


def _rows(directory: ArchiveDir, report: VerifyReport) -> dict[str, set[int]]:
    """WARC → offsets that have a row."""
    rows = defaultdict[str, set[int]](set)
    if directory.db.is_file():
        for warc, offset in connect_readonly(directory.db).execute("SELECT warc, offset FROM captures"):
            rows[warc].add(offset)
            report.rows += 1
    return rows


def _check_records(folder: Path, name: str, report: VerifyReport, rows: set[int], *, is_open: bool) -> None:
    end = 0
    try:
        with open_warc(folder, name) as file:
            for member in members(file, name):
                if isinstance(member, Damaged):
                    report.findings.append(str(member.error))
                else:
                    report.records += 1
                    report.findings += [f"{name} at byte {member.offset}: {wrong}" for wrong in check_member(member)]
                end = member.end
            torn = file.seek(0, 2) - end
        held = {read.capture.offset for read in read_warc(folder, name) if isinstance(read, Kept)}
    except (OSError, MuragatError) as error:
        report.findings.append(str(error) if isinstance(error, WarcReadError) else f"{name}: {error}")
        return
    if torn and not is_open:
        report.findings.append(f"{name} at byte {end}: {torn} bytes after the last whole record; the file was cut")
    report.findings += [f"{name} at byte {offset}: a row, but no such record" for offset in sorted(rows - held)]
    if not is_open:
        report.findings += [
            f"{name} at byte {offset}: no row; `muragat index` reads it" for offset in sorted(held - rows)
        ]

"""The chain of closed files: its lines against one another, and against a head noted elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from archive import manifest
from archive.config import ArchiveDir
from archive.manifest import Entry
from archive.verify.findings import HIDDEN, MANIFEST, Kind, Report

_KINDS = {
    "broken": Kind.CHAIN_BROKEN,
    "inserted": Kind.CHAIN_INSERTED,
    "reordered": Kind.CHAIN_REORDERED,
    "damaged": Kind.CHAIN_DAMAGED,
}


@dataclass(frozen=True)
class Chain:
    """The lines of manifest.jsonl as they were when the check began."""

    lines: Sequence[bytes]
    entries: dict[str, list[tuple[int, Entry]]]  # name of a file → the lines that name it, each with its number

    @property
    def head(self) -> str | None:
        """Hash of the newest line."""
        return sha256(self.lines[-1]).hexdigest() if self.lines else None

    def newer_than(self, head: str) -> int | None:
        """How many lines follow the one with this hash; None when the chain does not contain it."""
        proved = manifest.ancestors(head, self.lines)
        return None if proved is None else len(self.lines) - 1 - proved[0]


def read_chain(directory: ArchiveDir) -> Chain:
    """Read the lines; what is wrong with them is `check_chain`'s to say."""
    lines, _ = manifest.read_lines(directory.manifest)
    entries: dict[str, list[tuple[int, Entry]]] = {}
    for number, line in enumerate(lines, 1):
        if entry := manifest.parse_line(line):
            entries.setdefault(entry.name, []).append((number, entry))
    return Chain(lines, entries)


def check_chain(directory: ArchiveDir, chain: Chain, report: Report, *, head: str | None) -> None:
    """Whether each line follows the one before, and whether the chain contains `head`."""
    report.links, report.head = len(chain.lines), chain.head
    for wrong in manifest.breaks(chain.lines):
        report.add(_KINDS[wrong.kind], MANIFEST, wrong.line, wrong.message)
    if manifest.read_lines(directory.manifest)[1]:  # read anew: under its lock, no writer is in the middle of a line
        message = "the last line is cut: whoever wrote it died, or something was cut off; a crawl writes it anew"
        report.add(Kind.CHAIN_DAMAGED, MANIFEST, len(chain.lines) + 1, message)
    if head is not None:
        report.newer = chain.newer_than(head)
        if report.newer is None:
            message = f"the chain does not contain the head {head}: something was removed or rewritten"
            report.add(Kind.HEAD_UNKNOWN, MANIFEST, None, message)


def check_hidden(directory: ArchiveDir, report: Report) -> None:
    """Whether each line of the log of hidden pages follows the one before."""
    before = manifest.GENESIS
    for number, line in enumerate(manifest.read_lines(directory.hidden)[0], 1):
        try:
            follows = json.loads(line)["previous"] == before
        except (ValueError, KeyError, TypeError):
            follows = False
        if not follows:
            message = f"line {number} does not follow the one before: one of them was changed, or one between removed"
            report.add(Kind.CHAIN_BROKEN, HIDDEN, number, message)
        before = sha256(line).hexdigest()

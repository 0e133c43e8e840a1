"""The chain of closed files: its lines against one another, and against a head noted elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.hidden_log import compare
from archive.manifest import Entry
from archive.verify.findings import HIDDEN, MANIFEST, Kind, Report

_KINDS = {
    "broken": Kind.CHAIN_BROKEN,
    "inserted": Kind.CHAIN_INSERTED,
    "reordered": Kind.CHAIN_REORDERED,
    "damaged": Kind.CHAIN_DAMAGED,
}
_SETTLE_SECONDS = 0.5


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
    """Whether each line of the log of hidden pages follows the one before, and the rows say what it says."""
    before, whole = manifest.GENESIS, True
    for number, line in enumerate(manifest.read_lines(directory.hidden)[0], 1):
        try:
            follows = json.loads(line)["previous"] == before
        except ValueError:
            follows = True  # named below: it is none
        except (KeyError, TypeError):
            follows = False
        if not follows:
            message = f"line {number} does not follow the one before: one of them was changed, or one between removed"
            report.add(Kind.CHAIN_BROKEN, HIDDEN, number, message)
            whole = False
        before = sha256(line).hexdigest()
    try:
        found = compare(directory)
        if found.lost or found.behind:  # somebody may be hiding a page this moment: the line comes first, then the row
            time.sleep(_SETTLE_SECONDS)
            found = compare(directory)
    except MuragatError as error:
        report.add(Kind.CHAIN_DAMAGED, HIDDEN, None, str(error))
        return
    for page in found.lost:
        message = (
            f"a line was removed or changed: archive.db knows {page.url}, {page}; it stays hidden; bring {HIDDEN} back"
            " from a backup, or settle it with `muragat hide` or `muragat unhide`"
        )
        report.add(Kind.HIDDEN_LOST, HIDDEN, None, message)
    for page in found.behind if whole else []:  # else the log is to be mended first
        message = f"does not say of {page.url} what {HIDDEN} says; `muragat index` brings it in"
        report.add(Kind.ROW_DIFFERS, directory.db.name, None, message)

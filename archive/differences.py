"""What was added and removed between two wordings of one article, word by word: `muragat diff`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from sqlite_utils import Database

from archive.errors import NotCapturedError
from archive.query import as_of, wordings
from archive.snippets import with_lead
from archive.substance import Effort, Said, Weight, substance
from archive.warc import warc_date

# Beyond this, all stretches together, nothing is compared word by word: in the worst case that takes their cube.
MOST_WORDS = 3_000
MOST_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words in a difference."""

    change: str  # "same", "added" or "removed"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed between two wordings of one page."""

    url: str
    seen_from: str  # when the older wording was captured: first, or last before the time asked for
    seen_to: str  # when the newer one was
    old_title: str
    new_title: str
    language: str | None  # of the newer wording
    weight: Weight
    changes: tuple[str, ...]  # what changed, in words, the weightiest first
    pieces: tuple[Piece, ...]  # of title, lead and body, with empty lines between; less "removed": the newer wording


def compare(db: Database, url: str, *, start: datetime | None = None, end: datetime | None = None) -> Difference:
    """The wording at `start` (default: the first) against the one at `end` (default: the last).

    Raises NotCapturedError where there are not two.
    """
    known = list(wordings(db, url))
    old = as_of(db, url, start) if start else known[0]
    new = as_of(db, url, end) if end else known[-1]
    if old.fields["id"] == new.fields["id"]:
        since = f"{old.capture.captured_at:%Y-%m-%dT%H:%M:%S}"
        raise NotCapturedError(f"{url} has one wording there, seen from {since}Z on; there is nothing to compare")
    language = str(new.fields["language"]) if new.fields["language"] else None
    before, after = said(old.fields), said(new.fields)
    found = substance(before, after)
    return Difference(
        url=url,
        seen_from=warc_date(old.capture.captured_at),
        seen_to=warc_date(new.capture.captured_at),
        old_title=before.title,
        new_title=after.title,
        language=language,
        weight=found.weight,
        changes=found.changes,
        pieces=(
            *diff_words(before.title, after.title),
            Piece("same", "\n\n"),
            *diff_words(_body(before), _body(after)),
        ),
    )


def said(version: dict[str, object]) -> Said:
    """What a row of `versions` says."""
    return Said(str(version["title"]), str(version["lead"]) if version["lead"] else None, str(version["text"]))


def _body(wording: Said) -> str:
    return with_lead(wording.lead, wording.text)


# ---------------------------------------------------------------- words


def diff_words(old: str, new: str) -> list[Piece]:
    """What was added and removed between two texts, word by word, white space kept."""
    before, after = (re.findall(r"[^\n]*\n+|[^\n]+", text) for text in (old, new))
    lines = [[part.strip() for part in side] for side in (before, after)]
    effort, pieces = Effort(2 * MOST_WORDS), list[Piece]()  # words and the spaces between
    # Paragraphs first: a word stays in its own, and of a long text only what changed is compared word by word.
    for equal, i1, i2, j1, j2 in _steps(lines[0], lines[1], Effort(MOST_LINES)):
        if equal:
            pieces.append(Piece("same", "".join(after[j1:j2])))
        else:
            pieces += _diff_stretch("".join(before[i1:i2]), "".join(after[j1:j2]), effort)
    return _joined(pieces)


def _diff_stretch(old: str, new: str, effort: Effort) -> list[Piece]:
    before, after = (re.findall(r"\s+|\S+", text) for text in (old, new))
    pieces = list[Piece]()
    for equal, i1, i2, j1, j2 in _steps(before, after, effort):
        if equal:
            pieces.append(Piece("same", "".join(before[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(before[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(after[j1:j2])))
    return pieces


def _steps(old: list[str], new: list[str], effort: Effort) -> Iterator[tuple[bool, int, int, int, int]]:
    """(whether equal, from, to, from, to) through both; of what is too long only the ends are told from the middle."""
    if effort.allows(len(old), len(new)):
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
            yield tag == "equal", i1, i2, j1, j2
        return
    shorter = min(len(old), len(new))
    start = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    end = next((place for place in range(shorter - start) if old[-1 - place] != new[-1 - place]), shorter - start)
    middle = start, len(old) - end, start, len(new) - end
    if start:
        yield True, 0, start, 0, start
    if middle[1] > start or middle[3] > start:
        if min(middle[1], middle[3]) > start and start + end and effort.allows(middle[1] - start, middle[3] - start):
            steps = SequenceMatcher(None, old[start : middle[1]], new[start : middle[3]]).get_opcodes()
            for tag, i1, i2, j1, j2 in steps:
                yield tag == "equal", start + i1, start + i2, start + j1, start + j2
        else:
            yield False, *middle
    if end:
        yield True, middle[1], len(old), middle[3], len(new)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """The pieces with changes that only white space divides made one: a rewritten sentence reads as one change."""
    runs = list[tuple[str, str, str]]()  # same, removed, added: either the first or the others
    for place, piece in enumerate(pieces):
        between = piece.change == "same" and not piece.text.strip() and "\n" not in piece.text
        if between and runs and not runs[-1][0] and place + 1 < len(pieces):
            _, removed, added = runs[-1]
            runs[-1] = ("", removed + piece.text, added + piece.text)
        elif piece.change == "same":
            runs.append(((runs.pop()[0] if runs and runs[-1][0] else "") + piece.text, "", ""))
        else:
            _, removed, added = runs.pop() if runs and not runs[-1][0] else ("", "", "")
            gained = piece.text if piece.change == "added" else ""
            runs.append(("", removed + (piece.text if not gained else ""), added + gained))
    joined = list[Piece]()
    for same, removed, added in runs:
        joined += [
            Piece(change, text) for change, text in (("same", same), ("removed", removed), ("added", added)) if text
        ]
    return joined


def shorten(pieces: Iterable[Piece], *, context: int = 80) -> list[Piece]:
    """The pieces with long unchanged stretches cut to what stands next to a change."""
    out = list[Piece]()
    everything = list(pieces)
    for place, piece in enumerate(everything):
        text = piece.text
        if piece.change == "same" and len(text) > 2 * context + 20:
            start = text[:context].rpartition(" ")[0] if place else ""
            end = text[-context:].partition(" ")[2] if place < len(everything) - 1 else ""
            text = f"{start} […] {end}"
        out.append(Piece(piece.change, text))
    return out

"""A title or a stretch of a text with the words that were found marked, as they are written.  No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from archive.language import find_words

MARK_START, MARK_END = "\x02", "\x03"
SNIPPET_CHARS = 240
_SNIPPET_TEXT = 100_000  # what a page of more letters holds at its end is found, but not shown


class Marked(NamedTuple):
    """Which words of a text are to be marked, by their folded forms."""

    forms: frozenset[str]
    beginnings: tuple[str, ...] = ()

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and form of each such word."""
        return find_words(text, self.forms, self.beginnings)


def best_snippet(lead: str | None, text: str, marked: Marked) -> str:
    """Of the text; of the lead where only that has the words."""
    shown = _snippet(text or lead or "", marked)
    if lead and MARK_START not in shown and MARK_START in (other := _snippet(lead, marked)):
        return other
    return shown


def with_lead(lead: str | None, text: str) -> str:
    """The text behind its lead, which stands once where the text says it too."""
    return text if not lead or lead[:60] in text else f"{lead}\n\n{text}"


def _snippet(text: str, marked: Marked) -> str:
    text = " ".join(text[:_SNIPPET_TEXT].split())
    places = marked.places(text)
    begin = max(0, _densest(places, SNIPPET_CHARS - 40) - 40) if places else 0
    begin = text.rfind(" ", 0, begin) + 1 if begin else 0
    whole = len(text) <= begin + SNIPPET_CHARS
    end = len(text) if whole else max(text.rfind(" ", begin, begin + SNIPPET_CHARS), begin + 1)
    inside = [(start - begin, stop - begin, form) for start, stop, form in places if start >= begin and stop <= end]
    return ("… " if begin else "") + mark(text[begin:end], inside) + ("" if whole else " …")


def mark(text: str, places: Iterable[tuple[int, int, str]]) -> str:
    """`text` with these places between MARK_START and MARK_END."""
    out, position = list[str](), 0
    for start, end, _ in places:
        out += [text[position:start], MARK_START, text[start:end], MARK_END]
        position = end
    return "".join([*out, text[position:]])


def unmarked(text: str) -> str:
    """The text without the marks."""
    return text.replace(MARK_START, "").replace(MARK_END, "")


def _densest(places: Sequence[tuple[int, int, str]], chars: int) -> int:
    """Where a window begins that holds most different words, then most words; the first of several."""
    best, chosen, last = (0, 0), places[0][0], 0
    for first, (start, _, _) in enumerate(places):
        last = max(last, first)
        while last < len(places) and places[last][0] < start + chars:
            last += 1
        if (rank := (len({form for _, _, form in islice(places, first, min(last, first + 40))}), last - first)) > best:
            best, chosen = rank, start
    return chosen

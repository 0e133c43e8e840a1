"""The title of an article and the run that prints it: the heading that the head of the page agrees with.  No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archive.extract.furniture import is_furniture
from archive.extract.letters import bare
from archive.extract.metadata import Head
from archive.extract.runs import HEADINGS, Run
from archive.model import BlockKind

# 10 times the headings of the fullest of our sample pages.
MAX_HEADINGS = 1_000
MAX_HEADING_CHARS, MAX_SLOTS = 400, 12
# A heading h1, and the start or half of a title; or one that a title says word for word.
AGREED = 0.6
# Soft hyphens, zero-width spaces and joiners: where a line may break is no part of a title.
_UNSEEN = dict.fromkeys(map(ord, "\xad\u200b\u2060\ufeff"))

MAX_PIECES = 8  # of a page title; with more it is a list of keywords
_SEPARATORS = re.compile(r"\s+[-|–—:•·/]+\s+|\s*[|｜]\s*|\s*::+\s+")
_ARROWS = re.compile(rf"{_SEPARATORS.pattern}|\s*[»«]\s+")  # where they are no quotes


@dataclass(frozen=True, slots=True)
class Title:
    """A title, where it comes from, and the run that prints it, if any does."""

    text: str
    source: str
    run: Run | None


def find_title(head: Head, runs: Sequence[Run], is_spam: Callable[[str], bool]) -> Title:
    """The title and the run that prints it: the heading that the head agrees with, else what the head says."""

    def clean(text: str) -> str:
        parts = re.split(r"(\s+[|–—»·-]\s+)", text)
        own = [part for index, part in enumerate(parts) if index % 2 or not is_spam(part)]
        return without_site_name("".join(own).strip(" |–—·-"), head.site_names)

    named = [(text, source) for written, source in head.titles if bare(text := clean(written))]
    if bare(text := clean(head.page_title)) and not is_spam(text):
        named.append((text, "html"))
    sites = {bare(name) for name in head.site_names}
    headings = [run for run in runs if run.node.tag in HEADINGS or run.kind is BlockKind.HEADING]
    headings = [run for run in headings[:MAX_HEADINGS] if not run.hidden and not is_spam(run.text)]
    run, line, score = _best(headings[:60], [text for text, _ in named], sites)
    if run is not None and score >= AGREED:
        return _elected(Title(line, "layout", run), named)
    h1 = [run for run in headings if run.node.tag == "h1" and bare(run.text) not in sites]
    for text, source in named:
        if not is_spam(text):
            line, printed = _printed(text, runs)
            return Title(line, source, printed or (h1[0] if len(h1) == 1 else None))
    return Title(line, "layout", run) if run is not None else Title("", "", None)


def _best(headings: Sequence[Run], known: Sequence[str], sites: set[str]) -> tuple[Run | None, str, float]:
    """The heading that titles of the head agree with most, what of it they say, and how far they agree."""
    best: tuple[Run | None, str, float] = (None, "", 0.0)
    titles = {bare(title): bare(piece) for title in known for piece, _, _ in pieces_of(title)[:1]}
    for order, run in enumerate(headings):
        if len(run.text) > MAX_HEADING_CHARS or is_furniture(run.text):
            continue
        look = (0.3 if run.node.tag == "h1" else 0.0) - 0.001 * order
        look -= 0.3 if run.link_share >= 0.5 and run.node.tag != "h1" else 0.0
        for line in _readings(run):
            text = bare(line)
            if not text or text in sites:
                continue
            score = look + max((_agreement(text, other, first) for other, first in titles.items()), default=0.0)
            if score > best[2]:
                best = run, line, score
            if text in titles:
                break
    return best


def _readings(run: Run) -> Iterator[str]:
    """A heading as a whole; its first line, where a subtitle stands below; and without a rubric before or date after.

    These have elements of their own inside the heading.
    """
    yield _spoken(run.text)
    if "\n" in run.text:
        yield _spoken(run.text.partition("\n")[0])
    elif 1 < len(run.slots) <= MAX_SLOTS:
        texts = [(element.tail if is_tail else element.text) or "" for element, is_tail in run.slots]
        yield _spoken("".join(texts[:-1]))
        yield _spoken("".join(texts[1:]))


def _spoken(text: str) -> str:
    return " ".join(text.translate(_UNSEEN).split())


def _agreement(heading: str, known: str, first: str) -> float:
    """How far a heading and a title in the head, whose first part is `first`, are one, 0..1; all of them bare."""
    if heading == known:
        return 1.0
    # A few words somewhere in a title are its section or the site's name.
    if len(heading) >= 8 and heading in known and (known.startswith(heading) or 3 * len(heading) >= len(known)):
        return 0.5 + 0.5 * len(heading) / len(known)
    if len(known) >= 8 and known in heading:
        return 0.5 + 0.5 * len(known) / len(heading)
    if len(known) >= 20 and heading[:20] == known[:20]:
        return 0.5
    return 0.4 if heading == first else 0.0


def _elected(printed: Title, named: Sequence[tuple[str, str]]) -> Title:
    """The title that most of heading, JSON-LD, og:title and page title say, as most of them spell it.

    A heading may hold a rubric that none of the others has, or lack one that all of them have. In a tie it wins: it is
    what readers saw. Of two spellings of it that as many have, the head's is taken: programs that print a page set
    quotation marks of their own.
    """
    own = bare(printed.text)
    votes = {own: [(printed.text, printed.source)]}
    for name, said in _grouped(named, own).items():
        votes.setdefault(name, []).extend(said)
    words = max(votes, key=lambda name: len(votes[name]))
    spelled = Counter(text for text, _ in votes[words])
    if words == own and printed.run is not None and _is_glued(printed.run):
        spelled[printed.text] -= 1
    text = max(spelled, key=lambda text: (spelled[text], text != printed.text))
    source = next(source for said, source in votes[words] if said == text)
    return Title(text, source, printed.run)


def _grouped(named: Sequence[tuple[str, str]], own: str) -> dict[str, list[tuple[str, str]]]:
    """The head's titles by their bare words; one that is another with a rubric or site name set off counts there."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for text, source in named:
        groups.setdefault(bare(text), []).append((text, source))
    parts = {text: {bare(part): part for part in spans_of(text)} for text, _ in named}
    for name, said in list(groups.items()):
        others = [own] if len(said) > 1 else sorted({own, *groups} - {name}, key=len, reverse=True)
        wrapped = next((other for other in others if all(other in parts[text] for text, _ in said)), None)
        if wrapped is not None and name != own:
            said = [(parts[text][wrapped], source) for text, source in groups.pop(name)]
            groups.setdefault(wrapped, []).extend(said)
    return groups


def _is_glued(heading: Run) -> bool:
    """Whether a heading has elements without a space between: a style sheet sets them in lines of their own."""
    texts = [(element.tail if is_tail else element.text) or "" for element, is_tail in heading.slots]
    return any(a[-1:].strip() and b[:1].strip() for a, b in pairwise(texts))


def _printed(text: str, runs: Sequence[Run]) -> tuple[str, Run | None]:
    """The longest part of a title that a line of the page prints, and that line; the whole title where none does.

    A part of less than a third is its section or the site's name.
    """
    lines: dict[str, Run] = {}
    for run in runs:
        if not run.hidden and len(run.text) <= MAX_HEADING_CHARS:
            for line in _readings(run):
                lines.setdefault(bare(line), run)
    for part in spans_of(text):
        if 3 * len(part) >= len(text) and (found := lines.get(bare(part))):
            return part, found
    return text, None


# ---------------------------------------------------------------- the parts of a title


def without_site_name(title: str, site_names: Iterable[str]) -> str:
    """A page title without the parts that are the site's name."""
    names = {bare(name) for name in site_names if name}
    pieces = pieces_of(title)
    while len(pieces) > 1 and bare(pieces[-1][0]) in names:
        pieces.pop()
    while len(pieces) > 1 and bare(pieces[0][0]) in names:
        pieces.pop(0)
    if not pieces:
        return title.strip()
    return title[pieces[0][1] : pieces[-1][2]].strip()


def pieces_of(title: str) -> list[tuple[str, int, int]]:
    """The parts of a title between its separators, with where they begin and end."""
    found, begin = [], 0
    quotes = "«" in title and "»" in title
    for match in (_SEPARATORS if quotes else _ARROWS).finditer(title):
        found.append((title[begin : match.start()], begin, match.start()))
        begin = match.end()
    found.append((title[begin:], begin, len(title)))
    return [piece for piece in found if piece[0].strip()]


def spans_of(title: str) -> list[str]:
    """A title, and what is left of it without parts at its ends, the longest first."""
    pieces = pieces_of(title)[:MAX_PIECES]
    ends = [(first, last) for first in range(len(pieces)) for last in range(first, len(pieces))]
    return sorted((title[pieces[first][1] : pieces[last][2]].strip() for first, last in ends), key=len, reverse=True)

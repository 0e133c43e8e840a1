"""A second opinion on which text of a page is the article: trafilatura's.  The home of trafilatura.  No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import trafilatura

from archive.extract.elements import Elements
from archive.extract.letters import letters_of
from archive.extract.prose import chars_in, is_prose, weight_of
from archive.extract.prune import Pruning
from archive.extract.runs import Run

# 6 times the elements and 18 times the text of the largest of our sample pages; beyond, trafilatura needs seconds and
# we do without.
ELEMENT_LIMIT, TEXT_LIMIT_CHARS = 15_000, 1_000_000
# Runs times letters: 20 times the fullest of our sample pages, and half a second.
MATCH_LIMIT = 200_000_000


def ask_trafilatura(elements: Elements, pruning: Pruning) -> str:
    """The letters of what trafilatura takes for the article, a line for each piece; "" when it finds none.

    Comments, dates and metadata are not asked for: they cost half the time, and htmldate guesses. Nor are its
    fallbacks (`fast`): where it would take them, the paragraphs that are set alike are better evidence.
    """
    tree, pruned = elements.all[0], pruning.among(elements.all)
    for element in pruned:
        element.set("data-pruned", "1")
    copied = deepcopy(tree)
    for element in pruned:
        del element.attrib["data-pruned"]
    for element in copied.xpath("//*[@data-pruned]"):
        element.drop_tree()
    try:
        document = trafilatura.bare_extraction(
            copied, fast=True, include_comments=False, with_metadata=False, include_tables=True
        )
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ""
    body = getattr(document, "body", None)
    return "" if body is None else "\n".join(letters_of(text) for text in body.itertext() if text.strip())


def is_readable(elements: Elements) -> bool:
    """Whether trafilatura reads a page in bounded time."""
    if len(elements.all) >= ELEMENT_LIMIT:
        return False
    code = sum(len(element.text or "") for element in elements.tagged("script", "style"))
    return sum(map(len, elements.all[0].itertext())) - code < TEXT_LIMIT_CHARS


def runs_among(theirs: str, seen: Sequence[Run], core: list[Run]) -> list[Run]:
    """The runs in trafilatura's text; `core` where that text is another and says less."""
    lines, joined = set(theirs.split("\n")), theirs.replace("\n", "")
    if len(seen) * len(joined) >= MATCH_LIMIT:
        return core
    matched = [run for run in seen if _is_in(run, lines, joined)]
    prose = {run for run in matched if is_prose(run)}
    is_other = chars_in(prose.intersection(core)) < 0.2 * chars_in(core)
    # One long paragraph elsewhere may be a disclaimer.
    ours, others = (sum(map(weight_of, found)) for found in (core, prose))
    return core if is_other and len(core) > 1 and ours > others else matched


def _is_in(run: Run, lines: set[str], joined: str) -> bool:
    letters = letters_of(run.text)
    if len(letters) < 12:
        return bool(letters) and letters in lines
    # Inline elements break trafilatura's text into pieces.
    return letters[:60] in joined

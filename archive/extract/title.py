"""The title of an article and the run that prints it: the heading that the head of the page agrees with.  No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive.extract.furniture import is_furniture
from archive.extract.metadata import Head, bare, without_site_name
from archive.extract.runs import HEADINGS, Run
from archive.model import BlockKind

# 10 times the headings of the fullest of our sample pages.
MAX_HEADINGS = 1_000


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
        return without_site_name("".join(own).strip(" |–—»·-"), head.site_names)

    named = [(clean(text), source) for text, source in head.titles]
    known = [bare(text) for text, _ in named if text] + [bare(head.page_title)]
    headings = [run for run in runs if run.node.tag in HEADINGS or run.kind is BlockKind.HEADING]
    headings = [run for run in headings[:MAX_HEADINGS] if not run.hidden and not is_spam(run.text)]
    sites = {bare(name) for name in head.site_names}
    best, best_score = None, 0.0
    for order, run in enumerate(headings[:60]):
        text = bare(run.text)
        if not text or text in sites or len(run.text) > 400 or is_furniture(run.text):
            continue
        score = max((_agreement(text, other) for other in known if other), default=0.0)
        score += 0.3 if run.node.tag == "h1" else 0.0
        score -= 0.3 if run.link_share >= 0.5 and run.node.tag != "h1" else 0.0
        score -= 0.001 * order
        if score > best_score:
            best, best_score = run, score
    if best is not None and best_score >= 0.6:
        return Title(" ".join(best.text.split()), "layout", best)
    h1 = [run for run in headings if run.node.tag == "h1" and bare(run.text) not in sites]
    for text, source in [*named, (clean(head.page_title), "html")]:
        if text and not is_spam(text):
            wanted = bare(text)
            printed = next((run for run in runs if not run.hidden and _prints(run, wanted)), None)
            return Title(text, source, printed or (h1[0] if len(h1) == 1 else None))
    if best is not None:
        return Title(" ".join(best.text.split()), "layout", best)
    return Title("", "", None)


def _prints(run: Run, wanted: str) -> bool:
    """Whether a run is the title, or, on old pages, the title with the date line below it."""
    line, mark, _ = run.text.partition("\n")
    return bare(line) == wanted or (bool(mark) and bare(run.text) == wanted)


def _agreement(heading: str, known: str) -> float:
    """How far a heading and a title in the head are one, 0..1."""
    if heading == known:
        return 1.0
    if len(heading) >= 8 and heading in known:
        return 0.5 + 0.5 * len(heading) / len(known)
    if len(known) >= 8 and known in heading:
        return 0.5 + 0.5 * len(known) / len(heading)
    if len(known) >= 20 and heading[:20] == known[:20]:
        return 0.5
    return 0.0

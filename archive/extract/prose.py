"""Which runs read like sentences, and which of them most likely are the article's: by how they are set.  No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from lxml.html import HtmlElement

from archive.extract.furniture import is_furniture, is_notice
from archive.extract.runs import Run
from archive.model import BlockKind

PROSE_CHARS = 25  # the shortest text that ends like a sentence in our samples
LINK_DENSE = 0.5
STANDFIRST_CHARS = (40, 600)
CORE_CHARS = 600  # of one paragraph count: a long one is a disclaimer as often as an article
NOTICE_SHARE = 0.2  # so much of a notice on rights counts
LATER_SHARE = 0.6  # how much less the last paragraph of a page counts than the first

_SENTENCE_END = re.compile(r"[.!?…:;»”\"’')\]。！？」]\s*$")

_COUNT = re.compile(r"\(\d{1,6}\)\s*$")

Look = tuple[str, str]  # how a paragraph is set: its tag and the nearest class, or a class of its own


def is_prose(run: Run) -> bool:
    """Whether a run reads like a sentence of text rather than a label or a link."""
    if run.is_prose is None:
        run.is_prose = _is_prose(run)
    return run.is_prose


def _is_prose(run: Run) -> bool:
    text = run.text
    return (
        len(text) >= PROSE_CHARS
        and run.link_share < LINK_DENSE
        and (len(text) >= 80 or bool(_SENTENCE_END.search(text)) or text.count(" ") >= 7)
        and not ("\n" in text and _is_list_of_counts(text))
        and not is_furniture(text)
    )


def _is_list_of_counts(text: str) -> bool:
    """Whether most lines end in a number in brackets: categories, and how many posts each has."""
    lines = text.split("\n")
    return 2 * sum(bool(_COUNT.search(line)) for line in lines) > len(lines)


def names_other_page(run: Run) -> bool:
    """Whether a run is a heading that links: the text under it is the beginning of another article."""
    return run.kind is BlockKind.HEADING and run.link_share >= LINK_DENSE


def is_standfirst(run: Run) -> bool:
    """Whether a run next to the title may be the article's summary."""
    shortest, longest = STANDFIRST_CHARS
    return run.kind is BlockKind.PARAGRAPH and shortest <= len(run.text) <= longest and is_prose(run)


def is_caption(run: Run) -> bool:
    """Whether a run may be all the words of an article that is a picture."""
    return run.kind is BlockKind.CAPTION or (len(run.text) >= PROSE_CHARS and run.link_share < LINK_DENSE)


def find_core(prose: Sequence[Run]) -> list[Run]:
    """The paragraphs that most likely are the article's: set alike, in one place, many, and soon after the title.

    `prose` are the paragraphs after the title, in order.
    """
    lengths = [min(weight_of(run), CORE_CHARS) for run in prose]
    total = sum(lengths) or 1
    weights, before = Counter[Look](), 0
    for run, length in zip(prose, lengths, strict=True):
        weights[look_of(run)] += round(length * (1 - LATER_SHARE * before / total))
        before += length
    if not weights:
        return []
    best = weights.most_common(1)[0][0]
    core = [run for run in prose if look_of(run) == best]
    region = lowest_holder(core, share=0.85)
    return [run for run in core if region in run.path]


def look_of(run: Run) -> Look:
    """How a paragraph is set. A class of its own says more than its tag: `p` and `div` may carry the same."""
    own = (run.node.get("class") or "").split()
    if own:
        return "", own[0]
    names = next((names for element in run.path[1:] if (names := element.get("class"))), "").split()
    return str(run.node.tag), names[0] if names else ""


def lowest_holder(runs: Sequence[Run], *, share: float) -> HtmlElement | None:
    """The lowest element that holds at least `share` of the characters of these runs."""
    weights: Counter[HtmlElement] = Counter()
    depths: dict[HtmlElement, int] = {}
    for run in runs:
        for height, element in enumerate(run.path):
            weights[element] += len(run.text)
            depths[element] = len(run.path) - height
    total = chars_in(runs)
    holders = [element for element, weight in weights.items() if weight >= share * total]
    return max(holders, key=lambda element: depths[element], default=None)


def weight_of(run: Run) -> int:
    """How much a paragraph speaks for being the article's, in characters."""
    return round(len(run.text) * (NOTICE_SHARE if is_notice(run.text) else 1))


def chars_in(runs: Iterable[Run]) -> int:
    """The characters of these runs."""
    return sum(len(run.text) for run in runs)

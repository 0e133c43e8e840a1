"""What was learned of a site, applied to one page: the site's own lines and places leave it before the body is sought.

Title, dates, names and tags are read as before: what repeats may be an author's name.  No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from lxml.html import HtmlElement

from archive.config import Learned
from archive.extract.layout import NOWHERE, Places, Reached
from archive.extract.letters import bare
from archive.extract.prose import LINK_DENSE, is_prose
from archive.extract.runs import Run
from archive.model import BlockKind

LINE_LIMIT_CHARS = 2_000  # nobody would learn a longer line
# Of a list, these are kept as sentences are: they may be the whole of a short article.
_KEPT_KINDS = frozenset((BlockKind.CELL, BlockKind.CAPTION, BlockKind.QUOTE))


def without_learned(runs: Sequence[Run], learned: Learned | None, title: Run | None) -> list[Run]:
    """The runs less the site's own, which leave the tree, too, so that trafilatura does not see them either.

    Nothing leaves where no sentence would remain: there a new look has the article where the old one had a box.
    """
    if learned is None:
        return list(runs)
    sites = _Sites(learned, title)
    left = {run for run in runs if run is not title and sites.has(run)}
    kept = [run for run in runs if run not in left]
    if any(map(is_prose, runs)) and not any(map(is_prose, kept)):
        return list(runs)
    for run in left:
        if not any("tag" in (element.get("rel") or "").split() for element, _ in run.slots):  # tags are read later
            run.blank()
    return kept


class _Around(NamedTuple):
    """What an element stands in."""

    in_place: bool
    in_list: bool
    place: Reached  # how far the selectors of places lead
    of_list: Reached  # and those of lists


class _Sites:
    """What is the site's on one page. What holds the title is not, whatever its name."""

    def __init__(self, learned: Learned, title: Run | None) -> None:
        self.lines, self.places, self.lists = _compiled(learned)
        self.round_title = set() if title is None else set(title.path)
        self.found: dict[HtmlElement | None, _Around] = {None: _Around(False, False, NOWHERE, NOWHERE)}

    def has(self, run: Run) -> bool:
        """Whether a run is the site's."""
        around = self.around(run.node)
        if around.in_place or (
            around.in_list and (run.link_share >= LINK_DENSE or not (is_prose(run) or run.kind in _KEPT_KINDS))
        ):
            return True
        return len(run.text) <= LINE_LIMIT_CHARS and bare(run.text) in self.lines

    def around(self, node: HtmlElement) -> _Around:
        """What an element stands in."""
        inwards: list[HtmlElement] = []
        element: HtmlElement | None = node
        while element is not None and element not in self.found:
            inwards.append(element)
            element = element.getparent()
        around = self.found[element]
        for one in reversed(inwards):
            is_open = one not in self.round_title
            place, of_list = self.places.below(around.place, one), self.lists.below(around.of_list, one)
            around = self.found[one] = _Around(
                around.in_place or (is_open and place.is_named),
                around.in_list or (is_open and of_list.is_named),
                place,
                of_list,
            )
        return around


@lru_cache(maxsize=64)
def _compiled(learned: Learned) -> tuple[frozenset[str], Places, Places]:
    return frozenset(map(bare, learned.lines)), Places(learned.places), Places(learned.lists)

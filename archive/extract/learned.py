"""What was learned of a site, applied to one page: the site's own lines and places leave it before the body is sought.

Title, dates, names and tags are read as before: what repeats may be an author's name.  No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from lxml.html import HtmlElement

from archive.config import Learned
from archive.extract.layout import Places
from archive.extract.metadata import bare
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


class _Sites:
    """What is the site's on one page. What holds the title is not, whatever its name."""

    def __init__(self, learned: Learned, title: Run | None) -> None:
        self.lines, self.places, self.lists = _compiled(learned)
        self.round_title = set() if title is None else {title.node, *title.node.iterancestors()}
        self.found: dict[HtmlElement, tuple[bool, bool]] = {}

    def has(self, run: Run) -> bool:
        """Whether a run is the site's."""
        in_place, in_list = self.around(run.node)
        if in_place or (in_list and (run.link_share >= LINK_DENSE or not (is_prose(run) or run.kind in _KEPT_KINDS))):
            return True
        return len(run.text) <= LINE_LIMIT_CHARS and bare(run.text) in self.lines

    def around(self, node: HtmlElement) -> tuple[bool, bool]:
        """Whether an element stands in a place, and in a list."""
        above: list[HtmlElement] = []
        element: HtmlElement | None = node
        while element is not None and element not in self.found:
            above.append(element)
            element = element.getparent()
        place, among = (False, False) if element is None else self.found[element]
        for one in reversed(above):
            is_open = one not in self.round_title
            place, among = place or (is_open and self.places.holds(one)), among or (is_open and self.lists.holds(one))
            self.found[one] = place, among
        return place, among


@lru_cache(maxsize=64)
def _compiled(learned: Learned) -> tuple[frozenset[str], Places, Places]:
    return frozenset(map(bare, learned.lines)), Places(learned.places), Places(learned.lists)

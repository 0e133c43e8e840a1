"""The article's body: the runs a reader came for, in order, as blocks.  No I/O.

The paragraphs that are set alike soon after the title mostly are the article: where they are not most of the page's
text, or few, trafilatura says which text it takes for it (opinion.py). Either way that is where the body is looked for,
and we walk the place ourselves: so subheads, quotes, list items and cells stay where they stand, and repeated titles,
date lines and lists of other posts go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml.html import HtmlElement

from archive.extract.elements import Elements, with_ancestors
from archive.extract.furniture import is_date_line, is_end_label, is_furniture, is_notice, is_related_label
from archive.extract.letters import bare, letters_of
from archive.extract.opinion import ask_trafilatura, is_readable, runs_among
from archive.extract.prose import (
    LINK_DENSE,
    chars_in,
    find_core,
    is_caption,
    is_prose,
    is_standfirst,
    look_of,
    lowest_holder,
    names_other_page,
)
from archive.extract.prune import Pruning
from archive.extract.runs import Run
from archive.model import BlockKind

# From here on the paragraphs that are set alike are right by themselves: so large a share of all, and so long; or less
# of a long text. trafilatura, asked on each of the shared news pages, brought .9610 token F1; on those below
# the first pair .9619; on none .9583. Later, with more put right: on those 78 pages .9636, on 59 of them .9649.
CORE_SHARE, CORE_LEAST_CHARS = 0.7, 400
LONG_CORE_SHARE, LONG_CORE_CHARS = 0.5, 2_000
REGION_SHARE = 0.85  # of the paragraphs; the rest may be a standfirst, or a disclaimer
CLOSE_TEXT_SHARE = 1.3
OWN_TEXT_CHARS, OWN_PARAGRAPHS_CHARS, OWN_TEXT_SHARE = 500, 250, 0.2
SUMMARY_CHARS = (25, 60)  # the shortest that is one; so many at its beginning are compared
BOX_SHARE = 0.3  # of the text at most is in a box that a label opens
COPY_CHARS = 70  # what is printed twice and has so many letters is a copy
PARAGRAPHS = frozenset(("p", "li", "blockquote", "td", "span", "font", "pre", "h2", "h3", "h4", "figure", "figcaption"))

_FRAME = frozenset(("body", "html", "main"))
_LISTING = frozenset(("ul", "ol", "dl", "li"))
_LISTS = frozenset(
    ("figure", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "tr", "td", "th")
)
_COLUMNS = re.compile(r"(?:^|[\s_-])(?:columns?|wp-block-group)(?:$|[\s_-])", re.IGNORECASE)
_LEAD_NAMES = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|intro|standfirst|excerpt|sub-?title|summary|deck|dek|spot|anons|vorspann|chapo)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Body:
    """The runs of an article's body, in order, and the element they stand in."""

    runs: tuple[Run, ...]
    region: HtmlElement | None
    share: float = 0.0  # of the page's paragraphs, those that are set as the article's are, 0..1


def find_body(
    elements: Elements,
    runs: Sequence[Run],
    *,
    title: Run | None,
    summary: str = "",
    place: HtmlElement | None = None,
) -> Body:
    """The body among a page's runs.

    `title` is the run that prints the title, `summary` what the head says in a sentence or two, `place` the element
    that a profile names.
    """
    pruning = Pruning(elements, runs, title)
    pruned = pruning.among({element for run in runs for element in run.path})
    walk = _Walk(runs, [run for run in runs if not run.hidden and pruned.isdisjoint(run.path)], title, place, summary)
    prose = walk.later_prose or [run for run in walk.runs if is_prose(run)]
    core = find_core(prose if place is None else [run for run in prose if place in run.path] or prose)
    share = chars_in(core) / (chars_in(prose) or 1)
    theirs = ""
    if place is None and not _is_sure(chars_in(core), share) and is_readable(elements):
        theirs = ask_trafilatura(elements, pruning)
    found, region = walk.body(runs_among(theirs, walk.runs, core) if theirs else core)
    return Body(found, region, share)


def _is_sure(chars: int, share: float) -> bool:
    """Whether paragraphs that are set alike, so long together and this share of all, are the article by themselves."""
    return (share >= CORE_SHARE and chars >= CORE_LEAST_CHARS) or (
        share >= LONG_CORE_SHARE and chars >= LONG_CORE_CHARS
    )


class _Walk:
    """One page's runs, and what is decided about each."""

    def __init__(
        self,
        everything: Sequence[Run],
        runs: list[Run],
        title: Run | None,
        place: HtmlElement | None,
        summary: str,
    ) -> None:
        self.everything, self.runs, self.title, self.place = everything, runs, title, place
        self.title_letters = bare(title.text) if title is not None else ""
        self.summary = bare(summary)
        start = runs.index(title) + 1 if title in runs and title is not None else 0
        self.later = set(runs[start:])  # what stands after the title
        self.later_prose = [run for run in runs[start:] if is_prose(run)]
        self.looks = {run: look_of(run) for run in runs}
        self.matched: set[Run] = set()  # what is taken for the article's to begin with
        self.chars = 0  # of the article's paragraphs
        self.weights: Counter[HtmlElement] = Counter()  # what those stand in, and how much of them
        self.parents: set[HtmlElement] = set()  # and what directly
        self.around: set[HtmlElement | None] = set()  # what holds several of those, as the parts of a live blog

    def body(self, matched: Sequence[Run]) -> tuple[tuple[Run, ...], HtmlElement | None]:
        """The runs of the body, and the element they stand in; `matched` are those that say where it is."""
        self.matched = set(matched)
        region = self.region() if self.place is None else self.place
        if region is None:
            return (), None
        region = self.with_siblings(region)
        runs = self.after_title([run for run in self.runs if region in run.path])
        if not any(run in self.matched and is_prose(run) for run in runs):
            self.matched |= {run for run in runs if is_prose(run)} or {run for run in runs if is_caption(run)}
        prose = [run for run in runs if run in self.matched and is_prose(run)]
        self.chars = chars_in(prose)
        self.parents = {_container(run) for run in prose if len(run.path) > 1 and not is_notice(run.text)}
        around = Counter(parent.getparent() for parent in self.parents)
        self.around = {element for element, count in around.items() if count > 1}
        for run in prose:
            for element in run.path:
                self.weights[element] += len(run.text)
        kept = list(self.of_article(runs, set(prose)))
        while kept and kept[-1].kind is BlockKind.HEADING:
            kept.pop()
        return (*self.opening(region, kept), *kept), region

    def of_article(self, runs: list[Run], prose: set[Run]) -> Iterator[Run]:
        """Those of the region's runs that are the article's; `prose` are the ones that surely are."""
        sure = prose or self.matched
        places = [index for index, run in enumerate(runs) if run in sure]
        first, last = (places[0], places[-1]) if places else (0, -1)
        ends = {self.looks[run]: index for index, run in enumerate(runs) if run in prose}
        boxes = self.boxes(runs, first)
        texts: dict[str, Run] = {}
        reach = -1  # the last place of what is set as the article was so far
        for index, run in enumerate(runs):
            look = self.looks[run]
            if not boxes.isdisjoint(run.path):
                continue
            if index > last and is_end_label(run.text):
                return
            if run.kind is BlockKind.HEADING and is_related_label(run.text) and (index > last or 0 <= reach < index):
                return
            if self.is_of_article(run, inside=first <= index <= last, later=index > last, alike=look in ends):
                if not self.is_copy(run, texts):
                    yield run
                if run in sure:
                    reach = max(reach, ends.get(look, -1))

    def is_copy(self, run: Run, texts: dict[str, Run]) -> bool:
        """Whether a paragraph was there before, set otherwise: a copy for the printer, or for a machine to read."""
        letters = letters_of(run.text)
        if len(letters) < COPY_CHARS or (same := texts.setdefault(letters, run)) is run:
            return False
        return run.kind in (BlockKind.PARAGRAPH, BlockKind.CAPTION) and self.looks[same] != self.looks[run]

    def with_siblings(self, region: HtmlElement) -> HtmlElement:
        """The region, or what holds it and its like, where the text goes on in elements of the same class."""
        names = (region.get("class") or "").split()
        if not names or self.place is not None:
            return region
        looks = {self.looks[run] for run in self.later_prose if region in run.path}
        beside = [
            run
            for run in self.later_prose
            if self.looks[run] in looks
            and region not in run.path
            and any(one.tag == region.tag and (one.get("class") or "").split() == names for one in run.path)
        ]
        if not beside:
            return region
        self.matched |= set(beside)
        shared = set(beside[0].path).intersection(*(run.path for run in beside[1:]))
        return next((element for element in region.iterancestors() if element in shared), region)

    def opening(self, region: HtmlElement, kept: list[Run]) -> list[Run]:
        """The standfirst between the title and the text, where the text itself begins in another element.

        Captions up there stay with their pictures: as body text they cost .008 token F1 on the shared news pages.
        """
        if self.title is None or not kept:
            return []
        everything = list(self.everything)
        between = everything[everything.index(self.title) + 1 : everything.index(kept[0])]
        texts = {letters_of(run.text) for run in kept}
        above = [*self.title.path[1:3], region.getparent()]
        near = [element for element in above if element is not None and element.tag not in _FRAME]
        found = []
        for run in between:
            if run.hidden or run.link_share >= LINK_DENSE or self.repeats_title(run.text):
                continue
            is_near = run.node.getparent() in near or _is_named_lead(run)
            is_lead = self.is_summary(run) or (is_near and run in self.looks and is_standfirst(run))
            if is_lead and letters_of(run.text) not in texts:
                found.append(run)
        return found

    def is_summary(self, run: Run) -> bool:
        """Whether a run says what the head of the page says in a sentence or two."""
        least, compared = SUMMARY_CHARS
        if len(run.text) < least or len(run.text) > 3 * len(self.summary) + compared:
            return False
        text = bare(run.text)
        is_beginning = len(self.summary) >= compared and text.startswith(self.summary[:compared])
        return len(text) >= least and (text in self.summary or is_beginning)

    def boxes(self, runs: list[Run], first: int) -> set[HtmlElement]:
        """The elements that present other articles: round a linked heading or a label, and without this one's text."""
        begun = {element for run in runs[: first + 1] for element in run.path}
        found = {run.node.getparent() for run in runs[first + 1 :] if names_other_page(run)}
        boxes = {box for box in found if box is not None and box not in begun}
        for index, run in enumerate(runs):
            if is_related_label(run.text):
                boxes |= self.box_under(runs, index)
        return boxes

    def box_under(self, runs: list[Run], index: int) -> set[HtmlElement]:
        """The highest element that a label opens, where it holds little of the text and nothing stands before it."""
        before = set(runs[index - 1].path) if index else set()
        found: set[HtmlElement] = set()
        for element in runs[index].path[1:]:
            if element in before or self.weights[element] > BOX_SHARE * self.chars:
                break
            found = {element}
        return found

    def after_title(self, runs: list[Run]) -> list[Run]:
        """The runs after the title, where that is any text at all."""
        if self.title is None:
            return runs
        later = [run for run in runs if run in self.later]
        return later if any(map(is_prose, later)) else runs

    def is_of_article(self, run: Run, *, inside: bool, later: bool, alike: bool) -> bool:
        """Whether a run is the article's, by where it stands among those that are: between, behind, set alike."""
        text = run.text
        if is_furniture(text) or is_related_label(text) or self.repeats_title(text):
            return False
        if run.kind is BlockKind.PARAGRAPH and not run.is_bold and is_date_line(text):
            return False  # in bold or as a heading it is one of a chronology
        is_match = run in self.matched
        if run.link_share >= LINK_DENSE:
            if any("tag" in (element.get("rel") or "").split() for element, _ in run.slots):
                return False  # the article's tags and categories
            return is_match and inside and len(text) - run.linked >= 0.1 * len(text) and len(text) >= 80
        near = self.is_beside_the_text(run)
        if not near and is_notice(text):
            return False
        if is_match:
            return inside or near or is_prose(run) or self.is_in_the_text(run)
        if run.kind is BlockKind.HEADING:
            return len(text) >= 3 and (inside or (near and not later))
        if run.kind in (BlockKind.CELL, BlockKind.ITEM):
            return self.is_in_the_text(run)
        if run.kind is BlockKind.QUOTE:
            return inside or self.is_in_the_text(run)
        if run.kind is BlockKind.CAPTION:
            return inside
        if inside and near and alike:
            return True
        among = alike or (len(run.path) > 1 and run.path[1] in self.around)
        return is_prose(run) and (near or (among and not later))

    def is_in_the_text(self, run: Run) -> bool:
        """Whether a list or table stands among the paragraphs, and not in a box."""
        for element in run.path[1:]:
            if element in self.parents:
                return True
            if element.tag not in _LISTS:
                return False
        return False

    def is_beside_the_text(self, run: Run) -> bool:
        """Whether a run stands where paragraphs of the article do, or in a column there."""
        for element in run.path[1:4]:
            if element in self.parents:
                return True
            if not _COLUMNS.search(element.get("class") or ""):
                return False
        return False

    def repeats_title(self, text: str) -> bool:
        """Whether a text is the title once more."""
        return self.title is not None and len(text) <= 300 and bare(text) == self.title_letters

    def region(self) -> HtmlElement | None:
        """The element that holds the body: where the matched text is, unless the title says otherwise."""
        prose = [run for run in self.runs if run in self.matched and is_prose(run)]
        found = lowest_holder(prose, share=REGION_SHARE)
        while found is not None and found.tag in PARAGRAPHS | _LISTING:
            found = found.getparent()  # a list of sentences is a part of the text
        anchored = self.near_title()
        if found is None and anchored is None:
            return lowest_holder(self.later_prose, share=REGION_SHARE)
        if found is None or anchored is None:
            return found if anchored is None else anchored
        everywhere = chars_in(prose)
        there = chars_in(run for run in prose if anchored in run.path)
        inside = self.after_title([run for run in self.runs if anchored in run.path])
        own = [run for run in inside if is_prose(run)]
        if there == everywhere:
            is_below = anchored in found.iterancestors()
            return found if is_below and chars_in(own) > CLOSE_TEXT_SHARE * everywhere else anchored
        # A header with its standfirst is shorter, a list of other posts below the article longer than that.
        least = OWN_TEXT_CHARS if len(own) < 3 else OWN_PARAGRAPHS_CHARS
        is_whole = chars_in(own) >= max(least, OWN_TEXT_SHARE * everywhere)
        return anchored if is_whole or chars_in(own) >= 0.5 * everywhere else found

    def near_title(self) -> HtmlElement | None:
        """The lowest element round the title that holds some text after it."""
        if self.title is None:
            return None
        holders = with_ancestors(run.node for run in self.later_prose)
        for element in self.title.path[1:]:
            if element.tag in ("body", "html"):
                return None
            if element in holders or (not self.later_prose and element.find(".//img") is not None):
                return element
        return None


def _container(run: Run) -> HtmlElement:
    """What a paragraph stands in; of an item, what its list stands in."""
    return next((element for element in run.path[1:] if element.tag not in _LISTING), run.path[1])


def _is_named_lead(run: Run) -> bool:
    return bool(_LEAD_NAMES.search(" ".join(element.get("class") or "" for element in run.path[:2])))

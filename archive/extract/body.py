"""The article's body: the runs a reader came for, in order, as blocks.  The home of trafilatura.  No I/O.

trafilatura says which text it takes for the article; we use that to find the place, then walk the place ourselves, so
that subheads, quotes, list items and cells stay where they stand and repeated titles, date lines and related lists go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import trafilatura
from lxml.html import HtmlElement

from archive.extract.furniture import is_end_label, is_furniture, is_related_label
from archive.extract.metadata import bare
from archive.extract.runs import Run, is_hidden
from archive.model import BlockKind

# Guarded pruning (design of 2026-11): unguarded, class names harm good pages (.941 → .880 token F1); never more than a
# fifth of the paragraph text, never the h1, they help old ones (.752 → .778).
PRUNE_SHARE = 0.2
PROSE_CHARS = 25  # the shortest text that ends like a sentence in our samples
LINK_DENSE = 0.5
# 6 times the elements and 18 times the text of the largest of our sample pages; beyond, trafilatura needs seconds and
# we do without.
ELEMENT_LIMIT, TEXT_LIMIT_CHARS = 15_000, 1_000_000
# Runs times letters: 20 times the fullest of our sample pages, and half a second.
MATCH_LIMIT = 200_000_000
CLOSE_TEXT_SHARE = 1.3
STANDFIRST_CHARS = (40, 600)
OWN_TEXT_CHARS, OWN_TEXT_SHARE = 500, 0.2
PARAGRAPHS = frozenset(("p", "li", "blockquote", "td", "span", "font", "pre", "h2", "h3", "h4", "figure", "figcaption"))

_PRUNED_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|respond|disqus|yorum(?:lar)?|related|share|sharing|social|sidebar"
    r"|widget|newsletter|promo|breadcrumbs?"
    r"|pagination|pager|navigation|navbar|menu|cookies?|banner|advert(?:isement)?|ads?|popup|modal"
    r"|recommend(?:ed|ation|ations)?|outbrain|taboola|most-?read|popular"
    r"|sponsor(?:ed)?|subscribe|subscription|paywall|author-?box|toolbar|login|teaser|footer)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PRUNED_TAGS = frozenset(("nav", "aside", "footer", "form", "dialog", "menu"))
_PRUNED_ROLES = frozenset(
    ("navigation", "complementary", "contentinfo", "search", "dialog", "menu", "banner", "alertdialog")
)
COMMENT_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|commentlist|comment-?list|comments-?area|disqus_thread|yorumlar)(?:$|[\s_-])", re.I
)
_SIGNS_OF_COMMENTS = (
    ".//form | .//textarea | .//time | .//*[starts-with(@id, 'comment-')] | .//*[contains(@class, 'comment')]"
)
_SENTENCE_END = re.compile(r"[.!?…:;»”\"’')\]]\s*$")


@dataclass(frozen=True, slots=True)
class Body:
    """The runs of an article's body, in order, and the element they stand in."""

    runs: tuple[Run, ...]
    region: HtmlElement | None


def find_body(root: HtmlElement, runs: Sequence[Run], *, title: Run | None, place: HtmlElement | None = None) -> Body:
    """The body among a page's runs. `title` is the run that prints the title, `place` the element a profile names."""
    pruned = prune(root, runs, title)
    seen = [run for run in runs if not run.hidden and not _is_inside(run.node, pruned)]
    found = _ask_trafilatura(root, pruned) if _is_for_trafilatura(root) else ""
    lines, joined = set(found.split("\n")), found.replace("\n", "")
    matched = [run for run in seen if _is_in(run, lines, joined)] if len(seen) * len(joined) < MATCH_LIMIT else []
    return _Walk(seen, matched, title, place).body()


def prune(root: HtmlElement, runs: Sequence[Run], title: Run | None) -> set[HtmlElement]:
    """The elements that are the site's rather than the article's, none with much text or the title inside."""
    weights: Counter[HtmlElement] = Counter()
    total = 0
    for run in runs:
        if is_prose(run) and not run.hidden:
            total += len(run.text)
            for element in (run.node, *run.node.iterancestors()):
                weights[element] += len(run.text)
    kept = set() if title is None else {title.node, *title.node.iterancestors()}
    kept |= _with_ancestors(root.iter("h1"))
    round_comments: set[HtmlElement] | None = None
    pruned: set[HtmlElement] = set()
    for element in root.iter():
        if not isinstance(element.tag, str) or element in kept or element.tag in ("body", "html", "main", "article"):
            continue
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        # Comments may outweigh a short article, so the guard is another: a form, dates or authors inside.
        is_comments = title is not None and COMMENT_NAMES.search(names) and element.tag not in ("a", "span", "body")
        if is_comments and round_comments is None:
            found = (sign.getparent() for sign in root.xpath(_SIGNS_OF_COMMENTS))
            round_comments = _with_ancestors(parent for parent in found if parent is not None)
        is_light = weights[element] <= PRUNE_SHARE * total
        if (is_comments and element in (round_comments or ())) or (is_light and _is_the_sites(element, names)):
            pruned.add(element)
    return pruned


def _is_the_sites(element: HtmlElement, names: str) -> bool:
    if element.tag in _PRUNED_TAGS or element.get("role") in _PRUNED_ROLES or is_hidden(element):
        return True
    return bool(names.strip() and _PRUNED_NAMES.search(names))


def _with_ancestors(elements: Iterable[HtmlElement]) -> set[HtmlElement]:
    """These elements and all they stand in, each looked at once."""
    found: set[HtmlElement] = set()
    for element in elements:
        above: HtmlElement | None = element
        while above is not None and above not in found:
            found.add(above)
            above = above.getparent()
    return found


def is_prose(run: Run) -> bool:
    """Whether a run reads like a sentence of text rather than a label or a link."""
    text = run.text
    return (
        len(text) >= PROSE_CHARS
        and run.link_share < LINK_DENSE
        and (len(text) >= 80 or bool(_SENTENCE_END.search(text)) or text.count(" ") >= 7)
        and not is_furniture(text)
    )


def is_standfirst(run: Run) -> bool:
    """Whether a run next to the title may be the article's summary."""
    shortest, longest = STANDFIRST_CHARS
    return run.kind is BlockKind.PARAGRAPH and shortest <= len(run.text) <= longest and is_prose(run)


def is_caption(run: Run) -> bool:
    """Whether a run may be all the words of an article that is a picture."""
    return run.kind is BlockKind.CAPTION or (len(run.text) >= PROSE_CHARS and run.link_share < LINK_DENSE)


def _is_inside(node: HtmlElement, elements: set[HtmlElement]) -> bool:
    return node in elements or any(ancestor in elements for ancestor in node.iterancestors())


def _ask_trafilatura(root: HtmlElement, pruned: set[HtmlElement]) -> str:
    """The letters of what trafilatura takes for the article, without white space; "" when it finds none.

    Comments, dates and metadata are not asked for: they cost half the time, and htmldate guesses.
    """
    tree = root.getroottree().getroot()
    for element in pruned:
        element.set("data-pruned", "1")
    copied = deepcopy(tree)
    for element in pruned:
        del element.attrib["data-pruned"]
    for element in copied.xpath("//*[@data-pruned]"):
        element.drop_tree()
    try:
        document = trafilatura.bare_extraction(copied, include_comments=False, with_metadata=False, include_tables=True)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ""
    body = getattr(document, "body", None)
    return "" if body is None else "\n".join(_letters(text) for text in body.itertext() if text.strip())


def _is_for_trafilatura(root: HtmlElement) -> bool:
    if sum(1 for _ in root.iter()) >= ELEMENT_LIMIT:
        return False
    code = sum(len(element.text or "") for element in root.iter("script", "style"))
    return bool(root.xpath("string-length()") - code < TEXT_LIMIT_CHARS)


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text)


def _is_in(run: Run, lines: set[str], joined: str) -> bool:
    letters = _letters(run.text)
    if len(letters) < 12:
        return bool(letters) and letters in lines
    # Inline elements break trafilatura's text into pieces.
    return letters[:60] in joined


class _Walk:
    """One page's runs, and what is decided about each."""

    def __init__(self, runs: list[Run], matched: list[Run], title: Run | None, place: HtmlElement | None) -> None:
        self.title, self.place = title, place
        self.start = runs.index(title) + 1 if title in runs and title is not None else 0
        self.runs = runs
        self.matched = set(matched)

    def body(self) -> Body:
        region = self.region() if self.place is None else self.place
        if region is None:
            return Body((), None)
        runs = self.after_title([run for run in self.runs if _holds(region, run)])
        if not any(run in self.matched and is_prose(run) for run in runs):
            self.matched |= {run for run in runs if is_prose(run)} or {run for run in runs if is_caption(run)}
        places = [index for index, run in enumerate(runs) if run in self.matched and is_prose(run)]
        places = places or [index for index, run in enumerate(runs) if run in self.matched]
        first, last = (places[0], places[-1]) if places else (0, -1)
        parents = Counter(run.node.getparent() for run in runs if run in self.matched and is_prose(run))
        looks = {_look(run) for run in runs if run in self.matched and is_prose(run)}
        teasers = self.teasers(runs, first)
        kept: list[Run] = []
        for index, run in enumerate(runs):
            if teasers and _is_inside(run.node, teasers):
                continue
            if index > last and (
                is_end_label(run.text) or (is_related_label(run.text) and run.kind is BlockKind.HEADING)
            ):
                break
            if self.is_of_article(
                run, inside=first <= index <= last, near=run.node.getparent() in parents, alike=_look(run) in looks
            ):
                kept.append(run)
        while kept and kept[-1].kind is BlockKind.HEADING:
            kept.pop()
        return Body((*self.opening(region, kept), *kept), region)

    def opening(self, region: HtmlElement, kept: list[Run]) -> list[Run]:
        """The standfirst beside the title, where the text itself begins in another element.

        Captions up there stay with their pictures: as body text they cost .008 token F1 on the shared news pages.
        """
        if self.title is None or not kept or kept[0] not in self.runs:
            return []
        header = self.title.node.getparent()
        if header is None or header.tag in ("body", "html") or _holds(header, kept[0]):
            return []
        between = self.runs[self.start : self.runs.index(kept[0])]
        return [
            run
            for run in between
            if run.node.getparent() is header
            and is_standfirst(run)
            and not is_furniture(run.text)
            and not self.repeats_title(run.text)
        ]

    def teasers(self, runs: list[Run], first: int) -> set[HtmlElement]:
        """The elements that present other articles: round a linked heading, and without the beginning of this one."""
        boxes = {run.node.getparent() for run in runs[first + 1 :] if _names_other_page(run)}
        begun = {element for run in runs[: first + 1] for element in (run.node, *run.node.iterancestors())}
        return {box for box in boxes if box is not None and box not in begun}

    def after_title(self, runs: list[Run]) -> list[Run]:
        """The runs after the title, where that is any text at all."""
        if self.title is None:
            return runs
        later = set(self.runs[self.start :])
        return [run for run in runs if run in later] if any(run in later and is_prose(run) for run in runs) else runs

    def is_of_article(self, run: Run, *, inside: bool, near: bool, alike: bool) -> bool:
        text = run.text
        if is_furniture(text) or is_related_label(text) or self.repeats_title(text):
            return False
        if any("tag" in (element.get("rel") or "").split() for element, _ in run.slots):
            return False  # the article's tags and categories
        is_match = run in self.matched
        if run.link_share >= LINK_DENSE:
            return is_match and inside and len(text) - run.linked >= 0.1 * len(text) and len(text) >= 80
        if is_match:
            return True
        if run.kind is BlockKind.HEADING:
            return inside and len(text) >= 3
        if run.kind in (BlockKind.CAPTION, BlockKind.CELL, BlockKind.ITEM, BlockKind.QUOTE):
            return inside
        return is_prose(run) and ((inside and (near or alike)) or near)

    def repeats_title(self, text: str) -> bool:
        return self.title is not None and len(text) <= 300 and bare(text) == bare(self.title.text)

    def region(self) -> HtmlElement | None:
        """The element that holds the body: where trafilatura's text is, unless the title says otherwise."""
        prose = [run for run in self.runs if run in self.matched and is_prose(run)]
        found = _lowest_holder(prose, share=0.85)
        if found is not None and found.tag in PARAGRAPHS and found.getparent() is not None:
            found = found.getparent()
        anchored = self.near_title()
        if found is None and anchored is None:
            return _lowest_holder([run for run in self.runs[self.start :] if is_prose(run)], share=0.85)
        if found is None or anchored is None:
            return found if anchored is None else anchored
        everywhere = sum(len(run.text) for run in prose)
        there = sum(len(run.text) for run in prose if _holds(anchored, run))
        own = sum(
            len(run.text)
            for run in self.after_title([run for run in self.runs if _holds(anchored, run)])
            if is_prose(run)
        )
        if there == everywhere:
            return found if _is_below(found, anchored) and own > CLOSE_TEXT_SHARE * everywhere else anchored
        # A header with its standfirst is shorter, a list of other posts below the article longer than that.
        is_whole = own >= OWN_TEXT_CHARS and own >= OWN_TEXT_SHARE * everywhere
        return anchored if is_whole or own >= 0.5 * everywhere else found

    def near_title(self) -> HtmlElement | None:
        """The lowest element round the title that holds some text after it."""
        if self.title is None:
            return None
        later = [run for run in self.runs[self.start :] if is_prose(run)]
        holders = _with_ancestors(run.node for run in later)
        for element in self.title.node.iterancestors():
            if element.tag in ("body", "html"):
                return None
            if element in holders or (not later and element.find(".//img") is not None):
                return element
        return None


def _names_other_page(run: Run) -> bool:
    """Whether a run is a heading that links: the text under it is the beginning of another article."""
    return run.kind is BlockKind.HEADING and run.link_share >= LINK_DENSE


def _holds(element: HtmlElement, run: Run) -> bool:
    return run.node is element or any(ancestor is element for ancestor in run.node.iterancestors())


def _is_below(element: HtmlElement, other: HtmlElement) -> bool:
    return any(ancestor is other for ancestor in element.iterancestors())


def _lowest_holder(runs: Sequence[Run], *, share: float) -> HtmlElement | None:
    """The lowest element that holds at least `share` of the characters of these runs."""
    weights: Counter[HtmlElement] = Counter()
    for run in runs:
        for element in (run.node, *run.node.iterancestors()):
            weights[element] += len(run.text)
    total = sum(len(run.text) for run in runs)
    holders = [element for element, weight in weights.items() if weight >= share * total]
    return max(holders, key=lambda element: sum(1 for _ in element.iterancestors()), default=None)


def _look(run: Run) -> tuple[str, str, str]:
    parent = run.node.getparent()
    return str(run.node.tag), run.node.get("class") or "", "" if parent is None else parent.get("class") or ""

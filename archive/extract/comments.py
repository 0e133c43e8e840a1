"""What readers wrote below an article, apart from its body, and how many of them did.  No I/O.

A page marks each comment: by schema.org's Comment, by WordPress's `comment-17`, by a name, or as one of the rows of an
area that is called comments. Whatever the mark, a comment has words and somebody who wrote them or a date; a box
without either is something else. One in which anything injected was found is spam, and kept as a finding instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from lxml import etree
from lxml.html import HtmlElement

from archive.dates import may_be_date
from archive.extract.counts import read_count
from archive.extract.elements import Elements, inner_text
from archive.extract.furniture import is_comments_label, is_furniture
from archive.extract.jsonld import MAX_LISTED, text_of, types_of
from archive.extract.letters import bare
from archive.extract.metadata import Head
from archive.extract.moments import Dates
from archive.extract.prune import COMMENT_NAMES
from archive.extract.runs import HEADINGS, Run
from archive.model import Comment, Precision

# 6 times the most on one page of our samples; what comes after is not read.
MAX_COMMENTS, MAX_MARKED = 500, 10_000
TEXT_LIMIT_CHARS = 20_000  # of one comment
AUTHOR_CHARS, DATE_CHARS, META_CHARS = 80, 60, 15
MAX_MISSES = 200  # lines of a page that looked like dates and are none; each takes dateparser a millisecond or two

_BOX_TAGS = frozenset(("li", "div", "article", "section", "dl", "dd", "tr", "td", "table", "p", "blockquote"))
_BOX_TYPE = re.compile(r"schema\.org/(?:User)?Comments?/?$")
_BOX_ID = re.compile(r"(?:li-|div-)?(?:comment|yorum)[-_]?\d+", re.IGNORECASE)
_BOX_NAME = re.compile(r"(?:comment|yorum)", re.IGNORECASE)
_ROW_NAME = re.compile(
    r"(?:single|user|okuyucu)?[-_]*(?:comments?|yorum(?:lar)?)[-_]*(?:item|row|box|body|single|wrap(?:per)?|entry|card"
    r"|node|container|block|kutu(?:su)?|satir|list-?item|oge)",
    re.IGNORECASE,
)
_NO_READER = re.compile(r"(?:^|\s)(?:pingback|trackback)(?:$|\s)")
_ASIDE = re.compile(r"(?:^|\s)(?:widget|sidebar)(?:$|\s)|recent-?comments|son-?yorumlar", re.IGNORECASE)
_DEPTH = re.compile(r"(?:^|\s)depth-(\d{1,2})(?:$|\s)")
_AUTHOR_NAME = re.compile(
    r"fn|(?:[\w-]*[-_])?(?:author|user|yazar|uye|kullanici|nick|writer|commenter|poster)(?:[-_]*(?:name|nick|ad[ıi]?"
    r"|isim|link))?|(?:comments?|yorum)[-_]*(?:name|isim|ad[ıi]?|sahibi)",
    re.IGNORECASE,
)
_CONTENT_NAME = re.compile(
    r"(?:[\w-]*[-_])?(?:comments?|yorum)[-_]*(?:content|text|body|message|metin|metni|icerik|mesaj|entry|copy)"
    r"|content|text|message|metin|icerik|mesaj",
    re.IGNORECASE,
)
_CONTENT_PROPERTY = frozenset(("text", "commentText", "description", "reviewBody"))
# Only with their colon: Said is a name.
_SAYS = re.compile(
    r"(?:\s(?:says|said|diyor(?: ki)?|dedi(?: ki)?|yazdı|sagt|schreibt|a dit|dice|пишет|говорит|деді) ?:|[ :,])$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of a page and where they come from; `source` is "" where there are none."""

    listed: tuple[Comment, ...] = ()
    source: str = ""
    count: int | None = None  # as the page says, else as many as were read
    count_source: str = ""


def read_comments(
    elements: Elements,
    root: HtmlElement,
    runs: Sequence[Run],
    head: Head,
    *,
    is_spam: Callable[[str], bool],
    dates: Dates,
) -> Comments:
    """The comments below `root` in the order of the page. `runs` were read before anything injected was taken out."""
    marked = _marked(elements, root)[:MAX_MARKED]
    posted = _PostDates(dates)
    listed, source = list[Comment](), ""
    for boxes in _ways_to_mark(marked, elements) if marked else ():
        if boxes and (found := _read_boxes(boxes, runs, posted, is_spam)):
            listed = [comment for comment, _ in found if comment]
            source = "microdata" if all(is_typed for _, is_typed in found) else "layout"
            break
    if not source and (listed := list(_in_json(head.main, posted, is_spam))):
        source = "json-ld"
    count, count_source = read_count(head, elements, marked)
    if count is None and listed:
        count, count_source = len(listed), source
    return Comments(tuple(listed), source if listed else "", count, count_source)


def _marked(elements: Elements, root: HtmlElement) -> list[HtmlElement]:
    """The elements below `root` that are named after comments, or are some by schema.org."""
    found = {element for element, names in elements.names.items() if "omment" in names or "orum" in names}
    found.update(element for element, kind in elements.types.items() if "Comment" in kind)
    found.update(elements.with_property("comment"))
    return elements.among(root, found)


def _ways_to_mark(marked: Sequence[HtmlElement], elements: Elements) -> Iterator[list[HtmlElement]]:
    """The elements that may each be a comment: by a sure mark, by a name, by standing in a row in an area of them."""
    beside = {element for element in marked if _ASIDE.search(element.get("class") or "")}
    within = [
        element
        for element in marked
        if element.tag in _BOX_TAGS
        and not any(above.tag in ("aside", "nav", "form") or above in beside for above in element.iterancestors())
        and element not in beside
    ]
    yield [element for element in within if _is_box(element)][:MAX_COMMENTS]
    yield [element for element in within if _is_named(element, _ROW_NAME)][:MAX_COMMENTS]
    areas = [element for element in within if COMMENT_NAMES.search(elements.names.get(element, ""))]
    yield list(dict.fromkeys(row for area in areas[:MAX_LISTED] for row in _rows_of(area)))[:MAX_COMMENTS]


def _is_box(element: HtmlElement) -> bool:
    return (
        bool(_BOX_TYPE.search(element.get("itemtype") or ""))
        or element.get("itemprop") == "comment"
        or bool(_BOX_ID.fullmatch(element.get("id") or ""))
        or _is_named(element, _BOX_NAME)
    )


def _is_named(element: HtmlElement, name: re.Pattern[str]) -> bool:
    return any(name.fullmatch(token) for token in (element.get("class") or "").split()[:MAX_LISTED])


def _rows_of(area: HtmlElement) -> list[HtmlElement]:
    """The items of an area's list, or those of its children that look alike."""
    for around in (area, *islice(area.iter("ol", "ul"), 5)):
        rows = [child for child in islice(around, 2 * MAX_COMMENTS) if child.tag in _BOX_TAGS]
        if around.tag in ("ol", "ul"):
            return rows
        looks = [(row.tag, row.get("class") or "") for row in rows]
        if alike := [row for row, look in zip(rows, looks, strict=True) if looks.count(look) > 1]:
            return alike
    return []


# ---------------------------------------------------------------- one box, one comment


@dataclass(slots=True)
class _Box:
    """One element that may be a comment, with what stands in it and in no other."""

    element: HtmlElement
    runs: list[Run] = field(default_factory=list)
    comment: Comment | None = None
    first: HtmlElement | None = None  # of the comments in it; spam that stands where one would counts


def _read_boxes(
    elements: Sequence[HtmlElement], runs: Sequence[Run], dates: _PostDates, is_spam: Callable[[str], bool]
) -> list[tuple[Comment | None, bool]]:
    """Each comment, None for an injected one, with whether its element says that it is one by schema.org."""
    boxes = {element: _Box(element) for element in elements}
    holders: dict[HtmlElement, _Box | None] = {}
    for run in runs:
        holder = _holder(run.node, boxes, holders)
        if holder is not None and not run.hidden:
            holder.runs.append(run)
    found = list[tuple[Comment | None, bool]]()
    for element, box in boxes.items():
        if not box.runs or _NO_READER.search(element.get("class") or ""):
            continue
        _read_box(box, boxes, dates)
        if box.comment is None:
            continue
        said = (box.comment.text, box.comment.author or "")
        injected = any(not _is_intact(run) for run in box.runs) or any(is_spam(text) for text in said if text)
        is_typed = any(
            _BOX_TYPE.search(one.get("itemtype") or "") for one in (element, element.getparent()) if one is not None
        )
        found.append((None if injected else box.comment, is_typed))
    return found


def _holder(node: HtmlElement, boxes: Mapping[HtmlElement, _Box], known: dict[HtmlElement, _Box | None]) -> _Box | None:
    """The nearest box that an element stands in; none for what stands in a form."""
    way = list[HtmlElement]()
    above: HtmlElement | None = node
    found: _Box | None = None
    while above is not None:
        if above in known:
            found = known[above]
            break
        way.append(above)
        if above in boxes or above.tag == "form":
            found = boxes.get(above)
            break
        above = above.getparent()
    known.update(dict.fromkeys(way, found))
    return found


def _is_intact(run: Run) -> bool:
    """Whether a run's text still stands in the tree: what was injected has been taken out."""
    now = "".join((element.tail if is_tail else element.text) or "" for element, is_tail in run.slots)
    return "".join(now.split()) == "".join(run.text.split())


def _read_box(box: _Box, boxes: Mapping[HtmlElement, _Box], dates: _PostDates) -> None:
    own = list(_own_elements(box.element, boxes))
    author, author_element = _author(own)
    is_marked = author is not None
    posted, date_element = dates.marked(own)
    if author is None and len(box.runs) > 1 and len(box.runs[0].text) <= AUTHOR_CHARS:
        first = box.runs[0]
        bold = next((one for one in first.node.iter("b", "strong") if (one.text or "").strip()), None)
        author = _cleaned_author(inner_text(bold if bold is not None else first.node, limit=AUTHOR_CHARS))
        if author and dates.printed(author):
            author = None
        author_element = None if author is None else bold if bold is not None else first.node
    left_out = {element for element in (author_element, date_element) if element is not None}
    content = next((one for one in own if _is_content(one) and not _holds_any(one, left_out)), None)
    lines = list[str]()
    for run in box.runs:
        is_content = content is not None and content in run.path
        text = run.text if is_content else _without(run, left_out)
        if posted is None and not is_content and len(text) <= DATE_CHARS and (posted := dates.printed(text)):
            continue
        if content is not None and not is_content:
            continue
        if is_content or not (_is_button(run, text) or bare(text) in ("", bare(author or ""))):
            lines.append(text)
    words = "\n".join(line for line in lines if line)[:TEXT_LIMIT_CHARS]
    # A first line that no element calls a name may be a heading or an invitation: only with a date is it one.
    if not words or (posted is None and (author is None or not is_marked)):
        return
    at, precision, printed = posted or (None, None, None)
    around = [boxes[one] for one in (box.element, *box.element.iterancestors()) if one in boxes]
    box.comment = Comment(
        text=words,
        author=author,
        posted_at=at,
        posted_precision=precision,
        posted_as=printed,
        depth=_depth(around),
    )
    for one in around:
        one.first = one.first if one.first is not None else box.element


def _own_elements(element: HtmlElement, boxes: Mapping[HtmlElement, _Box]) -> Iterator[HtmlElement]:
    """The elements of a box that stand in no box inside it, nor in a form or button."""
    walk = etree.iterwalk(element, events=("start",))
    for _, one in walk:
        if one is not element and (one in boxes or one.tag in ("form", "button", "script", "style")):
            walk.skip_subtree()
        elif isinstance(one.tag, str):
            yield one


def _author(own: Sequence[HtmlElement]) -> tuple[str | None, HtmlElement | None]:
    named = [one for one in own if one.get("itemprop") == "author"]
    named += [one for one in own if "fn" in (one.get("class") or "").split()]
    named += [one for one in own if _is_named(one, _AUTHOR_NAME)]
    named += [one for one in own if one.tag == "cite"]
    for element in named[:MAX_LISTED]:
        inner = next((one for one in element.iter() if one.get("itemprop") == "name"), element)
        written = inner.get("content") if inner.tag == "meta" else inner_text(inner, limit=2 * AUTHOR_CHARS)
        if author := _cleaned_author(written or ""):
            return author, element
    return None, None


def _cleaned_author(text: str) -> str | None:
    cleaned = _SAYS.sub("", " ".join(text.split()))
    is_name = 0 < len(cleaned) <= AUTHOR_CHARS and not is_furniture(cleaned) and not is_comments_label(cleaned)
    return cleaned if is_name else None


def _is_content(element: HtmlElement) -> bool:
    return element.get("itemprop") in _CONTENT_PROPERTY or _is_named(element, _CONTENT_NAME)


def _holds_any(element: HtmlElement, others: set[HtmlElement]) -> bool:
    return any(element is other or element in other.iterancestors() for other in others)


def _without(run: Run, left_out: set[HtmlElement]) -> str:
    """A run's text less what stands in these elements; "" where hardly more than they is left."""
    pieces = list[str]()
    for element, is_tail in run.slots:
        nearest = element.getparent() if is_tail else element
        if nearest is None or not (nearest in left_out or any(one in left_out for one in nearest.iterancestors())):
            pieces.append((element.tail if is_tail else element.text) or "")
    if len(pieces) == len(run.slots):
        return run.text
    text = " ".join(" ".join(pieces).split()).strip(" :,–—-|·•")
    return "" if _SAYS.fullmatch(f" {text}:") else text


def _is_button(run: Run, text: str) -> bool:
    """Whether a line is a part of the page's machine: to answer, to like, to report."""
    return is_furniture(text) or run.node.tag in HEADINGS or (run.link_share >= 0.8 and len(text) <= 2 * META_CHARS)


def _depth(around: Sequence[_Box]) -> int:
    """How many comments one stands under: by WordPress's `depth-2`, else by the boxes around it, itself the first."""
    for box in around[:2]:
        if found := _DEPTH.search(box.element.get("class") or ""):
            return max(0, int(found[1]) - 1)
    # A box that only wraps another one is of the same comment; it tells by its first.
    return len({box.first for box in around[1:] if box.first is not None})


# ---------------------------------------------------------------- dates and JSON-LD

_Posted = tuple[datetime, Precision, str | None]


class _PostDates:
    """How the dates of one page's comments are read; a page can be wrong only so often."""

    def __init__(self, dates: Dates) -> None:
        self.dates = dates
        self.missed = 0

    def marked(self, own: Sequence[HtmlElement]) -> tuple[_Posted | None, HtmlElement | None]:
        """The date that an element gives for machines, as printed too, and that element."""
        for element in own:
            named = (element.get("itemprop") or "") in ("datePublished", "dateCreated", "commentTime")
            if element.tag == "time" or named:
                printed = inner_text(element, limit=DATE_CHARS)[:DATE_CHARS] or None
                written = element.get("datetime") or element.get("content") or ""
                if posted := self.written(written, printed):
                    return posted, element
                if printed and (posted := self.printed(printed)):
                    return posted, element
        return None, None

    def written(self, text: str, printed: str | None) -> _Posted | None:
        moment = self.dates.written(text, "") if text else None
        return (moment.at, moment.precision, printed) if moment else None

    def printed(self, text: str) -> _Posted | None:
        if not may_be_date(text[:DATE_CHARS]) or self.missed >= MAX_MISSES:
            return None
        found = self.dates.printed(text)
        self.missed += found is None
        return (found.at.astimezone(UTC), found.precision, text) if found else None


def _in_json(main: Mapping[str, Any], dates: _PostDates, is_spam: Callable[[str], bool]) -> Iterator[Comment]:
    written = main.get("comment")
    for one in (written if isinstance(written, list) else [written])[:MAX_COMMENTS]:
        if not isinstance(one, dict) or not types_of(one) <= {"Comment", "UserComments", "Answer"}:
            continue
        text = text_of(one.get("text") or one.get("commentText") or one.get("description"))[:TEXT_LIMIT_CHARS]
        author = _cleaned_author(text_of(one.get("author") or one.get("creator")))
        if not text or is_spam(text) or (author and is_spam(author)):
            continue
        posted = dates.written(text_of(one.get("datePublished") or one.get("dateCreated")), None)
        at, precision, printed = posted or (None, None, None)
        yield Comment(text=text, author=author, posted_at=at, posted_precision=precision, posted_as=printed)

"""What a page prints round its title: the date, who wrote it, the section.  No I/O.

Only a few runs on both sides of the title are looked at: dates in sidebars, in lists of other posts and in the clock at
the top of a page are not the article's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice, takewhile

from lxml.html import HtmlElement

from archive.dates import may_be_date
from archive.extract.elements import inner_text
from archive.extract.furniture import is_comments_label
from archive.extract.jsonld import path_of
from archive.extract.moments import Dates, Moment
from archive.extract.names import clean_names
from archive.extract.page import Page
from archive.extract.prose import LINK_DENSE, is_prose, names_other_page
from archive.extract.prune import told_by
from archive.extract.runs import Run
from archive.language import fold
from archive.model import BlockKind, PrintedDate

RUNS_AFTER, RUNS_BEFORE, RUNS_BELOW = 14, 5, 24
PROSE_RUNS_AFTER = 3  # a date line may stand under a standfirst, or below a short first paragraph
MAX_LINE_CHARS = 120
UPDATED_BEFORE = 8  # letters before the label: "Son ", "Last "
MAX_PIECES = 12  # of one line; each may be asked of dateparser, which takes a millisecond

_AUTHOR_PATH = re.compile(
    r"/(?:authors?|aut[eo]u?r(?:s|es|en|i)?|yazar(?:lar)?|kose-yazar[a-z]*|muhabir(?:ler)?|avtor[yi]?|people|profile"
    r"|reporters?|journalists?|redakteure?|contributors?|columnists?|by)/",
    re.IGNORECASE,
)
_SECTION_PATH = re.compile(r"/(?:kategori|category|rubrika?|rubric|section|konu|haberler)/[^/]+", re.IGNORECASE)
_AUTHOR_LABEL = re.compile(
    r"(?:^|[|•·]\s*)(?:yazan|yazar|ekleyen|gönderen|haber|haberi yazan|muhabir|editör|by|автор|текст|авторы"
    r"|мақала авторы|von|par)\s*[:：]\s*([^|•·\n\d]{3,60}?)\s*(?=$|[|•·,\n\d])",
    re.IGNORECASE,
)
# After these, commas stand between names; after others, between a name and a town, desk or agency.
_AUTHORS_LABEL = re.compile(
    r"(?:^|[|•·]\s*)(?:yazanlar|yazarlar|haberi yazanlar|авторы|авторлары?|мақала авторлары)\s*[:：]\s*", re.IGNORECASE
)
_BY = re.compile(r"(?:[Bb]y|BY|[Vv]on|VON|[Pp]ar|PAR|[Pp]or|POR)\s+(?=\S)")
_PARTICLES = frozenset(
    ("al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "la", "le", "van", "von")
)
_DASH = re.compile(r"\s+[-–—]\s+")  # the town comes behind it
MAX_NAME_WORDS = 5
# Of folded text, in which Kazakh keeps its letters; some write it without.
_UPDATED = re.compile(
    r"\b(?:guncelle|son (?:degisiklik|duzenle)|обновлен|изменен[оа]|отредактирован|жа[ңн]артыл|өзгертіл|түзетіл"
    r"|updated|modified)"
)
_PUBLISHED = re.compile(
    r"\b(?:yayın|yayin|eklen|ekleme|giri[şs]|oluşturul|published|posted|опубликован|добавлен|размещен|жариялан|қосыл)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Byline:
    """What stands near a title; None and empty where nothing does."""

    printed: PrintedDate | None = None
    moment: Moment | None = None  # of a <time datetime> near the title
    printed_as: str | None = None
    source: str = "text"  # where `printed` comes from
    updated: PrintedDate | None = None  # of a line or part of one that says when the article was changed
    authors: list[str] = field(default_factory=list)
    section: str | None = None
    runs: list[Run] = field(default_factory=list)  # lines of their own, to be left out of the body


class BylineReader:
    """Reads what stands round the title of one page, and below its text."""

    def __init__(self, page: Page, runs: Sequence[Run], title: Run | None, dates: Dates) -> None:
        self.page, self.runs, self.title, self.dates = page, runs, title, dates
        self.byline = Byline()

    def read(self) -> Byline:
        """The date, authors and section printed near the title."""
        byline, title = self.byline, self.title
        if title is None:
            return byline
        place = self.runs.index(title)
        after, before = self.after(place), list(reversed(self.runs[max(0, place - RUNS_BEFORE) : place]))
        if len(title.slots) > 1:  # old pages print title and date in one cell, a line each, or in one heading
            self.read_date(title)
        for run in after:
            self.read_updated(run)
            self.read_date(run)
            self.read_people(run)
        if byline.printed is None and byline.moment is None:
            for run in before:
                if _shares_block(run, title):
                    self.read_date(run, before=True)
        for run in before:
            self.read_people(run)
        return byline

    def read_below(self, last: Run | None) -> None:
        """What is printed below a text that ends with `last`, where nothing was above it, as some themes do."""
        if self.title is None or last is None or last not in self.runs:
            return
        begin, end = self.runs.index(self.title), self.runs.index(last)
        if any(map(names_other_page, self.runs[begin + 1 : end + 1])):
            return  # a list of posts, each with a date below it
        dated = self.byline.printed is not None or self.byline.moment is not None
        for run in self.runs[end + 1 : end + 1 + RUNS_BELOW]:
            if is_comments_label(run.text) or self.is_comment(run):
                return
            is_list = run.kind is BlockKind.ITEM or run.link_share >= LINK_DENSE
            if run.hidden or is_list or not _shares_block(run, last, levels=6):
                continue
            if not dated:
                self.read_date(run)
            self.read_people(run)

    def after(self, place: int) -> list[Run]:
        """The runs after the title that may be of its article, up to the text's fourth paragraph."""
        taken: list[Run] = []
        prose = 0
        for run in self.runs[place + 1 : place + 1 + RUNS_AFTER]:
            # A heading that is a link is the title of another page: from here on dates are its own.
            if names_other_page(run) or is_comments_label(run.text) or self.is_comment(run):
                break
            prose += is_prose(run) and len(run.text) >= 80
            if prose > PROSE_RUNS_AFTER:
                break
            if not run.hidden:
                taken.append(run)
        return taken

    def is_comment(self, run: Run) -> bool:
        """Whether a run stands in what is named after comments."""
        names = self.page.elements.names
        above = (element for element in run.path if element in names and element.tag not in ("body", "html"))
        return any(told_by(names[element])[1] for element in above)

    def read_date(self, run: Run, *, before: bool = False) -> None:
        """A date for machines or for readers; `before`: the run stands above the title."""
        byline = self.byline
        if byline.printed is not None and byline.moment is not None:
            return
        if byline.moment is None:
            times = (time.get("datetime") for time in _elements(run) if time.tag == "time")
            written = next(filter(None, times), None)
            if written and not _is_of_list(run):
                byline.moment = self.dates.written(written, "microdata")
        if byline.printed is not None or len(run.text) > 3 * MAX_LINE_CHARS or _is_of_list(run):
            return
        for text in _texts(run):
            if len(text) > MAX_LINE_CHARS or not may_be_date(text) or is_prose_line(text):
                continue
            found = self.dates.printed(text)
            if found is None:
                continue
            # Above the title, today's date alone is the clock in the page's header.
            is_today = abs(self.dates.captured_at - found.at) < timedelta(days=1)
            if before and is_today and not re.search(r"\d[:.]\d\d", text):
                continue
            if _UPDATED.match(fold(text)) and not _PUBLISHED.search(text):
                byline.runs.append(run)
                continue
            byline.printed, byline.printed_as = found, self.of_line(text, found)
            if len(run.text) <= 2 * MAX_LINE_CHARS:
                byline.runs.append(run)
            return

    def of_line(self, text: str, found: PrintedDate) -> str:
        """The part of a line that says the date: of "6 Ekim 2017, 17:45 | Haber:" the first."""
        parts = [part.strip() for part in re.split(r"[|•·]", text)]
        return next((part for part in parts if self.dates.printed(part) == found), text) if len(parts) > 1 else text

    def read_updated(self, run: Run) -> None:
        """When the article was changed, as a line or part of one says."""
        byline = self.byline
        if byline.updated is not None or len(run.text) > 3 * MAX_LINE_CHARS or _is_of_list(run):
            return
        for text in _texts(run):
            label = _UPDATED.search(fold(text)) if len(text) <= MAX_LINE_CHARS and not is_prose_line(text) else None
            if label is None:
                continue
            found = self.dates.printed(_PUBLISHED.split(text[label.start() :], maxsplit=1)[0].strip(" -–—|•·()[]"))
            if found:
                byline.updated = found
                is_line = label.start() <= UPDATED_BEFORE and len(text) >= 0.8 * len(run.text)
                if is_line and run not in byline.runs:
                    byline.runs.append(run)
                return

    def read_people(self, run: Run) -> None:
        """Who wrote it, by links to authors or by a label; and the section, by a link to it."""
        byline = self.byline
        if len(run.text) > 3 * MAX_LINE_CHARS or is_prose_line(run.text):
            return
        linked: list[str] = []
        for element in _elements(run):
            if element.tag != "a":
                continue
            path, text = path_of(element.get("href") or "") + "/", inner_text(element, limit=MAX_LINE_CHARS)
            rel = element.get("rel") or ""
            if not text or len(text) > 80:
                continue
            if "author" in rel.split() or _AUTHOR_PATH.search(path):
                linked.append(text)
            elif byline.section is None and ("category" in rel or _SECTION_PATH.search(path)):
                byline.section = text
                byline.runs.append(run)
        if byline.authors:
            return
        if names := clean_names(linked or _labelled(run.text) or _named_after_by(run.text)):
            byline.authors = names
            byline.runs.append(run)


def _shares_block(run: Run, title: Run, *, levels: int = 3) -> bool:
    """Whether a run above the title belongs to it: the page's header, with its clock, does not."""
    if any(element.tag in ("nav", "aside", "form") for element in run.path):
        return False
    above = title.path[1 : 1 + levels]
    return any(ancestor in above and ancestor.tag not in ("body", "html") for ancestor in run.path[1:])


def is_prose_line(text: str) -> bool:
    """Whether a line is too much of a sentence to be a date line."""
    return len(text) > 60 and text.count(" ") > 9 and text.count(":") < 2


def _is_of_list(run: Run) -> bool:
    return (run.link_share >= LINK_DENSE and len(run.text) > 40) or any(
        (element.tag in ("aside", "nav") and next(element.iter("h1"), None) is None)
        or (element.tag == "footer" and next(element.iterancestors("article", "main"), None) is None)
        for element in run.path[1:]
    )


def _texts(run: Run) -> Iterator[str]:
    """A run's text, and then its pieces: several fields often stand in one line without a space between."""
    pieces = [" ".join(((element.tail if is_tail else element.text) or "").split()) for element, is_tail in run.slots]
    lines = [part.strip() for part in re.split(r"[|•·\n]", run.text)]
    if len(run.slots) > 1:
        yield from islice((piece for piece in pieces if piece), MAX_PIECES)
    yield from islice(dict.fromkeys([" ".join(run.text.split()), *lines, *pieces]), MAX_PIECES)


def _elements(run: Run) -> Iterator[HtmlElement]:
    seen: set[HtmlElement] = set()
    for element, is_tail in run.slots:
        nearest = element.getparent() if is_tail else element
        while nearest is not None and nearest is not run.node.getparent() and nearest not in seen:
            seen.add(nearest)
            yield nearest
            nearest = nearest.getparent()


def _labelled(line: str) -> list[str]:
    """Who a line "Yazan: Name" or "Авторы: Name, Name" names."""
    if several := _AUTHORS_LABEL.search(line):
        names = re.split(r"\s*[|•·\n\d]", line[several.end() :], maxsplit=1)[0]
        first, *others = re.split(r"\s*,\s*|\s+(?:ve|и|және)\s+", names.strip())
        if _is_name(first):
            return [first, *takewhile(_is_whole_name, others)]
    one = _AUTHOR_LABEL.search(line)
    return [_DASH.split(one[1])[0]] if one else []


def _named_after_by(line: str) -> list[str]:
    """Who a line "By Name and Name, City" names: of words with capitals, and of the parts after a comma whole names."""
    label = _BY.match(line)
    if label is None or len(line) > MAX_LINE_CHARS:
        return []
    first, *others = re.split(r"\s*[,\n|•·]\s*|\s+[-–—]\s+|\s+(?:and|und|et|y|e|&)\s+", line[label.end() :])
    if not _is_name(first):
        return []
    return [first, *takewhile(_is_whole_name, others)]


def _is_whole_name(part: str) -> bool:
    return " " in part and _is_name(part)  # a single word behind a comma is a town


def _is_name(part: str) -> bool:
    words = part.split()
    capitals = (word[0].isupper() or word.casefold() in _PARTICLES for word in words)
    return 0 < len(words) <= MAX_NAME_WORDS and words[0][0].isupper() and all(capitals) and not re.search(r"\d", part)

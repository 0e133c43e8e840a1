"""The story of one page: read, take out what was injected, find the title, the date, the body, and say what it is.

`extract` is a pure function of a payload, its capture and the site's profile: no I/O, no clock, nothing remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from zoneinfo import ZoneInfo

from lxml.html import HtmlElement

from archive.config import Layout, Site
from archive.extract.access import read_access
from archive.extract.body import Body, find_body
from archive.extract.byline import Byline, BylineReader
from archive.extract.comments import Comments, read_comments
from archive.extract.confidence import of_authors, of_body, of_date, of_modified, of_others, of_title
from archive.extract.elements import blank_element
from archive.extract.expected import lacking
from archive.extract.images import read_images
from archive.extract.kinds import Evidence, decide, page_number
from archive.extract.layout import select, text_of, unmatched
from archive.extract.learned import without_learned
from archive.extract.letters import bare
from archive.extract.metadata import Head, read_head
from archive.extract.moments import Dates, Moment
from archive.extract.names import clean_names, is_somebody
from archive.extract.page import Page, read_page
from archive.extract.prose import is_prose
from archive.extract.runs import INLINE, Run, lines_of, read_runs
from archive.extract.spam import find_spam
from archive.extract.title import Title, find_title
from archive.language import language_of
from archive.model import (
    Article,
    Block,
    BlockKind,
    Capture,
    Extracted,
    Image,
    PageKind,
    Payload,
    Precision,
)

EXTRACTOR_VERSION = "2"
# A page behind a paywall shows a paragraph or two and carries the rest as JSON-LD articleBody.
WHOLE_TEXT_CHARS = 600
SUBHEAD_CHARS = 80
LANGUAGE_CHARS = 2_000  # of a text tell its language
SPOKEN_CHARS, SPOKEN_LATIN_CHARS = 8, 100  # fewer are a name or a letter; a heading among others of one script
CYRILLIC, SPOKEN_LATIN = ("kk", "ru", "uk"), ("tr", "en", "de", "fr", "es")  # that are told apart by letters, by words
BYLINE_CHARS = 80
MAX_TAG_LINKS = 500
MAX_LINES = 5_000  # of a text for machines; 10 times the most in our sample pages
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_MARKUP = re.compile(r"<[^<>]{1,500}>")
LIBRARIES = ("trafilatura", "lxml", "dateparser", "simplemma", "tzdata")


def extract(payload: Payload, capture: Capture, site: Site | None) -> Extracted:
    """What one payload says: its kind and why, the article if it is one, and what was injected."""
    if capture.status in (404, 410):
        return Extracted(kind=PageKind.GONE, reason=f"status {capture.status}")
    if capture.status != 200:
        return Extracted(kind=PageKind.OTHER, reason=f"status {capture.status}")
    page = read_page(payload, capture)
    if page is None:
        return Extracted(kind=PageKind.OTHER, reason="not HTML")
    reading = _Reading(page, capture, site)
    layout = reading.layout
    missed = unmatched(page.elements, layout) if layout else ()  # before anything leaves the tree
    read = reading.extracted()
    return replace(
        read, layout=layout.span if layout else None, unmatched=missed, lacks=lacking(read, capture.url, site)
    )


@cache
def _library_versions() -> tuple[str, ...]:
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} none")
    return tuple(found)


def rules_digest(site: Site | None) -> str:
    """What rows are a function of besides the WARCs: our version, the libraries', and the profile's bytes."""
    parts = [f"extract {EXTRACTOR_VERSION}", *_library_versions(), site.digest if site else ""]
    return "sha256:" + sha256("\n".join(parts).encode()).hexdigest()


class _Reading:
    """One page under reading."""

    def __init__(self, page: Page, capture: Capture, site: Site | None) -> None:
        self.page, self.capture, self.site = page, capture, site
        self.zone = site.zone if site else ZoneInfo("UTC")
        self.layout: Layout | None = site.layout_on(capture.captured_at.date()) if site else None

    def extracted(self) -> Extracted:
        page, capture = self.page, self.capture
        head = read_head(page, zone=self.zone, captured_at=capture.captured_at)
        if self.site:
            head.site_names.insert(0, self.site.title)
        root = page.tree.find("body")
        root = page.tree if root is None else root
        runs: Sequence[Run] = read_runs(root, page.elements.hidden)
        language = self.language(head, runs)
        spam = find_spam(page, root, runs, head=head, site=self.site, language=language)
        if spam.replaced:
            return Extracted(kind=PageKind.REPLACED, reason=spam.replaced, findings=spam.findings, hosts=spam.hosts)
        dates = Dates(capture.captured_at, self.zone, language)
        comments = read_comments(page.elements, root, runs, head, is_spam=spam.is_spam, dates=dates)
        runs = self.within_article(self.before_footer(self.without_dropped(root, spam.runs)))
        title = self.title(head, runs, spam.is_spam)
        lines = BylineReader(page, runs, title.run, dates)
        byline = lines.read()
        self.read_layout(byline, dates)
        unlearned = without_learned(runs, self.site.learned if self.site else None, title.run)
        place = self.element("body")
        body = find_body(page.elements, unlearned, title=title.run, summary=head.description, place=place)
        lines.read_below(next((run for run in reversed(body.runs) if is_prose(run)), title.run))
        body = replace(body, runs=self.without_byline(body.runs, head, byline))
        images = read_images(head, body.region, title=title.run.node if title.run else None, url=page.url)
        kind, reason = decide(
            Evidence(
                page=page,
                runs=runs,
                title=title.text,
                title_run=title.run,
                body=body,
                dated=bool(head.published or byline.printed or byline.moment),
                is_article=head.is_article,
                has_image=bool(images),
            )
        )
        if kind not in (PageKind.ARTICLE, PageKind.CONTINUATION):
            return Extracted(kind=kind, reason=reason, findings=spam.findings, hosts=spam.hosts)
        article = self.article(head, title, byline, body, runs, images, language, comments, spam.is_spam)
        return Extracted(kind=kind, reason=reason, article=article, findings=spam.findings, hosts=spam.hosts)

    def without_dropped(self, root: HtmlElement, runs: Sequence[Run]) -> Sequence[Run]:
        """The runs without what the layout drops, which leaves the tree, too."""
        dropped: set[HtmlElement] = set()
        for selector in self.layout.drop if self.layout else ():
            for element in select(self.page.elements, selector):
                if not any(above in dropped for above in element.iterancestors()):
                    blank_element(element)
                dropped.add(element)
        if any(element.tag in INLINE for element in dropped):  # which may be a part of a run
            return read_runs(root, self.page.elements.hidden)
        return [run for run in runs if dropped.isdisjoint(run.path)] if dropped else runs

    def language(self, head: Head, runs: Sequence[Run]) -> str | None:
        """The language of the page's text; where that cannot be told, of its html lang."""
        text = " ".join(run.text for run in runs if is_prose(run) and not run.hidden)[:4000]
        declared = (head.language or "").split("-")[0].split("_")[0].lower() or None
        hint = declared or (self.site.read.languages[0] if self.site and self.site.read.languages else None)
        return language_of(text, hint=hint) or declared

    def before_footer(self, runs: Sequence[Run]) -> Sequence[Run]:
        """The runs without the site's boilerplate and without what stands from its footer line on."""
        if not self.site:
            return runs
        footer = {bare(line) for line in self.site.read.footer}
        boilerplate = {bare(line) for line in self.site.read.boilerplate}
        kept: list[Run] = []
        for run in runs:
            line = bare(run.text)
            if line in footer and kept:
                break
            if line not in boilerplate:
                kept.append(run)
        return kept

    def element(self, name: str) -> HtmlElement | None:
        """The first element that the profile's layout names for a field."""
        selector = getattr(self.layout, name) if self.layout else None
        return next(iter(select(self.page.elements, selector)), None)

    def within_article(self, runs: Sequence[Run]) -> Sequence[Run]:
        """The runs inside the layout's article element, where the profile names one and the page has it."""
        place = self.element("article")
        inside = [run for run in runs if place is not None and place in run.path]
        return inside or runs

    def title(self, head: Head, runs: Sequence[Run], is_spam: Callable[[str], bool]) -> Title:
        place = self.element("title")
        run = next((run for run in runs if place is not None and place in run.path), None)
        if run is not None and not is_spam(run.text):
            return Title(" ".join(run.text.split()), "layout", run)
        return find_title(head, runs, is_spam)

    def read_layout(self, byline: Byline, dates: Dates) -> None:
        """What the layout's selectors find goes before what was found by the look of the lines near the title."""
        if self.layout is None:
            return
        date = self.element("date")
        if date is not None:
            text = text_of(date)
            byline.printed_as, byline.source = text, "layout"
            byline.printed = dates.printed(text)
        authors = clean_names(text_of(element) for element in select(self.page.elements, self.layout.authors))
        byline.authors = authors or byline.authors
        section = self.element("section")
        byline.section = text_of(section) if section is not None else byline.section

    def without_byline(self, runs: Sequence[Run], head: Head, byline: Byline) -> tuple[Run, ...]:
        """The runs of the body less byline and date lines, which have fields of their own."""
        names = [*head.authors, *byline.authors, head.section or "", byline.section or "", byline.printed_as or ""]
        fields = {bare(name) for name in names if name}

        def is_left_out(run: Run) -> bool:
            if run in byline.runs:
                return not (is_prose(run) and len(run.text) > 120)
            if len(run.text) > BYLINE_CHARS or run.kind in (BlockKind.CELL, BlockKind.ITEM):
                return False
            return bare(run.text) in fields

        return tuple(run for run in runs if not is_left_out(run))

    def article(
        self,
        head: Head,
        title: Title,
        byline: Byline,
        body: Body,
        runs: Sequence[Run],
        images: tuple[Image, ...],
        language: str | None,
        comments: Comments,
        is_spam: Callable[[str], bool],
    ) -> Article:
        sources = {"title": title.source}
        shown = to_blocks(body.runs)
        blocks = whole_text(head.body, shown, is_spam)
        if blocks:
            sources["body"] = "json-ld" if blocks is not shown else "text" if self.element("body") is None else "layout"
        published_at, precision, source = self.published(head, byline)
        if published_at:
            sources["published_at"] = source
        lead = self.lead(head, blocks, is_spam)
        if lead:
            sources["lead"] = head.description_source
        authors, section, tags = head.authors, head.section, head.tags or self.tags()
        names = head.site_names
        if byline.authors and (not authors or is_somebody(byline.authors, names) > is_somebody(authors, names)):
            authors, sources["authors"] = byline.authors, "text"
        elif authors:
            sources["authors"] = head.authors_source
        if section:
            sources["section"] = head.section_source
        elif byline.section:
            section, sources["section"] = byline.section, "text"
        number, first_page = page_number(self.page.url)
        text = " ".join(block.text for block in blocks)
        certain = language_of(text[:LANGUAGE_CHARS])
        spoken = certain or language_of(text[:LANGUAGE_CHARS], hint=language) or language
        modified = self.modified(head, byline)
        told = read_access(head, self.page.elements, runs, body, is_cut=blocks is not shown)
        if spoken:
            sources["language"] = "text" if certain else "html"
        if tags:
            sources["tags"] = self.tags_source(head)
        if images:
            sources["images"] = images_source(head, images)
        if head.canonical:
            sources["canonical"] = head.canonical_source
        for name, of_field in (
            ("modified_at", modified.source if modified else ""),
            ("access", told.source),
            ("comments", comments.source),
            ("comment_count", comments.count_source),
        ):
            if of_field:
                sources[name] = of_field
        confidence = of_others(sources, head, byline, language=spoken, told=told, comments=comments, images=images)
        confidence["title"] = of_title(title, head)
        if blocks:
            confidence["body"] = of_body(body, blocks, sources["body"], is_declared=head.is_article)
        if authors:
            confidence["authors"] = of_authors(sources["authors"], authors, byline)
        if published_at:
            confidence["published_at"] = of_date(published_at, source, head, byline, self.zone)
        if modified:
            confidence["modified_at"] = of_modified(modified, published_at, head, byline)
        return Article(
            title=title.text,
            blocks=in_languages(blocks, spoken),
            lead=lead,
            authors=tuple(authors),
            section=section,
            tags=tuple(tags),
            published_at=published_at,
            published_precision=precision,
            published_as=byline.printed_as,
            modified_at=modified.at if modified else None,
            language=spoken,
            canonical=head.canonical,
            images=images,
            access=told.access,
            comment_count=comments.count,
            comments=comments.listed,
            page=number,
            first_page=first_page,
            sources=sources,
            confidence=confidence,
        )

    def tags_source(self, head: Head) -> str:
        if not head.tags:
            return "layout" if self.layout and self.layout.tags else "text"
        return "json-ld" if head.main.get("keywords") else "opengraph" if head.metas.get("article:tag") else "meta"

    def modified(self, head: Head, byline: Byline) -> Moment | None:
        """When the article was changed, as the head says; the printed minute of that day where it has only the day."""
        printed = byline.updated
        if printed is None:
            return head.modified
        shown = Moment(printed.at.astimezone(UTC), printed.precision, "text")
        if head.modified is None:
            return shown
        same_day = printed.at.date() == head.modified.at.astimezone(self.zone).date()
        is_closer = head.modified.precision is Precision.DAY and printed.precision is Precision.MINUTE
        return shown if same_day and is_closer else head.modified

    def published(self, head: Head, byline: Byline) -> tuple[datetime | None, Precision | None, str]:
        """The date of publication; where the head has only the day, the minute of that day given or printed below."""
        printed, moment, below = byline.printed, head.published or byline.moment, byline.moment
        if moment is None:
            return (printed.at.astimezone(UTC), printed.precision, byline.source) if printed else (None, None, "")
        if (
            moment.precision is Precision.DAY
            and below
            and below.precision is Precision.MINUTE
            and moment.is_day_of(below)
        ):
            return below.at, below.precision, below.source
        same_day = printed and printed.at.date() == moment.at.astimezone(self.zone).date()
        if printed and same_day and moment.precision is Precision.DAY and printed.precision is Precision.MINUTE:
            return printed.at.astimezone(UTC), Precision.MINUTE, byline.source
        return moment.at, moment.precision, moment.source

    def lead(self, head: Head, blocks: Sequence[Block], is_spam: Callable[[str], bool]) -> str | None:
        """The summary the head gives, unless it only repeats how the text begins or was injected."""
        lead = head.description
        # A summary that a program cut from the text holds the injected sentence among genuine ones.
        if not lead or any(is_spam(part) for part in (lead, *re.split(r"(?<=[.!?…])\s+", lead))):
            return None
        beginning = bare(" ".join(block.text for block in blocks[:4]))
        stem = bare(re.sub(r"\s*(?:\[?(?:…|\.\.\.)\]?)\s*$", "", lead))
        is_cut = lead.rstrip(" ]").endswith(("…", "..."))
        return None if not stem or (is_cut and beginning.startswith(stem[:60])) else lead

    def tags(self) -> list[str]:
        """Links marked rel=tag that are not categories; a cloud of all the site's tags is none of an article's."""
        if self.layout and self.layout.tags:
            return list(dict.fromkeys(text_of(element) for element in select(self.page.elements, self.layout.tags)))[
                :50
            ]
        found = (link for link in self.page.elements.tagged("a") if _is_tag(link.get("rel") or ""))
        texts = [text_of(link) for link in islice(found, MAX_TAG_LINKS)]
        return list(dict.fromkeys(text for text in texts if 0 < len(text) <= 80))[:50]


def _is_tag(rel: str) -> bool:
    return "tag" in rel.split() and "category" not in rel


def images_source(head: Head, images: Sequence[Image]) -> str:
    """Where the first picture comes from: the head, or the page as readers see it."""
    if not head.images or images[0].url != head.images[0]:
        return "text"
    return "json-ld" if head.main.get("image") else "opengraph"


def in_languages(blocks: Sequence[Block], language: str | None) -> tuple[Block, ...]:
    """The blocks, each with its language where that is surely another than the article's."""
    spoken = [_spoken_in(block.text, language) for block in blocks]
    return tuple(
        block if own is None or own == language else replace(block, language=own)
        for block, own in zip(blocks, spoken, strict=True)
    )


def _spoken_in(text: str, language: str | None) -> str | None:
    """The language of a piece of an article in `language`: by its script at once, by its words only if it is long.

    By its words alone 30 of 2,203 blocks of real news, headings mostly, seemed to be in another language of the same
    script, and hardly one was.
    """
    is_cyrillic = bool(_CYRILLIC.search(text))
    if len(text) < SPOKEN_CHARS or (not is_cyrillic and len(text) < SPOKEN_LATIN_CHARS and language not in CYRILLIC):
        return language
    if not is_cyrillic and language not in (*CYRILLIC, *SPOKEN_LATIN):
        return language
    return language_of(text, hint=language)


def to_blocks(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Runs as blocks, a run with several paragraphs as several."""
    blocks: list[Block] = []
    for run in runs:
        for line in lines_of(run):
            text = "\n".join(" ".join(part.split()) for part in line.split("\n"))
            if text and not (blocks and blocks[-1].text == text):
                blocks.append(Block(BlockKind.HEADING if is_subhead(run) else run.kind, text))
    return tuple(blocks)


def is_subhead(run: Run) -> bool:
    """Whether a paragraph is a subhead in all but name: one bold line that is no sentence."""
    if run.kind is not BlockKind.PARAGRAPH or not run.is_bold or "\n" in run.text:
        return False
    return 3 <= len(run.text) <= SUBHEAD_CHARS and run.text[-1] not in ".!?…:;,»”\"'"


def whole_text(written: str, blocks: tuple[Block, ...], is_spam: Callable[[str], bool]) -> tuple[Block, ...]:
    """The text that the page carries for machines, where it shows only how that begins; else what it shows."""
    shown = sum(len(block.text) for block in blocks)
    if len(written) < max(WHOLE_TEXT_CHARS, 2 * shown):
        return blocks
    pieces = re.split(r"\n+|</p>|<br\s*/?>", written, maxsplit=MAX_LINES)[:MAX_LINES]
    lines = [" ".join(_MARKUP.sub(" ", line).split()) for line in pieces]
    lines = [line for line in lines if line and not is_spam(line)]
    whole = bare(" ".join(lines))
    if not any(bare(block.text)[:60] in whole for block in blocks if len(block.text) >= 60) and blocks:
        return blocks
    return tuple(Block(BlockKind.PARAGRAPH, line) for line in lines)

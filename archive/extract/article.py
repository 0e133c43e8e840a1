"""The story of one page: read, take out what was injected, find the title, the date, the body, and say what it is.

`extract` is a pure function of a payload, its capture and the site's profile: no I/O, no clock, nothing remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

from lxml.html import HtmlElement

from archive.config import Layout, Site
from archive.extract.access import read_access
from archive.extract.blocks import in_languages, to_blocks, whole_text
from archive.extract.body import Body, find_body
from archive.extract.byline import Byline, BylineReader
from archive.extract.comments import Comments, read_comments
from archive.extract.confidence import of_authors, of_body, of_date, of_modified, of_others, of_title
from archive.extract.elements import blank_element
from archive.extract.expected import lacking
from archive.extract.fields import (
    authors_of,
    images_source,
    language_spoken,
    lead_of,
    modified_of,
    published_of,
    section_of,
    tags_of,
)
from archive.extract.images import read_images
from archive.extract.kinds import Evidence, decide, page_number
from archive.extract.layout import select, text_of, unmatched
from archive.extract.learned import without_learned
from archive.extract.letters import bare, fit_for_rows
from archive.extract.metadata import Head, read_head
from archive.extract.moments import Dates
from archive.extract.names import clean_names
from archive.extract.page import Page, read_page
from archive.extract.prose import is_prose
from archive.extract.runs import INLINE, Run, read_runs
from archive.extract.spam import find_spam
from archive.extract.title import Title, find_title
from archive.language import language_of
from archive.model import (
    Article,
    BlockKind,
    Capture,
    Extracted,
    Image,
    PageKind,
    Payload,
)

EXTRACTOR_VERSION = "4"
BYLINE_CHARS = 80
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
    read = fit_for_rows(reading.extracted())
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
                if dropped.isdisjoint(element.iterancestors()):
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
        shown = to_blocks(body.runs)
        blocks = whole_text(head.body, shown, is_spam)
        of_blocks = "json-ld" if blocks is not shown else "text" if self.element("body") is None else "layout"
        published_at, precision, of_publication = published_of(head, byline, self.zone)
        modified = modified_of(head, byline, self.zone)
        lead = lead_of(head, blocks, is_spam)
        authors, authors_source = authors_of(head, byline)
        section, section_source = section_of(head, byline)
        tags, tags_source = tags_of(head, self.page.elements, self.layout)
        spoken, spoken_source = language_spoken(blocks, language)
        told = read_access(head, self.page.elements, runs, body, is_cut=blocks is not shown)
        number, first_page = page_number(self.page.url)
        named = {  # field → whether it was found, where
            "title": (True, title.source),
            "body": (blocks, of_blocks),
            "published_at": (published_at, of_publication),
            "lead": (lead, head.description_source),
            "authors": (authors, authors_source),
            "section": (section, section_source),
            "language": (spoken, spoken_source),
            "tags": (tags, tags_source),
            "images": (images, images_source(head, images)),
            "canonical": (head.canonical, head.canonical_source),
            "modified_at": (modified, modified.source if modified else ""),
            "access": (told.source, told.source),
            "comments": (comments.source, comments.source),
            "comment_count": (comments.count_source, comments.count_source),
        }
        sources = {name: source for name, (found, source) in named.items() if found}
        confidence = of_others(sources, head, byline, language=spoken, told=told, comments=comments, images=images)
        confidence["title"] = of_title(title, head)
        if blocks:
            confidence["body"] = of_body(body, blocks, of_blocks, is_declared=head.is_article)
        if authors:
            confidence["authors"] = of_authors(authors_source, authors, byline)
        if published_at:
            confidence["published_at"] = of_date(published_at, of_publication, head, byline, self.zone)
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

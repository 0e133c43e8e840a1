"""Which of several places that name a field it is taken from: what the head says, what the page prints.  No I/O.

Each of these gives a value and its source; None, or nothing listed, where no place names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from archive.config import Layout
from archive.extract.byline import Byline
from archive.extract.elements import Elements
from archive.extract.layout import select, text_of
from archive.extract.letters import bare
from archive.extract.metadata import Head
from archive.extract.moments import Moment
from archive.extract.names import is_somebody
from archive.language import language_of
from archive.model import Block, Image, Precision

LANGUAGE_CHARS = 2_000  # of a text tell its language
MAX_TAG_LINKS, MAX_TAGS, TAG_CHARS = 500, 50, 80


def published_of(head: Head, byline: Byline, zone: ZoneInfo) -> tuple[datetime | None, Precision | None, str]:
    """The date of publication; where the head has only the day, the minute of that day given or printed below."""
    printed, moment, below = byline.printed, head.published or byline.moment, byline.moment
    if moment is None:
        return (printed.at.astimezone(UTC), printed.precision, byline.source) if printed else (None, None, "")
    if moment.precision is Precision.DAY:
        if below and below.precision is Precision.MINUTE and moment.is_day_of(below):
            return below.at, below.precision, below.source
        same_day = printed and printed.at.date() == moment.at.astimezone(zone).date()
        if printed and same_day and printed.precision is Precision.MINUTE:
            return printed.at.astimezone(UTC), Precision.MINUTE, byline.source
    return moment.at, moment.precision, moment.source


def modified_of(head: Head, byline: Byline, zone: ZoneInfo) -> Moment | None:
    """When the article was changed, as the head says; the printed minute of that day where it has only the day."""
    printed = byline.updated
    if printed is None:
        return head.modified
    shown = Moment(printed.at.astimezone(UTC), printed.precision, "text")
    if head.modified is None:
        return shown
    same_day = printed.at.date() == head.modified.at.astimezone(zone).date()
    is_closer = head.modified.precision is Precision.DAY and printed.precision is Precision.MINUTE
    return shown if same_day and is_closer else head.modified


def lead_of(head: Head, blocks: Sequence[Block], is_spam: Callable[[str], bool]) -> str | None:
    """The summary the head gives, unless it only repeats how the text begins or was injected."""
    lead = head.description
    # A summary that a program cut from the text holds the injected sentence among genuine ones.
    if not lead or any(is_spam(part) for part in dict.fromkeys((lead, *re.split(r"(?<=[.!?…])\s+", lead)))):
        return None
    beginning = bare(" ".join(block.text for block in blocks[:4]))
    stem = bare(re.sub(r"\s*(?:\[?(?:…|\.\.\.)\]?)\s*$", "", lead))
    is_cut = lead.rstrip(" ]").endswith(("…", "..."))
    return None if not stem or (is_cut and beginning.startswith(stem[:60])) else lead


def authors_of(head: Head, byline: Byline) -> tuple[list[str], str]:
    """Those that the head names, unless they are the site and the page prints somebody."""
    named, printed, sites = head.authors, byline.authors, head.site_names
    if printed and (not named or is_somebody(printed, sites) > is_somebody(named, sites)):
        return printed, "text"
    return named, head.authors_source


def section_of(head: Head, byline: Byline) -> tuple[str | None, str]:
    """The section that the head names, else the one that a link near the title leads to."""
    return (head.section, head.section_source) if head.section else (byline.section, "text")


def tags_of(head: Head, elements: Elements, layout: Layout | None) -> tuple[list[str], str]:
    """Those of the head; where it has none, those that the layout names, else links marked rel=tag.

    Such links may be categories; and a cloud of all the site's tags is none of an article's.
    """
    if head.tags:
        is_meta = "meta" if not head.metas.get("article:tag") else "opengraph"
        return head.tags, "json-ld" if head.main.get("keywords") else is_meta
    if layout and layout.tags:
        return list(dict.fromkeys(map(text_of, select(elements, layout.tags))))[:MAX_TAGS], "layout"
    found = (link for link in elements.tagged("a") if _is_tag(link.get("rel") or ""))
    texts = [text_of(link) for link in islice(found, MAX_TAG_LINKS)]
    return list(dict.fromkeys(text for text in texts if 0 < len(text) <= TAG_CHARS))[:MAX_TAGS], "text"


def _is_tag(rel: str) -> bool:
    return "tag" in rel.split() and "category" not in rel


def language_spoken(blocks: Sequence[Block], language: str | None) -> tuple[str | None, str]:
    """The article's language: its text's, where that tells; else the page's."""
    text = " ".join(block.text for block in blocks)[:LANGUAGE_CHARS]
    certain = language_of(text)
    return certain or language_of(text, hint=language) or language, "text" if certain else "html"


def images_source(head: Head, images: Sequence[Image]) -> str:
    """Where the first picture comes from: the head, or the page as readers see it."""
    if not images or not head.images or images[0].url != head.images[0]:
        return "text"
    return "json-ld" if head.main.get("image") else "opengraph"

"""How sure each field of an article is, 0 to 1: what on the page speaks for it, and what against.  No I/O.

A confidence is meant as a frequency: of the values found on evidence like this, so many are right. For title, authors,
date and body the figures below are shares counted on real pages with gold, and `python bench/evaluation.py
--confidence` holds them against it (docs/evaluation.md). The other fields have no gold: theirs come from their source,
each other source that says the same halving the doubt, each that says another thing doubling it. Right means exact; for
a body, 9 in 10 of the words of the true one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from archive.extract.access import Told
from archive.extract.body import Body
from archive.extract.byline import Byline
from archive.extract.comments import Comments
from archive.extract.letters import bare
from archive.extract.metadata import Head
from archive.extract.moments import Moment
from archive.extract.title import Title, without_site_name
from archive.model import Block, BlockKind, Image

# How much to doubt what one source says and no other confirms.
DOUBTS = {
    "json-ld": 0.06,
    "microdata": 0.1,
    "opengraph": 0.1,
    "layout": 0.1,
    "text": 0.15,
    "meta": 0.2,
    "url": 0.2,
    "html": 0.4,
}
SAME_TIME = timedelta(minutes=2)
# Where four fifths of a page's prose are set alike, the body is right on 97 of 100 pages, else on 86.
ALIKE_SHARE, ITEM_SHARE, LINKED_SHARE = 0.8, 0.1, 0.05


def doubted(source: str, *, agreeing: int = 0, against: int = 0) -> float:
    """The confidence in what one source says, with so many others for and against it."""
    doubt = DOUBTS.get(source, 0.4) * 0.5**agreeing * 2.0**against
    return round(1 - min(doubt, 0.9), 3)


def of_title(title: Title, head: Head) -> float:
    """By what the other titles of the page say: the whole page's least, for it may hold more than the title."""
    own = bare(title.text)
    told = [bare(without_site_name(text, head.site_names)) for text, _ in head.titles]
    others = sum(1 for text in told if text and own not in text and text not in own)
    page = bare(head.page_title)
    if others:
        # On 20 of 250 pages one of the head's titles was another headline than the printed one: 7 of them right.
        return 0.4 if others == 1 and any(text == own for text in told) else 0.3
    certain = 0.98 if page == own else 0.92 if own in page or not page else 0.82
    return certain if title.run is not None else round(certain * 0.8, 3)


def of_authors(source: str, named: Sequence[str], byline: Byline) -> float:
    """By source, and whether the line near the title names the same people; of several one is often missing."""
    certain = {"json-ld": 0.93, "text": 0.9, "layout": 0.95}.get(source, 0.82)
    printed, own = {bare(name) for name in byline.authors}, {bare(name) for name in named}
    if source != "text" and printed:
        certain = 0.97 if printed == own else certain if printed & own else 0.85
    return round(certain - (0.05 if len(own) > 1 and printed != own else 0.0), 3)


def of_date(at: datetime, source: str, head: Head, byline: Byline, zone: ZoneInfo) -> float:
    """By source, and what the others say: a printed day that is not the head's may be that of a change."""
    moments = [moment.at for moment in (head.published, byline.moment) if moment]
    day = at.astimezone(zone).date()
    printed = byline.printed
    agreeing = sum(abs(other - at) <= SAME_TIME for other in moments) - (source not in ("text", "layout"))
    agreeing += source != "text" and printed is not None and abs((printed.at.astimezone(zone).date() - day).days) <= 1
    against = sum(abs(other - at) > timedelta(days=1) for other in moments)
    if printed and abs((printed.at.astimezone(zone).date() - day).days) > 1:
        against += 1
    doubt = {"json-ld": 0.02, "opengraph": 0.03, "microdata": 0.04}.get(source, 0.08)
    return round(1 - min(doubt * 0.5 ** max(0, agreeing) * 2.0**against, 0.9), 3)


def of_modified(moment: Moment, published: datetime | None, head: Head, byline: Byline) -> float:
    """By source, and whether head and page name one day; a change before the publication is none."""
    both = head.modified is not None and byline.updated is not None
    apart = abs(byline.updated.at - head.modified.at) if head.modified and byline.updated else timedelta()
    early = published is not None and moment.at < published - timedelta(days=1)
    same = both and apart <= timedelta(days=1)
    return doubted(moment.source, agreeing=same, against=(both and not same) + 2 * early)


def of_body(body: Body, blocks: Sequence[Block], source: str, *, is_declared: bool) -> float:
    """By how much of the page's prose is set as the article's is, and how much of that is items and links.

    `is_declared`: the head says that the page is an article. Pages that do not are old or home-made, and so is what
    stands round their text.
    """
    if source in ("layout", "json-ld"):  # a profile names the place; the page carries the text for machines
        return 0.97
    if body.share >= ALIKE_SHARE and is_declared:
        return 0.98
    chars = sum(len(run.text) for run in body.runs)
    items = sum(block.kind is BlockKind.ITEM for block in blocks)
    is_mixed = items >= ITEM_SHARE * len(blocks) or sum(run.linked for run in body.runs) >= LINKED_SHARE * chars
    return 0.65 if is_mixed and body.share < ALIKE_SHARE else 0.88


def of_others(
    sources: Mapping[str, str],
    head: Head,
    byline: Byline,
    *,
    language: str | None,
    told: Told,
    comments: Comments,
    images: Sequence[Image],
) -> dict[str, float]:
    """The fields without gold, by their sources and those that say the same."""
    found = {name: doubted(source) for name, source in sources.items()}
    if sources.get("language") == "text" and head.language:
        same = head.language.lower()[:2] == language
        found["language"] = doubted("text", agreeing=2 * same, against=not same)
    if "canonical" in sources:  # a statement, and of the one thing that it is for
        shared = [address.rstrip("/") for address in head.metas.get("og:url", ())[:1]]
        same = shared == [(head.canonical or "").rstrip("/")]
        found["canonical"] = doubted("json-ld", agreeing=same, against=bool(shared) and not same)
    if "section" in sources and head.section and byline.section:
        same = bare(head.section) == bare(byline.section)
        found["section"] = doubted(sources["section"], agreeing=same, against=not same)
    if "access" in sources:
        found["access"] = doubted(told.source, agreeing=told.agreeing, against=told.against)
    if "comment_count" in sources:
        # What is printed counts injected ones too, and those on further pages.
        same = comments.count == len(comments.listed)
        found["comment_count"] = doubted(sources["comment_count"], agreeing=same)
    if "images" in sources and head.images and any(image.url == head.images[0] for image in images[1:]):
        found["images"] = doubted(sources["images"], agreeing=1)
    return found

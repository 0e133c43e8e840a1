"""The demo site's articles as their files say: one TOML head and a light markup body each.

A file under articles/ holds `+++`, the head (see `_Head`), `+++`, the body (see markup.py). Its name is the slug, its
folder the language: tr, kk, ru; arsiv for the old static page, sayfa for the pages that are no news.
The site lives in two states; `[second]` says what the second one does to an article.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from crawler.demo.markup import Node, gold_blocks, parse_body, plain

ARTICLES = Path(__file__).parent / "articles"
ALMATY = ZoneInfo("Asia/Almaty")
# The theme changed here: older articles keep the markup of their day, without any metadata.
NEW_LOOK_SINCE = datetime(2017, 5, 1, tzinfo=ALMATY)
# Somebody got hold of the site here: no older article carries spam.
COMPROMISED_AT = datetime(2019, 5, 14, tzinfo=ALMATY)

Look = Literal["new", "old", "archive", "page"]
Change = Literal["same", "edited", "deleted", "new"]


@dataclass(frozen=True, slots=True)
class Comment:
    """What a reader wrote under an article."""

    name: str
    written: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Spam:
    """One injected piece: `place` is one of spam.PLACES."""

    place: str
    text: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One article of the site in one of its states."""

    number: int  # WordPress's post ID: /?p=NUMBER
    slug: str
    lang: str
    look: Look
    path: str
    title: str
    published: datetime
    modified: datetime
    author: str
    section: str
    tags: tuple[str, ...]
    lead: str  # "" when the article has none
    motif: str  # of the lead picture; "" when there is none
    alt: str
    caption: str
    pages: tuple[tuple[Node, ...], ...]
    comments: tuple[Comment, ...]
    spam: tuple[Spam, ...]
    counted: bool  # whether the page prints how often it was viewed
    change: Change  # what the second state does to it

    @property
    def blocks(self) -> tuple[tuple[str, str], ...]:
        """Lead, caption of the lead picture and body, as (block kind, text), all pages joined."""
        lead = (("paragraph", self.lead),) if self.lead else ()
        caption = (("caption", self.caption),) if self.caption else ()
        return (*lead, *caption, *(block for page in self.pages for block in gold_blocks(page)))

    @property
    def summary(self) -> str:
        """The lead, or the first sentences of the body, for listings and feeds."""
        if self.lead:
            return self.lead
        words = next((plain(" ".join(n.texts)) for n in self.pages[0] if n.kind == "paragraph"), "").split()
        return " ".join(words[:28]) + ("…" if len(words) > 28 else "")


@lru_cache(maxsize=2)
def load_stories(state: int = 1) -> tuple[Story, ...]:
    """Every article of the site in that state (1 or 2), newest first."""
    read = sorted(_read_all(), key=lambda pair: (pair[1].date, pair[0].stem))
    stories = [
        _story(path, head, body, number=1000 + 7 * rank, state=state) for rank, (path, head, body) in enumerate(read)
    ]
    absent = "new" if state == 1 else "deleted"
    return tuple(story for story in reversed(stories) if story.change != absent)


class _Comment(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    date: datetime
    text: str
    second: bool = False  # written between the two states


class _Spam(msgspec.Struct, forbid_unknown_fields=True):
    place: str
    text: str
    domain: str


class _Second(msgspec.Struct, forbid_unknown_fields=True):
    change: Change
    modified: datetime | None = None
    replace: list[tuple[str, str]] = []  # in the body and the lead; each old text stands there exactly once


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    date: datetime  # on Almaty's clock
    section: str = ""
    author: str = ""
    tags: list[str] = []
    lead: str = ""
    picture: str = ""
    alt: str = ""
    caption: str = ""
    modified: datetime | None = None
    counted: bool = False
    comments: list[_Comment] = []
    spam: list[_Spam] = []
    second: _Second | None = None


def _read_all() -> list[tuple[Path, _Head, str]]:
    return [_read(path) for path in sorted(ARTICLES.glob("*/*.txt"))]


def _read(path: Path) -> tuple[Path, _Head, str]:
    _, head, body = path.read_text(encoding="utf-8").split("+++\n", 2)
    return path, msgspec.convert(tomllib.loads(head), _Head), body


def _story(path: Path, head: _Head, body: str, *, number: int, state: int) -> Story:
    folder, lead, modified = path.parent.name, head.lead, head.modified or head.date
    if head.second and state == 2:
        modified = head.second.modified or modified
        for old, new in head.second.replace:
            assert (body + lead).count(old) == 1, f"{path.name}: {old!r} must stand exactly once"
            body, lead = body.replace(old, new), lead.replace(old, new)
    comments = tuple(Comment(c.name, _almaty(c.date), c.text) for c in head.comments if state == 2 or not c.second)
    return Story(
        number=number,
        slug=path.stem,
        lang=folder if folder in ("kk", "ru") else "tr",
        look=_look(folder, _almaty(head.date)),
        path=_address(folder, path.stem, head.date),
        title=head.title,
        published=_almaty(head.date),
        modified=_almaty(modified),
        author=head.author,
        section=head.section,
        tags=tuple(head.tags),
        lead=lead,
        motif=head.picture,
        alt=head.alt,
        caption=head.caption,
        pages=parse_body(body),
        comments=comments,
        spam=tuple(Spam(s.place, s.text, s.domain) for s in head.spam),
        counted=head.counted,
        change=head.second.change if head.second else "same",
    )


def _almaty(naive: datetime) -> datetime:
    return naive.replace(tzinfo=ALMATY)


def _look(folder: str, published: datetime) -> Look:
    if folder == "arsiv":
        return "archive"
    if folder == "sayfa":
        return "page"
    return "new" if published >= NEW_LOOK_SINCE else "old"


def _address(folder: str, slug: str, date: datetime) -> str:
    match folder:
        case "tr" | "sayfa":
            return f"/{slug}/"
        case "arsiv":
            return f"/arsiv/{date.year}/{slug}.html"
        case _:
            return f"/{folder}/{slug}/"

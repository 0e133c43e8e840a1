"""What an extractor should get from the demo site: from the files its articles were written in, never from a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crawler.demo.almanac import printed, printed_day
from crawler.demo.content import Change, Story, load_stories
from crawler.demo.spam import FINDING_OF


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldArticle:
    """One article as its author meant it."""

    path: str  # from the root of the site; of page 1
    title: str
    published: datetime  # aware, Asia/Almaty
    modified: datetime
    date_text: str  # as printed
    author: str  # "" on the old static page
    lang: str
    section: str
    tags: tuple[str, ...]
    lead: str  # "" when the article has none; otherwise also the first of `blocks`
    blocks: tuple[tuple[str, str], ...]  # (archive.model.BlockKind, text); "\n" only in verse
    spam: tuple[tuple[str, str], ...]  # (archive.model.FindingKind, text)
    comments: tuple[str, ...]  # what readers wrote; injected comments are under `spam`
    pages: int  # continuation pages stand at PATH2/, PATH3/ …
    look: str  # "new", "old" (no metadata but <title> and the printed date) or "archive"
    change: Change  # what DemoSite.change() does to it


def load_gold(state: int = 1) -> list[GoldArticle]:
    """Every article of the site in that state (1 or 2), newest first."""
    return [_gold(story) for story in load_stories(state) if story.look != "page"]


def _gold(story: Story) -> GoldArticle:
    archive = story.look == "archive"
    return GoldArticle(
        path=story.path,
        title=story.title,
        published=story.published,
        modified=story.modified,
        date_text=printed_day(story.published) if archive else printed(story.published, story.lang),
        author=story.author,
        lang=story.lang,
        section=story.section,
        tags=story.tags,
        lead=story.lead,
        blocks=story.blocks,
        spam=tuple((str(FINDING_OF[spam.place]), spam.text) for spam in story.spam),
        comments=tuple(comment.text for comment in story.comments),
        pages=len(story.pages),
        look=story.look,
        change=story.change,
    )

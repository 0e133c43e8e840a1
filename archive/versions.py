"""Rows of `versions` as articles: one wording with all its fields typed, and the capture that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archive.model import (
    Access,
    Article,
    Block,
    BlockKind,
    Capture,
    Comment,
    Finding,
    FindingKind,
    Image,
    Precision,
)
from archive.query import Shown, article, wordings
from archive.warc import parse_warc_date

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Article):
    """One wording of one article as the archive holds it: what it says, when it was seen, and the record to cite."""

    url: str  # as fetched
    site: str | None  # name of the site's profile
    seen_from: datetime  # first capture that shows this wording; UTC
    seen_to: datetime  # last one
    captures: int  # how many show it
    gone_at: datetime | None  # since when the site does not have the article any more
    capture: Capture  # the one that the fields, comments and findings are of
    findings: tuple[Finding, ...] = ()  # what somebody injected into that capture; in no other field


def version_at(db: Database, url: str, *, at: datetime | None = None) -> Version:
    """The article at a URL as captured nearest to `at`, else last. Raises NotCapturedError."""
    return _version(article(db, url, at=at))


def versions(db: Database, url: str) -> Iterator[Version]:
    """Every wording of the article at a URL, oldest first, each as the first capture that shows it has it."""
    return map(_version, wordings(db, url))


def _version(shown: Shown) -> Version:
    row = shown.fields
    return Version(
        url=shown.capture.url,
        site=_text(row["site"]),
        seen_from=parse_warc_date(str(row["seen_from"])),
        seen_to=parse_warc_date(str(row["seen_to"])),
        captures=int(str(row["captures"])),
        gone_at=_time(shown.gone_at),
        capture=shown.capture,
        findings=tuple(_finding(one) for one in shown.findings),
        title=str(row["title"]),
        blocks=tuple(Block(BlockKind(kind), text, language) for kind, text, language in _list(row["blocks"])),
        lead=_text(row["lead"]),
        authors=tuple(_list(row["authors"])),
        section=_text(row["section"]),
        tags=tuple(_list(row["tags"])),
        published_at=_time(row["published_at"]),
        published_precision=_precision(row["published_precision"]),
        published_as=_text(row["published_as"]),
        modified_at=_time(row["modified_at"]),
        language=_text(row["language"]),
        canonical=_text(row["canonical"]),
        images=tuple(Image(**image) for image in _list(row["images"])),
        access=Access(str(row["access"])) if row["access"] else None,
        comment_count=shown.comment_count,
        comments=tuple(_comment(one) for one in shown.comments),
        page=int(str(row["page"])),
        first_page=_text(row["first_page"]),
        sources=json.loads(str(row["sources"])),
        confidence=json.loads(str(row["confidence"])),
    )


def _comment(row: Row) -> Comment:
    return Comment(
        text=str(row["text"]),
        author=_text(row["author"]),
        posted_at=_time(row["posted_at"]),
        posted_precision=_precision(row["posted_precision"]),
        posted_as=_text(row["posted_as"]),
        depth=int(str(row["depth"])),
    )


def _finding(row: Row) -> Finding:
    return Finding(
        kind=FindingKind(str(row["kind"])),
        excerpt=str(row["excerpt"]),
        language=_text(row["language"]),
        domains=tuple(_list(row["domains"])),
        evidence=tuple(_list(row["evidence"])),
        score=float(str(row["score"])),
        weights=tuple(_list(row["weights"])),
        hidden_by=_text(row["hidden_by"]),
    )


def _list(value: object) -> list:  # type: ignore[type-arg]  # of what the column holds
    return list(json.loads(str(value))) if value else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _time(value: object) -> datetime | None:
    return parse_warc_date(str(value)) if value else None


def _precision(value: object) -> Precision | None:
    return Precision(str(value)) if value else None

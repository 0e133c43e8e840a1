"""What the rows tell the crawl: which of its URLs are articles, and what each look at one showed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlite_utils import Database

from archive.surt import urlkey
from archive.warc import parse_warc_date


def articles_among(db: Database, urls: Iterable[str]) -> int:
    """How many of these URLs are articles."""
    keys = [[urlkey(url)] for url in urls]
    return sum(1 for key in keys if db.execute("SELECT 1 FROM articles WHERE urlkey = ?", key).fetchone())


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """When an article was looked at, and which wording it showed."""

    url: str
    published_at: datetime | None
    looks: tuple[tuple[datetime, int], ...]  # captured_at and version, oldest first


def observations(db: Database, site: str) -> Iterator[Observed]:
    """The looks at each article of a site that is still there: what a rate of change is estimated from."""
    rows = db.execute(
        "SELECT a.id, a.url, a.published_at, c.captured_at, c.version FROM articles a JOIN captures c"
        " ON c.urlkey = a.urlkey WHERE a.site = ? AND a.gone_at IS NULL AND c.version IS NOT NULL"
        " ORDER BY a.id, c.captured_at, c.warc, c.offset",
        [site],
    )
    for _, looks in groupby(rows, key=itemgetter(0)):
        seen = list(looks)
        yield Observed(
            url=seen[0][1],
            published_at=parse_warc_date(seen[0][2]) if seen[0][2] else None,
            looks=tuple((parse_warc_date(row[3]), row[4]) for row in seen),
        )

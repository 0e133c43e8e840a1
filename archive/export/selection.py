"""Which articles and which captures an export holds: temporary tables on the reader's own connection.

`chosen` lists articles, `taken` captures. Both lie where SQLite keeps what is too large for memory; archive.db itself
is open read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from archive.errors import QueryError
from archive.schema import define_urlkey
from archive.search import found_ids
from archive.site_filter import unknown_site


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to export: the filters of `muragat search`, and a crawl. Nothing said: everything."""

    words: str = ""
    since: datetime | str | None = None  # published then or after; text by the clock of each site
    until: datetime | str | None = None  # published before; of text, until the end of what it names
    section: str | None = None
    author: str | None = None
    tag: str | None = None
    site: str | None = None
    language: str | None = None
    crawl: str | None = None  # only what this crawl captured
    limit: int | None = None  # so many articles, the oldest

    @property
    def by_article(self) -> bool:
        """Whether articles are chosen by what they say; else all captures are meant, pages and all else."""
        said = (self.words, self.since, self.until, self.section, self.author, self.tag, self.site, self.language)
        return any(said) or self.limit is not None

    def __str__(self) -> str:
        parts = [f"“{self.words}”"] if self.words else []
        for name in ("section", "author", "tag", "site", "language", "crawl"):
            parts += [f"{name} {value}"] if (value := getattr(self, name)) else []
        for name in ("since", "until"):
            parts += [f"published {name} {value}"] if (value := getattr(self, name)) else []
        parts += [f"the first {self.limit}"] if self.limit is not None else []
        return ", ".join(parts) or "everything"


_SHOWN = "urlkey NOT IN withdrawn"


def choose(db: Database, choice: Selection, zones: Mapping[str, ZoneInfo]) -> int:
    """Fill `chosen` with the articles meant, oldest first; how many. `zones`: the clocks of sites by their names.

    Raises QueryError for what cannot be meant.
    """
    _check(db, choice)
    # What is hidden now stays so for all of this export, whatever embargo ends meanwhile.
    db.execute("CREATE TEMP TABLE withdrawn AS SELECT DISTINCT urlkey FROM hidden_now")
    ids = found_ids(
        db,
        choice.words,
        since=choice.since,
        until=choice.until,
        section=choice.section,
        author=choice.author,
        tag=choice.tag,
        site=choice.site,
        language=choice.language,
        zones=zones,
    )
    db.execute("CREATE TEMP TABLE chosen (place INTEGER PRIMARY KEY, id INTEGER NOT NULL, urlkey TEXT NOT NULL UNIQUE)")
    db.conn.executemany("INSERT INTO chosen (id, urlkey) SELECT id, urlkey FROM articles WHERE id = ?", zip(ids))
    if choice.crawl:
        db.execute(
            "DELETE FROM chosen WHERE urlkey NOT IN (SELECT c.urlkey FROM captures c JOIN warcs w"
            " ON w.filename = c.warc WHERE w.crawl = ? AND c.version IS NOT NULL)",
            [choice.crawl],
        )
    if choice.limit is not None:
        db.execute(
            "DELETE FROM chosen WHERE place NOT IN (SELECT place FROM chosen ORDER BY place LIMIT ?)", [choice.limit]
        )
    return int(db.execute("SELECT count(*) FROM chosen").fetchone()[0])


def _check(db: Database, choice: Selection) -> None:
    """Raise QueryError for a crawl or a site that the archive does not know: an empty file would hide the slip."""
    if choice.site and (unknown := unknown_site(db, choice.site)):
        raise QueryError(unknown)
    if not choice.crawl:
        return
    known = [row[0] for row in db.execute("SELECT name FROM crawls ORDER BY started_at DESC, name DESC")]
    if choice.crawl not in known:
        raise QueryError(f"no crawl {choice.crawl!r} in this archive; the last ones: {', '.join(known[:5]) or 'none'}")


def take(db: Database, choice: Selection) -> None:
    """Fill `taken` with the captures meant: those of the articles chosen, else all, else those of the crawl."""
    db.execute(
        "CREATE TEMP TABLE taken (number INTEGER PRIMARY KEY, warc TEXT NOT NULL, offset INTEGER NOT NULL,"
        " UNIQUE (warc, offset))"
    )
    in_crawl = "warc IN (SELECT filename FROM warcs WHERE crawl = ?)" if choice.crawl else "?1 IS NULL"
    insert = (
        f"INSERT OR IGNORE INTO taken (warc, offset) SELECT warc, offset FROM captures WHERE {in_crawl} AND {_SHOWN}"
    )
    if not choice.by_article:
        db.execute(insert, [choice.crawl])
        return
    # A page that spam took over is no capture of the article that stood there.
    db.execute(
        f"{insert} AND kind IS NOT 'replaced' AND (urlkey IN (SELECT urlkey FROM chosen)"
        " OR urlkey IN (SELECT v.article FROM versions v JOIN chosen c ON c.urlkey = v.first_page)"
        " OR urlkey IN (SELECT v.article FROM versions v JOIN chosen c ON c.urlkey = v.canonical))",
        [choice.crawl],
    )


def take_originals(db: Database) -> None:
    """Add what the revisits in `taken` refer to: without it they are heads without a body."""
    define_urlkey(db)
    revisits = "FROM taken t JOIN captures r ON r.warc = t.warc AND r.offset = t.offset AND r.record_type = 'revisit'"
    body = f"o.record_type IN ('response', 'resource') AND o.{_SHOWN}"
    insert = "INSERT OR IGNORE INTO taken (warc, offset)"
    db.execute(
        f"{insert} SELECT o.warc, o.offset {revisits} CROSS JOIN captures o"
        f" ON o.urlkey = urlkey(r.refers_to_url) AND o.captured_at = r.refers_to_at AND {body}"
    )
    # Other tools' revisits name a digest alone: the first capture that has it, of whichever page.
    held = f"SELECT 1 FROM captures o JOIN taken h ON h.warc = o.warc AND h.offset = o.offset AND {body}"
    db.execute(
        f"{insert} SELECT warc, offset FROM (SELECT o.warc, o.offset, row_number() OVER"
        " (PARTITION BY r.warc, r.offset ORDER BY o.captured_at, o.warc, o.offset) AS nth"
        f" {revisits} CROSS JOIN captures o ON o.payload_digest = r.payload_digest AND {body}"
        " WHERE r.status IS NOT 304 AND r.payload_digest <> ''"
        f" AND NOT EXISTS ({held} WHERE o.payload_digest = r.payload_digest)) WHERE nth = 1"
    )
    # A 304 that refers to nothing says "as before": the last body before it.
    db.execute(
        f"{insert} SELECT warc, offset FROM (SELECT o.warc, o.offset, row_number() OVER"
        " (PARTITION BY r.warc, r.offset ORDER BY o.captured_at DESC, o.warc, o.offset) AS nth"
        f" {revisits} CROSS JOIN captures o ON o.urlkey = r.urlkey AND o.captured_at < r.captured_at AND {body}"
        " WHERE r.status = 304 AND r.refers_to_url IS NULL AND o.status = 200) WHERE nth = 1"
    )


def drop_revisits_of_hidden(db: Database) -> None:
    """Take out of `taken` the revisits whose body is that of a page that is hidden."""
    if not db.execute("SELECT 1 FROM withdrawn LIMIT 1").fetchone():
        return
    define_urlkey(db)
    taken = "SELECT {} FROM taken t JOIN captures c ON c.warc = t.warc AND c.offset = t.offset"
    hidden = "SELECT payload_digest FROM captures WHERE urlkey IN withdrawn AND record_type <> 'revisit'"
    db.execute(
        f"DELETE FROM taken WHERE number IN ({taken.format('t.number')} WHERE c.record_type = 'revisit' AND"
        " (c.refers_to_url IS NOT NULL AND urlkey(c.refers_to_url) IN withdrawn OR c.refers_to_url IS NULL"
        f" AND c.payload_digest <> '' AND c.payload_digest IN ({hidden}) AND c.payload_digest NOT IN"
        f" ({taken.format('c.payload_digest')} WHERE c.record_type <> 'revisit')))"
    )

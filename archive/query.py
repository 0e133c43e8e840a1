"""Rows → answers: one article, a TimeMap, the state of the archive.

Everything here reads; the database is opened read-only. Searching is in archive/search.py; differences, edits and SQL
have modules of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import NamedTuple

from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.duplicates import Duplicate, duplicates
from archive.errors import NotCapturedError
from archive.hidden import SHOWN, refuse
from archive.model import Capture, PageKind, Payload, RecordType, TimeMap
from archive.schema import load_capture
from archive.surt import urlkey
from archive.warc import parse_warc_date, read_payload

# ---------------------------------------------------------------- one URL


def timemap(db: Database, url: str) -> TimeMap:
    """All captures of a URL. Raises NotCapturedError, with URLs that look like it, and HiddenError."""
    refuse(db, url)
    rows = db.execute("SELECT warc, offset FROM captures WHERE urlkey = ?", [urlkey(url)]).fetchall()
    if not rows:
        raise NotCapturedError(f"{url} is not in this archive{_near(db, url)}")
    return TimeMap.of(load_capture(db, warc, offset) for warc, offset in rows)


def _near(db: Database, url: str) -> str:
    key = urlkey(url)
    rows = db.execute(
        "SELECT DISTINCT urlkey, url FROM captures"
        f" WHERE status = 200 AND urlkey BETWEEN ? AND ? AND {SHOWN} LIMIT 2000",
        [key.partition(")")[0], key.partition(")")[0] + ")\U0010ffff"],
    ).fetchall()
    path = key.partition(")")[2]
    alike = [(SequenceMatcher(None, row[0].partition(")")[2], path).ratio(), row[1]) for row in rows]
    best = max(alike, default=(0.0, ""))
    return f"; did you mean {best[1]} ?" if best[0] >= 0.6 else "; `muragat search` finds what is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One article as one capture showed it."""

    capture: Capture
    fields: dict[str, object]  # the row of `versions`
    findings: list[dict[str, object]]  # rows of `spam` of this capture
    comment_count: int | None  # as this capture says
    comments: list[dict[str, object]]  # rows of `comments` that this capture shows, in its order, dated as it does
    captures: int  # of this URL
    wordings: int
    duplicates: list[Duplicate]  # where else it stands, today
    gone_at: str | None  # since when the site does not have it any more


def article(db: Database, url: str, *, at: datetime | None = None) -> Shown:
    """The article at a URL as captured nearest to `at`, else last. Raises NotCapturedError and HiddenError."""
    looks = _looks(db, url)
    nearest = min(looks, key=lambda look: abs(parse_warc_date(look.captured_at) - at)) if at else looks[-1]
    # A 304 says that the page is as it was: what it was is in the capture before it.
    return _shown(db, [look for look in looks[: looks.index(nearest) + 1] if look.status != 304][-1], looks)


def as_of(db: Database, url: str, at: datetime) -> Shown:
    """The article at a URL as its last capture until `at` shows it, else its first.

    Raises NotCapturedError and HiddenError.
    """
    looks = _looks(db, url)
    seen = [look for look in looks if look.status != 304 and parse_warc_date(look.captured_at) <= at]
    return _shown(db, seen[-1] if seen else looks[0], looks)


def wordings(db: Database, url: str) -> Iterator[Shown]:
    """Every wording of the article at a URL, oldest first, as the first capture that shows it has it.

    Raises NotCapturedError and HiddenError.
    """
    looks = _looks(db, url)
    first = dict[int, _Look]()
    for look in looks:
        first.setdefault(look.version, look)
    for look in first.values():
        yield _shown(db, look, looks)


class _Look(NamedTuple):
    """A capture that shows a wording."""

    captured_at: str
    warc: str
    offset: int
    version: int
    status: int | None
    comment_count: int | None
    url: str


def _looks(db: Database, url: str) -> list[_Look]:
    """The captures that show the article at a URL, oldest first.

    Raises NotCapturedError where there are none, and HiddenError.
    """
    refuse(db, url)
    rows = db.execute(
        "SELECT captured_at, warc, offset, version, status, comment_count, url FROM captures"
        " WHERE urlkey = ? AND version IS NOT NULL ORDER BY captured_at, warc, offset",
        [urlkey(url)],
    ).fetchall()
    if not rows:
        captured = timemap(db, url).captures[-1]  # raises where there is nothing at all
        kind = db.execute(
            "SELECT kind, reason FROM captures WHERE warc = ? AND offset = ?", [captured.warc, captured.offset]
        )
        what, why = kind.fetchone()
        raise NotCapturedError(_not_an_article(url, captured, what, why))
    return [_Look(*row) for row in rows]


def _shown(db: Database, look: _Look, looks: list[_Look]) -> Shown:
    place = [look.warc, look.offset]
    return Shown(
        capture=load_capture(db, look.warc, look.offset),
        fields=next(iter(db.query("SELECT * FROM versions WHERE id = ?", [look.version]))),
        findings=list(db.query('SELECT * FROM spam WHERE warc = ? AND "offset" = ? ORDER BY id', place)),
        comment_count=look.comment_count,
        comments=list(db.query(_COMMENTS, place)),
        captures=len(looks),
        wordings=len({one.version for one in looks}),
        duplicates=duplicates(db, look.url),
        gone_at=_gone_at(db, look.url),
    )


def _gone_at(db: Database, url: str) -> str | None:
    row = db.execute("SELECT gone_at FROM articles WHERE urlkey = ?", [urlkey(url)]).fetchone()
    gone_at: str | None = row[0] if row else None
    return gone_at


_COMMENTS = (
    "SELECT c.author, c.text, s.posted_at, s.posted_precision, s.posted_as, s.depth, c.first_seen_at, c.last_seen_at"
    " FROM comment_sightings s JOIN comments c ON c.id = s.comment WHERE s.warc = ? AND s.offset = ?"
    " ORDER BY s.position"
)


# What each kind of page is, for people; docs of the kinds are in archive/model.py.
_KINDS = {
    PageKind.HOME: "a front page",
    PageKind.LISTING: "a page that lists articles",
    PageKind.STATIC: "a page that is no news",
    PageKind.ATTACHMENT: "the page of a file",
    PageKind.GONE: "a page that says it is not there",
    PageKind.REPLACED: "a page that spam took over",
    PageKind.OTHER: "something else",
}


def _not_an_article(url: str, captured: Capture, kind: str | None, reason: str | None) -> str:
    """What was captured at a URL instead of an article, why it is taken for that, and how to see it."""
    if captured.record_type is RecordType.METADATA:
        return f"{url} was asked for, but never answered: {captured.error or 'no reason noted'}"
    what = _KINDS.get(PageKind(kind), kind) if kind else f"no page, but {captured.content_type or 'without a type'}"
    if captured.location:
        what = f"a redirect to {captured.location}"
    elif reason:
        what += f" ({reason})"
    when = f"{captured.captured_at:%Y-%m-%d %H:%M}Z"
    return f"{url} was captured, but not as an article: it is {what}; as of {when}, `muragat show --raw` prints it"


def payload(db: Database, directory: ArchiveDir, url: str, *, at: datetime | None = None) -> Payload:
    """The bytes served at a URL, nearest to `at`, else last; a revisit gives the body it refers to."""
    captures = timemap(db, url)
    answered = tuple(c for c in captures.captures if c.record_type is not RecordType.METADATA)
    capture = TimeMap(answered).closest(at) if at else (answered[-1] if answered else None)
    if capture is not None and capture.status == 304:  # it has no bytes: what it confirms has
        before = [c for c in answered[: answered.index(capture)] if c.status == 200]
        capture = before[-1] if before else None
    if capture is None:
        raise NotCapturedError(f"{url}: the site never answered; `muragat timemap` shows the attempts")
    if capture.record_type is RecordType.REVISIT:
        row = db.execute(
            "SELECT warc, offset, url FROM captures"
            " WHERE payload_digest = ? AND record_type IN ('response', 'resource')"
            f" ORDER BY {SHOWN} DESC, captured_at, warc, offset LIMIT 1",
            [capture.payload_digest],
        ).fetchone()
        if row is None:
            raise NotCapturedError(f"{url}: the capture that this revisit refers to is not in the archive")
        refuse(db, row[2])  # the only record with these bytes is withdrawn
        capture = load_capture(db, *row[:2])
    return read_payload(directory.warcs, capture)


# ---------------------------------------------------------------- the archive as a whole


def status(db: Database, directory: ArchiveDir) -> dict[str, object]:
    """What the archive holds: counts, sizes, crawls. Keys are stable; `muragat status --json` prints this."""
    from archive.alarms import standing
    from archive.index import count_stale  # with all that extraction needs: for no other question

    count = {
        table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("captures", "articles", "versions", "spam", "edits", "duplicates")
    }
    first, last = db.execute("SELECT min(captured_at), max(captured_at) FROM captures").fetchone()
    files = [path for path in directory.warcs.glob("*.warc.gz*") if path.is_file() and not path.name.endswith(".torn")]
    behind = 0
    places = dict(db.execute("SELECT filename, indexed_to FROM warcs").fetchall())
    for path in files:
        behind += max(0, path.stat().st_size - int(places.get(path.name.removesuffix(".open"), 0)))
    crawls = list(db.query("SELECT * FROM crawls ORDER BY started_at DESC, name DESC LIMIT 10"))
    sites = list(
        db.query(
            "SELECT site, count(*) AS articles, min(published_at) AS oldest, max(published_at) AS newest,"
            " sum(gone_at IS NOT NULL) AS gone FROM articles GROUP BY site ORDER BY site"
        )
    )
    return {
        "archive": str(directory.root),
        "captures": count["captures"],
        "articles": count["articles"],
        "wordings": count["versions"],
        "gone": db.execute("SELECT count(*) FROM articles WHERE gone_at IS NOT NULL").fetchone()[0],
        "edits": count["edits"],
        "duplicates": count["duplicates"] // 2,
        "spam_findings": count["spam"],
        "hidden": db.execute("SELECT count(*) FROM hidden_now WHERE urlkey = named").fetchone()[0],
        "first_capture": first,
        "last_capture": last,
        "warcs": len(files),
        "warc_bytes": sum(path.stat().st_size for path in files),
        "database_bytes": directory.db.stat().st_size,
        "bytes_not_indexed": behind,
        "unread": db.execute("SELECT count(*) FROM captures WHERE reason LIKE 'extraction failed: %'").fetchone()[0],
        "stale": count_stale(db, directory),
        "alarms": [str(alarm) for alarm in standing(db)],
        "damaged": db.execute("SELECT coalesce(sum(damaged), 0) FROM warcs").fetchone()[0],
        "sites": sites,
        "crawls": crawls,
    }


def links(captures: Iterable[Capture], *, replay: str) -> str:
    """A TimeMap in link format (RFC 7089 §5), with URLs of the replay at `replay`."""
    items = list(captures)
    lines = [f'<{items[0].url}>; rel="original"'] if items else []
    for capture in items:
        moment = f"{capture.captured_at:%Y%m%d%H%M%S}"
        http = capture.captured_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
        lines.append(f'<{replay}{moment}/{capture.url}>; rel="memento"; datetime="{http}"')
    return ",\n".join(lines) + "\n"

"""Rows → answers: one article, a TimeMap, the state of the archive, and SQL for whoever knows better.

Everything here reads; the database is opened read-only. Searching is in archive/search.py.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from sqlite_utils import Database

from archive.alarms import alarms
from archive.config import ArchiveDir
from archive.errors import NotCapturedError, QueryError
from archive.model import Capture, PageKind, Payload, RecordType, TimeMap
from archive.schema import connect_readonly, load_capture
from archive.surt import urlkey
from archive.warc import parse_warc_date, read_payload, warc_date

SQL_SECONDS = 30.0


# ---------------------------------------------------------------- one URL


def timemap(db: Database, url: str) -> TimeMap:
    """All captures of a URL. Raises NotCapturedError, with URLs that look like it."""
    rows = db.execute("SELECT warc, offset FROM captures WHERE urlkey = ?", [urlkey(url)]).fetchall()
    if not rows:
        raise NotCapturedError(f"{url} is not in this archive{_near(db, url)}")
    return TimeMap.of(load_capture(db, warc, offset) for warc, offset in rows)


def _near(db: Database, url: str) -> str:
    key = urlkey(url)
    rows = db.execute(
        "SELECT DISTINCT urlkey, url FROM captures WHERE status = 200 AND urlkey BETWEEN ? AND ? LIMIT 2000",
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


def article(db: Database, url: str, *, at: datetime | None = None) -> Shown:
    """The article at a URL as captured nearest to `at`, else last. Raises NotCapturedError."""
    rows = db.execute(
        "SELECT warc, offset, captured_at, version, status FROM captures WHERE urlkey = ? AND version IS NOT NULL",
        [urlkey(url)],
    ).fetchall()
    if not rows:
        captured = timemap(db, url).captures[-1]  # raises where there is nothing at all
        kind = db.execute(
            "SELECT kind, reason FROM captures WHERE warc = ? AND offset = ?", [captured.warc, captured.offset]
        )
        what, why = kind.fetchone()
        raise NotCapturedError(_not_an_article(url, captured, what, why))
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    nearest = min(rows, key=lambda row: abs(parse_warc_date(row[2]) - at)) if at else rows[-1]
    # A 304 says that the page is as it was: what it was is in the capture before it.
    warc, offset, _, version, _ = [row for row in rows[: rows.index(nearest) + 1] if row[4] != 304][-1]
    return Shown(
        capture=load_capture(db, warc, offset),
        fields=next(iter(db.query("SELECT * FROM versions WHERE id = ?", [version]))),
        findings=list(db.query('SELECT * FROM spam WHERE warc = ? AND "offset" = ? ORDER BY id', [warc, offset])),
        comment_count=db.execute(
            'SELECT comment_count FROM captures WHERE warc = ? AND "offset" = ?', [warc, offset]
        ).fetchone()[0],
        comments=list(db.query(_COMMENTS, [warc, offset])),
        captures=len(rows),
        wordings=len({row[3] for row in rows}),
    )


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
            "SELECT warc, offset FROM captures WHERE payload_digest = ? AND record_type IN ('response', 'resource')"
            " ORDER BY captured_at, warc, offset LIMIT 1",
            [capture.payload_digest],
        ).fetchone()
        if row is None:
            raise NotCapturedError(f"{url}: the capture that this revisit refers to is not in the archive")
        capture = load_capture(db, *row)
    return read_payload(directory.warcs, capture)


# ---------------------------------------------------------------- differences


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words in a difference."""

    change: str  # "same", "added" or "removed"
    text: str


def diff_words(old: str, new: str) -> list[Piece]:
    """What was added and removed between two texts, word by word, white space kept."""
    before, after = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    pieces = list[Piece]()
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(before[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(before[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(after[j1:j2])))
    return _joined(pieces)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """The pieces with changes that only white space divides made one: a rewritten sentence reads as one change."""
    runs = list[tuple[str, str, str]]()  # same, removed, added: either the first or the others
    for place, piece in enumerate(pieces):
        between = piece.change == "same" and not piece.text.strip() and "\n" not in piece.text
        if between and runs and not runs[-1][0] and place + 1 < len(pieces):
            _, removed, added = runs[-1]
            runs[-1] = ("", removed + piece.text, added + piece.text)
        elif piece.change == "same":
            runs.append((piece.text, "", ""))
        else:
            _, removed, added = runs.pop() if runs and not runs[-1][0] else ("", "", "")
            gained = piece.text if piece.change == "added" else ""
            runs.append(("", removed + (piece.text if not gained else ""), added + gained))
    joined = list[Piece]()
    for same, removed, added in runs:
        joined += [
            Piece(change, text) for change, text in (("same", same), ("removed", removed), ("added", added)) if text
        ]
    return joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed between two wordings of one page."""

    url: str
    seen_from: str  # when the older wording was first seen
    seen_to: str  # when the newer one was
    pieces: tuple[Piece, ...]  # of title, lead and body


def compare(db: Database, url: str, *, start: datetime | None = None, end: datetime | None = None) -> Difference:
    """The wording at `start` (default: the first) against the one at `end` (default: the last).

    Raises NotCapturedError where there are not two.
    """
    known = wordings(db, url)
    if not known:
        article(db, url)  # raises, and says what there is instead
    old = _wording_at(known, start) if start else known[0]
    new = _wording_at(known, end) if end else known[-1]
    if old["id"] == new["id"]:
        since = str(old["seen_from"])[:19]
        raise NotCapturedError(f"{url} has one wording there, seen from {since}Z on; there is nothing to compare")
    return Difference(
        url=url,
        seen_from=str(old["seen_from"]),
        seen_to=str(new["seen_from"]),
        pieces=tuple(diff_words(_whole(old), _whole(new))),
    )


def _wording_at(known: list[dict[str, object]], at: datetime) -> dict[str, object]:
    moment = warc_date(at)
    return next((wording for wording in reversed(known) if str(wording["seen_from"]) <= moment), known[0])


def _whole(wording: dict[str, object]) -> str:
    lead = str(wording["lead"] or "")
    text = str(wording["text"])
    return "\n\n".join(filter(None, [str(wording["title"]), "" if lead[:60] in text else lead, text]))


def shorten(pieces: Iterable[Piece], *, context: int = 80) -> list[Piece]:
    """The pieces with long unchanged stretches cut to what stands next to a change."""
    out = list[Piece]()
    everything = list(pieces)
    for place, piece in enumerate(everything):
        text = piece.text
        if piece.change == "same" and len(text) > 2 * context + 20:
            start = text[:context].rpartition(" ")[0] if place else ""
            end = text[-context:].partition(" ")[2] if place < len(everything) - 1 else ""
            text = f"{start} […] {end}"
        out.append(Piece(piece.change, text))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An article that says something else than before, or is gone."""

    url: str
    title: str
    at: str  # when the change was first seen
    kind: str  # "edited" or "gone"


def changes(db: Database, *, since: datetime | None = None) -> list[Change]:
    """Edited and deleted articles, newest first."""
    floor = warc_date(since) if since else ""
    rows = db.execute(
        "SELECT a.url, v.title, v.seen_from, 'edited' FROM versions v JOIN articles a ON a.urlkey = v.article"
        " WHERE v.seen_from > a.first_seen_at AND v.seen_from >= ?"
        " UNION ALL SELECT url, title, gone_at, 'gone' FROM articles WHERE gone_at >= ?"
        " ORDER BY 3 DESC, 1",
        [floor, floor or "0"],
    )
    return [Change(url=url, title=title, at=at, kind=kind) for url, title, at, kind in rows]


def wordings(db: Database, url: str) -> list[dict[str, object]]:
    """The wordings of one page, oldest first: rows of `versions`."""
    return list(db.query("SELECT * FROM versions WHERE article = ? ORDER BY seen_from, id", [urlkey(url)]))


# ---------------------------------------------------------------- the archive as a whole


def status(db: Database, directory: ArchiveDir) -> dict[str, object]:
    """What the archive holds: counts, sizes, crawls. Keys are stable; `muragat status --json` prints this."""
    from archive.index import count_stale  # with all that extraction needs: for no other question

    count = {
        table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("captures", "articles", "versions", "spam")
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
        "spam_findings": count["spam"],
        "first_capture": first,
        "last_capture": last,
        "warcs": len(files),
        "warc_bytes": sum(path.stat().st_size for path in files),
        "bytes_not_indexed": behind,
        "unread": db.execute("SELECT count(*) FROM captures WHERE reason LIKE 'extraction failed: %'").fetchone()[0],
        "stale": count_stale(db, directory),
        "alarms": [str(alarm) for alarm in alarms(db).alarms],
        "damaged": db.execute("SELECT coalesce(sum(damaged), 0) FROM warcs").fetchone()[0],
        "sites": sites,
        "crawls": crawls,
    }


def run_sql(
    directory: ArchiveDir, sql: str, *, limit: int = 1000, seconds: float = SQL_SECONDS
) -> tuple[list[str], list[Sequence[object]]]:
    """Columns and at most `limit` rows of one statement that only reads. Raises QueryError."""
    db = connect_readonly(directory.db)
    deadline = time.monotonic() + seconds
    db.conn.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
    db.execute("PRAGMA query_only = ON")
    db.conn.set_authorizer(_only_this_file)
    try:
        cursor = db.execute(sql)
        rows = cursor.fetchmany(limit)
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise QueryError(
                f"the statement took longer than {seconds:.0f} s; narrow it, or open {directory.db} with sqlite3"
            ) from error
        if "readonly" in str(error):
            raise QueryError("the archive is opened read-only: its rows are made from the WARCs; say SELECT") from error
        raise QueryError(f'{error}; `muragat query "SELECT name, sql FROM sqlite_master"` shows the tables') from error
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise QueryError(f"{str(error).rstrip('.')}; say one SELECT, about the rows of this archive") from error
    finally:
        db.conn.set_progress_handler(None, 0)
    if not cursor.description:
        raise QueryError(f"{sql!r} asks for no rows; say one SELECT, about the rows of this archive")
    return [column[0] for column in cursor.description or ()], rows


def _only_this_file(action: int, *rest: str | None) -> int:
    """SQLite's authorizer: ATTACH and VACUUM INTO make files, whatever the mode of the database that is open."""
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def links(captures: Iterable[Capture], *, replay: str) -> str:
    """A TimeMap in link format (RFC 7089 §5), with URLs of the replay at `replay`."""
    items = list(captures)
    lines = [f'<{items[0].url}>; rel="original"'] if items else []
    for capture in items:
        moment = f"{capture.captured_at:%Y%m%d%H%M%S}"
        http = capture.captured_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
        lines.append(f'<{replay}{moment}/{capture.url}>; rel="memento"; datetime="{http}"')
    return ",\n".join(lines) + "\n"

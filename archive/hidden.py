"""Pages that are in the archive and shown to nobody: `muragat hide`, for a take-down or an embargo.

Each hide and unhide is a line of `hidden.jsonl`, which is the truth; the table `hidden` is made from it, at once and by
every indexer. Which pages are withdrawn at this moment is decided by one view, `hidden_now` (archive/schema.py), which
compares `until` with the clock when it is asked: no process has to run for an embargo to end. Nothing is taken out of
the WARCs, nor out of the rows: whoever has the file and writes SQL reads on.
Log and table are read and compared in archive/hidden_log.py.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.errors import HiddenError, MuragatError
from archive.hidden_log import HIDE, UNHIDE, Hidden, bring_in, known, minute, standing
from archive.manifest import append_line
from archive.schema import SCHEMA_VERSION
from archive.surt import urlkey
from archive.times import end_of, parse_time
from archive.warc import warc_date

# What a query adds to leave out what is withdrawn, behind the name of a table that has this column or none.
SHOWN = "urlkey NOT IN (SELECT urlkey FROM hidden_now)"
# The same as ids of articles: what a search leaves out.
HIDDEN_ARTICLES = "SELECT a.id FROM articles a JOIN hidden_now h ON h.urlkey = a.urlkey"


def hide(
    directory: ArchiveDir, url: str, *, reason: str, who: str, now: datetime, until: datetime | None = None
) -> Hidden:
    """Withdraw a page, captured or not; again, to change why and until when. Raises MuragatError for what is no hide.

    What was written down when this raises for another cause is said.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise MuragatError('say why: --reason "…"; it is what readers are told')
    if until and until <= now:
        raise MuragatError(f"{minute(until)} is past: nothing would be hidden; name a later day, or leave --until out")
    entry = {"event": HIDE, "url": url, "reason": reason, "until": warc_date(until) if until else None}
    _write(directory, entry, who=who, now=now)
    return standing(directory.hidden)[urlkey(url)]


def unhide(directory: ArchiveDir, url: str, *, who: str, now: datetime) -> None:
    """Show a page again. Raises MuragatError when nobody hid it under this address."""
    if urlkey(url) not in known(directory):
        raise MuragatError(f"{url} is not hidden{_by_another(directory, url)}; `muragat hidden` lists what is")
    _write(directory, {"event": UNHIDE, "url": url}, who=who, now=now)


def _by_another(directory: ArchiveDir, url: str) -> str:
    with _rows(directory) as db:
        found = why(db, url) if db else None
    return f" by itself, but as part or copy of {found.url}" if found else ""


def until_end(text: str) -> datetime:
    """The end of the year, month or day that is named, in UTC unless it says a zone; of a time, that moment."""
    start, end = parse_time(text), end_of(text)
    return start if end - start <= timedelta(minutes=1) else end


# ---------------------------------------------------------------- the log


def _write(directory: ArchiveDir, entry: dict[str, str | None], *, who: str, now: datetime) -> None:
    """A line into the log, on the disk, and at once into the rows, where there are any; nothing into a damaged log."""
    with unchanging(directory):
        try:
            standing(directory.hidden)
        except MuragatError as error:
            raise MuragatError(f"nothing was written: {error}") from error
        append_line(directory.hidden, {**entry, "who": who, "at": warc_date(now)})
        try:
            with _rows(directory) as db:
                if db:
                    bring_in(db, directory.hidden, settled=urlkey(str(entry["url"])))
        except sqlite3.Error as error:
            raise MuragatError(
                f"{entry['url']} is {entry['event']} in {directory.hidden}, but archive.db does not know it yet"
                f" ({error}); `muragat index` brings it in"
            ) from error


@contextmanager
def unchanging(directory: ArchiveDir) -> Iterator[None]:
    """Nobody hides and unhides meanwhile: for whoever puts another archive.db in the place of this one."""
    directory.locks.mkdir(exist_ok=True)
    with (directory.locks / ".hidden.lock").open("a") as file:  # with a dot: no crawl, as other locks there are
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- rows


@contextmanager
def _rows(directory: ArchiveDir) -> Iterator[Database | None]:
    """archive.db for writing; None where there is none, or an older one, of which nobody is shown anything."""
    if not directory.db.is_file():
        yield None
        return
    uri = f"{directory.db.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)) as connection:
        current = connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        yield Database(connection) if current else None


def refuse(db: Database, url: str) -> None:
    """Raise HiddenError for a page that is withdrawn now."""
    if found := why(db, url):
        part = "" if urlkey(found.url) == urlkey(url) else f" (as part or copy of {found.url})"
        raise HiddenError(f"{url}{part}: {found}")


def why(db: Database | sqlite3.Connection, url: str) -> Hidden | None:
    """What withdraws a page now, captured or not; None when it is shown."""
    row = db.execute(
        "SELECT url, reason, who, hidden_at, until FROM hidden_now WHERE urlkey = ?"
        " ORDER BY named <> urlkey, hidden_at, named LIMIT 1",
        [urlkey(url)],
    ).fetchone()
    return Hidden.of(*row) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a hide withdraws of what is captured, and what it does not."""

    captures: int
    pages: tuple[str, ...]  # addresses withdrawn with the one named: further pages, copies
    leads_to: str | None  # address to which it redirects, which stays
    elsewhere: tuple[str, ...]  # other addresses that hold the same text or the same bytes, which stay; ten at most


def reach(directory: ArchiveDir, url: str) -> Reach | None:
    """What a page that is hidden now takes along; None without rows."""
    with _rows(directory) as db:
        return _reach(db, urlkey(url)) if db else None


def _reach(db: Database, key: str) -> Reach:
    mine = "(SELECT urlkey FROM hidden_now WHERE named = ?1)"
    (captures,) = db.execute(f"SELECT count(*) FROM captures WHERE urlkey IN {mine}", [key]).fetchone()
    pages = db.execute(
        f"SELECT max(url) FROM captures WHERE urlkey IN {mine} AND urlkey <> ?1 GROUP BY urlkey ORDER BY urlkey", [key]
    )
    leads_to = db.execute(
        "SELECT location FROM captures WHERE urlkey = ? ORDER BY captured_at DESC, warc DESC, offset DESC LIMIT 1",
        [key],
    ).fetchone()
    elsewhere = db.execute(
        f"SELECT url FROM versions WHERE {SHOWN.replace('urlkey', 'article', 1)}"
        f" AND text_digest IN (SELECT text_digest FROM versions WHERE article IN {mine})"
        " UNION SELECT o.url FROM captures c JOIN captures o ON o.payload_digest = c.payload_digest"
        f" WHERE c.urlkey IN {mine} AND c.status = 200 AND o.{SHOWN} ORDER BY 1 LIMIT 10",
        [key],
    )
    return Reach(
        captures=captures,
        pages=tuple(page for (page,) in pages),
        leads_to=leads_to[0] if leads_to else None,
        elsewhere=tuple(other for (other,) in elsewhere),
    )

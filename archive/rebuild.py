"""archive.db made anew from the WARCs alone, beside the old one, which serves until the new one is whole.

The new one keeps checkpoints of its own: a rebuild that was interrupted goes on, as long as the rules are the same.
Copied in by SQLite's backup API: renaming over a database that others have open would lose it for them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from archive import hidden
from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.facts import Rules
from archive.hidden_log import take_over
from archive.index import IndexReport, hold, index_into
from archive.readonly import open_readonly
from archive.schema import schema_digest
from archive.warc import size_of

_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def rebuild(directory: ArchiveDir, *, jobs: int | None = None) -> IndexReport:
    """Make archive.db anew, or go on with it; `jobs` processes read (None: one a core that this one may use).

    Crawls and their indexers go on meanwhile; they are kept out only while the last rows and the copy are made.
    """
    report, rules = IndexReport(), Rules(directory.all_sites())
    fresh = directory.db.with_name("archive.db.rebuild")
    with hold(directory, "rebuild"):
        _begin(directory, fresh, rules, report)
        index_into(directory, fresh, rules, report, jobs=jobs)
        # Nobody hides a page meanwhile, or it would be shown again.
        with hold(directory, "index"), hidden.unchanging(directory):
            index_into(directory, fresh, rules, report, jobs=jobs)  # what has been captured since
            report.hidden_lost = [page.url for page in take_over(directory, fresh)]
            lost = sorted(_files(directory.db) - _files(fresh))
            report.changed += [f"{name} is gone from {directory.warcs}, and its rows with it" for name in lost]
            _copy_into(fresh, directory.db)
        _remove(fresh)
    return report


def _begin(directory: ArchiveDir, fresh: Path, rules: Rules, report: IndexReport) -> None:
    """Leave of an earlier rebuild what can be gone on with, and note by which rules this one is made."""
    made_by = f"muragat {version('muragat')}\nrules {rules}\nschema {schema_digest()}\n"
    if fresh.exists():
        reason = _why_anew(directory, fresh, made_by, report)
        if reason is None:
            return
        report.notes.append(f"an earlier rebuild was interrupted, and cannot be gone on with: {reason}; begun anew")
    _remove(fresh)
    # Beside the file, not in it: what is copied in has then nothing to be taken out of.
    _note(fresh).write_text(made_by, "utf-8")


def _why_anew(directory: ArchiveDir, fresh: Path, made_by: str, report: IndexReport) -> str | None:
    """Why the rows of an interrupted rebuild are not those that would be made today; None, with a note, if they are."""
    note = _note(fresh)
    if not note.exists() or note.read_text("utf-8") != made_by:
        return "rules, tables or the programme have changed"
    try:
        with closing(sqlite3.connect(fresh)) as db:
            names = db.execute("SELECT filename FROM warcs WHERE indexed_to > 0").fetchall()
            captures, unread = db.execute(
                "SELECT count(*), count(*) FILTER (WHERE reason LIKE 'extraction failed: %') FROM captures"
            ).fetchone()
            damaged = db.execute("SELECT filename, damaged FROM warcs WHERE damaged > 0").fetchall()
    except sqlite3.Error as error:
        return f"{fresh.name}: {error}"
    for (name,) in names:
        if size_of(directory.warcs, name) is None:
            return f"{name} is gone since"
    report.unread += unread
    report.damaged += [f"{name}: {count} of its stretches, before the interruption" for name, count in damaged]
    report.notes.append(f"goes on with a rebuild that was interrupted after {captures} captures")
    return None


def _files(database: Path) -> set[str]:
    """The WARCs that a database has rows of; none where it cannot be asked."""
    try:
        with closing(open_readonly(database)) as db:
            return {name for (name,) in db.execute("SELECT filename FROM warcs WHERE indexed_to > 0")}
    except (sqlite3.Error, MuragatError):
        return set()


def _note(fresh: Path) -> Path:
    return fresh.with_name(fresh.name + ".rules")


def _remove(fresh: Path) -> None:
    """The note goes last: without it the rest is not gone on with."""
    for suffix in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    _note(fresh).unlink(missing_ok=True)


def _copy_into(fresh: Path, database: Path) -> None:
    """Into the living file; one that cannot be written to, as it is damaged, is set aside and a new one made."""
    with closing(sqlite3.connect(fresh)) as source:
        try:
            _copy(source, database)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            if source.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":  # it is not the target that is damaged
                raise
            _set_aside(database)
            _copy(source, database)


def _copy(source: sqlite3.Connection, database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=60)) as target:
        source.backup(target)


def _set_aside(database: Path) -> None:
    """Kept, as it may be all that knows of a hidden page. Its log goes along: it must not be played into a new file."""
    broken = database.with_name("archive.db.broken")
    for suffix in ("-shm", "-wal", ""):
        broken.with_name(broken.name + suffix).unlink(missing_ok=True)
        path = database.with_name(database.name + suffix)
        if path.exists():
            path.rename(broken.with_name(broken.name + suffix))

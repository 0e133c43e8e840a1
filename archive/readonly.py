"""A SQLite file for reading, beside a writer, and also where this user can write nothing: a disk that is read-only,
an archive that somebody else keeps.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from archive.errors import MuragatError

# What SQLite says when it may not make the two files beside a WAL database, -wal and -shm.
_NEEDS_TO_WRITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def open_readonly(path: Path, *, timeout: float = 5) -> sqlite3.Connection:
    """The database, opened and looked into; waits `timeout` seconds for a writer.

    Raises MuragatError where this user may not read it, sqlite3.DatabaseError for a file that is none.
    """
    if not os.access(path, os.R_OK):
        raise MuragatError(f"{path}: you have no permission to read it; ask its owner, or run this as that user")
    path = path.resolve()  # SQLite's other files lie beside what a link leads to
    try:
        return _opened(path, "mode=ro", timeout)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NEEDS_TO_WRITE or os.access(path.parent, os.W_OK):
            raise
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            raise MuragatError(
                f"{path}: its newest rows are in {wal.name}, which only who may write to {path.parent} can read;"
                " `muragat index`, run by its owner, puts them in their place"
            ) from error
    # Who writes makes both files first, and beside both of them mode=ro reads: here nobody is at it. A writer that
    # begins while this is open is not noticed: so it is for commands and questions, not to be kept open for days.
    return _opened(path, "mode=ro&immutable=1", timeout)


def _opened(path: Path, how: str, timeout: float) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")  # else it is looked into with the first question
    except BaseException:
        connection.close()
        raise
    return connection

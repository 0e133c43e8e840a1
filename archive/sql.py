"""`muragat query`: one statement of SQL that only reads, within bounds of time, rows and memory."""

from __future__ import annotations

import math
import sqlite3
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from archive.config import ArchiveDir
from archive.errors import QueryError
from archive.schema import connect_readonly

SECONDS = 30.0
# One value, and all of an answer. The largest page that is read has 64 MB; a statement can ask for a billion bytes.
MOST_VALUE_BYTES = 128 * 1024 * 1024
MOST_BYTES = 512 * 1024 * 1024
# Those that tell something. Others set what they name, for this connection or in the file.
_PRAGMAS = frozenset(
    (
        *("collation_list", "compile_options", "database_list", "function_list", "module_list", "pragma_list"),
        *("table_info", "table_list", "table_xinfo", "index_info", "index_list", "index_xinfo", "foreign_key_list"),
        *("foreign_key_check", "integrity_check", "quick_check", "page_count", "page_size", "freelist_count"),
    )
)
_PRAGMAS_ALONE = frozenset(("user_version", "schema_version", "encoding", "journal_mode", "data_version"))
_ONLY = "say one SELECT, about the rows of this archive"


class Answer(NamedTuple):
    """What a statement gave."""

    columns: list[str]  # each name once: of two alike the second is NAME_2
    rows: list[Sequence[object]]  # str, int, float, bytes or None
    more: bool  # there are more rows than were asked for


def run_sql(directory: ArchiveDir, sql: str, *, limit: int = 1000, seconds: float = SECONDS) -> Answer:
    """The answer to one statement that only reads, at most `limit` rows. Raises QueryError."""
    db = connect_readonly(directory.db).conn
    db.execute("PRAGMA query_only = ON")
    db.text_factory = lambda content: content.decode("utf-8", "replace")
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES)
    deadline = time.monotonic() + seconds
    db.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
    db.set_authorizer(_only_reading)
    try:
        cursor = db.execute(sql)
        columns = list(_named_once(column[0] for column in cursor.description or ()))
        rows = list(_bounded(cursor, limit + 1))
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise QueryError(
                f"the statement took longer than {seconds:g} s; narrow it, allow more with --timeout, or open"
                f" {directory.db} with sqlite3"
            ) from error
        if "readonly" in str(error):
            raise QueryError("the archive is opened read-only: its rows are made from the WARCs; say SELECT") from error
        raise QueryError(f'{error}; `muragat query "SELECT name, sql FROM sqlite_master"` shows the tables') from error
    except (sqlite3.Error, sqlite3.Warning) as error:
        if type(error) is sqlite3.DatabaseError and error.sqlite_errorcode != sqlite3.SQLITE_AUTH:
            raise  # the file is damaged: no matter of the statement
        raise QueryError(f"{str(error).rstrip('.')}; {_ONLY}") from error
    finally:
        db.close()
    if not columns:
        raise QueryError(f"{sql!r} asks for no rows; {_ONLY}")
    return Answer(columns, rows[:limit], len(rows) > limit)


def _bounded(cursor: sqlite3.Cursor, limit: int) -> Iterator[Sequence[object]]:
    size = 0
    for _, row in zip(range(limit), cursor, strict=False):
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if size > MOST_BYTES:
            raise QueryError(
                f"the answer has more than {MOST_BYTES // 2**20} MB; ask for fewer columns or rows, or `muragat export`"
            )
        yield row


def _named_once(names: Iterable[str]) -> Iterator[str]:
    seen = set[str]()
    for name in names:
        free = next(one for one in _numbered(name) if one not in seen)
        seen.add(free)
        yield free


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _only_reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """SQLite's authorizer: ATTACH and VACUUM INTO make files, PRAGMAs loosen bounds, whatever the file's own mode."""
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        allowed = name in _PRAGMAS or (name in _PRAGMAS_ALONE and second is None)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def as_json(value: object) -> object:
    """A value as JSON has it: bytes as Datasette writes them, no infinity."""
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": b64encode(value).decode()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_text(value: object) -> object:
    """A value for CSV: bytes in base64."""
    return b64encode(value).decode() if isinstance(value, bytes) else value


def as_cell(value: object) -> object:
    """A value for people: of bytes how many."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value

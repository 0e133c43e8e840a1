"""What an archive holds, as one file for others: CSV, JSON Lines, Parquet, CDXJ or WACZ.

`export` chooses (`selection`), writes beside the file named and renames when it is whole: a disk that fills up leaves
what was there before. Rows are read in one transaction, so a crawl beside it changes nothing, and one at a time: memory
does not grow with the archive. `tables` writes articles, `cdxj` captures, `wacz` the records themselves.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.errors import MuragatError, QueryError
from archive.export import cdxj, tables, wacz
from archive.export.selection import Selection, choose, drop_revisits_of_hidden, take
from archive.schema import connect_readonly
from archive.warc import sync_folder

__all__ = ["Exported", "Form", "Selection", "export", "form_of"]


class Form(StrEnum):
    """What an export is written as; the value is the file's ending, too."""

    CSV = "csv"  # articles, for spreadsheets
    JSONL = "jsonl"  # articles, a JSON object on each line
    PARQUET = "parquet"  # articles, in typed columns
    CDXJ = "cdxj"  # captures: an index of the WARCs
    WACZ = "wacz"  # the WARC records with pages and index: replays by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    path: Path | None  # None for standard output
    form: Form
    articles: int
    captures: int | None  # None for tables, which hold articles alone
    size_bytes: int


def form_of(path: Path) -> Form:
    """The form that a file's ending names. Raises QueryError for another one."""
    ending = path.suffix.lower().removeprefix(".")
    aliases = {"ndjson": Form.JSONL, "cdx": Form.CDXJ}
    if ending in aliases:
        return aliases[ending]
    if ending not in set(Form):
        known = ", ".join(f".{form}" for form in Form)
        raise QueryError(f"{path}: what to write is not told by its ending; it is one of {known}, or say --csv, …")
    return Form(ending)


def export(
    directory: ArchiveDir,
    target: Path | BinaryIO,
    *,
    form: Form,
    choice: Selection | None = None,
    now: datetime,
    bom: bool = True,
) -> Exported:
    """Write the articles or captures chosen (default: all) to a file, or to an open one where the form is text.

    `now` is the moment a WACZ says it was made; `bom` begins a CSV with the mark by which Excel knows UTF-8.
    """
    choice = choice or Selection()
    with _reading(directory) as db:
        articles = choose(db, choice, directory.zones())
        if not isinstance(target, Path):
            if form not in (Form.CSV, Form.JSONL, Form.CDXJ):
                raise QueryError(f"{form} cannot go to a pipe; name a file")
            written = _write(db, directory, target, form=form, choice=choice, now=now, bom=bom)
            return Exported(path=None, form=form, articles=articles, captures=written, size_bytes=0)
        with whole_file(target) as file:
            written = _write(db, directory, file, form=form, choice=choice, now=now, bom=bom)
    size = target.stat().st_size
    return Exported(path=target, form=form, articles=articles, captures=written, size_bytes=size)


@contextmanager
def _reading(directory: ArchiveDir) -> Iterator[Database]:
    """The rows as they are at this moment, whatever is written meanwhile."""
    db = connect_readonly(directory.db)
    try:
        db.execute("BEGIN")
        yield db
    except sqlite3.OperationalError as error:
        raise MuragatError(
            f"{directory.db}: {error}; an export needs room for SQLite's temporary files, too: $SQLITE_TMPDIR names it"
        ) from error
    finally:
        db.conn.close()


def _write(
    db: Database,
    directory: ArchiveDir,
    file: BinaryIO,
    *,
    form: Form,
    choice: Selection,
    now: datetime,
    bom: bool,
) -> int | None:
    """Write in one form; the number of captures, where it holds captures."""
    if form is Form.CSV:
        tables.write_csv(db, file, bom=bom)
    elif form is Form.JSONL:
        tables.write_jsonl(db, file)
    elif form is Form.PARQUET:
        tables.write_parquet(db, file)
    elif form is Form.CDXJ:
        take(db, choice)
        drop_revisits_of_hidden(db)
        return cdxj.write(db, file)
    else:
        return wacz.write(db, directory, file, choice=choice, now=now)
    return None


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` when all of it is on the disk, and is gone on any error."""
    path = path.resolve()  # a link goes on to point where it pointed
    if path.exists() and not path.is_file():
        raise MuragatError(f"{path} is no ordinary file; name one to write, or - for standard output")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        why = error.strerror or str(error)
        raise MuragatError(
            f"{path} cannot be written: {why}; no part of it is left, what was there before is"
        ) from error
    finally:
        part.unlink(missing_ok=True)

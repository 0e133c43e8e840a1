"""Articles as tables: CSV for spreadsheets, JSON Lines for programs, Parquet for DuckDB and pandas.

The columns are the same in all three, in one order, and explained here once; the rows are those of `chosen`. Everything
injected was left out when the pages were read.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import TextIOWrapper
from typing import Any, BinaryIO

from sqlite_utils import Database

from archive.errors import MuragatError
from archive.warc import parse_warc_date

Cell = str | int | list[str] | list[dict[str, str | None]] | None


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    COUNT = "count"
    TIME = "time"  # UTC
    TEXTS = "texts"  # a list
    PICTURES = "pictures"  # a list of {url, alt, caption, credit}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, kind and meaning, and where it comes from (`a`: articles, `c`: its newest capture)."""

    name: str
    kind: Kind
    means: str
    sql: str = ""  # "": the column of that name in `articles`


_AUTHORS = (
    "(SELECT json_group_array(author) FROM (SELECT author FROM article_authors WHERE article = a.id ORDER BY position))"
)
_TAGS = "(SELECT json_group_array(tag) FROM (SELECT tag FROM article_tags WHERE article = a.id ORDER BY tag))"
_IMAGES = (
    "(SELECT json_group_array(json_object('url', url, 'alt', alt, 'caption', caption, 'credit', credit)) FROM"
    " (SELECT url, alt, caption, credit FROM images WHERE article = a.id ORDER BY position))"
)

COLUMNS = (
    Column("url", Kind.TEXT, "as last fetched"),
    Column("title", Kind.TEXT, "of the current wording, as all that follows"),
    Column("lead", Kind.TEXT, "standfirst or summary"),
    Column("text", Kind.TEXT, "the body, an empty line between two paragraphs, with the lead if it is printed"),
    Column("authors", Kind.TEXTS, "as printed", _AUTHORS),
    Column("section", Kind.TEXT, ""),
    Column("tags", Kind.TEXTS, "as printed", _TAGS),
    Column("published_at", Kind.TIME, "to the minute where the page says it"),
    Column("published_precision", Kind.TEXT, "day or minute"),
    Column("published_as", Kind.TEXT, "the date as printed"),
    Column("modified_at", Kind.TIME, "as the page says"),
    Column("language", Kind.TEXT, "tr, kk, ru …"),
    Column("site", Kind.TEXT, "name of the site's profile"),
    Column("images", Kind.PICTURES, "url, alt, caption, credit; the lead picture first", _IMAGES),
    Column("access", Kind.TEXT, "free or paywalled, as the page says"),
    Column("comment_count", Kind.COUNT, "readers' comments, as the newest capture says"),
    Column("pages", Kind.COUNT, "how many pages the text stands on"),
    Column("versions", Kind.COUNT, "how many wordings it had"),
    Column("first_seen_at", Kind.TIME, "first capture"),
    Column("last_seen_at", Kind.TIME, "last capture that shows it"),
    Column("gone_at", Kind.TIME, "first capture since which it is not there"),
    Column("captured_at", Kind.TIME, "of the capture to cite, as all that follows", "c.captured_at"),
    Column("payload_digest", Kind.TEXT, "SHA-1 of the page as served, in base 32", "c.payload_digest"),
    Column("warc", Kind.TEXT, "file that holds the record"),
    Column("warc_offset", Kind.COUNT, "byte at which it begins there", 'a."offset"'),
)


def rows(db: Database) -> Iterator[list[Cell]]:
    """The articles in `chosen`, a cell per column: times as text, lists as lists."""
    columns = ", ".join(column.sql or f"a.{column.name}" for column in COLUMNS)
    found = db.execute(
        f"SELECT {columns} FROM chosen JOIN articles a ON a.id = chosen.id"
        ' LEFT JOIN captures c ON c.warc = a.warc AND c."offset" = a."offset" ORDER BY chosen.place'
    )
    lists = [place for place, column in enumerate(COLUMNS) if column.kind in (Kind.TEXTS, Kind.PICTURES)]
    for row in found:
        cells = list(row)
        for place in lists:
            cells[place] = json.loads(cells[place])
        yield cells


# ---------------------------------------------------------------- CSV

# What a spreadsheet takes for a formula, with the full-width signs that Japanese versions read alike, and behind the
# white space that some skip (OWASP, "CSV Injection").
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")


def write_csv(db: Database, file: BinaryIO, *, bom: bool) -> None:
    """RFC 4180, UTF-8. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = TextIOWrapper(file, encoding="utf-8-sig" if bom else "utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow([column.name for column in COLUMNS])
        for cells in rows(db):
            writer.writerow([_csv_cell(cell) for cell in cells])
    finally:
        text.detach()


def _csv_cell(cell: Cell) -> str | int | None:
    """A list in one cell: `; ` between texts, a space between addresses of pictures."""
    if isinstance(cell, int) or cell is None:
        return cell
    if isinstance(cell, list):
        texts = [one if isinstance(one, str) else str(one["url"]) for one in cell]
        cell = (" " if any(isinstance(one, dict) for one in cell) else "; ").join(texts)
    return no_formula(cell)


def no_formula(text: str) -> str:
    """A text as CSV has it: one that a spreadsheet would take for a formula with an apostrophe before it."""
    return f"'{text}" if _FORMULA.match(text) else text


# ---------------------------------------------------------------- JSON Lines


def write_jsonl(db: Database, file: BinaryIO) -> None:
    """A JSON object on each line, every column in it; times in ISO 8601 with Z."""
    names = [column.name for column in COLUMNS]
    for cells in rows(db):
        file.write(json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False).encode() + b"\n")


# ---------------------------------------------------------------- Parquet

# A row group is what memory holds: so many rows, or so many characters of them.
_GROUP_ROWS, _GROUP_CHARS = 10_000, 4_000_000


def write_parquet(db: Database, file: BinaryIO) -> None:
    """Typed columns: timestamps in UTC, lists as lists; each column's meaning in its metadata."""
    try:
        import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]
        from pyarrow import parquet  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MuragatError(
            "Parquet needs pyarrow, which is not installed; pip install 'muragat[export]', or export .jsonl"
        ) from error
    kinds = {
        Kind.TEXT: pyarrow.string(),
        Kind.COUNT: pyarrow.int64(),
        Kind.TIME: pyarrow.timestamp("us", tz="UTC"),
        Kind.TEXTS: pyarrow.list_(pyarrow.string()),
        Kind.PICTURES: pyarrow.list_(
            pyarrow.struct([(name, pyarrow.string()) for name in ("url", "alt", "caption", "credit")])
        ),
    }
    schema = pyarrow.schema(
        [pyarrow.field(one.name, kinds[one.kind], metadata={"description": one.means}) for one in COLUMNS]
    )
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(db):
            arrays = [pyarrow.array(cells, field.type) for cells, field in zip(group, schema, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _groups(db: Database) -> Iterator[list[list[Any]]]:
    """The rows by column, in groups that memory holds."""
    convert: list[Callable[[Any], Any] | None] = [
        parse_warc_date if column.kind is Kind.TIME else None for column in COLUMNS
    ]
    group: list[list[Any]] = [[] for _ in COLUMNS]
    chars = 0
    for cells in rows(db):
        for column, cell, to in zip(group, cells, convert, strict=True):
            column.append(to(cell) if to and cell is not None else cell)
            chars += len(cell) if isinstance(cell, str) else 0
        if len(group[0]) >= _GROUP_ROWS or chars >= _GROUP_CHARS:
            yield group
            group, chars = [[] for _ in COLUMNS], 0
    if group[0]:
        yield group

"""`hidden.jsonl` and the table `hidden` that is made from it: what both say, and what the log has lost.

A row that the log does not account for (a line was removed, or the file) stays, and is told of as lost, until a hide,
an unhide or the log's return settles it: what was hidden is never shown again by damage.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.manifest import read_lines
from archive.readonly import open_readonly
from archive.schema import immediate
from archive.surt import urlkey
from archive.warc import parse_warc_date, warc_date

HIDE, UNHIDE = "hidden", "unhidden"  # events
_COLUMNS = "urlkey, url, reason, who, hidden_at, until"
_Row = tuple[str | None, ...]  # those columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """One page that a person withdrew."""

    url: str  # as typed
    reason: str
    who: str
    hidden_at: datetime  # since when without a break; UTC
    until: datetime | None  # first moment at which it shows again; None: until it is unhidden

    @classmethod
    def of(cls, url: str, reason: str, who: str, hidden_at: str, until: str | None) -> Hidden:
        """From a row."""
        at, end = parse_warc_date(hidden_at), parse_warc_date(until) if until else None
        return cls(url=url, reason=reason, who=who, hidden_at=at, until=end)

    def row(self) -> _Row:
        """As a row, with its urlkey."""
        until = warc_date(self.until) if self.until else None
        return urlkey(self.url), self.url, self.reason, self.who, warc_date(self.hidden_at), until

    def holds(self, now: datetime) -> bool:
        """Whether it is withdrawn still; the same as in `hidden_now`."""
        return self.until is None or self.until > now

    def __str__(self) -> str:
        until = f" until {minute(self.until)}" if self.until else ""
        return f"hidden since {minute(self.hidden_at)}{until}: {self.reason}"


def minute(at: datetime) -> str:
    """A time for people."""
    return f"{at:%Y-%m-%d %H:%M}Z"


def standing(log: Path) -> dict[str, Hidden]:
    """What is hidden by the log: urlkey → the page. Those whose `until` is past are among them."""
    return _read(log)[0]


def _read(log: Path) -> tuple[dict[str, Hidden], dict[str, datetime]]:
    """What is hidden by the log; and of every urlkey that it names, the newest time at which it says anything of it."""
    pages, told = dict[str, Hidden](), dict[str, datetime]()
    for number, line in enumerate(read_lines(log)[0], 1):
        try:
            _follow(pages, told, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise MuragatError(
                f"{log} line {number} is damaged ({error}); restore it from a backup, or take that line out: what"
                " archive.db knows to be hidden stays hidden"
            ) from error
    return pages, told


def _follow(pages: dict[str, Hidden], told: dict[str, datetime], entry: dict[str, str]) -> None:
    """What one line of the log changes."""
    key, at = urlkey(entry["url"]), parse_warc_date(entry["at"])
    told[key] = max(at, told.get(key, at))
    if entry["event"] == UNHIDE:
        pages.pop(key, None)
        return
    before = pages.get(key)
    pages[key] = Hidden(
        url=entry["url"],
        reason=entry["reason"],
        who=entry["who"],
        hidden_at=before.hidden_at if before and before.holds(at) else at,
        until=parse_warc_date(entry["until"]) if entry["until"] else None,
    )


# ---------------------------------------------------------------- the log beside the rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What log and table do not agree on."""

    lost: list[Hidden]  # hidden by the table only, or for longer
    behind: list[Hidden]  # what the log says of it is not in the table yet


def known(directory: ArchiveDir) -> dict[str, Hidden]:
    """What is hidden by the log, and what archive.db hides though the log lost it: urlkey → the page."""
    return {**standing(directory.hidden), **_by_key(compare(directory).lost)}


def compare(directory: ArchiveDir) -> Comparison:
    """The log beside the table; without a table they agree. Raises MuragatError for a damaged line."""
    found = _rows_of(directory)  # before the log: each row had its line there by then
    pages, told = _read(directory.hidden)
    if found is None:
        return Comparison(lost=[], behind=[])
    rows = _by_key(found)
    lost = _lost(rows, pages, told)
    differ = [page for key, page in {**rows, **pages}.items() if rows.get(key) != pages.get(key) and key not in lost]
    return Comparison(lost=list(lost.values()), behind=differ)


def lost_line(urls: Sequence[str]) -> str:
    """What to say of pages that the log has lost, on one line."""
    named = ", ".join(urls[:3]) + (f" and {len(urls) - 3} more" if len(urls) > 3 else "")
    return (
        f"hidden.jsonl has lost lines; by archive.db these stay hidden: {named}; bring hidden.jsonl back from a backup,"
        " or settle each page with `muragat hide` or `muragat unhide`"
    )


def _lost(rows: Mapping[str, Hidden], pages: Mapping[str, Hidden], told: Mapping[str, datetime]) -> dict[str, Hidden]:
    """The rows that hide more than the log accounts for."""
    lost = dict[str, Hidden]()
    for key, row in rows.items():
        page = pages.get(key)
        if page is None:  # an unhide that is newer than the row accounts for it
            accounted = key in told and told[key] >= row.hidden_at
        else:
            longer = page.until is not None and (row.until is None or row.until > page.until)
            accounted = page.hidden_at > row.hidden_at or not longer
        if not accounted:
            lost[key] = row
    return lost


# ---------------------------------------------------------------- rows


def bring_in(
    db: Database, log: Path, *, before: Iterable[Hidden] | None = None, settled: str | None = None
) -> list[Hidden]:
    """Make the table `hidden` what the log says; the rows that the log has lost, which stay.

    `before`: what the table said; None: as it stands. `settled`: the urlkey on which a person decided this moment.
    """
    rows, lost = _wanted(db, log, before, settled)
    if rows == _fetch(db):
        return lost
    with immediate(db):
        # Again: under the writer's lock, or what was hidden since would be shown again.
        rows, lost = _wanted(db, log, before, settled)
        db.execute("DELETE FROM hidden")
        db.conn.executemany(f"INSERT INTO hidden ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", rows)
    return lost


def take_over(directory: ArchiveDir, fresh: Path) -> list[Hidden]:
    """Bring the log into the database that takes archive.db's place, with what only archive.db knows."""
    with closing(sqlite3.connect(fresh, timeout=30, isolation_level=None)) as connection:
        return bring_in(Database(connection), directory.hidden, before=_rows_of(directory))


def _wanted(
    db: Database, log: Path, before: Iterable[Hidden] | None, settled: str | None
) -> tuple[list[_Row], list[Hidden]]:
    """What the table shall hold, in the order of its keys; and what of it the log has lost."""
    pages, told = _read(log)
    rows = _by_key(_pages(_fetch(db)) if before is None else before)
    lost = _lost({key: page for key, page in rows.items() if key != settled}, pages, told)
    return [page.row() for _, page in sorted({**pages, **lost}.items())], list(lost.values())


def _by_key(pages: Iterable[Hidden]) -> dict[str, Hidden]:
    return {urlkey(page.url): page for page in pages}


def _fetch(db: Database | sqlite3.Connection) -> list[_Row]:
    return db.execute(f"SELECT {_COLUMNS} FROM hidden ORDER BY urlkey").fetchall()


def _pages(rows: Iterable[_Row]) -> list[Hidden]:
    return [Hidden.of(*row[1:]) for row in rows]  # type: ignore[arg-type]


def _rows_of(directory: ArchiveDir) -> list[Hidden] | None:
    """What archive.db hides; None where there is none, or it cannot be asked."""
    if not directory.db.is_file():
        return None
    try:
        with closing(open_readonly(directory.db, timeout=30)) as connection:
            return _pages(_fetch(connection))
    except (sqlite3.Error, MuragatError):  # damaged, of an older build, or not for this user
        return None

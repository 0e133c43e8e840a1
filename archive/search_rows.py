"""The rows that searches read: `search`, `search_older`, and `terms`, which holds the words of those two and no others.

Part of the indexer (archive/derived.py). The words of a text are read once for all three.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from sqlite_utils import Database

from archive.language import WORDS_REMEMBERED, Word, read_words
from archive.schema import remembered

Table = Literal["search", "search_older"]
Columns = tuple[str, str, str]  # title, body, names
Row = tuple[str, str]  # of `terms`


class Said(NamedTuple):
    """What of a wording is searched."""

    title: str
    body: str  # with the lead
    names: str  # authors, tags and section
    language: str | None

    @classmethod
    def of(cls, version: dict[str, object], text: str | None = None) -> Said:
        """A row of `versions`; with `text`, that of all its pages."""
        names = (*json.loads(str(version["authors"])), *json.loads(str(version["tags"])), version["section"] or "")
        body = f"{version['lead'] or ''}\n{version['text'] if text is None else text}"
        language = version["language"]
        return cls(str(version["title"]), body, " ".join(names), str(language) if language else None)

    def words(self) -> list[list[Word]]:
        """The words of each column."""
        return [read_words(text, self.language) for text in self[:3]]


class SearchRows:
    """What one batch writes, in the order of its ids; `settle` writes what is left, and `terms`.

    Of a row whose id is less than that of the last FTS5 makes a segment of its own: 140 µs a row, not 27.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        # Whether there is a row; what it is to say.
        self._waiting = dict[tuple[Table, int], tuple[bool, Columns | None]]()
        self._words = set[Word]()  # of all that was put
        self._before = list[Said]()  # what is said no longer, or elsewhere
        self._replaced = set[str]()  # terms of rows that said what nobody knows any more

    def put(self, table: Table, identity: int, said: Said, *, before: Said | None = None) -> None:
        """Make a row say this; `before` is what a row of `search` says so far, None where there is none."""
        title, body, names = said.words()
        self._words.update(title, body, names)
        columns = _text(title), _text(body), _text(names)
        held = self._held(table, identity) if before or table == "search_older" else None
        if before and before != said:
            self._before.append(before)
        if held == columns:
            return
        if held and before in (None, said):  # a wording's tags were read anew, or its words by other rules
            gone = (old for old, new in zip(held, columns, strict=True) if old != new)
            self._replaced.update(*(old.split() for old in gone))
        self._wait(table, identity, held is not None, columns)

    def remove(self, table: Table, identity: int, said: Said) -> None:
        """Take a row out, if it is there."""
        if self._held(table, identity):
            self._before.append(said)
            self._wait(table, identity, True, None)

    def settle(self) -> None:
        """Write what waits; add to `terms` what was put, and delete of it the words that no text has any more."""
        self._write()
        seen = remembered(self._db)
        new = self._words - seen
        self._db.conn.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", sorted(_rows(new)))
        if len(seen) > WORDS_REMEMBERED:
            seen.clear()
        seen |= new
        before = _rows(word for said in self._before for column in said.words() for word in column)
        if self._replaced:
            these = [json.dumps(sorted(self._replaced))]
            before.update(self._db.execute(f"SELECT form, term FROM terms WHERE term IN {_THESE}", these))
        if lost := before - _rows(self._words) if before else before:
            _purge(self._db, lost)

    def _held(self, table: Table, identity: int) -> Columns | None:
        rows = self._db.execute(f"SELECT title, body, names FROM {table} WHERE rowid = ?", [identity])
        found: Columns | None = rows.fetchone()
        return found

    def _wait(self, table: Table, identity: int, held: bool, columns: Columns | None) -> None:
        self._waiting[table, identity] = (held, columns)
        if len(self._waiting) >= _MOST_WAITING:
            self._write()

    def _write(self) -> None:
        for (table, identity), (held, columns) in sorted(self._waiting.items(), key=lambda one: one[0]):
            if held:
                self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", [identity])
            if columns:
                self._db.execute(
                    f"INSERT INTO {table} (rowid, title, body, names) VALUES (?, ?, ?, ?)", [identity, *columns]
                )
        self._waiting.clear()


_MOST_WAITING = 1_000  # rows of some kilobytes each


def _text(words: list[Word]) -> str:
    return " ".join([word.text for word in words])


_THESE = "(SELECT value FROM json_each(?))"


def _rows(words: Iterable[Word]) -> set[Row]:
    return {row for word in words for row in word.rows}


_MOST_ASKED_FOR = 100


def _purge(db: Database, lost: set[Row]) -> None:
    """Delete these rows of `terms` but those that a text still has: each text with such a term is read once, at most.

    What is lost with a page's wording is next to always in another, among the first that are read.
    """
    terms = sorted({term for _, term in lost})
    for said in _said(db, terms if len(terms) <= _MOST_ASKED_FOR else None):
        if not lost:
            return
        lost -= _rows(word for column in said.words() for word in column)
    if lost:
        db.conn.executemany("DELETE FROM terms WHERE form = ? AND term = ?", sorted(lost))
        remembered(db).clear()


def _said(db: Database, terms: list[str] | None) -> Iterator[Said]:
    """All that is searched, or what of it holds one of these terms; older wordings first."""
    for table, select in _SEARCHED.items():
        match = "" if terms is None else f" WHERE {table} MATCH ?"
        rows = db.execute(select + match, [] if terms is None else [" OR ".join(f'"{term}"' for term in terms)])
        for title, lead, text, authors, tags, section, language in rows:
            said = {"title": title, "lead": lead, "authors": authors, "tags": tags, "section": section}
            yield Said.of({**said, "language": language}, text)


_SEARCHED = {
    "search_older": "SELECT v.title, v.lead, v.text, v.authors, v.tags, v.section, v.language"
    " FROM search_older JOIN versions v ON v.id = search_older.rowid",
    "search": "SELECT v.title, v.lead, a.text, v.authors, v.tags, v.section, v.language"
    " FROM search JOIN articles a ON a.id = search.rowid JOIN versions v ON v.id = a.version",
}

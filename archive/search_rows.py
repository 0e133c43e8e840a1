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
    """What one batch writes; `settle` at its end writes `terms`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._words = set[Word]()  # of all that was put
        self._before = list[Said]()  # what is said no longer, or elsewhere
        self._replaced = set[str]()  # terms of rows that said what nobody knows any more

    def put(self, table: Table, identity: int, said: Said, *, before: Said | None = None) -> None:
        """Make a row say this; `before` is what a row of `search` says so far, None where there is none."""
        words = said.words()
        columns = tuple(" ".join([word.text for word in column]) for column in words)
        self._words.update(*words)
        held = None
        if before or table == "search_older":
            held = self._db.execute(f"SELECT title, body, names FROM {table} WHERE rowid = ?", [identity]).fetchone()
        if before and before != said:
            self._before.append(before)
        if held == columns:
            return
        if held:
            if before in (None, said):  # a wording's tags were read anew, or its words by other rules
                gone = (old for old, new in zip(held, columns, strict=True) if old != new)
                self._replaced.update(*(old.split() for old in gone))
            self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", [identity])
        self._db.execute(f"INSERT INTO {table} (rowid, title, body, names) VALUES (?, ?, ?, ?)", [identity, *columns])

    def remove(self, table: Table, identity: int, said: Said) -> None:
        """Take a row out, if it is there."""
        if self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", [identity]).rowcount:
            self._before.append(said)

    def settle(self) -> None:
        """Add the rows of `terms` of what was put, and delete those whose words no text has any more."""
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

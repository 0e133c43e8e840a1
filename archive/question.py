"""What was typed, as questions to the tables: expressions that FTS5 can answer, and conditions beside them.

Part of archive/search.py, which gives the answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice, product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from archive.expression import Either, Every, Filter, Node, Not, Title, Words
from archive.language import fold
from archive.site_filter import articles_of
from archive.times import end_of, parse_time
from archive.vocabulary import Vocabulary, quoted
from archive.warc import warc_date


class Sort(StrEnum):
    """What comes first. Without words all but OLDEST mean the newest."""

    RELEVANCE = "relevance"
    DATE = "date"
    OLDEST = "oldest"


_WEIGHTS = "10.0, 1.0, 3.0"  # title, body, names


@dataclass(frozen=True, slots=True)
class Question:
    """An FTS5 expression, and conditions on the ids of articles."""

    match: str | None
    conditions: tuple[Condition, ...]

    def count(self, db: Database) -> int:
        """How many articles answer it."""
        table, where, values = self._where()
        return int(db.execute(f"SELECT count(*) FROM {table}{where}", values).fetchone()[0])

    def ranked(self, db: Database, *, limit: int) -> list[tuple[int, float]]:
        """Articles and their bm25, the best, which is the least, first."""
        _, where, values = self._where(f"rank MATCH 'bm25({_WEIGHTS})'")
        return db.execute(
            f"SELECT rowid, rank FROM search{where} ORDER BY rank, rowid LIMIT ?", [*values, limit]
        ).fetchall()

    def in_title(self) -> Question | None:
        """The same of articles that have the words in their title as well; None where words are to be left out."""
        if self.match is None or " NOT " in self.match:
            return None
        return Question(f"(title : ({self.match})) AND ({self.match})", self.conditions)

    def by_date(self, db: Database, sort: Sort, *, limit: int = -1, offset: int = 0) -> list[int]:
        """Articles, the newest first, or the oldest."""
        found, values = _sql(self.conditions, "id")
        if self.match:
            found, values = ["id IN (SELECT rowid FROM search WHERE search MATCH ?)", *found], [self.match, *values]
        return _dated(db, found, values, sort, limit=limit, offset=offset)

    def _where(self, *first: str) -> tuple[str, str, list[object]]:
        if self.match is None:
            found, values = _sql(self.conditions, "id")
            return "articles", _all(found), values
        found, values = _sql(self.conditions, "rowid")
        return "search", _all(["search MATCH ?", *first, *found]), [self.match, *values]

    # ------------------------------------------------------------ older wordings

    def count_older(self, db: Database) -> int:
        """How many articles answer it in an older wording only."""
        joined, values = self._older()
        return int(db.execute(f"SELECT count(DISTINCT a.id){joined}", values).fetchone()[0])

    def older(self, db: Database) -> dict[int, tuple[int, float]]:
        """Such articles, each with the newest such wording, and its bm25."""
        joined, values = self._older()
        rows = db.execute(
            f"SELECT a.id, v.id, bm25(search_older, {_WEIGHTS}){joined} ORDER BY v.seen_from, v.id", values
        )
        return {article: (version, score) for article, version, score in rows}

    def _older(self) -> tuple[str, list[object]]:
        found, values = _sql(self.conditions, "a.id")
        shown = "a.id NOT IN (SELECT rowid FROM search WHERE search MATCH ?)"
        joined = " FROM search_older s JOIN versions v ON v.id = s.rowid JOIN articles a ON a.urlkey = v.article"
        return joined + _all(["search_older MATCH ?", *found, shown]), [self.match, *values, self.match]


def dated(db: Database, ids: Iterable[int], sort: Sort) -> list[int]:
    """These articles by their dates."""
    return _dated(db, ["id IN (SELECT value FROM json_each(?))"], [json.dumps(list(ids))], sort, limit=-1, offset=0)


def _dated(
    db: Database, found: Sequence[str], values: Sequence[object], sort: Sort, *, limit: int, offset: int
) -> list[int]:
    # The index alone: dates stand behind the text in a row of `articles`, which would have to be read.
    order = "published_at IS NULL, published_at, id" if sort is Sort.OLDEST else "published_at DESC, id DESC"
    rows = db.execute(
        f"SELECT id FROM articles INDEXED BY articles_published{_all(found)} ORDER BY {order} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    )
    return [one for (one,) in rows]


def _all(found: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(found)}" if found else ""


def _sql(of: Sequence[Condition], column: str) -> tuple[list[str], list[object]]:
    """They in SQL, and their values."""
    return [one.sql(column) for one in of], [value for one in of for value in one.values]


# ---------------------------------------------------------------- the tree as SQL


class Condition(NamedTuple):
    """A SELECT of ids of articles, and its values; or, negated, of those that are not meant."""

    select: str
    values: tuple[object, ...]
    negated: bool = False

    def sql(self, column: str) -> str:
        # +: looked at last, row by row; FTS5 would else be asked anew for every id of the list.
        return f"+{column} {'NOT ' if self.negated else ''}IN ({self.select})"


@dataclass(frozen=True, slots=True)
class Asked:
    """A tree, what its words are found under, and by which clocks its days are counted."""

    tree: Node | None
    vocabulary: Vocabulary
    zones: Mapping[str, ZoneInfo]  # of sites by their names; UTC for others

    def question(self, db: Database, conditions: Sequence[Condition]) -> Question:
        """What FTS5 can answer in one expression, the rest as conditions beside it."""
        parts = self.tree.of if isinstance(self.tree, Every) else (self.tree,) if self.tree else ()
        texts, others = list[Node](), list[Condition](conditions)
        for part in parts:
            if self.text(part.of if isinstance(part, Not) else part):
                texts.append(part)
            else:
                others.append(self.condition(db, part))
        match = self.text(Every(tuple(texts)))
        if match is None:  # nothing but words to leave out
            others += [self.condition(db, part) for part in texts]
        return Question(match, tuple(others))

    def text(self, node: Node) -> str | None:
        """An FTS5 expression; None for what is none: a filter, or nothing but what is to be left out."""
        match node:
            case Words():
                return self._words(node)
            case Title(of=inner):
                return f"title : ({text})" if (text := self.text(inner)) else None
            case Either(of=several):
                texts = [self.text(one) for one in several]
                return f"({' OR '.join(map(str, texts))})" if all(texts) else None
            case Every(of=several):
                wanted = [self.text(one) for one in several if not isinstance(one, Not)]
                unwanted = [self.text(one.of) for one in several if isinstance(one, Not)]
                if not wanted or not all(wanted) or not all(unwanted):
                    return None
                text = f"({' AND '.join(map(str, wanted))})"
                return f"({text} NOT ({' OR '.join(map(str, unwanted))}))" if unwanted else text
        return None

    def _words(self, words: Words) -> str:
        choices = [[quoted(term) for term in self.vocabulary.terms[form]] for form in words.forms]
        if words.prefix:
            choices[-1] = [f"{quoted(words.forms[-1])}*", *map(quoted, self.vocabulary.beginnings[words.forms[-1]])]
        if len(choices) == 1:
            return f"({' OR '.join(choices[0])})"
        # A phrase has no OR inside: every choice of each word, as far as that goes, then only the first ones.
        phrases = islice(product(*choices), _MOST_PHRASES)
        return f"({' OR '.join('(' + ' + '.join(phrase) + ')' for phrase in phrases)})"

    def condition(self, db: Database, node: Node) -> Condition:
        """Any part of the tree as ids of articles."""
        if text := self.text(node):
            return Condition("SELECT rowid FROM search WHERE search MATCH ?", (text,))
        match node:
            case Filter(field=name, value=value):
                return self.field_holds(db, name, value)
            case Not(of=inner):
                found = self.condition(db, inner)
                return found._replace(negated=not found.negated)
            case Title(of=inner):  # of a filter: it has no title to look in
                return self.condition(db, inner)
            case Every(of=several) | Either(of=several):
                parts = [self.condition(db, one) for one in several]
                joined = (" AND " if isinstance(node, Every) else " OR ").join(part.sql("id") for part in parts)
                return Condition(
                    f"SELECT id FROM articles WHERE {joined}", tuple(value for part in parts for value in part.values)
                )
        raise TypeError(node)

    def field_holds(self, db: Database, name: str, value: str | datetime) -> Condition:
        """What a field is to hold: author, section and tag by their words, whatever capitals and Turkish letters."""
        text = str(value)
        match name:
            case "since" | "until":
                return self._published(db, name, value)
            case "lang":
                return Condition("SELECT id FROM articles WHERE language = ?", (text.lower(),))
            case "site":
                return Condition(*articles_of(text))
            case _:
                return _named(db, name, text)

    def _published(self, db: Database, name: str, value: str | datetime) -> Condition:
        sign, read = (">=", parse_time) if name == "since" else ("<", end_of)
        select = f"SELECT id FROM articles WHERE published_at {sign} ?"
        if isinstance(value, datetime):
            return Condition(select, (warc_date(value),))
        # A day is one by the clock of the site that printed it.
        moments = {site: warc_date(read(value, self.zones.get(site or "", UTC))) for site in _sites(db)}
        if len(set(moments.values())) == 1:
            return Condition(select, (next(iter(moments.values())),))
        each = " UNION ALL ".join([f"{select} AND site IS ?"] * len(moments))
        return Condition(each, tuple(part for site, moment in moments.items() for part in (moment, site)))


_MOST_PHRASES = 64


# ---------------------------------------------------------------- fields


def _sites(db: Database) -> list[str | None]:
    """The sites that have articles, by their profiles' names, and None for those without one: a look at each."""
    rows = db.execute(
        "WITH RECURSIVE known (site) AS (SELECT min(site) FROM articles"
        " UNION ALL SELECT (SELECT min(site) FROM articles WHERE site > known.site) FROM known WHERE site NOT NULL)"
        " SELECT site FROM known"
    )
    return [site for (site,) in rows]


_NAMES = {"author": ("article", "article_authors"), "tag": ("article", "article_tags"), "section": ("id", "articles")}


def _named(db: Database, field: str, value: str) -> Condition:
    """Articles whose name is this, else whose name holds these words one after the other; of "spo*", begins so."""
    column, table = _NAMES[field]
    wanted = _plain(value)
    known = [(name, _plain(name)) for (name,) in db.execute(f"SELECT DISTINCT {field} FROM {table}") if name]
    chosen = [name for name, plain in known if plain == wanted]
    if value.rstrip().endswith("*"):
        chosen, wanted = [], wanted.rstrip()
    chosen = chosen or [name for name, plain in known if wanted.strip() and wanted in plain]
    return Condition(f"SELECT {column} FROM {table} WHERE {field} IN (SELECT value FROM json_each(?))",
                     (json.dumps(chosen),))  # fmt: skip


def _plain(name: str) -> str:
    return " " + " ".join(re.findall(r"\w+", fold(name))) + " "

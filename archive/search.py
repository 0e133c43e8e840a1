"""Words → articles: what was typed, as questions to the `search` tables, and the answers with their words marked.

archive/expression.py reads what was typed, archive/vocabulary.py says which words of the articles are meant, SQLite's
FTS5 finds them, archive/snippets.py shows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice, product
from typing import NamedTuple

from sqlite_utils import Database

from archive.errors import QueryError
from archive.expression import Either, Every, Filter, Node, Not, Title, Words, parse
from archive.folding import fold
from archive.hidden import HIDDEN_ARTICLES
from archive.snippets import best_snippet, mark
from archive.surt import urlkey
from archive.times import end_of, parse_time
from archive.vocabulary import Vocabulary, quoted
from archive.warc import warc_date


class Sort(StrEnum):
    """What comes first. Without words all but OLDEST mean the newest."""

    RELEVANCE = "relevance"
    DATE = "date"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One article that a search found."""

    url: str
    title: str  # the words as written; matches between MARK_START and MARK_END, as in the snippet
    published_at: str | None  # UTC, ISO 8601
    published_precision: str | None
    published_as: str | None
    section: str | None
    language: str | None
    gone_at: str | None
    seen_from: str | None  # of an older wording, if it is that which was found: its first capture
    seen_to: str | None  # and its last
    snippet: str


class Hits(NamedTuple):
    """A page of hits, and how many there are in all."""

    total: int
    hits: list[Hit]


def search(
    db: Database,
    words: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    section: str | None = None,
    author: str | None = None,
    tag: str | None = None,
    language: str | None = None,
    site: str | None = None,
    sort: Sort = Sort.RELEVANCE,
    all_versions: bool = False,
    limit: int = 10,
    offset: int = 0,
) -> Hits:
    """Articles that answer what was typed, as archive/expression.py reads it; without words the newest.

    `until` is the first moment that is too late. `all_versions` also finds what only an older wording says.
    Raises QueryError where nothing typed can be looked up, or a time is none.
    """
    asked, question = _ask(
        db, words, since=since, until=until, section=section, author=author, tag=tag, language=language, site=site
    )
    total = question.count(db)
    if all_versions and question.match:
        older = _Older(question)
        total += older.count(db)
        found = _merged(db, question, older, sort=sort, most=offset + limit)[offset:]
    else:
        found = [(one, None) for one in question.ids(db, sort=sort, limit=limit, offset=offset)]
    return Hits(total, list(_hits(db, found, asked.vocabulary)))


def found_ids(
    db: Database,
    words: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    section: str | None = None,
    author: str | None = None,
    tag: str | None = None,
    language: str | None = None,
    site: str | None = None,
) -> list[int]:
    """Ids of all articles that such a search finds, oldest first: what an export holds. Raises QueryError, too."""
    _, question = _ask(
        db, words, since=since, until=until, section=section, author=author, tag=tag, language=language, site=site
    )
    return question.ids(db, sort=Sort.OLDEST, limit=-1, offset=0)


def _ask(
    db: Database,
    words: str,
    *,
    since: datetime | None,
    until: datetime | None,
    section: str | None,
    author: str | None,
    tag: str | None,
    language: str | None,
    site: str | None,
) -> tuple[_Asked, _Question]:
    tree = parse(words)
    if tree is None and words.strip():
        raise QueryError(f"{words.strip()!r} holds no word to look for; without words the newest articles are listed")
    asked = _Asked(tree, Vocabulary.of(db, tree))
    conditions = [_filter(db, name, value) for name, value in (
        ("author", author), ("section", section), ("tag", tag), ("lang", language), ("site", site),
    ) if value]  # fmt: skip
    conditions += [_Condition("SELECT id FROM articles WHERE published_at >= ?", (warc_date(since),))] if since else []
    conditions += [_Condition("SELECT id FROM articles WHERE published_at < ?", (warc_date(until),))] if until else []
    if db.execute("SELECT 1 FROM hidden LIMIT 1").fetchone():
        conditions.append(_Condition(HIDDEN_ARTICLES, (), negated=True))
    return asked, asked.question(db, conditions)


# ---------------------------------------------------------------- the tree as SQL


class _Condition(NamedTuple):
    """A SELECT of ids of articles, and its values; or, negated, of those that are not meant."""

    select: str
    values: tuple[object, ...]
    negated: bool = False

    def sql(self, column: str) -> str:
        # +: looked at last, row by row; FTS5 would else be asked anew for every id of the list.
        return f"+{column} {'NOT ' if self.negated else ''}IN ({self.select})"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A tree, and what its words are found under."""

    tree: Node | None
    vocabulary: Vocabulary

    def question(self, db: Database, conditions: Sequence[_Condition]) -> _Question:
        """What FTS5 can answer in one expression, the rest as conditions beside it."""
        parts = self.tree.of if isinstance(self.tree, Every) else (self.tree,) if self.tree else ()
        texts, others = list[Node](), list[_Condition](conditions)
        for part in parts:
            if self.text(part.of if isinstance(part, Not) else part):
                texts.append(part)
            else:
                others.append(self.condition(db, part))
        match = self.text(Every(tuple(texts)))
        if match is None:  # nothing but words to leave out
            others += [self.condition(db, part) for part in texts]
        return _Question(match, tuple(others))

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

    def condition(self, db: Database, node: Node) -> _Condition:
        """Any part of the tree as ids of articles."""
        if text := self.text(node):
            return _Condition("SELECT rowid FROM search WHERE search MATCH ?", (text,))
        match node:
            case Filter(field=name, value=value):
                return _filter(db, name, value)
            case Not(of=inner):
                found = self.condition(db, inner)
                return found._replace(negated=not found.negated)
            case Title(of=inner):  # of a filter: it has no title to look in
                return self.condition(db, inner)
            case Every(of=several) | Either(of=several):
                parts = [self.condition(db, one) for one in several]
                joined = (" AND " if isinstance(node, Every) else " OR ").join(part.sql("id") for part in parts)
                return _Condition(
                    f"SELECT id FROM articles WHERE {joined}", tuple(value for part in parts for value in part.values)
                )
        raise TypeError(node)


_MOST_PHRASES = 64


def _filter(db: Database, name: str, value: str) -> _Condition:
    """What a field is to hold: author, section and tag by their words, whatever capitals and Turkish letters."""
    match name:
        case "since" | "until":
            try:
                moment = parse_time(value) if name == "since" else end_of(value)
            except (OverflowError, ValueError) as error:
                raise QueryError(f"{name}:{value} is out of range; an example is {name}:2024-03") from error
            sign = ">=" if name == "since" else "<"
            return _Condition(f"SELECT id FROM articles WHERE published_at {sign} ?", (warc_date(moment),))
        case "lang":
            return _Condition("SELECT id FROM articles WHERE language = ?", (value.lower(),))
        case "site":
            return _site(value)
        case "section":
            return _named(db, "SELECT id FROM articles WHERE section", "SELECT DISTINCT section FROM articles", value)
        case "author":
            return _named(
                db,
                "SELECT article FROM article_authors WHERE author",
                "SELECT DISTINCT author FROM article_authors",
                value,
            )
        case _:
            return _named(
                db, "SELECT article FROM article_tags WHERE tag", "SELECT DISTINCT tag FROM article_tags", value
            )


def _named(db: Database, select: str, names: str, value: str) -> _Condition:
    """Rows whose name is this, else whose name holds these words one after the other."""
    wanted = _plain(value)
    known = [(name, _plain(name)) for (name,) in db.execute(names) if name]
    chosen = [name for name, plain in known if plain == wanted]
    chosen = chosen or [name for name, plain in known if wanted.strip() and wanted in plain]
    return _Condition(f"{select} IN (SELECT value FROM json_each(?))", (json.dumps(chosen),))


def _plain(name: str) -> str:
    return " " + " ".join(re.findall(r"\w+", fold(name))) + " "


def _site(value: str) -> _Condition:
    """By the name of the profile, or by host, with all below it."""
    host = urlkey(f"http://{value.strip('/').rpartition('://')[2]}/").partition(")")[0]
    return _Condition(
        "SELECT id FROM articles WHERE site = ?"
        + " UNION ALL SELECT id FROM articles WHERE urlkey >= ? AND urlkey < ?" * 3,
        # ")" ends a host in a urlkey, "," goes on to what is below it, ":" to a port; each up to the sign after it.
        (value.lower(), f"{host})", f"{host}*", f"{host},", f"{host}-", f"{host}:", f"{host};"),
    )


# ---------------------------------------------------------------- the answer

_WEIGHTS = "bm25(10.0, 1.0, 3.0)"  # title, body, names
# Newness counts among so many of the best only: to ask the date of every article found would take longer than to find
# them. On further pages the words alone decide.
_POOL = 100
_NEWEST_GAIN = 0.25  # of two articles that say the same, today's goes before one of last year


@dataclass(frozen=True, slots=True)
class _Question:
    """An FTS5 expression, and conditions on the ids of articles."""

    match: str | None
    conditions: tuple[_Condition, ...] = field(default=())

    @property
    def values(self) -> list[object]:
        return [value for condition in self.conditions for value in condition.values]

    def where(self, column: str, *first: str) -> str:
        parts = [*first, *(condition.sql(column) for condition in self.conditions)]
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def count(self, db: Database) -> int:
        if self.match is None:
            row = db.execute(f"SELECT count(*) FROM articles{self.where('id')}", self.values).fetchone()
        else:
            where = self.where("rowid", "search MATCH ?")
            row = db.execute(f"SELECT count(*) FROM search{where}", [self.match, *self.values]).fetchone()
        return int(row[0])

    def ids(self, db: Database, *, sort: Sort, limit: int, offset: int) -> list[int]:
        """A page of articles in their order."""
        if self.match is None or sort is not Sort.RELEVANCE:
            return self._by_date(db, limit, offset, newest=sort is not Sort.OLDEST)
        if offset + limit > _POOL:
            return [one for one, _ in self.ranked(db, limit, offset)] if offset >= _POOL else [
                *self.ids(db, sort=sort, limit=_POOL - offset, offset=offset),
                *(one for one, _ in self.ranked(db, limit - _POOL + offset, _POOL)),
            ]  # fmt: skip
        scores = _freshened(db, self.ranked(db, _POOL))
        return sorted(scores, key=lambda one: (scores[one], one))[offset : offset + limit]

    def ranked(self, db: Database, limit: int, offset: int = 0, table: str = "search") -> list[tuple[int, float]]:
        """Rows and their bm25: the less, the better."""
        where = self.where("rowid", f"{table} MATCH ?", f"rank MATCH '{_WEIGHTS}'")
        return db.execute(
            f"SELECT rowid, rank FROM {table}{where} ORDER BY rank, rowid LIMIT ? OFFSET ?",
            [self.match, *self.values, limit, offset],
        ).fetchall()

    def _by_date(self, db: Database, limit: int, offset: int, *, newest: bool) -> list[int]:
        # The index alone: dates stand behind the text in a row of `articles`, which would have to be read.
        found = ["id IN (SELECT rowid FROM search WHERE search MATCH ?)"] if self.match else []
        order = "published_at DESC, id DESC" if newest else "published_at IS NULL, published_at, id"
        rows = db.execute(
            f"SELECT id FROM articles INDEXED BY articles_published{self.where('id', *found)}"
            f" ORDER BY {order} LIMIT ? OFFSET ?",
            [*([self.match] if self.match else []), *self.values, limit, offset],
        )
        return [one for (one,) in rows]


def _freshened(db: Database, ranked: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Article → its score, of newer ones a little better. The newest in the archive is as new as can be: no clock."""
    scores = dict(ranked)
    newest = db.execute("SELECT julianday(max(published_at)) FROM articles").fetchone()[0]
    ages = db.execute(
        "SELECT id, ? - julianday(published_at) FROM articles WHERE id IN (SELECT value FROM json_each(?))",
        [newest, json.dumps(list(scores))],
    )
    for one, age in ages:
        if age is not None:
            scores[one] *= 1 + _NEWEST_GAIN / (1 + max(age, 0) / 365)
    return scores


@dataclass(frozen=True, slots=True)
class _Older:
    """The same question to wordings that are no longer shown, of articles whose present one does not answer it."""

    question: _Question

    def _from(self) -> tuple[str, list[object]]:
        match = self.question.match
        sql = (
            " FROM search_older s JOIN versions v ON v.id = s.rowid JOIN articles a ON a.urlkey = v.article"
            + self.question.where("a.id", "search_older MATCH ?")
            + " AND a.id NOT IN (SELECT rowid FROM search WHERE search MATCH ?)"
        )
        return sql, [match, *self.question.values, match]

    def count(self, db: Database) -> int:
        sql, values = self._from()
        return int(db.execute(f"SELECT count(DISTINCT a.id){sql}", values).fetchone()[0])

    def found(self, db: Database) -> dict[int, tuple[int, float]]:
        """Article → the newest such wording of it, and its bm25."""
        sql, values = self._from()
        rows = db.execute(
            f"SELECT a.id, v.id, bm25(search_older, 10.0, 1.0, 3.0){sql} ORDER BY v.seen_from, v.id", values
        )
        return {article: (version, score) for article, version, score in rows}


def _merged(db: Database, question: _Question, older: _Older, *, sort: Sort, most: int) -> list[tuple[int, int | None]]:
    """(article, older wording or None) of both, as far as a page needs them; the rest as in `_Question.ids`."""
    before = older.found(db)
    if sort is Sort.RELEVANCE:
        scores = _freshened(db, [*question.ranked(db, _POOL), *((one, score) for one, (_, score) in before.items())])
        order = sorted(scores, key=lambda one: (scores[one], one))
        order += [one for one, _ in question.ranked(db, max(0, most - _POOL), _POOL)]
    else:
        both = [*question.ids(db, sort=sort, limit=-1, offset=0), *before]
        order = _Question(None, (_Condition("SELECT value FROM json_each(?)", (json.dumps(both),)),)).ids(
            db, sort=sort, limit=-1, offset=0
        )
    return [(one, before[one][0] if one in before else None) for one in order[:most]]


# ---------------------------------------------------------------- what is shown of it

_FIELDS = "a.id, a.url, a.published_at, a.published_precision, a.published_as, a.section, a.language, a.gone_at"


def _hits(db: Database, found: Sequence[tuple[int, int | None]], vocabulary: Vocabulary) -> Iterator[Hit]:
    rows = {row[0]: row for row in db.execute(
        f"SELECT {_FIELDS}, a.title, a.lead, a.text, NULL, NULL FROM articles a"
        " WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps([article for article, version in found if version is None])],
    )}  # fmt: skip
    rows |= {row[0]: row for row in db.execute(
        f"SELECT {_FIELDS}, v.title, v.lead, v.text, v.seen_from, v.seen_to FROM versions v"
        " JOIN articles a ON a.urlkey = v.article WHERE v.id IN (SELECT value FROM json_each(?))",
        [json.dumps([version for _, version in found if version is not None])],
    )}  # fmt: skip
    marked = vocabulary.marked(db)
    for article, _ in found:
        url, *said, title, lead, text, seen_from, seen_to = rows[article][1:]
        published_at, precision, published_as, section, language, gone_at = said
        yield Hit(
            url=url,
            title=mark(title, marked.places(title)),
            published_at=published_at,
            published_precision=precision,
            published_as=published_as,
            section=section,
            language=language,
            gone_at=gone_at,
            seen_from=seen_from,
            seen_to=seen_to,
            snippet=best_snippet(lead, text, marked),
        )

"""Words → articles: what was typed, as questions to the `search` tables, and the answers with their words marked.

archive/expression.py reads what was typed, archive/vocabulary.py says which words of the articles are meant,
archive/question.py asks SQLite's FTS5, archive/snippets.py shows what it found.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypedDict, Unpack
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from archive.errors import QueryError
from archive.expression import parse
from archive.hidden import HIDDEN_ARTICLES
from archive.question import Asked, Condition, Question, Sort, dated
from archive.snippets import best_snippet, mark
from archive.vocabulary import Vocabulary

__all__ = ["UTC_CLOCKS", "Filters", "Hit", "Hits", "Sort", "count", "each_hit", "found_ids", "search"]


# The clocks of no site: of those there are, by their names, days are counted that a text names; UTC for others.
UTC_CLOCKS: Mapping[str, ZoneInfo] = {}


class Filters(TypedDict, total=False):
    """What an article is to be beside its words; None for all."""

    since: datetime | str | None  # published then or after; text as people type it, by the clock of each site
    until: datetime | str | None  # published before; of text, until the end of the year, month, day … that it names
    section: str | None
    author: str | None
    tag: str | None
    language: str | None
    site: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One article that a search found."""

    url: str
    site: str | None  # the name of its profile
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
    sort: Sort = Sort.RELEVANCE,
    all_versions: bool = False,
    limit: int = 10,
    offset: int = 0,
    zones: Mapping[str, ZoneInfo] = UTC_CLOCKS,
    **filters: Unpack[Filters],
) -> Hits:
    """Articles that answer what was typed, as archive/expression.py reads it; without words the newest.

    `all_versions` also finds what only an older wording says; `zones`: the clocks of sites by their names. Raises
    QueryError where nothing typed can be looked up, or a time is none.
    """
    with _answerable(words):
        asked, question = _ask(db, words, filters, zones)
        found = _found(db, question, sort=sort, all_versions=all_versions, limit=limit, offset=offset)
    return Hits(found.total, list(_hits(db, found.page, asked.vocabulary)))


def each_hit(
    db: Database,
    words: str,
    *,
    sort: Sort = Sort.RELEVANCE,
    all_versions: bool = False,
    limit: int | None = None,
    zones: Mapping[str, ZoneInfo] = UTC_CLOCKS,
    **filters: Unpack[Filters],
) -> Iterator[Hit]:
    """All that such a search finds, or the first of it; each read as it is asked for."""
    most = -1 if limit is None else limit
    with _answerable(words):
        asked, question = _ask(db, words, filters, zones)
        found = _found(db, question, sort=sort, all_versions=all_versions, limit=most, offset=0).page
    for first in range(0, len(found), _AT_ONCE):
        yield from _hits(db, found[first : first + _AT_ONCE], asked.vocabulary)


_AT_ONCE = 100


def count(
    db: Database,
    words: str,
    *,
    all_versions: bool = False,
    zones: Mapping[str, ZoneInfo] = UTC_CLOCKS,
    **filters: Unpack[Filters],
) -> int:
    """How many articles such a search finds."""
    with _answerable(words):
        _, question = _ask(db, words, filters, zones)
        return question.count(db) + (question.count_older(db) if all_versions and question.match else 0)


def found_ids(
    db: Database, words: str, *, zones: Mapping[str, ZoneInfo] = UTC_CLOCKS, **filters: Unpack[Filters]
) -> list[int]:
    """Ids of all articles that such a search finds, oldest first: what an export holds."""
    with _answerable(words):
        return _ask(db, words, filters, zones)[1].by_date(db, Sort.OLDEST)


@contextmanager
def _answerable(words: str) -> Iterator[None]:
    """Raises QueryError for what SQLite finds too deeply nested."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "stack overflow" not in str(error) and "too large" not in str(error):
            raise
        raise QueryError(f"{words[:60]!r}… is too intricate; search for fewer things at once") from error


def _ask(db: Database, words: str, filters: Filters, zones: Mapping[str, ZoneInfo]) -> tuple[Asked, Question]:
    tree = parse(words)
    if tree is None and words.strip():
        raise QueryError(f"{words.strip()!r} holds no word to look for; without words the newest articles are listed")
    asked = Asked(tree, Vocabulary.of(db, tree), zones)
    named = {
        "author": filters.get("author"),
        "section": filters.get("section"),
        "tag": filters.get("tag"),
        "site": filters.get("site"),
        "lang": filters.get("language"),
        "since": filters.get("since"),
        "until": filters.get("until"),
    }
    conditions = [asked.field_holds(db, name, value) for name, value in named.items() if value]
    if db.execute("SELECT 1 FROM hidden LIMIT 1").fetchone():
        conditions.append(Condition(HIDDEN_ARTICLES, (), negated=True))
    return asked, asked.question(db, conditions)


# ---------------------------------------------------------------- what comes first

# Newness counts among so many of the best only: to ask the date of every article found would take longer than to find
# them. On further pages the words alone decide.
_POOL = 100
_NEWEST_GAIN = 0.25  # of two articles that say the same, today's goes before one of last year


# Of more articles than this, those with the words in their title go first: to weigh all would take a microsecond each.
_MOST_WEIGHED = 5_000


class _Found(NamedTuple):
    """How many there are in all, and the articles of a page, each with the older wording that was found, or None."""

    total: int
    page: list[tuple[int, int | None]]


def _found(db: Database, question: Question, *, sort: Sort, all_versions: bool, limit: int, offset: int) -> _Found:
    """A page in its order; all from `offset` on for a limit of -1."""
    older = question.older(db) if all_versions and question.match else {}
    shown = question.count(db)
    if question.match is None or (sort is not Sort.RELEVANCE and not older):
        return _Found(shown, [(one, None) for one in question.by_date(db, sort, limit=limit, offset=offset)])
    if sort is Sort.RELEVANCE:
        ranked = _ranked(db, question, shown, most=shown if limit < 0 else offset + limit)
        scores = _freshened(db, [*ranked[:_POOL], *((article, score) for article, (_, score) in older.items())])
        order = [*sorted(scores, key=lambda one: (scores[one], one)), *(one for one, _ in ranked[_POOL:])]
    else:
        order = dated(db, [*question.by_date(db, sort), *older], sort)
    page = order[offset:] if limit < 0 else order[offset : offset + limit]
    return _Found(shown + len(older), [(one, older[one][0] if one in older else None) for one in page])


def _ranked(db: Database, question: Question, shown: int, *, most: int) -> list[tuple[int, float]]:
    """The best of so many articles, at least as many as go into the pool, with their scores."""
    most = max(most, _POOL)
    titled = question.in_title() if shown > _MOST_WEIGHED else None
    first = titled.ranked(db, limit=most) if titled else []
    if len(first) == most:
        return first
    ranked = question.ranked(db, limit=most)
    if len(first) < _POOL:
        return ranked
    known = {one for one, _ in first}
    return [*first, *(one for one in ranked if one[0] not in known)]


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


# ---------------------------------------------------------------- what is shown of it

_FIELDS = "a.id, a.url, a.site, a.published_at, a.published_precision, a.published_as, a.section, a.language, a.gone_at"


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
        if article not in rows:  # it went since it was found: an indexer may be writing
            continue
        url, *said, title, lead, text, seen_from, seen_to = rows[article][1:]
        site, published_at, precision, published_as, section, language, gone_at = said
        yield Hit(
            url=url,
            site=site,
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

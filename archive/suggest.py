"""What to type instead, where a search found nothing: words of the articles that are written much like it.

Bounded: a word gets some hundred spellings with one change, looked up by key, then as many words that begin alike as
the time allows.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from archive.expression import Every, Words, leaves, parse
from archive.language import written_words
from archive.search import UTC_CLOCKS, Filters, count, search
from archive.snippets import unmarked
from archive.vocabulary import quoted

SECONDS = 0.3  # a search that finds nothing takes this much longer at most, but for what SQLite is doing then
MOST_SUGGESTIONS = 3
# Shorter words are one change away from too many others.
_LEAST_LETTERS = 4
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяәғқңөұүһі"
_MOST_NEIGHBOURS = 20_000


def suggestions(
    db: Database, typed: str, *, zones: Mapping[str, ZoneInfo] = UTC_CLOCKS, **filters: Unpack[Filters]
) -> list[str]:
    """Searches like this one that find something under the same filters, the likeliest first."""
    deadline = time.monotonic() + SECONDS
    tree = parse(typed)
    found, meant = list[str](), set[str]()
    for word in leaves(tree):
        if len(word.forms) > 1 or word.prefix or _terms_of(db, word.forms):
            continue
        for form, terms in _alike(db, word.forms[0], deadline):
            if not terms <= meant:  # else a form of a word that was suggested
                meant |= terms
                other = _replaced(typed, word, _as_written(db, form))
                if count(db, other, zones=zones, **filters):
                    found.append(other)
            if len(found) == MOST_SUGGESTIONS or time.monotonic() > deadline:
                return found
    # Of more than plain words another search is no likeness: "bread -flour" does not ask for flour.
    if (
        not found
        and isinstance(tree, Every)
        and (either := _either(tree))
        and count(db, either, zones=zones, **filters)
    ):
        found.append(either)
    return found


def _either(tree: Every) -> str | None:
    words = [word for word in tree.of if isinstance(word, Words) and not word.prefix]
    if len(words) < len(tree.of):
        return None
    telling = [word for word in words if len(word.typed) > 2 or word.typed.isupper()]  # "ve" is in every article
    return " OR ".join(word.typed if len(word.forms) == 1 else f'"{word.typed}"' for word in telling)


def _terms_of(db: Database, forms: Iterable[str]) -> dict[str, set[str]]:
    """The terms of those forms that articles have."""
    rows = db.execute(
        "SELECT form, term FROM terms WHERE form IN (SELECT value FROM json_each(?))", [json.dumps(sorted(forms))]
    )
    found = defaultdict[str, set[str]](set)
    for form, term in rows:
        found[form].add(term)
    return found


def _alike(db: Database, form: str, deadline: float) -> list[tuple[str, set[str]]]:
    """Words of the articles one change away, those that are in most articles first; else two changes away."""
    if len(form) < _LEAST_LETTERS:
        return []
    near = _terms_of(db, _one_change(form))
    if not near:
        neighbours = db.execute(
            "SELECT DISTINCT form FROM terms WHERE form >= ? AND form < ? AND length(form) BETWEEN ? AND ? LIMIT ?",
            [form[:2], form[:2] + "\U0010ffff", len(form) - 2, len(form) + 2, _MOST_NEIGHBOURS],
        )
        near = _terms_of(db, _within_two(form, (other for (other,) in neighbours), deadline))
    return sorted(near.items(), key=lambda one: (-_articles_with(db, one[1]), one[0]))


def _one_change(form: str) -> set[str]:
    """The word with two letters swapped, one left out, one changed or one more."""
    letters = _CYRILLIC if "Ѐ" <= form[0] <= "ӿ" else _LETTERS
    halves = [(form[:place], form[place:]) for place in range(len(form) + 1)]
    changed = {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    changed |= {head + tail[1:] for head, tail in halves if tail}
    changed |= {head + letter + tail[1:] for head, tail in halves if tail for letter in letters}
    changed |= {head + letter + tail for head, tail in halves for letter in letters}
    return changed - {form}


def _within_two(form: str, others: Iterable[str], deadline: float) -> list[str]:
    near = list[str]()
    for number, other in enumerate(others):
        if number % 500 == 0 and time.monotonic() > deadline:
            break
        if _changes(form, other, most=2) <= 2:
            near.append(other)
    return near


def _changes(one: Sequence[str], other: Sequence[str], *, most: int) -> int:
    """How many letters differ (Levenshtein); any number over `most` where it is more."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row = row, [number]
        for place, sign in enumerate(other, 1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != sign)))
        if min(row) > most:
            return most + 1
    return row[-1]


def _articles_with(db: Database, terms: set[str]) -> int:
    """Articles that hold one of these terms, counted up to a hundred."""
    found = "SELECT 1 FROM search WHERE search MATCH ? LIMIT 100"
    match = " OR ".join(map(quoted, sorted(terms)))
    return int(db.execute(f"SELECT count(*) FROM ({found})", [match]).fetchone()[0])


def _as_written(db: Database, form: str) -> str:
    """The word as an article writes it, with its own letters: "secim" is "seçim"; in small letters if one does."""
    seen = list[str]()
    for hit in search(db, form, limit=5).hits:
        for text in (hit.snippet, hit.title):
            plain = unmarked(text)
            seen += [plain[start:end] for start, end, other in written_words(plain) if other == form]
    best = next((word for word in seen if word[0].islower()), seen[0] if seen else form)
    return _without_suffix(best, form)


def _without_suffix(written: str, form: str) -> str:
    """What of a written word makes the form: without the suffix after an apostrophe."""
    for end in range(1, len(written) + 1):
        if [other for _, _, other in written_words(written[:end])] == [form]:
            return written[:end]
    return written


def _replaced(typed: str, word: Words, written: str) -> str:
    start = typed.find(word.typed)
    return typed[:start] + written + typed[start + len(word.typed) :] if start >= 0 else written

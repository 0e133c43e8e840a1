"""What the words of a search are found under: `terms` says it for every word that an article has.

The dictionary is asked only for words that no article has: it takes a second to load.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, product

from sqlite_utils import Database

from archive.expression import Node, leaves
from archive.language import noun_beginnings, search_pairs
from archive.snippets import Marked


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What each word that was typed is found under."""

    terms: Mapping[str, tuple[str, ...]]  # folded form → terms
    beginnings: Mapping[str, tuple[str, ...]]  # of a prefix: the terms of the words that begin so

    @classmethod
    def of(cls, db: Database, tree: Node | None) -> Vocabulary:
        """Three look-ups in `terms` for all the words, one more for each prefix."""
        words = list(leaves(tree))
        forms = {form: word.typed for word in words for form in word.forms}
        known = _terms_of(db, forms)
        for form in forms.keys() - known.keys():
            known[form] = _terms_of_unknown(db, form, forms[form])
        further = _terms_of(db, {term for terms in known.values() for term in terms})
        themselves = _that_are_terms(db, forms)
        found = dict[str, tuple[str, ...]]()
        for form, terms in known.items():
            # A word is also found under itself and under what its term, as a word, is found under: "alan" is a form of
            # "almak" in one text and an area in another (recall + .002, precision - .001).
            itself = [form] if form in themselves or not terms else []
            found[form] = tuple(dict.fromkeys([*terms, *itself, *(x for term in terms for x in further.get(term, ()))]))
        beginnings = {word.forms[-1]: _terms_beginning(db, word.forms[-1]) for word in words if word.prefix}
        return cls(found, beginnings)

    def marked(self, db: Database) -> Marked:
        """The forms that the typed words stand for, in any article."""
        wanted = {term for terms in (*self.terms.values(), *self.beginnings.values()) for term in terms}
        rows = db.execute(
            "SELECT DISTINCT form FROM terms WHERE term IN (SELECT value FROM json_each(?))",
            [json.dumps(sorted(wanted))],
        )
        return Marked(frozenset(form for (form,) in rows), tuple(self.beginnings))


def _terms_of(db: Database, forms: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    rows = db.execute(
        "SELECT form, term FROM terms WHERE form IN (SELECT value FROM json_each(?)) ORDER BY form, term",
        [json.dumps(sorted(forms))],
    )
    for form, term in rows:
        found[form] = (*found.get(form, ()), term)
    return found


def _that_are_terms(db: Database, forms: Iterable[str]) -> set[str]:
    wanted = json.dumps(sorted(forms))
    rows = db.execute("SELECT DISTINCT term FROM terms WHERE term IN (SELECT value FROM json_each(?))", [wanted])
    return {term for (term,) in rows}


def _terms_of_unknown(db: Database, form: str, typed: str) -> tuple[str, ...]:
    """The terms of a word that no article has in this form: of its Kazakh spellings; of the longest of its beginnings
    that an article has, if a noun's endings follow; else by the dictionary, which takes a second to load.
    """
    if spelled := _kazakh_terms(db, form):
        return spelled
    shorter = noun_beginnings(form) if form.isascii() else []
    if known := _terms_of(db, shorter):
        return next(known[one] for one in shorter if one in known)
    return tuple(dict.fromkeys(term for other, term in search_pairs(typed) if other == form))


# Kazakh typed on a Russian keyboard: "казакстан", "онер".
_KAZAKH_SPELLINGS = {"а": "аә", "г": "гғ", "и": "иі", "к": "кқ", "н": "нң", "о": "оө", "у": "уұү", "х": "хһ", "ы": "ыі"}
_MOST_SPELLINGS = 500


def _kazakh_terms(db: Database, form: str) -> tuple[str, ...]:
    """The terms of the Kazakh words that this may be meant for, as far as articles have them."""
    if not any(letter in _KAZAKH_SPELLINGS for letter in form):
        return ()
    spellings = islice(product(*(_KAZAKH_SPELLINGS.get(letter, letter) for letter in form)), _MOST_SPELLINGS)
    terms = {term for letters in spellings for _, term in search_pairs("".join(letters), "kk")}
    found = "SELECT 1 FROM search WHERE search MATCH ? LIMIT 1"
    return tuple(term for term in sorted(terms) if db.execute(found, [quoted(term)]).fetchone())


_MOST_BEGINNINGS = 200


def _terms_beginning(db: Database, form: str) -> tuple[str, ...]:
    """Terms of words that begin so; of a very common beginning the first of them, FTS5's own prefix finds the rest."""
    rows = db.execute(
        "SELECT DISTINCT term FROM terms WHERE form >= ? AND form < ? LIMIT ?",
        [form, form + "\U0010ffff", _MOST_BEGINNINGS],
    )
    return tuple(term for (term,) in rows)


def quoted(term: str) -> str:
    """A term as FTS5 takes it."""
    return '"' + term.replace('"', '""') + '"'

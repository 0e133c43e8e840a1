"""How well words find the sentences that hold their lemma, by the kind of query typed.

    python bench/search_quality.py [DIRECTORY]

DIRECTORY holds `turkish_sentences_dev.jsonl.gz` and `kazakh_sentences_dev.jsonl.gz` (Universal Dependencies: text and
words with lemma and part of speech). A sentence is relevant to a query if it holds the query's lemma. Printed are
recall / precision, averaged over the queries of a kind ("macro": then over the kinds); every approach answers through
SQLite's own FTS5.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from archive.language import fold, lower, read_words, search_pairs, search_terms

ROOT = Path(__file__).parents[1]
SENTENCES = {"tr": "turkish_sentences_dev.jsonl.gz", "kk": "kazakh_sentences_dev.jsonl.gz"}
CONTENT_WORDS = frozenset({"NOUN", "PROPN", "VERB", "ADJ"})
SENTENCES_PER_LEMMA = range(5, 81)
LEAST_FORMS = 3
KINDS = ("noun", "verb", "proper noun", "inflected", "ASCII", "UPPER", "UPPER ASCII")

Match = Callable[[str], str | None]  # what was typed → the FTS5 query, None for nothing to look up


class Query(NamedTuple):
    """What a reader types, and the rows that should come back."""

    kind: str
    typed: str
    relevant: frozenset[int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A row of the treebank."""

    text: str
    words: tuple[tuple[str, str, str], ...]  # form, lemma, part of speech


def main(directory: Path) -> None:
    """Print one table for each language."""
    for language, name in SENTENCES.items():
        sentences = read_sentences(directory / name)
        queries = typed_queries(sentences, language)
        print(f"\n{language}: {len(sentences)} sentences, {len(queries)} queries; recall / precision")
        kinds = [kind for kind in KINDS if any(query.kind == kind for query in queries)]
        print(f"{'':34}" + "".join(f"{kind:>13}" for kind in ("macro", "all", *kinds)))
        for approach, (rows, match) in approaches(sentences, language).items():
            scores = measure(rows, match, queries)
            macro = fmean(scores[kind][0] for kind in kinds), fmean(scores[kind][1] for kind in kinds)
            cells = [macro, *(scores[kind] for kind in ("all", *kinds))]
            print(f"{approach:34}" + "".join(f"{recall:>7.3f}/{precision:.3f}" for recall, precision in cells))


def read_sentences(path: Path) -> list[Sentence]:
    """The sentences of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Sentence(row["text"], tuple((form, lemma, tag) for form, lemma, tag in row["words"])) for row in rows]


def typed_queries(sentences: Sequence[Sentence], language: str) -> list[Query]:
    """Every query of every kind; of ASCII typing, the dictionary form and an inflected one by turns."""
    places: dict[tuple[str, str], set[int]] = defaultdict(set)
    holders: dict[str, set[int]] = defaultdict(set)
    forms: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row, sentence in enumerate(sentences):
        for form, lemma, tag in sentence.words:
            holders[lower(lemma, language)].add(row)
            if tag in CONTENT_WORDS and lemma.isalpha() and len(lemma) > 2:
                places[lemma, tag].add(row)
                forms[lemma, tag][lower(form, language)] += 1
    queries: list[Query] = []
    for turn, (lemma, tag) in enumerate(sorted(places)):
        if len(places[lemma, tag]) in SENTENCES_PER_LEMMA and len(forms[lemma, tag]) >= LEAST_FORMS:
            queries += _queries_for(lemma, tag, forms[lemma, tag], holders[lower(lemma, language)], language, turn)
    return queries


def _queries_for(
    lemma: str, tag: str, forms: dict[str, int], relevant: Iterable[int], language: str, turn: int
) -> Iterable[Query]:
    base, rows = lower(lemma, language), frozenset(relevant)
    if tag == "VERB":
        if language != "tr":
            return
        last_vowel = next((letter for letter in reversed(base) if letter in "aıouâûeiöüî"), "e")
        base += "mak" if last_vowel in "aıouâû" else "mek"
    yield Query({"VERB": "verb", "PROPN": "proper noun"}.get(tag, "noun"), base, rows)
    others = sorted((form for form in forms if form != base), key=lambda form: (-forms[form], form))
    inflected = others[turn % len(others)] if others else base
    yield Query("inflected", inflected, rows)
    word = base if turn % 2 else inflected
    if language == "tr" and (typed := fold(word)) != word:
        yield Query("ASCII", typed, rows)
        yield Query("UPPER ASCII", typed.upper(), rows)
    yield Query("UPPER", word.replace("i", "İ").upper() if language == "tr" else word.upper(), rows)


def approaches(sentences: Sequence[Sentence], language: str) -> dict[str, tuple[list[str], Match]]:
    """What is indexed for each sentence, and how a typed word becomes a query."""
    texts = [sentence.text for sentence in sentences]
    shadow = [" ".join(search_terms(text, language)) for text in texts]
    vocabulary: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for form, term in (row for word in read_words(text, language) for row in word.rows):
            vocabulary[form].add(term)

    # A reader names no language, so the queries do not either.
    def ours(typed: str) -> str | None:
        return " ".join(_quoted(term) for term in search_terms(typed)) or None

    def expanded(typed: str) -> str | None:
        groups: dict[str, set[str]] = defaultdict(set)
        for form, term in search_pairs(typed):  # as archive/search.py does
            known = vocabulary.get(form) or {term}
            groups[form] |= known.union({form}, *(vocabulary.get(one, ()) for one in known))
        return " AND ".join("(" + " OR ".join(map(_quoted, sorted(group))) + ")" for group in groups.values()) or None

    return {
        "plain words (unicode61)": (texts, _quoted),
        "prefix": (texts, lambda typed: _quoted(typed) + "*"),
        "search_terms": (shadow, ours),
        "search_terms with vocabulary": (shadow, expanded),
    }


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def measure(rows: Sequence[str], match: Match, queries: Sequence[Query]) -> dict[str, tuple[float, float]]:
    """Kind → mean recall and mean precision; a query that finds nothing has no precision."""
    found = _answers(rows, match, queries)
    scores: dict[str, tuple[float, float]] = {}
    for kind in ("all", *KINDS):
        asked = [(query, answer) for query, answer in zip(queries, found, strict=True) if kind in ("all", query.kind)]
        if asked:
            recall = fmean(len(answer & query.relevant) / len(query.relevant) for query, answer in asked)
            precise = [len(answer & query.relevant) / len(answer) for query, answer in asked if answer]
            scores[kind] = recall, fmean(precise) if precise else 0.0
    return scores


def _answers(rows: Sequence[str], match: Match, queries: Sequence[Query]) -> list[frozenset[int]]:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE search USING fts5(words, tokenize = 'unicode61')")
    db.executemany("INSERT INTO search(rowid, words) VALUES (?, ?)", enumerate(rows))
    found = []
    for query in queries:
        asked = match(query.typed)
        hits = db.execute("SELECT rowid FROM search WHERE search MATCH ?", (asked,)) if asked else ()
        found.append(frozenset(row for (row,) in hits))
    db.close()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data" / "search")

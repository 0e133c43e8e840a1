"""Dictionaries and stemmers of others: simplemma's lemmas, Snowball's stems, and names that they lack.  No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowballstemmer import stemmer


def lemma_of(word: str, language: str) -> str | None:
    """The lemma of a word in small letters; None for one that the dictionary lacks."""
    dictionary = _dictionary(language)
    # Names are in it with their capital.
    return dictionary.get(word) or dictionary.get(word.capitalize()) if word else None


@cache
def _dictionary(language: str) -> Mapping[str, str]:
    """simplemma's dictionary, loaded at its first word: Turkish 1 s and 105 MB, at 1 µs a word.

    Russian would take 130 MB more, for a language seldom met here: its thrifty form takes 20 MB, at 40 µs a word.
    """
    from simplemma.strategies import dictionaries  # 0.1 s to import; who only folds needs none of it

    thrifty, quick = dictionaries.LOW_MEMORY_DICTIONARY_FACTORY, dictionaries.DefaultDictionaryFactory()
    return (quick if language == "tr" else thrifty).get_dictionary(language)


@cache
def snowball(language: str) -> stemmer:
    """The stemmer of a language, by its English name."""
    from snowballstemmer import stemmer

    return stemmer(language)


def known_name(folded: str) -> str | None:
    """The name that a folded word is a form of."""
    return next(
        (one for one in _NAME_BEGINNINGS if folded.startswith(one) and len(folded) - len(one) <= _LONGEST_ENDING), None
    )


# Names of the region that simplemma does not know, or takes for other words; folded, as their forms begin.
_NAMES = """
astana almati almaty tokayev nazarbayev nursultan cimkent karaganda aktau aktobe semey baykonur kizilorda
pavlodar kokcetav
қазақстан алматы астан шымкент қарағанды ақтөбе ақтау тоқаев назарбаев токаев казахстан
"""
_NAME_BEGINNINGS = tuple(_NAMES.split())
_LONGEST_ENDING = 6

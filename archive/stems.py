"""A word → what it is found under: its lemma by simplemma where it knows the word, else a stem, folded.  No I/O.

Turkish is in archive/turkish.py; here are Kazakh, whose endings are ours, in Cyrillic or Latin letters, and Russian.
"""

from __future__ import annotations

from archive.dictionary import known_name, lemma_of, snowball
from archive.folding import fold, lower
from archive.turkish import lemma_of_word

_KAZAKH_LETTERS = frozenset("әғқңөұүһі")


def terms_of_word(word: str, language: str | None) -> tuple[str, ...]:
    """The terms of one word, less any suffix after an apostrophe; two, the better first, if it is Kazakh or Russian.

    `language` is "tr" for all that is written in Latin letters.
    """
    if language == "tr":
        kazakh = _in_cyrillic(word)
        return (kazakh,) if kazakh else (fold(lemma_of_word(word)),)
    folded = fold(word)
    if (name := known_name(folded)) is not None:
        return (name,)
    if language == "kk" or _KAZAKH_LETTERS & set(folded):
        return (_kazakh_stem(folded),)
    if language == "ru":
        return (_russian_term(folded),)
    if not "Ѐ" <= folded[0] <= "ӿ":  # Greek, Arabic, Chinese: as it is
        return (folded,)
    either = _russian_term(folded), _kazakh_stem(folded)
    return tuple(dict.fromkeys(either if lemma_of(folded, "ru") else reversed(either)))


# The Latin alphabet of 2021, and y for ы as in that of 2018.
_KAZAKH_LATIN = dict(zip("aäbdefgğhiıjklmnñoöpqrsştuüūvyz", "аәбдефгғхіыжклмнңоөпқрсштуүұвыз", strict=True))


def _in_cyrillic(word: str) -> str | None:
    """The term of a Kazakh word in Latin letters ("Qazaqstannyñ"), the same as in Cyrillic; None for other words.

    By its letters alone, since a query has no more: ñ, ū, or a q that no u follows.
    """
    written = lower(word, "tr" if "ı" in word or "İ" in word else None)
    if not (("q" in written and "qu" not in written) or "ñ" in written or "ū" in written):
        return None
    letters = [_KAZAKH_LATIN.get(letter) for letter in written]
    if None in letters:
        return None
    cyrillic = "".join(letter for letter in letters if letter)
    return known_name(cyrillic) or _kazakh_stem(cyrillic)


def _russian_term(folded: str) -> str:
    """The lemma; the dictionary has some words with е only, some with ё only."""
    lemma = lemma_of(folded, "ru")
    return fold(lemma) if lemma else str(snowball("russian").stemWord(folded))


# Endings of nouns and verbs. Those of one letter are left out but ы, і and н: they cut too many stems (м, а, е, п, р).
_KAZAKH_ENDINGS = """
лар лер дар дер тар тер лық лік дық дік тық тік лы лі ды ді ты ті сыз сіз шы ші ушы уші інші ыншы
ның нің дың дің тың тің ны ні ға ге қа ке на не да де та те нда нде дан ден тан тен нан нен мен бен пен
дағы дегі тағы тегі ндағы ндегі ы і сы сі н ын ін ым ім ың ің мыз міз ымыз іміз ңыз ңіз ыңыз іңіз
дым дім тым тім ған ген қан кен атын етін йтын йтін ып іп ар ер са се ыс іс ыл іл
мақ мек бақ бек пақ пек ады еді йды йді майды мейді байды бейді пайды пейді
"""
_KAZAKH_ENDINGS_BY_LENGTH = tuple(sorted(_KAZAKH_ENDINGS.split(), key=lambda ending: (-len(ending), ending)))
_KAZAKH_ROUNDS = 3  # plural, possession, case
_KAZAKH_STEM_LETTERS = 3
# A stem's last consonant is voiced before a vowel: кітап, кітабы.
_KAZAKH_UNVOICED = {"б": "п", "г": "к", "ғ": "қ"}


def _kazakh_stem(folded: str) -> str:
    """What is left without endings.

    On 132 queries over the treebank recall and precision are .93 / .93 (bench/search_quality.py); with the first four
    letters of each word instead they were .80 / .81.
    """
    stem = folded
    for _ in range(_KAZAKH_ROUNDS):
        ending = next(
            (
                one
                for one in _KAZAKH_ENDINGS_BY_LENGTH
                if stem.endswith(one) and len(stem) - len(one) >= _KAZAKH_STEM_LETTERS
            ),
            None,
        )
        if ending is None:
            break
        stem = stem.removesuffix(ending)
    return stem[:-1] + _KAZAKH_UNVOICED.get(stem[-1], stem[-1])

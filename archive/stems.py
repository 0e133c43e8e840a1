"""A word → what it is found under: its lemma by simplemma where it knows the word, else a stem, folded.  No I/O.

Turkish, with the dictionary corrected where it gives the forms of one word several lemmas; Kazakh, whose endings are
ours, in Cyrillic or Latin letters; Russian.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING

from archive.folding import fold, lower

if TYPE_CHECKING:
    from simplemma.strategies import DictionaryLookupStrategy
    from snowballstemmer import stemmer

# 4,347 Turkish sentences hold 18,808 forms; with the form and its term an entry takes some 300 bytes.
WORDS_REMEMBERED = 65_536
_KAZAKH_LETTERS = frozenset("әғқңөұүһі")


@lru_cache(maxsize=WORDS_REMEMBERED)
def terms_of_word(word: str, language: str | None) -> tuple[str, ...]:
    """The terms of one word, less any suffix after an apostrophe; two, the better first, if it is Kazakh or Russian.

    `language` is "tr" for all that is written in Latin letters.
    """
    if language == "tr":
        kazakh = _in_cyrillic(word)
        return (kazakh,) if kazakh else (_turkish_term(word),)
    folded = fold(word)
    if (name := _name(folded)) is not None:
        return (name,)
    if language == "kk" or _KAZAKH_LETTERS & set(folded):
        return (_kazakh_stem(folded),)
    if language == "ru":
        return (_russian_term(folded),)
    if not "Ѐ" <= folded[0] <= "ӿ":  # Greek, Arabic, Chinese: as it is
        return (folded,)
    either = _russian_term(folded), _kazakh_stem(folded)
    return tuple(dict.fromkeys(either if _lemma(folded, "ru") else reversed(either)))


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
    return _name(cyrillic) or _kazakh_stem(cyrillic)


def noun_beginnings(form: str) -> list[str]:
    """The beginnings of a folded Turkish word that only a noun's endings follow, the longest first."""
    lengths = range(len(form) - 1, max(_TURKISH_STEM_LETTERS - 1, len(form) - _MOST_ENDING_LETTERS), -1)
    return [form[:length] for length in lengths if _NOUN_ENDINGS.fullmatch(form[length:])]


def _turkish_term(word: str) -> str:
    """The lemma; of an unknown word that of what stands before its endings, else Snowball's stem."""
    written, folded = lower(word, "tr"), fold(word)
    lemma = _turkish_lemma(written) or _turkish_lemma(written.translate(_PLAIN_VOWELS)) or _name(folded)
    if lemma is None or (lemma != written and word.isascii()):
        lemma = _lemma_of_plain(word, headwords=lemma is not None) or lemma
    if lemma is None and word.isascii():
        written = folded  # "COVID" is no "covıd"
    return fold(lemma or _lemma_before_endings(written) or _verb_before_endings(written) or _turkish_stem(written))


def _turkish_lemma(written: str) -> str | None:
    """The dictionary's lemma, corrected where it gives the forms of one word several; None for an unknown word."""
    lemma = _corrected_lemma(written)
    if lemma and lemma != written:  # "ayrılmış" goes to "ayrıl", "ayrıl" to "ayır": all of them to the last
        lemma = _corrected_lemma(lemma) or lemma
    return lemma


def _corrected_lemma(written: str) -> str | None:
    if (lemma := _lemma(written, "tr")) is None:
        return None
    if written.endswith(_INFINITIVE) and lemma != written and _is_verb(written[:-3]):
        return written[:-3]
    if lemma == written:
        # "taşır", "benzer": of a verb that ends in a vowel, unless it is a noun with a plural.
        aorist = written[-1] == "r" and written[-2:-1] in _VOWELS and _lemma(_with(written[:-1], "mek"), "tr")
        return written[:-1] if aorist == written[:-1] and not _is_noun(written) else lemma
    # "oku" (read) is no "ok" (arrow), "alan" (area) no form of "al": they have forms of their own.
    if _is_noun(written) or _is_verb(written):
        return written
    return _derived_noun(written, lemma) or lemma


_VOWELS = "aıoueiöü"


def _with(stem: str, ending: str) -> str:
    """`stem` and an ending written with e, in vowel harmony: "oku" and "mek" are "okumak"."""
    last = next((letter for letter in reversed(stem) if letter in _VOWELS), "e")
    return stem + (ending.translate(_TO_BACK) if last in "aıou" else ending)


_TO_BACK = str.maketrans("ei", "aı")


def _is_noun(word: str) -> bool:
    """Whether the dictionary knows a noun's plural forms as forms of this word."""
    return all(_lemma(_with(word, ending), "tr") == word for ending in ("ler", "lerde", "lerin"))


def _is_verb(stem: str) -> bool:
    """Whether the dictionary knows the infinitive, the present or the past as a form of this stem."""
    if _lemma(_with(stem, "mek"), "tr") == stem:
        return True
    root = stem[:-1] if stem[-1:] in tuple("aeıiuü") else stem  # "anla", "anlıyor"
    last = next((letter for letter in reversed(root) if letter in _VOWELS), "e")
    past = stem + ("t" if stem[-1:] in _VOICELESS else "d") + _CLOSE[last]
    return stem in (_lemma(f"{root}{_CLOSE[last]}yor", "tr"), _lemma(past, "tr"))


_INFINITIVE = ("mak", "mek")
_VOICELESS = tuple("fstkçşhp")
_CLOSE = dict(zip(_VOWELS, "ııuuiiüü", strict=True))
# Nouns made of other words: "güzellik", "tüketici", "düşüş".
_DERIVED = re.compile("l[ıiuü]k$|[cç][ıiuü]$|[ıiuü]ş$")


def _derived_noun(written: str, lemma: str) -> str | None:
    """The derived noun that a noun's endings follow, where the dictionary goes back to its root for some forms only:
    "güzelliğinden" is "güzellik", as "güzelliği" is, and not "güzel".
    """
    for length in range(len(written) - 1, max(3, len(lemma)), -1):
        noun = written[: length - 1] + "k" if written[length - 1] == "ğ" else written[:length]
        if _DERIVED.search(noun) and _NOUN_ENDINGS.fullmatch(fold(written[length:])) and _lemma(noun, "tr") == noun:
            return noun
    return None


_TURKISH_STEM_LETTERS = 4
_NOUN_ENDINGS = re.compile(
    "(?:l[ae]r)?(?:[iu]m(?:[iu]z)?|[iu]n(?:[iu]z)?|s?[iu])?n?(?:[dt][ae]n?|[dt][ae]ki(?:ler)?|[iu]n|y?[iuae]|l[ae])?"
)
_PLURAL = re.compile("(.{3,}?)l[ae]r(?:[ıi]m(?:[ıi]z)?|[ıi]n(?:[ıi]z)?|[ıi])?n?(?:[dt][ae]n?|[ıi]n|y?[ıiae]|l[ae])?$")
_MOST_ENDING_LETTERS = 16
_LEAST_VERB_LETTERS = 4  # of a form that the dictionary lacks: shorter ones are the beginnings of names


def _lemma_before_endings(written: str) -> str | None:
    """The lemma of the longest known beginning that only a noun's endings follow: "Kazakistandan"."""
    for length in range(len(written) - 1, max(4, len(written) - 13), -1):
        if _NOUN_ENDINGS.fullmatch(fold(written[length:])) and (lemma := _turkish_lemma(written[:length])):
            return lemma
    return None


# Folded: made to do, done, each other; able to, not, at once; a tense or participle; whose.
_VERB_ENDINGS = re.compile(
    "(?:t(?![iu])|[dt][iu]r|[iu]r|[iu]l|[iu]?n|[iu]?s){0,3}"
    "(?:y?[ae]bil|y?[ae]?m[ae]|y?[iu]ver){0,2}"
    "(?:[dt][iu]|m[iu]s|[iu]?yor|m[ae]kt[ae]|y?[ae]c[ae][kg]|z|[ai]?r|[ae]r|s[ae]|l[iu]|y?[iu]p|[dt][iu][kg]|y?[ae]r[ae]k|k)?"
    "(?:[dt][iu]|m[iu]s|s[ae])?(?:l[ae]r)?(?:[iu]m|[iu]z|s?[iu]n[iu]z|s[iu]n|[mnk]|[iu])?(?:n?[iu]n|n?[dt][ae]n?|y?l[ae]|y?[aeiu])?"
)


def _verb_before_endings(written: str) -> str | None:
    """The longest known verb that a verb's endings follow, of a form that the dictionary lacks: "ayıracağım"."""
    if len(written) > _LEAST_VERB_LETTERS + 1 and written.endswith(_INFINITIVE):
        return written[:-3]
    for length in range(len(written) - 2, max(_LEAST_VERB_LETTERS - 1, len(written) - _MOST_ENDING_LETTERS), -1):
        if _VERB_ENDINGS.fullmatch(fold(written[length:])) and _is_verb(written[:length]):
            return written[:length]
    return None


def _turkish_stem(written: str) -> str:
    """Snowball's stem of a word without its plural: it leaves "Evenlerin" whole, and cuts "Evenler"."""
    plural = _PLURAL.match(written)
    written = plural[1] if plural else written
    stem: str = _snowball("turkish").stemWord(written)
    # Shorter stems are other words: Astana is no "as".
    stem = stem if len(stem) >= _TURKISH_STEM_LETTERS else written
    return _turkish_lemma(stem) or stem


# Names of the region that simplemma does not know, or takes for other words; folded, as their forms begin.
_NAMES = """
astana almati almaty tokayev nazarbayev nursultan cimkent karaganda aktau aktobe semey baykonur kizilorda
pavlodar kokcetav
қазақстан алматы астан шымкент қарағанды ақтөбе ақтау тоқаев назарбаев токаев казахстан
"""
_NAME_BEGINNINGS = tuple(_NAMES.split())
_LONGEST_ENDING = 6


def _name(folded: str) -> str | None:
    return next(
        (one for one in _NAME_BEGINNINGS if folded.startswith(one) and len(folded) - len(one) <= _LONGEST_ENDING), None
    )


_PLAIN_VOWELS = str.maketrans("âîû", "aiu")
_TURKISH_SPELLINGS = {"c": "cç", "g": "gğ", "i": "iı", "o": "oö", "s": "sş", "u": "uü"}
# 2 ** 10 look-ups take a millisecond; none of 18,808 forms in the Turkish treebanks has more such letters.
_MOST_DOUBTFUL_LETTERS = 10


def _lemma_of_plain(word: str, *, headwords: bool = False) -> str | None:
    """The lemma of a Turkish word typed without Turkish letters ("calisiyor"), None if it has some or none fits.

    Of several words it may be, one in vowel harmony; of those the lemma that most spellings share, then the longest.
    `headwords` asks for a word that is its own lemma, which goes before a form of another: "secim" is "seçim", and not
    "seci" of mine.
    """
    folded = fold(word)
    if not word.isascii() or sum(letter in _TURKISH_SPELLINGS for letter in folded) > _MOST_DOUBTFUL_LETTERS:
        return None
    spellings = ("".join(letters) for letters in product(*(_TURKISH_SPELLINGS.get(one, one) for one in folded)))
    known = [(spelling, lemma) for spelling in spellings if (lemma := _lemma(spelling, "tr"))]
    if headwords:
        known = [one for one in known if one[0] == one[1] and _is_noun(one[0])]
    if len(word) > 5:  # "Astana" is no form of "aş", nor other names of so short words
        known = [(spelling, lemma) for spelling, lemma in known if len(lemma) > 2]
    votes = Counter(lemma for _, lemma in known)
    best = min(known, key=lambda one: (_breaks_of_harmony(one[0]), -votes[one[1]], -len(one[1]), one), default=None)
    return _turkish_lemma(best[0]) if best else None


def _breaks_of_harmony(word: str) -> int:
    """How often a back vowel stands next to a front one: 0 in most native Turkish words."""
    back = [letter in "aıou" for letter in word if letter in "aıoueiöü"]
    return sum(one != other for one, other in pairwise(back))


def _russian_term(folded: str) -> str:
    """The lemma; the dictionary has some words with е only, some with ё only."""
    lemma = _lemma(folded, "ru")
    return fold(lemma) if lemma else str(_snowball("russian").stemWord(folded))


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


def _lemma(word: str, language: str) -> str | None:
    found: str | None = _dictionary(language).get_lemma(word, language) if word else None
    return found


@cache
def _dictionary(language: str) -> DictionaryLookupStrategy:
    """simplemma's dictionary, loaded at its first word: Turkish 1 s and 105 MB, at 1 µs a word.

    Russian would take 130 MB more, for a language seldom met here: its thrifty form takes 20 MB, at 40 µs a word.
    """
    from simplemma.strategies import DictionaryLookupStrategy  # 0.1 s to import; who only folds needs none of it
    from simplemma.strategies.dictionaries import LOW_MEMORY_DICTIONARY_FACTORY

    return DictionaryLookupStrategy() if language == "tr" else DictionaryLookupStrategy(LOW_MEMORY_DICTIONARY_FACTORY)


@cache
def _snowball(language: str) -> stemmer:
    from snowballstemmer import stemmer

    return stemmer(language)

"""Turkish words → lemmas: the dictionary's, corrected where it gives the forms of one word several; of a word that it
lacks, that of what stands before the endings; of one typed in ASCII, of what it may be meant for.  No I/O.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise, product

from archive.dictionary import known_name, lemma_of, snowball
from archive.folding import fold, lower


@lru_cache(maxsize=1024)  # for `roots_of_word`, which is asked next
def lemma_of_word(word: str) -> str:
    """The lemma, as it is written; of an unknown word that of what stands before its endings, else Snowball's stem."""
    written, folded = lower(word, "tr"), fold(word)
    lemma = _known_lemma(written) or _known_lemma(written.translate(_PLAIN_VOWELS)) or known_name(folded)
    if lemma is None or (lemma != written and word.isascii()):
        lemma = _lemma_of_plain(word, headwords=lemma is not None) or lemma
    if lemma is None and word.isascii():
        written = folded  # "COVID" is no "covıd"
    return lemma or _lemma_before_endings(written) or _verb_before_endings(written) or _stem(written)


def roots_of_word(word: str) -> tuple[str, ...]:
    """Folded words of which this one is a form besides, and with which it is to be found: "kalan" with "kal".

    Not the other way round: who looks for a "bakan", a minister, does not mean everybody who looks.
    """
    found = _DERIVED_FORM.fullmatch(lemma_of_word(word))
    if found is None:
        return ()
    # The past will not do: "zamandı" is "it was time", and no form of "zam".
    known = _has_infinitive(found[1]) if found["verbal"] else _is_noun(found[1])
    return (fold(found[1]),) if known else ()


# A participle, what is not done, what is done; without.
_DERIVED_FORM = re.compile("(.{2,}?)(?:(?P<verbal>y?[ae]n|m[ae]z|m[ae])|s[ıiuü]z)")


def noun_beginnings(form: str) -> list[str]:
    """The beginnings of a folded word that only a noun's endings follow, the longest first."""
    return list(_beginnings(form, _NOUN_ENDINGS, least=_STEM_LETTERS))


_MOST_ENDING_LETTERS = 16


def _beginnings(word: str, endings: re.Pattern[str], *, least: int, shorter_by: int = 1) -> Iterator[str]:
    """The beginnings of at least so many letters that one of these endings follows, the longest first."""
    for length in range(len(word) - shorter_by, max(least - 1, len(word) - _MOST_ENDING_LETTERS), -1):
        if endings.fullmatch(fold(word[length:])):
            yield word[:length]


# ---------------------------------------------------------------- what the dictionary says, and should


_VOWELS = "aıoueiöü"
_CLOSE = dict(zip(_VOWELS, "ııuuiiüü", strict=True))
_VOICELESS = tuple("fstkçşhp")
_INFINITIVE = ("mak", "mek")


def _lemma(written: str) -> str | None:
    return lemma_of(written, "tr")


def _known_lemma(written: str) -> str | None:
    """The dictionary's lemma, corrected where it gives the forms of one word several; None for an unknown word."""
    lemma = _corrected(written)
    if lemma and lemma != written and not _is_verb(lemma):  # "ayrılmış" goes to "ayrıl", "ayrıl" to "ayır"
        lemma = _corrected(lemma) or lemma
    return _active(lemma) if lemma else None


def _corrected(written: str) -> str | None:
    if (lemma := _lemma(written)) is None:
        return None
    if written.endswith(_INFINITIVE) and lemma != written and _is_verb(written[:-3]):
        return _stem_of_forms(written[:-3])
    if lemma == written:
        # "taşır", "benzer", "merkezi", unless it is a noun with a plural.
        return written if _is_noun(written) else _verb_of_aorist(written) or _noun_with_its(written) or written
    # "oku" (read) is no "ok" (arrow), "alan" (area) no form of "al": they have forms of their own.
    if _is_noun(written) or (_is_verb(written) and not _is_rather(written, lemma)):
        return written
    return _derived_noun(written, lemma) or _derived_verb(written, lemma) or lemma


def _stem_of_forms(stem: str) -> str:
    """The shorter stem that the dictionary gives a verb's present and past: "belirtmek" is "belir", as "belirtti"."""
    past, present = _lemma(_past(stem)), _lemma(_present(stem))
    return past if past and past == present and stem.startswith(past) and _is_verb(past) else stem


def _verb_of_aorist(written: str) -> str | None:
    """The verb of a form that the dictionary takes for a word of its own: "taşır", "sever"."""
    if written[-1] != "r":
        return None
    if written[-2:-1] in _VOWELS and _lemma(_with(written[:-1], "mek")) == written[:-1]:
        return written[:-1]
    # "severler" is of "sev"
    stem = _lemma(_with(written, "ler"))
    return stem if stem and stem in (written[:-1], written[:-2]) else None


def _noun_with_its(written: str) -> str | None:
    """ "merkezi" is central, but more often somebody's "merkez", as all its further forms are in the dictionary."""
    if written[-1] not in "ıiuü" or len(written) < _STEM_LETTERS:
        return None
    noun = written[:-1]
    return noun if _lemma(_with(written, "nin")) == noun and _is_noun(noun) else None


_PARTICIPLE_OR_AORIST = re.compile("y?[ae]n|r")
_LEAST_NOUN_LETTERS = 4  # with "la" shorter ones make verbs as common as they are: "başla", "topla"


def _is_rather(written: str, lemma: str) -> bool:
    """Whether the stem of a verb is rather a form of `lemma`: "dönen", "taşır", "paketle" (with a parcel).

    By itself a stem is an imperative, which news hardly have.
    """
    ending = written.removeprefix(lemma)
    if ending in ("la", "le"):
        return len(lemma) >= _LEAST_NOUN_LETTERS and _is_noun(lemma)
    return _PARTICIPLE_OR_AORIST.fullmatch(ending) is not None and _is_verb(lemma)


_DROPPED = re.compile(f"(.*[^{_VOWELS}])([^{_VOWELS}])([ıiuü])l")


def _active(verb: str) -> str:
    """The verb of a passive that lost a vowel: "çevril" is "çevir"."""
    match = _DROPPED.fullmatch(verb)
    if match is None:
        return verb
    active = match[1] + match[3] + match[2]
    return active if _is_verb(active) and _is_verb(verb) else verb


def _derived_verb(written: str, lemma: str) -> str | None:
    """The verb made of a noun, where the dictionary goes back to the noun for some forms only: "gerçekleştirdi"."""
    verbs = (_with(lemma, ending) for ending in ("leş", "len"))
    verb = next((one for one in verbs if written.startswith(one) and len(written) > len(one) + 1), None)
    return verb if verb and _is_noun(lemma) and _is_verb(verb) else None


# Nouns made of other words: "güzellik", "tüketici", "düşüş"; and voters and migrants, of whom news say more than of
# choosing ("seçmenin").
_DERIVED = re.compile("l[ıiuü]k$|[cç][ıiuü]$|[ıiuü]ş$|^(?:seç|göç)men$")


def _derived_noun(written: str, lemma: str) -> str | None:
    """The derived noun that a noun's endings follow, where the dictionary goes back to its root for some forms only:
    "güzelliğinden" is "güzellik", as "güzelliği" is, and not "güzel".
    """
    for beginning in _beginnings(written, _NOUN_ENDINGS, least=max(4, len(lemma) + 1)):
        noun = beginning[:-1] + "k" if beginning[-1] == "ğ" else beginning
        if _DERIVED.search(noun) and _lemma(noun) == noun:
            return noun
    return None


# ---------------------------------------------------------------- forms, to ask the dictionary for

_REMEMBERED = 16_384  # lemmas, of which most are asked for again


def _with(stem: str, ending: str) -> str:
    """`stem` and an ending written with e, in vowel harmony: "oku" and "mek" are "okumak"."""
    return stem + (ending.translate(_TO_BACK) if _last_vowel(stem) in "aıou" else ending)


_TO_BACK = str.maketrans("ei", "aı")


def _past(stem: str) -> str:
    return stem + ("t" if stem[-1:] in _VOICELESS else "d") + _CLOSE[_last_vowel(stem)]


def _present(stem: str) -> str:
    root = stem[:-1] if stem[-1:] in tuple("aeıiuü") else stem  # "anla", "anlıyor"
    return f"{root}{_CLOSE[_last_vowel(root)]}yor"


def _last_vowel(word: str) -> str:
    return next((letter for letter in reversed(word) if letter in _VOWELS), "e")


@lru_cache(maxsize=_REMEMBERED)
def _is_noun(word: str) -> bool:
    """Whether the dictionary knows a noun's plural forms as forms of this word."""
    return all(_lemma(_with(word, ending)) == word for ending in ("ler", "lerde", "lerin"))


@lru_cache(maxsize=_REMEMBERED)
def _is_verb(stem: str) -> bool:
    """Whether the dictionary knows the infinitive, the present or the past as a form of this stem."""
    return _has_infinitive(stem) or _lemma(_past(stem)) == stem


def _has_infinitive(stem: str) -> bool:
    return stem in (_lemma(_with(stem, "mek")), _lemma(_present(stem)))


# ---------------------------------------------------------------- words that the dictionary lacks


_STEM_LETTERS = 4
_NOUN_ENDINGS = re.compile(
    "(?:l[ae]r)?(?:[iu]m(?:[iu]z)?|[iu]n(?:[iu]z)?|s?[iu])?n?(?:[dt][ae]n?|[dt][ae]ki(?:ler)?|[iu]n|y?[iuae]|l[ae])?"
)
_PLURAL = re.compile("(.{3,}?)l[ae]r(?:[ıi]m(?:[ıi]z)?|[ıi]n(?:[ıi]z)?|[ıi])?n?(?:[dt][ae]n?|[ıi]n|y?[ıiae]|l[ae])?$")
_LEAST_VERB_LETTERS = 4  # of a form that the dictionary lacks: shorter ones are the beginnings of names


def _lemma_before_endings(written: str) -> str | None:
    """The lemma of the longest known beginning that only a noun's endings follow: "Kazakistandan"."""
    lemmas = map(_known_lemma, _beginnings(written, _NOUN_ENDINGS, least=5))
    return next(filter(None, lemmas), None)


# Folded: made to do, done, each other; able to, not, at once; a tense or participle; whose.
_VERB_ENDINGS = re.compile(
    "(?:t(?![iu])|[dt][iu]r|[iu]r|[iu]l|[iu]?n|[iu]?s){0,3}"
    "(?:y?[ae]bil|y?[ae]?m[ae]|y?[iu]ver){0,2}"
    "(?:[dt][iu]|m[iu]s|[iu]?yor|m[ae]kt[ae]|y?[ae]c[ae][kg]|z|[ai]?r|[ae]r|s[ae]|l[iu]|y?[iu]p|[dt][iu][kg]|y?[ae]r[ae]k|k)?"
    "(?:[dt][iu]|m[iu]s|s[ae])?(?:l[ae]r)?(?:[iu]m|[iu]z|s?[iu]n[iu]z|s[iu]n|[mnk]|[iu])?(?:n?[iu]n|n?[dt][ae]n?|y?l[ae]|y?[aeiu])?"
)


_ABLE = re.compile("y?[ae]bil$")  # "gerçekleştirebilmek", and no other ending before the infinitive's


def _verb_before_endings(written: str) -> str | None:
    """The longest known verb that a verb's endings follow, of a form that the dictionary lacks: "ayıracağım"."""
    if len(written) > _LEAST_VERB_LETTERS + 1 and written.endswith(_INFINITIVE):
        stem = _ABLE.sub("", written[:-3])
        return _known_lemma(stem) or stem
    verbs = _beginnings(written, _VERB_ENDINGS, least=_LEAST_VERB_LETTERS, shorter_by=2)
    return next(filter(_is_verb, verbs), None)


def _stem(written: str) -> str:
    """Snowball's stem of a word without its plural: it leaves "Evenlerin" whole, and cuts "Evenler"."""
    plural = _PLURAL.match(written)
    written = plural[1] if plural else written
    stem: str = snowball("turkish").stemWord(written)
    # Shorter stems are other words: Astana is no "as".
    stem = stem if len(stem) >= _STEM_LETTERS else written
    return _known_lemma(stem) or stem


# ---------------------------------------------------------------- words typed in ASCII


_PLAIN_VOWELS = str.maketrans("âîû", "aiu")
_SPELLINGS = {"c": "cç", "g": "gğ", "i": "iı", "o": "oö", "s": "sş", "u": "uü"}
# 2 ** 10 look-ups take a millisecond; none of 18,808 forms in the Turkish treebanks has more such letters.
_MOST_DOUBTFUL_LETTERS = 10


def _lemma_of_plain(word: str, *, headwords: bool = False) -> str | None:
    """The lemma of a Turkish word typed without Turkish letters ("calisiyor"), None if it has some or none fits.

    Of several words it may be, one in vowel harmony; of those the lemma that most spellings share, then the longest.
    `headwords` asks for a word that is its own lemma, which goes before a form of another: "secim" is "seçim", and not
    "seci" of mine.
    """
    folded = fold(word)
    if not word.isascii() or sum(letter in _SPELLINGS for letter in folded) > _MOST_DOUBTFUL_LETTERS:
        return None
    spellings = ("".join(letters) for letters in product(*(_SPELLINGS.get(one, one) for one in folded)))
    known = [(spelling, lemma) for spelling in spellings if (lemma := _lemma(spelling))]
    if headwords:
        known = [one for one in known if one[0] == one[1] and _is_noun(one[0])]
    if len(word) > 5:  # "Astana" is no form of "aş", nor other names of so short words
        known = [(spelling, lemma) for spelling, lemma in known if len(lemma) > 2]
    votes = Counter(lemma for _, lemma in known)
    best = min(known, key=lambda one: (_breaks_of_harmony(one[0]), -votes[one[1]], -len(one[1]), one), default=None)
    return _known_lemma(best[0]) if best else None


def _breaks_of_harmony(word: str) -> int:
    """How often a back vowel stands next to a front one: 0 in most native Turkish words."""
    back = [letter in "aıou" for letter in word if letter in "aıoueiöü"]
    return sum(one != other for one, other in pairwise(back))

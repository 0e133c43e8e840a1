"""Words as these languages write them: the language of a text, its words, the terms it is found under.  No I/O.

A text is indexed, and a query looked up, under the same terms: the lemma of each word, else a stem (archive/stems.py),
folded (archive/folding.py). Words are Turkish or, by their letters, Cyrillic: a query of one word has no more to go by.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from archive.folding import FOLDED, fold, lower
from archive.stems import terms_of_word
from archive.turkish import noun_beginnings, roots_of_word

__all__ = [
    "Word",
    "find_words",
    "fold",
    "language_of",
    "lower",
    "noun_beginnings",
    "read_words",
    "search_pairs",
    "search_terms",
    "written_words",
]

# 4,347 Turkish sentences hold 18,808 forms; with its form, term and rows an entry takes some 600 bytes.
WORDS_REMEMBERED = 65_536

# What is longer is no word but a page's trick, and would make the memory above large.
MOST_WORD_LETTERS = 64


# Fewer letters than this, and none that only one language has, decide nothing.
TELLING_LETTERS = 20
# Of the letters of Kazakh sentences 15 % are its own, in 99 of 100 sentences over 2 %. Names bring a Russian
# one to 5 %, so in between Russian's function words decide.
_KAZAKH_SHARE, _SURELY_KAZAKH_SHARE = 0.015, 0.08
_FUNCTION_WORDS = {
    language: frozenset(fold(words).split())
    for language, words in {
        "tr": "ve bir bu da de icin ile olarak olan cok daha en ne gibi kadar sonra ama mi ki oldu ise degil oldugu",
        "en": "the of and to in is that for with on was are as at by it from his be has have not this which he they",
        "de": "der die das und ist von zu den mit nicht ein eine auf für im dem des sich als auch es werden wird bei",
        "fr": "le la les de des et est dans que pour une un du en sur par pas qui au avec il elle ce se plus sont",
        "es": "el la los las de y que en un una por con para del se es lo como más fue sus",
        "ru": "и в во на с со что по не как для из от о об это был была его он а но к у за до при",
        "uz": "va bu bilan uchun ham bir o'z bo'lgan deb edi esa yoki",
    }.items()
}
_SPOKEN_WITH = {
    word: tuple(language for language, known in _FUNCTION_WORDS.items() if word in known)
    for word in frozenset().union(*_FUNCTION_WORDS.values())
}


def language_of(text: str, *, hint: str | None = None) -> str | None:
    """The language of `text` as a two-letter code: "tr", "kk", "ru", "en" …; None where nothing tells.

    By script and by letters that one language has, then by function words. `hint` is what stands around the text: it is
    the answer where the text is too short to tell and `hint` has the same script.
    """
    text = unicodedata.normalize("NFC", text)
    cyrillic, latin = _count(_CYRILLIC, text), _count(_LATIN, text)
    known = cyrillic + latin
    if not known or (known < len(text) / 2 and known < sum(map(str.isalpha, text)) / 2):
        return None
    return _cyrillic_language(text, cyrillic, hint) if cyrillic > latin else _latin_language(text, latin, hint)


# Letters of both scripts up to ӿ and ỿ, and those that one language has or few have. Found words at a time: to count
# each letter takes four times as long.
_CYRILLIC, _LATIN = re.compile("[Ѐ-ҁҊ-ӿ]+"), re.compile("[A-Za-zªµºÀ-ÖØ-öø-ʯḀ-ỿ]+")
_UKRAINIAN, _RUSSIAN = re.compile("[їєґЇЄҐ]+"), re.compile("[ёъщЁЪЩ]+")
# Letters of ә ғ қ ұ һ are Kazakh's alone; ң ө ү are Kyrgyz and Mongolian too, і Ukrainian and Belarusian.
_KAZAKH, _LATIN_KAZAKH = re.compile("[ӘәҒғҚқҰұҺһҢңӨөҮүІі]+"), re.compile("[ñÑūŪ]+")
_AZERBAIJANI, _TURKISH = re.compile("[əƏ]+"), re.compile("[ıİğĞşŞ]+")
_UMLAUTS, _NOT_TURKISH = re.compile("[çÇöÖüÜ]+"), re.compile("[ßäÄéèñ]+")


def _count(letters: re.Pattern[str], text: str) -> int:
    return sum(map(len, letters.findall(text)))


def _cyrillic_language(text: str, total: int, hint: str | None) -> str | None:
    if _UKRAINIAN.search(text):
        return "uk"
    kazakh = _count(_KAZAKH, text) / total
    if kazakh >= _SURELY_KAZAKH_SHARE or (
        kazakh >= _KAZAKH_SHARE and _FUNCTION_WORDS["ru"].isdisjoint(text.lower().split())
    ):
        return "kk"
    if total >= TELLING_LETTERS or _RUSSIAN.search(text):
        return "ru"
    return hint if hint in ("kk", "ru", "uk") else None


def _latin_language(text: str, total: int, hint: str | None) -> str | None:
    if _AZERBAIJANI.search(text):
        return "az"
    is_turkish = _count(_TURKISH, text) >= 0.02 * total
    if is_turkish and "q" not in text and "Q" not in text:
        return "kk" if _LATIN_KAZAKH.search(text) else "tr"
    folded = fold(text)
    words = _WORD.findall(folded)
    if "'" in folded:
        words = [word.partition("'")[0] for word in words]
    if is_turkish:
        # Latin Kazakh has these too, and a q that no u follows.
        bare_q = sum("q" in word and "qu" not in word for word in words)
        return "kk" if bare_q > len(words) / 10 or _LATIN_KAZAKH.search(text) else "tr"
    if total < TELLING_LETTERS:
        return hint if hint not in ("kk", "ru", "uk") else None
    counts = dict.fromkeys(_FUNCTION_WORDS, 0)
    for word in words:
        for language in _SPOKEN_WITH.get(word, ()):
            counts[language] += 1
    best = max(counts, key=lambda language: counts[language])
    # One function word in ten is a text; fewer are names, or a language that is not among these.
    if counts[best] >= max(1, len(words) / 10) and sorted(counts.values())[-2] < counts[best]:
        return best
    if sum("q" in word and "qu" not in word for word in words) > len(words) / 10:
        return "kk"
    endings = sum(_TURKISH_ENDING.search(word) is not None for word in words)
    if endings >= max(2, len(words) / 5):
        return "tr"
    if _count(_UMLAUTS, text) >= 0.02 * total and not _NOT_TURKISH.search(text):
        return "tr"
    return hint if hint not in ("kk", "ru", "uk") else None


# Turkish typed without its letters, in words that no list of function words holds: "siteler", "bulunuyor".
_TURKISH_ENDING = re.compile(
    r"\w{3}(?:l[ae]r(?:[iu]\w*|d[ae]n?|[ae])?|[iu]yor\w*|m[ae]kt[ae]\w*|[ae]c[ae]k\w*|[iu]nd[ae]n?)$"
)


@dataclass(frozen=True, slots=True, eq=False)  # a word that is remembered is one object: sets of them are quick
class Word:
    """A word as it is written, and what the index keeps of it."""

    form: str  # folded
    terms: tuple[str, ...]  # the best first
    text: str  # the same, as `search` holds them
    # (form, term), as `terms` holds them: those of this word, and a row for each word that it is a form of besides
    rows: tuple[tuple[str, str], ...]


def search_terms(text: str, language: str | None = None) -> list[str]:
    """The terms under which `text` is found, or looked up when it is a query, in the order of its words.

    All are folded letters and digits, so an FTS5 table with plain `unicode61` keeps each as one token. `language` tells
    Kazakh from Russian where the letters of a word do not; Latin words are read as Turkish.
    """
    return [word.terms[0] for word in read_words(text, language)]


def search_pairs(text: str, language: str | None = None) -> list[tuple[str, str]]:
    """(folded form as written, term) of each word: the vocabulary to keep of a text, and to look a query up in.

    A query finds more when each of its words also stands for all terms that the vocabulary has for its folded form:
    "olum" typed for "ölüm". A Cyrillic word that may be Kazakh or Russian comes twice, with either term; so join the
    terms of one form by OR.
    """
    return [(word.form, term) for word in read_words(text, language) for term in word.terms]


def written_words(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, folded form) of each word, in `text` as it is written: to mark it, or to look its term up.

    The end is behind a suffix after an apostrophe, which the form lacks; forms are those of `search_pairs`.
    """
    for match in _WRITTEN.finditer(text):
        if form := _form(match[0]):
            yield match.start(), match.end(), form


def find_words(text: str, forms: frozenset[str], beginnings: tuple[str, ...] = ()) -> list[tuple[int, int, str]]:
    """Those of `written_words` that have one of these forms, or begin so.

    Where folding moves no letter, only words whose first letters are right are looked at: a tenth of the time.
    """
    heads = frozenset(form[:_HEAD_LETTERS] for form in (*forms, *beginnings))
    if not heads or not any(heads):
        return []
    if _MOVING.search(text) or not unicodedata.is_normalized("NFC", text):
        words = written_words(text)
    else:
        matches = (_WRITTEN.match(text, place.start()) for place in _headed(heads).finditer(fold(text)))
        words = ((match.start(), match.end(), _form(match[0])) for match in matches if match)
    return [word for word in words if word[2] in forms or (beginnings and word[2].startswith(beginnings))]


_HEAD_LETTERS = 3
_MOVING = re.compile("[" + "".join(chr(code) for code, plain in FOLDED.items() if not plain or len(plain) > 1) + "]")


@lru_cache(maxsize=16)
def _headed(heads: frozenset[str]) -> re.Pattern[str]:
    """Where a word begins so; what follows an apostrophe inside a word begins none."""
    either = "|".join(map(re.escape, sorted(heads)))
    return re.compile(f"(?<![^\\W_ʼʻʹ])(?<![^\\W_]['’‘ʼʻ`´′])(?:{either})")


@lru_cache(maxsize=WORDS_REMEMBERED)
def _form(word: str) -> str:
    word = unicodedata.normalize("NFC", word.translate(_INVISIBLE))
    return fold(_without_suffix(_LATIN_I_IN_CYRILLIC.sub("і", word))[:MOST_WORD_LETTERS])


# As _WORD, with the accents and invisible signs that are inside a word.
_WRITTEN = re.compile(
    "[^\\W_ʼʻʹ]+(?:[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff]+[^\\W_ʼʻʹ]*)*(?:['’‘ʼʻ`´′][^\\W\\d_]+)*"
)


# Letters and digits; an apostrophe and what follows it belong to the word, to be cut off.
_WORD = re.compile(r"[^\W_ʼʻʹ]+(?:['’‘ʼʻ`´′][^\W\d_]+)*")
_APOSTROPHE = re.compile("['’‘ʼʻ`´′]")


def read_words(text: str, language: str | None = None) -> list[Word]:
    """The words of a text in their order; `language` as in `search_terms`."""
    text = unicodedata.normalize("NFC", text)
    if not _RARE_SIGN.search(text):
        return list(chain.from_iterable(map(_WORDS_OF.__getitem__, text.split())))
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    words = _WORD.findall(_LATIN_I_IN_CYRILLIC.sub("і", text))
    others = "".join(word for word in words if word[0] > _LAST_LATIN)
    if others and language not in ("kk", "ru"):
        language = language_of(others)
    return [_read(word, language if word[0] > _LAST_LATIN else "tr") for word in words]


@lru_cache(maxsize=WORDS_REMEMBERED)
def _read(word: str, language: str | None) -> Word:
    stem = _without_suffix(word)[:MOST_WORD_LETTERS]
    form, terms = fold(stem), terms_of_word(stem, language)
    roots = roots_of_word(stem) if language == "tr" else ()
    rows = (*((form, term) for term in terms), *((root, terms[0]) for root in roots))
    return Word(form, terms, " ".join(terms), rows)


class _Latin(dict[str, tuple[Word, ...]]):
    """What stands between two spaces → its words, as met so far: twice as quick as to look for words in the text."""

    def __missing__(self, piece: str) -> tuple[Word, ...]:
        if len(self) >= WORDS_REMEMBERED:
            self.clear()
        words = tuple(_read(word, "tr") for word in _WORD.findall(piece))
        if len(piece) <= MOST_WORD_LETTERS:
            self[piece] = words
        return words


_WORDS_OF = _Latin()
_LAST_LATIN = "ʯ"
# What most texts have none of, and takes longer: invisible signs, accents on their own, letters that are not Latin.
_RARE_SIGN = re.compile("[\u00ad\u02b0-\u1fff\u200b-\u200d\u2060\u2c00-\U0010ffff]")
# Kazakh typed on a keyboard without і: "кiтап".
_LATIN_I_IN_CYRILLIC = re.compile("(?<=[Ѐ-ӿ])[iI]|[iI](?=[Ѐ-ӿ])")
_INVISIBLE = dict.fromkeys((*range(0x300, 0x306), *range(0x307, 0x370), 0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def _without_suffix(word: str) -> str:
    """Astana’da → Astana; but Kur’an → Kuran and O’Neill → ONeill: there the apostrophe is inside the word."""
    head, *tail = _APOSTROPHE.split(word)
    if tail and (len(head) == 1 or (head.lower() == "kur" and tail[0].lower().startswith("an"))):
        return head + tail[0]
    return head

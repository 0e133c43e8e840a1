"""Words as these languages write them: folding, the language of a text, the terms a text is found under.  No I/O.

A text is indexed, and a query looked up, under the same terms: the lemma by simplemma where it knows the word, else a
stem (Snowball for Turkish, our own endings for Kazakh), folded. Words are Turkish or, by their letters, Cyrillic: a
query of one word has no more to go by.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simplemma.strategies import DictionaryLookupStrategy
    from snowballstemmer import stemmer

# 4,347 Turkish sentences hold 18,808 forms; with the form and its term an entry takes some 300 bytes.
WORDS_REMEMBERED = 65_536
# What is longer is no word but a page's trick, and would make the memory above large.
MOST_WORD_LETTERS = 64


def fold(text: str) -> str:
    """`text` for comparing: lower case, İ I ı i all "i", no Latin accents, ё as е, one kind of apostrophe.

    Kazakh's own Cyrillic letters and й stay what they are: without them other words would be written.
    """
    if text.isascii():
        return text.lower().replace("`", "'")
    return unicodedata.normalize("NFC", text).translate(_FOLDED).lower()


def _folding_table() -> dict[int, str | None]:
    """Code point → what `fold` writes for it, where `str.lower` alone would not."""
    table: dict[int, str | None] = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        if base.isascii() and base.isalpha():
            table[code] = base
    table |= dict.fromkeys(range(0x300, 0x370))  # accents on their own: the dot that "İ".lower() leaves, and others
    table |= dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))  # invisible, and in the middle of words
    for letters, plain in (("ı", "i"), ("øØ", "o"), ("łŁ", "l"), ("đĐ", "d"), ("əƏ", "e"), ("ёЁ", "е"), ("ßẞ", "ss"),
                           ("æÆ", "ae"), ("œŒ", "oe"), ("’‘ʼʻ`´′ʹ＇", "'")):  # fmt: skip
        table |= dict.fromkeys(map(ord, letters), plain)
    return table


_FOLDED = _folding_table()

# Languages whose I is the capital of ı.
_DOTLESS = frozenset({"tr", "az", "kk-latin"})


def lower(text: str, language: str | None) -> str:
    """`text` in lower case by the rules of its language: in Turkish I becomes ı, and İ becomes i."""
    if language in _DOTLESS:
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()


KAZAKH_LETTERS = frozenset("әғқңөұүһі")
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


def language_of(text: str, *, hint: str | None = None) -> str | None:
    """The language of `text` as a two-letter code: "tr", "kk", "ru", "en" …; None where nothing tells.

    By script and by letters that one language has, then by function words. `hint` is what stands around the text: it is
    the answer where the text is too short to tell and `hint` has the same script.
    """
    letters = Counter(letter for letter in unicodedata.normalize("NFC", text) if letter.isalpha())
    cyrillic = sum(count for letter, count in letters.items() if "Ѐ" <= letter <= "ӿ")
    latin = sum(count for letter, count in letters.items() if letter < "ʰ" or "Ḁ" <= letter <= "ỿ")
    if cyrillic + latin < letters.total() / 2 or not letters:
        return None
    return (
        _cyrillic_language(text, letters, cyrillic, hint)
        if cyrillic > latin
        else _latin_language(text, letters, latin, hint)
    )


def _share(letters: Counter[str], wanted: str, total: int) -> float:
    return sum(letters[letter] for letter in wanted) / total


def _cyrillic_language(text: str, letters: Counter[str], total: int, hint: str | None) -> str | None:
    if _share(letters, "їєґЇЄҐ", total):
        return "uk"
    # Letters of ә ғ қ ұ һ are Kazakh's alone; ң ө ү are Kyrgyz and Mongolian too, і Ukrainian and Belarusian.
    kazakh = _share(letters, "ӘәҒғҚқҰұҺһҢңӨөҮүІі", total)
    if kazakh >= _SURELY_KAZAKH_SHARE or (
        kazakh >= _KAZAKH_SHARE and _FUNCTION_WORDS["ru"].isdisjoint(text.lower().split())
    ):
        return "kk"
    if total >= TELLING_LETTERS or _share(letters, "ёъщЁЪЩ", total):
        return "ru"
    return hint if hint in ("kk", "ru", "uk") else None


def _latin_language(text: str, letters: Counter[str], total: int, hint: str | None) -> str | None:
    if _share(letters, "əƏ", total):
        return "az"
    words = [word.split("'")[0] for word in _WORD.findall(fold(text))]
    if _share(letters, "ıİğĞşŞ", total) >= 0.02:
        # Latin Kazakh has these too, and a q that no u follows.
        bare_q = sum("q" in word and "qu" not in word for word in words)
        return "kk" if bare_q > len(words) / 10 or _share(letters, "ñÑūŪ", total) else "tr"
    if total < TELLING_LETTERS:
        return hint if hint not in ("kk", "ru", "uk") else None
    counts = {language: sum(word in known for word in words) for language, known in _FUNCTION_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    # One function word in ten is a text; fewer are names, or a language that is not among these.
    if counts[best] >= max(1, len(words) / 10) and sorted(counts.values())[-2] < counts[best]:
        return best
    if sum("q" in word and "qu" not in word for word in words) > len(words) / 10:
        return "kk"
    endings = sum(_TURKISH_ENDING.search(word) is not None for word in words)
    if endings >= max(2, len(words) / 5):
        return "tr"
    if _share(letters, "çÇöÖüÜ", total) >= 0.02 and not _share(letters, "ßäÄéèñ", total):
        return "tr"
    return hint if hint not in ("kk", "ru", "uk") else None


# Turkish typed without its letters, in words that no list of function words holds: "siteler", "bulunuyor".
_TURKISH_ENDING = re.compile(
    r"\w{3}(?:l[ae]r(?:[iu]\w*|d[ae]n?|[ae])?|[iu]yor\w*|m[ae]kt[ae]\w*|[ae]c[ae]k\w*|[iu]nd[ae]n?)$"
)


def search_terms(text: str, language: str | None = None) -> list[str]:
    """The terms under which `text` is found, or looked up when it is a query, in the order of its words.

    All are folded letters and digits, so an FTS5 table with plain `unicode61` keeps each as one token. `language` tells
    Kazakh from Russian where the letters of a word do not; Latin words are read as Turkish.
    """
    return [terms[0] for _, terms in _words_of(text, language)]


def search_pairs(text: str, language: str | None = None) -> list[tuple[str, str]]:
    """(folded form as written, term) of each word: the vocabulary to keep of a text, and to look a query up in.

    A query finds more when each of its words also stands for all terms that the vocabulary has for its folded form:
    "olum" typed for "ölüm". A Cyrillic word that may be Kazakh or Russian comes twice, with either term; so join the
    terms of one form by OR.
    """
    return [(form, term) for form, terms in _words_of(text, language) for term in terms]


# Letters and digits; an apostrophe and what follows it belong to the word, to be cut off.
_WORD = re.compile(r"[^\W_ʼʻʹ]+(?:['’‘ʼʻ`´′][^\W\d_]+)*")
_APOSTROPHE = re.compile("['’‘ʼʻ`´′]")


def _words_of(text: str, language: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each word's folded form and its terms, the best first."""
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE) if not text.isascii() else text)
    words = _WORD.findall(_LATIN_I_IN_CYRILLIC.sub("і", text))
    cyrillic = "".join(word for word in words if word[0] > "ʯ")
    if cyrillic and language not in ("kk", "ru"):
        language = language_of(cyrillic)
    for word in words:
        stem = _without_suffix(word)[:MOST_WORD_LETTERS]
        yield fold(stem), _terms(stem, language if stem[0] > "ʯ" else "tr")


# Kazakh typed on a keyboard without і: "кiтап".
_LATIN_I_IN_CYRILLIC = re.compile("(?<=[Ѐ-ӿ])[iI]|[iI](?=[Ѐ-ӿ])")
_INVISIBLE = dict.fromkeys((*range(0x300, 0x306), *range(0x307, 0x370), 0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def _without_suffix(word: str) -> str:
    """Astana’da → Astana; but Kur’an → Kuran and O’Neill → ONeill: there the apostrophe is inside the word."""
    head, *tail = _APOSTROPHE.split(word)
    if tail and (len(head) == 1 or (head.lower() == "kur" and tail[0].lower().startswith("an"))):
        return head + tail[0]
    return head


@lru_cache(maxsize=WORDS_REMEMBERED)
def _terms(word: str, language: str | None) -> tuple[str, ...]:
    if language == "tr":
        return (_turkish_term(word),)
    folded = fold(word)
    if (name := _name(folded)) is not None:
        return (name,)
    if language == "kk" or KAZAKH_LETTERS & set(folded):
        return (_kazakh_stem(folded),)
    if language == "ru":
        return (_russian_term(folded),)
    if not "Ѐ" <= folded[0] <= "ӿ":  # Greek, Arabic, Chinese: as it is
        return (folded,)
    either = _russian_term(folded), _kazakh_stem(folded)
    return tuple(dict.fromkeys(either if _lemma(folded, "ru") else reversed(either)))


def _turkish_term(word: str) -> str:
    """The lemma; of an unknown word that of what stands before its endings, else Snowball's stem."""
    written, folded = lower(word, "tr"), fold(word)
    lemma = _lemma(written, "tr") or _lemma(written.translate(_PLAIN_VOWELS), "tr") or _name(folded)
    lemma = lemma or _lemma_of_plain(word)
    if lemma is None and word.isascii():
        written = folded  # "COVID" is no "covıd"
    if lemma is None:
        lemma = _lemma_before_endings(written)
    if lemma is None:
        stem: str = _snowball("turkish").stemWord(written)
        # Shorter stems are other words: Astana is no "as".
        stem = stem if len(stem) >= _TURKISH_STEM_LETTERS else written
        lemma = _lemma(stem, "tr") or stem
    return fold(lemma)


_TURKISH_STEM_LETTERS = 4
_NOUN_ENDINGS = re.compile(
    "(?:l[ae]r)?(?:[iu]m(?:[iu]z)?|[iu]n(?:[iu]z)?|s?[iu])?n?(?:[dt][ae]n?|[dt][ae]ki(?:ler)?|[iu]n|y?[iuae]|l[ae])?"
)


def _lemma_before_endings(written: str) -> str | None:
    """The lemma of the longest known beginning that only a noun's endings follow: "Kazakistandan"."""
    for length in range(len(written) - 1, max(4, len(written) - 13), -1):
        if _NOUN_ENDINGS.fullmatch(fold(written[length:])) and (lemma := _lemma(written[:length], "tr")):
            return lemma
    return None


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


def _lemma_of_plain(word: str) -> str | None:
    """The lemma of a Turkish word typed without Turkish letters ("calisiyor"), None if it has some or none fits.

    Of several words it may be, one in vowel harmony; of those the lemma that most spellings share, then the longest.
    """
    folded = fold(word)
    if not word.isascii() or sum(letter in _TURKISH_SPELLINGS for letter in folded) > _MOST_DOUBTFUL_LETTERS:
        return None
    spellings = ("".join(letters) for letters in product(*(_TURKISH_SPELLINGS.get(one, one) for one in folded)))
    known = [(spelling, lemma) for spelling in spellings if (lemma := _lemma(spelling, "tr"))]
    if len(word) > 5:  # "Astana" is no form of "aş", nor other names of so short words
        known = [(spelling, lemma) for spelling, lemma in known if len(lemma) > 2]
    votes = Counter(lemma for _, lemma in known)
    best = min(known, key=lambda one: (_breaks_of_harmony(one[0]), -votes[one[1]], -len(one[1]), one), default=None)
    return best[1] if best else None


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

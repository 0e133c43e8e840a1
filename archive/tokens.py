"""The words, numbers, dates and names of a text, each with a key by which two texts are compared.  No I/O.

What says the same has the same key, however it is printed: folded letters, a value, a day.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from archive.dates import month_of, weekday_of
from archive.language import MOST_WORD_LETTERS, fold, lower, search_terms


class Token(NamedTuple):
    """A word, a number or a date."""

    kind: str  # "word", "number", "spelled" (a number in words) or "date"
    key: str  # what is compared
    text: str  # as written
    capital: bool = False  # a word that begins with one
    first: bool = False  # of its sentence, where everything does


APOSTROPHES = "'’‘ʼʻ`´′"
_LETTERS = r"[^\W\d_]"
_SUFFIX = f"(?:[{APOSTROPHES}]{_LETTERS}+)?"
_SPACES = "[ \u00a0\u2009\u202f]"
_TOKEN = re.compile(
    rf"""
      (?P<iso>(?<!\d)\d{{4}}-\d\d-\d\d(?!\d))
    | (?P<dotted>(?<![\d.])\d{{1,2}}([./])\d{{1,2}}\3(?:19|20)\d\d(?!\d){_SUFFIX})
    | (?P<kazakh>(?<!\d)(?:19|20)\d\d\s+(?:жылғы|жылдың|жылы|ж\.)\s+\d{{1,2}}\s+{_LETTERS}{{3,}})
    | (?P<day>(?<!\d)\d{{1,2}}\.?\s+{_LETTERS}{{3,}}{_SUFFIX}(?:\s+(?:19|20)\d\d(?!\d){_SUFFIX})?)
    | (?P<number>\d)
    | (?P<word>{_LETTERS}+(?:[\u0300-\u036f\u00ad\u200b-\u200d]+{_LETTERS}*)*(?:[{APOSTROPHES}-]{_LETTERS}+)*)
    """,
    re.VERBOSE,
)
_MAGNITUDE = re.compile(rf"{_SPACES}+({_LETTERS}+)")
_NUMBER = re.compile(rf"\d{{1,3}}(?:{_SPACES}\d{{3}})+(?!\d)(?:,\d+)?|\d+(?:[.,:]\d+)*")
_ENDING = re.compile(_SUFFIX)  # 15’i and 15’in are one number
_MOST_SPELLED = 12  # words of one number: more are a page's trick, and so are more digits
_MOST_DIGITS = 28  # Decimal rounds what has more
_ENDS_SENTENCE = frozenset('.!?…:;"“”„«(–—-•\n')


def cut(text: str, language: str | None) -> Iterator[Token]:
    """The words, numbers and dates of one paragraph."""
    shouted, spelled = text.isupper(), list[tuple[str, Decimal]]()
    numbers, place, end = _number_words(language), 0, 0
    while match := _TOKEN.search(text, place):
        token, place = _token(text, match)
        value = numbers.get(lower(token.text, language or "tr")) if token.kind == "word" else None
        if spelled and (value is None or len(spelled) == _MOST_SPELLED or text[end : match.start()].strip(" -")):
            yield _spelled(spelled)
            spelled = []
        if value is not None:
            spelled.append((token.text, value))
        elif token.kind == "word":
            before = text[end : match.start()].strip()
            yield token._replace(first=shouted or not end or (before != "" and before[-1] in _ENDS_SENTENCE))
        else:
            yield token
        end = place
    if spelled:
        yield _spelled(spelled)


def _token(text: str, match: re.Match[str]) -> tuple[Token, int]:
    """What a match is, and where the next begins: "5 kişi" has the form of a day and is none."""
    written = match[0]
    if match["word"]:
        capital, key = written[0].isupper(), fold(written)
        if capital and weekday_of(re.split(f"[{APOSTROPHES}]", written)[0]) is not None:
            return Token("date", key, written), match.end()
        return Token("word", key, written, capital), match.end()
    if not match["number"] and (day := _day_key(match)):
        return Token("date", day, written), match.end()
    number = _NUMBER.match(text, match.start())
    assert number is not None  # every other form begins with digits
    end, times = number.end(), Decimal(1)
    if (after := _MAGNITUDE.match(text, end)) and (times := _magnitude(after[1])) != 1:
        end = after.end()
    value = _value(number[0], exact=times != 1)
    key = f"#{value}" if isinstance(value, str) else _number_key(value * times)
    if ending := _ENDING.match(text, end):
        end = ending.end()
    return Token("number", key, text[match.start() : end]), end


def _day_key(match: re.Match[str]) -> str | None:
    """A date as @YEAR-MONTH-DAY; the year is empty where none is printed. None for what is no date."""
    digits = [int(part) for part in re.findall(r"\d+", match[0])]
    if match["iso"]:
        year, month, day = digits
    elif match["dotted"]:
        day, month, year = digits
    else:
        word = next((word for word in re.findall(f"{_LETTERS}+", match[0]) if month_of(word)), "")
        month = month_of(word) or 0
        year, day = digits if match["kazakh"] else (digits[1] if len(digits) > 1 else 0, digits[0])
    return f"@{year or ''}-{month:02}-{day:02}" if 1 <= month <= 12 and 1 <= day <= 31 else None


def _value(written: str, *, exact: bool) -> Decimal | str:
    """A number however it is grouped; text for what is none, as 1.2.3. `exact`: one separator is the decimal point."""
    plain = re.sub(_SPACES, "", written).replace(":", ".")
    head, *groups = re.split("[.,]", plain)
    signs = re.findall("[.,]", plain)
    if len(plain) > _MOST_DIGITS:
        return plain
    if not groups:
        return Decimal(head)
    in_threes = all(len(group) == 3 for group in groups[:-1]) and 1 <= len(head) <= 3 and head[0] != "0"
    if len(set(signs)) == 2 and signs[:-1].count(signs[0]) == len(signs) - 1 and in_threes:  # 1.234,5
        return Decimal("".join([head, *groups[:-1]]) + "." + groups[-1])
    if in_threes and len(groups[-1]) == 3 and len(set(signs)) == 1 and not (exact and len(groups) == 1):
        return Decimal("".join([head, *groups]))
    return Decimal(f"{head}.{groups[0]}") if len(groups) == 1 else plain


def _number_key(value: Decimal) -> str:
    return f"#{value.normalize():f}"


_BEGINNINGS = {  # of words that multiply a number before them
    10**3: ("тысяч", "тыс", "thousand", "мың"),
    10**6: ("milyon", "миллион", "млн", "million", "mln"),
    10**9: ("milyar", "миллиард", "млрд", "billion", "mlr"),
    10**12: ("trilyon", "триллион", "трлн", "trillion"),
}
_THOUSANDS = frozenset(("bin", "bine", "bini", "binde", "binden", "binin"))  # "bina" is a building


def _magnitude(word: str) -> Decimal:
    plain = fold(word)
    if plain in _THOUSANDS:
        return Decimal(1000)
    return Decimal(next((size for size, beginnings in _BEGINNINGS.items() if plain.startswith(beginnings)), 1))


_UNITS = {
    "tr": "bir iki üç dört beş altı yedi sekiz dokuz",
    "kk": "бір екі үш төрт бес алты жеті сегіз тоғыз",
    "ru": "один два три четыре пять шесть семь восемь девять",
    "en": "one two three four five six seven eight nine",
}
_TENS = {
    "tr": "on yirmi otuz kırk elli altmış yetmiş seksen doksan yüz bin milyon milyar",
    "kk": "он жиырма отыз қырық елу алпыс жетпіс сексен тоқсан жүз мың миллион миллиард",
    "ru": "десять двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто сто тысяча миллион"
    " миллиард",
    "en": "ten twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion",
}
_VALUES = (*range(10, 101, 10), 1000, 10**6, 10**9)


@lru_cache(maxsize=64)  # what pages call their language may be anything
def _number_words(language: str | None) -> dict[str, Decimal]:
    """A word in lower case → its value, in the language of the text, else in Turkish, Kazakh and Russian."""
    known = [language] if language in _UNITS else ["tr", "kk", "ru"] if language is None else []
    return {
        word: Decimal(value)
        for one in known
        for words, values in ((_UNITS[one], range(1, 10)), (_TENS[one], _VALUES))
        for word, value in zip(words.split(), values, strict=True)
    }


def _spelled(words: Sequence[tuple[str, Decimal]]) -> Token:
    """Words such as "yirmi beş" as one number; "bir" alone is an article."""
    written = " ".join(text for text, _ in words)
    if len(words) == 1 and words[0][1] == 1:
        return Token("word", fold(written), written)
    total = rest = Decimal(0)
    for _, value in words:
        if value >= 1000:
            total, rest = total + max(rest, Decimal(1)) * value, Decimal(0)
        else:
            rest = max(rest, Decimal(1)) * 100 if value == 100 else rest + value
    return Token("spelled", _number_key(total + rest), written)


# ---------------------------------------------------------------- names

# So many different words with a capital are stemmed, which takes up to 0.4 ms for each; an article has some hundred.
_MOST_STEMS = 1_000


class Names:
    """Which words of two wordings are names: by a capital inside a sentence, or an ending behind an apostrophe."""

    def __init__(self, paragraphs: Iterable[Sequence[Token]], language: str | None) -> None:
        self._language = language
        self._stems = dict[str, str]()
        words = [] if language == "de" else [token for part in paragraphs for token in part if token.capital]
        self._known = {self.stem(word) for word in words if not word.first or _with_ending(word.text)}

    def is_name(self, token: Token) -> bool:
        """Whether it names somebody or something."""
        return token.capital and self.stem(token) in self._known

    def stem(self, token: Token) -> str:
        """The name without its endings, folded; of a text with too many, without what follows an apostrophe."""
        stem = self._stems.get(token.text)
        if stem is None:
            if len(self._stems) < _MOST_STEMS:
                stem = next(iter(search_terms(token.text, self._language)), token.key)
            else:
                stem = fold(re.split(f"[{APOSTROPHES}]", token.text)[0][:MOST_WORD_LETTERS])
            self._stems[token.text] = stem
        return stem


def _with_ending(word: str) -> bool:
    head, *tail = re.split(f"[{APOSTROPHES}]", word)
    return bool(tail) and len(head) > 1 and tail[-1].islower()


class SameNames:
    """Stems among which one is looked up: it, or it with an ending that the stemmer left (Kazakistan, Kazakistanlı)."""

    def __init__(self, stems: Iterable[str]) -> None:
        self._stems = frozenset(stems)
        self._sorted = sorted(self._stems)

    def __contains__(self, stem: str) -> bool:
        if stem in self._stems or any(stem[:end] in self._stems for end in range(_NAME_LETTERS, len(stem))):
            return True
        place = bisect_left(self._sorted, stem)
        return len(stem) >= _NAME_LETTERS and place < len(self._sorted) and self._sorted[place].startswith(stem)


_NAME_LETTERS = 4  # fewer are the beginning of too many others

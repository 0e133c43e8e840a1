"""The words of injected text: what it is about, how it pitches, how news speaks, how addresses read.  No I/O.

Whole words only ("socialist" holds a drug's name), on folded text, in Turkish, Russian, Kazakh and English; Chinese,
Japanese, Korean and Arabic by their bare strings. A word alone proves nothing: signals.py asks for a second signal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from archive.extract.wordlists import MONEY, NEWS, OTHER_PITCHES, OTHER_TOPICS, PITCHES, TOPICS
from archive.language import fold

LOOKED_AT_CHARS = 5_000
_KEY = 3  # letters by which a word finds the patterns it may begin; each pattern begins with as many plain ones

_OTHER_SCRIPT = re.compile("[\u0590-\u08ff\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORD, _LONG_WORD = re.compile(r"\w+"), re.compile(r"\w{3,}")
MOST_WORD_LETTERS = 40
_NEWS_WORD = re.compile(rf"\b(?:{NEWS})(?!\w)")
_MONEY = re.compile(MONEY)


@dataclass(frozen=True, slots=True)
class Words:
    """The telling words of one text."""

    topics: dict[str, str]  # subject → the first word on it
    pitches: tuple[str, ...]  # distinct words of a sales pitch, the first ones
    is_news: bool  # speaks as news does of crime, law and research

    def __bool__(self) -> bool:
        return bool(self.topics or self.pitches)


NO_WORDS = Words({}, (), is_news=False)
MANY_PITCHES = 4


@lru_cache(maxsize=8192)
def words_in(text: str) -> Words:
    """The subjects and the pitch of a text, from its first characters."""
    text = text[:LOOKED_AT_CHARS]
    is_other = not text.isascii() and _OTHER_SCRIPT.search(text) is not None
    if not (is_other or "7/24" in text or "24/7" in text or any(map(_may_tell, _LONG_WORD.findall(text)))):
        return NO_WORDS
    folded = " ".join(fold(text).split())
    topics: dict[str, str] = {}
    pitches: dict[str, None] = {}
    index = _index()
    for word in _WORD.finditer(folded):
        start = word.start()
        for sort, pattern in index.get(folded[start : start + _KEY], ()):
            if found := pattern.match(folded, start):
                if sort == "pitch":
                    pitches[found[0]] = None
                else:
                    topics.setdefault(sort, found[0])
    if topics or "bonus" in folded or "бонус" in folded:
        pitches |= {found[0]: None for found in _MONEY.finditer(folded)}
    if is_other:
        for sort, pattern in _other_topics().items():
            if found := pattern.search(folded):
                topics.setdefault(sort, found[0])
        pitches |= dict.fromkeys(re.findall(OTHER_PITCHES, folded)[:MANY_PITCHES])
    if not (topics or pitches):
        return NO_WORDS
    return Words(topics, tuple(pitches)[:MANY_PITCHES], is_news=_NEWS_WORD.search(folded) is not None)


@lru_cache(maxsize=65_536)
def _may_tell(word: str) -> bool:
    """Whether a word may be the first of a pattern. The same words come again and again, so most are remembered."""
    folded = fold(word[:MOST_WORD_LETTERS])
    beginnings = _beginnings_of_all()
    return any(folded[:length] in beginnings for length in range(_KEY, len(folded) + 1))


@cache
def _beginnings_of_all() -> frozenset[str]:
    """The plain letters that each pattern begins with."""
    found = set()
    for patterns in (*TOPICS.values(), PITCHES):
        for pattern in _alternatives(patterns):
            for key, rest in _beginnings(pattern):
                plain = re.match(r"\w*", key + rest)
                letters = plain[0] if plain else key
                is_last_open = (key + rest)[len(letters) : len(letters) + 1] in ("?", "*", "{")
                found.add(letters[:-1] if is_last_open else letters)
    return frozenset(found)


@cache
def _index() -> dict[str, tuple[tuple[str, re.Pattern[str]], ...]]:
    """First letters → what may begin with them: a long alternation tried at each word would take milliseconds."""
    sorted_out: dict[str, dict[str, list[str]]] = {}
    for sort, patterns in {**TOPICS, "pitch": PITCHES}.items():
        for pattern in _alternatives(patterns):
            for key, _ in _beginnings(pattern):
                sorted_out.setdefault(key, {}).setdefault(sort, []).append(pattern)
    return {
        key: tuple((sort, re.compile(f"(?:{'|'.join(listed)})(?!\\w)")) for sort, listed in sorts.items())
        for key, sorts in sorted_out.items()
    }


def _alternatives(patterns: str) -> list[str]:
    """A pattern's branches: cut at the bars that stand in no bracket."""
    found, depth = [""], 0
    for letter in patterns:
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found


def _beginnings(pattern: str) -> list[tuple[str, str]]:
    """The first letters that a branch may begin with, and what follows them; a bracket at its front is opened."""
    if pattern.startswith("(?:"):
        inner, _, rest = pattern[3:].partition(")")
        options = [*inner.split("|"), *([""] if rest.startswith("?") else [])]
        return [begun for option in options for begun in _beginnings(option + rest.removeprefix("?"))]
    return [(pattern[:_KEY], pattern[_KEY:])]


@cache
def _other_topics() -> dict[str, re.Pattern[str]]:
    return {sort: re.compile(patterns) for sort, patterns in OTHER_TOPICS.items()}


def tells(text: str) -> bool:
    """Whether a text speaks as news does: who said, decided, was arrested."""
    return _NEWS_WORD.search(fold(text[:LOOKED_AT_CHARS])) is not None


def topic_in(text: str) -> str:
    """The first word on a subject of injected text; \"\" when there is none."""
    return next(iter(words_in(text).topics.values()), "")


def pitch_in(text: str) -> str:
    """The first words of a sales pitch; \"\" when there are none."""
    return next(iter(words_in(text).pitches), "")

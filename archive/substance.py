"""What an edit changed, in one line, and how much it weighs: a fact, the wording, or a trifle.  No I/O.

Both wordings are cut into words, numbers and dates, each with a key by which it is compared (archive/tokens.py). What
has the same keys in the same order says the same, however it is printed: `1.234,5` and `1 234,5`, `5 Ekim
2017` and `05.10.2017`, `yirmi beş` and `25`, `ISPARTA` and `Isparta`, “ and ". Where keys differ, numbers, dates and
names that stand in the same place are told as pairs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from archive.language import language_of, search_terms
from archive.tokens import APOSTROPHES, Token, cut

# Beyond this two stretches are not held against each other word by word: in the worst case that takes their cube.
MOST_WORDS = 1_500
_SHOWN = 3  # changes of one kind in a summary; the others are counted
_CLIP = 70  # letters of a headline in a summary
_FEW_WORDS = 8  # added and removed together: these are quoted


class Weight(StrEnum):
    """How much an edit matters."""

    SUBSTANCE = "substance"  # another headline, number, date or name
    WORDING = "wording"  # the same in other words, as far as can be told
    TRIFLE = "trifle"  # punctuation, capitals, spacing, layout, another way to print a number


class Said(NamedTuple):
    """What one wording says."""

    title: str
    lead: str | None
    text: str  # an empty line between two blocks

    def paragraphs(self) -> list[str]:
        """The lead, where the text does not begin with it, and the blocks of the text."""
        blocks = [" ".join(block.split()) for block in self.text.split("\n\n") if block.strip()]
        lead = " ".join((self.lead or "").split())
        return [lead, *blocks] if lead and lead[:60] not in " ".join(blocks) else blocks


@dataclass(frozen=True, slots=True)
class Substance:
    """What an edit changed."""

    weight: Weight
    changes: tuple[str, ...]  # each in words, the weightiest first; never empty

    @property
    def summary(self) -> str:
        """All of it in one line."""
        return "; ".join(self.changes)


def substance(old: Said, new: Said, language: str | None = None) -> Substance:
    """What the newer wording changed. `language`, by default that of its words, tells numbers in words, and names."""
    language = language or language_of(f"{new.title}\n{new.text}")
    before, after = (_paragraphs(said, language) for said in (old, new))
    names = _Names([*before, *after], language)
    regions, moved = _regions(before, after)
    found = _Found()
    for removed, added in regions:
        _compare(removed, added, found, names)
    found.settle(before, after, names)
    facts = [line for line in (_headline(old.title, new.title), *found.facts()) if line]
    wording = [line for line in (found.wording(), "the order of paragraphs" if moved else "") if line]
    if facts or wording:
        return Substance(Weight.SUBSTANCE if facts else Weight.WORDING, (*facts, *wording))
    printed = [" ".join([said.title, *said.paragraphs()]).split() for said in (old, new)]
    return Substance(Weight.TRIFLE, ("layout" if printed[0] == printed[1] else "punctuation, capitals or spacing",))


def _paragraphs(said: Said, language: str | None) -> list[list[Token]]:
    return [list(cut(paragraph, language)) for paragraph in said.paragraphs()]


# ---------------------------------------------------------------- names


class _Names:
    """Which words of two wordings are names: by a capital inside a sentence, or an ending behind an apostrophe."""

    def __init__(self, paragraphs: Iterable[Sequence[Token]], language: str | None) -> None:
        self._language = language
        words = [] if language == "de" else [token for part in paragraphs for token in part if token.capital]
        self._known = {self.stem(word) for word in words if not word.first or _with_ending(word.text)}

    def is_name(self, token: Token) -> bool:
        """Whether it names somebody or something."""
        return token.capital and self.stem(token) in self._known

    def stem(self, token: Token) -> str:
        """The name without its endings, folded."""
        terms = search_terms(token.text, self._language)
        return terms[0] if terms else token.key


def _with_ending(word: str) -> bool:
    head, *tail = re.split(f"[{APOSTROPHES}]", word)
    return bool(tail) and len(head) > 1 and tail[-1].islower()


def _same_name(one: str, other: str) -> bool:
    """Kazakistan and Kazakistanlı: an ending that the stemmer left."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= 4 and long.startswith(short))


# ---------------------------------------------------------------- comparing

_Region = tuple[list[Token], list[Token]]


def _regions(before: list[list[Token]], after: list[list[Token]]) -> tuple[list[_Region], bool]:
    """What differs between the wordings, paragraphs against paragraphs; whether some only stand elsewhere."""
    keys = [[tuple(token.key for token in part) for part in parts] for parts in (before, after)]
    steps = [step for step in SequenceMatcher(None, keys[0], keys[1]).get_opcodes() if step[0] != "equal"]
    gone = Counter(key for _, i1, i2, _, _ in steps for key in keys[0][i1:i2] if key)
    come = Counter(key for _, _, _, j1, j2 in steps for key in keys[1][j1:j2] if key)
    elsewhere = [gone & come, gone & come]

    def rest(side: int, parts: list[list[Token]], start: int, end: int) -> list[Token]:
        out = list[Token]()
        for place in range(start, end):
            if elsewhere[side][keys[side][place]] > 0:
                elsewhere[side][keys[side][place]] -= 1
            else:
                out += parts[place]
        return out

    regions = [(rest(0, before, i1, i2), rest(1, after, j1, j2)) for _, i1, i2, j1, j2 in steps]
    return [region for region in regions if region != ([], [])], bool(gone & come)


class _Found:
    """What the regions gave, kept apart by kind."""

    def __init__(self) -> None:
        self.pairs: dict[str, list[tuple[str, str]]] = {"date": [], "number": [], "name": []}
        self.gone: dict[str, list[Token]] = {"date": [], "number": [], "name": []}  # without a counterpart
        self.come: dict[str, list[Token]] = {"date": [], "number": [], "name": []}
        self.removed, self.added = list[Token](), list[Token]()  # words, facts included

    def settle(self, before: list[list[Token]], after: list[list[Token]], names: _Names) -> None:
        """Take out what is in the other wording too, elsewhere: it only moved, or is said once less."""
        for kind in ("date", "number"):
            both = Counter(token.key for token in self.gone[kind]) & Counter(token.key for token in self.come[kind])
            for tokens in (self.gone[kind], self.come[kind]):
                left = both.copy()
                tokens[:] = [token for token in tokens if not _take(left, token.key)]
        for tokens, other in ((self.gone["name"], after), (self.come["name"], before)):
            if tokens:
                known = {names.stem(token) for part in other for token in part if token.capital}
                tokens[:] = [one for one in tokens if not any(_same_name(names.stem(one), name) for name in known)]

    def facts(self) -> Iterator[str]:
        """A line for each kind of fact."""
        for kind in ("date", "number", "name"):
            lines = [f"{old} → {new}" for old, new in dict.fromkeys(self.pairs[kind])]
            lines += [f"+{token.text}" for token in _once(self.come[kind])]
            lines += [f"−{token.text}" for token in _once(self.gone[kind])]
            if lines:
                shown = ", ".join(lines[:_SHOWN]) + (", …" if len(lines) > _SHOWN else "")
                yield f"a {kind}: {shown}" if len(lines) == 1 else f"{len(lines)} {kind}s: {shown}"

    def wording(self) -> str:
        """The words that changed, or how many."""
        told = {text for pairs in self.pairs.values() for pair in pairs for text in pair}
        told |= {token.text for kind in self.gone for token in (*self.gone[kind], *self.come[kind])}
        told = {word for text in told for word in (text, *text.split())}
        removed, added = ([t.text for t in tokens if t.text not in told] for tokens in (self.removed, self.added))
        if not removed and not added:
            return ""
        if len(removed) + len(added) > _FEW_WORDS:
            return f"wording: {len(added)} words added, {len(removed)} removed"
        if removed and added:
            return f"wording: {' '.join(removed)} → {' '.join(added)}"
        return f"wording: {'+' if added else '−'}{' '.join(added or removed)}"


def _take(counts: Counter[str], key: str) -> bool:
    counts[key] -= 1
    return counts[key] >= 0


def _once(tokens: Iterable[Token]) -> list[Token]:
    return list({token.key: token for token in tokens}.values())


def _compare(removed: list[Token], added: list[Token], found: _Found, names: _Names) -> None:
    """Add what differs between two stretches."""
    keys = [token.key for token in removed], [token.key for token in added]
    if keys[0] == keys[1]:  # divided into other paragraphs
        return
    if max(map(len, keys)) > MOST_WORDS:
        _replaced(removed, added, found, names, aligned=False)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, keys[0], keys[1]).get_opcodes():
        if tag != "equal":
            _replaced(removed[i1:i2], added[j1:j2], found, names, aligned=True)


def _replaced(old: list[Token], new: list[Token], found: _Found, names: _Names, *, aligned: bool) -> None:
    """What stood in one place before and after."""
    common = Counter(token.key for token in old) & Counter(token.key for token in new)
    sides = list[list[Token]]()
    for tokens in (old, new):
        left = common.copy()
        sides.append([token for token in tokens if not _take(left, token.key)])
    found.removed += sides[0]
    found.added += sides[1]
    for kind, kinds in (("date", ("date",)), ("number", ("number", "spelled"))):
        gone, come = _without_completed(*([token for token in side if token.kind in kinds] for side in sides))
        paired = min(len(gone), len(come)) if aligned else 0
        found.pairs[kind] += [(a.text, b.text) for a, b in zip(gone[:paired], come[:paired], strict=True)]
        # A number in words without a counterpart is wording: "iki ülke".
        found.gone[kind] += [token for token in gone[paired:] if token.kind != "spelled"]
        found.come[kind] += [token for token in come[paired:] if token.kind != "spelled"]
    gone, come = ([token for token in side if names.is_name(token)] for side in sides)
    stems = [[names.stem(token) for token in tokens] for tokens in (gone, come)]
    gone = [t for t, stem in zip(gone, stems[0], strict=True) if not any(_same_name(stem, s) for s in stems[1])]
    come = [t for t, stem in zip(come, stems[1], strict=True) if not any(_same_name(stem, s) for s in stems[0])]
    if gone and come and aligned and len(gone) + len(come) <= _FEW_WORDS:
        found.pairs["name"].append((" ".join(t.text for t in gone), " ".join(t.text for t in come)))
    else:
        found.gone["name"] += gone
        found.come["name"] += come


def _without_completed(gone: list[Token], come: list[Token]) -> _Region:
    """Without dates of which only one says the year."""
    for old in list(gone):
        same = next((new for new in come if _same_day(old.key, new.key)), None)
        if same:
            gone, come = [token for token in gone if token is not old], [token for token in come if token is not same]
    return gone, come


def _same_day(one: str, other: str) -> bool:
    return one.startswith("@") and "@-" in (one[:2], other[:2]) and one[-5:] == other[-5:]


def _headline(old: str, new: str) -> str:
    """How the headline changed; empty where only in a trifle."""
    keys = [[token.key for token in cut(title, None)] for title in (old, new)]
    return "" if keys[0] == keys[1] else f"headline: {_clipped(old)} → {_clipped(new)}"


def _clipped(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CLIP else text[:_CLIP].rpartition(" ")[0] + " …"

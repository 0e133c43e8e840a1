"""What an edit changed, in one line, and how much it weighs: a fact, the wording, or a trifle.  No I/O.

Both wordings are cut into words, numbers and dates, each with a key by which it is compared (archive/tokens.py). What
has the same keys in the same order says the same, however it is printed: `1.234,5` and `1 234,5`, `5 Ekim
2017` and `05.10.2017`, `yirmi beş` and `25`, `ISPARTA` and `Isparta`, “ and ". Where keys differ, numbers, dates and
names that stand in the same place are told as pairs.

The indexer asks while it holds the write lock, so no page may make this slow: of longer texts only the paragraphs are
read that the other wording lacks, of too many of those the words are only counted, and there is an `Effort` for what is
held against each other in order.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from archive.language import fold, language_of
from archive.tokens import Names, SameNames, Token, cut

# Beyond this two stretches are not held against each other word by word: in the worst case that takes their cube.
MOST_WORDS = 1_500
# Of each wording so many are cut into words, 1 s at worst; 150,000 are a magazine's longest pieces twice over.
MOST_LETTERS = 150_000
_MOST_HEADLINE = 5_000
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
    headline = _headline(old.title, new.title)
    parts, elsewhere = (old.paragraphs(), new.paragraphs()), False
    if max(sum(map(len, side)) for side in parts) > MOST_LETTERS:
        *places, elsewhere = unmatched(*parts)
        parts = [parts[0][place] for place in places[0]], [parts[1][place] for place in places[1]]
    if max(sum(map(len, side)) for side in parts) > MOST_LETTERS:
        facts, wording = _counted(*(" ".join(side) for side in parts))
    else:
        before, after = ([list(cut(part, language)) for part in side] for side in parts)
        names, found, effort = Names([*before, *after], language), _Found(), Effort(MOST_WORDS)
        regions, moved = _regions(before, after, effort)
        for removed, added in regions:
            _compare(removed, added, found, names, effort)
        found.settle(before, after, names)
        facts, wording, elsewhere = [*found.facts()], found.wording(), elsewhere or moved
    facts = [line for line in (headline, *facts) if line]
    others = [line for line in (wording, "the order of paragraphs" if elsewhere else "") if line]
    if facts or others:
        return Substance(Weight.SUBSTANCE if facts else Weight.WORDING, (*facts, *others))
    printed = [" ".join([said.title, *said.paragraphs()]).split() for said in (old, new)]
    return Substance(Weight.TRIFLE, ("layout" if printed[0] == printed[1] else "punctuation, capitals or spacing",))


def _counted(old: str, new: str) -> tuple[list[str], str]:
    """Facts and wording of texts too long to be read: how many words changed; capitals and digits make them facts."""
    words = re.findall(r"\w+", old), re.findall(r"\w+", new)
    folded = [[fold(word) for word in side] for side in words]
    counts = Counter(folded[0]), Counter(folded[1])
    added, removed = counts[1] - counts[0], counts[0] - counts[1]
    if not added and not removed:
        return [], "" if folded[0] == folded[1] else "wording: the order of words"
    line = f"{added.total()} words added, {removed.total()} removed"
    plain = all(
        word.islower()
        for side, forms, changed in zip(words, folded, (removed, added), strict=True)
        for word, form in zip(side, forms, strict=True)
        if form in changed
    )
    return ([], f"wording: {line}") if plain else ([f"names or numbers among {line}"], "")


# ---------------------------------------------------------------- comparing

_Region = tuple[list[Token], list[Token]]


class Effort:
    """How much may still be held against each other in order: altogether what two sequences of `most` take."""

    _EACH = 16  # so much more than their items do two sequences take, however short

    def __init__(self, most: int) -> None:
        self._most, self._left = most, (most + self._EACH) ** 2

    def allows(self, old: int, new: int) -> bool:
        """Whether sequences of these lengths may be compared; then their effort is spent."""
        cost = (old + self._EACH) * (new + self._EACH)
        if max(old, new) > self._most or cost > self._left:
            return False
        self._left -= cost
        return True


def unmatched(old: Sequence[str], new: Sequence[str]) -> tuple[list[int], list[int], bool]:
    """The places of what the other side lacks, order aside; whether the rest stands in another order there."""
    common = Counter(old) & Counter(new)
    places, kept = list[list[int]](), list[list[str]]()
    for side in (old, new):
        left = common.copy()
        taken = [_take(left, item) for item in side]
        places.append([place for place, known in enumerate(taken) if not known])
        kept.append([item for item, known in zip(side, taken, strict=True) if known])
    return places[0], places[1], kept[0] != kept[1]


def _regions(before: list[list[Token]], after: list[list[Token]], effort: Effort) -> tuple[list[_Region], bool]:
    """What differs between the wordings, paragraphs against paragraphs; whether some only stand elsewhere."""
    keys = [["".join(f"{token.key}\n" for token in part) for part in parts] for parts in (before, after)]
    if not effort.allows(len(before), len(after)):
        gone_at, come_at, moved = unmatched(*keys)
        return [([t for at in gone_at for t in before[at]], [t for at in come_at for t in after[at]])], moved
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

    def settle(self, before: list[list[Token]], after: list[list[Token]], names: Names) -> None:
        """Take out what is in the other wording too, elsewhere: it only moved, or is said once less."""
        for kind in ("date", "number"):
            both = Counter(token.key for token in self.gone[kind]) & Counter(token.key for token in self.come[kind])
            for tokens in (self.gone[kind], self.come[kind]):
                left = both.copy()
                tokens[:] = [token for token in tokens if not _take(left, token.key)]
        for tokens, other in ((self.gone["name"], after), (self.come["name"], before)):
            if tokens:
                known = SameNames(names.stem(token) for part in other for token in part if token.capital)
                tokens[:] = [one for one in tokens if names.stem(one) not in known]

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


def _compare(removed: list[Token], added: list[Token], found: _Found, names: Names, effort: Effort) -> None:
    """Add what differs between two stretches."""
    keys = [token.key for token in removed], [token.key for token in added]
    if keys[0] == keys[1]:  # divided into other paragraphs
        return
    if not effort.allows(len(removed), len(added)):
        _replaced(removed, added, found, names, aligned=False)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, keys[0], keys[1]).get_opcodes():
        if tag != "equal":
            _replaced(removed[i1:i2], added[j1:j2], found, names, aligned=True)


def _replaced(old: list[Token], new: list[Token], found: _Found, names: Names, *, aligned: bool) -> None:
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
    known = [SameNames(map(names.stem, tokens)) for tokens in (gone, come)]
    gone = [token for token in gone if names.stem(token) not in known[1]]
    come = [token for token in come if names.stem(token) not in known[0]]
    if gone and come and aligned and len(gone) + len(come) <= _FEW_WORDS:
        found.pairs["name"].append((" ".join(t.text for t in gone), " ".join(t.text for t in come)))
    else:
        found.gone["name"] += gone
        found.come["name"] += come


def _without_completed(gone: list[Token], come: list[Token]) -> _Region:
    """Without dates of which only one says the year."""
    days = defaultdict[tuple[str, bool], list[int]](list)  # the places of each, the last first
    for place in reversed(range(len(come))):
        if come[place].key.startswith("@"):
            days[_day(come[place])].append(place)
    left, completed = list[Token](), set[int]()
    for token in gone:
        day, bare = _day(token)
        if token.key.startswith("@") and (same := days.get((day, not bare))):
            completed.add(same.pop())
        else:
            left.append(token)
    return left, [token for place, token in enumerate(come) if place not in completed]


def _day(date: Token) -> tuple[str, bool]:
    return date.key[-5:], date.key.startswith("@-")


def _headline(old: str, new: str) -> str:
    """How the headline changed; empty where only in a trifle."""
    keys = [[*(t.key for t in cut(title[:_MOST_HEADLINE], None)), title[_MOST_HEADLINE:]] for title in (old, new)]
    return "" if keys[0] == keys[1] else f"headline: {_clipped(old)} → {_clipped(new)}"


def _clipped(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CLIP else text[:_CLIP].rpartition(" ")[0] + " …"

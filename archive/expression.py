"""What a person types into a search box, as a tree.  No I/O.

    ekmek fiyatı            both words, whatever their endings
    "ekmek fiyatı"          one after the other; as words joined by signs are: covid-19
    ekmek OR un             either; also VEYA, as AND is VE; in capitals only
    ekmek -zam, NOT zam     without
    cumhur*                 what begins so
    (a OR b) c              groups
    title:ekmek author:"Ayşe Yılmaz" section:ekonomi tag: lang: site: since:2019 until:2020-03

AND binds closer than OR. Nothing typed is a syntax error: an operator without its operand is passed over, and a
parenthesis without the other one; a quotation mark without the other one reaches to the end. Refused are more than
`MOST_WORDS`, and the beginning of one letter, `a*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from archive.errors import QueryError
from archive.language import fold, written_words

# More words, or deeper parentheses, are a paste by mistake. Deeper ones are passed over.
MOST_WORDS = 64  # and filters
MOST_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Words:
    """A word, or several that stand one after the other."""

    forms: tuple[str, ...]  # folded
    typed: str
    prefix: bool = False  # the last one may go on


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of an article, and what was asked of it."""

    field: str  # author, section, tag, lang, site, since or until
    value: str


@dataclass(frozen=True, slots=True)
class Title:
    """What is to stand in the title."""

    of: Node


@dataclass(frozen=True, slots=True)
class Not:
    """What is not to be there."""

    of: Node


@dataclass(frozen=True, slots=True)
class Every:
    """All of these."""

    of: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these, or several."""

    of: tuple[Node, ...]


Node = Words | Filter | Title | Not | Every | Either


def parse(typed: str) -> Node | None:
    """The tree of what was typed; None where it holds neither a word nor a filter.

    Raises QueryError for too many words, and for a beginning of one letter.
    """
    tokens = _operands(list(_tokens(typed)))
    if sum(len(one.forms) if isinstance(one, Words) else isinstance(one, Filter) for one in tokens) > MOST_WORDS:
        raise QueryError(f"a search takes at most {MOST_WORDS} words; this one has more")
    return _Parser(tokens).either()


def leaves(node: Node | None) -> Iterator[Words]:
    """The words of a tree, those that are not to be there too."""
    match node:
        case Words():
            yield node
        case Title(of=inner) | Not(of=inner):
            yield from leaves(inner)
        case Every(of=several) | Either(of=several):
            for one in several:
                yield from leaves(one)


# The field's name in English or Turkish, folded.
_FIELDS = {
    **{name: name for name in ("title", "author", "section", "tag", "lang", "site", "since", "until")},
    "language": "lang",
    "baslik": "title",
    "yazar": "author",
    "bolum": "section",
    "kategori": "section",
    "etiket": "tag",
    "dil": "lang",
}
_OPERATORS = {"AND": "and", "VE": "and", "OR": "or", "VEYA": "or", "|": "or", "NOT": "not"}
_FIELD = re.compile(r"([^\W\d_]{2,10}):(?=[^\s)])")
_PHRASE = re.compile(r'"([^"]*)"?')
_GROUP = re.compile(r"\(([^()]*)\)?")
_WORD = re.compile(r'[^\s()"]+')
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"') | {"（": "(", "）": ")"})

Token = str | Words | Filter  # "(", ")", "and", "or", "not", "title", or a leaf


def _tokens(typed: str) -> Iterator[Token]:
    # What no encoding holds (half of a pair, from a mistyped argument) could not be looked up either.
    text = typed.encode("utf-8", "replace").decode().translate(_QUOTES)
    place = depth = skipped = 0
    while place < len(text):
        sign = text[place]
        if sign.isspace():
            place += 1
        elif sign == "(":
            place += 1
            if depth < MOST_DEPTH:
                depth += 1
                yield sign
            else:
                skipped += 1
        elif sign == ")":
            place += 1
            if skipped:
                skipped -= 1
            elif depth:
                depth -= 1
                yield sign
        elif sign in "-−" and place + 1 < len(text) and not text[place + 1].isspace():
            place += 1
            yield "not"
        elif (field := _FIELD.match(text, place)) and fold(field[1]) in _FIELDS:
            name, place = _FIELDS[fold(field[1])], field.end()
            if name == "title":
                yield name
                continue
            value = _PHRASE.match(text, place) or _GROUP.match(text, place) or _WORD.match(text, place)
            if value:
                place = value.end()
                if said := (value[1] if value.lastindex else value[0]).strip():
                    yield Filter(name, said)
        elif quoted := _PHRASE.match(text, place):
            place = quoted.end()
            yield from _words(quoted[1])
        else:
            word = _WORD.match(text, place)
            assert word, "any other sign begins a word"
            place = word.end()
            yield _OPERATORS.get(word[0]) or next(_words(word[0]), "")


def _words(text: str) -> Iterator[Words]:
    if forms := tuple(form for _, _, form in written_words(text)):
        if text.endswith("*") and len(forms[-1]) == 1:  # most articles have such a word
            raise QueryError(f"{text!r} is too short: name two letters or more before the *")
        yield Words(forms, text, prefix=text.endswith("*"))


def _operands(tokens: list[Token]) -> list[Token]:
    """The tokens without empty ones, and without operators that have nothing to join: "ekmek VE"."""
    tokens = [token for token in tokens if token]
    kept: list[Token] = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else ")"
        joins = after not in (")", "and", "or")
        if token in ("and", "or"):
            joins &= bool(kept) and kept[-1] not in ("(", "and", "or", "not", "title")
        if token in ("and", "or", "not", "title") and not joins:
            continue
        kept.append(token)
    return kept


class _Parser:
    """Descends from OR over AND to a single operand; every token is looked at once."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0

    def either(self) -> Node | None:
        parts = [self.every()]
        while self._next("or"):
            parts.append(self.every())
        known = [part for part in parts if part is not None]
        return known[0] if len(known) == 1 else Either(tuple(known)) if known else None

    def every(self) -> Node | None:
        parts: list[Node] = []
        while self.place < len(self.tokens) and self.tokens[self.place] not in ("or", ")"):
            if not self._next("and") and (part := self.operand()) is not None:
                parts.append(part)
        return parts[0] if len(parts) == 1 else Every(tuple(parts)) if parts else None

    def operand(self) -> Node | None:
        wraps: list[type[Not | Title]] = []
        while self.place < len(self.tokens) and (token := self.tokens[self.place]) in ("not", "title"):
            wraps.append(Not if token == "not" else Title)
            self.place += 1
        node = self._single()
        if wraps.count(Not) % 2 == 0:
            wraps = [wrap for wrap in wraps if wrap is Title]
        # In this order a title is inside of what is not to be there.
        if node is not None and Title in wraps:
            node = Title(node)
        return Not(node) if node is not None and Not in wraps else node

    def _single(self) -> Node | None:
        if self.place >= len(self.tokens):
            return None
        token = self.tokens[self.place]
        if token == "(":
            self.place += 1
            inside = self.either()
            self._next(")")
            return inside
        if isinstance(token, str):  # a parenthesis that closes, or "or": another's to read
            return None
        self.place += 1
        return token

    def _next(self, token: str) -> bool:
        found = self.place < len(self.tokens) and self.tokens[self.place] == token
        self.place += found
        return found

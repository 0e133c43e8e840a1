"""A profile's selectors on one page: what [[layout]] says where the fields stand.  No I/O.

The selectors are the part of CSS that names places in a page: `tag`, `.class`, `#id`, `[attr]`, `[attr=value]`, below
(a space), child (`>`) and alternatives (`,`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from lxml.html import HtmlElement

from archive.config import Layout, Site
from archive.errors import ConfigError
from archive.extract.elements import Elements, inner_text

# Names, sections and dates have less; a selector that finds all of a page names no field.
FIELD_LIMIT_CHARS, MAX_FOUND = 2_000, 1_000
SELECTED_FIELDS = ("article", "title", "date", "authors", "section", "tags", "body")  # of [[layout]]; `drop` finds many

_SIMPLE = re.compile(r"(?P<tag>\*|[\w-]+)?(?P<rest>(?:[.#][\w-]+|\[[\w-]+(?:=\"?[^\]\"]*\"?)?\])*)")
_PART = re.compile(r"\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|\[(?P<attr>[\w-]+)(?:=\"?(?P<value>[^\]\"]*)\"?)?\]")


def select(elements: Elements, selector: str | None) -> list[HtmlElement]:
    """The elements a selector names, in the order of the page; none for None. Raises ConfigError for other CSS."""
    if not selector:
        return []
    places = _followed(selector)
    reached: dict[HtmlElement | None, Reached] = {None: NOWHERE}
    found = [one for step in places.last for one in _candidates(elements, step) if places.reach(one, reached).is_named]
    if len(places.last) > 1:  # alternatives, each in the order of the page
        some = set(found)
        found = [one for one in elements.all if one in some]
    return found[:MAX_FOUND]


def _candidates(elements: Elements, step: _Step) -> Iterable[HtmlElement]:
    """The elements that have at least the name by which a step is known."""
    if step.id or step.classes:
        name = step.id or step.classes[0]
        return (element for element, names in elements.names.items() if name in names)
    return elements.all if step.tag == "*" else elements.tagged(step.tag)


class Reached(NamedTuple):
    """The steps of selectors that lead to an element."""

    here: frozenset[int]  # which the element itself is the end of
    path: frozenset[int]  # or one it stands in
    is_named: bool  # whether a whole selector ends here


NOWHERE = Reached(frozenset(), frozenset(), False)


class Places:
    """Many selectors, followed down the tree together: searching the tree for each takes longer than all else."""

    def __init__(self, selectors: Sequence[str]) -> None:
        self.ends: set[int] = set()  # the steps that end a selector
        self.last: list[_Step] = []  # those themselves
        # Each step with its number and that of the step before it, under an id, class or tag that an element must have.
        self.by_name: dict[str, list[tuple[int, int | None, _Step]]] = {}
        self.depth = 1  # the most steps of a selector
        number = 0
        for selector in selectors:
            for one in selector.split(","):
                before = None
                steps = list(_steps(one.strip(), selector))
                for step in steps:
                    self.by_name.setdefault(step.name, []).append((number, before, step))
                    before, number = number, number + 1
                self.ends.add(number - 1)
                self.last.append(steps[-1])
                self.depth = max(self.depth, len(steps))

    def below(self, above: Reached, element: HtmlElement) -> Reached:
        """The steps that lead to an element, from those that lead to its parent."""
        names = [f".{cls}" for cls in dict.fromkeys((element.get("class") or "").split())]
        names += [f"#{element.get('id')}", str(element.tag), "*"]
        here = frozenset(
            number
            for name in names
            for number, before, step in self.by_name.get(name, ())
            if (before is None or before in (above.here if step.is_child else above.path)) and step.fits(element)
        )
        return Reached(here, above.path | here, not here.isdisjoint(self.ends))

    def reach(self, element: HtmlElement, known: dict[HtmlElement | None, Reached]) -> Reached:
        """The steps that lead to an element; `known` are those that lead to others, and to None: nowhere."""
        if self.depth == 1:
            return self.below(NOWHERE, element)
        inwards: list[HtmlElement] = []
        above: HtmlElement | None = element
        while above is not None and above not in known:
            inwards.append(above)
            above = above.getparent()
        for one in reversed(inwards):
            known[one] = self.below(known[above], one)
            above = one
        return known[element]

    def holds(self, element: HtmlElement) -> bool:
        """Whether one of the selectors names this element."""
        return self.reach(element, {None: NOWHERE}).is_named


def check_selectors(site: Site) -> None:
    """Raises ConfigError for a selector in a site's profile that could never be read."""
    for layout in site.layout:
        for field in SELECTED_FIELDS:
            Places([selector] if (selector := getattr(layout, field)) else [])
        Places(layout.drop)
    Places([*site.learned.places, *site.learned.lists] if site.learned else ())


def unmatched(elements: Elements, layout: Layout) -> tuple[str, ...]:
    """The fields of a layout whose selector finds neither text nor picture on a page."""
    named = [(field, getattr(layout, field)) for field in SELECTED_FIELDS]
    return tuple(
        field for field, selector in named if selector and not any(map(_shows_anything, select(elements, selector)))
    )


def _shows_anything(element: HtmlElement) -> bool:
    return bool(inner_text(element, limit=1)) or next(element.iter("img"), None) is not None


def text_of(element: HtmlElement) -> str:
    """The text of a field, white space folded."""
    return inner_text(element, limit=FIELD_LIMIT_CHARS)[:FIELD_LIMIT_CHARS]


@dataclass(frozen=True, slots=True)
class _Step:
    """What a selector says of one element, and how that stands to the one before it."""

    tag: str
    classes: tuple[str, ...]
    id: str
    attributes: tuple[tuple[str, str | None], ...]  # with None: there, whatever it says
    is_child: bool  # directly below the step before; else anywhere below

    @property
    def name(self) -> str:
        """The rarest of what an element must have."""
        return f"#{self.id}" if self.id else f".{self.classes[0]}" if self.classes else self.tag

    def fits(self, element: HtmlElement) -> bool:
        """Whether an element is what this step says."""
        classes = (element.get("class") or "").split() if self.classes else ()
        return (
            self.tag in ("*", element.tag)
            and all(cls in classes for cls in self.classes)
            and (not self.id or element.get("id") == self.id)
            and all(
                element.get(name) is not None and value in (None, element.get(name)) for name, value in self.attributes
            )
        )


def _steps(one: str, whole: str) -> Iterator[_Step]:
    is_child, count = False, 0
    for token in re.sub(r"\s*>\s*", " > ", one).split():
        if token == ">":
            is_child = True
            continue
        found = _SIMPLE.fullmatch(token)
        if found is None or not token:
            raise ConfigError(
                f"layout selector {whole!r}: {token!r} is not understood; use tag, .class, #id, [attr=value]"
            )
        parts = list(_PART.finditer(found["rest"]))
        yield _Step(
            tag=found["tag"] or "*",
            classes=tuple(part["cls"] for part in parts if part["cls"]),
            id=next((part["id"] for part in parts if part["id"]), ""),
            attributes=tuple(
                (part["attr"], part["value"] and part["value"].replace("'", "")) for part in parts if part["attr"]
            ),
            is_child=is_child,
        )
        is_child, count = False, count + 1
    if not count:
        raise ConfigError(f"layout selector {whole!r} names nothing")


@lru_cache(maxsize=256)
def _followed(selector: str) -> Places:
    return Places([selector])

"""A profile's selectors on one page: what [[layout]] says where the fields stand.  No I/O.

The selectors are the part of CSS that names places in a page: `tag`, `.class`, `#id`, `[attr]`, `[attr=value]`, below
(a space), child (`>`) and alternatives (`,`). lxml's own translation needs a package that a plain install lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from lxml import etree
from lxml.html import HtmlElement

from archive.config import Layout, Site
from archive.errors import ConfigError
from archive.extract.elements import inner_text

# Names, sections and dates have less; a selector that finds all of a page names no field.
FIELD_LIMIT_CHARS, MAX_FOUND = 2_000, 1_000
SELECTED_FIELDS = ("article", "title", "date", "authors", "section", "tags", "body")  # of [[layout]]; `drop` finds many

_SIMPLE = re.compile(r"(?P<tag>\*|[\w-]+)?(?P<rest>(?:[.#][\w-]+|\[[\w-]+(?:=\"?[^\]\"]*\"?)?\])*)")
_PART = re.compile(r"\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|\[(?P<attr>[\w-]+)(?:=\"?(?P<value>[^\]\"]*)\"?)?\]")


def select(tree: HtmlElement, selector: str | None) -> list[HtmlElement]:
    """The elements a selector names, in document order; none for None. Raises ConfigError for other CSS."""
    found = _compiled(selector)(tree) if selector else []
    return [one for one in found[:MAX_FOUND] if isinstance(one, HtmlElement)] if isinstance(found, list) else []


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
        # Each step with its number and that of the step before it, under an id, class or tag that an element must have.
        self.by_name: dict[str, list[tuple[int, int | None, _Step]]] = {}
        number = 0
        for selector in selectors:
            for one in selector.split(","):
                before = None
                for step in _steps(one.strip(), selector):
                    self.by_name.setdefault(step.name, []).append((number, before, step))
                    before, number = number, number + 1
                self.ends.add(number - 1)

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

    def holds(self, element: HtmlElement) -> bool:
        """Whether one of the selectors names this element."""
        reached = NOWHERE
        for one in (*reversed(list(element.iterancestors())), element):
            reached = self.below(reached, one)
        return reached.is_named


def check_selectors(site: Site) -> None:
    """Raises ConfigError for a selector in a site's profile that could never be read."""
    for layout in site.layout:
        for field in SELECTED_FIELDS:
            Places([selector] if (selector := getattr(layout, field)) else [])
        Places(layout.drop)
    Places([*site.learned.places, *site.learned.lists] if site.learned else ())


def unmatched(tree: HtmlElement, layout: Layout) -> tuple[str, ...]:
    """The fields of a layout whose selector finds neither text nor picture on a page."""
    named = [(field, getattr(layout, field)) for field in SELECTED_FIELDS]
    return tuple(
        field for field, selector in named if selector and not any(map(_shows_anything, select(tree, selector)))
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
def _compiled(selector: str) -> etree.XPath:
    return etree.XPath(" | ".join(_to_xpath(list(_steps(one.strip(), selector))) for one in selector.split(",")))


def _to_xpath(steps: Sequence[_Step]) -> str:
    # From the last part backwards: `//a//b` collects all of each step, which takes quadratic time in wide pages.
    path = ""
    for step in steps:
        above = f"[{'parent' if step.is_child else 'ancestor'}::{path}]" if path else ""
        path = step.tag + "".join(_conditions(step)) + above
    return f"//{path}"


def _conditions(step: _Step) -> Iterator[str]:
    for cls in step.classes:
        yield f"[contains(concat(' ', normalize-space(@class), ' '), ' {cls} ')]"
    if step.id:
        yield f"[@id='{step.id}']"
    for name, value in step.attributes:
        yield f"[@{name}]" if value is None else f"[@{name}='{value}']"

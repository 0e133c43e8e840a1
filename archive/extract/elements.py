"""The elements of a page by what they are asked for: tag, names, microdata, style; and the text of one.  No I/O.

To search a tree takes lxml 0.1 to 1 ms, however little is found, and thirty questions were asked of each page: a
quarter of all time. So each page is looked through once. What is done to a tree later, blanking text and dropping a
link, changes none of the answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from lxml.html import HtmlElement

# The longest name or style in our samples has 1,300 characters; all above a run are looked at for each run.
NAME_LIMIT_CHARS = 4_000

_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![\d.]*[1-9])|opacity\s*:\s*0(?![\d.]*[1-9])"
    r"|text-indent\s*:\s*-\d{3,}|(?:left|top|right|bottom|margin-left|margin-top)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_NO_SIZE = re.compile(r"(?:^|[;\s])(?:height|width|max-height)\s*:\s*[01](?:px)?\s*(?:;|!|$)", re.IGNORECASE)
_CLIPPED = re.compile(r"overflow\s*:\s*hidden|clip\s*:\s*rect", re.IGNORECASE)


class Elements:
    """All elements of one page in its order: while these are held, lxml makes none of them again."""

    def __init__(self, tree: HtmlElement) -> None:
        self.all: tuple[HtmlElement, ...] = tuple(tree.iter())
        self.by_tag: dict[str, list[HtmlElement]] = {}
        self.names: dict[HtmlElement, str] = {}  # classes, a space and the id of those that have either
        self.properties: dict[HtmlElement, str] = {}  # itemprop
        self.types: dict[HtmlElement, str] = {}  # itemtype
        self.styles: dict[HtmlElement, str] = {}
        self.roles: dict[HtmlElement, str] = {}
        self.sized: set[HtmlElement] = set()  # those with a width or height of their own
        self.hidden: set[HtmlElement] = set()  # those that their own attributes keep from being seen
        for element in self.all:
            self.by_tag.setdefault(element.tag, []).append(element)
            if attributes := element.keys():
                self._add(element, attributes)

    def _add(self, element: HtmlElement, attributes: Sequence[str]) -> None:
        get = element.get
        if "class" in attributes or "id" in attributes:
            self.names[element] = f"{_short(element, 'class', get('class'))} {_short(element, 'id', get('id'))}"
        if "itemprop" in attributes:
            self.properties[element] = _short(element, "itemprop", get("itemprop"))
        if "itemtype" in attributes:
            self.types[element] = get("itemtype") or ""
        if "role" in attributes:
            self.roles[element] = get("role") or ""
        if "style" in attributes:
            self.styles[element] = style = _short(element, "style", get("style"))
            if _hides(style):
                self.hidden.add(element)
        if "width" in attributes or "height" in attributes:
            self.sized.add(element)
        if "hidden" in attributes:
            self.hidden.add(element)

    def tagged(self, *tags: str) -> Sequence[HtmlElement]:
        """Those with one of these tags."""
        found = [self.by_tag[tag] for tag in tags if tag in self.by_tag]
        if len(found) < 2:
            return found[0] if found else ()
        return [one for one in self.all if one.tag in tags]

    def with_property(self, name: str) -> Iterator[HtmlElement]:
        """Those whose itemprop holds a name of schema.org."""
        return (element for element, names in self.properties.items() if name in names.split())

    def among(self, root: HtmlElement, found: Collection[HtmlElement]) -> list[HtmlElement]:
        """Those that were found below an element, in the order of the page."""
        if not found:
            return []
        below = self.all[self.all.index(root) + 1 :] if root.getnext() is None else root.iterdescendants()
        return [element for element in below if element in found]


def is_hidden(element: HtmlElement) -> bool:
    """Whether an element's own attributes keep it from being seen."""
    style = element.get("style")
    return element.get("hidden") is not None or (bool(style) and _hides(style))


def with_ancestors(elements: Iterable[HtmlElement]) -> set[HtmlElement]:
    """These elements and all they stand in, each looked at once."""
    found: set[HtmlElement] = set()
    for element in elements:
        above: HtmlElement | None = element
        while above is not None and above not in found:
            found.add(above)
            above = above.getparent()
    return found


def blank_element(element: HtmlElement) -> None:
    """Take an element's text out of the tree and leave the element."""
    for node in element.iter():
        node.text = " " if node.text else None
        if node is not element and node.tail:
            node.tail = " "


def inner_text(element: HtmlElement, *, limit: int, between: str = "") -> str:
    """The text below an element, white space folded, up to some more than `limit` characters.

    Elements that hold the rest of a page may be nested hundreds deep, so nobody may read all of each.
    """
    pieces, chars = [], 0
    for piece in element.itertext():
        pieces.append(str(piece[: limit + 1]))
        chars += len(pieces[-1])
        if chars > limit:
            break
    return " ".join(between.join(pieces).split())


def _short(element: HtmlElement, attribute: str, value: str | None) -> str:
    """An attribute, cut to what somebody could have written; so is the element's own."""
    if value is None or len(value) <= NAME_LIMIT_CHARS:
        return value or ""
    element.set(attribute, value[:NAME_LIMIT_CHARS])
    return value[:NAME_LIMIT_CHARS]


@lru_cache(maxsize=2_048)
def _hides(style: str) -> bool:
    return bool(_HIDING.search(style) or (_CLIPPED.search(style) and _NO_SIZE.search(style)))

"""A profile's selectors on one page: what [[layout]] says where the fields stand.  No I/O.

The selectors are the part of CSS that names places in a page: `tag`, `.class`, `#id`, `[attr]`, `[attr=value]`, below
(a space), child (`>`) and alternatives (`,`). lxml's own translation needs a package that a plain install lacks.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree
from lxml.html import HtmlElement

from archive.errors import ConfigError
from archive.extract.runs import inner_text

# Names, sections and dates have less; a selector that finds all of a page names no field.
FIELD_LIMIT_CHARS, MAX_FOUND = 2_000, 1_000

_SIMPLE = re.compile(r"(?P<tag>\*|[\w-]+)?(?P<rest>(?:[.#][\w-]+|\[[\w-]+(?:=\"?[^\]\"]*\"?)?\])*)")
_PART = re.compile(r"\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|\[(?P<attr>[\w-]+)(?:=\"?(?P<value>[^\]\"]*)\"?)?\]")


def select(tree: HtmlElement, selector: str | None) -> list[HtmlElement]:
    """The elements a selector names, in document order; none for None. Raises ConfigError for other CSS."""
    found = _compiled(selector)(tree) if selector else []
    return [one for one in found[:MAX_FOUND] if isinstance(one, HtmlElement)] if isinstance(found, list) else []


def text_of(element: HtmlElement) -> str:
    """The text of a field, white space folded."""
    return inner_text(element, limit=FIELD_LIMIT_CHARS)[:FIELD_LIMIT_CHARS]


@lru_cache(maxsize=256)
def _compiled(selector: str) -> etree.XPath:
    return etree.XPath(" | ".join(_to_xpath(one.strip(), selector) for one in selector.split(",")))


def _to_xpath(one: str, whole: str) -> str:
    # From the last part backwards: `//a//b` collects all of each step, which takes quadratic time in wide pages.
    path, axis = "", "ancestor::"
    for token in re.sub(r"\s*>\s*", " > ", one).split():
        if token == ">":
            axis = "parent::"
            continue
        found = _SIMPLE.fullmatch(token)
        if found is None or not token:
            raise ConfigError(
                f"layout selector {whole!r}: {token!r} is not understood; use tag, .class, #id, [attr=value]"
            )
        conditions = "".join(_condition(part) for part in _PART.finditer(found["rest"]))
        path = (found["tag"] or "*") + conditions + (f"[{axis}{path}]" if path else "")
        axis = "ancestor::"
    if not path:
        raise ConfigError(f"layout selector {whole!r} names nothing")
    return f"//{path}"


def _condition(part: re.Match[str]) -> str:
    if part["cls"]:
        return f"[contains(concat(' ', normalize-space(@class), ' '), ' {part['cls']} ')]"
    if part["id"]:
        return f"[@id='{part['id']}']"
    if part["value"] is None:
        return f"[@{part['attr']}]"
    value = part["value"].replace("'", "")
    return f"[@{part['attr']}='{value}']"

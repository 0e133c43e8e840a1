"""The JSON-LD of a page: its objects, and the one that is the article.  After schema.org.  No I/O."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Set
from typing import Any
from urllib.parse import urljoin, urlsplit

from archive.extract.elements import Elements
from archive.extract.letters import as_meant, fit_for_rows

JSON_LIMIT_CHARS = 1_000_000
JSON_DEPTH, JSON_NODES = 8, 2_000
# 10 times the longest title or summary of our sample pages; whole texts have a bound of their own.
FIELD_LIMIT_CHARS = 20_000
MAX_LISTED = 100  # names, keywords or addresses in one field
MAX_TYPE_CHARS, MAX_URL_CHARS = 200, 4_000
ARTICLE_TYPE = re.compile(r"(?:Article|BlogPosting|Report)$|^Review$")
# html.unescape raises for thousands of digits.
_LONG_ENTITY = re.compile(r"&#[xX]?[0-9a-fA-F]{12,};?")
PAGE_TYPES = frozenset(("WebPage", "ItemPage"))


def read_things(elements: Elements) -> Iterator[dict[str, Any]]:
    """Every object of the page's JSON-LD, outer ones first, breadth and depth bounded."""
    queue: list[tuple[Any, int]] = []
    for script in elements.tagged("script"):
        if "ld+json" not in (script.get("type") or ""):
            continue
        written = (script.text or "").strip()[:JSON_LIMIT_CHARS]
        written = (
            re.sub(r"^\s*(?:<!--|//<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\]\]>|\]\]>)\s*;?$", "", written)
            .strip()
            .rstrip(";")
        )
        try:
            queue.append((json.loads(written, strict=False), 0))
        except (ValueError, RecursionError):
            continue
    for count, (node, depth) in enumerate(queue):
        if count > JSON_NODES:
            return
        if isinstance(node, dict):
            yield node
        if depth < JSON_DEPTH:
            below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            queue.extend((child, depth + 1) for child in below if isinstance(child, dict | list))


def types_of(thing: Mapping[str, Any]) -> Set[str]:
    """The types of an object without their vocabulary, in the order they are written in."""
    found = thing.get("@type")
    names = found[:MAX_LISTED] if isinstance(found, list) else [found]
    named = [name for name in names if isinstance(name, str) and 0 < len(name) <= MAX_TYPE_CHARS]
    return dict.fromkeys(name.rsplit("/", 1)[-1] for name in named).keys()


def main_thing(things: list[dict[str, Any]], url: str) -> dict[str, Any]:
    """The article this page is about: of several the one with this address, else the first with a headline."""
    articles = [thing for thing in things if any(ARTICLE_TYPE.search(name) for name in types_of(thing))]
    path = path_of(url).rstrip("/")

    def rank(thing: dict[str, Any]) -> tuple[bool, bool]:
        named = [text_of(thing.get(key)) for key in ("url", "@id")] + addresses_of(thing.get("mainEntityOfPage"))
        return any(path and path_of(name).rstrip("/") == path for name in named), "headline" in thing

    return max(articles, key=rank, default={})


def path_of(address: str) -> str:
    """The path of an address; "" when it is none."""
    try:
        return urlsplit(address[:MAX_URL_CHARS]).path
    except ValueError:
        return ""


def host_of(address: str) -> str:
    """The host of an address; "" when it is none."""
    try:
        return urlsplit(address[:MAX_URL_CHARS]).hostname or ""
    except ValueError:
        return ""


def joined(base: str, link: str) -> str:
    """`link` as seen from `base`; "" when it is no address."""
    try:
        return urljoin(base, link) if len(link) <= MAX_URL_CHARS else ""
    except ValueError:
        return ""


def text_of(value: Any) -> str:
    if isinstance(value, list):
        value = next((part for part in value if part), "")
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name") or value.get("@id") or ""
    return clean(str(value)) if isinstance(value, str | int | float) else ""


def clean(text: str) -> str:
    """A field as it is read: entities resolved, white space folded, without what is no letter."""
    return " ".join(without_half_letters(unescape(text[:FIELD_LIMIT_CHARS])).replace("\xad", "").split())


def without_half_letters(text: str) -> str:
    """`text` without what JSON and scripts can name and no database keeps: halves of letters, control characters."""
    return fit_for_rows(as_meant(text))


def unescape(text: str) -> str:
    """`text` with its entities resolved; those of more digits than any letter has are dropped."""
    return html.unescape(_LONG_ENTITY.sub("", text) if "&#" in text else text)


def addresses_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value.strip()]
    if isinstance(value, list):
        return [address for part in value[:20] if not isinstance(part, list) for address in addresses_of(part)]
    if isinstance(value, dict):
        return [address for key in ("url", "contentUrl", "@id") if isinstance(address := value.get(key), str)][:1]
    return []

"""The JSON-LD of a page: its objects, and the one that is the article.  After schema.org.  No I/O."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from lxml.html import HtmlElement

JSON_LIMIT_CHARS = 1_000_000
JSON_DEPTH, JSON_NODES = 8, 2_000
ARTICLE_TYPE = re.compile(r"(?:Article|BlogPosting|Report)$|^Review$")
PAGE_TYPES = frozenset(("WebPage", "ItemPage"))


def read_things(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    """Every object of the page's JSON-LD, outer ones first, breadth and depth bounded."""
    queue: list[tuple[Any, int]] = []
    for script in tree.xpath("//script[contains(@type, 'ld+json')]"):
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


def types_of(thing: Mapping[str, Any]) -> set[str]:
    found = thing.get("@type")
    return {str(name).rsplit("/", 1)[-1] for name in (found if isinstance(found, list) else [found]) if name}


def main_thing(things: list[dict[str, Any]], url: str) -> dict[str, Any]:
    """The article this page is about: of several the one with this address, else the first with a headline."""
    articles = [thing for thing in things if any(ARTICLE_TYPE.search(name) for name in types_of(thing))]
    path = urlsplit(url).path.rstrip("/")

    def rank(thing: dict[str, Any]) -> tuple[bool, bool]:
        named = [text_of(thing.get(key)) for key in ("url", "@id")] + addresses_of(thing.get("mainEntityOfPage"))
        return any(path and urlsplit(_safe(name)).path.rstrip("/") == path for name in named), "headline" in thing

    return max(articles, key=rank, default={})


def _safe(address: str) -> str:
    return address if "[" not in address and "]" not in address else ""


def text_of(value: Any) -> str:
    if isinstance(value, list):
        value = next((part for part in value if part), "")
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name") or value.get("@id") or ""
    return clean(str(value)) if isinstance(value, str | int | float) else ""


def clean(text: str) -> str:
    return " ".join(html.unescape(text).replace("\xad", "").split())


def addresses_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value.strip()]
    if isinstance(value, list):
        return [address for part in value[:20] for address in addresses_of(part)]
    if isinstance(value, dict):
        return [address for key in ("url", "contentUrl", "@id") if isinstance(address := value.get(key), str)][:1]
    return []

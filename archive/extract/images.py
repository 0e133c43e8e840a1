"""The pictures of an article: the lead picture and those in the body, each once.  No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml.html import HtmlElement

from archive.extract.jsonld import joined
from archive.extract.metadata import Head
from archive.extract.runs import inner_text
from archive.model import Image

MAX_IMAGES, MAX_SIBLINGS = 100, 200
CAPTION_LIMIT_CHARS = 5_000


def read_images(head: Head, region: HtmlElement | None, *, title: HtmlElement | None, url: str) -> tuple[Image, ...]:
    """The lead picture, between title and body, and the pictures in the body, each once, with alt text and caption."""
    found: dict[str, Image] = {}
    if head.images and head.is_article:
        found[_picture(head.images[0])] = Image(url=head.images[0])
    inside = [] if region is None else list(region.iter("img"))
    for element in [*_above(region, title), *inside][:MAX_IMAGES]:
        address = next((element.get(name) for name in ("data-src", "data-lazy-src", "src") if element.get(name)), "")
        if not address or address.startswith("data:") or _is_small(element) or _is_in_link_list(element):
            continue
        absolute = joined(url, address.strip())
        if not absolute:
            continue
        key = _picture(absolute)
        caption = _caption(element)
        alt = " ".join((element.get("alt") or "")[:CAPTION_LIMIT_CHARS].split())
        if key not in found:
            found[key] = Image(url=absolute, alt=alt, caption=caption, position=len(found))
        elif not found[key].alt and not found[key].caption:
            known = found[key]
            found[key] = Image(url=known.url, alt=alt, caption=caption, position=known.position)
    return tuple(found.values())


def _above(region: HtmlElement | None, title: HtmlElement | None) -> Iterator[HtmlElement]:
    """The pictures between the title and the body, in the element that holds both."""
    if region is None or title is None:
        return
    above_title = set(title.iterancestors())
    shared = next((element for element in region.iterancestors() if element in above_title), None)
    if shared is None or shared.tag in ("body", "html"):
        return
    passed = False
    for element in shared.iter():
        if element is region:
            return
        passed = passed or element is title
        if passed and element.tag == "img":
            yield element


def _picture(url: str) -> str:
    """A picture's address without the size that WordPress puts into it."""
    return re.sub(r"-\d{2,4}x\d{2,4}(?=\.\w+$)", "", url.split("?")[0])


def _is_small(element: HtmlElement) -> bool:
    sizes = [element.get(name) or "" for name in ("width", "height")]
    return any(re.fullmatch("[0-9]{1,2}", size) for size in sizes)


def _is_in_link_list(element: HtmlElement) -> bool:
    item = next((ancestor for ancestor in element.iterancestors("li", "aside", "nav", "footer")), None)
    return item is not None and item.find(".//a") is not None


def _caption(element: HtmlElement) -> str:
    figure = next(element.iterancestors("figure"), None)
    caption = None if figure is None else figure.find(".//figcaption")
    parent = element.getparent()
    if caption is None and parent is not None:
        # WordPress before HTML5 themes: div.wp-caption > img + p.wp-caption-text
        siblings = islice(parent, MAX_SIBLINGS)
        caption = next((sibling for sibling in siblings if "caption" in (sibling.get("class") or "")), None)
    return "" if caption is None else inner_text(caption, limit=CAPTION_LIMIT_CHARS)

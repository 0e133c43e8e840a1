"""The pictures of an article: the lead picture and those in the body, each once.  After schema.org.  No I/O.

A caption tells who made a picture, after "Foto:" or a ©, or in brackets at its end; that is its credit. Where the
caption says nothing, the head may; the size is what attributes, JSON-LD or og:image:width say, never the file's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from lxml.html import HtmlElement

from archive.extract.elements import inner_text
from archive.extract.jsonld import MAX_LISTED, addresses_of, joined, text_of, types_of
from archive.extract.metadata import Head
from archive.model import Image

MAX_IMAGES, MAX_SIBLINGS = 100, 200
CAPTION_LIMIT_CHARS = 5_000
CREDIT_CHARS = 100
MAX_PIXELS = 100_000

# "Fotoğraf: AA", "Фото: пресс-служба", "Сурет: …", "© dpa", "(Photo by X/Getty Images)".
_CREDIT = re.compile(
    r"(?:^|[\s(\[|.,;–—-])(?:foto(?:ğraf|graf|s)?(?:\s*kredisi|\s*kaynağı)?|görsel|resim|kaynak|kredi|photo(?:graph)?s?"
    r"|image|picture|credit|bild(?:quelle)?|quelle|copyright|imagen|foto de|crédits?(?: photo)?|фото|фотография"
    r"|снимок|источник|иллюстрация|сурет|дереккөз)\s*(?:[:：]|\bby\b|\bcredits?\s*[:：]|©)\s*©?\s*([^|\n()\[\]]{2,100})"
    r"|(?:©|\(c\)|\bCopyright\b)\s*([^|\n()\[\]]{2,100})",
    re.IGNORECASE,
)
# Possessive: a word is not tried in parts, which would take years for "(AAAA…".
_AGENCY_AT_END = re.compile(r"[(\[]\s*((?:[A-ZÇĞİÖŞÜА-ЯЁ][\w.&’'-]*+[\s/,]{0,3}+){1,6})[)\]]\s*\.?\s*$")
# In brackets stand places and parties, too: "Astana (Kazakistan)". A credit has a known agency, or a stroke, in it.
_AGENCY = re.compile(
    r"\w\s?/\s?\w|\b(?:AA|DHA|[İI]HA|AP|AFP|EPA|EFE|DPA|ANSA|UPI|PA|TASS|ТАСС|РИА|Anadolu|Reuters|Getty|Shutterstock"
    r"|Depo ?Photos|iStock|Sputnik|Xinhua|Kaz[İIi]nform|Qazinform|Қазақпарат|Казинформ|Интерфакс|Wikimedia|Imago|Alamy"
    r"|Keystone|Picture[ -]Alliance)\b",
    re.IGNORECASE,
)
_CREDIT_NAME = re.compile(
    r"(?:^|[\s_-])(?:(?:image|photo|foto|caption|picture|media)[\s_-]*)?(?:credits?|copyright|photographer|byline"
    r"|foto-?kredi)(?:$|[\s_-])",
    re.IGNORECASE,
)
_CREDIT_LABEL = re.compile(
    r"^(?:©|\(c\)|(?:foto(?:ğraf|graf)?|photo(?:graph)?|image|credit|bild|фото|сурет)\s*(?:[:：]|by\b|credit\s*[:：]))\s*",
    re.IGNORECASE,
)


def read_images(head: Head, region: HtmlElement | None, *, title: HtmlElement | None, url: str) -> tuple[Image, ...]:
    """The lead picture, between title and body, and the pictures in the body, each once, with alt text and caption."""
    found: dict[str, Image] = {}
    if head.images and head.is_article:
        found[_picture(head.images[0])] = Image(url=head.images[0])
    inside = [] if region is None else list(islice(region.iter("img"), MAX_IMAGES))
    for element in [*islice(_above(region, title), MAX_IMAGES), *inside][:MAX_IMAGES]:
        address = next((element.get(name) for name in ("data-src", "data-lazy-src", "src") if element.get(name)), "")
        if not address or address.startswith("data:") or _is_small(element) or _is_in_link_list(element):
            continue
        absolute = joined(url, address.strip())
        if not absolute:
            continue
        key = _picture(absolute)
        shown = _shown(element, absolute, position=found[key].position if key in found else len(found))
        known = found.get(key)
        if known is None:
            found[key] = shown
        elif not known.alt and not known.caption:
            found[key] = replace(shown, url=known.url)
            if known.url != absolute:  # the size is that of a smaller file
                found[key] = replace(found[key], width=None, height=None)
    told = _told(head, url)
    return tuple(_completed(image, told.get(key)) for key, image in found.items())


def credits_in(caption: str) -> str | None:
    """Who made a picture, as its caption says; None where it does not."""
    match = _CREDIT.search(caption)
    if match:
        return _trimmed(match[1] or match[2])
    agency = _AGENCY_AT_END.search(caption)
    return _trimmed(agency[1]) if agency and _AGENCY.search(agency[1]) else None


def _trimmed(credit: str) -> str | None:
    """A credit without the sentence that may follow it."""
    first = re.split(r"(?<=\w{3})[.!?]\s+(?=[A-ZÇĞİÖŞÜА-ЯЁ])", credit.strip(), maxsplit=1)[0]
    cleaned = _CREDIT_LABEL.sub("", first).strip(" .,;:–—-/")
    return cleaned[:CREDIT_CHARS] if len(cleaned) > 1 else None


def _shown(element: HtmlElement, url: str, *, position: int) -> Image:
    caption, marked = _caption(element)
    printed = credits_in(caption)
    # The element may hold the photographer alone, and the line the agency too.
    credit = printed if marked and printed and marked in printed else marked or printed
    return Image(
        url=url,
        alt=" ".join((element.get("alt") or "")[:CAPTION_LIMIT_CHARS].split()),
        caption=caption,
        position=position,
        credit=credit,
        width=_pixels(element.get("width")),
        height=_pixels(element.get("height")),
    )


# ---------------------------------------------------------------- what the head tells of pictures


@dataclass(frozen=True, slots=True)
class _Told:
    """What a page's head says of one picture."""

    caption: str = ""
    credit: str | None = None
    width: int | None = None
    height: int | None = None


def _told(head: Head, url: str) -> dict[str, _Told]:
    """Picture → what JSON-LD says of it, else OpenGraph, which tells of its first alone."""
    told: dict[str, _Told] = {}
    first = joined(url, next(iter(head.metas.get("og:image", ())), ""))
    if first:
        sizes = [_pixels(next(iter(head.metas.get(f"og:image:{name}", ())), None)) for name in ("width", "height")]
        told[_picture(first)] = _Told(width=sizes[0], height=sizes[1])
    objects = [thing for thing in head.things if "ImageObject" in types_of(thing)][:MAX_LISTED]
    listed = head.main.get("image")
    objects += [one for one in (listed if isinstance(listed, list) else [listed])[:MAX_LISTED] if isinstance(one, dict)]
    for thing in objects:
        for address in addresses_of(thing)[:1]:
            key = _picture(joined(url, address))
            told[key] = _merged(_of_object(thing), told.get(key, _Told()))
    return told


def _of_object(thing: Mapping[str, Any]) -> _Told:
    maker = next(
        (text for name in ("creditText", "author", "creator", "copyrightHolder") if (text := text_of(thing.get(name)))),
        "",
    )
    return _Told(
        caption=text_of(thing.get("caption")),
        credit=None if "://" in maker else _trimmed(maker),
        width=_pixels(text_of(thing.get("width"))),
        height=_pixels(text_of(thing.get("height"))),
    )


def _merged(told: _Told, other: _Told) -> _Told:
    sized = told if told.width and told.height else other
    return _Told(told.caption or other.caption, told.credit or other.credit, sized.width, sized.height)


def _completed(image: Image, told: _Told | None) -> Image:
    """What the page shows of a picture, with what the head says where it shows nothing."""
    if told is None:
        return image
    caption = image.caption or told.caption[:CAPTION_LIMIT_CHARS]
    is_sized = image.width is not None and image.height is not None
    return replace(
        image,
        caption=caption,
        credit=image.credit or told.credit or credits_in(caption),
        width=image.width if is_sized else told.width or image.width,
        height=image.height if is_sized else told.height or image.height,
    )


def _pixels(written: str | None) -> int | None:
    """A size in pixels; None for a percentage and for what is no size."""
    found = re.fullmatch(r"\s*([0-9]{1,6})(?:\.[0-9]{1,6})?\s*(?:px)?\s*", (written or "")[:40])
    return int(found[1]) if found and 1 < int(found[1]) <= MAX_PIXELS else None


# ---------------------------------------------------------------- which pictures are the article's


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


def _caption(element: HtmlElement) -> tuple[str, str | None]:
    """The text below a picture, and the credit that has an element of its own in it."""
    figure = next(element.iterancestors("figure"), None)
    caption = None if figure is None else figure.find(".//figcaption")
    parent = element.getparent()
    if caption is None and parent is not None:
        # WordPress before HTML5 themes: div.wp-caption > img + p.wp-caption-text
        siblings = islice(parent, MAX_SIBLINGS)
        caption = next((sibling for sibling in siblings if "caption" in (sibling.get("class") or "")), None)
    if caption is None:
        return "", None
    named = (one for one in islice(caption.iter(), 1, MAX_SIBLINGS) if _CREDIT_NAME.search(one.get("class") or ""))
    texts = (inner_text(one, limit=CREDIT_CHARS, between=" ") for one in named)
    credit = next((text for text in texts if 1 < len(text) <= CREDIT_CHARS), None)
    return inner_text(caption, limit=CAPTION_LIMIT_CHARS), _trimmed(credit) if credit else None

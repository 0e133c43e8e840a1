"""What a page's head says of its article: JSON-LD, OpenGraph, meta tags, microdata, each with its source.  No I/O.

What the page prints for its readers is read in byline.py; `article.py` puts the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archive.extract.elements import Elements
from archive.extract.jsonld import (
    MAX_LISTED,
    PAGE_TYPES,
    addresses_of,
    clean,
    host_of,
    joined,
    main_thing,
    read_things,
    text_of,
    types_of,
    unescape,
    without_half_letters,
)
from archive.extract.moments import Dates, Moment
from archive.extract.names import MAX_NAME_CHARS, read_authors
from archive.extract.page import Page

# 10 times the longest of our sample pages, as MAX_LISTED is of names and keywords.
TITLE_LIMIT_CHARS, BODY_LIMIT_CHARS = 2_000, 300_000

_PUBLISHED_META = (
    "article:published_time",
    "article:published:time",
    "og:article:published_time",
    "article:published",
    "og:published_time",
    "datepublished",
    "parsely-pub-date",
    "sailthru.date",
    "cxenseparse:recs:publishtime",
    "publish-date",
    "publication_date",
    "pubdate",
    "dc.date.issued",
    "dcterms.created",
    "dc.date",
    "date",
)
_MODIFIED_META = (
    "article:modified_time",
    "article:modified:time",
    "og:updated_time",
    "datemodified",
    "last-modified",
    "dcterms.modified",
)


@dataclass(slots=True)
class Head:
    """What the head of a page says; None and empty where it says nothing."""

    kind: str = ""  # og:type or the JSON-LD type of the page's main thing
    titles: list[tuple[str, str]] = field(default_factory=list)  # text, source; the best first
    page_title: str = ""  # <title>, as written
    site_names: list[str] = field(default_factory=list)
    description: str = ""
    description_source: str = ""
    published: Moment | None = None
    modified: Moment | None = None
    authors: list[str] = field(default_factory=list)
    authors_source: str = ""
    section: str | None = None
    section_source: str = ""
    tags: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    language: str | None = None
    canonical: str | None = None
    canonical_source: str = ""
    is_article: bool = False  # says of itself that it is one
    body: str = ""  # the whole text, where the page carries it for machines
    metas: Mapping[str, list[str]] = field(default_factory=dict)  # name in lower case → contents
    things: list[dict[str, Any]] = field(default_factory=list)  # all objects of the JSON-LD
    main: Mapping[str, Any] = field(default_factory=dict)  # of these, the article


def read_head(page: Page, *, zone: ZoneInfo, captured_at: datetime) -> Head:
    """The head's fields, JSON-LD before OpenGraph before microdata; dates after the capture are refused."""
    elements, tree, url = page.elements, page.tree, page.url
    metas, things = _metas(elements), list(read_things(elements))
    main = main_thing(things, url)
    of_page = next((thing for thing in things if types_of(thing) & PAGE_TYPES), {})
    titles = elements.tagged("title")
    head = Head(page_title=clean("".join(titles[0].itertext()) if titles else "")[:TITLE_LIMIT_CHARS])
    head.metas, head.things, head.main = metas, things, main
    head.canonical, head.canonical_source = _canonical(elements, metas, url)
    head.language = (tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip() or None
    head.kind = metas.get("og:type", [""])[0].lower() or next(iter(types_of(main)), "")
    head.is_article = bool(main) or head.kind == "article"
    body = main.get("articleBody")
    head.body = without_half_letters(unescape(body[:BODY_LIMIT_CHARS])) if isinstance(body, str) else ""
    head.site_names = _site_names(metas, things, url)
    head.titles = [
        (text[:TITLE_LIMIT_CHARS], source)
        for text, source in (
            (text_of(main.get("headline")) or text_of(main.get("name")), "json-ld"),
            (_first(metas, "og:title", "twitter:title"), "opengraph"),
        )
        if text
    ]
    descriptions = ((text_of(main.get("description")), "json-ld"), (_first(metas, "og:description"), "opengraph"))
    described = [*descriptions, (_first(metas, "description", "twitter:description"), "meta")]
    head.description, head.description_source = next((pair for pair in described if pair[0]), ("", ""))
    dates = Dates(captured_at, zone, head.language)
    head.published = dates.best(
        (lambda: [text_of(main.get("datePublished"))], "json-ld"),
        (lambda: _all(metas, *_PUBLISHED_META), "opengraph"),
        (lambda: _microdata(elements, "datePublished"), "microdata"),
        (lambda: [text_of(of_page.get("datePublished"))], "json-ld"),
    )
    head.modified = dates.best(
        (lambda: [text_of(main.get("dateModified"))], "json-ld"),
        (lambda: _all(metas, *_MODIFIED_META), "opengraph"),
        (lambda: _microdata(elements, "dateModified"), "microdata"),
    )
    head.authors, head.authors_source = read_authors(main, metas, things, elements, head.site_names)
    head.section, head.section_source = _section(main, metas)
    head.tags = _tags(main, metas)
    head.images = _unique(
        joined(url, address)
        for address in [*addresses_of(main.get("image")), *_all(metas, "og:image", "og:image:url", "twitter:image")]
        if address and not address.startswith("data:")
    )[:MAX_LISTED]
    return head


def _metas(elements: Elements) -> dict[str, list[str]]:
    metas: dict[str, list[str]] = {}
    for meta in elements.tagged("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").strip().lower()
        content = clean(meta.get("content") or "")
        if name and content and len(listed := metas.setdefault(name, [])) < MAX_LISTED:
            listed.append(content)
    return metas


def _first(metas: Mapping[str, list[str]], *names: str) -> str:
    return next(iter(_all(metas, *names)), "")


def _all(metas: Mapping[str, list[str]], *names: str) -> list[str]:
    return [value for name in names for value in metas.get(name, ())]


def _site_names(metas: Mapping[str, list[str]], things: list[dict[str, Any]], url: str) -> list[str]:
    names = _all(metas, "og:site_name", "application-name", "apple-mobile-web-app-title")
    for thing in things:
        if types_of(thing) & {"WebSite", "NewsMediaOrganization"}:
            names.append(text_of(thing.get("name")))
        names.append(text_of(thing.get("publisher")))
    host = host_of(url).removeprefix("www.")
    listed = [name for name in names if name and "://" not in name and len(name) <= 3 * MAX_NAME_CHARS][:MAX_LISTED]
    return _unique([*listed, host, host.split(".")[0]])


def _canonical(elements: Elements, metas: Mapping[str, list[str]], url: str) -> tuple[str | None, str]:
    links = (link for link in elements.tagged("link") if "canonical" in (link.get("rel") or "").split())
    named = [((link.get("href") or "").strip(), "html") for link in links]
    for address, source in [*named, *((address, "opengraph") for address in _all(metas, "og:url"))]:
        if address and re.match("https?:", absolute := joined(url, address)):
            return absolute, source
    return None, ""


def _microdata(elements: Elements, name: str) -> Iterator[str]:
    for element in elements.with_property(name):
        yield element.get("datetime") or element.get("content") or ""


def _section(main: Mapping[str, Any], metas: Mapping[str, list[str]]) -> tuple[str | None, str]:
    for text, source in (
        (text_of(main.get("articleSection")), "json-ld"),
        (_first(metas, "article:section"), "opengraph"),
    ):
        if text and len(text) <= MAX_NAME_CHARS and "://" not in text:
            return text, source
    return None, ""


def _tags(main: Mapping[str, Any], metas: Mapping[str, list[str]]) -> list[str]:
    keywords = main.get("keywords")
    listed = (
        keywords
        if isinstance(keywords, list)
        else re.split(r"\s*[,;]\s*", keywords)
        if isinstance(keywords, str)
        else []
    )
    tags = [text_of(tag) for tag in listed[:MAX_LISTED]] + _all(metas, "article:tag")
    if not tags:
        tags = [tag for text in _all(metas, "news_keywords") for tag in re.split(r"\s*[,;]\s*", text)]
    return _unique(tag for tag in tags if tag and len(tag) <= MAX_NAME_CHARS and "://" not in tag)[:50]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))

"""What a page's head says of its article: JSON-LD, OpenGraph, meta tags, microdata, each with its source.  No I/O.

What the page prints for its readers is read in byline.py; `article.py` puts the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from lxml.html import HtmlElement

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
from archive.extract.runs import inner_text
from archive.language import fold
from archive.model import Precision

# A clock or zone may be wrong by some hours; a date further in the future is not one of publication.
FUTURE_TOLERANCE = timedelta(days=1)
OLDEST = datetime(1985, 1, 1, tzinfo=UTC)
MAX_NAME_CHARS = 80
# 10 times the longest of our sample pages, as MAX_LISTED is of names and keywords.
TITLE_LIMIT_CHARS, BODY_LIMIT_CHARS = 2_000, 300_000

_ISO = re.compile(
    r"\s*(\d{4})-(\d\d?)-(\d\d?)(?:[T\s]+(\d\d?)[:.](\d\d)(?:[:.](\d\d)(?:[.,]\d+)?)?\s*(Z|UTC|GMT"
    r"|[+-]\d\d:?\d\d|[+-]\d\d)?)?\s*$",
    re.IGNORECASE,
)
_PUBLISHED_META = (
    "article:published_time",
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
_MODIFIED_META = ("article:modified_time", "og:updated_time", "datemodified", "last-modified", "dcterms.modified")
_SEPARATORS = re.compile(r"\s+[-|–—»«:•·/]+\s+|\s*[|»]\s*|\s+::\s+")


@dataclass(frozen=True, slots=True)
class Moment:
    """A date that a page gives for machines."""

    at: datetime  # UTC
    precision: Precision
    source: str


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
    is_article: bool = False  # says of itself that it is one
    body: str = ""  # the whole text, where the page carries it for machines


def read_head(tree: HtmlElement, *, url: str, zone: ZoneInfo, captured_at: datetime) -> Head:
    """The head's fields, JSON-LD before OpenGraph before microdata; dates after the capture are refused."""
    metas, things = _metas(tree), list(read_things(tree))
    main = main_thing(things, url)
    page = next((thing for thing in things if types_of(thing) & PAGE_TYPES), {})
    head = Head(page_title=clean("".join(tree.xpath("string((//head/title | //title)[1])")))[:TITLE_LIMIT_CHARS])
    head.canonical = _canonical(tree, metas, url)
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
    dates = _Dates(zone, captured_at)
    head.published = (
        dates.read([text_of(main.get("datePublished"))], "json-ld")
        or dates.read(_all(metas, *_PUBLISHED_META), "opengraph")
        or dates.read(_microdata(tree, "datePublished"), "microdata")
        or dates.read([text_of(page.get("datePublished"))], "json-ld")
    )
    head.modified = (
        dates.read([text_of(main.get("dateModified"))], "json-ld")
        or dates.read(_all(metas, *_MODIFIED_META), "opengraph")
        or dates.read(_microdata(tree, "dateModified"), "microdata")
    )
    head.authors, head.authors_source = _authors(main, metas, things, tree)
    head.section, head.section_source = _section(main, metas)
    head.tags = _tags(main, metas)
    head.images = _unique(
        joined(url, address)
        for address in [*addresses_of(main.get("image")), *_all(metas, "og:image", "og:image:url", "twitter:image")]
        if address and not address.startswith("data:")
    )[:MAX_LISTED]
    return head


def parse_moment(text: str, *, zone: ZoneInfo, source: str) -> Moment | None:
    """A date written for machines: ISO 8601 with or without clock and offset, or RFC 5322; without offset in `zone`."""
    found = _ISO.match(text[:60])
    try:
        if not found:
            return Moment(parsedate_to_datetime(text[:60]).astimezone(UTC), Precision.MINUTE, source)
        year, month, day = (int(part) for part in found.group(1, 2, 3))
        if found[4] is None:
            return Moment(datetime(year, month, day, tzinfo=zone).astimezone(UTC), Precision.DAY, source)
        at = datetime(year, month, day, int(found[4]), int(found[5]), int(found[6] or 0), tzinfo=zone)
        if found[7]:
            at = at.replace(tzinfo=None) - _offset(found[7])
            at = at.replace(tzinfo=UTC)
        return Moment(at.astimezone(UTC), Precision.MINUTE, source)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _offset(text: str) -> timedelta:
    digits = re.sub(r"\D", "", text).ljust(4, "0")
    if not digits.strip("0"):
        return timedelta()
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return -length if text.startswith("-") else length


def is_plausible(at: datetime, captured_at: datetime) -> bool:
    """Whether something captured then can have been published at that time."""
    return OLDEST <= at <= captured_at + FUTURE_TOLERANCE


def without_site_name(title: str, site_names: Iterable[str]) -> str:
    """A page title without the parts that are the site's name."""
    names = {bare(name) for name in site_names if name}
    pieces = _pieces(title)
    while len(pieces) > 1 and bare(pieces[-1][0]) in names:
        pieces.pop()
    while len(pieces) > 1 and bare(pieces[0][0]) in names:
        pieces.pop(0)
    if not pieces:
        return title.strip()
    return title[pieces[0][1] : pieces[-1][2]].strip()


def _pieces(title: str) -> list[tuple[str, int, int]]:
    """The parts of a title between its separators, with where they begin and end."""
    found, begin = [], 0
    for match in _SEPARATORS.finditer(title):
        found.append((title[begin : match.start()], begin, match.start()))
        begin = match.end()
    found.append((title[begin:], begin, len(title)))
    return [piece for piece in found if piece[0].strip()]


def bare(text: str) -> str:
    """Letters and digits alone, folded: for comparing titles."""
    return re.sub(r"[\W_]+", "", fold(text))


class _Dates:
    def __init__(self, zone: ZoneInfo, captured_at: datetime) -> None:
        self.zone, self.captured_at = zone, captured_at

    def read(self, texts: Iterable[str], source: str) -> Moment | None:
        moments = (parse_moment(text, zone=self.zone, source=source) for text in texts if text)
        return next((moment for moment in moments if moment and is_plausible(moment.at, self.captured_at)), None)


def _metas(tree: HtmlElement) -> dict[str, list[str]]:
    metas: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
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


def _canonical(tree: HtmlElement, metas: Mapping[str, list[str]], url: str) -> str | None:
    links = [str(href).strip() for href in tree.xpath("//link[contains(concat(' ', @rel, ' '), ' canonical ')]/@href")]
    for address in [*links, *_all(metas, "og:url")]:
        if re.match("https?:", absolute := joined(url, address)):
            return absolute
    return None


def _microdata(tree: HtmlElement, name: str) -> list[str]:
    found = tree.xpath("//*[contains(concat(' ', @itemprop, ' '), $name)][position() <= 5]", name=f" {name} ")
    return [str(element.get("datetime") or element.get("content") or "") for element in found]


def _authors(
    main: Mapping[str, Any], metas: Mapping[str, list[str]], things: list[dict[str, Any]], tree: HtmlElement
) -> tuple[list[str], str]:
    people = {thing["@id"]: text_of(thing.get("name")) for thing in things if isinstance(thing.get("@id"), str)}
    named = main.get("author") or main.get("creator")
    names = []
    for one in named[:MAX_LISTED] if isinstance(named, list) else [named]:
        listed = one.get("name") if isinstance(one, dict) else one
        for name in listed[:MAX_LISTED] if isinstance(listed, list) else [listed]:
            names.append(text_of(name) or (people.get(str(one.get("@id")), "") if isinstance(one, dict) else ""))
    found = tree.xpath("//*[@itemprop='author' and not(self::meta)]")[:3]
    marked = [inner_text(element, limit=TITLE_LIMIT_CHARS, between=" ") for element in found]
    for source, listed in (
        ("json-ld", names),
        ("opengraph", _all(metas, "article:author", "author", "dc.creator", "parsely-author", "sailthru.author")),
        ("microdata", marked),
    ):
        cleaned = clean_names(listed)
        if cleaned:
            return cleaned, source
    return [], ""


_NAME_LABEL = re.compile(
    r"^(?:by|von|par|por|di|av|yazan|yazar|haber|muhabir|editör|kaynak|автор|текст|мақала авторы)\s*[:：]\s*|^by\s+",
    re.IGNORECASE,
)


def clean_names(names: Iterable[str]) -> list[str]:
    """Names of people or desks, without labels, addresses and repetitions; two joined by "ve" or "and" apart."""
    cleaned: list[str] = []
    for name in names:
        name = _NAME_LABEL.sub("", clean(name)) if len(name) <= TITLE_LIMIT_CHARS else ""
        if not name or "://" in name or len(name) > 3 * MAX_NAME_CHARS:
            continue
        parts = re.split(r"\s*[;|]\s*|\s*,\s+(?=\w+[\s.]+\w)|\s+(?:ve|and|und|et|и|және)\s+(?=\w+[\s.]+\w)", name)
        whole = len(parts) > 1 and any(" " not in part.strip() for part in parts)
        cleaned += [part.strip(" ,.-–|") for part in ([name] if whole else parts)]
    return _unique(name for name in cleaned if 2 <= len(name) <= MAX_NAME_CHARS and "@" not in name)[:MAX_LISTED]


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

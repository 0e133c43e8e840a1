"""What a page's head says of its article: JSON-LD, OpenGraph, meta tags, microdata, each with its source.  No I/O.

What the page prints for its readers is read in byline.py; `article.py` puts the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from lxml.html import HtmlElement

from archive.dates import parse_date
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
    r"\s*(\d{4})[-/](\d\d?)[-/](\d\d?)(?:[T\s]+(\d\d?)[:.](\d\d)(?:[:.](\d\d)(?:[.,]\d+)?)?\s*(Z|UTC|GMT"
    r"|[+-]\d\d:?\d\d|[+-]\d\d)?)?\s*$",
    re.IGNORECASE,
)
# 2024-03-08T09:05 without marks.
_COMPACT = re.compile(r"^\s*(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(?:\d\d)?(?=Z|[+-]|\s*$)(.*)")
_AMBIGUOUS = re.compile(r"\s*\d\d?/\d\d?/\d")
# Zones by letters that RFC 5322 does not know, in hours east.
_HOURS = {"CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "WEST": 1, "BST": 1, "MSK": 3, "TRT": 3, "JST": 9}
MAX_DATES = 5  # of one field are looked at; reading a printed one may take a millisecond
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
_AUTHOR_META = (
    "article:author",
    "author",
    "dc.creator",
    "parsely-author",
    "sailthru.author",
    "articleauthor",
    "article:author_name",
    "og:article:author",
    "cxenseparse:author",
    "mrf:authors",
    "dcsext.author",
    "twitter:misc:written by",
)
_WRITTEN_BY = re.compile("written|yaz|verfasst|geschrieben|написано|автор|ecrit|escrito|scritto|жазган")
MAX_MARKED, MAX_INSIDE = 20, 50  # elements that say author, and elements in them that may be the name
MAX_PIECES = 8  # of a page title; with more it is a list of keywords
_SEPARATORS = re.compile(r"\s+[-|–—:•·/]+\s+|\s*[|｜]\s*|\s*::+\s+")
_ARROWS = re.compile(rf"{_SEPARATORS.pattern}|\s*[»«]\s+")  # where they are no quotes


@dataclass(frozen=True, slots=True)
class Moment:
    """A date that a page gives for machines."""

    at: datetime  # UTC
    precision: Precision
    source: str

    def is_day_of(self, other: Moment) -> bool:
        """Whether this, which is only a day, may be the day of another moment, in whatever zone that was written."""
        return timedelta(hours=-14) <= other.at - self.at < timedelta(hours=24 + 14)


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
    metas: Mapping[str, list[str]] = field(default_factory=dict)  # name in lower case → contents
    things: list[dict[str, Any]] = field(default_factory=list)  # all objects of the JSON-LD
    main: Mapping[str, Any] = field(default_factory=dict)  # of these, the article


def read_head(tree: HtmlElement, *, url: str, zone: ZoneInfo, captured_at: datetime) -> Head:
    """The head's fields, JSON-LD before OpenGraph before microdata; dates after the capture are refused."""
    metas, things = _metas(tree), list(read_things(tree))
    main = main_thing(things, url)
    page = next((thing for thing in things if types_of(thing) & PAGE_TYPES), {})
    head = Head(page_title=clean("".join(tree.xpath("string((//head/title | //title)[1])")))[:TITLE_LIMIT_CHARS])
    head.metas, head.things, head.main = metas, things, main
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
    dates = _Dates(zone, captured_at, head.language)
    head.published = dates.best(
        (lambda: [text_of(main.get("datePublished"))], "json-ld"),
        (lambda: _all(metas, *_PUBLISHED_META), "opengraph"),
        (lambda: _microdata(tree, "datePublished"), "microdata"),
        (lambda: [text_of(page.get("datePublished"))], "json-ld"),
    )
    head.modified = dates.best(
        (lambda: [text_of(main.get("dateModified"))], "json-ld"),
        (lambda: _all(metas, *_MODIFIED_META), "opengraph"),
        (lambda: _microdata(tree, "dateModified"), "microdata"),
    )
    head.authors, head.authors_source = _authors(main, metas, things, tree, head.site_names)
    head.section, head.section_source = _section(main, metas)
    head.tags = _tags(main, metas)
    head.images = _unique(
        joined(url, address)
        for address in [*addresses_of(main.get("image")), *_all(metas, "og:image", "og:image:url", "twitter:image")]
        if address and not address.startswith("data:")
    )[:MAX_LISTED]
    return head


def parse_moment(text: str, *, zone: ZoneInfo, source: str) -> Moment | None:
    """A date written for machines, without offset in `zone`: ISO 8601 with or without clock, RFC 5322, Java's."""
    text = _COMPACT.sub(r"\1-\2-\3T\4:\5\6", text[:60])
    found = _ISO.match(text)
    try:
        if not found:
            at = parsedate_to_datetime(text)
            # Never in the zone of the machine that reads, as a moment without one would be.
            at = at if at.tzinfo else at.replace(tzinfo=_abbreviated(text) or zone)
            return Moment(at.astimezone(UTC), Precision.MINUTE, source)
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


def _abbreviated(text: str) -> timezone | None:
    """The zone that a date names by letters."""
    hours = next((_HOURS[word] for word in re.findall("[A-Z]{3,4}", text) if word in _HOURS), None)
    return None if hours is None else timezone(timedelta(hours=hours))


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
    pieces = pieces_of(title)
    while len(pieces) > 1 and bare(pieces[-1][0]) in names:
        pieces.pop()
    while len(pieces) > 1 and bare(pieces[0][0]) in names:
        pieces.pop(0)
    if not pieces:
        return title.strip()
    return title[pieces[0][1] : pieces[-1][2]].strip()


def pieces_of(title: str) -> list[tuple[str, int, int]]:
    """The parts of a title between its separators, with where they begin and end."""
    found, begin = [], 0
    quotes = "«" in title and "»" in title
    for match in (_SEPARATORS if quotes else _ARROWS).finditer(title):
        found.append((title[begin : match.start()], begin, match.start()))
        begin = match.end()
    found.append((title[begin:], begin, len(title)))
    return [piece for piece in found if piece[0].strip()]


def spans_of(title: str) -> list[str]:
    """A title, and what is left of it without parts at its ends, the longest first."""
    pieces = pieces_of(title)[:MAX_PIECES]
    ends = [(first, last) for first in range(len(pieces)) for last in range(first, len(pieces))]
    return sorted((title[pieces[first][1] : pieces[last][2]].strip() for first, last in ends), key=len, reverse=True)


def bare(text: str) -> str:
    """Letters and digits alone, folded: for comparing titles."""
    return re.sub(r"[\W_]+", "", fold(text))


class _Dates:
    def __init__(self, zone: ZoneInfo, captured_at: datetime, language: str | None) -> None:
        self.zone, self.captured_at = zone, captured_at
        self.language = (language or "").split("-")[0].lower() or None

    def best(self, *fields: tuple[Callable[[], Iterable[str]], str]) -> Moment | None:
        """The moment of the first field that has one; where that is a day, the next field's minute of that day."""
        first = None
        for texts, source in fields:
            moment = self.read(texts(), source)
            if first is None or (moment and moment.precision is Precision.MINUTE and first.is_day_of(moment)):
                first = moment
            if first and first.precision is Precision.MINUTE:
                break
        return first

    def read(self, texts: Iterable[str], source: str) -> Moment | None:
        moments = (self.moment(text, source) for text in islice(filter(None, texts), MAX_DATES))
        return next((moment for moment in moments if moment and is_plausible(moment.at, self.captured_at)), None)

    def moment(self, text: str, source: str) -> Moment | None:
        """A date as machines write it, or as it is printed; 03/08/2024 may be of March or of August."""
        moment = parse_moment(text, zone=self.zone, source=source)
        if moment or _AMBIGUOUS.match(text):
            return moment
        line = re.sub(r"\s*\([^()]{0,60}\)\s*$", "", text[:120])  # JavaScript adds the zone's name
        found = parse_date(line, captured_at=self.captured_at, zone=self.zone, language=self.language)
        return Moment(found.at.astimezone(UTC), found.precision, source) if found else None


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
    main: Mapping[str, Any],
    metas: Mapping[str, list[str]],
    things: list[dict[str, Any]],
    tree: HtmlElement,
    site_names: Iterable[str],
) -> tuple[list[str], str]:
    """The first names that are not the site's own; those where there are no others."""
    found = [(names, source) for names, source in _named(main, metas, things, tree) if names]
    people = ((names, source) for names, source in found if is_somebody(names, site_names))
    return next(people, found[0] if found else ([], ""))


def is_somebody(names: Iterable[str], site_names: Iterable[str]) -> bool:
    """Whether names are of others than the site itself, with or without its town."""
    sites = {site for name in site_names if (site := bare(name))}
    return any(bare(name) not in sites and bare(name.split(",")[0]) not in sites for name in names)


def _named(
    main: Mapping[str, Any], metas: Mapping[str, list[str]], things: list[dict[str, Any]], tree: HtmlElement
) -> Iterator[tuple[list[str], str]]:
    """Names and their source, the best first."""
    people = {thing["@id"]: text_of(thing.get("name")) for thing in things if isinstance(thing.get("@id"), str)}
    named = main.get("author") or main.get("creator")
    names = []
    for one in named[:MAX_LISTED] if isinstance(named, list) else [named]:
        listed = one.get("name") if isinstance(one, dict) else one
        for name in listed[:MAX_LISTED] if isinstance(listed, list) else [listed]:
            names.append(text_of(name) or (people.get(str(one.get("@id")), "") if isinstance(one, dict) else ""))
    yield clean_names(names), "json-ld"
    for name in _AUTHOR_META:
        yield clean_names(metas.get(name, ())), "opengraph"
    # What Yoast, the plug-in of most WordPress sites, tells Slack: "Written by" in the language of the site.
    for number in (1, 2, 3):
        if _WRITTEN_BY.match(fold(_first(metas, f"twitter:label{number}"))):
            yield clean_names(metas.get(f"twitter:data{number}", ())), "opengraph"
    yield clean_names(_marked_authors(tree)), "microdata"


def _marked_authors(tree: HtmlElement) -> list[str]:
    """What is marked up as author: the first, and those beside it; others are of other articles."""
    found = tree.xpath("//*[@itemprop='author' and not(self::meta)]")[:MAX_MARKED]
    near = list(islice(found[0].iterancestors(), 3)) if found else []
    beside = [element for element in found if element is found[0] or near[-1] in islice(element.iterancestors(), 6)]
    names = []
    for element in beside:
        name = next((inner for inner in islice(element.iter(), MAX_INSIDE) if inner.get("itemprop") == "name"), element)
        names.append(inner_text(name, limit=TITLE_LIMIT_CHARS, between=" ") or name.get("content") or "")
    return names


_NAME_LABEL = re.compile(
    r"^(?:by|von|par|por|di|av|yazan|yazar|haber|muhabir|editör|kaynak|автор|текст|мақала авторы)\s*[:：]\s*"
    r"|^(?:\w+ )?by\s+",
    re.IGNORECASE,
)
_NO_AUTHOR = re.compile(
    r"(?:foto(?:ğraf)?|photos?|фото|сурет|görsel|video)\w*\s*[:：/]|.*(?:\b(?:19|20)\d\d\b|\d:\d\d)", re.I
)
# What somebody is, behind the name.
_ROLES = (
    "writer|editor|reporter|correspondent|journalist|columnist|producer|contributor|muhabiri?|editoru?|yazari?"
    "|redakteur(?:in)?|redaktion|korrespondent(?:in)?|корреспондент|журналист|редактор|обозреватель"
)
_ROLE = re.compile(rf"\b(?:{_ROLES})\b")
_BETWEEN_NAMES = re.compile(
    r"\s*[;|•]\s*|(?:\s*,\s+|\s*/\s*|\s+(?:ve|and|und|et|и|және|och|og|&|y|e)\s+)(?=\w+[\s.]+\w)"
    rf"|\s*,\s+(?=(?:{_ROLES})\b)",
    re.IGNORECASE,
)


def clean_names(names: Iterable[str]) -> list[str]:
    """Names of people or desks, without labels, roles, addresses and repetitions; several in one text apart."""
    cleaned: list[str] = []
    for name in names:
        name = _NAME_LABEL.sub("", clean(name)) if len(name) <= TITLE_LIMIT_CHARS else ""
        if not name or "://" in name or len(name) > 3 * MAX_NAME_CHARS:
            continue
        first, *others = _BETWEEN_NAMES.split(name)
        parts = [first, *(part for part in others if not _ROLE.search(fold(part)))]
        # "Haber Merkezi ve Spor" is one desk.
        whole = len(parts) > 1 and any(" " not in part.strip() and part[-1:] != "." for part in parts)
        cleaned += map(_trimmed, [name] if whole else parts)
    return _unique(
        name for name in cleaned if 2 <= len(name) <= MAX_NAME_CHARS and "@" not in name and not _NO_AUTHOR.match(name)
    )[:MAX_LISTED]


def _trimmed(name: str) -> str:
    """A name without punctuation round it; the last full stop of initials stays."""
    name = name.strip(" ,-–|")
    return name if re.search(r"\.\s?\w\.$", name) else name.rstrip(".")


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

"""What a site offers without end: calendars, pagination past its last page, combinations of filters.  No I/O.

A trap shows in what pages offer, not in one address. Addresses that differ only in their numbers are a *series*:
`/kategori/spor/page/#/`. While the pages of a series show something new (links out of the series, pictures, a title)
it is followed however deep; after BARREN pages in a row that do not, links from its pages to its pages are refused. In
a row is meant twice: as they are read, and as one led to the other, whatever else of the series is read in between.
Dates have a way of their own: from one page of a calendar to another only within HALF_A_YEAR of a month that has
articles, or that a page outside the calendar names. So an article of a numbered series is followed wherever a list
offers it, and a series of articles is fruitful by its titles.

All is in memory, of bounded size, and gone with the process. What is forgotten counts as new: that costs fetches, not
articles. The order of fetches does not matter: what was refused before its series, or its month, showed something new
is to be followed then (`Reading.released`, MAX_HELD for each).

Not seen as a trap: two series that offer each other's next pages without dates or titles in common, and addresses made
up of words. The profile's max_urls ends those.
"""

from __future__ import annotations

import re
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit

from crawler.urls import PICTURE, months_of

BARREN = 5  # pages in a row
HALF_A_YEAR = 6  # months without an article that a calendar is followed through
FIRST_YEAR = 1990  # the web has no older pages
MAX_VARIANTS = 300  # of one path with MANY_PARAMETERS or more
MANY_PARAMETERS = 3

MAX_SERIES = 5_000
MAX_DISTANCES = 5_000
MAX_HOSTS = 1_000
MAX_HELD = 100  # refusals of one series, or of one host's calendars, that can be taken back
SEEN_SLOTS = 1 << 20  # eight bytes each

ENDLESS, CALENDAR, EMPTY_CALENDAR = "endless series", "calendar", "calendar without articles"
VARIANTS, SESSION = "too many variants", "session id"

# An escape is no number; a long mixture of letters and digits in a query is one: the place in a list, as some write it.
_NUMBER = re.compile(r"%[0-9A-F]{2}|\d+")
_TOKEN = re.compile(r"(?<==)[^&-]{16,}(?=&|$)")
# The page of a long discussion is no list of articles, and ends where the comments do.
_COMMENTS = re.compile(r"/comment-page-\d|[?&]cpage=\d")
_PATH_SESSION = re.compile(
    r"/(\((?:[a-z]\([0-9a-z]{24}\))+\)|(?:sid|sess|session|s)[-_=](?=[a-f]*\d)[0-9a-f]{16,})(?:/|$)", re.IGNORECASE
)


def series_of(url: str) -> str | None:
    """A clean URL with its numbers left out, `haber.example/page/#/`; None when it has none."""
    return _shape(url).series


def same_series(one: str, other: str) -> bool:
    """Whether two URLs differ in their numbers only: the next page of a list is no deeper than the page before."""
    series = series_of(one)
    return series is not None and series == series_of(other)


@dataclass(frozen=True, slots=True)
class _Shape:
    host: str
    series: str | None
    months: range | None  # of a date archive or a leaf of a calendar, as year * 12 + month - 1
    tail: str  # the end of the address that holds its numbers


@lru_cache(maxsize=8192)
def _shape(url: str) -> _Shape:
    host, slash, rest = url.partition("://")[2].partition("/")
    path, mark, query = rest.partition("?")
    if mark:
        query = _TOKEN.sub(_without_token, query)
    series = _NUMBER.sub(_without_number, f"{path}{mark}{query}")
    if series == rest:
        return _Shape(host, None, None, rest)
    tail = query.rpartition("&")[2] if mark else "/".join(path.split("/")[-3 if path.endswith("/") else -2 :])
    return _Shape(host, f"{host}{slash}{series}", months_of(url), unquote(tail if tail.strip("/") else rest))


def _without_number(found: re.Match[str]) -> str:
    return found[0] if found[0][0] == "%" else "#"


def _without_token(found: re.Match[str]) -> str:
    token = found[0]
    return "#" if any(map(str.isdigit, token)) and any(map(str.isalpha, token)) else token


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of the links of one page."""

    refused: dict[str, str]  # of its links, with the rule
    released: tuple[str, ...]  # links of pages read earlier, refused then, and to be followed now


@dataclass(slots=True)
class _Series:
    barren: int = 0  # pages in a row
    held: dict[str, None] = field(default_factory=dict)  # what was refused since


@dataclass(slots=True)
class _Calendar:
    """The dates of one host."""

    alive: set[int] = field(default_factory=set)  # months with articles, or named by pages outside the calendar
    held: dict[str, range] = field(default_factory=dict)

    def is_near(self, months: range) -> bool:
        """Whether a month with articles is near."""
        return any(month in self.alive for month in range(months.start - HALF_A_YEAR, months.stop + HALF_A_YEAR))

    def enliven(self, months: range) -> tuple[str, ...]:
        """Count months as alive; what was held and is near them now."""
        if self.alive.issuperset(months):
            return ()
        self.alive.update(months)
        released = tuple(url for url, held in self.held.items() if self.is_near(held))
        for url in released:
            del self.held[url]
        return released


class Traps:
    """What the pages of one crawl have shown so far."""

    def __init__(self, article: Sequence[str] = ()) -> None:
        """`article`: the profile's patterns; what they find is never refused."""
        self._article = tuple(re.compile(pattern) for pattern in article)
        self._seen = array("Q", bytes(8 * SEEN_SLOTS))
        self._series = _Recent[_Series](MAX_SERIES)
        self._distances = _Recent[int](MAX_DISTANCES)  # barren pages that led to a URL
        self._calendars = _Recent[_Calendar](MAX_HOSTS)
        self._variants = _Recent[list[int]](MAX_HOSTS)  # a list of one: how many
        self._sessions = _Recent[str](MAX_HOSTS)

    def refuse(self, url: str, *, today: date) -> str | None:
        """The rule against a clean URL of the site, wherever it was found; None when it is followed."""
        if self._is_article(url):
            return None
        months = _shape(url).months
        if months and not (months.stop > FIRST_YEAR * 12 and months.start <= today.year * 12 + today.month):
            return CALENDAR  # beyond next month
        return self._refuse_session(url) or self._refuse_variant(url)

    def read(
        self, url: str, pages: Iterable[str], *, requisites: Iterable[str] = (), title: str = "", today: date
    ) -> Reading:
        """Read a page that was fetched: its own URL, its links that the scope lets pass, what it shows, its title."""
        own = _shape(url)
        refused = dict[str, str]()
        links = list[str]()
        for link in dict.fromkeys(pages):
            if link == url:
                continue
            if rule := self.refuse(link, today=today):
                refused[link] = rule
            else:
                links.append(link)
        if own.months:
            released = self._read_date(own, own.months, links, refused)
        else:
            released = self._name_dates(links)
            if own.series and not _COMMENTS.search(url):
                released += self._read_series(
                    url, own, links, pictures=_pictures(requisites), title=title, refused=refused
                )
        return Reading(refused, released)

    # ------------------------------------------------------------ series

    def _read_series(
        self,
        url: str,
        own: _Shape,
        links: list[str],
        *,
        pictures: Iterator[str],
        title: str,
        refused: dict[str, str],
    ) -> tuple[str, ...]:
        series = own.series or ""
        siblings = [link for link in links if _shape(link).series == series]
        if not siblings:
            return ()
        shown = [link for link in links if self._leads_out(link, own)]
        shown += pictures
        shown += [_NUMBER.sub("#", title)] if title else []
        is_first = self._is_new(f"pages of {series}", url)
        if self._count_new(series, shown):
            for link in siblings:
                self._distances.pop(link)
            state = self._series.pop(series)
            return tuple(state.held) if state else ()
        if not is_first:  # a page that is looked at again is no news, and nothing against its series
            return ()
        state = self._series.get(series, _Series)
        state.barren += 1
        distance = (self._distances.peek(url) or 0) + 1
        for link in links:
            if self._is_article(link) or not (_shape(link).series == series or _ends_in(link, own)):
                continue
            self._distances.put(link, min(distance, self._distances.peek(link) or distance))
            if distance >= BARREN:
                refused[link] = ENDLESS
            elif state.barren >= BARREN and _shape(link).series == series:
                refused[link] = ENDLESS
                if len(state.held) < MAX_HELD:
                    state.held[link] = None
        return ()

    def _leads_out(self, link: str, own: _Shape) -> bool:
        """Whether a link of a page can show that its series goes on.

        Not by a sibling, nor a date (every day has an archive, empty or not), nor by an address that is new only
        because it ends in the page's own: the same page in another language, a form that is told where it stands.
        """
        shape = _shape(link)
        return shape.series != own.series and not shape.months and not _ends_in(link, own)

    # ------------------------------------------------------------ dates

    def _read_date(self, own: _Shape, months: range, links: list[str], refused: dict[str, str]) -> tuple[str, ...]:
        """A date archive, or a leaf of a calendar: its month lives when it shows what no other date has shown."""
        calendar = self._calendars.get(own.host, _Calendar)
        shown = [link for link in links if not _shape(link).months]
        released = calendar.enliven(months) if self._count_new(f"dates of {own.host}", shown) else ()
        for link in links:
            shape = _shape(link)
            if shape.months and shape.host == own.host and not calendar.is_near(shape.months):
                refused[link] = EMPTY_CALENDAR
                if len(calendar.held) < MAX_HELD:
                    calendar.held[link] = shape.months
        return released

    def _name_dates(self, links: list[str]) -> tuple[str, ...]:
        """Dates that a page outside all calendars names: where a calendar is entered, and when articles are from."""
        released = list[str]()
        for link in links:
            shape = _shape(link)
            if shape.months:
                released += self._calendars.get(shape.host, _Calendar).enliven(shape.months)
        return tuple(released)

    # ------------------------------------------------------------ sessions, variants

    def _refuse_session(self, url: str) -> str | None:
        """One session of each host is followed: the next shows the same site again."""
        parts = urlsplit(url)
        if not (session := _PATH_SESSION.search(parts.path)):
            return None
        return None if self._sessions.get(parts.netloc, lambda: session[1]) == session[1] else SESSION

    def _refuse_variant(self, url: str) -> str | None:
        """Beyond a number of variants of one path, only those with a value that is new there: an article's id is."""
        path, _, query = url.partition("?")
        values = [piece for piece in query.split("&") if piece]
        if len(values) < MANY_PARAMETERS:
            return None
        count = self._variants.get(path, lambda: [0])
        news = self._count_new(f"values of {path}", values)
        if not self._is_new(f"variants of {path}", url, note=count[0] < MAX_VARIANTS or news > 0):
            return None
        if count[0] >= MAX_VARIANTS and not news:
            return VARIANTS
        count[0] += 1
        return None

    # ------------------------------------------------------------ memory

    def _is_article(self, url: str) -> bool:
        return any(pattern.search(url) for pattern in self._article)

    def _count_new(self, group: str, things: Iterable[str]) -> int:
        return sum(self._is_new(group, thing) for thing in things)

    def _is_new(self, group: str, thing: str, *, note: bool = True) -> bool:
        """Whether a group has not shown a thing before, as far as is remembered; from now on it has.

        A table of hashes with two places for each, the younger in place of the older: what is lost counts as new.
        """
        mark = hash((group, thing)) & 0xFFFF_FFFF_FFFF_FFFF
        first, second = mark % SEEN_SLOTS, (mark >> 32) % SEEN_SLOTS
        if mark in (self._seen[first], self._seen[second]):
            return False
        if note:
            self._seen[second if self._seen[first] else first] = mark
        return True


def _ends_in(link: str, own: _Shape) -> bool:
    return unquote(link).endswith(own.tail)


def _pictures(requisites: Iterable[str]) -> Iterator[str]:
    """Pictures among what a page needs, less their queries: counters and advertisements have a new one each time."""
    for url in requisites:
        path = url.partition("?")[0]
        if PICTURE.search(path):
            yield path


T = TypeVar("T")


class _Recent(Generic[T]):
    """A mapping that forgets what was not asked for the longest time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = OrderedDict[str, T]()

    def get(self, key: str, make: Callable[[], T]) -> T:
        """What is kept under a key, made when there is nothing."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if len(self._kept) >= self._size:
            self._kept.popitem(last=False)
        kept = self._kept[key] = make()
        return kept

    def peek(self, key: str) -> T | None:
        """What is kept under a key."""
        return self._kept.get(key)

    def put(self, key: str, value: T) -> None:
        """Keep a value under a key."""
        self.get(key, lambda: value)
        self._kept[key] = value

    def pop(self, key: str) -> T | None:
        """What was kept under a key, and no longer is."""
        return self._kept.pop(key, None)

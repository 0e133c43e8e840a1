"""`muragat alarms`: weeks in which a site's pages were read worse than before, because they look different.

Of the pages that should be articles, how many lacked what: per site and week, and per layout where the profile names
one. An alarm is a share that jumps. It stands, week after week, until the pages are read again by rules that fit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlite_utils import Database

MIN_PAGES = 5  # a week with fewer is counted together with the next one
SHARE = 0.2  # of a week's pages; less may be chance: a film without text, a page that is another thing
TIMES = 2.0  # the share of the calm weeks before
WEEKS_BEFORE = 8
LACKS = ("article", "text", "date")  # of pages, as `captures.lacks` has them
# Fields that a layout must find on each article; authors, section and tags are not on all.
LAYOUT_FIELDS = ("article", "title", "date", "body")
_SAID = {"article": "gave no article", "text": "have an article without text", "date": "have an article without date"}


@dataclass(frozen=True, slots=True)
class Week:
    """What the pages of one site, or those under one of its layouts, lacked in a week."""

    site: str
    layout: str | None  # its days, as SINCE..UNTIL; None: all pages of the site
    week: str  # its Monday, YYYY-MM-DD; of weeks with few pages, of the first
    until: str  # its Sunday; of the last
    pages: int  # addresses that should be articles, each by its last capture of the week
    missing: Mapping[str, int]  # what was not found → pages: LACKS, or LAYOUT_FIELDS under a layout

    def share(self, what: str) -> float:
        """Of its pages, those on which this was not found."""
        return self.missing.get(what, 0) / self.pages if self.pages else 0.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """A share that jumped."""

    site: str
    layout: str | None  # None: extraction as a whole, not a layout's selector
    week: str
    until: str
    what: str
    pages: int
    share: float
    before: float | None  # in the calm weeks before; None where there are none
    example: str = ""  # the newest page of these
    do: str = ""  # what a person does now

    def __str__(self) -> str:
        found = (
            f"have nothing where the layout {self.layout} looks for {self.what}" if self.layout else _SAID[self.what]
        )
        before = "" if self.before is None else f", {self.before:.0%} before"
        return f"{self.site}, week of {self.week}: {self.share:.0%} of {self.pages} pages {found}{before}"


@dataclass(frozen=True, slots=True)
class Alarms:
    """The weeks, the oldest first, and the alarms that stand, the newest first."""

    weeks: tuple[Week, ...]
    alarms: tuple[Alarm, ...]


def alarms(db: Database, *, since: datetime | None = None) -> Alarms:
    """The weeks that reach to `since`, and their alarms; those before are what they are held against."""
    series = [joined(weeks) for weeks in _series(db)]
    floor = f"{since:%Y-%m-%d}" if since else ""
    found = [alarm for alarm in _newest_first(series) if alarm.until >= floor]
    weeks = [week for weeks in series for week in weeks if week.until >= floor]
    weeks.sort(key=lambda week: (week.week, week.site, week.layout or ""))
    return Alarms(tuple(weeks), tuple(_explained(db, alarm) for alarm in found))


def standing(db: Database) -> list[Alarm]:
    """The alarms that stand, the newest first, without examples and advice."""
    return _newest_first(joined(weeks) for weeks in _series(db))


def _newest_first(series: Iterable[Sequence[Week]]) -> list[Alarm]:
    found = [alarm for weeks in series for alarm in raised(weeks)]
    found.sort(key=lambda alarm: (alarm.site, alarm.layout or "", alarm.what))
    found.sort(key=lambda alarm: alarm.week, reverse=True)
    return found


def joined(weeks: Iterable[Week]) -> list[Week]:
    """The weeks of one series, those with few pages made one with the next; the last may stay short."""
    done, open_ = list[Week](), None
    for week in weeks:
        if open_:
            missing = Counter(open_.missing) + Counter(week.missing)
            week = replace(week, week=open_.week, pages=open_.pages + week.pages, missing=dict(missing))
        open_ = week if week.pages < MIN_PAGES else None
        if open_ is None:
            done.append(week)
    return [*done, open_] if open_ else done


def raised(weeks: Sequence[Week]) -> Iterator[Alarm]:
    """The alarms of one series: a share above the limit, and well above that of the calm weeks before.

    Weeks in alarm are not calm, so an alarm does not fade as what is wrong becomes the habit. A layout that never
    matched is an alarm; that some of a site's addresses never were articles is none.
    """
    for what in sorted({what for week in weeks for what in week.missing}):
        calm = list[Week]()
        for week in weeks:
            if week.pages < MIN_PAGES:
                continue
            recent = calm[-WEEKS_BEFORE:]
            pages = sum(one.pages for one in recent)
            before = sum(one.missing.get(what, 0) for one in recent) / pages if pages else None
            share = week.share(what)
            if share > SHARE and share > TIMES * (before or 0) and (week.layout or before is not None):
                yield Alarm(week.site, week.layout, week.week, week.until, what, week.pages, share, before)
            else:
                calm.append(week)


# Each address by its last capture of the week: many looks at one page are one page.
_COUNTS = """
SELECT site, layout, week, lacks, unmatched, count(*) FROM (
    SELECT site, layout, date(captured_at, '-6 days', 'weekday 1') AS week, lacks, unmatched,
        max(captured_at || warc || printf('%020d', "offset"))
    FROM captures WHERE lacks IS NOT NULL AND site IS NOT NULL GROUP BY site, week, urlkey)
GROUP BY 1, 2, 3, 4, 5
"""


def _series(db: Database) -> Iterator[list[Week]]:
    """The weeks of each site, and of each layout, by time."""
    counted: dict[tuple[str, str, str], Counter[str]] = {}
    for site, layout, week, lacks, unmatched, pages in db.execute(_COUNTS):
        named = [(None, json.loads(lacks))]
        if layout is not None:
            named.append((layout, [field for field in json.loads(unmatched or "[]") if field in LAYOUT_FIELDS]))
        for name, missing in named:
            count = counted.setdefault((site, "" if name is None else f"={name}", week), Counter())
            count.update({"pages": pages, **dict.fromkeys(missing, pages)})
    for (site, name), keys in groupby(sorted(counted), key=lambda key: key[:2]):
        yield [
            Week(
                site,
                name[1:] if name else None,
                week,
                f"{date.fromisoformat(week) + timedelta(days=6)}",
                counted[site, name, week]["pages"],
                {what: count for what, count in sorted(counted[site, name, week].items()) if what != "pages"},
            )
            for _, _, week in keys
        ]


def _explained(db: Database, alarm: Alarm) -> Alarm:
    """An alarm with a page to look at and what to do."""
    column = "lacks" if alarm.layout is None else "unmatched"
    row = db.execute(
        "SELECT url FROM captures WHERE lacks IS NOT NULL AND site = ? AND captured_at >= ? AND captured_at < ?"
        f" AND (? IS NULL OR layout = ?) AND {column} LIKE ? ORDER BY captured_at DESC, url LIMIT 1",
        [
            alarm.site,
            alarm.week,
            f"{date.fromisoformat(alarm.until) + timedelta(days=1)}",
            alarm.layout,
            alarm.layout,
            f'%"{alarm.what}"%',
        ],
    ).fetchone()
    do = (
        f"`muragat show URL --raw` shows what such a page is made of. Give sites/{alarm.site}.toml a [[layout]] with"
        f" since = {alarm.week}, or the day the new look came, and selectors for its fields; then"
        " `muragat index --stale` reads those pages again."
    )
    return replace(alarm, example=row[0] if row else "", do=do)

"""Dates that a page gives for machines, held against the capture.  After ISO 8601, RFC 5322.  No I/O.

How a date is printed for readers is read in archive/dates.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from zoneinfo import ZoneInfo

from archive.dates import parse_date
from archive.model import Precision, PrintedDate

# A clock or zone may be wrong by some hours; a date further in the future is not one of publication.
FUTURE_TOLERANCE = timedelta(days=1)
OLDEST = datetime(1985, 1, 1, tzinfo=UTC)
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


@dataclass(frozen=True, slots=True)
class Moment:
    """A date that a page gives for machines."""

    at: datetime  # UTC
    precision: Precision
    source: str

    def is_day_of(self, other: Moment) -> bool:
        """Whether this, which is only a day, may be the day of another moment, in whatever zone that was written."""
        return timedelta(hours=-14) <= other.at - self.at < timedelta(hours=24 + 14)


class Dates:
    """How the dates of one page are read; those that nothing captured then can have are refused."""

    def __init__(self, captured_at: datetime, zone: ZoneInfo, language: str | None) -> None:
        self.captured_at, self.zone = captured_at, zone
        self.language = (language or "").split("-")[0].lower() or None

    def written(self, text: str, source: str) -> Moment | None:
        """A date for machines."""
        moment = parse_moment(text, zone=self.zone, source=source)
        return moment if moment and self.may_be(moment.at) else None

    def printed(self, text: str) -> PrintedDate | None:
        """A date for readers."""
        found = parse_date(text, captured_at=self.captured_at, zone=self.zone, language=self.language)
        return found if found and self.may_be(found.at) else None

    def may_be(self, at: datetime) -> bool:
        """Whether what was captured then can have been published at that time."""
        return OLDEST <= at <= self.captured_at + FUTURE_TOLERANCE

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
        moments = (self.either(text, source) for text in islice(filter(None, texts), MAX_DATES))
        return next((moment for moment in moments if moment and self.may_be(moment.at)), None)

    def either(self, text: str, source: str) -> Moment | None:
        """A date as machines write it, or as it is printed; 03/08/2024 may be of March or of August."""
        moment = parse_moment(text, zone=self.zone, source=source)
        if moment or _AMBIGUOUS.match(text):
            return moment
        line = re.sub(r"\s*\([^()]{0,60}\)\s*$", "", text[:120])  # JavaScript adds the zone's name
        found = parse_date(line, captured_at=self.captured_at, zone=self.zone, language=self.language)
        return Moment(found.at.astimezone(UTC), found.precision, source) if found else None


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

"""Times as people type them, on the command line and in searches: a year, a month, a day, a moment.  No clock.

Dates as sites print them are read by archive/dates.py.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from archive.errors import QueryError

_PARTIAL = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2}))?)?)?)?(Z?)")


def parse_time(text: str, zone: tzinfo = UTC) -> datetime:
    """`2024`, `2024-03`, `2024-03-15`, ISO 8601 or 14 digits, by the clock of `zone` unless it names another; in UTC.

    Raises QueryError.
    """
    return _in_utc(_read(text, zone), text)


def end_of(text: str, zone: tzinfo = UTC) -> datetime:
    """The first moment after the year, month, day, minute or second that a text names: 2024 includes all of 2024.

    As `parse_time`; raises QueryError.
    """
    at, digits = _read(text, zone), len(re.sub(r"\D", "", text))
    try:
        end = _after(at, digits)
    except (OverflowError, ValueError) as error:
        raise QueryError(f"{text!r} is too far in the future: years are 1 to 9999") from error
    return _in_utc(end, text)


def _read(text: str, zone: tzinfo) -> datetime:
    if match := _PARTIAL.fullmatch(text.strip()):
        *parts, utc = match.groups()
        year, month, day, hour, minute, second = (int(part) if part else None for part in parts)
        try:
            return datetime(
                year or 0,  # the year 0 is none, and said to be
                1 if month is None else month,
                1 if day is None else day,
                hour or 0,
                minute or 0,
                second or 0,
                tzinfo=UTC if utc else zone,
            )
        except ValueError as error:
            raise QueryError(f"{text!r} is not a time: {error}") from error
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(
            f"{text!r} is not a time; examples: 2024, 2024-03-15, 2024-03-15T09:30, 20240315093000"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _in_utc(at: datetime, text: str) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise QueryError(f"{text!r} is not a time in UTC: years are 1 to 9999") from error


def _after(at: datetime, digits: int) -> datetime:
    if digits <= 4:
        return at.replace(year=at.year + 1)
    if digits <= 6:
        return (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    if digits <= 8:
        return at + timedelta(days=1)
    return at + (timedelta(minutes=1) if digits <= 12 else timedelta(seconds=1))

"""When to fetch a URL again: a pure function of when it was fetched so far.  No I/O.

A first rule, the oldest that works: a page that has stood for a while will stand for a while longer, so it is looked at
again after half the time it is known. A page is seen seventeen times in its first month and twice in its second year.
"""

from __future__ import annotations

HOUR = 3600.0
DAY = 24 * HOUR


def next_due(*, first_fetched_at: float, fetched_at: float, is_listing: bool, is_requisite: bool) -> float:
    """When to fetch again, in POSIX seconds. Listings are always due; what pages need is looked at every 90 days."""
    if is_listing:
        return 0.0
    if is_requisite:
        return fetched_at + 90 * DAY
    known = fetched_at - first_fetched_at
    return fetched_at + min(max(known / 2, HOUR), 180 * DAY)

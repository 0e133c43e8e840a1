"""When a page is looked at again: after half the time it is known, between an hour and half a year."""

from __future__ import annotations

import pytest

from crawler.revisit import DAY, HOUR, next_due

FIRST = 1_700_000_000.0


@pytest.mark.parametrize(
    "known, wait",
    [
        (0.0, HOUR),  # fetched for the first time
        (HOUR, HOUR),  # half of it would be hasty
        (4 * HOUR, 2 * HOUR),
        (30 * DAY, 15 * DAY),
        (360 * DAY, 180 * DAY),
        (3_000 * DAY, 180 * DAY),  # an old page is still looked at twice a year
        (-DAY, HOUR),  # the clock was set back between two fetches
    ],
)
def test_a_page_waits_half_as_long_as_it_is_known(known: float, wait: float) -> None:
    due = next_due(first_fetched_at=FIRST, fetched_at=FIRST + known, is_listing=False, is_requisite=False)

    assert due == FIRST + known + wait


def test_a_listing_is_always_due() -> None:
    assert next_due(first_fetched_at=FIRST, fetched_at=FIRST + DAY, is_listing=True, is_requisite=False) == 0.0


def test_what_pages_need_is_looked_at_every_ninety_days() -> None:
    due = next_due(first_fetched_at=FIRST, fetched_at=FIRST + DAY, is_listing=False, is_requisite=True)

    assert due == FIRST + 91 * DAY


def test_a_page_that_stands_is_seen_seventeen_times_in_its_first_month_and_twice_in_its_second_year() -> None:
    at, visits = 0.0, list[float]()
    while at < 730 * DAY:
        visits.append(at)
        at = next_due(first_fetched_at=0.0, fetched_at=at, is_listing=False, is_requisite=False)

    assert sum(at < 30 * DAY for at in visits) == 17
    assert sum(at >= 365 * DAY for at in visits) == 2

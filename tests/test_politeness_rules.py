"""When a host may be asked again, as a table of what it did; no clock, no server."""

from __future__ import annotations

import pytest

from crawler.discover import Robots
from crawler.politeness import MAX_FAILURES, MAX_PAUSE_SECONDS, Host, RobotsState, pause

NOW = 1_700_000_000.0


def host(*, robots: str = "", delay: float = 0.0, concurrency: int = 4) -> Host:
    made = Host()
    made.obey(Robots(robots.encode(), agent="muragat"), now=NOW, delay=delay, concurrency=concurrency)
    return made


def leaves(made: Host, now: float) -> int:
    """How many requests leave at once."""
    before = made.under_way
    while made.ready(now):
        made.leave(now)
    return made.under_way - before


def answer(made: Host, now: float, *, seconds: float = 0.05, times: int = 1) -> None:
    for _ in range(times):
        made.answered(now=now, seconds=seconds)


def test_what_robots_txt_says_of_the_delay_goes_before_the_profile() -> None:
    assert host(robots="User-agent: *\nCrawl-delay: 7\n", delay=1.0).delay == 7.0
    assert host(robots="User-agent: *\nDisallow: /x\n", delay=1.5).delay == 1.5


def test_with_a_delay_one_request_is_under_way_and_the_next_leaves_after_it() -> None:
    made = host(delay=2.0)

    assert leaves(made, NOW + 1.9) == 0  # robots.txt itself was a request
    assert leaves(made, NOW + 2.0) == 1
    made.under_way = 0
    answer(made, NOW + 2.1)
    assert leaves(made, NOW + 3.9) == 0
    assert leaves(made, NOW + 4.0) == 1


def test_a_slow_host_is_rested_as_long_as_it_took() -> None:
    made = host(delay=1.0)
    leaves(made, NOW + 1)
    made.under_way = 0

    answer(made, NOW + 7, seconds=6.0)

    assert not made.ready(NOW + 12.9)
    assert made.ready(NOW + 13)


def test_the_rest_of_a_slow_host_has_a_bound() -> None:
    made = host(delay=1.0)
    answer(made, NOW, seconds=500.0)

    assert made.ready(NOW + 10)


def test_without_a_delay_it_begins_with_one_and_grows_to_the_bound() -> None:
    made = host(concurrency=4)
    assert leaves(made, NOW) == 1

    answer(made, NOW, times=40)

    made.under_way = 0
    assert leaves(made, NOW) == 4


def test_answers_that_take_longer_and_longer_make_it_fewer_again() -> None:
    made = host(concurrency=4)
    answer(made, NOW, times=40, seconds=0.2)

    answer(made, NOW, times=10, seconds=3.0)

    assert leaves(made, NOW) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_refuses_is_left_alone_at_once_and_longer_each_time(status: int) -> None:
    made = host(concurrency=4)
    answer(made, NOW, times=40)

    waits = []
    for _ in range(6):
        made.next_at = 0.0
        made.failed(now=NOW, wait=None, status=status)
        waits.append(made.next_at - NOW)

    assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits)), waits
    made.next_at = 0.0
    assert leaves(made, NOW) == 1


def test_retry_after_holds_for_the_whole_host() -> None:
    made = host()

    made.failed(now=NOW, wait=120.0, status=429)

    assert not made.ready(NOW + 119)
    assert made.ready(NOW + 120)


def test_one_broken_connection_is_no_trouble_two_in_a_row_are() -> None:
    made = host()
    made.failed(now=NOW, wait=None, status=None)
    assert made.ready(NOW)

    made.failed(now=NOW, wait=None, status=None)

    assert not made.ready(NOW + 0.9)


def test_an_error_of_one_page_is_no_trouble_of_the_host() -> None:
    made = host()
    for _ in range(5):
        made.failed(now=NOW, wait=None, status=500)

    assert made.ready(NOW)


def test_a_host_that_fails_and_fails_is_given_up_and_one_answer_forgives() -> None:
    made = host()
    for _ in range(MAX_FAILURES):
        assert not made.given_up
        made.failed(now=NOW, wait=None, status=500)
    assert made.given_up

    answer(made, NOW)

    assert (made.given_up, made.robots_state) == (False, RobotsState.KNOWN)


def test_what_had_failed_before_tells_little_of_its_host() -> None:
    made = host()
    for _ in range(3 * MAX_FAILURES):
        made.failed(now=NOW, wait=None, status=500, again=True)
    assert not made.given_up

    for _ in range(3 * MAX_FAILURES):
        made.failed(now=NOW, wait=None, status=500, again=True)
    assert made.given_up  # all that is asked for fails: the host is down


def test_what_fails_again_rests_its_host_no_longer_each_time() -> None:
    made = host()
    for _ in range(20):
        made.next_at = 0.0
        made.failed(now=NOW, wait=None, status=503, again=True)

    assert made.next_at - NOW <= 1.0


def test_a_pause_doubles_up_to_a_minute_and_no_two_are_alike() -> None:
    assert all(2**n / 2 <= pause(n) <= 2**n for n in range(6) for _ in range(50))
    assert all(MAX_PAUSE_SECONDS / 2 <= pause(n) <= MAX_PAUSE_SECONDS for n in (6, 60, 6_000))
    assert len({pause(3) for _ in range(50)}) > 40

"""The queue on disk: what is handed out next, what a dead process leaves behind, and sums that add up."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from archive.errors import LockedError
from crawler.account import seeds
from crawler.frontier import Counts, Finish, Kind, Lease, Offer, Outcome
from crawler.frontier_db import SqliteFrontier, connect, lock_site, transaction

NOW = 1_700_000_000.0
DAY = 86_400.0
SEED = "https://haber.example/"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "frontier.db")) as connection:
        yield connection


def begin(db: sqlite3.Connection, *, site: str = "haber", now: float = NOW, full: bool = False) -> SqliteFrontier:
    return SqliteFrontier(db, site=site, name=f"{site}-{now:.0f}", now=now, full=full)


def page(
    url: str,
    *,
    kind: Kind = Kind.PAGE,
    priority: int = 40,
    depth: int = 1,
    lastmod: float | None = None,
    refused: str | None = None,
) -> Offer:
    host = url.split("/")[2]
    return Offer(
        url=url,
        kind=kind,
        host=host,
        priority=priority,
        depth=depth,
        found_on=SEED,
        lastmod=lastmod,
        refused=refused,
    )


def at(path: str, host: str = "haber.example") -> str:
    return f"https://{host}/{path}"


def fetched(url: str, *, now: float = NOW, due_at: float | None = None, offers: tuple[Offer, ...] = ()) -> Finish:
    digest = "sha1:A"
    return Finish(url=url, at=now, status=200, outcome=Outcome.NEW, payload_digest=digest, due_at=due_at, offers=offers)


def urls(leases: list[Lease]) -> list[str]:
    return [lease.url for lease in leases]


def state(db: sqlite3.Connection, url: str) -> str:
    return str(db.execute("SELECT state FROM urls WHERE url = ?", (url,)).fetchone()[0])


# ---------------------------------------------------------------- transitions


def test_a_url_is_leased_once_and_then_done(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a"))])

    first, second = frontier.lease(10, now=NOW), frontier.lease(10, now=NOW)
    frontier.commit([fetched(at("a"))])

    assert (urls(first), second) == ([at("a")], [])
    assert state(db, at("a")) == "done"
    assert frontier.counts() == Counts(offered=1, new=1)
    assert frontier.waiting() == 0


def test_a_retry_waits_for_its_moment_and_counts_its_attempts(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a"))])
    frontier.lease(1, now=NOW)

    frontier.commit([Finish(url=at("a"), at=NOW, status=503, failed="HTTP 503", retry_at=NOW + 5)])

    assert frontier.lease(1, now=NOW + 4.9) == []
    assert frontier.next_due() == NOW + 5
    (again,) = frontier.lease(1, now=NOW + 5)
    assert again.attempts == 1


def test_what_is_read_again_in_one_run_has_all_its_attempts_each_time(db: sqlite3.Connection) -> None:
    """A robots.txt grows old in a crawl of many days."""
    frontier = begin(db)
    frontier.offer([page(at("robots.txt"), kind=Kind.ROBOTS)])
    for hour in range(3):
        lease = frontier.lease_one(at("robots.txt"))
        assert lease is not None and lease.attempts == 0
        frontier.commit([Finish(url=lease.url, at=NOW + hour, status=200, outcome=Outcome.NEW)])


def test_a_failure_and_a_refusal_are_told_apart_with_their_reasons(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a")), page(at("b"))])
    frontier.lease(2, now=NOW)

    frontier.commit(
        [
            Finish(url=at("a"), at=NOW, status=500, failed="HTTP 500"),
            Finish(url=at("b"), at=NOW, refused="robots.txt"),
        ]
    )

    assert (state(db, at("a")), state(db, at("b"))) == ("failed", "refused")
    assert frontier.counts() == Counts(offered=2, failed={"HTTP 500": 1}, skipped={"robots.txt": 1})


def test_a_released_lease_is_handed_out_again(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a"))])
    frontier.release(urls(frontier.lease(1, now=NOW)))

    assert urls(frontier.lease(1, now=NOW)) == [at("a")]


def test_what_a_dead_process_had_leased_waits_again(tmp_path: Path) -> None:
    path = tmp_path / "frontier.db"
    code = (
        "import os, signal, sys; sys.path.insert(0, '.')\n"
        "from crawler.frontier_db import *\nfrom crawler.frontier import *\n"
        f"f = SqliteFrontier(connect(Path({str(path)!r})), site='haber', name='x', now={NOW})\n"
        f"f.offer([Offer(url={at('a')!r}, kind=Kind.PAGE, host='haber.example', priority=1, depth=0, found_on='')])\n"
        f"assert len(f.lease(9, now={NOW})) == 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent)

    with closing(connect(path)) as db:
        frontier = begin(db, now=NOW + 1)

        assert died.returncode == -signal.SIGKILL
        assert (frontier.left, frontier.lease(9, now=NOW + 1)) == ({at("a")}, [])  # its answer may be in the WARC
        frontier.release(frontier.left)
        assert urls(frontier.lease(9, now=NOW + 1)) == [at("a")]
        assert frontier.counts() == Counts(offered=1, waiting=1)


def test_the_end_of_a_run_gives_its_leases_back(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a"))])
    frontier.lease(1, now=NOW)

    frontier.finish_run(now=NOW + 9, reason="interrupted")

    assert state(db, at("a")) == "waiting"
    assert db.execute("SELECT finished_at, reason FROM runs").fetchone() == (NOW + 9, "interrupted")


# ---------------------------------------------------------------- order


def test_urls_come_by_priority_then_depth(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer(
        [
            page(at("deep"), depth=3),
            page(at("shallow"), depth=1),
            page(at("picture"), priority=45, depth=5),
            page(at("seed"), priority=80, depth=0),
        ],
    )

    assert urls(frontier.lease(3, now=NOW)) == [at("seed"), at("picture"), at("shallow")]
    assert urls(frontier.lease(3, now=NOW)) == [at("deep")]


def test_hosts_that_have_plenty_are_passed_over(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a"), priority=99), page(at("b", "cdn.example"))])

    assert frontier.next_due(besides=["haber.example", "cdn.example"]) is None
    assert urls(frontier.lease(9, now=NOW, besides=["haber.example"])) == [at("b", "cdn.example")]
    assert urls(frontier.lease(9, now=NOW)) == [at("a")]


def test_whether_anything_waits_counts_what_is_not_due_and_leaves_hosts_out(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a"))])
    frontier.lease(1, now=NOW)
    assert not frontier.waits()

    frontier.commit([Finish(url=at("a"), at=NOW, status=503, failed="HTTP 503", retry_at=NOW + 5)])

    assert frontier.waits()
    assert not frontier.waits(besides=["haber.example"])
    assert frontier.next_due(after=NOW + 5) is None


def test_what_is_asked_after_every_request_walks_over_nothing_that_waits(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at(str(number))) for number in range(20_000)])

    began = time.perf_counter()
    for _ in range(100):
        frontier.next_due(after=NOW)
        frontier.waits()

    assert time.perf_counter() - began < 0.5  # 2 ms here; by walking, 280


# ---------------------------------------------------------------- a later run


def visited(db: sqlite3.Connection, *offers: Offer, due_at: float = NOW + DAY) -> None:
    """A first run that fetched these."""
    frontier = begin(db)
    frontier.offer(offers)
    frontier.lease(99, now=NOW)
    frontier.commit([fetched(offer.url, due_at=due_at) for offer in offers])
    frontier.finish_run(now=NOW, reason="finished")


def test_a_url_that_is_not_due_is_skipped_and_says_so(db: sqlite3.Connection) -> None:
    visited(db, page(at("a")))
    frontier = begin(db, now=NOW + 60)

    frontier.offer([page(at("a"))])

    assert frontier.lease(9, now=NOW + 60) == []
    assert frontier.counts() == Counts(offered=1, skipped={"not due yet": 1})


def test_a_url_that_is_due_is_fetched_again_without_being_offered(db: sqlite3.Connection) -> None:
    visited(db, page(at("a")))

    (lease,) = begin(db, now=NOW + DAY).lease(9, now=NOW + DAY)

    assert (lease.url, lease.payload_digest, lease.first_fetched_at, lease.attempts) == (at("a"), "sha1:A", NOW, 0)


@pytest.mark.parametrize("lastmod, again", [(NOW + 1, True), (NOW - 1, False), (None, False)])
def test_a_page_is_fetched_early_when_the_site_says_it_changed(
    db: sqlite3.Connection, lastmod: float | None, again: bool
) -> None:
    visited(db, page(at("a")))
    frontier = begin(db, now=NOW + 60)

    frontier.offer([page(at("a"), lastmod=lastmod)])

    assert bool(frontier.lease(9, now=NOW + 60)) is again


@pytest.mark.parametrize("kind", [Kind.SEED, Kind.SITEMAP, Kind.FEED, Kind.ROBOTS])
def test_what_tells_of_others_is_fetched_in_every_run_but_once(db: sqlite3.Connection, kind: Kind) -> None:
    visited(db, page(SEED, kind=kind))
    frontier = begin(db, now=NOW + 60)
    frontier.offer([page(SEED, kind=kind)])
    leases = frontier.lease(9, now=NOW + 60)
    frontier.commit([fetched(SEED, now=NOW + 61)])

    frontier.offer([page(SEED, kind=kind)])

    assert urls(leases) == [SEED]
    assert frontier.lease(9, now=NOW + 62) == []


def test_a_full_run_fetches_everything_again(db: sqlite3.Connection) -> None:
    visited(db, page(at("a")), page(at("b")))

    assert len(begin(db, now=NOW + 60, full=True).lease(9, now=NOW + 60)) == 2


def test_a_url_whose_rule_is_gone_is_fetched(db: sqlite3.Connection) -> None:
    first = begin(db)
    first.offer([page(at("a"), refused="off-site")])
    skipped = first.counts().skipped

    second = begin(db, now=NOW + 60)
    second.offer([page(at("a"))])

    assert skipped == {"off-site": 1}
    assert urls(second.lease(9, now=NOW + 60)) == [at("a")]


def test_a_rule_that_somebody_added_frees_the_queue_of_what_waits(db: sqlite3.Connection) -> None:
    """A calendar trap left a million URLs waiting; the profile now skips them."""
    begin(db).offer([page(at("calendar/1")), page(at("calendar/2")), page(at("a"))])
    frontier = begin(db, now=NOW + 60)

    refused = frontier.recheck(lambda url, kind, depth: "skip rule of the profile" if "calendar" in url else None)

    assert refused == 2
    assert urls(frontier.lease(9, now=NOW + 60)) == [at("a")]
    assert frontier.counts() == Counts(offered=3, waiting=1, skipped={"skip rule of the profile": 2})


def test_a_page_link_that_turns_out_to_be_the_feed_is_read_as_one(db: sqlite3.Connection) -> None:
    """`<a href="/feed/">` stands before `<link rel="alternate">`: the first is refused, the second is not."""
    frontier = begin(db)
    frontier.offer([page(at("feed/"), refused="feed of a page")])

    frontier.offer([page(at("feed/"), kind=Kind.FEED, priority=90)])

    (lease,) = frontier.lease(9, now=NOW)
    assert (lease.kind, lease.priority) == (Kind.FEED, 90)


def test_a_refused_link_does_not_make_a_feed_a_page(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("feed/"), kind=Kind.FEED)])

    frontier.offer([page(at("feed/"), refused="feed of a page")])

    (lease,) = frontier.lease(9, now=NOW)
    assert lease.kind is Kind.FEED


# ---------------------------------------------------------------- two sites, transactions, locks


def test_two_sites_in_one_file_do_not_meet(db: sqlite3.Connection) -> None:
    one, other = begin(db, site="one"), begin(db, site="other")
    one.offer([page(at("a"))])
    other.offer([page(at("a"))])
    one.lease(9, now=NOW)

    one.commit([fetched(at("a"))])

    assert (one.counts(), other.counts()) == (Counts(offered=1, new=1), Counts(offered=1, waiting=1))
    assert urls(other.lease(9, now=NOW)) == [at("a")]
    assert (one.size, other.size) == (1, 1)


def test_a_commit_enters_the_links_with_the_page_that_offered_them(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(SEED, kind=Kind.SEED)])
    frontier.lease(9, now=NOW)

    offers = (page(at("a")), page(at("b"), refused="off-site"))
    frontier.commit([fetched(SEED, offers=offers)], payloads=[("sha1:A", SEED, "2024", False)])

    assert frontier.counts() == Counts(offered=3, new=1, waiting=1, skipped={"off-site": 1})
    assert seeds(db, "haber", frontier.run) == [(SEED, "done", None, True)]
    assert db.execute("SELECT digest FROM payloads").fetchall() == [("sha1:A",)]


def test_a_commit_that_breaks_half_way_leaves_nothing(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([page(at("a")), page(at("b"))])
    frontier.lease(9, now=NOW)

    def finishes() -> Iterator[Finish]:
        yield fetched(at("a"), offers=(page(at("c")),))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frontier.commit(finishes())

    assert (state(db, at("a")), state(db, at("b"))) == ("leased", "leased")
    assert db.execute("SELECT count(*) FROM urls").fetchone() == (2,)
    assert not db.in_transaction


def test_a_transaction_takes_the_writers_place_at_once(db: sqlite3.Connection, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "frontier.db", timeout=0, isolation_level=None)) as other:
        with transaction(db), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


def test_a_second_crawl_of_a_site_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    code = (
        "import sys; from pathlib import Path; from crawler.frontier_db import lock_site\n"
        f"held = lock_site(Path({str(folder)!r}), 'haber'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout and other.stdout.readline() == "held\n"

        with pytest.raises(LockedError, match=f"pid {other.pid} since "):
            lock_site(folder, "haber")
        lock_site(folder, "another").close()
        other.kill()
        other.wait()

    lock_site(folder, "haber").close()


# ---------------------------------------------------------------- sums


@pytest.mark.parametrize("seed", [random.randrange(10**6) for _ in range(6)])
def test_the_counts_add_up_after_any_sequence_of_operations(db: sqlite3.Connection, seed: int) -> None:
    """Every distinct URL that was offered, or left over, is in exactly one sum; after several runs too."""
    dice, now = random.Random(seed), NOW
    print(f"seed {seed}")
    for _ in range(3):
        full = dice.random() < 0.3
        left = db.execute(
            "SELECT url FROM urls WHERE state IN ('waiting', 'leased') OR state IN ('done', 'failed')"
            " AND (due_at <= ? OR ?)",
            (now, full),
        )
        offered = {row[0] for row in left}
        frontier = begin(db, now=now, full=full)
        leased = list[Lease]()
        for _ in range(dice.randrange(5, 40)):
            now += dice.random() * 100
            act = dice.choice(("offer", "lease", "commit", "commit", "release", "recheck"))
            if act == "offer":
                offers = random_offers(dice, now)
                frontier.offer(offers)
                offered |= {offer.url for offer in offers}
            elif act == "lease":
                leased += frontier.lease(dice.randrange(1, 6), now=now, besides=dice.choice(((), ("b.example",))))
            elif act == "commit" and leased:
                finish = random_finish(dice, leased.pop(dice.randrange(len(leased))).url, now)
                frontier.commit([finish])
                offered |= {offer.url for offer in finish.offers}
            elif act == "release" and leased:
                frontier.release([leased.pop().url])
            elif act == "recheck":
                frontier.recheck(lambda url, kind, depth: "skip rule of the profile" if url.endswith("7") else None)

            counts = frontier.counts()
            assert counts.offered == len(offered)
            assert counts.offered == counts.fetched + total(counts.failed) + total(counts.skipped) + counts.waiting
            assert counts.waiting == frontier.waiting()
        if dice.random() < 0.7:  # else the process died
            frontier.finish_run(now=now, reason="finished")
        now += dice.choice((60.0, DAY))


def total(reasons: dict[str, int]) -> int:
    return sum(reasons.values())


def random_offers(dice: random.Random, now: float) -> tuple[Offer, ...]:
    return tuple(
        page(
            at(str(dice.randrange(30)), dice.choice(("a.example", "b.example"))),
            kind=dice.choice(tuple(Kind)),
            lastmod=dice.choice((None, now - 1000, now)),
            refused=dice.choice((None, None, "off-site")),
        )
        for _ in range(dice.randrange(4))
    )


def random_finish(dice: random.Random, url: str, now: float) -> Finish:
    how = dice.choice(("done", "done", "retry", "failed", "refused"))
    return Finish(
        url=url,
        at=now,
        status=200,
        outcome=dice.choice(tuple(Outcome)) if how == "done" else None,
        due_at=now + dice.choice((0, 50, DAY)) if how == "done" else None,
        retry_at=now + 20 if how == "retry" else None,
        failed="HTTP 500" if how in ("retry", "failed") else None,
        refused="robots.txt" if how == "refused" else None,
        offers=random_offers(dice, now),
    )

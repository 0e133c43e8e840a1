"""What a run knows of the runs before it: what is looked at again and why, who named what, what a host asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from archive.errors import MuragatError, SchemaTooNewError
from crawler.account import again, find, sources, tally
from crawler.frontier import Again, Finish, Kind, Offer, Outcome, Rest, Source, Why
from crawler.frontier_db import SqliteFrontier, connect, open_existing

NOW = 1_700_000_000.0
DAY = 86_400.0
MAP = "https://haber.example/sitemap.xml"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "frontier.db")) as connection:
        yield connection


def begin(
    db: sqlite3.Connection,
    *,
    now: float = NOW,
    only_new: bool = False,
    judged: tuple[str, ...] = (),
    chosen: tuple[str, ...] = (),
) -> SqliteFrontier:
    return SqliteFrontier(db, site="haber", name="haber", now=now, only_new=only_new, judged=judged, chosen=chosen)


def at(path: str) -> str:
    return f"https://haber.example/{path}"


def offer(
    url: str,
    *,
    source: Source = Source.LISTING,
    kind: Kind = Kind.PAGE,
    lastmod: float | None = None,
    found_on: str = MAP,
    demanded: bool = False,
) -> Offer:
    return Offer(
        url=url,
        kind=kind,
        host="haber.example",
        priority=90 if kind.tells else 40,
        depth=1,
        found_on=found_on,
        source=source,
        lastmod=lastmod,
        demanded=demanded,
    )


def listed(path: str, *, lastmod: float | None = None, found_on: str = MAP) -> Offer:
    return offer(at(path), source=Source.SITEMAP, lastmod=lastmod, found_on=found_on)


def fetch(
    frontier: SqliteFrontier,
    *,
    now: float = NOW,
    status: int = 200,
    outcome: Outcome = Outcome.NEW,
    maps: Mapping[str, tuple[Offer, ...]] | None = None,
    etag: str | None = None,
) -> list[str]:
    """Fetch all that waits; a sitemap offers what `maps` says. The URLs, in their order."""
    done = list[str]()
    while leases := frontier.lease(100, now=now):
        for lease in leases:
            offers = (maps or {}).get(lease.url, ())
            due_at = 0 if lease.kind.tells else now + 100 * DAY
            frontier.commit(
                [
                    Finish(
                        url=lease.url,
                        at=now,
                        status=status,
                        outcome=outcome,
                        payload_digest=f"sha1:{lease.url}",
                        due_at=due_at,
                        etag=etag,
                        offers=offers,
                    )
                ]
            )
            done.append(lease.url)
    return done


# ---------------------------------------------------------------- what the site announces


def first_run(db: sqlite3.Connection, *pages: Offer) -> None:
    frontier = begin(db)
    frontier.offer([offer(MAP, kind=Kind.SITEMAP, source=Source.PROFILE)])
    fetch(frontier, maps={MAP: pages})
    frontier.finish_run(now=NOW, reason="finished")


def test_a_page_waits_again_when_the_site_says_something_later_than_before(db: sqlite3.Connection) -> None:
    """A lastmod may be years old when it is first seen; what counts is that it moved."""
    first_run(db, listed("a", lastmod=NOW - 900 * DAY), listed("b", lastmod=NOW - 900 * DAY))
    frontier = begin(db, now=NOW + 60)

    maps = {MAP: (listed("a", lastmod=NOW - 800 * DAY), listed("b", lastmod=NOW - 900 * DAY + 0.5))}
    fetched = fetch(frontier, now=NOW + 60, maps=maps, outcome=Outcome.CHANGED)

    assert fetched == [MAP, at("a")]
    assert again(db, "haber", frontier.run) == [Again(why=Why.ANNOUNCED, fetched=1, changed=1, gone=0)]


def test_the_same_word_is_no_news_in_the_run_after(db: sqlite3.Connection) -> None:
    page = listed("a", lastmod=NOW + 5 * DAY)  # the site's clock is ahead
    first_run(db, page)

    assert fetch(begin(db, now=NOW + 60), now=NOW + 60, maps={MAP: (page,)}) == [MAP]


def test_tells_news_is_of_what_is_unknown_or_later(db: sqlite3.Connection) -> None:
    first_run(db, listed("a", lastmod=NOW - DAY))
    frontier = begin(db, now=NOW + 60)

    assert not frontier.tells_news([listed("a", lastmod=NOW - DAY), listed("a")])
    assert frontier.tells_news([listed("a", lastmod=NOW)])
    assert frontier.tells_news([listed("a"), listed("yeni")])


# ---------------------------------------------------------------- what vanished


def test_what_a_sitemap_no_longer_names_is_looked_at(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"))
    frontier = begin(db, now=NOW + 60)
    fetch(frontier, now=NOW + 60, maps={MAP: (listed("a"),)}, outcome=Outcome.CHANGED)

    recalled = frontier.recall_vanished(limit=10)

    assert recalled == 1
    assert fetch(frontier, now=NOW + 61, status=404, outcome=Outcome.GONE) == [at("b")]
    assert again(db, "haber", frontier.run) == [Again(why=Why.VANISHED, fetched=1, changed=0, gone=1)]
    assert [(one.url, one.gone_at) for one in find(db, "haber", words="/b")] == [(at("b"), NOW + 61)]
    assert frontier.recall_vanished(limit=10) == 0


def test_nothing_vanished_while_a_sitemap_is_still_to_be_read(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"))
    frontier = begin(db, now=NOW + 60)
    frontier.lease(9, now=NOW + 60)

    assert frontier.recall_vanished(limit=10) == 0


def test_a_sitemap_that_failed_says_nothing_of_its_pages(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"))
    frontier = begin(db, now=NOW + 60)
    frontier.lease(9, now=NOW + 60)
    frontier.commit([Finish(url=MAP, at=NOW + 60, failed="HTTP 500")])

    assert frontier.recall_vanished(limit=10) == 0


def test_a_sitemap_that_answers_as_before_still_names_its_pages(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"))
    frontier = begin(db, now=NOW + 60)

    fetch(frontier, now=NOW + 60, status=304, outcome=Outcome.UNCHANGED)

    assert frontier.recall_vanished(limit=10) == 0
    frontier.finish_run(now=NOW + 61, reason="finished")
    later = begin(db, now=NOW + 120)
    fetch(later, now=NOW + 120, maps={MAP: (listed("a"),)}, outcome=Outcome.CHANGED)
    assert later.recall_vanished(limit=10) == 1


@pytest.mark.parametrize("status", [403, 404, 301])
def test_a_sitemap_that_is_not_there_says_nothing_of_its_pages(db: sqlite3.Connection, status: int) -> None:
    first_run(db, listed("a"), listed("b"))
    frontier = begin(db, now=NOW + 60)

    fetch(frontier, now=NOW + 60, status=status, outcome=Outcome.CHANGED)

    assert frontier.recall_vanished(limit=10) == 0


def test_a_page_that_moved_to_another_sitemap_has_not_vanished(db: sqlite3.Connection) -> None:
    other = at("sitemap-2.xml")
    first_run(db, listed("a"), offer(other, kind=Kind.SITEMAP, source=Source.SITEMAP))
    frontier = begin(db, now=NOW + 60)

    fetch(frontier, now=NOW + 60, maps={other: (listed("a", found_on=other),)}, outcome=Outcome.CHANGED)

    assert frontier.recall_vanished(limit=10) == 0


def test_at_most_so_many_are_recalled_and_each_once(db: sqlite3.Connection) -> None:
    """A site may cut its sitemap down to the newest thousand: that is no reason to fetch all of it again."""
    first_run(db, *(listed(str(number)) for number in range(50)))
    frontier = begin(db, now=NOW + 60)
    fetch(frontier, now=NOW + 60, maps={MAP: (listed("0"),)}, outcome=Outcome.CHANGED)

    assert frontier.recall_vanished(limit=20) == 20
    assert len(fetch(frontier, now=NOW + 60)) == 20
    assert frontier.recall_vanished(limit=20) == 0


# ---------------------------------------------------------------- what is expected to have changed


def test_pages_that_are_judged_wait_only_when_they_are_chosen(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"), listed("c"))
    later = NOW + 200 * DAY  # all are due by now

    frontier = begin(db, now=later, judged=(at("a"), at("b")), chosen=(at("b"),))

    assert sorted(fetch(frontier, now=later)) == [at("b"), at("c"), MAP]
    assert [(one.why, one.fetched) for one in again(db, "haber", frontier.run)] == [(Why.EXPECTED, 2)]


def test_a_page_that_failed_waits_again_whatever_is_known_of_it(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"))
    frontier = begin(db, now=NOW + 60, chosen=(at("a"),))
    frontier.lease(9, now=NOW + 60)
    frontier.commit([Finish(url=at("a"), at=NOW + 60, failed="ResponseDataLossError")])

    assert at("a") in fetch(begin(db, now=NOW + 120, judged=(at("a"),)), now=NOW + 120)


def test_a_page_is_chosen_before_it_is_due(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"))

    assert sorted(fetch(begin(db, now=NOW + 60, chosen=(at("a"),)), now=NOW + 60)) == [at("a"), MAP]


# ---------------------------------------------------------------- validators


def test_a_304_keeps_what_is_known_of_the_page(db: sqlite3.Connection) -> None:
    first_run(db)
    frontier = begin(db)
    frontier.offer([offer(at("a"))])
    fetch(frontier, etag='"1"')
    again = begin(db, now=NOW + 60, chosen=(at("a"),))
    lease = next(lease for lease in again.lease(9, now=NOW + 60) if lease.url == at("a"))

    assert (lease.etag, lease.status, lease.payload_digest) == ('"1"', 200, f"sha1:{at('a')}")
    again.commit([Finish(url=at("a"), at=NOW + 60, status=304, outcome=Outcome.UNCHANGED)])
    kept = again.lease_one(at("a"))
    assert kept is not None
    assert (kept.etag, kept.status, kept.payload_digest) == ('"1"', 200, f"sha1:{at('a')}")


def test_an_answer_without_validators_forgets_the_old_ones(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([offer(at("a"))])
    fetch(frontier, etag='"1"')
    fetch(begin(db, now=NOW + 60, chosen=(at("a"),)), now=NOW + 60)

    lease = begin(db, now=NOW + 120).lease_one(at("a"))

    assert lease is not None
    assert lease.etag is None


# ---------------------------------------------------------------- who named what


def test_each_source_is_told_apart_and_what_only_it_named(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([offer(MAP, kind=Kind.SITEMAP, source=Source.PROFILE)])
    frontier.offer([listed("a"), listed("b"), offer(at("b"), source=Source.FEED), offer(at("c"))])
    frontier.offer([offer(at("b"), source=Source.FEED), listed("a")])  # once more changes nothing
    fetch(frontier)

    told = {one.source: (one.offered, one.new, one.alone) for one in sources(db, "haber", frontier.run)}

    assert told == {
        Source.SITEMAP: (2, 2, (at("a"),)),
        Source.FEED: (1, 1, ()),
        Source.LISTING: (1, 1, (at("c"),)),
    }


def test_what_was_new_in_the_first_run_is_not_new_in_the_second(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"))
    frontier = begin(db, now=NOW + 60)

    fetch(frontier, now=NOW + 60, maps={MAP: (listed("a"), listed("b"))})

    (told,) = (one for one in sources(db, "haber", frontier.run) if one.source is Source.SITEMAP)
    assert (told.offered, told.new, told.alone) == (2, 1, (at("b"),))


# ---------------------------------------------------------------- a person who wants a page now


def test_a_run_for_given_pages_leases_nothing_else(db: sqlite3.Connection) -> None:
    first_run(db, listed("a"), listed("b"))
    waiting = begin(db, now=NOW + 30)
    waiting.offer([offer(at("kalan"))])

    frontier = begin(db, now=NOW + 60, only_new=True)
    frontier.offer([offer(at("a"), source=Source.PROFILE, demanded=True)])

    assert fetch(frontier, now=NOW + 60) == [at("a")]
    assert not frontier.waits()
    assert frontier.fetched_now(at("a"))
    assert not frontier.fetched_now(at("b"))
    frontier.finish_run(now=NOW + 61, reason="finished")
    assert at("kalan") in fetch(begin(db, now=NOW + 120), now=NOW + 120)


# ---------------------------------------------------------------- what outlives a run


def test_what_a_host_asked_for_and_what_a_day_has_spent_outlive_the_run(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.note_rest("haber.example", not_before=NOW + 9_000, slashes=3)
    frontier.note_rest("haber.example", slashes=1)
    frontier.spend("2026-11-23", 40)

    later = begin(db, now=NOW + 60)

    assert later.rests() == {"haber.example": Rest(not_before=NOW + 9_000, slashes=4)}
    assert later.spend("2026-11-23", 2) == 42
    assert later.spend("2026-11-24", 0) == 0


def test_the_tail_moves_with_what_is_committed(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([offer(at("a"))])
    frontier.lease(1, now=NOW)
    assert frontier.tail() is None

    finish = Finish(url=at("a"), at=NOW, status=200, outcome=Outcome.NEW)
    frontier.commit([finish], tail=("haber-20261123-00000-x.warc.gz", 4_711))

    assert begin(db).tail() == ("haber-20261123-00000-x.warc.gz", 4_711)


def test_what_a_dead_run_had_leased_is_known_to_the_next(db: sqlite3.Connection) -> None:
    dead = begin(db)
    dead.offer([offer(at("a")), offer(at("b"))])
    dead.lease(1, now=NOW)

    assert begin(db, now=NOW + 60).left == {at("a")}


def test_the_bounds_hold_over_all_runs_and_what_they_turn_away_is_counted(db: sqlite3.Connection) -> None:
    def offers(start: int, host: str) -> list[Offer]:
        url = f"https://{host}/"
        return [
            replace(offer(f"{url}{number}"), host=host, kind=Kind.REQUISITE, elsewhere=host != "haber.example")
            for number in range(start, start + 4)
        ]

    bounds = {"max_urls": 12, "max_urls_elsewhere": 5}
    first = SqliteFrontier(db, site="haber", name="a", now=NOW, **bounds)
    first.offer(offers(0, "resim.example"))
    second = SqliteFrontier(db, site="haber", name="b", now=NOW + 60, **bounds)
    second.offer(offers(4, "resim.example"))  # three beyond the bound of the host
    second.offer([*offers(0, "haber.example"), *offers(4, "haber.example")])  # one beyond that of all

    counts = second.counts()

    assert second.size == 12
    assert counts.skipped == {"host full (crawl.max_urls_elsewhere)": 3, "frontier full (crawl.max_urls)": 1}
    assert counts.offered == counts.waiting + 4


# ---------------------------------------------------------------- a person who asks


def test_urls_are_counted_and_listed_by_state_and_rule(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    refused = replace(offer(at("x?share=1")), refused="share or reply link")
    frontier.offer([offer(at("a")), offer(at("b"))])
    frontier.offer([refused])
    frontier.lease(1, now=NOW)

    assert tally(db, "haber") == [
        ("leased", "", 1),
        ("refused", "share or reply link", 1),
        ("waiting", "", 1),
    ]
    (found,) = find(db, "haber", rule="share or reply link")
    assert (found.url, found.state, found.found_on) == (at("x?share=1"), "refused", MAP)
    assert [one.url for one in find(db, "haber", words="/b")] == [at("b")]
    assert len(list(find(db, "haber", limit=2))) == 2
    assert tally(db, "baska") == []


def test_a_question_makes_no_frontier(tmp_path: Path) -> None:
    with pytest.raises(MuragatError, match="muragat crawl"), open_existing(tmp_path / "frontier.db"):
        pass
    assert not (tmp_path / "frontier.db").exists()


# ---------------------------------------------------------------- versions of the file


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "frontier.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "CREATE TABLE runs (id INTEGER PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, pid INTEGER,"
            " started_at REAL NOT NULL, finished_at REAL, reason TEXT);"
            "CREATE TABLE urls (site TEXT NOT NULL, url TEXT NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL,"
            " state TEXT NOT NULL, priority INTEGER NOT NULL, depth INTEGER NOT NULL, found_on TEXT NOT NULL,"
            " redirects INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL DEFAULT 0,"
            " attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, offered_in INTEGER NOT NULL, fetched_in INTEGER,"
            " first_fetched_at REAL, fetched_at REAL, status INTEGER, outcome TEXT, payload_digest TEXT,"
            " PRIMARY KEY (site, url)) WITHOUT ROWID;"
            "INSERT INTO urls VALUES ('haber', 'https://haber.example/a', 'page', 'haber.example', 'waiting', 40, 1,"
            " 'x', 0, 0, 0, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL);"
        )
    for _ in range(2):
        with closing(connect(path)) as db:
            frontier = begin(db)
            frontier.release(frontier.left)
            assert [lease.url for lease in frontier.lease(9, now=NOW)] == [at("a")]


def test_a_file_of_a_later_version_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "frontier.db"
    with closing(connect(path)) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(SchemaTooNewError, match="install a newer muragat"):
        connect(path)


# ---------------------------------------------------------------- rules that change


def with_rules(db: sqlite3.Connection, profile: str, *, now: float = NOW) -> SqliteFrontier:
    return SqliteFrontier(db, site="haber", name=profile, now=now, profile=profile)


def test_what_a_rule_refused_waits_when_the_rule_is_gone(db: sqlite3.Connection) -> None:
    first = with_rules(db, "sha256:1")
    rules = {"a": "skip rule of the profile", "b": "robots.txt", "c": "off-site"}
    first.offer([replace(offer(at(name)), refused=rule) for name, rule in rules.items()])

    unchanged = with_rules(db, "sha256:1", now=NOW + 60)
    unchanged.recheck(lambda url, kind, depth: None)
    assert not unchanged.waits()
    changed = with_rules(db, "sha256:2", now=NOW + 120)
    changed.recheck(lambda url, kind, depth: "off-site" if url == at("c") else None)

    assert fetch(changed, now=NOW + 120) == [at("a")]


def test_new_rules_want_pages_whole(db: sqlite3.Connection) -> None:
    """A 304 has no links in it, and what they lead to may be followed now."""
    first = with_rules(db, "sha256:1")
    first.offer([offer(at("a"))])
    fetch(first, etag='"1"')

    again = with_rules(db, "sha256:2", now=NOW + 60).lease_one(at("a"))

    assert again is not None
    assert again.etag is None


def test_a_page_that_turns_out_to_be_a_feed_is_asked_for_whole(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([offer(at("rss"))])
    fetch(frontier, etag='"1"')
    later = begin(db, now=NOW + 60)

    later.offer([offer(at("rss"), kind=Kind.FEED)])

    (lease,) = later.lease(9, now=NOW + 60)
    assert (lease.kind, lease.etag) == (Kind.FEED, None)


def test_a_page_found_nearer_to_the_front_is_as_near(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([replace(offer(at("spor")), depth=2)])
    fetch(frontier)

    frontier.offer([replace(offer(at("spor")), depth=1, found_on=at(""))])

    (lease,) = begin(db, now=NOW + 60).lease(9, now=NOW + 60)
    assert (lease.url, lease.depth) == (at("spor"), 1)


# ---------------------------------------------------------------- many


def test_what_waits_is_not_walked_over_for_a_host_that_has_plenty(db: sqlite3.Connection) -> None:
    frontier = begin(db)
    frontier.offer([offer(at(str(number))) for number in range(20_000)])
    frontier.offer([replace(offer("https://resim.example/1"), host="resim.example")])
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    db.set_progress_handler(count, 100)
    leased = [lease.url for lease in frontier.lease(64, now=NOW, besides=["haber.example"])]
    waits = [frontier.waits(besides=["haber.example", "resim.example"]), frontier.waits(besides=["resim.example"])]
    db.set_progress_handler(None, 0)

    assert leased == ["https://resim.example/1"]
    assert waits == [False, True]
    assert steps < 50  # five thousand machine steps; a walk takes hundreds of thousands

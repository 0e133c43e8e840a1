"""What a site's owner may rely on: measured at the server, by its own clock, while a real crawl asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from small_site import CONTACT, Site, archive_of, counts, crawl, errors, muragat, serve

from archive.config import ArchiveDir

AGENT = "muragat/"


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


@pytest.fixture
def archive(site: Site, tmp_path: Path) -> ArchiveDir:
    """An archive of that site, which has a delay of its own only where a test says so."""
    return archive_of(site, tmp_path / "arsiv")


# ---------------------------------------------------------------- robots.txt


def test_a_crawl_delay_spaces_the_requests_and_wakes_up_in_time(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/2", "/3", robots="User-agent: *\nCrawl-delay: 1\n")

    done = crawl(archive)

    assert done.returncode == 0, done.stderr
    assert sorted(site.paths()) == ["/", "/1", "/2", "/3", "/robots.txt"]
    # They leave a second apart; how long each takes to arrive differs by a little. A busy machine may be
    # late once, a wake-up that waits for Scrapy's heartbeat is late each time.
    assert all(gap >= 0.9 for gap in site.gaps()[1:]), site.gaps()
    assert min(site.gaps()[1:]) < 1.2, site.gaps()


def test_a_delay_of_the_profile_holds_where_robots_names_none(site: Site, tmp_path: Path) -> None:
    site.pages("/1", "/2")
    archive = archive_of(site, tmp_path / "yavas", delay=0.4)

    done = crawl(archive)

    assert done.returncode == 0, done.stderr
    assert all(gap >= 0.3 for gap in site.gaps()[1:]), site.gaps()
    assert min(site.gaps()[1:]) < 0.6, site.gaps()


def test_every_request_names_the_product_and_whom_to_write_to(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")

    crawl(archive)

    assert set(site.paths()) == {"/robots.txt", "/", "/1"}
    agents = {asked.headers["User-Agent"] for asked in site.asked}
    assert all(agent.startswith(AGENT) and agent.endswith(f"(+mailto:{CONTACT})") for agent in agents)


def test_robots_is_asked_first_and_what_it_forbids_is_never_asked(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/gizli/2", "/gizli/3", robots="User-agent: *\nDisallow: /gizli/\n")
    site.answers["/1"] = (302, {"Location": "/gizli/4"}, "")

    done = crawl(archive, "--json")

    assert site.paths()[0] == "/robots.txt"
    assert sorted(site.paths()) == ["/", "/1", "/robots.txt"]
    assert done.returncode == 0
    assert counts(done)["skipped"] == {"robots.txt": 3}


def test_a_site_that_forbids_everything_is_left_alone_and_the_reason_is_said(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", robots="User-agent: *\nDisallow: /\n")

    done = crawl(archive)

    assert site.paths() == ["/robots.txt"]
    assert done.returncode == 1
    assert "muragat: haber: robots.txt forbids" in done.stderr
    assert "ask the site's owner" in done.stderr


def test_nothing_is_asked_while_robots_cannot_be_read(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")
    site.answers["/robots.txt"] = (503, {"Retry-After": "1"}, "")

    done = crawl(archive)

    assert set(site.paths()) == {"/robots.txt"}
    assert done.returncode == 1
    assert len(errors(done)) == 1
    assert "robots.txt could not be read (HTTP 503)" in errors(done)[0]


def test_a_host_without_robots_is_free(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", robots=None)

    done = crawl(archive)

    assert done.returncode == 0, done.stderr
    assert sorted(site.paths()) == ["/", "/1", "/robots.txt"]


# ---------------------------------------------------------------- a host in trouble


def test_a_host_that_says_retry_after_is_left_alone_until_then(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/2", "/3", "/4", robots="User-agent: *\nCrawl-delay: 0.05\n")
    site.answers["/2"] = lambda before: (429, {"Retry-After": "2"}, "") if not before else (200, {}, "<p>x</p>")

    done = crawl(archive, "--json")

    asked_at = next(asked.at for asked in site.asked if asked.path == "/2")
    following = [asked.at for asked in site.asked if asked.at > asked_at]
    assert 2.0 <= following[0] - asked_at < 4.5, site.gaps()
    assert site.paths().count("/2") == 2
    assert done.returncode == 0
    assert counts(done)["failed"] == {}


def test_errors_of_the_server_are_tried_again_and_then_counted(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/bozuk", "/gecici")
    site.answers["/bozuk"] = (500, {"Retry-After": "0"}, "")
    site.answers["/gecici"] = lambda before: (502, {"Retry-After": "0"}, "") if not before else (200, {}, "<p>x</p>")

    done = crawl(archive, "--json")

    assert (site.paths().count("/bozuk"), site.paths().count("/gecici")) == (3, 2)
    assert done.returncode == 0
    assert counts(done)["failed"] == {"HTTP 500": 1}
    assert counts(done)["new"] == 4  # robots.txt, /, /1, /gecici


def test_a_missing_page_is_an_answer_and_not_tried_again(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/yok")
    del site.answers["/yok"]

    done = crawl(archive, "--json")

    assert site.paths().count("/yok") == 1
    assert (counts(done)["new"], counts(done)["failed"]) == (4, {})


# ---------------------------------------------------------------- the second crawl


def test_a_second_crawl_asks_only_for_what_lists_others(site: Site, archive: ArchiveDir) -> None:
    """Seeds and what they link to directly are listings; what stands deeper is not due within the hour."""
    site.pages("/bolum")
    site.answers["/bolum"] = (200, {}, '<html><body><a href="/haber">x</a></body></html>')
    site.answers["/haber"] = (200, {}, "<html><body>haber</body></html>")
    crawl(archive)
    first, site.asked = site.paths(), []

    done = crawl(archive, "--json")

    assert sorted(first) == ["/", "/bolum", "/haber", "/robots.txt"]
    assert sorted(site.paths()) == ["/", "/bolum", "/robots.txt"]
    assert counts(done)["skipped"] == {"not due yet": 1}
    assert counts(done)["unchanged"] == 3


def test_a_skip_rule_added_to_the_profile_empties_the_queue_of_what_it_finds(site: Site, archive: ArchiveDir) -> None:
    site.pages("/tuzak/1", "/tuzak/2", "/1")
    crawl(archive, "--limit", "2")
    site.asked = []
    profile = archive.sites / "haber.toml"
    profile.write_text(profile.read_text() + "skip = ['/tuzak/']\n")

    done = crawl(archive, "--json")

    assert not [path for path in site.paths() if "tuzak" in path]
    assert counts(done)["skipped"] == {"skip rule of the profile": 2}


def test_the_feed_of_a_site_is_read_though_its_page_links_to_it_too(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")
    site.answers["/"] = (
        200,
        {},
        '<html><head><link rel="alternate" type="application/rss+xml" href="/feed/"></head>'
        '<body><a href="/feed/">RSS</a></body></html>',
    )
    link = f"{site.url}yeni"
    site.answers["/feed/"] = (
        200,
        {"Content-Type": "application/rss+xml"},
        f"<rss><item><link>{link}</link></item></rss>",
    )
    site.answers["/yeni"] = (200, {}, "<p>x</p>")

    crawl(archive)

    assert sorted(site.paths()) == ["/", "/feed/", "/robots.txt", "/yeni"]


# ---------------------------------------------------------------- hours, days, and hosts that want none of us


def test_no_request_leaves_outside_the_window_of_the_profile(site: Site, tmp_path: Path) -> None:
    site.pages("/1")
    now = datetime.now(UTC)
    window = f"{now + timedelta(hours=3):%H:%M}-{now + timedelta(hours=5):%H:%M}"
    archive = archive_of(site, tmp_path / "gece", more=f'window = "{window}"\n')

    done = crawl(archive, "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, site.asked, report["reason"]) == (0, [], "window")
    assert report["counts"]["waiting"] == 1
    assert f"is asked between {window} UTC only" in report["notes"][0]


def test_a_crawl_goes_on_when_its_window_is_open(site: Site, tmp_path: Path) -> None:
    site.pages("/1")
    now = datetime.now(UTC)
    window = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"  # over midnight at some hours

    done = crawl(archive_of(site, tmp_path / "gece", more=f'window = "{window}"\n'), "--json")

    assert json.loads(done.stdout)["reason"] == "finished"
    assert sorted(site.paths()) == ["/", "/1", "/robots.txt"]


def test_a_budget_is_for_a_day_not_for_a_crawl(site: Site, tmp_path: Path) -> None:
    site.pages(*(f"/haber-{name}" for name in "abcdefgh"))
    archive = archive_of(site, tmp_path / "az", more="budget = 5\nconcurrency = 1\n")

    first, second = crawl(archive, "--json"), crawl(archive, "--json")

    assert [json.loads(done.stdout)["reason"] for done in (first, second)] == ["budget", "budget"]
    assert len(site.asked) == 5
    assert "the 5 requests of" in json.loads(second.stdout)["notes"][-1]


def test_a_host_that_wants_days_of_peace_has_them_from_the_next_crawl_too(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/2", "/3", robots="User-agent: *\nCrawl-delay: 0.05\n")
    site.answers["/2"] = (503, {"Retry-After": "172800"}, "")

    first = crawl(archive)
    asked = site.paths()
    second = crawl(archive)

    assert asked.count("/2") == 1
    assert site.paths() == asked  # not one request more
    assert (first.returncode, second.returncode) == (1, 1)
    assert all("asks to be left alone until" in errors(done)[0] for done in (first, second))


def test_what_pages_ask_of_robots_is_recorded(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/2")
    site.answers["/1"] = (200, {"X-Robots-Tag": "noarchive"}, "<title>1</title>")
    site.answers["/2"] = (200, {}, '<meta name="robots" content="noindex, nofollow"><a href="/3">x</a>')
    site.answers["/3"] = (200, {}, "<title>3</title>")

    crawl(archive)

    lines = muragat(archive, "urls", "--state", "done", "--json").stdout.splitlines()
    said = {urlsplit(row["url"]).path: row["directives"] for row in map(json.loads, lines)}
    assert said == {"/robots.txt": None, "/": None, "/1": "noarchive", "/2": "noindex, nofollow", "/3": None}


def test_each_refusal_is_counted_by_its_rule_and_listed(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/1?share=x", "/?s=ara", "https://baska.example/", "/a/a/a/a/")

    done = crawl(archive, "--json")
    table = muragat(archive, "urls").stdout
    listed = muragat(archive, "urls", "--rule", "share or reply link").stdout

    rules = {"share or reply link": 1, "search or filter": 1, "off-site": 1, "repeated path": 1}
    assert counts(done)["skipped"] == rules
    assert all(rule in table for rule in rules)
    assert listed.rstrip().split("\t") == ["refused", "share or reply link", f"{site.url}1?share=x", site.url]


def test_a_slash_that_a_site_adds_is_added_by_us_after_a_while(site: Site, archive: ArchiveDir) -> None:
    names = ["bir", "iki", "uc", "dort", "bes", "alti"]
    site.pages(*(f"/{name}" for name in names[:3]))
    site.answers |= {f"/{name}": (301, {"Location": f"/{name}/"}, "") for name in names}
    site.answers |= {f"/{name}/": (200, {}, f"<title>{name}</title>") for name in names}
    site.answers["/uc/"] = (200, {}, "".join(f'<a href="/{name}">x</a>' for name in names))

    done = crawl(archive)

    assert done.returncode == 0, done.stderr
    assert sorted(site.paths()) == sorted(["/", "/robots.txt", "/bir", "/iki", "/uc", *(f"/{name}/" for name in names)])

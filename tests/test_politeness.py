"""What a site's owner may rely on: measured at the server, by its own clock, while a real crawl asks it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from archive.config import ArchiveDir
from crawler.begin import init_archive

ROOT = Path(__file__).resolve().parent.parent
AGENT = "muragat/"
CONTACT = "ali@haber.example"

Answer = tuple[int, dict[str, str], str]


class Site:
    """A server on loopback: what it answers, and what it was asked when, in the order of asking."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        self.answers: dict[str, Answer | Callable[[int], Answer]] = {}  # a callable gets the number of the request
        self.asked: list[tuple[float, str, str]] = []  # time, path, User-Agent

    def pages(self, *paths: str, robots: str | None = "") -> None:
        """A home page that links to these pages, each of which says its name."""
        links = "".join(f'<a href="{path}">x</a>' for path in paths)
        self.answers["/"] = (200, {}, f"<html><body>{links}</body></html>")
        self.answers |= {path: (200, {}, f"<html><body>{path}</body></html>") for path in paths}
        if robots is not None:
            self.answers["/robots.txt"] = (200, {"Content-Type": "text/plain"}, robots)

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]

    def gaps(self) -> list[float]:
        times = [at for at, _, _ in self.asked]
        return [later - sooner for sooner, later in pairwise(times)]


@contextmanager
def serve() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            before = served.paths().count(self.path)
            served.asked.append((time.monotonic(), self.path, self.headers["User-Agent"]))
            answer = served.answers.get(self.path, (404, {}, "yok"))
            status, headers, body = answer(before) if callable(answer) else answer
            self.send_response(status)
            for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *parts: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Site(server.server_port)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield served
        finally:
            server.shutdown()


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


@pytest.fixture
def archive(site: Site, tmp_path: Path) -> ArchiveDir:
    """An archive of that site, which has a delay of its own only where a test says so."""
    return archive_of(site, tmp_path / "arsiv")


def archive_of(site: Site, root: Path, *, delay: float = 0.0) -> ArchiveDir:
    init_archive(root, url=None, contact=CONTACT, operator="")
    (root / "sites" / "haber.toml").write_text(
        f'title = "Haber"\n[crawl]\nseeds = ["{site.url}"]\nhosts = ["127.0.0.1:{site.port}"]\n'
        f'allow_private = ["127.0.0.1:{site.port}"]\ndelay = {delay}\n'
    )
    return ArchiveDir(root)


def crawl(archive: ArchiveDir, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(archive.root), "crawl", "--no-wait"]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=60)


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["counts"]
    return found


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

    assert {path for _, path, _ in site.asked} == {"/robots.txt", "/", "/1"}
    assert all(agent.startswith(AGENT) and agent.endswith(f"(+mailto:{CONTACT})") for _, _, agent in site.asked)


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


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("muragat: ")]


# ---------------------------------------------------------------- a host in trouble


def test_a_host_that_says_retry_after_is_left_alone_until_then(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", "/2", "/3", "/4", robots="User-agent: *\nCrawl-delay: 0.05\n")
    site.answers["/2"] = lambda before: (429, {"Retry-After": "2"}, "") if not before else (200, {}, "<p>x</p>")

    done = crawl(archive, "--json")

    asked_at = next(at for at, path, _ in site.asked if path == "/2")
    following = [at for at, _, _ in site.asked if at > asked_at]
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

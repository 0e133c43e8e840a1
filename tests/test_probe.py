"""`muragat init --site`: what a site says becomes its profile; a private address only where a person typed it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from archive.config import ArchiveDir, read_site
from archive.errors import ConfigError, MuragatError, SiteError
from crawler.begin import init_archive
from crawler.probe import _get, add_site, probe

AGENT = "muragat/test (+mailto:ali@haber.example)"
Answer = tuple[int, dict[str, str], str]


class Site:
    """A small site on loopback that remembers what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []  # path, User-Agent


@contextmanager
def serve() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers["User-Agent"]))
            status, headers, body = served.pages.get(self.path, (404, {}, "yok"))
            self.send_response(status)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *parts: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Site(f"http://127.0.0.1:{server.server_port}/")
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield served
        finally:
            server.shutdown()


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


def home(*, lang: str = "tr", head: str = "") -> Answer:
    return 200, {}, f'<html lang="{lang}"><head><title> Bozkır\n Haber </title>{head}</head></html>'


# ---------------------------------------------------------------- what is found


def test_a_wordpress_site_says_its_zone_and_its_feed(site: Site) -> None:
    head = (
        '<meta property="og:site_name" content="Bozkır &quot;Haber&quot;">'
        '<link rel="https://api.w.org/" href="/wp-json/">'
        '<link rel="alternate" type="application/rss+xml" href="/comments/feed/">'
        '<link rel="alternate" type="application/rss+xml" href="/feed/">'
    )
    site.pages = {
        "/": home(lang="tr-TR", head=head),
        "/wp-json/": (200, {}, json.dumps({"timezone_string": "Asia/Almaty", "gmt_offset": 6})),
    }

    probed = probe(site.url, user_agent=AGENT)

    assert (probed.title, probed.languages, probed.feeds) == ('Bozkır "Haber"', ("tr",), (f"{site.url}feed/",))
    assert (probed.zone, probed.zone_from) == ("Asia/Almaty", "as its WordPress says")
    assert site.asked == [("/", AGENT), ("/wp-json/", AGENT)]


@pytest.mark.parametrize(
    "lang, api, zone, how",
    [
        ("tr", {"timezone_string": "", "gmt_offset": 6}, "Etc/GMT-6", "offset"),
        ("tr", {"timezone_string": "", "gmt_offset": 0}, "UTC", "offset"),
        ("tr", {"timezone_string": "Mars/Olympus", "gmt_offset": "x"}, "Europe/Istanbul", "guessed"),
        ("kk", ["no", "object"], "Asia/Almaty", "guessed"),
        ("en", None, "UTC", "not known"),
    ],
)
def test_a_zone_that_is_guessed_is_said_to_be(site: Site, lang: str, api: object, zone: str, how: str) -> None:
    site.pages = {
        "/": home(lang=lang, head='<link rel="https://api.w.org/" href="/wp-json/">'),
        "/wp-json/": (200, {}, json.dumps(api)),
    }

    probed = probe(site.url, user_agent=AGENT)

    assert probed.zone == zone
    assert how in probed.zone_from


def test_the_profile_is_toml_whatever_the_page_says(site: Site, tmp_path: Path) -> None:
    hostile = 'x"\\\n[crawl]\ndelay = 0 \u0007 ş'
    site.pages = {"/": (200, {}, f"<html lang='\"]'><title>{hostile}</title></html>")}
    directory = ArchiveDir(tmp_path)

    path, _ = add_site(directory, site.url, user_agent=AGENT)

    profile = read_site(path)
    assert profile.crawl.seeds == (site.url,)
    assert profile.crawl.delay == 1.0
    assert "delay = 0" in profile.title


def test_a_site_whose_profile_is_shipped_is_not_asked(tmp_path: Path) -> None:
    path, said = add_site(ArchiveDir(tmp_path), "www.kazakistan.kz", user_agent=AGENT)

    assert path.name == "kazakistan_kz.toml"
    assert "shipped" in said[0]


# ---------------------------------------------------------------- what is refused


def test_a_private_address_that_was_typed_is_allowed_and_said(site: Site, tmp_path: Path) -> None:
    site.pages = {"/": home()}

    said = init_archive(tmp_path / "a", url=site.url, contact="ali@haber.example", operator="")

    host = site.url.split("/")[2]
    assert any(f"{host} is a private address. You typed it" in line for line in said)
    assert ArchiveDir(tmp_path / "a").site().crawl.allow_private == (host,)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_redirect_to_a_private_address_that_was_not_typed_is_refused(site: Site, name: str) -> None:
    with serve() as inner:
        inner.pages = {"/": home()}
        target = inner.url.replace("127.0.0.1", name)
        site.pages = {"/": (302, {"Location": target}, "")}

        with pytest.raises(SiteError, match=r"private address .*which nobody typed"):
            probe(site.url, user_agent=AGENT)

        assert inner.asked == []


def test_a_public_site_does_not_lead_to_a_private_address(site: Site) -> None:
    """As after a public address was typed: nothing private is allowed, by name or by number."""
    for url in (site.url, site.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(SiteError, match="private address"):
            _get(url, user_agent=AGENT, allowed=())

    assert site.asked == []


def test_a_wordpress_interface_on_another_private_address_is_not_asked(site: Site) -> None:
    with serve() as inner:
        site.pages = {"/": home(head=f'<link rel="https://api.w.org/" href="{inner.url}wp-json/">')}

        probed = probe(site.url, user_agent=AGENT)

        assert (probed.zone, inner.asked) == ("Europe/Istanbul", [])


def test_a_redirect_is_followed_to_where_the_site_is(site: Site) -> None:
    site.pages = {"/": (301, {"Location": "/tr/"}, ""), "/tr/": home()}

    assert probe(site.url, user_agent=AGENT).url == f"{site.url}tr/"


def test_redirects_without_end_end(site: Site) -> None:
    site.pages = {"/": (301, {"Location": "/"}, "")}

    with pytest.raises(SiteError, match="redirects more than 5 times"):
        probe(site.url, user_agent=AGENT)


def test_an_error_page_is_no_site(site: Site) -> None:
    with pytest.raises(SiteError, match="HTTP 404; give the address of the site's front page"):
        probe(f"{site.url}yok", user_agent=AGENT)


@pytest.mark.parametrize("typed", ["", "iki kelime", "ftp://haber.example/", "http://", "http://127.0.0.1:99999/"])
def test_what_is_no_web_address_is_refused_with_an_example(typed: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a web address; an example is https://"):
        add_site(ArchiveDir(tmp_path), typed, user_agent=AGENT)


def test_no_server_is_said_and_nothing_is_left_behind(site: Site, tmp_path: Path) -> None:
    with serve() as gone:
        url = gone.url
    root = tmp_path / "a"

    with pytest.raises(SiteError, match=r"no site at .*Connection refused; check the address"):
        init_archive(root, url=url, contact="", operator="")

    assert not root.exists()


def test_an_archive_or_a_full_folder_is_not_made_into_one(tmp_path: Path) -> None:
    root = tmp_path / "a"
    init_archive(root, url=None, contact="ali@haber.example", operator='Ali "A"')
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("keep")

    for place, what in ((root, "is an archive already"), (full, "is not empty"), (full / "notes.txt", "not empty")):
        with pytest.raises(MuragatError, match=what):
            init_archive(place, url=None, contact="", operator="")

    assert ArchiveDir(root).config().operator == 'Ali "A"'
    assert [path.name for path in full.iterdir()] == ["notes.txt"]


def test_a_site_is_added_once(site: Site, tmp_path: Path) -> None:
    site.pages = {"/": home()}
    add_site(ArchiveDir(tmp_path), site.url, user_agent=AGENT)

    with pytest.raises(ConfigError, match="in the archive already; `muragat crawl 127_0_0_1_"):
        add_site(ArchiveDir(tmp_path), site.url, user_agent=AGENT)

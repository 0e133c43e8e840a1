"""`muragat init --site`: what a site says becomes its profile; a private address only where a person typed it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from servers import Answer as Pieces
from servers import Loopback, page

from archive.config import ArchiveDir, read_site
from archive.errors import ConfigError, MuragatError, SiteError
from crawler.begin import init_archive
from crawler.probe import add_site, probe
from crawler.profile import profile
from crawler.visit import MAX_PAUSE_SECONDS, MAX_REQUESTS, PAUSE_SECONDS, Visit

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


def paths(site: Site) -> list[str]:
    return [path for path, _ in site.asked]


API = "/wp-json/?_fields=name,namespaces,timezone_string,gmt_offset"
API_LINK = '<link rel="https://api.w.org/" href="/wp-json/">'


def index(**more: object) -> Answer:
    return 200, {}, json.dumps({"namespaces": ["oembed/1.0", "wp/v2"], **more})


def rss(*urls: str) -> Answer:
    return 200, {}, "<rss><channel>" + "".join(f"<item><link>{url}</link></item>" for url in urls) + "</channel></rss>"


def sitemap(url: str) -> Answer:
    return 200, {}, f"<urlset><url><loc>{url}</loc></url></urlset>"


# ---------------------------------------------------------------- what is found

WORDPRESS_HEAD = (
    '<meta name="generator" content="WordPress 6.1.9"><meta property="og:site_name" content="Bozkır &quot;Haber&quot;">'
    f'{API_LINK}<link rel="alternate" hreflang="ru-RU" href="/ru/"><link rel="alternate" hreflang="x-default" href="/">'
    '<link rel="alternate" type="application/rss+xml" href="/comments/feed/">'
    '<link rel="alternate" type="application/rss+xml" href="/feed/">'
)


def test_a_wordpress_site_says_what_it_is(site: Site) -> None:
    site.pages = {
        "/": home(lang="tr-TR", head=WORDPRESS_HEAD),
        "/robots.txt": (200, {}, "User-agent: *\nDisallow: /wp-admin/\n\nSitemap: /wp-sitemap.xml\n"),
        API: index(timezone_string="Asia/Almaty", gmt_offset=5),
        "/feed/": rss(f"{site.url}a/"),
    }

    probed = probe(site.url, user_agent=AGENT)

    assert (probed.title, probed.languages, probed.feeds) == ('Bozkır "Haber"', ("tr", "ru"), (f"{site.url}feed/",))
    assert (probed.zone, probed.zone_from) == ("Asia/Almaty", "as its WordPress says")
    assert (probed.wordpress, probed.api, probed.origin) == ("WordPress 6.1.9", True, site.url.rstrip("/"))
    assert (probed.robots_sitemaps, probed.sitemaps) == ((f"{site.url}wp-sitemap.xml",), ())
    assert site.asked == [(path, AGENT) for path in ("/robots.txt", "/", API, "/feed/")]


def test_a_site_that_says_nothing_is_asked_for_the_usual_sitemaps_and_no_more(site: Site) -> None:
    site.pages = {"/": home()}

    probed = probe(site.url, user_agent=AGENT)

    assert (probed.wordpress, probed.api, probed.feeds, probed.sitemaps, probed.article) == ("", False, (), (), ())
    assert paths(site) == ["/robots.txt", "/", "/sitemap.xml", "/wp-sitemap.xml", "/sitemap_index.xml"]


def test_a_sitemap_is_one_when_something_is_in_it(site: Site) -> None:
    site.pages = {
        "/": home(),
        "/sitemap.xml": (200, {}, "<!doctype html><title>bulunamadı</title>"),
        "/wp-sitemap.xml": (302, {"Location": "/harita.xml"}, ""),
        "/harita.xml": sitemap(f"{site.url}a/"),
    }

    assert probe(site.url, user_agent=AGENT).sitemaps == (f"{site.url}harita.xml",)
    assert "/sitemap_index.xml" not in paths(site)


def test_a_wordpress_that_names_no_feed_may_have_its_usual_one(site: Site) -> None:
    body = '<script src="/wp-content/themes/x.js"></script>'
    site.pages = {"/": home(head=body), "/feed/": rss(f"{site.url}a/"), "/wp-sitemap.xml": sitemap(f"{site.url}a/")}

    probed = probe(site.url, user_agent=AGENT)

    assert (probed.wordpress, probed.api, probed.feeds) == ("WordPress", False, (f"{site.url}feed/",))
    assert paths(site) == ["/robots.txt", "/", "/feed/", "/wp-sitemap.xml"]


def test_an_interface_named_in_the_link_header_is_found(site: Site) -> None:
    link = f'<{site.url}wp-json/>; rel="https://api.w.org/"'
    site.pages = {"/": (200, {"Link": link}, "<html lang=tr></html>"), API: index()}

    assert probe(site.url, user_agent=AGENT).api


@pytest.mark.parametrize(
    "answer, said",
    [
        ((401, {}, '{"code":"rest_forbidden"}'), "answers HTTP 401"),
        ((200, {}, "<!doctype html>"), "and no list"),
        ((200, {}, "[" * 100_000), "and no list"),
        ((200, {}, '{"namespaces":["oembed/1.0"]}'), "lists no articles"),
        ((200, {}, '{"namespaces":null}'), "lists no articles"),
    ],
)
def test_an_interface_that_is_closed_is_not_to_be_asked(site: Site, answer: Answer, said: str) -> None:
    site.pages = {"/": home(head=API_LINK), API: answer}

    probed = probe(site.url, user_agent=AGENT)

    assert not probed.api
    assert said in probed.api_from


@pytest.mark.parametrize(
    "lang, api, zone, how",
    [
        ("tr", {"timezone_string": "", "gmt_offset": 6}, "Etc/GMT-6", "offset"),
        ("tr", {"timezone_string": "", "gmt_offset": "-3"}, "Etc/GMT+3", "offset"),  # as old versions write it
        ("tr", {"timezone_string": "", "gmt_offset": 0}, "UTC", "offset"),
        ("tr", {"timezone_string": "", "gmt_offset": 5.5}, "Europe/Istanbul", "guessed"),
        ("tr", {"timezone_string": "Mars/Olympus", "gmt_offset": "x"}, "Europe/Istanbul", "guessed"),
        ("tr", {"timezone_string": ["x"], "gmt_offset": {}}, "Europe/Istanbul", "guessed"),
        ("kk", ["no", "object"], "Asia/Almaty", "guessed"),
        ("en", None, "UTC", "not known"),
    ],
)
def test_a_zone_that_is_guessed_is_said_to_be(site: Site, lang: str, api: object, zone: str, how: str) -> None:
    site.pages = {"/": home(lang=lang, head=API_LINK), API: (200, {}, json.dumps(api))}

    probed = probe(site.url, user_agent=AGENT)

    assert probed.zone == zone
    assert how in probed.zone_from


def test_a_zone_is_read_of_the_dates_where_nothing_else_tells(site: Site) -> None:
    site.pages = {"/": home(lang="en", head='<time datetime="2024-03-15T10:00:00+04:00">15 March</time>')}

    assert probe(site.url, user_agent=AGENT).zone == "Etc/GMT-4"


def test_a_language_that_is_not_said_is_read_of_the_text(site: Site) -> None:
    text = "Қазақстан Республикасының Президенті бүгін Астана қаласында үкімет отырысын өткізді және сөз сөйледі. "
    site.pages = {"/": (200, {}, f"<html><title>x</title><p>{text * 3}</p></html>")}

    assert probe(site.url, user_agent=AGENT).languages == ("kk",)


@pytest.mark.parametrize(
    "addresses, is_evident",
    [
        ([f"/2024/03/haber-{number}/" for number in range(5)], True),
        ([f"/tr/2024/03/15/{number}-haber.html" for number in range(5)], True),
        ([f"/2024/03/haber-{number}/" for number in range(4)], False),  # too few to tell
        ([f"/2024/03/haber-{number}/" for number in range(9)] + ["/roportaj/biri/"], False),
        ([f"/2024/03/{number}/" for number in range(10, 20)], False),  # days
        ([f"https://baska.example/2024/03/haber-{number}/" for number in range(9)], False),
    ],
)
def test_a_pattern_of_articles_is_given_when_it_is_evident(
    site: Site, addresses: list[str], is_evident: bool, tmp_path: Path
) -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="/feed/">'
    site.pages = {"/": home(head=head), "/feed/": rss(*addresses)}

    path, _ = add_site(ArchiveDir(tmp_path), site.url, user_agent=AGENT)

    patterns = read_site(path).crawl.article
    assert bool(patterns) == is_evident
    if patterns:
        assert all(re.search(patterns[0], url) for url in addresses)
        assert not any(re.search(patterns[0], url) for url in ("/2024/03/", "/2024/03/15/", "/2024/03/page/2/", "/a/"))


def test_dates_are_shown_as_printed_and_as_read(site: Site, tmp_path: Path) -> None:
    dates = (
        '<time>15 Mart 2024,\n 14:30</time><time>16 Mart 2024, 09:05</time><span class="tarih">06.10.2017</span>'
        '<div class="t">18 Nisan 2017 Salı, 23:14</div><p>Toplantı 15 Temmuz 2016 tarihinde Astana şehrinde yapıldı</p>'
        '<span class="date">no date 7</span><span class="update-box">\u0007[crawl] 3</span>'
    )
    site.pages = {"/": home(head=f"</head><body>{dates}")}

    path, _ = add_site(ArchiveDir(tmp_path), site.url, user_agent=AGENT)

    text = path.read_text()
    assert '# printed "15 Mart 2024, 14:30", read as 2024-03-15 14:30+03:00\n' in text
    assert '# printed "06.10.2017", read as 2017-10-06\n' in text
    assert '# printed "18 Nisan 2017 Salı, 23:14", read as 2017-04-18 23:14+03:00\n' in text
    assert text.count("# printed") == 3


def test_the_profile_that_is_written_can_be_read_and_says_where_all_is_from(site: Site, tmp_path: Path) -> None:
    site.pages = {
        "/": home(lang="tr-TR", head=WORDPRESS_HEAD),
        "/robots.txt": (200, {}, "User-agent: *\nCrawl-delay: 0.1\nSitemap: /wp-sitemap.xml\n"),
        API: index(timezone_string="Asia/Almaty"),
        "/feed/": rss(f"{site.url}a/"),
    }

    path, said = add_site(ArchiveDir(tmp_path), site.url, user_agent=AGENT)

    profile = read_site(path)
    assert (profile.crawl.origin, profile.crawl.api) == (site.url.rstrip("/"), True)
    assert (profile.read.zone, profile.read.languages) == ("Asia/Almaty", ("tr", "ru"))
    assert "WordPress 6.1.9; zone Asia/Almaty, as its WordPress says" in said[0]
    text = path.read_text()
    for line in (
        "# WordPress 6.1.9\n",
        f"# robots.txt names the sitemap {site.url}wp-sitemap.xml\n",
        f"api = true  # {site.url}wp-json/ answers; it lists articles\n",
        "delay = 1.0  # seconds between two fetches; but robots.txt says 0.1, which goes before it\n",
    ):
        assert line in text


# ---------------------------------------------------------------- politeness


def test_what_robots_txt_forbids_is_not_asked(site: Site) -> None:
    rules = "User-agent: *\nDisallow: /wp-json/\nDisallow: /feed/\nDisallow: /sitemap.xml\nDisallow: /*sitemap_index"
    site.pages = {"/": home(head=WORDPRESS_HEAD), "/robots.txt": (200, {}, rules)}

    probed = probe(site.url, user_agent=AGENT)

    assert paths(site) == ["/robots.txt", "/", "/wp-sitemap.xml"]
    assert (probed.api, probed.feeds) == (False, (f"{site.url}feed/",))
    assert "may not be asked" in probed.api_from


def test_a_site_that_forbids_its_home_page_is_not_asked(site: Site) -> None:
    site.pages = {"/": home(), "/robots.txt": (200, {}, "User-agent: muragat\nDisallow: /")}

    with pytest.raises(SiteError, match=r"robots\.txt forbids it, and muragat obeys"):
        probe(site.url, user_agent=AGENT)

    assert paths(site) == ["/robots.txt"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_host_whose_robots_txt_fails_is_left_alone(site: Site, status: int) -> None:
    site.pages = {"/": home(), "/robots.txt": (status, {}, "")}

    with pytest.raises(SiteError, match=f"HTTP {status}, so nothing there may be asked now; try again later"):
        probe(site.url, user_agent=AGENT)

    assert paths(site) == ["/robots.txt"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_robots_txt_that_may_not_be_read_forbids_nothing(site: Site, status: int) -> None:
    site.pages = {"/": home(), "/robots.txt": (status, {}, "User-agent: *\nDisallow: /")}

    assert probe(site.url, user_agent=AGENT).title == "Bozkır Haber"


def test_a_redirect_does_not_lead_around_robots_txt(site: Site) -> None:
    site.pages = {
        "/": (302, {"Location": "/ozel/"}, ""),
        "/ozel/": home(),
        "/robots.txt": (302, {"Location": "/robots-tr.txt"}, ""),
        "/robots-tr.txt": (200, {}, "User-agent: *\nDisallow: /ozel/"),
    }

    with pytest.raises(SiteError, match=r"ozel/: robots\.txt forbids"):
        probe(site.url, user_agent=AGENT)

    assert paths(site) == ["/robots.txt", "/robots-tr.txt", "/"]


def test_no_site_is_asked_more_than_eight_things(site: Site) -> None:
    """Not even one of redirects: what was found until then is the profile."""
    site.pages = {
        "/robots.txt": (302, {"Location": "/r"}, ""),
        "/": (301, {"Location": "/tr/"}, ""),
        "/tr/": (301, {"Location": "/tr/ana/"}, ""),
        "/tr/ana/": home(head=WORDPRESS_HEAD),
        API: (302, {"Location": "/x"}, ""),
    }

    probed = probe(site.url, user_agent=AGENT)

    assert (probed.url, probed.sitemaps) == (f"{site.url}tr/ana/", ())
    assert len(site.asked) == MAX_REQUESTS


def test_the_delay_that_robots_txt_names_is_kept(site: Site) -> None:
    site.pages = {"/": home(), "/robots.txt": (200, {}, "User-agent: *\nCrawl-delay: 0.2\nSitemap: /s.xml")}
    began = time.monotonic()

    probe(site.url, user_agent=AGENT)

    assert time.monotonic() - began >= 0.2 * (len(site.asked) - 1) > 0


def test_a_public_site_is_asked_with_pauses_and_a_person_does_not_wait_a_day() -> None:
    public, own = Visit(user_agent=AGENT, allowed=()), Visit(user_agent=AGENT, allowed=("127.0.0.1:80",))

    pauses = [public.pause(None), public.pause(3.0), public.pause(86_400.0), own.pause(None), own.pause(3.0)]

    assert pauses == [PAUSE_SECONDS, 3.0, MAX_PAUSE_SECONDS, 0.0, 3.0]


def test_a_page_that_never_ends_is_read_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.visit.TIMEOUT_SECONDS", 0.5)
    drip = Pieces((b"HTTP/1.1 200 OK\r\n\r\n<html lang=tr><title>x</title>", *[b"<p>"] * 1_000), close=True)
    with Loopback({"/": drip, "/sitemap.xml": page("")}) as server:
        began = time.monotonic()

        probed = probe(f"{server.url}/", user_agent=AGENT)

        assert (probed.title, probed.languages) == ("x", ("tr",))
        assert time.monotonic() - began < 5


def test_a_page_of_nothing_but_depth_is_read_in_time(site: Site) -> None:
    site.pages = {"/": (200, {}, "<html lang=tr>" + "<div class=date>" * 300_000)}
    began = time.monotonic()

    assert probe(site.url, user_agent=AGENT).languages == ("tr",)
    assert time.monotonic() - began < 5


# ---------------------------------------------------------------- what is written


def test_the_profile_is_toml_whatever_the_page_says(site: Site, tmp_path: Path) -> None:
    hostile = 'x"\\\n[crawl]\ndelay = 0 \u0007 \x7f ş'
    site.pages = {"/": (200, {}, f"<html lang='\"]'><title>{hostile}</title></html>")}
    directory = ArchiveDir(tmp_path)

    path, _ = add_site(directory, site.url, user_agent=AGENT)

    profile = read_site(path)
    assert profile.crawl.seeds == (site.url,)
    assert profile.crawl.delay == 1.0
    assert "delay = 0" in profile.title


def test_nothing_that_a_page_prints_leaves_its_comment(site: Site, tmp_path: Path) -> None:
    site.pages = {"/": home()}
    hostile = "x\r\n[crawl]\ndelay = 0\x00\x7f\u2028 ş"
    probed = replace(
        probe(site.url, user_agent=AGENT),
        dates=((hostile, hostile),),
        api_from=hostile,
        wordpress=hostile,
        robots_sitemaps=(hostile,),
        sitemaps=(f"{site.url}\x7f",),
        languages=(hostile,),
    )
    path = tmp_path / "x.toml"
    path.write_text(profile(probed), "utf-8")

    read = read_site(path)

    assert (read.crawl.delay, read.read.languages) == (1.0, (hostile,))


def test_a_robots_txt_behind_redirects_without_end_holds_for_no_other_host(site: Site) -> None:
    """After five of them there are no rules (RFC 9309 §2.3.1.2); of the sixth's host nothing is known."""
    with serve() as other:
        site.pages = {f"/{number}": (301, {"Location": f"/{number + 1}"}, "") for number in range(5)}
        site.pages["/robots.txt"] = (301, {"Location": "/0"}, "")
        site.pages["/4"] = (301, {"Location": f"{other.url}robots.txt"}, "")
        allowed = tuple(each.url.split("/")[2] for each in (site, other))
        visit = Visit(user_agent=AGENT, allowed=allowed)
        other.pages = {"/robots.txt": (200, {}, "User-agent: *\nDisallow: /")}

        assert visit.robots(site.url).allows(site.url)
        assert not visit.robots(other.url).allows(other.url)


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

        with pytest.raises(SiteError, match=r"private address that nobody typed"):
            probe(site.url, user_agent=AGENT)

        assert inner.asked == []


def test_a_public_site_does_not_lead_to_a_private_address(site: Site) -> None:
    """As after a public address was typed: nothing private is allowed, by name or by number."""
    for url in (site.url, site.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(SiteError, match="private address"):
            Visit(user_agent=AGENT, allowed=()).get(url)

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

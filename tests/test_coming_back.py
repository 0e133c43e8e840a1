"""What a crawl finds, what the next one costs, and what it finds changed or gone: at the server and in rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_site import Site, archive_of, crawl, errors, muragat, serve

from archive.config import ArchiveDir
from archive.model import RecordType
from archive.verify import verify
from archive.warc import Kept, read_warc

BODY = " ".join(["Almatı'da düzenlenen toplantıda yeni kararlar alındı ve kamuoyuna duyuruldu."] * 12)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


@pytest.fixture
def archive(site: Site, tmp_path: Path) -> ArchiveDir:
    return archive_of(site, tmp_path / "arsiv", more="revisits = 0\n")


def article(title: str, body: str = BODY) -> str:
    return (
        f'<html lang="tr"><head><title>{title}</title><meta property="og:type" content="article">'
        f'<meta property="article:published_time" content="2017-10-06T17:45:00+06:00"></head>'
        f"<body><article><h1>{title}</h1><p>{body}</p><p>{body}</p></article></body></html>"
    )


def publish(site: Site, articles: dict[str, str], *, modified: dict[str, str] | None = None) -> None:
    """A home page that links to a listing of nothing, and a sitemap that names these articles."""
    times = dict.fromkeys(articles, "2017-10-06T10:00:00Z") | (modified or {})
    urls = "".join(f"<url><loc>{site.url}{name}/</loc><lastmod>{times[name]}</lastmod></url>" for name in articles)
    xml = {"Content-Type": "application/xml"}
    site.answers["/"] = (200, {}, "<html><body><p>Haberler</p></body></html>")
    site.answers["/robots.txt"] = (200, {"Content-Type": "text/plain"}, f"Sitemap: {site.url}sitemap.xml\n")
    site.answers["/sitemap.xml"] = (200, xml, f'<?xml version="1.0"?><urlset>{urls}</urlset>')
    site.answers |= {f"/{name}/": (200, {}, article(*text.split("|"))) for name, text in articles.items()}


def report(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def again(found: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {row["why"]: (row["fetched"], row["changed"], row["gone"]) for row in found["again"]}


def rows(archive: ArchiveDir, sql: str) -> list[dict[str, Any]]:
    done = muragat(archive, "query", sql, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


# ---------------------------------------------------------------- what is changed, new, gone


def test_what_the_sitemap_announces_is_fetched_next_and_nothing_else(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir", "b": "İki", "c": "Üç", "d": "Dört"})
    report(muragat(archive, "crawl", "--json"))
    site.asked = []
    publish(site, {"a": "Bir", "b": "İki (güncellendi)", "c": "Üç", "e": "Beş"}, modified={"b": "2018-01-01T00:00:00Z"})
    del site.answers["/d/"]

    second = report(muragat(archive, "crawl", "--json"))

    assert sorted(site.paths()) == ["/", "/b/", "/d/", "/e/", "/robots.txt", "/sitemap.xml"]
    assert again(second) == {"announced": (1, 1, 0), "vanished": (1, 0, 1)}
    kinds = {row["url"].removeprefix(site.url): row["kind"] for row in json.loads(changes(archive))}
    assert kinds == {"b/": "edited", "d/": "gone"}
    assert rows(archive, "SELECT count(*) AS n FROM articles") == [{"n": 5}]  # what is gone stays


def test_an_announced_change_is_found_on_a_later_page_of_its_article(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir", "b": "İki"})

    def paged(last: str) -> None:
        first = article("Bir").replace("</article>", '</article><a href="/a/2/">2</a> <a href="/a/3/">3</a>')
        site.answers["/a/"] = (200, {}, first)
        site.answers["/a/2/"] = (200, {}, article("Bir", BODY + " İkinci sayfa."))
        site.answers["/a/3/"] = (200, {}, article("Bir", f"{BODY} {last}"))

    paged("Üçüncü sayfa.")
    report(muragat(archive, "crawl", "--json"))
    publish(site, {"a": "Bir", "b": "İki"}, modified={"a": "2018-01-01T00:00:00Z"})
    paged("Üçüncü sayfa, sonu değişti.")
    site.asked = []

    report(muragat(archive, "crawl", "--json"))

    assert {"/a/", "/a/2/", "/a/3/"} <= set(site.paths())
    assert "/b/" not in site.paths()
    assert "sonu değişti" in rows(archive, "SELECT text FROM articles WHERE url LIKE '%/a/'")[0]["text"]


def changes(archive: ArchiveDir) -> str:
    return muragat(archive, "changes", "--json").stdout


def test_a_page_that_sends_us_to_the_front_page_is_gone(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir", "b": "İki"})
    report(muragat(archive, "crawl", "--json"))
    publish(site, {"a": "Bir"})
    site.answers["/b/"] = (302, {"Location": "/"}, "")

    second = report(muragat(archive, "crawl", "--json"))

    assert again(second) == {"vanished": (1, 0, 1)}
    (gone,) = rows(archive, "SELECT url, gone_at FROM articles WHERE gone_at IS NOT NULL")
    assert gone["url"] == f"{site.url}b/"


def test_a_page_that_comes_back_is_gone_no_more(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir", "b": "İki"})
    muragat(archive, "crawl")
    publish(site, {"a": "Bir"})
    here = site.answers.pop("/b/")
    muragat(archive, "crawl")
    publish(site, {"a": "Bir", "b": "İki"}, modified={"b": "2019-01-01T00:00:00Z"})
    site.answers["/b/"] = here

    muragat(archive, "crawl")

    assert rows(archive, "SELECT count(*) AS n FROM articles WHERE gone_at IS NOT NULL") == [{"n": 0}]


# ---------------------------------------------------------------- what it costs


def test_a_page_that_has_not_changed_answers_304_and_is_known_to_stand(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir"})
    site.validated["/a/"] = '"v1"'
    muragat(archive, "crawl")
    publish(site, {"a": "Bir"}, modified={"a": "2018-01-01T00:00:00Z"})  # announced, and yet the same
    site.asked = []

    second = report(muragat(archive, "crawl", "--json"))

    (asked,) = (asked for asked in site.asked if asked.path == "/a/")
    assert asked.headers["If-None-Match"] == '"v1"'
    assert again(second) == {"announced": (1, 0, 0)}
    (row,) = rows(archive, "SELECT first_seen_at, last_seen_at, versions FROM articles")
    assert row["last_seen_at"] > row["first_seen_at"]
    assert row["versions"] == 1
    assert "Almatı'da" in muragat(archive, "show", f"{site.url}a/").stdout
    assert BODY.encode() in muragat(archive, "show", f"{site.url}a/", "--raw").stdout.encode()
    assert verify(archive).findings == []


def test_a_304_refers_to_the_capture_it_confirms(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir"})
    site.validated["/a/"] = '"v1"'
    crawl(archive)
    crawl(archive, "--json")
    publish(site, {"a": "Bir"}, modified={"a": "2018-01-01T00:00:00Z"})
    crawl(archive)

    kept = [
        read.capture
        for path in sorted(archive.warcs.glob("*.warc.gz"))
        for read in read_warc(archive.warcs, path.name)
        if isinstance(read, Kept) and read.capture.url == f"{site.url}a/"
    ]

    assert [(one.status, one.record_type) for one in kept] == [(200, RecordType.RESPONSE), (304, RecordType.REVISIT)]
    assert (kept[1].refers_to_url, kept[1].refers_to_at) == (kept[0].url, kept[0].captured_at)


def test_a_full_crawl_asks_without_conditions(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir"})
    site.validated["/a/"] = '"v1"'
    crawl(archive)
    site.asked = []

    crawl(archive, "--full")

    (asked,) = (asked for asked in site.asked if asked.path == "/a/")
    assert "If-None-Match" not in asked.headers


def test_a_304_that_nobody_asked_for_is_a_failure(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir"})
    site.answers["/a/"] = (304, {"Retry-After": "0"}, "")

    done = crawl(archive, "--json")

    assert json.loads(done.stdout)["counts"]["failed"] == {"HTTP 304": 1}


# ---------------------------------------------------------------- who tells of articles


def test_articles_are_found_through_whichever_source_there_is(site: Site, archive: ArchiveDir) -> None:
    """One article for each: sitemap, feed and its second page, REST, a listing's second page."""
    publish(site, {"a": "Bir"})
    pages = [("f", "Feed"), ("g", "Feed iki"), ("r", "Rest"), ("l", "Liste")]
    site.answers |= {f"/{name}/": (200, {}, article(title)) for name, title in pages}
    site.answers["/"] = (
        200,
        {},
        '<link rel="alternate" type="application/rss+xml" href="/feed/">'
        '<link rel="https://api.w.org/" href="/wp-json/">'
        '<a href="/kategori/spor/">Spor</a>',
    )
    rss = {"Content-Type": "application/rss+xml"}
    channel = (
        "<rss><channel><generator>https://wordpress.org/?v=6.1</generator><item><link>{}</link></item></channel></rss>"
    )
    site.answers["/feed/"] = (200, rss, channel.format(f"{site.url}f/"))
    site.answers["/feed/?paged=2"] = (200, rss, channel.format(f"{site.url}g/"))
    site.answers["/kategori/spor/"] = (200, {}, '<title>Spor</title><a href="/kategori/spor/page/2/">2</a>')
    site.answers["/kategori/spor/page/2/"] = (200, {}, '<title>Spor 2</title><a href="/l/">Liste</a>')
    known, answer = site.answers, (200, {"Content-Type": "application/json", "X-WP-TotalPages": "1"})
    post = {"link": f"{site.url}r/", "date_gmt": "2017-10-06T10:00:00", "modified_gmt": "2017-10-06T10:00:00"}
    site.answers = Rest(known, {"posts": (*answer, json.dumps([post])), "pages": (*answer, "[]")})

    found = report(muragat(archive, "crawl", "--json"))

    urls = {row["url"].removeprefix(site.url) for row in rows(archive, "SELECT url FROM articles")}
    assert urls == {"a/", "f/", "g/", "r/", "l/"}
    alone = {row["source"]: row["articles_alone"] for row in found["sources"]}
    assert {name: alone[name] for name in ("sitemap", "feed", "api", "listing")} == {
        "sitemap": 1,
        "feed": 2,
        "api": 1,
        "listing": 1,
    }
    site.asked = []
    crawl(archive)
    rest = [path for path in site.paths() if path.startswith("/wp-json/")]
    assert len(rest) == 2  # the latest posts and pages; the lists of all are not walked again
    assert all("orderby=modified" in path for path in rest)
    assert "/feed/?paged=2" not in site.paths()


class Rest(dict[str, Any]):
    """Answers of a site whose REST interface tells the same whatever the order asked for."""

    def __init__(self, known: dict[str, Any], lists: dict[str, Any]) -> None:
        super().__init__(known)
        self._lists = lists

    def get(self, path: str, otherwise: Any = None) -> Any:
        """As a server routes."""
        kind = path.removeprefix("/wp-json/wp/v2/").partition("?")[0]
        return self._lists[kind] if kind in self._lists else super().get(path, otherwise)


def test_a_source_that_lies_or_fails_does_not_stop_the_others(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir"})
    site.answers["/robots.txt"] = (
        200,
        {"Content-Type": "text/plain"},
        "".join(f"Sitemap: {site.url}{name}.xml\n" for name in ("bozuk", "yok", "html", "sitemap", "hata")),
    )
    xml = {"Content-Type": "application/xml"}
    site.answers["/bozuk.xml"] = (200, xml, '<?xml version="1.0"?><urlset><url><loc>')
    site.answers["/html.xml"] = (200, {}, "<html><body>404</body></html>")
    site.answers["/hata.xml"] = (500, {"Retry-After": "0"}, "")

    found = report(muragat(archive, "crawl", "--json"))

    assert found["counts"]["failed"] == {"HTTP 500": 1}
    assert [row["url"] for row in rows(archive, "SELECT url FROM articles")] == [f"{site.url}a/"]


# ---------------------------------------------------------------- these pages, now


def test_save_fetches_a_page_with_what_it_needs_and_nothing_else(site: Site, archive: ArchiveDir) -> None:
    publish(site, {"a": "Bir", "b": "İki"})
    muragat(archive, "crawl")
    site.answers["/a/"] = (200, {}, article("Bir", f'{BODY}<img src="/resim.jpg"><a href="/b/">İki</a>'))
    site.answers["/resim.jpg"] = (200, {"Content-Type": "image/jpeg"}, "JFIF")
    site.asked = []

    done = muragat(archive, "save", f"{site.url}a/")

    assert done.returncode == 0, done.stderr
    assert sorted(site.paths()) == ["/a/", "/resim.jpg", "/robots.txt"]
    (row,) = rows(archive, f"SELECT count(*) AS n FROM captures WHERE url = '{site.url}a/'")
    assert row["n"] == 2


def test_save_takes_pages_that_no_crawl_has_seen(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")
    site.answers["/gizli/"] = (200, {}, article("Gizli"))

    done = muragat(archive, "save", f"{site.url}gizli/", "--json")

    assert done.returncode == 0, done.stderr
    assert sorted(site.paths()) == ["/gizli/", "/robots.txt"]


def test_save_says_when_a_page_is_not_there_or_of_no_site(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1", robots="User-agent: *\nDisallow: /yasak/\n")
    site.answers["/bozuk/"] = (500, {"Retry-After": "0"}, "")

    forbidden = muragat(archive, "save", f"{site.url}yasak/")
    broken = muragat(archive, "save", f"{site.url}bozuk/")
    stranger = muragat(archive, "save", "https://baska.example/haber/")

    assert [done.returncode for done in (forbidden, broken, stranger)] == [1, 1, 1]
    assert "robots.txt" in errors(forbidden)[0]
    assert "HTTP 500" in errors(broken)[0]
    assert "`muragat site add https://baska.example/haber/`" in errors(stranger)[0]


# ---------------------------------------------------------------- rules, documents, bounds


def test_robots_txt_is_always_asked_for_whole(site: Site, archive: ArchiveDir) -> None:
    """A 304 has no rules in it, and no rules means: everything may be asked."""
    site.pages("/1", robots="User-agent: *\nDisallow: /gizli/\n")
    site.validated["/robots.txt"] = '"kurallar"'
    crawl(archive)
    site.pages("/1", "/gizli/", robots="User-agent: *\nDisallow: /gizli/\n")

    crawl(archive)

    assert "/gizli/" not in site.paths()
    assert not [asked for asked in site.asked if asked.path == "/robots.txt" and "If-None-Match" in asked.headers]


@pytest.mark.parametrize("documents", [True, False])
def test_pdf_and_office_files_of_the_site_are_kept_where_they_are_wanted(
    site: Site, tmp_path: Path, documents: bool
) -> None:
    archive = archive_of(site, tmp_path / "a", more=f"documents = {str(documents).lower()}\n")
    site.pages("/rapor.pdf", "/tablo.xlsx", "/1")
    site.answers["/rapor.pdf"] = (200, {"Content-Type": "application/pdf"}, "%PDF-1.4")
    site.answers["/1"] = (200, {}, '<a href="/rapor.pdf">yine</a><a href="https://baska.example/x.pdf">x</a>')

    done = crawl(archive, "--json")

    asked = [path for path in site.paths() if path in ("/rapor.pdf", "/tablo.xlsx")]
    assert sorted(asked) == (["/rapor.pdf", "/tablo.xlsx"] if documents else [])
    skipped = json.loads(done.stdout)["counts"]["skipped"]
    assert skipped == {"off-site": 1} | ({} if documents else {"PDF or office file": 2})


def test_what_pages_need_of_one_other_host_is_bounded_and_counted(site: Site, tmp_path: Path) -> None:
    archive = archive_of(site, tmp_path / "a", more="max_urls_elsewhere = 3\n")
    with serve() as elsewhere:
        profile = archive.sites / "haber.toml"
        allowed = f'"127.0.0.1:{site.port}", "127.0.0.1:{elsewhere.port}"'
        profile.write_text(
            profile.read_text().replace(f'allow_private = ["127.0.0.1:{site.port}"]', f"allow_private = [{allowed}]")
        )
        pictures = "".join(f'<img src="{elsewhere.url}{number}.png">' for number in range(9))
        site.answers["/"] = (200, {}, f"<html><body>{pictures}</body></html>")

        done = crawl(archive, "--json")

        assert len([path for path in elsewhere.paths() if path.endswith(".png")]) <= 3
    skipped = json.loads(done.stdout)["counts"]["skipped"]
    assert skipped["host full (crawl.max_urls_elsewhere)"] >= 6


# ---------------------------------------------------------------- what a save leaves behind


def test_what_was_saved_is_read_for_links_by_the_next_crawl(site: Site, archive: ArchiveDir) -> None:
    site.pages("/a/", "/b/")
    site.validated["/"] = '"v1"'

    muragat(archive, "save", site.url)
    crawl(archive)

    assert {"/a/", "/b/"} <= set(site.paths())


def test_a_saved_page_is_not_asked_for_in_every_crawl_from_then_on(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")
    site.answers["/hakkinda/"] = (200, {}, "<title>x</title>")
    muragat(archive, "save", f"{site.url}hakkinda/")
    site.asked = []

    crawl(archive)
    crawl(archive)

    assert "/hakkinda/" not in site.paths()


def test_a_page_that_is_not_there_is_not_saved(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")

    done = muragat(archive, "save", f"{site.url}yok/")

    assert done.returncode == 1
    assert "the page was not there" in errors(done)[0]


# ---------------------------------------------------------------- answers that fool us


@pytest.mark.parametrize("seed_status", [403, 404])
def test_a_site_whose_front_page_is_not_there_is_no_success(site: Site, archive: ArchiveDir, seed_status: int) -> None:
    site.answers["/"] = (seed_status, {}, "yok")

    done = crawl(archive)

    assert done.returncode == 1
    assert f"HTTP {seed_status}" in errors(done)[0]


def test_a_seed_that_redirects_loses_no_feed(site: Site, archive: ArchiveDir) -> None:
    site.answers["/"] = (302, {"Location": "/tr/"}, "")
    site.answers["/tr/"] = (200, {}, '<link rel="alternate" type="application/rss+xml" href="/feed/">')

    done = crawl(archive)

    assert done.returncode == 0, done.stderr
    assert "/feed/" in site.paths()


def test_an_origin_that_the_site_left_is_said(site: Site, tmp_path: Path) -> None:
    host = f"localhost:{site.port}"
    archive = archive_of(site, tmp_path / "a", more=f'origin = "http://127.0.0.1:{site.port}"\n')
    site.answers["/"] = (301, {"Location": f"http://www.127.0.0.1:{site.port}/"}, host)

    done = crawl(archive)

    assert done.returncode == 1
    assert "redirects to itself under crawl.origin" in errors(done)[0]


def test_a_retry_after_that_is_none_stops_no_crawl(site: Site, archive: ArchiveDir) -> None:
    site.pages("/1")
    site.answers["/1"] = lambda before: (200, {}, "x") if before else (503, {"Retry-After": "\xb2"}, "x")

    done = crawl(archive, "--json")

    assert (done.returncode, json.loads(done.stdout)["counts"]["failed"]) == (0, {})


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "application/json", "X-Powered-By": "g\xfcn"}, "[]"),
        (200, {"Content-Type": "text/html", "Link": "\xff<;"}, "<html>"),
    ],
)
def test_no_header_stops_a_crawl(site: Site, archive: ArchiveDir, answer: Any) -> None:
    site.pages("/1")
    feed = '<link rel="alternate" type="application/rss+xml" href="/1">'
    site.answers["/"] = (200, {}, f'<link rel="https://api.w.org/" href="/wp-json/">{feed}')
    site.answers = Rest(site.answers | {"/1": answer}, {"posts": answer, "pages": answer})

    done = crawl(archive)

    assert "Traceback" not in done.stderr
    assert "finished" in done.stdout

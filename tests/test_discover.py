"""What robots.txt, sitemaps and feeds say, broken and hostile ones included."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime

import pytest

from crawler.discover import MAX_DELAY_SECONDS, Entry, Robots, read_source, read_time

SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
TEN = datetime(2024, 3, 15, 10, tzinfo=UTC)
FOUR = datetime(2024, 3, 15, 4, tzinfo=UTC)
A, B = "https://haber.example/a", "https://haber.example/b"


# ---------------------------------------------------------------- sitemaps and feeds

SOURCES = {
    "sitemap": (
        f'<?xml version="1.0" encoding="UTF-8"?><urlset {SITEMAP}>'
        f"<url><loc> {A} </loc><lastmod>2024-03-15T10:00:00+06:00</lastmod></url><url><loc>{B}</loc></url></urlset>",
        [Entry(A, FOUR), Entry(B, None)],
    ),
    "index": (
        f"<sitemapindex {SITEMAP}><sitemap><loc>{A}.xml</loc><lastmod>2024-03-15T10:00Z</lastmod></sitemap>"
        "</sitemapindex>",
        [Entry(f"{A}.xml", TEN, is_sitemap=True)],
    ),
    "news sitemap; its picture is no page": (
        f'<urlset {SITEMAP} xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
        ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url>'
        f"<image:image><image:loc>{A}.jpg</image:loc></image:image><loc>{A}</loc>"
        "<news:news><news:publication_date>2024-03-15T10:00:00Z</news:publication_date></news:news></url></urlset>",
        [Entry(A, TEN)],
    ),
    "no namespace": (f"<urlset><url><loc>{A}</loc></url></urlset>", [Entry(A, None)]),
    "RSS 2": (
        f"<rss><channel><link>https://haber.example/</link><item><link>{A}</link>"
        "<pubDate>Fri, 15 Mar 2024 10:00:00 +0600</pubDate></item></channel></rss>",
        [Entry(A, FOUR)],
    ),
    "RSS 2 with CDATA": (
        f"\n\n<rss><channel><item><link><![CDATA[{A}?x=1&y=2]]></link></item></channel></rss>",
        [Entry(f"{A}?x=1&y=2", None)],
    ),
    "RSS 2 with an Atom link before its own": (
        '<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><item><atom:link rel="self" href="x"/>'
        f"<link>{A}</link></item></channel></rss>",
        [Entry(A, None)],
    ),
    "RSS 1": (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><item><link>{A}</link><dc:date>2024-03-15T10:00Z</dc:date>'
        "</item></rdf:RDF>",
        [Entry(A, TEN)],
    ),
    "Atom": (
        '<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://haber.example/"/><entry>'
        f'<link rel="replies" href="{A}/yorumlar"/><link href="{A}"/><published>2024-03-14T10:00:00Z</published>'
        "<updated>2024-03-15T10:00:00Z</updated></entry></feed>",
        [Entry(A, TEN)],
    ),
    "cut off": (
        f"<urlset {SITEMAP}><url><loc>{A}</loc></url><url><loc>{B}</loc><lastm",
        [Entry(A, None), Entry(B, None)],
    ),
    "a bare ampersand": (f"<urlset><url><loc>{A}?x=1&y=2</loc></url></urlset>", [Entry(f"{A}?x=1&y=2", None)]),
    "an ampersand as it should be": (
        f"<urlset><url><loc>{A}?x=1&amp;y=2&#38;z=3</loc></url></urlset>",
        [Entry(f"{A}?x=1&y=2&z=3", None)],
    ),
    "PHP warnings before the declaration": (
        f'<br />\nWarning: foo in /var/www\n<?xml version="1.0"?><urlset><url><loc>{A}</loc></url></urlset>',
        [Entry(A, None)],
    ),
    "an HTML page": ("<!doctype html><html><body><a href=x>y</a>&nbsp;<br></body></html>", []),
    "nothing": ("", []),
    "no XML": ("404 bulunamadı", []),
}


@pytest.mark.parametrize("name", SOURCES)
def test_entries_of_every_kind_of_source(name: str) -> None:
    text, entries = SOURCES[name]

    assert read_source(text.encode()) == entries
    assert read_source(b"\xef\xbb\xbf" + text.encode()) == entries  # a byte order mark changes nothing


def test_a_source_may_be_gzipped_and_cut() -> None:
    body = gzip.compress(("<urlset>" + f"<url><loc>{A}</loc></url>" * 1000 + "</urlset>").encode())

    assert len(read_source(body)) == 1000
    assert 500 < len(read_source(body[:-20])) < 1000
    assert read_source(body[:5]) == []


def test_other_encodings_are_read_as_declared() -> None:
    text = "<urlset><url><loc>https://haber.example/şöför</loc></url></urlset>"
    turkish = b'<?xml version="1.0" encoding="windows-1254"?>' + text.encode("windows-1254")
    wide = ('<?xml version="1.0" encoding="utf-16"?>' + text).encode("utf-16")

    assert [read_source(body)[0].url for body in (turkish, wide)] == ["https://haber.example/şöför"] * 2


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><urlset><url><loc>{A}&l9;</loc></url></urlset>',
    "billion laughs in an attribute": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]>'
    '<feed><entry><link href="&l9;"/></entry></feed>',
    "quadratic": f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]><urlset><url><loc>{"&a;" * 10_000}</loc></url></urlset>',
    "deep": "<urlset>" + "<url>" * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_entity_bombs_are_not_expanded(name: str) -> None:
    began = time.monotonic()

    entries = read_source(BOMBS[name].encode())

    assert sum(len(entry.url) for entry in entries) < 1_000
    assert time.monotonic() - began < 2


def test_an_entity_does_not_read_a_file(tmp_path: pytest.TempPathFactory) -> None:
    secret = f"{tmp_path}/secret"
    with open(secret, "w") as file:  # noqa: PTH123
        file.write("geheim")
    text = f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{secret}">]><urlset><url><loc>{A}&s;</loc></url></urlset>'

    assert "geheim" not in repr(read_source(text.encode()))


def test_a_gzip_bomb_is_cut() -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * 200_000_000, 1)

    assert read_source(bomb) == []


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2024-03-15", datetime(2024, 3, 15, tzinfo=UTC)),
        ("2024-03-15T10:00Z", TEN),
        ("2024-03-15 10:00:00", TEN),  # no zone: taken as UTC
        ("2024-03-15T10:00:00+06:00", FOUR),
        ("Fri, 15 Mar 2024 10:00:00 GMT", TEN),
        ("Fri, 15 Mar 2024 10:00:00 +0600", FOUR),
        ("Fri, 99 Mar 2024 10:00:00 +0600", None),
        ("Fri, 15 Mar 2024 10:00:00 +99999999999999", None),
        ("15 Mart 2024", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_times_as_sources_print_them(text: str, expected: datetime | None) -> None:
    assert read_time(text) == expected


# ---------------------------------------------------------------- robots.txt


@pytest.mark.parametrize(
    "text, delay",
    [
        ("User-agent: *\nCrawl-delay: 2", 2.0),
        ("User-agent: *\nCrawl-delay: 0.5", 0.5),
        ("User-agent: *\nCrawl-delay: 0", 0.0),
        ("User-agent: *\nCrawl-delay: soon", None),
        ("User-agent: *\nCrawl-delay: -3", None),
        ("User-agent: *\nCrawl-delay: nan", None),
        ("User-agent: *\nCrawl-delay: inf", None),
        ("User-agent: *\nCrawl-delay: 99999999", MAX_DELAY_SECONDS),  # three years
        ("User-agent: *\nCrawl-delay: 9\nUser-agent: muragat\nCrawl-delay: 3", 3.0),
        ("User-agent: baska\nCrawl-delay: 9", None),
        ("User-agent: *\nDisallow:", None),
        ("", None),
    ],
)
def test_crawl_delay(text: str, delay: float | None) -> None:
    assert Robots(text.encode(), agent="muragat").delay == delay


@pytest.mark.parametrize(
    "text, forbidden",
    [
        ("", ""),
        ("User-agent: *\nDisallow:", ""),
        ("User-agent: *\nDisallow: /", "/ /a /ozel/x /x.pdf /x.pdf?v=1 /қала"),
        ("User-agent: *\nDisallow: /ozel/", "/ozel/x"),
        ("User-agent: *\r\nDisallow: /ozel # iç\r\n", "/ozel/x"),
        ("User-agent: *\nDisallow: /\nAllow: /a", "/ /ozel/x /x.pdf /x.pdf?v=1 /қала"),
        ("User-agent: *\nDisallow: /*.pdf$", "/x.pdf"),
        ("User-agent: *\nDisallow: /*.pdf", "/x.pdf /x.pdf?v=1"),
        ("User-agent: *\nDisallow: /%6Fzel", "/ozel/x"),
        ("User-agent: *\nDisallow: /қала", "/қала"),
        ("User-agent: *\nDisallow: /ozel/\nUser-agent: muragat\nDisallow: /a", "/a"),  # the nearest group alone
        ("User-agent: Muragat\nDisallow: /a", "/a"),
        ("User-agent: muragatcha\nDisallow: /a", ""),
        ("User-agent: baska\nUser-agent: *\nDisallow: /ozel", "/ozel/x"),
        ("\ufeffUser-agent: *\nDisallow: /ozel/", "/ozel/x"),  # a byte order mark, as Notepad writes it
        ("<!doctype html><html><body>Disallow: /\n</body></html>", ""),
        ("Disallow: /", ""),  # of no group
    ],
)
def test_what_robots_forbids(text: str, forbidden: str) -> None:
    robots = Robots(text.encode(), agent="muragat")

    paths = ("/", "/a", "/ozel/x", "/x.pdf", "/x.pdf?v=1", "/қала")

    assert " ".join(path for path in paths if not robots.allows(f"https://haber.example{path}")) == forbidden


def test_robots_names_sitemaps() -> None:
    text = f"Sitemap: {A}.xml\nUser-agent: *\nDisallow: /\nsitemap:{B}.xml"

    assert Robots(text.encode(), agent="muragat").sitemaps == [f"{A}.xml", f"{B}.xml"]


def test_a_hostile_robots_txt_is_read_in_time() -> None:
    began = time.monotonic()

    robots = Robots(b"User-agent: *\nDisallow: /" + b"*a" * 5_000 + b"b$", agent="muragat")
    robots.allows("https://haber.example/" + "a" * 1_900)
    Robots(b"\x00" * 1_000_000, agent="muragat").allows(A)

    assert time.monotonic() - began < 2

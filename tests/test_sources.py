"""What sitemaps and feeds say, broken and hostile ones included."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.sources import MAX_ENTRIES, MAX_FEED_PAGES, Entry, next_feed_page, read_source, read_time

SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NINE = datetime(2024, 3, 14, 9, tzinfo=UTC)
TEN = datetime(2024, 3, 15, 10, tzinfo=UTC)
FOUR = datetime(2024, 3, 15, 4, tzinfo=UTC)
A, B, RU = "https://haber.example/a", "https://haber.example/b", "https://haber.example/ru/a"
FEED = "https://haber.example/feed/"


# ---------------------------------------------------------------- what each kind says

SOURCES = {
    "sitemap": (
        f'<?xml version="1.0" encoding="UTF-8"?><urlset {SITEMAP}>'
        f"<url><loc> {A} </loc><lastmod>2024-03-15T10:00:00+06:00</lastmod></url><url><loc>{B}</loc></url></urlset>",
        [Entry(A, modified_at=FOUR), Entry(B)],
    ),
    "index": (
        f"<sitemapindex {SITEMAP}><sitemap><loc>{A}.xml</loc><lastmod>2024-03-15T10:00Z</lastmod></sitemap>"
        "</sitemapindex>",
        [Entry(f"{A}.xml", modified_at=TEN, is_sitemap=True)],
    ),
    "news sitemap; its pictures and videos are no pages": (
        f'<urlset {SITEMAP} xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
        ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
        ' xmlns:video="http://www.google.com/schemas/sitemap-video/1.1"><url>'
        f"<image:image><image:loc>{A}.jpg</image:loc></image:image><video:video><video:content_loc>{A}.mp4"
        "</video:content_loc><video:publication_date>2020-01-01</video:publication_date></video:video>"
        f"<loc>{A}</loc><lastmod>2024-03-15T10:00Z</lastmod><news:news><news:publication><news:name>H</news:name>"
        "</news:publication><news:publication_date>2024-03-14T09:00:00Z</news:publication_date></news:news></url>"
        "</urlset>",
        [Entry(A, published_at=NINE, modified_at=TEN)],
    ),
    "other languages beside a page; its version for telephones is none": (
        f'<urlset {SITEMAP} xmlns:xhtml="http://www.w3.org/1999/xhtml"><url><loc>{A}</loc>'
        f'<xhtml:link rel="alternate" hreflang="tr" href="{A}"/><xhtml:link rel="alternate" hreflang="ru" href="{RU}"/>'
        f'<xhtml:link rel="alternate" media="only screen" href="https://m.haber.example/a"/></url>'
        f"<url><loc>{RU}</loc><lastmod>2024-03-15T10:00Z</lastmod></url></urlset>",
        [Entry(A), Entry(RU, modified_at=TEN)],
    ),
    "no namespace": (f"<urlset><url><loc>{A}</loc></url></urlset>", [Entry(A)]),
    "a prefix": (f'<s:urlset xmlns:s="http://x/"><s:url><s:loc>{A}</s:loc></s:url></s:urlset>', [Entry(A)]),
    "text": (f"{A}\r\n\r\n  {B}\nno address\nftp://haber.example/c\n", [Entry(A), Entry(B)]),
    "text that is no sitemap": ("http error 500\nhttps is down", []),
    "RSS 2": (
        f"<rss><channel><link>https://haber.example/</link><image><url>{A}.png</url></image><item><link>{A}</link>"
        "<pubDate>Fri, 15 Mar 2024 10:00:00 +0600</pubDate></item></channel></rss>",
        [Entry(A, published_at=FOUR)],
    ),
    "RSS 2 that tells of changes": (
        f'<rss xmlns:a10="http://www.w3.org/2005/Atom"><channel><item><link>{A}</link><pubDate>Thu, 14 Mar 2024'
        " 09:00:00 GMT</pubDate><a10:updated>2024-03-15T10:00:00Z</a10:updated></item></channel></rss>",
        [Entry(A, published_at=NINE, modified_at=TEN)],
    ),
    "RSS 2 with CDATA, and a bare ampersand beside it": (
        f"\n\n<rss><channel><title>A & B</title><item><link><![CDATA[{A}?x=1&y=2]]></link></item></channel></rss>",
        [Entry(f"{A}?x=1&y=2")],
    ),
    "RSS 2 with an Atom link before its own": (
        '<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><item><atom:link rel="self" href="x"/>'
        f"<link>{A}</link></item></channel></rss>",
        [Entry(A)],
    ),
    "RSS 2 without links": (
        f'<rss><channel><item><guid>{A}</guid></item><item><guid isPermaLink="false">{B}</guid></item>'
        "<item><link/><guid>tag:haber</guid></item><item><title>x</title></item></channel></rss>",
        [Entry(A)],
    ),
    "RSS 1": (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><item><link>{A}</link><dc:date>2024-03-15T10:00Z</dc:date>'
        "</item></rdf:RDF>",
        [Entry(A, published_at=TEN)],
    ),
    "Atom": (
        '<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://haber.example/"/><entry>'
        f'<link rel="replies" href="{A}/yorumlar"/><link href="{A}"/><published>2024-03-14T09:00:00Z</published>'
        "<updated>2024-03-15T10:00:00Z</updated></entry></feed>",
        [Entry(A, published_at=NINE, modified_at=TEN)],
    ),
    "Atom without links": (
        f'<feed><entry><content src="{A}"/></entry><entry><id>{B}</id></entry><entry><id>urn:x</id></entry></feed>',
        [Entry(A), Entry(B)],
    ),
    "JSON Feed": (
        json.dumps(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "items": [
                    {
                        "id": "1",
                        "url": A,
                        "date_published": "2024-03-14T09:00:00Z",
                        "date_modified": "2024-03-15T10:00Z",
                    },
                    {"id": B, "date_published": 7},
                    {"id": "2", "external_url": RU},
                    {"url": ["x"]},
                    "x",
                ],
            }
        ),
        [Entry(A, published_at=NINE, modified_at=TEN), Entry(B)],
    ),
    "some other JSON": (json.dumps({"version": "1", "items": [{"url": A}]}), []),
    "an error of WordPress": ('{"code":"rest_no_route","items":[{"url":"https://x/"}]}', []),
    "a page twice": (f"<urlset><url><loc>{A}</loc></url><url><loc>{A}</loc></url></urlset>", [Entry(A)]),
    "what is no address": (
        "<urlset><url><loc>mailto:a@b</loc></url><url><loc>javascript:x</loc></url><url><loc>http://[</loc></url>"
        f"<url><loc/></url><url/><url><loc>https://x/{'a' * 5000}</loc></url></urlset>",
        [],
    ),
    "cut off between tags": (f"<urlset><url><loc>{A}</loc></url><url><loc>{B}</loc><lastm", [Entry(A), Entry(B)]),
    "cut off in an address": (f"<urlset><url><loc>{A}</loc></url><url><loc>https://haber.example/hal", [Entry(A)]),
    "an error in the middle": (
        f"<urlset><url><loc>{A}</loc></url><br />\n<b>Fatal error</b>: Allowed memory & all <br />",
        [Entry(A)],
    ),
    "a control character": (
        f"<urlset><url><loc>{A}</loc><x>\x08</x></url><url><loc>{B}</loc></url></urlset>",
        [Entry(A), Entry(B)],
    ),
    "a bare ampersand": (f"<urlset><url><loc>{A}?x=1&y=2&copy=3</loc></url></urlset>", [Entry(f"{A}?x=1&y=2&copy=3")]),
    "an ampersand as it should be": (
        f"<urlset><url><loc>{A}?x=1&amp;y=2&#38;z=3</loc></url></urlset>",
        [Entry(f"{A}?x=1&y=2&z=3")],
    ),
    "warnings in HTML before the declaration": (
        f'<br />\nWarning: foo in /var/www\n<?xml version="1.0"?><urlset><url><loc>{A}</loc></url></urlset>',
        [Entry(A)],
    ),
    "warnings in words, no declaration": (f"\nWarning: x > y\n<rss><channel><item><link>{A}</link></item>", [Entry(A)]),
    "an HTML page": ("<!doctype html><html><body><a href=x>y</a>&nbsp;<br></body></html>", []),
    "an HTML page with a feed in it": (f"<!DOCTYPE html><p><rss><channel><item><link>{A}</link></item></rss>", []),
    "the same with a declaration": (f'<?xml version="1.0"?>\n<html xmlns="x"><rss><item><link>{A}</link></item>', []),
    "XML of another kind": (f"<opml><item><link>{A}</link></item></opml>", []),
    "nothing": ("", []),
    "no XML": ("404 bulunamadı", []),
}


@pytest.mark.parametrize("name", SOURCES)
def test_entries_of_every_kind_of_source(name: str) -> None:
    text, entries = SOURCES[name]

    assert read_source(text.encode()) == entries
    assert read_source(b"\xef\xbb\xbf" + text.encode()) == entries  # a byte order mark changes nothing
    assert read_source(gzip.compress(text.encode())) == entries


def test_relative_links_are_joined_to_where_they_stand() -> None:
    rss = b"<rss><channel><item><link>/a</link></item><item><link>?p=7</link></item></channel></rss>"
    atom = b'<feed xml:base="https://haber.example/tr/"><entry xml:base="2024/"><link href="a"/></entry></feed>'

    assert [entry.url for entry in read_source(rss, url=FEED)] == [A, f"{FEED}?p=7"]
    assert [entry.url for entry in read_source(atom, url=FEED)] == ["https://haber.example/tr/2024/a"]
    assert [entry.url for entry in read_source(rss)] == ["/a", "?p=7"]


def test_a_source_may_be_gzipped_and_cut() -> None:
    urls = "".join(f"<url><loc>{A}{number}</loc></url>" for number in range(1000))
    body = gzip.compress(f"<urlset>{urls}</urlset>".encode())

    assert len(read_source(body)) == 1000
    assert 500 < len(read_source(body[: len(body) * 3 // 4])) < 1000
    assert read_source(body[:5]) == []


@pytest.mark.parametrize(
    "declared, coding",
    [
        ("windows-1254", "windows-1254"),
        ("ISO-8859-9", "iso-8859-9"),
        ("utf-8", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-8"),  # as .NET writes it
        ("punycode", "utf-8"),
        ("hex", "utf-8"),
        ("iso-8859-12", "utf-8"),
    ],
)
def test_other_encodings_are_read_as_declared_unless_that_is_a_lie(declared: str, coding: str) -> None:
    text = "<urlset><url><loc>https://haber.example/şöför</loc></url></urlset>"
    body = f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(coding)

    assert read_source(body) == [Entry("https://haber.example/şöför")]


# ---------------------------------------------------------------- further pages of a feed


def wordpress(*, items: str = "<item/>", more: str = "") -> str:
    return f"<rss><channel>{more}<generator>https://wordpress.org/?v=6.1.9</generator>{items}</channel></rss>"


ATOM_NEXT = '<feed><link rel="{}" href="{}"/><entry/></feed>'
NEXT_IN_ITEM = f'<rss><channel><item><link rel="next" href="{B}"/></item></channel></rss>'


@pytest.mark.parametrize(
    "url, body, expected",
    [
        (FEED, ATOM_NEXT.format("next", "?sayfa=2"), f"{FEED}?sayfa=2"),
        (FEED, ATOM_NEXT.format("prev-archive", "/feed/2023.xml"), "https://haber.example/feed/2023.xml"),
        (FEED, ATOM_NEXT.format("next", "https://www.haber.example/feed/2"), "https://www.haber.example/feed/2"),
        (FEED, ATOM_NEXT.format("next", "https://baska.example/feed/2"), None),
        (FEED, ATOM_NEXT.format("next", FEED), None),
        (FEED, ATOM_NEXT.format("next", "http://["), None),
        (FEED, ATOM_NEXT.format("previous", "/feed/0"), None),
        (FEED, ATOM_NEXT.format("next", "/2").replace("<entry/>", ""), None),  # it is empty: the last one
        (FEED, f'<rss><channel><a:link xmlns:a="x" rel="next" href="{B}"/><item/></channel></rss>', B),
        (FEED, NEXT_IN_ITEM, None),
        (FEED, wordpress(), f"{FEED}?paged=2"),
        (f"{FEED}?paged=2", wordpress(), f"{FEED}?paged=3"),
        ("https://haber.example/?feed=rss2&paged=9", wordpress(), "https://haber.example/?feed=rss2&paged=10"),
        (FEED, wordpress(more=f'<link rel="next" href="{B}"/>'), B),
        (f"{FEED}?paged=7", wordpress(items=""), None),
        (f"{FEED}?paged={MAX_FEED_PAGES}", wordpress(), None),
        (FEED, wordpress().replace("wordpress.org", "drupal.org"), None),
        (FEED, '<feed><generator uri="https://wordpress.org/">WordPress</generator><entry/></feed>', f"{FEED}?paged=2"),
        (FEED, f'{{"version":"https://jsonfeed.org/version/1.1","next_url":"{B}","items":[{{}}]}}', B),
        (FEED, f'{{"version":"https://jsonfeed.org/version/1.1","next_url":"{B}","items":[]}}', None),
        (FEED, '{"version":"https://jsonfeed.org/version/1.1","next_url":["x"],"items":[{}]}', None),
        (FEED, f"<!doctype html>{wordpress()}", None),
        (FEED, f"<urlset><generator>WordPress</generator><url><loc>{A}</loc></url></urlset>", None),
        (FEED, "", None),
    ],
)
def test_where_a_feed_goes_on(url: str, body: str, expected: str | None) -> None:
    assert next_feed_page(url, body.encode()) == expected


# ---------------------------------------------------------------- hostile ones

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><urlset><url><loc>{A}&l9;</loc></url></urlset>',
    "billion laughs in an attribute": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]>'
    '<feed><entry><link href="&l9;"/></entry></feed>',
    "billion laughs behind the root": f'<urlset><!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><url><loc>&l9;</loc></url>',
    "quadratic": f'<!DOCTYPE x [<!ENTITY a "{"a" * 60_000}">]><urlset><url><loc>{"&a;" * 10_000}</loc></url></urlset>',
    "deep": "<urlset>" + "<url>" * 1_000_000,
    "deep JSON": '{"items":' + "[" * 1_000_000,
    "brackets": "<" * 3_000_000,
    "almost roots": "<urlse" * 500_000,
    "almost CDATA": "<rss>" + "<![CDATA[" * 500_000,
    "one long tag": "<urlset><url " + " ".join(f'a{n}=""' for n in range(200_000)) + "/></urlset>",
    "a long date": f"<urlset><url><loc>{A}</loc><lastmod>{'1' * 5_000_000}</lastmod></url></urlset>",
    "encodings": '<?xml encoding="' * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_time_and_not_expanded(name: str) -> None:
    body = BOMBS[name].encode()
    began = time.monotonic()

    entries = read_source(body, url=FEED)
    next_feed_page(FEED, body)

    assert sum(len(entry.url) for entry in entries) < 1_000
    assert time.monotonic() - began < 4


def test_an_entity_does_not_read_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    doctype = f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{secret}">]>'

    for text in (f"{doctype}<urlset><url><loc>{A}&s;</loc></url></urlset>", f"<urlset>{doctype}<url><loc>{A}&s;</loc>"):
        assert "geheim" not in repr(read_source(text.encode()))


def test_a_gzip_bomb_is_cut() -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * 60_000_000, 1)

    assert read_source(bomb) == []


def test_a_list_without_end_is_cut() -> None:
    body = "".join(f"http://a/{number}\n" for number in range(MAX_ENTRIES + 10)).encode()

    assert len(read_source(body)) == MAX_ENTRIES


@pytest.mark.parametrize("tag", ["<a/>", "<a " + " ".join(f'a{n}=""' for n in range(100)) + "/>"])
def test_fifty_megabytes_of_tags_cost_little_memory(tag: str) -> None:
    """In a process of its own: 1.5 GB without the bound."""
    script = (
        "import sys; from pathlib import Path; from crawler.sources import read_source;"
        "tag = sys.argv[1].encode(); body = b'<urlset>' + tag * (50_000_000 // len(tag)); read_source(body);"
        # Not ru_maxrss: a child inherits that of the process it was forked from.
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime

    done = subprocess.run([sys.executable, "-c", script, tag], capture_output=True, text=True, check=True)

    assert int(done.stdout) < 700_000  # kilobytes
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin < 10


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2024-03-15", datetime(2024, 3, 15, tzinfo=UTC)),
        ("2024-03-15T10:00Z", TEN),
        ("2024-03-15T10:00:00.123456Z", TEN.replace(microsecond=123456)),
        ("2024-03-15 10:00:00", TEN),  # no zone: taken as UTC
        ("2024-03-15T10:00:00+06:00", FOUR),
        ("Fri, 15 Mar 2024 10:00:00 GMT", TEN),
        ("Fri, 15 Mar 2024 10:00:00 +0600", FOUR),
        ("Fri, 99 Mar 2024 10:00:00 +0600", None),
        ("Fri, 15 Mar 2024 10:00:00 +99999999999999", None),
        ("15 Mart 2024", None),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        ("x" * 100_000, None),
        (20240315, None),
        (None, None),
    ],
)
def test_times_as_sources_print_them(text: object, expected: datetime | None) -> None:
    assert read_time(text) == expected

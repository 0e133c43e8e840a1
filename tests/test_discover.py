"""What robots.txt and a WordPress's REST interface say, broken and hostile ones included."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from crawler.discover import (
    MAX_API_ENTRIES,
    MAX_API_PAGES,
    MAX_DELAY_SECONDS,
    MAX_ROBOTS_BYTES,
    MAX_ROBOTS_SITEMAPS,
    Robots,
    api_index,
    api_poll,
    api_root,
    api_start,
    is_api_poll,
    read_api,
)
from crawler.sources import Entry

A, B = "https://haber.example/a", "https://haber.example/b"
HOME = "https://haber.example/"
ROOT = "https://haber.example/wp-json/"


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


# ---------------------------------------------------------------- robots.txt: the examples of RFC 9309

RFC_EXAMPLE = """User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot

EOF
"""


@pytest.mark.parametrize(
    "agent, allowed",
    [
        ("foobot", "/example/page.html /example/allowed.gif"),
        ("barbot", "/ /example/allowed.gif /publications/ /a.gif"),
        ("BazBot", "/ /example/allowed.gif /publications/ /a.gif"),
        ("quxbot", "/ /example/page.html /example/allowed.gif /publications/ /a.gif"),
        ("muragat", "/ /publications/"),
    ],
)
def test_the_simple_example_of_section_5_1(agent: str, allowed: str) -> None:
    robots = Robots(RFC_EXAMPLE.encode(), agent=agent)

    paths = ("/", "/example/page.html", "/example/allowed.gif", "/publications/", "/a.gif")

    assert " ".join(path for path in paths if robots.allows(f"https://haber.example{path}")) == allowed


@pytest.mark.parametrize(
    "rules, path, allowed",
    [
        # §5.2: the longest match decides; of two as long, the one that allows
        ("Allow: /example/page/\nDisallow: /example/page/disallowed.gif", "/example/page/disallowed.gif", False),
        ("Allow: /example/page/\nDisallow: /example/page/disallowed.gif", "/example/page/x", True),
        ("Disallow: /page\nAllow: /page", "/page", True),
        # §2.2.2: octets beyond ASCII are compared percent-encoded, others decoded
        ("Disallow: /foo/bar?baz=quz", "/foo/bar?baz=quz", False),
        ("Disallow: /foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar", False),
        ("Disallow: /foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", False),
        ("Disallow: /foo/bar/\u30c4", "/foo/bar/%E3%83%84", False),
        ("Disallow: /foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", False),
        ("Disallow: /foo/bar/%62%61%7A", "/foo/bar/baz", False),
        ("Disallow: /Foo", "/foo", True),
        # §2.2.3: special characters, and themselves
        ("Disallow: /a # b", "/a", False),
        ("Disallow: /this/path/exactly$", "/this/path/exactly", False),
        ("Disallow: /this/path/exactly$", "/this/path/exactly/not", True),
        ("Disallow: /this/*/exactly", "/this/or/that/exactly", False),
        ("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-*.html", False),
        ("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-x.html", True),
        ("Disallow: /path/foo-%24", "/path/foo-$", False),
        ("Disallow: /path/foo-%24", "/path/foo-", True),
        # §2.2.2: always
        ("Disallow: /", "/robots.txt", True),
    ],
)
def test_paths_match_as_the_standard_says(rules: str, path: str, allowed: bool) -> None:
    robots = Robots(f"User-agent: *\n{rules}\n".encode(), agent="muragat")

    assert robots.allows(f"https://haber.example{path}") is allowed


@pytest.mark.parametrize(
    "text, forbidden",
    [
        ("user-agent: MURAGAT\nDISALLOW: /a", "/a"),
        ("User-Agent:muragat\rDisallow:/a\r", "/a"),  # as old Macs end their lines
        ("User-agent: muragat/1.0 (archive)\nDisallow: /a", "/a"),
        ("User-agent: * # all of you\nDisallow: /a", "/a"),
        ("User-agent: mura\nDisallow: /a", ""),  # another's name, though ours begins with it
        ("User-agent: mura\nAllow: /\n\nUser-agent: *\nDisallow: /a", "/a"),
        # §2.2.1: groups of one agent are one group
        (
            "User-agent: muragat\nDisallow: /a\n\nUser-agent: x\nDisallow: /\n\nUser-agent: muragat\nDisallow: /b",
            "/a /b",
        ),
        ("User-agent: *\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/a /b"),
        # §2.2.4: what is no rule does not end a group
        ("User-agent: x\nSitemap: /s.xml\nUser-agent: *\nDisallow: /a", "/a"),
        ("User-agent: *\n\nDisallow: /a\nNoise\nnoise: /x\nDisallow: /b", "/a /b"),
        # Crawl-delay does: else the second group, meant for x, would forbid everything to everybody.
        ("User-agent: *\nCrawl-delay: 5\n\nUser-agent: x\nDisallow: /", ""),
    ],
)
def test_which_group_is_ours(text: str, forbidden: str) -> None:
    robots = Robots(text.encode(), agent="muragat")

    assert " ".join(path for path in ("/a", "/b") if not robots.allows(f"https://haber.example{path}")) == forbidden


def test_a_robots_txt_beyond_500_kib_is_cut_between_two_lines() -> None:
    line = b"Disallow: /ozel/klasor/\n"
    for cut in (len("Disallow: /"), len("Disallow: /oz"), len(line) - 1, 0):
        head = b"User-agent: *\nDisallow: /a\n"
        head += b"#" * ((MAX_ROBOTS_BYTES - len(head) - 1 - cut) % len(line)) + b"\n"
        body = head + line * (MAX_ROBOTS_BYTES // len(line)) + b"Disallow: /b\n"
        assert (line * 2)[:cut] == body[:MAX_ROBOTS_BYTES][len(body[:MAX_ROBOTS_BYTES]) - cut :]

        robots = Robots(body, agent="muragat")

        assert [robots.allows(url) for url in (HOME, A, B)] == [True, False, True]


def test_sitemaps_are_named_once_as_written_and_not_without_end() -> None:
    text = "Sitemap: /sitemap.xml\n" * 2 + f"Sitemap: {A}.xml\nSitemap:\n"
    many = "".join(f"Sitemap: /{number}.xml\n" for number in range(MAX_ROBOTS_SITEMAPS + 5))

    assert Robots(text.encode(), agent="muragat").sitemaps == ["/sitemap.xml", f"{A}.xml"]
    assert len(Robots(many.encode(), agent="muragat").sitemaps) == MAX_ROBOTS_SITEMAPS


def test_twenty_thousand_rules_are_asked_in_time() -> None:
    robots = Robots(b"User-agent: *\n" + b"".join(b"Disallow: /*x%d*y$\n" % n for n in range(20_000)), agent="muragat")
    began = time.monotonic()

    for number in range(5):
        robots.allows(f"https://haber.example/{number}/" + "x1" * 50)

    assert time.monotonic() - began < 2


# ---------------------------------------------------------------- WordPress: where its interface is

TAG = '<link rel="https://api.w.org/" href="{}" />'


@pytest.mark.parametrize(
    "html, link, expected",
    [
        (TAG.format(ROOT), "", ROOT),
        (TAG.format("/wp-json"), "", ROOT),
        ("<LINK href='/wp-json/' rel='https://api.w.org/'>", "", ROOT),
        (TAG.format("https://www.haber.example/wp-json/"), "", "https://www.haber.example/wp-json/"),
        (TAG.format("/index.php?rest_route=/"), "", f"{HOME}index.php?rest_route=/"),
        (TAG.format("/?lang=tr&#038;rest_route=/"), "", f"{HOME}?lang=tr&rest_route=/"),
        ("", f'<{ROOT}>; rel="https://api.w.org/"', ROOT),
        ("", f'<{HOME}?p=7>; rel=shortlink, <{ROOT}>; title="x"; rel=https://api.w.org/', ROOT),
        ("", f'<{HOME}a>; rel="alternate", <{ROOT}wp/v2/pages/2>; rel="alternate"; title="JSON"', None),
        (TAG.format("https://baska.example/wp-json/"), "", None),  # another host's is not this site's
        (TAG.format("https://baska.example/"), f'<{ROOT}>; rel="https://api.w.org/"', ROOT),
        (TAG.format("/wp-json/?x=1"), "", None),
        (TAG.format("javascript:x"), "", None),
        (TAG.format("http://["), "", None),
        ('<link rel="stylesheet" href="/a.css"><a href="/wp-json/">https://api.w.org/</a>', "", None),
        ("", "", None),
    ],
)
def test_a_page_names_its_interface(html: str, link: str, expected: str | None) -> None:
    assert api_root(html.encode(), url=HOME, link=link) == expected


def test_lists_are_asked_for_in_the_order_that_stays_and_changes_by_their_time() -> None:
    fields = "per_page=100&page=1&_fields=link,date_gmt,modified_gmt"
    plain = f"{HOME}?rest_route=/"

    assert api_start(ROOT) == [f"{ROOT}wp/v2/{kind}?{fields}&orderby=id&order=asc" for kind in ("posts", "pages")]
    assert api_start(plain)[0] == f"{plain}wp/v2/posts&{fields}&orderby=id&order=asc"
    assert api_poll(ROOT)[0] == f"{ROOT}wp/v2/posts?{fields}&orderby=modified&order=desc"
    assert api_index(plain) == f"{plain}&_fields=name,namespaces,timezone_string,gmt_offset"
    assert [is_api_poll(url) for url in (*api_start(ROOT), *api_poll(plain))] == [False, False, True, True]


# ---------------------------------------------------------------- WordPress: what it lists

LIST = api_start(ROOT)[0]
LAST_PAGE = LIST.replace("&page=1&", "&") + f"&page={MAX_API_PAGES}"


def posts(number: int) -> list[dict[str, Any]]:
    return [{"link": f"{A}{index}", "title": {"rendered": "x"}} for index in range(number)]


def page_of(url: str, number: int) -> str:
    return url.replace("&page=1&", "&") + f"&page={number}"


def test_addresses_and_dates_are_read_of_a_post() -> None:
    post = {"id": 7, "link": A, "date_gmt": "2024-03-14T09:00:00", "modified_gmt": "2024-03-15T10:00:00"}

    entries, following = read_api(json.dumps([post]).encode(), url=LIST, headers={"X-WP-TotalPages": "1"})

    nine, ten = datetime(2024, 3, 14, 9, tzinfo=UTC), datetime(2024, 3, 15, 10, tzinfo=UTC)
    assert (entries, following) == ([Entry(A, published_at=nine, modified_at=ten)], None)


@pytest.mark.parametrize(
    "url, number, headers, expected",
    [
        (LIST, 100, {"X-WP-TotalPages": "3"}, page_of(LIST, 2)),
        (page_of(LIST, 2), 100, {"x-wp-totalpages": "3"}, page_of(LIST, 3)),
        (page_of(LIST, 3), 100, {"X-WP-TotalPages": "3"}, None),
        (LIST, 20, {"X-WP-TotalPages": "9"}, page_of(LIST, 2)),  # a server may give fewer a page than asked for
        (LIST, 100, {}, page_of(LIST, 2)),
        (LIST, 99, {}, None),
        (LIST, 0, {"X-WP-TotalPages": "9"}, None),
        (LIST, 100, {"X-WP-TotalPages": "many"}, page_of(LIST, 2)),
        (LIST, 100, {"X-WP-TotalPages": "-1"}, page_of(LIST, 2)),
        (LIST, 100, {"X-WP-TotalPages": "9" * 5000}, page_of(LIST, 2)),
        (LAST_PAGE, 100, {"X-WP-TotalPages": "999999"}, None),
        (page_of(api_poll(f"{HOME}?rest_route=/")[0], 4), 100, {}, page_of(api_poll(f"{HOME}?rest_route=/")[0], 5)),
    ],
)
def test_where_a_list_goes_on(url: str, number: int, headers: dict[str, str], expected: str | None) -> None:
    entries, following = read_api(json.dumps(posts(number)).encode(), url=url, headers=headers)

    assert (len(entries), following) == (number, expected)


@pytest.mark.parametrize(
    "body, urls",
    [
        ('{"code":"rest_no_route","message":"x","data":{"status":404}}', []),
        ('{"code":"x","data":[{"link":"https://haber.example/a"}]}', []),
        (f'\ufeff\n[{{"link":"{A}"}}]', [A]),
        (f'<br />\n<b>Warning</b>: x in /var/www [1]\n[{{"link":"{A}"}}]', [A]),
        (f'[{{"link":"{A}"}},7,null,"x",[],{{}},{{"link":7}},{{"link":"mailto:a@b"}},{{"link":"/b"}}]', [A, B]),
        ('[{"link":"https://baska.example/x"}]', ["https://baska.example/x"]),  # the scope refuses it, and counts that
        (f'[{{"link":"{A}","date_gmt":7,"modified_gmt":["x"]}}]', [A]),
        (f'[{{"link":"{A}"}}', []),
        ("[]", []),
        ("<!doctype html><title>x</title>", []),
        (f'<!doctype html><script>var x = [{{"link":"{A}"}}]</script>', []),
        ("[" * 500_000, []),
        ("[ " * 500_000, []),
        ("[{" + '"a":{' * 100_000, []),
        ("[" + "{}," * 4_000_000 + "{}]", []),
        ("", []),
        ("\x00", []),
    ],
)
def test_what_cannot_be_read_is_nothing_and_takes_no_time(body: str, urls: list[str]) -> None:
    began = time.monotonic()

    entries, following = read_api(body.encode(), url=LIST, headers={"X-WP-TotalPages": "1"})

    assert ([entry.url for entry in entries], following) == (urls, None)
    assert time.monotonic() - began < 2


def test_an_answer_of_many_thousands_is_cut() -> None:
    assert len(read_api(json.dumps(posts(5_000)).encode(), url=LIST, headers={})[0]) == MAX_API_ENTRIES


def test_a_hostile_head_is_read_in_time() -> None:
    began = time.monotonic()

    for html in (b"<link " * 500_000, b"<link" + b" " * 1_000_000, b"<link https://api.w.org/ " * 50_000):
        assert api_root(html, url=HOME, link="<" * 100_000 + "<x>; " * 100_000) is None

    assert time.monotonic() - began < 2

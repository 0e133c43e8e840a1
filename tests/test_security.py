"""What a hostile site cannot make a crawl do: reach private addresses, leak credentials, fill memory or frontier."""

from __future__ import annotations

import gzip
import json
import resource
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import Answer, Loopback, crawl, frontier_rows, gzipped, links, make_archive, page

from archive.config import ArchiveDir
from archive.model import Payload
from archive.warc import Kept, read_warc

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

from crawler.links import MAX_LINKS_PER_PAGE

# Ways to write 127.0.0.1 that a resolver understands; each is refused by rule, without a connection.
SPELLINGS = (
    *("127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "017700000001"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "0.0.0.0", "[::]"),
    "１２７.0.0.1",  # full-width digits: IDNA makes them ASCII
    "127。0。0。1",  # ideographic full stops
)
FAR = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]", "224.0.0.1")


@dataclass(frozen=True)
class Story:
    """One crawl of a hostile site beside a server that is none of its business."""

    directory: ArchiveDir
    site: Loopback
    forbidden: Loopback
    forbidden6: Loopback
    rows: dict[str, tuple[str, str | None]]
    report: dict[str, object]
    counts: dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with Loopback({}) as forbidden, Loopback({}, host="::1") as forbidden6, Loopback({}) as site:
        port, port6 = forbidden.port, forbidden6.port
        by_name = (f"http://localhost:{port}", f"https://localhost:{port}")
        spelled = [f"http://{spelling}:{port6 if '::1]' in spelling else port}" for spelling in SPELLINGS]
        hostile = "<!doctype html><title>hostile</title>" + "".join(
            f'<a href="{base}/page">x</a><img src="{base}/image.png"><link rel=stylesheet href="{base}/style.css">'
            for base in (*spelled, *by_name, *(f"http://{host}" for host in FAR))
        )
        redirects = {
            f"/to/{number}": page("", status=f"{status} Found\r\nLocation: {target}")
            for number, (status, target) in enumerate(
                [
                    (301, f"{forbidden.url}/redirected"),
                    (302, f"http://localhost:{port}/redirected"),
                    (307, f"//127.0.0.1:{port}/redirected"),
                    (308, f"http://user:secret@127.0.0.1:{port}/redirected"),
                    (301, f"http://2130706433:{port}/redirected"),
                    (301, "http://169.254.169.254/latest/meta-data/"),
                    (301, "file:///etc/passwd"),
                    (301, "ftp://127.0.0.1/etc/passwd"),
                ]
            )
        }
        images = {f"/image/{number}": answer for number, answer in enumerate(redirects.values())}
        answers = {
            "/": links(
                "/hostile", *redirects, *(f"http://user:secret@{site.address}/{kind}" for kind in ("named", "too"))
            ),
            "/hostile": page(hostile + "".join(f'<img src="{path}">' for path in images)),
            "/named": page("named"),
            "/too": page("too"),
            **redirects,
            **images,
        }
        site.answers = answers
        directory = make_archive(tmp_path_factory.mktemp("security") / "archive", site)
        done = crawl(directory, "--json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        yield Story(directory, site, forbidden, forbidden6, frontier_rows(directory), report, report["counts"])


def test_no_redirect_or_link_reaches_a_port_that_is_not_allowed(story: Story) -> None:
    """Neither a request, nor the greeting of a TLS connection: not one byte."""
    assert (story.forbidden.log, story.forbidden.bytes_received) == ([], 0)
    assert (story.forbidden6.log, story.forbidden6.bytes_received) == ([], 0)


def test_what_leads_to_a_private_address_is_refused_and_counted(story: Story) -> None:
    elsewhere = {url: row for url, row in story.rows.items() if not url.startswith(story.site.url)}

    reasons = {url: reason for url, (state, reason) in elsewhere.items() if state == "refused"}

    assert reasons.keys() == elsewhere.keys(), {url: row for url, row in elsewhere.items() if row[0] != "refused"}
    assert set(reasons.values()) <= {"private address", "off-site"}
    assert {url for url, reason in reasons.items() if reason == "off-site"} == {
        f"{scheme}://localhost:{port}/{path}"
        for scheme, port, path in (
            ("http", story.forbidden.port, "page"),
            ("https", story.forbidden.port, "page"),
        )
    }
    assert story.counts["skipped"]["private address"] == sum(why == "private address" for why in reasons.values())
    assert f"{story.forbidden.url}/redirected" in reasons
    assert "http://169.254.169.254/latest/meta-data/" in reasons
    for host in FAR:
        assert reasons[f"http://{host}/page"] == reasons[f"http://{host}/image.png"] == "private address"


def test_an_address_that_its_spelling_gives_away_is_not_even_connected_to(story: Story) -> None:
    """Only `localhost` has to be looked up; each such host is connected to at most once, and told nothing."""
    assert story.forbidden.connections + story.forbidden6.connections <= 6


def test_every_spelling_was_tried(story: Story) -> None:
    ports = (f":{story.forbidden.port}/", f":{story.forbidden6.port}/")
    images = [url for url in story.rows if any(port in url for port in ports) and url.endswith("/image.png")]

    # Full-width digits and dots become the first spelling; the mapped addresses stay as written.
    assert len(images) >= len(SPELLINGS) - 2 + 2, images
    assert {story.rows[url] for url in images} == {("refused", "private address")}


def test_other_schemes_are_not_followed(story: Story) -> None:
    assert {url.partition(":")[0] for url in story.rows} == {"http", "https"}


def test_credentials_in_an_address_are_dropped(story: Story) -> None:
    assert story.rows[f"{story.site.url}/named"] == ("done", None)
    assert not [url for url in story.rows if "secret" in url or "@" in url]
    requests = b"".join(heard.request for heard in story.site.log)
    assert b"secret" not in requests and b"uthorization" not in requests


def test_a_refused_address_is_refused_again_in_the_next_crawl(story: Story) -> None:
    done = crawl(story.directory, "--json")

    assert done.returncode == 0, done.stderr
    assert story.forbidden.bytes_received == story.forbidden6.bytes_received == 0
    assert json.loads(done.stdout)["counts"]["waiting"] == 0


def test_robots_txt_that_redirects_to_a_private_address_reaches_nobody(tmp_path: Path) -> None:
    with Loopback({}) as forbidden:
        robots = page("", status=f"301 Moved\r\nLocation: {forbidden.url}/robots.txt")
        with Loopback({"/robots.txt": robots, "/": page("home")}) as site:
            directory = make_archive(tmp_path / "archive", site)
            crawl(directory)

    assert (forbidden.connections, forbidden.bytes_received, forbidden.log) == (0, 0, [])


# ---------------------------------------------------------------- sizes


def test_a_page_of_a_hundred_thousand_links_is_capped(tmp_path: Path) -> None:
    anchors = "".join(f'<a href="http://a{n}.example/">x</a>' for n in range(100_000))
    images = "".join(f'<img src="http://10.{n % 200}.{n // 200}.1/x">' for n in range(20_000))
    with Loopback({"/": page(anchors + images), "/robots.txt": page("", status="404 Not Found")}) as site:
        directory = make_archive(tmp_path / "archive", site)
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    rows = frontier_rows(directory)
    assert len(rows) <= 2 * MAX_LINKS_PER_PAGE + 2
    assert "links beyond the bound for one page" in done.stdout


def test_a_page_that_inflates_without_end_is_kept_and_the_crawl_goes_on(tmp_path: Path) -> None:
    bomb = gzipped(bytes(280_000_000))  # under 300 kB on the wire
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    )
    with Loopback({"/": links("/bomb", "/a"), "/bomb": Answer((head.encode() + bomb,)), "/a": page("a")}) as site:
        directory = make_archive(tmp_path / "archive", site)
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    assert frontier_rows(directory)[f"{site.url}/a"] == ("done", None)
    assert len(site.heard("/bomb")) == 1  # once is enough
    (warc,) = directory.warcs.glob("*.warc.gz")
    kept = [one for one in read_warc(directory.warcs, warc.name) if isinstance(one, Kept)]
    held = {one.capture.url: one.payload for one in kept if one.payload}
    assert held[f"{site.url}/bomb"].body == bomb
    # The largest child so far, in KiB: the bomb must not have been inflated whole.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_000_000


def payload(body: bytes, coding: str) -> Payload:
    return Payload(body=body, content_type="text/html", content_encoding=coding)


def raw_deflate(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(body) + deflate.flush()


@pytest.mark.parametrize(
    "body, coding",
    [
        (gzip.compress(bytes(50_000_000)), "gzip"),
        (gzip.compress(gzip.compress(bytes(50_000_000))), "gzip, gzip"),
        (zlib.compress(bytes(50_000_000)), "deflate"),
        (raw_deflate(bytes(50_000_000)), "deflate"),
        (gzip.compress(bytes(1_000_000)) * 50, "gzip"),
    ],
    ids=["gzip", "gzip in gzip", "zlib", "deflate", "many members"],
)
def test_a_bomb_is_decoded_up_to_the_limit_only(body: bytes, coding: str) -> None:
    tracemalloc.start()
    try:
        decoded = payload(body, coding).decoded(limit=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert decoded == bytes(1_000_000)
    assert peak < 8_000_000


def test_a_hundred_thousand_empty_gzip_members_take_no_time() -> None:
    body = gzip.compress(b"", mtime=0) * 100_000 + gzip.compress(b"end")

    begun = time.process_time()

    assert payload(body, "gzip").decoded() == b"end"
    assert time.process_time() - begun < 1


def test_a_damaged_tail_gives_what_came_before_it() -> None:
    text = b"".join(b"line %d of a long page\n" % number for number in range(20_000))
    whole = gzip.compress(text)
    damaged = whole[: len(whole) // 2] + bytes(range(256)) * 9

    for body in (whole[: len(whole) // 2], damaged):
        decoded = payload(body, "gzip").decoded()
        assert len(decoded) > len(text) // 3
        assert text.startswith(decoded[: len(text) // 3])


def test_a_thousand_codings_take_no_time() -> None:
    begun = time.process_time()
    payload(gzip.compress(b"x" * 1000), ", ".join(["gzip"] * 1000)).decoded()

    assert time.process_time() - begun < 1

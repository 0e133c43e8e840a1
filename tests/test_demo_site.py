"""The demo site over real sockets: it shows what its article files say, changes once, and speaks HTTP as sites do."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
from collections import Counter
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.etree
import lxml.html
import pytest

from archive.errors import MuragatError
from archive.model import BlockKind, FindingKind
from crawler.demo.content import COMPROMISED_AT
from crawler.demo.gold import GoldArticle, load_gold
from crawler.demo.server import DemoSite, Request

COUNTER = r"([\d.]+) okunma\b"
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


class Client:
    """One kept-alive connection to a demo site."""

    def __init__(self, site: DemoSite) -> None:
        self.site = site
        self.connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=10)

    def get(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body as they came."""
        self.connection.request(method, path, headers=headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def page(self, path: str) -> str:
        """The page there, which must be a 200."""
        status, headers, body = self.get(path)
        assert status == 200, (path, status)
        return body.decode(headers.get_content_charset() or "cp1254")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with DemoSite() as site:
        yield Client(site)


@pytest.fixture
def changed() -> Iterator[Client]:
    with DemoSite() as site:
        site.change()
        yield Client(site)


def parsed(page: str | bytes) -> Any:
    """The page as lxml's tree, whose types say little."""
    return lxml.html.document_fromstring(page)


def words(text: str) -> str:
    return " ".join(text.split())


def shown(page: str, article: GoldArticle) -> str:
    """The text of the article's own element, injected content taken out: what gold must be found in."""
    for _, spam in article.spam:
        page = re.sub(r"<a [^>]*>" + re.escape(spam) + "</a> ?", "", page)
    tree = parsed(re.sub(r"<br ?/?>|</(?:p|h\d|li|td|th|figcaption|div)>", r" \g<0>", page))
    for useless in tree.xpath("//script|//style|//aside|//nav|//*[@class='related-news']"):
        useless.drop_tree()
    return words(tree.text_content())


def whole(client: Client, article: GoldArticle) -> str:
    """All pages of an article, as shown."""
    paths = [article.path, *(f"{article.path}{n}/" for n in range(2, article.pages + 1))]
    return " ".join(shown(client.page(path), article) for path in paths)


def locations(client: Client, path: str) -> list[str]:
    return [str(loc.text) for loc in lxml.etree.fromstring(client.page(path).encode()).iterfind(".//s:loc", SITEMAP)]


@pytest.mark.parametrize("state", [1, 2])
def test_every_page_shows_its_title_date_and_every_block_in_order(state: int, client: Client, changed: Client) -> None:
    reader = client if state == 1 else changed
    for article in load_gold(state):
        text = whole(reader, article)
        assert words(article.title) in text, article.path
        assert article.date_text in text, article.path
        at = text.index(article.title)
        for kind, block in article.blocks:
            found = text.find(words(block), at)
            assert found >= 0, (article.path, kind, block)
            at = found + len(words(block))
        for comment in article.comments:
            assert words(comment) in text, article.path


def test_gold_speaks_the_words_of_the_model() -> None:
    gold = load_gold()
    assert {kind for a in gold for kind, _ in a.blocks} == {str(kind) for kind in BlockKind}
    assert {kind for a in gold for kind, _ in a.spam} == {str(kind) for kind in FindingKind} - {"replaced", "redirect"}


def test_the_site_is_large_and_varied_enough_to_learn_from() -> None:
    gold = load_gold()
    turkish = [a for a in gold if a.lang == "tr"]
    assert len(turkish) >= 60
    assert Counter(a.lang for a in gold)["kk"] == Counter(a.lang for a in gold)["ru"] == 3
    assert 0.3 < sum(a.look == "old" for a in turkish) / len(turkish) < 0.37
    assert {a.published.strftime("%z") for a in turkish if a.look != "archive"} == {"+0600", "+0500"}
    assert [a.pages for a in gold if a.pages > 1] == [3]
    assert len({block for a in gold for kind, block in a.blocks if kind == "paragraph"}) == sum(
        kind == "paragraph" for a in gold for kind, _ in a.blocks
    ), "no paragraph is used twice"


def test_spam_stands_on_the_page_where_gold_says_and_nowhere_before_the_break_in(client: Client) -> None:
    for article in load_gold():
        page = unescape(client.page(article.path))
        for kind, text in article.spam:
            assert article.published >= COMPROMISED_AT, article.path
            assert text in page, (article.path, kind)
            where = page.index(text)
            assert (kind == "before") == (where < page.index("<!DOCTYPE")), article.path
            assert (kind == "after") == (where > page.index("</html>")), article.path


def test_spam_links_lead_to_example_domains_only(client: Client) -> None:
    hosts = set()
    for article in load_gold():
        hosts |= {urlsplit(str(link[2])).hostname for link in parsed(client.page(article.path).encode()).iterlinks()}
    foreign = {host for host in hosts if host and host not in ("127.0.0.1", "api.w.org")}
    assert foreign and all(host.endswith(".example") for host in foreign)


def test_the_old_look_has_no_metadata_and_the_new_one_has_it(client: Client) -> None:
    for article in load_gold():
        page = client.page(article.path)
        assert ("application/ld+json" in page) == (article.look == "new"), article.path
        assert ("article:published_time" in page) == (article.look == "new"), article.path
        assert ('rel="canonical"' in page) == (article.look == "new"), article.path


def test_json_ld_gives_the_date_with_almatys_offset_of_that_day(client: Client) -> None:
    for article in (a for a in load_gold() if a.look == "new"):
        script = re.search(r'<script type="application/ld\+json">(.*?)</script>', client.page(article.path))
        assert script
        graph = json.loads(script[1])
        assert graph["headline"] == article.title
        assert graph["datePublished"] == article.published.isoformat()


@pytest.mark.parametrize("state", [1, 2])
def test_no_link_of_the_site_is_broken(state: int, client: Client, changed: Client) -> None:
    reader = client if state == 1 else changed
    root, seen, waiting = reader.site.url, {reader.site.url}, [reader.site.url]
    while waiting:
        url = waiting.pop()
        status, headers, body = reader.get(url.removeprefix(root.rstrip("/")))
        assert status in (200, 301, 302), url
        if headers.get_content_type() != "text/html" or "share=" in url:
            continue
        tree = parsed(body)
        links = [str(link) for link in tree.xpath("//a/@href|//img/@src|//link[@rel!='shortlink']/@href|//script/@src")]
        links += [part.split()[0] for srcset in tree.xpath("//img/@srcset") for part in str(srcset).split(",")]
        for link in (urljoin(url, link).partition("#")[0] for link in links):
            if link.startswith(root) and link not in seen:
                seen.add(link)
                waiting.append(link)
    assert {root + article.path[1:] for article in load_gold(state)} <= seen, "every article can be reached"


def test_change_edits_one_deletes_one_adds_two_and_comments_on_one(client: Client, changed: Client) -> None:
    before, after = {a.path: a for a in load_gold(1)}, {a.path: a for a in load_gold(2)}
    edited = [a for a in after.values() if a.change == "edited"]
    deleted, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    commented = [p for p in before.keys() & after.keys() if before[p].comments != after[p].comments]
    assert (len(edited), len(deleted), len(added), len(commented)) == (1, 1, 2, 1)

    assert edited[0].modified > before[edited[0].path].modified
    differ = [(a, b) for a, b in zip(before[edited[0].path].blocks, edited[0].blocks, strict=True) if a != b]
    assert len(differ) == 2
    assert before[commented[0]].blocks == after[commented[0]].blocks

    assert client.get(deleted[0])[0] == 200 and changed.get(deleted[0])[0] == 404
    listed = locations(changed, "/post-sitemap.xml")
    assert changed.site.url + deleted[0][1:] not in listed
    assert {changed.site.url + path[1:] for path in added} <= set(listed)
    for path in ("/", "/feed/", "/post-sitemap.xml", "/kategori/kultur/", "/etiket/sinema/"):
        status, _, body = changed.get(path)
        assert deleted[0].encode() not in body, path
        assert status == (404 if path == "/etiket/sinema/" else 200)
    assert f"{edited[0].path}</loc><lastmod>{edited[0].modified.isoformat()}" in changed.page("/post-sitemap.xml")


def test_sitemaps_list_every_article_but_the_old_static_page(client: Client) -> None:
    children = locations(client, "/sitemap.xml")
    assert len(children) >= 2
    listed = {loc for child in children for loc in locations(client, urlsplit(child).path)}
    expected = {client.site.url + a.path[1:] for a in load_gold() if a.look != "archive"}
    assert listed - expected == {client.site.url + "hakkimizda/", client.site.url + "iletisim/"}
    assert expected <= listed


def test_the_feed_lists_the_newest_ten(client: Client) -> None:
    feed = lxml.etree.fromstring(client.page("/feed/").encode())
    newest = [a for a in load_gold() if a.lang == "tr" and a.look != "archive"][:10]
    assert [str(link.text) for link in feed.iterfind(".//item/link")] == [client.site.url + a.path[1:] for a in newest]


def test_rest_names_the_time_zone_and_pages_through_all_posts(client: Client) -> None:
    root = json.loads(client.page("/wp-json/"))
    assert (root["name"], root["timezone_string"], root["gmt_offset"]) == ("Bozkır Haber", "Asia/Almaty", "5")
    status, headers, body = client.get("/wp-json/wp/v2/posts?per_page=50&page=2")
    posts = json.loads(body)
    assert status == 200 and headers["X-WP-TotalPages"] == "2"
    assert len(posts) == int(headers["X-WP-Total"]) - 50
    assert client.get("/wp-json/wp/v2/posts?per_page=50&page=3")[0] == 400
    assert client.get("/wp-json/none")[0] == 404


def test_robots_allows_speed_and_closes_search(client: Client) -> None:
    lines = client.page("/robots.txt").splitlines()
    assert {"Crawl-delay: 0", "Disallow: /wp-admin/", "Disallow: /*?s="} <= set(lines)
    assert f"Sitemap: {client.site.url}sitemap.xml" in lines


@pytest.mark.parametrize("path", ["style.css?ver=1.4", "fonts/bozkir-display.woff", "desen.svg", "js/site.js"])
def test_files_answer_304_to_either_validator(client: Client, path: str) -> None:
    path = "/wp-content/themes/bozkir/" + path
    status, headers, body = client.get(path)
    assert status == 200 and body
    for name, value in (("If-None-Match", headers["ETag"]), ("If-Modified-Since", headers["Last-Modified"])):
        again, _, nothing = client.get(path, headers={name: value})
        assert (again, nothing) == (304, b"")
    assert (
        client.get(path, headers={"If-None-Match": '"other"', "If-Modified-Since": headers["Last-Modified"]})[0] == 200
    )


def test_pages_have_no_validators(client: Client) -> None:
    headers = client.get("/")[1]
    assert "ETag" not in headers and "Last-Modified" not in headers


def test_gzip_comes_when_asked_for_and_holds_the_same_page(client: Client) -> None:
    path = "/expo-2017-kapilarini-kapatti/"
    _, plain_headers, plain = client.get(path)
    _, zipped_headers, zipped = client.get(path, headers={"Accept-Encoding": "br, gzip"})
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0"})[1]
    assert "Content-Encoding" not in plain_headers and "Content-Encoding" not in refused
    assert zipped_headers["Content-Encoding"] == "gzip" and gzip.decompress(zipped) == plain


def test_lists_are_chunked_and_articles_have_a_length(client: Client) -> None:
    assert client.get("/kategori/spor/")[1]["Transfer-Encoding"] == "chunked"
    _, headers, body = client.get("/expo-2017-kapilarini-kapatti/")
    assert headers["Content-Length"] == str(len(body)) and "Transfer-Encoding" not in headers


def test_head_gives_the_headers_of_get_without_a_body(client: Client) -> None:
    path = "/expo-2017-kapilarini-kapatti/"
    _, get_headers, _ = client.get(path)
    status, head_headers, body = client.get(path, method="HEAD")
    assert (status, body, head_headers["Content-Length"]) == (200, b"", get_headers["Content-Length"])


def test_one_connection_serves_many_requests_and_closes_with_the_site() -> None:
    with DemoSite() as site:
        client = Client(site)
        client.page("/")
        kept = client.connection.sock
        client.page("/kategori/spor/page/2/")
        assert client.connection.sock is kept
    with pytest.raises((OSError, http.client.HTTPException)):
        client.get("/")


def test_short_addresses_redirect(client: Client) -> None:
    short = re.search(r'rel="shortlink" href="[^"]*(\?p=\d+)"', client.page("/latin-alfabesi-tartismasi/"))
    assert short
    for path in ("/" + short[1], "/latin-alfabesi-tartismasi"):
        status, headers, _ = client.get(path)
        assert (status, headers["Location"]) == (301, client.site.url + "latin-alfabesi-tartismasi/")


@pytest.mark.parametrize(
    "path",
    ["/yok-boyle-haber/", "/page/99/", "/?p=1", "/raylarda-yetmis-iki-saat/4/", "/wp-content/themes/bozkir/../x"],
)
def test_what_does_not_exist_is_a_404(client: Client, path: str) -> None:
    status, _, body = client.get(path)
    assert status == 404 and "Sayfa bulunamadı".encode() in body


def test_the_old_static_page_names_its_charset_only_in_the_page(client: Client) -> None:
    status, headers, body = client.get("/arsiv/2004/metro.html")
    assert status == 200 and headers["Content-Type"] == "text/html"
    assert b"charset=windows-1254" in body and "şimdilik troleybüse".encode("cp1254") in body


def test_pictures_differ_and_come_in_every_size_of_srcset(client: Client) -> None:
    image = parsed(client.page("/altin-adam-sergisi/")).xpath("//figure/img")[0]
    sizes = {}
    for part in image.get("srcset").split(", "):
        url, width = part.split()
        _, headers, body = client.get(urlsplit(url).path)
        assert headers["Content-Type"] == "image/png" and body[16:20] == int(width[:-1]).to_bytes(4, "big")
        sizes[width] = body
    assert len(set(sizes.values())) == 4
    other = parsed(client.page("/kar-parsi-kamerada/")).xpath("//figure/img/@src")[0]
    assert client.get(urlsplit(other).path)[2] != sizes["768w"]


def test_only_the_view_counter_differs_between_two_views() -> None:
    with DemoSite() as site:
        client = Client(site)
        for article in load_gold():
            first, second = client.page(article.path), client.page(article.path)
            assert re.sub(COUNTER, "", first) == re.sub(COUNTER, "", second)
            assert (first != second) == bool(re.search(COUNTER, first)), article.path
        counted = client.page("/latin-alfabesi-tartismasi/")
        assert int(re.findall(COUNTER, counted)[0].replace(".", "")) == 300 + 3 + _number(counted) * 37 % 4_000


def _number(page: str) -> int:
    found = re.search(r"postid-(\d+)", page)
    assert found
    return int(found[1])


def test_requests_are_logged_with_their_status() -> None:
    with DemoSite() as site:
        client = Client(site)
        client.get("/")
        client.get("/yok/", method="HEAD")
        assert list(site.requests) == [Request("GET", "/", 200), Request("HEAD", "/yok/", 404)]


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MuragatError, match=f"port {port} of 127.0.0.1 is in use") as caught:
            DemoSite(port=port)
    assert "\n" not in str(caught.value)

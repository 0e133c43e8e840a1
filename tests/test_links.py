"""Which links a page offers and which a crawl follows; hostile pages cost no more time than honest ones."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from archive.config import CrawlRules
from crawler.links import (
    MAX_LINKS_PER_PAGE,
    MAX_URL_CHARS,
    Links,
    clean,
    host_of,
    read_css,
    read_links,
    read_robots_header,
    read_srcset,
)
from crawler.scope import Scope

HOME = "https://haber.example/"
HERE = "https://haber.example/bolum/haber/"


# ---------------------------------------------------------------- one address


@pytest.mark.parametrize(
    "url, cleaned",
    [
        ("https://haber.example", HOME),
        ("HTTPS://Haber.Example/Yol", "https://haber.example/Yol"),
        ("https://haber.example/a#yorum", "https://haber.example/a"),
        ("https://ali:gizli@haber.example/a", "https://haber.example/a"),
        ("https://haber.example:443/a", "https://haber.example/a"),
        ("http://haber.example:80/a", "http://haber.example/a"),
        ("http://haber.example:443/a", "http://haber.example:443/a"),
        ("https://haber.example:8443/a", "https://haber.example:8443/a"),
        ("https://haber.example./a", "https://haber.example/a"),
        ("https://[2001:db8::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://haber.example?p=1", "https://haber.example/?p=1"),
        # Tracking parameters go, all else stays as it was written.
        ("https://haber.example/a?utm_source=x&id=1&fbclid=2", "https://haber.example/a?id=1"),
        ("https://haber.example/a?utm_medium=x", "https://haber.example/a"),
        ("https://haber.example/a?q=%FD%F0&utm_source=x&b", "https://haber.example/a?q=%FD%F0&b"),  # windows-1254
        ("https://haber.example/a?gclid_x=1&a=1&&b=2", "https://haber.example/a?gclid_x=1&a=1&&b=2"),
        # Letters beyond ASCII.
        (
            "https://қазақ.example/жаңалық/",
            "https://xn--80aau21bd.example/%D0%B6%D0%B0%D2%A3%D0%B0%D0%BB%D1%8B%D2%9B/",
        ),
        ("https://haber.example/şehir?ara=çay", "https://haber.example/%C5%9Fehir?ara=%C3%A7ay"),
        ("https://haber.example/%C5%9Fehir", "https://haber.example/%C5%9Fehir"),
        ("https://haber.example/iki kelime", "https://haber.example/iki%20kelime"),
        # What browsers do with white space, controls and dots.
        (" \n https://haber.example/a\t ", "https://haber.example/a"),
        ("https://haber.ex\nample/a\r\nb c", "https://haber.example/ab%20c"),
        ("\x00\x1fhttps://haber.example/a", "https://haber.example/a"),
        ("https://haber.example/a\x00b\x7f", "https://haber.example/a%00b%7F"),
        ("https://haber.example/a/./b/../c/", "https://haber.example/a/c/"),
        ("https://haber.example/../../a/..", HOME),
        ("https://haber.example/.well-known/x", "https://haber.example/.well-known/x"),
        ("https://haber.example\\@kotu.example/", "https://haber.example/@kotu.example/"),
    ],
)
def test_an_address_has_one_form(url: str, cleaned: str) -> None:
    assert clean(url) == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    "reference, cleaned",
    [
        ("/a", "https://haber.example/a"),
        ("a", "https://haber.example/bolum/haber/a"),
        ("../a", "https://haber.example/bolum/a"),
        ("?sayfa=2", "https://haber.example/bolum/haber/?sayfa=2"),
        ("", HERE),
        ("#yorum", HERE),
        ("//baska.example/a", "https://baska.example/a"),
        ("http://baska.example/a", "http://baska.example/a"),
    ],
)
def test_a_reference_is_read_from_its_page(reference: str, cleaned: str) -> None:
    assert clean(reference, base=HERE) == cleaned


@pytest.mark.parametrize(
    "url",
    [
        "javascript:void(0)",
        "JavaScript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "mailto:ali@haber.example",
        "tel:+77001234567",
        "whatsapp://send?text=x",
        "ftp://haber.example/",
        "file:///etc/passwd",
        "https://",
        "https:///yol",
        "https://haber.example:99999/",
        "https://haber.example:0/",
        "https://haber.example:kapi/",
        "https://[::1/",
        "https://iki kelime.example/",
        "https://haber..example/",
        "https://<b>.example/",
        "https://haber.example%2f.kotu.example/",
        f"https://{'a' * 64}.example/",
        "https://haber.example/\ud800",
        HOME + "a" * MAX_URL_CHARS,
        HOME + "ү" * 700,  # within the bound as written, beyond it when encoded
        "data:image/png;base64," + "A" * 1_000_000,
    ],
)
def test_what_is_no_address_of_a_page_is_none(url: str) -> None:
    assert clean(url) is None


def test_the_host_of_an_address_keeps_its_port() -> None:
    assert (host_of(HOME), host_of("http://127.0.0.1:8093/a")) == ("haber.example", "127.0.0.1:8093")


# ---------------------------------------------------------------- what is followed

SCOPE = Scope(
    CrawlRules(
        seeds=(HOME, "https://haber.example/wp-json/gizli"),
        hosts=("haber.example", "www.yan.example"),
        allow_private=("127.0.0.1:8093",),
        skip=(r"/takvim/", r"\?gun="),
        max_depth=5,
    )
)


@pytest.mark.parametrize(
    "path, rule",
    [
        ("", None),
        ("2024/03/haber-basligi/", None),
        ("kategori/ekonomi/page/2/", None),
        ("?p=123", None),
        ("a?share=facebook", "share or reply link"),
        ("a?x=1&replytocom=5", "share or reply link"),
        ("a?print=1", "share or reply link"),
        ("?s=secim", "search or filter"),
        ("urunler?orderby=price", "search or filter"),
        ("?filter_renk=mavi", "search or filter"),
        ("modules.php?name=News&sid=123", None),  # PHP-Nuke's articles
        ("a?news=1", None),  # no "s" of its own
        ("wp-admin/admin-ajax.php", "back office"),
        ("wp-login.php?action=lostpassword", "back office"),
        ("xmlrpc.php", "back office"),
        ("wp-administrasyon/", None),
        ("wp-json/wp/v2/posts", "interface"),
        ("?rest_route=/wp/v2/posts", "interface"),
        ("haber/trackback/", "interface"),
        ("haber/feed/", "feed of a page"),
        ("comments/feed", "feed of a page"),
        ("haber/feed/atom/", "feed of a page"),
        ("feedback/", None),
        ("a/b/a/b/a/b/", "repeated path"),
        ("a/a/a/", "repeated path"),
        ("a/b/c/d/a/b/c/d/a/b/c/d", "repeated path"),
        ("haber/x/haber/y/z/haber/", "repeated path"),
        ("2010/10/10/page/10/", None),
        ("/".join("abcdefghijkl"), None),
        ("/".join("abcdefghijklm"), "path of too many parts"),
        ("2024/03/2024-secimleri/03/", None),
        ("video/klip.mp4", "audio, video or archive file"),
        ("yukle/ARSIV.ZIP", "audio, video or archive file"),
        ("rapor.pdf", None),
        ("takvim/2024-01", "skip rule of the profile"),
        ("a?gun=3", "skip rule of the profile"),
        ("wp-json/gizli", None),  # a seed
    ],
)
def test_the_rule_against_a_page(path: str, rule: str | None) -> None:
    url = HOME + path

    assert SCOPE.refuse(url, depth=1) == rule


@pytest.mark.parametrize(
    "url, rule",
    [
        ("https://www.haber.example/a", None),
        ("https://yan.example/a", None),
        ("http://haber.example/a", None),
        ("https://haber.example:8443/a", "off-site"),
        ("https://baska.example/", "off-site"),
        ("https://haber.example.kotu.example/", "off-site"),
        ("https://kotuhaber.example/", "off-site"),
        ("http://127.0.0.1:8093/", "off-site"),
        ("http://127.0.0.1:8094/", "private address"),
        ("http://10.0.0.1/", "private address"),
        ("http://[::1]/", "private address"),
        ("http://[::ffff:192.168.0.1]/", "private address"),
        ("http://169.254.169.254/latest/meta-data/", "private address"),
    ],
)
def test_the_rule_against_a_host(url: str, rule: str | None) -> None:
    assert SCOPE.refuse(url, depth=1) == rule


def test_what_a_page_needs_may_lie_elsewhere_but_not_on_a_private_address() -> None:
    assert SCOPE.refuse("https://cdn.example/a.css", depth=9, requisite=True) is None
    assert SCOPE.refuse("http://192.168.0.1/a.css", depth=1, requisite=True) == "private address"
    assert SCOPE.refuse("https://cdn.example/takvim/a.css", depth=1, requisite=True) == "skip rule of the profile"


def test_sources_need_not_look_like_pages_and_seeds_are_always_followed() -> None:
    assert SCOPE.refuse("https://haber.example/feed/", depth=1, source=True) is None
    assert SCOPE.refuse("https://baska.example/feed/", depth=1, source=True) == "off-site"
    assert SCOPE.refuse("https://haber.example/wp-json/gizli", depth=99) is None


SECTIONS = Scope(
    CrawlRules(
        seeds=("https://haber.example/kk/",),
        hosts=("haber.example/kk/", "www.yan.example", "example,kitap,", "example,dergi)/sayilar/", "10.0.0.1/a"),
        allow_private=("10.0.0.1:80",),
    )
)


@pytest.mark.parametrize(
    "url, rule",
    [
        ("https://haber.example/kk/", None),
        ("https://haber.example/kk", None),
        ("https://haber.example/kk?p=1", None),
        ("https://www.haber.example/kk/2024/x/", None),
        ("https://haber.example/kkk/", "outside the site's path"),
        ("https://haber.example/", "outside the site's path"),
        ("https://haber.example:8443/kk/", "off-site"),
        ("https://yan.example/a", None),
        ("https://alt.yan.example/a", "off-site"),
        ("https://arsiv.kitap.example/a", None),
        ("https://kitap.example/a", "off-site"),
        ("https://kitaplar.example/a", "off-site"),
        ("https://dergi.example/sayilar/3/", None),
        ("https://dergi.example/yazilar/3/", "off-site"),
        ("http://10.0.0.1/a/b", None),
        ("http://10.0.0.1/b", "outside the site's path"),
    ],
)
def test_a_host_of_the_profile_may_carry_a_path_or_be_a_surt(url: str, rule: str | None) -> None:
    assert SECTIONS.refuse(url, depth=1) == rule


def test_sources_may_lie_outside_the_path() -> None:
    assert SECTIONS.refuse("https://haber.example/robots.txt", depth=1, source=True) is None


FOLDED = Scope(CrawlRules(seeds=("http://www.haber.example/gizli/x.mp4",), hosts=("haber.example",), origin=HOME[:-1]))


@pytest.mark.parametrize(
    "url, known_as",
    [
        ("http://www.haber.example/a?b=1", "https://haber.example/a?b=1"),
        ("http://haber.example/", HOME),
        (HOME, HOME),
        ("https://haber.example:8443/a", "https://haber.example:8443/a"),
        ("http://baska.example/a", "http://baska.example/a"),
    ],
)
def test_the_origin_of_the_profile_is_the_one_address_of_the_site(url: str, known_as: str) -> None:
    assert FOLDED.canonical(url) == known_as
    assert SCOPE.canonical(url) == url  # no origin, no folding


def test_a_seed_is_a_seed_under_each_of_its_addresses() -> None:
    assert FOLDED.refuse("https://haber.example/gizli/x.mp4", depth=99) is None


def test_documents_are_followed_unless_the_profile_says_no() -> None:
    without = Scope(CrawlRules(seeds=(HOME,), hosts=("haber.example",), documents=False))

    assert SCOPE.refuse(HOME + "rapor.PDF", depth=1) is None
    assert without.refuse(HOME + "rapor.PDF", depth=1) == "PDF or office file"
    assert without.refuse(HOME + "rapor.pdf.html", depth=1) is None


def test_patterns_of_the_profile_come_before_well_known_forms() -> None:
    told = Scope(CrawlRules(seeds=(HOME,), hosts=("haber.example",), article=(r"/oku/",), listing=(r"/liste/",)))

    assert told.is_article(HOME + "oku/page/2/") and not told.is_listing(HOME + "oku/page/2/")
    assert told.is_listing(HOME + "liste/bir-iki-uc/") and not told.is_article(HOME + "liste/bir-iki-uc/")
    assert told.is_listing(HOME + "kategori/spor/") and not told.is_article(HOME + "bir-iki-uc/")
    assert SCOPE.is_article(HOME + "bir-iki-uc/") and SCOPE.is_listing(HOME + "kategori/spor/")


def test_links_deeper_than_the_bound_are_not_followed() -> None:
    assert SCOPE.refuse(HOME + "a", depth=5) is None
    assert SCOPE.refuse(HOME + "a", depth=6) == "too deep"


# ---------------------------------------------------------------- what a page offers

PAGE = """<!doctype html><html><head><base href="/kok/">
<link rel="stylesheet" href="stil.css"><link rel="preload" as="font" href="/yazi.woff2">
<link rel="shortcut icon" href="/favicon.ico"><link rel="apple-touch-icon" href="/elma.png">
<link rel="canonical" href="/haber/"><link rel="next" href="/haber/2/">
<link rel="alternate" hreflang="kk" href="/kk/haber/">
<link rel="alternate" type="application/rss+xml" href="/feed/"><link rel="dns-prefetch" href="//cdn.example">
<style>@import "baski.css"; body { background: url( '/zemin.png' ) } i { background: url(data:image/gif;base64,x) }
</style><script src="/kod.js"></script><script>var a = '<a href="/yok/">';</script></head><body>
<a href="bagli">bir</a> <a href="/bagli#iki">iki</a> <a href="javascript:x()">x</a> <a>bos</a>
<a href="/resim.JPG"><img src="/kucuk.jpg" srcset="/kucuk.jpg 1x, /buyuk.jpg 2x" data-src="/gec.jpg"></a>
<map><area href="/harita/"></map>
<picture><source srcset="/a,b/w_300.webp 300w, /a,b/w_600.webp 600w"><img data-lazy-src="/tembel.jpg"></picture>
<img data-original="/ozgun.jpg" src="data:image/gif;base64,R0lGOD"><video poster="/kapak.jpg"></video>
<div style="background-image: url(&quot;/serit.jpg&quot;)"></div>
<a href="/bagli">yine</a></body></html>"""


def test_a_page_offers_its_links_what_it_needs_and_its_feeds() -> None:
    links = read_links(PAGE.encode(), HERE)

    assert relative(links.pages) == ["/kok/bagli", "/bagli", "/harita/", "/haber/", "/haber/2/", "/kk/haber/"]
    assert relative(links.feeds) == ["/feed/"]
    assert set(relative(links.requisites)) == {
        *("/resim.JPG", "/kok/stil.css", "/yazi.woff2", "/favicon.ico", "/elma.png"),
        *("/kucuk.jpg", "/buyuk.jpg", "/gec.jpg", "/a,b/w_300.webp", "/a,b/w_600.webp", "/tembel.jpg"),
        *("/ozgun.jpg", "/kapak.jpg", "/serit.jpg", "/zemin.png", "/kok/baski.css", "/kod.js"),
    }
    assert links.dropped == 0


def relative(urls: tuple[str, ...]) -> list[str]:
    assert all(url.startswith(HOME) for url in urls)
    return [url.removeprefix(HOME[:-1]) for url in urls]


@pytest.mark.parametrize("base", ["", "javascript:x", "https://[", "x" * 10_000])
def test_a_base_that_is_none_is_passed_over(base: str) -> None:
    links = read_links(f'<base href="{base}"><a href="/a">x</a>'.encode(), HERE)

    assert links.pages == ("https://haber.example/a",)


@pytest.mark.parametrize("html", [b"", b"\x00", b"\xff\xfe<\x00a\x00", b"<a href", b'<a href="', b"%PDF-1.4"])
def test_what_is_hardly_a_page_offers_nothing(html: bytes) -> None:
    assert read_links(html, HERE) == Links((), (), (), 0)


def test_documents_of_the_own_host_are_told_from_pages() -> None:
    html = b"""<a href="/rapor.pdf">x</a> <a href="http://www.haber.example/tablo.XLSX?v=2">x</a>
    <a href="https://baska.example/rapor.pdf">x</a> <a href="/rapor.pdf.html">x</a>"""

    links = read_links(html, HERE)

    assert links.documents == ("https://haber.example/rapor.pdf", "http://www.haber.example/tablo.XLSX?v=2")
    assert links.pages == ("https://baska.example/rapor.pdf", "https://haber.example/rapor.pdf.html")


def test_what_a_page_says_to_robots_is_read() -> None:
    html = b"""<title>\n Se\xc3\xa7im   sonu\xc3\xa7lar\xc4\xb1 </title><meta name="Robots" content="NOINDEX, nofollow">
    <meta name="muragat" content="noarchive,nofollow"><meta name="googlebot" content="nosnippet"><meta name="robots">
    <a rel="nofollow" href="/a">x</a><a rel="noopener UGC" href="/b">x</a><a rel="sponsored" href="/c">x</a>
    <a href="/b">once without</a><a rel="noopener" href="/d">x</a><a rel="nofollow" href="/e.pdf">x</a>"""

    links = read_links(html, HERE)

    assert links.title == "Seçim sonuçları"
    assert links.directives == ("noindex", "nofollow", "noarchive")
    assert sorted(relative(tuple(links.nofollow))) == ["/a", "/c", "/e.pdf"]
    assert relative(links.pages) == ["/a", "/b", "/c", "/d"]  # recorded, not obeyed


@pytest.mark.parametrize(
    "headers, directives",
    [
        (["noindex"], ("noindex",)),
        (["NoIndex, NOARCHIVE", "noindex"], ("noindex", "noarchive")),
        (["googlebot: noindex, nofollow"], ()),
        (["googlebot: noindex, muragat: nofollow, noarchive"], ("nofollow", "noarchive")),
        (["nosnippet, googlebot: noindex", "nofollow"], ("nosnippet", "nofollow")),
        (["unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noarchive"], ("unavailable_after", "noarchive")),
        (["max-snippet: 20, max-image-preview:large, none"], ("max-snippet", "max-image-preview", "none")),
        (["sacma, :, ,", ""], ()),
        ([], ()),
    ],
)
def test_the_robots_header_says_what_holds_for_us(headers: list[str], directives: tuple[str, ...]) -> None:
    assert read_robots_header(headers) == directives


@pytest.mark.parametrize(
    "value, urls",
    [
        ("a.jpg", ["a.jpg"]),
        ("a.jpg 1x, b.jpg 2x", ["a.jpg", "b.jpg"]),
        ("a.jpg, b.jpg", ["a.jpg", "b.jpg"]),
        (" a.jpg 1.5x ,\n b.jpg 600w 400h ", ["a.jpg", "b.jpg"]),
        ("/w_300,h_200/a.jpg 300w, /w_600,h_400/a.jpg 600w", ["/w_300,h_200/a.jpg", "/w_600,h_400/a.jpg"]),
        ("a.jpg?resize=300,200 300w,b.jpg?resize=600,400 600w", ["a.jpg?resize=300,200", "b.jpg?resize=600,400"]),
        ("data:image/png;base64,AAAA 1x, b.jpg 2x", ["data:image/png;base64,AAAA", "b.jpg"]),
        ("a.jpg 100w 50h", ["a.jpg"]),
        ("a.jpg,b.jpg", ["a.jpg,b.jpg"]),  # one address with a comma, says the standard
        (" , ,", []),
        ("", []),
    ],
)
def test_srcset_gives_its_addresses(value: str, urls: list[str]) -> None:
    assert read_srcset(value) == urls


@pytest.mark.parametrize(
    "style, references",
    [
        ("a { background: url(a.png) } b { background: url( \"b.png\" ) } c { background: url('c(1).png') }",
         ["a.png", "b.png", "c(1).png"]),
        ("@import 'a.css'; @import url(b.css) screen;", ["a.css", "b.css"]),
        ("a { background: url(a.png), url(a.png) }", ["a.png"]),
        ("a { fill: url(#renk); background: url(data:image/png;base64,AA) }", []),
        ("a { background: url() } b { background: url(", []),
    ],
)  # fmt: skip
def test_a_style_sheet_gives_what_it_refers_to(style: str, references: list[str]) -> None:
    assert list(read_css(style.encode())) == references


# ---------------------------------------------------------------- hostile pages

LINK = b'<a href="/once">x</a>'
TRAPS: dict[str, Callable[[], bytes]] = {
    "100,000 links": lambda: b"".join(b'<a href="/p%d">x</a>' % n for n in range(100_000)),
    "100,000 pictures": lambda: LINK + b"".join(b'<img src="/p%d.jpg">' % n for n in range(100_000)),
    "100,000 style sheets": lambda: LINK + b"".join(b'<link rel=stylesheet href="/%d">' % n for n in range(100_000)),
    "100,000 pictures in a style": lambda: (
        LINK + b"<style>" + b"".join(b"url(/%d.png)" % n for n in range(100_000)) + b"</style>"
    ),
    "a style of open url(": lambda: LINK + b"<style>" + b"url(" * 1_200_000 + b"</style>",
    "blocks in blocks": lambda: LINK + b"<div>" * 1_000_000,
    "lists in lists": lambda: LINK + b"<ul><li>" * 600_000,
    "tables in tables": lambda: LINK + b"<table><tr><td>" * 300_000,
    "styles in styles": lambda: LINK + b"<b><i><a href=/x><p>" * 100_000,
    "a tag of 500,000 attributes": lambda: LINK + b"<p " + b" ".join(b"x%d=1" % n for n in range(500_000)) + b">",
    "5 MB of text": lambda: LINK + b"ekmek " * 900_000,
    "5 MB of <": lambda: LINK + b"<" * 5_000_000,
    "a srcset without space": lambda: LINK + b'<img srcset="' + b"a" * 5_000_000 + b' !">',
    "a srcset of commas": lambda: LINK + b'<img srcset="' + b"," * 5_000_000 + b'">',
    "a title of 5 MB": lambda: LINK + b"<title>" + b"a " * 2_500_000 + b"</title>",
    "100,000 directives": lambda: LINK + b"<meta name=robots content=noindex>" * 100_000,
    "a directive of 5 MB": lambda: LINK + b'<meta name=robots content="' + b"noindex " * 600_000 + b'">',
    "a data: link of 5 MB": lambda: LINK + b'<a href="data:' + b"A" * 5_000_000 + b'">',
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_hostile_page_is_read_in_time_and_gives_a_bounded_number_of_links(trap: str) -> None:
    html = TRAPS[trap]()
    began = time.process_time()

    links = read_links(html, HERE)

    # Honest readings take 0.01 to 0.4 s here; what these traps cost before was 3 s to an hour.
    assert time.process_time() - began < 3
    assert links.pages
    assert len(links.pages) <= MAX_LINKS_PER_PAGE and len(links.requisites) <= MAX_LINKS_PER_PAGE


def test_links_beyond_the_bound_are_counted() -> None:
    html = b"".join(b'<a href="/p%d">x</a>' % n for n in range(MAX_LINKS_PER_PAGE + 7))

    assert read_links(html, HERE).dropped == 7


def test_a_long_honest_page_loses_nothing() -> None:
    """Pictures inside the page as long data: addresses, many sibling blocks, links at the very end."""
    html = (
        b'<div><img src="data:image/png;base64,' + b"A" * 300_000 + b'"></div>' + b"<div><p>x</p></div>" * 20_000 + LINK
    )

    assert read_links(html, HERE).pages == ("https://haber.example/once",)


@pytest.mark.parametrize("length", [1_000, 2_000])
def test_a_hostile_address_is_judged_in_time(length: int) -> None:
    began = time.process_time()

    for url in (
        HOME + "a/" * (length // 2),
        HOME + "-a" * (length // 2),
        HOME + "/".join(map(str, range(length // 4))),
        HOME + "a?" + "s" * length,
    ):
        SCOPE.refuse(url, depth=1), SECTIONS.refuse(url, depth=1), SCOPE.is_listing(url), SCOPE.is_article(url)

    assert time.process_time() - began < 5  # milliseconds here; without the limits it does not end

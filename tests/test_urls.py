"""One page, one address; and what the form of an address tells. Tables of input and output."""

from __future__ import annotations

import time

import pytest

from crawler.urls import (
    canonical,
    fold,
    is_further_page,
    is_slash_redirect,
    looks_like_article,
    looks_like_listing,
    months_of,
)

HOME = "https://haber.example/"
TOKEN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@pytest.mark.parametrize(
    "path, cleaned",
    [
        # Tracking parameters go in any case and spelling, what only resembles them stays.
        ("a?UTM_Source=x&id=1", "a?id=1"),
        ("a?%75tm_source=x", "a"),
        ("a?gclid=1&dclid=1&yclid=1&ysclid=1&msclkid=1&twclid=1&ttclid=1&igshid=1&fbclid=1", "a"),
        ("a?_openstat=1&mc_cid=1&_hsenc=1&_hsmi=2&hsa_acc=3&wt_mc=1&wt_zmc=2&at_medium=x&at_custom1=y&xtor=1", "a"),
        ("a?gclsrc=x&wbraid=1&mtm_source=1&pk_campaign=1&_ga=1&_gl=1&cmpid=x&s_cid=1&doing_wp_cron=1.5", "a"),
        ("a?fbclid", "a"),
        ("a?at=1&ref=2&source=3&from=4&campaign=5&cid=6", "a?at=1&ref=2&source=3&from=4&campaign=5&cid=6"),
        ("a?mc=1&at_home=2&wt=3&pk=4&lid=5&clid=6", "a?mc=1&at_home=2&wt=3&pk=4&lid=5&clid=6"),
        # So do session ids, where they cannot be anything else.
        ("a?PHPSESSID=abc&p=5", "a?p=5"),
        ("a?p=5&jsessionid=abc", "a?p=5"),
        ("a;jsessionid=ABC123.node1", "a"),
        ("a;JSESSIONID=x/b;sid=y/c?p=1", "a/b/c?p=1"),
        ("a;v=2/b", "a;v=2/b"),
        (f"a?sid={TOKEN}&p=1", "a?p=1"),
        (f"a?s={TOKEN}", "a"),
        ("a?s=secim", "a?s=secim"),
        ("modules.php?name=News&sid=123", "modules.php?name=News&sid=123"),
        ("a?session_id=12", "a?session_id=12"),
        ("a?CFID=12&CFTOKEN=34&x=1", "a?x=1"),
        ("a?cfid=12", "a?cfid=12"),
        ("a?ASPSESSIONIDQQ=x&zenid=1&osCsid=2", "a"),
        # An empty query goes, an odd one stays as it is, in its order.
        ("a?", "a"),
        ("a?utm_source=x&", "a"),
        ("a?z=1&a=2&z=3", "a?z=1&a=2&z=3"),
        ("a?b=&=c&d", "a?b=&=c&d"),
        # Escapes have one form; the bytes stay.
        ("%7eali/%41bc%2d%2E%5f", "~ali/Abc-._"),
        ("a%2fb%3fc", "a%2Fb%3Fc"),
        ("%c5%9fehir", "%C5%9Fehir"),
        ("şehir/Iğdır/İstanbul", "%C5%9Fehir/I%C4%9Fd%C4%B1r/%C4%B0stanbul"),
        ("жаңалық", "%D0%B6%D0%B0%D2%A3%D0%B0%D0%BB%D1%8B%D2%9B"),
        ("a?q=%fd%f0&r=%7e", "a?q=%FD%F0&r=~"),  # windows-1254
        ("%fd", "%FD"),
        ("100%", "100%"),
        ("a%zz%4", "a%zz%4"),
        ("%%34%31", "%%341"),
        ("%4%31", "%4%31"),
        ("%2541", "%2541"),
        ("a/%2e%2e/b/%2E/c", "b/c"),
        ("a//b", "a//b"),
        ("a/", "a/"),
    ],
)
def test_an_address_of_a_page_has_one_form(path: str, cleaned: str) -> None:
    assert canonical(HOME + path) == HOME + cleaned
    assert canonical(HOME + cleaned) == HOME + cleaned


@pytest.mark.parametrize(
    "url, origin, folded",
    [
        ("http://haber.example/a", "https://haber.example", "https://haber.example/a"),
        ("http://www.haber.example/a/?b=%C5%9F", "https://haber.example", "https://haber.example/a/?b=%C5%9F"),
        ("http://haber.example/a", "https://www.haber.example", "https://www.haber.example/a"),
        ("https://haber.example/a", "http://haber.example", "http://haber.example/a"),
        ("https://haber.example:8443/a", "https://haber.example", "https://haber.example:8443/a"),
        ("http://haber.example:443/a", "https://haber.example", "http://haber.example:443/a"),
        ("https://www.haber.example:8443/a", "http://haber.example:8443", "http://haber.example:8443/a"),
        ("http://haber.example/a", "http://haber.example:8443", "http://haber.example/a"),
        ("http://[2001:db8::1]/a", "https://[2001:db8::1]", "https://[2001:db8::1]/a"),
        ("http://m.haber.example/a", "https://haber.example", "http://m.haber.example/a"),
        ("http://haber.example.kotu.example/", "https://haber.example", "http://haber.example.kotu.example/"),
    ],
)
def test_addresses_of_a_site_fold_into_its_origin(url: str, origin: str, folded: str) -> None:
    assert fold(url, origin) == folded


@pytest.mark.parametrize(
    "url, target, is_one",
    [
        (HOME + "a", HOME + "a/", True),
        (HOME + "a/", HOME + "a", True),
        (HOME + "a", "http://www.haber.example/a/", True),
        (HOME + "a?b=1", HOME + "a/?b=1", True),
        (HOME + "a", HOME + "a", False),
        (HOME + "a", HOME + "b/", False),
        (HOME + "a", HOME, False),
        (HOME + "a?b=1", HOME + "a/", False),
        (HOME + "a", "https://haber.example:8443/a/", False),
        (HOME + "a", "https://baska.example/a/", False),
    ],
)
def test_a_redirect_to_the_same_page_is_known(url: str, target: str, is_one: bool) -> None:
    assert is_slash_redirect(url, target) is is_one


@pytest.mark.parametrize(
    "path",
    [
        *("", "kk/", "category/spor/", "kategori/spor/futbol/", "kategoriya/%D1%81%D0%BF%D0%BE%D1%80%D1%82/"),
        *("%D1%80%D1%83%D0%B1%D1%80%D0%B8%D0%BA%D0%B0/x/", "rubrika/x", "tag/a/", "etiket/kazakistan-haberleri-2023/"),
        *("author/ali/", "yazar/ali-veli-kara/", "page/2/", "kategori/spor/page/12/", "sayfa/3", "?paged=2", "?page=2"),
        *("?cat=5", "?m=201710", "haber/?sayfa=2", "2017/", "2017/10/", "2017/10/06/", "kk/2017/10/06/"),
        *("arsiv/2017-10-06", "takvim/2017/10/"),
    ],
)  # fmt: skip
def test_lists_are_known_by_their_form(path: str) -> None:
    assert looks_like_listing(HOME + path)
    assert not looks_like_article(HOME + path)


@pytest.mark.parametrize(
    "path",
    [
        *("2017/10/06/haber/", "2017/10/haber/", "bir-haber-basligi/", "haber/123", "haber/baslik-123.html"),
        *("haber.html", "?p=123", "haber.php?id=5", "modules.php?name=News&sid=123", "?p=123&page=2"),
        *("kategori/spor/haber-12345.html",),
        *("yazarlar/ali-veli/bir-yazi-basligi/", "dunya/bir-haber-basligi/2050/"),
    ],
)  # fmt: skip
def test_articles_are_known_by_their_form(path: str) -> None:
    assert looks_like_article(HOME + path)
    assert not looks_like_listing(HOME + path)


@pytest.mark.parametrize("path", ["hakkimizda/", "iletisim", "spor/", "spor/futbol/", "a.php"])
def test_what_has_no_form_is_neither(path: str) -> None:
    assert not looks_like_article(HOME + path)
    assert not looks_like_listing(HOME + path)


@pytest.mark.parametrize(
    "path, first, last",
    [
        ("2017/10/", "2017-10", "2017-10"),
        ("2017/10/06/", "2017-10", "2017-10"),
        ("2017/1/6", "2017-01", "2017-01"),
        ("kk/arsiv/2017/12/", "2017-12", "2017-12"),
        ("takvim/2017/9/", "2017-09", "2017-09"),
        ("takvim/1/1/", "0001-01", "0001-01"),
        ("takvim/2017/", "2017-01", "2017-12"),
        ("etkinlik/ay/2031-11/", "2031-11", "2031-11"),
        ("arsiv/2017-10-06", "2017-10", "2017-10"),
        ("06-10-2017/", "2017-10", "2017-10"),
        ("?m=201710", "2017-10", "2017-10"),
        ("?m=20171006", "2017-10", "2017-10"),
        ("?m=2017", "2017-01", "2017-12"),
        ("takvim?ay=11&yil=2017", "2017-11", "2017-11"),
        ("takvim?yil=2017&ay=11&gun=6", "2017-11", "2017-11"),
        ("arsiv?tarih=2017-10-06", "2017-10", "2017-10"),
        ("arsiv?tarih=06.10.2017", "2017-10", "2017-10"),
        ("%D0%BA%D0%B0%D0%BB%D0%B5%D0%BD%D0%B4%D0%B0%D1%80%D1%8C/2017/3/", "2017-03", "2017-03"),
    ],
)
def test_dates_are_read_from_archives_and_calendars(path: str, first: str, last: str) -> None:
    months = months_of(HOME + path)

    assert months is not None
    assert [f"{month // 12:04}-{month % 12 + 1:02}" for month in (months[0], months[-1])] == [first, last]


@pytest.mark.parametrize(
    "path",
    [
        *("2017/10/06/haber/", "2050/", "haber/2050/", "2050/2/", "archives/2050/3/", "etkinlik/123/", "events/123/2/"),
        *("page/2017/", "2017/13/", "2017/10/page/2/", "?m=201710&paged=2", "?yil=2017&ay=10&sayfa=5", "?p=2017"),
        *("haber?tarih=2017-10-06&id=5", "2031-hedefleri/", "takvim/2017/99/", "2017/10/?sayfa=2", "takvim/", "?ay=10"),
    ],
)  # fmt: skip
def test_what_may_be_an_article_or_a_further_page_has_no_date(path: str) -> None:
    assert months_of(HOME + path) is None


@pytest.mark.parametrize("piece", ["%", "%3", "%41", "2017/", "-a", "a.", "&sid=1a", "0a", ";sid=a", "/..", "/takvim"])
def test_hostile_addresses_are_judged_in_time(piece: str) -> None:
    began = time.process_time()

    for url in (HOME + piece * (4_000 // len(piece)), HOME + "?" + piece * (4_000 // len(piece)) + "!"):
        cleaned = canonical(url) or HOME
        assert canonical(cleaned) == cleaned
        for read in (looks_like_listing, looks_like_article, months_of):
            read(cleaned)

    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "url, is_further",
    [("haber/2/", True), ("haber/12", True), ("haber/?sayfa=3", True), ("haber/1/", False), ("haber/2/3/", False),
     ("haber-2/", False), ("haber/2017/", False), ("haber/", False), ("baska/2/", False)],
)  # fmt: skip
def test_a_further_page_of_an_article_is_known_by_its_address(url: str, is_further: bool) -> None:
    assert is_further_page(HOME + url, f"{HOME}haber/") is is_further

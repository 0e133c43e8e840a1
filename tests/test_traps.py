"""Sites made up here are crawled to their end: nothing that has an end is cut, nothing without end is followed on."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

import pytest

from crawler.traps import BARREN, HALF_A_YEAR, MAX_VARIANTS, Traps, same_series, series_of

HOME = "https://haber.example"
TODAY = date(2026, 11, 23)
NAVIGATION = tuple(f"{HOME}/{path}" for path in ("", "kategori/spor/", "kategori/dunya/", "hakkimizda/", "takvim/"))


@dataclass(frozen=True)
class Page:
    """What a made-up site answers."""

    links: Iterable[str] = ()
    pictures: Iterable[str] = ()
    title: str = "Haber"


Site = Callable[[str], Page | None]


@dataclass
class Crawl:
    """What became of a crawl: URLs in the order of their fetches, and refusals by rule."""

    fetched: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)

    def under(self, prefix: str) -> list[str]:
        """What was fetched of one part of the site."""
        return [url for url in self.fetched if url.startswith(f"{HOME}/{prefix}")]


# Which of the waiting URLs is fetched next: a crawl is concurrent, and each page may take its time.
ORDERS: dict[str, Callable[[list[str], random.Random], int]] = {
    "as found": lambda waiting, draw: 0,
    "newest first": lambda waiting, draw: len(waiting) - 1,
    "at random": lambda waiting, draw: draw.randrange(len(waiting)),
    "of the first eight": lambda waiting, draw: draw.randrange(min(8, len(waiting))),
}


@pytest.fixture(params=ORDERS)
def order(request: pytest.FixtureRequest) -> str:
    """Each order of fetches."""
    name: str = request.param
    return name


def crawl(site: Site, *, order: str = "as found", seeds: Iterable[str] = (f"{HOME}/",), limit: int = 12_000) -> Crawl:
    """A crawl that refuses nothing but traps; a refused link is followed when another page offers it."""
    traps, done, waiting, known = Traps(), Crawl(), list(seeds), set(seeds)
    draw = random.Random(4)
    while waiting and len(done.fetched) < limit:
        url = waiting.pop(ORDERS[order](waiting, draw))
        done.fetched.append(url)
        if (page := site(url)) is None:
            continue
        links = [*NAVIGATION, *page.links]
        reading = traps.read(url, links, requisites=page.pictures, title=page.title, today=TODAY)
        done.rules.update(reading.refused.values())
        for link in (*links, *reading.released):
            if link not in known and link not in reading.refused:
                known.add(link)
                waiting.append(link)
    assert len(done.fetched) < limit, "the crawl did not end"
    return done


def number(url: str, prefix: str) -> int | None:
    """The N of `prefix/N/` or `prefixN`."""
    rest = url.removeprefix(f"{HOME}/{prefix}").strip("/")
    return int(rest) if url.startswith(f"{HOME}/{prefix}") and rest.isdigit() else None


# ---------------------------------------------------------------- series


@pytest.mark.parametrize(
    "path, series",
    [
        ("/page/2/", "/page/#/"),
        ("/kategori/spor/page/17/", "/kategori/spor/page/#/"),
        ("/takvim/2017/10/", "/takvim/#/#/"),
        ("/?ay=10&yil=2017", "/?ay=#&yil=#"),
        ("/haber-123.html", "/haber-#.html"),
        ("/%C5%9Fehir/2/", "/%C5%9Fehir/#/"),
        ("/liste?after=eyJpZCI6MTIzNDU2fQ", "/liste?after=#"),
        ("/liste?konu=2023-depremi-ve-sonrasi", "/liste?konu=#-depremi-ve-sonrasi"),
        ("/hakkimizda/", None),
        ("/%D0%B6/", None),
        ("/", None),
    ],
)
def test_a_series_is_an_address_less_its_numbers(path: str, series: str | None) -> None:
    assert series_of(HOME + path) == (series and f"haber.example{series}")


def test_the_next_page_of_a_list_is_of_its_series() -> None:
    assert same_series(f"{HOME}/page/2/", f"{HOME}/page/3/")
    assert not same_series(f"{HOME}/page/2/", f"{HOME}/kategori/spor/page/3/")
    assert not same_series(f"{HOME}/page/2/", "https://baska.example/page/3/")
    assert not same_series(f"{HOME}/a/", f"{HOME}/a/")  # no list at all


# ---------------------------------------------------------------- what has an end is followed to it


def listing(pages: int, articles: Callable[[int], list[str]], *, beyond: Callable[[int], Page | None]) -> Site:
    """A home page and /page/N/; each offers its neighbours. `beyond` is what the pages past the last answer."""

    def site(url: str) -> Page | None:
        n = 1 if url == f"{HOME}/" else number(url, "page/")
        if n is None:
            return Page(title=url)
        if n > pages:
            return beyond(n)
        around = [f"{HOME}/page/{m}/" for m in (n - 1, n + 1) if 1 < m <= pages]
        return Page([*articles(n), *around], title=f"Haberler, sayfa {n}")

    return site


def named(n: int) -> list[str]:
    """The ten articles of a page, by name."""
    return [f"{HOME}/2023/04/haber-{'ab'[n % 2]}{n}-{i}/" for i in range(10)]


def test_5000_articles_on_500_pages_are_all_found(order: str) -> None:
    done = crawl(listing(500, named, beyond=lambda n: None), order=order)

    assert {url for n in range(1, 501) for url in named(n)} <= set(done.fetched)
    assert not done.rules


@pytest.mark.parametrize("form", ["haber/{}", "?p={}"])
@pytest.mark.parametrize("has_titles", [True, False])
def test_articles_by_number_that_name_each_other_are_all_found(form: str, has_titles: bool, order: str) -> None:
    """2,000 of them on 200 pages, each with five related ones: pages of one series that offer nothing else."""
    draw = random.Random(1)
    related = {key: [f"{HOME}/{form.format(draw.randrange(2_000))}" for _ in range(5)] for key in range(2_000)}
    pages = listing(
        200, lambda n: [f"{HOME}/{form.format(key)}" for key in range(n * 10 - 10, n * 10)], beyond=lambda n: None
    )

    def site(url: str) -> Page | None:
        key = number(url, form.format(""))
        return pages(url) if key is None else Page(related[key], title=f"Haber {'abcdefg'[key % 7] * key * has_titles}")

    done = crawl(site, order=order)

    assert {f"{HOME}/{form.format(key)}" for key in range(2_000)} <= set(done.fetched)


def test_a_chain_of_articles_is_followed_to_its_first(order: str) -> None:
    """No list reaches further back than the newest; each article has its own title, and names the one before."""

    def site(url: str) -> Page | None:
        key = number(url, "haber/") or 3_000
        return Page([f"{HOME}/haber/{key - 1}"] if key > 1 else [], title=f"Başlık {'x' * key}")

    assert len(crawl(site, order=order).under("haber/")) == 2_999


def test_a_gallery_of_one_picture_a_page_is_followed_to_its_last(order: str) -> None:
    def site(url: str) -> Page | None:
        n = number(url, "galeri/12/") or 1
        pictures = [f"{HOME}/uploads/foto-{n}.jpg?v={n}", "https://sayac.example/piksel.gif?r=9"]
        return Page([f"{HOME}/galeri/12/{n + 1}/"] if n < 80 else [], pictures=pictures)

    assert len(crawl(site, order=order).under("galeri/")) == 79


def test_a_calendar_that_is_the_only_way_to_old_articles_is_followed(order: str) -> None:
    """Month, day, article; from 2015 to today, with half a year of silence in 2020."""
    silent = {2020 * 12 + month for month in range(2, 7)}

    def site(url: str) -> Page | None:
        numbers = [int(part) for part in url.split("/") if part.isdigit()]
        if url.startswith(f"{HOME}/takvim/"):
            year, month = numbers or (2026, 11)
            at = year * 12 + month - 1
            days = [f"{HOME}/{year}/{month:02}/{day:02}/" for day in range(1, 29)]
            return Page([f"{HOME}/takvim/{n // 12}/{n % 12 + 1}/" for n in (at - 1, at + 1)] + days)
        if len(numbers) != 3 or url.endswith("haber/"):
            return Page(title=url)
        year, month, day = numbers
        if not 2015 <= year <= 2026 or year * 12 + month - 1 in silent or day % 9:
            return None
        return Page([f"{url}bir-haber/"])

    done = crawl(site, order=order)

    assert len([url for url in done.fetched if url.endswith("haber/")]) == 3 * (12 * 12 - len(silent))


def test_a_table_of_contents_by_number_is_no_facet() -> None:
    """Joomla's articles: many parameters, one of which is the article's own."""
    traps = Traps()
    urls = [f"{HOME}/index.php?option=com_content&view=article&id={key}&Itemid={key % 5}" for key in range(3_000)]

    assert not [url for url in urls if traps.refuse(url, today=TODAY)]


def test_pages_of_comments_are_followed() -> None:
    def site(url: str) -> Page | None:
        n = number(url, "haber/comment-page-") or 30
        return Page([f"{HOME}/haber/comment-page-{n - 1}"] if n > 1 else [])

    assert len(crawl(site).under("haber/")) == 29


# ---------------------------------------------------------------- what has none is not


def test_pages_past_the_last_are_followed_until_they_show_nothing_new(order: str) -> None:
    """They answer 200 with the newest articles, in three languages, with a form that is told where it stands."""

    def site(url: str) -> Page | None:
        language = next((name for name in ("kk/", "ru/") if url.startswith(f"{HOME}/{name}")), "")
        n = 1 if url in (f"{HOME}/", f"{HOME}/{language}") else number(url, f"{language}page/")
        if n is None:
            return Page([f"{HOME}/page/9999/"] if "hakkimizda" in url else [], title=url)
        around = [f"{HOME}/{language}page/{m}/" for m in (n - 1, n + 1) if m > 1]
        others = [f"{HOME}/{other}page/{n}/" for other in ("", "kk/", "ru/")]
        form = f"{HOME}/{language}iletisim/?sayfa=%2Fpage%2F{n}%2F"
        return Page([*named(n if n <= 20 else 1), *around, *others, form], title=f"Sayfa {n}")

    done = crawl(site, order=order)

    assert {url for n in range(1, 21) for url in named(n)} <= set(done.fetched)
    for language in ("", "kk/", "ru/"):
        past = [url for url in done.under(f"{language}page/") if int(url.split("/")[-2]) > 20]
        assert 0 < len(past) <= 4 * BARREN  # after page 20, and to both sides of 9999
    assert done.rules["endless series"]


def test_a_list_by_token_is_a_series_too() -> None:
    def site(url: str) -> Page | None:
        draw = random.Random(url)
        return (
            Page([f"{HOME}/liste?after={draw.getrandbits(96):024x}x1"])
            if url.endswith("x1")
            else Page([f"{HOME}/liste?after={0:024x}x1"])
        )

    assert len(crawl(site).under("liste")) <= BARREN + 2


def lab_calendar(first: int, last: int) -> Site:
    """Every month links to those around it and to all its days; articles are from `first` to `last`, and listed."""

    def site(url: str) -> Page | None:
        numbers = [int(part) for part in url.split("/") if part.isdigit()]
        if url.startswith(f"{HOME}/takvim/"):
            year, month = numbers or (2017, 10)
            at = year * 12 + month - 1
            around = [f"{HOME}/takvim/{n // 12}/{n % 12 + 1}/" for n in (at - 1, at + 1)]
            days = [f"{HOME}/{year:04}/{month:02}/{day:02}/" for day in range(1, 31)]
            return Page([*around, *days], title=f"{'OŞMNMHTAEEKA'[month - 1]} {month} {year} takvimi")
        if len(numbers) == 3 and first <= numbers[0] <= last and not url.endswith("haber/"):
            return Page([f"{url}bir-haber/"])
        return None if numbers else Page()

    return site


def test_a_calendar_without_end_is_left_half_a_year_beyond_the_articles(order: str) -> None:
    done = crawl(lab_calendar(2016, 2018), order=order)

    months = {tuple(map(int, url.split("/")[4:6])) for url in done.under("takvim/") if url.count("/") == 6}
    assert min(months) >= (2015, 12 - HALF_A_YEAR) and max(months) <= (2019, 2 + HALF_A_YEAR)
    assert len([url for url in done.fetched if url.endswith("bir-haber/")]) == 3 * 12 * 30
    assert done.rules["calendar without articles"]


def test_a_calendar_without_any_article_is_left_at_once(order: str) -> None:
    done = crawl(lab_calendar(0, 0), order=order)

    assert len(done.under("takvim/")) <= 3 * 2 * HALF_A_YEAR


@pytest.mark.parametrize(
    "path, rule",
    [
        ("2026/12/", None),
        ("2027/01/", "calendar"),
        ("2031/10/06/", "calendar"),
        ("2031/10/06/bir-haber/", None),
        ("2031-hedefleri/", None),
        ("haber/2031/", None),
        ("1990/01/01/", None),
        ("1989/12/31/", "calendar"),
        ("takvim/1/1/", "calendar"),
        ("takvim?ay=1&yil=2027", "calendar"),
        ("takvim?yil=2026", None),
    ],
)
def test_dates_before_the_web_and_after_next_month_are_refused(path: str, rule: str | None) -> None:
    assert Traps().refuse(f"{HOME}/{path}", today=TODAY) == rule


def test_combinations_of_filters_are_bounded_and_the_same_ones_are_let_through_again() -> None:
    traps = Traps()
    urls = [f"{HOME}/urunler?renk={a}&beden={b}&marka={c}" for a in range(10) for b in range(10) for c in range(10)]

    let_through = [url for url in urls if not traps.refuse(url, today=TODAY)]

    assert MAX_VARIANTS <= len(let_through) <= MAX_VARIANTS + 30
    assert [url for url in urls if not traps.refuse(url, today=TODAY)] == let_through
    assert traps.refuse(urls[-1], today=TODAY) == "too many variants"
    assert traps.refuse(f"{HOME}/urunler?renk=1&beden=1", today=TODAY) is None


def test_one_session_in_the_path_is_followed() -> None:
    traps = Traps()
    first, second = (f"{HOME}/(S({letter * 23}1))/haber.aspx" for letter in "ab")

    assert traps.refuse(first, today=TODAY) is None
    assert traps.refuse(second, today=TODAY) == "session id"
    assert traps.refuse(first.replace("haber", "spor"), today=TODAY) is None
    assert traps.refuse(f"{HOME}/haber/550e8400-e29b-41d4-a716-446655440000", today=TODAY) is None


# ---------------------------------------------------------------- refusals are taken back


def barren(n: int) -> tuple[str, list[str]]:
    """A page of a list that shows nothing, and its links. Every tenth: none leads to the next."""
    return f"{HOME}/liste/{n}0/", [f"{HOME}/liste/{n}1/"]


def test_a_fruitful_page_takes_the_refusals_of_its_series_back() -> None:
    traps = Traps()
    refused = [traps.read(*barren(n), today=TODAY).refused for n in range(1, BARREN + 1)]
    assert refused == [{}] * (BARREN - 1) + [{f"{HOME}/liste/{BARREN}1/": "endless series"}]

    late = traps.read(f"{HOME}/liste/700/", [f"{HOME}/liste/701/", f"{HOME}/haber/"], today=TODAY)

    assert (late.refused, late.released) == ({}, (f"{HOME}/liste/{BARREN}1/",))
    assert not traps.read(*barren(80), today=TODAY).refused


def test_a_walk_through_barren_pages_ends_though_others_of_the_series_are_fruitful() -> None:
    traps = Traps()
    refused, released = list[str](), list[str]()
    for n in range(BARREN):
        refused += traps.read(f"{HOME}/liste/{900 + n}/", [f"{HOME}/liste/{901 + n}/"], today=TODAY).refused
        fruitful = [f"{HOME}/liste/{n + 2}/", f"{HOME}/haber-{'x' * n}/"]
        released += traps.read(f"{HOME}/liste/{n + 1}/", fruitful, today=TODAY).released

    assert (refused, released) == ([f"{HOME}/liste/{900 + BARREN}/"], [])


def test_a_page_that_is_read_again_counts_once() -> None:
    traps = Traps()

    assert not any(traps.read(*barren(1), today=TODAY).refused for _ in range(2 * BARREN))


def test_what_a_page_outside_the_series_offers_is_never_refused() -> None:
    traps = Traps()
    for n in range(1, 2 * BARREN):
        traps.read(*barren(n), today=TODAY)

    assert not traps.read(f"{HOME}/", [f"{HOME}/liste/21/"], today=TODAY).refused


def test_articles_that_the_profile_names_are_never_refused() -> None:
    traps = Traps(article=(r"/liste/\d+/$", r"/oku/"))

    assert not any(traps.read(*barren(n), today=TODAY).refused for n in range(1, 2 * BARREN))
    assert traps.refuse(f"{HOME}/oku/2031/10/06/", today=TODAY) is None


# ---------------------------------------------------------------- bounds


def test_memory_is_flat_however_many_series_and_hosts_there_are() -> None:
    traps = Traps()

    def read(numbers: range) -> int:
        for n in numbers:
            host = f"https://alan{n}.example"
            links = [f"{host}/2026/10/", f"{host}/1999/10/", f"{host}/u?a={n}&b=1&c=2", f"{host}/(S({n:023}a))/"]
            traps.read(f"{host}/2026/11/", links, today=TODAY)
            for letter in "abcdefgh":
                traps.read(f"{host}/{letter}/1/", [f"{host}/{letter}/2/"], today=TODAY)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early, late = read(range(1_100)), read(range(1_100, 2_200))
    finally:
        tracemalloc.stop()

    assert late - early < 2_000_000


def test_a_page_of_3000_links_is_read_in_time() -> None:
    traps = Traps()
    links = [f"{HOME}/{'a/9' * 300}{n}/?x={n}&y={'b' * 500}&z={'-1' * 100}" for n in range(3_000)]
    began = time.process_time()

    traps.read(f"{HOME}/{'a/9' * 300}9999/", links, title="1" * 300, today=TODAY)

    assert time.process_time() - began < 3  # 0.2 s here

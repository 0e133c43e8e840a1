"""Several looks of one site side by side; one that stops matching, or a new one nobody knows yet, is an alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from archives import HOST, PROFILE, exchange, indexed, make_archive, page, run, write_warc

from archive import query
from archive.alarms import Week, alarms, joined, raised
from archive.config import read_site
from archive.errors import ConfigError
from archive.extract.expected import has_article_address
from archive.index import index_archive, index_stale
from archive.rebuild import rebuild
from archive.schema import connect_readonly
from archive.times import parse_time

OLD = '[[layout]]\nuntil = 2026-02-01\ntitle = ".baslik"\ndate = ".tarih"\nbody = ".metin"\nauthors = ".yazan"\n'
NEW = '[[layout]]\nsince = 2026-02-01\ntitle = "#ad"\ndate = "#gun"\nbody = "#icerik"\n'


def old_look(number: int) -> bytes:
    """A page of 2025: title, date and text in elements with these classes; the first date on it is another's."""
    return (
        "<html lang='tr'><head><meta charset='utf-8'><title>Haber</title></head><body><h2>Önce bunu oku</h2>"
        "<p>01 Ocak 2001</p>"
        f"<div class='baslik'>Baraj {number} doldu</div><div class='tarih'>{number % 27 + 1:02} Mart 2019, 10:15</div>"
        f"<span class='yazan'>Aylin Demir</span><div class='metin'><p>Barajda {number} gündür yağan yağmurla su düzeyi"
        f" yükseldi ve vatandaşlar {number + 3} köyde uyarıldı.</p></div></body></html>"
    ).encode()


def new_look(number: int) -> bytes:
    """The same after the redesign: other names, and nothing else that tells a title, a date or a text."""
    return (
        "<html lang='tr'><head><meta charset='utf-8'><title>Haber</title></head><body>"
        f"<div id='ad'>Köprü {number} açıldı</div><div id='gun'>{number % 27 + 1:02} Mart 2020, 11:30</div>"
        f"<div id='icerik'><p>Köprünün {number}. ayağı tamamlandı, yetkililer {number + 3} köyün yolunun kısaldığını"
        " söyledi.</p></div></body></html>"
    ).encode()


def plain(number: int) -> bytes:
    """A page that needs no layout."""
    text = f"Barajda {number} gündür yağan yağmurla su düzeyi yükseldi ve vatandaşlar {number + 3} köyde uyarıldı."
    return page(f"Baraj {number} doldu", text, date=f"{number % 27 + 1:02} Mart 2019, 10:15")


def no_text(number: int) -> bytes:
    """What a page looks like to us when a script draws it."""
    return (
        f"<html lang='tr'><head><title>Haber</title></head><body><div id='app-{number}'></div></body></html>".encode()
    )


def week_of(monday: str, make: object, *, first: int, count: int = 6) -> list[tuple[str, str, bytes]]:
    """So many articles captured on one day."""
    assert callable(make)
    return [(f"/baraj-su-{n}/", f"{monday}T{n % 24:02}:00:00Z", make(n)) for n in range(first, first + count)]


# ---------------------------------------------------------------- layouts by date


def test_an_old_capture_is_read_by_the_look_of_its_day(tmp_path: Path) -> None:
    """One address, captured before and after a redesign: two wordings, each read by its own layout."""
    pages = [
        ("/baraj-su-5/", "2026-01-31T23:59:59Z", old_look(5)),
        ("/baraj-su-5/", "2026-02-01T00:00:00Z", new_look(5)),
    ]
    directory = indexed(tmp_path / "arsiv", pages, profile=OLD + NEW)

    db = connect_readonly(directory.db)
    rows = db.execute(
        "SELECT v.title, v.published_at, v.text, v.authors, c.layout, c.unmatched, c.lacks FROM captures c"
        " JOIN versions v ON v.id = c.version ORDER BY c.captured_at"
    ).fetchall()

    assert [row[0] for row in rows] == ["Baraj 5 doldu", "Köprü 5 açıldı"]
    assert [row[1][:16] for row in rows] == ["2019-03-06T04:15", "2020-03-06T05:30"]
    assert rows[0][2].startswith("Barajda 5 gündür") and rows[1][2].startswith("Köprünün 5. ayağı")
    assert [row[4:] for row in rows] == [("..2026-02-01", "[]", "[]"), ("2026-02-01..", "[]", "[]")]
    shown = query.article(db, f"http://{HOST}/baraj-su-5/", at=parse_time("2026-01-15"))
    assert shown.fields["title"] == "Baraj 5 doldu"


def test_of_two_layouts_that_hold_on_a_day_the_last_one_named_reads_the_page(tmp_path: Path) -> None:
    directory = indexed(
        tmp_path / "arsiv",
        [("/baraj-su-5/", "2026-03-01T00:00:00Z", new_look(5))],
        profile='[[layout]]\ntitle = ".baslik"\nbody = ".metin"\n' + NEW,
    )

    rows = connect_readonly(directory.db).execute("SELECT layout, unmatched FROM captures").fetchall()
    assert rows == [("2026-02-01..", "[]")]


def test_a_layout_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "haber.toml"
    path.write_text(PROFILE + '[[layout]]\nsince = 2026-02-01\nuntil = 2026-02-01\nbody = "p"\n', "utf-8")

    with pytest.raises(
        ConfigError, match=r"haber.toml: layout\[0\]: until 2026-02-01 must come after since 2026-02-01"
    ):
        read_site(path)


# ---------------------------------------------------------------- alarms


def test_a_layout_that_stops_matching_is_an_alarm_until_a_new_one_is_named(tmp_path: Path) -> None:
    pages = [
        *week_of("2026-01-12", old_look, first=0),
        *week_of("2026-01-19", old_look, first=6),
        *week_of("2026-02-02", new_look, first=12),
        *week_of("2026-02-09", new_look, first=18),
    ]
    directory = indexed(tmp_path / "arsiv", pages, profile=OLD.replace("until = 2026-02-01\n", ""))

    found = alarms(connect_readonly(directory.db)).alarms
    code, said = run(directory, "alarms")

    assert [(a.week, a.what, a.share, a.before) for a in found if a.layout] == [
        (week, what, 1.0, 0.0) for week in ("2026-02-09", "2026-02-02") for what in ("body", "date", "title")
    ]
    assert code == 1
    assert (
        "haber, week of 2026-02-02: 100% of 6 pages have nothing where the layout .. looks for body, 0% before" in said
    )
    assert f"http://{HOST}/baraj-su-17/" in said and "a [[layout]] with since = 2026-02-02" in said
    assert "alarm" in run(directory, "status")[1]

    profile = directory.sites / "haber.toml"
    profile.write_text(PROFILE + OLD + NEW, "utf-8")
    index_stale(directory)

    assert alarms(connect_readonly(directory.db)).alarms == ()
    assert run(directory, "alarms")[0] == 0
    assert "alarm" not in run(directory, "status")[1]


def test_without_a_layout_pages_that_no_longer_give_articles_are_an_alarm(tmp_path: Path) -> None:
    pages = [
        *week_of("2026-01-12", plain, first=0),
        *week_of("2026-01-19", plain, first=6),
        *week_of("2026-01-26", no_text, first=12),
    ]
    directory = indexed(tmp_path / "arsiv", pages)

    code, said = run(directory, "alarms", "--json")
    found = json.loads(said.partition("\n}")[0] + "\n}")

    assert code == 1
    assert [(a["week"], a["what"], a["pages"], a["layout"]) for a in found["alarms"]] == [
        ("2026-01-26", "article", 6, None)
    ]
    assert [(w["week"], w["pages"]) for w in found["weeks"]] == [
        ("2026-01-12", 6),
        ("2026-01-19", 6),
        ("2026-01-26", 6),
    ]


def test_articles_that_lose_their_date_are_an_alarm(tmp_path: Path) -> None:
    def dateless(number: int) -> bytes:
        return old_look(number).replace(b"class='tarih'", b"class='tarih' hidden").replace(b"Mart", b"")

    long = "Kurum sözcüsü sürecin ayrıntılarını anlattı, soruları yanıtladı ve yeni takvimi paylaştı. " * 8
    pages = [
        *[
            (p, at, body.replace(b"<p>Barajda", f"<p>{long}</p><p>Barajda".encode()))
            for p, at, body in (
                *week_of("2026-01-12", old_look, first=100),
                *week_of("2026-01-19", dateless, first=106),
            )
        ],
    ]
    directory = indexed(tmp_path / "arsiv", pages, profile='[[layout]]\ntitle = ".baslik"\nbody = ".metin"\n')

    found = [(a.week, a.what) for a in alarms(connect_readonly(directory.db)).alarms]

    assert found == [("2026-01-19", "date")]


def test_many_looks_at_one_page_in_a_week_are_one_page(tmp_path: Path) -> None:
    once = week_of("2026-01-12", plain, first=0)
    again = [
        ("/baraj-su-0/", f"2026-01-{day}T12:{minute:02}:00Z", no_text(minute))
        for day in (13, 14)
        for minute in range(9)
    ]
    directory = indexed(tmp_path / "arsiv", [*once, *again])

    (week,) = alarms(connect_readonly(directory.db)).weeks
    assert (week.pages, week.missing) == (6, {"article": 1})


def test_pages_that_are_gone_lists_or_pages_of_other_sites_are_not_counted(tmp_path: Path) -> None:
    links = "".join(f"<h2><a href='/{n}/'>Bir başka haberin uzun başlığı {n}</a></h2>" for n in range(9))
    pages = [
        ("/", "2026-01-12T00:00:00Z", f"<html><body><h1>Haber</h1>{links}</body></html>".encode()),
        ("/kategori/dis-politika-haberleri/", "2026-01-12T01:00:00Z", f"<html><body>{links}</body></html>".encode()),
        (
            "/hakkimizda/",
            "2026-01-12T02:00:00Z",
            b"<html><body><h1>Hakkinda</h1><p>Biz bir haber sitesiyiz.</p></body></html>",
        ),
    ]
    directory = make_archive(tmp_path / "arsiv")
    gone = exchange(
        "/eski-bir-haber-1/", b"<html><body>404</body></html>", at="2026-01-12T03:00:00Z", status="404 Not Found"
    )
    write_warc(directory, "haber-1", [*(exchange(path, body, at=at) for path, at, body in pages), gone])
    index_archive(directory)

    assert alarms(connect_readonly(directory.db)).weeks == ()
    code, said = run(directory, "alarms")
    assert (code, said.count("\n")) == (0, 1), said
    assert "no week to tell of" in said


def test_since_leaves_older_weeks_out_but_still_compares_with_them(tmp_path: Path) -> None:
    pages = [*week_of("2026-01-12", plain, first=0), *week_of("2026-01-19", no_text, first=6)]
    directory = indexed(tmp_path / "arsiv", pages)

    assert [a.before for a in alarms(connect_readonly(directory.db), since=parse_time("2026-01-20")).alarms] == [0.0]
    assert run(directory, "alarms", "--since", "2026-02-01")[0] == 0


def test_what_alarms_count_is_the_same_after_a_rebuild(tmp_path: Path) -> None:
    pages = [*week_of("2026-01-12", old_look, first=0), *week_of("2026-01-19", new_look, first=6)]
    directory = indexed(tmp_path / "arsiv", pages, profile=OLD)
    before = alarms(connect_readonly(directory.db))

    rebuild(directory)

    assert before.weeks and alarms(connect_readonly(directory.db)) == before


def week(number: int, pages: int, missing: int, layout: str | None = None) -> Week:
    return Week("haber", layout, f"2026-{number:02}-01", f"2026-{number:02}-07", pages, {"date": missing})


@pytest.mark.parametrize(
    "weeks, expected",
    [
        ([week(1, 10, 0), week(2, 10, 3)], [2]),
        ([week(1, 10, 0), week(2, 10, 2)], []),  # a fifth happens by chance
        ([week(1, 10, 5), week(2, 10, 6)], []),  # as ever
        ([week(1, 10, 2), week(2, 10, 5)], [2]),
        ([week(1, 10, 0), week(2, 4, 4)], []),  # too few to tell
        ([week(1, 10, 10)], []),  # nothing to compare with
        ([week(1, 10, 10, "..")], [1]),  # a layout that never matched
        ([week(1, 10, 0), *[week(n, 10, 9) for n in range(2, 12)]], [*range(2, 12)]),  # no alarm fades
        ([week(1, 10, 0), week(2, 10, 9), week(3, 10, 0), week(4, 10, 9)], [2, 4]),
    ],
)
def test_an_alarm_is_a_share_that_jumps(weeks: list[Week], expected: list[int]) -> None:
    assert [int(alarm.week[5:7]) for alarm in raised(weeks)] == expected


def test_weeks_with_few_pages_are_counted_together() -> None:
    weeks = [week(1, 2, 0), week(2, 2, 1), week(3, 2, 2), week(4, 9, 0), week(5, 1, 1)]

    found = [(one.week, one.until, one.pages, one.missing["date"]) for one in joined(weeks)]

    assert found == [
        ("2026-01-01", "2026-03-07", 6, 3),
        ("2026-04-01", "2026-04-07", 9, 0),
        ("2026-05-01", "2026-05-07", 1, 1),
    ]


@pytest.mark.parametrize(
    "path, is_one",
    [
        ("/lavrov-astanada-ne-dedi/", True),
        ("/haber/12345", True),
        ("/hakkimizda/", False),
        ("/kategori/dis-politika-haberleri/", False),
        ("/2017/10/", False),
        ("/lavrov-astanada-ne-dedi/?replytocom=3", False),
        ("/page/123/", False),
    ],
)
def test_addresses_that_look_like_an_articles(path: str, is_one: bool) -> None:
    assert has_article_address(f"https://{HOST}{path}", None) is is_one

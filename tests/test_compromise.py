"""The story of a hacked site as rows tell it: real WARCs, indexed, then asked as a journalist would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from archives import dump, exchange, make_archive, page, write_warc
from click.testing import CliRunner

from archive import query as ask
from archive.cli import commands
from archive.compromise import Compromise, compromise
from archive.config import ArchiveDir
from archive.index import index_archive
from archive.model import Exchange
from archive.rebuild import rebuild
from archive.schema import connect_readonly
from archive.search import search

TEXT = (
    "Bakan, yeni hattın yıl sonuna dek açılacağını ve günde on sefer yapılacağını söyledi.",
    "Yolcular, eski trenlerin kışın sık sık geciktiğini, yenilerinin ise daha hızlı olduğunu anlattı.",
)
HIDDEN = '<div style="display:none"><a href="https://barsbet777.example/">онлайн казино Барс, вход и зеркало</a></div>'
AFTER = '<p><a href="https://barsbet777.example/">онлайн казино Барс, вход и зеркало</a></p>'
OTHER = '<div style="display:none"><a href="https://altyn-slot9.example/">алтын слот казино, тіркелу бонусы</a></div>'


def article(title: str, *, extra: str = "", more: str = "") -> bytes:
    body = page(title, *TEXT, *([more] if more else []), date="06 Ocak 2024 Cumartesi, 17:45")
    return body.replace(b"</footer>", b"</footer>" + extra.encode())


def seen(path: str, at: str, *, extra: str = "", more: str = "") -> Exchange:
    return exchange(path, article(f"Haber {path.strip('/')}", extra=extra, more=more), at=at)


def hacked(root: Path) -> ArchiveDir:
    """Three pages: one hacked and cleaned, one hacked still, one never."""
    directory = make_archive(root)
    days = ("2024-02-01T08:00Z", "2024-02-15T08:00Z", "2024-03-01T08:00Z", "2024-03-15T08:00Z")
    rows = [seen(path, at) for at in days[:2] for path in ("/bir/", "/iki/", "/uc/")]
    rows += [seen("/bir/", days[2], extra=HIDDEN), seen("/iki/", days[2]), seen("/uc/", days[2])]
    rows += [seen("/bir/", days[3]), seen("/iki/", days[3], extra=HIDDEN + OTHER), seen("/uc/", days[3])]
    write_warc(directory, "haber-1", rows)
    index_archive(directory)
    return directory


def story(directory: ArchiveDir, **asked: object) -> Compromise:
    return compromise(connect_readonly(directory.db), **asked)  # type: ignore[arg-type]


def run(directory: ArchiveDir, *words: str) -> str:
    result = CliRunner().invoke(commands, [*words, "--archive", str(directory.root)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_since_when_between_which_captures_and_whether_it_is_over(tmp_path: Path) -> None:
    found = story(hacked(tmp_path))

    assert found.beginning is not None
    assert found.beginning.url == "http://haber.example/bir/"
    assert (found.beginning.captured_at[:10], (found.beginning.clean_before or "")[:10]) == ("2024-03-01", "2024-02-15")
    assert (found.beginning.kind, found.beginning.hidden_by) == ("hidden", "display:none")
    assert (found.pages, found.captures, found.still_there, found.cleaned) == (2, 2, 1, 1)
    first, second = found.affected
    assert (first.url[-5:], (first.clean_since or "")[:10]) == ("/bir/", "2024-03-15")
    assert (second.url[-5:], second.clean_since, (second.clean_before or "")[:10]) == ("/iki/", None, "2024-03-01")


def test_how_it_spread_week_by_week_from_the_last_clean_one(tmp_path: Path) -> None:
    found = story(hacked(tmp_path))

    rows = [(p.start, p.captures, p.affected, p.new_pages, round(p.share, 2)) for p in found.spread]
    assert rows == [("2024-02-12", 3, 0, 0, 0.0), ("2024-02-26", 3, 1, 1, 0.33), ("2024-03-11", 3, 1, 1, 0.33)]


def test_a_long_story_is_told_by_months(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    rows = [seen("/bir/", f"2024-{month:02}-10T08:00Z", extra=HIDDEN if month > 2 else "") for month in range(1, 12)]
    write_warc(directory, "haber-1", rows)
    index_archive(directory)

    found = story(directory)

    assert (found.period, found.spread[0].start, found.spread[0].affected) == ("month", "2024-02-01", 0)
    assert [period.affected for period in found.spread[1:]] == [1] * 9


def test_a_domain_is_new_where_two_pages_link_to_it_and_the_site_never_does(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    partner = (
        '<div style="position:absolute;left:-9999px"><a href="https://ortak.example/">казино онлайн, вход</a></div>'
    )
    own = 'Kaynak olarak <a href="https://ortak.example/haber">Ortak Haber Ajansı</a> gösterildi, ayrıntı verilmedi.'
    rows = [
        seen("/bir/", "2024-02-01T08:00Z", extra=HIDDEN),
        seen("/iki/", "2024-02-01T08:01Z", extra=HIDDEN + partner),
        seen("/uc/", "2024-02-01T08:02Z", extra=partner),
        seen("/dort/", "2024-02-01T08:03Z", extra=OTHER, more=own),
    ]
    write_warc(directory, "haber-1", rows)
    index_archive(directory)

    domains = {one.domain: (one.pages, one.is_new, one.linked_by_site) for one in story(directory).domains}

    assert domains == {
        "barsbet777.example": (2, True, False),
        "ortak.example": (2, False, True),
        "altyn-slot9.example": (1, False, False),
    }


def test_what_another_user_agent_sees_the_same_day_is_cloaked(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    write_warc(
        directory,
        "tarayici",
        [seen("/bir/", "2024-02-01T08:00Z"), seen("/iki/", "2024-02-01T08:01Z")],
        **{"http-header-user-agent": "Mozilla"},
    )
    bot = [seen("/bir/", "2024-02-01T20:00Z", extra=AFTER), seen("/iki/", "2024-02-01T20:01Z")]
    write_warc(directory, "bot", bot, **{"http-header-user-agent": "Googlebot"})
    index_archive(directory)

    found = story(directory, kind="cloaked")

    assert (found.pages, found.cloaked) == (1, 1)
    assert found.affected[0].cloaked == ("another user agent",)


def test_what_comes_and_goes_within_days_is_cloaked(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    rows = [seen("/bir/", f"2024-02-0{day}T08:00Z", extra=HIDDEN if day % 2 else "") for day in range(1, 5)]
    write_warc(directory, "haber-1", rows)
    index_archive(directory)
    assert {why for one in story(directory).affected for why in one.cloaked} == {"comes and goes"}


@pytest.mark.parametrize("case", ["weeks later", "edited meanwhile", "the same agent"])
def test_what_was_put_there_later_is_not_cloaked(tmp_path: Path, case: str) -> None:
    directory = make_archive(tmp_path)
    at = "2024-03-20T08:00Z" if case == "weeks later" else "2024-02-01T20:00Z"
    more = "Bakanlık bu sabah bir düzeltme yayımladı ve tarihi değiştirdi." if case == "edited meanwhile" else ""
    write_warc(directory, "once", [seen("/bir/", "2024-02-01T08:00Z")], **{"http-header-user-agent": "Mozilla"})
    agent = "Mozilla" if case == "the same agent" else "Googlebot"
    write_warc(directory, "sonra", [seen("/bir/", at, extra=AFTER, more=more)], **{"http-header-user-agent": agent})
    index_archive(directory)

    found = story(directory)

    assert (found.pages, found.cloaked) == (1, 0)
    assert found.affected[0].clean_before is not None


def test_a_page_replaced_whole_keeps_its_last_genuine_wording(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    lines = ("Онлайн казино Барс: вход и зеркало", "Игровые автоматы на деньги", "Ставки на спорт без верификации")
    spam = [
        f'<a href="https://barsbet{n}.example/">{line}, бонус за регистрацию сегодня</a>'
        for n, line in enumerate(lines * 2)
    ]
    gone = page("Haber bir", *spam)
    write_warc(
        directory, "haber-1", [seen("/bir/", "2024-02-01T08:00Z"), exchange("/bir/", gone, at="2024-03-01T08:00Z")]
    )
    index_archive(directory)

    db = connect_readonly(directory.db)
    shown = ask.article(db, "http://haber.example/bir/")

    assert shown.fields["title"] == "Haber bir" and TEXT[0] in str(shown.fields["text"])
    assert db.execute("SELECT text FROM articles").fetchone()[0] == "\n\n".join(TEXT)
    assert [row[0] for row in db.execute("SELECT kind FROM captures ORDER BY captured_at")] == ["article", "replaced"]
    assert story(directory).replaced == 1
    assert TEXT[0] in run(directory, "show", "http://haber.example/bir/")


def test_injected_words_are_found_by_no_search(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    line = "<p>Kumarbey deneme bonusu: hemen üye ol, 500 TL kazan!</p>"
    rows = [
        seen("/bir/", "2024-02-01T08:00Z", extra=HIDDEN + AFTER),
        exchange(
            "/iki/", article("Haber iki").replace(b"</article>", line.encode() + b"</article>"), at="2024-02-01T09:00Z"
        ),
        exchange("/uc/", line.encode() + article("Haber uc"), at="2024-02-01T10:00Z"),
    ]
    write_warc(directory, "haber-1", rows)
    index_archive(directory)

    db = connect_readonly(directory.db)

    assert search(db, "Bakan").total == 3
    for words in ("казино", "Барс", "Kumarbey", "bonusu", "зеркало"):
        assert search(db, words).total == 0, words
    assert (
        db.execute("SELECT count(*) FROM versions WHERE text LIKE '%Kumarbey%' OR title LIKE '%Kumarbey%'").fetchone()[
            0
        ]
        == 0
    )


def test_the_story_does_not_depend_on_the_order_of_indexing(tmp_path: Path) -> None:
    one, two = make_archive(tmp_path / "a"), make_archive(tmp_path / "b")
    early = [seen("/bir/", "2024-02-01T08:00Z"), seen("/iki/", "2024-02-01T08:00Z", extra=HIDDEN)]
    late = [seen("/bir/", "2024-02-02T08:00Z", extra=HIDDEN), seen("/iki/", "2024-02-02T09:00Z")]
    for directory, names in ((one, ("w1", "w2")), (two, ("w2", "w1"))):
        for name in names:
            write_warc(directory, name, early if name == "w1" else late)
            index_archive(directory)

    assert story(one) == story(two)
    before = (dump(one.db), story(one))
    rebuild(one)
    assert (dump(one.db), story(one)) == before


def test_the_command_tells_the_story(tmp_path: Path) -> None:
    directory = hacked(tmp_path)

    told = run(directory, "spam")

    for words in (
        "first seen 2024-03-01 08:00Z at http://haber.example/bir/",
        "that page was clean on 2024-02-15 08:00Z: it came between these two captures",
        "yes, on 1 page when last captured; 1 page cleaned",
        "2024-02-26      1 of 3       33%",
        "hidden, hidden by display:none",
        "barsbet777.example",
        "new to the site",
        "still there",
    ):
        assert words in told, words


def test_the_command_for_programs_has_the_keys_of_the_page_in_docs(tmp_path: Path) -> None:
    told = json.loads(run(hacked(tmp_path), "spam", "--json"))
    described = (Path(__file__).parent.parent / "docs" / "spam.md").read_text("utf-8")

    assert (told["findings"], told["pages"], told["beginning"]["captured_at"][:10]) == (3, 2, "2024-03-01")
    assert told["examples"][0]["signals"][0].keys() == {"says", "weight"}
    keys = {
        *told,
        *told["beginning"],
        *told["spread"][0],
        *told["domains"][0],
        *told["affected"][0],
        *told["examples"][0],
    }
    assert [key for key in sorted(keys) if f"`{key}`" not in described] == []


def test_what_is_asked_for_narrows_the_story(tmp_path: Path) -> None:
    directory = hacked(tmp_path)

    assert json.loads(run(directory, "spam", "--json", "--domain", "altyn-slot9.example"))["pages"] == 1
    assert json.loads(run(directory, "spam", "--json", "--since", "2024-03-10"))["pages"] == 1
    assert json.loads(run(directory, "spam", "--json", "--kind", "hidden"))["findings"] == 3
    assert json.loads(run(directory, "spam", "--json", "--kind", "title"))["findings"] == 0
    assert json.loads(run(directory, "spam", "--json", "--site", "haber"))["pages"] == 2
    said, found = run(directory, "spam", "--json", "--site", "baska").split("\n", 1)  # the first goes to stderr
    assert said == "nothing in this archive is of a site 'baska'; it holds haber"
    assert json.loads(found)["pages"] == 0


def test_an_archive_without_it_says_so(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    write_warc(directory, "haber-1", [seen("/bir/", "2024-02-01T08:00Z")])
    index_archive(directory)

    assert run(directory, "spam") == "no injected content found; last look 2024-02-01 08:00Z\n"
    assert json.loads(run(directory, "spam", "--json"))["beginning"] is None

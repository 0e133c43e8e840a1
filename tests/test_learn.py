"""What many pages of a site teach: its own lines and places leave the rows, nothing of an article ever does."""

from __future__ import annotations

import json
import tomllib
import tracemalloc
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from archives import dump, exchange, indexed, make_archive, run, write_warc
from lxml import html

from archive import query
from archive.config import ArchiveDir, Learned
from archive.errors import ConfigError, MuragatError
from archive.extract.elements import Elements
from archive.extract.layout import Places, select
from archive.extract.learned import without_learned
from archive.extract.repeats import MAX_PLACES, Piece, Sighting, find_repeats
from archive.extract.runs import read_runs
from archive.index import index_stale
from archive.learn import learn, struck_out, write
from archive.rebuild import rebuild
from archive.schema import connect_readonly

TODAY = date(2026, 11, 23)
SUBJECTS = (
    *("Tahıl", "Petrol", "Okul", "Köprü", "Baraj", "Hastane", "Uydu", "Demiryolu", "Müze", "Tiyatro", "Liman", "Pamuk"),
    *("Buğday", "Elma", "Altın", "Bakır"),
)
NEWSLETTER = "Günün önemli gelişmelerini her sabah tek bir mektupta topluyoruz, okurlarımız kahvesini onunla içiyor."
AGENCY = "Bu metin yazı işlerimizin süzgecinden geçmeden ajansın geçtiği biçimiyle verilmiştir."
SPEECH = "Bakan geçen hafta parlamentoda bu konuda kimsenin geride bırakılmayacağını söylemişti."


def story(subject: str, number: int) -> list[str]:
    """Paragraphs that no other article has."""
    return [
        f"{subject} konusunda {number}. bölgede yapılan toplantıya {number * 7 + 3} uzman katıldı ve karar aldı.",
        f"Yetkililer {subject.lower()} için ayrılan bütçenin {number * 13 + 5} milyon tenge olduğunu açıkladı.",
        f"{subject} çalışmaları önümüzdeki yılın {number % 12 + 1}. ayında tamamlanacak, ardından denetim başlayacak.",
    ]


def look(
    number: int,
    *,
    paragraphs: Sequence[str] | None = None,
    box: Sequence[str] = (NEWSLETTER,),
    inside: str = "",
    author: str = "Aylin Demir",
) -> bytes:
    """An article as this made-up site prints it: the newsletter's box and headlines stand inside its own element."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    text = story(subject, number) if paragraphs is None else paragraphs
    others = [SUBJECTS[(number + step) % len(SUBJECTS)] for step in (1, 2, 3, 5)]
    headlines = "".join(f"<p><a href='/{name.lower()}/'>{name} haberinde yeni gelişme var</a></p>" for name in others)
    return (
        f"<!DOCTYPE html><html lang='tr'><head><meta charset='utf-8'><title>{subject} haberi {number} – Haber</title>"
        "</head><body><header><a href='/'>Haber</a><p class='gunluk'>Bugün hava açık</p></header><article>"
        f"<h1>{subject} haberi {number}</h1><div class='kunye'><a rel='author' href='/yazar/1/'>{author}</a>"
        f" <time>{number + 1:02} Ekim 2017, 17:45</time></div>"
        f"<div class='metin'>{''.join(f'<p>{line}</p>' for line in text)}{inside}<p>{AGENCY}</p></div>"
        f"<div class='kutu'>{''.join(f'<p>{line}</p>' for line in box)}</div>"
        f"<div class='basliklar'><p>Gözden kaçmasın</p>{headlines}</div></article>"
        "<footer>HABER SİTESİ</footer></body></html>"
    ).encode()


def twelve(**kept: bytes) -> list[tuple[str, str, bytes]]:
    """Twelve articles, a day from each to the next; some replaced, by number."""
    return [
        (f"/haber-{number}/", f"2026-01-{number + 1:02}T10:00:00Z", kept.get(f"n{number}", look(number)))
        for number in range(12)
    ]


def taught(directory: ArchiveDir) -> dict[str, Any]:
    """Learn, write, and read the file as TOML."""
    lesson = learn(directory, None, today=TODAY)
    write(lesson)
    return tomllib.loads(lesson.path.read_text("utf-8"))


def texts(directory: ArchiveDir) -> dict[str, str]:
    """Path → body of each article."""
    rows = connect_readonly(directory.db).execute("SELECT url, text FROM articles").fetchall()
    return {url.partition(".example")[2]: text for url, text in rows}


# ---------------------------------------------------------------- what is learned, and what it does


def test_lines_and_boxes_that_repeat_leave_the_rows_and_each_articles_own_text_stays(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    before = texts(directory)
    assert all(NEWSLETTER in text and AGENCY in text for text in before.values())

    found = taught(directory)
    rebuild(directory)

    assert "div.kutu" in found["places"]
    assert "div.basliklar" in found["lists"]
    assert AGENCY in found["lines"]
    for number in range(12):
        assert texts(directory)[f"/haber-{number}/"] == "\n\n".join(story(SUBJECTS[number], number))


def test_an_author_whose_name_is_on_every_page_is_still_the_author(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    taught(directory)
    rebuild(directory)

    rows = connect_readonly(directory.db).execute("SELECT authors, published_at FROM versions ORDER BY url").fetchall()
    assert {row[0] for row in rows} == {'["Aylin Demir"]'}
    assert len({row[1] for row in rows}) == 12


def test_the_file_is_dated_and_says_of_each_entry_where_it_was_seen(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())

    lesson = learn(directory, None, today=TODAY)
    found = tomllib.loads(lesson.text)

    assert (found["version"], found["on"], found["pages"]) == (1, TODAY, 12)
    line = next(line for line in lesson.text.split("\n") if '"div.basliklar"' in line)
    assert "12 pages" in line and "Gözden kaçmasın" in line
    assert "captured from 2026-01-01 to 2026-01-12" in lesson.text


def test_a_text_that_many_captures_of_one_page_show_is_that_pages_own(tmp_path: Path) -> None:
    """Forty captures of one article, its text revised in between, are one article and not forty pages."""
    revised = [
        (
            "/haber-20/",
            f"2026-02-{day:02}T{hour:02}:00:00Z",
            look(20, paragraphs=[*story("Nehir", 20), f"Sürüm {day}."]),
        )
        for day in range(1, 11)
        for hour in (1, 7, 13, 19)
    ]
    directory = indexed(tmp_path / "arsiv", [*twelve(), *revised])

    found = taught(directory)
    rebuild(directory)

    assert found["pages"] == 13
    assert not set(story("Nehir", 20)) & set(found["lines"])
    assert all(line in texts(directory)["/haber-20/"] for line in story("Nehir", 20))


def test_one_article_under_several_addresses_is_one_article(tmp_path: Path) -> None:
    copies = [(f"/kopya/{n}-haber/", f"2026-03-{n + 1:02}T10:00:00Z", look(3)) for n in range(8)]
    directory = indexed(tmp_path / "arsiv", [*twelve(), *copies])

    found = taught(directory)

    assert found["pages"] == 12
    assert not set(story(SUBJECTS[3], 3)) & set(found["lines"])


def test_a_paragraph_that_two_follow_up_stories_quote_stays_in_all_three(tmp_path: Path) -> None:
    quoting = {f"n{n}": look(n, paragraphs=[*story(SUBJECTS[n], n), SPEECH]) for n in (2, 5)}
    directory = indexed(tmp_path / "arsiv", twelve(**quoting))

    found = taught(directory)
    rebuild(directory)

    assert SPEECH not in found["lines"]
    assert [SPEECH in texts(directory)[f"/haber-{n}/"] for n in (2, 5)] == [True, True]


def test_a_box_that_holds_an_articles_own_words_on_some_pages_is_never_learned(tmp_path: Path) -> None:
    """The same box has the newsletter on most pages and a correction, each another, on two."""
    corrections = {
        f"n{n}": look(
            n, box=[f"Düzeltme: ilk metinde sayı yanlış verilmişti, doğrusu {n * 31} olacaktı; özür dileriz."]
        )
        for n in (4, 9)
    }
    directory = indexed(tmp_path / "arsiv", twelve(**corrections))

    found = taught(directory)
    rebuild(directory)

    assert "div.kutu" not in [*found["places"], *found["lists"]]
    assert NEWSLETTER in found["lines"]  # it repeats all the same
    assert "doğrusu 124 olacaktı" in texts(directory)["/haber-4/"]
    assert NEWSLETTER not in texts(directory)["/haber-3/"]


def test_a_sentence_that_comes_to_stand_in_a_list_later_is_kept() -> None:
    body = html.fromstring(look(3, inside=f"<p>{SPEECH}</p>").decode()).find("body")
    known = Learned(version=1, on=TODAY, pages=12, lists=("div.metin", "div.basliklar"))

    kept = [run.text for run in without_learned(read_runs(body), known, None)]

    assert [*story(SUBJECTS[3], 3), SPEECH] == [text for text in kept if text in (*story(SUBJECTS[3], 3), SPEECH)]
    assert not any("yeni gelişme" in text or "Gözden" in text for text in kept)


def test_what_holds_the_title_is_no_box_whatever_its_name() -> None:
    body = html.fromstring(look(3).decode()).find("body")
    runs = read_runs(body)
    title = next(run for run in runs if run.node.tag == "h1")
    known = Learned(version=1, on=TODAY, pages=12, places=("article", "footer"))

    kept = [run.text for run in without_learned(runs, known, title)]

    assert set(story(SUBJECTS[3], 3)) < set(kept)
    assert "HABER SİTESİ" not in kept


def test_a_new_look_that_puts_the_article_where_the_old_one_had_a_box_loses_no_article(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    taught(directory)
    body = "".join(f"<p>{line}</p>" for line in story("Nehir", 30))
    new = (
        "<html lang='tr'><head><meta charset='utf-8'><title>Nehir haberi</title></head><body><h1>Nehir haberi</h1>"
        f"<time>02 Mayıs 2026, 10:00</time><div class='kutu'>{body}</div></body></html>"
    ).encode()
    write_warc(directory, "haber-2", [exchange("/haber-30/", new, at="2026-05-02T10:00:00Z")])
    rebuild(directory)

    assert texts(directory)["/haber-30/"] == "\n\n".join(story("Nehir", 30))


def test_too_few_pages_teach_nothing_and_that_is_said_in_one_line(tmp_path: Path) -> None:
    directory = indexed(
        tmp_path / "arsiv", [*twelve()[:4], *[(*page[:1], "2026-06-01T10:00:00Z", page[2]) for page in twelve()[:4]]]
    )

    with pytest.raises(
        MuragatError, match=r"^haber: 4 different articles are too few .* 5 are needed; crawl or import"
    ):
        learn(directory, None, today=TODAY)
    assert not list(directory.sites.glob("*.learned.toml"))


# ---------------------------------------------------------------- the file, and whoever corrects it


def test_the_owners_profile_is_never_touched_and_what_she_struck_out_stays_out(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    profile = directory.sites / "haber.toml"
    profile.write_text("# Bu dosya benim.\n" + profile.read_text("utf-8"), "utf-8")
    mine = profile.read_bytes()
    path = directory.sites / "haber.learned.toml"
    taught(directory)
    entry = next(line for line in path.read_text("utf-8").split("\n") if AGENCY in line)
    path.write_text(path.read_text("utf-8").replace(entry, f"    # {entry.strip()} kalsın, bizim sözümüz"), "utf-8")

    assert not learn(directory, None, today=TODAY).is_new  # as she left it
    more = look(
        14, box=(NEWSLETTER, "Abonelerimiz bu ay ek bir mektup daha alıyor, kayıt ücretsizdir, iptal kolaydır.")
    )
    write_warc(
        directory,
        "haber-2",
        [
            exchange(f"/ek-{n}-haber/", more.replace(b"14", f"{n}".encode()), at=f"2026-05-{n}T10:00:00Z")
            for n in range(15, 21)
        ],
    )
    write_warc(
        directory,
        "haber-3",
        [
            exchange(f"/haber-{n}/", look(n).replace(b"kutu", b"mektup"), at=f"2026-06-{n}T10:00:00Z")
            for n in range(21, 27)
        ],
    )
    rebuild(directory)
    lesson = learn(directory, None, today=date(2026, 12, 24))
    kept = write(lesson)

    assert (lesson.version, lesson.struck, lesson.is_new) == (2, 1, True)
    assert "kalsın, bizim sözümüz" in path.read_text("utf-8")
    assert AGENCY not in directory.site().learned.lines  # type: ignore[union-attr]
    assert profile.read_bytes() == mine
    assert kept == directory.sites / "old" / "haber.learned.1.toml"
    assert "kalsın" in kept.read_text("utf-8")
    assert directory.site_names() == ["haber"]


def test_learning_twice_from_the_same_pages_finds_the_same_and_writes_nothing(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    first = learn(directory, None, today=TODAY)
    write(first)
    rebuild(directory)

    second = learn(directory, None, today=date(2027, 1, 1))

    assert not second.is_new
    assert second.text == first.text


def test_pages_made_to_hurt_teach_nothing_in_bounded_memory() -> None:
    """Each text stands in all the places there may be; counting each for each took 1 GB for 40 pages."""
    places = tuple(f"div.k{number}" for number in range(MAX_PLACES))

    def piece(text: str) -> Piece:
        return Piece(
            text, text, is_link=True, is_prose=False, in_body=False, is_title=False, is_inner=False, places=places
        )

    pages = [
        Sighting(frozenset([f"url {page}"]), tuple(piece(f"{page} {number}") for number in range(200)))
        for page in range(10)
    ]
    tracemalloc.start()
    found = find_repeats(pages)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found.places, found.lists, found.lines) == ((), (), ())
    assert most < 2_000_000  # 4 million before, 1 since


def test_only_what_was_an_entry_counts_as_struck_out() -> None:
    places = 'places = [\n  # "#a b",  # 3 pages\n  # a remark\n  "x",\n]\n'
    text = '# "not this",\n' + places + 'lines = [\n# "say \\"no\\"",\n# "open,\n]\n'

    assert struck_out(text) == {
        "places": {"#a b": '  # "#a b",  # 3 pages'},
        "lists": {},
        "lines": {'say "no"': '# "say \\"no\\"",'},
    }


def test_a_hostile_line_is_written_as_toml_that_says_the_same(tmp_path: Path) -> None:
    line = 'Son "dakika" \\ haberleri için ]  # bizi izleyin \u2028 her gün saat yedide buradayız.'
    directory = indexed(tmp_path / "arsiv", twelve(**{f"n{n}": look(n, inside=f"<p>{line}</p>") for n in range(12)}))

    assert " ".join(line.split()) in taught(directory)["lines"]


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "version = 1\non = 2026-01-01\npages = 9\nplaecs = []\n",
            r"haber.learned.toml: unknown key 'plaecs'; did you mean 'places'\?",
        ),
        ("version = 0\non = 2026-01-01\npages = 9\n", "haber.learned.toml: version: expected `int` >= 1"),
        ("lines = [", "haber.learned.toml: not TOML"),
    ],
)
def test_a_broken_file_of_what_was_learned_is_named(tmp_path: Path, text: str, message: str) -> None:
    directory = make_archive(tmp_path / "arsiv")
    (directory.sites / "haber.learned.toml").write_text(text)

    with pytest.raises(ConfigError, match=message):
        directory.site()


def test_a_selector_that_cannot_be_read_stops_the_index_before_it_makes_rows_of_it(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    profile = directory.sites / "haber.toml"
    profile.write_text(profile.read_text("utf-8") + '[[layout]]\nbody = "div:first-child"\n', "utf-8")

    with pytest.raises(ConfigError, match="div:first-child"):
        rebuild(directory)


@pytest.mark.parametrize(
    "selector, ids",
    [
        ("#b", "b"),
        ("div.x", "a c"),
        (".x.y", "c"),
        ("div > p", "d"),
        ("section p", "d"),
        ('td[width="240"]', ""),
        ("[data-k]", "d"),
        ("[data-k=v], #a", "a d"),
        ("section > p", ""),
        ("*", "a b c d"),
    ],
)
def test_a_selector_asked_of_each_element_finds_what_a_search_of_the_tree_finds(selector: str, ids: str) -> None:
    tree = html.fromstring(
        "<div id='a' class='x'><section id='b'><div id='c' class='x y'><p id='d' data-k='v'>1</p></div></section></div>"
    )

    asked = [element.get("id") for element in tree.iter() if Places([selector]).holds(element)]

    assert (
        asked == [element.get("id") for element in select(Elements(tree), selector) if element.get("id")] == ids.split()
    )


# ---------------------------------------------------------------- rows made by older rules


def test_a_selector_of_many_steps_is_asked_once_of_each_element_above() -> None:
    """Each way by itself took a minute for 50 elements 90 deep."""
    tree = html.document_fromstring(f"<body>{'<div>' * 90}{'<ul><li>x</ul>' * 50}")
    began = process_time()

    assert not any(map(Places(["section div div div ul"]).holds, tree.iter("ul")))
    assert process_time() - began < 2


def test_rows_made_before_the_lesson_are_stale_until_they_are_read_again(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    assert query.status(connect_readonly(directory.db), directory)["stale"] == 0

    taught(directory)
    assert query.status(connect_readonly(directory.db), directory)["stale"] == 12
    index_stale(directory)
    read_again = dump(directory.db)

    assert query.status(connect_readonly(directory.db), directory)["stale"] == 0
    assert NEWSLETTER not in "".join(texts(directory).values())
    rebuild(directory)
    again = dump(directory.db)
    # Words of the older reading stay in `terms`, where they find nothing.
    assert {table: rows for table, rows in read_again.items() if table != "terms"} == {
        table: rows for table, rows in again.items() if table != "terms"
    }


# ---------------------------------------------------------------- the command


def test_the_command_shows_first_then_writes_and_says_what_to_do_next(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "arsiv", twelve())
    path = directory.sites / "haber.learned.toml"

    code, shown = run(directory, "learn", "--dry-run")
    assert code == 0 and tomllib.loads(shown)["version"] == 1 and not path.exists()
    code, said = run(directory, "learn", "haber")
    assert code == 0 and "repeat on 12 articles" in said and "div.kutu" in said and "muragat index --rebuild" in said
    assert path.read_text("utf-8") == shown
    code, told = run(directory, "learn", "--json")
    assert code == 0 and json.loads(told)["written"] is False and json.loads(told)["version"] == 1
    code, status = run(directory, "status")
    assert "12 pages were read by older rules: `muragat index --stale`" in status
    assert run(directory, "learn", "nope")[0] == 1

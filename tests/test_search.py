"""What people type into a search box, and what they find."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from archives import PROFILE, exchange, make_archive, page, write_warc
from click.testing import CliRunner
from sqlite_utils import Database

from archive.cli import commands
from archive.config import ArchiveDir
from archive.errors import QueryError
from archive.expression import MOST_WORDS, parse
from archive.index import index_archive
from archive.language import search_pairs, written_words
from archive.schema import connect, connect_readonly, immediate
from archive.search import Sort, count, each_hit, search
from archive.search_rows import Said, SearchRows
from archive.snippets import MARK_END, MARK_START, Marked, best_snippet
from archive.suggest import suggestions
from archive.times import parse_time

FILL = "Yetkililer konuyla ilgili ayrıntıların önümüzdeki günlerde kamuoyuyla paylaşılacağını bildirdi."


def _head(*, author: str, section: str, tags: str) -> str:
    return f'<meta name="author" content="{author}"><meta property="article:section" content="{section}">' + "".join(
        f'<meta property="article:tag" content="{tag}">' for tag in tags.split(",")
    )


BREAD = page(
    "Ekmek fiyatları arttı",
    "Fırıncılar Odası Başkanı, un maliyetlerinin yükseldiğini söyledi. Astana’da ekmek yüzde on zamlandı.",
    FILL,
    date="05 Mart 2019 Salı, 09:30",
    head=_head(author="Ayşe Yılmaz", section="Ekonomi", tags="fırın,un"),
)
BREAD_LATER = BREAD.replace("yüzde on zamlandı".encode(), "yüzde yirmi pahalandı".encode())
SPACE = page(
    "Baykonur’dan uydu fırlatıldı",
    "İki ülkenin ortak uydusu gece yarısı yörüngeye yerleştirildi. ISPARTA’dan gelen öğrenciler de izledi.",
    FILL,
    date="12 Nisan 2021 Pazartesi, 03:15",
    head=_head(author="Mehmet Öz", section="Bilim ve Uzay", tags="uzay"),
)
VOTE = page(
    "Seçim takvimi açıklandı",
    "Merkez Seçim Komisyonu adayların listesini yayımladı. COVID-19 tedbirleri sandık başında da geçerli olacak.",
    FILL,
    date="01 Haziran 2022 Çarşamba, 10:00",
    head=_head(author="Ayşe Yılmaz", section="Siyaset", tags="seçim"),
)
KAZAKH = page(
    "Қазақстанда жаңа мектеп ашылды",
    "Түркістан облысында жаңа оқу жылында жүз орындық мектеп ашылды. Бұған дейін балалар көрші ауылға баратын.",
    "Алғашқы қоңырауды ауылдың ең үлкен тұрғыны соқты, ол үшін өңірдің әкімі де келді.",
    date="02.09.2023 10:00",
).replace(b'lang="tr"', b'lang="kk"')
URLS = {name: f"http://haber.example/{name}/" for name in ("ekmek", "uydu", "secim", "mektep")}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    directory = make_archive(tmp_path_factory.mktemp("search") / "a")
    (directory.sites / "haber.toml").write_text(PROFILE.replace('["tr"]', '["tr", "kk"]'), "utf-8")
    write_warc(
        directory,
        "a",
        [
            exchange("/ekmek/", BREAD, at="2024-01-01T10:00:00Z"),
            exchange("/uydu/", SPACE, at="2024-01-01T10:00:05Z"),
            exchange("/secim/", VOTE, at="2024-01-01T10:00:06Z"),
            exchange("/mektep/", KAZAKH, at="2024-01-01T10:00:07Z"),
            exchange("/ekmek/", BREAD_LATER, at="2024-02-01T10:00:00Z"),
        ],
    )
    index_archive(directory)
    return directory


@pytest.fixture
def db(held: ArchiveDir) -> Database:
    return connect_readonly(held.db)


def found(db: Database, words: str) -> list[str]:
    """The pages that a search finds, by name, in alphabetical order."""
    return sorted(hit.url.split("/")[3] for hit in search(db, words).hits)


@pytest.mark.parametrize(
    ("typed", "pages"),
    [
        # whatever the form, the capitals and the letters of the keyboard
        *((word, "ekmek") for word in ("ekmek", "ekmeğin", "EKMEK", "firincilar", "fırıncı", "astana", "Astanada")),
        *((word, "uydu") for word in ("ısparta", "isparta", "ISPARTA", "Isparta'da", "Ispartalı")),
        *((word, "secim") for word in ("secim", "SECIM", "seçimlerde", "SEÇİMLERİN", "secimlerimizde")),
        *((word, "mektep") for word in ("мектеп", "мектептер", "Қазақстан", "казакстан", "Qazaqstan", "онир")),
        # a phrase, whatever its endings; words joined by a sign
        ('"un maliyeti"', "ekmek"),
        ('"maliyeti un"', ""),
        ("“un maliyeti”", "ekmek"),
        ("covid-19", "secim"),
        ("19-covid", ""),
        # operators
        ("ekmek uydu", ""),
        ("ekmek AND uydu", ""),
        ("ekmek OR uydu", "ekmek uydu"),
        ("ekmek VEYA uydu", "ekmek uydu"),
        ("bildirdi -uydu", "ekmek secim"),
        ("bildirdi NOT uydu", "ekmek secim"),
        ('bildirdi -"un maliyeti"', "secim uydu"),
        ("-bildirdi", "mektep"),
        ("NOT (ekmek OR uydu)", "mektep secim"),
        ("(ekmek OR uydu) bildirdi -astana", "uydu"),
        ("ekmek OR uydu astana", "ekmek"),
        ("(ekmek OR uydu) astana", "ekmek"),
        ("ekmek OR -bildirdi", "ekmek mektep"),
        # beginnings
        ("fırınc*", "ekmek"),
        ("yörün*", "uydu"),
        ('"merkez seç*"', "secim"),
        # fields
        ("title:ekmek", "ekmek"),
        ("title:astana", ""),
        ("title:(seçim OR uydu)", "secim uydu"),
        ("başlık:uydu", "uydu"),
        ("-title:uydu bildirdi", "ekmek secim"),
        ('author:"Ayşe Yılmaz"', "ekmek secim"),
        ("author:YILMAZ", "ekmek secim"),
        ("yazar:yilmaz -seçim", "ekmek"),
        ("section:ekonomi", "ekmek"),
        ("section:uzay", "uydu"),
        ("section:(bilim ve uzay)", "uydu"),
        ("tag:FIRIN", "ekmek"),
        ("tag:fır* OR section:biL*", "ekmek uydu"),
        ("author:ay* -section:eko*", "secim"),
        ("lang:kk", "mektep"),
        ("site:haber.example mektep", ""),
        ("site:haber.example мектеп", "mektep"),
        ("site:haber", "ekmek mektep secim uydu"),
        ("site:elsewhere.example", ""),
        ("since:2022", "mektep secim"),
        ("until:2019-03", "ekmek"),
        ("since:2021-04-11 until:2021", "uydu"),
        ("author:yılmaz OR section:uzay", "ekmek secim uydu"),
        ("-author:yılmaz lang:tr", "uydu"),
        # what is no syntax
        ("http://ekmek", ""),
        ("ekmek )", "ekmek"),
        ("((ekmek", "ekmek"),
        ("AND ekmek OR", "ekmek"),
        ("e\u0301kmek", "ekmek"),
        ("ek\u00admek", "ekmek"),
    ],
)
def test_what_is_typed_and_what_is_found(db: Database, typed: str, pages: str) -> None:
    assert found(db, typed) == pages.split(), parse(typed)


@pytest.mark.parametrize("typed", ['"', "'", "*", "AND", "(", "((((", "\x00", "“", "-", '-"', "😀", "()", "…"])
def test_what_holds_no_word_is_said_to(db: Database, typed: str) -> None:
    with pytest.raises(QueryError, match="holds no word to look for"):
        search(db, typed)


def _nested(depth: int) -> str:
    typed = "ekmek"
    for number in range(depth):
        typed = f"({typed} OR tag:x) b{number}"
    return typed


@pytest.mark.parametrize(
    "typed",
    [
        *("tag:a " * 999, " OR ".join(["tag:a"] * 1_100), *map(_nested, (5, 7, 9, 15)), "-(a " * 12, "-(a OR -(b " * 8),
        *("title:(a NOT " * 19 + "b", "title:(" * 19 + "b", "(" * 60 + "tag:a" + " b)" * 60, "-title:(tag:a OR " * 7),
    ],
)
def test_the_most_intricate_searches_are_answered_or_refused_in_one_line(db: Database, typed: str) -> None:
    try:
        assert search(db, typed).total == count(db, typed)
    except QueryError as error:
        assert "\n" not in str(error) and len(str(error)) < 200


@pytest.mark.parametrize("typed", ["a*", "ekmek title:s*", "tag:un é*"])
def test_a_beginning_of_one_letter_is_said_to_be_too_short(db: Database, typed: str) -> None:
    with pytest.raises(QueryError, match="too short"):
        search(db, typed)


@pytest.mark.parametrize("typed", ["since:dün", "until:9999", "since:0000", "since:0001-01-01T00:00+14:00"])
def test_a_time_that_is_none_is_said_to_be(db: Database, typed: str) -> None:
    with pytest.raises(QueryError, match=r"is not a time|too far in the future"):
        search(db, typed)


def test_more_words_than_anybody_types_are_refused(db: Database) -> None:
    with pytest.raises(QueryError, match=f"at most {MOST_WORDS} words"):
        search(db, "ekmek " * (MOST_WORDS + 1))
    with pytest.raises(QueryError, match=f"at most {MOST_WORDS} words"):
        search(db, "a." * (MOST_WORDS + 1))


PIECES = (
    *('"', "'", "(", ")", "*", "-", ":", "^", "+", "~", "|", "{", "}", ",", ".", ";", "\\", "\x00", "’", "“", "„", "%"),
    *("AND", "OR", "NOT", "NEAR", "NEAR(a b, 2)", "VE", "VEYA", "title:", "author:", "section:", "tag:", "lang:"),
    *("site:", "since:", "until:", "since:2019", "rowid:", "search", "rank", "ekmek", "Ekmeğin", "uydu", "мектеп"),
    *("😀", "\u0307", "\u200b", "\ud800", "\U0010ffff", "ﷺ", "日本", "İ", "ı", "2019", "1", "a" * 300, " ", " ", "  "),
)


def test_five_thousand_random_strings_give_results_or_one_line(db: Database) -> None:
    """Any other exception would be a stack trace, or an SQL error, in the face of whoever typed it."""
    chance = random.Random(6)
    refused = 0
    for number in range(5_000):
        if number % 5:
            typed = "".join(chance.choices(PIECES, k=chance.randint(1, 12)))
        else:
            typed = "".join(chr(chance.choice((chance.randrange(128), chance.randrange(0x3000)))) for _ in range(8))
        try:
            search(db, typed, sort=chance.choice(list(Sort)), all_versions=number % 3 == 0)
        except QueryError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 1_500, typed
    assert refused < 2_500


def test_no_words_gives_the_newest_first_or_the_oldest(db: Database) -> None:
    newest = search(db, "")

    assert newest.total == 4
    assert [hit.url for hit in newest.hits] == [URLS[name] for name in ("mektep", "secim", "uydu", "ekmek")]
    assert [hit.url for hit in search(db, "", sort=Sort.OLDEST).hits] == [hit.url for hit in reversed(newest.hits)]


def test_options_filter_as_fields_do_and_pages_count_all_that_was_found(db: Database) -> None:
    assert [hit.url for hit in search(db, "", since=parse_time("2020"), author="Yılmaz").hits] == [URLS["secim"]]
    assert search(db, "bildirdi", section="ekonomi").total == 1
    assert search(db, "", language="tr", site="haber").total == 3
    assert search(db, "", tag="uzay", until=parse_time("2021")).total == 0
    assert [count(db, typed) for typed in ("bildirdi", "", "-bildirdi", "seçmi")] == [3, 4, 1, 0]
    assert count(db, "", section="ekonomi", since=parse_time("2019")) == 1

    pages = [search(db, "bildirdi", limit=1, offset=offset) for offset in range(4)]
    assert [(one.total, len(one.hits)) for one in pages] == [(3, 1), (3, 1), (3, 1), (3, 0)]
    assert len({one.hits[0].url for one in pages[:3]}) == 3


def test_a_day_is_one_by_the_clock_of_its_site(db: Database) -> None:
    """/uydu/ was published on 12 April at 03:15 in Almaty, when it was the 11th in UTC."""
    zones = {"haber": ZoneInfo("Asia/Almaty")}

    def found(**asked: str) -> bool:
        words = " ".join(f"{name}:{value}" for name, value in asked.items())
        by_option, by_words = search(db, "uydu", zones=zones, **asked), search(db, f"uydu {words}", zones=zones)  # type: ignore[arg-type]
        assert by_option == by_words
        return by_option.total == 1

    assert found(since="2021-04-12", until="2021-04-12")
    assert not found(until="2021-04-11")
    assert found(since="2021-04-12T03:15", until="2021-04-12T03:15")
    assert not found(since="2021-04-12T03:16")
    assert found(since="2021-04-11T21:15Z", until="2021-04-11T21:15Z")  # another clock, where it is named


def test_the_title_goes_before_the_text_and_the_new_before_the_old(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    text = "Komisyon bugün toplandı ve bir karar verdi. Toplantıda baraj konusu da ele alındı."
    pages = {
        "metin": page("Komisyon toplandı", text, FILL, date="05 Mart 2021 Cuma, 09:30"),
        "baslik": page("Baraj için karar", text.replace("baraj ", ""), FILL, date="05 Mart 2012 Pazartesi, 09:30"),
        "eski": page("Komisyon toplandı", text, FILL, date="05 Mart 2010 Cuma, 09:30"),
    }
    write_warc(directory, "a", [exchange(f"/{name}/", body, at="2024-01-01T10:00:00Z") for name, body in pages.items()])
    index_archive(directory)

    hits = search(connect_readonly(directory.db), "baraj").hits

    assert [hit.url.split("/")[3] for hit in hits] == ["baslik", "metin", "eski"]


def test_pages_together_are_what_one_long_page_is(tmp_path: Path) -> None:
    """Newness counts among the hundred best only; no article may come twice, or never, where that ends."""
    directory = make_archive(tmp_path / "a")
    days = [f"{1 + number % 28:02d} Mart {2008 + number % 12} Cuma, 09:30" for number in range(130)]
    pages = [
        page(f"Haber {number}", "Baraj için karar. " * (1 + number % 7), FILL, date=days[number])
        for number in range(130)
    ]
    pages[3] = pages[3].replace(b"Baraj", "Köprü".encode())
    found = [exchange(f"/{number}/", body, at="2024-01-01T10:00:00Z") for number, body in enumerate(pages)]
    first = pages[3].replace("Köprü".encode(), b"Baraj")
    write_warc(directory, "a", [exchange("/3/", first, at="2023-01-01T10:00:00Z"), *found])
    index_archive(directory)
    db = connect_readonly(directory.db)

    for all_versions in (False, True):
        whole = search(db, "baraj", limit=1_000, all_versions=all_versions)
        parts = [
            search(db, "baraj", limit=30, offset=offset, all_versions=all_versions) for offset in range(0, 150, 30)
        ]
        assert len({hit.url for hit in whole.hits}) == whole.total == (130 if all_versions else 129)
        assert [hit.url for part in parts for hit in part.hits] == [hit.url for hit in whole.hits]


def test_of_very_many_articles_those_with_the_word_in_their_title_go_first(tmp_path: Path) -> None:
    """To weigh each of them would take longer than a reader waits; the pages are still those of one order."""
    database = tmp_path / "archive.db"
    writer = connect(database)
    with immediate(writer):
        for number in range(5_200):
            said = Said("Baraj için karar" if number % 50 == 0 else "Köprü", "baraj " * (1 + number % 7), "", "tr")
            add_article(writer, number, said)
    db = connect_readonly(database)

    whole = search(db, "baraj", limit=400)

    assert whole.total == count(db, "baraj") == 5_200
    assert [MARK_START in hit.title for hit in whole.hits] == [True] * 104 + [False] * 296
    parts = [search(db, "baraj", limit=80, offset=offset).hits for offset in range(0, 400, 80)]
    assert [hit.url for part in parts for hit in part] == [hit.url for hit in whole.hits]
    assert [hit.url for hit in islice(each_hit(db, "baraj"), 400)] == [hit.url for hit in whole.hits]
    assert len({hit.url for hit in each_hit(db, "baraj")}) == 5_200
    assert search(db, "baraj -karar", limit=1).total == 5_096


def add_article(db: Database, number: int, said: Said) -> None:
    """The row of one, and what is searched of it; without the captures it comes from."""
    db.execute(
        "INSERT INTO articles (id, urlkey, url, title, text, language, pages, version, versions, first_seen_at,"
        " last_seen_at, warc, offset) VALUES (?1, ?1, 'http://haber.example/' || ?1, ?2, ?3, 'tr', 1, 1, 1, '', '',"
        " 'a', 1)",
        [number, said.title, said.body],
    )
    rows = SearchRows(db)
    rows.put("search", number, said)
    rows.settle()


def test_only_all_versions_finds_what_is_no_longer_said(db: Database) -> None:
    assert search(db, "zamlandı").total == 0

    older = search(db, "zamlandı", all_versions=True)

    assert older.total == 1
    assert f"{MARK_START}zamlandı{MARK_END}" in older.hits[0].snippet
    assert (older.hits[0].seen_from, older.hits[0].seen_to) == ("2024-01-01T10:00:00.000000Z",) * 2
    # What the present wording says too is found there, once.
    both = search(db, "ekmek", all_versions=True)
    assert (both.total, [hit.seen_to for hit in both.hits]) == (1, [None])
    assert search(db, "zamlandı", all_versions=True, sort=Sort.DATE).total == 1
    assert search(db, "zamlandı -ekmek", all_versions=True).total == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_wording_that_came_back_is_no_older_one(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Whatever the order in which the captures are read."""
    directory = make_archive(tmp_path / "a")
    shown = [(BREAD, "2024-01-01"), (BREAD_LATER, "2024-02-01"), (BREAD, "2024-03-01")]
    for number in order:
        body, day = shown[number]
        write_warc(directory, f"w{number}", [exchange("/ekmek/", body, at=f"{day}T10:00:00Z")])
        index_archive(directory)
    db = connect_readonly(directory.db)

    assert [hit.seen_to for hit in search(db, "zamlandı", all_versions=True).hits] == [None]
    assert search(db, "pahalandı").total == 0
    assert [hit.seen_to for hit in search(db, "pahalandı", all_versions=True).hits] == ["2024-02-01T10:00:00.000000Z"]
    assert db.execute("SELECT count(*) FROM search_older").fetchone()[0] == 1


def test_the_words_are_marked_as_they_are_written(db: Database) -> None:
    (bread,) = search(db, "firincilar astana").hits
    assert f"{MARK_START}Fırıncılar{MARK_END} Odası" in bread.snippet
    assert f"{MARK_START}Astana’da{MARK_END} ekmek" in bread.snippet

    (space,) = search(db, "ısparta baykonur ogrenci").hits
    assert f"{MARK_START}ISPARTA’dan{MARK_END} gelen {MARK_START}öğrenciler{MARK_END}" in space.snippet
    assert space.title == f"{MARK_START}Baykonur’dan{MARK_END} uydu fırlatıldı"


def test_a_snippet_of_a_long_text_shows_the_place_with_most_words() -> None:
    text = "Bir uydu vardı. " * 3 + "Giriş. " * 300 + "Sonunda UYDU’yu fırlattılar, herkes sevindi. " + "Kapanış. " * 80

    shown = best_snippet(None, text, Marked(frozenset({"uydu", "sevindi"})))

    assert f"{MARK_START}UYDU’yu{MARK_END}" in shown
    assert f"{MARK_START}sevindi{MARK_END}" in shown
    assert shown.startswith("… ") and shown.endswith(" …")
    assert len(shown) < 300


def test_a_snippet_of_endless_words_takes_no_long_time() -> None:
    assert len(best_snippet(None, "uydu " * 200_000, Marked(frozenset({"uydu"})))) < 500
    assert len(best_snippet(None, "a" * 1_000_000, Marked(frozenset({"uydu"})))) < 500


@pytest.mark.parametrize(
    "text", ["Astana’da İSTANBUL ı i̇ş", "кiтап ҚАЗАҚ й и\u0306од", "so\u00adft O'Neill", "naïve 2017'de"]
)
def test_written_words_are_the_forms_of_the_vocabulary(text: str) -> None:
    places = list(written_words(text))

    assert [form for _, _, form in places] == list(dict.fromkeys(form for form, _ in search_pairs(text)))
    assert all(text[start:end].strip() == text[start:end] != "" for start, end, _ in places)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("seçmi", ["Seçim"]),
        ("Baykonru uydu", ["Baykonur uydu"]),
        ("ekmkk -zam", ["ekmek -zam"]),
        ("öğrencileir", ["öğrenciler"]),
        ("komisionnu", ["Komisyonu"]),  # two letters wrong
        ("мектпе", ["мектеп"]),
        ("ekmek uydu", ["ekmek OR uydu"]),
        ("ekmek uydu -zam", []),  # "zam" is not what was asked for
        ("ekmek ve uydu", ["ekmek OR uydu"]),
        ("xyzzyxyzzy", []),
        ("qq", []),
        ("😀", []),
    ],
)
def test_where_nothing_is_found_a_word_of_the_articles_is_suggested(
    db: Database, typed: str, expected: list[str]
) -> None:
    suggested = suggestions(db, typed)

    assert [one.lower() for one in suggested[:1]] == [one.lower() for one in expected]
    assert all(search(db, one).total for one in suggested)


# ---------------------------------------------------------------- the command


def run(held: ArchiveDir, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(commands, ["search", "--archive", str(held.root), *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_prints_for_people_programs_and_spreadsheets(held: ArchiveDir) -> None:
    code, out, err = run(held, "ekmek", "-zam")
    assert (code, err) == (0, "1–1 of 1\n")
    assert out.startswith("Ekmek fiyatları arttı\n  2019-03-05 09:30  Ekonomi  http://haber.example/ekmek/\n  ")
    assert "«ekmek» yüzde yirmi" in out
    assert "\x1b" not in out

    _, out, err = run(held, "--json", "uydu")
    assert err == ""
    assert '"title": "Baykonur’dan uydu fırlatıldı"' in out
    assert '"total": 1' in out

    _, out, _ = run(held, "--csv", "--sort", "oldest")
    assert [line.split(",")[0] for line in out.splitlines()][:2] == ["url", "http://haber.example/ekmek/"]


def test_the_command_says_what_else_to_type(held: ArchiveDir) -> None:
    assert run(held, "seçmi")[2].startswith("nothing found\ndid you mean Seçim ?")
    assert run(held, "ekmek", "--offset", "5")[2] == "nothing behind the first 1\n"
    assert '"suggestions": [\n    "Seçim"' in run(held, "seçmi", "--json")[1]
    code, _, err = run(held, "--limt", "5", "ekmek")
    assert code != 0
    assert "--limt" in err


def test_known_words_need_no_dictionary(held: ArchiveDir) -> None:
    """It takes a second to load; so do dateparser and Scrapy, which no search needs."""
    code = (
        "import sys; from archive.cli import commands\n"
        f"commands(['search', '--archive', {str(held.root)!r}, 'ekmek', 'secim*', '-uydular'], standalone_mode=False)\n"
        "assert not {'simplemma', 'dateparser', 'scrapy', 'lxml'} & set(sys.modules), 'loaded'"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr

"""Questions and their answers: search, one URL, differences, SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from archives import exchange, make_archive, page, write_warc
from sqlite_utils import Database

from archive import query
from archive.config import ArchiveDir
from archive.differences import compare
from archive.edits import changes
from archive.errors import NotCapturedError, QueryError
from archive.index import index_archive
from archive.model import BlockKind
from archive.schema import connect_readonly
from archive.sql import run_sql
from archive.times import end_of, parse_time

FILL = "Yetkililer konuyla ilgili ayrıntıların önümüzdeki günlerde kamuoyuyla paylaşılacağını bildirdi."
BREAD = page(
    "Ekmek fiyatları arttı",
    "Fırıncılar Odası Başkanı, un maliyetlerinin yükseldiğini söyledi. Astana’da ekmek yüzde on zamlandı.",
    FILL,
    date="05 Mart 2019 Salı, 09:30",
)
BREAD_LATER = BREAD.replace("yüzde on zamlandı".encode(), "yüzde yirmi zamlandı".encode())
SPACE = page(
    "Baykonur’dan uydu fırlatıldı",
    "İki ülkenin ortak uydusu gece yarısı yörüngeye yerleştirildi. ISPARTA’dan gelen öğrenciler de izledi.",
    FILL,
    date="12 Nisan 2021 Pazartesi, 03:15",
)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    directory = make_archive(tmp_path_factory.mktemp("query") / "a")
    write_warc(
        directory,
        "a",
        [
            exchange("/ekmek/", BREAD, at="2024-01-01T10:00:00Z"),
            exchange("/uydu/", SPACE, at="2024-01-01T10:00:05Z"),
            exchange("/eski/", b"", at="2024-01-01T10:00:06Z", status="301 Moved", fields="Location: /uydu/\r\n"),
            exchange("/ekmek/", BREAD_LATER, at="2024-02-01T10:00:00Z"),
        ],
    )
    index_archive(directory)
    return directory


@pytest.fixture
def db(held: ArchiveDir) -> Database:
    return connect_readonly(held.db)


def test_an_article_is_shown_as_it_was(db: Database) -> None:
    before = query.article(db, "http://haber.example/ekmek/", at=parse_time("2024-01-02"))
    now = query.article(db, "http://haber.example/ekmek/")

    assert "yüzde on zam" in str(before.fields["text"])
    assert "yüzde yirmi zam" in str(now.fields["text"])
    assert (now.captures, now.wordings) == (2, 2)


def test_the_address_need_not_be_typed_exactly(db: Database) -> None:
    assert query.article(db, "https://www.HABER.example/uydu").fields["title"] == "Baykonur’dan uydu fırlatıldı"


def test_a_page_that_is_none_or_no_article_is_said_so(db: Database) -> None:
    with pytest.raises(NotCapturedError, match=r"did you mean http://haber.example/ekmek/ \?"):
        query.article(db, "http://haber.example/ekme")
    with pytest.raises(NotCapturedError, match="captured, but not as an article: it is a redirect to /uydu/"):
        query.article(db, "http://haber.example/eski/")


def test_the_payload_is_what_was_served(db: Database, held: ArchiveDir) -> None:
    assert query.payload(db, held, "http://haber.example/uydu/").decoded() == SPACE


def test_a_difference_is_in_words(db: Database) -> None:
    pieces = compare(db, "http://haber.example/ekmek/").pieces

    assert [(piece.change, piece.text) for piece in pieces if piece.change != "same"] == [
        ("removed", "on"),
        ("added", "yirmi"),
    ]
    with pytest.raises(NotCapturedError, match="one wording"):
        compare(db, "http://haber.example/uydu/")


def test_changes_name_the_edit(db: Database) -> None:
    assert [(change.kind, change.url, change.at, change.what) for change in changes(db)] == [
        ("edited", "http://haber.example/ekmek/", "2024-02-01T10:00:00.000000Z", "a number: on → yirmi")
    ]
    assert changes(db, since=parse_time("2024-03")) == []


def test_sql_reads_and_only_reads(held: ArchiveDir) -> None:
    columns, rows, _ = run_sql(held, "SELECT url FROM articles ORDER BY 1")
    assert (columns, [row[0] for row in rows]) == (
        ["url"],
        ["http://haber.example/ekmek/", "http://haber.example/uydu/"],
    )

    for statement in (
        "DELETE FROM articles",
        "DROP TABLE articles",
        "CREATE TABLE x (a)",
        "PRAGMA query_only = OFF; DELETE FROM spam",
    ):
        with pytest.raises(QueryError):
            run_sql(held, statement)
    with pytest.raises(QueryError, match="longer than"):
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        run_sql(held, endless, seconds=0.2)


def test_the_state_adds_up(db: Database, held: ArchiveDir) -> None:
    state = query.status(db, held)

    assert (state["captures"], state["articles"], state["wordings"], state["bytes_not_indexed"]) == (4, 2, 3, 0)


@pytest.mark.parametrize(
    ("typed", "expected", "end"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
        ("2024-12", datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        ("20240229", datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        ("202402290930", datetime(2024, 2, 29, 9, 30, tzinfo=UTC), datetime(2024, 2, 29, 9, 31, tzinfo=UTC)),
        ("20240229093015", datetime(2024, 2, 29, 9, 30, 15, tzinfo=UTC), datetime(2024, 2, 29, 9, 30, 16, tzinfo=UTC)),
        ("2024-02-29T09:30:15Z", datetime(2024, 2, 29, 9, 30, 15, tzinfo=UTC), None),
        ("2024-02-29T15:30:15+06:00", datetime(2024, 2, 29, 9, 30, 15, tzinfo=UTC), None),
    ],
)
def test_times_as_people_type_them(typed: str, expected: datetime, end: datetime | None) -> None:
    assert parse_time(typed) == expected
    if end:
        assert end_of(typed) == end


def test_a_time_without_a_zone_is_by_the_clock_that_is_meant() -> None:
    almaty = ZoneInfo("Asia/Almaty")

    assert parse_time("2024-02-29", almaty) == datetime(2024, 2, 28, 18, tzinfo=UTC)
    assert end_of("2024-02-29", almaty) == datetime(2024, 2, 29, 19, tzinfo=UTC)  # the clocks went back that night
    assert end_of("2024-03-01T00:00Z", almaty) == datetime(2024, 3, 1, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["", "yesterday", "2024-13", "2024-02-30", "12", "99999999999999"])
def test_what_is_no_time_is_an_error_with_examples(typed: str) -> None:
    with pytest.raises(QueryError, match="is not a time"):
        parse_time(typed)


def test_a_timemap_in_link_format(db: Database) -> None:
    text = query.links(query.timemap(db, "http://haber.example/ekmek/").captures, replay="http://127.0.0.1:8002/web/")

    assert text.splitlines()[0] == '<http://haber.example/ekmek/>; rel="original",'
    assert 'web/20240101100000/http://haber.example/ekmek/>; rel="memento"' in text
    assert 'datetime="Mon, 01 Jan 2024 10:00:00 GMT"' in text


def test_paragraphs_stay_in_order(db: Database) -> None:
    import json

    blocks = json.loads(str(query.article(db, "http://haber.example/uydu/").fields["blocks"]))

    assert [kind for kind, _, _ in blocks] == [BlockKind.PARAGRAPH, BlockKind.PARAGRAPH]


def test_an_archive_without_rows_says_what_to_run(tmp_path: Path) -> None:
    from archive.errors import MuragatError

    with pytest.raises(MuragatError, match="muragat index"):
        connect_readonly(make_archive(tmp_path / "a").db)

"""Rows are a function of the WARCs: while they grow, of whatever is not whole, and after a rebuild."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archives import dump, exchange, make_archive, page, run, write_warc

from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.index import index_archive
from archive.model import Exchange
from archive.query import article
from archive.rebuild import rebuild
from archive.schema import connect_readonly
from archive.warc import Original

LONG = "Kazakistan ile Türkiye arasındaki ticaret hacmi geçen yıl yüzde on iki arttı ve altı milyar dolara ulaştı."
MORE = "Toplantıda iki ülkenin bakanları ulaştırma, enerji ve eğitim alanındaki ortak projeleri de görüştü."
OLD = page("Ticaret hacmi arttı", LONG, MORE)
NEW = page("Ticaret hacmi arttı", LONG.replace("on iki", "on beş"), MORE)
OTHER = page("Astana’da kar yağışı", "Başkentte sabah saatlerinde başlayan kar yağışı ulaşımı olumsuz etkiledi.", MORE)


def rows(directory: ArchiveDir, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(directory.db)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def story(directory: ArchiveDir) -> None:
    """Three crawls: two articles; one edited and one revisited; one deleted."""
    first = exchange("/ticaret/", OLD, at="2024-01-01T10:00:00Z")
    snow = exchange("/kar/", OTHER, at="2024-01-01T10:00:01Z")
    write_warc(directory, "a", [first, snow])
    again = exchange("/kar/", OTHER, at="2024-02-01T10:00:01Z")
    write_warc(
        directory,
        "b",
        [exchange("/ticaret/", NEW, at="2024-02-01T10:00:00Z"), (again, Original(snow.url, snow.captured_at, False))],
    )
    gone = exchange("/ticaret/", b"<h1>404</h1>", at="2024-03-01T10:00:00Z", status="404 Not Found")
    write_warc(directory, "c", [gone])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    directory = make_archive(tmp_path_factory.mktemp("told") / "a")
    story(directory)
    index_archive(directory)
    return directory


def test_an_edit_makes_a_second_wording_and_a_revisit_none(told: ArchiveDir) -> None:
    assert rows(told, "SELECT url, versions FROM articles ORDER BY url") == [
        ("http://haber.example/kar/", 1),
        ("http://haber.example/ticaret/", 2),
    ]
    seen = rows(told, "SELECT seen_from, seen_to, captures FROM versions WHERE url LIKE '%kar%'")
    assert seen == [("2024-01-01T10:00:01.000000Z", "2024-02-01T10:00:01.000000Z", 2)]


def test_the_current_wording_is_the_newest_and_a_deletion_is_dated(told: ArchiveDir) -> None:
    text, gone = rows(told, "SELECT text, gone_at FROM articles WHERE url LIKE '%ticaret%'")[0]

    assert "on beş" in str(text)
    assert gone == "2024-03-01T10:00:00.000000Z"


def test_indexing_twice_changes_nothing(told: ArchiveDir) -> None:
    before = dump(told.db)

    assert index_archive(told).captures == 0
    assert dump(told.db) == before


def test_a_rebuild_gives_the_same_rows_beside_an_open_reader(told: ArchiveDir) -> None:
    before = dump(told.db)
    reader = sqlite3.connect(told.db)
    assert reader.execute("SELECT count(*) FROM articles").fetchone() == (2,)

    rebuild(told)

    assert dump(told.db) == before
    assert reader.execute("SELECT count(*) FROM articles").fetchone() == (2,)
    reader.close()
    assert not list(told.root.glob("*.rebuild*"))


def test_rows_follow_a_file_that_is_still_open(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    writer = write_warc(directory, "a", [exchange("/kar/", OTHER, at="2024-01-01T10:00:00Z")], close=False)
    index_archive(directory)
    assert rows(directory, "SELECT warc FROM captures") == [("a.warc.gz",)]

    with writer.open_path.open("ab") as file:  # half a record, as a reader may meet it
        file.write(b"\x1f\x8b\x08\x00\x00\x00")
    index_archive(directory)
    assert len(rows(directory, "SELECT warc FROM captures")) == 1

    os.truncate(writer.open_path, writer.size)
    writer.write_exchange(exchange("/ticaret/", OLD, at="2024-01-01T10:00:05Z"))
    index_archive(directory)
    assert len(rows(directory, "SELECT warc FROM captures")) == 2
    assert rows(directory, "SELECT count(*) FROM articles") == [(2,)]


def test_a_damaged_record_is_skipped_counted_and_reported(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    writer = write_warc(
        directory,
        "a",
        [exchange(f"/{n}/", page(f"Haber {n}", LONG, MORE), at=f"2024-01-01T10:00:0{n}Z") for n in range(3)],
    )
    whole = rows_of(directory)
    middle = whole[1]
    content = bytearray(writer.path.read_bytes())
    content[middle + 40] ^= 0xFF
    writer.path.write_bytes(content)
    shutil.rmtree(directory.locks)
    directory.db.unlink()

    report = index_archive(directory)

    assert [line for line in report.damaged if f"a.warc.gz at byte {middle}" in line]
    assert rows(directory, "SELECT damaged FROM warcs") == [(1,)]
    assert {url for (url,) in rows(directory, "SELECT url FROM captures")} == {
        "http://haber.example/0/",
        "http://haber.example/2/",
    }


def rows_of(directory: ArchiveDir) -> list[int]:
    index_archive(directory)
    return [int(str(offset)) for (offset,) in rows(directory, "SELECT offset FROM captures ORDER BY offset")]


def test_a_page_that_breaks_the_reader_is_a_row_not_a_stop(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    strange = exchange("/x/", b"\x28\xb5\x2f\xfd", at="2024-01-01T10:00:00Z", fields="Content-Encoding: zstd\r\n")
    write_warc(directory, "a", [strange, exchange("/kar/", OTHER, at="2024-01-01T10:00:05Z")])

    index_archive(directory)

    kind, _ = rows(directory, "SELECT kind, reason FROM captures WHERE url LIKE '%/x/'")[0]
    assert kind == "other"
    assert rows(directory, "SELECT count(*) FROM articles") == [(1,)]


def test_continuation_pages_join_their_first_page(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    links = '<div>Sayfalar: <a href="/uzun/">1</a> <a href="/uzun/2/">2</a></div>'
    write_warc(
        directory,
        "a",
        [
            exchange("/uzun/2/", page("Uzun haber", MORE, extra=links), at="2024-01-01T10:00:00Z"),
            exchange("/uzun/", page("Uzun haber", LONG, extra=links), at="2024-01-01T10:00:05Z"),
        ],
    )

    index_archive(directory)

    found = rows(directory, "SELECT url, pages, text FROM articles")
    assert [(url, pages) for url, pages, _ in found] == [("http://haber.example/uzun/", 2)]
    assert str(found[0][2]).index("ticaret hacmi") < str(found[0][2]).index("ortak projeleri")


def test_the_crawl_s_own_account_is_a_row(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    writer = write_warc(directory, "a", [exchange("/kar/", OTHER, at="2024-01-01T10:00:00Z")], close=False)
    end = datetime(2024, 1, 1, 11, tzinfo=UTC)
    writer.write_crawl_end("a", at=end, fields={"reason": "finished", "offered": "3", "fetched": "1", "skipped": "2"})

    index_archive(directory)

    assert rows(directory, "SELECT name, site, finished_at, reason, offered, fetched, skipped FROM crawls") == [
        ("a", "haber", "2024-01-01T11:00:00.000000Z", "finished", 3, 1, 2)
    ]


def test_blocks_and_sources_are_json(told: ArchiveDir) -> None:
    blocks, sources = rows(told, "SELECT blocks, sources FROM versions WHERE url LIKE '%kar%'")[0]

    assert json.loads(str(blocks))[0][0] == "paragraph"
    assert json.loads(str(sources))["title"]


def test_an_indexer_of_its_own_follows_the_open_file_until_the_crawl_ends(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    writer = write_warc(directory, "a", [exchange("/kar/", OTHER, at="2024-01-01T10:00:00Z")], close=False)
    child = subprocess.Popen([sys.executable, "-P", "-m", "archive.index", str(directory.root)], stdin=subprocess.PIPE)

    def articles() -> int:
        if not directory.db.exists():
            return 0
        try:
            return int(str(rows(directory, "SELECT count(*) FROM articles")[0][0]))
        except sqlite3.OperationalError:  # the tables are being made
            return 0

    def wait_for(count: int) -> bool:
        deadline = time.monotonic() + 30
        while articles() < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return articles() == count

    assert wait_for(1)
    writer.write_exchange(exchange("/ticaret/", OLD, at="2024-01-01T10:00:05Z"))
    assert wait_for(2)

    writer.write_exchange(exchange("/son/", page("Son haber", LONG, MORE), at="2024-01-01T10:00:09Z"))
    writer.close()
    assert child.stdin
    child.stdin.close()  # as when the crawl ends, however it ends

    assert child.wait(timeout=30) == 0
    assert articles() == 3


def test_a_rebuild_replaces_what_is_no_database(told: ArchiveDir, tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    shutil.copytree(told.warcs, directory.warcs, dirs_exist_ok=True)
    shutil.copy(told.manifest, directory.manifest)
    directory.db.write_bytes(b"not a database at all " * 100)

    rebuild(directory)

    assert dump(directory.db) == dump(told.db)
    assert (directory.root / "archive.db.broken").exists()


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_rebuild_replaces_a_database_that_was_cut(told: ArchiveDir, tmp_path: Path, part: float) -> None:
    directory = make_archive(tmp_path / "a")
    shutil.copytree(told.warcs, directory.warcs, dirs_exist_ok=True)
    shutil.copy(told.manifest, directory.manifest)
    with closing(sqlite3.connect(told.db)) as db:
        db.execute("VACUUM INTO ?", [str(directory.db)])
    with directory.db.open("r+b") as file:
        file.truncate(int(directory.db.stat().st_size * part))

    rebuild(directory)

    assert dump(directory.db) == dump(told.db)
    assert run(directory, "index")[0] == 0


@pytest.mark.parametrize("words", [("index",), ("index", "--rebuild")])
def test_a_folder_in_the_place_of_the_database_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    directory = make_archive(tmp_path / "a")
    directory.db.mkdir()

    code, said = run(directory, *words)

    assert (code, said.count("\n")) == (1, 0)
    assert "it is a folder; move it away" in said


# ---------------------------------------------------------------- answers that are not whole, or not there


def test_half_an_article_is_no_wording_of_it(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    whole = exchange("/ticaret/", OLD, at="2024-01-01T10:00:00Z")
    cut = exchange("/ticaret/", OLD[: len(OLD) // 2], at="2024-02-01T10:00:00Z")
    write_warc(directory, "a", [whole, replace(cut, truncated="disconnect")])

    index_archive(directory)

    assert rows(directory, "SELECT versions, last_seen_at FROM articles") == [(1, "2024-01-01T10:00:00.000000Z")]
    assert rows(directory, "SELECT truncated, kind, reason FROM captures WHERE truncated NOT NULL") == [
        ("disconnect", "other", "cut short: disconnect")
    ]


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")])
def test_a_304_shows_what_the_capture_before_it_shows_in_any_order(tmp_path: Path, order: tuple[str, str, str]) -> None:
    directory = make_archive(tmp_path / "a")
    parts = {
        "a": exchange("/ticaret/", OLD, at="2024-01-01T10:00:00Z"),
        "b": exchange("/ticaret/", NEW, at="2024-02-01T10:00:00Z"),
        "c": exchange("/ticaret/", b"", at="2024-03-01T10:00:00Z", status="304 Not Modified"),
    }
    for name in order:
        write_warc(directory, name, [parts[name]])
        index_archive(directory)

    assert rows(directory, "SELECT last_seen_at, versions, gone_at FROM articles") == [
        ("2024-03-01T10:00:00.000000Z", 2, None)
    ]
    assert rows(directory, "SELECT seen_from, seen_to, captures FROM versions ORDER BY seen_from") == [
        ("2024-01-01T10:00:00.000000Z", "2024-01-01T10:00:00.000000Z", 1),
        ("2024-02-01T10:00:00.000000Z", "2024-03-01T10:00:00.000000Z", 2),
    ]
    # What is cited has the text in it.
    ((cited,),) = rows(directory, "SELECT warc FROM articles")
    assert cited == "b.warc.gz"


@pytest.mark.parametrize(
    "location, gone",
    [("/", True), ("http://www.haber.example/", True), ("/baska/", False), ("http://baska.example/", False)],
)
def test_a_page_that_sends_us_to_the_front_page_is_gone(tmp_path: Path, location: str, gone: bool) -> None:
    directory = make_archive(tmp_path / "a")
    sent = exchange("/kar/", b"", at="2024-02-01T10:00:00Z", status="302 Found", fields=f"Location: {location}\r\n")
    write_warc(directory, "a", [exchange("/kar/", OTHER, at="2024-01-01T10:00:00Z"), sent])

    index_archive(directory)

    assert rows(directory, "SELECT gone_at FROM articles") == [("2024-02-01T10:00:00.000000Z" if gone else None,)]


# ---------------------------------------------------------------- what readers wrote


def below(*comments: tuple[str, str, str]) -> str:
    """A comment area with these names, printed dates and texts."""
    rows = "".join(
        f'<li class="comment"><b class="fn">{name}</b> <time>{date}</time><p class="comment-content">{text}</p></li>'
        for name, date, text in comments
    )
    return f'<section id="comments"><h2>{len(comments)} yorum</h2><ol class="comment-list">{rows}</ol></section>'


GOOD, BAD = ("Ayla", "3 gün önce", "Güzel haber."), ("Murat", "02 Ocak 2024, 09:00", "Rakamlar yanlış.")
AGAIN = ("Ayla", "1 ay önce", "Güzel haber.")  # the same one, a month later


def commented() -> dict[str, Exchange]:
    """One page in three crawls: a comment, the same and another one, that other one alone; then a 304."""
    at = [f"2024-0{month}-05T10:00:00Z" for month in (1, 2, 3, 4)]
    return {
        "a": exchange("/kar/", page("Kar yağdı", LONG, MORE, extra=below(GOOD)), at=at[0]),
        "b": exchange("/kar/", page("Kar yağdı", LONG, MORE, extra=below(AGAIN, BAD)), at=at[1]),
        "c": exchange("/kar/", page("Kar yağdı", LONG, MORE, extra=below(BAD)), at=at[2]),
        "d": exchange("/kar/", b"", at=at[3], status="304 Not Modified"),
    }


def test_a_comment_is_no_new_wording_and_is_kept_with_when_it_was_seen(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    for name, one in commented().items():
        write_warc(directory, name, [one])
    index_archive(directory)

    assert rows(directory, "SELECT versions, comment_count FROM articles") == [(1, 1)]
    kept = rows(
        directory,
        "SELECT author, text, substr(posted_at, 1, 10), posted_as, substr(first_seen_at, 1, 7),"
        " substr(last_seen_at, 1, 7), captures FROM comments ORDER BY author",
    )
    assert kept == [
        # Counted from the first capture that shows it, which is the closest to the day.
        ("Ayla", "Güzel haber.", "2024-01-02", "3 gün önce", "2024-01", "2024-02", 2),
        ("Murat", "Rakamlar yanlış.", "2024-01-02", "02 Ocak 2024, 09:00", "2024-02", "2024-04", 3),
    ]
    counts = rows(directory, "SELECT comment_count FROM captures ORDER BY captured_at")
    assert counts == [(1,), (2,), (1,), (1,)]
    # As that capture showed them, dates and all.
    shown = article(connect_readonly(directory.db), "http://haber.example/kar/", at=datetime(2024, 2, 5, tzinfo=UTC))
    assert [(one["author"], one["posted_as"]) for one in shown.comments] == [
        ("Ayla", "1 ay önce"),
        ("Murat", "02 Ocak 2024, 09:00"),
    ]
    assert shown.comment_count == 2


def test_comments_are_the_same_rows_in_every_order_and_after_a_rebuild(tmp_path: Path) -> None:
    written = make_archive(tmp_path / "written")
    for name, one in commented().items():
        write_warc(written, name, [one])
    index_archive(written)
    expected = dump(written.db)

    for number, order in enumerate(("dcba", "bdac", "cadb")):
        directory = make_archive(tmp_path / str(number))
        for name in order:
            shutil.copy(written.warcs / f"{name}.warc.gz", directory.warcs)
            index_archive(directory)
        shutil.copy(written.manifest, directory.manifest)
        index_archive(directory)

        assert dump(directory.db) == expected, order
        rebuild(directory)
        assert dump(directory.db) == expected, order


def test_an_archive_of_the_schema_before_opens_and_a_rebuild_fills_it(tmp_path: Path, told: ArchiveDir) -> None:
    directory = make_archive(tmp_path / "a")
    shutil.copytree(told.warcs, directory.warcs, dirs_exist_ok=True)
    shutil.copy(told.manifest, directory.manifest)
    index_archive(directory)
    whole = dump(directory.db)
    make_older(directory.db)
    with pytest.raises(MuragatError, match="older muragat; `muragat index`"):
        connect_readonly(directory.db)

    index_archive(directory)

    assert rows(directory, "SELECT DISTINCT confidence FROM versions") == [("{}",)]
    assert rows(directory, "SELECT count(*) FROM comments") == [(0,)]
    rebuild(directory)
    assert dump(directory.db) == whole


def make_older(database: Path) -> None:
    """Take out of an archive.db what schema 4 has brought."""
    connection = sqlite3.connect(database)
    for table in ("comments", "comment_sightings"):
        connection.execute(f"DROP TABLE {table}")
    for table, column in (("versions", "confidence"), ("versions", "access"), ("captures", "comment_count")):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm004%'")
    connection.execute("PRAGMA user_version = 3")
    connection.commit()
    connection.close()

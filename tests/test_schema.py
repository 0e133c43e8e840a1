"""archive.db as others meet it: explained to the last column, whole by its foreign keys, brought up to date."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archives import dump, exchange, make_archive, page, write_warc
from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.errors import MuragatError, SchemaTooNewError
from archive.importing import import_files
from archive.index import index_archive, index_stale
from archive.rebuild import rebuild
from archive.reference import QUERIES, reference
from archive.schema import ABOUT, SCHEMA_VERSION, SEARCH_COLUMNS, TABLES, connect, connect_readonly
from archive.sql import run_sql
from archive.views import ABOUT_VIEWS, VIEWS
from archive.warc import Original

ROOT = Path(__file__).resolve().parent.parent
TEXT = "Fırıncılar Odası Başkanı Ali Yılmaz, un fiyatının yükseldiğini söyledi. Ekmek yüzde 12 zamlandı."
MORE = "Yetkililer konuyla ilgili ayrıntıların önümüzdeki günlerde kamuoyuyla paylaşılacağını bildirdi."
LINK = '<p>Ayrıntı: <a href="https://kumar.example/bonus">casino bonus</a></p>'
READER = (
    '<section id="comments"><h2>1 yorum</h2><ol class="comment-list"><li class="comment"><b class="fn">Ayla</b>'
    '<p class="comment-content">Güzel haber.</p></li></ol></section>'
)


def told(folder: Path) -> ArchiveDir:
    """An edit, a deletion, a copy, a revisit, a 304, a further page, a comment, a failure; a WARC for each month."""
    directory = make_archive(folder)
    author = '<meta name="author" content="Ali Yılmaz"><meta property="article:section" content="Ekonomi">'
    later = page("Ekmek", TEXT.replace("12", "15"), MORE, head=author, extra=READER)
    snow = exchange("/kar/", page("Kar yağdı", MORE, TEXT), at="2024-01-01T10:00:02Z")
    links = '<div>Sayfalar: <a href="/uzun/">1</a> <a href="/uzun/2/">2</a></div>'
    long = page("Uzun", f"{TEXT}</p><h2>Ara başlık</h2><p>{TEXT.replace('12', '20')}", extra=links)
    write_warc(
        directory,
        "a",
        [
            exchange("/ekmek/", page("Ekmek", TEXT, MORE, head=author, extra=READER), at="2024-01-01T10:00:00Z"),
            exchange("/kopya/", later, at="2024-01-01T10:00:01Z"),
            snow,
            exchange("/uzun/2/", page("Uzun", f"<b>{MORE}</b>", extra=links), at="2024-01-01T10:00:03Z"),
            exchange("/uzun/", long, at="2024-01-01T10:00:04Z"),
            exchange("/yok/", b"", at="2024-01-01T10:00:05Z", status="500 Internal Server Error"),
        ],
    )
    again = exchange("/kar/", page("Kar yağdı", MORE, TEXT), at="2024-02-01T10:00:02Z")
    write_warc(
        directory,
        "b",
        [
            exchange("/ekmek/", later, at="2024-02-01T10:00:00Z"),
            (again, Original(snow.url, snow.captured_at, False)),
            exchange("/ekmek/", b"", at="2024-02-02T10:00:00Z", status="304 Not Modified"),
        ],
    )
    write_warc(directory, "c", [exchange("/kar/", b"", at="2024-03-01T10:00:00Z", status="404 Not Found")])
    return directory


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    directory = told(tmp_path_factory.mktemp("schema") / "a")
    index_archive(directory)
    return directory


def broken_keys(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("PRAGMA foreign_key_check").fetchall()


# ---------------------------------------------------------------- explained


def test_the_reference_is_current() -> None:
    assert (ROOT / "docs" / "schema.md").read_text("utf-8") == reference() + "\n", "`make schema` makes it anew"


def test_every_table_view_and_column_is_explained(whole: ArchiveDir) -> None:
    db = connect_readonly(whole.db)
    made = {
        (kind, name): {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
        for kind, name in db.execute("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')")
    }
    tables = {name: columns for (kind, name), columns in made.items() if kind == "table"}

    assert {name: set(columns) for name, columns in TABLES.items()} == {name: tables[name] for name in TABLES}
    assert {name: set(ABOUT_VIEWS[name][1]) for name in VIEWS} == {n: c for (k, n), c in made.items() if k == "view"}
    assert tables["search"] == tables["search_older"] == set(SEARCH_COLUMNS)
    others = {name for name in tables if not name.startswith(("search", "sqlite_", "_sqlite_"))}
    assert others == TABLES.keys() == ABOUT.keys()
    texts = [text for columns in TABLES.values() for _, text in columns.values()]
    texts += [text for about, columns in ABOUT_VIEWS.values() for text in (about, *columns.values())]
    assert all(text.strip() for text in [*texts, *ABOUT.values(), *SEARCH_COLUMNS.values()])


@pytest.mark.parametrize(("question", "sql"), QUERIES, ids=[question for question, _ in QUERIES])
def test_every_example_has_an_answer(whole: ArchiveDir, question: str, sql: str) -> None:
    columns, rows, _ = run_sql(whole, sql)

    assert columns and rows


def test_the_views_tell_the_story(whole: ArchiveDir) -> None:
    def ask(sql: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in run_sql(whole, sql)[1]]

    assert ask("SELECT authors, section, wordings, duplicates, comment_count FROM latest WHERE url LIKE '%ekmek%'") == [
        ("Ali Yılmaz", "Ekonomi", 2, 1, 1)
    ]
    assert ask("SELECT title, gone_at, answer FROM gone") == [
        ("Kar yağdı", "2024-03-01T10:00:00.000000Z", "not found (404)")
    ]
    assert ask("SELECT * FROM by_month") == [("2017-10", "haber", 4, 1, 1)]
    assert ask("SELECT kind, what FROM changes ORDER BY at") == [
        ("edited", "a number: 12 → 15"),
        ("gone", "gone: not found (404)"),
    ]


def test_the_file_opens_with_sqlite_alone(whole: ArchiveDir) -> None:
    with closing(sqlite3.connect(f"file:{whole.db}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM latest").fetchone() == (4,)
        assert connection.execute("SELECT count(*) FROM search WHERE search MATCH 'title:ekmek'").fetchone() == (2,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# ---------------------------------------------------------------- foreign keys


def test_foreign_keys_hold_after_indexing_again_a_rebuild_and_an_import(tmp_path: Path, whole: ArchiveDir) -> None:
    directory = told(tmp_path / "a")
    index_archive(directory)
    assert broken_keys(directory.db) == []

    profile = directory.sites / "haber.toml"
    profile.write_text(profile.read_text("utf-8") + 'boilerplate = ["Yorum yaz"]\n', "utf-8")
    index_stale(directory)
    assert broken_keys(directory.db) == []
    rebuild(directory)
    assert broken_keys(directory.db) == []

    other = make_archive(tmp_path / "b")
    report = import_files(other, sorted(whole.warcs.glob("*.gz")), now=datetime(2024, 6, 1, tzinfo=UTC))
    assert report.ok and connect_readonly(other.db).execute("SELECT count(*) FROM articles").fetchone() == (4,)
    assert broken_keys(other.db) == []


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_enforced_foreign_keys_do_not_stop_the_indexer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    def enforcing(path: Path) -> Database:
        db = connect(path)
        db.execute("PRAGMA foreign_keys = ON")
        return db

    monkeypatch.setattr("archive.index.connect", enforcing)
    directory = told(tmp_path / "a")
    (tmp_path / "a" / "warcs").rename(tmp_path / "all")
    directory.warcs.mkdir()

    for name in order:
        (tmp_path / "all" / f"{name}.warc.gz").rename(directory.warcs / f"{name}.warc.gz")
        assert index_archive(directory).damaged == []
    forget(directory, "a.warc.gz")

    db = enforcing(directory.db)
    assert db.execute("SELECT count(*) FROM captures").fetchone() == (4,)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO article_tags VALUES (1, 'kar')")


def test_the_fields_of_a_forgotten_capture_pass_to_the_next_one(tmp_path: Path) -> None:
    """A wording shown in two WARCs, of which the first is replaced by an empty one: it was seen from the second on."""
    directory = make_archive(tmp_path / "a")
    for name, month in (("a", 1), ("b", 2)):
        write_warc(directory, name, [exchange("/kar/", page("Kar yağdı", TEXT), at=f"2024-0{month}-01T10:00:00Z")])
    index_archive(directory)

    forget(directory, "a.warc.gz")

    assert connect_readonly(directory.db).execute("SELECT seen_from, warc, captures FROM versions").fetchall() == [
        ("2024-02-01T10:00:00.000000Z", "b.warc.gz", 1)
    ]


def forget(directory: ArchiveDir, name: str) -> None:
    """Make a WARC shorter than what was indexed of it, while it is not closed: its rows go."""
    db = connect(directory.db)
    db.execute("UPDATE warcs SET size_bytes = NULL WHERE filename = ?", [name])
    db.conn.close()
    (directory.warcs / name).write_bytes(b"")
    index_archive(directory)


# ---------------------------------------------------------------- older and newer files


def named(db: Database) -> dict[str, list[str]]:
    """Every row with the names of its columns: their order is another in a file that was brought up to date."""
    return {table: sorted(str(sorted(row.items())) for row in db.query(f'SELECT * FROM "{table}"')) for table in TABLES}


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_file_of_each_older_schema_is_brought_up_to_date(tmp_path: Path, whole: ArchiveDir, version: int) -> None:
    """Files as muragat made them at schema 1, 2 …: read-only they are refused, `index` completes them."""
    directory = make_archive(tmp_path / "a")
    shutil.copytree(whole.warcs, directory.warcs, dirs_exist_ok=True)
    shutil.copy(whole.manifest, directory.manifest)
    with closing(sqlite3.connect(directory.db)) as connection:
        connection.executescript((ROOT / "tests" / "schemas" / f"{version}.sql").read_text("utf-8"))
        connection.execute("INSERT INTO crawls (name, site) VALUES ('kept', 'haber')")
        connection.commit()
    with pytest.raises(MuragatError, match="older muragat; `muragat index` brings it up to date"):
        connect_readonly(directory.db)

    index_archive(directory)

    db = connect_readonly(directory.db)
    assert db.execute("SELECT site FROM crawls WHERE name = 'kept'").fetchone() == ("haber",)
    assert {view for (view,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")} == VIEWS.keys()
    expected = named(connect_readonly(whole.db))
    assert {**named(db), "crawls": expected["crawls"]} == expected
    assert broken_keys(directory.db) == []
    rebuild(directory)
    assert dump(directory.db) == dump(whole.db)


def test_a_newer_file_is_left_alone_with_one_clear_line(tmp_path: Path, whole: ArchiveDir) -> None:
    newer = Path(shutil.copy(whole.db, tmp_path / "archive.db"))
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = newer.read_bytes()

    for open_ in (connect, connect_readonly):
        with pytest.raises(SchemaTooNewError, match=f"has schema {SCHEMA_VERSION + 1}, this muragat knows up to"):
            open_(newer)

    assert newer.read_bytes() == before

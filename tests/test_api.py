"""`from archive import Archive`, and the documents that show it: their examples are run here, on the bundled site."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from archives import HOST, exchange, make_archive, page, write_warc

import archive
from archive import Archive
from archive.errors import MuragatError, NotCapturedError, QueryError
from archive.export.tables import COLUMNS
from archive.index import index_archive
from archive.model import Comment, Crawl, Precision
from crawler.demo.gold import load_gold
from crawler.demo.server import DemoSite

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEXT = "Fırıncılar un fiyatlarının artmasından yakındı ve belediyeden destek istedi, haber ajansı bildirdi. " * 4
URL = f"http://{HOST}/ekmek/"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the bundled site, crawled before and after it changed."""
    root = tmp_path_factory.mktemp("api") / "archive"
    with DemoSite() as site:
        muragat(root, "init", str(root), "--site", site.url, "--contact", "test@example.org")
        muragat(root, "crawl")
        site.change()
        muragat(root, "crawl", "--full")
    return root


def muragat(root: Path, *words: str, cwd: Path | None = None) -> str:
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An article in two wordings, one that is gone, and a hundred and fifty that are alike."""
    directory = make_archive(tmp_path_factory.mktemp("kept"))
    many = [
        exchange(f"/{n}/", page(f"Haber {n}", f"{n}. {TEXT}"), at=f"2024-01-01T01:{n // 60:02}:{n % 60:02}Z")
        for n in range(150)
    ]
    first = exchange("/ekmek/", page("Ekmek zammı", "Simit. " + TEXT, date="06 Ekim 2017"), at="2024-01-01")
    write_warc(directory, "haber-1", [first, exchange("/yok/", page("Yok olan", TEXT), at="2024-01-01"), *many])
    edited = page("Ekmek zammı", "Simit. " + TEXT + "Zam geri alındı.", date="06 Ekim 2017")
    write_warc(
        directory,
        "haber-2",
        [exchange("/ekmek/", edited, at="2024-02-01"), exchange("/yok/", b"", at="2024-02-01", status="404 Not Found")],
    )
    index_archive(directory)
    return directory.root


@pytest.fixture
def opened(kept: Path) -> Iterator[Archive]:
    with Archive(kept) as one:
        yield one


# ---------------------------------------------------------------- documents


def test_the_examples_of_the_document_on_the_api_hold(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)

    failed, tried = doctest.testfile(str(DOCS / "api.md"), module_relative=False, encoding="utf-8")

    assert (failed, tried > 30) == (0, True)


def test_the_commands_of_the_document_on_exports_run(demo: Path, tmp_path: Path) -> None:
    lines = re.findall(r"^    muragat (export [^#\n]+)", (DOCS / "export.md").read_text("utf-8"), re.MULTILINE)
    assert len(lines) == 7
    for line in lines:
        if ".parquet" in line:
            pytest.importorskip("pyarrow")
        printed = muragat(demo, *shlex.split(line), cwd=tmp_path)
        assert bool(printed) == (" - " in line)
    assert len(list(tmp_path.iterdir())) == 6


def test_nothing_injected_and_no_reader_s_comment_is_in_what_is_exported(demo: Path, tmp_path: Path) -> None:
    with Archive(demo) as opened:
        for form in ("csv", "jsonl", "wacz"):
            opened.export(tmp_path / f"a.{form}")
    with ZipFile(tmp_path / "a.wacz") as package:
        pages = package.read("pages/pages.jsonl").decode()
    csv_text = (tmp_path / "a.csv").read_text("utf-8-sig").replace('""', '"')
    said = [csv_text, *((json.dumps(json.loads(line), ensure_ascii=False)) for line in pages.splitlines())]
    said += (tmp_path / "a.jsonl").read_text("utf-8").splitlines()

    whole = "\n".join(said).replace('\\"', '"')
    strings = [
        text for one in [*load_gold(1), *load_gold(2)] for text in (*(spam for _, spam in one.spam), *one.comments)
    ]
    assert len(strings) > 20
    assert [text for text in strings if text in whole] == []
    assert all(one.title in whole for one in load_gold(2))


def test_the_document_on_exports_names_every_column() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\|$", (DOCS / "export.md").read_text("utf-8"), re.MULTILINE)

    assert rows == [(column.name, column.kind.value, column.means) for column in COLUMNS]


# ---------------------------------------------------------------- the archive


def test_archive_is_the_name_the_package_gives() -> None:
    assert archive.__all__ == ["Archive"]
    assert Path(archive.__file__).with_name("py.typed").is_file()
    with pytest.raises(AttributeError, match="Arcive"):
        archive.Arcive  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MuragatError, match="does not exist"):
        Archive(tmp_path / "nowhere")
    with pytest.raises(MuragatError, match=r"muragat\.toml"):
        Archive(tmp_path)


def test_nothing_can_be_written(opened: Archive) -> None:
    before = {path: path.read_bytes() for path in opened.directory.root.rglob("*") if path.is_file()}

    list(opened.search("ekmek"))
    opened.versions(URL)

    after = {path: path.read_bytes() for path in opened.directory.root.rglob("*") if path.is_file()}
    assert {path: body for path, body in after.items() if "archive.db-" not in path.name} == {
        path: body for path, body in before.items() if "archive.db-" not in path.name
    }


def test_search_goes_on_beyond_a_page(opened: Archive) -> None:
    everything = list(opened.search())
    assert len({found.url for found in everything}) == len(everything) == opened.count() == 152
    assert len(list(opened.search("fırıncı", limit=120))) == 120
    assert len(list(opened.search("fırıncı"))) == 152
    assert list(opened.search(limit=0)) == []


def test_search_gives_plain_texts_and_times(opened: Archive) -> None:
    (found,) = opened.search("simit")

    assert (found.url, found.title) == (URL, "Ekmek zammı")
    assert found.published_at == datetime(2017, 10, 5, 18, tzinfo=UTC)
    assert found.snippet.startswith("Simit. Fırıncılar un")
    assert found.gone_at is None
    gone = [one for one in opened.search() if one.gone_at]
    assert [(one.url, one.gone_at) for one in gone] == [(f"http://{HOST}/yok/", datetime(2024, 2, 1, tzinfo=UTC))]


@pytest.mark.parametrize("until", ["2017", "2017-10", "2017-10-06", datetime(2018, 1, 1, tzinfo=UTC)])
def test_a_text_names_the_whole_of_its_year_month_or_day(opened: Archive, until: datetime | str) -> None:
    assert URL in {found.url for found in opened.search("simit", since="2017", until=until)}
    assert opened.count("simit", until="2016") == 0


def test_a_question_that_is_none_is_refused(opened: Archive) -> None:
    with pytest.raises(QueryError):
        list(opened.search("?!"))
    with pytest.raises(QueryError):
        opened.article(URL, at="gestern")
    with pytest.raises(QueryError, match="relevance, date, oldest"):
        opened.search(sort="best")
    with pytest.raises(TypeError, match="no filter lang; there are since, "):
        opened.count(lang="kk")  # type: ignore[call-arg]


def test_an_article_that_is_gone_says_so(opened: Archive) -> None:
    assert opened.article(f"http://{HOST}/yok/").gone_at == datetime(2024, 2, 1, tzinfo=UTC)
    assert opened.article(URL).gone_at is None


def test_an_article_is_what_a_capture_shows(opened: Archive) -> None:
    first, last = opened.article(URL, at="2024-01"), opened.article(URL)

    assert (first.capture.warc, last.capture.warc) == ("haber-1.warc.gz", "haber-2.warc.gz")
    assert last.text.endswith("Zam geri alındı.") and not first.text.endswith("Zam geri alındı.")
    assert last.published_precision is Precision.DAY
    assert (last.seen_from, last.captures) == (datetime(2024, 2, 1, tzinfo=UTC), 1)
    assert opened.versions(URL) == [first, last]


def test_the_digest_of_a_wording_is_that_of_its_row(opened: Archive) -> None:
    """Title, lead and blocks came back as they went in."""
    rows = {row[0]: row[1] for row in opened._db.execute("SELECT url, text_digest FROM versions ORDER BY seen_from")}

    articles = list(opened.articles())

    assert len(articles) == 152
    assert {one.url: one.text_digest for one in articles} == rows


def test_every_field_of_every_article_of_the_bundled_site_can_be_read(demo: Path) -> None:
    with Archive(demo) as opened:
        articles = [version for one in opened.articles() for version in opened.versions(one.url)]

    assert any(one.findings and one.findings[0].evidence for one in articles)
    assert any(isinstance(comment, Comment) for one in articles for comment in one.comments)
    assert any(image.url for one in articles for image in one.images)
    assert any(block.kind.value == "cell" for one in articles for block in one.blocks)


def test_captures_of_what_is_gone(opened: Archive) -> None:
    assert [capture.status for capture in opened.captures(f"http://{HOST}/yok/")] == [200, 404]
    for ask in (opened.captures, opened.article, opened.versions, opened.payload, opened.cite):
        with pytest.raises(NotCapturedError):
            ask(f"http://{HOST}/nie/")


def test_crawls_are_typed(demo: Path) -> None:
    with Archive(demo) as opened:
        last, first = opened.crawls()

    assert isinstance(first, Crawl)
    assert first.started_at < (first.finished_at or first.started_at) < last.started_at
    assert (first.reason, first.started_at.tzinfo) == ("finished", UTC)


def test_export_takes_the_filters_of_search(opened: Archive, tmp_path: Path) -> None:
    done = opened.export(tmp_path / "a.bin", "simit", form="jsonl", since="2017", until="2017")

    assert (done.articles, done.size_bytes) == (1, (tmp_path / "a.bin").stat().st_size)
    with pytest.raises(QueryError, match="ending"):
        opened.export(tmp_path / "a.bin")


def test_an_archive_is_closed_at_the_end_and_belongs_to_its_thread(kept: Path) -> None:
    caught = list[Exception]()

    def ask(one: Archive) -> None:
        try:
            one.count()
        except Exception as error:
            caught.append(error)

    with Archive(kept) as opened:
        thread = threading.Thread(target=ask, args=[opened])
        thread.start()
        thread.join()
    ask(opened)

    assert len(caught) == 2

"""Exports as the programs that read them see them: csv, pyarrow, cdxj-indexer, py-wacz, our own import and replay."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import resource
import subprocess
import sys
import zipfile
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from random import Random

import pytest
from archives import HOST, exchange, make_archive, page, write_warc

from archive.config import ArchiveDir
from archive.errors import MuragatError, QueryError
from archive.export import Exported, Form, Selection, export, form_of
from archive.export.requisites import requisites
from archive.export.tables import COLUMNS
from archive.importing import import_files
from archive.index import index_archive
from archive.model import Exchange
from archive.query import payload
from archive.schema import connect, connect_readonly
from archive.warc import Original, members, parse_record

BIN = Path(sys.executable).parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
needs_pyarrow = pytest.mark.skipif(
    not importlib.util.find_spec("pyarrow"), reason="needs pyarrow: pip install 'muragat[export]'"
)

BREAD = "Fırıncılar un fiyatlarının artmasından yakındı ve belediyeden destek istedi, haber ajansı bildirdi. " * 4
STEPPE = "Bozkırda bahar yağmurları çobanları sevindirdi, otlaklar yeşerdi ve sürüler yaylaya çıktı. " * 4
SPAM = "casino bahis siteleri deneme bonusu veren"
STYLE = b"@font-face { font-family: x; src: url(yazi.woff2) } body { background: url('/zemin.png') }"
NEEDS = (
    '<link rel="stylesheet" href="/tema.css"><link rel="canonical" href="/ekmek/">',
    f'<img src="/ekmek.png" srcset="/ekmek-2x.png 2x"><a href="/bozkir/">Bozkır</a><script src="http://{HOST}/s.js">'
    f'</script><div style="position:absolute;left:-9999px"><a href="http://casino.example/">{SPAM}</a></div>',
)
REQUISITES = {"/tema.css", "/yazi.woff2", "/zemin.png", "/ekmek.png", "/ekmek-2x.png", "/s.js"}
BREAD_PAGE = page("=Ekmek zammı", BREAD, head=NEEDS[0], extra=NEEDS[1])
STEPPE_PAGE = page("Bozkırda bahar", STEPPE, date="03 Mayıs 2019 Cuma, 10:00")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    """Two crawls: the second one holds an edit, revisits of both kinds, and what the first did not see."""
    directory = make_archive(tmp_path_factory.mktemp("kept"))
    first = [exchange("/ekmek/", BREAD_PAGE, at="2024-01-01T00:00:01Z")]
    first += [exchange("/bozkir/", STEPPE_PAGE, at="2024-01-01T00:00:02Z")]
    for number, (path, kind) in enumerate((path, _kind(path)) for path in sorted(REQUISITES)):
        body = STYLE if path.endswith(".css") else f"bytes of {path}".encode()
        first.append(exchange(path, body, at=f"2024-01-01T00:00:1{number}Z", content_type=kind))
    first.append(exchange("/baska.png", b"of no page", at="2024-01-01T00:00:20Z", content_type="image/png"))
    write_warc(directory, "haber-1", first)
    edited = page("=Ekmek zammı", BREAD + "Zam geri alındı.", head=NEEDS[0], extra=NEEDS[1])
    same = exchange("/bozkir/", STEPPE_PAGE, at="2024-02-01T00:00:02Z")
    style = next(one for one in first if one.url.endswith(".css"))
    again = exchange("/tema.css", STYLE, at="2024-02-01T00:00:03Z", content_type="text/css")
    unchanged = exchange("/bozkir/", b"", at="2024-02-02T00:00:00Z", status="304 Not Modified")
    second = [
        exchange("/ekmek/", edited, at="2024-02-01T00:00:01Z"),
        (same, Original(first[1].url, first[1].captured_at, False)),
        (again, Original(style.url, style.captured_at, False)),
        (unchanged, Original(first[1].url, first[1].captured_at, False)),
        exchange("/yeni/", page("Yeni tren", STEPPE + "Tren geldi.", date="2024-01-30"), at="2024-02-01T00:00:05Z"),
    ]
    write_warc(directory, "haber-2", second)
    index_archive(directory)
    return directory


def _kind(path: str) -> str:
    kinds = {"css": "text/css", "js": "text/javascript", "woff2": "font/woff2", "png": "image/png"}
    return kinds[path.rpartition(".")[2]]


def run(directory: ArchiveDir, path: Path, **choice: str) -> Exported:
    return export(directory, path, form=form_of(path), choice=Selection(**choice), now=NOW)  # type: ignore[arg-type]


def muragat(directory: ArchiveDir, *words: str, limit: int | None = None) -> subprocess.CompletedProcess[bytes]:
    """The command; with `limit`, on a disk on which no file may grow beyond so many bytes."""
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(directory.root), *words]
    bound = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    return subprocess.run(command, capture_output=True, timeout=120, check=False, preexec_fn=bound)


# ---------------------------------------------------------------- tables


def test_csv_holds_every_article_and_column_and_nothing_injected(kept: ArchiveDir, tmp_path: Path) -> None:
    done = run(kept, tmp_path / "a.csv")

    content = (tmp_path / "a.csv").read_bytes()
    rows = list(csv.DictReader(StringIO(content.decode("utf-8-sig"), newline="")))
    assert done.articles == len(rows) == 3
    assert list(rows[0]) == [column.name for column in COLUMNS]
    assert content.startswith(b"\xef\xbb\xbf")
    assert [row["title"] for row in rows] == ["'=Ekmek zammı", "Bozkırda bahar", "Yeni tren"]
    assert SPAM.encode() not in content
    assert b"casino" not in content


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ('=HYPERLINK("http://a.example")', '\'=HYPERLINK("http://a.example")'),
        ("+1", "'+1"),
        ("-1+2", "'-1+2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("\r\n=1", "'\r\n=1"),
        ("Ekmek = su", "Ekmek = su"),
        ("5-6 Ekim", "5-6 Ekim"),
        ("Satır\nsonu, \"tırnak\"; ve 'kesme'", "Satır\nsonu, \"tırnak\"; ve 'kesme'"),
    ],
)
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path, title: str, cell: str) -> None:
    directory = made(tmp_path, 1)
    db = connect(directory.db)
    db.execute("UPDATE articles SET title = ?", [title])
    db.execute("UPDATE article_authors SET author = ?", [title])

    run(directory, tmp_path / "a.csv")

    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["title"] == row["authors"] == cell
    assert row["warc_offset"] == "0"


def test_json_lines_say_what_the_rows_say(kept: ArchiveDir, tmp_path: Path) -> None:
    run(kept, tmp_path / "a.jsonl")

    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [row["url"] for row in rows] == [f"http://{HOST}{path}" for path in ("/ekmek/", "/bozkir/", "/yeni/")]
    assert rows[0]["title"] == "=Ekmek zammı"
    assert rows[0]["text"].endswith("Zam geri alındı.")
    assert rows[0]["versions"] == 2
    assert rows[0]["published_at"] == "2017-10-06T11:45:00.000000Z"
    assert rows[0]["captured_at"] == "2024-02-01T00:00:01.000000Z"
    assert (rows[0]["warc"], rows[0]["gone_at"], rows[0]["authors"]) == ("haber-2.warc.gz", None, [])


@needs_pyarrow
def test_parquet_is_typed_and_says_the_same_as_json_lines(kept: ArchiveDir, tmp_path: Path) -> None:
    from pyarrow import parquet

    run(kept, tmp_path / "a.jsonl")
    run(kept, tmp_path / "a.parquet")

    table = parquet.read_table(tmp_path / "a.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types["published_at"] == types["captured_at"] == "timestamp[us, tz=UTC]"
    assert types["authors"] == types["tags"] == "list<element: string>"
    assert types["versions"] == "int64"
    assert table.schema.field("gone_at").metadata[b"description"].startswith(b"first capture since")
    as_text = [
        {name: f"{cell:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(cell, datetime) else cell for name, cell in row.items()}
        for row in table.to_pylist()
    ]
    assert as_text == [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]


def test_without_pyarrow_parquet_is_refused_in_one_line(kept: ArchiveDir, tmp_path: Path) -> None:
    """As in a plain install: the folder of a module that fails to import stands before the real one."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError('none here')")
    command = [sys.executable, "-m", "crawler.cli", "--archive", str(kept.root), "export", str(tmp_path / "a.parquet")]
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parent.parent)])

    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'muragat[export]'" in done.stderr
    assert not (tmp_path / "a.parquet").exists()


@pytest.mark.parametrize(
    ("choice", "titles"),
    [
        ({"words": "firincilar"}, ["=Ekmek zammı"]),
        ({"words": "yokböylebirsöz"}, []),
        ({"site": "haber"}, ["=Ekmek zammı", "Bozkırda bahar", "Yeni tren"]),
        ({"language": "tr"}, ["=Ekmek zammı", "Bozkırda bahar", "Yeni tren"]),
        ({"language": "ru"}, []),
        ({"site": "haber.example"}, ["=Ekmek zammı", "Bozkırda bahar", "Yeni tren"]),
        ({"words": "title:ekmek since:2017"}, ["=Ekmek zammı"]),
        ({"since": datetime(2019, 1, 1, tzinfo=UTC)}, ["Bozkırda bahar", "Yeni tren"]),
        ({"until": datetime(2019, 1, 1, tzinfo=UTC)}, ["=Ekmek zammı"]),
        ({"crawl": "haber-1"}, ["=Ekmek zammı", "Bozkırda bahar"]),
        ({"crawl": "haber-2", "words": "bahar"}, ["Bozkırda bahar", "Yeni tren"]),
        ({"limit": 2}, ["=Ekmek zammı", "Bozkırda bahar"]),
        ({"crawl": "haber-2", "words": "bahar", "limit": 1}, ["Bozkırda bahar"]),
    ],
)
def test_the_filters_of_search_choose(
    kept: ArchiveDir, tmp_path: Path, choice: dict[str, str], titles: list[str]
) -> None:
    run(kept, tmp_path / "a.jsonl", **choice)

    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [row["title"] for row in rows] == titles


def test_a_limit_counts_articles_in_captures_too(kept: ArchiveDir, tmp_path: Path) -> None:
    done = [run(kept, tmp_path / f"a.{form}", limit=1) for form in (Form.CDXJ, Form.WACZ)]  # type: ignore[arg-type]

    assert [one.articles for one in done] == [1, 1]
    urls = {json.loads(line.split(" ", 2)[2])["url"] for line in (tmp_path / "a.cdxj").read_text().splitlines()}
    assert urls == {f"http://{HOST}/ekmek/"}
    assert len(muragat(kept, "export", "-", "--jsonl", "--limit", "2").stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"crawl": "haber-9"}, "haber-2"),
        ({"words": "?!"}, "no word"),
    ],
)
def test_what_cannot_be_meant_is_said(kept: ArchiveDir, tmp_path: Path, choice: dict[str, str], complaint: str) -> None:
    with pytest.raises(QueryError, match=complaint):
        run(kept, tmp_path / "a.csv", **choice)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- the file


def test_a_full_disk_leaves_what_was_there_and_no_half_file(tmp_path: Path) -> None:
    """40,000 bytes are enough for what SQLite itself keeps beside the database, and for no export of this archive."""
    directory = bulky(tmp_path / "bulky")
    forms = [form for form in Form if form is not Form.PARQUET or importlib.util.find_spec("pyarrow")]
    (tmp_path / "out").mkdir()
    for form in forms:
        path = tmp_path / "out" / f"a.{form}"
        path.write_text("what was there")

        done = muragat(directory, "export", str(path), limit=40_000)

        assert done.returncode == 1, form
        assert done.stderr.decode().count("\n") == 1, done.stderr.decode()
        assert "cannot be written: File too large" in done.stderr.decode()
        assert path.read_text() == "what was there"
    assert sorted(path.name for path in path.parent.iterdir()) == sorted(f"a.{form}" for form in forms)


def bulky(root: Path) -> ArchiveDir:
    """An archive that no compression makes small."""
    root.mkdir()
    directory, chance = make_archive(root), Random(1)
    bodies = [page(f"Haber {n}", " ".join(chance.randbytes(6).hex() for _ in range(300))) for n in range(40)]
    exchanges = [exchange(f"/{n}/", body, at="2024-01-01T00:00:00Z") for n, body in enumerate(bodies)]
    exchanges += [exchange(f"/{n}.png", b"x", at="2024-01-01T00:00:00Z", content_type="image/png") for n in range(200)]
    write_warc(directory, "bulky", exchanges)
    index_archive(directory)
    return directory


def test_a_device_or_a_folder_is_not_replaced(kept: ArchiveDir, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()

    for name in ("a.csv", "b.csv"):
        with pytest.raises(MuragatError, match="no ordinary file"):
            run(kept, tmp_path / name)
    assert (tmp_path / "a.csv").is_fifo()


def test_a_link_goes_on_to_point_where_it_pointed(kept: ArchiveDir, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "there" / "real.jsonl")

    run(kept, tmp_path / "a.jsonl")

    assert (tmp_path / "a.jsonl").is_symlink()
    assert (tmp_path / "there" / "real.jsonl").stat().st_size > 500


def test_the_same_archive_gives_the_same_bytes(kept: ArchiveDir, tmp_path: Path) -> None:
    for form in (Form.CSV, Form.JSONL, Form.CDXJ, Form.WACZ):
        run(kept, tmp_path / f"a.{form}")
        run(kept, tmp_path / f"b.{form}")
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes(), form


def test_the_form_is_told_by_the_ending_or_an_option(kept: ArchiveDir, tmp_path: Path) -> None:
    piped = muragat(kept, "export", "-", "--jsonl", "firincilar")
    plain = muragat(kept, "export", "-", "--csv")
    unknown = muragat(kept, "export", str(tmp_path / "a.xlsx"))
    untold = muragat(kept, "export", "-")
    binary = muragat(kept, "export", "-", "--wacz")

    assert json.loads(piped.stdout)["title"] == "=Ekmek zammı"
    assert plain.stdout.startswith(b"url,title,")
    assert unknown.returncode == 2 and b"--csv" in unknown.stderr
    assert untold.returncode == 2
    assert binary.returncode == 1 and b"name a file" in binary.stderr


@pytest.fixture(scope="module")
def small_and_large(tmp_path_factory: pytest.TempPathFactory) -> tuple[ArchiveDir, ArchiveDir]:
    """6 MB of text, and 60."""
    root = tmp_path_factory.mktemp("sizes")
    for name in ("small", "large"):
        (root / name).mkdir()
    return made(root / "small", 3_000), made(root / "large", 30_000)


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL, Form.CDXJ, pytest.param(Form.PARQUET, marks=needs_pyarrow)])
def test_memory_does_not_grow_with_the_archive(
    small_and_large: tuple[ArchiveDir, ArchiveDir], tmp_path: Path, form: Form
) -> None:
    small, large = (peak(directory, tmp_path / f"{directory.root.name}.{form}") for directory in small_and_large)

    assert large - small < 12_000_000


def made(root: Path, count: int) -> ArchiveDir:
    """An archive of rows alone, 2,000 characters each."""
    directory = make_archive(root)
    db = connect(directory.db)
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("BEGIN")
    at, text = "2024-01-01T00:00:00.000000Z", BREAD * 5
    for number in range(count):
        key, url = f"example,haber)/{number:06}", f"http://{HOST}/{number:06}"
        db.execute(
            "INSERT INTO articles (id, urlkey, url, title, text, pages, version, versions, first_seen_at, last_seen_at,"
            " published_at, warc, offset) VALUES (?, ?, ?, 'Ekmek', ?, 1, ?, 1, ?, ?, ?, 'a.warc.gz', ?)",
            [number, key, url, f"{number} {text}"[:2000], number, at, at, at, number],
        )
        db.execute("INSERT INTO article_authors VALUES (?, 'Ayşe', 0)", [number])
        db.execute(
            "INSERT INTO captures (warc, offset, length, urlkey, url, captured_at, status, content_type,"
            " payload_digest, record_type) VALUES ('a.warc.gz', ?, 1, ?, ?, ?, 200, 'text/html', ?, 'response')",
            [number, key, url, at, f"sha1:{number}"],
        )
    db.execute("COMMIT")
    return directory


def peak(directory: ArchiveDir, path: Path) -> int:
    """Bytes a process held at most while it exported."""
    code = (
        "import resource, sys; from pathlib import Path; from datetime import UTC, datetime;"
        "from archive.config import ArchiveDir; from archive.export import export, form_of;"
        "path = Path(sys.argv[2]);"
        "export(ArchiveDir(Path(sys.argv[1])), path, form=form_of(path), now=datetime.now(UTC));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    command = [sys.executable, "-c", code, str(directory.root), str(path)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


# ---------------------------------------------------------------- CDXJ


def test_cdxj_is_line_for_line_that_of_cdxj_indexer(kept: ArchiveDir, tmp_path: Path) -> None:
    run(kept, tmp_path / "a.cdxj")

    assert cdx_lines((tmp_path / "a.cdxj").read_bytes()) == indexed(*sorted(kept.warcs.glob("*.warc.gz")))
    lines = (tmp_path / "a.cdxj").read_bytes().splitlines()
    assert lines == sorted(lines)


def test_cdxj_agrees_with_cdxj_indexer_on_odd_records(tmp_path: Path) -> None:
    """A 304 without fields, a body cut short, no reason, no type, a redirect, letters as they are, no answer at all."""
    directory = make_archive(tmp_path)
    first = exchange("/a", STEPPE_PAGE, at="2024-01-01T00:00:00Z")
    original = Original(first.url, first.captured_at, False)
    whole = exchange("/c", BREAD_PAGE, at="2024-01-04T00:00:00Z")
    exchanges: list[Exchange | tuple[Exchange, Original]] = [
        first,
        (raw("/a", b"HTTP/1.1 304 Not Modified\r\n\r\n", at="2024-01-03T00:00:00Z"), original),
        replace(whole, truncated="disconnect", response=whole.response[:-100]),
        raw(
            "/d", b"HTTP/1.1 200 \r\ncontent-TYPE: text/html\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        ),
        raw("/e", b"HTTP/1.1 200 OK\r\n\r\nabc"),
        exchange("/f", b"", at="2024-01-06T00:00:00Z", status="301 Moved", fields="Location: /a\r\n"),
        exchange("/Ş?b=2&a=%5e", b"No.", at="2024-01-07T00:00:00Z", status="404 Not Found"),
    ]
    writer = write_warc(directory, "odd", exchanges, close=False)
    writer.write_failure(f"{first.url}/gone", at=first.captured_at, error="connection refused")
    writer.close()
    index_archive(directory)

    done = run(directory, tmp_path / "a.cdxj")

    assert cdx_lines((tmp_path / "a.cdxj").read_bytes()) == indexed(writer.path)
    assert done.captures == len(exchanges)


def raw(path: str, response: bytes, *, at: str = "2024-01-05T00:00:00Z") -> Exchange:
    """An exchange whose answer is given byte for byte."""
    return replace(exchange(path, b"", at=at), response=response)


def test_cdxj_of_a_search_holds_the_captures_of_its_articles_alone(kept: ArchiveDir, tmp_path: Path) -> None:
    done = run(kept, tmp_path / "a.cdxj", words="firincilar")

    lines = cdx_lines((tmp_path / "a.cdxj").read_bytes())
    assert [(key, fields["url"]) for key, fields in lines] == [
        ("example,haber)/ekmek 20240101000001", f"http://{HOST}/ekmek/"),
        ("example,haber)/ekmek 20240201000001", f"http://{HOST}/ekmek/"),
    ]
    assert done.captures == 2


def indexed(*warcs: Path) -> list[tuple[str, dict[str, str]]]:
    """What cdxj-indexer finds in WARCs."""
    done = subprocess.run([BIN / "cdxj-indexer", *warcs], capture_output=True, check=True)
    return cdx_lines(done.stdout)


def cdx_lines(content: bytes) -> list[tuple[str, dict[str, str]]]:
    """Key and time, and the fields, by key, time and place."""
    split = [line.partition(" {") for line in content.decode().splitlines()]
    lines = [(key, json.loads("{" + fields)) for key, _, fields in split]
    return sorted(lines, key=lambda line: (line[0], line[1]["filename"], int(line[1]["offset"])))


# ---------------------------------------------------------------- WACZ


@pytest.mark.parametrize("choice", [{}, {"crawl": "haber-2"}, {"words": "firincilar"}, {"words": "bahar"}])
def test_a_wacz_validates_and_its_index_is_that_of_its_records(
    kept: ArchiveDir, tmp_path: Path, choice: dict[str, str]
) -> None:
    run(kept, tmp_path / "a.wacz", **choice)

    done = subprocess.run([BIN / "wacz", "validate", "-f", "a.wacz"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Validation succeeded" in done.stdout, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / "a.wacz") as package:
        package.extractall(tmp_path / "out")
        stored = {about.filename for about in package.infolist() if about.compress_type == zipfile.ZIP_STORED}
    assert {name for name in stored if name.startswith("archive/")} | {"indexes/index.cdx.gz"} == stored
    index = gunzip((tmp_path / "out/indexes/index.cdx.gz").read_bytes())
    assert cdx_lines(index) == indexed(*sorted((tmp_path / "out/archive").iterdir()))
    assert index.splitlines() == sorted(index.splitlines())


def gunzip(content: bytes) -> bytes:
    """Every member of a gzip file."""
    whole = b""
    while content:
        inflate = zlib.decompressobj(31)
        whole += inflate.decompress(content)
        content = inflate.unused_data
    return whole


def test_the_parts_of_a_wacz_s_index_are_where_it_says(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    write_warc(
        directory,
        "many",
        [exchange(f"/{n:04}", b"x", at="2024-01-01T00:00:00Z", content_type="text/plain") for n in range(2500)],
    )
    index_archive(directory)

    run(directory, tmp_path / "a.wacz")

    with zipfile.ZipFile(tmp_path / "a.wacz") as package:
        idx = package.read("indexes/index.idx").decode().splitlines()
        packed = package.read("indexes/index.cdx.gz")
    assert idx[0] == '!meta 0 {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}'
    assert len(idx) == 1 + 3
    for line in idx[1:]:
        key, _, about = line.partition(" {")
        place = json.loads("{" + about)
        block = gunzip(packed[place["offset"] : place["offset"] + place["length"]])
        assert block.decode().startswith(key + " {")


def test_a_whole_archive_s_wacz_holds_its_warcs_byte_for_byte(kept: ArchiveDir, tmp_path: Path) -> None:
    done = run(kept, tmp_path / "a.wacz")

    with zipfile.ZipFile(tmp_path / "a.wacz") as package:
        for warc in kept.warcs.iterdir():
            assert package.read(f"archive/{warc.name}") == warc.read_bytes()
        assert len([name for name in package.namelist() if name.startswith("archive/")]) == 2
    assert done.captures == connect_readonly(kept.db).execute("SELECT count(*) FROM captures").fetchone()[0]


def test_an_open_warc_goes_in_as_far_as_it_is_indexed(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    writer = write_warc(directory, "running", [exchange("/a/", STEPPE_PAGE, at="2024-01-01T00:00:00Z")], close=False)
    index_archive(directory)
    size = writer.size
    writer.write_exchange(exchange("/b/", BREAD_PAGE, at="2024-01-01T00:00:01Z"))

    run(directory, tmp_path / "a.wacz")

    with zipfile.ZipFile(tmp_path / "a.wacz") as package:
        assert package.read("archive/running.warc.gz") == writer.open_path.read_bytes()[:size]


def test_a_search_s_wacz_holds_what_its_pages_need_and_no_more(kept: ArchiveDir, tmp_path: Path) -> None:
    run(kept, tmp_path / "a.wacz", words="firincilar")

    found = records(tmp_path / "a.wacz")
    urls = {url.removeprefix(f"http://{HOST}") for kind, url, _ in found if kind in ("response", "revisit")}
    assert urls == {"/ekmek/"} | REQUISITES
    originals = {content for warc in kept.warcs.iterdir() for _, _, content in warc_records(warc.read_bytes())}
    assert {content for *_, content in found} <= originals
    assert sum(kind == "request" for kind, *_ in found) == sum(kind in ("response", "revisit") for kind, *_ in found)
    assert [kind for kind, *_ in found].count("warcinfo") == 2


def records(wacz: Path) -> list[tuple[str, str, bytes]]:
    """Kind, URL and gzip member of every record in a WACZ."""
    with zipfile.ZipFile(wacz) as package:
        names = [name for name in package.namelist() if name.startswith("archive/")]
        return [record for name in names for record in warc_records(package.read(name))]


def warc_records(content: bytes) -> list[tuple[str, str, bytes]]:
    """The same of a WARC."""
    found = list[tuple[str, str, bytes]]()
    for member in members(BytesIO(content), "a.warc.gz", ended=True):
        record = parse_record(member.content)  # type: ignore[union-attr]  # none is damaged
        part = content[member.offset : member.end]  # type: ignore[union-attr]
        found.append((record.get("warc-type"), record.url("warc-target-uri"), part))
    return found


def test_pages_jsonl_lists_each_wording_and_nothing_injected(kept: ArchiveDir, tmp_path: Path) -> None:
    run(kept, tmp_path / "a.wacz")

    with zipfile.ZipFile(tmp_path / "a.wacz") as package:
        content = package.read("pages/pages.jsonl").decode()
    head, *pages = map(json.loads, content.splitlines())
    assert head["format"] == "json-pages-1.0"
    assert [(page["ts"], page["title"]) for page in pages] == [
        ("2024-01-01T00:00:01Z", "=Ekmek zammı"),
        ("2024-02-01T00:00:01Z", "=Ekmek zammı"),
        ("2024-01-01T00:00:02Z", "Bozkırda bahar"),
        ("2024-02-01T00:00:05Z", "Yeni tren"),
    ]
    assert pages[1]["text"].endswith("Zam geri alındı.")
    assert len({page["id"] for page in pages}) == 4
    assert "casino" not in content


@pytest.mark.parametrize(
    ("choice", "paths"),
    [
        ({}, ["/ekmek/", "/bozkir/", "/yeni/", *REQUISITES, "/baska.png"]),
        ({"crawl": "haber-2"}, ["/ekmek/", "/bozkir/", "/yeni/", "/tema.css"]),
        ({"words": "bahar", "crawl": "haber-2"}, ["/bozkir/", "/yeni/"]),
        ({"words": "firincilar"}, ["/ekmek/", *REQUISITES]),
    ],
)
def test_an_exported_wacz_imported_elsewhere_shows_the_same(
    kept: ArchiveDir, tmp_path: Path, choice: dict[str, str], paths: list[str]
) -> None:
    """Payloads of every capture, those of revisits too: the package stands alone."""
    (tmp_path / "fresh").mkdir()
    fresh = make_archive(tmp_path / "fresh")
    run(kept, tmp_path / "a.wacz", **choice)

    report = import_files(fresh, [tmp_path / "a.wacz"], now=NOW)
    index_archive(fresh)

    assert report.ok
    there, here = connect_readonly(fresh.db), connect_readonly(kept.db)
    held = there.execute("SELECT DISTINCT url FROM captures").fetchall()
    assert {url.removeprefix(f"http://{HOST}") for (url,) in held} == set(paths)
    captured = there.execute("SELECT url, captured_at FROM captures WHERE status = 200").fetchall()
    for url, captured_at in captured:
        at = datetime.fromisoformat(captured_at)
        assert payload(there, fresh, url, at=at) == payload(here, kept, url, at=at)
    said = "SELECT url, title, lead, text, published_at, section FROM articles ORDER BY url"
    mine = {row[0]: row for row in here.execute(said)}
    assert all(mine[row[0]][:2] == row[:2] for row in there.execute(said))
    if not choice:
        assert list(there.execute(said)) == list(here.execute(said))


def test_a_search_that_finds_nothing_makes_no_wacz(kept: ArchiveDir, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no capture is chosen"):
        run(kept, tmp_path / "a.wacz", words="yokböylebirsöz")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_spam_took_over_is_in_no_search_result(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    exchanges = [exchange("/a/", STEPPE_PAGE, at=f"2024-0{month}-01T00:00:00Z") for month in (1, 2)]
    write_warc(directory, "haber-1", exchanges)
    index_archive(directory)
    connect(directory.db).execute("UPDATE captures SET kind = 'replaced', version = NULL WHERE captured_at > '2024-02'")

    run(directory, tmp_path / "search.cdxj", words="bahar")
    run(directory, tmp_path / "whole.cdxj")

    assert [key for key, _ in cdx_lines((tmp_path / "search.cdxj").read_bytes())] == ["example,haber)/a 20240101000000"]
    assert len((tmp_path / "whole.cdxj").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("status", "refers", "day"),
    [
        ("200 OK", True, 2),  # the one it names
        ("200 OK", False, 1),  # as other tools write them: the first that has the digest
        ("304 Not Modified", True, 2),
        ("304 Not Modified", False, 3),  # the last before it
    ],
)
def test_what_a_revisit_refers_to_comes_along(tmp_path: Path, status: str, refers: bool, day: int) -> None:
    directory = make_archive(tmp_path)
    several = [exchange("/a/", STEPPE_PAGE, at=f"2024-01-0{n}T00:00:00Z") for n in (1, 2, 3)]
    write_warc(directory, "haber-1", several)
    body = STEPPE_PAGE if status.startswith("200") else b""
    again = exchange("/a/", body, at="2024-02-01T00:00:00Z", status=status)
    later = exchange("/a/", BREAD_PAGE, at="2024-03-01T00:00:00Z")
    write_warc(directory, "haber-2", [(again, Original(several[1].url, several[1].captured_at, False))])
    write_warc(directory, "haber-3", [later])
    index_archive(directory)
    if not refers:
        connect(directory.db).execute("UPDATE captures SET refers_to_url = NULL, refers_to_at = NULL")

    run(directory, tmp_path / "a.wacz", crawl="haber-2")

    with zipfile.ZipFile(tmp_path / "a.wacz") as package:
        lines = cdx_lines(gunzip(package.read("indexes/index.cdx.gz")))
    assert [key for key, _ in lines] == [f"example,haber)/a 2024010{day}000000", "example,haber)/a 20240201000000"]


# ---------------------------------------------------------------- what pages need


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<IMG SRC="/a.png">', ["/a.png"]),
        ("<img class=x src=a.png>", ["/haber/a.png"]),
        ("<img data-src='a.png' src='data:image/gif;base64,R0'>", ["/haber/a.png"]),
        ('<source srcset="/a.webp 1x, /b.webp 2x">', ["/a.webp", "/b.webp"]),
        ('<link rel="preload stylesheet" href="/a.css?v=1&amp;w=2">', ["/a.css?v=1&w=2"]),
        ('<link rel="alternate" href="/feed/"><a href="/b/">b</a>', []),
        ('<base href="/kok/"><script src="s.js"></script>', ["/kok/s.js"]),
        ('<div style="background:url(&quot;/z.png&quot;)">', ["/z.png"]),
        ("<style>@import '/b.css'; x{background:url( c.png )}</style>", ["/b.css", "/haber/c.png"]),
        ('<img src="//[bad"><img src="javascript:x()"><img src="/ok.png#x">', ["/ok.png"]),
    ],
)
def test_what_a_page_needs(text: str, expected: list[str]) -> None:
    found = requisites(text, url="http://a.example/haber/1", is_css=False)

    assert found == [f"http://a.example{path}" for path in expected]


@pytest.mark.parametrize("piece", ["<img ", "<img src=", "a-", "url(", "@import '", "<link rel=", "<", '="', " "])
def test_hostile_pages_are_read_in_bounded_time(piece: str) -> None:
    began = datetime.now(UTC)

    requisites("<img " + piece * (2_000_000 // len(piece)), url="http://a.example/", is_css=False)
    requisites(piece * (2_000_000 // len(piece)), url="http://a.example/", is_css=True)

    assert (datetime.now(UTC) - began).total_seconds() < 4

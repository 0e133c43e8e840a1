"""The same rows, whatever the order in which WARCs come, how often they are read, and by which rules they were before.

One archive in which much depends on other captures; every table is compared, whoever describes it.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from archives import HOST, PROFILE, dump, exchange, make_archive, page, run, write_warc

from archive import manifest
from archive.config import ArchiveDir
from archive.index import index_archive, index_stale
from archive.model import Exchange
from archive.rebuild import rebuild
from archive.warc import Original, compress_record

SEED = int(os.environ.get("MURAGAT_TEST_SEED") or time.time_ns() % 1_000_000)
ORDERS = 12

Rows = dict[str, list[tuple[object, ...]]]  # by table, as `dump` gives them

LONG = "Kazakistan ile Türkiye arasındaki ticaret hacmi geçen yıl yüzde on iki arttı ve altı milyar dolara ulaştı."
MORE = "Toplantıda iki ülkenin bakanları ulaştırma, enerji ve eğitim alanındaki ortak projeleri de görüştü."
LINE = "Bizi takip edin: bültenimize üye olun."
BOX = "Haftanın haberleri her pazartesi sabahı e-posta kutunuzda: adınızı ve adresinizi yazmanız yeterli, ücretsizdir."
HIDDEN = '<div style="display:none"><a href="https://barsbet777.example/">онлайн казино Барс, вход и зеркало</a></div>'
PAGES = '<div>Sayfalar: <a href="/uzun/">1</a> <a href="/uzun/2/">2</a></div>'


def below(*names: str) -> str:
    one = '<li class="comment"><b class="fn">{}</b> <time>3 gün önce</time><p class="comment-content">Güzel.</p></li>'
    return f'<section id="comments"><ol class="comment-list">{"".join(map(one.format, names))}</ol></section>'


def tagged(tag: str, *paragraphs: str) -> bytes:
    """The same wording under other tags, words of its text: who showed it first says which of them its row has."""
    return page("Ticaret arttı", LONG, *paragraphs, head=f'<meta property="article:tag" content="{tag}">')


def foreign(url: str, body: bytes, *, at: str, kind: str = "response") -> bytes:
    """A record of another tool, which states its digest in an algorithm that is not ours."""
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    block = http + (body if kind == "response" else b"")
    cut = "WARC-Truncated: length\r\n" if kind == "revisit" else ""  # as wget writes it
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {at}\r\n"
        f"WARC-Payload-Digest: sha256:{sha256(body).hexdigest()}\r\nContent-Length: {len(block)}\r\n"
        f"{cut}Content-Type: application/http; msgtype=response\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def tell(directory: ArchiveDir) -> None:
    """Six WARCs. What one of them says of an article another one changes, confirms, moves, deletes or dates back."""
    snow = exchange("/kar/", page("Kar yağdı", MORE, LINE, extra=below("Ayla")), at="2024-01-01T10:00:01Z")
    write_warc(
        directory,
        "a",
        [
            exchange("/ticaret/", tagged("yıl", MORE), at="2024-01-01T10:00:00Z"),
            snow,
            exchange("/uzun/", page("Uzun haber", LONG, extra=PAGES), at="2024-01-01T10:00:02Z"),
            exchange("/resim.png", b"\x89PNG\r\n\x1a\n", at="2024-01-01T10:00:03Z", content_type="image/png"),
        ],
    )
    write_warc(
        directory,
        "b",
        [
            exchange("/ticaret/", tagged("milyar"), at="2024-02-01T10:00:00Z"),
            (exchange("/kar/", page("Kar yağdı", MORE, LINE, extra=below("Ayla")), at="2024-02-01T10:00:01Z"),
             Original(snow.url, snow.captured_at, False)),
            exchange("/uzun/2/", page("Uzun haber", MORE, LINE, extra=PAGES), at="2024-02-01T10:00:02Z"),
        ],
    )  # fmt: skip
    # The first wording again: before all others, and in a copy elsewhere.
    canonical = f'<link rel="canonical" href="http://{HOST}/ticaret/">'
    write_warc(
        directory,
        "c",
        [
            exchange("/ticaret/", tagged("ticaret", MORE), at="2023-12-01T10:00:00Z"),
            exchange("/kopya/", page("Ticaret arttı", LONG, MORE, head=canonical), at="2024-01-05T10:00:00Z"),
            exchange("/kar/", page("Kar yağdı", MORE, LINE, extra=below("Ayla", "Murat")), at="2024-03-01T10:00:00Z"),
            exchange("/kutu/", page("Bültenimiz", BOX), at="2024-03-01T10:00:01Z"),
        ],
    )
    ended = write_warc(
        directory,
        "d",
        [
            exchange("/kar/", b"", at="2024-04-01T10:00:00Z", status="304 Not Modified"),
            exchange("/uzun/", page("Uzun haber", LONG, extra=HIDDEN + PAGES), at="2024-04-01T10:00:01Z"),
            exchange("/ticaret/", b"<h1>404</h1>", at="2024-04-01T10:00:02Z", status="404 Not Found"),
            replace(exchange("/kar/", page("Kar", MORE), at="2024-04-02T10:00:00Z"), truncated="disconnect"),
        ],
        close=False,
    )
    ended.write_failure(f"http://{HOST}/kapali/", at=datetime(2024, 4, 1, 10, 1, tzinfo=UTC), error="timeout")
    ended.write_crawl_end("d", at=datetime(2024, 4, 1, 11, tzinfo=UTC), fields={"reason": "finished", "offered": "4"})
    at = datetime(2024, 4, 1, 11, tzinfo=UTC)
    manifest.append(directory.manifest, ended.path, sha256_hex=ended.close(), at=at)
    url, body = f"http://{HOST}/yabanci/", page("Yabancı araç", LONG, MORE, LINE)
    for name, record in (
        ("e", foreign(url, body, at="2024-05-01T10:00:00Z")),
        ("f", foreign(url, body, at="2024-04-01T10:00:00Z", kind="revisit")),
    ):
        path = directory.warcs / f"{name}.warc.gz"
        path.write_bytes(compress_record(record))
        manifest.append(directory.manifest, path, sha256_hex=manifest.hash_file(path), at=at)


NAMES = "abcdef"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    directory = make_archive(tmp_path_factory.mktemp("told") / "a")
    tell(directory)
    index_archive(directory)
    return directory


def copy_of(told: ArchiveDir, root: Path, names: str = NAMES) -> ArchiveDir:
    """Its files, without rows."""
    directory = make_archive(root)
    for name in names:
        shutil.copy(told.warcs / f"{name}.warc.gz", directory.warcs)
    shutil.copy(told.manifest, directory.manifest)
    return directory


def change(directory: ArchiveDir, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(directory.db)) as connection, connection:
        connection.execute(sql, values)


def differences(one: Rows, other: Rows) -> Rows:
    """Table → rows that only one of them has."""
    return {
        table: [row for row in one.get(table, []) + other.get(table, [])
                if one.get(table, []).count(row) != other.get(table, []).count(row)]
        for table in {*one, *other} if one.get(table) != other.get(table)
    }  # fmt: skip


def test_the_archive_holds_what_depends_on_other_captures(told: ArchiveDir) -> None:
    rows = dump(told.db)

    for table in ("search", "search_older", "comments", "comment_sightings", "spam", "terms", "article_tags", "crawls"):
        assert rows[table], table
    with closing(sqlite3.connect(told.db)) as connection:
        assert connection.execute(
            "SELECT replace(url, 'http://haber.example', ''), versions, pages, gone_at IS NOT NULL FROM articles"
            " ORDER BY url"
        ).fetchall() == [
            ("/kar/", 1, 1, 0),
            ("/kutu/", 1, 1, 0),
            ("/ticaret/", 2, 1, 1),
            ("/uzun/", 1, 2, 0),
            ("/yabanci/", 1, 1, 0),
        ]
        first = "SELECT tags FROM versions WHERE text LIKE '%ortak projeleri%' AND article LIKE '%/ticaret'"
        assert connection.execute(first).fetchone() == ('["ticaret"]',)


def test_every_order_of_the_warcs_gives_the_same_rows(tmp_path: Path, told: ArchiveDir) -> None:
    """One file a pass."""
    expected = dump(told.db)
    orders = random.Random(SEED).sample(list(itertools.permutations(NAMES)), ORDERS - 1)
    for number, order in enumerate([tuple(reversed(NAMES)), *orders]):
        directory = copy_of(told, tmp_path / str(number), "")
        for name in order:
            shutil.copy(told.warcs / f"{name}.warc.gz", directory.warcs)
            index_archive(directory)

        assert differences(dump(directory.db), expected) == {}, f"MURAGAT_TEST_SEED={SEED}: {order}"


def test_warcs_that_are_read_again_and_again_change_nothing(tmp_path: Path, told: ArchiveDir) -> None:
    directory, chance = copy_of(told, tmp_path / "a"), random.Random(SEED)
    index_archive(directory)
    for _ in range(4):
        again = chance.sample(NAMES, 3)
        for name in again:
            change(directory, "UPDATE warcs SET indexed_to = 0 WHERE filename = ?", f"{name}.warc.gz")
        index_archive(directory)

        assert differences(dump(directory.db), dump(told.db)) == {}, f"MURAGAT_TEST_SEED={SEED}: {again}"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_rebuild_is_what_was_built(tmp_path: Path, told: ArchiveDir, jobs: int) -> None:
    directory = copy_of(told, tmp_path / "a")

    rebuild(directory, jobs=jobs)

    assert differences(dump(directory.db), dump(told.db)) == {}


# ---------------------------------------------------------------- other rules, other files


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("first", ["abcdef", "cdf", "abe", "bd"])
def test_what_older_rules_read_is_read_again_in_place_as_a_rebuild_would(
    tmp_path: Path, told: ArchiveDir, first: str, jobs: int
) -> None:
    """Some files are read by the old rules, the others by the new ones: in an archive of any age."""
    directory = copy_of(told, tmp_path / "a", first)
    index_archive(directory)
    # Wordings change (a line goes), and of those that stay, fields (the date is in another zone); one article is none.
    new = PROFILE.replace("Asia/Almaty", "Europe/Istanbul") + f'boilerplate = ["{LINE}", "{BOX}"]\n'
    (directory.sites / "haber.toml").write_text(new, "utf-8")
    copy_of(told, tmp_path / "rest")
    for name in set(NAMES) - set(first):
        shutil.copy(told.warcs / f"{name}.warc.gz", directory.warcs)
    index_archive(directory)

    report = index_stale(directory, jobs=jobs)

    assert report.again > 0
    read_again = dump(directory.db)
    assert not [row for row in read_again["articles"] if "/kutu" in str(row)]
    assert index_stale(directory).again == 0
    rebuild(directory)
    assert differences(read_again, dump(directory.db)) == {}


def test_a_page_that_is_no_longer_read_as_gone_gives_its_article_back(tmp_path: Path) -> None:
    """Neither reading is of an article, and the one before is in another batch."""
    directory = make_archive(tmp_path / "a")
    profile = directory.sites / "haber.toml"
    profile.write_text(PROFILE + '[[layout]]\ntitle = ".t"\n', "utf-8")
    odd = "<h1>Günün fotoğrafı</h1><p class='t'>Sayfa bulunamadı</p><p>Bugünün fotoğrafı burada, iyi seyirler.</p>"
    shown = page("Ticaret arttı", LONG, MORE).replace(b"<h1>", b"<h1 class='t'>")
    between = [exchange(f"/{n}.png", b"%d" % n, at="2024-01-02T00:00:00Z", content_type="image/png") for n in range(60)]
    gone = exchange("/ticaret/", f"<html lang='tr'><body>{odd}</body></html>".encode(), at="2024-02-01T00:00:00Z")
    write_warc(directory, "a", [exchange("/ticaret/", shown, at="2024-01-01T00:00:00Z"), *between, gone])
    index_archive(directory)
    with closing(sqlite3.connect(directory.db)) as db:
        assert db.execute("SELECT gone_at FROM articles").fetchall() == [("2024-02-01T00:00:00.000000Z",)]
    profile.write_text(PROFILE + '[[layout]]\ntitle = "h1"\n', "utf-8")

    index_stale(directory)

    read_again = dump(directory.db)
    with closing(sqlite3.connect(directory.db)) as db:
        assert db.execute("SELECT gone_at FROM articles").fetchall() == [(None,)]
    rebuild(directory)
    assert differences(read_again, dump(directory.db)) == {}


def test_reading_again_that_was_interrupted_goes_on_by_itself(tmp_path: Path, told: ArchiveDir) -> None:
    directory = copy_of(told, tmp_path / "a")
    index_archive(directory)
    change(directory, "UPDATE captures SET rules = NULL WHERE offset % 2 = 0")

    assert index_archive(directory).again > 0

    assert differences(dump(directory.db), dump(told.db)) == {}


def test_a_profile_that_comes_later_makes_the_pages_of_its_hosts_stale(tmp_path: Path, told: ArchiveDir) -> None:
    directory = copy_of(told, tmp_path / "a")
    (directory.sites / "haber.toml").rename(tmp_path / "haber.toml")
    index_archive(directory)
    (tmp_path / "haber.toml").rename(directory.sites / "haber.toml")

    index_stale(directory)

    assert differences(dump(directory.db), dump(told.db)) == {}


TWO = [
    exchange("/bir/", page("Ticaret hacmi arttı", LONG, MORE), at="2024-01-01T10:00:00Z"),
    exchange("/iki/", page("Kar yağışı başladı", MORE, LONG), at="2024-01-01T10:00:01Z"),
]


def replaced(directory: ArchiveDir, name: str, exchanges: list[Exchange], *, crawl: str) -> None:
    """Another closed WARC in the place of the one of that name; the chain still names the first one."""
    (directory.warcs / f"{name}.warc.gz").unlink()
    write_warc(directory, name, exchanges, close=False, isPartOf=crawl).close()


@pytest.mark.parametrize(
    "exchanges",
    [TWO[1:], [replace(TWO[1], captured_at=TWO[0].captured_at), *TWO[::-1], *TWO]],
    ids=["shorter", "longer"],
)
def test_a_closed_file_that_is_another_one_is_read_from_its_start(tmp_path: Path, exchanges: list[Exchange]) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "old", TWO)
    again = exchange("/bir/", page("Ticaret hacmi arttı", LONG, MORE), at="2024-02-01T10:00:00Z")
    write_warc(directory, "revisit", [(again, Original(TWO[0].url, TWO[0].captured_at, False))])
    index_archive(directory)
    replaced(directory, "old", exchanges, crawl="another")

    told = index_archive(directory).changed

    assert [line.split(" has ")[0] for line in told] == ["old.warc.gz"]
    read = dump(directory.db)
    rebuild(directory)
    assert differences(read, dump(directory.db)) == {}


def test_a_closed_file_that_was_cut_loses_its_rows_and_one_that_grew_gains_them(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    path = write_warc(directory, "old", TWO).path
    index_archive(directory)
    whole = path.read_bytes()
    with closing(sqlite3.connect(directory.db)) as db:
        second = db.execute('SELECT max("offset") FROM captures').fetchone()[0]
    path.write_bytes(whole[: second + 100])
    assert index_archive(directory).captures == 1
    assert index_archive(directory).captures == 0
    read = dump(directory.db)
    rebuild(directory)
    assert differences(read, dump(directory.db)) == {}
    assert len(read["articles"]) == 1

    path.write_bytes(whole)

    assert index_archive(directory).changed == []
    assert len(dump(directory.db)["articles"]) == 2


def test_a_file_that_is_gone_is_said_and_keeps_its_rows_until_it_is_back(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    path = write_warc(directory, "old", TWO).path
    write_warc(directory, "open", TWO[:1], close=False)
    assert run(directory, "index")[0] == 0
    read = dump(directory.db)
    path.rename(tmp_path / "elsewhere")

    code, said = run(directory, "index")

    assert code == 1
    assert f"old.warc.gz is gone from {directory.warcs}; its rows stay; bring it back" in said
    assert dump(directory.db) == read
    path.symlink_to(tmp_path / "elsewhere")  # as an import by link
    assert run(directory, "index")[0] == 0
    (tmp_path / "elsewhere").unlink()
    assert "old.warc.gz is gone" in run(directory, "index")[1]
    code, said = run(directory, "index", "--rebuild")
    assert (code, "old.warc.gz is gone" in said, "and its rows with it" in said) == (1, True, True)


@pytest.mark.parametrize("name", "abc")
def test_a_file_that_was_replaced_leaves_nothing_behind(tmp_path: Path, told: ArchiveDir, name: str) -> None:
    """Not even in the fields of a wording that another file shows, too."""
    directory = copy_of(told, tmp_path / "a")
    index_archive(directory)
    (directory.warcs / f"{name}.warc.gz").unlink()
    lines = [line for line in directory.manifest.read_text().splitlines() if f'"{name}.warc.gz"' not in line]
    directory.manifest.write_text("".join(f"{line}\n" for line in lines))
    change(directory, "UPDATE warcs SET size_bytes = NULL WHERE filename = ?", f"{name}.warc.gz")
    write_warc(directory, name, [exchange("/x/", page("Kısa", MORE), at="2024-06-01T10:00:00Z")], close=False).close()

    index_archive(directory)

    read = dump(directory.db)
    rebuild(directory)
    assert differences(read, dump(directory.db)) == {}

"""An archive that this user may read and not write: a disk that is read-only, a folder that somebody else keeps."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from archives import HOST, indexed, page

from archive.config import ArchiveDir
from archive.schema import connect
from crawler import frontier_db

ROOT = Path(__file__).resolve().parent.parent
URL = f"http://{HOST}/kar/"
WORDINGS = [("2024-01-01T10:00:00Z", "Üç köy yolu kapandı."), ("2024-02-01T10:00:00Z", "Beş köy yolu kapandı.")]
REST = (
    "Ekipler gece boyunca çalıştı, sabaha karşı ana yol ulaşıma açıldı. Okullar iki gün tatil edildi, kar sürüyor. " * 3
)
# Root may write everywhere, whatever the modes of a folder, as long as it has these rights.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
pytestmark = pytest.mark.skipif(
    bool(AS_ANYBODY) and not shutil.which("setpriv"), reason="root can write everything; setpriv (util-linux) ends that"
)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[ArchiveDir]:
    """An archive with a frontier, whose folder nobody may write, and which nobody has open."""
    pages = [("/kar/", day, page("Kar yağdı", f"{text} {REST}")) for day, text in WORDINGS]
    directory = indexed(tmp_path / "arsiv", pages)
    with closing(frontier_db.connect(directory.frontier_db)):
        pass
    for name in ("archive.db-wal", "archive.db-shm"):
        assert not (directory.root / name).exists()
    directory.root.chmod(0o555)
    yield directory
    directory.root.chmod(0o755)


def muragat(directory: ArchiveDir, *words: str) -> subprocess.CompletedProcess[str]:
    return anybody("-m", "crawler.cli", "--archive", str(directory.root), *words)


def anybody(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a user whose files have modes that hold for it, too."""
    return subprocess.run(
        [*AS_ANYBODY, sys.executable, "-P", *words],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        (["search", "kar"], "Kar yağdı"),
        (["show", URL], "Beş köy"),
        (["changes"], URL),
        (["status"], "1 articles"),
        (["query", "SELECT count(*) AS n FROM captures"], "2"),
        (["export", "-", "--csv"], "Beş köy"),
        (["verify"], "2 rows: all whole"),
        (["urls"], "state"),
    ],
    ids=lambda word: word[0] if isinstance(word, list) else "",
)
def test_it_is_read_as_any_other(kept: ArchiveDir, command: list[str], shows: str) -> None:
    done = muragat(kept, *command)

    assert (done.returncode, shows in done.stdout) == (0, True), done
    assert not list(kept.root.glob("*.db-*"))


def test_it_can_be_backed_up(kept: ArchiveDir, tmp_path: Path) -> None:
    done = muragat(kept, "backup", str(tmp_path / "yedek"))

    assert done.returncode == 0, done
    assert sorted(path.name for path in (tmp_path / "yedek").glob("state-*/*.db")) == ["archive.db", "frontier.db"]


def test_it_is_replayed(kept: ArchiveDir) -> None:
    pytest.importorskip("pywb", reason="replay needs the extra `web`")
    visit = (
        "import sys; from pathlib import Path; from urllib.request import urlopen\n"
        "from archive.config import ArchiveDir; from archive.replay import ReplayServer, replay_url\n"
        "with ReplayServer(ArchiveDir(Path(sys.argv[1])), port=0) as server:\n"
        "    print(urlopen(replay_url(server.url.removesuffix('/web/'), sys.argv[2], raw=True)).read().decode())"
    )

    done = anybody("-c", visit, str(kept.root), URL)

    assert "Beş köy" in done.stdout, done


def test_beside_a_writer_its_newest_rows_are_read(kept: ArchiveDir) -> None:
    """The writer may write the folder; who reads only joins it, and never takes the file for one that nobody writes."""
    kept.root.chmod(0o755)
    with closing(connect(kept.db).conn) as writer:
        writer.execute("UPDATE articles SET title = 'Yeni'")
        kept.root.chmod(0o555)
        assert muragat(kept, "query", "SELECT title FROM articles").stdout.split() == ["title", "Yeni"]


def test_rows_that_only_a_writer_can_reach_are_not_passed_over(kept: ArchiveDir) -> None:
    """A copy of the files of an archive that was being written, without what the processes share."""
    kept.root.chmod(0o755)
    with closing(connect(kept.db).conn) as writer:
        writer.execute("UPDATE articles SET title = 'Yeni'")
        copy = ArchiveDir(Path(shutil.copytree(kept.root, kept.root.parent / "kopya")))
    (copy.root / "archive.db-shm").unlink()
    copy.root.chmod(0o555)

    done = muragat(copy, "status")
    copy.root.chmod(0o755)
    assert muragat(copy, "index").returncode == 0
    copy.root.chmod(0o555)

    assert (done.returncode, done.stdout) == (1, "")
    assert "its newest rows are in archive.db-wal" in done.stderr and "`muragat index`, run by" in done.stderr
    assert "Yeni" in muragat(copy, "query", "SELECT title FROM articles").stdout
    copy.root.chmod(0o755)


@pytest.mark.parametrize("name, command", [("archive.db", "status"), ("archive.db", "replay"), ("frontier.db", "urls")])
def test_a_file_that_may_not_be_read_is_said_to_be(kept: ArchiveDir, name: str, command: str) -> None:
    (kept.root / name).chmod(0)

    done = muragat(kept, command)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"muragat: {kept.root / name}: you have no permission to read it; ask its owner, or run this as that user\n"
    )


def test_what_must_be_written_says_that_it_may_not(kept: ArchiveDir) -> None:
    hidden = muragat(kept, "hide", URL, "--reason", "deneme")
    saved = muragat(kept, "backup", str(kept.root / "yedek"))

    assert (hidden.returncode, saved.returncode) == (1, 1)
    for line in (hidden.stderr, saved.stderr):
        assert "Permission denied" in line and "room" not in line and line.count("\n") == 1


def test_a_frontier_of_an_older_muragat_is_said_to_be(kept: ArchiveDir) -> None:
    with closing(sqlite3.connect(kept.frontier_db)) as db:
        db.execute("PRAGMA user_version = 1")
        db.execute("PRAGMA journal_mode = DELETE")

    done = muragat(kept, "urls")

    assert done.returncode == 1
    assert "was made by an older muragat, and cannot be brought up to date" in done.stderr
    assert done.stderr.count("\n") == 1

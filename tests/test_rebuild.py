"""A rebuild beside readers, a follower and SIGKILL: the old rows serve until the new ones are whole."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from archives import HOST, PROFILE, dump, exchange, make_archive, page, write_warc

from archive.config import ArchiveDir
from archive.index import index_archive
from archive.rebuild import rebuild
from archive.replay import ReplayServer, replay_url

pytest.importorskip("crawler.demo", reason="the pages come from the demo site")

from news import news

SEED = int(os.environ.get("MURAGAT_TEST_SEED") or time.time_ns() % 1_000_000)
PAGES = 60  # in each of two WARCs


def run(directory: ArchiveDir, *words: str) -> subprocess.CompletedProcess[str]:
    """`muragat index` to its end."""
    return subprocess.run(command(directory, *words), capture_output=True, text=True, timeout=300, check=False)


def command(directory: ArchiveDir, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "crawler.cli", "index", "--archive", str(directory.root), *words]


def rows(directory: ArchiveDir, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory.db)) as connection:
        return connection.execute(sql).fetchall()


def read_by_others(directory: ArchiveDir) -> list[int]:
    """Processes that read for an indexer of this archive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"archive.workers" in words and str(directory.warcs).encode() in words:
            found.append(int(path.parent.name))
    return found


def wait_until(true: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# ---------------------------------------------------------------- killed


class Torment:
    """An archive whose indexer is killed at random moments of its work, then run to its end."""

    def __init__(self, root: Path, *, pages: int = PAGES) -> None:
        self.directory = make_archive(root)
        write_warc(self.directory, "a", news(pages))
        write_warc(self.directory, "b", news(pages, seed=2))  # the same addresses, in other words
        began = time.monotonic()
        done = run(self.directory, "--jobs", "2")
        assert done.returncode == 0, done.stderr
        self.seconds = time.monotonic() - began  # that it takes undisturbed
        self.expected = dump(self.directory.db)

    def kill(self, *words: str, share: float) -> str | None:
        """Kill an indexer after this share of its time and run it to its end: what is wrong then."""
        if "--rebuild" not in words:
            for leftover in self.directory.root.glob("archive.db*"):
                leftover.unlink()
        child = subprocess.Popen(command(self.directory, *words), stderr=subprocess.DEVNULL)
        time.sleep(share * self.seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if "--rebuild" in words and dump(self.directory.db) != self.expected:
            return "the old rows did not serve"
        wait_until(lambda: not read_by_others(self.directory))
        done = run(self.directory, *words)
        if done.returncode:
            return done.stderr
        return None if dump(self.directory.db) == self.expected else "the rows are not the same"


def test_killed_at_random_moments_the_next_run_ends_with_the_same_rows(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    tormented = Torment(tmp_path / "a")
    for words in (["--jobs", "1"], ["--jobs", "2"], ["--jobs", "2", "--rebuild"]):
        share = chance.uniform(0.2, 1.0)
        print(f"MURAGAT_TEST_SEED={SEED}: killed after {share:.2f} of {tormented.seconds:.1f} s, {words}")
        assert tormented.kill(*words, share=share) is None


# ---------------------------------------------------------------- interrupted, and gone on with


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose rebuild was killed when it had a part of its rows."""
    directory = make_archive(tmp_path_factory.mktemp("killed") / "a")
    write_warc(directory, "a", news(PAGES))
    write_warc(directory, "b", news(PAGES, seed=2))
    index_archive(directory)
    child = subprocess.Popen(command(directory, "--rebuild", "--jobs", "1"))
    fresh = directory.root / "archive.db.rebuild"
    wait_until(lambda: fresh.exists() and _captures(fresh) >= 50)
    child.send_signal(signal.SIGKILL)
    child.wait()
    return directory.root


@pytest.fixture
def interrupted(killed: Path, tmp_path: Path) -> ArchiveDir:
    return ArchiveDir(Path(shutil.copytree(killed, tmp_path / "a")))


def _overwrite(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}-*"):
        path.unlink()
    database.write_bytes(b"no database " * 1000)


def _captures(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM captures").fetchone()[0])
    except sqlite3.OperationalError:  # the tables are being made
        return 0


def test_an_interrupted_rebuild_goes_on_and_takes_in_what_was_captured_since(interrupted: ArchiveDir) -> None:
    write_warc(interrupted, "c", [exchange("/son/", page("Son haber", "Kar yağdı. " * 20), at="2024-05-01T10:00:00Z")])

    report = rebuild(interrupted)

    assert [note for note in report.notes if note.startswith("goes on with a rebuild that was interrupted after ")]
    assert 0 < report.captures <= 2 * PAGES + 1 - 50
    expected = dump(interrupted.db)
    assert len(expected["captures"]) == 2 * PAGES + 1
    shutil.rmtree(interrupted.locks)
    interrupted.db.unlink()
    index_archive(interrupted)
    assert dump(interrupted.db) == expected
    assert not list(interrupted.root.glob("archive.db.*"))


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda a: (a.sites / "haber.toml").write_text(PROFILE + 'boilerplate = ["KÜNYE"]\n'), "rules, tables or"),
        (lambda a: (a.sites / "neu.toml").write_text(PROFILE.replace(HOST, "neu.example")), "rules, tables or"),
        (lambda a: (a.warcs / "a.warc.gz").unlink(), "a.warc.gz is gone since"),
        (lambda a: _overwrite(a.root / "archive.db.rebuild"), "file is not a database"),
    ],
    ids=["profile", "new profile", "WARC", "file"],
)
def test_what_an_interrupted_rebuild_cannot_go_on_with_is_begun_anew(
    interrupted: ArchiveDir, change: Callable[[ArchiveDir], object], reason: str
) -> None:
    change(interrupted)

    done = run(interrupted, "--rebuild")

    assert done.returncode == (0 if "a.warc.gz" not in reason else 1), done.stderr  # its rows went with it
    assert "an earlier rebuild was interrupted, and cannot be gone on with: " in done.stderr
    assert reason in done.stderr and "begun anew" in done.stderr
    assert rows(interrupted, "SELECT count(*) FROM captures") == [(len(list(interrupted.warcs.iterdir())) * PAGES,)]
    assert len(rows(interrupted, "SELECT DISTINCT rules FROM captures")) == 1


# ---------------------------------------------------------------- beside readers


@contextmanager
def following(directory: ArchiveDir) -> Iterator[subprocess.Popen[bytes]]:
    """The indexer of a crawl, as crawler/follow.py starts it."""
    words = [sys.executable, "-P", "-m", "archive.index", str(directory.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


@contextmanager
def datasette(directory: ArchiveDir) -> Iterator[str]:
    """Datasette on archive.db: its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "datasette", "serve", str(directory.db), "--port", str(port)]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _status(f"{url}/-/versions.json") == 200)
        yield url
    finally:
        child.kill()
        child.wait()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class Asking(threading.Thread):
    """Asks one thing over and over; keeps the different answers, in order, and what went wrong."""

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._ask, self._enough = ask, threading.Event()
        self.times, self.answers, self.errors = 0, list[object](), list[str]()
        self.start()

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                answer = self._ask()
                self.times += 1
                if answer not in self.answers[-1:]:
                    self.answers.append(answer)
            except Exception as error:
                self.errors.append(repr(error))
            time.sleep(0.01)

    def stop(self) -> None:
        self._enough.set()
        self.join()


def with_replay_datasette_and_follower(tmp_path: Path, *, with_datasette: bool) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "a", news(2 * PAGES))
    writer = write_warc(
        directory, "b", [exchange("/ilk/", page("İlk", "Kar yağdı. " * 20), at="2024-05-01T10:00:00Z")], close=False
    )
    index_archive(directory)
    # The old rows lack one page, so that it shows when the new ones are there.
    ((lost,),) = rows(directory, "SELECT url FROM captures ORDER BY captured_at LIMIT 1")
    with closing(sqlite3.connect(directory.db)) as connection, connection:
        connection.execute("DELETE FROM articles WHERE url = ?", [lost])
        connection.execute("DELETE FROM captures WHERE url = ?", [lost])
    kept = sqlite3.connect(f"file:{directory.db}?mode=ro", uri=True, check_same_thread=False)
    count = "SELECT count(*) FROM captures"

    with ReplayServer(directory, port=0) as replay, following(directory) as follower, ExitStack() as stack:
        asking = [
            Asking(lambda: kept.execute("SELECT count(*) FROM captures WHERE url = ?", [lost]).fetchone()[0]),
            Asking(lambda: len(rows(directory, "SELECT rowid FROM search WHERE search MATCH 'kar'")) > 0),
            Asking(lambda: _status(replay_url(replay.url, str(lost), raw=True))),
        ]
        if with_datasette:
            url = stack.enter_context(datasette(directory))
            asked = f"{url}/archive.json?sql=select+count(*)+as+n+from+captures+where+url+%3D+:u&_shape=array&u={lost}"
            asking.append(Asking(lambda: json.load(urllib.request.urlopen(asked, timeout=20))[0]["n"]))
        wait_until(lambda: all(one.times > 2 for one in asking))
        rebuilding = subprocess.Popen(command(directory, "--rebuild", "--jobs", "2"), stderr=subprocess.PIPE)
        wait_until(lambda: (directory.root / "archive.db.rebuild").exists())
        before = int(str(rows(directory, count)[0][0]))
        writer.write_exchange(exchange("/ara/", page("Ara", "Kar yağdı. " * 20), at="2024-05-01T11:00:00Z"))
        wait_until(lambda: int(str(rows(directory, count)[0][0])) > before)  # the crawl's rows do not wait for it
        assert rebuilding.wait(timeout=120) == 0, rebuilding.communicate()
        writer.write_exchange(exchange("/son/", page("Son", "Kar yağdı. " * 20), at="2024-05-01T12:00:00Z"))
        writer.close()
        assert follower.stdin
        follower.stdin.close()
        assert follower.wait(timeout=60) == 0
        wait_until(lambda: all(one.answers[-1] in (1, 200, True) for one in asking))
        for one in asking:
            one.stop()

    assert [one.errors for one in asking] == [[]] * len(asking)
    # Nothing in between: the old answer, then the new one.
    assert [one.answers for one in asking] == [[0, 1], [True], [404, 200], [0, 1]][: len(asking)]
    kept.close()
    expected = dump(directory.db)
    assert len(expected["captures"]) == 2 * PAGES + 3
    directory.db.unlink()
    index_archive(directory)
    assert dump(directory.db) == expected


def test_replay_a_follower_and_open_readers_see_the_old_rows_then_the_new_ones(tmp_path: Path) -> None:
    pytest.importorskip("pywb", reason="replay needs the extra `web`")
    with_replay_datasette_and_follower(tmp_path, with_datasette=False)


def test_datasette_sees_the_old_rows_then_the_new_ones(tmp_path: Path) -> None:
    if not importlib.util.find_spec("datasette"):
        pytest.skip("needs Datasette: .venv/bin/pip install datasette")
    with_replay_datasette_and_follower(tmp_path, with_datasette=True)

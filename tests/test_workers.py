"""A page that kills what reads it costs that page: not the index, not the pages beside it, not the next run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archives import dump, exchange, make_archive, page, write_warc

from archive.config import ArchiveDir
from archive.errors import WarcReadError
from archive.facts import Rules
from archive.index import index_archive
from archive.reading import Stretch, stretches
from archive.warc import Original
from archive.workers import Workers

pytest.importorskip("crawler.demo", reason="the pages come from the demo site")

from news import news
from test_rebuild import command, read_by_others, rows, wait_until

PAGES = 30

# A parser with a bug, as libxml2 had some: on one page it takes the process down, on another it never ends. Python runs
# this file in every process that starts with its folder in PYTHONPATH.
FRAGILE = """
import os, resource
from lxml import etree

parse = etree.fromstring

def fragile(page, *parser, **more):
    page = page if isinstance(page, bytes) else page.encode()
    if b"ABORT" in page:
        os.abort()
    if b"ENDLESS" in page:
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        assert soft != resource.RLIM_INFINITY, "nobody would ever stop it"
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1, hard))
        while True:
            pass
    return parse(page, *parser, **more)

etree.fromstring = fragile
"""
ABORTED = "extraction failed: its reader was killed by SIGABRT"


@pytest.fixture
def fragile(tmp_path: Path) -> dict[str, str]:
    """The environment of processes whose parser is fragile."""
    folder = tmp_path / "fragile"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FRAGILE, "utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def muragat(
    directory: ArchiveDir, *words: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(directory, *words), env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def archive_with(root: Path, word: str) -> ArchiveDir:
    """Thirty pages, one among them with this word in it, and that one again a month later."""
    directory = make_archive(root)
    poisoned = exchange("/zehir/", page("Zehirli haber", f"{word} " * 20), at="2024-01-01T10:00:00Z")
    again = exchange("/zehir/", page("Zehirli haber", f"{word} " * 20), at="2024-02-01T10:00:00Z")
    pages = list(news(PAGES))
    original = Original(poisoned.url, poisoned.captured_at, False)
    write_warc(directory, "a", [*pages[:11], poisoned, *pages[11:], (again, original)])
    return directory


@pytest.mark.parametrize("word, why", [("ABORT", ABORTED), ("ENDLESS", "extraction failed: its reader was at it for")])
def test_a_page_that_kills_its_reader_is_skipped_reported_and_counted(
    tmp_path: Path, fragile: dict[str, str], word: str, why: str
) -> None:
    directory = archive_with(tmp_path / "a", word)

    done = muragat(directory, "--jobs", "2", environment=fragile)

    assert done.returncode == 0, done.stderr
    assert "2 pages broke the reader" in done.stderr
    assert f"1 WARC, {PAGES + 2} captures indexed, {PAGES} of them articles" in done.stderr
    failed = rows(directory, "SELECT url, record_type, kind, reason FROM captures WHERE version IS NULL")
    assert [(url, kind) for url, kind, _, _ in failed] == [
        ("http://haber.example/zehir/", "response"),
        ("http://haber.example/zehir/", "revisit"),
    ]
    assert all(str(reason).startswith(why) for _, _, _, reason in failed)
    status = subprocess.run(
        [sys.executable, "-P", "-m", "crawler.cli", "status", "--json", "--archive", str(directory.root)],
        capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(status.stdout)["unread"] == 2
    # Rows like any others: the same again, and not read in vain by every run.
    before = dump(directory.db)
    again = muragat(directory, "--jobs", "2", environment=fragile)
    assert (again.returncode, "broke the reader" in again.stderr) == (0, False)
    assert dump(directory.db) == before


def test_an_indexer_that_a_page_killed_has_the_next_one_read_it_elsewhere(
    tmp_path: Path, fragile: dict[str, str]
) -> None:
    one = archive_with(tmp_path / "one", "ABORT")
    other = ArchiveDir(Path(shutil.copytree(one.root, tmp_path / "other")))
    assert muragat(other, "--jobs", "2", environment=fragile).returncode == 0

    killed = muragat(one, environment=fragile)
    survived = muragat(one, environment=fragile)

    assert killed.returncode == -signal.SIGABRT
    assert survived.returncode == 0, survived.stderr
    assert rows(one, "SELECT DISTINCT reason FROM captures WHERE url LIKE '%zehir%'") == [(ABORTED,)]
    assert dump(one.db) == dump(other.db)
    assert not list(one.locks.glob("*.reading"))


def test_a_reader_that_somebody_kills_costs_nothing(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "a", news(4 * PAGES))
    child = subprocess.Popen(command(directory, "--jobs", "2"), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: read_by_others(directory))
    time.sleep(0.5)
    os.kill(read_by_others(directory)[0], signal.SIGKILL)

    _, said = child.communicate(timeout=60)

    assert child.returncode == 0, said
    assert "broke the reader" not in said
    found = dump(directory.db)
    directory.db.unlink()
    index_archive(directory)
    assert dump(directory.db) == found


def test_ctrl_c_ends_the_readers_too(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "a", news(20 * PAGES))
    child = subprocess.Popen(command(directory, "--jobs", "2"), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(read_by_others(directory)) == 2 and rows_so_far(directory))

    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)

    assert child.returncode == 130
    assert "Traceback" not in said
    assert not read_by_others(directory)
    assert 0 < rows_so_far(directory) < 20 * PAGES


def rows_so_far(directory: ArchiveDir) -> int:
    try:
        return int(str(rows(directory, "SELECT count(*) FROM captures")[0][0])) if directory.db.exists() else 0
    except Exception:  # the tables are being made
        return 0


def test_what_is_read_elsewhere_is_what_is_read_here_in_the_order_asked(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "a", news(4 * PAGES))
    rules = Rules(directory.all_sites())
    tasks = [one for task in stretches(directory.warcs, "a.warc.gz", start=0) for one in list(task.singly())[::7]]
    gone = Stretch("gone.warc.gz", 0, (10,))

    workers = Workers(directory.warcs, rules, jobs=2)
    try:
        found = list(workers.read([*tasks, gone, *tasks]))
    finally:
        workers.close()

    here = [(task, task.read(directory.warcs, rules)) for task in tasks]
    assert found[: len(tasks)] == here == found[len(tasks) + 1 :]
    task, error = found[len(tasks)]
    assert task == gone
    assert isinstance(error, WarcReadError) and "gone.warc.gz at byte 0: the file is not in" in str(error)

"""Backups made and restored: beside a crawl, on a full disk, killed half-way, of a damaged archive."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from archives import HOST, dump, exchange, make_archive, page, write_warc
from servers import Answer, Loopback, crawl, finish, frontier_rows, links, start_crawl, wait_until
from servers import make_archive as archive_of
from servers import page as answer

from archive import Archive, manifest
from archive.backup import Backup, backup
from archive.config import ArchiveDir
from archive.errors import HiddenError, LockedError, MuragatError
from archive.hidden import hide
from archive.importing import import_files
from archive.index import index_archive
from archive.kept import read_contents
from archive.manifest import hash_file
from archive.query import payload
from archive.restore import check, restore
from archive.schema import connect_readonly
from archive.search import search
from archive.verify import verify

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BREAD = "Fırıncılar un fiyatlarının artmasından yakındı ve belediyeden destek istedi, haber ajansı bildirdi. " * 4
chance = Random(7)


def bulk(size: int) -> bytes:
    """Bytes that no compression makes small."""
    return chance.randbytes(size)


def article(number: int, at: str) -> object:
    return exchange(f"/{number}/", page(f"Ekmek zammı {number}", f"{BREAD} Haber {number}."), at=at)


@pytest.fixture
def kept(tmp_path: Path) -> ArchiveDir:
    """Two closed WARCs, one left open with half a record at its end, a hidden page, rows of all."""
    directory = make_archive(tmp_path / "a")
    picture = exchange("/resim.png", bulk(300_000), at="2024-01-02T00:00:00Z", content_type="image/png")
    write_warc(directory, "haber-1", [article(1, "2024-01-01T00:00:00Z"), picture])  # type: ignore[list-item]
    write_warc(directory, "haber-2", [article(2, "2024-02-01T00:00:00Z")])  # type: ignore[list-item]
    left = write_warc(
        directory,
        "haber-20240301000000-00000-x",
        [article(3, "2024-03-01T00:00:00Z")],  # type: ignore[list-item]
        close=False,
    )
    with left.open_path.open("ab") as file:
        file.write(left.open_path.read_bytes()[:40])
    index_archive(directory)
    hide(directory, f"http://{HOST}/2/", reason="Mahkeme kararı", who="ali", now=NOW)
    return directory


def made(directory: ArchiveDir, target: Path, *, minutes: int = 0, copy: bool = False, full: bool = False) -> Backup:
    return backup(directory, target, now=NOW + timedelta(minutes=minutes), copy=copy, full=full)


def muragat(*words: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command; with `limit`, on a disk on which no file may grow beyond so many bytes."""
    command = [sys.executable, "-P", "-m", "crawler.cli", *words]
    bound: Callable[[], None] | None = None
    if limit:
        bound = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=bound)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Path → inode and time of the last change of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("copy", [False, True])
def test_what_is_restored_is_the_archive(kept: ArchiveDir, tmp_path: Path, copy: bool) -> None:
    done = made(kept, tmp_path / "b", copy=copy)
    restored = restore(tmp_path / "b", tmp_path / "c")

    again = ArchiveDir(tmp_path / "c")
    assert (done.linked, done.damaged, restored.captures) == (0 if copy else 2, [], 0)
    assert dump(again.db) == dump(kept.db)
    for name in ("muragat.toml", "manifest.jsonl", "hidden.jsonl", "sites/haber.toml", "warcs/haber-1.warc.gz"):
        assert (again.root / name).read_bytes() == (kept.root / name).read_bytes(), name
    assert [one.findings for one in (verify(kept), verify(again))] == [[], []]
    before, after = connect_readonly(kept.db), connect_readonly(again.db)
    assert search(after, "firincilar") == search(before, "firincilar")
    assert search(after, "firincilar").total == 2
    for number in (1, 3):
        url = f"http://{HOST}/{number}/"
        assert payload(after, again, url) == payload(before, kept, url)
    with Archive(again.root) as archive, pytest.raises(HiddenError, match="Mahkeme"):
        archive.article(f"http://{HOST}/2/")


def test_replay_of_what_is_restored_gives_the_same_bytes(kept: ArchiveDir, tmp_path: Path) -> None:
    pytest.importorskip("pywb", reason="replay needs the extra `web`")
    from urllib.request import urlopen

    from archive.replay import ReplayServer, replay_url

    made(kept, tmp_path / "b")
    restore(tmp_path / "b", tmp_path / "c")

    with ReplayServer(kept, port=0) as one, ReplayServer(ArchiveDir(tmp_path / "c"), port=0) as other:
        for path in ("/1/", "/3/", "/resim.png"):
            bodies = {
                urlopen(replay_url(server.url, f"http://{HOST}{path}", raw=True), timeout=30).read()
                for server in (one, other)
            }
            assert len(bodies) == 1, path


def test_a_file_being_written_is_kept_up_to_its_last_whole_record(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b")

    (copied,) = (tmp_path / "b").glob("state-*/warcs/*.open")
    whole = (kept.warcs / copied.name).read_bytes()
    assert copied.read_bytes() == whole[:-40]


def test_an_archive_without_rows_is_kept_and_restored_with_them(kept: ArchiveDir, tmp_path: Path) -> None:
    expected = dump(kept.db)
    for path in kept.root.glob("archive.db*"):
        path.unlink()

    made(kept, tmp_path / "b")

    assert restore(tmp_path / "b", tmp_path / "c").captures == 4
    assert dump(tmp_path / "c" / "archive.db") == expected


def test_a_link_to_a_file_elsewhere_is_kept_as_that_file(kept: ArchiveDir, tmp_path: Path) -> None:
    other = make_archive(tmp_path / "other")
    write_warc(other, "elsewhere", [article(9, "2024-05-01T00:00:00Z")])  # type: ignore[list-item]
    assert import_files(kept, [other.warcs / "elsewhere.warc.gz"], now=NOW, link=True).ok

    made(kept, tmp_path / "b")
    shutil.rmtree(tmp_path / "other")
    restore(tmp_path / "b", tmp_path / "c")

    assert (tmp_path / "c" / "warcs" / "elsewhere.warc.gz").is_file()
    assert verify(ArchiveDir(tmp_path / "c")).findings == []


# ---------------------------------------------------------------- beside a crawl

LETTERS = str.maketrans("0123456789", "abcdefghij")
PATHS = {number: f"/page/{str(number).translate(LETTERS)}" for number in range(1, 150)}
NUMBERS = {path: number for number, path in PATHS.items()}
LISTINGS = {"/robots.txt", "/", "/hub"}


def site(path: str) -> Answer:
    """A site of 150 pages, some forty a second, all on one listing."""
    if path == "/":
        return links("/hub")
    if path == "/hub":
        return links(*PATHS.values())
    if (number := NUMBERS.get(path)) is None:
        return answer("none", status="404 Not Found")
    text = f"<!doctype html><title>{number}</title><p>{Random(number).randbytes(2000).hex()}"
    return replace(answer(text), seconds=0.08)


def test_a_backup_beside_a_crawl_is_restored_and_the_crawl_goes_on_in_it(tmp_path: Path) -> None:
    """Two backups into one folder while WARCs roll; then the machine is lost, and nothing but the backup is left."""
    pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")
    with Loopback(site) as server:
        directory = archive_of(tmp_path / "a", server, warc_size=60_000)
        process = start_crawl(directory, wait=True)
        wait_until(lambda: len(server.log) > 40 and len(list(directory.warcs.glob("*.gz"))) > 1)
        first = backup(directory, tmp_path / "b", now=datetime.now(UTC))
        wait_until(lambda: len(server.log) > 80)
        held = {heard.path for heard in server.log if heard.at < time.time() - 1.5}
        second = backup(directory, tmp_path / "b", now=datetime.now(UTC))
        assert process.poll() is None, "the crawl was over too soon for this test"
        process.send_signal(signal.SIGKILL)
        finish(process)
        shutil.rmtree(directory.root)

        assert check(tmp_path / "b")[1] == []
        restore(tmp_path / "b", tmp_path / "c")
        again = ArchiveDir(tmp_path / "c")
        report = verify(again)
        asked = len(server.log)
        done = crawl(again, wait=True)

        refetched = {heard.path for heard in server.log[asked:]} & held - LISTINGS
    assert first.damaged == second.damaged == report.findings == []
    assert report.rows > 80
    assert done.returncode == 0, done.stderr
    assert refetched == set()
    assert {state for state, _ in frontier_rows(again).values()} == {"done"}
    with Archive(again.root) as archive:
        assert all(archive.captures(server.url + path) for path in PATHS.values())
    assert verify(again).findings == []


# ---------------------------------------------------------------- again into the same folder


@pytest.mark.parametrize("copy", [False, True])
def test_a_second_backup_adds_what_is_new_and_touches_nothing_else(
    kept: ArchiveDir, tmp_path: Path, copy: bool
) -> None:
    made(kept, tmp_path / "b", copy=copy)
    before = tree(tmp_path / "b" / "warcs")
    write_warc(kept, "haber-4", [article(4, "2024-04-01T00:00:00Z")])  # type: ignore[list-item]
    index_archive(kept)

    again = made(kept, tmp_path / "b", minutes=1, copy=copy)

    after = tree(tmp_path / "b" / "warcs")
    assert after.keys() - before.keys() == {"haber-4.warc.gz"}
    assert {name: after[name] for name in before} == before
    assert again.linked == (0 if copy else 1)
    assert again.copied_bytes < 10_000
    assert len(list((tmp_path / "b").glob("state-*"))) == 1
    assert check(tmp_path / "b")[1] == []
    restore(tmp_path / "b", tmp_path / "c")
    assert dump(tmp_path / "c" / "archive.db") == dump(kept.db)


def test_with_copy_no_byte_is_shared_with_the_archive(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b")
    assert (tmp_path / "b" / "warcs" / "haber-1.warc.gz").samefile(kept.warcs / "haber-1.warc.gz")

    made(kept, tmp_path / "b", minutes=1, copy=True)

    shared = {path.stat().st_ino for path in kept.root.rglob("*")} & {i for i, _ in tree(tmp_path / "b").values()}
    assert shared == set()


def test_another_archive_is_not_mixed_in(kept: ArchiveDir, tmp_path: Path) -> None:
    other = make_archive(tmp_path / "other")
    write_warc(other, "haber-1", [article(9, "2024-05-01T00:00:00Z")])  # type: ignore[list-item]
    made(kept, tmp_path / "b")
    before = tree(tmp_path / "b")

    with pytest.raises(MuragatError, match="backup of another archive"):
        made(other, tmp_path / "b", minutes=1)

    assert tree(tmp_path / "b") == before


@pytest.mark.parametrize("name", ["b", "b.partial"])
def test_a_folder_that_holds_anything_else_is_left_alone(kept: ArchiveDir, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("years of work")

    done = muragat("backup", "--archive", str(kept.root), str(tmp_path / "b"))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert [path.name for path in (tmp_path / name).iterdir()] == ["thesis.txt"]


def test_the_archive_itself_and_its_folders_are_no_place_for_it(kept: ArchiveDir, tmp_path: Path) -> None:
    for target in (kept.root, kept.warcs, kept.warcs / "b", kept.sites / "b"):
        with pytest.raises(MuragatError):
            made(kept, target)
    made(kept, kept.root / "yedek")
    assert check(kept.root / "yedek")[1] == []


def test_an_empty_folder_is_taken(kept: ArchiveDir, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()

    made(kept, tmp_path / "b")

    assert check(tmp_path / "b")[1] == []
    assert not (tmp_path / "b.partial").exists()


# ---------------------------------------------------------------- what goes wrong


def test_a_full_disk_leaves_no_backup_and_the_next_attempt_goes_on(kept: ArchiveDir, tmp_path: Path) -> None:
    """First no file may be larger than 200,000 bytes: archive.db is."""
    target = tmp_path / "b"
    words = ("backup", "--copy", "--archive", str(kept.root), str(target))
    size = kept.db.stat().st_size
    for limit in (size // 2, (kept.warcs / "haber-1.warc.gz").stat().st_size - 10_000):
        done = muragat(*words, limit=limit)

        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert "make room" in done.stderr
        assert not target.exists()
        with pytest.raises(MuragatError, match="is no backup"):
            check(target)
        with pytest.raises(MuragatError, match="is no backup"):
            restore(tmp_path / "b.partial", tmp_path / "c")

    done = muragat(*words)

    assert done.returncode == 0, done.stderr
    assert "went on with what an interrupted backup had left" in done.stderr
    assert check(target)[1] == []


def test_a_full_disk_leaves_the_backup_of_before(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b", copy=True)
    picture = exchange("/yeni.png", bulk(3_000_000), at="2024-06-02T00:00:00Z", content_type="image/png")
    write_warc(kept, "haber-4", [picture])
    index_archive(kept)

    done = muragat("backup", "--copy", "--archive", str(kept.root), str(tmp_path / "b"), limit=2_000_000)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the backup of 2026-11-23T12:00:00Z in it holds; make room" in done.stderr
    assert check(tmp_path / "b")[1] == []
    assert muragat("backup", "--copy", "--archive", str(kept.root), str(tmp_path / "b")).returncode == 0
    assert check(tmp_path / "b")[1] == []
    assert any(one.place == "warcs/haber-4.warc.gz" for one in read_contents(tmp_path / "b").files)


def test_killed_at_any_moment_it_goes_on_and_copies_nothing_twice(tmp_path: Path) -> None:
    directory, target = make_archive(tmp_path / "a"), tmp_path / "b"
    for number in range(100):
        at = f"2024-01-01T00:{number // 60:02}:{number % 60:02}Z"
        picture = exchange("/r.png", bulk(300_000), at=at, content_type="image/png")
        write_warc(directory, f"haber-{number}", [picture])
    index_archive(directory)
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(directory.root)]
    process = subprocess.Popen([*command, "backup", "--copy", str(target)], stderr=subprocess.DEVNULL)
    part = tmp_path / "b.partial" / "warcs"
    wait_until(lambda: part.is_dir() and len(list(part.glob("*.gz"))) >= 5)
    process.kill()
    process.wait()
    assert not target.exists()
    (part / "haber-99.warc.gz.part").write_bytes(b"half of it")
    held = {name: at for name, at in tree(part).items() if name.endswith(".gz")}

    done = muragat("--archive", str(directory.root), "backup", "--copy", str(target))

    assert done.returncode == 0, done.stderr
    assert "went on with" in done.stderr
    assert {name: at for name, at in tree(target / "warcs").items() if name in held} == held
    assert len(tree(target / "warcs")) == 100
    assert check(target)[1] == []


def test_two_at_once_do_not_meet(kept: ArchiveDir, tmp_path: Path) -> None:
    import fcntl

    made(kept, tmp_path / "b")
    handle = os.open(tmp_path / "b", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="another backup"):
            made(kept, tmp_path / "b", minutes=1)
    finally:
        os.close(handle)


def test_what_is_damaged_in_the_archive_is_said_and_the_rest_is_kept(kept: ArchiveDir, tmp_path: Path) -> None:
    damage(kept.warcs / "haber-1.warc.gz")
    (kept.warcs / "haber-2.warc.gz").unlink()

    done = muragat("--archive", str(kept.root), "backup", "--copy", str(tmp_path / "b"))

    assert done.returncode == 1
    assert "haber-1.warc.gz is not what it was when it was closed" in done.stderr
    assert "haber-2.warc.gz is missing" in done.stderr
    assert check(tmp_path / "b")[1] == []
    assert {finding.file for finding in restored_findings(tmp_path)} == {"haber-1.warc.gz", "haber-2.warc.gz"}


def restored_findings(tmp_path: Path) -> list:  # type: ignore[type-arg]
    restore(tmp_path / "b", tmp_path / "c")
    return [one for one in verify(ArchiveDir(tmp_path / "c")).findings if one.file.endswith(".gz")]


def test_a_good_copy_is_kept_whatever_becomes_of_the_archive_s(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b", copy=True)
    before = tree(tmp_path / "b" / "warcs")
    damage(kept.warcs / "haber-1.warc.gz")
    (kept.warcs / "haber-2.warc.gz").unlink()

    again = made(kept, tmp_path / "b", minutes=1, copy=True)

    assert again.damaged == ["haber-2.warc.gz is missing"]
    assert tree(tmp_path / "b" / "warcs") == before
    restore(tmp_path / "b", tmp_path / "c")
    assert verify(ArchiveDir(tmp_path / "c")).findings == []


def damage(path: Path, at: int = 2000) -> None:
    """Turn one bit, in a file of its own."""
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1
    path.unlink()
    path.write_bytes(content)


# ---------------------------------------------------------------- checked, and refused


def test_a_changed_byte_a_missing_and_a_shorter_file_are_named_and_nothing_is_restored(
    kept: ArchiveDir, tmp_path: Path
) -> None:
    made(kept, tmp_path / "b", copy=True)
    (state,) = (tmp_path / "b").glob("state-*")
    damage(tmp_path / "b" / "warcs" / "haber-1.warc.gz")
    (tmp_path / "b" / "warcs" / "haber-2.warc.gz").unlink()
    with (state / "archive.db").open("r+b") as file:
        file.truncate(10_000)

    done = muragat("backup", "--verify", str(tmp_path / "b"))
    refused = muragat("restore", str(tmp_path / "b"), str(tmp_path / "c"))

    assert (done.returncode, done.stdout) == (1, "")
    for words in (
        "haber-1.warc.gz is not what was written",
        "haber-2.warc.gz is missing",
        "archive.db has 10000 bytes",
    ):
        assert words in done.stderr
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "3 of 8 files are damaged" in refused.stderr
    assert not (tmp_path / "c").exists() and not (tmp_path / "c.partial").exists()


@pytest.mark.parametrize("words", [[], ["--full"]])
def test_a_backup_over_a_damaged_one_makes_it_whole_and_says_so(
    kept: ArchiveDir, tmp_path: Path, words: list[str]
) -> None:
    target, whole = str(tmp_path / "b"), hash_file(kept.warcs / "haber-1.warc.gz")
    made(kept, tmp_path / "b", copy=True)
    damage(tmp_path / "b" / "warcs" / "haber-1.warc.gz")
    (tmp_path / "b" / "warcs" / "haber-2.warc.gz").unlink()
    hint = muragat("backup", "--verify", target).stderr

    done = muragat("--archive", str(kept.root), "backup", "--copy", *words, target)

    assert f"`muragat backup --full {target}` makes them anew" in hint
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if "anew" in line] == [
        f"was damaged or missing in the backup, and is made anew: haber-{number}.warc.gz" for number in (1, 2)
    ]
    assert muragat("backup", "--verify", target).returncode == 0
    assert hash_file(tmp_path / "b" / "warcs" / "haber-1.warc.gz") == whole


def test_full_finds_a_byte_that_changed_without_a_trace_and_links_in_its_place(
    kept: ArchiveDir, tmp_path: Path
) -> None:
    made(kept, tmp_path / "b", copy=True)
    damage(tmp_path / "b" / "warcs" / "haber-1.warc.gz")
    time.sleep(0.05)
    contents = tmp_path / "b" / "backup.json"
    contents.write_bytes(contents.read_bytes())  # newer than the damage, as after a disk that forgot a bit

    assert made(kept, tmp_path / "b", minutes=1).mended == []
    again = made(kept, tmp_path / "b", minutes=2, full=True)

    assert (again.mended, again.linked, again.damaged) == (["haber-1.warc.gz"], 1, [])
    assert check(tmp_path / "b")[1] == []


def test_where_the_damaged_file_is_a_link_both_are_damaged_and_it_is_said(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b")
    with (tmp_path / "b" / "warcs" / "haber-1.warc.gz").open("r+b") as file:
        file.seek(2000)
        byte = file.read(1)
        file.seek(2000)
        file.write(bytes([byte[0] ^ 1]))

    again = made(kept, tmp_path / "b", minutes=1)

    assert (again.mended, again.damaged) == ([], ["haber-1.warc.gz is not what it was when it was closed"])
    for minutes in (2, 3):  # whatever the file system says of when it was touched
        assert made(kept, tmp_path / "b", minutes=minutes).damaged == again.damaged


def test_a_damaged_log_in_the_backup_does_not_make_it_that_of_another_archive(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b")
    (state,) = (tmp_path / "b").glob("state-*")
    damage(state / "manifest.jsonl", at=30)
    damage(state / "hidden.jsonl", at=30)

    made(kept, tmp_path / "b", minutes=1)

    assert check(tmp_path / "b")[1] == []


def test_the_good_log_of_hidden_pages_is_not_written_over(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b")
    (good,) = (tmp_path / "b").glob("state-*/hidden.jsonl")
    kept.hidden.unlink()

    done = muragat("--archive", str(kept.root), "backup", str(tmp_path / "b"))

    assert done.returncode == 1
    assert f"hidden.jsonl has lost lines that {good} holds: copy that one over it" in done.stderr
    shutil.copy(good, kept.hidden)
    assert muragat("--archive", str(kept.root), "backup", str(tmp_path / "b")).returncode == 0
    assert verify(kept).findings == []


def test_a_restore_of_an_archive_that_had_lost_its_log_keeps_the_pages_hidden(kept: ArchiveDir, tmp_path: Path) -> None:
    kept.hidden.unlink()
    made(kept, tmp_path / "b")

    done = muragat("restore", str(tmp_path / "b"), str(tmp_path / "c"))

    assert done.returncode == 1
    assert f"hidden.jsonl has lost lines; by archive.db these stay hidden: http://{HOST}/2/" in done.stderr
    with Archive(tmp_path / "c") as archive, pytest.raises(HiddenError):
        archive.article(f"http://{HOST}/2/")


def test_a_restore_writes_over_nothing(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.txt").write_text("years of work")

    for to in (tmp_path / "c", kept.root, tmp_path / "c" / "thesis.txt"):
        with pytest.raises(MuragatError, match="not empty"):
            restore(tmp_path / "b", to)

    assert (tmp_path / "c" / "thesis.txt").read_text() == "years of work"


def test_a_restore_that_was_interrupted_is_begun_anew(kept: ArchiveDir, tmp_path: Path) -> None:
    made(kept, tmp_path / "b", copy=True)
    words = ("restore", str(tmp_path / "b"), str(tmp_path / "c"))
    done = muragat(*words, limit=150_000)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "was not made; make room" in done.stderr
    assert not (tmp_path / "c").exists()
    assert muragat(*words).returncode == 0
    assert verify(ArchiveDir(tmp_path / "c")).findings == []
    assert not (tmp_path / "c.partial").exists()


@pytest.mark.parametrize(
    "path", ["../../evil", "/etc/evil", "", "warcs/../../x", "x\0y", "\ud800", "a" * 300, "ğ" * 128, 5, None]
)
def test_a_backup_that_names_files_outside_of_itself_is_refused(kept: ArchiveDir, tmp_path: Path, path: object) -> None:
    made(kept, tmp_path / "b")
    contents = tmp_path / "b" / "backup.json"
    for name in ("path", "place"):
        said = json.loads(contents.read_text("utf-8"))
        said["files"][0][name] = path
        contents.write_text(json.dumps(said), "utf-8")

        with pytest.raises(MuragatError, match="damaged"):
            restore(tmp_path / "b", tmp_path / "c")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b"[]",
        b"\xff",
        *(
            b'{"format": 1, "made_at": "", "head": null, "files": [{"path": "a", "place": "a", %s}]}' % rest
            for rest in (b'"size": 1e999, "sha256": ""', b'"size": -1, "sha256": ""', b'"size": 1, "sha256": null')
        ),
    ],
    ids=["deep", "list", "bytes", "endless", "negative", "digest"],
)
def test_a_backup_json_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "backup.json").write_bytes(content)

    with pytest.raises(MuragatError, match="is damaged"):
        check(tmp_path)


def test_a_backup_json_that_is_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "backup.json").mkdir()

    with pytest.raises(MuragatError, match="take another copy"):
        check(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000,
        *(
            b'{"name": "%s", "size": %s, "sha256": "", "previous": ""}' % pair
            for pair in ((b"\\u0000", b"1"), (b"\\ud800", b"1"), (b"a" * 300, b"1"), (b"a", b"-1"), (b"a", b"9" * 30))
        ),
    ],
    ids=["deep", "nul", "surrogate", "long", "negative", "endless"],
)
def test_a_line_of_the_chain_that_no_file_can_have_is_damaged(kept: ArchiveDir, tmp_path: Path, line: bytes) -> None:
    with kept.manifest.open("ab") as file:
        file.write(line + b"\n")

    with pytest.raises(MuragatError, match="line 3 is damaged"):
        manifest.read(kept.manifest)
    assert [one.kind for one in manifest.breaks(manifest.read_lines(kept.manifest)[0])] == ["damaged"]
    assert muragat("index", "--archive", str(kept.root)).stderr.count("\n") == 1
    assert made(kept, tmp_path / "b").damaged == []


def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for words in (("backup", "--verify", str(tmp_path / "b")), ("restore", str(tmp_path / "b"), str(tmp_path / "c"))):
        done = muragat(*words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "is no backup: it has no backup.json" in done.stderr
    (tmp_path / "b" / "backup.json").write_text('{"format": 99, "files": []}')
    with pytest.raises(MuragatError, match="newer muragat"):
        check(tmp_path / "b")


def test_the_head_it_names_is_that_of_the_chain(kept: ArchiveDir, tmp_path: Path) -> None:
    done = muragat("--archive", str(kept.root), "backup", str(tmp_path / "b"), "--json")

    head = json.loads(done.stdout)["head"]
    assert head == manifest.read(kept.manifest)[-1].line_hash
    restore(tmp_path / "b", tmp_path / "c")
    assert verify(ArchiveDir(tmp_path / "c"), head=head).newer == 0

"""What a command cannot do is said in one line, before anything is lost: outputs, options, sites, files."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from archives import HOST, exchange, make_archive, page, run, write_warc

import archive.cli_changes
import archive.cli_keep  # noqa: F401 -- their commands join those of archive.cli
from archive.config import ArchiveDir
from archive.index import index_archive

ROOT = Path(__file__).resolve().parent.parent
URL = f"http://{HOST}/kar/"
TEXT = "Ekipler gece boyunca çalıştı, sabaha karşı ana yol ulaşıma açıldı. Okullar iki gün tatil edildi, kar sürüyor. "
SPAM = '<div style="display:none"><a href="https://bahis.example/">kaçak bahis siteleri casino bonus</a></div>'


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    """An archive of a page that changed once and has something injected since."""
    directory = make_archive(tmp_path_factory.mktemp("refusals") / "arsiv")
    first, second = page("Kar yağdı", "Üç köy. " + TEXT * 3), page("Kar yağdı", "Beş köy. " + TEXT * 3, extra=SPAM)
    write_warc(
        directory,
        "haber-1",
        [exchange("/kar/", first, at="2024-01-01T10:00:00Z"), exchange("/kar/", second, at="2024-02-01T10:00:00Z")],
    )
    index_archive(directory)
    return directory


def in_shell(directory: ArchiveDir, words: str) -> subprocess.CompletedProcess[str]:
    """Run `muragat` with a shell's redirections."""
    return subprocess.run(
        f"{shlex.quote(sys.executable)} -P -m crawler.cli {words}",
        shell=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT), "MURAGAT_ARCHIVE": str(directory.root)},
        capture_output=True,
        text=True,
        timeout=60,
    )


# ---------------------------------------------------------------- outputs


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full, a disk that is always full")
@pytest.mark.parametrize(
    "words",
    [
        "search --csv",
        "query 'SELECT * FROM captures' --csv",
        "query 'SELECT 1'",
        "export - --jsonl",
        f"show {URL} --raw",
        "--help",
    ],
)
def test_an_output_that_is_full_is_said_in_one_line(kept: ArchiveDir, words: str) -> None:
    done = in_shell(kept, f"{words} >/dev/full")

    line = "muragat: the output cannot be written: No space left on device; send it elsewhere\n"
    assert (done.returncode, done.stderr) == (1, line)


@pytest.mark.parametrize("words", ["search", "export - --csv", "status"])
def test_an_output_that_is_closed_is_said_in_one_line(kept: ArchiveDir, words: str) -> None:
    done = in_shell(kept, f"{words} >&-")

    line = "muragat: the output cannot be written: Bad file descriptor; send it elsewhere\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_what_prints_nothing_needs_no_output(kept: ArchiveDir) -> None:
    assert in_shell(kept, "index >&-").returncode == 0
    assert in_shell(kept, "index <&- >&- 2>&-").returncode == 0
    assert in_shell(kept, "verify 2>&-").returncode == 0


# ---------------------------------------------------------------- colours


def on_a_terminal(directory: ArchiveDir, *words: str, **env: str) -> bytes:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(directory.root), *words],
        stdout=theirs,
        stderr=theirs,
        cwd="/",
        env={**inherited, "TERM": "xterm", "PYTHONPATH": str(ROOT), **env},
    )
    os.close(theirs)
    printed = b""
    with suppress(OSError):  # the end of what a terminal says
        while part := os.read(ours, 65536):
            printed += part
    os.close(ours)
    assert process.wait(60) == 0, printed
    return printed


@pytest.mark.parametrize("words", [("search", "kar"), ("spam",)])
def test_colours_are_left_out_where_they_are_not_wanted(kept: ArchiveDir, words: tuple[str, ...]) -> None:
    """https://no-color.org: set, and not empty."""
    assert b"\x1b[" in on_a_terminal(kept, *words)
    assert b"\x1b[" in on_a_terminal(kept, *words, NO_COLOR="")
    assert b"\x1b" not in on_a_terminal(kept, *words, NO_COLOR="1")
    assert b"\x1b" not in on_a_terminal(kept, *words, TERM="dumb")


def test_without_colours_the_words_found_are_between_signs(kept: ArchiveDir) -> None:
    assert "«".encode() in on_a_terminal(kept, "search", "köy", NO_COLOR="1")


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (["export", "t.csv", "--csv", "--jsonl"], "--csv or --jsonl"),
        (["query", "SELECT 1", "--csv", "--json"], "--csv or --json"),
        (["search", "--json", "--csv"], "--json or --csv"),
        (["cite", URL, "--bibtex", "--csl"], "--bibtex or --csl"),
        (["timemap", URL, "--link", "--json"], "--link or --json"),
        (["show", URL, "--raw", "--json"], "--raw or --json"),
    ],
)
def test_of_two_forms_none_is_taken(
    kept: ArchiveDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], both: str
) -> None:
    monkeypatch.chdir(tmp_path)

    code, said = run(kept, *words)

    assert (code, f"{both}, not both" in said) == (2, True), said
    assert not list(tmp_path.iterdir())


def test_a_form_said_twice_is_one(kept: ArchiveDir) -> None:
    assert run(kept, "query", "SELECT 1 AS n", "--csv", "--csv") == (0, "n\n1\n")


@pytest.mark.parametrize("target", ["x.txt", "-", "x"])
def test_an_export_without_a_form_is_wrong_usage(kept: ArchiveDir, tmp_path: Path, target: str) -> None:
    code, said = run(kept, "export", target if target == "-" else str(tmp_path / target))

    assert (code, "--csv" in said) == (2, True), said


# ---------------------------------------------------------------- sites


@pytest.mark.parametrize("site", ["haber", "HABER", HOST, f"http://{HOST}/", "example"])
def test_a_site_is_named_by_its_profile_or_its_host(kept: ArchiveDir, tmp_path: Path, site: str) -> None:
    assert "1 change" in run(kept, "changes", "--site", site)[1]
    assert "bahis.example" in run(kept, "spam", "--site", site)[1]
    assert "1–1 of 1" in run(kept, "search", "kar", "--site", site)[1]
    assert "1 article," in run(kept, "export", str(tmp_path / "a.csv"), "--site", site)[1]


@pytest.mark.parametrize("command", ["search", "changes", "spam"])
@pytest.mark.parametrize("site", ["nope", "haber.exampl", "ber.example"])
def test_a_site_that_the_archive_has_nothing_of_is_said(kept: ArchiveDir, command: str, site: str) -> None:
    code, said = run(kept, command, "--site", site)

    assert (code, f"nothing in this archive is of a site '{site}'; it holds haber" in said) == (0, True), said


def test_of_a_site_that_is_there_nothing_found_is_no_slip(kept: ArchiveDir) -> None:
    assert "nothing in this archive" not in run(kept, "search", "yoktur", "--site", "haber")[1]
    assert "nothing in this archive" not in run(kept, "changes", "--since", "2030", "--site", HOST)[1]


def test_an_export_of_a_site_that_is_none_leaves_what_was_there(kept: ArchiveDir, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("eski")

    code, said = run(kept, "export", str(path), "--site", "nope")

    assert (code, path.read_text()) == (1, "eski")
    assert "'nope'; it holds haber" in said


# ---------------------------------------------------------------- files


def damaged(kept: ArchiveDir, root: Path) -> ArchiveDir:
    """A copy whose tables are torn, behind a head that can be read."""
    directory = make_archive(root)
    content = bytearray(kept.db.read_bytes())
    content[3 * 4096 :] = b"\xa5" * (len(content) - 3 * 4096)
    directory.db.write_bytes(content)
    return directory


def test_a_damaged_database_is_no_matter_of_the_statement(kept: ArchiveDir, tmp_path: Path) -> None:
    done = in_shell(damaged(kept, tmp_path / "a"), "query 'SELECT 1 FROM articles'")

    assert done.returncode == 1
    assert "malformed" in done.stderr and "`muragat index --rebuild` makes it anew" in done.stderr
    assert "SELECT" not in done.stderr and done.stderr.count("\n") == 1


def test_a_damaged_database_is_why_it_is_not_backed_up(kept: ArchiveDir, tmp_path: Path) -> None:
    code, said = run(damaged(kept, tmp_path / "a"), "backup", str(tmp_path / "yedek"))

    assert (code, "is damaged" in said, "room" in said) == (1, True, False), said
    assert "move it away, `muragat index` makes it anew" in said


def test_an_empty_database_is_said_to_be_and_is_filled(kept: ArchiveDir, tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    directory.db.touch()

    code, said = run(directory, "search")

    assert (code, f"{directory.db} is empty; `muragat index` fills it" in said) == (1, True), said
    assert run(directory, "index")[0] == 0
    assert run(directory, "search")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        *(r"search --site \xff", r"changes --site \xff", r"spam --domain \xff", r"hide http://x/\xff --reason a"),
        *(r"hide http://x/ --reason \xff", r"export - --csv --lang \xff", r'query "SELECT 1 \xff"'),
    ],
)
def test_bytes_that_are_no_text_are_said_to_be(kept: ArchiveDir, words: str) -> None:
    done = in_shell(kept, words.replace("\\xff", "$(printf '\\377')"))

    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "no UTF-8" in done.stderr
    assert not kept.hidden.exists() or not kept.hidden.read_bytes()


def test_what_a_site_sent_does_not_steer_the_terminal(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    moved = exchange("/kar/", b"", at="2024-01-01T10:00:00Z", status="302 Found", fields="Location: /\x1b]0;x\x07\r\n")
    write_warc(directory, "a", [moved])
    index_archive(directory)

    for words in (f"show {URL}", f"timemap {URL}"):
        done = in_shell(directory, words)
        assert "]0;x" in done.stdout + done.stderr
        assert not {"\x1b", "\x07"} & set(done.stdout + done.stderr)


def test_no_cell_is_a_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "a", [exchange("/kar/", page("=HYPERLINK(1)", TEXT * 3), at="2024-01-01T10:00:00Z")])
    index_archive(directory)

    for words in ("search --csv kar", 'query --csv "SELECT title FROM articles"'):
        assert "'=HYPERLINK(1)" in in_shell(directory, words).stdout

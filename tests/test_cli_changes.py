"""diff, changes, query, status and completion as people and programs meet them."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from archives import HOST, exchange, make_archive, page, write_warc

from archive.index import index_archive

ROOT = Path(__file__).resolve().parent.parent
URL = f"http://{HOST}/ekmek/"
TEXT = "Fırıncılar Odası Başkanı Ali Yılmaz, un fiyatının yükseldiğini söyledi. Ekmek yüzde 12 zamlandı."
MORE = "İstanbul’da ise “IŞIK” &lt;b&gt; un fabrikası kapandı &amp; işçiler ISPARTA’ya döndü."


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = make_archive(tmp_path_factory.mktemp("cli") / "a")
    first, later = page("Ekmek", TEXT, MORE), page("Ekmek", TEXT.replace("12", "15"), MORE)
    write_warc(
        directory,
        "a",
        [
            exchange("/ekmek/", first, at="2024-01-01T10:00:00Z"),
            exchange("/ekmek/", later, at="2024-02-01T10:00:00Z"),
            exchange("/kopya/", later, at="2024-02-01T10:00:01Z"),
            exchange("/kar/", page("Kar", MORE, TEXT), at="2024-01-01T10:00:02Z"),
            exchange("/kar/", b"", at="2024-03-01T10:00:00Z", status="404 Not Found"),
        ],
    )
    index_archive(directory)
    return directory.root


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def muragat(archive: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(archive), *words]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)


def on_a_terminal(archive: Path, *words: str) -> str:
    """What a person sees: standard output is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(archive), *words]
    with subprocess.Popen(command, env=environment(TERM="xterm"), stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            seen += part
        assert process.wait() == 0
    os.close(ours)
    return seen.decode()


COLOURED = [("diff", URL), ("changes",), ("show", URL), ("search", "ekmek"), ("status",)]


@pytest.mark.parametrize("words", COLOURED, ids=lambda words: words[0])
def test_colours_are_for_terminals_alone(archive: Path, words: tuple[str, ...]) -> None:
    piped = muragat(archive, *words)

    assert (piped.returncode, "\x1b" in piped.stdout + piped.stderr) == (0, False)
    assert words[0] == "status" or "\x1b[" in on_a_terminal(archive, *words)


def test_a_difference_for_programs_has_stable_keys(archive: Path) -> None:
    told = json.loads(muragat(archive, "diff", URL, "--json").stdout)

    assert list(told) == [
        *("url", "seen_from", "seen_to", "old_title", "new_title", "language", "weight", "changes", "pieces")
    ]
    assert (told["weight"], told["changes"]) == ("substance", ["a number: 12 → 15"])
    assert {piece["text"] for piece in told["pieces"] if piece["change"] != "same"} == {"12", "15"}


def test_changes_for_programs_have_stable_keys_and_filters(archive: Path) -> None:
    told = json.loads(muragat(archive, "changes", "--json").stdout)

    assert [list(change) for change in told] == [
        ["kind", "weight", "what", "at", "before_at", "url", "title", "site"] for _ in range(2)
    ]
    assert [change["kind"] for change in told] == ["gone", "edited"]
    for words, count in (
        (("--since", "2024-03"), 1),
        (("--until", "2024-02"), 1),
        (("--limit", "1"), 1),
        (("--site", "baska"), 0),
        (("--sort", "date"), 2),
    ):
        assert len(json.loads(muragat(archive, "changes", "--json", *words).stdout)) == count, words


def test_changes_for_people_say_what_changed_in_one_line(archive: Path) -> None:
    done = muragat(archive, "changes")

    assert done.stdout.splitlines()[3:6] == [
        "2024-02-01 10:00Z  substance  Ekmek",
        "    a number: 12 → 15",
        f"    {URL}",
    ]
    assert done.stderr == "2 changes\n"


def test_an_article_says_since_when_it_is_gone(archive: Path) -> None:
    url = f"http://{HOST}/kar/"

    assert "gone from the site since 2024-03-01 10:00Z" in muragat(archive, "show", url).stdout
    assert json.loads(muragat(archive, "show", url, "--json").stdout)["gone_at"] == "2024-03-01T10:00:00.000000Z"
    assert "gone" not in muragat(archive, "show", URL).stdout


def test_an_article_says_where_else_it_stands(archive: Path) -> None:
    assert f"also at http://{HOST}/kopya/ (repeated, 100% alike)" in muragat(archive, "show", URL).stdout
    (other,) = json.loads(muragat(archive, "show", URL, "--json").stdout)["duplicates"]
    assert (other["url"], other["kind"], other["similarity"]) == (f"http://{HOST}/kopya/", "repeated", 1.0)


def keys_of(value: object) -> set[str]:
    """Every key of the objects in a JSON value, however deep; not of those whose keys are data."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    own = {key: one for key, one in value.items() if key not in ("sources", "confidence", "images", "comments", "spam")}
    return set(value) | set().union(*map(keys_of, own.values()))


@pytest.mark.parametrize(
    "words",
    [("search", "ekmek"), ("show", URL), ("diff", URL), ("changes",), ("timemap", URL), ("status",), ("alarms",)],
    ids=lambda words: words[0],
)
def test_every_key_for_programs_is_documented(archive: Path, words: tuple[str, ...]) -> None:
    (line,) = [
        line
        for line in (ROOT / "docs" / "commands.md").read_text("utf-8").splitlines()
        if line.startswith(f"| `{words[0]} --json`")
    ]

    keys = keys_of(json.loads(muragat(archive, *words, "--json").stdout))

    assert keys and {key for key in keys if f"`{key}`" not in line} == set()


# ---------------------------------------------------------------- the page


def test_a_difference_is_a_page_that_stands_alone(archive: Path, tmp_path: Path) -> None:
    done = muragat(archive, "diff", URL, "--html", str(tmp_path / "fark.html"))
    written = (tmp_path / "fark.html").read_text("utf-8")

    assert (done.returncode, done.stdout) == (0, "")
    assert muragat(archive, "diff", URL, "--html", "-").stdout == written
    assert "<del>12</del><ins>15</ins>" in written
    assert "İstanbul’da ise “IŞIK” &lt;b&gt; un fabrikası kapandı &amp; işçiler ISPARTA’ya döndü." in written
    assert "<script" not in written and "<link" not in written and " src=" not in written
    assert '<main lang="tr">' in written


def test_the_page_is_readable_light_dark_narrow_and_on_paper(archive: Path, chromium: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    target = tmp_path / "fark.html"
    assert muragat(archive, "diff", URL, "--html", str(target)).returncode == 0
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    shades = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=flags)
        for scheme in ("light", "dark"):
            view = browser.new_context(viewport={"width": 320, "height": 600}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
            said = list[str]()
            view.on("console", lambda message, said=said: said.append(message.text))
            view.goto(target.as_uri())
            style = "getComputedStyle(document.body)"
            shades[scheme] = view.evaluate(f"[{style}.backgroundColor, {style}.color]")
            assert view.evaluate("document.documentElement.scrollWidth") == 320
            assert said == []
        gone, new = (
            view.evaluate(f"getComputedStyle(document.querySelector('main {tag}')).textDecorationLine")
            for tag in ("del", "ins")
        )
        view.emulate_media(media="print")  # of the dark one: paper is white
        paper = view.evaluate("getComputedStyle(document.body).backgroundColor")
        assert view.title() == "Ekmek – what changed"
        browser.close()

    assert shades["light"][0] == paper == "rgb(255, 255, 255)"
    assert shades["dark"][0] != paper and shades["dark"][1] != shades["light"][1]
    assert (gone, new) == ("line-through", "underline")


# ---------------------------------------------------------------- SQL


def test_rows_that_were_cut_are_told_and_only_those(archive: Path) -> None:
    cut = muragat(archive, "query", "SELECT url FROM captures", "--limit", "2", "--csv")
    whole = muragat(archive, "query", "SELECT url FROM captures", "--limit", "5", "--csv")

    assert len(cut.stdout.splitlines()) == 3
    assert cut.stderr == "stopped at 2 rows, there are more; --limit N shows them\n"
    assert (len(whole.stdout.splitlines()), whole.stderr) == (6, "")


def test_bytes_columns_of_one_name_and_infinity_are_valid_json(archive: Path) -> None:
    sql = "SELECT x'00ff' AS a, 9e999 AS a, NULL AS b, CAST(x'ff41' AS TEXT) AS c"

    assert json.loads(muragat(archive, "query", sql, "--json").stdout) == [
        {"a": {"$base64": True, "encoded": "AP8="}, "a_2": None, "b": None, "c": "\ufffdA"}
    ]
    assert muragat(archive, "query", sql).stdout.splitlines()[1].startswith("<2 bytes>  inf")
    assert muragat(archive, "query", sql, "--csv").stdout.splitlines()[1] == "AP8=,inf,,\ufffdA"


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
            "took longer than 0.5 s",
        ),
        ("SELECT randomblob(900000000)", "string or blob too big"),
        (f"{ENDLESS} SELECT zeroblob(100000000) FROM n", "512 MB"),
        ("PRAGMA query_only = OFF", "not authorized; say one SELECT"),
        ("PRAGMA journal_mode = DELETE", "not authorized"),
        ("PRAGMA user_version = 99", "not authorized"),
        ("PRAGMA wal_checkpoint(TRUNCATE)", "not authorized"),
        ("ATTACH ':memory:' AS x", "not authorized"),
        ("INSERT INTO articles (id) VALUES (1) RETURNING id", "opened read-only"),
        ("CREATE TEMP TABLE x (y)", "opened read-only"),
        ("INSERT INTO search (search) VALUES ('optimize')", "opened read-only"),
    ],
)
def test_a_statement_that_would_write_or_run_away_ends_in_one_line(archive: Path, sql: str, what: str) -> None:
    before = (archive / "archive.db").read_bytes()

    done = muragat(archive, "query", sql, "--timeout", "0.5")

    assert (done.returncode, done.stdout) == (1, "")
    assert what in done.stderr and len(done.stderr.splitlines()) == 1
    assert (archive / "archive.db").read_bytes() == before


def test_pragmas_that_tell_something_are_answered(archive: Path) -> None:
    for sql in ("PRAGMA table_info(articles)", "SELECT name FROM pragma_table_list", "PRAGMA user_version"):
        assert muragat(archive, "query", sql).returncode == 0, sql


def test_signs_that_steer_a_terminal_are_not_in_a_table(archive: Path) -> None:
    sql = "SELECT 'a' || char(27) || '[31mb' || char(155) || '31mc' AS x"

    assert muragat(archive, "query", sql).stdout.splitlines()[1] == "a [31mb 31mc"


# ---------------------------------------------------------------- state and completion


def test_the_state_tells_of_edits_copies_sites_and_sizes(archive: Path) -> None:
    told = json.loads(muragat(archive, "status", "--json").stdout)
    printed = muragat(archive, "status").stdout

    assert (told["edits"], told["duplicates"], told["gone"], told["articles"]) == (1, 1, 1, 3)
    assert told["database_bytes"] == (archive / "archive.db").stat().st_size
    assert "1 edit: `muragat changes`; 1 pair of articles that say the same" in printed
    assert "haber  3         1     2017-10-06  2017-10-06" in printed


def completed(shell: str, typed: str, **more: str) -> str:
    """What the shell's script asks muragat, and its answer."""
    command = [sys.executable, "-P", "-m", "crawler.cli"]
    asked = environment(_MURAGAT_COMPLETE=f"{shell}_complete", COMP_WORDS=typed, **more)
    return subprocess.run(command, env=asked, capture_output=True, text=True, timeout=60).stdout


def test_each_shell_is_told_commands_and_options() -> None:
    assert completed("bash", "muragat comp", COMP_CWORD="1").split() == ["plain,completion"]
    assert completed("bash", "muragat diff --ht", COMP_CWORD="2").split() == ["plain,--html"]
    assert completed("zsh", "muragat chan", COMP_CWORD="1").splitlines()[:2] == ["plain", "changes"]
    assert completed("fish", "muragat chan", COMP_CWORD="chan").startswith("plain")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed_and_one_that_it_can_read(archive: Path, shell: str) -> None:
    done = muragat(archive, "completion", shell)

    assert done.returncode == 0 and f"_MURAGAT_COMPLETE={shell}_complete" in done.stdout
    if program := shutil.which(shell):
        checked = subprocess.run([program, "-n"], input=done.stdout, capture_output=True, text=True, timeout=20)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_a_command_by_the_script(archive: Path, tmp_path: Path) -> None:
    starter = tmp_path / "muragat"
    starter.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m crawler.cli "$@"\n')
    starter.chmod(0o755)
    script = (
        'eval "$(muragat completion bash)"; COMP_WORDS=(muragat timem); COMP_CWORD=1; _muragat_completion muragat;'
        ' echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", script], env=environment(PATH=path), capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["timemap"], done.stderr

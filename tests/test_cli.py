"""The command line as people meet it: one line for each mistake that says what to do, and exit codes to rely on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import click
import pytest

from crawler.cli import cli, main
from crawler.demo.server import DemoSite

ROOT = Path(__file__).resolve().parent.parent
PYTHON = {"PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Done:
    """What a command printed, and the exit code it asked for."""

    returncode: int
    stdout: str
    stderr: str


def muragat(*words: str) -> Done:
    """Run `main()` in this process: a second less for each of a hundred commands."""
    out, err, before = StringIO(), StringIO(), (sys.argv, signal.getsignal(signal.SIGPIPE))
    sys.argv = ["muragat", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        return Done(int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before[0]
        signal.signal(signal.SIGPIPE, before[1])
        os.environ.pop("MURAGAT_ARCHIVE", None)  # what --archive before the command sets
    raise AssertionError("main() came back")


def started(*words: str, cwd: Path | None = None) -> Done:
    """Run `muragat` as its users do: from any folder, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "crawler.cli", *words],
        cwd=cwd or Path("/"),
        env={**os.environ, **PYTHON},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def said(done: Done, code: int = 1) -> str:
    """The one line on stderr of a command that failed as it should."""
    assert done.returncode == code, done
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("muragat: ")
    assert done.stdout == ""
    return lines[0].removeprefix("muragat: ")


@pytest.fixture(autouse=True, scope="module")
def no_archive_of_the_developer() -> None:
    os.environ.pop("MURAGAT_ARCHIVE", None)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """An archive of the bundled site, crawled by the commands a newcomer types; and the site's address, now dead."""
    root = tmp_path_factory.mktemp("demo") / "arsiv"
    with DemoSite() as site:
        made = started("init", str(root), "--site", site.url, "--contact", "ali@haber.example")
        assert made.returncode == 0, made.stderr
        crawled = started("--archive", str(root), "crawl", "--json")
        assert crawled.returncode == 0, crawled.stderr
        report = json.loads(crawled.stdout)
        assert report["reason"] == "finished"
        assert report["counts"]["new"] == report["fetched"] == report["captures"]
        yield root, site.url


@pytest.fixture(scope="module")
def archive(demo: tuple[Path, str]) -> Path:
    return demo[0]


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """The same, to be broken."""
    return Path(shutil.copytree(archive, tmp_path / "kopya"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    root = tmp_path / "bos"
    assert muragat("init", str(root), "--contact", "ali@haber.example").returncode == 0
    return root


@pytest.fixture(scope="module")
def dead() -> str:
    """An address on loopback where nothing listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


# ---------------------------------------------------------------- help


def test_without_arguments_the_help_is_printed() -> None:
    done = muragat()

    assert "Usage: " in done.stdout and "crawl" in done.stdout
    assert done.stderr == ""


def every_command(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)


@pytest.mark.parametrize("path", list(every_command(cli)), ids=" ".join)
def test_every_command_explains_itself_on_a_narrow_terminal(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    context = click.Context(cli, info_name="muragat", terminal_width=60)
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
        context = click.Context(command, parent=context, info_name=name, terminal_width=60)

    text = command.get_help(context)

    assert max(map(len, text.splitlines())) <= 62
    assert command.help and command.help[0].isupper() and command.help.rstrip().endswith((".", "out."))
    assert " TEXT " not in text.partition("Options:")[0]


# ---------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    "words, what",
    [
        (("serach",), "No such command 'serach'"),
        (("site", "ad"), "`muragat site --help` says"),
        (("show",), "Missing argument 'URL'; `muragat show --help` says"),
        (("show", "a b"), "is not the address of a page; an example is https://"),
        (("search", "--colour"), "No such option '--colour'"),
        (("show", "haber.example", "--at", "dün"), "'dün' is not a time; examples: 2024, 2024-03-15"),
        (("search", "--since", "2024-13"), "'2024-13' is not a time: month must be in 1..12"),
        (("search", "--until", "yarın"), "'yarın' is not a time; examples"),
        (("search", "--until", "9999"), "too far in the future"),
        (("search", "--since", "0001-01-01T00:00+23:00"), "is not a time"),
        (("search", "--limit", "0"), "0 is not in the range"),
        (("replay", "--port", "70000"), "70000 is not in the range"),
        (("crawl", "--limit", "çok"), "is not a valid integer"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(archive: Path, words: tuple[str, ...], what: str) -> None:
    assert what in said(muragat("--archive", str(archive), *words), 2)


# ---------------------------------------------------------------- no archive, no site


@pytest.mark.parametrize("command", ["status", "crawl", "index", "verify", "replay"])
def test_a_folder_that_is_no_archive_is_named_with_the_way_out(tmp_path: Path, command: str) -> None:
    missing, plain = tmp_path / "yok", tmp_path

    assert f"{missing} does not exist; `muragat init" in said(muragat(command, "--archive", str(missing)))
    assert "is not an archive directory (no muragat.toml); `muragat init" in said(
        muragat(command, "--archive", str(plain))
    )


def test_init_where_there_is_no_site_says_so_and_leaves_nothing(tmp_path: Path, dead: str) -> None:
    line = said(muragat("init", str(tmp_path / "a"), "--site", dead, "--contact", "x@haber.example"))

    assert line == f"no site at {dead}: Connection refused; check the address, and that the server runs"
    assert not (tmp_path / "a").exists()


def test_init_in_a_folder_with_something_in_it_is_refused(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "notes.txt").write_text("keep")

    assert "is not empty; name a new folder" in said(muragat("init", str(tmp_path)))
    assert "is an archive already; `muragat --archive" in said(muragat("init", str(archive)))


def test_init_where_nothing_can_be_written_says_where() -> None:
    assert "/proc/arsiv: " in said(muragat("init", "/proc/arsiv", "--contact", "x@haber.example"))


def test_a_crawl_after_the_server_went_away_says_what_was_not_captured(empty: Path, dead: str) -> None:
    host = dead.split("/")[2]
    (empty / "sites" / "haber.toml").write_text(
        f'title = "H"\n[crawl]\nseeds = ["{dead}"]\nhosts = ["{host}"]\nallow_private = ["{host}"]\ndelay = 0\n'
    )

    done = started("--archive", str(empty), "crawl")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"muragat: haber: {dead} was not captured: ")
    assert last.endswith("is the address right, and the site up?")


def test_an_archive_without_rows_says_how_they_come(empty: Path) -> None:
    for words in (("search", "x"), ("show", "haber.example"), ("timemap", "haber.example"), ("status",), ("spam",)):
        assert "archive.db does not exist yet; `muragat crawl` fills it" in said(
            muragat(*words, "--archive", str(empty))
        )
    assert "has no site yet; `muragat --archive" in said(muragat("crawl", "--archive", str(empty)))
    assert "archive.db does not exist" in said(muragat("replay", "--archive", str(empty)))


def test_an_unknown_site_is_answered_with_the_known_one(archive: Path) -> None:
    name = next((archive / "sites").glob("*.toml")).stem

    assert f"did you mean {name}?" in said(muragat("crawl", name[:-1], "--archive", str(archive)))
    assert f"known: {name}" in said(muragat("crawl", "zzz", "--archive", str(archive)))


@pytest.mark.parametrize(
    "file, line, what",
    [
        ("muragat.toml", 'contcat = "x"', "muragat.toml: unknown key 'contcat'; did you mean 'contact'?"),
        ("sites/*.toml", "[crawl2]", "unknown key 'crawl2'; did you mean 'crawl'?"),
        ("sites/*.toml", "zonne = 1", "unknown key 'zonne' in read; did you mean 'zone'?"),
        ("sites/*.toml", "delay = 2", "unknown key 'delay' in read; it belongs in [crawl]"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_meant(copy: Path, file: str, line: str, what: str) -> None:
    path = next(copy.glob(file))
    path.write_text(path.read_text() + line + "\n")

    assert said(muragat("crawl", "--archive", str(copy))).endswith(what)


# ---------------------------------------------------------------- questions


@pytest.mark.parametrize(
    "words",
    ['a"b', '"', "(", "ekmek)", "AND", "OR NOT", "NEAR(a b)", "title:ekmek", "ekmek*", "^ekmek", "İ", "I", "a' OR 1=1"],
)
def test_whatever_is_searched_is_no_syntax_error(archive: Path, words: str) -> None:
    done = muragat("search", "--json", "--archive", str(archive), "--", words)

    if done.returncode:
        assert "holds no word to look for" in said(done)
    else:
        assert {"total", "offset", "suggestions", "hits"} == json.loads(done.stdout).keys()


def test_only_punctuation_is_no_search(archive: Path) -> None:
    line = said(muragat("search", "!!!", "…", "--archive", str(archive)))

    assert line == "'!!! …' holds no word to look for; without words the newest articles are listed"


def test_words_to_leave_out_are_no_options(archive: Path) -> None:
    left = muragat("search", "--archive", str(archive), "-hava", "--json")
    apart = muragat("search", "--archive", str(archive), "--json", "--", "-hava")

    assert (left.returncode, left.stdout) == (0, apart.stdout)


def test_capitals_of_turkish_find_what_small_letters_find(archive: Path) -> None:
    totals = [
        json.loads(muragat("search", "--json", "--archive", str(archive), word).stdout)["total"]
        for word in ("kazakistan", "KAZAKİSTAN", "Kazakistan’ın")
    ]

    assert totals[0] > 0
    assert totals == [totals[0]] * 3


@pytest.mark.parametrize("command", ["show", "timemap", "diff"])
def test_a_page_that_is_not_there_is_said(demo: tuple[Path, str], command: str) -> None:
    archive, url = demo

    assert f"{url}yok/ is not in this archive; " in said(muragat(command, f"{url}yok/", "--archive", str(archive)))
    assert "https://baska.example/a is not in this archive; `muragat search` finds what is" in said(
        muragat(command, "baska.example/a", "--archive", str(archive))
    )


def test_a_page_that_is_no_article_is_said_to_be_one(demo: tuple[Path, str]) -> None:
    archive, url = demo

    assert "was captured, but not as an article: it is a front page" in said(
        muragat("show", url, "--archive", str(archive))
    )


@pytest.mark.parametrize(
    "sql, what",
    [
        ("SELEC 1", 'near "SELEC": syntax error; `muragat query'),
        ("SELECT nope FROM articles", "no such column: nope; `muragat query"),
        ("", "asks for no rows"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("DELETE FROM captures", "opened read-only"),
        ("CREATE TABLE x (y)", "opened read-only"),
        ("UPDATE articles SET title = 'x'", "opened read-only"),
        ("ATTACH 'kotu.db' AS x", "say one SELECT"),
        ("VACUUM INTO 'kotu.db'", "say one SELECT"),
        ("SELECT load_extension('kotu')", "not authorized"),
    ],
)
def test_sql_that_is_wrong_or_writes_is_refused_and_makes_no_file(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)

    assert what in said(muragat("query", sql, "--archive", str(archive)))
    assert list(tmp_path.iterdir()) == []


def test_what_prints_json_prints_json(demo: tuple[Path, str]) -> None:
    archive, url = demo
    hit = json.loads(muragat("search", "--json", "--limit", "1", "--archive", str(archive)).stdout)["hits"][0]["url"]
    commands = [
        *(("search", "ekmek"), ("show", hit), ("timemap", url), ("query", "SELECT url FROM articles LIMIT 2")),
        *(("status",), ("verify",), ("changes",), ("spam",), ("schedule", "list")),
    ]

    for words in commands:
        done = muragat(*words, "--json", "--archive", str(archive))
        assert (done.returncode, done.stderr) == (0, ""), words
        json.loads(done.stdout)


def test_an_address_needs_no_scheme(demo: tuple[Path, str]) -> None:
    archive, url = demo

    with_scheme = muragat("timemap", url, "--archive", str(archive))

    assert muragat("timemap", url.removeprefix("http://"), "--archive", str(archive)).stdout == with_scheme.stdout


# ---------------------------------------------------------------- damaged and newer databases, ports


def test_a_database_of_a_newer_muragat_is_left_alone(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "archive.db")) as db:
        db.execute("PRAGMA user_version = 99")

    for command in ("status", "index"):
        assert "has schema 99, this muragat knows up to" in said(muragat(command, "--archive", str(copy)))


def test_a_database_that_is_none_is_said_to_be_and_can_be_made_anew(copy: Path) -> None:
    for path in copy.glob("archive.db*"):
        path.unlink()
    (copy / "archive.db").write_text("not a database, by far not one" * 99)

    assert "file is not a database; `muragat index" in said(muragat("status", "--archive", str(copy)))
    assert "file is not a database; `muragat index --rebuild` makes it anew" in said(
        muragat("index", "--archive", str(copy))
    )
    (copy / "archive.db").unlink()
    assert muragat("index", "--archive", str(copy)).returncode == 0
    assert muragat("status", "--archive", str(copy)).returncode == 0


def test_a_port_that_is_in_use_is_said(archive: Path) -> None:
    pytest.importorskip("pywb", reason="replay needs the extra `web`")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])

        line = said(muragat("replay", "--port", port, "--archive", str(archive)))

    assert port in line and "in use" in line and "--port" in line


# ---------------------------------------------------------------- where it is started


def test_a_strangers_package_in_the_folder_is_not_run(tmp_path: Path, archive: Path) -> None:
    for name in ("archive", "crawler"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a stranger was run')")
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = strangers.settings\n")

    done = started("status", "--archive", str(archive), cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_scrapy_lists_the_spiders_from_the_checkout() -> None:
    done = subprocess.run([sys.executable, "-m", "scrapy", "list"], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.split() == ["kazakistan", "news"], done.stderr


def test_an_archive_is_found_from_the_folder_one_stands_in(archive: Path) -> None:
    assert started("status", cwd=archive / "warcs").returncode == 0


# ---------------------------------------------------------------- interrupted


def test_an_interrupted_crawl_ends_with_130_and_the_next_goes_on(empty: Path, tmp_path: Path) -> None:
    """Ctrl-C between two pages of a slow crawl: what was fetched is kept, what was not waits."""
    pages = tmp_path / "www"
    pages.mkdir()
    (pages / "index.html").write_text("".join(f'<a href="/{n}.html">x</a>' for n in range(50)))
    for n in range(50):
        (pages / f"{n}.html").write_text(f"<p>{n}</p>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *parts: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(pages))) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        (empty / "sites" / "haber.toml").write_text(
            f'title = "H"\n[crawl]\nseeds = ["http://{host}/"]\nhosts = ["{host}"]\nallow_private = ["{host}"]\n'
            "delay = 0.3\n"
        )
        command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(empty), "crawl", "--json"]
        with subprocess.Popen(
            command, env={**os.environ, **PYTHON}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            wait_for_captures(empty)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        server.shutdown()

    report = json.loads(out)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("interrupted; everything fetched is kept")
    assert "Traceback" not in err
    assert report["reason"] == "interrupted"
    assert report["counts"]["waiting"] + report["fetched"] == report["counts"]["offered"] == 52
    assert not list((empty / "warcs").glob("*.open"))


def wait_for_captures(root: Path, *, bytes_written: int = 2_000) -> None:
    for _ in range(400):
        if any(path.stat().st_size > bytes_written for path in (root / "warcs").glob("*.open")):
            return
        time.sleep(0.05)
    raise AssertionError("the crawl wrote nothing in 20 s")

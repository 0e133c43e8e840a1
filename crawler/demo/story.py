"""`muragat demo`: the whole story on the bundled site, told in the terminal while it happens.

Each step runs the command that a person would type, as a process of its own, and shows what it prints; what the story
claims is checked against the site's gold, and a claim that does not hold ends it with exit code 1.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.replay import ReplayServer, replay_url
from crawler.demo.gold import GoldArticle, load_gold
from crawler.demo.server import DemoSite

# Typed without Turkish letters, in a form the article does not use: it writes "fırıncıyı".
SEARCH_WORDS = "firincilar"
SEARCH_FINDS = "/ekmek-fiyatlari-ve-un-ihracati/"
COMMENT_BOX = ("Yorum yazın", "E-posta hesabınız yayımlanmayacak")


class DemoFailedError(MuragatError):
    """The story claimed something that did not happen."""


def tell(*, keep: bool = False, directory: Path | None = None) -> None:
    """Tell the story; raises DemoFailedError where it does not hold. The archive stays where `directory` names it."""
    started = time.monotonic()
    with _folder(directory, keep=keep) as root, DemoSite() as site:
        _Story(root, site).tell(keep=keep, started=started)


@contextmanager
def _folder(directory: Path | None, *, keep: bool) -> Iterator[Path]:
    if directory:
        yield directory
        return
    root = Path(tempfile.mkdtemp(prefix="muragat-demo-"))
    root.rmdir()
    try:
        yield root
    finally:
        if not keep:
            shutil.rmtree(root, ignore_errors=True)


class _Story:
    def __init__(self, root: Path, site: DemoSite) -> None:
        self._root = root
        self._site = site
        self._chapter = 0
        self._claims = 0

    def tell(self, *, keep: bool, started: float) -> None:
        """The chapters, in order."""
        self._crawl()
        self._read()
        self._search()
        self._spam()
        self._changes()
        self._verify()
        self._replay(keep=keep, started=started)

    # ------------------------------------------------------------ chapters

    def _crawl(self) -> None:
        gold = load_gold(1)
        self._title(f"A news site of {len(gold)} articles is served at {self._site.url}. Archive it")
        self._run("init", str(self._root), "--site", self._site.url, "--contact", "demo@example.org", archive=False)
        self._run("crawl")
        held = {row["url"] for row in self._ask("query", "SELECT url FROM articles")}
        wanted = {self._url(article) for article in gold}
        self._claim(held == wanted, f"all {len(wanted)} articles are in, and nothing else is taken for one")

    def _read(self) -> None:
        self._title("Read three of them back, as extracted")
        gold = load_gold(1)
        rich = max(gold, key=lambda article: len({kind for kind, _ in article.blocks}))
        kazakh = next(article for article in gold if article.lang == "kk")
        old = next(article for article in gold if article.look == "archive")
        for article, what in ((rich, "Turkish, every kind of block"), (kazakh, "Kazakh"), (old, "windows-1254, 2004")):
            click.secho(f"\n  {what}", dim=True)
            self._run("show", self._url(article), lines=9)
            row = self._ask("show", self._url(article))
            exact = row["title"] == article.title and row["published_as"] == article.date_text
            self._claim(exact, f"title and date as printed: {article.date_text}")

    def _search(self) -> None:
        self._title("Search in Turkish, typed without Turkish letters and in another form of the word")
        self._run("search", SEARCH_WORDS)
        found = self._ask("search", SEARCH_WORDS)
        urls = [hit["url"] for hit in found["hits"]]
        self._claim(
            self._site.url.rstrip("/") + SEARCH_FINDS in urls,
            f"{SEARCH_WORDS!r} finds the article that says “fırıncıyı”",
        )

    def _spam(self) -> None:
        self._title("Somebody injected casino and porn spam. It is kept as evidence, apart from the articles")
        self._run("spam", "--limit", "4", lines=14)
        bodies = self._ask(
            "query", "SELECT title || char(10) || coalesce(lead, '') || char(10) || text AS body FROM articles"
        )
        said = "\n".join(row["body"] for row in bodies)
        injected = [text for article in load_gold(1) for _, text in article.spam]
        self._claim(not any(text in said for text in injected), f"none of {len(injected)} injected texts is in a body")
        self._claim(not any(line in said for line in COMMENT_BOX), "neither is the comment box")

    def _changes(self) -> None:
        self._title("The site changes: one article is edited, one deleted, others are new. Crawl again")
        self._site.change()
        self._run("crawl", "--full")
        self._run("changes")
        seen = {(change["kind"], change["url"]) for change in self._ask("changes")}
        second = load_gold(2)
        edited = next(article for article in second if article.change == "edited")
        deleted = {article.path for article in load_gold(1)} - {article.path for article in second}
        expected = {("edited", self._url(edited))} | {("gone", self._site.url.rstrip("/") + path) for path in deleted}
        self._claim(
            seen == expected, "exactly these changes, and no other: counters and comments are not a new wording"
        )
        self._run("diff", self._url(edited))

    def _verify(self) -> None:
        self._title("Prove that every byte is still what was recorded")
        self._run("verify")

    def _replay(self, *, keep: bool, started: float) -> None:
        self._title("Replay the deleted page, as it was")
        deleted = next(article for article in load_gold(1) if article.change == "deleted")
        url = self._url(deleted)
        first = next(row for row in self._ask("timemap", url) if row["status"] == 200)
        moment = first["captured_at"]
        with ReplayServer(ArchiveDir(self._root), port=0) as server:
            when = datetime.fromisoformat(moment)
            click.echo(f"  $ muragat replay\n  {replay_url(server.url, url, when)}")
            raw = _get(replay_url(server.url, url, when, raw=True))
            kept = self._output("show", url, "--at", moment, "--raw")
            self._claim(raw == kept and deleted.title.encode() in raw, "the replay serves the page byte for byte")
            click.echo(f"\n{self._claims} claims held; {time.monotonic() - started:.0f} seconds.")
            if keep:
                click.echo(f"The archive is {self._root}; the replay runs until Ctrl-C.")
                try:
                    server.wait()
                except KeyboardInterrupt:
                    click.echo("")

    # ------------------------------------------------------------ telling

    def _title(self, text: str) -> None:
        self._chapter += 1
        click.secho(f"\n{self._chapter}. {text}\n", bold=True)

    def _claim(self, holds: bool, text: str) -> None:
        if not holds:
            raise DemoFailedError(f"the demo does not hold: {text}; the archive is {self._root}, please file a bug")
        self._claims += 1
        click.secho(f"  ✓ {text}", fg="green")

    def _url(self, article: GoldArticle) -> str:
        return self._site.url.rstrip("/") + article.path

    # ------------------------------------------------------------ the commands, as a person would type them

    def _command(self, *words: str, archive: bool = True) -> list[str]:
        where = ["--archive", str(self._root)] if archive else []
        return [sys.executable, "-P", "-m", "crawler.cli", *where, *words]

    def _run(self, *words: str, archive: bool = True, lines: int | None = None) -> None:
        """Run a command and show what it prints, indented; at most `lines` lines of it."""
        click.secho(f"  $ muragat {' '.join(words)}", fg="cyan")
        done = subprocess.run(self._command(*words, archive=archive), capture_output=True, text=True, check=False)
        printed = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() or lines is None]
        for line in printed[:lines]:
            click.echo(f"  {line if len(line) <= 160 or lines is None else line[:159] + '…'}")
        if lines is not None and len(printed) > lines:
            click.secho(f"  … {len(printed) - lines} lines more", dim=True)
        if done.returncode:
            raise DemoFailedError(
                f"`muragat {' '.join(words)}` ended with exit code {done.returncode}: {done.stderr.strip()}"
            )

    def _output(self, *words: str) -> bytes:
        return subprocess.run(self._command(*words), capture_output=True, check=True).stdout

    def _ask(self, *words: str) -> Any:
        return json.loads(self._output(*words, "--json"))


def _get(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    with urllib.request.urlopen(request, timeout=20) as response:
        body: bytes = response.read()
    return body

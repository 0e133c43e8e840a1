"""The story end to end, by the commands a person types: crawl, rows, search, replay, rebuild; on the bundled site."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from archives import dump

from archive.config import ArchiveDir
from archive.replay import ReplayServer, replay_url
from archive.surt import urlkey
from archive.warc import Kept, read_warc
from crawler.demo.gold import GoldArticle, load_gold
from crawler.demo.server import DemoSite


@dataclass
class Told:
    """The bundled site, crawled before and after it changed."""

    site: DemoSite
    directory: ArchiveDir
    first: dict[str, Any]  # report of the first crawl
    second: dict[str, Any]
    probed: int  # requests before the first crawl

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return muragat(self.directory.root, *words)

    def ask(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def url(self, article: GoldArticle) -> str:
        return self.site.url.rstrip("/") + article.path


def muragat(root: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(root), *words]
    return subprocess.run(command, capture_output=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    root = tmp_path_factory.mktemp("story") / "archive"
    with DemoSite() as site:
        begun = muragat(root, "init", str(root), "--site", site.url, "--contact", "test@example.org")
        assert begun.returncode == 0, begun.stderr.decode()
        probed = len(site.requests)
        crawled = muragat(root, "crawl", "--json")
        assert crawled.returncode == 0, crawled.stderr.decode()
        site.change()
        again = muragat(root, "crawl", "--full", "--json")
        assert again.returncode == 0, again.stderr.decode()
        yield Told(site, ArchiveDir(root), json.loads(crawled.stdout), json.loads(again.stdout), probed)


def test_every_article_once_and_nothing_else(told: Told) -> None:
    gold = {told.url(article) for article in [*load_gold(1), *load_gold(2)]}

    assert {row["url"] for row in told.ask("query", "SELECT url FROM articles")} == gold


def test_titles_dates_and_bodies_are_what_the_author_wrote(told: Told) -> None:
    rows = {
        row["url"]: row
        for row in told.ask("query", "SELECT url, title, published_at, published_as, text FROM articles")
    }
    captions: dict[str, list[str]] = {}
    for row in told.ask("query", "SELECT a.url, i.caption FROM articles a JOIN images i ON i.article = a.id"):
        captions.setdefault(row["url"], []).append(row["caption"])

    for article in load_gold(2):
        row = rows[told.url(article)]
        assert row["title"] == article.title
        assert datetime.fromisoformat(row["published_at"]) == article.published
        # The caption of the lead picture is kept with the picture.
        whole = row["text"] + "".join(captions.get(told.url(article), []))
        missing = [text for kind, text in article.blocks if text not in whole and kind != "cell"]
        assert not missing, article.path


def test_nothing_injected_and_no_comment_is_in_a_body(told: Told) -> None:
    said = "\n".join(
        f"{row['title']}\n{row['lead']}\n{row['text']}"
        for row in told.ask("query", "SELECT title, lead, text FROM versions")
    )
    for article in [*load_gold(1), *load_gold(2)]:
        for text in [*(spam for _, spam in article.spam), *article.comments]:
            assert text not in said, article.path
    assert "Yorum yazın" not in said
    assert "E-posta hesabınız" not in said
    assert told.ask("spam")["findings"] > 0


def test_the_reports_add_up(told: Told) -> None:
    for report in (told.first, told.second):
        counts = report["counts"]
        assert counts["offered"] == report["fetched"] + sum(counts["failed"].values()) + sum(counts["skipped"].values())
        assert counts["failed"] == {}
        assert counts["waiting"] == 0
        assert report["fetched"] == counts["new"] + counts["changed"] + counts["unchanged"] + counts["gone"]
    assert told.first["counts"]["unchanged"] == 0
    assert told.second["counts"]["unchanged"] > told.second["counts"]["changed"] > 0


def test_the_log_holds_what_the_site_s_own_log_says(told: Told) -> None:
    """As many exchanges as the server answered."""
    kept = [
        read.capture
        for path in told.directory.warcs.glob("*.warc.gz")
        for read in read_warc(told.directory.warcs, path.name)
        if isinstance(read, Kept)
    ]

    assert len(kept) == len(told.site.requests) - told.probed


def test_the_edit_and_the_deletion_are_found(told: Told) -> None:
    edited = next(article for article in load_gold(2) if article.change == "edited")
    deleted = {a.path for a in load_gold(1)} - {a.path for a in load_gold(2)}

    found = {(change["kind"], change["url"]) for change in told.ask("changes")}

    assert found == {("edited", told.url(edited))} | {("gone", told.site.url.rstrip("/") + path) for path in deleted}
    assert any(piece["change"] == "added" for piece in told.ask("diff", told.url(edited))["pieces"])


def test_a_word_typed_without_turkish_letters_finds_its_article(told: Told) -> None:
    urls = [hit["url"] for hit in told.ask("search", "firincilar")["hits"]]

    assert told.site.url + "ekmek-fiyatlari-ve-un-ihracati/" in urls


def test_a_rebuild_gives_the_same_rows_and_answers(told: Told) -> None:
    before = dump(told.directory.db)
    answers = told.ask("search", "Kazakistan", "--limit", "50")
    for path in told.directory.root.glob("archive.db*"):
        path.unlink()

    assert told.run("index", "--rebuild").returncode == 0

    assert dump(told.directory.db) == before
    assert told.ask("search", "Kazakistan", "--limit", "50") == answers


def test_foreign_keys_hold_after_a_crawl_and_a_rebuild(told: Told) -> None:
    assert told.ask("query", "PRAGMA foreign_key_check") == []


def test_everything_recorded_verifies(told: Told) -> None:
    report = told.ask("verify")

    assert report["findings"] == []
    assert report["links"] == report["warcs"] == 2
    assert report["rows"] > 100


def test_raw_replay_is_the_payload_byte_for_byte(told: Told) -> None:
    rows = told.ask(
        "query", "SELECT url, captured_at FROM captures WHERE status = 200 AND record_type = 'response' LIMIT 60"
    )
    with ReplayServer(told.directory, port=0) as server:
        for row in rows:
            when = datetime.fromisoformat(row["captured_at"])
            with urllib.request.urlopen(replay_url(server.url, row["url"], when, raw=True), timeout=20) as response:
                replayed = response.read()
            assert replayed == told.run("show", row["url"], "--at", row["captured_at"], "--raw").stdout, row["url"]


def test_the_deleted_page_is_still_there(told: Told) -> None:
    deleted = next(article for article in load_gold(1) if article.change == "deleted")
    url = told.url(deleted)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url, timeout=10)
    first = next(row for row in told.ask("timemap", url) if row["status"] == 200)

    with (
        ReplayServer(told.directory, port=0) as server,
        urllib.request.urlopen(
            replay_url(server.url, url, datetime.fromisoformat(first["captured_at"])), timeout=20
        ) as page,
    ):
        assert deleted.title in page.read().decode()


@pytest.mark.browser
def test_a_replayed_article_shows_its_picture_style_and_font(told: Told, chromium: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    pictured = told.ask(
        "query", "SELECT a.url FROM articles a JOIN images i ON i.article = a.id ORDER BY a.url LIMIT 1"
    )
    url = pictured[0]["url"]
    captured = told.ask("timemap", url)[0]["captured_at"]
    with ReplayServer(told.directory, port=0) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=flags)
        page = browser.new_page(viewport={"width": 1200, "height": 1600})
        elsewhere: list[str] = []
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((server.url, "data:", "blob:")) else elsewhere.append(request.url)
            ),
        )
        page.goto(replay_url(server.url, url, datetime.fromisoformat(captured)), wait_until="networkidle")
        frame = next((frame for frame in page.frames if "mp_/" in frame.url), page.main_frame)
        frame.evaluate("document.fonts.ready")
        widths = frame.evaluate(
            "[...document.querySelectorAll('article img, main img')].map(i => [i.currentSrc, i.naturalWidth])"
        )
        fonts = frame.evaluate("[...document.fonts].filter(f => f.status === 'loaded').length")
        styled = frame.evaluate("[...document.styleSheets].some(s => s.href && s.cssRules.length > 0)")
        page.screenshot(path=str(tmp_path / "article.png"))
        browser.close()

    assert widths
    assert all(width > 0 for _, width in widths), widths
    assert fonts >= 1
    assert styled
    assert elsewhere == []
    assert (tmp_path / "article.png").stat().st_size > 20_000


def test_keys_of_the_rows_are_those_of_their_urls(told: Told) -> None:
    rows = told.ask("query", "SELECT DISTINCT url, urlkey FROM captures")

    assert all(row["urlkey"] == urlkey(row["url"]) for row in rows)

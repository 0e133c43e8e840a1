"""The real WordPress of ../shared/lab, crawled from its home page by `muragat init --site` and `muragat crawl` alone.

Twice: with the lab's own seed, and with one drawn now and printed: no floor is reached by having seen the pages.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scoring import is_gold_article, score_articles

pytestmark = [pytest.mark.lab]

ARTICLES = int(os.environ.get("MURAGAT_LAB_ARTICLES", "300"))
FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text("utf-8"))["lab"]
DRAWN = os.environ.get("MURAGAT_LAB_SEED") or str(random.SystemRandom().randint(2, 10**6))


@contextmanager
def wordpress(scripts: Path, seed: str) -> Iterator[tuple[str, Path]]:
    """A WordPress on a free port: its address, and the folder of its data."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    home = Path(tempfile.mkdtemp(prefix="muragat-lab-"))
    home.chmod(0o755)  # the database runs as another user
    environment = {**os.environ, "WPLAB": str(home / "lab"), "WPLAB_SEED": seed}
    try:
        subprocess.run([scripts / "up.sh", port, str(ARTICLES)], env=environment, check=True, timeout=900)
        subprocess.run([scripts / "ctl.sh", "crawl_delay=0"], env=environment, check=True, stdout=subprocess.DEVNULL)
        yield f"http://127.0.0.1:{port}/", home / "lab" / "data"
    finally:
        subprocess.run([scripts / "down.sh", "--wipe"], env=environment, check=False, timeout=120)
        if not any(home.iterdir()):
            home.rmdir()


def muragat(archive: Path, *words: str) -> str:
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(archive), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", ["1", DRAWN])
def test_every_article_of_a_real_wordpress(
    tmp_path: Path, shared: Path, seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"
    with wordpress(shared / "lab" / "wordpress", seed) as (address, data):
        muragat(archive, "init", str(archive), "--site", address, "--contact", "test@example.org")
        started = time.monotonic()
        report = json.loads(muragat(archive, "crawl", "--json"))
        with_rows = time.monotonic() - started
        gold = [json.loads(line) for line in (data / "gold.jsonl").read_text("utf-8").splitlines()]

    connection = sqlite3.connect(archive / "archive.db")
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT url, title, published_at, text, lead FROM articles")]
    connection.close()
    figures = score_articles(rows, gold)
    counts = report["counts"]
    with capsys.disabled():
        print(f"\nWordPress lab, {ARTICLES} articles, WPLAB_SEED={seed}")
        print(f"  articles found        {figures.found} of {figures.articles_expected}")
        print(f"  taken for one, extra  {len(figures.extra)}; rows twice {len(figures.duplicates)}")
        print(f"  title exact           {figures.title_exact:.4f}")
        print(f"  date to the minute    {figures.date_exact:.4f}")
        print(f"  body, mean token F1   {figures.mean_f1:.4f}; blocks found in order {figures.block_recall:.4f}")
        print(f"  spam strings leaked   {len(figures.spam_leaked)}; comments leaked {len(figures.comments_leaked)}")
        print(
            f"  fetches               {report['captures']} in {report['seconds']:.0f} s, {report['rate']:.1f}/s;"
            f" rows in after {with_rows:.0f} s"
        )

        for line in [*figures.missed, *figures.extra, *figures.spam_leaked, *figures.comments_leaked][:10]:
            print(f"    {line}")

    replaced = [entry for entry in gold if (entry.get("spam") or {}).get("variant") == "replaced"]
    assert figures.articles_expected >= sum(map(is_gold_article, gold)) - len(replaced) > ARTICLES * 0.9
    assert figures.missed == ()
    assert figures.extra == ()
    assert figures.duplicates == ()
    assert figures.title_exact >= FLOORS["title_exact"]
    assert figures.date_exact >= FLOORS["date_exact"]
    assert figures.mean_f1 >= FLOORS["mean_f1"]
    assert figures.block_recall >= FLOORS["block_recall"]
    assert len(figures.spam_leaked) <= FLOORS["spam_leaked"]
    assert len(figures.comments_leaked) <= FLOORS["comments_leaked"]
    assert report["reason"] == "finished"
    assert counts["offered"] == report["fetched"] + sum(counts["failed"].values()) + sum(counts["skipped"].values())

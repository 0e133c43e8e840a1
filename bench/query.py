"""How long a search takes, beside plain FTS5, trigram and LIKE over the same articles in the same run.

    python bench/query.py [--articles 100000] [--sentences FILE] [--directory DIRECTORY]

Articles are made of Turkish sentences (../shared/data/search, else words made of syllables, as frequent as words are),
about 1.7 KB each, with a chance that is the same in every run. Each query is asked warm, five times; ours gives what
`muragat search` prints: the order by relevance and newness, the total, ten hits with their snippets. Times are of the
processor: warm, a search waits for no disk, and other processes do not count.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from archive import model as extracted
from archive.derived import derive
from archive.facts import Rules, add_facts
from archive.language import written_words
from archive.model import Block, BlockKind, Capture, Extracted, PageKind, Precision, RecordType
from archive.schema import connect, connect_readonly, immediate, stable_id
from archive.search import search
from archive.surt import urlkey

ROOT = Path(__file__).parents[1]
SENTENCES = ROOT.parent / "shared" / "data" / "search" / "turkish_sentences_dev.jsonl.gz"
ARTICLE_LETTERS = 1_700
TIMES = 5
BATCH = 50  # articles a transaction, as archive/index.py has it


class Article(NamedTuple):
    """What a row of the corpus says."""

    url: str
    title: str
    text: str
    section: str
    published_at: str


@dataclass(frozen=True, slots=True)
class Approach:
    """One way to search, and its times."""

    name: str
    bytes: int  # of its index alone
    file_bytes: int  # of the file that holds it
    seconds: list[float]
    found: int  # in all queries together


def main() -> None:
    """Make the corpus in a temporary folder, ask, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=100_000, help="1000000 takes an hour and 20 GB")
    parser.add_argument("--sentences", type=Path, default=SENTENCES)
    parser.add_argument("--directory", type=Path, help="where to make the files [default: a temporary folder]")
    parser.add_argument("--beside", nargs="+", default=["unicode61", "trigram", "like"], metavar="OTHER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        run(Path(folder), options.articles, options.sentences, options.beside)


def run(folder: Path, articles: int, sentences_path: Path, others: Sequence[str]) -> None:
    """Every approach over a corpus of this size."""
    sentences = read_sentences(sentences_path)
    queries = fixed_queries(sentences)
    ours, seconds = make_ours(folder / "archive.db", corpus(sentences, articles))
    print(f"{articles} articles, {len(queries)} queries, each {TIMES} times; SQLite {sqlite3.sqlite_version}")
    print(f"all rows of an article with our index, without reading its page: {articles / seconds:.0f} a second")
    approaches = [ask_ours(folder / "archive.db", queries, ours)]
    for tokenizer in (one for one in others if one != "like"):
        path = folder / f"{tokenizer}.db"
        size = make_plain(path, corpus(sentences, articles), tokenizer)
        approaches += [ask_plain(path, queries, tokenizer, size, full=full) for full in (True, False)]
        path.unlink()
    if "like" in others:
        approaches.append(ask_like(folder / "archive.db", queries[:: max(1, len(queries) // 10)]))
    show(approaches)


def read_sentences(path: Path) -> list[str]:
    """Sentences of a treebank, or of words made up here: the thousandth is a thousandth as frequent as the first."""
    if path.exists():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return [json.loads(line)["text"] for line in lines]
    chance = random.Random(1)
    syllables = [first + vowel + last for first in "bcdgklmnst" for vowel in "aeıioöuü" for last in ("", "n", "r", "k")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return [" ".join(chance.choices(words, weights, k=12)) + "." for _ in range(5_000)]


def corpus(sentences: Sequence[str], articles: int) -> Iterator[Article]:
    """The same articles in every run, over twelve years."""
    chance = random.Random(6)
    first = datetime(2012, 1, 1, tzinfo=UTC)
    for number in range(articles):
        parts, letters = list[str](), 0
        while letters < ARTICLE_LETTERS:
            parts.append(chance.choice(sentences))
            letters += len(parts[-1]) + 1
        at = first + timedelta(minutes=chance.randrange(12 * 365 * 24 * 60))
        yield Article(
            f"https://haber.example/{number}/",
            chance.choice(sentences)[:80],
            "\n\n".join(parts),
            chance.choice(("Ekonomi", "Spor", "Siyaset", "Kültür", "Toplum")),
            f"{at:%Y-%m-%dT%H:%M:%S.000000Z}",
        )


def fixed_queries(sentences: Sequence[str]) -> list[str]:
    """Words from frequent to rare as they stand in the sentences, pairs, either of two, phrases, beginnings."""
    counted = Counter(
        sentence[start:end] for sentence in sentences for start, end, form in written_words(sentence) if len(form) > 3
    )
    ranked = [word for word, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    words = [ranked[min(len(ranked) - 1, int(1.22**step))] for step in range(1, 45)]
    pairs = list(zip(words[4:24], words[20:40], strict=True))
    phrases = [" ".join(sentence.split()[1:3]) for sentence in sentences[:: len(sentences) // 10]]
    return [
        *words,
        *(f"{one} {other}" for one, other in pairs),
        *(f"{one} OR {other}" for one, other in pairs[::2]),
        *(f'"{phrase}"' for phrase in phrases if phrase.replace(" ", "").isalpha()),
        *(f"{word[:5]}*" for word in words[10::4] if word[:5].isalpha()),
    ]


# ---------------------------------------------------------------- ours


def make_ours(path: Path, articles: Iterator[Article]) -> tuple[int, float]:
    """The rows that the indexer writes of pages that were read; bytes of `search` and `terms`, seconds of processor."""
    db, rules, seconds = connect(path), Rules([]), 0.0
    while batch := [captured(article) for article, _ in zip(articles, range(BATCH), strict=False)]:
        began = time.process_time()
        with immediate(db):
            derive(db, {key for capture, read in batch for key in add_facts(db, capture, read, rules)})
        seconds += time.process_time() - began
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = _table_bytes(db.conn, "search", "search\\_%", "terms")
    db.close()
    return size, seconds


def captured(article: Article) -> tuple[Capture, Extracted]:
    """One capture of an article, and what its page says."""
    at, key = datetime.fromisoformat(article.published_at), urlkey(article.url)
    read = Extracted(
        kind=PageKind.ARTICLE,
        reason="",
        article=extracted.Article(
            title=article.title,
            blocks=tuple(Block(BlockKind.PARAGRAPH, text) for text in article.text.split("\n\n")),
            section=article.section,
            published_at=at,
            published_precision=Precision.MINUTE,
            language="tr",
            sources=dict.fromkeys(("title", "body", "section", "published_at"), "html"),
        ),
    )
    capture = Capture(
        url=article.url,
        urlkey=key,
        captured_at=at + timedelta(days=1),
        status=200,
        content_type="text/html",
        payload_digest=f"sha1:{key}",
        record_type=RecordType.RESPONSE,
        warc="a.warc.gz",
        offset=stable_id(key) % 2**40,
        length=5_000,
    )
    return capture, read


def ask_ours(path: Path, queries: Sequence[str], size: int) -> Approach:
    """`archive.search.search`, as the command and the page ask it."""
    db = connect_readonly(path)
    seconds, found = timed(queries, lambda query: search(db, query).total)
    db.close()
    return Approach("muragat", size, path.stat().st_size, seconds, found)


# ---------------------------------------------------------------- the others


def make_plain(path: Path, articles: Iterator[Article], tokenizer: str) -> int:
    """The same texts as they are written, under one of SQLite's own tokenizers."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, url TEXT, title TEXT, text TEXT, published_at TEXT)")
    db.execute(f"CREATE VIRTUAL TABLE plain USING fts5(title, text, content='articles', content_rowid='id',"
               f" tokenize='{tokenizer}')")  # fmt: skip
    for identity, article in enumerate(articles):
        db.execute("INSERT INTO articles VALUES (?, ?, ?, ?, ?)", [identity, *article[:3], article.published_at])
    db.execute("INSERT INTO plain (plain) VALUES ('rebuild')")
    db.commit()
    size = _table_bytes(db, "plain%")
    db.close()
    return size


def ask_plain(path: Path, queries: Sequence[str], tokenizer: str, size: int, *, full: bool) -> Approach:
    """Ten hits by bm25; `full` with a snippet of each and the total, as ours has them."""
    db = sqlite3.connect(path)

    def ask(query: str) -> int:
        hit = "a.url, a.title, a.published_at, snippet(plain, 1, '«', '»', '…', 30)" if full else "plain.rowid"
        join = " JOIN articles a ON a.id = plain.rowid" if full else ""
        rows = db.execute(
            f"SELECT {hit} FROM plain{join} WHERE plain MATCH ? ORDER BY rank LIMIT 10", [query]
        ).fetchall()
        if not full:
            return len(rows)
        return int(db.execute("SELECT count(*) FROM plain WHERE plain MATCH ?", [query]).fetchone()[0])

    # As people type, made what FTS5 takes: its own syntax is nearly ours; an apostrophe is a mistake in it.
    seconds, found = timed([query.replace("'", " ").replace("’", " ") for query in queries], ask)
    size_of_file = path.stat().st_size
    db.close()
    what = "with snippets and total" if full else "ids alone"
    return Approach(f"{tokenizer}, {what}", size, size_of_file, seconds, found if full else 0)


def ask_like(path: Path, queries: Sequence[str]) -> Approach:
    """Every text read; a tenth of the queries, once."""
    db = sqlite3.connect(path)
    like = "SELECT count(*) FROM articles WHERE text LIKE ? OR title LIKE ?"
    seconds, found = timed(
        queries, lambda query: int(db.execute(like, [f"%{query.strip('*')}%"] * 2).fetchone()[0]), times=1
    )
    db.close()
    return Approach("LIKE, total alone", 0, path.stat().st_size, seconds, found)


# ---------------------------------------------------------------- measuring


def timed(queries: Sequence[str], ask: Callable[[str], int], *, times: int = TIMES) -> tuple[list[float], int]:
    """Seconds of each query after one that is not counted, and what all of them found."""
    seconds, found = list[float](), 0
    for query in queries:
        found += ask(query) if times > 1 else 0
        for _ in range(times):
            began = time.thread_time()
            ask(query)
            seconds.append(time.thread_time() - began)
    return seconds, found


def _table_bytes(db: sqlite3.Connection, *names: str) -> int:
    """Bytes of the tables with names like these, where this SQLite counts them (dbstat)."""
    where = " OR ".join("name LIKE ? ESCAPE '\\'" for _ in names)
    try:
        return int(db.execute(f"SELECT sum(pgsize) FROM dbstat WHERE {where}", names).fetchone()[0] or 0)
    except sqlite3.OperationalError:
        return 0


def show(approaches: Sequence[Approach]) -> None:
    """One line for each, and how ours compares."""
    print(f"\n{'':42}{'p50 ms':>9}{'p95 ms':>9}{'found':>12}{'index MB':>10}{'of file':>9}")
    for one in approaches:
        share = f"{one.bytes / one.file_bytes:.0%}" if one.bytes else ""
        print(
            f"{one.name:42}{median(one.seconds) * 1e3:9.1f}{p95(one) * 1e3:9.1f}{one.found or '':>12}"
            f"{one.bytes / 1e6 if one.bytes else 0:10.1f}{share:>9}"
        )
    for other in approaches[1:3]:
        print(f"p95 of muragat is {p95(approaches[0]) / p95(other):.2f} times that of {other.name}")


def p95(approach: Approach) -> float:
    return quantiles(approach.seconds, n=20)[-1]


if __name__ == "__main__":
    main()

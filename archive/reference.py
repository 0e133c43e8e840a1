"""docs/schema.md, made from archive/schema.py: `python -m archive.reference > docs/schema.md` (`make schema`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from archive.schema import ABOUT, SCHEMA_VERSION, SEARCH_COLUMNS, TABLES, connect
from archive.views import ABOUT_VIEWS, VIEWS

# A question, and the SQL that answers it; tests/test_schema.py asks each.
QUERIES = (
    (
        "How much was published a month, and what became of it",
        "SELECT * FROM by_month ORDER BY month",
    ),
    (
        "The newest facts that were changed after publication, and deletions",
        "SELECT at, what, url FROM changes WHERE weight = 'substance' ORDER BY at DESC LIMIT 20",
    ),
    (
        "What is not there any more, and what the site says instead",
        "SELECT gone_at, title, answer, url FROM gone ORDER BY gone_at DESC",
    ),
    (
        "Every wording of the articles that were edited, with its first and last capture",
        "SELECT v.url, v.seen_from, v.seen_to, v.title, length(v.text) AS letters\n"
        "FROM versions v JOIN articles a ON a.urlkey = v.article WHERE a.versions > 1 ORDER BY v.article, v.seen_from",
    ),
    (
        "Who wrote most, in which section",
        "SELECT w.author, a.section, count(*) AS articles\n"
        "FROM article_authors w JOIN articles a ON a.id = w.article GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20",
    ),
    (
        "The same story elsewhere",
        "SELECT a.url, d.kind, o.url AS other, d.similarity\n"
        "FROM duplicates d JOIN articles a ON a.id = d.article JOIN articles o ON o.id = d.other\n"
        "WHERE d.article < d.other ORDER BY d.similarity DESC",
    ),
    (
        "Articles with a word in any of its forms, typed without Turkish letters, without any code of ours",
        "SELECT a.published_at, a.title, a.url FROM search JOIN articles a ON a.id = search.rowid\n"
        "WHERE search MATCH (SELECT group_concat('\"' || term || '\"', ' OR ') FROM terms WHERE form = 'firincilar')\n"
        "ORDER BY bm25(search, 4, 1, 2)",
    ),
    (
        "The headings inside articles: lists are JSON",
        "SELECT v.title, json_extract(b.value, '$[1]') AS heading\n"
        "FROM versions v, json_each(v.blocks) b WHERE json_extract(b.value, '$[0]') = 'heading' LIMIT 50",
    ),
    (
        "Where the bytes of a page lie, capture by capture",
        'SELECT captured_at, status, record_type, warc, "offset", length FROM captures\n'
        "WHERE urlkey = (SELECT urlkey FROM articles ORDER BY last_seen_at DESC LIMIT 1) ORDER BY captured_at",
    ),
    (
        "What was asked for and not got",
        "SELECT coalesce(error, status) AS answer, count(*) AS fetches, min(url) AS example\n"
        "FROM captures WHERE status IS NULL OR status >= 400 GROUP BY 1 ORDER BY 2 DESC",
    ),
)

_HEAD = f"""# The tables of archive.db

Made from `archive/schema.py` and `archive/views.py` by `make schema`: change those, not this page.

`archive.db` is one SQLite file (schema {SCHEMA_VERSION}), and a view of the WARCs: it can be deleted at any time, and
`muragat index --rebuild` makes the same rows again. Write nothing into it; what you add is gone with the next rebuild.

## Open it

    muragat query "SELECT title, published_at FROM articles LIMIT 5"        # read-only, a table; --csv, --json
    sqlite3 -readonly archive.db
    datasette archive.db                                                     # the views first: latest, changes, gone

```python
import sqlite3

import pandas

db = sqlite3.connect("file:archive.db?mode=ro", uri=True)
articles = pandas.read_sql("SELECT * FROM latest", db, parse_dates=["published_at", "first_seen_at"])
```

Any client will do, beside a running crawl, too: the file is in WAL mode, so readers and the one writer do not wait for
each other. While `archive.db-wal` is there it belongs to the file: copy both, or let SQLite copy (`.backup`).
A muragat that finds a newer schema than it knows says so and leaves the file alone; one that finds an older one brings
it up to date with the next `muragat index` (foreign keys, and what older rows lack, come with a rebuild).

## To know before

- **Times** are text, UTC, ISO 8601 to the microsecond with a Z: `2024-03-15T09:30:00.000000Z`. They sort as text, and
  `substr(published_at, 1, 10)` is a day in UTC. What a page prints for its own readers is in `published_as`.
- **Ids** (`articles.id`, `versions.id` …) are the first 63 bits of the SHA-256 of a natural key: the same in every
  rebuild, and in every archive that holds the same page. Where numbers are doubles (JavaScript), read them as text.
- **urlkey** is the address as a sort key (SURT, as in every CDX): `kz,kazakistan)/haber`. All captures of one address,
  with and without `www.`, `https` or a trailing slash, share it. `articles.urlkey`, `versions.article`,
  `captures.urlkey` and `comments.article` are joined by it.
- **A record** is named by `warc` and `"offset"` together (a word of SQL: keep the quotes).
- **Lists** are JSON: `json_each(versions.authors)`.
- **A wording** is title, lead and text: a counter of views, an advertisement or a comment makes no new one.
- **Edits** are weighed: *substance* is another headline, number, date or name; *wording* is the same in other words;
  a *trifle* is punctuation, capitals, spacing, or another way to print the same number or day.
- **Duplicates** have at least 60 % of their three-word runs in common, and most of their numbers; texts under 50 words
  have the same title and words. What stands at more than 30 addresses is a form letter and not linked.

Foreign keys are declared and checked at the end of a transaction; SQLite enforces them only where asked to
(`PRAGMA foreign_keys = ON`), and `PRAGMA foreign_key_check` finds nothing to complain of.
"""


def reference() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_queries(), *_views(), *_tables(), *_search(), *_indexes()])


def _queries() -> Iterator[str]:
    yield "## Questions to begin with\n"
    for question, sql in QUERIES:
        yield f"{question}:\n\n```sql\n{sql};\n```\n"


def _views() -> Iterator[str]:
    yield "## Views\n"
    for name in sorted(VIEWS, key=lambda name: name.startswith("spam")):
        about, columns = ABOUT_VIEWS[name]
        yield f"### {name}\n\n{about}\n\n| column | |\n| --- | --- |"
        yield from (f"| `{column}` | {_cell(text)} |" for column, text in columns.items())
        yield ""


def _tables() -> Iterator[str]:
    yield "## Tables\n"
    db = connect(Path(":memory:"))
    for table, columns in TABLES.items():
        keys = {row[1]: row[5] for row in db.execute(f"PRAGMA table_info({table})") if row[5]}
        points = dict[int, tuple[str, list[str], list[str]]]()
        for number, _, other, here, there, *_ in db.execute(f"PRAGMA foreign_key_list({table})"):
            points.setdefault(number, (other, [], []))
            points[number][1].append(here)
            points[number][2].append(there)
        yield f"### {table}\n\n{ABOUT[table]}\n"
        yield f"Key: {', '.join(f'`{name}`' for name in sorted(keys, key=lambda name: keys[name]))}.\n"
        for other, here, there in sorted(points.values()):
            yield f"- `{', '.join(here)}` → `{other}` (`{', '.join(there)}`)"
        yield ("\n" if points else "") + "| column | type | |\n| --- | --- | --- |"
        for name, (kind, text) in columns.items():
            null = "" if "NOT NULL" in kind or name in keys else ", may be NULL"
            yield f"| `{name}` | {kind.split()[0]}{null} | {_cell(text)} |"
        yield ""
    db.conn.close()


def _search() -> Iterator[str]:
    yield (
        "## Full text\n\n`search` has the current wording of each article (its `rowid` is `articles.id`),\n"
        "`search_older` the wordings that are no longer shown (`versions.id`). Both are FTS5 tables with SQLite's own\n"
        "tokenizer, over words that are lemmatised and folded already: look the words you type up in `terms`, as\n"
        "above, or ask `archive.language.search_terms`.\n\n| column | |\n| --- | --- |"
    )
    yield from (f"| `{column}` | {_cell(text)} |" for column, text in SEARCH_COLUMNS.items())
    yield ""


def _indexes() -> Iterator[str]:
    yield "## Indexes\n\n```sql"
    db = connect(Path(":memory:"))
    for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"):
        yield f"{sql};"
    db.conn.close()
    yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference() + "\n")

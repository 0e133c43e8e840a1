"""The tables of archive.db, each column explained: the reference for whoever writes SQL against an archive.

Every row is a function of the WARCs and of the rules that read them; nothing here says when the database was built.
Times are UTC, ISO 8601, to the microsecond, with Z; lists are JSON. Ids are the first 63 bits of the SHA-256 of a
natural key.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from archive.errors import MuragatError, NotCapturedError, SchemaTooNewError
from archive.model import Capture, RecordType
from archive.readonly import open_readonly
from archive.surt import urlkey
from archive.views import VIEWS
from archive.warc import parse_warc_date

SCHEMA_VERSION = 5  # PRAGMA user_version; raised with every migration

# table → what a row is
ABOUT = {
    "crawls": "One run over one site, as its warcinfo and metadata records tell.",
    "warcs": "One WARC file, and how far it is indexed.",
    "captures": "One fetch: what was asked for, when, and where its bytes lie. Every resource, not only articles.",
    "versions": "One wording of one page. The other fields are those of the first capture that shows it.",
    "articles": "One article, as its newest capture shows it: what most questions are about.",
    "article_authors": "One author of an article.",
    "article_tags": "One tag of an article.",
    "images": "One picture of an article.",
    "comments": "One reader's comment.",
    "comment_sightings": "One comment as one capture shows it.",
    "spam": "One piece of injected content in one capture.",
    "hidden": "One page that a person withdrew from readers: docs/hide.md.",
    "edits": "One place between two captures of a page where its wording changed.",
    "duplicates": "One article that says the same at another address.",
    "sketches": "What is kept of an article's text to find others that say the same.",
    "bands": "The index of the sketches.",
    "terms": "One word that occurs, as written, and one under which `search` has it.",
}

# table → column → (SQL type and constraints, what it says)
TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "crawls": {
        "name": ("TEXT PRIMARY KEY", "SITE-TIMESTAMP, as in the warcinfo record (isPartOf)"),
        "site": ("TEXT", "name of the site's profile"),
        "started_at": ("TEXT", "when the crawl began"),
        "finished_at": ("TEXT", "when it ended; NULL while it runs, or when it was killed"),
        "reason": ("TEXT", "finished, interrupted, limit or failed"),
        "offered": ("INTEGER", "distinct URLs it met; the sum of the four below"),
        "fetched": ("INTEGER", "of these: got an answer"),
        "failed": ("INTEGER", "of these: given up"),
        "skipped": ("INTEGER", "of these: refused by a rule, or not due yet"),
        "waiting": ("INTEGER", "of these: left for the next crawl"),
        "software": ("TEXT", "what wrote the WARC"),
        "user_agent": ("TEXT", "as sent to the site"),
    },
    "warcs": {
        "filename": ("TEXT PRIMARY KEY", "final name, without .open"),
        "crawl": ("TEXT REFERENCES crawls(name)", "the crawl that wrote it; NULL for files of other origin"),
        "sha256": ("TEXT", "of the whole file, from manifest.jsonl; NULL until it is closed"),
        "size_bytes": ("INTEGER", "of the closed file; NULL until then"),
        "indexed_to": ("INTEGER NOT NULL", "byte up to which its records are rows"),
        "damaged": ("INTEGER NOT NULL", "stretches that could not be read"),
    },
    "captures": {
        "warc": ("TEXT NOT NULL REFERENCES warcs(filename)", "file that holds the record"),
        "offset": ("INTEGER NOT NULL", "bytes from its start to the record's gzip member"),
        "length": ("INTEGER NOT NULL", "bytes of that member"),
        "urlkey": ("TEXT NOT NULL", "SURT of the URL, as in a CDX"),
        "url": ("TEXT NOT NULL", "as fetched"),
        "site": ("TEXT", "profile it was read by; NULL for other hosts"),
        "captured_at": ("TEXT NOT NULL", "when the request was sent"),
        "status": ("INTEGER", "HTTP status; NULL when there was no answer"),
        "content_type": ("TEXT NOT NULL", "media type in lower case"),
        "payload_digest": ("TEXT NOT NULL", "sha1:BASE32 of the body as transferred, less chunk framing"),
        "record_type": ("TEXT NOT NULL", "response, revisit, resource, or metadata for a fetch without answer"),
        "refers_to_url": ("TEXT", "of a revisit: the capture that holds the payload"),
        "refers_to_at": ("TEXT", "of a revisit: when that was captured"),
        "location": ("TEXT", "of a redirect: where to, as sent"),
        "error": ("TEXT", "why there was no answer"),
        "kind": ("TEXT", "what the page is: article, continuation, listing, gone …; NULL for what is no page"),
        "reason": ("TEXT", "why it is taken for that"),
        "version": ("INTEGER REFERENCES versions(id)", "the wording it shows"),
        "rules": ("TEXT", "digest of the rules it was read by; NULL where it is to be read again"),
        "stated_digest": ("TEXT", "of an import: its record's own digest, in another algorithm or with chunk framing"),
        "truncated": ("TEXT", "why the record ends before the answer did: disconnect, length, time"),
        "comment_count": ("INTEGER", "readers' comments, as the page says, injected ones and further pages counted in"),
        "layout": ("TEXT", "the profile's layout that held on the day, as SINCE..UNTIL; NULL without one"),
        "unmatched": ("TEXT", "JSON list: fields of that layout whose selector found nothing on the page"),
        "lacks": ("TEXT", "JSON list: article, text, date, where not found; NULL where no article is expected"),
        "hosts": ("TEXT", "JSON list: other sites it links to for all to see, less what was injected; NULL if none"),
    },
    "versions": {
        "id": ("INTEGER PRIMARY KEY", "of (article, text_digest)"),
        "article": ("TEXT NOT NULL", "urlkey of the page that shows this wording"),
        "text_digest": ("TEXT NOT NULL", "sha256 of title, lead and blocks"),
        "url": ("TEXT NOT NULL", "as fetched"),
        "site": ("TEXT", "profile"),
        "title": ("TEXT NOT NULL", "the headline"),
        "lead": ("TEXT", "standfirst or summary, printed or told in the head"),
        "text": ("TEXT NOT NULL", "the body with its lead, an empty line between two blocks"),
        "blocks": ("TEXT NOT NULL", "the body as JSON: [[kind, text, language or null where it is the article's], …]"),
        "authors": ("TEXT NOT NULL", "JSON list"),
        "section": ("TEXT", "the section it stands in, as printed"),
        "tags": ("TEXT NOT NULL", "JSON list"),
        "published_at": ("TEXT", "to the minute where the page says it"),
        "published_precision": ("TEXT", "day or minute"),
        "published_as": ("TEXT", "the date as printed"),
        "modified_at": ("TEXT", "as the page says"),
        "language": ("TEXT", "tr, kk, ru …"),
        "canonical": ("TEXT", "urlkey that rel=canonical names"),
        "images": ("TEXT NOT NULL", "JSON list of {url, alt, caption, position, credit, width, height}"),
        "access": ("TEXT", "free or paywalled, as the page says; NULL where it does not"),
        "page": ("INTEGER NOT NULL", "2 and up for a continuation page"),
        "first_page": ("TEXT", "urlkey of page 1, for a continuation page"),
        "sources": ("TEXT NOT NULL", "JSON: field → json-ld, opengraph, microdata, meta, html, layout, text or url"),
        "confidence": ("TEXT NOT NULL DEFAULT '{}'", "JSON: field → 0..1, how often what is found so is right"),
        "seen_from": ("TEXT NOT NULL", "first capture that shows it"),
        "seen_to": ("TEXT NOT NULL", "last capture that shows it"),
        "captures": ("INTEGER NOT NULL", "how many show it"),
        "warc": ("TEXT NOT NULL", "of the first capture that shows it"),
        "offset": ("INTEGER NOT NULL", "of the first capture that shows it"),
    },
    "articles": {
        "id": ("INTEGER PRIMARY KEY", "of the urlkey; rowid of `search`"),
        "urlkey": ("TEXT NOT NULL UNIQUE", "SURT of its address: the key of the article"),
        "url": ("TEXT NOT NULL", "as last fetched"),
        "site": ("TEXT", "profile"),
        "title": ("TEXT NOT NULL", "of the current wording, as all that follows"),
        "lead": ("TEXT", "standfirst or summary, printed or told in the head"),
        "text": ("TEXT NOT NULL", "with its continuation pages"),
        "section": ("TEXT", "as printed"),
        "language": ("TEXT", "tr, kk, ru …"),
        "published_at": ("TEXT", "to the minute where the page says it"),
        "published_precision": ("TEXT", "day or minute"),
        "published_as": ("TEXT", "the date as printed"),
        "modified_at": ("TEXT", "as the page says"),
        "access": ("TEXT", "free or paywalled, as the page says"),
        "comment_count": ("INTEGER", "of the newest capture"),
        "pages": ("INTEGER NOT NULL", "how many pages it has"),
        "version": ("INTEGER NOT NULL REFERENCES versions(id)", "the current wording, of its first page"),
        "versions": ("INTEGER NOT NULL", "how many wordings its first page had"),
        "first_seen_at": ("TEXT NOT NULL", "first capture that shows it"),
        "last_seen_at": ("TEXT NOT NULL", "last capture that shows it"),
        "gone_at": ("TEXT", "first capture since which it is not there: 404, 410, 'not found', sent to the front page"),
        "warc": ("TEXT NOT NULL", "of the newest capture, to cite"),
        "offset": ("INTEGER NOT NULL", "of the newest capture, to cite"),
    },
    "article_authors": {
        "article": ("INTEGER NOT NULL REFERENCES articles(id)", "id of the article"),
        "author": ("TEXT NOT NULL", "as printed"),
        "position": ("INTEGER NOT NULL", "from 0"),
    },
    "article_tags": {
        "article": ("INTEGER NOT NULL REFERENCES articles(id)", "id of the article"),
        "tag": ("TEXT NOT NULL", "as printed"),
    },
    "images": {
        "article": ("INTEGER NOT NULL REFERENCES articles(id)", "id of the article"),
        "position": ("INTEGER NOT NULL", "0 for the lead picture"),
        "url": ("TEXT NOT NULL", "of the picture, absolute"),
        "alt": ("TEXT NOT NULL", "the text in its place; may be empty"),
        "caption": ("TEXT NOT NULL", "as printed below it; may be empty"),
        "credit": ("TEXT", "who made or owns it, as the caption or the head says"),
        "width": ("INTEGER", "pixels, as the page says; NULL where it does not"),
        "height": ("INTEGER", "pixels, likewise"),
    },
    "comments": {
        "id": ("INTEGER PRIMARY KEY", "of (article, author, text, which of several that are alike)"),
        "article": ("TEXT NOT NULL", "urlkey of the page below which it stands"),
        "author": ("TEXT", "as printed"),
        "text": ("TEXT NOT NULL", "as its reader wrote it; injected ones are in `spam`, not here"),
        "posted_at": ("TEXT", "as this and all that follows: of the first capture that shows it"),
        "posted_precision": ("TEXT", "day or minute"),
        "posted_as": ("TEXT", "the date as printed"),
        "depth": ("INTEGER", "1 for an answer to a comment, 2 for an answer to that …"),
        "first_seen_at": ("TEXT", "first capture that shows it"),
        "last_seen_at": ("TEXT", "last capture that shows it"),
        "captures": ("INTEGER NOT NULL", "how many show it"),
    },
    "comment_sightings": {
        "warc": ("TEXT NOT NULL", "of the capture that shows it"),
        "offset": ("INTEGER NOT NULL", "of the capture that shows it"),
        "position": ("INTEGER NOT NULL", "from 0, in the order of the page"),
        "comment": ("INTEGER NOT NULL REFERENCES comments(id)", "what it says"),
        "posted_at": ("TEXT", "as this capture says: '3 gün önce' is another day in each"),
        "posted_precision": ("TEXT", "day or minute"),
        "posted_as": ("TEXT", "the date as this capture prints it"),
        "depth": ("INTEGER NOT NULL", "0 for a comment, 1 for an answer …"),
    },
    "spam": {
        "id": ("INTEGER PRIMARY KEY", "of (warc, offset, number)"),
        "warc": ("TEXT NOT NULL", "of the capture it was found in"),
        "offset": ("INTEGER NOT NULL", "of the capture it was found in"),
        "url": ("TEXT NOT NULL", "of the page, as fetched"),
        "captured_at": ("TEXT NOT NULL", "of the capture it was found in"),
        "kind": (
            "TEXT NOT NULL",
            "body, hidden, footer, sidebar, comment, title, script, before, after, redirect, replaced",
        ),
        "excerpt": ("TEXT NOT NULL", "as found"),
        "language": ("TEXT", "of the injected text: kk, zh …"),
        "domains": ("TEXT NOT NULL", "JSON list of hosts it names or links to"),
        "evidence": ("TEXT NOT NULL", "JSON list of the signals that spoke"),
        "score": ("REAL NOT NULL", "0..1"),
        "weights": ("TEXT", "JSON list: what each signal says by itself, 0..1, in the order of `evidence`"),
        "hidden_by": ("TEXT", "what keeps it from being seen: display:none, off-screen …; NULL where it shows"),
    },
    "hidden": {
        "urlkey": ("TEXT PRIMARY KEY", "of the page withdrawn; `hidden_now` adds its further pages and its copies"),
        "url": ("TEXT NOT NULL", "as typed"),
        "reason": ("TEXT NOT NULL", "as typed, for readers"),
        "who": ("TEXT NOT NULL", "user of the machine"),
        "hidden_at": ("TEXT NOT NULL", "since when without a break"),
        "until": ("TEXT", "first moment at which it shows again; NULL: until `muragat unhide`"),
    },
    "edits": {
        "warc": ("TEXT NOT NULL", "of the capture that is the first to show the newer wording"),
        "offset": ("INTEGER NOT NULL", "of that capture"),
        "article": ("TEXT NOT NULL", "urlkey of the page"),
        "url": ("TEXT NOT NULL", "as fetched"),
        "at": ("TEXT NOT NULL", "when that capture was made: the edit came at some time before it"),
        "before_at": ("TEXT NOT NULL", "last capture that shows the older wording: it came after that"),
        "old_version": ("INTEGER NOT NULL REFERENCES versions(id)", "the older wording"),
        "new_version": ("INTEGER NOT NULL REFERENCES versions(id)", "the newer one; it may be one that came back"),
        "weight": (
            "TEXT NOT NULL",
            "substance (headline, number, date or name), wording, or trifle (punctuation, capitals, spacing, layout)",
        ),
        "what": ("TEXT NOT NULL", "what changed, the weightiest first: 'a number: 12 → 15; wording: …'"),
    },
    "duplicates": {
        "article": ("INTEGER NOT NULL REFERENCES articles(id)", "id of the article"),
        "other": (
            "INTEGER NOT NULL REFERENCES articles(id)",
            "id of one that says the same; each pair has two rows",
        ),
        "similarity": ("REAL NOT NULL", "0..1: of the three-word runs of both texts, those that both have"),
        "kind": (
            "TEXT NOT NULL",
            "what the other is: moved to, moved from, repeated (same site), syndicated (another)",
        ),
    },
    "sketches": {
        "article": ("INTEGER PRIMARY KEY REFERENCES articles(id)", "id of the article"),
        "sketch": ("BLOB NOT NULL", "what its duplicates are found by: archive/duplicates.py"),
    },
    "bands": {
        "band": ("INTEGER NOT NULL", "hash of a part of a sketch"),
        "article": ("INTEGER NOT NULL REFERENCES articles(id)", "id of an article that has this part"),
    },
    "terms": {
        "form": ("TEXT NOT NULL", "a word as written, or one that it is a form of besides; folded"),
        "term": ("TEXT NOT NULL", "the word it is found under in `search`"),
    },
}

_KEYS = {
    "captures": "PRIMARY KEY (warc, offset)",
    "article_authors": "PRIMARY KEY (article, position)",
    "article_tags": "PRIMARY KEY (article, tag)",
    "images": "PRIMARY KEY (article, position)",
    "comment_sightings": "PRIMARY KEY (warc, offset, position)",
    "edits": "PRIMARY KEY (warc, offset)",
    "duplicates": "PRIMARY KEY (article, other)",
    "bands": "PRIMARY KEY (band, article)",
    "terms": "PRIMARY KEY (form, term)",
}
# Of the FTS5 tables; words as `archive.language.search_terms` writes them, under SQLite's own tokenizer.
SEARCH_COLUMNS = {
    "title": "words of the headline",
    "body": "words of the lead and the text",
    "names": "words of authors, tags and section",
}

_OF_A_CAPTURE = ("versions", "articles", "comment_sightings", "spam", "edits")  # by (warc, offset)
_WITHOUT_ROWID = ("terms", "duplicates", "bands")  # small rows, found by their key alone

_INDEXES = (
    "CREATE INDEX captures_urlkey ON captures (urlkey, captured_at)",
    "CREATE INDEX captures_payload ON captures (payload_digest)",
    "CREATE INDEX captures_version ON captures (version)",
    # Revisits whose payload may come yet, and pages that are to be read again.
    "CREATE INDEX captures_waiting ON captures (status, content_type, payload_digest)"
    " WHERE record_type = 'revisit' AND kind IS NULL",
    "CREATE INDEX captures_unread ON captures (warc, offset) WHERE rules IS NULL",
    "CREATE INDEX captures_lacks ON captures (site, captured_at) WHERE lacks IS NOT NULL",
    "CREATE INDEX versions_article ON versions (article, seen_from)",
    "CREATE INDEX versions_first_page ON versions (first_page) WHERE first_page IS NOT NULL",
    "CREATE INDEX versions_canonical ON versions (canonical) WHERE canonical IS NOT NULL",
    "CREATE INDEX articles_published ON articles (published_at)",
    "CREATE INDEX articles_section ON articles (section)",
    "CREATE INDEX terms_term ON terms (term)",
    "CREATE INDEX articles_site ON articles (site)",
    "CREATE INDEX articles_language ON articles (language)",
    "CREATE INDEX spam_capture ON spam (warc, offset)",
    "CREATE INDEX spam_captured ON spam (captured_at)",
    "CREATE INDEX comments_article ON comments (article, posted_at)",
    "CREATE INDEX comment_sightings_comment ON comment_sightings (comment)",
    "CREATE INDEX article_tags_tag ON article_tags (tag)",
    "CREATE INDEX article_authors_author ON article_authors (author)",
    "CREATE INDEX articles_gone ON articles (gone_at) WHERE gone_at IS NOT NULL",
    "CREATE INDEX articles_month ON articles (site, published_at, gone_at, versions)",
    "CREATE INDEX edits_article ON edits (article)",
    "CREATE INDEX edits_at ON edits (at)",
)

migrations = Migrations("muragat")


@migrations()
def m001_first(db: Database) -> None:
    """The tables of 0.1."""
    for table in TABLES:
        _create(db, table)
    for statement in _INDEXES:
        db.execute(statement)
    # Already normalised words under the plain tokenizer, so that any sqlite3 client can open the file (design: search).
    db.execute("CREATE VIRTUAL TABLE search USING fts5(title, body, names, tokenize = 'unicode61')")


def _create(db: Database, table: str) -> None:
    lines = [f'"{name}" {_deferred(kind)}' for name, (kind, _) in TABLES[table].items()]
    if table in _KEYS:
        lines.append(_KEYS[table])
    if table in _OF_A_CAPTURE:
        lines.append(_deferred('FOREIGN KEY (warc, "offset") REFERENCES captures(warc, "offset")'))
    db.execute(f'CREATE TABLE "{table}" ({", ".join(lines)})' + (" WITHOUT ROWID" if table in _WITHOUT_ROWID else ""))


def _deferred(constraint: str) -> str:
    """Foreign keys hold at the end of a transaction: in between rows are taken away and made anew."""
    return re.sub(r"(REFERENCES \w+\([^)]*\))", r"\1 DEFERRABLE INITIALLY DEFERRED", constraint)


@migrations()
def m002_stated_digest(db: Database) -> None:
    """The digests that imported records state. Rebuild to fill them for files that were imported before."""
    if "stated_digest" not in db.table("captures").columns_dict:
        db.execute("ALTER TABLE captures ADD COLUMN stated_digest TEXT")
    db.execute("CREATE INDEX captures_stated ON captures (stated_digest) WHERE stated_digest IS NOT NULL")


@migrations()
def m003_truncated(db: Database) -> None:
    """Which captures are cut short: they show no wording. Rebuild to fill it for files that were indexed before."""
    if "truncated" not in db.table("captures").columns_dict:
        db.execute("ALTER TABLE captures ADD COLUMN truncated TEXT")


@migrations()
def m004_extraction(db: Database) -> None:
    """What reading a page says beside its wording. Rebuild to fill it for files that were indexed before."""
    _complete(db)
    # Wordings that are no longer shown, by the id of their row in `versions`: for `muragat search --all-versions`.
    db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS search_older USING fts5(title, body, names, tokenize = 'unicode61')")


@migrations()
def m005_reading(db: Database) -> None:
    """What people ask of an archive: views, hidden pages, near-duplicates. Rebuild to fill what is new."""
    _complete(db)
    for table in ("search", "search_older"):
        # Of 8 segments one is made, not of 4: a third less to write for an article, and no search takes longer.
        db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('automerge', 8)")


def _complete(db: Database) -> None:
    """Make the tables, columns, indexes and views that are described above and not there yet."""
    for table, columns in TABLES.items():
        if not db.table(table).exists():
            _create(db, table)
        known = db.table(table).columns_dict
        for column, (kind, _) in columns.items():
            if column not in known:
                db.execute(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {_deferred(kind)}')
    for statement in _INDEXES:
        db.execute(statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"))
    for view, select in VIEWS.items():
        db.execute(f"DROP VIEW IF EXISTS {view}")
        db.execute(f"CREATE VIEW {view} AS {select}")


def connect(path: Path) -> Database:
    """archive.db for writing, made or migrated. Raises SchemaTooNewError for a newer one."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a lost tail of rows is made again from the WARCs
    connection.execute("PRAGMA cache_size = -65536")  # KiB; ids are digests, so rows go to all places of their tables
    db = Database(connection)
    _check_version(db, path)
    migrations.apply(db)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return db


def connect_readonly(path: Path) -> Database:
    """archive.db for reading, beside a writer. Raises MuragatError when there is none yet, or none that can be read."""
    if not path.is_file():
        raise MuragatError(
            f"{path} does not exist yet; `muragat crawl` fills it, `muragat index` makes it from the WARCs"
        )
    if not path.stat().st_size:
        raise MuragatError(f"{path} is empty; `muragat index` fills it from the WARCs")
    try:
        db = Database(open_readonly(path))
        if _check_version(db, path) < SCHEMA_VERSION:
            raise MuragatError(f"{path} was made by an older muragat; `muragat index` brings it up to date")
    except sqlite3.DatabaseError as error:
        raise MuragatError(f"{path}: {error}; `muragat index --rebuild` makes it anew from the WARCs") from error
    return db


def _check_version(db: Database, path: Path) -> int:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        raise SchemaTooNewError(
            f"{path} has schema {found}, this muragat knows up to {SCHEMA_VERSION}; install a newer muragat,"
            " or `muragat index --rebuild` with this one"
        )
    return found


def schema_digest() -> str:
    """Of all that is described here: a file begun under another one is not what would be made today."""
    described = repr((SCHEMA_VERSION, TABLES, _KEYS, _INDEXES, VIEWS))
    return "sha256:" + sha256(described.encode()).hexdigest()


def define_urlkey(db: Database) -> None:
    """The SQL function `urlkey(url)`; NULL of NULL."""
    db.conn.create_function("urlkey", 1, lambda url: urlkey(url) if url else None, deterministic=True)


@contextmanager
def immediate(db: Database) -> Iterator[None]:
    """A transaction that takes the writer's place at once; all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        remembered(db).clear()
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def remembered(db: Database) -> set[object]:
    """What the writer of this connection knows to be in the file; nothing after a transaction that was rolled back."""
    return _remembered.setdefault(db, set())


_remembered: WeakKeyDictionary[Database, set[object]] = WeakKeyDictionary()


def stable_id(*key: object) -> int:
    """The first 63 bits of the SHA-256 of a natural key: the same row has the same id in every rebuild."""
    digest = sha256("\x1f".join(str(part) for part in key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def load_capture(db: Database, warc: str, offset: int) -> Capture:
    """A row of `captures` as a Capture."""
    row = db.execute(
        "SELECT url, urlkey, captured_at, status, content_type, payload_digest, record_type, length, refers_to_url,"
        " refers_to_at, location, error, stated_digest, truncated FROM captures WHERE warc = ? AND offset = ?",
        [warc, offset],
    ).fetchone()
    if row is None:  # an indexer took it back since it was asked for
        raise NotCapturedError(f"the capture in {warc} at {offset} is being read anew; ask again")
    return Capture(
        url=row[0],
        urlkey=row[1],
        captured_at=parse_warc_date(row[2]),
        status=row[3],
        content_type=row[4],
        payload_digest=row[5],
        record_type=RecordType(row[6]),
        warc=warc,
        offset=offset,
        length=row[7],
        refers_to_url=row[8],
        refers_to_at=parse_warc_date(row[9]) if row[9] else None,
        location=row[10],
        error=row[11],
        stated_digest=row[12],
        truncated=row[13],
    )

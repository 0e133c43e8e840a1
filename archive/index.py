"""WARC → rows: the one path from bytes to the database, for a running crawl, a rebuild and an import alike.

First facts, per capture, in any order; then what needs other captures (which wording is current, since when a page is
gone, which pages are one article), derived by SQL from all captures of the articles touched. The place reached in each
WARC moves in the same transaction as its rows: an indexer can be killed at any byte and run again, with one result.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

from sqlite_utils import Database

from archive import manifest
from archive.config import ArchiveDir, Site
from archive.errors import LockedError, MuragatError, WarcError
from archive.extract import extract, rules_digest
from archive.extract.layout import check_selectors
from archive.language import search_pairs
from archive.model import Article, Capture, Comment, Extracted, Finding, PageKind, Payload
from archive.schema import connect, immediate, load_capture, stable_id
from archive.surt import urlkey
from archive.warc import CrawlNote, Damaged, Kept, read_payload, read_warc, warc_date

logger = logging.getLogger(__name__)

BATCH = 100  # records a transaction: about 50 exchanges, with their requests (design: search)
FOLLOW_SECONDS = 1.0
FAILED = "extraction failed: "  # how the reason of a capture begins whose page broke the reader


@dataclass
class IndexReport:
    """What an indexing pass did."""

    warcs: int = 0
    captures: int = 0
    articles: int = 0  # captures read as an article
    unread: int = 0  # captures whose page broke the reader; their rows say how
    damaged: list[str] = field(default_factory=list)  # what could not be read: file, offset, why


class Rules:
    """The profiles of an archive's sites, found by host."""

    def __init__(self, sites: Iterable[Site]) -> None:
        sites = list(sites)
        for site in sites:
            check_selectors(site)  # or each page of the site would be a row that says so
        self._by_host = {host.lower().removeprefix("www."): site for site in sites for host in site.crawl.hosts}
        self._digests = {site.name: rules_digest(site) for site in self._by_host.values()}
        self._no_site = rules_digest(None)

    def site_of(self, url: str) -> Site | None:
        """The profile that covers a URL's host."""
        try:
            return self._by_host.get(urlsplit(url).netloc.lower().removeprefix("www."))
        except ValueError:
            return None

    def is_stale(self, name: str | None, digest: str | None) -> bool:
        """Whether a row of the site of this name was made by other rules than today's."""
        return digest != (self._no_site if name is None else self._digests.get(name))

    def digest(self, site: Site | None) -> str:
        """What the rows of this site's captures are a function of, beside the WARCs."""
        return self._digests[site.name] if site else self._no_site


def index_archive(directory: ArchiveDir) -> IndexReport:
    """Index what the WARCs hold beyond their checkpoints. Waits for another indexer to end first."""
    with _lock(directory):
        return _index(directory, directory.db)


def rebuild(directory: ArchiveDir) -> IndexReport:
    """Make archive.db anew from the WARCs alone, beside the old one, and copy it in when it is whole.

    Copied by SQLite's backup API: renaming over a database that others have open would lose it for them.
    """
    with _lock(directory):
        fresh = directory.db.with_name("archive.db.rebuild")
        for leftover in (fresh, *(fresh.with_name(fresh.name + suffix) for suffix in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
        report = _index(directory, fresh)
        _copy_into(fresh, directory.db)
        for leftover in (fresh, *(fresh.with_name(fresh.name + suffix) for suffix in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
        return report


def index_stale(directory: ArchiveDir) -> IndexReport:
    """Read again the WARCs of which some rows were made by other rules than today's, and what is not indexed yet.

    All of them are forgotten first, so that no wording keeps fields of an older reading.
    """
    with _lock(directory):
        db = connect(directory.db)
        try:
            for name in _stale_warcs(db, Rules(directory.all_sites())):
                _forget(db, name)
        finally:
            db.conn.close()
        return _index(directory, directory.db)


def _stale_warcs(db: Database, rules: Rules) -> list[str]:
    rows = db.execute("SELECT warc, site, rules FROM captures GROUP BY warc, site, rules").fetchall()
    return sorted({warc for warc, site, digest in rows if rules.is_stale(site, digest)})


def count_stale(db: Database, directory: ArchiveDir) -> int:
    """How many captured pages were read by other rules than today's."""
    rules = Rules(directory.all_sites())
    rows = db.execute(
        "SELECT site, rules, count(*) FROM captures WHERE kind IS NOT NULL AND content_type LIKE '%html%' GROUP BY 1, 2"
    )
    return sum(pages for site, digest, pages in rows if rules.is_stale(site, digest))


def _copy_into(fresh: Path, database: Path) -> None:
    source, target = sqlite3.connect(fresh), sqlite3.connect(database, timeout=60)
    try:
        source.backup(target)
    except sqlite3.DatabaseError as error:
        if "not a database" not in str(error):
            raise
        # What stands there is no database, so nobody has it open as one: out of the way, but kept.
        target.close()
        database.rename(database.with_name("archive.db.broken"))
        target = sqlite3.connect(database)
        source.backup(target)
    finally:
        source.close()
        target.close()


def follow(directory: ArchiveDir, parent: IO[bytes]) -> IndexReport:
    """Index what a crawl writes, seconds after it wrote it, until `parent` is closed; then once more to the end.

    `parent` is a pipe from the crawl: it closes when the crawl ends, however it ends.
    """
    total = IndexReport()
    with _lock(directory):
        open_ended, first = True, True
        while open_ended:
            readable, _, _ = select.select([parent], [], [], FOLLOW_SECONDS)
            open_ended = not readable or bool(os.read(parent.fileno(), 1))
            report = _index(directory, directory.db, settle=first)
            first = False
            total.captures += report.captures
            total.articles += report.articles
            total.damaged += [line for line in report.damaged if line not in total.damaged]
    return total


@contextmanager
def _lock(directory: ArchiveDir) -> Iterator[None]:
    """One indexer per archive."""
    directory.locks.mkdir(exist_ok=True)
    with (directory.locks / "index.lock").open("a+") as file:
        for _ in range(600):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(1)
        else:
            raise LockedError(
                f"{directory.root}: another indexer has been at work for ten minutes; try again when it ends"
            )
        yield


def _index(directory: ArchiveDir, database: Path, *, settle: bool = True) -> IndexReport:
    report = IndexReport()
    rules = Rules(directory.all_sites())
    db = connect(database)
    try:
        names = {
            path.name.removesuffix(".open") for path in directory.warcs.glob("*.warc.gz*") if ".torn" not in path.name
        }
        whole = {row[0] for row in db.execute("SELECT filename FROM warcs WHERE indexed_to = size_bytes")}
        for name in sorted(names - whole):
            try:
                index_warc(db, directory, name, rules, report)
            except WarcError as error:
                report.damaged.append(str(error))
                logger.warning("%s", error)
        if settle or report.captures:
            _settle_digests(db)
        _resolve_waiting(db, directory, rules, report)
        _note_closed(db, directory)
        report.warcs = len(names)
    finally:
        db.conn.close()
    return report


def index_warc(db: Database, directory: ArchiveDir, name: str, rules: Rules, report: IndexReport) -> None:
    """Turn what a WARC holds beyond its checkpoint into rows; whole batches or nothing."""
    start = _checkpoint(db, directory, name)
    records = read_warc(directory.warcs, name, start=start)
    while batch := list(islice(records, BATCH)):
        # Slow and pure: outside the transaction.
        read = [(kept, _read(kept, rules)) for kept in batch if isinstance(kept, Kept)]
        with immediate(db):
            _move_checkpoint(db, name, since=start, to=batch[-1].end)
            for record in batch:
                if isinstance(record, CrawlNote):
                    _add_crawl(db, name, record)
                elif isinstance(record, Damaged):
                    db.execute("UPDATE warcs SET damaged = damaged + 1 WHERE filename = ?", [name])
                    report.damaged.append(str(record.error))
                    logger.warning("%s", record.error)
            touched = {key for kept, extracted in read for key in _add_facts(db, kept.capture, extracted, rules)}
            _derive(db, touched)
        start = batch[-1].end
        report.captures += len(read)
        report.articles += sum(1 for _, extracted in read if extracted and extracted.article)
        report.unread += sum(1 for _, extracted in read if extracted and extracted.reason.startswith(FAILED))


def _checkpoint(db: Database, directory: ArchiveDir, name: str) -> int:
    """Where to go on in a WARC. A file shorter than its checkpoint was replaced: it is read again from its start."""
    row = db.execute("SELECT indexed_to FROM warcs WHERE filename = ?", [name]).fetchone()
    if row is None:
        with immediate(db):
            db.execute("INSERT OR IGNORE INTO warcs (filename, indexed_to, damaged) VALUES (?, 0, 0)", [name])
        return 0
    sizes = [
        path.stat().st_size for path in (directory.warcs / name, directory.warcs / f"{name}.open") if path.exists()
    ]
    if sizes and sizes[0] < row[0]:
        logger.warning("%s is shorter than what was indexed of it; it is indexed again from its start", name)
        _forget(db, name)
        return 0
    return int(row[0])


def _forget(db: Database, name: str) -> None:
    with immediate(db):
        keys = {row[0] for row in db.execute("SELECT DISTINCT urlkey FROM captures WHERE warc = ?", [name])}
        db.execute("DELETE FROM spam WHERE warc = ?", [name])
        db.execute("DELETE FROM comment_sightings WHERE warc = ?", [name])
        db.execute("DELETE FROM captures WHERE warc = ?", [name])
        db.execute(
            "UPDATE warcs SET indexed_to = 0, damaged = 0, sha256 = NULL, size_bytes = NULL WHERE filename = ?", [name]
        )
        _derive(db, keys)


def _move_checkpoint(db: Database, name: str, *, since: int, to: int) -> None:
    moved = db.execute(
        "UPDATE warcs SET indexed_to = ? WHERE filename = ? AND indexed_to = ?", [to, name, since]
    ).rowcount
    if moved != 1:
        raise MuragatError(f"{name}: another indexer moved its checkpoint; run `muragat index` again")


# ---------------------------------------------------------------- facts: one capture at a time


def _read(kept: Kept, rules: Rules) -> Extracted | None:
    """What the payload says; None where there is nothing to read."""
    capture = kept.capture
    if kept.payload is None or capture.status is None:
        return None
    if capture.truncated:  # half an article is no wording of it
        return Extracted(kind=PageKind.OTHER, reason=f"cut short: {capture.truncated}")
    return _extract(kept.payload, capture, rules)


def _extract(payload: Payload, capture: Capture, rules: Rules) -> Extracted:
    try:
        return extract(payload, capture, rules.site_of(capture.url))
    except MuragatError as error:  # a coding nobody can undo
        return Extracted(kind=PageKind.OTHER, reason=str(error))
    except Exception as error:  # a page that fools us must not stop the index; the row says what happened
        logger.exception("%s at %s could not be read", capture.url, capture.captured_at)
        return Extracted(kind=PageKind.OTHER, reason=f"{FAILED}{type(error).__name__}: {error}")


def _add_crawl(db: Database, warc: str, note: CrawlNote) -> None:
    fields = note.fields
    # Other tools fill isPartOf too, but know no `site`: what they call a crawl is no row of ours.
    if not note.crawl or not (note.ended or "site" in fields):
        return
    db.execute("INSERT OR IGNORE INTO crawls (name) VALUES (?)", [note.crawl])
    if note.ended:
        counts = [_number(fields.get(name)) for name in ("offered", "fetched", "failed", "skipped", "waiting")]
        db.execute(
            "UPDATE crawls SET finished_at = ?, reason = ?, offered = ?, fetched = ?, failed = ?, skipped = ?,"
            " waiting = ? WHERE name = ?",
            [warc_date(note.at), fields.get("reason"), *counts, note.crawl],
        )
    else:
        db.execute(
            "UPDATE crawls SET site = ?, started_at = ?, software = ?, user_agent = ? WHERE name = ?",
            [
                fields.get("site"),
                fields.get("started") or warc_date(note.at),
                fields.get("software"),
                fields.get("http-header-user-agent"),
                note.crawl,
            ],
        )
        db.execute("UPDATE warcs SET crawl = ? WHERE filename = ?", [note.crawl, warc])


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _add_facts(db: Database, capture: Capture, extracted: Extracted | None, rules: Rules) -> set[str]:
    """The rows of one capture; the urlkeys whose articles it touches."""
    site = rules.site_of(capture.url)
    article = extracted.article if extracted else None
    version = _add_version(db, capture, article, site) if article else None
    db.execute(
        "INSERT OR REPLACE INTO captures (warc, offset, length, urlkey, url, site, captured_at, status, content_type,"
        " payload_digest, record_type, refers_to_url, refers_to_at, location, error, kind, reason, version, rules,"
        " stated_digest, truncated, layout, unmatched, lacks, comment_count, hosts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            capture.warc,
            capture.offset,
            capture.length,
            capture.urlkey,
            capture.url,
            site.name if site else None,
            warc_date(capture.captured_at),
            capture.status,
            capture.content_type,
            capture.payload_digest,
            capture.record_type,
            capture.refers_to_url,
            warc_date(capture.refers_to_at) if capture.refers_to_at else None,
            capture.location,
            capture.error,
            extracted.kind if extracted else None,
            extracted.reason if extracted else None,
            version,
            rules.digest(site),
            capture.stated_digest,
            capture.truncated,
            extracted.layout if extracted else None,
            _json(extracted.unmatched) if extracted and extracted.layout else None,
            _json(extracted.lacks) if extracted and extracted.lacks is not None else None,
            article.comment_count if article else None,
            _json(extracted.hosts) if extracted and extracted.hosts else None,
        ],
    )
    _add_comments(db, capture, article.comments if article else ())
    db.execute("DELETE FROM spam WHERE warc = ? AND offset = ?", [capture.warc, capture.offset])
    for number, finding in enumerate(extracted.findings if extracted else ()):
        _add_finding(db, capture, number, finding)
    return (
        {capture.urlkey}
        if article
        or capture.status != 200
        or (extracted and extracted.kind is PageKind.GONE)
        # What a 304 after it confirms is this.
        or db.execute("SELECT 1 FROM captures WHERE urlkey = ? AND status = 304", [capture.urlkey]).fetchone()
        else set()
    )


def _add_version(db: Database, capture: Capture, article: Article, site: Site | None) -> int:
    """The wording a capture shows. Of several captures with one wording, the earliest fills the fields."""
    version = stable_id(capture.urlkey, article.text_digest)
    canonical = urlkey(urljoin(capture.url, article.canonical)) if article.canonical else None
    fields: dict[str, object] = {
        "id": version,
        "article": capture.urlkey,
        "text_digest": article.text_digest,
        "url": capture.url,
        "site": site.name if site else None,
        "title": article.title,
        "lead": article.lead,
        "text": article.text,
        "blocks": _json([[block.kind, block.text, block.language] for block in article.blocks]),
        "authors": _json(article.authors),
        "section": article.section,
        "tags": _json(article.tags),
        "published_at": warc_date(article.published_at) if article.published_at else None,
        "published_precision": article.published_precision,
        "published_as": article.published_as,
        "modified_at": warc_date(article.modified_at) if article.modified_at else None,
        "language": article.language,
        "canonical": canonical if canonical != capture.urlkey else None,
        "images": _json([asdict(image) for image in article.images]),
        "access": article.access,
        "page": article.page,
        "first_page": urlkey(article.first_page) if article.first_page else None,
        "sources": _json(dict(sorted(article.sources.items()))),
        "confidence": _json(dict(sorted(article.confidence.items()))),
        "seen_from": warc_date(capture.captured_at),
        "seen_to": warc_date(capture.captured_at),
        "captures": 0,
        "warc": capture.warc,
        "offset": capture.offset,
    }
    names = ", ".join(f'"{name}"' for name in fields)
    update = ", ".join(f'"{name}" = excluded."{name}"' for name in fields if name != "id")
    db.execute(
        f"INSERT INTO versions ({names}) VALUES ({', '.join('?' * len(fields))})"
        f" ON CONFLICT (id) DO UPDATE SET {update}"
        ' WHERE (excluded.seen_from, excluded.warc, excluded."offset") < (seen_from, warc, "offset")',
        list(fields.values()),
    )
    return version


def _add_finding(db: Database, capture: Capture, number: int, finding: Finding) -> None:
    db.execute(
        "INSERT OR REPLACE INTO spam (id, warc, offset, url, captured_at, kind, excerpt, language, domains, evidence,"
        " score, weights, hidden_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            stable_id(capture.warc, capture.offset, number),
            capture.warc,
            capture.offset,
            capture.url,
            warc_date(capture.captured_at),
            finding.kind,
            finding.excerpt,
            finding.language,
            _json(finding.domains),
            _json(finding.evidence),
            round(finding.score, 3),
            _json(finding.weights),
            finding.hidden_by,
        ],
    )


def _add_comments(db: Database, capture: Capture, comments: Sequence[Comment]) -> None:
    """What each comment says is one row for ever; what a capture shows of it is a row of that capture."""
    db.execute("DELETE FROM comment_sightings WHERE warc = ? AND offset = ?", [capture.warc, capture.offset])
    alike = Counter[tuple[str | None, str]]()
    for position, comment in enumerate(comments):
        said = (comment.author, comment.text)
        identity = stable_id(capture.urlkey, comment.author or "", comment.text, alike[said])
        alike[said] += 1
        db.execute(
            "INSERT OR IGNORE INTO comments (id, article, author, text, captures) VALUES (?, ?, ?, ?, 0)",
            [identity, capture.urlkey, *said],
        )
        posted_at = warc_date(comment.posted_at) if comment.posted_at else None
        dated = [posted_at, comment.posted_precision, comment.posted_as, comment.depth]
        db.execute(
            "INSERT INTO comment_sightings (warc, offset, position, comment, posted_at, posted_precision, posted_as,"
            " depth) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [capture.warc, capture.offset, position, identity, *dated],
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# The payload digest that a revisit of another tool means by the one it states: that one, where a payload has it; that
# of a record which states the same (sha256:…, or with the chunk framing counted in); that of the record it refers to.
_MEANT = """
SELECT r.warc, r.offset, r.urlkey, coalesce(
    (SELECT o.payload_digest FROM captures o
     WHERE o.payload_digest = r.stated_digest AND o.record_type IN ('response', 'resource') LIMIT 1),
    (SELECT min(o.payload_digest) FROM captures o
     WHERE o.stated_digest = r.stated_digest AND o.record_type IN ('response', 'resource')),
    (SELECT min(o.payload_digest) FROM captures o
     WHERE o.urlkey = surt(r.refers_to_url) AND o.captured_at = r.refers_to_at AND o.url = r.refers_to_url
     AND o.record_type IN ('response', 'resource')),
    r.stated_digest) AS meant
FROM captures r WHERE r.stated_digest IS NOT NULL AND r.record_type = 'revisit' AND meant <> r.payload_digest
"""


def _settle_digests(db: Database) -> None:
    """Give the revisits of other tools the digest under which we know their payload."""
    db.conn.create_function("surt", 1, lambda url: urlkey(url) if url else None, deterministic=True)
    changed = db.execute(_MEANT).fetchall()
    for start in range(0, len(changed), BATCH):
        batch = changed[start : start + BATCH]
        with immediate(db):
            for warc, offset, _, meant in batch:
                # What was read of another payload is forgotten; `_resolve_waiting` reads the right one.
                db.execute("DELETE FROM spam WHERE warc = ? AND offset = ?", [warc, offset])
                db.execute("DELETE FROM comment_sightings WHERE warc = ? AND offset = ?", [warc, offset])
                db.execute(
                    "UPDATE captures SET payload_digest = ?, kind = NULL, reason = NULL, version = NULL,"
                    " layout = NULL, unmatched = NULL, lacks = NULL, comment_count = NULL, hosts = NULL"
                    " WHERE warc = ? AND offset = ?",
                    [meant, warc, offset],
                )
            _derive(db, {key for _, _, key, _ in batch})


def _resolve_waiting(db: Database, directory: ArchiveDir, rules: Rules, report: IndexReport) -> None:
    """Read the revisits whose payload is held by a capture that is a row by now."""
    # Of several captures that hold the payload, the earliest: min() decides which row the bare columns come from.
    # A revisit without HTTP head has no status: that of the capture that holds its payload counts.
    waiting = db.execute(
        "SELECT r.warc, r.offset, o.warc, o.offset, min(o.captured_at || o.warc || printf('%020d', o.offset))"
        " FROM captures r JOIN captures o ON o.payload_digest = r.payload_digest"
        " AND o.record_type IN ('response', 'resource') AND o.truncated IS NULL"
        " WHERE r.record_type = 'revisit' AND r.kind IS NULL AND (r.status = 200 AND r.content_type LIKE '%html%'"
        " OR r.status IS NULL AND o.status = 200 AND o.content_type LIKE '%html%')"
        " GROUP BY r.warc, r.offset"
    ).fetchall()
    for start in range(0, len(waiting), BATCH):
        read = list[tuple[Capture, Extracted]]()
        for warc, offset, held_in, held_at, _ in waiting[start : start + BATCH]:
            capture, holder = load_capture(db, warc, offset), load_capture(db, held_in, held_at)
            try:
                payload = read_payload(directory.warcs, holder)
            except WarcError as error:
                report.damaged.append(str(error))
                continue
            seen = capture if capture.status else replace(capture, status=holder.status)
            read.append((capture, _extract(payload, seen, rules)))
        with immediate(db):
            _derive(db, {key for capture, extracted in read for key in _add_facts(db, capture, extracted, rules)})
        report.articles += sum(1 for _, extracted in read if extracted.article)


def _note_closed(db: Database, directory: ArchiveDir) -> None:
    """Size and SHA-256 of closed files, from the manifest."""
    if not db.execute("SELECT 1 FROM warcs WHERE sha256 IS NULL").fetchone():
        return
    for entry in manifest.read(directory.manifest):
        db.execute(
            "UPDATE warcs SET sha256 = ?, size_bytes = ? WHERE filename = ? AND sha256 IS NOT ?",
            [entry.sha256, entry.size, entry.name, entry.sha256],
        )


# ---------------------------------------------------------------- what needs other captures


def _derive(db: Database, keys: Iterable[str]) -> None:
    """Make the article rows of these urlkeys, and of the pages joined to them, anew from all captures."""
    todo = set(keys)
    for key in keys:
        for (first,) in db.execute(
            "SELECT DISTINCT first_page FROM versions WHERE article = ? AND first_page NOT NULL", [key]
        ):
            todo.add(first)
        for (part,) in db.execute(
            "SELECT DISTINCT article FROM versions WHERE first_page = ? OR canonical = ?", [key, key]
        ):
            todo.add(part)
    for key in sorted(todo):
        # A 304 says that the page is as it was: it shows what the 200 before it shows.
        db.execute(
            "UPDATE captures AS n SET (version, comment_count) ="
            " (SELECT c.version, c.comment_count FROM captures c WHERE c.urlkey = n.urlkey"
            " AND c.status = 200 AND c.truncated IS NULL"
            " AND (c.captured_at, c.warc, c.offset) < (n.captured_at, n.warc, n.offset)"
            " ORDER BY c.captured_at DESC, c.warc DESC, c.offset DESC LIMIT 1) WHERE n.urlkey = ? AND n.status = 304",
            [key],
        )
        db.execute(
            "DELETE FROM search_older WHERE rowid IN (SELECT id FROM versions WHERE article = ? AND NOT EXISTS"
            " (SELECT 1 FROM captures WHERE captures.version = versions.id))",
            [key],
        )
        db.execute(
            "DELETE FROM versions WHERE article = ? AND NOT EXISTS"
            " (SELECT 1 FROM captures WHERE captures.version = versions.id)",
            [key],
        )
        db.execute(
            "UPDATE versions SET (seen_to, captures) ="
            " (SELECT max(captured_at), count(*) FROM captures WHERE version = versions.id) WHERE article = ?",
            [key],
        )
        _derive_comments(db, key)
    for key in sorted(todo):
        _derive_article(db, key)


def _derive_comments(db: Database, key: str) -> None:
    """When the comments below a page were seen, from all captures that show them."""
    confirming = db.execute("SELECT warc, offset, captured_at FROM captures WHERE urlkey = ? AND status = 304", [key])
    for warc, offset, at in confirming.fetchall():
        db.execute("DELETE FROM comment_sightings WHERE warc = ? AND offset = ?", [warc, offset])
        db.execute(
            "INSERT INTO comment_sightings SELECT ?, ?, s.position, s.comment, s.posted_at, s.posted_precision,"
            " s.posted_as, s.depth FROM comment_sightings s JOIN (SELECT warc, offset FROM captures WHERE urlkey = ?"
            " AND status = 200 AND truncated IS NULL AND (captured_at, warc, offset) < (?, ?, ?)"
            " ORDER BY captured_at DESC, warc DESC, offset DESC LIMIT 1) c ON c.warc = s.warc AND c.offset = s.offset",
            [warc, offset, key, at, warc, offset],
        )
    db.execute(
        "UPDATE comments SET (first_seen_at, last_seen_at, captures) = (SELECT min(c.captured_at), max(c.captured_at),"
        " count(*) FROM comment_sightings s JOIN captures c ON c.warc = s.warc AND c.offset = s.offset"
        " WHERE s.comment = comments.id), (posted_at, posted_precision, posted_as, depth) = (SELECT s.posted_at,"
        " s.posted_precision, s.posted_as, s.depth FROM comment_sightings s JOIN captures c ON c.warc = s.warc"
        " AND c.offset = s.offset WHERE s.comment = comments.id ORDER BY c.captured_at, c.warc, c.offset LIMIT 1)"
        " WHERE article = ?",
        [key],
    )
    db.execute("DELETE FROM comments WHERE article = ? AND captures = 0", [key])


# The newest capture that shows a wording; ties by file and offset.
_CURRENT = (
    "SELECT v.*, c.captured_at AS c_at, c.warc AS c_warc, c.offset AS c_offset, c.url AS c_url,"
    " c.comment_count AS c_comment_count"
    " FROM captures c JOIN versions v ON v.id = c.version WHERE c.urlkey = ? AND c.status IS NOT 304"
    " ORDER BY c.captured_at DESC, c.warc DESC, c.offset DESC LIMIT 1"
)


def _gone_at(db: Database, key: str) -> str | None:
    """The first capture, since the article was there last, that answers "not found" or sends us to the front page."""
    later = db.execute(
        "SELECT captured_at, url, status, kind, location FROM captures WHERE urlkey = ?"
        " AND (status IN (404, 410) OR kind = 'gone' OR status BETWEEN 300 AND 399 AND location IS NOT NULL)"
        " AND captured_at > (SELECT max(captured_at) FROM captures WHERE urlkey = ? AND version IS NOT NULL)"
        " ORDER BY captured_at",
        [key, key],
    )
    for at, url, status, kind, location in later:
        if status in (404, 410) or kind == PageKind.GONE or _is_front_page(url, location):
            return str(at)
    return None


def _is_front_page(url: str, location: str) -> bool:
    """Whether a redirect leads from a page to the front page of its own host."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
    except ValueError:
        return False
    same = here.netloc.removeprefix("www.") == there.netloc.removeprefix("www.")
    return same and there.path in ("", "/") and not there.query and here.path not in ("", "/")


def _current(db: Database, key: str) -> dict[str, object] | None:
    return next(iter(db.query(_CURRENT, [key])), None)


def _derive_article(db: Database, key: str) -> None:
    identity = stable_id(key)
    _remove_article(db, identity)
    now = _current(db, key)
    if now is None or _belongs_elsewhere(db, key, now):
        return
    parts = [now, *_continuations(db, key, now)]
    text = "\n\n".join(str(part["text"]) for part in parts)
    gone_at = _gone_at(db, key)
    seen = db.execute(
        "SELECT min(captured_at), max(captured_at), count(DISTINCT version) FROM captures"
        " WHERE urlkey = ? AND version IS NOT NULL",
        [key],
    ).fetchone()
    copied = (
        "site",
        "title",
        "lead",
        "section",
        "language",
        "published_at",
        "published_precision",
        "published_as",
        "modified_at",
        "access",
    )
    row: dict[str, object] = {
        "id": identity,
        "urlkey": key,
        "url": now["c_url"],
        **{name: now[name] for name in copied},
        "comment_count": now["c_comment_count"],
        "text": text,
        "pages": len(parts),
        "version": now["id"],
        "versions": seen[2],
        "first_seen_at": seen[0],
        "last_seen_at": seen[1],
        "gone_at": gone_at,
        "warc": now["c_warc"],
        "offset": now["c_offset"],
    }
    db.table("articles").insert(row)
    authors, tags = json.loads(str(now["authors"])), json.loads(str(now["tags"]))
    db.conn.executemany(
        "INSERT INTO article_authors VALUES (?, ?, ?)", [(identity, name, place) for place, name in enumerate(authors)]
    )
    db.conn.executemany("INSERT OR IGNORE INTO article_tags VALUES (?, ?)", [(identity, tag) for tag in tags])
    db.conn.executemany(
        "INSERT INTO images (article, position, url, alt, caption, credit, width, height)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(identity, place, *_of_image(image)) for place, image in enumerate(json.loads(str(now["images"])))],
    )
    _add_to_search(db, identity, now, text, names=[*authors, *tags, str(now["section"] or "")])
    _add_older(db, key, now)


def _add_older(db: Database, key: str, now: dict[str, object]) -> None:
    """Make the wordings found that an article showed before; one that was found already says what it said."""
    db.execute("DELETE FROM search_older WHERE rowid = ?", [now["id"]])
    older = db.query(
        "SELECT * FROM versions WHERE article = ? AND id <> ? AND id NOT IN"
        " (SELECT rowid FROM search_older WHERE rowid IN (SELECT id FROM versions WHERE article = ?))",
        [key, now["id"], key],
    )
    for version in list(older):
        names = [*json.loads(str(version["authors"])), *json.loads(str(version["tags"])), str(version["section"] or "")]
        _add_to_search(db, int(str(version["id"])), version, str(version["text"]), names=names, table="search_older")


def _of_image(image: dict[str, object]) -> tuple[object, ...]:
    return tuple(image.get(name) for name in ("url", "alt", "caption", "credit", "width", "height"))


def _remove_article(db: Database, identity: int) -> None:
    for table, column in (
        ("search", "rowid"),
        ("article_authors", "article"),
        ("article_tags", "article"),
        ("images", "article"),
    ):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", [identity])
    db.execute("DELETE FROM articles WHERE id = ?", [identity])


def _belongs_elsewhere(db: Database, key: str, version: dict[str, object]) -> bool:
    """Whether this page is part or copy of another article: a continuation, or rel=canonical with the same title."""
    if version["first_page"] and _current(db, str(version["first_page"])):
        return True
    canonical = version["canonical"]
    if not canonical or str(canonical).partition(")")[0] != key.partition(")")[0]:
        return False
    target = _current(db, str(canonical))
    return target is not None and target["title"] == version["title"]


def _continuations(db: Database, key: str, first: dict[str, object]) -> list[dict[str, object]]:
    keys = [
        row[0] for row in db.execute("SELECT DISTINCT article FROM versions WHERE first_page = ? AND page > 1", [key])
    ]
    pages = [page for page in (_current(db, part) for part in keys) if page and page["first_page"] == key]
    return sorted(pages, key=lambda page: (page["page"], page["article"]))


def _add_to_search(
    db: Database, identity: int, version: dict[str, object], text: str, *, names: list[str], table: str = "search"
) -> None:
    language = str(version["language"]) if version["language"] else None
    title = search_pairs(str(version["title"]), language)
    body = search_pairs(f"{version['lead'] or ''}\n{text}", language)
    others = search_pairs(" ".join(names), language)
    columns = [" ".join(term for _, term in pairs) for pairs in (title, body, others)]
    db.execute(f"INSERT INTO {table} (rowid, title, body, names) VALUES (?, ?, ?, ?)", [identity, *columns])
    db.conn.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", sorted({*title, *body, *others}))


def main() -> int:
    """`python -m archive.index ROOT`: follow the crawl whose pipe is our standard input."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.nice(19)
    directory = ArchiveDir(Path(sys.argv[1]))
    try:
        follow(directory, sys.stdin.buffer)
    except (sqlite3.Error, OSError, MuragatError) as error:
        print(f"{directory.db}: {error}; nothing is lost, `muragat index` goes on from the WARCs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

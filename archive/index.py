"""WARC → rows: the one path from bytes to the database, for a running crawl, a rebuild and an import alike.

First facts, per capture, in any order; then what needs other captures (which wording is current, since when a page is
gone, which pages are one article), derived by SQL from all captures of the articles touched. The place reached in each
WARC moves in the same transaction as its rows: an indexer can be killed at any byte and run again, with one result.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO

from sqlite_utils import Database

from archive import hidden, manifest
from archive.config import ArchiveDir
from archive.derived import derive
from archive.errors import LockedError, MuragatError, WarcError
from archive.facts import FAILED, Rules, add_crawl, add_facts, extracted_from, read_kept
from archive.model import Capture, Extracted
from archive.schema import connect, immediate, load_capture
from archive.surt import urlkey
from archive.warc import CrawlNote, Damaged, Kept, read_payload, read_warc

logger = logging.getLogger(__name__)

BATCH = 100  # records a transaction: about 50 exchanges, with their requests (design: search)
FOLLOW_SECONDS = 1.0


@dataclass
class IndexReport:
    """What an indexing pass did."""

    warcs: int = 0
    captures: int = 0
    articles: int = 0  # captures read as an article
    unread: int = 0  # captures whose page broke the reader; their rows say how
    damaged: list[str] = field(default_factory=list)  # what could not be read: file, offset, why


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
        with hidden.unchanging(directory):  # or what was hidden during the rebuild would be shown again
            _bring_in_hidden(directory, fresh)
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


def _bring_in_hidden(directory: ArchiveDir, database: Path) -> None:
    db = connect(database)
    try:
        hidden.bring_in(db, directory.hidden)
    finally:
        db.conn.close()


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
        hidden.bring_in(db, directory.hidden)  # before any row that they withdraw
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
        read = [(kept, read_kept(kept, rules)) for kept in batch if isinstance(kept, Kept)]
        with immediate(db):
            _move_checkpoint(db, name, since=start, to=batch[-1].end)
            for record in batch:
                if isinstance(record, CrawlNote):
                    add_crawl(db, name, record)
                elif isinstance(record, Damaged):
                    db.execute("UPDATE warcs SET damaged = damaged + 1 WHERE filename = ?", [name])
                    report.damaged.append(str(record.error))
                    logger.warning("%s", record.error)
            touched = {key for kept, extracted in read for key in add_facts(db, kept.capture, extracted, rules)}
            derive(db, touched)
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
        derive(db, keys)


def _move_checkpoint(db: Database, name: str, *, since: int, to: int) -> None:
    moved = db.execute(
        "UPDATE warcs SET indexed_to = ? WHERE filename = ? AND indexed_to = ?", [to, name, since]
    ).rowcount
    if moved != 1:
        raise MuragatError(f"{name}: another indexer moved its checkpoint; run `muragat index` again")


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
            derive(db, {key for _, _, key, _ in batch})


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
            read.append((capture, extracted_from(payload, seen, rules)))
        with immediate(db):
            derive(db, {key for capture, extracted in read for key in add_facts(db, capture, extracted, rules)})
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

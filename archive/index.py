"""WARC → rows: the one path from bytes to the database, for a running crawl, a rebuild and an import alike.

First facts, per capture, in any order; then what needs other captures (which wording is current, since when a page is
gone, which pages are one article), derived by SQL from all captures of the articles touched. The place reached in each
WARC moves in the same transaction as its rows: an indexer can be killed at any byte and run again, with one result.

What is slow, reading pages, is in archive/reading.py, and is done by other processes where there is much of it
(archive/workers.py); rows are written by this one alone. A rebuild is archive/rebuild.py.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO

from sqlite_utils import Database

from archive import manifest
from archive.config import ArchiveDir
from archive.derived import derive
from archive.errors import LockedError, MuragatError, WarcError, WarcReadError
from archive.facts import FAILED, Rules, add_crawl, add_facts, forget_reading, forget_warc
from archive.hidden_log import bring_in, lost_line
from archive.model import Capture, Extracted, PageKind, RecordType
from archive.reading import BATCH, Again, Read
from archive.schema import connect, define_urlkey, immediate, load_capture
from archive.warc import CrawlNote, Damaged, Kept, member_at, members, open_warc, read_record, size_of
from archive.workers import Readers

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0
LOCK_SECONDS = 600


@dataclass
class IndexReport:
    """What an indexing pass did."""

    warcs: int = 0
    captures: int = 0
    articles: int = 0  # captures read as an article
    again: int = 0  # captures that were rows and were read again, because the rules have changed
    unread: int = 0  # captures whose page broke the reader; their rows say how
    damaged: list[str] = field(default_factory=list)  # what could not be read: file, offset, why
    changed: list[str] = field(default_factory=list)  # WARCs that are gone, or not as long as when they were closed
    hidden_lost: list[str] = field(default_factory=list)  # addresses that stay hidden though hidden.jsonl lost them
    notes: list[str] = field(default_factory=list)  # what else a person should know


def index_archive(directory: ArchiveDir, *, jobs: int | None = None) -> IndexReport:
    """Index what the WARCs hold beyond their checkpoints. Waits for another indexer to end first.

    Where much is waiting it is read by `jobs` processes; None: one for each core that this process may use.
    """
    report = IndexReport()
    with hold(directory, "index"):
        index_into(directory, directory.db, Rules(directory.all_sites()), report, jobs=jobs)
    return report


def index_stale(directory: ArchiveDir, *, jobs: int | None = None) -> IndexReport:
    """Read again, in place, what was read by other rules than today's; and index what is not indexed yet.

    When it is killed half way, the next run of any indexer goes on with it.
    """
    report, rules = IndexReport(), Rules(directory.all_sites())
    with hold(directory, "index"):
        db = connect(directory.db)
        try:
            _mark_stale(db, rules)
        finally:
            db.conn.close()
        index_into(directory, directory.db, rules, report, jobs=jobs)
    return report


# Captures by what their rules depend on; `host` is the beginning of their urlkeys.
_RULED = "SELECT site, rules, substr(urlkey, 1, instr(urlkey, ')')) AS host, max(url), count(*) FROM captures"


def _mark_stale(db: Database, rules: Rules) -> None:
    groups = db.execute(f"{_RULED} WHERE rules NOT NULL GROUP BY 1, 2, 3").fetchall()
    stale = [(site, digest, host) for site, digest, host, url, _ in groups if not rules.are_of(url, site, digest)]
    db.execute("CREATE TEMP TABLE stale (site TEXT, rules TEXT, host TEXT)")
    db.conn.executemany("INSERT INTO stale VALUES (?, ?, ?)", stale)
    db.execute("CREATE INDEX temp.stale_host ON stale (host)")
    with immediate(db):
        db.execute(
            "UPDATE captures SET rules = NULL WHERE EXISTS (SELECT 1 FROM stale s WHERE s.rules = captures.rules"
            " AND s.site IS captures.site AND s.host = substr(urlkey, 1, instr(urlkey, ')')))"
        )


def count_stale(db: Database, directory: ArchiveDir) -> int:
    """How many captured pages were read by other rules than today's."""
    rules = Rules(directory.all_sites())
    rows = db.execute(f"{_RULED} WHERE kind IS NOT NULL AND content_type LIKE '%html%' GROUP BY 1, 2, 3")
    return sum(pages for site, digest, _, url, pages in rows if not rules.are_of(url, site, digest))


def follow(directory: ArchiveDir, parent: IO[bytes]) -> IndexReport:
    """Index what a crawl writes, seconds after it wrote it, until `parent` is closed; then once more to the end.

    `parent` is a pipe from the crawl: it closes when the crawl ends, however it ends. While another indexer is at work
    nothing is missed: it is waited for in the last pass only.
    """
    total, open_ended, first = IndexReport(), True, True
    while open_ended:
        readable, _, _ = select.select([parent], [], [], FOLLOW_SECONDS)
        open_ended = not readable or bool(os.read(parent.fileno(), 1))
        report = IndexReport()
        try:
            with hold(directory, "index", seconds=0 if open_ended else LOCK_SECONDS):
                index_into(directory, directory.db, Rules(directory.all_sites()), report, jobs=1, settle=first)
        except LockedError:
            if open_ended:
                continue
            raise
        first = False
        total.captures += report.captures
        total.articles += report.articles
        total.damaged += [line for line in report.damaged if line not in total.damaged]
        if set(report.hidden_lost) - set(total.hidden_lost):
            total.hidden_lost = report.hidden_lost
            logger.warning("%s", lost_line(report.hidden_lost))
    return total


@contextmanager
def hold(directory: ArchiveDir, name: str, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """One indexer per archive ("index"), one rebuild ("rebuild"). Raises LockedError after so many seconds."""
    directory.locks.mkdir(exist_ok=True)
    deadline = time.monotonic() + seconds
    with (directory.locks / f"{name}.lock").open("a+") as file:
        while not _is_ours(file):
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"{directory.root}: another process has been at its {name} for {seconds / 60:.0f} minutes;"
                    " try again when it ends"
                )
            time.sleep(0.1)
        yield


def _is_ours(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def index_into(
    directory: ArchiveDir,
    database: Path,
    rules: Rules,
    report: IndexReport,
    *,
    jobs: int | None = None,
    settle: bool = True,
) -> None:
    """Bring a database up to the WARCs; whoever calls holds its lock.

    Without `settle`, what waits for other captures is looked for only when there are new ones, and files that changed
    are not told of.
    """
    names = {path.name.removesuffix(".open") for path in directory.warcs.glob("*.warc.gz*") if ".torn" not in path.name}
    db = connect(database)
    try:
        lost = bring_in(db, directory.hidden)  # before any row that they withdraw
        report.hidden_lost = [page.url for page in lost]
        places = {name: _checkpoint(db, directory, name) for name in _unfinished(db, directory, names)}
        with Readers(directory, rules, jobs=jobs, of=database.name) as readers:
            _read_on(db, readers, places, rules, report)
            if settle or report.captures:
                _settle_digests(db)
                _read_waiting(db, readers, rules, report)
                _read_again(db, readers, rules, report)
        _note_closed(db, directory)
        if settle:
            report.changed = list(_changed(db, directory))
    finally:
        db.conn.close()
    report.warcs = len(names)


def _read_on(db: Database, readers: Readers, places: dict[str, int], rules: Rules, report: IndexReport) -> None:
    """Turn what WARCs hold beyond these places into rows; whole batches or nothing."""
    for name, start, reads in readers.read_on(dict(places)):
        if isinstance(reads, WarcError):
            _note_damage(report, reads)
        elif (
            reads and places[name] == start
        ):  # else what lies before it could not be read, and the next run begins there
            places[name] = reads[-1].record.end
            with immediate(db):
                _move_checkpoint(db, name, since=start, to=places[name])
                _write(db, name, reads, rules, report)
            report.captures += sum(isinstance(read.record, Kept) for read in reads)


def _write(db: Database, name: str | None, reads: list[Read], rules: Rules, report: IndexReport) -> None:
    """The rows of these records; `name`: of the WARC, where they are read for the first time."""
    touched = set[str]()
    for read in reads:
        if isinstance(read.record, Kept):
            touched |= _add(db, read, read.record.capture, rules)
        elif isinstance(read.record, CrawlNote) and name:
            add_crawl(db, name, read.record)
        elif isinstance(read.record, Damaged):
            if name:
                db.execute("UPDATE warcs SET damaged = damaged + 1 WHERE filename = ?", [name])
            _note_damage(report, read.record.error)
    derive(db, touched)
    extracted = [read.extracted for read in reads if read.extracted]
    report.articles += sum(1 for one in extracted if one.article)
    report.unread += sum(1 for one in extracted if one.reason.startswith(FAILED))


def _add(db: Database, read: Read, capture: Capture, rules: Rules) -> set[str]:
    """The rows of one capture; of one whose page says what no row can hold, a row that says so."""
    try:
        return add_facts(db, capture, read.extracted, rules)
    except (ValueError, OverflowError, sqlite3.InterfaceError) as error:
        logger.exception("%s at %s could not be kept as it was read", capture.url, capture.captured_at)
        reason = f"{FAILED}{type(error).__name__}: no row can hold it"
        return add_facts(db, capture, Extracted(kind=PageKind.OTHER, reason=reason), rules)


def _note_damage(report: IndexReport, error: WarcError) -> None:
    if str(error) not in report.damaged:
        report.damaged.append(str(error))
        logger.warning("%s", error)


def _unfinished(db: Database, directory: ArchiveDir, names: set[str]) -> Iterator[str]:
    """The WARCs in which there may be more to read than is indexed. One that is rows and gone is none of them."""
    known = {name: (to, size) for name, to, size in db.execute("SELECT filename, indexed_to, size_bytes FROM warcs")}
    for name in sorted(names):
        size, (indexed_to, closed) = size_of(directory.warcs, name), known.get(name, (0, None))
        if not indexed_to or (size is not None and not size == indexed_to == closed):
            yield name


def _changed(db: Database, directory: ArchiveDir) -> Iterator[str]:
    """What is to be said of files that are rows and no longer what they were."""
    for name, closed in db.execute("SELECT filename, size_bytes FROM warcs WHERE indexed_to > 0 ORDER BY 1").fetchall():
        size = size_of(directory.warcs, name)
        if size is None:
            yield f"{name} is gone from {directory.warcs}; its rows stay"
        elif closed is not None and size != closed:
            yield f"{name} has {size} bytes; it had {closed} when it was closed"


def _checkpoint(db: Database, directory: ArchiveDir, name: str) -> int:
    """Where to go on in a WARC. One that is no longer what was indexed is read again from its start."""
    row = db.execute("SELECT indexed_to FROM warcs WHERE filename = ?", [name]).fetchone()
    if row is None:
        with immediate(db):
            db.execute("INSERT OR IGNORE INTO warcs (filename, indexed_to, damaged) VALUES (?, 0, 0)", [name])
        return 0
    place, size = int(row[0]), size_of(directory.warcs, name)
    if not place or size is None or size == place:
        return place
    if size < place:
        logger.warning("%s is shorter than what was indexed of it; it is indexed again from its start", name)
    elif not (directory.warcs / name).exists() or _begins_as_indexed(db, directory, name, place):
        return place  # a crawl that writes to a file only adds to it
    else:
        logger.warning("%s is another file than the one that was indexed; it is indexed again from its start", name)
    with immediate(db):
        derive(db, forget_warc(db, name))
    return 0


def _begins_as_indexed(db: Database, directory: ArchiveDir, name: str, place: int) -> bool:
    """Whether the last record that is a row still stands in its place; without one, whether a record ends there."""
    last = db.execute('SELECT max("offset") FROM captures WHERE warc = ?', [name]).fetchone()[0]
    if last is None:
        with open_warc(directory.warcs, name) as file:
            ends = (member.end for member in members(file, name, keep=False))
            return next((end for end in ends if end >= place), None) == place
    row = load_capture(db, name, last)
    try:
        record = read_record(member_at(directory.warcs, name, last), name)
    except WarcReadError:
        return False
    if not isinstance(record, Kept):
        return False
    found = record.capture
    if row.record_type is RecordType.REVISIT:  # it has the digest that it means, not the one that it states
        found = replace(found, payload_digest=row.payload_digest)
    return (found.url, found.captured_at, found.length, found.record_type, found.payload_digest) == (
        row.url,
        row.captured_at,
        row.length,
        row.record_type,
        row.payload_digest,
    )


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
     WHERE o.urlkey = urlkey(r.refers_to_url) AND o.captured_at = r.refers_to_at AND o.url = r.refers_to_url
     AND o.record_type IN ('response', 'resource')),
    r.stated_digest) AS meant
FROM captures r WHERE r.stated_digest IS NOT NULL AND r.record_type = 'revisit' AND meant <> r.payload_digest
"""


def _settle_digests(db: Database) -> None:
    """Give the revisits of other tools the digest under which we know their payload."""
    define_urlkey(db)
    changed = db.execute(_MEANT).fetchall()
    for start in range(0, len(changed), BATCH):
        batch = changed[start : start + BATCH]
        with immediate(db):
            for warc, offset, _, meant in batch:  # `_read_waiting` reads the right one
                forget_reading(db, warc, offset, digest=meant)
            derive(db, {key for _, _, key, _ in batch})


# Revisits whose payload is held by a capture that is a row by now.
_WAITING = """
SELECT r.warc, r.offset FROM captures r WHERE r.record_type = 'revisit' AND r.kind IS NULL
AND (r.status = 200 AND r.content_type LIKE '%html%' OR r.status IS NULL)
AND EXISTS (SELECT 1 FROM captures o WHERE o.payload_digest = r.payload_digest AND o.truncated IS NULL
    AND (o.record_type = 'response' OR o.record_type = 'resource')
    AND (r.status = 200 OR o.status = 200 AND o.content_type LIKE '%html%'))
"""


def _read_waiting(db: Database, readers: Readers, rules: Rules, report: IndexReport) -> None:
    waiting = sorted(db.execute(_WAITING).fetchall())
    for reads in readers.read_again(_tasks(db, waiting), pages=len(waiting)):
        with immediate(db):
            _write(db, None, reads, rules, report)


def _read_again(db: Database, readers: Readers, rules: Rules, report: IndexReport) -> None:
    """Read the captures that are marked for it. What one of them shows by now may have another one marked."""
    read_before = -1
    while read_before < report.again:
        read_before = report.again
        marked = int(db.execute("SELECT count(*) FROM captures WHERE rules IS NULL").fetchone()[0])
        for reads in readers.read_again(_tasks(db, _marked(db)), pages=marked):
            with immediate(db):
                _write(db, None, reads, rules, report)
            report.again += sum(isinstance(read.record, Kept) for read in reads)


def _marked(db: Database) -> Iterator[tuple[str, int]]:
    after: tuple[str, int] = ("", -1)
    while rows := db.execute(
        "SELECT warc, offset FROM captures WHERE rules IS NULL AND (warc, offset) > (?, ?)"
        " ORDER BY warc, offset LIMIT 10000",
        after,
    ).fetchall():
        yield from rows
        after = rows[-1]


def _tasks(db: Database, positions: Iterable[tuple[str, int]]) -> Iterator[Again]:
    rest = iter(positions)
    while batch := [load_capture(db, warc, offset) for warc, offset in islice(rest, BATCH // 2)]:
        yield Again(tuple((capture, _holder(db, capture)) for capture in batch))


def _holder(db: Database, capture: Capture) -> Capture | None:
    """The capture that holds the payload of this one: itself, or, of a revisited page, the earliest that has it."""
    if capture.record_type in (RecordType.RESPONSE, RecordType.RESOURCE):
        return capture
    if capture.record_type is not RecordType.REVISIT:
        return None
    if capture.status not in (None, 200) or (capture.status and "html" not in capture.content_type):
        return None
    # A revisit without HTTP head has no status: that of the capture that holds its payload counts.
    found = db.execute(
        "SELECT warc, offset FROM captures WHERE payload_digest = ? AND record_type IN ('response', 'resource')"
        " AND truncated IS NULL AND (? = 200 OR status = 200 AND content_type LIKE '%html%')"
        " ORDER BY captured_at, warc, offset LIMIT 1",
        [capture.payload_digest, capture.status],
    ).fetchone()
    return load_capture(db, *found) if found else None


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

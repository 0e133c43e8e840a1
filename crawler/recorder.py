"""Every exchange into a WARC: one open file per crawl process, rolled at a size or age, `.open` until it is closed.

A body that is already held becomes a revisit, across URLs and across crawls: `payloads` in frontier.db says where each
digest lies. A write that fails stops the crawl: it is raised, and kept in `failure` for whoever must stop.
"""

from __future__ import annotations

import glob
import logging
import socket
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import MuragatError, WarcWriteError
from archive.model import Capture, Exchange, RecordType
from archive.spool import Spool
from archive.warc import Answer, Original, WarcWriter, parse_warc_date, repair, warc_date
from crawler.resolver import is_private

logger = logging.getLogger(__name__)


class Recorder:
    """Keeps exchanges in WARC files of one series: `PREFIX-TIMESTAMP14-SERIAL-HOST.warc.gz`."""

    def __init__(
        self,
        directory: ArchiveDir,
        frontier_db: sqlite3.Connection,
        *,
        prefix: str,
        info: Mapping[str, str],
        roll_bytes: int,
        roll_age: timedelta = timedelta(days=1),
        spool_bytes: int = 1024 * 1024,
        allow_private: tuple[str, ...] = (),
    ) -> None:
        self._directory = directory
        self._db = frontier_db
        self._prefix = prefix
        self._info = info
        self._roll_bytes = roll_bytes
        self._roll_age = roll_age
        self.spool_bytes = spool_bytes  # what of an answer may lie in memory
        self._allow_private = frozenset(allow_private)
        self._writer: WarcWriter | None = None
        self._opened_at = datetime.min.replace(tzinfo=UTC)
        self._tls_noted: set[str] = set()  # host:port, in the open file
        self._serial = 0
        self._fresh: dict[str, tuple[str, str, str, bool]] = {}  # payloads not yet in frontier.db
        self._handled: dict[str, tuple[str, str, int]] = {}  # URL → digest, WARC and offset of what is being handled
        self.held_at: Callable[[str], str | None] = lambda url: None  # URL → digest of its last whole answer
        self._dirty = False
        self.captures = 0
        self.revisits = 0
        self.bytes_received = 0
        self.warcs: list[str] = []
        self.head: str | None = None  # of the manifest's chain, after closing
        self.failure: MuragatError | None = None  # what stops the crawl

    # ------------------------------------------------------------ what the wire calls

    def may_connect(self, host: str, port: int) -> bool:
        """Private addresses only where the site's profile names them, host and port."""
        literal = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return not is_private(host) or literal in self._allow_private

    def keep(self, exchange: Exchange) -> None:
        """Write an exchange; it is in the file, though not yet on the disk, when this returns."""
        self._refuse_after_failure()
        try:
            capture = self._write(exchange)
            self._note_tls(exchange)
        except WarcWriteError as error:
            self.failure = error
            raise
        self.captures += 1
        self.revisits += capture.record_type is RecordType.REVISIT
        self.bytes_received += exchange.received_bytes
        self._handled[exchange.url] = (capture.payload_digest, capture.warc, capture.offset)

    def keep_failure(self, url: str, *, at: datetime, error: str) -> None:
        """Note a fetch that got no answer."""
        self._refuse_after_failure()
        try:
            self._open().write_failure(url, at=at, error=error)
        except WarcWriteError as wrong:
            self.failure = wrong
            raise
        self._dirty = True

    def spool(self) -> Spool:
        """A file for a body too large for memory: beside the WARCs, where there is room for it. Raises OSError."""
        return Spool(self._directory.root)

    def cannot_spool(self, url: str, error: OSError) -> MuragatError:
        """The disk refused a body: nothing more is kept, and the crawl stops."""
        if self.failure is None:
            self.failure = MuragatError(
                f"{url}: its body cannot be written to {self._directory.root}: {error.strerror};"
                " make room, then crawl again"
            )
        return self.failure

    # ------------------------------------------------------------ what the crawl calls

    def take_digest(self, url: str) -> str | None:
        """The payload digest of the exchange just kept for this URL, which is handled now."""
        handled = self._handled.pop(url, None)
        return handled[0] if handled else None

    def tail(self) -> tuple[str, int] | None:
        """The WARC and the offset in it before which all that is kept has been handled."""
        if self._handled:
            return min((warc, offset) for _, warc, offset in self._handled.values())
        return (self._writer.name, self._writer.size) if self._writer else None

    def recover(self, digest: str, url: str, captured_at: datetime, *, chunked: bool) -> None:
        """A whole body that a crawl which died kept, and did not note."""
        self._fresh.setdefault(digest, (digest, url, warc_date(captured_at), chunked))

    def leftovers(self, tail: tuple[str, int] | None) -> list[tuple[str, int]]:
        """The closed WARCs of this series from `tail` on, each with the offset to read from."""
        series = sorted(path.name for path in self._directory.warcs.glob(self._series()))
        if tail is None:
            return [(name, 0) for name in series[-1:]]
        return [(name, tail[1] if name == tail[0] else 0) for name in series if name >= tail[0]]

    def sync(self) -> list[tuple[str, str, str, bool]]:
        """Return when everything kept so far is on the disk; the rows for `payloads` that may now be committed."""
        if self._writer and self._dirty:
            try:
                self._writer.sync()
            except WarcWriteError as error:
                self.failure = error
                raise
            self._dirty = False
        return list(self._fresh.values())

    def forget_fresh(self) -> None:
        """The rows that `sync()` returned are committed."""
        self._fresh.clear()

    def close(self, *, crawl: str, reason: str, counts: Mapping[str, str]) -> None:
        """End the crawl in the log, close the file and chain it."""
        if self._writer is None:
            return
        at = datetime.now(UTC)
        try:
            self._writer.write_crawl_end(crawl, at=at, fields={"finished": warc_date(at), "reason": reason, **counts})
            self._close_file()
        except WarcWriteError as error:
            self.failure = error
            raise

    def repair_leftovers(self) -> list[str]:
        """Close what a crawl that died left open, cut to its last whole record; what was done, a line a file."""
        try:
            return self._repair_leftovers()
        except OSError as error:
            raise MuragatError(
                f"{self._directory.root}: the WARC of a crawl that died cannot be closed: {error.strerror};"
                " make room, then crawl again"
            ) from error

    def _repair_leftovers(self) -> list[str]:
        done = []
        series = self._series()
        for path in sorted(self._directory.warcs.glob(f"{series}.open")):
            name = path.name.removesuffix(".open")
            torn = repair(self._directory.warcs, name)
            kept = f", {torn} torn bytes kept aside in {name}.torn" if torn else ""
            done.append(f"{name}: left open by a crawl that died; closed at its last whole record{kept}")
        # A crawl can also die between closing a file and chaining it.
        chained = {entry.name for entry in manifest.read(self._directory.manifest)}
        for path in sorted(self._directory.warcs.glob(series)):
            if path.name not in chained:
                digest = manifest.hash_file(path)
                manifest.append(
                    self._directory.manifest, path, sha256_hex=digest, at=datetime.now(UTC), event="repaired"
                )
        return done

    def _series(self) -> str:
        """The whole form of our names: the series of a site `a` is not that of a site `a-b`, which may be running."""
        return f"{glob.escape(self._prefix)}-{'[0-9]' * 14}-{'[0-9]' * 5}-*.warc.gz"

    def _refuse_after_failure(self) -> None:
        """Once a write failed nothing more is written: a record behind a torn one is lost for every reader."""
        if self.failure:
            raise self.failure

    # ------------------------------------------------------------ the file

    def _write(self, exchange: Exchange) -> Capture:
        answer = Answer.of(exchange)
        digest, original = answer.payload_digest, None
        # Only whole 200s are referred to, and refer: what replays must be what was sent.
        whole = answer.http.status == 200 and answer.has_body and exchange.truncated is None
        if whole:
            original = self._held(digest)
        elif answer.http.status == 304 and (held := self.held_at(exchange.url)) is not None:
            original = self._held(held)
        capture = self._open().write_exchange(exchange, original=original, answer=answer)
        self._dirty = True
        if whole and original is None:
            self._fresh[digest] = (digest, exchange.url, warc_date(exchange.captured_at), answer.http.chunked)
        return capture

    def _note_tls(self, exchange: Exchange) -> None:
        """Once per host and file: each file can be judged alone."""
        if exchange.tls is None or self._writer is None:
            return
        host = urlsplit(exchange.url).netloc.rpartition("@")[2]
        if host not in self._tls_noted:
            self._tls_noted.add(host)
            self._writer.write_tls(host, exchange.tls, at=exchange.captured_at, ip_address=exchange.ip_address)

    def _held(self, digest: str) -> Original | None:
        row = (
            self._fresh.get(digest)
            or self._db.execute(
                "SELECT digest, url, captured_at, chunked FROM payloads WHERE digest = ?", (digest,)
            ).fetchone()
        )
        return Original(row[1], parse_warc_date(row[2]), bool(row[3])) if row else None

    def _open(self) -> WarcWriter:
        now = datetime.now(UTC)
        if self._writer and (self._writer.size >= self._roll_bytes or now - self._opened_at >= self._roll_age):
            self._close_file()
        if self._writer is None:
            self._directory.warcs.mkdir(exist_ok=True)
            host = socket.gethostname().partition(".")[0] or "localhost"
            while True:
                name = f"{self._prefix}-{now:%Y%m%d%H%M%S}-{self._serial:05d}-{host}.warc.gz"
                self._serial += 1
                if not any((self._directory.warcs / taken).exists() for taken in (name, f"{name}.open")):
                    break
            self._writer = WarcWriter(self._directory.warcs / name, info=self._info, now=now)
            self._opened_at = now
            self._tls_noted.clear()
            self.warcs.append(name)
            logger.info("WARC opened: %s", name)
        return self._writer

    def _close_file(self) -> None:
        writer, self._writer = self._writer, None
        assert writer is not None
        try:
            digest = writer.close()
            self.head = manifest.append(self._directory.manifest, writer.path, sha256_hex=digest, at=datetime.now(UTC))
        except OSError as error:
            raise WarcWriteError(
                writer.name, writer.size, f"cannot be closed: {error.strerror}; make room, then crawl again"
            ) from error
        logger.info("WARC closed: %s, %d captures, %d revisits", writer.name, writer.captures, writer.revisits)

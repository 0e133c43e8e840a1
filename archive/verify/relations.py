"""What records say of one another: requests of their responses, revisits of the payload they refer to.

Gathered while the files pass, in a temporary database on disk, so that an archive of any size can be checked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from archive.verify.findings import Finding, Kind, Report
from archive.verify.records import Record, canonical

_BATCH = 2000


class Relations:
    """Payloads held and payloads referred to; records of other tools and what they were concurrent to."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")  # a file of its own without a name
        self._db.execute("CREATE TABLE held (key INTEGER PRIMARY KEY)")
        self._db.execute("CREATE TABLE wanted (file TEXT, offset INTEGER, digest TEXT, url TEXT, at TEXT)")
        self._db.execute("CREATE TABLE concurrent (file TEXT, offset INTEGER, key INTEGER, id TEXT)")
        self._keys: list[tuple[int]] = []
        self._others: set[str] = set()  # files of others: what they refer to may never have been imported

    def add(self, name: str, record: Record, *, ours: bool) -> None:
        """Note one record. Of ours, requests were checked by their place."""
        for digest in record.held:
            self._hold("payload", digest)
        if record.held:
            self._hold("capture", record.url, record.captured_at)
        if record.kind == "revisit":
            url, at = record.refers_to or ("", "")
            if record.payload_digest or url:
                digest = canonical(record.payload_digest)
                self._db.execute("INSERT INTO wanted VALUES (?, ?, ?, ?, ?)", (name, record.offset, digest, url, at))
        if not ours:
            self._others.add(name)
            self._hold("record", record.record_id)
            for other in record.concurrent_to:
                row = (name, record.offset, _key("record", other), other)
                self._db.execute("INSERT INTO concurrent VALUES (?, ?, ?, ?)", row)

    def check(self, report: Report) -> None:
        """Add what is referred to and not there."""
        self._flush()
        for name, offset, digest, url, at in self._db.execute("SELECT * FROM wanted ORDER BY file, offset"):
            if digest and self._holds("payload", digest):
                continue
            known = bool(url) and self._holds("capture", url, at)
            if not digest and known:
                continue  # a 304 names the capture it confirms, and no payload
            target = f"{url} of {at}" if url else "no capture by name"
            if known:
                message = f"refers to {target}, whose payload is not the {digest} it names"
            else:
                message = f"refers to {target}, and no whole record of the archive holds its payload {digest}".rstrip()
            self._say(report, Finding(Kind.REVISIT, name, offset, message))
        missing = self._db.execute(
            "SELECT file, offset, id FROM concurrent WHERE key NOT IN (SELECT key FROM held) ORDER BY file, offset"
        )
        for name, offset, other in missing:
            message = f"was recorded together with {other}, which is not in the archive"
            self._say(report, Finding(Kind.REQUEST, name, offset, message))

    def _say(self, report: Report, finding: Finding) -> None:
        if finding.file in self._others:
            report.notes.append(f"{finding} (an import, perhaps of a part)")
        else:
            report.findings.append(finding)

    def close(self) -> None:
        """Give the room back."""
        self._db.close()

    def _hold(self, *what: str) -> None:
        self._keys.append((_key(*what),))
        if len(self._keys) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._db.executemany("INSERT OR IGNORE INTO held VALUES (?)", self._keys)
        self._keys.clear()

    def _holds(self, *what: str) -> bool:
        return self._db.execute("SELECT 1 FROM held WHERE key = ?", (_key(*what),)).fetchone() is not None


class Pairs:
    """Of a file of ours: each response or revisit is followed by its request."""

    def __init__(self) -> None:
        self._response: Record | None = None
        self._after_damage = False  # what was damaged may be the other half

    def add(self, record: Record) -> Iterable[tuple[int, str]]:
        """What the next record shows to be missing: offset and words."""
        if record.kind == "request":
            response, self._response = self._response, None
            if response is None and self._after_damage:
                self._after_damage = False
            elif response is None or response.record_id not in record.concurrent_to:
                if response:
                    yield response.offset, f"the request of this {response.kind} does not follow it"
                other = ", ".join(record.concurrent_to) or "nothing"
                yield record.offset, f"this request follows no response of its own (it names {other})"
        elif record.kind in ("response", "revisit"):
            yield from self.end()
            self._response = record
            self._after_damage = False

    def skip(self) -> None:
        """A stretch that cannot be read."""
        self._response = None
        self._after_damage = True

    def end(self) -> Iterable[tuple[int, str]]:
        """Nothing follows, or another exchange does."""
        if self._response:
            yield self._response.offset, f"the request of this {self._response.kind} does not follow it"
        self._response = None


def _key(*what: str) -> int:
    return hash(what)  # salted anew in every process: nobody can prepare two captures of one key

"""What `verify` found: findings by file and offset, and what was counted on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MANIFEST = "manifest.jsonl"
SIGNATURES = "manifest.sig"
HIDDEN = "hidden.jsonl"


class Kind(StrEnum):
    """What is wrong."""

    CHAIN_BROKEN = "chain-broken"  # a line does not follow the line before: one was changed or removed
    CHAIN_INSERTED = "chain-inserted"
    CHAIN_REORDERED = "chain-reordered"
    CHAIN_DAMAGED = "chain-damaged"  # a line that is none, or is cut
    CHAIN_MISSING = "chain-missing"  # there are closed files, and no manifest.jsonl
    HEAD_UNKNOWN = "head-unknown"  # the chain does not contain the head that was noted elsewhere
    SIGNATURE = "signature"  # none by this key, one that is false, or one over a head the chain does not contain
    FILE_MISSING = "file-missing"
    FILE_CHANGED = "file-changed"  # not the bytes that were closed
    FILE_UNCHAINED = "file-unchained"  # closed, but no line names it
    FILE_UNREADABLE = "file-unreadable"
    FILE_CUT = "file-cut"  # the last record does not end
    MEMBER_DAMAGED = "member-damaged"  # gzip: head, deflated content, checksum or length
    RECORD_DAMAGED = "record-damaged"  # not a WARC record, or its length is wrong
    BLOCK_DIGEST = "block-digest"
    PAYLOAD_DIGEST = "payload-digest"
    RECORD_ORDER = "record-order"  # records changed places
    RECORD_MOVED = "record-moved"  # the record is there, at another offset than it was
    RECORD_REMOVED = "record-removed"  # a row says it was here, and it is nowhere in the file
    REQUEST = "request"  # a response without its request, or a request without its response
    REVISIT = "revisit"  # its payload is not held
    ROW_WITHOUT_RECORD = "row-without-record"
    RECORD_WITHOUT_ROW = "record-without-row"
    ROWS_UNREADABLE = "rows-unreadable"  # archive.db is damaged
    ROW_DIFFERS = "row-differs"  # row and record at one place do not say the same; or row and line of hidden.jsonl
    HIDDEN_LOST = "hidden-lost"  # a page is hidden by archive.db, and no line of hidden.jsonl says so


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    kind: Kind
    file: str
    offset: int | None  # bytes from the start of a WARC; the number of a line of a .jsonl file; None: the whole file
    message: str

    def __str__(self) -> str:
        if self.offset is None:
            return f"{self.file}: {self.message}"
        unit = "line" if self.file in (MANIFEST, SIGNATURES, HIDDEN) else "at byte"
        return f"{self.file} {unit} {self.offset}: {self.message}"


@dataclass
class Report:
    """What was checked, and every finding."""

    warcs: int = 0
    records: int = 0
    bytes: int = 0
    rows: int = 0
    links: int = 0  # lines of the chain
    head: str | None = None  # hash of its last line
    newer: int | None = None  # lines newer than the head that was asked for; None when none was, or it is not there
    signed: str | None = None  # the newest signature by the key that was asked for, in words
    # Payload digests of chunked bodies, by what they were made of. WARC 1.1 §6.3.2 means the first.
    conventions: dict[str, int] = field(
        default_factory=lambda: {"without chunk framing": 0, "with chunk framing": 0, "not framed": 0}
    )
    unchecked: int = 0  # digests of a kind that we do not compute
    in_flight: int = 0  # records without a row yet, because a crawl is running
    notes: list[str] = field(default_factory=list)  # what could not be compared, and what was so when it was imported
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: Kind, file: str, offset: int | None, message: str) -> None:
        """One more finding."""
        self.findings.append(Finding(kind, file, offset, message))

"""The end of a WARC whose crawl died: answers that are kept and whose leases never ended.  Read once, at the start.

Without this, each SIGKILL would have the last second's pages fetched, and kept, twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archive.errors import MuragatError
from archive.model import Payload
from archive.warc import (
    HttpHead,
    Member,
    dechunk,
    digest_of,
    members,
    open_warc,
    parse_head,
    parse_record,
    parse_warc_date,
    split_response,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One whole answer as it was kept."""

    url: str
    at: datetime
    http: HttpHead
    body: bytes | None  # content coding undone; None: its bytes are held elsewhere, this was a revisit
    payload_digest: str


def read_tail(folder: Path, leftovers: Iterable[tuple[str, int]], *, urls: Collection[str]) -> Iterator[Answered]:
    """The last whole answer of each of these URLs, in files named with the offset to begin at."""
    found = dict[str, Answered]()
    for name, start in leftovers:
        with open_warc(folder, name) as file:
            for member in members(file, name, start=start):
                if isinstance(member, Member) and (answer := _answer(member.content, urls)):
                    found[answer.url] = answer
    yield from found.values()


def _answer(content: bytes, urls: Collection[str]) -> Answered | None:
    try:
        return _read(content, urls)
    except (ValueError, MuragatError):  # damage, or a coding that nobody reads: it is fetched again
        return None


def _read(content: bytes, urls: Collection[str]) -> Answered | None:
    record = parse_record(content)
    url, kind = record.url("warc-target-uri"), record.get("warc-type")
    if kind not in ("response", "revisit") or url not in urls or record.get("warc-truncated"):
        return None
    head, rest = split_response(record.block)
    http = parse_head(head)
    digest, body = record.get("warc-payload-digest"), None
    if kind == "response":
        raw = dechunk(rest) if http.chunked else rest
        digest = digest_of(raw)
        coding = (http.get("content-encoding") or "").lower()
        body = Payload(body=raw, content_type=http.get("content-type") or "", content_encoding=coding).decoded()
    return Answered(url=url, at=parse_warc_date(record.get("warc-date")), http=http, body=body, payload_digest=digest)

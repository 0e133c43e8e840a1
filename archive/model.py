"""The nouns: what crossed the wire, what was kept of it, and what it says.  No I/O.

In the order a page travels: `Exchange` (bytes on the wire) → `Capture` (what was kept, and where) → `Payload` (the
entity body) → `Article` and `Finding` (what it says, and what somebody injected). All are frozen; times are UTC.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from archive.errors import MuragatError

# A decoded payload beyond this is cut: 8 times the largest article page in our samples' hosts, small against memory.
DECODED_LIMIT_BYTES = 64 * 1024 * 1024


class RecordType(StrEnum):
    """How a capture lies in the WARC (WARC 1.1 §6)."""

    RESPONSE = "response"
    REVISIT = "revisit"  # the payload is already held by the capture it refers to
    RESOURCE = "resource"  # a payload without HTTP head, as other tools write
    METADATA = "metadata"  # a fetch that got no answer: URL, time and error only


class Spooled(Protocol):
    """A body that lies on disk because it is large; `archive.spool` has the one implementation."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> bytes: ...

    def match(self, pattern: re.Pattern[bytes], position: int) -> re.Match[bytes] | None:
        """What the pattern matches at `position`."""

    def windows(self, start: int = 0, end: int | None = None) -> Iterator[memoryview]:
        """The bytes from `start` to `end` in pieces; each is valid until the next one is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How one connection was secured, as the handshake left it."""

    version: str  # "TLSv1.3"
    cipher: str  # OpenSSL's name
    certificates: tuple[bytes, ...]  # DER, the server's own first; as sent, trusted or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as bytes sent and received (RFC 9110 §3.4)."""

    url: str  # as requested, without fragment
    request: bytes  # head and body as sent
    response: bytes  # head and body as received, chunk framing included; interim 1xx answers left out
    captured_at: datetime  # when the request was sent; UTC
    ip_address: str | None
    truncated: str | None = None  # WARC-Truncated: "disconnect", "length" or "time"
    body: Spooled | None = None  # where it is large: the body as received, and `response` is the head alone
    tls: Tls | None = None  # None over plain HTTP

    @property
    def received_bytes(self) -> int:
        """How much was received, head and body."""
        return len(self.response) + (len(self.body) if self.body is not None else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What was kept of one exchange and where: one CDX line."""

    url: str  # as fetched
    urlkey: str  # SURT of `url`
    captured_at: datetime  # WARC-Date; UTC, to the microsecond
    status: int | None  # HTTP status; None when there was no answer
    content_type: str  # media type in lower case, without parameters; "" when there is none
    payload_digest: str  # "sha1:BASE32" of the body without chunk framing, still content-encoded (WARC 1.1 §5.9)
    record_type: RecordType
    warc: str  # final file name, never with ".open"
    offset: int  # bytes from the start of `warc` to this record's gzip member
    length: int  # bytes of that member, compressed
    refers_to_url: str | None = None  # for a revisit: the capture that holds the payload
    refers_to_at: datetime | None = None
    location: str | None = None  # where a redirect points, as sent
    error: str | None = None  # why there was no answer
    # As the record of another tool states it, where that is no SHA-1, or one with the chunk framing counted in.
    stated_digest: str | None = None
    truncated: str | None = None  # WARC-Truncated: why the record ends before the answer did


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The entity body of a response: chunk framing removed, content coding kept (WARC 1.1 §6.3.2)."""

    body: bytes
    content_type: str  # the header as sent, with its charset parameter; "" when there is none
    content_encoding: str  # lower case; "" when there is none

    def decoded(self, limit: int = DECODED_LIMIT_BYTES) -> bytes:
        """The body with gzip or deflate undone, cut at `limit` bytes; a damaged tail gives what came before it."""
        body = self.body
        for coding in reversed([part.strip() for part in self.content_encoding.split(",") if part.strip()]):
            if coding in ("gzip", "x-gzip"):
                body = _inflate(body, wbits=31, limit=limit)
            elif coding == "deflate":
                # Some servers send raw deflate, some the zlib wrapper; both are called "deflate".
                body = _inflate(body, wbits=15 if body[:1] == b"\x78" else -15, limit=limit)
            elif coding != "identity":
                raise UnknownCodingError(coding)
        return body[:limit]


class UnknownCodingError(MuragatError):
    """A content coding that we neither ask for nor read."""

    def __init__(self, coding: str) -> None:
        super().__init__(f"content coding {coding!r} is not one muragat reads; the bytes are kept as they came")


def _inflate(body: bytes, *, wbits: int, limit: int) -> bytes:
    # In small pieces: a damaged one loses little of what came before it, and of a body of a million gzip members only
    # a little has to be copied for each.
    inflater, out, position = zlib.decompressobj(wbits), bytearray(), 0
    try:
        while position < len(body) and len(out) < limit:
            piece = body[position : position + 1024]
            out += inflater.decompress(piece, limit - len(out))
            position += len(piece) - len(inflater.unused_data)
            if inflater.eof:
                if wbits != 31:
                    break
                inflater = zlib.decompressobj(wbits)  # several gzip members in a row are one body (RFC 1952 §2.2)
    except zlib.error:
        pass
    return bytes(out)


@dataclass(frozen=True, slots=True)
class TimeMap:
    """All captures of one URL by time (RFC 7089 §5)."""

    captures: tuple[Capture, ...]  # oldest first

    @classmethod
    def of(cls, captures: Iterable[Capture]) -> TimeMap:
        """The captures in the order of time; ties by file and offset, so that every reader sees one order."""
        return cls(tuple(sorted(captures, key=lambda c: (c.captured_at, c.warc, c.offset))))

    def closest(self, when: datetime) -> Capture | None:
        """The capture nearest to `when`; of two as near, the earlier; None when there are none."""
        return min(self.captures, key=lambda c: abs(c.captured_at - when), default=None)


class BlockKind(StrEnum):
    """What a piece of an article's body is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    QUOTE = "quote"
    ITEM = "item"  # of a list
    CELL = "cell"  # of a table
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of an article's body, in reading order."""

    kind: BlockKind
    text: str  # white space folded to single spaces; "\n" only between the lines of verse
    language: str | None = None  # where it is another than the article's; no part of the wording


class Precision(StrEnum):
    """How exactly a date was printed."""

    DAY = "day"
    MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class PrintedDate:
    """A date as a page prints it."""

    at: datetime  # aware, in the site's zone; midnight there when only the day is known
    precision: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that belongs to an article."""

    url: str  # absolute
    alt: str = ""
    caption: str = ""
    position: int = 0  # 0 for the lead picture, then by order in the body
    credit: str | None = None  # who made or owns it, as printed in the caption or said in the head, without its label
    width: int | None = None  # pixels, as the page says; None where it does not
    height: int | None = None


class Access(StrEnum):
    """Whether an article can be read without paying or signing in, as its publisher says."""

    FREE = "free"
    PAYWALLED = "paywalled"  # all of it or a part, for everybody or after some articles a month


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What one reader wrote below an article."""

    text: str  # white space folded, "\n" between its paragraphs
    author: str | None = None  # as printed
    posted_at: datetime | None = None  # UTC
    posted_precision: Precision | None = None
    posted_as: str | None = None  # the date text as printed
    depth: int = 0  # 1 for an answer to a comment, 2 for an answer to that …


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What one capture says (schema.org NewsArticle). A field is None rather than a guess."""

    title: str
    blocks: tuple[Block, ...]  # the body in order; the lead too where the page shows it; not the title
    lead: str | None = None  # the standfirst or summary
    authors: tuple[str, ...] = ()
    section: str | None = None
    tags: tuple[str, ...] = ()
    published_at: datetime | None = None  # UTC
    published_precision: Precision | None = None
    published_as: str | None = None  # the date text as printed
    modified_at: datetime | None = None  # UTC
    language: str | None = None  # "tr", "kk", "ru", "en" …
    canonical: str | None = None  # rel=canonical, absolute
    images: tuple[Image, ...] = ()
    access: Access | None = None  # None where the page does not tell
    comment_count: int | None = None  # as the page says, injected ones included; else those read; None where unknown
    comments: tuple[Comment, ...] = ()  # in the order of the page, without those that were injected
    page: int = 1  # 2 and up: a continuation page of the article at `first_page`
    first_page: str | None = None  # URL of page 1, on a continuation page
    # Field → where it came from: "json-ld", "opengraph", "microdata", "meta", "html", "layout", "text", "url". A field
    # without a value has none; "body" is the blocks.
    sources: Mapping[str, str] = field(default_factory=dict)
    # Field → 0..1: how often a value found on such evidence is right, as archive/extract/confidence.py explains.
    confidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body: its blocks, with an empty line between two."""
        return "\n\n".join(block.text for block in self.blocks)

    @property
    def text_digest(self) -> str:
        """`sha256:HEX` of title, lead and blocks: one wording, whatever the counters, ads and comments around it."""
        parts = [self.title, self.lead or "", *(f"{block.kind}\t{block.text}" for block in self.blocks)]
        return "sha256:" + sha256("\n".join(" ".join(part.split()) for part in parts).encode()).hexdigest()


class FindingKind(StrEnum):
    """Where injected content stood."""

    BODY = "body"  # inside the article, visible
    HIDDEN = "hidden"  # anywhere, but not to be seen: display:none, off-screen, no height, no size
    FOOTER = "footer"  # after the site's footer
    SIDEBAR = "sidebar"  # beside the article
    COMMENT = "comment"  # in a reader's comment
    TITLE = "title"
    SCRIPT = "script"  # written by a script that is not the site's
    BEFORE = "before"  # before the doctype
    AFTER = "after"  # after </html>
    REPLACED = "replaced"  # instead of the article
    REDIRECT = "redirect"  # sends readers or search engines to another site


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One piece of injected content: evidence, not opinion."""

    kind: FindingKind
    excerpt: str  # as found, white space folded, at most 500 characters
    language: str | None
    domains: tuple[str, ...]  # hosts it names or links to, sorted
    evidence: tuple[str, ...]  # the signals that spoke, e.g. "language kk on a page in tr", "word казино"
    score: float  # 0..1
    weights: tuple[float, ...] = ()  # what each of them says by itself, 0..1, in their order
    hidden_by: str | None = None  # what keeps it from being seen: "display:none", "off-screen" …; None where it shows


class PageKind(StrEnum):
    """What a captured page is. Only ARTICLE and CONTINUATION give an `Article`."""

    ARTICLE = "article"
    CONTINUATION = "continuation"  # page 2 and up of an article
    HOME = "home"
    LISTING = "listing"  # category, tag, author, date, search
    STATIC = "static"  # about, contact
    ATTACHMENT = "attachment"
    GONE = "gone"  # 404, 410, or a page that says so under 200
    REPLACED = "replaced"  # spam took the page over
    OTHER = "other"  # not HTML, an error, a redirect


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What `extract()` read in one payload."""

    kind: PageKind
    reason: str  # why it is of that kind, in words
    article: Article | None = None
    findings: tuple[Finding, ...] = ()
    layout: str | None = None  # the profile's layout that held on the day, by its span; None without one
    unmatched: tuple[str, ...] = ()  # fields of that layout whose selector found nothing
    # "article", "text", "date": what was not found on a page that should be an article; None for other pages
    lacks: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()  # other sites that the page links to for all to see, less what was injected; sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    """One run over one site, as its warcinfo record tells."""

    name: str
    site: str
    started_at: datetime
    finished_at: datetime | None = None
    reason: str | None = None  # why it ended: "finished", "interrupted", "limit"

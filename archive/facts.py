"""What one capture says, as rows: of `captures`, `versions`, `comments`, `spam` and `crawls`, in any order.

Part of the indexer (archive/index.py); what needs other captures is made from these rows by archive/derived.py.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from urllib.parse import urljoin, urlsplit

from sqlite_utils import Database

from archive.config import Site
from archive.errors import MuragatError
from archive.extract import extract, rules_digest
from archive.extract.layout import check_selectors
from archive.model import Article, Capture, Comment, Extracted, Finding, PageKind, Payload
from archive.schema import stable_id
from archive.surt import urlkey
from archive.warc import CrawlNote, Kept, warc_date

logger = logging.getLogger(__name__)

FAILED = "extraction failed: "  # how the reason of a capture begins whose page broke the reader


class Rules:
    """The profiles of an archive's sites, found by host."""

    def __init__(self, sites: Iterable[Site]) -> None:
        sites = list(sites)
        for site in sites:
            check_selectors(site)  # or each page of the site would be a row that says so
        self._by_host = {host.lower().removeprefix("www."): site for site in sites for host in site.crawl.hosts}
        self._digests = {site.name: rules_digest(site) for site in self._by_host.values()}
        self._no_site = rules_digest(None)

    def __str__(self) -> str:
        """All of it in one digest: of the profiles, of which host each covers, and of what reads without one."""
        covered = sorted((host, self._digests[site.name]) for host, site in self._by_host.items())
        return "sha256:" + sha256(repr((self._no_site, covered)).encode()).hexdigest()

    def site_of(self, url: str) -> Site | None:
        """The profile that covers a URL's host."""
        try:
            return self._by_host.get(urlsplit(url).netloc.lower().removeprefix("www."))
        except ValueError:
            return None

    def are_of(self, url: str, name: str | None, digest: str | None) -> bool:
        """Whether a row of this URL, read by the profile of this name under these rules, would be the same today."""
        site = self.site_of(url)
        return (site.name if site else None, self.digest(site)) == (name, digest)

    def digest(self, site: Site | None) -> str:
        """What the rows of this site's captures are a function of, beside the WARCs."""
        return self._digests[site.name] if site else self._no_site


def read_kept(kept: Kept, rules: Rules) -> Extracted | None:
    """What the payload says; None where there is nothing to read."""
    capture = kept.capture
    if kept.payload is None or capture.status is None:
        return None
    if capture.truncated:  # half an article is no wording of it
        return Extracted(kind=PageKind.OTHER, reason=f"cut short: {capture.truncated}")
    return extracted_from(kept.payload, capture, rules)


def extracted_from(payload: Payload, capture: Capture, rules: Rules) -> Extracted:
    try:
        return extract(payload, capture, rules.site_of(capture.url))
    except MuragatError as error:  # a coding nobody can undo
        return Extracted(kind=PageKind.OTHER, reason=str(error))
    except Exception as error:  # a page that fools us must not stop the index; the row says what happened
        logger.exception("%s at %s could not be read", capture.url, capture.captured_at)
        return Extracted(kind=PageKind.OTHER, reason=f"{FAILED}{type(error).__name__}: {error}")


def add_crawl(db: Database, warc: str, note: CrawlNote) -> None:
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


def add_facts(db: Database, capture: Capture, extracted: Extracted | None, rules: Rules) -> set[str]:
    """The rows of one capture; the urlkeys whose articles it touches."""
    site = rules.site_of(capture.url)
    article = extracted.article if extracted else None
    before = db.execute(
        "SELECT version, kind FROM captures WHERE warc = ? AND offset = ?", [capture.warc, capture.offset]
    ).fetchone()
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
    _forget_findings(db, capture.warc, capture.offset)
    _add_comments(db, capture, article.comments if article else ())
    for number, finding in enumerate(extracted.findings if extracted else ()):
        _add_finding(db, capture, number, finding)
    return (
        {capture.urlkey}
        if article
        or (before and (before[0] or before[1] == PageKind.GONE))
        or capture.status != 200
        or (extracted and extracted.kind is PageKind.GONE)
        # What a 304 after it confirms is this.
        or db.execute("SELECT 1 FROM captures WHERE urlkey = ? AND status = 304", [capture.urlkey]).fetchone()
        else set()
    )


def forget_reading(db: Database, warc: str, offset: int, *, digest: str) -> None:
    """Take back what was read of a capture, and give it the digest of the payload that is to be read instead."""
    _forget_findings(db, warc, offset)
    db.execute(
        "UPDATE captures SET payload_digest = ?, kind = NULL, reason = NULL, version = NULL, layout = NULL,"
        " unmatched = NULL, lacks = NULL, comment_count = NULL, hosts = NULL WHERE warc = ? AND offset = ?",
        [digest, warc, offset],
    )


_LEANING = """
SELECT warc, "offset", urlkey, payload_digest FROM captures
WHERE warc <> ? AND record_type = 'revisit' AND kind NOT NULL AND payload_digest IN (
    SELECT payload_digest FROM captures WHERE warc = ? AND record_type IN ('response', 'resource'))
"""


def forget_warc(db: Database, name: str) -> set[str]:
    """Take back all that was read of a WARC; the urlkeys whose articles that touches."""
    keys = {row[0] for row in db.execute("SELECT DISTINCT urlkey FROM captures WHERE warc = ?", [name])}
    # Revisits in other files whose payload it held: they wait for whoever holds it now.
    for warc, offset, key, digest in db.execute(_LEANING, [name, name]).fetchall():
        forget_reading(db, warc, offset, digest=digest)
        keys.add(key)
    for table in ("spam", "comment_sightings", "captures"):
        db.execute(f"DELETE FROM {table} WHERE warc = ?", [name])
    crawl = db.execute("SELECT crawl FROM warcs WHERE filename = ?", [name]).fetchone()
    db.execute(
        "UPDATE warcs SET crawl = NULL, indexed_to = 0, damaged = 0, sha256 = NULL, size_bytes = NULL"
        " WHERE filename = ?",
        [name],
    )
    if crawl:
        db.execute(
            "DELETE FROM crawls WHERE name = ?1 AND ?1 NOT IN (SELECT crawl FROM warcs WHERE crawl NOT NULL)", crawl
        )
    return keys


def _forget_findings(db: Database, warc: str, offset: int) -> None:
    for table in ("spam", "comment_sightings"):
        db.execute(f"DELETE FROM {table} WHERE warc = ? AND offset = ?", [warc, offset])


def _add_version(db: Database, capture: Capture, article: Article, site: Site | None) -> int:
    """The wording a capture shows. Of several captures with one wording, the earliest fills the fields.

    Where the one that filled them shows another wording by now, any may: archive/derived.py sees to it that the
    earliest does in the end.
    """
    text_digest = article.text_digest
    version = stable_id(capture.urlkey, text_digest)
    canonical = urlkey(urljoin(capture.url, article.canonical)) if article.canonical else None
    fields: dict[str, object] = {
        "id": version,
        "article": capture.urlkey,
        "text_digest": text_digest,
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
        ' WHERE (excluded.seen_from, excluded.warc, excluded."offset") <= (seen_from, warc, "offset")'
        " OR NOT EXISTS (SELECT 1 FROM captures c WHERE c.warc = versions.warc"
        ' AND c."offset" = versions."offset" AND c.version = versions.id)',
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

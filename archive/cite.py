"""A citation for one article: what was read, when it was captured, and the record that proves it.

As text for people, with dates as the article's language writes them; BibTeX and CSL-JSON for reference managers and our
own JSON for programs, with dates in ISO 8601. The record's identity is read from the WARC itself, not from rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.errors import ConfigError, WarcReadError
from archive.language import fold
from archive.model import Precision
from archive.replay import replay_url
from archive.versions import version_at
from archive.warc import member_at, parse_record, warc_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What identifies one article as one capture shows it."""

    title: str
    authors: tuple[str, ...]  # as printed: who is a person and who an agency is not told apart
    site: str  # its title as in the profile, else the host
    section: str | None
    language: str | None
    published_at: datetime | None  # in the site's zone
    published_precision: Precision | None
    url: str
    captured_at: datetime  # UTC
    replay_path: str  # of the archive's own replay, behind its address
    payload_digest: str  # "sha1:BASE32" of the page as served
    text_digest: str  # "sha256:HEX" of title, lead and body
    warc: str
    record_id: str  # WARC-Record-ID, "<urn:uuid:…>"
    record_type: str  # "response"; "revisit" where the page was as before


def cite(db: Database, directory: ArchiveDir, url: str, *, at: datetime | None = None) -> Citation:
    """The citation of the article at a URL as captured nearest to `at`, else last. Raises NotCapturedError."""
    shown = version_at(db, url, at=at)
    capture = shown.capture
    title, zone = _site(directory, shown.site, capture.url)
    return Citation(
        title=shown.title,
        authors=shown.authors,
        site=title,
        section=shown.section,
        language=shown.language,
        published_at=shown.published_at.astimezone(zone) if shown.published_at else None,
        published_precision=shown.published_precision,
        url=capture.url,
        captured_at=capture.captured_at,
        replay_path=replay_url("", capture.url, capture.captured_at),
        payload_digest=capture.payload_digest,
        text_digest=shown.text_digest,
        warc=capture.warc,
        record_id=record_id(directory, capture.warc, capture.offset),
        record_type=str(capture.record_type),
    )


def _site(directory: ArchiveDir, name: str | None, url: str) -> tuple[str, ZoneInfo]:
    """A site's title and zone; of a page of no site, its host and UTC, as it was read."""
    try:
        site = directory.site(name) if name else None
    except ConfigError:  # the profile was taken away since
        site = None
    host = (urlsplit(url).hostname or url).removeprefix("www.")
    return (site.title or host, site.zone) if site else (host, ZoneInfo("UTC"))


def record_id(directory: ArchiveDir, warc: str, offset: int) -> str:
    """WARC-Record-ID of the record at an offset. Raises WarcReadError where none is."""
    member = member_at(directory.warcs, warc, offset)
    try:
        return parse_record(member.content).get("warc-record-id")
    except ValueError as error:
        raise WarcReadError(warc, offset, f"no record ({error}); `muragat verify` says what is wrong") from error


# ---------------------------------------------------------------- text

_MONTHS = {
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    "kk": "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "en": "January February March April May June July August September October November December",
}
_DATES = {"kk": "{year} жылғы {day} {month}", "ru": "{day} {month} {year} г."}
_ARCHIVED = {"tr": "Arşivlenme: {}", "kk": "Мұрағатталған: {}", "ru": "Архивировано: {}", "en": "Archived {}"}
_QUOTES = {"ru": "«{}»", "kk": "«{}»"}


def as_text(citation: Citation) -> str:
    """One paragraph for a footnote; its dates and few words in the article's language, else in English."""
    language = citation.language if citation.language in _MONTHS else "en"
    when = f"{_date(citation.captured_at, language)}, {citation.captured_at:%H:%M:%S} UTC"
    said = [
        ", ".join(citation.authors),
        _QUOTES.get(language, "“{}”").format(citation.title),
        citation.site,
        _date(citation.published_at, language) if citation.published_at else "",
    ]
    proof = f"{citation.warc}, {citation.record_id.strip('<>')}, {citation.payload_digest}"
    return (
        f"{', '.join(filter(None, said)).rstrip('.')}. {citation.url}. "
        f"{_ARCHIVED[language].format(when).rstrip('.')}. WARC: {proof}."
    )


def _date(at: datetime, language: str) -> str:
    month = _MONTHS[language].split()[at.month - 1]
    return _DATES.get(language, "{day} {month} {year}").format(day=at.day, month=month, year=at.year)


# ---------------------------------------------------------------- BibTeX

_TEX = {letter: f"\\{letter}" for letter in "#$%&_"} | {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def as_bibtex(citation: Citation) -> str:
    """An @misc entry that BibTeX and biblatex both read; names and title in braces, to be printed as they are."""
    published = citation.published_at
    fields = {
        "author": " and ".join(f"{{{_tex(author)}}}" for author in citation.authors),
        "title": f"{{{_tex(citation.title)}}}",
        "howpublished": _tex(citation.site),
        "year": f"{published:%Y}" if published else "",
        "day": str(published.day) if published else "",
        "url": _bib_url(citation.url),
        "urldate": f"{citation.captured_at:%Y-%m-%d}",
        "language": citation.language or "",
        "note": _tex(_proof(citation)),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    if published:
        lines.append(f"  month = {_MONTH_NAMES[published.month - 1]}")
    return f"@misc{{{key_of(citation)},\n" + ",\n".join(lines) + "\n}"


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in " ".join(text.split()))


def _bib_url(url: str) -> str:
    """An address as it is, for `url` is taken word for word; what would break the braces around it is escaped."""
    return re.sub(r"[{}\\\s]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), url)


def key_of(citation: Citation) -> str:
    """A name of ASCII letters and digits: site, year, first long word of the title, part of the digest."""
    words = re.findall(r"[a-z0-9]+", fold(citation.title))
    word = next((word for word in words if len(word) > 3), words[0] if words else "")
    host = (urlsplit(citation.url).hostname or "").removeprefix("www.").partition(".")[0]
    year = f"{citation.published_at:%Y}" if citation.published_at else ""
    return re.sub(r"[^a-z0-9]", "", host) + year + word + citation.text_digest.partition(":")[2][:6]


# ---------------------------------------------------------------- for programs


def as_csl(citation: Citation) -> dict[str, object]:
    """One item of CSL-JSON 1.0.2, as citation processors and Zotero read it; `custom` holds what has no field there."""
    item: dict[str, object] = {
        "id": key_of(citation),
        "type": "article-newspaper",
        "title": citation.title,
        "container-title": citation.site,
        "URL": citation.url,
        "accessed": {"date-parts": [_date_parts(citation.captured_at)]},
        "archive": "muragat",
        "archive_location": f"{citation.warc}; {citation.record_id.strip('<>')}",
        "note": _proof(citation),
        "custom": {
            "captured_at": warc_date(citation.captured_at),
            "payload_digest": citation.payload_digest,
            "text_digest": citation.text_digest,
            "warc": citation.warc,
            "warc_record_id": citation.record_id,
            "replay_path": citation.replay_path,
        },
    }
    if citation.authors:
        item["author"] = [{"literal": author} for author in citation.authors]
    if citation.published_at:
        item["issued"] = {"date-parts": [_date_parts(citation.published_at)]}
    return item | {
        name: value for name, value in (("language", citation.language), ("section", citation.section)) if value
    }


def as_json(citation: Citation) -> dict[str, object]:
    """Every field, dates in ISO 8601: publication as far as it is known, in the site's zone; capture in UTC."""
    published = citation.published_at
    day = citation.published_precision is Precision.DAY
    return {
        "title": citation.title,
        "authors": list(citation.authors),
        "site": citation.site,
        "section": citation.section,
        "language": citation.language,
        "published": None if not published else f"{published:%Y-%m-%d}" if day else published.isoformat(),
        "url": citation.url,
        "captured_at": warc_date(citation.captured_at),
        "replay_path": citation.replay_path,
        "payload_digest": citation.payload_digest,
        "text_digest": citation.text_digest,
        "warc": citation.warc,
        "warc_record_id": citation.record_id,
        "record_type": citation.record_type,
    }


def _proof(citation: Citation) -> str:
    record = citation.record_id.strip("<>")
    return (
        f"Archived {warc_date(citation.captured_at)}; WARC {citation.warc}; record {record}; {citation.payload_digest}"
    )


def _date_parts(at: datetime) -> list[int]:
    return [at.year, at.month, at.day]

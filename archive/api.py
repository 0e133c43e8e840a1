"""An archive for programs: `from archive import Archive`.  docs/api.md shows it at work.

Everything here reads; nothing is written to the archive. Times are aware datetimes in UTC; where one is asked for, text
as the commands take it will do (`"2017"`, `"2017-10-06"`, ISO 8601). What goes wrong is a `MuragatError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack

from archive import query, search
from archive.cite import Citation
from archive.cite import cite as cite_article
from archive.config import ArchiveDir
from archive.differences import Difference, compare
from archive.duplicates import Duplicate
from archive.duplicates import duplicates as list_duplicates
from archive.edits import Change
from archive.edits import changes as list_changes
from archive.errors import HiddenError, NotCapturedError, QueryError
from archive.export import Exported, Form, Selection, form_of
from archive.export import export as write_export
from archive.hidden import SHOWN
from archive.hidden_log import Hidden, known
from archive.model import Capture, Crawl, Payload, TimeMap
from archive.schema import connect_readonly
from archive.search import Filters as Wanted
from archive.search import Sort
from archive.snippets import unmarked
from archive.times import end_of, parse_time
from archive.versions import Version, version_at, versions
from archive.warc import parse_warc_date

Time = datetime | str


class Filters(TypedDict, total=False):
    """What an article is to be beside its words, as the options of `muragat search` say it."""

    since: Time | None  # published then or after; text by the clock of each site, as it prints its dates
    until: Time | None  # published until the end of this year, month or day; before a datetime
    section: str | None
    author: str | None  # or whose name holds these words
    tag: str | None
    site: str | None  # by its name or its host
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One article that a search found; `Archive.article(found.url)` is all of it."""

    url: str
    title: str
    published_at: datetime | None
    section: str | None
    language: str | None
    gone_at: datetime | None  # since when the site does not have it any more
    snippet: str  # the stretch of the text with the words looked for


class Archive:
    """One archive, open for reading, beside a crawl that writes. A context manager; for one thread."""

    def __init__(self, path: str | Path | None = None) -> None:
        """Open the archive in a folder; without one, as the commands find it. Raises MuragatError where none is."""
        self.directory = ArchiveDir.find(str(path) if path is not None else None)
        self._db = connect_readonly(self.directory.db)

    def close(self) -> None:
        """Let go of the database."""
        self._db.conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Archive({str(self.directory.root)!r})"

    # ------------------------------------------------------------ many articles

    def search(
        self,
        words: str = "",
        *,
        sort: Sort | str = Sort.RELEVANCE,
        all_versions: bool = False,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[Found]:
        """Articles that answer what is asked as in `muragat search`, best first; without words the newest.

        `sort` is relevance, date or oldest; `all_versions` also finds what only an older wording says.
        """
        hits = search.each_hit(
            self._db,
            words,
            sort=_sort(sort),
            all_versions=all_versions,
            limit=limit,
            zones=self.directory.zones(),
            **_asked(filters),
        )
        return map(_found, hits)

    def count(self, words: str = "", *, all_versions: bool = False, **filters: Unpack[Filters]) -> int:
        """How many articles such a search finds."""
        return search.count(self._db, words, all_versions=all_versions, zones=self.directory.zones(), **_asked(filters))

    def articles(self) -> Iterator[Version]:
        """The current wording of every article, in the order of their keys; one at a time in memory."""
        for (url,) in self._db.execute(f"SELECT url FROM articles WHERE {SHOWN} ORDER BY urlkey"):
            with suppress(NotCapturedError, HiddenError):  # its row changed since: a crawl may be writing
                yield version_at(self._db, url)

    def changes(
        self,
        *,
        since: Time | None = None,
        until: Time | None = None,
        site: str | None = None,
        sort: str = "weight",
        limit: int | None = None,
    ) -> list[Change]:
        """Edits and deletions, those of substance first; `sort` "date": the newest first."""
        since, until = _moment(since), _end(until)
        return list_changes(self._db, since=since, until=until, site=site, sort=sort, limit=limit)

    def hidden(self) -> list[Hidden]:
        """The pages that are withdrawn now, in the order of their keys: asked for one by one, they are HiddenErrors."""
        now = datetime.now(UTC)
        return [page for _, page in sorted(known(self.directory).items()) if page.holds(now)]

    def crawls(self) -> Iterator[Crawl]:
        """The crawls, newest first."""
        rows = self._db.execute(
            "SELECT name, site, started_at, finished_at, reason FROM crawls WHERE started_at IS NOT NULL"
            " ORDER BY started_at DESC, name DESC"
        )
        for name, site, started_at, finished_at, reason in rows:
            yield Crawl(
                name=name,
                site=site or "",
                started_at=parse_warc_date(started_at),
                finished_at=parse_warc_date(finished_at) if finished_at else None,
                reason=reason,
            )

    # ------------------------------------------------------------ one URL

    def article(self, url: str, *, at: Time | None = None) -> Version:
        """The article at a URL as captured nearest to `at`, else last. Raises NotCapturedError."""
        return version_at(self._db, url, at=_moment(at))

    def versions(self, url: str) -> list[Version]:
        """Every wording of the article, oldest first. Raises NotCapturedError."""
        return list(versions(self._db, url))

    def captures(self, url: str) -> tuple[Capture, ...]:
        """Every capture of a URL, oldest first, whatever it is. Raises NotCapturedError."""
        return self.timemap(url).captures

    def timemap(self, url: str) -> TimeMap:
        """The same as a TimeMap, which finds the capture closest to a moment."""
        return query.timemap(self._db, url)

    def payload(self, url: str, *, at: Time | None = None) -> Payload:
        """The bytes served at a URL, nearest to `at`, else last; `.decoded()` undoes their compression."""
        return query.payload(self._db, self.directory, url, at=_moment(at))

    def duplicates(self, url: str) -> list[Duplicate]:
        """Where else the article at a URL stands: moved there, repeated, or syndicated. Raises HiddenError."""
        return list_duplicates(self._db, url)

    def diff(self, url: str, start: Time | None = None, end: Time | None = None) -> Difference:
        """What changed between two wordings, word by word [default: the first and the last]."""
        return compare(self._db, url, start=_moment(start), end=_moment(end))

    def cite(self, url: str, *, at: Time | None = None) -> Citation:
        """The citation of an article; `archive.cite` writes it as text, BibTeX and CSL-JSON."""
        return cite_article(self._db, self.directory, url, at=_moment(at))

    # ------------------------------------------------------------ files

    def export(
        self,
        path: str | Path,
        words: str = "",
        *,
        form: Form | str | None = None,
        crawl: str | None = None,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Exported:
        """Write what a search finds, or everything, as csv, jsonl, parquet, cdxj or wacz: by the file's ending."""
        target = Path(path)
        choice = Selection(words=words, crawl=crawl, limit=limit, **_asked(filters))
        chosen = Form(form) if form else form_of(target)
        return write_export(self.directory, target, form=chosen, choice=choice, now=datetime.now(UTC))


def _asked(filters: Filters) -> Wanted:
    if unknown := filters.keys() - Filters.__annotations__.keys():
        raise TypeError(f"no filter {', '.join(sorted(unknown))}; there are {', '.join(Filters.__annotations__)}")
    return Wanted(
        since=_clocked(filters.get("since")),
        until=_clocked(filters.get("until")),
        section=filters.get("section"),
        author=filters.get("author"),
        tag=filters.get("tag"),
        language=filters.get("language"),
        site=filters.get("site"),
    )


def _found(hit: search.Hit) -> Found:
    return Found(
        url=hit.url,
        title=unmarked(hit.title),
        published_at=parse_warc_date(hit.published_at) if hit.published_at else None,
        section=hit.section,
        language=hit.language,
        gone_at=parse_warc_date(hit.gone_at) if hit.gone_at else None,
        snippet=unmarked(hit.snippet),
    )


def _sort(name: Sort | str) -> Sort:
    try:
        return Sort(name)
    except ValueError as error:
        raise QueryError(f"no order {name!r}; there are {', '.join(Sort)}") from error


def _clocked(at: Time | None) -> Time | None:
    """A text names a day by the clock of each site; a datetime is a moment."""
    return _moment(at) if isinstance(at, datetime) else at


def _moment(at: Time | None) -> datetime | None:
    if isinstance(at, datetime):
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return parse_time(at) if at else None


def _end(at: Time | None) -> datetime | None:
    """What a text names ends with its year, month or day; a datetime is the end itself."""
    return end_of(at) if isinstance(at, str) and at else _moment(at)

"""`muragat learn`: what repeats on a site's captured pages → `sites/NAME.learned.toml`, which extraction reads.

The profile NAME.toml is its owner's and is never touched. The file beside it is ours: it is written anew when something
else was found, the one before is kept under `sites/old/`, and what a person struck out with a # stays struck out. Its
bytes are part of the rules that rows are made by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlite_utils import Database

from archive.config import LEARNED_SUFFIX, ArchiveDir, Site
from archive.errors import MuragatError
from archive.extract.repeats import MIN_PAGES, Repeat, Sighting, find_repeats, sight
from archive.model import Capture, PageKind
from archive.schema import connect_readonly, load_capture
from archive.warc import read_payload

MAX_PAGES = 300  # 200 of the lab's articles taught one place more than 100, and two lines less; 20 ms of CPU each
KINDS = ("places", "lists", "lines")  # of entries
_STRUCK = re.compile(r'[ \t]*#[ \t]*("(?:[^"\\]|\\.)*")[ \t]*,.*')  # "# "#sidebar", …": an entry made a comment

_HEAD = """\
# The site's own on the pages of {site}, not its articles': what `muragat learn` found. Version {version}, {on}.
# All this is left out where the body of an article is looked for; title, date, authors and tags are read as before.
#
# Is an entry wrong? Put a # before it, and it stays so whatever is learned later. Other changes to this file are lost
# then (the file before is kept in old/); what you want to add belongs into {site}.toml, which learning never touches:
# lines as `boilerplate` in [read], places and lists as `drop` in a [[layout]].
# After a change: muragat index --rebuild
"""
_ABOUT = {
    "places": "Elements, by CSS selectors, with text that is the site's.",
    "lists": "Elements with links, labels and names alone. A sentence that stands in one all the same is kept.",
    "lines": "Lines that stand on many pages, those first that were taken for the article's.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned of one site, and the file that says it."""

    site: str
    path: Path
    version: int
    pages: int  # articles that were compared
    first_day: date  # of the captures looked at
    last_day: date
    places: tuple[Repeat, ...]
    lists: tuple[Repeat, ...]
    lines: tuple[Repeat, ...]
    struck: int  # entries that a person struck out of the file
    is_new: bool  # something else than what the file says already
    text: str  # of the file, as it is or would be


def learn(
    directory: ArchiveDir,
    name: str | None,
    *,
    today: date,
    pages: int = MAX_PAGES,
    progress: Callable[[int, int], None] | None = None,
) -> Lesson:
    """What repeats on a site's pages; nothing is written. Raises MuragatError where there are too few of them."""
    site = directory.site(name)
    db = connect_readonly(directory.db)
    try:
        captures = choose(db, site, pages)
    finally:
        db.conn.close()
    found = find_repeats(_sightings(directory, site, captures, progress))
    if found.pages < MIN_PAGES:
        raise MuragatError(
            f"{site.name}: {found.pages} different articles are too few to tell what repeats, {MIN_PAGES} are needed;"
            " crawl or import more, then learn again"
        )
    path = directory.sites / f"{site.name}{LEARNED_SUFFIX}"
    before = path.read_text("utf-8") if path.exists() else ""
    struck = struck_out(before)
    entries = {kind: tuple(one for one in getattr(found, kind) if one.text not in struck[kind]) for kind in KINDS}
    known = site.learned
    # In any order: what stands on one page more is nothing new.
    is_new = any(set(getattr(known, kind, ())) != {one.text for one in entries[kind]} for kind in KINDS)
    version = (known.version if known else 0) + is_new
    days = sorted(capture.captured_at.date() for capture in captures)
    lesson = Lesson(
        site=site.name,
        path=path,
        version=version,
        pages=found.pages,
        first_day=days[0],
        last_day=days[-1],
        **entries,
        struck=sum(map(len, struck.values())),
        is_new=is_new,
        text=before,
    )
    return replace(lesson, text=as_toml(lesson, struck, today=today)) if is_new else lesson


def write(lesson: Lesson) -> Path | None:
    """Write the file, whole or not at all; where the one before it lies now, if there was one."""
    kept, path = None, lesson.path
    if path.exists():
        folder = path.parent / "old"
        folder.mkdir(exist_ok=True)
        kept = folder / f"{lesson.site}.learned.{lesson.version - 1}.toml"
        kept.write_bytes(path.read_bytes())
    fresh = path.with_name(f".{path.name}.part")
    fresh.write_text(lesson.text, "utf-8")
    fresh.replace(path)
    return kept


# ---------------------------------------------------------------- which pages are looked at


def choose(db: Database, site: Site, pages: int) -> list[Capture]:
    """One capture of each of so many articles, evenly spread over time; the same ones each time.

    The first capture of one, the last of the next: old looks and new ones.
    """
    rows = db.execute(
        "SELECT urlkey, min(url), min(captured_at), max(captured_at), max(kind = ?) FROM captures"
        " WHERE site = ? AND status = 200 AND record_type IN ('response', 'resource') AND truncated IS NULL"
        " AND kind IN (?, ?, ?) AND content_type LIKE '%html%' GROUP BY urlkey ORDER BY 3, 1",
        [PageKind.ARTICLE, site.name, PageKind.ARTICLE, PageKind.STATIC, PageKind.OTHER],
    ).fetchall()
    patterns = [re.compile(pattern) for pattern in site.crawl.article]
    rows = [row for row in rows if row[4] or any(pattern.search(row[1]) for pattern in patterns)]
    count = min(pages, len(rows))
    picked = [rows[number * len(rows) // count] for number in range(count)]
    return [_capture_at(db, row[0], row[3] if number % 2 else row[2]) for number, row in enumerate(picked)]


def _capture_at(db: Database, key: str, at: str) -> Capture:
    warc, offset = db.execute(
        "SELECT warc, offset FROM captures WHERE urlkey = ? AND captured_at = ? AND status = 200"
        " AND record_type IN ('response', 'resource') ORDER BY warc, offset LIMIT 1",
        [key, at],
    ).fetchone()
    return load_capture(db, warc, offset)


def _sightings(
    directory: ArchiveDir, site: Site, captures: Sequence[Capture], progress: Callable[[int, int], None] | None
) -> Iterator[Sighting]:
    for number, capture in enumerate(captures, start=1):
        try:
            seen = sight(read_payload(directory.warcs, capture), capture, site)
        except MuragatError:  # damaged, or in a coding nobody can undo: `index` and `verify` tell of it
            seen = None
        if seen:
            yield seen
        if progress:
            progress(number, len(captures))


# ---------------------------------------------------------------- the file


def as_toml(lesson: Lesson, struck: dict[str, dict[str, str]], *, today: date) -> str:
    """The file for a person to read and correct."""
    parts = [
        _HEAD.format(site=lesson.site, version=lesson.version, on=today),
        f"version = {lesson.version}\non = {today}\n"
        f"pages = {lesson.pages}  # articles compared, captured from {lesson.first_day} to {lesson.last_day}",
    ]
    for name in KINDS:
        entries = [f"    {_quoted(one.text)},  # {_comment(one)}" for one in getattr(lesson, name)]
        entries += [f"    {line.strip()}" for line in struck[name].values()]
        parts.append("\n".join([f"\n# {_ABOUT[name]}", f"{name} = [", *entries, "]"]))
    return "\n".join(parts) + "\n"


def _comment(one: Repeat) -> str:
    said = [f"{one.pages} pages"]
    if one.in_body:
        said.append(f"on {one.in_body} taken for the article's")
    if one.examples:
        said.append(" · ".join(one.examples))
    # A comment ends with its line, and holds no control characters.
    return re.sub(r"[\x00-\x1f\x7f]+", " ", "; ".join(said))


def _quoted(text: str) -> str:
    """A basic string, which TOML writes as JSON does, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def struck_out(text: str) -> dict[str, dict[str, str]]:
    """The entries of such a file that a person made comments: list → entry → its line."""
    found: dict[str, dict[str, str]] = {name: {} for name in KINDS}
    current = None
    for line in text.split("\n"):
        current = next((name for name in KINDS if line.startswith(f"{name} =")), current)
        if current and (match := _STRUCK.fullmatch(line)):
            try:
                found[current][json.loads(match[1])] = line
            except ValueError:
                continue  # a remark that only looks like an entry
    return found

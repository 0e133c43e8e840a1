"""Where an article began to say something else, with what that changed: rows of `edits`, and `muragat changes`.

An edit lies between two captures, one after the other, that show different wordings; a wording that came back is an
edit, too. The indexer makes the rows with the article's other rows (archive/derived.py); archive/substance.py weighs
them. What was deleted is a change as well: the view `changes` has both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archive.errors import QueryError
from archive.hidden import SHOWN
from archive.site_filter import of_site
from archive.substance import Said, substance
from archive.warc import warc_date

SORTS = ("weight", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An article that says something else than before, or is gone."""

    kind: str  # "edited" or "gone"
    weight: str  # of an edit: substance, wording or trifle; "gone" is substance
    what: str  # what changed, in one line
    at: str  # when the change was first seen
    before_at: str  # last capture that shows it as it was before
    url: str
    title: str  # as of then
    site: str | None


def changes(
    db: Database,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    site: str | None = None,
    sort: str = "weight",
    limit: int | None = None,
) -> list[Change]:
    """Edits and deletions: of substance first, then other wordings, then trifles, the newest of each first.

    `sort` "date": the newest first, whatever they weigh. `until` is the first moment that is not asked for.
    """
    if sort not in SORTS:
        raise QueryError(f"changes are sorted by {' or '.join(SORTS)}, not by {sort!r}")
    order = "CASE weight WHEN 'substance' THEN 0 WHEN 'wording' THEN 1 ELSE 2 END," if sort == "weight" else ""
    meant = of_site(site)
    rows = db.execute(
        f"SELECT {', '.join(Change.__dataclass_fields__)} FROM changes WHERE {SHOWN} AND at >= ? AND at < ?"
        f" AND {meant.sql} ORDER BY {order} at DESC, url, what LIMIT ?",
        [warc_date(since) if since else "0", warc_date(until) if until else "z", *meant.values, limit or -1],
    )
    return [Change(**dict(zip(Change.__dataclass_fields__, row, strict=True))) for row in rows]


_TURNS = """
SELECT warc, "offset", url, captured_at, version, before_version, before_at FROM (
    SELECT warc, "offset", url, captured_at, version, lag(version) OVER w AS before_version,
        lag(captured_at) OVER w AS before_at
    FROM captures WHERE urlkey = ? AND version IS NOT NULL WINDOW w AS (ORDER BY captured_at, warc, "offset"))
WHERE version <> before_version
"""


def derive_edits(db: Database, key: str) -> None:
    """Make the rows of one page anew from all its captures."""
    # A wording's id stands for its words: what was found between two of them stays true.
    known = {
        (old, new): (weight, what)
        for old, new, weight, what in db.execute(
            "SELECT old_version, new_version, weight, what FROM edits WHERE article = ?", [key]
        )
    }
    if known:
        db.execute("DELETE FROM edits WHERE article = ?", [key])
    if db.execute("SELECT count(*) FROM versions WHERE article = ?", [key]).fetchone()[0] < 2:
        return
    for warc, offset, url, at, new, old, before_at in db.execute(_TURNS, [key]).fetchall():
        if (old, new) not in known:
            known[old, new] = _weighed(db, old, new)
        db.execute(
            'INSERT INTO edits (warc, "offset", article, url, at, before_at, old_version, new_version, weight, what)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [warc, offset, key, url, at, before_at, old, new, *known[old, new]],
        )


def _weighed(db: Database, old: int, new: int) -> tuple[str, str]:
    said = {
        identity: Said(title, lead, text)
        for identity, title, lead, text in db.execute(
            "SELECT id, title, lead, text FROM versions WHERE id IN (?, ?)", [old, new]
        )
    }
    # Of the words alone: the language that the page's head says is no part of the wording, and may differ in captures.
    found = substance(said[old], said[new])
    return found.weight.value, found.summary

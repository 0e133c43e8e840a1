"""What the frontier says of a run, and of any URL, to a person: counts, sources, lists.  Reads `frontier.db` only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from crawler.frontier import BITS, Again, Counts, Found, Kind, Outcome, SourceCounts, Why


def counts(connection: sqlite3.Connection, site: str, run: int) -> Counts:
    """What this run did so far, from the rows alone."""
    tally = dict[str, int]()
    failed, skipped = dict[str, int](), dict[str, int]()
    waiting = 0
    for state, outcome, reason, here, count in connection.execute(
        "SELECT state, outcome, reason, fetched_in IS ?, count(*) FROM urls"
        " WHERE site = ? AND offered_in = ? GROUP BY 1, 2, 3, 4",
        (run, site, run),
    ):
        if state == "refused":
            skipped[reason] = skipped.get(reason, 0) + count
        elif state in ("waiting", "leased"):
            waiting += count
        elif not here:
            skipped["not due yet"] = skipped.get("not due yet", 0) + count
        elif state == "failed":
            failed[reason] = failed.get(reason, 0) + count
        else:
            tally[outcome] = tally.get(outcome, 0) + count
    new, changed, unchanged, gone = (tally.get(outcome, 0) for outcome in Outcome)
    return Counts(
        offered=new + changed + unchanged + gone + sum(failed.values()) + sum(skipped.values()) + waiting,
        new=new,
        changed=changed,
        unchanged=unchanged,
        gone=gone,
        failed=failed,
        skipped=skipped,
        waiting=waiting,
    )


def sources(connection: sqlite3.Connection, site: str, run: int) -> list[SourceCounts]:
    """What each source told in this run, of pages."""
    told = []
    pages = "site = ? AND offered_in = ? AND kind IN ('seed', 'listing', 'page', 'document') AND sources_now & ?"
    for source, bit in BITS.items():
        key = (site, run, bit)
        offered, new = connection.execute(
            f"SELECT count(*), coalesce(sum(new_in = {run}), 0) FROM urls WHERE {pages} AND state != 'refused'",
            key,
        ).fetchone()
        alone = connection.execute(
            f"SELECT url FROM urls WHERE {pages} AND sources = {bit} AND new_in = {run}"
            f" AND state = 'done' AND status = 200 AND kind = 'page'",
            key,
        ).fetchall()
        if offered:
            told.append(SourceCounts(source=source, offered=offered, new=new, alone=tuple(url for (url,) in alone)))
    return told


def again(connection: sqlite3.Connection, site: str, run: int) -> list[Again]:
    """What came of the URLs that this run fetched again, by the reason for it."""
    rows = connection.execute(
        "SELECT why, count(*), sum(outcome = 'changed'), sum(outcome = 'gone') FROM urls WHERE site = ?"
        " AND offered_in = ? AND fetched_in = ? AND why IS NOT NULL AND state = 'done' GROUP BY why ORDER BY why",
        (site, run, run),
    )
    return [Again(why=Why(why), fetched=count, changed=changed, gone=gone) for why, count, changed, gone in rows]


def seeds(connection: sqlite3.Connection, site: str, run: int) -> list[tuple[str, str, str | None, bool]]:
    """Each seed: URL, state, why it is not there, and whether this run got it, or what it redirects to."""
    found = []
    for url, state, reason, status, here in connection.execute(
        "SELECT url, state, reason, status, fetched_in IS ? FROM urls WHERE site = ? AND kind = 'seed' ORDER BY url",
        (run, site),
    ).fetchall():
        why = reason or (f"HTTP {status}" if status not in (None, 200) else None)
        found.append((str(url), str(state), why, bool(here) and is_there(connection, site, run, status)))
    return found


def is_there(connection: sqlite3.Connection, site: str, run: int, status: int | None) -> bool:
    """Whether an answer of this run is the page that was meant: a redirect is where it led to one."""
    if status is None or not 300 <= status < 400:
        return status == 200
    led = connection.execute(
        "SELECT 1 FROM urls WHERE site = ? AND fetched_in = ? AND redirects > 0 AND status = 200 LIMIT 1", (site, run)
    ).fetchone()
    return led is not None


def last_started(connection: sqlite3.Connection, site: str) -> float | None:
    """When the last run over a site began that chose what to look at again."""
    row = connection.execute("SELECT max(started_at) FROM runs WHERE site = ? AND chose", (site,)).fetchone()
    return None if row[0] is None else float(row[0])


def tally(connection: sqlite3.Connection, site: str) -> list[tuple[str, str, int]]:
    """How many URLs of a site are in which state, and why: state, reason, count; most first."""
    return [
        (str(state), reason or "", int(count))
        for state, reason, count in connection.execute(
            "SELECT state, iif(state IN ('refused', 'failed'), reason, NULL), count(*) FROM urls WHERE site = ?"
            " GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2",
            (site,),
        )
    ]


def find(
    connection: sqlite3.Connection,
    site: str,
    *,
    state: str | None = None,
    rule: str | None = None,
    words: str | None = None,
    limit: int | None = None,
) -> Iterator[Found]:
    """URLs of a site in their order, by state, by the reason of their refusal or failure, by a piece of the URL."""
    conditions, values = ["site = ?"], list[object]([site])
    for column, value in (("state = ?", state), ("reason = ?", rule), ("instr(url, ?)", words)):
        if value is not None:
            conditions.append(column)
            values.append(value)
    rows = connection.execute(
        "SELECT url, state, kind, reason, status, found_on, fetched_at, gone_at, directives FROM urls WHERE "
        + " AND ".join(conditions)
        + " ORDER BY url LIMIT ?",
        [*values, -1 if limit is None else limit],
    )
    for row in rows:
        yield Found(
            url=row[0],
            state=row[1],
            kind=Kind(row[2]),
            reason=row[3],
            status=row[4],
            found_on=row[5],
            fetched_at=row[6],
            gone_at=row[7],
            directives=row[8],
        )

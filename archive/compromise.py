"""The story of a hacked site, from rows: since when, how it spread, by which domains, where, and if it goes on.

Facts per capture are in `spam`; what needs other captures (clean before, cleaned since, cloaked, new domains) is asked
here, of all captures of the pages concerned, so the answer depends on what the archive holds and on nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlite_utils import Database

from archive.hidden import SHOWN
from archive.site_filter import of_site
from archive.warc import warc_date

NEW_DOMAIN_PAGES = 2  # on one page a domain may be a slip of an editor's; on two it was put there
WEEKS_SHOWN = 26  # of a longer story the months are shown
EXAMPLES_OF_A_KIND = 2
EXCERPT_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The first sign that a site was hacked."""

    captured_at: str
    url: str
    kind: str
    hidden_by: str | None
    excerpt: str
    clean_before: str | None  # the last capture of that page without it: it came between the two
    site_clean_before: str | None  # the last capture of any page without it, before this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One week or month of captures."""

    start: str  # its first day
    captures: int  # of pages
    affected: int  # of these: with injected content
    pages: int  # distinct pages affected
    new_pages: int  # of these: seen with it for the first time

    @property
    def share(self) -> float:
        """How many of the captures are affected, 0..1."""
        return self.affected / self.captures if self.captures else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A site that injected content links to or names."""

    domain: str
    findings: int
    pages: int
    first_seen: str
    last_seen: str
    linked_by_site: bool  # some page links to it for all to see, outside what was found
    is_new: bool  # on two pages or more, and never linked by the site's own content


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedPage:
    """One page on which something was found."""

    url: str
    findings: int
    kinds: tuple[str, ...]
    clean_before: str | None  # last capture without it before the first with it
    first_seen: str
    last_seen: str
    clean_since: str | None  # first capture without it after the last with it; None: still there when last looked at
    last_captured: str
    cloaked: tuple[str, ...]  # what speaks for its being shown to some only


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One finding, in full."""

    kind: str
    url: str
    captured_at: str
    excerpt: str
    language: str | None
    domains: tuple[str, ...]
    hidden_by: str | None
    signals: tuple[tuple[str, float], ...]  # each in words, with what it says by itself
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compromise:
    """What was injected into an archive's pages, and when."""

    findings: int
    captures: int  # that show any
    pages: int
    sites: dict[str, int]  # site → pages
    beginning: Beginning | None
    last_seen: str | None
    last_look: str | None  # the newest capture of any page of these sites
    still_there: int  # pages whose newest capture shows it
    cleaned: int  # pages that showed it and do not any more
    period: str  # "week" or "month"
    spread: tuple[Period, ...]
    kinds: dict[str, int]  # where it stands → findings
    hidden_by: dict[str, int]  # how it is hidden → findings
    languages: dict[str, int]
    domains: tuple[Domain, ...]  # most pages first
    affected: tuple[AffectedPage, ...]  # by first sight
    cloaked: int  # captures that speak for its being shown to some only
    replaced: int  # pages whose own text was gone in some capture
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """One capture of a page."""

    at: str
    place: tuple[str, int]  # WARC, offset


def compromise(
    db: Database,
    *,
    site: str | None = None,
    since: datetime | None = None,
    domain: str | None = None,
    kind: str | None = None,
) -> Compromise:
    """The story of what was found: of one site, since a time, by one domain, of one kind or "cloaked"."""
    rows = _findings(db, site=site, since=since, domain=domain, kind=kind)
    groups = _grouped(rows)
    keys = sorted(groups)
    marked = {(str(row["warc"]), int(str(row["offset"]))) for row in rows}
    states = _states(db, keys)
    cloaked = _cloaked(db, keys, marked)
    reasons: dict[str, set[str]] = {}
    for key, why in cloaked.values():
        reasons.setdefault(key, set()).add(why)
    affected = {key: _affected(listed, states[key], marked, reasons.get(key, ())) for key, listed in groups.items()}
    days = _days(db, site=site, since=since)
    period, spread = _spread(days, rows)
    last_look = max((day_last for _, _, day_last in days), default=None)
    return Compromise(
        findings=len(rows),
        captures=len(marked),
        pages=len(affected),
        sites=_counted((str(page_rows[0]["site"] or "(no profile)")) for page_rows in groups.values()),
        beginning=_beginning(db, rows[0], affected[str(rows[0]["urlkey"])]) if rows else None,
        last_seen=max((str(row["captured_at"]) for row in rows), default=None),
        last_look=last_look,
        still_there=sum(page.clean_since is None for page in affected.values()),
        cleaned=sum(page.clean_since is not None for page in affected.values()),
        period=period,
        spread=spread,
        kinds=_counted(str(row["kind"]) for row in rows),
        hidden_by=_counted(str(row["hidden_by"]) for row in rows if row["hidden_by"]),
        languages=_counted(str(row["language"]) for row in rows if row["language"]),
        domains=_domains(db, rows, site=site),
        affected=tuple(sorted(affected.values(), key=lambda page: (page.first_seen, page.url))),
        cloaked=len(cloaked),
        replaced=len({row["urlkey"] for row in rows if row["kind"] == "replaced"}),
        examples=_examples(rows),
    )


_Row = dict[str, object]


def _findings(
    db: Database, *, site: str | None, since: datetime | None, domain: str | None, kind: str | None
) -> list[_Row]:
    meant = of_site(site, table="c")
    conditions, values = [f"c.{SHOWN}", meant.sql], list[object](meant.values)
    for condition, value in (
        ("s.captured_at >= ?", warc_date(since) if since else None),
        ("EXISTS (SELECT 1 FROM json_each(s.domains) WHERE value = ? OR value LIKE '%.' || ?)", domain),
        ("s.kind = ?", kind if kind != "cloaked" else None),
    ):
        if value is not None:
            conditions.append(condition)
            values += [value] * condition.count("?")
    if kind == "cloaked":
        conditions.append("EXISTS (SELECT 1 FROM spam_changes x WHERE x.urlkey = c.urlkey AND x.cloaked NOT NULL)")
    return list(
        db.query(
            'SELECT s.*, c.urlkey, c.site FROM spam s JOIN captures c ON c.warc = s.warc AND c."offset" = s."offset"'
            f' WHERE {" AND ".join(conditions)} ORDER BY s.captured_at, s.warc, s."offset", s.id',
            values,
        )
    )


def _grouped(rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        groups.setdefault(str(row["urlkey"]), []).append(row)
    return groups


def _states(db: Database, keys: Sequence[str]) -> dict[str, list[_State]]:
    """The captures of these pages that show a page, oldest first."""
    found: dict[str, list[_State]] = {key: [] for key in keys}
    for key, at, warc, offset in db.execute(
        'SELECT urlkey, captured_at, warc, "offset" FROM spam_states'
        ' WHERE urlkey IN (SELECT value FROM json_each(?)) ORDER BY captured_at, warc, "offset"',
        [json.dumps(list(keys))],
    ):
        found[key].append(_State(at, (warc, offset)))
    return found


def _cloaked(db: Database, keys: Sequence[str], marked: set[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str]]:
    """The captures, of those with findings or right beside them, that speak for cloaking → page, and why."""
    rows = db.execute(
        'SELECT warc, "offset", before_warc, before_offset, urlkey, cloaked FROM spam_changes'
        " WHERE cloaked NOT NULL AND urlkey IN (SELECT value FROM json_each(?))",
        [json.dumps(list(keys))],
    )
    return {
        (warc, offset): (key, why)
        for warc, offset, before_warc, before_offset, key, why in rows
        if (warc, offset) in marked or (before_warc, before_offset) in marked
    }


def _affected(
    rows: Sequence[_Row], states: Sequence[_State], marked: set[tuple[str, int]], cloaked: Iterable[str]
) -> AffectedPage:
    hits = [number for number, state in enumerate(states) if state.place in marked]
    first, last = (hits[0], hits[-1]) if hits else (0, len(states) - 1)
    return AffectedPage(
        url=str(rows[-1]["url"]),
        findings=len(rows),
        kinds=tuple(_counted(str(row["kind"]) for row in rows)),
        clean_before=states[first - 1].at if first > 0 else None,
        first_seen=str(rows[0]["captured_at"]),
        last_seen=str(rows[-1]["captured_at"]),
        clean_since=states[last + 1].at if last + 1 < len(states) else None,
        last_captured=states[-1].at if states else str(rows[-1]["captured_at"]),
        cloaked=tuple(sorted(cloaked)),
    )


def _beginning(db: Database, first: _Row, page: AffectedPage) -> Beginning:
    before = db.execute(
        "SELECT max(captured_at) FROM spam_states WHERE findings = 0 AND captured_at < ? AND site IS ?",
        [first["captured_at"], first["site"]],
    ).fetchone()[0]
    return Beginning(
        captured_at=str(first["captured_at"]),
        url=str(first["url"]),
        kind=str(first["kind"]),
        hidden_by=None if first["hidden_by"] is None else str(first["hidden_by"]),
        excerpt=str(first["excerpt"])[:EXCERPT_CHARS],
        clean_before=page.clean_before,
        site_clean_before=before,
    )


def _days(db: Database, *, site: str | None, since: datetime | None) -> list[tuple[str, int, str]]:
    """Day, captures of pages on it, the last of them."""
    meant = of_site(site)
    return db.execute(
        "SELECT substr(captured_at, 1, 10), count(*), max(captured_at) FROM spam_states"
        f" WHERE {meant.sql} AND captured_at >= ? GROUP BY 1 ORDER BY 1",
        [*meant.values, warc_date(since) if since else ""],
    ).fetchall()


def _spread(days: Sequence[tuple[str, int, str]], rows: Sequence[_Row]) -> tuple[str, tuple[Period, ...]]:
    """Captures and pages affected, by week, or by month where the story is long; from its last clean period on."""
    if not rows:
        return "week", ()
    begun = date.fromisoformat(str(rows[0]["captured_at"])[:10])
    ended = date.fromisoformat(max(day for day, _, _ in days) if days else str(rows[-1]["captured_at"])[:10])
    period = "week" if (ended - begun) <= timedelta(weeks=WEEKS_SHOWN) else "month"

    def start_of(day: str) -> str:
        if period == "month":
            return f"{day[:7]}-01"
        moment = date.fromisoformat(day)
        return (moment - timedelta(days=moment.weekday())).isoformat()

    captures: Counter[str] = Counter()
    for day, count, _ in days:
        captures[start_of(day)] += count
    affected: dict[str, set[object]] = {}
    pages: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for row in rows:
        start, key = start_of(str(row["captured_at"])[:10]), str(row["urlkey"])
        affected.setdefault(start, set()).add((row["warc"], row["offset"]))
        pages.setdefault(start, set()).add(key)
        first.setdefault(key, start)
    news = Counter(first.values())
    earlier = max((start for start in captures if start < start_of(begun.isoformat())), default="")
    return period, tuple(
        Period(
            start=start,
            captures=captures[start],
            affected=len(affected.get(start, ())),
            pages=len(pages.get(start, ())),
            new_pages=news[start],
        )
        for start in sorted(captures)
        if start >= earlier
    )


def _domains(db: Database, rows: Sequence[_Row], *, site: str | None) -> tuple[Domain, ...]:
    findings: Counter[str] = Counter()
    pages: dict[str, set[str]] = {}
    seen: dict[str, list[str]] = {}
    for row in rows:
        for name in json.loads(str(row["domains"])):
            findings[name] += 1
            pages.setdefault(name, set()).add(str(row["urlkey"]))
            seen.setdefault(name, []).append(str(row["captured_at"]))
    meant = of_site(site)
    linked = {
        row[0]
        for row in db.execute(
            "SELECT DISTINCT value FROM captures, json_each(captures.hosts)"
            f" WHERE hosts NOT NULL AND {meant.sql} AND value IN (SELECT value FROM json_each(?))",
            [*meant.values, json.dumps(sorted(findings))],
        )
    }
    listed = [
        Domain(
            domain=name,
            findings=findings[name],
            pages=len(pages[name]),
            first_seen=min(seen[name]),
            last_seen=max(seen[name]),
            linked_by_site=name in linked,
            is_new=len(pages[name]) >= NEW_DOMAIN_PAGES and name not in linked,
        )
        for name in findings
    ]
    return tuple(sorted(listed, key=lambda one: (-one.pages, -one.findings, one.domain)))


def _examples(rows: Sequence[_Row]) -> tuple[Example, ...]:
    """The strongest findings of each kind, each text once."""
    chosen: dict[str, dict[str, _Row]] = {}
    for row in sorted(rows, key=lambda row: (-float(str(row["score"])), str(row["captured_at"]), str(row["id"]))):
        listed = chosen.setdefault(str(row["kind"]), {})
        if len(listed) < EXAMPLES_OF_A_KIND:
            listed.setdefault(str(row["excerpt"]), row)
    return tuple(_example(row) for kind in sorted(chosen) for row in chosen[kind].values())


def _example(row: _Row) -> Example:
    evidence, weights = json.loads(str(row["evidence"])), json.loads(str(row["weights"] or "[]"))
    return Example(
        kind=str(row["kind"]),
        url=str(row["url"]),
        captured_at=str(row["captured_at"]),
        excerpt=str(row["excerpt"])[:EXCERPT_CHARS],
        language=None if row["language"] is None else str(row["language"]),
        domains=tuple(json.loads(str(row["domains"]))),
        hidden_by=None if row["hidden_by"] is None else str(row["hidden_by"]),
        signals=tuple(zip(evidence, [*weights, *[0.0] * (len(evidence) - len(weights))], strict=True)),
        score=float(str(row["score"])),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    """How often each occurs, most first."""
    return dict(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))

"""The commands that need no network: index, search, show, diff, changes, spam, cite, export, query, status, verify …

No command holds logic: it reads options, calls one function, prints what that returned. Results go to stdout,
everything else to stderr.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack
from zoneinfo import ZoneInfo

import click

from archive import query as ask
from archive.config import ArchiveDir
from archive.errors import MuragatError, QueryError
from archive.model import FindingKind
from archive.schema import connect_readonly
from archive.search import Filters, Hit, Sort
from archive.search import search as search_archive
from archive.site_filter import unknown_site
from archive.snippets import MARK_END, MARK_START, unmarked
from archive.times import end_of, parse_time

if TYPE_CHECKING:
    from sqlite_utils import Database

    from archive.alarms import Alarms
    from archive.compromise import Compromise, Domain
    from archive.learn import Lesson
    from archive.verify import Report

archive_option = click.option(
    "--archive", "archive_dir", metavar="DIR", help="The archive [default: $MURAGAT_ARCHIVE, else the nearest]."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def form_option(form: str, help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option --FORM, one of several forms that a command prints, of which one is chosen: its parameter `form`."""

    def choose(context: click.Context, option: click.Parameter, chosen: bool) -> None:
        if not chosen:
            return
        if other := context.params.get("form"):
            raise click.UsageError(f"--{other} or --{form}, not both", context)
        context.params["form"] = form

    return click.option(f"--{form}", f"as_{form}", is_flag=True, expose_value=False, callback=choose, help=help_text)


@click.group()
def commands() -> None:
    """Commands that need no network."""


_KEY = click.Path(dir_okay=False, path_type=Path)
_UNREAD_HINT = "`muragat query \"SELECT url, reason FROM captures WHERE reason LIKE 'extraction failed%'\"` names them"


class Time(click.ParamType[datetime]):
    """A point in time as people type it."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """`2024`, `2024-03-15`, ISO 8601 or 14 digits."""
        if isinstance(value, datetime):
            return value
        try:
            return self.read(str(value))
        except MuragatError as error:
            self.fail(str(error), param, ctx)

    def read(self, text: str) -> datetime:
        """The moment; raises QueryError."""
        return parse_time(text)


class Until(Time):
    """The end of the year, month or day that people type."""

    def read(self, text: str) -> datetime:
        """The first moment after what the text names; raises QueryError."""
        return end_of(text)


class Printed(click.ParamType[str]):
    """A day as sites print it, or another time: which moment it is, the clock of each site says."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, which is a time."""
        try:
            end_of(str(value))
        except MuragatError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Url(click.ParamType[str]):
    """The address of a page; without a scheme it is taken as https, which keys of pages leave out anyway."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """An address with its scheme."""
        text = str(value).strip()
        if not text or any(letter.isspace() for letter in text):
            self.fail(f"{value!r} is not the address of a page; an example is https://kazakistan.kz/", param, ctx)
        return text if "://" in text else f"https://{text}"


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of archive.search.Filters."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


_FILTERS = (
    click.option("--since", type=Printed(), help="Published then or later, by the site's clock."),
    click.option("--until", type=Printed(), help="Published until the end of this day, month or year."),
    click.option("--section", help="Only this section."),
    click.option("--author", help="Only this author, or whose name holds these words."),
    click.option("--tag", help="Only what has this tag."),
    click.option("--lang", "language", help="Only this language: tr, kk, ru …"),
    click.option("--site", help="Only this site, by its name or its host."),
)


# Where the machine, not the file or our SQL, is what SQLite complains of.
_REFUSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


@commands.command()
@archive_option
@click.option("--rebuild", is_flag=True, help="Make archive.db anew from the WARCs alone.")
@click.option("--stale", is_flag=True, help="Also read again, in place, what was read by older rules.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes that read where there is much [default: the cores]."
)
def index(archive_dir: str | None, rebuild: bool, stale: bool, jobs: int | None) -> None:
    """Turn what the WARCs hold into rows."""
    from archive.hidden_log import lost_line
    from archive.index import index_archive, index_stale
    from archive.rebuild import rebuild as make_anew

    directory = ArchiveDir.find(archive_dir)
    try:
        report = (make_anew if rebuild else index_stale if stale else index_archive)(directory, jobs=jobs)
    except sqlite3.DatabaseError as error:
        refused = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _REFUSED
        if not refused and type(error) is not sqlite3.DatabaseError:  # the subclasses are mistakes of ours
            raise
        anew = "`muragat index --rebuild` makes it anew from the WARCs"
        if refused or rebuild:
            anew = "see to the disk and to the right to write there, then run it again"
        if directory.db.is_dir():
            anew = "it is a folder; move it away, then run it again"
        raise MuragatError(f"{directory.db}: {error}; {anew}") from error
    for line in report.notes:
        click.echo(line, err=True)
    for line in report.damaged:
        click.echo(f"damaged: {line}", err=True)
    if report.unread:
        click.secho(f"{report.unread} pages broke the reader: {_UNREAD_HINT}", fg="red", err=True)
    again = f", {report.again} read again" if report.again else ""
    click.echo(
        f"{_count(report.warcs, 'WARC')}, {_count(report.captures, 'capture')} indexed{again},"
        f" {report.articles} of them articles",
        err=True,
    )
    faults = list[str]()
    if report.damaged:
        faults.append(
            f"could not read {_count(len(report.damaged), 'stretch', 'stretches')}; `muragat verify` says where"
        )
    if report.changed:
        more = f" and {len(report.changed) - 1} more" if len(report.changed) > 1 else ""
        faults.append(f"{report.changed[0]}{more}; bring it back from a backup, `muragat verify` names all")
    if report.hidden_lost:
        faults.append(lost_line(report.hidden_lost))
    if faults:
        raise MuragatError("; ".join(faults))


# A word to leave out begins as an option does: unknown ones are words here, and -h is not help (-hava).
@commands.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@archive_option
@click.argument("words", nargs=-1)
@filter_options
@click.option(
    "--sort",
    type=click.Choice([*map(str, Sort)]),
    default="relevance",
    show_default=True,
    help="What comes first; date: the newest.",
)
@click.option("--all-versions", is_flag=True, help="Also find what only an older wording says.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Articles at most.")
@click.option("--offset", type=click.IntRange(0, 1_000_000_000), default=0, help="Pass over this many: the next page.")
@form_option("csv", "Print CSV.")
@form_option("json", "Print JSON, for programs.")
def search(
    archive_dir: str | None,
    words: tuple[str, ...],
    sort: str,
    all_versions: bool,
    limit: int,
    offset: int,
    form: str | None = None,
    **filters: Unpack[Filters],
) -> None:
    """Find articles; without words, the newest.

    Endings, capitals and Turkish letters need not match. '"a b"' is a phrase, -a leaves out, a* begins so; a OR b, NOT
    a, (a b), title:a, author:a, section:a, tag:a, lang:tr, site:a.kz, since:2019, until:2020-03.
    """
    if mistyped := [word for word in words if word.startswith("--")]:
        raise click.NoSuchOption(mistyped[0])
    directory = ArchiveDir.find(archive_dir)
    db = connect_readonly(directory.db)
    typed = " ".join(words)
    zones = directory.zones()
    found = search_archive(
        db, typed, sort=Sort(sort), all_versions=all_versions, limit=limit, offset=offset, zones=zones, **filters
    )
    if not found.total:
        tell_unknown_site(db, filters.get("site"))
    others = list[str]()
    if not found.total and typed.strip():
        from archive.suggest import suggestions

        others = suggestions(db, typed, zones=zones, **filters)
    plain = [{**fields(hit), "title": unmarked(hit.title), "snippet": unmarked(hit.snippet)} for hit in found.hits]
    if form == "json":
        print_json({"total": found.total, "offset": offset, "suggestions": others, "hits": plain})
    elif form == "csv":
        print_csv(list(Hit.__dataclass_fields__), (list(hit.values()) for hit in plain))
    else:
        print_hits(found.hits, zones)
        if found.hits:
            click.echo(f"{offset + 1}–{offset + len(found.hits)} of {found.total}", err=True)
        else:
            click.echo(f"nothing behind the first {found.total}" if found.total else "nothing found", err=True)
        for other in others:
            click.echo(f"did you mean {other} ?", err=True)


def tell_unknown_site(db: Database, site: str | None) -> None:
    """Say on stderr that nothing was found because --site names nothing."""
    if site and (unknown := unknown_site(db, site)):
        click.echo(unknown, err=True)


def print_hits(hits: Iterable[Hit], zones: Mapping[str, ZoneInfo]) -> None:
    """Articles for people, the words that were found marked on a terminal in colour, else in « »."""
    for hit in hits:
        gone = click.style("  (gone from the site)", fg="red") if hit.gone_at else ""
        older = f"  (as it was until {hit.seen_to[:10]})" if hit.seen_to else ""
        # The title in bold, to the end of each mark too.
        title = _mark(hit.title, "\x1b[33m", "\x1b[39m") if _in_colour() else unmarked(hit.title)
        click.echo(click.style(title, bold=True) + gone + older)
        when = _local(hit.published_at, _zone(zones, hit.site), hit.published_precision)
        click.echo("  " + "  ".join(filter(None, [when, hit.section, hit.url])))
        if hit.snippet:
            click.echo("  " + _mark(hit.snippet, *_highlight()))
        click.echo()


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.option("--at", type=Time(), help="As captured nearest to this time [default: last].")
@form_option("raw", "The bytes as served, decompressed.")
@click.option("--comments", is_flag=True, help="With what readers wrote below it.")
@click.option("--sources", is_flag=True, help="With where each field comes from, and how sure it is.")
@form_option("json", "Print JSON, for programs.")
def show(
    archive_dir: str | None, url: str, at: datetime | None, comments: bool, sources: bool, form: str | None = None
) -> None:
    """Print one article, or the payload of its page."""
    directory = ArchiveDir.find(archive_dir)
    db = connect_readonly(directory.db)
    if form == "raw":
        sys.stdout.buffer.write(ask.payload(db, directory, url, at=at).decoded())
        return
    shown = ask.article(db, url, at=at)
    if form == "json":
        print_json(article_json(shown))
        return
    zone = _zone(directory.zones(), shown.fields["site"])
    print_article(shown, zone)
    if sources:
        print_sources(shown)
    if comments:
        print_comments(shown, zone)


def article_json(shown: ask.Shown) -> dict[str, object]:
    """One article as `show --json` prints it."""
    lists = ("blocks", "authors", "tags", "images", "sources", "confidence")
    said = {name: json.loads(str(value)) if name in lists else value for name, value in shown.fields.items()}
    capture = shown.capture
    return {
        **{name: value for name, value in said.items() if name not in ("id", "warc", "offset", "captures")},
        "captured_at": f"{capture.captured_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "warc": capture.warc,
        "offset": capture.offset,
        "payload_digest": capture.payload_digest,
        "captures": shown.captures,
        "wordings": shown.wordings,
        "gone_at": shown.gone_at,
        "comment_count": shown.comment_count,
        "comments": shown.comments,
        "duplicates": [fields(other) for other in shown.duplicates],
        "spam": [
            {**row, "domains": json.loads(str(row["domains"])), "evidence": json.loads(str(row["evidence"]))}
            for row in shown.findings
        ],
    }


def print_article(shown: ask.Shown, zone: ZoneInfo) -> None:
    """One article for people."""
    said = shown.fields
    click.echo(click.style(str(said["title"]), bold=True))
    authors = ", ".join(json.loads(str(said["authors"])))
    published = _local(_text(said["published_at"]), zone, _text(said["published_precision"]))
    click.echo("  " + "  ".join(filter(None, [published, authors, _text(said["section"])])))
    click.echo(f"  {shown.capture.url}")
    click.echo()
    blocks = json.loads(str(said["blocks"]))
    if said["lead"] and (not blocks or str(said["lead"])[:60] not in blocks[0][1]):
        click.echo(click.style(str(said["lead"]), italic=True) + "\n")
    prefixes = {"heading": "## ", "quote": "> ", "item": "- ", "caption": "[picture] "}
    for number, (kind, text, *_) in enumerate(blocks):
        if kind == "cell" and number and blocks[number - 1][0] == "cell":
            click.echo(f" | {text}", nl=False)
            continue
        if number:
            click.echo("\n" if blocks[number - 1][0] == "cell" else "")
        click.echo(prefixes.get(kind, "") + text, nl=kind != "cell")
    if blocks and blocks[-1][0] == "cell":
        click.echo()
    click.echo()
    tags = ", ".join(json.loads(str(said["tags"])))
    if tags:
        click.echo(f"  tags: {tags}")
    wordings = _count(shown.wordings, "wording")
    captured = f"{shown.capture.captured_at:%Y-%m-%d %H:%M:%SZ}"
    captures = _count(shown.captures, "capture")
    click.echo(f"  captured {captured} ({captures}, {wordings}); {shown.capture.warc} at {shown.capture.offset}")
    if shown.gone_at:
        click.echo(click.style(f"  gone from the site since {_day(shown.gone_at)}", fg="red"))
    if shown.comments or shown.comment_count:
        read, told = len(shown.comments), shown.comment_count
        kept = f"{read} kept" if told is None or told == read else f"{read} kept of {told} that the page counts"
        click.echo(f"  readers' comments: {kept} (--comments)")
    if said["access"] == "paywalled":
        click.echo("  behind a paywall, as the page says")
    for other in shown.duplicates:
        gone = ", gone since" if other.gone_at else ""
        click.echo(f"  also at {other.url} ({other.kind}, {other.similarity:.0%} alike{gone})")
    if shown.findings:
        places = ", ".join(sorted({str(row["kind"]) for row in shown.findings}))
        click.echo(
            click.style(f"  injected content kept apart: {len(shown.findings)} ({places}); `muragat spam`", fg="yellow")
        )


def print_sources(shown: ask.Shown) -> None:
    """Each field's source and confidence: how often what is found so is right."""
    sources, confidence = (json.loads(str(shown.fields[name])) for name in ("sources", "confidence"))
    rows = [[name, source, f"{confidence[name]:.2f}" if name in confidence else ""] for name, source in sources.items()]
    click.echo()
    print_table(["field", "source", "confidence"], rows)


def print_comments(shown: ask.Shown, zone: ZoneInfo) -> None:
    """Readers' comments for people, answers indented."""
    for row in shown.comments:
        margin = "  " * (1 + int(str(row["depth"])))
        posted = _local(_text(row["posted_at"]), zone, _text(row["posted_precision"]))
        click.echo("\n" + margin + "  ".join(filter(None, [str(row["author"] or "?"), posted])))
        for line in str(row["text"]).split("\n"):
            click.echo(f"{margin}  {line}")


@commands.command()
@archive_option
@click.option("--site", help="Only this site, by its name or its host.")
@click.option("--since", type=Time(), help="Only what was captured since then.")
@click.option("--domain", help="Only what names or links to this domain.")
@click.option(
    "--kind",
    type=click.Choice([*(kind.value for kind in FindingKind), "cloaked"]),
    metavar="WHERE",
    help=f"Only what stood there: {', '.join(FindingKind)}; cloaked: shown to some only.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Domains and pages at most.")
@json_option
def spam(
    archive_dir: str | None,
    site: str | None,
    since: datetime | None,
    domain: str | None,
    kind: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """What somebody injected: since when, how it spread, by which domains, on which pages, and if it is still there."""
    from archive.compromise import compromise

    db = connect_readonly(ArchiveDir.find(archive_dir).db)
    found = compromise(db, site=site, since=since, domain=domain, kind=kind)
    if not found.findings:
        tell_unknown_site(db, site)
    if as_json:
        print_json(compromise_json(found))
    elif not found.findings:
        looked = f"; last look {_day(found.last_look)}" if found.last_look else ""
        click.echo(f"no injected content found{looked}")
    else:
        print_compromise(found, limit=limit)


def compromise_json(found: Compromise) -> dict[str, object]:
    """What was injected as `spam --json` prints it; docs/spam.md explains the keys."""
    return {
        **fields(found),
        "beginning": fields(found.beginning) if found.beginning else None,
        "spread": [{**fields(one), "share": round(one.share, 4)} for one in found.spread],
        **{name: [fields(one) for one in getattr(found, name)] for name in ("domains", "affected")},
        "examples": [
            {**fields(one), "signals": [{"says": says, "weight": weight} for says, weight in one.signals]}
            for one in found.examples
        ],
    }


def print_compromise(found: Compromise, *, limit: int) -> None:
    """The story for people: when, how it spread, by whom, where, and whether it is over."""
    click.secho(
        f"{_count(found.findings, 'finding')} on {_count(found.pages, 'page')}"
        f" of {', '.join(f'{site} ({count})' for site, count in found.sites.items())}",
        bold=True,
    )
    if start := found.beginning:
        hidden = f", hidden by {start.hidden_by}" if start.hidden_by else ""
        click.echo(f"\nSince when\n  first seen {_day(start.captured_at)} at {start.url}\n    {start.kind}{hidden}")
        click.echo(f"    {start.excerpt[:160]}")
        if start.clean_before:
            click.echo(f"  that page was clean on {_day(start.clean_before)}: it came between these two captures")
        else:
            click.echo("  there is no earlier capture of that page")
            if start.site_clean_before:
                click.echo(f"  other pages of the site were clean until {_day(start.site_clean_before)}")
    click.echo(f"\nStill there\n  {_ending(found)}")
    click.echo(f"\nHow it spread (captures of pages by {found.period}; how many show it)")
    for one in found.spread:
        bar = "█" * round(40 * one.share) or ("▏" if one.affected else "")
        more = f"  {one.new_pages} new" if one.new_pages else ""
        click.echo(f"  {one.start}  {one.affected:>5} of {one.captures:<6} {one.share:>4.0%}  {bar}{more}")
    click.echo(f"\nWhere   {_listed(found.kinds)}")
    if found.hidden_by:
        click.echo(f"Hidden  {_listed(found.hidden_by)}")
    if found.languages:
        click.echo(f"In      {_listed(found.languages)}")
    if found.replaced:
        click.secho(
            f"{_count(found.replaced, 'page')} had no text of its own left; the wording before that is kept", fg="red"
        )
    if found.cloaked:
        captures = _count(found.cloaked, "capture")
        click.secho(f"{captures} show it to some only: clean and not within days, the same wording", fg="red")
    print_domains(found, limit)
    print_affected(found, limit)
    click.echo("\nExamples")
    for example in found.examples:
        hidden = f", {example.hidden_by}" if example.hidden_by else ""
        click.echo(f"  {example.kind}{hidden}, {_day(example.captured_at)}  {example.url}\n    {example.excerpt[:160]}")
        click.echo("    " + "; ".join(f"{says} ({weight:.2f})" for says, weight in example.signals))


def _ending(found: Compromise) -> str:
    gone = f"{_count(found.cleaned, 'page')} cleaned" if found.cleaned else "none cleaned"
    if not found.still_there:
        return f"no: every page was clean when last captured ({_day(found.last_look)}); {gone}"
    last = f"last seen {_day(found.last_seen)}, last look at the site {_day(found.last_look)}"
    return f"yes, on {_count(found.still_there, 'page')} when last captured; {gone}; {last}"


def print_domains(found: Compromise, limit: int) -> None:
    """The domains, most pages first; "new" are those that the site's own content never links to."""
    if not found.domains:
        return
    several, new = sum(one.pages > 1 for one in found.domains), sum(one.is_new for one in found.domains)
    click.echo(f"\nDomains ({len(found.domains)}; {several} on more than one page, {new} of these new to the site)")
    rows = [
        [one.domain, one.pages, one.findings, _day(one.first_seen), _day(one.last_seen), _standing(one)]
        for one in found.domains[:limit]
    ]
    print_table(["domain", "pages", "findings", "first seen", "last seen", ""], rows)
    if len(found.domains) > limit:
        click.echo(f"… and {len(found.domains) - limit} more; --limit N shows them")


def _standing(domain: Domain) -> str:
    return "new to the site" if domain.is_new else "linked by the site itself, too" if domain.linked_by_site else ""


def print_affected(found: Compromise, limit: int) -> None:
    """The pages, by when it was first seen on them."""
    click.echo("\nPages")
    rows = [
        [
            _day(page.clean_before),
            _day(page.first_seen),
            _day(page.last_seen),
            _day(page.clean_since) if page.clean_since else "still there",
            ", ".join(page.kinds) + (" (cloaked)" if page.cloaked else ""),
            page.url,
        ]
        for page in found.affected[:limit]
    ]
    print_table(["clean until", "first seen", "last seen", "clean since", "where", "page"], rows)
    if len(found.affected) > limit:
        click.echo(f"… and {len(found.affected) - limit} more; --limit N shows them")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


@commands.command()
@archive_option
@click.argument("url", type=Url())
@form_option("link", "In link format (RFC 7089).")
@form_option("json", "Print JSON, for programs.")
def timemap(archive_dir: str | None, url: str, form: str | None = None) -> None:
    """Every capture of one URL."""
    captures = ask.timemap(connect_readonly(ArchiveDir.find(archive_dir).db), url).captures
    if form == "json":
        rows = [{**fields(c), "captured_at": f"{c.captured_at:%Y-%m-%dT%H:%M:%S.%fZ}"} for c in captures]
        print_json(rows)
    elif form == "link":
        click.echo(ask.links(captures, replay="http://127.0.0.1:8002/web/"), nl=False)
    else:
        for c in captures:
            what = str(c.status) if c.status else "as before" if c.record_type == "revisit" else "no answer"
            note = f"  {c.error}" if c.error else f"  → {one_line(c.location)}" if c.location else ""
            click.echo(f"{c.captured_at:%Y-%m-%d %H:%M:%SZ}  {what:9}  {c.record_type:8}  {c.content_type}{note}")


@commands.command()
@archive_option
@click.argument("sql")
@form_option("csv", "Print CSV.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="Rows at most.")
@click.option("--timeout", type=click.FloatRange(0.1), default=30, show_default=True, help="Seconds at most.")
@form_option("json", "Print JSON, for programs.")
def query(archive_dir: str | None, sql: str, limit: int, timeout: float, form: str | None = None) -> None:
    """Ask the database in SQL; it is opened read-only. docs/schema.md explains its tables."""
    from archive import sql as reading

    answer = reading.run_sql(ArchiveDir.find(archive_dir), sql, limit=limit, seconds=timeout)
    if form == "json":
        print_json([dict(zip(answer.columns, map(reading.as_json, row), strict=True)) for row in answer.rows])
    elif form == "csv":
        print_csv(answer.columns, (list(map(reading.as_text, row)) for row in answer.rows))
    else:
        print_table(answer.columns, [list(map(reading.as_cell, row)) for row in answer.rows])
    if answer.more:
        click.echo(f"stopped at {limit} rows, there are more; --limit N shows them", err=True)


@commands.command()
@archive_option
@json_option
def status(archive_dir: str | None, as_json: bool) -> None:
    """What the archive holds, and how its crawls went."""
    directory = ArchiveDir.find(archive_dir)
    found = ask.status(connect_readonly(directory.db), directory)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['archive']}")
    click.echo(f"  {found['articles']} articles ({found['gone']} gone from the site) in {found['wordings']} wordings")
    if found["edits"] or found["duplicates"]:
        edits, twins = _count(found["edits"], "edit"), _count(found["duplicates"], "pair")
        click.echo(f"  {edits}: `muragat changes`; {twins} of articles that say the same")
    click.echo(f"  {found['captures']} captures from {_day(found['first_capture'])} to {_day(found['last_capture'])}")
    size = f"{int(str(found['warc_bytes'])) / 1e6:.1f} MB"
    rows = f"archive.db {int(str(found['database_bytes'])) / 1e6:.1f} MB"
    behind = found["bytes_not_indexed"]
    late = f", {behind} bytes not indexed yet: `muragat index`" if behind else ", all indexed"
    click.echo(f"  {_count(found['warcs'], 'WARC')}, {size}{late}; {rows}")
    if found["damaged"]:
        click.secho(f"  damaged stretches: {found['damaged']}; `muragat verify` says where", fg="red")
    if found["unread"]:
        click.secho(f"  {found['unread']} pages broke the reader: {_UNREAD_HINT}", fg="red")
    if found["stale"]:
        click.secho(f"  {found['stale']} pages were read by older rules: `muragat index --stale`", fg="yellow")
    if found["hidden"]:
        click.echo(f"  {_count(found['hidden'], 'page')} hidden: `muragat hidden`")
    if standing := list(_texts(found["alarms"])):
        click.secho(f"  {_count(len(standing), 'alarm')}: {standing[0]}; `muragat alarms`", fg="red")
    if found["spam_findings"]:
        click.secho(f"  {found['spam_findings']} pieces of injected content: `muragat spam`", fg="yellow")
    click.echo()
    if sites := [dict(row) for row in _rows(found["sites"])]:
        names = ["site", "articles", "gone", "oldest", "newest"]
        zones = directory.zones()
        for one in sites:
            zone = _zone(zones, one["site"])
            one["oldest"], one["newest"] = (_local(_text(one[name]), zone, "day") for name in ("oldest", "newest"))
        print_table(names, [[one[name] for name in names] for one in sites])
        click.echo()
    crawls = [dict(row) for row in _rows(found["crawls"])]
    if crawls:
        columns = ["name", "reason", "offered", "fetched", "failed", "skipped", "waiting"]
        print_table(
            columns,
            [
                [row[name] if row[name] is not None else "running?" if name == "reason" else "" for name in columns]
                for row in crawls
            ],
        )


@commands.command()
@archive_option
@click.option("--since", type=Time(), help="Only weeks since then [default: the last 12, and those in alarm].")
@json_option
def alarms(archive_dir: str | None, since: datetime | None, as_json: bool) -> None:
    """Weeks in which pages were read worse than before: the site has a new look. Exit code 1 when there are any."""
    from archive.alarms import alarms as raised

    found = raised(connect_readonly(ArchiveDir.find(archive_dir).db), since=since)
    if as_json:
        print_json(
            {"alarms": [fields(alarm) for alarm in found.alarms], "weeks": [fields(week) for week in found.weeks]}
        )
    else:
        print_alarms(found, all_weeks=since is not None)
    if found.alarms:
        raise MuragatError(f"{_count(len(found.alarms), 'alarm')}; rows of these weeks are worse than they could be")


def print_alarms(found: Alarms, *, all_weeks: bool) -> None:
    """The weeks as a table, then each alarm with what to do."""
    in_alarm = {(alarm.site, alarm.layout, alarm.week) for alarm in found.alarms}
    recent = sorted({week.week for week in found.weeks})[-12:]
    shown = [
        week
        for week in found.weeks
        if all_weeks or week.week in recent or (week.site, week.layout, week.week) in in_alarm
    ]
    names = ("article", "text", "title", "date", "body")
    rows = [
        [
            week.week,
            week.site,
            week.layout or "all pages",
            week.pages,
            *(f"{week.share(name):.0%}" if name in week.missing else "" for name in names),
        ]
        for week in shown
    ]
    if rows:
        print_table(["week", "site", "layout", "pages", *(f"no {name}" for name in names)], rows)
    else:
        click.echo("no week to tell of: no page that should be an article was read by today's rules; `muragat status`")
    for alarm in found.alarms:
        click.secho(f"\n{alarm}" if alarm is found.alarms[0] else str(alarm), fg="red")
        click.echo(f"  {alarm.example}")
    # The newest come first: of each site and layout, the day on which it began is in the last one.
    for advice in dict.fromkeys({(alarm.site, alarm.layout): alarm.do for alarm in found.alarms}.values()):
        click.echo(f"\n{advice}")


@commands.command()
@archive_option
@click.argument("site", required=False)
@click.option("--dry-run", is_flag=True, help="Print the file that would be written, and leave it at that.")
@click.option("--pages", type=click.IntRange(5, 5_000), default=300, show_default=True, help="Articles to compare.")
@json_option
def learn(archive_dir: str | None, site: str | None, dry_run: bool, pages: int, as_json: bool) -> None:
    """Find what repeats on a site's pages, and leave it out of articles from now on."""
    from archive import learn as school

    directory = ArchiveDir.find(archive_dir)
    found = school.learn(directory, site, today=datetime.now(UTC).date(), pages=pages, progress=_learn_progress())
    kept = school.write(found) if found.is_new and not dry_run else None
    if as_json:
        said = {name: value for name, value in fields(found).items() if name not in school.KINDS}
        listed = {name: [fields(one) for one in getattr(found, name)] for name in school.KINDS}
        print_json({**said, **listed, "written": found.is_new and not dry_run, "kept": kept})
    elif dry_run and found.version:
        click.echo(found.text, nl=False)
    else:
        print_lesson(found, kept)


def print_lesson(found: Lesson, kept: Path | None) -> None:
    """What was learned, with examples, and what comes next."""
    counts = [_count(len(found.places), "place"), _count(len(found.lists), "list"), _count(len(found.lines), "line")]
    click.echo(
        f"{found.site}: {', '.join(counts)} repeat on {_count(found.pages, 'article')},"
        f" captured {found.first_day} to {found.last_day}"
    )
    for title, repeats in (("places", found.places), ("lists", found.lists), ("lines", found.lines)):
        for one in repeats[:5]:
            click.echo(f"  {one.text[:70]}  ({one.pages} pages)" + "".join(f"  {text}" for text in one.examples[:1]))
        if len(repeats) > 5:
            click.echo(f"  … and {len(repeats) - 5} more {title}")
    if found.struck:
        click.echo(f"  left out, as struck out by hand: {_count(found.struck, 'entry', 'entries')}")
    if not found.version:
        click.echo("nothing was written")
        return
    if not found.is_new:
        click.echo(f"{found.path} says that already (version {found.version}); nothing was written")
        return
    click.echo(f"written: {found.path} (version {found.version})" + (f"; the one before is {kept}" if kept else ""))
    click.echo("Read it; put a # before what is wrong. Then `muragat index --rebuild` reads all pages by it")


def _learn_progress() -> Callable[[int, int], None] | None:
    """How many pages are read, on a terminal only."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, count: int) -> None:
        click.echo(f"\r{done} of {count} pages\x1b[K", nl=done == count, err=True)

    return tell


class Head(click.ParamType[str]):
    """The hash of a line of manifest.jsonl."""

    name = "hash"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """64 hexadecimal digits: a part of them would prove less."""
        text = str(value).strip().lower()
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            self.fail(f"{value!r} is not a head: 64 hexadecimal digits, as `muragat verify` prints them", param, ctx)
        return text


@commands.command()
@archive_option
@click.option("--head", type=Head(), help="Prove everything up to this head, which you noted elsewhere.")
@click.option("--key", metavar="PUBLICKEY", type=_KEY, help="Check the signatures made with --sign.")
@click.option("--sign", "sign_with", metavar="KEYFILE", type=_KEY, help="Then sign the chain's head.")
@click.option("--new-key", metavar="PATH", type=_KEY, help="Only make a key pair: PATH and PATH.pub.")
@click.option("--repair", is_flag=True, help="First close what crawls that died left open, at the last whole record.")
@json_option
def verify(
    archive_dir: str | None,
    head: str | None,
    key: Path | None,
    sign_with: Path | None,
    new_key: Path | None,
    repair: bool,
    as_json: bool,
) -> None:
    """Check every byte of every record, the chain of files, and rows against records."""
    from archive import verify as check

    if new_key:
        made = check.new_key(new_key)
        click.echo(f"{new_key} signs: keep it elsewhere. {new_key}.pub checks: give it away. Fingerprint {made}")
        return
    directory = ArchiveDir.find(archive_dir)
    if repair:
        for line in check.repair_open(directory):
            click.echo(line, err=True)
    report = check.verify(directory, head=head, key=key, progress=byte_progress())
    if as_json:
        print_json({**fields(report), "findings": [fields(finding) for finding in report.findings]})
    else:
        print_verified(report)
    if sign_with:
        signed = check.sign(directory, sign_with, at=datetime.now(UTC))
        click.echo(f"signed the head {signed.head} as {signed.key}", err=True)
    if report.findings:
        remedy = "what is damaged can only come back from a copy"
        if all(finding.kind is check.Kind.ROWS_UNREADABLE for finding in report.findings):
            remedy = "the files and records are whole"
        raise MuragatError(f"{_count(len(report.findings), 'finding')}; {remedy}")


def print_verified(report: Report) -> None:
    """Every finding, then what was checked."""
    for finding in report.findings:
        click.secho(str(finding), fg="red")
    for note in report.notes:
        click.echo(f"note: {note}")
    whole = click.style("all whole", fg="green")
    click.echo(
        f"{_count(report.warcs, 'WARC')}, {_count(report.records, 'record')}, {report.bytes / 1e6:.1f} MB,"
        f" {_count(report.rows, 'row')}: {_count(len(report.findings), 'finding') if report.findings else whole}"
    )
    if report.in_flight:
        click.echo(f"{_count(report.in_flight, 'record')} not indexed yet")
    if report.unchecked:
        click.echo(f"{_count(report.unchecked, 'digest')} of a kind that is not checked")
    if any(report.conventions.values()):
        seen = ", ".join(f"{count} {how}" for how, count in report.conventions.items() if count)
        click.echo(f"payload digests of chunked bodies: {seen}")
    if report.head:
        click.echo(f"chain of {_count(report.links, 'closed file')}, head {report.head}")
    if report.newer is not None:
        click.echo(f"the head you noted is in it; {_count(report.newer, 'line')} newer")
    if report.signed:
        click.echo(report.signed)


def byte_progress() -> Callable[[int, int], None] | None:
    """How far the reading is, on a terminal only, four times a second."""
    if not sys.stderr.isatty():
        return None
    began = told = time.monotonic()

    def tell(done: int, size: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= 0.25 or done >= size:
            told = now
            rate = done / 1e6 / max(now - began, 0.001)
            click.echo(f"\r{done / 1e6:.0f} of {size / 1e6:.0f} MB, {rate:.0f} MB/s\x1b[K", nl=False, err=True)
            if done >= size:
                click.echo("\r\x1b[K", nl=False, err=True)

    return tell


@commands.command()
@archive_option
@click.option("--port", type=click.IntRange(0, 65535), default=8002, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def replay(archive_dir: str | None, port: int, host: str) -> None:
    """Show captured pages in a browser, as they were. Ctrl-C ends it."""
    from archive.replay import ReplayServer

    with ReplayServer(ArchiveDir.find(archive_dir), port=port, host=host) as server:
        click.echo(f"replay at {server.url} (Ctrl-C ends it)", err=True)
        with suppress(KeyboardInterrupt):
            server.wait()


@commands.command()
@archive_option
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("words", nargs=-1)
@form_option("csv", "Articles, for a spreadsheet.")
@form_option("jsonl", "Articles, a JSON object on each line.")
@form_option("parquet", "Articles, in typed columns: DuckDB, pandas.")
@form_option("cdxj", "Captures: an index of the WARCs.")
@form_option("wacz", "The records, with pages and index: replays by itself.")
@filter_options
@click.option("--crawl", metavar="NAME", help="Only what this crawl captured; `muragat status` names them.")
@click.option("--limit", type=click.IntRange(1), help="So many articles, the oldest.")
@click.option("--no-bom", is_flag=True, help="CSV without the mark by which Excel knows UTF-8.")
def export(
    archive_dir: str | None,
    path: Path,
    words: tuple[str, ...],
    no_bom: bool,
    crawl: str | None,
    form: str | None = None,
    **filters: Unpack[Filters],
) -> None:
    """Write everything, or what the words and options choose, to one file; by its ending, where no option says.

    PATH - is standard output, for --csv, --jsonl and --cdxj.
    """
    from archive.export import Form, Selection, form_of
    from archive.export import export as write_export

    directory = ArchiveDir.find(archive_dir)
    to_stdout = str(path) == "-"
    if to_stdout and not form:
        raise click.UsageError("say --csv, --jsonl or --cdxj: - has no ending that tells")
    try:
        chosen = Form(form) if form else form_of(path)
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    done = write_export(
        directory,
        sys.stdout.buffer if to_stdout else path,
        form=chosen,
        choice=Selection(words=" ".join(words), crawl=crawl, **filters),
        now=datetime.now(UTC),
        bom=not no_bom and not to_stdout,
    )
    what = _count(done.articles, "article")
    if done.captures is not None:
        what = f"{_count(done.captures, 'capture')} ({what})"
    click.echo(what if to_stdout else f"{path}: {what}, {done.size_bytes / 1e6:.1f} MB", err=True)


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.option("--at", type=Time(), help="As captured nearest to this time [default: last].")
@form_option("text", "One paragraph, for a footnote [default].")
@form_option("bibtex", "An entry for BibTeX or biblatex.")
@form_option("csl", "CSL-JSON, for Zotero and citation processors.")
@form_option("json", "Every field as JSON, for programs.")
def cite(archive_dir: str | None, url: str, at: datetime | None, form: str = "text") -> None:
    """A citation for one article, with the time of its capture and the WARC record that proves it."""
    from archive import cite as citing

    directory = ArchiveDir.find(archive_dir)
    citation = citing.cite(connect_readonly(directory.db), directory, url, at=at)
    if form == "bibtex":
        click.echo(citing.as_bibtex(citation))
    elif form == "csl":
        print_json([citing.as_csl(citation)])
    elif form == "json":
        print_json(citing.as_json(citation))
    else:
        click.echo(citing.as_text(citation))


@commands.command("import")
@archive_option
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--link", is_flag=True, help="Keep a link to each file instead of a copy: it must stay where it is.")
@json_option
def import_(archive_dir: str | None, files: tuple[Path, ...], link: bool, as_json: bool) -> None:
    """Take WARCs, WACZs and ARCs made by others into this archive."""
    from archive.importing import import_files, refusal

    report = import_files(ArchiveDir.find(archive_dir), files, now=datetime.now(UTC), link=link)
    if as_json:
        print_json({"files": [fields(one) for one in report.files], "strangers": report.strangers, "ok": report.ok})
    for one in report.files:
        for line in one.damaged:
            click.secho(f"damaged: {line}", fg="red", err=True)
        if one.already and not as_json:
            click.echo(f"{one.source}: already here as {one.already}; nothing done")
        elif one.kept_as and not as_json:
            held = ", ".join(f"{count} {kind}" for kind, count in sorted(one.records.items()))
            apart = "" if one.read_from == [one.kept_as] else f", read from {', '.join(one.read_from)}"
            click.echo(f"{one.source}: {one.container}, kept as {one.kept_as}{apart}")
            click.echo(f"  {held}: {_count(one.captures, 'capture')}")
    if report.strangers:
        hosts = ", ".join(f"{host} ({count})" for host, count in list(report.strangers.items())[:10])
        click.echo(f"hosts without a profile, their dates read as UTC: {hosts}", err=True)
    if wrong := refusal(report):
        raise wrong


# ---------------------------------------------------------------- printing


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows in columns; long cells are cut on a terminal only. Signs that steer a terminal are left out."""
    limit = 60 if sys.stdout.isatty() else 10_000
    cells = [["" if value is None else one_line(value)[:limit] for value in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    click.echo("  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip())
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows for spreadsheets, which find no formula in them."""
    from archive.export.tables import no_formula

    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows([no_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)


def one_line(value: object) -> str:
    """What any page, server or file may have said, as a terminal can print it."""
    return " ".join(str(value).translate(_STEERING).split())


_STEERING = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


def print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_json_line(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def fields(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}  # type: ignore[attr-defined]


def _count(number: object, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _rows(value: object) -> list[Mapping[str, object]]:
    return list(value) if isinstance(value, list) else []


def _texts(value: object) -> Iterable[str]:
    return map(str, value) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _day(value: object) -> str:
    return str(value)[:16].replace("T", " ") + "Z" if value else "—"


def _zone(zones: Mapping[str, ZoneInfo], site: object) -> ZoneInfo:
    """The clock of a site, by the name of its profile; UTC without one."""
    return zones.get(str(site), ZoneInfo("UTC"))


def _local(moment: str | None, zone: ZoneInfo, precision: str | None = None) -> str | None:
    """A moment in a site's zone."""
    if moment is None:
        return None
    at = datetime.fromisoformat(moment).astimezone(zone)
    return f"{at:%Y-%m-%d}" if precision == "day" else f"{at:%Y-%m-%d %H:%M}"


def colours() -> bool:
    """Whether the user wants colours on a terminal that has them (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _in_colour() -> bool:
    return colours() and sys.stdout.isatty()


def _highlight() -> tuple[str, str]:
    return ("\x1b[1;33m", "\x1b[0m") if _in_colour() else ("«", "»")


def _mark(text: str, start: str, end: str) -> str:
    return text.replace(MARK_START, start).replace(MARK_END, end)

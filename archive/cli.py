"""The commands that read an archive: index, search, show, diff, changes, spam, timemap, query, status, verify, replay.

No command holds logic: it reads options, calls one function, prints what that returned. Results go to stdout,
everything else to stderr.
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from archive import query as ask
from archive.config import ArchiveDir
from archive.errors import MuragatError, QueryError
from archive.schema import connect_readonly

if TYPE_CHECKING:
    from archive.verify import Report

archive_option = click.option(
    "--archive", "archive_dir", metavar="DIR", help="The archive [default: $MURAGAT_ARCHIVE, else the nearest]."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


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
            return ask.parse_time(str(value))
        except MuragatError as error:
            self.fail(str(error), param, ctx)
        except OverflowError:
            self.fail(f"{value!r} is not a time in UTC: out of range", param, ctx)


class Until(Time):
    """The end of the year, month or day that people type."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The first moment after what the text names."""
        super().convert(value, param, ctx)
        try:
            return ask.end_of(str(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is too far in the future", param, ctx)


class Url(click.ParamType[str]):
    """The address of a page; without a scheme it is taken as https, which keys of pages leave out anyway."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """An address with its scheme."""
        text = str(value).strip()
        if not text or any(letter.isspace() for letter in text):
            self.fail(f"{value!r} is not the address of a page; an example is https://kazakistan.kz/", param, ctx)
        return text if "://" in text else f"https://{text}"


@commands.command()
@archive_option
@click.option("--rebuild", is_flag=True, help="Make archive.db anew from the WARCs alone.")
def index(archive_dir: str | None, rebuild: bool) -> None:
    """Turn what the WARCs hold into rows."""
    from archive.index import index_archive
    from archive.index import rebuild as make_anew

    directory = ArchiveDir.find(archive_dir)
    try:
        report = make_anew(directory) if rebuild else index_archive(directory)
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # the subclasses are mistakes of ours
            raise
        raise MuragatError(f"{directory.db}: {error}; delete it, `muragat index` then makes it anew") from error
    for line in report.damaged:
        click.echo(f"damaged: {line}", err=True)
    if report.unread:
        click.secho(f"{report.unread} pages broke the reader: {_UNREAD_HINT}", fg="red", err=True)
    click.echo(
        f"{_count(report.warcs, 'WARC')}, {_count(report.captures, 'capture')} indexed,"
        f" {report.articles} of them articles",
        err=True,
    )
    if report.damaged:
        raise MuragatError(
            f"could not read {_count(len(report.damaged), 'stretch', 'stretches')}; `muragat verify` says where"
        )


@commands.command()
@archive_option
@click.argument("words", nargs=-1)
@click.option("--since", type=Time(), help="Published at or after this time.")
@click.option("--until", type=Until(), help="Published until the end of this day, month or year.")
@click.option("--section", help="Only this section.")
@click.option("--author", help="Only this author.")
@click.option(
    "--sort", type=click.Choice(["relevance", "date"]), default="relevance", show_default=True, help="What comes first."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Articles at most.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Pass over this many, for the next page.")
@json_option
def search(
    archive_dir: str | None,
    words: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    section: str | None,
    author: str | None,
    sort: str,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """Find articles. Endings, capitals and Turkish letters need not match; "…" is a phrase, -word leaves out."""
    directory = ArchiveDir.find(archive_dir)
    db = connect_readonly(directory.db)
    typed = " ".join(words)
    if typed.strip() and not ask.fts_query(db, typed):
        raise QueryError(f"{typed!r} holds no word to look for; without words the newest articles are listed")
    found = ask.search(
        db,
        typed,
        since=since,
        until=until,
        section=section,
        author=author,
        by_date=sort == "date",
        limit=limit,
        offset=offset,
    )
    if as_json:
        hits = [{**fields(hit), "snippet": _mark(hit.snippet, "", "")} for hit in found.hits]
        print_json({"total": found.total, "offset": offset, "hits": hits})
        return
    zones = _zones(directory)
    for hit in found.hits:
        gone = click.style("  (gone from the site)", fg="red") if hit.gone_at else ""
        click.echo(click.style(hit.title, bold=True) + gone)
        click.echo("  " + "  ".join(filter(None, [_local(hit.published_at, zones), hit.section, hit.url])))
        if hit.snippet:
            click.echo("  " + _mark(hit.snippet, *_highlight()))
        click.echo()
    shown = f"{offset + 1}–{offset + len(found.hits)} of {found.total}" if found.hits else "nothing found"
    click.echo(shown, err=True)


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.option("--at", type=Time(), help="As captured nearest to this time [default: last].")
@click.option("--raw", is_flag=True, help="The bytes as served, decompressed.")
@json_option
def show(archive_dir: str | None, url: str, at: datetime | None, raw: bool, as_json: bool) -> None:
    """Print one article, or the payload of its page."""
    directory = ArchiveDir.find(archive_dir)
    db = connect_readonly(directory.db)
    if raw:
        sys.stdout.buffer.write(ask.payload(db, directory, url, at=at).decoded())
        return
    shown = ask.article(db, url, at=at)
    if as_json:
        print_json(article_json(shown))
        return
    print_article(shown, _zones(directory))


def article_json(shown: ask.Shown) -> dict[str, object]:
    """One article as `show --json` prints it."""
    lists = ("blocks", "authors", "tags", "images", "sources")
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
        "spam": [
            {**row, "domains": json.loads(str(row["domains"])), "evidence": json.loads(str(row["evidence"]))}
            for row in shown.findings
        ],
    }


def print_article(shown: ask.Shown, zones: Mapping[str | None, ZoneInfo]) -> None:
    """One article for people."""
    said = shown.fields
    zone = zones.get(str(said["site"]), ZoneInfo("UTC"))
    click.echo(click.style(str(said["title"]), bold=True))
    authors = ", ".join(json.loads(str(said["authors"])))
    published = _local(_text(said["published_at"]), {None: zone}, _text(said["published_precision"]))
    click.echo("  " + "  ".join(filter(None, [published, authors, _text(said["section"])])))
    click.echo(f"  {shown.capture.url}")
    click.echo()
    blocks = json.loads(str(said["blocks"]))
    if said["lead"] and (not blocks or str(said["lead"])[:60] not in blocks[0][1]):
        click.echo(click.style(str(said["lead"]), italic=True) + "\n")
    prefixes = {"heading": "## ", "quote": "> ", "item": "- ", "caption": "[picture] "}
    for number, (kind, text) in enumerate(blocks):
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
    if shown.findings:
        places = ", ".join(sorted({str(row["kind"]) for row in shown.findings}))
        click.echo(
            click.style(f"  injected content kept apart: {len(shown.findings)} ({places}); `muragat spam`", fg="yellow")
        )


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.argument("start", required=False, type=Time(), metavar="[FROM]")
@click.argument("end", required=False, type=Time(), metavar="[TO]")
@json_option
def diff(archive_dir: str | None, url: str, start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """What changed between two wordings of an article [default: the first and the last]."""
    difference = ask.compare(connect_readonly(ArchiveDir.find(archive_dir).db), url, start=start, end=end)
    if as_json:
        print_json({**fields(difference), "pieces": [fields(piece) for piece in difference.pieces]})
        return
    print_difference(difference)


def print_difference(difference: ask.Difference) -> None:
    """A difference for people: removed words in [- -], added ones in {+ +}, in colour on a terminal."""
    click.echo(f"{difference.url}\n  from {difference.seen_from[:19]}Z to {difference.seen_to[:19]}Z\n")
    for piece in ask.shorten(difference.pieces):
        if piece.change == "removed":
            click.secho(f"[-{piece.text.strip()}-]", fg="red", nl=False)
            click.echo(" " if piece.text[-1:].isspace() else "", nl=False)
        elif piece.change == "added":
            click.secho("{+" + piece.text.strip() + "+}", fg="green", nl=False)
            click.echo(" " if piece.text[-1:].isspace() else "", nl=False)
        else:
            click.echo(piece.text, nl=False)
    click.echo()


@commands.command()
@archive_option
@click.option("--since", type=Time(), help="Only changes seen since then.")
@json_option
def changes(archive_dir: str | None, since: datetime | None, as_json: bool) -> None:
    """Edited and deleted articles, newest first."""
    found = ask.changes(connect_readonly(ArchiveDir.find(archive_dir).db), since=since)
    if as_json:
        print_json([fields(change) for change in found])
        return
    for change in found:
        click.echo(f"{change.at[:19]}Z  {change.kind:6}  {change.title}\n  {change.url}")
    click.echo(_count(len(found), "change"), err=True)


@commands.command()
@archive_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Domains and examples at most.")
@json_option
def spam(archive_dir: str | None, limit: int, as_json: bool) -> None:
    """What somebody injected: since when, where, by which domains."""
    found = ask.spam(connect_readonly(ArchiveDir.find(archive_dir).db))
    if as_json:
        print_json(fields(found))
        return
    if not found.findings:
        click.echo("no injected content found")
        return
    findings, pages = _count(found.findings, "finding"), _count(found.pages, "page")
    click.echo(f"{findings} on {pages}, first captured {str(found.first_seen)[:19]}Z")
    click.echo("where:   " + ", ".join(f"{kind} {count}" for kind, count in found.kinds.items()))
    click.echo("domains: " + ", ".join(f"{domain} {count}" for domain, count in list(found.domains.items())[:limit]))
    click.echo()
    for example in found.examples[:limit]:
        click.echo(f"{example['kind']:8} {example['url']}\n         {str(example['excerpt'])[:160]}")


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.option("--link", is_flag=True, help="In link format (RFC 7089).")
@json_option
def timemap(archive_dir: str | None, url: str, link: bool, as_json: bool) -> None:
    """Every capture of one URL."""
    captures = ask.timemap(connect_readonly(ArchiveDir.find(archive_dir).db), url).captures
    if as_json:
        rows = [{**fields(c), "captured_at": f"{c.captured_at:%Y-%m-%dT%H:%M:%S.%fZ}"} for c in captures]
        print_json(rows)
    elif link:
        click.echo(ask.links(captures, replay="http://127.0.0.1:8002/web/"), nl=False)
    else:
        for c in captures:
            what = str(c.status) if c.status else "as before" if c.record_type == "revisit" else "no answer"
            note = f"  {c.error}" if c.error else f"  → {c.location}" if c.location else ""
            click.echo(f"{c.captured_at:%Y-%m-%d %H:%M:%SZ}  {what:9}  {c.record_type:8}  {c.content_type}{note}")


@commands.command()
@archive_option
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="Rows at most.")
@json_option
def query(archive_dir: str | None, sql: str, as_csv: bool, limit: int, as_json: bool) -> None:
    """Ask the database in SQL; it is opened read-only."""
    columns, rows = ask.run_sql(ArchiveDir.find(archive_dir), sql, limit=limit)
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        print_table(columns, rows)
    if len(rows) == limit:
        click.echo(f"stopped at {limit} rows; --limit N shows more", err=True)


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
    click.echo(f"  {found['captures']} captures from {_day(found['first_capture'])} to {_day(found['last_capture'])}")
    size = f"{int(str(found['warc_bytes'])) / 1e6:.1f} MB"
    behind = found["bytes_not_indexed"]
    late = f", {behind} bytes not indexed yet: `muragat index`" if behind else ", all indexed"
    click.echo(f"  {_count(found['warcs'], 'WARC')}, {size}{late}")
    if found["damaged"]:
        click.secho(f"  damaged stretches: {found['damaged']}; `muragat verify` says where", fg="red")
    if found["unread"]:
        click.secho(f"  {found['unread']} pages broke the reader: {_UNREAD_HINT}", fg="red")
    if found["spam_findings"]:
        click.secho(f"  {found['spam_findings']} pieces of injected content: `muragat spam`", fg="yellow")
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
    report = check.verify(directory, head=head, key=key, progress=_verify_progress())
    if as_json:
        print_json({**fields(report), "findings": [fields(finding) for finding in report.findings]})
    else:
        print_verified(report)
    if sign_with:
        signed = check.sign(directory, sign_with, at=datetime.now(UTC))
        click.echo(f"signed the head {signed.head} as {signed.key}", err=True)
    if report.findings:
        raise MuragatError(f"{_count(len(report.findings), 'finding')}; what is damaged can only come back from a copy")


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


def _verify_progress() -> Callable[[int, int], None] | None:
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
    """Rows in columns; long cells are cut on a terminal only."""
    limit = 60 if sys.stdout.isatty() else 10_000
    cells = [["" if value is None else " ".join(str(value).split())[:limit] for value in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    click.echo("  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip())
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _day(value: object) -> str:
    return str(value)[:16].replace("T", " ") + "Z" if value else "—"


def _zones(directory: ArchiveDir) -> dict[str | None, ZoneInfo]:
    sites = directory.all_sites()
    return {None: sites[0].zone if len(sites) == 1 else ZoneInfo("UTC"), **{site.name: site.zone for site in sites}}


def _local(moment: str | None, zones: Mapping[str | None, ZoneInfo], precision: str | None = None) -> str | None:
    """A moment in the site's zone."""
    if moment is None:
        return None
    at = datetime.fromisoformat(moment).astimezone(zones[None])
    return f"{at:%Y-%m-%d}" if precision == "day" else f"{at:%Y-%m-%d %H:%M}"


def _highlight() -> tuple[str, str]:
    return ("\x1b[1;33m", "\x1b[0m") if sys.stdout.isatty() else ("«", "»")


def _mark(text: str, start: str, end: str) -> str:
    return text.replace(ask.MARK_START, start).replace(ask.MARK_END, end)

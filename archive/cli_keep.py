"""The commands that keep an archive: hide, unhide, hidden, backup, restore.

They join those of archive/cli.py when this is imported.
"""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from archive import hidden as hiding
from archive.cli import (
    Time,
    Url,
    archive_option,
    byte_progress,
    commands,
    fields,
    json_option,
    print_json,
    print_table,
)
from archive.config import ArchiveDir
from archive.errors import MuragatError, QueryError
from archive.hidden_log import compare, known, lost_line
from archive.warc import warc_date


class End(Time):
    """When something ends: a day, month or year with all of it, or a moment."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The first moment after it."""
        super().convert(value, param, ctx)
        try:
            return hiding.until_end(str(value))
        except (QueryError, ValueError, OverflowError):
            self.fail(f"{value!r} is too far in the future", param, ctx)


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.option("--reason", required=True, metavar="TEXT", help="Why, as readers will be told.")
@click.option("--until", type=End(), help="It shows again after this day (UTC), by itself.")
def hide(archive_dir: str | None, url: str, reason: str, until: datetime | None) -> None:
    """Take a page out of search, replay, exports and all else that readers see; its bytes are kept.

    A page that is not captured yet is hidden when it is. Further pages of an article go with it.
    """
    directory = ArchiveDir.find(archive_dir)
    page = hiding.hide(directory, url, reason=reason, who=_user(), now=datetime.now(UTC), until=until)
    click.echo(f"{url}: {page}")
    reach = hiding.reach(directory, url)
    if reach is None:
        click.echo("there are no rows yet; `muragat index` makes them without it", err=True)
        return
    if reach.captures:
        click.echo(f"  captures out of sight: {reach.captures}; `muragat unhide {url}` brings them back", err=True)
    else:
        click.echo("  nothing is captured under this address yet: what is captured later will be hidden", err=True)
    for other in reach.pages:
        click.echo(f"  with it: {other}", err=True)
    if reach.leads_to:
        click.echo(f"  it redirects to {reach.leads_to}, which is not hidden by this", err=True)
    for other in reach.elsewhere:
        click.echo(f"  NOT hidden, though it says the same: {other}", err=True)


@commands.command()
@archive_option
@click.argument("url", type=Url())
def unhide(archive_dir: str | None, url: str) -> None:
    """Show a hidden page again."""
    hiding.unhide(ArchiveDir.find(archive_dir), url, who=_user(), now=datetime.now(UTC))
    click.echo(f"{url}: shown again")


@commands.command()
@archive_option
@json_option
def hidden(archive_dir: str | None, as_json: bool) -> None:
    """The pages that are hidden now, since when, until when, why and by whom."""
    now = datetime.now(UTC)
    directory = ArchiveDir.find(archive_dir)
    pages = [page for page in known(directory).values() if page.holds(now)]
    pages.sort(key=lambda page: (page.hidden_at, page.url))
    rows = [
        {
            "url": page.url,
            "hidden_at": warc_date(page.hidden_at),
            "until": warc_date(page.until) if page.until else None,
            "reason": page.reason,
            "who": page.who,
        }
        for page in pages
    ]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        click.echo("nothing is hidden", err=True)
    if lost := compare(directory).lost:
        click.secho(lost_line([page.url for page in lost]), fg="red", err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())


@commands.command()
@archive_option
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--copy", is_flag=True, help="Copy WARCs where a hard link could be made, too.")
@click.option("--full", is_flag=True, help="Read every WARC the backup holds, and make damaged ones anew.")
@click.option("--verify", "only_check", is_flag=True, help="Only check the backup in DIR: every byte of it.")
@json_option
def backup(archive_dir: str | None, folder: Path, copy: bool, full: bool, only_check: bool, as_json: bool) -> None:
    """Keep a copy of the archive in DIR, or bring the one there up to date; a crawl may run meanwhile."""
    from archive import backup as keeping

    if only_check:
        _check_backup(folder, as_json=as_json)
        return
    directory = ArchiveDir.find(archive_dir)
    done = keeping.backup(directory, folder, now=datetime.now(UTC), copy=copy, full=full, progress=byte_progress())
    contents = done.contents
    if as_json:
        said = {**fields(done), "files": len(contents.files), "size_bytes": contents.size_bytes, "head": contents.head}
        print_json({name: value for name, value in said.items() if name != "contents"})
    else:
        if done.resumed:
            click.echo("went on with what an interrupted backup had left", err=True)
        click.echo(
            f"{folder}: {len(contents.files)} files, {contents.size_bytes / 1e6:.1f} MB;"
            f" {done.copied_bytes / 1e6:.1f} MB of WARCs copied now, {done.linked} linked"
        )
        if contents.head:
            click.echo(f"head {contents.head}")
    for name in done.mended:
        click.echo(f"was damaged or missing in the backup, and is made anew: {name}", err=True)
    for line in done.damaged:
        click.secho(f"damaged in the archive: {line}", fg="red", err=True)
    if done.damaged:
        raise MuragatError(f"{folder} holds what there is, but the archive is damaged; `muragat verify` says all")


def _check_backup(folder: Path, *, as_json: bool) -> None:
    from archive.restore import check

    contents, wrong = check(folder, progress=byte_progress())
    if as_json:
        print_json({"made_at": contents.made_at, "files": len(contents.files), "damaged": wrong})
    for line in wrong:
        click.secho(line, fg="red", err=True)
    if wrong:
        raise MuragatError(
            f"{folder}: {len(wrong)} of {len(contents.files)} files are damaged;"
            f" `muragat backup --full {folder}` makes them anew from the archive"
        )
    if not as_json:
        click.echo(
            f"{folder}: {len(contents.files)} files, {contents.size_bytes / 1e6:.1f} MB, all as they were at"
            f" {contents.made_at[:19]}Z"
        )


@commands.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("to", metavar="TO", type=click.Path(path_type=Path))
def restore(folder: Path, to: Path) -> None:
    """Make an archive in the new folder TO of the backup in DIR, after every byte of it was checked."""
    from archive.restore import restore as make

    made = make(folder, to, progress=byte_progress())
    click.echo(
        f"{to}: the archive of {made.contents.made_at[:19]}Z, {len(made.contents.files)} files,"
        f" {made.contents.size_bytes / 1e6:.1f} MB; {made.captures} captures indexed anew"
    )
    click.echo(f"`muragat --archive {to} verify` checks its records", err=True)
    if made.hidden_lost:
        raise MuragatError(lost_line(made.hidden_lost))

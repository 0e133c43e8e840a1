"""The commands that keep an archive: hide, unhide, hidden. They join those of archive/cli.py when this is imported."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime

import click

from archive import hidden as hiding
from archive.cli import Time, Url, archive_option, commands, json_option, print_json, print_table
from archive.config import ArchiveDir
from archive.errors import QueryError
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
    click.echo(f"  {reach.captures} captures are out of sight; `muragat unhide {url}` brings them back", err=True)
    if not reach.captures:
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
    pages = [page for page in hiding.standing(ArchiveDir.find(archive_dir).hidden).values() if page.holds(now)]
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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())

"""The commands about wordings: diff and changes; and what makes the others easier to type: completion."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli import Time, Until, Url, archive_option, commands, fields, json_option, print_json, tell_unknown_site
from archive.config import ArchiveDir
from archive.schema import connect_readonly

if TYPE_CHECKING:
    from archive.differences import Difference
    from archive.edits import Change

_SORT = click.Choice(["weight", "date"])
_WEIGHT_COLOURS = {"substance": "red", "wording": "yellow", "trifle": None}


@commands.command()
@archive_option
@click.argument("url", type=Url())
@click.argument("start", required=False, type=Time(), metavar="[FROM]")
@click.argument("end", required=False, type=Time(), metavar="[TO]")
@click.option("--html", "page", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True), help="Write a page.")
@json_option
def diff(
    archive_dir: str | None, url: str, start: datetime | None, end: datetime | None, page: Path | None, as_json: bool
) -> None:
    """What changed between two wordings of an article [default: the first and the last].

    FROM and TO are times: the wording that the page had then.
    """
    from archive.differences import compare

    difference = compare(connect_readonly(ArchiveDir.find(archive_dir).db), url, start=start, end=end)
    if as_json:
        print_json({**fields(difference), "pieces": [fields(piece) for piece in difference.pieces]})
    elif page:
        from archive.diff_page import diff_page

        if str(page) == "-":
            sys.stdout.buffer.write(diff_page(difference).encode())
        else:
            page.write_text(diff_page(difference), "utf-8")
            click.echo(f"{page} shows it in a browser", err=True)
    else:
        print_difference(difference)


def print_difference(difference: Difference) -> None:
    """A difference for people: removed words in [- -], added ones in {+ +}, in colour on a terminal."""
    from archive.differences import shorten

    click.echo(f"{difference.url}\n  from {difference.seen_from[:19]}Z to {difference.seen_to[:19]}Z")
    for line in difference.changes:
        click.echo(f"  {line}")
    click.echo()
    for piece in shorten(difference.pieces):
        if piece.change == "removed":
            click.secho(f"[-{piece.text.strip()}-]", fg="red", nl=False)
        elif piece.change == "added":
            click.secho("{+" + piece.text.strip() + "+}", fg="green", nl=False)
        else:
            click.echo(piece.text, nl=False)
            continue
        click.echo(piece.text[len(piece.text.rstrip()) :] and " ", nl=False)
    click.echo()


@commands.command()
@archive_option
@click.option("--since", type=Time(), help="Only changes seen since then.")
@click.option("--until", type=Until(), help="Only changes seen until the end of this day, month or year.")
@click.option("--site", help="Only this site, by its name or its host.")
@click.option("--sort", type=_SORT, default="weight", show_default=True, help="date: the newest first.")
@click.option("--limit", type=click.IntRange(1), help="This many at most.")
@json_option
def changes(
    archive_dir: str | None,
    since: datetime | None,
    until: datetime | None,
    site: str | None,
    sort: str,
    limit: int | None,
    as_json: bool,
) -> None:
    """Edited and deleted articles, with what changed; first other headlines, numbers, dates and names, and deletions.

    Then other wordings, then trifles: punctuation, capitals, spacing, layout.
    """
    from archive.edits import changes as list_changes

    db = connect_readonly(ArchiveDir.find(archive_dir).db)
    found = list_changes(db, since=since, until=until, site=site, sort=sort, limit=limit)
    if not found:
        tell_unknown_site(db, site)
    if as_json:
        print_json([fields(change) for change in found])
        return
    for change in found:
        print_change(change)
    click.echo(f"{len(found)} change{'' if len(found) == 1 else 's'}", err=True)


def print_change(change: Change) -> None:
    """One change for people."""
    click.echo(f"{change.at[:16].replace('T', ' ')}Z  ", nl=False)
    click.secho(
        f"{change.weight if change.kind == 'edited' else 'gone':9}", fg=_WEIGHT_COLOURS[change.weight], nl=False
    )
    click.echo(f"  {change.title}\n    {change.what}\n    {change.url}")


@commands.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script by which a shell completes commands and options.

    \b
    bash  eval "$(muragat completion bash)"     in ~/.bashrc
    zsh   eval "$(muragat completion zsh)"      in ~/.zshrc
    fish  muragat completion fish | source      in config.fish

    docs/commands.md says more.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # click has the three
    root = context.find_root()
    click.echo(kind(root.command, {}, "muragat", "_MURAGAT_COMPLETE").source())

"""The commands that fetch: init, site, crawl, schedule, demo; and `main`, which joins both command sets.

Scrapy, and what imports it, is imported inside commands only: a reader's install has none.
"""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

import archive
import archive.cli as reading
import archive.cli_changes
import archive.cli_keep  # its commands join those of archive.cli
from archive.config import ArchiveDir
from archive.errors import ConfigError, MuragatError, way_out

if TYPE_CHECKING:
    from crawler.run import Report

archive_option, json_option = reading.archive_option, reading.json_option


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="muragat")
@click.option("--archive", "archive_dir", metavar="DIR", help="The archive, for any command.")
def cli(archive_dir: str | None) -> None:
    """Keep news sites: crawl them into WARC files, read the articles out of them, replay any page as it was."""
    if archive_dir:
        os.environ["MURAGAT_ARCHIVE"] = archive_dir


@cli.command()
@click.argument("directory", required=False, default="muragat-archive", type=click.Path(path_type=Path))
@click.option("--site", "url", metavar="URL", help="A site to archive; it is looked at once.")
@click.option("--contact", default="", help="Mail address or page where a site's owner reaches you.")
@click.option("--operator", default="", help="Who runs this; goes into every WARC.")
def init(directory: Path, url: str | None, contact: str, operator: str) -> None:
    """Make an archive directory, and a profile for a site."""
    from crawler.begin import init_archive

    for line in init_archive(directory, url=url, contact=contact, operator=operator):
        click.echo(line, err=True)


@cli.group()
def site() -> None:
    """The sites of an archive."""


@site.command("add")
@archive_option
@click.argument("url")
def site_add(archive_dir: str | None, url: str) -> None:
    """Look at a site once, and write its profile."""
    from crawler.probe import add_site
    from crawler.run import user_agent

    directory = ArchiveDir.find(archive_dir)
    for line in add_site(directory, url, user_agent=user_agent(directory.config()))[1]:
        click.echo(line, err=True)


@site.command("list")
@archive_option
def site_list(archive_dir: str | None) -> None:
    """Name, title and hosts of each site."""
    rows = [[s.name, s.title, ", ".join(s.crawl.hosts)] for s in ArchiveDir.find(archive_dir).all_sites()]
    reading.print_table(["name", "title", "hosts"], rows)


@cli.command()
@archive_option
@click.argument("site_name", metavar="[SITE]", required=False)
@click.option("--full", is_flag=True, help="Fetch everything again, not only what is due.")
@click.option("--limit", type=click.IntRange(1), help="Fetch this many URLs at most.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the rows are in.")
@json_option
def crawl(
    archive_dir: str | None, site_name: str | None, full: bool, limit: int | None, no_wait: bool, as_json: bool
) -> None:
    """Fetch what is due into a new WARC; rows follow while it runs. Ctrl-C stops it cleanly, the next run goes on."""
    from crawler.crawl import report_json, report_lines, run_crawl

    directory = ArchiveDir.find(archive_dir)
    name = directory.site(site_name).name
    report = run_crawl(directory, name, full=full, limit=limit, wait=not no_wait)
    if as_json:
        reading.print_json(report_json(report))
    else:
        for line in report_lines(report):
            click.echo(line)
    _end(report)


@cli.command()
@archive_option
@click.argument("urls", nargs=-1, required=True, metavar="URL…")
@json_option
def save(archive_dir: str | None, urls: tuple[str, ...], as_json: bool) -> None:
    """Fetch these pages now, due or not, with what they need to be shown."""
    from crawler.crawl import report_json, report_lines
    from crawler.crawl import save as save_pages

    for report in save_pages(ArchiveDir.find(archive_dir), urls):
        if as_json:
            reading.print_json(report_json(report))
        else:
            for line in report_lines(report):
                click.echo(line)
        if report.reason == "interrupted":
            _end(report)


@cli.command()
@archive_option
@click.argument("site_name", metavar="[SITE]", required=False)
@click.option("--state", type=click.Choice(["waiting", "leased", "done", "failed", "refused"]), help="In this state.")
@click.option("--rule", metavar="RULE", help="Refused or failed for this reason; as `muragat urls` counts them.")
@click.option("--containing", metavar="TEXT", help="With this in the address.")
@click.option("--limit", type=click.IntRange(1), help="This many at most.")
@json_option
def urls(
    archive_dir: str | None,
    site_name: str | None,
    state: str | None,
    rule: str | None,
    containing: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """What the crawl knows of a site's addresses: counted by state and rule, or listed by the options."""
    from crawler.account import find as find_urls
    from crawler.account import tally
    from crawler.frontier_db import open_existing

    directory = ArchiveDir.find(archive_dir)
    name = directory.site(site_name).name
    with open_existing(directory.frontier_db) as connection:
        if state or rule or containing or limit:
            found = find_urls(connection, name, state=state, rule=rule, words=containing, limit=limit)
            for one in found:
                if as_json:
                    reading.print_json_line(reading.fields(one))
                else:
                    click.echo("\t".join([one.state, one.reason or str(one.status or ""), one.url, one.found_on]))
        elif as_json:
            reading.print_json(
                [{"state": s, "reason": why, "urls": count} for s, why, count in tally(connection, name)]
            )
        else:
            reading.print_table(
                ["state", "reason", "urls"], [[s, why, str(n)] for s, why, n in tally(connection, name)]
            )


def _end(report: Report) -> None:
    from crawler.run import check

    if report.reason == "interrupted":
        click.echo("interrupted; everything fetched is kept, `muragat crawl` goes on with what is waiting", err=True)
        sys.exit(130)
    check(report)


@cli.group()
def schedule() -> None:
    """Crawls that recur: tables [schedule.NAME] of muragat.toml."""


@schedule.command("list")
@archive_option
@json_option
def schedule_list(archive_dir: str | None, as_json: bool) -> None:
    """When each crawl last ran and runs next."""
    from crawler.schedule import last_runs, plan

    directory = ArchiveDir.find(archive_dir)
    planned = plan(directory.config(), now=datetime.now(UTC), last=last_runs(directory))
    if as_json:
        reading.print_json([reading.fields(one) for one in planned])
    elif not planned:
        click.echo(f"nothing is scheduled; an example for {directory.config_path}:\n")
        click.echo('[schedule.nightly]\nsite = "NAME"\nevery = "6h"')
    else:
        times = [[_moment(one.last_started_at), _moment(one.next_at)] for one in planned]
        rows = [[one.name, one.site, *when] for one, when in zip(planned, times, strict=True)]
        reading.print_table(["name", "site", "last started", "next"], rows)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S%z}" if at else "never"


@schedule.command("run")
@archive_option
def schedule_run(archive_dir: str | None) -> None:
    """Start each crawl when it is due, until SIGTERM or Ctrl-C."""
    from crawler.schedule import run

    run(ArchiveDir.find(archive_dir))


@schedule.command("systemd")
@archive_option
@click.option("--user", help="User the service runs as.")
def schedule_systemd(archive_dir: str | None, user: str | None) -> None:
    """Print a systemd service that runs the daemon."""
    from crawler.schedule import systemd_unit

    click.echo(systemd_unit(ArchiveDir.find(archive_dir), python=sys.executable, user=user), nl=False)


@schedule.command("cron")
@archive_option
def schedule_cron(archive_dir: str | None) -> None:
    """Print crontab lines that start the crawls without the daemon."""
    from crawler.schedule import cron_lines

    directory = ArchiveDir.find(archive_dir)
    config = directory.config()
    click.echo(cron_lines(config, directory, python=sys.executable), nl=False)
    if not config.schedule:
        click.echo("nothing is scheduled; `muragat schedule list` shows an example", err=True)


@cli.command()
@click.option("--keep", is_flag=True, help="Leave the archive and the replay running until Ctrl-C.")
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Where to make the archive [default: a temporary folder]."
)
def demo(keep: bool, directory: Path | None) -> None:
    """The whole story on the bundled site: crawl, read, search, compare, verify, replay."""
    from crawler.demo.story import tell

    tell(keep=keep, directory=directory)


for command in reading.commands.commands.values():
    cli.add_command(command)


def _refuse_strangers() -> None:
    """Stop when `archive` or `crawler` is somebody else's package: a folder of that name would be run instead of us."""
    home = Path(__file__).resolve().parent.parent
    if Path(archive.__file__ or "").resolve().parent.parent != home:
        raise ConfigError(
            f"the package `archive` that Python found at {archive.__file__} is not muragat's; start from another folder"
        )


def main() -> None:
    """`muragat`: exit 0 done, 1 a MuragatError (3 a hidden page), 2 wrong usage, 130 interrupted."""
    # A reader that stops listening (`muragat search … | head`) ends us quietly, as every Unix tool.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _open_what_is_closed()
    try:
        _refuse_strangers()
        code = cli.main(prog_name="muragat", standalone_mode=False, color=None if reading.colours() else False) or 0
        sys.stdout.flush()  # here, where it is one line when it fails
        sys.exit(code)
    except MuragatError as error:
        click.echo(f"muragat: {reading.one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click before 8.2 has none
            click.echo(error.format_message())
        else:
            click.echo(f"muragat: {_usage(error)}", err=True)
        sys.exit(error.exit_code)
    except UnicodeEncodeError:
        # A path may be any bytes; what is looked up, or written down, is text.
        if not any("\udc80" <= sign <= "\udcff" for word in sys.argv for sign in word):
            raise
        click.echo("muragat: an argument holds bytes that are no UTF-8; type it as text", err=True)
        sys.exit(2)
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # the subclasses are mistakes of ours
            raise
        click.echo(f"muragat: archive.db: {error}; `muragat index --rebuild` makes it anew from the WARCs", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno is None:
            raise
        if error.filename is None:
            _give_up_output(error)
            click.echo(f"muragat: the output cannot be written: {error.strerror}; send it elsewhere", err=True)
        else:
            click.echo(f"muragat: {error.filename}: {error.strerror}; {way_out(error)}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = {"scrapy": "crawl", "selectolax": "crawl", "apscheduler": "crawl", "pywb": "web", "waitress": "web"}
        missing = extra.get((error.name or "").partition(".")[0])
        if missing is None:
            raise
        click.echo(f"muragat: this command needs {error.name}; `pip install 'muragat[{missing}]'`", err=True)
        sys.exit(1)


def _open_what_is_closed() -> None:
    """Give the process the streams it was started without (`muragat … >&-`); to write to that output is an error."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _give_up_output(error: OSError) -> None:
    """Forget what could not be written: Python would try it once more at the end. Raises what is a mistake of ours."""
    if error.errno not in _OUTPUT_REFUSED:
        raise error
    with suppress(OSError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_OUTPUT_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def _usage(error: click.ClickException) -> str:
    """What was wrong with a command as typed, and where its options are explained; one line."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "muragat"
    what = " ".join(error.format_message().split()).rstrip(".")
    return f"{what}{'' if what.endswith('?') else ';'} `{path} --help` says what there is"


if __name__ == "__main__":
    main()

"""Which crawl starts when: the `[schedule.NAME]` tables of muragat.toml, the daemon that follows them, and the forms
in which systemd and cron would.

A crawl is always a process of its own (`crawl_command`); what it does, and the lock on its site, are that process's.
Five-field times mean what crontab(5) says they mean, in the zone the table names.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import IO, Any
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from archive.config import ArchiveDir, Config, Schedule
from archive.errors import ConfigError, LockedError

logger = logging.getLogger(__name__)

LOG_BYTES = 10_000_000  # a crawl's log this long becomes NAME.log.1 before the next run
INTERRUPTED = 130  # a crawl's exit code after Ctrl-C: not done, to be continued
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Command = Callable[[Schedule], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """When one scheduled crawl started last and starts next."""

    name: str
    site: str
    last_started_at: datetime | None  # UTC; None: never
    next_at: datetime  # UTC; `now` when it is due, once however many times were missed


def plan(config: Config, *, now: datetime, last: Mapping[str, datetime]) -> list[Planned]:
    """What runs next, the soonest first. Raises ConfigError for a table that cannot be followed."""
    planned = [
        Planned(
            name=name,
            site=schedule.site,
            last_started_at=last.get(name),
            next_at=_next_at(name, schedule, now=now, last=last.get(name)),
        )
        for name, schedule in config.schedule.items()
    ]
    return sorted(planned, key=lambda one: (one.next_at, one.name))


def _next_at(name: str, schedule: Schedule, *, now: datetime, last: datetime | None) -> datetime:
    _check(name, schedule)
    if schedule.every is not None:
        interval = every(name, schedule)
        return max(now, last + interval) if last else now
    # From just after the last start; one that lies before `now` was missed and is due.
    since = last + timedelta(microseconds=1) if last else now
    found: datetime | None = cron_trigger(name, schedule).get_next_fire_time(None, min(since, now))
    if not found:
        raise ConfigError(f"muragat.toml: [schedule.{name}] cron {schedule.cron!r} is a day that never comes")
    return max(now, found.astimezone(UTC))


def _check(name: str, schedule: Schedule) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ConfigError(f"muragat.toml: [schedule.{name}]: a name is letters, digits, '-', '_' and '.'; e.g. daily")
    if (schedule.every is None) == (schedule.cron is None):
        what = "neither every nor cron" if schedule.every is None else "both every and cron"
        raise ConfigError(f'muragat.toml: [schedule.{name}] has {what}; write one: every = "6h" or cron = "30 6 * * *"')


def every(name: str, schedule: Schedule) -> timedelta:
    """The interval of `every`: a whole number of s, m, h, d or w."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", schedule.every or "")
    if not match:
        example = '"30m", "6h", "1d" or "1w"'
        raise ConfigError(f"muragat.toml: [schedule.{name}] every = {schedule.every!r} is not like {example}")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def cron_trigger(name: str, schedule: Schedule) -> Any:
    """An APScheduler trigger for five crontab fields."""
    text = schedule.cron or ""
    fields = text.lower().split()
    shape = [r"[\d*,/-]+"] * 3 + [r"[\da-z*,/-]+"] * 2
    if len(fields) != 5 or not all(re.fullmatch(a, b) for a, b in zip(shape, fields, strict=True)):
        raise ConfigError(f"muragat.toml: [schedule.{name}] cron {text!r} is not five fields like '30 6 * * mon-fri'")
    minute, hour, day, month, weekday = fields
    try:
        zone = ZoneInfo(schedule.zone)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"muragat.toml: [schedule.{name}] zone {schedule.zone!r}: say one like Asia/Almaty"
        ) from error
    try:
        common = {"minute": minute, "hour": hour, "month": month, "timezone": zone}
        weekdays = _weekdays(weekday)
        # crontab(5): when both days are restricted, either suffices; APScheduler would ask for both.
        if not day.startswith("*") and not weekday.startswith("*"):
            return OrTrigger([CronTrigger(day=day, **common), CronTrigger(day_of_week=weekdays, **common)])
        return CronTrigger(day=day, day_of_week=weekdays, **common)
    except ValueError as error:
        raise ConfigError(f"muragat.toml: [schedule.{name}] cron {text!r}: {error}; e.g. '30 6 * * mon-fri'") from error


def _weekdays(field: str) -> str:
    """cron's weekdays by name: APScheduler 3 counts from Monday, cron from Sunday (its issue 286)."""
    days: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("sun-sat" if span == "*" else span).partition("-")
        begin = _weekday(first)
        end = _weekday(last) if last else begin
        if begin and last and not end:
            end = 7  # fri-sun
        days |= {day % 7 for day in range(begin, end + 1, int(step or 1))}
    if not days:
        raise ValueError(f"no weekday in {field!r}")
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday(text: str) -> int:
    number = int(text) if text.isdecimal() else _WEEKDAYS.index(text)
    if number > 7:
        raise ValueError(f"weekday {number} is not 0 to 7")
    return number


def crawl_command(directory: ArchiveDir, schedule: Schedule, *, python: str = sys.executable) -> list[str]:
    """The arguments that start one scheduled crawl."""
    root = str(directory.root.resolve())
    argv = [python, "-P", "-m", "crawler.cli", "--archive", root, "crawl", schedule.site]
    return [*argv, "--full"] if schedule.full else argv


def run(directory: ArchiveDir, *, stop: threading.Event | None = None, command: Command | None = None) -> None:
    """Start each crawl when it is due, until SIGTERM, SIGINT or `stop`; then end the ones that run and return.

    A missed crawl is caught up once. Raises ConfigError for a table that cannot be followed or names no site of this
    archive, LockedError when another daemon does this already.
    """
    config = directory.config()
    if not config.schedule:
        example = '[schedule.daily] with site = "NAME" and every = "1d"'
        raise ConfigError(f"{directory.config_path} has no [schedule.NAME]; add {example}")
    for schedule in config.schedule.values():
        directory.site(schedule.site)
    directory.logs.mkdir(exist_ok=True)
    with _only_daemon(directory), _signals(stop or threading.Event()) as (ending, received):
        daemon = _Daemon(directory, ending, command or (lambda schedule: crawl_command(directory, schedule)))
        scheduler = _scheduler(config, daemon.crawl, plan(config, now=_now(), last=last_runs(directory)))
        scheduler.start()
        ending.wait()
        scheduler.remove_all_jobs()
        daemon.end(received)
        scheduler.shutdown(wait=True)
    logger.info("scheduler ended")


def _scheduler(config: Config, crawl: Callable[[str, Schedule], None], planned: list[Planned]) -> Any:
    scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(len(planned))})
    for one in planned:
        schedule = config.schedule[one.name]
        if schedule.every:
            seconds = every(one.name, schedule).total_seconds()
            trigger = IntervalTrigger(seconds=int(seconds), start_date=one.next_at, timezone=UTC)
        else:
            trigger = cron_trigger(one.name, schedule)
        scheduler.add_job(
            crawl,
            trigger,
            args=(one.name, schedule),
            id=one.name,
            next_run_time=one.next_at,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,  # however late, once: the machine slept, or a crawl took long
        )
        logger.info("next crawl of %s (%s): %s", one.site, one.name, one.next_at.isoformat(timespec="seconds"))
    scheduler.add_listener(lambda event: _say_skipped(event.job_id), EVENT_JOB_MAX_INSTANCES)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it would say the same again
    return scheduler


def _say_skipped(name: str) -> None:
    logger.warning("skipped: %s is due, but its last crawl is still running", name)


class _Daemon:
    """The crawls that run now. Each has a thread that waits for its process."""

    def __init__(self, directory: ArchiveDir, ending: threading.Event, command: Command) -> None:
        self.directory = directory
        self.ending = ending
        self.command = command
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starting = threading.Lock()
        self._journal = threading.Lock()
        self._sites: dict[str, threading.Lock] = {}

    def crawl(self, name: str, schedule: Schedule) -> None:
        """One run of one table, from its turn at the site to its line in logs/schedule.jsonl."""
        with self._turn(name, schedule.site) as mine:
            if not mine:
                return
            started_at = _now()
            exit_code = self._run(name, schedule)
            if exit_code is None:
                return
            level = logging.INFO if exit_code in (0, INTERRUPTED) else logging.ERROR
            log = _log_path(self.directory, name)
            logger.log(level, "crawl of %s (%s) ended: exit %d; see %s", schedule.site, name, exit_code, log)
            self._record(name, schedule.site, started_at, exit_code)

    @contextmanager
    def _turn(self, name: str, site: str) -> Iterator[bool]:
        """Whether it is this table's turn: two tables may name one site, and a weekly crawl is not to be lost."""
        lock = self._sites.setdefault(site, threading.Lock())
        if not lock.acquire(blocking=False):
            logger.info("%s waits: another crawl of %s is running", name, site)
            while not lock.acquire(timeout=0.2):
                if self.ending.is_set():
                    yield False
                    return
        try:
            yield not self.ending.is_set()
        finally:
            lock.release()

    def _run(self, name: str, schedule: Schedule) -> int | None:
        with _open_log(_log_path(self.directory, name)) as log:
            with self._starting:
                if self.ending.is_set():
                    return None
                try:
                    # A session of its own: Ctrl-C at a terminal reaches it once, from us, not twice.
                    child = subprocess.Popen(
                        self.command(schedule),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                except OSError as error:
                    logger.error("crawl of %s (%s) cannot be started: %s", schedule.site, name, error)
                    return 127
                self._running[name] = child
            logger.info("crawl of %s (%s) started: pid %d", schedule.site, name, child.pid)
            exit_code = child.wait()
        with self._starting:
            del self._running[name]
        return exit_code

    def _record(self, name: str, site: str, started_at: datetime, exit_code: int) -> None:
        moments = {"started_at": _text(started_at), "finished_at": _text(_now())}
        line = json.dumps({"name": name, "site": site, **moments, "exit_code": exit_code}, ensure_ascii=False)
        with self._journal, _journal_path(self.directory).open("a+b") as journal:
            journal.seek(max(0, journal.seek(0, os.SEEK_END) - 1))
            torn = journal.read(1) not in (b"", b"\n")  # by a power failure: not to take this line with it
            journal.write(("\n" if torn else "").encode() + line.encode() + b"\n")

    def end(self, received: list[int]) -> None:
        """Ask the crawls that run to end cleanly, and wait; each further signal to us is passed on as well."""
        with self._starting:
            children = dict(self._running)
        passed_on = 0
        while any(child.poll() is None for child in children.values()):
            asked = max(1, len(received))
            for name, child in children.items() if passed_on < asked else ():
                logger.info("ending the crawl %s: pid %d", name, child.pid)
                child.send_signal(signal.SIGINT)  # polls first: never a pid that is somebody else's by now
            passed_on = asked
            threading.Event().wait(0.1)


@contextmanager
def _signals(ending: threading.Event) -> Iterator[tuple[threading.Event, list[int]]]:
    """SIGTERM and SIGINT set the event and are noted, in a main thread; elsewhere there is only the event."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        ending.set()

    if threading.current_thread() is not threading.main_thread():
        yield ending, received
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ending, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _only_daemon(directory: ArchiveDir) -> Iterator[None]:
    directory.locks.mkdir(exist_ok=True)
    with (directory.locks / ".schedule.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200).strip() or "pid unknown"
            raise LockedError(f"a scheduler of {directory.root} is running already ({holder}); stop it first") from None
        file.truncate(0)
        file.write(f"pid {os.getpid()} since {_now():%Y-%m-%d %H:%M:%SZ}")
        file.flush()
        yield
        file.truncate(0)


def last_runs(directory: ArchiveDir) -> dict[str, datetime]:
    """When each table's crawl started last, by name, UTC; one that was interrupted is yet to be done and left out."""
    last: dict[str, datetime] = {}
    try:
        lines = _journal_path(directory).read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return last
    for line in lines:
        try:
            told = json.loads(line)
            name, started_at, done = str(told["name"]), _moment(told["started_at"]), told["exit_code"] != INTERRUPTED
        except (ValueError, KeyError, TypeError):
            continue  # cut off by a power failure
        if done:
            last[name] = max(started_at, last.get(name, started_at))
    return last


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _now() -> datetime:
    return datetime.now(UTC)


def _journal_path(directory: ArchiveDir) -> Path:
    return directory.logs / "schedule.jsonl"


def _log_path(directory: ArchiveDir, name: str) -> Path:
    return directory.logs / f"{name}.log"


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def systemd_unit(directory: ArchiveDir, *, python: str, user: str | None) -> str:
    """A service for the daemon: of the system under `user`, or without one of whoever installs it (`--user`)."""
    root = str(directory.root.resolve())
    start = [python, "-P", "-m", "crawler.cli", "--archive", root, "schedule", "run"]
    wanted = ["After=network-online.target", "Wants=network-online.target"] if user else []
    # A user's own manager cannot always make the mount namespaces that these take.
    fence = ["ProtectSystem=strict", f"ReadWritePaths={_unit_quoted(root)}", "ProtectHome=read-only"]
    fence += ["PrivateDevices=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes"]
    # Its own /tmp would hide an archive that lies in ours.
    fence += [] if root.startswith(("/tmp/", "/var/tmp/")) else ["PrivateTmp=yes"]
    lines = [
        "[Unit]",
        f"Description=muragat: scheduled crawls of {root.replace('%', '%%')}",
        *wanted,
        "",
        "[Service]",
        "Type=exec",
        *([f"User={user}"] if user else []),
        "ExecStart=" + " ".join(_unit_quoted(word).replace("$", "$$") for word in start),
        "Restart=on-failure",
        "RestartSec=30",
        "# SIGTERM to the scheduler alone: it ends the crawl, which finishes its fetches and keeps its queue.",
        "KillSignal=SIGTERM",
        "KillMode=mixed",
        "TimeoutStopSec=10min",
        "Nice=5",
        "NoNewPrivileges=yes",
        "LockPersonality=yes",
        "RestrictSUIDSGID=yes",
        "RestrictRealtime=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        *(fence if user else []),
        "",
        "[Install]",
        f"WantedBy={'multi-user' if user else 'default'}.target",
    ]
    return "\n".join(lines) + "\n"


def _unit_quoted(word: str) -> str:
    """A word in a unit file: systemd.syntax(7), with its specifiers."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return escaped if re.fullmatch(r"[\w/.,:=@%+-]+", escaped) else f'"{escaped}"'


def cron_lines(config: Config, directory: ArchiveDir, python: str) -> str:
    """Lines for `crontab -e`, one for each table; what cron cannot say is a comment that names the daemon."""
    plan(config, now=datetime(2000, 1, 1, tzinfo=UTC), last={})  # a wrong table is an error here too
    head = [f"# muragat: scheduled crawls of {directory.root.resolve()}"]
    zoneless, zoned = [], []
    for name, schedule in config.schedule.items():
        log = shlex.quote(str(_log_path(directory, name).resolve()))
        told = f"{shlex.join(crawl_command(directory, schedule, python=python))} >>{log} 2>&1"
        told = told.replace("%", "\\%")  # a bare one is a new line to cron
        if schedule.cron:
            zoned += [f"# {name}: in the zone {schedule.zone}. cronie obeys CRON_TZ; Debian's cron does not and takes"]
            zoned += ["# the machine's zone, so turn the hour yourself there.", f"CRON_TZ={schedule.zone}"]
            zoned += [f"{' '.join(schedule.cron.split())} {told}"]
        elif fields := cron_fields(every(name, schedule)):
            zoneless += [f"# {name}: every {schedule.every}", f"{fields} {told}"]
        else:
            zoneless += [f"# {name}: cron cannot say every {schedule.every}; `muragat schedule run` can"]
    return "\n".join([*head, *zoneless, *zoned]) + "\n"


def cron_fields(interval: timedelta) -> str | None:
    """An interval as crontab fields; None where the steps would not be even: every 7 h, 90 m, 2 d."""
    minutes, seconds = divmod(int(interval.total_seconds()), 60)
    hours = minutes // 60
    if seconds or not minutes:
        return None
    if 60 % minutes == 0 and minutes < 60:
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    if minutes % 60 == 0 and hours < 24 and 24 % hours == 0:
        return "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
    return {24 * 60: "0 0 * * *", 7 * 24 * 60: "0 0 * * 0"}.get(minutes)

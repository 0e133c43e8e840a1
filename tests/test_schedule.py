"""Crawls start when their tables say, one at a time for each site, and end cleanly with the daemon."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("apscheduler", reason="scheduling needs the extra `crawl`")

from apscheduler.triggers.cron import CronTrigger

from archive.config import ArchiveDir, Config, Schedule
from archive.errors import ConfigError, LockedError, MuragatError
from crawler.schedule import (
    LOG_BYTES,
    crawl_command,
    cron_fields,
    cron_lines,
    cron_trigger,
    last_runs,
    plan,
    run,
    systemd_unit,
)

SITE = 'title = "T"\n[crawl]\nseeds = ["http://127.0.0.1/"]\nhosts = ["127.0.0.1"]\n'

# A crawl in small: notes its start, works for a while, ends cleanly on SIGINT with 130, notes its end.
CHILD = """
import os, signal, sys, time
notes, site, seconds, code = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
def note(what):
    with open(notes, "a") as file:
        file.write(f"{what} {site} {os.getpid()} {time.monotonic()}\\n")
def interrupted(*_):
    time.sleep(0.3)
    note("interrupted"); os._exit(130)
signal.signal(signal.SIGINT, interrupted)
signal.signal(signal.SIGTERM, lambda *_: note("terminated"))
note("start"); print("crawling", site, flush=True)
time.sleep(seconds)
note("end"); sys.exit(code)
"""

# The daemon as `muragat schedule run` would start it: a process, with the crawl replaced by the child above.
DAEMON = """
import logging, sys
from pathlib import Path
from archive.config import ArchiveDir
from crawler.schedule import run
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
root, child, seconds, code = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
run(ArchiveDir(root), command=lambda s: [sys.executable, child, str(root / "notes"), s.site, seconds, code])
"""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def table(**fields: object) -> Config:
    return Config(schedule={"daily": Schedule(site="kz", **fields)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "now", "last", "next_at"),
    [
        ({"every": "6h"}, "2026-11-23T12:00", None, "2026-11-23T12:00"),  # never ran: now
        ({"every": "6h"}, "2026-11-23T12:00", "2026-11-23T08:00", "2026-11-23T14:00"),
        ({"every": "6h"}, "2026-11-23T12:00", "2026-11-20T08:00", "2026-11-23T12:00"),  # missed 13 times: now, once
        ({"every": "1w"}, "2026-11-23T12:00", "2026-11-23T11:00", "2026-11-30T11:00"),
        ({"every": "90m"}, "2026-11-23T12:00", "2026-11-23T11:00", "2026-11-23T12:30"),
        ({"every": "1s"}, "2026-11-23T12:00", "2026-11-23T12:00", "2026-11-23T12:00:01"),
        ({"cron": "30 6 * * *"}, "2026-11-23T12:00", None, "2026-11-24T06:30"),  # never ran: its next hour
        ({"cron": "30 6 * * *"}, "2026-11-23T12:00", "2026-11-23T06:30", "2026-11-24T06:30"),
        ({"cron": "30 6 * * *"}, "2026-11-23T12:00", "2026-11-22T06:30", "2026-11-23T12:00"),  # missed: now
        ({"cron": "30 6 * * *", "zone": "Asia/Almaty"}, "2026-11-23T00:00", None, "2026-11-23T01:30"),
        ({"cron": "0 3 * * 1"}, "2026-11-23T12:00", None, "2026-11-30T03:00"),  # cron's 1 is Monday
        ({"cron": "0 3 * * 0"}, "2026-11-23T12:00", None, "2026-11-29T03:00"),  # and 0 Sunday
        ({"cron": "0 3 * * 7"}, "2026-11-23T12:00", None, "2026-11-29T03:00"),
        ({"cron": "0 3 * * fri-sun"}, "2026-11-23T12:00", None, "2026-11-27T03:00"),
        ({"cron": "0 3 * * sun-tue"}, "2026-11-25T12:00", None, "2026-11-29T03:00"),
        ({"cron": "0 3 * * */3"}, "2026-11-23T12:00", None, "2026-11-25T03:00"),  # 0, 3, 6
        ({"cron": "0 3 1 * wed"}, "2026-11-23T12:00", None, "2026-11-25T03:00"),  # either day suffices
        ({"cron": "0 3 24 * fri"}, "2026-11-23T12:00", None, "2026-11-24T03:00"),
    ],
)
def test_when_the_next_crawl_is(fields: dict[str, str], now: str, last: str | None, next_at: str) -> None:
    (planned,) = plan(table(**fields), now=utc(now), last={"daily": utc(last)} if last else {})

    assert planned.next_at == utc(next_at)
    assert planned.last_started_at == (utc(last) if last else None)
    assert (planned.name, planned.site) == ("daily", "kz")


def test_the_plan_lists_the_soonest_first() -> None:
    config = Config(schedule={"a": Schedule(site="kz", cron="0 9 * * *"), "b": Schedule(site="tr", cron="0 8 * * *")})

    assert [one.name for one in plan(config, now=utc("2026-11-23T00:00"), last={})] == ["b", "a"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, r"\[schedule\.daily\] has neither every nor cron; write one: every = \"6h\""),
        ({"every": "6h", "cron": "0 0 * * *"}, r"\[schedule\.daily\] has both every and cron"),
        ({"every": "six hours"}, r"every = 'six hours' is not like \"30m\""),
        ({"every": "0h"}, "every = '0h' is not like"),
        ({"cron": "0 0 * *"}, "is not five fields like '30 6 "),
        ({"cron": "@daily"}, "is not five fields"),
        ({"cron": "0 0 last * *"}, "is not five fields"),  # APScheduler's, not cron's
        ({"cron": "0 25 * * *"}, "0 25"),
        ({"cron": "0 0 * * 8"}, "weekday 8 is not 0 to 7"),
        ({"cron": "0 0 * * 5-2"}, "no weekday in '5-2'"),
        ({"cron": "0 0 * * */0"}, r"\[schedule\.daily\] cron"),
        ({"cron": "0 0 30 2 *"}, "is a day that never comes"),
        ({"cron": "0 0 * * *", "zone": "Almaty"}, "zone 'Almaty': say one like Asia/Almaty"),
    ],
)
def test_a_table_that_cannot_be_followed_is_named(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan(table(**fields), now=utc("2026-11-23T12:00"), last={})


def test_a_name_that_is_a_path_is_refused() -> None:
    """It names a log file."""
    with pytest.raises(ConfigError, match="a name is letters"):
        plan(Config(schedule={"../x": Schedule(site="kz", every="1d")}), now=utc("2026-11-23T12:00"), last={})


@pytest.fixture
def directory(tmp_path: Path) -> ArchiveDir:
    made = ArchiveDir(tmp_path / "my archive")
    made.sites.mkdir(parents=True)
    for name in ("kz", "tr"):
        (made.sites / f"{name}.toml").write_text(SITE)
    return made


class Daemon:
    """A daemon in a process, and what its crawls noted."""

    def __init__(self, directory: ArchiveDir) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, tables: str, *, seconds: float = 0.1, code: int = 0) -> None:
        self.directory.config_path.write_text(tables)
        child = self.directory.root / "child.py"
        child.write_text(CHILD)
        argv = [sys.executable, "-P", "-c", DAEMON, str(self.directory.root), str(child), str(seconds), str(code)]
        with (self.directory.root / "said").open("ab") as said:
            self.process = subprocess.Popen(argv, stderr=said)

    def notes(self, what: str = "") -> list[list[str]]:
        path = self.directory.root / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split() for line in lines if line.startswith(what)]

    def wait_for(self, what: str, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.notes(what)) < count:
            assert time.monotonic() < deadline, f"{what} × {count}: {self.notes()} {self.said()}"
            time.sleep(0.02)

    def runs(self) -> list[dict[str, object]]:
        path = self.directory.logs / "schedule.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_runs(self, count: int) -> None:
        """A run is told after its crawl's last note: before that, a signal may still reach the crawl."""
        deadline = time.monotonic() + 20
        while len(self.runs()) < count:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        return (self.directory.root / "said").read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def daemon(directory: ArchiveDir) -> Iterator[Daemon]:
    made = Daemon(directory)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def spans(notes: list[list[str]], site: str) -> list[tuple[str, float]]:
    return sorted(((what, float(at)) for what, of, _, at in notes if of == site), key=lambda span: span[1])


def test_crawls_recur_and_each_is_noted(daemon: Daemon) -> None:
    daemon.start('[schedule.often]\nsite = "kz"\nevery = "1s"\n', code=3)
    daemon.wait_for_runs(2)

    assert daemon.end() == 0

    assert len(daemon.runs()) >= 2
    for told in daemon.runs()[:2]:
        assert (told["name"], told["site"], told["exit_code"]) == ("often", "kz", 3)
        assert str(told["started_at"]).endswith("Z") and str(told["started_at"]) < str(told["finished_at"])
    assert "ERROR crawl of kz (often) ended: exit 3" in daemon.said()
    assert (daemon.directory.logs / "often.log").read_text().startswith("crawling kz\ncrawling kz\n")


def test_never_two_crawls_of_one_site_at_once(daemon: Daemon) -> None:
    """Not of one table that is due before it is done, and not of two tables; another site does not wait."""
    tables = "".join(
        f'[schedule.{name}]\nsite = "{site}"\nevery = "1s"\n' for name, site in (("a", "kz"), ("b", "kz"), ("c", "tr"))
    )
    daemon.start(tables, seconds=1.5)
    daemon.wait_for("end", 5)
    assert daemon.end() == 0

    kinds = [what for what, _ in spans(daemon.notes(), "kz")]
    assert kinds[:4] == ["start", "end", "start", "end"]
    assert {told["name"] for told in daemon.runs()} == {"a", "b", "c"}
    first_kz_end = next(at for what, at in spans(daemon.notes(), "kz") if what == "end")
    assert spans(daemon.notes(), "tr")[0][1] < first_kz_end
    assert "WARNING skipped: c is due, but its last crawl is still running" in daemon.said()
    assert "waits: another crawl of kz is running" in daemon.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_crawl_cleanly_and_then_the_daemon(daemon: Daemon, number: int) -> None:
    """The crawl gets SIGINT, once, and is waited for; it is not done, so the next daemon continues it at once."""
    daemon.start('[schedule.long]\nsite = "kz"\nevery = "1d"\n', seconds=60)
    daemon.wait_for("start", 1)

    assert daemon.end(number) == 0

    assert [what for what, *_ in daemon.notes()] == ["start", "interrupted"]
    (told,) = daemon.runs()
    assert told["exit_code"] == 130
    assert last_runs(daemon.directory) == {}

    daemon.start('[schedule.long]\nsite = "kz"\nevery = "1d"\n')
    daemon.wait_for("end", 1)
    assert daemon.end() == 0


def test_ctrl_c_at_a_terminal_reaches_the_crawl_once(daemon: Daemon) -> None:
    """A terminal signals the whole process group; a second SIGINT would end a crawl the hard way."""
    daemon.start('[schedule.long]\nsite = "kz"\nevery = "1d"\n', seconds=60)
    daemon.wait_for("start", 1)
    child = int(daemon.notes("start")[0][2])

    assert daemon.process
    assert os.getpgid(child) not in (os.getpgid(daemon.process.pid), os.getpgid(0))
    assert daemon.end(signal.SIGINT) == 0


def test_a_crawl_missed_while_the_daemon_was_down_is_caught_up_once(daemon: Daemon) -> None:
    daemon.directory.logs.mkdir()
    three_days_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    just_now = datetime.now(UTC).isoformat()
    lines = [
        json.dumps({"name": name, "site": site, "started_at": at, "finished_at": at, "exit_code": 0})
        for name, site, at in (
            ("missed", "kz", three_days_ago),
            ("cronned", "kz", three_days_ago),
            ("done", "tr", just_now),
        )
    ]
    journal = daemon.directory.logs / "schedule.jsonl"
    journal.write_text("\n".join([*lines, '{"name": "cut of']))  # by a power failure

    tables = '[schedule.missed]\nsite = "kz"\nevery = "6h"\n[schedule.done]\nsite = "tr"\nevery = "6h"\n'
    never_today = (datetime.now(UTC) - timedelta(hours=2)).hour
    tables += f'[schedule.cronned]\nsite = "kz"\ncron = "0 {never_today} * * *"\n'
    daemon.start(tables)
    daemon.wait_for("end", 2)
    time.sleep(1.5)
    assert daemon.end() == 0

    runs = [json.loads(line) for line in journal.read_text().splitlines() if not line.startswith('{"name": "cut')]
    assert sorted(str(told["name"]) for told in runs[3:]) == ["cronned", "missed"]
    daemon.start(tables)
    time.sleep(1.5)
    assert daemon.end() == 0
    assert len(daemon.notes("start")) == 2


def test_only_one_daemon_follows_an_archive(daemon: Daemon) -> None:
    daemon.start('[schedule.a]\nsite = "kz"\nevery = "1d"\n')
    daemon.wait_for("end", 1)
    assert daemon.process

    with pytest.raises(LockedError, match=f"is running already .pid {daemon.process.pid} since"):
        run(daemon.directory)

    assert daemon.end() == 0


def test_a_command_that_cannot_start_is_noted_and_the_daemon_goes_on(daemon: Daemon) -> None:
    daemon.directory.config_path.write_text('[schedule.a]\nsite = "kz"\nevery = "1d"\n')
    script = DAEMON.replace("[sys.executable, child,", "['/none/python', child,")
    argv = [sys.executable, "-P", "-c", script, str(daemon.directory.root), "x", "0", "0"]
    with (daemon.directory.root / "said").open("ab") as said:
        daemon.process = subprocess.Popen(argv, stderr=said)
    daemon.wait_for_runs(1)

    assert daemon.end() == 0
    assert daemon.runs()[0]["exit_code"] == 127
    assert "cannot be started" in daemon.said()


def test_a_long_log_makes_room(daemon: Daemon) -> None:
    daemon.directory.logs.mkdir()
    log = daemon.directory.logs / "a.log"
    log.write_bytes(b"x" * (LOG_BYTES + 1))

    daemon.start('[schedule.a]\nsite = "kz"\nevery = "1d"\n')
    daemon.wait_for("end", 1)

    assert daemon.end() == 0
    assert log.read_text() == "crawling kz\n"
    assert log.with_name("a.log.1").stat().st_size == LOG_BYTES + 1


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ("", r"has no \[schedule.NAME\]; add"),
        ('[schedule.a]\nsite = "kzz"\nevery = "1d"\n', "did you mean kz"),
        ('[schedule.a]\nsite = "kz"\nevry = "1d"\n', "did you mean 'every'"),
        ('[schedule.a]\nsite = "kz"\n', "neither every nor cron"),
    ],
)
def test_the_daemon_does_not_start_on_a_wrong_table(directory: ArchiveDir, tables: str, said: str) -> None:
    directory.config_path.write_text(tables)

    with pytest.raises(MuragatError, match=said):
        run(directory)


def test_the_command_of_a_crawl(tmp_path: Path) -> None:
    directory = ArchiveDir(tmp_path)

    argv = crawl_command(directory, Schedule(site="kz", every="1d", full=True), python="/opt/py")

    assert argv == ["/opt/py", "-P", "-m", "crawler.cli", "--archive", str(tmp_path), "crawl", "kz", "--full"]
    assert crawl_command(directory, Schedule(site="kz", every="1d"))[-2:] == ["crawl", "kz"]


@pytest.mark.parametrize(
    ("interval", "fields"),
    [
        ("1m", "* * * * *"),
        ("15m", "*/15 * * * *"),
        ("60m", "0 * * * *"),
        ("6h", "0 */6 * * *"),
        ("24h", "0 0 * * *"),
        ("1d", "0 0 * * *"),
        ("7d", "0 0 * * 0"),
        ("1w", "0 0 * * 0"),
        ("30s", None),
        ("7m", None),
        ("90m", None),
        ("7h", None),
        ("2d", None),
    ],
)
def test_intervals_cron_can_say(interval: str, fields: str | None) -> None:
    """Where it can, its times are evenly spaced: counted with APScheduler over four weeks."""
    length = timedelta(
        **{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[interval[-1]]: int(interval[:-1])}
    )

    assert cron_fields(length) == fields

    if fields:
        trigger = cron_trigger("a", Schedule(site="kz", cron=fields))
        at = trigger.get_next_fire_time(None, utc("2026-11-01T00:00"))
        for _ in range(30):
            following = trigger.get_next_fire_time(at, at + timedelta(microseconds=1))
            assert following - at == length
            at = following


def test_cron_lines_run_what_they_say(tmp_path: Path) -> None:
    directory = ArchiveDir(tmp_path / "100% 'odd' archive")
    (directory.root / "logs").mkdir(parents=True)
    config = Config(
        schedule={
            "often": Schedule(site="kz", every="6h"),
            "odd": Schedule(site="kz", every="7h"),
            "weekly": Schedule(site="kz", cron="30 3 * * 0", zone="Asia/Almaty", full=True),
        }
    )
    echo = tmp_path / "python"
    echo.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    echo.chmod(0o755)

    lines = cron_lines(config, directory, str(echo)).splitlines()

    jobs = [line for line in lines if line[0] in "0123456789*"]
    assert [" ".join(line.split()[:5]) for line in jobs] == ["0 */6 * * *", "30 3 * * 0"]
    assert lines[lines.index(jobs[1]) - 1] == "CRON_TZ=Asia/Almaty"
    assert any("cannot say every 7h; `muragat schedule run` can" in line for line in lines)
    for line in jobs:
        CronTrigger.from_crontab(" ".join(line.split()[:5]))
        command = line.split(None, 5)[5]
        assert "%" not in command.replace("\\%", "")
        # As cron does it: the escape undone, the rest to sh.
        subprocess.run(["/bin/sh", "-c", command.replace("\\%", "%")], check=True)
    told = (directory.root / "logs" / "weekly.log").read_text().splitlines()
    assert told == crawl_command(directory, config.schedule["weekly"], python=str(echo))[1:]


@pytest.mark.parametrize("user", ["muragat", None])
def test_the_systemd_unit_is_one_systemd_accepts(tmp_path: Path, user: str | None) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    directory = ArchiveDir(tmp_path / '100% "odd" $HOME archive')
    unit = tmp_path / "muragat.service"

    unit.write_text(systemd_unit(directory, python=sys.executable, user=user and "root"))

    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "muragat.service" in line] == []


def test_the_systemd_unit_ends_the_scheduler_gently_and_fences_it_in(tmp_path: Path) -> None:
    directory = ArchiveDir(tmp_path / "100% odd")
    unit = systemd_unit(directory, python="/opt/py", user="muragat").splitlines()
    root = str(directory.root).replace("%", "%%")

    assert f'ExecStart=/opt/py -P -m crawler.cli --archive "{root}" schedule run' in unit
    assert f'ReadWritePaths="{root}"' in unit
    for line in ("User=muragat", "KillSignal=SIGTERM", "KillMode=mixed", "ProtectSystem=strict", "NoNewPrivileges=yes"):
        assert line in unit
    assert not any(line.startswith("User=") for line in systemd_unit(directory, python="/p", user=None).splitlines())

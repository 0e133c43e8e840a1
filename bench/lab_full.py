"""What a crawl promises, on a real WordPress: nothing missed, nothing repeated, killed or not.  `make lab-full`

Five crawls of a site that ../shared/lab boots, its traps on, each held against the site's own gold and access log:

    plain      a first crawl; no faults, no validators, and a counter in each page that changes at each request
    killed     a first crawl under faults, SIGKILL ten times at random moments, then run to its end
    blind      a first crawl under faults; no REST, sitemaps or feeds, and no robots.txt that forbids the calendar
    again 304  after the editors' work (edit.sh): the second crawl of `killed`, where pages have validators
    again 200  the same of `plain`, where they have none

The faults are err500, err503, reset, trunc, slow and drip at 0.02 each with fault_heal=3, drawn by URL (fault_key=uri:
only there does a URL heal). Such a URL fails its first three fetches, as many as one crawl tries, and must come through
in the next. The lab links to no redirect trap, so two are seeds here. Whatever is drawn comes from the seed.

    python bench/lab_full.py [--articles 5000] [--seed N] [--kills 10] [--edits "EDIT DELETE ADD"]
    python bench/lab_full.py --crawls plain,blind       parts, each of which boots a lab of its own: with the same seed
    python bench/lab_full.py --crawls killed            they can run side by side, in less than half of the time

Needs root and the lab. Each claim is printed with what speaks against it; exit code 1 when one fails.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from warcio.archiveiterator import ArchiveIterator

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "")]

from scoring import is_gold_article  # noqa: E402

from archive.config import ArchiveDir  # noqa: E402

LAB = ROOT.parent / "shared" / "lab" / "wordpress"
RATES = ("err500", "err503", "reset", "trunc", "slow", "drip")
NO_FAULTS = {**dict.fromkeys(RATES, 0.0), "fault_key": "uri", "fault_heal": 3}
VALIDATORS = {"validators": "both", "views": "off"}
NO_VALIDATORS = {"validators": "none", "views": "on"}
SOURCES = {"rest": "on", "sitemap": "on", "feed": "full", "robots": "normal"}
NO_SOURCES = {"rest": "off", "sitemap": "off", "feed": "off", "robots": "missing"}

MAX_RUNS = 15  # of one crawl, after the kills: what waits or failed then is not coming
MAX_PAUSE_SECONDS = 120.0  # until something is due again
RUN_SECONDS = 3 * 3600.0  # of one run; a longer one hangs
REQUESTS_PER_ARTICLE = 8  # where `plain` has not counted them
IN_FLIGHT_SECONDS = 2.0  # so long before a kill an answer may have been on its way to the WARC
SHOWN = 5  # lines behind a claim that fails

# URLs of each that a crawl may fetch, and fetches of them in one run.
TRAPS = (
    # The months of the lab's articles, 2014 to 2025, and half a year at either end: crawler/traps.py.
    ("endless calendar", re.compile(r"^/takvim(?:/|$)"), 12 * 12 + 2 * 6 + 1),
    ("share=", re.compile(r"[?&]share="), 0),
    ("replytocom=", re.compile(r"[?&]replytocom="), 0),
    ("printed page", re.compile(r"[?&]yazdir\b"), 0),
    ("chain of redirects", re.compile(r"^/git/"), 6),
    ("circle of redirects", re.compile(r"^/dongu/"), 6),
)
REDIRECT_SEEDS = ("git/12", "dongu/a")
PAST_THE_END = 20  # the same, for pages of a listing behind its last one, which the lab answers with 200
FORBIDDEN = re.compile(r"^/takvim/|^/wp-admin/|[?&](?:s|replytocom)=")  # by the lab's robots.txt


# ---------------------------------------------------------------- the story


def main() -> int:
    """Print the claims and the table; exit code 1 when a claim fails."""
    options = _options()
    print(
        f"WordPress lab, {options.articles} articles, seed {options.seed}, {options.kills} kills,"
        f" faults {options.faults:g} each",
        flush=True,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is stopped and wiped all the same
    claims = Claims()
    with wordpress(options) as lab:
        table = story(lab, options, claims)
    print_table(table)
    return claims.conclude()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--articles", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(2, 10**6), help="WPLAB_SEED and ours")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--faults", type=float, default=0.02, help="share of URLs for each of six faults [0.02]")
    parser.add_argument("--crawls", default="plain,killed,blind", help="first crawls; a second one follows two of them")
    parser.add_argument("--edits", default="", help="EDIT DELETE ADD of edit.sh [default: 20 8 12 in 300 articles]")
    parser.add_argument("--second-crawl-args", default="", help="more options of the second crawls, such as --full")
    parser.add_argument("--lab", type=Path, default=LAB, help="where its up.sh is")
    parser.add_argument("--keep", action="store_true", help="leave the archives and the access log behind")
    options = parser.parse_args()
    if not options.edits:
        scale = options.articles / 300
        # Eight at least, so that each kind of edit is among them.
        options.edits = f"{max(8, round(20 * scale))} {max(3, round(8 * scale))} {max(4, round(12 * scale))}"
    return options


def story(lab: Lab, options: argparse.Namespace, claims: Claims) -> list[Figures]:
    """The five crawls, what is claimed of each, and a line of figures for each."""
    chance, gold = random.Random(options.seed), lab.gold("gold")
    faulty = {**NO_FAULTS, **dict.fromkeys(RATES, options.faults), "fault_seed": options.seed}

    crawls, again = options.crawls.split(","), list[tuple[str, Crawl, dict[str, str]]]()
    table, plain, requests = list[Figures](), None, REQUESTS_PER_ARTICLE * options.articles

    if "plain" in crawls:
        plain = first_crawl(lab, "plain", {**NO_FAULTS, **NO_VALIDATORS, **SOURCES})
        table.append(examine_first(plain, gold, claims))
        again.append(("again 200", plain, NO_VALIDATORS))
        requests = len(plain.heard)

    if "killed" in crawls:
        # Over nine tenths of what a first crawl has to fetch: a killed one has more to do, never less.
        moments = sorted(chance.sample(range(requests * 9 // 10), options.kills))
        killed = first_crawl(lab, "killed", {**faulty, **VALIDATORS, **SOURCES}, kill_after=moments, chance=chance)
        claims.check(killed, f"killed {options.kills} times", ["it ended before"] * (options.kills - len(killed.kills)))
        table.append(examine_first(killed, gold, claims))
        check_requisites(killed, plain, claims)
        again.insert(0, ("again 304", killed, VALIDATORS))

    if "blind" in crawls:
        blind = first_crawl(lab, "blind", {**faulty, **VALIDATORS, **NO_SOURCES})
        table.append(examine_first(blind, gold, claims))
        check_requisites(blind, plain, claims)

    changed = lab.edit(options.edits) if again else []
    for name, first, switches in again:
        lab.switch({**NO_FAULTS, **switches, **SOURCES})
        second = Crawl(name=name, lab=lab, directory=first.directory)
        second.run(options.second_crawl_args.split())
        second.close()
        table.append(examine_second(second, first, changed, claims))
    return table


def first_crawl(
    lab: Lab,
    name: str,
    switches: Mapping[str, object],
    *,
    kill_after: Sequence[int] = (),
    chance: random.Random | None = None,
) -> Crawl:
    """A new archive of the site, crawled until nothing of the site waits or failed. Leaves the lab without faults."""
    lab.switch(NO_FAULTS | SOURCES)
    directory = make_archive(lab, lab.home / name)
    lab.forget()
    lab.switch(switches)
    crawl = Crawl(name=name, lab=lab, directory=directory, robots=switches["robots"] == "normal")
    for requests in kill_after:
        seconds = chance.uniform(0.0, 1.0) if chance else 0.0
        if not run_until_killed(crawl, after=requests, seconds=seconds):
            break
    crawl.run_to_the_end()
    crawl.close()
    lab.switch(NO_FAULTS)
    return crawl


def run_until_killed(crawl: Crawl, *, after: int, seconds: float) -> bool:
    """Crawl until the kill; False when nothing is left to be killed at.

    A run may end before: it leaves a host alone that fails too often in a row.
    """
    while len(crawl.runs) < 3 * MAX_RUNS:
        if crawl.run_and_kill(after=after, seconds=seconds):
            return True
        if not crawl.left():
            break
    return False


def make_archive(lab: Lab, root: Path) -> ArchiveDir:
    """What `muragat init --site` makes, corrected by a person: no delay, and two traps among the seeds."""
    command = [*muragat(root), "init", str(root), "--site", lab.address, "--contact", "test@example.org"]
    subprocess.run(command, env=environment(), check=True, stderr=subprocess.DEVNULL)
    directory = ArchiveDir(root)
    path = directory.sites / f"{directory.site_names()[0]}.toml"
    seeds = json.dumps([lab.address, *(lab.address + trap for trap in REDIRECT_SEEDS)])
    text = re.sub(r"^seeds = \[.*?\]", f"seeds = {seeds}", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    path.write_text(re.sub(r"^delay = [\d.]+", "delay = 0", text, flags=re.MULTILINE), "utf-8")
    rules = directory.site().crawl
    assert len(rules.seeds) == 1 + len(REDIRECT_SEEDS) and rules.delay == 0, f"{path} is not as `init` once wrote it"
    return directory


def muragat(root: Path) -> list[str]:
    """The command a person would type."""
    return [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(root)]


def environment() -> dict[str, str]:
    """Ours, with this checkout first."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


# ---------------------------------------------------------------- the site


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A WordPress of our own."""

    scripts: Path
    home: Path  # the lab's folder lies in it, and the archives
    seed: int
    port: int

    @property
    def address(self) -> str:
        """Its home page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        """The access log: what was really asked for."""
        return self.home / "lab" / "log" / "access.jsonl"

    def script(self, name: str, *words: object) -> None:
        """Run one of the lab's scripts; what it said is shown when it fails."""
        folder = {"WPLAB": str(self.home / "lab"), "WPLAB_SEED": str(self.seed)}
        command = [str(self.scripts / name), *map(str, words)]
        with (self.home / "scripts.log").open("a") as said:
            code = subprocess.run(command, env={**os.environ, **folder}, stdout=said, stderr=said).returncode
        if code:
            raise SystemExit(f"{name} failed:\n{(self.home / 'scripts.log').read_text('utf-8')[-2000:]}")

    def switch(self, switches: Mapping[str, object]) -> None:
        """Set switches; traps are on and requests need not wait, unless it says so."""
        asked = {"crawl_delay": 0, "traps": "on", **switches}
        self.script("ctl.sh", *(f"{name}={value}" for name, value in asked.items()))

    def forget(self) -> None:
        """URLs that healed are faulty again."""
        self.script("ctl.sh", "forget")

    def edit(self, numbers: str) -> list[dict[str, Any]]:
        """What editors do to a site in a while; the gold that says what they changed."""
        self.script("edit.sh", *numbers.split(), self.seed)
        changed = self.gold("gold2")
        print("edit.sh", numbers, dict(Counter(entry.get("change", "-") for entry in changed)), flush=True)
        return changed

    def gold(self, name: str) -> list[dict[str, Any]]:
        """What there is to find: an entry for each page."""
        path = self.home / "lab" / "data" / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def status(self, uri: str) -> int:
        """How a GET is answered."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", uri)
            return connection.getresponse().status


@contextmanager
def wordpress(options: argparse.Namespace) -> Iterator[Lab]:
    """The site on a free port, in a folder that goes when it goes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder = tempfile.TemporaryDirectory(prefix="lab-full-")
    home = Path(folder.name)
    home.chmod(0o755)  # the database runs as another user
    lab = Lab(scripts=options.lab, home=home, seed=options.seed, port=port)
    try:
        lab.script("up.sh", port, options.articles)
        yield lab
    finally:
        lab.script("down.sh", *([] if options.keep else ["--wipe"]))
        if options.keep:
            folder._finalizer.detach()  # type: ignore[attr-defined]
            print(f"left behind: {home}")
        else:
            folder.cleanup()


# ---------------------------------------------------------------- a crawl, and what both sides wrote down


class Heard(NamedTuple):
    """One request as the server logged it."""

    uri: str
    started_at: float  # POSIX seconds
    ended_at: float
    status: int
    size: int  # bytes sent, head included
    fault: str  # "-" for none


class Kept(NamedTuple):
    """One exchange, or fetch without answer, as a WARC holds it."""

    url: str
    at: float  # when the request was sent; POSIX seconds
    record_type: str  # response, revisit, or metadata for a fetch without answer
    status: int | None
    cut: str | None  # WARC-Truncated
    warc: str
    offset: int

    @property
    def whole(self) -> bool:
        """A complete 200, here or in the record that a revisit names."""
        return self.status == 200 and self.cut is None


class Run(NamedTuple):
    """One process of a crawl."""

    started_at: float
    ended_at: float
    report: dict[str, Any] | None  # None: it was killed, or failed


@dataclass(kw_only=True)
class Crawl:
    """One crawl of one archive, however many processes it takes."""

    name: str
    lab: Lab
    directory: ArchiveDir
    robots: bool = True  # whether the site has a robots.txt
    runs: list[Run] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)  # both filled by close()
    kept: list[Kept] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log_start = self._counted_to = self.lab.log.stat().st_size
        self._requests = 0

    def run(self, more: Sequence[str] = ()) -> None:
        """A run, undisturbed."""
        started_at = time.time()
        process = self._start(*more)
        try:
            code = process.wait(RUN_SECONDS)
        finally:
            process.kill()  # if it hangs, or we are told to stop
        said, complaint = (self._said(end).read_text("utf-8") for end in ("out", "err"))
        if code:
            print(f"{self.name}: exit code {code}: {complaint[-500:].strip()}", flush=True)
        self.runs.append(Run(started_at, time.time(), json.loads(said) if said.startswith("{") else None))

    def run_and_kill(self, *, after: int, seconds: float) -> bool:
        """A run killed so many seconds after the crawl's so-many-th request; False: it had ended by then.

        At least one of the requests is its own. Only the crawl is killed: its indexer sees the pipe close, and ends.
        """
        started_at = time.time()
        target = max(after, self.requests()) + 1
        process = self._start()
        try:
            while process.poll() is None and self.requests() < target:
                time.sleep(0.02)
            time.sleep(seconds)
        finally:
            process.kill()
            process.wait()
        if process.returncode == -signal.SIGKILL:
            self.kills.append(time.time())
        self.runs.append(Run(started_at, time.time(), None))
        return process.returncode == -signal.SIGKILL

    def run_to_the_end(self) -> None:
        """Runs until nothing of the site is left to do, or nothing more will come of it."""
        for _ in range(MAX_RUNS):
            self.run()
            due = [due_at for _, due_at in self.left()]
            if not due or (pause := min(due) - time.time()) > MAX_PAUSE_SECONDS:
                return
            time.sleep(max(pause, 0.0))

    def close(self) -> None:
        """Read what the server logged and what the WARCs hold."""
        time.sleep(0.5)  # the last lines of the log
        self.heard = read_log(self.lab.log, self.log_start)
        self.kept = list(read_warcs(self.directory.warcs, since=self.runs[0].started_at))

    def left(self) -> list[tuple[str, float]]:
        """Pages of the site that wait, or have failed: URL and reason, and when they are due."""
        with closing(sqlite3.connect(self.directory.frontier_db)) as frontier:
            rows = frontier.execute(
                "SELECT url, state, reason, due_at FROM urls WHERE state IN ('waiting', 'leased', 'failed')"
            ).fetchall()
        site = [row for row in rows if row[0].startswith(self.lab.address)]
        return [(f"{url} {state} {reason or ''}", due_at or 0.0) for url, state, reason, due_at in site]

    def requests(self) -> int:
        """How many requests the server has logged for this crawl so far."""
        with self.lab.log.open("rb") as log:
            log.seek(self._counted_to)
            new = log.read()
        self._counted_to += len(new)
        self._requests += new.count(b"\n")
        return self._requests

    def _start(self, *more: str) -> subprocess.Popen[bytes]:
        command = [*muragat(self.directory.root), "crawl", "--json", *more]
        with self._said("out").open("wb") as out, self._said("err").open("wb") as err:
            return subprocess.Popen(command, env=environment(), stdout=out, stderr=err)

    def _said(self, end: str) -> Path:
        return self.lab.home / f"{self.name}-{len(self.runs)}.{end}"


def read_log(path: Path, start: int) -> list[Heard]:
    """The requests that the log holds from a byte on."""
    with path.open("rb") as log:
        log.seek(start)
        rows = [json.loads(line) for line in log]
    heard = [
        Heard(
            uri=row["uri"],
            started_at=float(row["ms"]) - row["rt"],
            ended_at=float(row["ms"]),
            status=row["status"],
            size=row["bytes"],
            fault=row["fault"],
        )
        for row in rows
    ]
    return _without_the_labs_own(heard)


def _without_the_labs_own(heard: Sequence[Heard]) -> list[Heard]:
    """For a body to cut the lab asks itself, with our headers, inside of our request: that is not ours."""
    kept = list(heard)
    for outer in (row for row in heard if row.fault == "trunc"):
        inner = (row for row in kept if row.uri == outer.uri and row.fault == "-" and _within(row, outer))
        if (row := next(inner, None)) is not None:
            kept.remove(row)
    return kept


def _within(row: Heard, outer: Heard) -> bool:
    return row.started_at > outer.started_at - 0.05 and row.ended_at < outer.ended_at + 0.05


def read_warcs(folder: Path, *, since: float) -> Iterator[Kept]:
    """What the WARCs hold of that time, read by warcio."""
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            records = ArchiveIterator(stream)
            for record in records:
                get = record.rec_headers.get_header
                url, record_type = get("WARC-Target-URI") or "", record.rec_type
                if record_type not in ("response", "revisit", "metadata") or not url.startswith("http"):
                    continue
                at = datetime.fromisoformat(get("WARC-Date")).timestamp()
                status = record.http_headers.get_statuscode() if record.http_headers else ""
                if at >= since:
                    yield Kept(
                        url=url,
                        at=at,
                        record_type=record_type,
                        status=int(status) if status.isdigit() else None,
                        cut=get("WARC-Truncated"),
                        warc=path.name,
                        offset=records.get_record_offset(),
                    )


# ---------------------------------------------------------------- what is claimed


@dataclass(kw_only=True)
class Figures:
    """One crawl, as the table has it."""

    crawl: str
    runs: int
    kills: int
    requests: int  # that the server logged
    mb: float  # it sent
    kept: int  # exchanges in WARCs
    unanswered: int  # fetches without answer, noted in WARCs
    in_flight: int  # requests at a kill that left no record
    unexplained: int  # requests and records without the other: must be 0
    err5xx: int  # kept answers that say so
    cut: int  # kept answers that end early
    again: int  # whole 200s of articles beyond the first of each
    others: int  # the same of all other URLs: each run asks for sources, seeds and listings anew
    missed: int  # articles without a whole 200, or changes that were not found: must be 0
    trapped: int  # requests for trap URLs
    seconds: float  # of all runs


@dataclass
class Claims:
    """What holds and what does not."""

    failed: list[str] = field(default_factory=list)

    def check(self, crawl: Crawl, claim: str, against: Collection[str]) -> None:
        """A claim holds when nothing speaks against it."""
        print(f"{'FAILS' if against else 'holds'}  {crawl.name}: {claim}" + (f" ({len(against)})" if against else ""))
        for line in list(against)[:SHOWN]:
            print(f"         {line}")
        sys.stdout.flush()
        if against:
            self.failed.append(f"{crawl.name}: {claim}")

    def conclude(self) -> int:
        """The exit code, said in words."""
        print("every claim holds" if not self.failed else "FAILED: " + "; ".join(self.failed))
        return bool(self.failed)


def examine_first(crawl: Crawl, gold: Sequence[Mapping[str, Any]], claims: Claims) -> Figures:
    """What is claimed of a crawl of a new archive."""
    articles = {address(entry["url"]) for entry in gold if is_gold_article(entry)}
    whole = Counter(address(kept.url) for kept in crawl.kept if kept.whole)
    missed = sorted(articles - whole.keys())
    claims.check(crawl, "nothing of the site waits or failed", [line for line, _ in crawl.left()])
    claims.check(crawl, f"none of {len(articles)} articles missed", missed)
    claims.check(crawl, "each of them exactly once whole, besides revisits", not_once(crawl, articles - set(missed)))
    claims.check(crawl, "one wording of each", two_wordings(crawl))
    return examine(crawl, articles, claims, missed=len(missed))


def examine_second(crawl: Crawl, first: Crawl, changed: Sequence[Mapping[str, Any]], claims: Claims) -> Figures:
    """What is claimed of the crawl after the editors' work."""
    articles = {address(entry["url"]) for entry in changed if is_gold_article(entry)}
    not_found = changes_not_found(crawl, changed)
    for change in ("edited", "moved", "deleted", "added"):
        wrong = [line for kind, line in not_found if kind == change]
        claims.check(crawl, f"all found that was {change}", wrong)
    if crawl.name == "again 304":
        check_bytes(crawl, first, claims)
    else:
        check_requests(crawl, articles, claims)
    return examine(crawl, articles, claims, missed=len(not_found))


def examine(crawl: Crawl, articles: Collection[str], claims: Claims, *, missed: int) -> Figures:
    """What is claimed of every crawl, and its line of figures."""
    in_flight, unexplained, unheard = reconcile(crawl)
    claims.check(crawl, "requests logged are requests recorded, but for those in flight at a kill", unexplained)
    claims.check(crawl, "nothing recorded that the server never saw", unheard)
    claims.check(crawl, "the rows are the records", rows_against_records(crawl))
    claims.check(crawl, "the report counts the records", report_against_records(crawl))
    trapped = check_traps(crawl, claims)
    for row in in_flight:
        from_kill = min((row.ended_at - kill for kill in crawl.kills), key=abs)
        print(f"       in flight at a kill: {row.uri} {row.status}, {row.fault}, ended {from_kill:+.2f} s from it")
    answers = [kept for kept in crawl.kept if kept.record_type != "metadata"]
    repeated = Counter(address(kept.url) for kept in answers if kept.whole)
    again = {url: count - 1 for url, count in repeated.items() if count > 1}
    return Figures(
        crawl=crawl.name,
        runs=len(crawl.runs),
        kills=len(crawl.kills),
        requests=len(crawl.heard),
        mb=sum(row.size for row in crawl.heard) / 1e6,
        kept=len(answers),
        unanswered=len(crawl.kept) - len(answers),
        in_flight=len(in_flight),
        unexplained=len(unexplained) + len(unheard),
        err5xx=sum((kept.status or 0) >= 500 for kept in answers),
        cut=sum(kept.cut is not None for kept in answers),
        again=sum(count for url, count in again.items() if url in articles),
        others=sum(count for url, count in again.items() if url not in articles),
        missed=missed,
        trapped=trapped,
        seconds=sum(run.ended_at - run.started_at for run in crawl.runs),
    )


def address(url: str) -> str:
    """A URL as gold and records can be compared."""
    return unquote(url)


def not_once(crawl: Crawl, articles: Collection[str]) -> list[str]:
    """Articles with two whole responses, or with revisits alone: the site was not edited meanwhile."""
    responses = Counter(address(kept.url) for kept in crawl.kept if kept.whole and kept.record_type == "response")
    return [f"{url}: {responses[url]}" for url in sorted(articles) if responses[url] != 1]


def check_requisites(crawl: Crawl, other: Crawl | None, claims: Claims) -> None:
    """What pages need and another crawl of the same site has whole, this one has: else a page was read in vain."""
    if other is not None:
        ours, theirs = ({kept.url for kept in each.kept if kept.whole} for each in (crawl, other))
        missed = [url for url in theirs - ours if uri_of(url).startswith(("/wp-content/", "/wp-includes/"))]
        claims.check(crawl, f"every picture, style and script that `{other.name}` holds", sorted(missed))


def two_wordings(crawl: Crawl) -> list[str]:
    """Articles with two versions, though no editor touched them: a page cut short, or a counter taken for text."""
    query = "SELECT url, count(*) FROM versions GROUP BY article HAVING count(*) > 1"
    return [f"{url}: {count}" for url, count in ask(crawl, query)]


def reconcile(crawl: Crawl) -> tuple[list[Heard], list[str], list[str]]:
    """Requests at a kill that left no record; other requests without one; records without a request."""
    logged = defaultdict[str, list[Heard]](list)
    for row in crawl.heard:
        logged[row.uri].append(row)
    unheard = []
    for kept in crawl.kept:
        rows = logged[uri_of(kept.url)] if kept.url.startswith(crawl.lab.address) else []
        if rows:
            rows.remove(min(rows, key=lambda row: _distance(row, kept)))
        elif kept.url.startswith(crawl.lab.address):
            unheard.append(f"{kept.url} {kept.record_type} {kept.status}")
    left = sorted((row for rows in logged.values() for row in rows), key=lambda row: row.ended_at)
    in_flight = [row for row in left if _at_a_kill(row, crawl.kills)]
    return in_flight, [f"{row.uri} {row.status}, {row.fault}" for row in left if row not in in_flight], unheard


def _distance(row: Heard, kept: Kept) -> tuple[bool, float]:
    """How badly a request fits a record of its URL: by the answer, then by when it was sent. 444: nginx hung up."""
    answer = 444 if kept.cut or kept.status is None else kept.status
    return row.status != answer, abs(row.started_at - kept.at)


def uri_of(url: str) -> str:
    """A URL as the request line has it."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _at_a_kill(row: Heard, kills: Iterable[float]) -> bool:
    return any(row.started_at <= kill and row.ended_at >= kill - IN_FLIGHT_SECONDS for kill in kills)


def rows_against_records(crawl: Crawl) -> list[str]:
    """Records without a row in archive.db, and rows without a record."""
    since = datetime.fromtimestamp(crawl.runs[0].started_at, UTC).isoformat(timespec="microseconds")
    query = "SELECT warc, offset, url, status FROM captures WHERE captured_at >= ?"
    rows = {(warc, offset): f"{url} {status}" for warc, offset, url, status in ask(crawl, query, since[:26] + "Z")}
    records = {(kept.warc, kept.offset): f"{kept.url} {kept.status}" for kept in crawl.kept}
    return [f"record without row: {records[key]}" for key in records.keys() - rows.keys()] + [
        f"row without record: {rows[key]}" for key in rows.keys() - records.keys()
    ]


def report_against_records(crawl: Crawl) -> list[str]:
    """Runs whose report counts other exchanges than their WARCs hold; a killed run has no report."""
    wrong = []
    for run in crawl.runs:
        if run.report is not None:
            held = sum(
                run.started_at <= kept.at <= run.ended_at and kept.record_type != "metadata" for kept in crawl.kept
            )
            if held != run.report["captures"]:
                wrong.append(f"{run.report['name']}: says {run.report['captures']}, holds {held}")
    return wrong


def ask(crawl: Crawl, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of archive.db."""
    with closing(sqlite3.connect(crawl.directory.db)) as rows:
        return rows.execute(query, values).fetchall()


# ---------------------------------------------------------------- traps


def check_traps(crawl: Crawl, claims: Claims) -> int:
    """Each trap's bound, and robots.txt; how many requests were for traps at all."""
    trapped = dict[str, tuple[int, list[Heard]]]()
    for name, pattern, bound in TRAPS:
        trapped[name] = bound, [row for row in crawl.heard if pattern.search(row.uri)]
    for series, rows in past_the_end(crawl).items():
        trapped[f"{series}page/N/ past the end"] = PAST_THE_END, rows
    wrong = []
    for name, (bound, rows) in trapped.items():
        urls, most = len({row.uri for row in rows}), most_in_a_run(crawl, rows)
        if rows:
            print(f"       {name}: {urls} URLs, {len(rows)} requests, at most {most} in a run (bound {bound})")
        if max(urls, most) > bound:
            wrong.append(f"{name}: {urls} URLs, {most} requests in a run; the bound is {bound}")
    claims.check(crawl, "no trap followed beyond its bound", wrong)
    if crawl.robots:
        forbidden = [row.uri for row in crawl.heard if FORBIDDEN.search(row.uri)]
        claims.check(crawl, "nothing asked for that robots.txt forbids", forbidden)
    return sum(len(rows) for _, rows in trapped.values())


def most_in_a_run(crawl: Crawl, rows: Iterable[Heard]) -> int:
    """The most of these requests that one run made."""
    counts = Counter(sum(run.started_at <= row.started_at for run in crawl.runs) for row in rows)
    return max(counts.values(), default=0)


def past_the_end(crawl: Crawl) -> dict[str, list[Heard]]:
    """Listing → requests for its pages behind the last one: with traps off the site itself says which those are."""
    pages = defaultdict[str, dict[int, list[Heard]]](lambda: defaultdict(list))
    for row in crawl.heard:
        if (found := re.match(r"(.*/)page/(\d+)/?$", row.uri)) and row.status == 200:
            pages[found[1]][int(found[2])].append(row)
    crawl.lab.switch({**NO_FAULTS, "traps": "off"})
    beyond = dict[str, list[Heard]]()
    for series, numbered in pages.items():
        for number in sorted(numbered, reverse=True):
            if crawl.lab.status(f"{series}page/{number}/") != 404:
                break
            beyond.setdefault(series, []).extend(numbered[number])
    crawl.lab.switch({})
    return beyond


# ---------------------------------------------------------------- the second crawl


def changes_not_found(crawl: Crawl, changed: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What the editors did and the archive does not show: kind of change, and the article."""
    since = datetime.fromtimestamp(crawl.runs[0].started_at, UTC).isoformat(timespec="microseconds")[:26] + "Z"
    worded = [address(url) for (url,) in ask(crawl, "SELECT url FROM versions WHERE seen_from >= ?", since)]
    gone = {address(url): gone_at for url, gone_at in ask(crawl, "SELECT url, gone_at FROM articles")}
    # Of a page that spam had replaced there is no article to be gone: that it answers 404 now is a capture.
    missing = {address(kept.url) for kept in crawl.kept if kept.status in (404, 410)}
    whole = {address(kept.url) for kept in crawl.kept if kept.whole}
    redirected = {uri_of(kept.url) for kept in crawl.kept if kept.status in (301, 302, 307, 308)}
    not_found = []
    for entry in changed:
        url, detail = address(entry["url"]), entry.get("change_detail") or []
        match entry.get("change"):
            case "edited" if detail[0] == "category" or _replaced(entry):  # no other words, or none that can be seen
                found = url in whole
            case "edited":  # on its first page or a later one
                found = any(re.fullmatch(re.escape(url) + r"(?:\d+/)?", candidate) for candidate in worded)
            case "moved":
                found = url in whole and detail[1].removeprefix("from ") in redirected
            case "deleted":  # or WordPress guesses that another article of that name is meant, and sends there
                found = bool(gone[url]) if url in gone else url in missing
                found = found or uri_of(entry["url"]) in redirected
            case "added":
                found = url in whole or not is_gold_article(entry)
            case _:
                found = True
        if not found:
            not_found.append((entry["change"], f"{url} {' '.join(detail)}"))
    return not_found


def _replaced(entry: Mapping[str, Any]) -> bool:
    return (entry.get("spam") or {}).get("variant") == "replaced"


def check_bytes(crawl: Crawl, first: Crawl, claims: Claims) -> None:
    """At least nine tenths fewer bytes than the first crawl, even if that had fetched each URL but once."""
    once = dict[str, int]()
    for row in first.heard:
        once[row.uri] = max(row.size, once.get(row.uri, 0))
    before, now = sum(once.values()), sum(row.size for row in crawl.heard)
    said = f"{now / 1e6:.1f} MB after {before / 1e6:.1f} MB (each URL once), {1 - now / before:.1%} fewer"
    print(f"       {said}")
    claims.check(crawl, "at least 90 % fewer bytes than the first crawl", [said] if now > before / 10 else [])


def check_requests(crawl: Crawl, articles: Collection[str], claims: Claims) -> None:
    """At most one request for an article, and no more requests in all than there are articles."""
    asked = Counter(address(crawl.lab.address.rstrip("/") + row.uri) for row in crawl.heard)
    claims.check(crawl, "no article asked for twice", [url for url in articles if asked[url] > 1])
    said = f"{len(crawl.heard)} requests for {len(articles)} articles"
    print(f"       {said}, {sum(url in asked for url in articles)} of them asked for")
    claims.check(crawl, "no more requests than articles", [said] if len(crawl.heard) > len(articles) else [])


def print_table(table: Sequence[Figures]) -> None:
    """A line for each crawl."""
    names = [one.name for one in fields(Figures)]
    cells = [[_cell(getattr(figures, name)) for name in names] for figures in table]
    widths = [max(len(name), *(len(row[index]) for row in cells)) for index, name in enumerate(names)]
    for row in (names, *cells):
        print(
            "  ".join([row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:], strict=True))])
        )


def _cell(figure: object) -> str:
    return f"{figure:.1f}" if isinstance(figure, float) else str(figure)


if __name__ == "__main__":
    sys.exit(main())

"""How fast WARCs become rows, what a crawl beside it feels of it, and what readers do.  `make bench-index`

    python bench/indexing.py [--pages 2000] [--fetched 300] [--delay 0.1] [--rounds 3] [--directory DIRECTORY]

Pages are the demo site's articles, each time in other words. Three tables:

1. `muragat index --rebuild` with one process that reads and with one a core, in turns; the shortest of each counts.
2. A crawl of a site on loopback with and without its indexer (kept out by holding its lock): how much longer it takes,
   how far the rows are behind, and when they are all in.
3. Searches and SQL on the archive of the first table, while nothing else goes on, beside a crawl, beside a rebuild:
   what `muragat search` prints, over a connection that stays open, as a server's does. Times are of the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("tests", "")]

import archives  # noqa: E402
import servers  # noqa: E402
from news import news, pages  # noqa: E402

from archive.config import ArchiveDir  # noqa: E402
from archive.errors import MuragatError  # noqa: E402
from archive.index import hold  # noqa: E402
from archive.schema import connect_readonly  # noqa: E402
from archive.search import search  # noqa: E402
from archive.workers import cores  # noqa: E402

GOAL_RATIO, GOAL_SECONDS, GOAL_MS = 1.8, 60, 20
WORDS = ("kar", "Kazakistan", "Astana'da", "ticaret hacmi", '"Orta Koridor"', "deprem OR sel", "öğren*", "title:metro")
SQL = (
    "SELECT url, title, published_at FROM articles ORDER BY published_at DESC LIMIT 20",
    "SELECT count(*) FROM articles WHERE section = 'Ekonomi'",
    "SELECT captured_at, status FROM captures WHERE urlkey = (SELECT urlkey FROM articles LIMIT 1) ORDER BY 1",
    "SELECT a.url, v.seen_from FROM versions v JOIN articles a ON a.version = v.id ORDER BY v.id LIMIT 50",
)


def main() -> None:
    """Make the archive in a temporary folder, print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2_000)
    parser.add_argument("--fetched", type=int, default=300, help="articles of the site that is crawled")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds between two fetches, where a crawl is polite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to make the files [default: a temporary folder]")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        ask(options.ask)
        return
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="indexing-") as folder:
        directory = archives.make_archive(Path(folder) / "archive")
        archives.write_warc(directory, "a", news(options.pages))
        print(f"{options.pages} pages, {cores()} cores, load {os.getloadavg()[0]:.1f}")
        rebuilds(directory, options.pages, options.rounds)
        site = {path: servers.page(body) for path, body in pages(options.fetched, seed=2)}
        for delay in (options.delay, 0.0):
            crawls(Path(folder), site, delay)
        readers(directory, site, options.delay)


# ---------------------------------------------------------------- rebuilds


@dataclass(frozen=True, slots=True, order=True)
class Spent:
    """What one command took."""

    seconds: float  # by the clock
    processor: float  # seconds of all its processes
    others: float  # share of the processors that other programmes had meanwhile


def rebuilds(directory: ArchiveDir, count: int, rounds: int) -> None:
    """One process that reads, and one a core."""
    muragat(directory, "index")
    spent: dict[int, list[Spent]] = {1: [], cores(): []}
    for _ in range(rounds):
        for jobs, times in spent.items():
            times.append(_spent(lambda jobs=jobs: muragat(directory, "index", "--rebuild", "--jobs", str(jobs))))  # type: ignore[misc]
    print(f"\n{'muragat index --rebuild':28}{'seconds':>9}{'pages/s':>9}{'of processors':>15}{'others had':>12}")
    for jobs, times in spent.items():
        one = min(times)
        name = f"--jobs {jobs}"
        print(f"{name:28}{one.seconds:9.1f}{count / one.seconds:9.0f}{one.processor:13.1f} s{one.others:12.0%}")
    alone, many = (min(times) for times in spent.values())
    print(
        f"{cores()} jobs are {alone.seconds / many.seconds:.2f} times as fast as one (goal on 2 cores: {GOAL_RATIO});"
    )
    ideal = alone.processor / many.processor * cores()
    print(f"by what they took of the processors, {ideal:.2f} times where nothing else runs")


def _spent(act: Callable[[], object]) -> Spent:
    before, began, busy = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), _busy()
    act()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, ours, max(0.0, _busy() - busy - ours) / wall / cores())


def _busy() -> float:
    """Seconds that all processors have worked since the machine started."""
    user, nice, system = (int(part) for part in Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def muragat(directory: ArchiveDir, *words: str) -> None:
    """A command to its end."""
    command = [sys.executable, "-P", "-m", "crawler.cli", *words, "--archive", str(directory.root)]
    subprocess.run(command, check=True, capture_output=True)


# ---------------------------------------------------------------- beside a crawl


@dataclass(slots=True)
class Course:
    """How one crawl went."""

    seconds: float = 0.0  # until its last answer was kept
    most: int = 0  # answers kept and not yet rows, at the worst
    left: int = 0  # of them when the crawl ended
    until_rows: float = 0.0  # seconds from its end until all were rows


def crawls(folder: Path, site: dict[str, servers.Answer], delay: float) -> None:
    """The same crawl, without and with its indexer."""
    alone, beside = (
        crawled(folder / f"{name}-{delay}", site, delay, indexed=name == "beside") for name in ("alone", "beside")
    )
    print(f"\na crawl of {len(site)} articles, {f'one each {delay} s' if delay else 'as fast as it can'}")
    print(f"{'':28}{'seconds':>9}{'behind':>9}{'at its end':>12}{'rows are in after':>19}")
    print(f"{'without rows':28}{alone.seconds:9.1f}")
    print(f"{'rows beside it':28}{beside.seconds:9.1f}{beside.most:9}{beside.left:12}{beside.until_rows:17.1f} s")
    print(f"{beside.seconds / alone.seconds:.2f} times as long; the goal is rows within {GOAL_SECONDS} s of its end")


def crawled(root: Path, site: dict[str, servers.Answer], delay: float, *, indexed: bool) -> Course:
    """One crawl, watched."""
    course = Course()
    with servers.Loopback({"/": servers.links(*site), **site}) as server:
        directory = _archive(root, server, delay)
        with _kept_out(directory, not indexed):
            began = time.monotonic()
            process = servers.start_crawl(directory)
            while process.poll() is None:
                time.sleep(0.1)
                course.most = max(course.most, len(server.log) - _rows(directory))
            course.seconds = time.monotonic() - began
        said = process.communicate()
        if process.returncode:
            raise SystemExit("\n".join(said))
        course.left = len(server.log) - _rows(directory)
        while _rows(directory) < len(server.log):
            time.sleep(0.05)
        course.until_rows = time.monotonic() - began - course.seconds
    return course


def _archive(root: Path, server: servers.Loopback, delay: float) -> ArchiveDir:
    directory = servers.make_archive(root, server)
    profile = directory.sites / "local.toml"
    profile.write_text(profile.read_text().replace("delay = 0\n", f"delay = {delay}\n"))
    return directory


@contextmanager
def _kept_out(directory: ArchiveDir, wanted: bool) -> Iterator[None]:
    if wanted:
        with hold(directory, "index"):
            yield
    else:
        yield


def _rows(directory: ArchiveDir) -> int:
    """How many answers are rows."""
    try:
        db = connect_readonly(directory.db)
    except MuragatError:  # not yet, or the tables are being made
        return 0
    try:
        return int(db.execute("SELECT count(*) FROM captures WHERE status NOT NULL").fetchone()[0])
    finally:
        db.close()


# ---------------------------------------------------------------- readers


def readers(directory: ArchiveDir, site: dict[str, servers.Answer], delay: float) -> None:
    """What a reader waits, alone and beside who writes."""
    print(f"\n{'a reader':28}{'queries':>9}{'errors':>9}{'p50 ms':>9}{'p95 ms':>9}{'the slowest':>13}")
    _read("nothing else", directory, lambda: time.sleep(15))
    with servers.Loopback({"/": servers.links(*site), **site}) as server:
        profile = _archive(directory.root.with_name("profile"), server, delay).sites / "local.toml"
        (directory.sites / "local.toml").write_text(profile.read_text())
        _read("beside a crawl", directory, lambda: muragat(directory, "crawl", "local"))
    _read(f"beside a rebuild, {cores()} jobs", directory, lambda: muragat(directory, "index", "--rebuild"))
    print(f"the goal is no error, and p95 within {GOAL_MS} ms during a crawl")


def _read(label: str, directory: ArchiveDir, meanwhile: Callable[[], object]) -> None:
    command = [sys.executable, __file__, "--ask", str(directory.root)]
    asking = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    meanwhile()
    said, _ = asking.communicate()
    found = json.loads(said)
    times: Sequence[float] = found["ms"]
    p95 = quantiles(times, n=20)[-1]
    print(f"{label:28}{len(times):9}{len(found['errors']):9}{median(times):9.1f}{p95:9.1f}{max(times):13.1f}")
    for error in found["errors"][:3]:
        print(f"  {error}")


def ask(root: Path) -> None:
    """Search and ask SQL in turns, twenty times a second, until standard input closes; the times as JSON."""
    db = connect_readonly(ArchiveDir(root).db)
    asks = [lambda words=words: search(db, words).total for words in WORDS]  # type: ignore[misc]
    asks += [lambda sql=sql: len(db.execute(sql).fetchall()) for sql in SQL]  # type: ignore[misc]
    for one in asks:
        one()
    milliseconds, errors = list[float](), list[str]()
    while not select.select([sys.stdin], [], [], 0)[0]:  # until it closes
        for one in asks:
            began = time.perf_counter()
            try:
                one()
            except Exception as error:
                errors.append(repr(error))
            milliseconds.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.05)
    print(json.dumps({"ms": milliseconds, "errors": errors}))


if __name__ == "__main__":
    main()

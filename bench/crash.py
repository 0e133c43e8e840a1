"""What SIGKILL costs: a crawl under load killed again and again, then the same command to its end.  `make bench-crash`

Each archive is crawled from a site on loopback that answers a hundred times a second; one to three times the crawl is
killed at a random moment, then it is run to its end. What the frontier says is done at the moment of a kill is
acknowledged: it must be whole in a WARC already, and must not be fetched again. The seed is printed, and `--seed`
repeats a run's moments as far as a scheduler allows.

Then an indexer is killed at random moments: of a run in one process, of one that others read for, of a rebuild. The
next run must end with the rows of one that was not disturbed, every table compared; of a rebuild the old rows serve.

    python bench/crash.py [--kills 30] [--indexer-kills 20] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("tests", "")]

from servers import Loopback, crawl, frontier_rows, make_archive, start_crawl, wait_until  # noqa: E402
from test_crash import ALL, LISTINGS, captured, site, states  # noqa: E402
from test_rebuild import Torment  # noqa: E402

from archive import manifest  # noqa: E402
from archive.config import ArchiveDir  # noqa: E402
from archive.verify import verify  # noqa: E402
from archive.warc import Damaged, read_warc  # noqa: E402

WAYS = (["--jobs", "1"], ["--jobs", "2"], ["--jobs", "2", "--rebuild"])
LONGEST_SECONDS = 2.0  # of crawling before a kill; an undisturbed crawl takes about three


@dataclass
class Tally:
    """What one archive went through."""

    kills: int = 0
    answers: int = 0  # given by the server until the last kill
    acknowledged: int = 0  # of them, done in the frontier when the crawl was killed; summed over the kills
    lost: int = 0  # acknowledged, and in no WARC: must be 0
    missing: int = 0  # of the site, when the last crawl has ended: must be 0
    torn: int = 0  # damaged records, and what `muragat verify` finds: must be 0
    renamed: int = 0  # file names used twice: must be 0
    refetched: int = 0  # acknowledged, and fetched again all the same: must be 0
    repeated: int = 0  # under way at a kill, or not yet on the disk: fetched again, as it has to be

    @property
    def wrong(self) -> int:
        """How much of it must not be."""
        return self.lost + self.missing + self.torn + self.renamed + self.refetched


def main() -> int:
    """Print the table; exit code 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--indexer-kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}")
    wrong = crawler_kills(options.kills, chance) if options.kills else 0
    wrong += indexer_kills(options.indexer_kills, chance) if options.indexer_kills else 0
    return bool(wrong)


def crawler_kills(kills: int, chance: random.Random) -> int:
    """A table of archives; how much is wrong."""
    print(f"{kills} kills of a crawl of {len(ALL)} URLs")
    names = [field.name for field in fields(Tally)]
    print("archive  " + "  ".join(names))
    total = Tally()
    for number in range(1, 2 * kills + 1):
        with tempfile.TemporaryDirectory(prefix="crash-") as folder:
            tally = torment(Path(folder), kills=min(chance.randint(1, 3), kills - total.kills), chance=chance)
        _print(f"{number:7}", tally)
        for name in names:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        if total.kills >= kills:
            break
    _print("    all", total)
    print("nothing acknowledged was lost, torn or fetched again" if not total.wrong else "SOMETHING IS WRONG")
    return total.wrong


def indexer_kills(kills: int, chance: random.Random) -> int:
    """A line a kill; how many of them changed a row."""
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        tormented = Torment(Path(folder) / "archive", pages=200)
        print(f"{kills} kills of an indexer of 400 pages; undisturbed it takes {tormented.seconds:.1f} s")
        for number in range(1, kills + 1):
            words, share = chance.choice(WAYS), chance.uniform(0.05, 1.0)
            found = tormented.kill(*words, share=share)
            wrong += found is not None
            print(
                f"{number:7}  {' '.join(words):20}  killed after {share:4.0%}: {found or 'the same rows'}", flush=True
            )
    print("every run after a kill ended with the same rows" if not wrong else "SOMETHING IS WRONG")
    return wrong


def torment(folder: Path, *, kills: int, chance: random.Random) -> Tally:
    """Crawl one archive, killed so often, then to the end; what became of it."""
    tally = Tally()
    acknowledged: dict[str, int] = {}  # path → answers the server had given when it was acknowledged
    with Loopback(site) as server:
        directory = make_archive(folder / "archive", server)
        for _ in range(kills):
            if not _kill(directory, server, after=chance.uniform(0.0, LONGEST_SECONDS)):
                break
            tally.kills += 1
            done = {url.removeprefix(server.url) for url, row in frontier_rows(directory).items() if row[0] == "done"}
            held = _held(directory, server, tally)
            tally.acknowledged += len(done)
            tally.lost += len(done - held)
            for path in done - LISTINGS:
                acknowledged.setdefault(path, len(server.log))
        tally.answers = len(server.log)
        last = crawl(directory, wait=True)
        if last.returncode:
            raise SystemExit(f"the crawl after {kills} kills failed:\n{last.stdout}{last.stderr}")
    log = [heard.path for heard in server.log]
    tally.refetched = sum(path in log[answers:] for path, answers in acknowledged.items())
    tally.repeated = sum(log.count(path) - 1 for path in set(log) - LISTINGS) - tally.refetched
    tally.missing = len(ALL - captured(directory, server).keys()) + len(states(directory) - {"done"})
    findings = verify(directory).findings
    tally.torn += len(findings)
    chained = [entry.name for entry in manifest.read(directory.manifest)]
    tally.renamed = len(chained) - len(set(chained))
    for finding in findings:
        print(finding)
    return tally


def _kill(directory: ArchiveDir, server: Loopback, *, after: float) -> bool:
    """Start a crawl and kill it so many seconds after its first answer; False: it had ended by then."""
    before = len(server.log)
    process = start_crawl(directory)
    wait_until(lambda: len(server.log) > before or process.poll() is not None)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.1)  # answers under way come to nobody
    return process.returncode == -signal.SIGKILL


def _held(directory: ArchiveDir, server: Loopback, tally: Tally) -> set[str]:
    """The paths that are whole in a WARC, a file left open included."""
    held = set()
    for path in directory.warcs.iterdir():
        if not path.name.endswith(".torn"):
            for read in read_warc(directory.warcs, path.name.removesuffix(".open")):
                tally.torn += isinstance(read, Damaged)
                capture = getattr(read, "capture", None)
                if capture is not None and capture.status:
                    held.add(capture.url.removeprefix(server.url))
    return held


def _print(label: str, tally: Tally) -> None:
    cells = (f"{getattr(tally, field.name):>{len(field.name)}}" for field in fields(Tally))
    print(f"{label}  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Processes that read records for the indexer: one page that kills its reader costs that page, never the index.

`Workers` starts `python -P -m archive.workers`, sends each what to read (places in files, not payloads) and gives back
what was read, in the order asked. A child has our pipe and nothing else of ours, no database and no socket; it ends
when the pipe closes, however we end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Self, TypeVar

from archive.config import ArchiveDir
from archive.errors import WarcReadError
from archive.facts import Rules
from archive.reading import Again, Read, Stretch, read_on, stretches
from archive.warc import Damaged, size_of

Task = TypeVar("Task", Stretch, Again)

# From so much on, other processes are asked to read: each takes most of a second to start. 2 MB are 300 pages or more.
MANY_BYTES, MANY_PAGES = 2 << 20, 300
AHEAD = 4  # tasks a worker that are under way, or read and not yet asked for: memory is bounded by them
# Of the processor, for one task: a hundred pages take two seconds. A page that never ends is one that kills its reader.
TASK_SECONDS = 120


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


class Readers:
    """Reads records for the indexer of one database: here, or in other processes; a context manager.

    In `jobs` processes; when nobody says how many, in one a core where there is much to read. When the last indexer
    died over its reading, all is read by other processes: whatever it died of, this one survives.
    """

    def __init__(self, directory: ArchiveDir, rules: Rules, *, jobs: int | None, of: str) -> None:
        self._folder, self._rules = directory.warcs, rules
        self._jobs, self._told = jobs or cores(), jobs is not None
        self._mark = directory.locks / f"{of}.reading"  # is there while this process itself reads
        self._careful = self._mark.exists()
        self._workers: Workers | None = None

    def read_on(self, places: Mapping[str, int]) -> Iterator[tuple[str, int, list[Read] | WarcReadError]]:
        """What WARCs hold beyond these places: (file, where it begins, what was read there), each in order."""
        waiting = {name: (size_of(self._folder, name) or place) - place for name, place in places.items()}
        if self._elsewhere(many=sum(waiting.values()) > MANY_BYTES):
            for task, reads in self._started().read(self._plan(places)):
                yield task.name, task.start, reads
            return
        for name, start in places.items():
            self._begin(waiting[name])
            try:
                for reads in read_on(self._folder, name, self._rules, start=start):
                    yield name, start, reads
                    start = reads[-1].record.end
            except WarcReadError as error:
                yield name, start, error

    def read_again(self, tasks: Iterable[Again], *, pages: int) -> Iterator[list[Read]]:
        """Each task, in order; `pages`: about how many captures they are in all."""
        if self._elsewhere(many=pages > MANY_PAGES):
            for _, reads in self._started().read(tasks):
                yield [Read(Damaged(error=reads, end=0))] if isinstance(reads, WarcReadError) else reads
            return
        self._begin(pages)
        for task in tasks:
            yield task.read(self._folder, self._rules)

    def _elsewhere(self, *, many: bool) -> bool:
        return self._careful or (self._jobs > 1 and (many or self._told))

    def _plan(self, places: Mapping[str, int]) -> Iterator[Stretch]:
        for name, start in places.items():
            try:
                yield from stretches(self._folder, name, start=start)
            except WarcReadError:  # whoever reads there meets it again, and says so in its turn
                yield Stretch(name, start, (start,))

    def _begin(self, waiting: int) -> None:
        if waiting:
            self._mark.touch()

    def _started(self) -> Workers:
        self._workers = self._workers or Workers(self._folder, self._rules, jobs=self._jobs)
        return self._workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._workers:
            self._workers.close()
        if kind is None:  # else it may be a page that never ends, and somebody lost patience
            self._mark.unlink(missing_ok=True)


class Workers:
    """So many processes, each started when there is something for it to read."""

    def __init__(self, folder: Path, rules: Rules, *, jobs: int) -> None:
        self._folder = folder
        self._all = [_Worker(folder, rules) for _ in range(jobs)]
        self._idle = SimpleQueue[_Worker]()
        for worker in self._all:
            self._idle.put(worker)
        # Threads wait for the processes, one for each: whatever happens to one, the others go on.
        self._threads = ThreadPoolExecutor(jobs)

    def read(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, list[Read] | WarcReadError]]:
        """Each task with what was read for it, in their order; they are taken as they can be read."""
        ahead = deque[tuple[Task, Future[list[Read] | WarcReadError]]]()
        for task in tasks:
            ahead.append((task, self._threads.submit(self._read, task)))
            if len(ahead) >= AHEAD * len(self._all):
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()

    def _read(self, task: Stretch | Again) -> list[Read] | WarcReadError:
        worker = self._idle.get()
        try:
            return self._read_with(worker, task)
        except WarcReadError as error:
            return error
        finally:
            self._idle.put(worker)

    def _read_with(self, worker: _Worker, task: Stretch | Again) -> list[Read]:
        """Of which record a process died is found by asking for each alone; one that is fatal alone is given up."""
        try:
            return worker.ask(task)
        except _DiedError as error:
            died = error
        if len(task) > 1:
            return [read for one in task.singly() for read in self._read_with(worker, one)]
        try:
            return worker.ask(task)  # it may have been somebody else's doing
        except _DiedError:
            return task.unread(self._folder, str(died))

    def close(self) -> None:
        """End them, whatever they are doing."""
        for worker in self._all:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.close()


class _DiedError(Exception):
    """A process ended over its task; the message says how."""


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self._folder, self._rules = folder, rules
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def ask(self, task: Stretch | Again) -> list[Read]:
        """What it read. Raises _DiedError, and the WarcReadError it met."""
        if self._stopped:
            return []
        try:
            child = self._child or self._start()
            _send(child.stdin, task)
            assert child.stdout
            answer = pickle.load(child.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError) as error:
            raise _DiedError(f"its reader {_how(self.close())}") from error
        if isinstance(answer, WarcReadError):
            raise answer
        reads: list[Read] = answer
        return reads

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "archive.workers", str(self._folder.absolute())]
        # A group of its own: Ctrl-C at the terminal is for us, and what we do then.
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
        _send(self._child.stdin, self._rules)
        return self._child

    def stop(self) -> None:
        """Let no more be asked, whatever thread waits for an answer."""
        self._stopped = True
        if self._child:
            self._child.kill()

    def close(self) -> int:
        """Wait until the process has ended, unless it waits for us: its exit code, as `subprocess` has it."""
        child, self._child = self._child, None
        if not child:
            return 0
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        return child.wait()


def _send(pipe: IO[bytes] | None, something: object) -> None:
    assert pipe
    pickle.dump(something, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _how(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    if -code == signal.SIGXCPU:
        return f"was at it for more than {TASK_SECONDS} s"
    return f"was killed by {signal.Signals(-code).name}"


def main() -> int:
    """`python -m archive.workers FOLDER`: read what standard input names of its WARCs, until it closes."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(OSError), Path("/proc/self/oom_score_adj").open("w") as file:
        file.write("1000")  # where memory ends, it ends for us first: the writer then says of which page
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, the answers stay whole
    folder, rules = Path(sys.argv[1]), pickle.load(asked)
    while True:
        try:
            task: Stretch | Again = pickle.load(asked)
        except EOFError:
            return 0
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime) + TASK_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        answer: list[Read] | WarcReadError
        try:
            answer = task.read(folder, rules)
        except WarcReadError as error:
            answer = error
        try:
            _send(answers, answer)
        except BrokenPipeError:  # whoever asked is gone
            return 0


if __name__ == "__main__":
    sys.exit(main())

"""What crawls that died left open: cut to the last whole record, closed and chained. A closed file is never touched."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import LockedError
from archive.warc import repair

_SERIES = re.compile(r"(?P<site>.+?)-\d{14}-\d{5}-.*\.warc\.gz")
_NO_SITES = ("index", "import")  # locks of others than crawls


def repair_open(directory: ArchiveDir) -> Iterator[str]:
    """Close each leftover, a line about each. LockedError in the end for those of a crawl that is running."""
    refused = []
    for path in sorted(directory.warcs.glob("*.warc.gz.open")):
        name = path.name.removesuffix(".open")
        try:
            with _no_crawl(directory, name):
                if path.exists():  # else its crawl closed it just now
                    yield _repair(directory, name)
        except LockedError as error:
            refused.append(f"{path.name}: {error}")
    yield from _chain_closed(directory)
    if refused:
        raise LockedError(f"not repaired: {'; '.join(refused)}")


def running_crawls(directory: ArchiveDir) -> list[str]:
    """Who is writing now: crawls by site and pid, and the indexer."""
    found = []
    for path in sorted(directory.locks.glob("*.lock")):
        if path.name.startswith("."):
            continue
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(f"{path.stem} ({file.read().strip() or 'pid unknown'})")
    return found


def _repair(directory: ArchiveDir, name: str) -> str:
    torn = repair(directory.warcs, name)
    _chain(directory, name)
    kept = f", {torn} torn bytes kept aside in {name}.torn" if torn else ""
    return f"{name}: left open by a crawl that died; closed at its last whole record{kept}"


def _chain_closed(directory: ArchiveDir) -> Iterator[str]:
    """A crawl, or a repair, can also die between closing a file and chaining it."""
    chained = {entry.name for entry in manifest.read(directory.manifest)}
    for path in sorted(directory.warcs.glob("*.warc.gz")):
        if path.name in chained or not _SERIES.fullmatch(path.name):
            continue
        try:
            with _no_crawl(directory, path.name):
                # Under the lock: until then its crawl may have been about to chain it.
                if path.name not in {entry.name for entry in manifest.read(directory.manifest)}:
                    _chain(directory, path.name)
                    yield f"{path.name}: closed by a crawl that died before it was chained; chained as it is now"
        except LockedError:
            continue


def _chain(directory: ArchiveDir, name: str) -> None:
    path = directory.warcs / name
    digest = manifest.hash_file(path)
    manifest.append(directory.manifest, path, sha256_hex=digest, at=datetime.now(UTC), event="repaired")


@contextmanager
def _no_crawl(directory: ArchiveDir, name: str) -> Iterator[None]:
    """Hold the lock of the site a file belongs to; of a name that tells no site, the locks of all."""
    series = _SERIES.fullmatch(name)
    directory.locks.mkdir(exist_ok=True)
    if series:
        paths = [directory.locks / f"{series['site']}.lock"]
    else:
        found = directory.locks.glob("*.lock")
        paths = [path for path in found if path.stem not in _NO_SITES and not path.name.startswith(".")]
    held: list[IO[str]] = []
    try:
        for path in paths:
            file: IO[str] = path.open("a+")
            held.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise LockedError(f"a crawl of {path.stem} is running ({holder}); wait for it") from None
        yield
    finally:
        for file in held:
            file.close()

"""A copy of an archive in another folder, made beside a running crawl; archive/restore.py makes an archive of it again.

    backup.json       what the backup holds: each file with its size and SHA-256; what it does not name is no part of it
    warcs/            closed WARCs, by hard link where the disk allows it, else copied; kept from one backup to the next
    state-MOMENT/     all that changes: databases, settings, logs, and of WARCs being written what was whole

Databases come first, files after them: every row and every URL that is done has its record in the backup. A backup
into the same folder adds what is new; until its backup.json takes the place of the one before, that one holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from archive.config import ArchiveDir
from archive.errors import LockedError, MuragatError, way_out
from archive.kept import (
    CONTENTS,
    UNFINISHED,
    Contents,
    KeptFile,
    copy_file,
    link_file,
    read_contents,
    snapshot,
    write_contents,
    write_file,
)
from archive.manifest import Entry, hash_file, parse_line, read_lines
from archive.warc import open_warc, sync_folder, warc_date, whole_bytes

Progress = Callable[[int, int], None]  # bytes done, of how many


@dataclass(kw_only=True)
class Backup:
    """What one backup did."""

    contents: Contents
    linked: int = 0  # files made by hard link now
    copied_bytes: int = 0
    resumed: bool = False  # it went on with what an interrupted one had left
    damaged: list[str] = field(default_factory=list)  # what of the archive itself is missing, or not as it was closed
    mended: list[str] = field(default_factory=list)  # files that were damaged in the backup and are made anew


def backup(
    directory: ArchiveDir,
    target: Path,
    *,
    now: datetime,
    copy: bool = False,
    full: bool = False,
    progress: Progress | None = None,
) -> Backup:
    """Make a backup in a new folder, or bring the one there up to date. `copy`: no hard links.

    `full`: every WARC that the backup holds is read; otherwise those that were written to since.

    Raises MuragatError for a folder that holds anything else, and when the disk refuses: then what was a backup before
    is one still, and the next attempt goes on.
    """
    target = target.absolute()
    folder, before = _folder(directory, target), None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            resumed = (folder / UNFINISHED).exists()
            if (folder / CONTENTS).is_file():
                before = read_contents(folder)
                _check_same(directory, folder, before)
            else:
                (folder / UNFINISHED).write_text("A backup that is not finished; `muragat backup` goes on with it.\n")
            report = _Making(directory, folder, before, copy=copy, full=full, progress=progress).run(now)
            report.resumed = resumed
            _publish(folder, target, report.contents)
    except OSError as error:
        held = f"the backup of {before.made_at[:19]}Z in it holds" if before else "it is no backup yet"
        raise MuragatError(
            f"{error.filename or folder}: {error.strerror or error}; {held}; {way_out(error)}, then run it"
            " again: it goes on"
        ) from error
    return report


def _folder(directory: ArchiveDir, target: Path) -> Path:
    """Where to write: the backup that is there, else beside the name it will have."""
    if any(target.resolve().is_relative_to(kept.resolve()) for kept in (directory.warcs, directory.sites)):
        raise MuragatError(f"{target} lies among the files to be kept; name another folder")
    if (target / CONTENTS).is_file():
        return target
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise MuragatError(f"{target} holds something else than a backup (no {CONTENTS}); name a new folder")
    part = target.with_name(f"{target.name}.partial")
    ours = (part / UNFINISHED).exists() or (part / CONTENTS).is_file()
    if part.exists() and not ours and (not part.is_dir() or any(part.iterdir())):
        raise MuragatError(f"{part} is in the way, and no backup that was begun; move it elsewhere")
    return part


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LockedError(f"another backup is writing to {folder}; wait for it") from error
    finally:
        os.close(handle)


def _check_same(directory: ArchiveDir, folder: Path, before: Contents) -> None:
    """Refuse to mix two archives, or to lose what was hidden: the logs that were kept are the beginning of today's."""
    if not _goes_on(folder, before, directory.manifest):
        raise MuragatError(
            f"{folder} is the backup of another archive, or {directory.manifest.name} was changed since; name a new"
            " folder, and `muragat verify` says whether the chain is whole"
        )
    if not _goes_on(folder, before, directory.hidden):
        (kept,) = (one.path for one in before.files if one.place == directory.hidden.name)
        raise MuragatError(
            f"{directory.hidden} has lost lines that {folder / kept} holds: copy that one over it and run"
            " `muragat index`, or name a new folder"
        )


def _goes_on(folder: Path, before: Contents, log: Path) -> bool:
    """Whether a log begins with the lines that the backup holds; with a copy that is damaged, nothing is compared."""
    for one in before.files:
        path = folder / one.path
        if one.place == log.name and path.is_file() and hash_file(path) == one.sha256:
            kept = read_lines(path)[0]
            return read_lines(log)[0][: len(kept)] == kept
    return True


def _publish(folder: Path, target: Path, contents: Contents) -> None:
    """From here on it is the backup; what only the one before held is removed."""
    write_contents(folder, contents)
    (folder / UNFINISHED).unlink(missing_ok=True)
    if folder != target:
        folder.rename(target)
        sync_folder(target.parent)
    current = {PurePosixPath(one.path).parts[0] for one in contents.files}
    for state in target.glob("state-*"):
        if state.name not in current:
            shutil.rmtree(state)
    for leftover in (target / "warcs").glob("*.part"):
        leftover.unlink()


# ---------------------------------------------------------------- what is kept


class _Making:
    """One backup on its way."""

    def __init__(
        self,
        directory: ArchiveDir,
        folder: Path,
        before: Contents | None,
        *,
        copy: bool,
        full: bool,
        progress: Progress | None,
    ) -> None:
        self.directory, self.folder, self.copy, self.full, self.progress = directory, folder, copy, full, progress
        self.made_at_ns = (folder / CONTENTS).stat().st_ctime_ns if before else None
        self.known = {one.path: one for one in before.files} if before else {}
        self.files = list[KeptFile]()
        self.damaged, self.mended = list[str](), list[str]()
        self.linked = self.copied_bytes = 0

    def run(self, now: datetime) -> Backup:
        """Write all but backup.json."""
        state = self.folder / f"state-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
        folders = [self.folder / "warcs", state / "warcs", state / "sites"]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for path in (self.directory.frontier_db, self.directory.db):
            if path.is_file():
                snapshot(path, state / path.name)
                self._add(state / path.name, path.name)
        lines = self._small_files(state)
        chained = {entry.name: entry for entry in map(parse_line, lines) if entry}
        self._unchained(state, chained)
        size = sum(entry.size for entry in chained.values())
        for entry in chained.values():
            self._closed(entry)
            if self.progress:
                self.progress(sum(one.size for one in self.files if one.place.startswith("warcs/")), size)
        for folder in (*folders, state, self.folder):
            sync_folder(folder)
        head = sha256(lines[-1]).hexdigest() if lines else None
        contents = Contents(made_at=warc_date(now), head=head, files=tuple(self.files))
        return Backup(
            contents=contents,
            linked=self.linked,
            copied_bytes=self.copied_bytes,
            damaged=sorted(self.damaged),
            mended=sorted(self.mended),
        )

    def _small_files(self, state: Path) -> list[bytes]:
        """Settings and logs. The lines of the chain: each names a file that is closed by now."""
        directory = self.directory
        lines = read_lines(directory.manifest)[0]
        sites = sorted(path for path in directory.sites.glob("*") if path.is_file())
        for path in (directory.config_path, directory.manifest.with_suffix(".sig"), directory.hidden, *sites):
            if path.is_file():
                place = path.relative_to(directory.root)
                write_file(state / place, path.read_bytes())
                self._add(state / place, str(place))
        write_file(state / directory.manifest.name, b"".join(line + b"\n" for line in lines))
        self._add(state / directory.manifest.name, directory.manifest.name)
        return lines

    def _unchained(self, state: Path, chained: dict[str, Entry]) -> None:
        """What no line of the chain names: files being written, up to their last whole record; what repairs cut off.

        A file that a crawl is writing, has closed this moment or has left over is kept under its `.open` name: the next
        crawl closes and chains it. All are opened, and their sizes taken, before one is read: what is in them refers to
        nothing that came later.
        """
        with ExitStack() as stack:
            files = list[tuple[str, BinaryIO, int]]()
            for path in sorted(self.directory.warcs.glob("[!.]*")):
                name = path.name.removesuffix(".open")
                if name not in chained and path.suffix not in (".part", ".tmp") and not path.is_dir():
                    file = stack.enter_context(open_warc(self.directory.warcs, name))
                    files.append((name, file, os.fstat(file.fileno()).st_size))
            for name, file, size in files:
                is_warc = name.endswith(".warc.gz")
                place = f"warcs/{name}.open" if is_warc else f"warcs/{name}"
                self._copy(file, state / place, whole_bytes(file, size) if is_warc else size, place)

    def _closed(self, entry: Entry) -> None:
        """A file that nobody writes any more: as it was kept before, by link, or copied."""
        path, target, place = (
            self.directory.warcs / entry.name,
            self.folder / "warcs" / entry.name,
            f"warcs/{entry.name}",
        )
        size = path.stat().st_size if path.is_file() else None
        known, linked = self.known.get(place), path.is_file() and target.is_file() and target.samefile(path)
        held = self._is_held(entry, target, known, linked=linked)
        if held:
            self._add(target, place, digest=entry.sha256)
        elif size is None:
            pass
        elif not self.copy and link_file(path, target):
            self.linked += 1
            doubtful = size != entry.size or self.full or known
            self._add(target, place, digest=None if doubtful else entry.sha256)
        else:
            with path.open("rb") as file:
                self._copy(file, target, size, place)
        if size is None:
            self.damaged.append(f"{entry.name} is missing")
        elif size != entry.size or (self.files[-1].sha256 != entry.sha256):
            self.damaged.append(f"{entry.name} is not what it was when it was closed")
        elif not held and not linked and known and known.sha256 == entry.sha256:
            self.mended.append(entry.name)

    def _is_held(self, entry: Entry, target: Path, known: KeptFile | None, *, linked: bool) -> bool:
        """Whether an earlier backup, finished or not, holds a file as it was closed, whatever became of it since.

        A file that was touched after that backup was made is read again.
        """
        if not target.is_file() or target.stat().st_size != entry.size or (linked and self.copy):
            return False
        touched = self.made_at_ns is not None and target.stat().st_ctime_ns >= self.made_at_ns
        if self.full or touched:
            return hash_file(target) == entry.sha256
        if known:  # as the backup before measured it: a link to a damaged file is no better for being one
            return known.sha256 == entry.sha256
        return linked or hash_file(target) == entry.sha256

    def _copy(self, file: BinaryIO, target: Path, size: int, place: str) -> None:
        digest = copy_file(file, target, size)
        self.copied_bytes += size
        self._add(target, place, digest=digest)

    def _add(self, path: Path, place: str, *, digest: str | None = None) -> None:
        kept = str(path.relative_to(self.folder))
        self.files.append(KeptFile(path=kept, place=place, size=path.stat().st_size, sha256=digest or hash_file(path)))

"""A backup checked, and an archive made of it: what archive/backup.py wrote, by what its backup.json says."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from archive.backup import Progress
from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.index import index_archive
from archive.kept import UNFINISHED, Contents, KeptFile, copy_file, read_contents
from archive.manifest import hash_file
from archive.warc import sync_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore made."""

    contents: Contents
    captures: int  # indexed now: records that were younger than the rows
    hidden_lost: list[str]  # addresses that stay hidden though hidden.jsonl had lost them


def restore(folder: Path, to: Path, *, progress: Progress | None = None) -> Restored:
    """Make an archive of a backup in a new folder, when every file of it is what it was.

    Raises MuragatError for a folder that is not empty and for a damaged backup: then nothing is made.
    """
    to = to.absolute()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise MuragatError(f"{to} is not empty; name a new folder: a restore never writes over anything")
    contents, wrong = check(folder, progress=progress)
    if wrong:
        raise MuragatError(
            f"{folder}: {len(wrong)} of {len(contents.files)} files are damaged, {wrong[0]}; nothing was restored:"
            " take another copy of this backup, or make the files anew from the archive with `muragat backup --full"
            f" {folder}`; `--verify` names all"
        )
    part = to.with_name(f"{to.name}.partial")
    if part.exists() and not (part / UNFINISHED).is_file():
        raise MuragatError(f"{part} is in the way, and no restore that was begun; move it elsewhere")
    try:
        _copy_all(folder, contents, part, progress)
        part.rename(to)
        sync_folder(to.parent)
    except OSError as error:
        raise MuragatError(
            f"{error.filename or part}: {error.strerror or error}; {to} was not made; make room, then run it again"
        ) from error
    try:
        indexed = index_archive(ArchiveDir(to))
    except sqlite3.DatabaseError as error:
        raise MuragatError(
            f"{to} is restored, but not its rows: archive.db: {error}; `muragat index --rebuild` makes them anew"
        ) from error
    return Restored(contents=contents, captures=indexed.captures, hidden_lost=indexed.hidden_lost)


def check(folder: Path, *, progress: Progress | None = None) -> tuple[Contents, list[str]]:
    """What a backup says that it holds, and which files of it are missing or changed, in words."""
    contents, done, wrong = read_contents(folder), 0, list[str]()
    for kept in contents.files:
        if found := _fault(folder / kept.path, kept):
            wrong.append(found)
        done += kept.size
        if progress:
            progress(done, contents.size_bytes)
    return contents, wrong


def _fault(path: Path, kept: KeptFile) -> str | None:
    try:
        if not path.is_file():
            return f"{kept.path} is missing"
        if path.stat().st_size != kept.size:
            return f"{kept.path} has {path.stat().st_size} bytes instead of {kept.size}"
        same = hash_file(path) == kept.sha256
    except OSError as error:
        return f"{kept.path} cannot be read: {error.strerror or error}"
    return None if same else f"{kept.path} is not what was written: its SHA-256 is another"


def _copy_all(folder: Path, contents: Contents, part: Path, progress: Progress | None) -> None:
    """The files into a new folder; one that a restore which was interrupted left is begun anew."""
    if part.exists():
        shutil.rmtree(part)
    for place in ("warcs", "sites", "logs"):
        (part / place).mkdir(parents=True)
    (part / UNFINISHED).write_text("A restore that is not finished; `muragat restore` begins it anew.\n")
    done = 0
    for kept in contents.files:
        target = part / kept.place
        target.parent.mkdir(parents=True, exist_ok=True)
        with (folder / kept.path).open("rb") as file:
            if copy_file(file, target, kept.size) != kept.sha256:
                raise OSError(0, "changed since it was checked", str(folder / kept.path))
        done += kept.size
        if progress:
            progress(done, contents.size_bytes)
    for place in ("warcs", "sites", "."):
        sync_folder(part / place)
    (part / UNFINISHED).unlink()

"""What a backup says that it holds: backup.json, and the copying of files and databases."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from archive.errors import MuragatError, SchemaTooNewError
from archive.manifest import may_be_name
from archive.readonly import open_readonly
from archive.warc import sync_folder

CONTENTS = "backup.json"
UNFINISHED = "UNFINISHED"  # stands in a folder that is not called a backup, or an archive, yet
FORMAT = 1
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file of a backup."""

    path: str  # in the backup
    place: str  # in the archive
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What backup.json says."""

    made_at: str  # UTC, ISO 8601
    head: str | None  # of the chain of closed files: `muragat verify --head` proves all up to it
    files: tuple[KeptFile, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(one.size for one in self.files)


def read_contents(folder: Path) -> Contents:
    """backup.json, with no path in it that leads out of the folder. Raises MuragatError where it is none."""
    path = folder / CONTENTS
    try:
        said = json.loads(path.read_bytes())
        if said["format"] > FORMAT:
            raise SchemaTooNewError(f"{path} was written by a newer muragat; install that")
        files = tuple(_kept_file(one) for one in said["files"])
        return Contents(made_at=str(said["made_at"]), head=said["head"], files=files)
    except FileNotFoundError as error:
        raise MuragatError(f"{folder} is no backup: it has no {CONTENTS}; `muragat backup DIR` makes one") from error
    except OSError as error:
        raise MuragatError(f"{path}: {error.strerror or error}; take another copy of this backup") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MuragatError(
            f"{path} is damaged ({error!r}); take another copy of this backup, or make one in a new folder"
        ) from error


def write_contents(folder: Path, contents: Contents) -> None:
    """Put backup.json in the place of the one before."""
    part = folder / f"{CONTENTS}.part"
    write_file(part, json.dumps({**asdict(contents), "format": FORMAT}, ensure_ascii=False, indent=1).encode())
    part.replace(folder / CONTENTS)
    sync_folder(folder)


def _kept_file(said: dict[str, object]) -> KeptFile:
    size, digest = said["size"], said["sha256"]
    if not isinstance(size, int) or size < 0 or not isinstance(digest, str):
        raise ValueError("a size or a SHA-256 is none")
    return KeptFile(path=_inside(said["path"]), place=_inside(said["place"]), size=size, sha256=digest)


def _inside(path: object) -> str:
    """A path below a folder, of names that a file can have."""
    if not isinstance(path, str):
        raise ValueError(f"{path!r} is no path")
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or not all(map(may_be_name, parts)):
        raise ValueError(path[:100])
    return path


def copy_file(file: BinaryIO, target: Path, size: int) -> str:
    """Copy so many bytes from a file's start, under the final name when they are on the disk; their SHA-256.

    Raises OSError; a file that ends early is one, too.
    """
    part, digest, left = target.with_name(f"{target.name}.part"), sha256(), size
    file.seek(0)
    with part.open("wb") as copied:
        while left:
            piece = file.read(min(_COPY_BYTES, left))
            if not piece:
                raise OSError(0, "became shorter while it was read", str(getattr(file, "name", target)))
            copied.write(piece)
            digest.update(piece)
            left -= len(piece)
        copied.flush()
        os.fsync(copied.fileno())
    part.replace(target)
    return digest.hexdigest()


def link_file(path: Path, target: Path) -> bool:
    """Whether a hard link could be made; a link to a file elsewhere is none: others write to that."""
    if path.is_symlink():
        return False
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:  # another disk, or one that knows no links
        return False
    return True


def write_file(path: Path, content: bytes) -> None:
    """A small file, on the disk when this returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def snapshot(database: Path, target: Path) -> None:
    """A database as it is at this moment, in one transaction of a reader: nobody who writes to it waits."""
    try:
        with closing(open_readonly(database, timeout=30)) as connection:
            connection.execute("VACUUM INTO ?", [str(target)])
    except sqlite3.Error as error:
        full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
        if not full and (wrong := _damage(database)):
            again = "`muragat index`" if database.name == "archive.db" else "the next crawl"
            raise MuragatError(
                f"{database} is damaged ({wrong}) and cannot be kept; move it away, {again} makes it anew, then run"
                " the backup again"
            ) from error
        raise MuragatError(f"{database} cannot be copied to {target}: {error}; make room and run it again") from error
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _damage(database: Path) -> str | None:
    """What is wrong with the file itself: SQLite tells of the copy alone, as one that it cannot open."""
    try:
        with closing(open_readonly(database, timeout=30)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else " ".join(found.split())

"""Files made by others, taken into this archive: kept as they came, and read like our own.

The original lies untouched under `warcs/` (or is a link there). Where it is a WARC that holds each record in a gzip
member of its own, rows point into it; anything else, and what is damaged, is converted once into such a WARC beside
it: every record that is whole, byte for byte, behind a warcinfo record that says what it was converted from. Both are
in the chain of `manifest.jsonl`; the original's line, written last, is what makes a file count as imported.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5
from zipfile import ZipInfo

from archive import manifest
from archive.config import ArchiveDir
from archive.errors import MuragatError, WarcError, WarcReadError
from archive.foreign import Container, Foreign, Untidy, container_of, records, unpack, wacz_entries
from archive.index import IndexReport, index_archive
from archive.schema import connect_readonly
from archive.warc import Kept, Member, compress_record, parse_record, read_record, sync_folder, warc_date

logger = logging.getLogger(__name__)

# Of manifest lines. "linked": imported by reference, the bytes lie elsewhere; "converted": made by us from an import.
IMPORTED, LINKED, CONVERTED = "imported", "linked", "converted"
_SPARE_BYTES = 64 << 20  # to leave on the disk when a WACZ is unpacked


@dataclass
class Import:
    """What became of one file."""

    source: str
    container: str = ""  # "WARC in gzip", "ARC", "WACZ" …; "" where it is nothing we read
    kept_as: str | None = None  # its name under warcs/; None where nothing was kept
    already: str | None = None  # the name of the identical file that the archive holds already
    read_from: list[str] = field(default_factory=list)  # the WARCs that rows point into: itself, or its conversions
    records: dict[str, int] = field(default_factory=dict)  # by WARC-Type
    captures: int = 0  # of these: rows
    damaged: list[str] = field(default_factory=list)  # what could not be read: file, offset, why


@dataclass
class ImportReport:
    """What an import did."""

    files: list[Import] = field(default_factory=list)
    index: IndexReport = field(default_factory=IndexReport)
    strangers: dict[str, int] = field(default_factory=dict)  # hosts without a profile → captures, read in UTC

    @property
    def ok(self) -> bool:
        """Whether everything that was named is in the archive now, and whole."""
        return not self.index.damaged and all((f.kept_as or f.already) and not f.damaged for f in self.files)


def import_files(directory: ArchiveDir, sources: Sequence[Path], *, now: datetime, link: bool = False) -> ImportReport:
    """Take files into the archive and make their rows. What cannot be read is in the report, not raised."""
    report = ImportReport()
    with _lock(directory):
        for source in sources:
            report.files.append(_import(directory, source, now=now, link=link))
    if any(one.read_from for one in report.files):
        report.index = index_archive(directory)
        report.strangers = _strangers(directory, [name for one in report.files for name in one.read_from])
    return report


def _import(directory: ArchiveDir, source: Path, *, now: datetime, link: bool) -> Import:
    done = Import(str(source))
    try:
        if not source.is_file():
            raise WarcReadError(source.name, 0, "there is no such file" if not source.exists() else "not a file")
        if source.resolve().parent == directory.warcs.resolve():
            raise WarcReadError(source.name, 0, "it lies in this archive's warcs/; move it elsewhere, then import it")
        digest = manifest.hash_file(source)
        done.already = _known(directory, digest)
        if done.already is None:
            _Importing(directory, source, digest, done).run(now=now, link=link)
    except WarcError as error:
        done.damaged.append(str(error))
    except OSError as error:
        done.damaged.append(f"{source}: {error.strerror or error}; nothing of it was imported")
    return done


def _known(directory: ArchiveDir, digest: str) -> str | None:
    return next((entry.name for entry in manifest.read(directory.manifest) if entry.sha256 == digest), None)


@contextmanager
def _lock(directory: ArchiveDir) -> Iterator[None]:
    """One import at a time; what one that died has left half done is removed."""
    directory.locks.mkdir(exist_ok=True)
    directory.warcs.mkdir(exist_ok=True)
    with (directory.locks / "import.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for leftover in directory.warcs.glob(".import-*.part"):
            leftover.unlink()
        yield


def _strangers(directory: ArchiveDir, names: Iterable[str]) -> dict[str, int]:
    db, hosts = connect_readonly(directory.db), Counter[str]()
    for name in names:
        for (url,) in db.execute(
            "SELECT url FROM captures WHERE warc = ? AND site IS NULL AND url LIKE 'http%'", [name]
        ):
            with suppress(ValueError):
                hosts[urlsplit(url).netloc] += 1
    return dict(hosts.most_common())


# ---------------------------------------------------------------- one file


class _Importing:
    """One file on its way into the archive."""

    def __init__(self, directory: ArchiveDir, source: Path, digest: str, done: Import) -> None:
        self.directory, self.source, self.digest, self.done = directory, source, digest, done
        self.name = source.name

    def run(self, *, now: datetime, link: bool) -> None:
        """Copy or link, convert where needed, note both in the manifest; on an error, nothing is left."""
        with self.source.open("rb") as file:
            container = container_of(file, self.name)
        self.done.container = str(container)
        original = self._linked() if link else self._copied()
        with self._cleared(original):
            direct = container is Container.WARC_GZIP and self._is_direct(original)
            if direct:
                conversions = []
            elif container is Container.WACZ:
                conversions = self._unpacked(original, now=now)
            else:
                conversions = self._converted(original, container, self.name, self.digest, now=now)
            if not direct and not conversions:
                raise WarcReadError(self.name, 0, "no whole record was found in it; nothing of it was imported")
            kept = _place(original, self.directory, _direct_name(self.name) if direct else _aside_name(self.name))
            for path in conversions:
                self._note(path, manifest.hash_file(path), now=now, event=CONVERTED)
            self._note(kept, self.digest, now=now, event=LINKED if link else IMPORTED)
        self.done.kept_as = kept.name
        self.done.read_from = [kept.name] if direct else [path.name for path in conversions]
        logger.info("imported: %s as %s, %d captures", self.source, kept.name, self.done.captures)

    def _copied(self) -> Path:
        part, copied = _part(self.directory), sha256()
        with self._cleared(part), self.source.open("rb") as source, part.open("xb") as target:
            while piece := source.read(1 << 20):
                copied.update(piece)
                target.write(piece)
            _sync(target)
            if copied.hexdigest() != self.digest:
                raise WarcReadError(self.name, 0, "it changed while it was read; import it when nobody writes to it")
        return part

    def _linked(self) -> Path:
        part = _part(self.directory)
        part.symlink_to(self.source.resolve())
        return part

    @contextmanager
    def _cleared(self, part: Path) -> Iterator[None]:
        try:
            yield
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _note(self, path: Path, digest: str, *, now: datetime, event: str) -> None:
        """A line in the chain; none where one that died had got so far."""
        if all((entry.name, entry.sha256) != (path.name, digest) for entry in manifest.read(self.directory.manifest)):
            manifest.append(self.directory.manifest, path, sha256_hex=digest, at=now, event=event)

    def _is_direct(self, path: Path) -> bool:
        """Whether each gzip member holds one whole record: then rows can point into the file itself."""
        counted, captures, offsets = Counter[str](), 0, set[int]()
        with path.open("rb") as file:
            for record in records(file, self.name, Container.WARC_GZIP, seed=self.digest):
                if not isinstance(record, Foreign) or record.offset in offsets:
                    return False
                offsets.add(record.offset)
                try:
                    kept = self._read(record)
                except WarcReadError:
                    return False
                counted[_type(record)] += 1
                captures += kept
        self.done.records, self.done.captures = dict(counted), captures
        return bool(counted)

    def _read(self, record: Foreign) -> bool:
        """Whether a record is a capture. Raises WarcReadError for one that an indexer could not read."""
        member = Member(record.offset, len(record.content), record.content)
        return isinstance(read_record(member, self.name), Kept)

    def _unpacked(self, package: Path, *, now: datetime) -> list[Path]:
        """A WACZ's WARCs, each converted; the paths inside it are never used as paths."""
        conversions = list[Path]()
        for entry in wacz_entries(package, self.name):
            if isinstance(entry, WarcReadError):
                self.done.damaged.append(str(entry))
                continue
            try:
                conversions += self._converted_entry(package, entry, now=now)
            except WarcReadError as error:
                self.done.damaged.append(str(error))
        return conversions

    def _converted_entry(self, package: Path, entry: ZipInfo, *, now: datetime) -> list[Path]:
        if shutil.disk_usage(self.directory.warcs).free < entry.file_size + _SPARE_BYTES:
            raise WarcReadError(self.name, entry.header_offset, f"{entry.filename!r}: the disk has no room for it")
        part = _part(self.directory)
        try:
            with part.open("xb") as target:
                unpack(package, entry, self.name, target.write)
            name = f"{self.name}/{entry.filename}"
            with part.open("rb") as file:
                container = container_of(file, name)
            digest = sha256(f"{self.digest}/{entry.filename}".encode()).hexdigest()
            return self._converted(part, container, name, digest, now=now)
        finally:
            part.unlink(missing_ok=True)

    def _converted(self, path: Path, container: Container, name: str, digest: str, *, now: datetime) -> list[Path]:
        """The whole records of a file as a WARC with one gzip member each; [] where there are none."""
        part, counted = _part(self.directory), Counter(self.done.records)
        damaged, captures, kept = list[str](), 0, 0
        with self._cleared(part), path.open("rb") as file, part.open("xb") as target:
            target.write(compress_record(_conversion_head(name, self.digest, container, now=now)))
            for record in records(file, name, container, seed=digest):
                if isinstance(record, Untidy):
                    continue
                try:
                    if isinstance(record, WarcReadError):
                        raise record
                    captures += self._read(record)
                except WarcReadError as error:
                    damaged.append(str(error))
                    continue
                target.write(compress_record(record.content + b"\r\n\r\n"))
                counted[_type(record)] += 1
                kept += 1
            if damaged:
                target.write(compress_record(_conversion_end(self.digest, damaged, now=now)))
            _sync(target)
        self.done.damaged += damaged
        if not kept:
            part.unlink()
            return []
        self.done.records, self.done.captures = dict(counted), self.done.captures + captures
        # Named by what it was made from, so that a second attempt finds what the first one finished.
        stem = _stem(name.rpartition("/")[2])
        final = self.directory.warcs / f"{stem}-{digest[:12]}.warc.gz"
        if final.exists():
            part.unlink()
            return [final]
        return [_place(part, self.directory, final.name)]


def _type(record: Foreign) -> str:
    return parse_record(record.content).get("warc-type")


def _conversion_head(name: str, digest: str, container: Container, *, now: datetime) -> bytes:
    what = "each record of the original in a gzip member of its own, byte for byte"
    if container.is_arc:
        what = "each record of the original as a WARC record; its HTTP head and body byte for byte"
    fields = [
        ("software", f"muragat/{_version()} import"),
        ("format", "WARC File Format 1.1"),
        ("description", what),
        ("converted-from", name),
        ("converted-from-container", str(container)),
        ("converted-from-sha256", digest),
    ]
    return _fields_record("warcinfo", None, fields, seed=name + digest, now=now)


def _conversion_end(digest: str, damaged: Iterable[str], *, now: datetime) -> bytes:
    url = f"urn:muragat:import:{digest}"
    return _fields_record("metadata", url, [("left-out", why) for why in damaged], seed=digest, now=now)


def _fields_record(kind: str, url: str | None, fields: Iterable[tuple[str, str]], *, seed: str, now: datetime) -> bytes:
    block = "".join(f"{name}: {' '.join(value.split())}\r\n" for name, value in fields).encode("utf-8", "replace")
    record_id = f"<urn:uuid:{uuid5(NAMESPACE_URL, f'{kind}#{seed}')}>"  # the same file is converted to the same bytes
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {record_id}\r\nWARC-Date: {warc_date(now)}\r\n"
    target = f"WARC-Target-URI: {url}\r\n" if url else ""
    tail = f"Content-Type: application/warc-fields\r\nContent-Length: {len(block)}\r\n\r\n"
    return f"{head}{target}{tail}".encode() + block + b"\r\n\r\n"


def _version() -> str:
    try:
        return version("muragat")
    except PackageNotFoundError:
        return "0"


# ---------------------------------------------------------------- names under warcs/


_SUFFIXES = re.compile(r"(?:\.w?arc)?(?:\.gz|\.zst)?(?:\.open)?$", re.IGNORECASE)


def _stem(name: str) -> str:
    """A file's name without what says its form, fit for every file system and for our own patterns."""
    stem = re.sub(r"[^\w.,=+@-]|(?<=\.)(?:warc|torn|open)(?=\.|$)", "_", _SUFFIXES.sub("", name)).lstrip(".-_")
    while len(stem.encode()) > 150:
        stem = stem[:-1]
    return stem or "imported"


def _direct_name(name: str) -> str:
    return f"{_stem(name)}.warc.gz"


def _aside_name(name: str) -> str:
    """The name of an original that no rows point into: never one that an indexer would open."""
    stem, suffix = _stem(name), name[len(_SUFFIXES.sub("", name)) :].lower().removesuffix(".open")
    return f"{stem}{'.original-warc.gz' if suffix in ('.warc.gz', '.gz') else suffix}"


def _place(part: Path, directory: ArchiveDir, wanted: str) -> Path:
    """Give a finished file its name, or one that is free: no name is used twice, not even that of a lost file."""
    taken = {entry.name for entry in manifest.read(directory.manifest)}
    front, suffix = (wanted[: -len(".warc.gz")], ".warc.gz") if wanted.endswith(".warc.gz") else (wanted, "")
    if not suffix and "." in front:
        front, dot, suffix = wanted.partition(".")
        suffix = dot + suffix
    number, name = 1, wanted
    while True:
        path = directory.warcs / name
        if name not in taken and not path.with_name(f"{name}.open").exists():
            try:
                os.link(part, path, follow_symlinks=False)  # unlike a rename, this overwrites nothing
                break
            except FileExistsError:
                if not path.is_symlink() and manifest.hash_file(path) == manifest.hash_file(part):
                    break  # left by an import that died before it was chained
        number += 1
        name = f"{front}-{number}{suffix}"
    part.unlink()
    sync_folder(directory.warcs)
    return path


def _part(directory: ArchiveDir) -> Path:
    return directory.warcs / f".import-{uuid4().hex}.part"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def refusal(report: ImportReport) -> MuragatError | None:
    """What makes an import fail: nothing got in, or something was damaged; what was kept is said."""
    if report.ok:
        return None
    kept = sum(1 for one in report.files if one.kept_as)
    lost = [line for one in report.files for line in one.damaged] + report.index.damaged
    if not kept:
        return MuragatError(f"nothing was imported: {lost[0] if lost else 'no file'}")
    stretches = f"{len(lost)} {'stretch' if len(lost) == 1 else 'stretches'}"
    return MuragatError(f"{kept} of {len(report.files)} files imported, but {stretches} could not be read; see above")

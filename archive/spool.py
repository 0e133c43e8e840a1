"""Bytes too many for memory: written to a file without a name, which is gone when it is closed or its process dies.

Read through a memory map, so that what searches and hashes bytes does so here too; what was read is let go again, or
the pages of a large body would count as this process's memory.
"""

from __future__ import annotations

import mmap
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

_WINDOW_BYTES = 1024 * 1024
_RESIDENT_BYTES = 8 * _WINDOW_BYTES  # of the map, read and not yet let go


class Spool:
    """One body on disk: written from its beginning to its end, then read as often as need be."""

    def __init__(self, folder: Path) -> None:
        # Unbuffered: a full disk is told by the write that met it, not by some later one.
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._size = 0
        self._map: mmap.mmap | None = None
        self._read = 0

    def __len__(self) -> int:
        return self._size

    def write(self, data: bytes) -> None:
        """Add bytes at the end. Raises OSError, when the disk is full for one."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        self._size += len(data)

    def cut(self, surplus: int) -> None:
        """Drop the last `surplus` bytes."""
        self._size -= surplus
        self._file.truncate(self._size)

    def __getitem__(self, part: slice) -> bytes:
        return self._mapped()[part] if self._size else b""

    def match(self, pattern: re.Pattern[bytes], position: int) -> re.Match[bytes] | None:
        """What the pattern matches at `position`."""
        return pattern.match(self._mapped(), position) if self._size else None

    def windows(self, start: int = 0, end: int | None = None) -> Iterator[memoryview]:
        """The bytes from `start` to `end` in pieces; each is valid until the next one is asked for."""
        end = self._size if end is None else min(end, self._size)
        while start < end:
            stop = min(end, start + _WINDOW_BYTES)
            with memoryview(self._mapped()) as whole, whole[start:stop] as window:
                yield window
            self._let_go(stop - start)
            start = stop

    def close(self) -> None:
        """Give the room back."""
        if self._map is not None:
            self._map.close()
        self._file.close()

    def _mapped(self) -> mmap.mmap:
        """All of it; nothing is written from now on."""
        if self._map is None:
            self._map = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        return self._map

    def _let_go(self, count: int) -> None:
        self._read += count
        if self._read >= _RESIDENT_BYTES and self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = 0

"""Every error we raise on purpose, as one tree.

    MuragatError                     fit to print: what failed, on what, what to do next
    ├── ConfigError                  a file of settings: its path, the key, the nearest known key
    ├── WarcError                    a WARC file: its name and an offset
    │   ├── WarcWriteError           stops the crawl
    │   └── WarcReadError            the indexer skips to the next member and reports it
    ├── NotCapturedError             a URL (and time) the archive does not hold
    ├── HiddenError                  a page that `muragat hide` withdrew: since when, why; exit code 3
    ├── QueryError                   the SQL or the search words, as typed
    ├── LockedError                  somebody else is at it: their pid, since when
    ├── SiteError                    the site itself: no answer, robots.txt forbids, nothing captured
    └── SchemaTooNewError            this database needs a newer muragat

The command line prints the message on one line and exits with 1, or the error's own code; a bug keeps its traceback.
"""

from __future__ import annotations

import errno


class MuragatError(Exception):
    """The base: its message is one line that says what failed, on what, and what to do next."""

    exit_code = 1  # of the command that ends with it


class ConfigError(MuragatError):
    """A settings file cannot be read, or says something we do not know."""


class WarcError(MuragatError):
    """Something is wrong at an offset of a WARC file."""

    def __init__(self, warc: str, offset: int, message: str) -> None:
        super().__init__(f"{warc} at byte {offset}: {message}")
        self.warc = warc
        self.offset = offset
        self._message = message

    def __reduce__(self) -> tuple[type[WarcError], tuple[str, int, str]]:
        # It comes from processes that read WARCs for the indexer; by default only the whole text would be handed on.
        return type(self), (self.warc, self.offset, self._message)


class WarcWriteError(WarcError):
    """An exchange could not be kept. The crawl stops."""


class WarcReadError(WarcError):
    """A record cannot be read. What follows it can be."""


class NotCapturedError(MuragatError):
    """The archive has no capture of this URL, or none at that time."""


class HiddenError(MuragatError):
    """The page is in the archive, or will be, and is shown to nobody now."""

    exit_code = 3


class QueryError(MuragatError):
    """SQL or search words that cannot be answered."""


class LockedError(MuragatError):
    """Another process holds what this one needs."""


class SiteError(MuragatError):
    """The site gave nothing to archive, and this is why."""


class SchemaTooNewError(MuragatError):
    """The database was written by a newer muragat."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


def way_out(error: OSError) -> str:
    """What a person can do where the machine refuses a file."""
    if error.errno in _FULL:
        return "make room or name another place"
    return (
        "ask its owner for the right to it or name another place" if error.errno in _FORBIDDEN else "name another place"
    )

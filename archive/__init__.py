"""The memory: WARC files, the rows made of them, and replay. Knows nothing of Scrapy or sockets.

How one page travels, in the order in which a newcomer should open the files:

    crawler/frontier.py     hands out a URL that is due
    crawler/wire.py         bytes on the wire                → Exchange
    crawler/recorder.py     Exchange → records, appended to the open WARC (archive/warc.py)
    archive/index.py        reads the record                 → Capture
    archive/extract/        payload                          → Article, findings of injected content
    archive/schema.py       the rows: captures, articles, versions, spam, search
    archive/query.py        muragat search, show, diff, timemap, SQL
    archive/replay.py       the page as it was
    archive/export/         articles, captures and records for others, as one file
    archive/api.py          all of it for programs: `from archive import Archive`

The WARC files are the log; the database is a view of it, which can be deleted at any time and made again, row for row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.api import Archive

__all__ = ["Archive"]


def __getattr__(name: str) -> object:
    """`Archive`, imported when it is asked for: whoever needs one module only does not load them all."""
    if name == "Archive":
        from archive.api import Archive

        return Archive
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

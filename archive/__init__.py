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

The WARC files are the log; the database is a view of it, which can be deleted at any time and made again, row for row.
"""

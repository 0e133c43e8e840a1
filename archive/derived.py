"""What needs other captures, made from all of them: current wordings, joined pages, since when one is gone, search.

Part of the indexer (archive/index.py). Whatever the order in which captures came, the rows are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from sqlite_utils import Database

from archive.duplicates import derive_duplicates
from archive.edits import derive_edits
from archive.model import PageKind
from archive.schema import stable_id
from archive.search_rows import Said, SearchRows


def derive(db: Database, keys: Iterable[str]) -> None:
    """Make the article rows of these urlkeys, and of the pages joined to them, anew from all captures."""
    todo = _with_joined(db, set(keys))
    these, rows = json.dumps(todo), SearchRows(db)
    # A 304 says that the page is as it was: it shows what the 200 before it shows.
    db.execute(
        "UPDATE captures AS n SET (version, comment_count) ="
        " (SELECT c.version, c.comment_count FROM captures c WHERE c.urlkey = n.urlkey"
        " AND c.status = 200 AND c.truncated IS NULL"
        " AND (c.captured_at, c.warc, c.offset) < (n.captured_at, n.warc, n.offset)"
        " ORDER BY c.captured_at DESC, c.warc DESC, c.offset DESC LIMIT 1)"
        f" WHERE n.urlkey IN {_THESE} AND n.status = 304",
        [these],
    )
    unshown = "NOT EXISTS (SELECT 1 FROM captures WHERE captures.version = versions.id)"
    for version in _dicts(db, f"SELECT * FROM versions WHERE article IN {_THESE} AND {unshown}", [these]):
        rows.remove("search_older", _id(version), Said.of(version))
        db.execute("DELETE FROM versions WHERE id = ?", [version["id"]])
    _mark_unfilled(db, these)
    db.execute(
        "UPDATE versions SET (seen_to, captures) ="
        " (SELECT max(captured_at), count(*) FROM captures WHERE version = versions.id),"
        " (seen_from, warc, offset) = (SELECT captured_at, warc, offset FROM captures WHERE version = versions.id"
        " AND status IS NOT 304 ORDER BY captured_at, warc, offset LIMIT 1)"
        f" WHERE article IN {_THESE}",
        [these],
    )
    for key in todo:
        _derive_comments(db, key)
        derive_edits(db, key)
    for key in todo:
        _derive_article(db, key, rows)
    rows.settle()
    derive_duplicates(db, map(stable_id, todo))


_THESE = "(SELECT value FROM json_each(?))"


def _mark_unfilled(db: Database, these: str) -> None:
    """Have the earliest capture of a wording read again where the one that filled its fields shows it no longer."""
    unfilled = db.execute(
        f"SELECT id FROM versions v WHERE article IN {_THESE} AND NOT EXISTS (SELECT 1 FROM captures c"
        " WHERE c.warc = v.warc AND c.offset = v.offset AND c.version = v.id)",
        [these],
    )
    for (version,) in unfilled.fetchall():
        db.execute(
            "UPDATE captures SET rules = NULL WHERE (warc, offset) = (SELECT warc, offset FROM captures"
            " WHERE version = ? AND status IS NOT 304 ORDER BY captured_at, warc, offset LIMIT 1)",
            [version],
        )


def _with_joined(db: Database, keys: set[str]) -> list[str]:
    """These urlkeys, those of their first pages, and of the pages that continue or copy them, in order."""
    these = json.dumps(sorted(keys))
    joined = db.execute(
        f"SELECT first_page FROM versions WHERE article IN {_THESE} AND first_page NOT NULL"
        f" UNION SELECT article FROM versions WHERE first_page IN {_THESE}"
        f" UNION SELECT article FROM versions WHERE canonical IN {_THESE}",
        [these, these, these],
    )
    return sorted(keys.union(key for (key,) in joined))


def _dicts(db: Database, sql: str, values: list[object]) -> list[dict[str, object]]:
    cursor = db.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _id(row: dict[str, object]) -> int:
    return int(str(row["id"]))


def _derive_comments(db: Database, key: str) -> None:
    """When the comments below a page were seen, from all captures that show them."""
    if not db.execute("SELECT 1 FROM comments WHERE article = ? LIMIT 1", [key]).fetchone():
        return
    confirming = db.execute("SELECT warc, offset, captured_at FROM captures WHERE urlkey = ? AND status = 304", [key])
    for warc, offset, at in confirming.fetchall():
        db.execute("DELETE FROM comment_sightings WHERE warc = ? AND offset = ?", [warc, offset])
        db.execute(
            "INSERT INTO comment_sightings SELECT ?, ?, s.position, s.comment, s.posted_at, s.posted_precision,"
            " s.posted_as, s.depth FROM comment_sightings s JOIN (SELECT warc, offset FROM captures WHERE urlkey = ?"
            " AND status = 200 AND truncated IS NULL AND (captured_at, warc, offset) < (?, ?, ?)"
            " ORDER BY captured_at DESC, warc DESC, offset DESC LIMIT 1) c ON c.warc = s.warc AND c.offset = s.offset",
            [warc, offset, key, at, warc, offset],
        )
    db.execute(
        "UPDATE comments SET (first_seen_at, last_seen_at, captures) = (SELECT min(c.captured_at), max(c.captured_at),"
        " count(*) FROM comment_sightings s JOIN captures c ON c.warc = s.warc AND c.offset = s.offset"
        " WHERE s.comment = comments.id), (posted_at, posted_precision, posted_as, depth) = (SELECT s.posted_at,"
        " s.posted_precision, s.posted_as, s.depth FROM comment_sightings s JOIN captures c ON c.warc = s.warc"
        " AND c.offset = s.offset WHERE s.comment = comments.id ORDER BY c.captured_at, c.warc, c.offset LIMIT 1)"
        " WHERE article = ?",
        [key],
    )
    db.execute("DELETE FROM comments WHERE article = ? AND captures = 0", [key])


# The newest capture that shows a wording; ties by file and offset.
_CURRENT = (
    "SELECT v.*, c.captured_at AS c_at, c.warc AS c_warc, c.offset AS c_offset, c.url AS c_url,"
    " c.comment_count AS c_comment_count"
    " FROM captures c JOIN versions v ON v.id = c.version WHERE c.urlkey = ? AND c.status IS NOT 304"
    " ORDER BY c.captured_at DESC, c.warc DESC, c.offset DESC LIMIT 1"
)


def _gone_at(db: Database, key: str, *, after: str) -> str | None:
    """The first capture, since the article was there last, that answers "not found" or sends us to the front page."""
    later = db.execute(
        "SELECT captured_at, url, status, kind, location FROM captures WHERE urlkey = ?"
        " AND (status IN (404, 410) OR kind = 'gone' OR status BETWEEN 300 AND 399 AND location IS NOT NULL)"
        " AND captured_at > ? ORDER BY captured_at",
        [key, after],
    )
    for at, url, status, kind, location in later:
        if status in (404, 410) or kind == PageKind.GONE or _is_front_page(url, location):
            return str(at)
    return None


def _is_front_page(url: str, location: str) -> bool:
    """Whether a redirect leads from a page to the front page of its own host."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
    except ValueError:
        return False
    same = here.netloc.removeprefix("www.") == there.netloc.removeprefix("www.")
    return same and there.path in ("", "/") and not there.query and here.path not in ("", "/")


def _current(db: Database, key: str) -> dict[str, object] | None:
    return next(iter(_dicts(db, _CURRENT, [key])), None)


def _derive_article(db: Database, key: str, rows: SearchRows) -> None:
    identity = stable_id(key)
    before = _said_before(db, identity)
    if before:
        _remove_article(db, identity)
    now = _current(db, key)
    if now is None or _belongs_elsewhere(db, key, now):
        if before:
            rows.remove("search", identity, before)
            for version in _dicts(db, "SELECT * FROM versions WHERE article = ?", [key]):
                rows.remove("search_older", _id(version), Said.of(version))
        return
    parts = [now, *_continuations(db, key)]
    text = "\n\n".join(str(part["text"]) for part in parts)
    first_seen_at, last_seen_at, versions = db.execute(
        "SELECT min(captured_at), max(captured_at), count(DISTINCT version) FROM captures"
        " WHERE urlkey = ? AND version IS NOT NULL",
        [key],
    ).fetchone()
    db.execute(
        _ARTICLE,
        [
            identity,
            key,
            now["c_url"],
            *(now[name] for name in _COPIED),
            now["c_comment_count"],
            text,
            len(parts),
            now["id"],
            versions,
            first_seen_at,
            last_seen_at,
            _gone_at(db, key, after=last_seen_at),
            now["c_warc"],
            now["c_offset"],
        ],
    )
    authors, tags, images = (json.loads(str(now[name])) for name in ("authors", "tags", "images"))
    db.conn.executemany(
        "INSERT INTO article_authors VALUES (?, ?, ?)", [(identity, name, place) for place, name in enumerate(authors)]
    )
    db.conn.executemany("INSERT OR IGNORE INTO article_tags VALUES (?, ?)", [(identity, tag) for tag in tags])
    db.conn.executemany(
        "INSERT INTO images (article, position, url, alt, caption, credit, width, height)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(identity, place, *_of_image(image)) for place, image in enumerate(images)],
    )
    rows.put("search", identity, Said.of(now, text), before=before)
    if before or versions > 1:
        _put_older(db, key, now, rows)


_COPIED = (
    *("site", "title", "lead", "section", "language", "published_at", "published_precision", "published_as"),
    *("modified_at", "access"),
)
_COLUMNS = (
    *("id", "urlkey", "url", *_COPIED, "comment_count", "text", "pages", "version", "versions", "first_seen_at"),
    *("last_seen_at", "gone_at", "warc", "offset"),
)
_ARTICLE = f"INSERT INTO articles ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


def _put_older(db: Database, key: str, now: dict[str, object], rows: SearchRows) -> None:
    """Make the wordings found that an article showed before."""
    for version in _dicts(db, "SELECT * FROM versions WHERE article = ?", [key]):
        if version["id"] == now["id"]:
            rows.remove("search_older", _id(version), Said.of(version))
        else:
            rows.put("search_older", _id(version), Said.of(version))


def _said_before(db: Database, identity: int) -> Said | None:
    """What of an article is searched so far; None where it has no row."""
    row = db.execute("SELECT title, lead, text, section, language FROM articles WHERE id = ?", [identity]).fetchone()
    if row is None:
        return None
    title, lead, text, section, language = row
    names = db.execute(
        "SELECT author FROM (SELECT author FROM article_authors WHERE article = ?1 ORDER BY position)"
        " UNION ALL SELECT tag FROM article_tags WHERE article = ?1",
        [identity],
    )
    return Said(title, f"{lead or ''}\n{text}", " ".join([*(name for (name,) in names), section or ""]), language)


def _of_image(image: dict[str, object]) -> tuple[object, ...]:
    return tuple(image.get(name) for name in ("url", "alt", "caption", "credit", "width", "height"))


def _remove_article(db: Database, identity: int) -> None:
    for table in ("article_authors", "article_tags", "images"):
        db.execute(f"DELETE FROM {table} WHERE article = ?", [identity])
    db.execute("DELETE FROM articles WHERE id = ?", [identity])


def _belongs_elsewhere(db: Database, key: str, version: dict[str, object]) -> bool:
    """Whether this page is part or copy of another article: a continuation, or rel=canonical with the same title."""
    if version["first_page"] and _current(db, str(version["first_page"])):
        return True
    canonical = version["canonical"]
    if not canonical or str(canonical).partition(")")[0] != key.partition(")")[0]:
        return False
    target = _current(db, str(canonical))
    return target is not None and target["title"] == version["title"]


def _continuations(db: Database, key: str) -> list[dict[str, object]]:
    keys = [
        row[0] for row in db.execute("SELECT DISTINCT article FROM versions WHERE first_page = ? AND page > 1", [key])
    ]
    pages = [page for page in (_current(db, part) for part in keys) if page and page["first_page"] == key]
    return sorted(pages, key=lambda page: (page["page"], page["article"]))

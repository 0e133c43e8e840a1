"""Archives made in a test: real WARCs written by our writer, a profile, and what the tables hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from click.testing import CliRunner
from warcio.recordloader import ArcWarcRecordLoader

from archive import manifest
from archive.cli import commands
from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.index import index_archive
from archive.model import Capture, Exchange, RecordType
from archive.schema import TABLES
from archive.warc import Member, Original, WarcWriter, dechunk, digest_of, parse_head, split_response

HOST = "haber.example"
PROFILE = f"""
title = "Haber"
[crawl]
seeds = ["http://{HOST}/"]
hosts = ["{HOST}"]
[read]
zone = "Asia/Almaty"
languages = ["tr"]
"""


def make_archive(root: Path) -> ArchiveDir:
    """An archive directory with one site and no WARC."""
    directory = ArchiveDir(root)
    for folder in (root, directory.sites, directory.warcs):
        folder.mkdir(exist_ok=True)
    directory.config_path.write_text('contact = "test@example.org"\n', "utf-8")
    (directory.sites / "haber.toml").write_text(PROFILE, "utf-8")
    return directory


def page(
    title: str, *paragraphs: str, date: str = "06 Ekim 2017 Cuma, 17:45", head: str = "", extra: str = ""
) -> bytes:
    """An article page as a plain theme prints it."""
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return (
        f'<!DOCTYPE html><html lang="tr"><head><meta charset="utf-8"><title>{title} – Haber</title>{head}</head><body>'
        f"<header><a href='/'>Haber</a></header><article><h1>{title}</h1><time>{date}</time>{body}</article>{extra}"
        "<footer>HABER SİTESİ</footer></body></html>"
    ).encode()


def exchange(
    path: str,
    body: bytes,
    *,
    at: str,
    status: str = "200 OK",
    content_type: str = "text/html; charset=utf-8",
    fields: str = "",
) -> Exchange:
    """What a fetch of http://haber.example/PATH brought at that time (ISO 8601, UTC)."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    return Exchange(
        url=f"http://{HOST}{path}",
        request=f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(),
        response=head.encode("latin-1") + body,
        captured_at=datetime.fromisoformat(at).astimezone(UTC),
        ip_address="192.0.2.1",
    )


def capture(url: str, captured_at: datetime) -> Capture:
    """What a page is read with where there is no record of it."""
    return Capture(
        url=url,
        urlkey=url,
        captured_at=captured_at,
        status=200,
        content_type="text/html",
        payload_digest="sha1:",
        record_type=RecordType.RESPONSE,
        warc="a.warc.gz",
        offset=0,
        length=0,
    )


def write_warc(
    directory: ArchiveDir,
    name: str,
    exchanges: Iterable[Exchange | tuple[Exchange, Original]],
    *,
    close: bool = True,
    **info: str,
) -> WarcWriter:
    """One WARC of a crawl of that name; a pair is a revisit of an original. `info`: more fields of its warcinfo."""
    now = datetime(2024, 1, 1, tzinfo=UTC)
    info = {"isPartOf": name, "site": "haber", **info}
    writer = WarcWriter(directory.warcs / f"{name}.warc.gz", info=info, now=now)
    for one in exchanges:
        if isinstance(one, tuple):
            writer.write_exchange(one[0], original=one[1])
        else:
            writer.write_exchange(one)
    if close:
        manifest.append(directory.manifest, writer.path, sha256_hex=writer.close(), at=now)
    return writer


def indexed(root: Path, pages: Iterable[tuple[str, str, bytes]], *, profile: str = "") -> ArchiveDir:
    """An indexed archive of (path, captured at, page), with these lines added to the site's profile."""
    directory = make_archive(root)
    (directory.sites / "haber.toml").write_text(PROFILE + profile, "utf-8")
    write_warc(directory, "haber-1", [exchange(path, body, at=at) for path, at, body in pages])
    index_archive(directory)
    return directory


def run(directory: ArchiveDir, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command on an archive; an error that `muragat` would print ends the output."""
    result = CliRunner().invoke(commands, [*arguments, "--archive", str(directory.root)])
    if isinstance(result.exception, MuragatError):
        return 1, f"{result.output}{result.exception}"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def dump(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, whoever describes it, and of the search indexes, in a fixed order.

    Of a full-text index what stands in it, not the pages in which FTS5 keeps it.
    """
    connection = sqlite3.connect(database)
    try:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        texts = {name for name, sql in made if "USING fts5" in (sql or "")}
        inside = {f"{name}_{part}" for name in texts for part in ("data", "idx", "content", "docsize", "config")}
        tables = {name for name, _ in made} - inside - {"_sqlite_migrations"}
        assert tables >= {*TABLES, "search", "search_older"}
        return {
            table: sorted(
                connection.execute(f'SELECT {"rowid, " if table in texts else ""}* FROM "{table}"').fetchall(), key=repr
            )
            for table in sorted(tables)
        }
    finally:
        connection.close()


def check_member(member: Member) -> list[str]:
    """What is wrong with one record, as warcio reads it: head, length, block or payload digest; [] when it is whole."""
    try:
        record = ArcWarcRecordLoader().parse_record_stream(
            BytesIO(member.content), known_format="warc", no_record_parse=True
        )
        header = record.rec_headers.get_header
        block: bytes = record.raw_stream.read()
    except Exception as error:  # warcio raises what it happens to meet
        return [f"not a WARC record ({error})"]
    wrong = []
    if member.content[:9] != b"WARC/1.1\r" and member.content[:9] != b"WARC/1.0\r":
        wrong.append("the record's version line is damaged")
    if not member.content.endswith(block + b"\r\n\r\n"):
        wrong.append(f"Content-Length says {header('Content-Length')}, the record holds something else")
    if (stated := header("WARC-Block-Digest")) and stated != digest_of(block):
        wrong.append(f"block digest is {digest_of(block)}, the record says {stated}")
    stated = header("WARC-Payload-Digest")
    if stated and record.rec_type == "response":
        head, body = split_response(block)
        # Tools disagree whether chunk framing belongs to the payload; WARC 1.1 §6.3.2 says it does not.
        either = {digest_of(body), digest_of(dechunk(body))} if parse_head(head).chunked else {digest_of(body)}
        if stated not in either:
            wrong.append(f"payload digest is {digest_of(body)}, the record says {stated}")
    return wrong

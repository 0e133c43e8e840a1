"""A page that is hidden is gone from every way by which a reader gets at it, and is back by every way afterwards."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from urllib.parse import quote

import pytest
from archives import HOST, dump, exchange, make_archive, page, write_warc

from archive import Archive, hidden
from archive.config import ArchiveDir
from archive.errors import HiddenError, MuragatError
from archive.export import Form, Selection, export
from archive.hidden import hide, unhide
from archive.index import index_archive
from archive.query import payload, timemap
from archive.rebuild import rebuild
from archive.replay import ReplayServer
from archive.schema import connect_readonly
from archive.sql import run_sql
from archive.suggest import suggestions
from archive.verify import verify
from archive.warc import Original, warc_date
from crawler.cli import main

pytest.importorskip("pywb", reason="replay needs the extra `web`")

# The page to hide: its address, title, text and pictures' neighbours all say this word, and nothing else does.
WORD = "zurnapa"
URL = f"http://{HOST}/{WORD}/"
TEXT = (
    f"{WORD.capitalize()} köyünde yapılan toplantıda kararlar tek tek okundu ve oylamaya sunuldu, köylüler dinledi. "
    * 4
)
OTHER = "Bozkırda bahar yağmurları çobanları sevindirdi, otlaklar yeşerdi ve sürüler yaylaya çıktı. " * 4
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAGES = f'<div>Sayfalar: <a href="/{WORD}/">1</a> <a href="/{WORD}/2/">2</a></div>'
TITLE = f"{WORD.capitalize()} köyünde toplantı"
FIRST = page(TITLE, TEXT + "İmzalar kırlangıç tepesinde atıldı.", extra=PAGES)
SPAM = '<div style="position:absolute;left:-9999px"><a href="http://casino.example/">casino bahis siteleri</a></div>'
SECOND = page(TITLE, TEXT + f"{WORD} belgeleri imzalandı.", extra=PAGES + SPAM)


def write(directory: ArchiveDir) -> None:
    """The page in two wordings, its second page, a copy at another address, its deletion; another page beside it."""
    copy = page(TITLE, TEXT + f"{WORD} belgeleri imzalandı.", head=f'<link rel="canonical" href="/{WORD}/">')
    write_warc(
        directory,
        "haber-1",
        [
            exchange(f"/{WORD}/", FIRST, at="2024-01-01T00:00:00Z"),
            exchange(f"/{WORD}/2/", page(TITLE, TEXT + "İkinci sayfa.", extra=PAGES), at="2024-01-01T00:00:01Z"),
            exchange(
                "/bozkir/", page("Bozkırda bahar", OTHER, extra='<img src="/resim.png">'), at="2024-01-01T00:00:02Z"
            ),
            exchange("/resim.png", b"a picture", at="2024-01-01T00:00:03Z", content_type="image/png"),
        ],
    )
    write_warc(
        directory,
        "haber-2",
        [
            exchange(f"/{WORD}/", SECOND, at="2024-02-01T00:00:00Z"),
            exchange(f"/{WORD}/?print=1", copy, at="2024-02-01T00:00:01Z"),
            exchange(f"/{WORD}/", b"yok", at="2024-03-01T00:00:00Z", status="404 Not Found"),
        ],
    )


@pytest.fixture
def kept(tmp_path: Path) -> ArchiveDir:
    directory = make_archive(tmp_path / "a")
    write(directory)
    index_archive(directory)
    return directory


def withdraw(directory: ArchiveDir, url: str = URL, **more: datetime) -> None:
    hide(directory, url, reason="Mahkeme kararı", who="ali", now=datetime.now(UTC), **more)


# ---------------------------------------------------------------- every way to a reader


def asked(way: Callable[[Archive], object]) -> Callable[[ArchiveDir], bytes]:
    """A question of the Python API; what it answers as text, nothing where the page is refused."""

    def ask(directory: ArchiveDir) -> bytes:
        with Archive(directory.root) as archive:
            try:
                return repr(way(archive)).encode()
            except HiddenError:
                return b""

    return ask


def typed(*words: str) -> Callable[[ArchiveDir], bytes]:
    """A command; what it prints as its result."""
    return lambda directory: command(directory, *words)[1].encode()


def command(directory: ArchiveDir, *words: str) -> tuple[int, str, str]:
    """Exit code, results and messages of a command in this process."""
    out, err, before = TextIOWrapper(BytesIO(), "utf-8"), StringIO(), (sys.argv, signal.getsignal(signal.SIGPIPE))
    sys.argv = ["muragat", words[0], "--archive", str(directory.root), *words[1:]]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        out.flush()
        return int(ended.code or 0), out.buffer.getvalue().decode(), err.getvalue()  # type: ignore[attr-defined]
    finally:
        sys.argv = before[0]
        signal.signal(signal.SIGPIPE, before[1])
    raise AssertionError("main() came back")


def exported(form: Form, **choice: str) -> Callable[[ArchiveDir], bytes]:
    """All that an export holds, unpacked."""

    def write_out(directory: ArchiveDir) -> bytes:
        path = directory.root / f"out.{form}"
        export(directory, path, form=form, choice=Selection(**choice), now=NOW)  # type: ignore[arg-type]
        if form is Form.PARQUET:
            from pyarrow import parquet

            return repr(parquet.read_table(path).to_pylist()).encode()
        return path.read_bytes() if form is not Form.WACZ else b"".join(unpacked(path))

    return write_out


def unpacked(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            content = package.read(name)
            yield name.encode() + b"\n" + (gzip.decompress(content) if name.endswith(".gz") else content)


WAYS: dict[str, Callable[[ArchiveDir], bytes]] = {
    "search": asked(lambda a: list(a.search(WORD))),
    "search of what only an older wording says": asked(lambda a: list(a.search("kırlangıç", all_versions=True))),
    "browsing": asked(lambda a: list(a.search())),
    "browsing by date": asked(lambda a: list(a.search(sort="oldest", since="2017"))),
    "count": asked(lambda a: WORD * a.count(WORD)),
    "count of all": asked(lambda a: WORD * (a.count() == 2)),
    "suggestions": lambda d: repr(suggestions(connect_readonly(d.db), "zurnapi")).encode(),
    "articles": asked(lambda a: list(a.articles())),
    "article": asked(lambda a: a.article(URL)),
    "article of a day": asked(lambda a: a.article(URL, at="2024-01-01")),
    "second page": asked(lambda a: a.article(f"{URL}2/")),
    "copy": asked(lambda a: a.article(f"{URL}?print=1")),
    "versions": asked(lambda a: a.versions(URL)),
    "captures": asked(lambda a: a.captures(URL)),
    "timemap": asked(lambda a: a.timemap(f"https://www.{HOST.upper()}:443/{WORD}#x")),
    "payload": asked(lambda a: a.payload(URL, at="2024-01").decoded()),
    "payload of the copy": asked(lambda a: a.payload(f"{URL}?print=1").decoded()),
    "diff": asked(lambda a: a.diff(URL)),
    "changes": asked(lambda a: a.changes()),
    "cite": asked(lambda a: a.cite(URL)),
    "muragat search": typed("search", WORD, "--json"),
    "muragat search --csv": typed("search", "--csv"),
    "muragat show": typed("show", URL),
    "muragat show --raw": typed("show", URL, "--raw", "--at", "2024-01-01"),
    "muragat diff": typed("diff", URL, "--json"),
    "muragat changes": typed("changes"),
    "muragat timemap": typed("timemap", f"{HOST}/{WORD}", "--json"),
    "muragat timemap --link": typed("timemap", URL, "--link"),
    "muragat cite": typed("cite", URL, "--bibtex"),
    "muragat spam": typed("spam", "--json"),
    "did you mean": lambda d: (
        command(d, "show", f"http://{HOST}/{WORD[:-1]}/")[2].partition("did you mean")[2].encode()
    ),
    "csv": exported(Form.CSV),
    "jsonl": exported(Form.JSONL, words=WORD),
    "parquet": exported(Form.PARQUET),
    "cdxj": exported(Form.CDXJ),
    "cdxj of a search": exported(Form.CDXJ, words="toplantı OR bahar"),
    "wacz of all": exported(Form.WACZ),
    "wacz of a crawl": exported(Form.WACZ, crawl="haber-1"),
    "wacz of a search": exported(Form.WACZ, words="toplantı OR bahar"),
}


def seen(directory: ArchiveDir) -> set[str]:
    """The ways by which the page is found."""
    return {name for name, way in WAYS.items() if WORD.encode() in way(directory).lower()}


def test_each_way_shows_the_page_and_none_does_until_it_is_unhidden(kept: ArchiveDir) -> None:
    assert seen(kept) == WAYS.keys()

    withdraw(kept)

    assert seen(kept) == set()

    unhide(kept, URL, who="ali", now=datetime.now(UTC))

    assert seen(kept) == WAYS.keys()


def test_a_hidden_page_does_not_say_where_else_it_stands(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    body = page("Zurna", *(f"Zurnacılar {n}. kez toplandı ve yeni başkanlarını seçti." for n in range(9)))
    both = [exchange(path, body, at="2024-01-01T10:00:00Z") for path in ("/zurna/", "/kopya/")]
    write_warc(directory, "a", both)
    index_archive(directory)
    with Archive(directory.root) as opened:
        assert [other.url for other in opened.duplicates(f"http://{HOST}/zurna/")] == [f"http://{HOST}/kopya/"]
        hide(directory, f"http://{HOST}/zurna/", reason="x", who="a", now=NOW)
        with pytest.raises(HiddenError):
            opened.duplicates(f"http://{HOST}/zurna/")


def test_an_embargo_ends_by_itself(kept: ArchiveDir) -> None:
    """Its end is written down years before; then, as if the years had passed, only the clock is another."""
    withdraw(kept, until=NOW.replace(year=2999))
    assert seen(kept) == set()

    end = datetime.now(UTC) + timedelta(seconds=4)
    withdraw(kept, until=end)
    some = ("search", "article", "muragat changes", "wacz of all")
    assert not any(WORD.encode() in WAYS[name](kept).lower() for name in some)
    assert datetime.now(UTC) < end, "this machine was too slow for the test"
    time.sleep((end - datetime.now(UTC)).total_seconds() + 0.01)

    assert seen(kept) == WAYS.keys()
    assert command(kept, "hidden")[1] == ""


def test_a_rebuild_keeps_it_hidden_and_unhidden(kept: ArchiveDir) -> None:
    withdraw(kept)
    before = dump(kept.db)

    rebuild(kept)

    assert dump(kept.db) == before
    assert len(before["hidden"]) == 1
    assert seen(kept) == set()
    for path in kept.root.glob("archive.db*"):
        path.unlink()
    index_archive(kept)
    assert dump(kept.db) == before
    unhide(kept, URL, who="ali", now=datetime.now(UTC))
    rebuild(kept)
    assert seen(kept) == WAYS.keys()


def test_what_is_captured_later_is_hidden_from_its_first_moment(kept: ArchiveDir) -> None:
    withdraw(kept)
    third = page(TITLE, TEXT + f"{WORD} üçüncü kez.", extra=PAGES)
    pages = [
        exchange(f"/{WORD}/", third, at="2024-05-01T00:00:00Z"),
        exchange(f"/{WORD}/3/", page(TITLE, TEXT + "Üçüncü sayfa.", extra=PAGES), at="2024-05-01T00:00:01Z"),
    ]
    write_warc(kept, "haber-3", pages)

    index_archive(kept)

    assert seen(kept) == set()
    assert run_sql(kept, "SELECT count(*) FROM captures WHERE warc = 'haber-3.warc.gz'").rows == [(2,)]


def test_a_page_is_hidden_before_there_is_an_archive_of_it(tmp_path: Path) -> None:
    """An embargo: neither rows nor a WARC are there yet."""
    directory = make_archive(tmp_path / "a")

    code, out, err = command(directory, "hide", URL, "--reason", "Ambargo", "--until", "2999-03")
    write(directory)
    index_archive(directory)

    assert code == 0
    assert "until 2999-04-01 00:00Z: Ambargo" in out
    assert "no rows yet" in err
    assert seen(directory) == set()


def test_an_archive_of_an_older_schema_hides_when_it_is_brought_up_to_date(kept: ArchiveDir) -> None:
    with closing(sqlite3.connect(kept.db)) as connection:
        connection.execute("DROP VIEW hidden_now")
        connection.execute("DROP TABLE hidden")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm005%'")
        connection.execute("PRAGMA user_version = 4")
        connection.commit()

    withdraw(kept)
    with pytest.raises(MuragatError, match="`muragat index` brings it up to date"):
        Archive(kept.root)
    with pytest.raises(MuragatError, match="`muragat index` brings it up to date"), ReplayServer(kept, port=0):
        pass
    index_archive(kept)

    assert seen(kept) == set()


# ---------------------------------------------------------------- replay


@pytest.fixture
def server(kept: ArchiveDir) -> Iterator[ReplayServer]:
    with ReplayServer(kept, port=0) as running:
        yield running


def get(server: ReplayServer, path: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=30)) as connection:
        connection.request(method, quote(path, safe="/%:?=*&"))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


PATHS = [
    f"/web/20240101000000/{URL}",
    f"/web/20240201/{URL}",
    f"/web/20240201mp_/{URL}",
    f"/web/20240201000000id_/{URL}",
    f"/web/20240201id_/https://www.{HOST}/{WORD}",
    f"/web/20240201id_/{HOST}/{WORD.upper()}/",
    f"/web/20240201id_/http:/{HOST}/{WORD}/",
    f"/web/2024id_/{URL}2/",
    f"/web/2024id_/{URL}?print=1",
    f"/web/*/{URL}",
    f"/web/timemap/link/{URL}",
    f"/web/timemap/json/{URL}",
    f"/web/timemap/cdxj/{URL}",
]
LISTS = [
    f"/web/cdx?url={URL}&output=json",
    f"/web/cdx?url={HOST}/*",
    f"/web/cdx?url={HOST}/&matchType=prefix&output=json",
    f"/web/cdx?url={HOST}&matchType=domain",
    f"/web/timemap/link/http://{HOST}/*",
]


def test_replay_answers_with_a_page_of_ours_until_it_is_unhidden(server: ReplayServer, kept: ArchiveDir) -> None:
    """The same process all the while: it asks anew each time."""
    shown = {path: get(server, path) for path in PATHS}
    listed = {path: get(server, path) for path in LISTS}
    assert {status for status, _, _ in shown.values()} <= {200, 307}
    assert all(WORD.encode() in body.lower() or status == 307 for status, _, body in (shown | listed).values())

    withdraw(kept)

    for path in PATHS:
        status, headers, body = get(server, path)
        assert (status, headers["Cache-Control"], headers["Memento-Datetime"]) == (451, "no-store", None), path
        assert "Mahkeme kararı" in body.decode()
        assert WORD not in body.decode().lower()
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    for path in LISTS:
        assert WORD.encode() not in get(server, path)[2].lower(), path
    assert get(server, f"/web/2024id_/http://{HOST}/bozkir/")[0] == 200
    assert get(server, f"/web/2024id_/http://{HOST}/resim.png")[2] == b"a picture"

    unhide(kept, URL, who="ali", now=datetime.now(UTC))

    assert {path: get(server, path)[2] for path in PATHS} == {path: body for path, (_, _, body) in shown.items()}


def test_replay_of_an_embargo_begins_when_it_ends(server: ReplayServer, kept: ArchiveDir) -> None:
    end = datetime.now(UTC) + timedelta(seconds=2)
    withdraw(kept, until=end)
    assert get(server, PATHS[0])[0] == 451

    time.sleep((end - datetime.now(UTC)).total_seconds() + 0.01)

    assert get(server, PATHS[0])[0] == 200


def test_a_reason_is_text_on_the_page(server: ReplayServer, kept: ArchiveDir) -> None:
    hide(kept, URL, reason="<script>alert(1)</script> & co", who="ali", now=datetime.now(UTC))

    assert b"<p>" in get(server, PATHS[0])[2]
    assert b"<script" not in get(server, PATHS[0])[2]


def test_an_address_that_the_guard_does_not_take_apart_is_not_replayed_either(
    server: ReplayServer, kept: ArchiveDir
) -> None:
    """`RowIndex` lists nothing of a hidden page, whatever is asked and however."""
    withdraw(kept)
    odd = [f"/web/20240201id_/{HOST}%2F{WORD}%2F", f"/web/2024if_/http%3A%2F%2F{HOST}/{WORD}/", f"//web/2024id_/{URL}"]
    odd += [f"/web/2024-2025/{URL}", f"/web/2024*/{URL}", f"/web/2024/{URL}%3Fx", f"/web/{URL}?utm_source=x"]
    odd += [f"/web/2024id_/http://ali@{HOST}/{WORD}/", f"/web/2024id_/http://{HOST}//./{WORD}", f"/web/index?url={URL}"]

    for path in odd:
        for method in ("GET", "HEAD", "POST"):
            assert b"toplant" not in get(server, path, method)[2], (path, method)


# ---------------------------------------------------------------- what hangs on it


def revisits(directory: ArchiveDir) -> None:
    """Another address that answered with the same bytes: a revisit, which has no body of its own."""
    original = exchange(f"/{WORD}/", FIRST, at="2024-01-01T00:00:00Z")
    same = exchange("/baska/", FIRST, at="2024-04-01T00:00:00Z")
    write_warc(directory, "haber-3", [(same, Original(original.url, original.captured_at, False))])
    index_archive(directory)


def test_a_revisit_whose_body_is_in_a_hidden_record_is_neither_replayed_nor_exported(
    server: ReplayServer, kept: ArchiveDir
) -> None:
    revisits(kept)
    other = f"/web/2024id_/http://{HOST}/baska/"
    assert get(server, other)[2] == FIRST

    withdraw(kept)

    assert WORD.encode() not in get(server, other)[2].lower()
    for way in ("wacz of all", "wacz of a search", "cdxj"):
        assert b"/baska/" not in WAYS[way](kept), way
    with pytest.raises(HiddenError, match="Mahkeme"):
        payload(connect_readonly(kept.db), kept, f"http://{HOST}/baska/")


def test_such_a_revisit_goes_on_where_another_record_holds_the_same_bytes(
    server: ReplayServer, kept: ArchiveDir
) -> None:
    revisits(kept)
    write_warc(kept, "haber-4", [exchange("/acik/", FIRST, at="2024-04-02T00:00:00Z")])
    index_archive(kept)

    withdraw(kept)

    assert get(server, f"/web/2024id_/http://{HOST}/baska/")[2] == FIRST
    assert payload(connect_readonly(kept.db), kept, f"http://{HOST}/baska/").decoded() == FIRST


def test_a_hide_names_the_addresses_that_say_the_same_and_stay(kept: ArchiveDir) -> None:
    revisits(kept)

    code, out, err = command(kept, "hide", URL, "--reason", "Mahkeme kararı")

    assert code == 0
    assert out.startswith(f"{URL}: hidden since ")
    assert f"NOT hidden, though it says the same: http://{HOST}/baska/" in err
    assert {line.partition("with it: ")[2] for line in err.splitlines() if "with it: " in line} == {
        f"{URL}2/",
        f"{URL}?print=1",
    }


def test_a_page_named_by_its_second_page_or_its_copy_goes_as_a_whole(kept: ArchiveDir) -> None:
    for named in (f"{URL}2/", f"{URL}?print=1"):
        withdraw(kept, named)
        assert seen(kept) == set(), named
        assert "part or copy" in command(kept, "show", URL)[2]
        with pytest.raises(MuragatError, match=f"as part or copy of {named.replace('?', '.')}"):
            unhide(kept, URL, who="ali", now=NOW)
        unhide(kept, named, who="ali", now=datetime.now(UTC))


def test_a_picture_is_hidden_by_its_own_name_only(server: ReplayServer, kept: ArchiveDir) -> None:
    assert b"a picture" in WAYS["wacz of a search"](kept)

    withdraw(kept, f"http://{HOST}/resim.png")

    assert get(server, f"/web/2024id_/http://{HOST}/resim.png")[0] == 451
    for way in ("wacz of all", "wacz of a search"):
        assert b"a picture" not in WAYS[way](kept)
    assert get(server, PATHS[0])[0] == 200
    assert seen(kept) == WAYS.keys()


def test_files_of_others_are_not_copied_whole_when_a_page_is_hidden(kept: ArchiveDir, tmp_path: Path) -> None:
    """browsertrix keeps the text of pages in records without rows: `urn:text:URL`."""
    from warcio.warcwriter import WARCWriter

    from archive.importing import import_files

    with (tmp_path / "text.warc.gz").open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, body in ((f"urn:text:{URL}", TEXT.encode()), (f"http://{HOST}/x.png", b"x")):
            writer.write_record(writer.create_warc_record(url, "resource", BytesIO(body)))
    assert import_files(kept, [tmp_path / "text.warc.gz"], now=NOW).ok
    assert b"urn:text" in WAYS["wacz of all"](kept)

    withdraw(kept)

    assert WORD.encode() not in WAYS["wacz of all"](kept).lower()
    assert b"http://haber.example/x.png" in WAYS["wacz of all"](kept)


# ---------------------------------------------------------------- the commands


@pytest.mark.parametrize(
    "words", [("show", URL), ("timemap", URL), ("diff", URL), ("cite", URL), ("show", "--raw", URL)]
)
def test_a_command_says_in_one_line_why_and_exits_with_3(kept: ArchiveDir, words: tuple[str, ...]) -> None:
    withdraw(kept, until=datetime(2999, 1, 1, tzinfo=UTC))

    code, out, err = command(kept, *words)

    assert (code, out) == (3, "")
    assert err.startswith(f"muragat: {URL}: hidden since 20") and err.count("\n") == 1
    assert err.endswith("Z until 2999-01-01 00:00Z: Mahkeme kararı\n")


def test_hidden_lists_what_is_hidden_now(kept: ArchiveDir) -> None:
    assert command(kept, "hidden", "--json")[1] == "[]\n"
    withdraw(kept)
    withdraw(kept, f"http://{HOST}/yok/", until=datetime(2999, 1, 1, tzinfo=UTC))
    hidden.append_line(
        kept.hidden,
        {"event": "hidden", "url": f"http://{HOST}/eski/", "reason": "x", "who": "ali", "at": warc_date(NOW)}
        | {"until": "2024-01-01T00:00:00.000000Z"},
    )

    listed = json.loads(command(kept, "hidden", "--json")[1])

    assert [(row["url"], row["until"], row["reason"], row["who"]) for row in listed] == [
        (URL, None, "Mahkeme kararı", "ali"),
        (f"http://{HOST}/yok/", "2999-01-01T00:00:00.000000Z", "Mahkeme kararı", "ali"),
    ]
    assert command(kept, "hidden")[1].count("\n") == 3
    with Archive(kept.root) as archive:
        assert {one.url for one in archive.hidden()} == {URL, f"http://{HOST}/yok/"}
    assert json.loads(command(kept, "status", "--json")[1])["hidden"] == 2
    assert "2 pages hidden" in command(kept, "status")[1]


@pytest.mark.parametrize(
    ("words", "complaint", "code"),
    [
        (("hide", URL), "Missing option '--reason'", 2),
        (("hide", URL, "--reason", " "), "say why", 1),
        (("hide", URL, "--reason", "x", "--until", "2020"), "2021-01-01 00:00Z is past", 1),
        (("hide", URL, "--reason", "x", "--until", "soon"), "not a time", 2),
        (("hide", "a b", "--reason", "x"), "not the address", 2),
        (("unhide", URL), "is not hidden; `muragat hidden` lists what is", 1),
    ],
)
def test_what_is_no_hide_is_said_and_nothing_is_written(
    kept: ArchiveDir, words: tuple[str, ...], complaint: str, code: int
) -> None:
    done, out, err = command(kept, *words)

    assert (done, out) == (code, "")
    assert complaint in err and err.count("\n") == 1
    assert not kept.hidden.exists()


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2999", "3000-01-01T00:00Z"),
        ("2999-02", "2999-03-01T00:00Z"),
        ("2999-02-03", "2999-02-04T00:00Z"),
        ("2999-02-03T09:30", "2999-02-03T09:30Z"),
        ("2999-02-03T09:30+05:00", "2999-02-03T04:30Z"),
        ("29990203093000", "2999-02-03T09:30Z"),
    ],
)
def test_a_day_is_hidden_with_all_of_it_and_a_time_to_that_moment(text: str, end: str) -> None:
    assert hidden.until_end(text) == datetime.fromisoformat(end)


def test_an_unknown_address_is_hidden_and_said_to_be_unknown(kept: ArchiveDir) -> None:
    code, _, err = command(kept, "hide", f"http://{HOST}/yarin/", "--reason", "Ambargo")

    assert code == 0
    assert "nothing is captured under this address yet" in err


def test_an_address_that_redirects_names_the_page_behind_it(kept: ArchiveDir) -> None:
    moved = exchange("/?p=7", b"", at="2024-06-01T00:00:00Z", status="301 Moved", fields=f"Location: {URL}\r\n")
    write_warc(kept, "haber-3", [moved])
    index_archive(kept)

    assert (
        f"it redirects to {URL}, which is not hidden by this"
        in command(kept, "hide", f"http://{HOST}/?p=7", "--reason", "x")[2]
    )


# ---------------------------------------------------------------- the log


def test_every_hide_and_unhide_is_a_line_that_holds_the_hash_of_the_one_before(kept: ArchiveDir) -> None:
    withdraw(kept)
    withdraw(kept, until=datetime(2999, 1, 1, tzinfo=UTC))
    unhide(kept, URL, who="veli", now=datetime.now(UTC))

    lines = [json.loads(line) for line in kept.hidden.read_text("utf-8").splitlines()]

    assert [(line["event"], line["url"], line["who"]) for line in lines] == [
        ("hidden", URL, "ali"),
        ("hidden", URL, "ali"),
        ("unhidden", URL, "veli"),
    ]
    assert [line.get("reason") for line in lines] == ["Mahkeme kararı"] * 2 + [None]
    assert len({line["previous"] for line in lines}) == 3


def test_verify_names_a_line_of_the_log_that_was_changed_or_removed(kept: ArchiveDir) -> None:
    withdraw(kept)
    unhide(kept, URL, who="ali", now=datetime.now(UTC))
    withdraw(kept)
    lines = kept.hidden.read_bytes().splitlines(keepends=True)
    assert verify(kept).findings == []

    kept.hidden.write_bytes(lines[0] + lines[2])
    removed = [str(one) for one in verify(kept).findings]
    kept.hidden.write_bytes(lines[0].replace(b"Mahkeme", b"Muhkeme") + lines[1] + lines[2])
    changed = [(one.file, one.offset) for one in verify(kept).findings]

    assert removed == [
        "hidden.jsonl line 2: line 2 does not follow the one before: one of them was changed, or one between removed"
    ]
    assert changed == [("hidden.jsonl", 2)]


LOST = f"hidden.jsonl has lost lines; by archive.db these stay hidden: {URL}; bring hidden.jsonl back from a backup"


def without_the_last_line(directory: ArchiveDir) -> bytes:
    """Take the newest line out of the log; the log as it was."""
    whole = directory.hidden.read_bytes()
    directory.hidden.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    return whole


def without_the_log(directory: ArchiveDir) -> bytes:
    whole = directory.hidden.read_bytes()
    directory.hidden.unlink()
    return whole


@pytest.mark.parametrize("lose", [without_the_last_line, without_the_log])
def test_a_page_whose_line_was_removed_stays_hidden_and_is_told_of(
    kept: ArchiveDir, lose: Callable[[ArchiveDir], bytes]
) -> None:
    withdraw(kept)
    whole = lose(kept)

    found = [(one.kind, str(one)) for one in verify(kept).findings]
    assert [kind for kind, _ in found] == ["hidden-lost"]
    assert f"archive.db knows {URL}, hidden since 20" in found[0][1]
    for words in (["index"], ["index", "--rebuild"], ["index", "--rebuild"], ["index", "--stale"]):
        code, _, err = command(kept, *words)
        assert (code, err.count(LOST)) == (1, 1), words
        assert WAYS["article"](kept) == b"", words
    assert seen(kept) == set()
    assert [row["url"] for row in json.loads(command(kept, "hidden", "--json")[1])] == [URL]
    assert LOST in command(kept, "hidden")[2]

    kept.hidden.write_bytes(whole)

    assert verify(kept).findings == []
    assert (command(kept, "index")[0], command(kept, "index", "--rebuild")[0]) == (0, 0)
    assert WAYS["article"](kept) == b""


def test_such_a_page_is_unhidden_or_hidden_again_as_any_other(kept: ArchiveDir) -> None:
    other = f"http://{HOST}/bozkir/"
    withdraw(kept)
    withdraw(kept, other)
    kept.hidden.unlink()

    assert command(kept, "unhide", URL)[0] == 0
    assert command(kept, "hide", other, "--reason", "y", "--until", "2999")[0] == 0

    assert verify(kept).findings == []
    for words in (["index"], ["index", "--rebuild"]):
        assert command(kept, *words)[0] == 0
        with Archive(kept.root) as archive:
            assert [(one.url, one.reason) for one in archive.hidden()] == [(other, "y")]
    assert WORD.encode() in WAYS["article"](kept)


def test_a_removed_line_that_hid_for_longer_shortens_nothing(kept: ArchiveDir) -> None:
    withdraw(kept, until=datetime.now(UTC) + timedelta(seconds=0.2))
    withdraw(kept)
    without_the_last_line(kept)
    time.sleep(0.3)

    assert command(kept, "index")[0] == 1
    assert WAYS["article"](kept) == b""
    assert [one.kind for one in verify(kept).findings] == ["hidden-lost"]


def test_an_unhide_of_before_does_not_show_a_page_whose_later_hide_was_removed(kept: ArchiveDir) -> None:
    withdraw(kept)
    unhide(kept, URL, who="ali", now=datetime.now(UTC))
    withdraw(kept)
    without_the_last_line(kept)

    assert command(kept, "index")[0] == 1
    assert WAYS["article"](kept) == b""


def test_lines_that_no_row_knows_yet_are_named_and_brought_in(kept: ArchiveDir) -> None:
    other = f"http://{HOST}/bozkir/"
    withdraw(kept, other)
    before = {"who": "ali", "at": warc_date(datetime.now(UTC))}
    hidden.append_line(kept.hidden, {"event": "hidden", "url": URL, "reason": "x", "until": None} | before)
    hidden.append_line(kept.hidden, {"event": "unhidden", "url": other} | before)

    assert [str(one) for one in verify(kept).findings] == [
        f"archive.db: does not say of {url} what hidden.jsonl says; `muragat index` brings it in"
        for url in (other, URL)
    ]
    assert command(kept, "index")[0] == 0
    assert verify(kept).findings == []
    assert WAYS["article"](kept) == b""


@pytest.mark.parametrize("words", [("hide", f"http://{HOST}/bozkir/", "--reason", "C"), ("unhide", URL)])
def test_nothing_is_written_into_a_damaged_log(kept: ArchiveDir, words: tuple[str, ...]) -> None:
    withdraw(kept)
    with kept.hidden.open("ab") as file:
        file.write(b"{bad\n")
    before = kept.hidden.read_bytes()

    code, out, err = command(kept, *words)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "hidden.jsonl line 2 is damaged" in err and "restore it from a backup, or take that line out" in err
    assert kept.hidden.read_bytes() == before
    assert "line 2 is damaged" in str(verify(kept).findings[0]) and len(verify(kept).findings) == 1

    kept.hidden.write_bytes(before.removesuffix(b"{bad\n"))

    assert command(kept, *words)[0] == 0
    assert verify(kept).findings == []


def test_since_is_the_first_moment_without_a_break(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    days = [NOW + timedelta(days=number) for number in range(4)]
    hide(directory, URL, reason="a", who="ali", now=days[0])
    again = hide(directory, URL, reason="b", who="ali", now=days[1], until=days[2])
    after = hide(directory, URL, reason="c", who="ali", now=days[3])

    assert (again.hidden_at, again.reason) == (days[0], "b")
    assert after.hidden_at == days[3]


def test_a_line_that_was_cut_is_no_line_and_a_damaged_one_stops_the_indexer(kept: ArchiveDir) -> None:
    withdraw(kept)
    with kept.hidden.open("ab") as file:
        file.write(b'{"event": "unhidden", "url": "' + URL.encode())
    index_archive(kept)
    assert seen(kept) == set()
    withdraw(kept, f"http://{HOST}/bozkir/")
    assert kept.hidden.read_bytes().count(b"\n") == 2

    kept.hidden.write_bytes(kept.hidden.read_bytes().replace(b'"reason"', b'"raeson"', 1))

    with pytest.raises(MuragatError, match=r"hidden.jsonl line 1 is damaged \('reason'\); restore it from a backup"):
        index_archive(kept)


def test_what_is_hidden_while_a_rebuild_runs_stays_hidden(kept: ArchiveDir) -> None:
    """Beside rebuilds one after the other pages are hidden; after each hide, no reader sees the page any more."""
    shown = list[str]()
    ended = threading.Event()

    def rebuild_on() -> None:
        while not ended.is_set():
            rebuild(kept)

    worker = threading.Thread(target=rebuild_on)
    worker.start()
    try:
        for _ in range(8):
            withdraw(kept)
            for _ in range(20):
                if WORD.encode() in WAYS["article"](kept):
                    shown.append(str(datetime.now(UTC)))
                time.sleep(0.01)
            unhide(kept, URL, who="ali", now=datetime.now(UTC))
    finally:
        ended.set()
        worker.join()

    assert shown == []


def test_no_rebuild_is_copied_in_while_somebody_hides(kept: ArchiveDir) -> None:
    with hidden.unchanging(kept):
        worker = threading.Thread(target=rebuild, args=[kept])
        worker.start()
        worker.join(3)
        assert worker.is_alive()
    worker.join(30)

    assert not worker.is_alive()


def test_a_hide_beside_an_indexer_that_writes_waits_for_it(kept: ArchiveDir) -> None:
    with closing(sqlite3.connect(kept.db, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        command_line = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(kept.root)]
        process = subprocess.Popen(
            [*command_line, "hide", URL, "--reason", "x"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ,
        )
        while not kept.hidden.exists():
            time.sleep(0.02)
        time.sleep(0.3)
        assert process.poll() is None
        writer.execute("COMMIT")
    out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert b"hidden since" in out
    with pytest.raises(HiddenError):
        timemap(connect_readonly(kept.db), URL)


def test_the_owner_s_sql_sees_the_rows_and_what_is_hidden(kept: ArchiveDir) -> None:
    withdraw(kept)

    assert run_sql(kept, f"SELECT count(*) FROM articles WHERE url = '{URL}'").rows == [(1,)]
    rows = run_sql(kept, "SELECT urlkey, named, reason FROM hidden_now ORDER BY 1").rows
    key = f"example,haber)/{WORD}"
    assert [row[0] for row in rows] == [key, f"{key}/2", f"{key}?print=1"]
    assert {row[1:] for row in rows} == {(key, "Mahkeme kararı")}

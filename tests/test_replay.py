"""Replay answers from the archive: the bytes that were served, and pages a browser shows without leaving it."""

from __future__ import annotations

import gzip
import http.client
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from base64 import b32encode
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha1
from importlib import resources
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.replay import ReplayServer, iso_moment, replay_url, warc_resolver
from archive.surt import urlkey

pytest.importorskip("pywb", reason="replay needs the extra `web`")

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SITE = "https://haber.example"
SPRING = datetime(2024, 3, 15, 9, 30, 0, 250_000, tzinfo=UTC)
AUTUMN = datetime(2024, 11, 1, 6, 0, 0, 0, tzinfo=UTC)

CAPTURES = """CREATE TABLE captures (
    warc TEXT, offset INT, length INT, urlkey TEXT, url TEXT, captured_at TEXT, status INT, content_type TEXT,
    payload_digest TEXT, record_type TEXT, refers_to_url TEXT, refers_to_at TEXT, stated_digest TEXT)"""


HIDDEN_NOW = """CREATE TABLE hidden_now (
    urlkey TEXT, named TEXT, url TEXT, reason TEXT, who TEXT, hidden_at TEXT, until TEXT)"""


class Recording:
    """A small archive being made: each `add` is a WARC record and its row."""

    def __init__(self, root: Path) -> None:
        self.directory = ArchiveDir(root)
        self.directory.warcs.mkdir(parents=True)
        with closing(self.rows()) as rows:
            rows.execute("PRAGMA journal_mode = WAL")
            rows.execute(CAPTURES)
            rows.execute(HIDDEN_NOW)

    def rows(self) -> sqlite3.Connection:
        return sqlite3.connect(self.directory.db, isolation_level=None)

    def add(
        self,
        url: str,
        body: bytes,
        kind: str = "text/html; charset=utf-8",
        *,
        at: datetime = SPRING,
        status: str = "200 OK",
        extra: tuple[tuple[str, str], ...] = (),
        warc: str = "first.warc.gz",
        revisit_of: tuple[str, datetime] | None = None,
        says_of_what: bool = True,
    ) -> None:
        moment = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        path = self.directory.warcs / warc
        offset = path.stat().st_size if path.exists() else 0
        head = StatusAndHeaders(status, [("Content-Type", kind), *extra], protocol="HTTP/1.1")
        digest = "sha1:" + b32encode(sha1(body).digest()).decode()
        with path.open("ab") as file:
            writer = WARCWriter(file, gzip=True, warc_version="WARC/1.1")
            dated = {"WARC-Date": moment}
            if revisit_of:
                target, target_at = revisit_of
                target_moment = target_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                record = writer.create_revisit_record(url, digest, target, target_moment, head, dated)
                if not says_of_what:
                    record.rec_headers.remove_header("WARC-Refers-To-Target-URI")
            else:
                record = writer.create_warc_record(url, "response", BytesIO(body), len(body), "", dated, None, head)
            writer.write_record(record)
        row = (
            warc.removesuffix(".open"),
            offset,
            path.stat().st_size - offset,
            urlkey(url),
            url,
            moment,
            int(status[:3]),
            kind.partition(";")[0],
            digest,
            "revisit" if revisit_of else "response",
            revisit_of[0] if revisit_of and says_of_what else None,
            target_moment if revisit_of and says_of_what else None,
        )
        with closing(self.rows()) as rows:
            rows.execute("INSERT INTO captures VALUES (?,?,?,?,?,?,?,?,?,?,?,?,NULL)", row)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = (b"\0" + b"\xc8\x30\x20" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def chunked(body: bytes) -> bytes:
    half = len(body) // 2
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))


FONT = (resources.files("pywb") / "static/fonts/glyphicons-halflings-regular.woff2").read_bytes()
PICTURE = png(40, 30)
CSS = f"""@font-face {{ font-family: Haber; src: url({SITE}/font.woff2) }}
h1 {{ color: rgb(1, 2, 3) }} .glyph {{ font: 40px Haber }}""".encode()
FRONT = f"""<!doctype html><html lang="tr"><head><title>Ön sayfa</title><link rel="stylesheet" href="/look.css">
<script src="https://elsewhere.example/counter.js"></script></head><body><h1>Almatı’da kar</h1>
<p class="glyph">&#xe006;</p><img id="picture" src="{SITE}/picture.png" width="200" height="150"><script>
new Image().src = "https://elsewhere.example/leak.png";
try {{ new WebSocket("ws://127.0.0.1:9/leak") }} catch (error) {{ }}
fetch("https://elsewhere.example/leak.json").catch(() => null);
</script></body></html>""".encode()
ARTICLE = "<h1>Yağmur</h1><p>İlk hâli</p>".encode()
ARTICLE_LATER = "<h1>Yağmur</h1><p>Son hâli</p>".encode()
ZIPPED = gzip.compress(ARTICLE_LATER * 50, mtime=0)
CYRILLIC = f"{SITE}/%D0%BC%D2%B1%D1%80%D0%B0%D2%93%D0%B0%D1%82/"
WINDOWS_1254 = '<meta charset="windows-1254"><p>Şişli ığdır</p>'.encode("cp1254")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    made = Recording(tmp_path_factory.mktemp("archive"))
    made.add(f"{SITE}/", FRONT)
    made.add(f"{SITE}/look.css", CSS, "text/css")
    made.add(f"{SITE}/font.woff2", FONT, "font/woff2")
    made.add(f"{SITE}/picture.png", PICTURE, "image/png")
    made.add(f"{SITE}/yagmur/", ARTICLE)
    made.add(f"{SITE}/yagmur/", ARTICLE_LATER, at=AUTUMN)
    made.add(f"{SITE}/zipped", ZIPPED, extra=(("Content-Encoding", "gzip"),))
    made.add(f"{SITE}/chunked", chunked(ARTICLE), extra=(("Transfer-Encoding", "chunked"),))
    made.add(f"{SITE}/same/", ARTICLE, at=AUTUMN, revisit_of=(f"{SITE}/yagmur/", SPRING))
    made.add(f"{SITE}/zipped", ZIPPED, at=AUTUMN, revisit_of=(f"{SITE}/zipped", SPRING), says_of_what=False)
    made.add(f"{SITE}/yagmur/", b"", at=datetime(2025, 1, 1, tzinfo=UTC), status="304 Not Modified")
    made.add(f"{SITE}/gone/", b"<p>Yok</p>", status="404 Not Found")
    made.add(CYRILLIC, "<p>Мұрағат</p>".encode())
    made.add(f"{SITE}/eski", WINDOWS_1254, "text/html")
    made.add(f"{SITE}/second", b"<p>early</p>", at=SPRING.replace(microsecond=100_000))
    made.add(f"{SITE}/second", b"<p>late</p>", at=SPRING.replace(microsecond=900_000))
    made.add("http://haber.example/moved", b"", status="301 Moved", extra=(("Location", f"{SITE}/moved"),))
    made.add(f"{SITE}/moved", b"<p>here</p>", at=SPRING.replace(microsecond=700_000))
    made.add(f"{SITE}/open", b"<p>being written</p>", warc="second.warc.gz.open")
    made.add(f"{SITE}/lost", b"<p>file lost</p>", warc="lost.warc.gz")
    (made.directory.warcs / "lost.warc.gz").unlink()
    return made


@pytest.fixture(scope="module")
def server(recording: Recording) -> Iterator[ReplayServer]:
    with ReplayServer(recording.directory, port=0) as running:
        yield running


def get(url: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.putrequest("GET", quote(url[url.index("/", 8) :], safe="/%:?=*<>()"), skip_accept_encoding=True)
        connection.putheader("Accept-Encoding", "gzip")  # without it a compressed payload comes decoded
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", FRONT),
        ("/look.css", CSS),
        ("/font.woff2", FONT),
        ("/picture.png", PICTURE),
        ("/zipped", ZIPPED),
        ("/chunked", ARTICLE),
        ("/eski", WINDOWS_1254),
    ],
)
def test_raw_replay_is_the_payload_served(server: ReplayServer, path: str, body: bytes) -> None:
    status, headers, got = get(replay_url(server.url, SITE + path, SPRING, raw=True))

    assert (status, got) == (200, body)
    assert headers["Memento-Datetime"] == "Fri, 15 Mar 2024 09:30:00 GMT"


def test_a_page_for_the_browser_asks_the_archive_for_what_it_needs(server: ReplayServer) -> None:
    status, headers, body = get(replay_url(server.url, f"{SITE}/", SPRING))

    assert status == 200
    assert f"/web/20240315093000im_/{SITE}/picture.png".encode() in body
    assert b"/web/20240315093000cs_/https://haber.example/look.css" in body
    assert b'src="https://elsewhere' not in body
    assert all("ws:" not in policy for policy in headers.get_all("Content-Security-Policy", [])[-1:])


@pytest.mark.parametrize("path", ["/web/20240315id_/https://haber.example/", "/web/", "/", "/web/id_/http://none.kz/"])
def test_every_answer_forbids_the_browser_to_go_elsewhere(server: ReplayServer, path: str) -> None:
    _, headers, _ = get(server.url + path)

    policy = headers.get_all("Content-Security-Policy", [])[-1]

    assert policy.startswith("default-src 'self'")
    assert "http" not in policy and "ws:" not in policy and "*" not in policy


def test_a_revisit_replays_the_payload_of_another_page(server: ReplayServer) -> None:
    assert get(replay_url(server.url, f"{SITE}/same/", AUTUMN, raw=True))[::2] == (200, ARTICLE)
    assert "İlk hâli".encode() in get(replay_url(server.url, f"{SITE}/same/", AUTUMN))[2]


def test_a_revisit_that_does_not_say_of_what_replays_by_its_digest(server: ReplayServer) -> None:
    status, headers, body = get(replay_url(server.url, f"{SITE}/zipped", AUTUMN, raw=True))

    assert (status, body) == (200, ZIPPED)
    assert headers["Memento-Datetime"] == "Fri, 01 Nov 2024 06:00:00 GMT"


@pytest.mark.parametrize(
    ("when", "body"),
    [
        (datetime(2019, 1, 1, tzinfo=UTC), ARTICLE),
        (datetime(2024, 5, 1, tzinfo=UTC), ARTICLE),
        (datetime(2024, 10, 1, tzinfo=UTC), ARTICLE_LATER),
        (datetime(2025, 1, 1, tzinfo=UTC), ARTICLE_LATER),  # the 304 of that very second is no page
        (None, ARTICLE_LATER),
    ],
)
def test_the_capture_nearest_in_time_is_replayed(server: ReplayServer, when: datetime | None, body: bytes) -> None:
    assert get(replay_url(server.url, f"{SITE}/yagmur/", when, raw=True))[::2] == (200, body)


def test_two_captures_in_one_second_are_both_reachable(server: ReplayServer) -> None:
    early, late = (SPRING.replace(microsecond=micros) for micros in (100_000, 900_000))
    url = f"{SITE}/second"

    assert get(replay_url(server.url, url, early, raw=True))[2] == b"<p>early</p>"
    assert get(replay_url(server.url, url, early, raw=True, exact=True))[2] == b"<p>early</p>"
    assert get(replay_url(server.url, url, late, raw=True, exact=True))[2] == b"<p>late</p>"
    # The list of captures names both, so that the calendar leads to each.
    _, _, listed = get(f"{server.url}/web/timemap/cdxj/{url}")
    stamps = [line.split()[1] for line in listed.decode().splitlines()]
    assert stamps == ["20240315093000", "20240315093000900000"]


def test_a_redirect_to_itself_in_the_same_second_leads_to_the_page(server: ReplayServer) -> None:
    """http and https share a urlkey."""
    assert get(replay_url(server.url, f"{SITE}/moved", SPRING, raw=True))[::2] == (200, b"<p>here</p>")


def test_a_cyrillic_url_is_found_however_it_is_written(server: ReplayServer) -> None:
    for url in (CYRILLIC, f"{SITE}/мұрағат/"):
        status, _, body = get(replay_url(server.url, url, SPRING))
        assert status == 200
        assert "Мұрағат".encode() in body


def test_windows_1254_keeps_its_bytes_when_rewritten(server: ReplayServer) -> None:
    assert "Şişli ığdır".encode("cp1254") in get(replay_url(server.url, f"{SITE}/eski", SPRING))[2]


def test_an_open_warc_replays_before_and_after_it_is_closed(recording: Recording, server: ReplayServer) -> None:
    url = replay_url(server.url, f"{SITE}/open", SPRING, raw=True)
    assert get(url)[::2] == (200, b"<p>being written</p>")

    path = recording.directory.warcs / "second.warc.gz.open"
    path.rename(path.with_suffix(""))

    assert get(url)[::2] == (200, b"<p>being written</p>")


def test_a_row_committed_later_replays_at_once(recording: Recording, server: ReplayServer) -> None:
    url = replay_url(server.url, f"{SITE}/new", raw=True)
    assert get(url)[0] == 404

    recording.add(f"{SITE}/new", b"<p>new</p>")

    assert get(url)[::2] == (200, b"<p>new</p>")


def test_what_was_not_captured_is_a_plain_404(server: ReplayServer) -> None:
    for raw in (True, False):
        status, _, body = get(replay_url(server.url, f"{SITE}/<script>alert(1)</script>", SPRING, raw=raw))
        assert status == 404
        assert b"Traceback" not in body and b"<script>alert" not in body
    assert get(replay_url(server.url, f"{SITE}/gone/", SPRING, raw=True))[::2] == (404, b"<p>Yok</p>")


def test_a_lost_warc_is_an_error_without_a_path(recording: Recording, server: ReplayServer) -> None:
    status, _, body = get(replay_url(server.url, f"{SITE}/lost", SPRING, raw=True))

    assert status == 503
    assert b"Traceback" not in body and str(recording.directory.root).encode() not in body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
        "/static/_/web/../../../../etc/passwd",
        "/live/http://127.0.0.1/",
        "/web/record/http://127.0.0.1/",
        "/web/vi_/https://haber.example/",
        "/all/20240101/https://haber.example/",
        "/web/99999999999999id_/https://nowhere.example/",
    ],
)
def test_nothing_beyond_the_archive_is_served(server: ReplayServer, path: str) -> None:
    status, _, body = get(server.url + path)

    assert b"root:" not in body
    assert status != 200 or path.startswith("/web/vi_")  # video information: the page itself, nothing is fetched


def test_nothing_is_fetched_from_the_living_web(server: ReplayServer) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as living:
        living.settimeout(0.5)
        url = f"http://127.0.0.1:{living.getsockname()[1]}/"
        for form in ("web/id_/", "web/mp_/", "web/vi_/", "live/", "web/20240101bn_/", "web/sw_/"):
            assert get(f"{server.url}/{form}{url}")[0] == 404
        with pytest.raises(TimeoutError):
            living.accept()


@pytest.mark.parametrize("name", ["../archive.db", "/etc/passwd", "..", "", "a\0b", "sub/file.warc.gz"])
def test_a_file_name_that_is_a_path_is_not_opened(tmp_path: Path, name: str) -> None:
    assert warc_resolver(tmp_path)(name, None) == []


@pytest.mark.parametrize(
    ("digits", "moment"),
    [
        ("2024", "2024-12-31T23:59:59.999999Z"),
        ("20240315", "2024-03-15T23:59:59.999999Z"),
        ("20240315093000", "2024-03-15T09:30:00.999999Z"),
        ("20240315093000900000", "2024-03-15T09:30:00.900000Z"),
    ],
)
def test_a_short_time_means_its_end(digits: str, moment: str) -> None:
    assert iso_moment(digits) == moment


@pytest.mark.parametrize(
    ("url", "when", "raw", "expected"),
    [
        ("https://a.kz/b?c=ö d", SPRING, False, "http://h:1/web/20240315093000mp_/https://a.kz/b?c=%C3%B6%20d"),
        ("https://a.kz/%C3%B6", None, True, "http://h:1/web/id_/https://a.kz/%C3%B6"),
    ],
)
def test_replay_urls(url: str, when: datetime | None, raw: bool, expected: str) -> None:
    assert replay_url("http://h:1/", url, when, raw=raw) == expected


def test_a_front_page_with_many_captures_is_found_fast(recording: Recording, server: ReplayServer) -> None:
    """100 000 captures: 11 years at one an hour. pywb over all of their rows took 2 s; over the nearest, 10 ms."""
    with closing(recording.rows()) as rows:
        rows.execute("BEGIN")
        rows.execute("CREATE INDEX by_urlkey ON captures (urlkey, captured_at)")
        row = list(rows.execute("SELECT * FROM captures WHERE url = ? LIMIT 1", (f"{SITE}/",)).fetchone())
        many = [[*row[:5], f"2030-01-01T00:00:00.{n:06d}Z", *row[6:]] for n in range(100_000)]
        rows.executemany("INSERT INTO captures VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", many)
        rows.execute("COMMIT")

    started = time.monotonic()
    status, _, body = get(replay_url(server.url, f"{SITE}/", SPRING, raw=True))
    took = time.monotonic() - started

    with closing(recording.rows()) as rows:
        rows.execute("DELETE FROM captures WHERE captured_at > '2029'")
    assert (status, body) == (200, FRONT)
    assert took < 1.0


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_stop_leaves_no_process_and_no_port(recording: Recording) -> None:
    server = ReplayServer(recording.directory, port=0)
    server.start()
    pid = server.pid
    assert pid and alive(pid)

    server.stop()

    assert not Path(f"/proc/{pid}").exists()  # not even a zombie
    with pytest.raises(ConnectionRefusedError):
        get(server.url + "/")
    server.stop()


def test_the_child_dies_with_a_parent_that_was_killed(recording: Recording) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from archive.config import ArchiveDir; from archive.replay import ReplayServer\n"
        "server = ReplayServer(ArchiveDir(Path(sys.argv[1])), port=0); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-P", "-c", script, str(recording.directory.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert alive(child)

        parent.kill()

    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)


def test_a_child_that_dies_by_itself_ends_the_wait_with_an_error(recording: Recording) -> None:
    with ReplayServer(recording.directory, port=0) as server:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(MuragatError, match="ended by itself"):
            server.wait()


def test_a_port_in_use_is_one_line(recording: Recording) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MuragatError, match=f"port {port} of 127.0.0.1 is in use; --port names another"):
            ReplayServer(recording.directory, port=port).start()


def test_an_archive_without_rows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MuragatError, match=r"archive\.db does not exist; `muragat index`"):
        ReplayServer(ArchiveDir(tmp_path), port=0).start()
    (tmp_path / "archive.db").write_bytes(b"not a database, but long enough to look like a file of one")
    with pytest.raises(MuragatError, match="cannot be read"):
        ReplayServer(ArchiveDir(tmp_path), port=0).start()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="/usr/bin/chromium is not installed")
def test_a_browser_shows_the_page_and_leaves_the_archive_never(server: ReplayServer, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    asked: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda opened: asked.append(opened.url))
        page.goto(f"{server.url}/web/20240315093000/{SITE}/")
        frame = page.frame_locator("#replay_iframe")
        frame.locator("#picture").wait_for()
        page.wait_for_load_state("networkidle")
        width = frame.locator("#picture").evaluate("element => element.naturalWidth")
        colour = frame.locator("h1").evaluate("element => getComputedStyle(element).color")
        fonts = frame.locator("h1").evaluate(
            "async () => { await document.fonts.ready; return [...document.fonts].map(f => [f.family, f.status]) }"
        )
        page.screenshot(path=os.environ.get("MURAGAT_SCREENSHOT", str(tmp_path / "page.png")))
        browser.close()

    assert width == 40
    assert colour == "rgb(1, 2, 3)"
    assert fonts == [["Haber", "loaded"]]
    assert any(f"/{SITE}/picture.png" in url for url in asked)
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []

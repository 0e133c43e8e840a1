"""Pages as they were: pywb in a process of its own, its index read from our rows.

`ReplayServer` starts and stops that process; `python -P -m archive.replay ROOT` is it. pywb patches Python's sockets
and threads as soon as it is imported and is GPL-3, so nothing of it is imported outside `main`. A capture replays as
soon as its row is committed: there is no second index. The archived pages are hostile: the process answers from
`warcs/` alone, fetches nothing, and forbids the browser to go anywhere else. Times in URLs after RFC 7089 (Memento).
"""

from __future__ import annotations

import _thread
import argparse
import errno
import importlib.util
import os
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.hidden import SHOWN, why
from archive.hidden_log import Hidden
from archive.readonly import open_readonly
from archive.surt import urlkey

COLLECTION = "web"  # pywb's word for one archive; the first part of every replay URL
START_SECONDS = 60.0  # pywb answers after 1 to 2 s; a loaded machine gets its time
STOP_SECONDS = 5.0

Headers = list[tuple[str, str]]
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]  # WSGI, PEP 3333


class ReplayServer:
    """A running replay; a context manager. Port 0 takes a free one: see `url`."""

    def __init__(self, directory: ArchiveDir, *, port: int = 8002, host: str = "127.0.0.1") -> None:
        self.directory = directory
        self.host = host
        self.port = port
        self._child: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process that answers; None when none runs."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the process and wait until it listens. Raises MuragatError when it does not come up."""
        check_ready(self.directory)
        root = self.directory.root.resolve()
        command = [sys.executable, "-P", "-m", "archive.replay", str(root), "--host", self.host]
        command += ["--port", str(self.port), "--child"]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.port = self._listening_port()
        except BaseException:
            self.stop()
            raise

    def _listening_port(self) -> int:
        assert self._child and self._child.stdout
        ready, _, _ = select.select([self._child.stdout], [], [], START_SECONDS)
        word, _, rest = (self._child.stdout.readline() if ready else "").strip().partition(" ")
        if word == "listening":
            return int(rest)
        if word == "failed":
            raise MuragatError(rest)
        state = f"is silent after {START_SECONDS:.0f} s" if not ready else f"ended at once: exit {self._child.wait()}"
        raise MuragatError(f"replay of {self.directory.root} {state}; what it said stands above")

    def wait(self) -> None:
        """Block until `stop()` is called in another thread; MuragatError when the process ends by itself."""
        child = self._child
        if child and child.wait() and self._child is child:
            raise MuragatError(f"replay of {self.directory.root} ended by itself: exit {child.returncode}")

    def stop(self) -> None:
        """End the process and reap it. Does nothing when none runs."""
        child, self._child = self._child, None
        if not child:
            return
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def replay_url(base: str, url: str, when: datetime | None = None, *, raw: bool = False, exact: bool = False) -> str:
    """Where a page is replayed as of `when` (the newest capture without it): rewritten for a browser, or `raw` bytes.

    A replay URL names a second; `exact` names the microsecond, for the later of two captures within one second.
    """
    stamp = when.astimezone(UTC).strftime("%Y%m%d%H%M%S%f" if exact else "%Y%m%d%H%M%S") if when else ""
    # Reserved characters and escapes stay as they were captured; spaces and letters beyond ASCII cannot.
    target = quote(url, safe="%/:?#[]@!$&'()*+,;=~")
    return f"{base.rstrip('/')}/{COLLECTION}/{stamp}{'id_' if raw else 'mp_'}/{target}"


def check_ready(directory: ArchiveDir) -> None:
    """Raise MuragatError with what to do when the archive has no rows or pywb is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("pywb", "waitress", "gevent")):
        raise MuragatError("replay needs pywb, which is not installed; pip install 'muragat[web]'")
    if not directory.db.is_file():
        raise MuragatError(f"{directory.db} does not exist; `muragat index` makes it from the WARCs")
    try:
        with closing(open_readonly(directory.db, timeout=10)) as rows:
            rows.execute(f"SELECT {COLUMNS} FROM captures WHERE {_REPLAYABLE} LIMIT 1")
    except sqlite3.Error as error:
        raise MuragatError(
            f"{directory.db} cannot be read ({error}); `muragat index` brings it up to date, --rebuild makes it anew"
        ) from error


# What follows runs in the child.

COLUMNS = (
    "urlkey, captured_at, url, content_type, status, payload_digest, record_type, refers_to_url, length, offset, warc,"
    " stated_digest"
)
# A 304 has no body of its own and no browser asked for it; metadata records hold no page. What is hidden is on no list.
_REPLAYABLE = f"record_type <> 'metadata' AND status IS NOT 304 AND {SHOWN}"
_ORDER = "urlkey, captured_at, warc, offset"  # the order of every TimeMap, ties included

# On each side of the time asked for: enough to step over redirects to itself and files that are missing, and what
# keeps a front page with 50 000 captures as fast as a page with one.
NEAREST = 100
# Rows read to find a page whose query differs (?utm_source=…). pywb looks through all that begin with the path, which
# for a front page is the whole site.
FUZZY_LIMIT = 1_000


class RowIndex:
    """pywb's index source over the table `captures`: a connection per question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def init_from_config(self, config: Mapping[str, str]) -> RowIndex | None:
        """pywb's way to find a source by its settings. They stand in its error pages, so no path is in them."""
        return self if config.get("type") == "rows" else None

    def init_from_string(self, value: str) -> None:
        """pywb asks every kind of source; ours is never named by a string."""

    def __str__(self) -> str:
        return "rows"

    def load_index(self, params: Mapping[str, Any]) -> Iterator[Any]:
        """The captures pywb asks for, as its CDX objects, by urlkey and time; the asked-for moment's own first."""
        from pywb.warcserver.index.cdxobject import CDXObject

        with closing(open_readonly(self.path, timeout=10)) as rows:
            last = ("", "")
            withdrawn = {key for (key,) in rows.execute("SELECT urlkey FROM hidden_now")}
            for row in _select(rows, params):
                fields = cdx_fields(row, crowded=(row[0], row[1][:19]) == last)
                last = (row[0], row[1][:19])
                if row[6] == "revisit":
                    hidden = bool(row[7]) and urlkey(row[7]) in withdrawn
                    original = _original(rows, row) if row[11] or not row[7] or hidden else {}
                    if hidden and not original:
                        continue  # its body is that of a page that is hidden
                    fields |= original
                cdx = CDXObject()
                cdx.update(fields)
                yield cdx


def _select(rows: sqlite3.Connection, params: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    first, end = params["key"].decode(), params["end_key"].decode()
    closest = str(params.get("closest") or "")
    if params.get("matchType", "exact") != "exact":
        limit = FUZZY_LIMIT if params.get("is_fuzzy") else -1
        where = f"urlkey >= ? AND urlkey < ? AND {_REPLAYABLE} ORDER BY {_ORDER} LIMIT ?"
        return rows.execute(f"SELECT {COLUMNS} FROM captures WHERE {where}", (first, end, limit))
    if not closest.isdecimal() or params.get("filter"):
        where = f"urlkey = ? AND {_REPLAYABLE} ORDER BY {_ORDER}"
        return rows.execute(f"SELECT {COLUMNS} FROM captures WHERE {where}", (first,))
    return _nearest(rows, first, closest)


def _nearest(rows: sqlite3.Connection, urlkey: str, closest: str) -> list[tuple[Any, ...]]:
    """The captures around a moment, oldest first; a moment with microseconds puts the nearest first.

    pywb then orders them by whole seconds and leaves the order within a second as it is.
    """
    moment = iso_moment(closest)
    found = []
    for side, order in (("captured_at <= ?", "DESC"), ("captured_at > ?", "ASC")):
        where = f"urlkey = ? AND {side} AND {_REPLAYABLE} ORDER BY captured_at {order} LIMIT {NEAREST}"
        found += rows.execute(f"SELECT {COLUMNS} FROM captures WHERE {where}", (urlkey, moment)).fetchall()
    found.sort(key=lambda row: (row[1], row[10], row[9]))
    if len(closest) > 14:
        found.sort(key=lambda row: row[1] != moment)
    return found


def iso_moment(digits: str) -> str:
    """Up to 20 digits of a replay URL as the text of `captured_at`; what is missing is the latest there is."""
    full = digits[:20] + "29991231235959999999"[len(digits[:20]) :]
    return f"{full[:4]}-{full[4:6]}-{full[6:8]}T{full[8:10]}:{full[10:12]}:{full[12:14]}.{full[14:]}Z"


def cdx_fields(row: tuple[Any, ...], *, crowded: bool = False) -> dict[str, str]:
    """A row as pywb's CDX fields. A capture `crowded` by one of the same second carries its microseconds."""
    urlkey, captured_at, url, content_type, status, digest, record_type, _, length, offset, warc, _ = row
    digits = "".join(character for character in captured_at if character.isdigit())
    return {
        "urlkey": urlkey,
        "timestamp": digits[:20] if crowded else digits[:14],
        "url": url,
        "mime": "warc/revisit" if record_type == "revisit" else content_type or "-",
        "status": "-" if status is None else str(status),
        "digest": digest or "-",
        "length": str(length),
        "offset": str(offset),
        "filename": warc,
    }


def _original(rows: sqlite3.Connection, row: tuple[Any, ...]) -> dict[str, str]:
    """Where the payload of another tool's revisit is: by the digest, best of its own URL.

    wget's revisits do not say what they refer to; others say it with a digest that pywb would compare with ours.
    """
    found = rows.execute(
        "SELECT content_type, length, offset, warc FROM captures WHERE payload_digest = ?"
        " AND record_type IN ('response', 'resource')"
        f" AND {_REPLAYABLE} ORDER BY urlkey <> ?, captured_at, warc, offset LIMIT 1",
        (row[5], row[0]),
    ).fetchone()
    if not found:
        return {}
    names = ("mime", "orig.length", "orig.offset", "orig.filename")
    return dict(zip(names, map(str, found), strict=True))


def warc_resolver(warcs: Path) -> Callable[[str, Any], list[str]]:
    """pywb's way from a WARC's name to the paths to try: a name that is a path, as an import may hold, has none."""
    folder = warcs.resolve()

    def paths(name: str, cdx: object) -> list[str]:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            return []
        closed, being_written = folder / name, folder / f"{name}.open"
        if closed.exists():
            return [str(closed)]
        # The closed name again: the crawl may drop `.open` before pywb has opened it.
        return [str(being_written), str(closed)] if being_written.exists() or closed.exists() else []

    return paths


def make_app(directory: ArchiveDir) -> App:
    """pywb over this archive and nothing else. Imports pywb: call it in a process of its own."""
    # pywb asks itself over HTTP on loopback, and reads settings files that others may have left.
    os.environ.update(NO_PROXY="*", no_proxy="*")
    for name in ("PYWB_CONFIG_FILE", "SOCKS_HOST"):
        os.environ.pop(name, None)
    from pywb.apps.frontendapp import FrontEndApp
    from pywb.warcserver.resource.responseloader import WARCPathLoader
    from pywb.warcserver.warcserver import register_source

    register_source(RowIndex(directory.db))
    FrontEndApp.REPLAY_API = FrontEndApp.REPLAY_API.replace("localhost", "127.0.0.1")
    FrontEndApp.CDX_API = FrontEndApp.CDX_API.replace("localhost", "127.0.0.1")
    # Without a name pywb reads ./config.yaml; this one is its own set of defaults, read twice.
    app = FrontEndApp(config_file="pkg://pywb/default_config.yaml", custom_config=pywb_settings(directory))
    route = app.warcserver.fixed_routes[COLLECTION]
    # pywb's other loaders fetch what a row names from the living web.
    route.resource_loaders = [loader for loader in route.resource_loaders if isinstance(loader, WARCPathLoader)]
    app.warcserver_server.server.log = _Silence()
    return guarded(app, directory.db)


class _Silence:
    """Instead of the access log of what pywb asks itself."""

    def write(self, line: str) -> None:
        """Drop it."""


def pywb_settings(directory: ArchiveDir) -> dict[str, object]:
    """What pywb is told: one collection, no others, and nowhere to look for any."""
    nowhere = os.devnull + "/none"
    collection = {"index": {"type": "rows"}, "archive_paths": [warc_resolver(directory.warcs)]}
    look = {"logo": "muragat.svg", "logo_home_url": "/", "navbar_background_hex": "f4f1ea"}
    return {
        "collections": {COLLECTION: collection},
        "collections_root": nowhere,
        "templates_dir": nowhere,
        "static_dir": nowhere,
        "static_url_path": str(resources.files("pywb") / "static"),
        "enable_auto_colls": False,
        "debug": False,
        "ui": look,
    }


# On every answer, raw ones too: what a page names beyond the archive stays unasked, whatever its scripts try.
# pywb's own policy leaves web sockets open.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; object-src 'self'"
_GUARD = [
    ("Content-Security-Policy", _POLICY),
    ("X-DNS-Prefetch-Control", "off"),
]

_LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><text x="4" y="23" font-family="Georgia, serif"'
    b' font-size="24" fill="#5b3a1e">muragat</text></svg>'
)

_LOOK = """<style>
body { font: 18px/1.5 Georgia, serif; max-width: 38em; margin: 3em auto; padding: 0 1em; color: #222 }</style>"""
_HOME = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>muragat: replay</title>
{_LOOK}
<h1>Pages as they were</h1>
<p>This is the replay of a muragat archive: web pages as they were captured, from WARC files on this machine.
Nothing here is fetched from the living web; what was not captured is missing.</p>
<p><a href="/{COLLECTION}/">Look a URL up</a>, or write it into the address bar:</p>
<ul><li><code>/{COLLECTION}/URL</code>: its newest capture
<li><code>/{COLLECTION}/20240315/URL</code>: the capture nearest to that day
<li><code>/{COLLECTION}/*/URL</code>: all its captures
<li><code>/{COLLECTION}/20240315id_/URL</code>: the bytes the server sent</ul></html>"""

_OWN = {"/": ("text/html; charset=utf-8", _HOME.encode()), "/static/muragat.svg": ("image/svg+xml", _LOGO)}


def guarded(app: App, database: Path) -> App:
    """The same WSGI application with our home page, an answer of ours for hidden pages, and the guard on every one."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if own := _OWN.get(environ["PATH_INFO"]):
            content_type, body = own
            start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body))), *_GUARD])
            return [body]
        if hidden := _hidden(database, environ):
            body = _hidden_page(hidden)
            headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
            start_response("451 Unavailable", [*headers, ("Cache-Control", "no-store"), *_GUARD])
            return [body]

        def start(status: str, headers: Headers, *error: Any) -> Any:
            if environ["PATH_INFO"] == f"/{COLLECTION}/cdx":
                # pywb lets a browser keep it for a day; the calendar would not show what was captured since.
                headers = [*((n, v) for n, v in headers if n.lower() != "cache-control"), ("Cache-Control", "no-cache")]
            if status.startswith("200") and any(name.lower() == "memento-datetime" for name, _ in headers):
                # What the head of a capture says, not what is sent: heads of other tools' revisits say 0, and of a
                # capture that was cut off more than there is. Without it the bytes are sent as they are.
                headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
            return start_response(status, [*headers, *_GUARD], *error)

        return app(environ, start)

    return answer


# What stands before the address asked for: a moment or * with how it is to be shown, or a TimeMap and its format.
_ASKED = re.compile(rf"/{COLLECTION}/(?:timemap/[^/]*/)?(?:[\d*-]*(?:[a-z]{{2,4}}_)?/)?(.+)", re.DOTALL)


def _hidden(database: Path, environ: Mapping[str, Any]) -> Hidden | None:
    """Why the page asked for is hidden. `RowIndex` lists nothing of it whatever is found here: this is what is said."""
    asked = _ASKED.fullmatch(environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"))
    if not asked:
        return None
    url = re.sub(r"^(https?:)/*", r"\1//", asked[1], flags=re.IGNORECASE)
    if query := environ.get("QUERY_STRING"):
        url += f"?{query}"
    with closing(open_readonly(database, timeout=10)) as rows:
        return why(rows, url if "://" in url else f"http://{url}")


def _hidden_page(hidden: Hidden) -> bytes:
    until = f" until {hidden.until:%Y-%m-%d %H:%M} UTC" if hidden.until else ""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Hidden</title>{_LOOK}
<h1>This page is hidden</h1>
<p>It has been kept out of sight since {hidden.hidden_at:%Y-%m-%d %H:%M} UTC{until}, on purpose:</p>
<blockquote>{escape(hidden.reason)}</blockquote>
<p><a href="/">Pages as they were</a></p></html>""".encode()


def main(argv: list[str] | None = None) -> int:
    """The child: listen, say so on stdout in one line (`listening PORT` or `failed WHY`), answer until ended."""
    parser = argparse.ArgumentParser(prog="python -P -m archive.replay", description="Replay of an archive directory.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--child", action="store_true", help="end when stdin does; leave Ctrl-C to the parent")
    options = parser.parse_args(argv)
    report = _split_stdout()
    if options.child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _thread.start_new_thread(_end_with_stdin, ())  # a real thread: from before gevent patches them
    try:
        _serve(ArchiveDir(options.root), host=options.host, port=options.port, report=report)
    except MuragatError as error:
        report(f"failed {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _split_stdout() -> Callable[[str], None]:
    """A way to write lines to stdout, which pywb's own prints no longer reach: they go to stderr."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda line: print(line, file=lines, flush=True)


def _end_with_stdin() -> None:
    # The parent holds the other end: however it dies, even by SIGKILL, the kernel closes it.
    while os.read(0, 1024):
        pass
    os._exit(0)


def _serve(directory: ArchiveDir, *, host: str, port: int, report: Callable[[str], None]) -> None:
    check_ready(directory)
    import pywb.apps.frontendapp  # noqa: F401  gevent patches sockets and threads here, before waitress takes any
    from waitress.server import create_server

    listener = _listen(host, port)
    # waitress sets TCP_NODELAY: under gevent's own server each small answer on a kept connection waits 48 ms.
    server = create_server(
        make_app(directory),
        sockets=[listener],
        threads=8,
        ident="muragat",
        # A reverse proxy on this machine may speak TLS for us.
        trusted_proxy="127.0.0.1",
        trusted_proxy_headers={"x-forwarded-proto"},
        max_request_body_size=1 << 20,
    )
    report(f"listening {listener.getsockname()[1]}")
    server.run()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "is in use" if in_use else f"cannot be opened ({getattr(error, 'strerror', None) or error})"
        raise MuragatError(f"port {port} of {host} {why}; --port names another") from error


if __name__ == "__main__":
    sys.exit(main())

"""The demo site on loopback: a small HTTP/1.1 server (RFC 9110, 9112) around site.answer().

    with DemoSite() as site:
        print(site.url)
        site.change()   # the second state: one article edited, one deleted, two new, one comment more

Answers depend on the state and the path alone, but for the Date header and the view counter some pages print.
"""

from __future__ import annotations

import argparse
import errno
import gzip
import socket
from collections import Counter, deque
from contextlib import suppress
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import NamedTuple

from archive.errors import MuragatError
from crawler.demo.edition import Edition
from crawler.demo.site import Answer, answer

HOST = "127.0.0.1"  # never anything else: this is no server for the world
_REQUESTS_KEPT = 20_000
_CHUNK_BYTES = 8_192
_COMPRESSED = ("text/", "application/", "image/svg+xml")


class PortTakenError(MuragatError):
    """The demo site cannot listen on the port it was told to use."""


class Request(NamedTuple):
    """One request that was answered."""

    method: str
    path: str  # with its query
    status: int


class DemoSite:
    """The demo site, served by a thread of this process while the `with` block runs."""

    def __init__(self, *, port: int = 0) -> None:
        """Listen on `port` of 127.0.0.1 (0: any free one); raises PortTakenError."""
        self.requests: deque[Request] = deque(maxlen=_REQUESTS_KEPT)
        self._views: Counter[str] = Counter()
        self._lock = Lock()
        try:
            self._server = _Server(self, port)
        except (OSError, OverflowError) as error:
            reason = "is in use" if getattr(error, "errno", None) == errno.EADDRINUSE else f"cannot be used ({error})"
            raise PortTakenError(f"the demo site: port {port} of {HOST} {reason}; name another with --port") from error
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"
        self._edition = Edition(self.url, 1)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="demo site", daemon=True)

    def __enter__(self) -> DemoSite:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def change(self) -> None:
        """Move the site to its second state; there is no way back and no third one."""
        self._edition = Edition(self.url, 2)

    def answer(self, method: str, target: str) -> Answer:
        """What a request gets; counts the view of a page. For the server's threads."""
        with self._lock:
            path = target.partition("?")[0]
            if method == "GET":
                self._views[path] += 1
            views = self._views[path]
        return answer(self._edition, target, views)

    def note(self, request: Request) -> None:
        """Remember an answered request, the oldest forgotten first."""
        self.requests.append(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, site: DemoSite, port: int) -> None:
        self.site = site
        self._open: set[socket.socket] = set()
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; a bug of ours is, and shows as a broken connection in the test."""

    def hang_up(self) -> None:
        """End the connections that are kept alive, so that a stopped site answers nobody."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "muragat-demo", ""
    # Without it, Nagle's algorithm and delayed acknowledgements cost 40 ms a request on a kept connection.
    disable_nagle_algorithm = True
    wbufsize = 65_536
    timeout = 60

    def do_GET(self) -> None:
        self._send(self.server.site.answer("GET", self.path))

    def do_HEAD(self) -> None:
        self._send(self.server.site.answer("HEAD", self.path))

    def do_POST(self) -> None:
        self.close_connection = True  # the body stays unread
        self._send(Answer(405, b"Method Not Allowed\n", "text/plain; charset=UTF-8", {"Allow": "GET, HEAD"}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: DemoSite.requests holds the log."""

    def _send(self, reply: Answer) -> None:
        fresh = reply.status == 200 and self._is_fresh(reply)
        status, body = (304, b"") if fresh else (reply.status, reply.body)
        zipped = bool(body) and reply.content_type.startswith(_COMPRESSED) and self._takes_gzip()
        body = gzip.compress(body, 6, mtime=0) if zipped else body
        chunked = reply.chunked and self.request_version == "HTTP/1.1"
        # Noted before it is sent: who reads the answer may look at the log at once.
        self.server.site.note(Request(self.command, self.path, status))
        self.send_response(status)
        self._send_headers(reply, fresh=fresh, zipped=zipped)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not fresh:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and not fresh:
            self.wfile.write(_framed(body) if chunked else body)

    def _send_headers(self, reply: Answer, *, fresh: bool, zipped: bool) -> None:
        if not fresh:
            self.send_header("Content-Type", reply.content_type)
        if reply.content_type.startswith(_COMPRESSED):
            self.send_header("Vary", "Accept-Encoding")
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        if reply.modified and reply.etag:
            # Two codings of one file are two representations: one weak validator for both (RFC 9110 §8.8.1).
            self.send_header("ETag", f"W/{reply.etag}" if reply.content_type.startswith(_COMPRESSED) else reply.etag)
            self.send_header("Last-Modified", format_datetime(reply.modified, usegmt=True))
        for name, text in reply.headers.items():
            self.send_header(name, text)

    def _is_fresh(self, reply: Answer) -> bool:
        """Whether the client's copy will do (RFC 9110 §13.2.2: If-None-Match first)."""
        if reply.modified is None or reply.etag is None:
            return False
        if known := self.headers.get("If-None-Match"):
            return known.strip() == "*" or reply.etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]
        try:
            return parsedate_to_datetime(self.headers.get("If-Modified-Since", "")) >= reply.modified.replace(
                microsecond=0
            )
        except (ValueError, TypeError):
            return False

    def _takes_gzip(self) -> bool:
        codings = self.headers.get("Accept-Encoding", "").lower().replace(" ", "").split(",")
        return any(coding.partition(";")[0] in ("gzip", "*") and not coding.endswith(";q=0") for coding in codings)


def _framed(body: bytes) -> bytes:
    """The body in chunks (RFC 9112 §7.1)."""
    pieces = (body[at : at + _CHUNK_BYTES] for at in range(0, len(body), _CHUNK_BYTES))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -P -m crawler.demo.server", description="The demo news site.")
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; any free one if not given")
    try:
        with DemoSite(port=parser.parse_args().port) as site, suppress(KeyboardInterrupt):
            print(site.url, flush=True)
            site._thread.join()
    except MuragatError as error:
        raise SystemExit(f"muragat: {error}") from None


if __name__ == "__main__":
    main()

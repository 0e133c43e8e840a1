"""A site of a few answers on loopback, what it was asked, and real crawls of it by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

from archive.config import ArchiveDir
from crawler.begin import init_archive

ROOT = Path(__file__).resolve().parent.parent
CONTACT = "ali@haber.example"

Answer = tuple[int, dict[str, str], str]


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    at: float  # time.monotonic()
    path: str
    headers: dict[str, str]


class Site:
    """A server on loopback: what it answers, and what it was asked when, in the order of asking."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        # A callable gets the number of the request.
        self.answers: dict[str, Answer | Callable[[int], Answer]] = {}
        self.validated: dict[str, str] = {}  # path → ETag; a request that names it is answered 304
        self.asked: list[Asked] = []  # in the order of asking

    def pages(self, *paths: str, robots: str | None = "") -> None:
        """A home page that links to these pages, each of which says its name."""
        links = "".join(f'<a href="{path}">x</a>' for path in paths)
        self.answers["/"] = (200, {}, f"<html><body>{links}</body></html>")
        self.answers |= {path: (200, {}, f"<html><body>{path}</body></html>") for path in paths}
        if robots is not None:
            self.answers["/robots.txt"] = (200, {"Content-Type": "text/plain"}, robots)

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def gaps(self) -> list[float]:
        times = [asked.at for asked in self.asked]
        return [later - sooner for sooner, later in pairwise(times)]


@contextmanager
def serve() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            before = served.paths().count(self.path)
            served.asked.append(Asked(time.monotonic(), self.path, dict(self.headers.items())))
            answer = served.answers.get(self.path, (404, {}, "yok"))
            status, headers, body = answer(before) if callable(answer) else answer
            if (etag := served.validated.get(self.path)) and status == 200:
                headers = {"ETag": etag, **headers}
                if self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.send_header("ETag", etag)
                    self.end_headers()
                    return
            self.send_response(status)
            sent = body.encode()
            for name, value in {"Content-Type": "text/html", "Content-Length": str(len(sent)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *parts: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Site(server.server_port)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield served
        finally:
            server.shutdown()


def archive_of(site: Site, root: Path, *, delay: float = 0.0, more: str = "") -> ArchiveDir:
    init_archive(root, url=None, contact=CONTACT, operator="")
    (root / "sites" / "haber.toml").write_text(
        f'title = "Haber"\n[crawl]\nseeds = ["{site.url}"]\nhosts = ["127.0.0.1:{site.port}"]\n'
        f'allow_private = ["127.0.0.1:{site.port}"]\ndelay = {delay}\n{more}'
    )
    return ArchiveDir(root)


def crawl(archive: ArchiveDir, *options: str) -> subprocess.CompletedProcess[str]:
    """A crawl that does not wait for its rows."""
    return muragat(archive, "crawl", "--no-wait", *options)


def muragat(archive: ArchiveDir, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(archive.root), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["counts"]
    return found


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("muragat: ")]

"""Servers on loopback that write down every byte, and the crawl that is held against what they wrote.

A `Loopback` speaks in raw bytes: what an `Answer` holds is what crosses the wire, and its log is what a WARC must hold.
"""

from __future__ import annotations

import gzip
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any

from archive.config import ArchiveDir

CRAWL_TIMEOUT = 90


@dataclass(frozen=True)
class Answer:
    """What a server sends: each piece on its own, so that it crosses in several segments; then closes, or does not."""

    pieces: tuple[bytes, ...]
    close: bool = False
    seconds: float = 0.0  # before the first byte


@dataclass(frozen=True)
class Heard:
    """One request and the answer to it, as the server saw them."""

    path: str
    request: bytes
    sent: bytes
    connection: int  # which connection, counted from 1
    at: float  # when the last byte of the answer was handed to the kernel; POSIX seconds


def page(body: str | bytes, *, status: str = "200 OK", kind: str = "text/html; charset=utf-8", **more: Any) -> Answer:
    """An ordinary answer with a Content-Length."""
    content = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return Answer((head.encode() + content,), **more)


def links(*urls: str) -> Answer:
    """A page of links."""
    return page("<!doctype html><title>links</title>" + "".join(f'<a href="{url}">x</a>\n' for url in urls))


NO_ROBOTS = page("", status="404 Not Found")


class Loopback:
    """A server of raw bytes: `answers` maps a path to its answer, or to one per request (the last one repeats)."""

    def __init__(
        self,
        answers: Mapping[str, Answer | list[Answer]] | Callable[[str], Answer],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.answers = answers
        self._tls = tls
        self.log: list[Heard] = []
        self.connections = 0
        self.bytes_received = 0
        self.under_way = Counter[str]()
        self._asked = Counter[str]()
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.listen(128)
        self.port = int(self._listener.getsockname()[1])
        self.address = f"{f'[{host}]' if ':' in host else host}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"

    def __enter__(self) -> Loopback:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def heard(self, path: str) -> list[Heard]:
        """The exchanges of one path, in order."""
        return [heard for heard in self.log if heard.path == path]

    def counts(self) -> Counter[str]:
        """How often each path was answered."""
        return Counter(heard.path for heard in self.log)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting = b""
            while True:
                while b"\r\n\r\n" not in waiting:
                    received = connection.recv(65536)
                    self.bytes_received += len(received)
                    if not received:
                        return
                    waiting += received
                request, _, waiting = waiting.partition(b"\r\n\r\n")
                if self._answer(connection, number, request + b"\r\n\r\n").close:
                    connection.shutdown(socket.SHUT_WR)
                    return

    def _answer(self, connection: socket.socket, number: int, request: bytes) -> Answer:
        path = request.split(b" ", 2)[1].decode("latin-1")
        with self._lock:
            self.under_way[path] += 1
            answer = self._choose(path)
        if answer.seconds:
            time.sleep(answer.seconds)
        try:
            for index, piece in enumerate(answer.pieces):
                if index:
                    time.sleep(0.02)
                connection.sendall(piece)
        finally:
            with self._lock:
                self.under_way -= Counter([path])
                self.log.append(Heard(path, request, b"".join(answer.pieces), number, time.time()))
        return answer

    def _choose(self, path: str) -> Answer:
        if callable(self.answers):
            return self.answers(path)
        found = self.answers.get(path, NO_ROBOTS)
        if isinstance(found, Answer):
            return found
        turn = self._asked[path]
        self._asked[path] += 1
        return found[min(turn, len(found) - 1)]


def chunked(body: bytes, *, size: int = 7) -> bytes:
    """A body in chunk framing."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def gzipped(body: bytes) -> bytes:
    """A body in gzip, the same bytes every time."""
    return gzip.compress(body, mtime=0)


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS context for 127.0.0.1, with a certificate nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / "server.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


# ---------------------------------------------------------------- archives and crawls of these servers


def make_archive(root: Path, *servers: Loopback, warc_size: int = 1_000_000_000, rules: str = "") -> ArchiveDir:
    """An archive with one site, `local`, that starts at the `/` of each server. `rules` are more lines of [crawl]."""
    directory = ArchiveDir(root)
    for folder in (root, directory.sites, directory.warcs, directory.logs):
        folder.mkdir(parents=True, exist_ok=True)
    directory.config_path.write_text(f'operator = "tests"\ncontact = "tests@example.org"\nwarc_size = {warc_size}\n')
    addresses = ", ".join(f'"{server.address}"' for server in servers)
    seeds = ", ".join(f'"{server.url}/"' for server in servers)
    (directory.sites / "local.toml").write_text(
        f'title = "Local"\n[crawl]\nseeds = [{seeds}]\nhosts = [{addresses}]\nallow_private = [{addresses}]\n'
        f"delay = 0\n{rules}\n"
    )
    return directory


def start_crawl(directory: ArchiveDir, *options: str, wait: bool = False, **more: Any) -> subprocess.Popen[str]:
    """A crawl in a process of its own, by the command a person would type; `wait`: until the rows are in."""
    command = [sys.executable, "-P", "-m", "crawler.cli", "--archive", str(directory.root), "crawl", *options]
    return subprocess.Popen(
        command if wait else [*command, "--no-wait"],
        cwd=directory.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def crawl(directory: ArchiveDir, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A whole crawl; what it printed and its exit code."""
    return finish(start_crawl(directory, *options, **more))


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a crawl to end; one that hangs is killed, and fails the test."""
    try:
        out, err = process.communicate(timeout=CRAWL_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the crawl did not end in {CRAWL_TIMEOUT} s:\n{out}\n{err}") from None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def frontier_rows(directory: ArchiveDir) -> dict[str, tuple[str, str | None]]:
    """URL → state and reason, as the frontier has them."""
    with closing(sqlite3.connect(directory.frontier_db)) as rows:
        return {url: (state, reason) for url, state, reason in rows.execute("SELECT url, state, reason FROM urls")}


def wait_until(true: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Return when something has become true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not true after {seconds} s")
        time.sleep(0.005)

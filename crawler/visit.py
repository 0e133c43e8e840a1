"""Asks a site a handful of things, for `probe.py`: one after another, and nothing that robots.txt forbids.

A private address is asked only if a person typed it; no redirect adds another.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from archive.errors import SiteError
from crawler.discover import Robots
from crawler.links import MAX_REDIRECTS, clean
from crawler.resolver import ForbiddenAddressError, choose, is_private, look_up
from crawler.run import PRODUCT

MAX_REQUESTS = 8
TIMEOUT_SECONDS = 20.0
MAX_BYTES = 5 * 1024 * 1024
PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought."""

    url: str
    status: int
    target: str | None  # where it redirects to
    link: str  # its Link headers
    body: bytes


@dataclass
class Visit:
    """One visit to a site: at most MAX_REQUESTS, one after another, none of them to what robots.txt forbids."""

    user_agent: str
    allowed: tuple[str, ...]  # private host:port that may be asked
    requests: int = 0
    _robots: dict[str, Robots] = field(default_factory=dict)  # by scheme://host
    _asked_at: float = 0.0

    def try_get(self, url: str) -> Answer | None:
        """The answer; None where there is none, or may be none."""
        try:
            return self.get(url)
        except SiteError:
            return None

    def get(self, url: str) -> Answer:
        """The answer behind all redirects, none of them to a private address that was not typed."""
        for _ in range(MAX_REDIRECTS):
            if not self.robots(url).allows(url):
                raise SiteError(f"{url}: robots.txt forbids it, and {PRODUCT} obeys; ask the site's owner to allow it")
            answer = self._ask(url)
            if not answer.target:
                return answer
            url = answer.target
        raise SiteError(f"{url} redirects more than {MAX_REDIRECTS} times; give the address where that ends")

    def robots(self, url: str) -> Robots:
        """The robots.txt that holds for a URL (RFC 9309 §2.3.1). Raises SiteError when it says to stay away for now."""
        origin = _origin(url)
        if origin in self._robots:
            return self._robots[origin]
        answer = self._ask(f"{origin}/robots.txt", page=url)
        for _ in range(MAX_REDIRECTS):
            if not answer.target:
                break
            answer = self._ask(answer.target, page=url)
        if answer.status == 429 or answer.status >= 500:
            status = f"{answer.url} answers HTTP {answer.status}"
            raise SiteError(f"{status}, so nothing there may be asked now; try again later")
        robots = Robots(answer.body if answer.status == 200 else b"", agent=PRODUCT)
        if urlsplit(answer.url).path == "/robots.txt":  # behind a redirect, it is that host's own as well
            self._robots[_origin(answer.url)] = robots
        self._robots[origin] = robots
        return robots

    def _ask(self, url: str, *, page: str | None = None) -> Answer:
        if self.requests >= MAX_REQUESTS:
            raise SiteError(f"{url}: {MAX_REQUESTS} requests did not lead to a page; give the address where that ends")
        self.requests += 1
        if self._asked_at:
            delays = [robots.delay or 0.0 for robots in self._robots.values()]
            time.sleep(max(0.0, self._asked_at + self.pause(max(delays, default=None)) - time.monotonic()))
        try:
            return self._ask_once(url)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise SiteError(
                f"no site at {page or url}: {reason}; check the address, and that the server runs"
            ) from error
        finally:
            self._asked_at = time.monotonic()

    def pause(self, named: float | None) -> float:
        """Seconds between two requests: the Crawl-delay, up to ten; without one a little, to one's own machine none."""
        usual = 0.0 if self.allowed else PAUSE_SECONDS
        return min(max(named or 0.0, usual), MAX_PAUSE_SECONDS)

    def _ask_once(self, url: str) -> Answer:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.sock = self._connect(host, port, url)
            if parts.scheme == "https":
                tls = ssl.create_default_context()
                connection.sock = tls.wrap_socket(connection.sock, server_hostname=host)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            headers = {"User-Agent": self.user_agent, "Accept": "text/html,*/*;q=0.5"}
            connection.request("GET", path, headers=headers)
            return _read(connection.getresponse(), url)
        finally:
            connection.close()

    def _connect(self, host: str, port: int, url: str) -> socket.socket:
        """A connection to the first address that answers; none is tried that is private and was not typed."""
        try:
            addresses = choose(host, look_up(host), may_connect=lambda address: self._may_connect(address, port))
        except ForbiddenAddressError as error:
            raise SiteError(
                f"{url} leads to a private address that nobody typed; if that is the site, give this address itself"
            ) from error
        for number, address in enumerate(addresses, 1):
            try:
                return socket.create_connection((address, port), timeout=TIMEOUT_SECONDS)
            except OSError:
                if number == len(addresses):
                    raise
        raise OSError(f"{host} has no address")

    def _may_connect(self, address: str, port: int) -> bool:
        return not is_private(address) or _literal(address, port) in self.allowed


def _read(response: http.client.HTTPResponse, url: str) -> Answer:
    """An answer as far as it came within its bounds."""
    fields = response.headers
    body, deadline = bytearray(), time.monotonic() + TIMEOUT_SECONDS
    while len(body) < MAX_BYTES and time.monotonic() < deadline and (piece := response.read1(65_536)):
        body += piece
    location = str(fields.get("Location") or "") if 300 <= response.status < 400 else ""
    target = clean(location, base=url) if location else None
    links = ", ".join(map(str, fields.get_all("Link") or ()))
    return Answer(url, response.status, target, links, bytes(body))


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


def private_address(url: str) -> tuple[str, ...]:
    """host:port of a private address that a person typed, as the wire sees it; () for a public site."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        why = f"{parts.hostname} has no address ({error.strerror})"
        raise SiteError(f"no site at {url}: {why}; check the spelling") from error
    hosts = sorted({str(address[0]) for *_, address in found})
    # A name that leads to public addresses too is a public site, whatever else it leads to.
    return tuple(_literal(host, port) for host in hosts) if all(map(is_private, hosts)) else ()


def _literal(address: str, port: int) -> str:
    """As a profile writes it, and the wire sees it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

"""The bytes as they crossed the wire: Scrapy's HTTP/1.1 download handler with an ear at the connection.

Scrapy hands a spider a parsed response: header case and order, duplicates, reason phrase and chunk framing are gone.
This handler is Scrapy's own, with three small subclasses of what it is made of:

    WireHandler.download_request   one `Tap` per request; whatever the tap heard goes to the crawler's `Recorder`
    _TappedAgent                   sends the request with headers that carry the tap (they survive Twisted's copying)
    _TappedProtocol                tells the tap what is written, and what is received before anything parses it

TLS lies below the protocol, so HTTPS is heard as plain HTTP. The names used are private to Scrapy and Twisted:
`tests/test_wire.py` is the contract that fails when they change, and Scrapy is pinned to one minor version.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _ScrapyAgent,
)
from scrapy.exceptions import DownloadCancelledError, DownloadTimeoutError
from scrapy.utils._download_handlers import wrap_twisted_exceptions
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.web.http_headers import Headers
from zope.interface import directlyProvides, providedBy

from archive.model import Exchange

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Request, Response
    from twisted.internet.defer import Deferred
    from twisted.web.client import Agent
    from twisted.web.iweb import IBodyProducer, IResponse

logger = logging.getLogger(__name__)


class ForbiddenAddressError(Exception):
    """The connection leads to a private address that the site's profile does not allow."""


class UnheardError(Exception):
    """A response came and the tap did not hear it: Scrapy or Twisted changed what this module is made of."""


class ExchangeSink(Protocol):
    """Where exchanges go: the recorder."""

    def keep(self, exchange: Exchange) -> None:
        """Keep an exchange that got at least one byte of answer."""

    def keep_failure(self, url: str, *, at: datetime, error: str) -> None:
        """Note a fetch that got no answer."""

    def may_connect(self, host: str, port: int) -> bool:
        """Whether a request may be sent to this address."""


class Tap:
    """What one request sent and received so far."""

    def __init__(self, sink: ExchangeSink) -> None:
        self._sink = sink
        self.peer: str | None = None
        self.begin()

    def begin(self) -> None:
        """Start over: Twisted silently sends a request again when a kept-alive connection turns out dead."""
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.at = datetime.now(UTC)
        self.finished = False

    def refuse_by_name(self, url: str) -> None:
        """Raises before a connection is made to an address that the URL itself spells and that is not allowed."""
        parts = urlsplit(url)
        self._refuse(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))

    def connect(self, host: str, port: int) -> None:
        """Note the peer; raises before a byte is sent to an address that is not allowed, whatever its name."""
        self._refuse(host, port)
        self.peer = host

    def _refuse(self, host: str, port: int) -> None:
        if not self._sink.may_connect(host, port):
            raise ForbiddenAddressError(
                f"{host}:{port} is a private address; `allow_private` in the site's profile names those that are meant"
            )

    def finish(self, surplus: int) -> None:
        """The response is complete; `surplus` bytes of what was received last lie behind its end."""
        self.finished = True
        while surplus and self.received:
            last = self.received.pop()
            if len(last) > surplus:
                self.received.append(last[:-surplus])
            surplus -= min(surplus, len(last))


class WireHandler(HTTP11DownloadHandler):
    """Downloads as Scrapy does, and gives each exchange, whole or broken off, to the recorder."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._pool._factory = _TappedFactory

    async def download_request(self, request: Request) -> Response:
        """Fetch; the exchange is in the WARC before the response is anybody's."""
        sink: ExchangeSink = self._crawler.spider.run.recorder  # type: ignore[union-attr]
        tap = Tap(sink)
        truncated: str | None = None
        failure: BaseException | None = None
        try:
            tap.refuse_by_name(request.url)
            with wrap_twisted_exceptions():
                response: Response = await maybe_deferred_to_future(self._agent(tap).download_request(request))
            if not (tap.sent and tap.received):
                raise UnheardError("a response came whose bytes were not heard; is this the Scrapy that is pinned?")
            if not tap.finished:
                truncated = _why_cut(response.flags)
        except BaseException as error:
            failure = error
            truncated = _why_failed(error)
            raise
        finally:
            tap.finished = True
            url = request.url.partition("#")[0]
            if answer := final_response(b"".join(tap.received)):
                exchange = Exchange(
                    url=url,
                    request=b"".join(tap.sent),
                    response=answer,
                    captured_at=tap.at,
                    ip_address=tap.peer,
                    truncated=truncated,
                )
                sink.keep(exchange)
            elif failure is not None and not isinstance(failure, GeneratorExit):
                sink.keep_failure(url, at=tap.at, error=_describe(failure))
        return response

    def _agent(self, tap: Tap) -> _TappedAgent:
        return _TappedAgent(
            tap=tap,
            contextFactory=self._contextFactory,
            bindAddress=self._bind_address,
            pool=self._pool,
            maxsize=self._default_maxsize,
            warnsize=self._default_warnsize,
            fail_on_dataloss=self._fail_on_dataloss,
            crawler=self._crawler,
            tls_verbose_logging=self._tls_verbose_logging,
        )


def _why_cut(flags: Iterable[str]) -> str | None:
    """WARC-Truncated of a response that Scrapy returned although its end was not heard; None: it ends by closing."""
    if "dataloss" in flags:
        return "disconnect"
    return "length" if "download_stopped" in flags else None


def _why_failed(error: BaseException) -> str:
    if isinstance(error, DownloadTimeoutError):
        return "time"
    return "length" if isinstance(error, DownloadCancelledError) else "disconnect"


def _describe(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


_HEAD_END = re.compile(rb"\r?\n\r?\n")


def final_response(received: bytes) -> bytes:
    """What was received less the interim 1xx answers before it (RFC 9110 §15.2)."""
    while received[:7] == b"HTTP/1." and received[9:10] == b"1":
        end = _HEAD_END.search(received)
        if end is None:
            return b""
        received = received[end.end() :]
    return received


def is_private(host: str) -> bool:
    """Whether an IP address, in any spelling that a resolver takes for one, is one that no public site has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host))  # 2130706433, 0x7f.1, 127.1, 0177.0.0.1
        except (OSError, ValueError):
            return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not address.is_global or address.is_multicast


# ---------------------------------------------------------------- the three subclasses


class _TapHeaders(Headers):
    """Request headers that carry the tap through Twisted's agent, which copies them."""

    __slots__ = ("tap",)
    tap: Tap

    def copy(self) -> _TapHeaders:
        copied: _TapHeaders = super().copy()  # type: ignore[assignment]
        copied.tap = self.tap
        return copied


class _TappedAgent(_ScrapyAgent):
    def __init__(self, *, tap: Tap, **settings: Any) -> None:
        super().__init__(**settings)
        self._tap = tap

    def _get_agent(self, request: Request, timeout: float) -> Agent:
        agent = super()._get_agent(request, timeout)
        send = agent.request

        def request_with_tap(
            method: bytes,
            uri: bytes,
            headers: Headers | None = None,
            bodyProducer: IBodyProducer | None = None,  # noqa: N803
        ) -> Deferred[IResponse]:
            tapped = _TapHeaders(dict(headers.getAllRawHeaders()) if headers is not None else {})
            tapped.tap = self._tap
            return send(method, uri, tapped, bodyProducer)

        agent.request = request_with_tap  # type: ignore[method-assign]
        return agent


class _TappedProtocol(_LenientHTTP11ClientProtocol):
    _tap: Tap | None = None
    transport: Any

    def request(self, request: Any) -> Deferred[IResponse]:
        tap: Tap | None = getattr(request.headers, "tap", None)
        if tap is None:
            return super().request(request)
        tap.begin()
        peer = self.transport.getPeer()
        try:
            tap.connect(peer.host, peer.port)
        except ForbiddenAddressError:
            self.transport.abortConnection()
            raise
        self._tap = tap
        transport = self.transport
        self.transport = _WriteTap(transport, tap)
        try:
            return super().request(request)
        finally:
            self.transport = transport

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._tap is not None and not self._tap.finished:
            self._tap.received.append(data)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def _finishResponse(self, rest: bytes) -> None:  # noqa: N802
        if self._tap is not None:
            self._tap.finish(len(rest))
            self._tap = None
        super()._finishResponse(rest)


class _TappedFactory(_LenientHTTP11ClientFactory):
    def buildProtocol(self, addr: Any) -> _TappedProtocol:  # noqa: N802
        return _TappedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]


class _WriteTap:
    """A transport for as long as one request is written."""

    def __init__(self, transport: Any, tap: Tap) -> None:
        self._transport = transport
        self._tap = tap
        directlyProvides(self, providedBy(transport))

    def write(self, data: bytes) -> None:
        self._tap.sent.append(bytes(data))
        self._transport.write(data)

    def writeSequence(self, parts: Iterable[bytes]) -> None:  # noqa: N802
        for part in parts:
            self.write(part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

"""The bytes as they crossed the wire: Scrapy's HTTP/1.1 download handler with an ear at the connection.

Scrapy hands a spider a parsed response: header case and order, duplicates, reason phrase and chunk framing are gone.
This handler is Scrapy's own, with three small subclasses of what it is made of:

    WireHandler.download_request   one `Tap` per request; whatever the tap heard goes to the crawler's `Recorder`
    _TappedAgent                   sends the request with headers that carry the tap (they survive Twisted's copying),
                                   to no address that `crawler/resolver.py` does not offer
    _TappedProtocol                tells the tap what is written, and what is received before anything parses it

A large body goes to a file while it arrives and is not handed on, so that neither we nor Scrapy hold it; how many bytes
and seconds one answer may take is bounded, whatever its framing says. TLS lies below the protocol, so HTTPS is heard as
plain HTTP. The names used are private to Scrapy and Twisted: `tests/test_wire.py` is the contract that fails when they
change, and Scrapy is pinned to one minor version.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _ResultT,
    _ScrapyAgent,
)
from scrapy.exceptions import DownloadCancelledError, DownloadTimeoutError
from scrapy.utils._download_handlers import wrap_twisted_exceptions
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.ssl import Certificate
from twisted.web._newclient import BODY
from twisted.web.http_headers import Headers
from zope.interface import directlyProvides, providedBy

from archive.errors import MuragatError
from archive.model import DECODED_LIMIT_BYTES, Exchange, Tls
from archive.spool import Spool
from archive.warc import split_response
from crawler.resolver import ForbiddenAddressError, Names, PublicAddresses

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Request, Response
    from twisted.internet.defer import Deferred
    from twisted.web.client import Agent
    from twisted.web.client import Response as TwistedResponse
    from twisted.web.iweb import IBodyProducer, IResponse

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 256 * 1024  # of a head with the interim answers before it: as Chrome
_MAX_LINE_BYTES = 1024 * 1024  # of the parser; beyond the bound above and one segment, so that ours speaks first
_SIDE_KINDS = ("requisite", "document")  # of crawler/frontier.py, which the wire does not know
# What of a large body is handed on for its links; a sitemap may have 50 MB (sitemaps.org).
_HANDED_ON_BYTES = DECODED_LIMIT_BYTES
_HAS_LINKS = re.compile(rb"html|xml|css|^text/|gzip|json|^$")


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

    @property
    def spool_bytes(self) -> int:
        """What of an answer may lie in memory."""

    def spool(self) -> Spool:
        """Where a larger body goes. Raises OSError."""

    def cannot_spool(self, url: str, error: OSError) -> MuragatError:
        """The disk refused a body: nothing more is kept, and the crawl stops."""


class Tap:
    """What one request sent and received so far."""

    def __init__(self, sink: ExchangeSink, url: str, *, max_bytes: int, bound: str = "crawl.max_bytes") -> None:
        self.url = url
        self._sink = sink
        self._max_bytes = max_bytes
        self._bound = bound  # the key of the profile that says so
        self.peer: str | None = None
        self.tls: Tls | None = None
        self.body: Spool | None = None
        self.sent: list[bytes] = []
        self.at = datetime.now(UTC)
        self.begin()

    def begin(self) -> None:
        """Start over: Twisted silently sends a request again when a kept-alive connection turns out dead.

        What was sent before is noted: the server may have it in its log.
        """
        if self.sent:
            self._sink.keep_failure(self.url, at=self.at, error="the connection closed without an answer; sent again")
        self.close()
        self.sent = []
        self.received: list[bytes] = []  # of a large answer, the head alone
        self.size = 0
        self.at = datetime.now(UTC)
        self.finished = False
        self.stopped: Exception | None = None  # why no more is wanted

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
            raise ForbiddenAddressError.of(f"{host}:{port}")

    def addresses(self, names: Names) -> PublicAddresses:
        """What Twisted asks where to connect to; nothing that is not allowed, and then `stopped` says why."""
        host = urlsplit(self.url).hostname or ""
        return PublicAddresses(names, host, may_connect=self._sink.may_connect, refuse=self._stop)

    def _stop(self, reason: Exception) -> None:
        self.stopped = reason

    def hear(self, data: bytes, *, in_body: bool) -> None:
        """Keep what came, unless it is too much; `in_body`: the head was complete before it came."""
        if not in_body and self.size >= MAX_HEAD_BYTES:
            self.stopped = DownloadCancelledError(f"a head of more than {MAX_HEAD_BYTES} bytes")
            return
        if self.size + len(data) > self._max_bytes:
            self.stopped = DownloadCancelledError(f"more than {self._max_bytes} bytes ({self._bound})")
            data = data[: self._max_bytes - self.size]
        self.size += len(data)
        try:
            if self.body is None and in_body and self.size > self._sink.spool_bytes:
                self._begin_spool()
            if self.body is None:
                self.received.append(data)
            else:
                self.body.write(data)
        except OSError as error:
            self.stopped = self._sink.cannot_spool(self.url, error)

    def _begin_spool(self) -> None:
        head, body = split_response(final_response(b"".join(self.received)))
        self.body = self._sink.spool()
        self.received = [head]
        self.body.write(body)

    def close(self) -> None:
        """Give back what was spooled."""
        if self.body is not None:
            self.body.close()
            self.body = None

    def finish(self, surplus: int) -> None:
        """The response is complete; `surplus` bytes of what was received last lie behind its end."""
        self.finished = True
        self.size -= surplus
        if self.body is not None:
            self.body.cut(surplus)
            return
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
        self._names = Names()

    async def download_request(self, request: Request) -> Response:
        """Fetch; the exchange is in the WARC before the response is anybody's."""
        run = self._crawler.spider.run  # type: ignore[union-attr]
        sink: ExchangeSink = run.recorder
        bound = "max_requisite_bytes" if _is_beside(request) else "max_bytes"
        max_bytes: int = getattr(run.site.crawl, bound)
        request.meta["download_timeout"] = run.site.crawl.timeout
        tap = Tap(sink, request.url.partition("#")[0], max_bytes=max_bytes, bound=f"crawl.{bound}")
        truncated: str | None = None
        failure: BaseException | None = None
        try:
            tap.refuse_by_name(request.url)
            response = await self._fetch(request, tap, max_bytes=max_bytes)
            if not tap.finished:
                truncated = _why_cut(response.flags)
        except BaseException as error:
            failure = error
            truncated = _why_failed(error)
            raise
        finally:
            tap.finished = True
            try:
                self._tell(sink, tap, truncated=truncated, failure=failure)
            finally:
                tap.close()
        return response

    async def _fetch(self, request: Request, tap: Tap, *, max_bytes: int) -> Response:
        try:
            with wrap_twisted_exceptions():
                response: Response = await maybe_deferred_to_future(
                    self._agent(tap, max_bytes=max_bytes).download_request(request)
                )
        except Exception as error:
            if tap.stopped is not None:
                raise tap.stopped from error
            raise
        if tap.stopped is not None:
            raise tap.stopped
        if not (tap.sent and tap.size):
            raise UnheardError("a response came whose bytes were not heard; is this the Scrapy that is pinned?")
        return response

    def _tell(self, sink: ExchangeSink, tap: Tap, *, truncated: str | None, failure: BaseException | None) -> None:
        heard = b"".join(tap.received)
        if answer := heard if tap.body is not None else final_response(heard):
            exchange = Exchange(
                url=tap.url,
                request=b"".join(tap.sent),
                response=answer,
                captured_at=tap.at,
                ip_address=tap.peer,
                truncated=truncated,
                body=tap.body,
                tls=tap.tls,
            )
            sink.keep(exchange)
        elif failure is not None and not isinstance(failure, GeneratorExit):
            sink.keep_failure(tap.url, at=tap.at, error=_describe(failure))

    def _agent(self, tap: Tap, *, max_bytes: int) -> _TappedAgent:
        return _TappedAgent(
            tap=tap,
            names=self._names,
            spool_bytes=self._crawler.spider.run.recorder.spool_bytes,  # type: ignore[union-attr]
            contextFactory=self._contextFactory,
            bindAddress=self._bind_address,
            pool=self._pool,
            maxsize=max_bytes,
            warnsize=self._default_warnsize,
            fail_on_dataloss=self._fail_on_dataloss,
            crawler=self._crawler,
            tls_verbose_logging=self._tls_verbose_logging,
        )


def _is_beside(request: Request) -> bool:
    """Whether it is no page, nor what tells of pages, but what a page needs or links to."""
    return getattr(request.meta.get("lease"), "kind", None) in _SIDE_KINDS


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
    position = 0
    while received[position : position + 7] == b"HTTP/1." and received[position + 9 : position + 10] == b"1":
        end = _HEAD_END.search(received, position)
        if end is None:
            return b""
        position = end.end()
    if position and b"HTTP/1.".startswith(received[position : position + 7]) and len(received) < position + 10:
        return b""  # broken off before it could be told from one more interim answer
    return received[position:]


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
    def __init__(self, *, tap: Tap, names: Names, spool_bytes: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._tap = tap
        self._names = names
        self._spool_bytes = spool_bytes

    def _cb_bodyready(self, txresponse: TwistedResponse, request: Request) -> _ResultT | Deferred[_ResultT]:
        deliver = txresponse.deliverBody

        def deliver_in_bounds(reader: Any) -> None:
            kind = (txresponse.headers.getRawHeaders(b"content-type") or [b""])[0].lower()
            has_links = _HAS_LINKS.search(kind) or urlsplit(request.url).path.endswith((".xml", ".gz"))
            del txresponse.deliverBody  # it holds the response, which would then live until garbage is collected
            reader._bodybuf = _Bounded(_HANDED_ON_BYTES if has_links else self._spool_bytes, keep_start=bool(has_links))
            deliver(reader)  # type: ignore[no-untyped-call]

        txresponse.deliverBody = deliver_in_bounds  # type: ignore[method-assign]
        return super()._cb_bodyready(txresponse, request)

    def _get_agent(self, request: Request, timeout: float) -> Agent:
        agent = super()._get_agent(request, timeout)
        endpoints: Any = agent._endpointFactory
        endpoints._reactor = _Reactor(endpoints._reactor, self._tap.addresses(self._names))
        return _TapSender(agent, self._tap)  # type: ignore[return-value]


class _TapSender:
    """An agent for one request, which it sends with headers that carry the tap."""

    def __init__(self, agent: Agent, tap: Tap) -> None:
        self._agent = agent
        self._tap = tap

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, body: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        tapped = _TapHeaders(dict(headers.getAllRawHeaders()) if headers is not None else {})
        tapped.tap = self._tap
        return self._agent.request(method, uri, tapped, body)


class _Reactor:
    """The reactor, but for what it is asked where a name leads."""

    def __init__(self, reactor: Any, resolver: PublicAddresses) -> None:
        self._reactor = reactor
        self.nameResolver = resolver
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


class _TappedProtocol(_LenientHTTP11ClientProtocol):
    _tap: Tap | None = None
    _tls: Tls | None = None  # of this connection
    _tls_read = False
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
            answer = super().request(request)
        finally:
            self.transport = transport
        if self._parser is not None:
            self._parser.MAX_LENGTH = _MAX_LINE_BYTES
        return answer

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        tap = self._tap
        if tap is not None and not tap.finished:
            if not self._tls_read:  # before the first byte came the handshake was not over
                self._tls_read, self._tls = True, _describe_tls(self.transport)
            tap.tls = self._tls
            in_body = self._parser is not None and self._parser.state == BODY
            tap.hear(data, in_body=in_body)
            if tap.stopped is not None:
                tap.finished = True
                if not in_body:  # Twisted asks again for an answer of which it has not had a byte
                    super().dataReceived(data[:1])  # type: ignore[no-untyped-call]
                self.transport.abortConnection()
                return
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def _finishResponse(self, rest: bytes) -> None:  # noqa: N802
        if self._tap is not None:
            self._tap.finish(len(rest))
            self._tap = None
        if rest and self._currentRequest is not None:
            # More came than the head announced: the next answer on this connection could be anybody's.
            self._currentRequest.persistent = False
        super()._finishResponse(rest)


class _Bounded(BytesIO):
    """What Scrapy is handed of a body: all up to a bound; beyond it, its start where links may be in it, or nothing."""

    def __init__(self, bound: int, *, keep_start: bool) -> None:
        super().__init__()
        self._room = bound
        self._keep_start = keep_start

    def write(self, data: Any) -> int:
        if self._room >= len(data):
            self._room -= len(data)
            super().write(data)
        elif self._keep_start:
            super().write(data[: self._room])
            self._room = 0
        else:
            self._room = -1
            self.seek(0)
            self.truncate()
        return len(data)


def _describe_tls(transport: Any) -> Tls | None:
    """How a connection is secured, once its handshake is over; None: it is not."""
    connection = transport.getHandle()  # pyOpenSSL's Connection, or a socket
    if not hasattr(connection, "get_peer_cert_chain"):
        return None
    chain = connection.get_peer_cert_chain() or ()
    return Tls(
        version=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name() or "",
        certificates=tuple(Certificate(one).dump() for one in chain),  # type: ignore[no-untyped-call]
    )


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
        sequence = [bytes(part) for part in parts]
        self._tap.sent += sequence
        self._transport.writeSequence(sequence)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

"""Which addresses a name leads to, and which of them may be connected to: none that is private, unless it is meant.

A name may lead anywhere: to 127.0.0.1, to a public and a private address at once, to another one a second later (DNS
rebinding). So addresses are judged before any connection is made, and those that were judged are connected to: there is
no second look-up. `crawler/wire.py` gives Twisted one `PublicAddresses` per request, and judges the peer once more.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface import implementer

# getaddrinfo() does not say how long an answer holds. A crawl may last for days, in which a site may move.
REMEMBERED_SECONDS = 300.0
MAX_NAMES = 10_000  # remembered; a hostile page names as many hosts as it likes
MAX_ADDRESSES = 8  # of one name: Twisted tries them all, a third of a second apart

Lookup = Callable[[str], Iterable[str]]  # IP addresses of a name; blocks; raises OSError


class ForbiddenAddressError(Exception):
    """The connection leads to a private address that the site's profile does not allow."""

    @classmethod
    def of(cls, host: str, addresses: Iterable[str] = ()) -> ForbiddenAddressError:
        """Names what is refused, and where it can be allowed."""
        leads = f"{host} leads to {', '.join(addresses)}: " if addresses else f"{host}: "
        return cls(f"{leads}a private address; `allow_private` in the site's profile names those that are meant")


# ---------------------------------------------------------------- what is private

# The special-purpose registries of IANA, multicast, and what is reserved. Python's `is_global` differs by version: that
# of 3.11.7 takes 192.0.0.8, 64:ff9b::127.0.0.1, 64:ff9b:1::1, 2002:7f00:1::, fec0::1 and 3fff::1 for global.
_PRIVATE_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")  # all that is given out to sites (RFC 4291 §2.4)
_PRIVATE_6 = tuple(ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20"))
# Networks that lead to the IPv4 address written in theirs, and how many bits stand to its right.
_CARRIERS_OF_4 = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped (RFC 4291 §2.5.5.2)
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056)
)


@lru_cache(maxsize=1024)  # asked twice for every request
def is_private(host: str) -> bool:
    """Whether an IP address, in any spelling that a resolver takes for one, is one that no public site has."""
    literal, _, zone = host.rstrip(".").partition("%")
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(literal))  # 2130706433, 0x7f.1, 127.1, 0177.0.0.1
        except (OSError, ValueError):
            return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_private_4(address)
    if zone:
        return True  # it names an interface of this machine
    for network, shift in _CARRIERS_OF_4:
        if address in network:
            return _is_private_4(ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF))
    return address not in _PUBLIC_6 or any(address in network for network in _PRIVATE_6)


def _is_private_4(address: ipaddress.IPv4Address) -> bool:
    return any(address in network for network in _PRIVATE_4)


# ---------------------------------------------------------------- where a name leads


def look_up(host: str) -> list[str]:
    """The addresses of a name, as the system gives them; blocks. Raises OSError."""
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def choose(host: str, addresses: Iterable[str], *, may_connect: Callable[[str], bool]) -> list[str]:
    """Of the addresses of a name, those to connect to, IPv4 first. Raises ForbiddenAddressError when none is left."""
    addresses = list(addresses)
    allowed = sorted(filter(may_connect, addresses), key=lambda address: ":" in address)
    if addresses and not allowed:
        raise ForbiddenAddressError.of(host, addresses[:MAX_ADDRESSES])
    return allowed[:MAX_ADDRESSES]


class Names:
    """The addresses of names, remembered for a while."""

    def __init__(
        self,
        *,
        lookup: Lookup = look_up,
        in_thread: Callable[..., Deferred[Any]] = deferToThread,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lookup = lookup
        self._in_thread = in_thread
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}  # until when, and what; oldest first

    def addresses(self, host: str) -> Deferred[tuple[str, ...]]:
        """All addresses of a name, forbidden ones too; of an address, itself. Fails with OSError or UnicodeError."""
        try:
            return succeed((str(ipaddress.ip_address(host)),))
        except ValueError:
            pass
        until, known = self._known.get(host, (0.0, ()))
        if self._clock() < until:
            return succeed(known)
        found: Deferred[Iterable[str]] = self._in_thread(self._lookup, host)
        return found.addCallback(lambda addresses: self._remember(host, addresses))

    def _remember(self, host: str, addresses: Iterable[str]) -> tuple[str, ...]:
        known = tuple(dict.fromkeys(addresses))
        self._known.pop(host, None)
        if len(self._known) >= MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known[host] = (self._clock() + REMEMBERED_SECONDS, known)
        return known


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """A look-up cannot be called back; the request that waits for it has its own deadline."""


@implementer(IHostnameResolver)
class PublicAddresses:
    """What Twisted asks for the addresses of one request's host: offers those that may be connected to.

    Twisted has no way to say why there are none: `refuse` is told.
    """

    def __init__(
        self,
        names: Names,
        host: str,
        *,
        may_connect: Callable[[str, int], bool],
        refuse: Callable[[Exception], None],
    ) -> None:
        self._names = names
        self._host = host  # as the URL has it: Twisted's text of it need not lead back there (straße, strasse)
        self._may_connect = may_connect
        self._refuse = refuse

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[Any]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> _Resolution:
        """As Twisted asks (IHostnameResolver)."""
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        found: Deferred[Any] = self._names.addresses(self._host)
        found.addCallback(self._offer, resolutionReceiver, portNumber)
        found.addErrback(self._fail)
        found.addBoth(lambda _: resolutionReceiver.resolutionComplete())
        return resolution

    def _offer(self, addresses: tuple[str, ...], receiver: Any, port: int) -> None:
        for address in choose(self._host, addresses, may_connect=lambda host: self._may_connect(host, port)):
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, port))

    def _fail(self, failure: Failure) -> None:
        """A name that leads nowhere is Twisted's to report: no address was offered. The rest is ours."""
        if isinstance(failure.value, Exception) and not isinstance(failure.value, OSError | UnicodeError):
            self._refuse(failure.value)

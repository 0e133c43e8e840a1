"""Which addresses are private, and what a name that leads to some is allowed to lead to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import maybeDeferred

from crawler.resolver import (
    MAX_ADDRESSES,
    MAX_NAMES,
    REMEMBERED_SECONDS,
    ForbiddenAddressError,
    Names,
    PublicAddresses,
    choose,
    is_private,
    look_up,
)

PUBLIC = (
    *("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0"),
    *("192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"),
    *("198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255"),
    *("2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700::1111", "3ffe:ffff::1"),
    *("2001:41d0:0:0:0:0:0:1", "2A00:1450:4001::200E", "3fff:1000::1"),
    # An IPv4 address in an IPv6 one: it is that which is reached.
    *("::ffff:8.8.8.8", "::FFFF:808:808", "64:ff9b::8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
    "134744072",  # 8.8.8.8
    # Names: they are judged by the addresses that they lead to.
    *("kazakistan.kz", "localhost", "1.example", "127.0.0.1.example", "fd00.example", "08.8.8.8", ""),
)
PRIVATE = (
    *("0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1"),
    *("127.255.255.254", "169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8"),
    *("192.0.0.170", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0"),
    *("198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255"),
    *("::", "::1", "::2", "0:0:0:0:0:0:0:1", "100::1", "1fff::1", "4000::1", "5f00::1", "fc00::", "fd00::1", "FD00::1"),
    *("fdff::1", "fe80::", "febf::1", "fec0::1", "ff00::", "ff02::1", "ff0e::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("3fff::1", "3fff:fff::1"),
    *("fe80::1%eth0", "fe80::1%25eth0", "::1%lo", "2606:4700::1111%eth0"),
    # An IPv4 address in an IPv6 one.
    *("::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1"),
    *("::127.0.0.1", "::7f00:1", "::8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b::c0a8:101"),
    *("64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::c0a8:101", "2002:e000:1::"),
    # Spellings that a resolver takes for an address (inet_aton), and dots that it overlooks.
    *("2130706433", "0x7f000001", "0X7F000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "017700000001", "10.1"),
    *("127.0.0.1.", "2130706433.", "0", "0.0"),
)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses(host: str) -> None:
    assert not is_private(host)


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses(host: str) -> None:
    assert is_private(host)


def public(host: str) -> bool:
    return not is_private(host)


@pytest.mark.parametrize(
    "addresses, chosen",
    [
        (["8.8.8.8"], ["8.8.8.8"]),
        (["10.0.0.1", "8.8.8.8", "127.0.0.1"], ["8.8.8.8"]),
        (["2606:4700::1", "::1", "8.8.8.8", "fd00::1"], ["8.8.8.8", "2606:4700::1"]),  # IPv4 first
        (["::ffff:127.0.0.1", "2606:4700::1"], ["2606:4700::1"]),
        ([f"8.8.8.{n}" for n in range(200)], [f"8.8.8.{n}" for n in range(MAX_ADDRESSES)]),
        ([f"10.0.0.{n}" for n in range(200)] + ["8.8.8.8"], ["8.8.8.8"]),
        ([], []),
    ],
)
def test_only_public_addresses_of_a_name_are_chosen(addresses: list[str], chosen: list[str]) -> None:
    assert choose("haber.example", addresses, may_connect=public) == chosen


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.1", "::1", "fe80::1%eth0"], ["64:ff9b::7f00:1"]])
def test_a_name_that_leads_to_private_addresses_only_is_refused(addresses: list[str]) -> None:
    with pytest.raises(ForbiddenAddressError, match=rf"haber\.example leads to {addresses[0]}.*allow_private"):
        choose("haber.example", addresses, may_connect=public)


# ---------------------------------------------------------------- names


@dataclass
class Answers:
    """What a DNS server that changes its mind says: one answer after the other, the last one again and again."""

    answers: list[list[str] | Exception]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Receiver:
    """Twisted's side of a resolution: what it is offered."""

    addresses: list[IPv4Address | IPv6Address] = field(default_factory=list)
    completed: int = 0

    def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802
        assert not self.addresses and not self.completed

    def addressResolved(self, address: IPv4Address | IPv6Address) -> None:  # noqa: N802
        assert not self.completed
        self.addresses.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        self.completed += 1


ALLOWED = {("127.0.0.1", 8080), ("::1", 8080)}


def names(*answers: list[str] | Exception, clock: Callable[[], float] | None = None) -> tuple[Names, Answers]:
    lookup = Answers(list(answers))
    return Names(lookup=lookup, in_thread=maybeDeferred, clock=clock or Clock()), lookup


def resolve(known: Names, host: str, port: int = 80, *, seen_as: str = "") -> tuple[list[str], list[Exception]]:
    """The addresses and ports that Twisted is offered, and what it is refused with."""
    refused = list[Exception]()
    receiver = Receiver()
    resolver = PublicAddresses(
        known,
        host,
        may_connect=lambda address, port: not is_private(address) or (address, port) in ALLOWED,
        refuse=refused.append,
    )
    resolver.resolveHostName(receiver, seen_as or host, portNumber=port)
    assert receiver.completed == 1
    return [f"{address.host} {address.port}" for address in receiver.addresses], refused


def test_a_name_is_looked_up_once_and_the_answer_is_kept_for_a_while() -> None:
    clock = Clock()
    known, lookup = names(["8.8.8.8", "8.8.8.8"], ["9.9.9.9"], clock=clock)

    offered = []
    for seconds in (0.0, 1.0, REMEMBERED_SECONDS - 1.5, 1.0):
        clock.now += seconds
        offered.append(resolve(known, "haber.example")[0])

    assert offered == [["8.8.8.8 80"]] * 3 + [["9.9.9.9 80"]]
    assert lookup.asked == ["haber.example"] * 2


def test_a_name_that_is_rebound_to_a_private_address_is_refused_from_then_on() -> None:
    clock = Clock()
    known, _ = names(["8.8.8.8"], ["127.0.0.1"], clock=clock)
    first, nothing = resolve(known, "rebound.example")
    clock.now += REMEMBERED_SECONDS

    second, (refused,) = resolve(known, "rebound.example")

    assert (first, nothing, second) == (["8.8.8.8 80"], [], [])
    assert isinstance(refused, ForbiddenAddressError)


def test_an_allowed_address_is_allowed_at_its_port_only() -> None:
    known, lookup = names(["127.0.0.1", "::1", "10.0.0.1"])

    assert resolve(known, "local.example", 8080) == (["127.0.0.1 8080", "::1 8080"], [])
    offered, (refused,) = resolve(known, "local.example", 8081)

    assert offered == [] and isinstance(refused, ForbiddenAddressError)
    assert len(lookup.asked) == 1  # forbidden addresses are remembered as well


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111"])
def test_an_address_is_not_looked_up(host: str) -> None:
    known, lookup = names(["127.0.0.1"])

    assert resolve(known, host) == ([f"{host} 80"], [])
    assert lookup.asked == []


def test_the_kind_of_an_address_is_told() -> None:
    known, _ = names(["2606:4700::1111", "8.8.8.8"])
    receiver = Receiver()
    PublicAddresses(known, "haber.example", may_connect=lambda *_: True, refuse=print).resolveHostName(receiver, "x")

    assert [type(address) for address in receiver.addresses] == [IPv4Address, IPv6Address]


def test_the_name_in_the_url_is_looked_up_not_what_was_made_of_it() -> None:
    """Python's own codec makes `strasse.de` of `straße.de`, which is somebody else's."""
    known, lookup = names(["8.8.8.8"])

    resolve(known, "xn--strae-oqa.de", seen_as="straße.de")

    assert lookup.asked == ["xn--strae-oqa.de"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_without_an_address_is_twisted_s_to_report_and_asked_for_again(error: Exception) -> None:
    known, lookup = names(error, ["8.8.8.8"])

    assert resolve(known, "haber.example") == ([], [])
    assert resolve(known, "haber.example") == (["8.8.8.8 80"], [])
    assert len(lookup.asked) == 2


def test_what_goes_wrong_inside_is_told_and_waits_for_nobody() -> None:
    known, _ = names(ZeroDivisionError("ours"))

    offered, (refused,) = resolve(known, "haber.example")

    assert offered == [] and isinstance(refused, ZeroDivisionError)


def test_names_without_end_are_forgotten_the_oldest_first() -> None:
    known, lookup = names(["8.8.8.8"])
    for number in range(MAX_NAMES + 5):
        resolve(known, f"h{number}.example")
    asked = len(lookup.asked)

    resolve(known, f"h{MAX_NAMES}.example")
    resolve(known, "h5.example")
    assert len(lookup.asked) == asked
    resolve(known, "h0.example")
    assert len(lookup.asked) == asked + 1


def test_the_system_knows_localhost_to_be_private() -> None:
    addresses = look_up("localhost")

    assert addresses and all(map(is_private, addresses))


def boundaries() -> Iterator[str]:
    yield from (f"{first}.0.0.1" for first in range(256))
    yield from (f"{high:x}::1" for high in range(0, 0x10000, 0x100))


def test_nothing_is_public_that_python_knows_to_be_private() -> None:
    """A second opinion on the tables, of whatever version of Python this is."""
    from ipaddress import ip_address

    wrong = [
        host
        for host in (*boundaries(), *PUBLIC[: PUBLIC.index("::ffff:8.8.8.8")])
        if not is_private(host) and not ip_address(host).is_global
    ]

    assert wrong == []

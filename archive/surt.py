"""Addresses of pages as sort keys: SURT, as in every CDX and in pywb.  No I/O.

    http://www.Example.kz:80/Haber/?b=1&a=2  →  kz,example)/haber?a=2&b=1

The rules are the wayback machine's (web.archive.org, Heritrix, pywb), so that a key made here finds what they made:
scheme, `www.`, default port, user, fragment, session ids, a trailing slash and an empty query are dropped; everything
is lower case; query parameters are sorted. `tests/test_surt.py` holds the function against the library that pywb uses.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

_PARTS = re.compile(rb"^(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.DOTALL | re.IGNORECASE)
_HEX_ID = rb"[0-9a-z]{32}"
_PATH_SESSIONS = (
    re.compile(rb"^(.*/)(?:\((?:[a-z]\([0-9a-z]{24}\))+\)/)([^?]+\.aspx.*)$"),
    re.compile(rb"^(.*/)(?:\([0-9a-z]{24}\)/)([^?]+\.aspx.*)$"),
)
_QUERY_SESSIONS = (
    re.compile(rb"^(.*)(?:jsessionid=" + _HEX_ID + rb")(?:&(.*))?$"),
    re.compile(rb"^(.*)(?:phpsessid=" + _HEX_ID + rb")(?:&(.*))?$"),
    re.compile(rb"^(.*)(?:sid=" + _HEX_ID + rb")(?:&(.*))?$"),
    re.compile(rb"^(.*)(?:aspsessionid[a-z]{8}=[a-z]{24})(?:&(.*))?$"),
    re.compile(rb"^(.*)(?:cfid=[^&]+&cftoken=[^&]+)(?:&(.*))?$"),
)
# What stays as it is when everything else is percent-encoded: printable ASCII but '#' and '%'.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "#%")


@lru_cache(maxsize=65_536)
def urlkey(url: str) -> str:
    """The SURT of an http(s) URL; any other address comes back as it is."""
    raw = re.sub(rb"[\t\r\n]", b"", url.strip().encode("utf-8", "surrogatepass"))
    parts = _PARTS.match(raw)
    if not parts:
        return url
    scheme, netloc, path, query = parts.groups()
    host, port = _host(netloc)
    if not host:
        return url
    default = b"443" if scheme.lower() == b"https" else b"80"
    key = (
        b",".join(reversed(host.split(b".")))
        + (b":" + port if port not in (b"", default) else b"")
        + b")"
        + _path(path)
    )
    return (key + (b"?" + cleaned if query and (cleaned := _query(query)) else b"")).decode("ascii")


def _host(netloc: bytes) -> tuple[bytes, bytes]:
    """Host in lower-case ASCII without `www.`, and port."""
    netloc = netloc.rpartition(b"@")[2]
    bracket = re.match(rb"^\[([^\]]*)\](?::(\d*))?$", netloc)
    host, port = (bracket[1], bracket[2] or b"") if bracket else (netloc, b"")
    if not bracket and (found := re.match(rb"^(.*?):(\d*)$", netloc)):
        host, port = found.groups()
    host = _unquote(host)
    if any(byte > 0x7F for byte in host):
        with suppress(UnicodeError):
            host = host.decode("utf-8").encode("idna")
    host = re.sub(rb"\.{2,}", b".", host.strip(b".")).lower()
    host = re.sub(rb"^www\d*\.", b"", host)
    return _quote(host), port


def _path(path: bytes) -> bytes:
    """Dot segments and doubled slashes resolved, session ids and the trailing slash gone, lower case."""
    segments = list[bytes]()
    for segment in _unquote(path).split(b"/"):
        if segment == b"..":
            if segments:
                segments.pop()
        elif segment not in (b"", b"."):
            segments.append(segment)
    cleaned = _quote(b"/" + b"/".join(segments)).lower()
    for pattern in _PATH_SESSIONS:
        if found := pattern.match(cleaned):
            cleaned = b"".join(found.groups())
    return cleaned.rstrip(b"/") or b"/"


def _query(query: bytes) -> bytes:
    """Session ids gone, lower case, parameters sorted."""
    cleaned = _quote(_unquote(query)).lower()
    for pattern in _QUERY_SESSIONS:
        if found := pattern.match(cleaned):
            cleaned = found[1] + (found[2] or b"")
    return b"&".join(sorted(cleaned.split(b"&")))


def _unquote(part: bytes) -> bytes:
    """Percent-encoding undone until nothing changes."""
    while (decoded := unquote_to_bytes(part)) != part:
        part = decoded
    return part


def _quote(part: bytes) -> bytes:
    return quote_from_bytes(part, safe=_PLAIN).encode("ascii")

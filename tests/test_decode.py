"""Decoding gives what Scrapy's own gives, of whatever a server sends."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Request, Response
from scrapy.utils.test import get_crawler

from crawler.decode import FAST_BYTES, FastDecoding, inflate_whole

PAGE = "<p>Қазақстан haberi</p>".encode() * 3000
NOISE = random.Random(1).randbytes(70_000)


def raw_deflate(content: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(content) + deflate.flush()


def changed(body: bytes, place: int) -> bytes:
    """With one byte made another."""
    return body[:place] + bytes([body[place] ^ 0x55]) + body[place:][1:]


WHOLE = gzip.compress(PAGE, mtime=0)
BODIES = {
    "a page": WHOLE,
    "noise": gzip.compress(NOISE),
    "nothing, packed": gzip.compress(b""),
    "a name in the head": b"\x1f\x8b\x08\x08" + bytes(6) + b"a.html\0" + WHOLE[10:],
    "two members": WHOLE + gzip.compress(NOISE),
    "many members": gzip.compress(b"haber ") * 300,
    "cut": WHOLE[:-100],
    "cut in the trailer": WHOLE[:-3],
    "cut in the head": WHOLE[:7],
    "empty": b"",
    "not packed at all": PAGE,
    "zeros behind": WHOLE + bytes(50),
    "garbage behind": WHOLE + b"<!-- cached -->",
    "wrong checksum": changed(WHOLE, -8),
    "wrong length": changed(WHOLE, -4),
    "wrong magic": changed(WHOLE, 0),
    "wrong method": changed(WHOLE, 2),
    **{f"damaged at {place}": changed(WHOLE, place) for place in range(10, len(WHOLE) - 8, 29)},
    "larger than the fast way takes": gzip.compress(bytes(FAST_BYTES + 1)),
    "as large as the fast way takes": gzip.compress(bytes(FAST_BYTES)),
}


def outcome(kind: type[HttpCompressionMiddleware], body: bytes, coding: str, *, max_size: int) -> object:
    """Class, headers and body of what comes out; or what was raised."""
    middleware = kind(crawler=get_crawler(settings_dict={"DOWNLOAD_MAXSIZE": max_size, "DOWNLOAD_WARNSIZE": 0}))
    request = Request("http://haber.example/a")
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": coding}
    try:
        response = middleware.process_response(request, HtmlResponse(request.url, headers=headers, body=body))
    except Exception as error:
        return type(error)
    assert isinstance(response, Response)
    return type(response), response.headers.to_unicode_dict(), response.body


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_decoded_as_scrapy_decodes_it(name: str, coding: str) -> None:
    body = BODIES[name]

    for max_size in (0, 64 * 1024 * 1024, len(PAGE), len(PAGE) - 1):
        given = outcome(HttpCompressionMiddleware, body, coding, max_size=max_size)
        assert outcome(FastDecoding, body, coding, max_size=max_size) == given


@pytest.mark.parametrize(
    "coding, body",
    [
        ("deflate", zlib.compress(PAGE)),
        ("deflate", raw_deflate(PAGE)),
        ("gzip, gzip", gzip.compress(WHOLE)),
        ("deflate, gzip", gzip.compress(zlib.compress(PAGE))),
        ("identity", PAGE),
        ("GZIP", WHOLE),
        ("compress", WHOLE),
        ("compress, gzip", WHOLE),
    ],
)
def test_other_codings_are_left_to_scrapy(coding: str, body: bytes) -> None:
    given = outcome(HttpCompressionMiddleware, body, coding, max_size=1 << 26)

    assert outcome(FastDecoding, body, coding, max_size=1 << 26) == given


def test_a_body_that_inflates_beyond_the_bound_is_refused() -> None:
    bomb = gzip.compress(bytes(3_000_000))

    assert outcome(FastDecoding, bomb, "gzip", max_size=1_000_000) is IgnoreRequest


def test_an_ordinary_page_takes_the_fast_way() -> None:
    assert inflate_whole(WHOLE, limit=FAST_BYTES) == PAGE
    assert inflate_whole(WHOLE, limit=len(PAGE)) == PAGE
    assert inflate_whole(WHOLE, limit=len(PAGE) - 1) is None
    assert "_decode" in vars(HttpCompressionMiddleware)  # what ours stands in for

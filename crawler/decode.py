"""Content codings undone: Scrapy's middleware with a faster gzip.

An ordinary body (one whole member, of ordinary size) is inflated by isal, six times as fast as Scrapy does it; whatever
else a server sends, damaged, cut, in several members, huge, or in another coding, is left to Scrapy, so that what comes
of it, and what is raised, is the same. `_decode` is private to Scrapy: `tests/test_decode.py` fails when it goes.
"""

from __future__ import annotations

from isal import isal_zlib
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware

FAST_BYTES = 4 * 1024 * 1024  # a body that inflates to more is left to Scrapy, which counts as it goes
_GZIP_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # isal's stub takes the class for an instance


class FastDecoding(HttpCompressionMiddleware):
    """Stands in for Scrapy's `HttpCompressionMiddleware`, with the same settings."""

    @staticmethod
    def _decode(body: bytes, encoding: bytes, max_size: int) -> bytes:
        if encoding in (b"gzip", b"x-gzip"):
            decoded = inflate_whole(body, limit=min(max_size or FAST_BYTES, FAST_BYTES))
            if decoded is not None:
                return decoded
        return HttpCompressionMiddleware._decode(body, encoding, max_size)


def inflate_whole(body: bytes, *, limit: int) -> bytes | None:
    """What a body of exactly one whole gzip member holds; None of any other, and of more than `limit` bytes."""
    inflate = isal_zlib.decompressobj(31)
    try:
        decoded = inflate.decompress(body, limit)
    except _GZIP_ERROR:
        return None
    return decoded if inflate.eof and not inflate.unused_data else None

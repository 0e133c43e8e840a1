"""Keys are pywb's keys, on addresses made by hand for each rule, drawn at random, and on real ones."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest
from surt import surt as pywb_key

from archive.surt import urlkey

SESSION = "0123456789abcdef0123456789abcdef"

BY_HAND = [
    ("http://www.Example.kz:80/Haber/?b=1&a=2", "kz,example)/haber?a=2&b=1"),
    ("https://kazakistan.kz:443/a#yorum", "kz,kazakistan)/a"),
    ("http://kazakistan.kz:443/a", "kz,kazakistan:443)/a"),
    ("http://127.0.0.1:8093/haber/", "1,0,0,127:8093)/haber"),
    ("http://[::1]:8080/a", "::1:8080)/a"),
    ("http://x.kz", "kz,x)/"),
    ("http://x.kz/?", "kz,x)/"),
    ("http://x.kz//a///b/../c/./", "kz,x)/a/c"),
    ("http://www2.x.kz/", "kz,x)/"),
    ("http://www.kz/", "kz)/"),
    ("http://user:secret@x.kz./", "kz,x)/"),
    ("http://x.kz/ö b", "kz,x)/%c3%b6%20b"),
    ("http://x.kz/%2525", "kz,x)/%25"),
    ("http://қазақ.қаз/жол?с=1", "xn--80ao21a,xn--80aau21bd)/%d0%b6%d0%be%d0%bb?%d1%81=1"),
    (f"http://x.kz/?a=1&PHPSESSID={SESSION}", "kz,x)/?&a=1"),
    (f"http://x.kz/?sid={SESSION}&a=1", "kz,x)/?a=1"),
    ("http://x.kz/?cfid=1&cftoken=2&z=1", "kz,x)/?z=1"),
    ("http://x.kz/(a(012345678901234567890123))/b.aspx?c=d", "kz,x)/b.aspx?c=d"),
    ("http://x.kz/?a&&b", "kz,x)/?&a&b"),
]


@pytest.mark.parametrize(("url", "expected"), BY_HAND)
def test_each_rule(url: str, expected: str) -> None:
    assert urlkey(url) == pywb_key(url)
    assert urlkey(url) == expected


@pytest.mark.parametrize("url", ["mailto:a@b.kz", "javascript:void(0)", "urn:muragat:crawl:x", "", "http://"])
def test_what_is_no_web_address_is_its_own_key(url: str) -> None:
    assert urlkey(url) == url


def test_addresses_drawn_at_random() -> None:
    """All but a query that ends in a path's slash, which the library treats as none of its rules says."""
    draw = random.Random(2026)
    letters = string.ascii_letters + string.digits + "/.?&=%-_~;:@!$()*+, öışқ€"
    tails = ["".join(draw.choice(letters) for _ in range(draw.randint(0, 25))) for _ in range(5_000)]
    urls = [f"http://{draw.choice(['x.kz', 'www.x.kz', 'X.com.tr:8080'])}/{tail}" for tail in tails if tail[-1:] != "/"]

    assert [url for url in urls if urlkey(url) != pywb_key(url)] == []


@pytest.mark.shared
def test_addresses_of_real_pages(shared: Path) -> None:
    urls = [json.loads(line)["url"] for line in (shared / "data/news/gold.jsonl").read_text("utf-8").splitlines()]

    assert [url for url in urls if urlkey(url) != pywb_key(url)] == []

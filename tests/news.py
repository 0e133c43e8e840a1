"""Pages in numbers: the demo site's articles over and over, each time in other words, for what takes many."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from archives import HOST, exchange

from archive.model import Exchange
from crawler.demo.edition import Edition
from crawler.demo.site import answer

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_PARAGRAPH = re.compile(r"<p>([^<]{80,})</p>")


def news(count: int, *, seed: int = 1) -> Iterator[Exchange]:
    """So many articles at addresses of their own, one a minute; the same in every run."""
    for number, (path, body) in enumerate(pages(count, seed=seed)):
        at = FIRST + timedelta(minutes=number)
        yield exchange(path, body, at=at.isoformat())


def pages(count: int, *, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Path and HTML of each."""
    edition = Edition(f"http://{HOST}/", 1)
    stories = [story for story in edition.stories if story.look in ("new", "old")]
    originals = [answer(edition, story.path).body.decode() for story in stories]
    words = sorted({word for page in originals for said in _PARAGRAPH.findall(page) for word in said.split()})
    chance = random.Random(seed)
    for number in range(count):
        story, page = stories[number % len(stories)], originals[number % len(stories)]
        path = f"{story.path.rstrip('/')}-{number}/"
        page = page.replace(story.path, path).replace(story.title, f"{story.title} ({number})")

        def reword(found: re.Match[str]) -> str:
            said = found[1].split()
            for _ in range(len(said) // 2):  # fewer, and they would be copies of one another: archive/duplicates.py
                said[chance.randrange(len(said))] = chance.choice(words)
            return f"<p>{' '.join(said)}</p>"

        yield path, _PARAGRAPH.sub(reword, page).encode()

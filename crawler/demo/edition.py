"""The demo site in one of its states: its articles, and which of them stand on which list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from crawler.demo.content import Story, load_stories

PER_PAGE = 6
SITE_NAME = "Bozkır Haber"
TAGLINE = "Kazakistan ve Türk dünyasından haberler"
FOOTER_LINE = "BOZKIR HABER — KAZAKİSTAN’IN TÜRKÇE HABER SİTESİ"
_LATIN = str.maketrans("çğıöşüâîû", "cgiosuaiu")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of articles with its pages: home, category, tag, author or language."""

    path: str
    title: str
    kind: str  # as in WordPress's body class: "home", "category", "tag", "author" or "archive"
    lang: str
    stories: tuple[Story, ...]  # newest first

    @property
    def pages(self) -> int:
        """How many pages it has; at least one."""
        return max(1, -(-len(self.stories) // PER_PAGE))


@dataclass(frozen=True)
class Edition:
    """All that the site shows in one state."""

    base: str  # "http://127.0.0.1:8000/"
    state: int  # 1, or 2 after DemoSite.change()

    @cached_property
    def stories(self) -> tuple[Story, ...]:
        """Everything that has a page of its own, newest first."""
        return load_stories(self.state)

    @cached_property
    def news(self) -> tuple[Story, ...]:
        """The Turkish articles: what lists, feed and sidebar show."""
        return tuple(s for s in self.stories if s.look in ("new", "old") and s.lang == "tr")

    @cached_property
    def foreign(self) -> tuple[Story, ...]:
        """The Kazakh and Russian articles."""
        return tuple(s for s in self.stories if s.lang != "tr")

    @cached_property
    def fixed_pages(self) -> tuple[Story, ...]:
        """Hakkımızda and İletişim."""
        return tuple(s for s in self.stories if s.look == "page")

    @cached_property
    def by_path(self) -> dict[str, Story]:
        """Path of the first page → its article."""
        return {story.path: story for story in self.stories}

    @cached_property
    def by_number(self) -> dict[int, Story]:
        """WordPress's ?p=NUMBER → its article."""
        return {story.number: story for story in self.stories if story.look != "archive"}

    @cached_property
    def by_slug(self) -> dict[str, Story]:
        """Slug → its article, for links between articles and names of pictures."""
        return {story.slug: story for story in self.stories}

    @cached_property
    def listings(self) -> dict[str, Listing]:
        """Path → list."""
        home = [Listing("/", TAGLINE, "home", "tr", self.news)]
        foreign = [self._foreign("/kk/", "Қазақша", "kk"), self._foreign("/ru/", "По-русски", "ru")]
        grouped = [
            *self._grouped("kategori", "category", lambda s: [s.section]),
            *self._grouped("etiket", "tag", lambda s: list(s.tags)),
            *self._grouped("yazar", "author", lambda s: [s.author]),
        ]
        return {listing.path: listing for listing in (*home, *foreign, *grouped)}

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The categories, the fullest first."""
        return tuple(name for name, _ in Counter(s.section for s in self.news).most_common())

    def related(self, story: Story) -> Sequence[Story]:
        """Three others of its section, the nearest in time first."""
        others = [s for s in self.news if s.section == story.section and s is not story]
        return sorted(others, key=lambda s: abs(s.published - story.published))[:3]

    def neighbours(self, story: Story) -> tuple[Story | None, Story | None]:
        """The article before it and the one after it."""
        if story not in self.news:
            return None, None
        at = self.news.index(story)
        return (self.news[at + 1] if at + 1 < len(self.news) else None, self.news[at - 1] if at else None)

    def _foreign(self, path: str, title: str, lang: str) -> Listing:
        return Listing(path, title, "archive", lang, tuple(s for s in self.foreign if s.lang == lang))

    def _grouped(self, folder: str, kind: str, names_of: Callable[[Story], list[str]]) -> list[Listing]:
        groups: dict[str, list[Story]] = {}
        for story in self.news:
            for name in names_of(story):
                groups.setdefault(name, []).append(story)
        return [Listing(address(folder, name), name, kind, "tr", tuple(group)) for name, group in groups.items()]


def address(folder: str, name: str) -> str:
    """`/kategori/bilim-ve-uzay/` for "Bilim ve Uzay": the path of a list."""
    lowered = name.replace("İ", "i").replace("I", "ı").lower().translate(_LATIN)
    return f"/{folder}/{'-'.join(''.join(c if c.isalnum() else ' ' for c in lowered).split())}/"

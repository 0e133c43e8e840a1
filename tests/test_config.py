"""Settings are read strictly: what is misspelt or impossible is named, with what was meant; never silently ignored."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from archive.config import SHIPPED_SITES, ArchiveDir, read_site
from archive.errors import ConfigError

PROFILE = """title = "Haber"
[crawl]
seeds = ["https://haber.example/"]
hosts = ["haber.example"]
{crawl}
[read]
zone = "Asia/Almaty"
{read}
"""


@pytest.fixture
def directory(tmp_path: Path) -> ArchiveDir:
    """An archive of one site."""
    found = ArchiveDir(tmp_path / "arsiv")
    found.sites.mkdir(parents=True)
    found.config_path.write_text('contact = "ali@haber.example"\n')
    write(found)
    return found


def write(directory: ArchiveDir, name: str = "haber", *, crawl: str = "", read: str = "") -> Path:
    path = directory.sites / f"{name}.toml"
    path.write_text(PROFILE.format(crawl=crawl, read=read))
    return path


# ---------------------------------------------------------------- where an archive lies


def test_the_archive_named_goes_before_the_environment_and_the_folder(
    directory: ArchiveDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = directory.root / "warcs" / "2024"
    below.mkdir(parents=True)
    monkeypatch.delenv("MURAGAT_ARCHIVE", raising=False)

    assert ArchiveDir.find(None, cwd=below).root == directory.root
    monkeypatch.setenv("MURAGAT_ARCHIVE", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigError, match="elsewhere does not exist; `muragat init"):
        ArchiveDir.find(None, cwd=below)
    assert ArchiveDir.find(str(directory.root), cwd=tmp_path).root == directory.root


def test_a_folder_without_settings_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not an archive directory \(no muragat.toml\); `muragat init"):
        ArchiveDir.find(str(tmp_path))


# ---------------------------------------------------------------- what is written in it


@pytest.mark.parametrize(
    "line, message",
    [
        ("delya = 2", r"unknown key 'delya' in crawl; did you mean 'delay'\?"),
        ("boilerplate = []", r"unknown key 'boilerplate' in crawl; it belongs in \[read\]"),
        ("title = 'x'", "unknown key 'title' in crawl; it belongs at the top"),
        ("xyzzy = 1", "unknown key 'xyzzy' in crawl; known: .*delay"),
        ("delay = -1", "crawl.delay: expected `float` >= 0.0"),
        ("delay = nan", "crawl.delay"),
        ("delay = inf", "crawl.delay"),
        ('delay = "1"', "crawl.delay: expected `float`, got `str`"),
        ("concurrency = 0", "crawl.concurrency: expected `int` >= 1"),
        ("max_urls = 0", "crawl.max_urls: expected `int` >= 1"),
        ("skip = ['(']", r"crawl.skip\[0\] is not a regular expression"),
        ("feeds = ['/feed/']", "crawl.feeds: '/feed/' is not a web address; an example is https://"),
        ("sitemaps = ['ftp://haber.example/']", "crawl.sitemaps: 'ftp://haber.example/' is not a web address"),
        ("delay = 1\ndelay = 2", "not TOML"),
        ("delay = ", "not TOML"),
    ],
)
def test_a_wrong_line_of_a_profile_is_named(directory: ArchiveDir, line: str, message: str) -> None:
    path = write(directory, crawl=line)

    with pytest.raises(ConfigError, match=message) as raised:
        directory.site("haber")

    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('"https://haber.example/"', "", "crawl.seeds is empty"),
        ('["haber.example"]', "[]", "crawl.hosts is empty"),
        ("https://haber", "haber", "crawl.seeds: 'haber.example/' is not a web address"),
        ("seeds", "seed", r"unknown key 'seed' in crawl; did you mean 'seeds'\?"),
        ('seeds = ["https://haber.example/"]', "", "crawl: missing the key `seeds`"),
        ("Asia/Almaty", "Asia/Almati", "read.zone 'Asia/Almati' is not a time zone; an example is Asia/Almaty"),
        ("Asia/Almaty", "../../etc/passwd", "is not a time zone"),
        ("title", "Title", r"unknown key 'Title'; did you mean 'title'\?"),
    ],
)
def test_a_wrong_profile_is_refused(directory: ArchiveDir, old: str, new: str, message: str) -> None:
    path = write(directory)
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(ConfigError, match=message):
        read_site(path)


@pytest.mark.parametrize(
    "text, message",
    [
        ('contcat = "x"', r"muragat.toml: unknown key 'contcat'; did you mean 'contact'\?"),
        ("warc_size = 1", "muragat.toml: warc_size: expected `int` >= 10000"),
        ('[schedule.nightly]\nsite = "haber"\nevry = "6h"', "unknown key 'evry' in schedule.*; did you mean 'every'"),
        ("contact = 5", "contact: expected `str`, got `int`"),
        ("\x00", "not TOML"),
    ],
)
def test_wrong_settings_are_refused(directory: ArchiveDir, text: str, message: str) -> None:
    directory.config_path.write_text(text)

    with pytest.raises(ConfigError, match=message):
        directory.config()


def test_settings_that_are_not_utf8_are_refused(directory: ArchiveDir) -> None:
    directory.config_path.write_bytes(b'operator = "\xfe"')

    with pytest.raises(ConfigError, match=r"muragat.toml: not TOML"):
        directory.config()


# ---------------------------------------------------------------- sites by name


def test_the_only_site_needs_no_name(directory: ArchiveDir) -> None:
    assert directory.site().name == directory.site("haber").name == "haber"


def test_of_two_sites_one_must_be_named(directory: ArchiveDir) -> None:
    write(directory, "yan")

    with pytest.raises(ConfigError, match="has 2 sites; name one: haber, yan"):
        directory.site()


@pytest.mark.parametrize(
    "name, hint", [("habr", r"did you mean haber\?"), ("x", "known: haber"), ("../haber", "no site")]
)
def test_an_unknown_site_is_answered_with_those_known(directory: ArchiveDir, name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        directory.site(name)


def test_an_archive_without_a_site_says_how_to_add_one(directory: ArchiveDir) -> None:
    (directory.sites / "haber.toml").unlink()

    with pytest.raises(ConfigError, match=r"has no site yet; `muragat --archive .* site add URL` adds one"):
        directory.site()


def test_a_profile_is_known_by_the_digest_of_its_bytes(directory: ArchiveDir) -> None:
    before = directory.site().digest
    write(directory, crawl="# a remark\n")

    assert before.startswith("sha256:")
    assert directory.site().digest != before


def test_the_look_that_held_on_a_day_is_found(directory: ArchiveDir) -> None:
    path = write(directory)
    looks = ('title = "h1"', 'since = 2020-01-01\nuntil = 2022-01-01\ntitle = "h2"', 'since = 2022-01-01\ntitle = "h3"')
    path.write_text(path.read_text() + "".join(f"[[layout]]\n{look}\n" for look in looks))
    site = read_site(path)

    days = (date(2019, 12, 31), date(2020, 1, 1), date(2021, 12, 31), date(2022, 1, 1))

    assert [look.title if (look := site.layout_on(day)) else None for day in days] == ["h1", "h2", "h2", "h3"]


@pytest.mark.parametrize("path", sorted(SHIPPED_SITES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_profiles_are_read(path: Path) -> None:
    assert read_site(path).crawl.seeds


def test_a_new_reading_of_pages_changes_no_rule_of_crawling(directory: ArchiveDir) -> None:
    before = directory.site("haber")
    write(directory, read='footer = ["Bozkır Haber"]')
    read_otherwise = directory.site("haber")
    write(directory, crawl="max_depth = 3")
    crawled_otherwise = directory.site("haber")

    assert before.digest != read_otherwise.digest
    assert before.crawl_digest == read_otherwise.crawl_digest != crawled_otherwise.crawl_digest

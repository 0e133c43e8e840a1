"""What reaches the people who install muragat, and what their install can do without the extras."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("archive", "crawler")
# The top-level modules of what the extras add; a plain install has none of them.
EXTRAS = (
    *("apscheduler", "gevent", "itemadapter", "parsel", "protego", "pywb", "scrapy", "selectolax", "twisted", "uvloop"),
    *("pyarrow", "w3lib", "waitress", "zope"),
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built without network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("muragat-*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder a plain install unpacks the wheel into."""
    folder = tmp_path_factory.mktemp("installed")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel: Path) -> None:
    """Modules, site profiles and the demo's pages; no tests, no notes, no left-overs."""
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == {path.relative_to(ROOT).as_posix() for path in sources()}


def sources() -> Iterator[Path]:
    """Every file of both packages, but what Python itself leaves there."""
    for package in PACKAGES:
        yield from (x for x in (ROOT / package).rglob("*") if x.is_file() and x.parent.name != "__pycache__")


def test_the_wheel_holds_the_profile_of_the_first_site(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert "archive/sites/kazakistan_kz.toml" in archive.namelist()


def test_the_command_muragat_is_the_command_line(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        name = next(x for x in archive.namelist() if x.endswith(".dist-info/entry_points.txt"))
        points = ConfigParser()
        points.read_string(archive.read(name).decode())

    assert dict(points["console_scripts"]) == {"muragat": "crawler.cli:main"}


def test_the_licence_travels_with_the_wheel(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert any(name.endswith("/LICENSE") and ".dist-info/" in name for name in archive.namelist())


def test_a_plain_install_reads_archives_without_the_extras(installed: Path) -> None:
    """Every module of `archive` and the command line itself import where Scrapy, pywb and their kin are missing."""
    names = [
        ".".join(path.relative_to(installed).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((installed / "archive").rglob("*.py"))
    ]

    done = without_extras(installed, f"import importlib; [importlib.import_module(x) for x in {names!r}]")

    assert done.returncode == 0, done.stderr


def test_the_command_line_answers_without_the_extras(installed: Path) -> None:
    done = without_extras(installed, "sys.argv = ['muragat', '--help']; from crawler.cli import main; main()")

    assert done.returncode == 0, done.stderr
    assert "search" in done.stdout


def without_extras(installed: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` from the unpacked wheel, in a Python where importing an extra raises ImportError."""
    blocked = f"import sys; sys.path.insert(0, {str(installed)!r}); sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
    check = "import archive; assert archive.__file__.startswith(sys.path[0]), archive.__file__\n"
    # -P: what stands in the current folder must not be imported instead.
    return subprocess.run([sys.executable, "-P", "-c", blocked + check + code], capture_output=True, text=True)


def test_every_dependency_is_pinned_with_a_hash() -> None:
    """A new machine installs what requirements.lock names and nothing else, from the registry it was told to use."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = table["optional-dependencies"]
    wanted = {
        name_of(x)
        for x in (*table["dependencies"], *extras["crawl"], *extras["export"], *extras["web"], *extras["dev"])
    } - {"muragat"}

    pinned = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ").splitlines()

    assert wanted <= {name_of(line) for line in pinned}
    assert all("==" in line and "--hash=sha256:" in line for line in pinned)
    assert not any("://" in line or "--index" in line for line in pinned)


def name_of(requirement: str) -> str:
    """The project's name as registries normalise it: `lxml_html_clean>=0.4` → `lxml-html-clean`."""
    name = requirement.lower()
    for end in "[<>=!~; ":
        name = name.split(end)[0]
    return name.replace("_", "-").replace(".", "-")

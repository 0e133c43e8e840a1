"""Who may import whom, checked with ast over every module; the tables below are the rules.

Tests of the checker itself follow at the end: each breaks one rule in a made-up tree.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("archive", "crawler")

# A module imports from its own line and the lines above it. A package stands for all of its modules.
LAYERS = (
    ("archive.model", "archive.errors"),
    (
        "archive.surt",
        "archive.folding",
        "archive.dictionary",
        "archive.turkish",
        "archive.stems",
        "archive.language",
        "archive.dates",
        "archive.times",
        "archive.config",
        "archive.spool",
        "archive.readonly",
    ),
    (
        "archive.warc",
        "archive.extract",
        "archive.expression",
        "archive.snippets",
        "archive.tokens",
        "archive.substance",
    ),
    ("archive.manifest", "archive.foreign", "archive.kept"),
    ("archive.views", "archive.schema"),
    ("archive.hidden_log",),
    ("archive.hidden",),
    (
        "archive.alarms",
        "archive.compromise",
        "archive.derived",
        "archive.duplicates",
        "archive.edits",
        "archive.index",
        "archive.learn",
        "archive.looks",
        "archive.query",
        "archive.question",
        "archive.reference",
        "archive.search",
        "archive.search_rows",
        "archive.site_filter",
        "archive.sql",
        "archive.suggest",
        "archive.vocabulary",
        "archive.export",
        "archive.facts",
        "archive.reading",
        "archive.rebuild",
        "archive.workers",
        "archive.verify",
        "archive.importing",
        "archive.backup",
        "archive.restore",
    ),
    ("archive.replay", "archive.web", "archive.versions", "archive.differences"),
    ("archive.cite",),
    ("archive.api",),
    ("archive.diff_page",),
    ("archive.cli", "archive.cli_changes"),
    ("archive.cli_keep",),
    (
        *("crawler.begin", "crawler.crawl", "crawler.demo", "crawler.discover", "crawler.follow", "crawler.frontier"),
        *("crawler.decode", "crawler.frontier_db", "crawler.resolver"),
        *("crawler.links", "crawler.probe", "crawler.progress", "crawler.recorder", "crawler.revisit", "crawler.run"),
        *("crawler.schedule", "crawler.scheduler", "crawler.settings", "crawler.spiders", "crawler.wire"),
        *(
            "crawler.account",
            "crawler.offers",
            "crawler.politeness",
            "crawler.scope",
            "crawler.tail",
            "crawler.traps",
            "crawler.urls",
        ),
        *("crawler.profile", "crawler.sources", "crawler.visit"),
    ),
    ("crawler.cli",),
)
STRANGERS = ("crawler.wire", "crawler.frontier", "crawler.revisit", "crawler.schedule")  # none knows another

# One library, one home: to replace a library, open the modules named here.
HOMES = {
    "apscheduler": ("crawler.schedule",),
    "backports": ("archive.foreign",),  # zstd
    "click": ("archive.cli", "archive.cli_changes", "archive.cli_keep", "crawler.cli", "crawler.demo.story"),
    "compression": ("archive.foreign",),  # zstd again: Python's own from 3.14 on
    "fontTools": ("crawler.demo.make_font",),
    "cryptography": ("archive.verify",),
    "datasette": ("archive.web",),
    "dateparser": ("archive.dates",),
    "isal": ("archive.warc", "crawler.decode"),
    "lxml": ("archive.extract", "crawler"),
    "msgspec": ("archive.config", "crawler.demo.content"),
    "protego": ("crawler",),
    "pyarrow": ("archive.export",),
    "pywb": ("archive.replay",),
    "scrapy": ("crawler",),
    "selectolax": ("crawler",),
    "simplemma": ("archive.dictionary",),
    "snowballstemmer": ("archive.dictionary",),
    "sqlite_utils": (
        "archive.schema",
        "archive.alarms",
        "archive.compromise",
        "archive.derived",
        "archive.differences",
        "archive.duplicates",
        "archive.edits",
        "archive.export",
        "archive.facts",
        "archive.hidden",
        "archive.hidden_log",
        "archive.index",
        "archive.learn",
        "archive.looks",
        "archive.query",
        "archive.question",
        "archive.search",
        "archive.search_rows",
        "archive.site_filter",
        "archive.suggest",
        "archive.vocabulary",
        "archive.versions",
        "archive.cite",
        "archive.cli",
    ),
    "trafilatura": ("archive.extract",),
    "twisted": ("crawler",),
    "uvloop": ("crawler",),
    "w3lib": ("crawler",),
    "waitress": ("archive.replay", "archive.web"),
    "warcio": ("archive.warc",),
    "zope": ("crawler",),
}
# What a plain install lacks. The command line is the way in for everybody, so it names these inside functions only.
EXTRAS = {
    *("apscheduler", "gevent", "itemadapter", "parsel", "protego", "pywb", "scrapy", "selectolax", "twisted", "uvloop"),
    *("pyarrow", "w3lib", "waitress", "zope"),
}
FRONT_DOOR = "crawler.cli"
FRONT_ROOM = "archive.api"  # `from archive import Archive` gives this one, when it is asked for

# No file, socket, clock, chance or logger: the time and the bytes are arguments.
PURE = (
    *("archive.model", "archive.surt", "archive.folding", "archive.dictionary", "archive.turkish", "archive.stems"),
    *("archive.language", "archive.dates"),
    *("archive.times", "archive.expression", "archive.snippets", "archive.substance", "archive.tokens"),
    *("archive.extract", "crawler.revisit"),
)
PURE_MAY_READ = (*PURE, "archive.errors", "archive.config")  # config: its tables are what extraction is told
DOING = {
    *("asyncio", "fcntl", "ftplib", "glob", "http", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib"),
    *("random", "requests", "secrets", "select", "selectors", "shutil", "signal", "smtplib", "socket", "sqlite3"),
    *("ssl", "subprocess", "tempfile", "threading", "time", "urllib.request", "urllib3"),
}
HARMLESS = {"http.HTTPStatus", "pathlib.PurePath", "pathlib.PurePosixPath"}
DOING_CALLS = {"open", "print", "input"}
MOMENTS = {(kind, name) for kind in ("date", "datetime") for name in ("now", "today", "utcnow")}


def test_every_import_of_the_project_keeps_the_rules() -> None:
    assert not problems(ROOT)


@dataclass(frozen=True)
class Import:
    """One import; a name taken from a module stands behind it, as in `pathlib.Path`."""

    importer: str
    target: str
    line: int
    at_start: bool  # runs when the importer is imported: not in a function, not for type checkers only


def problems(root: Path) -> list[str]:
    """What the modules under `root` do against the rules, a line each."""
    trees: dict[str, ast.Module] = {}
    broken = []
    for name, path in modules(root):
        try:
            trees[name] = ast.parse(path.read_bytes())
        except SyntaxError as error:
            broken.append(f"{name} line {error.lineno} is not Python: {error.msg}")
    imports = [found for name, tree in trees.items() for found in imports_of(name, tree, is_package(root, name))]
    return [
        *broken,
        *unknown_modules(trees),
        *wrong_directions(imports, trees),
        *strays(imports),
        *early_extras(imports, trees),
        *impure_imports(imports, trees),
        *impure_calls(trees),
    ]


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def is_package(root: Path, name: str) -> bool:
    return root.joinpath(*name.split("."), "__init__.py").exists()


def imports_of(name: str, tree: ast.Module, package: bool) -> Iterator[Import]:
    """Every import of a module, those inside functions too."""
    home = name.split(".") if package else name.split(".")[:-1]
    for node, at_start in nodes(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            targets = [f"{source}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and dotted(node.func)[-1] in ("import_module", "__import__"):
            targets = [x.value for x in node.args[:1] if isinstance(x, ast.Constant) and isinstance(x.value, str)]
        else:
            continue
        yield from (Import(name, target, node.lineno, at_start) for target in targets)


def nodes(tree: ast.AST, at_start: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Every node of a tree, and whether importing the module runs it."""
    for child in ast.iter_child_nodes(tree):
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(child, ast.If) and dotted(child.test)[-1] == "TYPE_CHECKING"
        yield child, at_start
        yield from nodes(child, at_start and not later and not typing)


def dotted(node: ast.AST) -> list[str]:
    return ast.unparse(node).split(".")


def unknown_modules(known: Iterable[str]) -> Iterator[str]:
    for name in known:
        if name not in PACKAGES and place(name) is None:
            yield f"{name} has no place yet: add it to LAYERS"


def place(name: str) -> tuple[int, str] | None:
    """The line of LAYERS that a module belongs to and its entry there; None when it has none."""
    return next(((line, x) for line, entries in enumerate(LAYERS) for x in entries if inside(name, (x,))), None)


def inside(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of these, or below one of them."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def module_of(target: str, known: Container[str]) -> str | None:
    """The module of ours that an import names, or takes a name from; None when it is somebody else's."""
    parts = target.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in known), None) if parts[0] in PACKAGES else None


def wrong_directions(imports: Iterable[Import], known: Container[str]) -> Iterator[str]:
    for found in imports:
        module = module_of(found.target, known)
        if module is None or module in PACKAGES:
            continue
        here, there = place(found.importer), place(module)
        if found.importer in PACKAGES and (found.at_start or module != FRONT_ROOM):
            yield f"{at(found)}: {found.importer}/__init__.py imports nothing of ours"
        elif found.importer in PACKAGES:
            continue
        elif here and there and here[0] < there[0]:
            yield f"{at(found)}: {module} stands below {found.importer} in LAYERS"
        elif here and there and here[1] != there[1] and {here[1], there[1]} <= set(STRANGERS):
            yield f"{at(found)}: {here[1]} and {there[1]} do not know each other"


def at(found: Import) -> str:
    return f"{found.importer} line {found.line} imports {found.target}"


def strays(imports: Iterable[Import]) -> Iterator[str]:
    for found in imports:
        library = found.target.split(".")[0]
        if library in PACKAGES or library in sys.stdlib_module_names:
            continue
        if library not in HOMES:
            yield f"{at(found)}: {library} has no home yet: add it to HOMES"
        elif not inside(found.importer, HOMES[library]):
            yield f"{at(found)}: {library} lives in {' and '.join(HOMES[library])} only"


def early_extras(imports: Iterable[Import], known: Container[str]) -> Iterator[str]:
    """What a plain install could not import, on the way that every command begins with."""
    seen, waiting = {FRONT_DOOR}, [FRONT_DOOR]
    early = [found for found in imports if found.at_start]
    while waiting:
        name = waiting.pop()
        for found in (x for x in early if x.importer == name):
            if found.target.split(".")[0] in EXTRAS:
                yield f"{at(found)}, and {FRONT_DOOR} imports {name}: do one of the two inside a function"
            module = module_of(found.target, known)
            while module and module not in seen:  # with the packages around it
                seen.add(module)
                waiting.append(module)
                module = module.rpartition(".")[0]


def impure_imports(imports: Iterable[Import], known: Container[str]) -> Iterator[str]:
    for found in imports:
        if not inside(found.importer, PURE) or found.target in HARMLESS:
            continue
        module = module_of(found.target, known)
        if inside(found.target, DOING) or (module and module not in PACKAGES and not inside(module, PURE_MAY_READ)):
            yield f"{at(found)}: {found.importer} is pure"


def impure_calls(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    for name, tree in trees.items():
        if not inside(name, PURE):
            continue
        for node in (x for x in ast.walk(tree) if isinstance(x, ast.Call)):
            called = dotted(node.func)
            if called[0] in DOING_CALLS or tuple(called[-2:]) in MOMENTS:
                yield f"{name} line {node.lineno} calls {'.'.join(called)}: {name} is pure"


CLEAN = {
    "archive/__init__.py": "def __getattr__(name):\n    from archive.api import Archive\n    return Archive\n",
    "archive/api.py": "from archive.warc import read",
    "archive/model.py": "from archive.errors import MuragatError",
    "archive/errors.py": "",
    "archive/surt.py": "import re",
    "archive/config.py": "import os\nimport msgspec",
    "archive/extract/__init__.py": "from .article import story\nfrom archive.config import Site",
    "archive/extract/article.py": "import trafilatura\nfrom pathlib import PurePosixPath\nfrom .. import model",
    "archive/warc.py": "import warcio, time\nfrom archive import model, errors",
    "archive/cli.py": "import click\nfrom archive.warc import read",
    "crawler/__init__.py": "",
    "crawler/wire.py": "import scrapy\nfrom archive.model import Exchange",
    "crawler/frontier.py": "import sqlite3",
    "crawler/cli.py": (
        "from typing import TYPE_CHECKING\nimport click\nimport archive.cli\nimport crawler.frontier\n"
        "if TYPE_CHECKING:\n    import scrapy\n"
        "def crawl():\n    from crawler.wire import Handler\n"
    ),
}


def test_a_tree_that_keeps_the_rules_has_no_problems(tmp_path: Path) -> None:
    assert problems(planted(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(
    ("path", "code", "complaint"),
    [
        ("archive/warc.py", "from crawler.frontier import Frontier", "stands below archive.warc"),
        ("archive/warc.py", "def f():\n    import crawler.frontier", "stands below archive.warc"),
        ("archive/warc.py", "from . import cli", "stands below archive.warc"),
        ("archive/warc.py", "__import__('archive.cli')", "stands below archive.warc"),
        ("archive/extract/article.py", "from ..cli import main", "stands below archive.extract"),
        ("archive/__init__.py", "from archive import model", "imports nothing of ours"),
        ("archive/__init__.py", "from archive.api import Archive", "imports nothing of ours"),
        ("archive/__init__.py", "def f():\n    from archive import cli", "imports nothing of ours"),
        ("crawler/frontier.py", "from crawler.cli import main", "stands below crawler.frontier"),
        ("crawler/frontier.py", "import crawler.wire", "do not know each other"),
        ("archive/config.py", "def", "archive.config line 1 is not Python"),
        ("archive/utils.py", "", "archive.utils has no place yet"),
        ("crawler/utils.py", "", "crawler.utils has no place yet"),
        ("archive/config.py", "import warcio", "lives in archive.warc only"),
        ("archive/cli.py", "def f():\n    import scrapy", "lives in crawler only"),
        ("archive/extract/article.py", "import bs4", "bs4 has no home yet"),
        ("crawler/cli.py", "import scrapy", "inside a function"),
        ("crawler/cli.py", "import crawler.wire", "inside a function"),
        ("crawler/__init__.py", "import uvloop", "inside a function"),
        ("archive/surt.py", "from surt import surt", "surt has no home yet"),
        ("archive/surt.py", "import socket", "is pure"),
        ("archive/model.py", "from pathlib import Path", "is pure"),
        ("archive/model.py", "def f():\n    import logging", "is pure"),
        ("archive/extract/article.py", "from urllib import request", "is pure"),
        ("archive/extract/article.py", "from archive.warc import read_payload", "is pure"),
        ("archive/extract/article.py", "open('/etc/passwd')", "is pure"),
        ("crawler/revisit.py", "import datetime as dt\ndt.datetime.now()", "is pure"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, path: str, code: str, complaint: str) -> None:
    found = problems(planted(tmp_path, {**CLEAN, path: f"{code}\n{CLEAN.get(path, '')}"}))

    assert any(complaint in line for line in found), found


def planted(root: Path, files: Mapping[str, str]) -> Path:
    """`root` with these files in it."""
    for path, code in files.items():
        root.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        root.joinpath(path).write_text(code, encoding="utf-8")
    return root

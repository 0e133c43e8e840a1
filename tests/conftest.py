"""What tests may ask for, and what is skipped where it cannot be had.

Three marks say what a test needs beyond a clone: `shared` (the folder beside the checkout), `lab` (that, and root) and
`browser` (chromium). Without it the test is skipped, with the reason. Under MURAGAT_STRICT=1, which `.ci/run` sets in
CI, such a skip is a failure: a machine that lost its browser must not stay green.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
CHROMIUM = Path(os.environ.get("MURAGAT_CHROMIUM") or "/usr/bin/chromium")
STRICT = os.environ.get("MURAGAT_STRICT") == "1"
NEEDS = ("shared", "lab", "browser")
FIXTURES = {"shared": "shared", "chromium": "browser"}  # whoever asks for one carries its mark


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the checkout, with data sets and the WordPress lab."""
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser: Playwright's `executable_path`."""
    return CHROMIUM


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(FIXTURES[fixture])
        for need in NEEDS:
            if item.get_closest_marker(need) and (reason := missing(need)):
                item.add_marker(pytest.mark.skip(reason=reason))


def missing(need: str) -> str | None:
    """Why tests with this mark cannot run here, and what would help; None when they can."""
    if need == "shared" and not SHARED.is_dir():
        return f"needs the folder {SHARED}"
    if need == "lab" and not (SHARED / "lab" / "wordpress").is_dir():
        return f"needs the WordPress lab in {SHARED / 'lab'}"
    if need == "lab" and os.geteuid() != 0:
        return "needs root, to boot the WordPress lab"
    if need == "browser" and not os.access(CHROMIUM, os.X_OK):
        return f"needs {CHROMIUM}: apt-get install chromium, or set MURAGAT_CHROMIUM"
    if need == "browser" and not driver_starts():
        return "needs what Playwright's driver links to: apt-get install libatomic1"
    return None


@cache
def driver_starts() -> bool:
    """Whether Playwright's own node runs here; a minimal Debian lacks a library of it."""
    return subprocess.run([sys.executable, "-m", "playwright", "--version"], capture_output=True).returncode == 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if STRICT and report.skipped and not hasattr(report, "wasxfail") and any(map(item.get_closest_marker, NEEDS)):
        fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if STRICT and report.skipped:  # a whole module that skips itself: its marks are never seen
        fail(report)
    return report


def fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that gives the same reason."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{reason.removeprefix('Skipped: ')} (MURAGAT_STRICT=1: a skip is a failure)"

"""Skips that explain themselves, and that CI does not let pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NEEDY = """
import pytest

@pytest.mark.browser
def test_marked(): assert True

def test_asks_for_the_fixture(chromium): assert True

def test_needs_nothing(): assert True
"""


def run(folder: Path, *, strict: bool, code: str = NEEDY, chromium: str = "no-chromium") -> tuple[int, str]:
    """Exit code and output of pytest over one made-up module, on a machine with this file for a browser."""
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "test_needy.py").write_text(code)
    options = ["-c", str(HERE.parent / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    env = {**os.environ, "MURAGAT_CHROMIUM": chromium, "MURAGAT_STRICT": "1" if strict else "0"}
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_browser_test_is_skipped_with_what_to_install(tmp_path: Path) -> None:
    code, output = run(tmp_path, strict=False)

    assert code == 0, output
    assert "1 passed, 2 skipped" in output
    assert "needs no-chromium: apt-get install chromium" in output


def test_under_strict_the_same_skip_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    code, output = run(tmp_path, strict=True)

    assert code == 1, output
    assert "1 passed, 2 errors" in output
    assert "needs no-chromium: apt-get install chromium" in output


@pytest.mark.parametrize(
    "code",
    [
        "import pytest\n\n@pytest.mark.browser\ndef test_it(): pytest.skip('the page would not load')",
        "import pytest\npytest.skip('the page would not load', allow_module_level=True)",
    ],
)
def test_under_strict_nobody_skips_by_hand(tmp_path: Path, code: str) -> None:
    lax, _ = run(tmp_path, strict=False, code=code, chromium=sys.executable)
    strict, output = run(tmp_path, strict=True, code=code, chromium=sys.executable)

    assert lax in (0, 5)  # 5: nothing left to run
    assert strict in (1, 2), output
    assert "the page would not load" in output


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    code, output = run(
        tmp_path, strict=True, code="import pytest\n\n@pytest.mark.xfail(strict=True)\ndef test_it(): assert False"
    )

    assert code == 0, output

"""The browser tests on a machine that has no browser, or not what Playwright needs to start one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LACKS = {
    "a part of Playwright": ({"PLAYWRIGHT_NODEJS_PATH": "/bin/false"}, "Playwright does not start"),
    "a browser": ({"PATH": "/nowhere", "PLAYWRIGHT_BROWSERS_PATH": "/nowhere"}, "no browser was found"),
}


@pytest.fixture(params=LACKS.values(), ids=list(LACKS))
def tried(request, playwright_starts):
    """A function that runs one browser test where something is lacking: its process, and what it should say."""
    lacking, said = request.param
    if "browser" in said and not playwright_starts:
        pytest.skip("Playwright does not start here, so that nothing asks for a browser")

    def run(**environment):
        plain = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
        command = [sys.executable, "-m", "pytest", "-rs", "tests/browser/test_draw.py", "-k", "thicker"]
        return subprocess.run(command, cwd=ROOT, env=plain | lacking | environment, text=True, capture_output=True,
                              check=False), said

    return run


def test_they_are_skipped_and_say_what_to_install(tried):
    done, said = tried()
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert said in done.stdout.replace("\n", " ") and "install" in done.stdout


def test_where_all_has_to_be_tested_they_fail_and_say_it(tried):
    done, said = tried(CI="true")
    assert done.returncode == 1
    assert said in done.stdout and "Traceback" not in done.stdout

"""The library in a browser, where NumPy has no BLAS: what the browser's test measures, with both products in turns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.tasks import QUICK, THREADS

ROOT = Path(__file__).parent.parent
TEST = "tests/browser/test_live.py", "-k", "products_there"


@pytest.mark.skipif(THREADS != 1, reason="a browser's Python has one thread")
def test_browser(benchmark, tmp_path):
    if not (ROOT / "_build" / "html" / "lite").exists():
        pytest.skip("the book is not built, and with it what runs in the browser: run `make book`")
    measured = tmp_path / "browser.json"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TEST], cwd=ROOT, text=True,
                          env=os.environ | {"BROWSER_SPEED": str(measured)}, capture_output=True, check=False)
    if done.returncode or not measured.exists():
        pytest.skip(f"no browser did it: {(done.stdout.strip() or done.stderr.strip()).splitlines()[-1]}")
    benchmark.extra_info |= {"kind": "browser", "seconds": json.loads(measured.read_text()), "quick": QUICK}
    benchmark.pedantic(lambda: None, rounds=1)

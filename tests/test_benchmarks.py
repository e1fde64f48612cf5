"""The stored figures of the benchmark, as the page on speed shows them."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = json.loads((ROOT / "benchmarks" / "results.json").read_text())


def test_nothing_was_left_out_silently():
    required = set(re.findall(r"^([\w-]+)==", (ROOT / "benchmarks" / "requirements.txt").read_text(), re.MULTILINE))
    measured = {name for name, version in RESULTS["machine"]["packages"].items() if version}
    named_as_missing = {package for packages in RESULTS["missing"].values() for package in packages}
    assert required - {"pytest-benchmark"} <= measured | named_as_missing


def judged():
    return [entry for entry in RESULTS["table"] if "target" in entry]


def test_every_target_was_measured():
    assert len(judged()) == 15


@pytest.mark.parametrize("entry", judged(), ids=lambda entry: f"{entry['setting']}: {entry['what']}")
def test_a_verdict_is_what_its_figures_say(entry):
    low, middle, high = entry["ratio"]
    sign, bound = entry["target"].split()
    assert low <= middle <= high
    assert entry["met"] == (middle <= float(bound) if sign == "≤" else middle >= float(bound))

"""The stored figures of the benchmark, as the page on speed shows them, and the clocks around the parts of a step."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import parts
from mlplib import ACTIVATIONS, network, training

ROOT = Path(__file__).parent.parent
RESULTS = json.loads((ROOT / "mlplib" / "speed.json").read_text(encoding="utf-8"))


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


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_clocks_stand_around_all_that_an_update_calls(small_trainer, activation):
    timed, plain = (small_trainer(hidden=(5, 3)) for _ in range(2))
    timed.model.activation = plain.model.activation = activation
    clock, found = parts.Clock(), ACTIVATIONS[activation]
    with parts.clocks_around(timed, activation, clock):
        timed.update()
    assert clock.calls == {
        parts.FETCH: 2,  # the images and their targets
        parts.PRODUCTS: 3 + 3 + 2,  # forward, for the gradients, for the δ of the hidden layers
        parts.ACTIVATIONS: 2 + 2,  # f and f′
        parts.SOFTMAX: 3,
        parts.UPDATE: 1,
    }
    plain.update()
    assert all(map(np.array_equal, timed.model.weights, plain.model.weights))
    assert network.np is training.np is np and ACTIVATIONS[activation] is found

"""The fifteen epochs with a wrong gradient that chapter 2 shows: the stored figures are those of its networks."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

PROGRAM = runpy.run_path(str(Path(__file__).resolve().parents[1] / "book" / "wrong_gradient.py"))
STORED = json.loads(PROGRAM["FILE"].read_text(encoding="utf-8"))


def test_all_runs_are_stored():
    assert STORED["figures"] == list(PROGRAM["Figures"]._fields)
    for name in PROGRAM["NETWORKS"]:
        assert np.shape(STORED[name]) == (len(PROGRAM["SEEDS"]), PROGRAM["EPOCHS"], 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAM["NETWORKS"])
def test_an_epoch_that_is_trained_again_comes_to_the_stored_figures(name):
    (found,) = PROGRAM["after_each_epoch"](PROGRAM["NETWORKS"][name], 3, 1)
    np.testing.assert_allclose(found, STORED[name][3][0], atol=2e-3)

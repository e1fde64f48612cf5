"""A hand-in's cells, and what its process tells, which may be anything."""

import json

import numpy as np
import pytest
from solutions import NAMES, SOLUTION

from mlplib.practice import BLANKS
from mlplib.practice.handins import FUNCTIONS, as_json, cells_of, from_json, python
from mlplib.practice.observation import Raised, Strange


def notebook(*sources):
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]}).encode()


def test_the_functions_are_those_of_the_blanks():
    assert FUNCTIONS == NAMES and SOLUTION.exists()


@pytest.mark.parametrize("sources, numbers", [
    (["import numpy", "def train(): pass", "run_for_an_hour()"], [1, 2]),
    (["def train(): pass", "def helper(): pass", "train = helper", "plot()"], [1, 2, 3]),
    (["check('training', train)", "def train(): pass", "check('x')\ncheck('y')"], [2]),
    (["from mine import train", "0"], [1]), (["def train(:\n  pass", "0"], [1]), (["x = 1"], []), ([], []),
    ([["def train():\n", "    pass"], "0"], [1]), (["train, slope = 1, 2", "0"], [1]),
])
def test_cells_are_run_up_to_the_last_that_is_needed_and_no_checks(sources, numbers):
    assert [cell.number for cell in cells_of(notebook(*sources))] == numbers


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"", b"[]", b"{}", b'{"cells": 3}', b"\xff\xfe", b"null",
                                     b'{"cells": [{"cell_type": "code"}]}',
                                     b'{"cells": [{"cell_type": "code", "source": 3}]}',
                                     b"[" * 100_000])
def test_what_is_no_notebook_is_told(content):
    with pytest.raises(ValueError, match="This is not a notebook"):
        cells_of(content)


@pytest.mark.parametrize("source, plain", [
    ("%matplotlib inline\nx = 1", "pass\nx = 1"), ("%%time\nx = 1", "pass\nx = 1"),
    ("if x:\n    !ls", "if x:\n    pass"),
    ("x = (7\n% 4)", "x = (7\n% 4)"), ("x = = 1", "x = = 1"),
])
def test_lines_that_only_ipython_knows_are_left_out(source, plain):
    assert python(source) == plain


@pytest.mark.parametrize("name", BLANKS)
def test_what_is_seen_comes_through_as_it_was(name):
    blank = BLANKS[name]
    for observation in (blank.expected, *(known for _, known in blank.known)):
        again = from_json(json.loads(json.dumps(as_json(observation))))
        assert observation.differing(again) == again.differing(observation) == []
        assert blank.judge(again) == blank.judge(observation)


def test_arrays_keep_their_dtype_unless_they_are_too_large():
    observation = BLANKS["delta"].observe(lambda y_hat, y: np.float16(y_hat))
    observation.note("huge", np.zeros(10**6))
    observation.note("long", np.ones(2, np.longdouble))
    again = from_json(as_json(observation))
    assert again.seen["output_delta(y_hat, y), 5 samples" if "output_delta(y_hat, y), 5 samples" in again.seen
                      else next(iter(again.seen))].dtype == np.float16
    assert again.seen["huge"] == Strange("an array of shape (1000000,)") and again.seen["long"].dtype == float


@pytest.mark.parametrize("entry", [
    {"dtype": "object", "shape": [1], "values": [1]}, {"dtype": "float64", "shape": [2], "values": [1]}, {"other": 1},
    {"raised": "x"}, {"dtype": "float64", "shape": [1], "values": ["x"]}, 3, {"dtype": "int64", "values": 10**9},
    {"dtype": "int8", "shape": [1], "values": [10**30]},
])
def test_what_is_no_observation_is_refused(entry):
    told = {"seen": {"x": entry}, "lines": {}, "unwritten": False, "endless": False}
    with pytest.raises(ValueError):
        from_json(told)


def test_an_exception_comes_through():
    again = from_json({"seen": {"x": {"raised": ["Kind", "y" * 1000]}}, "lines": {}, "unwritten": 0, "endless": 0})
    assert again.seen["x"] == Raised("Kind", "y" * 300)

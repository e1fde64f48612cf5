"""A hand-in's cells, and what its process tells, which may be anything."""

import json

import numpy as np
import pytest
from solutions import NAMES, SOLUTION

from mlplib.practice import BLANKS
from mlplib.practice.handins import FUNCTIONS, as_json, cells_of, from_json, own_code, python
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
    (["if 1:\n    def train(): pass", "class A:\n    def update(): pass", "def f():\n    slope = 1"], [1]),
])
def test_cells_are_run_up_to_the_last_that_is_needed_and_no_checks(sources, numbers):
    assert [cell.number for cell in cells_of(notebook(*sources))[0]] == numbers


@pytest.mark.parametrize("sources, numbers, name", [
    (["def train(): return np.e", "x = 1", "import numpy as np"], [3, 1], "np"),
    (["def train(): return SIZE", "import os", "SIZE = 3\nprint(train())"], [1, 3], "SIZE"),
    (["def train(x): return x + len(x)", "x = 1", "len = 2", "def f():\n    y = 1"], [1], None),
    (["y = 1", "def train(): return y", "y = 2"], [1, 2], None),
])
def test_what_is_used_above_and_stands_below_is_run_too(sources, numbers, name):
    cells, remarks = cells_of(notebook(*sources))
    assert [cell.number for cell in cells] == numbers
    assert remarks == ([f"Cell 3 was run too, for what is used above it: {name}."] if name else [])


def test_what_is_defined_twice_is_remarked():
    _, remarks = cells_of(notebook("def train(): pass", "def slope(): pass", "slope()", "def train(): 1", "slope = 1"))
    assert remarks == ["Defined more than once, and the last one counts: slope (cells 2, 5), train (cells 1, 4)."]


@pytest.mark.parametrize("one, other, alike", [
    ("def train(): return 1", "def train():  # mine\n    return 1", True),
    ("def train(): return 1", "def train(): return 2", False), ("x = 1", "x = 1", None),
    ("def train(): raise NotImplementedError", "def train(): raise NotImplementedError", None),
])
def test_code_is_the_same_whatever_its_comments(one, other, alike):
    one, other = own_code(notebook("import os", one)), own_code(notebook(other))
    assert (one == other == "") if alike is None else ((one == other) is alike and one)


@pytest.mark.parametrize("content, says", [
    (b"%PDF-1.7", "damaged, or cut short"), (b"", "damaged"), (b"\xff\xfe", "damaged"), (b"[" * 100_000, "damaged"),
    (notebook("x = 1")[:-5], "damaged, or cut short"), (b'{"worksheets": [], "nbformat": 3}', "open it there"),
    (b"[]", "not a notebook"), (b"{}", "not a notebook"), (b'{"cells": 3}', "not a notebook"), (b"null", "not a note"),
    (b'{"cells": [{"cell_type": "code"}]}', "not a n"), (b'{"cells": [{"cell_type": "code", "source": 3}]}', "not a n"),
])
def test_what_is_no_notebook_is_told(content, says):
    with pytest.raises(ValueError, match=says):
        cells_of(content)
    assert own_code(content) == ""


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
    for observation in (blank.expected, *(known for _, known, _ in blank.known)):
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

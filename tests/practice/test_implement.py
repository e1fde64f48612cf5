"""The exercise notebook: with its blanks, as it is stored, and with a reader's solutions in their place."""

import re
from pathlib import Path

import jupytext
import numpy as np
import pytest
import solutions
from matplotlib import pyplot as plt

from mlplib.practice import BLANKS

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "exercises" / "implement.ipynb"
CELLS = [cell for cell in jupytext.read(NOTEBOOK).cells if cell.cell_type == "code"]
STUBS = [cell.source for cell in CELLS if "raise NotImplementedError" in cell.source]
CHECKS = [cell for cell in CELLS if cell.source.startswith("check(")]


def text(cell):
    """What a cell shows, as text."""
    return "".join(output.get("text") or output["data"]["text/plain"] for output in cell.outputs)


def test_each_blank_stands_above_its_check_in_the_order_of_the_library():
    assert [re.findall(r'check\("([^"]+)"', cell.source)[0] for cell in CHECKS] == list(BLANKS)
    assert len(STUBS) == len(BLANKS)
    for stub, cell, blank in zip(STUBS, CHECKS, BLANKS.values()):
        assert CELLS.index(cell) == [each.source for each in CELLS].index(stub) + 1
        assert tuple(re.findall(r"^def (.+):$", stub, re.MULTILINE)) == blank.signatures
        given = cell.source.removeprefix("check(").removesuffix(")").split(", ")[1:]
        assert given == [signature.split("(")[0] for signature in blank.signatures]


def test_a_stub_says_what_is_wanted_and_nothing_of_how():
    for stub in STUBS:
        assert stub.count('"""') == stub.count("raise NotImplementedError") * 2
        assert "return" not in stub and "np." not in stub


def test_with_blanks_it_runs_and_says_what_is_missing():
    assert [text(cell).splitlines()[0] for cell in CHECKS] == [f"Nothing here yet: {name}." for name in BLANKS]
    assert [output for cell in CELLS for output in cell.outputs if output.output_type == "error"] == []
    last = "".join(map(text, CELLS[-6:]))
    assert last.count(", ".join(BLANKS)) == 3 and "No curves to draw yet." in last


def test_what_is_stored_leads_to_no_page_and_shows_no_solution():
    shown = "".join(output["data"]["text/html"] for cell in CHECKS for output in cell.outputs)
    assert "<a" not in shown and "<details" not in shown


def filled_in(functions, epochs):
    """Run all cells, with a reader's functions in place of the blanks; the names that they leave behind."""
    names = [name for stub in STUBS for name in re.findall(r"^def (\w+)", stub, re.MULTILINE)]
    world = {}
    for cell in CELLS:
        if cell.source in STUBS:
            world |= dict(zip(names, functions))
        elif cell in CHECKS:
            assert eval(cell.source, world).right
        else:
            exec(cell.source.replace("epochs=3", f"epochs={epochs}"), world)
    plt.close("all")
    return world


@pytest.mark.slow
@pytest.mark.parametrize("version", ["FIRST", "SECOND"])
def test_with_solutions_all_is_right_and_the_two_networks_learn_alike(version, capsys):
    plt.switch_backend("Agg")
    functions = [function for pair in getattr(solutions, version).values() for function in pair]
    world = filled_in(functions, epochs=1)
    printed = capsys.readouterr().out
    assert "still missing: nothing, all eight are right" in printed
    assert re.findall(r"^W(\d): (\w+)$", printed, re.MULTILINE) == [("1", "right"), ("2", "right"), ("3", "right")]
    yours, ours = world["curves"]["yours"], world["curves"]["mlplib"]
    assert len(yours) == len(ours) == 1
    assert np.allclose(yours, ours, rtol=0.2) and yours[0] < 0.5

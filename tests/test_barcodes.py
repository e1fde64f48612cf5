"""Spectra as bar codes: where each line stands, and what the rows of the figure are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlplib.barcodes import FASTEST_COLOR, GENTLE_COLOR, START_COLOR, draw_bar_code, plot_spectra
from mlplib.style import WIDTH

plt.switch_backend("Agg")
SEEN = {"values": {"start": [40.0, 8.0, 2.0], "gentle": [10.0, 5.0, 0.5]}, "steps": [0.1, 0.2], "loss": [0.5, 0.4],
        "fastest": 0.15}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def bars(ax, color):
    """(step, low, high, line width) of each line of a colour, from left to right."""
    found = []
    for lines in ax.collections:
        if plt.matplotlib.colors.same_color(lines.get_color()[0], color):
            found += [(x, low, high, lines.get_linewidth()[0]) for (x, low), (_, high) in lines.get_segments()]
    return sorted(found)


def test_each_eigenvalue_has_its_line_at_the_longest_step_that_it_allows_and_the_largest_a_thick_one():
    _, ax = plt.subplots()
    draw_bar_code(ax, [8.0, 4.0, 1.0, 0.0, -2.0], 1, 3, "black")
    (x, low, high, thick), *others = bars(ax, "black")
    assert (x, low, high) == (0.25, 1, 3) and [bar[:3] for bar in others] == [(0.5, 1, 3), (2.0, 1, 3)]
    assert {width < thick / 2 for *_, width in others} == {True}


def test_rows_are_networks_from_top_to_bottom_each_before_and_after_with_its_fastest_step():
    other = SEEN | {"fastest": 0.4, "values": {"start": [20.0, 1.0], "gentle": [4.0, 1.0]}}
    figure = plot_spectra({"plain": SEEN, "other": other})
    figure.canvas.draw()
    ax, above = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["plain", "other"]
    first, second = ax.get_yticks()
    assert first > second and figure.get_figwidth() == WIDTH
    for y, seen in ((first, SEEN), (second, other)):
        for color, when in ((START_COLOR, "start"), (GENTLE_COLOR, "gentle")):
            row = [x for x, low, high, _ in bars(ax, color) if abs((low + high) / 2 - y) < 0.5]
            assert row == pytest.approx([2 / value for value in seen["values"][when]])
    measured = [line for line in ax.lines if line.get_color() == FASTEST_COLOR and len(line.get_xdata())]
    assert [line.get_xdata()[0] for line in measured] == [0.15, 0.4]
    assert [round(line.get_ydata()[0]) for line in measured] == [first, second]
    assert np.array(ax.get_xlim()) * above.get_xlim() == pytest.approx([2, 2]), "above stands λ = 2 / step"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "before training", "after two gentle epochs", "the best step"]


@pytest.mark.parametrize("spectra, exception, said", [
    ({}, ValueError, "spectra: expected at least one network"),
    ([SEEN], TypeError, "spectra: expected a dict with names as keys"),
    ({"plain": {"values": {}}}, TypeError, r"spectra\['plain'\]: expected a dict with values, steps, loss and"),
])
def test_what_is_no_spectra_is_refused(spectra, exception, said):
    with pytest.raises(exception, match=said):
        plot_spectra(spectra)

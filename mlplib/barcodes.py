"""Spectra as bar codes: a line for each direction in which the loss curves, at the longest step that it allows."""

from collections.abc import Mapping

import numpy as np

from mlplib import _checks
from mlplib._checks import extra
from mlplib.style import BLACK, GREY, VERMILLION, WIDTH, legend_above

with extra("notebooks", "mlplib.barcodes"):
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator

#: Of the bar codes before training, and after two gentle epochs: their colours.
START_COLOR, GENTLE_COLOR = GREY, BLACK
#: Of the step that was fastest.
FASTEST_COLOR = VERMILLION
#: The longest step on an axis; a spectrum has no end to the right.
LONGEST_STEP = 20


def known_spectrum(name, value):
    """Return `value` if it is all that a picture needs, or say what it lacks.

    Parameters
    ----------
    name : str
    value : dict
        As `mlplib.evidence.spectra.read_spectra` gives one for each network.

    Returns
    -------
    dict
    """
    if not isinstance(value, Mapping) or not {"values", "steps", "loss", "fastest"} <= value.keys():
        raise TypeError(f"{name}: expected a dict with values, steps, loss and fastest, as read_spectra gives it, got "
                        f"{_checks.shown(value)}")
    return value


def draw_bar_code(ax, values, low, high, color):
    """A spectrum between two heights: a thin line at 2/λ for each of its eigenvalues, a thick one for the largest.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its horizontal axis is the step.
    values : sequence of float
        Eigenvalues, the largest first. Those that are not above 0 limit no step, and have no line.
    low, high : float
    color : str
    """
    largest, *others = _checks.sequence("values", values, "numbers")
    others = np.array([value for value in others if value > 0])
    ax.vlines(2 / others, low, high, color=color, linewidth=0.8)
    ax.vlines(2 / largest, low, high, color=color, linewidth=4)


def step_axis(ax, shortest):
    """Give axes the step as their horizontal axis, logarithmic.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    shortest : float
        Where it begins; it ends at `LONGEST_STEP`.
    """
    ax.set_xscale("log")
    ax.set(xlim=(shortest, LONGEST_STEP), xlabel="effective step, α / (1 − γ)")
    ax.xaxis.set(major_locator=LogLocator(), major_formatter="{x:g}", minor_locator=NullLocator())
    ax.grid(False, axis="y")


def plot_spectra(spectra):
    """Spectra of networks one below the other, before training and after, each with the step that was fastest.

    Parameters
    ----------
    spectra : dict from str to dict
        By label, from top to bottom, as `mlplib.evidence.spectra.read_spectra` gives them by the networks' names.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as all figures of the book.

    Raises
    ------
    TypeError, ValueError
        If they are not, or there are none.
    """
    spectra = {label: known_spectrum(f"spectra[{label!r}]", seen)
               for label, seen in _checks.named("spectra", spectra).items()}
    n = len(spectra)
    if not n:
        raise ValueError("spectra: expected at least one network, got none")
    figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * n + 1.6))
    for y, seen in zip(range(n, 0, -1), spectra.values()):
        draw_bar_code(ax, seen["values"]["start"], y, y + 0.34, START_COLOR)
        draw_bar_code(ax, seen["values"]["gentle"], y - 0.34, y, GENTLE_COLOR)
        ax.plot(seen["fastest"], y - 0.17, "d", color=FASTEST_COLOR, markersize=10, markeredgecolor="white")
    for name, look, color in (("before training", "|", START_COLOR), ("after two gentle epochs", "|", GENTLE_COLOR),
                              ("the best step", "d", FASTEST_COLOR)):
        ax.plot([], [], look, color=color, label=name, markersize=9, markeredgewidth=None if look == "d" else 2)
    shortest = min(min(seen["fastest"], 2 / max(map(max, seen["values"].values()))) for seen in spectra.values())
    step_axis(ax, shortest / 1.4)
    ax.set_yticks(range(n, 0, -1), list(spectra))
    ax.set_ylim(0.5, n + 0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    above = ax.twiny()
    above.set_xscale("log")
    above.set(xlim=2 / np.array(ax.get_xlim()), xlabel="eigenvalue, λ = 2 / step")
    above.xaxis.set(major_locator=LogLocator(), major_formatter="{x:,g}", minor_locator=NullLocator())
    above.spines[["top"]].set_visible(True)
    above.spines["left"].set_visible(False)
    above.grid(False)
    legend_above(figure, ax)
    return figure

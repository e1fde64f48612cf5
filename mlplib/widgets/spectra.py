"""An explorer of spectra: how a network's loss curves, and which step it takes best."""

from html import escape

import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from mlplib import _checks
from mlplib.barcodes import (
    FASTEST_COLOR,
    GENTLE_COLOR,
    LONGEST_STEP,
    START_COLOR,
    draw_bar_code,
    known_spectrum,
    step_axis,
)
from mlplib.catalogue import REPORT_TRICKS
from mlplib.experiments import TRICKS
from mlplib.style import BLUE, WIDTH
from mlplib.sweeps import counted
from mlplib.widgets.frames import KernelFree, choice, note, picture, switch

_OFF_ON = {"0": "off", "1": "on"}


class SpectrumExplorer(KernelFree):
    """Spectra of many networks, one chosen by its tricks, width and depth, beside the loss that each step leads to.

    Parameters
    ----------
    spectra : dict from (str, int, int) to dict
        By the code of the tricks, units and layers, as `mlplib.evidence.spectra.by_choice` gives them. What can be
        chosen is what stands in one of them.

    Attributes
    ----------
    rows : list of ipywidgets.ToggleButtons
        One for each trick, then units and layers.
    picture : ipywidgets.Stack
        Switched by them.

    Raises
    ------
    TypeError, ValueError
        If `spectra` is no such dict, or an empty one.
    """

    def __init__(self, spectra):
        if not _checks.instance("spectra", spectra, dict):
            raise ValueError("spectra: expected at least one network, got none")
        self._spectra = {_choice(key): known_spectrum(f"spectra[{key!r}]", seen) for key, seen in spectra.items()}
        self._axes = _axes()
        first = ("000", 64, 1) if ("000", 64, 1) in spectra else next(iter(spectra))
        codes, units, layers = map(set, zip(*spectra))
        digits = [sorted(set(each)) for each in zip(*codes)]
        self.rows = [choice(TRICKS[trick].name.capitalize(), [_OFF_ON[digit] for digit in each], _OFF_ON[chosen])
                     for trick, each, chosen in zip(REPORT_TRICKS, digits, first[0])]
        self.rows += [choice("Units per layer", list(map(str, sorted(units))), str(first[1])),
                      choice("Hidden layers", list(map(str, sorted(layers))), str(first[2]))]
        self.picture = switch(self.rows, lambda *chosen: ipywidgets.HTML(self._show(*chosen)))
        caption = note(
            "Above: each line is a direction in which the loss curves, at the longest step that plain descent could "
            "take there if the loss were a parabola, 2/λ; with momentum 0.9 it could be 19 times as long. Of the most "
            "curved directions only, the largest λ thick. Below: the training loss after two epochs with each step; a "
            "ring marks the lowest. Dashed: 2/λ after the gentle epochs. One seed. The axes are the same for all "
            "networks and cut off what lies outside."
        )
        super().__init__([*self.rows, self.picture, caption], self._show(*(row.value for row in self.rows))
                         + caption.value, f"SpectrumExplorer: {counted(len(spectra), 'network')}")
        self.add_class("explorer")

    def _show(self, *chosen):
        """Picture and a line of text, as HTML."""
        *tricks, units, layers = chosen
        code = "".join("01"[trick == "on"] for trick in tricks)
        if (code, int(units), int(layers)) not in self._spectra:
            return "<p>This network was not measured.</p>"
        seen = self._spectra[code, int(units), int(layers)]
        above, below = self._axes
        for artist in [*above.collections, *above.lines, *above.texts, *below.lines]:
            artist.remove()
        start, gentle = seen["values"]["start"], seen["values"]["gentle"]
        draw_bar_code(above, start, 1, 2, START_COLOR)
        draw_bar_code(above, gentle, 0, 1, GENTLE_COLOR)
        below.plot(seen["steps"], seen["loss"], "o-", color=GENTLE_COLOR, markersize=4)
        if _learns(seen):
            below.plot(seen["fastest"], min(seen["loss"]), "o", color=FASTEST_COLOR, fillstyle="none", markersize=12,
                       markeredgewidth=2)
        for ax in self._axes:
            ax.axvline(2 / gentle[0], color=BLUE, linestyle="--", linewidth=1.2)
        if 2 / gentle[0] < LONGEST_STEP:
            above.text(2 / gentle[0], 2.2, "2/λ", color=BLUE, ha="center", va="bottom")
        on = [TRICKS[trick].name for trick, chosen in zip(REPORT_TRICKS, tricks) if chosen == "on"]
        name = f"{' + '.join(on) or 'no tricks'}, {counted(int(layers), 'hidden layer')} of {units}"
        text = _in_words(seen)
        alt = (f"{name}. The spectrum as a bar code before training and after, above; the loss against the step, "
               f"below. {text}")
        return picture(above.figure, alt) + f"<p>{escape(text)}</p>"


def _choice(key):
    """The key of a network, if it is a code of tricks with units and layers."""
    if not isinstance(key, tuple) or len(key) != 3 or not isinstance(key[0], str):
        raise TypeError(f"spectra: expected keys such as ('110', 64, 1), got {_checks.shown(key)}")
    code, units, layers = key
    if len(code) != len(REPORT_TRICKS) or not set(code) <= set(_OFF_ON):
        raise ValueError(f"spectra: expected a code of three digits, each 0 or 1, such as '110', got "
                         f"{_checks.shown(code)}")
    return code, _checks.integer("units", units, minimum=1), _checks.integer("layers", layers, minimum=1)


def _axes():
    """Axes for all pictures: only what differs between them is drawn anew."""
    figure = Figure((WIDTH, 3.9), layout="none")
    figure.subplots_adjust(left=0.14, right=0.97, bottom=0.13, top=0.93, hspace=0.02)
    above, below = figure.subplots(2, height_ratios=(2, 3), sharex=True)
    step_axis(below, 0.002)
    above.set(ylim=(-0.1, 2.1))
    above.set_yticks([0.5, 1.5], ["after", "before"])
    above.grid(False, axis="y")
    above.tick_params(axis="both", length=0)
    above.spines[["left", "bottom"]].set_visible(False)
    below.set(yscale="log", ylim=(0.05, 20), ylabel="training loss [nats]")
    below.yaxis.set(major_locator=LogLocator(), major_formatter="{x:g}", minor_locator=NullLocator())
    return above, below


def _in_words(seen):
    before, after = (seen["values"][when][0] for when in ("start", "gentle"))
    steps, predicted, fastest = seen["steps"], 2 / after, seen["fastest"]
    end = {steps[0]: "at most ", steps[-1]: "at least "}.get(fastest, "")
    tried = {"at most ": ", the shortest tried", "at least ": ", the longest tried"}.get(end, "")
    text = (f"λ is {_number(before)} before training and {_number(after)} after two gentle epochs: predicted is a step "
            f"of 2/λ = {_number(predicted)}. ")
    if not _learns(seen):
        return text + "Measured, it learns with no step in two epochs: the loss stays near that of guessing, 2.30."
    return text + (f"Measured, the loss is lowest with a step of {_number(fastest)}{tried}: "
                   f"{end}{_number(fastest / predicted)} of the predicted.")


def _learns(seen):
    return min(seen["loss"]) < 0.95 * np.log(10)


def _number(value):
    """To two digits."""
    two = float(f"{value:.2g}")
    return f"{two:,.0f}" if two >= 100 else f"{two:g}"

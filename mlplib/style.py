"""How every figure of the book looks: its size, its colours and markers, its ground, and how a notebook keeps it.

Importing it sets matplotlib's style for the figures that a notebook draws itself: its defaults with the book's changes,
whatever a user's `matplotlibrc` says, so that a figure is the same on every machine. A notebook keeps each figure as
SVG, and as PNG for a viewer that shows no SVG of a file it does not trust.
"""

import sys
from dataclasses import replace

import numpy as np

from mlplib import _checks
from mlplib._checks import extra
from mlplib.catalogue import topology_experiment, trick_experiment
from mlplib.experiments import Experiment
from mlplib.report import REPORT

with extra("notebooks", "mlplib.style"):
    import matplotlib.pyplot as plt
    from matplotlib.colors import is_color_like, to_hex, to_rgb

# Okabe and Ito's palette and a grey, told apart by colour-blind readers; then what they leave over, by Tol.
GREY, SKY, ORANGE, BLUE, PURPLE, GREEN, VERMILLION, BLACK = (
    "#777777", "#56B4E9", "#E69F00", "#0072B2", "#CC79A7", "#009E73", "#D55E00", "#000000")
WINE, INDIGO, OLIVE, ROSE, FOREST, CHARCOAL = "#882255", "#332288", "#999933", "#CC6677", "#117733", "#444444"
PALE = "#BBBBBB"  # for what is only there to be told from the rest

#: Of each colour the marker that its lines have too: without colours they are still told apart.
MARKERS = {
    GREY: "o", SKY: "s", ORANGE: "D", BLUE: "^", PURPLE: "v", GREEN: "P", VERMILLION: "X", BLACK: "*",
    WINE: ">", INDIGO: "<", OLIVE: "p", ROSE: "h", FOREST: "d", CHARCOAL: "H",
}

#: Of the rows of the report.
COLORS = {"2c": GREY, "3a": SKY, "3b": ORANGE, "3c": BLUE, "4a": PURPLE, "4b": GREEN, "4d": VERMILLION, "4e": BLACK}
#: Of each network that has no colour of its own.
OTHER = WINE
#: Of what is no network, in the order of drawing.
PALETTE = (CHARCOAL, INDIGO, FOREST, ROSE)


def _network(experiment):
    """The experiment without what a network may be trained by: two that differ in that alone have one colour."""
    kept = ("hidden", "init", "activation", "gamma", "biases", "input_gain", "output_gain", "offset")
    return replace(Experiment(), **{name: getattr(experiment, name) for name in kept})


_TEN_LAYERS = topology_experiment(64, 10)
_COLORS = {_network(experiment): color for experiment, color in (
    *((REPORT[label].experiment, own) for label, own in COLORS.items()),
    (trick_experiment((False, False, True)), INDIGO),
    (trick_experiment((False, True, False)), WINE),
    (trick_experiment((False, True, True)), OLIVE),
    (trick_experiment((True, False, True)), ROSE),
    (topology_experiment(64, 3), INDIGO),
    (topology_experiment(64, 5), FOREST),
    (topology_experiment(64, 20), ROSE),
    (replace(_TEN_LAYERS, activation="sigmoid"), INDIGO),
    (replace(_TEN_LAYERS, activation="sigmoid", init="uniform"), OLIVE),
    (replace(_TEN_LAYERS, init="uniform"), ROSE),
)}


def network_color(experiment):
    """The colour that a network has in every figure, whatever it is trained on, how long, and with which seed.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    str
        A colour of its own for each row of the report and for what is drawn beside them; `OTHER` for all others.
    """
    return _COLORS.get(_network(_checks.instance("experiment", experiment, Experiment)), OTHER)


def luminance(color):
    """Of a colour, relative to white, as the guidelines for contrast (WCAG) have it.

    Parameters
    ----------
    color : str
        Or whatever else matplotlib takes for one.

    Returns
    -------
    float
    """
    if not is_color_like(color):
        raise ValueError(f"color: expected one that matplotlib knows, got {_checks.shown(color)}")
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def ink(color):
    """The same colour for text: darker, if need be, until it has a contrast of 5 : 1 on white.

    Parameters
    ----------
    color : str

    Returns
    -------
    str
    """
    while 1.05 / (luminance(color) + 0.05) < 5:
        color = to_hex(0.95 * np.array(to_rgb(color)))
    return to_hex(color)


#: In inches; on a phone this becomes two thirds, and text of 10 points can still be read. So a figure with several
#: panels has them one below the other.
WIDTH = 5.2

STYLE = {
    "figure.dpi": 110,
    "figure.figsize": (WIDTH, 3.3),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "legend.frameon": False,
    # A figure has the ground of the page it stands on. A file that is saved is on white.
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "white",
    # Text as outlines: a picture in a page can load no font, and another one would change the layout.
    "svg.fonttype": "path",
    # The same bytes on every build; and no date below.
    "svg.hashsalt": "mlplib",
}
plt.rcdefaults()  # keeps the backend
plt.rcParams.update(STYLE)


def marked(color, n, count=8):
    """What a line of n points takes, as keywords of `plot`, to have some markers of its colour.

    Parameters
    ----------
    color : str
        One of `MARKERS`, or any other, which has none.
    n, count : int
        There are about `count` of them, not where lines of other colours have theirs.

    Returns
    -------
    dict
    """
    if color not in MARKERS:
        return {"color": color}
    every, place = max(1, n // count), list(MARKERS).index(color)
    return {"color": color, "marker": MARKERS[color], "markevery": (place * every // 4 % every, every)}


def legend_above(figure, ax):
    """Give a figure a legend above its panels, in as many columns as its texts leave room for.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    ax : matplotlib.axes.Axes
        Whose lines it names.
    """
    handles, labels = ax.get_legend_handles_labels()
    if labels:
        # A line, its distances and its text, in points, the text at a mean width of letters.
        columns = int(70 * figure.get_figwidth() / (48 + 5.2 * max(map(len, labels))))
        figure.legend(handles, labels, loc="outside upper center", ncols=min(max(columns, 1), len(labels)))


def _keep_as_svg():
    """Tell the notebook that imports this module, if one does."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or sys.platform == "emscripten":  # in a browser drawing twice takes too long
        return
    from matplotlib_inline.config import InlineBackend

    backend = InlineBackend.instance(parent=shell)
    # Not cut to what is drawn: all figures are of one width, so their text is of one size.
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    backend.print_figure_kwargs = {"bbox_inches": None, "metadata": nothing}
    backend.figure_formats = {"svg", "png"}


_keep_as_svg()

"""The figures and tables of the book: training dashed and validation solid, axes labelled with units.

Importing it sets the style of `mlplib.style` for the figures that a notebook draws itself.
"""

import base64
import io
from collections.abc import Iterable
from html import escape

import numpy as np

from mlplib import _checks
from mlplib._checks import extra
from mlplib.history import History
from mlplib.mnist import checked_images
from mlplib.report import NAMES, Reproduction
from mlplib.running import Figures
from mlplib.style import (
    COLORS,
    OTHER,  # noqa: F401 - users know it, and the next but one, by this module
    PALETTE,
    STYLE,  # noqa: F401
    WIDTH,
    legend_above,
    marked,
)

with extra("notebooks", "mlplib.plotting"):
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
    from PIL import Image

LABELS = {
    "train_loss": "training loss [nats]",
    "train_accuracy": "training accuracy",
    "validation_loss": "validation loss [nats]",
    "validation_accuracy": "validation accuracy",
}


#: What a history has a curve of.
CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def _colored(what, colors):
    """A colour for each label: those given, or of the report's rows, by their names or by the tasks they begin with."""
    tasks = {label: next((task for task, name in NAMES.items() if label == name), label[:2]) for label in what}
    found = colors or {label: COLORS[task] for label, task in tasks.items() if task in COLORS}
    lacking = [label for label in what if label not in found]
    if lacking:
        raise ValueError(f"colors: expected one for each label, got none for {_checks.shown(lacking[0])}")
    return found


def _sizes(sizes):
    found = {label: _checks.sequence(f"sizes[{label!r}]", values, "numbers")
             for label, values in _checks.named("sizes", sizes).items()}
    for label, values in found.items():
        for i, value in enumerate(values):
            _checks.loss(f"sizes[{label!r}][{i}]", value)
    return found


def _draw(ax, history, quantity, color, label):
    """One recorded quantity against gradient steps: training dashed, validation solid."""
    dashes = "--" if quantity.startswith("train") else "-"
    steps = history.evaluation_step
    ax.plot(steps, getattr(history, quantity), dashes, label=label, **marked(color, len(steps)))


def _draw_minibatches(ax, history, color, label=None):
    """The losses on minibatches as a band, the middle 80 % of neighbours: each by itself would hide the others.

    Of a history that comes from a store, which has few of them, fifteen are neighbours; else a hundredth of all.
    """
    recorded = np.isfinite(history.minibatch_loss)
    steps, losses = history.step[recorded], history.minibatch_loss[recorded]
    width = max(15, len(steps) // 100)
    if len(steps) < width:
        return
    starts = np.unique(np.linspace(0, len(steps) - width, 100, dtype=int))
    near = starts[:, None] + np.arange(width)
    ax.fill_between(steps[near].mean(axis=1), *np.quantile(losses[near], (0.1, 0.9), axis=1), color=color, alpha=0.25,
                    linewidth=0, label=label)


def _label(ax, ylabel):
    ax.set(xlabel="gradient steps", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(5))


def plot_run(history, color=COLORS["2c"]):
    """Loss and accuracy of one run against gradient steps.

    Parameters
    ----------
    history : History
    color : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    _checks.instance("history", history, History)
    figure, (losses, accuracies) = plt.subplots(2, 1, figsize=(WIDTH, 5.2), sharex=True)
    _draw_minibatches(losses, history, color, "minibatches, middle 80 %")
    for ax, kind in ((losses, "loss"), (accuracies, "accuracy")):
        _draw(ax, history, f"train_{kind}", color, "training set")
        _draw(ax, history, f"validation_{kind}", color, "validation set")
        _label(ax, "loss [nats]" if kind == "loss" else kind)
        ax.legend()
        ax.label_outer()
    finite = history.minibatch_loss[np.isfinite(history.minibatch_loss)]
    if len(finite):
        losses.set_ylim(0, np.percentile(finite, 99.5))  # the first steps would flatten all the others
    return figure


def plot_comparison(histories, colors=None):
    """Training loss, validation loss and validation accuracy of several runs against gradient steps.

    Parameters
    ----------
    histories : dict from str to History
        By the label for the legend, in the order of drawing.
    colors : dict from str to str, optional
        By the same labels; by default the colour of the row that a label starts with.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels; training loss on a logarithmic axis, the others cut to where the runs differ.
    """
    histories = _checks.several("histories", histories, History)
    colors = _colored(histories, colors)
    figure, axes = plt.subplots(3, 1, figsize=(WIDTH, 6.6), sharex=True)
    for ax, quantity in zip(axes, ("train_loss", "validation_loss", "validation_accuracy")):
        _compare(ax, histories, quantity, colors)
        ax.label_outer()
    legend_above(figure, axes[1])
    return figure


def _compare(ax, histories, quantity, colors):
    """One quantity of several runs, training loss on a logarithmic axis, the others cut to where the runs differ."""
    for label, history in histories.items():
        _draw(ax, history, quantity, colors[label], label)
    _label(ax, LABELS[quantity])
    best = np.max if quantity == "validation_accuracy" else np.min
    columns = (getattr(history, quantity) for history in histories.values())
    bests = [best(column[np.isfinite(column)]) for column in columns if np.isfinite(column).any()]
    if quantity == "train_loss":
        ax.set_yscale("log")
    elif bests and quantity == "validation_loss":
        ax.set_ylim(0.8 * min(bests), 2 * max(bests))
    elif bests:
        ax.set_ylim(min(max(bests) - 0.12, min(bests) - 0.02), max(bests) + 0.01)


def plot_quantity(histories, quantity, colors):
    """One recorded quantity of several runs against gradient steps: a small panel that is drawn fast, without a legend.

    Parameters
    ----------
    histories : dict from str to History
        By label, in the order of drawing.
    quantity : {"train_loss", "validation_loss", "validation_accuracy"}
    colors : dict from str to str
        By the same labels.

    Returns
    -------
    matplotlib.figure.Figure
        Its axis is logarithmic or cut as in `plot_comparison`.
    """
    histories = _checks.several("histories", histories, History)
    _checks.one_of("quantity", quantity, LABELS)
    colors = _colored(histories, colors)
    figure, ax = _small_panel()
    _compare(ax, histories, quantity, colors)
    return figure


def plot_gradient_bars(sizes, colors):
    """How large the gradient of each weight matrix is, on a logarithmic axis: a small panel of bars, without a legend.

    Parameters
    ----------
    sizes : dict from str to sequence of float
        By label, the root mean square of each gradient, input side first.
    colors : dict from str to str
        By the same labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sizes = _sizes(sizes)
    colors = _colored(sizes, colors)
    figure, ax = _small_panel()
    layers = np.arange(1, 1 + max(map(len, sizes.values()), default=1))
    width = 0.8 / max(1, len(sizes))
    for i, (label, values) in enumerate(sizes.items()):
        left = layers[: len(values)] - 0.4 + i * width
        ax.bar(left, values, width, align="edge", color=colors[label], label=label)
    ax.set_yscale("log")
    ax.set_xticks(layers)
    ax.set(xlabel="layer of weights (1 is at the input)", ylabel="RMS of the gradient")
    ax.grid(False, axis="x")
    ax.set_axisbelow(True)
    return figure


def _small_panel():
    # Fixed margins: finding them takes longer than all the drawing.
    return plt.subplots(figsize=(4.5, 3), layout="none",
                        gridspec_kw={"left": 0.16, "right": 0.97, "bottom": 0.17, "top": 0.96})


def plot_train_loss(histories, colors=None):
    """Training loss of several runs against gradient steps, and a band with the middle 80 % of the minibatches' losses.

    Parameters
    ----------
    histories : dict from str to History
        By the label for the legend.
    colors : dict from str to str, optional
        By the same labels; by default the colour of the row that a label starts with.

    Returns
    -------
    matplotlib.figure.Figure
    """
    histories = _checks.several("histories", histories, History)
    colors = _colored(histories, colors)
    figure, ax = plt.subplots()
    for label, history in histories.items():
        _draw_minibatches(ax, history, colors[label])
        _draw(ax, history, "train_loss", colors[label], label)
    _label(ax, LABELS["train_loss"])
    ax.set_yscale("log")
    ax.set_ylim(1e-4, None)
    ax.legend()
    return figure


def together(histories, quantity):
    """One recorded quantity of several runs, as far as all of them go.

    Parameters
    ----------
    histories : sequence of History
        Evaluated at the same steps.
    quantity : str
        "train_loss", for instance.

    Returns
    -------
    steps : int64 array of shape (n,)
        The evaluated steps that all runs reached.
    values : float64 array of shape (runs, n)
    """
    histories = _checks.instances("histories", histories, History)
    _checks.one_of("quantity", quantity, CURVES)
    if not histories:
        raise ValueError("histories: expected at least one, got none")
    shortest = min((history.evaluation_step for history in histories), key=len)
    return shortest, np.array([getattr(history, quantity)[: len(shortest)] for history in histories])


def draw_seeds(ax, histories, kind, color, label, reference=False):
    """The loss or the accuracy of one network under several seeds: training dashed, validation solid.

    The mean, and a band from the lowest to the highest seed, as far as all runs go. Beyond that a mean would jump
    whenever a run ends: each seed that goes on is a thin line of its own.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    histories : sequence of History
        Evaluated at the same steps.
    kind : {"loss", "accuracy"}
    color, label : str
    reference : bool
        The mean alone, thin.
    """
    for part, dashes in (("train", "--"), ("validation", "-")):
        quantity = f"{part}_{kind}"
        steps, values = together(histories, quantity)
        style = {"linewidth": 0.9} if reference else {"linewidth": 1.8}
        ax.plot(steps, values.mean(axis=0), dashes, label=label if part == "validation" else None, **style,
                **marked(color, len(steps)))
        if not reference:
            ax.fill_between(steps, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0)
            for history in histories:
                rest = slice(len(steps) - 1, None)
                ax.plot(history.evaluation_step[rest], getattr(history, quantity)[rest], dashes, color=color,
                        linewidth=0.5)


def plot_layer_sizes(sizes, ylabel, colors=None):
    """One value for each weight matrix, for several networks or moments, on a logarithmic axis.

    Parameters
    ----------
    sizes : dict from str to sequence of float
        By the label for the legend; one value a layer, input side first.
    ylabel : str
    colors : dict from str to str, optional
        By the same labels, those of their networks.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sizes = _sizes(sizes)
    if not 0 < len(sizes) <= len(PALETTE):
        raise ValueError(f"sizes: expected at most {len(PALETTE)} and at least one, got {len(sizes)}")
    colors = dict(zip(sizes, PALETTE)) if colors is None else _colored(sizes, colors)
    figure, ax = plt.subplots()
    for (label, values), style in zip(sizes.items(), ("o-", "s--", "D-.", "^:")):
        ax.plot(np.arange(1, len(values) + 1), values, style, color=colors[label], label=label)
    ax.set_xticks(np.arange(1, max(map(len, sizes.values())) + 1))
    ax.set_yscale("log")
    ax.set_xlabel("layer of weights (1 is at the input)")
    ax.set_ylabel(ylabel)
    ax.legend()
    return figure


def show_images(images, labels):
    """Images with their labels, six in a row.

    Parameters
    ----------
    images : uint8 array of shape (N, 784)
    labels : sequence of length N

    Returns
    -------
    matplotlib.figure.Figure
    """
    images, labels = checked_images(images), _checks.sequence("labels", labels, "labels")
    if len(labels) != len(images):
        raise ValueError(f"labels: expected {len(images)}, one for each image, got {len(labels)}")
    rows, columns = -(-len(images) // 6), min(6, len(images))
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.1 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, label in zip(axes.flat, images, labels):
        ax.imshow(np.reshape(image, (28, 28)), cmap="gray_r")
        ax.set_title(str(label), fontsize="medium")
    return figure


def as_html_image(figure, alt, dpi=80, n_colors=64):
    """A figure as an HTML `img` element with its picture inside, then closed.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        Says what the picture shows to someone who cannot see it.
    dpi : int
    n_colors : int
        The fewer, the fewer bytes: 64 take a third of what all of them do.

    Returns
    -------
    str
    """
    _checks.instance("figure", figure, Figure)
    _checks.text("alt", alt)
    dpi = _checks.integer("dpi", dpi, minimum=1, maximum=_checks.LONGEST)
    n_colors = _checks.integer("n_colors", n_colors, minimum=1, maximum=256)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    plt.close(figure)
    # An octree keeps the colour of a thin line, which the default method gives up for shades of the large areas.
    picture = Image.open(drawn).convert("RGB").quantize(n_colors, method=Image.Quantize.FASTOCTREE)
    # The ground, which is at the corner, lets the page's own through; where no style sheet knows of that, it is white.
    picture.save(small, format="png", optimize=True, transparency=picture.getpixel((0, 0)))
    data = base64.b64encode(small.getvalue()).decode()
    # Width and height keep the picture's place until it is decoded, so that nothing below it jumps.
    return (f'<img style="max-width: 100%; height: auto; background: #fff" width="{picture.width}" '
            f'height="{picture.height}" alt="{escape(alt)}" src="data:image/png;base64,{data}">')


def _listed(name, value):
    """A list of what can be gone through; a text is no sequence of its letters."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else _checks.sequence(
        name, value, "cells")


class Table:
    """Rows of text that a notebook shows as an HTML table and a terminal as aligned columns.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequence of str

    Raises
    ------
    TypeError, ValueError
        If they are not, or a row has more cells than the header, or fewer.
    """

    def __init__(self, header, rows):
        self.header = _listed("header", header)
        self.rows = []
        for i, row in enumerate(_listed("rows", rows)):
            cells = list(map(str, _listed(f"rows[{i}]", row)))
            if len(cells) != len(self.header):
                n = len(self.header)
                raise ValueError(f"rows[{i}]: expected {n} cell{'s' * (n != 1)}, as the header has, got {len(cells)}")
            self.rows.append(cells)

    def _repr_html_(self):
        def line(cells, tag):
            tags = [tag if cell else "td" for cell in cells]  # an empty corner is no header: it would name nothing
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for tag, cell in zip(tags, cells)) + "</tr>"

        body = "\n".join(line(row, "td") for row in self.rows)
        return (f'<table class="table" style="white-space: nowrap">\n<thead>\n{line(self.header, "th")}\n</thead>\n'
                f"<tbody>\n{body}\n</tbody>\n</table>")

    def __repr__(self):
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def _reproductions(given):
    """Any iterable, such as the values of a dict."""
    found = [_checks.instance(f"reproductions[{i}]", each, Reproduction) for i, each in enumerate(given)]
    if not found:
        raise ValueError("reproductions: expected at least one, got none")
    return found


def reproduction_table(reproductions):
    """The report's figures beside those of the five seeds.

    Parameters
    ----------
    reproductions : iterable of mlplib.report.Reproduction

    Returns
    -------
    Table
        For each row of the report one line a figure: reported, mean, whether the mean is within the tolerance,
        each seed.
    """
    reproductions, rows = _reproductions(reproductions), []
    for reproduction in reproductions:
        row = reproduction.row
        for i, name in enumerate(Figures._fields):
            values = reproduction.figures[:, i]
            digits = ".5f" if name.startswith("train") else ".4f"
            rows.append([
                row.name, LABELS[name].split(" [")[0], format(row.reported[i], digits), format(values.mean(), digits),
                "yes" if reproduction.within[i] else "no", *(format(value, digits) for value in values),
            ])
        stops = [run.stopped_epoch for run in reproduction.runs]
        rows.append([
            row.name, "stopped at epoch", "not said" if row.reported_stop is None else row.reported_stop, "",
            "–", *("did not" if stop is None else stop for stop in stops),
        ])
    seeds = [f"seed {run.experiment.seed}" for run in reproductions[0].runs]
    return Table(["network", "figure", "reported", "mean", "fits?", *seeds], rows)


def reproduced_table(reproductions):
    """Whether each row of the report is reproduced: a `Table`, of the same reproductions as `reproduction_table`."""
    names, reproductions = [LABELS[name].split(" [")[0] for name in Figures._fields], _reproductions(reproductions)
    return Table(
        ["network (task)", *names, "verdict"],
        [[f"{each.row.name} ({each.row.task})", *("within" if ok else "outside" for ok in each.within),
          "reproduced" if each.reproduced else "not reproduced"] for each in reproductions],
    )

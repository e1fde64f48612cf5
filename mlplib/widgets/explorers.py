"""Explorers of trained runs and of activations: every picture is drawn beforehand and switched in the page."""

import itertools
from dataclasses import replace
from html import escape

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.catalogue import DEPTHS, REPORT_TRICKS, TRICK_COMBINATIONS, WIDTHS, topology_experiment, trick_experiment
from mlplib.experiments import TRICKS
from mlplib.network import MLP
from mlplib.plotting import draw_seeds
from mlplib.report import SEEDS
from mlplib.running import Figures
from mlplib.store import Runs, Store, StoreError, packaged
from mlplib.style import BLACK, COLORS, network_color
from mlplib.sweeps import counted
from mlplib.widgets.frames import KernelFree, choice, note, picture, switch, two_panels

# By the name of the view: what is drawn, and its axis. The limits are the same for all networks, so that pictures can
# be compared by flipping between them.
VIEWS = {
    "loss": ("loss", {"ylabel": "loss [nats]", "ylim": (0, 0.8)}),
    "accuracy": ("accuracy", {"ylabel": "accuracy", "ylim": (0.85, 1.003)}),
    "logarithmic loss": ("loss", {"ylabel": "loss [nats]", "yscale": "log", "ylim": (1e-5, 5)}),
}
_TRICK_NAMES = tuple(TRICKS[trick].name for trick in REPORT_TRICKS)


class RunsExplorer(KernelFree):
    """Training curves and final figures of many networks, one chosen by rows of buttons.

    Parameters
    ----------
    rows : sequence of ipywidgets.ToggleButtons
        What is chosen.
    networks : dict from tuple of str to (str, Experiment)
        By one option of each row: the network's name and its experiment.
    references : sequence of tuple of str
        Networks that are drawn thin in every picture, for reference.
    store : Store, StoreChain, Archive, str, os.PathLike or None
        Where the runs are, each network under the report's five seeds; by default the store that comes with mlplib.

    Attributes
    ----------
    rows : list of ipywidgets.ToggleButtons
        Those given, and the row of views.
    picture : ipywidgets.Stack
        Switched by them; one level for each row.

    Raises
    ------
    mlplib.store.StoreError
        If a run is missing in the store, or damaged.
    """

    def __init__(self, rows, networks, references, store):
        if not isinstance(store, Runs):
            store = packaged() if store is None else Store(_checks.path("store", store))
        self._networks, self._references = networks, references
        self._runs = {key: self._stored(store, experiment) for key, (_, experiment) in networks.items()}
        longest = max(run.history.n_steps for runs in self._runs.values() for run in runs)
        self._axes = {view: _axes(longest, axis) for view, (_, axis) in VIEWS.items()}
        self.rows = [*rows, choice("View", VIEWS)]
        self.picture = switch(self.rows, lambda *chosen: ipywidgets.HTML(self._show(chosen[:-1], chosen[-1])))
        start = self._show(tuple(row.value for row in rows), self.rows[-1].value)
        caption = note(
            f"Training dashed, validation solid. Thick: the mean over {len(SEEDS)} seeds, with a band from the lowest "
            "to the highest, up to the step at which the first of them stops; beyond it each seed that still trains is "
            "a thin line. In other colours, thin: networks for reference, their means. The axes are the same for all "
            "networks and cut off what lies outside."
        )
        super().__init__([*self.rows, self.picture, caption], start + caption.value,
                         f"{type(self).__name__}: {len(networks)} networks, {len(VIEWS)} views")
        self.add_class("explorer")

    def _stored(self, store, experiment):
        runs = []
        for seeded in (replace(experiment, seed=seed) for seed in SEEDS):
            try:
                runs.append(store[seeded])
            except (KeyError, StoreError) as error:
                raise StoreError(f"{type(self).__name__} needs a run of {seeded}, which is missing or damaged: "
                                 f"{error.args[0]}. To train what the package lacks: make sweep") from error
        return runs

    def _show(self, key, view):
        """Picture and line of figures, as HTML."""
        kind, ax = VIEWS[view][0], self._axes[view]
        for artist in [*ax.lines, *ax.collections]:
            artist.remove()
        alt = f"{view.capitalize()} against gradient steps, means over {len(SEEDS)} seeds."
        for role, shown in [*(("For reference", other) for other in self._references if other != key), ("Chosen", key)]:
            (label, experiment), runs = self._networks[shown], self._runs[shown]
            draw_seeds(ax, [run.history for run in runs], kind, network_color(experiment), label, shown != key)
            alt += f" {role}, {_in_words(label, runs, kind)}"
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, reverse=True)
        return picture(ax.figure, alt) + _final_figures(label, runs)


def _axes(longest, axis):
    """Axes for many pictures: only what differs between them is drawn anew."""
    figure = Figure((5.2, 3.6), layout="none")
    figure.subplots_adjust(left=0.14, right=0.97, bottom=0.14, top=0.8)
    ax = figure.add_subplot()
    ax.set(xlabel="gradient steps", xlim=(0, longest), **axis)
    return ax


class TrickExplorer(RunsExplorer):
    """The report's network with any of its three tricks: curves and final figures, with no kernel.

    Parameters
    ----------
    store : mlplib.store.Store, str or os.PathLike, optional
        Where the runs are, five seeds of each combination; by default the store that comes with mlplib.

    Raises
    ------
    mlplib.store.StoreError
        If a run is missing in the store, or damaged. The message names it.
    """

    def __init__(self, store=None):
        off_on = ("off", "on")
        networks = {
            tuple(off_on[on] for on in tricks): (
                " + ".join(name for name, on in zip(_TRICK_NAMES, tricks) if on) or "no tricks",
                trick_experiment(tricks),
            )
            for tricks in TRICK_COMBINATIONS
        }
        rows = [choice(name.capitalize(), off_on) for name in _TRICK_NAMES]
        super().__init__(rows, networks, [("off",) * 3, ("on",) * 3], store)


class TopologyExplorer(RunsExplorer):
    """Networks of several widths and depths with all tricks: curves and final figures, with no kernel.

    Parameters
    ----------
    store : mlplib.store.Store, str or os.PathLike, optional
        Where the runs are, five seeds of each network; by default the store that comes with mlplib.

    Raises
    ------
    mlplib.store.StoreError
        If a run is missing in the store, or damaged. The message names it.
    """

    def __init__(self, store=None):
        networks = {
            (str(width), str(depth)): (f"{counted(depth, 'layer')} of {width}", topology_experiment(width, depth))
            for width in WIDTHS for depth in DEPTHS
        }
        rows = [choice("Units per layer", list(map(str, WIDTHS)), "64"),
                choice("Hidden layers", list(map(str, DEPTHS)), "10")]
        super().__init__(rows, networks, [("64", "1")], store)


class ActivationExplorer(KernelFree):
    """The activations, their derivatives and tangents, and what ten layers of each do to their inputs.

    It shows all that `mlplib.ACTIVATIONS` has: the two sigmoids, and others that were put there.

    Attributes
    ----------
    z, layers : ipywidgets.ToggleButtons
    tangents, spreads : ipywidgets.Stack
        Switched by them.
    colors : dict from str to str
        Of each activation's curves, by its name in `mlplib.ACTIVATIONS`.
    """

    def __init__(self):
        self._axes = two_panels()  # for all pictures
        self.colors = _activation_colors()
        self._outputs = {name: list(_through_layers(name)) for name in ACTIVATIONS}
        self.z = choice("z", [f"{z}".replace("-", "−") for z in range(-6, 7)], "2")
        self.layers = choice("After layers", [str(n) for n in range(1, 11)])
        self.tangents = switch([self.z], lambda z: ipywidgets.HTML(self._tangents(int(z.replace("−", "-")))))
        self.spreads = switch([self.layers], lambda n: ipywidgets.HTML(self._spread(int(n))))
        first = note("Above: f with its tangent at z. Below: the tangent's slope, f′(z), by which δ is multiplied at "
                     "this unit.")
        second = note(
            "Inputs of mean 0 and variance 1 through layers of 64 units, weights scaled by the fan-in. Above: how the "
            "outputs of all units are distributed after so many layers. Below: their standard deviation over the "
            "inputs, root mean square over the units. Where it is near 0, every input gets the same answer."
        )
        super().__init__([self.z, self.tangents, first, self.layers, self.spreads, second],
                         self._tangents(2) + first.value + self._spread(10) + second.value,
                         f"ActivationExplorer: {len(ACTIVATIONS)} activations, 13 values of z, 10 layers")
        self.add_class("explorer")

    def _cleared(self):
        for ax in self._axes:
            ax.clear()
        return self._axes

    def _tangents(self, z0):
        above, below = self._cleared()
        z = np.linspace(-6.5, 6.5, 131)
        words = []
        for name, f in ACTIVATIONS.items():
            near = z0 + np.array([-1.5, 0.0, 1.5])
            a0, slope = f(near)[1], f.derivative(f(near))[1]
            above.plot(z, f(z), color=self.colors[name], label=f.name)
            above.plot(near, a0 + slope * (near - z0), "o-", color=BLACK, markevery=[1], markersize=5)
            below.plot(z, f.derivative(f(z)), color=self.colors[name])
            below.plot([z0, z0], [0, slope], "o-", color=BLACK, markevery=[1], markersize=5)
            words.append(f"{f.name} f = {a0:.3f}, f′ = {slope:.4f}")
        above.set(ylabel="f(z)", ylim=(-2.2, 2.2), xlim=(-6.5, 6.5))
        below.set(ylabel="f′(z)", ylim=(0, 1.25), xlim=(-6.5, 6.5), xlabel="z")
        above.legend(loc="upper left")
        text = f"At z = {z0}: ".replace("-", "−") + "; ".join(words).replace("-", "−") + "."
        shown = "Both sigmoids" if len(ACTIVATIONS) == 2 else f"{len(ACTIVATIONS)} activations"
        alt = f"{shown} with their tangents above, their derivatives below. {text}"
        return picture(above.figure, alt) + f"<p>{escape(text)}</p>"

    def _spread(self, layers):
        above, below = self._cleared()
        words = []
        for name, outputs in self._outputs.items():
            color, label = self.colors[name], ACTIVATIONS[name].name
            a, spreads = outputs[layers], list(map(_spread_over_inputs, outputs))
            above.hist(a.ravel(), np.linspace(-1.75, 1.75, 71), density=True, color=color, alpha=0.7, label=label)
            below.plot(range(len(spreads)), spreads, "o-", color=color, markersize=3)
            below.plot(layers, spreads[layers], "o", color=BLACK, markersize=7)
            mean = round(a.mean(), 2) + 0  # no -0.00
            words.append(f"{label}: mean {mean:.2f}, standard deviation over the inputs {spreads[layers]:.2g}")
        above.set(xlabel=f"output after {counted(layers, 'layer')}", ylabel="density", ylim=(0, 4))
        below.set(xlabel="layers passed", ylabel="spread over inputs", yscale="log", ylim=(1e-7, 3), xticks=range(11))
        above.legend(loc="upper left")
        text = (f"After {counted(layers, 'layer')}: " + "; ".join(words) + ".").replace("-", "−")
        alt = f"Histograms of the outputs above, their spread against the layers passed below. {text}"
        return picture(above.figure, alt) + f"<p>{escape(text)}</p>"


# As in the chapter's figures: the row that has the logistic sigmoid, and the one that has the improved.
_SIGMOID_COLORS = {"sigmoid": COLORS["3a"], "improved_sigmoid": COLORS["3b"]}


def _activation_colors():
    """A colour for each activation; those that no chapter draws take the colours of other rows in turn."""
    free = itertools.cycle(color for color in COLORS.values() if color not in _SIGMOID_COLORS.values())
    return {name: _SIGMOID_COLORS.get(name) or next(free) for name in ACTIVATIONS}


def _through_layers(activation, width=64, depth=10):
    """Inputs of variance 1, then the outputs of each hidden layer of an untrained network."""
    a = np.random.default_rng(0).normal(size=(1000, width))
    model = MLP((width,) * depth, activation, "fan_in", dtype=np.float64, n_inputs=width)
    yield a
    for W in model.weights[:-1]:
        a = ACTIVATIONS[activation](a @ W)
        yield a


def _spread_over_inputs(a):
    return float(np.sqrt(a.var(axis=0).mean()))


def _in_words(label, runs, kind):
    """How the curves of some runs go, for those who cannot see them."""
    train, validation = (np.mean([getattr(run.final, f"{part}_{kind}") for run in runs])
                         for part in ("train", "validation"))
    best = np.min if kind == "loss" else np.max
    on_the_way = np.mean([best(getattr(run.history, f"validation_{kind}")) for run in runs])
    return (f"{label}: training {kind} ends at {train:.4f}, validation {kind} at {validation:.4f}, its best on the way "
            f"{on_the_way:.4f}.")


def _final_figures(label, runs):
    """Mean and range of each figure over the seeds, and where the runs stopped, as a paragraph of HTML."""
    parts = []
    for name, values in zip(Figures._fields, np.array([run.final for run in runs]).T):
        digits = ".5f" if name.startswith("train") else ".4f"
        parts.append(f"{name.replace('_', ' ').replace('train', 'training')} <b>{values.mean():{digits}}</b> "
                     f"({values.min():{digits}}–{values.max():{digits}})")
    stops = ", ".join("did not" if run.stopped_epoch is None else str(run.stopped_epoch) for run in runs)
    diverged = sum(run.diverged for run in runs)
    return (f"<p><b>{escape(label)}</b>, mean over {len(runs)} seeds (lowest–highest): {'; '.join(parts)}. "
            f"Stopped early in epoch: {stops}.{f' Diverged: {diverged} of {len(runs)}.' if diverged else ''}</p>")

"""A bench for live notebooks: set a network up, watch it learn, hold it against earlier ones."""

import asyncio
import gc
import sys
import time
import weakref
from dataclasses import dataclass, replace
from html import escape
from typing import ClassVar

import ipywidgets
import numpy as np
from IPython import get_ipython

from mlplib import _checks
from mlplib.catalogue import REPORT_TRICKS
from mlplib.experiments import TRICKS, Experiment
from mlplib.history import History
from mlplib.inputs import standardized_mnist
from mlplib.network import PRODUCTS
from mlplib.plotting import LABELS, as_html_image, plot_gradient_bars, plot_quantity
from mlplib.report import REPORT
from mlplib.running import Run, one_blas_thread, probed_gradient_rms, trainer_for
from mlplib.store import packaged
from mlplib.style import COLORS, network_color
from mlplib.sweeps import counted
from mlplib.training import Trainer, quietly
from mlplib.widgets.frames import KernelFree, choice

#: From a notebook's page in the book to the same notebook, running in the browser.
LIVE = "../lite/notebooks/index.html?path=notebooks/{}.ipynb"
PIECE = 0.05  # seconds of training between two pauses
LARGEST_STEP = PRODUCTS if sys.platform == "emscripten" else 10 * PRODUCTS  # weights × batch size; browsers are slow
SIGNS = dict(zip(COLORS.values(), "●■◆▲▼✚✖★"))  # as the markers of its curves
QUANTITIES = ("train_loss", "validation_loss", "validation_accuracy")


@dataclass
class _Line:
    """A run as the bench shows it; `trainer` is None if it was trained elsewhere."""

    color: str
    history: History
    gradient_rms: tuple
    trainer: Trainer | None = None


class TrainingBench(KernelFree):
    """Controls for a network and its training, curves that grow while it trains, and earlier runs for comparison.

    Training is started by the Train button and works in pieces of less than a tenth of a second, so the page stays
    usable, in a browser's single thread too. Stop keeps the curve and the weights; Train with the same settings then
    goes on from there. Changing the controls during a run does not disturb it: they are read when Train is pressed. A
    bench made by running its cell again stops the one that the cell made before.

    Parameters
    ----------
    experiment : Experiment, optional
        What the controls show at first; what has no control, such as the seed, stays as it is there. By default the
        report's plain network.
    notebook : str
        The notebook it stands in, without suffix: on a page of the book, where no kernel runs, a link leads to it.
    runs : sequence of Run, optional
        Drawn from the start. By default the plain network and that with all tricks, if the store in the package has
        them.

    Attributes
    ----------
    controls : dict from str to ipywidgets.Widget
        "init", "sigmoid", "momentum" ("on" or "off"), "widths", "depth", "learning_rate", "gamma", "batch_size",
        "n_train", "epochs".
    train_button, stop_button, clear_button : ipywidgets.Button
    status : ipywidgets.HTML
        One line: what is being done, or why it is not.
    pictures : list of ipywidgets.HTML
        Training loss, validation loss, validation accuracy, and the gradient of each layer of weights.
    table : ipywidgets.HTML
        The runs drawn: their colours, their names, their last figures.
    trainer : Trainer or None
        Of the run that was started last; `trainer.history` and `trainer.model` are as far as it got.
    task : asyncio.Task or None
        The training under way, or the last one; to be awaited.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or there are more runs than colours.
    """

    _benches: ClassVar = weakref.WeakSet()

    def __init__(self, experiment=None, notebook="3_tricks", runs=None):
        self._base = Experiment() if experiment is None else _checks.instance("experiment", experiment, Experiment)
        _checks.text("notebook", notebook)
        runs = _reference_runs() if runs is None else _checks.instances("runs", runs, Run)
        if len({run.experiment for run in runs}) > len(COLORS):
            raise ValueError(f"runs: expected at most {len(COLORS)}, for there are no more colours, got {len(runs)}")
        self.trainer = self.task = None
        self._ending = asyncio.Event()  # of the last run: it is to end, or has ended and is drawn a last time
        self._ending.set()
        # These take seconds in a browser when they are needed first: now, while the cell runs, not at the first click.
        standardized_mnist()
        with one_blas_thread():
            pass
        if sys.platform == "emscripten":
            gc.freeze()  # or each full collection goes through all modules, for a quarter of a second
        self._lines = {}
        for run in runs:
            self._lines[run.experiment] = _Line(self._free_color(run.experiment), run.history, run.gradient_rms)

        self.controls = _controls(self._base)
        self.train_button, self.stop_button, self.clear_button = buttons = [
            ipywidgets.Button(description=name, tooltip=tooltip) for name, tooltip in (
                ("Train", "Train what is set above, or go on with it"),
                ("Stop", "End the training, keep what it reached"),
                ("Clear", "Remove all runs but one under way"))
        ]
        for button, act in zip(buttons, (self.train, self.stop, self.clear)):
            button.on_click(lambda _, act=act: act())
        self.status = ipywidgets.HTML()
        self.pictures = [ipywidgets.HTML(layout={"flex": "1 1 20rem", "max_width": "26rem", "min_width": "0"})
                          for _ in range(4)]
        self.table = ipywidgets.HTML()
        for _ in self._drawing():
            pass
        self._say("Set something up, then press Train.")

        rows = ipywidgets.Box([*self.controls.values()], layout={"flex_flow": "row wrap"})
        live = ipywidgets.VBox([rows, ipywidgets.Box(buttons, layout={"flex_flow": "row wrap"}), self.status])
        live.add_class("live-only")
        pictures = ipywidgets.Box(self.pictures, layout={"flex_flow": "row wrap"})
        link = (f'This bench trains in a running notebook: <a href="{escape(LIVE.format(notebook))}">'
                "run this notebook in your browser</a>. Nothing has to be installed.")
        page = ipywidgets.HTML(f'<p class="page-only" style="display: none">{link}</p>')
        side_by_side = "".join(picture.value for picture in self.pictures)
        plain = f'<div style="display: flex; flex-wrap: wrap">{side_by_side}</div>{self.table.value}<p>{link}</p>'
        super().__init__([live, pictures, self.table, page], plain, "A bench to train networks on, in a live notebook")
        self.add_class("training-bench")
        self._replace_earlier()

    # ---- what the buttons do

    @property
    def training(self):
        """Whether a run is under way."""
        return self.task is not None and not self.task.done()

    @property
    def runs(self):
        """The histories drawn, by name: a dict from str to History. A name says what differs from the others."""
        return {name: line.history for name, line in zip(distinct_names(self._lines), self._lines.values())}

    @property
    def chosen(self):
        """The experiment that the controls describe.

        Raises
        ------
        TypeError, ValueError
            If they describe none, or one too large for a page; the message says why.
        """
        value = {name: control.value for name, control in self.controls.items()}
        plain = Experiment()
        switched_off = {field: getattr(plain, field) for trick in TRICKS.values() if trick.is_on(self._base)
                        for field in trick.fields}
        experiment = replace(
            self._base,
            **switched_off,
            hidden=_hidden(value["widths"], value["depth"]),
            learning_rate=_learning_rate(value["learning_rate"]),
            **{name: value[name] for name in ("batch_size", "n_train", "epochs")},
        ).with_tricks(**{trick: value[trick] == "on" for trick in TRICKS})
        if value["momentum"] == "on":
            experiment = replace(experiment, gamma=value["gamma"])
        if experiment.n_weights * experiment.batch_size > LARGEST_STEP:
            raise ValueError("one step would take too long for the page to stay usable: expected weights × batch size "
                             f"of at most {LARGEST_STEP:,}, got {experiment.n_weights:,} × {experiment.batch_size:,}")
        by_rule = replace(experiment, learning_rate=None)
        same = by_rule.optimizer().learning_rate == experiment.optimizer().learning_rate
        return by_rule if same else experiment

    def train(self):
        """Start training what the controls say, or go on with it: the Train button."""
        if self.training and not self._ending.is_set():
            return self._say("One run is under way: press Stop first.")
        try:
            experiment = self.chosen
            if experiment not in self._lines and len(self._lines) == len(COLORS):
                raise ValueError(f"{len(COLORS)} runs are drawn already, and there are no more colours: "
                                 "press Clear first")
        except (TypeError, ValueError) as error:
            return self._say(f"Not started: {error}.")
        earlier = self.task if self.training else None
        self._ending = asyncio.Event()
        self._say("Starting …")
        self.task = asyncio.ensure_future(self._train(experiment, self._ending, earlier))

    def stop(self):
        """End the run under way and keep what it reached: the Stop button."""
        if not self.training:
            return self._say("Nothing is being trained.")
        self._ending.set()
        self._say("Stopping …")

    def clear(self):
        """Remove all runs but one under way: the Clear button."""
        self._lines = {experiment: line for experiment, line in self._lines.items()
                       if self.training and line.trainer is self.trainer}
        if not self.training:
            self._say("Cleared.")
            self.task = asyncio.ensure_future(self._draw())

    # ---- training, in pieces

    async def _train(self, experiment, ending, earlier):
        try:
            if earlier:
                await asyncio.wait([earlier])
                self._say("Starting …")
            await asyncio.sleep(0)
            line = self._lines.get(experiment)
            if line is None or line.trainer is None:
                trainer = trainer_for(experiment)
                color = line.color if line else self._free_color(experiment)
                line = self._lines[experiment] = _Line(color, trainer.history, (), trainer)
                await asyncio.sleep(0)
            self.trainer = line.trainer
            if self.trainer.finished:
                return self._say(f"{self._outcome()} Change a setting to train another network, or press Clear to "
                                 "train this one again.")
            await self._work(experiment, line, ending)
            ending.set()
            self._say(self._outcome())
            await self._show(experiment, line)
        except Exception as error:
            self._say(f"Training ended with an error. {type(error).__name__}: {error}")
            raise
        finally:
            ending.set()

    async def _work(self, experiment, line, ending):
        pieces = line.trainer.pieces()
        next_drawing = 0.0
        while not (ending.is_set() or line.trainer.finished):
            evaluated = False
            with one_blas_thread(), quietly():  # the status line tells of divergence
                until = time.monotonic() + PIECE
                for progress in pieces:
                    evaluated = evaluated or progress is not None
                    if time.monotonic() > until:
                        break
            await asyncio.sleep(0)  # lets the page handle the next click
            if evaluated and time.monotonic() > next_drawing:
                start = time.monotonic()
                self._say(self._under_way())
                await self._show(experiment, line)
                end = time.monotonic()
                next_drawing = end + max(1.0, 3 * (end - start))  # drawing takes a quarter of the time at most

    async def _show(self, experiment, line):
        line.history = line.trainer.history
        n_images = max(1, min(1000, PRODUCTS // 2 // line.trainer.model.n_parameters))
        with one_blas_thread():
            line.gradient_rms = probed_gradient_rms(line.trainer.model, experiment, n_images)
        await asyncio.sleep(0)
        await self._draw()

    def _under_way(self):
        trainer = self.trainer
        epoch = trainer.n_steps // trainer.steps_per_epoch + 1
        return f"Training: epoch {epoch} of {trainer.epochs}, step {trainer.n_steps:,}."

    def _outcome(self):
        trainer = self.trainer
        if trainer.diverged:
            return trainer.message
        if trainer.stopped_epoch is not None:
            return f"Early stopping ended the run in epoch {trainer.stopped_epoch + 1}, at step {trainer.n_steps:,}."
        if trainer.finished:
            return f"Trained for {counted(trainer.epochs, 'epoch')}, {counted(trainer.n_steps, 'step')}."
        return f"Stopped at step {trainer.n_steps:,}. Train goes on from there if the settings are the same."

    def _replace_earlier(self):
        shell = get_ipython()
        if shell is None:
            return
        parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
        self._cell = parent.get("metadata", {}).get("cellId") or shell.user_ns.get("In", [""])[-1]
        self._execution = shell.execution_count
        for bench in self._benches:
            if bench._cell == self._cell and bench._execution != self._execution and bench.training:
                bench.stop()
        self._benches.add(self)

    # ---- what is seen

    def _say(self, text):
        self.status.value = f"<p>{escape(text)}</p>"

    def _free_color(self, experiment):
        """The colour of the network, if it is one of the report's and free; else the first of those that is."""
        free = [color for color in COLORS.values() if color not in {line.color for line in self._lines.values()}]
        own = network_color(experiment)
        return own if own in free else free[0]

    async def _draw(self):
        for _ in self._drawing():
            await asyncio.sleep(0)

    def _drawing(self):
        """Draw, and yield twice for each picture: making a figure and rendering it take about as long."""
        labels = distinct_names(self._lines)
        lines = dict(zip(labels, list(self._lines.values())))
        # Once something is trained here, runs from elsewhere are drawn up to the same step: young curves stay legible.
        last_step = max((line.history.n_steps - 1 for line in lines.values() if line.trainer), default=None)
        histories = {name: line.history if line.trainer else line.history.until(last_step)
                     for name, line in lines.items() if len(line.history.evaluation_step)}
        colors = {name: line.color for name, line in lines.items()}
        for quantity, picture in zip(QUANTITIES, self.pictures):
            last = [f"{name}: {getattr(history, quantity)[-1]:.4f} after step {history.evaluation_step[-1]}"
                    for name, history in histories.items()]
            alt = f"{LABELS[quantity]} against gradient steps. {'; '.join(last) or 'No run yet.'}"
            figure = plot_quantity(histories, quantity, colors)
            yield
            picture.value = as_html_image(figure, alt)
            yield
        sizes = {name: line.gradient_rms for name, line in lines.items() if np.isfinite(line.gradient_rms).all()}
        said = [f"{name}: " + ", ".join(f"{size:.1e}" for size in values) for name, values in sizes.items()]
        alt = f"RMS of the gradient of each layer of weights, input side first. {'; '.join(said) or 'No run yet.'}"
        figure = plot_gradient_bars(sizes, colors)
        yield
        self.pictures[3].value = as_html_image(figure, alt)
        self.table.value = _table(lines)
        yield


def _reference_runs():
    store = packaged()
    found = (store.get(REPORT[task].experiment) for task in ("2c", "3c"))
    return [run for run in found if run is not None]


def _controls(experiment):
    style = {"description_width": "10em"}
    layout = {"width": "20em", "max_width": "100%"}
    same = len(set(experiment.hidden)) == 1
    widths = experiment.hidden[:1] if same else experiment.hidden
    rate = experiment.learning_rate

    def integer(description, value):
        return ipywidgets.IntText(value, description=description, style=style, layout=layout)

    controls = {kind: choice(trick.name.capitalize(), ("off", "on"), "on" if trick.is_on(experiment) else "off")
                for kind, trick in TRICKS.items()}
    for toggle in controls.values():
        toggle.tooltips = [f"{toggle.description} {option}" for option in toggle.options]
        toggle.layout = layout
    return controls | {
        "widths": ipywidgets.Combobox(
            value=", ".join(map(str, widths)), options=["16", "32", "64", "128", "256"], description="Units in a layer",
            tooltip="One width for all hidden layers, or one for each: 128, 64", style=style, layout=layout),
        "depth": integer("Hidden layers", len(experiment.hidden)),
        "learning_rate": ipywidgets.Combobox(
            value="" if rate is None else repr(rate),
            options=["0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"],
            placeholder="by the rule", description="Learning rate",
            tooltip="Empty: the report's rule, 0.1, or 0.02 with momentum", style=style, layout=layout),
        "gamma": ipywidgets.FloatText(experiment.gamma or 0.9, description="γ of the momentum", step=0.05, style=style,
                                      layout=layout),
        "batch_size": integer("Batch size", experiment.batch_size),
        "n_train": integer("Training images", experiment.n_train),
        "epochs": integer("Epochs", experiment.epochs),
    }


def _hidden(text, depth):
    """The widths of `depth` hidden layers, from one width or from one for each."""
    depth = _checks.integer("hidden layers", depth, minimum=0)
    if depth == 0:
        return ()
    try:
        widths = [int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        widths = []
    if not widths or (len(widths) > 1 and len(widths) != depth):
        raise ValueError(f"units in a layer: expected one whole number, or {depth} for {depth} hidden layers, such as "
                         f"128, 64 for two, got {text!r}")
    return tuple(widths if len(widths) == depth else widths * depth)


def _learning_rate(text):
    if not text.strip():
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"learning rate: expected a number such as 0.05, or nothing for the report's rule, "
                         f"got {text!r}") from None


def distinct_names(experiments):
    """Name each experiment by what differs from the others, as in "width 128, no momentum".

    Parameters
    ----------
    experiments : iterable of Experiment
        All different.

    Returns
    -------
    list of str
    """
    traits = [_traits(experiment) for experiment in experiments]
    kinds = traits[0].keys() - {"tricks"} if traits else ()
    differing = {kind for kind in kinds if len({each[kind] for each in traits if each[kind]}) > 1}
    if not differing:  # a single run
        differing = {"widths", *TRICKS}
    if differing >= set(REPORT_TRICKS):  # two words say it
        differing = differing - set(TRICKS) | {"tricks"}
    return [", ".join(phrase for kind, phrase in each.items() if phrase and kind in differing) for each in traits]


def _traits(experiment):
    """What can be said of an experiment, by kind; empty where there is nothing to say."""
    e = experiment
    even = len(set(e.hidden)) <= 1
    tricks = {kind: trick.is_on(e) for kind, trick in TRICKS.items()}
    on = tuple(kind for kind in TRICKS if tricks[kind])
    return {
        "widths": (f"width {e.hidden[0]}" if even else f"widths {'-'.join(map(str, e.hidden))}") if e.hidden else "",
        "depth": counted(len(e.hidden), "hidden layer"),
        "tricks": {(): "no tricks", REPORT_TRICKS: "all tricks"}.get(on, " + ".join(TRICKS[kind].name for kind in on)),
        **{kind: f"{'' if tricks[kind] else 'no '}{trick.name}" for kind, trick in TRICKS.items()},
        "gamma": f"γ {e.gamma!r}" if e.gamma else "",
        "learning_rate": f"learning rate {'by the rule' if e.learning_rate is None else repr(e.learning_rate)}",
        "batch_size": f"batches of {e.batch_size}",
        "n_train": counted(e.n_train, "image"),
        "epochs": counted(e.epochs, "epoch"),
        "patience": f"patience {e.patience}",
        "biases": "a bias in every layer" if e.biases == "every_layer" else "a bias at the input",
        "shuffle": "shuffled" if e.shuffle else "not shuffled",
        "seed": f"seed {e.seed}",
    }


def _table(lines):
    """The legend: each run's colour and name, and its figures at the last evaluation."""
    rows = []
    for name, line in lines.items():
        history = line.history
        figures = [f"{getattr(history, quantity)[-1]:.4f}" if len(history.evaluation_step) else ""
                   for quantity in QUANTITIES]
        swatch = f'<span style="color: {line.color}; background: #fff" aria-hidden="true">{SIGNS[line.color]}</span>'
        rows.append(f'<tr><th scope="row" style="text-align: left; font-weight: normal">{swatch} {escape(name)}</th>'
                    f"<td>{history.n_steps:,}</td>" + "".join(f"<td>{figure}</td>" for figure in figures) + "</tr>")
    header = "".join(f'<th scope="col">{text}</th>'
                     for text in ("run", "steps", "training loss", "validation loss", "validation accuracy"))
    if not rows:
        return ""
    return (f'<table class="table" style="border-spacing: 1em 0"><thead><tr>{header}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>")

"""Controls for a live notebook: flip the tricks, and the chosen network trains."""

import asyncio
import time

import ipywidgets

from mlplib.experiments import Experiment, one_blas_thread, trainer_for
from mlplib.plotting import COLORS, as_html_image, plot_comparison

TRICKS = {"init": "Fan-in initial weights", "sigmoid": "Improved sigmoid", "momentum": "Momentum"}

# By (init, sigmoid, momentum): the report's rows keep their colours, the other combinations take what is left.
_COLORS = {
    (False, False, False): COLORS["2c"],
    (True, False, False): COLORS["3a"],
    (True, True, False): COLORS["3b"],
    (True, True, True): COLORS["3c"],
    (False, True, False): "#D55E00",
    (False, False, True): "#009E73",
    (True, False, True): "#CC79A7",
    (False, True, True): "#000000",
}


class TrickToggles(ipywidgets.VBox):
    """A toggle for each trick; the chosen combination is trained and drawn over the earlier ones.

    Flipping a toggle starts training at once, in pieces, so that the notebook stays responsive; flipping another one
    leaves the unfinished run as far as it got and starts the next. Runs that are known already are not trained again.

    Parameters
    ----------
    runs : sequence of Run, optional
        Trained already: drawn from the start, and recognised when their combination is chosen.
    experiment : Experiment, optional
        What the tricks are added to; by default the report's plain network with seed 0.

    Attributes
    ----------
    trainers : dict from tuple of bool to Trainer
        What has been trained here, by (init, sigmoid, momentum).
    task : asyncio.Task or None
        The training under way.
    """

    def __init__(self, runs=(), experiment=None):
        self.experiment = experiment or Experiment()
        self.trainers = {}
        self.task = None
        known = {run.experiment: run.history for run in runs}
        self._histories = {
            key: known[self._experiment(key)] for key in _COLORS if self._experiment(key) in known
        }
        self.toggles = [
            ipywidgets.ToggleButtons(options=["off", "on"], description=name,
                                     style={"description_width": "11em", "button_width": "4em"})
            for name in TRICKS.values()
        ]
        for toggle in self.toggles:
            toggle.observe(self._chosen, names="value")
            toggle.add_class("live-only")
        self.status = ipywidgets.HTML()
        self.picture = ipywidgets.HTML()
        note = ipywidgets.HTML(
            '<p class="page-only" style="display: none">The three toggles need a running notebook: '
            "<code>make lab</code>, then open <code>3_tricks.ipynb</code>.</p>"
        )
        super().__init__([*self.toggles, self.status, self.picture, note])
        self._draw()
        self.status.value = "Flip a toggle: a combination that is not drawn yet is trained (up to 50 epochs)."
        self.status.add_class("live-only")

    def _experiment(self, key):
        return self.experiment.with_tricks(*key)

    @property
    def chosen(self):
        """Which tricks are on, (init, sigmoid, momentum)."""
        return tuple(toggle.value == "on" for toggle in self.toggles)

    def _chosen(self, change):
        if self.task is not None:
            self.task.cancel()
        self.task = asyncio.ensure_future(self._train(self.chosen))

    async def _train(self, key):
        if key in self._histories and key not in self.trainers:
            self._draw()
            return self._say(key, self._histories[key], "trained above")
        trainer = self.trainers.setdefault(key, trainer_for(self._experiment(key)))
        drawn = 0.0
        evaluations = iter(trainer)
        while True:
            with one_blas_thread():
                progress = next(evaluations, None)
            if progress is None:
                break
            self._histories[key] = trainer.history
            if time.monotonic() - drawn > 1:
                self._draw()
                self._say(key, trainer.history, f"training, epoch {progress.epoch} of {trainer.epochs}")
                drawn = time.monotonic()
            await asyncio.sleep(0)  # lets the notebook handle the next click
        self._draw()
        self._say(key, trainer.history, trainer.message or f"trained for {trainer.step} steps")

    def _say(self, key, history, state):
        if not len(history.train_loss):  # diverged before the first evaluation
            self.status.value = f"<b>{_label(key)}</b>: {state}"
            return
        self.status.value = (
            f"<b>{_label(key)}</b> ({state}): training loss {history.train_loss[-1]:.4f}, "
            f"validation loss {history.validation_loss[-1]:.4f}, "
            f"validation accuracy {history.validation_accuracy[-1]:.4f}"
        )

    def _draw(self):
        if not self._histories:
            self.picture.value = ""
            return
        histories = {_label(key): history for key, history in self._histories.items()}
        colors = {_label(key): color for key, color in _COLORS.items()}
        figure = plot_comparison(histories, colors)
        self.picture.value = as_html_image(
            figure, "Training loss, validation loss and validation accuracy against gradient steps, for: "
            + "; ".join(histories)
        )


def _label(key):
    return " + ".join(name for name, on in zip(TRICKS, key) if on) or "no tricks"

"""A training run as a film: what hidden units look for, and which digits are taken for which."""

from html import escape
from itertools import islice
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from mlplib import _checks
from mlplib.experiments import Experiment
from mlplib.inputs import standardized_mnist
from mlplib.mnist import N_CLASSES, N_PIXELS
from mlplib.plotting import as_html_image
from mlplib.running import Figures, one_blas_thread, trainer_for
from mlplib.training import progress_bar
from mlplib.widgets.frames import KernelFree, choice, player, switch


class FilmFrame(NamedTuple):
    """The network before any update, or after some.

    Attributes
    ----------
    n_updates : int
    figures : Figures
        Losses and accuracies over both sets.
    weights : array of shape (784, n_units)
        Into the hidden units that are shown, without their biases.
    moved : float
        ‖weights − initial weights‖ / ‖initial weights‖.
    confusion : int array of shape (10, 10)
        How many validation images of the digit [row] are read as the digit [column].
    """

    n_updates: int
    figures: Figures
    weights: np.ndarray
    moved: float
    confusion: np.ndarray

    @property
    def most_confused(self):
        """The most frequent mistake: the digit, what it is read as, how often."""
        mistakes = self.confusion * (1 - np.eye(len(self.confusion), dtype=int))
        digit, read_as = np.unravel_index(mistakes.argmax(), mistakes.shape)
        return int(digit), int(read_as), int(mistakes[digit, read_as])


class TrainingFilm(KernelFree):
    """The first updates of a training run: incoming weights of hidden units as images, and the confusion matrix.

    The reader sees, for the untrained network and after some updates, a picture for each of the first hidden units: its
    784 weights in the places of their pixels, blue below 0, red above, on one scale for the whole film. Beside it
    stands how many validation images of each digit (row) are read as which digit (column). Press the buttons, or Play.
    Frame n stands after n³ updates: 0, 1, 8, 27, ..., because a network learns most in its first steps.

    The run is made when the object is built, in about ten seconds. Ctrl-C ends the film early, with the frames that it
    has. On what was reached, `trainer` can go on.

    Parameters
    ----------
    experiment : Experiment, optional
        What to train; by default the report's network with all three tricks, for three epochs at most.
    n_frames : int
        At most so many; fewer if the run ends before.
    n_units : int
        How many hidden units of the first layer are shown, a multiple of 4.

    Attributes
    ----------
    trainer : mlplib.Trainer
        With the network as it is after the last frame.
    frames : list of FilmFrame
    frame_buttons : ipywidgets.ToggleButtons
        Its `index` is the frame that is shown.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the untrained network's sums are not finite.
    KeyboardInterrupt
        If Ctrl-C came before the first frame.

    Warns
    -----
    mlplib.DivergenceWarning
        If training diverges; the film ends there.
    """

    def __init__(self, experiment=None, n_frames=13, n_units=16):
        if experiment is None:
            experiment = Experiment(epochs=3).with_tricks(init=True, sigmoid=True, momentum=True)
        n_frames = _checks.integer("n_frames", n_frames, minimum=1)
        n_units = _checks.integer("n_units", n_units, minimum=4)
        self.trainer = trainer_for(experiment)
        if n_units % 4 or not experiment.hidden or n_units > experiment.hidden[0]:
            raise ValueError(f"n_units: expected a multiple of 4, at most the units of the first hidden layer of "
                             f"{self.trainer.model}, got {n_units}")
        self.frames = _until_interrupted(_record(self.trainer, experiment, n_frames, n_units))
        # One scale for all frames; a few larger weights may be cut off, or they would make all others pale.
        limit = np.percentile([np.abs(frame.weights) for frame in self.frames], 99.5)
        pages = _until_interrupted(_page(frame, limit) for frame in self.frames)
        self.frame_buttons = choice("Updates", [str(frame.n_updates) for frame in self.frames[: len(pages)]])
        by_step = dict(zip(self.frame_buttons.options, pages))
        first, last = self.frames[0], self.frames[-1]
        film = switch([self.frame_buttons], lambda step: ipywidgets.HTML(by_step[step]))
        super().__init__(
            [player(self.frame_buttons, seconds=1.5), self.frame_buttons, film],
            plain=pages[0] + (pages[-1] if len(pages) > 1 else ""),
            summary=f"TrainingFilm: {len(pages)} frames, {first.n_updates} to {last.n_updates} updates; validation "
                    f"accuracy {first.figures.validation_accuracy:.3f} to {last.figures.validation_accuracy:.3f}",
        )


def _until_interrupted(items):
    """What there is of `items` before Ctrl-C."""
    done = []
    try:
        for item in items:
            done.append(item)  # noqa: PERF402 - what was done before an interruption is kept
    except KeyboardInterrupt:
        if not done:
            raise
        print(f"Interrupted: the film has {len(done)} frames.")
    return done


def _record(trainer, experiment, n_frames, n_units):
    """The frames, while the network is trained."""
    (X, y), validation = standardized_mnist(experiment.third, experiment.inputs)
    model, train = trainer.model, (X[: experiment.n_train], y[: experiment.n_train])
    weights = model.weights[0][:N_PIXELS, :n_units]  # live
    start = weights.copy()

    def frame(n_updates, figures):
        moved = np.linalg.norm(weights - start) / np.linalg.norm(start)
        confusion = np.zeros((N_CLASSES, N_CLASSES), int)
        np.add.at(confusion, (validation[1], model.predict(validation[0])), 1)
        return FilmFrame(n_updates, Figures(*figures), weights.copy(), float(moved), confusion)

    with one_blas_thread():
        yield frame(0, (*model.evaluate(*train), *model.evaluate(*validation)))
        evaluations = progress_bar(islice(trainer, n_frames - 1), total=n_frames - 1, unit="frame", desc="Training")
        for n, (step, _, _, *figures) in enumerate(evaluations, start=2):
            yield frame(step + 1, figures)
            # The trainer makes its next evaluation after the next update, counted from 0, that this number divides.
            trainer.evaluate_every = n**3 - 1


def _page(frame, limit):
    """Picture and table side by side, one above the other on a narrow screen."""
    figures, (digit, read_as, times) = frame.figures, frame.most_confused
    n = frame.n_updates
    when = f"After {n} update{'s' * (n > 1)}" if n else "Before the first update"
    said = (f"{when}: validation accuracy {figures.validation_accuracy:.3f}, "
            f"validation loss {figures.validation_loss:.3f}. "
            f"Most frequent mistake: {digit} read as {read_as}, {times} times.")
    alt = (f"Incoming weights of {frame.weights.shape[1]} hidden units as images of 28 by 28 pixels, "
           f"moved by {100 * frame.moved:.1f} % of their initial size. {said}")
    return (
        f'<div style="line-height: 1.5; min-height: 25rem"><p>{escape(said)} The weights have moved by '
        f"{100 * frame.moved:.1f} % of their initial size.</p>"
        '<div style="display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; align-items: flex-start">'
        f'<div class="fits" style="flex: 0 1 22rem">{as_html_image(draw_weights(frame.weights, limit), alt)}</div>'
        f"{_confusion_table(frame.confusion)}</div></div>"
    )


def draw_weights(weights, limit):
    """Incoming weights of hidden units as a mosaic of images, four of them from top to bottom, blue below 0, red above.

    Parameters
    ----------
    weights : array of shape (784, n_units)
        `n_units` a multiple of 4.
    limit : float
        Where the scale ends, to either side.

    Returns
    -------
    matplotlib.figure.Figure
    """
    images = weights.T.reshape(4, -1, 28, 28)
    tiles = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    mosaic = np.block([list(row) for row in tiles])
    figure, ax = plt.subplots(figsize=(4.4, 3.7))
    # Few levels, odd in number so that 0 is white: all of them survive in a picture of 64 colours.
    drawn = ax.imshow(mosaic, cmap=plt.get_cmap("RdBu_r", 21), vmin=-limit, vmax=limit, interpolation="nearest")
    ax.axis("off")
    figure.colorbar(drawn, ax=ax, shrink=0.8, label="weight", extend="both")
    return figure


def _confusion_table(confusion):
    """Counts as an HTML table: blue where a digit is read as itself, vermillion where it is mistaken."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    cell = 'style="padding: .1rem .2rem; text-align: right; border: 0; min-width: 1.5rem'

    def shaded(digit, read_as):
        color = "0, 114, 178" if digit == read_as else "213, 94, 0"
        shade = 0.6 * shares[digit, read_as] ** 0.5  # the root: a few mistakes can still be seen
        return f'<td {cell}; background: rgba({color}, {shade:.2f})">{confusion[digit, read_as]}</td>'

    digits = range(N_CLASSES)
    rows = "".join(f'<tr><th scope="row" {cell}">{digit}</th>' + "".join(shaded(digit, k) for k in digits) + "</tr>"
                   for digit in digits)
    head = f"<td {cell}\"></td>" + "".join(f'<th scope="col" {cell}">{k}</th>' for k in digits)
    return ('<table style="border-collapse: collapse; font-size: .8em; font-variant-numeric: tabular-nums">'
            "<caption>Validation images: digit (row), read as (column)</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")

"""Measures: a number from a run, each with its meaning in words, which is part of the rules."""

import math
from typing import NamedTuple

import numpy as np

from mlplib.experiments import Experiment

#: Updates of the report's 50 epochs, if nothing stops them.
ALL_UPDATES = Experiment().epochs * Experiment().steps_per_epoch


class Measure(NamedTuple):
    """A number that is taken from a run.

    Attributes
    ----------
    meaning : str
        What it is; part of the rules.
    of : callable
        From a `Run` to a float; with `common`, from a `Run` and a number of steps.
    kind : {"difference", "ratio", "sign", "share"}
        How pairs are compared. "difference": t interval of the mean difference. "ratio": the same of logarithms.
        "sign": the median of the logarithms of ratios, by its order statistics and the sign test. Infinity stands for a
        run that never came so far: that its ratio is larger counts as far as the run was long enough to show it.
        "share": of runs in which something happened, beside 0, with the exact binomial interval.
    common : bool
        Whether it is taken where the shorter run of a pair ended.
    power : bool
        Whether the number is a power of ten of what it tells of.
    """

    meaning: str
    of: object
    kind: str = "difference"
    common: bool = False
    power: bool = False

    @property
    def logarithmic(self):
        """Whether pairs are compared by the logarithm of their ratio."""
        return self.kind in ("ratio", "sign")


def updates_until(run, level):
    """Updates until the loss on the training set is `level`, its logarithm interpolated between evaluations.

    Parameters
    ----------
    run : Run
    level : float
        In nats.

    Returns
    -------
    float
        Infinite if no evaluation came so low.
    """
    history = run.history
    reached = np.flatnonzero(history.train_loss <= level)
    if not len(reached):
        return math.inf
    around = slice(max(reached[0] - 1, 0), reached[0] + 1)
    falling = -np.log(history.train_loss[around])  # interpolation needs it to rise
    return float(np.interp(-math.log(level), falling, history.evaluation_step[around] + 1))


def _crosswise(which, figure):
    """Stopped by one half of the test file, judged on the other; and the other way round."""
    def of(run):
        return np.mean([getattr(run.stops[stop], which)[judge][figure]
                        for stop, judge in (("half_1", "half_2"), ("half_2", "half_1"))])
    return of


def _training(figure):
    return lambda run: run.stops["validation"].last["train"][figure]


def _updates_until(level):
    return lambda run: updates_until(run, level)


def _accuracy_at(run, step):
    evaluated = np.searchsorted(run.history.evaluation_step, step, side="right") - 1
    return float(run.history.validation_accuracy[evaluated])


def _later_gain(curve):
    """From half of the updates to the end, each time the mean of five evaluations."""
    def of(run):
        values, steps = getattr(run.history, curve), run.history.evaluation_step
        half = np.searchsorted(steps, steps[-1] / 2)
        return float(values[-5:].mean() - values[half - 2 : half + 3].mean())
    return of


def _early(name):
    """The mean of a diagnostic over epochs 2 to 5, which every run reaches: a record tells of the updates before it."""
    def of(run):
        step, epoch = run.diagnostics["step"], run.experiment.steps_per_epoch
        return float(run.diagnostics[name][(step > epoch) & (step <= 5 * epoch)].mean())
    return of


def _share_of_all(run, share):
    """So much of the updates that a run has at most."""
    return share * run.experiment.epochs * run.experiment.steps_per_epoch


def _early_share(name):
    """What `_early` takes of a run of 50 epochs, of one of any length."""
    def of(run):
        step, first, last = run.diagnostics["step"], _share_of_all(run, 0.02), _share_of_all(run, 0.1)
        return float(run.diagnostics[name][(step > first) & (step <= last)].mean())
    return of


def _gradient_ratio(records):
    """First to last matrix between hidden layers, as a power of ten."""
    def of(run):
        gradients = run.diagnostics["gradient_rms"][records]
        return float(np.mean(np.log10(gradients[:, 1] / gradients[:, -2])))
    return of


def _time_per_step(run):
    return run.seconds / run.history.n_steps


#: The measures by their names.
#:
#: :meta hide-value:
MEASURES = {
    "accuracy": Measure("validation accuracy with the last weights, stopped by one half of the test file and judged on "
                        "the other, the mean of both ways", _crosswise("last", 1)),
    "accuracy, best weights": Measure("the same with the weights of the lowest loss on the stopping half",
                                      _crosswise("best", 1)),
    "accuracy, equal steps": Measure("validation accuracy on the whole test file at the step where the shorter run of "
                                     "the pair ended", _accuracy_at, common=True),
    "accuracy at step 125": Measure("validation accuracy on the whole test file after 126 updates",
                                    lambda run: _accuracy_at(run, 125)),
    "validation loss": Measure("validation loss with the last weights, crosswise as for accuracy",
                               _crosswise("last", 0)),
    "validation loss, best weights": Measure("the same with the weights of the lowest loss on the stopping half",
                                             _crosswise("best", 0)),
    "training loss": Measure("loss on the training set with the last weights, stopped by the whole test file",
                             _training(0), "ratio"),
    "training accuracy": Measure("accuracy on the training set with the last weights, stopped by the whole test file",
                                 _training(1)),
    "steps to 0.2": Measure("updates until the loss on the training set is 0.2, its logarithm interpolated between "
                            "evaluations", _updates_until(0.2), "sign"),
    "steps to 0.1": Measure("updates until the loss on the training set is 0.1, its logarithm interpolated between "
                            "evaluations", _updates_until(0.1), "sign"),
    "steps to 0.05": Measure("updates until the loss on the training set is 0.05, its logarithm interpolated between "
                             "evaluations", _updates_until(0.05), "sign"),
    "later training accuracy": Measure("change of the training accuracy from half of the run to its end",
                                       _later_gain("train_accuracy")),
    "later validation accuracy": Measure("change of the validation accuracy from half of the run to its end",
                                         _later_gain("validation_accuracy")),
    "share of the 50 epochs": Measure("update after which the whole test file stopped the run, as a share of "
                                      f"{ALL_UPDATES:,}",
                                      lambda run: (run.stops["validation"].step + 1) / ALL_UPDATES, "ratio"),
    "not stopped": Measure("whether the whole test file did not stop the run within 50 epochs",
                           lambda run: float(not run.stops["validation"].stopped), "share"),
    "time per step": Measure("seconds of the run, its evaluations included, over its updates", _time_per_step, "ratio"),
    "time to stop": Measure("time per step times the updates until the whole test file stopped the run",
                            lambda run: _time_per_step(run) * (run.stops["validation"].step + 1), "ratio"),
    "minibatch noise": Measure("standard deviation of the logarithm of the minibatch loss, from successive "
                               "differences, over epochs 2 to 5", _early("minibatch_noise"), "ratio"),
    "unit change": Measure("length of an update of a first-layer unit's weights over the length of these weights, over "
                           "epochs 2 to 5", _early("unit_change"), "ratio"),
    "overfitting": Measure("how far the validation loss with the last weights is above that with the best, crosswise "
                           "as for accuracy",
                           lambda run: _crosswise("last", 0)(run) - _crosswise("best", 0)(run)),
    "gradient ratio at the start": Measure("log10 of the gradient's RMS at the first matrix between hidden layers over "
                                           "that at the last, before training", _gradient_ratio(slice(0, 1)),
                                           power=True),
    "gradient ratio in training": Measure("the same, the mean over all later records", _gradient_ratio(slice(1, None)),
                                          power=True),
}

#: Those that the digests of the claims and of the questions cover. What comes later is added below this line.
FIRST_MEASURES = tuple(MEASURES)

# What speaks of 50 epochs, or of 125 steps of them, said for runs of any length.
MEASURES |= {
    "accuracy after a 250th": Measure("accuracy on the whole validation set after a 250th of the updates that a run "
                                      "has at most, and one",
                                      lambda run: _accuracy_at(run, round(_share_of_all(run, 1 / 250)))),
    "share of all epochs": Measure("update after which the whole validation set stopped the run, as a share of those "
                                   "that it has at most",
                                   lambda run: (run.stops["validation"].step + 1) / _share_of_all(run, 1), "ratio"),
    "early minibatch noise": Measure("standard deviation of the logarithm of the minibatch loss, from successive "
                                     "differences, from a fiftieth to a tenth of the updates that a run has at most",
                                     _early_share("minibatch_noise"), "ratio"),
    "early unit change": Measure("length of an update of a first-layer unit's weights over the length of these "
                                 "weights, from a fiftieth to a tenth of the updates that a run has at most",
                                 _early_share("unit_change"), "ratio"),
}

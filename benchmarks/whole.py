"""A whole run: train, evaluate on the way, stop early, give the final figures; and whether two did equal work."""

import time
from itertools import islice

import numpy as np

from benchmarks.tasks import Task, batches, orders
from mlplib.training import EarlyStopping

FIGURES = ("train loss", "train accuracy", "validation loss", "validation accuracy")


def train(experiment, prepare):
    """Train as the report does, by a contender's functions for a piece of training and for an evaluation.

    Parameters
    ----------
    experiment : mlplib.Experiment
    prepare : callable
        As a contender's; what it returns has `figures`, the mean loss and the accuracy on the training and on the
        validation set, and `weights`. If it compiles, `compiling` are the seconds of that.

    Returns
    -------
    dict
        `updates`, `evaluations` (an array of shape (n, 4), see FIGURES), `final` and `best` figures, `stopped`; and
        `seconds`: "whole", and of it "compiling", "updates" and "evaluations".
    """
    start = time.perf_counter()
    updates = prepare(Task.of(experiment))
    seconds = {"compiling": getattr(updates, "compiling", 0.0), "updates": 0.0, "evaluations": 0.0}

    def timed(kind, function, *args):
        began = time.perf_counter()
        result = function(*args)
        seconds[kind] += time.perf_counter() - began
        return result

    every, last = schedule(experiment)
    rows, rule, evaluations, done = minibatches(experiment), EarlyStopping(experiment.patience), [], 0
    while not rule.exhausted and done < last:
        piece = np.array(list(islice(rows, min(every, last - done) if done else 1)))
        timed("updates", updates, piece)
        done += len(piece)
        figures = timed("evaluations", updates.figures)
        if (done - 1) % every == 0:
            evaluations.append(figures)
            if rule.is_new_best(figures[2]):
                best, best_weights = figures, [np.array(W) for W in updates.weights()]
    assert best_weights[0].shape[1] == experiment.hidden[0]
    return outcome(done, evaluations, figures, best, rule.exhausted, seconds | {"whole": time.perf_counter() - start})


def schedule(experiment):
    """Updates from one evaluation to the next, and at most."""
    steps = experiment.steps_per_epoch
    return steps // experiment.evaluations_per_epoch, experiment.epochs * steps


def minibatches(experiment):
    for _, order in zip(range(experiment.epochs), orders(experiment.seed)):
        yield from batches(order, experiment.batch_size)


def outcome(updates, evaluations, final, best, stopped, seconds):
    return {"updates": int(updates), "evaluations": np.array(evaluations, float), "final": np.array(final, float),
            "best": np.array(best, float), "stopped": bool(stopped), "seconds": seconds}


def of_run(run, seconds=None):
    """The same of an `mlplib.Run`."""
    history = run.history
    evaluations = np.column_stack([history.train_loss, history.train_accuracy, history.validation_loss,
                                   history.validation_accuracy])
    return outcome(len(history.step), evaluations, run.final, run.best, run.stopped_epoch is not None, seconds)


def differences(theirs, ours, patience):
    """What speaks against the equal work of two contenders, in sentences: none if nothing does.

    While rounding has not made two runs of them yet, the figures have to agree: at the first two evaluations. Each run
    has to stop where its own losses say. And where it stops, and with which figures, has to lie within the spread over
    the seeds: the means differ by at most four standard errors. Of a loss the logarithm is taken: after early stopping
    one of the training set is so near to zero that its spread is a factor.

    Parameters
    ----------
    theirs : dict from int to dict
        Outcomes by seed.
    ours : dict from int to dict
        Those of mlplib: at least the same seeds, and enough of them for a spread.
    patience : int
        Of early stopping, in evaluations.
    """
    found = []
    for seed, run in theirs.items():
        # An accuracy may differ by a few of 10,000 images, whose two largest logits are nearly equal; and after 126
        # updates of ten layers rounding has come to a thousandth.
        for each, name in enumerate(FIGURES):
            a, b = run["evaluations"][:2, each], ours[seed]["evaluations"][:2, each]
            if not np.all(np.abs(a - b) <= ([1e-3, 1e-2] if "accuracy" in name else [1e-4, 1e-2] * b)):
                found.append(f"seed {seed}: the first two evaluations give as {name} {a}, those of mlplib {b}")
        waited = len(run["evaluations"]) - 1 - run["evaluations"][:, 2].argmin()
        if run["stopped"] != (waited == patience):
            found.append(f"seed {seed}: stopped is {run['stopped']}, {waited} evaluations after the lowest loss")
    a, b = (np.array([at_the_end(run) for run in runs.values()]) for runs in (theirs, ours))
    apart = np.abs(a.mean(axis=0) - b.mean(axis=0))
    allowed = SMALLEST + 4 * b.std(axis=0, ddof=1) * np.sqrt(1 / len(a) + 1 / len(b))
    return found + [f"{AT_THE_END[each]}: {a[:, each].mean():.5g} in the mean, mlplib {b[:, each].mean():.5g}, "
                    f"{allowed[each]:.2g} apart at most" for each in np.flatnonzero(~(apart <= allowed))]


AT_THE_END = ("evaluations", "log train loss", "train accuracy", "log validation loss", "validation accuracy")
SMALLEST = (1, 1e-2, 1e-4, 1e-2, 1e-4)


def at_the_end(run):
    """The numbers that AT_THE_END names."""
    train_loss, train_accuracy, validation_loss, validation_accuracy = run["final"]
    return len(run["evaluations"]), np.log(train_loss), train_accuracy, np.log(validation_loss), validation_accuracy

"""The networks that are shown side by side: all combinations of the report's tricks, and widths by depths."""

import itertools
from dataclasses import replace

from mlplib import _checks
from mlplib.experiments import Experiment
from mlplib.report import SEEDS

#: The report's tricks in its order, keys of `mlplib.experiments.TRICKS`.
REPORT_TRICKS = ("init", "sigmoid", "momentum")
#: Whether each of them is on: all 2³ combinations.
TRICK_COMBINATIONS = tuple(itertools.product((False, True), repeat=len(REPORT_TRICKS)))
#: Widths and depths of the grid of networks that differ in topology only.
WIDTHS, DEPTHS = (16, 32, 64, 128, 256), (1, 2, 3, 5, 10)


def trick_experiment(tricks, seed=0):
    """The report's network with some of the tricks.

    Parameters
    ----------
    tricks : sequence of bool
        Whether (init, sigmoid, momentum) are on.
    seed : int

    Returns
    -------
    Experiment
    """
    tricks = _checks.sequence("tricks", tricks, "True and False")
    if len(tricks) != len(REPORT_TRICKS):
        raise ValueError(f"tricks: expected {len(REPORT_TRICKS)}, for {', '.join(REPORT_TRICKS)}, got {len(tricks)}")
    on = [_checks.boolean(f"tricks[{i}]", trick) for i, trick in enumerate(tricks)]
    return Experiment(seed=seed).with_tricks(**dict(zip(REPORT_TRICKS, on)))


def topology_experiment(width, depth, seed=0):
    """All tricks on, and `depth` hidden layers of `width` units.

    Parameters
    ----------
    width, depth : int
    seed : int

    Returns
    -------
    Experiment
    """
    width = _checks.integer("width", width, minimum=1, maximum=_checks.LONGEST)
    depth = _checks.integer("depth", depth, minimum=0, maximum=_checks.LONGEST)
    return Experiment(hidden=(width,) * depth, seed=seed).with_tricks(**dict.fromkeys(REPORT_TRICKS, True))


def shown_experiments():
    """What the explorers and the tables show, each with the report's five seeds.

    Returns
    -------
    list of Experiment
        All combinations of the tricks, all widths by all depths; the report's rows are among them.
    """
    first = [trick_experiment(tricks) for tricks in TRICK_COMBINATIONS]
    first += [topology_experiment(width, depth) for width in WIDTHS for depth in DEPTHS]
    return [replace(experiment, seed=seed) for experiment in dict.fromkeys(first) for seed in SEEDS]

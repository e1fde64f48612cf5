"""The claims on other data, scikit-learn's small digits: the third registration, made of the rules of the first."""

import gzip
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mlplib.datasets import DataSet
from mlplib.evidence.arms import Network
from mlplib.evidence.claims import CLAIMS
from mlplib.evidence.effects import FAILS, HOLDS, UNDECIDED
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.registrations import Registration, arms_of
from mlplib.inputs import STOPS

#: The first 1,000 of the 1,797 images train, the other 797 validate.
N_DIGITS = 1000
#: What a store knows of them; `load_digits` has the images.
DIGITS = DataSet.described("digits", "fa870c92554d99e2", n_inputs=65, n_classes=10, n_train=N_DIGITS, n_validation=797)
#: So many epochs of 31 updates for one of MNIST's 625, with one evaluation in each: 250 evaluations in all, as there.
EPOCHS_FOR_ONE = 5
#: What stands for measures that count MNIST's epochs.
CARRIED_MEASURES = {
    "accuracy at step 125": "accuracy after a 250th", "share of the 50 epochs": "share of all epochs",
    "minibatch noise": "early minibatch noise", "unit change": "early unit change",
}


def load_digits():
    """scikit-learn's small digits: 1,797 images of 8 × 8 pixels from 0 to 16, read from the file it comes with.

    Returns
    -------
    DataSet

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is not installed.
    ValueError
        If its digits are not those that were registered.
    """
    found = find_spec("sklearn")
    if found is None:
        raise ModuleNotFoundError("the small digits come with scikit-learn, which is not installed: "
                                  "pip install scikit-learn", name="sklearn")
    path = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",")
    images, labels = rows[:, :-1], rows[:, -1].astype(int)
    digits = DataSet("digits", (images[:N_DIGITS], labels[:N_DIGITS]), (images[N_DIGITS:], labels[N_DIGITS:]))
    if digits != DIGITS:
        raise ValueError(f"{path}: expected {DIGITS}, found {digits}")
    return digits


def on_digits(arm):
    """The arm on the small digits: the same network and seeds, and a protocol in proportion.

    Parameters
    ----------
    arm : Arm

    Returns
    -------
    Arm
    """
    network, protocol = arm.network, arm.protocol
    seen = ("layers",) if len(network.experiment.hidden) == 10 else ("units",)
    return Network(f"{network.name}, digits",
                   replace(network.experiment, data=DIGITS, n_train=N_DIGITS,
                           epochs=EPOCHS_FOR_ONE * network.experiment.epochs)
                   ).under(replace(protocol, epochs=EPOCHS_FOR_ONE * protocol.epochs, evaluations_per_epoch=1,
                                   judge_on=STOPS, diagnostics=() if protocol.rate in ("best", "fastest") else seen),
                           seeds=arm.seeds)


def _carried(comparison):
    a, b = (tuple(map(on_digits, side)) if isinstance(side, tuple) else side for side in (comparison.a, comparison.b))
    return replace(comparison, measure=CARRIED_MEASURES.get(comparison.measure, comparison.measure), a=a, b=b)


def _parts():
    for part in CLAIMS.parts:
        yield replace(part, comparison=_carried(part.comparison), controls=tuple(
            replace(control, comparison=_carried(control.comparison)) for control in part.controls))


_PARTS = tuple(_parts())

#: The third registration: all parts of the claims, with their measures, directions, margins, controls and seeds.
#:
#: :meta hide-value:
OTHER_DATA = Registration(
    name="digits", date="2026-11-27", parts=_PARTS, command="make own-data",
    arms=arms_of(_PARTS),
    plan=f"""
Data: scikit-learn's small digits, 1,797 images of 8 x 8, digest {DIGITS.digest}. In the order of the file the first
1,000 train and the last 797 validate; where a measure says test file, it is these, in two random halves with each
class alike. Pixels are shifted and scaled by one mean and one deviation, of the training images, as in MNIST.
Networks: those of the claims, with 64 pixels and the constant as inputs. Minibatches of 32, learning rates by the
report's rule, margins, measures, controls and Holm's correction over all comparisons as registered there.
Lengths: an epoch has 31 updates, MNIST's 625. Five epochs stand for one: 250 for 50, 60 for 12, 40 for 8, 25 for 5;
one evaluation in each, so 250 in all as there; patience 50 evaluations, a fifth of them as there; every 25th of the
first 375 updates is evaluated too, as there. A pilot (seeds 0 and 1) showed that all networks come to 0.05 in 250
epochs. Where a measure counts 50 epochs, or epochs 2 to 5, or 125 steps, it is the same share of the run.
Not carried over: other thirds of the training file, for there are no other images (no verdict needs to agree on
them), and the 40,000 images held out. So twenty seeds speak of these 797 images, and of no others.
Seeds: 100 to 119 confirm; 50, 51 and 52 choose learning rates, among the same ten steps, on the first half.
Cost: by the pilot 9 minutes of one processor, 2 of them for learning rates; at most 15.
""")


# ---- what became of a part

SAME, OPPOSITE, SMALL, NEW = "the same", "the opposite sign", "too small to matter", "an effect where none was"
OPENED, CLOSED, REST = "open now", "decided now", "another verdict"
#: What can become of a part on other data.
CHANGES = (SAME, OPPOSITE, SMALL, NEW, OPENED, CLOSED, REST)


def change_of(verdict, other):
    """What became of a part on other data; where it changed between "holds" and "does not hold", by its intervals.

    Parameters
    ----------
    verdict, other : mlplib.evidence.verdicts.Verdict
        On the first and on the other data.

    Returns
    -------
    str
        One of `CHANGES`. The opposite sign has what does not hold if its corrected interval lies wholly on the other
        side of no difference.
    """
    found = verdict.verdict, other.verdict
    if found[0] == found[1]:
        return SAME
    if UNDECIDED in found:
        return OPENED if found[1] == UNDECIDED else CLOSED
    if set(found) != {HOLDS, FAILS}:
        return REST
    failing = verdict.effect if found[0] == FAILS else other.effect
    none = 1.0 if MEASURES[failing.comparison.measure].logarithmic else 0.0
    low, high = failing.corrected
    if low > none if failing.comparison.direction == "less" else high < none:
        return OPPOSITE
    return SMALL if found[1] == FAILS else NEW

"""Plans: which rules no runs could decide, said before the runs; and how many seeds would decide what stays open."""

import math
import warnings
from bisect import bisect_left
from dataclasses import fields, replace
from itertools import count
from types import SimpleNamespace

import numpy as np

from mlplib import _checks
from mlplib.evidence import special
from mlplib.evidence.effects import UNDECIDED
from mlplib.evidence.measures import ALL_UPDATES, MEASURES
from mlplib.evidence.rates import RATES, experiments_of, runs_that_choose
from mlplib.evidence.statistics import LEVEL
from mlplib.experiments import Experiment
from mlplib.history import History
from mlplib.running import Stop
from mlplib.training import DENSE

PILOT = 0  # an Experiment's own seed, on which everything is tried first
POWER, MANY = 0.8, 1000  # how often so many seeds are to decide, and how many nobody trains
RATIOS = 1.01, 100.0  # the ratios that may matter: a smaller one is written ×1.00
# What `Experiment.diagnostics` has to name for measures with such a word in their names.
DIAGNOSED = {"noise": "units", "change": "units", "gradient": "layers"}


def labelled(parts):
    """Each comparison of some parts, with what a message calls it.

    Parameters
    ----------
    parts : sequence of Part

    Yields
    ------
    label : str
    comparison : Comparison
    """
    for part in parts:
        yield part.name, part.comparison
        yield from ((f"{part.name}, control {control.text!r}", control.comparison) for control in part.controls)


def _arms(comparison):
    """The arms of both sides, those of one name too."""
    return [arm for side in (comparison.a, comparison.b) if isinstance(side, tuple) for arm in side]


def _made(arm):
    """What is trained, by whatever name."""
    return arm.protocol.rate, tuple(arm.experiments())


# ---- before the runs


def with_logarithms(part):
    """The part with the logarithms of the factors that it has as margins of ratios.

    Parameters
    ----------
    part : Part

    Returns
    -------
    Part
        A `ValueError` says which measures there are, or what a factor is.
    """
    found = [_with_logarithm(label, comparison) for label, comparison in labelled([part])]
    return replace(part, comparison=found[0], controls=tuple(
        replace(control, comparison=one) for control, one in zip(part.controls, found[1:])))


def _with_logarithm(label, comparison):
    name, margin = _checks.one_of("measure", comparison.measure, MEASURES), comparison.margin
    if not MEASURES[name].logarithmic:
        return comparison
    if not RATIOS[0] <= margin <= RATIOS[1]:
        meant = f"; if it is a logarithm, the factor is {math.exp(margin):.3g}" if 0 < margin < 1 else ""
        raise ValueError(f"{label}: expected as margin a factor from {RATIOS[0]:g} to {RATIOS[1]:g}, such as 1.1 for "
                         f"a tenth, since {name!r} is compared as a ratio, got {margin:g}{meant}")
    return replace(comparison, margin=math.log(margin))


def recording(arm, parts):
    """The arm, and what the measures need that it is compared on: its experiments record it.

    Parameters
    ----------
    arm : Arm
    parts : sequence of Part

    Returns
    -------
    Arm
    """
    needed = {kind for _, one in labelled(parts) if arm in one.arms
              for word, kind in DIAGNOSED.items() if word in one.measure}
    kinds = (*arm.protocol.diagnostics, *sorted(needed - set(arm.protocol.diagnostics)))
    return replace(arm, protocol=replace(arm.protocol, diagnostics=kinds))


def remarks_on(parts):
    """What is left to say of a plan that can be judged.

    Parameters
    ----------
    parts : sequence of Part
        With logarithms.

    Returns
    -------
    list of str
        Such as that two networks differ in more than one thing.

    Raises
    ------
    ValueError
        If no runs could decide one of them, or they would not say what its words say. The message says what to change.
    """
    names, remarks, arms, comparisons = [part.name for part in parts], [], {}, list(labelled(parts))
    if len(set(names)) < len(names):
        raise ValueError(f"parts: expected names that no other part has, got {', '.join(names)}")
    for arm in (arm for _, one in comparisons for arm in _arms(one)):
        _check_rate(arm)
        if _made(arms.setdefault(str(arm), arm)) != _made(arm):
            raise ValueError(f"{arm}: expected one experiment of this name, got several; give each Network a name of "
                             "its own, and each Protocol a suffix")
    signs = sum(MEASURES[one.measure].kind == "sign" for _, one in comparisons)
    for label, one in comparisons:
        _check_seeds(label, one, signs)
        _check_margin(label, one)
        for arm in _arms(one):
            _check_measure(label, one.measure, recording(arm, parts))
        remarks += [f"{label}: {said}" for said in (*_differences(label, one), *_too_fine(one))]
    return [*remarks, *_repeated({arm.network.experiment.data for arm in arms.values()} - {None})]


def _check_rate(arm):
    """Whether its learning rate can be found, as far as that shows before any run."""
    rate = arm.protocol.rate
    if rate not in RATES:
        raise ValueError(f"{arm}: expected as rate one of {', '.join(map(repr, RATES))}, got {rate!r}")
    try:
        runs_that_choose([arm])
        experiments_of(arm, {})
    except ValueError as error:
        raise ValueError(f"{arm}: its rate, {rate!r}, cannot be found ({error}); take 'best', or None for the report's "
                         "rule") from None


def _check_seeds(label, comparison, signs):
    """Whether there are enough, of which none was used before. `signs` is the number of sign tests in all."""
    seeds, sign = [arm.seeds for arm in _arms(comparison)], MEASURES[comparison.measure].kind == "sign"
    # If all n pairs agree, a sign test gives 2⁻ⁿ, which Holm's correction takes times the number of such tests.
    needed = next(n for n in count(2) if not sign or signs * 0.5**n < LEVEL)
    if len(seeds[0]) < needed or len(set(seeds[0])) < len(seeds[0]) or len(set(seeds)) > 1:
        raise ValueError(f"{label}: expected at least {needed} seeds for {comparison.measure!r}, each once, the same "
                         f"for all networks, got {' and '.join(str(list(each)) for each in dict.fromkeys(seeds))}")
    choosing = {one.seed for one in runs_that_choose(_arms(comparison))}
    if used := {PILOT, *choosing} & set(seeds[0]):
        raise ValueError(f"{label}: expected seeds that nothing was tried or chosen on, got {sorted(used)}; {PILOT} is "
                         f"the pilot's, and {sorted(choosing) or 'none'} choose learning rates. Take those from 100 on")


def _check_margin(label, comparison):
    """Whether it, and a fixed number to compare with, are on the scale of the measure."""
    name, margin, b, measure = comparison.measure, comparison.margin, comparison.b, MEASURES[comparison.measure]
    if measure.kind == "share" and not ((comparison.direction, b) == ("greater", 0) and 0 < margin < 1):
        raise ValueError(f"{label}: expected of {name!r} that it is greater than the number 0.0, with a margin between "
                         f"0 and 1, got {comparison.direction!r}, {_checks.shown(b)} and {margin:g}")
    if comparison.direction == "same" and margin == 0:
        raise ValueError(f"{label}: expected a margin above 0: the same is what differs by less")
    guessing = math.log(_arms(comparison)[0].network.experiment.n_classes), "nats, the loss of who guesses"
    scales = {"gradient": (10.0, "powers of ten"), "loss": guessing, "overfitting": guessing,
              "accuracy": (1.0, "an accuracy is a share: half a percent is 0.005")}
    most, unit = next((scale for word, scale in scales.items() if word in name), (math.inf, ""))
    if margin >= most and not measure.logarithmic:
        raise ValueError(f"{label}: expected a margin below {most:.3g} ({unit}), got {margin:g}")
    if not isinstance(b, tuple) and (b <= 0 if measure.logarithmic else "accuracy" in name and abs(b) > 1):
        raise ValueError(f"{label}: expected to compare {name!r} with "
                         f"{'a positive number' if measure.logarithmic else 'a share'}, got {b:g}")


def _evaluated(experiment):
    """After which updates it is evaluated, if nothing stops it."""
    every = max(1, experiment.steps_per_epoch // experiment.evaluations_per_epoch)
    t = np.arange(experiment.epochs * experiment.steps_per_epoch)
    return t[(t % every == 0) | ((t < experiment.dense_steps) & (t % DENSE == 0))]


def _outlined(experiment):
    """A run as long as the experiment's, with all that it records; each figure is 1."""
    e, steps = experiment, _evaluated(experiment)
    epoch, ones = steps // e.steps_per_epoch, np.ones(len(steps))
    recorded = steps[(epoch == 0) | (np.diff(epoch, prepend=0) > 0)]
    diagnostics = {"step": recorded}
    if "layers" in e.diagnostics:
        diagnostics["gradient_rms"] = np.ones((len(recorded), len(e.hidden) + 1))
    if "units" in e.diagnostics:  # between two records there are losses; of a single one there is no noise
        noise = np.where(np.diff(recorded, prepend=-1) > 1, 1.0, math.nan)
        diagnostics |= {"unit_change": np.ones(len(recorded)), "minibatch_noise": noise}
    judged = dict.fromkeys(("train", *e.judge_on), (1.0, 1.0))
    return SimpleNamespace(experiment=e, seconds=1.0, diagnostics=diagnostics,
                           history=History(steps, ones, steps, ones, ones, ones, ones),
                           stops={name: Stop(steps[-1], 0, False, judged, judged) for name in e.stop_on if e.judge_on})


# Of measures whose words are not true of every run: of which they are, and what to change of others.
_LONG = (lambda e: len(_evaluated(e)) >= 10, "ten evaluations or more: the middle five are compared with the last")
_DEEP = (lambda e: len(e.hidden) > 2, "three hidden layers or more, so that two matrices lie between hidden ones")
TRUE_OF = {
    "gradient ratio at the start": _DEEP,
    "gradient ratio in training": _DEEP,
    "later training accuracy": _LONG,
    "later validation accuracy": _LONG,
    "share of all epochs": (lambda e: e.patience, "a patience"),
    "share of the 50 epochs": (lambda e: e.patience and e.epochs * e.steps_per_epoch == ALL_UPDATES,
                               f"a patience, and {ALL_UPDATES:,} updates; or take 'share of all epochs'"),
    "not stopped": (lambda e: e.patience and e.epochs == 50, "a patience, and 50 epochs"),
    "accuracy at step 125": (lambda e: 125 in _evaluated(e),
                             "an evaluation after 126 updates, as by dense_steps=375; or 'accuracy after a 250th'"),
    "accuracy after a 250th": (lambda e: _evaluated(e)[1] <= round(e.epochs * e.steps_per_epoch / 250),
                               "an evaluation within a 250th of the updates"),
}


def _check_measure(label, name, arm):
    """Whether the runs of an arm have what a measure is taken from."""
    measure, experiment = MEASURES[name], arm.experiments()[0]
    expected = f"{label}: expected of {arm}, for {name!r},"
    if len(_evaluated(experiment)) < 2:
        raise ValueError(f"{expected} more than one evaluation")
    is_true, wanted = TRUE_OF.get(name, (bool, ""))
    if not is_true(experiment):
        raise ValueError(f"{expected} {wanted}")
    run = _outlined(experiment)
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            number = measure.of(run, run.history.evaluation_step[-1]) if measure.common else measure.of(run)
    except KeyError as error:
        raise ValueError(f"{expected} that stop_on and judge_on of its protocol have {error}, as in REPORTED") from None
    if measure.kind != "sign" and not math.isfinite(number):
        raise ValueError(f"{expected} longer runs or more evaluations: nothing is recorded at the time that it is of")


def _differences(label, comparison):
    """What is said of two networks that differ in more than one thing; a ValueError if they differ in nothing."""
    if not isinstance(comparison.b, tuple):
        return
    a, b = ([_made(arm) for arm in side] for side in (comparison.a, comparison.b))
    if any(one in b for one in a):
        raise ValueError(f"{label}: expected networks that differ, got the same one on both sides of "
                         f"{', '.join(map(str, _arms(comparison)))}")
    if len(a) == len(b) == 1:
        (rate, (one, *_)), (other_rate, (other, *_)) = a[0], b[0]
        names = [field.name for field in fields(Experiment) if getattr(one, field.name) != getattr(other, field.name)]
        names += ["the rule for the rate"] * (rate != other_rate)
        if len(names) > 1:
            yield f"the networks differ in {' and '.join(names)}, and each may be the cause"


def _too_fine(comparison):
    """What is said of a margin that is less than one sample."""
    experiment = _arms(comparison)[0].network.experiment
    n = experiment.n_train if "training" in comparison.measure else experiment.n_validation
    if "accuracy" in comparison.measure and 0 < comparison.margin < 1 / n:
        yield (f"one of {n:,} samples is {1 / n:.2g} of the accuracy, more than the margin of {comparison.margin:g}: "
               "more samples could tell more, or a larger margin")


def _repeated(several):
    """What is said of data of which some samples train and validate; a ValueError if half of them do."""
    for data in several:
        n = data.n_repeated if data.train is not None else 0
        said = f"{n:,} of the {data.n_validation:,} samples of {data.name!r} that validate also train"
        if 2 * n >= data.n_validation:
            raise ValueError(f"data: expected others to validate than train, got {said}; what is learned by heart "
                             "would count as read")
        if n:
            yield said


# ---- after the runs


def values_of(comparison, runs):
    """The measure of each run, for each arm of a comparison.

    Parameters
    ----------
    comparison : Comparison
    runs : dict from Arm to list of Run

    Returns
    -------
    dict from Arm to array
    """
    measure, arms = MEASURES[comparison.measure], dict.fromkeys(_arms(comparison))
    if not measure.common:
        return {arm: np.array([measure.of(run) for run in runs[arm]]) for arm in arms}
    ends = np.min([[run.history.evaluation_step[-1] for run in runs[arm]] for arm in arms], axis=0)
    return {arm: np.array([measure.of(run, end) for run, end in zip(runs[arm], ends)]) for arm in arms}


def sides_of(comparison, runs):
    """For both sides of a comparison a number for each seed, the mean over its arms, or the fixed number.

    Parameters
    ----------
    comparison : Comparison
    runs : dict from Arm to list of Run

    Returns
    -------
    list of (array or float)
    """
    values = values_of(comparison, runs)
    return [np.mean([values[arm] for arm in side], axis=0) if isinstance(side, tuple) else side
            for side in (comparison.a, comparison.b)]


def distances_of(comparison, runs):
    """How far each pair lies from what would be shown not to be: the scatter that decides how many seeds it takes.

    Parameters
    ----------
    comparison : Comparison
        Of a measure that is no share.
    runs : dict from Arm to list of Run

    Returns
    -------
    distances : float array of shape (n,)
        From no difference, if the middle one of the pairs matters, and else from the margin, of ratios in logarithms;
        positive on the side where most lie.
    matters : bool
    """
    measure, margin = MEASURES[comparison.measure], comparison.margin
    a, b = sides_of(comparison, runs)
    with np.errstate(all="ignore"):
        pairs = np.log(a) - np.log(b) if measure.logarithmic else a - b
        middle = np.median(pairs) if measure.kind == "sign" else pairs.mean()
    if comparison.direction == "less" or (comparison.direction == "same" and middle < 0):
        pairs, middle = -pairs, -middle
    # Of a difference that matters it is shown that there is one, of any other that it is less than what matters.
    matters = bool(middle >= margin)
    return (pairs if matters else margin - pairs), matters


def seeds_needed(comparison, runs, level=LEVEL):
    """How many seeds would decide a comparison in `POWER` of all tries, if its pairs stay as they are.

    Parameters
    ----------
    comparison : Comparison
    runs : dict from Arm to list of Run
    level : float
        Of the one-sided test that decides.

    Returns
    -------
    int or None
        By mean and standard deviation of the pairs, or, for medians and shares, by how many lie beyond what is tested.
        None if `MANY` would not do: what is seen lies about at the margin, or has no finite figures.
    """
    kind, margin = MEASURES[comparison.measure].kind, comparison.margin
    if kind == "share":
        return _draws_needed(1 - sides_of(comparison, runs)[0].mean(), 1 - margin, level)
    distances, matters = distances_of(comparison, runs)
    if kind == "sign":
        return _draws_needed(np.mean(distances > 0), 0.5, level)
    if not np.isfinite(distances).all():
        return None
    # Of what is to be the same two tests have to succeed, on either side.
    power = (1 + POWER) / 2 if comparison.direction == "same" and not matters else POWER

    def is_enough(n):
        quantiles = special.stdtrit(n - 1, 1 - level) + special.stdtrit(n - 1, power)
        return distances.mean() * np.sqrt(n) > distances.std(ddof=1) * quantiles

    n = 2 + bisect_left(range(2, MANY + 1), True, key=is_enough)
    return n if n <= MANY else None


def open_effects(verdict):
    """What leaves a verdict undecided.

    Parameters
    ----------
    verdict : mlplib.evidence.verdicts.Verdict
        One that is.

    Returns
    -------
    list of Effect
        Its own, or those of its controls that are open; none if a repetition on other images disagrees.
    """
    if verdict.effect.verdict(verdict.p_for, verdict.p_against) == UNDECIDED:
        return [verdict.effect]
    return [effect for _, effect, word in verdict.controls if word == "open"]


def first_level(parts):
    """The level of the first step of Holm's correction over all comparisons of some parts, a float.

    What is shown at this level is shown whatever the other comparisons come to.

    Parameters
    ----------
    parts : sequence of Part
    """
    return LEVEL / len({one for part in parts for one in part.comparisons})


def _draws_needed(share, null, level):
    """How many draws show that a share, if it is this one, is above another."""
    k = 0
    for n in range(2, MANY + 1):
        while k < n and special.bdtrc(k, n, null) >= level:  # the probability of more than k of n
            k += 1
        if k < n and special.bdtrc(k, n, share) >= POWER:
            return n
    return None

"""From runs to an effect: measures, paired comparisons with their intervals, and what each says by itself. SciPy does the statistics."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.designs import steps_to

LEVEL = 0.025  # of each one-sided test; the two sides make the 95 % of the intervals
HOLDS, EQUIVALENT, FAILS, UNDECIDED = "holds", "equivalent", "does not hold", "undecided"


# ---- measures: a number from a run


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
    """

    meaning: str
    of: object
    kind: str = "difference"
    common: bool = False


def _crosswise(which, figure):
    """Stopped by one half of the test file, judged on the other; and the other way round."""
    def of(run):
        return np.mean([getattr(run.stops[stop], which)[judge][figure]
                        for stop, judge in (("half_1", "half_2"), ("half_2", "half_1"))])
    return of


def _training(figure):
    return lambda run: run.stops["validation"].last["train"][figure]


def _steps_to(level):
    return lambda run: steps_to(run, level)


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
        step, epoch = run.diagnostics["step"], run.experiment.n_train // run.experiment.batch_size
        return float(run.diagnostics[name][(step > epoch) & (step <= 5 * epoch)].mean())
    return of


def _gradient_ratio(records):
    """First to last matrix between hidden layers, as a power of ten."""
    def of(run):
        gradients = run.diagnostics["gradient_rms"][records]
        return float(np.mean(np.log10(gradients[:, 1] / gradients[:, -2])))
    return of


def _time_per_step(run):
    return run.seconds / run.history.n_steps


MEASURES = {
    "accuracy": Measure("validation accuracy with the last weights, stopped by one half of the test file and judged on the "
                        "other, the mean of both ways", _crosswise("last", 1)),
    "accuracy, best weights": Measure("the same with the weights of the lowest loss on the stopping half",
                                      _crosswise("best", 1)),
    "accuracy, equal steps": Measure("validation accuracy on the whole test file at the step where the shorter run of the "
                                     "pair ended", _accuracy_at, common=True),
    "accuracy at step 125": Measure("validation accuracy on the whole test file after 126 updates",
                                    lambda run: _accuracy_at(run, 125)),
    "validation loss": Measure("validation loss with the last weights, crosswise as for accuracy", _crosswise("last", 0)),
    "validation loss, best weights": Measure("the same with the weights of the lowest loss on the stopping half",
                                             _crosswise("best", 0)),
    "training loss": Measure("loss on the training set with the last weights, stopped by the whole test file",
                             _training(0), "ratio"),
    "training accuracy": Measure("accuracy on the training set with the last weights, stopped by the whole test file",
                                 _training(1)),
    "steps to 0.2": Measure("updates until the loss on the training set is 0.2, its logarithm interpolated between "
                            "evaluations", _steps_to(0.2), "sign"),
    "steps to 0.1": Measure("updates until the loss on the training set is 0.1, its logarithm interpolated between "
                            "evaluations", _steps_to(0.1), "sign"),
    "steps to 0.05": Measure("updates until the loss on the training set is 0.05, its logarithm interpolated between "
                            "evaluations", _steps_to(0.05), "sign"),
    "later training accuracy": Measure("change of the training accuracy from half of the run to its end",
                                       _later_gain("train_accuracy")),
    "later validation accuracy": Measure("change of the validation accuracy from half of the run to its end",
                                         _later_gain("validation_accuracy")),
    "share of the 50 epochs": Measure("update after which the whole test file stopped the run, as a share of 31,250",
                                      lambda run: (run.stops["validation"].step + 1) / 31_250, "ratio"),
    "not stopped": Measure("whether the whole test file did not stop the run within 50 epochs",
                           lambda run: float(not run.stops["validation"].stopped), "share"),
    "time per step": Measure("seconds of the run, its evaluations included, over its updates", _time_per_step, "ratio"),
    "time to stop": Measure("time per step times the updates until the whole test file stopped the run",
                            lambda run: _time_per_step(run) * (run.stops["validation"].step + 1), "ratio"),
    "minibatch noise": Measure("standard deviation of the logarithm of the minibatch loss, from successive differences, "
                               "over epochs 2 to 5", _early("minibatch_noise"), "ratio"),
    "unit change": Measure("length of an update of a first-layer unit's weights over the length of these weights, over "
                           "epochs 2 to 5", _early("unit_change"), "ratio"),
    "overfitting": Measure("how far the validation loss with the last weights is above that with the best, crosswise as "
                           "for accuracy",
                           lambda run: _crosswise("last", 0)(run) - _crosswise("best", 0)(run)),
    "gradient ratio at the start": Measure("log10 of the gradient's RMS at the first matrix between hidden layers over "
                                           "that at the last, before training", _gradient_ratio(slice(0, 1))),
    "gradient ratio in training": Measure("the same, the mean over all later records", _gradient_ratio(slice(1, None))),
}


# ---- comparisons


@dataclass(frozen=True)
class Comparison:
    """What is compared with what.

    Attributes
    ----------
    measure : str
        A key of `MEASURES`.
    a : tuple of str
        Names of arms; of several, each seed's mean counts.
    b : tuple of str or float
        The same, or a fixed number.
    direction : {"greater", "less", "same"}
        What is claimed of a beside b.
    margin : float
        The smallest difference that matters: in the measure's unit, or the logarithm of a ratio.
    """

    measure: str
    a: tuple
    b: tuple | float
    direction: str
    margin: float


@dataclass(frozen=True)
class Effect:
    """A difference between two groups of runs.

    Attributes
    ----------
    comparison : Comparison
    n : int
        Pairs, or runs if b is a number.
    estimate, low, high : float
        With its 95 % interval, of a beside b: a difference, or a ratio if the measure's kind is "ratio" or "sign".
    p_for, p_against : float
        One-sided: of the claimed direction if there were no difference, and of this or less if there were one of the
        margin. For "same": of a difference within the margin (two one-sided tests), and of one at all.
    correlation : float
        Between the pairs, which is what pairing gains by; NaN without pairs.
    censored : int
        Pairs in which a run never came so far, or whose numbers are not finite.
    """

    comparison: Comparison
    n: int
    estimate: float
    low: float
    high: float
    p_for: float
    p_against: float
    correlation: float
    censored: int

    @property
    def claimed(self):
        """The estimate, of ratios its logarithm, positive if it has the direction claimed."""
        estimate = self.estimate
        if _logarithmic(self.comparison) and not math.isnan(estimate):
            estimate = math.log(estimate) if estimate > 0 else -math.inf
        return -estimate if self.comparison.direction == "less" else estimate

    def verdict(self, p_for=None, p_against=None):
        """The verdict on this comparison alone.

        Parameters
        ----------
        p_for, p_against : float, optional
            In place of the effect's own, corrected for many comparisons.

        Returns
        -------
        str
            "holds" if the claimed direction is shown and the estimate reaches the margin; "does not hold" if the
            interval excludes the margin. For "same": "equivalent" if a difference as large as the margin is excluded on
            both sides; "does not hold" if there is one, and its estimate reaches the margin. Else "undecided".
        """
        p_for = self.p_for if p_for is None else p_for
        p_against = self.p_against if p_against is None else p_against
        reaches = abs(self.claimed) >= self.comparison.margin
        if self.comparison.direction == "same":
            if p_for < LEVEL:
                return EQUIVALENT
            return FAILS if p_against < LEVEL and reaches else UNDECIDED
        if p_for < LEVEL and reaches:
            return HOLDS
        return FAILS if p_against < LEVEL else UNDECIDED


def _logarithmic(comparison):
    return MEASURES[comparison.measure].kind in ("ratio", "sign")


def compare(runs_a, runs_b, measure="accuracy", direction="greater", margin=0.002):
    """Compare two groups of runs, pair by pair, or one group with a number.

    Parameters
    ----------
    runs_a : sequence of Run
    runs_b : sequence of Run, or float
        In the same order of seeds.
    measure : str
        A key of `MEASURES`. Those that judge crosswise need experiments with `judge_on` and `stop_on` of both halves.
    direction : {"greater", "less", "same"}
        What is claimed of a.
    margin : float
        The smallest difference that matters, in the measure's unit; of ratios and signs its logarithm.

    Returns
    -------
    Effect

    Raises
    ------
    ValueError
        If an argument is not as described, there are fewer than two pairs, or seeds do not match.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure: expected one of {', '.join(map(repr, MEASURES))}, got {measure!r}")
    if direction not in ("greater", "less", "same"):
        raise ValueError(f"direction: expected 'greater', 'less' or 'same', got {direction!r}")
    margin = _checks.real("margin", margin, "a finite number of at least 0", lambda v: v >= 0)
    if MEASURES[measure].kind == "share" and (direction, runs_b) != ("greater", 0.0):
        raise ValueError(f"measure: {measure!r} can only be greater than 0.0, got {direction!r} and {runs_b!r}")
    groups_b = runs_b if isinstance(runs_b, (int, float)) else [list(runs_b)]
    b = float(runs_b) if isinstance(runs_b, (int, float)) else ("b",)
    return effect_of(Comparison(measure, ("a",), b, direction, margin), [list(runs_a)], groups_b)


def effect_of(comparison, groups_a, groups_b):
    """The effect of a comparison, in which a side may have several arms.

    Parameters
    ----------
    comparison : Comparison
    groups_a : list of list of Run
        One list for each arm, in the same order of seeds.
    groups_b : list of list of Run, or float

    Returns
    -------
    Effect

    Raises
    ------
    ValueError
        If there are fewer than two pairs, or seeds do not match.
    """
    measure = MEASURES[comparison.measure]
    paired = not isinstance(groups_b, (int, float))
    seeds = [[(run.experiment.seed, run.experiment.third) for run in group] for group in (groups_a + groups_b if paired else groups_a)]
    if len(seeds[0]) < 2 or len(set(seeds[0])) < len(seeds[0]) or any(each != seeds[0] for each in seeds):
        raise ValueError("runs: expected at least two of each group, each of another seed, with the same seeds in the same "
                         "order, got (seed, third) " + " and ".join(map(str, seeds)))
    a = _values(measure, groups_a, groups_b if paired else None)
    b = _values(measure, groups_b, groups_a) if paired else np.full(len(a), float(groups_b))
    if _logarithmic(comparison):
        with np.errstate(divide="ignore"):
            a, b = np.log(a), np.log(b)
    correlation = float(np.corrcoef(a, b)[0, 1]) if paired and np.isfinite([a, b]).all() and min(a.std(), b.std()) > 0 else math.nan
    if measure.kind == "sign":
        bounds = _bounds(_known(measure, groups_a), _known(measure, groups_b) if paired else (b, b))
        estimate, low, high, test = _sign(*bounds)
        censored = np.count_nonzero(bounds[0] != bounds[1])
    else:
        difference = a - b
        estimate, low, high, test = _TESTS[measure.kind](difference)
        censored = np.count_nonzero(~np.isfinite(difference))
    margin = comparison.margin
    if comparison.direction == "same":
        p_for = max(test(-margin, "greater"), test(margin, "less"))
        p_against = min(test(0.0, "greater"), test(0.0, "less"))
    else:
        sign = 1 if comparison.direction == "greater" else -1
        opposite = {"greater": "less", "less": "greater"}[comparison.direction]
        p_for, p_against = test(0.0, comparison.direction), test(sign * margin, opposite)
    if _logarithmic(comparison):
        estimate, low, high = (math.exp(value) if math.isfinite(value) else (0.0 if value < 0 else value)
                               for value in (estimate, low, high))
    return Effect(comparison, len(a), estimate, low, high, p_for, p_against, correlation, int(censored))


def _known(measure, groups):
    """Between which logarithms each seed's number lies, the mean over the arms of a side: infinity means "not before the
    last evaluation"."""
    values = np.array([[measure.of(run) for run in group] for group in groups])
    ends = np.array([[run.history.evaluation_step[-1] + 1.0 for run in group] for group in groups])
    return np.log(np.minimum(values, ends).mean(axis=0)), np.log(values.mean(axis=0))


def _bounds(a, b):
    """Between which numbers a - b lies."""
    return a[0] - b[1], a[1] - b[0]


def _values(measure, groups, others):
    """For each seed the measure, the mean over the arms of a side."""
    if not measure.common:
        return np.mean([[measure.of(run) for run in group] for group in groups], axis=0)
    ends = np.min([[run.history.evaluation_step[-1] for run in group] for group in (*groups, *(others or ()))], axis=0)
    return np.mean([[measure.of(run, end) for run, end in zip(group, ends)] for group in groups], axis=0)


def _t(differences):
    from scipy import stats

    n, mean = len(differences), float(np.mean(differences))
    if not np.isfinite(differences).all():
        return mean, math.nan, math.nan, lambda null, alternative: 1.0
    error = float(np.std(differences, ddof=1)) / math.sqrt(n)
    if error == 0:
        return mean, mean, mean, lambda null, alternative: float(not (mean > null if alternative == "greater" else mean < null))
    half = stats.t.ppf(1 - LEVEL, n - 1) * error

    def test(null, alternative):
        t = (mean - null) / error
        return float(stats.t.sf(t, n - 1) if alternative == "greater" else stats.t.cdf(t, n - 1))

    return mean, mean - half, mean + half, test


def _sign(lower, upper):
    """The median of numbers that are known between bounds."""
    from scipy import stats

    n = len(lower)
    rank = int(stats.binom.ppf(LEVEL, n, 0.5))  # as many values may lie outside on each side
    rank = rank if stats.binom.cdf(rank, n, 0.5) > LEVEL else rank + 1
    low, high = (np.sort(lower)[rank - 1], np.sort(upper)[n - rank]) if rank else (-math.inf, math.inf)
    # A number with one bound counts with it, one without bounds with neither.
    nearest = np.where(np.isfinite(lower), lower, upper)
    nearest = nearest[np.isfinite(nearest)]
    estimate = float(np.median(nearest)) if len(nearest) else math.nan

    def test(null, alternative):
        beyond = np.count_nonzero(lower > null if alternative == "greater" else upper < null)
        return float(stats.binom.sf(beyond - 1, n, 0.5))

    return estimate, float(low), float(high), test


def _share(outcomes):
    from scipy import stats

    n, k = len(outcomes), int(np.sum(outcomes))
    interval = stats.binomtest(k, n).proportion_ci(1 - 2 * LEVEL)

    def test(null, alternative):
        if alternative == "greater" and null == 0:
            return float(k == 0 or k == n)  # one of each is proof that both happen
        return float(stats.binomtest(k, n, null, alternative).pvalue)

    return k / n, float(interval.low), float(interval.high), test


_TESTS = {"difference": _t, "ratio": _t, "share": _share}


def holm(p_values):
    """Holm's step-down correction: p-values adjusted for being many.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    list of float
        In the same order. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted.tolist()

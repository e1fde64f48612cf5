"""Effects: two groups of runs, compared pair by pair, and what the difference says by itself."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from mlplib import _checks
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.statistics import LEVEL, mean_estimate, median_estimate, share_estimate

#: What an effect says of the direction that is claimed of it.
HOLDS, EQUIVALENT, FAILS, UNDECIDED = "holds", "equivalent", "does not hold", "undecided"


@dataclass(frozen=True)
class Comparison:
    """What is compared with what.

    Attributes
    ----------
    measure : str
        A key of `MEASURES`.
    a : tuple of Arm
        Of several, each seed's mean counts.
    b : tuple of Arm or float
        The same, or a fixed number.
    direction : {"greater", "less", "same"}
        What is claimed of a beside b.
    margin : float
        The smallest difference that matters: in the measure's unit, or the logarithm of a ratio.

    Raises
    ------
    TypeError, ValueError
        If one of them is not as described.
    """

    measure: str
    a: tuple
    b: tuple | float
    direction: str
    margin: float

    def __post_init__(self):
        _checks.text("measure", self.measure)  # which may be added to MEASURES later
        _checks.one_of("direction", self.direction, ("greater", "less", "same"))
        _checks.real("margin", self.margin, "a finite number of at least 0", lambda v: v >= 0)
        sides = {"a": _checks.sequence("a", self.a, "arms")}
        if isinstance(self.b, Real):
            _checks.finite("b", self.b)
        else:
            sides["b"] = _checks.sequence("b", self.b, "arms, or a number")
        for name, side in sides.items():
            if not side:
                raise ValueError(f"{name}: expected at least one arm, got none")
            object.__setattr__(self, name, side)

    @property
    def arms(self):
        """The arms of both sides, a set."""
        return {*self.a, *(self.b if isinstance(self.b, tuple) else ())}


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
    corrected : tuple of (float, float), optional
        The interval's ends once the verdict is corrected for many comparisons; None where nothing is corrected.
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
    corrected: tuple | None = None

    @property
    def claimed(self):
        """The estimate, of ratios its logarithm, positive if it has the direction claimed."""
        estimate = self.estimate
        if MEASURES[self.comparison.measure].logarithmic and not math.isnan(estimate):
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
        p_for = self.p_for if p_for is None else _checks.probability("p_for", p_for)
        p_against = self.p_against if p_against is None else _checks.probability("p_against", p_against)
        return verdict_on(self.claimed, self.comparison.direction, self.comparison.margin, p_for, p_against)


def verdict_on(claimed, direction, margin, p_for, p_against):
    """What an estimate, positive in the direction claimed, and its two p-values say; see `Effect.verdict`."""
    reaches = abs(claimed) >= margin
    if direction == "same":
        if p_for < LEVEL:
            return EQUIVALENT
        return FAILS if p_against < LEVEL and reaches else UNDECIDED
    if p_for < LEVEL and reaches:
        return HOLDS
    return FAILS if p_against < LEVEL else UNDECIDED


def p_values(test, direction, margin):
    """The p-values for and against a claim, by the test of an `Estimate`; see `Effect`."""
    if direction == "same":
        return max(test(-margin, "greater"), test(margin, "less")), min(test(0.0, "greater"), test(0.0, "less"))
    sign, opposite = (1, "less") if direction == "greater" else (-1, "greater")
    return test(0.0, direction), test(sign * margin, opposite)


def levels_of_ends(direction, verdict, level_for, level_against):
    """The levels that an interval's two ends take, so that what it excludes is what a corrected verdict says.

    The end on the side of no difference belongs to the test of the direction claimed, the other to that of the margin.
    Of "same" both belong to the tests of equivalence, or, if there is a difference, to those of no difference.
    """
    return {"greater": (level_for, level_against), "less": (level_against, level_for),
            "same": 2 * (level_against if verdict == FAILS else level_for,)}[direction]


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
    TypeError, ValueError
        If an argument is not as described, the runs lack what the measure needs, there are fewer than two pairs, or
        seeds do not match.
    """
    _checks.one_of("measure", measure, MEASURES)
    if not isinstance(direction, str) or direction not in ("greater", "less", "same"):
        raise ValueError(f"direction: expected 'greater', 'less' or 'same', got {_checks.shown(direction)}")
    margin = _checks.real("margin", margin, "a finite number of at least 0", lambda v: v >= 0)
    if MEASURES[measure].kind == "share" and (direction, runs_b) != ("greater", 0.0):
        raise ValueError(f"measure: {measure!r} can only be greater than 0.0, got {direction!r} and "
                         f"{_checks.shown(runs_b)}")
    groups_a = [_checks.runs("runs_a", runs_a)]
    if isinstance(runs_b, Real):
        b = groups_b = _checks.finite("runs_b", runs_b)
        if MEASURES[measure].logarithmic and b <= 0:
            raise ValueError(f"runs_b: expected a positive number, for {measure!r} is compared by its logarithm, got "
                             f"{runs_b!r}")
    else:
        b, groups_b = ("b",), [_checks.runs("runs_b", runs_b)]
    try:
        return effect_of(Comparison(measure, ("a",), b, direction, margin), groups_a, groups_b)
    except KeyError as error:
        raise ValueError(f"measure: {measure!r} needs runs that have recorded {error}; `judge_on`, `stop_on` and "
                         "`diagnostics` of their experiments say what is") from None


def effect_of(comparison, groups_a, groups_b, level=LEVEL):
    """The effect of a comparison, in which a side may have several arms.

    Parameters
    ----------
    comparison : Comparison
    groups_a : list of list of Run
        One list for each arm, in the same order of seeds.
    groups_b : list of list of Run, or float
    level : float
        Of the one-sided test that each end of the interval belongs to.

    Returns
    -------
    Effect
        A `ValueError` says which seeds there are if they do not match, or if there are fewer than two.
    """
    measure = MEASURES[_checks.one_of("measure", comparison.measure, MEASURES)]
    paired = not isinstance(groups_b, (int, float))
    seeds = [[(run.experiment.seed, run.experiment.third) for run in group]
             for group in (groups_a + groups_b if paired else groups_a)]
    if len(seeds[0]) < 2 or len(set(seeds[0])) < len(seeds[0]) or any(each != seeds[0] for each in seeds):
        raise ValueError("runs: expected at least two of each group, each of another seed, with the same seeds in the "
                         "same order, got (seed, third) " + " and ".join(map(str, seeds)))
    a = _values(measure, groups_a, groups_b if paired else None)
    b = _values(measure, groups_b, groups_a) if paired else np.full(len(a), float(groups_b))
    if measure.logarithmic:
        with np.errstate(divide="ignore"):
            a, b = np.log(a), np.log(b)
    correlated = paired and np.isfinite([a, b]).all() and min(a.std(), b.std()) > 0
    correlation = float(np.corrcoef(a, b)[0, 1]) if correlated else math.nan
    if measure.kind == "sign":
        bounds = _bounds(_known(measure, groups_a), _known(measure, groups_b) if paired else (b, b))
        estimate, low, high, test = median_estimate(*bounds, level)
        censored = np.count_nonzero(bounds[0] != bounds[1])
    else:
        difference = a - b
        estimated = share_estimate if measure.kind == "share" else mean_estimate
        estimate, low, high, test = estimated(difference, level)
        censored = np.count_nonzero(~np.isfinite(difference))
    p_for, p_against = p_values(test, comparison.direction, comparison.margin)
    if measure.logarithmic:
        estimate, low, high = (math.exp(value) if math.isfinite(value) else (0.0 if value < 0 else value)
                               for value in (estimate, low, high))
    return Effect(comparison, len(a), estimate, low, high, p_for, p_against, correlation, int(censored))


def _known(measure, groups):
    """Between which logarithms each seed's number lies, the mean over the arms of a side.

    Infinity means "not before the last evaluation".
    """
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

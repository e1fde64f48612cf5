"""The report's claims as rules, and what turns runs into effects, intervals and verdicts. SciPy does the statistics."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from mlplib import designs

LEVEL = 0.025  # of each one-sided test, after Holm's correction; the two sides make the 95 % of the intervals
HOLDS, OTHER_REASON, EQUIVALENT = "holds", "holds, for another reason", "equivalent"
FAILS, UNDECIDED = "does not hold", "undecided"
REPLICATION = ("Where a comparison was repeated on the other two thirds of the training file, its verdict is undecided unless "
               "both repetitions agree: for greater and less the estimate has the sign claimed if the verdict is that it "
               "holds; for same the estimate is within the margin if the verdict is equivalent")
THIRDS = (", third 1", ", third 2")
VERDICTS = (HOLDS, OTHER_REASON, EQUIVALENT, FAILS, UNDECIDED)


class EvidenceError(Exception):
    """Runs that a verdict needs are missing, or were not made under its rules. The message says which."""


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
        "sign": the median of the logarithms of ratios, by its order statistics and the sign test, where infinity stands
        for a run that never came so far. "share": of runs, with the exact binomial interval.
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
    return lambda run: designs.steps_to(run, level)


def _accuracy_at(run, step):
    evaluated = np.searchsorted(run.history.evaluation_step, step, side="right") - 1
    return float(run.history.validation_accuracy[evaluated])


def _later_gain(curve):
    """From half-way to the end, each time the mean of five evaluations."""
    def of(run):
        values, half = getattr(run.history, curve), len(run.history.evaluation_step) // 2
        return float(values[-5:].mean() - values[half - 2 : half + 3].mean())
    return of


def _early(name):
    """The mean of a diagnostic over epochs 2 to 5, which every run reaches."""
    def of(run):
        step, epoch = run.diagnostics["step"], run.experiment.n_train // run.experiment.batch_size
        return float(run.diagnostics[name][(step >= epoch) & (step < 5 * epoch + 1)].mean())
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


# ---- rules


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
class Control:
    """What could refute the cause that a claim gives, or takes for granted.

    Attributes
    ----------
    text : str
    comparison : Comparison
    expected : {"persists", "vanishes"}
        What the comparison's difference does if the claimed cause is the cause.
    """

    text: str
    comparison: Comparison
    expected: str


@dataclass(frozen=True)
class Part:
    """A part of a claim, and the rule for it.

    Attributes
    ----------
    name : str
        The claim's number with a letter, such as "C3a".
    text : str
    comparison : Comparison
    controls : tuple of Control
    """

    name: str
    text: str
    comparison: Comparison
    controls: tuple = ()


ACCURACY, LOSS = 0.002, 0.005  # absolute
TIMES_1_05, TIMES_1_1, TIMES_1_25, TIMES_2 = (math.log(factor) for factor in (1.05, 1.1, 1.25, 2))
_PLAIN, _INIT, _SIGMOID, _ALL = ("tricks 000",), ("tricks 100",), ("tricks 110",), ("tricks 111",)


def _tuned(arms, goal="tuned"):
    return tuple(f"{arm}, {goal}" for arm in arms)


def _own_best(a, b, direction):
    return Control("each at its own best learning rate",
                   Comparison("accuracy, best weights", _tuned(a), _tuned(b), direction, ACCURACY), "persists")


def _own_fastest(level, a, b):
    return Control("each at its own fastest learning rate",
                   Comparison(f"steps to {level}", _tuned(a, "fastest"), _tuned(b, "fastest"), "less", TIMES_1_1), "persists")


def _main_effect(trick):
    """The arms with the trick, and those without, of all 2³."""
    codes = [f"{number:03b}" for number in range(8)]
    return tuple(tuple(f"tricks {code}" for code in codes if code[trick] == on) for on in "10")


def _worth_having(letter, trick, what):
    with_it, without = _main_effect(trick)
    all_but = (f"tricks {'111'[:trick]}0{'111'[trick + 1:]}",)
    return (
        Part(f"C12{letter}", f"{what} is worth having: accuracy, over all combinations of the others",
             Comparison("accuracy", with_it, without, "greater", ACCURACY),
             (_own_best(with_it, without, "greater"),)),
        Part(f"C12{chr(ord(letter) + 3)}", f"{what} is worth having: speed, beside both others",
             Comparison("steps to 0.1", _ALL, all_but, "less", TIMES_1_1),
             (_own_fastest(0.1, _ALL, all_but),)),
    )


_32, _128, _TWO, _TEN = ("width 32",), ("width 128",), ("two layers of 64",), ("ten layers",)

#: The claims of the report, C1 to C19, part by part.
RULES = (
    Part("C1a", "the plain network works: accuracy above 0.9", Comparison("accuracy", _PLAIN, 0.9, "greater", 0.0)),
    Part("C1b", "but slowly, beside the network with all tricks",
         Comparison("steps to 0.1", _PLAIN, _ALL, "greater", TIMES_1_1)),
    Part("C1c", "it overfits: training accuracy goes on rising",
         Comparison("later training accuracy", _PLAIN, 0.0, "greater", ACCURACY)),
    Part("C1d", "while validation accuracy stagnates", Comparison("later validation accuracy", _PLAIN, 0.0, "same", ACCURACY)),
    Part("C2", "fan-in weights converge faster", Comparison("steps to 0.2", _INIT, _PLAIN, "less", TIMES_1_1),
         (_own_fastest(0.1, _INIT, _PLAIN),)),
    Part("C3a", "fan-in weights generalise better in the end", Comparison("accuracy", _INIT, _PLAIN, "greater", ACCURACY),
         (_own_best(_INIT, _PLAIN, "greater"),)),
    Part("C3b", "and from the very start", Comparison("accuracy at step 125", _INIT, _PLAIN, "greater", ACCURACY)),
    Part("C4a", "fan-in weights end with a lower training loss", Comparison("training loss", _INIT, _PLAIN, "less", TIMES_1_25)),
    Part("C4b", "and a higher training accuracy", Comparison("training accuracy", _INIT, _PLAIN, "greater", ACCURACY)),
    Part("C4c", "and a lower validation loss", Comparison("validation loss", _INIT, _PLAIN, "less", LOSS)),
    Part("C4d", "and a higher validation accuracy, also with the best weights",
         Comparison("accuracy, best weights", _INIT, _PLAIN, "greater", ACCURACY)),
    Part("C5", "the improved sigmoid converges faster", Comparison("steps to 0.1", _SIGMOID, _INIT, "less", TIMES_1_1),
         (_own_fastest(0.1, _SIGMOID, _INIT),)),
    Part("C6", "the improved sigmoid generalises better", Comparison("accuracy", _SIGMOID, _INIT, "greater", ACCURACY),
         (_own_best(_SIGMOID, _INIT, "greater"),)),
    Part("C7a", "its training loss falls markedly, to half or less",
         Comparison("training loss", _SIGMOID, _INIT, "less", TIMES_2)),
    Part("C7b", "its validation loss rises a little", Comparison("validation loss", _SIGMOID, _INIT, "greater", LOSS)),
    Part("C7c", "the training accuracy stays very similar",
         Comparison("training accuracy", _SIGMOID, _INIT, "same", ACCURACY)),
    Part("C7d", "the validation accuracy stays very similar", Comparison("accuracy", _SIGMOID, _INIT, "same", ACCURACY)),
    Part("C8a", "with the improved sigmoid training stops early",
         Comparison("share of the 50 epochs", _SIGMOID, 1.0, "less", TIMES_1_1)),
    Part("C8b", "which prevents overfitting: a lower validation loss than after all 50 epochs",
         Comparison("validation loss", _SIGMOID, ("tricks 110 to the end",), "less", LOSS)),
    Part("C8c", "and a higher validation accuracy",
         Comparison("accuracy", _SIGMOID, ("tricks 110 to the end",), "greater", ACCURACY)),
    Part("C9", "momentum converges faster", Comparison("steps to 0.05", _ALL, _SIGMOID, "less", TIMES_1_1),
         (Control("plain descent with the same effective step α / (1 - γ) = 0.2",
                  Comparison("steps to 0.05", _ALL, ("tricks 110, matched step",), "less", TIMES_1_1), "persists"),
          _own_fastest(0.05, _ALL, _SIGMOID))),
    Part("C10a", "momentum leaves the validation accuracy at the same level",
         Comparison("accuracy", _ALL, _SIGMOID, "same", ACCURACY)),
    Part("C10b", "and the validation loss", Comparison("validation loss", _ALL, _SIGMOID, "same", LOSS)),
    Part("C11", "whether the improved sigmoid's network stops within 50 epochs depends on the seed",
         Comparison("not stopped", _SIGMOID, 0.0, "greater", 0.2)),
    *_worth_having("a", 0, "fan-in initialisation"),
    *_worth_having("b", 1, "the improved sigmoid"),
    *_worth_having("c", 2, "momentum"),
    Part("C13a", "32 units: a lower accuracy", Comparison("accuracy", _32, _ALL, "less", ACCURACY)),
    Part("C13b", "slower to converge", Comparison("steps to 0.05", _32, _ALL, "greater", TIMES_1_1)),
    Part("C13c", "noisier curves, because each unit has to change more",
         Comparison("minibatch noise", _32, _ALL, "greater", TIMES_1_1),
         (Control("each unit changes more", Comparison("unit change", _32, _ALL, "greater", TIMES_1_1), "persists"),
          Control("32 units that change as much as 64 do",
                  Comparison("minibatch noise", ("width 32, matched change",), _ALL, "greater", TIMES_1_1), "vanishes"))),
    Part("C13d", "less time for a step", Comparison("time per step", _32, _ALL, "less", TIMES_1_05)),
    Part("C13e", "less time until it stops", Comparison("time to stop", _32, _ALL, "less", TIMES_1_05)),
    Part("C14a", "128 units: faster to converge", Comparison("steps to 0.05", _128, _ALL, "less", TIMES_1_1)),
    Part("C14b", "a lower training loss", Comparison("training loss", _128, _ALL, "less", TIMES_1_25)),
    Part("C14c", "a lower validation loss", Comparison("validation loss", _128, _ALL, "less", LOSS)),
    Part("C14d", "a somewhat higher accuracy", Comparison("accuracy", _128, _ALL, "greater", ACCURACY)),
    Part("C14e", "a little more time for a step", Comparison("time per step", _128, _ALL, "greater", TIMES_1_05)),
    Part("C14f", "a little more time until it stops", Comparison("time to stop", _128, _ALL, "greater", TIMES_1_05)),
    Part("C15a", "more units raise the risk of overfitting: with 128 the validation loss ends further above its lowest",
         Comparison("overfitting", _128, _ALL, "greater", LOSS)),
    Part("C15b", "and accuracy suffers", Comparison("accuracy", _128, _ALL, "less", ACCURACY)),
    Part("C16a", "two layers of 64 are like 128 units in one: accuracy", Comparison("accuracy", _TWO, _128, "same", ACCURACY)),
    Part("C16b", "and validation loss", Comparison("validation loss", _TWO, _128, "same", LOSS)),
    Part("C16c", "but slower to converge", Comparison("steps to 0.05", _TWO, _128, "greater", TIMES_1_1)),
    Part("C17a", "ten hidden layers are worse: accuracy", Comparison("accuracy", _TEN, _ALL, "less", ACCURACY)),
    Part("C17b", "and training loss", Comparison("training loss", _TEN, _ALL, "greater", TIMES_1_25)),
    Part("C17c", "also at the best learning rate for each",
         Comparison("accuracy, best weights", ("depth 10, tuned",), _tuned(_ALL), "less", ACCURACY)),
    Part("C18a", "the gradient vanishes through ten layers: first to last below 0.01 before training",
         Comparison("gradient ratio at the start", _TEN, -2.0, "less", 0.0)),
    Part("C18b", "and in training", Comparison("gradient ratio in training", _TEN, -2.0, "less", 0.0)),
    Part("C19a", "with momentum the final training loss stays very similar",
         Comparison("training loss", _ALL, _SIGMOID, "same", TIMES_1_25)),
    Part("C19b", "and the training accuracy", Comparison("training accuracy", _ALL, _SIGMOID, "same", ACCURACY)),
    Part("C19c", "and the validation accuracy with the best weights",
         Comparison("accuracy, best weights", _ALL, _SIGMOID, "same", ACCURACY)),
    Part("C19d", "and the validation loss with the best weights",
         Comparison("validation loss, best weights", _ALL, _SIGMOID, "same", LOSS)),
)


def digest():
    """What identifies the rules: confirming runs carry it, so that rules cannot be changed after the fact unnoticed.

    Returns
    -------
    str
        16 hexadecimal digits, from the level, the rules, that on replication, and the meaning and kind of each measure.
    """
    measures = {name: (measure.meaning, measure.kind, measure.common) for name, measure in MEASURES.items()}
    rules = [asdict(part) for part in RULES]
    return hashlib.sha256(json.dumps([LEVEL, REPLICATION, measures, rules], sort_keys=True).encode()).hexdigest()[:16]


# ---- effects


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
        Pairs in which a run never came so far.
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
        if _logarithmic(self.comparison):
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


def compare(runs_a, runs_b, measure="accuracy", direction="greater", margin=ACCURACY):
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
    groups_b = runs_b if isinstance(runs_b, (int, float)) else [list(runs_b)]
    b = float(runs_b) if isinstance(runs_b, (int, float)) else ("b",)
    return _effect(Comparison(measure, ("a",), b, direction, float(margin)), [list(runs_a)], groups_b)


def _effect(comparison, groups_a, groups_b):
    """The effect, each side being one group of runs for each arm, or a number."""
    measure = MEASURES[comparison.measure]
    paired = not isinstance(groups_b, (int, float))
    seeds = [[(run.experiment.seed, run.experiment.third) for run in group] for group in (groups_a + groups_b if paired else groups_a)]
    if len(seeds[0]) < 2 or any(each != seeds[0] for each in seeds):
        raise ValueError("runs: expected at least two of each group, with the same seeds in the same order, got the seeds "
                         + " and ".join(str([seed for seed, _ in each]) for each in seeds))
    a = _values(measure, groups_a, groups_b if paired else None)
    b = _values(measure, groups_b, groups_a) if paired else np.full(len(a), float(groups_b))
    if _logarithmic(comparison):
        with np.errstate(divide="ignore"):
            a, b = np.log(a), np.log(b)
    correlation = float(np.corrcoef(a, b)[0, 1]) if paired and np.isfinite([a, b]).all() and min(a.std(), b.std()) > 0 else math.nan
    with np.errstate(invalid="ignore"):
        difference = a - b  # of two runs that never came so far it is NaN
    estimate, low, high, test = _TESTS[measure.kind](difference)
    margin, p = comparison.margin, {}
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
    return Effect(comparison, len(difference), estimate, low, high, p_for, p_against, correlation,
                  int(np.count_nonzero(~np.isfinite(difference))))


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


def _sign(differences):
    from scipy import stats

    known, n = differences[~np.isnan(differences)], len(differences)
    unknown = n - len(known)  # they count for neither side
    ordered = np.sort(known)
    rank = int(stats.binom.ppf(LEVEL, n, 0.5))  # as many values may lie outside on each side
    rank = rank if stats.binom.cdf(rank, n, 0.5) > LEVEL else rank + 1
    low = ordered[rank - 1 - unknown] if rank - 1 >= unknown and len(known) else -math.inf
    high = ordered[len(known) - rank + unknown] if rank - 1 >= unknown and len(known) else math.inf
    # An infinite median has no finite number to stand for it: the interval says what is known.
    estimate = float(np.median(known)) if len(known) else math.nan

    def test(null, alternative):
        beyond = np.count_nonzero(known > null if alternative == "greater" else known < null)
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


_TESTS = {"difference": _t, "ratio": _t, "sign": _sign, "share": _share}


# ---- verdicts


@dataclass(frozen=True)
class Verdict:
    """What the runs say of a part of a claim.

    Attributes
    ----------
    part : Part
    verdict : str
        One of `VERDICTS`.
    effect : Effect
    p_for, p_against : float
        Of the effect, after Holm's correction.
    controls : tuple of (Control, Effect, str)
        Each with its effect and what it says of the cause: "confirmed", "refuted" or "open".
    replications : tuple of Effect
        Of the same comparison on the other two thirds of the training file, where it was made.
    """

    part: Part
    verdict: str
    effect: Effect
    p_for: float
    p_against: float
    controls: tuple
    replications: tuple


def verdicts(runs):
    """Judge every part of every claim by `RULES`.

    Parameters
    ----------
    runs : dict from str to list of Run
        Each arm's runs by its name, seeds in the same order.

    Returns
    -------
    list of Verdict

    Raises
    ------
    EvidenceError
        If an arm is missing.
    """
    comparisons = [comparison for part in RULES for comparison in (part.comparison, *(c.comparison for c in part.controls))]
    missing = sorted({arm for one in comparisons for arm in _arms(one)} - set(runs))
    if missing:
        raise EvidenceError(f"no runs of {', '.join(missing)}: `make sweep` trains them")
    effects = {one: _effect_of_arms(one, runs) for one in comparisons}
    p_for = dict(zip(effects, holm([effect.p_for for effect in effects.values()])))
    p_against = dict(zip(effects, holm([effect.p_against for effect in effects.values()])))
    alone = {one: effect.verdict(p_for[one], p_against[one]) for one, effect in effects.items()}
    found = []
    for part in RULES:
        comparison = part.comparison
        repeated = tuple(_effect_of_arms(comparison, runs, third) for third in THIRDS
                         if all(arm + third in runs for arm in _arms(comparison)))
        verdict = alone[comparison]
        said = [_says(control.expected, alone[control.comparison]) for control in part.controls]
        if verdict in (HOLDS, EQUIVALENT) and not all(_agrees(effect) for effect in repeated):
            verdict = UNDECIDED
        elif verdict == HOLDS and "refuted" in said:
            verdict = OTHER_REASON
        elif verdict == HOLDS and "open" in said:
            verdict = UNDECIDED
        controls = tuple((control, effects[control.comparison], word) for control, word in zip(part.controls, said))
        found.append(Verdict(part, verdict, effects[comparison], p_for[comparison], p_against[comparison], controls, repeated))
    return found


def _effect_of_arms(comparison, runs, third=""):
    groups_a = [runs[arm + third] for arm in comparison.a]
    return _effect(comparison, groups_a, [runs[arm + third] for arm in comparison.b] if isinstance(comparison.b, tuple)
                   else comparison.b)


def _agrees(effect):
    """Whether a repetition has the sign, or stays within the margin, that a verdict says."""
    claimed = effect.claimed
    return abs(claimed) <= effect.comparison.margin if effect.comparison.direction == "same" else claimed > 0


def _arms(comparison):
    return {*comparison.a, *(comparison.b if isinstance(comparison.b, tuple) else ())}


def _says(expected, verdict):
    confirmed, refuted = (HOLDS, FAILS) if expected == "persists" else (FAILS, HOLDS)
    return {confirmed: "confirmed", refuted: "refuted"}.get(verdict, "open")


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


def marks():
    """What a confirming sweep saves with each of its runs: `sweep(..., marks=marks())`."""
    return {"rules": digest()}


def arms(store):
    """All arms that the verdicts need, as far as the store has what they are tuned by.

    Parameters
    ----------
    store : Store

    Returns
    -------
    dict from str to list of Experiment
    """
    return designs.fixed_arms() | designs.tuned_arms(store)


def confirming_runs(store):
    """The runs that the verdicts stand on, made under the present rules.

    Parameters
    ----------
    store : Store

    Returns
    -------
    dict from str to list of Run
        By the name of the arm; to be given to `verdicts`.

    Raises
    ------
    EvidenceError
        If a run is missing, or was not made under the present rules.
    """
    runs = {name: [store.get(experiment) for experiment in experiments] for name, experiments in arms(store).items()}
    lacking = {name: sum(run is None for run in each) for name, each in runs.items()}
    if any(lacking.values()):
        raise EvidenceError("runs are missing, `make sweep` trains them: "
                            + ", ".join(f"{n} of {name}" for name, n in lacking.items() if n))
    other = [f"{name}, seed {run.experiment.seed}" for name, each in runs.items() for run in each
             if run.versions.get("rules") != digest()]
    if other:
        raise EvidenceError(f"not made under the present rules, {digest()}: {'; '.join(other)}")
    return runs

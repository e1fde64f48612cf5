"""The report's claims as rules, part by part, and the verdicts that runs give by them."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass

from mlplib import designs
from mlplib.effects import (
    EQUIVALENT,
    FAILS,
    HOLDS,
    LEVEL,
    MEASURES,
    UNDECIDED,
    Comparison,
    Effect,
    effect_of,
    holm,
)

OTHER_REASON = "holds, for another reason"
REPLICATION = ("Where a comparison was repeated on the other two thirds of the training file, its verdict is undecided unless "
               "both repetitions agree: for greater and less the estimate has the sign claimed if the verdict is that it "
               "holds; for same the estimate is within the margin if the verdict is equivalent")
THIRDS = (", third 1", ", third 2")
VERDICTS = (HOLDS, OTHER_REASON, EQUIVALENT, FAILS, UNDECIDED)


class EvidenceError(Exception):
    """Runs that a verdict needs are missing, or were not made under its rules. The message says which."""


# ---- rules


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
#:
#: :meta hide-value:
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


def digest(parts=None):
    """What identifies rules: confirming runs carry it, so that rules cannot be changed after the fact unnoticed.

    Parameters
    ----------
    parts : sequence of Part, optional
        By default `RULES`.

    Returns
    -------
    str
        16 hexadecimal digits, from the level, the rules, that on replication, and the meaning and kind of each measure.
    """
    measures = {name: (measure.meaning, measure.kind, measure.common) for name, measure in MEASURES.items()}
    rules = [asdict(part) for part in (RULES if parts is None else parts)]
    return hashlib.sha256(json.dumps([LEVEL, REPLICATION, measures, rules], sort_keys=True).encode()).hexdigest()[:16]


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


def verdicts(runs, parts=None):
    """Judge parts of claims by their rules; Holm's correction is over them all.

    Parameters
    ----------
    runs : dict from str to list of Run
        Each arm's runs by its name, seeds in the same order.
    parts : sequence of Part, optional
        By default `RULES`.

    Returns
    -------
    list of Verdict

    Raises
    ------
    EvidenceError
        If an arm is missing.
    """
    parts = RULES if parts is None else parts
    comparisons = [comparison for part in parts for comparison in (part.comparison, *(c.comparison for c in part.controls))]
    missing = sorted({arm for one in comparisons for arm in _arms(one)} - set(runs))
    if missing:
        raise EvidenceError(f"no runs of {', '.join(missing)}: `make sweep` trains them")
    effects = {one: _effect_of_arms(one, runs) for one in comparisons}
    p_for = dict(zip(effects, holm([effect.p_for for effect in effects.values()])))
    p_against = dict(zip(effects, holm([effect.p_against for effect in effects.values()])))
    alone = {one: effect.verdict(p_for[one], p_against[one]) for one, effect in effects.items()}
    found = []
    for part in parts:
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
    return effect_of(comparison, groups_a, [runs[arm + third] for arm in comparison.b] if isinstance(comparison.b, tuple)
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
    return marked_runs(arms(store), store, marks(), "make sweep")


def marked_runs(arms, store, marks, made_by):
    """The runs of arms, if all are there and carry the marks.

    Parameters
    ----------
    arms : dict from str to list of Experiment
    store : Store
    marks : dict from str to str
    made_by : str
        The command that makes them, for the messages.

    Returns
    -------
    dict from str to list of Run

    Raises
    ------
    EvidenceError
        If a run is missing, or carries other marks.
    """
    runs = {name: [store.get(experiment) for experiment in experiments] for name, experiments in arms.items()}
    lacking = {name: sum(run is None for run in each) for name, each in runs.items()}
    if any(lacking.values()):
        raise EvidenceError(f"runs are missing, `{made_by}` trains them: "
                            + ", ".join(f"{n} of {name}" for name, n in lacking.items() if n))
    other = [f"{name}, seed {run.experiment.seed}" for name, each in runs.items() for run in each
             if marks.items() - run.versions.items()]
    if other:
        raise EvidenceError(f"not made under the present rules, {', '.join(marks.values())}: {'; '.join(other)}")
    return runs

"""The claims of the report, C1 to C19, as rules, part by part: the first registration."""

import math
from dataclasses import replace

from mlplib.evidence.arms import (
    CODES,
    FASTEST,
    FEW,
    MATCHED_CHANGE,
    MATCHED_STEP,
    REPORTED,
    TEN_LAYERS,
    TEN_LOGISTIC_LAYERS,
    TO_THE_END,
    TUNED,
    depth,
    tricks,
    two_layers,
    width,
)
from mlplib.evidence.effects import Comparison
from mlplib.evidence.measures import FIRST_MEASURES
from mlplib.evidence.registrations import Control, Part, Registration
from mlplib.inputs import JUDGES, THIRDS

#: The smallest differences that matter: of accuracies and losses, and of ratios as logarithms.
ACCURACY, LOSS = 0.002, 0.005
TIMES_1_05, TIMES_1_1, TIMES_1_25, TIMES_2 = (math.log(factor) for factor in (1.05, 1.1, 1.25, 2))

# The sides of comparisons: tuples of arms.
_FACTORIAL = {code: tricks(code).under(replace(REPORTED.watched(), judge_on=JUDGES)) for code in CODES}
_PLAIN, _INIT, _SIGMOID, _ALL = ((_FACTORIAL[code],) for code in ("000", "100", "110", "111"))
_32, _128, _TWO, _TEN = ((network.under(REPORTED.watched()),)
                         for network in (width(32), width(128), two_layers(64), TEN_LAYERS))
_MATCHED_STEP = (tricks("110").under(MATCHED_STEP.watched()),)
_MATCHED_CHANGE = (width(32).under(MATCHED_CHANGE.watched()),)
_TO_THE_END = (tricks("110").under(TO_THE_END.watched()),)


def _at(protocol, side):
    return tuple(arm.network.under(protocol) for arm in side)


def _own_best(a, b, direction):
    return Control("each at its own best learning rate",
                   Comparison("accuracy, best weights", _at(TUNED, a), _at(TUNED, b), direction, ACCURACY), "persists")


def _own_fastest(level, a, b):
    return Control("each at its own fastest learning rate",
                   Comparison(f"steps to {level}", _at(FASTEST, a), _at(FASTEST, b), "less", TIMES_1_1), "persists")


def _main_effect(trick):
    """The arms with the trick, and those without, of all 2³."""
    return tuple(tuple(arm for code, arm in _FACTORIAL.items() if code[trick] == on) for on in "10")


def _worth_having(for_accuracy, for_speed, trick, what):
    with_it, without = _main_effect(trick)
    all_but = (_FACTORIAL[f"{'111'[:trick]}0{'111'[trick + 1:]}"],)
    return (
        Part(f"C12{for_accuracy}", f"{what} is worth having: accuracy, over all combinations of the others",
             Comparison("accuracy", with_it, without, "greater", ACCURACY),
             (_own_best(with_it, without, "greater"),)),
        Part(f"C12{for_speed}", f"{what} is worth having: speed, beside both others",
             Comparison("steps to 0.1", _ALL, all_but, "less", TIMES_1_1),
             (_own_fastest(0.1, _ALL, all_but),)),
    )


_PARTS = (
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
         Comparison("validation loss", _SIGMOID, _TO_THE_END, "less", LOSS)),
    Part("C8c", "and a higher validation accuracy",
         Comparison("accuracy", _SIGMOID, _TO_THE_END, "greater", ACCURACY)),
    Part("C9", "momentum converges faster", Comparison("steps to 0.05", _ALL, _SIGMOID, "less", TIMES_1_1),
         (Control("plain descent with the same effective step α / (1 - γ) = 0.2",
                  Comparison("steps to 0.05", _ALL, _MATCHED_STEP, "less", TIMES_1_1), "persists"),
          _own_fastest(0.05, _ALL, _SIGMOID))),
    Part("C10a", "momentum leaves the validation accuracy at the same level",
         Comparison("accuracy", _ALL, _SIGMOID, "same", ACCURACY)),
    Part("C10b", "and the validation loss", Comparison("validation loss", _ALL, _SIGMOID, "same", LOSS)),
    Part("C11", "whether the improved sigmoid's network stops within 50 epochs depends on the seed",
         Comparison("not stopped", _SIGMOID, 0.0, "greater", 0.2)),
    *_worth_having("a", "d", 0, "fan-in initialisation"),
    *_worth_having("b", "e", 1, "the improved sigmoid"),
    *_worth_having("c", "f", 2, "momentum"),
    Part("C13a", "32 units: a lower accuracy", Comparison("accuracy", _32, _ALL, "less", ACCURACY)),
    Part("C13b", "slower to converge", Comparison("steps to 0.05", _32, _ALL, "greater", TIMES_1_1)),
    Part("C13c", "noisier curves, because each unit has to change more",
         Comparison("minibatch noise", _32, _ALL, "greater", TIMES_1_1),
         (Control("each unit changes more", Comparison("unit change", _32, _ALL, "greater", TIMES_1_1), "persists"),
          Control("32 units that change as much as 64 do",
                  Comparison("minibatch noise", _MATCHED_CHANGE, _ALL, "greater", TIMES_1_1), "vanishes"))),
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
         Comparison("accuracy, best weights", (depth(10).under(TUNED),), _at(TUNED, _ALL), "less", ACCURACY)),
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


def _tuned_arms():
    """The factorial and ten layers at their best rates; at their fastest, those whose speed is claimed."""
    for network in (*map(tricks, CODES), depth(10)):
        yield network.under(TUNED.watched())
        if network in map(tricks, ("000", "100", "110", "011", "101", "111")):
            yield network.under(FASTEST.watched())


#: The first registration. The digest of its rules is 100c61a9e946596e.
#:
#: :meta hide-value:
CLAIMS = Registration(
    name="claims", date="2026-11-24", parts=_PARTS, measures=FIRST_MEASURES, mark="rules", command="make sweep",
    arms=(
        *_FACTORIAL.values(), *_32, *_128, *_TWO, *_TEN, *_MATCHED_STEP,
        TEN_LOGISTIC_LAYERS.under(REPORTED.watched(), seeds=FEW),
        *_TO_THE_END,
        *(tricks(code).under(REPORTED.watched(), third, FEW) for third in THIRDS[1:]
          for code in ("000", "100", "110", "111")),
        *_tuned_arms(), *_MATCHED_CHANGE,
    ),
)

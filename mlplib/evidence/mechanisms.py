"""Mechanisms that the chapters name or leave open, each with an intervention that could refute it: a registration."""

import math
from dataclasses import replace

from mlplib.evidence.arms import Network, Protocol, tricks, width
from mlplib.evidence.claims import ACCURACY, LOSS, TIMES_1_1, TIMES_1_25
from mlplib.evidence.effects import Comparison
from mlplib.evidence.rates import with_effective_step
from mlplib.evidence.registrations import Control, Part, Registration, arms_of

#: Seeds of these runs; no run before had one of them.
FRESH = tuple(range(320, 340))
#: Of an accuracy, where two networks are to be equally bad: less than a third of what both lack beside others.
ROUGHLY = 0.01

TWELVE_EPOCHS = Protocol(", twelve epochs", epochs=12, patience=None, evaluations_per_epoch=2, dense_steps=0)
#: As many updates, evaluated more often: for the number of updates to a loss.
CLOSELY = replace(TWELVE_EPOCHS, suffix=", twelve epochs, closely", evaluations_per_epoch=5)
TWICE_AS_LONG = replace(TWELVE_EPOCHS, suffix=", 24 epochs", epochs=24)
BEST_RATE = replace(TWELVE_EPOCHS, suffix=", twelve epochs, best rate", rate="best")
ONE_EPOCH = replace(CLOSELY, suffix=", one epoch", epochs=1)
#: The report's early stopping, which waits for ten epochs, with one evaluation in each.
TO_A_STOP = replace(TWELVE_EPOCHS, suffix=", to a stop", epochs=50, patience=10, evaluations_per_epoch=1)


def at(step, network):
    """The network at a fixed effective step α / (1 - γ), "NAME, step STEP": a Network."""
    return Network(f"{network.name}, step {step:g}", with_effective_step(network.experiment, step))


def _sides(a, b, protocol, protocol_of_b=None):
    return (a.under(protocol, seeds=FRESH),), (b.under(protocol_of_b or protocol, seeds=FRESH),)


# ---- momentum: the start, or the memory?

PLAIN_DESCENT = at(0.2, tricks("110"))
LONG_MEMORY = at(0.2, Network("gamma 0.99", replace(tricks("111").experiment, gamma=0.99)))
_AN_EPOCH, _ALL_UPDATES = 625, CLOSELY.epochs * 625
LATE = LONG_MEMORY.varied("from the second epoch on", momentum_in=(_AN_EPOCH, _ALL_UPDATES))
EARLY = LONG_MEMORY.varied("in the first epoch only", momentum_in=(0, _AN_EPOCH))


def _momentum(name, text, measure, direction, margin):
    comparison, late, early = (Comparison(measure, *_sides(network, PLAIN_DESCENT, CLOSELY), direction, margin)
                               for network in (LONG_MEMORY, LATE, EARLY))
    return Part(name, text, comparison, (
        Control("plain descent in the first epoch, momentum from then on", late, "vanishes"),
        Control("momentum in the first epoch, plain descent from then on", early, "persists")))


# ---- width: twelve epochs, or the step?

WIDE, WIDE_AS_FAST, NARROWER = at(0.05, width(1024)), at(0.1, width(1024)), at(0.1, width(512))


def _wide(measure, a, b):
    return Comparison(measure, a, b, "less", ACCURACY)


# ---- uniform weights: too large, and which of them?

#: Factors for the two matrices that give weights from [-1, 1], of standard deviation 1/√3, that of fan-in weights.
SMALLER = math.sqrt(3 / 785), math.sqrt(3 / 64)
LARGE_LOGISTIC, LARGE_IMPROVED = at(2, tricks("000")), at(0.5, tricks("010"))
FAN_IN_IMPROVED = at(0.05, tricks("110"))
SMALL_LOGISTIC = at(0.5, tricks("000").varied("both matrices small", init_scale=SMALLER))
SMALL_IMPROVED = at(0.05, tricks("010").varied("both matrices small", init_scale=SMALLER))
FIRST_SMALL = tricks("010").varied("the first matrix small", init_scale=(SMALLER[0], 1.0))
SECOND_SMALL = tricks("010").varied("the second matrix small", init_scale=(1.0, SMALLER[1]))
LARGE_NORMAL = at(0.5, tricks("110").varied("both matrices large", init_scale=(1 / SMALLER[0], 1 / SMALLER[1])))


# ---- the gradient without f′: how far, and why?

RIGHT, RIGHT_FAN_IN = tricks("000"), tricks("100")
FORGETS = RIGHT.varied("straight through", straight_through=True)
FORGETS_FAN_IN = RIGHT_FAN_IN.varied("straight through", straight_through=True)


def _reads_more(a, b, protocol, measure="accuracy"):
    return Comparison(measure, *_sides(a, b, protocol), "greater", ACCURACY)


# XM is for momentum, XW for width, XU for uniform weights, XF for f′.
_PARTS = (
    _momentum("XM1", "γ = 0.99 is slower than plain descent with the same effective step, because of its start",
              "steps to 0.05", "greater", TIMES_1_1),
    _momentum("XM2", "and it is less accurate, for the same reason", "accuracy", "less", ACCURACY),
    _momentum("XM3", "and its training loss after twelve epochs is higher, for the same reason", "training loss",
              "greater", TIMES_1_25),
    Part("XW1", "1,024 units read less than 512 after twelve epochs, because half the step takes them half as far",
         _wide("accuracy, equal steps", *_sides(WIDE, NARROWER, TWICE_AS_LONG, TWELVE_EPOCHS)),
         (Control("both for 24 epochs", _wide("accuracy, best weights", *_sides(WIDE, NARROWER, TWICE_AS_LONG)),
                  "vanishes"),
          Control("both for twelve epochs, with the step of 512 units",
                  _wide("accuracy, best weights", *_sides(WIDE_AS_FAST, NARROWER, TWELVE_EPOCHS)), "vanishes"))),
    Part("XU1", "from weights in [-1, 1] the improved sigmoid ends with a higher validation loss than the logistic "
                "one, because they are too large for it",
         Comparison("validation loss, best weights", *_sides(LARGE_IMPROVED, LARGE_LOGISTIC, TWELVE_EPOCHS),
                    "greater", LOSS),
         (Control("both from uniform weights with the standard deviation of fan-in weights",
                  Comparison("validation loss, best weights", *_sides(SMALL_IMPROVED, SMALL_LOGISTIC, TWELVE_EPOCHS),
                             "greater", LOSS), "vanishes"),)),
    Part("XU2", "it is their size and not their shape: uniform weights as small as fan-in weights read as much",
         Comparison("accuracy, best weights", *_sides(SMALL_IMPROVED, FAN_IN_IMPROVED, TWELVE_EPOCHS), "same",
                    ACCURACY)),
    Part("XU3", "and normal weights as large as those in [-1, 1] read as little",
         Comparison("accuracy, best weights", *_sides(LARGE_NORMAL, LARGE_IMPROVED, TWELVE_EPOCHS), "same", ROUGHLY)),
    Part("XU4", "it is the first matrix, which saturates the units: small by itself it brings as much as both",
         Comparison("accuracy, best weights", *_sides(FIRST_SMALL, SMALL_IMPROVED, BEST_RATE, TWELVE_EPOCHS), "same",
                    ACCURACY)),
    Part("XU5", "the second matrix, small by itself, brings less than both",
         Comparison("accuracy, best weights", *_sides(SECOND_SMALL, SMALL_IMPROVED, BEST_RATE, TWELVE_EPOCHS), "less",
                    ACCURACY)),
    Part("XU6", "and less than the first by itself",
         Comparison("accuracy, best weights", *_sides(SECOND_SMALL, FIRST_SMALL, BEST_RATE), "less", ACCURACY)),
    Part("XF1", "after an epoch from weights in [-1, 1] the gradient without f′ reads more than the right one, "
                "because they saturate the units",
         _reads_more(FORGETS, RIGHT, ONE_EPOCH),
         (Control("both from fan-in weights", _reads_more(FORGETS_FAN_IN, RIGHT_FAN_IN, ONE_EPOCH), "vanishes"),)),
    Part("XF2", "and still does so where early stopping ends both, within 50 epochs",
         _reads_more(FORGETS, RIGHT, TO_A_STOP)),
    Part("XF3", "there the right one has the lower training loss",
         Comparison("training loss", *_sides(RIGHT, FORGETS, TO_A_STOP), "less", TIMES_1_25)),
    Part("XF4", "each at its own best rate, for twelve epochs, the right one reads more",
         Comparison("accuracy, best weights", *_sides(at(2, RIGHT), FORGETS, TWELVE_EPOCHS, BEST_RATE), "greater",
                    ACCURACY)),
)

#: The registration of the mechanisms, which speaks of no arm of another. The digest of its rules is 08ad875e20e9d0db.
#:
#: :meta hide-value:
MECHANISMS = Registration(
    name="mechanisms", date="2026-11-27", parts=_PARTS, arms=arms_of(_PARTS), command="make sweep-why",
    plan="""
Data: the report's 20,000 images train, MNIST's test file validates, by halves crosswise; other thirds are not tried.
Seeds: 320 to 339 confirm, which no run had; 50, 51 and 52 choose learning rates where an arm has its best one. What was
tried before was tried on seed 0, with no width above 64. An epoch has 625 updates.
Momentum: at the effective step 0.2. Phased momentum moves the weights with the velocity from one update to another, and
outside with 0.2 times the gradient; the velocity goes on all the time, so it is full where it sets in. That a velocity
has to fill costs 1 / (1 - 0.99) = 100 updates, 4 % of the 2,600 to a loss of 0.05: too few for a margin of a tenth.
If the memory is the cause, gradients that are too old, the first control persists and the second vanishes.
Width: 0.05 and 0.1 are the steps that tuning runs chose for 1,024 and for 512 units. With 1,024 their loss is 0.1178 at
0.05 and 0.1193 at 0.1, with 512 it is 0.1083: what lies between on a finer grid does not come so low, and no finer grid
is tried. The intervention is time; the step of 512 units is a control, with which those three runs read about as much
as 512 units. Part XW1 itself compares on the whole test file, at the last evaluation within twelve epochs.
Uniform weights: steps are those that tuning runs chose for the tricks, 2 for logistic units and 0.5 for improved ones
from [-1, 1], 0.5 and 0.05 from fan-in weights; small uniform weights take the latter, large normal ones the former.
Only where one matrix is small by itself is the best step chosen anew. All are made of the same draws. Improved units
read 35 images in a thousand fewer from [-1, 1] than from fan-in weights: in XU3 ten count as the same.
The gradient without f': the straight-through estimator in the hidden layer, the rest as in the plain network; with the
report's rate of 0.1, and at the end each at its best. Early stopping waits for ten epochs, as the report's does.
Predictions, made before the runs.
XM1 to XM3: hold, by the start: after an epoch of plain descent momentum is as fast and as accurate as without it, and
an epoch of momentum leaves plain descent behind. Least sure of XM1: in stored runs the lag grows on, and on seed 0 the
first control took more updates to 0.05 than plain descent, but no more to 0.1, and ended with no higher a loss.
XW1: holds, and both controls vanish: time or a longer step makes up for it, to within two images in a thousand.
XU1: holds, and vanishes with small weights. XU2, XU3: equivalent. XU5, XU6: hold. XU4: does not, for on seed 0 it lacks
some images in a thousand at the steps that were tried: it is the first matrix chiefly, and the second a little.
XF1: holds, and from fan-in weights vanishes. XF2: does not hold, the lead is used up. XF3, XF4: hold.
Cost, from the seconds of stored runs, two side by side: 460 runs and 90 that choose rates, 1.1 hours of one processor:
45 minutes for widths, 5 for momentum, 8 for uniform weights, 7 for f'; at most 1.5. Archive: at most 0.8 MB.
""")

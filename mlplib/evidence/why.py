"""Why: whether one number, the largest eigenvalue λ of the Hessian, says which step a network takes best.

Rules that were written down before the looks that they judge. They speak of single networks and of sets of them at one
seed, where a `Registration` compares runs; what identifies them is a digest here too.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mlplib.evidence.claims import TIMES_1_25
from mlplib.evidence.effects import levels_of_ends, p_values, verdict_on
from mlplib.evidence.looks import (
    BATCHES,
    BESIDE_LIMIT,
    COMBINATIONS,
    DEEP,
    DESCENT,
    GENTLE,
    LOOKED_AT,
    LOUD,
    N_LOOKED_AT,
    NOISY,
    QUIET,
    SHORT,
    SOON,
    STABLE,
    STEPS,
    TEN,
    UPDATES,
    WIDE_AND_NARROW,
    fastest_step,
    look_at,
    store_looks,
    stored_looks,
)
from mlplib.evidence.statistics import LEVEL, geometric_mean, holm, holm_levels, mean_estimate

# The looks that come with the package.
FILE = Path(__file__).parents[1] / "why.json"
#: Seeds of the looks that are judged; no run before had one of them.
LOOKING_SEEDS = tuple(range(420, 440))
TIMES_1_5 = math.log(1.5)
A_LOOK = 27  # seconds, on the average of all networks


@dataclass(frozen=True)
class Question:
    """A question with its rule: a number of each seed, beside a fixed one.

    Attributes
    ----------
    name, text : str
    number : str
        What the number is, in words.
    of : callable
        From the looks at one seed, a dict by the networks' names, to the number. Not in the digest: `number` is.
    direction : {"greater", "less", "same"}
    than : float
        What the numbers are claimed to be greater or less than, or the same as.
    margin : float
        The smallest difference that matters; of ratios, its logarithm.
    ratio : bool
        Whether the logarithm of the number is compared with that of the other.
    predicted : str
        The verdict predicted before the looks.
    """

    name: str
    text: str
    number: str
    of: Callable = field(compare=False)
    direction: str
    than: float
    margin: float
    ratio: bool
    predicted: str


@dataclass(frozen=True)
class RuleVerdict:
    """What the looks say of a question.

    Attributes
    ----------
    question : Question
    values : tuple of float
        The number of each seed.
    estimate, low, high : float
        Their mean, of ratios the geometric one, with the interval that belongs to the corrected verdict.
    verdict : str
        As for `Effect.verdict`, after Holm's correction over all questions.
    """

    question: Question
    values: tuple
    estimate: float
    low: float
    high: float
    verdict: str


def _fastest(looks, network):
    return fastest_step(looks[network.name]["loss"])


def _limits(looks, networks, when):
    return np.array([looks[network.name]["limit"][when] for network in networks])


def _explained(networks, when):
    """Of how the logarithms of the fastest steps scatter, the share that those of 2/λ leave nothing of."""
    def of(looks):
        fastest = np.log([_fastest(looks, network) for network in networks])
        return float(1 - np.var(fastest - np.log(_limits(looks, networks, when))) / np.var(fastest))
    return of


def _says_of_the_rest(what):
    """Of log(f λ/2) over all networks, the share that goes with another number: the square of their correlation."""
    def of(looks):
        fastest = np.array([_fastest(looks, network) for network in LOOKED_AT])
        rest = np.log(fastest / _limits(looks, LOOKED_AT, "gentle"))
        return float(np.corrcoef(rest, [what(looks[network.name]) for network in LOOKED_AT])[0, 1] ** 2)
    return of


def _typical_factor(networks, when):
    def of(looks):
        fastest = np.array([_fastest(looks, network) for network in networks])
        return float(np.exp(np.median(np.abs(np.log(fastest / _limits(looks, networks, when))))))
    return of


def _with_and_without_momentum(looks):
    pairs = [("001", "000"), ("011", "010"), ("101", "100"), ("111", "110")]
    steps = [[fastest_step(looks[f"tricks {code}"]["loss"]) for code in pair] for pair in pairs]
    return float(np.exp(np.mean([math.log(a / b) for a, b in steps])))


def _followed(looks):
    """The change of log f over that of log 2/λ, from the one output gain to the other."""
    steps, limits = ([math.log(x) for x in pair] for pair in (
        [_fastest(looks, network) for network in (LOUD, QUIET)], _limits(looks, (LOUD, QUIET), "gentle")))
    return (steps[0] - steps[1]) / (limits[0] - limits[1])


def _stable(network, what, beside):
    def of(looks):
        found = looks[network.name]["stable"]
        return found[what] / found[beside]
    return of


def _at_the_fastest(networks):
    def of(looks):
        steps = np.array([STEPS[int(np.argmin(looks[network.name]["loss"]))] for network in networks])
        return geometric_mean(steps / _limits(looks, networks, "fastest"))
    return of


def _come_down(networks):
    def of(looks):
        return geometric_mean(_limits(looks, networks, "fastest") / _limits(looks, networks, "start"))
    return of


def _by_batch(network):
    small, large = map(str, BATCHES)

    def of(looks):
        found = looks[network.name]["by_batch"]
        return fastest_step(found[large]) / fastest_step(found[small])
    return of


def _noise_in_ten_layers_and_one(looks):
    return _by_batch(DEEP[1])(looks) / _by_batch(NOISY[2])(looks)


_SHARE = "1 - var(log f - log 2/λ) / var(log f) over the networks, f being the fastest effective step"


def _gained(looks):
    return _explained(LOOKED_AT, "gentle")(looks) - _explained(LOOKED_AT, "start")(looks)


def _following():
    for letter, when, predicted in zip("abc", ("start", "early", "gentle"), ("does not hold", "holds", "holds")):
        yield Question(f"Y1{letter}", f"over all networks the fastest step follows 2/λ, λ being that of {when!r}: it "
                       "says more than three quarters of how they differ", _SHARE, _explained(LOOKED_AT, when),
                       "greater", 0.75, 0.0, False, predicted)
    yield Question("Y1d", "λ says more of it after two gentle epochs than before training",
                   "that share with the λ of 'gentle', less that with the λ of 'start'", _gained, "greater", 0.0, 0.05,
                   False, "holds")
    sets = ((COMBINATIONS, "the eight combinations of tricks", "holds"),
            (WIDE_AND_NARROW, "widths from 8 to 1,024", "undecided"),
            ((COMBINATIONS[6], *DEEP), "one to 20 layers without momentum", "holds"))
    for letter, (networks, what, predicted) in zip("efg", sets):
        yield Question(f"Y1{letter}", f"over {what}, which differ by less, it says more than half, with the λ of "
                       "'gentle'", _SHARE, _explained(networks, "gentle"), "greater", 0.5, 0.0, False, predicted)
    yield Question("Y2", "typically the fastest step is 2/λ to a factor of two, λ being that of 'gentle'",
                   "exp of the median of |log(f λ/2)| over all networks", _typical_factor(LOOKED_AT, "gentle"),
                   "less", 2.0, 0.0, True, "holds")
    yield Question("Y3", "it follows λ where nothing else is changed but how much the hidden units give",
                   "change of log f over that of log 2/λ, 'gentle', from the output gain 0.5 to 2", _followed,
                   "greater", 0.5, 0.0, False, "holds")
    others = (("a", "the spread of the eigenvalues, log λ₁/λ₁₀,", lambda look: math.log(look["spread"])),
              ("b", "the share of saturated activations", lambda look: look["saturated"]))
    for letter, said, what in others:
        yield Question(f"Y12{letter}", f"of what 2/λ leaves, {said} says more than a quarter",
                       "squared correlation with log(f λ/2) over all networks, at 'gentle'", _says_of_the_rest(what),
                       "greater", 0.25, 0.0, False, "does not hold")
    yield Question("Y4", "momentum leaves the fastest effective step α/(1 - γ) as it is; by the limit of a parabola, α "
                   "below 2(1 + γ)/λ, it would be 19 times as large",
                   "f with momentum over f without, the geometric mean of the four pairs", _with_and_without_momentum,
                   "same", 1.0, TIMES_1_5, True, "equivalent")


def _limiting():
    for letter, network, what in zip("abc", STABLE, (_PLAIN, _BOTH, _TEN)):
        yield Question(f"Y5{letter}", f"plain descent on all images is stable up to 2/λ, {what}",
                       "the largest stable step over 2/λ", _stable(network, "step", "limit"), "same", 1.0, TIMES_1_25,
                       True, "equivalent")
        yield Question(f"Y6{letter}", f"where such a step ends, 2/λ has risen above it, {what}",
                       "2/λ after the updates over the largest stable step", _stable(network, "after", "step"),
                       "greater", 1.0, 0.0, True, "holds")
    yield Question("Y7", "minibatches keep the fastest step off the edge: it ends at less than half of 2/λ",
                   "step of the lowest loss over 2/λ at its end, the geometric mean over all networks",
                   _at_the_fastest(LOOKED_AT), "less", 0.5, 0.0, True, "holds")
    for name, text, networks in (("Y8", "training lowers λ", LOOKED_AT), ("Y9", "in ten layers too", (DEEP[1], TEN))):
        yield Question(name, text, "λ at the start over that after the fastest step's updates, the geometric mean over "
                       f"{'all networks' if networks is LOOKED_AT else 'ten layers with and without momentum'}",
                       _come_down(networks), "greater", 1.0, TIMES_1_25, True, "holds")
    for letter, network, what in zip("abcd", NOISY, (_PLAIN, "fan-in weights", _BOTH, _TEN)):
        yield Question(f"Y10{letter}", f"it is their noise: the fastest step is larger with 512 images in each, {what}",
                       "f of minibatches of 512 over that of 32, after 300 updates", _by_batch(network), "greater", 1.0,
                       TIMES_1_5, True, "holds")
    yield Question("Y11", "noise holds ten layers back more than one", "that ratio of ten layers over that of one",
                   _noise_in_ten_layers_and_one, "greater", 1.0, TIMES_1_25, True, "does not hold")


_PLAIN, _BOTH, _TEN = "the plain network", "fan-in weights and the improved sigmoid", "the same with ten layers"


#: The questions with their rules.
#:
#: :meta hide-value:
ASKED = (*_following(), *_limiting())

PLAN = f"""
Data: the report's 20,000 training images; λ in Y1 to Y4 and Y7 to Y9 is that of the loss on the first {N_LOOKED_AT:,}.
Seeds: {LOOKING_SEEDS[0]} to {LOOKING_SEEDS[-1]}; no run before had one. What was tried before was tried on seed 0, and
the predictions come from there.
Networks, by their names: {"; ".join(found.name for found in LOOKED_AT)}.
Fastest: the effective step after whose {UPDATES:,} updates the training loss is lowest, of {len(STEPS)} from
{STEPS[0]:g} to {STEPS[-1]:g}, each twice the one before, with a parabola through the lowest three.
'start', 'early', 'gentle': before training, after {SOON} and after {UPDATES:,} updates with the effective step
{GENTLE:g}, the same for all networks.
Saturated: f′ below a tenth of its largest, on the images of λ.
Noise: minibatches of {BATCHES[0]} and of {BATCHES[1]} images, {SHORT} updates each.
Stable: from the weights of 'gentle', all training images one batch, λ that of the loss on all of them. A step is stable
if at none of {DESCENT} updates the loss is higher than before. Steps tried are 2/λ times {BESIDE_LIMIT[0]:g} to
{BESIDE_LIMIT[-1]:g}, by halving.
What could refute: of Y1c its start, Y1a, which knows the network as well but not where it goes; of Y1 and Y2 the
intervention of Y3; of Y4 the other prediction, 19; of Y5 what Y6 says of the way; of Y7 the noise taken away, Y10.
Three quarters are asked of all networks, whose fastest steps differ by a factor of 80; half of sets that differ less.
Seed 0 had 0.61, 0.80 and 0.87 for Y1a to Y1c, 0.63, 0.57 and 0.90 for Y1e to Y1g.
Cost, from seed 0: about nine minutes of one processor for each seed, three hours in all.
"""


def _digest():
    rules = [[q.name, q.text, q.number, q.direction, q.than, q.margin, q.ratio, q.predicted] for q in ASKED]
    return hashlib.sha256(json.dumps([LEVEL, PLAN, rules], sort_keys=True).encode()).hexdigest()[:16]


#: What identifies the rules.
DIGEST = _digest()


def read_looks(path=None):
    """The looks that are stored, if they were taken under the present rules.

    Parameters
    ----------
    path : Path, optional
        By default that of the package.

    Returns
    -------
    dict from int to dict
        By seed, then by the network's name: what `mlplib.evidence.looks.look_at` gives. Empty where there are none.

    Raises
    ------
    mlplib.evidence.registrations.EvidenceError
        If they were taken under other rules.
    """
    return stored_looks(path or FILE, DIGEST)


def take_looks(path=None, seeds=LOOKING_SEEDS, networks=LOOKED_AT, n_jobs=-1, progress=True):
    """Take the looks that a file lacks, and write each into it as soon as it is there.

    Parameters
    ----------
    path : Path, optional
        As for `read_looks`.
    seeds : sequence of int
    networks : sequence of Network
    n_jobs, progress
        As for `sweep`.

    Returns
    -------
    dict
        All that the file has then, as for `read_looks`.
    """
    return store_looks(path or FILE, DIGEST, look_at, seeds, networks, n_jobs, progress)


def judge_looks(looks, questions=ASKED):
    """Judge questions by their rules; Holm's correction is over them all.

    Parameters
    ----------
    looks : dict from int to dict
        By seed, then by the network's name: what `mlplib.evidence.looks.look_at` gives.
    questions : sequence of Question

    Returns
    -------
    list of RuleVerdict
    """
    found = []
    for question in questions:
        values = np.array([question.of(looks[seed]) for seed in sorted(looks)])
        beside = np.log(values / question.than) if question.ratio else values - question.than
        p = p_values(mean_estimate(beside).p_value, question.direction, question.margin)
        found.append((question, values, beside, *p))
    *known, fors, againsts = zip(*found)
    corrected = (correct(side) for correct in (holm, holm_levels) for side in (fors, againsts))
    return [_answer(*one) for one in zip(*known, *corrected)]


def _answer(question, values, beside, p_for, p_against, level_for, level_against):
    mean = mean_estimate(beside).value
    claimed = -mean if question.direction == "less" else mean
    verdict = verdict_on(claimed, question.direction, question.margin, p_for, p_against)
    lower, upper = levels_of_ends(question.direction, verdict, level_for, level_against)
    low, high = mean_estimate(beside, lower).low, mean_estimate(beside, upper).high
    scaled = [question.than * math.exp(x) if question.ratio else question.than + x for x in (mean, low, high)]
    return RuleVerdict(question, tuple(values.tolist()), *scaled, verdict)

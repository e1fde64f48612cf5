"""Made-up runs, and stores in memory: what several test modules of the evidence stand on."""

import math
from functools import cache
from types import SimpleNamespace

import numpy as np

from mlplib import Experiment
from mlplib.evidence import CLAIMS, Comparison, Effect, rates
from mlplib.evidence import looks as of_looks
from mlplib.history import History
from mlplib.running import Stop

INF, NAN = math.inf, math.nan
LOG_1_1 = math.log(1.1)
STOPS, WHICH, JUDGED = ("validation", "half_1", "half_2"), ("last", "best"), ("train", "validation", "half_1", "half_2")
#: The report's plain network, and what it lacks.
PLAIN = Experiment()
ALL_TRICKS = {"init": "fan_in", "activation": "improved_sigmoid", "gamma": 0.9}
INITS, SIGMOIDS, GAMMAS = ("uniform", "fan_in"), ("sigmoid", "improved_sigmoid"), (0.0, 0.9)
#: Updates after which diagnostics are recorded.
RECORDS = np.array([0, 125, 250, 375, 500, 625, 1250, 1875, 2500, 3125, 3750, 4375])


# ---- runs


def history(steps, train_loss=None, train_accuracy=None, validation_accuracy=None):
    steps = np.asarray(steps)
    curves = (np.full(len(steps), 0.5) if curve is None else np.asarray(curve, float)
              for curve in (train_loss, train_accuracy, None, validation_accuracy))
    return History(np.array([0, steps[-1]]), np.ones(2), steps, *curves)


def falling(steps, losses):
    """As much of a history as training losses need."""
    return SimpleNamespace(evaluation_step=np.array(steps, int), train_loss=np.array(losses, float))


def made_up(seed=0, third=0, **about):
    """A run with nothing but what is given."""
    return SimpleNamespace(experiment=Experiment(seed=seed, third=third), **about)


def pair(**about):
    """Two runs that differ in nothing but their seeds."""
    return [made_up(seed, **about) for seed in (0, 1)]


def stopped_at(seed, step, stopped=True):
    return made_up(seed, stops={"validation": Stop(step, step, stopped, {}, {}), "half_1": Stop(9, 9, True, {}, {})})


def effect(direction, estimate, p_for=1.0, p_against=1.0, margin=0.002, measure="accuracy"):
    comparison = Comparison(measure, ("a",), ("b",), direction, margin)
    return Effect(comparison, 20, estimate, NAN, NAN, p_for, p_against, NAN, 0)


# ---- runs of arms of the claims

SEEDS = range(100, 120)
ORDINARY = {"accuracy": 0.97, "best_accuracy": 0.97, "loss": 0.1, "best_loss": 0.1, "train_loss": 0.01,
            "train_accuracy": 0.99, "updates": 1000.0, "noise": 0.5, "change": 0.01, "seconds": 20.0}
STEPS = np.arange(0, 7500, 125)
#: Every arm that a claim names, by its name.
NAMED = {str(arm): arm for arm in sorted({arm for part in CLAIMS.parts for one in part.comparisons for arm in one.arms},
                                         key=str)}


@cache
def runs_of(name, third=0, seeds=SEEDS, scatter=1.0, **figures):
    """Made-up runs of an arm: as every other, but for figures that are given, and what chance adds."""
    f, runs = ORDINARY | figures, []

    def scattered(figure):
        return f[figure] * (1 + 0.01 * next(chance))

    for seed in seeds:
        chance = iter(np.random.default_rng([seed, third, *name.encode()]).normal(0, scatter, 20))
        last, best = ((f[loss] + 1e-4 * next(chance), f[accuracy] + 1e-4 * next(chance))
                      for loss, accuracy in (("loss", "accuracy"), ("best_loss", "best_accuracy")))
        train = scattered("train_loss"), f["train_accuracy"] + 1e-4 * next(chance)
        stops = {stop: Stop(STEPS[-1], STEPS[-1], True, {**dict.fromkeys(JUDGED, last), "train": train},
                            {**dict.fromkeys(JUDGED, best), "train": train}) for stop in STOPS}
        curve = 10.0 ** (-(STEPS + 1) / scattered("updates"))  # so many updates until the loss is 0.1
        flat = 0.9 + 1e-4 * np.resize([next(chance), next(chance), next(chance)], len(STEPS))
        gradients = 1 + 0.01 * np.abs([[next(chance) for _ in range(4)]] * 2)
        diagnostics = {"step": RECORDS, "gradient_rms": gradients,
                       "minibatch_noise": np.full(len(RECORDS), scattered("noise")),
                       "unit_change": np.full(len(RECORDS), scattered("change"))}
        runs.append(made_up(seed, third, stops=stops, diagnostics=diagnostics, seconds=scattered("seconds"),
                            history=history(STEPS, curve, flat, flat)))
    return runs


def all_arms(thirds=(), **changed):
    """Runs of every arm that a claim names; of arms that are given as name=figures with other figures than ordinary."""
    runs = {arm: runs_of(name, **changed.get(name, {})) for name, arm in NAMED.items()}
    for third in thirds:
        for name in ("tricks 000", "tricks 100", "tricks 110", "tricks 111"):
            repeated = NAMED[name].on_third(third)
            runs[repeated] = runs_of(f"{name}, third {third}", third, range(100, 105),
                                     **changed.get(str(repeated), changed.get(name, {})))
    return runs


# ---- stores


class Shelf(dict):
    """A store in memory."""

    def put(self, experiment, loss, diverged=False, change=0.01, updates=None, train_loss=0.05):
        """With a training loss of 0.1 after so many updates, or never."""
        judged = dict.fromkeys(experiment.judge_on, (loss, 0.9))
        stops = {half: Stop(9, 9, False, judged | {half: (9.0, 0.1)}, judged) for half in experiment.stop_on}
        self[experiment] = SimpleNamespace(experiment=experiment, diverged=diverged, stops=stops,
                                           history=falling([0, 7499], [2.0, 0.5]) if updates is None
                                           else falling([0, updates - 1], [2.0, 0.1]),
                                           final=SimpleNamespace(train_loss=train_loss),
                                           diagnostics={"unit_change": np.full(5, change)})


def effective_step(experiment):
    return experiment.learning_rate / (1 - experiment.gamma)


def tuning_shelf(experiment, loss=lambda step, seed: 0.1, training=lambda step, seed: {}):
    """A store of the tuning runs with the losses loss(step, seed); a loss of None stands for a run that diverged.

    With training(step, seed) come `updates` until the training loss is 0.1, and `train_loss` at the end.
    """
    shelf = Shelf()
    for one in rates.all_tuning_runs(experiment):
        step = round(effective_step(one), 6)
        found = loss(step, one.seed)
        shelf.put(one, 0.01 if found is None else found, diverged=found is None, **training(step, one.seed))
    return shelf


def tunable(registration):
    """The networks that a registration has at rates of their own, an Experiment each, by name."""
    return {arm.network.name: arm.network.experiment for arm in registration.arms if arm.protocol.rate == "best"}


def best_step(i):
    return rates.EFFECTIVE_STEPS[i % len(rates.EFFECTIVE_STEPS)]


def fastest_step(i):
    return rates.EFFECTIVE_STEPS[(i + 3) % len(rates.EFFECTIVE_STEPS)]


def tuning_shelf_of_all(registration):
    """For each network another best step, by its place, another one that is fastest; and the pilot runs."""
    shelf = Shelf()
    for i, experiment in enumerate(tunable(registration).values()):
        best, fastest = best_step(i), fastest_step(i)
        shelf.update(tuning_shelf(experiment, lambda step, seed: 0.1 + abs(math.log(step / best)),
                                  lambda step, seed: {"updates": 1000 + 100 * abs(round(math.log(step / fastest)))
                                                      + (step != fastest)}))
    for one in registration.tuning():
        if one not in shelf:
            shelf.put(one, 0.1, change={32: 0.03, 64: 0.02}[one.hidden[0]])
    return shelf


def experiments(registration, store):
    """What a registration trains, as far as the store says at which rates: lists of Experiment, by the arms' names."""
    return {str(arm): each for arm, each in registration.experiments(store).items()}


# ---- looks


def losses(fastest):
    """Of a network that learns fastest with such a step."""
    return [math.exp(0.1 * math.log(step / fastest) ** 2 - 1) for step in of_looks.STEPS]


def made_up_looks(seed=0, follows=1.0, ratio=0.8, scatter=0.1):
    """Looks at all networks, whose fastest steps are 2/λ times a ratio, to a power."""
    rng, found = np.random.default_rng(seed), {}
    for network in of_looks.LOOKED_AT:
        limit = math.exp(rng.uniform(math.log(0.03), math.log(2)))
        fastest = ratio * limit**follows * math.exp(scatter * rng.normal())
        found[network.name] = {"loss": losses(fastest), "limit": {
            "start": limit * math.exp(rng.normal()), "early": limit, "gentle": limit, "fastest": 3 * fastest}}
        found[network.name] |= {"spread": math.exp(rng.normal()), "saturated": rng.random()}
        if network in of_looks.NOISY:
            found[network.name]["by_batch"] = dict(zip(map(str, of_looks.BATCHES), (losses(0.1), losses(0.3))))
        if network in of_looks.STABLE:
            found[network.name]["stable"] = {"limit": 0.2, "step": 0.21, "after": 0.25}
    return found

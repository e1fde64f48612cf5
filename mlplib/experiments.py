"""What to train: an `Experiment`, frozen, with any of the tricks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.datasets import DataSet
from mlplib.diagnostics import DIAGNOSTICS
from mlplib.initializers import INITIALIZERS
from mlplib.inputs import INPUTS, JUDGES, STOPS, THIRDS
from mlplib.mnist import N_CLASSES, N_INPUTS, N_TRAIN, N_VALIDATION
from mlplib.network import BIASES
from mlplib.optimizers import SGD, Momentum, PhasedMomentum


@dataclass(frozen=True)
class Trick:
    """A trick of the trade: what it changes of an experiment.

    Attributes
    ----------
    name : str
        In the words of the book.
    fields : dict from str to object
        The fields of `Experiment` that it sets.
    is_on : callable
        From an `Experiment` to whether it has the trick, strong or weak.
    """

    name: str
    fields: dict
    is_on: Callable


#: The tricks by the keyword of `Experiment.with_tricks` that switches each on. Another one is one more entry.
#:
#: :meta hide-value:
TRICKS = {
    "init": Trick("fan-in weights", {"init": "fan_in"}, lambda experiment: experiment.init == "fan_in"),
    "sigmoid": Trick("improved sigmoid", {"activation": "improved_sigmoid"},
                     lambda experiment: experiment.activation == "improved_sigmoid"),
    "momentum": Trick("momentum", {"gamma": 0.9}, lambda experiment: experiment.gamma > 0),
}


@dataclass(frozen=True)
class Experiment:
    """One training run on MNIST, or on other data, said completely. The default is the report's plain network, task 2c.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers, input side first.
    init : {"uniform", "fan_in"}
    activation : {"sigmoid", "improved_sigmoid"}
    gamma : float
        Momentum; 0 is plain gradient descent.
    seed : int
        Of the initial weights and, as a stream of its own, of the order of the data.
    learning_rate : float or None
        None is what is inferred for the report: 0.1, or 0.02 with momentum.
    biases : {"input", "every_layer"}
    shuffle : bool
        Whether each epoch draws a new order.
    batch_size : int
    epochs : int
        At most so many.
    patience : int or None
        Evaluations in a row without a new lowest validation loss that end the run; None never stops early.
    n_train : int or None
        Train on the first so many of the 20,000 training images; None is on all, and becomes their number.
    input_gain, output_gain, offset : float
        The hidden units give output_gain f(input_gain z) + offset, f being the activation.
    init_scale : float or sequence of float
        A factor for all initial weights, or one for each weight matrix.
    third : {0, 1, 2}
        Which 20,000 of the training file's 60,000 images are the training images; 0 are the first, the report's.
    inputs : {"standardized", "uncentred", "unit_interval"}
        (x - mean) / std, x / std, or x / 255; mean and std are those of the training images.
    evaluations_per_epoch : int
    dense_steps : int
        Among the first so many updates every 25th is evaluated too.
    stop_on : sequence of {"validation", "half_1", "half_2"}
        What early stopping looks at: MNIST's test file, or a random half of it. With more than one, each is looked at
        by itself, and the run goes on until the last of them has given reason to stop; `Run.stops` has them apart.
    judge_on : sequence of {"validation", "half_1", "half_2", "held_out"}
        On what each stopping rule's networks are judged, in `Run.stops`. "held_out" are the 40,000 images of the
        training file that are not trained on.
    diagnostics : sequence of {"layers", "units", "hits"}
        What is recorded beside the losses, in `Run.diagnostics`; see `mlplib.diagnostics`.
    momentum_in : sequence of int or None
        The first update with momentum and the one after the last; in all others plain descent takes the same effective
        step, α / (1 - γ). None is momentum throughout.
    straight_through : bool
        Whether the backward pass forgets f′, as chapter 2 does by mistake; see `mlplib.straight_through`.
    data : DataSet or None
        Other training and validation samples than MNIST's. They have no other thirds and no "held_out".

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; the message names it.
    """

    hidden: tuple = (64,)
    init: str = "uniform"
    activation: str = "sigmoid"
    gamma: float = 0.0
    seed: int = 0
    learning_rate: float | None = None
    biases: str = "input"
    shuffle: bool = True
    batch_size: int = 32
    epochs: int = 50
    patience: int | None = 50
    n_train: int | None = None
    input_gain: float = 1.0
    output_gain: float = 1.0
    offset: float = 0.0
    init_scale: float | tuple = 1.0
    third: int = 0
    inputs: str = "standardized"
    evaluations_per_epoch: int = 5
    dense_steps: int = 0
    stop_on: tuple = ("validation",)
    judge_on: tuple = ()
    diagnostics: tuple = ()
    momentum_in: tuple | None = None
    straight_through: bool = False
    data: DataSet | None = None

    def __post_init__(self):
        if self.data is not None:
            _checks.instance("data", self.data, DataSet)
        most = N_TRAIN if self.data is None else self.data.n_train
        if self.n_train is None:
            object.__setattr__(self, "n_train", most)
        checked = {
            "hidden": _checks.widths("hidden", self.hidden),
            "init": _checks.one_of("init", self.init, INITIALIZERS),
            "activation": _checks.one_of("activation", self.activation, ACTIVATIONS),
            "gamma": _checks.gamma(self.gamma),
            "seed": _checks.integer("seed", self.seed, minimum=0),
            "biases": _checks.one_of("biases", self.biases, BIASES),
            "shuffle": _checks.boolean("shuffle", self.shuffle),
            "batch_size": _checks.integer("batch_size", self.batch_size, minimum=1),
            "epochs": _checks.integer("epochs", self.epochs, minimum=1, maximum=_checks.LONGEST),
            "n_train": _checks.integer("n_train", self.n_train, minimum=1),
            "input_gain": _checks.gain("input_gain", self.input_gain),
            "output_gain": _checks.gain("output_gain", self.output_gain),
            "offset": _checks.finite("offset", self.offset),
            "init_scale": _checks.scales("init_scale", self.init_scale, len(self.hidden) + 1),
            "third": _checks.integer("third", self.third, minimum=0),
            "inputs": _checks.one_of("inputs", self.inputs, INPUTS),
            "evaluations_per_epoch": _checks.integer("evaluations_per_epoch", self.evaluations_per_epoch, minimum=1),
            "dense_steps": _checks.integer("dense_steps", self.dense_steps, minimum=0, maximum=_checks.LONGEST),
            "stop_on": _checks.names("stop_on", self.stop_on, STOPS),
            "judge_on": _checks.names("judge_on", self.judge_on, JUDGES),
            "diagnostics": _checks.names("diagnostics", self.diagnostics, DIAGNOSTICS),
            "straight_through": _checks.boolean("straight_through", self.straight_through),
        }
        if self.learning_rate is not None:
            checked["learning_rate"] = _checks.learning_rate(self.learning_rate)
        if self.patience is not None:
            checked["patience"] = _checks.integer("patience", self.patience, minimum=1)
        if self.momentum_in is not None:
            checked["momentum_in"] = _checks.phase("momentum_in", self.momentum_in)
            if not checked["gamma"]:
                raise ValueError("momentum_in: expected None where gamma is 0, for there is no momentum")
        if not checked["stop_on"]:
            raise ValueError("stop_on: expected at least one name, got none")
        if self.third not in THIRDS:
            raise ValueError(f"third: expected 0, 1 or 2, got {self.third}")
        if self.data is not None and self.third:
            raise ValueError(f"third: expected 0, for {self.data.name!r} has no others, got {self.third}")
        if self.data is not None and "held_out" in checked["judge_on"]:
            raise ValueError(f"judge_on: expected sets that {self.data.name!r} has, got 'held_out', which MNIST has")
        if self.n_train > most:
            raise ValueError(f"n_train: expected at most the {most} training images, got {self.n_train}")
        if self.batch_size > self.n_train:
            raise ValueError(f"batch_size: expected at most n_train = {self.n_train}, got {self.batch_size}")
        for name in ("learning_rate", "input_gain", "output_gain", "offset"):
            _checks.within(name, checked.get(name, 1.0))
        scales = checked["init_scale"] if isinstance(checked["init_scale"], tuple) else (checked["init_scale"],)
        for scale in scales:
            if abs(scale) > 1:  # a small one only makes weights 0
                _checks.within("init_scale", scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def with_tricks(self, init=False, sigmoid=False, momentum=False, **others):
        """The same experiment with the chosen tricks on; the others stay as they are.

        Parameters
        ----------
        init : bool
            Initial weights scaled by the fan-in.
        sigmoid : bool
            The improved sigmoid.
        momentum : bool
            γ = 0.9; by the rule inferred for the report the learning rate drops to 0.02, unless it is set.
        **others : bool
            Those that `TRICKS` has beside these.

        Returns
        -------
        Experiment

        Raises
        ------
        TypeError
            If `TRICKS` has no such trick, or one is neither True nor False.
        ValueError
            If two of them set the same field, as two activations do.
        """
        set_by = {}
        for name, on in {"init": init, "sigmoid": sigmoid, "momentum": momentum, **others}.items():
            if name not in TRICKS:
                raise TypeError(f"{name}: expected one of the tricks {', '.join(TRICKS)}")
            for field in TRICKS[name].fields if _checks.boolean(name, on) else ():
                if field in set_by:
                    raise ValueError(f"{name}: expected no other trick that sets {field}, got {set_by[field]} too")
                set_by[field] = name
        return replace(self, **{field: TRICKS[name].fields[field] for field, name in set_by.items()})

    def optimizer(self):
        """A fresh `SGD` or, where gamma is above 0, `Momentum`; if only in some updates, `PhasedMomentum`."""
        if self.gamma:
            settings = 0.02 if self.learning_rate is None else self.learning_rate, self.gamma
            return PhasedMomentum(*settings, *self.momentum_in) if self.momentum_in else Momentum(*settings)
        return SGD(0.1 if self.learning_rate is None else self.learning_rate)

    @property
    def steps_per_epoch(self):
        """Updates in an epoch; its last, incomplete minibatch is dropped."""
        return self.n_train // self.batch_size

    @property
    def n_weights(self):
        """Weights of its network, an int; those of later layers' biases are not counted."""
        return sum(fan_in * fan_out for fan_in, fan_out in pairwise((self.n_inputs, *self.hidden, self.n_classes)))

    @property
    def n_inputs(self):
        """Numbers that its network takes of a sample, the constant 1 among them, an int."""
        return N_INPUTS if self.data is None else self.data.n_inputs

    @property
    def n_classes(self):
        """Classes that it tells apart, an int."""
        return N_CLASSES if self.data is None else self.data.n_classes

    @property
    def n_validation(self):
        """Samples that validate it, an int."""
        return N_VALIDATION if self.data is None else self.data.n_validation

"""Arms: what is compared with what, each a network under a protocol, with its seeds.

An arm is a value. Its name, the string that rules and their digests are taken over, is made from its parts, never taken
apart.
"""

from dataclasses import asdict, dataclass, field, replace

from mlplib import _checks
from mlplib.catalogue import topology_experiment, trick_experiment
from mlplib.experiments import Experiment
from mlplib.inputs import STOPS, THIRDS

#: Seeds of the confirming runs; none of them was used to choose anything.
CONFIRMING = tuple(range(100, 120))
#: Seeds on which learning rates are chosen.
TUNING = (50, 51, 52)
#: Of the confirming seeds, those of arms that need no verdict of their own.
FEW = CONFIRMING[:5]

ALL_DIAGNOSTICS = ("layers", "units", "hits")


@dataclass(frozen=True)
class Protocol:
    """How the runs of an arm are made.

    Attributes
    ----------
    suffix : str
        What it adds to an arm's name.
    rate : str or None
        How the learning rate is set, a key of `mlplib.evidence.rates.RATES`; None is the report's rule.
    epochs, patience, evaluations_per_epoch, dense_steps, stop_on, judge_on, diagnostics
        As for `Experiment`.

    Raises
    ------
    TypeError, ValueError
        If one of them is not as described.
    """

    suffix: str = ""
    rate: str | None = None
    epochs: int = 50
    patience: int | None = 50
    evaluations_per_epoch: int = 5
    dense_steps: int = 375
    stop_on: tuple = STOPS
    judge_on: tuple = STOPS
    diagnostics: tuple = ()

    def __post_init__(self):
        _checks.text("suffix", self.suffix)
        if self.rate is not None:
            _checks.text("rate", self.rate)
        checked = self.applied(Experiment())  # it knows what its fields may be
        for name in asdict(self).keys() - {"suffix", "rate"}:
            object.__setattr__(self, name, getattr(checked, name))

    def applied(self, experiment, **fields):
        """The experiment made by this protocol, at its own learning rate, and with other fields as given."""
        _checks.instance("experiment", experiment, Experiment)
        return replace(experiment, **{name: value for name, value in asdict(self).items()
                                      if name not in ("suffix", "rate")} | fields)

    def watched(self):
        """The same protocol, with everything recorded that there is."""
        return replace(self, diagnostics=ALL_DIAGNOSTICS)


#: The report's protocol; evaluated more often at the start, and stopped and judged by halves of the test file too.
REPORTED = Protocol()
#: The same at a learning rate matched with that of another network: by its effective step, by how far it moves each
#: unit, by how much its first step lowers the loss.
MATCHED_STEP = replace(REPORTED, suffix=", matched step", rate="matched step")
MATCHED_CHANGE = replace(REPORTED, suffix=", matched change", rate="matched change")
MATCHED_FIRST_STEP = replace(REPORTED, suffix=", matched first step", rate="matched first step")
#: At the best learning rate, all runs of one length, judged crosswise.
TUNED = replace(REPORTED, suffix=", tuned", rate="best", epochs=12, patience=None, evaluations_per_epoch=2)
#: At the fastest learning rate.
FASTEST = replace(REPORTED, suffix=", fastest", rate="fastest", epochs=8, patience=None)
#: Without early stopping.
TO_THE_END = replace(REPORTED, suffix=" to the end", patience=None, evaluations_per_epoch=1, dense_steps=0)
#: Short runs that only show what goes on inside, of the first layer's units or of all layers.
FIVE_EPOCHS = Protocol(", five epochs", epochs=5, patience=None, evaluations_per_epoch=1, dense_steps=0,
                       stop_on=("validation",), judge_on=(), diagnostics=("units",))
LAYERS = replace(FIVE_EPOCHS, suffix="", epochs=10, diagnostics=("layers",))
#: For choosing a learning rate: the first half of the test file, 12 epochs, one evaluation in each.
FOR_TUNING = Protocol(epochs=12, patience=None, evaluations_per_epoch=1, dense_steps=0, stop_on=("half_1",),
                      judge_on=("half_1",))


@dataclass(frozen=True)
class Network:
    """An experiment with the name that rules call it by.

    Attributes
    ----------
    name : str
    experiment : Experiment
        With the report's protocol and learning rate.

    Raises
    ------
    TypeError
        If one of them is not as described.
    """

    name: str
    experiment: Experiment

    def __post_init__(self):
        _checks.text("name", self.name)
        _checks.instance("experiment", self.experiment, Experiment)

    def under(self, protocol=REPORTED, third=0, seeds=CONFIRMING):
        """The arm of this network under a protocol.

        Parameters
        ----------
        protocol : Protocol
        third : {0, 1, 2}
            Which third of the training file it is trained on.
        seeds : sequence of int

        Returns
        -------
        Arm
        """
        return Arm(self, protocol, third, seeds)

    def varied(self, what, **fields):
        """The network with another name behind its own, "NAME, WHAT", and with other fields of `Experiment`."""
        return Network(f"{self.name}, {_checks.text('what', what)}", replace(self.experiment, **fields))


@dataclass(frozen=True)
class Arm:
    """A network under a protocol, on one third of the training file, with its seeds.

    Two arms are equal if they have one name: rules know them by it, and no registration has two of the same.

    Attributes
    ----------
    network : Network
    protocol : Protocol
    third : {0, 1, 2}
    seeds : tuple of int

    Raises
    ------
    TypeError, ValueError
        If one of them is not as described.
    """

    network: Network = field(compare=False)
    protocol: Protocol = field(compare=False)
    third: int = field(compare=False)
    seeds: tuple = field(compare=False)
    name: str = field(init=False, repr=False)

    def __post_init__(self):
        _checks.instance("network", self.network, Network)
        _checks.instance("protocol", self.protocol, Protocol)
        _checks.integer("third", self.third, minimum=0, maximum=max(THIRDS))
        seeds = (_checks.integer(f"seeds[{i}]", seed, minimum=0)
                 for i, seed in enumerate(_checks.sequence("seeds", self.seeds, "integers")))
        object.__setattr__(self, "seeds", tuple(seeds))
        on_third = f", third {self.third}" if self.third else ""
        object.__setattr__(self, "name", f"{self.network.name}{self.protocol.suffix}{on_third}")

    def __str__(self):
        return self.name

    def on_third(self, third):
        """The same on another third of the training file, with the few seeds of a repetition."""
        return self.network.under(self.protocol, third, FEW)

    def experiments(self, learning_rate=None):
        """One experiment for each seed.

        Parameters
        ----------
        learning_rate : float, optional
            By default the network's own.

        Returns
        -------
        list of Experiment
        """
        rate = {} if learning_rate is None else {"learning_rate": _checks.learning_rate(learning_rate)}
        return [self.protocol.applied(self.network.experiment, seed=seed, third=self.third, **rate)
                for seed in self.seeds]


# ---- networks that several registrations speak of


def tricks(code):
    """The report's network with some of its tricks.

    Parameters
    ----------
    code : str
        A digit for each of (fan-in weights, improved sigmoid, momentum), as in "110".

    Returns
    -------
    Network
    """
    return Network(f"tricks {binary(code)}", trick_experiment([digit == "1" for digit in code]))


def binary(code):
    """Return a code of three digits, each 0 or 1, or say what it is instead.

    Parameters
    ----------
    code : str

    Returns
    -------
    str
    """
    if not isinstance(code, str) or code not in CODES:
        raise ValueError(f"code: expected three digits, each 0 or 1, such as '110', got {_checks.shown(code)}")
    return code


#: The eight codes of `tricks`.
CODES = tuple(f"{number:03b}" for number in range(8))


def trick_names(code):
    """What the tricks of a code are called: "plain", "fan-in, momentum", "all three", for instance.

    Parameters
    ----------
    code : str
        As for `tricks`.

    Returns
    -------
    str
    """
    on = [name for digit, name in zip(binary(code), ("fan-in", "sigmoid", "momentum")) if digit == "1"]
    return {0: "plain", 3: "all three"}.get(len(on), ", ".join(on))


def width(units):
    """One hidden layer of so many units, with all tricks: a Network."""
    return Network(f"width {units}", topology_experiment(units, 1))


def depth(layers, momentum=True):
    """So many hidden layers of 64 units, with all tricks or all but momentum: a Network."""
    deep = Network(f"depth {layers}", topology_experiment(64, layers))
    if _checks.boolean("momentum", momentum):
        return deep
    return Network(f"{deep.name} without momentum", replace(deep.experiment, gamma=0.0))


def two_layers(units):
    """Two hidden layers of so many units each, with all tricks: a Network."""
    return Network(f"two layers of {units}", topology_experiment(units, 2))


#: The same networks as depth(10), by the name that the claims about the report's protocol have for it; and with
#: logistic units, whose gradient does vanish.
TEN_LAYERS = Network("ten layers", topology_experiment(64, 10))
TEN_LOGISTIC_LAYERS = TEN_LAYERS.varied("logistic", activation="sigmoid")

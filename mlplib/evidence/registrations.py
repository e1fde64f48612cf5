"""Registrations: rules written down before their runs, each set with a digest that its runs carry.

They are append-only. A new claim goes into a registration of its own and voids no run; one that is there never changes.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass

from mlplib import _checks
from mlplib.evidence import measures, statistics
from mlplib.evidence.arms import Arm
from mlplib.evidence.effects import Comparison
from mlplib.evidence.rates import checked_store, experiments_of, runs_that_choose

REPLICATION = ("Where a comparison was repeated on the other two thirds of the training file, its verdict is undecided "
               "unless both repetitions agree: for greater and less the estimate has the sign claimed if the verdict "
               "is that it holds; for same the estimate is within the margin if the verdict is equivalent")


class EvidenceError(Exception):
    """Runs that a verdict needs are missing, or were not made under its rules. The message says which."""


@dataclass(frozen=True)
class Control:
    """What could refute the cause that a claim gives, or takes for granted.

    Attributes
    ----------
    text : str
    comparison : Comparison
    expected : {"persists", "vanishes"}
        What the comparison's difference does if the claimed cause is the cause.

    Raises
    ------
    TypeError, ValueError
        If one of them is not as described.
    """

    text: str
    comparison: Comparison
    expected: str

    def __post_init__(self):
        _checks.text("text", self.text)
        _checks.instance("comparison", self.comparison, Comparison)
        _checks.one_of("expected", self.expected, ("persists", "vanishes"))


@dataclass(frozen=True)
class Part:
    """A part of a claim, or a question, and the rule for it.

    Attributes
    ----------
    name : str
        The claim's number with a letter, such as "C3a".
    text : str
    comparison : Comparison
    controls : tuple of Control

    Raises
    ------
    TypeError
        If one of them is not as described.
    """

    name: str
    text: str
    comparison: Comparison
    controls: tuple = ()

    def __post_init__(self):
        _checks.text("name", self.name)
        _checks.text("text", self.text)
        _checks.instance("comparison", self.comparison, Comparison)
        object.__setattr__(self, "controls", _checks.instances("controls", self.controls, Control))

    @property
    def comparisons(self):
        """Its own comparison and those of its controls, a list."""
        return [self.comparison, *(control.comparison for control in self.controls)]


@dataclass(frozen=True)
class Registration:
    """A set of rules, written down before their runs.

    Attributes
    ----------
    name : str
        What the archive with its runs is called, too.
    date : str
        When it was registered, such as "2026-11-24".
    parts : tuple of Part
    arms : tuple of Arm
        What it trains: all arms of its parts but those of earlier registrations, and what is only looked at.
    after : tuple of Registration
        Those whose arms its parts speak of too.
    measures : tuple of str, optional
        The measures whose meaning its digest covers; by default those of its parts.
    mark : str, optional
        What its runs carry the digest as; by default its name.
    command : str
        What trains its runs.
    plan : str, optional
        What else is fixed before the runs, in words: data, lengths, seeds, cost. The digest covers it.
    brief : tuple of Arm, optional
        Those of its arms of whose curves the ends are all that is stored: no measure that they are compared on needs
        more.

    Raises
    ------
    TypeError, ValueError
        If one of them is not as described; if two of these arms have one name, one has the name of an arm of `after`,
        or a part speaks of an arm that neither this registration nor one of `after` trains.
    """

    name: str
    date: str
    parts: tuple
    arms: tuple
    after: tuple = ()
    measures: tuple | None = None
    mark: str | None = None
    command: str = "make sweep-full"
    plan: str = ""
    brief: tuple = ()

    def __post_init__(self):
        for name in ("name", "date", "command", "plan"):
            _checks.text(name, getattr(self, name))
        if self.mark is not None:
            _checks.text("mark", self.mark)
        if self.measures is not None:
            object.__setattr__(self, "measures", _checks.names("measures", self.measures, measures.MEASURES))
        for name, kind in (("parts", Part), ("arms", Arm), ("after", Registration), ("brief", Arm)):
            object.__setattr__(self, name, _checks.instances(name, getattr(self, name), kind))
        names = Counter(str(arm) for registration in (*self.after, self) for arm in registration.arms)
        several = [repr(name) for name, n in names.items() if n > 1]
        if several:
            raise ValueError(f"arms: expected names that no other arm has, here or in a registration before, got "
                             f"{', '.join(several)} more than once")
        trained = {arm for registration in (*self.after, self) for arm in registration.arms}
        others = [repr(str(arm)) for part in self.parts for one in part.comparisons for arm in one.arms - trained]
        if others:
            raise ValueError(f"parts: expected arms that are trained here or by a registration before, got "
                             f"{', '.join(sorted(set(others)))}")

    @property
    def digest(self):
        """What identifies the rules, so that they cannot be changed after the fact unnoticed.

        16 hexadecimal digits, from the level, the rules, that on replication, the meaning and kind of each measure, and
        the plan if there is one.
        """
        names = self.measures or sorted({one.measure for part in self.parts for one in part.comparisons})
        found = {name: measures.MEASURES[name] for name in names}
        meanings = {name: (measure.meaning, measure.kind, measure.common) for name, measure in found.items()}
        rules = [{"name": part.name, "text": part.text, "comparison": _in_words(part.comparison),
                  "controls": [{"text": control.text, "comparison": _in_words(control.comparison),
                                "expected": control.expected} for control in part.controls]} for part in self.parts]
        planned = [self.plan] if self.plan else []
        said = json.dumps([statistics.LEVEL, REPLICATION, meanings, rules, *planned], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def marks(self):
        """What its runs are saved with: `sweep(..., marks=registration.marks)`."""
        return {self.mark or self.name: self.digest}

    def tuning(self):
        """The runs by which the learning rates of its arms are chosen, a list of Experiment."""
        return runs_that_choose(self.arms)

    def experiments(self, store):
        """What it trains, as far as the store has what learning rates are chosen by.

        Parameters
        ----------
        store : Store

        Returns
        -------
        dict from Arm to list of Experiment
            One experiment for each seed.
        """
        checked_store(store)
        found = {arm: experiments_of(arm, store) for arm in self.arms}
        return {arm: experiments for arm, experiments in found.items() if experiments is not None}

    def runs(self, store):
        """The runs that its verdicts stand on, those of the registrations before it included.

        Parameters
        ----------
        store : Store

        Returns
        -------
        dict from Arm to list of Run

        Raises
        ------
        EvidenceError
            If a run is missing, or was not made under the present rules.
        """
        runs = {}
        for registration in (*self.after, self):
            runs |= registration._own_runs(store)
        return runs

    def _own_runs(self, store):
        runs = {arm: [store.get(one) for one in each] for arm, each in self.experiments(store).items()}
        lacking = {arm: sum(run is None for run in each) for arm, each in runs.items()}
        if any(lacking.values()):
            raise EvidenceError(f"runs are missing, `{self.command}` trains them: "
                                + ", ".join(f"{n} of {arm}" for arm, n in lacking.items() if n))
        marks = self.marks
        other = [f"{arm}, seed {run.experiment.seed}" for arm, each in runs.items() for run in each
                 if marks.items() - run.versions.items()]
        if other:
            raise EvidenceError(f"not made under the present rules, {', '.join(marks.values())}: "
                                f"{'; '.join(other)}")
        return runs


def arms_of(parts):
    """All arms that parts speak of, each once, in their order.

    Parameters
    ----------
    parts : sequence of Part

    Returns
    -------
    tuple of Arm
    """
    sides = [side for part in parts for one in part.comparisons for side in (one.a, one.b) if isinstance(side, tuple)]
    return tuple(dict.fromkeys(arm for side in sides for arm in side))


def _in_words(comparison):
    """A comparison as digests are taken over it: arms by their names."""
    a, b = ([str(arm) for arm in side] if isinstance(side, tuple) else side for side in (comparison.a, comparison.b))
    return {"measure": comparison.measure, "a": a, "b": b,
            "direction": comparison.direction, "margin": comparison.margin}

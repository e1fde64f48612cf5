"""Open claims: what the first runs left undecided for lack of seeds, once more on as many fresh ones as it takes."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from mlplib.evidence.claims import CLAIMS
from mlplib.evidence.effects import UNDECIDED
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.plans import first_level, open_effects, recording, seeds_needed
from mlplib.evidence.questions import QUESTIONS
from mlplib.evidence.registrations import Registration, arms_of
from mlplib.evidence.verdicts import Verdict, judge
from mlplib.inputs import STOPS, THIRDS

FIRST_FRESH = 200  # no run had a seed from here on
HALVES = STOPS[1:]


class Power(NamedTuple):
    """What the first runs say of how many seeds a comparison takes.

    Attributes
    ----------
    seen : str
        The mean distance of the pairs from what would be shown not to be, and their standard deviation; of medians and
        shares, how many lie beyond it.
    needed : int
        So many decide it four times out of five, at the first step of Holm's correction over all of `OPEN`.
    seeds : int
        So many it gets: 20 at least.
    """

    seen: str
    needed: int
    seeds: int


#: Of each part, and of its controls, what its number of seeds comes from.
#:
#: :meta hide-value:
PLANNED = {
    "C7b": (Power("0.00244 ± 0.00664", 107, 107),),
    "C11": (Power("20 of 20", 29, 107),),
    "C12f": (Power("20 of 20", 10, 20), Power("16 of 20", 37, 37)),
    "C17c": (Power("0.00143 ± 0.00222", 38, 38),),
    "C19c": (Power("0.00120 ± 0.00278", 98, 98),),
    "D1b": (Power("0.00163 ± 0.00223", 30, 30),),
    "D1d": (Power("0.00143 ± 0.00222", 38, 38),),
    "D2c": (Power("0.00106 ± 0.00170", 49, 49),),
    "D2d": (Power("0.00186 ± 0.00308", 52, 52),),
    "D3b": (Power("1.28 ± 1.13", 15, 20),),
    "D4b": (Power("0.131 ± 0.0694", 8, 20),),
    "Pb": (Power("0.00203 ± 0.00267", 28, 28),),
    "Pc": (Power("0.000995 ± 0.00185", 52, 52),),
}
#: What would take more than fits into the 1.2 MB of the archive: not trained, and said to need so many.
#:
#: :meta hide-value:
LEFT_OUT = {
    "SC3a": (Power("13 of 20", 155, 0),),
    "D2e": (Power("0.00139 ± 0.00321", 97, 0),),
}

_FIRST = {part.name: part for registration in (CLAIMS, QUESTIONS) for part in registration.parts}
_SOURCES = {}  # of each arm here, that of the first runs


def _fresh(arm, part, seeds):
    """The arm on so many fresh seeds; it records what the part's measures need, and is judged where they look."""
    protocol = arm.protocol
    bare = replace(arm, protocol=replace(protocol, diagnostics=(),
                                         judge_on=[name for name in HALVES if name in protocol.judge_on]))
    found = recording(bare, [part]).protocol
    again = arm.network.under(replace(found, suffix=f"{protocol.suffix}, {seeds} fresh seeds"), arm.third,
                              range(FIRST_FRESH, FIRST_FRESH + seeds))
    _SOURCES[again] = arm
    return again


def _again(comparison, part, seeds):
    a, b = (tuple(_fresh(arm, part, seeds) for arm in side) if isinstance(side, tuple) else side
            for side in (comparison.a, comparison.b))
    return replace(comparison, a=a, b=b)


def _parts():
    for name, (power, *others) in PLANNED.items():
        part = _FIRST[name]
        controls = [replace(control, comparison=_again(control.comparison, part, each.seeds))
                    for control, each in zip(part.controls, others, strict=True)]
        yield replace(part, comparison=_again(part.comparison, part, power.seeds), controls=tuple(controls))


_PARTS = tuple(_parts())
_ARMS = arms_of(_PARTS)


def _without_curves():
    """The arms that are compared on figures at the end alone."""
    followed = {arm for part in _PARTS for one in part.comparisons if MEASURES[one.measure].kind == "sign"
                for arm in one.arms}
    return tuple(arm for arm in _ARMS if arm not in followed)


def _lines(planned):
    for name, powers in planned.items():
        for which, power in zip(("", ", control"), powers):
            given = f", gets {power.seeds}" if power.seeds else ""
            yield f"{name}{which}: seen {power.seen}, needs {power.needed}{given}"


#: The fourth registration. The digest of its rules is 076dfa9a6700494c.
#:
#: :meta hide-value:
OPEN = Registration(
    name="open", date="2026-11-27", parts=_PARTS, arms=_ARMS, command="make sweep-why",
    brief=_without_curves(),
    plan=f"""
What: parts of the first two registrations that their runs left undecided for lack of seeds, C12f for its control is
open; with the measures, directions, margins and controls registered there. D1d asks what C17c asks. Each was chosen
because of what the first runs showed of it. So verdicts are given by the fresh runs alone; and beside them by all runs
together, which is not independent of that choice.
Networks, protocols and learning rates: as there; rates are those chosen on seeds 50, 51 and 52, which are stored. Less
is recorded: what the measures need, judged on the two halves of the test file.
Seeds: from {FIRST_FRESH} on, which no run had. Arms that share a network and a protocol share their first runs.
How many: so that a comparison is decided in four of five tries at 0.025 / 13, the first step of Holm's correction over
the 13 comparisons here, if its pairs scatter as those of the first runs did: for each the mean distance of the pairs
from what would be shown not to be, in the measure's unit, and their standard deviation; of medians and shares, how many
pairs or runs lie on its far side. At least 20; C11 counts all the runs that C7b has.
{chr(10).join(_lines(PLANNED))}
Left out, for the archive is to have 1.2 MB at most; they stay undecided, and are said to need so many:
{chr(10).join(_lines(LEFT_OUT))}
No other thirds of the training file are repeated. By all runs together, the repetitions of the first runs count.
Cost: 776 runs; by the seconds that the first runs took, 1.5 hours of one processor, 45 minutes of two.
""")


# ---- what became of them


def pooled(first, fresh):
    """All runs of what `OPEN` compares, by its arms: those of the first seeds and then the fresh ones.

    Repetitions on other thirds are those of the first runs.

    Parameters
    ----------
    first, fresh : dict from Arm to list of Run
        As `QUESTIONS.runs` and `OPEN.runs` give them.

    Returns
    -------
    dict from Arm to list of Run
    """
    runs = {}
    for arm, source in _SOURCES.items():
        runs[arm] = [*first[source], *fresh[arm]]
        runs |= {arm.on_third(third): first[source.on_third(third)] for third in THIRDS[1:]
                 if source.on_third(third) in first}
    return runs


@dataclass(frozen=True)
class Reopened:
    """What became of a part that the first runs left undecided.

    Attributes
    ----------
    first : Verdict
    fresh, both : Verdict or None
        By the fresh runs alone, and by all together; None if there are no fresh ones. Both are corrected over the parts
        of `OPEN`. That by all together is not independent of why the part was asked again: because of what the first
        runs, which it counts too, had shown.
    needed : int or None
        If the verdict given is undecided, so many seeds would decide it, as the runs that gave it scatter; None if no
        number up to `plans.MANY` would.
    """

    first: Verdict
    fresh: Verdict | None
    both: Verdict | None
    needed: int | None

    @property
    def given(self):
        """The verdict that counts: that of the fresh runs alone; of the first ones where there are no others."""
        return self.fresh or self.first


def reopened(verdicts, first, fresh=None):
    """What became of each part that the first runs left undecided, of those too that were left out.

    Parameters
    ----------
    verdicts : sequence of Verdict
        On the claims and the questions.
    first : dict from Arm to list of Run
        What they stand on.
    fresh : dict from Arm to list of Run, optional
        As `OPEN.runs` gives them; by default there are none yet.

    Returns
    -------
    list of Reopened
        In the order of `verdicts`.
    """
    alone, both = {}, {}
    if fresh is not None:
        alone, both = ({one.part.name: one for one in judge(runs, OPEN.parts)}
                       for runs in (fresh, pooled(first, fresh)))
    found = []
    for verdict in verdicts:
        if verdict.verdict == UNDECIDED:
            name = verdict.part.name
            given, runs = (alone[name], fresh) if name in alone else (verdict, first)
            found.append(Reopened(verdict, alone.get(name), both.get(name), needed_for(given, runs)))
    return found


def needed_for(verdict, runs, parts=OPEN.parts):
    """How many seeds would decide a verdict in four of five tries.

    Parameters
    ----------
    verdict : Verdict
    runs : dict from Arm to list of Run
        What it stands on.
    parts : sequence of Part
        Those over which it is corrected, by Holm's first step.

    Returns
    -------
    int or None
        None if it is decided, no number up to `plans.MANY` would do, or a repetition on other images stands against it.
    """
    if verdict.verdict != UNDECIDED:
        return None
    needed = [seeds_needed(effect.comparison, runs, first_level(parts)) for effect in open_effects(verdict)]
    return None if None in needed else max(needed, default=None)

"""Verdicts: what runs say of the parts of a registration, by its rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlplib import _checks
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED, Effect, effect_of, levels_of_ends
from mlplib.evidence.registrations import EvidenceError, Part
from mlplib.evidence.statistics import LEVEL, holm, holm_levels
from mlplib.inputs import THIRDS

OTHER_REASON = "holds, for another reason"
#: All that a verdict can say.
VERDICTS = (HOLDS, OTHER_REASON, EQUIVALENT, FAILS, UNDECIDED)


@dataclass(frozen=True)
class Verdict:
    """What the runs say of a part of a claim.

    Attributes
    ----------
    part : Part
    verdict : str
        One of `VERDICTS`.
    effect : Effect
        Those of the verdict and of its controls have a `corrected` interval.
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


def judge(runs, parts):
    """Judge parts of claims by their rules; Holm's correction is over them all.

    Parameters
    ----------
    runs : dict from Arm to list of Run
        Seeds in the same order.
    parts : sequence of Part
        Those of a `Registration`.

    Returns
    -------
    list of Verdict

    Raises
    ------
    EvidenceError
        If an arm is missing.
    TypeError
        If an argument is not as described.
    """
    if not isinstance(runs, Mapping):
        raise TypeError(f"runs: expected a dict from arms to runs, got {type(runs).__name__}")
    runs = {arm: _checks.runs(f"runs[{str(arm)!r}]", each) for arm, each in runs.items()}
    parts = _checks.instances("parts", parts, Part)
    comparisons = [comparison for part in parts for comparison in part.comparisons]
    missing = sorted({str(arm) for one in comparisons for arm in one.arms - set(runs)})
    if missing:
        raise EvidenceError(f"no runs of {', '.join(missing)}: `make sweep` trains them")
    effects = {one: _effect_of_arms(one, runs) for one in comparisons}
    sides = [[getattr(effect, side) for effect in effects.values()] for side in ("p_for", "p_against")]
    p_for, p_against = (dict(zip(effects, holm(side))) for side in sides)
    alone = {one: effect.verdict(p_for[one], p_against[one]) for one, effect in effects.items()}
    for one, *levels in zip(list(effects), *map(holm_levels, sides)):
        effects[one] = replace(effects[one], corrected=_corrected(one, runs, alone[one], *levels))
    found = []
    for part in parts:
        comparison = part.comparison
        repeated = tuple(_effect_of_arms(comparison, runs, third) for third in THIRDS[1:]
                         if all(arm.on_third(third) in runs for arm in comparison.arms))
        verdict = alone[comparison]
        said = [_says(control.expected, alone[control.comparison]) for control in part.controls]
        if verdict in (HOLDS, EQUIVALENT) and not all(_agrees(effect) for effect in repeated):
            verdict = UNDECIDED
        elif verdict == HOLDS and "refuted" in said:
            verdict = OTHER_REASON
        elif verdict == HOLDS and "open" in said:
            verdict = UNDECIDED
        controls = tuple((control, effects[control.comparison], word) for control, word in zip(part.controls, said))
        found.append(Verdict(part, verdict, effects[comparison], p_for[comparison], p_against[comparison],
                             controls, repeated))
    return found


def _corrected(comparison, runs, verdict, level_for, level_against):
    """The interval's ends at the levels that the verdict stands on."""
    low, high = levels_of_ends(comparison.direction, verdict, level_for, level_against)
    return _effect_of_arms(comparison, runs, level=low).low, _effect_of_arms(comparison, runs, level=high).high


def _effect_of_arms(comparison, runs, third=0, level=LEVEL):
    def groups(side):
        return [runs[arm.on_third(third) if third else arm] for arm in side] if isinstance(side, tuple) else side

    return effect_of(comparison, groups(comparison.a), groups(comparison.b), level)


def _agrees(effect):
    """Whether a repetition has the sign, or stays within the margin, that a verdict says."""
    claimed = effect.claimed
    return abs(claimed) <= effect.comparison.margin if effect.comparison.direction == "same" else claimed > 0


def _says(expected, verdict):
    confirmed, refuted = (HOLDS, FAILS) if expected == "persists" else (FAILS, HOLDS)
    return {confirmed: "confirmed", refuted: "refuted"}.get(verdict, "open")

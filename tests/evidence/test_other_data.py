"""The claims on other data: the same rules, carried over as the plan says, and what the stored runs give."""

import hashlib
import json
from dataclasses import replace

import pytest

from mlplib import Experiment
from mlplib.evidence import CLAIMS, MEASURES, other_data
from mlplib.evidence.other_data import CARRIED_MEASURES, DIGITS, OTHER_DATA, load_digits
from mlplib.store import key

PAIRS = list(zip(CLAIMS.parts, OTHER_DATA.parts, strict=True))


def sides(comparison):
    return [side for side in (comparison.a, comparison.b) if isinstance(side, tuple)]


@pytest.mark.parametrize("claim, part", PAIRS, ids=[part.name for part in CLAIMS.parts])
def test_each_part_is_that_of_the_claims_on_other_data(claim, part):
    assert (claim.name, claim.text) == (part.name, part.text)
    assert [(one.text, one.expected) for one in claim.controls] == [(one.text, one.expected) for one in part.controls]
    for before, after in zip(claim.comparisons, part.comparisons, strict=True):
        assert (before.direction, before.margin) == (after.direction, after.margin)
        assert after.measure == CARRIED_MEASURES.get(before.measure, before.measure)
        assert MEASURES[after.measure].kind == MEASURES[before.measure].kind
        for mnist, digits in zip(sides(before), sides(after), strict=True):
            assert len(mnist) == len(digits)
            for arm, other in zip(mnist, digits):
                ours = replace(other.network.experiment, data=None, n_train=None, epochs=50)
                assert ours == arm.network.experiment and other.seeds == arm.seeds == tuple(range(100, 120))
                assert other.protocol.rate == arm.protocol.rate and other.protocol.patience == arm.protocol.patience
                assert other.protocol.epochs == 5 * arm.protocol.epochs


def test_what_a_measure_counts_of_50_epochs_is_a_share_of_any_run():
    counted = {name for name, measure in MEASURES.items()
               if any(words in measure.meaning for words in ("epochs 2", "126", "31,250"))}
    assert counted == set(CARRIED_MEASURES)


def test_all_arms_have_the_experiments_that_were_registered():
    """Those without a chosen rate by themselves, the others by what would choose it."""
    keys = [key(one) for arm in OTHER_DATA.arms for one in arm.experiments()] + list(map(key, OTHER_DATA.tuning()))
    assert len(keys) == 30 * 20 + 276
    assert hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16] == "f7d7cae284b5c5d5"


def test_the_plan_is_a_part_of_the_rules():
    assert DIGITS.digest in OTHER_DATA.plan
    assert replace(OTHER_DATA, plan=OTHER_DATA.plan.replace("60 for 12", "50 for 12")).digest != OTHER_DATA.digest
    assert replace(CLAIMS, plan="as planned").digest != CLAIMS.digest == replace(CLAIMS, plan="").digest


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(other_data, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="come with scikit-learn, which is not installed: pip install scikit"):
        load_digits()


def test_the_experiments_know_the_sizes_of_the_digits():
    e = OTHER_DATA.arms[0].experiments()[0]
    assert (e.n_inputs, e.n_classes, e.n_train, e.n_validation, e.steps_per_epoch) == (65, 10, 1000, 797, 31)
    assert e.epochs * e.evaluations_per_epoch == Experiment().epochs * Experiment().evaluations_per_epoch

"""The claims on other data: the same rules, carried over as the plan says, and what the stored runs give."""

import hashlib
import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import jupytext
import pytest
from bs4 import BeautifulSoup

import mlplib
from mlplib import Experiment
from mlplib.evidence import CLAIMS, MEASURES, judge, other_data
from mlplib.evidence.other_data import (
    CARRIED_MEASURES,
    CHANGES,
    CLOSED,
    DIGITS,
    NEW,
    OPENED,
    OPPOSITE,
    OTHER_DATA,
    REST,
    SAME,
    SMALL,
    change_of,
    load_digits,
)
from mlplib.evidence.verdicts import VERDICTS
from mlplib.store import key, packaged

PAGE = Path(__file__).parents[2] / "notebooks" / "13_other_data.ipynb"
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


# ---- the stored runs

#: The verdicts that were given. They change with runs that are trained anew, and with nothing else.
GIVEN = {
    "holds": "C1a C1b C3a C3b C4d C5 C7a C7b C8a C8b C12a C13b C14a C15a",
    "holds, for another reason": "C9",
    "equivalent": "C7c C19b",
    "does not hold": "C1c C1d C2 C4a C4b C8c C10b C12d C12b C13c C14b C16c C17b C18a C18b C19a",
    "undecided": "C4c C6 C7d C10a C11 C12e C12c C12f C13a C13d C13e C14c C14d C14e C14f C15b C16a C16b C17a C17c C19c "
                 "C19d",
}


@pytest.fixture(scope="module")
def runs():
    return OTHER_DATA.runs(packaged("digits"))


@pytest.fixture(scope="module")
def verdicts(runs):
    return judge(runs, OTHER_DATA.parts)


def test_the_verdicts_are_those_that_were_given(verdicts):
    found = {word: " ".join(one.part.name for one in verdicts if one.verdict == word) for word in VERDICTS}
    assert found == GIVEN


def test_each_part_is_judged_by_twenty_seeds_and_by_no_other_images(verdicts):
    assert {one.effect.n for one in verdicts} == {20} and not any(one.replications for one in verdicts)


def test_the_archive_holds_these_runs_and_no_others_and_is_small(runs):
    archive = packaged("digits").stores[1]
    held = {run.experiment: run.versions for run in archive}
    confirming = {run.experiment for each in runs.values() for run in each}
    assert set(held) == confirming | set(OTHER_DATA.tuning()) and len(held) == 600 + 276
    assert {one for one, versions in held.items() if versions.get("digits") == OTHER_DATA.digest} == confirming
    assert archive.path.stat().st_size <= 2e6


def test_the_page_shows_the_verdicts_that_the_runs_give(verdicts):
    """In its table, as it is stored: by claim, each verdict with its parts, those marked that moved."""
    cells = jupytext.read(PAGE).cells
    table, = (output.data["text/html"] for cell in cells if cell.cell_type == "code" and "BesideTable(" in cell.source
              for output in cell.outputs)
    rows = [[cell.get_text(" ", strip=True) for cell in row.select("th, td")]
            for row in BeautifulSoup(table, "html.parser").select("tbody tr")]
    assert [re.search(r"\( ?(C\d+) ?\)", row[0])[1] for row in rows] == [f"C{number}" for number in range(1, 20)]
    of_mnist = judge(CLAIMS.runs(packaged("tuning", "claims")), CLAIMS.parts)
    for column, each, others in ((1, of_mnist, verdicts), (2, verdicts, of_mnist)):
        for number, row in enumerate(rows, start=1):
            parts = {}
            for one, other in zip(each, others):
                if letter := re.fullmatch(rf"C{number}([a-f]?)", one.part.name):
                    moved = "*" * (one.verdict != other.verdict and letter[1] != "")
                    parts.setdefault(one.verdict, set()).add(letter[1] + moved)
            shown = {word.strip(): set((letters or "").split(", ")) for word, letters in re.findall(
                r"■ ([a-z, ]+?)(?: ?: ([a-f*, ]+?))?(?= ■|$)", row[column])}
            assert shown == parts


# ---- what became of a part


def fake(verdict, direction="greater", corrected=(0.01, 0.02), measure="accuracy"):
    comparison = SimpleNamespace(direction=direction, measure=measure)
    return SimpleNamespace(verdict=verdict, effect=SimpleNamespace(comparison=comparison, corrected=corrected))


@pytest.mark.parametrize("before, after, became", [
    (fake("holds"), fake("holds"), SAME), (fake("undecided"), fake("undecided"), SAME),
    (fake("holds"), fake("undecided"), OPENED), (fake("does not hold"), fake("undecided"), OPENED),
    (fake("undecided"), fake("equivalent"), CLOSED), (fake("equivalent"), fake("does not hold"), REST),
    (fake("holds, for another reason"), fake("holds"), REST),
    (fake("holds"), fake("does not hold", corrected=(-0.02, -0.01)), OPPOSITE),
    (fake("holds"), fake("does not hold", corrected=(-0.02, 0.001)), SMALL),
    (fake("holds"), fake("does not hold", corrected=(0.0005, 0.001)), SMALL),
    (fake("holds", "less"), fake("does not hold", "less", (0.5, 0.6)), OPPOSITE),
    (fake("holds", "less"), fake("does not hold", "less", (-0.001, 0.6)), SMALL),
    (fake("holds", "less"), fake("does not hold", "less", (0.996, 1.3), "training loss"), SMALL),
    (fake("holds", "less"), fake("does not hold", "less", (1.2, 1.3), "training loss"), OPPOSITE),
    (fake("holds"), fake("does not hold", "greater", (0.7, 0.9), "steps to 0.1"), OPPOSITE),
    (fake("does not hold", corrected=(-0.005, 0.001)), fake("holds"), NEW),
    (fake("does not hold", corrected=(-0.005, -0.001)), fake("holds"), OPPOSITE),
])
def test_what_became_of_a_part_is_told_by_what_does_not_hold(before, after, became):
    assert change_of(before, after) == became


def test_what_became_of_the_claims_on_the_digits(verdicts):
    """By name, and all others are the same or open on one of both."""
    of_mnist = judge(CLAIMS.runs(packaged("tuning", "claims")), CLAIMS.parts)
    found = {one.part.name: change_of(one, other) for one, other in zip(of_mnist, verdicts)}
    by_change = {change: " ".join(name for name, each in found.items() if each == change) for change in CHANGES}
    assert {change: by_change[change] for change in (OPPOSITE, SMALL, NEW, CLOSED, REST)} == {
        OPPOSITE: "C2 C4a C16c C17b", SMALL: "C1c C4b C12d C14b", NEW: "C15a", CLOSED: "C7b", REST: ""}


@pytest.mark.slow
def test_a_run_that_is_trained_again_is_as_stored(runs):
    if find_spec("sklearn") is None:
        pytest.skip("the digits come with scikit-learn, which `make own-data` installs")
    arm = next(arm for arm in runs if str(arm) == "tricks 111, digits")
    stored = runs[arm][7]
    again = mlplib.run(replace(stored.experiment, data=load_digits()))
    first = stored.history.step[stored.history.step <= 100]
    assert first.tolist() == [0, 25, 50, 75, 100]
    assert again.history.minibatch_loss[first] == pytest.approx(stored.history.minibatch_loss[: len(first)], abs=1e-3)
    spread = [run.final.validation_loss for run in runs[arm]]
    assert min(spread) - 0.02 <= again.final.validation_loss <= max(spread) + 0.02

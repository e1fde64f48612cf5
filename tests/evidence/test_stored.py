"""The runs that the verdicts stand on: complete, made under the rules, and what training gives again."""

from dataclasses import replace

import numpy as np
import pytest

import mlplib
from mlplib import designs, evidence, further
from mlplib.experiments import one_blas_thread, trainer_for
from mlplib.store import packaged

STORE = packaged("tuning", "claims", "questions")
ARMS = evidence.arms(STORE)
ALL_ARMS = ARMS | further.arms(STORE)
# Arms with enough seeds to tell a spread, of runs that take seconds.
SHORT_ENOUGH = [name for name, experiments in ALL_ARMS.items()
                if len(experiments) == 20 and len(experiments[0].hidden) < 10 and experiments[0].hidden[0] <= 128]
DRAWN = [(name, seed) for name, seed in zip(
    np.random.default_rng(2027).choice(SHORT_ENOUGH, 8, replace=False).tolist(),
    np.random.default_rng(2028).choice(designs.CONFIRMING, 8).tolist())]


@pytest.fixture(scope="module")
def runs():
    return {name: [STORE[one] for one in experiments] for name, experiments in ALL_ARMS.items()}


@pytest.fixture(scope="module")
def again():
    """The drawn runs, trained anew."""
    experiments = [next(one for one in ALL_ARMS[name] if one.seed == seed) for name, seed in DRAWN]
    return dict(zip(DRAWN, mlplib.sweep(experiments, progress=False)))


def test_every_part_of_every_claim_has_a_verdict_by_the_present_rules():
    found = evidence.verdicts(evidence.confirming_runs(STORE))
    assert [verdict.part for verdict in found] == list(evidence.RULES)
    assert {verdict.verdict for verdict in found} <= set(evidence.VERDICTS)
    assert all(verdict.effect.n >= 20 for verdict in found)


def test_every_question_beyond_the_claims_has_an_answer_by_the_present_rules():
    runs, found = further.answers(STORE)
    assert [verdict.part for verdict in found] == list(further.QUESTIONS)
    assert {verdict.verdict for verdict in found} <= set(evidence.VERDICTS)
    assert set(runs) == {*ARMS, *further.arms(STORE)}


def test_no_archive_takes_more_than_4_megabytes_and_all_together_at_most_8_and_a_half():
    sizes = [archive.path.stat().st_size for archive in packaged("shown", "tuning", "claims", "questions").stores[1:]]
    assert max(sizes) <= 4e6 and sum(sizes) <= 8.5e6
    assert {path.name for path in STORE.stores[1].path.parent.glob("*.zip")} == {
        "shown.zip", "tuning.zip", "claims.zip", "questions.zip"}


def test_each_archive_holds_the_runs_of_its_name_and_no_others():
    pilot = [one for each in designs.pilot().values() for one in each]
    expected = [{*pilot, *designs.tuning(designs.tunable() | further.tunable())},
                {one for each in ARMS.values() for one in each},
                {one for each in further.arms(STORE).values() for one in each}]
    held = [{run.experiment for run in archive} for archive in STORE.stores[1:]]
    assert held == expected and sum(map(len, held)) == len(set().union(*held)) == 3213


def test_every_run_can_be_read_and_says_what_made_it():
    for run in STORE:
        assert {"mlplib", "numpy", "python", "machine"} <= set(run.versions)
        assert run.experiment in STORE


@pytest.mark.slow
@pytest.mark.parametrize("name, seed", DRAWN)
def test_training_again_starts_out_as_stored(name, seed):
    experiment = next(one for one in ALL_ARMS[name] if one.seed == seed)
    trainer = trainer_for(replace(experiment, epochs=1, dense_steps=0, diagnostics=()))
    with one_blas_thread():
        for progress in trainer:
            if progress.step >= 100:
                break
    history = STORE[experiment].history
    first = history.step[history.step <= 100]
    assert first.tolist() == [0, 25, 50, 75, 100]
    assert trainer.history.minibatch_loss[first] == pytest.approx(history.minibatch_loss[: len(first)], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name, seed", DRAWN)
def test_training_again_ends_within_the_spread_over_seeds(runs, again, name, seed):
    for figure in ("train_loss", "validation_loss", "validation_accuracy"):
        values = np.array([getattr(run.final, figure) for run in runs[name]])
        if figure == "train_loss":
            values = np.log(values)
        # Twice as wide as the seeds lie: another processor may give one more extreme run, but not another network.
        lowest, highest = values.mean() + 2 * (values.min() - values.mean()), values.mean() + 2 * (values.max() - values.mean())
        value = getattr(again[name, seed].final, figure)
        assert lowest <= (np.log(value) if figure == "train_loss" else value) <= highest

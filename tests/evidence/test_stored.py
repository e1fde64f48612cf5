"""The runs that the verdicts stand on: complete, made under the rules, and what training gives again."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mlplib
from mlplib.evidence import CONFIRMING, REGISTRATIONS, WHY, judge
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED
from mlplib.evidence.verdicts import OTHER_REASON, VERDICTS
from mlplib.running import one_blas_thread, trainer_for
from mlplib.store import key, packaged

STORE = packaged("tuning", *(registration.name for registration in REGISTRATIONS))
#: What each registration trained, by its name: experiments by the names of its arms.
TRAINED = {registration.name: {str(arm): each for arm, each in registration.experiments(STORE).items()}
           for registration in REGISTRATIONS}
ALL_ARMS = {name: each for arms in TRAINED.values() for name, each in arms.items()}
# Arms with enough seeds to tell a spread, of runs that take seconds.
SHORT_ENOUGH = [name for registration in ("claims", "questions") for name, experiments in TRAINED[registration].items()
                if len(experiments) == 20 and len(experiments[0].hidden) < 10 and experiments[0].hidden[0] <= 128]
DRAWN = [(name, seed) for name, seed in zip(
    np.random.default_rng(2027).choice(SHORT_ENOUGH, 8, replace=False).tolist(),
    np.random.default_rng(2028).choice(CONFIRMING, 8).tolist())]

#: The verdicts that were given, by registration. They change with runs that are trained anew, and with nothing else.
GIVEN = {
    "claims": {
        HOLDS: "C1a C1b C1c C2 C3a C3b C4a C4b C4c C4d C5 C7a C8a C8b C12a C12d C12e C13a C13b C13d C13e C14a C14b "
               "C14c C14d C14e C14f C16c C17a C17b",
        OTHER_REASON: "C6 C9 C12c",
        EQUIVALENT: "C7c C10a C19b",
        FAILS: "C1d C7d C8c C10b C12b C13c C15a C15b C16a C16b C18a C18b C19a C19d",
        UNDECIDED: "C7b C11 C12f C17c C19c",
    },
    "questions": {
        HOLDS: "SI1a SI1b SO1a SO1b SO2a SO3a SO3b SO4a SO4b SC2a D1e D4c W1a W1b W1c W1d W1e W3a W3b I4a O1b O2b I3b "
               "I4b",
        EQUIVALENT: "M1a M2a M1b M2b D2a B1a B2a B1b B2b",
        FAILS: "M3a M4a M3b M4b M1c M2c M3c M4c SI2a SI2b SI3a SI3b SI4a SI4b SO2b SC1a SC1b SC2b SC3b SC4a SC4b D1a "
               "D1c D2b D3a D4a W1f W1g W2 W4a W4b Pa O1a O2a I1a I3a I2a I1b I2b",
        UNDECIDED: "SC3a D1b D1d D2c D2d D2e D3b D4b Pb Pc",
    },
    "open": {  # on fresh seeds alone
        HOLDS: "D3b",
        OTHER_REASON: "C12f",
        EQUIVALENT: "C19c D2c D2d",
        FAILS: "C7b C11 C17c D1d D4b Pb Pc",
        UNDECIDED: "D1b",
    },
    "mechanisms": {
        HOLDS: "XM1 XM2 XM3 XU1 XU5 XU6 XF1 XF3 XF4",
        EQUIVALENT: "XU2 XU3",
        FAILS: "XF2",
        UNDECIDED: "XW1 XU4",
    },
}

each_registration = pytest.mark.parametrize("registration", REGISTRATIONS, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def runs():
    return {name: [STORE[one] for one in experiments] for name, experiments in ALL_ARMS.items()}


@pytest.fixture(scope="module")
def again(length):
    """The drawn runs, trained anew; the first of them in `make test`."""
    drawn = DRAWN[: length(1, len(DRAWN))]
    experiments = [next(one for one in ALL_ARMS[name] if one.seed == seed) for name, seed in drawn]
    return dict(zip(drawn, mlplib.sweep(experiments, progress=False)))


@pytest.fixture(scope="module")
def verdicts():
    return {registration.name: judge(registration.runs(STORE), registration.parts) for registration in REGISTRATIONS}


def test_every_registration_has_its_verdicts():
    assert [one.name for one in REGISTRATIONS] == list(GIVEN)


@each_registration
def test_every_part_has_a_verdict_by_the_present_rules(registration, verdicts):
    trained = {arm: arm for one in (*registration.after, registration) for arm in one.arms}
    found = verdicts[registration.name]
    assert [verdict.part for verdict in found] == list(registration.parts)
    assert {verdict.verdict for verdict in found} <= set(VERDICTS)
    assert [verdict.effect.n for verdict in found] == [
        len(trained[part.comparison.a[0]].seeds) for part in registration.parts]
    assert set(registration.runs(STORE)) == set(trained)


@pytest.mark.parametrize("name", GIVEN)
def test_the_verdicts_are_those_that_were_given(name, verdicts):
    found = {word: [verdict.part.name for verdict in verdicts[name] if verdict.verdict == word] for word in GIVEN[name]}
    assert found == {word: names.split() for word, names in GIVEN[name].items()}
    assert sum(map(len, found.values())) == len(verdicts[name])


def test_no_archive_takes_more_than_4_megabytes_and_all_together_at_most_10_and_a_half_and_3_for_what_asks_why():
    archives = packaged("shown", "digits").stores[1:] + STORE.stores[1:]
    sizes = {archive.path.stem: archive.path.stat().st_size for archive in archives}
    asking = sum(sizes[one.name] for one in WHY)
    before = {one for registration in REGISTRATIONS if registration not in WHY for one in registration.tuning()}
    chosen_by = {key(one) for registration in WHY for one in registration.tuning() if one not in before}
    with zipfile.ZipFile(STORE.stores[1].path) as tuning:
        asking += sum(entry.compress_size for entry in tuning.infolist() if Path(entry.filename).stem in chosen_by)
    assert max(sizes.values()) <= 4e6 and sum(sizes.values()) - asking <= 10.5e6 and asking <= 3e6
    assert sizes["open"] <= 1.2e6 and sizes["mechanisms"] <= 0.8e6  # by their plans
    assert set(archives[0].path.parent.glob("*.zip")) == {archive.path for archive in archives}


def test_each_archive_holds_the_runs_of_its_name_and_no_others():
    expected = [{one for registration in REGISTRATIONS for one in registration.tuning()}]
    expected += [{one for each in arms.values() for one in each} for arms in TRAINED.values()]
    held = [{run.experiment for run in archive} for archive in STORE.stores[1:]]
    assert held == expected and sum(map(len, held)) == len(set().union(*held)) >= 3213


@pytest.mark.parametrize("archive", STORE.stores[1:], ids=lambda archive: archive.path.stem)
def test_every_run_can_be_read_and_says_what_made_it(archive):
    """Its versions, and the rules of its registration; what learning rates are chosen by was made under none."""
    marks = next((registration.marks for registration in REGISTRATIONS if registration.name == archive.path.stem), {})
    for run in archive:
        assert set(run.versions) == {"mlplib", "numpy", "python", "machine", *marks}
        assert marks.items() <= run.versions.items()
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
    if (name, seed) not in again:
        pytest.skip("a part of `make test-whole`")
    for figure in ("train_loss", "validation_loss", "validation_accuracy"):
        values = np.array([getattr(run.final, figure) for run in runs[name]])
        if figure == "train_loss":
            values = np.log(values)
        # Twice as wide as the seeds lie: another processor may give one more extreme run, but not another network.
        middle = values.mean()
        lowest, highest = middle + 2 * (values.min() - middle), middle + 2 * (values.max() - middle)
        value = getattr(again[name, seed].final, figure)
        assert lowest <= (np.log(value) if figure == "train_loss" else value) <= highest

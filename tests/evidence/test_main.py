"""What `make sweep` does: in small, and in a folder of its own; and that nothing in the package is left to train."""

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

import mlplib
from mlplib import REPORT, DataSet, evidence, sweeps
from mlplib.evidence import (
    FEW,
    Comparison,
    EvidenceError,
    Network,
    Part,
    Protocol,
    Registration,
    arms,
    rates,
    statistics,
)
from mlplib.evidence import __main__ as make_sweep
from mlplib.store import Archive, Store, StoreChain, key, write_archive

TINY = {"hidden": (4,), "n_train": 64, "epochs": 1, "evaluations_per_epoch": 1}
SHOWN = [replace(REPORT[task].experiment, **TINY) for task in ("2c", "3a")]
PLAIN, FAN_IN = (Network(name, experiment) for name, experiment in zip(("plain", "fan-in"), SHOWN))
SEEDS = (100, 101)


def judged_on(half, suffix="", rate=None):
    return Protocol(suffix, rate, 1, None, 1, 0, (half,), (half,))


def two_arms(network):
    protocols = judged_on("half_1"), judged_on("half_2", ", tuned", "best")
    return tuple(network.under(protocol, seeds=SEEDS) for protocol in protocols)


#: The claims in small: two arms at the report's rates, one at its best rate, one at its fastest.
CLAIMS = Registration("claims", "2026-12-01", (), (
    PLAIN.under(judged_on("half_1"), seeds=SEEDS), *two_arms(FAN_IN),
    FAN_IN.under(judged_on("validation", ", fastest", "fastest"), seeds=SEEDS)), mark="rules", command="make sweep")
CONFIRMED = [one for arm in (CLAIMS.arms[0], CLAIMS.arms[1]) for one in arm.experiments()]
#: The questions in small: two arms, the second at a rate that is chosen for it.
QUESTIONS = Registration("questions", "2026-12-24", (), two_arms(FAN_IN.varied("offset", offset=-0.5)), after=(CLAIMS,))
#: What is asked why in small: an arm of which only the ends of its curves are kept, and one that shares a run with it.
_TWICE = replace(judged_on("half_1"), evaluations_per_epoch=2)
_CURVES, _ENDS = (PLAIN.under(replace(_TWICE, suffix=suffix), seeds=seeds)
                  for suffix, seeds in ((", with curves", (200,)), (", three seeds", (200, 201, 202))))
WHY = Registration("why", "2026-12-25", (), (_CURVES, _ENDS), command="make sweep-why", brief=(_ENDS,))


@pytest.fixture
def trained(monkeypatch):
    """A list to which every experiment comes that a sweep trains."""
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(sweeps, "estimate", lambda experiments: [1.0] * len(experiments))
    found, real = [], sweeps.run
    monkeypatch.setattr(sweeps, "run", lambda experiment: found.append(experiment) or real(experiment))
    with joblib.parallel_config("sequential"):
        yield found


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """What takes the place of `packaged`: archives in a folder of their own."""
    def packaged(*names):
        return StoreChain(Store(tmp_path / "under_way"), *(Archive(tmp_path / f"{name}.zip") for name in names))

    monkeypatch.setattr(make_sweep, "packaged", packaged)
    return packaged


@pytest.fixture
def evidence_runs(stores):
    return stores("tuning", "claims", "questions")


def take_out(experiment, archive):
    with zipfile.ZipFile(archive.path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    del entries[f"{key(experiment)}.npz"]
    write_archive(archive.path, entries)


@pytest.fixture
def small_sweep(stores, monkeypatch, trained):
    """A function that does what `make sweep` does, in small, and gives what it trained."""
    monkeypatch.setattr(make_sweep, "CLAIMS", CLAIMS)
    monkeypatch.setattr(evidence, "REGISTRATIONS", (CLAIMS, QUESTIONS, WHY))
    monkeypatch.setattr(evidence, "WHY", (WHY,))
    monkeypatch.setattr(make_sweep, "take_looks", lambda: trained.append("looks"))
    monkeypatch.setattr(make_sweep, "take_spectra", lambda: trained.append("spectra"))
    monkeypatch.setattr(make_sweep, "shown_experiments", lambda: SHOWN)
    monkeypatch.setattr(make_sweep, "REPORT", {task: replace(REPORT[task], experiment=SHOWN[0]) for task in REPORT})
    monkeypatch.setattr(make_sweep, "estimate", lambda experiments: [3600.0] * len(experiments))
    monkeypatch.setattr(rates, "EFFECTIVE_STEPS", (0.1, 0.2))
    monkeypatch.setattr(arms, "TUNING", (50, 51))
    monkeypatch.setattr(arms, "FOR_TUNING", replace(arms.FOR_TUNING, epochs=1))

    def swept(work=make_sweep.core):
        trained.clear()
        work()
        return list(trained)

    return swept


def experiments(registration, store):
    return [one for each in registration.experiments(store).values() for one in each]


def test_make_sweep_chooses_learning_rates_and_then_trains_the_arms_at_them(stores, evidence_runs, small_sweep, capsys):
    trained = small_sweep()
    tuning, confirming = CLAIMS.tuning(), experiments(CLAIMS, evidence_runs)
    under_way, *archives = stores("tuning", "claims", "questions", "shown").stores
    held = [{run.experiment for run in archive} for archive in archives]
    assert held == [set(tuning), set(confirming), set(), set(SHOWN)]
    assert len(tuning) == 4 and len(under_way) == 0
    assert len(confirming) == len(set(confirming)) == 8
    assert set(trained[:4]) == set(tuning) and set(trained[4:12]) == set(confirming) and set(trained[12:]) == set(SHOWN)
    in_turns = make_sweep._in_turns(CLAIMS)
    assert set(in_turns) == set(confirming) and [one.seed for one in in_turns] == sorted(one.seed for one in confirming)
    assert {one.epochs for one in trained} == {1}
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "tuning, what learning rates of the claims are chosen by: of 4 runs 0 are stored"
    assert said[2] == "claims, what the verdicts stand on: of 8 runs 0 are stored"
    assert said[4] == "shown, what the explorers show: of 2 runs 0 are stored"
    assert said[5].startswith("  2 runs, 0.0 MB, ")


def test_make_sweep_trains_only_what_is_missing_and_nothing_the_second_time(stores, small_sweep, capsys):
    small_sweep()
    archives = stores("tuning", "claims", "shown").stores[1:]
    missing = [CLAIMS.tuning()[0], CONFIRMED[2], SHOWN[1]]
    for archive, experiment in zip(archives, missing):
        take_out(experiment, archive)
    assert small_sweep() == missing
    capsys.readouterr()
    for archive in archives:
        os.utime(archive.path, ns=(10**18, 10**18))
    assert small_sweep() == []
    assert [archive.path.stat().st_mtime_ns for archive in archives] == [10**18] * 3
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()[::2]] == [
        "of 4 runs 4 are stored", "of 8 runs 8 are stored", "of 2 runs 2 are stored"]


def test_make_sweep_marks_confirming_runs_with_the_rules_and_no_others(stores, evidence_runs, small_sweep):
    small_sweep()
    marked = {run.experiment: run.versions.get("rules") for run in evidence_runs}
    assert {experiment for experiment, rules in marked.items() if rules} == set(experiments(CLAIMS, evidence_runs))
    assert set(marked.values()) == {CLAIMS.digest, None}
    assert set(map(str, CLAIMS.runs(evidence_runs))) == {"plain", "fan-in", "fan-in, tuned", "fan-in, fastest"}
    assert all("rules" not in run.versions for run in stores("shown"))


def test_make_sweep_keeps_the_weights_that_chapters_need_and_no_others(stores, evidence_runs, small_sweep):
    runs = stores("shown")
    runs.save(mlplib.run(SHOWN[0]))  # without its weights: it has to be trained again
    assert SHOWN[0] in small_sweep()
    assert runs[SHOWN[0]].model is not None and runs[SHOWN[1]].model is None
    assert all(run.model is None for run in evidence_runs)


def test_make_sweep_trains_again_what_was_made_under_other_rules_and_nothing_else(
        evidence_runs, small_sweep, monkeypatch, capsys):
    small_sweep()
    monkeypatch.setattr(statistics, "LEVEL", 0.05)
    with pytest.raises(EvidenceError, match=r"^not made under the present rules"):
        CLAIMS.runs(evidence_runs)
    capsys.readouterr()
    assert sorted(map(repr, small_sweep())) == sorted(map(repr, experiments(CLAIMS, evidence_runs)))
    assert capsys.readouterr().out.splitlines()[2] == (
        "claims, what the verdicts stand on: of 8 runs 8 are stored, 8 of them made under other rules: trained again")
    CLAIMS.runs(evidence_runs)
    assert small_sweep() == []


def test_make_sweep_full_trains_what_the_verdicts_need_first_and_then_what_goes_further(
        evidence_runs, small_sweep, capsys):
    trained = small_sweep(make_sweep.full)
    tuning, further = QUESTIONS.tuning(), experiments(QUESTIONS, evidence_runs)
    assert trained[12:14] == SHOWN and len(trained) == 14 + 4 + 4
    assert set(trained[14:18]) == set(tuning)
    assert set(trained[18:]) == set(further) and len(QUESTIONS.experiments(evidence_runs)) == 2
    said = "The runs of 'questions' take up to 6.0 hours of one processor, less where they stop early, and then a"
    assert said in capsys.readouterr().out  # four and two runs
    marks = {one: evidence_runs[one].versions for one in trained[14:]}
    assert {one for one in marks if marks[one].get("questions") == QUESTIONS.digest} == set(trained[18:])
    assert not any("rules" in found for found in marks.values())
    assert [len(archive) for archive in evidence_runs.stores] == [0, 4 + 4, 8, 4]
    assert small_sweep(make_sweep.full) == []
    said = "The runs of 'questions' take up to 0.0 hours of one processor, less where they stop early.\n"
    assert said in capsys.readouterr().out


def test_a_registration_that_is_made_later_is_trained_into_an_archive_of_its_own(stores, small_sweep, monkeypatch):
    """What was there before is not trained again, and its runs stay as they are."""
    small_sweep(make_sweep.full)
    before = [archive.path.read_bytes() for archive in stores("claims", "questions", "shown").stores[1:]]
    comparison = Comparison("training loss", (CLAIMS.arms[0].on_third(1),), (CLAIMS.arms[0],), "same", 0.1)
    later = Registration("later", "2027-01-01", (Part("L1", "the same on another third", comparison),),
                         (CLAIMS.arms[0].on_third(1),), after=(CLAIMS, QUESTIONS))
    monkeypatch.setattr(evidence, "REGISTRATIONS", (*evidence.REGISTRATIONS, later))
    assert [(one.third, one.seed) for one in small_sweep(make_sweep.full)] == [(1, seed) for seed in FEW]
    assert {run.versions["later"] for run in stores("later").stores[1]} == {later.digest}
    assert [archive.path.read_bytes() for archive in stores("claims", "questions", "shown").stores[1:]] == before
    assert len(later.runs(stores("tuning", "claims", "questions", "later"))) == 4 + 2 + 1


def test_make_sweep_why_says_its_cost_and_trains_what_is_asked_once_the_verdicts_are_known(
        stores, small_sweep, capsys):
    """No other target does. An experiment of two arms is trained once, and has its curves if one of them needs them."""
    assert not {one.seed for one in small_sweep(make_sweep.full)} & {200, 201, 202}
    capsys.readouterr()
    *trained, looks, spectra = small_sweep(make_sweep.why)
    assert [one.seed for one in trained] == [200, 201, 202] and (looks, spectra) == ("looks", "spectra")
    assert capsys.readouterr().out.splitlines()[0] == (
        "The runs of 'why' take up to 3.0 hours of one processor, less where they stop early.")
    archive = stores("why").stores[1]
    runs = WHY.runs(archive)
    evaluations = {run.experiment.seed: len(run.history.evaluation_step) for run in archive}
    assert evaluations == {200: 2, 201: 1, 202: 1}
    assert {run.history.n_steps for run in archive} == {2} and [len(runs[arm]) for arm in WHY.arms] == [1, 3]
    assert {run.versions["why"] for run in archive} == {WHY.digest}
    assert small_sweep(make_sweep.why) == ["looks", "spectra"]


def test_make_own_data_trains_the_claims_on_other_data_into_one_archive(stores, small_sweep, monkeypatch):
    """What chooses learning rates too: no other page reads it. The samples are at hand, the rules know their digest."""
    rng = np.random.default_rng(0)
    pair = rng.normal(size=(64, 3)), np.arange(64) % 2
    data = DataSet("blobs", pair, pair)
    known = DataSet.described(**data.description)
    arms = tuple(Network(arm.network.name, replace(arm.network.experiment, data=known)).under(arm.protocol, seeds=SEEDS)
                 for arm in CLAIMS.arms)
    monkeypatch.setattr(make_sweep, "OTHER_DATA", Registration("other", "2027-01-01", (), arms))
    monkeypatch.setattr(make_sweep, "load_digits", lambda: data)
    trained = small_sweep(make_sweep.other_data)
    assert {one.data.name for one in trained} == {"blobs"} and all(one.data.train for one in trained)
    registration, archive = make_sweep.OTHER_DATA, stores("other").stores[1]
    assert {run.experiment for run in archive} == set(trained) == {*registration.tuning(), *experiments(
        registration, archive)}
    assert len(registration.runs(archive)) == 4 and len(stores("tuning")) == 0
    assert small_sweep(make_sweep.other_data) == []


# ---- one archive


@pytest.fixture
def fill(stores):
    """`make_sweep.fill`, for one archive."""
    return lambda what, experiments, **options: make_sweep.fill("some", what, experiments, **options)


def test_runs_with_other_marks_or_none_are_trained_again_and_all_others_are_kept(stores, fill, trained, capsys):
    store, (one, other, third) = stores("some").stores[1], CONFIRMED[:3]
    fill("at first", [one])
    fill("at first", [other, other], marks={"rules": "old", "of": "tests"})
    fill("at first", [third], marks={"rules": "new", "of": "tests"})
    assert trained == [one, other, third]
    assert capsys.readouterr().out.splitlines()[2] == "some, at first: of 1 run 0 are stored"  # twice the same
    before = store[third].seconds, store[third].versions
    trained.clear()
    fill("then", [one, other, third], marks={"rules": "new"})
    assert set(trained) == {one, other} and (store[third].seconds, store[third].versions) == before
    assert {store[each].versions["rules"] for each in (one, other, third)} == {"new"}
    assert capsys.readouterr().out.splitlines()[0] == (
        "some, then: of 3 runs 3 are stored, 2 of them made under other rules: trained again")
    trained.clear()
    fill("then", [one, other, third], marks={"rules": "new"})
    fill("whatever made them", [one, other, third])
    assert trained == []
    assert store[one].versions["rules"] == "new"


def test_what_a_store_holds_besides_is_left_alone(stores, fill, trained):
    fill("at first", CONFIRMED[:2], marks={"rules": "old"})
    fill("then", CONFIRMED[:1], marks={"rules": "new"})
    assert [stores("some")[one].versions["rules"] for one in CONFIRMED[:2]] == ["new", "old"]


def test_no_run_is_removed_before_it_was_trained_again(stores, fill, trained, monkeypatch):
    fill("at first", CONFIRMED[:2], marks={"rules": "old"})

    def stop(experiment):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "attempt", stop)
        with pytest.raises(KeyboardInterrupt):
            fill("then", CONFIRMED[:2], marks={"rules": "new"})
    assert [stores("some")[one].versions["rules"] for one in CONFIRMED[:2]] == ["old", "old"]


def test_nothing_is_moved_where_no_store_is_written(stores, fill, trained, monkeypatch):
    """MLPLIB_RETRAIN=1 makes a sweep neither read nor write its store."""
    fill("at first", CONFIRMED[:1], marks={"rules": "old"})
    stores("some").save(stores("some")[CONFIRMED[0]], marks={"rules": "under way"})
    monkeypatch.setenv("MLPLIB_RETRAIN", "1")
    fill("then", CONFIRMED[:1], marks={"rules": "new"})
    assert [store[CONFIRMED[0]].versions["rules"] for store in stores("some").stores] == ["under way", "old"]


# ---- the command


def test_make_sweep_says_what_it_does_without_doing_it():
    said = subprocess.run([sys.executable, "-m", "mlplib.evidence", "--help"], text=True, capture_output=True,
                          check=True, cwd=Path(mlplib.__file__).parents[1], timeout=600)
    assert said.stdout.startswith("usage: python -m mlplib.evidence [-h] [--full] [--why] [--own-data]")
    assert not said.stderr
    words = " ".join(said.stdout.split())
    for work in (make_sweep.core, make_sweep.full, make_sweep.why, make_sweep.other_data):
        assert " ".join(work.__doc__.split()) in words


def test_the_archives_in_the_package_lack_nothing_and_stay_as_they_are(monkeypatch, capsys):
    def lacking(experiment):
        pytest.fail(f"the archives lack {experiment}: `make sweep-full` trains it")

    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    monkeypatch.setattr(sweeps, "attempt", lacking)
    folder = Path(mlplib.__file__).with_name("archives")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}
    # What is to be trained is named in `tests/evidence/test_stored.py` until its archive is there.
    stored = [one for one in evidence.WHY if (folder / f"{one.name}.zip").exists()]
    monkeypatch.setattr(evidence, "WHY", stored)
    monkeypatch.setattr(evidence, "REGISTRATIONS", [
        one for one in evidence.REGISTRATIONS if one.command != "make sweep-why" or one in stored])
    monkeypatch.setattr(make_sweep, "take_looks", lambda: None)  # whether they are complete is said in test_why.py
    monkeypatch.setattr(make_sweep, "take_spectra", lambda: None)  # and in test_spectra.py
    with joblib.parallel_config("sequential"):
        make_sweep.full()
        make_sweep.why()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()} == before
    said = [line for line in capsys.readouterr().out.splitlines() if " are stored" in line]
    assert len(said) == 1 + 2 * len(evidence.REGISTRATIONS)  # of each registration what chooses and what is judged
    assert all(re.search(r": of ([\d,]+) runs \1 are stored$", line) for line in said)

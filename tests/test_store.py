"""Runs on disk: what is kept, that nothing damaged is ever used, and that no process can spoil another's entries."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import mlplib
from mlplib import DivergenceWarning, Experiment, store, sweeps
from mlplib.catalogue import shown_experiments
from mlplib.store import Store, StoreError, StoreWarning, key

EXPERIMENT = Experiment(hidden=(8,), n_train=320, epochs=6, seed=1)
OTHER = replace(EXPERIMENT, seed=2)
ROUNDING = 1.01 * 2.0 ** -16  # of numbers with 16 binary digits; and float32's before
CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


@pytest.fixture(autouse=True)
def stores_are_used(monkeypatch):
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)


@pytest.fixture(scope="module")
def run():
    return mlplib.run(EXPERIMENT)


@pytest.fixture
def shelf(tmp_path, run):
    """A store of one run."""
    filled = Store(tmp_path / "runs")
    filled.save(run)
    return filled


# ---- round trip


def test_what_says_how_a_run_ended_comes_back_exactly(shelf, run):
    stored = shelf[EXPERIMENT]
    for name in ("experiment", "stopped_epoch", "diverged", "interrupted", "message", "final", "best", "gradient_rms"):
        assert getattr(stored, name) == getattr(run, name)
    assert stored.seconds == pytest.approx(run.seconds, abs=1e-3)
    assert stored.history.n_steps == run.history.n_steps == 60


@pytest.mark.parametrize("name", CURVES)
def test_losses_come_back_rounded_and_accuracies_exactly(shelf, run, name):
    curve, of_run = getattr(shelf[EXPERIMENT].history, name), getattr(run.history, name)
    assert curve.dtype == np.float64
    assert curve == pytest.approx(of_run, abs=0, rel=0 if name.endswith("accuracy") else ROUNDING)


def test_of_the_minibatch_losses_every_25th_and_the_last_come_back(shelf, run):
    history = shelf[EXPERIMENT].history
    assert history.step.tolist() == [0, 25, 50, 59]
    assert history.minibatch_loss == pytest.approx(run.history.minibatch_loss[[0, 25, 50, 59]], abs=0, rel=ROUNDING)
    assert np.array_equal(history.evaluation_step, run.history.evaluation_step)
    assert {array.dtype for array in (history.step, history.evaluation_step)} == {np.dtype(np.int64)}


def test_weights_come_back_exactly_if_asked_for(shelf):
    deep = mlplib.run(Experiment(hidden=(3,) * 11, n_train=32, epochs=1).with_tricks(True, True, True))
    shelf.save(deep, weights=True)
    model = shelf[deep.experiment].model
    assert all(map(np.array_equal, model.weights, deep.model.weights)) and len(model.weights) == 12
    assert model.forward(np.ones((1, 785), np.float32)) == pytest.approx(deep.model.forward(np.ones((1, 785))))


def test_no_weights_unless_asked_for(shelf):
    assert shelf[EXPERIMENT].model is None
    with pytest.raises(ValueError, match="^weights: expected a run with its model"):
        shelf.save(shelf[EXPERIMENT], weights=True)


def test_a_run_says_which_versions_made_it(shelf, run):
    versions = shelf[EXPERIMENT].versions
    assert versions["numpy"] == np.__version__ and set(versions) == {"mlplib", "numpy", "python", "machine"}
    older = replace(shelf[EXPERIMENT], versions=versions | {"numpy": "2.0.0"})
    shelf.save(older)
    assert shelf[EXPERIMENT].versions["numpy"] == "2.0.0"


def test_marks_come_back_among_the_versions_and_stay_when_a_run_is_saved_again(shelf, run):
    shelf.save(run, marks={"rules": "0123456789abcdef"})
    versions = shelf[EXPERIMENT].versions
    assert versions["rules"] == "0123456789abcdef" and versions["numpy"] == np.__version__
    assert set(versions) == {"mlplib", "numpy", "python", "machine", "rules"}
    shelf.save(shelf[EXPERIMENT])
    assert shelf[EXPERIMENT].versions == versions
    shelf.save(shelf[EXPERIMENT], marks={"rules": "fedcba9876543210"})
    assert shelf[EXPERIMENT].versions == versions | {"rules": "fedcba9876543210"}


def test_a_diverged_run_comes_back_as_one(shelf):
    with pytest.warns(DivergenceWarning), np.errstate(all="ignore"):
        diverged = mlplib.run(replace(EXPERIMENT, learning_rate=1e30))
    shelf.save(diverged)
    stored = shelf[diverged.experiment]
    assert stored.diverged and stored.message == diverged.message
    np.testing.assert_equal(stored.final, diverged.final)
    assert stored.history.minibatch_loss[-1] == pytest.approx(
        np.float32(diverged.history.minibatch_loss[-1]), abs=0, rel=ROUNDING, nan_ok=True)


def test_a_store_is_a_collection(shelf, run):
    shelf.save(replace(run, experiment=OTHER))
    assert len(shelf) == 2 and EXPERIMENT in shelf and replace(OTHER, seed=3) not in shelf
    assert {stored.experiment for stored in shelf} == {EXPERIMENT, OTHER}
    assert sorted(path.suffix for path in shelf.folder.iterdir()) == [".npz", ".npz"]
    with pytest.raises(KeyError, match="no run of .*seed=3"):
        shelf[replace(OTHER, seed=3)]


def test_a_store_that_does_not_exist_is_empty(tmp_path):
    missing = Store(tmp_path / "missing")
    assert list(missing) == [] and len(missing) == 0 and missing.get(EXPERIMENT) is None
    assert not missing.folder.exists()


# ---- keys


def test_a_key_stays_what_it_was():
    """Another key would orphan every run that was ever stored."""
    assert key(Experiment()) == "44136fa355b3678a1146ad16"
    assert key(Experiment((64, 64), "fan_in", "improved_sigmoid", 0.9, seed=3)) == "d07d2799629490a1cf100ef3"


def test_a_new_field_leaves_the_keys_of_old_runs_alone(monkeypatch):
    @dataclass(frozen=True)
    class Later(Experiment):
        weight_decay: float = 0.0

    before = key(OTHER)
    monkeypatch.setattr(store, "_DEFAULTS", asdict(Later()))
    assert key(Later(**asdict(OTHER))) == before
    assert key(Later(**asdict(OTHER), weight_decay=0.1)) != before


def test_equal_experiments_have_one_key():
    assert key(Experiment(hidden=[32], learning_rate=1, seed=np.int64(1))) == key(
        Experiment(hidden=(32,), learning_rate=1.0, seed=1))


def test_different_experiments_have_different_keys():
    experiments = shown_experiments() + [Experiment(learning_rate=0.1), Experiment(patience=None), EXPERIMENT]
    assert len(set(map(key, experiments))) == len(experiments)


# ---- entries that cannot be used


def rewrite(path, **changed):
    """The entry with other facts about itself."""
    with np.load(path) as entry:
        arrays = dict(entry)
    about = json.loads(arrays["about"].tobytes()) | changed
    np.savez_compressed(path, **arrays | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)})


def bare_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def written(content):
    return lambda path: path.write_bytes(content)


SPOILERS = {
    "empty": (written(b""), "damaged"),
    "no archive": (written(b"not a run at all"), "damaged"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged"),
    "a bare array": (bare_array, "damaged"),
    "no experiment": (lambda path: np.savez(path, step=np.ones(3)), "damaged"),
    "another format": (lambda path: rewrite(path, format=1), "expected format 2, found 1"),
    "an unknown field": (lambda path: rewrite(path, experiment={"dropout": 0.5}), "unknown fields, dropout"),
    "an impossible experiment": (lambda path: rewrite(path, experiment={"seed": -1}), "damaged"),
    "another experiment": (lambda path: rewrite(path, experiment={"seed": 7}), "expected a run of .*seed=7"),
    "too few numbers": (lambda path: rewrite(path, shapes={"step": [3], "minibatch_loss": [2]}), "damaged"),
    "too few figures": (lambda path: rewrite(path, final=[1.0]), "damaged"),
}
each_spoiler = pytest.mark.parametrize("spoil, said", SPOILERS.values(), ids=SPOILERS)


@each_spoiler
def test_what_cannot_be_used_is_named(shelf, spoil, said):
    spoil(shelf.path(EXPERIMENT))
    with pytest.raises(StoreError, match=f"{key(EXPERIMENT)}.npz: .*{said}"):
        shelf[EXPERIMENT]


@each_spoiler
def test_a_sweep_says_so_and_trains_it_again(shelf, run, spoil, said):
    spoil(shelf.path(EXPERIMENT))
    with pytest.warns(StoreWarning, match=f"not used: .*{key(EXPERIMENT)}.npz: .*{said}"):
        (again,) = mlplib.sweep([EXPERIMENT], shelf, n_jobs=1, progress=False)
    assert again.final == run.final and again.versions is None
    assert shelf[EXPERIMENT].final == run.final


def test_no_single_damaged_byte_changes_a_run_unnoticed(shelf):
    path, intact = shelf.path(EXPERIMENT), shelf[EXPERIMENT]
    content = path.read_bytes()
    noticed = 0
    for position in range(0, len(content), 3):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            found = shelf[EXPERIMENT]
        except StoreError:
            noticed += 1
        else:
            assert (found.final, found.best, found.versions) == (intact.final, intact.best, intact.versions)
            assert all(map(np.array_equal, vars(found.history).values(), vars(intact.history).values()))
    assert noticed > len(content) / 3 / 2


# ---- processes

WRITER = """
import sys, itertools
from dataclasses import replace
from mlplib.store import Store
store = Store(sys.argv[1])
run = next(iter(Store(sys.argv[2])))
print("ready", flush=True)
for seed in itertools.islice(itertools.cycle(map(int, sys.argv[3].split(","))), int(sys.argv[4])):
    store.save(replace(run, experiment=replace(run.experiment, seed=seed)), weights=True)
"""


@pytest.fixture
def writer(tmp_path, run):
    """A function that starts a process which saves runs with such seeds, so many times, and waits until it begins."""
    Store(tmp_path / "one").save(run, weights=True)
    started = []

    def start(folder, seeds, times):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, folder, tmp_path / "one", ",".join(map(str, seeds)), str(times)],
            stdout=subprocess.PIPE, text=True, cwd=Path(mlplib.__file__).parents[1])
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_no_half_entry(tmp_path, writer):
    half_written = 0
    for attempt in range(6):
        process = writer(tmp_path / "runs", [1, 2, 3], 10**6)
        time.sleep(0.05 + 0.013 * attempt)
        process.kill()
        process.wait()
        half_written += any((tmp_path / "runs").glob("*.part"))
        for stored in Store(tmp_path / "runs"):
            assert stored.history.n_steps == 60 and len(stored.model.weights) == 2
    assert half_written, "no process was killed while it was saving: this test has shown nothing"


@pytest.mark.slow
def test_two_processes_that_save_at_once_lose_nothing(tmp_path, writer):
    seeds = [range(0, 12), range(8, 20)]
    processes = [writer(tmp_path / "runs", each, 3 * len(each)) for each in seeds]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert {stored.experiment.seed for stored in Store(tmp_path / "runs")} == set(range(20))
    assert not list((tmp_path / "runs").glob("*.part"))


# ---- sweeps with a store


@pytest.fixture
def trained(monkeypatch):
    """The experiments that `sweep` trained, in one process; a list to look at."""
    experiments, real = [], sweeps.run

    def noted(experiment):
        experiments.append(experiment)
        return real(experiment)

    monkeypatch.setattr(sweeps, "run", noted)
    return experiments


def swept(experiments, where, **options):
    return mlplib.sweep(experiments, where, n_jobs=1, progress=False, **options)


def test_a_sweep_takes_what_is_stored_and_trains_and_keeps_the_rest(shelf, run, trained):
    runs = swept([OTHER, EXPERIMENT, OTHER], str(shelf.folder))
    assert trained == [OTHER]
    assert [each.experiment for each in runs] == [OTHER, EXPERIMENT, OTHER]
    assert runs[1].final == run.final and shelf[OTHER].final == runs[0].final
    swept([OTHER, EXPERIMENT], shelf)
    assert trained == [OTHER]


def test_a_sweep_begins_with_what_is_long_and_keeps_the_order_of_the_rest(tmp_path, trained):
    short = [replace(EXPERIMENT, seed=seed, epochs=1 + seed % 2) for seed in range(30)]  # each far below a twentieth
    long, longer = (replace(EXPERIMENT, epochs=epochs) for epochs in (20, 30))
    swept([*short, long, longer], tmp_path)
    assert trained == [longer, long, *short]


def test_a_sweep_marks_the_runs_that_it_trains_and_no_others(shelf, trained):
    runs = swept([EXPERIMENT, OTHER], shelf, marks={"rules": "these"})
    assert trained == [OTHER] and "rules" not in runs[0].versions
    assert shelf[OTHER].versions["rules"] == "these" and "rules" not in shelf[EXPERIMENT].versions


def test_a_sweep_that_was_stopped_goes_on(tmp_path, monkeypatch, trained):
    experiments = [replace(EXPERIMENT, seed=seed) for seed in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "attempt", lambda experiment, real=sweeps.attempt: stop_at(experiments[1], experiment, real))
        with pytest.raises(KeyboardInterrupt):
            swept(experiments, tmp_path)
    assert {stored.experiment for stored in Store(tmp_path)} == {experiments[0]}
    swept(experiments, tmp_path)
    assert trained == experiments


def stop_at(last, experiment, run):
    if experiment == last:
        raise KeyboardInterrupt
    return run(experiment)


def test_a_sweep_of_stored_runs_needs_no_joblib(shelf, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert len(swept([EXPERIMENT] * 2, shelf)) == 2
    with pytest.raises(ImportError):
        swept([OTHER], shelf)


def test_retraining_neither_reads_nor_writes(shelf, trained, monkeypatch):
    monkeypatch.setenv("MLPLIB_RETRAIN", "1")
    written = shelf.path(EXPERIMENT).stat().st_mtime_ns
    runs = swept([EXPERIMENT, OTHER], shelf)
    assert trained == [EXPERIMENT, OTHER] and runs[0].versions is None
    assert shelf.path(EXPERIMENT).stat().st_mtime_ns == written and OTHER not in shelf


def test_retraining_into_a_folder_trains_once_and_leaves_the_store_alone(shelf, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLIB_RETRAIN", str(tmp_path / "anew"))
    for _ in range(2):
        runs = swept([EXPERIMENT, OTHER], shelf)
    assert trained == [EXPERIMENT, OTHER] and OTHER not in shelf
    assert all(run.model is not None for run in runs)


@pytest.mark.parametrize("value", ["", "0"])
def test_retraining_can_be_switched_off(shelf, trained, monkeypatch, value):
    monkeypatch.setenv("MLPLIB_RETRAIN", value)
    swept([EXPERIMENT], shelf)
    assert trained == []


def test_weights_that_are_wanted_and_not_stored_are_trained(shelf, trained):
    for _ in range(2):
        (again,) = swept([EXPERIMENT], shelf, keep_weights=[EXPERIMENT])
        assert again.model is not None
    assert trained == [EXPERIMENT]


def test_a_sweep_without_a_store_writes_nothing(tmp_path, monkeypatch, trained):
    monkeypatch.chdir(tmp_path)
    swept([EXPERIMENT], None)
    assert trained == [EXPERIMENT] and list(tmp_path.iterdir()) == []

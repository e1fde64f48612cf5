"""A full disk, a folder that cannot be written to: one sentence, and nothing that was there is lost."""

import errno
import os
import runpy
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import made_up_run, written_pair

import mlplib
from mlplib import Experiment, files, sweeps
from mlplib.store import Archive, Store, archive_runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))
import build

ROOT = Path(__file__).resolve().parents[1]
EXECUTE = runpy.run_path(str(ROOT / "book" / "execute.py"))
BENCHMARKS = runpy.run_path(str(ROOT / "benchmarks" / "__main__.py"))
RUNS = [made_up_run(Experiment(seed=seed)) for seed in range(4)]
EXPERIMENTS = [run.experiment for run in RUNS]


@pytest.fixture(autouse=True)
def stores_are_used(monkeypatch):
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)


@pytest.fixture(params=[errno.ENOSPC, errno.EROFS, errno.EDQUOT], ids=["full", "read-only", "quota"])
def fault(request):
    return OSError(request.param, os.strerror(request.param))


@contextmanager
def failing(monkeypatch, owner, name, fault, after=0):
    """A function of the system that works a few times and then no more."""
    calls, real = [], getattr(owner, name)

    def fails(*arguments, **options):
        calls.append(arguments)
        if len(calls) > after:
            raise fault
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        yield calls
    assert len(calls) > after, "this has shown nothing"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_a_sentence(text, *words):
    return "\n" not in text.strip() and "Traceback" not in text and all(word in text for word in words)


# ---- stores and archives

CALLS = [(files.tempfile, "mkstemp"), (files.os, "chmod"), (files.os, "replace")]


@pytest.mark.parametrize("owner, name", CALLS, ids=[name for _, name in CALLS])
def test_a_run_that_cannot_be_saved_leaves_the_earlier_one(tmp_path, monkeypatch, fault, owner, name):
    folder = Store(tmp_path)
    folder.save(RUNS[0])
    before = contents(tmp_path)
    with failing(monkeypatch, owner, name, fault), pytest.raises(OSError) as caught:
        folder.save(replace(RUNS[0], seconds=2.0))
    assert is_a_sentence(str(caught.value), str(folder.path(EXPERIMENTS[0])), "unchanged", fault.strerror)
    assert caught.value.errno == fault.errno and contents(tmp_path) == before


@pytest.mark.parametrize("owner, name", [*CALLS, (files, "_lock")], ids=[*(name for _, name in CALLS), "lock"])
@pytest.mark.parametrize("after", range(4))
def test_an_archive_that_cannot_be_written_leaves_all_runs_where_they_are(tmp_path, monkeypatch, fault, owner, name,
                                                                         after):
    runs, path = Store(tmp_path / "runs"), tmp_path / "some.zip"
    runs.save(RUNS[0])
    archive_runs(runs, path, EXPERIMENTS)
    for run in RUNS[1:]:
        runs.save(run)
    said = []
    with suppress(AssertionError), failing(monkeypatch, owner, name, fault, after) as calls:  # there may be fewer
        try:
            archive_runs(runs, path, EXPERIMENTS)
        except OSError as error:
            said.append(str(error))
    assert all(is_a_sentence(each, str(tmp_path), fault.strerror) for each in said)
    assert calls and {run.experiment for run in (*runs, *Archive(path))} == set(EXPERIMENTS)
    archive_runs(runs, path, EXPERIMENTS)
    assert list(contents(tmp_path)) == ["some.zip"] and len(Archive(path)) == len(RUNS)


def test_a_sweep_on_a_disk_that_fills_up_hands_out_what_it_trained(tmp_path, monkeypatch, fault):
    trained = []
    monkeypatch.setattr(sweeps, "run", lambda one: trained.append(one) or made_up_run(one))
    with failing(monkeypatch, files.os, "replace", fault, after=2), pytest.raises(OSError) as caught:
        mlplib.sweep(EXPERIMENTS, tmp_path, n_jobs=1, progress=False)
    assert is_a_sentence(str(caught.value), str(tmp_path), fault.strerror, "with the 2 runs that the store holds",
                         "1 run more would be trained")
    assert list(caught.value.runs) == EXPERIMENTS[:3] == trained and len(Store(tmp_path)) == 2
    assert caught.value.runs[EXPERIMENTS[2]].final == RUNS[2].final
    assert len(mlplib.sweep(EXPERIMENTS, tmp_path, n_jobs=1, progress=False)) == 4
    assert trained == [*EXPERIMENTS[:3], *EXPERIMENTS[2:]]


def test_a_sweep_on_a_small_disk(tmp_path, monkeypatch):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True,
                      check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        monkeypatch.setattr(sweeps, "run", made_up_run)
        many = [Experiment(seed=seed) for seed in range(64)]
        with pytest.raises(OSError, match=r"not written, and what was there is unchanged.* space left") as caught:
            mlplib.sweep(many, tmp_path, n_jobs=1, progress=False)
        assert len(caught.value.runs) == len(Store(tmp_path)) + 1 > 2
        assert {run.experiment for run in Store(tmp_path)} < set(caught.value.runs)  # all can be read
        assert all(name.endswith(".npz") for name in contents(tmp_path))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_make_sweep_says_it_without_a_traceback(tmp_path):
    """Where no file may be longer than 100 bytes: an ordinary user can set that."""
    pytest.importorskip("resource")
    program = """
import resource, runpy, sys
from mlplib import store, sweeps
sys.path.insert(0, "tests")
from helpers import made_up_run, written_pair
folder = store.Path(sys.argv.pop())
sweeps.run, sweeps.estimate = made_up_run, lambda them: [1.0] * len(them)
store.packaged = lambda *names: store.StoreChain(store.Store(folder), *(store.Archive(folder / name) for name in names))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
runpy.run_module("mlplib.evidence", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, text=True,
                          check=False, env=os.environ | {"TQDM_DISABLE": "1", "JOBLIB_MULTIPROCESSING": "0"})
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "not written" in done.stderr and "the same command goes on" in done.stderr and contents(tmp_path) == {}


# ---- the programs


@pytest.fixture
def pair(tmp_path):
    return written_pair(EXECUTE, tmp_path)


def test_a_pair_that_cannot_be_written_stays_whole_on_both_sides(pair, monkeypatch, fault, capsys):
    """Whichever of the files it is that nothing can be written to."""
    before, real, reached = contents(pair.parent), open, set()
    names = EXECUTE["store"].__globals__
    notebook = EXECUTE["load"](pair)
    notebook.cells[-1].source = "2 + 2"  # so that both sides are to be written
    for n in range(1, 5):
        calls = []

        def opened(file, mode="r", *rest, n=n, calls=calls, **options):
            if "w" in mode and str(file).startswith(str(pair.parent)):
                calls.append(file)
                if len(calls) == n:
                    real(file, mode, *rest, **options).close()  # a full disk: the file is there, and empty
                    raise fault
            return real(file, mode, *rest, **options)

        with monkeypatch.context() as patch:
            patch.setattr("builtins.open", opened)
            try:
                names["store"](notebook, pair)
            except OSError:
                reached.add(n)
                assert contents(pair.parent) == before
    assert reached
    patch = {"NotebookClient": lambda notebook, **options: type("Client", (), {"execute": lambda self: None})()}
    monkeypatch.setitem(names, "NotebookClient", patch["NotebookClient"])
    now = contents(pair.parent)
    with failing(monkeypatch, names["nbformat"], "write", fault):
        said = EXECUTE["main"]([str(pair)])
    assert is_a_sentence(said, "failed; its stored outputs are unchanged", str(pair.parent), fault.strerror)
    assert contents(pair.parent) == now


@pytest.mark.parametrize("owner, name", [(Path, "mkdir"), (build.tempfile, "mkdtemp"), (build.shutil, "copytree"),
                                         (build.subprocess, "run")],
                         ids=lambda value: getattr(value, "__name__", value))
def test_a_book_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch, fault, owner, name):
    (tmp_path / "html" / "lite").mkdir(parents=True)
    (tmp_path / "html" / "index.html").write_text("old")
    with failing(monkeypatch, owner, name, fault), pytest.raises(SystemExit) as caught:
        build.build(tmp_path, lambda aside: [])
    assert is_a_sentence(str(caught.value), "The book was not built", str(tmp_path), fault.strerror)
    assert (tmp_path / "html" / "index.html").read_text() == "old" and not list(tmp_path.glob("aside*"))


def test_a_book_that_cannot_be_moved_in_place_leaves_the_old_one(tmp_path, monkeypatch, fault):
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("old")
    real = Path.rename

    def rename(self, target):
        if "aside" in str(self):
            raise fault
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        page = "import pathlib, sys; pathlib.Path(sys.argv[1], '_build', 'html').mkdir(parents=True)"
        with pytest.raises(SystemExit, match="unchanged"):
            build.build(tmp_path, lambda aside: [sys.executable, "-c", page, str(aside)])
    assert (tmp_path / "html" / "index.html").read_text() == "old"


def test_a_book_is_not_begun_without_room_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ROOM", 10**18)
    with pytest.raises(SystemExit, match=r"MB are free, and a build takes"):
        build.build(tmp_path, lambda aside: pytest.fail("begun"))


def test_results_that_cannot_be_written_leave_the_earlier_ones(tmp_path, monkeypatch, fault):
    results = tmp_path / "results.json"
    results.write_text("old")
    for owner, name in ((Path, "write_text"), (os, "replace")):
        with failing(monkeypatch, owner, name, fault), pytest.raises(SystemExit) as caught:
            BENCHMARKS["written"](results, "new")
        assert is_a_sentence(str(caught.value), str(results), "unchanged", fault.strerror)
        assert contents(tmp_path) == {"results.json": b"old"}
    BENCHMARKS["written"](results, "new")
    assert contents(tmp_path) == {"results.json": b"new"}

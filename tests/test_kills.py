"""Killed at any moment, and go on: nothing finished is lost, nothing half-written is read, the same bits at the end.

A small part of it in every `make test`; the whole: `make test-kills`.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import made_up_run

import mlplib
from mlplib import Experiment
from mlplib.store import Archive, Store, StoreChain, archive_runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))
import build

ROOT = Path(mlplib.__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

COMMON = """
import os, signal, sys
sys.path[:0] = ["book", "tests"]
from mlplib import Experiment
SMALL = [Experiment(hidden=(4,), n_train=64, epochs=1, evaluations_per_epoch=1, seed=seed) for seed in range(6)]
"""
SMALL = [Experiment(hidden=(4,), n_train=64, epochs=1, evaluations_per_epoch=1, seed=seed) for seed in range(6)]
# What a program looks like to the system while it writes: at each such moment it can be stopped for ever.
MOMENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.chmod", "shutil.rmtree",
           "tempfile.mkstemp", "tempfile.mkdtemp", "fcntl.flock", "subprocess.Popen")
# Stops itself before the nth of them that has to do with a folder. An auditing hook sees them all; `os.replace` is
# "os.rename". What is handed to the system between two of them is no file's name yet.
AT_THE_NTH = f"""
def at_the_nth(folder, n):
    left = [n]
    def hook(event, arguments):
        if event in {MOMENTS} and (event == "fcntl.flock" or any(str(each).startswith(folder) for each in arguments)):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
"""


@pytest.fixture(autouse=True)
def stores_are_used(monkeypatch):
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)


def started(program, *arguments, **options):
    """A process, and those that it starts, in a group of their own."""
    return subprocess.Popen([sys.executable, "-c", COMMON + AT_THE_NTH + program, *map(str, arguments)],
                            start_new_session=True, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def killed_at_each_moment(program, *arguments, step=1, before=lambda: None, after=lambda: None):
    """How often a program was killed: before its 1st moment, its 1 + step th, and so on, until one is not reached."""
    kills = 0
    while True:
        before()
        process = started(program, *arguments, 1 + kills * step)
        said = process.communicate()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, said
            return kills
        kills += 1
        after()


def contents(folder):
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


def left_over(folder):
    return [path.name for path in folder.iterdir() if path.suffix not in (".npz", ".zip")]


# ---- sweeps

SWEEP = """
import sys, mlplib
from mlplib import store
folder, n_jobs, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
real = store.Store.save
def save(self, run, *rest):
    real(self, run, *rest)
    print(run.experiment.seed, flush=True)
store.Store.save = save
if n:
    at_the_nth(folder, n)
print("begins", flush=True)
mlplib.sweep(SMALL, folder, n_jobs=n_jobs, progress=False)
"""


@pytest.fixture(scope="module")
def undisturbed():
    return [digest(run) for run in mlplib.sweep(SMALL, n_jobs=1, progress=False)]


def digest(run):
    """Of what a store keeps exactly."""
    return run.final, run.best, run.gradient_rms, run.stopped_epoch, run.history.n_steps


def assert_nothing_is_lost(folder, finished):
    store = Store(folder)
    held = {run.experiment.seed: digest(run) for run in store}  # each can be read, or this raises
    assert finished <= set(held) and len(store) == len(held)
    return held


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_sweep_killed_at_a_random_moment_goes_on_to_the_same_bits(tmp_path, length, count, undisturbed, n_jobs):
    dice, wanted, done = random.Random(n_jobs), length(2, 30), 0
    while done < wanted:
        folder, finished = tmp_path / str(done), set()
        while True:  # one sweep, killed again and again until it comes to its end
            process = started(SWEEP, folder, n_jobs, 0)
            try:
                assert process.stdout.readline() == "begins\n"
                # Some runs may pass, and then a part of the time that the next one takes.
                for _ in range(dice.randrange(3)):
                    line = process.stdout.readline()
                    if line:
                        finished.add(int(line))
                time.sleep(dice.uniform(0, 0.2))
            finally:
                if n_jobs == 2 and dice.random() < 0.5:
                    process.kill()  # its workers are alone then: joblib's wait five minutes for more work
                    process.wait()
                    time.sleep(dice.uniform(0, 0.5))
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                said, faults = process.communicate()
            finished |= {int(line) for line in said.split()}
            held = assert_nothing_is_lost(folder, finished)
            assert held == {seed: undisturbed[seed] for seed in held}
            if process.returncode != -signal.SIGKILL:
                assert process.returncode == 0 and len(held) == len(SMALL), faults
                break
            done += 1
            if done >= wanted:
                break
        assert [digest(run) for run in mlplib.sweep(SMALL, folder, n_jobs=1, progress=False)] == undisturbed
        Store(folder).prepare()  # as the next sweep that has something to train
        assert left_over(folder) == []
    count("kills of a sweep at random moments", done)


@pytest.mark.slow
def test_a_sweep_killed_at_each_step_of_its_writing_goes_on_to_the_same_bits(tmp_path, length, count, undisturbed):
    folder, seen = tmp_path / "runs", set()

    def after():
        seen.update(left_over(folder) if folder.exists() else ())
        held = assert_nothing_is_lost(folder, set())
        assert held == {seed: undisturbed[seed] for seed in held}
        for path in sorted(folder.glob("*.npz"))[2:]:  # so that there is always something to write
            path.unlink()

    kills = killed_at_each_moment(SWEEP, folder, 1, step=length(15, 1), after=after)
    assert [digest(run) for run in mlplib.sweep(SMALL, folder, n_jobs=1, progress=False)] == undisturbed
    Store(folder).prepare()
    assert left_over(folder) == [] and kills
    assert seen or length(True, False)  # some were killed while they wrote: otherwise this has shown nothing
    count("kills of a sweep at each step of its writing", kills)


def test_what_a_killed_process_was_writing_is_cleared_away_and_what_a_living_one_writes_is_not(tmp_path):
    program = """
from mlplib import files, store
from helpers import made_up_run
files.os.replace = lambda *paths: (print("now", flush=True), sys.stdin.readline())
store.Store(sys.argv[1]).save(made_up_run(SMALL[0]))
"""
    process = started(program, tmp_path, stdin=subprocess.PIPE)
    try:
        assert process.stdout.readline() == "now\n"
        Store(tmp_path).prepare()
        assert [name[-5:] for name in left_over(tmp_path)] == [".part"] and len(Store(tmp_path)) == 0
    finally:
        process.kill()
        process.communicate()
    assert len(left_over(tmp_path)) == 1
    Store(tmp_path).prepare()
    assert left_over(tmp_path) == []


# ---- archives

ARCHIVE = """
import sys
from pathlib import Path
from mlplib.store import Store, archive_runs
folder, n = Path(sys.argv[1]), int(sys.argv[2])
print("begins", flush=True)
if n:
    at_the_nth(str(folder), n)
archive_runs(Store(folder / "runs"), folder / "some.zip", SMALL)
"""


@pytest.fixture
def shelf(tmp_path):
    """A folder with runs that are finished, an archive of some of them, and a function that puts them there again."""
    runs, archive = tmp_path / "runs", tmp_path / "some.zip"
    for experiment in SMALL[:3]:
        Store(runs).save(made_up_run(experiment))
    archive_runs(Store(runs), archive, SMALL)
    old = archive.read_bytes()

    def restore():
        """As `make sweep` finds them: half of the archive, one of those trained again, the other half new."""
        archive.write_bytes(old)
        for experiment in SMALL[2:]:
            run = made_up_run(experiment)
            Store(runs).save(replace(run, seconds=2.0, versions={"numpy": "2"}), marks={"of": "new"})

    restore()
    archive_runs(Store(runs), archive, SMALL)
    new = archive.read_bytes()
    restore()
    return tmp_path, archive, (old, new), restore


def assert_archive_is_whole(folder, archive, states):
    assert archive.read_bytes() in states
    both = StoreChain(Store(folder / "runs"), Archive(archive))
    marks = {run.experiment.seed: run.versions.get("of") for run in both}
    assert marks == {0: None, 1: None, 2: "new", 3: "new", 4: "new", 5: "new"}


@pytest.mark.slow
def test_the_writing_of_an_archive_killed_at_each_step_goes_on_to_the_same_bytes(shelf, length, count):
    folder, archive, states, restore = shelf

    def after():
        assert_archive_is_whole(folder, archive, states)
        archive_runs(Store(folder / "runs"), archive, SMALL)
        assert sorted(contents(folder)) == ["some.zip"] and archive.read_bytes() == states[1]

    kills = killed_at_each_moment(ARCHIVE, folder, step=length(7, 1), before=restore, after=after)
    assert kills > 2 and archive.read_bytes() == states[1]
    count("kills at each step of the writing of an archive", kills)


@pytest.mark.slow
def test_the_writing_of_an_archive_killed_at_random_goes_on_to_the_same_bytes(shelf, length, count):
    folder, archive, states, restore = shelf
    dice, kills = random.Random(3), length(2, 50)
    for _ in range(kills):
        restore()
        process = started(ARCHIVE, folder, 0)
        assert process.stdout.readline() == "begins\n"
        time.sleep(dice.uniform(0, 0.03))
        process.kill()
        process.communicate()
        assert_archive_is_whole(folder, archive, states)
    archive_runs(Store(folder / "runs"), archive, SMALL)
    assert sorted(contents(folder)) == ["some.zip"] and archive.read_bytes() == states[1]
    count("kills at random moments of the writing of an archive", kills)


def test_a_run_that_was_put_aside_to_be_removed_comes_back(tmp_path):
    """Killed there, it may be one that was saved since its archive was written."""
    store = Store(tmp_path)
    store.save(made_up_run(SMALL[0]))
    store.path(SMALL[0]).rename(store.path(SMALL[0]).with_suffix(".aside"))
    store.prepare()
    assert SMALL[0] in store and left_over(tmp_path) == []


# ---- the book

BUILD = """
import sys
import build
folder, pages, n = build.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("begins", flush=True)
if n:
    at_the_nth(str(folder), n)
build.build(folder, lambda aside: [sys.executable, "-c", pages, str(aside), "new"])
"""
PAGES = ("import pathlib, sys; site = pathlib.Path(sys.argv[1], '_build', 'html'); "
         "site.mkdir(parents=True, exist_ok=True); "
         "[(site / f'{n}.html').write_text(sys.argv[2]) for n in range(20)]; (site / 'lite').mkdir(exist_ok=True); "
         "(site / 'lite' / 'wheel').exists() or (site / 'lite' / 'wheel').write_text('costly')")


def builder(text):
    """Stands in for jupyter-book: writes a site that says this."""
    return lambda aside: [sys.executable, "-c", PAGES, str(aside), text]


def assert_site_says(folder, *texts):
    site = folder / "html"
    pages = {path.read_text() for path in site.glob("*.html")}
    assert len(pages) == 1 and pages <= set(texts) and len(list(site.glob("*.html"))) == 20
    assert (site / "lite" / "wheel").read_text() == "costly"


@pytest.mark.slow
def test_a_build_of_the_book_killed_at_each_step_leaves_a_site_and_the_next_one_tidies_up(tmp_path, length, count):
    build.build(tmp_path, builder("old"))
    between = []

    def after():
        if not (tmp_path / "html").exists():  # killed between the two moves
            between.append(True)
            with pytest.raises(SystemExit, match="not built"):
                build.build(tmp_path, lambda aside: [sys.executable, "-c", "raise SystemExit(1)"])
            assert_site_says(tmp_path, "old")  # a build that fails is no reason to lose it
        assert_site_says(tmp_path, "old", "new")
        build.build(tmp_path, builder("old"))
        assert_site_says(tmp_path, "old")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["book.log", "building.lock", "html"]

    kills = killed_at_each_moment(BUILD, tmp_path, PAGES, step=length(9, 1), after=after)
    assert_site_says(tmp_path, "new")
    assert kills and len(between) == length(len(between), 1)
    count("kills at each step of a build of the book", kills)


def test_a_site_that_was_put_away_comes_back_even_if_the_next_build_fails(tmp_path):
    build.build(tmp_path, builder("old"))
    (tmp_path / "html").rename(tmp_path / "old")
    with pytest.raises(SystemExit, match="not built"):
        build.build(tmp_path, lambda aside: [sys.executable, "-c", "raise SystemExit(1)"])
    assert_site_says(tmp_path, "old")


def test_what_a_killed_builds_program_still_writes_is_in_no_site(tmp_path):
    """Kill `make book` alone, and jupyter-book goes on writing; the next build must not take that up."""
    program = """
import build
page = ("import pathlib, sys; print('started', flush=True); sys.stdin.readline(); "
        "site = pathlib.Path(sys.argv[1], '_build', 'html'); site.mkdir(parents=True, exist_ok=True); "
        "(site / 'half.html').write_text('half'); "
        "print('written', flush=True)")
def command(aside):
    return [sys.executable, "-c", page, str(aside)]
real = build.subprocess.run
build.subprocess.run = lambda *rest, stdout, **options: real(*rest, **options)
build.build(build.Path(sys.argv[1]), command)
"""
    process = started(program, tmp_path, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "started\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    def command(aside):
        process.stdin.write("\n")  # now the first one's program writes, while this build has begun
        process.stdin.flush()
        assert process.stdout.readline() == "written\n"
        return builder("new")(aside)

    build.build(tmp_path, command)
    process.communicate()
    assert_site_says(tmp_path, "new")
    build.build(tmp_path, builder("new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.log", "building.lock", "html"]


@pytest.mark.slow
def test_the_book_itself_can_be_killed(length, count):
    """`make book`, a few times, at random; what there was stays, and is there after the next one."""
    site, dice, kills = ROOT / "_build" / "html", random.Random(5), length(0, 4)
    if kills:  # of the present sources, as the last one here
        build.build()
    for _ in range(kills):
        before = contents(site)
        process = subprocess.Popen([sys.executable, "book/build.py"], cwd=ROOT, start_new_session=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(1, 40))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert contents(site) == before
    if kills:
        build.build()
        assert contents(site) == before
        assert [path.name for path in site.parent.glob("aside*")] == [] and not (site.parent / "old").exists()
    count("kills of make book", kills)

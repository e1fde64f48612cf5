"""Runs on disk: what is kept, that nothing damaged is ever used, and that no process can spoil another's entries."""

import bz2
import copy
import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Site

import mlplib
from mlplib import Experiment, entries, files, store, sweeps
from mlplib.catalogue import shown_experiments
from mlplib.store import (
    Archive,
    Store,
    StoreChain,
    StoreError,
    StoreWarning,
    archive_runs,
    key,
    packaged,
    write_archive,
)

EXPERIMENT = Experiment(hidden=(8,), n_train=320, epochs=6, seed=1)
OTHER = replace(EXPERIMENT, seed=2)
THIRD = replace(EXPERIMENT, seed=3)
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


@pytest.fixture
def archive(tmp_path, run):
    """An archive of two runs, one with its weights."""
    folder = Store(tmp_path / "to be archived")
    folder.save(run, weights=True)
    folder.save(replace(run, experiment=OTHER))
    archive_runs(folder, tmp_path / "archives" / "some.zip", [EXPERIMENT, OTHER])
    folder.folder.rmdir()
    return Archive(tmp_path / "archives" / "some.zip")


def swept(experiments, where, **options):
    return mlplib.sweep(experiments, where, n_jobs=1, progress=False, **options)


def marked(run, **marks):
    """The run, with other words in its versions, by which it is known again."""
    return replace(run, versions={"mlplib": "0"} | marks)


# ---- a folder


def test_no_weights_unless_asked_for(shelf):
    assert shelf[EXPERIMENT].model is None
    with pytest.raises(ValueError, match=r"^weights: expected a run with its model"):
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


def test_a_store_is_a_collection(shelf, run):
    shelf.save(replace(run, experiment=OTHER))
    assert len(shelf) == 2 and EXPERIMENT in shelf and replace(OTHER, seed=3) not in shelf
    assert {stored.experiment for stored in shelf} == {EXPERIMENT, OTHER}
    assert sorted(path.suffix for path in shelf.folder.iterdir()) == [".npz", ".npz"]
    with pytest.raises(KeyError, match=r"no run of .*seed=3"):
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
    monkeypatch.setattr(entries, "_DEFAULTS", asdict(Later()))
    assert key(Later(**asdict(OTHER))) == before
    assert key(Later(**asdict(OTHER), weight_decay=0.1)) != before


def test_equal_experiments_have_one_key():
    assert key(Experiment(hidden=[32], learning_rate=1, seed=np.int64(1))) == key(
        Experiment(hidden=(32,), learning_rate=1.0, seed=1))


def test_different_experiments_have_different_keys():
    experiments = [*shown_experiments(), Experiment(learning_rate=0.1), Experiment(patience=None), EXPERIMENT]
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
    "no versions": (lambda path: rewrite(path, versions={}), "versions: expected those that made the run"),
    "versions that are none": (lambda path: rewrite(path, versions=None), "versions: expected those that made the run"),
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
    assert again.final == run.final
    assert_same(again, shelf[EXPERIMENT])


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


# ---- archives


def test_an_archive_holds_what_the_folder_held(tmp_path, shelf, run):
    shelf.save(replace(run, experiment=OTHER), weights=True)
    entries = {path.name: path.read_bytes() for path in shelf.folder.iterdir()}
    assert archive_runs(shelf, tmp_path / "some.zip", [OTHER, THIRD, EXPERIMENT, OTHER]) == 2
    with zipfile.ZipFile(tmp_path / "some.zip") as file:
        assert {name: file.read(name) for name in file.namelist()} == entries
    assert list(shelf.folder.iterdir()) == []
    archive = Archive(tmp_path / "some.zip")
    assert archive[EXPERIMENT].final == run.final and archive[EXPERIMENT].model is None
    assert all(map(np.array_equal, archive[OTHER].model.weights, run.model.weights))


def test_an_archive_is_a_collection(archive):
    assert len(archive) == 2 and EXPERIMENT in archive and THIRD not in archive and archive.get(THIRD) is None
    assert [key(stored.experiment) for stored in archive] == sorted(map(key, (EXPERIMENT, OTHER)))
    assert repr(archive) == f"Archive({str(archive.path)!r}), 2 runs"
    with pytest.raises(KeyError, match=r"no run of .*seed=3.* in .*some.zip: "):
        archive[THIRD]


@pytest.mark.parametrize("path", ["missing.zip", "a file/missing.zip"])
def test_an_archive_that_does_not_exist_is_empty(tmp_path, path):
    (tmp_path / "a file").touch()
    missing = Archive(tmp_path / path)
    assert list(missing) == [] and len(missing) == 0 and missing.get(EXPERIMENT) is None and EXPERIMENT not in missing
    assert not missing.path.exists()


def test_an_archive_is_given_by_a_path():
    with pytest.raises(TypeError):
        Archive(3)


def test_the_same_runs_give_the_same_bytes_however_they_came(tmp_path, run):
    experiments = [replace(EXPERIMENT, seed=seed) for seed in range(4)]
    folder = Store(tmp_path / "runs")
    for experiment in experiments:
        folder.save(replace(run, experiment=experiment))
    entries = {folder.path(one): folder.path(one).read_bytes() for one in experiments}
    archive_runs(folder, tmp_path / "at once.zip", experiments)
    for path, content in entries.items():
        path.write_bytes(content)
    for experiment in (experiments[i] for i in (2, 0, 3, 1)):
        archive_runs(folder, tmp_path / "in turn.zip", [experiment])
    assert (tmp_path / "at once.zip").read_bytes() == (tmp_path / "in turn.zip").read_bytes()


def test_the_bytes_of_an_archive_are_those_that_they_were(tmp_path):
    """Of whatever platform and time: all that a ZIP file says beside its entries is fixed."""
    write_archive(tmp_path / "some.zip", {"b.npz": b"second", "a.npz": b"first"})
    assert hashlib.sha256((tmp_path / "some.zip").read_bytes()).hexdigest()[:16] == "e6d1693d58491898"
    with zipfile.ZipFile(tmp_path / "some.zip") as file:
        assert file.namelist() == ["a.npz", "b.npz"] and file.testzip() is None
        about = {(info.date_time[0], info.create_system, info.compress_type) for info in file.infolist()}
        assert about == {(1980, 3, zipfile.ZIP_STORED)}
    assert os.name == "nt" or (tmp_path / "some.zip").stat().st_mode & 0o777 == 0o644


def test_an_archive_is_read_in_place(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert len(list(archive)) == 2 and archive[EXPERIMENT] and OTHER in archive
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_is_read_once_and_not_kept_open(archive, monkeypatch):
    reads, real = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path) or real(path))
    for _ in range(3):
        assert len(list(archive)) == 2 and archive[EXPERIMENT]
    assert reads == [archive.path]
    assert not os.path.exists("/proc/self/fd") or str(archive.path) not in map(
        os.path.realpath, (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")))


def test_a_replaced_archive_is_noticed(archive, shelf, run):
    assert len(archive) == 2
    shelf.save(marked(run, of="later"))
    shelf.save(replace(run, experiment=THIRD))
    archive_runs(shelf, archive.path, [EXPERIMENT, THIRD])
    assert len(archive) == 3 and THIRD in archive and archive[EXPERIMENT].versions["of"] == "later"
    archive.path.unlink()
    assert len(archive) == 0 and archive.get(EXPERIMENT) is None


def test_archives_and_chains_can_be_copied_and_sent_at_any_time(archive, shelf):
    chain = StoreChain(shelf, archive)
    for _ in range(2):  # before they were read and after
        for one in (archive, chain):
            for copied in (copy.deepcopy(one), copy.copy(one), pickle.loads(pickle.dumps(one))):
                assert type(copied) is type(one) and len(copied) == 2
                assert copied[EXPERIMENT].final == one[EXPERIMENT].final
            assert len(pickle.dumps(one)) < 1000


# ---- archives that cannot be used

DAMAGED = {
    "empty": written(b""),
    "no archive": written(b"not an archive at all"),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-50]),
    "cut off after an entry": lambda path: path.write_bytes(path.read_bytes().partition(b"PK\1\2" + b"\x14\3")[0]),
    "without its beginning": lambda path: path.write_bytes(path.read_bytes()[50:]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_archive_is_named(archive, damage):
    damage(archive.path)
    for use in (lambda: archive[EXPERIMENT], lambda: list(archive), lambda: len(archive) + archive[EXPERIMENT]):
        with pytest.raises(StoreError, match=r"some.zip.*: damaged"):
            use()
    with pytest.warns(StoreWarning, match="not used: .*some.zip.*: damaged"):
        assert archive.get(EXPERIMENT) is None


def test_a_damaged_entry_is_named_and_the_others_can_be_used(archive):
    content = archive.path.read_bytes()
    position = content.index(f"{key(OTHER)}.npz".encode()) + 200
    archive.path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
    with pytest.raises(StoreError, match=rf"some.zip.{key(OTHER)}.npz: damaged \(Bad CRC-32"):
        archive[OTHER]
    with pytest.warns(StoreWarning, match=f"not used: .*some.zip.{key(OTHER)}.npz: damaged"):
        assert archive.get(OTHER) is None
    assert archive[EXPERIMENT].experiment == EXPERIMENT and OTHER in archive and len(archive) == 2


def test_an_entry_under_anothers_name_is_noticed(archive):
    with zipfile.ZipFile(archive.path) as file:
        content = file.read(f"{key(OTHER)}.npz")
    write_archive(archive.path, {f"{key(EXPERIMENT)}.npz": content})
    with pytest.raises(StoreError, match=f"{key(EXPERIMENT)}.npz: expected a run of .*seed=1.*, found one of .*seed=2"):
        archive[EXPERIMENT]


def test_no_single_damaged_byte_of_an_archive_changes_a_run_unnoticed(archive):
    path, intact = archive.path, {stored.experiment: stored for stored in archive}
    content = path.read_bytes()
    # All of what says where the entries are, and some of them.
    positions = [*range(0, len(content) - 300, 11), *range(len(content) - 300, len(content))]
    noticed = 0
    for position in positions:
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        damaged, missing = Archive(path), 0
        for experiment in intact:
            try:
                found = damaged[experiment]
            except StoreError:
                noticed += 1
            except KeyError:  # its name is what is damaged
                missing += 1
            else:
                assert (found.final, found.best, found.versions) == (
                    intact[experiment].final, intact[experiment].best, intact[experiment].versions)
                assert all(map(np.array_equal, vars(found.history).values(), vars(intact[experiment].history).values()))
        assert missing <= 1
    assert noticed > len(positions) / 2


# ---- putting runs into an archive


def test_a_newer_run_replaces_that_of_the_archive_and_the_others_stay(archive, shelf, run):
    with zipfile.ZipFile(archive.path) as file:
        other = file.read(f"{key(OTHER)}.npz")
    shelf.save(marked(run, of="later"))
    assert archive_runs(shelf, archive.path, [EXPERIMENT]) == 1
    assert archive[EXPERIMENT].versions["of"] == "later" and len(archive) == 2 and len(shelf) == 0
    with zipfile.ZipFile(archive.path) as file:
        assert file.read(f"{key(OTHER)}.npz") == other


def test_only_the_runs_that_are_named_are_archived(archive, shelf, run):
    shelf.save(replace(run, experiment=THIRD))
    archive_runs(shelf, archive.path, [THIRD])
    assert THIRD in archive and THIRD not in shelf and EXPERIMENT in shelf


def test_an_archive_is_untouched_if_nothing_changes(archive, shelf):
    os.utime(archive.path, ns=(10**18, 10**18))
    assert archive_runs(shelf, archive.path, [OTHER, THIRD]) == 0
    with zipfile.ZipFile(archive.path) as file:
        shelf.path(EXPERIMENT).write_bytes(file.read(f"{key(EXPERIMENT)}.npz"))
    assert archive_runs(shelf, archive.path, [EXPERIMENT]) == 1
    assert archive.path.stat().st_mtime_ns == 10**18 and len(shelf) == 0
    assert os.listdir(archive.path.parent) == ["some.zip"]


def test_a_run_that_is_saved_meanwhile_stays_in_the_folder(tmp_path, shelf, run, monkeypatch):
    def write_while_another_saves(path, entries):
        write_archive(path, entries)
        shelf.save(marked(run, of="meanwhile"))

    monkeypatch.setattr(store, "write_archive", write_while_another_saves)
    archive_runs(shelf, tmp_path / "some.zip", [EXPERIMENT])
    assert "of" not in Archive(tmp_path / "some.zip")[EXPERIMENT].versions
    assert shelf[EXPERIMENT].versions["of"] == "meanwhile" and len(list(shelf.folder.iterdir())) == 1


def test_nothing_leaves_the_folder_before_the_archive_is_in_place(archive, shelf, run, monkeypatch):
    shelf.save(replace(run, experiment=THIRD))
    content = archive.path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", lambda *paths: stop_at(None, None, None))
        with pytest.raises(KeyboardInterrupt):
            archive_runs(shelf, archive.path, [EXPERIMENT, THIRD])
    assert archive.path.read_bytes() == content and os.listdir(archive.path.parent) == ["some.zip"]
    assert {stored.experiment for stored in shelf} == {EXPERIMENT, THIRD}
    assert archive_runs(shelf, archive.path, [EXPERIMENT, THIRD]) == 2


def test_an_entry_that_cannot_be_used_is_not_archived(archive, shelf, run):
    shelf.save(replace(run, experiment=THIRD))
    shelf.path(EXPERIMENT).write_bytes(b"not a run at all")
    with pytest.warns(StoreWarning, match=f"not archived: .*{key(EXPERIMENT)}.npz: damaged"):
        assert archive_runs(shelf, archive.path, [EXPERIMENT, THIRD]) == 1
    assert archive[EXPERIMENT] and THIRD in archive and shelf.path(EXPERIMENT).exists()


def test_what_an_archives_damaged_directory_hides_is_missed(archive):
    content = archive.path.read_bytes()
    remark = content.rindex(b"PK\1\2", 0, content.rindex(b"PK\1\2")) + 32  # of the last run but one
    behind = content.rindex(b"PK\5\6") - content.rindex(b"PK\1\2")
    archive.path.write_bytes(content[:remark] + behind.to_bytes(2, "little") + content[remark + 2 :])
    with pytest.raises(StoreError, match="expected 2 parts, found 1"):
        len(archive)


def test_a_damaged_archive_is_not_written_over(archive, shelf):
    archive.path.write_bytes(archive.path.read_bytes()[:-50])
    content = archive.path.read_bytes()
    with pytest.raises(StoreError, match=r"some.zip: damaged"):
        archive_runs(shelf, archive.path, [EXPERIMENT])
    assert archive.path.read_bytes() == content and EXPERIMENT in shelf
    assert os.listdir(archive.path.parent) == ["some.zip"]


def test_a_damaged_entry_of_an_archive_can_be_replaced(archive, shelf):
    content = archive.path.read_bytes()
    position = content.index(f"{key(EXPERIMENT)}.npz".encode()) + 200
    archive.path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
    archive_runs(shelf, archive.path, [EXPERIMENT])
    assert archive[EXPERIMENT].experiment == EXPERIMENT and archive[OTHER].experiment == OTHER


def test_a_lock_that_another_one_holds_is_named_and_one_that_was_left_behind_is_nobodys(archive, shelf, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    lock = archive.path.with_name("some.zip.lock")
    with open(lock, "wb") as file:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"some.zip.lock: .*another process has been putting runs.*wait until"):
            archive_runs(shelf, archive.path, [EXPERIMENT])
        assert EXPERIMENT in shelf and lock.exists()
    assert archive_runs(shelf, archive.path, [EXPERIMENT]) == 1 and not lock.exists()


def test_a_lock_that_was_left_behind_goes_even_if_there_is_nothing_to_archive(archive, tmp_path):
    lock = archive.path.with_name("some.zip.lock")
    lock.touch()
    assert archive_runs(Store(tmp_path / "nothing"), archive.path, [EXPERIMENT]) == 0 and not lock.exists()


def test_where_there_are_no_such_locks_runs_are_saved_and_archived_all_the_same(archive, shelf, run, monkeypatch):
    """As on Windows, and in a browser, whose module of that name has no locks."""
    monkeypatch.setattr(files, "flock", None)
    for _ in range(2):
        shelf.save(run)
        assert archive_runs(shelf, archive.path, [run.experiment]) == 1
        assert os.listdir(archive.path.parent) == ["some.zip"]
        assert run.experiment in archive and run.experiment not in shelf


# ---- chains


@pytest.fixture
def chain(tmp_path, archive, run):
    """An empty folder, an archive of two runs, and a folder that has one of them and another one, of other words."""
    last = Store(tmp_path / "last")
    last.save(marked(replace(run, experiment=OTHER), of="last"))
    last.save(marked(replace(run, experiment=THIRD), of="last"))
    return StoreChain(Store(tmp_path / "first"), archive, last)


def test_a_chain_has_what_one_of_its_stores_has(chain):
    assert len(chain) == 3 and all(one in chain for one in (EXPERIMENT, OTHER, THIRD))
    assert [key(stored.experiment) for stored in chain] == sorted(map(key, (EXPERIMENT, OTHER, THIRD)))
    assert chain[THIRD].versions["of"] == chain.get(THIRD).versions["of"] == "last"
    missing = replace(EXPERIMENT, seed=4)
    assert missing not in chain and chain.get(missing) is None
    with pytest.raises(KeyError, match=r"no run of .*seed=4.* in .*first, .*some.zip, .*last: mlplib.sweep"):
        chain[missing]
    assert "first" in repr(chain) and "some.zip" in repr(chain) and repr(chain).endswith("3 runs")


def test_what_is_first_in_a_chain_wins(chain, run):
    assert "of" not in chain[OTHER].versions and {stored.versions.get("of") for stored in chain} == {None, "last"}
    chain.save(run, marks={"of": "first"})
    assert chain[EXPERIMENT].versions["of"] == chain.get(EXPERIMENT).versions["of"] == "first" and len(chain) == 3
    assert {stored.experiment: stored.versions.get("of") for stored in chain} == {
        EXPERIMENT: "first", OTHER: None, THIRD: "last"}
    assert EXPERIMENT in chain.stores[0] and "of" not in chain.stores[1][EXPERIMENT].versions


def test_a_chain_goes_on_where_an_entry_cannot_be_used_and_says_so(chain, run):
    chain.save(run)
    chain.stores[0].path(EXPERIMENT).write_bytes(b"not a run at all")
    with pytest.warns(StoreWarning, match=f"not used: .*first.{key(EXPERIMENT)}.npz: damaged") as said:
        assert chain.get(EXPERIMENT).experiment == EXPERIMENT
    assert len(said) == 1 and said[0].filename == __file__
    with pytest.raises(StoreError, match=f"first.{key(EXPERIMENT)}.npz: damaged"):
        chain[EXPERIMENT]


def test_a_chain_goes_on_where_an_archive_cannot_be_used_and_says_so(chain):
    chain.stores[1].path.write_bytes(b"not an archive at all")
    with pytest.warns(StoreWarning, match="not used: .*some.zip: damaged"):
        assert chain.get(THIRD).versions["of"] == "last"
    with pytest.warns(StoreWarning, match="not used: .*some.zip: damaged"):
        assert chain.get(EXPERIMENT) is None
    with pytest.raises(StoreError, match=r"some.zip: damaged"):
        chain[THIRD]


def test_chains_in_a_chain_are_one_chain(chain, shelf):
    longer = StoreChain(shelf, chain)
    assert longer.stores == (shelf, *chain.stores) and len(longer) == 3


def test_a_chain_begins_with_a_folder_and_is_made_of_stores(archive, shelf):
    with pytest.raises(TypeError, match=r"^first: expected a Store, where runs are saved, got Archive"):
        StoreChain(archive, shelf)
    with pytest.raises(TypeError, match=r"^others: expected a Store, an Archive or a StoreChain, got str"):
        StoreChain(shelf, "some.zip")


def test_a_run_that_is_archived_meanwhile_is_in_the_chain_all_the_time(chain, run, monkeypatch):
    chain.save(run, marks={"of": "first"})
    first, archive, _ = chain.stores
    names = first._names()
    archive_runs(first, archive.path, [EXPERIMENT])
    monkeypatch.setattr(first, "_names", lambda: names)  # as they were before
    assert {stored.experiment: stored.versions.get("of") for stored in chain} == {
        EXPERIMENT: "first", OTHER: None, THIRD: "last"}


def test_an_entry_that_is_removed_meanwhile_is_passed_over(shelf, run, monkeypatch):
    shelf.save(replace(run, experiment=OTHER))
    names = shelf._names()
    shelf.path(EXPERIMENT).unlink()
    monkeypatch.setattr(shelf, "_names", lambda: names)  # as they were before
    assert [stored.experiment for stored in shelf] == [OTHER]


# ---- what comes with mlplib


#: How many runs each archive has.
PACKAGED = {"shown": 160, "tuning": 1158, "claims": 645, "questions": 1500, "digits": 876, "open": 776,
            "mechanisms": 460}


@pytest.mark.parametrize("name, n", PACKAGED.items())
def test_every_run_that_comes_with_mlplib_can_be_read(name, n):
    archive = packaged(name).stores[1]
    names = [key(stored.experiment) for stored in archive]
    assert len(names) == len(set(names)) == len(archive) == n and names == sorted(names)
    assert archive.path == Path(mlplib.__file__).parent / "archives" / f"{name}.zip"


def test_no_other_archive_comes_with_mlplib():
    assert {path.stem for path in (Path(mlplib.__file__).parent / "archives").glob("*.zip")} == set(PACKAGED)


@pytest.mark.parametrize("name", PACKAGED)
def test_an_archive_that_comes_with_mlplib_is_written_again_as_it_is(name, tmp_path):
    path = packaged(name).stores[1].path
    with zipfile.ZipFile(path) as file:
        write_archive(tmp_path / "again.zip", {each: file.read(each) for each in reversed(file.namelist())})
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_what_comes_with_mlplib_is_named_and_begins_with_what_is_under_way():
    assert [one._place().name for one in packaged("tuning", "of my own").stores] == [
        "under_way", "tuning.zip", "of my own.zip"]
    assert [one._place().name for one in packaged().stores] == ["under_way", "shown.zip"]
    assert THIRD not in packaged("of my own")


PLACE = "https://book.org/2026/lite/beside/12ab/archives/shown/"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """As in a live notebook: mlplib is installed without archives, and the working directory has none either."""
    (tmp_path / "mlplib").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "__file__", str(tmp_path / "mlplib" / "store.py"))
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setenv("MLPLIB_BESIDE", "../../../../beside/12ab/")
    site = Site()
    monkeypatch.setitem(sys.modules, "js", site)
    for kept in (store._places, store._part, store._whole):
        kept.cache_clear()
    yield site
    for kept in (store._places, store._part, store._whole):
        kept.cache_clear()


@pytest.fixture
def parts(site, archive, run, tmp_path):
    """The site has the archive: both runs in a part of their own, one's weights apart."""
    light = Store(tmp_path / "light")
    for experiment in (EXPERIMENT, OTHER):
        light.save(replace(run, experiment=experiment))
    name, other = (f"{key(experiment)}.npz" for experiment in (EXPERIMENT, OTHER))
    files = {name: archive._content(name)}
    for part, entry in (("a", name), ("b", other)):
        write_archive(tmp_path / "part.zip", {entry: light._content(entry)})
        files[f"{part}.zip"] = (tmp_path / "part.zip").read_bytes()
    files["index.json"] = json.dumps({"parts": {"a": [name], "b": [other]}, "weights": [name]}).encode()
    for file, content in files.items():
        site.answers[f"{PLACE}{file}.bz2"] = 200, bz2.compress(content)
    return name


def test_in_the_browser_a_part_of_an_archive_is_fetched_once_and_when_it_is_needed(site, parts, tmp_path):
    found = packaged()
    assert len(found) == 2 and OTHER in found and THIRD not in found and found.get(THIRD) is None
    assert site.asked == [f"{PLACE}index.json.bz2"]
    assert found[OTHER].experiment == OTHER and found[OTHER].model is None
    assert site.asked[1:] == [f"{PLACE}b.zip.bz2"]
    assert {run.experiment for run in packaged("shown")} == {EXPERIMENT, OTHER}
    assert site.asked[2:] == [f"{PLACE}a.zip.bz2"]
    assert found.stores[0].folder == tmp_path / "mlplib" / "archives" / "under_way"
    found.prepare()  # makes the folder, as a sweep does


def test_there_weights_are_fetched_when_the_model_is_first_asked_for(site, parts, run):
    found = packaged()[EXPERIMENT]
    copied = copy.deepcopy(found), pickle.loads(pickle.dumps(found))
    assert found.final == run.final and found.history.n_steps == run.history.n_steps
    assert site.asked == [f"{PLACE}{name}.bz2" for name in ("index.json", "a.zip")]
    for W, trained in zip(found.model.weights, run.model.weights, strict=True):
        assert np.array_equal(W, trained)
    assert found.model is found.model
    found.model.weights[0][:] = 0
    for one in (*copied, packaged()[EXPERIMENT]):  # each has a model of its own
        assert np.array_equal(one.model.weights[0], run.model.weights[0])
    assert site.asked[2:] == [f"{PLACE}{parts}.bz2"]
    with pytest.raises(AttributeError, match="weigths"):
        found.weigths  # noqa: B018


def test_an_archive_that_the_site_does_not_have_has_no_runs(site):
    assert len(packaged("of my own")) == 0
    assert site.asked == [f"{PLACE.replace('shown', 'of%20my%20own')}index.json.bz2"]


FAULTS = pytest.mark.parametrize("status, cut, said", [
    (0, None, "NetworkError: failed to load"),
    (503, None, "the answer was 503"),
    (200, 0, "Invalid data stream"),
    (200, -10, ""),
], ids=["no network", "an error", "another page", "a part"])


@FAULTS
def test_an_archive_that_cannot_be_fetched_is_named_and_is_asked_for_again(site, parts, status, cut, said):
    address = f"{PLACE}index.json.bz2"
    _, whole = site.answers[address]
    site.answers[address] = status, whole[:cut] or b"<html>Please log in</html>"
    with pytest.raises(StoreError) as caught:
        packaged()
    message = str(caught.value)
    assert message.startswith(f"{address}: expected an archive of stored runs, and could not fetch it ({said}")
    assert message.endswith("check the connection to this site, then run the cell again")
    site.answers[address] = 200, whole
    assert len(packaged()) == 2


@FAULTS
@pytest.mark.parametrize("read", [lambda found: found[OTHER], lambda found: found.get(OTHER), list])
def test_a_part_that_cannot_be_fetched_is_named_and_its_runs_are_not_taken_for_missing(
        site, parts, status, cut, said, read):
    address = f"{PLACE}b.zip.bz2"
    _, whole = site.answers[address]
    site.answers[address] = status, whole[:cut] or b"<html>Please log in</html>"
    with pytest.raises(ConnectionError, match=re.escape(f"{address}: expected a part of an archive of stored runs, and "
                                                        f"could not fetch it ({said}")):
        read(packaged())
    del site.answers[address]
    with pytest.raises(FileNotFoundError, match=re.escape("archives/shown/b.zip: expected a part of an archive")):
        read(packaged())
    site.answers[address] = 200, whole
    read(packaged())
    assert packaged()[OTHER].experiment == OTHER


def test_without_an_address_nothing_is_fetched(site, monkeypatch):
    monkeypatch.delenv("MLPLIB_BESIDE")
    assert len(packaged()) == 0 and site.asked == []


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
    """A function that starts a process which saves runs with such seeds, so many times, and waits until it begins.

    With another program it puts them into an archive.
    """
    Store(tmp_path / "one").save(run, weights=True)
    started = []

    def start(folder, seeds, last, program=WRITER):
        process = subprocess.Popen(
            [sys.executable, "-c", program, folder, tmp_path / "one", ",".join(map(str, seeds)), str(last)],
            stdout=subprocess.PIPE, text=True, cwd=Path(mlplib.__file__).parents[1])
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


# As if it were killed with a run written and not yet in place: `os.replace` is "os.rename" to an auditing hook.
KILLED_WHILE_IT_SAVES = """
import os, sys
left = [3]
def hook(event, arguments):
    if event == "os.rename" and str(arguments[0]).startswith(sys.argv[1]):
        left[0] -= 1
        if not left[0]:
            os._exit(9)
sys.addaudithook(hook)
""" + WRITER


@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_no_half_entry(tmp_path, writer):
    def assert_all_are_whole():
        for stored in Store(tmp_path / "runs"):
            assert stored.history.n_steps == 60 and len(stored.model.weights) == 2

    for attempt in range(5):
        process = writer(tmp_path / "runs", [1, 2, 3], 10**6)
        time.sleep(0.05 + 0.013 * attempt)
        process.kill()
        process.wait()
        assert_all_are_whole()
    process = writer(tmp_path / "runs", [1, 2, 3], 10**6, KILLED_WHILE_IT_SAVES)
    assert process.wait(timeout=600) == 9
    assert list((tmp_path / "runs").glob("*.part"))  # it was killed while it saved: otherwise this has shown nothing
    assert_all_are_whole()


@pytest.mark.slow
def test_two_processes_that_save_at_once_lose_nothing(tmp_path, writer):
    seeds = [range(12), range(8, 20)]
    processes = [writer(tmp_path / "runs", each, 3 * len(each)) for each in seeds]
    assert [process.wait(timeout=600) for process in processes] == [0, 0]
    assert {stored.experiment.seed for stored in Store(tmp_path / "runs")} == set(range(20))
    assert not list((tmp_path / "runs").glob("*.part"))


ARCHIVER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from mlplib.store import Store, archive_runs
folder, one, seeds, archive = sys.argv[1:]
store = Store(folder)
run = next(iter(Store(one)))
print("ready", flush=True)
while not Path(one, "go").exists():
    time.sleep(0.001)
for seed in map(int, seeds.split(",")):
    experiment = replace(run.experiment, seed=seed)
    store.save(replace(run, experiment=experiment), weights=True)
    archive_runs(store, archive, [experiment])
"""


@pytest.mark.slow
def test_two_processes_that_archive_at_once_lose_nothing(tmp_path, writer):
    path, seeds = tmp_path / "archives" / "some.zip", [range(60), range(40, 100)]
    processes = [writer(tmp_path / "runs", each, path, program=ARCHIVER) for each in seeds]
    (tmp_path / "one" / "go").touch()  # both begin at once
    assert [process.wait(timeout=600) for process in processes] == [0, 0]
    both = StoreChain(Store(tmp_path / "runs"), Archive(path))
    assert {stored.experiment.seed for stored in both} == set(range(100))
    assert os.listdir(tmp_path / "archives") == ["some.zip"] and not list((tmp_path / "runs").glob("*.part"))


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


def test_a_sweep_takes_what_is_stored_and_trains_and_keeps_the_rest(shelf, run, trained):
    runs = swept([OTHER, EXPERIMENT, OTHER], str(shelf.folder))
    assert trained == [OTHER]
    assert [each.experiment for each in runs] == [OTHER, EXPERIMENT, OTHER]
    assert runs[1].final == run.final and shelf[OTHER].final == runs[0].final
    swept([OTHER, EXPERIMENT], shelf)
    assert trained == [OTHER]


def test_a_sweep_returns_what_the_store_holds_whether_it_was_trained_now_or_before(tmp_path, trained):
    watched = replace(EXPERIMENT, judge_on=("half_1",), diagnostics=("layers", "hits"))
    fresh, stored = (swept([watched, OTHER], tmp_path, keep_weights=[OTHER]) for _ in range(2))
    assert trained == [watched, OTHER]
    for one, other in zip(fresh, stored):
        assert_same(one, other)
    assert [one.model is None for one in fresh] == [True, False]


def assert_same(one, other):
    """Two runs, to the last bit."""
    fields = ({**vars(run), "model": run.model and run.model.weights, "history": vars(run.history)}
              for run in (one, other))
    np.testing.assert_equal(*fields)


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
        attempt = sweeps.attempt
        patch.setattr(sweeps, "attempt", lambda experiment: stop_at(experiments[1], experiment, attempt))
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


def test_a_sweep_takes_what_any_store_of_a_chain_has_and_keeps_the_rest_in_the_first(chain, trained):
    missing = replace(EXPERIMENT, seed=4)
    runs = swept([missing, THIRD, EXPERIMENT], chain)
    assert trained == [missing] and [stored.experiment for stored in chain.stores[0]] == [missing]
    assert runs[1].versions["of"] == "last"


def test_an_archive_alone_serves_a_sweep_that_has_nothing_to_train(archive, trained):
    assert [run.experiment for run in swept([OTHER, EXPERIMENT], archive)] == [OTHER, EXPERIMENT]
    before = archive.path.read_bytes()
    with pytest.raises(ValueError, match=r"^store: 2 runs would be trained, and the archive .*some.zip is read-only; "
                       r"give a folder before it, where they are saved: StoreChain\(Store\(folder\), archive\)"):
        swept([THIRD, EXPERIMENT, OTHER], archive, again=[OTHER])
    assert trained == [] and archive.path.read_bytes() == before


def test_retraining_uses_neither_chain_nor_archive(chain, archive, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLIB_RETRAIN", "1")
    swept([EXPERIMENT], chain)
    swept([EXPERIMENT], archive)
    assert trained == [EXPERIMENT] * 2 and len(chain.stores[0]) == 0
    monkeypatch.setenv("MLPLIB_RETRAIN", str(tmp_path / "anew"))
    for place in (chain, archive, chain):
        swept([EXPERIMENT], place, again=[EXPERIMENT])
    assert trained == [EXPERIMENT] * 3 and len(chain.stores[0]) == 0
    assert EXPERIMENT in sweeps.store_in_use(chain)[0] and sweeps.store_in_use(chain)[1]


def test_what_is_to_be_trained_again_is_and_all_else_is_taken(shelf, run, trained):
    shelf.save(marked(run, of="before"))
    shelf.save(marked(replace(run, experiment=OTHER), of="before"))
    swept([OTHER, EXPERIMENT], shelf, again=[EXPERIMENT, THIRD], marks={"of": "now"})
    assert trained == [EXPERIMENT]
    assert shelf[EXPERIMENT].versions["of"] == "now" and shelf[OTHER].versions["of"] == "before"
    swept([OTHER, EXPERIMENT], shelf)
    assert trained == [EXPERIMENT]


def test_a_run_that_is_trained_again_is_replaced_when_the_new_one_is_finished(shelf, run, chain, monkeypatch):
    shelf.save(replace(run, experiment=OTHER))
    before = {one: shelf.path(one).read_bytes() for one in (EXPERIMENT, OTHER)}
    archive = chain.stores[1]
    for where in (shelf, StoreChain(chain.stores[0], archive)):
        with monkeypatch.context() as patch:
            patch.setattr(sweeps, "attempt", lambda experiment, real=sweeps.attempt: stop_at(OTHER, experiment, real))
            with pytest.raises(KeyboardInterrupt):
                swept([EXPERIMENT, OTHER], where, again=[EXPERIMENT, OTHER], marks={"of": "now"})
        assert where[EXPERIMENT].versions["of"] == "now" and "of" not in where[OTHER].versions
    assert shelf.path(OTHER).read_bytes() == before[OTHER] and "of" not in archive[EXPERIMENT].versions

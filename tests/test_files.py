"""Files that appear whole or not at all, and locks that end with their process."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlplib import files
from mlplib.files import locked, put_in_place, remove, tidy

ROOT = Path(files.__file__).parents[1]


@pytest.fixture(params=["locks", "no locks"], autouse=True)
def both_kinds_of_system(request, monkeypatch):
    """Windows and browsers have no `flock`."""
    if request.param == "no locks":
        monkeypatch.setattr(files, "flock", None)
    elif files.flock is None:
        pytest.skip("this system has no such locks")
    return request.param


def test_a_file_is_put_in_place_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "some.npz"
    for content in (b"first", b"second"):
        put_in_place(path, content)
        assert path.read_bytes() == content and os.listdir(path.parent) == ["some.npz"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["chmod", "replace"])
def test_what_cannot_be_put_in_place_leaves_what_was_there(tmp_path, monkeypatch, name):
    path = tmp_path / "some.npz"
    put_in_place(path, b"first")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, name, full)
    with pytest.raises(OSError, match=r"some.npz: not written, and what was there is unchanged; .*No space") as caught:
        put_in_place(path, b"second")
    assert caught.value.errno == 28
    assert path.read_bytes() == b"first" and os.listdir(tmp_path) == ["some.npz"]


def test_a_file_that_cannot_be_written_is_closed(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # no file may be longer
    try:
        with pytest.raises(OSError, match=r"some.npz: not written, .*large"):
            put_in_place(tmp_path / "some.npz", bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    gc.collect()  # Python 3.14 warns of one that is not
    assert os.listdir(tmp_path) == []


def test_a_file_is_removed_only_if_it_is_still_what_it_was(tmp_path):
    path = tmp_path / "some.npz"
    put_in_place(path, b"saved meanwhile")
    remove(path, b"as it was copied")
    assert path.read_bytes() == b"saved meanwhile" and os.listdir(tmp_path) == ["some.npz"]
    remove(path, b"saved meanwhile")
    remove(path, b"gone already")
    assert os.listdir(tmp_path) == []


def test_what_the_dead_were_writing_goes_and_what_they_put_aside_comes_back(tmp_path):
    (tmp_path / "dead.part").write_bytes(b"half")
    (tmp_path / "lost.aside").write_bytes(b"put aside")
    (tmp_path / "again.aside").write_bytes(b"old")
    (tmp_path / "again.npz").write_bytes(b"new")
    tidy(tmp_path, ".npz")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"lost.npz": b"put aside",
                                                                            "again.npz": b"new"}


def test_what_a_living_process_writes_stays(tmp_path, both_kinds_of_system):
    if both_kinds_of_system == "no locks":
        pytest.skip("nothing says there whose it is")
    program = ("import sys; from pathlib import Path; from mlplib import files; "
               "files.os.replace = lambda *paths: (print('now', flush=True), sys.stdin.readline()); "
               "files.put_in_place(Path(sys.argv[1], 'some.npz'), b'whole')")
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == "now\n"
            tidy(tmp_path, ".npz")
            assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        finally:
            process.kill()
    tidy(tmp_path, ".npz")
    assert os.listdir(tmp_path) == []


def test_a_lock_is_one_processs_and_then_the_next_ones(tmp_path):
    path, inside, most = tmp_path / "new" / "some.lock", [], []

    def work():
        with locked(path, 60) as ours:
            assert ours
            inside.append(1)
            most.append(len(inside))
            with locked(path, 0) as again:
                assert not again
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4 and os.listdir(path.parent) == []


def test_a_lock_is_given_free_where_its_work_fails(tmp_path):
    path = tmp_path / "some.lock"
    with pytest.raises(ZeroDivisionError), locked(path, 0):
        raise ZeroDivisionError
    with locked(path, 0) as ours:
        assert ours

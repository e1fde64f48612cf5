"""Damaged files by the thousand: only the errors that are promised, and no more memory than a file justifies.

Two kinds: bytes that are changed at random, from a seed, and structures that hypothesis makes up, with checksums that
are right. What is read all the same must be what was written, or be sound: as good as anything that can be saved.
`make fuzz` runs the whole of it.
"""

import copy
import gzip
import io
import json
import random
import re
import struct
import time
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from helpers import made_up_run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import mlplib
from mlplib import Experiment, mnist, store
from mlplib.entries import UNPACKED
from mlplib.store import Archive, Store, StoreError

LABELS, HEADER = "t10k-labels-idx1-ubyte", 8
LIES = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\1\0\0\0"]
SENTENCE = re.compile(r"^.{10,}", re.DOTALL)
# A reader may hold a file, what it unpacks, and the objects made of it, a few times each; this much is its own.
TIMES, OWN = 100, 2**20
# A fixture of a function is shared by all its examples: a folder, of which each writes the same file.
FIXTURES = {"suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@contextmanager
def measured():
    """Yield a function that gives the largest amount of memory taken since it was called last."""
    tracemalloc.start()

    def peak():
        now, most = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        taken, peak.before = most - peak.before, now
        return taken

    peak.before = 0
    peak()
    try:
        yield peak
    finally:
        tracemalloc.stop()


def changed(rng, content):
    """Some bytes, damaged in one or more of the ways that files are."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        start, n, kind = rng.randint(0, len(content)), rng.randint(1, 8), rng.randrange(8)
        if kind == 0 and content:  # a bit
            content[start % len(content)] ^= 1 << rng.randrange(8)
        elif kind == 1:  # bytes written over
            content[start : start + n] = rng.randbytes(n)
        elif kind == 2:  # a number that lies
            content[start : start + 4] = rng.choice(LIES)
        elif kind == 3:  # truncated, often near an end
            del content[start if n > 4 else max(0, len(content) - n) :]
        elif kind == 4:  # something missing
            del content[start : start + n]
        elif kind == 5:  # something too much
            content[start:start] = rng.randbytes(n)
        elif kind == 6:  # a part twice
            content += content[start : start + 200]
        else:  # two places changed over
            other = rng.randint(0, len(content))
            content[start : start + n], content[other : other + n] = (content[other : other + n],
                                                                      content[start : start + n])
    return bytes(content)


def campaign(count, what, n, one):
    """Make `n` inputs and try each; say how many, and how fast."""
    start, rng = time.perf_counter(), random.Random(0)
    with measured() as peak:
        for _ in range(n):
            one(rng, peak)
    count(what, n)
    print(f"{n / (time.perf_counter() - start):,.0f} {what} per second")


# ---- the IDX reader


@pytest.fixture(scope="module")
def labels():
    """The smallest of MNIST's files, as it is kept, and what is in it."""
    kept = (mnist.Path(mnist.__file__).parent / "mnist_data" / f"{LABELS}.gz").read_bytes()
    return kept, gzip.decompress(kept)


def read(folder, content, peak=None):
    """What the reader makes of a file: its labels, or None if it refuses in the promised words."""
    (folder / f"{LABELS}.gz").write_bytes(content)
    if peak:
        peak()
    try:
        found, error = mnist._read(folder, LABELS, HEADER), None
    except ValueError as refusal:
        found, error = None, refusal
    assert not peak or peak() < 3 * len(content) + 5 * mnist.SIZES[LABELS] + OWN
    assert error is None or (type(error) is ValueError and LABELS in str(error) and mnist.DIGESTS[LABELS] in str(error))
    return found


def test_labels_that_are_damaged_are_refused_or_are_what_they_were(tmp_path, labels, length, count):
    kept, whole = labels

    def one(rng, peak):
        content = kept
        if rng.randrange(8) == 0:  # damage inside, packed up again
            content = gzip.compress(changed(rng, whole), rng.randrange(7), mtime=0)
        if rng.randrange(3) or content == kept:
            content = changed(rng, content)
        found = read(tmp_path, content, peak)
        assert found is None or found.tobytes() == whole[HEADER:]

    campaign(count, "IDX files", length(2000, 82_000), one)


@st.composite
def idx_files(draw):
    """Headers that lie, of any type and any dimensions, before any content."""
    magic = draw(st.sampled_from([0x801, 0x803, 0x8FF, 0xD01, 0]) | st.integers(0, 2**32 - 1))
    sizes = draw(st.lists(st.sampled_from([0, 1, 28, 10_000, 2**31 - 1, 2**31, 2**32 - 1]), max_size=5))
    body = draw(st.binary(max_size=200) | st.integers(0, 20_000).map(bytes))
    content = struct.pack(f">I{len(sizes)}I", magic, *sizes) + body
    return draw(st.sampled_from([lambda c: c, gzip.compress, zlib.compress, lambda c: gzip.compress(gzip.compress(c)),
                                 lambda c: gzip.compress(c) * 2, lambda c: gzip.compress(c)[:-8]]))(content)


def test_headers_that_lie_are_refused(tmp_path, length, count):
    n = length(50, 1500)

    @settings(max_examples=n, **FIXTURES)
    @given(idx_files())
    def lying(content):
        assert read(tmp_path, content) is None

    lying()
    count("IDX files", n)


@pytest.mark.parametrize("behind", [b"\0", b"rubbish", gzip.compress(b"more")], ids=repr)
def test_what_stands_behind_the_labels_is_noticed(tmp_path, labels, behind):
    assert read(tmp_path, labels[0] + behind) is None


def test_a_file_that_unpacks_to_gigabytes_takes_no_more_memory_than_the_right_one(tmp_path, labels):
    bomb = io.BytesIO()
    with gzip.open(bomb, "wb") as file:
        file.write(labels[1])
        for _ in range(64):
            file.write(bytes(2**20))
    with measured() as peak:
        assert read(tmp_path, bomb.getvalue(), peak) is None


# ---- entries of a store


@pytest.fixture(scope="module")
def runs():
    """Runs with all that can be kept: stops, diagnostics, weights."""
    short = Experiment(hidden=(2,), n_train=64, epochs=2, judge_on=("half_1",), stop_on=("half_1", "validation"),
                       diagnostics=("layers", "hits"), seed=5)
    return [mlplib.run(short), replace(made_up_run(Experiment(seed=3)), versions={"numpy": "2"})]


@pytest.fixture(scope="module")
def entries(tmp_path_factory, runs):
    """Bytes of entries, with weights and without, each with the run that is read from it."""
    shelf, found = Store(tmp_path_factory.mktemp("runs")), []
    for run in runs:
        for weights in (True, False)[run.model is None :]:
            shelf.save(run, weights)
            found.append((shelf.path(run.experiment).read_bytes(), shelf[run.experiment]))
    return found


def parts(run):
    """All that a run holds, as bytes and text, to be compared."""
    arrays = {name: array for name, array in vars(run.history).items() if name != "subsets"} | run.diagnostics
    arrays |= {f"weights {i}": W for i, W in enumerate(run.model.weights if run.model else ())}
    rest = [repr(value) for name, value in (vars(run) | {"seconds": round(run.seconds, 3)}).items()  # as it is saved
            if name not in ("history", "model", "diagnostics")]
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}, rest


def refused(call):
    """What a call gives; None if it says, in the promised way, that what it reads is damaged."""
    try:
        return call()
    except StoreError as refusal:
        error = refusal
    assert type(error) is StoreError and SENTENCE.match(str(error))


def test_entries_that_are_damaged_are_refused_or_are_what_they_were(tmp_path, entries, length, count):
    known, shelf = [(content, parts(run), run.experiment) for content, run in entries], Store(tmp_path)
    paths = [shelf.path(experiment) for _, _, experiment in known]

    def one(rng, peak):
        content, intact, experiment = rng.choice(known)
        content = changed(rng, content)
        shelf.path(experiment).write_bytes(content)
        peak()
        found = refused(lambda: shelf[experiment])
        assert peak() < TIMES * len(content) + OWN
        assert found is None or parts(found) == intact

    campaign(count, "entries of a store", length(400, 14_000), one)
    assert sorted(tmp_path.iterdir()) == sorted(set(paths))


def rewritten(content, tell=None, **arrays):
    """An entry with other facts or arrays, and right checksums; an array that is None is left out."""
    with np.load(io.BytesIO(content)) as entry:
        kept = dict(entry)
    if tell:
        told = tell(json.loads(kept["about"].tobytes()))
        kept["about"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in (kept | arrays).items() if array is not None})
    return buffer.getvalue()


JSON = st.recursive(st.none() | st.booleans() | st.integers(-2**70, 2**70) | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                    max_leaves=5)


def places(value, path=()):
    """Where something stands in JSON, all the way down."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


def put(value, path, new):
    """The same with something else in a place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def test_entries_that_tell_something_else_are_refused_or_sound(tmp_path, entries, length, count):
    n = length(40, 600)
    shelf, again = Store(tmp_path / "told"), Store(tmp_path / "saved again")
    shelf.folder.mkdir()

    @settings(max_examples=n, **FIXTURES)
    @given(st.data())
    def telling(data):
        content, run = data.draw(st.sampled_from(entries))
        with np.load(io.BytesIO(content)) as entry:
            told = json.loads(entry["about"].tobytes())
        place, new = data.draw(st.sampled_from(list(places(told)))), data.draw(JSON)
        content = rewritten(content, lambda about: put(about, place, new))
        shelf.path(run.experiment).write_bytes(content)
        found = refused(lambda: shelf[run.experiment])
        if found is not None:
            again.save(found, weights=found.model is not None)
            assert parts(again[run.experiment])[1] == parts(found)[1]
            for name in ("gradient_rms", "final", "best"):
                assert all(type(value) is float for value in getattr(found, name))
            assert len(found.final) == len(found.best) == 4

    telling()
    count("entries of a store", n)


def npy(header, content=b""):
    header = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def zipped(method=zipfile.ZIP_DEFLATED, **files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in files.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def claim(dtype, shape):
    return npy(f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}")


BOMB, SMALL = bytes(2**23 + UNPACKED), bytes(2**22)
LYING = {
    "a huge array": lambda content: zipped(about=claim("<f8", "(2000000000,)")),
    "a huge array of nothing": lambda content: zipped(about=claim("|V0", "(9223372036854775807,)")),
    "more than can be counted": lambda content: zipped(about=claim("<f8", f"({2**63 - 1}, {2**63 - 1})")),
    "a negative shape": lambda content: zipped(about=claim("<f8", "(-1, -8)")),
    "objects": lambda content: zipped(about=claim("|O", "(1,)")),
    "a bare array": lambda content: claim("<f8", "(2000000000,)"),
    "a deflate bomb": lambda content: zipped(about=claim("|u1", f"({len(BOMB)},)") + BOMB),
    "a bzip2 bomb": lambda content: zipped(zipfile.ZIP_BZIP2, about=claim("|u1", f"({len(SMALL)},)") + SMALL),
    "an LZMA bomb": lambda content: zipped(zipfile.ZIP_LZMA, about=claim("|u1", f"({len(SMALL)},)") + SMALL),
    "a bomb that calls itself small": lambda content: zipped(about=BOMB).replace(
        struct.pack("<I", len(BOMB)), struct.pack("<I", 5000)),
    "a text of megabytes": lambda content: rewritten(content, about=np.frombuffer(b"[]" * 2**23, np.uint8)),
    "a network too large": lambda content: rewritten(
        content, lambda about: about | {"experiment": about["experiment"] | {"hidden": [100_000, 100_000]},
                                        "gradient_rms": [0.1] * 3}, weights_0=np.zeros((2, 2), np.float32)),
    "lengths too large": lambda content: rewritten(
        content, lambda about: about | {"shapes": about["shapes"] | {"step": [2**62]}}),
    "lengths below nothing": lambda content: rewritten(
        content, lambda about: about | {"shapes": about["shapes"] | {"step": [-1]}}),
    "one plane for three": lambda content: rewritten(content, numbers=np.zeros((1, 600), np.uint8)),
    "no planes": lambda content: rewritten(content, numbers=None),
    "planes of floats": lambda content: rewritten(content, numbers=np.zeros((3, 600))),
    "brackets without end": lambda content: rewritten(content, about=np.frombuffer(b"[" * 10**6, np.uint8)),
    "another kind of figure": lambda content: rewritten(content, lambda about: about | {"final": ["a", 1, 2, 3]}),
    "a figure too much": lambda content: rewritten(content, lambda about: about | {"gradient_rms": [0.1] * 9}),
    "a word for a flag": lambda content: rewritten(content, lambda about: about | {"diverged": "no"}),
    "a list for a message": lambda content: rewritten(content, lambda about: about | {"message": []}),
    "a word for an epoch": lambda content: rewritten(content, lambda about: about | {"stopped_epoch": "last"}),
    "numbers for versions": lambda content: rewritten(content, lambda about: about | {"versions": {"numpy": 2}}),
    "a curve too short": lambda content: rewritten(content, lambda about: about | {"shapes": about["shapes"] | {
        "minibatch_loss": [about["shapes"]["minibatch_loss"][0] - 1],
        "evaluation_step": [about["shapes"]["evaluation_step"][0] + 1]}}),
    "steps that stand still": lambda content: rewritten(content, numbers=np.zeros_like(
        np.load(io.BytesIO(content))["numbers"])),
}


# What some of them unpack to, within the limits, before the lie is seen.
UNPACKS = {"a text of megabytes": 2**24, "brackets without end": 10**6}


@pytest.mark.parametrize("lie", LYING.values(), ids=LYING)
def test_an_entry_that_lies_is_refused_without_room_being_made_for_it(tmp_path, entries, lie):
    content, run = entries[-1]
    shelf, content = Store(tmp_path), lie(content)
    shelf.path(run.experiment).write_bytes(content)
    with measured() as peak:
        assert refused(lambda: shelf[run.experiment]) is None
        assert peak() < 3 * max(lie is LYING[name] and size for name, size in UNPACKS.items()) + 4 * OWN


def test_what_is_saved_can_be_read_however_well_it_packs(tmp_path, runs, monkeypatch):
    monkeypatch.setattr("mlplib.entries.UNPACKED", 5000)
    monkeypatch.setattr("mlplib.entries.TIMES", 2)
    run = copy.deepcopy(runs[0])
    run.model.weights = [np.full_like(W, np.nan) for W in run.model.weights]
    Store(tmp_path).save(run, weights=True)
    assert np.isnan(Store(tmp_path)[run.experiment].model.weights[0]).all()


def test_a_run_that_lies_under_anothers_key_is_not_taken_for_it(tmp_path, entries):
    content, _ = entries[-1]
    (tmp_path / f"{'0' * 24}.npz").write_bytes(content)
    with pytest.raises(StoreError, match="expected the run of this key"):
        list(Store(tmp_path))


# ---- archives


@pytest.fixture(scope="module")
def archived(tmp_path_factory, runs):
    """An archive of two runs, as bytes, and what is read from it."""
    folder = tmp_path_factory.mktemp("archived")
    for run in runs:
        Store(folder / "runs").save(run)
    experiments = [run.experiment for run in runs]
    store.archive_runs(Store(folder / "runs"), folder / "some.zip", experiments)
    archive = Archive(folder / "some.zip")
    return (folder / "some.zip").read_bytes(), {one: parts(archive[one]) for one in experiments}


def looked_at(path, content, intact):
    """Whether an archive was read; each run that was is what it was."""
    path.write_bytes(content)
    archive, several = Archive(path), 0
    for experiment, run in intact.items():
        found = refused(lambda: experiment in archive and archive[experiment])
        assert not found or parts(found) == run
        several += bool(found)
    return several


def test_archives_that_are_damaged_are_refused_or_are_what_they_were(tmp_path, archived, length, count):
    content, intact = archived
    end = content.rindex(b"PK\5\6") - content.index(b"PK\1\2")  # most of it are runs: what says where they lie is here

    def one(rng, peak):
        damaged = changed(rng, content)
        if rng.randrange(2):
            start = len(content) - end - 22
            damaged = content[:start] + changed(rng, content[start:])
        peak()
        looked_at(tmp_path / "some.zip", damaged, intact)
        assert peak() < TIMES * len(content) + OWN

    campaign(count, "archives", length(100, 4_000), one)


NAMES = st.sampled_from(["../{}", "/{}", "a/{}", "{}", "{}", "{}\0", "{}.npz", "..", "notes.txt", "C:\\{}", ""])


def test_archives_that_are_made_up_are_refused_or_sound(tmp_path, archived, length, count):
    content, intact = archived
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        kept = {name: file.read(name) for name in file.namelist()}
    n = length(40, 500)
    before = sorted(tmp_path.parent.iterdir())

    @settings(max_examples=n, **FIXTURES)
    @given(st.lists(st.tuples(st.sampled_from(sorted(kept)), NAMES, st.sampled_from([0, 8, 12, 14]), st.booleans(),
                              st.integers(0, 2**32 - 1) | st.none()), max_size=4))
    @example([(name, "{}", 0, False, None) for name in kept])
    def made_up(files):
        buffer, infos = io.BytesIO(), []
        with zipfile.ZipFile(buffer, "w") as file:
            for name, pattern, method, encrypted, claimed in files:
                info = zipfile.ZipInfo(pattern.format(name) or "x")
                info.compress_type = method
                if info.filename in {one.filename for one, *_ in infos}:
                    continue
                file.writestr(info, kept[name])
                infos.append((info, encrypted, claimed))
            for info, encrypted, claimed in infos:  # in the directory at the end; what lies before it stays right
                info.flag_bits |= encrypted
                info.file_size = info.file_size if claimed is None else claimed
        with measured() as peak:
            read = looked_at(tmp_path / "some.zip", buffer.getvalue(), intact)
            assert peak() < TIMES * len(content) + OWN
        right = [info for info, *told in infos if not any(told)]
        assert read <= len(right)

    made_up()
    count("archives", n)
    assert sorted(tmp_path.parent.iterdir()) == before and [path.name for path in tmp_path.iterdir()] == ["some.zip"]


@pytest.mark.parametrize("name", ["../KEY", "a/KEY", "notes", "KEY", ""])
def test_an_archive_holds_runs_by_their_keys_each_once_and_nothing_else(tmp_path, archived, name):
    content, intact = archived
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        (first, run), *_ = ((one, file.read(one)) for one in file.namelist())
    with pytest.warns(UserWarning, match="Duplicate") if name == "KEY" else contextmanager(lambda: (yield))():
        with zipfile.ZipFile(io.BytesIO(), "w") as file:
            file.writestr(first, run)
            file.writestr(name.replace("KEY", first.removesuffix(".npz")) + ".npz", run)
            buffer = file.fp
    assert looked_at(tmp_path / "some.zip", buffer.getvalue(), intact) == 0


def test_a_bomb_in_an_archive_is_refused_unopened(tmp_path, runs):
    name = f"{store.key(runs[0].experiment)}.npz"
    for method, bomb in ((zipfile.ZIP_DEFLATED, BOMB), (zipfile.ZIP_BZIP2, SMALL)):
        with zipfile.ZipFile(tmp_path / "some.zip", "w", method) as file:
            file.writestr(name, bomb)
        with measured() as peak:
            assert refused(lambda: Archive(tmp_path / "some.zip")[runs[0].experiment]) is None
            assert peak() < OWN


# ---- how many


def test_the_whole_campaign_has_a_hundred_thousand_inputs():
    """As `make fuzz` counts them."""
    source = mnist.Path(__file__).read_text(encoding="utf-8")
    whole = sum(int(number.replace("_", "")) for number in re.findall(r"length\(\d+, ([\d_]+)\)", source))
    assert whole >= 100_000

"""Data of one's own: what is kept of it, what is refused, and that an experiment on it is one like others."""

import copy
import gzip
import pickle
from dataclasses import replace

import numpy as np
import pytest

import mlplib
from mlplib import DataSet, Experiment, read_idx
from mlplib.inputs import half_masks, sets_of
from mlplib.store import Store, StoreError, key
from mlplib.sweeps import work


def made_up(n=60, n_classes=3, shape=(4, 2), seed=0, shift=1.0):
    """Blobs: images of a shape, each class about a mean of its own, in an order without a pattern."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    return rng.normal(size=(n, *shape)) + shift * labels.reshape(n, *[1] * len(shape)), labels


TRAIN, VALIDATION = made_up(), made_up(24, seed=1)


@pytest.fixture(scope="module")
def blobs():
    return DataSet("blobs", TRAIN, VALIDATION)


# ---- what it is


def test_it_knows_its_sizes_and_has_a_row_for_each_sample(blobs):
    assert (blobs.n_inputs, blobs.n_classes, blobs.n_train, blobs.n_validation) == (9, 3, 60, 24)
    assert np.array_equal(blobs.train[0], TRAIN[0].reshape(60, 8).astype(np.float32))
    assert np.array_equal(blobs.validation[1], VALIDATION[1])
    assert repr(blobs) == f"DataSet 'blobs' ({blobs.digest}): 60 + 24 samples of 8 numbers, 3 classes"


def test_what_becomes_of_the_arrays_later_does_not_change_it():
    images, labels = TRAIN[0].astype(np.float32), TRAIN[1].copy()
    data = DataSet("blobs", (images, labels), VALIDATION)
    images[:], labels[:] = 0, 0
    assert np.array_equal(data.train[1], TRAIN[1]) and data.train[0].std() > 0
    with pytest.raises(ValueError, match="read-only"):
        data.train[0][0] = 1


@pytest.mark.parametrize("change", [
    lambda t, v: (t, v), lambda t, v: ((t[0].astype(np.float32), t[1].astype(np.uint8)), v),
    lambda t, v: ((t[0].reshape(60, -1), list(t[1])), v), lambda t, v: (list(t), [np.asfortranarray(v[0]), v[1]]),
], ids=("itself", "types", "rows", "order in memory"))
def test_the_same_numbers_have_the_same_digest(blobs, change):
    assert DataSet("blobs", *change(TRAIN, VALIDATION)) == blobs


def test_other_numbers_labels_or_another_division_have_another_digest(blobs):
    images = TRAIN[0].copy()
    images[7, 1, 1] += 1e-3
    both = [np.concatenate(pair) for pair in zip(TRAIN, VALIDATION)]
    others = [DataSet("blobs", (images, TRAIN[1]), VALIDATION), DataSet("blobs", (TRAIN[0], 2 - TRAIN[1]), VALIDATION),
              DataSet("blobs", VALIDATION, TRAIN), DataSet("blobs", TRAIN, (VALIDATION[0], 2 - VALIDATION[1])),
              DataSet("blobs", [a[:58] for a in both], [a[58:] for a in both])]
    assert len({blobs.digest, *(other.digest for other in others)}) == 6
    assert DataSet("other", TRAIN, VALIDATION) != blobs


def test_it_knows_how_many_samples_train_and_validate(blobs):
    both = [np.concatenate([ours, others[:3]]) for ours, others in zip(VALIDATION, TRAIN)]
    assert (blobs.n_repeated, DataSet("a", TRAIN, both).n_repeated, DataSet("a", TRAIN, TRAIN).n_repeated) == (0, 3, 60)


def test_a_copy_is_equal(blobs):
    for same in (pickle.loads(pickle.dumps(blobs)), copy.deepcopy(blobs), DataSet.described(**blobs.description)):
        assert same == blobs and hash(same) == hash(blobs)
    assert blobs != "blobs"


# ---- what is refused


def with_(images=None, labels=None, of=TRAIN):
    pair = of[0].copy(), of[1].copy()
    if images:
        images(pair[0])
    return pair[0], labels(pair[1]) if labels else pair[1]


def put(value, *where):
    def change(array):
        array[where] = value
    return change


REFUSED = [
    ((1, TRAIN, VALIDATION), TypeError, "name: expected a string"),
    (("a", TRAIN[0], VALIDATION), TypeError, "train: expected a sequence of samples and their labels"),
    (("a", (*TRAIN, 1), VALIDATION), ValueError, "train: expected a pair of samples and labels, got 3"),
    (("a", (TRAIN[0].astype(object), TRAIN[1]), VALIDATION), TypeError, "train[0]: expected an array of numbers"),
    (("a", (TRAIN[0].astype(complex), TRAIN[1]), VALIDATION), TypeError, "train[0]: expected an array of numbers"),
    (("a", (TRAIN[1], TRAIN[1]), VALIDATION), ValueError, "train[0]: expected an array of numbers, of shape (N, ...)"),
    (("a", (TRAIN[0][:0], TRAIN[1][:0]), VALIDATION), ValueError, "at least one sample, got shape (0, 4, 2)"),
    (("a", (TRAIN[0][:, :1], TRAIN[1]), VALIDATION), ValueError, "validation: expected samples of 2 numbers, as in"),
    (("a", with_(put(np.nan, 7)), VALIDATION), ValueError, "got nan in sample 7 (8 such in all); fill them in"),
    (("a", TRAIN, with_(put(1e39, 3, 1, 1), of=VALIDATION)), ValueError, ("validation[0]: expected finite numbers, got "
                                                                       "inf in sample 3")),
    (("a", with_(put(2.5)), VALIDATION), ValueError, "expected samples that vary, got the constant 2.5"),
    (("a", (np.ma.masked_less(TRAIN[0], 0), TRAIN[1]), VALIDATION), TypeError, "got a masked array"),
    (("a", with_(labels=lambda y: y.astype(float)), VALIDATION), TypeError, "train[1]: expected integer labels"),
    (("a", with_(labels=lambda y: np.eye(3, dtype=int)[y]), VALIDATION), ValueError, ("train[1]: expected 60 labels, "
                                                                                    "one for each sample, got shape")),
    (("a", with_(labels=lambda y: y[1:]), VALIDATION), ValueError, "train[1]: expected 60 labels"),
    (("a", with_(labels=lambda y: y - 1), VALIDATION), ValueError, "train[1]: expected labels from 0, got -1 to 1"),
    (("a", *(with_(labels=lambda y: y + 1, of=of) for of in (TRAIN, VALIDATION))), ValueError,
     "train[1]: expected labels from 0, got 1 to 3; subtract 1 from all labels"),
    (("a", with_(labels=lambda y: y * 10**9), VALIDATION), ValueError, "got labels as large as 2000000000"),
    (("a", with_(labels=lambda y: y * 0), with_(labels=lambda y: y * 0, of=VALIDATION)), ValueError,
     "expected at least two classes, got label 0 alone"),
    (("a", with_(labels=lambda y: np.where(y == 1, 2, y)), VALIDATION), ValueError,
     ("train[1]: expected 1 or more samples of each class from 0 to 2, got 0 of class 1: there is nothing to learn it "
     "from. If the samples are sorted, shuffle them")),
    (("a", TRAIN, [part[:5] for part in VALIDATION]), ValueError,
     "validation[1]: expected 2 or more samples of each class from 0 to 2, got"),
    (("a", *(with_(labels=lambda y: np.where(y == 2, 7, y), of=of) for of in (TRAIN, VALIDATION))), ValueError,
     ("train[1]: expected classes 0 to 7, got no sample of class 2, here or in validation; number those that there are "
      "without a gap, before the samples are divided: labels = np.unique(labels, return_inverse=True)[1]")),
]


@pytest.mark.parametrize("arguments, kind, said", REFUSED, ids=[said[:40] for _, _, said in REFUSED])
def test_what_is_refused_and_in_which_words(arguments, kind, said):
    with pytest.raises(kind) as error:
        DataSet(*arguments)
    assert said in str(error.value)


# ---- an experiment on it


def test_inputs_are_scaled_as_those_of_mnist_are_and_end_with_the_constant(blobs):
    (X, y), (Xv, yv) = sets_of(blobs)
    flat = TRAIN[0].reshape(60, -1)
    assert X.dtype == np.float32 and not X.flags.writeable and (X.shape, Xv.shape) == ((60, 9), (24, 9))
    assert (X[:, -1] == 1).all() and (Xv[:, -1] == 1).all()
    assert X[:, :-1] == pytest.approx((flat - flat.mean()) / flat.std(), abs=1e-5)
    assert Xv[:, :-1] == pytest.approx((VALIDATION[0].reshape(24, -1) - flat.mean()) / flat.std(), abs=1e-5)
    assert y.tolist() == TRAIN[1].tolist() and yv.tolist() == VALIDATION[1].tolist()
    assert sets_of(blobs, inputs="uncentred")[0][0][:, :-1] == pytest.approx(flat / flat.std(), abs=1e-5)
    assert np.abs(sets_of(blobs, inputs="unit_interval")[0][0]).max() == 1


def test_both_halves_have_all_classes_alike(blobs):
    first, second = half_masks(blobs).values()
    assert (first ^ second).all()
    assert np.bincount(VALIDATION[1][first]).tolist() == np.bincount(VALIDATION[1][second]).tolist() == [4, 4, 4]


def test_an_experiment_trains_on_all_of_it_unless_it_is_told_otherwise(blobs):
    assert Experiment(data=blobs).n_train == 60 and Experiment(data=blobs, n_train=40).steps_per_epoch == 1
    assert (Experiment().n_train, Experiment().n_inputs, Experiment().n_classes, Experiment().n_validation) == (
        20_000, 785, 10, 10_000)
    assert Experiment(data=blobs).n_weights == 9 * 64 + 64 * 3
    assert work(Experiment(data=blobs)) < work(Experiment()) / 100


@pytest.mark.parametrize("fields, said", [
    ({"n_train": 61}, "n_train: expected at most the 60 training images, got 61"),
    ({"batch_size": 61}, "batch_size: expected at most n_train = 60, got 61"),
    ({"third": 1}, "third: expected 0, for 'blobs' has no others, got 1"),
    ({"judge_on": ("held_out",)}, "judge_on: expected sets that 'blobs' has, got 'held_out'"),
])
def test_what_other_data_do_not_have_is_refused(blobs, fields, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        Experiment(data=blobs, **fields)


def test_data_are_a_data_set_or_none():
    with pytest.raises(TypeError, match=r"^data: expected a DataSet, got tuple"):
        Experiment(data=TRAIN)


def test_it_is_stored_under_its_digest_and_read_again_without_the_samples(blobs, tmp_path):
    e = Experiment((5,), data=blobs, batch_size=6, epochs=12, learning_rate=0.5, stop_on=("half_1", "half_2"),
                   judge_on=("half_1", "half_2"), diagnostics=("layers", "units", "hits"), seed=3)
    run, = mlplib.sweep([e], tmp_path, progress=False, keep_weights=[e])
    assert run.final.validation_accuracy > 0.7 and run.model.n_inputs == 9 and run.model.n_classes == 3
    stored = Store(tmp_path)[replace(e, data=DataSet.described(**blobs.description))]
    assert stored.experiment == e and stored.experiment.data.train is None and stored.final == run.final
    assert (24 * stored.history.validation_accuracy == np.round(24 * stored.history.validation_accuracy)).all()
    assert len(np.unpackbits(stored.diagnostics["hits"])) == 24
    assert run.stops["half_1"].last.keys() == {"train", "half_1", "half_2"}
    other = DataSet("blobs", with_(put(0, 0)), VALIDATION)
    assert key(replace(e, data=other)) != key(e) != key(replace(e, data=None, n_train=60))
    with pytest.raises(ValueError, match=r"^data: expected 'blobs' with its samples, got what a store knows of it"):
        mlplib.run(replace(stored.experiment, data=DataSet.described(**other.description)))


def test_a_sweep_in_processes_takes_the_data_along(blobs, tmp_path):
    several = [Experiment((3,), data=blobs, batch_size=6, epochs=2, seed=seed) for seed in range(2)]
    alone = [mlplib.run(one).final for one in several]
    assert [run.final for run in mlplib.sweep(several, n_jobs=2, progress=False)] == alone


def test_an_entry_whose_data_are_none_is_damaged(blobs, tmp_path, monkeypatch):
    store, e = Store(tmp_path), Experiment((3,), data=blobs, batch_size=6, epochs=2)
    run = mlplib.run(e)
    with monkeypatch.context() as patch:
        patch.setattr(DataSet, "description", property(lambda self: {"name": "blobs", "digest": "0", "n_inputs": -1}))
        store.save(run)
        saved = store.path(e)
    saved.rename(store.path(e))
    with pytest.raises(StoreError, match="damaged, or no entry of a store"):
        store[e]


# ---- IDX files


def idx(array, code, big=">"):
    array = np.asarray(array)
    head = bytes([0, 0, code, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + array.astype(array.dtype.newbyteorder(big)).tobytes()


@pytest.mark.parametrize("code, dtype", [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"),
                                         (0x0E, "f8")])
@pytest.mark.parametrize("packed", [False, True], ids=("plain", "gzipped"))
def test_an_idx_file_gives_its_array(tmp_path, code, dtype, packed):
    array = np.arange(24).reshape(4, 3, 2).astype(dtype)
    content = idx(array, code)
    (tmp_path / "images").write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(tmp_path / "images")
    assert np.array_equal(found, array) and found.dtype == np.dtype(dtype) and found.flags.writeable


IMAGES = idx(np.arange(24, dtype="u1").reshape(4, 3, 2), 0x08)


@pytest.mark.parametrize("content, said", [
    (b"", "expected an IDX file, which begins with 0, 0"), (b"PNG.....", "expected an IDX file"),
    (b"\0\0\x07\x01" + IMAGES[4:], "expected an IDX file"), (IMAGES[:-1], ("expected 24 bytes of numbers, for shape "
                                                                       "(4, 3, 2), got 23")),
    (IMAGES + b"!", "got more"), (gzip.compress(IMAGES)[:-9], "damaged, or no IDX file"),
    (b"\0\0\x0e\x08" + b"\xff" * 32 + b"123", "got 3"),
], ids=("empty", "another format", "no such type", "truncated", "longer", "truncated gzip", "a claim"))
def test_a_file_that_is_damaged_or_none_is_named(tmp_path, content, said):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_idx(tmp_path / "images")
    assert str(tmp_path / "images") in str(error.value) and said in str(error.value)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "images")


def test_the_embedded_files_are_such_files():
    folder = mlplib.mnist.Path(mlplib.mnist.__file__).parent / "mnist_data"
    assert np.array_equal(read_idx(folder / "t10k-labels-idx1-ubyte.gz"), mlplib.load_mnist().validation.labels)

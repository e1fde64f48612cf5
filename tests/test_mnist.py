"""The embedded data set: what is in it, that damage is noticed, and how images become inputs."""

import bz2
import gzip
import hashlib
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import Site

import mlplib
from mlplib.inputs import _third, first_samples
from mlplib.mnist import IMAGES, N_FIRST, _fetched_images, _load_one_by_one, first_images

FOLDER = Path(mlplib.__file__).parent / "mnist_data"

PUBLISHED = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def content(name):
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes())


@pytest.mark.parametrize("split, size", [("train", 20_000), ("validation", 10_000), ("held_out", 40_000)])
def test_a_split_has_its_size_and_types(mnist, split, size):
    images, labels = getattr(mnist, split)
    assert (images.shape, images.dtype) == ((size, 784), np.uint8)
    assert (labels.shape, labels.dtype) == ((size,), np.int64)
    assert set(labels.tolist()) == set(range(10))


def test_train_and_held_out_are_the_training_file_in_order(mnist):
    images = np.frombuffer(content("train-images-idx3-ubyte")[16:], np.uint8).reshape(60_000, 784)
    labels = np.frombuffer(content("train-labels-idx1-ubyte")[8:], np.uint8)
    assert np.array_equal(mnist.train.images, images[:20_000])
    assert np.array_equal(mnist.held_out.images, images[20_000:])
    assert np.array_equal(np.concatenate((mnist.train.labels, mnist.held_out.labels)), labels)


def test_validation_is_the_test_file(mnist):
    images = np.frombuffer(content("t10k-images-idx3-ubyte")[16:], np.uint8).reshape(10_000, 784)
    assert np.array_equal(mnist.validation.images, images)
    assert mnist.validation.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_file_has_the_published_digest(name):
    assert hashlib.sha256(content(name)).hexdigest() == PUBLISHED[name]


@pytest.mark.parametrize("split", ["train", "validation", "held_out"])
def test_the_arrays_are_read_only(mnist, split):
    for array in getattr(mnist, split):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_second_call_returns_the_same_objects(mnist):
    assert mlplib.load_mnist() is mnist


@pytest.fixture
def copied_file(tmp_path):
    """The smallest data file, in a copy of the folder."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    return tmp_path / "t10k-labels-idx1-ubyte.gz"


def test_an_undamaged_copy_is_read(mnist, copied_file):
    copy = mlplib.load_mnist(copied_file.parent)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(copy.validation, mnist.validation))


def test_a_missing_file_is_named(copied_file):
    copied_file.unlink()
    with pytest.raises(FileNotFoundError) as error:
        mlplib.load_mnist(copied_file.parent)
    assert copied_file.name in str(error.value)
    assert str(copied_file.parent) in str(error.value)


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[: len(content) // 2], lambda content: content[:-1], lambda content: b"not gzip at all"],
    ids=["half", "last byte gone", "not gzip"],
)
def test_a_file_that_cannot_be_unpacked_is_named_with_both_digests(copied_file, damage):
    copied_file.write_bytes(damage(copied_file.read_bytes()))
    with pytest.raises(ValueError) as error:
        mlplib.load_mnist(copied_file.parent)
    assert copied_file.name in str(error.value)
    expected, _ = re.findall(r"\b[0-9a-f]{64}\b", str(error.value))
    assert expected == PUBLISHED["t10k-labels-idx1-ubyte"]


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-1] + b"\x03", lambda content: content[:-1], lambda content: b""],
    ids=["one label changed", "one label fewer", "nothing"],
)
def test_altered_content_is_reported_with_both_digests(copied_file, damage):
    altered = damage(content("t10k-labels-idx1-ubyte"))
    copied_file.write_bytes(gzip.compress(altered))
    with pytest.raises(ValueError) as error:
        mlplib.load_mnist(copied_file.parent)
    for said in (copied_file.name, PUBLISHED["t10k-labels-idx1-ubyte"], hashlib.sha256(altered).hexdigest()):
        assert said in str(error.value)


# ---- in a live notebook

PLACE = "https://book.org/2026/lite/beside/12ab/mnist_data/"


@pytest.fixture
def site(monkeypatch, mnist):
    """What a live notebook's site has beside the library's wheel."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setenv("MLPLIB_BESIDE", "../../../../beside/12ab/")
    site = Site()
    for name, split in {**mnist._asdict(), "first": mnist.train}.items():  # to pack all takes long
        site.answers[f"{PLACE}{name}.bz2"] = 200, bz2.compress(split.images[:5])
        monkeypatch.setitem(IMAGES, name, hashlib.sha256(split.images[:5]).hexdigest())
    monkeypatch.setitem(sys.modules, "js", site)
    for kept in (_load_one_by_one, _fetched_images):
        kept.cache_clear()
    yield site
    for kept in (_load_one_by_one, _fetched_images):
        kept.cache_clear()


@pytest.mark.parametrize("split", ["train", "validation", "held_out"])
def test_the_digest_of_a_split_is_that_of_its_images(mnist, split):
    assert IMAGES[split] == hashlib.sha256(getattr(mnist, split).images).hexdigest()
    assert IMAGES["first"] == hashlib.sha256(mnist.train.images[:N_FIRST]).hexdigest()


def test_there_images_are_fetched_split_by_split_and_once(site, mnist):
    there = mlplib.load_mnist()
    for ours, theirs in zip(there, mnist, strict=True):
        assert np.array_equal(ours.labels, theirs.labels)
    assert site.asked == []
    for name, whole in (("train", mnist.train), ("held_out", mnist.held_out)):
        split = getattr(there, name)
        images, labels = split
        assert np.array_equal(images, whole.images[:5]) and not images.flags.writeable
        assert images is split.images is split[0] is mlplib.load_mnist()._asdict()[name].images
        assert labels is split.labels is split[1]
    assert site.asked == [f"{PLACE}train.bz2", f"{PLACE}held_out.bz2"]


def test_the_first_third_asks_for_no_image_that_is_held_out(site, mnist):
    assert np.array_equal(_third(0).images, mnist.train.images[:5])
    assert site.asked == [f"{PLACE}train.bz2"]


def test_the_first_images_need_no_others(site, mnist):
    X, y = first_samples(3, None)
    assert np.array_equal(X, mlplib.Standardizer.fit(mnist.train.images)(mnist.train.images[:3]))
    assert np.array_equal(y, mnist.train.labels[:3])
    assert site.asked == [f"{PLACE}first.bz2"]
    there = mlplib.load_mnist()
    assert len(first_images(there.train, N_FIRST + 1)) == len(first_images(there.held_out, 5))
    assert site.asked[1:] == [f"{PLACE}train.bz2", f"{PLACE}held_out.bz2"]


def test_images_that_are_not_the_published_ones_are_refused(site, mnist):
    address = f"{PLACE}validation.bz2"
    site.answers[address] = 200, bz2.compress(mnist.held_out.images[:5])
    with pytest.raises(ConnectionError, match=re.escape(address)) as error:
        mlplib.load_mnist().validation.images  # noqa: B018
    assert IMAGES["validation"] in str(error.value)
    assert hashlib.sha256(mnist.held_out.images[:5]).hexdigest() in str(error.value)
    del site.answers[address]
    with pytest.raises(FileNotFoundError, match="expected validation"):
        mlplib.load_mnist().validation.images  # noqa: B018


def test_a_folder_of_ones_own_is_read_there_too(site, copied_file):
    assert len(mlplib.load_mnist(copied_file.parent).validation.images) == 10_000
    assert site.asked == []


# ---- from images to inputs


def test_mean_and_deviation_are_exact(mnist):
    images = mnist.train.images[:3000]
    standardize = mlplib.Standardizer.fit(images)
    assert standardize.mean == pytest.approx(images.mean(dtype=np.float64), rel=1e-13)
    assert standardize.std == pytest.approx(images.std(dtype=np.float64), rel=1e-12)


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_inputs_are_standardised_pixels_and_a_bias_column(mnist, dtype, tolerance):
    images = mnist.validation.images[:100]
    X = mlplib.Standardizer(mean=33.5, std=78.25)(images, dtype)
    assert (X.shape, X.dtype) == ((100, 785), dtype)
    np.testing.assert_allclose(X[:, :-1], (images.astype(float) - 33.5) / 78.25, atol=tolerance, rtol=0)
    assert (X[:, -1] == 1).all()


def test_inputs_are_float32_unless_asked_otherwise(mnist):
    assert mlplib.Standardizer(mean=0.0, std=1.0)(mnist.train.images[:1]).dtype == np.float32


def test_the_images_it_was_fitted_to_get_mean_0_and_deviation_1(mnist):
    images = mnist.train.images[:3000]
    pixels = mlplib.Standardizer.fit(images)(images, np.float64)[:, :-1]
    assert pixels.mean() == pytest.approx(0, abs=1e-12)
    assert pixels.std() == pytest.approx(1, abs=1e-12)

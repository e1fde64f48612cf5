"""Which images train, stop and judge, and how pixels become inputs."""

import hashlib

import numpy as np
import pytest
from helpers import mean_and_std, standardized
from hypothesis import given
from hypothesis import strategies as st

import mlplib
from mlplib.inputs import (
    INPUTS,
    REPORTED_SCALE,
    first_samples,
    half_masks,
    halves,
    held_out_pieces,
    sets_of,
    standardized_mnist,
)

each_third = pytest.mark.parametrize("third", [0, 1, 2])


# ---- which images


def test_the_inputs_are_the_reports(mnist, inputs):
    (X, y), (Xv, yv) = inputs
    standardize = mlplib.Standardizer.fit(mnist.train.images)
    assert np.array_equal(X[:500], standardize(mnist.train.images[:500])) and len(X) == 20_000
    assert np.array_equal(Xv[:500], standardize(mnist.validation.images[:500])) and len(Xv) == 10_000
    assert y is mnist.train.labels and yv is mnist.validation.labels


@each_third
def test_a_third_is_20000_images_of_the_training_file_scaled_by_themselves(training_file, mnist, third):
    images, labels = (array[20_000 * third :][:20_000] for array in training_file)
    (X, y), (Xv, yv) = standardized_mnist(third)
    assert X.shape == (20_000, 785) and X.dtype == np.float32 and np.array_equal(y, labels)
    scale = mean_and_std(images)
    for part in (slice(500), slice(9_000, 9_500), slice(19_500, None)):
        np.testing.assert_allclose(X[part], standardized(images[part], *scale), atol=1e-5)
    np.testing.assert_allclose(Xv[-500:], standardized(mnist.validation.images[-500:], *scale), atol=1e-5)
    assert Xv.shape == (10_000, 785) and np.array_equal(yv, mnist.validation.labels)


@each_third
def test_what_is_held_out_is_all_the_rest_of_the_training_file(training_file, third):
    inside = np.arange(60_000) // 20_000 == third
    images, labels = (array[~inside] for array in training_file)
    scale, seen = mean_and_std(training_file[0][inside]), 0
    for X, y in held_out_pieces(third, "standardized"):
        part = slice(seen, seen + len(y))
        assert len(X) == len(y) <= 5000 and np.array_equal(y, labels[part])
        assert np.array_equal(np.rint(X[:, :-1] * scale[1] + scale[0]), images[part]) and (X[:, -1] == 1).all()
        seen += len(y)
    assert seen == len(labels) == 40_000


def test_thirds_differ_in_mean_and_deviation(training_file):
    """Otherwise the tests above could not tell which third a scale comes from."""
    scales = [mean_and_std(part) for part in np.split(training_file[0], 3)]
    assert min(abs(np.subtract(scales[i], scales[j])).max() for i, j in ((0, 1), (0, 2), (1, 2))) > 0.05


def test_inputs_are_made_once_until_others_are_asked_for():
    first = standardized_mnist()
    assert standardized_mnist(0, "standardized") is standardized_mnist(third=0) is first
    assert standardized_mnist(1) is not first is not standardized_mnist(0, "uncentred")


@pytest.mark.parametrize("inputs", INPUTS)
def test_inputs_cannot_be_written_to(inputs):
    for X, y in standardized_mnist(0, inputs):
        assert not X.flags.writeable and not y.flags.writeable


# ---- how pixels become inputs


def test_inputs_in_the_unit_interval_are_grey_levels_by_255(mnist):
    (X, _), (Xv, _) = standardized_mnist(0, "unit_interval")
    for ours, images in ((X, mnist.train.images), (Xv, mnist.validation.images)):
        np.testing.assert_allclose(ours[:2000, :-1], images[:2000] / 255, atol=1e-7)
        assert (ours.min(), ours.max()) == (0, 1) and (ours[:, -1] == 1).all()


@each_third
def test_uncentred_inputs_are_divided_by_the_deviation_of_the_third(training_file, third):
    images = training_file[0][20_000 * third :][:20_000]
    (X, _), _ = standardized_mnist(third, "uncentred")
    np.testing.assert_allclose(X[-500:], standardized(images[-500:], 0, mean_and_std(images)[1]), atol=1e-6)
    assert np.array_equal(X[:, :-1] == 0, images == 0)


@pytest.mark.parametrize("inputs", ["uncentred", "unit_interval"])
def test_what_is_held_out_is_scaled_as_the_rest_is(training_file, inputs):
    images = training_file[0]
    std = 255 if inputs == "unit_interval" else mean_and_std(images[20_000:40_000])[1]
    pieces = held_out_pieces(1, inputs)
    for start in (*range(0, 20_000, 5000), *range(40_000, 60_000, 5000)):
        X, _ = next(pieces)
        np.testing.assert_allclose(X[:200], standardized(images[start : start + 200], 0, std), atol=1e-6)
    assert list(pieces) == []


# ---- halves


def test_halves_of_the_validation_set(mnist):
    first, second = half_masks().values()
    counts = [np.bincount(mnist.validation.labels[half], minlength=10) for half in (first, second)]
    assert list(half_masks()) == ["half_1", "half_2"]
    assert first.shape == second.shape == (10_000,) and first.dtype == bool
    assert np.array_equal(first ^ second, np.ones(10_000)) and first.sum() == second.sum() == 5000
    assert abs(counts[0] - counts[1]).max() <= 1
    assert abs(first[:5000].sum() - 2500) < 150  # at random: about as many in the file's first half as in its second


def test_halves_stay_what_they_are(mnist):
    """Others would change what each stored run was stopped on."""
    digest = hashlib.sha256(np.packbits(half_masks()["half_1"])).hexdigest()
    assert digest[:24] == "ad13f29acca0abac621ba122"
    np.random.seed(5)
    assert np.array_equal(halves(mnist.validation.labels), half_masks()["half_1"])
    assert not np.array_equal(halves(mnist.validation.labels, seed=1), half_masks()["half_1"])


@pytest.mark.parametrize(
    "counts, first",
    [((4, 2), (2, 1)), ((5, 3), (2, 2)), ((5, 4, 3), (2, 2, 2)), ((1, 1, 1), (0, 1, 0)), ((3, 0, 3), (1, 0, 2))],
)
def test_of_odd_classes_every_other_one_gives_the_first_half_one_more(counts, first):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    assert tuple(np.bincount(labels[halves(labels)], minlength=len(counts))) == first


@given(st.lists(st.integers(0, 9), max_size=60).map(lambda labels: np.array(labels, int)), st.integers(0, 100))
def test_halves_of_any_labels_are_as_equal_as_can_be(labels, seed):
    first = halves(labels, seed)
    ours, theirs = (np.bincount(labels[half], minlength=10) for half in (first, ~first))
    assert abs(ours - theirs).max() <= 1 and 0 <= theirs.sum() - ours.sum() <= 1


@pytest.mark.parametrize("third, inputs", [(0, "standardized"), (1, "uncentred")])
def test_the_first_samples_are_those_of_the_training_set(third, inputs):
    for part, whole in zip(first_samples(20, None, third, inputs), sets_of(None, third, inputs)[0], strict=True):
        assert np.array_equal(part, whole[:20]) and len(part) == 20


def test_the_reports_scale_is_that_of_its_training_images(mnist):
    assert REPORTED_SCALE == mlplib.Standardizer.fit(mnist.train.images)

"""The page "Draw a digit": the network that the site carries, and what the page says about it."""

import base64
import json
from pathlib import Path

import digit_network
import numpy as np
import pytest
from sphinx.errors import ExtensionError

import mlplib
from mlplib.store import Store, packaged

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build" / "html"
EXPERIMENT = mlplib.REPORT["3c"].experiment


@pytest.fixture(scope="module")
def model():
    return packaged()[EXPERIMENT].model


@pytest.fixture(scope="module")
def script():
    path = SITE / "_static" / "digit_network.js"
    assert path.exists(), "the built book has no digit_network.js: run `make book`"
    return path


@pytest.fixture(scope="module")
def network(script):
    """What the script gives the page, its base64 decoded to bytes."""
    licence, line = script.read_text(encoding="utf-8").splitlines()
    assert "CC BY-SA" in licence
    head, value = line.rstrip(";").split(" = ", 1)
    assert head == "window.mlpDigitNetwork"
    network = json.loads(value)
    network["weights"] = [base64.b64decode(text) for text in network["weights"]]
    for example in network["examples"]:
        example["pixels"] = np.frombuffer(base64.b64decode(example["pixels"]), np.uint8)
    return network


# ---- the file in the site


def test_the_script_has_at_most_300_kilobytes(script):
    assert script.stat().st_size <= 300_000


def test_the_script_holds_exactly_the_weights_of_the_store(network, model):
    decoded = [np.frombuffer(W, "<f4").reshape(shape) for W, shape in
               zip(network["weights"], [(785, 64), (64, 10)], strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(decoded, model.weights, strict=True))


def test_the_script_standardises_as_training_did(network, mnist):
    pixels = mnist.train.images.astype(np.float64)
    assert network["mean"] == pytest.approx(pixels.mean(), rel=1e-12)
    assert network["std"] == pytest.approx(pixels.std(), rel=1e-12)


def test_the_examples_are_a_validation_image_of_each_digit_and_one_that_is_misread(network, mnist, model):
    examples = network["examples"]
    assert [example["label"] for example in examples[:10]] == list(range(10))
    for example in examples:
        same = (mnist.validation.images == example["pixels"]).all(axis=1)
        assert mnist.validation.labels[same].tolist() == [example["label"]]
    standardize = mlplib.Standardizer(network["mean"], network["std"])
    assert model.predict(standardize(examples[10]["pixels"][None])) != examples[10]["label"]


def test_only_the_pages_that_one_can_draw_on_load_it(script):
    loading = {path for path in SITE.rglob("*.html") if b"digit_network.js" in path.read_bytes()}
    assert loading == {SITE / "book" / name for name in ("draw.html", "introduction.html")}


def test_without_a_run_or_its_weights_the_build_says_what_to_do(tmp_path, script):
    store = Store(tmp_path)
    with pytest.raises(ExtensionError, match=r"row 3c, seed 0.* run `make sweep`"):
        digit_network.digit_network(store)
    store.save(packaged()[EXPERIMENT], weights=False)
    with pytest.raises(ExtensionError, match="expect a run with weights"):
        digit_network.digit_network(store)
    store.save(packaged()[EXPERIMENT], weights=True)
    assert digit_network.digit_network(store) == script.read_text(encoding="utf-8")


# ---- what the page claims


@pytest.fixture(scope="module")
def probabilities(model):
    """A function: those of uint8 images of any shape (N, …)."""
    standardize = mlplib.Standardizer.fit(mlplib.load_mnist().train.images)
    return lambda images: model.forward(standardize(images.reshape(len(images), 784)))


def test_four_and_nine_are_confused_most_then_three_and_five(probabilities, mnist):
    images, labels = mnist.validation
    confused = np.zeros((10, 10), int)
    np.add.at(confused, (labels, probabilities(images).argmax(axis=1)), 1)
    pairs = {(a, b): confused[a, b] + confused[b, a] for a in range(10) for b in range(a)}
    assert sorted(pairs, key=pairs.get)[:-3:-1] == [(9, 4), (5, 3)]


@pytest.mark.parametrize("direction", [(0, 1), (0, -1), (1, 0), (-1, 0)])
def test_off_centre_it_misreads_two_thirds_and_then_guesses(probabilities, mnist, direction):
    def accuracy(pixels):
        # Six rows and columns at the borders are empty nearly everywhere: what goes round changes little.
        moved = np.roll(mnist.validation.images.reshape(-1, 28, 28), np.multiply(direction, pixels), axis=(1, 2))
        return np.mean(probabilities(moved).argmax(axis=1) == mnist.validation.labels)

    assert accuracy(4) < 1 / 3
    assert accuracy(6) < 0.15


def test_of_images_with_shuffled_pixels_more_than_a_third_are_read_with_confidence(probabilities, mnist):
    shuffled = np.random.default_rng(0).permuted(mnist.validation.images[:2000], axis=1)
    assert np.mean(probabilities(shuffled).max(axis=1) > 0.9) > 1 / 3


def test_most_hidden_units_end_where_the_sigmoid_is_flat(model, inputs):
    a = mlplib.ACTIVATIONS[model.activation](inputs[1][0] @ model.weights[0])
    assert np.mean(np.abs(a) > 1.5) > 0.7


def test_a_blank_sheet_is_given_no_tenth_to_each_digit(probabilities):
    assert probabilities(np.zeros((1, 784), np.uint8)).max() > 0.5


def test_the_mass_of_each_validation_image_is_centred_on_pixel_14_and_all_but_three_are_twenty_pixels_long(mnist):
    shorter = []
    for image in mnist.validation.images.reshape(-1, 28, 28):
        rows, columns = image.nonzero()
        ink = image[rows, columns].astype(np.int64)
        assert (ink @ (2 * rows + 1) // (2 * ink.sum()), ink @ (2 * columns + 1) // (2 * ink.sum())) == (14, 14)
        length = max(np.ptp(rows), np.ptp(columns)) + 1
        if length != 20:
            at_border = {rows.min(), columns.min(), 27 - rows.max(), 27 - columns.max()}
            shorter.append((length, 0 in at_border))
    assert shorter == [(19, True)] * 3

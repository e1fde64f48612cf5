"""The film: its frames are those of the ordinary training loop, its pictures stay small, its words say what is seen."""

import base64
import io
import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import mlplib
from mlplib.inputs import standardized_mnist
from mlplib.plotting import as_html_image
from mlplib.running import one_blas_thread
from mlplib.widgets import TrainingFilm
from mlplib.widgets import film as film_module

plt.switch_backend("Agg")

TINY = mlplib.Experiment(hidden=(8,), n_train=320, epochs=7).with_tricks(init=True, sigmoid=True, momentum=True)


@pytest.fixture(autouse=True)
def no_bars(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def film():
    return TrainingFilm(TINY, n_frames=5, n_units=8)


@pytest.fixture(scope="module")
def ordinary():
    """The same experiment, evaluated after every update; by step the evaluation and a copy of the weights."""
    (X, y), validation = standardized_mnist()
    model = mlplib.trainer_for(TINY).model
    start = model.weights[0].copy()
    trainer = mlplib.Trainer(model, TINY.optimizer(), (X[:320], y[:320]), validation, epochs=7,
                             evaluations_per_epoch=10)
    with one_blas_thread():
        return start, {progress.step: (progress, [W.copy() for W in model.weights]) for progress in trainer}


def pages(film):
    return [page.value for page in film.children[-1].children]


# ---- the frames


def test_frame_n_stands_after_n_cubed_updates(film):
    assert [frame.n_updates for frame in film.frames] == [0, 1, 8, 27, 64]
    assert list(film.frame_buttons.options) == ["0", "1", "8", "27", "64"]
    assert film.trainer.n_steps == 64


def test_the_first_frame_shows_the_network_before_any_update(film):
    untrained, frame = mlplib.trainer_for(TINY).model, film.frames[0]
    (X, y), validation = standardized_mnist()
    np.testing.assert_array_equal(frame.weights, untrained.weights[0][:784])
    assert frame.moved == 0
    figures = *untrained.evaluate(X[:320], y[:320]), *untrained.evaluate(*validation)
    assert frame.figures == pytest.approx(figures, rel=1e-5)
    assert np.trace(frame.confusion) == round(10_000 * frame.figures.validation_accuracy)
    assert "Before the first update" in pages(film)[0]


def test_a_film_of_one_frame_trains_nothing():
    film = TrainingFilm(TINY, n_frames=1, n_units=4)
    assert len(film.frames) == 1 and film.trainer.n_steps == 0


def test_a_frame_shows_the_network_of_the_ordinary_training_loop(film, ordinary):
    start, by_step = ordinary
    for frame in film.frames[1:]:
        progress, (W, _) = by_step[frame.n_updates - 1]
        assert frame.figures == progress[3:]
        np.testing.assert_array_equal(frame.weights, W[:784])  # without the row of biases
        moved = np.linalg.norm(W[:784] - start[:784]) / np.linalg.norm(start[:784])
        assert frame.moved == pytest.approx(moved, rel=1e-5)


def test_the_confusion_matrix_counts_digits_against_what_they_are_read_as(film, ordinary, mnist, inputs):
    frame = film.frames[-1]
    model = mlplib.trainer_for(TINY).model
    model.weights = ordinary[1][frame.n_updates - 1][1]
    read_as = model.predict(inputs[1][0])
    for digit, column in ((4, 9), (9, 4), (3, 3)):
        assert frame.confusion[digit, column] == np.sum((mnist.validation.labels == digit) & (read_as == column))
    np.testing.assert_array_equal(frame.confusion.sum(axis=1), np.bincount(mnist.validation.labels))
    assert np.trace(frame.confusion) == round(10_000 * frame.figures.validation_accuracy)


def test_the_most_frequent_mistake_is_never_a_right_answer():
    confusion = np.diag(range(100, 110))
    confusion[4, 9], confusion[9, 4] = 7, 8
    assert film_module.FilmFrame(0, None, None, 0.0, confusion).most_confused == (9, 4, 8)


# ---- the run


def test_a_run_that_is_over_ends_the_film():
    film = TrainingFilm(mlplib.Experiment(hidden=(4,), n_train=320, epochs=1), n_frames=9, n_units=4)
    assert [frame.n_updates for frame in film.frames] == [0, 1, 8]


def interrupt_after(n, monkeypatch):
    """Ctrl-C as the n-th evaluation is under way."""
    evaluate, calls = mlplib.MLP.evaluate_in_parts, []

    def evaluate_or_interrupt(model, *arguments):
        calls.append(model)
        if len(calls) == 2 * n - 1:  # each evaluation is one of the training set and one of the validation set
            raise KeyboardInterrupt
        return evaluate(model, *arguments)

    monkeypatch.setattr(mlplib.MLP, "evaluate_in_parts", evaluate_or_interrupt)


def test_ctrl_c_leaves_a_shorter_film_and_a_trainer_that_can_go_on(monkeypatch, capsys):
    interrupt_after(4, monkeypatch)
    film = TrainingFilm(TINY, n_frames=5, n_units=8)
    assert [frame.n_updates for frame in film.frames] == [0, 1, 8]
    assert len(pages(film)) == 3
    assert "Interrupted: the film has 3 frames." in capsys.readouterr().out
    assert next(iter(film.trainer)).step == 26


def test_ctrl_c_while_pictures_are_drawn_keeps_those_that_are(monkeypatch, capsys):
    draw, drawn = film_module.draw_weights, []

    def draw_or_interrupt(*arguments):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(arguments)
        return draw(*arguments)

    monkeypatch.setattr(film_module, "draw_weights", draw_or_interrupt)
    film = TrainingFilm(TINY, n_frames=3, n_units=4)
    assert len(film.frames) == 3 and list(film.frame_buttons.options) == ["0", "1"]


def test_ctrl_c_before_the_first_frame_is_ctrl_c(monkeypatch):
    interrupt_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        TrainingFilm(TINY, n_frames=3, n_units=4)


@pytest.mark.parametrize("arguments, error, message", [
    ({"n_frames": 0}, ValueError, "n_frames: expected an integer of at least 1"),
    ({"n_units": 6}, ValueError, "n_units: expected a multiple of 4"),
    ({"n_units": 12}, ValueError, "n_units: .* MLP 785-8-10.* got 12"),
    ({"experiment": "3c"}, TypeError, "experiment: expected an Experiment"),
])
def test_a_bad_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        TrainingFilm(**{"experiment": TINY, **arguments})


# ---- what is shown


def test_each_picture_says_what_is_seen(film):
    alts = [re.search(r'<img[^>]*alt="([^"]*)"', page)[1] for page in pages(film)]
    assert len(set(alts)) == len(film.frames)
    for frame, alt in zip(film.frames, alts, strict=True):
        digit, read_as, times = frame.most_confused
        assert ("Before the first update: ", f"After {frame.n_updates} update")[frame.n_updates > 0] in alt
        assert f"validation accuracy {frame.figures.validation_accuracy:.3f}" in alt
        assert f"{digit} read as {read_as}, {times} times" in alt


def test_the_table_shows_every_count_under_its_headings(film):
    for frame, page in zip(film.frames, pages(film), strict=True):
        rows = re.findall(r'<th scope="row"[^>]*>(\d)</th>(.*?)</tr>', page)
        assert [int(digit) for digit, _ in rows] == list(range(10))
        counts = [[int(count) for count in re.findall(r"<td[^>]*>(\d+)</td>", cells)] for _, cells in rows]
        np.testing.assert_array_equal(counts, frame.confusion)
        assert re.findall(r'<th scope="col"[^>]*>(\d)</th>', page) == list("0123456789")


def picture(page):
    return base64.b64decode(re.search(r"base64,([^\"]*)", page)[1])


def test_all_pictures_share_one_scale(film):
    """The colour bars at their right are the same picture."""
    whole = [Image.open(io.BytesIO(picture(page))).convert("L") for page in pages(film)]
    first, *others = (np.asarray(image.crop((300, 60, image.width, 240))).astype(int) for image in whole)
    assert all(np.abs(first - other).max() <= 40 for other in others)  # 64 colours are chosen for each picture


def test_a_unit_s_picture_has_its_pixels_in_their_places():
    weights = np.zeros((784, 4))
    weights[28 * 3 + 5, 2] = 1  # row 3, column 5 of unit 2, which is the third image from above
    figure = film_module.draw_weights(weights, 1)
    mosaic = np.asarray(figure.axes[0].images[0].get_array().filled(0))
    plt.close(figure)
    assert np.argwhere(mosaic == 1).tolist() == [[2 * 30 + 1 + 3, 1 + 5]]


def test_the_film_is_small_enough_for_a_page():
    """With pictures of noise, which cannot be packed, in the size and number of the default film."""
    rng = np.random.default_rng(0)
    html = as_html_image(film_module.draw_weights(rng.normal(scale=0.06, size=(784, 16)), 0.17), "alt")
    assert len(html) <= 45_000
    assert 13 * (len(html) + 20_000) <= 1.5e6


def test_all_is_in_the_widget_s_own_state(film):
    assert isinstance(film.children[-1], ipywidgets.Stack)
    assert {type(page) for page in film.children[-1].children} == {ipywidgets.HTML}
    assert all(len(page) <= 60_000 for page in pages(film))
    assert pages(film)[0] in film.plain and pages(film)[-1] in film.plain

"""What an experiment can vary: gains and an offset, the scale of initial weights, the images, how pixels are scaled."""

import hashlib
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlplib
from mlplib import ACTIVATIONS, MLP, Experiment
from mlplib.activations import Adjusted, activation
from mlplib.inputs import half_masks, halves, held_out_pieces, standardized_mnist
from mlplib.store import key, packaged

SHORT = Experiment(hidden=(8,), n_train=320, epochs=1)
LOGISTIC_AS_IMPROVED = {"activation": "sigmoid", "input_gain": 4 / 3, "output_gain": 3.4318, "offset": -1.7159}
GAINS = [(4 / 3, 3.4318, -1.7159), (2, 2, -1), (0.3, 5, 0), (-1.5, 0.5, 0.25), (1.0, -2.0, 3.0), (1.0, 1.0, 0.5)]
Z = np.linspace(-6, 6, 241)
each_activation = pytest.mark.parametrize("name", ACTIVATIONS)
each_third = pytest.mark.parametrize("third", [0, 1, 2])


def small(hidden=(5, 3), **options):
    return MLP(hidden, **({"n_inputs": 4, "n_classes": 3, "dtype": np.float64} | options))


# ---- gains and an offset


def test_the_improved_sigmoid_is_the_logistic_one_adjusted():
    f = activation("sigmoid", 4 / 3, 3.4318, -1.7159)
    np.testing.assert_allclose(f(Z), 1.7159 * np.tanh(2 * Z / 3), atol=1e-14)
    np.testing.assert_allclose(f.derivative(f(Z)), 1.7159 * 2 / 3 / np.cosh(2 * Z / 3) ** 2, atol=1e-14)


def test_tanh_is_the_logistic_sigmoid_adjusted():
    f = activation("sigmoid", 2, 2, -1)
    np.testing.assert_allclose(f(Z), np.tanh(Z), atol=1e-14)
    np.testing.assert_allclose(f.derivative(f(Z)), 1 / np.cosh(Z) ** 2, atol=1e-14)


@each_activation
@pytest.mark.parametrize("gains", GAINS, ids=str)
def test_an_adjusted_derivative_is_the_slope(name, gains):
    f, h = activation(name, *gains), 1e-5
    np.testing.assert_allclose(f.derivative(f(Z)), (f(Z + h) - f(Z - h)) / (2 * h), atol=1e-8)


@each_activation
def test_an_adjusted_activation_writes_where_it_is_told(name):
    f, z, slope = activation(name, 2, 3, -1), Z.copy(), np.empty_like(Z)
    a = f(Z)
    assert f(z, out=z) is z and np.array_equal(z, a)
    expected = f.derivative(a)
    assert f.derivative(a, out=slope) is slope and np.array_equal(slope, expected)
    assert np.array_equal(a, z), "the derivative has changed its argument"


@each_activation
def test_without_gains_an_activation_is_what_it_was(name):
    assert activation(name) is activation(name, 1, 1.0, -0.0) is ACTIVATIONS[name]
    assert all(isinstance(activation(name, *gains), Adjusted) for gains in GAINS)


@pytest.mark.parametrize("biases", ["input", "every_layer"])
@each_activation
def test_a_forward_pass_with_gains_against_one_written_out(problem, name, biases):
    X, _ = problem()
    model = small(activation=name, biases=biases, input_gain=0.7, output_gain=-2.5, offset=0.4)
    g = {"sigmoid": lambda z: 1 / (1 + math.exp(-z)), "improved_sigmoid": lambda z: 1.7159 * math.tanh(2 * z / 3)}[name]
    a = X.tolist()
    for W in model.weights[:-1]:
        z = np.array(a) @ W
        a = [[-2.5 * g(0.7 * z_j) + 0.4 for z_j in row] + (biases == "every_layer") * [1.0] for row in z.tolist()]
    p = np.exp(np.array(a) @ model.weights[-1])
    np.testing.assert_allclose(model.forward(X), p / p.sum(axis=1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("biases", ["input", "every_layer"])
@pytest.mark.parametrize("gains", GAINS, ids=str)
@each_activation
def test_backpropagation_with_gains_against_finite_differences(problem, name, gains, biases):
    model = small(activation=name, biases=biases, **dict(zip(("input_gain", "output_gain", "offset"), gains)))
    assert max(mlplib.check_gradients(model, *problem())) < 1e-7


@each_activation
def test_gains_are_factors_of_the_weights_around_a_hidden_layer(problem, name):
    X, y = problem()
    gained, plain = (small((5,), activation=name, **gains) for gains in ({"input_gain": 2.0, "output_gain": 3.0}, {}))
    plain.weights = [2 * gained.weights[0], 3 * gained.weights[1]]
    np.testing.assert_allclose(gained.forward(X), plain.forward(X), rtol=1e-12)
    for factor, ours, theirs in zip((2, 3), gained.gradients(X, y), plain.gradients(X, y)):
        np.testing.assert_allclose(ours, factor * theirs, rtol=1e-10, atol=1e-15)


def test_the_adjusted_logistic_sigmoid_learns_as_the_improved_one_does():
    plain, improved, adjusted = (
        mlplib.run(replace(SHORT, init="fan_in", hidden=(8, 8), **options)).history
        for options in ({}, {"activation": "improved_sigmoid"}, LOGISTIC_AS_IMPROVED))
    np.testing.assert_allclose(adjusted.minibatch_loss, improved.minibatch_loss, atol=1e-4)
    np.testing.assert_allclose(adjusted.validation_loss, improved.validation_loss, atol=1e-4)
    assert abs(plain.validation_loss - improved.validation_loss).min() > 0.01


def test_gains_leave_the_dtype_alone(problem):
    X, y = problem()
    model = small(dtype=np.float32, input_gain=1.3, output_gain=2.7, offset=-0.1, init_scale=0.3)
    arrays = *model.weights, model.forward(X), *model.gradients(X, y)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


# ---- the scale of the initial weights


@pytest.mark.parametrize("biases", ["input", "every_layer"])
@pytest.mark.parametrize("init", mlplib.INITIALIZERS)
@pytest.mark.parametrize("scale", [0.01, 0.5, -3.0])
def test_the_initial_scale_multiplies_the_same_draws(init, biases, scale):
    plain, scaled = (small(init=init, biases=biases, init_scale=factor).weights for factor in (1, scale))
    for W, V in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(V, scale * W, rtol=1e-15)


def test_the_initial_scale_leaves_the_order_of_the_data_alone(inputs):
    (X, y), _ = inputs
    order = np.random.default_rng(np.random.SeedSequence(0).spawn(2)[1]).permutation(320)[:32]
    for scale in (1.0, 0.1):
        experiment = replace(SHORT, init_scale=scale)
        first = mlplib.trainer_for(experiment).model.loss(X[order], y[order])
        assert mlplib.run(experiment).history.minibatch_loss[0] == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_default_weights_are_the_draws_themselves(dtype):
    rng = np.random.default_rng(np.random.SeedSequence(3).spawn(2)[0])
    for W in MLP((8,), seed=3, dtype=dtype, n_inputs=5).weights:
        assert np.array_equal(W, (2 * rng.uniform(np.finfo(float).tiny, 1, W.shape) - 1).astype(dtype))


# ---- which images


def standardized(images, mean, std):
    """Float64, in one step, with the bias column."""
    return np.column_stack([(images - mean) / std, np.ones(len(images))])


@pytest.fixture(scope="module")
def training_file(mnist):
    """All 60,000 images and labels, in the file's order."""
    return [np.concatenate(pair) for pair in zip(mnist.train, mnist.held_out)]


def mean_and_std(images):
    mean = images.mean()
    return mean, math.sqrt(np.mean([np.mean((part - mean) ** 2) for part in np.split(images, 20)]))


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


@pytest.mark.parametrize("inputs", mlplib.inputs.INPUTS)
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


# ---- an experiment says it


def test_the_new_fields_say_nothing_by_default():
    assert Experiment() == Experiment(
        input_gain=1.0, output_gain=1.0, offset=0.0, init_scale=1.0, third=0, inputs="standardized",
        evaluations_per_epoch=5, dense_steps=0, stop_on=("validation",), judge_on=(), diagnostics=(),
    )  # fmt: skip


VARIED = {
    "input_gain": 2.0, "output_gain": 0.5, "offset": -0.25, "init_scale": 0.1, "third": 2, "inputs": "unit_interval",
    "evaluations_per_epoch": 2, "dense_steps": 300, "stop_on": ("half_2", "validation"),
    "judge_on": ("held_out", "half_1"), "diagnostics": ("units", "hits"),
}  # fmt: skip


def test_every_new_field_reaches_the_trainer(training_file):
    trainer = mlplib.trainer_for(Experiment((6,), n_train=640, **VARIED))
    model, (images, labels) = trainer.model, (array[40_000:40_640] for array in training_file)
    assert (model.input_gain, model.output_gain, model.offset, model.init_scale) == (2.0, 0.5, -0.25, 0.1)
    assert np.array_equal(trainer._y, labels)
    np.testing.assert_allclose(trainer._X[:, :-1], images / 255, atol=1e-7)
    assert (trainer.evaluations_per_epoch, trainer.evaluate_every, trainer.dense_steps) == (2, 10, 300)
    assert list(trainer.stopping) == ["half_2", "validation"] and set(trainer.subsets) == {"half_1", "half_2"}
    assert all(trainer.subsets[name] is mask for name, mask in half_masks().items())
    assert isinstance(trainer.observe, mlplib.diagnostics.Recorder)
    plain = mlplib.trainer_for(Experiment((6,), n_train=640))
    assert (plain.subsets, plain.observe, list(plain.stopping)) == ({}, None, ["validation"])


def test_a_run_on_another_third_is_judged_on_that_third(training_file):
    run = mlplib.run(replace(SHORT, third=1, inputs="uncentred"))
    images, labels = (array[20_000:40_000] for array in training_file)
    X = standardized(images[:320], 0, mean_and_std(images)[1])
    assert run.final[:2] == pytest.approx(run.model.evaluate(X, labels[:320]), rel=1e-5)


def test_names_may_come_as_any_sequence_and_stay_hashable():
    named = Experiment(stop_on=["half_1"], judge_on=("validation", "held_out"), diagnostics=["layers"])
    assert named == Experiment(stop_on=("half_1",), judge_on=["validation", "held_out"], diagnostics=iter(["layers"]))
    assert len({named, pickle.loads(pickle.dumps(named))}) == 1


def test_names_may_come_as_an_array_as_widths_may():
    named = Experiment(hidden=np.array([8, 4]), judge_on=np.array(["held_out"]), stop_on=np.array(["half_1", "half_2"]))
    assert named == Experiment((8, 4), judge_on=("held_out",), stop_on=("half_1", "half_2"))


# ---- keys


def test_each_new_field_changes_the_key():
    keys = {key(Experiment(**{name: value})) for name, value in VARIED.items()}
    assert len(keys | {key(Experiment())}) == len(VARIED) + 1


def test_a_key_says_what_differs_from_the_defaults_and_nothing_else():
    said = b'{"input_gain": 2.0, "stop_on": ["half_1", "half_2"], "third": 1}'
    experiment = Experiment(input_gain=2, stop_on=["half_1", "half_2"], third=np.int64(1), offset=-0.0, judge_on=[])
    assert key(experiment) == hashlib.sha256(said).hexdigest()[:24]


def test_what_was_stored_before_is_still_found():
    shelf = packaged()
    names = [path.stem for path in sorted(shelf.folder.glob("*.npz"))]
    runs = list(shelf)
    assert len(runs) > 100 and [key(run.experiment) for run in runs] == names
    assert key(Experiment()) in names and all(run.stops == {} == run.diagnostics for run in runs)


# ---- bad input

NAN, INF = float("nan"), float("inf")
BAD_NUMBERS = [(NAN, ValueError, "nan"), (INF, ValueError, "inf"), ("1", TypeError, "'1'"), (None, TypeError, "None"),
               (True, TypeError, "True"), ((1.0,), TypeError, r"\(1\.0,\)")]  # fmt: skip


@pytest.mark.parametrize("use", [MLP, Experiment])
@pytest.mark.parametrize("name", ["input_gain", "output_gain", "init_scale"])
@pytest.mark.parametrize("bad, exception, got", [*BAD_NUMBERS, (0, ValueError, "0"), (-0.0, ValueError, "-0.0")])
def test_gains_that_are_none(use, name, bad, exception, got):
    with pytest.raises(exception, match=f"^{name}: expected a finite number other than 0, got {got}"):
        use(**{name: bad})


@pytest.mark.parametrize("use", [MLP, Experiment])
@pytest.mark.parametrize("bad, exception, got", BAD_NUMBERS, ids=repr)
def test_offsets_that_are_none(use, bad, exception, got):
    with pytest.raises(exception, match=f"^offset: expected a finite number, got {got}"):
        use(offset=bad)


@pytest.mark.parametrize("name, minimum", [("third", 0), ("evaluations_per_epoch", 1), ("dense_steps", 0)])
def test_integers_that_are_none(name, minimum):
    for bad in (minimum - 1, 1.0, True, "1", None):
        exception = ValueError if type(bad) is int else TypeError
        with pytest.raises(exception, match=f"^{name}: expected an integer of at least {minimum}, got {bad!r}"):
            Experiment(**{name: bad})


def test_there_are_three_thirds():
    with pytest.raises(ValueError, match="^third: expected 0, 1 or 2, got 3$"):
        Experiment(third=3)


@pytest.mark.parametrize("bad", ["standardised", None, 0, ("standardized",)])
def test_unknown_inputs(bad):
    with pytest.raises(ValueError, match="^inputs: expected one of 'standardized', 'uncentred', 'unit_interval', got "):
        Experiment(inputs=bad)


NAMED = {
    "stop_on": ("validation", "half_1", "half_2"),
    "judge_on": ("validation", "half_1", "half_2", "held_out"),
    "diagnostics": ("layers", "units", "hits"),
}
each_list_of_names = pytest.mark.parametrize("field, known", NAMED.items(), ids=NAMED)


@each_list_of_names
def test_lists_of_names_that_are_none(field, known):
    listed = ", ".join(map(repr, known))
    for bad in (known[0], None, 1):  # a name by itself is no list of letters
        with pytest.raises(TypeError, match=f"^{field}: expected a sequence of names among {listed}, got {bad!r}$"):
            Experiment(**{field: bad})
    for bad in ("train", "", 3, None, (known[0],)):
        with pytest.raises(ValueError, match=rf"^{field}\[1\]: expected one of {listed}, got ") as caught:
            Experiment(**{field: (known[1], bad)})
        assert str(caught.value).endswith(f"got {bad!r}")


@each_list_of_names
def test_each_known_name_is_taken_once(field, known):
    assert getattr(Experiment(**{field: known[::-1]}), field) == known[::-1]
    with pytest.raises(ValueError, match=f"^{field}: expected different names, got "):
        Experiment(**{field: (*known, known[0])})


def test_what_judges_does_not_stop():
    with pytest.raises(ValueError, match=r"^stop_on\[0\]: .*got 'held_out'$"):
        Experiment(stop_on=("held_out",))


@pytest.mark.parametrize("nothing", [tuple, list, lambda: (name for name in ())], ids=["tuple", "list", "generator"])
def test_something_has_to_stop(nothing):
    with pytest.raises(ValueError, match="^stop_on: expected at least one name, got none$"):
        Experiment(stop_on=nothing())
    assert Experiment(judge_on=nothing(), diagnostics=nothing()) == Experiment()


def test_gains_are_said_by_name():
    with pytest.raises(TypeError):
        MLP((64,), "sigmoid", "uniform", "input", 0, np.float32, 785, 10, 2.0)

"""Bad input gets an error that names the argument, says what was expected, and says what came."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import mlplib
from mlplib import MLP, SGD, Experiment, Momentum, Standardizer, Trainer, check_gradients
from mlplib.inputs import halves
from mlplib.losses import one_hot

IMAGES = np.arange(2 * 784, dtype=np.uint8).reshape(2, 784)
X = np.ones((6, 4))
Y = np.array([0, 1, 2, 0, 1, 2])


def small(**options):
    return MLP((3,), n_inputs=4, n_classes=3, **options)


def trainer(train=(X, Y), validation=(X, Y), **options):
    return Trainer(small(), SGD(), train, validation, **({"batch_size": 2} | options))


def with_value(value):
    """X with another value in row 2, column 1."""
    changed = X.copy()
    changed[2, 1] = value
    return changed


def one_by_one(*cases):
    """Parametrises with (bad value or call, exception type, what the message must hold); the latter is the id."""
    return pytest.mark.parametrize(
        "bad, exception, said", [pytest.param(*case, id=" ".join(map(str, case[2]))) for case in cases]
    )


def check(call, exception, said):
    with pytest.raises(exception) as error:
        call()
    assert type(error.value) is exception
    missing = [words for words in said if words not in str(error.value)]
    assert not missing, str(error.value)


@pytest.mark.parametrize(
    "use", [Standardizer.fit, Standardizer(mean=33.0, std=78.0)], ids=["Standardizer.fit", "Standardizer()"]
)
@one_by_one(
    (lambda use: use(IMAGES[:, :783]), ValueError, ["images", "uint8", "(N, 784)", "(2, 783)"]),
    (lambda use: use(IMAGES.reshape(2, 28, 28)), ValueError, ["images", "(N, 784)", "(2, 28, 28)"]),
    (lambda use: use(IMAGES[0]), ValueError, ["images", "(N, 784)", "(784,)"]),
    (lambda use: use(IMAGES / 255), TypeError, ["images", "uint8", "float64"]),
    (lambda use: use(IMAGES[:0]), ValueError, ["images", "at least one", "none"]),
)
def test_images(use, bad, exception, said):
    check(lambda: bad(use), exception, said)


def test_images_without_spread():
    check(lambda: Standardizer.fit(np.full((2, 784), 7, np.uint8)), ValueError, ["images", "vary", "constant 7"])


@pytest.mark.parametrize(
    "name, use",
    [
        ("X", lambda X: small().forward(X)),
        ("X", lambda X: small().predict(X)),
        ("X", lambda X: small().evaluate(X, Y)),
        ("X", lambda X: small().gradients(X, Y)),
        ("X", lambda X: check_gradients(small(), X, Y)),
        ("train X", lambda X: trainer(train=(X, Y))),
        ("validation X", lambda X: trainer(validation=(X, Y))),
    ],
    ids=["forward", "predict", "evaluate", "gradients", "check_gradients", "train", "validation"],
)
@one_by_one(
    (X[:, :3], ValueError, ["(N, 4)", "(6, 3)"]),
    (X[0], ValueError, ["(N, 4)", "(4,)"]),
    (X.reshape(6, 2, 2), ValueError, ["(N, 4)", "(6, 2, 2)"]),
    (X[:0], ValueError, ["at least one", "none"]),
    (X.astype(str), TypeError, ["numeric", "<U"]),
    (X.astype(complex), TypeError, ["numeric", "complex128"]),
    (X.astype(object), TypeError, ["numeric", "object"]),
    (with_value(np.nan), ValueError, ["finite", "nan", "row 2", "column 1"]),
    (with_value(-np.inf), ValueError, ["finite", "-inf", "row 2", "column 1"]),
)
def test_samples(name, use, bad, exception, said):
    check(lambda: use(bad), exception, [f"{name}:", *said])


@pytest.mark.parametrize(
    "name, use",
    [
        ("y", lambda y: small().evaluate(X, y)),
        ("y", lambda y: small().loss(X, y)),
        ("y", lambda y: small().accuracy(X, y)),
        ("y", lambda y: small().gradients(X, y)),
        ("y", lambda y: check_gradients(small(), X, y)),
        ("train y", lambda y: trainer(train=(X, y))),
        ("validation y", lambda y: trainer(validation=(X, y))),
    ],
    ids=["evaluate", "loss", "accuracy", "gradients", "check_gradients", "train", "validation"],
)
@one_by_one(
    (Y[:-1], ValueError, ["6", "(5,)"]),
    (Y[:0], ValueError, ["6", "(0,)"]),
    (Y[:, None], ValueError, ["6", "(6, 1)"]),
    (Y.astype(float), TypeError, ["integer", "float64"]),
    (Y - 1, ValueError, ["0 to 2", "got -1"]),
    (Y + 1, ValueError, ["0 to 2", "got 3"]),
)
def test_labels(name, use, bad, exception, said):
    check(lambda: use(bad), exception, [f"{name}:", *said])


def test_labels_of_digits_reach_from_0_to_9():
    check(lambda: MLP(n_inputs=4).loss(X, Y + 8), ValueError, ["y:", "0 to 9", "got 10"])


@one_by_one(
    (lambda: trainer(train=X), TypeError, ["train:", "pair (X, y)", "ndarray"]),
    (lambda: trainer(validation=None), TypeError, ["validation:", "pair (X, y)", "NoneType"]),
    (lambda: trainer(batch_size=7), ValueError, ["batch_size:", "at most", "6 training samples", "got 7"]),
    (lambda: Experiment(n_train=100, batch_size=101), ValueError, ["batch_size:", "at most", "100", "got 101"]),
    (lambda: Experiment(n_train=20_001), ValueError, ["n_train:", "at most", "20000", "got 20001"]),
)
def test_training_sets(bad, exception, said):
    check(bad, exception, said)


@pytest.mark.parametrize(
    "use, name, minimum",
    [
        (MLP, "seed", 0),
        (MLP, "n_inputs", 1),
        (MLP, "n_classes", 2),
        (trainer, "batch_size", 1),
        (trainer, "epochs", 1),
        (trainer, "patience", 1),
        (trainer, "evaluations_per_epoch", 1),
        (trainer, "seed", 0),
        (Experiment, "batch_size", 1),
        (Experiment, "epochs", 1),
        (Experiment, "patience", 1),
        (Experiment, "n_train", 1),
        (Experiment, "seed", 0),
        (lambda **options: check_gradients(small(), X, Y, **options), "n_weights", 1),
        (lambda **options: check_gradients(small(), X, Y, **options), "seed", 0),
    ],
)
def test_integers(use, name, minimum):
    for value in (minimum - 1, -5):
        check(lambda: use(**{name: value}), ValueError, [f"{name}:", f"integer of at least {minimum}", f"got {value}"])
    for value in (2.0, True, "3"):
        check(lambda: use(**{name: value}), TypeError, [f"{name}:", "integer", f"got {value!r}"])


@pytest.mark.parametrize("use", [MLP, Experiment])
@one_by_one(
    ((64, 0), ValueError, ["hidden[1]:", "at least 1", "got 0"]),
    ((-3,), ValueError, ["hidden[0]:", "at least 1", "got -3"]),
    ((64.0,), TypeError, ["hidden[0]:", "integer", "got 64.0"]),
    (64, TypeError, ["hidden:", "sequence", "got 64"]),
    ("64", TypeError, ["hidden:", "sequence", "got '64'"]),
)
def test_widths(use, bad, exception, said):
    check(lambda: use(hidden=bad), exception, said)


@pytest.mark.parametrize("use", [SGD, Momentum, Experiment])
@one_by_one(
    (0, ValueError, ["positive", "got 0"]),
    (-0.1, ValueError, ["positive", "got -0.1"]),
    (float("nan"), ValueError, ["finite", "got nan"]),
    (float("inf"), ValueError, ["finite", "got inf"]),
    ("0.1", TypeError, ["positive", "got '0.1'", "str"]),
)
def test_learning_rates(use, bad, exception, said):
    check(lambda: use(learning_rate=bad), exception, ["learning_rate:", *said])


@pytest.mark.parametrize("use", [Momentum, Experiment])
@one_by_one(
    (1, ValueError, ["got 1"]),
    (1.5, ValueError, ["got 1.5"]),
    (-0.1, ValueError, ["got -0.1"]),
    (float("nan"), ValueError, ["got nan"]),
    (None, TypeError, ["got None"]),
)
def test_gammas(use, bad, exception, said):
    check(lambda: use(gamma=bad), exception, ["gamma:", "at least 0 and below 1", *said])


@pytest.mark.parametrize("use", [MLP, Experiment])
@one_by_one(
    ({"activation": "relu"}, ValueError, ["activation:", "'sigmoid'", "'improved_sigmoid'", "got 'relu'"]),
    ({"init": "xavier"}, ValueError, ["init:", "'uniform'", "'fan_in'", "got 'xavier'"]),
    ({"init": None}, ValueError, ["init:", "'uniform'", "'fan_in'", "got None"]),
    ({"biases": "none"}, ValueError, ["biases:", "'input'", "'every_layer'", "got 'none'"]),
)
def test_names(use, bad, exception, said):
    check(lambda: use(**bad), exception, said)


@one_by_one(
    (lambda: MLP(dtype=np.int64), ValueError, ["dtype:", "float32 or float64", "got int64"]),
    (lambda: MLP(dtype=np.float16), ValueError, ["dtype:", "float32 or float64", "got float16"]),
    (lambda: Experiment(shuffle=1), TypeError, ["shuffle:", "True or False", "got 1"]),
    (lambda: trainer(shuffle="no"), TypeError, ["shuffle:", "True or False", "got 'no'"]),
    (lambda: check_gradients(small(), X, Y, epsilon=0), ValueError, ["epsilon:", "positive", "got 0"]),
    (lambda: mlplib.run({"seed": 1}), TypeError, ["experiment:", "an Experiment", "got dict"]),
    (
        lambda: mlplib.sweep([Experiment(), "3b"], progress=False),
        TypeError,
        ["experiments[1]:", "an Experiment", "got str"],
    ),
)
def test_the_rest(bad, exception, said):
    check(bad, exception, said)


NAN, INF = float("nan"), float("inf")
BAD_NUMBERS = [(NAN, ValueError, "nan"), (INF, ValueError, "inf"), ("1", TypeError, "'1'"), (None, TypeError, "None"),
               (True, TypeError, "True"), ((1.0,), TypeError, r"\(1\.0,\)")]


@pytest.mark.parametrize("use", [MLP, Experiment])
@pytest.mark.parametrize("name", ["input_gain", "output_gain", "init_scale"])
@pytest.mark.parametrize("bad, exception, got", [*BAD_NUMBERS, (0, ValueError, "0"), (-0.0, ValueError, "-0.0")])
def test_gains_that_are_none(use, name, bad, exception, got):
    if name == "init_scale" and isinstance(bad, tuple):
        bad, name = (1.0, bad), r"init_scale\[1\]"  # a sequence has one for each matrix
    with pytest.raises(exception, match=f"^{name}: expected a finite number other than 0, got {got}"):
        use(**{name.partition("\\")[0]: bad})


@pytest.mark.parametrize("use", [MLP, Experiment])
@pytest.mark.parametrize("bad, exception, got", BAD_NUMBERS, ids=repr)
def test_offsets_that_are_none(use, bad, exception, got):
    with pytest.raises(exception, match=f"^offset: expected a finite number, got {got}"):
        use(offset=bad)


# ---- arrays that hide something, and what has no order

MASKED = np.ma.masked_greater(X, 3)


@pytest.mark.parametrize("use", [
    lambda: small().forward(MASKED), lambda: small().predict(MASKED), lambda: small().evaluate(MASKED, Y),
    lambda: small().loss(X, np.ma.masked_equal(Y, 2)), lambda: small().gradients(MASKED, Y),
    lambda: check_gradients(small(), MASKED, Y), lambda: trainer(train=(MASKED, Y)),
    lambda: trainer(validation=(X, np.ma.masked_equal(Y, 2))), lambda: Standardizer.fit(np.ma.masked_equal(IMAGES, 0)),
    lambda: Standardizer(33.0, 78.0)(np.ma.masked_equal(IMAGES, 0)), lambda: one_hot(np.ma.masked_equal(Y, 2)),
    lambda: halves(np.ma.masked_equal(Y, 2)),
    lambda: trainer(subsets={"some": np.ma.masked_equal(np.ones(6, bool), False)}),
])
def test_masked_arrays_are_refused_by_name(use):
    with pytest.raises(TypeError, match=r"^(X|y|(train|validation) [Xy]|images|labels|subsets\['some'\]): expected .*, "
                                        "got a masked array"):
        use()


@pytest.mark.parametrize("use", [MLP, Experiment])
@pytest.mark.parametrize("bad", [{128, 64}, {64: 1}, frozenset({64}), b"@@", bytearray(b"@"), iter([64]),
                                 (64 for _ in range(1)), {64: 1}.keys(), np.ma.masked_equal([64, 32], 32)], ids=repr)
def test_widths_without_an_order_or_a_second_pass_are_refused(use, bad):
    with pytest.raises(TypeError, match=r"^hidden: expected a sequence of layer widths (.|\n)*got (.|\n)*will do$"):
        use(hidden=bad)


@pytest.mark.parametrize("good", [[8, 4], (8, 4), np.array([8, 4]), range(8, 3, -4)], ids=repr)
def test_lists_tuples_arrays_and_ranges_are_sequences(good):
    assert Experiment(hidden=good).hidden == MLP(good).hidden == (8, 4)


# ---- numbers of other packages, and arrays of others


@pytest.mark.parametrize("value, number", [(Fraction(1, 10), 0.1), (np.longdouble(0.25), 0.25), (10**30, 1e30),
                                           (np.float32(0.5), 0.5)], ids=repr)
def test_numbers_become_floats(value, number):
    for use in (SGD, Momentum, Experiment):
        found = use(learning_rate=value).learning_rate
        assert type(found) is float and found == number


@pytest.mark.parametrize("bad, exception", [
    (Fraction(1, 10**400), ValueError), (10**400, ValueError), (np.longdouble("1e4000"), ValueError),
    (np.longdouble("1e-4000"), ValueError), (Decimal("0.1"), TypeError), (1j, TypeError), (np.array([0.1]), TypeError),
], ids=str)
@pytest.mark.parametrize("use, name", [
    (SGD, "learning_rate"), (Momentum, "learning_rate"), (Experiment, "learning_rate"), (MLP, "input_gain"),
    (lambda epsilon: check_gradients(small(), X, Y, epsilon=epsilon), "epsilon"),
    (lambda std: Standardizer(0.0, std), "std"),
], ids=["SGD", "Momentum", "Experiment", "MLP", "check_gradients", "Standardizer"])
def test_numbers_that_are_nothing_or_everything_as_floats_are_refused(use, name, bad, exception):
    with pytest.raises(exception, match=f"^{name}: expected "):
        use(**{name: bad})


@pytest.mark.parametrize("name", ["input_gain", "output_gain", "offset"])
@pytest.mark.parametrize("bad, held", [(1e300, "inf"), (-1e39, "-inf"), (1e-300, "0.0")])
def test_gains_that_float32_cannot_hold_are_refused(name, bad, held):
    with pytest.raises(ValueError, match=f"^{name}: expected a number that float32 can hold, got .*, which is {held} "):
        MLP((3,), n_inputs=4, **{name: bad})
    assert getattr(small(**{name: bad}, dtype=np.float64), name) == bad


def test_a_scale_that_makes_the_weights_infinite_is_refused():
    with pytest.raises(ValueError, match=r"^init_scale: expected a number that float32 can hold, got inf"):
        MLP((3,), n_inputs=4, init_scale=1e300)


def test_widths_that_no_machine_has_room_for():
    with pytest.raises(ValueError, match=r"^hidden\[0\]: expected .* at least 1 and at most 2147483647, got 1"):
        MLP((10**30,))


@pytest.mark.parametrize("name, use", [("X", lambda bad: small().forward(bad)), ("y", lambda bad: small().loss(X, bad)),
                                       ("images", Standardizer.fit), ("labels", one_hot)])
def test_what_makes_no_array_is_named(name, use):
    class Tensor:
        """As PyTorch's that need a gradient."""

        def __array__(self, *args, **options):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")

    for bad, exception in ((Tensor(), TypeError), ([[1, 2], [3]], ValueError)):
        with pytest.raises(exception, match=f"^{name}: expected .*, got (Tensor|list) that makes no array "):
            use(bad)

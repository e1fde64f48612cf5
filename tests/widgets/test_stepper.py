"""The stepper: its numbers are the library's, each frame says and lights what it computes."""

import re

import numpy as np
import pytest

import mlplib
from mlplib.widgets import BackpropStepper


@pytest.fixture(scope="module")
def stepper():
    return BackpropStepper()


@pytest.fixture(scope="module")
def model(stepper):
    model = mlplib.MLP(hidden=(2,), n_inputs=2, n_classes=2, dtype=np.float64)
    model.weights = [stepper.arrays["W1"], stepper.arrays["W2"]]
    return model


def pages(stepper):
    """What is shown for each frame."""
    return [page.value for page in stepper.children[-1].children]


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text.replace("−", "-"))]


def results(frame):
    """The numbers that stand at the end of its lines."""
    return [numbers(re.search("<b>(.*)</b>", line)[1])[0] for line in frame.lines if "<b>" in line]


def named(stepper, name):
    return next(frame for frame in stepper.frames if frame.name == name)


# ---- the numbers


def test_the_way_forward_is_the_library_s(stepper, model):
    X, y = stepper.arrays["x"], np.array([1])
    np.testing.assert_allclose(stepper.arrays["y_hat"], model.forward(X), rtol=1e-14)
    assert stepper.arrays["C"] == pytest.approx(model.loss(X, y), rel=1e-14)


def test_the_way_back_gives_the_library_s_gradients_and_those_of_central_differences(stepper, model):
    arrays = stepper.arrays
    gradients = model.gradients(arrays["x"], np.array([1]))
    # From the δ of the frames, so that δ is held against the library too.
    for inputs, delta, shown, gradient in (("x", "delta1", "dW1", gradients[0]), ("a1", "delta2", "dW2", gradients[1])):
        np.testing.assert_allclose(arrays[inputs].T @ arrays[delta], gradient, rtol=1e-13)
        np.testing.assert_array_equal(arrays[shown], gradient)
    assert max(mlplib.check_gradients(model, arrays["x"], np.array([1]))) < 1e-8


def test_the_update_is_gradient_descent_and_the_new_loss_is_that_of_the_new_weights(stepper):
    arrays = stepper.arrays
    for W in ("W1", "W2"):
        np.testing.assert_allclose(arrays[f"new_{W}"], arrays[W] - 0.5 * arrays[f"d{W}"], rtol=1e-15)
    after = mlplib.MLP(hidden=(2,), n_inputs=2, n_classes=2, dtype=np.float64)
    after.weights = [arrays["new_W1"], arrays["new_W2"]]
    assert arrays["new_C"] == pytest.approx(after.loss(arrays["x"], np.array([1])), rel=1e-14)
    assert arrays["new_C"] < arrays["C"]


def test_other_numbers_give_another_step():
    weights = [[0.3, -1.2], [2.0, 0.1]], [[1.0, 0.2], [-0.4, 0.7]]
    stepper = BackpropStepper(x=(-2, 3), label=0, weights=weights, learning_rate=0.01)
    np.testing.assert_allclose(stepper.arrays["z1"], [[5.4, 2.7]])
    assert stepper.arrays["y"].tolist() == [[1, 0]]
    assert "α = 0.01" in named(stepper, "update").formula


@pytest.mark.parametrize("arguments, message", [
    ({"x": (1, 2, 3)}, r"x: expected .* \(N, 2\), got shape \(1, 3\)"),
    ({"label": 2}, "label: expected"),
    ({"weights": ([[1, 2]], [[1, 2], [3, 4]])}, r"weights: .* \(2, 2\), got \(1, 2\), \(2, 2\)"),
    ({"learning_rate": 0}, "learning_rate: "),
])
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        BackpropStepper(**arguments)


# ---- the frames


def test_the_steps_come_in_the_order_of_chapter_1(stepper):
    assert [frame.name for frame in stepper.frames] == [
        "start", "z⁽¹⁾", "a⁽¹⁾", "z⁽²⁾", "ŷ", "C", "δ⁽²⁾", "∂C/∂W⁽²⁾", "δ⁽¹⁾", "∂C/∂W⁽¹⁾", "update", "new C",
    ]
    computed = []
    for frame in stepper.frames:
        assert set(frame.reads) <= set(computed), "a step uses only what was computed before"
        computed += frame.writes
    assert sorted(computed) == sorted(stepper.arrays)


@pytest.mark.parametrize("name", ["z⁽¹⁾", "a⁽¹⁾", "z⁽²⁾", "ŷ", "C", "δ⁽²⁾", "∂C/∂W⁽²⁾", "δ⁽¹⁾", "∂C/∂W⁽¹⁾"])
def test_each_line_ends_in_the_number_that_the_step_computes(stepper, name):
    frame = named(stepper, name)
    np.testing.assert_allclose(results(frame), np.ravel(stepper.arrays[frame.writes[0]]), atol=5.1e-4)


@pytest.mark.parametrize("name", ["z⁽¹⁾", "z⁽²⁾", "δ⁽²⁾", "∂C/∂W⁽²⁾", "δ⁽¹⁾", "∂C/∂W⁽¹⁾", "update"])
def test_the_numbers_filled_in_give_the_result(stepper, name):
    for line in named(stepper, name).lines:
        if "<b>" in line:
            line = line.replace("−", "-").replace(":=", "=")
            left, result = re.fullmatch(r"[^=]*= (.*) = <b>(.*)</b>", line).groups()
            assert eval(left.replace("·", "*").replace("\u00a0", "")) == pytest.approx(float(result), abs=3e-3)


def test_the_update_s_lines_are_the_new_weights_of_both_layers(stepper):
    new = np.concatenate([np.ravel(stepper.arrays["new_W1"]), np.ravel(stepper.arrays["new_W2"])])
    np.testing.assert_allclose(results(named(stepper, "update")), new, atol=5.1e-4)
    assert results(named(stepper, "new C")) == [pytest.approx(stepper.arrays["new_C"], abs=5.1e-4)]


# ---- the drawing


def lit(page):
    """The parts with a mark: lines that are thick, boxes that are filled."""
    thick = re.findall(r'<line data-part="(\w+)"[^>]*stroke-width="4"', page)
    return {*thick, *re.findall(r'<rect data-part="(\w+)"', page)}


def test_lit_is_what_the_step_touches(stepper):
    for frame, page in zip(stepper.frames, pages(stepper), strict=True):
        expected = {*frame.reads, *frame.writes}
        if frame.name in ("∂C/∂W⁽²⁾", "∂C/∂W⁽¹⁾"):
            assert frame.writes[0] in lit(page)  # the gradient stands on the lines in place of the weights
        if frame.name == "update":
            expected = {"new_W1", "new_W2"}  # likewise
        if frame.name == "δ⁽²⁾":
            expected |= {"C"}  # the lines from the loss
        assert lit(page) == expected, frame.name


def test_backward_is_told_from_forward_without_colour(stepper):
    for frame, page in zip(stepper.frames, pages(stepper), strict=True):
        assert ("stroke-dasharray" in page) == (frame.phase in ("backward", "update"))


def test_each_drawing_says_its_step_in_words(stepper):
    labels = [re.search(r'<svg[^>]*role="img" aria-label="([^"]*)"', page)[1] for page in pages(stepper)]
    assert len(set(labels)) == len(stepper.frames)
    for number, (frame, label) in enumerate(zip(stepper.frames, labels, strict=True)):
        assert label.startswith(f"Step {number} of 11, {frame.phase}: {frame.words}. ")
        values = np.concatenate([np.ravel(stepper.arrays[part]) for part in frame.writes])
        said = numbers(re.sub(r"[⁰-⁾]", "", label.split(frame.words)[1].split(" Lit:")[0]))
        np.testing.assert_allclose(said, values, atol=5.1e-4)


def test_the_drawing_takes_the_page_s_colours(stepper):
    for page in pages(stepper):
        assert 'fill="currentColor"' in page and "black" not in page


# ---- the widget


def test_what_is_shown_is_linked_in_the_page(stepper):
    links = stepper.children[0].links + stepper.children[-1].links
    ends = {(type(a).__name__, trait, type(b).__name__, other) for link in links
            for (a, trait), (b, other) in [(link.source, link.target)]}
    assert ends == {("ToggleButtons", "index", "Stack", "selected_index"), ("Play", "value", "ToggleButtons", "index"),
                    ("ToggleButton", "value", "Play", "playing")}


def test_where_no_widget_can_be_a_table_holds_every_step(stepper):
    assert all(line in stepper.plain for frame in stepper.frames for line in frame.lines)
    assert "C = 1.376, after one step 0.968" in stepper.summary

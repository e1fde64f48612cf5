"""Backpropagation in slow motion: one step of training, on a network small enough to write every number down."""

import copy
from html import escape
from typing import NamedTuple

import ipywidgets
import numpy as np

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.losses import cross_entropy, log_softmax, one_hot, output_delta
from mlplib.network import MLP
from mlplib.optimizers import SGD
from mlplib.style import BLUE, VERMILLION  # forward and backward, as in chapter 1's drawing of a network
from mlplib.widgets.frames import KernelFree, choice, player, switch

WEIGHTS = ((1.0, -2.0), (0.5, 0.5)), ((1.0, -1.0), (0.5, 1.5))

LETTERS = {
    "x": "x", "y": "y", "W1": "W⁽¹⁾", "W2": "W⁽²⁾", "z1": "z⁽¹⁾", "a1": "a⁽¹⁾", "z2": "z⁽²⁾", "y_hat": "ŷ", "C": "C",
    "delta2": "δ⁽²⁾", "dW2": "∂C/∂W⁽²⁾", "delta1": "δ⁽¹⁾", "dW1": "∂C/∂W⁽¹⁾",
}
PAPER = "var(--pst-color-background, var(--jp-layout-color0, white))"  # the page's ground, light or dark
HEIGHTS = 76, 188  # of unit 0 and unit 1 in the drawing


class StepFrame(NamedTuple):
    """What one step shows.

    Attributes
    ----------
    name : str
        On its button.
    phase : {"start", "forward", "backward", "update", "forward again"}
    words : str
        What happens.
    formula : str
        In the notation of chapter 1.
    lines : list of str
        The formula for each unit or weight, with its numbers filled in; HTML.
    reads, writes : tuple of str
        The arrays that it uses and those that it computes, keys of `BackpropStepper.arrays`. They are lit.
    """

    name: str
    phase: str
    words: str
    formula: str
    lines: list
    reads: tuple
    writes: tuple


class BackpropStepper(KernelFree):
    """One step of gradient descent in slow motion, on two inputs, two hidden sigmoids and two softmax outputs.

    The reader sees the network with its numbers and, beside it, the formula of one step with the numbers filled in.
    Press the buttons in turn, or Play: first the forward pass, from z⁽¹⁾ to the loss C, then the backward pass, from
    δ⁽²⁾ to ∂C/∂W⁽¹⁾, then the update and the new loss. Lit is what the step touches: blue and solid on the way
    forward, vermillion and dashed on the way back. Units are numbered from 0, from top to bottom. Numbers are computed
    in float64, by the functions that train every network of the book, and shown to three decimals.

    Parameters
    ----------
    x : sequence of two float
        The one sample. By default its second entry is 1, the constant that carries the biases.
    label : int
        Its class, 0 or 1.
    weights : pair of array-like of shape (2, 2)
        W⁽¹⁾ and W⁽²⁾; a row for each sender, a column for each receiver.
    learning_rate : float
        α, above 0.

    Attributes
    ----------
    arrays : dict from str to array or float
        x, y, W1, W2; z1, a1, z2, y_hat, C; delta2, dW2, delta1, dW1; and after the update new_W1, new_W2, new_z1,
        new_a1, new_z2, new_y_hat, new_C. Shapes as in chapter 1, with N = 1.
    frames : list of StepFrame
    frame_buttons : ipywidgets.ToggleButtons
        Its `index` is the frame that is shown.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """

    def __init__(self, x=(0.5, 1.0), label=1, weights=WEIGHTS, learning_rate=0.5):
        model = MLP(hidden=(2,), n_inputs=2, n_classes=2, dtype=np.float64)
        given = weights if isinstance(weights, np.ndarray) else _checks.sequence("weights", weights, "matrices")
        model.weights = [np.array(_checks.samples(f"weights[{i}]", W, 2, np.float64)) for i, W in enumerate(given)]
        if [W.shape for W in model.weights] != [(2, 2), (2, 2)]:
            shapes = ", ".join(str(W.shape) for W in model.weights)
            raise ValueError(f"weights: expected two matrices of shape (2, 2), got {shapes or 'none'}")
        X = _checks.samples("x", [_checks.array("x", x, "two numbers")], 2, np.float64)
        y = _checks.labels("label", [_checks.integer("label", label, minimum=0, maximum=1)], 1, 2)
        learning_rate = _checks.learning_rate(learning_rate)
        with np.errstate(all="ignore"):
            self.arrays = _one_step(model, X, y, learning_rate)
        if not all(np.isfinite(array).all() for array in self.arrays.values()):
            raise ValueError(f"learning_rate: expected one that leaves all numbers finite, got {learning_rate!r}")
        self.frames = _frames(self.arrays, learning_rate)
        self.frame_buttons = choice("Step", [frame.name for frame in self.frames])
        pages = {frame.name: _page(self.arrays, self.frames, number) for number, frame in enumerate(self.frames)}
        super().__init__(
            [player(self.frame_buttons), self.frame_buttons,
             switch([self.frame_buttons], lambda name: ipywidgets.HTML(pages[name]))],
            plain=_table(self.arrays, self.frames),
            summary=f"BackpropStepper: a 2-2-2 network in {len(self.frames)} frames; "
                    f"C = {self.arrays['C']:.3f}, after one step {self.arrays['new_C']:.3f}",
        )


def _forward(model, X, targets):
    z1 = X @ model.weights[0]
    a1 = ACTIVATIONS[model.activation](z1)
    z2 = a1 @ model.weights[1]
    log_p = log_softmax(z2)
    return {"z1": z1, "a1": a1, "z2": z2, "y_hat": np.exp(log_p), "C": cross_entropy(log_p, targets)}


def _one_step(model, X, y, learning_rate):
    """Everything that one step of gradient descent computes, in that order; `model` is left as it is."""
    dW1, dW2 = model.gradients(X, y)  # first, because it checks X and y
    targets = one_hot(y, model.n_classes)
    forward = _forward(model, X, targets)
    delta2 = output_delta(np.log(forward["y_hat"]), targets)
    slope = ACTIVATIONS[model.activation].derivative(forward["a1"])
    after = copy.deepcopy(model)
    SGD(learning_rate).update(after.weights, [dW1, dW2])
    W1, W2 = model.weights
    new = {"W1": after.weights[0], "W2": after.weights[1]} | _forward(after, X, targets)
    return (
        {"x": X, "y": targets, "W1": W1, "W2": W2} | forward
        | {"delta2": delta2, "dW2": dW2, "delta1": slope * (delta2 @ W2.T), "dW1": dW1}
        | {f"new_{part}": array for part, array in new.items()}
    )


# ---- what a step says


def _number(value):
    """Three decimals, fewer where they say it exactly, and a real minus sign."""
    number = f"{value:.3f}"
    if abs(value - float(number)) < 1e-12:
        number = number.rstrip("0").rstrip(".")
    return number.replace("-", "−")


def _factor(value):
    number = _number(value)
    return f"({number})" if number.startswith("−") else number


def _sum(*products):
    """Products written out, 0.5 · 1 + 1 · (−2); a line breaks at a plus only."""
    return " + ".join("\u00a0·\u00a0".join(map(_factor, factors)) for factors in products)


def _frames(arrays, learning_rate):
    x, y, z1, a1, z2, y_hat, delta2, delta1 = (
        arrays[part][0] for part in ("x", "y", "z1", "a1", "z2", "y_hat", "delta2", "delta1"))
    W1, W2, dW1, dW2, C, new_C = (arrays[part] for part in ("W1", "W2", "dW1", "dW2", "C", "new_C"))
    n, units, sub = _number, (0, 1), "₀₁"

    def sums(letter, W, inputs, results):
        return [f"{letter}{sub[j]} = {_sum((inputs[0], W[0, j]), (inputs[1], W[1, j]))} = <b>{n(results[j])}</b>"
                for j in units]

    def products(gradient, delta, inputs):
        # The receiver's index first, as in w_ji; in the array the same weight stands at [i, j].
        return [f"∂C/∂w{sub[j]}{sub[i]} = {_sum((delta[j], inputs[i]))} = <b>{n(gradient[i, j])}</b>"
                for i in units for j in units]

    def updates(raised, W, gradient, new):
        return [f"w{sub[j]}{sub[i]}{raised} := {n(W[i, j])} − {_sum((learning_rate, gradient[i, j]))}"
                f" = <b>{n(new[i, j])}</b>" for i in units for j in units]

    label = int(y.argmax())
    loss = "C = −Σ<sub>k</sub> y<sub>k</sub> ln ŷ<sub>k</sub>"
    exponentials = [f"e<sup>{n(z)}</sup>" for z in z2]
    return [
        StepFrame("start", "start", "one sample, its target, and the weights", "x, y, W⁽¹⁾, W⁽²⁾",
              [f"x = ({n(x[0])}, {n(x[1])})", f"y = ({n(y[0])}, {n(y[1])}): the class is {label}",
               "On each line of the drawing stands its weight."],
              (), ("x", "y", "W1", "W2")),
        StepFrame("z⁽¹⁾", "forward", "each hidden unit sums its weighted inputs", "z⁽¹⁾ = X W⁽¹⁾",
              sums("z", W1, x, z1), ("x", "W1"), ("z1",)),
        StepFrame("a⁽¹⁾", "forward", "each hidden unit passes its sum through the sigmoid", "a⁽¹⁾ = f(z⁽¹⁾)",
              [f"a{sub[j]} = 1 / (1 + e<sup>{n(-z1[j])}</sup>) = <b>{n(a1[j])}</b>" for j in units], ("z1",), ("a1",)),
        StepFrame("z⁽²⁾", "forward", "each output sums what the hidden units send: the logits", "z⁽²⁾ = a⁽¹⁾ W⁽²⁾",
              sums("z", W2, a1, z2), ("a1", "W2"), ("z2",)),
        StepFrame("ŷ", "forward", "the softmax turns the logits into probabilities", "ŷ = softmax(z⁽²⁾)",
              [f"ŷ{sub[k]} = {exponentials[k]} / ({' + '.join(exponentials)}) = <b>{n(y_hat[k])}</b>" for k in units],
              ("z2",), ("y_hat",)),
        StepFrame("C", "forward", "the loss says how improbable the right class was", loss,
              [f"C = −ln ŷ{sub[label]} = −ln {n(y_hat[label])} = <b>{n(C)}</b>"], ("y_hat", "y"), ("C",)),
        StepFrame("δ⁽²⁾", "backward", "each logit is told by how much its class was overestimated",
              "δ⁽²⁾ = (ŷ − y) / N, N = 1",
              [f"δ{sub[k]} = {n(y_hat[k])} − {n(y[k])} = <b>{n(delta2[k])}</b>" for k in units],
              ("y_hat", "y"), ("delta2",)),
        StepFrame("∂C/∂W⁽²⁾", "backward", "each weight: what came in, times δ of the receiver",
              "∂C/∂W⁽²⁾ = a⁽¹⁾ᵀ δ⁽²⁾", products(dW2, delta2, a1), ("a1", "delta2"), ("dW2",)),
        StepFrame("δ⁽¹⁾", "backward", "each hidden unit collects what the outputs want, times its own slope",
              "δ⁽¹⁾ = f′(z⁽¹⁾) ⊙ (δ⁽²⁾ W⁽²⁾ᵀ)",
              ["f′(z) = a (1 − a)",
               *(f"δ{sub[j]} = {_sum((a1[j], 1 - a1[j]))} · ({_sum(*zip(delta2, W2[j]))}) = <b>{n(delta1[j])}</b>"
                 for j in units)], ("a1", "W2", "delta2"), ("delta1",)),
        StepFrame("∂C/∂W⁽¹⁾", "backward", "each weight: what came in, times δ of the receiver", "∂C/∂W⁽¹⁾ = Xᵀ δ⁽¹⁾",
              products(dW1, delta1, x), ("x", "delta1"), ("dW1",)),
        StepFrame("update", "update", "all weights move against their gradients",
              f"W := W − α ∂C/∂W, α = {learning_rate:g}",
              updates("⁽¹⁾", W1, dW1, arrays["new_W1"]) + updates("⁽²⁾", W2, dW2, arrays["new_W2"]),
              ("W1", "dW1", "W2", "dW2"), ("new_W1", "new_W2")),
        StepFrame("new C", "forward again", "the same sample goes through the new weights", loss,
              [f"C = −ln {n(arrays['new_y_hat'][0, label])} = <b>{n(new_C)}</b>; before the step it was {n(C)}"],
              ("x", "y", "new_W1", "new_W2"), ("new_z1", "new_a1", "new_z2", "new_y_hat", "new_C")),
    ]


def _in_words(arrays, frames, number):
    """The step for someone who cannot see the drawing."""
    frame = frames[number]
    letters = {part: "new " * part.startswith("new_") + LETTERS[part.removeprefix("new_")] for part in arrays}
    values = "; ".join(f"{letters[part]} = {', '.join(map(_number, np.ravel(arrays[part])))}" for part in frame.writes)
    lit = ", ".join(letters[part] for part in frame.reads + frame.writes)
    return f"Step {number} of {len(frames) - 1}, {frame.phase}: {frame.words}. {values}. Lit: {lit}."


def _page(arrays, frames, number):
    """The drawing and the formula side by side, one above the other on a narrow screen."""
    frame = frames[number]
    lines = "".join(f'<div style="padding-left: 1.5em; text-indent: -1.5em">{line}</div>' for line in frame.lines)
    return (
        '<div style="display: flex; flex-wrap: wrap; gap: 0 1.5rem; line-height: 1.6">'
        f'<div style="flex: 3 1 19rem; max-width: 32rem">{_drawing(arrays, frames, number)}</div>'
        f'<div style="flex: 2 1 15rem; min-height: 18rem"><b>Step {number}, {frame.phase}: {frame.words}</b>'
        f'<div style="margin: .6em 0; font-size: 1.15em">{frame.formula}</div>{lines}</div></div>'
    )


def _table(arrays, frames):
    """All steps below one another, for a page without widgets."""
    rows = "".join(f"<tr><td>{number}, {frame.phase}: {frame.words}</td>"
                   f"<td>{'<br>'.join([frame.formula, *frame.lines])}</td></tr>" for number, frame in enumerate(frames))
    return (f'<div style="max-width: 30rem">{_drawing(arrays, frames, 0)}</div><table class="table">'
            "<thead><tr><th>step</th><th>formula, and its numbers</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>")


# ---- what a step draws


def _drawing(arrays, frames, number):
    """The network as SVG: the values known after a step, and lit what it touches."""
    frame = frames[number]
    known = {part for earlier in frames[: number + 1] for part in earlier.writes}
    lit = {*frame.reads, *frame.writes}
    color, dashes = (VERMILLION, ' stroke-dasharray="7 3"') if frame.phase in ("backward", "update") else (BLUE, "")
    marks = []

    def text(x, y, words, anchor="middle", bold=False):
        weight = ' font-weight="bold"' if bold else ""
        marks.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{words}</text>')

    def line(x1, y1, x2, y2, part, touched):
        stroke = f'"{color}" stroke-width="4"{dashes}' if touched else '"currentColor" stroke-opacity="0.45"'
        marks.append(f'<line data-part="{part}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke={stroke}/>')

    def latest(part):
        return f"new_{part}" if f"new_{part}" in known else part

    def box(x, y, width, parts, unit=None):
        parts = [latest(part) for part in parts if part in known]
        top, left, height = y - 10 * max(1, len(parts)), x - width / 2, 20 * max(1, len(parts))
        frame_of_box = f'x="{left}" y="{top - 3}" width="{width}" height="{height + 6}" rx="5"'
        marks.append(f'<rect {frame_of_box} style="fill: {PAPER}"/>')
        for part in parts:
            if part in lit:
                marks.append(f'<rect data-part="{part}" x="{left}" y="{top}" width="{width}" height="20" '
                             f'fill="{color}" fill-opacity="0.3"/>')
            letter = LETTERS[part.removeprefix("new_")][0] + ("" if unit is None else "₀₁"[unit])
            text(left + 5, top + 15, letter, "start", part in lit)
            text(left + width - 5, top + 15, _number(np.ravel(arrays[part])[unit or 0]), "end", part in lit)
            top += 20
        marks.append(f'<rect {frame_of_box} fill="none" stroke="currentColor"/>')

    for x, heading in ((30, "inputs"), (162, "hidden"), (312, "outputs"), (406, "loss")):
        text(x, 16, heading)
    labels = []
    for left, right, W in ((56, 120, "W1"), (204, 270, "W2")):
        part = f"d{W}" if f"d{W}" in frame.writes else latest(W)  # the gradient stands on the lines while it is new
        for i, start in enumerate(HEIGHTS):
            for j, end in enumerate(HEIGHTS):
                line(left, start, right, end, part, part in lit)
                x, y = ((left + right) / 2, start - 7) if i == j else (left + 20, start + 0.29 * (end - start) + 5)
                labels.append((x, y, _number(arrays[part][i, j]), "middle", part in lit))
    for y in HEIGHTS:
        line(354, y, 375, sum(HEIGHTS) / 2, latest("C"), bool({"C", "delta2", "new_C"} & {*frame.writes}))
    marks.append(f'<g style="paint-order: stroke; stroke: {PAPER}; stroke-width: 4px">')  # a halo, where lines cross
    for label in labels:
        text(*label)
    marks.append("</g>")
    deltas = [] if "new_C" in known else ["delta1", "delta2"]  # they belonged to the old weights
    for unit, y in enumerate(HEIGHTS):
        box(30, y, 52, ["x"], unit)
        box(162, y, 84, ["z1", "a1", *deltas[:1]], unit)
        box(312, y, 84, ["z2", "y_hat", "y", *deltas[1:]], unit)
    box(406, sum(HEIGHTS) / 2, 62, ["C"])
    return (f'<svg viewBox="0 0 440 244" role="img" aria-label="{escape(_in_words(arrays, frames, number))}" '
            'font-size="13" fill="currentColor" style="width: 100%; height: auto; font-family: sans-serif">'
            f'{"".join(marks)}</svg>')

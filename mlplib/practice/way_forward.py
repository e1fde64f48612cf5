"""Blanks of the way forward: the sigmoid, softmax and cross-entropy, all layers; with the mistakes made in them."""

import math
from itertools import pairwise

import numpy as np

from mlplib.activations import ACTIVATIONS
from mlplib.losses import cross_entropy, log_softmax, one_hot, softmax
from mlplib.practice.blanks import Blank

F = ACTIVATIONS["sigmoid"]
f, f_slope = F.__call__, F.derivative

# ---- 1: the sigmoid


def _see_sigmoid(look, sigmoid, slope):
    look.call("sigmoid(np.array([-2., 0., 0.5, 3.]))", sigmoid, np.array([-2.0, 0.0, 0.5, 3.0]))
    look.call("sigmoid(np.array([[1., -1., 4.]]))", sigmoid, np.array([[1.0, -1.0, 4.0]]))
    look.call("sigmoid(np.array([1000.]))", sigmoid, np.array([1000.0]))
    look.call("sigmoid(np.array([-1000.]))", sigmoid, np.array([-1000.0]))
    look.call("slope(np.array([0.1, 0.5, 0.8]))", slope, np.array([0.1, 0.5, 0.8]))
    look.call("slope(np.array([[0.25], [1.]]))", slope, np.array([[0.25], [1.0]]))


SIGMOID = Blank(
    "sigmoid",
    "The sigmoid f(z), and its slope f′ as a function of a = f(z).",
    ("sigmoid(z)", "slope(a)"), _see_sigmoid, (f, f_slope),
    look=(1, "The slope of the activation, from what is there already"),
    hint="Compute f(0), f(2) and the slope where a = 0.5 on paper, and compare: 0.5, 0.881, 0.25.",
    line="return (1 + np.tanh(z / 2)) / 2        # and the slope: return a * (1 - a)")
_UNITS = (1, "Units add, bend and send on")
_STEADY = "return (1 + np.tanh(z / 2)) / 2        # the same as 1 / (1 + e^(-z)), and tanh cannot overflow"
SIGMOID.mistake(
    "the wrong sign of z", lambda z: f(-z), f_slope, look=_UNITS, line=_STEADY,
    follows="Your curve falls where the sigmoid rises: a unit with a large positive sum would send almost 0.",
    hint="For a large z the exponential must become small, so what must stand before z in the exponent?")
SIGMOID.mistake(
    "overflow at z = 1,000", lambda z: np.exp(z) / (1 + np.exp(z)), f_slope, look=_UNITS, line=_STEADY,
    follows="e to the 1,000 is more than any float64 holds. It becomes infinity, and infinity by infinity is NaN. One "
            "unit with such a sum makes the whole loss NaN.",
    hint="Divide above and below by the exponential. Or use a function that levels off by itself, like tanh.")
SIGMOID.mistake(
    "tanh in its own right", np.tanh, f_slope, look=_UNITS, line=_STEADY,
    follows="tanh runs from −1 to 1, the sigmoid from 0 to 1. The two are relatives, but a slope of a (1 − a) does not "
            "belong to tanh.",
    hint="Shift tanh up so that it begins at 0, and shrink it so that it ends at 1; then compare how steep it is.")
SIGMOID.mistake(
    "twice as steep", lambda z: (1 + np.tanh(z)) / 2, f_slope, look=_UNITS, line=_STEADY,
    follows="It runs from 0 to 1 as it should, but its slope at 0 is ½ in place of ¼, so f′ = a (1 − a) is wrong by a "
            "factor of 2 on each layer of the way back.",
    hint="Write tanh(u) with exponentials, and compare with 1 / (1 + e^(−z)). What is u?")
SIGMOID.mistake(
    "a pair of brackets is missing", lambda z: 1 / 1 + np.exp(-z), f_slope, look=_UNITS, line=_STEADY,
    follows="Python divides before it adds: `1 / 1 + e` is 1 + e. Your curve is never below 1.",
    hint="What should stand under the line of the fraction, and what does?")
SIGMOID.mistake(
    "cut off too early", lambda z: f(np.clip(z, -5, 5)), f_slope, look=_UNITS, line=_STEADY,
    also=[(lambda z: f(np.clip(z, -10, 10)), f_slope)],
    follows="Cutting z off avoids the overflow, but beyond the cut the curve is flat although its slope is said to be "
            "a (1 − a), and no gradient check passes there.",
    hint="Cut off only where float64 cannot tell the result from 0 or 1, or write the formula so that no cut is "
         "needed.")
SIGMOID.mistake(
    "math.exp in place of np.exp", lambda z: 1 / (1 + math.exp(-z)), f_slope, look=_UNITS, line=_STEADY,
    follows="The math module computes with one number. A layer has a whole array of sums.",
    hint="NumPy has the same function for arrays.")


def _overwriting(z):
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z


SIGMOID.mistake(
    "z is overwritten", _overwriting, f_slope, look=(1, "Meet the same lines in the library"), line=_STEADY,
    follows="The value is right, but the caller's z is gone. Whoever computes sigmoid(z) twice gets two answers.",
    hint="`z *= 0.5` changes the array that was handed in; `z * 0.5` makes a new one.")
_SLOPE = "return a * (1 - a)"
SIGMOID.mistake(
    "f′ of z where a is meant", f, lambda a: f(a) * (1 - f(a)), line=_SLOPE,
    follows="What comes in is a, and the sigmoid has been applied already. Applied once more, every slope lies between "
            "0.19 and ¼: saturated units look as if they could learn.",
    hint="The forward pass leaves a behind, not z. No exponential is needed any more.")
SIGMOID.mistake(
    "the slope of tanh", f, lambda a: 1 - a**2, line=_SLOPE,
    follows="1 − a² belongs to tanh. For the sigmoid it gives ¾ where ¼ is right.",
    hint="Differentiate 1 / (1 + e^(−z)) once more, and look for a in what comes out.")
SIGMOID.mistake(
    "the sign of the slope", f, lambda a: a * (a - 1), line=_SLOPE,
    follows="The sigmoid rises everywhere, so its slope is never negative. With this one, every δ behind the output "
            "points uphill, in a network of one hidden layer.",
    hint="Is a larger or smaller than 1?")

# ---- 2: softmax and cross-entropy

_Z = np.array([[1.0, 2.0, 0.5, -1.0], [0.0, -3.0, 1.0, 2.5], [0.3, 0.1, -0.2, 4.0]])
_LARGE = np.array([[1000.0, 1001.0], [-1000.0, -1002.0], [3.0, 1.0]])


def _see_softmax(look, softmax, cross_entropy):
    for case, z, y in ((", 3 samples", _Z, [1, 3, 0]), (", 1 sample", _Z[:1], [2]),
                       (", logits of 1,000 and −1,000", _LARGE, [1, 0, 1])):
        look.call("softmax(z)", softmax, z, case=case)
        look.call("cross_entropy(z, y)", cross_entropy, z, np.array(y), case=case)
    look.call("cross_entropy(z, y)", cross_entropy, np.array([[0.0, 900.0], [1.0, 0.0]]), np.array([0, 0]),
              case=", sure and wrong")


def _loss(z, y):
    return cross_entropy(log_softmax(z), one_hot(y, z.shape[1]))


def _right_class(p, y):
    return p[np.arange(len(y)), y]


SOFTMAX = Blank(
    "softmax",
    "The softmax of each row of logits, and the mean cross-entropy of logits z with integer labels y.",
    ("softmax(z)", "cross_entropy(z, y)"), _see_softmax, (softmax, _loss),
    look=(1, "Softmax: from sums to probabilities"),
    hint="Each row is one sample. Its probabilities add up to 1, and do not change if all its logits rise together.",
    line="z = z - z.max(axis=1, keepdims=True)        # then np.exp(z), divided by its sums over axis=1")
_STABLE = "e = np.exp(z - z.max(axis=1, keepdims=True)); return e / e.sum(axis=1, keepdims=True)"
_ENTROPY = (1, "Cross-entropy: how wrong, in one number")
_LOG = ("z = z - z.max(axis=1, keepdims=True); log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True)); "
        "return -log_p[np.arange(len(y)), y].mean()")


def _over_samples(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=0)


SOFTMAX.mistake(
    "softmax over samples", lambda z: softmax(z.T).T, _loss, line=_STABLE, also=[(_over_samples, _loss)],
    follows="Each column adds up to 1 in place of each row: the samples compete for a class, not the classes for a "
            "sample. With a single sample every probability is 1.",
    hint="Rows are samples. Along which axis of the array do the classes lie?")


def _unsteady(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _from_one_maximum(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


def _over_everything(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def _without_keepdims(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1)


def _in_place(z):
    z -= z.max(axis=1, keepdims=True)
    return softmax(z)


SOFTMAX.mistake(
    "overflow at z = 1,000", _unsteady, _loss, line=_STABLE,
    also=[(_unsteady, lambda z, y: -np.log(_right_class(_unsteady(z), y)).mean())],
    follows="e to the 1,000 is infinity in float64, and infinity by infinity is NaN. Logits of 1,000 need no fault in "
            "the network: images whose grey levels are not standardised are enough.",
    hint="Raising all logits of a row together changes no probability. Which number may you subtract, so that the "
         "largest exponential is 1?")
SOFTMAX.mistake(
    "one maximum for all samples", _from_one_maximum, _loss, line=_STABLE,
    follows="The sample with the largest logits is safe. One whose logits lie far below becomes 0 / 0, which is NaN: "
            "whether a sample has an answer depends on its neighbours in the minibatch.",
    hint="Each row needs a maximum of its own. `keepdims=True` lets it be subtracted from the row.")
SOFTMAX.mistake(
    "the sum over the wrong axis: over both", _over_everything, _loss, line=_STABLE,
    follows="All probabilities of all samples together add up to 1. With N samples each row adds up to about 1/N, and "
            "the network seems unsure of everything.",
    hint="`sum()` without an axis adds up the whole array.")
SOFTMAX.mistake(
    "keepdims forgotten", _without_keepdims, _loss, line=_STABLE,
    follows="The sums of the rows have the shape (N,), and NumPy lays such an array along the columns. With other "
            "numbers of samples and classes it crashes; with equal ones each column is divided by another row's sum.",
    hint="A sum that is to be divided into its row needs the shape (N, 1).")
SOFTMAX.mistake(
    "the logits are overwritten", _in_place, _loss, line=_STABLE,
    follows="The probabilities are right, but the caller's logits have changed. A loss that is computed from them "
            "afterwards is right only because raising all logits together changes nothing.",
    hint="`z -= ...` changes the array that was handed in; `z - ...` makes a new one.")
SOFTMAX.mistake(
    "the logarithm of a probability that became 0", softmax,
    lambda z, y: -np.log(_right_class(softmax(z), y)).mean(), look=_ENTROPY, line=_LOG,
    follows="A class that is 900 behind has the probability e to the −900, which float64 rounds to 0, and the "
            "logarithm of 0 is −infinity. The loss of such a sample is 900.",
    hint="Take the logarithm on paper first: ln(e^z / S) = z − ln S. Nothing of it is too small or too large.")


def _propped(small):
    return softmax, lambda z, y: -np.log(_right_class(softmax(z), y) + small).mean()


SOFTMAX.mistake(
    "a small number added in the logarithm", *_propped(1e-12), look=_ENTROPY, line=_LOG,
    also=[_propped(small) for small in (1e-15, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)],
    follows="The infinity is gone, but so is the truth: with 10⁻¹² no loss can exceed 27.6 any more, and where it "
            "stops growing its slope is 0.",
    hint="Nothing has to be added if ln S is taken by itself: ln(e^z / S) = z − ln S.")
SOFTMAX.mistake(
    "a sum where a mean is meant (the 1/N is missing)", softmax, lambda z, y: _loss(z, y) * len(z), look=_ENTROPY,
    line=_LOG,
    follows="The loss of 32 samples is 32 times that of one. Losses of sets of different sizes cannot be compared, and "
            "a gradient that belongs to it is N times as long.",
    hint="With one sample your loss is right. With three it is three times too large.")
SOFTMAX.mistake(
    "the mean over the classes too", softmax, lambda z, y: _loss(z, y) / z.shape[1], look=_ENTROPY, line=_LOG,
    follows="Your loss is K times too small, K being the number of classes: a tenth for each of ten digits gives 0.23 "
            "in place of ln 10 = 2.30.",
    hint="`mean()` of an array of shape (N, K) divides by N · K. How many samples are there?")
SOFTMAX.mistake(
    "a loss for each sample", softmax, lambda z, y: -_right_class(log_softmax(z), y), look=_ENTROPY, line=_LOG,
    follows="N losses come back. To go downhill there must be one number to make smaller.",
    hint="What is still to be done with the N numbers?")
SOFTMAX.mistake(
    "logits taken for probabilities", softmax, lambda z, y: -np.log(_right_class(z, y)).mean(), look=_ENTROPY,
    line=_LOG,
    follows="What comes in are logits: they may be negative, and then the logarithm is NaN. They do not add up to 1.",
    hint="How do logits become probabilities? Your first function knows.")
SOFTMAX.mistake(
    "no minus", softmax, lambda z, y: -_loss(z, y), look=_ENTROPY, line=_LOG,
    follows="A probability is at most 1, so its logarithm is at most 0. Your loss is negative, and going downhill on "
            "it makes the right class improbable.",
    hint="Less is to be better, and a perfect answer is to cost 0.")
SOFTMAX.mistake(
    "bits in place of nats", softmax, lambda z, y: _loss(z, y) / np.log(2), look=_ENTROPY, line=_LOG,
    follows="With the logarithm to base 2 the loss is 1.44 times as large. δ = (ŷ − y)/N is its slope no more.",
    hint="Which logarithm has the derivative 1/x?")


def _all_pairs(z, y):
    return -log_softmax(z)[:, y].mean()


SOFTMAX.mistake(
    "every sample with every label", softmax, _all_pairs, look=_ENTROPY, line=_LOG,
    follows="`log_p[:, y]` has the shape (N, N): each sample is asked for the labels of all samples. With one sample "
            "nothing is noticed.",
    hint="Pick one entry from each row: row 0 with y[0], row 1 with y[1]. An array of row numbers does it.")


def _binary(z, y):
    p, target = softmax(z), one_hot(y, z.shape[1])
    with np.errstate(all="ignore"):
        return -np.sum(np.where(target == 1, log_softmax(z), np.log(1 - p))) / len(z)


SOFTMAX.mistake(
    "the loss of yes-or-no outputs", softmax, _binary, look=_ENTROPY, line=_LOG,
    follows="−y ln ŷ − (1 − y) ln(1 − ŷ) is the cross-entropy of outputs that are each a yes or no of its own. With "
            "the softmax the other classes have lost already what the right one gained: here they count twice.",
    hint="How many of a sample's K terms are not 0 in the sum over y ln ŷ?")

# ---- 3: forward


def weights_of(*widths, seed=0):
    """Weight matrices for layers of these widths, inputs and classes included: float64, the same at each call."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in pairwise(widths)]


def random_samples(n, n_inputs, seed=1):
    """Random inputs with the constant 1 in their last column."""
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, n_inputs))
    X[:, -1] = 1
    return X


# A deep one, one without a hidden layer, and one whose matrices are all square: there a product that is the wrong way
# round has a value too.
NETWORKS = {"layers 5-3-4-2": (6, (5, 3, 4, 2)), "layers 3-3-3-3": (3, (3, 3, 3, 3)), "layers 4-3": (2, (4, 3))}


def _see_forward(look, forward):
    for name, (n, widths) in NETWORKS.items():
        look.call("forward(X, weights, f)", forward, random_samples(n, widths[0]), weights_of(*widths), f,
                  case=f", {name}")


def layers(x, weights, f, product=np.matmul, bend=lambda f, z: f(z), keep=lambda z, a: a):
    """The way forward, with parts that can be replaced by wrong ones."""
    inputs = [x]
    for W in weights[:-1]:
        z = product(x, W)
        x = bend(f, z)
        inputs.append(keep(z, x))
    return inputs, product(x, weights[-1])


def _forward_with(before=lambda X, f: X, after=lambda inputs, z, f: (inputs, z), **parts):
    return lambda X, weights, f: after(*layers(before(X, f), weights, f, **parts), f)


FORWARD = Blank(
    "forward",
    "All layers' inputs [X, a⁽¹⁾, a⁽²⁾, ...], one for each weight matrix, and the logits.",
    ("forward(X, weights, f)",), _see_forward, (layers,),
    look=(1, "Go through any number of layers"),
    hint="One line for each layer: what came in times W, then f. The last layer leaves f out.",
    line="for W in weights[:-1]: inputs.append(f(inputs[-1] @ W))")
_LOGITS = "return inputs, inputs[-1] @ weights[-1]"
FORWARD.mistake(
    "the output bends too", _forward_with(after=lambda inputs, z, f: (inputs, f(z))), line=_LOGITS,
    look=_UNITS,
    follows="The logits went through f and lie between 0 and 1. The softmax can then never be sure: among ten classes "
            "no probability exceeds e / (e + 9), which is 0.23.",
    hint="The last ten units do not bend. Which layers are hidden?")
FORWARD.mistake(
    "no bend at all", _forward_with(bend=lambda f, z: z), look=_UNITS,
    follows="A sum of sums is only a sum: however many layers, the whole network is one matrix.",
    hint="Each hidden unit looks its sum up on the curve f before it sends it on.")


def _transposed(hidden, output):
    def forward(X, weights, f):
        *first, last = weights
        turned = [*(W.T if hidden else W for W in first), last.T if output else last]
        return layers(X, turned, f)
    return forward


FORWARD.mistake(
    "a transposed product: X Wᵀ", _transposed(True, True),
    also=[(_transposed(True, False),), (_transposed(False, True),)],
    look=(1, "Write the sums as matrix products"), line="z = x @ W",
    follows="W has a row for each sender and a column for each receiver, so X Wᵀ sums over the receivers. It only has "
            "a value where W is square, and then a wrong one.",
    hint="The sum runs over the second index of X. At which place has W the same letter?")


def _from_the_left(x, W):
    return W @ x


FORWARD.mistake(
    "the product the wrong way round: W X", _forward_with(product=_from_the_left), line="z = x @ W",
    also=[(_forward_with(product=lambda x, W: _from_the_left(x, W.T)),)], look=(1, "Write the sums as matrix products"),
    follows="That is how it is written where samples are columns. Here rows are samples, and W x has a value only "
            "where the sizes happen to be equal.",
    hint="The sum runs over the senders. They come second in X; where do they come in W?")
FORWARD.mistake(
    "only the logits come back", lambda X, weights, f: layers(X, weights, f)[1], line=_LOGITS,
    look=(1, "Meet the same lines in the library"),
    follows="The logits are right, but the way back will ask what each matrix was multiplied with, and that is lost.",
    hint="Two things are to come back: a list, and the logits.")
FORWARD.mistake(
    "sums kept where activations are meant", _forward_with(keep=lambda z, a: z),
    look=(1, "Meet the same lines in the library"),
    follows="The logits are right, so the loss will be too. But the way back needs a, twice: in the gradient aᵀ δ and "
            "in f′ = a (1 − a). With z both are wrong, and nothing crashes.",
    hint="What does the next layer multiply with its weights? That is what has to be in the list.")
FORWARD.mistake(
    "one hidden layer, whatever the depth",
    lambda X, weights, f: ([X, f(X @ weights[0])], f(X @ weights[0]) @ weights[-1]),
    follows="The layers between the first and the last are left out.",
    hint="How many weight matrices are there? A loop over them knows.")
FORWARD.mistake(
    "probabilities in place of logits", _forward_with(after=lambda inputs, z, f: (inputs, softmax(z))), line=_LOGITS,
    look=(1, "Softmax: from sums to probabilities"),
    follows="The softmax has been applied already. cross_entropy applies it to logits, so it would come twice, and the "
            "loss could not fall below 1.46 with ten classes.",
    hint="Which is the last line of the forward pass before the softmax?")
FORWARD.mistake(
    "the logits among the inputs", _forward_with(after=lambda inputs, z, f: ([*inputs, z], z)), line=_LOGITS,
    follows="The list has one entry more than there are weight matrices. A backward pass that goes through both from "
            "their ends pairs each matrix with the wrong layer.",
    hint="One entry for each weight matrix: what that matrix is multiplied with.")
FORWARD.mistake(
    "X is not kept", _forward_with(after=lambda inputs, z, f: (inputs[1:], z)), line="inputs = [X]",
    follows="The gradient of the first matrix is Xᵀ δ. Without X in the list it cannot be computed.",
    hint="With what is the first weight matrix multiplied?")
FORWARD.mistake(
    "the inputs bend", _forward_with(before=lambda X, f: f(X)), line="inputs = [X]",
    follows="f was applied to the images before the first product. The constant 1 has become 0.73, and the grey levels "
            "are squeezed together.",
    hint="Inputs are no units: they have no sum to look up.")


def _with_ones(product):
    return lambda x, W: product(np.hstack([x, np.ones((len(x), 1))]), W)


FORWARD.mistake(
    "a second constant 1", _forward_with(product=_with_ones(np.matmul)), look=(2, "Add the bias column"),
    follows="X has its constant 1 already, in its last column, and later layers have no bias in this network: the "
            "matrices have no row for one.",
    hint="Compare X.shape with weights[0].shape.")


def _last_unit_is_a_bias(f, z):
    a = f(z)
    a[:, -1] = 1
    return a


FORWARD.mistake(
    "a bias where a unit should be", _forward_with(bend=_last_unit_is_a_bias), look=(1, "Biases in every layer"),
    follows="In each hidden layer the last unit sends 1, whatever its sum: it has been made a constant, and its "
            "incoming weights never learn.",
    hint="Only the input has a constant column in this network. All units of a hidden layer bend.")

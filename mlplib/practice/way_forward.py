"""Blanks of the way forward: the sigmoid, softmax and cross-entropy, all layers; with the mistakes made in them."""

import math
from itertools import pairwise

import numpy as np

from mlplib import losses
from mlplib.activations import ACTIVATIONS
from mlplib.losses import cross_entropy, one_hot
from mlplib.practice.blanks import Advice, Blank

F = ACTIVATIONS["sigmoid"]
f, f_slope = F.__call__, F.derivative

# ---- 1: the sigmoid

_UNITS = (1, "Units add, bend and send on")


def _see_sigmoid(look, sigmoid, slope):
    look.call("sigmoid(np.array([-2., 0., 0.5, 3.]))", sigmoid, np.array([-2.0, 0.0, 0.5, 3.0]))
    look.call("sigmoid(np.array([[1., -1., 4.]]))", sigmoid, np.array([[1.0, -1.0, 4.0]]))
    look.call("sigmoid(np.array([-2, 0, 3]))", sigmoid, np.array([-2, 0, 3]))
    far = "sigmoid(np.array([-40.]))"
    look.call(far, sigmoid, np.array([-40.0]))
    if isinstance(look.seen.get(far), np.ndarray):  # it is 4e-18: seen in a size in which more than that counts
        look.note(f"1,000,000 times {far}", 1e6 * look.seen[far].astype(float))
    look.call("sigmoid(np.array([1000.]))", sigmoid, np.array([1000.0]))
    look.call("sigmoid(np.array([-1000.]))", sigmoid, np.array([-1000.0]))
    look.call("slope(np.array([0.1, 0.5, 0.8]))", slope, np.array([0.1, 0.5, 0.8]))
    look.call("slope(np.array([[0.25], [1.]]))", slope, np.array([[0.25], [1.0]]))


SIGMOID = Blank(
    "sigmoid",
    "The sigmoid f(z), and its slope f′ as a function of a = f(z).",
    ("sigmoid(z)", "slope(a)"), _see_sigmoid, (f, f_slope),
    (Advice(_UNITS, "Compute f(0), f(2) and f(−2) on paper, and compare: 0.5, 0.881, 0.119.",
            "return (1 + np.tanh(z / 2)) / 2        # the same as 1 / (1 + e^(-z)), and tanh cannot overflow"),
     Advice((1, "The slope of the activation, from what is there already"),
            "Where a is ½ the curve is steepest, and its slope ¼; where a is 0.1 it is 0.09.",
            "return a * (1 - a)")))
SIGMOID.mistake(
    "the wrong sign of z", lambda z: f(-z), f_slope,
    follows="Your curve falls where the sigmoid rises: a unit with a large positive sum would send almost 0.",
    hint="For a large z the exponential must become small, so what must stand before z in the exponent?")
SIGMOID.mistake(
    "overflow at z = 1,000", lambda z: np.exp(z) / (1 + np.exp(z)), f_slope,
    follows="e to the 1,000 is more than any float64 holds. It becomes infinity, and infinity by infinity is NaN. One "
            "unit with such a sum makes the whole loss NaN.",
    hint="Divide above and below by the exponential. Or use a function that levels off by itself, like tanh.")
SIGMOID.mistake(
    "tanh in its own right", np.tanh, f_slope,
    follows="tanh runs from −1 to 1, the sigmoid from 0 to 1. The two are relatives, but a slope of a (1 − a) does not "
            "belong to tanh.",
    hint="Shift tanh up so that it begins at 0, and shrink it so that it ends at 1; then compare how steep it is.")
SIGMOID.mistake(
    "twice as steep", lambda z: (1 + np.tanh(z)) / 2, f_slope,
    follows="It runs from 0 to 1 as it should, but its slope at 0 is ½ in place of ¼, so f′ = a (1 − a) is wrong by a "
            "factor of 2 on each layer of the way back.",
    hint="Write tanh(u) with exponentials, and compare with 1 / (1 + e^(−z)). What is u?")
SIGMOID.mistake(
    "a pair of brackets is missing", lambda z: 1 / 1 + np.exp(-z), f_slope,
    follows="Python divides before it adds: `1 / 1 + e` is 1 + e. Your curve is never below 1.",
    hint="What should stand under the line of the fraction, and what does?")
SIGMOID.mistake(
    "cut off too early", lambda z: f(np.clip(z, -5, 5)), f_slope,
    also=[(lambda z: f(np.clip(z, -10, 10)), f_slope), (lambda z: f(np.clip(z, -20, 20)), f_slope)],
    follows="Cutting z off avoids the overflow, but beyond the cut the curve is flat although its slope is said to be "
            "a (1 − a), and no gradient check passes there.",
    hint="Cut off only where float64 cannot tell the result from 0 or 1, or write the formula so that no cut is "
         "needed.")
SIGMOID.mistake(
    "math.exp in place of np.exp", lambda z: 1 / (1 + math.exp(-z)), f_slope,
    follows="The math module computes with one number. A layer has a whole array of sums.",
    hint="NumPy has the same function for arrays.")


def _overwriting(z):
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z


SIGMOID.mistake(
    "z is overwritten", _overwriting, f_slope, look=(1, "Meet the same lines in the library"),
    follows="The value is right, but the caller's z is gone. Whoever computes sigmoid(z) twice gets two answers.",
    hint="`z *= 0.5` changes the array that was handed in; `z * 0.5` makes a new one.")
SIGMOID.mistake(
    "whole numbers come out", lambda z: f(z).astype(z.dtype), f_slope, look=(1, "Meet the same lines in the library"),
    follows="An array made like z has the dtype of z, and where z holds whole numbers it cuts off what comes behind "
            "the point: of values between 0 and 1 nothing is left.",
    hint="`np.zeros_like(z)` takes over the dtype too. What dtype should the values have?")
SIGMOID.mistake(
    "f′ of z where a is meant", f, lambda a: f(a) * (1 - f(a)),
    follows="What comes in is a, and the sigmoid has been applied already. Applied once more, every slope lies between "
            "0.19 and ¼: saturated units look as if they could learn.",
    hint="The forward pass leaves a behind, not z. No exponential is needed any more.")
SIGMOID.mistake(
    "the slope of tanh", f, lambda a: 1 - a**2,
    follows="1 − a² belongs to tanh. For the sigmoid it gives ¾ where ¼ is right.",
    hint="Differentiate 1 / (1 + e^(−z)) once more, and look for a in what comes out.")
SIGMOID.mistake(
    "the sign of the slope", f, lambda a: a * (a - 1),
    follows="The sigmoid rises everywhere, so its slope is never negative. With this one, every δ behind the output "
            "points uphill, in a network of one hidden layer.",
    hint="Is a larger or smaller than 1?")

# ---- 2: softmax and cross-entropy

_Z = np.array([[1.0, 2.0, 0.5, -1.0], [0.0, -3.0, 1.0, 2.5], [0.3, 0.1, -0.2, 4.0]])
_LARGE = np.array([[1000.0, 1001.0], [-1000.0, -1002.0], [3.0, 1.0]])
_WHOLE = np.array([[2, 0, 1], [-1, 1, 0]])


def _see_softmax(look, softmax, cross_entropy):
    for case, z, y in ((", 3 samples", _Z, [1, 3, 0]), (", 1 sample", _Z[:1], [2]),
                       (", whole numbers", _WHOLE, [2, 0]), (", logits of 1,000 and −1,000", _LARGE, [1, 0, 1])):
        look.call("softmax(z)", softmax, z, case=case)
        look.call("cross_entropy(z, y)", cross_entropy, z, np.array(y), case=case)
    for case, z, y in ((", sure and wrong", [[0.0, 900.0], [1.0, 0.0]], [0, 0]),
                       (", sure and right", [[900.0, 0.0]], [0])):
        look.call("cross_entropy(z, y)", cross_entropy, np.array(z), np.array(y), case=case)


def _log_softmax(z):
    """The library's, of whole numbers too."""
    return losses.log_softmax(np.asarray(z, float))


def _softmax(z):
    """The same."""
    return np.exp(_log_softmax(z))


def _loss(z, y):
    return cross_entropy(_log_softmax(z), one_hot(y, z.shape[1]))


def _right_class(p, y):
    return p[np.arange(len(y)), y]


SOFTMAX = Blank(
    "softmax",
    "The softmax of each row of logits, and the mean cross-entropy of logits z with integer labels y.",
    ("softmax(z)", "cross_entropy(z, y)"), _see_softmax, (_softmax, _loss),
    (Advice((1, "Softmax: from sums to probabilities"),
            "Each row is one sample. Its probabilities add up to 1, and do not change if all its logits rise together.",
            "e = np.exp(z - z.max(axis=1, keepdims=True)); return e / e.sum(axis=1, keepdims=True)"),
     Advice((1, "Cross-entropy: how wrong, in one number"),
            "One number for all: the mean over the samples of −ln p, p being the probability of the right class. Two "
            "classes with equal logits cost ln 2 = 0.693.",
            "z = z - z.max(axis=1, keepdims=True); log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True)); "
            "return -log_p[np.arange(len(y)), y].mean()")))


def _over_samples(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=0)


SOFTMAX.mistake(
    "softmax over samples", lambda z: _softmax(z.T).T, _loss,
    also=[(_over_samples, _loss), (_softmax, lambda z, y: -_right_class(_log_softmax(z.T).T, y).mean()),
          (_softmax, lambda z, y: -_right_class(_naive(z.T).T, y).mean())],
    follows="Each column adds up to 1 in place of each row: the samples compete for a class, not the classes for a "
            "sample. With a single sample every probability is 1.",
    hint="Rows are samples. Along which axis of the array do the classes lie?")


def _unsteady(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _from_one_maximum(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


def _from_maxima_of_columns(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=1, keepdims=True)


def _over_everything(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def _without_keepdims(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1)


def _in_place(z):
    z -= z.max(axis=1, keepdims=True)
    return _softmax(z)


SOFTMAX.mistake(
    "overflow at z = 1,000", _unsteady, _loss,
    also=[(_unsteady, lambda z, y: -np.log(_right_class(_unsteady(z), y)).mean()),
          (_softmax, lambda z, y: (np.log(np.exp(z).sum(axis=1)) - _right_class(z, y)).mean())],
    follows="e to the 1,000 is infinity in float64, and infinity by infinity is NaN. Logits of 1,000 need no fault in "
            "the network: images whose grey levels are not standardised are enough.",
    hint="Raising all logits of a row together changes no probability. Which number may you subtract, so that the "
         "largest exponential is 1?")
SOFTMAX.mistake(
    "one maximum for all samples", _from_one_maximum, _loss,
    follows="The sample with the largest logits is safe. One whose logits lie far below becomes 0 / 0, which is NaN: "
            "whether a sample has an answer depends on its neighbours in the minibatch.",
    hint="Each row needs a maximum of its own. `keepdims=True` lets it be subtracted from the row.")
SOFTMAX.mistake(
    "the maximum over the wrong axis", _from_maxima_of_columns, _loss,
    follows="Each class has lost another number, the largest logit that any sample has for it. That changes the "
            "probabilities: only what all logits of a row lose together cancels.",
    hint="Which logits have to stay as far apart as they are, those of a row or those of a column?")
SOFTMAX.mistake(
    "the sum over the wrong axis: over both", _over_everything, _loss,
    follows="All probabilities of all samples together add up to 1. With N samples each row adds up to about 1/N, and "
            "the network seems unsure of everything.",
    hint="`sum()` without an axis adds up the whole array.")
SOFTMAX.mistake(
    "keepdims forgotten", _without_keepdims, _loss,
    follows="The sums of the rows have the shape (N,), and NumPy lays such an array along the columns. With other "
            "numbers of samples and classes it crashes; with equal ones each column is divided by another row's sum.",
    hint="A sum that is to be divided into its row needs the shape (N, 1).")
SOFTMAX.mistake(
    "the logits are overwritten", _in_place, _loss,
    follows="The probabilities are right, but the caller's logits have changed. A loss that is computed from them "
            "afterwards is right only because raising all logits together changes nothing.",
    hint="`z -= ...` changes the array that was handed in; `z - ...` makes a new one.")


@np.errstate(all="ignore")
def _naive(z):
    return np.log(_softmax(z))


def _by_one_hot(z, y):
    return -(one_hot(y, z.shape[1]) * np.log(_softmax(z))).sum() / len(z)


SOFTMAX.mistake(
    "the logarithm of a probability that became 0", _softmax,
    lambda z, y: -np.log(_right_class(_softmax(z), y)).mean(), also=[(_softmax, _by_one_hot)],
    follows="A class that is 900 behind has the probability e to the −900, which float64 rounds to 0, and the "
            "logarithm of 0 is −infinity, and 0 times that is NaN. The loss of a sample whose own class is 900 behind "
            "is 900.",
    hint="Take the logarithm on paper first: ln(e^z / S) = z − ln S. Nothing of it is too small or too large.")


def _propped(small):
    return _softmax, lambda z, y: -np.log(_right_class(_softmax(z), y) + small).mean()


SOFTMAX.mistake(
    "a small number in the logarithm", *_propped(1e-12),
    also=[_propped(small) for small in (1e-16, 1e-15, 1e-14, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)],
    follows="Added or as a lower limit, it takes the infinity away, and the truth too: no loss can exceed minus its "
            "logarithm any more, and where the loss stops growing its slope is 0.",
    hint="Nothing has to be added if ln S is taken by itself: ln(e^z / S) = z − ln S.")


def _painted(paint):
    return _softmax, lambda z, y: paint(_right_class(_naive(z), y))


SOFTMAX.mistake(
    "infinity painted over", *_painted(lambda log_p: -np.nan_to_num(log_p).mean()),
    also=[_painted(lambda log_p: np.nan_to_num(-log_p.mean()))],
    follows="In the place of infinity stands the largest number that float64 holds. One such sample outweighs all "
            "others of the training set, and has no slope.",
    hint="The infinity is made by the computation, not by the loss. Where does it come from?")
SOFTMAX.mistake(
    "samples with a probability of 0 are left out", *_painted(lambda log_p: -log_p[np.isfinite(log_p)].mean()),
    also=[_painted(lambda log_p: -np.where(np.isfinite(log_p), log_p, 0).mean())],
    follows="A sample on which the network is as wrong as can be costs nothing: the worse it does, the lower the loss.",
    hint="That sample has a finite loss. Which formula gives it without a logarithm of 0?")
SOFTMAX.mistake(
    "a sum where a mean is meant (the 1/N is missing)", _softmax, lambda z, y: _loss(z, y) * len(z),
    follows="The loss of 32 samples is 32 times that of one. Losses of sets of different sizes cannot be compared, and "
            "a gradient that belongs to it is N times as long.",
    hint="With one sample your loss is right. With three it is three times too large.")
SOFTMAX.mistake(
    "the mean over the classes too", _softmax, lambda z, y: _loss(z, y) / z.shape[1],
    follows="Your loss is K times too small, K being the number of classes: a tenth for each of ten digits gives 0.23 "
            "in place of ln 10 = 2.30.",
    hint="`mean()` of an array of shape (N, K) divides by N · K. How many samples are there?")
SOFTMAX.mistake(
    "a loss for each sample", _softmax, lambda z, y: -_right_class(_log_softmax(z), y),
    also=[(_softmax, lambda z, y: -_right_class(_naive(z), y))],
    follows="N losses come back. To go downhill there must be one number to make smaller.",
    hint="What is still to be done with the N numbers?")
SOFTMAX.mistake(
    "logits taken for probabilities", _softmax, lambda z, y: -np.log(_right_class(z, y)).mean(),
    follows="What comes in are logits: they may be negative, and then the logarithm is NaN. They do not add up to 1.",
    hint="How do logits become probabilities? Your first function knows.")
SOFTMAX.mistake(
    "no minus", _softmax, lambda z, y: -_loss(z, y), also=[(_softmax, lambda z, y: _right_class(_naive(z), y).mean())],
    follows="A probability is at most 1, so its logarithm is at most 0. Your loss is negative, and going downhill on "
            "it makes the right class improbable.",
    hint="Less is to be better, and a perfect answer is to cost 0.")
SOFTMAX.mistake(
    "bits in place of nats", _softmax, lambda z, y: _loss(z, y) / np.log(2),
    follows="With the logarithm to base 2 the loss is 1.44 times as large. δ = (ŷ − y)/N is its slope no more.",
    hint="Which logarithm has the derivative 1/x?")


def _all_pairs(z, y):
    return -_log_softmax(z)[:, y].mean()


SOFTMAX.mistake(
    "every sample with every label", _softmax, _all_pairs,
    follows="`log_p[:, y]` has the shape (N, N): each sample is asked for the labels of all samples. With one sample "
            "nothing is noticed.",
    hint="Pick one entry from each row: row 0 with y[0], row 1 with y[1]. An array of row numbers does it.")




def _sum_of_all(z, y):
    z = z - z.max(axis=1, keepdims=True)
    return (np.log(np.exp(z).sum()) - _right_class(z, y)).mean()


SOFTMAX.mistake(
    "rows picked in place of classes", _softmax, lambda z, y: -_log_softmax(z)[y].mean(),
    also=[(_softmax, lambda z, y: -_log_softmax(z)[y]), (_softmax, lambda z, y: -_naive(z)[y].mean()),
          (_softmax, lambda z, y: -_naive(z)[y])],
    follows="`log_p[y]` takes whole rows: that of sample 3 if a label is 3. It crashes where a label is larger than "
            "the number of samples allows, and else it is silently wrong.",
    hint="One entry from each row needs two indices: which row, and which class.")
SOFTMAX.mistake(
    "labels counted from 1", _softmax, lambda z, y: _loss(z, (y - 1) % z.shape[1]),
    also=[(_softmax, lambda z, y: -_right_class(_naive(z), y - 1).mean())],
    follows="Each sample is asked for the class before its own, and label 0 for the last one, since index −1 is the "
            "last: the network learns to call a 7 a 6.",
    hint="Which column belongs to label 0?")
SOFTMAX.mistake(
    "the sum over all samples", _softmax,
    lambda z, y: (z.max() + np.log(np.exp(z - z.max()).sum()) - _right_class(z, y)).mean(),
    also=[(_softmax, lambda z, y: (np.log(np.exp(z).sum()) - _right_class(z, y)).mean()), (_softmax, _sum_of_all)],
    follows="S holds the exponentials of all samples, so each class competes with those of the other images, and the "
            "loss grows with the size of the minibatch. With one sample nothing is noticed.",
    hint="`sum()` without an axis adds up the whole array. Whose logits belong into a sample's S?")


def _binary(z, y):
    p, target = _softmax(z), one_hot(y, z.shape[1])
    with np.errstate(all="ignore"):
        return -np.sum(np.where(target == 1, _log_softmax(z), np.log(1 - p))) / len(z)


SOFTMAX.mistake(
    "the loss of yes-or-no outputs", _softmax, _binary,
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
# round has a value too. And one that bends by another curve.
NETWORKS = {"layers 5-3-4-2": (6, (5, 3, 4, 2), "sigmoid"), "layers 3-3-3-3": (3, (3, 3, 3, 3), "sigmoid"),
            "layers 4-3": (2, (4, 3), "sigmoid"), "layers 4-3-3-2, tanh": (4, (4, 3, 3, 2), "tanh")}
BENDS = {"sigmoid": (f, f_slope), "tanh": (np.tanh, lambda a: 1 - a**2)}


def _see_forward(look, forward):
    for name, (n, widths, curve) in NETWORKS.items():
        X, weights = random_samples(n, widths[0]), weights_of(*widths)
        look.call("forward(X, weights, f)", forward, X, weights, BENDS[curve][0], case=f", {name}")
    whole = np.array([[0, 3, 1], [2, -1, 1]])
    look.call("forward(X, weights, f)", forward, whole, weights_of(3, 2, 2), f, case=", X of whole numbers")


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
    (Advice((1, "Go through any number of layers"),
            "One line for each layer: what came in times W, then f. The last layer leaves f out.",
            "for W in weights[:-1]: inputs.append(f(inputs[-1] @ W))"),))
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
    also=[(lambda X, weights, f: ([X, f(X @ weights[0])], f(X @ weights[0]) @ weights[1]),)],
    follows="Two matrices are used, however many there are: other layers are left out, and a network of one matrix has "
            "no second.",
    hint="How many weight matrices are there? A loop over them knows.")
FORWARD.mistake(
    "probabilities in place of logits", _forward_with(after=lambda inputs, z, f: (inputs, _softmax(z))), line=_LOGITS,
    look=(1, "Softmax: from sums to probabilities"),
    follows="The softmax has been applied already. cross_entropy applies it to logits, so it would come twice, and the "
            "loss could not fall below 1.46 with ten classes.",
    hint="Which is the last line of the forward pass before the softmax?")
FORWARD.mistake(
    "a curve of its own, whatever f is", lambda X, weights, f: layers(X, weights, F),
    look=(1, "Fix the notation on a network small enough to see"),
    follows="With the sigmoid it is right. But f was handed in, and for another f your network bends as before: nobody "
            "can try another curve, and a slope that belongs to that one is wrong.",
    hint="Which of the three arguments does your function never use?")


def _from_X(X, weights, f):
    inputs = [X, *(f(X @ W) for W in weights[:-1])]
    return inputs, (inputs[-1] @ weights[-1])


def _always_from_X(X, weights, f):
    return [X, *(f(X @ W) for W in weights[:-1])], X @ weights[-1]


FORWARD.mistake(
    "X goes into every layer", _from_X, also=[(_always_from_X,)],
    follows="Each matrix is multiplied with the images. Where a layer has another width than the images it crashes; "
            "where not, the layers stand side by side and none builds on another.",
    hint="What does the second layer of units look at?")
FORWARD.mistake(
    "the two results exchanged", _forward_with(after=lambda inputs, z, f: (z, inputs)), line=_LOGITS,
    look=(1, "Meet the same lines in the library"),
    follows="Both are right, but whoever writes `inputs, z = forward(...)` gets one for the other.",
    hint="In which order does the text ask for the list and the logits?")
FORWARD.mistake(
    "X comes last in the list", _forward_with(after=lambda inputs, z, f: ([*inputs[1:], inputs[0]], z)),
    line="inputs = [X]",
    also=[(_forward_with(after=lambda inputs, z, f: (inputs[::-1], z)),)],
    follows="The way back takes `inputs[0]` for what the first matrix was multiplied with, and finds a layer's values.",
    hint="Entry by entry: with which matrix was it multiplied?")
FORWARD.mistake(
    "the logits among the inputs", _forward_with(after=lambda inputs, z, f: ([*inputs, z], z)), line=_LOGITS,
    also=[(_forward_with(after=lambda inputs, z, f: ([*inputs, f(z)], z)),),
          (_forward_with(after=lambda inputs, z, f: ([*inputs, _softmax(z)], z)),)],
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

"""Blanks of the way back: δ of the output, all layers, and the judge of gradients; with the mistakes made in them."""

import numpy as np

from mlplib.gradient_check import central_difference
from mlplib.losses import one_hot, output_delta, softmax
from mlplib.practice.blanks import Advice, Blank
from mlplib.practice.way_forward import BENDS, NETWORKS, f_slope, layers, random_samples, weights_of

# ---- 4: δ of the output


def _see_delta(look, delta):
    logits = np.array([[1.0, 2.0, 0.5, -1.0], [0.0, -3.0, 1.0, 2.5], [0.3, 0.1, -0.2, 4.0]])
    look.call("output_delta(y_hat, y), 3 samples of 4 classes", delta, softmax(logits), np.array([2, 3, 0]))
    look.call("output_delta(y_hat, y), 1 sample of 4 classes", delta, softmax(logits[1:2]), np.array([1]))
    look.call("output_delta(y_hat, y), 5 samples of 2 classes", delta, softmax(logits.reshape(-1, 2)[:5]),
              np.array([0, 1, 1, 0, 1]))


def _y(y_hat, y):
    return one_hot(y, y_hat.shape[1])


DELTA = Blank(
    "delta",
    "δ of the output layer, the derivative of the mean cross-entropy by the logits, from probabilities and labels.",
    ("output_delta(y_hat, y)",), _see_delta, (lambda y_hat, y: output_delta(np.log(y_hat), _y(y_hat, y)),),
    (Advice((1, "From one sample to a minibatch"),
            "In each row the entries add up to 0, and only that of the right class is negative.",
            "delta = y_hat.copy(); delta[np.arange(len(y)), y] -= 1; return delta / len(y)"),))
_SINGLE = (1, "Start at the end: the slope at a logit")
DELTA.mistake(
    "the 1/N is missing", lambda y_hat, y: y_hat - _y(y_hat, y),
    follows="The gradient points the right way and is N times too long. Training would run, at a learning rate that "
            "changes whenever the size of the minibatch does.",
    hint="The loss is a mean over the samples. What does each sample's own loss count for in it?")
DELTA.mistake(
    "1/N twice", lambda y_hat, y: (y_hat - _y(y_hat, y)) / len(y) ** 2,
    follows="The gradient points the right way and is N times too short: with minibatches of 32 training seems to "
            "stand still.",
    hint="The mean enters once, here. Was y_hat, or the difference, divided before?")
DELTA.mistake(
    "divided by all entries", lambda y_hat, y: (y_hat - _y(y_hat, y)) / y_hat.size,
    follows="The gradient is K times too short, K being the number of classes.",
    hint="`size` counts all the entries of an array. Over what does the loss take its mean?")
DELTA.mistake(
    "K where N is meant", lambda y_hat, y: (y_hat - _y(y_hat, y)) / y_hat.shape[1],
    follows="You divide by the number of classes. The loss is a mean over the samples; only where there are as many of "
            "both is your δ right.",
    hint="`shape[0]` counts rows, `shape[1]` columns. Which of the two are samples?")
DELTA.mistake(
    "N in place of 1/N", lambda y_hat, y: (y_hat - _y(y_hat, y)) * len(y),
    follows="A mean divides by the number of samples. Yours is N² times too long.",
    hint="What does each sample's own loss count for in the mean, much or little?")
DELTA.mistake(
    "1/N at the label only", lambda y_hat, y: y_hat - _y(y_hat, y) / len(y),
    follows="The probabilities are not divided, so the entries of a row do not add up to 0, and the other classes are "
            "pushed down N times too hard.",
    hint="What does the 1/N belong to, to y or to the difference?")
DELTA.mistake(
    "the mean over the samples", lambda y_hat, y: (y_hat - _y(y_hat, y)).mean(axis=0),
    also=[(lambda y_hat, y: (y_hat - _y(y_hat, y)).sum(axis=0),)],
    follows="One row is left for all samples. The gradient aᵀ δ needs to know which δ belongs to which sample's a.",
    hint="Each sample keeps its own row; the sum over the samples is taken later, in the product.")
DELTA.mistake(
    "integer division", lambda y_hat, y: 1 // len(y) * (y_hat - _y(y_hat, y)),
    also=[(lambda y_hat, y: (y_hat - _y(y_hat, y)) // len(y),)],
    follows="Two slashes round down. 1 // N is 0 as soon as there are two samples, and no weight will ever move; a "
            "difference below 1 becomes 0 or −1.",
    hint="One slash divides, two round down.")
DELTA.mistake(
    "the wrong sign", lambda y_hat, y: (_y(y_hat, y) - y_hat) / len(y), look=_SINGLE,
    follows="The right class has a positive δ: its logit would go down at each step, and the loss up.",
    hint="A positive δ says that a larger sum makes the loss larger. Is that so for the right class?")
DELTA.mistake(
    "labels where one-hot is meant", lambda y_hat, y: (y_hat - y[:, np.newaxis]) / len(y), look=(2, "Targets"),
    also=[(lambda y_hat, y: (y_hat - y) / len(y),)],
    follows="From each probability the number of the digit was subtracted. A 7 would pull seven times as hard as a 1, "
            "and on every class.",
    hint="The target is a row of K numbers, one of which is 1. Where?")


def _everywhere(y_hat, y):
    delta = y_hat.copy()
    delta[:, y] -= 1
    return delta / len(y)


DELTA.mistake(
    "every sample with every label", _everywhere, look=(2, "Targets"),
    follows="`delta[:, y] -= 1` subtracts 1 in the columns of all labels, in every row. With one sample nothing is "
            "noticed.",
    hint="Row 0 with y[0], row 1 with y[1]: an array of row numbers beside y.")


def _rows(y_hat, y):
    delta = y_hat.copy()
    delta[y] -= 1
    return delta / len(y)


DELTA.mistake(
    "rows picked in place of classes", _rows, look=(2, "Targets"),
    follows="`delta[y] -= 1` subtracts 1 from whole rows: from that of sample 3 if a label is 3. It crashes where "
            "there are fewer samples than classes.",
    hint="One entry of each row needs two indices: which row, and which class.")
DELTA.mistake(
    "as many classes as labels occur", lambda y_hat, y: (y_hat - np.eye(y.max() + 1)[y]) / len(y), look=(2, "Targets"),
    follows="`y.max()` is the largest label of this minibatch. If it holds no nine, there is no column for the nines.",
    hint="Which array knows how many classes there are, whatever the labels?")
DELTA.mistake(
    "ten classes, whatever the network", lambda y_hat, y: (y_hat - np.eye(10)[y]) / len(y), look=(2, "Targets"),
    follows="MNIST has ten classes; the check has four, and two. A one-hot row is as long as a row of probabilities.",
    hint="Which array knows how many classes there are?")
DELTA.mistake(
    "an f′ too many", lambda y_hat, y: (y_hat - _y(y_hat, y)) * y_hat * (1 - y_hat) / len(y), look=_SINGLE,
    follows="ŷ (1 − ŷ) belongs to the squared error of sigmoid outputs. With softmax and cross-entropy it cancels: an "
            "output that is sure and wrong gets a large δ, with yours almost none.",
    hint="Follow the derivation to its end: what becomes of ŷ before the bracket?")
DELTA.mistake(
    "the slope at ŷ, not at z", lambda y_hat, y: -_y(y_hat, y) / y_hat / len(y), look=_SINGLE,
    follows="−y / ŷ is ∂C/∂ŷ, the first factor of the chain rule. δ is the slope at the logit, and the softmax lies "
            "between.",
    hint="Multiply by ∂ŷ/∂z and sum over the classes: almost everything cancels.")
DELTA.mistake(
    "only the right class", lambda y_hat, y: (y_hat - 1) * _y(y_hat, y) / len(y), look=_SINGLE,
    follows="The logits of the other classes get no δ, though each of them stands in the denominator. A class that "
            "wins wrongly is never told to go down.",
    hint="What do the entries of a row add up to, if all logits rise together and nothing changes?")


def _on_the_spot(y_hat, y):
    y_hat[np.arange(len(y)), y] -= 1
    y_hat /= len(y)
    return y_hat


DELTA.mistake(
    "the probabilities are overwritten", _on_the_spot, look=(1, "Meet the same lines in the library"),
    follows="δ is right, but the caller's probabilities have become it: an accuracy that is computed from them "
            "afterwards is wrong.",
    hint="`-=` changes the array that was handed in. Begin with a copy, or with a new array.")

# ---- 5: backward


def _see_backward(look, backward):
    for name, (n, widths, curve) in NETWORKS.items():
        weights, (f, slope) = weights_of(*widths), BENDS[curve]
        inputs, z = layers(random_samples(n, widths[0]), weights, f)
        delta = output_delta(np.log(softmax(z)), one_hot(np.arange(n) % widths[-1], widths[-1]))
        look.call("backward(inputs, delta, weights, slope)", backward, inputs, delta, weights, slope, case=f", {name}")


def _recursion(inputs, delta, weights, slope, gradient, back, bend, passed, matrix):
    gradients = []
    for layer in reversed(range(len(weights))):
        gradients.insert(0, gradient(inputs[layer], delta))
        if layer > 0:
            behind = bend(back(delta, matrix(weights, layer)), inputs, layer, slope, weights)
            delta = passed(delta, behind)
    return gradients


def _backward_with(gradient=lambda a, delta: a.T @ delta, back=lambda delta, W: delta @ W.T,
                   bend=lambda d, inputs, layer, slope, weights: d * slope(inputs[layer]),
                   passed=lambda delta, behind: behind, matrix=lambda weights, layer: weights[layer],
                   after=lambda gradients, inputs, delta, weights: gradients):
    return lambda inputs, delta, weights, slope: after(
        _recursion(inputs, delta, weights, slope, gradient, back, bend, passed, matrix), inputs, delta, weights)


BACKWARD = Blank(
    "backward",
    "The gradient of each weight matrix, input side first, from the layers' inputs and δ of the output.",
    ("backward(inputs, delta, weights, slope)",), _see_backward, (_backward_with(),),
    (Advice((1, "Go through any number of layers"),
            "Count the layers down. A gradient has the shape of its weights, δ that of its z; then only the order of "
            "the lines is left.",
            "gradients.insert(0, inputs[layer].T @ delta); "
            "delta = slope(inputs[layer]) * (delta @ weights[layer].T)"),))
_MATRICES = (1, "Write the sums as matrix products")
_HIDDEN = (1, "Go one layer back: the slope at a hidden unit")
_BACK = "delta = slope(inputs[layer]) * (delta @ weights[layer].T)"
_GRADIENT = "gradients.insert(0, inputs[layer].T @ delta)"
BACKWARD.mistake(
    "forgotten f′", _backward_with(bend=lambda d, inputs, layer, slope, weights: d), look=_HIDDEN, line=_BACK,
    follows="The last gradient is right, those before it are too long, more so from layer to layer: a sigmoid lets at "
            "most a quarter through. A unit that is saturated is told to learn as if it could.",
    hint="δ is the slope at the sum z, and between z and a lies the curve.")
BACKWARD.mistake(
    "f′ of z where a is meant",
    _backward_with(bend=lambda d, inputs, layer, slope, weights: d * slope(inputs[layer - 1] @ weights[layer - 1])),
    look=(1, "The slope of the activation, from what is there already"), line=_BACK,
    follows="slope takes a = f(z). Given z, it computes z (1 − z), which can be negative and large: the curve's slope "
            "is neither.",
    hint="What the forward pass left in the list is a already.")
BACKWARD.mistake(
    "a transposed product: δᵀ a", _backward_with(gradient=lambda a, delta: delta.T @ a), look=_MATRICES,
    line=_GRADIENT,
    follows="The shape is that of Wᵀ: receivers by senders. Where a matrix is square nothing crashes, and each weight "
            "gets the slope of another.",
    hint="A gradient has the shape of its weights: senders by receivers. Which factor has the senders?")
BACKWARD.mistake(
    "a transposed product: δ W", _backward_with(back=lambda delta, W: delta @ W), look=_MATRICES, line=_BACK,
    follows="δ has a column for each receiver, and W a row for each sender. Their product only has a value where W is "
            "square, and then a wrong one.",
    hint="The sum runs over the receivers k, which come second in δ and second in W.")
BACKWARD.mistake(
    "1/N twice", _backward_with(gradient=lambda a, delta: a.T @ delta / len(a)),
    look=(1, "From one sample to a minibatch"), line=_GRADIENT,
    follows="The gradients are N times too short. The 1/N is in δ already, and rides along on the way back.",
    hint="Which sum over samples is still to be taken, and is it a mean?")
BACKWARD.mistake(
    "1/N in each layer", _backward_with(passed=lambda delta, behind: behind / len(delta)),
    look=(1, "From one sample to a minibatch"), line=_BACK,
    follows="The last gradient is right; each one before it is N times shorter than it should be, once more with each "
            "layer. The 1/N is in δ of the output, and rides along on the way back.",
    hint="Is anything averaged when δ goes from one layer to the one before?")


def _bend_with(bend):
    return _backward_with(bend=lambda d, inputs, layer, slope, weights: bend(d, inputs[layer], slope))


BACKWARD.mistake(
    "f′ of δ Wᵀ", _bend_with(lambda d, a, slope: slope(d)), look=_HIDDEN, line=_BACK,
    follows="The slope was asked for at what comes back, not at what the unit had sent. The two are different things: "
            "one is a slope of the loss, the other a value of the curve.",
    hint="slope takes a value of a unit. Where in the list are the values of this layer?")
BACKWARD.mistake(
    "a where f′ is meant", _bend_with(lambda d, a, slope: d * a), look=_HIDDEN, line=_BACK,
    follows="δ was multiplied with the value of the unit, not with the slope of the curve at it. A unit near 1, where "
            "the curve is flat, learns most.",
    hint="You were handed a function that makes one of the other.")
BACKWARD.mistake(
    "f′ twice", _bend_with(lambda d, a, slope: d * slope(slope(a))), look=_HIDDEN, line=_BACK,
    also=[(_bend_with(lambda d, a, slope: d * slope(a) ** 2),)],
    follows="The slope comes in twice. δ passes the curve of each layer once.",
    hint="How many curves lie between the sum of a unit and its value?")
BACKWARD.mistake(
    "a slope of its own, whatever slope is", _bend_with(lambda d, a, slope: d * f_slope(a)), look=_HIDDEN, line=_BACK,
    follows="a (1 − a) is right for the sigmoid. But slope was handed in, and for another curve your gradients are "
            "those of a network that there is not.",
    hint="Which of the four arguments does your function never use?")


def _without_brackets(inputs, delta, weights, slope):
    gradients = []
    for layer in reversed(range(len(weights))):
        gradients.insert(0, inputs[layer].T @ delta)
        if layer > 0:
            delta = slope(inputs[layer]) * delta @ weights[layer].T
    return gradients


BACKWARD.mistake(
    "a pair of brackets is missing", _without_brackets, look=_HIDDEN, line=_BACK,
    follows="Python takes `*` and `@` from left to right: the slope of the units in front was multiplied with δ of "
            "those behind. Where the layers differ in width it crashes; where not, it is silently wrong.",
    hint="What has to be ready before the slope comes in?")
BACKWARD.mistake(
    "W is forgotten", _backward_with(back=lambda delta, W: delta), line=_BACK, look=_HIDDEN,
    follows="δ went one layer back without passing the weights. Each unit is blamed as much as one behind it, however "
            "weakly the two are connected; where the layers differ in width it crashes.",
    hint="Through what did a unit's value reach the units behind it?")
BACKWARD.mistake(
    "the list the wrong way round", _backward_with(after=lambda gradients, inputs, delta, weights: gradients[::-1]),
    line=_GRADIENT,
    follows="The way back finds the last gradient first, and so the list begins with it. An update pairs it with the "
            "first matrix.",
    hint="Put each one in front of the list, or turn the list round at the end.")
BACKWARD.mistake(
    "f′ of the layer before",
    _backward_with(bend=lambda d, inputs, layer, slope, weights: d * slope(inputs[layer - 1])), look=_HIDDEN,
    line=_BACK,
    follows="The slope is taken at other units than those that δ goes to. If the layers have different widths it "
            "crashes; if not, it is silently wrong.",
    hint="δ passes back through weights[layer] to the units whose a is that matrix's input.")
BACKWARD.mistake(
    "W of the layer before", _backward_with(matrix=lambda weights, layer: weights[layer - 1]), look=_HIDDEN,
    line=_BACK,
    follows="δ goes back through other weights than those that it came through on the way forward.",
    hint="Units send through weights[layer], and what comes back to them comes through the same.")
BACKWARD.mistake(
    "δ of the output for every layer", _backward_with(passed=lambda delta, behind: delta), line=_BACK,
    follows="The last gradient is right. The others multiply what came in by a δ that belongs to the output, which the "
            "hidden units have never heard of.",
    hint="Each layer has a δ of its own. Is the new one given the name of the old one?")


def _with_inputs(inputs, delta, weights, slope):
    def delta_of(layer):
        if layer == len(weights):
            return delta
        return slope(inputs[layer]) * (delta_of(layer + 1) @ weights[layer].T)

    return [delta_of(0), *(a.T @ delta_of(layer + 1) for layer, a in enumerate(inputs))]


BACKWARD.mistake(
    "δ passed back to the inputs and their bias row", _with_inputs,
    look=(1, "Biases in every layer"), line="if layer > 0:        # nobody asks how the inputs should change",
    follows="There is an entry too many. The images and the constant 1 are no units: nothing feeds them, they have no "
            "z, and so there is no δ to compute for them.",
    hint="For which layers is there anything behind that could still move?")
BACKWARD.mistake(
    "the last layer's gradient is left out",
    _backward_with(after=lambda gradients, inputs, delta, weights: gradients[:-1]), line=_GRADIENT,
    follows="There are fewer gradients than matrices, and zip() would pair what there is in silence.",
    hint="Is the first gradient taken before δ goes one layer back?")


def _one_layer_back(inputs, delta, weights, slope):
    first = inputs[0].T @ (slope(inputs[-1]) * (delta @ weights[-1].T))
    return [first, *(a.T @ delta for a in inputs[1:])]


BACKWARD.mistake(
    "one hidden layer, whatever the depth", _one_layer_back,
    follows="Only the last step back is made. The layers between get δ of the output, or nothing.",
    hint="How often must δ go one layer back, in a network with two hidden layers?")


def _back_first(inputs, delta, weights, slope):
    gradients = []
    for layer in reversed(range(len(weights))):
        delta = slope(inputs[layer]) * (delta @ weights[layer].T)
        gradients.insert(0, inputs[layer].T @ delta)
    return gradients


def _back_first_but_not_to_the_inputs(inputs, delta, weights, slope):
    gradients = []
    for layer in reversed(range(len(weights))):
        if layer > 0:
            delta = slope(inputs[layer]) * (delta @ weights[layer].T)
        gradients.insert(0, inputs[layer].T @ delta)
    return gradients


BACKWARD.mistake(
    "δ goes back before the gradient is taken", _back_first, also=[(_back_first_but_not_to_the_inputs,)],
    line=_GRADIENT + "        # and only then δ goes back",
    follows="Each layer's gradient is made with the δ of the layer before it, and the inputs get one that nobody "
            "needs.",
    hint="A gradient is what came into a matrix times δ of the units that it leads to. Which δ is that?")


def _overwriting(inputs, delta, weights, slope):
    gradients = _backward_with()(inputs, delta, weights, slope)
    for W, gradient in zip(weights, gradients):
        W -= gradient
    return gradients


BACKWARD.mistake(
    "weights moved on the way back", _overwriting, look=(1, "Go downhill"), line="return gradients",
    follows="A gradient is a question, not a step. If a matrix moves before δ has gone back through it, the layers "
            "before it get the gradient of a network that never gave the answer.",
    hint="Leave the weights alone here. Moving them is the next blank's work.")

# ---- 6: the gradient check

_W = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])
_CURVED = np.random.default_rng(2).normal(size=(6, 6))


def _see_check(look, numerical_gradient):
    for label, W, epsilon in (("W of shape (2, 3)", _W, 0.01), ("one weight", _W[:1, :1], 0.1)):
        W, square = W.copy(), _CURVED[: W.size, : W.size]

        def loss(W=W, square=square):
            return float(W.ravel() @ square @ W.ravel() + W.sum() + (W**3).sum())

        # The loss sees what is done to this very array.
        look.call(f"numerical_gradient(loss, W, {epsilon}), {label}", numerical_gradient, loss, W, epsilon,
                  copied=False)
        look.note(f"W, afterwards ({label})", W)


def _each(difference):
    def gradient(loss, W, epsilon):
        slopes = [difference(loss, W, index, epsilon) for index in np.ndindex(W.shape)]
        return np.reshape(slopes, W.shape)
    return gradient


def _difference(formula, by=(1, -1), put_back=True):
    """A gradient by a formula from ε and the losses with a weight moved by multiples of ε, one after the other."""
    def slope(loss, W, index, epsilon):
        value, losses = W[index], []
        for each in by:
            W[index] = value + each * epsilon
            losses.append(loss())
        if put_back:
            W[index] = value
        return formula(*losses, epsilon)
    return _each(slope)


GRADIENT_CHECK = Blank(
    "gradient check",
    "∂C/∂W by central differences: loss() is the loss with W as it is, and W is left as it was.",
    ("numerical_gradient(loss, W, epsilon)",), _see_check, (_each(central_difference),),
    (Advice((1, "Ask by trying, and see what it costs"),
            "One weight at a time: up, ask; down, ask; back. W has to be the array that the loss sees.",
            "W[index] = value + epsilon; above = loss(); W[index] = value - epsilon; below = loss(); "
            "W[index] = value"),))
_QUOTIENT = "gradient[index] = (above - below) / (2 * epsilon)"
_RESTORE = "W[index] = value        # once both losses are known"

GRADIENT_CHECK.mistake(
    "a one-sided difference",
    _difference(lambda here, above, epsilon: (above - here) / epsilon, by=(0, 1)),
    look=(1, "Ask how far the judge can be trusted"), line=_QUOTIENT,
    follows="It leaves out the curvature, an error that shrinks only with ε itself. At ε = 10⁻⁵ it agrees to five "
            "digits and not to nine, and a right formula fails the test.",
    hint="Step to both sides: what the curvature adds is the same up and down, and cancels.")

GRADIENT_CHECK.mistake(
    "down only as far as the start",
    _difference(lambda above, here, epsilon: (above - here) / (2 * epsilon), by=(1, 0)),
    line="W[index] = value - epsilon; below = loss()",
    follows="From value + ε it is two ε down to value − ε. Yours goes back by one, so the difference spans ε and is "
            "divided by 2ε: about half of each slope.",
    hint="Write down what stands in W at each of the two losses.")


def _of_a_copy(loss, W, epsilon):
    return _each(central_difference)(loss, W.copy(), epsilon)


def _all_at_once(loss, W, epsilon):
    W += epsilon
    above = loss()
    W -= 2 * epsilon
    below = loss()
    W += epsilon
    return np.full(W.shape, (above - below) / (2 * epsilon))


def _row_by_row(loss, W, epsilon):
    gradient = np.zeros(W.shape)
    for row, value in enumerate(W.copy()):
        W[row] = value + epsilon
        above = loss()
        W[row] = value - epsilon
        gradient[row] = (above - loss()) / (2 * epsilon)
        W[row] = value
    return gradient


GRADIENT_CHECK.mistake(
    "an ε of its own",
    lambda loss, W, epsilon: _each(central_difference)(loss, W, 1e-5), look=(1, "Ask how far the judge can be trusted"),
    also=[(lambda loss, W, epsilon: _each(central_difference)(loss, W, 1e-7),),
          (lambda loss, W, epsilon: _each(central_difference)(loss, W, 1e-3),)],
    follows="Your slopes are good ones, but epsilon was handed in, and yours does not change with it: nobody can try "
            "how large a step may be.",
    hint="Which of the three arguments does your function never use?")
GRADIENT_CHECK.mistake(
    "divided by ε, not by 2ε",
    _difference(lambda above, below, epsilon: (above - below) / epsilon),
    line=_QUOTIENT,
    follows="Each slope is twice as large as it is. A right formula then has a relative error of one half.",
    hint="How far is it from value − ε to value + ε?")
GRADIENT_CHECK.mistake(
    "the wrong sign",
    _difference(lambda above, below, epsilon: (below - above) / (2 * epsilon)),
    line=_QUOTIENT,
    follows="Where the loss rises your slope is negative: gradient descent would climb.",
    hint="A positive slope means that more of the weight makes more loss. Which loss comes first?")
GRADIENT_CHECK.mistake(
    "integer division",
    _difference(lambda above, below, epsilon: (above - below) // (2 * epsilon)),
    line=_QUOTIENT,
    follows="Two slashes round down: what is left of most slopes is −1 or 0.",
    hint="One slash divides, two round down.")
GRADIENT_CHECK.mistake(
    "an array of whole numbers", lambda loss, W, epsilon: _each(central_difference)(loss, W, epsilon).astype(int),
    line="gradient = np.zeros(W.shape)",
    follows="An array of whole numbers cuts off what comes behind the point of each slope.",
    hint="Which dtype has the array that you write the slopes into?")
GRADIENT_CHECK.mistake(
    "/ 2 * ε in place of / (2ε)",
    _difference(lambda above, below, epsilon: (above - below) / 2 * epsilon),
    line=_QUOTIENT,
    follows="Python divides by 2 and then multiplies by ε: each slope is too small by a factor of ε².",
    hint="`a / 2 * b` is `(a / 2) * b`.")
GRADIENT_CHECK.mistake(
    "the weight is not put back",
    _difference(lambda above, below, epsilon: (above - below) / (2 * epsilon), put_back=False),
    line=_RESTORE,
    follows="Each weight stays where the last question left it, so every later slope is one of another network; and "
            "the network that you wanted to test is not the same afterwards.",
    hint="Remember the value before the first question.")
GRADIENT_CHECK.mistake(
    "a copy is moved", _of_a_copy, line=_RESTORE,
    follows="All slopes are 0: the loss looks at W, and what moved is a copy that it knows nothing of.",
    hint="`W.copy()`, and also `W + 0`, is another array. Change W[index] itself.")
GRADIENT_CHECK.mistake(
    "all weights moved at once", _all_at_once,
    follows="That is one slope, along the diagonal: the sum of all partial derivatives, not each of them.",
    hint="∂ asks for one weight while all others stand still.")
GRADIENT_CHECK.mistake(
    "a whole row moved at once", _row_by_row, line="for index in np.ndindex(W.shape):",
    follows="Each entry holds the sum of its row's slopes. Where W has a single column nothing is noticed.",
    hint="`W[i]` is a whole row of a matrix. How many indices has one weight?")

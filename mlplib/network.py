"""The multilayer perceptron: weights, forward pass, backward pass. Reads like chapter 1."""

import math

import numpy as np

from mlplib import _checks
from mlplib.activations import ACTIVATIONS, composed
from mlplib.initializers import INITIALIZERS, draw
from mlplib.losses import cross_entropy, log_softmax, one_hot, output_delta, softmax
from mlplib.mnist import N_CLASSES, N_INPUTS
from mlplib.products import ORDER, matmul
from mlplib.threads import in_order

BIASES = ("input", "every_layer")
CHUNK = 2000  # samples evaluated at once: few enough for the processor's cache, and memory does not grow with the set
PRODUCTS = 110_000_000  # of weights and samples, so many at once and no more: a tenth of a second in a browser


class Buffers:
    """The arrays that a forward and a backward pass write to, allocated once for all minibatches of a size.

    Parameters
    ----------
    model : MLP
    n_samples : int
    backward : bool
        Whether the backward pass is wanted too.

    Attributes
    ----------
    inputs : list of array
        What each later layer sees, with its bias column where it has one.
    activations : list of array
        The same memory without the bias columns.
    logits : array of shape (n_samples, n_classes)
        They become the logarithms of the probabilities, then δ of the output layer.
    gradients : list of array
        Shaped like the model's weights.
    deltas, slopes : list of array
        δ and f′ of each hidden layer, input side first.
    """

    def __init__(self, model, n_samples, backward=True):
        own_bias = model.biases == "every_layer"
        self.inputs = [np.ones((n_samples, width + own_bias), model.dtype) for width in model.hidden]
        self.activations = [a[:, :width] for a, width in zip(self.inputs, model.hidden)]
        self.logits = np.empty((n_samples, model.n_classes), model.dtype, order="F")  # see log_softmax
        if backward:
            self.gradients = [np.empty_like(W) for W in model.weights]
            self.deltas, self.slopes = ([np.empty((n_samples, width), model.dtype) for width in model.hidden]
                                        for _ in range(2))

    # A copy of a view is no view: copies take the widths along and make views of their own.
    def __getstate__(self):
        return vars(self) | {"activations": [a.shape[1] for a in self.activations]}

    def __setstate__(self, state):
        self.__dict__ |= _checks.writable(state, *(state.keys() - {"activations"}))
        self.activations = [a[:, :width] for a, width in zip(self.inputs, state["activations"])]


class MLP:
    """A multilayer perceptron with softmax outputs.

    Rows are samples. Layer l computes z = a W and a = f(z); the last layer's z are the logits.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers, input side first; any number of them.
    activation : {"sigmoid", "improved_sigmoid"}
    init : {"uniform", "fan_in"}
    biases : {"input", "every_layer"}
        "input": the only bias is the constant last column of the input. "every_layer": each later layer sees such a
        column too, so each later weight matrix has one more row.
    seed : int
        Of the initial weights.
    dtype : float32 or float64
        Of the weights and of all that is computed with them.
    n_inputs : int
        Columns of the input, bias column included.
    n_classes : int
    input_gain, output_gain, offset : float
        The hidden units give output_gain f(input_gain z) + offset, f being the activation.
    init_scale : float or sequence of float
        A factor for all initial weights, or one for each weight matrix.

    Attributes
    ----------
    weights : list of array
        Live and writable, input side first, shapes (fan_in, fan_out); fan_in + 1 rows where the layer has its own bias.
    hidden, activation, init, biases, seed, dtype, n_inputs, n_classes, input_gain, output_gain, offset, init_scale
        As given; `hidden` as a tuple, `dtype` as a numpy.dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; the message names it.
    """

    def __init__(self, hidden=(64,), activation="sigmoid", init="uniform", biases="input", seed=0, dtype=np.float32,
                 n_inputs=N_INPUTS, n_classes=N_CLASSES, *,
                 input_gain=1.0, output_gain=1.0, offset=0.0, init_scale=1.0):
        self.hidden = _checks.widths("hidden", hidden)
        self.activation = _checks.one_of("activation", activation, ACTIVATIONS)
        self.init = _checks.one_of("init", init, INITIALIZERS)
        self.biases = _checks.one_of("biases", biases, BIASES)
        self.seed = _checks.integer("seed", seed, minimum=0)
        self.dtype = _checks.floating_dtype("dtype", dtype)
        self.n_inputs = _checks.integer("n_inputs", n_inputs, minimum=1, maximum=_checks.LONGEST)
        self.n_classes = _checks.integer("n_classes", n_classes, minimum=2, maximum=_checks.LONGEST)
        self.input_gain, self.output_gain, self.offset = (
            _checks.within(name, check(name, value), self.dtype) for name, check, value in (
                ("input_gain", _checks.gain, input_gain), ("output_gain", _checks.gain, output_gain),
                ("offset", _checks.finite, offset)))
        self.init_scale = _checks.scales("init_scale", init_scale, len(self.hidden) + 1)
        self.weights = self._initial_weights()

    def _initial_weights(self):
        weights_stream, _ = np.random.SeedSequence(self.seed).spawn(2)  # the other one orders the data
        rng = np.random.default_rng(weights_stream)
        weights, scales = [], np.broadcast_to(self.init_scale, len(self.hidden) + 1)
        for shape, fan_in, scale in zip(self._shapes(), (self.n_inputs, *self.hidden), scales):
            W = draw(self.init, rng, shape, fan_in)
            with np.errstate(all="ignore"):
                weights.append((scale * W).astype(self.dtype, order=ORDER))
        _checks.within("init_scale", max(float(np.abs(W).max()) for W in weights), self.dtype)
        return weights

    def _shapes(self):
        """Of the weight matrices; where later layers have biases of their own, with a row more."""
        rows = (self.n_inputs, *(width + (self.biases == "every_layer") for width in self.hidden))
        return list(zip(rows, (*self.hidden, self.n_classes)))

    def __setstate__(self, state):
        self.__dict__ |= _checks.writable(state, "weights")

    @property
    def n_parameters(self):
        """Number of weights, biases included."""
        return sum(W.size for W in self.weights)

    def __repr__(self):
        layers = "-".join(map(str, (self.n_inputs, *self.hidden, self.n_classes)))
        return f"MLP {layers}, {self.activation}, {self.n_parameters:,} parameters"

    # ---- forward and backward, as derived in chapter 1

    @property
    def f(self):
        """The hidden units' activation, with its gains and its offset."""
        return composed(self.activation, self.input_gain, self.output_gain, self.offset)

    def propagate(self, X, buffers):
        """The layers' inputs [X, a_1, a_2, ...] and the logits."""
        f = self.f
        inputs = [X, *buffers.inputs]
        for x, W, a in zip(inputs, self.weights, buffers.activations):
            z = matmul(x, W, out=a)
            f(z, out=a)
        return inputs, matmul(inputs[-1], self.weights[-1], out=buffers.logits)

    def backpropagate(self, inputs, delta, buffers):
        """The gradient for each weight matrix, from the output layer's δ."""
        f = self.f
        for layer in reversed(range(len(self.weights))):
            matmul(inputs[layer].T, delta, out=buffers.gradients[layer])
            if layer > 0:
                a = buffers.activations[layer - 1]  # without a bias column: it has no δ
                W = self.weights[layer][: a.shape[1]]
                delta = matmul(delta, W.T, out=buffers.deltas[layer - 1])
                delta *= f.derivative(a, out=buffers.slopes[layer - 1])
        return buffers.gradients

    def loss_and_gradients(self, X, targets, buffers):
        """The mean cross-entropy, and its gradient for each weight matrix in `buffers.gradients`, on checked input."""
        inputs, z = self.propagate(X, buffers)
        log_p = log_softmax(z, out=z)
        loss = cross_entropy(log_p, targets)
        return loss, self.backpropagate(inputs, output_delta(log_p, targets, out=log_p), buffers)

    def _in_parts(self, X, function):
        """What `function` makes of the logits and of their place in X.

        It is given CHUNK samples at a time, of large networks fewer. The logits are overwritten when it has returned.
        """
        chunk = max(1, min(CHUNK, PRODUCTS // self.n_parameters))
        free = []  # each thread takes buffers from here, and puts them back

        def of_part(start):
            part = X[start : start + chunk]
            whole = len(part) == chunk
            buffers = free.pop() if whole and free else Buffers(self, len(part), backward=False)
            with np.errstate(all="ignore"):
                found = function(self.propagate(part, buffers)[1], slice(start, start + len(part)))
            if whole:
                free.append(buffers)
            return found

        return in_order(of_part, range(0, len(X), chunk))

    def loss_and_accuracy(self, X, y, each=None):
        """Both over all samples, on input that has been checked; `each` as for `evaluate_in_parts`."""
        *_, loss_and_accuracy = self.evaluate_in_parts(X, y, each)
        return loss_and_accuracy

    def evaluate_in_parts(self, X, y, each=None):
        """Loss and accuracy over the samples so far, some more each time; the last pair is over all of them.

        The accuracy is NaN where the loss is not finite: NaN has no largest logit.

        `each`, a pair of arrays of shape (N,), takes every sample's loss and whether it is classified correctly.
        """
        def judged(z, at):
            hits = z.argmax(axis=1) == y[at]
            log_p = log_softmax(z, out=z)
            loss = cross_entropy(log_p, one_hot(y[at], self.n_classes, self.dtype))
            if each is not None:
                each[0][at] = -log_p[np.arange(len(log_p)), y[at]]
                each[1][at] = hits
            return loss, np.count_nonzero(hits), len(hits)

        loss, correct, n = 0.0, 0, 0
        for mean, hits, size in self._in_parts(X, judged):
            loss, correct, n = loss + mean * size, correct + hits, n + size
            yield loss / n, float(correct / n) if math.isfinite(loss) else math.nan

    # ---- what users call: the same, on checked input

    def _checked(self, X, y):
        X = self._checked_samples(X)
        return X, _checks.labels("y", y, len(X), self.n_classes)

    def _checked_samples(self, X):
        """The samples; the weights, which anyone may have written to, are looked at too."""
        X = _checks.samples("X", X, self.n_inputs, self.dtype)
        _checks.weights(self.weights, self._shapes(), self.dtype)
        return X

    def _of_finite_logits(self, X, function):
        def checked(z, at):
            _checks.logits(z)
            return function(z)

        return np.concatenate(list(self._in_parts(self._checked_samples(X), checked)))

    def forward(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array of shape (N, n_inputs)
            Standardised images with their bias column.

        Returns
        -------
        array of shape (N, n_classes)
            Fresh; each row sums to 1.

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, is not numeric, is empty, or holds NaN or infinity; or if the weights do, or are
            so large that a logit does.
        """
        return self._of_finite_logits(X, softmax)

    def predict(self, X):
        """The most probable class of each sample.

        Parameters
        ----------
        X : array of shape (N, n_inputs)

        Returns
        -------
        int64 array of shape (N,)

        Raises
        ------
        TypeError, ValueError
            As for `forward`.
        """
        return self._of_finite_logits(X, lambda z: z.argmax(axis=1)).astype(np.int64, copy=False)

    def evaluate(self, X, y):
        """Loss and accuracy from one forward pass.

        Parameters
        ----------
        X : array of shape (N, n_inputs)
        y : int array of shape (N,)
            Labels, 0 to n_classes - 1.

        Returns
        -------
        loss : float
            Mean cross-entropy, in nats.
        accuracy : float
            Share of samples whose most probable class is their label, 0 to 1.

        Raises
        ------
        TypeError, ValueError
            If `X` or `y` is not as described, or a weight is not finite; the message says how.
        """
        loss, accuracy = self.loss_and_accuracy(*self._checked(X, y))
        _checks.logits(loss)
        return loss, accuracy

    def loss(self, X, y):
        """Mean cross-entropy, in nats; arguments and errors as for `evaluate`."""
        return self.evaluate(X, y)[0]

    def accuracy(self, X, y):
        """Share of samples classified correctly, 0 to 1; arguments and errors as for `evaluate`."""
        return self.evaluate(X, y)[1]

    def gradients(self, X, y):
        """Derivatives of the mean cross-entropy by every weight, by backpropagation.

        Arguments and errors as for `evaluate`.

        Returns
        -------
        list of array
            Shaped like `weights`; fresh arrays.
        """
        X, y = self._checked(X, y)
        with np.errstate(all="ignore"):
            loss, gradients = self.loss_and_gradients(X, one_hot(y, self.n_classes, self.dtype), Buffers(self, len(X)))
        _checks.logits(loss)
        return gradients

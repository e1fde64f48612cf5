"""The multilayer perceptron: weights, forward pass, backward pass. Reads like chapter 1."""

import numpy as np

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.initializers import INITIALIZERS, draw
from mlplib.losses import cross_entropy, log_softmax, output_delta, softmax

BIASES = ("input", "every_layer")


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

    Attributes
    ----------
    weights : list of array
        Live and writable, input side first, shapes (fan_in, fan_out); fan_in + 1 rows where the layer has its own bias.
    hidden, activation, init, biases, seed, dtype, n_inputs, n_classes
        As given; `hidden` as a tuple, `dtype` as a numpy.dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; the message names it.
    """

    def __init__(self, hidden=(64,), activation="sigmoid", init="uniform", biases="input", seed=0, dtype=np.float32,
                 n_inputs=785, n_classes=10):
        self.hidden = _checks.widths("hidden", hidden)
        self.activation = _checks.one_of("activation", activation, ACTIVATIONS)
        self.init = _checks.one_of("init", init, INITIALIZERS)
        self.biases = _checks.one_of("biases", biases, BIASES)
        self.seed = _checks.integer("seed", seed, minimum=0)
        self.dtype = _checks.floating_dtype("dtype", dtype)
        self.n_inputs = _checks.integer("n_inputs", n_inputs, minimum=1)
        self.n_classes = _checks.integer("n_classes", n_classes, minimum=2)
        self.weights = self._initial_weights()

    def _initial_weights(self):
        weights_stream, _ = np.random.SeedSequence(self.seed).spawn(2)  # the other one orders the data
        rng = np.random.default_rng(weights_stream)
        weights = []
        for fan_in, fan_out in zip((self.n_inputs, *self.hidden), (*self.hidden, self.n_classes)):
            own_bias = bool(weights) and self.biases == "every_layer"
            weights.append(draw(self.init, rng, (fan_in + own_bias, fan_out), fan_in).astype(self.dtype))
        return weights

    @property
    def n_parameters(self):
        """Number of weights, biases included."""
        return sum(W.size for W in self.weights)

    def __repr__(self):
        layers = "-".join(map(str, (self.n_inputs, *self.hidden, self.n_classes)))
        return f"MLP {layers}, {self.activation}, {self.n_parameters:,} parameters"

    # ---- forward and backward, as derived in chapter 1

    def _propagate(self, X):
        """The layers' inputs [X, a_1, a_2, ...] and the logits."""
        f = ACTIVATIONS[self.activation]
        inputs = [X]
        for W in self.weights[:-1]:
            a = f(inputs[-1] @ W)
            if self.biases == "every_layer":
                a = np.column_stack((a, np.ones(len(a), self.dtype)))
            inputs.append(a)
        return inputs, inputs[-1] @ self.weights[-1]

    def _backpropagate(self, inputs, delta):
        """The gradient for each weight matrix, from the output layer's δ."""
        f = ACTIVATIONS[self.activation]
        gradients = [None] * len(self.weights)
        for layer in reversed(range(len(self.weights))):
            gradients[layer] = inputs[layer].T @ delta
            if layer > 0:
                # A bias column has no δ: nothing comes before it.
                units = self.hidden[layer - 1]
                delta = delta @ self.weights[layer][:units].T
                delta *= f.derivative(inputs[layer][:, :units])
        return gradients

    def _loss_and_gradients(self, X, y):
        inputs, z = self._propagate(X)
        log_p = log_softmax(z)
        return cross_entropy(log_p, y), self._backpropagate(inputs, output_delta(log_p, y))

    def _logits(self, X, chunk=2000):
        # In pieces that fit the processor's cache: faster, and memory does not grow with the data set.
        return np.concatenate([self._propagate(X[i : i + chunk])[1] for i in range(0, len(X), chunk)])

    def _evaluate(self, X, y):
        z = self._logits(X)
        return cross_entropy(log_softmax(z), y), float(np.mean(z.argmax(axis=1) == y))

    # ---- what users call: the same, on checked input

    def _checked(self, X, y):
        X = self._checked_samples(X)
        return X, _checks.labels("y", y, len(X), self.n_classes)

    def _checked_samples(self, X):
        return _checks.samples("X", X, self.n_inputs, self.dtype)

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
            If `X` has another shape, is not numeric, is empty, or holds NaN or infinity.
        """
        return softmax(self._logits(self._checked_samples(X)))

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
        return self._logits(self._checked_samples(X)).argmax(axis=1).astype(np.int64, copy=False)

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
            If `X` or `y` is not as described; the message says how.
        """
        return self._evaluate(*self._checked(X, y))

    def loss(self, X, y):
        """Mean cross-entropy, in nats; arguments and errors as for `evaluate`."""
        return self.evaluate(X, y)[0]

    def accuracy(self, X, y):
        """Share of samples classified correctly, 0 to 1; arguments and errors as for `evaluate`."""
        return self.evaluate(X, y)[1]

    def gradients(self, X, y):
        """Derivatives of the mean cross-entropy by every weight, by backpropagation.

        Parameters
        ----------
        X : array of shape (N, n_inputs)
        y : int array of shape (N,)
            Labels, 0 to n_classes - 1.

        Returns
        -------
        list of array
            Shaped like `weights`; fresh arrays.

        Raises
        ------
        TypeError, ValueError
            If `X` or `y` is not as described; the message says how.
        """
        return self._loss_and_gradients(*self._checked(X, y))[1]

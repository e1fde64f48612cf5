"""The references of the way forward are what the library computes."""

import numpy as np

from mlplib import MLP
from mlplib.practice.way_forward import BENDS, FORWARD, NETWORKS, SIGMOID, SOFTMAX, random_samples, weights_of

# The curves as the network knows them; tanh is the sigmoid twice as steep, twice as high, and lowered by 1.
AS_MLP = {"sigmoid": {}, "tanh": {"input_gain": 2, "output_gain": 2, "offset": -1}}


def test_sigmoid_and_slope_are_the_librarys():
    sigmoid, slope = SIGMOID.reference
    z = np.linspace(-5, 5, 11)
    assert np.allclose(sigmoid(z), 1 / (1 + np.exp(-z)))
    assert np.allclose(slope(sigmoid(z)), (sigmoid(z + 1e-5) - sigmoid(z - 1e-5)) / 2e-5)


def test_the_forward_pass_and_the_loss_are_those_of_a_network():
    softmax, cross_entropy = SOFTMAX.reference
    for n, widths, curve in NETWORKS.values():
        network = MLP(widths[1:-1], n_inputs=widths[0], n_classes=widths[-1], dtype=np.float64, **AS_MLP[curve])
        network.weights = weights_of(*widths)
        X, y = random_samples(n, widths[0]), np.arange(n) % widths[-1]
        inputs, z = FORWARD.reference[0](X, network.weights, BENDS[curve][0])
        assert np.allclose(softmax(z), network.forward(X)) and len(inputs) == len(network.weights)
        assert np.isclose(cross_entropy(z, y), network.loss(X, y))
        assert (X[:, -1] == 1).all()

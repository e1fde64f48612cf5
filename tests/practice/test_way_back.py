"""The references of the way back are what the library computes, and what central differences say."""

import numpy as np
from test_way_forward import AS_MLP

from mlplib import MLP
from mlplib.practice.way_back import BACKWARD, DELTA, GRADIENT_CHECK
from mlplib.practice.way_forward import BENDS, FORWARD, NETWORKS, random_samples, weights_of


def test_gradients_are_those_of_a_network_and_those_of_trying():
    for n, widths, curve in NETWORKS.values():
        network = MLP(widths[1:-1], n_inputs=widths[0], n_classes=widths[-1], dtype=np.float64, **AS_MLP[curve])
        network.weights = weights_of(*widths)
        X, y = random_samples(n, widths[0]), np.arange(n) % widths[-1]
        f, slope = BENDS[curve]
        inputs, _ = FORWARD.reference[0](X, network.weights, f)
        delta = DELTA.reference[0](network.forward(X), y)
        gradients = BACKWARD.reference[0](inputs, delta, network.weights, slope)
        for W, gradient, own in zip(network.weights, gradients, network.gradients(X, y)):
            assert np.allclose(gradient, own)
            tried = GRADIENT_CHECK.reference[0](lambda: network.loss(X, y), W, 1e-5)
            assert np.allclose(gradient, tried, atol=1e-8)

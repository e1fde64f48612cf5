"""A network whose backward pass forgets f′, the mistake of chapter 2, for experiments on what it does."""

from mlplib.network import MLP
from mlplib.products import matmul


class StraightThrough(MLP):
    """The same network as `MLP`, but δ goes back through a hidden unit as if its slope were 1.

    What `gradients` gives is then no gradient. Where f′ is 0 almost everywhere, in a network of steps, it is used on
    purpose: the straight-through estimator of Bengio, Léonard and Courville, "Estimating or Propagating Gradients
    Through Stochastic Neurons for Conditional Computation", 2013. Parameters, attributes and errors as for `MLP`.
    """

    def backpropagate(self, inputs, delta, buffers):
        """What `MLP.backpropagate` does, without the factor f′."""
        for layer in reversed(range(len(self.weights))):
            matmul(inputs[layer].T, delta, out=buffers.gradients[layer])
            if layer > 0:
                W = self.weights[layer][: self.hidden[layer - 1]]  # without the row of a bias: it has no δ
                delta = matmul(delta, W.T, out=buffers.deltas[layer - 1])
        return buffers.gradients

"""How a gradient moves the weights: plain gradient descent, and with momentum."""

import numpy as np

from mlplib import _checks


class SGD:
    """Gradient descent on minibatches: W := W - α ∇C.

    Parameters
    ----------
    learning_rate : float
        α, above 0.

    Raises
    ------
    TypeError, ValueError
        If `learning_rate` is not a positive finite number.
    """

    def __init__(self, learning_rate=0.1):
        self.learning_rate = _checks.learning_rate(learning_rate)

    def __repr__(self):
        return f"SGD(learning_rate={self.learning_rate})"

    def update(self, weights, gradients):
        """Move `weights` in place.

        Parameters
        ----------
        weights, gradients : list of array
            Of the same shapes.
        """
        for W, gradient in zip(weights, gradients):
            W -= self.learning_rate * gradient

    def direction(self, gradients):
        """What the learning rate multiplied in the last update, given its gradients: a list of arrays."""
        return gradients


class Momentum:
    """Gradient descent with momentum: v := γ v + ∇C, then W := W - α v, with v = 0 at first.

    A constant gradient is followed with the step α / (1 - γ). See LeCun et al., "Efficient BackProp", section 4.7.

    Parameters
    ----------
    learning_rate : float
        α, above 0.
    gamma : float
        γ, the share of the velocity that is kept, at least 0 and below 1.

    Attributes
    ----------
    velocities : list of array or None
        One for each weight matrix, of its shape; None before the first update.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """

    def __init__(self, learning_rate=0.02, gamma=0.9):
        self.learning_rate = _checks.learning_rate(learning_rate)
        self.gamma = _checks.gamma(gamma)
        self.velocities = None
        self._steps = None

    def __repr__(self):
        return f"Momentum(learning_rate={self.learning_rate}, gamma={self.gamma})"

    def update(self, weights, gradients):
        """Move `weights` in place, and remember the velocities.

        Parameters
        ----------
        weights, gradients : list of array
            Of the same shapes, the same network's at each call.
        """
        if self.velocities is None:
            self.velocities = [np.zeros_like(W) for W in weights]
            self._steps = [np.empty_like(W) for W in weights]
        for W, v, gradient, step in zip(weights, self.velocities, gradients, self._steps):
            v *= self.gamma
            v += gradient
            W -= np.multiply(v, self.learning_rate, out=step)

    def direction(self, gradients):
        """What the learning rate multiplied in the last update: the velocities."""
        return self.velocities

"""How a gradient moves the weights: plain gradient descent, with momentum, and with momentum for a while."""

from collections import deque
from itertools import starmap
from operator import call

import numpy as np

from mlplib import _checks


def at_once(calls):
    """Make calls one after the other, with no instruction of Python in between.

    Ctrl-C is heard between two instructions, so it comes before all of these or after them: nothing is left half moved.

    Parameters
    ----------
    calls : list of tuple
        A function that is not written in Python, and its arguments.
    """
    deque(starmap(call, calls), maxlen=0)


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

    @np.errstate(all="ignore")
    def update(self, weights, gradients):
        """Move `weights` in place.

        Parameters
        ----------
        weights, gradients : list of array
            Of the same shapes and dtype.

        Raises
        ------
        ValueError
            If they are not.
        """
        at_once(self.moves(weights, gradients))

    def moves(self, weights, gradients):
        """What `update` does, as calls for `at_once`; arguments and errors as for `update`."""
        _checks.gradients(weights, gradients)
        return [(np.subtract, W, self.learning_rate * gradient, W) for W, gradient in zip(weights, gradients)]

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
        self._weights = None
        self._steps = None

    def __repr__(self):
        return f"Momentum(learning_rate={self.learning_rate}, gamma={self.gamma})"

    def __setstate__(self, state):
        held = ("velocities", "_steps") if state["_steps"] is not None else ()
        self.__dict__ |= _checks.writable(state, *held)

    @np.errstate(all="ignore")
    def update(self, weights, gradients):
        """Move `weights` in place, and remember the velocities.

        Parameters
        ----------
        weights, gradients : list of array
            Of the same shapes and dtype, the same network's at each call.

        Raises
        ------
        ValueError
            If they are not, or if the velocities are those of another network.
        """
        at_once(self.moves(weights, gradients))

    def moves(self, weights, gradients):
        """What `update` does, as calls for `at_once`; arguments and errors as for `update`."""
        _checks.gradients(weights, gradients)
        self.check_network(weights)
        if self._steps is None:
            self._weights = weights
            self.velocities = [np.zeros_like(W) for W in weights]
            self._steps = [np.empty_like(W) for W in weights]
        moves = []
        for W, v, gradient, step in zip(weights, self.velocities, gradients, self._steps):
            moves += [(np.multiply, v, self.gamma, v), (np.add, v, gradient, v),  # v := γ v + ∇C
                      (np.multiply, v, self.learning_rate, step), (np.subtract, W, step, W)]  # W := W - α v
        return moves

    def check_network(self, weights):
        """Say so if the velocities are those of another network.

        Parameters
        ----------
        weights : list of array

        Raises
        ------
        ValueError
            If these are not the arrays that were moved so far.
        """
        mine = self._weights
        _checks.sequence("weights", weights, "arrays")
        if mine is None or weights is mine:
            return
        if len(weights) != len(mine) or any(W is not own for W, own in zip(weights, mine)):
            raise ValueError("optimizer: expected one whose velocities are of these weights, got one that has moved "
                             f"those of another network; a fresh one is {self!r}")

    def direction(self, gradients):
        """What the learning rate multiplied in the last update: the velocities."""
        return self.velocities


class PhasedMomentum(Momentum):
    """Momentum in some of the updates; in all others plain descent with the same effective step, α / (1 - γ).

    The velocities follow the gradients all the time, so where momentum sets in they are full: what differs from
    `Momentum` is only which updates use them.

    Parameters
    ----------
    learning_rate, gamma : float
        As for `Momentum`.
    first, stop : int
        Momentum moves the weights from update `first` on, counted from 0, and before update `stop`.

    Attributes
    ----------
    n_updates : int
        Made so far.
    velocities
        As for `Momentum`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """

    def __init__(self, learning_rate, gamma, first, stop):
        super().__init__(learning_rate, gamma)
        self.first, self.stop = _checks.phase("first, stop", (first, stop))
        self.n_updates = 0

    def __repr__(self):
        return f"Phased{super().__repr__()[:-1]}, first={self.first}, stop={self.stop})"

    def moves(self, weights, gradients):
        """What `update` does, as calls for `at_once`; arguments and errors as for `update`."""
        moves = super().moves(weights, gradients)
        if not self.first <= self.n_updates < self.stop:
            step = self.learning_rate / (1 - self.gamma)
            moves[2::4] = [(np.multiply, gradient, step, each) for gradient, each in zip(gradients, self._steps)]
        return [*moves, (vars(self).update, {"n_updates": self.n_updates + 1})]

    def direction(self, gradients):
        """What the learning rate multiplied in the last update, given its gradients: a list of arrays."""
        if self.first < self.n_updates <= self.stop:
            return self.velocities
        return [gradient / (1 - self.gamma) for gradient in gradients]

"""Hidden-layer activations: each f beside its derivative, which is computed from the output a = f(z)."""

import numpy as np

from mlplib import _checks


class Sigmoid:
    """The logistic sigmoid, f(z) = 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, with f′ = a (1 - a).

    Written with tanh, it cannot overflow.

    Attributes
    ----------
    name : str
        In the words of the book, as every activation has it.
    """

    name = "logistic sigmoid"

    @np.errstate(under="ignore")
    def __call__(self, z, out=None):
        """Apply f to each entry.

        Parameters
        ----------
        z : floating array of any shape
        out : array, shaped like `z`, optional
            Where to write the result; may be `z` itself.

        Returns
        -------
        array, shaped like `z`
            `out`, or a fresh one.
        """
        a = np.multiply(z, 0.5, out=out)
        np.tanh(a, out=a)
        a += 1
        a *= 0.5
        return a

    def derivative(self, a, out=None):
        """Compute f′(z) from the output.

        Parameters
        ----------
        a : floating array of any shape
            f(z).
        out : array, shaped like `a`, optional
            Where to write the result; not `a` itself.

        Returns
        -------
        array, shaped like `a`
            `out`, or a fresh one.
        """
        slope = np.subtract(1, a, out=out)
        slope *= a
        return slope

    def bend(self, a):
        """Compute f″(z) / f′(z) from the output: 1 - 2a. Only the curvature of the loss asks for it.

        Parameters
        ----------
        a : floating array of any shape
            f(z).

        Returns
        -------
        array, shaped like `a`
        """
        return 1 - 2 * a


class ImprovedSigmoid:
    """LeCun's scaled tanh, f(z) = 1.7159 tanh(2z/3), with f′ = (2/3) (1.7159 - a²/1.7159).

    Symmetric about 0, f(±1) ≈ ±1: inputs of variance 1 give outputs of variance near 1
    (LeCun et al., "Efficient BackProp", section 4.4).
    """

    name = "improved sigmoid"
    A = 1.7159
    S = 2 / 3

    @np.errstate(under="ignore")
    def __call__(self, z, out=None):
        """Apply f to each entry; arguments as for `Sigmoid`."""
        a = np.multiply(z, self.S, out=out)
        np.tanh(a, out=a)
        a *= self.A
        return a

    @np.errstate(under="ignore")
    def derivative(self, a, out=None):
        """Compute f′(z) from the output; arguments as for `Sigmoid`."""
        slope = np.multiply(a, a, out=out)
        slope *= -self.S / self.A
        slope += self.S * self.A
        return slope

    def bend(self, a):
        """Compute f″(z) / f′(z) from the output, -(4/3) a/1.7159; arguments as for `Sigmoid`."""
        return (-2 * self.S / self.A) * a


#: The activations by the name that `MLP` and `Experiment` know them by. Another one is a class like `Sigmoid` and
#: an entry.
#:
#: :meta hide-value:
ACTIVATIONS = {"sigmoid": Sigmoid(), "improved_sigmoid": ImprovedSigmoid()}


class Adjusted:
    """Another activation g with gains and an offset: f(z) = output_gain g(input_gain z) + offset.

    The improved sigmoid is the logistic one with gains 4/3 and 3.4318 and the offset -1.7159; tanh is it with gains 2
    and 2 and the offset -1.

    Parameters
    ----------
    g : Sigmoid or ImprovedSigmoid
    input_gain, output_gain : float
        Not 0.
    offset : float
    """

    def __init__(self, g, input_gain=1.0, output_gain=1.0, offset=0.0):
        self.g, self.input_gain, self.output_gain, self.offset = g, input_gain, output_gain, offset

    @np.errstate(under="ignore")
    def __call__(self, z, out=None):
        """Apply f to each entry; arguments as for `Sigmoid`."""
        a = np.multiply(z, self.input_gain, out=out)
        self.g(a, out=a)
        a *= self.output_gain
        a += self.offset
        return a

    @np.errstate(under="ignore")
    def derivative(self, a, out=None):
        """Compute f′(z) from the output; arguments as for `Sigmoid`."""
        slope = self.g.derivative((a - self.offset) / self.output_gain, out=out)
        slope *= self.input_gain * self.output_gain
        return slope

    def bend(self, a):
        """Compute f″(z) / f′(z) from the output; arguments as for `Sigmoid`."""
        return self.input_gain * self.g.bend((a - self.offset) / self.output_gain)


def activation(name, input_gain=1.0, output_gain=1.0, offset=0.0):
    """The activation of a name, as it is or adjusted.

    Parameters
    ----------
    name : str
        A key of `ACTIVATIONS`.
    input_gain, output_gain, offset : float
        As for `Adjusted`; by default nothing is adjusted.

    Returns
    -------
    Sigmoid, ImprovedSigmoid or Adjusted

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """
    name = _checks.one_of("name", name, ACTIVATIONS)
    input_gain, output_gain = _checks.gain("input_gain", input_gain), _checks.gain("output_gain", output_gain)
    return composed(name, input_gain, output_gain, _checks.finite("offset", offset))


def composed(name, input_gain, output_gain, offset):
    """The same as `activation`, of arguments that have been checked: a network asks for it at every update."""
    g = ACTIVATIONS[name]
    return g if (input_gain, output_gain, offset) == (1, 1, 0) else Adjusted(g, input_gain, output_gain, offset)


def steepest(f):
    """The largest slope of an activation, beside which a unit is saturated where its own is small.

    Parameters
    ----------
    f : Sigmoid, ImprovedSigmoid, Adjusted or another activation

    Returns
    -------
    float
        The largest size of f′(z) over z = -10, -9.5, ..., 10; both sigmoids have it at 0.
    """
    return float(np.abs(f.derivative(f(np.linspace(-10, 10, 41)))).max())

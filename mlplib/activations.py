"""Hidden-layer activations: each f beside its derivative, which is computed from the output a = f(z)."""

import numpy as np


class Sigmoid:
    """The logistic sigmoid, f(z) = 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, with f′ = a (1 - a).

    Written with tanh, it cannot overflow.
    """

    def __call__(self, z):
        """Apply f to each entry.

        Parameters
        ----------
        z : floating array of any shape

        Returns
        -------
        array, shaped like `z`
        """
        a = z * 0.5
        np.tanh(a, out=a)
        a += 1
        a *= 0.5
        return a

    def derivative(self, a):
        """Compute f′(z) from the output.

        Parameters
        ----------
        a : floating array of any shape
            f(z).

        Returns
        -------
        array, shaped like `a`
        """
        return a * (1 - a)


class ImprovedSigmoid:
    """LeCun's scaled tanh, f(z) = 1.7159 tanh(2z/3), with f′ = (2/3) (1.7159 - a²/1.7159).

    Symmetric about 0, f(±1) ≈ ±1: inputs of variance 1 give outputs of variance near 1
    (LeCun et al., "Efficient BackProp", section 4.4).
    """

    A = 1.7159
    S = 2 / 3

    def __call__(self, z):
        """Apply f to each entry.

        Parameters
        ----------
        z : floating array of any shape

        Returns
        -------
        array, shaped like `z`
        """
        a = z * self.S
        np.tanh(a, out=a)
        a *= self.A
        return a

    def derivative(self, a):
        """Compute f′(z) from the output.

        Parameters
        ----------
        a : floating array of any shape
            f(z).

        Returns
        -------
        array, shaped like `a`
        """
        return self.S * self.A - (self.S / self.A) * a * a


#: The activations by the name that `MLP` and `Experiment` know them by.
#:
#: :meta hide-value:
ACTIVATIONS = {"sigmoid": Sigmoid(), "improved_sigmoid": ImprovedSigmoid()}

"""Where weights start: each initialiser pushes the same uniform draws through its own distribution."""

from statistics import NormalDist

import numpy as np


def uniform(u, fan_in):
    """Uniform on [-1, 1], whatever the fan-in: the plain start inferred for the report.

    Parameters
    ----------
    u : float64 array
        Draws from the uniform distribution on (0, 1).
    fan_in : int
        Number of inputs of a unit, not counting its bias.

    Returns
    -------
    float64 array, shaped like `u`
    """
    return 2 * u - 1


def fan_in(u, fan_in):
    """Normal with mean 0 and standard deviation 1/√fan_in, so that inputs of variance 1 give z of variance 1.

    Arguments and result as for `uniform`. LeCun et al., "Efficient BackProp", section 4.6.
    """
    normal = np.fromiter(map(NormalDist().inv_cdf, u.ravel().tolist()), float, u.size).reshape(u.shape)
    return normal / np.sqrt(fan_in)


#: The initialisers by the name that `MLP` and `Experiment` know them by.
#:
#: :meta hide-value:
INITIALIZERS = {"uniform": uniform, "fan_in": fan_in}


def draw(init, rng, shape, fan_in):
    """Draw a weight matrix.

    Two networks of the same seed and shape start from the same uniform draws under every initialiser, so comparing
    them is a paired comparison.

    Parameters
    ----------
    init : {"uniform", "fan_in"}
    rng : numpy.random.Generator
    shape : tuple of int
    fan_in : int
        Number of inputs of a unit, not counting its bias.

    Returns
    -------
    float64 array of shape `shape`
    """
    u = rng.uniform(np.finfo(float).tiny, 1, shape)  # 0 itself has no normal quantile
    return INITIALIZERS[init](u, fan_in)

"""Spectra: how the loss of many networks curves in more directions than one, at one seed, to be shown.

No verdict stands on them: those are given by `mlplib.evidence.why`, on seeds of their own.
"""

import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path

from mlplib.evidence.arms import CODES, Network, tricks
from mlplib.evidence.looks import (
    EIGENVALUE_TOLERANCE,
    GENTLE,
    LOOKED_AT,
    N_LARGEST,
    N_LOOKED_AT,
    STEPS,
    UPDATES,
    fastest_step,
    lacking_looks,
    look_at_spectrum,
    store_looks,
    stored_looks,
)
from mlplib.sweeps import counted

# The spectra that come with the package.
SPECTRA_FILE = Path(__file__).parents[1] / "spectra.json"
#: The one seed that is shown.
SHOWN_SEED = 0
#: Units in each layer, and layers, of the networks that can be chosen. Ten layers of 256 are left out: they would take
#: as long as all the others.
SHAPES = tuple(itertools.product((64, 16, 256), (1, 3, 10)))[:-1]
A_SPECTRUM = 27  # seconds, on the average of all networks
# What they are computed with: names say of which network.
_DIGEST = hashlib.sha256(json.dumps([SHOWN_SEED, STEPS, GENTLE, UPDATES, N_LOOKED_AT, N_LARGEST, EIGENVALUE_TOLERANCE])
                         .encode()).hexdigest()[:16]


def chosen_network(code, units, layers):
    """The network with some of the tricks and so many units in each of its hidden layers.

    Parameters
    ----------
    code : str
        As for `tricks`.
    units, layers : int

    Returns
    -------
    Network
        Under the name that it has in `LOOKED_AT`, if it is there.
    """
    experiment = replace(tricks(code).experiment, hidden=(units,) * layers)
    known = {network.experiment: network for network in LOOKED_AT}
    return known.get(experiment) or Network(f"tricks {code}, {counted(layers, 'layer')} of {units}", experiment)


def _chosen():
    return {(code, *shape): chosen_network(code, *shape) for shape in SHAPES for code in reversed(CODES)}


#: The networks that can be chosen, by code, units and layers.
CHOSEN = _chosen()
#: All networks whose spectrum is shown; the first are those that verdicts are about.
SHOWN = tuple(dict.fromkeys((*LOOKED_AT, *CHOSEN.values())))


def read_spectra(path=None):
    """The spectra that are stored, each with the steps it is shown beside.

    Parameters
    ----------
    path : Path, optional
        By default that of the package.

    Returns
    -------
    dict from str to dict
        By the network's name what `mlplib.evidence.looks.look_at_spectrum` gives, and "steps", the effective steps of
        its losses, and "fastest", the one with the lowest. Empty where there are none.

    Raises
    ------
    mlplib.evidence.registrations.EvidenceError
        If they were computed otherwise.
    """
    stored = stored_looks(path or SPECTRA_FILE, _DIGEST).get(SHOWN_SEED, {})
    return {name: seen | {"steps": list(STEPS), "fastest": fastest_step(seen["loss"])} for name, seen in stored.items()}


def by_choice(spectra):
    """Those of the networks that can be chosen, as `mlplib.widgets.SpectrumExplorer` takes them.

    Parameters
    ----------
    spectra : dict from str to dict
        As `read_spectra` gives them.

    Returns
    -------
    dict from (str, int, int) to dict
        By the code of the tricks, units and layers; without those that are not there.
    """
    return {choice: spectra[network.name] for choice, network in CHOSEN.items() if network.name in spectra}


def lacking_spectra(path=None, networks=SHOWN):
    """Of which networks no spectrum is stored, a list of (network, seed)."""
    return lacking_looks(stored_looks(path or SPECTRA_FILE, _DIGEST), [SHOWN_SEED], networks)


def take_spectra(path=None, networks=SHOWN, n_jobs=-1, progress=True):
    """Compute the spectra that a file lacks, and write each into it as soon as it is there.

    Parameters
    ----------
    path : Path, optional
        As for `read_spectra`.
    networks : sequence of Network
    n_jobs, progress
        As for `sweep`.

    Returns
    -------
    dict
        All that the file has then, as for `mlplib.evidence.looks.stored_looks`.
    """
    return store_looks(path or SPECTRA_FILE, _DIGEST, look_at_spectrum, [SHOWN_SEED], networks, n_jobs, progress)

"""What the reader plays with: explorers, a stepper and a film that need no kernel, and a bench that trains live."""

from mlplib._checks import extra

# Before any module of the wing: each needs both.
with extra("notebooks", "mlplib.widgets"):
    import ipywidgets  # noqa: F401
    import matplotlib  # noqa: F401

from mlplib.widgets.bench import TrainingBench
from mlplib.widgets.bowls import ConditionExplorer, ParabolaExplorer, ValleyExplorer
from mlplib.widgets.explorers import ActivationExplorer, TopologyExplorer, TrickExplorer
from mlplib.widgets.film import TrainingFilm
from mlplib.widgets.spectra import SpectrumExplorer
from mlplib.widgets.stepper import BackpropStepper

__all__ = [
    "ActivationExplorer", "BackpropStepper", "ConditionExplorer", "ParabolaExplorer", "SpectrumExplorer",
    "TopologyExplorer", "TrainingBench", "TrainingFilm", "TrickExplorer", "ValleyExplorer",
]

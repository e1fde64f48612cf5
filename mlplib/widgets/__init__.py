"""What the reader plays with: explorers that need no kernel, and a bench that trains live."""

from mlplib.widgets.bench import TrickToggles
from mlplib.widgets.film import TrainingFilm
from mlplib.widgets.stepper import BackpropStepper

__all__ = ["BackpropStepper", "TrainingFilm", "TrickToggles"]

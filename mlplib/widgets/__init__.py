"""What the reader plays with: explorers that need no kernel, and a bench that trains live."""

from mlplib.widgets.bench import TrickToggles
from mlplib.widgets.explorers import ActivationExplorer, TopologyExplorer, TrickExplorer

__all__ = ["ActivationExplorer", "TopologyExplorer", "TrickExplorer", "TrickToggles"]

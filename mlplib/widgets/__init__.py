"""What the reader plays with: explorers that need no kernel, and a bench that trains live."""

from mlplib.widgets.bench import TrainingBench

__all__ = ["TrainingBench"]

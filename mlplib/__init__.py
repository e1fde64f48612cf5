"""A multilayer perceptron from scratch, on MNIST: derive it, train it, question it.

Importing mlplib loads NumPy only. Training loads threadpoolctl and tqdm when called, a sweep joblib; figures and
widgets are imported by name, `import mlplib.plotting` and `import mlplib.widgets`.
"""

from mlplib.activations import ACTIVATIONS
from mlplib.curvature import hessian_vector_product, spectrum
from mlplib.datasets import DataSet, read_idx
from mlplib.experiments import Experiment
from mlplib.gradient_check import check_gradients
from mlplib.history import History, Progress
from mlplib.initializers import INITIALIZERS
from mlplib.mnist import MNIST, Split, Standardizer, load_mnist
from mlplib.network import MLP
from mlplib.optimizers import SGD, Momentum
from mlplib.report import REPORT, reproduce
from mlplib.running import Figures, Run, run, trainer_for
from mlplib.sweeps import sweep
from mlplib.training import DivergenceWarning, EarlyStopping, Trainer

__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS", "INITIALIZERS", "MLP", "MNIST", "REPORT", "SGD", "DataSet", "DivergenceWarning", "EarlyStopping",
    "Experiment", "Figures", "History", "Momentum", "Progress", "Run", "Split", "Standardizer", "Trainer",
    "check_gradients", "hessian_vector_product", "load_mnist", "read_idx", "reproduce", "run", "spectrum", "sweep",
    "trainer_for",
]

"""One module for each contender, found by itself: to add a peer, drop a file here or name it in MLPLIB_BENCH_PEERS.

A module says

- `name`: as the table shows it;
- `requires`: the packages it imports (within `prepare`, so that one that is missing can be named);
- `configuration` (optional): fields of `Task` that it cannot choose; mlplib is then timed in that configuration too;
- `prepare(task)`: returns a function that takes an epoch's minibatches, an int array of shape (steps, batch), trains on
  them, and returns the loss of each minibatch before its update (or their mean; or None if it computes none).
"""

import importlib
import importlib.util
import os
import pkgutil
from pathlib import Path


def _modules():
    for found in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{found.name}")
    for path in filter(None, os.environ.get("MLPLIB_BENCH_PEERS", "").split(os.pathsep)):
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        if spec is None:
            raise ValueError(f"MLPLIB_BENCH_PEERS: expected Python files, got {path}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


CONTENDERS = {module.__name__.rpartition(".")[2]: module for module in _modules()}
MISSING = {key: [package for package in module.requires if importlib.util.find_spec(package) is None]
           for key, module in CONTENDERS.items()}
INSTALLED = [key for key in CONTENDERS if not MISSING[key]]

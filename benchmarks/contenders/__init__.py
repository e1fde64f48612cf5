"""One module for each contender, found by itself.

To add a peer, drop a file here, or name files or modules in the environment variable MLPLIB_BENCH_PEERS, separated as
in PATH.

A module says

- `name`: as the table shows it;
- `requires`: the packages it imports (within `prepare`, so that one that is missing can be named);
- `compilers` (optional): programs of which it needs one;
- `configuration` (optional): fields of `Task` that it cannot choose; mlplib is then timed in that configuration too;
- `prepare(task)` (optional, as are the next two): returns a function that takes an epoch's minibatches, an int array of
  shape (steps, batch), trains on them, and returns the loss of each minibatch before its update (or their mean; or None
  if it computes none). If the function has an attribute `weights`, a function, its result is compared too: arrays
  shaped as `Task.weights()`;
- `whole(experiment)`: makes a whole run; `partial(train, prepare=prepare)` does, see `benchmarks/whole.py`, if what
  `prepare` returns has `figures` too. `whole_name` is its name there, if it is another one;
- `many(experiments)`: makes several whole runs that differ in their seed only, at once.
"""

import importlib
import importlib.util
import os
import pkgutil
import shutil
from pathlib import Path


def _modules():
    for found in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{found.name}")
    for path in filter(None, os.environ.get("MLPLIB_BENCH_PEERS", "").split(os.pathsep)):
        if not path.endswith(".py"):
            yield importlib.import_module(path)
            continue
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def _installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of a.b, where there is no a
        return False


def _missing(module):
    packages = [package for package in module.requires if not _installed(package)]
    compilers = getattr(module, "compilers", ())
    return packages + ["a C++ compiler"] * (bool(compilers) and not any(map(shutil.which, compilers)))


CONTENDERS = {module.__name__.rpartition(".")[2]: module for module in _modules()}
MISSING = {key: _missing(module) for key, module in CONTENDERS.items()}
INSTALLED = [key for key in CONTENDERS if not MISSING[key]]

"""What `make sweep` and `make sweep-full` do: train what the archives in the package lack, and put it there."""

import argparse
import sys
import time

from mlplib import designs, evidence, further
from mlplib.report import REPORT
from mlplib.store import archive_runs, packaged
from mlplib.sweeps import estimate, packaged_experiments, store_in_use, sweep


def core():
    """Train what the verdicts need, learning rates being chosen in between, and what the explorers show."""
    store = packaged("tuning", "claims", "questions")
    _, tuning, claims, _ = store.stores
    pilot = [one for each in designs.pilot().values() for one in each]
    fill("what learning rates are chosen by", pilot + designs.tuning(designs.tunable()), store, tuning)
    fill("what the verdicts stand on", _in_turns(evidence.arms(store)), store, claims, marks=evidence.marks())
    weights = [REPORT[task].experiment for task in ("2c", "3a", "3b", "3c")]  # the chapters look into these networks
    store = packaged("shown")
    fill("what the explorers show", packaged_experiments(), store, store.stores[1], keep_weights=weights)


def full():
    """Train what goes further than the verdicts too: widths, depths, momenta and the parts of the improved sigmoid."""
    core()
    store = packaged("tuning", "claims", "questions")
    _, tuning, _, questions = store.stores
    chosen_by = designs.tuning(further.tunable())
    first = _in_turns(further.arms(store))
    hours = sum(estimate([one for one in chosen_by + first if one not in store])) / 3600
    print(f"What goes further takes up to {hours:.1f} hours of one processor, and then a third as much again for the rates "
          "chosen.", flush=True)
    fill("what further learning rates are chosen by", chosen_by, store, tuning)
    fill("what goes further", _in_turns(further.arms(store)), store, questions, marks=further.marks())


def _in_turns(arms):
    """All experiments, seed by seed: what slows the machine for a while does not slow one arm more than another."""
    return sorted((one for each in arms.values() for one in each), key=lambda one: one.seed)


def fill(what, experiments, store, archive, marks=None, **options):
    """Train the experiments that a store lacks, put them into an archive, and say what is done.

    Parameters
    ----------
    what : str
    experiments : list of Experiment
    store : StoreChain
    archive : Archive
        One of the store's, into which its first store's runs of these experiments are put at the end.
    marks : dict from str to str, optional
        What runs carry; those that carry something else are trained again.
    **options
        For `sweep`.
    """
    start, experiments = time.monotonic(), list(dict.fromkeys(experiments))
    runs = {one: run for one in experiments if (run := store.get(one))}
    other = [one for one, run in runs.items() if (marks or {}).items() - run.versions.items()]
    print(f"{archive.path.stem}, {what}: {len(runs)} of {len(experiments)} runs are there"
          + (f", {len(other)} of them made under other rules: trained again" if other else ""), flush=True)
    sweep(experiments, store, marks=marks, again=other, **options)
    if not store_in_use(store)[1]:
        archive_runs(store.stores[0], archive.path, experiments)
    size = archive.path.stat().st_size if archive.path.exists() else 0
    print(f"  {len(archive)} runs, {size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m mlplib.make_sweep", description=core.__doc__)
    parser.add_argument("--full", action="store_true", help=full.__doc__)
    work = full if parser.parse_args().full else core
    try:
        work()
    except KeyboardInterrupt:
        sys.exit("Interrupted: finished runs are kept, and the same command goes on.")

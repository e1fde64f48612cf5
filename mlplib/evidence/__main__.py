"""What `make sweep` does, and `-full` and `-why`: train what the archives in the package lack, and put it there."""

import argparse
import sys
import time
from dataclasses import replace

from mlplib import evidence
from mlplib.catalogue import shown_experiments
from mlplib.evidence.claims import CLAIMS
from mlplib.evidence.looks import LOOKED_AT, lacking_looks
from mlplib.evidence.other_data import OTHER_DATA, load_digits
from mlplib.evidence.spectra import A_SPECTRUM, lacking_spectra, take_spectra
from mlplib.evidence.why import A_LOOK, LOOKING_SEEDS, read_looks, take_looks
from mlplib.report import REPORT
from mlplib.store import StoreError, archive_runs, packaged
from mlplib.sweeps import counted, estimate, store_in_use, sweep


def core():
    """Train what the verdicts need, learning rates being chosen in between, and what the explorers show."""
    train_registration(CLAIMS)
    weights = [REPORT[task].experiment for task in ("2c", "3a", "3b", "3c")]  # the chapters look into these networks
    fill("shown", "what the explorers show", shown_experiments(), keep_weights=weights)


def full():
    """Train what goes further than the verdicts too: widths, depths, momenta and the parts of the improved sigmoid."""
    core()
    for registration in evidence.REGISTRATIONS:
        if registration not in (CLAIMS, *evidence.WHY):
            _say_cost(registration)
            train_registration(registration)


def why():
    """Train what is asked once the verdicts are known: the claims that they left open, on fresh seeds, and causes."""
    for registration in evidence.WHY:
        _say_cost(registration)
    looks, spectra = len(lacking_looks(read_looks(), LOOKING_SEEDS, LOOKED_AT)), len(lacking_spectra())
    print(f"{counted(looks, 'look')} at curvature and steps take {looks * A_LOOK / 3600:.1f} hours more, and "
          f"the spectra of {counted(spectra, 'network')}, to be shown, {spectra * A_SPECTRUM / 3600:.1f}.", flush=True)
    for registration in evidence.WHY:
        train_registration(registration)
    take_looks()
    take_spectra()


def _say_cost(registration):
    tuning, own = packaged("tuning"), packaged(registration.name)
    choosing = [one for one in registration.tuning() if one not in tuning]
    lacking = [*choosing, *{one: None for one in _in_turns(registration) if one not in own}]
    rates = ", and then a third as much again for the rates chosen" if choosing else ""
    print(f"The runs of {registration.name!r} take up to {sum(estimate(lacking)) / 3600:.1f} hours of one processor, "
          f"less where they stop early{rates}.", flush=True)


def other_data():
    """Train the claims on scikit-learn's small digits, which has to be installed for that."""
    train_registration(OTHER_DATA, tuning=OTHER_DATA.name, data=load_digits())


def train_registration(registration, tuning="tuning", data=None):
    """Train what a registration needs: first the runs that its learning rates are chosen by, then its arms at them.

    Parameters
    ----------
    registration : Registration
    tuning : str
        The archive of the runs that choose.
    data : DataSet, optional
        With its samples, for a registration that knows it by its digest.
    """
    def at_hand(experiments):
        return experiments if data is None else [replace(one, data=data) for one in experiments]

    fill(tuning, f"what learning rates of the {registration.name} are chosen by", at_hand(registration.tuning()))
    arms = registration.experiments(packaged(tuning))
    whole = {one for arm, each in arms.items() if arm not in registration.brief for one in each}
    fill(registration.name, "what the verdicts stand on", at_hand(_in_turns(registration, tuning)),
         marks=registration.marks, brief=at_hand([one for each in arms.values() for one in each if one not in whole]))


def _in_turns(registration, tuning="tuning"):
    """All experiments, seed by seed: what slows the machine for a while does not slow one arm more than another."""
    arms = registration.experiments(packaged(tuning))
    return sorted((one for each in arms.values() for one in each), key=lambda one: one.seed)


def fill(archive, what, experiments, marks=None, **options):
    """Train the experiments that an archive in the package lacks, put them there, and say what is done.

    Parameters
    ----------
    archive : str
        Its name.
    what : str
    experiments : list of Experiment
    marks : dict from str to str, optional
        What runs carry; those that carry something else are trained again, and replaced when they are finished.
    **options
        For `sweep`.
    """
    start, experiments, store = time.monotonic(), list(dict.fromkeys(experiments)), packaged(archive)
    under_way, stored = store.stores
    runs = {one: run for one in experiments if (run := store.get(one))}
    other = [one for one, run in runs.items() if (marks or {}).items() - run.versions.items()]
    print(f"{archive}, {what}: of {counted(len(experiments), 'run')} {len(runs):,} are stored"
          + (f", {len(other):,} of them made under other rules: trained again" if other else ""), flush=True)
    sweep(experiments, store, marks=marks, again=other, **options)
    if not store_in_use(store)[1]:
        archive_runs(under_way, stored.path, experiments)
    size = stored.path.stat().st_size if stored.path.exists() else 0
    print(f"  {counted(len(stored), 'run')}, {size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m mlplib.evidence", description=core.__doc__, allow_abbrev=False)
    parser.add_argument("--full", action="store_true", help=full.__doc__)
    parser.add_argument("--why", action="store_true", help=why.__doc__)
    parser.add_argument("--own-data", action="store_true", help=other_data.__doc__)
    asked = parser.parse_args()
    work = other_data if asked.own_data else why if asked.why else full if asked.full else core
    try:
        work()
    except KeyboardInterrupt:
        sys.exit("Interrupted: finished runs are kept, and the same command goes on.")
    except (OSError, StoreError) as error:
        sys.exit(f"{error}\nFinished runs are kept, and the same command goes on.")

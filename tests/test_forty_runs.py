"""All forty runs of the report, trained anew and held against its rows."""

import os

import joblib
import numpy as np
import pytest

import mlplib
from mlplib import REPORT
from mlplib.store import packaged

each_task = pytest.mark.parametrize("task", REPORT)


@pytest.fixture(scope="module")
def strict_workers():
    """Processes in which NumPy raises, as it does in the tests themselves."""

    def raise_errors():
        np.seterr(over="raise", divide="raise", invalid="raise")

    with joblib.parallel_config("loky", initializer=raise_errors):
        yield


@pytest.fixture(scope="module")
def forty(strict_workers, tmp_path_factory):
    """All runs of all rows, trained in full; in which NumPy would have raised, had it had a warning to give.

    `make test` names a folder, empty at first, where the notebooks' check finds them again.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPLIB_RETRAIN", os.environ.get("TRAINED_ANEW") or str(tmp_path_factory.mktemp("runs")))
        trained = mlplib.sweep([experiment for row in REPORT.values() for experiment in row.experiments], packaged(),
                               progress=False)
    runs = iter(trained)
    return {task: row.reproduction([next(runs) for _ in row.experiments]) for task, row in REPORT.items()}


def test_numpy_raises_in_the_workers(strict_workers):
    (errors,) = joblib.Parallel(n_jobs=2)([joblib.delayed(np.geterr)()])
    assert {errors[kind] for kind in ("over", "divide", "invalid")} == {"raise"}


@pytest.mark.slow
@each_task
def test_a_row_is_reproduced_without_a_warning(forty, task):
    comparison = forty[task]
    assert not any(run.diverged for run in comparison.runs)
    assert comparison.reproduced, f"mean {comparison.mean}, reported {comparison.row.reported}: {comparison.within}"


@pytest.mark.slow
@each_task
def test_each_run_of_a_row_went_on_to_its_end(forty, task):
    for run in forty[task].runs:
        history = run.history
        assert history.evaluation_step.tolist() == list(range(0, history.n_steps, 125))
        if run.stopped_epoch is None:
            assert history.n_steps == 50 * 625
        else:
            assert history.step[-1] // 625 == run.stopped_epoch
            assert len(history.validation_loss) - history.validation_loss.argmin() == 51

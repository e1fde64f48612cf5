"""The numbers on pages that run no code, computed from the stored runs at each build."""

from sphinx.errors import ExtensionError

from mlplib import REPORT
from mlplib.evidence import CLAIMS, compare
from mlplib.store import packaged


def ten_layers(store):
    """How many of a thousand digits ten hidden layers read fewer than one does, as words for the page.

    Parameters
    ----------
    store : mlplib.store.Store

    Returns
    -------
    dict from str to str
        `ten_layers_behind` at the report's learning rate, `ten_layers_behind_at_best` where each network has its own.

    Raises
    ------
    sphinx.errors.ExtensionError
        If the runs no longer say what the page says of them.
    """
    experiments = CLAIMS.experiments(store)
    rates, best = (part.comparison for part in CLAIMS.parts if part.name in ("C17a", "C17c"))
    effects = []
    for sides in (rates, best):  # both with the best weights, so that the rates alone differ
        (ten,), (one,) = ([[store[each] for each in experiments[arm]] for arm in side] for side in (sides.a, sides.b))
        effects.append(compare(ten, one, best.measure, best.direction, best.margin))
    reported, best = effects
    if not reported.high < 0 or not best.low <= 0 <= best.high:
        raise ExtensionError("book/introduction says that ten layers are worse, and not so at a learning rate of their "
                             f"own; the runs say {reported} and {best}")
    return {"ten_layers_behind": f"{-1000 * reported.estimate:.0f}",
            "ten_layers_behind_at_best": f"{-1000 * best.estimate:.1f}"}


def report_rows(store):
    """The figures that the report printed, as a table for its page.

    Parameters
    ----------
    store : mlplib.store.Store

    Returns
    -------
    dict from str to str
        `report_rows`, a Markdown table.

    Raises
    ------
    sphinx.errors.ExtensionError
        If not all rows are reproduced, as the page says.
    """
    kinds = {"train_loss": ".2g", "validation_loss": ".3f", "train_accuracy": ".4f", "validation_accuracy": ".4f"}
    rows = [["network", *(kind.replace("train", "training").replace("_", " ") for kind in kinds)],
            ["---"] * (1 + len(kinds))]
    for task, row in REPORT.items():
        held = row.reproduction([store[each] for each in row.experiments])
        if not held.reproduced:
            raise ExtensionError(f"book/report says that all rows are reproduced; {task} is not: {held.within}")
        rows.append([row.name, *(format(getattr(row.reported, kind), digits) for kind, digits in kinds.items())])
    return {"report_rows": "\n".join(f"| {' | '.join(row)} |" for row in rows)}


def substitute(app, config):
    config.myst_substitutions |= ten_layers(packaged("tuning", "claims")) | report_rows(packaged())


def setup(app):
    app.connect("config-inited", substitute)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

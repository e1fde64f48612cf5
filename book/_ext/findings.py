"""The numbers on pages that run no code, computed from the stored runs at each build."""

import numpy as np
from sphinx.errors import ExtensionError

from mlplib import REPORT, Standardizer, load_mnist
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


def how_sure(store):
    """What the network of the page "Draw" says to a blank sheet, and what a threshold of 0.9 would stop.

    Parameters
    ----------
    store : mlplib.store.Store

    Returns
    -------
    dict from str to str
        `blank_sheet`, the largest probability and its digit; how many validation images are `read_right`, and
        `right_refused` of these; `read_wrong`, and `wrong_passed` of these; `noise_passed`, in per cent of the same
        images with their pixels shuffled.

    Raises
    ------
    sphinx.errors.ExtensionError
        If the runs no longer say what the page says of them.
    """
    model = store[REPORT["3c"].experiment].model
    mnist = load_mnist()
    standardize = Standardizer.fit(mnist.train.images)
    images, labels = mnist.validation
    shuffled = np.random.default_rng(0).permuted(images, axis=1)
    blank, of_digits, of_noise = (model.forward(standardize(each))
                                  for each in (np.zeros((1, images.shape[1]), np.uint8), images, shuffled))
    right, sure = of_digits.argmax(axis=1) == labels, of_digits.max(axis=1) >= 0.9
    refused, passed, noise = np.sum(right & ~sure), np.sum(~right & sure), np.mean(of_noise.max(axis=1) >= 0.9)
    if blank.max() < 0.5 or passed > np.sum(~right) / 2 or refused > np.sum(right) / 10 or noise < 0.25:
        raise ExtensionError("book/draw says that a blank sheet is answered with confidence, and that a threshold "
                             "stops more wrong answers than it lets through, but not noise; the runs say "
                             f"{blank.max():.2f}, {passed} of {np.sum(~right)} and {noise:.2f}")
    return {"blank_sheet": f"{blank.max():.2f}, for the {blank.argmax()}", "noise_passed": f"{100 * noise:.0f}",
            "read_right": f"{np.sum(right):,}", "right_refused": f"{refused:,}",
            "read_wrong": f"{np.sum(~right):,}", "wrong_passed": f"{passed:,}"}


def substitute(app, config):
    shown = packaged()
    config.myst_substitutions |= ten_layers(packaged("tuning", "claims")) | report_rows(shown) | how_sure(shown)


def setup(app):
    app.connect("config-inited", substitute)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The models of widgets, as a page or a notebook stores them, in fewer bytes."""

import json

SHARED = ("LayoutModel", "StyleModel")  # the ends of the names of models that widgets may share


def lean(state):
    """The same models, of which those layouts and styles that are alike are one.

    Parameters
    ----------
    state : dict
        From the name of each model to the model, as the widget manager reads it.

    Returns
    -------
    dict
    """
    first, same = {}, {}
    for name, model in state.items():
        if model["model_name"].endswith(SHARED):
            same[f"IPY_MODEL_{name}"] = f"IPY_MODEL_{first.setdefault(json.dumps(model, sort_keys=True), name)}"
    kept = {}
    for name, model in state.items():
        reference = f"IPY_MODEL_{name}"
        if same.get(reference, reference) == reference:
            # A reference to one of these is a value by itself, and in no list.
            held = {key: same.get(value, value) if isinstance(value, str) else value
                    for key, value in model["state"].items()}
            kept[name] = {**model, "state": held}
    return kept

"""Leave out of the API reference what says nothing: "Alias for field number 0", once for each field of a named tuple.

The class's own docstring says what its fields are.
"""

import collections

FIELD = type(collections.namedtuple("Any", "field").field)


def skip_fields(app, what, name, obj, skip, options):
    """True for a field of a named tuple; None leaves the decision to others."""
    return True if isinstance(obj, FIELD) else None


def setup(app):
    app.connect("autodoc-skip-member", skip_fields)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Leave out of the API reference what says nothing.

That is "Alias for field number 0", once for each field of a named tuple: the class's own docstring says what its fields
are. And it is a value too long to read, such as a whole registration printed as calls: a constant's comment says what
it holds.
"""

import collections

from sphinx.ext.autodoc import DataDocumenter
from sphinx.util.inspect import object_description

FIELD = type(collections.namedtuple("Any", "field").field)
LONGEST_VALUE = 100  # characters: longer ones fill lines, and on a phone more than the page


class ShortDataDocumenter(DataDocumenter):
    """As autodoc's, without values that are too long."""

    def should_suppress_value_header(self):
        return super().should_suppress_value_header() or len(object_description(self.object)) > LONGEST_VALUE


def skip_fields(app, what, name, obj, skip, options):
    """True for a field of a named tuple; None leaves the decision to others."""
    return True if isinstance(obj, FIELD) else None


def setup(app):
    app.add_autodocumenter(ShortDataDocumenter, override=True)
    app.connect("autodoc-skip-member", skip_fields)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

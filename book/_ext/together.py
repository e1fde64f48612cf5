"""No line begins with a comma: what follows a formula stays with it, and so does a bracket that opens before it.

A browser may break a line on both sides of a formula, as of a picture.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

AFTER = re.compile(r"[,.;:!?)\]\u2026\u2019\u201d]+")
BEFORE = re.compile(r"[(\[\u2018\u201c]+$")


class Together(SphinxPostTransform):
    """Put a formula and the punctuation that touches it into one element."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for formula in list(self.document.findall(nodes.math)):
            parent = formula.parent
            place = parent.index(formula)
            held = [formula]
            following = parent[place + 1] if place + 1 < len(parent) else None
            if isinstance(following, nodes.Text) and (found := AFTER.match(following)):
                held.append(nodes.Text(found[0]))
                parent[place + 1] = nodes.Text(following[found.end():])
            preceding = parent[place - 1] if place else None
            if isinstance(preceding, nodes.Text) and (found := BEFORE.search(preceding)):
                held.insert(0, nodes.Text(found[0]))
                parent[place - 1] = nodes.Text(preceding[: found.start()])
            if len(held) > 1:
                parent[place] = nodes.inline("", "", *held, classes=["together"])


def setup(app):
    app.add_post_transform(Together)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""What is folded, a solution for instance, is a `details` element: a click or a key on its bar opens it, and no script.

A link in the bar would lead away instead of opening it: its text stays. That of a solution leads to its exercise, which
stands just above. A link to what is folded opens it, since its name stands inside.
"""

from docutils import nodes
from sphinx.locale import admonitionlabels
from sphinx.transforms.post_transforms import SphinxPostTransform


class details(nodes.General, nodes.Element):
    """An admonition that can be folded: a bar, and what is under it."""


class summary(nodes.General, nodes.TextElement):
    """The bar."""


class Fold(SphinxPostTransform):
    """Make every admonition of the class `dropdown` one."""

    default_priority = 30  # when references are resolved, and solutions have their titles
    formats = ("html",)

    def run(self):
        for node in list(self.document.findall(nodes.Admonition)):
            if "dropdown" not in node["classes"]:
                continue
            if isinstance(node[0], nodes.title):
                title, *content = node.children
            else:  # a note, whose kind is its title
                title, content = nodes.title("", admonitionlabels[node.tagname]), node.children
                node["classes"].append(node.tagname)
            for link in list(title.findall(nodes.reference)):
                link.replace_self(link.children)
            inside = nodes.container("", *content, ids=node["ids"])
            node["ids"] = []
            for section in inside.findall(nodes.section):
                section["ids"] = []  # every solution's has the same
            node.replace_self(details("", summary("", "", *title.children), inside, classes=node["classes"]))


def setup(app):
    for node, shown in ((details, "admonition"), (summary, "admonition-title")):
        app.add_node(node, html=(
            lambda self, node, shown=shown: self.body.append(self.starttag(node, node.tagname, CLASS=shown)),
            lambda self, node: self.body.append(f"</{node.tagname}>\n")))
    app.add_post_transform(Fold)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

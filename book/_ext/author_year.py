"""Citations and the list of what is cited say the same: authors and year, with a letter where two would look alike."""

from collections import Counter
from string import ascii_lowercase

from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style as Plain
from pybtex.style.labels import BaseLabelStyle

# Docutils promises a list, and puts no items into it.
LIST = '<div role="list" class="citation-list">'


class Labels(BaseLabelStyle):
    """LeCun et al., 1998a."""

    def format_labels(self, sorted_entries):
        labels = [f"{authors(entry)}, {entry.fields.get('year', 'n.d.')}" for entry in sorted_entries]
        counts, seen = Counter(labels), Counter()
        for label in labels:
            yield label + (ascii_lowercase[seen[label]] if counts[label] > 1 else "")
            seen[label] += 1


def authors(entry):
    """One or two family names, or the first of more; a title where there are none."""
    persons = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [" ".join(map(str, person.rich_prelast_names + person.rich_last_names)) for person in persons]
    if not names:
        return str(Text.from_latex(entry.fields["title"]))
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


class Style(Plain):
    """By author, year and title, as pybtex's, with these labels."""

    default_label_style = "author_year"


def mend_list(app, page, template, context, doctree):
    if "body" in context:
        context["body"] = context["body"].replace(LIST, '<div class="citation-list">')


def setup(app):
    register_plugin("pybtex.style.labels", "author_year", Labels)
    register_plugin("pybtex.style.formatting", "author_year", Style)
    app.connect("html-page-context", mend_list)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

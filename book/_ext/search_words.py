"""The search knows numbers and names with hyphens, finds only what was put there, and puts first what explains.

Sphinx cuts 785-64-10 into three numbers and then looks for none of them. Here the whole is a word beside its parts, and
so are 0.903 and `mlplib.store`; 20,000 is also 20000. What concerns the reader's query stands in search_words.js.
"""

import re
from pathlib import Path

from sphinx.search import SearchEnglish

WHOLE = re.compile(r"\w+(?:[-.]\w+)*")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
HYPHENS = re.compile(r"[\u2010\u2011–−]")  # typeset, non-breaking, a dash between numbers, a minus


class English(SearchEnglish):
    """Sphinx's English, with words that have hyphens and points in them."""

    # Sphinx puts it where the page has searchtools.js already and the index not yet.
    js_splitter_code = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

    def split(self, input):
        return super().split(input) + WHOLE.findall(THOUSANDS.sub("", HYPHENS.sub("-", input)))


def setup(app):
    app.add_search_language(English)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

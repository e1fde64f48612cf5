"""The search: words, numbers, names with hyphens, and words that JavaScript's own objects know."""

from urllib.parse import urlencode

import pytest

FINISHED = "() => /found|did not match/.test(document.querySelector('.search-summary')?.innerText)"


@pytest.fixture
def search(page, site):
    """A function that searches the book; the addresses that were found, best first, and what was said."""

    def ask(query):
        page.goto(f"{site}search.html?{urlencode({'q': query})}")
        page.wait_for_function(FINISHED)
        found = page.locator("ul.search > li > a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
        return [address.split("#")[0] for address in found], page.inner_text(".search-summary")

    return ask


@pytest.mark.parametrize("query, expected", [
    ("785-64-10", "notebooks/how_fast.html"), ("785\u201164\u201110", "notebooks/how_fast.html"),
    ("785-64", "notebooks/how_fast.html"), ("785", "notebooks/how_fast.html"), ("64 785", "notebooks/how_fast.html"),
    ("20,000", "notebooks/2_network.html"), ("20000", "notebooks/2_network.html"),
    ("one-hot", "notebooks/how_fast.html"), ("fan-in", "notebooks/3_tricks.html"),
    ("roofline", "notebooks/how_fast.html"), ("mlplib.store.packaged", "book/api/runs.html"),
])
def test_words_numbers_and_what_has_hyphens_are_found(search, console, query, expected):
    found, said = search(query)
    assert expected in found, said
    assert [error for error in console.errors if "thrown" in error] == []


def test_a_name_with_hyphens_is_one_word(search):
    """Not every page that has 785 somewhere and 64 elsewhere."""
    found, _ = search("785-64-10")
    assert found and not any(address.startswith("book/api") for address in found)


@pytest.mark.parametrize("query", [
    "constructor", "__proto__", "hasOwnProperty", "toString", "987654321", "3-1-4-1", "-",
])
def test_what_the_book_does_not_have_is_not_found(search, console, query):
    found, said = search(query)
    assert found == [] and "did not match" in said
    assert console.errors == []

"""Bowls: each path is that of the recursion, stable where theory says."""

import numpy as np
import pytest

from mlplib.widgets import ValleyExplorer

from .explored import (
    alt,
    built,
    shown,
    test_a_plain_picture_with_words_stands_in_for_an_explorer,  # noqa: F401
    test_an_explorer_is_small_enough_for_a_page,  # noqa: F401
    test_each_button_says_what_it_chooses,  # noqa: F401
    test_every_choice_shows_a_picture_of_its_own,  # noqa: F401
)


@pytest.fixture(scope="module")
def valley():
    return built(ValleyExplorer)


@pytest.fixture(scope="module", params=[("valley", 6 * 3)],
                ids=lambda param: param[0])
def explored(request):
    name, n_pictures = request.param
    return *request.getfixturevalue(name), n_pictures


def test_a_path_in_the_valley_is_that_of_the_recursion_and_stable_where_theory_says(valley):
    explorer, _ = valley
    for (rate, gamma), html in shown(explorer.picture, explorer.rows).items():
        alpha, gamma = float(rate), float(gamma)
        w, v = np.array([-9.0, 1.6]), np.zeros(2)
        for point in explorer.path(alpha, gamma):
            assert point == pytest.approx(w, rel=1e-9)
            v = gamma * v + np.array([1, 20]) * w
            w = w - alpha * v
        stable = alpha * 20 < 2 * (1 + gamma)
        assert ("It leaves the valley" in alt(html)) == (not stable)
        assert f"α must be below {2 * (1 + gamma) / 20:.2g}." in alt(html)
        assert (explorer.path(alpha, gamma)[-1, 1] ** 2 < 1.6**2) == stable

"""Bowls: each path is that of the closed form, stable where theory says, and the words have the numbers of the path."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplib.widgets import ConditionExplorer, ParabolaExplorer, ValleyExplorer
from mlplib.widgets.bowls import descent, spectral_radius

from .explored import (
    alt,
    built,
    leaves,
    picture,
    shown,
    test_a_plain_picture_with_words_stands_in_for_an_explorer,  # noqa: F401
    test_an_explorer_is_small_enough_for_a_page,  # noqa: F401
    test_each_button_says_what_it_chooses,  # noqa: F401
    test_every_choice_shows_a_picture_of_its_own,  # noqa: F401
)

curvatures, gammas = st.floats(0.01, 100), st.floats(0, 0.95)
kappas = st.floats(1, 2000)
shares = st.floats(0.01, 1.5)  # of the largest stable learning rate


@pytest.fixture(scope="module")
def parabola():
    return built(ParabolaExplorer)


@pytest.fixture(scope="module")
def valley():
    return built(ValleyExplorer)


@pytest.fixture(scope="module")
def condition():
    return built(ConditionExplorer)


@pytest.fixture(scope="module", params=[("parabola", 3 * 9), ("valley", 6 * 3), ("condition", 4 * 4)],
                ids=lambda param: param[0])
def explored(request):
    name, n_pictures = request.param
    return *request.getfixturevalue(name), n_pictures


@pytest.mark.parametrize("name", ["parabola", "condition"])
def test_all_pictures_of_an_explorer_take_at_most_250_kB(name, request):
    explorer, _ = request.getfixturevalue(name)
    assert sum(len(picture(html)) for html in leaves(explorer)) <= 250_000


def limit(gamma, curvature):
    return 2 * (1 + gamma) / curvature


def matrix(rate, gamma, curvature):
    """Of chapter 3: what takes (w, v) to the next step's."""
    return np.array([[1 - rate * curvature, -rate * gamma], [curvature, gamma]])


def numbers(pattern, html):
    (found,) = re.findall(pattern, alt(html))
    return [float(number) for number in ([found] if isinstance(found, str) else found)]


# ---- paths


@given(curvatures, shares)
def test_a_plain_step_multiplies_the_weight(curvature, share):
    rate = share * limit(0, curvature)
    expected = -2 * (1 - rate * curvature) ** np.arange(31)
    np.testing.assert_allclose(ParabolaExplorer.path(curvature, rate), expected, rtol=1e-9, atol=1e-12)


@given(curvatures, curvatures, gammas, shares)
def test_a_step_with_momentum_multiplies_weight_and_velocity_by_the_matrix(first, second, gamma, share):
    rate, start = share * limit(gamma, max(first, second)), np.array([-3.0, 2.0])
    found = descent(np.array([first, second]), start, rate, gamma, 40)
    for w, w0, curvature in zip(found.T, start, (first, second)):
        expected = [(np.linalg.matrix_power(matrix(rate, gamma, curvature), n) @ (w0, 0))[0] for n in range(41)]
        np.testing.assert_allclose(w, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@given(curvatures, gammas, shares)
def test_the_spectral_radius_is_the_larger_eigenvalue(curvature, gamma, share):
    rate = share * limit(gamma, curvature)
    expected = np.abs(np.linalg.eigvals(matrix(rate, gamma, curvature))).max()
    assert spectral_radius(rate, gamma, curvature) == pytest.approx(expected, abs=1e-6)


@given(curvatures, gammas, st.floats(1e-3, 0.5))
def test_a_descent_is_stable_exactly_up_to_its_limit(curvature, gamma, gap):
    top = limit(gamma, curvature)
    assert spectral_radius((1 - gap) * top, gamma, curvature) < 1 < spectral_radius((1 + gap) * top, gamma, curvature)
    assert spectral_radius(top, gamma, curvature) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("curvature", [0.3, 4.0, 20.0])
def test_a_path_comes_in_just_below_the_limit_and_goes_out_just_above(curvature, gamma):
    ends = [np.abs(descent(curvature, [1.0], share * limit(gamma, curvature), gamma, 2000))[[1000, 2000]]
            for share in (0.99, 1, 1.01)]
    below, at, above = [last.item() / before.item() for before, last in ends]
    assert below < 0.5 and above > 2
    assert at == pytest.approx(1, abs=1e-6)


# ---- one weight


def test_each_curvature_meets_all_that_can_happen_and_the_words_say_which(parabola):
    explorer, _ = parabola
    met = {curvature: set() for curvature in explorer.CURVATURES}
    for (curvature, rate), html in shown(explorer.picture, explorer.rows).items():
        product, top = numbers(r"αλ = ([\d.]+)\. .* α must be below 2/λ = ([\d.]+)\.", html)
        assert product == pytest.approx(float(curvature) * float(rate)) and top == 2 / float(curvature)
        assert alt(html).startswith("A parabola with steps on it above")
        assert f"λ = {curvature}, α = {rate}: " in alt(html) and alt(html).endswith(re.findall("<p>(.*)</p>", html)[0])
        w = explorer.path(float(curvature), float(rate))
        ratio = w[1] / w[0]
        if "Each step leaves" in alt(html):
            kind = "too small"
            assert ratio == pytest.approx(numbers(r"leaves (\d+)% of the distance", html)[0] / 100) and product < 1
        elif "right to the bottom" in alt(html):
            kind = "just right"
            assert np.all(w[1:] == 0) and product == 1
        elif "comes back" in alt(html):
            kind = "over and back"
            assert -ratio == pytest.approx(numbers(r"(\d+)% of the distance is left", html)[0] / 100)
            assert 1 < product < 2
        elif "no nearer" in alt(html):
            kind = "at the limit"
            assert np.all(np.abs(w) == 2) and product == 2
        else:
            kind = "beyond"
            assert -ratio == pytest.approx(numbers(r"([\d.]+) times as far out: it leaves the parabola", html)[0])
            assert product > 2
        met[curvature].add(kind)
    assert set(map(len, met.values())) == {5}


def settles(losses):
    """The first step from which on all losses are below a thousandth of the first."""
    return next(n for n in range(len(losses)) if np.all(losses[n:] < losses[0] / 1000))


def test_a_parabola_says_when_the_loss_is_small_or_how_far_it_has_come(parabola):
    explorer, _ = parabola
    said = {"From step": 0, "After 30 steps": 0}
    for (curvature, rate), html in shown(explorer.picture, explorer.rows).items():
        product = float(curvature) * float(rate)
        share = (1 - product) ** (2 * np.arange(31))
        if "From step" in alt(html):
            said["From step"] += 1
            assert numbers(r"From step (\d+) on", html) == [settles(share)]
        elif "After 30 steps" in alt(html):
            said["After 30 steps"] += 1
            assert numbers(r"the loss is ([\d.e-]+) of", html)[0] == pytest.approx(share[-1], rel=0.05)
            assert share[-1] >= 1e-3
        else:
            assert product == 1 or product >= 2
    assert all(said.values())


# ---- valleys


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


def slowest(rate, gamma, kappa):
    """What a step leaves in the slower of the two directions."""
    return np.maximum(spectral_radius(rate, gamma, 1.0), spectral_radius(rate, gamma, kappa))


@given(kappas, st.floats(0, 0.99))
def test_no_learning_rate_is_faster_than_the_best(kappa, gamma):
    best = slowest(ConditionExplorer.best_rate(kappa, gamma), gamma, kappa)
    tried = slowest(np.geomspace(1e-6, 1, 3000) * limit(gamma, kappa), gamma, kappa)
    assert best <= tried.min() + 1e-7
    assert best < 1


@given(kappas)
def test_no_momentum_is_faster_than_the_best_and_it_takes_the_root_of_the_condition_number(kappa):
    gamma = ConditionExplorer.best_gamma(kappa)
    best = slowest(ConditionExplorer.best_rate(kappa, gamma), gamma, kappa)
    assert best == pytest.approx((kappa**0.5 - 1) / (kappa**0.5 + 1), abs=1e-6)
    assert best <= 1e-6 + min(slowest(ConditionExplorer.best_rate(kappa, other), other, kappa)
                              for other in np.arange(0, 1, 0.005).tolist())


@given(kappas)
def test_plain_descent_does_best_where_both_directions_shrink_alike(kappa):
    rate = ConditionExplorer.best_rate(kappa, 0)
    assert rate == pytest.approx(2 / (1 + kappa))
    assert 1 - rate == pytest.approx(rate * kappa - 1) == pytest.approx((kappa - 1) / (kappa + 1))


@given(kappas, gammas)
def test_half_of_the_loss_is_along_the_valley_at_the_start(kappa, gamma):
    along, across = ConditionExplorer.path(kappa, gamma)[0]
    assert along**2 / 2 == pytest.approx(kappa * across**2 / 2) == 18


def test_the_words_of_a_valley_are_those_of_its_path(condition):
    explorer, _ = condition
    for (kappa, momentum), html in shown(explorer.picture, explorer.rows).items():
        k, gamma, rate, left, settled = numbers(
            r"κ = (\d+), γ = ([\d.]+)(?: \(best in the long run\))?, α = ([\d.]+) \(best for this γ\)\. In the long "
            r"run each step leaves ([\d.]+)% of the distance\. From step (\d+) on", html)
        best = momentum == "best in the long run"
        assert best == (f"({momentum})" in alt(html)) and k == float(kappa)
        assert alt(html).startswith(f"A path in a valley {kappa} times as curved across as along above")
        assert alt(html).endswith(re.findall("<p>(.*)</p>", html)[0])
        root = k**0.5
        true = ((root - 1) / (root + 1)) ** 2 if best else float(momentum)
        assert gamma == pytest.approx(true, abs=6e-4)
        w, v, losses = np.array([-6, 6 / root]), np.zeros(2), []
        alpha = min(2 * (1 + true) / (1 + k), (1 - true) / root)
        assert rate == pytest.approx(alpha, rel=6e-3)
        for _ in range(1000):
            losses.append(w @ ([1, k] * w))
            v = true * v + [1, k] * w
            w = w - alpha * v
        assert settled == settles(np.array(losses))
        eigenvalues = [np.linalg.eigvals(matrix(alpha, true, curvature)) for curvature in (1, k)]
        assert left / 100 == pytest.approx(np.abs(eigenvalues).max(), abs=6e-4)

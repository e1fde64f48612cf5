"""Descent on bowls, by the curvature, the learning rate and the momentum that are chosen."""

from html import escape

import ipywidgets
import numpy as np

from mlplib import _checks
from mlplib.optimizers import SGD, Momentum
from mlplib.style import BLACK, BLUE, GREY, PALE, VERMILLION
from mlplib.widgets.frames import KernelFree, choice, note, picture, switch, two_panels


def descent(curvatures, start, learning_rate, gamma, n_steps):
    """Where gradient descent leads on the loss ½ Σ λ w².

    Parameters
    ----------
    curvatures, start : array of shape (n,)
        Of each weight, λ and where it starts.
    learning_rate, gamma : float
        With γ = 0 it is plain descent.
    n_steps : int

    Returns
    -------
    float64 array of shape (n_steps + 1, n)
        The weights, from the start on.
    """
    weights, optimizer = [np.array(start, float)], Momentum(learning_rate, gamma) if gamma else SGD(learning_rate)
    points = [weights[0].copy()]
    for _ in range(n_steps):
        optimizer.update(weights, [curvatures * weights[0]])
        points.append(weights[0].copy())
    return np.array(points)


def spectral_radius(learning_rate, gamma, curvatures):
    """What a step multiplies a weight by in the long run, in size: the larger eigenvalue of its two-by-two matrix.

    The matrix takes (w, v) to the next step's. It has the trace 1 + γ - αλ and the determinant γ.

    Parameters
    ----------
    learning_rate, gamma : float
    curvatures : float or array

    Returns
    -------
    float64 or array
        Below 1 where the descent is stable, αλ < 2 (1 + γ).
    """
    trace = 1 + gamma - learning_rate * curvatures
    root = np.emath.sqrt(trace**2 - 4 * gamma)
    return np.maximum(abs(trace + root), abs(trace - root)) / 2


def _settled(losses):
    """From which step on the loss is small, or how far it has come, in words."""
    share = losses / losses[0]
    settled = 1 + int(np.flatnonzero(share >= 1e-3)[-1])
    if settled < len(losses):
        return f"From step {settled} on the loss is below a thousandth of what it was."
    return f"After {len(losses) - 1} steps the loss is {share[-1]:.2g} of what it was."


class DescentExplorer(KernelFree):
    """The steps of a descent above, the loss after each below, one picture for each choice.

    Parameters
    ----------
    rows : list of ipywidgets.ToggleButtons
        What is chosen.
    summary : str
        How many options they have, for a terminal.
    caption : str
        What is seen above, and what is new below.
    shown : int
        How many steps there is room for below.
    losses : (float, float)
        From where to where it goes there.
    axes : dict
        Of the panel above, for `Axes.set`.

    Attributes
    ----------
    rows : list of ipywidgets.ToggleButtons
    picture : ipywidgets.Stack
        Switched by them; one level for each row.
    """

    def __init__(self, rows, summary, caption, shown, losses, axes):
        above, below = self._panels = two_panels()  # for all pictures
        above.set(**axes)
        below.set(xlim=(0, shown), ylim=losses, yscale="log", xlabel="step", ylabel="loss")
        self.rows = rows
        self.picture = switch(rows, lambda *chosen: ipywidgets.HTML(self._show(*chosen)))
        caption = note(f"Above: {caption}. The axes are the same for all choices and cut off what lies outside.")
        super().__init__([*rows, self.picture, caption], self._show(*(row.value for row in rows)) + caption.value,
                         f"{type(self).__name__}: {summary}")
        self.add_class("explorer")

    def _draw(self, points, losses, stable, alt, text):
        """Picture and a line of text, as HTML; the panels are empty again."""
        above, below = self._panels
        style = {"marker": ".", "color": BLUE if stable else VERMILLION, "linewidth": 1, "markersize": 5}
        above.plot(*points.T, **style)
        above.plot(*points[0], "s", color=BLACK, markersize=6)
        above.plot(0, 0, "x", color=BLACK, markersize=8, markeredgewidth=2)
        below.axhline(losses[0], color=GREY, linewidth=0.8, linestyle=":")
        below.plot(losses, **style)
        html = picture(above.figure, f"{alt} above, the loss against the step below. {text}") + f"<p>{escape(text)}</p>"
        for artist in [*above.lines, *above.collections, *below.lines]:
            artist.remove()
        return html


_BELOW = "Below: the loss after each step; the dotted line is that of the start"


class ParabolaExplorer(DescentExplorer):
    """Plain descent of one weight, with the curvature and the learning rate that are chosen; no kernel.

    The loss is ½ λ w², and each step multiplies w by 1 - αλ. The rate that is just right for one of the curvatures,
    1/λ, is the limit of the next, 2/λ.

    Attributes
    ----------
    rows : list of ipywidgets.ToggleButtons
        The curvature λ, and the learning rate α.
    picture : ipywidgets.Stack
        Switched by them.
    """

    CURVATURES = ("1", "2", "4")
    RATES = ("0.05", "0.25", "0.4", "0.5", "0.8", "1", "1.6", "2", "2.1")
    START = -2.0
    STEPS = 30

    def __init__(self):
        caption = (f"the loss of one weight, and {self.STEPS} steps on it from the square, joined by lines; the cross "
                   f"is the bottom. {_BELOW}")
        super().__init__([choice("Curvature λ", self.CURVATURES, "2"), choice("Learning rate α", self.RATES, "0.8")],
                         f"{len(self.CURVATURES)} curvatures, {len(self.RATES)} learning rates", caption, self.STEPS,
                         (1e-6, 1e4), {"xlim": (-4, 4), "ylim": (-0.8, 16), "xlabel": "w", "ylabel": "loss, ½ λ w²"})

    @classmethod
    def path(cls, curvature, learning_rate):
        """Where the steps lead.

        Parameters
        ----------
        curvature, learning_rate : float
            Above 0.

        Returns
        -------
        float64 array of shape (STEPS + 1,)
            The weight, from the start on.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described.
        """
        curvature = _checks.real("curvature", curvature, "a positive finite number", lambda v: v > 0)
        return descent(curvature, [cls.START], learning_rate, 0, cls.STEPS)[:, 0]

    def _show(self, *chosen):
        curvature, learning_rate = map(float, chosen)
        w, factor = self.path(curvature, learning_rate), 1 - learning_rate * curvature
        losses = curvature * w**2 / 2
        if factor > 0:
            what = f"Each step leaves {factor:.0%} of the distance to the bottom. {_settled(losses)}"
        elif factor == 0:
            what = "The first step leads right to the bottom, where the loss is 0."
        elif factor > -1:
            what = (f"Each step jumps to the other side and comes back: {-factor:.0%} of the distance is left. "
                    + _settled(losses))
        elif factor == -1:
            what = "Each step jumps to the other side, just as high: it comes no nearer."
        else:
            what = f"Each step jumps to the other side, {-factor:.3g} times as far out: it leaves the parabola."
        text = (f"λ = {curvature:g}, α = {learning_rate:g}: αλ = {learning_rate * curvature:g}. {what} To be stable, α "
                f"must be below 2/λ = {2 / curvature:g}.")
        line = np.linspace(-4, 4, 161)
        self._panels[0].plot(line, curvature * line**2 / 2, color=GREY, linewidth=1)
        # On a logarithmic axis the way down to 0 would not be seen.
        return self._draw(np.stack([w, losses], 1), losses.clip(1e-9), factor > -1, "A parabola with steps on it", text)


class PathExplorer(DescentExplorer):
    """Descent in a valley, seen from above.

    Parameters
    ----------
    rows, summary, shown
        As for `DescentExplorer`.
    caption : str
        What is new below beside the losses.
    """

    def __init__(self, rows, summary, shown, caption=""):
        caption = (f"the valley from above, with lines of equal loss, and the path of {shown} steps from the square; "
                   f"the cross is the bottom. {_BELOW}{caption}")
        super().__init__(rows, summary, caption, shown, (1e-4, 1e4), {
            "xlim": (-10.5, 7), "ylim": (-3.5, 3.5), "xlabel": "w₁, along the valley", "ylabel": "w₂, across"})

    def _draw_path(self, curvatures, points, losses, stable, alt, text):
        along, across = np.meshgrid(np.linspace(-10.5, 7, 141), np.linspace(-3.5, 3.5, 71))
        self._panels[0].contour(along, across, (curvatures[0] * along**2 + curvatures[1] * across**2) / 2,
                                levels=(1, 5, 15, 30, 50, 80), colors=PALE, linewidths=0.8)
        return self._draw(points, losses, stable, alt, text)


class ValleyExplorer(PathExplorer):
    """Descent in a narrow valley, with the learning rate and the momentum that are chosen; no kernel.

    The loss is ½ (λ₁ w₁² + λ₂ w₂²): flat along the valley, and twenty times as curved across.

    Attributes
    ----------
    rows : list of ipywidgets.ToggleButtons
        The learning rate α, and γ.
    picture : ipywidgets.Stack
        Switched by them.
    """

    CURVATURES = np.array([1.0, 20.0])
    START = np.array([-9.0, 1.6])
    STEPS = 60
    RATES = ("0.01", "0.05", "0.09", "0.12", "0.17", "0.2")
    GAMMAS = ("0", "0.5", "0.9")

    def __init__(self):
        super().__init__([choice("Learning rate α", self.RATES, "0.09"), choice("Momentum γ", self.GAMMAS)],
                         f"{len(self.RATES)} learning rates, {len(self.GAMMAS)} momenta", self.STEPS)

    @classmethod
    def path(cls, learning_rate, gamma):
        """Where the steps lead.

        Parameters
        ----------
        learning_rate : float
        gamma : float
            0 is plain descent.

        Returns
        -------
        array of shape (STEPS + 1, 2)
            The two weights, from the start on.
        """
        return descent(cls.CURVATURES, cls.START, learning_rate, gamma, cls.STEPS)

    def _show(self, *chosen):
        learning_rate, gamma = map(float, chosen)
        points = self.path(learning_rate, gamma)
        losses = points**2 @ self.CURVATURES / 2
        limit = 2 * (1 + gamma) / self.CURVATURES.max()
        stable = learning_rate < limit
        after = _settled(losses) if stable else "It leaves the valley: the steps across grow without limit."
        text = f"α = {learning_rate:g}, γ = {gamma:g}. {after} To be stable, α must be below {limit:.2g}."
        return self._draw_path(self.CURVATURES, points, losses, stable, "A path in a long narrow valley", text)


class ConditionExplorer(PathExplorer):
    """Descent in ever narrower valleys, each momentum with the learning rate that is best for it; no kernel.

    The loss is ½ (w₁² + κ w₂²): κ is the ratio of the largest curvature to the smallest, the condition number. Half of
    the loss at the start is along the valley, half across, whatever κ is.

    Attributes
    ----------
    rows : list of ipywidgets.ToggleButtons
        κ, and γ.
    picture : ipywidgets.Stack
        Switched by them.
    """

    KAPPAS = ("4", "20", "100", "500")
    GAMMAS = ("0", "0.5", "0.9", "best in the long run")
    STEPS = 1000  # the slowest needs 864
    SHOWN = 200

    def __init__(self):
        super().__init__([choice("Condition number κ", self.KAPPAS, "20"), choice("Momentum γ", self.GAMMAS)],
                         f"{len(self.KAPPAS)} condition numbers, {len(self.GAMMAS)} momenta", self.SHOWN,
                         ", the thin one plain descent at its own best α")

    @classmethod
    def best_gamma(cls, kappa):
        """The γ with which, at its best learning rate, the slower direction shrinks fastest in the long run.

        There the two eigenvalues of either direction are one, and the first steps lead away from the bottom: to a
        thousandth of the loss a larger γ may need fewer steps.

        Parameters
        ----------
        kappa : float
            At least 1.

        Returns
        -------
        float
            ((√κ - 1) / (√κ + 1))²; a step leaves the root of that (Polyak, 1964).

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described.
        """
        root = _kappa(kappa) ** 0.5
        return ((root - 1) / (root + 1)) ** 2

    @classmethod
    def best_rate(cls, kappa, gamma):
        """The learning rate with which the slower direction shrinks fastest in the long run.

        A direction is the slower the further its trace 1 + γ - αλ is from 0: best is α = 2 (1 + γ) / (1 + κ), where
        both are equally far. But if γ is above `best_gamma`, the eigenvalues of both are complex for all α from
        (1 - √γ)² to (1 + √γ)²/κ, and one α is as good as another. Then it is the middle, on a logarithmic scale:
        (1 - γ) / √κ. One end would be slow along the valley at first, the other would go far out across.

        Parameters
        ----------
        kappa : float
            At least 1.
        gamma : float
            At least 0, below 1.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described.
        """
        kappa, gamma = _kappa(kappa), _checks.gamma(gamma)
        return min(2 * (1 + gamma) / (1 + kappa), (1 - gamma) / kappa**0.5)

    @classmethod
    def path(cls, kappa, gamma):
        """Where the steps lead with the best learning rate.

        Parameters
        ----------
        kappa : float
            At least 1.
        gamma : float
            0 is plain descent.

        Returns
        -------
        float64 array of shape (STEPS + 1, 2)
            The two weights, from the start on.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described.
        """
        learning_rate = cls.best_rate(kappa, gamma)
        return descent(np.array([1, kappa]), [-6, 6 / kappa**0.5], learning_rate, gamma, cls.STEPS)

    def _show(self, kappa, gamma):
        best, kappa = gamma == self.GAMMAS[-1], float(kappa)
        gamma = self.best_gamma(kappa) if best else float(gamma)
        curvatures, learning_rate = np.array([1, kappa]), self.best_rate(kappa, gamma)
        points, plain = self.path(kappa, gamma), self.path(kappa, 0)
        losses, of_plain = (path**2 @ curvatures / 2 for path in (points, plain))
        left = spectral_radius(learning_rate, gamma, 1)  # across it is the same
        text = (f"κ = {kappa:g}, γ = {gamma:.3g}{' (best in the long run)' * best}, α = {learning_rate:.3g} (best for "
                f"this γ). In the long run each step leaves {left:.1%} of the distance. {_settled(losses)}")
        self._panels[1].plot(of_plain, color=GREY, linewidth=0.8)
        return self._draw_path(curvatures, points[:self.SHOWN + 1], losses, True,
                               f"A path in a valley {kappa:g} times as curved across as along", text)


def _kappa(value):
    return _checks.real("kappa", value, "a finite number of at least 1", lambda v: v >= 1)

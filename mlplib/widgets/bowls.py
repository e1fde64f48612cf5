"""Descent on bowls, by the curvature, the learning rate and the momentum that are chosen."""

from html import escape

import ipywidgets
import numpy as np

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


class PathExplorer(DescentExplorer):
    """Descent in a valley, seen from above.

    Parameters
    ----------
    rows, summary, shown
        As for `DescentExplorer`.
    """

    def __init__(self, rows, summary, shown):
        caption = (f"the valley from above, with lines of equal loss, and the path of {shown} steps from the square; "
                   f"the cross is the bottom. Below: the loss after each step; the dotted line is that of the start")
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

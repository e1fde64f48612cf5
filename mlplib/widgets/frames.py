"""Pictures that switch in the page itself: no kernel, no script of ours."""

import itertools
from html import escape

import ipywidgets
from IPython.display import display
from matplotlib import rc_context
from matplotlib.figure import Figure

from mlplib.plotting import as_html_image
from mlplib.style import WIDTH


def choice(description, options, value=None):
    """A row of toggle buttons.

    Parameters
    ----------
    description : str
        What is chosen.
    options : sequence of str
    value : str, optional
        Chosen at first; by default the first option.

    Returns
    -------
    ipywidgets.ToggleButtons
    """
    options = list(options)
    # A button says "on": its tooltip says what is on, to a screen reader too.
    return ipywidgets.ToggleButtons(options=options, value=value or options[0], description=description,
                                    tooltips=[f"{description}: {option}" for option in options],
                                    style={"description_width": "10em", "button_width": "auto"})


def switch(choices, leaf):
    """Show one of many widgets, by what is chosen.

    One `Stack` inside the other, one level for each row of buttons; each row's `index` is linked to the
    `selected_index` of all stacks of its level. The links are part of the widgets' state and run in the page.

    Parameters
    ----------
    choices : sequence of ipywidgets.ToggleButtons
    leaf : callable
        Takes one option of each row, as str, and returns the widget to show for them.

    Returns
    -------
    ipywidgets.Widget
    """
    if not choices:
        return leaf()
    first, *others = choices
    children = [switch(others, lambda *options, option=option: leaf(option, *options)) for option in first.options]
    stack = ipywidgets.Stack(children, selected_index=first.index)
    stack.links = [ipywidgets.jslink((first, "index"), (stack, "selected_index"))]
    return stack


def two_panels():
    """A figure for many pictures of one above the other, whose margins stay the same.

    Returns
    -------
    array of 2 matplotlib.axes.Axes
        The upper and the lower.
    """
    figure = Figure((WIDTH, 4.6), layout="none")
    figure.subplots_adjust(left=0.14, right=0.97, bottom=0.11, top=0.97, hspace=0.36)
    return figure.subplots(2)


def picture(figure, alt):
    """A figure as an HTML `img` element for a widget, in few bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        Says what the picture shows to someone who cannot see it.

    Returns
    -------
    str
    """
    # Saving a figure turns this layout on again, and then each picture is drawn twice.
    with rc_context({"figure.constrained_layout.use": False}):
        return as_html_image(figure, alt, dpi=100, n_colors=32)


def combinations(choices):
    """All that can be chosen: tuples of one option of each row."""
    return list(itertools.product(*(row.options for row in choices)))


def player(row, seconds=2.5):
    """A button that plays a row of toggle buttons, one option after the other; at the end, from the start.

    ipywidgets' `Play` does the counting. Its own buttons have no names, so it stays hidden, and a toggle button linked
    to it takes their place.

    Parameters
    ----------
    row : ipywidgets.ToggleButtons
    seconds : float
        How long each option is shown.

    Returns
    -------
    ipywidgets.HBox
        The button, and the hidden `Play`.
    """
    play = ipywidgets.Play(max=len(row.options) - 1, interval=round(1000 * seconds), layout={"display": "none"})
    button = ipywidgets.ToggleButton(description="Play", tooltip="Play, or stop playing", icon="play")
    box = ipywidgets.HBox([button, play])
    box.links = [ipywidgets.jslink((button, "value"), (play, "playing")),
                 ipywidgets.jslink((play, "value"), (row, "index"))]
    return box


class KernelFree(ipywidgets.VBox):
    """Widgets that work on the rendered page, where no kernel runs.

    Beside them stands a plain picture. It is seen only on a page where the widget manager could not load: the page's
    style sheet shows it unless there are widgets next to it, and it is hidden in JupyterLab.

    Parameters
    ----------
    children : sequence of ipywidgets.Widget
    plain : str
        HTML that stands where widgets cannot: a picture with its text alternative, or a table.
    summary : str
        The widget in a few words, for a terminal.
    """

    def __init__(self, children, plain, summary):
        super().__init__(children)
        self.plain, self.summary = plain, summary
        self.add_class("kernel-free")

    def _ipython_display_(self):
        display({"text/html": f'<div class="widget-fallback" style="display: none">{self.plain}</div>',
                 "text/plain": ""}, raw=True)
        display(self._repr_mimebundle_() | {"text/plain": self.summary}, raw=True)


def note(text):
    """A line of text as a widget; `text` is escaped.

    Parameters
    ----------
    text : str

    Returns
    -------
    ipywidgets.HTML
    """
    return ipywidgets.HTML(f"<p>{escape(text)}</p>")

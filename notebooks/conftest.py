"""How nbval runs the notebooks."""


def pytest_collection_modifyitems(items):
    """Wait for outputs on a busy machine too, and leave out pictures, of whatever kind.

    nbval's own 5 seconds are short beside several sweeps. Bitmaps it leaves out by itself; outlines have digits in
    which processors differ.
    """
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 120
        if "image/svg+xml" not in getattr(item.parent, "skip_compare", "image/svg+xml"):
            item.parent.skip_compare += ("image/svg+xml",)

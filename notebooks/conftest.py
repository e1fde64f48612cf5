"""How nbval runs the notebooks."""


def pytest_collection_modifyitems(items):
    """Wait for outputs on a busy machine too: nbval's own 5 seconds are short beside several sweeps."""
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 120

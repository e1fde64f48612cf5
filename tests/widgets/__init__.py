# A package, because tests/browser has a test_explorers.py and a test_stepper.py too.
import pytest

pytest.register_assert_rewrite("widgets.explored")

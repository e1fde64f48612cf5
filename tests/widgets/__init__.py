# A package, because tests/browser has a test_explorers.py and a test_stepper.py too.

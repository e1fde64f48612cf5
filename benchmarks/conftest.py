"""Measurements on one thread are held to one processor."""

import os

from benchmarks.tasks import THREADS

if THREADS == 1 and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

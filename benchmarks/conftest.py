"""One processor for the measurements on one thread, and the equal-work test before any timing."""

import os

from benchmarks.tasks import THREADS

if THREADS == 1 and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

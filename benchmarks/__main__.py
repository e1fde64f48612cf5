"""Measure, and write the table and its JSON: `python -m benchmarks`, or `make bench`."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import results

HERE = Path(__file__).parent
MEASURED = ["bench_steps.py", "bench_runs.py", "bench_whole.py", "bench_browser.py"]
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def environment(threads, quick):
    """Thread counts have to be set before NumPy and JAX are imported, so each count gets a process of its own."""
    settings = dict(os.environ, MLPLIB_BENCH_THREADS=str(threads), TQDM_DISABLE="1",
                    MLPLIB_BENCH_QUICK=str(int(quick)))
    settings |= {name: str(threads) for name in BLAS}
    if threads == 1:
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return settings


def pytest(files, threads, quick, *options):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-o", "filterwarnings=default",
               *options, *(str(HERE / file) for file in files)]
    code = subprocess.run(command, cwd=HERE.parent, env=environment(threads, quick), check=False).returncode
    if code not in (0, 5):  # 5: `-k` chose nothing for this number of threads
        sys.exit("The benchmark stopped: see above. Earlier results are unchanged.")


def measure(threads, chosen, quick):
    """What pytest-benchmark recorded with so many threads."""
    print(f"== measuring with {threads} thread{'s' * (threads > 1)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.json"
        pytest(MEASURED, threads, quick, "--benchmark-json", str(path), "--benchmark-quiet",
               "--benchmark-columns=median", *(["-k", chosen] if chosen else []))
        if not path.exists():  # nothing was chosen
            return []
        return [benchmark["extra_info"] for benchmark in json.loads(path.read_text())["benchmarks"]]


def machine():
    import numpy  # noqa: F401 - its BLAS is the one to describe
    from threadpoolctl import threadpool_info

    packages = {}
    for package in ("numpy", "jax", "torch", "scikit-learn"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = None
    blas = next((library for library in threadpool_info() if library["user_api"] == "blas"), {})
    return {"processor": processor(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(), "packages": packages, "date": date.today().isoformat(),
            "blas": " ".join(str(blas.get(key, "")) for key in ("internal_api", "version", "architecture"))}


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def written(output, text):
    """Write a file at once and whole, or say why not."""
    part = output.with_name(f"{output.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, output)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        sys.exit(f"{output} was not written, and earlier results are unchanged; {output.parent} has to be a folder "
                 f"that can be written to, with room ({error.strerror or error}).")


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     epilog="A peer is added by a file: see benchmarks/contenders/__init__.py.")
    parser.add_argument("-k", metavar="EXPRESSION", default="",
                        help="measure only the tests that match, as in pytest")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: to try, not to publish")
    parser.add_argument("--output", type=Path,
                        help="the JSON file to write (default: mlplib/speed.json; with -k or --quick none)")
    parser.add_argument("--merge", action="store_true",
                        help="put what is measured into mlplib/speed.json, or --output, in place of the same figures "
                             "there, and leave the others")
    arguments = parser.parse_args()
    partly = (arguments.k or arguments.quick) and not arguments.merge
    output = arguments.output or (None if partly else HERE.parent / "mlplib" / "speed.json")
    earlier = None
    if arguments.merge:
        try:
            earlier = json.loads(output.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            sys.exit(f"{output} cannot be merged with: expected the JSON file of an earlier measurement ({error}).")
    if output:  # found before half an hour of measuring
        probe = output.with_name(f"{output.name}.probe")
        written(probe, "here")
        probe.unlink()

    print("== equal work: same weights, same minibatches, same losses?", flush=True)
    pytest(["bench_equal_work.py"], 1, arguments.quick, "--benchmark-disable")
    records = [record for threads in (1, 2) for record in measure(threads, arguments.k, arguments.quick)]
    summary = results.summarise(records, machine())
    print(results.as_text(summary))
    if earlier:
        summary = results.merged(earlier, summary)
    if output:
        text = json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
        try:
            written(output, text)
        except SystemExit:
            print(text)  # what was measured is not lost
            raise
        print(f"\nWritten: {output}\nTo show it in the book: .venv/bin/python book/execute.py notebooks/how_fast.md")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted; earlier results are unchanged.")

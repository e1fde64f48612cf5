"""From single timings to the ratios, the targets, and the JSON that the book's page shows."""

import copy
import statistics
from collections import defaultdict
from typing import NamedTuple

from benchmarks.contenders import CONTENDERS, MISSING


class Target(NamedTuple):
    """A ratio of times that is to be at most, or at least, a bound."""

    what: str
    bound: float
    at_most: bool

    def met(self, value):
        return value <= self.bound if self.at_most else value >= self.bound


SMALL, WIDE, DEEP = "785-64-10, batch 32", "785-128-10, batch 32", "785-10x64-10, batch 32"
STEP_TARGETS = {  # (threads, task, contender): ours / theirs at most, or theirs / ours at least
    (1, SMALL, "jax_scan"): Target("mlplib / JAX", 1.2, True),
    (1, WIDE, "jax_scan"): Target("mlplib / JAX", 1.2, True),
    (1, SMALL, "floor"): Target("mlplib / the products alone", 1.4, True),
    (1, WIDE, "floor"): Target("mlplib / the products alone", 1.4, True),
    (1, DEEP, "floor"): Target("mlplib / the products alone", 1.4, True),
    (2, SMALL, "jax_scan"): Target("mlplib / JAX", 1.0, True),
    (2, WIDE, "jax_scan"): Target("mlplib / JAX", 1.0, True),
    (1, SMALL, "torch_eager"): Target("PyTorch / mlplib", 3.0, False),
    (1, SMALL, "sklearn_mlp"): Target("scikit-learn / mlplib", 2.4, False),
}


def significant(value, digits=4):
    """Rounded, through lists and dictionaries, so that the JSON can be read."""
    if isinstance(value, dict):
        return {key: significant(entry, digits) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [significant(entry, digits) for entry in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def spread(values):
    """Lower quartile, median and upper quartile, a list."""
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def ratios(numerators, denominators):
    """Formed turn by turn, so that what slows a machine for a while cancels."""
    return spread([a / b for a, b in zip(numerators, denominators, strict=True)])


def summarise(records, machine):
    missing = {CONTENDERS[key].name: packages for key, packages in MISSING.items() if packages}
    summary = {"machine": machine, "missing": missing,
               "steps": [], "growth": [], "table": []}

    def row(setting, what, value, target=None):
        entry = {"setting": setting, "what": what, "ratio": value}
        if target:
            entry |= {"target": f"{'≤' if target.at_most else '≥'} {target.bound:g}", "met": target.met(value[1])}
        summary["table"].append(entry)

    groups = defaultdict(lambda: defaultdict(list))
    facts = {}
    for record in records:
        if record["kind"] in ("step", "growth"):
            group, contender = (record["kind"], record["threads"], record["task"]), (record["contender"], record["as"])
            groups[group][contender].append((record["repeat"], record["seconds"] / record["steps"]))
            if record["as"] == record["task"]:
                facts[group] = {name: record[name] for name in ("width", "depth", "batch", "flops", "steps")}
    for group, times in groups.items():
        kind, threads, task = group
        setting = f"{task}; {threads} thread{'s' * (threads > 1)}"
        times = {key: [seconds for _, seconds in sorted(timed)] for key, timed in times.items()}
        if group not in facts:  # `-k` chose only a contender with its own configuration
            continue
        entry = {"task": task, "threads": threads, **facts[group], "contenders": {}}
        for (key, configuration), seconds in times.items():
            name = CONTENDERS[key].name
            if configuration != task:
                name += f" ({configuration.split(', ', 2)[2]})"
            entry["contenders"][name] = {"key": key, "microseconds": [1e6 * s for s in spread(seconds)]}
            ours = times.get(("mlplib", configuration))
            if not ours:  # `-k` left it out: times, but no ratios
                continue
            entry["contenders"][name]["over_mlplib"] = ratios(seconds, ours)
            if configuration == task and ("floor", task) in times:
                entry["contenders"][name]["over_floor"] = ratios(seconds, times["floor", task])
            if kind == "step" and key != "mlplib":
                target = STEP_TARGETS.get((threads, task, key))
                if key == "floor" or (target and target.at_most):
                    short = target.what if target else f"mlplib / {CONTENDERS[key].name}"
                    row(setting, short, ratios(ours, seconds), target)
                else:
                    short = target.what if target else f"{CONTENDERS[key].name} / mlplib"
                    row(setting, short, ratios(seconds, ours), target)
        if ("floor", task) in times:
            entry["gflops_of_the_floor"] = entry["flops"] / statistics.median(times["floor", task]) / 1e9
        summary["steps" if kind == "step" else "growth"].append(entry)

    by_kind = defaultdict(list)
    for record in records:
        by_kind[record["kind"]].append(record)
    for record in by_kind["evaluation"]:
        seconds = record["seconds"]
        milliseconds = {name: [1e3 * s for s in spread(one)] for name, one in seconds.items()}
        summary["evaluation"] = {"milliseconds": milliseconds, "flops": record["flops"]}
        row("evaluating 30,000 images; 1 thread", "mlplib / its products alone",
            ratios(seconds["mlplib"], seconds["floor"]), Target("", 1.5, True))
        row("evaluating 30,000 images; 1 thread", "classroom NumPy, float64 / mlplib",
            ratios(seconds["classroom"], seconds["mlplib"]))
    if by_kind["whole"]:
        summary["whole"] = whole_runs(by_kind["whole"], machine, row)
        on_one = {run["key"]: run for run in summary["whole"]["runs"] if run["threads"] == 1 and run["as"] == SMALL}
        if "over_mlplib" in on_one.get("classroom", {}):
            row(RUN, "classroom NumPy, float64 / mlplib", on_one["classroom"]["over_mlplib"],
                Target("", 2.7, False))
    if by_kind["forty"]:
        summary["forty"] = forty_runs(by_kind["forty"], machine, row)
    for record in by_kind["browser"]:
        now, before = record["seconds"].values()
        summary["browser"] = {"machine": machine, "way": record["seconds"], "faster": {
            part: ratios(before[part], now[part]) for part in now}}
        for part, bound in (("step", 1.7), ("evaluation", 2)):
            row("in a browser, 785-64-10", f"{part} by numpy.matmul / by the faster loop",
                summary["browser"]["faster"][part], Target("", bound, False))
    for record in by_kind["side by side"]:
        one, two = record["seconds"]["one"], record["seconds"]["two"]
        row("two runs side by side, a thread each", "runs in the time of one", ratios([2 * s for s in one], two),
            Target("", 1.9, False))
    for axis, setting in (("width", "hidden layer 64 to 1,024, batch 32; 1 thread"),
                          ("batch", "batch 32 to 1,024, 785-64-10; 1 thread")):
        ends = {}
        for record in by_kind["growth"]:
            others = {"width": record["batch"] == 32, "batch": record["width"] == 64}[axis] and record["depth"] == 1
            if others and record[axis] in ({"width": (64, 1024), "batch": (32, 1024)}[axis]):
                ends.setdefault((record[axis] == 1024, record["contender"]), {})[record["repeat"]] = (
                    record["seconds"] / record["steps"])
        if len(ends) == 4:
            growth = {key: [ends[True, key][i] / ends[False, key][i] for i in sorted(ends[True, key])]
                      for key in ("mlplib", "floor")}
            row(setting, "growth of mlplib's step / growth of the products", ratios(growth["mlplib"], growth["floor"]),
                Target("", 1.5, True))
    for record in by_kind["memory"]:
        megabytes = [peak / 1e6 for peak in record["bytes"]]
        row("the report's run 3c, whole process", "peak memory in MB", spread(megabytes), Target("", 350, True))
    summary["parts"] = [
        {"task": record["task"], "microseconds": {
            part: 1e6 * statistics.median(seconds) / record["steps"] for part, seconds in record["seconds"].items()},
         "whole": 1e6 * statistics.median(record["whole"]) / record["steps"],
         "work": {part: {"flops": work[0], "bytes": work[1]} for part, work in record["work"].items()}}
        for record in by_kind["parts"]]
    for record in by_kind["machine"]:
        median = {name: statistics.median(seconds) for name, seconds in record["seconds"].items()}
        summary["machine"] |= {"peak_gflops": record["flops"] / median["product"] / 1e9,
                               "cache_gbytes": record["cache_bytes"] / median["cache"] / 1e9,
                               "memory_gbytes": record["memory_bytes"] / median["memory"] / 1e9}
    return significant(beside_products(summary))


RUN = "the report's run 3c, evaluation and stopping included; 1 thread"


def beside_products(summary):
    """The summary, with a whole run beside the products in it, if all that takes was measured."""
    runs = {run["key"]: run for run in summary.get("whole", {"runs": []})["runs"]
            if run["threads"] == 1 and run["as"] == SMALL}
    steps = [entry["contenders"] for entry in summary["steps"] if entry["task"] == SMALL and entry["threads"] == 1]
    floor = next((one for each in steps for one in each.values() if one["key"] == "floor"), None)
    if "mlplib" not in runs or floor is None or "evaluation" not in summary:
        return summary
    run, evaluating = runs["mlplib"], summary["evaluation"]["milliseconds"]["floor"][1]
    products = run["updates"] * floor["microseconds"][1] / 1e6 + run["evaluations"] * evaluating / 1e3
    summary["run"] = {"seconds": {key: one["seconds"]["whole"] for key, one in runs.items()},
                      "updates": run["updates"], "evaluations": run["evaluations"], "products_seconds": products}
    what = {"setting": RUN, "what": "mlplib / the products alone"}
    found = [entry for entry in summary["table"] if what.items() <= entry.items()]
    for entry in found or [what]:
        entry["ratio"] = [one / products for one in run["seconds"]["whole"]]
    summary["table"] += [] if found else [what]
    return summary


AHEAD = Target("", 1.0, False)  # of every peer: it takes at least as long


def whole_name(key):
    return getattr(CONTENDERS[key], "whole_name", CONTENDERS[key].name)


def whole_runs(records, machine, row):
    """Whole runs: seconds and their parts, and what a peer takes over what mlplib takes in the same round."""
    runs, by_round = [], {}
    for record in records:
        runner = record["threads"], record["contender"], record["as"]
        by_round.setdefault(runner, {})[record["repeat"]] = record
    for (threads, key, configuration), rounds in by_round.items():
        ours = by_round.get((threads, "mlplib", configuration))
        first, name = next(iter(rounds.values())), whole_name(key)
        if configuration != first["task"]:
            name += f" ({configuration.split(', ', 2)[2]})"
        seconds = {part: spread([one["seconds"][part] for one in rounds.values() if part in one["seconds"]])
                   for part in first["seconds"]}
        entry = {"threads": threads, "key": key, "name": name, "as": configuration, "rounds": len(rounds),
                 "updates": first["updates"], "evaluations": first["evaluations"], "final": first["final"],
                 "seconds": seconds, "processor_seconds": spread([one["processor"] for one in rounds.values()])}
        if key == "mlplib":
            # How much of one processor it had: far below 1, something else was running.
            entry["busy"] = min(one["processor"] / one["seconds"]["whole"] for one in rounds.values())
        elif ours:
            pairs = [(rounds[i]["seconds"], ours[i]["seconds"]) for i in sorted(rounds.keys() & ours.keys())]
            entry["over_mlplib"] = spread([a["whole"] / b["whole"] for a, b in pairs])
            entry["compiled_over_mlplib"] = spread([(a["whole"] - a["compiling"]) / b["whole"] for a, b in pairs])
            row(f"a whole run; {threads} thread{'s' * (threads > 1)}", f"{whole_name(key)} / mlplib",
                entry["over_mlplib"], AHEAD)
        runs.append(entry)
    return {"machine": machine, "runs": runs}


def forty_runs(records, machine, row):
    """The forty runs of the report. Where a share was trained, two processes take at best what is reckoned here."""
    runs = []
    for record in records:
        times, share = record["of"] / record["runs"], record["runs"] < record["of"]
        compiling = sum(record["compiling"])
        seconds = (compiling + times * (sum(record["each"]) - compiling)) / 2 if share else record["seconds"]
        runs.append({"key": record["contender"], "name": whole_name(record["contender"]), "way": record["way"],
                     "runs": record["runs"], "of": record["of"], "measured_seconds": record["seconds"],
                     "seconds": seconds, "compiling": compiling, "updates": record["updates"]})
    ours = next((run["seconds"] for run in runs if run["key"] == "mlplib"), None)
    for run in runs:
        if ours and run["key"] != "mlplib":
            run["over_mlplib"] = run["seconds"] / ours
            # What is reckoned is the least that it takes: it can say that mlplib is ahead, not that it is behind.
            known = run["runs"] == run["of"] or AHEAD.met(run["over_mlplib"])
            row(f"{run['of']} runs; 2 cores", f"{run['name']} / mlplib", [run["over_mlplib"]] * 3,
                AHEAD if known else None)
    return {"machine": machine, "runs": runs}


PARTS = {"steps": ("task", "threads"), "growth": ("task", "threads"), "parts": ("task",), "table": ("setting", "what")}


def merged(earlier, summary):
    """An earlier summary with what a later one has in place of the same there; the machine stays the earlier one's.

    Whole runs and the forty say by themselves on which machine they were made.
    """
    merged = dict(earlier)
    for name, found in summary.items():
        if name in PARTS:
            def key(entry, fields=PARTS[name]):
                return tuple(entry[field] for field in fields)

            new = {key(entry): entry for entry in found}
            kept = [new.pop(key(entry), entry) for entry in earlier.get(name, [])]
            merged[name] = kept + list(new.values())
        elif name not in ("machine", "missing"):
            merged[name] = found
    return significant(beside_products(copy.deepcopy(merged)))


def as_text(summary):
    machine = summary["machine"]
    numpy = machine["packages"]["numpy"]
    lines = [f"{machine['processor']}, {machine['cores']} cores, {machine['blas']}, NumPy {numpy}", ""]
    setting = None
    for entry in summary["table"]:
        if entry["setting"] != setting:
            setting = entry["setting"]
            lines.append(setting)
        low, middle, high = entry["ratio"]
        verdict = f"{entry['target']:>7}  {'met' if entry['met'] else 'NOT met'}" if "target" in entry else ""
        lines.append(f"  {entry['what']:<52}{middle:8.3g}  ({low:.3g} to {high:.3g}) {verdict}")
    had = min((run["busy"] for run in summary.get("whole", {"runs": []})["runs"] if "busy" in run), default=1)
    if had < 0.95:
        lines.append(f"BUSY: a run had only {had:.0%} of a processor at times; measure again on an idle machine")
    for name, packages in summary["missing"].items():
        lines.append(f"MISSING: {name} was not measured; install {', '.join(packages)}")
    return "\n".join(lines)

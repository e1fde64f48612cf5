"""Which stored runs the chapters read that need but few of an archive: `parts.py` runs them and writes parts.json.

By it build.py divides the archives, so that a live notebook fetches less. A chapter that reads other runs since still
finds them, in a part that it does not need otherwise; tests/browser/test_live.py notices.
"""

import hashlib
import json
import os
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
READERS = ["2_network", "3_tricks", "4_topology"]


def kin(fields):
    """What runs of one network under one protocol have in common, from the fields of an experiment in an entry."""
    alike = {name: value for name, value in fields.items() if name not in ("seed", "learning_rate")}
    return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()[:8]


def read_by(notebooks):
    """For each notebook and archive the kin of the runs it reads, and the entries whose weights it looks at."""
    import jupytext
    from IPython.core.interactiveshell import InteractiveShell

    from mlplib.entries import differing, unpacked
    from mlplib.running import Run
    from mlplib.store import Archive, key

    content_of, archive_of, read = Archive._content, {}, defaultdict(lambda: defaultdict(set))

    def content(archive, name):
        found = content_of(archive, name)
        if found:
            archive_of[name] = archive.path.stem
            read[archive.path.stem]["runs"].add(kin(differing(unpacked(found).experiment)))
        return found

    def model(run):
        name = f"{key(run.experiment)}.npz"
        if run.__dict__["model"] and name in archive_of:
            read[archive_of[name]]["weights"].add(name)
        return run.__dict__["model"]

    Archive._content = content
    Run.model = property(model, lambda run, value: run.__dict__.update(model=value))
    shell, found = InteractiveShell.instance(), {}
    for notebook in notebooks:
        for cell in jupytext.read(HERE.parents[1] / "notebooks" / f"{notebook}.md").cells:
            if cell.cell_type == "code":
                shell.run_cell(cell.source)
        found[notebook] = {archive: {what: sorted(values) for what, values in sorted(each.items())}
                           for archive, each in sorted(read.items())}
        read.clear()
        archive_of.clear()
        shell.reset()
    return found


if __name__ == "__main__":
    os.environ |= {"MPLBACKEND": "agg", "TQDM_DISABLE": "1"}
    (HERE / "parts.json").write_text(f"{json.dumps(read_by(READERS), indent=1)}\n")

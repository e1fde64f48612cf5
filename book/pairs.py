"""Where the notebooks are that the book shows, each with its text beside it. Solutions lie elsewhere."""

FOLDERS = "notebooks", "notebooks/exercises"


def pairs(root, end):
    """One side of all pairs in a copy of the project, ".md" or ".ipynb": paths in order."""
    return sorted(file for folder in FOLDERS for file in root.glob(f"{folder}/*{end}"))

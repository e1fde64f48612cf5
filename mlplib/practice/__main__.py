"""What `make mistakes` does: make each mistake, and print which one it is taken for."""

import sys

from mlplib.practice.checking import BLANKS, confusion


def main():
    """Print a table for each blank, and whether all of them are the identity.

    Returns
    -------
    int
        0 if they are.
    """
    right, mistakes = True, 0
    for blank in BLANKS.values():
        rows = confusion(blank)
        identity = [[row == column for column in range(len(rows))] for row in range(len(rows))]
        solved = blank.answer(*blank.reference).right
        right, mistakes = right and solved and rows == identity, mistakes + len(rows)
        print(f"\n{blank.name}: {len(rows)} mistakes; what is right is {'told so' if solved else 'NOT TOLD SO'}")
        for row, name in zip(rows, blank.mistakes):
            print(" ", "".join("■" if told else "·" for told in row), "", name)
    print(f"\n{mistakes} mistakes, a row for each; a column for each answer, in the same order.")
    print("Each mistake gets its own name and no other's: the table is the identity." if right else
          "The table is NOT the identity.")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())

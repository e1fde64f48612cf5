"""The mutants of modules, as Cosmic Ray makes them: one line of JSON each. Runs in the tools' environment."""

import ast
import json
import sys
from difflib import ndiff
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db


def meaning(code):
    """What Python makes of the code, annotations apart; None if it is not Python."""
    try:
        tree = ast.parse(code)
        compile(tree, "mutant", "exec")
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        for name in {"annotation", "returns"} & set(node._fields):
            setattr(node, name, ast.Constant(None) if getattr(node, name) else None)
    return ast.dump(tree)


def definition(tree, line):
    """The name of the innermost function or class that a line belongs to, such as MLP.propagate."""
    name = []
    for node in ast.walk(tree):  # outer ones first
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= line <= node.end_lineno:
                name.append(node.name)
    return ".".join(name)


def change(old, new):
    """The changed lines before and after, without what only indents them."""
    lines = list(ndiff(old.splitlines(), new.splitlines()))
    return [" ".join(" ".join(line[2:] for line in lines if line.startswith(sign)).split()) for sign in "-+"]


def mutants(path):
    """Of one module. Left out: what is no Python any more, and what changes nothing but an annotation."""
    code = path.read_text(encoding="utf-8")
    tree, seen = ast.parse(code), {None, meaning(code)}
    with use_db(":memory:", WorkDB.Mode.create) as db:
        init([path], db, {})
        made = [item.mutations[0] for item in db.work_items]
    for each in made:
        mutated = mutate_code(code, get_operator(each.operator_name)(**each.operator_args), each.occurrence)
        if (said := meaning(mutated)) in seen:
            continue
        seen.add(said)
        line, becomes = change(code, mutated)
        yield {"module": path.stem, "function": definition(tree, each.start_pos[0]), "line": line, "becomes": becomes,
               "code": mutated}


for name in sys.argv[1:]:
    for mutant in mutants(Path(name)):
        print(json.dumps(mutant), flush=True)

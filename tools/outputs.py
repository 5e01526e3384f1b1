"""Execute notebooks in fresh kernels, and store their outputs.

With --check nothing is stored. The names of the generated module take the place of the exported cells;
every test must pass on them, and the outputs must be those that are stored.
"""
import argparse
import inspect
import os
import re
import subprocess
import sys
from difflib import unified_diff

import nbformat
from fastcore.ansi import strip_ansi
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbdev.clean import clean_nb
from nbformat.v4 import new_code_cell
from notebooks import (
    LIMIT_S,
    PACKAGE,
    Tree,
    UserError,
    environment,
    indent,
    is_exported,
    is_skipped,
    where,
)
from pictures import picture_change

ADDRESS = re.compile(r"\b0x[0-9a-f]{12}\b")
LINE_NUMBER = re.compile(r"(?<=\bline )\d+|^ *\d+(?= .*\|)", re.MULTILINE)


def take_names(module, path):
    "This runs in the kernel: put a module's names where the exported cells would have put them."
    from importlib import import_module
    from pathlib import Path
    found = import_module(module)
    if Path(found.__file__).resolve()!=Path(path):
        raise ImportError(f"the tests are for {path}, but Python imports {found.__file__}")
    globals().update({name: value for name,value in vars(found).items() if not name.startswith("__")})


def execute(notebook, settings, flags=(), on_module=False):
    "Run a notebook in a fresh kernel, less the cells that `nbdev_test` skips; return it with fresh outputs."
    fresh = nbformat.read(notebook.path, as_version=4)
    client = NotebookClient(fresh, timeout=LIMIT_S, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(notebook.path.parent)}})
    skip_flags = set(settings["tst_flags"].split()) - set(flags)
    def run(cell, index, place):
        try: client.execute_cell(cell, index)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise UserError(f"{place} fails:\n{indent(strip_ansi(str(error)))}") from None
    # A kernel also logs about itself, to the terminal; that is not the notebook's stderr.
    with client.setup_kernel(env=environment(notebook.root), stderr=subprocess.DEVNULL):
        if on_module:
            module,path = f"{PACKAGE}.{notebook.module}",str(notebook.module_path)
            take = f"{inspect.getsource(take_names)}\ntake_names({module!r}, {path!r})\ndel take_names"
            run(new_code_cell(take), 0, f"import {module}")
        for index,(cell,node) in enumerate(zip(notebook.cells, fresh.cells)):
            if cell.cell_type!="code": continue
            node.outputs = []
            if not is_skipped(cell, skip_flags) and not (on_module and is_exported(cell)):
                run(node, index, where(notebook, cell))
    clean_nb(fresh, allowed_cell_metadata_keys=settings["allowed_cell_metadata_keys"].split())
    return fresh


def pieces(outputs):
    "Flatten outputs to (kind, content) pairs; the chunks in which a text was printed become one."
    result = []
    for output in outputs:
        if output.output_type=="error": result.append(("error", output.evalue))
        elif output.output_type!="stream": result += sorted(output.data.items())
        elif result and result[-1][0]==output.name: result[-1] = (output.name, result[-1][1]+output.text)
        else: result.append((output.name, output.text))
    return result


def is_picture(kind): return kind=="image/png"


def as_lines(outputs):
    return [line for kind,content in pieces(outputs)
            for line in ([f"<{kind}>"] if is_picture(kind) else str(content).splitlines())]


def pictures(outputs): return [content for kind,content in pieces(outputs) if is_picture(kind)]


def only_moved(stored, fresh):
    "Whether texts differ in line numbers alone, by one shift: in its module a function stands further down."
    if LINE_NUMBER.sub("", stored)!=LINE_NUMBER.sub("", fresh): return False
    numbers = zip(LINE_NUMBER.findall(stored), LINE_NUMBER.findall(fresh))
    return len({int(new)-int(old) for old,new in numbers})==1


def change(stored, fresh):
    "Say how two cells' outputs differ: texts to the letter, pictures to the eye. None means not at all."
    stored_lines,fresh_lines = as_lines(stored),as_lines(fresh)
    if stored_lines!=fresh_lines and not only_moved("\n".join(stored_lines), "\n".join(fresh_lines)):
        return "\n".join(unified_diff(stored_lines, fresh_lines, "stored", "fresh", lineterm="", n=1))
    changes = map(picture_change, pictures(stored), pictures(fresh))
    return next(filter(None, changes), None)


def blemish(outputs):
    "Name what no stored output may hold."
    kinds = [kind for kind,_ in pieces(outputs)]
    if "stderr" in kinds: return "writes to stderr (a warning?)"
    if "error" in kinds: return "holds an error; show errors with expect_fail"
    if ADDRESS.search("\n".join(as_lines(outputs))): return "shows a memory address, new on each run"
    return None


def fault(cell, old, new, runs):
    "Say what is wrong with a cell's outputs, old and new, or nothing, and show them."
    if not runs: return old and ("has outputs, although no test runs it", cell.source)
    if spot := blemish(old) or blemish(new): return spot,"\n".join(as_lines(old) or as_lines(new))
    difference = "volatile" not in cell.directives_ and change(old, new)
    return difference and ("gives other outputs than those stored", difference)


def check(notebook, settings, flags, any_outputs):
    "Run a notebook on its module; return how many of its cells ran, and a message for each that is wrong."
    stored = nbformat.read(notebook.path, as_version=4)
    fresh = execute(notebook, settings, flags, on_module=notebook.is_chapter)
    ran,found = 0,[]
    for cell,old,new in zip(notebook.cells, stored.cells, fresh.cells):
        if cell.cell_type!="code": continue
        skipped = is_skipped(cell, settings["tst_flags"].split())
        runs = not skipped and not (notebook.is_chapter and is_exported(cell))
        wrong = not any_outputs and fault(cell, old.outputs, new.outputs, runs)
        if wrong: found.append(f"{where(notebook, cell)} {wrong[0]}:\n{indent(wrong[1])}")
        ran += runs
    if found: found.append(f"run python tools/outputs.py {notebook.name}, look at the change, and commit")
    return ran,found


def store(notebook, settings):
    "Write the outputs of a fresh run in one step; pictures that look the same stay, for short diffs."
    stored,fresh = nbformat.read(notebook.path, as_version=4),execute(notebook, settings)
    for old,new in zip(stored.cells, fresh.cells):
        if old.cell_type=="code" and pictures(old.outputs) and change(old.outputs, new.outputs) is None:
            new.outputs = old.outputs
    clean_nb(fresh, allowed_cell_metadata_keys=settings["allowed_cell_metadata_keys"].split())
    draft = notebook.path.with_name(f".{notebook.path.name}.new")
    draft.write_text(nbformat.writes(fresh)+"\n", encoding="utf-8")
    os.replace(draft, notebook.path)


def main():
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("chapters", nargs="*", metavar="chapter", help="name, number or path; default: all")
    parser.add_argument("--check", action="store_true", help="change nothing; test")
    parser.add_argument("--any-outputs", action="store_true", help="check the tests, not the outputs")
    parser.add_argument("--flags", default="", help="also run cells with these flags: slow gpu notest")
    args = parser.parse_args()
    # A path may lead to another tree than ours: the tests of this tool plant such trees.
    paths = [os.path.abspath(name) for name in args.chapters if os.path.isfile(name)]
    tree = Tree(os.path.dirname(os.path.dirname(paths[0]))) if paths else Tree()
    for notebook in tree.select(args.chapters):
        if args.check:
            ran,found = check(notebook, tree.settings, args.flags.split(), args.any_outputs)
            if found: sys.exit("\n".join(found))
            print(ran)
        else:
            store(notebook, tree.settings)
            print(f"{notebook}: outputs stored")


if __name__=="__main__":
    try: main()
    except UserError as error: sys.exit(str(error))
    except KeyboardInterrupt: sys.exit("\nInterrupted.")

"Execute notebooks in fresh kernels; store their outputs, or check that the stored ones are what comes out."
import argparse
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
from notebooks import LIMIT_S, Tree, UserError, environment, indent, is_skipped, where
from pictures import picture_change

ADDRESS = re.compile(r"\b0x[0-9a-f]{12}\b")


def execute(notebook, settings):
    "Run a notebook in a fresh kernel, less the cells that `nbdev_test` skips; return it with clean outputs."
    fresh = nbformat.read(notebook.path, as_version=4)
    client = NotebookClient(fresh, timeout=LIMIT_S, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(notebook.path.parent)}})
    # A kernel also logs about itself, to the terminal; that is not the notebook's stderr.
    with client.setup_kernel(env=environment(notebook.root), stderr=subprocess.DEVNULL):
        for index,(cell,node) in enumerate(zip(notebook.cells, fresh.cells)):
            if cell.cell_type!="code": continue
            node.outputs = []
            if is_skipped(cell, settings["tst_flags"].split()): continue
            try: client.execute_cell(node, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise UserError(f"{where(notebook, cell)} fails:\n{indent(strip_ansi(str(error)))}") from None
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


def change(stored, fresh):
    "Say how two cells' outputs differ: texts to the letter, pictures to the eye. None means not at all."
    stored_lines,fresh_lines = as_lines(stored),as_lines(fresh)
    if stored_lines!=fresh_lines:
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


def problems(notebook, settings):
    "Compare the stored outputs with those of a fresh run; return a message for each cell that is not right."
    stored = nbformat.read(notebook.path, as_version=4)
    found = []
    def tell(cell, message, outputs): found.append(f"{where(notebook, cell)} {message}:\n{indent(outputs)}")
    for cell,old,new in zip(notebook.cells, stored.cells, execute(notebook, settings).cells):
        if cell.cell_type!="code": continue
        if is_skipped(cell, settings["tst_flags"].split()):
            if old.outputs: tell(cell, "has outputs, although it does not run by default", cell.source)
            continue
        fault = blemish(old.outputs) or blemish(new.outputs)
        if fault: tell(cell, fault, "\n".join(as_lines(old.outputs) or as_lines(new.outputs)))
        elif "volatile" not in cell.directives_:
            difference = change(old.outputs, new.outputs)
            if difference: tell(cell, "gives other outputs than those stored", difference)
    if found: found.append(f"run python tools/outputs.py {notebook.name}, look at the change, and commit")
    return found


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="chapter", help="name, number or path; default: all")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where outputs are stale")
    args = parser.parse_args()
    # A path may lead to another tree than ours: the tests of this tool plant such trees.
    paths = [os.path.abspath(name) for name in args.chapters if os.path.isfile(name)]
    tree = Tree(os.path.dirname(os.path.dirname(paths[0]))) if paths else Tree()
    for notebook in tree.select(args.chapters):
        if args.check:
            found = problems(notebook, tree.settings)
            if found: sys.exit("\n".join(found))
            print(sum("outputs" in cell and bool(cell.outputs) for cell in notebook.code))
        else:
            store(notebook, tree.settings)
            print(f"{notebook}: outputs stored")


if __name__=="__main__":
    try: main()
    except UserError as error: sys.exit(str(error))
    except KeyboardInterrupt: sys.exit("\nInterrupted.")

"Run one notebook's tests on the module that it generated, instead of on the cells that the module came from."
import argparse
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from execnb.shell import CaptureShell
from notebooks import PACKAGE, Notebook, Tree, indent, is_exported, is_skipped, where


def load(notebook):
    "Import the notebook's module, and make sure that it is this tree's own."
    module,wanted = import_module(f"{PACKAGE}.{notebook.module}"),notebook.module_path
    if Path(module.__file__).resolve()!=wanted:
        sys.exit(f"{notebook} should be tested on {wanted}, but Python imports {module.__file__}")
    return module


def explain(notebook, cell, error):
    "The cell and the traceback, from the cell's own frame on."
    steps = error.__traceback__
    while steps and "IPython" in steps.tb_frame.f_code.co_filename: steps = steps.tb_next
    trace = "".join(traceback.format_exception(type(error), error, steps))
    return f"{where(notebook, cell)} fails on the generated module:\n{indent(cell.source)}\n{trace}"


def run_checks(notebook, skip_flags):
    "Run all cells but the exported, whose names come from the module instead; return how many ran."
    shell = CaptureShell(notebook.path)
    names = vars(load(notebook))
    shell.user_ns.update({name: value for name,value in names.items() if not name.startswith("__")})
    checks = [cell for cell in notebook.code if not is_exported(cell) and not is_skipped(cell, skip_flags)]
    for cell in checks:
        shell.run(cell.source)
        if shell.exc: sys.exit(explain(notebook, cell, shell.exc))
    return len(checks)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="the notebook")
    parser.add_argument("--flags", default="", help="flags of cells to run that are normally skipped")
    args = parser.parse_args()
    notebook = Notebook(args.path)
    os.environ["IN_TEST"] = "1" # as nbdev_test has it
    os.chdir(notebook.path.parent)
    sys.path.remove(str(Path(__file__).parent)) # a chapter must not import the tools by accident
    skip_flags = set(Tree(notebook.root).settings["tst_flags"].split()) - set(args.flags.split())
    print(run_checks(notebook, skip_flags))


if __name__=="__main__": main()

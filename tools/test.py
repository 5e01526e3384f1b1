"""Test the whole course, or the chapters named.

The kinds of test run in order, and the first that fails ends the run:

  tools    the tests of this very tool
  exports  matmul_foundations/ is what nbdev_export makes of the notebooks, byte by byte
  clean    the notebooks are what nbdev_clean leaves
  imports  a chapter imports only from lower numbers; names, directives and paths keep to the rules
  style    limits on lines, functions and chapters; docments; ruff
  nbdev    nbdev_test: every notebook runs from top to bottom
  modules  on the generated modules the tests pass, too, and give the stored outputs
  readme   README.md is what nbs/index.ipynb says
"""
import argparse
import filecmp
import re
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import readme as readme_tool
import rules
import style as style_tool
from notebooks import PACKAGE, ROOT, Tree, UserError, indent, run, run_each, script

TOOLS = Path(__file__).resolve().parent


@contextmanager
def scratch_copy(tree):
    "A copy of what nbdev reads, without the package: the working tree itself is never touched."
    with tempfile.TemporaryDirectory(prefix="matmul-") as folder:
        copy = Path(folder)/tree.root.name
        shutil.copytree(tree.root/"nbs", copy/"nbs", ignore=shutil.ignore_patterns(".*"))
        for name in ("settings.ini", "pyproject.toml"): shutil.copy(tree.root/name, copy)
        yield copy


def nbdev(command, *options, cwd):
    "Run one of nbdev's commands and return what it printed; its failure is an error."
    status,output = run(script(command), *options, cwd=cwd)
    if status: raise UserError(f"{command} fails:\n{indent(output)}")
    return output


def python_files(root):
    "All that lies in the package, relative to the root, and may be committed."
    return {path.relative_to(root) for path in (root/PACKAGE).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def tools(tree, notebooks, options):
    print("    faults are planted in a small course ...", flush=True)
    status,output = run(sys.executable, str(TOOLS/"test_tools.py"), cwd=tree.root)
    passed = [line for line in output.splitlines() if line.startswith("test_")]
    return len(passed),[output] if status else []


def exports(tree, notebooks, options):
    with scratch_copy(tree) as copy:
        nbdev("nbdev_export", cwd=copy)
        made,kept = python_files(copy),python_files(tree.root)
        sources = {book.module_path.relative_to(tree.root): book for book in notebooks if book.is_chapter}
        wanted = made|kept if notebooks==tree.notebooks else sources.keys()
        problems = []
        for path in sorted(wanted):
            if path not in made: problems.append(f"no notebook exports {path}: delete it")
            elif path not in kept or not filecmp.cmp(copy/path, tree.root/path, shallow=False):
                source = sources.get(path, "nbs/")
                problems.append(f"{source} exports differ from {path}: run nbdev_export and commit")
    return len(wanted)-len(problems),problems


def clean(tree, notebooks, options):
    with scratch_copy(tree) as copy:
        nbdev("nbdev_clean", cwd=copy)
        problems = [f"{book} is not clean: run nbdev_clean --fname {book} and commit" for book in notebooks
                    if not filecmp.cmp(copy/"nbs"/book.path.name, book.path, shallow=False)]
    return len(notebooks)-len(problems),problems


def imports(tree, notebooks, options):
    problems = [problem for book in notebooks for problem in rules.house_rules(book, tree.chapters)]
    files = rules.project_files(tree.root) if notebooks==tree.notebooks else []
    files = files or [book.path for book in notebooks]
    problems += rules.machine_paths(tree.root, files)
    return 0 if problems else len(notebooks),problems


def style(tree, notebooks, options):
    problems = [problem for book in notebooks for problem in style_tool.faults(book)]
    linted = ["nbs", "tools"] if notebooks==tree.notebooks else [str(book) for book in notebooks]
    linted = [name for name in linted if (tree.root/name).exists()]
    options = "--no-cache", "--quiet", "--output-format=concise"
    status,output = run(script("ruff"), "check", *options, *linted, cwd=tree.root)
    if status: problems.append(f"ruff check finds:\n{indent(output)}")
    return 0 if problems else len(notebooks),problems


def nbdev_test(tree, notebooks, options):
    paths = [["--path", str(book)] for book in notebooks] if notebooks!=tree.notebooks else [[]]
    print(f"    nbdev_test runs {len(notebooks)} notebooks ...", flush=True)
    for path in paths:
        status,output = run(script("nbdev_test"), *path, "--flags", options.flags, cwd=tree.root)
        if status: return 0,[f"nbdev_test fails:\n{indent(output)}"]
        if "No files were eligible" in output: return 0,["nbdev_test found no notebook to test"]
    return len(notebooks),[]


def each(notebooks, tool, *options):
    "Run one of our tools on each notebook, in parallel; sum the counts they print and keep their complaints."
    counts,problems = [],[]
    def on_end(book, status, output, seconds):
        numbers = re.findall(r"^\d+$", output, re.MULTILINE) # libraries may print, too, on their way out
        counts.append(0 if status else int(numbers[-1]))
        if status: problems.append(output.strip())
        result = "failed" if status else counts[-1]
        print(f"    {book.name:<28}{result:>7}{seconds:8.1f} s", flush=True)
    command = sys.executable,str(TOOLS/tool)
    run_each({book: [*command, str(book.path), *options] for book in notebooks}, on_end)
    return sum(counts),problems


def modules(tree, notebooks, options):
    ignored = ["--any-outputs"] if options.any_outputs else []
    return each(notebooks, "outputs.py", "--check", "--flags", options.flags, *ignored)


def readme(tree, notebooks, options):
    problems = readme_tool.problems(tree.root)
    return int(not problems),problems


KINDS = {"tools": tools, "exports": exports, "clean": clean, "imports": imports, "style": style,
         "nbdev": nbdev_test, "modules": modules, "readme": readme}


def applies(kind, tree, notebooks):
    "Two kinds are about the course, not about a chapter."
    whole = notebooks==tree.notebooks
    return whole or kind!="tools" and (kind!="readme" or any(not book.is_chapter for book in notebooks))


def run_kinds(tree, notebooks, options):
    "Run the kinds up to the first that fails, and tell of each; yield how many tests passed and failed."
    for name,kind in KINDS.items():
        if name in options.skip or not applies(name, tree, notebooks): continue
        start = time.perf_counter()
        try: count,problems = kind(tree, notebooks, options)
        except UserError as error: count,problems = 0,[str(error)]
        print(f"{name:<9}{count:>5} passed{time.perf_counter()-start:8.1f} s", flush=True)
        if problems: print("", *problems, "", sep="\n")
        yield count,len(problems)
        if problems: return


def arguments():
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("chapters", nargs="*", metavar="chapter",
                        help="10, loops, arrays.loops, 10_arrays.loops or a path; all if none is named")
    parser.add_argument("--flags", default="", help="also run cells with these flags: slow gpu notest")
    parser.add_argument("--any-outputs", action="store_true",
                        help="do not compare outputs: other versions of libraries give slightly other ones")
    parser.add_argument("--skip", nargs="+", default=[], choices=KINDS, metavar="kind", help="leave out")
    return parser.parse_args()


def main():
    args,passed,failed = arguments(),0,0
    try:
        tree = Tree(ROOT)
        for new_passed,new_failed in run_kinds(tree, tree.select(args.chapters), args):
            passed,failed = passed+new_passed,failed+new_failed
    except UserError as error:
        print(error)
        failed = 1
    except KeyboardInterrupt:
        print("\nInterrupted.")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed>0)


if __name__=="__main__": main()

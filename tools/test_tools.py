"Plant one fault after another in a small course, and see that each kind of test finds its own."
import base64
import io
import shutil
import sys
import tempfile
import traceback
from argparse import Namespace
from pathlib import Path

import nbformat
import outputs as outputs_tool
import test as tool
from matplotlib import rc_context
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebooks import PACKAGE, ROOT, Notebook, Tree, UserError, run, script
from pictures import picture_change
from readme import broken_links, readme

OPTIONS = Namespace(flags="", any_outputs=False)
KERNEL = {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}
END = "#| hide\nfrom nbdev.export import nbdev_export\nnbdev_export()"
SHAPES = """# Shapes

> Sizes, checked.
---
#| default_exp shapes
---
#| export
def ceil_div(
    a, # A count
    b, # Of this size each
): # Groups, the last perhaps not full
    "Divide `a` by `b`, rounding up."
    return -(-a//b)
---
assert ceil_div(7, 2)==4
ceil_div(7, 2)
---
#| slow
1/0
---
#| volatile
import time
time.time()""".split("\n---\n")
LOOPS = """# Loops

> Products, in loops.
---
#| default_exp arrays.loops
---
#| export
from matmul_foundations.shapes import ceil_div

_HALF = 2

def halve(
    n, # A count
): # Pairs
    "Count the pairs in `n`."
    return ceil_div(n, _HALF)
---
assert halve(_HALF)==1
print(halve(9))""".split("\n---\n")
INDEX = ["# Course\n\nSee [loops](10_arrays.loops.ipynb).", "#| hide\n2+2", "print(1+1)"]


def write(root, name, sources):
    "Write a notebook of these cells; those that open with a heading are text."
    cells = []
    for number,source in enumerate(sources):
        new_cell = new_markdown_cell if source.startswith("# ") else new_code_cell
        cells.append(new_cell(source, id=f"{name[:2]}{number:06}"))
    text = nbformat.writes(new_notebook(cells=cells, metadata=KERNEL)) + "\n"
    (root/f"nbs/{name}.ipynb").write_text(text, encoding="utf-8")


def write_shapes(root, *more, first=SHAPES): write(root, "00_shapes", [*first, *more, END])


def write_loops(root, *more, first=LOOPS): write(root, "10_arrays.loops", [*first, *more, END])


def plant(root):
    "A course of two chapters and an index, with nothing wrong."
    (root/"nbs").mkdir(parents=True)
    for name in ("settings.ini", "pyproject.toml"): shutil.copy(ROOT/name, root)
    write_shapes(root)
    write_loops(root)
    write(root, "index", INDEX)
    status,printed = run(script("nbdev_export"), cwd=root)
    assert status==0,printed
    paths = [str(notebook.path) for notebook in Tree(root).notebooks]
    status,printed = run(sys.executable, str(tool.TOOLS/"outputs.py"), *paths, cwd=root)
    assert status==0,printed
    (root/"README.md").write_text(readme(Notebook(root/"nbs/index.ipynb")))


def complaints(root, kind, *chapters):
    "What one kind of test has to say of a tree."
    tree = Tree(root)
    try: return "\n".join(tool.KINDS[kind](tree, tree.select(chapters), OPTIONS)[1])
    except UserError as error: return str(error)


def replace(path, old, new):
    text = path.read_text()
    assert old in text,f"{old} is not in {path.name}"
    path.write_text(text.replace(old, new))


def drawing(height=1., size=(5, 3), hinting="force_autohint"):
    "A curve with labels, as base64 PNG; other hinting stands for another version of the fonts."
    with rc_context({"text.hinting": hinting, "figure.dpi": 100}):
        axes = Figure(figsize=size).subplots()
        axes.plot([0, height, .3, .5], label="time (s)")
        axes.set(title="What to notice", xlabel="matrix size n", ylim=(0, 2))
        axes.legend()
        png = io.BytesIO()
        axes.figure.savefig(png)
    return base64.b64encode(png.getvalue()).decode()


def test_nothing_is_wrong(root):
    for kind in list(tool.KINDS)[1:]: assert not complaints(root, kind),f"{kind}: {complaints(root, kind)}"


def test_stale_export(root):
    replace(root/PACKAGE/"arrays/loops.py", "_HALF = 2", "_HALF = 3")
    assert "nbs/10_arrays.loops.ipynb exports differ from" in complaints(root, "exports")
    assert complaints(root, "exports", "loops") and not complaints(root, "exports", "00")


def test_module_of_a_renamed_notebook(root):
    (root/PACKAGE/"arrays/loop.py").write_text("")
    assert f"no notebook exports {PACKAGE}/arrays/loop.py" in complaints(root, "exports")


def test_missing_init(root):
    (root/PACKAGE/"arrays/__init__.py").unlink()
    assert "arrays/__init__.py: run nbdev_export" in complaints(root, "exports")


def test_stale_index(root):
    replace(root/PACKAGE/"_modidx.py", "ceil_div", "floor_div")
    assert "_modidx.py: run nbdev_export" in complaints(root, "exports")


def test_unclean_notebook(root):
    replace(root/"nbs/00_shapes.ipynb", '"execution_count": null', '"execution_count": 7')
    assert "nbs/00_shapes.ipynb is not clean" in complaints(root, "clean")


def test_upward_import(root):
    write_shapes(root, f"from {PACKAGE}.arrays import loops")
    assert "imports matmul_foundations.arrays.loops, chapter 10" in complaints(root, "imports")


def test_export_of_figures(root):
    write(root, "04_figures", ["# Figures\n\n> Drawn.", "#| default_exp figures", END])
    write_loops(root, f"#| export\nimport {PACKAGE}.figures")
    assert "imports matmul_foundations.figures, which draws" in complaints(root, "imports")


def test_directive_without_bar(root):
    write_loops(root, "#export\ndef lost(): pass")
    assert "nbdev ignores `#export`" in complaints(root, "imports")


def test_name_and_default_exp(root):
    (root/"nbs/10_arrays.loops.ipynb").rename(root/"nbs/10_arrays.loop.ipynb")
    assert "asks for one `#| default_exp arrays.loop`" in complaints(root, "imports")


def test_machine_path(root):
    write_loops(root, "# {}home/ada".format("/"))
    assert "10_arrays.loops.ipynb mentions /" in complaints(root, "imports")


def test_style(root):
    wide = f"    return a # {'wide '*30}"
    write_shapes(root, f"#| export\ndef shape(a):\n{wide}", first=SHAPES[:2])
    said = complaints(root, "style")
    for fault in ("no docstring", "no docment for a, return", "asserts nothing", "E501"):
        assert fault in said,said


def test_failing_cell(root):
    write_loops(root, "assert halve(4)==3")
    for kind in ("nbdev", "modules"):
        assert "assert halve(4)==3" in complaints(root, kind, "10"),kind


def test_module_that_differs(root):
    "The notebook's own cells pass, the module does not; and so it is the module that is tested."
    replace(root/PACKAGE/"arrays/loops.py", "ceil_div(n, _HALF)", "ceil_div(n, 1)")
    assert not complaints(root, "nbdev", "loops")
    assert "10_arrays.loops, cell 4" in complaints(root, "modules", "loops")


def test_stale_text(root):
    replace(root/"nbs/10_arrays.loops.ipynb", '"5\\n"', '"6\\n"')
    said = complaints(root, "modules", "10")
    for part in ("cell 4", "-6", "+5", "run python tools/outputs.py 10_arrays.loops"):
        assert part in said,said


def test_warning(root):
    write_loops(root, "import warnings\nwarnings.warn('careful')")
    assert "writes to stderr" in complaints(root, "modules", "10")


def test_pictures(root):
    assert not picture_change(drawing(), drawing(hinting="no_autohint"))
    assert not picture_change(drawing(), drawing(size=(5.02, 3)))
    assert "became" in picture_change(drawing(), drawing(size=(5.1, 3)))
    assert "changed" in picture_change(drawing(), drawing(height=1.1))


def test_line_numbers(root):
    moved = outputs_tool.only_moved
    table = "  2    7 | x = 1\n  3      | y = 2\ncost: line 3: slow"
    assert moved(table, "512    7 | x = 1\n513      | y = 2\ncost: line 513: slow")
    assert not moved(table, table.replace("line 3", "line 4")) and not moved(table, table.replace("7", "8"))


def test_code_holds_no_links(root):
    text = "`kernel[grid, block](...)` and [a page](gone.md)\n```python\nkernel[1, 64](a)\n```"
    assert broken_links(text, root)==["gone.md"]


def test_stale_readme(root):
    text = (root/"README.md").read_text()
    for part in ("[loops](nbs/10_arrays.loops.ipynb)", "```python\nprint(1+1)\n```", "```\n2\n```"):
        assert part in text,text
    assert "#|" not in text and "2+2" not in text
    replace(root/"README.md", "Course", "Curse")
    assert "run python tools/readme.py" in complaints(root, "readme")


def test_names(root):
    tree = Tree(root)
    for name in ("10", "loops", "arrays.loops", "10_arrays.loops", "nbs/10_arrays.loops.ipynb"):
        assert tree.find(name).number==10
    try: tree.find("lops")
    except UserError as error: assert "there are: 00_shapes, 10_arrays.loops, index" in str(error)
    else: raise AssertionError("an unknown chapter was found")


def main():
    tests = {name: test for name,test in globals().items() if name.startswith("test_")}
    with tempfile.TemporaryDirectory(prefix="matmul-") as folder:
        healthy = Path(folder)/"healthy"
        plant(healthy)
        for name,test in tests.items():
            root = Path(folder)/name
            shutil.copytree(healthy, root)
            try: test(root)
            except AssertionError: sys.exit(f"tools/test_tools.py, {name}:\n{traceback.format_exc()}")
            print(name, flush=True)


if __name__=="__main__": main()

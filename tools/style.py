"The limits of a chapter that a machine can measure; ruff knows the rest, lines of 110 columns included."
import ast
import re
import tokenize
from io import StringIO
from statistics import median

from notebooks import where
from rules import parse

GROUND = range(10) # the chapters of tools that the others build on
MAX_FUNCTION,MAX_KERNEL = 25,40 # lines
MAX_KIB,MAX_CELLS,MAX_WORDS,MAX_MEDIAN = 300,70,1800,6
FRAME = 4 # cells that every chapter has and that teach nothing: name, imports, set-up, export
OPENING = re.compile(r"# \S[^\n]*\n\n> [^\n]+(\n\n|\n?$)")
PROOF = re.compile(r"^\s*(assert\b|(with )?(test|check|expect)_\w+\()", re.M)
FUNCTION,CLASS = (ast.FunctionDef, ast.AsyncFunctionDef),(ast.ClassDef,)


def is_public(node):
    "Say whether a definition is for others; a property is described by its name."
    is_property = any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    return not is_property and not node.name.startswith("_")


def own_nodes(function):
    "The nodes of a function's body, less those of functions and classes inside it."
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTION, *CLASS, ast.Lambda)): waiting += ast.iter_child_nodes(node)


def gives_result(function):
    "Say whether a caller gets anything but None."
    giving = ast.Return,ast.Yield,ast.YieldFrom
    return any(isinstance(node, giving) and node.value is not None for node in own_nodes(function))


def parameters(function):
    "The (line, name) of all that wants a docment; `**kwargs` do not, nor what a script's `Param` describes."
    args = function.args
    listed = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, [args.vararg])]
    def is_wanted(arg):
        annotation = ast.unparse(arg.annotation) if arg.annotation else ""
        return arg.arg not in ("self", "cls") and not annotation.startswith("Param(")
    wanted = [(arg.lineno, arg.arg) for arg in listed if is_wanted(arg)]
    result_line = function.returns.lineno if function.returns else function.body[0].lineno-1
    return wanted + [(result_line, "return")]*gives_result(function)


def without_docment(function, comments):
    "The parameters that no comment describes, in their line or above; of two in a line, the last one has it."
    wanted = parameters(function)
    owner = dict(wanted)
    def described(line, name):
        above = line-1 in comments and line-1 not in owner
        return owner[line]==name and (line in comments or above)
    return [name for line,name in wanted if not described(line, name)]


def documented(tree):
    "The (name, node) of all that needs documentation: public functions, classes and methods."
    for node in filter(is_public, (node for node in tree.body if isinstance(node, (*FUNCTION, *CLASS)))):
        yield node.name,node
        methods = [inner for inner in node.body if isinstance(node, CLASS) and isinstance(inner, FUNCTION)]
        yield from ((f"{node.name}.{inner.name}", inner) for inner in methods
                    if is_public(inner) or inner.name=="__init__")


def undocumented(cell):
    "What the public names of an exported cell lack: a docstring, or docments."
    comments = {token.start[0] for token in tokenize.generate_tokens(StringIO(cell.source).readline)
                if token.type==tokenize.COMMENT and not token.string.startswith("#|")}
    for name,node in documented(ast.parse(cell.source)):
        if not ast.get_docstring(node) and node.name!="__init__": yield f"{name} has no docstring"
        missing = without_docment(node, comments) if isinstance(node, FUNCTION) else []
        if missing: yield f"{name} has no docment for {', '.join(missing)}"


def own_lines(node):
    "Lines of a function, without those of kernels and device functions that it makes."
    inner = [each for each in node.body if isinstance(each, FUNCTION)]
    return node.end_lineno-node.lineno+1 - sum(each.end_lineno-each.lineno+1 for each in inner)


def long_functions(cell):
    for node in ast.walk(parse(cell)):
        if not isinstance(node, FUNCTION): continue
        lines = own_lines(node)
        limit = MAX_KERNEL if node.name.endswith("_kernel") else MAX_FUNCTION
        if lines>limit: yield f"{node.name} has {lines} lines; {limit} are allowed"


def exported_style(notebook):
    "What holds for each exported cell."
    for cell in notebook.exported:
        for fault in (*long_functions(cell), *undocumented(cell)): yield f"{where(notebook, cell)}: {fault}"
    for cell in notebook.code:
        if re.search(r"^\s*from (__future__|\S+ import \*)", cell.source, re.M):
            yield f"{where(notebook, cell)}: list the names that you import, and none from __future__"


def sizes(notebook):
    "The (size, limit, unit) of all that is counted; the ground may be longer than a lesson."
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type=="markdown")
    lines = [sum(bool(line.strip()) and not line.startswith("#|") for line in cell.source.splitlines())
             for cell in notebook.code]
    yield notebook.path.stat().st_size/1024,MAX_KIB,"KiB"
    if notebook.number in GROUND: return
    yield len(notebook.cells) - FRAME,MAX_CELLS,"cells"
    yield words,MAX_WORDS,"words"
    yield median([count for count in lines if count] or [0]),MAX_MEDIAN,"lines in a median code cell"


def chapter_style(notebook):
    "What holds for the chapter as a whole."
    first,last = notebook.cells[0],notebook.cells[-1]
    if not OPENING.match(first.source):
        yield f"{notebook} should open with `# Title`, an empty line, and `> a summary` on one line"
    if "nbdev_export()" not in last.source or "hide" not in last.get("directives_", {}):
        yield f"{notebook} should end with a cell of `#| hide` and `nbdev_export()`"
    if not any(PROOF.search(cell.source) for cell in notebook.code if cell not in notebook.exported):
        yield f"{notebook} asserts nothing"
    for size,limit,unit in sizes(notebook):
        if size>limit: yield f"{notebook} has {size:.4g} {unit}; {limit} are allowed"


def faults(notebook):
    "What breaks the limits in one notebook; the index is no chapter, and answers for its exports only."
    yield from exported_style(notebook)
    if notebook.is_chapter: yield from chapter_style(notebook)

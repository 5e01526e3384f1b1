"The rules of the house on names, directives, imports and paths."
import ast
import re
import subprocess

from IPython.core.inputtransformer2 import TransformerManager
from notebooks import PACKAGE, where

FIGURES,ROOF = (4, 5, 7),90 # all other chapters below 90 are library: their modules do not draw
NAME = re.compile(r"\d\d_[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
DIRECTIVES = {"default_exp", "export", "exporti", "exports", "hide", "echo:", "eval:", "output:",
              "slow", "gpu", "notest", "volatile", "label:", "fig-cap:", "fig-alt:"}
NO_BAR = re.compile(r"^#\s*(export[is]?|hide|slow|gpu|notest|volatile|default_exp [\w.]+|eval: *\w+)$", re.M)
MACHINE_PATH = re.compile(r"(?<![\w.:/+])/(?:home|root|Users|tmp)/[\w.]+")


def parse(cell):
    "The syntax tree of a cell, its magics and shell commands made into plain Python first."
    return ast.parse(TransformerManager().transform_cell(cell.source))


def imported(tree, modules):
    "The course's own modules that some code imports, as `arrays.loops`."
    for node in ast.walk(tree):
        if isinstance(node, ast.Import): names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level==0:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name for name in below if name.removeprefix(f"{PACKAGE}.") in modules] or [node.module]
        else: continue
        yield from (name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}."))


def import_fault(notebook, cell, module, number):
    "Say what is wrong with an import of `module`, which chapter `number` makes; None if nothing is."
    if number is None: return "which no notebook makes"
    if not notebook.is_chapter: return None
    if number>=notebook.number: return f"chapter {number:02}: a chapter imports only from lower numbers"
    is_library = notebook.number<ROOF and notebook.number not in FIGURES
    draws = number in FIGURES and cell in notebook.exported
    return "which draws: import it in a cell that is not exported" if is_library and draws else None


def upward_imports(notebook, chapters):
    "Refuse imports from this chapter or a later one, and figures in a library module."
    parts = {chapter.module.partition(".")[0]: chapter.number for chapter in chapters} # by its last chapter
    numbers = parts | {chapter.module: chapter.number for chapter in chapters}
    for cell in notebook.code:
        try: modules = sorted(set(imported(parse(cell), numbers)))
        except SyntaxError as error:
            yield f"{where(notebook, cell)} is not Python: {error.msg}, line {error.lineno}"
            continue
        faults = {module: import_fault(notebook, cell, module, numbers.get(module)) for module in modules}
        for module,fault in faults.items():
            if fault: yield f"{where(notebook, cell)} imports {PACKAGE}.{module}, {fault}"


def naming(notebook, chapters):
    "Hold the notebook's name and its `default_exp` together."
    if not notebook.is_chapter:
        if notebook.name!="index": yield f"{notebook} has no number: call a chapter like 34_gpu.tiled.ipynb"
        return
    if not NAME.fullmatch(notebook.name): yield f"{notebook}: call it like 34_gpu.tiled.ipynb, in lower case"
    stated = [cell.directives_["default_exp"] for cell in notebook.code if "default_exp" in cell.directives_]
    if stated!=[[notebook.module]]:
        found = " and ".join(" ".join(words) for words in stated) or "none"
        yield f"{notebook}: the name asks for one `#| default_exp {notebook.module}`; found: {found}"
    twins = [chapter.name for chapter in chapters if chapter.number==notebook.number]
    if len(twins)>1: yield f"{notebook}: {' and '.join(twins)} have the same number"


def directives(notebook):
    "Refuse lines that look like a directive and that nbdev would ignore without a word."
    for cell in notebook.code:
        here,known = where(notebook, cell),cell.directives_
        for match in NO_BAR.finditer(cell.source): yield f"{here}: nbdev ignores `{match[0]}`, it wants `#|`"
        if len(re.findall(r"^#\s*\|", cell.source, re.M))>len(known):
            yield f"{here}: `#|` lines belong at the top of the cell, each once"
        for name in sorted(known.keys()-DIRECTIVES): yield f"{here}: `#| {name}` is no directive of ours"
        if known.get("export"): yield f"{here}: `#| export` takes no module; a notebook makes one module only"


def machine_paths(root, paths):
    "Refuse paths that exist on one machine only; the pictures in notebooks are not read."
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="ignore")
        if path.suffix==".ipynb": text = re.sub(r'"image/[^"]*": "[^"]*"', "", text)
        match = MACHINE_PATH.search(text)
        found = match[0] if match else str(root) if f"{root}/" in text else None
        if found: yield f"{path.relative_to(root)} mentions {found}, a path of one machine"


def project_files(root):
    "All files that git tracks, or would track."
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True)
    names = listed.stdout.splitlines() if listed.returncode==0 else []
    return [root/name for name in names if (root/name).is_file()]


def house_rules(notebook, chapters):
    "What one notebook has wrong in its name, its directives and its imports."
    yield from naming(notebook, chapters)
    yield from directives(notebook)
    yield from upward_imports(notebook, chapters)

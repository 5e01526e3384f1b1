"Write README.md from nbs/index.ipynb, or check that it is up to date."
import argparse
import posixpath
import re
import sys

from notebooks import Notebook, Tree, UserError

CODE = r"```.*?```|`[^`\n]*`" # in which brackets and parentheses are no links
LINK = re.compile(rf"""(?P<code>{CODE})|(?P<before>\]\(|(?:src|href)=")(?P<target>[^)"\s]+)""", re.DOTALL)
TEXTS = "text/markdown", "text/plain"


def from_root(match):
    "Rewrite one link: index.ipynb lies in nbs/, README.md at the root."
    target = match["target"]
    if match["code"] or re.match(r"[a-z]+:|[#/]", target): return match[0]
    return match["before"] + posixpath.normpath(posixpath.join("nbs", target))


def without_directives(source): return re.sub(r"^#\s*\|.*\n?", "", source, flags=re.MULTILINE).strip()


def fenced(text, language=""): return f"```{language}\n{text.strip()}\n```"


def output_markdown(output):
    "One output as markdown: text in its richest form. A picture is left out: the README links to results/."
    if output.output_type=="stream": return fenced("".join(output.text)) if output.name=="stdout" else ""
    data = output.get("data", {})
    kind = next((kind for kind in TEXTS if kind in data and "image/png" not in data), None)
    if kind is None: return ""
    text = "".join(data[kind])
    return text.strip() if kind=="text/markdown" else fenced(text)


def cell_markdown(cell):
    "One cell as markdown, with `#| hide` and `#| echo: false` obeyed."
    directives = cell.directives_
    if cell.cell_type!="code": return LINK.sub(from_root, without_directives(cell.source))
    if "hide" in directives or "nbdev_export(" in cell.source: return ""
    source = without_directives(cell.source)
    shown = directives.get("echo:", ["true"])[0].lower()!="false" and source
    code = fenced(source, "python") if shown else ""
    return "\n\n".join(filter(None, [code, *map(output_markdown, cell.outputs)]))


def readme(notebook):
    "The whole of README.md."
    head = f"<!-- Written by tools/readme.py from {notebook}: edit that notebook instead. -->"
    return "\n\n".join(filter(None, [head, *map(cell_markdown, notebook.cells)])) + "\n"


def broken_links(text, root):
    "Relative links of README.md that lead nowhere."
    targets = [match["target"].partition("#")[0] for match in LINK.finditer(text) if not match["code"]]
    local = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    return [target for target in local if not (root/target).exists()]


def problems(root):
    "Say what is wrong with README.md; an empty list means nothing."
    notebook,path = Notebook(root/"nbs/index.ipynb"),root/"README.md"
    if not notebook.path.exists(): return ["nbs/index.ipynb, which README.md is written from, is missing"]
    wanted = readme(notebook)
    if not path.exists(): return ["README.md is missing: run python tools/readme.py and commit"]
    if path.read_text(encoding="utf-8")!=wanted:
        return [f"README.md is not what {notebook} says: run python tools/readme.py and commit"]
    return [f"{notebook} links to {target}, which does not exist" for target in broken_links(wanted, root)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if README.md is stale")
    root,args = Tree().root,parser.parse_args()
    if not args.check and (root/"nbs/index.ipynb").exists():
        (root/"README.md").write_text(readme(Notebook(root/"nbs/index.ipynb")), encoding="utf-8")
    found = problems(root)
    if found: sys.exit("\n".join(found))
    print("README.md is up to date")


if __name__=="__main__":
    try: main()
    except UserError as error: sys.exit(str(error))

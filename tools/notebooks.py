"Name, read and run the course's notebooks: what all the tools share."
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from configparser import ConfigParser
from contextlib import suppress
from functools import cached_property
from pathlib import Path

try:
    from nbdev.process import NBProcessor
except ModuleNotFoundError as error:
    sys.exit(f"{error.name} is missing from this Python ({sys.executable}): "
             "install requirements.txt in a virtual environment and use its python (see CONTRIBUTING.md)")

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "matmul_foundations"
LIMIT_S = 900 # one notebook may take this long before we call it hung


class UserError(Exception):
    "What the person at the keyboard can put right; shown without a traceback."


class Notebook:
    "One notebook and what its name says: `34_gpu.tiled.ipynb` is number 34 and makes the module `gpu.tiled`."
    def __init__(self, path):
        self.path = Path(path).resolve()
        self.root = self.path.parent.parent
        self.name = self.path.stem
        number,_,module = self.name.partition("_")
        self.is_chapter = number.isdigit()
        self.number = int(number) if self.is_chapter else None
        self.module = module if self.is_chapter else None

    def __repr__(self): return f"nbs/{self.path.name}"

    @property
    def module_path(self): return self.root/PACKAGE/f"{self.module.replace('.', '/')}.py"

    @cached_property
    def cells(self):
        "All cells, with `directives_` as nbdev reads them; the source keeps its `#|` lines."
        try: return NBProcessor(self.path, rm_directives=False).nb.cells
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError(f"{self} is not a notebook that can be read: {error}") from None

    @property
    def code(self): return [cell for cell in self.cells if cell.cell_type=="code"]

    @property
    def exported(self): return [cell for cell in self.code if is_exported(cell)]


class Tree:
    "A working tree of the course: its settings and its notebooks in reading order."
    def __init__(self, root=ROOT):
        self.root = Path(root).resolve()
        config = ConfigParser(delimiters=["="])
        config.read(self.root/"settings.ini", encoding="utf-8")
        self.settings = config["DEFAULT"]
        self.notebooks = [Notebook(path) for path in sorted((self.root/"nbs").glob("[!._]*.ipynb"))]
        if not self.notebooks: raise UserError("nbs/ holds no notebooks")

    @property
    def chapters(self): return [notebook for notebook in self.notebooks if notebook.is_chapter]

    def select(self, wanted):
        "The notebooks that are meant by some names (see `find`), or all of them for no name."
        return [self.find(name) for name in wanted] or self.notebooks

    def find(self, wanted):
        "The notebook that `10`, `loops`, `arrays.loops`, `10_arrays.loops` or a path means."
        name = Path(wanted).name.removesuffix(".ipynb")
        for notebook in self.notebooks:
            number,_,module = notebook.name.partition("_")
            if name in (notebook.name, number, module, module.split(".")[-1]): return notebook
        known = ", ".join(notebook.name for notebook in self.notebooks)
        raise UserError(f"no chapter is called {wanted!r}; there are: {known}")


def is_exported(cell): return bool({"export", "exports", "exporti"} & cell.directives_.keys())


def is_skipped(cell, skip_flags):
    "Say whether a code cell is left out, by the rules of `nbdev_test`."
    if "nbdev_export(" in cell.source: return True
    if cell.directives_.get("eval:", [""])[0].lower()=="false": return True
    return bool(set(skip_flags) & cell.directives_.keys())


def where(notebook, cell): return f"{notebook.path.stem}, cell {cell.idx_+1} (id {cell.id})"


def indent(text): return "\n".join(f"    {line}" for line in text.splitlines())


def environment(root):
    "Our environment, with `root` first on the path, and without what would change the outputs of a notebook."
    dropped = "IN_TEST", "MPLBACKEND", "PYTHONWARNINGS"
    kept = {name: value for name,value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": str(root), "JUPYTER_PREFER_ENV_PATH": "1"}


def script(name):
    "The path of a command installed beside this very Python, whatever PATH says."
    path = Path(sys.executable).with_name(name)
    if not path.exists(): raise UserError(f"{path} is missing: install requirements.txt")
    return str(path)


def start(command, root):
    "Start a command in a process group of its own, so that `stop` reaches its children, too."
    return subprocess.Popen(command, cwd=root, env=environment(root), text=True, errors="replace",
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def stop(process):
    with suppress(ProcessLookupError): os.killpg(process.pid, signal.SIGKILL)


def run(*command, cwd):
    "Run a command to its end; return its exit status and all that it printed."
    process = start(command, cwd)
    try: output,_ = process.communicate(timeout=2*LIMIT_S)
    except subprocess.TimeoutExpired: return 1,f"{command[0]} still ran after {2*LIMIT_S} s"
    finally: stop(process)
    return process.returncode,output


def run_each(jobs, on_end):
    "Run `{notebook: command}`, one a core at a time; call `on_end(notebook, status, output, seconds)`."
    processes = []
    def work(notebook, command):
        began = time.perf_counter()
        process = start(command, notebook.root)
        processes.append(process)
        try: output,_ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired: return notebook,1,f"{notebook} still ran after {LIMIT_S} s",LIMIT_S
        finally: stop(process)
        return notebook,process.returncode,output,time.perf_counter()-began
    pool = ThreadPoolExecutor(os.cpu_count())
    futures = [pool.submit(work, *job) for job in jobs.items()]
    try:
        for future in as_completed(futures): on_end(*future.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            if process.poll() is None: stop(process)

"""The command line: python -m apps.page."""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from apps.pipeline import publishing
from apps.pipeline.command_line import Parser, Version, exit_status
from apps.pipeline.errors import DataError
from whole_files import write_whole

SITE = Path(__file__).with_name("site")
RUNTIME = "@litertjs/core@~2.5.3"
MODELS = {  # of which app the page has which files; Shakespeare in 32 bits, for the same text as everywhere
    "chinese_pos": (("vocabulary.json",), "litert_int8"),
    "mnist_rows": (("labels.json", "refusal.json"), "litert_int8"),
    "sentiment": (("vocabulary.json",), "litert_int8"),
    "shakespeare": (("vocabulary.json",), "litert"),
    "word_reversal": (("vocabulary.json",), "litert_int8"),
}
WASM = "runtime/wasm/"  # as index.html names it


def write_page(folder: Path, packages: Path | None = None, address: str | None = None) -> None:
    """Writes the page, its models and its runtime into `folder`, whose other files stay.

    Args:
        packages: a folder node_modules with the runtime in it; None: npm fetches it.
        address: from where the browser is to fetch the runtime's packages, in place of files of its own.
    """
    for name in sorted(path.name for path in SITE.iterdir() if path.is_file()):
        write_whole(folder / name, (SITE / name).read_bytes())
    for app, (about, artifact) in MODELS.items():
        for name in (*about, publishing.FILES[artifact], publishing.RESULTS):
            write_whole(folder / "models" / app / name, (publishing.SHIPPED / app / name).read_bytes())
    if address:
        base = f"{address.rstrip('/')}/{RUNTIME.replace('~', '')}"
        utils = f"{address.rstrip('/')}/{RUNTIME.replace('~', '').replace('core', 'wasm-utils')}"
        page = (folder / "index.html").read_text(encoding="utf-8")
        page = page.replace("./runtime/core/index.js", f"{base}/dist/index.js")
        page = page.replace("./runtime/wasm-utils/index.js", f"{utils}/dist/index.js").replace(WASM, f"{base}/wasm/")
        write_whole(folder / "index.html", page)
    elif packages:
        copy_runtime(packages, folder / "runtime")
    else:
        with tempfile.TemporaryDirectory() as temporary:
            fetch_runtime(Path(temporary))
            copy_runtime(Path(temporary) / "node_modules", folder / "runtime")


def fetch_runtime(folder: Path) -> None:
    """Has npm install the runtime into `folder`; DataError if there is no npm, or it fails."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("expected npm to fetch the runtime with, got none: install Node.js, or take --runtime ADDRESS")
    command = [npm, "install", "--no-audit", "--no-fund", "--fetch-retries=1", "--prefix", str(folder), RUNTIME]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        told = " ".join(done.stderr.split())[:200]
        raise DataError(f"expected npm to fetch {RUNTIME}, got an error ({told}): take --runtime ADDRESS or --packages")


def copy_runtime(packages: Path, folder: Path) -> None:
    """Copies what the browser needs of the packages in a folder node_modules; one thread, so no threaded one."""
    scope = packages / "@litertjs"
    if not (scope / "core" / "wasm").is_dir():
        raise DataError(f"expected the package @litertjs/core in {packages}, got none")
    copied = {name: scope / name / "dist" / "index.js" for name in ("core", "wasm-utils")}
    for name, path in copied.items():
        write_whole(folder / name / "index.js", path.read_bytes())
    for path in sorted((scope / "core" / "wasm").iterdir()):
        if "threaded" not in path.name:
            write_whole(folder / "wasm" / path.name, path.read_bytes())


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word; WebAssembly by its name, which not every system's table has."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: object) -> None:
        pass


def serve(folder: Path, port: int, browser: bool) -> None:
    """Serves the folder on this machine alone until Ctrl-C; browser: opens it there too."""
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"{address} (Ctrl-C ends)", flush=True)
        if browser:
            webbrowser.open(address)
        server.serve_forever()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    program = Parser("python -m apps.page", description="Write the page of the apps, for any server of static files.")
    program.add_argument("folder", metavar="FOLDER", type=Path, help="what to write; other files in it stay")
    program.add_argument("--serve", action="store_true", help="serve it on this machine and open it in the browser")
    program.add_argument("--port", type=int, default=0, metavar="N", help="of --serve; 0, any free one (%(default)s)")
    program.add_argument("--no-browser", action="store_true", help="with --serve: open nothing")
    where = program.add_mutually_exclusive_group()
    where.add_argument(
        "--packages", type=Path, metavar="node_modules", help="where @litertjs/core lies; else npm is run"
    )
    where.add_argument(
        "--runtime", metavar="ADDRESS", help="of a server of npm packages, from which the browser fetches the runtime"
    )
    program.add_argument("--debug", action="store_true", help="show where an error came from")
    program.add_argument("--version", action=Version, help="print the version of keras-rnn and exit")
    return program


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.page --help`."""
    flags = parser().parse_args(argv)

    def work() -> None:
        write_page(flags.folder, flags.packages, flags.runtime)
        print(f"{flags.folder}: the page is written", flush=True)
        if flags.serve:
            serve(flags.folder, flags.port, not flags.no_browser)

    return exit_status("python -m apps.page", work, flags.debug)


if __name__ == "__main__":
    sys.exit(main())

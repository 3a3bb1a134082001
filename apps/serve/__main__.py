"""The command line: python -m apps.serve."""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from collections.abc import Sequence

from apps.pipeline.command_line import Parser, Version, exit_status, not_negative, positive
from apps.pipeline.errors import DataError
from apps.serve.predicting import SERVED, Predictor


def parser() -> argparse.ArgumentParser:
    """The command line."""
    program = Parser("python -m apps.serve", description="Serve the apps in TensorFlow Serving's REST form, by LiteRT.")
    add = program.add_argument
    served = f"one of {', '.join(SERVED)}, or NAME=FOLDER, a model of your own under a name; without any: all apps"
    add("models", nargs="*", metavar="APP", help=served)
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every one (%(default)s)")
    add("--port", type=positive, default=8501, help="as TensorFlow Serving has it (%(default)s)")
    add("--workers", type=positive, default=1, help="processes, each with the models (%(default)s)")
    add("--most-bytes", type=positive, default=2**20, help="of a request (%(default)s)")
    add("--most-instances", type=positive, default=256, help="in a request (%(default)s)")
    add("--seconds", type=not_negative, default=10.0, help="that a request may take (%(default)s)")
    add("--debug", action="store_true", help="show where an error came from")
    add("--version", action=Version, help="print the version of keras-rnn and exit")
    return program


def models_of(arguments: Sequence[str]) -> dict[str, str | None]:
    """Names of models and the folders of those that aren't shipped; DataError if one isn't known."""
    found: dict[str, str | None] = {}
    for argument in arguments or SERVED:
        name, equals, folder = argument.partition("=")
        if not equals and name not in SERVED:
            raise DataError(f"expected apps of {', '.join(SERVED)}, or NAME=FOLDER, got {argument}")
        if equals and not (folder and re.fullmatch(r"[\w.-]+", name)):
            raise DataError(f"expected NAME=FOLDER, the name of letters, digits, _ . -, got {argument}")
        if name in found:
            raise DataError(f"expected a name once, got {name} twice")
        found[name] = folder or None
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """The command line -> its exit status; see `python -m apps.serve --help`."""
    flags = parser().parse_args(argv)

    def work() -> None:
        chosen = models_of(flags.models)
        missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
        if missing:
            raise DataError(f"expected the packages of keras-rnn[serve], got no {' and no '.join(missing)}")
        import uvicorn

        from apps.serve.service import Settings

        for name, folder in chosen.items():
            Predictor(name, folder)  # what is wrong with a model is said here, and once
        Settings(chosen, flags.most_bytes, flags.most_instances, flags.seconds).tell_workers()
        print(f"http://{flags.host}:{flags.port}/v1/models/: {', '.join(chosen)} (Ctrl-C ends)", flush=True)
        where = {"host": flags.host, "port": flags.port, "workers": flags.workers}
        uvicorn.run(
            "apps.serve.service:application", factory=True, log_level="warning", timeout_graceful_shutdown=10, **where
        )

    return exit_status("python -m apps.serve", work, flags.debug)


if __name__ == "__main__":
    sys.exit(main())

"""A LiteRT file that no hash vouches for, run in a process of its own first: a damaged one may end that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from apps.pipeline.errors import DataError

LONGEST = 60  # seconds; a whole file takes a fraction of one
RUN = """
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_content=sys.stdin.buffer.read(), num_threads=1)
interpreter.allocate_tensors()
for signature in interpreter.get_signature_list():
    run = interpreter.get_signature_runner(signature)
    run.get_output_details()
    inputs = run.get_input_details()
    sizes = {name: [max(1, size) for size in about["shape_signature"]] for name, about in inputs.items()}
    run(**{name: numpy.zeros(sizes[name], about["dtype"]) for name, about in inputs.items()})
"""
_loaded: set[str] = set()  # the SHA-256 of files that are known not to do that


def expect_to_load(content: bytes, path: Path) -> None:
    """DataError if a process that loads the LiteRT file and runs it, with inputs of zeros, is ended by that.

    What an error says of a file that is damaged otherwise is left to those who load it then.
    """
    import hashlib

    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 in _loaded or not sys.executable:
        return
    command = [sys.executable, "-c", RUN]
    try:
        status = subprocess.run(command, input=content, capture_output=True, timeout=LONGEST).returncode
    except subprocess.TimeoutExpired:
        status = -1
    if status < 0:
        raise DataError(
            f"expected a LiteRT model in {path}, got a damaged file (it ends the process that loads it): get it again, "
            "or export the model anew"
        )
    _loaded.add(sha256)

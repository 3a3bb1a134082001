"""The programs: python -m apps lists them."""

import os
import sys

# TensorFlow reads these when it is imported: no log, which says "error" of every GPU that isn't there (what does go
# wrong comes as an exception); and oneDNN's kernels also on AMD processors, where TensorFlow leaves them off.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# NumPy's OpenBLAS reads this. No command multiplies large matrices with NumPy, and to begin a thread on each core takes
# as much of the processor as an answer. A program that imports us decides for itself.
if getattr(sys, "argv", [""])[0] == "-m" or os.path.basename(sys.argv[0]) == "keras-rnn":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

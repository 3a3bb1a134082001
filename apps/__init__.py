"""The programs: python -m apps lists them."""

import os

# TensorFlow reads these when it is imported: no log, which says "error" of every GPU that isn't there (what does go
# wrong comes as an exception); and oneDNN's kernels also on AMD processors, where TensorFlow leaves them off.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

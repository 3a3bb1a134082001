"""The programs: python -m apps lists them."""

import os

# TensorFlow reads these when it is imported: no chatter below warnings, and oneDNN's kernels also on AMD processors,
# where TensorFlow leaves them off although they make training a seventh faster (measured on a Zen 3).
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

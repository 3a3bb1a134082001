"""Files and folders of a model that are all old or all new, for every reader, whatever happens to their writer.

Standard library only: a program that reads a model needs no TensorFlow for it.
"""

from whole_files.claims import in_turn, naming
from whole_files.files import whole, write_whole
from whole_files.folders import alone_in, heal, placed_in
from whole_files.reading import newest, read_whole

__all__ = ["alone_in", "heal", "in_turn", "naming", "newest", "placed_in", "read_whole", "whole", "write_whole"]

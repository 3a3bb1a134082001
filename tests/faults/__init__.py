"""What a user's machine, files and inputs may do to the programs, tried again and again with random faults.

    python -m tests.faults --seconds 600

Each kind of fault is a function of a Trial, which raises AssertionError where the program doesn't hold: a traceback,
several lines instead of one sentence, half a model, an answer of a damaged file, what could drive a terminal.
"""

from .damage import DAMAGE
from .inputs import INPUTS
from .kills import KILLS
from .placing import PLACING

KINDS = {**DAMAGE, **INPUTS, **PLACING, **KILLS}
SLOW = tuple(KILLS)  # they train or export with TensorFlow

"""Which learning rate and size suit pairs of strings? Optuna asks, the app's own training answers.

    pip install ".[search]"
    python examples/hyper_parameters.py PAIRS.tsv FOLDER --trials 20

Start it as often as there are processors, with the same FOLDER: the processes share the trials through a file there.
Start it again after a power cut: what was tried is known.
"""

import argparse
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from apps.pipeline import training
from apps.pipeline.runs import Run
from apps.word_reversal.data import Data, load_data
from apps.word_reversal.learning import learn_pairs
from apps.word_reversal.model import FOR_PAIRS, NAME, Recipe, build_model


def validation_loss(trial: optuna.Trial, data: Data, epochs: int, folder: Path) -> float:
    """What the best epoch of a training with the trial's recipe reaches; the test data aren't looked at."""
    chosen = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
        "units": trial.suggest_categorical("units", [16, 32, 64]),
    }
    recipe = Recipe(**FOR_PAIRS | {"epochs": epochs} | chosen)
    training.set_up(recipe.seed)
    model = build_model(len(data.alphabet), recipe.units, recipe.dropout)
    run = Run(NAME, recipe, data.fingerprint(), folder / f"trial-{trial.number}", resume=False, own_data=True)
    return learn_pairs(model, data, run).kept["val_loss"]


def main() -> None:
    parser = argparse.ArgumentParser(description="search for a recipe")
    parser.add_argument("pairs", type=Path, help="as `train --data` takes them")
    parser.add_argument("folder", type=Path, help="gets the journal and the checkpoints of each trial")
    parser.add_argument("--trials", type=int, default=20, help="of this process (%(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="of each at most (%(default)s)")
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(flags.folder / "journal.log")))
    study = optuna.create_study(storage=storage, study_name=NAME, load_if_exists=True)
    data = load_data(flags.pairs)
    study.optimize(lambda trial: validation_loss(trial, data, flags.epochs, flags.folder), flags.trials)
    print(f"{len(study.trials)} trials; the best: validation loss {study.best_value:.4f} with {study.best_params}")


if __name__ == "__main__":
    main()

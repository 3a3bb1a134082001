"""Threads side by side: some export, some call, and none sees what another is at."""

import threading

import keras
import numpy as np
import pytest
from closeness import assert_close
from layer_table import BATCH, FEATURES, TIME, UNITS, random_inputs

import keras_rnn
from keras_rnn import streaming

INPUTS = random_inputs()


def model(layer):
    return keras.Sequential([keras.Input((None, FEATURES)), layer])


def together(*functions):
    """Runs each in a thread of its own, and raises what one raised."""
    errors = []

    def run(function):
        try:
            function()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.slow
def test_exports_side_by_side_and_beside_calls(tmp_path):
    """Three of them, one of a model that another thread calls all the while."""
    layers = [keras_rnn.LSTM(UNITS), keras_rnn.GRU(UNITS, return_sequences=True), keras_rnn.SimpleRNN(UNITS)]
    models = [model(layer) for layer in layers]
    expected = [np.array(each(INPUTS)) for each in models]
    exported, finished = [], []

    def export(number):
        folder = tmp_path / str(number)
        try:
            files = keras_rnn.export(models[number], folder, formats=["saved_model", "litert"], step=True)
            exported.append((number, {name: file.difference for name, file in files.items()}))
        finally:
            finished.append(number)

    def call():
        while len(finished) < len(models):
            for each, answer in zip(models, expected, strict=True):
                assert_close(each(INPUTS), answer)

    together(*(lambda number=number: export(number) for number in range(len(models))), call)
    assert sorted(number for number, _ in exported) == [0, 1, 2]
    assert max(value for _, files in exported for value in files.values()) < 1e-5


def test_a_stream_is_of_one_thread():
    """Two threads stream one model, each its own rows, step by step in turns."""
    whole = model(keras_rnn.LSTM(UNITS, return_sequences=True, name="lstm"))
    expected = np.array(whole(INPUTS))
    in_turns = threading.Barrier(2)
    answers = {}

    def stream(rows):
        states, steps = None, []
        for time in range(TIME):
            in_turns.wait()
            now = streaming.Stream(states)
            with streaming.reading(now):
                in_turns.wait()
                steps.append(np.array(whole(INPUTS[rows, time : time + 1])))
            states = now.new_states
        answers[rows.start] = np.concatenate(steps, axis=1)

    together(lambda: stream(slice(0, 2)), lambda: stream(slice(2, BATCH)))
    assert_close(np.concatenate([answers[0], answers[2]]), expected)

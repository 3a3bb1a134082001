"""The lesson hello: its shared gates by hand, cell against layer, what no memory can't do, and its command line."""

import keras
import numpy as np
import pytest
from PIL import Image

from apps.lessons import hello


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_shared_gates_in_numpy():
    generator = np.random.default_rng(4)
    x, h, c = (generator.normal(size=(3, size)).astype(np.float32) for size in (2, 5, 5))
    cell = hello.SharedGatesCell(5)
    output, (hidden, memory) = cell(x, [h, c])
    kernel, bias = generator.normal(size=(7, 5)).astype(np.float32), generator.normal(size=5).astype(np.float32)
    cell.set_weights([kernel, bias])
    output, (hidden, memory) = cell(x, [h, c])
    z = x @ kernel[:2] + h @ kernel[2:] + bias
    expected = sigmoid(z) * c + sigmoid(z) * np.tanh(z)
    np.testing.assert_allclose(memory, expected, atol=1e-6)
    np.testing.assert_allclose(hidden, sigmoid(z) * np.tanh(expected), atol=1e-6)
    np.testing.assert_array_equal(output, hidden)


def test_the_loop_over_a_cell_is_the_layer():
    keras.utils.set_random_seed(2)
    loop, layer = hello.build("cell"), hello.build("layer")
    layer.set_weights([0.7 * weight + 0.1 for weight in loop.get_weights()])
    loop.set_weights(layer.get_weights())
    np.testing.assert_allclose(loop(hello.ids_of("hello")), layer(hello.ids_of("hello")), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in hello.NETWORKS if name != hello.WITHOUT_MEMORY])
def test_every_other_network_remembers(name):
    model = hello.build(name)
    logits = np.array(model(hello.ids_of("hello")))
    assert logits.shape == (1, 5, 4)
    assert np.abs(logits[0, 2] - logits[0, 3]).max() > 1e-4  # the two l
    later = np.array(model(hello.ids_of("hellh")))
    np.testing.assert_allclose(later[:, :4], logits[:, :4], atol=1e-6)  # nothing looks ahead


def test_without_memory_the_loss_ends_at_its_floor():
    keras.utils.set_random_seed(1)
    model = hello.build(hello.WITHOUT_MEMORY)
    losses = hello.learn(model, 60)
    assert hello.FLOOR < losses[-1] < hello.FLOOR + 0.02
    logits = np.array(model(hello.ids_of("hello")))[0]
    np.testing.assert_allclose(logits[2], logits[3], atol=1e-6)  # the two l
    assert hello.spell(model)[:2] == "oh"


def test_spelling_takes_the_likeliest_letter():
    def model(ids):
        return np.eye(4)[(ids + 1) % 4]

    assert hello.spell(model) == "lhooe"  # e -> h -> l -> o -> e, as LETTERS go round, of hello
    np.testing.assert_array_equal(hello.ids_of("ohlol"), [[3, 1, 2, 3, 2]])


@pytest.mark.slow
def test_the_command_line(monkeypatch, tmp_path, capsys):
    kept = {name: hello.NETWORKS[name] for name in ("layer", hello.WITHOUT_MEMORY)}
    monkeypatch.setattr(hello, "NETWORKS", kept)
    assert hello.main(["--plot", str(tmp_path / "plot.png")]) == 0
    out = capsys.readouterr().out
    assert "ok     layer spells ohlol" in out and "MISSED" not in out
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and np.array(picture).std() > 10


def test_a_missed_answer(monkeypatch, capsys):
    monkeypatch.setattr(hello, "NETWORKS", {"layer": hello.NETWORKS[hello.WITHOUT_MEMORY]})
    monkeypatch.setattr(hello, "learn", lambda model, steps: [2.0, 1.0])
    assert hello.main([]) == 1
    assert "MISSED layer spells ohlol" in capsys.readouterr().out

"""The server, asked as a client of TensorFlow Serving's REST form asks it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from apps import chinese_pos, mnist_rows, sentiment, shakespeare
from apps.chinese_pos.output import as_plain
from apps.pipeline import publishing
from apps.pipeline.errors import DataError

pytest.importorskip("fastapi", reason="needs the packages of keras-rnn[serve]")
uvicorn = pytest.importorskip("uvicorn", reason="needs the packages of keras-rnn[serve]")

from apps.serve.__main__ import main, models_of  # noqa: E402
from apps.serve.predicting import SERVED, Predictor  # noqa: E402
from apps.serve.service import Settings, application  # noqa: E402


class Client:
    """As one writes it by TensorFlow Serving's documentation: (status, JSON)."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path):
        return self._open(urllib.request.Request(self.address + path))

    def predict(self, model, body, version=""):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._open(urllib.request.Request(f"{self.address}/v1/models/{model}{version}:predict", content))

    def _open(self, request):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture(scope="module")
def client():
    settings = Settings(most_bytes=50_000, most_instances=20, seconds=2.0)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(settings), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield Client(listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()


def test_the_state_of_a_model_and_its_signature(client):
    state = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert client.get("/v1/models/sentiment") == (200, {"model_version_status": [{"version": "1", **state}]})
    status, about = client.get("/v1/models/shakespeare/metadata")
    inputs = about["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    assert status == 200 and list(inputs) == ["prompt", "length", "temperature", "seed"]
    status, told = client.get("/v1/models/none")
    assert status == 404 and told == {"error": "Servable not found for request: Latest(none)"}


def test_rows_and_columns_are_answered_as_python_answers(client):
    texts = ["A warm, funny film.", "Never again.", ""]
    loaded = sentiment.load()
    expected = [float(loaded.probabilities(loaded.vocabulary.ids(text))[1]) for text in texts]
    asked = [{"instances": texts}, {"instances": [{"text": text} for text in texts]}]
    asked += [{"inputs": texts}, {"inputs": {"text": texts}, "signature_name": "serving_default"}]
    for body in asked:
        status, told = client.predict("sentiment", body)
        assert status == 200 and list(told) == ["predictions" if "instances" in body else "outputs"]
        np.testing.assert_allclose(next(iter(told.values())), expected, atol=1e-6)
    assert client.predict("sentiment", asked[0], "/versions/1")[0] == 200


def test_every_app_answers(client):
    picture = np.zeros((28, 28), np.float32)
    picture[4:24, 13:15] = 1.0
    _, told = client.predict("mnist_rows", {"instances": [picture.tolist()]})
    np.testing.assert_allclose(told["predictions"][0], mnist_rows.load().probabilities(picture), atol=1e-6)
    words = {"instances": ["stressed", "mañana"]}
    assert client.predict("word_reversal", words) == (200, {"predictions": ["desserts", ""]})
    text = "我爱北京。"
    tagged = as_plain(text, chinese_pos.load().tag(text).sentences)
    assert client.predict("chinese_pos", {"inputs": {"text": [text]}}) == (200, {"outputs": [tagged]})
    options = {"length": 20, "temperature": 0.5, "seed": 3}
    written = shakespeare.load().write("ROMEO:", 20, temperature=0.5, seed=3).text
    assert client.predict("shakespeare", {"inputs": {"prompt": ["ROMEO:"], **options}}) == (200, {"outputs": [written]})


WRONG = {
    "no JSON": ("sentiment", b"{", 400, "expected JSON in the request's body"),
    "nested deeply": ("sentiment", b"[" * 40_000, 400, "expected JSON in the request's body"),
    "a list": ("sentiment", [1], 400, 'expected a JSON object with "instances" or "inputs"'),
    "both": ("sentiment", {"instances": [], "inputs": []}, 400, 'expected a JSON object with "instances" or "inputs"'),
    "a number": ("sentiment", {"instances": [3]}, 400, "expected a string for each instance, got int"),
    "another name": ("sentiment", {"instances": [{"word": "a"}]}, 400, "expected instances of text alone, got word"),
    "another signature": ("sentiment", {"instances": ["a"], "signature_name": "x"}, 400, "expected the signature"),
    "no list": ("sentiment", {"inputs": {"text": "a"}}, 400, "expected a list of text"),
    "another input": ("sentiment", {"inputs": {"text": ["a"], "more": 1}}, 400, "expected inputs of text, got"),
    "too many": ("sentiment", {"instances": ["a"] * 21}, 400, "expected at most 20 instances, got 21"),
    "too long": ("sentiment", {"instances": ["a" * 60_000]}, 413, "expected a request of at most 50000 bytes"),
    "a small picture": ("mnist_rows", {"instances": [[[0.0]]]}, 400, "expected 28 rows of 28 numbers"),
    "a length below": (
        "shakespeare",
        {"inputs": {"prompt": ["a"], "length": -1}},
        400,
        "expected a number of 0 or more",
    ),
    "a length above": ("shakespeare", {"inputs": {"prompt": ["a"], "length": 10**6}}, 400, "expected a length from 1"),
    "too slow": ("shakespeare", {"inputs": {"prompt": ["a"] * 20, "length": 10_000}}, 504, "within 2 seconds"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_a_sentence_and_a_status(case, client):
    model, body, status, sentence = WRONG[case]
    found, told = client.predict(model, body)
    assert found == status and list(told) == ["error"] and sentence in told["error"]


def test_many_at_once_get_their_own_answers_and_are_counted(client):
    words = [f"abc{'d' * n}" for n in range(20)] * 5
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda word: client.predict("word_reversal", {"instances": [word]}), words))
    assert found == [(200, {"predictions": [word[::-1]]}) for word in words]
    status, text = client.get("/metrics")
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert status == 200 and int(counts['keras_rnn_requests_total{model="word_reversal",status="200"}']) >= 100
    assert float(counts['keras_rnn_request_seconds_total{model="word_reversal"}']) > 0
    assert client.get("/health")[1]["status"] == "ok"
    assert "/v1/models/{name}:predict" in client.get("/openapi.json")[1]["paths"]


def test_the_command_line_says_what_is_wrong(capsys, monkeypatch):
    assert main(["sentimental"]) == 2
    assert "expected apps of sentiment, " in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["sentiment"]) == 2
    assert "expected the packages of keras-rnn[serve], got no fastapi and no uvicorn" in capsys.readouterr().err


def test_models_of_ones_own(tmp_path):
    shipped = publishing.SHIPPED / "word_reversal"
    assert models_of([]) == dict.fromkeys(SERVED)
    assert models_of(["sentiment", f"mine={shipped}"]) == {"sentiment": None, "mine": str(shipped)}
    for wrong in (["mine="], ["a/b=c"], ["sentiment", "sentiment=x"]):
        with pytest.raises(DataError, match=r"^expected (NAME=FOLDER|a name once)"):
            models_of(wrong)
    assert Predictor("mine", str(shipped)).predict({"instances": ["live"]}, 1, 9.0) == {"predictions": ["evil"]}
    with pytest.raises(DataError, match=r"^expected the folder of a model that `train` wrote"):
        Predictor("mine", str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
def test_processes_serve_without_tensorflow_and_end_when_told(workers):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apps", "serve", "word_reversal", "--port", str(port), "--workers", str(workers)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert "word_reversal" in server.stdout.readline()
        client = Client(port)
        for _ in range(200):
            try:
                assert client.predict("word_reversal", {"instances": ["live"]}) == (200, {"predictions": ["evil"]})
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        mapped = Path(f"/proc/{server.pid}/maps")
        assert not mapped.exists() or "libtensorflow" not in mapped.read_text()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) in (0, -signal.SIGTERM)

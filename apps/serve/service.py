"""The HTTP service: TensorFlow Serving's addresses and errors, limits, health, and metrics for Prometheus."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

from apps.pipeline.errors import DataError
from apps.pipeline.publishing import version
from apps.serve.predicting import SERVED, Predictor, TooSlow

SETTINGS = "KERAS_RNN_SERVE"  # environment variable in which a worker finds its settings


@dataclass(frozen=True)
class Settings:
    """What is served, and how much of it at once.

    Attributes:
        models: their names, and the folders of those that aren't the shipped one of the app with that name.
        most_bytes: of a request.
        most_instances: in a request.
        seconds: that a request may take.
    """

    models: Mapping[str, str | None] = field(default_factory=lambda: dict.fromkeys(SERVED))
    most_bytes: int = 2**20
    most_instances: int = 256
    seconds: float = 10.0

    def tell_workers(self) -> None:
        os.environ[SETTINGS] = json.dumps(asdict(self))


class Metrics:
    """Counts of this process, as Prometheus reads them."""

    def __init__(self) -> None:
        self._lock, self._requests = threading.Lock(), Counter[tuple[str, int]]()
        self._seconds, self._instances = Counter[str](), Counter[str]()

    def add(self, app: str, status: int, seconds: float, instances: int) -> None:
        with self._lock:
            self._requests[app, status] += 1
            self._seconds[app] += seconds  # type: ignore[assignment]
            self._instances[app] += instances

    def text(self) -> str:
        with self._lock:
            lines = ["# TYPE keras_rnn_requests_total counter"]
            for (app, status), count in sorted(self._requests.items()):
                lines.append(f'keras_rnn_requests_total{{model="{app}",status="{status}"}} {count}')
            for name, counts in (("request_seconds", self._seconds), ("instances", self._instances)):
                lines.append(f"# TYPE keras_rnn_{name}_total counter")
                lines += [f'keras_rnn_{name}_total{{model="{app}"}} {count}' for app, count in sorted(counts.items())]
        return "\n".join(lines) + "\n"


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def application(settings: Settings | None = None) -> FastAPI:
    """The service; a worker's settings come by the environment."""
    if settings is None:
        settings = Settings(**json.loads(os.environ.get(SETTINGS, "{}")))
    about = "The apps of keras_rnn in TensorFlow Serving's REST form."
    # The pages that show the OpenAPI description fetch scripts from elsewhere: the description alone is served.
    service = FastAPI(
        title="keras_rnn", version=version("keras-rnn") or "0", description=about, docs_url=None, redoc_url=None
    )
    predictors, metrics = {name: Predictor(name, folder) for name, folder in settings.models.items()}, Metrics()

    def predictor(name: str) -> Predictor:
        if name not in predictors:
            raise Refused(404, f"Servable not found for request: Latest({name})")
        return predictors[name]

    @service.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"error": str(error)}, error.status)

    @service.get("/v1/models/{name}")
    def status(name: str) -> dict[str, Any]:
        """Whether a model is there."""
        predictor(name)
        state = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return {"model_version_status": [{"version": "1", **state}]}

    @service.get("/v1/models/{name}/metadata")
    def metadata(name: str) -> dict[str, Any]:
        """A model's signature."""
        model = predictor(name)
        served, outputs = model.served, {name: {"dtype": kind} for name, kind in model.outputs.items()}
        inputs = {served.input[0]: {"dtype": served.input[1]}}
        inputs |= {
            key: {"dtype": "DT_INT32" if kind is int else "DT_FLOAT"} for key, (kind, _) in served.options.items()
        }
        signature = {"inputs": inputs, "outputs": outputs}
        definition = {"signature_def": {"serving_default": signature | {"method_name": "tensorflow/serving/predict"}}}
        return {"model_spec": {"name": name, "version": "1"}, "metadata": {"signature_def": definition}}

    @service.post("/v1/models/{name}:predict")
    @service.post("/v1/models/{name}/versions/1:predict")
    async def predict(name: str, request: Request) -> dict[str, Any]:
        """Answers "instances" by "predictions", "inputs" by "outputs"."""
        model, begin, code, found = predictor(name), time.perf_counter(), 500, 0
        try:
            content = decoded(await body_of(request, settings.most_bytes))
            answer = await run_in_threadpool(model.predict, content, settings.most_instances, settings.seconds)
            values = next(iter(answer.values()))
            code, found = 200, len(next(iter(values.values())) if isinstance(values, dict) else values)
            return answer
        except DataError as error:
            code = 400
            raise Refused(code, str(error)) from None
        except TooSlow:
            code = 504
            raise Refused(code, f"expected an answer within {settings.seconds:g} seconds: ask for less") from None
        except Refused as error:
            code = error.status
            raise
        finally:
            metrics.add(name, code, time.perf_counter() - begin, found)

    @service.get("/health")
    def health() -> dict[str, Any]:
        """That the process answers, and what it serves."""
        return {"status": "ok", "models": list(predictors)}

    @service.get("/metrics", response_class=PlainTextResponse)
    def counted() -> str:
        """This process's counts; each worker has its own."""
        return metrics.text()

    return service


async def body_of(request: Request, most: int) -> bytes:
    """The body; Refused as soon as it is longer than `most` bytes."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Refused(413, f"expected a request of at most {most} bytes, got more")
    return bytes(body)


def decoded(body: bytes) -> Any:
    """The JSON of a body; DataError if it isn't any."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise DataError("expected JSON in the request's body, got something else") from None

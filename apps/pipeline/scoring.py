"""Millions of rows answered by Apache Beam: on this machine by several processes, or by the runner that Beam's own
options name.

    files -> rows -> RunInference(LiteRT, batches) -> answers-*.jsonl
               \\                    \\
                `--------------------`-> rejected-*.jsonl: what no answer could be given to, and why
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from apps.pipeline import examples, rows
from apps.pipeline.errors import DataError
from apps.pipeline.jobs import Work, cores
from apps.pipeline.printing import as_object, json_line
from apps.pipeline.rows import REJECTED, Row

COLUMNS = ("input", "answer", "more")
ANSWERED, COUNTERS = "answered", "scoring"
BATCH = {"min_batch_size": 16, "max_batch_size": 64}  # rows that a process answers at once


class Model:
    """What answers, in a process. Beam keeps a weak reference to it, which a function or a tuple doesn't allow."""

    def __init__(self, work: Work):
        self.answer = work.begin()


class LiteRTHandler(ModelHandler[Row, tuple[Row, Any, str], Model]):
    """Loads an app's model once a process and gives each row its answer, or the reason why there is none."""

    def __init__(self, work: Work):
        super().__init__()
        self._work = work

    def load_model(self) -> Model:
        return Model(self._work)

    def run_inference(
        self, batch: Sequence[Row], model: Model, inference_args: dict[str, Any] | None = None
    ) -> Iterator[tuple[Row, Any, str]]:
        try:
            found = [(row, each, "") for row, each in zip(batch, model.answer(row.text for row in batch), strict=True)]
        except DataError:
            found = [self._alone(row, model) for row in batch]
        for row, answer, reason in found:
            yield row, answer, reason or getattr(answer, "problem", None) or ""

    def _alone(self, row: Row, model: Model) -> tuple[Row, Any, str]:
        try:
            return row, next(iter(model.answer([row.text]))), ""
        except DataError as error:
            return row, None, str(error)

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        return BATCH

    def get_metrics_namespace(self) -> str:
        return "LiteRT"


class Divide(beam.DoFn):
    """(row, answer, reason) -> a record, or with a reason one of those that are rejected."""

    def process(self, element: tuple[Row, Any, str]) -> Iterator[Any]:
        row, answer, reason = element
        if reason:
            yield rows.rejected(row.file, row.text, reason)
            return
        Metrics.counter(COUNTERS, ANSWERED).inc()
        yield as_object(answer) | ({"row": row.fields} if row.fields else {})


def in_columns(record: dict[str, Any]) -> dict[str, str]:
    """A record as three texts: the answer is JSON where it is no text, and everything else is JSON."""
    found = record["answer"]
    rest = {name: value for name, value in record.items() if name not in COLUMNS}
    answer = found if isinstance(found, str) else "" if found is None else json_line(found)
    return dict(zip(COLUMNS, (record["input"], answer, json_line(rest)), strict=True))


def as_csv(fields: Sequence[str]) -> str:
    """A line of CSV (RFC 4180), every field quoted."""
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def write(records: Any, output: str, form: str) -> Any:
    """Writes records in one of rows.FORMATS by Beam's own connectors, sharded as the runner likes."""
    name = f"{output}/answers"
    if form == "jsonl":
        return records | beam.Map(json_line) | beam.io.WriteToText(name, ".jsonl")
    columns = records | beam.Map(in_columns)
    if form == "text":
        lines = columns | beam.Map(lambda each: " ".join(each["answer"].splitlines()))
        return lines | beam.io.WriteToText(name, ".txt")
    if form == "csv":
        lines = columns | beam.Map(lambda each: as_csv([each[column] for column in COLUMNS]))
        return lines | beam.io.WriteToText(name, ".csv", header=as_csv(COLUMNS))
    if form == "parquet":
        schema = pyarrow.schema([(column, pyarrow.string()) for column in COLUMNS])
        return columns | beam.io.WriteToParquet(name, schema, file_name_suffix=".parquet")
    return columns | beam.Map(examples.encode) | beam.io.WriteToTFRecord(name, file_name_suffix=".tfrecord")


def options_of(flags: Sequence[str]) -> PipelineOptions:
    """Beam's options; without a runner its FnApiRunner with a process for each core, which downloads nothing.

    DataError if Beam doesn't know one.
    """
    local = ["--runner=FnApiRunner", f"--direct_num_workers={cores()}", "--direct_running_mode=multi_processing"]
    quiet = "--default_sdk_harness_log_level=ERROR"
    named = any(flag.split("=")[0] == "--runner" for flag in flags)
    options = PipelineOptions([quiet, *([] if named else local), *flags])
    known = options.get_all_options()
    unknown = sorted(set(options.get_all_options(retain_unknown_options=True)) - set(known))
    if unknown:
        raise DataError(f"expected flags of this verb, or options of Apache Beam as --name=value, got --{unknown[0]}")
    return options


def score(
    work: Work, inputs: Sequence[str], output: str, column: str, form: str, flags: Sequence[str]
) -> dict[str, int]:
    """Answers all rows of files -> how many were ANSWERED, and how many REJECTED.

    Args:
        inputs: paths, patterns or addresses that Beam reads; the end of a name says the format, see rows.FORMATS.
        column: of tables and objects, which has the input.
        form: of the answers, one of rows.FORMATS.
        flags: Beam's options.

    Raises:
        DataError: a file isn't there or is of no known format, or an option isn't Beam's. What a runner fails with is
            the runner's own error.
    """
    options = options_of(flags)
    rows.expect_files(inputs)
    if "://" not in output:
        Path(output).mkdir(parents=True, exist_ok=True)
    pipeline = beam.Pipeline(options=options)
    read = [rows.read(pipeline, pattern, column) for pattern in inputs]
    given = [part.rows for part in read] | "all rows" >> beam.Flatten()
    found = given | RunInference(LiteRTHandler(work)) | beam.ParDo(Divide()).with_outputs(REJECTED, main=ANSWERED)
    write(found[ANSWERED], output, form)
    refused = [*(each for part in read for each in part.rejected), found[REJECTED]] | "all rejected" >> beam.Flatten()
    lines = refused | "reasons" >> beam.Map(json_line)
    lines | "rejected" >> beam.io.WriteToText(f"{output}/rejected", ".jsonl")
    result = pipeline.run()
    result.wait_until_finish()
    return {name: _counted(result, name) for name in (ANSWERED, REJECTED)}


def _counted(result: Any, name: str) -> int:
    counters = result.metrics().query(MetricsFilter().with_name(name))["counters"]
    return sum(counter.result for counter in counters)

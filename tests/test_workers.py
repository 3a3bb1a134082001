"""Which processes train together: flags, TF_CONFIG and what is wrong with them."""

import json
import re

import pytest

from apps.pipeline.errors import DataError
from apps.pipeline.workers import ALONE, Workers, workers_of

TWO = "first:2000,second:2001"


def configuration(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_flags_name_the_workers():
    assert workers_of(TWO, 1, None, {}) == Workers(("first:2000", "second:2001"), 1)
    assert workers_of(None, None, 2, {}) == Workers(replicas=2)
    assert not ALONE.several and ALONE.first and ALONE.strategy() is None
    assert workers_of("[::1]:2000,10.0.0.1:2000", 0, None, {}).several


def test_flags_count_more_than_the_environment():
    assert workers_of(TWO, 0, None, configuration({"worker": ["a:1", "b:1", "c:1"]})).addresses[0] == "first:2000"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ALONE),
        ({"TF_CONFIG": "{}"}, ALONE),
        (configuration({"worker": ["a:1"]}), ALONE),
        (configuration({"worker": ["a:1", "b:1"]}, index=1), Workers(("a:1", "b:1"), 1)),
        (configuration({"chief": ["a:1"], "worker": ["b:1"]}), Workers(("a:1", "b:1"), 1)),
        (configuration({"chief": ["a:1"], "worker": ["b:1"]}, "chief"), Workers(("a:1", "b:1"), 0)),
    ],
    ids=["none", "empty", "one", "second", "worker-beside-a-chief", "chief"],
)
def test_the_environment_names_them_as_kubernetes_does(environment, expected):
    assert workers_of(None, None, None, environment) == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((TWO, None, None, {}), "expected --workers and --worker together, got one of them"),
        ((None, 0, None, {}), "expected --workers and --worker together"),
        (("first,second:1", 0, None, {}), "expected the workers as HOST:PORT,HOST:PORT,..., got 'first'"),
        (("a:1,a:1", 0, None, {}), "expected an address for each worker, got one twice"),
        ((TWO, 2, None, {}), "expected the number of a worker, 0 to 1, got 2"),
        ((TWO, 0, 2, {}), "or --replicas, got both"),
        ((None, None, None, {"TF_CONFIG": "{"}), "expected TF_CONFIG as {"),
        ((None, None, None, {"TF_CONFIG": "[]"}), "expected TF_CONFIG as {"),
        ((None, None, None, configuration({"worker": ["a:1"], "ps": ["b:1"]})), "of a chief and workers, got ps"),
        ((None, None, None, configuration({"worker": ["a:1", "b:1"]}, "evaluator")), "got evaluator"),
    ],
    ids=["no-number", "no-workers", "no-port", "twice", "too-high", "both", "json", "list", "ps", "evaluator"],
)
def test_what_does_not_fit_is_one_sentence(arguments, sentence):
    with pytest.raises(DataError, match=re.escape(sentence)):
        workers_of(*arguments)

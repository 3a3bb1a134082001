"""Which processes train together: as the flags of `train` say it, or TF_CONFIG in the environment."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apps.pipeline.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]+):\d{1,5}")


@dataclass(frozen=True)
class Workers:
    """The processes that train one model together, and which of them this one is.

    Attributes:
        addresses: HOST:PORT of each, the same order everywhere; none: this process trains alone.
        number: of this one; worker 0 writes.
        replicas: of the model in this process, each on a GPU or a logical CPU of its own; where there are several
            workers, as many as each has GPUs.
    """

    addresses: tuple[str, ...] = ()
    number: int = 0
    replicas: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes checkpoints and the model; the others leave the folder alone."""
        return self.number == 0

    @property
    def several(self) -> bool:
        """Whether anything is shared: between processes or between devices of this one."""
        return len(self.addresses) > 1 or self.replicas > 1

    def strategy(self) -> tf.distribute.Strategy | None:
        """How TensorFlow shares the work; None: it doesn't. Waits for the other workers.

        The first call comes before TensorFlow computes anything.

        Raises:
            DataError: the machine has fewer GPUs, or the address isn't this machine's.
        """
        return _strategy(self) if self.several else None

    def room(self, folder: Path) -> Path:
        """Where this process may leave what it needs while it trains: `folder` of the first, of another one a folder
        that ends with the process."""
        if self.first:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        own = Path(tempfile.mkdtemp(prefix="keras_rnn-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        return own

    def missing(self) -> DataError:
        """What to tell the user when another worker has ended."""
        return DataError(
            f"expected all {len(self.addresses)} workers to go on, got one that ended or can't be reached: start all "
            "of them again with --resume, as many as there are"
        )


ALONE = Workers()


def workers_of(
    addresses: str | None, number: int | None, replicas: int | None, environment: Mapping[str, str]
) -> Workers:
    """What the flags --workers, --worker and --replicas say, or else TF_CONFIG; DataError if they don't fit."""
    if addresses is None and number is None:
        listed, found = _from_environment(environment.get("TF_CONFIG"))
    elif addresses is None or number is None:
        raise DataError("expected --workers and --worker together, got one of them")
    else:
        listed, found = tuple(addresses.split(",")), number
    for address in listed:
        if not ADDRESS.fullmatch(address):
            raise DataError(f"expected the workers as HOST:PORT,HOST:PORT,..., got {address!r}")
    if len(set(listed)) < len(listed):
        raise DataError("expected an address for each worker, got one twice")
    if listed and found >= len(listed):
        raise DataError(f"expected the number of a worker, 0 to {len(listed) - 1}, got {found}")
    if len(listed) > 1 and replicas is not None:
        raise DataError("expected --workers, each of which uses all GPUs it sees, or --replicas, got both")
    return Workers(listed, found, replicas or 1) if len(listed) > 1 else Workers(replicas=replicas or 1)


def _from_environment(config: str | None) -> tuple[tuple[str, ...], int]:
    """(the addresses, this one's number) of a TF_CONFIG, in which a chief comes before the workers; ((), 0) without."""
    if not config:
        return (), 0
    try:
        content = json.loads(config)
        cluster = {job: list(addresses) for job, addresses in content.get("cluster", {}).items()}
        job, index = (content["task"]["type"], int(content["task"]["index"])) if cluster else ("worker", 0)
        chiefs, workers = cluster.pop("chief", []), cluster.pop("worker", [])
        if cluster or job not in ("chief", "worker"):
            raise DataError(
                f"expected a TF_CONFIG of a chief and workers, got {', '.join([*cluster, job])}: all of them train"
            )
        return (*map(str, chiefs), *map(str, workers)), index + (len(chiefs) if job == "worker" else 0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        example = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
        raise DataError(f"expected TF_CONFIG as {example}, got {config[:200]!r}") from None


@functools.cache
def _strategy(workers: Workers) -> tf.distribute.Strategy:
    import tensorflow as tf

    if not workers.addresses:
        return tf.distribute.MirroredStrategy(_devices(workers.replicas))
    print(f"worker {workers.number} of {len(workers.addresses)}: waiting for the others", flush=True)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(workers.addresses)}),
        task_type="worker",
        task_id=workers.number,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
    try:
        with _ended_by_signals():
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except tf.errors.OpError as error:
        here = workers.addresses[workers.number]
        raise DataError(
            f"expected to listen at {here} and to reach {len(workers.addresses) - 1} other workers, got "
            f"{type(error).__name__}: is the address this machine's and its port free?"
        ) from error


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets Ctrl-C end a process that waits in TensorFlow, where Python doesn't hear of it; and SIGTERM afterwards too,
    of which TensorFlow's own handler only takes note."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt, end = signal.signal(signal.SIGINT, signal.SIG_DFL), signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, end)


def _devices(count: int) -> list[str]:
    """As many GPUs, or, on a machine without any, logical CPUs."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if len(gpus) < count:
            raise DataError(f"expected --replicas of at most the machine's {len(gpus)} GPUs, got {count}")
        return [f"GPU:{number}" for number in range(count)]
    with contextlib.suppress(RuntimeError):  # it has computed already, with as many perhaps
        logical = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], logical)
    if len(tf.config.list_logical_devices("CPU")) < count:
        raise DataError(f"expected a process that hasn't computed yet for {count} logical CPUs, got one that has")
    return [f"CPU:{number}" for number in range(count)]

"""tf.train.Example, what TFRecord files usually hold, written and read without TensorFlow.

message Example { Features features = 1; }          message Feature { oneof kind {
message Features { map<string, Feature> feature = 1; }   BytesList bytes_list = 1; FloatList float_list = 2;
message BytesList { repeated bytes value = 1; } ...      Int64List int64_list = 3; } }
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from apps.pipeline.errors import DataError


@functools.cache
def example_type() -> Any:
    """The class of the message, in a pool of its own: TensorFlow, if it is there, has one of that name."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    one, many, message = field.LABEL_OPTIONAL, field.LABEL_REPEATED, field.TYPE_MESSAGE
    lists = {"BytesList": field.TYPE_BYTES, "FloatList": field.TYPE_FLOAT, "Int64List": field.TYPE_INT64}
    for name, kind in lists.items():
        file.message_type.add(name=name).field.add(name="value", number=1, label=many, type=kind)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, place) in enumerate(zip(lists, ("bytes_list", "float_list", "int64_list"), strict=True), 1):
        of = f".tensorflow.{name}"
        feature.field.add(name=place, number=number, label=one, type=message, type_name=of, oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=one, type=field.TYPE_STRING)
    entry.field.add(name="value", number=2, label=one, type=message, type_name=".tensorflow.Feature")
    of = ".tensorflow.Features.FeatureEntry"
    features.field.add(name="feature", number=1, label=many, type=message, type_name=of)
    example = file.message_type.add(name="Example")
    example.field.add(name="features", number=1, label=one, type=message, type_name=".tensorflow.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def encode(fields: Mapping[str, str]) -> bytes:
    """Texts by name -> a record."""
    example = example_type()()
    for name, text in fields.items():
        example.features.feature[name].bytes_list.value.append(text.encode())
    return example.SerializeToString(deterministic=True)


def decode(record: bytes) -> dict[str, Any]:
    """A record -> what it holds by name: a text, a number, or a list of several; DataError if it isn't an Example."""
    example = example_type()()
    try:
        example.ParseFromString(record)
    except DecodeError:
        raise DataError("expected a tf.train.Example, got another record") from None
    return {name: _value(feature) for name, feature in sorted(example.features.feature.items())}


def _value(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = [] if kind is None else list(getattr(feature, kind).value)
    if kind == "bytes_list":
        values = [value.decode("utf-8") for value in values]
    return values[0] if len(values) == 1 else values

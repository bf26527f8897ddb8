"""Sweeps as Python dictionaries, and back."""

from lorasweep.v1 import sweep_pb2


def to_value(value):
    """A Python value as a Value message."""
    if isinstance(value, bool):
        return sweep_pb2.Value(flag=value)
    if isinstance(value, int):
        return sweep_pb2.Value(integer=value)
    if isinstance(value, float):
        return sweep_pb2.Value(number=value)
    if isinstance(value, str):
        return sweep_pb2.Value(text=value)
    raise ValueError(f"{value!r} is no bool, int, float or str")


def from_value(value):
    """A Value message as a Python value; None when it has none."""
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind else None


def to_spec(sweep):
    """A SweepSpec from a dictionary with the keys of the sweep file (docs/sweep_file.md), without W&B's aliases.

    ValueError names the key that is wrong; whether the values make sense is the server's to say.
    """
    spec = sweep_pb2.SweepSpec()
    _fill(spec, sweep, "")
    return spec


def _repeated(field):
    known = getattr(field, "is_repeated", None)  # protobuf 6 and later
    return field.label == field.LABEL_REPEATED if known is None else known


def _fill(message, mapping, path):
    if not hasattr(mapping, "items"):
        raise ValueError(f"{path.rstrip('.') or 'the sweep'} must be a dictionary, not {mapping!r}")
    for key, value in mapping.items():
        field = message.DESCRIPTOR.fields_by_name.get(key)
        if field is None:
            known = ", ".join(message.DESCRIPTOR.fields_by_name)
            raise ValueError(f"{path}{key} is not a key of a sweep (there are: {known})")
        try:
            _set(message, field, value, path + key)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"{path}{key}: {error}") from None


def _set(message, field, value, path):
    kind = field.message_type.name if field.message_type else ""
    if kind == "ParameterSpec":
        for name, parameter in value.items():
            added = message.parameters.add(name=name)
            _fill(added, parameter if hasattr(parameter, "items") else {"value": parameter}, f"{path}.{name}.")
    elif kind == "Value" and _repeated(field):
        getattr(message, field.name).extend(to_value(item) for item in value)
    elif kind == "Value":
        getattr(message, field.name).CopyFrom(to_value(value))
    elif kind == "Split":
        _set_split(getattr(message, field.name), value)
    elif kind:
        _fill(getattr(message, field.name), value, f"{path}.")
    elif _repeated(field):
        if hasattr(value, "items"):  # a map of words, such as metric.objectives
            value = [f"{name}={word}" for name, word in value.items()]
        getattr(message, field.name).extend([value] if isinstance(value, (str, int, float)) else value)
    else:
        setattr(message, field.name, value)


def _set_split(split, value):
    if isinstance(value, float):
        split.share = value
    elif isinstance(value, int):
        split.rows = value
    else:
        split.files.paths.extend([value] if isinstance(value, str) else value)

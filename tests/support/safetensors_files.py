"""Reads and writes .safetensors files, with the standard library alone. It shares no code with the program."""
import json
import struct

CODES = {"F64": "d", "F32": "f", "F16": "e"}
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8}


def nested(flat, shape):
    for size in reversed(shape[1:]):
        flat = [flat[i:i + size] for i in range(0, len(flat), size)]
    return flat


def read(file):
    """{name: nested lists}, {key: text}"""
    data = file.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, stop = entry["data_offsets"]
        values = data[end + begin:end + stop]
        if entry["dtype"] == "BF16":
            flat = [struct.unpack("<f", b"\0\0" + values[i:i + 2])[0] for i in range(0, len(values), 2)]
        else:
            flat = list(struct.unpack(f"<{len(values) // SIZES[entry['dtype']]}{CODES[entry['dtype']]}", values))
        tensors[name] = nested(flat, entry["shape"])
    return tensors, metadata


def flattened(values):
    return [x for inner in values for x in flattened(inner)] if isinstance(values, list) else [values]


def shape_of(values):
    return [len(values), *(shape_of(values[0]) if values else [])] if isinstance(values, list) else []


def write(file, tensors, metadata, dtype="F64"):
    """tensors: {name: nested lists}"""
    header, data = {"__metadata__": metadata}, b""
    for name, values in tensors.items():
        flat = flattened(values)
        if dtype == "BF16":
            raw = b"".join(struct.pack("<f", x)[2:] for x in flat)
        elif dtype == "I64":
            raw = struct.pack(f"<{len(flat)}q", *map(int, flat))
        else:
            raw = struct.pack(f"<{len(flat)}{CODES[dtype]}", *flat)
        header[name] = {"dtype": dtype, "shape": shape_of(values), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)

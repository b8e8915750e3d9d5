#!/usr/bin/env python3
"""Writes tests/golden/parquet/*.parquet, small tables of every kind that people have, by pyarrow 26: make_parquet.py

Who imports this module has the rows of the tables as Python values, and needs no pyarrow. The tests write them as JSON Lines too:
kvcompare reads the same samples of both.
"""
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "parquet"
N_ROWS = 150
ROWS_OF_A_GROUP = 40
WORDS = ["river", "Zoë", "12€", "\"quoted\"", "back\\slash", "tab\there", "two\nlines", "a[0]", "{x}", "…", "日本", "😀"]


def words(i, n):
    return " ".join(WORDS[(i * 7 + k * (k + i)) % len(WORDS)] for k in range(n))


def texts():
    """Beside the texts are columns that no test reads, of types that kvcompare does not know."""
    return [{"id": i, "text": f"{i}: {words(i, 2 + i % 5)}", "a.b": f"dotted {words(i + 1, 3)}",
             "document": {"meta": {"text": f"inner {words(i + 2, 3)}"}, "bytes": bytes([i])},
             "qa": [f"question {words(i, 2)}", f" answer {i}"], "when": i} for i in range(N_ROWS)]


def ids():
    rows = []
    for i in range(N_ROWS):
        n = 4 + i % 9
        rows.append({"input_ids": [3 + (i * 31 + k * k) % 97 for k in range(n)], "attention_mask": [0] + [1] * (n - 1) if i % 3 == 0 else None,
                     "scored": [[2, 3], [3, 4]] if i % 4 == 1 else None, "context_length": 2 if i % 5 == 2 else None})
    return rows


def parts():
    return [{"parts": [{"text": words(i, 3), "scored": False}, {"text": f" {i}", "scored": True}, {"text": " and", "scored": None}],
             "evidence": [[0, 3]] if i % 2 else None} for i in range(20)]


def pairs():
    return [{"prompt": f"The word is {WORDS[i % len(WORDS)]}.", "completion": " yes" if i % 2 else " no"} for i in range(20)]


def bad_rows():
    """Rows 2, 4 and 5 are no samples."""
    return [{"text": "good one", "prompt": None}, {"text": None, "prompt": None}, {"text": "good two", "prompt": None}, {"text": None, "prompt": "alone"},
            {"text": None, "prompt": None}, {"text": "good three", "prompt": "not read"}]


def without_text():
    return [{"Text": words(i, 4), "number": i} for i in range(3)]


def main():
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(name, rows, schema, **options):
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(schema)), FOLDER / f"{name}.parquet", row_group_size=ROWS_OF_A_GROUP, **options)

    FOLDER.mkdir(exist_ok=True)
    meta = pa.struct([("text", pa.string())])
    write("texts", texts(), [("id", pa.int64()), ("text", pa.string()), ("a.b", pa.large_string()),
                             ("document", pa.struct([("meta", meta), ("bytes", pa.binary())])), ("qa", pa.list_(pa.string())), ("when", pa.timestamp("s"))],
          compression="snappy", data_page_size=512)
    write("ids", ids(), [("input_ids", pa.large_list(pa.int32())), ("attention_mask", pa.list_(pa.int8())), ("scored", pa.list_(pa.list_(pa.uint16(), 2))),
                         ("context_length", pa.int64())], compression="zstd", data_page_version="2.0")
    write("parts", parts(), [("parts", pa.list_(pa.struct([("text", pa.string()), ("scored", pa.bool_())]))), ("evidence", pa.list_(pa.list_(pa.int32())))],
          compression="gzip")
    write("pairs", pairs(), [("prompt", pa.string()), ("completion", pa.dictionary(pa.int8(), pa.string()))], compression="brotli")
    write("bad_rows", bad_rows(), [("text", pa.string()), ("prompt", pa.string())], compression="lz4")
    write("without_text", without_text(), [("Text", pa.string()), ("number", pa.int32())], compression="none")
    write("of_times", [{"text": 7}], [("text", pa.timestamp("ms"))])
    write("of_numbers", [{"text": 7.5, "input_ids": [1.0, 2.0]}], [("text", pa.float64()), ("input_ids", pa.list_(pa.float32()))])
    write("empty", [], [("text", pa.string())])

    offsets, latin_1 = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 4, 7, 15))), pa.py_buffer("goodZoëgood too".encode("latin-1"))
    pq.write_table(pa.table({"text": pa.StringArray.from_buffers(3, offsets, latin_1)}), FOLDER / "latin_1.parquet")

    # No library writes LZO any more: that of a file in snappy is named so.
    write("lzo", texts()[:2], [("text", pa.string())], compression="snappy")
    file = FOLDER / "lzo.parquet"
    named = file.read_bytes().replace(b"\x18\x04text\x15\x02", b"\x18\x04text\x15\x06")
    assert named != file.read_bytes()
    file.write_bytes(named)
    encrypted(pa, pq)


def encrypted(pa, pq):
    import pyarrow.parquet.encryption as encryption

    class Keys(encryption.KmsClient):
        """Hides nothing: keys are kept as they are."""

        def wrap_key(self, key_bytes, master_key_identifier):
            return key_bytes.hex()

        def unwrap_key(self, wrapped_key, master_key_identifier):
            return bytes.fromhex(wrapped_key)

    factory = encryption.CryptoFactory(lambda _: Keys())
    for name, plaintext_footer in (("encrypted", False), ("encrypted_column", True)):
        properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), encryption.EncryptionConfiguration(
            footer_key="a", column_keys={"b": ["text"]}, plaintext_footer=plaintext_footer, double_wrapping=False))
        table = pa.table({"text": ["secret", "text"]})
        with pq.ParquetWriter(FOLDER / f"{name}.parquet", table.schema, encryption_properties=properties) as writer:
            writer.write_table(table)


if __name__ == "__main__":
    sys.exit(main())

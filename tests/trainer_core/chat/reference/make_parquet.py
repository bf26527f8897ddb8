"""Writes the Parquet files of parquet_test.cc beside itself, as `datasets` writes them (needs pyarrow)."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent


def write(name, table, **options):
    pq.write_table(table, HERE / f"{name}.parquet", **options)


turn = pa.struct([("from", pa.string()), ("value", pa.string())])
conversations = [
    [{"from": "human", "value": f"question {i}"}, {"from": "gpt", "value": "Hé 日本 😀" * (i % 3 + 1)}] for i in range(600)
]
write(
    "sharegpt",
    pa.table({
        "conversations": pa.array(conversations, pa.list_(turn)),
        "source": pa.array(["web"] * 600),
        "score": pa.array([0.5] * 600),
    }),
    row_group_size=250,
    compression="zstd",
)
write(
    "alpaca",
    pa.table({
        "instruction": pa.array(["Add.", "Say hi."], pa.large_string()),
        "input": pa.array(["1 2", None]),
        "output": pa.array(["3", "hi"]).dictionary_encode(),
    }),
    compression="snappy",
)
write("unknown", pa.table({"question": ["q"], "answer": ["a"]}))
write("wrong", pa.table({"text": pa.array(["fine", None])}))

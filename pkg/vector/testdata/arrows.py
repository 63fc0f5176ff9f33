"""Prints arrow.golden: Arrow IPC files and streams made by pyarrow 26.0.1. Each component of a vector is 0.7312, or 57 of whole numbers.
Usage: python arrows.py"""

import io

import pyarrow as pa

V = [0.7312] * 4


def show(name, vectors, dims, table, file=False, compression=None, batches=1):
    sink = io.BytesIO()
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as w:
        for b in range(batches):
            w.write_table(table)
    print(f"{name}\t{vectors}\t{dims}\t{sink.getvalue().hex()}")


def column(typ, values):
    return pa.array(values, type=typ)


vector = column(pa.list_(pa.float32(), 4), [V, V, V])
rows = {
    "id": column(pa.int64(), [1, 2, 3]), "text": column(pa.utf8(), ["a", "bc", "def"]), "vector": vector,
    "_distance": column(pa.float32(), [0.1, 0.2, 0.3]), "flag": column(pa.bool_(), [True, None, False]),
}
show("stream", 3, 12, pa.table(rows))
show("file", 3, 12, pa.table(rows), file=True)
show("two batches", 6, 24, pa.table(rows), batches=2)
show("a null", 3, 12, pa.table({"vector": column(pa.list_(pa.float32(), 4), [V, None, V])}))
show("half", 2, 8, pa.table({"vector": column(pa.list_(pa.float16(), 4), [V, V])}))
show("double", 2, 8, pa.table({"vector": column(pa.list_(pa.float64(), 4), [V, V])}))
show("bytes", 2, 8, pa.table({"vector": column(pa.list_(pa.uint8(), 4), [[57] * 4] * 2)}))
show("any length", 2, 6, pa.table({"vector": column(pa.list_(pa.float32()), [V, V[:2]])}))
show("multi", 3, 12, pa.table({"vector": column(pa.list_(pa.list_(pa.float32(), 4)), [[V, V], [V]])}))
show("in a struct", 2, 8, pa.table({"s": column(pa.struct([("x", pa.utf8()), ("v", pa.list_(pa.float32(), 4))]), [{"x": "a", "v": V}, {"x": "b", "v": V}])}))
show("beside all types", 1, 4, pa.table({
    "n": column(pa.null(), [None]), "d": pa.array(["x"]).dictionary_encode(), "m": column(pa.map_(pa.utf8(), pa.int32()), [[("k", 1)]]),
    "b": column(pa.large_binary(), [b"abc"]), "f": column(pa.binary(3), [b"abc"]), "v": column(pa.string_view(), ["a string that is not short at all"]),
    "t": column(pa.timestamp("us"), [1]), "x": column(pa.decimal128(5, 2), [1]), "lv": column(pa.list_view(pa.utf8()), [["a", "b"]]),
    "r": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array(["a"])), "vector": column(pa.list_(pa.float32(), 4), [V]),
}))
show("compressed", 3, 12, pa.table(rows), compression="zstd")
show("no vectors", 0, 0, pa.table({"id": rows["id"], "text": rows["text"]}))
show("none, compressed", 0, 0, pa.table({"id": rows["id"]}), compression="lz4")
show("no rows", 0, 0, pa.table(rows).slice(0, 0))

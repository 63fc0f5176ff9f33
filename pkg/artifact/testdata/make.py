# Writes the samples of this directory: see README.
import io, json, gzip, bz2, lzma, os, sys, tarfile, zipfile, pickle
import numpy as np
out = sys.argv[1]
os.makedirs(out, exist_ok=True)
P = lambda n: os.path.join(out, n)
rng = np.random.default_rng(6)
w = rng.standard_normal((4, 6)).astype(np.float32)
from safetensors.numpy import save_file
save_file({"layer.weight": w, "layer.bias": w[0].copy()}, P("model.safetensors"), metadata={"format": "np"})
import gguf
g = gguf.GGUFWriter(P("model.gguf"), "llama")
g.add_block_count(1); g.add_string("general.note", "a sample"); g.add_array("tokens", ["a", "b", "c"])
g.add_tensor("blk.0.w", w); g.add_tensor("blk.0.b", w[0].copy())
g.write_header_to_file(); g.write_kv_data_to_file(); g.write_tensors_to_file(); g.close()
np.save(P("array.npy"), w); np.savez(P("arrays.npz"), a=w, b=w[0]); np.savez_compressed(P("arrays.compressed.npz"), a=w)
import joblib
for n, c in (("model.joblib", 0), ("model.zlib.joblib", ("zlib", 3)), ("model.gzip.joblib", ("gzip", 3)), ("model.xz.joblib", ("xz", 3))):
    joblib.dump({"w": w}, P(n), compress=c)
for p in range(2, 6):
    pickle.dump({"w": [1.5, 2.5], "name": "m"}, open(P(f"model.{p}.pkl"), "wb"), protocol=p)
import h5py
with h5py.File(P("array.h5"), "w") as f: f["w"] = w
with h5py.File(P("block.h5"), "w", userblock_size=1024) as f: f["w"] = w
with h5py.File(P("keras.h5"), "w") as f:
    f.attrs["keras_version"] = "3.0"; f.create_group("model_weights")["w"] = w
import onnx
from onnx import helper, numpy_helper, TensorProto
def model(**kw):
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 6])],
        [numpy_helper.from_array(w, "w")])
    return helper.make_model(graph, **kw)
onnx.save(model(producer_name="pytorch", producer_version="2.4"), P("model.onnx"))
onnx.save(model(), P("bare.onnx"))
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.feather as feather, pyarrow.orc as orc
t = pa.table({"text": ["one", "two"], "v": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2))})
pq.write_table(t, P("data.parquet"))
with pa.OSFile(P("data.arrow"), "wb") as s, pa.ipc.new_file(s, t.schema) as f: f.write_table(t)
with pa.OSFile(P("data.arrows"), "wb") as s, pa.ipc.new_stream(s, t.schema) as f: f.write_table(t)
orc.write_table(pa.table({"text": ["one", "two"]}), P("data.orc"))
import faiss
x = rng.standard_normal((64, 8)).astype(np.float32)
for n, d in (("flat", "Flat"), ("hnsw", "HNSW4,Flat"), ("ivf", "IVF2,Flat"), ("pq", "PQ2x4"), ("pca", "PCA4,Flat"), ("sq", "SQ8")):
    i = faiss.index_factory(8, d); i.train(x); i.add(x[:4]); faiss.write_index(i, P(f"{n}.faiss"))
i = faiss.IndexBinaryFlat(16); i.add(np.zeros((2, 2), np.uint8)); faiss.write_index_binary(i, P("binary.faiss"))
i = faiss.IndexIDMap(faiss.IndexFlatIP(8)); i.add_with_ids(x[:2], np.array([1, 2])); faiss.write_index(i, P("ids.faiss"))
import sqlite3
c = sqlite3.connect(P("chroma.sqlite3")); c.execute("pragma page_size=512"); c.execute("create table t(a)"); c.commit(); c.close()
st = open(P("model.safetensors"), "rb").read()
gzip.GzipFile(P("model.safetensors.gz"), "wb", mtime=0).write(st)
open(P("model.safetensors.bz2"), "wb").write(bz2.compress(st))
open(P("model.safetensors.xz"), "wb").write(lzma.compress(st))
open(P("text.bz2"), "wb").write(bz2.compress(b"a text\n" * 100))
open(P("text.xz"), "wb").write(lzma.compress(b"a text\n" * 100))
import zstandard
open(P("model.safetensors.zst"), "wb").write(zstandard.compress(st))
co = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)).compressobj()
open(P("model.long.zst"), "wb").write(co.compress(st) + co.flush())
def tar(n, mode, fmt):
    with tarfile.open(P(n), mode, format=fmt) as tf:
        for name, b in (("README.md", b"# A model\n"), ("model.safetensors", st)):
            ti = tarfile.TarInfo(name); ti.size = len(b); tf.addfile(ti, io.BytesIO(b))
tar("model.tar", "w", tarfile.USTAR_FORMAT); tar("model.pax.tgz", "w:gz", tarfile.PAX_FORMAT)
def zf(n, entries, m=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(P(n), "w", m) as z:
        for name, b in entries: z.writestr(zipfile.ZipInfo(name) if m == zipfile.ZIP_STORED else name, b, m)
zf("model.zip", [("README.md", "# A model\n" * 3), ("model.safetensors", st)])
zf("stored.zip", [("a.txt", "text\n"), ("model.gguf", open(P("model.gguf"), "rb").read())], zipfile.ZIP_STORED)
zf("model.keras", [("metadata.json", "{}"), ("config.json", "{}"), ("model.weights.h5", open(P("array.h5"), "rb").read()[:1024])])
zf("model.pt", [("archive/data.pkl", pickle.dumps({"w": 1}, 2)), ("archive/version", b"3\n"), ("archive/data/0", w.tobytes())], zipfile.ZIP_STORED)
zf("doc.docx", [("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<document>hello</document>" * 20)])
zf("lib.jar", [("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"), ("A.class", b"\xca\xfe\xba\xbe\0\0\0\x34\0\x0a")])
zf("pkg.whl", [("pkg/__init__.py", "x = 1\n" * 40), ("pkg-1.dist-info/METADATA", "Name: pkg\n")])

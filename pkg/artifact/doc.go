// Package artifact recognises model artefacts and exports of a corpus by their bytes, whatever their name says.
//
// [Recognise] judges the first 64 KiB of an object. [Evidence] collects what several answers showed of one object, a prefix and a tail, since
// readers of safetensors ask for eight bytes and then the middle, and readers of Parquet and zip for the tail first. [Memory] keeps evidence
// and stricter judgements by object and version, in this process; pkg/redisstore has its sibling for several replicas, and artifacttest is the
// suite that both must pass. The package trusts nothing of what it reads: all of it may have been written by whoever wants
// it to look harmless. It never blocks, its work is bounded whatever the bytes are, and for formats that are not compressed it allocates nothing.
//
// # Formats
//
// Checkpoints: safetensors, GGUF and its ancestors (ggml, ggmf, ggjt, ggla), PyTorch's zip and legacy files, pickle, joblib, HDF5 and Keras,
// ONNX, SavedModel, TFLite, npy and npz. Corpora: indexes of FAISS, Parquet, Arrow, Feather, Lance, ORC, Avro, SQLite, DuckDB, Redis' and
// PostgreSQL's dumps, and CSV, JSON lines and large JSON arrays whose records hold vectors or
// long texts. They are looked for inside gzip, zlib, zstd, xz, bzip2,
// tar and zip, two layers deep, all layers together into at most 1 MiB.
//
// # What cannot be known
//
// Some objects nobody can look into, and they are guarded as opaque, for policy to decide about: what age, OpenSSL, PGP and LUKS encrypted,
// 7z, rar, lz4 and other compressions that are not opened here, encrypted zips, a third layer, a block that does not fit the prefix (bzip2
// compresses up to 900 kB at a time, zstd 128 KiB), and bytes without any order where the object has 1 MiB or more, or nobody knows how much.
//
// Some do not look like what they are, and no look at the bytes helps: weights behind the first bytes of a picture, weights XORed with a
// constant, raw floats without a header (whose exponents have too much order for opaque: they are Unknown), vectors written as prose or hidden
// in pictures, an object in a thousand small ones. Harmless means "looks like something else", never "is": whoever can write to the store can
// forge it. What stays Unknown shares an allowance, coverage and budgets count what leaves whatever it is, and these are the protection there.
//
// Parameters and tensors are what a header says, and are 0 where the header does not fit the prefix or says nonsense.
package artifact

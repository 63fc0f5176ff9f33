"""Prints messages.golden: answers of vector databases over gRPC, made by the message classes that their Python clients bring
(qdrant-client 1.20.0, pymilvus 3.0.2, weaviate-client 4.24.1, pinecone 8.0.0). Each component of a vector is 0.7312, so that one that is left is
seen. Usage: python messages.py, once in an environment for each client; classes that are not there are left out."""

import struct

V = [0.7312] * 4


def show(name, dialect, method, vectors, dims, message):
    print(f"{name}\t{dialect}\t{method}\t{vectors}\t{dims}\t{message.SerializeToString().hex()}")


def qdrant():
    from qdrant_client import grpc as q

    dense = q.VectorOutput(dense=q.DenseVector(data=V))
    multi = q.VectorOutput(multi_dense=q.MultiDenseVector(vectors=[q.DenseVector(data=V), q.DenseVector(data=V)]))
    sparse = q.VectorOutput(sparse=q.SparseVector(values=V, indices=[3, 300, 30000, 3000000]))
    old = q.VectorOutput(data=V + V, vectors_count=2)
    one = q.VectorsOutput(vector=dense)
    named = q.VectorsOutput(vectors=q.NamedVectorsOutput(vectors={"a": dense, "b": multi, "c": sparse, "d": old}))
    payload = {"city": q.Value(string_value="Bern"), "n": q.Value(integer_value=7)}
    hits = [q.ScoredPoint(id=q.PointId(num=1), payload=payload, score=0.5, version=3, vectors=v) for v in (one, named)]
    points = [q.RetrievedPoint(id=q.PointId(uuid="5c56c793-69f3-4fbf-87e6-c4bf54c28c26"), payload=payload, vectors=v) for v in (one, named)]
    at = "/qdrant.Points/"
    show("qdrant Search", "qdrant", at + "Search", 7, 28, q.SearchResponse(result=hits, time=0.1))
    show("qdrant Query", "qdrant", at + "Query", 7, 28, q.QueryResponse(result=hits, time=0.1))
    show("qdrant QueryBatch", "qdrant", at + "QueryBatch", 14, 56, q.QueryBatchResponse(result=[q.BatchResult(result=hits)] * 2, time=0.1))
    show("qdrant SearchGroups", "qdrant", at + "SearchGroups", 7, 28,
         q.SearchGroupsResponse(result=q.GroupsResult(groups=[q.PointGroup(id=q.GroupId(string_value="x"), hits=hits)]), time=0.1))
    show("qdrant Scroll", "qdrant", at + "Scroll", 7, 28, q.ScrollResponse(next_page_offset=q.PointId(num=9), result=points, time=0.1))
    show("qdrant Get", "qdrant", at + "Get", 7, 28, q.GetResponse(result=points, time=0.1))


def milvus():
    from pymilvus.grpc_gen import milvus_pb2 as m, schema_pb2 as s

    def field(name, kind, **vectors):
        return s.FieldData(type=kind, field_name=name, vectors=s.VectorField(**vectors))

    f32, f16 = struct.pack("<4f", *V), struct.pack("<4e", *V)
    fields = [
        s.FieldData(type=s.DataType.Int64, field_name="id", scalars=s.ScalarField(long_data=s.LongArray(data=[1, 2]))),
        s.FieldData(type=s.DataType.VarChar, field_name="text", scalars=s.ScalarField(string_data=s.StringArray(data=["a", "b"]))),
        field("dense", s.DataType.FloatVector, dim=4, float_vector=s.FloatArray(data=V + V)),
        field("half", s.DataType.Float16Vector, dim=4, float16_vector=f16 + f16),
        field("bhalf", s.DataType.BFloat16Vector, dim=4, bfloat16_vector=b"\x3b\x3f" * 8),
        field("bits", s.DataType.BinaryVector, dim=16, binary_vector=b"\x01\x02\x03\x04"),
        field("bytes", s.DataType.Int8Vector, dim=4, int8_vector=b"\x01\x02\x03\x04\x05\x06\x07\x08"),
        field("words", s.DataType.SparseFloatVector, dim=9, sparse_float_vector=s.SparseFloatArray(dim=9, contents=[struct.pack("<IfIf", 5, 0.7312, 7, 0.7312)] * 2)),
    ]
    vectors, dims = 12, 8 + 8 + 8 + 32 + 8 + 4
    at = "/milvus.proto.milvus.MilvusService/"
    show("milvus Query", "milvus", at + "Query", vectors, dims, m.QueryResults(fields_data=fields, collection_name="docs", output_fields=["*"]))
    results = s.SearchResultData(num_queries=1, top_k=2, fields_data=fields, scores=[0.9, 0.8], topks=[2], ids=s.IDs(int_id=s.LongArray(data=[1, 2])))
    show("milvus Search", "milvus", at + "Search", vectors, dims, m.SearchResults(results=results, collection_name="docs"))
    del f32


def weaviate():
    from weaviate.proto.v1 import base_pb2 as b, search_get_pb2 as g

    f32 = struct.pack("<4f", *V)
    metadata = g.MetadataResult(id="5c56c793-69f3-4fbf-87e6-c4bf54c28c26", vector=V, vector_bytes=f32, distance=0.1, vectors=[
        b.Vectors(name="a", vector_bytes=f32, type=b.Vectors.VECTOR_TYPE_SINGLE_FP32),
        b.Vectors(name="b", vector_bytes=struct.pack("<H8f", 4, *(V + V)), type=b.Vectors.VECTOR_TYPE_MULTI_FP32)])
    results = [g.SearchResult(metadata=metadata, properties=g.PropertiesResult(target_collection="Docs"))] * 2
    show("weaviate Search", "weaviate", "/weaviate.v1.Weaviate/Search", 10, 40, g.SearchReply(took=0.1, results=results))


def pinecone():
    from pinecone.core.grpc.protos import db_data_2025_10_pb2 as p

    sparse = p.SparseValues(indices=[1, 1000], values=V[:2])
    matches = [p.ScoredVector(id="a", score=0.5, values=V, sparse_values=sparse)] * 2
    show("pinecone Query", "pinecone", "/VectorService/Query", 4, 12, p.QueryResponse(matches=matches, namespace="n"))
    show("pinecone Fetch", "pinecone", "/VectorService/Fetch", 2, 6, p.FetchResponse(vectors={"a": p.Vector(id="a", values=V, sparse_values=sparse)}, namespace="n"))


for make in (qdrant, milvus, weaviate, pinecone):
    try:
        make()
    except ImportError:
        pass

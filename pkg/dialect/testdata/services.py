"""Prints services.golden: what the databases' and servers' own gRPC descriptors say of the methods that the dialects read, and the names of
all their methods. The descriptors are those that Python clients bring: qdrant-client 1.20.0, pymilvus 3.0.2, weaviate-client 4.24.1,
pinecone 8.0.0 and tritonclient 2.73.0. Usage: python services.py, once in an environment for each client; classes that are not there are
left out.

A method is a line of its path, request and answer. A message is a line of its name, and one for each field: its number, its name, and its
type; "map" says that it is one."""

import importlib

from google.protobuf import descriptor_pool

READ = {
    "qdrant.Points": """Upsert UpdateVectors UpdateBatch Get Scroll Search SearchBatch SearchGroups Recommend RecommendBatch RecommendGroups Discover
        DiscoverBatch Query QueryBatch QueryGroups SearchMatrixPairs SearchMatrixOffsets Facet Count""",
    "milvus.proto.milvus.MilvusService": "Search HybridSearch Query Insert Upsert Delete",
    "weaviate.v1.Weaviate": "Search Aggregate BatchObjects BatchStream BatchReferences BatchDelete TenantsGet",
    "VectorService": "Query Fetch FetchByMetadata Upsert Update Delete List",
    "inference.GRPCInferenceService": "ModelInfer ModelStreamInfer",
}
MODULES = [
    "qdrant_client.grpc", "pymilvus.grpc_gen.milvus_pb2", "weaviate.proto.v1.v6300.v1.weaviate_pb2",
    "pinecone.core.grpc.protos.db_data_2025_10_pb2", "tritonclient.grpc.service_pb2",
]
WITHIN = ["milvus.proto.common.PlaceholderGroup"]  # messages within fields of bytes
OTHERS = ["qdrant.Collections", "qdrant.Snapshots", "qdrant.Qdrant"]


def repeated(field):
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == 3  # as older releases of protobuf have it


def kind(field):
    if field.message_type:
        if field.message_type.GetOptions().map_entry:
            return "map " + field.message_type.full_name
        name = field.message_type.full_name
    else:
        name = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool", 9: "string", 12: "bytes", 13: "uint32",
                14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64"}[field.type]
    return "repeated " + name if repeated(field) else name


def fields(message, seen):
    if message.full_name in seen or message.full_name.startswith("google."):
        return
    seen.add(message.full_name)
    print(message.full_name)
    for field in sorted(message.fields, key=lambda f: f.number):
        print("", field.number, field.name, kind(field))
    for field in sorted(message.fields, key=lambda f: f.number):
        if field.message_type:
            fields(field.message_type, seen)


def main():
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError:
            pass
    pool, seen = descriptor_pool.Default(), set()
    for name in [*READ, *OTHERS]:
        try:
            service = pool.FindServiceByName(name)
        except KeyError:
            continue
        read = READ.get(name, "").split()
        for method in service.methods:
            print(f"/{name}/{method.name}", method.input_type.full_name, method.output_type.full_name)
        for method in service.methods:
            if method.name in read:
                fields(method.input_type, seen)
                fields(method.output_type, seen)
    for name in WITHIN:
        try:
            fields(pool.FindMessageTypeByName(name), seen)
        except KeyError:
            pass


main()

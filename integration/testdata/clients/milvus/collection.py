"""Prints what pymilvus makes of a Milvus behind Weir. Arguments are WHO:WHAT: WHO is a variable with a token, "root" the server's own default user,
or "nobody"; WHAT is setup (round Weir, at MILVUS_URL), search, get (by primary keys), or texts (by what is no key)."""

import os
import sys
import time

import grpc
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

DIMS = 8
TEXTS = ["a river", "a mountain", "a plain"]


def vector(n):
    return [float(n == i) + 0.25 for i in range(DIMS)]


def kind(v):
    if len(v) == 0:
        return "empty"
    if not any(v):
        return f"{len(v)} zeros"
    if v in [vector(n) for n in range(len(TEXTS))]:
        return f"{len(v)} raw"
    return f"{len(v)} of something else"


def connect(who):
    token = {"root": "root:Milvus", "nobody": ""}.get(who) if who in ("root", "nobody") else os.environ[who]
    return MilvusClient(uri=os.environ["ENVOY_URL"], token=token, timeout=10)


def owner_of_all():
    """The server's own client, once the server is there; a minute at most."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return MilvusClient(uri=os.environ["MILVUS_URL"], timeout=10)
        except MilvusException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def setup():
    owner = owner_of_all()
    schema = owner.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("text", DataType.VARCHAR, max_length=64)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIMS)
    index = owner.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="L2")
    owner.create_collection("papers", schema=schema, index_params=index)
    owner.insert("papers", [{"id": n, "text": text, "embedding": vector(n)} for n, text in enumerate(TEXTS)])
    owner.load_collection("papers")
    return f"{len(TEXTS)} rows"


def search(client):
    hits = client.search("papers", data=[vector(1)], limit=2, output_fields=["text", "embedding"])[0]
    return ", ".join(f"{hit['entity']['text']}: {kind(list(hit['entity']['embedding'] or []))}" for hit in hits)


def get(client):
    rows = client.get("papers", ids=[2, 0], output_fields=["text", "embedding"])
    return ", ".join(sorted(f"{row['text']}: {kind(list(row['embedding'] or []))}" for row in rows))


def texts(client):
    return len(client.query("papers", filter="text in ['a river']", output_fields=["text", "embedding"]))


DO = {"search": search, "get": get, "texts": texts}

for arg in sys.argv[1:]:
    who, what = arg.split(":")
    try:
        print(arg, setup() if what == "setup" else DO[what](connect(who)))
    except MilvusException as error:
        print(arg, type(error).__name__, str(error).split("\n")[0].replace(os.environ["ENVOY_URL"].removeprefix("http://"), "ENVOY"))
    except grpc.RpcError as error:  # pymilvus lets some through
        print(arg, error.code().name, error.details())

"""Prints what chromadb's HTTP client makes of a Chroma behind Weir. A call is PERSON:WHAT; a person's token is the variable of that name."""

import os
import random
import re
import sys
import urllib.parse

import chromadb
import numpy

NAME, DIMS, ROWS = "corpus", 32, 40


def embedding(row):
    """The vector of a row, in the precision that Chroma keeps."""
    dice = random.Random(row)
    return numpy.array([dice.uniform(-1, 1) for _ in range(DIMS)], dtype=numpy.float32)


def connect(person):
    url = urllib.parse.urlsplit(os.environ["ENVOY_URL"])
    return chromadb.HttpClient(
        host=url.hostname,
        port=url.port,
        settings=chromadb.Settings(
            anonymized_telemetry=False,
            chroma_client_auth_provider="chromadb.auth.token_authn.TokenAuthClientProvider",
            chroma_client_auth_credentials=os.environ[person],
        ),
    )


def kind(ident, vector):
    if len(vector) == 0:
        return "empty"
    if not any(vector):
        return f"{len(vector)} zeros"
    if numpy.array_equal(numpy.float32(vector), embedding(int(ident.removeprefix("doc-")))):
        return f"{len(vector)} raw"
    return f"{len(vector)} of something else"


def show(idents, vectors, documents):
    if vectors is None:
        kinds = "no vectors"
    else:
        kinds = f"{type(vectors).__name__} of " + ", ".join(sorted({kind(i, v) for i, v in zip(idents, vectors, strict=True)}))
    right = documents == [f"document {i.removeprefix('doc-')}" for i in idents] if documents else "-"
    return f"{len(idents)} rows: {kinds}; documents right {right}"


def setup(client):
    """Makes the collection and fills it, through Weir too."""
    collection = client.get_or_create_collection(NAME, embedding_function=None)
    collection.add(
        ids=[f"doc-{row}" for row in range(ROWS)],
        documents=[f"document {row}" for row in range(ROWS)],
        embeddings=[embedding(row) for row in range(ROWS)],
    )
    return f"{collection.count()} rows"


def get(client, **what):
    answer = client.get_collection(NAME, embedding_function=None).get(**what)
    return show(answer["ids"], answer["embeddings"], answer["documents"])


def query(client, rows, **what):
    answer = client.get_collection(NAME, embedding_function=None).query(query_embeddings=[embedding(row) for row in rows], **what)
    nearest = [idents[0] for idents in answer["ids"]] == [f"doc-{row}" for row in rows]
    sets = [
        show(idents, answer["embeddings"][i] if answer["embeddings"] is not None else None, answer["documents"][i] if answer["documents"] else None)
        for i, idents in enumerate(answer["ids"])
    ]
    return f"each finds itself {nearest}; " + " | ".join(sets)


CALLS = {
    "setup": setup,
    "list": lambda client: [collection.name for collection in client.list_collections()],
    "count": lambda client: client.get_collection(NAME, embedding_function=None).count(),
    "get": lambda client: get(client, ids=["doc-7", "doc-8", "doc-9"], include=["embeddings", "documents"]),
    "get-plain": lambda client: get(client, limit=5),
    "all": lambda client: get(client, include=["embeddings"]),
    "too-many": lambda client: get(client, limit=51, include=["embeddings"]),
    "peek": lambda client: show(*(client.get_collection(NAME, embedding_function=None).peek(4)[part] for part in ("ids", "embeddings", "documents"))),
    "query": lambda client: query(client, [3, 30], n_results=2, include=["embeddings", "documents", "distances"]),
    "query-plain": lambda client: query(client, [11], n_results=3),
    "query-many": lambda client: query(client, [11], n_results=40),
    "delete": lambda client: client.delete_collection(NAME),
}

for argument in sys.argv[1:]:
    person, what = argument.split(":")
    try:
        print(f"{argument} {CALLS[what](connect(person))}")
    except Exception as error:  # chromadb raises bare exceptions too
        said = re.sub(r'((?:"decision":"|\(decision ))[^")]+', r"\1<ID>", str(error).splitlines()[0][:600])
        print(f"{argument} {type(error).__name__}: {said}")

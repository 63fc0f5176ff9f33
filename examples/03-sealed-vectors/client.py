"""An unmodified chromadb client whose vectors are sealed. main.go runs it; ENVOY_URL, CHROMA_URL and TOKEN tell it where and as whom.

bob goes through Envoy and Weir. The owner of the data goes to Chroma itself, round both: what he gets is what bob is compared with.
"""

import os
import random
import sys
import urllib.parse

import chromadb
import numpy

DIMS, ROWS, NEAREST = 384, 200, 5
IDS = [f"doc-{row}" for row in range(ROWS)]

passed = failed = 0


def vector(row):
    """A vector of length 1, always the same for a row: it stands for what bob's own model says."""
    dice = random.Random(row)
    v = numpy.array([dice.gauss(0, 1) for _ in range(DIMS)])
    return numpy.float32(v / numpy.linalg.norm(v))


def connect(url, token=None):
    parts = urllib.parse.urlsplit(url)
    settings = chromadb.Settings(anonymized_telemetry=False)
    if token:
        settings.chroma_client_auth_provider = "chromadb.auth.token_authn.TokenAuthClientProvider"
        settings.chroma_client_auth_credentials = token
    return chromadb.HttpClient(host=parts.hostname, port=parts.port, settings=settings)


def step(title, do):
    """Runs one step and says what came of it."""
    global passed, failed
    print(f"\n{passed + failed + 1}. {title}")
    try:
        said = do()
        passed += 1
        print(f"   ok: {said}")
    except Exception as error:  # chromadb raises bare exceptions too
        failed += 1
        print(f"   FAILED: {type(error).__name__}: {str(error)[:600]}")


def want(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def refused(call):
    """Makes the call, which must be refused with 403, and returns the reason."""
    try:
        call()
    except Exception as error:
        said = str(error)
        want('"status":403' in said and "weir.rules.forged" in said, f"not the refusal that was expected: {said[:300]}")
        return said.split('"detail":"')[1].split('"')[0]
    raise AssertionError("it was answered")


bob = connect(os.environ["ENVOY_URL"], os.environ["TOKEN"])
owner = connect(os.environ["CHROMA_URL"])
ours = bob.create_collection("ours", embedding_function=None)
other = bob.create_collection("other", embedding_function=None)
originals = numpy.array([vector(row) for row in range(ROWS)])
sealed = None


def adds():
    ours.add(ids=IDS, documents=[f"document {row}" for row in range(ROWS)], embeddings=list(originals))
    other.add(ids=IDS[:1], embeddings=[originals[0]])
    kept = owner.get_collection("ours", embedding_function=None).get(ids=IDS, include=["embeddings"])
    at = {ident: v for ident, v in zip(kept["ids"], kept["embeddings"], strict=True)}
    want(all(numpy.array_equal(numpy.float32(at[ident]), originals[row]) for row, ident in enumerate(IDS)), "Chroma has other numbers")
    return f"Chroma has all {ROWS}, number for number: nothing is changed on the way in"


def gets():
    global sealed
    answer = ours.get(ids=IDS, include=["embeddings"])
    at = {ident: v for ident, v in zip(answer["ids"], answer["embeddings"], strict=True)}
    sealed = numpy.float32([at[ident] for ident in IDS])
    want(sealed.shape == originals.shape, f"shape {sealed.shape}")
    want(numpy.isfinite(sealed).all() and (numpy.abs(sealed) <= 1).all(), "no ordinary numbers")
    same = int((sealed == originals).sum())
    want(same == 0, f"{same} numbers are the original ones")
    unit = sealed / numpy.linalg.norm(sealed, axis=1, keepdims=True)
    most = float(numpy.abs((unit * originals).sum(axis=1)).max())
    want(most < 0.3, f"cosine {most:.2f} with its original")
    print(f"   the first one was  {', '.join(f'{x:+.4f}' for x in originals[0][:5])}, …")
    print(f"   and came back as   {', '.join(f'{x:+.4f}' for x in sealed[0][:5])}, …")
    return f"{ROWS} vectors of {DIMS} numbers as before, none of them the original's; largest cosine with its own original {most:.2f}"


def searches():
    through = ours.query(query_embeddings=list(sealed), n_results=NEAREST, include=["distances"])
    direct = owner.get_collection("ours", embedding_function=None).query(query_embeddings=list(originals), n_results=NEAREST, include=["distances"])
    differ = [ident for ident, a, b in zip(IDS, through["ids"], direct["ids"], strict=True) if a != b]
    want(not differ, f"{len(differ)} searches found something else: {differ[:3]}")
    off = numpy.abs(numpy.array(through["distances"]) - numpy.array(direct["distances"])).max()
    print(f"   largest difference of a distance: {off:.1e} (a sealed vector keeps 16 bits of each number)")
    return f"{ROWS} searches, each with the same {NEAREST} ids in the same order"


def upserts():
    ours.upsert(ids=["copy"], documents=["a copy of document 7"], embeddings=[sealed[7]])
    found = ours.query(query_embeddings=[sealed[7]], n_results=2, include=["distances"])["ids"][0]
    want(sorted(found) == ["copy", "doc-7"], f"found {found}")
    kept = owner.get_collection("ours", embedding_function=None).get(ids=["copy"], include=["embeddings"])["embeddings"][0]
    off = float(numpy.abs(numpy.float32(kept) - originals[7]).max())
    want(off < 1e-3, f"Chroma has something else: off by {off}")
    return f"the copy is its neighbour; Chroma has the vector itself, to {off:.1e} in a number"


def elsewhere():
    return "403: " + refused(lambda: other.query(query_embeddings=[sealed[7]], n_results=1))


def changed():
    by_a_digit = sealed[7].copy()
    by_a_digit[100] += numpy.float32(0.001)
    return "403: " + refused(lambda: ours.query(query_embeddings=[by_a_digit], n_results=1))


step("Bob adds documents with vectors of his own, through Envoy", adds)
step("He reads them back", gets)
step("He searches with each sealed vector; the owner searches at Chroma itself with the original", searches)
step("He stores a sealed vector under another id, and searches for it", upserts)
step("He takes a sealed vector to another collection", elsewhere)
step("He changes one number of a sealed vector by a thousandth", changed)
print(f"\n{passed} passed, {failed} failed")
sys.exit(failed > 0)

"""Prints what openai-python makes of the answers that the named people get. A person's token is the variable of that name."""

import asyncio
import os
import sys

import openai

TEXTS = ["a river", "a weir", "a lock"]
URL = os.environ["ENVOY_URL"] + "/v1"


def kind(vector):
    """Names one vector. The upstream's are recognisable: see harness.Sentinel."""
    if isinstance(vector, str):
        return f"text of {len(vector)}"
    if not vector:
        return f"empty {type(vector).__name__}"
    if not any(vector):
        return f"{len(vector)} zeros"
    if all(abs(x - 0.7312) < 1e-4 for x in vector):
        return f"{len(vector)} raw"
    return f"{len(vector)} of something else"


def show(name, what, answer):
    kinds = sorted({kind(item.embedding) for item in answer.data})
    order = [item.index for item in answer.data] == list(range(len(answer.data)))
    print(f"{name} {what}: {len(answer.data)} × {', '.join(kinds)}; in order {order}; {answer.usage.total_tokens} tokens")


def sync(name):
    with openai.OpenAI(base_url=URL, api_key=os.environ[name], timeout=20, max_retries=0) as client:
        show(name, "default", client.embeddings.create(model="sentinel", input=TEXTS))
        show(name, "float", client.embeddings.create(model="sentinel", input=TEXTS, encoding_format="float"))
        show(name, "base64", client.embeddings.create(model="sentinel", input=TEXTS, encoding_format="base64"))
        show(name, "one text", client.embeddings.create(model="sentinel", input="a river", dimensions=8))
        show(name, "tokens", client.embeddings.create(model="sentinel", input=[[1, 2], [3]]))
        raw = client.embeddings.with_raw_response.create(model="sentinel", input="a river")
        print(f"{name} head: {raw.http_response.status_code}, weir-decision {'weir-decision' in raw.headers}, {raw.headers['content-type']}")


async def many(name):
    """Asks 30 times at once, for one to three vectors each: every answer must be the one to its own question."""
    async with openai.AsyncOpenAI(base_url=URL, api_key=os.environ[name], timeout=20, max_retries=0) as client:
        show(name, "async", await client.embeddings.create(model="sentinel", input=TEXTS))
        asked = [TEXTS[: 1 + i % 3] for i in range(30)]
        answers = await asyncio.gather(*(client.embeddings.create(model="sentinel", input=texts, dimensions=8 + i) for i, texts in enumerate(asked)))
        mixed = [i for i, answer in enumerate(answers) if len(answer.data) != len(asked[i])]
        kinds = sorted({kind(item.embedding).lstrip("0123456789 ") for answer in answers for item in answer.data})
        sizes = sorted({len(item.embedding) for answer in answers for item in answer.data})
        print(f"{name} 30 at once: {', '.join(kinds)}; {sizes[0]} to {sizes[-1]} components; mixed up {mixed}")


for person in sys.argv[1:]:
    sync(person)
    asyncio.run(many(person))

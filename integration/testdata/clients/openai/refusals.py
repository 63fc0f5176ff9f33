"""Prints which of openai-python's errors each call ends in. A call is PERSON:WHAT; a person's token is the variable of that name."""

import os
import sys

import openai

SHAPES = {
    # What the upstream is to answer instead: see harness.Shape.
    "models": 'status=200 type=application/json text={"object":"list","data":[{"id":"sentinel","object":"model","created":1,"owned_by":"us"}]}',
    "html": "text=<html>",
}


def call(client, what):
    if what == "models":
        return "models " + ", ".join(model.id for model in client.models.list())
    inputs = ["a weir"] * int(what) if what.isdigit() else "a weir"
    answer = client.embeddings.create(model="sentinel", input=inputs)
    return f"{len(answer.data)} vectors"


def problem(error):
    """What the error prints, and what Weir said besides: openai-python keeps the problem+json as the error's body."""
    body = error.body if isinstance(error.body, dict) else {}
    said = [str(error).replace(str(body.get("decision")), "<ID>"), str(body.get("rule", "-"))]
    wait = error.response.headers.get("retry-after")
    if wait is not None:
        # The limit is one of an hour, which is forgotten in eight slots, the last one up to a slot late.
        said.append("Retry-After in minutes" if 3000 < int(wait) <= 3600 * 9 / 8 else f"Retry-After {wait}")
    if body.get("decision") != error.response.headers.get("weir-decision"):
        said.append("the body names another decision than the head")
    return "; ".join(said)


for argument in sys.argv[1:]:
    person, what = argument.split(":")
    shape = {"x-test-upstream": SHAPES[what]} if what in SHAPES else {}
    retries = int(os.environ.get("RETRIES", "0"))
    client = openai.OpenAI(
        base_url=os.environ["ENVOY_URL"] + "/v1", api_key=os.environ[person], timeout=20, max_retries=retries, default_headers=shape
    )
    with client:
        try:
            print(f"{person} {what}: {call(client, what)}")
        except openai.APIStatusError as error:
            print(f"{person} {what}: {type(error).__name__}: {problem(error)}")

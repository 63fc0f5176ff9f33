"""Prints what huggingface_hub's client makes of a Text Embeddings Inference server behind Weir. Arguments are people; a person's token is the
variable of that name."""

import os
import sys

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

URL = os.environ["ENVOY_URL"] + "/embed"


def kind(vector):
    if len(vector) == 0:
        return "empty"
    if not any(vector):
        return f"{len(vector)} zeros"
    if all(abs(x - 0.7312) < 1e-4 for x in vector):
        return f"{len(vector)} raw"
    return f"{len(vector)} of something else"


for person in sys.argv[1:]:
    client = InferenceClient(model=URL, token=os.environ[person], timeout=20)
    for what in ["sentinel", ["sentinel one", "sentinel two", "sentinel three"]]:
        try:
            vectors = client.feature_extraction(what)
            print(f"{person} {type(vectors).__name__} {vectors.dtype} {vectors.shape}: {', '.join(sorted({kind(v) for v in vectors}))}")
        except HfHubHTTPError as error:
            said = str(error).replace(error.response.headers.get("weir-decision", "-"), "<ID>").replace(URL, "URL").split("\n")
            print(f"{person} {type(error).__name__}: {' | '.join(line for line in said if line)}")

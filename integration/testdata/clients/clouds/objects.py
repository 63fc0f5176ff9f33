"""Prints what the clients of Cloud Storage and of Azure's Blob service make of a store behind Weir. A call is PERSON:STORE:WHAT; a person's token is the
variable of that name."""

import hashlib
import os
import sys

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import storage
from google.oauth2.credentials import Credentials

URL = os.environ["ENVOY_URL"]
MODEL, NOTES = "llm/w+x.safetensors", "notes/a b.txt"
WHY = {"weir-justification": "MODEL-42 evaluation"}


def digest(content):
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]}"


def google(token, what):
    """A token is what any credentials come to; the client's own option adds a header."""
    client = storage.Client("demo", Credentials(token), client_options={"api_endpoint": URL}, extra_headers={} if what == "no-reason" else WHY)
    bucket = client.bucket("models")
    if what == "about":
        return f"{bucket.get_blob(MODEL).size} bytes"
    if what == "range":
        return digest(bucket.blob(MODEL).download_as_bytes(start=10, end=99, retry=None))
    return digest(bucket.blob(NOTES if what == "notes" else MODEL).download_as_bytes(retry=None))


def azure(token, what):
    client = BlobServiceClient(URL, retry_total=0, max_single_get_size=64 << 10, max_chunk_get_size=64 << 10)
    headers = {"weir-token": token, **({} if what == "no-reason" else WHY)}
    blob = client.get_blob_client("container", NOTES if what == "notes" else MODEL)
    if what == "about":
        return f"{blob.get_blob_properties(headers=headers).size} bytes"
    if what == "range":
        return digest(blob.download_blob(10, 90, headers=headers).readall())
    return digest(blob.download_blob(headers=headers).readall())


def run(person, store, what):
    token = os.environ[person]
    try:
        return {"google": google, "azure": azure}[store](token, what)
    except GoogleAPICallError as error:
        return f"{type(error).__name__} {error.code}: {said(error.response, error.message)}"
    except HttpResponseError as error:
        return f"{type(error).__name__} {error.status_code}, {error.error_code}: {said(error.response, error.message.splitlines()[0])}"


def said(response, message):
    """What the client says of it, with URLs and the decision's ID left out. Of a refused content Google's shows the answer's text."""
    message = message.replace(response.headers["weir-decision"], "<ID>")
    return message.split('"message":"')[-1].split('"')[0] if "{" in message else message.split(": ", 1)[-1]


for argument in sys.argv[1:]:
    print(argument, run(*argument.split(":")))

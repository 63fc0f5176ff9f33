"""Prints what boto3 makes of an S3 behind Weir. A call is PERSON:WHAT; a person's token is the variable of that name."""

import hashlib
import os
import sys
import tempfile
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
from boto3.s3.transfer import TransferConfig

URL = os.environ["ENVOY_URL"]
KEYS = {"aws_access_key_id": "AKDEMO", "aws_secret_access_key": "the secret of the demo", "region_name": "eu-central-1"}


def client(headers, when="before-send", secret=None):
    """Returns an S3 client that adds headers: before-send is after signing, before-sign is before it."""
    keys = dict(KEYS, aws_secret_access_key=secret) if secret else KEYS
    config = botocore.config.Config(
        signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20
    )
    s3 = boto3.client("s3", endpoint_url=URL, config=config, **keys)

    def add(request, **_):
        for name, value in headers.items():
            request.headers[name] = value

    s3.meta.events.register(f"{when}.s3", add)
    return s3


def digest(content):
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]}"


def get(s3):
    answer = s3.get_object(Bucket="models", Key="tiny.safetensors")
    return digest(answer["Body"].read())


def download(s3):
    """A transfer in ranges of 8 KiB, four at a time."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "got")
        s3.download_file("models", "tiny.safetensors", path, Config=TransferConfig(multipart_threshold=1 << 13, multipart_chunksize=1 << 13, max_concurrency=4))
        with open(path, "rb") as file:
            return digest(file.read())


def put(s3):
    s3.put_object(Bucket="corpus", Key="new/one.bin", Body=bytes(300_000))
    size = s3.head_object(Bucket="corpus", Key="new/one.bin")["ContentLength"]
    s3.delete_object(Bucket="corpus", Key="new/one.bin")
    return f"stored {size} bytes, and deleted"


def fetch(url, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return digest(answer.read())
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}: {said(error.headers, error.read().decode())}"


def said(headers, body):
    """What Weir says, with the decision's ID left out."""
    ours = headers.get("weir-decision")
    return body.strip().replace(ours, "<ID>") if ours else "not of Weir: " + body.strip()


def presigned(headers, more=""):
    url = client({}).generate_presigned_url("get_object", Params={"Bucket": "models", "Key": "tiny.safetensors"})
    return fetch(url + more, headers)


def embed(token, signed=(), **extra):
    """Signs an embedding request by SigV4, as for services that have no client of their own, and adds the token after that."""
    data = b'{"model":"sentinel","input":["a river","a weir"]}'
    headers = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in extra.items()}}
    request = botocore.awsrequest.AWSRequest("POST", URL + "/v1/embeddings", data=data, headers={n: v for n, v in headers.items() if n in signed or n == "Content-Type"})
    credentials = botocore.credentials.Credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
    botocore.auth.SigV4Auth(credentials, "bedrock", KEYS["region_name"]).add_auth(request)
    for name, value in headers.items():
        if name not in request.headers:
            request.headers[name] = value
    request.headers["weir-token"] = token
    try:
        plain = urllib.request.Request(URL + "/v1/embeddings", data=data, headers=dict(request.headers.items()))
        with urllib.request.urlopen(plain, timeout=20) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}: {said(error.headers, error.read().decode())}"


def run(person, what):
    token = os.environ.get(person, "")
    ours = {"weir-token": token, "weir-justification": "MODEL-42 evaluation"}
    calls = {
        "get": lambda: get(client(ours)),
        "no-reason": lambda: get(client({"weir-token": token})),
        "no-token": lambda: get(client({})),
        "wrong-secret": lambda: get(client(ours, secret="guessed")),
        "head": lambda: f"{client(ours).head_object(Bucket='models', Key='tiny.safetensors')['ContentLength']} bytes",
        "range": lambda: digest(client(ours).get_object(Bucket="models", Key="tiny.safetensors", Range="bytes=10-99")["Body"].read()),
        "odd-name": lambda: digest(client(ours).get_object(Bucket="corpus", Key="notes/a b+c(ä).txt")["Body"].read()),
        "download": lambda: download(client(ours)),
        "put": lambda: put(client(ours)),
        "signed-token": lambda: get(client(ours, when="before-sign")),
        "presigned": lambda: presigned(ours),
        "presigned-bearer": lambda: presigned({"Authorization": f"Bearer {token}", "weir-justification": "MODEL-42"}),
        "presigned-why": lambda: presigned({"weir-token": token}, "&weir-justification=MODEL-42+evaluation"),
        "presigned-alone": lambda: presigned({}),
        "embed": lambda: embed(token, accept_encoding="identity"),
        "embed-signed-encoding": lambda: embed(token, signed=("accept-encoding",), accept_encoding="identity"),
        "embed-signed-range": lambda: embed(token, signed=("range",), range="bytes=0-99"),
    }
    try:
        return calls[what]()
    except botocore.exceptions.ClientError as error:
        status, headers = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["ResponseMetadata"]["HTTPHeaders"]
        return f"{status} {type(error).__name__}: {error.response['Error']['Message']}".replace(headers.get("weir-decision", "nobody"), "<ID>")


for argument in sys.argv[1:]:
    print(f"{argument} {run(*argument.split(':'))}")

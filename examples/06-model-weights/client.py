"""An unmodified boto3 that downloads a model checkpoint through Envoy and Weir. main.go runs it; its variables say where and as whom.

boto3 owns Authorization, which is for the S3 server, and has signed the request before anything is added to it: Weir's token goes into a header
of its own, weir-token, by a hook that boto3 has for that. The owner of the models goes to the S3 server itself, round both.
"""

import hashlib
import os
import random
import sys
import urllib.error
import urllib.request
from xml.etree import ElementTree

import boto3
import botocore.config
import botocore.exceptions
from boto3.s3.transfer import TransferConfig

BUCKET, KEY, MODEL = "models", "llm/model.safetensors", os.environ["MODEL"]
PARTS = TransferConfig(multipart_threshold=4 << 20, multipart_chunksize=4 << 20, max_concurrency=4)
WHY = {"weir-justification": "MODEL-42 evaluation"}

passed = failed = 0


def connect(url, headers=(), secret=os.environ["SECRET_KEY"], when="before-send"):
    """Returns an S3 client, what it adds to each request (after signing), and the requests it has sent."""
    s3 = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id=os.environ["ACCESS_KEY"], aws_secret_access_key=secret, region_name="us-east-1",
        config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=20),
    )
    sent = []

    def add(request, **_):
        sent.append(request.method)
        for name, value in dict(headers).items():
            request.headers[name] = value

    s3.meta.events.register(f"{when}.s3", add)
    return s3, sent


def person(name, why=WHY, **more):
    return connect(os.environ["ENVOY_URL"], {"weir-token": os.environ[name], **why}, **more)


def step(title, do):
    """Runs one step and says what came of it."""
    global passed, failed
    print(f"\n{passed + failed + 1}. {title}")
    try:
        said = do()
        passed += 1
        print(f"   ok: {said}")
    except Exception as error:
        failed += 1
        print(f"   FAILED: {type(error).__name__}: {str(error)[:600]}")


def want(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refused(call, status, by_weir=True):
    """Makes the call, which must raise ClientError with that status, and returns its words."""
    try:
        call()
    except botocore.exceptions.ClientError as error:
        answer = error.response["ResponseMetadata"]
        want(answer["HTTPStatusCode"] == status, f"not the refusal that was expected: {error}")
        want(("weir-decision" in answer["HTTPHeaders"]) == by_weir, f"decided by somebody else: {error}")
        return str(error)
    raise AssertionError("it was answered")


def fetch(url, headers):
    """What any HTTP client makes of a presigned URL."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return answer.read()


owner, _ = connect(os.environ["S3_URL"])
owner.create_bucket(Bucket=BUCKET)
owner.upload_file(MODEL, BUCKET, KEY, Config=PARTS)
owner.download_file(BUCKET, KEY, "direct", Config=PARTS)
SIZE, SHA = os.path.getsize(MODEL), digest("direct")
owner.create_bucket(Bucket="corpus")
owner.put_object(Bucket="corpus", Key="notes/river.txt", Body=b"a weir keeps the river at its height\n" * 1000)
owner.upload_file(MODEL, "corpus", "notes/holiday.jpg", Config=PARTS)
owner.put_object(Bucket="corpus", Key="notes/archive", Body=random.Random(6).randbytes(16 << 20))  # as what is encrypted looks
dave, dave_sent = person("dave")


def no_business():
    alice, _ = person("alice")
    head = refused(lambda: alice.download_file(BUCKET, KEY, "stolen", Config=PARTS), 403)
    want(not os.path.exists("stolen"), "something arrived")
    said = refused(lambda: alice.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=0-7"), 403)
    want("AccessDenied" in said and "your groups may not download model checkpoints" in said, said)
    try:
        fetch(dave.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY}), {"weir-token": os.environ["alice"], **WHY})
    except urllib.error.HTTPError as error:
        told = {child.tag: child.text for child in ElementTree.parse(error).getroot()}
        want((error.code, told["Code"], told["Rule"]) == (403, "AccessDenied", "weir.rules.modelcheckpoint"), told)
        return f"HEAD: {head}; GET: {said}"
    raise AssertionError("the presigned URL was answered")


def no_reason():
    hasty, _ = person("dave", why={})
    refused(lambda: hasty.download_file(BUCKET, KEY, "hasty", Config=PARTS), 403)
    said = refused(lambda: hasty.get_object(Bucket=BUCKET, Key=KEY), 403)
    want("a model checkpoint needs a justification" in said, said)
    return said


def downloads():
    dave.download_file(BUCKET, KEY, "through", Config=PARTS)
    parts = -(-SIZE // PARTS.multipart_chunksize)
    want(dave_sent == ["HEAD"] + ["GET"] * parts, f"sent {dave_sent}")
    want(digest("through") == SHA == digest(MODEL), "another file")
    return f"{SIZE} bytes by one HEAD and {parts} ranges, sha256 {SHA[:16]} as directly"


def looks():
    here, there = (s3.head_object(Bucket=BUCKET, Key=KEY) for s3 in (dave, owner))
    for name in ("ContentLength", "ETag", "LastModified", "ContentType", "AcceptRanges"):
        want(here[name] == there[name], f"{name}: {here[name]}, directly {there[name]}")
    return f"{here['ContentLength']} bytes, ETag {here['ETag']}, as directly"


def resumes():
    first = dave.get_object(Bucket=BUCKET, Key=KEY)
    half = first["Body"].read(10 << 20)
    first["Body"].close()  # the connection is cut here
    rest = dave.get_object(Bucket=BUCKET, Key=KEY, Range=f"bytes={len(half)}-", IfMatch=first["ETag"])
    want(rest["ContentRange"] == f"bytes {len(half)}-{SIZE - 1}/{SIZE}", rest["ContentRange"])
    whole = half + rest["Body"].read()
    want(hashlib.sha256(whole).hexdigest() == SHA, "another file")
    return f"cut after {len(half)} bytes, then {rest['ContentRange']}: sha256 {SHA[:16]}"


def presigned():
    url = dave.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=60)
    whole = fetch(url, {"weir-token": os.environ["dave"], **WHY})
    want(hashlib.sha256(whole).hexdigest() == SHA, "another file")
    whole = fetch(url, {"Authorization": "Bearer " + os.environ["dave"], **WHY})
    want(hashlib.sha256(whole).hexdigest() == SHA, "another file")
    try:
        fetch(url, {})
    except urllib.error.HTTPError as error:
        want(error.code == 401, f"HTTP {error.code}")
        return f"sha256 {SHA[:16]} with a token in weir-token or Authorization; without one 401"
    raise AssertionError("the URL alone was answered")


def signed():
    liar, _ = person("dave", secret="guessed")
    store = refused(lambda: liar.get_object(Bucket=BUCKET, Key=KEY), 403)
    want("SignatureDoesNotMatch" in store, store)
    early, _ = person("dave", when="before-sign")
    return f"a wrong secret: {store}; a token that was signed, too: {refused(lambda: early.get_object(Bucket=BUCKET, Key=KEY), 400)}"


def writes():
    dave.upload_file(MODEL, BUCKET, "llm/copy.safetensors", Config=PARTS)
    names = [entry["Key"] for entry in dave.list_objects_v2(Bucket=BUCKET, Prefix="llm/")["Contents"]]
    want(names == ["llm/copy.safetensors", KEY], f"listed {names}")
    owner.download_file(BUCKET, "llm/copy.safetensors", "copy", Config=PARTS)
    want(digest("copy") == SHA, "another file")
    alice, _ = person("alice")
    return f"{names[0]} is whole in the store; alice may not: {refused(lambda: alice.delete_object(Bucket=BUCKET, Key=KEY), 403)}"


def renamed():
    alice, _ = person("alice", why={})
    text = alice.get_object(Bucket="corpus", Key="notes/river.txt")["Body"].read()
    said = refused(lambda: alice.get_object(Bucket="corpus", Key="notes/holiday.jpg"), 403)
    return f"{len(text)} bytes of text; the model that is called holiday.jpg: {said}"


def in_pieces():
    people = [person(name, why={})[0] for name in ("alice", "bob")]
    pieces = list(range(16))
    random.Random(1).shuffle(pieces)
    got = []
    for turn, piece in enumerate([0] + [piece for piece in pieces if piece > 0]):
        ask = {"Bucket": "corpus", "Key": "notes/archive", "Range": f"bytes={piece << 20}-{((piece + 1) << 20) - 1}"}
        if len(got) < 3:
            want(len(people[turn % 2].get_object(**ask)["Body"].read()) == 1 << 20, "a short piece")
            got.append(ask)
        else:
            refused(lambda ask=ask: people[turn % 2].get_object(**ask), 403)
    for ask in got:  # what one of them has had is no more than before
        want(len(people[0].get_object(**ask)["Body"].read()) == 1 << 20, "a short piece")
    return "3 pieces of 16 left to the two of them, whoever asked; the same again: as often as they like"


step("Alice, whose groups may not have models, downloads one", no_business)
step("Dave may, but says no reason", no_reason)
step("Dave says one: boto3's download_file, in parts of 4 MiB, four at a time", downloads)
step("He looks at its head", looks)
step("A download is cut, and resumed by a range", resumes)
step("He takes it by a presigned URL", presigned)
step("The S3 server checks each signature, and what was signed is never changed", signed)
step("He uploads another model in parts, and lists the bucket", writes)
step("Alice reads texts in another bucket, and finds a model that is called something else", renamed)
step("She and Bob, of one group, take turns at the pieces of an archive that nobody can look into", in_pieces)
print(f"\n{passed} passed, {failed} failed")
sys.exit(failed > 0)

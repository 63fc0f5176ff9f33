"""An unmodified huggingface_hub that downloads models through Envoy and Weir. main.go runs it; its variables say where and as whom.

The owner of the models goes to the Hub itself, round both: what he gets is what the others are compared with.
"""

import hashlib
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

os.environ.update(HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_VERBOSITY="error", HF_ENDPOINT=os.environ["ENVOY_URL"])

import huggingface_hub  # noqa: E402: reads HF_ENDPOINT once
from huggingface_hub.errors import HfHubHTTPError  # noqa: E402

REPO, FILES = "org/llm", ["README.md", "config.json", "delivered.safetensors", "linked.safetensors", "model.safetensors", "part-2.safetensors", "tokenizer/vocab.txt"]
WHY = {"weir-justification": "MODEL-42 evaluation"}

passed = failed = 0


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


def refused(call, status):
    """Makes the call, which must be refused by Weir with that status, and returns what the client raises and its words.

    hf_hub_download looks into its cache after a refusal and raises what comes of that; the refusal is its cause.
    """
    try:
        call()
    except Exception as error:
        cause = error if isinstance(error, HfHubHTTPError) else error.__cause__
        want(isinstance(cause, HfHubHTTPError), f"{type(error).__name__}: {error}")
        want(cause.response.status_code == status and "weir-decision" in cause.response.headers, f"{cause}")
        by = "" if cause is error else f" from {type(cause).__name__}"
        return f"{type(error).__name__}{by}: {' '.join(str(cause).split())[:240]}"
    raise AssertionError("it was answered")


def download(person, name, cache, **more):
    """Downloads a file into a cache of its own."""
    return huggingface_hub.hf_hub_download(REPO, name, token=os.environ.get(person, False), cache_dir=cache, **more)


def sha(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def direct(name):
    path = f"delivery/{name}?Expires=1781098782&Signature=0a%2F1b~c" if name == "delivered.safetensors" else f"{REPO}/resolve/main/{name}"
    with urllib.request.urlopen(f"{os.environ['HUB_URL']}/{path}", timeout=20) as answer:
        return hashlib.sha256(answer.read()).hexdigest()


def no_business():
    said = refused(lambda: download("alice", "model.safetensors", "alice", headers=WHY), 403)
    want(not list(Path("alice").glob("**/*.safetensors")), "something arrived")
    want("your groups may not download model checkpoints" in said, said)
    return said


def not_listed():
    api = huggingface_hub.HfApi(token=os.environ["alice"])
    return refused(lambda: api.model_info(REPO), 403)


def no_reason():
    said = refused(lambda: download("dave", "model.safetensors", "hasty"), 403)
    want("a model checkpoint needs a justification" in said, said)
    return said


def no_token():
    return refused(lambda: download("nobody", "model.safetensors", "nobody"), 401)


def downloads():
    got = download("dave", "model.safetensors", "dave", headers=WHY)
    want(sha(got) == direct("model.safetensors"), "another file")
    return f"{os.path.getsize(got)} bytes, sha256 {sha(got)[:16]} as directly"


def resumes():
    got = download("dave", "part-2.safetensors", "dave", headers=WHY)
    want(sha(got) == direct("part-2.safetensors"), "another file")
    return f"{os.path.getsize(got)} bytes, sha256 {sha(got)[:16]}: the client asked for the rest by a range"


def snapshot():
    into = huggingface_hub.snapshot_download(REPO, token=os.environ["dave"], cache_dir="snapshot", headers=WHY)
    got = {str(path.relative_to(into)): sha(path) for path in Path(into).rglob("*") if path.is_file()}
    want(got == {name: direct(name) for name in FILES}, f"got {sorted(got)}")
    return f"{len(got)} files, each as directly"


def redirected():
    said = refused(lambda: download("alice", "linked.safetensors", "alice", headers=WHY), 403)
    got = download("dave", "linked.safetensors", "linked", headers=WHY)
    want(sha(got) == direct("linked.safetensors"), "another file")
    return f"sha256 {sha(got)[:16]}; alice does not get the redirect: {said[:80]}"


def delivered():
    said = refused(lambda: download("alice", "delivered.safetensors", "alice", headers=WHY), 403)
    got = download("dave", "delivered.safetensors", "delivered", headers=WHY)
    want(sha(got) == direct("delivered.safetensors"), "another file")
    return f"sha256 {sha(got)[:16]}: without a token there; alice: {said[:80]}"


def nobody_else():
    """What the redirect says is good for that file, and only behind the question of the Hub."""
    url = f"{os.environ['ENVOY_URL']}/{REPO}/resolve/main/delivered.safetensors"
    there = huggingface_hub.get_hf_file_metadata(url, token=os.environ["dave"], headers=WHY).location
    want("weir-cap=" in there, f"{there} carries nothing")
    for title, other in {"another file": there.replace("delivered", "model"), "no capability": there.split("&weir-cap=")[0], "changed": there[:-8] + "AAAAAAAA"}.items():
        try:
            urllib.request.urlopen(other, timeout=20).close()
        except urllib.error.HTTPError as error:
            want(error.code == 401, f"{title}: {error.code}")
            continue
        raise AssertionError(f"{title}: it was answered")
    sizes = []
    for _ in range(3):
        try:
            with urllib.request.urlopen(there, timeout=20) as answer:
                sizes.append(len(answer.read()))
        except urllib.error.HTTPError as error:
            want(error.code == 403, f"{error.code}")
            sizes.append("403")
    want(sizes[0] == sizes[1] and sizes[2] == "403", f"{sizes}")
    return f"another file, no capability, a changed one: 401; the same file again and again: {sizes}"


def revisions():
    for revision in ("refs/pr/1", "feature/x"):
        got = download("dave", "model.safetensors", "revisions", headers=WHY, revision=revision)
        want(sha(got) == direct("model.safetensors"), f"another file of {revision}")
        said = refused(lambda: download("alice", "model.safetensors", "alice", headers=WHY, revision=revision), 403)  # noqa: B023: called at once
    return f"sha256 {sha(got)[:16]}; alice: {said}"


def pushes():
    api = huggingface_hub.HfApi(token=os.environ["dave"], headers=WHY)
    return refused(lambda: api.upload_file(path_or_fileobj=b"other weights", path_in_repo="model.safetensors", repo_id=REPO), 403)


step("Alice, whose groups may not have models, downloads one", no_business)
step("Nor is she told what there is", not_listed)
step("Dave may, but says no reason", no_reason)
step("Somebody without a token", no_token)
step("Dave says a reason: hf_hub_download", downloads)
step("A download is cut in the middle", resumes)
step("He takes all of the repository: snapshot_download", snapshot)
step("The same from a pull request, refs/pr/1, and a branch, feature/x", revisions)
step("A file that the Hub has elsewhere, and redirects to", redirected)
step("A file that the Hub has on a host that Envoy guards, too", delivered)
step("That redirect is good for nothing else", nobody_else)
step("He pushes other weights", pushes)
print(f"\n{passed} passed, {failed} failed")
sys.exit(failed > 0)

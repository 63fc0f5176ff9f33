"""An unmodified mlflow that downloads models through Envoy and Weir. main.go runs it; its variables say where and as whom.

The owner of the models goes to the tracking server itself, round both: what he gets is what the others are compared with.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_HTTP_REQUEST_TIMEOUT="20"
)

import mlflow  # noqa: E402: reads the variables
from mlflow import MlflowClient  # noqa: E402

MODEL = Path(os.environ["MODEL"])
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


def sha(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def become(person):
    """Goes through Envoy from now on, with a person's token: MLFLOW_TRACKING_TOKEN is all that the client needs."""
    os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
    if person in os.environ:
        os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ[person]
    mlflow.set_tracking_uri(os.environ["ENVOY_URL"])
    return MlflowClient()


def refused(call, *words):
    """Makes the call, which must be refused, and returns what the client raises and its words."""
    try:
        call()
    except Exception as error:
        said = " ".join(str(error).split())
        want(all(word in said for word in words), f"{type(error).__name__}: {said}")
        told = said[max(0, said.find('"detail"')) :]  # an artifact's refusal stands in the text as it came
        return f"{type(error).__name__}: {told[:200]}"
    raise AssertionError("it was answered")


def download(what, into):
    """Downloads by an artifact's URI. By run_id and a path the client says of every failure that the path may be wrong, and hides the reason."""
    os.makedirs(into, exist_ok=True)
    return mlflow.artifacts.download_artifacts(artifact_uri=what, dst_path=into)


def own():
    """Logs the run, as its owner and in a process of its own: the client remembers where each run's artifacts are."""
    mlflow.set_tracking_uri(os.environ["MLFLOW_URL"])
    owner = MlflowClient()
    run = owner.create_run(owner.create_experiment("river"))
    owner.log_metric(run.info.run_id, "loss", 0.5)
    owner.log_artifact(run.info.run_id, MODEL, "model")
    Path("notes.txt").write_text("a weir keeps the river at its height\n" * 1000)
    owner.log_artifact(run.info.run_id, "notes.txt")
    Path("holiday.jpg").write_bytes(MODEL.read_bytes())
    owner.log_artifact(run.info.run_id, "holiday.jpg")
    owner.create_registered_model("llm")
    owner.create_model_version("llm", f"{run.info.artifact_uri}/model", run.info.run_id)
    print(run.info.run_id, run.info.artifact_uri, sha(download(f"{run.info.artifact_uri}/model/model.safetensors", "direct")))


if sys.argv[1:] == ["owner"]:
    own()
    sys.exit()
RUN, WHERE, SHA = subprocess.run([sys.executable, __file__, "owner"], check=True, capture_output=True, text=True, timeout=60).stdout.split()


def looks():
    alice = become("alice")
    loss = alice.get_run(RUN).data.metrics["loss"]
    names = [entry.path for entry in alice.list_artifacts(RUN)]
    notes = download(f"{WHERE}/notes.txt", "alice")
    want((loss, names) == (0.5, ["holiday.jpg", "model", "notes.txt"]) and sha(notes) == sha("notes.txt"), f"{loss}, {names}")
    return f"loss {loss}, {len(names)} artifacts, {os.path.getsize(notes)} bytes of notes"


def no_business():
    become("alice")
    said = refused(lambda: download(f"{WHERE}/model/model.safetensors", "alice"), "403", "your groups may not download model checkpoints")
    want(not list(Path("alice").glob("**/*.safetensors")), "something arrived")
    return said


def renamed():
    become("alice")
    said = refused(lambda: download(f"{WHERE}/holiday.jpg", "alice"), "403", '"rule":"weir.rules.')
    want(not Path("alice/holiday.jpg").exists(), "it arrived")
    return said


def no_reason():
    become("dave")
    return refused(lambda: download(f"{WHERE}/model/model.safetensors", "dave"), "403", "a model checkpoint needs a justification")


def downloads():
    become("nightly")
    got = download(f"{WHERE}/model/model.safetensors", "nightly")
    want(sha(got) == SHA == sha(MODEL), "another file")
    return f"{os.path.getsize(got)} bytes, sha256 {SHA[:16]} as directly"


def registered():
    become("nightly")
    got = Path(download("models:/llm/1", "registered"))
    want(sha(got / "model.safetensors") == SHA, f"another file in {sorted(got.iterdir())}")
    become("alice")
    said = refused(lambda: download("models:/llm/1", "alice"), "your groups may not download model checkpoints")
    return f"sha256 {SHA[:16]}; alice: {said[:120]}"


def writes():
    alice = become("alice")
    said = refused(lambda: alice.set_tag(RUN, "reviewed", "yes"), "PERMISSION_DENIED", "your groups may not change things on mlflow")
    refused(lambda: alice.log_artifact(RUN, "notes.txt"), "403", "your groups may not change things on mlflow")
    dave = become("dave")
    dave.set_tag(RUN, "reviewed", "yes")
    dave.log_artifact(RUN, "notes.txt", "more")
    want(dave.get_run(RUN).data.tags["reviewed"] == "yes", "no tag")
    return f"dave does; alice: {said}"


def no_token():
    nobody = become("nobody")
    return refused(lambda: nobody.get_run(RUN), "UNAUTHENTICATED", "a bearer token is required")


step("Alice, whose groups may not have models, looks at a run and reads its notes", looks)
step("She downloads the model", no_business)
step("And one that is called something else", renamed)
step("Dave may have models, and says no reason", no_reason)
step("The nightly job's token says one", downloads)
step("A version of a registered model, models:/llm/1", registered)
step("Alice may not change anything, Dave may", writes)
step("Somebody without a token", no_token)
print(f"\n{passed} passed, {failed} failed")
sys.exit(failed > 0)

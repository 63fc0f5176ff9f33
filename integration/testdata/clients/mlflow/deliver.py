"""Delivers events of a model registry by MLflow's own code: deliver.py URL SECRET-FILE EVENT… An event is NAME/VERSION:created or NAME/VERSION:TAG=VALUE.

The database of a tracking server is left out: Hooks stands for it, and says which webhook there is.
"""

import pathlib
import sys
import threading

from mlflow.entities.webhook import Webhook, WebhookEvent, WebhookStatus
from mlflow.store.entities.paged_list import PagedList
from mlflow.webhooks import delivery
from mlflow.webhooks.types import ModelVersionAliasCreatedPayload, ModelVersionCreatedPayload, ModelVersionTagSetPayload


class Hooks:
    def __init__(self, url, secret):
        self.url, self.secret = url, secret

    def list_webhooks_by_event(self, event, max_results=None, page_token=None):
        hook = Webhook(
            webhook_id="1", name="weir", url=self.url, events=[event], creation_timestamp=0, last_updated_timestamp=0, status=WebhookStatus.ACTIVE, secret=self.secret,
        )
        return PagedList([hook], None)


def event_of(text):
    model, _, what = text.partition(":")
    name, _, version = model.partition("/")
    key, _, value = what.partition("=")
    if key == "created":
        tags = {"weir.digest": value} if value else {}
        data = ModelVersionCreatedPayload(name=name, version=version, source="models:/m-1", run_id=None, tags=tags, description=None)
        return WebhookEvent.from_str("model_version.created"), data
    if key == "alias":
        return WebhookEvent.from_str("model_version_alias.created"), ModelVersionAliasCreatedPayload(name=name, version=version, alias=value)
    return WebhookEvent.from_str("model_version_tag.set"), ModelVersionTagSetPayload(name=name, version=version, key=key, value=value)


url, secret, events = sys.argv[1], pathlib.Path(sys.argv[2]).read_text().strip(), sys.argv[3:]
answered = threading.Semaphore(0)
send = delivery._send_webhook_request


def told(*args, **kwargs):
    """MLflow drops the answer; this prints it."""
    try:
        r = send(*args, **kwargs)
        print(r.status_code, r.json().get("outcome") or r.json().get("rule"), flush=True)
        return r
    finally:
        answered.release()


delivery._send_webhook_request = told
for text in events:
    event, data = event_of(text)
    delivery.deliver_webhook(event=event, payload=data, store=Hooks(url, secret))
    if not answered.acquire(timeout=30):
        sys.exit("no answer")

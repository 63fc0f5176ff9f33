"""A small object store that believes nobody: it computes every request's SigV4 signature anew, with botocore, and refuses what does not match.

GET, HEAD (with ranges), PUT and DELETE /BUCKET/KEY, and POST /v1/embeddings, the way embedding services that sign with SigV4 answer. It keeps
objects in memory. Usage: store.py PORT
"""

import hashlib
import hmac
import http.server
import json
import re
import sys
import threading
import urllib.parse

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECRETS = {"AKDEMO": "the secret of the demo"}
OBJECTS = {
    "/models/tiny.safetensors": bytes(range(256)) * 256,
    "/corpus/notes/a b+c(ä).txt": b"a weir keeps the river at its height\n",
}
LOCK = threading.Lock()


def problem(handler, body):
    """Says what is wrong with the request's signature; an empty text: nothing."""
    url = f"http://{handler.headers['Host']}{handler.path}"
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True))
    authorization = handler.headers.get("Authorization", "")
    if "X-Amz-Signature" in query:
        given, credential, names = query["X-Amz-Signature"], query["X-Amz-Credential"], query["X-Amz-SignedHeaders"]
        stamp, signer = query["X-Amz-Date"], S3SigV4QueryAuth
        url = re.sub(r"&?X-Amz-Signature=[0-9a-f]+", "", url)
    elif authorization.startswith("AWS4-HMAC-SHA256 "):
        fields = dict(field.strip().split("=", 1) for field in authorization.split(" ", 1)[1].split(","))
        given, credential, names = fields["Signature"], fields["Credential"], fields["SignedHeaders"]
        stamp, signer = handler.headers["X-Amz-Date"], S3SigV4Auth
    else:
        return "no signature"
    key, _, region, service, _ = credential.split("/")
    if key not in SECRETS:
        return "unknown access key"
    request = AWSRequest(method=handler.command, url=url, data=body)
    for name in names.split(";"):
        if len(handler.headers.get_all(name) or []) != 1:
            return f"the signed header {name} is not there once"
        request.headers[name] = handler.headers[name]
    claimed = handler.headers.get("X-Amz-Content-SHA256", "")
    if re.fullmatch("[0-9a-f]{64}", claimed) and claimed != hashlib.sha256(body).hexdigest():
        return "the body is not the one that was signed"
    request.context["timestamp"] = stamp
    if service != "s3":
        signer = SigV4Auth
    auth = signer(Credentials(key, SECRETS[key]), service, region)
    want = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return "" if hmac.compare_digest(want, given) else "SignatureDoesNotMatch"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/health":
            return self.answer(200, b"well\n")
        ours = sorted(name for name in self.headers if name.lower().startswith("weir"))
        why = problem(self, body) or (f"headers that are none of the store's business: {ours}" if ours else "")
        if why:
            error = f"<?xml version='1.0'?><Error><Code>SignatureDoesNotMatch</Code><Message>{why}</Message></Error>"
            return self.answer(403, error.encode(), Content_Type="application/xml")
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if self.command == "POST" and path == "/v1/embeddings":
            texts = json.loads(body)["input"]
            data = [{"object": "embedding", "index": i, "embedding": [0.7312, 0.7312]} for i, _ in enumerate(texts)]
            return self.answer(200, json.dumps({"object": "list", "data": data}).encode(), Content_Type="application/json")
        with LOCK:
            if self.command == "PUT":
                OBJECTS[path] = body
                return self.answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
            if self.command == "DELETE":
                OBJECTS.pop(path, None)
                return self.answer(204)
            if path not in OBJECTS:
                return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>", Content_Type="application/xml")
            content = OBJECTS[path]
        self.send(content)

    def send(self, content):
        head = {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "Accept_Ranges": "bytes", "Content_Type": "application/octet-stream"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            return self.answer(200, content, Content_Length=str(len(content)), **head)
        first = int(wanted[1])
        last = min(int(wanted[2] or len(content)), len(content) - 1)
        self.answer(206, content[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(content)}", **head)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve


class Store(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


Store(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

"""Objects the way Cloud Storage's JSON API and Azure's Blob service hand them out, as far as their Python clients ask for downloads.

It takes anonymous calls only, and knows a name by Google's API in one segment only, its slashes encoded, as the real one. Usage: store.py PORT
"""

import base64
import hashlib
import http.server
import json
import re
import sys
import urllib.parse

OBJECTS = {"llm/w+x.safetensors": bytes(range(256)) * 1024, "notes/a b.txt": b"a weir keeps the river at its height\n" * 9}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def content(self, name, **headers):
        """Answers with an object, or a range of it."""
        whole = OBJECTS[name]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("x-ms-range") or self.headers.get("range") or "")
        if not asked:
            return self.answer(200, whole, content_type="application/octet-stream", **headers)
        first, last = int(asked[1]), min(int(asked[2] or len(whole)), len(whole) - 1)
        span = f"bytes {first}-{last}/{len(whole)}"
        return self.answer(206, whole[first : last + 1], content_type="application/octet-stream", content_range=span, **headers)

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if any(name.lower() == "authorization" or name.lower().startswith("weir-") for name in self.headers):
            return self.answer(401, b"this store takes anonymous calls")
        if path == "/health":
            return self.answer(200, b"ok")
        google = re.fullmatch(r"(/download)?/storage/v1/b/models(?:/o/([^/]+))?", path)
        name = urllib.parse.unquote(google[2] or "" if google else path.removeprefix("/container/"))
        if google and not google[2]:
            return self.answer(200, json.dumps({"kind": "storage#bucket", "name": "models", "id": "models"}).encode(), content_type="application/json")
        if name not in OBJECTS:
            return self.answer(404, b"")
        md5 = base64.b64encode(hashlib.md5(OBJECTS[name]).digest()).decode()
        if google and not google[1]:
            about = {"kind": "storage#object", "bucket": "models", "name": name, "size": str(len(OBJECTS[name])), "md5Hash": md5, "generation": "7"}
            return self.answer(200, json.dumps(about).encode(), content_type="application/json")
        if google:
            return self.content(name, x_goog_hash=f"md5={md5}", x_goog_generation="7", etag='"7"')
        return self.content(
            name, etag='"0x8D"', x_ms_blob_type="BlockBlob", x_ms_version=self.headers["x-ms-version"], last_modified="Tue, 24 Nov 2026 10:00:00 GMT", accept_ranges="bytes"
        )

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

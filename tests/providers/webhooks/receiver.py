"""A receiver of webhooks, written from docs/service-side.md, "Be told", with the library of the specification.

POST / takes a message that the library verifies with the secret of WEBHOOKS_SECRET, and refuses others. GET / tells what it
took: id and content of each, in the order in which they came.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOKS_SECRET"])
taken = []


class Receiver(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, json.dumps(taken))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            content = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            return self.answer(400, str(error))
        taken.append({"id": self.headers["webhook-id"], "content": content})
        self.answer(204)

    def answer(self, status, text=""):
        self.send_response(status)
        if text:
            self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(f"READY http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()

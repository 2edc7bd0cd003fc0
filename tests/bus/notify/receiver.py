"""A web server that prints each message it gets, as JSON in a line; `receiver.py PORT MODE`, 0 for any port.

MODE: `take`; `refuse` answers 500; `hang` never answers; `trickle` answers a byte each second, without an end.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps({"path": self.path, "title": body["title"], "message": body["message"]}), flush=True)
        mode = sys.argv[2]
        if mode == "hang":
            time.sleep(3600)
        if mode == "trickle":
            while True:
                self.wfile.write(b"H")
                time.sleep(1)
        self.send_response(500 if mode == "refuse" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"port {server.server_port}", flush=True)
server.serve_forever()

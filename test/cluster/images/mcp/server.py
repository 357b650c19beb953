"""A small HTTP service in the MCP's place: GET /health, GET /metrics. FAIL=health makes it ill, FAIL=start ends it."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

requests = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global requests
        requests += 1
        answers = {
            "/health": (503 if os.environ.get("FAIL") == "health" else 200, '{"status":"ok"}'),
            "/metrics": (200, f"mcp_requests_total {requests}\n"),
        }
        code, body = answers.get(self.path, (404, "not here"))
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body.encode())


if os.environ.get("FAIL") == "start":
    sys.exit("mcp: no module named twisterlab")
ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from launcher.ports import LOOPBACK, free_port
from launcher.web import WebServer


@pytest.fixture
def answering():
    """Return a function: a server that answers every request with this status, and what it was asked."""
    servers = []

    def serve(status):
        asked = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"]))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *arguments):
                """Say nothing on the terminal."""

        server = HTTPServer((LOOPBACK, 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return server.server_port, asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_it_is_asked_by_its_public_name_because_it_answers_to_no_other(answering):
    port, asked = answering(200)
    assert WebServer(port, {"PUBLIC_URL": "https://roamkeep.example.test"}).is_ready()
    assert asked == [("/readyz", "roamkeep.example.test", "https")]


@pytest.mark.parametrize(("status", "ready"), [(200, True), (301, True), (400, False), (500, False), (503, False)])
def test_it_is_ready_when_it_serves(answering, status, ready):
    port, _asked = answering(status)
    assert WebServer(port, {"PUBLIC_URL": "http://127.0.0.1"}).is_ready() is ready


def test_it_is_not_ready_before_it_listens():
    with pytest.raises(OSError, match="refused"):
        WebServer(free_port(), {"PUBLIC_URL": "http://127.0.0.1"}).is_ready()

"""The web server: granian, one process per processor, four blocking threads each."""

import http.client
from urllib.parse import urlsplit

from launcher.folders import PYTHON, ROOT
from launcher.ports import LOOPBACK
from launcher.processors import processor_count
from launcher.service import Service

THREADS = 4


class WebServer(Service):
    """Roamkeep's pages on a loopback port; `django` is the whole environment of the process, PUBLIC_URL included."""

    name = "web"
    ready_timeout = 120.0

    def __init__(self, port: int, django: dict[str, str]) -> None:
        self.port = port
        self.django = django

    def command(self) -> list[str]:
        return [
            *(str(PYTHON), "-m", "granian", "config.wsgi:application", "--interface", "wsgi", "--no-ws"),
            *("--host", LOOPBACK, "--port", str(self.port), "--http", "1"),
            *("--workers", str(processor_count()), "--blocking-threads", str(THREADS)),
            *("--respawn-failed-workers", "--workers-kill-timeout", "5", "--log-level", "warning"),
        ]

    def process_environment(self) -> dict[str, str]:
        return self.django

    def popen_options(self) -> dict[str, object]:
        return {"cwd": ROOT}

    def is_ready(self) -> bool:
        # Asked by the public name, because no other is answered; a redirect to HTTPS is an answer too.
        public = urlsplit(self.django["PUBLIC_URL"])
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            headers = {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
            connection.request("GET", "/readyz", headers=headers)
            return connection.getresponse().status < 400
        except http.client.HTTPException:
            return False
        finally:
            connection.close()

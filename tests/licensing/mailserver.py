"""A real mail server on a loopback port, with the manners that a test asks for."""

import asyncio
import email
import email.policy
import socket
import threading
from contextlib import contextmanager

from aiosmtpd.controller import Controller
from django.db import connections


class Manners:
    """Takes mails and keeps them. `rcpt` and `data` are the answers given, `wait` the seconds before each of them."""

    def __init__(self, *, rcpt="250 OK", data="250 OK", wait=0.0, wait_data=0.0, on_data=None):
        self.rcpt, self.data, self.wait, self.wait_data, self.on_data = rcpt, data, wait, wait_data, on_data
        self.taken, self.tries = [], 0
        self.got_data = threading.Event()

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tries += 1
        await asyncio.sleep(self.wait)
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):
        if self.on_data:
            await asyncio.get_running_loop().run_in_executor(None, self._look)
        if self.data.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.taken.append((list(envelope.rcpt_tos), message))
        self.got_data.set()
        await asyncio.sleep(self.wait_data)
        return self.data

    def _look(self):
        try:
            self.on_data()
        finally:
            connections.close_all()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def point_to(settings, port):
    """Let the product send to this port."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


@contextmanager
def mail_server(settings, **manners):
    """Run a mail server and let the product send to it; yields its Manners."""
    handler = Manners(**manners)
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    point_to(settings, controller.port)
    try:
        yield handler
    finally:
        controller.stop(no_assert=True)


@contextmanager
def silent_server(settings):
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        point_to(settings, listener.getsockname()[1])
        yield


def no_server(settings):
    """Let the product send to a port where nobody listens."""
    point_to(settings, free_port())

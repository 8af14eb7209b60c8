import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

import redis

from launcher.mail import MailCatcher
from launcher.service import running
from launcher.valkey import Valkey


def test_a_message_becomes_a_file_in_the_mail_folder(tmp_path):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.test", "olga@example.test", "Grüße"
    message.set_content("Hello")
    with running(MailCatcher(tmp_path / "mail"), tmp_path) as catcher:
        url = urlsplit(catcher.environment()["EMAIL_URL"])
        with smtplib.SMTP(url.hostname, url.port) as server:
            server.send_message(message)
    (kept,) = (tmp_path / "mail" / "new").iterdir()
    assert "olga@example.test" in kept.read_text()


def test_valkey_keeps_what_it_was_told_and_listens_on_its_socket_alone(folder):
    for expected in (None, b"42"):
        with running(Valkey(folder.path / "valkey", folder.create_sockets()), folder.logs) as valkey:
            with redis.Redis.from_url(valkey.environment()["CACHE_URL"]) as client:
                assert client.get("answer") == expected
                client.set("answer", 42)
                assert client.config_get("port")["port"] == "0"
            assert valkey.socket.stat().st_mode & 0o777 == 0o700
            assert valkey.environment()["BROKER_URL"] == f"redis+socket://{valkey.socket}?virtual_host=0"

import socket

from launcher.ports import LOOPBACK, answers, free_port, is_free


def test_a_port_that_something_listens_on_is_not_taken_again():
    with socket.create_server((LOOPBACK, 0)) as other:
        taken = other.getsockname()[1]
        assert not is_free(taken)
        assert free_port(taken) != taken


def test_a_port_taken_on_every_address_counts_as_taken():
    with socket.create_server(("", 0)) as other:
        assert not is_free(other.getsockname()[1])


def test_the_preferred_port_is_used_when_it_is_free():
    port = free_port()
    assert free_port(port) == port


def test_only_something_that_accepts_connections_answers(tmp_path):
    assert not answers(tmp_path / "none.sock")
    with socket.create_server((LOOPBACK, 0)) as server:
        address = server.getsockname()
        assert answers(address)
    assert not answers(address)

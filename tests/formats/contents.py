"""What readers found, all of it in memory."""


def read_contents(source):
    with source.open() as stream:
        return stream.read()

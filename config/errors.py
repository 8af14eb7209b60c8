"""Errors that a person sees: what actions raise. `config.error_pages` answers."""


class Refused(Exception):
    """An action refused by a rule: nothing has changed.

    `message` is a translated sentence that says what is wrong and what to do; `field` names the form's field, or None;
    `code` is a stable word for tests and the web service; `problems` says what is wrong with each of several inputs.
    """

    status = 422

    def __init__(self, message, *, field=None, code="refused", problems=None):
        super().__init__(code)
        self.message, self.field, self.code = message, field, code
        self.problems = problems or {}


class Conflict(Refused):
    """The page was stale or a rule about others forbids it (409): `changes` lists (what, before, now) since it was shown.

    `back`: the address that shows what is there now, where that is not the page behind the request's own.
    """

    status = 409

    def __init__(self, message, *, field=None, code="conflict", changes=(), back=None):
        super().__init__(message, field=field, code=code)
        self.changes, self.back = tuple(changes), back

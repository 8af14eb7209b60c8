"""Sending a form twice does it once: a creating form carries a submission id, the second post gets the first's answer.

The row of the first post is written in the same transaction as what the post creates. A parallel second post waits for
that transaction at the unique key (tenant, membership, key), then finds the answer; after a rollback it does the work.
"""

import hashlib
import uuid
from functools import wraps

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import connection
from django.http import HttpResponse
from django.utils.translation import gettext as _

from accounts.models import Submission
from config.errors import Refused

FIELD = "submission"
KEPT_HEADERS = ("Location", "HX-Redirect", "HX-Trigger", "Content-Type")
_NOT_CONTENT = {"csrfmiddlewaretoken"}  # masked anew in every form


class OnceForm(forms.Form):
    """A form that creates something: brings the hidden field, and keeps its id while input is being corrected."""

    submission = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


def hidden(request):
    """Return the pair ("submission", id) for a form without a form class: the posted id, else a new one."""
    return FIELD, str(_posted_key(request) or uuid.uuid4())


def once(view):
    """Make a view do each submission once; it stands under `console_view`, inside the tenant's transaction.

    Only POST is concerned. A success (redirect, or 204 for htmx) is kept and given again to the same post; a page that
    asks again (200, 422) leaves the id unspent. Raises BadRequest without an id, Refused where the id comes back with
    other content.
    """

    @wraps(view)
    def submitted_once(request, **kwargs):
        if request.method != "POST":
            return view(request, **kwargs)
        return run_once(request, lambda: view(request, **kwargs))

    return submitted_once


def run_once(request, answer):
    """Return `answer()`, or what it returned when this submission came first.

    For views that open their own transactions (`outside=True`): call it inside the one that writes.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("run_once belongs inside the transaction of the change")
    key = _posted_key(request)
    if key is None:
        raise BadRequest("submission id missing")
    digest = _digest(request)
    row, is_first = Submission.objects.get_or_create(
        tenant=request.tenant, membership_id=request.membership.pk, key=key, defaults={"digest": digest}
    )
    if not is_first:
        if row.digest != digest:
            raise Refused(
                _("This form was sent before with other content, and that was done. Open the form again to do more."),
                code="submission-reused",
            )
        return _repeat(request, row)
    shown_before = len(_queued(request))
    response = answer()
    if response.status_code == 204 or 300 <= response.status_code < 400:
        row.status = response.status_code
        row.headers = {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}
        row.messages = [[message.level, str(message.message)] for message in _queued(request)[shown_before:]]
        row.save(update_fields=["status", "headers", "messages"])
    else:
        row.delete()
    return response


def _posted_key(request):
    try:
        return uuid.UUID(request.POST.get(FIELD, ""))
    except ValueError:
        return None


def _digest(request):
    """SHA-256 over path, fields and files; each part is preceded by its length, so that no two bodies look alike."""
    digest = hashlib.sha256()

    def add(part):
        digest.update(len(part).to_bytes(8))
        digest.update(part)

    add(request.get_full_path().encode())
    for name in sorted(set(request.POST) - _NOT_CONTENT):
        for value in request.POST.getlist(name):
            add(name.encode())
            add(value.encode())
    for name in sorted(request.FILES):
        for upload in request.FILES.getlist(name):
            add(name.encode())
            add(upload.name.encode())
            content = hashlib.sha256()
            for chunk in upload.chunks():
                content.update(chunk)
            upload.seek(0)
            add(content.digest())
    return digest.hexdigest()


def _queued(request):
    return messages.get_messages(request)._queued_messages


def _repeat(request, row):
    for level, text in row.messages:
        messages.add_message(request, level, text)
    return HttpResponse(status=row.status, headers={**row.headers, "Cache-Control": "no-store"})

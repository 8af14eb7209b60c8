"""Panels as tests want them, and what is stored of an account's."""

import json
import uuid

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client
from django.utils import timezone

from config.tenancy import tenant_context
from personalization.models import PersonalUI
from personalization.persona import catalogue

LIST = "/persona/"


def panel(user, name, *, slot=1, layout=None, is_active=False):
    """Return a panel written straight into the table."""
    now = timezone.now()
    with tenant_context(None, user.pk):
        return PersonalUI.objects.create(
            user=user,
            slot=slot,
            name=name,
            layout=layout or catalogue.starter(),
            is_active=is_active,
            created_at=now,
            updated_at=now,
        )


def stored(user):
    """Return {id: (name, layout, is_active)} of an account's panels."""
    with tenant_context(None, user.pk):
        rows = PersonalUI.objects.filter(user=user)
        return {row.pk: (row.name, row.layout, row.is_active) for row in rows}


def tile(tile_id="t1", kind="copy", column=1, row=1, width=1, height=1, **more):
    return {
        "id": tile_id, "kind": kind, "column": column, "row": row, "width": width, "height": height, **more
    }  # fmt: skip


def layout(*tiles, columns=4, rows=3):
    return {"version": 1, "grid": {"columns": columns, "rows": rows}, "tiles": list(tiles)}


def draft(panel, step, *, layout=None, version=None, **fields):
    """Return what the editor posts for one step."""
    return {
        "version": panel.version if version is None else version,
        "layout": json.dumps(panel.layout if layout is None else layout),
        "before": "",
        "chosen": "",
        "device": "all",
        "do": step,
        **fields,
    }


def submission():
    return {"submission": str(uuid.uuid4())}


def browser_of(user, tenant=None):
    """Return a browser in which an account is signed in, whether or not it belongs to a tenant."""
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "accounts.backends.SessionBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if tenant:
        session["tenant_id"] = str(tenant.pk)
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client

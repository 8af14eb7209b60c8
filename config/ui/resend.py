"""A form that could not be taken: nothing was saved, and what was typed can be sent again from the answer."""

import re
from urllib.parse import urlsplit

from config.ui.responses import DIALOG, fragment, page

TEMPLATE = "errors/resend.html"
MOST_KEPT = 100_000  # characters of names and values
NEVER_KEPT = re.compile(r"passw|secret|token", re.IGNORECASE)


def is_from_here(request):
    """Say whether a page of our own sent this, as only the browser itself can tell (Fetch Metadata, RFC 6454)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = urlsplit(request.headers.get("Origin", ""))
    return (origin.scheme, origin.netloc) == (request.scheme, request.get_host())


def kept_fields(request):
    """Return ([(name, value)], whether anything was left out) of what was posted.

    Passwords, secrets, tokens and files are never kept, and nothing at all where it is more than MOST_KEPT.
    """
    fields, is_cut = [], bool(request.FILES)
    for name, values in request.POST.lists():
        if not NEVER_KEPT.search(name):
            fields += [(name, value) for value in values]
        elif name != "csrfmiddlewaretoken":
            is_cut = True
    if sum(len(name) + len(value) for name, value in fields) > MOST_KEPT:
        return [], True
    return fields, is_cut


def ask(request, *, sign_in_url=None):
    """Answer 403 with the reason and a form that sends the kept fields to the same address again.

    `sign_in_url`: where to sign in first, for a form that came without a session; otherwise its token was old. With htmx
    the dialog opens over the page, so that what is typed there stays.
    """
    fields, is_cut = kept_fields(request)
    context = {"sign_in_url": sign_in_url, "fields": fields, "is_cut": is_cut, "action": request.get_full_path()}
    if not request.htmx:
        return page(request, TEMPLATE, {**context, "modal": False}, status=403)
    response = fragment(request, TEMPLATE, "dialog", {**context, "modal": True}, status=403)
    response["HX-Retarget"], response["HX-Reswap"] = f"#{DIALOG}", "innerHTML"
    return response

"""Pages of one license group as tests ask for them, and what their forms carry on."""

import html
import re

HTMX = {"HX-Request": "true", "HX-Target": "dialog"}


def at(world, group, path):
    """Return an address below a license group's: "users/", "blocked/add/" …"""
    return world.url(f"licensing/{group.pk}/{path}")


def rows(response):
    """Return the visible texts of the cells of each row of a list, without its boxes and buttons."""
    table = response.text.partition("<tbody>")[2].partition("</tbody>")[0]
    found = []
    for row in re.findall(r"<tr.*?</tr>", table, re.S):
        cells = re.findall(r'<t[hd](?: scope="row"| class="(?!pick|row-actions)[^"]*")>(.*?)</t[hd]>', row, re.S)
        cells = [re.sub(r'<span class="visually-hidden">.*?</span>', "", cell) for cell in cells]
        found.append([html.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in cells])
    return found


def column(response, number):
    """Return one column of a list's rows."""
    return [row[number] for row in rows(response)]


def row_html(response, address):
    """Return the markup of the row that shows an address."""
    return next(row for row in re.findall(r"<tr.*?</tr>", response.text, re.S) if f">{address}<" in row)


def carried(response):
    """Return {name: value} of the hidden fields of the dialog's form."""
    (form,) = [
        form
        for form in re.findall(r'<form[^>]*method="post".*?</form>', response.text, re.S)
        if 'name="shown"' in form or 'name="confirmed"' in form or 'name="giving_up"' in form
    ]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def selected(*rows):
    """Return what the bulk bar posts for ticked rows."""
    return {"pk": [str(row.pk) for row in rows], "query": ""}


def shown_field(*rows):
    """Return the hidden field of rows as a page showed them."""
    return {"shown": ",".join(f"{row.pk}:{row.version}" for row in rows)}

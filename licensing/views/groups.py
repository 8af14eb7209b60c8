"""Where licensing begins: Select a Group, the only group's dashboard, or one's own page (LG-24 to LG-26)."""

from django.http import HttpResponseRedirect
from django.urls import reverse

from config.policy import console_view
from config.ui.lists import list_page
from licensing.access import administered_license_groups
from licensing.group_lists import LicenseGroupList


@console_view("licensing.own")
def start(request):
    """Lead an Admin of one group to its dashboard, of several to Select a Group, everybody else to their own page."""
    slug, mine = request.tenant.slug, request.rights.license_groups
    if len(mine) == 1:
        url = reverse("licensing:group", args=[slug, *mine])
    else:
        url = reverse("licensing:group-list" if mine else "licensing:own-list", args=[slug])
    return HttpResponseRedirect(url, status=303)


@console_view("licensing.view")
def group_list(request):
    """List the license groups in which the person is Admin (LG-25, LG-26)."""
    rows = administered_license_groups(request.rights, request.tenant.pk)
    return list_page(request, LicenseGroupList, rows, "licensing/group_list.html")

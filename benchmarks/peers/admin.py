"""Django's admin on the product's managed users: same rows, same columns, same session, same row-level security.

It gets its best: an index serves its order, no query per row, nobody's permissions are asked. The tenant is set
in `get_urls`, as an own middleware of such a site would do.
"""

from contextlib import nullcontext
from functools import wraps

from django.contrib import admin

from config.tenancy import tenant_context
from personalization.history import with_data
from personalization.models import ManagedUser

PAGE = 100
shown: dict[str, object] = {}  # "tenant": the id of the tenant whose users the admin lists


class Site(admin.AdminSite):
    """An admin that lets everybody in who has a session."""

    def has_permission(self, request):
        return request.user.is_authenticated

    def admin_view(self, view, cacheable=False):
        """Run the view inside the tenant's context."""
        inner = super().admin_view(view, cacheable)

        @wraps(view)
        def inside(request, *args, **kwargs):
            with tenant_context(shown["tenant"], request.user.pk) if shown else nullcontext():
                response = inner(request, *args, **kwargs)
                if hasattr(response, "render"):  # the rows are read while the template is rendered
                    response.render()
            return response

        return inside


class Users(admin.ModelAdmin):
    """The changelist."""

    list_display = ("name", "domain", "display_name", "group_name", "last_logon_at", "has_settings", "has_backups")
    list_per_page = PAGE
    ordering = ("name_key", "domain_key", "id")
    search_fields = ("name_key",)

    def get_queryset(self, request):
        """Return the tenant's users, with what the product's list shows of each."""
        return with_data(super().get_queryset(request).filter(tenant_id=shown["tenant"]))

    def group_name(self, user):
        """The personalization group, read with the row as the product does: the join of Django would be dearer."""
        return user.group_name

    @admin.display(boolean=True)
    def has_settings(self, user):
        """Whether anything is stored."""
        return bool(user.has_settings)

    @admin.display(boolean=True)
    def has_backups(self, user):
        """Whether there are backups."""
        return bool(user.has_backups)

    def has_view_permission(self, request, obj=None):
        return True

    def has_module_permission(self, request):
        return True

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request):
        return True


class UsersWithoutFullCount(Users):
    """The same without the second COUNT."""

    show_full_result_count = False


site, site_without_count = Site(name="peer"), Site(name="peer_without_count")
site.register(ManagedUser, Users)
site_without_count.register(ManagedUser, UsersWithoutFullCount)

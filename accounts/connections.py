"""From the row of a directory connection to the directory itself."""

from accounts.directory import Directory, DirectoryConfig
from accounts.directory.errors import DirectoryUnavailable, Outage
from accounts.models import DirectoryConnection
from accounts.secrets import SealBroken, unseal


def active_connections(tenant_id):
    """Return the connections of a tenant that are asked at sign-in, in the order in which they were set up."""
    return DirectoryConnection.objects.filter(tenant_id=tenant_id, is_active=True).order_by("id")


def config_of(connection):
    """Return the DirectoryConfig of a row, the bind password unsealed; DirectoryUnavailable where it cannot be."""
    try:
        password = unseal(connection.bind_password)
    except SealBroken as error:
        raise DirectoryUnavailable(Outage.MISCONFIGURED, str(error)) from None
    return DirectoryConfig(
        kind=connection.kind,
        url=connection.url,
        base_dn=connection.base_dn,
        bind_dn=connection.bind_dn,
        bind_password=password,
        start_tls=connection.start_tls,
        ca_file=connection.ca_file,
        domain=connection.domain,
        user_filter=connection.user_filter,
        group_filter=connection.group_filter,
        disabled_filter=connection.disabled_filter,
        follow_member_of=connection.follow_member_of,
    )


def directory_of(connection):
    """Return the Directory of a row. Equal settings share one circuit breaker per process, whoever asks."""
    return Directory(config_of(connection))

"""Addresses of licensing: under a tenant, and the platform operator's."""

from django.urls import path

from licensing.views import (
    acceptance,
    blocks,
    dashboard,
    device_api,
    devices,
    domains,
    groups,
    invite,
    licences,
    members,
    operator,
    own,
)
from licensing.views import settings as group_settings

app_name = "licensing"
urlpatterns = [
    path("licensing/", groups.start, name="start"),
    path("licensing/groups/", groups.group_list, name="group-list"),
    path("licensing/mine/", own.own_list, name="own-list"),
    path("licensing/mine/<uuid:group>/leave/", own.leave, name="leave"),
    path("licensing/<uuid:group>/", dashboard.dashboard, name="group"),
    path("licensing/<uuid:group>/users/", members.member_list, name="member-list"),
    path("licensing/<uuid:group>/users/add/", invite.member_add, name="member-add"),
    path("licensing/<uuid:group>/users/edit/", members.members_edit, name="members-edit"),
    path("licensing/<uuid:group>/users/block/", members.members_block, name="members-block"),
    path("licensing/<uuid:group>/users/resend/", members.members_resend, name="members-resend"),
    path("licensing/<uuid:group>/users/remove/", members.members_remove, name="members-remove"),
    path("licensing/<uuid:group>/users/<uuid:pk>/edit/", members.member_edit, name="member-edit"),
    path("licensing/<uuid:group>/users/<uuid:pk>/block/", members.member_block, name="member-block"),
    path("licensing/<uuid:group>/users/<uuid:pk>/resend/", members.member_resend, name="member-resend"),
    path("licensing/<uuid:group>/users/<uuid:pk>/remove/", members.member_remove, name="member-remove"),
    path("licensing/<uuid:group>/blocked/", blocks.block_list, name="block-list"),
    path("licensing/<uuid:group>/blocked/add/", blocks.block_add, name="block-add"),
    path("licensing/<uuid:group>/blocked/remove/", blocks.blocks_remove, name="blocks-remove"),
    path("licensing/<uuid:group>/blocked/<uuid:pk>/remove/", blocks.block_remove, name="block-remove"),
    path("licensing/<uuid:group>/licences/", licences.licences, name="licences"),
    path("licensing/<uuid:group>/settings/", group_settings.settings, name="settings"),
    path("licensing/<uuid:group>/settings/domain/", group_settings.domain_set, name="domain-set"),
    path("licensing/<uuid:group>/settings/domain/remove/", group_settings.domain_remove, name="domain-remove"),
    path("licensing/<uuid:group>/devices/", devices.device_list, name="device-list"),
    path("licensing/<uuid:group>/devices/add/", devices.device_add, name="device-add"),
    path("licensing/<uuid:group>/devices/remove/", devices.devices_remove, name="devices-remove"),
    path("licensing/<uuid:group>/devices/<uuid:pk>/key/", devices.device_renew, name="device-renew"),
    path("licensing/<uuid:group>/devices/<uuid:pk>/remove/", devices.device_remove, name="device-remove"),
    path("devices/enrol/", device_api.enrol, name="device-enrol"),
    path("invitations/<str:token>/", acceptance.invitation, name="invitation"),
    path("invitations/<str:token>/decline/", acceptance.decline, name="invitation-decline"),
    path("domains/<str:token>/", domains.confirm, name="domain-confirm"),
]
operator_patterns = [
    path("", operator.group_list, name="license-group-list"),
    path("<slug:slug>/add/", operator.group_add, name="license-group-add"),
    path("<slug:slug>/<uuid:pk>/", operator.group, name="license-group"),
    path("<slug:slug>/<uuid:pk>/transfer/", operator.transfer, name="license-group-transfer"),
]

"""All transitions in any order, with the clock: what must hold after every step holds after every step."""

import contextlib
import datetime
import itertools

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from audit.actions import Actor
from audit.models import Channel
from config.errors import Refused
from licensing.actions.admission import accept, place_of
from licensing.actions.auto_assign import auto_assign
from licensing.actions.blocks import block_addresses, block_members, unblock
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import decline, invite, resend
from licensing.actions.members import leave, remove_members, set_roles
from licensing.actions.operator import change_purchase, transfer_ownership
from licensing.models import LicencePlace, LicenseGroup, LicenseGroupMember, LicenseRoleBlock, MemberStatus
from tests import factories
from tests.conftest import DEEP
from tests.licensing import people

NAMES = ("Anna Ahlers", "Bert Bauer", "Cleo Czerny", "Dora Dahl", "Emil Ernst", "Finn Frei")
numbers = itertools.count()
PERSON = st.integers(0, len(NAMES) - 1)
SOME = st.sets(PERSON, min_size=1, max_size=3)


class Licences(RuleBasedStateMachine):
    """Two groups with few seats, six people, every verb by every person."""

    clock = None

    @initialize()
    def begin(self):
        self.world = factories.world(f"acme-{next(numbers)}", "Acme Industries")
        self.people = [people.person(self.world, name) for name in NAMES]
        self.groups = [
            people.license_group(self.world, self.people[0], seats=2, name="Printers"),
            people.license_group(self.world, self.people[1], seats=1, name="Copiers"),
        ]

    # --- reading ----------------------------------------------------------------------------------------------------
    def rows(self, **query):
        with self.world.context():
            return list(LicenseGroupMember.objects.filter(tenant=self.world.tenant, **query).order_by("address_key"))

    def listed(self, group, members):
        wanted = {people.address_of(self.people[number], self.world) for number in members}
        return [
            row
            for row in self.rows(group_id=self.groups[group].pk, address_key__in=wanted)
            if row.status != MemberStatus.ENDED
        ]

    def actor(self, number):
        return factories.actor(self.people[number])

    def try_it(self, call):
        """Do it, or be refused with a sentence: nothing else may come out of a verb."""
        try:
            with self.world.context():
                call()
        except (Refused, PermissionDenied):
            return False
        return True

    # --- verbs ------------------------------------------------------------------------------------------------------
    @rule(group=st.integers(0, 1), who=PERSON, members=SOME, is_user=st.booleans(), is_admin=st.booleans())
    def invite(self, group, who, members, is_user, is_admin):
        pairs = [(people.address_of(self.people[number], self.world),) * 2 for number in members]
        self.try_it(
            lambda: invite(
                tenant_id=self.world.pk,
                group_id=self.groups[group].pk,
                addresses=pairs,
                is_user=is_user,
                is_admin=is_admin,
                by=self.actor(who),
            )
        )

    @rule(group=st.integers(0, 1), who=PERSON, members=SOME)
    def resend(self, group, who, members):
        rows = self.listed(group, members)
        self.try_it(
            lambda: resend(
                tenant_id=self.world.pk,
                group_id=self.groups[group].pk,
                shown=people.shown(*rows),
                by=self.actor(who),
            )
        )

    @rule(group=st.integers(0, 1), who=PERSON, leave_other=st.sampled_from([None, 0, 1]), old=st.integers(0, 1))
    def accept(self, group, who, leave_other, old):
        for row in self.listed(group, {who}):
            person = self.people[who]
            place = place_of(person.user_id)
            ticked = None if leave_other is None else self.groups[leave_other].pk
            by = Actor(id=person.pk, name=person.name, channel=Channel.WEB, user_id=person.user_id)
            done = self.try_it(
                lambda row=row, person=person, ticked=ticked, by=by: accept(
                    tenant_id=self.world.pk,
                    pair=(row.pk, row.generation - old),
                    user=person.user,
                    membership=person,
                    first_name="First",
                    last_name="Last",
                    leave_other=ticked,
                    by=by,
                )
            )
            assert not (done and old), "a superseded link was accepted"
            left = place and place.group_id != self.groups[group].pk and place_of(person.user_id) != place
            assert not left or place.group_id == ticked, "another group than the ticked one was left"

    @rule(group=st.integers(0, 1), who=PERSON)
    def decline(self, group, who):
        for row in self.listed(group, {who}):
            if row.status == MemberStatus.PENDING:
                self.try_it(lambda row=row: decline(row=row, by=self.actor(who)))

    @rule(
        group=st.integers(0, 1),
        who=PERSON,
        members=SOME,
        is_user=st.booleans(),
        is_admin=st.booleans(),
        giving_up=st.booleans(),
    )
    def set_roles(self, group, who, members, is_user, is_admin, giving_up):
        rows = self.listed(group, members)
        self.try_it(
            lambda: set_roles(
                tenant_id=self.world.pk,
                group_id=self.groups[group].pk,
                shown=people.shown(*rows),
                is_user=is_user,
                is_admin=is_admin,
                giving_up=giving_up,
                by=self.actor(who),
            )
        )

    @rule(group=st.integers(0, 1), who=PERSON, members=SOME, also_block=st.booleans())
    def remove(self, group, who, members, also_block):
        rows = self.listed(group, members)
        self.try_it(
            lambda: remove_members(
                tenant_id=self.world.pk,
                group_id=self.groups[group].pk,
                shown=people.shown(*rows),
                also_block=also_block,
                giving_up=True,
                by=self.actor(who),
            )
        )

    @rule(group=st.integers(0, 1), who=PERSON)
    def leave(self, group, who):
        self.try_it(lambda: leave(tenant_id=self.world.pk, group_id=self.groups[group].pk, by=self.actor(who)))

    @rule(group=st.integers(0, 1), who=PERSON, members=SOME, by_address=st.booleans())
    def block(self, group, who, members, by_address):
        rows = self.listed(group, members)
        pairs = [(people.address_of(self.people[number], self.world),) * 2 for number in members]
        where = {"tenant_id": self.world.pk, "group_id": self.groups[group].pk}
        if by_address:
            self.try_it(lambda: block_addresses(addresses=pairs, giving_up=True, by=self.actor(who), **where))
        else:
            shown = people.shown(*rows)
            self.try_it(lambda: block_members(shown=shown, giving_up=True, by=self.actor(who), **where))

    @rule(group=st.integers(0, 1), who=PERSON)
    def unblock(self, group, who):
        with self.world.context():
            ids = list(
                LicenseRoleBlock.objects.filter(group_id=self.groups[group].pk)
                .order_by("address_key")
                .values_list("pk", flat=True)[:2]
            )
        self.try_it(
            lambda: unblock(tenant_id=self.world.pk, group_id=self.groups[group].pk, block_ids=ids, by=self.actor(who))
        )

    @rule(group=st.integers(0, 1), who=PERSON)
    def validate_domain(self, group, who):
        self.try_it(
            lambda: ask_domain(
                tenant_id=self.world.pk,
                group_id=self.groups[group].pk,
                domain=f"{self.world.slug}.test",
                address=None,
                by=self.actor(who),
            )
        )

    @rule(who=PERSON)
    def sign_in(self, who):
        self.try_it(lambda: auto_assign(membership=self.people[who], by=self.actor(who)))

    @rule(group=st.integers(0, 1), more=st.sampled_from([-5, 0, 5]), is_expired=st.booleans())
    def buy(self, group, more, is_expired):
        now = self.fresh(group)
        hour = datetime.timedelta(hours=1)
        until = timezone.now() + (-hour if is_expired else hour * 10_000)
        with contextlib.suppress(Refused):
            change_purchase(
                tenant_id=self.world.pk,
                group_id=now.pk,
                version=now.version,
                purchase=people.purchase(now.seats + more, expires_at=until),
                by=people.OLGA,
            )

    @rule(group=st.integers(0, 1), who=PERSON)
    def transfer(self, group, who):
        now = self.fresh(group)
        for row in self.listed(group, {who}):
            with contextlib.suppress(Refused):
                transfer_ownership(
                    tenant_id=self.world.pk, group_id=now.pk, member_id=row.pk, version=now.version, by=people.OLGA
                )

    @rule(days=st.sampled_from([0.5, 3, 8]))
    def let_time_pass(self, days):
        self.clock.shift(datetime.timedelta(days=days))

    # --- what holds --------------------------------------------------------------------------------------------------
    def fresh(self, group):
        with self.world.context():
            return LicenseGroup.objects.get(pk=self.groups[group].pk)

    @invariant()
    def everything_holds(self):
        if not hasattr(self, "groups"):
            return
        for number in range(2):
            group = self.fresh(number)
            rows = self.rows(group_id=group.pk)
            live = [row for row in rows if row.status != MemberStatus.ENDED]
            members = [row for row in live if row.status == MemberStatus.ACTIVE]
            users = [row for row in members if row.is_user]
            assert group.used == len(users) <= group.seats
            assert [row.is_admin for row in members if row.is_owner] == [True]
            assert all(row.is_user or row.is_admin for row in live)
            assert len({row.address_key for row in live}) == len(live)
            with self.world.context():
                blocked = set(LicenseRoleBlock.objects.filter(group_id=group.pk).values_list("address_key", flat=True))
                places = LicencePlace.objects.filter(member_id__in=[row.pk for row in users])
                assert dict(places.values_list("user_id", "member_id")) == {row.user_id: row.pk for row in users}
            assert not blocked & {row.address_key for row in users}


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
@pytest.mark.spec("LG-143", "LG-19", "LG-02", "LG-102", "LG-168", "LG-17")
def test_whatever_happens_in_whatever_order_the_rules_hold(time_machine):
    time_machine.move_to(datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC), tick=True)
    Licences.clock = time_machine
    run_state_machine_as_test(
        Licences,
        settings=settings(
            max_examples=1000 if DEEP else 6,
            stateful_step_count=60 if DEEP else 25,
            deadline=None,
            derandomize=not DEEP,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

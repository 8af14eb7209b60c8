"""What Hypothesis draws: sources of rights over four groups."""

from uuid import UUID

from hypothesis import strategies as st

from roles.catalogue import SCOPED_ROLES, Role
from roles.rights import Grant

GROUPS = [UUID(int=number) for number in range(1, 5)]


@st.composite
def grants(draw):
    """One source: Primary Administrator, or a scoped role in one group, own or through a group."""
    role = draw(st.sampled_from(Role))
    group = draw(st.sampled_from(GROUPS)) if role in SCOPED_ROLES else None
    return Grant(role.value, group, draw(st.sampled_from(["", "Desk", "Leads"])))


def entries(subjects, groups):
    """Entries of some of these subjects: {subject: (role, groups)}, groups empty for Primary Administrator."""
    scoped = st.tuples(st.sampled_from(SCOPED_ROLES), st.sets(st.sampled_from(groups), min_size=1))
    primary = st.tuples(st.just(Role.PRIMARY_ADMIN), st.just(frozenset()))
    return st.dictionaries(st.sampled_from(subjects), st.one_of(scoped, primary))

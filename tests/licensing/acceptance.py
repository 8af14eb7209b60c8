"""What accepting an invitation is tried with: its link, a registration, and what the answer says."""

import re

from licensing.links import invitation_token
from tests.licensing import people

PASSWORD = "correct horse battery"  # noqa: S105
NEW = {"first_name": "Ida", "last_name": "Ilg", "password": PASSWORD, "password_again": PASSWORD}


def link(world, row, more=""):
    return world.url(f"invitations/{invitation_token(row.pk, row.generation)}/{more}")


def member(world, row):
    row = people.fresh(world, row)
    return row.status, row.is_user, row.is_admin


def problem(answer):
    found = re.search(r'<div role="alert">.*?<p>(.*?)</p>', answer.text, re.S)
    return found and found[1]


def people_fill(world, group, seats=5):
    for number in range(seats):
        people.join(world, group, people.person(world, f"Seat{number} Holder"))

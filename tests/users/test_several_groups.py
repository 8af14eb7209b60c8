"""The list of users for somebody with several groups: every user once, in order, forwards and back."""

import re

import pytest

from tests import factories

pytestmark = pytest.mark.django_db
LINK = re.compile(r'rel="(prev|next)" href="([^"]+)"')
NAMES = re.compile(r'<th scope="row"><a href="[^"]+">([^<]+)</a>')


@pytest.fixture
def erin(acme):
    """Administrator of Finance, Support Desk of Sales."""
    row = factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])
    desk = factories.group(acme, "Sales Desk", members=[row])
    factories.entry(acme, desk, "persops.support_desk", [acme.sales])
    return row


@pytest.fixture
def names(acme, globex):
    """120 users, by turns in Finance, Sales and Engineering, half of them in another domain; one more in globex."""
    factories.managed_user(globex, "user-000")
    groups, found = (acme.finance, acme.sales, acme.engineering), []
    for number in range(120):
        group = groups[number % 3]
        domain = ("FINANCE", "SALES")[number % 2]
        factories.managed_user(acme, f"user-{number:03}", group=group, domain=domain)
        if group != acme.engineering:
            found.append((f"user-{number:03}", domain))
    return found


def walk(browser, address, way):
    """Return the names of every page from here to the end of a direction, page by page."""
    pages = []
    while address:
        text = browser.get(address).content.decode()
        pages.append(NAMES.findall(text))
        links = dict(LINK.findall(text))
        address, last = links.get(way, "").replace("&amp;", "&"), address
    return pages, last


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("", lambda pair: pair[0]),
        ("?sort=-name", lambda pair: pair[0]),
        ("?sort=domain", lambda pair: (pair[1], pair[0])),
        ("?q=user", lambda pair: pair[0]),
    ],
)
def test_pages_of_several_groups_hold_every_user_once_and_in_order(acme, erin, names, sign_in, query, key):
    browser = sign_in(erin)
    expected = [name for name, _domain in sorted(names, key=key, reverse="-name" in query)]
    pages, last = walk(browser, acme.url(f"users/{query}"), "next")
    assert [name for page in pages for name in page] == expected
    assert len(pages) > 1
    back, _first = walk(browser, last, "prev")
    assert back == pages[::-1]

"""Stores by their URLs, and those of workspaces beside them."""

from __future__ import annotations

import pytest

from weft.app.stores import workspace_url
from weft.errors import BadSetting


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///.weft/weft.db", "sqlite:///.weft/weft.db.workspaces/sales-eu/weft.db"),
        ("sqlite:////srv/a%20b.db", "sqlite:////srv/a%20b.db.workspaces/sales-eu/weft.db"),
        ("postgresql://me@db/weft", "postgresql://me@db/weft?schema=weft_sales_eu"),
        ("postgres://me@db/weft?schema=x", "postgres://me@db/weft?schema=x_sales_eu"),
        ("memory://", "memory://"),
    ],
)
def test_workspace_has_a_store_beside_the_servers(url, expected):
    """S33: every kind of store says where another one of it stands."""
    assert workspace_url(url, "sales-eu") == expected
    assert workspace_url(url, "home") == url


@pytest.mark.parametrize("workspace", ["", "..", "../x", "a/b", "A", "a_b", "-a", "a\x00", "ä", "a" * 64])
def test_other_ids_are_refused(workspace):
    """S52: an id that is no plain word leads to no folder."""
    with pytest.raises(BadSetting, match="cannot be the id of a workspace"):
        workspace_url("sqlite:///.weft/weft.db", workspace)


def test_unknown_kind_is_named_without_its_password():
    """S47: a URL of no kind of store is shown without its password."""
    with pytest.raises(BadSetting, match="names no store") as caught:
        workspace_url("mysql://me:geheim@db/weft", "sales")

    assert "geheim" not in str(caught.value)

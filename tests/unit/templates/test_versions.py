from __future__ import annotations

import pytest

from weft.templates.versions import is_version, version_rank


def test_later_versions_rank_higher() -> None:
    """P17: versions compare as numbers, pre-releases stand below their release."""
    ordered = [
        "0.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-rc.2",
        "1.0.0-rc.10",
        "1.0.0",
        "1.0.1",
        "1.9",
        "1.10.0",
        "2.0.0",
    ]
    shuffled = [*ordered[5:], *ordered[:5]]

    assert sorted(shuffled, key=version_rank) == ordered


def test_two_numbers_are_a_version() -> None:
    """`1.4` ranks as `1.4.0`."""
    assert version_rank("1.4") == version_rank("1.4.0")


@pytest.mark.parametrize(
    "text", ["1", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.x", "", "1.0.0-", "1.-1.0", "٢.0.0"]
)
def test_other_texts_are_no_versions(text: str) -> None:
    """What is no version is refused."""
    assert not is_version(text)
    with pytest.raises(ValueError, match="is no version"):
        version_rank(text)

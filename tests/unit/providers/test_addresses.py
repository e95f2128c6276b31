from __future__ import annotations

import pytest

from weft.errors import BadSetting
from weft.providers._addresses import belongs_to, check_base_url, may_connect

GOOD = [
    "http://localhost:11434/v1",
    "http://127.0.0.1:8000/v1",
    "http://127.1:8000",
    "http://[::1]:8000/v1",
    "http://192.168.1.5/v1",
    "http://gpu-box:8000/v1",
    "https://api.openai.com/v1",
    "https://openrouter.ai/api/v1",
    "https://203.0.113.7/v1",
    "http://100.90.1.2:8000",
]
BAD = [
    "",
    "localhost:11434",
    "ftp://host/v1",
    "file:///etc/passwd",
    "https://",
    "https://user:secret@host/v1",
    "https://host/v1?key=1",
    "https://host/v1#x",
    "https://host/a b",
    "https://host\\@evil/v1",
    "https://ho%73t/v1",
    "https://host:99999/v1",
    "https://host:x/v1",
    "https://[::1/v1",
    "https://-host/v1",
    "http://8.8.8.8/v1",
    "http://134744072/v1",
    "http://0x08080808/v1",
    "http://[2001:4860:4860::8888]/v1",
    "http://0.0.0.0:8000",
    "http://[::]:8000",
    "http://224.0.0.1/v1",
    "http://169.254.169.254/latest",
    "https://169.254.169.254/v1",
    "http://2852039166/v1",
    "http://0xa9fea9fe/v1",
    "http://0251.0376.0251.0376/v1",
    "http://[::ffff:169.254.169.254]/v1",
    "http://[fe80::1]/v1",
    "http://[fd00:ec2::254]/v1",
    "http://100.100.100.200/v1",
    "http://168.63.129.16/v1",
    "http://metadata.google.internal/v1",
    "http://metadata.google.internal./v1",
    "https://METADATA.google.internal/v1",
]


@pytest.mark.parametrize("url", GOOD)
def test_usable_address_loses_only_its_slash(url: str) -> None:
    """Own machines, private networks and encrypted public servers may be asked."""
    assert check_base_url(url + "/") == url


@pytest.mark.parametrize("url", BAD)
def test_unusable_address_is_refused(url: str) -> None:
    """S44, S49: odd addresses, metadata services and unencrypted public servers are refused."""
    with pytest.raises(BadSetting) as caught:
        check_base_url(url)

    assert caught.value.hint
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("address", "plain", "expected"),
    [
        ("127.0.0.1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.1.2.3", True, True),
        ("93.184.216.34", True, False),
        ("93.184.216.34", False, True),
        ("169.254.1.1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("2002:a9fe:a9fe::1", False, False),  # 6to4 around 169.254.169.254
        ("64:ff9b::a9fe:a9fe", False, False),  # NAT64 around it
        ("fd12::1", True, True),
        ("255.255.255.255", False, False),
        ("not an address", False, False),
    ],
)
def test_resolved_address_is_judged(address: str, plain: bool, expected: bool) -> None:
    """S44: the wire connects to private addresses, and to public ones only encrypted."""
    assert may_connect(address, plain=plain) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.openai.com/v1", True),
        ("https://API.OPENAI.COM:443/v1/", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com:8443/v1", False),
        ("https://api.openai.com.evil.example/v1", False),
        ("https://evilapi.openai.com/v1", False),
    ],
)
def test_official_host_is_recognised(url: str, expected: bool) -> None:
    """S45: a key belongs to its host, encrypted and on its port."""
    assert belongs_to(url, "https://api.openai.com/v1") is expected

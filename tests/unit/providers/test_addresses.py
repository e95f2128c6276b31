from __future__ import annotations

import pytest

from weft.errors import BadSetting
from weft.providers._addresses import Target, belongs_to, check_base_url, may_connect, place_of

GOOD = [
    "http://localhost:11434/v1",
    "http://LocalHost:11434/v1",
    "http://models.localhost:8000/v1",
    "http://127.0.0.1:8000/v1",
    "http://127.1:8000",
    "http://2130706433:8000",
    "http://0x7f.1:8000",
    "http://0177.0.0.1:8000",
    "http://[::1]:8000/v1",
    "http://[::ffff:127.0.0.1]:8000/v1",
    "https://api.openai.com/v1",
    "https://openrouter.ai/api/v1",
    "https://93.184.216.34/v1",
]
PRIVATE = [
    "http://192.168.1.5/v1",
    "https://10.0.0.7/v1",
    "http://172.31.255.1:8000/v1",
    "http://100.90.1.2:8000",
    "http://[fd12::1]:8000/v1",
    "http://[::ffff:192.168.1.5]/v1",
    "http://3232235781/v1",
    "http://gpu-box:8000/v1",
    "http://127.0.0.1.nip.io:8000/v1",
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
    "http://169.254.170.2/v2/credentials",
    "http://0.1.2.3/v1",
    "http://[::ffff:0:0]/v1",
    "http://[::a9fe:a9fe]/v1",
    "http://[64:ff9b::a9fe:a9fe]/v1",
    "http://[2002:a9fe:a9fe::1]/v1",
    "http://localhost@169.254.169.254/v1",
    "http://169.254.169.254#@localhost/v1",
    "http://localhost:80@evil.example/v1",
    "http://localhost%00.evil.example/v1",
    "http://localhost%2f@evil.example/v1",
    "http:/\\evil.example/v1",
    "http://①②⑦.①/v1",
    "http://[fe80::1%25eth0]/v1",
    "http://metadata.google.internal/v1",
    "http://metadata.google.internal./v1",
    "https://METADATA.google.internal/v1",
]


@pytest.mark.parametrize("url", GOOD)
def test_usable_address_loses_only_its_slash(url: str) -> None:
    """This machine by any of its names, and encrypted public servers, may be asked."""
    assert check_base_url(url + "/") == url


@pytest.mark.parametrize("url", PRIVATE)
def test_private_networks_are_opened_by_a_setting(url: str) -> None:
    """S44, S49: other machines without encryption, and private networks, only where somebody said so."""
    with pytest.raises(BadSetting) as caught:
        check_base_url(url)

    assert "private_networks" in caught.value.hint
    assert check_base_url(url, private=True) == url


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("url", BAD)
def test_unusable_address_is_refused(url: str, private: bool) -> None:
    """S44, S49: odd addresses, metadata services and unencrypted public servers are refused, setting or not."""
    with pytest.raises(BadSetting) as caught:
        check_base_url(url, private=private)

    assert caught.value.hint
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("address", "host", "plain", "private", "expected"),
    [
        ("127.0.0.1", "localhost", True, False, True),
        ("::1", "localhost.", True, False, True),
        ("127.0.0.1", "127.1", True, False, True),
        ("93.184.216.34", "localhost", False, True, False),
        ("10.1.2.3", "localhost", True, True, False),
        ("127.0.0.1", "models.example", False, False, False),
        ("127.0.0.1", "models.example", True, False, False),
        ("127.0.0.1", "models.example", True, True, True),
        ("::ffff:127.0.0.1", "models.example", False, False, False),
        ("::7f00:1", "models.example", False, False, False),
        ("10.1.2.3", "models.example", False, False, False),
        ("10.1.2.3", "models.example", True, True, True),
        ("fd12::1", "models.example", True, True, True),
        ("fd12::1", "models.example", True, False, False),
        ("93.184.216.34", "models.example", True, True, False),
        ("93.184.216.34", "models.example", False, False, True),
        ("2606:2800:220:1::1", "models.example", False, False, True),
        ("169.254.1.1", "models.example", False, True, False),
        ("::ffff:169.254.169.254", "models.example", False, True, False),
        ("fe80::1%eth0", "models.example", False, True, False),
        ("2002:a9fe:a9fe::1", "models.example", False, True, False),  # 6to4 around 169.254.169.254
        ("64:ff9b::a9fe:a9fe", "models.example", False, True, False),  # NAT64 around it
        ("168.63.129.16", "models.example", False, True, False),
        ("0.0.0.0", "localhost", True, True, False),  # noqa: S104 - it is refused
        ("255.255.255.255", "models.example", False, True, False),
        ("not an address", "models.example", False, True, False),
    ],
)
def test_resolved_address_is_judged(
    address: str, host: str, plain: bool, private: bool, expected: bool
) -> None:
    """S44: a name leads to the public internet, encrypted; only this machine's own names lead to itself."""
    assert may_connect(address, Target(host=host, plain=plain, private=private)) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.OpenAI.com/v1", "api.openai.com:443"),
        ("https://api.openai.com.:8443", "api.openai.com:8443"),
        ("http://localhost", "localhost:80"),
        ("http://2130706433:8000/v1", "127.0.0.1:8000"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "[::1]:8000"),
    ],
)
def test_place_is_host_and_port(url: str, expected: str) -> None:
    """S45: what a key is bound to does not depend on how an address is written."""
    assert place_of(url) == expected


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

from __future__ import annotations

import datetime
import ipaddress
import logging
import ssl
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from infra.errors import StoreUnavailable, UsageError
from infra.storage.filesystem import open_address
from infra.storage.store import Store
from tests.reference.faulty_s3 import BUCKET, running


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Say what the Prefect block holds; importing Prefect and starting its server would take half a minute."""

    def holds(value: Any) -> None:
        class Secret:
            @classmethod
            def load(cls, name: str, _sync: bool) -> Secret:
                if name != "bucket-writer":
                    raise ValueError(f"no block called {name}")
                return cls()

            def get(self) -> Any:
                return value

        module = types.ModuleType("prefect.blocks.system")
        vars(module)["Secret"] = Secret
        monkeypatch.setitem(sys.modules, "prefect.blocks.system", module)
        monkeypatch.setenv("ANONFLOW_S3_BLOCK", "bucket-writer")
        from infra.storage import filesystem

        filesystem._block.cache_clear()

    return holds


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_addresses(tmp_path: Path) -> None:
    fs, path = open_address(f"file://{tmp_path}/a b#c")
    assert isinstance(fs, LocalFileSystem)
    assert path == f"{tmp_path}/a b#c"
    assert open_address("memory://x/y")[1] == "/x/y"
    assert open_address("s3://bucket/folder")[1] == "bucket/folder"


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAID:wordword@bucket/folder",
        "s3a://AKIAID@bucket",
        "ftp://AKIAID:wordword@host/file",
        "simplecache::s3://AKIAID:wordword@bucket/x",
        "S3://AKIAID:wordword@bucket/folder",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    for open_it in (open_address, Store):
        with pytest.raises(UsageError, match="must not hold credentials") as caught:
            open_it(url)
        assert "AKIAID" not in str(caught.value)
        assert "wordword" not in str(caught.value)


def test_at_signs_elsewhere_are_no_credentials(tmp_path: Path) -> None:
    assert open_address(f"file://{tmp_path}/jane@home:1")[1].endswith("jane@home:1")
    assert open_address("s3://bucket/jane@home:1")[1] == "bucket/jane@home:1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANONFLOW_S3_ADDRESSING", "sideways"),
        ("ANONFLOW_S3_TIMEOUT", "soon"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:9000"),
        ("AWS_ENDPOINT_URL", "http://AKIAID:wordword@host"),
    ],
)
def test_wrong_settings(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=name) as caught:
        open_address("s3://bucket")
    assert "wordword" not in str(caught.value)


def test_unknown_protocol_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="cannot be opened"):
        open_address("nosuchprotocol://x")


@pytest.mark.parametrize(
    ("endpoint", "addressing", "style"),
    [("", "", "auto"), ("http://localhost:9000", "", "path"), ("http://localhost:9000", "virtual", "virtual")],
)
def test_addressing(endpoint: str, addressing: str, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere")
    if addressing:
        monkeypatch.setenv("ANONFLOW_S3_ADDRESSING", addressing)
    client = open_address("s3://bucket")[0].s3
    assert client.meta.config.s3["addressing_style"] == style
    assert client.meta.region_name == "eu-north-1"
    assert client.meta.endpoint_url == (endpoint or "https://s3.eu-north-1.amazonaws.com")


def test_same_settings_share_a_filesystem_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    one, same = open_address("s3://bucket/a")[0], open_address("s3://other/b")[0]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9001")
    assert one is same
    assert open_address("s3://bucket/a")[0] is not one


def test_credentials_of_a_block(block: Callable[[Any], None], caplog: pytest.LogCaptureFixture) -> None:
    block({"key": "AKIAID", "secret": "wordword", "token": "tokentoken"})
    with running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANONFLOW_S3_BLOCK", "bucket-writer")
        store = Store(f"s3://{BUCKET}/x")
        fs, _ = open_address(f"s3://{BUCKET}/x")
        caplog.set_level(logging.DEBUG)
        store.write_named("videos/jane", b"1")
        server.fail("403 AccessDenied", "GET")
        with pytest.raises(StoreUnavailable) as caught:
            store.read_named("videos/jane")
    # Asked of the client itself, which signs with them.
    credentials = fs.s3._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("AKIAID", "wordword", "tokentoken")
    said = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    for text in (repr(store), repr(fs), str(fs), repr(vars(store)), str(caught.value), "".join(said)):
        for hidden in ("wordword", "tokentoken", "jane"):
            assert hidden not in text


@pytest.mark.parametrize("value", ["text", {"key": "AKIAID"}, {"key": "", "secret": "wordword"}, {"key": 1}, None])
def test_block_that_holds_something_else(value: Any, block: Callable[[Any], None]) -> None:
    block(value)
    with pytest.raises(UsageError, match="must hold JSON") as caught:
        open_address("s3://bucket")
    assert "AKIAID" not in str(caught.value)
    assert "wordword" not in str(caught.value)


def test_block_that_is_not_there(block: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    block({})
    monkeypatch.setenv("ANONFLOW_S3_BLOCK", "another")
    with pytest.raises(UsageError, match="cannot be read"):
        open_address("s3://bucket")


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(1))
    signed = builder.add_extension(address, False).sign(key, hashes.SHA256())
    file = folder / "certificate.pem"
    plain = serialization.NoEncryption()
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(encoded + signed.public_bytes(serialization.Encoding.PEM))
    return file


def test_own_certificate_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file)
    with running(tls):
        with pytest.raises(StoreUnavailable, match="AWS_CA_BUNDLE"):
            Store(f"s3://{BUCKET}/x").write_named("safe/a", b"1")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
        store = Store(f"s3://{BUCKET}/x")
        store.write_named("safe/a", b"1")
        assert store.read_named("safe/a") == b"1"

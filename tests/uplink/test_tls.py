"""TLS with a real mosquitto: 1.3 only, client certificates, and what is named when it does not fit."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import UplinkConfig
from agent.uplink.link import may_command
from agent.uplink.probe import try_once

from .broker import Mosquitto, running
from .rig import config_of, uplink, wait_for


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    subject = ["-subj", f"/CN={name} authority", "-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt"]
    curve = "ec_paramgen_curve:prime256v1"
    openssl("req", "-x509", *subject, curve, "-keyout", f"{name}.key", "-out", f"{name}.pem", folder=folder)


def certificate(folder: Path, by: str, name: str, more: str = "") -> None:
    request = ["-subj", f"/CN={name}", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    openssl("req", "-new", *request, "-keyout", f"{name}.key", "-out", f"{name}.csr", folder=folder)
    (folder / f"{name}.ext").write_text(f"basicConstraints=CA:FALSE\n{more}\n")
    signer = ["-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", "2"]
    openssl(
        "x509", "-req", "-in", f"{name}.csr", *signer, "-extfile", f"{name}.ext", "-out", f"{name}.pem", folder=folder
    )
    (folder / f"{name}.key").chmod(0o644)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (Debian: openssl)")
    folder = tmp_path_factory.mktemp("papers")
    authority(folder, "ca")
    authority(folder, "stranger")
    certificate(folder, "ca", "broker", "subjectAltName=IP:127.0.0.1")
    certificate(folder, "ca", "elsewhere", "subjectAltName=DNS:broker.example")
    certificate(folder, "ca", "station1")
    certificate(folder, "stranger", "nobody")
    return folder


def listener_tls(papers: Path, version: str, name: str = "broker", asks: bool = True) -> str:
    return (
        f"cafile {papers}/ca.pem\ncertfile {papers}/{name}.pem\nkeyfile {papers}/{name}.key\n"
        f"tls_version {version}\nrequire_certificate {str(asks).lower()}\n"
    )


@pytest.fixture
def broker(tmp_path: Path, papers: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker", tls=listener_tls(papers, "tlsv1.3")) as started:
        yield started


def settings(papers: Path, tmp_path: Path, port: int, **tls: Any) -> UplinkConfig:
    own = {"ca": papers / "ca.pem", "certificate": papers / "station1.pem", "key": papers / "station1.key"}
    made = {k: v for k, v in {**own, **tls}.items() if v is not None}
    return config_of(tmp_path, port, tls=made).uplink


@pytest.mark.parametrize("protocol", [5, 3])
def test_tls_with_client_certificate(broker: Mosquitto, papers: Path, tmp_path: Path, protocol: int) -> None:
    tls = settings(papers, tmp_path, broker.port).tls
    assert tls is not None
    config = config_of(tmp_path, broker.port, tls=tls.model_dump(), protocol=protocol)
    assert may_command(config)
    with uplink(config) as rig:
        rig.outbox.add(5)
        wait_for(lambda: rig.station.uplink()["sent"] == 5)


def test_what_does_not_fit_is_named(broker: Mosquitto, papers: Path, tmp_path: Path) -> None:
    def said(**tls: Any) -> str:
        return try_once(settings(papers, tmp_path, broker.port, **tls), "okng-check")

    assert said() == ""
    assert "uplink.tls.certificate" in said(certificate=None, key=None)
    assert "hung up after the TLS handshake" in said(certificate=papers / "nobody.pem", key=papers / "nobody.key")
    assert "its certificate is not trusted" in said(ca=papers / "stranger.pem")
    assert "uplink.tls.ca" in said(ca=tmp_path / "none.pem")
    assert "uplink.tls.key" in said(key=tmp_path / "none.key")
    (tmp_path / "broken.pem").write_text("no certificate")
    assert "TLS failed" in said(ca=tmp_path / "broken.pem")
    assert "set uplink.tls" in try_once(config_of(tmp_path, broker.port).uplink, "okng-check")


def test_older_tls_is_refused(papers: Path, tmp_path: Path) -> None:
    """Against a server that speaks TLS 1.2 only: no broker that is at hand can be told to."""
    old = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    old.load_cert_chain(papers / "broker.pem", papers / "broker.key")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        old.wrap_socket(connection, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        said = try_once(settings(papers, tmp_path, port), "okng-check")
        lower = try_once(settings(papers, tmp_path, port, minimum="1.2"), "okng-check")
        server.shutdown(socket.SHUT_RDWR)
    assert "TLS failed" in said
    assert "lowest version 1.3" in said
    assert "hung up after the TLS handshake" in lower


def test_broker_with_another_name_is_refused(papers: Path, tmp_path: Path) -> None:
    with running(tmp_path / "broker", tls=listener_tls(papers, "tlsv1.3", "elsewhere", asks=False)) as other:
        said = try_once(settings(papers, tmp_path, other.port), "okng-check")
    assert "its certificate is not trusted" in said

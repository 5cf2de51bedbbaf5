"""HTTPS with the certificate that the station makes itself, and with one that it is given."""

import hashlib
import ipaddress
import shutil
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from agent.config import WebConfig
from agent.web.people.certificate import CertificateRefused, own_addresses, papers_of
from tests.web.fake_station import running
from tests.web.served import serving

NOW = datetime(2026, 11, 30, tzinfo=UTC)
NAMES = ("box7", "box7.local", "line.example")


def web(**options: object) -> WebConfig:
    return WebConfig.model_validate({"host": "0.0.0.0", **options})


def of(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_it_names_what_the_page_is_called_by_and_its_key_is_for_nobody_else(tmp_path: Path) -> None:
    papers = papers_of(web(), tmp_path, NAMES, NOW)
    named = of(papers.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(NAMES) <= set(named.get_values_for_type(x509.DNSName))
    addresses = {str(one) for one in named.get_values_for_type(x509.IPAddress)}
    assert {"127.0.0.1", *own_addresses()} <= addresses
    assert "0.0.0.0" not in addresses
    assert all(not ipaddress.ip_address(one).is_link_local for one in own_addresses())
    assert stat.S_IMODE(papers.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(papers.key.parent.stat().st_mode) == 0o700
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(papers.certificate.read_text())).hexdigest().upper()
    assert papers.fingerprint.replace(":", "") == digest
    assert papers.self_made


def test_it_stays_until_its_end_comes_near_or_a_name_is_new(tmp_path: Path) -> None:
    first = papers_of(web(), tmp_path, NAMES, NOW)
    key = first.key.read_bytes()
    assert papers_of(web(), tmp_path, NAMES, NOW + timedelta(days=300)).fingerprint == first.fingerprint
    assert papers_of(web(), tmp_path, NAMES[:1], NOW).fingerprint == first.fingerprint
    renewed = papers_of(web(), tmp_path, NAMES, NOW + timedelta(days=380))
    assert renewed.fingerprint != first.fingerprint
    assert renewed.ends > NOW + timedelta(days=700)
    named = papers_of(web(), tmp_path, (*NAMES, "newname"), NOW + timedelta(days=380))
    assert named.fingerprint != renewed.fingerprint
    assert named.key.read_bytes() == key


def test_a_clock_that_was_never_set_makes_one_that_lasts(tmp_path: Path) -> None:
    """FIELD 23: a box without a battery boots in 1970."""
    papers = papers_of(web(), tmp_path, NAMES, datetime(1970, 1, 2, tzinfo=UTC))
    assert papers.ends > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_broken_one_is_made_anew_and_a_given_one_is_never_touched(tmp_path: Path) -> None:
    made = papers_of(web(), tmp_path, NAMES, NOW)
    given, key = tmp_path / "given.pem", tmp_path / "given.key"
    shutil.copy(made.certificate, given)
    shutil.copy(made.key, key)
    made.certificate.write_text("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    assert papers_of(web(), tmp_path, NAMES, NOW).fingerprint != made.fingerprint
    own = papers_of(web(certificate=str(given), key=str(key)), tmp_path, ("other",), NOW + timedelta(days=5000))
    assert (own.fingerprint, own.self_made) == (made.fingerprint, False)
    key.write_text("no key")
    with pytest.raises(CertificateRefused, match=r"given\.pem"):
        papers_of(web(certificate=str(given), key=str(key)), tmp_path, NAMES, NOW)


def test_the_page_is_shown_by_https_with_a_secure_cookie_and_says_what_is_wrong_with_a_given_one(
    tmp_path: Path,
) -> None:
    """FIELD 24: TLS without anybody's doing."""
    (tmp_path / "run").mkdir()
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    files = {"certificate": str(bad), "key": str(bad)}
    with serving(tmp_path, tls="on", lanes=(), **files) as served:
        trusted = ssl.create_default_context(cafile=str(tmp_path / "data" / "web" / "tls" / "certificate.pem"))
        with httpx.Client(base_url=served.url, verify=trusted, timeout=60) as browser:
            assert "web.certificate cannot be used" in browser.get("/").text
            answer = browser.post("/login", data={"name": "x", "password": "y"})
            assert answer.status_code == 401
            out = browser.post("/logout")
            assert "__Host-okng_session" in out.headers["set-cookie"]
            assert "secure" in out.headers["set-cookie"].lower()


def test_bound_to_every_address_it_is_https_by_itself_and_this_machine_needs_no_log_in(tmp_path: Path) -> None:
    with running(tmp_path), serving(tmp_path, host="0.0.0.0", tls="on", this_machine="viewer") as served:
        assert httpx.get(served.url, verify=False, timeout=60).status_code == 200

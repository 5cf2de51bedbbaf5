"""HTTPS with a certificate that the station makes itself, where nobody gave it one.

It names what the page is called by: this machine, the configured names, every address that it listens on. It
lies in the page's own folder (`web/tls/`), its key is for nobody else, and it is renewed before its end. A browser
warns of it until its fingerprint (in the log and on the device page) was compared and the exception confirmed.
"""

import ctypes
import fcntl
import ipaddress
import logging
import socket
import ssl
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.atomic import write_atomically
from agent.config import WebConfig
from agent.errors import OkngError

log = logging.getLogger(__name__)

FOLDER = "tls"
VALID = timedelta(days=397)
"""The longest that browsers take (CA/Browser Forum, ballot SC31)."""
RENEW_BEFORE = timedelta(days=30)
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
"""A clock before this was never set: the certificate begins here whatever it says."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SIOCGIFCONF = 0x8912
_ENTRY, _MOST = 40, 64
"""struct ifreq, and how many of them are asked for (netdevice(7))."""


class CertificateRefused(OkngError):
    """The certificate or its key cannot be used."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What the page shows a browser."""

    certificate: Path
    key: Path
    fingerprint: str
    """SHA-256, as browsers show it: AB:CD:..."""
    ends: datetime
    self_made: bool


def papers_of(web: WebConfig, data: Path, names: Iterable[str], now: datetime) -> Papers:
    """The configured certificate, else the self-made one below the data folder, made or renewed where it has to be.

    Raises CertificateRefused where one cannot be read, made or does not fit its key.
    """
    if web.certificate is not None and web.key is not None:
        return _checked(web.certificate, web.key, False)
    folder = data / "web" / FOLDER
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    wanted = _subjects(names, web)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _lasts(file, key_file, wanted, now):
            _make(file, key_file, wanted, now)
            log.info("a new certificate was made: %s", file)
    except OSError as error:
        # The one that is there is still better than no page.
        log.error("%s: no certificate can be made: %s", folder, error.strerror)
    return _checked(file, key_file, True)


def wanted(web: WebConfig, loopback: bool) -> bool:
    """Whether the page is to be shown by HTTPS."""
    return web.tls == "on" or (web.tls == "auto" and not loopback)


def _checked(file: Path, key_file: Path, self_made: bool) -> Papers:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file, key_file)
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except ssl.SSLError as error:
        raise CertificateRefused(f"{file}, {key_file}: no pair, or no PEM: {error.reason}") from error
    except OSError as error:
        raise CertificateRefused(f"{error.filename or file}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateRefused(f"{file}: {error}") from error
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return Papers(file, key_file, fingerprint, certificate.not_valid_after_utc, self_made)


def _lasts(file: Path, key_file: Path, wanted: frozenset[str | Address], now: datetime) -> bool:
    """Whether the certificate that is there goes on: whole, long enough, and with all names."""
    try:
        papers = _checked(file, key_file, True)
        named = x509.load_pem_x509_certificate(file.read_bytes()).extensions
        names = named.get_extension_for_class(x509.SubjectAlternativeName).value
    except (CertificateRefused, ValueError, x509.ExtensionNotFound):
        return False
    there: set[str | Address] = set(names.get_values_for_type(x509.DNSName))
    there |= {one for one in names.get_values_for_type(x509.IPAddress) if isinstance(one, Address)}
    return wanted <= there and papers.ends - max(now, EARLIEST) > RENEW_BEFORE


def _make(file: Path, key_file: Path, wanted: frozenset[str | Address], now: datetime) -> None:
    """The key stays over renewals, where there is one."""
    key = _kept_key(key_file)
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_atomically(key_file, pem, mode=0o600)
    begins = max(now, EARLIEST) - timedelta(days=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"okng {socket.gethostname()}"[:64])])
    texts = sorted(one for one in wanted if isinstance(one, str))
    addresses = sorted((one for one in wanted if not isinstance(one, str)), key=lambda one: (one.version, int(one)))
    named = [*map(x509.DNSName, texts), *map(x509.IPAddress, addresses)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + VALID)
        .add_extension(x509.SubjectAlternativeName(named), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    write_atomically(file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _kept_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _subjects(names: Iterable[str], web: WebConfig) -> frozenset[str | Address]:
    """Names and addresses by which the page may be called."""
    found: set[str | Address] = set()
    for name in (*names, *_listened(web.host)):
        bare = name.partition("%")[0]
        try:
            found.add(ipaddress.ip_address(bare))
        except ValueError:
            if _is_name(bare):
                found.add(bare.lower())
    return frozenset(one for one in found if isinstance(one, str) or not one.is_unspecified)


def _is_name(name: str) -> bool:
    return name.isascii() and 0 < len(name) <= 253 and all(part and len(part) <= 63 for part in name.split("."))


def _listened(host: str) -> tuple[str, ...]:
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_unspecified:
            return (*own_addresses(), "127.0.0.1", "::1")
    return (host,)


def own_addresses() -> tuple[str, ...]:
    """This machine's addresses, but for link-local ones.

    By an ioctl and a file of /proc: netlink, by which others ask, is closed in the unit's sandbox.
    """
    found: list[str] = []
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        buffer = ctypes.create_string_buffer(_ENTRY * _MOST)
        head = struct.pack("iL", len(buffer), ctypes.addressof(buffer))
        length = struct.unpack("iL", fcntl.ioctl(asked.fileno(), _SIOCGIFCONF, head))[0]
        found += [socket.inet_ntoa(buffer.raw[at + 20 : at + 24]) for at in range(0, length, _ENTRY)]
    with suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            found.append(str(ipaddress.IPv6Address(int(line.split()[0], 16))))
    return tuple(one for one in found if not ipaddress.ip_address(one).is_link_local)

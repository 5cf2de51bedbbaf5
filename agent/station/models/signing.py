"""Who made a model: an Ed25519 signature over its manifest, which names the hash of every other file.

`manifest.sig` is one line of JSON: {"key": the key's id, "signature": base64}. Signed is
b"okng.bundle/1\\n" + the sha256 of manifest.json in hex, so that a signature of something else is
never one of a bundle. A key's id are the first 16 hex digits of the sha256 of the public key's 32
bytes. Ed25519: RFC 8032; the private key's file: PKCS #8 (RFC 5958) in PEM (RFC 7468).
"""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.atomic import sync_folder, write_atomically
from agent.config import ACCEPT_UNSIGNED, ModelsConfig
from agent.errors import OkngError
from agent.station.models.bundle import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE, read_bundle

MAX_SIGNATURE_BYTES = 1024
_MAX_KEY_BYTES = 4096
_SIGNED_AS = b"okng.bundle/1\n"


class KeyRefused(OkngError):
    """A key's file or text; the message names it and never shows what is secret."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that the configuration names."""

    name: str
    public: bytes
    """32 bytes, raw."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose models a station takes."""

    keys: Mapping[str, TrustedKey] = field(default_factory=dict)
    """By the key's id."""
    accept_unsigned: bool = False
    """Models that carry no signature at all are taken too. A wrong or strange signature never is."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a bundle's signature is worth to this station."""

    accepted: bool
    key_id: str | None
    """Of the trusted key that signed it; None where none did."""
    name: str
    """The configuration's name of that key, "" where there is none."""
    why: str
    """In words: by which key it is signed, or why it is not accepted."""
    claimed: str = ""
    """The id of the key that it names, whether true or not."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key in memory, shown nowhere."""

    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        """32 bytes, raw."""
        return self.private.public_key().public_bytes_raw()


class _Seal(BaseModel):
    """`manifest.sig`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]


def key_id(public: bytes) -> str:
    """The id of a public key of 32 raw bytes: 16 hex digits."""
    return hashlib.sha256(public).hexdigest()[:16]


def text_of(public: bytes) -> str:
    """A public key as the configuration holds it."""
    return base64.b64encode(public).decode()


def trust_of(models: ModelsConfig) -> Trust:
    """What the section [models] of a checked configuration trusts."""
    keys = [TrustedKey(name, base64.b64decode(text)) for name, text in models.trusted_keys.items()]
    return Trust({key_id(key.public): key for key in keys}, models.accept_unsigned == ACCEPT_UNSIGNED)


def trust_in(texts: Mapping[str, str]) -> Trust:
    """Trust in public keys given as name -> base64. Raises KeyRefused for one that is none."""
    keys = []
    for name, text in texts.items():
        try:
            public = base64.b64decode(text, validate=True)
        except ValueError:
            public = b""
        if len(public) != 32:
            raise KeyRefused(f"{name} is no public key: wanted 32 bytes in base64, as `okng bundle keygen` prints")
        keys.append(TrustedKey(name, public))
    return Trust({key_id(key.public): key for key in keys})


def sign(manifest: bytes, key: SigningKey) -> bytes:
    """`manifest.sig`'s content for a manifest's bytes. The same key and manifest give the same bytes."""
    return _sealed(key_id(key.public), key.private.sign(_message(manifest)))


def examine(manifest: bytes, signature: bytes | None, trust: Trust) -> Signed:
    """Whether a manifest (its bytes) is signed by a trusted key. Never raises."""
    if signature is None:
        takes = "the configuration takes such models"
        what = takes if trust.accept_unsigned else f"allowed: a signature by {_known(trust)}"
        return Signed(trust.accept_unsigned, None, "", f"nobody signed it; {what}")
    seal = _read_seal(signature)
    if seal is None:
        what = 'is not one line of {"key": ..., "signature": ...} as `okng bundle sign` writes'
        return Signed(False, None, "", what)
    trusted = trust.keys.get(seal.key)
    if trusted is None:
        what = f"is by key {seal.key}, which is not trusted; allowed: a signature by {_known(trust)}"
        return Signed(False, None, "", what, seal.key)
    try:
        Ed25519PublicKey.from_public_bytes(trusted.public).verify(base64.b64decode(seal.signature), _message(manifest))
    except InvalidSignature:
        what = f"names key {trusted.name} ({seal.key}), but is no signature of this manifest: edited, or forged"
        return Signed(False, None, "", what, seal.key)
    return Signed(True, seal.key, trusted.name, f"signed by {trusted.name} ({seal.key})", seal.key)


def _known(trust: Trust) -> str:
    names = [f"{key.name} ({number})" for number, key in sorted(trust.keys.items())]
    return " or ".join(names) or "a key in models.trusted_keys, where there is none"


def verify(folder: Path, trust: Trust) -> Signed:
    """The signature of a bundle's folder; only the manifest is read. Raises OSError where that cannot be."""
    manifest = _bounded(folder / MANIFEST, MAX_MANIFEST_BYTES)
    try:
        signature = _bounded(folder / SIGNATURE, MAX_SIGNATURE_BYTES)
    except FileNotFoundError:
        signature = None
    return examine(manifest, signature, trust)


def sign_folder(folder: Path, key: SigningKey) -> str:
    """Sign a bundle's folder, whole or not at all; an older signature goes. Returns the key's id.

    Raises BundleRefused for a bundle that is not whole, OSError where it cannot be written.
    """
    read_bundle(folder)
    write_atomically(folder / SIGNATURE, sign(_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES), key), mode=0o644)
    return key_id(key.public)


def new_key(file: Path, passphrase: bytes | None = None) -> SigningKey:
    """Make a key and keep its private half in a new file that only its owner reads.

    Raises KeyRefused when the file is there already or cannot be written; nothing is left behind then.
    """
    key = Ed25519PrivateKey.generate()
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        how = serialization.BestAvailableEncryption(passphrase)
    content = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise KeyRefused(f"{file} is there already; a key is never overwritten") from error
    except OSError as error:
        raise KeyRefused(f"{file} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(number, "wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(file.parent)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise KeyRefused(f"{file} cannot be written: {error.strerror}") from error
    return SigningKey(key)


def is_locked(file: Path) -> bool:
    """Whether a key's file needs a passphrase. Raises KeyRefused when it cannot be read."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in _key_file(file)


def read_key(file: Path, passphrase: bytes | None = None) -> SigningKey:
    """The private key of a file that nobody but its owner may read. Raises KeyRefused, saying why."""
    content = _key_file(file)
    locked = b"BEGIN ENCRYPTED PRIVATE KEY" in content
    if locked and passphrase is None:
        raise KeyRefused(f"{file} is locked by a passphrase, and none was given")
    try:
        key = serialization.load_pem_private_key(content, passphrase if locked else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = (
            "the passphrase is not its own, or it is damaged" if locked else "wanted one that `okng bundle keygen` made"
        )
        raise KeyRefused(f"{file} is no private key that can be read: {why}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{file} holds a key of another kind, wanted Ed25519")
    return SigningKey(key)


def _key_file(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        content = _bounded(file, _MAX_KEY_BYTES)
    except OSError as error:
        raise KeyRefused(f"{file} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyRefused(f"{file} may be read by others, and then anybody can sign: chmod 600 {file}")
    return content


def _message(manifest: bytes) -> bytes:
    return _SIGNED_AS + hashlib.sha256(manifest).hexdigest().encode()


def _sealed(key: str, signature: bytes) -> bytes:
    return (json.dumps({"key": key, "signature": base64.b64encode(signature).decode()}) + "\n").encode()


def _read_seal(content: bytes) -> _Seal | None:
    """None for anything but the bytes that `sign` writes: what has one form only cannot be varied."""
    if len(content) > MAX_SIGNATURE_BYTES:
        return None
    try:
        seal = _Seal.model_validate_json(content)
    except ValidationError:
        return None
    return seal if _sealed(seal.key, base64.b64decode(seal.signature)) == content else None


def _bounded(file: Path, most: int) -> bytes:
    """A regular file's content. Raises OSError, also for one that is longer or no file."""
    number = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as stream:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(0, "is not a regular file", str(file))
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(0, f"is larger than {most} bytes", str(file))
    return content

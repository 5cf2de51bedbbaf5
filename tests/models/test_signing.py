"""Signatures: only the trusted key's, of this very manifest, in its one form; keys that stay where they belong."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import ACCEPT_UNSIGNED, ModelsConfig
from agent.errors import BundleRefused
from agent.station.models.bundle import MANIFEST, SIGNATURE
from agent.station.models.signing import (
    KeyRefused,
    SigningKey,
    Trust,
    examine,
    is_locked,
    key_id,
    new_key,
    read_key,
    sign,
    sign_folder,
    text_of,
    trust_in,
    trust_of,
    verify,
)
from benchmarks.mutations import small_bundle

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
TRUST = trust_in({"workshop": text_of(KEY.public)})
UNSIGNED_TOO = Trust(TRUST.keys, accept_unsigned=True)


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_is_of_one_manifest_by_one_key(manifest: bytes, other: bytes) -> None:
    signature = sign(manifest, KEY)
    assert sign(manifest, KEY) == signature
    good = examine(manifest, signature, TRUST)
    assert (good.accepted, good.key_id, good.name) == (True, key_id(KEY.public), "workshop")
    assert examine(other, signature, TRUST).accepted == (other == manifest)
    foreign = examine(manifest, sign(manifest, OTHER), TRUST)
    assert (foreign.accepted, foreign.key_id, foreign.claimed) == (False, None, key_id(OTHER.public))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 132), st.integers(1, 255))
def test_a_signature_has_one_form_only(place: int, mask: int) -> None:
    harmed = bytearray(sign(b"{}", KEY))
    assert len(harmed) == 133
    harmed[place] ^= mask
    assert not examine(b"{}", bytes(harmed), UNSIGNED_TOO).accepted


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_anything_may_stand_in_a_signature(content: bytes) -> None:
    assert not examine(b"{}", content, UNSIGNED_TOO).accepted


def test_the_signed_message_is_the_documented_one() -> None:
    """docs/bundle.md: so that others can sign, with any library."""
    from hashlib import sha256

    seal = json.loads(sign(b"manifest", KEY))
    message = b"okng.bundle/1\n" + sha256(b"manifest").hexdigest().encode()
    KEY.private.public_key().verify(base64.b64decode(seal["signature"]), message)
    assert seal["key"] == sha256(KEY.public).hexdigest()[:16]


def test_the_same_signature_in_other_numbers_is_refused() -> None:
    """S + the group's order is the same number to a lax verifier (RFC 8032, 5.1.7)."""
    seal = json.loads(sign(b"{}", KEY))
    raw = base64.b64decode(seal["signature"])
    more = int.from_bytes(raw[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    seal["signature"] = base64.b64encode(raw[:32] + more.to_bytes(32, "little")).decode()
    assert "no signature of this manifest" in examine(b"{}", (json.dumps(seal) + "\n").encode(), TRUST).why


def test_unsigned_is_taken_only_by_the_very_words() -> None:
    assert not examine(b"{}", None, trust_of(ModelsConfig())).accepted
    assert not examine(b"{}", None, trust_of(ModelsConfig(accept_unsigned="yes"))).accepted
    taken = examine(b"{}", None, trust_of(ModelsConfig(accept_unsigned=ACCEPT_UNSIGNED)))
    assert (taken.accepted, taken.key_id) == (True, None)
    assert "nobody signed it" in taken.why


def test_a_strange_or_wrong_signature_is_not_better_than_none() -> None:
    assert not examine(b"{}", sign(b"{}", OTHER), UNSIGNED_TOO).accepted
    assert not examine(b"{}", sign(b"{ }", KEY), UNSIGNED_TOO).accepted


def test_reasons_name_the_keys() -> None:
    assert "workshop" in examine(b"{}", sign(b"{}", OTHER), TRUST).why
    assert key_id(OTHER.public) in examine(b"{}", sign(b"{}", OTHER), TRUST).why
    assert "models.trusted_keys, where there is none" in examine(b"{}", None, Trust()).why


def test_trust_comes_from_the_configuration() -> None:
    trust = trust_of(ModelsConfig(trusted_keys={"workshop": text_of(KEY.public), "second": text_of(OTHER.public)}))
    assert {key.name for key in trust.keys.values()} == {"workshop", "second"}
    assert examine(b"{}", sign(b"{}", OTHER), trust).name == "second"


@pytest.mark.parametrize("text", ["", "x", text_of(KEY.public)[:-4], text_of(KEY.public) + "AAAA", "é" * 44])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused, match="32 bytes in base64"):
        trust_in({"workshop": text})


def test_a_folder_is_signed_and_the_signature_belongs_to_it(tmp_path: Path) -> None:
    folder = small_bundle(tmp_path / "small-1", OTHER)
    assert not verify(folder, TRUST).accepted
    assert sign_folder(folder, KEY) == key_id(KEY.public)
    assert verify(folder, TRUST).accepted
    (folder / SIGNATURE).unlink()
    assert "nobody signed it" in verify(folder, TRUST).why
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(BundleRefused, match=r"model\.bin"):
        sign_folder(folder, KEY)
    assert not (folder / SIGNATURE).exists()


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE])
def test_a_file_that_cannot_be_the_one_is_an_error(tmp_path: Path, name: str) -> None:
    folder = small_bundle(tmp_path / "small-1", KEY)
    (folder / name).write_bytes(b" " * (2 << 20))
    with pytest.raises(OSError, match="larger than"):
        verify(folder, TRUST)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(OSError, match="not a regular file"):
        verify(folder, TRUST)


@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_a_key_comes_back_and_is_its_owners_alone(tmp_path: Path, passphrase: bytes | None) -> None:
    file = tmp_path / "key.pem"
    made = new_key(file, passphrase)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert is_locked(file) == (passphrase is not None)
    assert read_key(file, passphrase).public == made.public
    with pytest.raises(KeyRefused, match="never overwritten"):
        new_key(file)
    assert read_key(file, passphrase).public == made.public


def test_a_locked_key_needs_its_passphrase(tmp_path: Path) -> None:
    new_key(tmp_path / "key.pem", b"right")
    with pytest.raises(KeyRefused, match="none was given"):
        read_key(tmp_path / "key.pem")
    with pytest.raises(KeyRefused, match="passphrase is not its own") as error:
        read_key(tmp_path / "key.pem", b"wrong-secret")
    assert "wrong-secret" not in str(error.value)


def test_a_key_that_others_read_is_refused(tmp_path: Path) -> None:
    new_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(KeyRefused, match="chmod 600"):
        read_key(tmp_path / "key.pem")


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(KeyRefused, match=r"key\.pem is no private key"):
        read_key(file)


def test_another_kind_of_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    with pytest.raises(KeyRefused, match="wanted Ed25519"):
        read_key(file)


@pytest.mark.parametrize("file", ["none/key.pem", "."])
def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path, file: str) -> None:
    with pytest.raises(KeyRefused):
        new_key(tmp_path / file)
    assert not list(tmp_path.iterdir())


def test_a_key_shows_nothing_secret() -> None:
    assert "rivate" not in repr(KEY).replace("SigningKey", "")

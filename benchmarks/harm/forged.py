"""Manifests and signatures that are not what the trusted key made, and what it should not have signed."""

import base64
import json
from hashlib import sha256
from random import Random

from agent.station.models.bundle import MANIFEST, SIGNATURE
from agent.station.models.signing import key_id, sign
from benchmarks.harm.original import Original, flipped, in_form
from benchmarks.harm.poison import POISON

_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def changed(random: Random, start: Original) -> bytes:
    """A manifest that says something else (JSON, well-formed) and what makes it fit the files."""
    body = json.loads(start.contents[MANIFEST])
    contents = dict(start.contents)
    what = random.randrange(6)
    if what == 0:
        body["threshold"] = random.uniform(0.01, 0.99)
    elif what == 1:
        body["labels"] = random.choice((["short", "open"], ["open"], ["open", "short", "more"]))
    elif what == 2:
        body[random.choice(("name", "version", "data", "licence"))] = f"x{random.randrange(1000)}"
    elif what == 3:
        name = random.choice(start.files)
        contents[name] = flipped(random, contents[name])
        body["files"][name] = sha256(contents[name]).hexdigest()
    elif what == 4:
        body[random.choice(("figures", "more", "promise", "thresholds"))] = {"open": 0.1}
    else:
        body["golden"] = []
    contents[MANIFEST] = json.dumps(body, indent=random.choice((None, 1, 2))).encode()
    return in_form(contents)


def foreign(random: Random, start: Original) -> bytes:
    """Signed by a key of one's own, under its own name or under the trusted key's."""
    contents = dict(start.contents)
    if random.random() < 0.5:
        body = json.loads(contents[MANIFEST])
        body["threshold"] = random.uniform(0.01, 0.99)
        contents[MANIFEST] = json.dumps(body).encode()
    seal = json.loads(sign(contents[MANIFEST], start.foreign))
    if random.random() < 0.5:
        seal["key"] = key_id(start.key.public)
    contents[SIGNATURE] = (json.dumps(seal) + "\n").encode()
    if random.random() < 0.2:
        del contents[SIGNATURE]
    return in_form(contents)


def signatures(random: Random, start: Original) -> bytes:
    """The right signature written otherwise, another one, or none."""
    right = start.contents[SIGNATURE]
    seal = json.loads(right)
    raw = base64.b64decode(seal["signature"])
    s = int.from_bytes(raw[32:], "little")
    choices = (
        right.rstrip(),
        right.replace(b" ", b""),
        right.replace(b'{"', b'{ "'),
        json.dumps(dict(reversed(seal.items()))).encode() + b"\n",
        right + right,
        b"",
        b"{}",
        b"null\n",
        b"[" * random.randint(1, 1000),
        right.replace(seal["key"].encode(), seal["key"].upper().encode()),
        _seal(seal["key"], raw[:32] + (s + _ED25519_ORDER).to_bytes(32, "little")),
        _seal(seal["key"], bytes(64)),
        _seal(seal["key"], random.randbytes(64)),
        _seal(seal["key"], raw[32:] + raw[:32]),
        right.replace(b"==", random.choice((b"=", b"", b"==="))),
        _other_last_bits(random, right),
        random.randbytes(random.randint(1, 2000)),
    )
    return in_form({**start.contents, SIGNATURE: random.choice(choices)})


def _seal(key: str, signature: bytes) -> bytes:
    return (json.dumps({"key": key, "signature": base64.b64encode(signature).decode()}) + "\n").encode()


def _other_last_bits(random: Random, seal: bytes) -> bytes:
    """base64 has bits that no byte needs: the same signature in other letters."""
    at = seal.index(b"==") - 1
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return seal[:at] + bytes([letters[letters.index(seal[at]) | random.randint(1, 15)]]) + seal[at + 1 :]


def dangerous(random: Random, start: Original) -> bytes:
    """Signed by the trusted key, and yet refused: code, entities, extensions, weights elsewhere, bombs."""
    name, content = random.choice(POISON)
    body = json.loads(start.contents[MANIFEST])
    contents = {**start.contents, name: content}
    body["files"][name] = sha256(content).hexdigest()
    contents[MANIFEST] = json.dumps(body, indent=1).encode()
    contents[SIGNATURE] = sign(contents[MANIFEST], start.key)
    return in_form(contents)

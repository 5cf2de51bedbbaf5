"""`okng bundle make | pack | show | verify | sign | keygen`: model bundles, and who made them."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.commands.table import Verbs
from agent.errors import BundleRefused, OkngError, Problem

if TYPE_CHECKING:
    from agent.station.models.bundle import Bundle
    from agent.station.models.make import GoldenPicture
    from agent.station.models.signing import SigningKey, Trust

_SUFFIX = ".okng"


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    bundle = verbs.add_parser("bundle", help="make, look at, check and sign model bundles")
    acts = bundle.add_subparsers(dest="act", required=True, metavar="ACT")
    _add_make(acts)
    pack = acts.add_parser("pack", help="a bundle's folder as one file, NAME-VERSION.okng")
    pack.add_argument("folder", type=Path)
    pack.add_argument("file", type=Path, nargs="?", help="default: FOLDER's NAME-VERSION.okng beside it")
    pack.set_defaults(run=_pack)
    show = acts.add_parser("show", help="labels, thresholds, promise, figures, licence, data, signature, sizes")
    show.add_argument("bundle", type=Path, help="a folder or an .okng")
    show.add_argument("--json", action="store_true", help="everything, for programs")
    show.set_defaults(run=_show)
    _add_verify(acts)
    _add_sign(acts)
    keygen = acts.add_parser("keygen", help="make a key to sign with; prints what a station.toml needs to trust it")
    keygen.add_argument("file", type=Path, help="the private key's file; must not exist")
    keygen.add_argument("--passphrase", action="store_true", help="lock it by a passphrase, asked for")
    keygen.add_argument("--passphrase-file", type=Path, metavar="FILE", help="lock it by this file's first line")
    keygen.set_defaults(run=_keygen)


def _add_make(acts: Verbs) -> None:
    make = acts.add_parser("make", help="make a bundle from an Ultralytics OpenVINO export")
    make.add_argument("export", type=Path, help="the export's folder")
    make.add_argument("out", type=Path, help="the bundle's folder, or its file if it ends in .okng; must not exist")
    make.add_argument("--name", required=True)
    make.add_argument("--version", required=True)
    make.add_argument("--threshold", type=float, required=True, help="score from which a detection counts")
    make.add_argument("--data", required=True, help="what it was trained on, and that data's licence")
    make.add_argument("--licence", default="AGPL-3.0-only", help="default: %(default)s")
    make.add_argument("--figures", type=Path, metavar="JSON", help="what was measured, as a JSON object")
    make.add_argument("--golden", type=Path, action="append", default=[], metavar="PICTURE", help="may be repeated")
    make.add_argument("--pipeline", choices=("detect", "guided"), default="detect", help="default: %(default)s")
    make.add_argument(
        "--reference", type=Path, action="append", default=[], metavar="PICTURE", help="guided: one for each --golden"
    )
    make.add_argument("--precision", default="", help="what the export's numbers are: int8, f16, f32")
    make.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="PRECISION=FILE",
        help="the same model's other IR (.xml) or ONNX",
    )
    _key_options(make, "sign it with this private key", required=False)
    make.set_defaults(run=_make)


def _add_verify(acts: Verbs) -> None:
    verify = acts.add_parser("verify", help="check everything about a bundle; exit code 0: a station would take it")
    verify.add_argument("bundle", type=Path, help="a folder or an .okng")
    verify.add_argument("--config", type=Path, metavar="FILE", help="trust what this station.toml trusts")
    verify.add_argument("--key", action="append", default=[], metavar="PUBLIC", help="trust this key; may be repeated")
    verify.set_defaults(run=_verify)


def _add_sign(acts: Verbs) -> None:
    sign = acts.add_parser("sign", help="sign a bundle, in its place; an older signature goes")
    sign.add_argument("bundle", type=Path, help="a folder or an .okng")
    _key_options(sign, "the private key", required=True)
    sign.set_defaults(run=_sign)


def _key_options(parser: argparse.ArgumentParser, meaning: str, *, required: bool) -> None:
    parser.add_argument("--key", type=Path, metavar="FILE", required=required, help=f"{meaning} (of keygen)")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="its first line unlocks the key")


def _make(options: argparse.Namespace) -> int:
    import tempfile

    from agent.station.models.archive import pack
    from agent.station.models.make import make_bundle
    from agent.station.models.signing import sign_folder

    key = _unlocked(options.key, options.passphrase_file) if options.key else None
    out: Path = options.out
    if out.exists():
        raise BundleRefused(f"model bundle {out}", [Problem(out.name, "is there already; a bundle is never changed")])
    out.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is signed, so that it appears whole or not at all.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        bundle = make_bundle(
            options.export,
            Path(scratch) / "bundle",
            name=options.name,
            version=options.version,
            threshold=options.threshold,
            data=options.data,
            licence=options.licence,
            figures=_figures(options.figures),
            golden=_golden(options.golden, options.reference, options.pipeline),
            pipeline=options.pipeline,
            precision=options.precision,
            variants=_variants(options.variant),
        )
        if key is not None:
            sign_folder(bundle.folder, key)
        if out.suffix == _SUFFIX:
            pack(bundle.folder, out)
        else:
            bundle.folder.rename(out)
    print(f"{out}: {bundle.id}, sha256 {bundle.digest}, {'signed' if key else 'not signed'}")
    return 0


def _golden(pictures: list[Path], references: list[Path], pipeline: str) -> "list[GoldenPicture]":
    wanted = len(pictures) if pipeline == "guided" else 0
    if len(references) != wanted:
        raise OkngError(f"--reference is given {len(references)} times, allowed for {pipeline}: {wanted}")
    return list(zip(pictures, references, strict=True)) if references else list(pictures)


def _variants(texts: list[str]) -> dict[str, Path]:
    pairs = {precision: Path(file) for precision, _, file in (text.partition("=") for text in texts)}
    if "" in pairs or Path() in pairs.values() or len(pairs) < len(texts):
        raise OkngError(f"--variant {' '.join(texts)}, allowed: PRECISION=FILE, each precision once")
    return pairs


def _figures(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        figures = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise OkngError(f"--figures {file}: {error}") from error
    if not isinstance(figures, dict):
        raise OkngError(f"--figures {file}: holds a {type(figures).__name__}, allowed: a JSON object")
    return figures


def _pack(options: argparse.Namespace) -> int:
    from agent.station.models.archive import pack
    from agent.station.models.bundle import read_bundle

    bundle = read_bundle(options.folder)
    file = options.file or options.folder.resolve().parent / f"{bundle.id}{_SUFFIX}"
    print(f"{pack(options.folder, file)}: {bundle.id}, {file.stat().st_size} bytes, sha256 {bundle.digest}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from agent.station.models.archive import peek
    from agent.station.models.bundle import read_bundle
    from agent.station.models.described import clean, describe
    from agent.station.models.signing import Trust, verify

    if options.bundle.is_dir():
        bundle = read_bundle(options.bundle)
        manifest, digest = bundle.manifest, bundle.digest
        signed = verify(bundle.folder, Trust())
        sizes = {file.name: file.stat().st_size for file in sorted(bundle.folder.iterdir())}
    else:
        peeked = peek(options.bundle, None)
        manifest, digest, signed, sizes = peeked.manifest, peeked.digest, peeked.signed, dict(peeked.sizes)
    by = f"by key {signed.claimed}, not checked here: okng bundle verify" if signed.claimed else clean(signed.why)
    if options.json:
        told = {"manifest": manifest.model_dump(mode="json", by_alias=True), "sha256": digest, "sizes": sizes}
        print(json.dumps({**told, "signature_key": signed.claimed or None}, indent=1))
    else:
        print(describe(manifest, digest, by, sizes))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from agent.station.models.archive import check
    from agent.station.models.bundle import must_prove

    if not options.config and not options.key:
        raise OkngError("no key to verify by: give --config (a station's configuration) or --key (a public key)")
    trust = _trust(options.config, options.key)
    if options.bundle.is_dir():
        bundle, why = _check_folder(options.bundle, trust)
    else:
        unpacked = check(options.bundle, trust)
        bundle, why = unpacked.bundle, unpacked.signed.why
    must_prove(bundle)
    print(f"{options.bundle}: {bundle.id}, sha256 {bundle.digest}, {len(bundle.manifest.files)} files, {why}")
    return 0


def _trust(config: Path | None, texts: list[str]) -> "Trust":
    from agent.settings import load
    from agent.station.models.signing import Trust, trust_in, trust_of

    given = trust_in({f"given key {number}": text for number, text in enumerate(texts, start=1)})
    if config is None:
        return given
    configured = trust_of(load(config).config.models)
    return Trust({**given.keys, **configured.keys}, configured.accept_unsigned)


def _check_folder(folder: Path, trust: "Trust") -> tuple["Bundle", str]:
    """A folder is not copied to be checked; all reasons come together."""
    from agent.station.models.bundle import SIGNATURE, read_bundle
    from agent.station.models.contents import problems
    from agent.station.models.signing import verify

    bundle = read_bundle(folder)
    try:
        signed = verify(folder, trust)
    except OSError as error:
        raise BundleRefused(f"model bundle {folder}", [Problem(SIGNATURE, error.strerror or str(error))]) from error
    unsigned = [] if signed.accepted else [Problem(SIGNATURE, signed.why)]
    if wrong := unsigned + problems(folder, bundle.manifest):
        raise BundleRefused(f"model bundle {folder}", wrong)
    return bundle, signed.why


def _sign(options: argparse.Namespace) -> int:
    from agent.station.models.archive import resign
    from agent.station.models.signing import key_id, sign_folder, text_of

    key = _unlocked(options.key, options.passphrase_file)
    if options.bundle.is_dir():
        sign_folder(options.bundle, key)
    else:
        resign(options.bundle, key)
    print(f"{options.bundle}: signed by key {key_id(key.public)}, public key {text_of(key.public)}")
    return 0


def _unlocked(file: Path, passphrase_file: Path | None) -> "SigningKey":
    from agent.station.models.signing import is_locked, read_key

    passphrase = None
    if is_locked(file):
        passphrase = _first_line(passphrase_file) if passphrase_file else _asked(f"passphrase of {file}: ")
    return read_key(file, passphrase)


def _keygen(options: argparse.Namespace) -> int:
    from agent.station.models.signing import key_id, new_key, text_of

    passphrase = None
    if options.passphrase_file:
        passphrase = _first_line(options.passphrase_file)
    elif options.passphrase:
        passphrase = _asked(f"passphrase for {options.file}: ", again=True)
    key = new_key(options.file, passphrase)
    print(f"private key: {options.file} (keep it off the stations)")
    print(f"public key {key_id(key.public)}, for station.toml:\n")
    print(f'[models.trusted_keys]\nworkshop = "{text_of(key.public)}"')
    return 0


def _asked(question: str, *, again: bool = False) -> bytes:
    import getpass

    if not sys.stdin.isatty():
        raise OkngError("no terminal to ask for a passphrase on: give --passphrase-file")
    passphrase = getpass.getpass(question)
    if not passphrase:
        raise OkngError("the passphrase is empty")
    if again and getpass.getpass("once more: ") != passphrase:
        raise OkngError("the two passphrases differ")
    return passphrase.encode()


def _first_line(file: Path) -> bytes:
    try:
        line = file.read_bytes().partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        raise OkngError(f"--passphrase-file {file}: {error.strerror}") from error
    if not line or len(line) > 1000:
        raise OkngError(f"--passphrase-file {file}: its first line has {len(line)} bytes, allowed: 1 to 1000")
    return line

"""`okng bundle`, as typed: make, pack, show, verify, sign, keygen."""

import json
import re
import stat
from pathlib import Path

import cv2
import pytest

from agent.cli import main
from agent.station.models.archive import pack
from agent.station.models.bundle import MANIFEST, Manifest, read_bundle
from agent.station.models.described import clean, describe
from agent.station.models.signing import new_key, read_key, sign_folder, text_of
from benchmarks.mutations import small_bundle
from tests.engines.tiny import export, picture

SIZE = (96, 128)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "small-1", new_key(tmp_path / "own.pem"))


def keygen(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The public key that keygen prints."""
    assert main(["bundle", "keygen", str(file), *more]) == 0
    said = capsys.readouterr().out
    found = re.search(r'\[models\.trusted_keys\]\nworkshop = "([^"]{44})"', said)
    assert found
    return found[1]


def test_from_an_export_to_a_verified_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = keygen(tmp_path / "key.pem", capsys)
    export(tmp_path / "export")
    cv2.imwrite(str(tmp_path / "one.png"), picture(SIZE, ("red", 0, 0)))
    (tmp_path / "figures.json").write_text('{"mAP50": 0.97}')
    out = tmp_path / "tiny-1.okng"
    make = ["bundle", "make", str(tmp_path / "export"), str(out), "--name", "tiny", "--version", "1"]
    make += ["--threshold", "0.6", "--data", "drawn", "--licence", "Apache-2.0", "--figures"]
    make += [str(tmp_path / "figures.json"), "--golden", str(tmp_path / "one.png"), "--key", str(tmp_path / "key.pem")]
    assert main(make) == 0
    assert main(["bundle", "verify", str(out), "--key", public]) == 0
    capsys.readouterr()
    assert main(["bundle", "show", str(out)]) == 0
    said = capsys.readouterr().out
    for wanted in ("tiny-1", "red, green, blue", "0.6", "mAP50: 0.97", "drawn", "Apache-2.0", "golden-1.png", "by key"):
        assert wanted in said
    assert main(make) == 1
    assert "never changed" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_what_makes_no_bundle_leaves_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path / "export")
    make = ["bundle", "make", str(tmp_path / "export"), str(tmp_path / "out"), "--name", "tiny", "--version", "1"]
    make += ["--threshold", "0.6", "--data", "drawn"]
    assert main(make) == 1
    assert "at least one picture" in capsys.readouterr().err
    (tmp_path / "figures.json").write_text("[1]")
    assert main([*make, "--figures", str(tmp_path / "figures.json")]) == 1
    assert "allowed: a JSON object" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["export", "figures.json"]


def test_options_that_do_not_fit_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path / "export")
    cv2.imwrite(str(tmp_path / "one.png"), picture(SIZE, ("red", 0, 0)))
    make = ["bundle", "make", str(tmp_path / "export"), str(tmp_path / "out"), "--name", "tiny", "--version", "1"]
    make += ["--threshold", "0.6", "--data", "drawn", "--golden", str(tmp_path / "one.png")]
    assert main([*make, "--pipeline", "guided"]) == 1
    assert "--reference is given 0 times, allowed for guided: 1" in capsys.readouterr().err
    assert main([*make, "--reference", str(tmp_path / "one.png")]) == 1
    assert "allowed for detect: 0" in capsys.readouterr().err
    assert main([*make, "--variant", "f32"]) == 1
    assert "allowed: PRECISION=FILE" in capsys.readouterr().err
    assert main([*make, "--variant", f"f32={tmp_path / 'none.xml'}"]) == 1
    assert "none.xml" in capsys.readouterr().err
    assert main([*make, "--precision", "f32", "--variant", f"f16={tmp_path / 'export' / 'tiny.xml'}"]) == 0
    assert read_bundle(tmp_path / "out").manifest.variants == {"f32": "model.xml", "f16": "model-f16.xml"}
    assert read_bundle(tmp_path / "out").variant("f16").graph.name == "model-f16.xml"


def test_keys_stay_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "phrase").write_text("open sesame\n")
    keygen(tmp_path / "key.pem", capsys, "--passphrase-file", str(tmp_path / "phrase"))
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert "ENCRYPTED" in (tmp_path / "key.pem").read_text()
    assert main(["bundle", "keygen", str(tmp_path / "key.pem")]) == 1
    said = capsys.readouterr()
    assert "never overwritten" in said.err
    assert "open sesame" not in said.out + said.err


def test_a_locked_key_signs_with_its_passphrase(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "phrase").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("open barley\n")
    public = keygen(tmp_path / "key.pem", capsys, "--passphrase-file", str(tmp_path / "phrase"))
    sign = ["bundle", "sign", str(bundle), "--key", str(tmp_path / "key.pem"), "--passphrase-file"]
    assert main([*sign, str(tmp_path / "wrong")]) == 1
    assert "not its own" in capsys.readouterr().err
    assert main([*sign, str(tmp_path / "none")]) == 1
    assert main([*sign, str(tmp_path / "phrase")]) == 0
    assert main(["bundle", "verify", str(bundle), "--key", public]) == 0


def test_a_file_and_a_folder_are_signed_alike(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = keygen(tmp_path / "key.pem", capsys)
    assert main(["bundle", "pack", str(bundle)]) == 0
    for place in (bundle, tmp_path / "small-1.okng"):
        assert main(["bundle", "verify", str(place), "--key", public]) == 1
        assert "which is not trusted" in capsys.readouterr().err
        assert main(["bundle", "sign", str(place), "--key", str(tmp_path / "key.pem")]) == 0
        assert public in capsys.readouterr().out
        assert main(["bundle", "verify", str(place), "--key", public]) == 0
        assert read_bundle(bundle).digest in capsys.readouterr().out


def test_a_station_configuration_says_whom_to_trust(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = keygen(tmp_path / "key.pem", capsys)
    config = tmp_path / "station.toml"
    lane = f'[station]\ndata = "{tmp_path}/data"\n[lanes.top]\nrecipe = "board"\ncamera = {{ kind = "virtual" }}\n'
    config.write_text(lane)
    verify = ["bundle", "verify", str(bundle), "--config", str(config)]
    assert main(verify) == 1
    config.write_text(f'{lane}[models.trusted_keys]\nshop = "{public}"\n')
    assert main(verify) == 1
    main(["bundle", "sign", str(bundle), "--key", str(tmp_path / "key.pem")])
    capsys.readouterr()
    assert main(verify) == 0
    assert "signed by shop" in capsys.readouterr().out
    (bundle / "manifest.sig").unlink()
    assert main(verify) == 1
    config.write_text(f'{lane}[models]\naccept_unsigned = "yes, accept models that nobody signed"\n')
    assert main(verify) == 0
    config.write_text(f'{lane}[models]\naccept_unsigned = "yes"\n')
    assert main(verify) == 78


def test_verify_says_every_reason(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify", str(bundle)]) == 1
    assert "no key to verify by" in capsys.readouterr().err
    public = keygen(tmp_path / "key.pem", capsys)
    (bundle / "model.bin").write_bytes(b"")
    (bundle / "more").write_text("")
    assert main(["bundle", "verify", str(bundle), "--key", public]) == 1
    said = capsys.readouterr().err
    assert "model.bin" in said
    assert "more: is not named" in said
    assert main(["bundle", "verify", str(bundle), "--key", "nonsense"]) == 1
    assert "32 bytes in base64" in capsys.readouterr().err
    assert main(["bundle", "verify", str(tmp_path / "none.okng"), "--key", public]) == 1


def test_show_is_for_programs_too(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for place in (bundle, pack(bundle, tmp_path / "small-1.okng")):
        assert main(["bundle", "show", str(place), "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert Manifest.model_validate(told[0]["manifest"]) == read_bundle(bundle).manifest
    assert told[0]["sizes"]["model.bin"] == 64


def test_show_says_what_the_thresholds_promise_and_cost(bundle: Path) -> None:
    body = json.loads((bundle / MANIFEST).read_text())
    body["thresholds"] = {"short": 0.25}
    body["promise"] = {
        "kind": "escape",
        "limit": 0.01,
        "confidence": 0.95,
        "parts": 320,
        "groups": ["77000"],
        "overkill": {"measured": 0.008, "low": 0.002, "high": 0.02, "parts": 250},
        "method": "learn-then-test",
        "source": "arXiv:2110.01052",
    }
    said = describe(Manifest.model_validate(body), "0" * 64, "unsigned", {"a": 1, "b": 2})
    assert "0.5; short 0.25" in said
    assert "escapes at most 1.00% with 95% confidence, by 320 bad parts of 77000" in said
    assert "overkills 0.80% (0.20% to 2.00%) of 250 good parts" in said
    assert "2, 3 bytes" in said


def test_a_strangers_text_does_not_reach_the_terminal_as_it_is(bundle: Path) -> None:
    body = json.loads((bundle / MANIFEST).read_text())
    body["data"] = "nice\x1b[2J\x1b]0;owned\x07\n  signature   by you\u202e"
    body["figures"] = {"\x1b[31mred": ["\x9b31m" * 100]}
    said = describe(Manifest.model_validate(body), "0" * 64, "unsigned", {})
    assert not [c for c in said if not c.isprintable() and c != "\n"]
    assert "\n  signature   by you" not in said
    assert len(clean("x" * 10_000)) == 160


def test_a_bundle_that_no_station_would_take_is_not_verified(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a station's import: golden pictures that expect nothing prove nothing."""
    key = read_key(tmp_path / "own.pem")
    for given in (bundle, pack(bundle, tmp_path / "a.okng")):
        assert main(["bundle", "verify", str(given), "--key", text_of(key.public)]) == 0
    body = json.loads((bundle / MANIFEST).read_text())
    body["golden"][0]["expected"] = []
    (bundle / MANIFEST).write_text(json.dumps(body))
    sign_folder(bundle, key)
    for given in (bundle, pack(bundle, tmp_path / "b.okng")):
        capsys.readouterr()
        assert main(["bundle", "verify", str(given), "--key", text_of(key.public)]) == 1
        assert "none expects anything to be found" in capsys.readouterr().err
    assert main(["bundle", "show", str(bundle)]) == 0
    assert "1 pictures, 0 things to be found on them: it cannot prove itself" in capsys.readouterr().out

"""The support bundle: enough to help, and no secret in it, wherever one was planted."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.settings import load
from agent.support.bundle import bundle_bytes
from agent.support.secrets import hidden
from tests.web.fake_station import running

PLANTED = ("correct-horse-battery", "hunter2hunter2", "s3cr3tT0ken99", "MIIEvQIBADANBgkq")


def configured(folder: Path) -> Path:
    (folder / "broker.password").write_text(f"{PLANTED[0]}\n")
    (folder / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{PLANTED[3]}\n-----END PRIVATE KEY-----\n")
    file = folder / "station.toml"
    file.write_text(
        '[station]\ndata = "data"\nruntime = "run"\n[lanes.top]\nrecipe = "demo-board"\ncamera = { kind = "push" }\n'
        '[uplink]\nhost = "127.0.0.1"\nuser = "a"\npassword_file = "broker.password"\n'
    )
    return file


def texts(body: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_it_tells_what_is_the_matter_and_no_secret(tmp_path: Path) -> None:
    file = configured(tmp_path)
    with running(tmp_path) as station:
        station.judge()
        station.event("camera_lost", why=f"rtsp://bob:{PLANTED[1]}@10.0.0.9/s1 token={PLANTED[2]} said {PLANTED[0]}")
        (tmp_path / "data" / "lanes.json").write_text("{}")
        (tmp_path / "data" / "recipes").mkdir()
        (tmp_path / "data" / "recipes" / "a.toml").write_text(f'# password = "{PLANTED[1]}"\n')
        found = texts(bundle_bytes(load(file)))
    assert {
        "about.json",
        "configuration.txt",
        "status.json",
        "events.csv",
        "database.json",
        "disk.json",
    } <= found.keys()
    assert "camera_lost" in found["events.csv"]
    assert "rtsp://***@10.0.0.9/s1" in found["events.csv"]
    assert "broker.password" in found["configuration.txt"]
    for text in found.values():
        assert not [secret for secret in PLANTED if secret in text]


def test_without_a_station_it_says_what_is_missing(tmp_path: Path) -> None:
    found = texts(bundle_bytes(load(configured(tmp_path))))
    assert "no station answers" in found["status.json.missing.txt"]
    assert "okng" in found["about.json"]


def test_as_a_user_types_it(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "agent.cli", "support", tmp_path / "s.zip", "--config", configured(tmp_path))
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "s.zip").stat().st_mode & 0o077 == 0
    assert "about.json" in texts((tmp_path / "s.zip").read_bytes())


@given(
    st.text("abcXYZ019._-", min_size=8, max_size=40), st.sampled_from(("password = {}", '"api_key": "{}"', "Bearer {}"))
)
def test_what_looks_like_a_secret_is_hidden(secret: str, form: str) -> None:
    assert secret not in hidden(f"x {form.format(secret)} y", ())


def test_names_of_files_and_plain_words_stay() -> None:
    kept = 'password_file = "/etc/okng/broker.password"\nthe password is in a file\ntokens: '
    assert hidden(kept, ()) == kept
    assert hidden("open sesame, open sesame", ("open sesame",)) == "***, ***"

"""`okng install` and `uninstall`: what makes a virtual environment a service of this machine.

Units, users, folders and udev rules are laid below /usr/local/lib, where systemd looks too, so that
/etc stays the administrator's (a drop-in or a mask there wins). A manifest says what was laid: a
second installation replaces exactly that, and uninstalling removes exactly that. The configuration
is written only where there is none; it and the data are never removed.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from agent import paths
from agent.atomic import write_atomically
from agent.errors import OkngError

PREFIX_IN_UNITS = "/opt/okng"
"""The prefix that the units in the source tree name; replaced by the one that is asked for."""
MANIFEST = PurePosixPath("/usr/local/lib/okng/installed.json")
COMMAND = PurePosixPath("/usr/local/bin/okng")
_PLACES: Mapping[str, str] = {
    ".service": "/usr/local/lib/systemd/system/{name}",
    ".target": "/usr/local/lib/systemd/system/{name}",
    ".sysusers": "/usr/local/lib/sysusers.d/{stem}.conf",
    ".tmpfiles": "/usr/local/lib/tmpfiles.d/{stem}.conf",
    ".rules": "/usr/local/lib/udev/rules.d/{name}",
}
"""Where a file of `systemd/` goes, by its ending."""


@dataclass(frozen=True, slots=True)
class Laid:
    """What an installation laid."""

    files: Mapping[str, str]
    """Path on the machine -> sha256, hex."""
    links: Mapping[str, str]
    """Path on the machine -> its target."""
    folders: tuple[str, ...] = ()
    """Made for them, innermost first."""


def install(prefix: Path, root: Path = Path("/")) -> int:
    """Lay everything down for a virtual environment at `prefix`, below `root` (a staging folder, or /).

    Raises OkngError when `okng` is not there, or a file is in the way that is not ours.
    """
    prefix = prefix.absolute()
    if not (_below(root, prefix) / "bin" / "okng").exists() and not (prefix / "bin" / "okng").exists():
        raise OkngError(
            f"prefix {prefix}: there is no bin/okng in it; install okng into that virtual environment first"
        )
    before = _manifest(root)
    wanted = _wanted(prefix)
    links = {str(COMMAND): f"{prefix}/bin/okng"}
    _refuse_strangers(root, before, wanted, links)
    folders = _make_folders(root, [*wanted, *links, str(MANIFEST)])
    for path, content in wanted.items():
        _lay(_below(root, path), content, before.files.get(path))
    for path, target in links.items():
        _link(_below(root, path), target)
    gone = Laid(
        {p: h for p, h in before.files.items() if p not in wanted},
        {p: t for p, t in before.links.items() if p not in links},
    )
    _remove(root, gone)
    hashes = {path: _sha256(content) for path, content in wanted.items()}
    kept = tuple(dict.fromkeys([*folders, *before.folders]))
    _write_manifest(root, Laid(hashes, links, tuple(sorted(kept, key=len, reverse=True))))
    _configuration(root)
    _apply(root, "install")
    return 0


def uninstall(prefix: Path, root: Path = Path("/")) -> int:
    """Remove what `install` laid, and nothing else. Raises OkngError when nothing was installed."""
    laid = _manifest(root)
    if not laid.files:
        raise OkngError(f"nothing to uninstall: there is no {_below(root, MANIFEST)}")
    _apply(root, "uninstall")
    _remove(root, laid)
    _below(root, MANIFEST).unlink()
    for folder in laid.folders:
        _remove_folder(_below(root, folder))
    _reload(root)
    kept = f"configuration {paths.CONFIGURATION.parent}, data and users are kept"
    print(f"uninstalled; {kept}; the programs are in {prefix.absolute()}")
    return 0


def _wanted(prefix: Path) -> dict[str, bytes]:
    """Path on the machine -> content, for every file of `systemd/` that has a place."""
    wanted: dict[str, bytes] = {}
    for file in sorted(paths.systemd().iterdir()):
        place = _PLACES.get(file.suffix)
        if place is not None:
            text = file.read_text().replace(f"{PREFIX_IN_UNITS}/", f"{prefix}/")
            wanted[place.format(name=file.name, stem=file.stem)] = text.encode()
    return wanted


def _refuse_strangers(root: Path, before: Laid, wanted: Mapping[str, bytes], links: Mapping[str, str]) -> None:
    ours = {*before.files, *before.links}
    in_the_way = [
        path
        for path in [*wanted, *links]
        if path not in ours
        and os.path.lexists(_below(root, path))
        and not _same(_below(root, path), wanted.get(path), links.get(path))
    ]
    if in_the_way:
        raise OkngError(f"not laid by okng install, move it away first: {', '.join(in_the_way)}")


def _same(file: Path, content: bytes | None, target: str | None) -> bool:
    if file.is_symlink():
        return target is not None and os.readlink(file) == target
    return content is not None and file.is_file() and file.read_bytes() == content


def _make_folders(root: Path, files: list[str]) -> list[str]:
    """Make the folders that are not there; returns them as paths on the machine."""
    made: list[str] = []
    for parent in {p for file in files for p in PurePosixPath(file).parents}:
        if not _below(root, parent).exists():
            made.append(str(parent))
    for folder in sorted(made, key=len):
        _below(root, folder).mkdir(mode=0o755, exist_ok=True)
    return made


def _lay(file: Path, content: bytes, hash_before: str | None) -> None:
    """Write one file; one that was edited since the last installation is kept beside it."""
    if file.exists():
        there = file.read_bytes()
        if there == content:
            return
        if hash_before is not None and _sha256(there) != hash_before:
            edited = file.with_name(f"{file.name}.edited")
            file.replace(edited)
            print(f"was edited, kept as {edited}")
    write_atomically(file, content, mode=0o644)
    print(file)


def _link(link: Path, target: str) -> None:
    if link.is_symlink() and os.readlink(link) == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    print(f"{link} -> {target}")


def _remove(root: Path, laid: Laid) -> None:
    for path, digest in laid.files.items():
        file = _below(root, path)
        if not file.is_file():
            continue
        if _sha256(file.read_bytes()) != digest:
            print(f"was edited, left: {file}")
            continue
        file.unlink()
        print(f"removed {file}")
    for path, target in laid.links.items():
        link = _below(root, path)
        if link.is_symlink() and os.readlink(link) == target:
            link.unlink()
            print(f"removed {link}")


def _remove_folder(folder: Path) -> None:
    """Remove a folder that is empty; one that others use by now stays."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _manifest(root: Path) -> Laid:
    file = _below(root, MANIFEST)
    try:
        said = json.loads(file.read_text())
        return Laid(dict(said["files"]), dict(said["links"]), tuple(said["folders"]))
    except FileNotFoundError:
        return Laid({}, {})
    except (ValueError, KeyError, TypeError) as error:
        raise OkngError(f"{file} is damaged ({error}); remove it, and what it named, by hand") from error


def _write_manifest(root: Path, laid: Laid) -> None:
    body = {"files": dict(laid.files), "links": dict(laid.links), "folders": list(laid.folders)}
    write_atomically(_below(root, MANIFEST), json.dumps(body, indent=1).encode() + b"\n", mode=0o644)


def _configuration(root: Path) -> None:
    file = _below(root, paths.CONFIGURATION)
    if file.exists():
        print(f"{file} is kept as it is")
        return
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomically(file, (paths.systemd() / "station.toml").read_bytes(), mode=0o644)
    print(file)


def _apply(root: Path, what: str) -> None:
    """Make users, folders and rules real; only on the running machine itself."""
    if root != Path("/"):
        return
    if what == "uninstall":
        _call("systemctl", "disable", "--now", "okng.target")
        _call("systemctl", "stop", "okng-station.service", "okng-uplink.service", "okng-web.service")
        return
    _call("systemd-sysusers")
    _call("systemd-tmpfiles", "--create", "okng.conf")
    _reload(root)
    print(f"next: edit {paths.CONFIGURATION}, okng check, systemctl enable --now okng.target")


def _reload(root: Path) -> None:
    if root == Path("/"):
        _call("systemctl", "daemon-reload")
        _call("udevadm", "control", "--reload")


def _call(*command: str) -> None:
    """Run a program of the system; one that fails or is not there is named, and the rest goes on."""
    if shutil.which(command[0]) is None:
        print(f"not there, do by hand: {' '.join(command)}")
        return
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        print(f"failed ({done.returncode}), do by hand: {' '.join(command)}: {done.stderr.strip()}")


def _below(root: Path, path: str | PurePath) -> Path:
    """A path of the machine, below the staging root."""
    return root / PurePosixPath(path).relative_to("/")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

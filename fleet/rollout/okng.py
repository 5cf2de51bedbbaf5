"""What an .okng says that it is: read, not believed. Each station checks signature and soundness itself."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from agent.errors import OkngError

MANIFEST = "manifest.json"
MOST_BYTES = 1 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.]{0,40}")


class NoModel(OkngError):
    """The file is no model bundle; says why."""


def model_of(file: Path) -> str:
    """NAME-VERSION of the manifest. Raises NoModel, OSError."""
    try:
        with zipfile.ZipFile(file) as bundle:
            if bundle.getinfo(MANIFEST).file_size > MOST_BYTES:
                raise NoModel(f"{MANIFEST} is larger than {MOST_BYTES} bytes")
            said: Any = json.loads(bundle.read(MANIFEST))
    except KeyError as error:
        raise NoModel(f"there is no {MANIFEST} in it: a file made by okng bundle is allowed") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise NoModel("it is no zip of a model: a file made by okng bundle is allowed") from error
    except (ValueError, RecursionError) as error:
        raise NoModel(f"{MANIFEST} is not JSON") from error
    name, version = (str(said.get(key, "")) if isinstance(said, dict) else "" for key in ("name", "version"))
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise NoModel(f"{MANIFEST} names no model: name is {name[:60]!r}, version is {version[:40]!r}")
    return f"{name}-{version}"

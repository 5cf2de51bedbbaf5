"""Writes the JSON Schemas of all messages: `python -m agent.uplink.schema docs/schema`."""

import json
import sys
from pathlib import Path

from agent.uplink.payload import schemas


def files() -> dict[str, str]:
    """File name -> content, one a message."""
    return {
        f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()
    }


def write(folder: Path) -> None:
    """Write them all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))

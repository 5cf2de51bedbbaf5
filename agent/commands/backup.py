"""`okng backup` and `okng restore`: a station's set-up as one file, and back onto a spare box."""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from agent.commands.table import Verbs
from agent.paths import CONFIGURATION


def add(verbs: Verbs) -> None:
    """Add both verbs to the command line."""
    text = "configuration, recipes, models and users as one file, while the station runs"
    backup = verbs.add_parser("backup", help=text, description=text)
    backup.add_argument("file", type=Path, metavar="FILE", help="the backup to write; one that is there is replaced")
    backup.add_argument("--results", action="store_true", help="all results as well, without their pictures")
    backup.add_argument("--config", type=Path, default=CONFIGURATION, metavar="FILE", help="default: %(default)s")
    backup.set_defaults(run=_backup)
    text = "a backup onto this box: checked as a whole, then placed; the station must not run"
    restore = verbs.add_parser("restore", help=text, description=text)
    restore.add_argument("file", type=Path, metavar="FILE", help="made by `okng backup`")
    restore.add_argument("--replace", action="store_true", help="move aside what this box has of its own")
    restore.add_argument("--dry-run", action="store_true", help="say what is in it, and change nothing")
    restore.add_argument(
        "--config", type=Path, default=CONFIGURATION, metavar="FILE", help="where its configuration goes: %(default)s"
    )
    restore.set_defaults(run=_restore)


def _backup(options: argparse.Namespace) -> int:
    from agent.backup.contents import total_bytes
    from agent.backup.take import Wishes, take
    from agent.settings import load_or_last_good
    from agent.store.people.database import file_of

    loaded = load_or_last_good(options.config)
    if loaded.safe_mode:
        print(f"okng: warning: {loaded.safe_mode}")
    people = file_of(loaded.config.station.data)
    contents = take(Wishes(options.config, loaded.config, people, options.results), options.file)
    size = options.file.stat().st_size
    print(f"{options.file}: {len(contents.files)} files, {total_bytes(contents.files):,} bytes in {size:,}")
    _say_by_hand(contents.by_hand)
    return 0


def _restore(options: argparse.Namespace) -> int:
    from agent.backup.restore import Target, configuration_of, look, restore
    from agent.store.people.database import file_of

    contents = look(options.file)
    made = datetime.fromtimestamp(contents.utc_us / 1e6, UTC)
    print(f"{contents.station}, made {made:%Y-%m-%d %H:%M} UTC by okng {contents.okng}, {len(contents.files)} files")
    with _beside(options.config, configuration_of(options.file)) as staged:
        data = _data_of(staged)
    if options.dry_run:
        for entry in contents.files:
            print(f"  {entry.size:>12,}  {entry.name}")
        print(f"would go to {options.config} and {data}")
        return 0
    utc = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for before in restore(options.file, Target(options.config, data, file_of(data), options.replace), utc):
        print(f"what was here before is kept: {before}")
    print(f"restored to {options.config} and {data}; next: okng check, then start the station")
    _say_by_hand(contents.by_hand)
    return 0


def _data_of(configuration: Path) -> Path:
    from agent.settings import data_folder

    return data_folder(configuration, os.environ)


@contextmanager
def _beside(file: Path, body: bytes) -> Iterator[Path]:
    """The configuration as a file that lies where it is to lie, for its relative paths; gone afterwards."""
    folder = file.parent if file.parent.is_dir() else Path(tempfile.gettempdir())
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".okng-restore-", suffix=".toml") as staged:
        staged.write(body)
        staged.flush()
        yield Path(staged.name)


def _say_by_hand(files: tuple[str, ...]) -> None:
    if files:
        print("not in it, because they are secrets; to be placed by hand:")
        for file in files:
            print(f"  {file}")

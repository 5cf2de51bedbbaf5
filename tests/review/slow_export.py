"""An export as a process of its own, slow enough to be killed in the middle. Arguments: data folder, folder to make."""

import sys
import time
from pathlib import Path

from agent.config import Config, StationConfig
from agent.review.export import Wishes, export
from agent.store.values import PartQuery
from tests.store.made import START_US

if __name__ == "__main__":
    folder, out = map(Path, sys.argv[1:])
    config = Config(station=StationConfig(data=folder, runtime=folder / "run"))
    export(Wishes(out, PartQuery()), config, START_US, lambda *_: time.sleep(0.02))

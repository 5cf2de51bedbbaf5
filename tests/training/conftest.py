"""Tests of what needs the extra `training`: collected where it is installed, by `make test-training`."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
THERE = importlib.util.find_spec("ultralytics") is not None and importlib.util.find_spec("nncf") is not None

collect_ignore_glob = [] if THERE else ["test_*.py"]

if THERE:
    from training.offline import offline

    offline()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """torch, nncf and Ultralytics warn of their own affairs; and a training takes its time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of drawn boards' pieces, 160 px: 24 training and 8 held-out pictures."""
    from agent.station.cameras.virtual.dataset import write_dataset

    folder = tmp_path_factory.mktemp("drawn")
    write_dataset(folder, layouts=6, boards=4, seed=930_000, good_share=0.3, val_layouts=2, crop_px=160)
    return folder


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a YOLO26n for the six labels that has learnt nothing, as Ultralytics keeps them."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from agent.station.cameras.virtual.defects import LABELS
    from training.raw import save

    torch.manual_seed(1)
    model = DetectionModel("yolo26n.yaml", nc=len(LABELS), verbose=False)
    model.names = dict(enumerate(LABELS))
    return save(model, tmp_path_factory.mktemp("fresh") / "fresh.pt")

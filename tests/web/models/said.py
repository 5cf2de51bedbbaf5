"""What a station says of its models, and a backtest that it kept: for pages that are shown without a real one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.errors import ControlFailed
from pipelines.values import Outcome

HASH = "cd" * 32
"""Of the model that judges a fake station's parts."""
GATE = {
    "device": "CPU",
    "passed": True,
    "why": "",
    "runtime": "x",
    "precision": "f32",
    "p50_ms": 4.2,
    "p99_ms": 6.1,
    "memory_mb": 71.0,
    "at_utc_us": 1,
}


def a_model(name: str, **more: Any) -> dict[str, Any]:
    said = {
        "id": name,
        "source": "installed",
        "mb": 3.2,
        "used": "",
        "key": "plant",
        "trusted": True,
        "signature": "signed by plant",
        "digest": HASH if name == "boards-1" else "ef" * 32,
        "pipeline": "detect",
        "labels": ["spur", "open"],
        "threshold": 0.5,
        "thresholds": {},
        "input": "640 x 640",
        "data": "drawn boards",
        "licence": "Apache-2.0",
        "promise": "",
        "figures": {"mAP": 0.913},
        "gates": [GATE],
    }
    return said | more


class Answers:
    """What the station says of its models; `told` is what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.refuses = ""
        self.models = [a_model("boards-1"), a_model("boards-2", labels=["spur", "short"], thresholds={"spur": 0.7})]
        self.recipe: dict[str, Any] = {
            "recipe": "boards",
            "active": "boards-1",
            "since_utc_us": 1,
            "previous": ["boards-0"],
            "shadow": None,
            "canary": None,
            "canary_trouble": "",
            "on_trial": False,
            "rolled_back": None,
            "window": "",
            "condemned": {},
        }

    def table(self) -> dict[str, Any]:
        names = ("model_import", "model_activate", "model_rollback", "model_seen", "model_shadow", "model_canary")
        others = {name: self._telling(name) for name in (*names, "backtest", "record")}
        return {"models": self._models, "backtests": lambda _: {"backtest": None}, **others}

    def _models(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """One model a page, so that there are pages."""
        rest = [model for model in self.models if model["id"] > said.get("after", "")]
        page = {"models": rest[:1], "more": rest[0]["id"] if len(rest) > 1 else ""}
        return page if said.get("after") else {**page, "recipes": [self.recipe], "lanes": {"boards": ["top"]}}

    def _telling(self, name: str) -> Any:
        def answer(said: Mapping[str, Any]) -> Mapping[str, object]:
            self.told.append({**said, "verb": name})
            if self.refuses:
                raise ControlFailed(self.refuses)
            return {"id": "boards-2", "model": "boards-2", "device": "CPU", "recipe": "boards", "lanes": ["top"]}

        return answer


def lay_backtest(data: Path, model: str = "boards-2") -> str:
    """An answer as the station keeps it; its name."""
    estimate = {"known": 100, "drawn": 10, "seen": 2, "total": 20.0, "low": 3.1, "high": 55.2}
    tested = {"parts": 4, "only_active_right": 1, "only_candidate_right": 3, "p": 0.625, "why": ""}
    figures = {
        "candidate": {"id": model},
        "since_utc_us": 1,
        "until_utc_us": 2,
        "interrupted": False,
        "counts": {"replayed": 10},
        "rejected": estimate,
        "passed": {**estimate, "drawn": 0},
        "passed_unsure": estimate,
        "took_s": 3.5,
        "table": {f"{was}->{now}": 1 for was in Outcome for now in Outcome},
        "truth": {"bad": tested, "good": tested},
        "infer_p50_ms": 4.0,
        "infer_p99_ms": 6.0,
        "changes": [],
    }
    folder, name = data / "backtests", f"20261130T140500Z-{model}"
    folder.mkdir()
    (folder / f"{name}.json").write_text(json.dumps(figures))
    (folder / f"{name}.html").write_text("<!doctype html><style>p {}</style>")
    return name

"""`okng check`: opens camera, model and broker once and reports everything it found wrong."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent.clock import SystemClock
from agent.config import Config, LaneConfig, UplinkConfig
from agent.errors import EXIT_BAD_CONFIGURATION, CameraGone, CameraWrong, OkngError, Problem, Refused
from agent.lock import holder
from agent.log import set_up
from agent.ports import Camera
from agent.recipes import Recipes
from agent.settings import Reading, read
from agent.station.cameras.table import CAMERAS
from agent.station.engines.table import ENGINES
from agent.station.jobs import planned_for
from agent.station.memory import LaneMemory
from agent.station.models.activation import effective
from agent.station.models.activations import Activations
from agent.station.models.bundle import Bundle, checked_id
from agent.station.models.golden import Proven, load_proven
from agent.station.models.library import Library
from agent.station.models.signing import trust_of
from agent.station.reference import read_reference
from agent.station.traditional import DifferenceProof
from agent.uplink.probe import try_once
from pipelines.align import aligner_of
from pipelines.difference import difference_facts
from pipelines.recipe import Recipe, check_against
from pipelines.values import Pixels

PICTURE_S = 10.0


def check(path: Path) -> int:
    """Report on the configuration and what it names. 0: all is well; 78: the configuration is bad; 1: the rest."""
    set_up("error")  # what fails is told below, once
    reading = read(path)
    print(f"profile {reading.match.profile.name}: {reading.match.why}")
    for name, why in reading.match.others:
        print(f"  not {name}: {why}")
    print(f"  tested: {reading.match.profile.tested}")
    for warning in reading.warnings:
        print(f"warning: {warning}")
    elsewhere = tuple(_elsewhere(reading))
    problems = (*reading.problems, *elsewhere)
    sys.stdout.flush()
    for problem in problems:
        print(f"wrong: {problem}", file=sys.stderr)
    print(f"{len(problems)} problem(s) in {path} and what it names")
    return EXIT_BAD_CONFIGURATION if reading.problems else int(bool(elsewhere))


def _elsewhere(reading: Reading) -> Iterator[Problem]:
    """What is wrong outside of the file; options that were refused are passed over."""
    config = reading.config
    if config is None:
        return
    yield from _folder(config)
    running = holder(config.station.data)
    if running:
        print(f"a station is running (process {running}): its cameras are not opened a second time")
    for name, lane in config.lanes.items():
        yield from _recipe_and_model(name, lane, config)
        if not running:
            yield from _camera(name, lane)
    yield from _broker(config.uplink, config)


def _folder(config: Config) -> Iterator[Problem]:
    data = config.station.data
    nearest = next(p for p in (data, *data.parents) if p.exists())
    if not os.access(nearest, os.W_OK):
        yield Problem("station.data", f"{nearest} cannot be written by this user")
        return
    free_mb = shutil.disk_usage(nearest).free // 1_000_000
    if free_mb < config.evidence.reserve_mb:
        yield Problem("evidence.reserve_mb", f"{config.evidence.reserve_mb} MB are to stay free, {free_mb} MB are")


def _recipe_and_model(name: str, lane: LaneConfig, config: Config) -> Iterator[Problem]:
    where = f"lanes.{name}.recipe"
    told = LaneMemory(config.station.data).told(name).recipe
    if told and told != lane.recipe:
        where = f"lanes.{name}, told to use recipe {told}"
        print(f"lane {name}: was told to judge by recipe {told}, not {lane.recipe} as the configuration says")
    try:
        recipes = Recipes(config.station.data)
        recipe = recipes.read(told or lane.recipe)
        reference = read_reference(recipes, recipe)
        if reference is not None:
            # Made as the station will: bounds that leave nothing to align by are found here.
            aligner_of(recipe, reference)
        if recipe.pipeline == "difference" and reference is not None:
            yield from _difference(name, where, recipe, reference)
            return
        recipe = effective(recipe, Activations(config.station.data).of(recipe.name))
        bundle = Library(config.station.data, trust_of(config.models)).read(checked_id(recipe.model))
    except Refused as refused:
        yield from (Problem(f"{where}: {refused.subject}: {p.where}", p.what) for p in refused.problems)
        return
    except ValueError as error:
        yield Problem(f"{where}: recipe {recipe.name}: reference", str(error))
        return
    for wrong in check_against(recipe, bundle.facts.labels, bundle.facts.pipeline, bundle.digest):
        yield Problem(f"{where}: recipe {recipe.name}: {wrong.where}", wrong.what)
    try:
        loaded = _proven(lane, bundle, recipe, config, reference).loaded
    except OkngError as error:
        yield Problem(f"{where}: model {bundle.id}", str(error))
        return
    if loaded.canned:
        print(f"warning: {where}: engine.kind is canned: its answers are written down, no picture is looked at")
    fallback = f" ({loaded.fallback})" if loaded.fallback else ""
    height, width = loaded.model.size
    at = f"{loaded.device} at {width} x {height} px"
    print(f"lane {name}: recipe {recipe.name}, model {_named(bundle)} on {at}{fallback}")


def _difference(name: str, where: str, recipe: Recipe, reference: Pixels) -> Iterator[Problem]:
    """The traditional method: no model, so only its recipe and its reference can be wrong."""
    facts = difference_facts()
    for wrong in check_against(recipe, facts.labels, facts.pipeline):
        yield Problem(f"{where}: recipe {recipe.name}: {wrong.where}", wrong.what)
    if why := DifferenceProof(recipe, reference, SystemClock()).all():
        yield Problem(f"{where}: recipe {recipe.name}: difference", why)
    height, width = reference.shape[:2]
    print(f"lane {name}: recipe {recipe.name}, difference from a reference of {width} x {height} px")


def _proven(lane: LaneConfig, bundle: Bundle, recipe: Recipe, config: Config, reference: Pixels | None) -> Proven:
    """Compiled as the station will, but with nothing kept: root's files would be in the station's way."""
    planned = planned_for(lane, bundle, recipe, reference)
    uncached = config.engine.model_copy(update={"cache_mb": 0})
    lanes, slots = len(config.lanes), planned.slots
    with tempfile.TemporaryDirectory(prefix="okng-check-") as nowhere:
        engine = ENGINES[config.engine.kind](uncached, Path(nowhere))
        return load_proven(engine, bundle, config.engine.devices, planned.input_size, lanes=lanes, slots=slots)


def _named(bundle: Bundle) -> str:
    return f"{bundle.id} ({', '.join(bundle.manifest.labels)})"


def _camera(name: str, lane: LaneConfig) -> Iterator[Problem]:
    where = f"lanes.{name}.camera"
    if lane.camera.kind == "push":
        return
    camera = CAMERAS[lane.camera.kind](lane.camera, SystemClock())
    try:
        info = camera.open()
        for setting in info.settings:
            if not setting.taken:
                yield Problem(f"{where}.{setting.name}", f"asked {setting.asked}, the camera gives {setting.given}")
        if lane.camera.kind != "folder":  # reading a folder would take its pictures
            yield from _picture(where, camera)
        print(f"lane {name}: camera {lane.camera.kind} {info.serial}")
    except (CameraGone, CameraWrong) as error:
        yield Problem(where, str(error))
    finally:
        camera.close()


def _picture(where: str, camera: Camera) -> Iterator[Problem]:
    end = time.monotonic() + PICTURE_S
    while time.monotonic() < end:
        if camera.read(0.5) is not None:
            return
    yield Problem(where, f"no picture within {PICTURE_S:.0f} s")


def _broker(uplink: UplinkConfig, config: Config) -> Iterator[Problem]:
    if not uplink.host:
        print("broker: none is configured, summaries wait in the outbox")
        return
    station = config.station
    wrong = try_once(uplink, f"okng-check-{station.site}-{station.line}-{station.name}")
    if wrong:
        yield Problem("uplink", wrong)
    else:
        print(f"broker: {uplink.host}:{uplink.port} takes this station")

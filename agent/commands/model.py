"""`okng model`: the models of a station, through its control socket, or by its data folder when none runs."""

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

from agent.commands.table import Verbs
from agent.errors import OkngError
from agent.paths import CONFIGURATION

_SHARES = ("mAP", "AP", "F", "accuracy", "recall", "precision")
"""How the figures' names begin that are shares, 0..1."""
PATIENCE_S = 1800.0
"""A first compilation on every device of the order may take minutes."""


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    model = verbs.add_parser("model", help="models: list, import, activate, roll back, shadow, canary, remove")
    what = model.add_subparsers(dest="what", required=True, metavar="WHAT")
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--config", type=Path, default=CONFIGURATION, metavar="FILE", help="default: %(default)s")
    every.add_argument("--json", action="store_true", help="print the answer as JSON")
    listed = what.add_parser("list", parents=[every], help="every model, and by which recipe each judges")
    listed.set_defaults(act=_list)
    brought = what.add_parser("import", parents=[every], help="check, unpack and try a model; it judges nobody yet")
    brought.add_argument("file", type=Path, help="NAME-VERSION.okng; where no station runs, a bundle's folder too")
    brought.set_defaults(act=_import)
    active = what.add_parser("activate", parents=[every], help="let a model judge, from the next part on")
    active.add_argument("id", help="NAME-VERSION")
    active.add_argument("--recipe", default="", help="default: the only recipe in use")
    active.add_argument("--expect-change", action="store_true", help="its verdicts differ: watch errors and time only")
    active.add_argument("--again", action="store_true", help="although it is active, or was taken back")
    active.set_defaults(act=_activate)
    back = what.add_parser("rollback", parents=[every], help="back to the good model before")
    back.add_argument("--recipe", default="", help="default: the only recipe in use")
    back.set_defaults(act=_rollback)
    held = what.add_parser("held", parents=[every], help="the parts that the last model taken back has judged, as CSV")
    held.add_argument("--recipe", default="", help="default: the only one with such a model")
    held.add_argument("--all", action="store_true", help="those that did not pass, too")
    held.add_argument("--done", action="store_true", help="they have been dealt with: the alarm ends")
    held.set_defaults(act=_held_parts)
    known = "it is known that a model was taken back, or that an older one judges: the alarm ends"
    seen = what.add_parser("seen", parents=[every], help=known)
    seen.add_argument("--recipe", default="", help="default: the only recipe in use")
    seen.set_defaults(act=_seen)
    shadow = what.add_parser("shadow", parents=[every], help="let a model judge beside the active one; nobody is told")
    shadow.add_argument("id", help="NAME-VERSION, or off")
    shadow.add_argument("--recipe", default="", help="default: the only recipe in use")
    shadow.set_defaults(act=_shadow)
    canary = what.add_parser(
        "canary", parents=[every], help="for a share of the parts, a part passes only if both pass it"
    )
    canary.add_argument("id", help="NAME-VERSION, or off")
    canary.add_argument("--share", type=float, default=0.1, help="of the parts, 0..1; default: %(default)s")
    canary.add_argument("--recipe", default="", help="default: the only recipe in use")
    canary.add_argument("--expect-change", action="store_true", help="its verdicts differ: watch errors and time only")
    canary.add_argument("--again", action="store_true", help="although it was taken back")
    canary.set_defaults(act=_canary)
    gone = what.add_parser("remove", parents=[every], help="remove an installed model that nobody needs")
    gone.add_argument("id", help="NAME-VERSION")
    gone.set_defaults(act=_remove)
    model.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    act: Callable[[argparse.Namespace], int] = options.act
    return act(options)


def _say(options: argparse.Namespace, verb: str, **arguments: object) -> dict[str, Any]:
    """Say a verb to the station, or do it here where none runs. Raises OkngError."""
    from agent.control import ask
    from agent.lock import holder
    from agent.settings import load_or_last_good

    config = load_or_last_good(options.config).config
    if holder(config.station.data):
        return ask(config.station.runtime, verb, PATIENCE_S, **arguments)
    from agent.station.offline import offline

    return dict(offline(config, verb, arguments, lambda text: print(text, file=sys.stderr)))


def _list(options: argparse.Namespace) -> int:
    said = page = _say(options, "models")
    while page["more"]:
        page = _say(options, "models", after=page["more"])
        said["models"] += page["models"]
    if options.json:
        print(json.dumps(said, indent=1))
        return 0
    for model in said["models"]:
        print(_line(model))
        for gate in model.get("gates", ()):
            print(f"    {_gate(gate)}")
    for recipe in said["recipes"]:
        lanes = ", ".join(said["lanes"].get(recipe["recipe"], ())) or "no lane"
        print(f"recipe {recipe['recipe']} ({lanes}): {_active(recipe)}")
    return 0


def _line(model: Mapping[str, Any]) -> str:
    if "problem" in model:
        return f"{model['id']}  {model['source']}, {model['mb']} MB: REFUSED: {model['problem']}"
    told = [f"{model['source']}, {model['mb']} MB", model["signature"] if model["source"] != "bundled" else ""]
    told += [model["promise"], model["used"]]
    numbers = [(name, value) for name, value in model["figures"].items() if not isinstance(value, str)]
    told += [", ".join(f"{name} {_figure(name, value)}" for name, value in numbers)]
    return f"{model['id']}  {'; '.join(text for text in told if text)}"


def _figure(name: str, value: object) -> str:
    """A share in percent with two decimals, cut and not rounded: 100 % is said of nothing that is less."""
    if not isinstance(value, float):
        return str(value)
    if 0 <= value <= 1 and name.startswith(_SHARES):
        return f"{(Decimal(repr(value)) * 100).quantize(Decimal('0.01'), ROUND_DOWN)} %"
    return f"{value:.6g}"


def _gate(gate: Mapping[str, Any]) -> str:
    if not gate["passed"]:
        return f"{gate['device']}: FAILED: {gate['why']}"
    cost = f", p99 {gate['p99_ms']:g} ms, {gate['memory_mb']:g} MB" if gate["p99_ms"] else ""
    return f"{gate['device']}: passed ({gate['runtime']}, {gate['precision']}){cost}"


def _active(recipe: Mapping[str, Any]) -> str:
    told = ["as its file says"]
    if recipe["active"]:
        since = datetime.fromtimestamp(recipe["since_utc_us"] / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        told = [f"{recipe['active']} since {since}"]
    told += [recipe.get("window") or "new, to be watched"] if recipe["on_trial"] else []
    told += [f"before: {', '.join(recipe['previous'])}"] if recipe["previous"] else []
    told += [f"shadow: {recipe['shadow']}"] if recipe["shadow"] else []
    if canary := recipe["canary"]:
        told.append(f"canary: {canary['id']}, {100 * canary['share']:g} % of the parts")
    if back := recipe["rolled_back"]:
        told.append(f"{back['model']} was taken back: {back['why']} ({_held(back)})")
    return "; ".join(told)


def _held(back: Mapping[str, Any]) -> str:
    if not back["parts"]:
        return "it judged no part"
    return f"hold records {back['first_id']} to {back['last_id']}: {back['parts']} parts, {back['passed']} of them OK"


def _import(options: argparse.Namespace) -> int:
    _must_be_there(options.file)
    said = _say(options, "model_import", file=str(options.file.absolute()))
    if options.json:
        print(json.dumps(said, indent=1))
        return 0
    print(f"imported {said['id']} (sha256 {said['digest'][:12]}…), {said['key'] or 'signed by nobody'}")
    for gate in said["gates"]:
        print(f"    {_gate({**gate, 'passed': not gate['why']})}")
    print(f"next: okng model activate {said['id']}")
    return 0


def _must_be_there(file: Path) -> None:
    """Said by the command itself: it knows the folder that a person has mistyped a name in. Raises OkngError."""
    from agent.station.models.archive import SUFFIX

    try:
        if file.exists():
            return
        there = sorted(entry.name for entry in file.absolute().parent.iterdir())
    except OSError:  # a name that none can have; a folder that is not there either, or not ours to look into
        there = []
    fitting = [name for name in there if name.endswith(SUFFIX) or (file.parent / name / "manifest.json").is_file()]
    near = difflib.get_close_matches(file.name, fitting, 1)
    hint = f"; did you mean {file.parent / near[0]}?" if near else ""
    allowed = f"a file NAME-VERSION{SUFFIX} is allowed, and where no station runs a bundle's folder"
    raise OkngError(f"{file}: does not exist; {allowed}{hint}")


def _activate(options: argparse.Namespace) -> int:
    flags = {"expect_change": options.expect_change, "again": options.again}
    said = _say(options, "model_activate", id=options.id, recipe=options.recipe, **flags)
    if options.json:
        print(json.dumps(said, indent=1))
        return 0
    lanes = ", ".join(said["lanes"]) or "no lane yet"
    print(f"{said['model']} judges by recipe {said['recipe']} on {lanes}")
    return 0


def _rollback(options: argparse.Namespace) -> int:
    said = _say(options, "model_rollback", recipe=options.recipe)
    if options.json:
        print(json.dumps(said, indent=1))
        return 0
    if said.get("after"):  # by an older station: not said
        print(f"before this, {said['after']}")
        print(f"now {said['model']}, which judged since then, is taken back too; to have it again: ", end="")
        print(f"okng model activate {said['model']} --again")
    print(f"back to {said['to']}; {said['model']}: {_held(said)}")
    return 0


def _held_parts(options: argparse.Namespace) -> int:
    """Read from the database alone: it works whether or not the station runs."""
    import csv

    from agent.settings import load_or_last_good
    from agent.station.models.activations import Activations
    from agent.store.read import Reader
    from pipelines.values import Outcome

    data = load_or_last_good(options.config).config.station.data
    back = {name: kept.rolled_back for name, kept in Activations(data).all().items() if kept.rolled_back}
    names = [options.recipe] if options.recipe else sorted(back)
    if len(names) != 1 or (taken := back.get(names[0])) is None:
        raise OkngError(f"name the recipe; models were taken back for: {', '.join(sorted(back)) or 'none'}")
    reader = Reader(data / "results.db")
    rows = csv.writer(sys.stdout)
    rows.writerow(("record", "part_id", "lane", "captured", "outcome", "model"))
    for number in reader.ids_judged_by(taken.digest, taken.first_id, taken.last_id):
        part = reader.part(number)
        if part is not None and (options.all or part.record.verdict.outcome is Outcome.OK):
            record = part.record
            when = datetime.fromtimestamp(record.captured.utc_us / 1e6, UTC).isoformat()
            rows.writerow((number, record.part_id, record.origin.lane, when, record.verdict.outcome, taken.model))
    if options.done:
        _say(options, "model_seen", recipe=names[0])
    return 0


def _seen(options: argparse.Namespace) -> int:
    said = _say(options, "model_seen", recipe=options.recipe)
    if options.json:
        print(json.dumps(said, indent=1))
        return 0
    print(f"{said['model']}: {said['why']}; {said['to'] or 'nobody'} judges; its alarm ends")
    if said["parts"]:
        print(_held(said))
    return 0


def _shadow(options: argparse.Namespace) -> int:
    said = _say(options, "model_shadow", id=options.id, recipe=options.recipe)
    return _beside(options, said, "it judges beside", "shadow")


def _canary(options: argparse.Namespace) -> int:
    flags = {"expect_change": options.expect_change, "again": options.again}
    said = _say(options, "model_canary", id=options.id, recipe=options.recipe, share=options.share, **flags)
    share = f"{100 * options.share:g}"
    return _beside(options, said, f"for {share} % of the parts, a part passes only if it passes it too", "canary")


def _beside(options: argparse.Namespace, said: Mapping[str, Any], what: str, role: str) -> int:
    if options.json:
        print(json.dumps(said, indent=1))
    elif "figures" in said:
        recipe = f"recipe {said['recipe']}"
        print(f"{said['model']} judges no more beside {recipe}" if said["model"] else f"{recipe} has no {role}")
        for lane, figures in said["figures"].items():
            print(f"    {lane}: {', '.join(f'{name} {value}' for name, value in figures.items())}")
    else:
        print(f"{said['model']}, recipe {said['recipe']}, {', '.join(said['lanes'])}: {what}")
        if said["warning"]:
            print(f"warning: {said['warning']}", file=sys.stderr)
    return 0


def _remove(options: argparse.Namespace) -> int:
    said = _say(options, "model_remove", id=options.id)
    print(json.dumps(said, indent=1) if options.json else f"removed {said['removed']}")
    return 0

"""The command line: `okng VERB`. Each verb imports only what it needs, so that `okng version` is quick."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.commands import backtest, backup, bundle, dataset, evaluate, fleet, model, review, support, train, user
from agent.errors import EXIT_BAD_CONFIGURATION, EXIT_INTERRUPTED, ConfigurationRefused, OkngError
from agent.version import __version__

DEFAULT_CONFIG = Path("/etc/okng/station.toml")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="okng", description="Judges parts on a production line.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_processes(verbs)
    _add_demo(verbs)
    _add_judge(verbs)
    _add_tools(verbs)
    for module in (backup, support, user, bundle, model, backtest, review, dataset, train, evaluate, fleet):
        module.add(verbs)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")


def _add_processes(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    texts = {
        "run": "start what the configuration names: station, uplink, web",
        "station": "the process that judges",
        "uplink": "the process that talks to the broker",
        "web": "the process that shows the page",
        "check": "open camera, model and broker once and report everything that is wrong",
    }
    for verb, text in texts.items():
        _config_option(verbs.add_parser(verb, help=text, description=text))
    config = verbs.add_parser("config", help="explain the configuration")
    what = config.add_subparsers(dest="what", required=True)
    _config_option(what.add_parser("explain", help="every option with its value, origin, bounds, unit, meaning"))


def _add_demo(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = verbs.add_parser("demo", help="station, uplink and page on a virtual line, without any hardware")
    demo.add_argument("--parts", type=int, default=0, metavar="N", help="end after N boards; default: never")
    demo.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="boards a second (default: 10)")
    demo.add_argument("--lanes", type=int, default=1, metavar="N", help="virtual lanes (default: 1)")
    demo.add_argument("--headless", action="store_true", help="no page")
    demo.add_argument("--json", type=Path, metavar="FILE", help="write the run's figures at the end")
    demo.add_argument("--port", type=int, default=8080, help="port of the page (default: 8080)")
    demo.add_argument("--data", type=Path, metavar="DIR", help="folder of the demo's data; default: a new one")
    demo.add_argument(
        "--stations", type=int, default=0, metavar="N", help="virtual stations (default: 3; 1 with --parts)"
    )
    demo.add_argument(
        "--fleet-port", type=int, default=8090, metavar="N", help="port of the fleet's page (default: 8090)"
    )
    demo.add_argument("--broker", default="", metavar="HOST:PORT", help="a broker to use; default: own mosquitto")


def _add_judge(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    judge = verbs.add_parser("judge", help="judge picture files")
    judge.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="picture files, or folders of them")
    judge.add_argument("--config", type=Path, metavar="FILE", help="hand them to the station of this configuration")
    judge.add_argument("--lane", default="", help="which lane of that station; default: its first push lane")
    judge.add_argument("--data", type=Path, metavar="DIR", help="without a station: keep the results here")
    judge.add_argument("--model", type=Path, metavar="BUNDLE", help="without a station: the model; default: bundled")
    judge.add_argument("--recipe", type=Path, metavar="FILE", help="without a station: a recipe file")
    judge.add_argument("--json", type=Path, metavar="FILE", help="write every verdict here")
    judge.add_argument("--purpose", choices=("production", "api", "setup", "replay", "challenge"), default="api")


def _add_tools(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    draw = verbs.add_parser("draw", help="draw boards with their labels, as a YOLO data set")
    draw.add_argument("out", type=Path, help="folder to write")
    draw.add_argument("--layouts", type=int, default=20, help="different layouts (default: 20)")
    draw.add_argument("--boards", type=int, default=200, help="boards in all (default: 200)")
    draw.add_argument("--seed", type=int, default=100_000)
    draw.add_argument("--good-share", type=float, default=0.3)
    wrong = verbs.add_parser("misbehave", help="let a running station's virtual line go wrong for a while")
    wrong.add_argument("kind", choices=("freeze", "dark", "blur", "tear", "drop", "vanish"))
    wrong.add_argument("--for", dest="for_s", type=float, default=5.0, metavar="S", help="seconds; 0 ends it")
    wrong.add_argument("--lane", required=True)
    _config_option(wrong)
    for verb, text in (("install", "lay down units, users and folders"), ("uninstall", "take them away again")):
        lay = verbs.add_parser(verb, help=text)
        lay.add_argument(
            "--prefix", type=Path, default=Path("/opt/okng"), help="where the venv is (default: %(default)s)"
        )
        lay.add_argument("--root", type=Path, default=Path("/"), help="staging folder (default: %(default)s)")
    verbs.add_parser("version", help="print the version")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Exit code 0: done; 1: failed, said why; 2: wrong usage; 78: bad configuration; 130: Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = _VERBS.get(options.verb) or options.run
        return run(options)
    except ConfigurationRefused as error:
        print(f"okng: {error}", file=sys.stderr)
        return EXIT_BAD_CONFIGURATION
    except OkngError as error:
        print(f"okng: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # of a verb that has nothing to put away
        print("okng: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED


def _version(_: argparse.Namespace) -> int:
    print(f"okng {__version__}")
    return 0


def _station(options: argparse.Namespace) -> int:
    from agent.station.app import run

    return run(options.config)


def _uplink(options: argparse.Namespace) -> int:
    from agent.settings import load_or_last_good
    from agent.uplink.app import run

    return run(load_or_last_good(options.config).config)


def _web(options: argparse.Namespace) -> int:
    from agent.web.start import run

    return run(options.config)


def _run(options: argparse.Namespace) -> int:
    from agent.run import run_station

    return run_station(options.config)


def _check(options: argparse.Namespace) -> int:
    from agent.check import check

    return check(options.config)


def _config(options: argparse.Namespace) -> int:
    from agent.explain import explain

    return explain(options.config)


def _demo(options: argparse.Namespace) -> int:
    from agent.demo.app import run
    from agent.demo.wishes import Wishes

    wishes = Wishes(
        parts=options.parts,
        rate_hz=options.rate,
        lanes=options.lanes,
        page=not options.headless,
        json=options.json,
        port=options.port,
        data=options.data,
        broker=options.broker,
        stations=options.stations,
        fleet_port=options.fleet_port,
    )
    return run(wishes)


def _judge(options: argparse.Namespace) -> int:
    from agent.judge import Wishes, run

    return run(
        Wishes(
            pictures=tuple(options.pictures),
            config=options.config,
            lane=options.lane,
            data=options.data,
            model=options.model,
            recipe=options.recipe,
            json=options.json,
            purpose=options.purpose,
        )
    )


def _draw(options: argparse.Namespace) -> int:
    from agent.station.cameras.virtual.dataset import write_dataset

    write_dataset(
        options.out,
        layouts=options.layouts,
        boards=options.boards,
        seed=options.seed,
        good_share=options.good_share,
    )
    return 0


def _misbehave(options: argparse.Namespace) -> int:
    from agent.control import ask
    from agent.settings import load

    runtime = load(options.config).config.station.runtime
    ask(runtime, "misbehave", lane=options.lane, kind=options.kind, for_s=options.for_s)
    print(f"lane {options.lane}: {options.kind} for {options.for_s:g} s")
    return 0


def _install(options: argparse.Namespace) -> int:
    from agent.install import install

    return install(options.prefix, options.root)


def _uninstall(options: argparse.Namespace) -> int:
    from agent.install import uninstall

    return uninstall(options.prefix, options.root)


_VERBS = {
    "version": _version,
    "station": _station,
    "uplink": _uplink,
    "web": _web,
    "run": _run,
    "check": _check,
    "config": _config,
    "demo": _demo,
    "judge": _judge,
    "draw": _draw,
    "misbehave": _misbehave,
    "install": _install,
    "uninstall": _uninstall,
}


if __name__ == "__main__":
    sys.exit(main())

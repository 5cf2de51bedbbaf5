"""`okng user`: the page's persons from the console, for who has lost the way in. Root's, or the page's own user's.

Works beside a running page, which hears of it within two seconds, and without one.
"""

import argparse
import getpass
import os
import pwd
import sys
import time
from pathlib import Path

from agent.commands.table import Verbs
from agent.errors import OkngError
from agent.paths import CONFIGURATION

_OWN_USER = "okng-web"
_ROLES = ("viewer", "operator", "engineer", "admin")


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    user = verbs.add_parser("user", help="the page's persons: list, add, role, reset a password, disable, enable")
    what = user.add_subparsers(dest="what", required=True, metavar="WHAT")
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--config", type=Path, default=CONFIGURATION, metavar="FILE", help="default: %(default)s")
    listed = what.add_parser("list", parents=[every], help="everybody who may log in, or might once")
    listed.set_defaults(run=_list)
    added = what.add_parser("add", parents=[every], help="add a person; the password is asked for, or read from stdin")
    added.add_argument("name")
    added.add_argument("--role", choices=_ROLES, required=True)
    added.set_defaults(run=_add)
    role = what.add_parser("role", parents=[every], help="give a person another role")
    role.add_argument("name")
    role.add_argument("role", choices=_ROLES)
    role.set_defaults(run=_role)
    reset = what.add_parser("reset", parents=[every], help="another password; the person changes it at the next log-in")
    reset.add_argument("name")
    reset.set_defaults(run=_reset)
    for verb, text in (("disable", "no more log-ins; running ones end"), ("enable", "the other way round")):
        switch = what.add_parser(verb, parents=[every], help=text)
        switch.add_argument("name")
        switch.set_defaults(run=_switch)


def _list(options: argparse.Namespace) -> int:
    from agent.store.people.users import everybody

    with _Console(options.config) as console:
        for user in console.database.ask(everybody):
            state = "disabled" if user.disabled else "must change the password" if user.must_change else ""
            print(f"{user.name:<40} {user.role:<9} {state}".rstrip())
    return 0


def _add(options: argparse.Namespace) -> int:
    from agent.store.people.users import NewUser, add
    from agent.web.people.names import checked_name
    from agent.web.people.passwords import check_new, hashed

    with _Console(options.config) as console:
        name, password = checked_name(options.name), _password()
        check_new(password, name, *console.about)
        user = console.database.change(add(NewUser(name, options.role, hashed(password), True, _now_us())))
        console.noted("people.add", user.name, None, {"role": user.role})
    return 0


def _role(options: argparse.Namespace) -> int:
    from agent.store.people.users import set_role

    with _Console(options.config) as console:
        before, after = console.database.change(set_role(console.number(options.name), options.role))
        console.noted("people.role", after.name, {"role": before.role}, {"role": after.role})
    return 0


def _reset(options: argparse.Namespace) -> int:
    from agent.store.people.users import set_password
    from agent.web.people.passwords import check_new, hashed

    with _Console(options.config) as console:
        number, password = console.number(options.name), _password()
        check_new(password, options.name, *console.about)
        _, after = console.database.change(set_password(number, hashed(password), True, _now_us()))
        console.noted("people.reset", after.name, None, None)
    return 0


def _switch(options: argparse.Namespace) -> int:
    from agent.store.people.users import set_disabled

    disabled = options.what == "disable"
    with _Console(options.config) as console:
        change = set_disabled(console.number(options.name), disabled, _now_us())
        before, after = console.database.change(change)
        act = f"people.{options.what}"
        console.noted(act, after.name, {"disabled": before.disabled}, {"disabled": after.disabled})
    return 0


class _Console:
    """`web.db` of the configured station. What root makes there is given to the page's user."""

    def __init__(self, config: Path) -> None:
        from agent.settings import load_or_last_good
        from agent.store.people.database import PeopleDatabase, file_of
        from agent.web.people.written import WrittenActs

        station = load_or_last_good(config).config.station
        file = file_of(station.data)
        self.folder = file.parent
        self.database = PeopleDatabase(file)
        self.about = (station.name, station.line, station.site)
        self._acts = WrittenActs(self.database)

    def __enter__(self) -> "_Console":
        if self.folder.exists() and not os.access(self.folder, os.W_OK | os.X_OK):
            raise OkngError(f"{self.folder} is for root and the user {_OWN_USER}: sudo okng user ...")
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
        if os.geteuid() == 0 and self.folder.exists():
            self._give_away()

    def number(self, name: str) -> int:
        from agent.store.people.users import credentials

        found = self.database.ask(credentials(name))
        if found is None:
            raise OkngError(f"there is no person {name!r}; `okng user list` names them")
        return found[0].id

    def noted(self, act: str, name: str, before: dict[str, object] | None, after: dict[str, object] | None) -> None:
        from agent.web.who import CONSOLE

        self._acts.note(CONSOLE, act, name, before, after)
        print(f"{name}: {act.rpartition('.')[2]} done")

    def _give_away(self) -> None:
        """To the owner of the folder; one that root has just made is the page's user's, where there is one."""
        state = self.folder.stat()
        owner, group = state.st_uid, state.st_gid
        if owner == 0:
            try:
                known = pwd.getpwnam(_OWN_USER)
            except KeyError:
                return
            owner, group = known.pw_uid, known.pw_gid
            os.chown(self.folder, owner, group)
        for file in self.folder.glob("web.db*"):
            os.chown(file, owner, group)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("again: ") != password:
        raise OkngError("the two passwords differ")
    return password


def _now_us() -> int:
    return time.time_ns() // 1000

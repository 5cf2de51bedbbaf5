"""What a module of command-line verbs gives: a function that adds them."""

import argparse
from typing import TypeAlias

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a module's `add` puts its parsers, each with `set_defaults(run=function of the options)`."""

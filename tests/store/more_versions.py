"""A later version for the tests of migrations: writes its revision into a folder; run as a program, migrates.

Arguments: database, folder of revisions, the step before which the process kills itself.
"""

import sys
from pathlib import Path

from agent.store.schema import HEAD

LATER = f"{int(HEAD) + 1:04d}"
"""The version after the newest one."""
STEPS = 6
REVISION = '''
"""A later version, in several steps."""
import os, signal
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{later}", "{head}", None, None
KILL_BEFORE = {kill}


def step(n):
    if n == KILL_BEFORE:
        os.kill(os.getpid(), signal.SIGKILL)
    if KILL_BEFORE == -n:
        raise sa.exc.OperationalError("step", {{}}, Exception("refused"))


def upgrade():
    step(1)
    op.create_table("lots", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    step(2)
    op.add_column("inspections", sa.Column("lot_id", sa.Integer))
    step(3)
    op.execute("INSERT INTO lots (name) SELECT 'lot ' || id FROM inspections")
    step(4)
    op.execute("UPDATE inspections SET lot_id = id")
    step(5)
    op.create_index("ix_lot", "inspections", ["lot_id"])
    op.drop_index("ix_purpose", "inspections")
    step(6)
'''


def write_revision(folder: Path, kill: int = 0) -> Path:
    """The folder of the later revision, which dies before step `kill`, or is refused there if `kill` < 0."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"r{LATER}_later.py").write_text(REVISION.format(kill=kill, head=HEAD, later=LATER))
    return folder


if __name__ == "__main__":
    from agent.store.migrate import bring_up

    bring_up(Path(sys.argv[1]), HEAD, LATER, [Path(sys.argv[2])])
    print("moved")

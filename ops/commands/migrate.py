"""`giro migrate`: the schema to head."""

import os
import subprocess

import typer

from ops.run import processes
from ops.run.target import target_settings


def command() -> None:
    """Bring the schema to head (of the running system, or of DATABASE_URL)."""
    with target_settings(before_migration=True) as settings:
        environment = {
            **os.environ,
            "DATABASE_URL": settings.database_url,
            "MIGRATION_DATABASE_URL": settings.owner_url,
            "REDIS_URL": settings.redis_url,
        }
        code = subprocess.run(processes.migrate(), env=environment, check=False).returncode
    if code != 0:
        raise typer.Exit(code)
    print("the schema is at head")

"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil
import redis
from sqlalchemy import Engine, text


def describe(engine: Engine, client: redis.Redis) -> dict[str, str]:
    """The machine and the programs, by name."""
    with engine.connect() as connection:
        postgres = str(connection.execute(text("SHOW server_version")).scalar_one())
        synchronous = str(connection.execute(text("SHOW synchronous_commit")).scalar_one())
    server = client.info("server")
    cores = psutil.cpu_count() or 1
    return {
        "Processor": f"{_processor()}, {cores} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "System": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Python": platform.python_version(),
        "PostgreSQL": f"{postgres} (embedded, synchronous_commit = {synchronous})",
        "Valkey": f"{server.get('valkey_version', server['redis_version'])} (embedded)",
        "Load before": load(),
    }


def load() -> str:
    """The machine's load now."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg()) + " (1, 5, 15 minutes)"


def _processor() -> str:
    """The processor's name; /proc keeps it on Linux."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

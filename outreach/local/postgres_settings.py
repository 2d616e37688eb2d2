"""How the embedded PostgreSQL is set: for two cores and little memory, and with a log that names nobody."""

from __future__ import annotations

import psutil

NAME = "outreach"
"""Of the superuser role and of the database."""
INITDB = (
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",  # the socket's folder lets in its owner only
    "--auth-host=reject",
    "--no-instructions",
)
_MEGABYTE = 1024**2

_KEPT = {  # written into postgresql.conf once: the operator may tune them there
    "max_connections": "200",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # its shared memory outgrows a container's /dev/shm of 64 MB
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "1000",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FORCED = {  # given at every start: reachability, durability and privacy are not for tuning
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "synchronous_commit": "on",
    "fsync": "on",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] %b ",
    # A refused statement's text, values and failing rows are personal data: the client is told, the log is not.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_connections": "",
    "log_disconnections": "off",
}


def kept() -> dict[str, str]:
    """What a new cluster's postgresql.conf says, by the memory of this machine.

    A table larger than a quarter of `shared_buffers` is never kept in them: an eighth of 16 GB holds a million people.
    """
    memory = psutil.virtual_memory().total // _MEGABYTE
    return _KEPT | {
        "shared_buffers": f"{min(max(memory // 8, 128), 2048)}MB",
        "effective_cache_size": f"{max(memory // 2, 512)}MB",
    }

"""One import in a process of its own, so that its memory is its own: `python -m benchmarks.importing FILE`.

The installation is that of the environment. Prints one JSON document.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.usage import peak_memory
from outreach import wiring
from outreach.audience.importing import ImportOptions, import_file


def main() -> None:
    runtime = wiring.build(wiring.settings(), name="import")
    options = ImportOptions(today=runtime.clock.now().astimezone(runtime.settings.zone).date())
    started = time.perf_counter()
    report = import_file(runtime.engine, Path(sys.argv[1]), source="main", keys=runtime.keys, options=options)
    figures = {
        "rows": report.rows,
        "added": report.added,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "seconds": time.perf_counter() - started,
        "memory": peak_memory(os.getpid()),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

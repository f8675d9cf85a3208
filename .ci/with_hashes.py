"""Give each package that pip would install the hashes that the lock files allow for it.

    python .ci/with_hashes.py REPORT LOCK [LOCK ...]

REPORT is what `pip install --dry-run --report` wrote. Prints requirements for
`pip install --require-hashes`, and fails if a package is in none of the lock files: pip alone asks
for hashes of a list that is complete, and which packages a machine needs, pip alone knows (with or
without CUDA, with or without the tools of `make bench`).
"""

import json
import re
import sys
from pathlib import Path


def normalized(name):
    """Write the name of a package as the lock files do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def hashes_of(lock):
    """Yield ((name, version), hashes) for each package of a lock file."""
    for line in lock.read_text().replace("\\\n", "").splitlines():
        pin = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if pin:
            yield (normalized(pin[1]), pin[2]), re.findall(r"--hash=sha256:[0-9a-f]{64}", line)


def main(report, *locks):
    """Print a requirement with hashes for each package of the report."""
    allowed = {}
    for lock in locks:
        allowed.update(hashes_of(Path(lock)))
    for item in json.loads(Path(report).read_text())["install"]:
        if "dir_info" in item["download_info"]:  # the project itself
            continue
        name, version = normalized(item["metadata"]["name"]), item["metadata"]["version"]
        if not allowed.get((name, version)):
            sys.exit(
                f"This machine needs {name} {version}, of which {' and '.join(locks)} know no "
                "hash. CONTRIBUTING.md, section Dependencies, says how to add it."
            )
        print(f"{name}=={version}", *allowed[name, version])


if __name__ == "__main__":
    main(*sys.argv[1:])

"""``python -m lgl_core``: walk the whole path, which fills the cache, and print the scores."""

import argparse

from lgl_core import command
from lgl_core.experiment import DURATION, run
from lgl_core.networks.network import hub_network


def main() -> None:
    """Walk the path from the command line, for the default network or another seed of it."""
    parser = argparse.ArgumentParser(prog="python -m lgl_core", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of network and noise")
    parser.add_argument("--duration", type=float, default=DURATION, help="seconds to simulate")
    parser.add_argument("--size", default="laptop", help="preset of the transformer")
    arguments = parser.parse_args()
    table = run(
        hub_network(seed=arguments.seed),
        duration=arguments.duration,
        seed=arguments.seed,
        size=arguments.size,
    )
    print(table.pivot_table("value", ["method", "variant"], ["view", "score"]).round(3).to_string())


if __name__ == "__main__":
    command.run(main, "Finished steps are in the cache, a training in its last checkpoint")

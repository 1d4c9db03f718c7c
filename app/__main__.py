"""`octet`, which is `python -m app`."""

import multiprocessing

# A frozen child process runs this file's top level again; it must go no further than this.
multiprocessing.freeze_support()

import sys  # noqa: E402

from app.cli import run  # noqa: E402


def main() -> None:
    """Run the program with the process' arguments and end with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

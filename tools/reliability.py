"""Run every attack on the library and print one table: attack, tries, failures.

`nox -s reliability` writes it to docs/reliability.md, between the two marks there, with command, date and CPU.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
TESTS = ROOT / "tests"
BEGIN, END = "<!-- the table: begin -->", "<!-- the table: end -->"

PYTHON = sys.executable
CAMPAIGN = [PYTHON, "-m", "fuzz.campaign"]
PYTEST = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

# What is tried, by which command in tests/.
ATTACKS = {
    "arrays of every kind, against the reference": [*CAMPAIGN, "--bad=0"],
    "bad input": [*CAMPAIGN, "--arrays=0"],
    "output over inputs, shifted, reversed, transposed": [*PYTEST, "test_overlap.py"],
    "interrupts, forks, exits, pools, refused threads": [*PYTEST, "reliability/test_faults.py"],
    "allocations that fail": [PYTHON, "-m", "reliability.with_failing_malloc", "20"],
    "leaks of memory and references": [PYTHON, "-m", "reliability.leaks", "1000"],
    "more than 2^31 elements": [*PYTEST, "-m", "large", "reliability/test_large.py"],
    "concurrent callers": [PYTHON, "-m", "reliability.stress", "60"],
    "AddressSanitizer, UndefinedBehaviorSanitizer": ["nox", "-f", "../noxfile.py", "-s", "sanitize"],
    "ThreadSanitizer": ["nox", "-f", "../noxfile.py", "-s", "threads"],
    "oldest and newest NumPy, flags, instruction sets": ["nox", "-f", "../noxfile.py", "-s", "neighbours"],
}

# How a command says how much it has tried, and what failed.
TRIES = [
    r"^(\d+) arrays, \d+ wrong; 0 bad calls",
    r"^\d+ arrays, \d+ wrong; ([1-9]\d*) bad calls",
    r": (\d+) arrays, \d+ wrong",
    r"(\d+) (?:passed|failed|errors?)\b",
    r"^(\d+) tries",
]
FAILURES = [
    r"arrays, (\d+) wrong",
    r"bad calls, (\d+) not refused",
    r"(\d+) (?:failed|errors?)\b",
    r"tries, (\d+) failures",
]


def attack(command: list[str]) -> tuple[int, int, str]:
    """Run one; return tries, failures and what was printed."""
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})
    text = done.stdout + done.stderr
    tries = sum(int(n) for pattern in TRIES for n in re.findall(pattern, text, re.MULTILINE))
    failures = sum(int(n) for pattern in FAILURES for n in re.findall(pattern, text, re.MULTILINE))
    return tries, failures or int(done.returncode != 0), text


def processor() -> str:
    names = re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{names[0] if names else 'unknown'}, {os.cpu_count()} CPUs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=pathlib.Path, help="the document that holds the table")
    parser.add_argument("--only", default="", help="attacks whose name contains this")
    parser.add_argument("--log", type=pathlib.Path, default=pathlib.Path("reliability.log"))
    options = parser.parse_args()
    lines = ["| attack | tries | failures | minutes |", "|---|---:|---:|---:|"]
    failed = 0
    options.log.write_text("")
    for name, command in ATTACKS.items():
        if options.only not in name:
            continue
        begin = time.monotonic()
        tries, failures, text = attack(command)
        failed += failures
        lines.append(f"| {name} | {tries:,} | {failures:,} | {(time.monotonic() - begin) / 60:.1f} |")
        print(lines[-1], flush=True)
        with options.log.open("a") as log:
            log.write(f"\n==== {name}: {' '.join(command)}\n{text}")
    table = "\n".join(lines)
    print(table)
    if options.write:
        stamp = f"`nox -s reliability`, {datetime.date.today():%Y-%m-%d}, {processor()}:"
        before, rest = options.write.read_text().split(BEGIN)
        after = rest.split(END)[1]
        options.write.write_text(f"{before}{BEGIN}\n{stamp}\n\n{table}\n{END}{after}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

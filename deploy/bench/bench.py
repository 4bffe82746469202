"""What the measurements share: the machine, a cluster to measure, and what a process has used.

Python 3.9 or later, standard library only; builds on what the product checks use.
"""

import contextlib
import datetime
import os
import pathlib
import platform
import resource
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/checks"))

import product  # noqa: E402 - found through the path above
from scripted_engine import MODEL, scripted_engine  # noqa: E402

BINARY = str(ROOT / ".build/release/yard")


def machine():
    """One line: date, processor, memory, system, and how busy it was before we came."""
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    load = os.getloadavg()[0]
    return (f"{datetime.date.today()}, {os.cpu_count()} x {model}, {memory >> 20} GiB, "
            f"Linux {platform.release()}, load average before: {load:.2f}")


def cpu_seconds(pid):
    """Processor time that a process has used, in seconds (in steps of 10 ms)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    """Processor time of the children of this process that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def anonymous_mib(pid):
    """Memory of a process that no file holds, in MiB."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:")) / 1024


def children_of(parent):
    """Process id → words of its command line, of the processes that a process has started."""
    found = {}
    for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            found[int(child)] = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
    return found


def coordinators(parent):
    """Coordinator id → process id, of the coordinators that a `yard dev` has started."""
    return {int(words[words.index("--id") + 1]): child for child, words in children_of(parent).items()
            if "coordinator" in words}


class Measured:
    """Three coordinators of one build on this machine, TLS and fsync on."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.processes = coordinators(cluster.child.process.pid)
        product.expect(len(self.processes) == 3, f"three coordinators, not {self.processes}")

    def leader(self):
        """The process id of the coordinator that leads."""
        status = self.cluster.yard("status", "--output", "json").lines
        leading = [line["status"]["replica"] for line in status
                   if line.get("status", {}).get("role") == "leader"]
        product.expect(len(leading) == 1, f"one leader, not {leading}")
        return self.processes[int(leading[0])]


@contextlib.contextmanager
def measured_cluster(binary):
    """A cluster whose only worker has left: jobs for its model wait, and none runs."""
    product.YARD = binary
    with scripted_engine() as engine, \
            product.dev("--coordinators", 3, "--workers", 1, engine=engine) as cluster:
        worker = cluster.ready["directory"] + "/workers/worker-1"
        product.expect(cluster.yard("worker", "drain", "--dir", worker).code == 0, "drain")
        product.wait_for("the worker to leave", lambda: not any(
            line["online"] and not line["draining"]
            for line in cluster.yard("workers", "--output", "json").lines))
        yield Measured(cluster)


def table(rows):
    """Prints rows of text as columns; the first row is the head."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def need(program, how):
    """Ends with exit 3 if a program is missing, saying how to get it."""
    if shutil.which(program) is None:
        print(f"{program} is missing: {how}", file=sys.stderr)
        sys.exit(3)

"""A hard limit that the kernel holds a process tree to: a memory cgroup, version 1 or 2, below our own or beside it."""
import os
import signal
import subprocess
import time
from pathlib import Path


class NoLimit(Exception):
    """No memory controller can be written here."""


def parent_group():
    """(version, folder) of the memory group below which a group can be made."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return 1, Path("/sys/fs/cgroup/memory" + path)
    folder = Path("/sys/fs/cgroup" + path)
    if "memory" in (folder / "cgroup.controllers").read_text().split():
        # A group that holds processes hands nothing on to groups below it, so that ours must be beside it.
        handed_on = (folder / "cgroup.subtree_control").read_text().split()
        return 2, folder if "memory" in handed_on else folder.parent
    raise NoLimit("no memory controller")


class KernelLimit:
    """A child group with a limit in bytes and no swap. Usage: with KernelLimit(bytes) as limit: limit.run([...])."""

    def __init__(self, limit, name="headroom-governed"):
        self.version, parent = parent_group()
        self.folder = parent / f"{name}-{os.getpid()}"
        self.limit = limit

    def __enter__(self):
        try:
            self.folder.mkdir()
            if self.version == 1:
                (self.folder / "memory.limit_in_bytes").write_text(str(self.limit))
                swap = self.folder / "memory.memsw.limit_in_bytes"
                if swap.exists():
                    swap.write_text(str(self.limit))
            else:
                (self.folder / "memory.max").write_text(str(self.limit))
                (self.folder / "memory.swap.max").write_text("0")
        except OSError as error:
            raise NoLimit(f"{self.folder}: {error}") from error
        return self

    def run(self, command, **options):
        """subprocess.run of the command inside the group."""
        def enter():
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        return subprocess.run(command, preexec_fn=enter, **options)

    def kills(self):
        """Processes of the group that the kernel has killed for memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        for line in (self.folder / name).read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def __exit__(self, *_):
        for pid in (self.folder / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.05)

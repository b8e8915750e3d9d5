"""Two hosts on one machine: two network namespaces with host names of their own, joined by a wire (veth).

mpirun starts its daemon on the other host by a small script where it would use ssh. Messages go over TCP on the wire alone.
The wire may be cut, or may delay and lose packets.
"""
import itertools
import os
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from kvcompare_runs import wait_until_gone

HOSTS = ("hosta", "hostb")  # mpirun and rank 0 run on the first
BAD_WIRE = Path(__file__).resolve().parent / "bad_wire.py"
numbers = itertools.count()


class TwoHosts:
    """Made by make(), ended by close()."""

    def __init__(self, folder):
        self.name = f"kvcompare{os.getpid()}.{next(numbers)}"
        self.namespaces = {host: f"{self.name}.{host}" for host in HOSTS}
        self.agent = folder / f"{self.name}.sh"
        self.between = []  # the namespace of a bad wire, and what runs in it

    @classmethod
    def make(cls, folder, delay_ms=0, loss=0.0):
        """delay_ms, loss: of each packet; the share of them that is lost. Skips the test where it cannot be done."""
        if missing := [program for program in ("ip", "unshare") if not shutil.which(program)]:
            raise unittest.SkipTest(f"no {', '.join(missing)} here")
        hosts = cls(folder)
        try:
            hosts.set_up(delay_ms, loss)
        except (OSError, subprocess.CalledProcessError) as error:
            hosts.close()
            told = getattr(error, "stderr", "") or str(error)
            raise unittest.SkipTest(f"no network namespaces can be made here: {told.strip()}")
        return hosts

    def set_up(self, delay_ms, loss):
        for namespace in self.namespaces.values():
            ip("netns", "add", namespace)
        if delay_ms or loss:
            self.lay_bad_wire(delay_ms, loss)
        else:
            first, second = self.namespaces.values()
            ip("link", "add", "wire", "netns", first, "type", "veth", "peer", "name", "wire", "netns", second)
        for place, (host, namespace) in enumerate(self.namespaces.items()):
            ip("-n", namespace, "address", "add", f"10.99.0.{place + 1}/24", "dev", "wire")
            for link in ("wire", "lo"):
                ip("-n", namespace, "link", "set", link, "up")
            # How often TCP sends again what nobody answers: so mpirun waits for a lost host some 10 s, not 15 minutes.
            subprocess.run(self.on(host, "sh", "-c", "echo 4 > /proc/sys/net/ipv4/tcp_retries2"), check=True, capture_output=True,
                           text=True)
        # As on another host, what it starts is no process below mpirun.
        self.agent.write_text("#!/bin/sh\n# mpirun's ssh: HOST COMMAND...\nhost=$1\nshift\n"
                              f'(setsid ip netns exec {self.name}."$host" unshare --uts sh -c "hostname $host; $*" </dev/null >/dev/null 2>&1 &)\n')
        self.agent.chmod(0o755)

    def lay_bad_wire(self, delay_ms, loss):
        """Two wires that end in a third namespace, where a program passes each packet on, or does not."""
        middle = f"{self.name}.wire"
        self.between = [middle]
        ip("netns", "add", middle)
        for host, namespace in self.namespaces.items():
            ip("link", "add", "wire", "netns", namespace, "type", "veth", "peer", "name", host, "netns", middle)
            ip("-n", namespace, "link", "set", "wire", "gso_max_segs", "1")  # packets as they are on a cable
            ip("-n", middle, "link", "set", host, "up")
        relay = subprocess.Popen(["ip", "netns", "exec", middle, sys.executable, "-B", BAD_WIRE, *HOSTS, str(delay_ms), str(loss)],
                                 stdout=subprocess.PIPE, text=True)
        self.between.append(relay)
        if relay.stdout.readline() != "passing on\n":
            raise OSError("bad_wire.py does not run")

    def on(self, host, *command):
        """The command as it is started on the host."""
        return ["ip", "netns", "exec", self.namespaces[host], "unshare", "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh",
                *map(str, command)]

    def mpirun(self, command, supervisor=()):
        """The command with a rank on each host, behind the supervisor, and the variables of the environment that it needs."""
        return (self.on("hosta", *supervisor, "mpirun", "--host", ",".join(HOSTS), "-n", len(HOSTS), *command),
                {"OMPI_MCA_plm_rsh_agent": str(self.agent), "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,tcp",
                 "OMPI_MCA_btl_tcp_if_include": "wire", "OMPI_MCA_oob_tcp_if_include": "wire"})

    def cut_the_wire(self):
        ip("-n", self.namespaces["hostb"], "link", "set", "wire", "down")

    def n_bytes_on_the_wire(self):
        told = subprocess.run(self.on("hosta", "cat", "/sys/class/net/wire/statistics/tx_bytes"), check=True, capture_output=True)
        return int(told.stdout)

    def end_bad_wire(self):
        """Returns how many packets it has passed on, and how many it has lost."""
        relay = self.between.pop()
        relay.terminate()
        return tuple(map(int, relay.communicate()[0].split()))

    def processes(self, host):
        return pids_in(self.namespaces[host])

    def signal(self, pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def close(self):
        for relay in self.between[1:]:
            relay.kill()
            relay.communicate()
        for namespace in (*self.namespaces.values(), *self.between[:1]):
            pids = pids_in(namespace)
            self.signal(pids, signal.SIGKILL)
            wait_until_gone(pids)
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True)


def pids_in(namespace):
    told = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True)
    return [int(pid) for pid in told.stdout.split()]


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)

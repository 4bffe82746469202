"""A gateway in front of a cluster, and requests to it."""

import contextlib
import os

import product
import raw_http1


class Served:
    """A gateway that answers."""

    def __init__(self, child, cluster):
        self.child, self.cluster = child, cluster
        self.address = child.ready["address"]
        self.url = ("https://" if child.ready.get("tls") else "http://") + self.address

    @property
    def pid(self):
        return self.child.process.pid

    def resident_mib(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def own_mib(self):
        """What it has in memory of its own; pages of its program are the kernel's to take back."""
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:")) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def get(self, path, key=None, **options):
        return raw_http1.ask(self.address, "GET", path, key=self.cluster.key if key is None else key, **options)

    def post(self, path, body, key=None, **options):
        return raw_http1.ask(self.address, "POST", path, body, self.cluster.key if key is None else key, **options)


@contextlib.contextmanager
def gateway(cluster, scratch, *arguments):
    """A gateway of its own process, with the certificate that `yard init` made for it; nobody starts it again."""
    directory = os.path.dirname(os.path.dirname(cluster.identity)) + "/gateway"
    child = product.Child(
        [product.YARD, "gateway", "--listen", "127.0.0.1:0", "--join", ",".join(cluster.endpoints), "--dir", directory,
         "--end-with-input", *map(str, arguments)], scratch + "/gateway.log")
    try:
        yield Served(child, cluster)
    finally:
        child.stop()

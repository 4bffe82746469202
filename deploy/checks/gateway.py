"""A gateway in front of a cluster of `product.dev`, and requests to it."""

import contextlib
import json
import os

import raw_http1
from product import YARD, Child


class Served:
    """A gateway that answers."""

    def __init__(self, child, cluster):
        self.child, self.cluster = child, cluster
        self.url = child.ready["address"]
        self.address = self.url.removeprefix("http://")
        self.speaks_http2 = True

    @property
    def pid(self):
        return self.child.process.pid

    def resident_mib(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def get(self, path, key=None, **options):
        return raw_http1.ask(self.address, "GET", path, key=self.cluster.key if key is None else key, **options)

    def post(self, path, body, key=None, **options):
        return raw_http1.ask(self.address, "POST", path, body, self.cluster.key if key is None else key, **options)


@contextlib.contextmanager
def gateway(cluster, scratch, *arguments):
    child = Child(
        [YARD, "gateway", "--listen", "127.0.0.1:0", "--join", ",".join(cluster.endpoints), "--identity",
         cluster.identity, "--end-with-input", *map(str, arguments)], scratch + "/gateway.log")
    try:
        yield Served(child, cluster)
    finally:
        child.stop()

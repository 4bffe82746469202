"""What stands between a client and an engine: nothing, nginx, the SGLang router, a cluster of ours with its gateway."""

import contextlib
import pathlib
import subprocess
import tempfile
import urllib.request

import bench
import product
from gateway import gateway

HERE = pathlib.Path(__file__).resolve().parent
ROUTER = bench.ROOT / ".venv/clients/sglang-router"


class Relay:
    """An address to load, and the processes whose processor time is the relay's."""

    def __init__(self, name, port, processes, key="none", workers=(), cluster=None):
        self.name, self.port, self.processes, self.key = name, port, processes, key
        self.workers, self.cluster = workers, cluster

    def seconds(self):
        return sum(map(bench.cpu_seconds, self.processes)), sum(map(bench.cpu_seconds, self.workers))

    def anonymous_mib(self):
        return sum(map(bench.anonymous_mib, self.processes))


def built(scratch):
    """The engine and the load, compiled: their paths."""
    programs = []
    for name in ("fake_engine", "stream_load"):
        programs.append(f"{scratch}/{name}")
        subprocess.run(["cc", "-O2", "-o", programs[-1], f"{HERE}/{name}.c"], check=True)
    return programs


@contextlib.contextmanager
def engine(program, rate):
    """An engine that gives `rate` tokens a second to each stream, or as many as are taken: its port."""
    port, = product.free_ports(1)
    process = subprocess.Popen([program, str(port), str(rate)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        answers(port, "/health")
        yield port
    finally:
        process.stdin.close()
        process.wait()


def answers(port, path):
    def asked():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False
    product.wait_for(f"an answer at port {port}", asked)


@contextlib.contextmanager
def direct(port, slots):
    yield Relay("direct", port, [])


@contextlib.contextmanager
def nginx(port, slots):
    listening, = product.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="yard-bench-nginx-") as home:
        pathlib.Path(home, "nginx.conf").write_text(f"""
            daemon off; worker_processes auto; pid {home}/pid; error_log {home}/error.log;
            events {{ worker_connections 8192; }}
            http {{
              access_log off; keepalive_requests 1000000; keepalive_timeout 600;
              client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
              fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
              upstream engine {{ server 127.0.0.1:{port}; keepalive 512; keepalive_requests 1000000; }}
              server {{
                listen 127.0.0.1:{listening} backlog=4096;
                location / {{ proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
                              proxy_buffering off; proxy_read_timeout 600; }}
              }}
            }}""")
        process = subprocess.Popen(["nginx", "-p", home, "-c", f"{home}/nginx.conf", "-e", f"{home}/error.log"],
                                   stdin=subprocess.DEVNULL)
        try:
            answers(listening, "/health")
            yield Relay("nginx", listening, children(process.pid))
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def sglang(port, slots):
    listening, metrics = product.free_ports(2)
    with tempfile.TemporaryDirectory(prefix="yard-bench-sglang-") as home:
        with open(home + "/log", "wb") as log:
            process = subprocess.Popen(
                [ROUTER / "bin/sglang-router", "launch", "--worker-urls", f"http://127.0.0.1:{port}", "--host",
                 "127.0.0.1", "--port", str(listening), "--prometheus-port", str(metrics), "--policy", "round_robin",
                 "--log-level", "error", "--max-concurrent-requests", "8192", "--queue-size", "8192"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            answers(listening, "/v1/models")
            yield Relay("SGLang router", listening, [process.pid, *children(process.pid)])
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


# The routers beside ours log no request, and neither do we. Builds before 6577a45 do not know the option: take it out to compare them.
QUIET = ("--log-level", "error")


def ours(binary, coordinators=1, workers=2):
    """A cluster of ours: TLS between its processes, fsync on, every request held, metered and settled."""
    @contextlib.contextmanager
    def started(port, slots):
        product.YARD = binary
        address = f"http://127.0.0.1:{port},context=8192,slots={slots // workers}"
        with product.dev("--coordinators", coordinators, "--workers", workers, *QUIET, engine=address) as cluster, \
                product.folder() as scratch, gateway(cluster, scratch) as served:
            nodes = bench.children_of(cluster.child.process.pid)
            name = f"switchyard, {coordinators} coordinator{'s' if coordinators > 1 else ''}"
            yield Relay(name, int(served.address.rsplit(":", 1)[1]),
                        [served.pid, *(pid for pid, words in nodes.items() if "coordinator" in words)], cluster.key,
                        [pid for pid, words in nodes.items() if "worker" in words], cluster)
    return started


def children(pid):
    return list(bench.children_of(pid))

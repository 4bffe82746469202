"""Certificates that no honest authority would sign, made with openssl and the keys of a cluster of `yard init`."""

import datetime
import pathlib
import re
import subprocess

CONFIG = """[ca]
default_ca = own
[own]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
unique_subject = no
policy = names
x509_extensions = node
[names]
commonName = supplied
[node]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = URI:{uri}
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')[-400:]}")
    return done.stdout


def new_key(path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def self_signed(path):
    """A certificate for this machine's loopback address, as a public authority would make it: PATH.pem, PATH.key."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", path + ".key", "-out",
            path + ".pem")


def signing_request(key):
    """A certificate signing request in DER form, as a Join carries it."""
    return openssl("req", "-new", "-key", key, "-subj", "/CN=any", "-outform", "DER")


def cluster_of(directory):
    """The id of the cluster that an identity is of."""
    text = openssl("x509", "-in", f"{directory}/node.pem", "-noout", "-ext", "subjectAltName").decode()
    return re.search(r"switchyard://([0-9a-f]{32})/", text).group(1)


def serial_of(directory):
    text = openssl("x509", "-in", f"{directory}/node.pem", "-noout", "-serial").decode()
    return text.strip().split("=")[1].lower()


class Forge:
    """Signs what it is told to, with the root or the issuer of the cluster in `home`."""

    def __init__(self, home, scratch):
        self.ca, self.scratch, self.count = home + "/ca", scratch, 0
        self.cluster = cluster_of(home + "/client/identity")
        pems = re.findall(r"-----BEGIN.*?END CERTIFICATE-----\n?", pathlib.Path(self.ca, "ca.pem").read_text(), re.S)
        self.signers = {}
        for name, pem in zip(("ca", "issuer"), pems):
            pathlib.Path(scratch, name + ".pem").write_text(pem)
            self.signers[name] = (f"{scratch}/{name}.pem", f"{self.ca}/{name}.key")

    def identity(self, role, name, begins=-1, ends=1, signer="ca"):
        """A directory with `node.pem` and `node.key`; times in days from now. Signer `None` is the key itself."""
        self.count += 1
        home = pathlib.Path(self.scratch, f"forged-{self.count}")
        home.mkdir()
        (home / "index.txt").touch()
        (home / "config").write_text(
            CONFIG.format(dir=home, uri=f"switchyard://{self.cluster}/{role}/{name}"))
        new_key(home / "node.key")
        (home / "request").write_bytes(
            openssl("req", "-new", "-key", home / "node.key", "-subj", f"/CN={name}"))
        now = datetime.datetime.now(datetime.timezone.utc)
        moment = [(now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ") for days in (begins, ends)]
        by = (["-selfsign", "-keyfile", home / "node.key"] if signer is None
              else ["-cert", self.signers[signer][0], "-keyfile", self.signers[signer][1]])
        openssl("ca", "-batch", "-notext", "-config", home / "config", "-in", home / "request", "-out",
                home / "node.pem", "-startdate", moment[0], "-enddate", moment[1], *by)
        return str(home)

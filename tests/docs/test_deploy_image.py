"""The Dockerfile and the compose file: their rules, and the steps carried out in a bare Debian root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE, COMPOSE = REPOSITORY / "deploy" / "Dockerfile", REPOSITORY / "deploy" / "compose.yaml"
CHROOT = shutil.which("chroot")
SERVICE = YAML(typ="safe").load(COMPOSE.read_text(encoding="utf-8"))["services"]["capa-sync"]


@dataclass
class Stage:
    """One stage of the Dockerfile: its base, its name, its steps in order."""

    base: str
    name: str = ""
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        """Return the last step of a kind."""
        return next(text for kind, text in reversed(self.steps) if kind == word)

    def all(self, word: str) -> list[str]:
        """Return all steps of a kind."""
        return [text for kind, text in self.steps if kind == word]


def stages() -> list[Stage]:
    """Read the Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[Stage] = []
    defaults: dict[str, str] = {}
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "ARG" and not found:
            name, _, default = rest.partition("=")
            defaults["${" + name + "}"] = default
        elif word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(defaults.get(base, base), name))
        elif word:
            found[-1].steps.append((word, rest.strip()))
    return found


BUILD, FINAL = stages()


def test_bases_are_pinned_and_alike() -> None:
    """Both stages use the same named version of the slim image, never `latest`; an argument sets another."""
    assert BUILD.base == FINAL.base == "python:3.11-slim-bookworm"
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert text.count("FROM ${BASE}") == text.count("\nFROM ") == 2
    assert "--build-arg BASE=" in text


def test_everything_installed_has_a_hash_and_no_index_is_named() -> None:
    """There is one pip call, from the lock, with hashes; no registry's address, no ADD, no curl."""
    installs = [run for stage in (BUILD, FINAL) for run in stage.all("RUN") if "pip" in run]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--no-cache-dir" in installs[0]
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert not re.search(r"https?://|index-url|curl|wget|sudo|apt-get|chmod 777|^ADD ", text, re.MULTILINE)


def test_only_what_is_copied_goes_to_the_builder() -> None:
    """A register, an environment file and the git history stay out of the build's context."""
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sources = {word for copy in BUILD.all("COPY") for word in copy.split()[:-1]}
    assert {rule[1:] for rule in rules if rule.startswith("!")} == sources


def test_a_container_that_fails_is_given_up_after_five_times() -> None:
    """Otherwise a mistake in the settings would cause a restart every few seconds for ever."""
    assert SERVICE["restart"] == "on-failure:5"


def test_the_page_in_a_container_is_as_restricted_as_the_daemon() -> None:
    """Image, user and limits are the same; only nginx, in its network, is reachable from outside."""
    services = YAML(typ="safe").load((COMPOSE.parent / "compose.page.yaml").read_text(encoding="utf-8"))["services"]
    page, proxy = services["page"], services["proxy"]
    same = ("image", "restart", "read_only", "user", "cap_drop", "security_opt", "pids_limit", "mem_limit", "tmpfs")
    assert {name: page[name] for name in same} == {name: SERVICE[name] for name in same}
    assert page["command"][0] == "serve"
    assert "env_file" not in page
    assert proxy["network_mode"] == "service:page"


def test_the_image_runs_as_an_unprivileged_user_and_holds_no_secret() -> None:
    """The user is numeric, not root, and set after the last RUN; no secret is in ENV or ARG."""
    user, group = FINAL.last("USER").split(":")
    assert min(int(user), int(group)) >= 10_000
    kinds = [kind for kind, _ in FINAL.steps]
    assert kinds.index("USER") > max(place for place, kind in enumerate(kinds) if kind == "RUN")
    assert not re.search(r"token|secret|password", DOCKERFILE.read_text(encoding="utf-8"), re.IGNORECASE)
    assert not FINAL.all("ARG")


def test_commands_are_lists_and_signals_reach_the_daemon() -> None:
    """There is no shell around the daemon, so SIGTERM ends it within the grace period."""
    for word in ("ENTRYPOINT", "CMD"):
        assert json.loads(FINAL.last(word))
    assert FINAL.last("STOPSIGNAL") == "SIGTERM"
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > 10


def test_only_absolute_paths_that_exist_here_are_copied() -> None:
    """Each COPY from the context names a file of the repository, and none the whole of it."""
    for stage in (BUILD, FINAL):
        for copy in stage.all("COPY"):
            *sources, target = [word for word in copy.split() if not word.startswith("--")]
            assert target.startswith("/")
            assert copy.startswith("--from=build") or all((REPOSITORY / name).exists() for name in sources)
            assert "." not in sources
    assert Path(FINAL.last("WORKDIR")).is_absolute()


def test_the_container_is_restricted_and_has_a_health_check() -> None:
    """Read-only root, no capabilities, no new privileges, the image's user, and `status` as health check."""
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert SERVICE["user"] == FINAL.last("USER")
    assert "noexec" in SERVICE["tmpfs"][0]
    assert not {"privileged", "ports", "network_mode", "cap_add", "pid", "environment"} & set(SERVICE)
    assert SERVICE["volumes"][0].endswith(":ro")
    assert SERVICE["healthcheck"]["test"] == ["CMD", *json.loads(FINAL.last("HEALTHCHECK").partition("CMD ")[2])]
    assert "status" in SERVICE["healthcheck"]["test"]


class Root:
    """A bare Debian root in which the Dockerfile's steps are carried out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.variables: dict[str, str] = {}

    def run(self, command: list[str], *, user: str = "0:0", ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the root; `user` as in USER."""
        kept = {
            name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()
        }
        plain = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
        plain["PIP_NO_COMPILE"] = "0"  # pip's way to say: compile nothing; Python compiles what is imported
        done = subprocess.run(
            [str(CHROOT), f"--userspec={user}", str(self.path), *command],
            env=kept | plain | self.variables, capture_output=True, text=True, check=False, timeout=800,
        )  # fmt: skip
        assert done.returncode == 0 or not ok, done.stdout + done.stderr
        return done

    def carry_out(self, stage: Stage, other: Path | None = None) -> None:
        """Carry out the steps of a stage; `other` is the root of the stage it copies from."""
        for word, text in stage.steps:
            if word == "RUN":
                self.run(["/bin/sh", "-ec", text])
            elif word == "COPY":
                *sources, target = [part for part in text.split() if not part.startswith("--")]
                origin = other if text.startswith("--from") else REPOSITORY
                assert origin is not None
                place = self.path / target.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-a", str(origin / sources[0].lstrip("/")), str(place)], check=True)
            elif word == "ENV":
                self.variables |= dict(part.split("=", 1) for part in shlex.split(text))


def debian(path: Path) -> Root:
    """Make a bare Debian root with what the base image has: Python 3.11 and its venv.

    The packages are unpacked, not configured: dpkg's scripts would take longer than all the rest. What the steps need
    of their work is made here: the accounts and one link.
    """
    made = subprocess.run(
        ["debootstrap", "--foreign", "--variant=minbase", "--include=python3,python3-venv,ca-certificates",
         "bookworm", str(path)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    output = made.stdout + made.stderr
    if made.returncode != 0 and ("Failed getting release file" in output or "Couldn't download" in output):
        pytest.skip("no Debian mirror can be reached")
    assert made.returncode == 0, output[-2000:]
    archives = dict(line.split() for line in (path / "debootstrap/debpaths").read_text(encoding="utf-8").splitlines())
    for package in (path / "debootstrap/base").read_text(encoding="utf-8").split():
        archive = path / archives[package].lstrip("/")
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], capture_output=True, check=True).stdout
        # links of the root, such as /lib, are kept: tar says that they exist, and goes on
        subprocess.run(["tar", "-xk", "-C", str(path)], input=files, capture_output=True, check=False)
    for name in ("passwd", "group"):
        shutil.copy(path / f"usr/share/base-passwd/{name}.master", path / "etc" / name)
    (path / "var/lock").rmdir()
    (path / "var/lock").symlink_to("/run/lock")
    for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"):
        if Path(name).exists():
            shutil.copy(name, path / name.lstrip("/"))
    return Root(path)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(os.geteuid() != 0, reason="making a Debian root needs root")
@pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed")
def test_the_steps_work_in_a_bare_debian_root(tmp_path: Path) -> None:
    """Both stages are carried out; then, as the image's user, the product runs and can write only in /data."""
    bare = debian(tmp_path / "bare")
    build = Root(tmp_path / "build")
    subprocess.run(["cp", "-a", str(bare.path), str(build.path)], check=True)
    build.carry_out(BUILD)
    final = bare
    final.carry_out(FINAL, build.path)
    entry, user = json.loads(FINAL.last("ENTRYPOINT")), FINAL.last("USER")
    assert final.run([*entry, "--version"], user=user).stdout.startswith("capa-sync")
    final.run([*entry, "rules", "test"], user=user)
    done = final.run([*entry, *json.loads(FINAL.last("CMD"))], user=user, ok=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    skip = [word for path in ("/tmp", "/var/tmp", "/run/lock", "/proc*", "/dev*") for word in ("-not", "-path", path)]
    find = ["/usr/bin/find", "/", "-xdev", "-writable", "-type", "d", *skip]
    writable = final.run(find, user=user, ok=False).stdout.split()
    assert writable == ["/data"]

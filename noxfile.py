"""Every task of this project: `nox -l` lists them, `nox -s NAME` runs one, all set-up included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

# All but the tests run on the interpreter that nox itself runs on, whichever that is.
MAIN = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({"3.11", "3.12", "3.13", "3.14", MAIN}, key=lambda name: int(name[2:]))
# The floors that pyproject.toml promises; the session `lowest` proves them.
LOWEST = [
    *("aiohttp==3.14.1", "aiolimiter==1.2.1", "msgspec==0.21.0", "tenacity==9.0.0"),
    *("redis==8.0.0", "psycopg[binary]==3.2.2"),
]

# What starts programs, or takes its time, does not differ by interpreter or library.
ONCE = [
    "--ignore=tests/path/test_campaign_of_counts.py",
    "--ignore=tests/path/test_campaign_of_sends.py",
    "--ignore=tests/path/test_counts_in_a_file.py",
    "--ignore=tests/path/test_outbox_crashes.py",
    "--ignore=tests/unit/outbox/test_campaign.py",
    "--ignore=tests/storage/test_outbox_machine.py",
]

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
# A missing interpreter is skipped, and nox says so; also on a machine that sets CI.
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests", "lint", "types", "layers", "docs"]


def _show_pyenv_all_its_versions() -> None:
    """Let pyenv's shims find every installed interpreter, not only the chosen one."""
    if shutil.which("pyenv") and "PYENV_VERSION" not in os.environ:
        found = subprocess.run(
            ["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False
        ).stdout.split()
        newest = {name.rpartition(".")[0]: name for name in found}
        wanted = [newest[python] for python in PYTHONS if python in newest]
        if wanted:
            os.environ["PYENV_VERSION"] = ":".join(wanted)


_show_pyenv_all_its_versions()


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name)


def _install(session: nox.Session, *groups: str, extras: str = "") -> None:
    wanted = [requirement for group in groups for requirement in _group(group)]
    session.install(f".{extras}" if extras else ".", *wanted)


def _pytest(session: nox.Session, *words: str, stores: bool = False, **env: str) -> None:
    """Run tests side by side: three, four where stores are met, since they wait half of the time.

    Python writes down what it has compiled, whatever the environment says: else each worker, and
    each program that a test starts, compiles it all anew.
    """
    workers = "4" if stores else "3"
    env = {"PYTHONDONTWRITEBYTECODE": "", **env}
    session.run("pytest", "-n", workers, "--dist", "worksteal", *words, env=env)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite in parallel: all of it on the main interpreter, its core on every other one.

    There, units, network and the path from client to sandbox run, with fewer random inputs: what
    reads text or starts programs does not differ by interpreter. `-- PATH …` runs that on each.
    """
    _install(session, "test", extras="[cli]")
    if session.posargs or session.python == MAIN:
        _pytest(session, *session.posargs, stores=True)
        return
    where = ["tests/unit", "tests/exchange", "tests/path", *ONCE]
    _pytest(session, *where, HYPOTHESIS_PROFILE="quick")


@nox.session
def lowest(session: nox.Session) -> None:
    """Run what meets networks and stores with the oldest supported dependencies, on both roads."""
    _install(session, "test", extras="[cli]")
    session.install(*LOWEST)
    where = ["tests/exchange", "tests/path", "tests/unit", "tests/storage", *ONCE]
    _pytest(session, *where, stores=True, HYPOTHESIS_PROFILE="quick")
    _pytest(session, "tests/exchange", TEST_ROAD="session")


@nox.session
def roads(session: nox.Session) -> None:
    """Run what meets the network over aiohttp's session alone, as an unknown release would."""
    _install(session, "test", extras="[cli]")
    _pytest(session, "tests/exchange", TEST_ROAD="session")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the suite once and show which lines nothing reached."""
    session.install("-e", ".[cli]", *_group("test"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def flakes(session: nox.Session) -> None:
    """Run the suite twenty times, each in another order; the first failure ends it."""
    _install(session, "test", extras="[cli]")
    for turn in range(int(session.posargs[0]) if session.posargs else 20):
        session.log(f"turn {turn + 1}")
        _pytest(session, "-q", "-x", "-p", "randomly", *session.posargs[1:], stores=True)


@nox.session
def campaign(session: nox.Session) -> None:
    """Kill workers and servers, of counts for some minutes, of the outbox 200 times, and count.

    Then 1,000 seeds of a worker, and 2,000 stories of the outbox, in told time. `-- --nightly`
    makes that 5,000 kills, 50 stops past the lease and 200,000 stories, in slices: what ended is
    kept, the next call goes on from there, and a table closes it. `-- --ci` are the outbox's kills
    and stories alone, side by side. A seed that breaks a promise is kept in tests/samples/seeds,
    and replayed for good.
    """
    _install(session, "test", extras="[cli,redis,postgres]")
    if session.posargs == ["--ci"]:
        session.run("python", "tests/campaign/together.py")
        return
    rest = [word for word in session.posargs if word != "--nightly"]
    nightly = rest != session.posargs
    for store in ("sqlite", "redis", "postgres"):
        session.run("python", "tests/campaign/counts.py", "--store", store, *rest)
    session.run("pytest", "tests/unit/outbox/test_campaign.py", env={"SEEDS_OF_WORKERS": "1000"})
    if nightly:
        into = str(Path(session.create_tmp()) / "campaign.jsonl")
        session.run("python", "tests/campaign/nightly.py", "--into", into)
        return
    for store in ("sqlite", "postgres"):
        session.run("python", "tests/campaign/sends.py", "--store", store, "--kills", "200")
    jobs = str(os.cpu_count() or 1)
    session.run(
        *("python", "tests/campaign/simulation.py", "--keep", "--seeds", "2000", "--jobs", jobs)
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and the notes of changes; change nothing."""
    session.install(*_group("lint"), *_group("changes"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check the package with mypy and pyright, its completeness, and how users may type it."""
    session.install("-e", ".[cli]", *_group("types"), *_group("test"))
    session.run("mypy", "postpress_async")
    session.run("pyright", env={"VIRTUAL_ENV": session.virtualenv.location})
    session.run(
        "pyright", "--verifytypes", "postpress_async", "--ignoreexternal",
        env={"VIRTUAL_ENV": session.virtualenv.location},
    )  # fmt: skip
    session.run("python", "tests/typing/check.py")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports point down only."""
    session.install("-e", ".[cli]", *_group("layers"))
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the guides and the reference into site/, strictly."""
    session.install("-e", ".[cli]", *_group("docs"))
    session.run("python", "docs/build.py", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Show the promises being kept, against the sandbox; `-- --json` for the summary line."""
    session.install(".[cli]", silent=True)
    session.run("postpress", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the goals as ratios against named baselines, in one interleaved run."""
    _install(session, "bench", "test", extras="[uvloop]")  # with the servers of the tests
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build the distributions, look into them, and run the client from the wheel."""
    session.install("build", "twine")
    out = Path(session.create_tmp()) / "dist"
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    session.run("twine", "check", "--strict", *map(str, out.iterdir()))
    session.install(*map(str, out.glob("*.whl")))
    session.run("python", "-c", "from postpress_async import Postpress, Sandbox; print('ok')")

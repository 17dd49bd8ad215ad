"""A port in a process of its own, with a time limit for each case: whatever it does, one report comes back.

`python -m shared.porting.runner JOB` is that process; `check` and `trace` start it and read what it has written.
"""

import faulthandler
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shared import catalogue, files

# Checked in double precision, on the processor: that is where all libraries have it. What JAX has compiled once, it
# keeps from one check to the next: most of a check's time goes there.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "triptych", "jax")
ENVIRONMENT = {
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
    "JAX_COMPILATION_CACHE_DIR": str(CACHE),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
GRACE = 10.0  # seconds to write the report of where it hung


def check(path: str, file: Path, labels: list[str], dtype: str, timeout: float) -> dict[str, Any]:
    """The report of `shared.porting.check`; what the port did to its process is a finding like any other."""
    job = {"do": "check", "path": path, "labels": labels, "dtype": dtype}
    report = {"path": path, "impl": str(file), "library": None, "gradients": None, "cases": [], "ok": False}
    return _run(job, file, timeout, lambda finding: {**report, "finding": finding})


def trace(path: str, file: Path, columns: list[str], label: str | None, timeout: float) -> dict[str, Any]:
    """The report of `comparing.walks`, with the port as one column more; {"finding": line} if there is none."""
    job = {"do": "trace", "path": path, "label": label, "columns": columns}
    return _run(job, file, timeout, lambda finding: {"path": path, "finding": finding["line"], "ok": False})


def _run(job: dict, file: Path, timeout: float, failed) -> dict[str, Any]:
    if not file.is_file():
        raise ValueError(f"{file} is not a file")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        job |= {"file": str(file.resolve()), "out": folder, "timeout": timeout}
        (out / "job.json").write_text(json.dumps(job))
        here = os.pathsep.join(filter(None, [str(catalogue.ROOT), os.environ.get("PYTHONPATH")]))
        environment = {**ENVIRONMENT, **os.environ, "PYTHONPATH": here}
        with open(out / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "shared.porting.runner", str(out / "job.json")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env=environment,
                start_new_session=True,
            )  # fmt: skip
        try:
            _wait(process, out / "doing", timeout + GRACE)
        finally:
            _end(process)
        if (out / "report.json").exists():
            return json.loads((out / "report.json").read_text())
        return failed(_post_mortem(out, Path(job["file"]), process.returncode, timeout))


def _wait(process: subprocess.Popen, doing: Path, limit: float):
    """Waits until the process is over, or has been at one thing for longer than the limit."""
    since, last = time.monotonic(), ""
    while process.poll() is None and time.monotonic() - since < limit:
        time.sleep(0.05)
        now = doing.read_text() if doing.exists() else ""
        if now != last:
            since, last = time.monotonic(), now


def _end(process: subprocess.Popen):
    """Ends the process and whatever it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError, AttributeError):  # over already, or no process groups here
        process.kill()
    process.wait()


def _post_mortem(out: Path, file: Path, status: int, timeout: float) -> dict[str, Any]:
    """The finding about a process that wrote no report: it hung, or something ended it."""
    read = lambda name: (out / name).read_text(errors="replace") if (out / name).exists() else ""
    doing, dump, stderr = read("doing"), read("hung"), read("stderr")
    label = doing.removeprefix("case ") if doing.startswith("case ") else None
    frame = re.search(rf'File "{re.escape(str(file))}", line (\d+) in (\S+)', dump)
    place = f", in line {frame[1]}, in {frame[2]}" if frame else ""
    during = "" if label else f" during {doing}" if doing else ""
    if "Timeout" in dump or (not dump and status == -signal.SIGKILL):
        kind, text = "timeout", f"{file.name} still runs after {timeout:g} s{during}{place}"
    else:
        last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "")
        fatal = re.search(r"Fatal Python error: (.*)", dump)
        cause = fatal[1] if fatal else signal.Signals(-status).name if status < 0 else f"exit status {status}"
        kind, text = (
            "died",
            f"{file.name} ended its process ({cause}){during}{place}{f': {last[:200]}' if last else ''}",
        )
    line = f"case {label}: {text}" if label else text
    return {"kind": kind, "case": label, "text": text, "hint": None, "line": line}


def main(job_file: str):
    """Runs one job. The watch that ends it, `timeout` seconds after the last word, writes where it was to `hung`."""
    job = json.loads(Path(job_file).read_text())
    out, file = Path(job["out"]), Path(job["file"])
    hung = open(out / "hung", "w")  # noqa: SIM115  must stay open as long as the process lives
    faulthandler.enable(hung)

    def say(what: str):
        (out / "doing").write_text(what)
        faulthandler.dump_traceback_later(job["timeout"], exit=True, file=hung)

    say("the start")
    from shared.porting import check

    if job["do"] == "check":
        report = check.check(job["path"], file, job["labels"], job["dtype"], say)
    else:
        report = _trace(job, file, say)
    faulthandler.cancel_dump_traceback_later()
    files.write(out / "report.json", json.dumps(report, default=str).encode())


def _trace(job: dict, file: Path, say) -> dict[str, Any]:
    from shared import cases
    from shared.comparing import walks
    from shared.porting import check

    path = job["path"]
    case = cases.find_case(path, job["label"])
    columns = {name: walks.column(name, path) for name in job["columns"]}
    try:
        say("the import of the file")
        port = check.load(file)
    except check.Finding as finding:
        return {"path": path, "finding": str(finding), "ok": False}
    say(f"case {case.label}")
    return walks.report(path, case, {**columns, file.stem: port})


if __name__ == "__main__":
    main(sys.argv[1])

"""What can be asked of a job, and what that does to its folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.core.files import write_text
from impasto.studio.queue.jobs import OUTCOME, RUN, SPEC, STARTS, Spec, State, Wish, starts_of, state_of, wish
from impasto.studio.queue.reports import Report
from impasto.studio.studio import Studio
from impasto.studio.teaching import command_of
from impasto.studio.wishes import new_folder, training


class Doing(StrEnum):
    """What a person can do with a job."""

    PAUSE = "pause"
    GO_ON = "go-on"
    KEEP = "keep"
    CANCEL = "cancel"
    MORE = "more"


def act(asked: Studio, name: str, doing: Doing, steps: int | None) -> dict[str, str]:
    """Do it.

    Args:
        asked: The studio.
        name: Of the job.
        doing: What.
        steps: How many there are to be in all, for more of them.

    Returns:
        "id": the job that does it now, which is another one where it has to begin anew; "note": what to know of that.

    Raises:
        ConfigError: It cannot be done in the state that the job is in.
    """
    report = asked.desk.report(name)
    if doing is Doing.MORE:
        return _more(asked, report, steps)
    _DOERS[doing](report.folder, report.spec, state_of(report.folder))
    asked.desk.look_at(name)
    return {"id": name, "note": ""}


def _pause(folder: Path, spec: Spec, state: State) -> None:
    _only(spec, "train")
    if state.is_final:
        raise ConfigError("it does not run: there is nothing to pause")
    wish(folder, Wish.PAUSED)
    _stop(folder, state)


def _keep(folder: Path, spec: Spec, state: State) -> None:
    _only(spec, "train")
    if state not in {State.WAITING, State.RUNNING, State.STOPPING, State.PAUSED}:
        raise ConfigError("it does not run: there is nothing to stop")
    if not starts_of(folder):
        wish(folder, Wish.CANCELLED)
        return
    wish(folder, Wish.KEPT)  # a paused training has saved its style already
    _stop(folder, state)


def _cancel(folder: Path, spec: Spec, state: State) -> None:
    if state.is_final and state is not State.PAUSED:
        raise ConfigError("it is over: there is nothing to cancel")
    wish(folder, Wish.CANCELLED)
    if spec.kind == "train":
        _stop(folder, state)


def _go_on(folder: Path, _: Spec, state: State) -> None:
    if state not in {State.PAUSED, State.KEPT, State.FAILED, State.CANCELLED}:
        raise ConfigError("it is not at rest: there is nothing to go on with")
    for name in (OUTCOME, STARTS, f"{RUN}/stop"):
        (folder / name).unlink(missing_ok=True)
    wish(folder, None)


_DOERS: Mapping[Doing, Callable[[Path, Spec, State], None]] = {
    Doing.PAUSE: _pause,
    Doing.GO_ON: _go_on,
    Doing.KEEP: _keep,
    Doing.CANCEL: _cancel,
}


def _more(asked: Studio, report: Report, steps: int | None) -> dict[str, str]:
    """Let a training that is over go on to more steps, or begin it anew where its rates depended on their number."""
    spec, folder = report.spec, report.folder
    _only(spec, "train")
    state, done = state_of(folder), int(str(report.spec.settings.get("steps", 0)) or 0)
    if state not in {State.DONE, State.KEPT, State.PAUSED}:
        raise ConfigError("more steps can be given once it is over, or paused")
    if steps is None or steps <= max(done, report.told.step):
        raise ConfigError(f"give more steps than the {max(done, report.told.step)} that there are")
    method = str(spec.form["method"])
    if dict(spec.settings).get("lr_schedule", "constant") == "constant":
        settings = {**spec.settings, "steps": steps}
        renewed = replace(
            spec, settings=settings, command=command_of(method, settings), form={**spec.form, "steps": steps}
        )
        write_text(folder / SPEC, json.dumps(asdict(renewed), indent=2) + "\n")
        report.spec = renewed
        _go_on(folder, renewed, State.PAUSED)
        asked.desk.look_at(folder.name)
        return {"id": folder.name, "note": ""}
    with asked.desk.ordering, new_folder(asked.workspace) as anew:
        form = {name: value for name, value in spec.form.items() if name not in {"method", "title"}} | {"steps": steps}
        wanted = training(asked, anew, method, spec.title, form)
        note = "its learning rate falls with the steps that there are, so it begins anew; the style you have stays"
        return {"id": asked.desk.new_job(anew, wanted), "note": note}


def _stop(folder: Path, state: State) -> None:
    """Ask the process to stop after its step."""
    if state in {State.RUNNING, State.STOPPING}:
        (folder / RUN).mkdir(exist_ok=True)
        (folder / RUN / "stop").touch()


def _only(spec: Spec, kind: str) -> None:
    if spec.kind != kind:
        raise ConfigError("this can be done with trainings alone")

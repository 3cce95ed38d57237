"""A studio on a tiny base, asked without a server: no process is started unless a test starts it."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the studio needs its extra: pip install 'impasto[studio]'")
from httpx2 import Response
from starlette.testclient import TestClient

from impasto.studio.app import create_app
from impasto.studio.options import StudioOptions
from impasto.studio.queue.jobs import Spec
from impasto.studio.queue.painter import Painter
from impasto.studio.security import HEADER, UPLOAD
from impasto.studio.studio import Studio, open_studio

TOKEN = "token-of-the-tests"


@dataclass
class Page:
    """What a page of the studio can ask."""

    client: TestClient
    studio: Studio
    headers: dict[str, str] = field(default_factory=lambda: {HEADER: TOKEN})

    def get(self, path: str) -> Any:
        return self._told(self.client.get(f"/api{path}"))

    def post(self, path: str, value: object = None) -> Any:
        return self._told(self.client.post(f"/api{path}", json=value or {}, headers=self.headers))

    def put(self, path: str, value: object) -> Any:
        return self._told(self.client.put(f"/api{path}", json=value, headers=self.headers))

    def delete(self, path: str) -> Any:
        return self._told(self.client.delete(f"/api{path}", headers=self.headers))

    def upload(self, path: str, data: bytes) -> Response:
        return self.client.post(f"/api{path}", content=data, headers={**self.headers, "content-type": UPLOAD})

    def job(self, name: str) -> dict[str, Any]:
        self.studio.desk.look_at(name)
        return next(each for each in self.get("/jobs") if each["id"] == name)

    def folder(self, name: str) -> Path:
        return self.studio.workspace.jobs / name

    @staticmethod
    def _told(answer: Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def page(workspace: Path, tiny_folders: dict[str, Path]) -> Page:
    """A page of a studio whose base is tiny."""
    studio = open_studio(StudioOptions(workspace=workspace, base=str(tiny_folders["sdxl"])))
    client = TestClient(create_app(studio, TOKEN), base_url="http://localhost", raise_server_exceptions=False)
    return Page(client, studio)


def png(path: Path, size: tuple[int, int] = (48, 40), colour: str = "teal") -> bytes:
    """Return a PNG of one colour, written to a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path.read_bytes()


@pytest.fixture
def errands_done(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request waits for is done at once, as the painter does it."""
    painter, new_job = Painter(page.studio.workspace.jobs, io.StringIO()), page.studio.desk.new_job

    def done_at_once(folder: Path, spec: Spec) -> str:
        name = new_job(folder, spec)
        painter.paint(folder)
        return name

    monkeypatch.setattr(page.studio.desk, "new_job", done_at_once)


@pytest.fixture
def pictures(page: Page, style_images: Path) -> str:
    """A set of four pictures in the studio."""
    name = page.post("/sets", {"title": "Blocks"})["name"]
    for path in sorted(style_images.glob("*.png")):
        assert page.upload(f"/sets/{name}/pictures?file={path.name}", path.read_bytes()).status_code == 200
    return f"set:{name}"


TRAINING = {"learn": "lora", "rank": 2, "learn_text": False, "learning_rate": 1e-2, "sample_every": 0}


@pytest.fixture
def wanted(pictures: str, tiny_folders: dict[str, Path]) -> dict[str, Any]:
    """A training of six steps on the tiny base."""
    settings = {
        **TRAINING,
        "style_images": pictures,
        "base": str(tiny_folders["sdxl"]),
        "steps": 6,
        "sample_prompts": ["a fox"],
    }
    return {"method": "styleforge", "title": "blocks", "settings": settings}

"""Whatever is asked by the description of the server, it answers with no 500."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.studio.conftest import TOKEN, Page

from impasto.studio.app import create_app
from impasto.studio.options import StudioOptions
from impasto.studio.security import UPLOAD
from impasto.studio.studio import open_studio

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40), st.sampled_from(["..", "/etc/passwd", "set:x", "pack:openmoji", "pocket", "\0", "x" * 5000]),
)  # fmt: skip
TEXTS = st.text(max_size=30)
VALUES = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
NAMES = st.sampled_from("prompt style base steps seed num_images picture style_images aux height reference".split())
PARTS = st.sampled_from(["lora", "generate", "..", "%2e%2e", "pack:openmoji", "x.safetensors", "given"]) | TEXTS


def operations(page: Page) -> list[tuple[str, str, dict[str, Any]]]:
    described = page.client.get("/openapi.json").json()
    paths = described["paths"].items()
    return [(method, path, operation) for path, methods in paths for method, operation in methods.items()]


def body_of(draw: Any, operation: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return a body that is mostly of the right shape."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return draw(VALUES)
    schema = schemas[content["schema"]["$ref"].rsplit("/", 1)[1]]
    made = {name: draw(valued(field)) for name, field in schema["properties"].items()}
    return draw(st.one_of(st.just(made), VALUES))


def valued(field: dict[str, Any]) -> Any:
    if "enum" in field:
        return st.sampled_from(field["enum"]) | ODD
    if field.get("type") == "object" or "additionalProperties" in field:
        return st.dictionaries(NAMES | st.text(max_size=10), VALUES, max_size=5)
    return VALUES


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Page:
    from starlette.testclient import TestClient

    studio = open_studio(StudioOptions(workspace=tmp_path_factory.mktemp("fuzz") / "workspace"))
    client = TestClient(create_app(studio, TOKEN), base_url="http://localhost", raise_server_exceptions=False)
    return Page(client, studio)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_ends_in_a_500(fuzzed: Page, data: Any) -> None:
    described = fuzzed.client.get("/openapi.json").json()
    method, path, operation = data.draw(st.sampled_from(operations(fuzzed)))
    if path == "/api/plan":  # waits for the process that draws, which no test here starts
        return
    query: dict[str, Any] = {}
    for parameter in operation.get("parameters", []):
        value, name = data.draw(PARTS), parameter["name"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(value, safe="") or "x")
        else:
            query[name] = value
    sent: dict[str, Any] = {"params": query, "headers": dict(fuzzed.headers)}
    if "file" in query:
        sent |= {"headers": {**fuzzed.headers, "content-type": UPLOAD}, "content": data.draw(st.binary(max_size=200))}
    elif method not in {"get", "delete"}:
        sent["json"] = body_of(data.draw, operation, described["components"]["schemas"])
    answer = fuzzed.client.request(method, path, **sent)
    assert answer.status_code < 500, (method, path, query, answer.text)
    assert "Traceback" not in answer.text

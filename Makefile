# impasto: make demo · make test · make check
# Every target makes the virtual environment first if it is missing; all it needs is Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PARITY := .venv-parity

.PHONY: demo test test-slow test-all coverage browser check docs wheel benchmark parity compare format clean

demo: $(READY)  ## learn a style from twenty drawings and look at the result: demo/index.html
	$(BIN)/impasto demo

test: $(READY)  ## the tests that are quick
	$(BIN)/python -m pytest -n 2 -m "not slow and not parity_external and not browser"

test-slow: $(READY)  ## the others
	$(BIN)/python -m pytest -n 2 -m "slow and not parity_external and not browser"

test-all: test test-slow  ## all tests

coverage: $(READY)  ## which lines of src the quick tests reach
	$(BIN)/python -m pytest -n 2 -m "not slow and not parity_external and not browser" --cov=impasto --cov-report=term-missing:skip-covered --cov-fail-under=92

browser: $(READY)  ## the studio in an installed Chromium
	$(BIN)/python -m pytest -m browser tests/studio/test_browser.py

check: $(READY)  ## lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## the site, into build/site; a dead link or a missing picture is an error
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

wheel: $(READY)  ## build the wheel, install it into an empty environment and draw with it
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	build/wheel/venv/bin/python -m pip install --quiet --constraint constraints.txt build/wheel/*.whl
	cd build/wheel && venv/bin/impasto generate --prompt "a fox on a green background" --out fox.png

benchmark: $(READY)  ## measure again what README and report state; hours
	$(BIN)/python -m benchmarks.styleforge_pocket
	$(BIN)/python -m benchmarks.speed_pocket
	$(BIN)/python -m benchmarks.studio_speed
	$(BIN)/python -m benchmarks.b_lora_speed
	$(BIN)/python -m benchmarks.subdivision
	$(BIN)/python -m benchmarks.step_speed --compile
	$(BIN)/python -m benchmarks.step_ladder --compile
	$(BIN)/python -m benchmarks.memory_plan
	$(BIN)/python -m benchmarks.attention_maps
	$(BIN)/python -m benchmarks.style_studio_cost
	$(BIN)/python -m benchmarks.style_studio_pocket
	$(BIN)/python -m benchmarks.report

parity: $(PARITY)/.ready  ## compare the metrics with torch-fidelity, torchmetrics and OpenCLIP: docs/precision.md
	$(PARITY)/bin/python -m pytest -p benchmarks.beside_torchvision -m parity_external tests/parity_external
	$(PARITY)/bin/python -m benchmarks.precision

compare: $(READY)  ## the comparison of methods, small: two methods, one style, one seed; comparison/report.html
	$(BIN)/impasto compare benchmarks/compare_small.toml --out comparison

format: $(READY)  ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(PARITY) demo runs comparison .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch first and alone: other packages then find it installed and do not bring a second, larger build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

$(PARITY)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(PARITY)
	$(PARITY)/bin/python -m pip install --quiet --upgrade pip
	$(PARITY)/bin/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(PARITY)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[parity]'
	touch $(PARITY)/.ready

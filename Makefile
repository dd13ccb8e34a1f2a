# `make up` serves, `make test` tests; both set up what they need. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help up ports models test check lint format examples publish retrain rollback versions rollout report slides openapi bench lock clean

python := .venv/bin/python -B
# Threads that wait asleep: trees train many times faster where other work shares the cores.
export OMP_WAIT_POLICY ?= PASSIVE
runtime := .venv/.runtime
development := .venv/.development

help: ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

up: ports models ## Serve on ports 8000 (HTTP), 8001 (gRPC), 8002 (metrics), the desk on 8005: HTTP_PORT, GRPC_PORT, METRICS_PORT, DESK_PORT change them
	@exec $(python) -m serving --example build/example_home.json

# Before minutes of set-up, with the Python that is there; whether it will do is for environment.sh to say.
ports:
	@python=$${PYTHON:-python3}; ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || \
		"$$python" -B -m serving.ports

models: $(runtime) ## Train and publish a model where none is there yet, from DATA_DIR, data/ or the stand-in market
	@$(python) -m publishing ensure

test: $(development) ## Run all tests, or those in TESTS=; with DATA_DIR set, on the real data too
	@echo 'All tests: about 40 minutes on two cores. What needs no training takes one: `make check`.'
	@$(python) -m pytest --durations 15 --durations-min 1 $(TESTS)

check: lint ## Check format, style and types, and run the tests that take a minute: what to run at each save
	@$(python) -m pytest -q -m "not training and not slow" tests/unit

lint: $(development) ## Check format, style and types
	@$(python) -m ruff format --check .
	@$(python) -m ruff check .
	@$(python) -m mypy

format: $(development) ## Format the code
	@$(python) -m ruff format .
	@$(python) -m ruff check --fix .

examples: $(runtime) ## Send the example homes to the running service
	@$(python) -m client.send_examples

publish: $(runtime) ## Train the improved model and publish it; TRAIN=basic, MODEL=model.pkl, CONVERTED=, VERSION=folder; ACCEPT="why"
	@$(python) -m publishing publish $(if $(TRAIN),--train $(TRAIN)) $(if $(MODEL),--model $(MODEL)) \
		$(if $(FEATURES),--features $(FEATURES)) $(if $(CONVERTED),--converted $(CONVERTED)) \
		$(if $(VERSION),--version $(VERSION)) $(if $(ACCEPT),--accept "$(ACCEPT)")

retrain: $(runtime) ## The whole way, SALES=file with all sales to learn from: check, train, compare, publish, try out on the service
	@$(python) -m publishing publish $(if $(SALES),--sales $(SALES)) $(if $(TRAIN),--train $(TRAIN)) \
		$(if $(ACCEPT),--accept "$(ACCEPT)") --canary 127.0.0.1:$${HTTP_PORT:-8000}

rollback: $(runtime) ## Remove the newest version of the price model
	@$(python) -m publishing rollback

versions: $(runtime) ## List the versions of the price model
	@$(python) -m publishing versions

rollout: ## Replace the containers' Triton replicas one at a time, after a change of image, flags or limits
	@deploy/rollout.sh

report: $(development) ## Evaluate every model on every split: docs/evaluation.md, docs/comparables.md and both slide decks (PDF needs chromium)
	@$(python) -m evaluation report

slides: $(development) ## Build both presentations from the evaluation (PDF needs chromium)
	@$(python) -m evaluation.slides

openapi: $(development) ## Write docs/openapi.yaml, the description for callers, after a change of columns, models or gateway
	@$(python) -m openapi

bench: $(development) ## Measure speed against peers and limits (needs wrk): writes benchmarks/results; BENCH="--quick"
	@$(python) -m benchmarks $(BENCH)

lock: ## Pin the dependencies in pyproject.toml anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --upgrade \
		--output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --upgrade \
		--constraint requirements.lock --group dev --output-file requirements-dev.lock pyproject.toml

clean: ## Remove what was built: environment, models, stand-in market
	rm -rf .venv build data/standin model_repository/*/[0-9]* model_repository/*/warmup .staging

$(runtime): requirements.lock environment.sh
	@./environment.sh requirements.lock
	@touch $@

$(development): requirements-dev.lock $(runtime)
	@./environment.sh requirements-dev.lock
	@touch $@

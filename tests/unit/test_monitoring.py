"""What Prometheus and Grafana are told to do: valid, and about metrics that somebody exports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from preprocessing.metrics import DESCRIPTIONS
from publishing.door import Door
from publishing.ensure import market
from serving.replica import TRITON_PORT, Replica
from tests.conftest import ROOT
from tests.unit.drift import psi

MONITORING = ROOT / "deploy" / "monitoring"
PROMETHEUS = MONITORING / "prometheus"
ALERTS = PROMETHEUS / "rules" / "alerts.yml"
RECORDING = PROMETHEUS / "rules" / "recording.yml"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "valuation.json"
OPERATIONS = ROOT / "docs" / "operations.md"

TRITON = {
    "nv_inference_count",
    "nv_inference_exec_count",
    "nv_inference_pending_request_count",
    "nv_inference_queue_duration_us",
    "nv_inference_request_failure",
    "nv_inference_request_success",
    "nv_inference_request_summary_us",
}
HAPROXY = {
    "haproxy_backend_active_servers",
    "haproxy_backend_current_queue",
    "haproxy_backend_current_sessions",
    "haproxy_backend_queue_time_average_seconds",
    "haproxy_backend_redispatch_warnings_total",
    "haproxy_backend_retry_warnings_total",
    "haproxy_backend_total_time_average_seconds",
    "haproxy_frontend_http_requests_total",
    "haproxy_frontend_http_responses_total",
}
OF_PROMETHEUS = {"up", "ALERTS"}
KEYWORDS = {"and", "or", "unless", "bool", "offset"}


def replica_metrics() -> set[str]:
    """Return the names of the metrics that the supervisor exports."""
    return set(re.findall(r"^# TYPE (\w+)", Replica(TRITON_PORT).metrics(), re.MULTILINE))


def door_metrics() -> set[str]:
    """Return the names of the metrics that the door exports."""
    return set(re.findall(r"^# TYPE (\w+)", Door(ROOT / "model_repository", market).metrics(), re.MULTILINE))


def rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where each expression stands, and its text."""
    for path in (RECORDING, ALERTS):
        yield from ((rule.get("record") or rule["alert"], rule["expr"]) for rule in rules(path))
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))


def metric_names(expression: str) -> set[str]:
    """Return the names in an expression that are neither functions, labels nor keywords."""
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    return set(re.findall(r"\b[A-Za-z_:][\w:]*\b(?!\s*\()", text)) - KEYWORDS - {"e6"}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rules/recording.yml", "rules/alerts.yml"),
        ("test", "rules", "rules/recording_test.yml", "rules/alerts_test.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_accepts(promtool: str, arguments: tuple[str, ...]) -> None:
    done = subprocess.run([promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_is_asked_for_is_exported() -> None:
    known = {*DESCRIPTIONS, *replica_metrics(), *door_metrics(), *TRITON, *HAPROXY, *OF_PROMETHEUS}
    known |= {rule["record"] for rule in rules(RECORDING)}
    asked = {name: where for where, expression in expressions() for name in metric_names(expression)}
    assert {name: where for name, where in asked.items() if name not in known} == {}


def test_everything_that_is_counted_is_looked_at() -> None:
    asked = {name for _, expression in expressions() for name in metric_names(expression)}
    assert (
        set(DESCRIPTIONS) | replica_metrics() | door_metrics() | {rule["record"] for rule in rules(RECORDING)} <= asked
    )


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load(ALERTS.with_name("alerts_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules(ALERTS)}


@pytest.mark.parametrize("rule", rules(ALERTS), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, anchor = rule["annotations"]["runbook"].split("#")
    assert anchor == rule["alert"].lower()
    headings = re.findall(r"^#+ (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert rule["alert"] in headings, f"{OPERATIONS.name} says nothing of {rule['alert']}"


def test_drift_is_computed_as_in_python() -> None:
    """The numbers are those of ``recording_test.yml``."""
    assert psi(np.array([3, 1]), (0.5, 0.5)) == pytest.approx(0.2747, abs=1e-4)
    assert psi(np.array([1, 0]), (0.5, 0.5)) == pytest.approx(4.6043, abs=1e-4)


def test_the_dashboard_asks_the_provisioned_prometheus() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)


def test_every_replica_and_the_gateway_are_scraped() -> None:
    jobs = {
        job["job_name"]: job for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    }
    found = {name: job["dns_sd_configs"][0] for name, job in jobs.items() if "dns_sd_configs" in job}
    assert {name: (config["names"], config["type"], config["port"]) for name, config in found.items()} == {
        "triton": (["triton"], "A", 8002),
        "replica": (["triton"], "A", 8003),
    }
    assert jobs["gateway"]["static_configs"][0]["targets"] == ["gateway:8404"]

"""Both overlays render, are valid, and promise what the Compose stack promises."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from desk.pages import NAVIGATION
from desk.settings import Settings
from publishing.repository import ASKED, ENSEMBLES, PREPROCESSING, PRICE_MODEL, served_folder
from serving.replica import DRAIN_SECONDS
from tests.conftest import ROOT

yaml = pytest.importorskip("yaml", reason="needs kubernetes-validate")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="needs kubectl: Debian's package kubernetes-client")

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("volume", "bucket")
VERSIONS = ("1.30", "1.34")
"""The oldest that the README promises, and a recent one."""
CUSTOM = {"ServiceMonitor", "PodMonitor", "HTTPRoute", "GRPCRoute"}
"""Kinds that Kubernetes itself has no schema for."""
LABELS = {"app.kubernetes.io/name": "triton"}

Manifest = dict[str, Any]


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def manifests(overlay: str) -> dict[str, Manifest]:
    """Render the overlay; return its manifests by kind, of which there is one each."""
    found = [manifest for manifest in render(overlay) if manifest["metadata"]["name"] not in ("door", "desk")]
    kinds = [manifest["kind"] for manifest in found]
    assert len(set(kinds)) == len(kinds)
    return dict(zip(kinds, found, strict=True))


@pytest.fixture
def pod(manifests: dict[str, Manifest]) -> Manifest:
    spec: Manifest = manifests["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (container,) = pod["containers"]
    return dict(container)


def render(overlay: str) -> list[Manifest]:
    command = [str(KUBECTL), "kustomize", str(FOLDER / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def seconds_to_end(pod: Manifest, container: Manifest) -> float:
    drain = next(
        (float(entry["value"]) for entry in container["env"] if entry["name"] == "DRAIN_SECONDS"), DRAIN_SECONDS
    )
    exit_seconds = next(
        float(flag.split("=")[1]) for flag in container["args"] if flag.startswith("--exit-timeout-secs")
    )
    return float(container["lifecycle"]["preStop"]["sleep"]["seconds"]) + drain + exit_seconds


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(manifests: dict[str, Manifest], version: str) -> None:
    for kind, manifest in manifests.items():
        if kind not in CUSTOM:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_found(manifests: dict[str, Manifest]) -> None:
    broken = {**manifests["Deployment"], "spec": {**manifests["Deployment"]["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


def test_everything_lies_in_one_namespace_that_takes_no_privileged_pod(manifests: dict[str, Manifest]) -> None:
    namespace = manifests["Namespace"]["metadata"]
    others = [manifest["metadata"]["namespace"] for kind, manifest in manifests.items() if kind != "Namespace"]
    assert set(others) == {namespace["name"]}
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nvidias_image_is_the_one_of_the_compose_stack_and_pinned_once(container: Manifest) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert container["image"] == compose["services"]["triton"]["image"]
    tag = container["image"].split(":")[1]
    assert sum(path.read_text().count(tag) for path in FOLDER.rglob("*.yaml")) == 1


def test_triton_takes_the_flags_of_the_compose_stack(container: Manifest, overlay: str) -> None:
    triton = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["triton"]
    assert container["command"] == triton["entrypoint"]
    flags, expected = set(container["args"]), set(triton["command"])
    assert len(flags) == len(container["args"])
    if overlay == "bucket":
        own = {"--model-repository", "--repository-poll-secs"}
        assert {flag.split("=")[0] for flag in flags - expected} == own
        assert {flag.split("=")[0] for flag in expected - flags} == own
    else:
        assert flags == expected
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert triton["environment"].items() <= environment.items()
    assert all(name.startswith("AWS_") for name in environment.keys() - triton["environment"].keys())


def test_the_supervisor_is_the_one_of_the_compose_stack(manifests: dict[str, Manifest], container: Manifest) -> None:
    files = manifests["ConfigMap"]["data"]
    assert files == {"replica.py": (ROOT / "serving" / "replica.py").read_text()}
    assert container["command"][1] == "/etc/triton/replica.py"
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in manifests["Deployment"]["spec"]["template"]["spec"]["volumes"]}
    assert volumes[mounted["/etc/triton"]]["configMap"]["name"] == manifests["ConfigMap"]["metadata"]["name"]
    assert manifests["ConfigMap"]["metadata"]["name"] != "triton-supervisor", "no hash: a change would roll no pod"


def test_the_pod_has_no_privileges(pod: Manifest, container: Manifest) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_what_is_written_goes_to_bounded_places_of_the_pods_own(pod: Manifest, container: Manifest) -> None:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    writable = {
        mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"] if not mount.get("readOnly")
    }
    assert set(writable) == {"/dev/shm", "/tmp"}
    assert writable["/dev/shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "256Mi"}
    assert "sizeLimit" in writable["/tmp"]["emptyDir"]


def test_resources_are_limited_and_guaranteed(container: Manifest) -> None:
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys()


def test_probes_ask_the_supervisor(container: Manifest) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8000, "grpc": 8001, "metrics": 8002, "status": 8003}
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
    assert {kind: probe["path"] for kind, probe in asked.items()} == {
        "startup": "/ready",
        "readiness": "/ready",
        "liveness": "/live",
    }
    assert {probe["port"] for probe in asked.values()} == {"status"}


def test_a_pod_has_the_time_to_drain(pod: Manifest, container: Manifest) -> None:
    assert pod["terminationGracePeriodSeconds"] > seconds_to_end(pod, container)
    readiness = container["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > noticed


def test_capacity_never_falls_below_what_the_autoscaler_wants(manifests: dict[str, Manifest]) -> None:
    deployment, scaler, budget = (
        manifests[kind]["spec"] for kind in ("Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget")
    )
    assert "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert 0 < budget["maxUnavailable"] < scaler["minReplicas"] < scaler["maxReplicas"]
    keys = {constraint["topologyKey"] for constraint in deployment["template"]["spec"]["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_the_autoscaler_reads_what_the_adapter_gives_it(manifests: dict[str, Manifest]) -> None:
    scaler = manifests["HorizontalPodAutoscaler"]["spec"]
    deployment = manifests["Deployment"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }
    pods, cpu = scaler["metrics"]
    (rule,) = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert pods["pods"]["metric"]["name"] == rule["name"]["as"]
    assert cpu["resource"]["name"] == "cpu"
    up, down = scaler["behavior"]["scaleUp"], scaler["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0 < down["stabilizationWindowSeconds"]


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_autoscaler_sees_the_same_waiting_whichever_ensemble_callers_ask(ensemble: str, tmp_path: Path) -> None:
    """A hundred requests a second, each of which waits half a millisecond: a tenth of what adds replicas."""
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    (rule,) = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    query = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", 'namespace="n"')
    counted = {
        f'nv_inference_request_success{{namespace="n", pod="a", model="{ensemble}"}}': 100,
        **{
            f'nv_inference_request_success{{namespace="n", pod="a", model="{model}"}}': 100
            for model in (PREPROCESSING, PRICE_MODEL)
        },
        f'nv_inference_queue_duration_us{{namespace="n", pod="a", model="{PREPROCESSING}"}}': 30_000,
        f'nv_inference_queue_duration_us{{namespace="n", pod="a", model="{PRICE_MODEL}"}}': 20_000,
    }
    case = {
        "interval": "1s",
        "input_series": [{"series": name, "values": f"0+{rate}x120"} for name, rate in counted.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": "2m", "exp_samples": [{"labels": '{pod="a"}', "value": 0.0005}]}
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump({"tests": [case]}))
    done = subprocess.run(
        ["promtool", "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_selectors_find_the_pods(manifests: dict[str, Manifest]) -> None:
    assert manifests["Deployment"]["spec"]["template"]["metadata"]["labels"] == LABELS
    assert manifests["Service"]["spec"]["selector"] == LABELS
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert manifests[kind]["spec"]["selector"] == {"matchLabels": LABELS}
    assert manifests["NetworkPolicy"]["spec"]["podSelector"] == {"matchLabels": LABELS}
    for constraint in manifests["Deployment"]["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"] == {"matchLabels": LABELS}
    assert manifests["ServiceMonitor"]["spec"]["selector"] == {
        "matchLabels": manifests["Service"]["metadata"]["labels"]
    }
    assert (
        manifests["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"]
        == (manifests["ServiceAccount"]["metadata"]["name"])
    )


def test_ports_are_called_by_names_that_exist(manifests: dict[str, Manifest], container: Manifest) -> None:
    names = {port["name"] for port in container["ports"]}
    service = {port["name"]: port for port in manifests["Service"]["spec"]["ports"]}
    assert {port["targetPort"] for port in service.values()} == names
    assert {endpoint["port"] for endpoint in manifests["ServiceMonitor"]["spec"]["endpoints"]} == {"metrics", "status"}
    numbers = {port["port"] for port in service.values()}
    for kind in ("HTTPRoute", "GRPCRoute"):
        for rule in manifests[kind]["spec"]["rules"]:
            (backend,) = rule["backendRefs"]
            assert backend["name"] == manifests["Service"]["metadata"]["name"]
            assert backend["port"] in numbers


def test_callers_reach_callers_ports_and_nobody_is_called_but_the_bucket(
    manifests: dict[str, Manifest], overlay: str
) -> None:
    policy = manifests["NetworkPolicy"]["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    allowed = {
        next(iter((peer.get("namespaceSelector") or peer["podSelector"])["matchLabels"].items())): {
            port["port"] for port in rule["ports"]
        }
        for rule in policy["ingress"]
        for peer in rule["from"]
    }
    door = {("app.kubernetes.io/name", "door"): {"http"}} if overlay == "volume" else {}
    assert allowed == {
        ("sound-realty/calls-triton", "true"): {"http", "grpc"},
        ("sound-realty/watches-triton", "true"): {"metrics", "status"},
        ("app.kubernetes.io/name", "desk"): {"http"},
        **door,
    }
    called = {port["port"] for rule in policy.get("egress", []) for port in rule["ports"]}
    assert called == ({53, 443} if overlay == "bucket" else set())
    assert all(rule["to"] for rule in policy.get("egress", []))


def test_nothing_passes_the_routes_but_what_callers_may_ask(manifests: dict[str, Manifest]) -> None:
    http = [match for rule in manifests["HTTPRoute"]["spec"]["rules"] for match in rule["matches"]]
    assert {match["path"]["type"] for match in http} == {"Exact"}
    posts = {match["path"]["value"] for match in http if match["method"] == "POST"}
    assert posts == {f"/v2/models/{name}/{verb}" for name in ASKED for verb in ("generate", "infer")}
    gets = {match["path"]["value"] for match in http if match["method"] == "GET"}
    about = {f"/v2/models/{name}{what}" for name in ASKED for what in ("", "/config", "/ready")}
    assert gets == {"/v2", "/v2/health/live", "/v2/health/ready"} | about
    assert len(posts) + len(gets) == len(http)

    (rule,) = manifests["GRPCRoute"]["spec"]["rules"]
    methods = {(match["method"]["service"], match["method"]["method"]) for match in rule["matches"]}
    gateway = (ROOT / "deploy" / "gateway" / "haproxy.cfg").read_text()
    assert all(f"/{service}/{method}" in gateway for service, method in methods)
    assert len(methods) == gateway.count("/inference.GRPCInferenceService/")


def test_models_come_read_only(pod: Manifest, container: Manifest, overlay: str) -> None:
    (source,) = (flag.split("=")[1] for flag in container["args"] if flag.startswith("--model-repository="))
    if overlay == "bucket":
        assert source.startswith("s3://")
        assert container["envFrom"] == [{"secretRef": {"name": "bucket-reader", "optional": True}}]
    else:
        (mount,) = (mount for mount in container["volumeMounts"] if f"{mount['mountPath']}/models" == source)
        (volume,) = (volume for volume in pod["volumes"] if volume["name"] == mount["name"])
        assert mount["readOnly"] and volume["persistentVolumeClaim"]["readOnly"]


def test_one_door_fills_what_triton_reads(container: Manifest, overlay: str) -> None:
    doors = {one["kind"]: one for one in render(overlay) if one["metadata"]["name"] == "door"}
    if overlay == "bucket":
        assert doors == {}  # a push admits before it uploads
        return
    deployment = doors["Deployment"]["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}
    pod = deployment["template"]["spec"]
    (door,) = pod["containers"]
    (written,) = (mount for mount in door["volumeMounts"] if mount["name"] == "models")
    (read,) = (mount for mount in container["volumeMounts"] if mount["name"] == "models")
    repository = Path(door["args"][door["args"].index("--repository") + 1])
    assert served_folder(repository) == Path(written["mountPath"]) / read["subPath"]
    assert not written.get("readOnly")
    assert door["securityContext"] == container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    for kind, manifest in doors.items():
        if kind not in CUSTOM:
            kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)


def test_the_desk_is_reached_by_its_pages_and_reaches_triton_alone(container: Manifest, overlay: str) -> None:
    desk = {one["kind"]: one for one in render(overlay) if one["metadata"]["name"] == "desk"}
    assert desk.keys() == {"Deployment", "Service", "NetworkPolicy", "HTTPRoute"}
    pod = desk["Deployment"]["spec"]["template"]["spec"]
    (pages,) = pod["containers"]
    assert pages["securityContext"] == container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    environment = {entry["name"]: entry["value"] for entry in pages["env"]}
    settings = Settings.read(environment)
    assert pages["ports"] == [{"name": "pages", "containerPort": settings.port}]
    mounts = {mount["mountPath"]: mount for mount in pages["volumeMounts"]}
    assert (str(settings.served) in mounts) == (overlay == "volume")
    assert all(mount.get("readOnly") for path, mount in mounts.items() if path != "/tmp")
    (rule,) = desk["HTTPRoute"]["spec"]["rules"]
    routed = [match["path"]["value"] for match in rule["matches"]]
    for address, _ in NAVIGATION:
        assert any(address == path or (path != "/" and address.startswith(path)) for path in routed), address
    assert not any(path.startswith("/v2") for path in routed)
    (to_triton, _) = desk["NetworkPolicy"]["spec"]["egress"]
    assert to_triton["to"] == [{"podSelector": {"matchLabels": LABELS}}]
    for kind, manifest in desk.items():
        if kind not in CUSTOM:
            kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)

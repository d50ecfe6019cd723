# SPDX-License-Identifier: Apache-2.0
"""Compares deploy/kubernetes with the schemas of Kubernetes, and with the server and its image."""

import pathlib
import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"


def documents():
    """The resources of all files, by kind and name."""
    found = {}
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path.name == "kustomization.yaml":
            continue
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            found[document["kind"], document["metadata"]["name"]] = document
    return found


def kustomized(folder):
    if shutil.which("kubectl") is None:
        pytest.skip("SKIPPED: there is no kubectl here, so deploy/kubernetes is not put together")
    text = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / folder)], capture_output=True, text=True, timeout=120
    )
    assert text.returncode == 0, text.stderr
    return list(yaml.safe_load_all(text.stdout))


def check(document):
    """Raises for a resource that differs from its schema, unknown fields included."""
    if document["apiVersion"].startswith("monitoring.coreos.com/"):
        return check_monitor(document)
    return kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def check_monitor(document):
    from cloudcoil.models.prometheus_operator import v1

    kind = getattr(v1, document["kind"])
    read = kind.model_validate(document).model_dump(by_alias=True, exclude_none=True, mode="json")
    # The models pass over a field that they don't know; it is missing in what they write.
    missing = sorted(set(paths(document)) - set(paths(read)))
    assert not missing, f"{document['kind']} has no field {missing}"


def paths(value, prefix=""):
    if isinstance(value, dict):
        for key, child in value.items():
            yield from paths(child, f"{prefix}.{key}")
    elif isinstance(value, list):
        for child in value:
            yield from paths(child, f"{prefix}[]")
    else:
        yield prefix


@pytest.mark.parametrize("name", sorted(documents()), ids="/".join)
def test_a_resource_has_the_fields_of_its_schema(name):
    check(documents()[name])


@pytest.mark.parametrize("name", sorted(documents()), ids="/".join)
def test_the_check_of_schemas_finds_a_misspelled_field(name):
    document = documents()[name]
    document["spec"]["selektor"] = document["spec"].pop("selector")
    with pytest.raises((kubernetes_validate.ValidationError, AssertionError, ValueError)):
        check(document)


@pytest.mark.parametrize("folder", ["base", "monitoring"])
def test_kustomize_puts_together_resources_that_fit_their_schemas(folder):
    resources = kustomized(folder)
    for resource in resources:
        check(resource)
    kinds = sorted(resource["kind"] for resource in resources)
    expected = ["ConfigMap", "PodDisruptionBudget", "Service", "Service", "StatefulSet"]
    assert kinds == sorted(expected + (["ServiceMonitor"] if folder == "monitoring" else []))
    settings = next(one for one in resources if one["kind"] == "ConfigMap")
    pods = next(one for one in resources if one["kind"] == "StatefulSet")["spec"]["template"]["spec"]
    source = pods["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    assert source == settings["metadata"]["name"], "a change of the settings must restart the pod"


def settings():
    lines = (FOLDER / "base/settings.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_setting_of_the_pod_is_a_setting_of_the_server():
    reference = (ROOT / "deploy/CONFIGURATION.md").read_text(encoding="utf-8")
    known = set(re.findall(r"`(LODESTONE_[A-Z_]+)`", reference))
    assert set(settings()) <= known


def test_ports_labels_and_mounts_fit_together():
    resources = documents()
    pods = resources["StatefulSet", "lodestone"]["spec"]["template"]
    container = pods["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert settings()["LODESTONE_LISTEN"].endswith(f":{ports['lodestone']}")
    assert settings()["LODESTONE_HTTP"].endswith(f":{ports['http']}")
    for probe, path in [("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")]:
        assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "http"}
    labels = pods["metadata"]["labels"].items()
    for kind, name in resources:
        spec = resources[kind, name]["spec"]
        if kind == "Service":
            assert spec["selector"].items() <= labels
            assert {port["targetPort"] for port in spec["ports"]} <= set(ports)
        else:
            assert spec["selector"]["matchLabels"].items() <= labels
    monitor = resources["ServiceMonitor", "lodestone"]["spec"]
    service = resources["Service", "lodestone"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert settings()["LODESTONE_DATA"].startswith(mounts["store"] + "/")
    assert settings()["LODESTONE_TOKEN_FILE"] == mounts["tokens"] + "/tokens"


def test_the_pod_runs_as_the_user_of_the_image_and_stops_after_the_server():
    image = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
    user, group = re.search(r"^USER (\d+):(\d+)$", image, re.MULTILINE).groups()
    spec = documents()["StatefulSet", "lodestone"]["spec"]["template"]["spec"]
    security = spec["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user), int(group))
    # The token file belongs to root, and the server reads it as a member of the group.
    assert security["fsGroup"] == int(group)
    drain = int(settings()["LODESTONE_DRAIN_TIMEOUT_MS"]) / 1_000
    assert spec["terminationGracePeriodSeconds"] >= drain + 30

"""What a push leaves in a bucket, and what a Triton that looks at any moment of it can see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conversion import Refused
from publishing.bucket import CONFIG, Bucket, push, roll_back
from publishing.repository import ANALYSIS, ENSEMBLES, PREPROCESSING, PRICE_MODEL, new_repository
from tests.conftest import remove_newest

boto3 = pytest.importorskip("boto3", reason="needs boto3 and moto[server]")
moto = pytest.importorskip("moto", reason="needs boto3 and moto[server]")

pytestmark = [pytest.mark.slow, pytest.mark.once]

URL = "s3://models/valuation"
FILES = {
    PRICE_MODEL: ("card.json", "model.onnx"),
    PREPROCESSING: ("__pycache__", "model.py"),
    ANALYSIS: ("__pycache__", "model.py"),
    **dict.fromkeys(ENSEMBLES, (".keep",)),
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serve an S3 bucket in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="models")
        yield client


def add(repository: Path, model: str, number: int, content: str = "") -> None:
    folder = repository / model / str(number)
    folder.mkdir()
    for name in FILES[model]:
        (folder / name).write_text(f"{content}{model} {number} {name}" if name != "__pycache__" else "")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = new_repository(tmp_path / "model_repository")
    for model in FILES:
        add(repository, model, 1)
    (repository / PRICE_MODEL / "warmup").mkdir()
    (repository / PRICE_MODEL / "warmup" / "features").write_bytes(b"\x00\x01")
    return repository


def numbers_in(bucket: Bucket, model: str = PRICE_MODEL) -> set[str]:
    return {part for key in bucket.times(model) if (part := key.split("/")[1]).isdecimal()}


def test_the_bucket_gets_what_serves_and_names_it(repository: Path) -> None:
    for number in (2, 3):
        add(repository, PRICE_MODEL, number)
        add(repository, PREPROCESSING, number)
    assert push(repository, URL) == {
        PRICE_MODEL: [2, 3],
        PREPROCESSING: [3],
        ANALYSIS: [1],
        **{name: [1] for name in ENSEMBLES},
    }

    bucket = Bucket.open(URL)
    assert numbers_in(bucket) == {"2", "3"}
    assert set(bucket.times(PREPROCESSING)) == {
        f"preprocessing/{name}" for name in (CONFIG, "3/__pycache__", "3/model.py")
    }
    assert f"{PRICE_MODEL}/warmup/features" in bucket.times(PRICE_MODEL)
    for model, policy in ((PRICE_MODEL, "2, 3"), (PREPROCESSING, "3"), (ENSEMBLES[0], "1")):
        here, there = (repository / model / CONFIG).read_text(), bucket.read(f"{model}/{CONFIG}")
        assert there.count("version_policy") == 1
        assert there.endswith(f"version_policy {{ specific {{ versions: [ {policy} ] }} }}\n")
        kept = [line for line in here.splitlines() if line and not line.startswith("version_policy")]
        assert [line for line in there.splitlines() if line and not line.startswith("version_policy")] == kept


def test_triton_understands_the_configuration(repository: Path) -> None:
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    add(repository, PRICE_MODEL, 2)
    push(repository, URL)
    for model in FILES:
        text = Bucket.open(URL).read(f"{model}/{CONFIG}")
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        assert list(config.version_policy.specific.versions) == ([1, 2] if model == PRICE_MODEL else [1])


def test_whoever_looks_in_the_middle_finds_every_named_version_whole(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, delete = Bucket.write, Bucket.delete
    looks = []

    def look(bucket: Bucket) -> None:
        for model, names in FILES.items():
            present = bucket.times(model)
            if f"{model}/{CONFIG}" not in present:
                continue
            text = bucket.read(f"{model}/{CONFIG}")
            named = text.split("versions: [")[1].split("]")[0].split(",")
            looks.append(named)
            assert {f"{model}/{number.strip()}/{name}" for number in named for name in names} <= set(present)

    def write_and_look(bucket: Bucket, key: str, content: bytes) -> None:
        write(bucket, key, content)
        look(bucket)

    def delete_and_look(bucket: Bucket, key: str) -> None:
        delete(bucket, key)
        look(bucket)

    monkeypatch.setattr(Bucket, "write", write_and_look)
    monkeypatch.setattr(Bucket, "delete", delete_and_look)
    for number in (2, 3, 4):
        push(repository, URL)
        add(repository, PRICE_MODEL, number)
        add(repository, PREPROCESSING, number)
    push(repository, URL)
    roll_back(URL)
    push(repository, URL)
    assert len(looks) > 50


def test_the_configuration_is_newer_than_everything_else_to_the_second(repository: Path) -> None:
    push(repository, URL)
    add(repository, PRICE_MODEL, 2)
    push(repository, URL)
    bucket = Bucket.open(URL)
    rolled_back_from = bucket.times(PRICE_MODEL)[f"{PRICE_MODEL}/{CONFIG}"]
    roll_back(URL)
    for model in FILES:
        times = bucket.times(model)
        assert times.pop(f"{model}/{CONFIG}") > max(times.values())
    assert bucket.times(PRICE_MODEL)[f"{PRICE_MODEL}/{CONFIG}"] > rolled_back_from


def test_nothing_is_written_when_nothing_is_new(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(repository, URL)
    written: list[str] = []
    monkeypatch.setattr(Bucket, "write", lambda _, key, content: written.append(key))
    push(repository, URL)
    assert written == []


def test_a_push_that_broke_off_serves_nothing_new_and_is_repeated(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(repository, URL)
    add(repository, PRICE_MODEL, 2)
    write = Bucket.write

    def break_off(bucket: Bucket, key: str, content: bytes) -> None:
        if key.endswith("2/model.onnx"):
            raise ConnectionError(key)
        write(bucket, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "write", break_off)
        with pytest.raises(ConnectionError):
            push(repository, URL)
    bucket = Bucket.open(URL)
    assert numbers_in(bucket) == {"1", "2"}
    assert "[ 1 ]" in bucket.read(f"{PRICE_MODEL}/{CONFIG}")

    assert push(repository, URL)[PRICE_MODEL] == [1, 2]
    assert bucket.read(f"{PRICE_MODEL}/2/model.onnx") == "price_model 2 model.onnx"


def test_a_rollback_here_is_a_rollback_there_and_its_number_is_free_again(repository: Path) -> None:
    add(repository, PRICE_MODEL, 2)
    push(repository, URL)
    remove_newest(repository / PRICE_MODEL)
    assert push(repository, URL)[PRICE_MODEL] == [1]
    add(repository, PRICE_MODEL, 2, content="another ")
    assert push(repository, URL)[PRICE_MODEL] == [1, 2]
    assert Bucket.open(URL).read(f"{PRICE_MODEL}/2/model.onnx").startswith("another ")


def test_a_version_that_serves_is_never_changed(repository: Path) -> None:
    push(repository, URL)
    (repository / PRICE_MODEL / "1" / "model.onnx").write_text("built anew")
    with pytest.raises(Refused, match="version 1 of price_model is another one in the bucket"):
        push(repository, URL)
    assert Bucket.open(URL).read(f"{PRICE_MODEL}/1/model.onnx") == "price_model 1 model.onnx"


def test_rolling_back_takes_two_versions(repository: Path) -> None:
    with pytest.raises(Refused, match="serves 0 version"):
        roll_back(URL)
    add(repository, PRICE_MODEL, 2)
    push(repository, URL)
    assert roll_back(URL) == (2, 1)
    assert "[ 1 ]" in Bucket.open(URL).read(f"{PRICE_MODEL}/{CONFIG}")
    with pytest.raises(Refused, match="serves 1 version"):
        roll_back(URL)


def test_a_repository_without_models_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(Refused, match="no version of price_model, preprocessing"):
        push(new_repository(tmp_path / "model_repository"), URL)
    assert Bucket.open(URL).times(PRICE_MODEL) == {}


def test_what_the_store_refuses_is_said_in_a_line(repository: Path) -> None:
    with pytest.raises(Refused, match=r"s3://elsewhere/valuation: .*NoSuchBucket"):
        push(repository, "s3://elsewhere/valuation")


def test_a_repository_that_was_copied_there_by_other_means_is_left_alone(repository: Path, aws: Any) -> None:
    config = (repository / PRICE_MODEL / CONFIG).read_bytes()
    aws.put_object(Bucket="models", Key=f"valuation/{PRICE_MODEL}/{CONFIG}", Body=config)
    aws.put_object(Bucket="models", Key=f"valuation/{PRICE_MODEL}/7/model.onnx", Body=b"")
    with pytest.raises(Refused, match="names no versions"):
        push(repository, URL)
    assert numbers_in(Bucket.open(URL)) == {"7"}


@pytest.mark.parametrize(
    ("url", "endpoint", "name", "prefix"),
    [
        ("s3://models", "amazonaws.com", "models", ""),
        ("s3://models/", "amazonaws.com", "models", ""),
        ("s3://models/a/b/", "amazonaws.com", "models", "a/b/"),
        ("s3://https://minio.local:9000/models/a", "https://minio.local:9000", "models", "a/"),
        ("s3://http://127.0.0.1:5000/models", "http://127.0.0.1:5000", "models", ""),
    ],
)
def test_urls_are_tritons_own(url: str, endpoint: str, name: str, prefix: str) -> None:
    bucket = Bucket.open(url)
    assert endpoint in bucket.client.meta.endpoint_url
    assert (bucket.name, bucket.prefix) == (name, prefix)


@pytest.mark.parametrize("url", ["models/a", "gs://models/a", "s3://", "s3://host:9000/models", "s3://Models/a"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(Refused, match="is neither"):
        Bucket.open(url)

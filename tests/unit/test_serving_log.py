"""What people see of Triton's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.log import LogFilter, follow, last_errors

STAMP = "1124 06:25:50.205451 7155"
BROKEN = (
    f"E{STAMP} model_lifecycle.cc:642] \"failed to load 'price_model' version 3: Internal: TritonModelException: "
    r'the graph has no price\n\nAt:\n  /somewhere/model.py(63): initialize\n"'
)
TOLD = "price_model version 3 was not loaded: the graph has no price"


def shown(*lines: str) -> list[str]:
    log = LogFilter()
    return [readable for line in lines for readable in log.readable(line)]


def info(text: str) -> str:
    return f'I{STAMP} model_lifecycle.cc:472] "{text}"'


@pytest.mark.parametrize(
    "line",
    [
        f'E{STAMP} server.cc:241] "CudaDriverHelper has not been initialized."',
        f'W{STAMP} metrics.cc:643] "Unable to get NVML device count"',
        f'W{STAMP} metrics.cc:798] "DCGM unable to start: DCGM initialization error"',
        f'I{STAMP} grpc_server.cc:2558] "Started GRPCInferenceService at 127.0.0.1:8001"',
        f'E{STAMP} tritonserver.cc:2607] "Internal: failed to load all models"',
        "+-------+---------+--------+",
        "",
    ],
)
def test_noise_and_routine_are_dropped(line: str) -> None:
    assert shown(line) == []


def test_a_loaded_model_is_told_with_the_versions_that_were_loading() -> None:
    lines = shown(
        info("loading: price_model:1"), info("loading: price_model:2"), info("successfully loaded 'price_model'")
    )
    assert lines == ["price_model version 1 is live", "price_model version 2 is live"]


def test_a_version_that_failed_is_not_told_as_live() -> None:
    lines = shown(
        info("loading: price_model:2"),
        info("loading: price_model:3"),
        BROKEN,
        info("successfully loaded 'price_model'"),
    )
    assert lines == [TOLD, "price_model version 2 is live"]


def test_a_failure_that_polling_repeats_is_told_once() -> None:
    assert shown(BROKEN, BROKEN) == [TOLD]
    assert len(shown(BROKEN, BROKEN.replace("no price", "no price_low"))) == 2


def test_warnings_and_errors_are_shown() -> None:
    assert shown(f'W{STAMP} x.cc:1] "disk is nearly full"') == ["Warning: disk is nearly full"]
    assert shown(f'E{STAMP} x.cc:1] "bind failed"') == ["Error: bind failed"]
    assert shown("error: creating server: no such repository") == ["error: creating server: no such repository"]


def test_an_unloaded_version_is_told() -> None:
    load = [info("loading: price_model:1"), info("successfully loaded 'price_model'")]
    unload = info("successfully unloaded 'price_model' version 1")
    assert shown(*load, unload) == ["price_model version 1 is live", "price_model version 1 is unloaded"]


def test_a_reload_of_a_live_version_is_not_news() -> None:
    load = [info("loading: house_price:1"), info("successfully loaded 'house_price'")]
    unload = info("successfully unloaded 'house_price' version 1")
    assert shown(*load, *load, unload) == ["house_price version 1 is live"]


def test_last_errors_are_the_readable_ones_each_once(tmp_path: Path) -> None:
    log = tmp_path / "triton.log"
    noise = f'E{STAMP} server.cc:241] "CudaDriverHelper has not been initialized."'
    log.write_text("\n".join([noise, BROKEN, BROKEN, "error: bind failed", info("loading: a:1")]))
    assert last_errors(log) == [
        "failed to load 'price_model' version 3: Internal: TritonModelException: the graph has no price",
        "error: bind failed",
    ]
    assert last_errors(log, most=1) == ["error: bind failed"]


def test_follow_gives_whole_lines_and_what_came_before_the_end(tmp_path: Path) -> None:
    log = tmp_path / "triton.log"
    log.write_text("one\ntw")
    steps = iter(["o\nthree\n", "four\n"])

    def grow_then_end() -> bool:
        """Run before each look at the file."""
        more = next(steps, None)
        if more:
            with log.open("a") as file:
                file.write(more)
        return more is None

    assert list(follow(log, until=grow_then_end)) == ["one", "two", "three", "four"]


def test_without_an_error_the_last_words_of_a_crash_are_told(tmp_path: Path) -> None:
    log = tmp_path / "triton.log"
    words = ["terminate called after throwing an instance of 'std::bad_alloc'", "  what():  std::bad_alloc"]
    log.write_text("\n".join([*words, "Signal (6) received.", "| response_cache | 0 |", "+---+"]) + "\n")
    assert last_errors(log, most=2) == ["what():  std::bad_alloc", "Signal (6) received."]

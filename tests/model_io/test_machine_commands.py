"""`devices` and `plan`, run as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model_io.gguf_reader import read_header
from model_io.gguf_values import string
from tests.model_io.small_models import entries_of, gguf_of, tensors_of, write_parts
from tests.toy_model import write_toy_model
from tests.vulkan import environment, requires_vulkan

COMMAND = [sys.executable, "-W", "ignore", "-m", "model_io"]
GB = 2**30


def run(
    *words: str | Path, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line and wait for its end."""
    environment = os.environ | (variables or {})
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, env=environment
    )


def answer(*words: str | Path, variables: dict[str, str] | None = None) -> dict[str, Any]:
    """What a command prints with --json."""
    done = run(*words, "--json", variables=variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def card(total: int, free: int, kind: str = "cuda") -> list[str]:
    """The flag for a device of so many GB."""
    return ["--device", f"{kind}:{total * GB}:{free * GB}"]


def test_devices_end_with_the_processor() -> None:
    """RAM, devices and what scripts rely on."""
    found = answer("devices")
    assert found["ram"]["total_bytes"] >= found["ram"]["free_bytes"] > 0
    last = found["devices"][-1]
    assert set(last) >= {"name", "description", "kind", "total_bytes", "free_bytes"}
    assert last["kind"] == "cpu"
    assert found["physical_cores"] >= 1


@requires_vulkan
def test_devices_of_a_module_are_found() -> None:
    """Two of them, with the memory that the driver reports."""
    found = answer("devices", variables=environment(devices=2))
    kinds = [device["kind"] for device in found["devices"]]
    assert kinds == ["vulkan", "vulkan", "cpu"]
    assert found["devices"][0]["total_bytes"] >= GB


def test_a_plan_has_what_scripts_rely_on() -> None:
    """For a computer that isn't this one."""
    plan = answer("plan", *card(12, 11), "--ram", str(28 * GB))
    assert set(plan) >= {
        "quant", "context_tokens", "kv_type", "gpu_layers", "cpu_expert_layers", "batch_tokens",
        "microbatch_tokens", "mmap", "repack", "devices", "ram_bytes", "tokens_per_second",
        "fits", "reason", "alternatives",
    }  # fmt: skip
    assert (plan["fits"], plan["quant"], plan["gpu_layers"]) == (True, "Q4_K_M", 32)
    assert plan["cpu_expert_layers"] == list(range(len(plan["cpu_expert_layers"])))
    device = plan["devices"][0]
    parts = ("weights_bytes", "kv_bytes", "compute_bytes")
    assert device["total_bytes"] == sum(device[part] for part in parts)
    assert device["total_bytes"] < device["free_bytes"] == 11 * GB


def test_devices_are_answered_in_the_order_given() -> None:
    """Unused ones too; their layers add up."""
    flags = [*card(4, 0), *card(24, 23), *card(24, 23)]
    plan = answer("plan", *flags, "--ram", str(60 * GB))
    assert [device["name"] for device in plan["devices"]] == ["CUDA0", "CUDA1", "CUDA2"]
    assert [device["layers"] > 0 for device in plan["devices"]] == [False, True, True]
    assert sum(device["layers"] for device in plan["devices"]) == plan["gpu_layers"]


def test_metal_memory_is_part_of_the_ram() -> None:
    """26.5 GB of weights don't fit into 24 GB twice counted."""
    plan = answer("plan", *card(23, 23, "metal"), "--ram", str(24 * GB), "--quant", "Q4_K_M")
    assert not plan["fits"]
    assert plan["missing_bytes"] > GB
    assert "are missing" in plan["reason"]


def test_a_plan_in_words_names_the_next_ones() -> None:
    """Numbers, reasons, alternatives."""
    done = run("plan", *card(24, 23), "--ram", str(60 * GB))
    assert done.returncode == 0
    assert "tokens a second" in done.stdout
    assert "Or: " in done.stdout
    assert done.stderr == ""


def test_a_preference_and_a_type_bind() -> None:
    """And a larger context than usual."""
    flags = [*card(24, 23), "--ram", str(60 * GB), "--prefer", "context", "--kv-type", "q8_0"]
    plan = answer("plan", *flags, "--quant", "q6_k")
    assert (plan["context_tokens"], plan["kv_type"], plan["quant"]) == (32768, "q8_0", "Q6_K")


def test_a_file_is_planned_by_its_own_table(tmp_path: Path) -> None:
    """On this computer, confirmed by the simulation."""
    toy = write_toy_model(tmp_path / "toy.gguf")
    plan = answer("plan", "--model", toy, variables={"OCTET_DATA_DIR": str(tmp_path)})
    assert plan["fits"]
    assert plan["is_simulated"]
    assert plan["quant"] == "Q8_0"
    assert plan["ram_weights_bytes"] == sum(t.data_bytes for t in read_header(toy).tensors)


def test_a_file_in_parts_is_planned_as_a_whole(tmp_path: Path) -> None:
    """By the tensors of all parts."""
    toy = write_toy_model(tmp_path / "toy.gguf")
    write_parts(toy, tmp_path)
    part = tmp_path / "model-00001-of-00002.gguf"
    weights = sum(t.data_bytes for t in read_header(toy).tensors)
    assert answer("plan", "--model", part, "--ram", str(GB))["ram_weights_bytes"] == weights


def test_a_config_is_enough(tmp_path: Path) -> None:
    """A Mixtral of other sizes, of which no file exists: here 8x22B, as its config.json has it."""
    sizes = {
        "model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "hidden_size": 6144,
        "intermediate_size": 16384, "num_hidden_layers": 56, "num_attention_heads": 48,
        "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2,
        "vocab_size": 32000, "max_position_embeddings": 65536, "rms_norm_eps": 1e-5,
        "rope_theta": 1e6, "tie_word_embeddings": False,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(sizes))
    plan = answer("plan", "--config", path, "--ram", str(200 * GB))
    assert plan["fits"]
    assert plan["ram_weights_bytes"] > 85e9


def test_a_broken_driver_costs_a_sentence(tmp_path: Path) -> None:
    """A backend module that is no library: named, and the processor's plan stands."""
    (tmp_path / "libggml-vulkan.so").write_bytes(b"no library")
    (tmp_path / "libggml-vulkan.json").write_text('{"ggml": "0.0.1"}')
    toy = write_toy_model(tmp_path / "toy.gguf")
    variables = {"OCTET_BACKENDS": str(tmp_path), "OCTET_DATA_DIR": str(tmp_path)}
    plan = answer("plan", "--model", toy, variables=variables)
    assert plan["fits"]
    assert any("libggml-vulkan.so" in problem for problem in plan["problems"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "cuda:1:2"], "more memory free than in all"),
        (["--device", "cuda:0:0"], "without memory"),
        (["--device", "card:1:1"], "no kind of device"),
        (["--device", "cuda:1"], "not KIND:TOTAL:FREE"),
        (["--ram", "0"], "no computer works without RAM"),
        (["--ram", "lots"], "no whole number"),
        (["--context", "0"], "no number of tokens"),
        (["--context", "-1"], "no number of tokens"),
        (["--quant", "Q3"], "invalid choice"),
        (["--prefer", "luck"], "invalid choice"),
        (["--model", "a", "--config", "b"], "not allowed with"),
    ],
)
def test_wrong_usage_is_told(words: list[str], said: str) -> None:
    """Exit status 2, and what is wrong."""
    done = run("plan", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_planned_is_one_sentence(tmp_path: Path) -> None:
    """Another architecture, no file, no GGUF."""
    toy = write_toy_model(tmp_path / "toy.gguf")
    other = tmp_path / "other.gguf"
    entries = entries_of(read_header(toy)) | {"general.architecture": string("gemma")}
    other.write_bytes(gguf_of(entries, tensors_of(toy)))
    (tmp_path / "text.gguf").write_text("hello")
    for name in ("other.gguf", "missing.gguf", "text.gguf"):
        done = run("plan", "--model", tmp_path / name)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert name in done.stderr

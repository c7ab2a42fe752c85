"""Weights of a hub: the error without a network, what is refused, and the digest."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning import loop
from sdl_cli.learning.models import hub_weights
from sdl_cli.learning.models.hub_weights import HubWeights

MINI = HubWeights("owner/mini", "model.weights", 90_900_000, "Apache-2.0")


@pytest.fixture(autouse=True)
def no_network_and_nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def no_network(self: object, *args: object, **kwargs: object) -> None:
        raise ConnectionError("[Errno -2] Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", no_network)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", no_network)


def test_without_a_network_one_error_names_size_licence_command_and_setting() -> None:
    with pytest.raises(DataError) as found:
        hub_weights.fetch(MINI)
    assert found.value.message == (
        "model.weights: the weights owner/mini, 91 MB, licence Apache-2.0 are not on this machine and could not be fetched "
        "(Name or service not known)."
    )
    assert found.value.hint == (
        "Where there is a network: hf download owner/mini --include '*.safetensors' --include '*.json' --include '*.txt' "
        "--include '*.model' --local-dir mini; "
        "copy that folder here and set model.weights=FOLDER."
    )


def test_terms_that_were_not_accepted_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError

    class GatedError(GatedRepoError):
        def __init__(self) -> None:
            Exception.__init__(self, "401 Client Error")

    def refused(self: object, *args: object, **kwargs: object) -> None:
        raise GatedError

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refused)
    one = HubWeights("owner/mini", "model.weights", files=("mini.ckpt",))
    with pytest.raises(DataError, match="the hub has no model owner/mini, or it is private or has terms") as found:
        hub_weights.fetch(one)
    assert found.value.hint == "Log in with: hf auth login; or give a local file: model.weights=FILE"
    assert hub_weights.unavailable(one).hint.endswith("copy that file here and set model.weights=FILE.")


def test_size_and_licence_are_said_before_the_first_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    about = SimpleNamespace(card_data=None, siblings=[SimpleNamespace(rfilename="model.safetensors", size=7_000_000)])
    said: list[str] = []

    def download(*args: object, local_files_only: bool = False, **kwargs: object) -> str:
        if local_files_only:
            raise FileNotFoundError
        said.append("download")
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *args, **kwargs: about)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with loop.context(loop.Context(on_notice=said.append)):
        assert hub_weights.fetch(HubWeights("owner/mini", "model.weights", None, "mit")) == tmp_path
    assert said == ["Fetching owner/mini from the Hugging Face Hub, once: 7 MB, licence mit.", "download"]


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(ConfigError) as found:
        hub_weights.import_extra("no_such_package", "text", "model=finetuned_text")
    assert (found.value.message, found.value.hint) == (
        "model=finetuned_text needs the package no_such_package.", "pip install 'sdl-cli[text]'"
    )  # fmt: skip


def test_weights_of_which_a_part_is_here_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **kwargs: str(tmp_path))
    needed = HubWeights("owner/mini", "model.weights", needed=("model*.safetensors", "modules.json"))
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "model.safetensors").write_bytes(b"any")
    assert hub_weights.kept(needed) is None and hub_weights.kept(MINI) is None
    (tmp_path / "model.safetensors").write_bytes(b"any")
    assert hub_weights.kept(needed) is None and hub_weights.kept(MINI) == tmp_path
    (tmp_path / "modules.json").write_bytes(b"[]")
    assert hub_weights.kept(needed) == tmp_path


def test_files_that_can_hold_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"any")
    with pytest.raises(DataError, match="can hold code"):
        hub_weights.check_plain(tmp_path, "model.weights")
    (tmp_path / "model.safetensors").write_bytes(b"any")
    hub_weights.check_plain(tmp_path, "model.weights")  # the other file is not read


def test_a_digest_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "w.ckpt").write_bytes(b"abc")  # the example of FIPS 180-4
    assert hub_weights.digest_of(tmp_path / "w.ckpt") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

"""Spectra that are shown: what is computed, in small, of which networks, and how it is kept."""

import json
from dataclasses import replace

import pytest

import mlplib
from mlplib.evidence import looks, spectra
from mlplib.evidence.arms import Network, tricks
from mlplib.evidence.looks import LOOKED_AT, STEPS, look_at, look_at_spectrum
from mlplib.evidence.registrations import EvidenceError
from mlplib.evidence.spectra import CHOSEN, SHOWN, by_choice, chosen_network, read_spectra, take_spectra
from mlplib.inputs import standardized_mnist

SMALL = Network("small", mlplib.Experiment(hidden=(6,), init="fan_in", activation="improved_sigmoid", n_train=320))


@pytest.fixture
def few_steps(monkeypatch):
    for name, value in {"STEPS": (0.01, 0.02), "SOON": 2, "UPDATES": 12, "N_LOOKED_AT": 100, "N_LARGEST": 5}.items():
        monkeypatch.setattr(looks, name, value)


def test_a_spectrum_is_that_of_the_same_networks_as_a_look(few_steps):
    found, other = look_at_spectrum(SMALL, 3), look_at(SMALL, 3)
    assert set(found) == {"loss", "values"} and found["loss"] == other["loss"]
    for when, values in found["values"].items():
        assert 2 / values[0] == pytest.approx(other["limit"][when], rel=0.02)
        assert len(values) == 5 and values == sorted(values, reverse=True)
    assert set(found["values"]) == {"start", "gentle"}
    (X, y), _ = standardized_mnist()
    model = mlplib.MLP((6,), "improved_sigmoid", "fan_in", seed=3)
    exact = mlplib.spectrum(model, X[:100], y[:100], n_largest=5, tolerance=1e-6).values
    assert found["values"]["start"] == pytest.approx(exact, rel=0.02)


def test_a_network_that_can_be_chosen_has_the_name_that_verdicts_call_it_by():
    assert chosen_network("110", 64, 1) == tricks("110")
    assert chosen_network("110", 64, 10).name == "depth 10 without momentum" and chosen_network(
        "111", 256, 1).name == "width 256"
    other = chosen_network("011", 16, 3)
    assert other.name == "tricks 011, 3 layers of 16"
    assert other.experiment == replace(tricks("011").experiment, hidden=(16, 16, 16))
    assert chosen_network("011", 16, 1).name == "tricks 011, 1 layer of 16"


def test_every_network_that_is_shown_has_a_name_of_its_own_and_all_that_verdicts_are_about_are_shown():
    assert len(CHOSEN) == 8 * 8 and len(SHOWN) == len({network.name for network in SHOWN}) == 72
    assert SHOWN[: len(LOOKED_AT)] == LOOKED_AT and set(CHOSEN.values()) < set(SHOWN)
    assert len({network.experiment for network in SHOWN}) == 72


# ---- how they are kept


@pytest.fixture
def quick(monkeypatch):
    """Spectra that take no time, and of which networks they were."""
    taken = []

    def look(network, seed):
        taken.append((network.name, seed))
        values = {"start": [1 / 3, 0.1], "gentle": [2.0, 1.0]}
        return {"loss": [abs(i - 4) + 1.0 for i in range(len(STEPS))], "values": values}

    monkeypatch.setattr(spectra, "look_at_spectrum", look)
    return taken


def test_spectra_that_are_there_are_not_computed_again(tmp_path, quick):
    path = tmp_path / "spectra.json"
    assert read_spectra(path) == {} == by_choice(read_spectra(path))
    take_spectra(path, SHOWN[:1], n_jobs=1, progress=False)
    assert len(spectra.lacking_spectra(path)) == len(SHOWN) - 1
    take_spectra(path, SHOWN[:3], n_jobs=1, progress=False)
    assert quick == [(network.name, 0) for network in SHOWN[:3]]
    found = read_spectra(path)
    assert list(found) == ["tricks 000", "tricks 001", "tricks 010"]
    assert found["tricks 001"]["values"]["start"] == [0.33333, 0.1]
    assert found["tricks 001"]["steps"] == list(STEPS) and found["tricks 001"]["fastest"] == pytest.approx(STEPS[4])
    assert by_choice(found) == {(code, 64, 1): found[f"tricks {code}"] for code in ("000", "001", "010")}


def test_spectra_that_were_computed_otherwise_are_refused(tmp_path):
    path = tmp_path / "spectra.json"
    path.write_text(json.dumps({"digest": "0" * 16, "looks": {}}))
    with pytest.raises(EvidenceError, match="taken under other rules"):
        read_spectra(path)


def test_the_spectra_in_the_package_are_those_of_all_networks_that_are_shown():
    found = read_spectra()
    assert set(found) == {network.name for network in SHOWN} and set(by_choice(found)) == set(CHOSEN)
    for seen in found.values():
        assert len(seen["loss"]) == len(STEPS) and all(len(values) == 20 for values in seen["values"].values())

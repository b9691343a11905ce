"""Definitions of datasets in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.dataset import definition
from infra.errors import UsageError
from infra.settings import IdentityScope, MotionCrop, OnFailure, Settings
from infra.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}")


def test_settings_come_back_as_they_were(store: Store) -> None:
    settings = Settings(
        seed=7,
        crf=20,
        on_failure=OnFailure.REDACT,
        identity_scope=IdentityScope.DATASET,
        motion_crop=MotionCrop.LANDMARKS,
        backends=(("motion", "lia"), ("detector", "yunet")),
        time_limit=10.0,
    )
    made = definition.define("talks-2", "s3://raw/talks", "/out", settings, person=r"(id\d+)")
    definition.save(store, made)
    loaded = definition.load(store, "talks-2")
    assert loaded == made and definition.names(store) == ["talks-2"]
    back = loaded.with_settings(workers=3)
    assert back.affecting_result() == settings.affecting_result()
    assert (back.workers, back.time_limit) == (3, 10.0)
    assert all(path.startswith("identifying/") for path in store.list_tree("")), "a source's address may name somebody"
    store.remove(definition.path_of("talks-2"))
    assert definition.names(store) == []


@pytest.mark.parametrize("name", ["", "Jane", "a/b", "../x", "a b", "-a", "x" * 41])
def test_names_that_would_not_do(name: str, store: Store) -> None:
    with pytest.raises(UsageError, match="name"):
        definition.define(name, "in", "out", Settings())
    with pytest.raises(UsageError, match="no dataset"):
        definition.load(store, name)


@pytest.mark.parametrize("damage", [b"{}", b"[]", b'{"name": "a"}', b"\xff"])
def test_a_damaged_definition_is_refused(damage: bytes, store: Store) -> None:
    store.write_named("identifying/definitions/a.json", damage)
    with pytest.raises(UsageError):
        definition.load(store, "a")


def test_unknown_settings_and_choices_are_refused() -> None:
    for values in ({"colour": 3}, {"on_failure": "shrug"}, {"seed": -1}):
        with pytest.raises(UsageError):
            definition.settings_from(values)

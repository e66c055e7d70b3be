"""Imported files reach a folder whole, and harm nothing in it."""

from __future__ import annotations

import pytest

from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan_import import WriteError, write
from tests.plan_import.exports import EXPORT, imported


def content(folder):
    """Return the files of a folder."""
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_files_are_written_and_load(tmp_path):
    folder = tmp_path / "new" / "plans"
    (path,) = write(imported(EXPORT), folder)
    assert path.name == "erp_three_tiers.yaml"
    assert path.stat().st_mode & 0o777 == 0o644
    assert content(folder).keys() == {path.name}
    assert set(load_catalog(folder).plans) == {"erp_three_tiers"}


def test_an_existing_file_is_replaced_only_when_asked(tmp_path):
    (tmp_path / "erp_three_tiers.yaml").write_text("mine: true\n")
    with pytest.raises(WriteError, match=r"erp_three_tiers\.yaml: already there.*--overwrite"):
        write(imported(EXPORT), tmp_path)
    assert content(tmp_path) == {"erp_three_tiers.yaml": "mine: true\n"}
    write(imported(EXPORT), tmp_path, overwrite=True)
    assert set(load_catalog(tmp_path).plans) == {"erp_three_tiers"}


def test_a_plan_of_the_same_name_in_another_file_is_in_the_way(tmp_path):
    (tmp_path / "mine.yaml").write_text(imported(EXPORT).files[0].text)
    with pytest.raises(WriteError, match=r"nothing was written.*also in"):
        write(imported(EXPORT), tmp_path, overwrite=True)
    assert content(tmp_path).keys() == {"mine.yaml"}
    assert set(load_catalog(tmp_path).plans) == {"erp_three_tiers"}


def test_replacing_another_plans_file_is_refused(tmp_path):
    text = imported(EXPORT).files[0].text.replace("name: erp_three_tiers", "name: other")
    (tmp_path / "erp_three_tiers.yaml").write_text(text)
    with pytest.raises(WriteError, match="other: its file would be replaced"):
        write(imported(EXPORT), tmp_path, overwrite=True)
    assert set(load_catalog(tmp_path).plans) == {"other"}


def test_a_library_of_the_folder_that_defines_the_same_group_is_in_the_way(tmp_path):
    (tmp_path / "library.yaml").write_text(
        'targets: {t: {account_id: "111122223333", region: eu-west-1, connection: c, own_account: true}}\n'
        "protection_groups: {erp_app: {target: t, tags: {App: x}}}\n"
    )
    with pytest.raises(WriteError, match="erp_app"):
        write(imported(EXPORT), tmp_path)
    assert content(tmp_path).keys() == {"library.yaml"}


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "erp_three_tiers.yaml").mkdir()
    with pytest.raises(WriteError, match="no file"):
        write(imported(EXPORT), tmp_path, overwrite=True)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "plans").write_text("")
    with pytest.raises(WriteError, match="plans"):
        write(imported(EXPORT), tmp_path / "plans")

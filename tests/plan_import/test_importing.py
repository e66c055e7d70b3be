"""Plans of the reference system become plan files that load and mean the same."""

from __future__ import annotations

import json

import pytest

from drs_provider.plan_import import ImportOptions, OptionError, Outcome, parse_account
from tests.plan_import.exports import (
    BRANCH,
    DB,
    EXPORT,
    HUB,
    OPTIONS,
    export,
    imported,
    loaded,
    pascal,
    snake,
    typed_item,
)


def only_plan(result, folder):
    """Return the only plan of a result, loaded."""
    assert not result.refused
    (entry,) = loaded(result, folder).plans.values()
    return entry.plan


def reasons(result):
    """Return why the only refused plan was refused."""
    (refused,) = result.refused
    return refused.reasons


def said(result, *outcomes):
    """Return the report's entries of these outcomes as path → entry."""
    return {entry.path: entry for entry in result.report.of(*outcomes)}


def test_a_whole_export(tmp_path):
    plan = only_plan(imported(EXPORT), tmp_path)
    assert (plan.name, plan.title, plan.dag_id) == (
        "erp_three_tiers",
        "ERP three tiers",
        "drs_erp_three_tiers",
    )
    assert [wave.name for wave in plan.waves] == ["database", "application", "web"]
    assert [plan.dependencies(wave.name) for wave in plan.waves] == [(), ("database",), ("application",)]
    assert [wave.gate is not None for wave in plan.waves] == [False, True, False]
    assert plan.groups_of(plan.wave("database"))["erp_database"].servers == tuple(DB)
    assert plan.groups_of(plan.wave("web"))["erp_web"].tags == {"App": "erp", "Tier": "web"}
    hub, branch = plan.target_of(plan.wave("database")), plan.target_of(plan.wave("web"))
    assert (hub.account_id, hub.region, hub.own_account, hub.connection) == (HUB, "eu-west-1", True, "aws_dr")
    assert (branch.account_id, branch.role) == (BRANCH, "DRSOrchestrationRole")
    assert branch.external_id == "erp-dr-7f3a"


@pytest.mark.parametrize("spell", [pascal, snake], ids=["PascalCase", "snake_case"])
def test_any_casing_is_the_same_plan(spell, tmp_path):
    assert imported(spell(EXPORT)).files == imported(EXPORT).files


def test_dynamodb_scans_of_three_tables_are_the_same_plan():
    scans = [
        {"Items": [typed_item(record) for record in EXPORT[name]], "Count": len(EXPORT[name])}
        for name in EXPORT
    ]
    assert imported(*scans).files[0].text.splitlines()[1:] == imported(EXPORT).files[0].text.splitlines()[1:]


def test_dynamodb_lines_in_pascal_case_are_the_same_plan():
    lines = [{"Item": typed_item(pascal(record))} for records in EXPORT.values() for record in records]
    assert imported(lines).files == imported(EXPORT).files


def test_a_batch_write_file():
    data = {name: [{"PutRequest": {"Item": typed_item(r)}} for r in rows] for name, rows in EXPORT.items()}
    assert imported(data).files == imported(EXPORT).files


def test_numbers_of_waves_count_from_0_or_from_1_and_order_the_waves(tmp_path):
    data = export()
    waves = data["recoveryPlans"][0]["waves"]
    for wave in waves:
        wave["waveNumber"] += 1
        wave["dependsOnWaves"] = [number + 1 for number in wave.get("dependsOnWaves", [])]
    waves.reverse()
    first = imported(data)
    assert [wave.name for wave in only_plan(first, tmp_path).waves] == ["database", "application", "web"]
    assert first.files == imported(EXPORT).files


@pytest.mark.parametrize(
    "dependency",
    [
        {"DependsOnWaveId": "wave-0"},
        "wave-0",
        "0",
        0,
        "Database",
        {"waveNumber": 0},
        {"waveName": "Database"},
    ],
)
def test_dependencies_in_every_form(dependency, tmp_path):
    data = export()
    waves = data["recoveryPlans"][0]["waves"]
    for number, wave in enumerate(waves):
        wave["waveId"] = f"wave-{number}"
    waves[2]["dependsOnWaves"] = [dependency]
    result = imported(data)
    assert only_plan(result, tmp_path).dependencies("web") == ("database",)
    assert (
        "one after the other" in said(result, Outcome.CHANGED)["recoveryPlans[0].waves[2].dependsOnWaves"].why
    )


@pytest.mark.parametrize("dependency", [2, 3, 7, "nowhere"])
def test_a_dependency_that_leads_nowhere_or_forward_is_refused(dependency):
    data = export()
    data["recoveryPlans"][0]["waves"][1]["dependsOnWaves"] = [dependency]
    (reason,) = reasons(imported(data))
    assert "Application" in reason
    assert str(dependency) in reason


def test_no_dependencies_keep_the_order_of_the_other_system(tmp_path):
    data = export()
    data["recoveryPlans"][0]["waves"][2]["dependsOnWaves"] = []
    result = imported(data)
    assert only_plan(result, tmp_path).dependencies("web") == ("application",)
    assert (
        "depends_on: []" in said(result, Outcome.CHANGED)["recoveryPlans[0].waves[2].dependsOnWaves"].remedy
    )


def test_unnumbered_waves_are_counted_as_their_dependencies_count(tmp_path):
    data = export()
    waves = data["recoveryPlans"][0]["waves"]
    for number, wave in enumerate(waves):
        del wave["waveNumber"]
        wave["dependsOnWaves"] = list(range(1, number + 1))
    plan = only_plan(imported(data), tmp_path)
    assert plan.dependencies("web") == ("database", "application")


def test_ambiguous_numbers_are_to_be_decided(tmp_path):
    data = export()
    waves = data["recoveryPlans"][0]["waves"]
    for wave in waves:
        del wave["waveNumber"]
        wave.pop("dependsOnWaves", None)
    waves[2]["dependsOnWaves"] = [1]
    result = imported(data)
    assert only_plan(result, tmp_path).dependencies("web") == ("application",)
    assert "recoveryPlans[0].waves[2].dependsOnWaves" in said(result, Outcome.DECIDE)


def test_a_wave_over_two_accounts_becomes_two_side_by_side(tmp_path):
    data = export()
    waves = data["recoveryPlans"][0]["waves"]
    waves[1]["protectionGroupIds"] = ["pg-app", "pg-web"]
    waves[2] = {"waveNumber": 2, "waveName": "Last", "protectionGroupIds": ["pg-last"], "dependsOnWaves": [1]}
    data["protectionGroups"].append(
        {
            "groupId": "pg-last",
            "region": "eu-west-1",
            "accountId": HUB,
            "serverSelectionTags": {"App": "last"},
        }
    )
    result = imported(data)
    plan = only_plan(result, tmp_path)
    database, first, second, last = (wave.name for wave in plan.waves)
    assert plan.dependencies(first) == plan.dependencies(second) == (database,)
    assert set(plan.dependencies(last)) == {first, second}
    assert plan.wave(first).gate == plan.wave(second).gate is not None
    assert {plan.target_of(plan.wave(name)).account_id for name in (first, second)} == {HUB, BRANCH}
    assert "side by side" in said(result, Outcome.CHANGED)["recoveryPlans[0].waves[1].protectionGroupIds"].why


def test_a_first_wave_that_is_split_starts_at_once_in_both_places(tmp_path):
    data = export()
    data["recoveryPlans"][0]["waves"] = [{"waveName": "All", "protectionGroupIds": ["pg-db", "pg-web"]}]
    plan = only_plan(imported(data), tmp_path)
    assert [plan.dependencies(wave.name) for wave in plan.waves] == [(), ()]


def test_a_wave_that_takes_some_servers_gets_a_group_of_its_own(tmp_path):
    data = export()
    waves = data["recoveryPlans"][0]["waves"]
    waves[0]["serverIds"] = DB[:1]
    waves[2] = {"waveNumber": 2, "waveName": "Second node", "protectionGroupId": "pg-db", "serverIds": DB[1:]}
    result = imported(data)
    loaded_plan = loaded(result, tmp_path).plans["erp_three_tiers"].plan
    chosen = [g.servers for name in ("database", "second_node") for g in groups_of(loaded_plan, name)]
    assert chosen == [(DB[0],), (DB[1],)]


def groups_of(plan, wave):
    """Return the protection groups of a wave."""
    return list(plan.groups_of(plan.wave(wave)).values())


def test_servers_of_a_wave_that_no_group_lists_are_refused():
    data = export()
    data["recoveryPlans"][0]["waves"][0]["serverIds"] = ["s-9999999999999999z"]
    (reason,) = reasons(imported(data))
    assert "s-9999999999999999z" in reason
    assert "Database" in reason


def test_listed_servers_of_a_group_of_tags_are_to_be_decided(tmp_path):
    data = export()
    data["recoveryPlans"][0]["waves"][1]["serverIds"] = ["s-2222222222222222a"]
    result = imported(data)
    plan = loaded(result, tmp_path).plans["erp_three_tiers"].plan
    assert groups_of(plan, "application")[0].servers == ("s-2222222222222222a",)
    assert "protectionGroups[1].serverSelectionTags" in said(result, Outcome.DECIDE)


def test_a_group_recovered_by_two_waves_is_refused():
    data = export()
    data["recoveryPlans"][0]["waves"][2]["protectionGroupIds"] = ["pg-db"]
    assert any("already recovered" in reason for reason in reasons(imported(data)))


def test_a_group_of_two_plans_and_one_of_none_stand_in_a_library(tmp_path):
    data = export()
    data["recoveryPlans"].append(
        {"planId": "2", "planName": "DB only", "waves": [{"waveName": "db", "protectionGroupIds": ["pg-db"]}]}
    )
    data["protectionGroups"].append(
        {
            "groupName": "Spare",
            "region": "eu-west-1",
            "accountId": HUB,
            "serverSelectionTags": {"App": "spare"},
        }
    )
    result = imported(data)
    catalog = loaded(result, tmp_path)
    assert [file.name for file in result.files] == [
        "imported_groups.yaml",
        "erp_three_tiers.yaml",
        "db_only.yaml",
    ]
    assert "spare:" in result.files[0].text
    assert "erp_app:" not in result.files[0].text
    assert [path.name for path in catalog.plans["db_only"].libraries] == ["imported_groups.yaml"]


def test_a_group_over_several_accounts_becomes_several(tmp_path):
    tags = {"App": "erp"}
    group = {
        "groupName": "All",
        "accounts": [
            {"accountId": HUB, "region": "eu-west-1", "serverSelectionTags": tags, "serverCount": 250},
            {"accountId": BRANCH, "region": "eu-central-1", "serverSelectionTags": tags, "serverCount": 250},
        ],
    }
    waves = [{"waveName": "All", "protectionGroupIds": ["All"]}]
    result = imported(
        export(protectionGroups=[group], recoveryPlans=[{"planName": "Everything", "waves": waves}])
    )
    plan = only_plan(result, tmp_path)
    assert [plan.target_of(wave).account_id for wave in plan.waves] == [HUB, BRANCH]
    assert "protectionGroups[0].accounts" in said(result, Outcome.CHANGED)


def test_tags_as_a_list_of_pairs(tmp_path):
    data = export()
    pairs = [{"Key": "App", "Value": "erp"}, {"Key": "Tier", "Value": "app"}]
    data["protectionGroups"][1]["serverSelectionTags"] = pairs
    assert imported(data).files == imported(EXPORT).files


def test_two_plans_of_one_name_are_two_plans(tmp_path):
    data = export()
    data["recoveryPlans"].append(
        {
            "planName": "ERP-three-tiers",
            "waves": [{"waveName": "x", "protectionGroupIds": ["pg-web"], "pauseBeforeWave": True}],
        }
    )
    result = imported(data)
    assert set(loaded(result, tmp_path).plans) == {"erp_three_tiers", "erp_three_tiers_2"}
    assert said(result, Outcome.CHANGED)["recoveryPlans[1].planName"].plan == "erp_three_tiers_2"


def test_a_pause_waits_as_long_as_a_gate_can(tmp_path):
    result = imported(EXPORT)
    gate = only_plan(result, tmp_path).wave("application").gate
    assert (gate.timeout_minutes, gate.on_timeout) == (7 * 24 * 60, "reject")
    assert "recoveryPlans[0].waves[1].pauseBeforeWave" in said(result, Outcome.CHANGED)


def test_a_pause_before_the_first_wave_counts(tmp_path):
    data = export()
    data["recoveryPlans"][0]["waves"][0]["pauseBeforeWave"] = "true"
    result = imported(data)
    assert only_plan(result, tmp_path).wave("database").gate is not None
    assert "ignored" in said(result, Outcome.CHANGED)["recoveryPlans[0].waves[0].pauseBeforeWave"].why


@pytest.mark.parametrize(
    ("field", "value", "minutes", "outcome"),
    [
        ("rto", "4h", 240, Outcome.CHANGED),
        ("RTO", "PT15M", 15, Outcome.CHANGED),
        ("rtoMinutes", 90, 90, None),
        ("rto", 60, 60, Outcome.DECIDE),
        ("rto", "soon", None, Outcome.DROPPED),
    ],
)
def test_objectives(field, value, minutes, outcome, tmp_path):
    data = export()
    data["recoveryPlans"][0][field] = value
    result = imported(data)
    assert only_plan(result, tmp_path).objectives.rto_minutes == minutes
    entry = {e.path: e.outcome for e in result.report.entries}.get(f"recoveryPlans[0].{field}")
    assert entry is outcome


def test_without_a_way_into_the_account_the_plan_is_refused_with_the_option_that_helps():
    result = imported(export(targetAccounts=[]), options=ImportOptions())
    assert not result.files
    text = " ".join(reasons(result))
    assert f"--account {HUB}=ROLE" in text
    assert f"--account {BRANCH}=own" in text
    assert "--connection" in text


def test_trap_01_a_missing_account_is_never_the_connections_own():
    data = export()
    del data["protectionGroups"][0]["accountId"]
    assert "--account-id" in reasons(imported(data))[0]
    told = ImportOptions(connection="aws_dr", accounts=OPTIONS.accounts, account_id=HUB)
    assert not imported(data, options=told).refused


def test_options_win_over_the_source(tmp_path):
    options = ImportOptions(
        connection="aws_dr",
        accounts=(parse_account(f"{HUB}=own"), parse_account(f"{BRANCH}=Other,connection=aws_branch")),
    )
    result = imported(EXPORT, options=options)
    target = only_plan(result, tmp_path).target_of(only_plan(result, tmp_path).wave("web"))
    assert (target.role, target.external_id, target.connection) == ("Other", None, "aws_branch")
    assert any("erp-dr-7f3a" in entry.why for entry in result.report.of(Outcome.CHANGED))


def test_the_other_systems_own_account_is_to_be_checked(tmp_path):
    data = export()
    data["targetAccounts"].append({"accountId": HUB, "accountName": "Hub", "isCurrentAccount": True})
    result = imported(data, options=ImportOptions(connection="aws_dr"))
    assert only_plan(result, tmp_path).target_of(only_plan(result, tmp_path).waves[0]).own_account
    assert "targetAccounts[1].isCurrentAccount" in said(result, Outcome.DECIDE)
    assert f"# Check: connection aws_dr must belong to account {HUB}." in result.files[0].text


def test_trap_02_a_context_that_contradicts_itself_is_refused():
    data = export()
    data["protectionGroups"][0]["accountContext"] = {"accountId": BRANCH, "assumeRoleName": "Role"}
    assert HUB in reasons(imported(data))[0]
    assert BRANCH in reasons(imported(data))[0]
    data = export()
    data["targetAccounts"][0]["roleArn"] = f"arn:aws:iam::{HUB}:role/DRSOrchestrationRole"
    (dropped,) = imported(data).report.of(Outcome.DROPPED)
    assert "correct the export" in dropped.why
    assert f"--account {BRANCH}=ROLE" in " ".join(reasons(imported(data)))


def test_an_account_context_of_the_plan_serves_its_groups(tmp_path):
    data = export(targetAccounts=[])
    for group in data["protectionGroups"]:
        group.pop("accountId")
        group["region"] = "eu-west-1"
    data["recoveryPlans"][0]["accountContext"] = {"accountId": HUB, "isCurrentAccount": True}
    plan = only_plan(imported(data), tmp_path)
    assert {plan.target_of(wave).account_id for wave in plan.waves} == {HUB}


def test_account_numbers_of_dynamodb_get_their_zeros_back(tmp_path):
    data = export()
    data["protectionGroups"][0]["accountId"] = 12345678901
    options = ImportOptions(
        connection="aws_dr", accounts=(*OPTIONS.accounts, parse_account("012345678901=own"))
    )
    plan = only_plan(imported(data, options=options), tmp_path)
    assert plan.target_of(plan.wave("database")).account_id == "012345678901"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sourceServerIds": ["s-123"]}, "s-123"),
        ({"sourceServerIds": []}, "no servers and no tags"),
        ({"region": "nowhere"}, "nowhere"),
        ({"accountId": "1234"}, "1234"),
        ({"serverSelectionTags": {"App": ["erp", "crm"]}}, "several values"),
        ({"serverSelectionTags": "App=erp"}, "tags must be"),
    ],
)
def test_a_group_that_cannot_be_used_refuses_its_plan_only(change, words, tmp_path):
    data = export()
    data["protectionGroups"][0] |= change
    data["recoveryPlans"].append(
        {"planName": "Web", "waves": [{"waveName": "web", "protectionGroupIds": ["pg-web"]}]}
    )
    result = imported(data)
    assert words in " ".join(reasons(result))
    assert set(loaded(result, tmp_path).plans) == {"web"}


def test_a_group_that_is_not_there_is_refused_by_name():
    data = export()
    data["recoveryPlans"][0]["waves"][1]["protectionGroupIds"] = ["pg-appp"]
    assert "did you mean `pg-app`?" in reasons(imported(data))[0]


def test_two_groups_of_one_id_are_refused():
    data = export()
    data["protectionGroups"].append(dict(data["protectionGroups"][0]))
    assert "several protection groups are called pg-db" in reasons(imported(data))[0]


def test_a_plan_without_waves_is_refused():
    assert reasons(imported({"recoveryPlans": [{"planId": "1", "planName": "Empty"}]})) == (
        "it has no waves: correct the export",
    )


def test_text_of_the_source_stays_text(tmp_path):
    data = export()
    plan = data["recoveryPlans"][0]
    plan |= {"planName": "=cmd|'x'!A1 {{ conf }}\n<b>", "description": "a\nname: other\u2028waves: []"}
    plan["waves"][0]["waveName"] = "- {no: yaml}"
    result = imported(data)
    loaded_plan = only_plan(result, tmp_path)
    assert loaded_plan.title == "=cmd|'x'!A1 {{ conf }} <b>"
    assert (loaded_plan.name, loaded_plan.waves[0].name) == ("cmd_x_a1_conf_b", "no_yaml")


def test_only_some_plans():
    data = export()
    data["recoveryPlans"].append({"planName": "Broken", "waves": []})
    result = imported(data, options=ImportOptions("aws_dr", OPTIONS.accounts, only=("5f2c",)))
    assert result.plans == ("erp_three_tiers",)
    assert not result.refused
    with pytest.raises(OptionError, match="did you mean `Broken`"):
        imported(data, options=ImportOptions("aws_dr", OPTIONS.accounts, only=("Brokn",)))


def test_the_result_is_data_for_programs():
    result = imported(EXPORT)
    data = json.loads(json.dumps(result.to_dict()))
    assert data["plans"] == ["erp_three_tiers"]
    assert data["refused"] == []
    assert data["report"]["counts"]["changed"] == len(result.report.of(Outcome.CHANGED)) == 1
    assert data["report"]["entries"][0]["path"] == "recoveryPlans[0].waves[1].pauseBeforeWave"
    assert "pauseBeforeWave" in result.report.as_table()
    assert "planId" not in result.report.as_table()

import pytest
import yaml

from drs_simulator.scenario import (
    ScenarioError,
    load_scenario,
    parse_scenario,
    shipped_scenarios,
)

LEAST = {
    "accounts": {"111122223333": {"regions": {"eu-west-1": {"servers": ["all"]}}}},
    "servers": {"all": [{"id": "s-1111111111111111a", "name": "one"}]},
}


def with_network(**change):
    network = {"vpc": "vpc-00000001", "subnet": "subnet-00000001", "security_group": "sg-00000001", **change}
    return {
        "accounts": {
            "111122223333": {"regions": {"eu-west-1": {"servers": ["all"], "networks": {"n": network}}}}
        }
    }


def servers(scenario):
    return [
        server
        for account in scenario.accounts.values()
        for region in account.regions.values()
        for server in scenario.servers_of(region)
    ]


def test_the_shipped_scenarios_are_those_that_were_promised():
    assert {
        "three_tier",
        "shop_two_regions",
        "failing_servers",
        "lagging_replication",
        "live_instance",
        "large_500",
        "disaster",
    } <= set(shipped_scenarios())


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_shipped_scenario_is_valid_and_has_servers(name):
    assert servers(load_scenario(name))


def test_the_large_scenario_has_500_servers():
    ids = [server.id for server in servers(load_scenario("large_500"))]
    assert len(ids) == len(set(ids)) == 500


def test_the_example_of_the_plan_of_record_is_understood():
    scenario = parse_scenario(
        yaml.safe_load(
            """
seed: 7
quotas: {jobs: 20, servers_per_job: 100, servers_in_jobs: 500}
visibility_delay_seconds: 3
accounts:
  "111122223333": {regions: {eu-west-1: {servers: [three_tier]}}}
  "222233334444":
    regions: {eu-central-1: {servers: [web_farm]}}
    roles: {DRSOrchestrationRole: {trusts: ["111122223333"], external_id: erp-dr-7f3a, deny: []}}
servers:
  three_tier:
    - {id: s-1111111111111111a, name: erp-db-1, tags: {App: erp, Tier: db}, instance_type: r6i.large, lag: PT0S}
    - {id: s-1111111111111111b, name: erp-db-2, tags: {App: erp, Tier: db}, live_instance: {is_drill: false}}
    - {id: s-2222222222222222a, name: erp-app-1, tags: {App: erp, Tier: app}, replication: STALLED, lag: P1DT2H}
    - {id: s-2222222222222222b, name: erp-job-1, tags: {Role: batch}, fail: {attempts: [1], at: CONVERSION_FAIL}}
  web_farm: {generate: 40, name: "erp-web-{n}", tags: {App: erp, Tier: web}, instance_id_in_job: 10%}
profile: {snapshot: PT1S, conversion: {median: PT197S, sigma: 0.3}, launch: PT279S, post_launch: PT60S}
faults:
  - {operation: StartRecovery, kind: reset, after: true, probability: 0.05}
  - {operation: "Describe*", kind: error, code: ThrottlingException, retry_after: 2, probability: 0.3, times: 50}
"""
        )
    )
    assert len(servers(scenario)) == 44
    assert scenario.profile.conversion.median == 197.0
    assert servers(scenario)[-1].instance_id_in_job == pytest.approx(0.1)
    assert servers(scenario)[2].lag == 26 * 3600


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": 1}, "seeds"),
        ({"accounts": {111122223333: {}}}, "quote account numbers"),
        ({"accounts": {"1": {}}}, "accounts.1"),
        (
            {"accounts": {"111122223333": {"regions": {"eu-west-1": {"servers": ["none"]}}}}},
            "no such server group",
        ),
        (
            {"accounts": {"111122223333": {"regions": {"eu-west-1": {"servers": ["all", "all"]}}}}},
            "same server twice",
        ),
        ({"servers": {"all": [{"id": "s-1", "name": "x"}]}}, "servers.all"),
        ({"servers": {"all": {"generate": 3, "name": "same"}}}, "{n}"),
        ({"servers": {"all": [{"id": "s-1111111111111111a", "name": "x", "network": "moon"}]}}, "moon"),
        ({"profile": "hasty"}, "unknown profile"),
        ({"profile": {"launch": "soon"}}, "profile.launch"),
        ({"faults": [{"kind": "delay"}]}, "delay_seconds"),
        ({"quotas": {"jobs": -1}}, "quotas.jobs"),
        (with_network(cidr="10.0.0.0/8"), "networks.n.cidr"),
        (with_network(cidr="10.0.0.1/16"), "networks.n.cidr"),
        (with_network(vpc="vpc-1"), "networks.n.vpc"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_named(change, words):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario({**LEAST, **change}, "mine.yaml")
    assert words in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(ScenarioError) as caught:
        parse_scenario({**LEAST, "seeds": 1, "quotas": {"jobs": -1}})
    assert "seeds" in str(caught.value)
    assert "quotas.jobs" in str(caught.value)


def test_a_key_written_twice_is_an_error(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("seed: 1\nseed: 2\naccounts: {}\n")
    with pytest.raises(ScenarioError, match="written twice"):
        load_scenario(path)


def test_an_unknown_name_tells_the_known_ones():
    with pytest.raises(ScenarioError, match="three_tier"):
        load_scenario("four_tier")


def test_generated_ids_depend_on_the_seed_only():
    def ids(seed):
        data = {**LEAST, "seed": seed, "servers": {"all": {"generate": 5}}}
        return [server.id for server in servers(parse_scenario(data))]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)

from __future__ import annotations

from embedded.result import server_rows


def test_the_final_table_names_every_server() -> None:
    server = {
        "sourceServerId": "s-1111111111111111a",
        "serverName": "erp-db-1",
        "instanceId": "i-0123456789abcdef0",
        "launchTime": 1_700_000_000,
        "launchedTime": 1_700_000_754.5,
        "launchStatus": "LAUNCHED",
    }
    failed = {"sourceServerId": "s-1111111111111111b", "serverName": None, "launchStatus": "FAILED"}
    wave = {
        "waveNumber": 1,
        "waveName": "database",
        "startTime": 1_699_999_500,
        "serverStatuses": [server, failed],
    }

    rows = server_rows({"waves": [wave]})

    assert rows[0] == server | {
        "wave": "1 database",
        "server": "erp-db-1",
        "launched": "2023-11-14 22:13:20Z",
        "took": "20 min 55 s",
    }
    assert [rows[1][name] for name in ("server", "launched", "took")] == ["s-1111111111111111b", "-", "-"]

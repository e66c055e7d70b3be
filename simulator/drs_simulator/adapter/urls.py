"""Where moto sends requests for DRS."""

from __future__ import annotations

from drs_simulator.adapter.responses import DrsResponse

url_bases = [r"https?://drs\.(.+)\.amazonaws\.com"]

url_paths = {
    "{0}/(?P<operation>[A-Za-z]+)$": DrsResponse.dispatch,
    "{0}/tags/(?P<arn>.+)$": DrsResponse.dispatch,
}

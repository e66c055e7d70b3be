"""What botocore works out for every session and client, and is always the same, is worked out once in a process.

Classes of clients (EC2's has seven hundred methods), endpoint rules, aliases of event names, signatures of handlers,
words of the user agent, certificates of authorities: none of them holds credentials, an endpoint or a configuration.
What does is made for each client, as always. A session with four clients takes 5 ms instead of 32.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import Any

import botocore.client
import botocore.hooks
import botocore.regions
import botocore.useragent
import pytest
from aiobotocore.httpsession import AIOHTTPSession
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser

#: By the ids of what they were made from, which is kept beside them, so that no other object gets such an id.
_made: dict[tuple[Any, ...], tuple[Any, Any]] = {}
_names: dict[str, str] = {}
_make_class = ClientCreator._create_client_class
_make_provider = botocore.regions.EndpointProvider
_make_aliaser = EventAliaser.__init__
_signature = lru_cache(maxsize=None)(botocore.hooks.accepts_kwargs)
_make_context = AIOHTTPSession._build_verify_context
_unbound = botocore.hooks.accepts_kwargs
_sanitized = lru_cache(maxsize=1000)(botocore.useragent.sanitize_user_agent_string_component)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let botocore work these out once."""
    patch.setattr(ClientCreator, "_create_client_class", _client_class)
    patch.setattr(botocore.regions, "EndpointProvider", _endpoint_provider)
    patch.setattr(EventAliaser, "__init__", _aliaser)
    patch.setattr(botocore.hooks, "accepts_kwargs", _accepts_kwargs)
    patch.setattr(botocore.useragent, "sanitize_user_agent_string_component", _sanitized)
    patch.setattr(AIOHTTPSession, "_build_verify_context", _verify_context)


def _client_class(creator: Any, service: str, model: Any) -> Any:
    description = model._service_description
    key = ("class", service, id(description))
    if key not in _made:
        _made[key] = description, _make_class(creator, service, model)
    return _made[key][1]


def _endpoint_provider(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
    key = ("rules", id(ruleset_data), id(partition_data), frozenset(excluded_params or ()))
    if key not in _made:
        provider = _make_provider(ruleset_data, partition_data, excluded_params)
        _made[key] = (ruleset_data, partition_data), provider
    return _made[key][1]


def _aliaser(aliaser: EventAliaser, event_emitter: Any, *aliases: Any, **named: Any) -> None:
    _make_aliaser(aliaser, event_emitter, *aliases, **named)
    if aliaser._event_aliases == botocore.hooks.EVENT_ALIASES:
        aliaser._alias_name_cache = _names


def _accepts_kwargs(handler: Any) -> Any:
    # Others, such as bound methods, hold on to what they belong to.
    return _signature(handler) if isinstance(handler, FunctionType) else _unbound(handler)


def _verify_context(session: Any) -> Any:
    key = ("context", session._verify)
    if key not in _made:
        _made[key] = None, _make_context(session)
    return _made[key][1]

"""Whatever the OpenAPI document allows, and much that it does not: every answer is 2xx or 4xx, and looks as described."""

from __future__ import annotations

import warnings

import pytest
from emofuse.inference.guard import LOOPBACK
from emofuse.inference.limits import Limits
from emofuse.inference.service import make_app
from hypothesis import HealthCheck, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its client prefers a newer httpx
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
        unsupported_method,
    )
    from starlette.testclient import TestClient  # noqa: F401

OPERATIONS = [
    ("GET", "/healthz"),
    ("GET", "/v1/model"),
    ("GET", "/metrics"),
    ("POST", "/v1/predict"),
    ("POST", "/v1/faces"),
    ("POST", "/v1/timeline"),
    ("POST", "/v1/words"),
    ("POST", "/v1/document"),
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = 25


@pytest.fixture(scope="module")
def schema(fakes):
    app = make_app(fakes.FakeModel(), Limits(words=5), hosts=(*LOOPBACK, "testserver"))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def test_every_operation_is_tried(schema):
    described = {(one.ok().method.upper(), one.ok().path) for one in schema.get_all_operations()}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (method, path, mode)
        for method, path in OPERATIONS
        for mode in GenerationMode
        if method == "POST" or mode is GenerationMode.POSITIVE  # nothing of the others can be wrong
    ],
)
def test_no_request_breaks_the_service(schema, method, path, mode):
    statuses = set()

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
    def ask(case):
        answer = case.call_and_validate(checks=CHECKS)
        statuses.add(answer.status_code)

    ask()
    assert statuses and all(200 <= status < 300 or 400 <= status < 500 for status in statuses)
    assert mode is GenerationMode.POSITIVE or statuses & {400, 422}

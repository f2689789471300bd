"""The OpenAPI 3.1 document, made from the same table that routes requests, and from the structs that are sent."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from granslos.api.commands import WriteAnswer
from granslos.api.fields import ALIASES, nested_structs
from granslos.api.operations import JSON, PATH_TYPES, Operation
from granslos.api.permissions import TABLE
from granslos.api.problems import MEDIA_TYPE, ProblemDetails
from granslos.contract.commands import ReceiveHandover
from granslos.contract.person import Personal
from granslos.contract.places import Caller, Location
from granslos.contract.types import CommandId, Text

Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Id of the command: a resend with the same id takes effect once. Made here when it is absent.",
}
_REFUSALS: Mapping[int, str] = {
    400: "Not readable: not JSON, not UTF-8, nested too deeply.",
    401: "No valid bearer token.",
    403: "Not with this role, or not yours.",
    404: "Nothing has this address.",
    408: "The body did not arrive in time.",
    409: "A rule says no; `code` says which.",
    413: "The body is too large.",
    422: "A field cannot be used; `field` names it.",
    503: "Could not be made durable or read here, or the outcome is unknown: ask again, or another site.",
}
_PLAIN: Mapping[Any, Schema] = {str: {"type": "string"}, bytes: {}, dict: {"type": "object"}}
_YEARS = r"^(19|20|21)[0-9]{2}-"
_FROM_TOKEN = frozenset({"user_id", "raw", "raw_media_type", "defects"})
"""Fields that no body may give: they are in the address, the token, or the bytes themselves."""


def document(table: Sequence[Operation], version: str) -> bytes:
    """Return the document as JSON."""
    builder = _Builder(table)
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        paths.setdefault(operation.path, {})[operation.method.lower()] = builder.operation(operation)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "granslos",
                "version": version,
                "description": "A node of an ambulance dispatch platform. Every site answers the same.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": paths,
            "components": {
                "schemas": builder.components,
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            },
        }
    )


class _Builder:
    """Collects components while operations are described."""

    def __init__(self, table: Sequence[Operation]) -> None:
        types = dict.fromkeys([ProblemDetails, WriteAnswer, *_answer_types(table)])
        _, components = msgspec.json.schema_components(types, schema_hook=_personal, ref_template=_REF)
        self.components: dict[str, Schema] = dict(components)
        bodies = dict.fromkeys(o.body for o in table if o.body is not None)
        _, self._bodies = msgspec.json.schema_components([*bodies, Caller, Location], schema_hook=_personal, ref_template=_REF)
        for kind in (Caller, Location):
            given = _of_our_time(self._bodies[kind.__name__])
            self.components[f"{kind.__name__}Given"] = given | {"additionalProperties": False}

    def operation(self, operation: Operation) -> Schema:
        made: Schema = {
            "operationId": operation.name,
            "summary": operation.summary,
            "tags": [operation.path.split("/")[2 if operation.path.startswith("/v1/") else 1]],
            "parameters": list(_parameters(operation)),
            "responses": self._responses(operation),
            "security": [] if operation.verb is None else [{"bearer": []}],
        }
        if operation.verb is not None:
            roles = [f"{role} ({granted})" for role, verbs in TABLE.items() if (granted := verbs.get(operation.verb))]
            made["description"] = f"Needs `{operation.verb}`: {', '.join(roles)}."
        if operation.body is not None:
            schema = self._body(operation)
            is_needed = bool(schema["required"]) or any("oneOf" in part for part in schema.get("allOf", ()))
            made["requestBody"] = {"required": is_needed, "content": {JSON: {"schema": schema}}}
        return made

    def _responses(self, operation: Operation) -> Schema:
        responses: Schema = {}
        for status, shape in operation.answers.items():
            content = {operation.media_type.split(";")[0]: {"schema": self._shape(shape)}}
            responses[str(status)] = {"description": "Done." if status < 300 else "Not now.", "content": content}
        for status in _refusals(operation):
            if str(status) not in responses:
                problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="ProblemDetails")}}}
                responses[str(status)] = {"description": _REFUSALS[status], "content": problem}
        return responses

    def _shape(self, shape: Any) -> Schema:
        if shape in _PLAIN:
            return dict(_PLAIN[shape])
        if not isinstance(shape, tuple):
            return {"$ref": _REF.format(name=shape.__name__)}
        word, kind = shape
        inner = {"$ref": _REF.format(name=kind.__name__)}
        if word == "list":
            return {
                "type": "object",
                "properties": {"items": {"type": "array", "items": inner}, "next": {"type": ["string", "null"]}},
                "required": ["items", "next"],
            }
        made = copy.deepcopy(self.components[WriteAnswer.__name__])
        made.pop("title")
        made["properties"]["resource"] = {
            "description": f"Usually a {kind.__name__}, as it is now.",
            "type": ["object", "null"],
        }
        return made

    def _body(self, operation: Operation) -> Schema:
        kind = operation.body
        assert kind is not None
        made: Schema = _of_our_time(self._bodies[kind.__name__])
        hidden = {name for name in operation.given if name in _FROM_TOKEN or f"{{{name}}}" in operation.path} | {"name"}
        made["properties"] = {name: value for name, value in made["properties"].items() if name not in hidden}
        made["required"] = [name for name in made.get("required", ()) if name not in {*operation.given, "name"}]
        if kind is ReceiveHandover:
            return _lenient(made)
        for name in nested_structs(kind):
            made["properties"][name] = _given(made["properties"][name])
        self._use(made)
        return _with_aliases(kind, made)

    def _use(self, schema: Any) -> None:
        """Add the components that a body refers to."""
        for name in re.findall(r"#/components/schemas/(\w+)", msgspec.json.encode(schema).decode()):
            if name not in self.components:
                self.components[name] = self._bodies[name]
                self._use(self._bodies[name])


def _answer_types(table: Sequence[Operation]) -> Iterable[type]:
    for operation in table:
        for shape in operation.answers.values():
            kind = shape[1] if isinstance(shape, tuple) else shape
            if kind not in _PLAIN:
                yield kind


def _personal(kind: type) -> Schema:
    if issubclass(kind, Personal):
        return {"type": "string", "maxLength": 500, "pattern": msgspec.json.schema(Text)["pattern"]}
    if kind is msgspec.Raw:
        return {}
    raise NotImplementedError


def _schema_of(kind: Any) -> Schema:
    return msgspec.json.schema(kind)


def _parameters(operation: Operation) -> Iterable[Schema]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": _schema_of(PATH_TYPES[name])}
    for name, (kind, text) in operation.query.items():
        yield {"name": name, "in": "query", "required": False, "description": text, "schema": _of_our_time(_schema_of(kind))}
    if operation.method != "GET":
        yield _KEY | {"schema": _schema_of(CommandId)}


def _refusals(operation: Operation) -> Iterable[int]:
    if operation.verb is None:
        return ()
    statuses = [401, 403, 422, 503]
    if "{" in operation.path:
        statuses.append(404)
    if operation.query:
        statuses.append(400)
    if operation.method != "GET":
        statuses += [400, 404, 408, 409, 413]
    return sorted(set(statuses))


def _of_our_time(schema: Any) -> Any:
    """Say of every instant that is asked for which years are taken (``fields.YEARS``)."""
    if isinstance(schema, list):
        return [_of_our_time(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _of_our_time(value) for name, value in schema.items()}
    return made | {"pattern": _YEARS} if made.get("format") == "date-time" else made


def _given(schema: Schema) -> Schema:
    """Let a nested caller or location refuse unknown fields."""
    text = msgspec.json.encode(schema).decode()
    for kind in (Caller, Location):
        text = text.replace(f'schemas/{kind.__name__}"', f'schemas/{kind.__name__}Given"')
    made: Schema = msgspec.json.decode(text)
    return made


def _with_aliases(kind: type, schema: Schema) -> Schema:
    for alias, name in ALIASES.get(kind.__name__, {}).items():
        properties = schema["properties"]
        properties[alias] = properties[name] | {"description": f"Another name of `{name}`; only one of them."}
        if name in schema["required"]:
            schema["required"].remove(name)
            schema.setdefault("allOf", []).append({"oneOf": [{"required": [name]}, {"required": [alias]}]})
        else:
            schema.setdefault("allOf", []).append({"not": {"required": [name, alias]}})
    return schema


def _lenient(schema: Schema) -> Schema:
    """Describe the handover: its two needed fields, and what else is understood; a call is refused for nothing else."""
    needed = {name: {"type": "string", "minLength": 1, "maxLength": 256} for name in ("source", "source_id")}
    understood = {
        name: {"description": value.get("description", ""), "x-understood-as": value}
        for name, value in schema["properties"].items()
        if name not in needed
    }
    return {
        "type": "object",
        "title": "Handover",
        "description": "What cannot be used is kept beside, with a defect; unknown fields are kept.",
        "properties": needed | understood,
        "required": ["source", "source_id"],
        "additionalProperties": True,
    }

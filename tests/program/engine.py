"""An engine that registers whatever it is asked to and remembers exactly what that was."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks, settings, stack
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2

PROJECT: Final = "leased-line"

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_STACK: Final = "pulumi:pulumi:Stack"
_OWN_OUTPUTS: Final = "pulumi:pulumi:readStackOutputs"


@dataclass(frozen=True)
class Secret:
    """A value that the program handed over as a secret."""

    value: Any


@dataclass(frozen=True)
class Registration:
    """One resource as it was registered; resources are named by `type::name`, the type's last."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    depends_on: frozenset[str]
    additional_secret_outputs: tuple[str, ...]
    timeouts: tuple[str, str, str]
    replace_on_changes: tuple[str, ...]
    ignore_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None
    delete_before_replace: bool | None = None
    deleted_with: str = ""
    retain_on_delete: bool = False
    provider: str = ""


@dataclass
class Deployment:
    """All that a program registered, in the order of arrival, and what the stack exports."""

    resources: list[Registration] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    logged: list[str] = field(default_factory=list)
    read: list[tuple[str, str, str]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hooks: dict[str, Any] = field(default_factory=dict)

    def one(self, name: str) -> Registration:
        """The resource of that name, which must be registered once."""
        (found,) = [resource for resource in self.resources if resource.name == name]
        return found

    def names(self, resource_type: str) -> list[str]:
        return [r.name for r in self.resources if r.type == resource_type]


def deploy(
    program: Callable[[], object],
    *,
    config: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    preview: bool = False,
    outputs_before: Mapping[str, Any] | None = None,
    answers: Mapping[str, Any] | None = None,
    made: Mapping[str, Mapping[str, Any]] | None = None,
    said: Mapping[str, str] | None = None,
    unreadable: Sequence[str] = (),
    stack_name: str = "test",
    into: Deployment | None = None,
) -> Deployment:
    """Run `program` in a stack of its own: own event loop, own settings, nothing left behind.

    Args:
        program: registers resources, as `__main__` does.
        config: the stack's settings, without the project's name.
        secrets: likewise, kept secret.
        preview: whether the engine only previews.
        outputs_before: what the stack finds of its own outputs.
        answers: what each function of a provider returns, by token; a text is why it fails.
        made: what a provider adds to a resource's inputs, by the resource's type.
        said: what commands print, by the resource's name.
        unreadable: why the stack's own outputs cannot be read, one text per attempt.
        stack_name: the stack's name.
        into: takes what was registered, for a program that is to fail.
    """
    deployment = into or Deployment()
    both = dict(config or {}) | dict(secrets or {})

    def isolated() -> None:
        pulumi.runtime.set_all_config(
            {f"{PROJECT}:{key}": value for key, value in both.items()},
            [f"{PROJECT}:{key}" for key in secrets or {}],
        )
        monitor = _Monitor(deployment, stack_name, outputs_before or {})
        monitor.answers, monitor.made = answers or {}, made or {}
        monitor.said, monitor.unreadable = said or {}, list(unreadable)
        # As mocks.set_mocks does, but for the stack that it makes outside of run_in_stack.
        settings.configure(
            mocks.MockSettings(  # type: ignore[no-untyped-call]
                monitor=monitor,
                monitor_features=set(
                    monitor.GetDeploymentInfo(None).supportedFeatures  # type: ignore[no-untyped-call]
                ),
                engine=_Engine(deployment),
                project=PROJECT,
                stack=stack_name,
                dry_run=preview,
                organization="organization",
            )
        )
        settings.SETTINGS.callbacks = _Callbacks(deployment)
        # A program that failed before left its own, of a loop that is closed by now.
        settings.SETTINGS.outputs.clear()
        settings.set_root_resource(None)  # type: ignore[arg-type]

        def body() -> None:
            program()

        with ThreadPoolExecutor(max_workers=4) as pool, asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(pool)
            runner.run(stack.run_in_stack(body))

    contextvars.copy_context().run(isolated)
    return deployment


class _NoMocks(mocks.Mocks):
    """The monitor below answers everything itself."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        msg = f"the program called {args.token}"
        raise AssertionError(msg)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        msg = f"the program made {args.typ}"
        raise AssertionError(msg)


class _Callbacks:
    """Takes a program's hooks, which only the real engine calls."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        self._deployment.hooks[hook.name] = hook.callback


class _Engine:
    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def Log(self, request: Any) -> empty_pb2.Empty:  # noqa: N802 -- the wire's name
        if request.severity != engine_pb2.DEBUG:
            self._deployment.logged.append(request.message)
        return empty_pb2.Empty()


class _Monitor(mocks.MockMonitor):
    """Answers with the inputs as they came, so that secrets stay secret."""

    def __init__(
        self, deployment: Deployment, stack_name: str, outputs_before: Mapping[str, Any]
    ) -> None:
        super().__init__(_NoMocks())
        self._deployment = deployment
        self._stack = stack_name
        self._outputs_before = outputs_before
        self.answers: Mapping[str, Any] = {}
        self.made: Mapping[str, Mapping[str, Any]] = {}
        self.said: Mapping[str, str] = {}
        self.unreadable: list[str] = []

    def _urn(self, resource_type: str, name: str) -> str:
        return f"urn:pulumi:{self._stack}::{PROJECT}::{resource_type}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self._urn(request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        timeouts = request.customTimeouts
        self._deployment.resources.append(
            Registration(
                type=request.type,
                name=request.name,
                inputs=_plain(json_format.MessageToDict(request.object)),
                parent=_short(request.parent),
                depends_on=frozenset(map(_short, request.dependencies)),
                additional_secret_outputs=tuple(request.additionalSecretOutputs),
                timeouts=(timeouts.create, timeouts.update, timeouts.delete),
                replace_on_changes=tuple(request.replaceOnChanges),
                ignore_changes=tuple(request.ignoreChanges),
                replacement_trigger=json_format.MessageToDict(request.replacement_trigger)
                if request.HasField("replacement_trigger")
                else None,
                delete_before_replace=request.deleteBeforeReplace
                if request.deleteBeforeReplaceDefined
                else None,
                deleted_with=_short(request.deletedWith),
                retain_on_delete=request.retainOnDelete,
                # A reference is the provider's URN and its id.
                provider=_short(request.provider.rpartition("::")[0]),
            )
        )
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        if request.custom:
            said = "{}" if request.name.endswith("-pairs") else f"what {request.name} said"
            state.update({"stdout": self.said.get(request.name, said), "stderr": ""})
            state.update(self.made.get(request.type, {}))
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=request.name if request.custom else "", object=state
        )

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        state = struct_pb2.Struct()
        self._deployment.read.append((request.type, request.name, request.id))
        state.update(self.made[request.type])
        return resource_pb2.ReadResourceResponse(
            urn=self._urn(request.type, request.name), properties=state
        )

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        arguments = _plain(json_format.MessageToDict(request.args))
        if request.tok == _OWN_OUTPUTS:
            return self._own_outputs(arguments["name"])
        self._deployment.asked.append((request.tok, arguments))
        answer = self.answers[request.tok]
        if isinstance(answer, str):
            failure = provider_pb2.CheckFailure(property="", reason=answer)
            return resource_pb2.ResourceInvokeResponse(failures=[failure])
        state = struct_pb2.Struct()
        state.update(answer)
        return resource_pb2.ResourceInvokeResponse(**{"return": state})

    def _own_outputs(self, name: str) -> Any:
        if self.unreadable:
            reason = self.unreadable.pop(0)
            failure = provider_pb2.CheckFailure(property="", reason=reason)
            return resource_pb2.ResourceInvokeResponse(failures=[failure])
        assert name == f"organization/{PROJECT}/{self._stack}"
        state = struct_pb2.Struct()
        state.update({"name": name, "outputs": self._outputs_before, "secretOutputNames": []})
        return resource_pb2.ResourceInvokeResponse(**{"return": state})

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if f"::{_STACK}::" in request.urn:
            self._deployment.outputs = _plain(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()


def _short(urn: str) -> str:
    parts = urn.split("::")
    return f"{parts[2].rpartition(':')[2]}::{parts[3]}" if len(parts) == 4 else ""


def _plain(value: Any) -> Any:
    """The wire's notation undone: secrets become `Secret`, whole numbers whole."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return Secret(_plain(value["value"]))
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def clear(value: Any) -> Any:
    """What whoever reads the state without its passphrase sees."""
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {key: clear(item) for key, item in value.items()}
    return [clear(item) for item in value] if isinstance(value, list) else value

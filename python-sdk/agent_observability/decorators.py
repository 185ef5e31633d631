"""``@obs.trace()``: functions, coroutines and generators as spans, which behave as before in every other respect."""

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context

from agent_observability.context import attributes_of, is_within
from agent_observability.guard import guard
from agent_observability.serialise import MAX_TEXT, to_text
from agent_observability.spans import INPUT, OUTPUT, OUTPUT_MESSAGES, agent_attribute, detach, kind_attributes, leave

if TYPE_CHECKING:
    from agent_observability.client import AgentObservability

Function = TypeVar("Function", bound=Callable[..., Any])
_MAX_PARTS = 1_000
_NO_SPAN: tuple[otel_trace.Span, Token[Context] | None] = (otel_trace.INVALID_SPAN, None)


def traced(
    client: "AgentObservability",
    function: Function,
    *,
    name: str | None,
    kind: str | None,
    agent_id: str | None,
    attributes: Mapping[str, Any],
    capture: bool,
) -> Function:
    """Return the function with a span around each call; its kind, signature and results stay the same."""
    if isinstance(function, staticmethod | classmethod):
        inner = traced(
            client, function.__func__, name=name, kind=kind, agent_id=agent_id, attributes=attributes, capture=capture
        )
        return cast("Function", type(function)(inner))
    recipe = _Recipe(client, function, name, kind, agent_id, attributes, capture)
    if inspect.isasyncgenfunction(function):
        wrapper: Callable[..., Any] = _traced_async_generator(recipe, function)
    elif inspect.isgeneratorfunction(function):
        wrapper = _traced_generator(recipe, function)
    elif inspect.iscoroutinefunction(function):
        wrapper = _traced_coroutine(recipe, function)
    else:
        wrapper = _traced_function(recipe, function)
    return cast("Function", functools.wraps(function)(wrapper))


class _Recipe:
    """How spans of a function are begun and ended."""

    def __init__(
        self,
        client: "AgentObservability",
        function: Callable[..., Any],
        name: str | None,
        kind: str | None,
        agent_id: str | None,
        attributes: Mapping[str, Any],
        capture: bool,
    ) -> None:
        self._client = client
        self._name = name or _name_of(function)
        own_agent = agent_attribute(agent_id)
        self._handed_down = own_agent or None
        # Without a kind it is an agent, or a step of what is traced around it.
        root_kind, inner_kind = kind or "agent", kind or "chain"
        self._inner = {**kind_attributes(inner_kind, self._name), **own_agent, **attributes}
        root_agent = own_agent or (agent_attribute(self._name) if root_kind == "agent" else {})
        self._root = {**kind_attributes(root_kind, self._name), **root_agent, **attributes}
        self._capture = capture and client.settings.capture_content
        self._names, self._skipped = _parameters(function)

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[otel_trace.Span, Token[Context] | None]:
        """Begin a span and make it the current one; never raises."""
        if not self._client.is_enabled:
            return _NO_SPAN
        try:
            context = otel_context.get_current()
            attributes = dict(self._inner if is_within(context) else self._root)
            if self._capture:
                self._add_arguments(attributes, args, kwargs)
            return self._client.enter(self._name, attributes, self._handed_down)
        except Exception as error:
            guard.failed(error)
            return _NO_SPAN

    def _add_arguments(self, attributes: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            attributes[INPUT] = self._arguments(args, kwargs)
        except Exception as error:
            guard.failed(error)

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        named: dict[str, Any] = dict(zip(self._names, args[self._skipped :], strict=False))
        more = args[self._skipped + len(self._names) :]
        if more:
            named["args"] = more
        if kwargs:
            named.update(kwargs)
        return to_text(named)

    def output(self, span: otel_trace.Span, value: object) -> None:
        """Set what a call returned unless something was set already; never raises."""
        try:
            if self._capture and value is not None and span.is_recording():
                held = attributes_of(span)
                if OUTPUT not in held and OUTPUT_MESSAGES not in held:
                    span.set_attribute(OUTPUT, to_text(value))
        except Exception as error:
            guard.failed(error)


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or type(function).__name__
    return str(name).rpartition("<locals>.")[2]


def _parameters(function: Callable[..., Any]) -> tuple[list[str], int]:
    """Return the names of positional parameters without ``self`` or ``cls``, and how many were left out."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [], 0
    names = [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    skipped = 1 if names and names[0] in ("self", "cls") else 0
    return names[skipped:], skipped


def _traced_function(recipe: _Recipe, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        span, token = recipe.begin(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            leave(span, token, error)
            raise
        recipe.output(span, result)
        leave(span, token, None)
        return result

    return wrapper


def _traced_coroutine(recipe: _Recipe, function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        span, token = recipe.begin(args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            leave(span, token, error)
            raise
        recipe.output(span, result)
        leave(span, token, None)
        return result

    return wrapper


class _Suspended:
    """The context of a generator's body: current while the body runs, and not while its consumer does."""

    def __init__(self, recipe: _Recipe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._recipe = recipe
        self.span, token = recipe.begin(args, kwargs)
        self._context = otel_context.get_current()
        self._token: Token[Context] | None = None
        self._parts: list[Any] = []
        self._size = 0
        if token is not None:
            detach(token)

    def __enter__(self) -> None:
        self._token = otel_context.attach(self._context)

    def __exit__(self, *raised: object) -> None:
        # What the body has made current stays so for its next step.
        self._context = otel_context.get_current()
        if self._token is not None:
            detach(self._token)

    def take(self, part: Any) -> None:
        """Remember what was yielded, within bounds."""
        if len(self._parts) < _MAX_PARTS and self._size < MAX_TEXT:
            self._parts.append(part)
            self._size += len(part) if isinstance(part, str) else 64

    def end(self, error: BaseException | None, result: object = None) -> None:
        """End the span with what was yielded, joined if all of it is text."""
        with guard:
            if self._parts:
                is_text = all(isinstance(part, str) for part in self._parts)
                self._recipe.output(self.span, "".join(self._parts) if is_text else self._parts)
            else:
                self._recipe.output(self.span, result)
        leave(self.span, None, error)


def _traced_generator(recipe: _Recipe, function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        body = function(*args, **kwargs)
        suspended = _Suspended(recipe, args, kwargs)
        resume: Callable[[], Any] = lambda: next(body)  # noqa: E731
        while True:
            try:
                with suspended:
                    part = resume()
            except StopIteration as stop:
                suspended.end(None, stop.value)
                return stop.value
            except BaseException as error:
                suspended.end(error)
                raise
            suspended.take(part)
            try:
                sent = yield part
            except GeneratorExit as error:
                try:
                    with suspended:
                        body.close()
                except BaseException as raised:
                    suspended.end(raised)
                    raise
                suspended.end(error)
                raise
            except BaseException as error:
                thrown = error
                resume = lambda thrown=thrown: body.throw(thrown)  # type: ignore[misc]  # noqa: E731
            else:
                resume = (lambda: next(body)) if sent is None else (lambda sent=sent: body.send(sent))  # type: ignore[misc]

    return wrapper


def _traced_async_generator(recipe: _Recipe, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = function(*args, **kwargs)
        suspended = _Suspended(recipe, args, kwargs)
        resume: Callable[[], Awaitable[Any]] = body.__anext__
        while True:
            try:
                with suspended:
                    part = await resume()
            except StopAsyncIteration:
                suspended.end(None)
                return
            except BaseException as error:
                suspended.end(error)
                raise
            suspended.take(part)
            try:
                sent = yield part
            except GeneratorExit as error:
                try:
                    with suspended:
                        await body.aclose()
                except BaseException as raised:
                    suspended.end(raised)
                    raise
                suspended.end(error)
                raise
            except BaseException as error:
                thrown = error
                resume = lambda thrown=thrown: body.athrow(thrown)  # type: ignore[misc]  # noqa: E731
            else:
                resume = body.__anext__ if sent is None else (lambda sent=sent: body.asend(sent))  # type: ignore[misc]

    return wrapper

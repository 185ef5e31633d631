"""A server that speaks as OpenAI and Anthropic do: streams, tools and errors too, with answers that never change."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "It arrives on Thursday."
TOKENS_IN, TOKENS_OUT = 1_000, 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        model = asked.get("model", "")
        if model.startswith("broken"):
            self._send(
                400, {"error": {"message": "the model is broken", "type": "invalid_request_error"}, "type": "error"}
            )
        elif self.path.endswith("/chat/completions"):
            self._chat(asked, model)
        elif self.path.endswith("/messages"):
            self._messages(asked, model)
        elif self.path.endswith("/responses"):
            self._responses(asked, model)
        elif self.path.endswith("/embeddings"):
            vector = [0.1, 0.2, 0.3]
            data = [{"object": "embedding", "index": 0, "embedding": vector}]
            self._send(
                200, {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": 5, "total_tokens": 5}}
            )
        else:
            self._send(404, {"error": {"message": self.path}})

    def _chat(self, asked: dict[str, Any], model: str) -> None:
        usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}
        call = _tool_call(asked, asked.get("messages", ()), lambda tool: tool["function"]["name"])
        base = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": 1_767_225_600, "model": model}
        if asked.get("stream"):
            parts: list[dict[str, Any]] = []
            if call:
                function = {"name": call, "arguments": '{"query": "order"}'}
                parts.append({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
            else:
                parts += [{"content": word} for word in ANSWER.split(" ")[:1]]
                parts += [{"content": " " + word} for word in ANSWER.split(" ")[1:]]
            finish = "tool_calls" if call else "stop"
            chunks: list[dict[str, Any]] = [
                *(
                    {"choices": [{"index": 0, "delta": {"role": "assistant", **part}, "finish_reason": None}]}
                    for part in parts
                ),
                {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
                {"choices": [], "usage": usage},
            ]
            events = [json.dumps({**base, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
            self._stream([f"data: {event}\n\n" for event in [*events, "[DONE]"]], is_slow=model.startswith("slow"))
            return
        message: dict[str, Any] = {"role": "assistant", "content": ANSWER}
        if call:
            function = {"name": call, "arguments": '{"query": "order"}'}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            }
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}
        self._send(
            200,
            {**base, "object": "chat.completion", "choices": [choice], "usage": usage},
            is_slow=model.startswith("slow"),
        )

    def _messages(self, asked: dict[str, Any], model: str) -> None:
        usage = {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT}
        message = {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "stop_sequence": None,
        }
        if asked.get("stream"):
            events: list[dict[str, Any]] = [
                {
                    "type": "message_start",
                    "message": {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}},
                },
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWER}},
                {"type": "content_block_stop", "index": 0},
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                    "usage": {"output_tokens": TOKENS_OUT},
                },
                {"type": "message_stop"},
            ]
            self._stream([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events])
            return
        content = [{"type": "text", "text": ANSWER}]
        self._send(200, {**message, "content": content, "stop_reason": "end_turn", "usage": usage})

    def _responses(self, asked: dict[str, Any], model: str) -> None:
        given = asked.get("input", ())
        call = _tool_call(asked, given if isinstance(given, list) else (), lambda tool: tool["name"])
        output: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": ANSWER, "annotations": []}],
        }
        if call:
            output = {
                "id": "fc_1",
                "type": "function_call",
                "call_id": "call_1",
                "name": call,
                "arguments": '{"query": "order"}',
                "status": "completed",
            }
        usage = {
            "input_tokens": TOKENS_IN,
            "output_tokens": TOKENS_OUT,
            "total_tokens": TOKENS_IN + TOKENS_OUT,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        self._send(
            200,
            {
                "id": f"resp_{uuid.uuid4().hex}",
                "object": "response",
                "created_at": 1_767_225_600,
                "status": "completed",
                "model": model,
                "output": [output],
                "usage": usage,
                "parallel_tool_calls": True,
                "tool_choice": "auto",
                "tools": asked.get("tools", []),
            },
        )

    def _send(self, status: int, content: object, *, is_slow: bool = False) -> None:
        if is_slow:
            time.sleep(20)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: list[str], *, is_slow: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for event in events:
                self.wfile.write(event.encode())
                self.wfile.flush()
                time.sleep(5 if is_slow else 0.005)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def _tool_call(asked: dict[str, Any], messages: Any, name: Any) -> str | None:
    """Return the tool to call: the first, as long as no message holds a result of one."""
    tools = asked.get("tools") or ()
    has_result = any(
        message.get("role") == "tool" or message.get("type") == "function_call_output" for message in messages
    )
    return str(name(tools[0])) if tools and not has_result else None


@contextmanager
def fake_models() -> Iterator[str]:
    """Serve, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()

import { describe, expect, it } from "vitest";
import { isWebAddress, pictureSource, readMessages } from "@/features/trace/messages";

describe("messages", () => {
  it("keep roles, text, reasoning and calls of tools", () => {
    expect(
      readMessages([
        { role: "user", content: "Hi" },
        {
          role: "assistant",
          content: [{ type: "reasoning", text: "think" }, { type: "text", text: "Hello" }],
          tool_calls: [{ id: "c1", name: "search", arguments: { q: 1 } }],
        },
        { role: "tool", content: "found", tool_call_id: "c1", name: "search" },
      ]),
    ).toEqual([
      { role: "user", name: null, toolCallId: null, parts: [{ type: "text", text: "Hi" }], toolCalls: [] },
      {
        role: "assistant", name: null, toolCallId: null,
        parts: [{ type: "reasoning", text: "think" }, { type: "text", text: "Hello" }],
        toolCalls: [{ id: "c1", name: "search", arguments: { q: 1 } }],
      },
      { role: "tool", name: "search", toolCallId: "c1", parts: [{ type: "text", text: "found" }], toolCalls: [] },
    ]);
  });
  it.each([["text"], [7], [null], [{ content: { odd: true } }], [{ role: 3, content: [4, { type: "data", data: 1 }], tool_calls: ["x"] }]])(
    "take anything: %j",
    (message) => expect(readMessages([message])).toHaveLength(1),
  );
});

describe("pictures", () => {
  it("are shown when they are data", () => {
    expect(pictureSource({ url: "data:image/png;base64,iVBORw0KGgo=" })).toBe("data:image/png;base64,iVBORw0KGgo=");
    expect(pictureSource({ data: "iVBORw0KGgo=", mime_type: "image/jpeg" })).toBe("data:image/jpeg;base64,iVBORw0KGgo=");
    expect(pictureSource({ data: { type: "bytes", base64: "AA==" } })).toBe("data:image/png;base64,AA==");
  });
  it.each([
    [{ url: "https://canary.example/x.png" }],
    [{ url: "data:image/svg+xml;base64,PHN2Zz4=" }],
    [{ url: "data:text/html,<script>alert(1)</script>" }],
    [{ url: "javascript:alert(1)" }],
    [{ data: "AA==", mime_type: "image/svg+xml" }],
    [{ data: '" onerror="alert(1)', mime_type: "image/png" }],
  ])("are not when they lie elsewhere or may hold a script: %j", (raw) => expect(pictureSource(raw)).toBeNull());
});

it.each([["https://a.example/x", true], ["javascript:alert(1)", false], ["data:text/html,x", false], ["//a.example", false], [" vbscript:x", false]])(
  "%s leads into the web: %s",
  (url, is) => expect(isWebAddress(url)).toBe(is),
);

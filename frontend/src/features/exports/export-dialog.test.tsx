import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { ExportDialog } from "@/features/exports/export-dialog";

const EXPORT = {
  id: "e1", status: "queued", progress: 0, message: null, format: "jsonl", rows: null, bytes: null, error: null,
  created_at: "2026-11-03T12:00:00Z", finished_at: null, expires_at: null, download_url: null,
};
const DONE = { ...EXPORT, status: "succeeded", progress: 1, rows: 1, bytes: 2048, download_url: "/api/v1/exports/e1/download?expires=1&signature=s" };

/** Answers as the gateway does, and keeps what it was sent. */
function gateway(answers: { post: [number, object]; get?: object }) {
  const sent: unknown[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    if (request.method === "POST") sent.push(await request.json());
    const [status, body] = request.method === "POST" ? answers.post : [200, { data: answers.get }];
    return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
  });
  return sent;
}

afterEach(() => vi.unstubAllGlobals());

async function exportAs(format: RegExp) {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <ExportDialog scope={{ range: "7d", environment: ["production"] }} filter={{ field: "status", op: "eq", value: "error" }} q="refund" />
    </QueryClientProvider>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Export traces" }));
  await userEvent.click(await screen.findByRole("radio", { name: format }));
  await userEvent.click(screen.getByRole("button", { name: "Export" }));
}

it("asks for what it was given and hands out the file", async () => {
  const sent = gateway({ post: [202, { data: EXPORT }], get: DONE });
  await exportAs(/JSON Lines/);
  expect(await screen.findByRole("link", { name: "Download" })).toHaveAttribute("href", "/api/gw/api/v1/exports/e1/download");
  expect(screen.getByText("1 trace, 2 KB jsonl")).toBeInTheDocument();
  expect(sent).toEqual([{ format: "jsonl", range: "7d", filter: { field: "status", op: "eq", value: "error" }, q: "refund" }]);
});

it("shows how far it is", async () => {
  gateway({ post: [202, { data: EXPORT }], get: { ...EXPORT, status: "running", progress: 0.42, message: "writing" } });
  await exportAs(/CSV/);
  expect(await screen.findByRole("progressbar", { name: "Progress of the export" })).toHaveAttribute("aria-valuenow", "42");
  expect(screen.queryByRole("link", { name: "Download" })).not.toBeInTheDocument();
});

it("says why it was refused, and stays", async () => {
  gateway({ post: [422, { error: { code: "invalid_filter", message: "The filter is not valid.", details: [{ field: "filter.field", message: "unknown field" }] }, meta: {} }] });
  await exportAs(/CSV/);
  const alert = await screen.findByRole("alert");
  expect(alert).toHaveTextContent("The filter is not valid.");
  expect(alert).toHaveTextContent("filter.field: unknown field");
  expect(screen.getByRole("button", { name: "Export" })).toBeEnabled();
});

import { randomBytes } from "node:crypto";
import { expect, test } from "./fixtures";

const SPANS = 3_000;
/** Rows of a screen and of what is drawn around it. */
const MOST_ROWS = 120;

/** A trace as OTLP writes it: a root, steps below it, and calls below each; the last call failed. */
function longTrace() {
  const traceId = randomBytes(16).toString("hex");
  const begun = Date.now() - 600_000;
  const at = (milliseconds: number) => `${begun + milliseconds}000000`;
  const ids = Array.from({ length: SPANS }, () => randomBytes(8).toString("hex"));
  const spans = ids.map((spanId, index) => {
    const isStep = index % 30 === 1;
    const parent = index === 0 ? undefined : isStep ? ids[0] : ids[Math.floor((index - 1) / 30) * 30 + 1];
    const isLast = index === SPANS - 1;
    return {
      traceId,
      spanId,
      ...(parent === undefined ? {} : { parentSpanId: parent }),
      name: index === 0 ? "whole run" : isStep ? `step ${index}` : `call ${index}`,
      kind: 1,
      startTimeUnixNano: at(index * 10),
      endTimeUnixNano: at(index === 0 ? SPANS * 10 : index * 10 + (isStep ? 290 : 8)),
      attributes: [{ key: "openinference.span.kind", value: { stringValue: index === 0 ? "AGENT" : isStep ? "CHAIN" : "TOOL" } }],
      status: isLast ? { code: 2, message: "the last one failed" } : { code: 1 },
    };
  });
  return { traceId, spans };
}

test("keeps few rows of a long trace in the document, at its end and at its first failure too", async ({ signedIn: page, request, gatewayUrl, api }) => {
  const { traceId, spans } = longTrace();
  const key = ((await (await api.post("/api/v1/api-keys", { data: { name: "tests", scopes: ["ingest"] } })).json()) as { key: string }).key;
  const answer = await request.post(`${gatewayUrl}/v1/traces`, {
    headers: { authorization: `Bearer ${key}` },
    data: { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: {}, spans }] }] },
  });
  expect(answer, await answer.text()).toBeOK();
  const stored = async () => {
    const trace = await api.get(`/api/v1/traces/${traceId}`);
    return trace.ok() ? ((await trace.json()) as { data: { span_count: number } }).data.span_count : 0;
  };
  await expect.poll(stored, { timeout: 30_000 }).toBe(SPANS);

  await page.goto(`/traces/${traceId}`);
  await expect(page.getByRole("status").filter({ hasText: "3,000 spans" })).toHaveText("3,000 spans");
  const tree = page.getByRole("tree", { name: "Spans" });
  const rows = tree.getByRole("treeitem");
  const expectFew = async () => {
    const count = await rows.count();
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(MOST_ROWS);
  };
  await expect(rows.filter({ hasText: "whole run" })).toHaveAttribute("aria-expanded", "true");
  await expectFew();

  await tree.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect(rows.filter({ hasText: "call 2999" })).toBeInViewport();
  await expectFew();

  await tree.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
  await expect(rows.filter({ hasText: "call 1500" })).toBeInViewport();
  await expectFew();

  await page.getByRole("button", { name: "Next of 1 failure" }).click();
  await expect(rows.filter({ hasText: "call 2999" })).toBeInViewport();
  await expect(rows.filter({ hasText: "call 2999" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("region", { name: "Span call 2999" })).toContainText("the last one failed");
  await expectFew();

  await page.getByRole("button", { name: "Collapse", exact: true }).click();
  await tree.evaluate((element) => element.scrollTo(0, 0));
  await expect(rows.filter({ hasText: "step 31" })).toHaveAttribute("aria-expanded", "false");
  await expect(rows.filter({ hasText: "call" })).toHaveCount(0);
  await page.getByRole("button", { name: "Expand", exact: true }).click();
  await expect(rows.filter({ hasText: "call 30" })).toBeVisible();
  await expectFew();
});

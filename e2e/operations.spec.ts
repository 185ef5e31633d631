import { readFileSync } from "node:fs";
import type { DeadLetter, IngestionHealth, JobView, KeyView, MeAnswer, MemberView, Trace } from "../frontend/src/api/schema";
import { formatBytes, formatDay, formatDuration, formatExact, formatPerSecond, formatShare, shortId } from "../frontend/src/lib/format";
import { expect, seededTest, test } from "./fixtures";
import { addressOf } from "./support/gateway";
import { atDatabase } from "./support/platform";
import { momentOf, readFacts, readTable } from "./support/reading";

const capital = (reason: string) => reason.charAt(0).toUpperCase() + reason.slice(1).replaceAll("_", " ");
const milliseconds = (seconds: number | null | undefined) => (seconds === null || seconds === undefined ? null : seconds * 1000);

seededTest("ingestion shows what became of what was sent as the gateway answers it", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  const read = () => gateway.body<IngestionHealth>("/api/v1/ingestion/health", range);
  // The backlog is that of the whole platform.
  await expect.poll(async () => (await read()).backlog_spans).toBe(0);
  const health = await read();
  await page.goto(addressOf("/ingestion", range));
  const received = Number(health.received_spans);
  const terms: [string, number][] = [
    ["Stored", Number(health.stored_spans)],
    ["Duplicate", Number(health.duplicate_spans)],
    ["Rejected", Number(health.rejected_spans)],
    ["Dead-lettered", Number(health.dead_lettered_spans)],
  ];
  const sum = page.getByRole("group", { name: "What became of what was sent" });
  await expect(sum.locator('[data-figure="Sent"]')).toHaveText(formatExact(received));
  for (const [label, count] of terms) {
    await expect(sum.locator(`[data-figure="${label}"]`)).toHaveText(formatExact(count));
    await expect(sum.locator("dd", { has: page.locator(`[data-figure="${label}"]`) })).toContainText(formatShare(count / received));
  }
  expect(terms.reduce((total, [, count]) => total + count, 0)).toBe(received);
  expect(terms.slice(0, 3).every(([, count]) => count > 0)).toBe(true);
  const { created, delivered, sampled, dropped } = health.client_reported;
  const reported = page.getByRole("group", { name: "What clients report" });
  const lost = Object.entries(dropped).map(([reason, count]) => [`Dropped: ${reason.replaceAll("_", " ")}`, count] as const);
  const left = Number(created) - Number(delivered) - Number(sampled) - lost.reduce((total, [, count]) => total + Number(count), 0);
  for (const [label, count] of [["Created", created], ["Delivered", delivered], ["Sampled out", sampled], ...lost, ["Not accounted for", left]] as const) {
    await expect(reported.locator(`[data-figure="${label}"]`), label).toHaveText(formatExact(count));
  }
  const lag = health.lag_seconds;
  for (const [label, text] of [
    ["Time to store, median", formatDuration(milliseconds(lag.p50))],
    ["Time to store, p95", formatDuration(milliseconds(lag.p95))],
    ["Oldest that waits", "None"],
    ["Backlog", "0"],
    ["Throughput", formatPerSecond(health.throughput_spans_per_s)],
  ] as const) await expect(page.locator(`[data-figure="${label}"]`), label).toHaveText(text);
  const keys = (await gateway.body<{ api_keys: KeyView[] }>("/api/v1/api-keys")).api_keys;
  const nameOf = (id: string | null) => (id === null ? "Members themselves" : (keys.find((key) => key.id === id)?.name ?? ""));
  await expect.poll(() => readTable(page.getByRole("region", { name: "By API key" }))).toEqual([
    ["Key", "Sent", "Stored", "Duplicate", "Rejected", "Dead-lettered"],
    ...health.by_key.map((row) => [nameOf(row.key_id), ...[row.received_spans, row.stored_spans, row.duplicate_spans, row.rejected_spans, row.dead_lettered_spans].map(formatExact)]),
  ]);
  expect(health.by_key).toHaveLength(2);
  await expect.poll(() => readTable(page.getByRole("region", { name: "Why something was not stored" }))).toEqual([
    ["Reason", "Spans"],
    ...health.by_reason.map(({ reason, count }) => [`${capital(reason)} ${reason}`, formatExact(count)]),
  ]);
  expect(health.by_reason).not.toEqual([]);
});

test("a trace that the database refused is a dead letter, and is stored when it is replayed after the cause is gone", async ({ signedIn: page, person, people }) => {
  const [refused, constraint] = [`refused ${person.workspaceId}`, `e2e_${person.workspaceId.replaceAll("-", "_")}`];
  const key = await people.key(person);
  const send = (trace_id: string) =>
    person.gateway.post("/api/v1/traces", { trace_id, agent_id: "clerk", user_id: refused, input: "<b>never bold</b>", latency_ms: 5, status: "success" }, { authorization: `Bearer ${key}` });
  const read = () => person.gateway.data<DeadLetter[]>("/api/v1/dead-letters");
  atDatabase(`alter table spans add constraint ${constraint} check (user_id is distinct from '${refused}') not valid`);
  try {
    await send("refused-1");
    await send("refused-2");
    await expect.poll(async () => (await read()).length).toBe(2);
  } finally {
    atDatabase(`alter table spans drop constraint ${constraint}`);
  }
  const letters = await read();
  await page.getByRole("navigation").getByRole("link", { name: "Ingestion" }).click();
  const table = page.getByRole("region", { name: "Dead letters" });
  await expect.poll(() => readTable(table)).toEqual([
    ["State", "Reason", "Error", "Tries", "Item", "Failed", "Actions"],
    ...letters.map((letter) => ["Not stored", capital(letter.reason), letter.error.replace(/\s+/g, " "), String(letter.attempts), shortId(letter.trace_id ?? ""), momentOf(letter.created_at), ""]),
  ]);
  await expect(page.locator('[data-figure="Dead-lettered"]')).toHaveText("2");

  await table.getByRole("button", { name: /CheckViolationError/ }).first().click();
  const sheet = page.getByRole("dialog", { name: "Dead letter" });
  const letter = letters[0];
  if (!letter) throw new Error("there is no letter");
  expect(await readFacts(sheet.locator("dl"))).toMatchObject({
    State: "Not stored", Reason: `${capital(letter.reason)} (${letter.reason})`, Format: "flat", Receipt: letter.receipt_id, Received: momentOf(letter.received_at), Replayed: "–",
  });
  await expect(sheet.getByRole("heading", { name: `As it was sent, ${formatBytes(letter.payload_bytes)}, without secrets` })).toBeVisible();
  await expect(sheet.locator("pre")).toContainText('"input": "<b>never bold</b>"');
  await page.keyboard.press("Escape");

  await page.getByRole("combobox", { name: "State" }).click();
  await page.getByRole("option", { name: "Replayed" }).click();
  await expect(page.getByText("No dead letter fits the filters.")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByRole("button", { name: `Replay ${letter.trace_id ?? ""}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
  await expect(table.getByRole("rowheader", { name: "Replayed", exact: true })).toHaveCount(1);
  await page.getByRole("button", { name: "Replay all" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
  await expect(page.getByRole("dialog").getByRole("status")).toHaveText("1 letter is being replayed.");
  await page.getByRole("button", { name: "Close" }).first().click();
  await expect(table.getByRole("rowheader", { name: "Replayed", exact: true })).toHaveCount(2);
  await expect(page.locator('[data-figure="Dead-lettered"]')).toHaveText("0");
  await expect(page.locator('[data-figure="Stored"]')).toHaveText("2");
  await page.getByRole("navigation").getByRole("link", { name: "Traces" }).click();
  await expect(page.getByRole("table", { name: "Traces" }).getByRole("row")).toHaveCount(3);
});

/** A text of RFC 4180 as rows of cells. */
function rowsOf(csv: string): string[][] {
  return [...csv.replace(/^\uFEFF/, "").matchAll(/((?:"(?:[^"]|"")*"|[^,\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^,\r\n]*))*)\r?\n/g)].map(([, line = ""]) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain),
  );
}

seededTest("an export holds what the list shows, and stands among the jobs", async ({ page, seeded: { gateway, traffic } }) => {
  const query = { from: traffic.from, to: traffic.to, status: "error" };
  await page.goto(addressOf("/traces", query));
  await page.getByRole("button", { name: "Export" }).click();
  const dialog = page.getByRole("dialog", { name: "Export traces" });
  await dialog.getByRole("button", { name: "Export" }).click();
  const downloading = page.waitForEvent("download");
  await dialog.getByRole("link", { name: "Download" }).click();
  const download = await downloading;
  const file = readFileSync(await download.path(), "utf8");
  const [head = [], ...rows] = rowsOf(file);
  const traces = await gateway.data<Trace[]>("/api/v1/traces", { ...query, sort: "start_time", limit: 1000 });
  const column = (name: string) => rows.map((row) => row[head.indexOf(name)]);
  expect(column("trace_id")).toEqual(traces.map((trace) => trace.trace_id));
  expect(column("status")).toEqual(traces.map(() => "error"));
  expect(column("tokens_total").map(Number)).toEqual(traces.map((trace) => Number(trace.tokens_total ?? 0)));
  await dialog.getByRole("link", { name: "Jobs" }).click();

  const [job] = await gateway.data<JobView[]>("/api/v1/jobs");
  if (!job) throw new Error("there is no job");
  const bytes = formatBytes(Buffer.byteLength(file));
  const summary = `${formatExact(traces.length)} traces, ${bytes} csv`;
  await expect.poll(() => readTable(page.getByRole("region", { name: "Jobs" }))).toEqual([
    ["Type", "Status", "Progress and result", "Asked by", "Asked", "Started", "Duration", "Actions"],
    ["Export", "Done", summary, "You", momentOf(job.created_at), momentOf(job.started_at), formatDuration(Date.parse(job.finished_at ?? "") - Date.parse(job.started_at ?? "")), ""],
  ]);
  await page.getByRole("button", { name: "Export", exact: true }).first().click();
  const sheet = page.getByRole("dialog", { name: "Export" });
  expect(await readFacts(sheet.locator("dl"))).toMatchObject({ Status: "Done", "Asked by": "You", "Asked for": momentOf(job.created_at), Run: `${job.attempt} of at most ${job.max_attempts}`, Id: job.id });
  await expect(sheet.getByRole("link", { name: "Download" })).toBeVisible();
  await expect(sheet.locator("pre", { hasText: '"format": "csv"' }).first()).toBeVisible();
  await expect(sheet.getByRole("heading", { name: "Log" })).toBeVisible();
  await page.keyboard.press("Escape");

  await page.getByRole("combobox", { name: "Status" }).click();
  await page.getByRole("option", { name: "Failed" }).click();
  await expect(page.getByText("No job fits the filters.")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(page.getByRole("region", { name: "Jobs" }).getByRole("row")).toHaveCount(2);
});

seededTest("settings show workspace, members, keys and account as the gateway answers them", async ({ page, seeded: { person, gateway } }) => {
  await page.goto("/settings");
  const me = await gateway.body<MeAnswer>("/api/v1/auth/me");
  for (const [label, value] of [
    ["Name", me.workspace.name],
    ["Slug", me.workspace.slug],
    ["Description", me.workspace.description],
    ["Time zone", me.workspace.timezone],
    ["Keep traces for (days)", String(me.workspace.retention_days)],
    ["Keep hourly and daily figures for (days)", String(me.workspace.rollup_retention_days)],
  ] as const) await expect(page.getByLabel(label, { exact: true }), label).toHaveValue(value);

  await page.getByRole("tab", { name: "Team" }).click();
  const members = await gateway.data<MemberView[]>("/api/v1/team/members");
  await expect.poll(() => readTable(page.getByRole("region", { name: "Members" }))).toEqual([
    ["Name", "Email", "Role", "Joined", "Last sign-in", "Actions"],
    ...members.map((member) => [`${member.full_name} (you)`, member.email, "Owner", formatDay(member.joined_at), momentOf(member.last_login_at), ""]),
  ]);

  await page.getByRole("tab", { name: "API keys" }).click();
  const { api_keys: keys } = await gateway.body<{ api_keys: KeyView[] }>("/api/v1/api-keys");
  expect(keys.length).toBe(2);
  await expect.poll(() => readTable(page.getByRole("region", { name: "API keys" }))).toEqual([
    ["Name", "Begins with", "May", "Made by", "Created", "Last used", "Expires", "Actions"],
    ...keys.map((key) => [key.name, `${key.prefix}…`, "Send", "You", formatDay(key.created_at), key.last_used_at === null ? "Never" : momentOf(key.last_used_at), "Never", ""]),
  ]);

  await page.getByRole("tab", { name: "Account" }).click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue(person.account.full_name);
  await expect(page.getByLabel("Email")).toHaveValue(person.account.email);
});

import { expect, signIn, test } from "./fixtures";

test("finds a trace by words and filters, shares the address, and reads what was said", async ({ signedIn: page, storeTrace, api, account, browser, baseURL }) => {
  const wanted = await storeTrace({ input: "Please refund order AB-17", output: "It is refunded.", status: "error", error: "the bank refused" });
  await storeTrace({ agent_id: "other-bot", input: "What is the weather?" });
  await page.goto("/traces");
  const table = page.getByRole("table", { name: "Traces" });
  await expect(table.getByRole("row")).toHaveCount(3);

  const filter = page.getByRole("searchbox", { name: "Filter traces" });
  await page.keyboard.press("/");
  await expect(filter).toBeFocused();
  await filter.fill("agent:support-bot status:error");
  await filter.press("Enter");
  await expect(table.getByRole("row")).toHaveCount(2);
  await expect(page).toHaveURL(/status=error/);
  // The index of words is made behind the storing.
  await expect
    .poll(async () => ((await (await api.get("/api/v1/traces?q=refund")).json()) as { data: unknown[] }).data.length, { timeout: 30_000 })
    .toBe(1);
  await filter.fill("refund");
  await filter.press("Enter");
  await expect(page.getByRole("list", { name: "Filters" }).getByRole("listitem")).toHaveCount(4);
  await expect(table.getByText("the bank refused")).toBeVisible();

  const other = await browser.newContext({ ...(baseURL ? { baseURL } : {}) });
  const shared = await other.newPage();
  await shared.goto(page.url());
  await signIn(shared, account);
  await expect(shared.getByRole("table", { name: "Traces" }).getByRole("row")).toHaveCount(2);
  await other.close();

  await page.keyboard.press("Escape");
  await filter.blur();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`/traces/${wanted}`);
  await expect(page.getByRole("tree", { name: "Spans" }).getByRole("treeitem")).toHaveCount(1);
  const span = page.getByRole("region", { name: /^Span/ });
  await expect(span).toContainText("Please refund order AB-17");
  await expect(span).toContainText("It is refunded.");
  await expect(span).toContainText("the bank refused");
  await page.getByRole("tab", { name: "Raw" }).click();
  await expect(span).toContainText("span_id");
  await page.getByRole("button", { name: "Agents" }).click();
  await expect(page.getByLabel(/^agent support-bot/)).toBeVisible();
});

test("says what is wrong with a filter that cannot be read", async ({ signedIn: page }) => {
  await page.goto("/traces");
  const filter = page.getByRole("searchbox", { name: "Filter traces" });
  await filter.fill("cost:>much");
  await filter.press("Enter");
  await expect(page.getByRole("main").getByRole("alert")).toContainText("needs a number");
});

import { expect, expectAccessible, test } from "./fixtures";

test("puts two traces beside each other", async ({ signedIn: page, storeTrace }) => {
  const before = await storeTrace({ latency_ms: 2000, output: "It arrives on Monday.", release: "1", tokens_output: 5 });
  const after = await storeTrace({ latency_ms: 1500, output: "It arrives on Tuesday.", release: "2", tokens_output: 10 });
  await page.goto(`/traces/${after}`);
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByRole("dialog", { name: "Compare with another trace" }).getByRole("button", { name: /Where is my parcel/ }).click();
  await expect(page).toHaveURL(`/compare?a=${before}&b=${after}`);
  const row = (name: string) => page.getByRole("table", { name: "What they were" }).getByRole("row", { name: new RegExp(`^${name} `) });
  await expect(row("Duration")).toHaveText("Duration2 s1.5 s−500 ms, −25 %");
  await expect(row("Release")).toHaveText("Release12other");
  await expect(row("Output tokens")).toHaveText("Output tokens510+5, +100 %");
  await expect(row("Agent")).toContainText("same");
  await expect(page.locator("del")).toHaveText("Monday");
  await expect(page.locator("ins")).toHaveText("Tuesday");
  await expect(page.getByRole("table", { name: "Spans by kind and name" }).getByRole("row")).toHaveCount(2);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Swap" }).click();
  await expect(row("Duration")).toContainText("+500 ms");
});

test("says which trace of a comparison is not there", async ({ signedIn: page, storeTrace, expectedMessages }) => {
  expectedMessages.push("status of 404");
  const id = await storeTrace();
  await page.goto(`/compare?a=${id}&b=missing`);
  await expect(page.getByText("There is no such trace")).toBeVisible();
  await page.goto("/compare");
  await expect(page.getByText("Choose two traces")).toBeVisible();
});

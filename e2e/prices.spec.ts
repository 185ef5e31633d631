import { expect, test } from "./fixtures";

test("a model without a price gets one, and its traces their cost", async ({ signedIn: page, storeTrace, api }) => {
  const id = await storeTrace({ model: "house-model-7", model_provider: "house", tokens_input: 1_000_000, tokens_output: 500_000 });
  const costOf = async () => ((await (await api.get(`/api/v1/traces/${id}`)).json()) as { data: { cost_usd: number | null } }).data.cost_usd;
  expect(await costOf()).toBeNull();

  await page.goto("/cost");
  await page.getByTitle("Set a price for house-model-7").click();
  const dialog = page.getByRole("dialog", { name: "Set a price" });
  await expect(dialog.getByLabel("Model")).toHaveValue("house-model-7");
  await dialog.getByLabel("Input", { exact: true }).fill("2");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Give an amount; 0 says that it is free.")).toBeVisible();
  await dialog.getByLabel("Output").fill("$8.00");
  await dialog.getByRole("button", { name: "Save" }).click();

  const again = page.getByRole("dialog", { name: "Compute costs again" });
  await expect(again.getByLabel("Model")).toHaveValue("house-model-7");
  await again.getByRole("button", { name: "See what would change" }).click();
  await expect(again.getByText("1 of 1 spans in 1 traces would change.")).toBeVisible();
  await expect(again.getByText("$6.00", { exact: true })).toBeVisible();
  expect(await costOf()).toBeNull();
  await again.getByRole("button", { name: "Change 1 span" }).click();
  await expect(again.getByText("1 of 1 spans in 1 traces changed.")).toBeVisible();
  await expect.poll(costOf).toBe(6);
  await again.getByRole("button", { name: "Close" }).first().click();

  const row = page.getByRole("table", { name: "Prices" }).getByRole("row").filter({ hasText: "house-model-7" });
  await expect(row).toContainText("Yours");
  await row.getByRole("button", { name: "Correct the price of house-model-7" }).click();
  const correction = page.getByRole("dialog", { name: "Correct the price of house-model-7" });
  await expect(correction.getByLabel("Output")).toHaveValue("8");
  await correction.getByLabel("Output").fill("10");
  await correction.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog", { name: "Compute costs again" }).getByRole("button", { name: "Close" }).click();
  await expect(row).toContainText("$10.00");
  await row.getByRole("button", { name: "Delete the price of house-model-7" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the price" }).click();
  await expect(row).toHaveCount(0);
});

test("finds a price of the catalogue and makes it the workspace's own", async ({ signedIn: page }) => {
  await page.goto("/prices");
  await page.getByLabel("Model", { exact: true }).fill("gpt-4o-mini");
  const row = page.getByRole("table", { name: "Prices" }).getByRole("row", { name: /^gpt-4o-mini openai / });
  await row.getByRole("button", { name: "gpt-4o-mini", exact: true }).click();
  await expect(page.getByRole("dialog", { name: "gpt-4o-mini" })).toContainText("Catalogue");
  await page.keyboard.press("Escape");
  await row.getByRole("button", { name: "Set a price of your own for gpt-4o-mini", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Set a price" });
  await expect(dialog.getByLabel("Model")).toHaveValue("gpt-4o-mini");
  await expect(dialog.getByLabel("Input", { exact: true })).not.toHaveValue("");
});

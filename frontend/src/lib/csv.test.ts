import { expect, it } from "vitest";
import { csvOf } from "@/lib/csv";

it("writes numbers, texts and nothing", () => {
  expect(csvOf([["name", "cost"], ["gpt-5", -0.25], [null, null]])).toBe("name,cost\r\ngpt-5,-0.25\r\n,\r\n");
});

it("quotes what would break a row", () => {
  expect(csvOf([['a "b", c\nd']])).toBe('"a ""b"", c\nd"\r\n');
});

it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])("lets %j become no formula", (text) => {
  expect(csvOf([[text]]).replace(/^"/, "").startsWith(`'${text}`)).toBe(true);
});

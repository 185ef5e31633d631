import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { Markdown } from "@/components/markdown";

describe("Markdown", () => {
  it("draws lists, tables and code", () => {
    const { container } = render(<Markdown text={"# Title\n\n- one\n- **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n- [x] done"} />);
    expect(screen.getByText("Title").getAttribute("data-heading")).toBe("h1");
    expect(screen.getByText("two").tagName).toBe("STRONG");
    expect(screen.getByRole("cell", { name: "2" })).toBeTruthy();
    expect(container.querySelector("pre code")?.textContent).toBe("code\n");
    expect(container.querySelector("input")).toBeNull();
  });

  it("shows HTML as text", () => {
    const { container } = render(<Markdown text={'<img src=x onerror="window.injected = true"> <b>bold</b>\n\n<script>1</script>'} />);
    expect(container.querySelector("img, b, script")).toBeNull();
    expect(container.textContent).toContain("<b>bold</b>");
  });

  it.each(["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "//elsewhere.example", "/settings", "file:///etc/passwd", "java&#115;cript:alert(1)"])(
    "makes no link of %s",
    (url) => {
      const { container } = render(<Markdown text={`[click](${url}) ![picture](${url}) <${url}>`} />);
      expect(container.querySelector("a, img")).toBeNull();
    },
  );

  it("links to web addresses without telling them of the page, and loads no picture", () => {
    const { container } = render(<Markdown text="[docs](https://example.com/a) ![chart](https://example.com/b.png)" />);
    const links = [...container.querySelectorAll("a")];
    expect(links.map((link) => [link.href, link.textContent, link.rel])).toEqual([
      ["https://example.com/a", "docs", "noopener noreferrer nofollow"],
      ["https://example.com/b.png", "Picture: chart", "noopener noreferrer nofollow"],
    ]);
    expect(container.querySelector("img")).toBeNull();
  });
});

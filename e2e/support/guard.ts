import { type BrowserContext, expect, type Page } from "@playwright/test";

/** Watches every page of a context from its first moment: what runs, asks, opens or stands there that must not. */
export class Guard {
  private readonly found = new Set<string>();

  private constructor(private readonly allowed: readonly string[]) {}

  /** Begins to watch; pages may ask the origins that are given, and no others. */
  static async over(context: BrowserContext, origins: readonly string[]): Promise<Guard> {
    const guard = new Guard([...origins, ...origins.map((origin) => origin.replace(/^http/, "ws"))]);
    await context.exposeBinding("reportToTest", (_, what: string) => void guard.found.add(what));
    await context.addInitScript(watch);
    context.on("request", (request) => guard.checkAddress(request.url()));
    context.on("page", (page) => guard.follow(page));
    for (const page of context.pages()) guard.follow(page);
    return guard;
  }

  /** Fails when anything was found by now. */
  expectQuiet(where: string): void {
    expect([...this.found], where).toEqual([]);
  }

  /** Fails when anything but one file, which a test saved, was found by now. */
  expectSaved(name: string): void {
    const saved = [...this.found].filter((what) => what === `download: ${name}`);
    expect(saved).toHaveLength(1);
    this.found.delete(`download: ${name}`);
    this.expectQuiet(name);
  }

  private follow(page: Page): void {
    page.on("dialog", (dialog) => {
      this.found.add(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("popup", (popup) => this.found.add(`window: ${popup.url()}`));
    page.on("download", (download) => this.found.add(`download: ${download.suggestedFilename()}`));
    page.on("websocket", (socket) => this.checkAddress(socket.url()));
  }

  private checkAddress(address: string): void {
    const url = new URL(address);
    if (url.protocol !== "data:" && url.protocol !== "blob:" && !this.allowed.includes(url.origin)) this.found.add(`request: ${address}`);
  }
}

/** Runs in the page, before anything of it. */
function watch(): void {
  const report = (what: string) => void (window as unknown as { reportToTest: (what: string) => Promise<void> }).reportToTest(what);
  Object.defineProperty(window, "injected", { set: () => report("something ran") });
  document.addEventListener("securitypolicyviolation", (event) => report(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  const FOREIGN = new Set(["iframe", "frame", "frameset", "object", "embed", "base", "portal", "math", "marquee", "video", "audio", "image", "foreignobject", "use", "animate", "set", "template", "listing"]);
  const ADDRESSES = ["href", "src", "action", "formaction", "data", "poster", "xlink:href", "srcset", "background", "ping"];

  function check(element: Element): void {
    const tag = element.localName;
    const shown = `<${tag}> ${element.outerHTML.slice(0, 120)}`;
    // Where React puts what comes later stands an empty template.
    const isPlace = tag === "template" && (element as HTMLTemplateElement).content.childNodes.length === 0;
    if (FOREIGN.has(tag) && !isPlace) report(`element: ${shown}`);
    if (tag === "script" && (element as HTMLScriptElement).nonce === "" && !element.getAttribute("src")?.startsWith("/_next/")) report(`script: ${shown}`);
    if (tag === "meta" && element.hasAttribute("http-equiv")) report(`meta: ${shown}`);
    if (tag === "style" && element.textContent.includes("canary")) report(`style: ${shown}`);
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name) || name === "srcdoc" || name === "popovertarget") report(`attribute ${name}: ${shown}`);
      if (name === "style" && /url\(|expression/i.test(value) && !/url\(["']?#/.test(value)) report(`style attribute: ${shown}`);
      if (ADDRESSES.includes(name)) checkAddress(element, name, value, shown);
    }
  }

  function checkAddress(element: Element, name: string, value: string, shown: string): void {
    const url = URL.canParse(value, location.href) ? new URL(value, location.href) : null;
    if (url === null || url.origin === location.origin) return;
    if (element.localName === "img" && /^data:image\/(png|jpeg|gif|webp|avif);base64,/.test(value)) return;
    // A link that people may follow knows neither whence they come nor the page that they leave.
    const rel = element.getAttribute("rel") ?? "";
    const isSafeLink = element.localName === "a" && /^(https?|mailto):$/.test(url.protocol) && element.getAttribute("target") === "_blank" && ["noopener", "noreferrer"].every((word) => rel.includes(word));
    const isLibraryLink = element.localName === "a" && url.hostname === "reactflow.dev";
    if (!isSafeLink && !isLibraryLink) report(`address ${name}: ${shown}`);
  }

  new MutationObserver((records) => {
    for (const record of records) {
      if (record.type === "attributes") check(record.target as Element);
      for (const node of record.addedNodes) {
        if (!(node instanceof Element)) continue;
        check(node);
        node.querySelectorAll("*").forEach(check);
      }
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });

  addEventListener("load", () => {
    for (const name of Object.keys(Object.prototype)) report(`prototype: ${name}`);
  });
}

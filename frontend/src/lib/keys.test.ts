import { afterEach, expect, it } from "vitest";
import { isForPage } from "@/lib/keys";

afterEach(() => document.body.replaceChildren());

/** Whether a key is for the page when it is pressed at the element with the id `at`. */
function pressedAt(html: string, init: KeyboardEventInit = {}): boolean {
  document.body.innerHTML = html;
  let answer: boolean | undefined;
  const listen = (event: KeyboardEvent) => (answer = isForPage(event));
  window.addEventListener("keydown", listen, { once: true });
  (document.getElementById("at") ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true, ...init }));
  return answer ?? false;
}

it.each([
  ["", true],
  ['<button id="at"></button>', true],
  ['<input id="at" type="checkbox">', true],
  ['<input id="at">', false],
  ['<input id="at" type="search">', false],
  ['<input id="at" type="datetime-local">', false],
  ['<textarea id="at"></textarea>', false],
  ['<div contenteditable="true"><b id="at"></b></div>', false],
  ['<div role="dialog"><button id="at"></button></div>', false],
  ['<div role="menu"><div id="at" role="menuitem"></div></div>', false],
  ['<div role="listbox"><div id="at" role="option"></div></div>', false],
])("at %j it is: %j", (html, expected) => expect(pressedAt(html)).toBe(expected));

it("is none with a modifier", () => {
  for (const modifier of ["metaKey", "ctrlKey", "altKey"]) expect(pressedAt("", { [modifier]: true })).toBe(false);
});

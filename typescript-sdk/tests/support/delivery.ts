import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Delivery } from "../../src/delivery/delivery";
import { workspaceFolder } from "../../src/delivery/spool";
import { Guard } from "../../src/guard";
import { openDelivery } from "../../src/node";
import { resolveSettings, type AgentObservabilityOptions } from "../../src/settings";

/** A folder for spools that is gone after the test. */
export class SpoolFolder {
  readonly path = mkdtempSync(path.join(tmpdir(), "ao-spool-"));
  readonly warnings: string[] = [];
  readonly #open: Delivery[] = [];

  /** Opens the way of spans to the platform as a client does. */
  deliver(options: AgentObservabilityOptions): Delivery {
    const guard = new Guard((message) => void this.warnings.push(message));
    const settings = resolveSettings({ spoolDir: this.path, apiKey: "key", ...options }, {}, guard);
    const delivery = openDelivery(settings, guard, settings.apiKey ?? "");
    this.#open.push(delivery);
    return delivery;
  }

  /** Folder of a workspace. */
  workspace(endpoint: string, apiKey = "key"): string {
    return path.join(this.path, workspaceFolder(endpoint, apiKey));
  }

  /** Files of batches, relative to the folder, and their sizes. */
  files(): { name: string; bytes: number }[] {
    return readdirSync(this.path, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(batch|sent|tmp)$/.test(name))
      .map((name) => ({ name, bytes: statSync(path.join(this.path, name)).size }));
  }

  remove(): void {
    for (const delivery of this.#open) delivery.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}

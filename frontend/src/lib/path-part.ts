import { notFound } from "next/navigation";

/** Whether the gateway can be asked for an id: it takes no path whose parts servers could tell apart in two ways. */
export function isAddressable(id: string): boolean {
  return !/[/\\]/.test(id);
}

/** The id that a part of the path stands for; an address that cannot be read shows that there is nothing. */
export function readPathPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    notFound();
  }
}

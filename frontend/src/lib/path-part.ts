import { notFound } from "next/navigation";

/** The id that a part of the path stands for; an address that cannot be read shows that there is nothing. */
export function readPathPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    notFound();
  }
}

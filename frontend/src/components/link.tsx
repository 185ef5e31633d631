"use client";

// eslint-disable-next-line no-restricted-imports -- the one place that wraps it
import NextLink from "next/link";
import { type ComponentProps, useState } from "react";

/**
 * A link to a page of the dashboard.
 *
 * The page is loaded when a pointer comes to the link or the focus: a page shows dozens of links, most of which nobody follows.
 */
export function Link(props: Omit<ComponentProps<typeof NextLink>, "prefetch" | "onPointerEnter" | "onFocus">) {
  const [isNear, setNear] = useState(false);
  return <NextLink {...props} prefetch={isNear} onPointerEnter={() => setNear(true)} onFocus={() => setNear(true)} />;
}

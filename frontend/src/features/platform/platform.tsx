"use client";

import { createContext, type ReactNode, useContext } from "react";

/** What only the server knows when it starts. */
export interface Platform {
  /** Address of the gateway as senders see it. */
  gatewayUrl: string;
}

const PlatformContext = createContext<Platform | null>(null);

export function PlatformProvider({ platform, children }: { platform: Platform; children: ReactNode }) {
  return <PlatformContext value={platform}>{children}</PlatformContext>;
}

export function usePlatform(): Platform {
  const platform = useContext(PlatformContext);
  if (platform === null) throw new Error("usePlatform needs a PlatformProvider");
  return platform;
}

import type { ReactNode } from "react";
import { Shell } from "@/features/frame/shell";
import { PlatformProvider } from "@/features/platform/platform";
import { readCaller } from "@/server/caller";
import { publicGatewayUrl } from "@/server/config";

export default async function AppLayout({ children }: { children: ReactNode }) {
  return (
    <PlatformProvider platform={{ gatewayUrl: publicGatewayUrl() }}>
      <Shell caller={await readCaller()}>{children}</Shell>
    </PlatformProvider>
  );
}

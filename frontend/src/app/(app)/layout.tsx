import type { ReactNode } from "react";
import { Shell } from "@/features/frame/shell";
import { PlatformProvider } from "@/features/platform/platform";
import { publicGatewayUrl } from "@/server/config";

export default function AppLayout({ children }: { children: ReactNode }) {
  return (
    <PlatformProvider platform={{ gatewayUrl: publicGatewayUrl() }}>
      <Shell>{children}</Shell>
    </PlatformProvider>
  );
}

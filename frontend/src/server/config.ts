import "server-only";

/** Address of the gateway as this server reaches it. */
export function gatewayUrl(): string {
  return trimmed(process.env.GATEWAY_URL || `http://127.0.0.1:${process.env.GATEWAY_PORT || "8000"}`);
}

/** Address of the gateway as browsers and senders reach it. */
export function publicGatewayUrl(): string {
  return trimmed(process.env.PUBLIC_GATEWAY_URL || `http://localhost:${process.env.GATEWAY_PORT || "8000"}`);
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, "");
}

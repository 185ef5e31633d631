"use client";

import { KeyRound } from "lucide-react";
import { useCreateKey, useMay } from "@/api/account";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { snippets } from "@/features/home/snippets";
import { usePlatform } from "@/features/platform/platform";

const PLACEHOLDER = "YOUR_KEY";

/** How to send the first trace; gives way to the dashboard when it arrives. */
export function FirstTrace() {
  const { gatewayUrl } = usePlatform();
  const create = useCreateKey();
  const key = create.data?.key;
  const mayMakeKeys = useMay("keys");
  const ways = snippets(gatewayUrl, key ?? PLACEHOLDER);
  return (
    <div className="mx-auto w-full max-w-3xl py-6">
      <h2 className="text-2xl font-semibold">Send your first trace</h2>
      <p className="mt-1 text-muted">Three steps; this page becomes your dashboard when the first trace arrives.</p>
      <ol className="mt-6 grid grid-cols-[minmax(0,1fr)] gap-4">
        <li>
          <Card title="1. Make an API key">
            {key ? (
              <div>
                <div className="flex items-center gap-2 rounded-md border border-line bg-raised py-1 pr-1 pl-3">
                  <code className="min-w-0 flex-1 truncate font-mono text-sm" data-key>
                    {key}
                  </code>
                  {/* What made the key is gone, and with it the focus that it had. */}
                  <CopyButton text={key} label="Copy the key" autoFocus />
                </div>
                <p className="mt-2 text-sm text-muted">Keep it now: it is shown this once. It may send, and read nothing.</p>
              </div>
            ) : !mayMakeKeys ? (
              <p className="text-sm text-muted">Ask an owner, administrator or member of the workspace for one: your role may not make keys.</p>
            ) : (
              <div className="flex flex-wrap items-center gap-3">
                <Button variant="primary" onClick={() => create.mutate({ name: "First key", scopes: ["ingest"] })} disabled={create.isPending}>
                  <KeyRound aria-hidden />
                  Create a key
                </Button>
                {create.error ? (
                  <span role="alert" className="text-sm text-bad">
                    {create.error.message}
                  </span>
                ) : (
                  <span className="text-sm text-muted">Or use one that you have.</span>
                )}
              </div>
            )}
          </Card>
        </li>
        <li>
          <Card title="2. Send a trace">
            <Tabs defaultValue={ways[0]?.name}>
              <TabsList aria-label="Ways to send">
                {ways.map(({ name }) => (
                  <TabsTrigger key={name} value={name}>
                    {name}
                  </TabsTrigger>
                ))}
              </TabsList>
              {ways.map(({ name, code }) => (
                <TabsContent key={name} value={name} className="relative mt-3">
                  <pre tabIndex={0} className="overflow-x-auto rounded-md bg-raised p-3 pr-12 font-mono text-xs leading-relaxed">
                    <code>{code}</code>
                  </pre>
                  <div className="absolute top-1.5 right-1.5">
                    <CopyButton text={code} label={`Copy the ${name} snippet`} />
                  </div>
                </TabsContent>
              ))}
            </Tabs>
          </Card>
        </li>
        <li>
          <Card title="3. See it here">
            <p role="status" className="flex items-center gap-2 text-sm text-muted">
              <span aria-hidden className="size-2 animate-pulse rounded-full bg-accent" />
              Waiting for the first trace…
            </p>
          </Card>
        </li>
      </ol>
    </div>
  );
}

"use client";

import { useQuery } from "@tanstack/react-query";
import { usePathname, useRouter } from "next/navigation";
import { type ReactNode, useEffect } from "react";
import { meQuery } from "@/api/account";
import { Forbidden } from "@/components/states/states";
import { Skeleton } from "@/components/ui/skeleton";
import { destinationOf, navigationFor } from "@/features/frame/navigation";
import { PageBody, PageHeader } from "@/features/frame/page-header";

/** Where everybody begins. */
const HOME = "/dashboard";

/** Shows a page to those whose role allows something on it; it asks the gateway nothing for the others. */
export function Admission({ children }: { children: ReactNode }) {
  const path = usePathname();
  const router = useRouter();
  const me = useQuery(meQuery());
  const destination = destinationOf(path);
  const caller = me.data;
  const isRefused = caller !== undefined && destination !== undefined && !caller.permissions.includes(destination.permission);
  const first = caller && navigationFor(caller.permissions)[0]?.destinations[0]?.href;
  // Nobody chose the page that one begins on.
  const elsewhere = isRefused && path === HOME ? first : undefined;
  useEffect(() => {
    if (elsewhere) router.replace(elsewhere);
  }, [elsewhere, router]);

  // Without an answer the parts of the page say themselves what is wrong.
  if (caller === undefined && me.failureCount === 0) return <Waiting />;
  if (elsewhere) return <Waiting />;
  if (!isRefused) return children;
  return (
    <>
      <PageHeader title={destination.label} />
      <PageBody>
        <Forbidden>Your role in this workspace does not allow {destination.label}.</Forbidden>
      </PageBody>
    </>
  );
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading" aria-busy className="p-4">
      <Skeleton className="h-96" />
    </div>
  );
}

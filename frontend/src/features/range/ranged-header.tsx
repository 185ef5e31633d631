import type { ReactNode } from "react";
import { PageHeader } from "@/features/frame/page-header";
import { LiveIndicator } from "@/features/live/indicator";
import { EnvironmentFilter } from "@/features/range/environment-filter";
import { RangePicker } from "@/features/range/range-picker";

interface RangedHeaderProps {
  title: string;
  /** Whether the charts of the page can show the period before too. */
  comparable?: boolean;
  /** Whether environments can be told apart there. */
  byEnvironment?: boolean;
  /** What can be done on this page. */
  actions?: ReactNode;
}

/** The head of a page about a range of time, which is chosen here. */
export function RangedHeader({ title, comparable = false, byEnvironment = true, actions }: RangedHeaderProps) {
  return (
    <PageHeader
      title={title}
      actions={
        <>
          {actions}
          <LiveIndicator />
          {byEnvironment ? <EnvironmentFilter /> : null}
          <RangePicker comparable={comparable} />
        </>
      }
    />
  );
}

"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/account";
import { bodyOf, client } from "@/api/client";
import type { View } from "@/api/schema";
import { VIEWS, viewsQuery } from "@/api/traces";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Menu, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { fromTree, toTree } from "@/features/traces/filters";
import { RANGES, type RangeName } from "@/features/range/range";
import { SORTS, type Sort, type TraceList } from "@/features/traces/state";

interface ViewMenuProps {
  list: TraceList;
  columns: readonly string[];
  onColumns: (columns: string[]) => void;
}

/** Saved views of the list: opening one, keeping the present one, deleting one. */
export function ViewMenu({ list, columns, onColumns }: ViewMenuProps) {
  const views = useQuery(viewsQuery());
  const queryClient = useQueryClient();
  const [saving, setSaving] = useState(false);
  const [note, setNote] = useState<string | null>(null);
  const changed = () => queryClient.invalidateQueries({ queryKey: VIEWS });
  const remove = useMutation({
    mutationFn: (viewId: string) => bodyOf(client.DELETE("/api/v1/views/{view_id}", { params: { path: { view_id: viewId } } })),
    onSuccess: changed,
  });
  const mayWrite = useMay("write");

  function open(view: View) {
    const definition = view.definition as Record<string, unknown>;
    const filters = fromTree(definition.filter);
    if (filters === null) {
      setNote(`“${view.name}” holds a filter that only the API can ask for.`);
      return;
    }
    setNote(null);
    const range = definition.range;
    void list.range.setState({
      range: isRange(range) ? range : null,
      from: typeof definition.from === "string" ? definition.from : null,
      to: typeof definition.to === "string" ? definition.to : null,
    });
    list.replaceFilters(filters, typeof definition.q === "string" ? definition.q : "");
    if (isSort(definition.sort)) list.setSort(definition.sort);
    if (Array.isArray(definition.columns) && definition.columns.length > 0) onColumns(definition.columns.map(columnOf));
  }

  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button>
            <Bookmark aria-hidden />
            <span className="hidden sm:inline">Views</span>
          </Button>
        </MenuTrigger>
        <MenuContent align="end" className="min-w-64">
          <MenuLabel>Saved views</MenuLabel>
          {(views.data ?? []).map((view) => (
            <div key={view.id} className="flex items-center">
              <MenuItem className="min-w-0 flex-1" onSelect={() => open(view)}>
                <span className="truncate">{view.name}</span>
                <span className="ml-auto text-xs text-muted">{view.scope === "workspace" ? "shared" : "own"}</span>
              </MenuItem>
              {view.can_change ? (
                <MenuItem
                  aria-label={`Delete the view ${view.name}`}
                  onSelect={(event) => {
                    event.preventDefault();
                    remove.mutate(view.id);
                  }}
                >
                  <Trash2 aria-hidden />
                </MenuItem>
              ) : null}
            </div>
          ))}
          {views.data?.length === 0 ? <p className="px-2 py-1.5 text-sm text-muted">None yet</p> : null}
          {note ? <p className="max-w-64 px-2 py-1.5 text-xs text-warn">{note}</p> : null}
          {mayWrite ? (
            <>
              <MenuSeparator />
              <MenuItem onSelect={() => setSaving(true)}>Save this view…</MenuItem>
            </>
          ) : null}
        </MenuContent>
      </Menu>
      <Dialog title="Save this view" description="Filters, range, sort and columns, under a name." open={saving} onOpenChange={setSaving}>
        <SaveForm list={list} columns={columns} onSaved={() => setSaving(false)} />
      </Dialog>
    </>
  );
}

function SaveForm({ list, columns, onSaved }: { list: TraceList; columns: readonly string[]; onSaved: () => void }) {
  const queryClient = useQueryClient();
  const save = useMutation({
    mutationFn: ({ name, isShared }: { name: string; isShared: boolean }) => {
      const { range, from, to } = list.range.state;
      return bodyOf(
        client.POST("/api/v1/views", {
          body: {
            name,
            scope: isShared ? "workspace" : "private",
            page: "traces",
            definition: {
              ...(from === null ? { range } : { from, to }),
              filter: toTree(list.filters) as Record<string, unknown> | null,
              q: list.q === "" ? null : list.q,
              sort: list.sort,
              columns: columns.map(fieldOf),
              limit: 50,
            },
          },
        }),
      );
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: VIEWS });
      onSaved();
    },
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    save.mutate({ name: String(form.get("name")), isShared: form.get("shared") === "on" });
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <Field name="name" label="Name" required error={save.error?.message} />
      <label className="flex items-center gap-2 text-sm">
        <input type="checkbox" name="shared" className="size-4 accent-(--accent)" />
        Everyone in the workspace sees it
      </label>
      <Button type="submit" variant="primary" disabled={save.isPending}>
        Save
      </Button>
    </form>
  );
}

/** Columns of the table by the fields of the gateway that they show. */
const FIELDS: Readonly<Record<string, string>> = {
  time: "start_time", status: "status", agent: "agent_id", name: "name", preview: "input_preview", output: "output_preview",
  duration: "duration_ms", tokens: "tokens_total", cost: "cost_usd", spans: "span_count", errors: "error_count", models: "models",
  user: "user_id", session: "session_id", environment: "environment", release: "release", tags: "tags", scores: "scores", id: "trace_id",
};

function fieldOf(column: string): string {
  return FIELDS[column] ?? column;
}

function columnOf(field: unknown): string {
  return Object.keys(FIELDS).find((column) => FIELDS[column] === field) ?? String(field);
}

function isRange(value: unknown): value is RangeName {
  return RANGES.includes(value as RangeName);
}

function isSort(value: unknown): value is Sort {
  return SORTS.includes(value as Sort);
}

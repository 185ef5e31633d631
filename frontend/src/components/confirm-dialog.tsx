"use client";

import { type FormEvent, type ReactNode, useState } from "react";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";

interface ConfirmDialogProps {
  title: string;
  /** What follows, in whole sentences. */
  description: string;
  /** What the button that does it says. */
  action: string;
  change: { isPending: boolean; error: Error | null; reset: () => void };
  onConfirm: (close: () => void) => void;
  tone?: "danger" | "primary";
  /** What has to be typed first, for what cannot be undone. */
  typed?: string;
  trigger?: ReactNode;
  /** Of dialogs without a trigger: called when it was closed without doing it, too. */
  onClose?: () => void;
  children?: ReactNode;
}

/** Asks before something is done; stays open with what went wrong when it was not. */
export function ConfirmDialog({ title, description, action, change, onConfirm, tone = "danger", typed, trigger, onClose, children }: ConfirmDialogProps) {
  const [isOpen, setOpen] = useState(trigger === undefined);
  const [text, setText] = useState("");
  function show(open: boolean) {
    setOpen(open);
    setText("");
    change.reset();
    if (!open) onClose?.();
  }
  function confirm(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    onConfirm(() => show(false));
  }
  return (
    <Dialog title={title} description={description} open={isOpen} onOpenChange={show} trigger={trigger}>
      <form onSubmit={confirm} className="grid gap-4">
        {children}
        {typed === undefined ? null : (
          <Field label={`Type ${typed} to confirm`} value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" spellCheck={false} />
        )}
        <FormError error={change.error} />
        <div className="flex flex-wrap justify-end gap-2">
          <DialogClose asChild>
            <Button>Cancel</Button>
          </DialogClose>
          <Button type="submit" variant={tone} disabled={change.isPending || (typed !== undefined && text !== typed)}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

"use client";

import { X } from "lucide-react";
import { Dialog as Primitive } from "radix-ui";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { useFocusReturn } from "@/components/ui/focus-return";
import { cn } from "@/lib/cn";

export const DialogClose = Primitive.Close;

interface DialogProps {
  title: string;
  description?: string;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  trigger?: ReactNode;
  children: ReactNode;
  /** A dialog in the middle, or a sheet from the left or the right. */
  side?: "middle" | "left" | "right";
  className?: string;
}

const places = {
  middle: "top-1/2 left-1/2 max-h-[85vh] w-[min(32rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 rounded-lg border",
  left: "inset-y-0 left-0 w-72 max-w-[85vw] border-r",
  right: "inset-y-0 right-0 w-[min(48rem,100vw)] border-l",
};

export function Dialog({ title, description, open, onOpenChange, trigger, children, side = "middle", className }: DialogProps) {
  const focusReturn = useFocusReturn();
  const controlled = { ...(open === undefined ? {} : { open }), ...(onOpenChange ? { onOpenChange } : {}) };
  return (
    <Primitive.Root {...controlled}>
      {trigger ? <Primitive.Trigger asChild>{trigger}</Primitive.Trigger> : null}
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Primitive.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          {...(trigger ? {} : focusReturn)}
          className={cn("animate-appear fixed z-50 flex flex-col overflow-y-auto border-line bg-surface p-5", places[side], className)}
        >
          <div className="flex items-start justify-between gap-4">
            <Primitive.Title className="text-lg font-semibold">{title}</Primitive.Title>
            <Primitive.Close asChild>
              <Button variant="ghost" size="icon-sm" aria-label="Close" className="-mt-1 -mr-1">
                <X aria-hidden />
              </Button>
            </Primitive.Close>
          </div>
          {description ? <Primitive.Description className="mt-1 text-sm text-muted">{description}</Primitive.Description> : null}
          <div className="mt-4 min-h-0 flex-1">{children}</div>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

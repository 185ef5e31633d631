"use client";

import { Check, Copy, Link2 } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { copyText } from "@/lib/clipboard";

const SHOWN_MS = 1500;

/** Copies a text, and whether that was just done. */
function useCopy(): [isCopied: boolean, copy: (text: string) => void] {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return [isCopied, (text) => void copyText(text).then(() => setCopied(true))];
}

export function CopyButton({ text, label = "Copy", autoFocus = false }: { text: string; label?: string; autoFocus?: boolean }) {
  const [isCopied, copy] = useCopy();
  return (
    <Button variant="ghost" size="icon-sm" autoFocus={autoFocus} aria-label={isCopied ? "Copied" : label} onClick={() => copy(text)}>
      {isCopied ? <Check aria-hidden /> : <Copy aria-hidden />}
    </Button>
  );
}

/** Copies the address of the page as it is shown. */
export function CopyLinkButton() {
  const [isCopied, copy] = useCopy();
  return (
    <Button onClick={() => copy(window.location.href)}>
      {isCopied ? <Check aria-hidden /> : <Link2 aria-hidden />}
      <span aria-live="polite">{isCopied ? "Copied" : "Copy link"}</span>
    </Button>
  );
}

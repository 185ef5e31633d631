import { createContext, useContext } from "react";

export interface ShellActions {
  openPalette: () => void;
  openHelp: () => void;
  toggleSidebar: () => void;
}

export const ShellContext = createContext<ShellActions | null>(null);

export function useShell(): ShellActions {
  const shell = useContext(ShellContext);
  if (shell === null) throw new Error("useShell needs a Shell");
  return shell;
}

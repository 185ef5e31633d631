import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { ConfirmDialog } from "@/components/confirm-dialog";

function show(error: Error | null = null) {
  const onConfirm = vi.fn<(close: () => void) => void>();
  const reset = vi.fn();
  render(
    <ConfirmDialog
      title="Delete it?"
      description="It is gone then."
      action="Delete"
      typed="shop"
      change={{ isPending: false, error, reset }}
      onConfirm={onConfirm}
      trigger={<button type="button">Open</button>}
    />,
  );
  return { onConfirm, reset };
}

it("does nothing before the name was typed, not even by Enter", async () => {
  const { onConfirm } = show();
  await userEvent.click(screen.getByRole("button", { name: "Open" }));
  const input = screen.getByLabelText("Type shop to confirm");
  await userEvent.type(input, "sho{Enter}");
  expect(screen.getByRole("button", { name: "Delete" })).toBeDisabled();
  expect(onConfirm).not.toHaveBeenCalled();
  await userEvent.type(input, "p{Enter}");
  expect(onConfirm).toHaveBeenCalledOnce();
});

it("closes when told to, and forgets what was typed", async () => {
  const { onConfirm, reset } = show();
  onConfirm.mockImplementation((close) => close());
  await userEvent.click(screen.getByRole("button", { name: "Open" }));
  await userEvent.type(screen.getByLabelText("Type shop to confirm"), "shop{Enter}");
  expect(screen.queryByRole("dialog")).not.toBeInTheDocument();
  expect(reset).toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "Open" }));
  expect(screen.getByLabelText("Type shop to confirm")).toHaveValue("");
});

it("shows what went wrong", async () => {
  show(new Error("The last owner stays."));
  await userEvent.click(screen.getByRole("button", { name: "Open" }));
  expect(screen.getByRole("alert")).toHaveTextContent("The last owner stays.");
});

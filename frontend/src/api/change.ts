import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";

/** A change at the gateway; it is over once what it made stale has been read again. */
export function useChange<Input = void, Output = unknown>(mutationFn: (input: Input) => Promise<Output>, stale: readonly QueryKey[]) {
  const queryClient = useQueryClient();
  return useMutation<Output, Error, Input>({
    mutationFn,
    onSuccess: () => Promise.all(stale.map((queryKey) => queryClient.invalidateQueries({ queryKey }))),
  });
}

import { type ReactNode, useId } from "react";
import { FieldFrame } from "@/components/ui/field";
import { Select, type SelectProps } from "@/components/ui/select";

export function SelectField<Value extends string>({ hint, className, ...props }: Omit<SelectProps<Value>, "id"> & { hint?: ReactNode }) {
  const id = useId();
  return (
    <FieldFrame id={id} label={props.label} hint={hint} className={className}>
      <Select id={id} {...props} />
    </FieldFrame>
  );
}

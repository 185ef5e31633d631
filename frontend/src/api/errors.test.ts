import { describe, expect, it } from "vitest";
import { ApiError, problemsOf } from "@/api/errors";

const refused = (details: { field: string; message: string }[]) => new ApiError(422, "invalid_fields", "Some fields are not valid.", details, null, null);

describe("what is wrong with a form", () => {
  it("stands at its fields, the first of each", () => {
    const error = refused([{ field: "body.name", message: "too short" }, { field: "name", message: "second" }, { field: "elsewhere", message: "x" }]);
    expect(problemsOf(error, ["name", "slug"])).toEqual({ at: { name: "Too short" }, general: null });
  });
  it("is about the whole where it names no field of it", () => {
    const error = refused([{ field: "elsewhere", message: "x" }]);
    expect(problemsOf(error, ["name"])).toEqual({ at: {}, general: error });
    expect(problemsOf(null, ["name"])).toEqual({ at: {}, general: null });
  });
});

import { capitalised } from "@/lib/format";

export interface FieldProblem {
  field: string;
  message: string;
}

/** What the gateway answered instead of data. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: readonly FieldProblem[],
    readonly requestId: string | null,
    /** Seconds after which asking again makes sense, null when not told. */
    readonly retryAfter: number | null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether another try may succeed without any change. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** What is wrong with each of a form's fields, and the error itself where it is about none of them. */
export function problemsOf(error: Error | null, fields: readonly string[]): { at: Readonly<Record<string, string>>; general: Error | null } {
  const at: Record<string, string> = {};
  for (const { field, message } of error instanceof ApiError ? error.details : []) {
    // The gateway says where in the body a field stands; forms know it by its name.
    const name = field.split(".").at(-1) ?? field;
    if (fields.includes(name)) at[name] ??= capitalised(message);
  }
  return { at, general: Object.keys(at).length > 0 ? null : error };
}

/** The error of an answer that is not a success, whatever its body. */
export function errorOf(response: Response, body: unknown): ApiError {
  const document = isRecord(body) ? body : {};
  const error = isRecord(document.error) ? document.error : {};
  const meta = isRecord(document.meta) ? document.meta : {};
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiError(
    response.status,
    text(error.code) ?? `http_${response.status}`,
    text(error.message) ?? `The server answered ${response.status}.`,
    Array.isArray(error.details) ? error.details.filter(isProblem) : [],
    text(meta.request_id) ?? response.headers.get("x-request-id"),
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isProblem(value: unknown): value is FieldProblem {
  return isRecord(value) && typeof value.field === "string" && typeof value.message === "string";
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** What stands in place of a secret. */
export const REDACTED = "<redacted>";

const NAMES =
  "api[-_]?key|apikey|x-api-key|authorization|proxy-authorization|cookie|set-cookie|password|passwd|secret|client[-_]?secret|" +
  "private[-_]?key|access[-_]?token|refresh[-_]?token|id[-_]?token|auth[-_]?token|session[-_]?token|secret[-_]?key|" +
  "access[-_]?key|bearer[-_]?token|credentials?|passphrase|secret[-_]?access[-_]?key|connection[-_]?string|cvv|card[-_]?number";
const SECRET_NAME = new RegExp(`^(?:.*[-_.])?(?:${NAMES})$`, "i");
const CAMEL = /([a-z0-9])([A-Z])/g;
/**
 * Entries of JSON under the name of a secret, as instrumentations write them into text; the second in JSON that is text
 * in JSON.
 */
const SECRET_ENTRY = new RegExp(
  `"((?:[\\w.-]*[-_.])?(?:${NAMES}))"(\\s*:\\s*)(?:"(?:[^"\\\\]|\\\\.)*"|\\d[\\d.]*)`,
  "gi",
);
const NESTED_SECRET_ENTRY = new RegExp(
  `\\\\"((?:[\\w.-]*[-_.])?(?:${NAMES}))\\\\"(\\s*:\\s*)\\\\"(?:[^"\\\\]|\\\\(?!"))*\\\\"`,
  "gi",
);
const HINT =
  /sk-|earer|AKIA|ASIA|gh[pousr]_|github_pat_|xox[abeprs]-|AIza|eyJ|PRIVATE KEY|ao_live_|glpat|k_live_|k_test_/;
const VALUES = new RegExp(
  [
    String.raw`\bsk-(?:ant-|proj-|svcacct-|lf-)?[\w-]{20,}`,
    String.raw`\b[Bb]earer\s+[\w.~+/-]{16,}=*`,
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,
    String.raw`\bgh[pousr]_\w{30,}`,
    String.raw`\bgithub_pat_\w{40,}`,
    String.raw`\bxox[abeprs]-[\w-]{10,}`,
    String.raw`\bAIza[\w-]{35}\b`,
    String.raw`\bglpat-[\w-]{16,}`,
    String.raw`\b[srp]k_(?:live|test)_\w{16,}`,
    String.raw`\bao_live_\w{30,}`,
    String.raw`\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,20000}?-----END [A-Z ]*PRIVATE KEY-----`,
  ].join("|"),
  "g",
);
const NAME_HINT = /key|authoriz|cookie|pass|secret|token|credential|cvv|card|connection/i;

const known = new Map<string, boolean>();
const KNOWN_LIMIT = 4096;

/** Whether values under this name are secrets. */
export function isSecretName(name: string): boolean {
  const found = known.get(name);
  if (found !== undefined) return found;
  const secret = name.length <= 64 && SECRET_NAME.test(name.replace(CAMEL, "$1_$2"));
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(name, secret);
  return secret;
}

/**
 * Returns text without what is plainly a secret: keys of known providers, bearer tokens, private keys, JSON entries
 * named so.
 */
export function redactText(text: string): string {
  let clean = text;
  if (HINT.test(clean)) clean = clean.replace(VALUES, REDACTED);
  if (NAME_HINT.test(clean) && clean.includes('"')) {
    clean = clean.replace(SECRET_ENTRY, `"$1"$2"${REDACTED}"`);
    if (clean.includes('\\"')) clean = clean.replace(NESTED_SECRET_ENTRY, `\\"$1\\"$2\\"${REDACTED}\\"`);
  }
  return clean;
}

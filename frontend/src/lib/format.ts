/** How numbers, money, durations and times are written, everywhere. */

export const MISSING = "–";
type Value = number | string | null | undefined;

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** A value of the API, whose integers beyond 2^53 are texts; null when there is none. */
export function toNumber(value: Value): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** 1,284 up to ten thousand, then 12.9 k, 3.4 M, 1.2 B. */
export function formatCount(value: Value): string {
  const number = toNumber(value);
  if (number === null) return MISSING;
  const size = Math.abs(number);
  if (size < 10_000) return Number.isInteger(number) ? whole.format(number) : oneDigit.format(number);
  // What rounds up to the next unit is written in it.
  if (size < 999_950) return `${oneDigit.format(number / 1e3)} k`;
  if (size < 999_950_000) return `${oneDigit.format(number / 1e6)} M`;
  return `${oneDigit.format(number / 1e9)} B`;
}

const threeDigits = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** How often something happens in a unit of time: 0.25, 12.3, 1,284. */
export function formatRate(value: Value): string {
  const number = toNumber(value);
  if (number === null) return MISSING;
  return Math.abs(number) < 100 ? threeDigits.format(number) : formatCount(number);
}

/** Every digit, in groups. */
export function formatExact(value: Value): string {
  const number = toNumber(value);
  return number === null ? MISSING : whole.format(number);
}

/** $1,204.50 from a cent on; below it as many places as show two digits, such as $0.0042, down to <$0.00001. */
export function formatMoney(value: Value): string {
  const number = toNumber(value);
  if (number === null) return MISSING;
  const size = Math.abs(number);
  const sign = number < 0 ? "-" : "";
  if (size === 0) return "$0.00";
  if (size >= 0.995e6) return `${sign}$${formatCount(size)}`;
  if (size >= 0.1) return `${sign}$${cents.format(size)}`;
  if (size < 1e-5) return `${number < 0 ? ">-" : "<"}$0.00001`;
  const places = 1 - Math.floor(Math.log10(size));
  return `${sign}$${trimZeros(size.toFixed(places))}`;
}

/** 0.8 ms, 842 ms, 2.4 s, 3 min 20 s, 2 h 5 min. */
export function formatDuration(milliseconds: Value): string {
  const number = toNumber(milliseconds);
  if (number === null) return MISSING;
  if (number < 10) return `${oneDigit.format(number)} ms`;
  if (number < 999.5) return `${whole.format(number)} ms`;
  if (number < 59_950) return `${oneDigit.format(number / 1000)} s`;
  const seconds = Math.round(number / 1000);
  if (seconds < 3600) return joinUnits(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return joinUnits(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return joinUnits(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joinUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** 12 /s, 2.2 /min, 3 /h: in the unit that leaves something to read. */
export function formatPerSecond(perSecond: Value): string {
  const number = toNumber(perSecond);
  if (number === null) return MISSING;
  if (number === 0 || number >= 1) return `${formatCount(number)} /s`;
  return number * 60 >= 1 ? `${formatCount(number * 60)} /min` : `${formatCount(number * 3600)} /h`;
}

/** A share of 1 as a percentage. */
export function formatShare(share: Value): string {
  const number = toNumber(share);
  return number === null ? MISSING : formatPercent(number * 100);
}

/** 0.04 %, 3.2 %, 42 %. */
export function formatPercent(percent: Value): string {
  const number = toNumber(percent);
  if (number === null) return MISSING;
  const size = Math.abs(number);
  if (size !== 0 && size < 0.01) return number < 0 ? ">-0.01 %" : "<0.01 %";
  const places = size === 0 || size >= 99.95 ? 0 : size < 1 ? 2 : 1;
  return `${trimZeros(number.toFixed(places))} %`;
}

/** How far a figure changed, whichever way; against next to nothing any change is huge, and its digits say nothing. */
export function formatChange(percent: Value): string {
  const number = toNumber(percent);
  if (number === null) return MISSING;
  return Math.abs(number) > 999 ? ">999 %" : formatPercent(Math.abs(number));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** 1.5 KB, 20 MB. */
export function formatBytes(value: Value): string {
  const number = toNumber(value);
  if (number === null) return MISSING;
  if (number < 1024) return `${whole.format(number)} B`;
  const units = ["KB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log(number) / Math.log(1024)));
  return `${oneDigit.format(number / 1024 ** power)} ${units[power - 1] ?? ""}`;
}

const DAY_MS = 86_400_000;
const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const month = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const complete = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});

/** 14:03:22 today, 3 Nov, 14:03 before; in the viewer's time zone. */
export function formatTime(value: string | Date | null | undefined, now: Date = new Date()): string {
  const date = toDate(value);
  if (date === null) return MISSING;
  return date.toDateString() === now.toDateString() ? timeOfDay.format(date) : dayAndTime.format(date);
}

/** 3 Nov 2026, 14:03:22 CET. */
export function formatTimestamp(value: string | Date | null | undefined): string {
  const date = toDate(value);
  return date === null ? MISSING : complete.format(date);
}

/** 3 Nov. */
export function formatDay(value: string | Date | null | undefined): string {
  const date = toDate(value);
  return date === null ? MISSING : day.format(date);
}

/** November 2026, of a date without time such as 2026-11-01, which is the same month in every zone. */
export function formatMonth(value: string): string {
  const date = toDate(value);
  return date === null ? MISSING : month.format(date);
}

/** just now, 3 min ago, 5 h ago, 2 d ago; in the future: in 3 min. */
export function formatAgo(value: string | Date | null | undefined, now: Date = new Date()): string {
  const date = toDate(value);
  if (date === null) return MISSING;
  const seconds = Math.round((now.getTime() - date.getTime()) / 1000);
  const size = Math.abs(seconds);
  if (size < 10) return "just now";
  const text =
    size < 60 ? `${size} s`
    : size < 3600 ? `${Math.floor(size / 60)} min`
    : size < 86_400 ? `${Math.floor(size / 3600)} h`
    : `${Math.floor(size / 86_400)} d`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** What stands at a bucket: the day where buckets are days or begin one, the time of day otherwise. */
export function formatTick(value: string | Date, bucketMs: number): string {
  const date = toDate(value);
  if (date === null) return "";
  if (bucketMs >= DAY_MS) return day.format(date);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (isMidnight) return day.format(date);
  return timeOfDay.format(date).slice(0, bucketMs < 60_000 ? 8 : 5);
}

/** Which buckets of a chart are named below it: over several days those that begin one, as many as find room. */
export function dayTicks(times: readonly string[], most = 8): string[] | undefined {
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined || Date.parse(last) - Date.parse(first) < 3 * DAY_MS) return undefined;
  const seen = new Set<string>();
  const days = times.filter((time) => {
    const name = new Date(time).toDateString();
    const isNew = !seen.has(name);
    seen.add(name);
    return isNew;
  });
  // The first day is cut off as a rule.
  const whole = days.slice(1);
  const step = Math.ceil(whole.length / most);
  return whole.filter((_, index) => index % step === 0);
}

function toDate(value: string | Date | null | undefined): Date | null {
  if (value === null || value === undefined) return null;
  const date = value instanceof Date ? value : new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** An identifier short enough for a cell: its beginning and its end. */
export function shortId(id: string, length = 12): string {
  return id.length <= length ? id : `${id.slice(0, length - 5)}…${id.slice(-4)}`;
}

/** A text that begins a sentence or a cell. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

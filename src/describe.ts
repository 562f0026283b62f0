/** A short, safe description of a bad value for an error message. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    if (Array.isArray(value)) return "an array";
    const name = value.constructor?.name ?? "null-prototype";
    if (name === "Object") return "an object";
    return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name} object`;
  }
  return String(value);
}

/**
 * What to say of something that was thrown, whatever that was. Node's error of a refused connection has an empty message
 * and one error per address.
 */
export function messageOf(thrown: unknown): string {
  try {
    if (typeof thrown !== "object" || thrown === null) return String(thrown);
    const { message, errors, code } = thrown as Readonly<Record<string, unknown>>;
    if (message) return String(message);
    return Array.isArray(errors) ? errors.map(messageOf).join("; ") : String(code ?? "no message");
  } catch {
    // One whose getters or toString throw.
    return typeof thrown;
  }
}

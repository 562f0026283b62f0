import fc from "fast-check";

/** Any code point, NUL and halves of surrogate pairs too. (The units of fast-check itself take a second to load.) */
const codePoint = fc
  .oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xffff }), fc.nat({ max: 0x10_ffff }), fc.constant(0))
  .map((code) => String.fromCodePoint(code));

/** Any string that JavaScript can have. */
export function anyText(
  length: { readonly minLength?: number; readonly maxLength?: number } = {},
): fc.Arbitrary<string> {
  return fc.string({ unit: codePoint, ...length });
}

/** Any text that Postgres can store. */
export function storableText(
  length: { readonly minLength?: number; readonly maxLength?: number } = {},
): fc.Arbitrary<string> {
  return anyText(length).filter((text) => !/[\0\p{Surrogate}]/u.test(text));
}

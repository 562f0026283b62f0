/** An object of JSON, or what is wrong with the text. */
export type ReadArgs = { readonly args: object } | { readonly problem: string };

/** What a string begins or ends with, what is escaped in it, or a number. */
const TOKEN = /"|\\.|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Reads arguments of a job, which are not quoted in what is wrong: they may be secret. */
export function readArgs(text: string): ReadArgs {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // What else V8 says quotes the text.
    const position = /at position (\d+)/.exec(String(error))?.[1];
    const where = position === undefined ? "" : ` at position ${position}`;
    return { problem: `is not JSON${where}. In a shell it needs quotes around it: '{"userId":"1"}'.` };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { problem: 'is not a JSON object, like {"userId":"1"}.' };
  }
  let isInString = false;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '"') isInString = !isInString;
    if (isInString || !/^-?\d+$/.test(token) || Number.isSafeInteger(Number(token))) continue;
    const bounds = `${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}`;
    return {
      problem: `has a whole number at position ${index} that would be changed: they go from ${bounds}. Make it a string.`,
    };
  }
  return { args: parsed };
}

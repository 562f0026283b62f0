import { countLines, type SourceFile } from "./source-file.ts";

const MAX_FILE_LINES = 250;
const MAX_MEDIAN_LINES = 80;
const MAX_FUNCTION_LINES = 50;

/** Where time, randomness, output and environment come in; everything else gets them as parameters. */
const MAY_REACH_OUT = /^src\/(app|clock|logger)\.ts$|^src\/cli\//;
/** A connector is tried with statements that are none of the queue. */
const MAY_HOLD_SQL = /^src\/(sql|testing\/conformance)\//;
const REACHES_OUT = /^(Date\.now|performance\.now|Math\.random|console\.\w+|process\.env|new Date(\(\))?)$/;
const SQL = [
  /\bselect\s[\s\S]*\sfrom\s/i,
  /\b(insert\s+into|delete\s+from|truncate\s+table)\s/i,
  /\bupdate\s+\S+(\s+\w+)?\s+set\s/i,
  /\b(create|alter|drop)\s+(table|index|type|schema)\b/i,
  /\bfor\s+update\b|\bskip\s+locked\b|\bpg_\w+\(/i,
];

/** Checks what stands in each file, and how much. */
export function checkCode(files: readonly SourceFile[]): string[] {
  return [...files.flatMap(checkFile), ...checkMedian(files)];
}

function checkFile({ path, lines, functions, banned, uses, texts }: SourceFile): string[] {
  const isLong = (text: string) => countLines(text) > MAX_FUNCTION_LINES;
  const reachesOut = (text: string) => !MAY_REACH_OUT.test(path) && REACHES_OUT.test(text);
  const isSql = (text: string) => !MAY_HOLD_SQL.test(path) && SQL.some((pattern) => pattern.test(text));
  const problems = [
    ...functions
      .filter(({ text }) => isLong(text))
      .map(({ line, text }) => [line, `a function of ${countLines(text)} lines`]),
    ...banned.map(({ line, text }) => [line, text]),
    ...uses.filter(({ text }) => reachesOut(text)).map(({ line, text }) => [line, `${text}: take it as a parameter`]),
    ...texts.filter(({ text }) => isSql(text)).map(({ line }) => [line, "SQL outside src/sql"]),
  ];
  if (lines > MAX_FILE_LINES) problems.push([lines, `a file of ${lines} lines`]);
  return problems.map(([line, problem]) => `${path}:${line} ${problem}`);
}

function checkMedian(files: readonly SourceFile[]): string[] {
  const lines = files.map((file) => file.lines).sort((a, b) => a - b);
  const median = lines[Math.floor(lines.length / 2)] ?? 0;
  return median > MAX_MEDIAN_LINES ? [`the median file has ${median} lines: ${MAX_MEDIAN_LINES} at most`] : [];
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A page of the documentation. */
export interface Page {
  /** Its path in the repository: `docs/locks.md`. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of code. */
export interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  /** With the hidden preamble before it, if it has one. */
  readonly code: string;
  /** The path that its first line gives, as in `// src/app.ts`. */
  readonly file: string | undefined;
}

/** The README and all pages of docs. */
export function readPages(root: string): Page[] {
  const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...docs.sort().map((name) => `docs/${name}`)].map((path) => ({
    path,
    text: readFileSync(join(root, path), "utf8"),
  }));
}

const FENCE = /^```(\w*)$/;
const FILE_LINE = /^\/\/ (\S+\.(?:ts|js|prisma))$/;
const HIDDEN_START = "<!-- ts";
const HIDDEN_END = "-->";

/**
 * The blocks of a page, in order. A comment `<!-- ts … -->` is code that the reader does not see: a file of the page if
 * its first line names one, else a preamble of the block that follows.
 */
export function findBlocks({ path, text }: Page): Block[] {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  let preamble = "";
  for (let at = 0; at < lines.length; at++) {
    const opening = lines[at] ?? "";
    const isHidden = opening === HIDDEN_START;
    const language = isHidden ? "ts" : FENCE.exec(opening)?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf(isHidden ? HIDDEN_END : "```", at + 1);
    if (end < 0) throw new Error(`${path}:${at + 1}: a block without an end`);
    const code = lines.slice(at + 1, end).join("\n");
    const file = FILE_LINE.exec(lines[at + 1] ?? "")?.[1];
    if (isHidden && file === undefined) preamble = `${code}\n`;
    else {
      blocks.push({ page: path, line: at + 1, language, code: preamble + code, file });
      preamble = "";
    }
    at = end;
  }
  return blocks;
}

/** Where the code of a block is written in an app folder: files of a page lie together, and all others have a name of their own. */
export function fileOf({ page, file, line, code }: Block): string {
  // Vitest finds its tests by their names.
  const suffix = /from "vitest"/.test(code) ? ".test.ts" : ".ts";
  return `${page.replace(/\.md$/, "")}/${file ?? `line-${line}${suffix}`}`;
}

/** What links may name in a page: its headings, as GitHub writes them, and what it names itself. */
export function readAnchors(text: string): string[] {
  const plain = text.replace(/^```.*?^```/gms, "");
  const headings = [...plain.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  return [...headings, ...[...plain.matchAll(/<a id="([^"]+)"/g)].map(([, id = ""]) => id)];
}

/** The part of a page under a heading, up to the next one of its level. */
export function section({ path, text }: Page, heading: string): Page {
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`${path} has no heading "${heading}"`);
  const level = heading.slice(0, heading.indexOf(" ") + 1);
  const end = text.indexOf(`\n${level}`, start + heading.length);
  return { path, text: text.slice(start, end < 0 ? undefined : end) };
}

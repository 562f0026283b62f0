import { fileOf, findBlocks, type Page } from "./markdown.ts";

/** What is done with a page, in the order of its lines. */
export type Step =
  /** Run a block of TypeScript. */
  | { readonly kind: "module"; readonly line: number; readonly file: string }
  /** Run SQL, as in `<!-- sql: create table users (id int) -->`. */
  | { readonly kind: "sql"; readonly line: number; readonly sql: string }
  /** Look at what SQL gives, as in `<!-- expect: select status from procrastinate_jobs -> todo -->`. */
  | { readonly kind: "expect"; readonly line: number; readonly sql: string; readonly gives: string };

/** A page that is run, in a folder of its own. */
export interface PagePlan {
  readonly page: string;
  readonly folder: string;
  readonly steps: readonly Step[];
}

/** Removes what a page leaves in the database: rows of the queue, and tables of its own. */
export const CLEAR = `
do $$ declare own text; begin
  for own in select quote_ident(tablename) from pg_tables where schemaname = 'public' loop
    if own like 'procrastinate_%' then execute 'truncate ' || own || ' restart identity';
    else execute 'drop table ' || own; end if;
  end loop;
end $$`;

const SQL = /^<!-- sql: (.+) -->$/;
const EXPECT = /^<!-- expect: (.+) -> (.*) -->$/;

/** The steps of a page: its blocks, and what its comments say. */
export function findSteps(page: Page): Step[] {
  const modules = findBlocks(page)
    .filter(({ language }) => language === "ts")
    .map((block): Step => ({ kind: "module", line: block.line, file: fileOf(block) }));
  const comments = page.text.split("\n").flatMap((text, index) => commentStep(text, index + 1));
  return [...modules, ...comments].sort((a, b) => a.line - b.line);
}

function commentStep(text: string, line: number): Step[] {
  const [, sql] = SQL.exec(text) ?? [];
  if (sql !== undefined) return [{ kind: "sql", line, sql }];
  const [, asked, gives] = EXPECT.exec(text) ?? [];
  if (asked !== undefined && gives !== undefined) return [{ kind: "expect", line, sql: asked, gives }];
  if (/^<!-- *(sql|expect)\b/.test(text)) throw new Error(`line ${line} cannot be read: ${text}`);
  return [];
}

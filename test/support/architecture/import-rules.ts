import type { SourceFile } from "./source-file.ts";

const BELOW_APP = ["kernel", "task", "sql", "schema", "defer", "jobs", "periodic", "worker"];
/** An edge is built on what an app has: the public API. */
const EDGE = ["kernel", "app", "index", "src/sql/statement.ts"];
/** Those of an ORM also reach its driver, and what its sessions are like. */
const ORM_EDGE = [...EDGE, "driver", "src/sql/plan-mode.ts", "src/sql/session-process.ts"];

/** What each part may import besides itself: parts, or single files. A part is a folder; the rest of src is the kernel. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  task: ["kernel"],
  sql: ["kernel"],
  schema: ["kernel", "sql"],
  defer: ["kernel", "task", "sql"],
  jobs: ["kernel", "task", "sql"],
  periodic: ["kernel", "task", "sql", "defer", "jobs"],
  worker: ["kernel", "task", "sql", "schema", "defer", "jobs"],
  app: BELOW_APP,
  index: [...BELOW_APP, "app"],
  cli: [...EDGE, "schema", "src/sql/migration-script.ts"],
  testing: [
    ...EDGE,
    "src/defer/new-job.ts",
    "src/sql/find-deferred-jobs.ts",
    "src/sql/shift-times.ts",
    "src/task/context-key.ts",
    "src/task/task-registry.ts",
    "src/task/task.ts",
    "src/task/validate-args.ts",
  ],
  driver: ["kernel", "src/sql/statement.ts"],
  drizzle: ORM_EDGE,
  prisma: ORM_EDGE,
};

/** Who may import a package: what its path begins with. Every package that the product imports stands here. */
const PACKAGE_USERS: readonly (readonly [RegExp, string])[] = [
  [/^node:/, ""],
  [/^@standard-schema\/spec$/, "src/"],
  [/^drizzle-orm(\/|$)/, "drizzle/"],
  [/^@prisma\//, "prisma/"],
  [/^pg$/, "prisma/"],
  [/^(@bomb\.sh\/tab|cli-progress|cli-table3|commander|jiti|pino|pino-pretty)(\/|$)/, "src/cli/"],
  [/^(croner|cron-parser)$/, "src/periodic/cron.ts"],
];

/** Checks who imports whom. */
export function checkImports(files: readonly SourceFile[]): string[] {
  const paths = new Set(files.map((file) => file.path));
  const problems = files.flatMap((file) =>
    file.imports.flatMap(({ line, text }) => {
      const problem = /^(src|drizzle|prisma|\.\.)\//.test(text)
        ? checkFile(file.path, text, paths)
        : checkPackage(file.path, text);
      return problem === undefined ? [] : [`${file.path}:${line} ${problem}`];
    }),
  );
  return [...problems, ...findCycles(files)];
}

function partOf(path: string): string {
  const [root = "", name = ""] = path.split("/");
  if (root !== "src") return root;
  if (path === "src/app.ts" || path === "src/index.ts") return path.slice("src/".length, -".ts".length);
  return name.endsWith(".ts") ? "kernel" : name;
}

function checkFile(from: string, to: string, paths: ReadonlySet<string>): string | undefined {
  if (!paths.has(to)) return `imports ${to}, which is no file of the product`;
  const part = partOf(from);
  const allowed = MAY_IMPORT[part];
  if (allowed === undefined) return `is in "${part}", which no rule knows`;
  if (part === partOf(to) || allowed.includes(partOf(to)) || allowed.includes(to)) return undefined;
  return `imports ${to}: ${part} may import ${allowed.join(", ") || "nothing"}`;
}

function checkPackage(from: string, name: string): string | undefined {
  const user = PACKAGE_USERS.find(([pattern]) => pattern.test(name))?.[1];
  if (user === undefined) return `imports ${name}, a package that no rule knows`;
  return from.startsWith(user) ? undefined : `imports ${name}: only ${user} may`;
}

/** Each cycle once, from the file where the search entered it. */
function findCycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(files.map((file) => [file.path, file.imports.map(({ text }) => text)]));
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(`cycle: ${[...trail.slice(start), path].join(" -> ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return cycles;
}

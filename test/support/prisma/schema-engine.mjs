#!/usr/bin/env node
// Stands in for Prisma's schema engine, a native program that the CLI downloads: the same engine as WebAssembly, from
// npm, so that the tests run the real CLI without a network. Set PRISMA_SCHEMA_ENGINE_BINARY to the path of this file.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { runDatabaseCommand } from "./schema-engine/database-command.mjs";
import { createEngine, ENGINE_VERSION, reportPanic } from "./schema-engine/engine.mjs";
import { METHODS } from "./schema-engine/methods.mjs";

const args = process.argv.slice(2);
const valuesOf = (name) => args.flatMap((arg, index) => (arg === name ? [args[index + 1]] : []));
const { url, shadowDatabaseUrl } = JSON.parse(valuesOf("--datasource")[0] ?? "{}");

if (args[0] === "--version") {
  process.stdout.write(`schema-engine-cli ${ENGINE_VERSION}\n`);
} else if (args.includes("cli")) {
  process.exitCode = await runDatabaseCommand(args[args.indexOf("cli") + 1], url);
} else {
  process.on("uncaughtException", (error) => {
    reportPanic(String(error.stack));
    process.exit(101);
  });
  serve();
}

/** Answers the CLI's JSON-RPC, one request after the other. */
function serve() {
  let engine;
  let pending = Promise.resolve();
  const files = valuesOf("--datamodels").map((path) => [path, readFileSync(path, "utf8")]);
  const answer = async ({ id, method, params }) => {
    try {
      engine ??= await createEngine({ files, url, shadowDatabaseUrl });
      const result = await (METHODS[method]?.(engine, params) ?? engine[method](params));
      // What `diff` finds is printed by a call of its own.
      if (method === "diff" && typeof result.stdout === "string") {
        send({ id: 900_000 + id, method: "print", params: { content: result.stdout } });
        result.stdout = null;
      }
      send({ id, result: result ?? {} });
    } catch (error) {
      const { message = String(error), meta = null, code = null } = error ?? {};
      const data = { is_panic: false, message, meta, error_code: code };
      send({ id, error: { code: 4466, message: "An error happened. Check the data field for details.", data } });
    }
  };
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const request = JSON.parse(line || "{}");
      // Answers of the CLI to our own calls have no method.
      if (request.method) pending = pending.then(() => answer(request));
    })
    .on("close", () => pending.then(() => process.exit(0)));
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

import { inspect, styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Prints what happens, and counts what was expected and did not come true. */
export class Report {
  #met = 0;
  #failed = 0;
  readonly #startedAt = performance.now();

  heading(text: string): void {
    console.log(`\n${paint("bold", text)}`);
  }

  note(text: string): void {
    console.log(`  ${paint("dim", text)}`);
  }

  /** Says whether `text` came true. */
  expect(text: string, isTrue: boolean): void {
    if (isTrue) this.#met++;
    else this.#failed++;
    console.log(`  ${isTrue ? paint("green", "ok    ") : paint("red", "FAILED")} ${text}`);
  }

  /** Something broke, so that nothing more can be expected. */
  broken(error: unknown): void {
    this.#failed++;
    console.log(`  ${paint("red", "FAILED")} ${inspect(error)}`);
  }

  table(rows: readonly Readonly<Record<string, string | number | bigint | null>>[]): void {
    const names = Object.keys(rows[0] ?? {});
    const lines = rows.map((row) => names.map((name) => String(row[name] ?? "-")));
    const widths = names.map((name, index) => Math.max(name.length, ...lines.map((line) => line[index]?.length ?? 0)));
    const align = (cells: readonly string[]) => cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  ");
    console.log(`  ${paint("dim", align(names).trimEnd())}`);
    for (const line of lines) console.log(`  ${align(line).trimEnd()}`);
  }

  /** Prints the sum; gives the exit code. */
  end(): number {
    const all = this.#met + this.#failed;
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    const text = `${this.#met} of ${all} expectations met in ${seconds} s`;
    console.log(`\n${paint(this.#failed === 0 ? "green" : "red", text)}`);
    return this.#failed === 0 ? 0 : 1;
  }
}

export function inMs(ms: number): string {
  return `${Math.round(ms)} ms`;
}

/** Node 20 colours also what is no terminal. */
function paint(style: Style, text: string): string {
  return process.stdout.isTTY && !process.env["NO_COLOR"] ? styleText(style, text) : text;
}

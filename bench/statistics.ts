/** The p-th percentile (0 to 100) by linear interpolation; NaN when there are no values. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = ((sorted.length - 1) * p) / 100;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/**
 * How many times the reference, as the median over rounds: this machine's speed drifts between rounds,
 * while the two runs of one round are neighbours in time.
 */
export function pairedRatio(values: readonly number[], reference: readonly number[]): number {
  return median(
    values.flatMap((value, round) => {
      const other = reference[round];
      return other === undefined ? [] : [value / other];
    }),
  );
}

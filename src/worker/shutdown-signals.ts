const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Calls back on the first SIGTERM or SIGINT and then leaves these signals to whoever else handles them: without
 * another handler the second one ends the process at once. The result removes the handlers.
 */
export function onShutdownSignal(callback: () => void): () => void {
  const remove = (): void => {
    for (const signal of SIGNALS) process.off(signal, handle);
  };
  const handle = (): void => {
    remove();
    callback();
  };
  for (const signal of SIGNALS) process.on(signal, handle);
  return remove;
}

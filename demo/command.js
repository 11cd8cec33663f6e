// How the command lines end: an error as one line, its code, and everything printed.

/** What the user typed cannot be carried out. */
export class UsageError extends Error {}

/** Runs `main` and ends the process: 0, 2 after a UsageError, 1 after any other. */
export async function runCommand(main) {
  let code = 0;
  try {
    await main();
  } catch (error) {
    code = error instanceof UsageError ? 2 : 1;
    process.stderr.write(`${error.message}\n${code === 2 ? 'Try --help.\n' : ''}`);
  }
  // Node can deadlock when it waits for its compiler threads at the natural end (nodejs/node#54918).
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(code);
}

/** A reason not to start that the user can act on; shown without a stack. */
export class LaunchError extends Error {
  name = "LaunchError";

  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs `work`. A {@link LaunchError} becomes a message on standard error, and its exit code becomes ours. */
export async function reportLaunchErrors(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    console.error(`slipway: ${error.message}`);
    process.exitCode = error.exitCode;
  }
}

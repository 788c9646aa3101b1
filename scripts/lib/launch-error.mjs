/** A reason not to start that the person at the keyboard can act on; shown without a stack. */
export class LaunchError extends Error {
  name = "LaunchError";

  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs `work`; a {@link LaunchError} becomes one message on standard error, and its exit code ours. */
export async function reportLaunchErrors(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    console.error(`slipway: ${error.message}`);
    process.exitCode = error.exitCode;
  }
}

/** Exit codes of Pulumi's command line that ours shares (sdk/go/common/util/cmdutil/exit.go of 3.250.0). */
export const EXIT = {
  success: 0,
  error: 1,
  /** Wrong flags, configuration or call. */
  configuration: 2,
} as const;

/** Exit codes of a look at the host; Pulumi's own stay free. */
export const DRIFT = { inSync: EXIT.success, differs: 20, notMeasured: 21 } as const;

/** A mistake the user can mend: printed as one sentence, without a stack trace. */
export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.configuration) {
    super(message);
    this.exitCode = exitCode;
  }
}

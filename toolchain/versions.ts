/**
 * The versions of everything that `npx pulumi` needs, each the same as the npm package of package.json that talks to it
 * (a test compares them). The Go modules that they are built from are pinned in toolchain/go.
 */
export const PULUMI_VERSION = "3.250.0";
export const KUBERNETES_VERSION = "4.25.0";
export const COMMAND_VERSION = "1.2.1";

import * as pulumi from "@pulumi/pulumi";
import { loadSettings, SettingsError, type Settings } from "./components/settings/index.ts";
import { builders } from "./phases/index.ts";

// The way through the house: settings -> phase -> components -> host commands and cluster objects.
const settings = readSettings();
const build = builders[settings.phase];
if (build === undefined) {
  throw new pulumi.RunError(
    `phase ${settings.phase} is not declared yet; declared: ${Object.keys(builders).join(", ")} (stack ${pulumi.getStack()})`,
  );
}

export default await build(settings);

function readSettings(): Settings {
  try {
    return loadSettings();
  } catch (error) {
    // Faults of the site file are the user's to read, without a stack trace of ours.
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}

#!/usr/bin/env node
// Plain JavaScript, so that an old Node.js gets a sentence and not a syntax error.
const needed = 24;
if (Number(process.versions.node.split(".")[0]) < needed) {
  console.error(
    `twisterlab-edge needs Node.js ${needed} or newer, this is ${process.versions.node}. ` +
      "`npm ci` brings one for Linux and Windows; elsewhere install it from https://nodejs.org.",
  );
  process.exit(2);
}
try {
  const { default: module } = await import("node:module");
  const { userFolders } = await import("./userFolders.ts");
  module.enableCompileCache(`${userFolders().cache}/compiled`);
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error.code !== "ERR_MODULE_NOT_FOUND") {
    throw error;
  }
  console.error("error: the npm packages of this checkout are not installed; run npm ci");
  process.exitCode = 2;
}

// `node toolchain/main.ts`: gets the toolchain onto this machine and prints what was taken and why.
import { ensureToolchain } from "./index.ts";

try {
  const { items, pulumiHome } = await ensureToolchain();
  const width = Math.max(...items.map(({ name }) => name.length));
  console.log(`Toolchain in ${pulumiHome}:`);
  for (const { name, version, why } of items) {
    console.log(`  ${name.padEnd(width)}  ${version.padEnd(8)} ${why}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

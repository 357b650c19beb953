import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, ".."),
    reporters: ["default"],
    // The default leaves a core idle, and there are two.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          // They take milliseconds; what else the machine does at the same time is not known.
          testTimeout: 30_000,
          include: ["test/unit/**/*.test.ts"],
          exclude: ["**/*.mocked.test.ts"],
          // Importing the SDKs anew for each file takes longer than all the tests.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          // A file that replaces modules needs them to itself.
          name: "unit mocked",
          testTimeout: 30_000,
          include: ["test/unit/**/*.mocked.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "policies",
          testTimeout: 30_000,
          include: ["test/policies/*.test.ts"],
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "review",
          testTimeout: 30_000,
          include: ["test/review/*.test.ts"],
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "scripts",
          include: ["test/scripts/*.test.ts", "test/ci/*.test.ts"],
          globalSetup: "test/scripts/packages.ts",
          // Hundreds of processes each, and some a timeout that has to pass; beside two machines in software.
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          name: "databases",
          include: ["test/databases/*.test.ts"],
          // Beside two machines in software; making a PostgreSQL server waits for the disk.
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          name: "engine",
          include: ["test/engine/**/*.test.ts"],
          // Beside two machines in software.
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: "cluster",
          include: ["test/cluster/*.test.ts"],
          globalSetup: "test/cluster/shared.ts",
          // Until pods run, and on a busy machine.
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: "host",
          include: ["test/host/*.test.ts"],
          // A machine emulated in software: a restart of Docker takes ten seconds, a boot forty; all of phase 0, nine minutes.
          testTimeout: 1_200_000,
          hookTimeout: 900_000,
        },
      },
      {
        extends: true,
        test: {
          name: "campaign",
          include: ["test/host/campaign/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["components/**/*.ts", "phases/**/*.ts", "policies/{rules,support}/**/*.ts"],
      reporter: ["text-summary"],
      thresholds: { lines: 90, branches: 90 },
    },
  },
});

import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["node_modules/", "coverage/", "toolchain/go/"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js", "cli/main.js", "policies/main.cjs"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // Numbers are fine in a template; a pulumi.Output is not (it prints "Calling [toString] on an [Output<T>]..."),
      // and this rule refuses it by type.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `const name = () => { await ... }` handed to a callback that ignores the promise loses its error.
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
    },
  },
  {
    // Settings are the only reader of configuration and environment in the program that Pulumi runs.
    files: ["index.ts", "components/**/*.ts", "phases/**/*.ts", "policies/**/*.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "Only settings read the outside world; pass the value in." },
        { object: "pulumi", property: "Config", message: "Only components/settings reads configuration." },
      ],
      "no-console": "error",
    },
  },
  {
    // Whoever runs Kubernetes may take these rules; they know nothing of this site.
    files: ["policies/rules/any/*.ts", "policies/support/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            { regex: "/(components|phases|site)/", message: "A rule for any program knows nothing of this one." },
          ],
        },
      ],
    },
  },
  {
    // CommonJS by name, for a loader that knows nothing else.
    files: ["policies/main.cjs"],
    languageOptions: { globals: { module: "writable" } },
  },
  {
    files: ["components/settings/**/*.ts"],
    rules: { "no-restricted-properties": "off" },
  },
);
